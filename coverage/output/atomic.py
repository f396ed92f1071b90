"""Writing beside the final place and renaming when complete, so that nothing is ever half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputExistsError

# A folder that is being written: ".run.new-x1y2"; what is being replaced: ".run.old-x1y2".
_MODE_FOLDER, _MODE_FILE = 0o755, 0o644


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise OutputExistsError if ``path`` is there and must not be replaced."""
    if path.exists() and not overwrite:
        raise OutputExistsError("output-exists", path=path)


@contextmanager
def write_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the final name only if the block ends well.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False.
    """
    check_free(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.new-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    new = Path(name)
    new.unlink()
    try:
        yield new
        new.chmod(_MODE_FILE)
        _flush(new)
        new.replace(path)
    finally:
        for litter in new.parent.glob(f"{new.name}*"):
            litter.unlink()


@contextmanager
def write_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder beside ``path``; it takes the final name only if the block ends well.

    An old folder is moved aside just before and removed just after, so that one of the two is always there.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False.
    """
    check_free(path, overwrite=overwrite)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
    old = new.with_name(new.name.replace(".new-", ".old-", 1))
    try:
        yield new
        new.chmod(_MODE_FOLDER)
        for file in new.rglob("*"):
            _flush(file)
        check_free(path, overwrite=overwrite)
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the file on the disk before it gets its name; a power cut must not leave an empty one."""
    if path.is_file():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
