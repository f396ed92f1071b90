"""The two doors through which everything is written: :func:`write_file` and :func:`write_folder`.

What is written lies in a work folder beside its place (:mod:`plugspan.work_folder`) and takes its place in one step
when it is complete; until then the old one stands there whole.

A folder carries a list of its files and their digests (:data:`MARKER`). Only what stands in the list and is unchanged
may be thrown away; all else is its user's and goes over into the new folder.
"""

from __future__ import annotations

import ctypes
import errno
import filecmp
import json
import mmap
import os
import secrets
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unicodedata import category

from .errors import Fault, OutputExistsError, PlugspanError
from .files import digest_of, read_bytes
from .work_folder import flush, flush_names, log, one_at_a_time, recover, remove, work_beside, work_name

MARKER = ".plugspan.json"
_OF_A_DATABASE = ("-wal", "-shm", "-journal")
"""SQLite keeps changes that are not in the file yet beside it; beside another file they would damage it."""
_STAMPS = (
    b'<meta name="generator" content="plugspan',
    b"Software\0plugspan",
    b"<dc:title>plugspan</dc:title>",
    b"0070006C00750067007300700061006E",
    b'"kind": "plugspan provenance"',
    b"<id>plugspan_",
)
"""How pages, pictures, the PDF's properties (UTF-16 in hexadecimal digits), layers and QGIS projects name us."""
_LIST_MB = 1
"""No list of files is longer; a run has eight of them."""
_NOREPLACE, _EXCHANGE = 1, 2
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)
"""How a file system, a kernel or a container says that it has no such renaming."""
_OVERTAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT)
"""How it says that another program made or removed what stands there."""


# -- what may be replaced ----------------------------------------------------------------------------------
def check_file(
    path: Path, *, overwrite: bool, ours: Callable[[Path], bool] | None = None, key: str = "output-exists"
) -> Path:
    """Refuse to write a file where something is that must stay.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Whether a file that plugspan made may be replaced.
    ours : callable, optional
        Whether plugspan made a file; by what the file says of itself, if not given.
    key : str
        What to say if something is there and ``overwrite`` is False: its text names the remedy.

    Returns
    -------
    Path
        The place to write to: where links lead.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False, or it is a folder, a device, or no file of plugspan.
    """
    place = _place(path, overwrite, key)
    if os.path.lexists(place) and not place.is_file():
        raise OutputExistsError("output-not-a-file", path=path)
    if os.path.lexists(place) and not (ours or is_ours)(place):
        raise OutputExistsError("output-not-ours", path=path)
    return place


def check_folder(path: Path, *, overwrite: bool) -> Path:
    """Refuse to write a folder where something is that must stay.

    Returns
    -------
    Path
        The place to write to: where links lead.

    Raises
    ------
    OutputExistsError
        If ``path`` is there, not empty, and ``overwrite`` is False or plugspan didn't make it.
    """
    empty = path.is_dir() and not any(path.iterdir())
    place = _place(path, overwrite or empty, "output-exists")
    if os.path.lexists(place) and not place.is_dir():
        raise OutputExistsError("output-not-a-folder", path=path)
    if listed(place) is None and any(place.glob("*")):
        old = all((place / name).is_file() for name in ("result.json", "log.txt"))
        key = "output-of-0-1" if old and not (place / MARKER).exists() else "output-without-list"
        raise OutputExistsError(key, path=path, marker=MARKER)
    return place


def _place(path: Path, overwrite: bool, key: str) -> Path:
    place = Path(os.path.realpath(path))
    if strange := {
        c for c in str(place) if category(c) in ("Cc", "Cs")
    }:  # GDAL would write elsewhere, or fail
        raise PlugspanError("output-name", path="".join("\ufffd" if c in strange else c for c in str(path)))
    recover(place)
    try:  # before the work begins: a name may be too long for its work folder, a folder of the path be a file
        os.lstat(work_name(place))
    except OSError as error:
        if error.errno != errno.ENOENT:
            error.filename = str(path)
            raise
    if path.is_symlink() and not os.path.exists(place):  # noqa: PTH110 (Path.exists fails on a link to itself)
        raise OutputExistsError("output-dangling", path=path)
    if os.path.lexists(place) and not overwrite:
        raise OutputExistsError(key, path=path)
    return place


def is_ours(path: Path) -> bool:
    """Whether a file says that plugspan made it, or stands unchanged in the list of its folder."""
    files = listed(path.parent) or {}
    if path.name in files and files[path.name] == digest_of(path):
        return True
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive, archive.open("docProps/core.xml") as properties:
                return b"plugspan" in properties.read(1 << 20)
        except (KeyError, OSError, RuntimeError, ValueError, NotImplementedError, zipfile.BadZipFile):
            return False
    if not path.stat().st_size:
        return False
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return any(held.find(stamp) >= 0 for stamp in _STAMPS)


def listed(folder: Path) -> dict[str, str] | None:
    """Files of a folder that plugspan made, by their path in it, with their digests; None for any other folder."""
    try:
        # An ordinary file only: a pipe of that name would be waited for for ever.
        files = json.loads(read_bytes(folder / MARKER, _LIST_MB).decode("utf-8"))["files"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return {str(name): str(digest) for name, digest in files.items()} if isinstance(files, dict) else None


def write_text(path: Path, words: str, encoding: str = "utf-8") -> None:
    """Write a text with its line ends as they are; Windows would end lines, and spell letters, in a way of its own."""
    path.write_text(words, encoding, newline="")


# -- the doors ---------------------------------------------------------------------------------------------
@contextmanager
def write_file(
    path: Path, *, overwrite: bool, ours: Callable[[Path], bool] | None = None, is_input: bool = False
) -> Iterator[Path]:
    """Give a path to write to; what is there takes the place of ``path`` if the block ends well.

    Parameters
    ----------
    path, overwrite, ours
        As for :func:`check_file`. A link is followed.
    is_input : bool
        Whether the file is the user's from now on: settings, tables, downloaded roads. All others join the list of
        a folder that plugspan made, and go when it is written anew.

    Raises
    ------
    OutputExistsError
        As :func:`check_file`.
    PlugspanError
        ``output-busy`` if another program holds the old file open (Windows); the new one is kept beside it and named.
    """
    place = check_file(path, overwrite=overwrite, ours=ours)
    with work_beside(place) as work:
        new = work / "new" / place.name
        yield new
        flush(new)
        with one_at_a_time(place.parent):
            check_file(path, overwrite=overwrite, ours=ours)
            while not _take_place(new, work / "old", place):
                check_file(path, overwrite=overwrite, ours=ours)
            files = listed(place.parent)
            if files is not None and not is_input:
                _write_list(place.parent, files | {place.name: digest_of(place)})
            flush_names(place.parent)


@contextmanager
def write_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder to write to; it takes the place of ``path`` if the block ends well.

    Files of the old folder that plugspan didn't write, or that were changed since, go over into the new one, under
    another name (``report-2.docx``) if theirs is taken; :func:`say` names them. A link is followed.

    Raises
    ------
    OutputExistsError
        As :func:`check_folder`.
    PlugspanError
        ``output-busy`` if another program holds a file of the old folder open (Windows); the new folder is kept
        beside it and named.
    """
    place = check_folder(path, overwrite=overwrite)
    with work_beside(place) as work:
        new = work / "new"
        yield new
        files = {p.relative_to(new).as_posix(): p for p in sorted(new.rglob("*")) if p.is_file()}
        _write_list(new, {name: digest_of(file) for name, file in files.items()})
        for file in files.values():
            flush(file)
        with one_at_a_time(place.parent):
            check_folder(path, overwrite=overwrite)
            kept = _carry(place, new)
            flush_names(new)
            while not _take_place(new, work / "old", place):
                check_folder(path, overwrite=overwrite)
            flush_names(place.parent)
            for old in (new, work / "old"):  # what was put in at the last moment
                kept += _carry(old, place)
        if kept:
            log(Fault("output-kept", values={"path": path, "names": ", ".join(kept[:20]), "n": len(kept)}))


def _take_place(new: Path, aside: Path, place: Path) -> bool:
    """Put ``new`` where ``place`` is, in one step if the system can; the old one is then at ``new`` or ``aside``.

    False if another program made or removed ``place`` at this moment.
    """
    try:
        if not os.path.lexists(place):
            if not _renameat2(new, place, _NOREPLACE):
                new.rename(place)
        elif not _renameat2(new, place, _EXCHANGE):
            if new.is_dir():
                _take_place_in_two(new, aside, place)
            else:
                new.replace(place)
    except PermissionError as error:
        kept = next(free for free in _names(place) if not os.path.lexists(free))
        new.rename(kept)
        raise PlugspanError("output-busy", path=place, kept=kept) from error
    except OSError as error:
        if error.errno not in _OVERTAKEN or not os.path.lexists(new):
            raise
        remove(aside)
        return False
    return True


def _take_place_in_two(new: Path, aside: Path, place: Path) -> None:
    """Move the old folder aside first; :func:`recover` puts it back if the process is killed in between."""
    try:
        place.rename(aside)
        new.rename(place)
    except BaseException:
        if os.path.lexists(aside) and not os.path.lexists(place):
            aside.rename(place)
        raise


_LIBRARY = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _renameat2(source: Path, target: Path, how: int) -> bool:
    """Rename without replacing, or exchange two names; False where the system cannot."""
    rename = getattr(_LIBRARY, "renameat2", None)
    if rename is None:
        return False
    here = -100  # AT_FDCWD: paths are as they are
    if rename(here, os.fsencode(source), here, os.fsencode(target), how) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


# -- what is the user's ------------------------------------------------------------------------------------
def _carry(old: Path, new: Path) -> list[str]:
    """Link (or copy) into ``new`` all of ``old`` that is not as plugspan wrote it; their names in ``new``."""
    files = listed(old) or {}
    names = []
    for path in sorted(old.rglob("*")) if old.is_dir() else ():
        name = path.relative_to(old).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                (new / name).mkdir(parents=True, exist_ok=True)
            continue
        if name == MARKER or _as_written(path, name, files) or _base_of(name) in files:
            continue
        with_it = [end for end in _OF_A_DATABASE if name in files and _beside(path, end).is_file()]
        ends = ["", *with_it]
        for target in _names(new / name):
            if not os.path.lexists(target):
                for end in ends:
                    _link(_beside(path, end), _beside(target, end))
                names.append(target.relative_to(new).as_posix())
                break
            if all(_same(_beside(path, end), _beside(target, end)) for end in ends):
                break  # carried before
    return names


def _as_written(path: Path, name: str, files: Mapping[str, str]) -> bool:
    if name not in files or path.is_symlink() or not path.is_file():
        return False
    changes = [p for p in (_beside(path, "-wal"), _beside(path, "-journal")) if p.is_file()]
    return not any(p.stat().st_size for p in changes) and digest_of(path) == files[name]


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _base_of(name: str) -> str:
    """``layers.gpkg`` of ``layers.gpkg-wal``; the empty text for other names."""
    return next((name.removesuffix(end) for end in _OF_A_DATABASE if name.endswith(end)), "")


def _same(one: Path, two: Path) -> bool:
    if not os.path.lexists(two):
        return False
    if os.path.samestat(one.lstat(), two.lstat()):
        return True
    regular = all(p.is_file() and not p.is_symlink() for p in (one, two))
    return regular and filecmp.cmp(one, two, shallow=False)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # no hard links here, or not of another user's file
        shutil.copy2(source, target, follow_symlinks=False)


def _names(path: Path) -> Iterator[Path]:
    """``layers.gpkg``, ``layers-2.gpkg``, ``layers-3.gpkg``, …"""  # noqa: D400
    yield path
    yield from (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(2))


def _write_list(folder: Path, files: Mapping[str, str]) -> None:
    part = folder / f".{secrets.token_hex(4)}{MARKER}"
    try:
        write_text(part, json.dumps({"made_by": "plugspan", "files": files}, indent=1) + "\n")
        flush(part)
        part.replace(folder / MARKER)
    finally:
        part.unlink(missing_ok=True)
