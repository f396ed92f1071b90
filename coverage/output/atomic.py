"""Writing beside the final place and renaming when complete, so that nothing is ever half-written."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputExistsError, PlugspanError

# A folder that is being written: ".run.new-x1y2"; what is being replaced: ".run.old-x1y2".
_MODE_FOLDER, _MODE_FILE = 0o755, 0o644
_LITTER_S = 24 * 3600.0
"""What a killed run left behind is removed after a day: until then another run may still be writing it."""


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to write where something is already.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and must not be replaced.
    """
    if os.path.lexists(path) and not overwrite:
        raise OutputExistsError("output-exists", path=path)


@contextmanager
def write_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the final name only if the block ends well.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False.
    PlugspanError
        ``output-busy`` if another program holds the old file open (Windows); the new one is kept beside it and named.
    """
    check_free(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent, f".{path.stem}.new-")
    new = path.with_name(f".{path.stem}.new-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield new
        new.chmod(_MODE_FILE)
        _flush(new)
        check_free(path, overwrite=overwrite)
        _replace(new, path)
        _flush_names(path.parent)
    finally:
        # SQLite leaves -journal, -wal and -shm beside a file it could not finish.
        for litter in [p for p in path.parent.iterdir() if p.name.startswith(new.name)]:
            litter.unlink(missing_ok=True)


@contextmanager
def write_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder beside ``path``; it takes the final name only if the block ends well.

    An old folder is moved aside just before and removed just after, so that one of the two is always there.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False.
    PlugspanError
        ``output-busy`` if another program holds a file of the old folder open (Windows); the new folder is kept
        beside it and named.
    """
    check_free(path, overwrite=overwrite)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent, f".{path.name}.new-")
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
    old = new.with_name(new.name.replace(".new-", ".old-", 1))
    try:
        yield new
        new.chmod(_MODE_FOLDER)
        for file in new.rglob("*"):
            _flush(file)
        check_free(path, overwrite=overwrite)
        if os.path.lexists(path):
            _replace(path, old, keep=new)
        try:
            _replace(new, path)
        except BaseException:
            if os.path.lexists(old):
                old.rename(path)
            raise
        _flush_names(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        _remove(old)


def _tidy(folder: Path, prefix: str) -> None:
    """Remove what killed runs left half-written."""
    for litter in [p for p in folder.iterdir() if p.name.startswith(prefix)]:
        with suppress(OSError):
            if time.time() - litter.stat().st_mtime > _LITTER_S:
                _remove(litter)


def _replace(source: Path, target: Path, keep: Path | None = None) -> None:
    """Rename; if another program holds the old one, give the new one a name of its own and say so."""
    try:
        source.replace(target)
    except PermissionError as error:
        new, wanted = (keep, source) if keep else (source, target)
        kept = _free_name(wanted)
        new.rename(kept)
        raise PlugspanError("output-busy", path=wanted, kept=kept) from error


def _free_name(path: Path) -> Path:
    """``layers-2.gpkg`` beside ``layers.gpkg``: the first such name that is free."""
    n = 2
    while os.path.lexists(free := path.with_name(f"{path.stem}-{n}{path.suffix}")):
        n += 1
    return free


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have the file on the disk before it gets its name; a power cut must not leave an empty one."""
    if path.is_file():
        # Windows flushes only what is open for writing.
        with path.open("r+b") as stream:
            os.fsync(stream.fileno())


def _flush_names(folder: Path) -> None:
    """Have the new name on the disk as well, where folders can be flushed (not on Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
