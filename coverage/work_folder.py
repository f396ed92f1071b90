"""Work folders: where a result is written until it is complete, locked by whoever writes in it.

A work folder lies beside the place of its result (``.run.new-1a2b3c4d`` beside ``run``). Its lock ends with the
process, however that ends; so a later start knows what was left behind, puts the old result back if it was moved
aside, and clears the rest away (:func:`recover`).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import Fault, PlugspanError

if sys.platform != "win32":
    import fcntl

LOG = logging.getLogger("plugspan")
_LITTER_S = 24 * 3600.0
"""Where locks are unknown (Windows, some network drives), what was left behind goes after a day."""
_LONGEST_WAIT_S = 10.0


def log(fault: Fault) -> None:
    """Note something that happened to the user's files; the command line shows it in the user's language."""
    LOG.warning("%s", fault.render("en"), extra={"fault": fault})


@contextmanager
def work_beside(place: Path) -> Iterator[Path]:
    """Give a locked work folder beside ``place`` with an empty folder ``new`` in it; removed in any case."""
    work, lock = _claim(place)
    try:
        (work / "new").mkdir()
        yield work
    except OSError as error:  # the user knows the name of the result, not ours
        # Copying on a full disk names the source.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if error.errno and (full or not error.filename or str(error.filename).startswith(str(work))):
            error.filename = str(place)
        raise
    finally:
        _clear(work)
        if lock is not None:
            os.close(lock)


def work_name(place: Path) -> Path:
    """Return a new name for a work folder beside ``place``."""
    return place.parent / f".{place.name}.new-{secrets.token_hex(4)}"


def _claim(place: Path) -> tuple[Path, int | None]:
    """A work folder of our own and its lock, None where there are no locks."""
    for _ in range(100):  # another start may take an unlocked folder for litter and clear it
        work = work_name(place)
        work.mkdir(parents=True)
        with suppress(FileNotFoundError):
            lock = os.open(work / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            locked = _locked(lock, work)
            if locked:
                return work, lock
            os.close(lock)
            if locked is None:
                return work, None
    raise PlugspanError("output-busy", path=place, kept=place)


def _locked(lock: int, work: Path) -> bool | None:
    """Lock; False if another process holds it or has removed it, None if there are no locks here."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    try:
        return os.path.samestat(os.fstat(lock), (work / "lock").lstat())
    except FileNotFoundError:
        return False


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let runs that end at the same moment take their places in the same folder one after the other.

    Whoever else holds the folder's lock for longer is not waited for: taking a place is safe without it, only what
    is carried over might be carried twice.
    """
    if sys.platform == "win32":
        yield
        return
    handle, end = os.open(folder, os.O_RDONLY), time.monotonic() + _LONGEST_WAIT_S
    try:
        while time.monotonic() < end:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:  # no locks here
                break
        yield
    finally:
        os.close(handle)


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; False if another process has it. It ends with the process, however that ends.

    Where there are no locks (Windows, some network disks) nobody has it.
    """
    if sys.platform == "win32":
        yield True
        return
    handle = os.open(folder, os.O_RDONLY)
    free = True
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            free = not isinstance(error, BlockingIOError)
        yield free
    finally:
        os.close(handle)


def recover(place: Path) -> None:
    """Put back, or clear away, what runs that were killed left beside ``place``; say so."""
    mine = re.compile(re.escape(f".{place.name}.new-") + "[0-9a-f]{8}")
    with suppress(OSError):  # no such folder, or one that may not be looked into: writing will tell
        for work in [p for p in place.parent.iterdir() if mine.fullmatch(p.name)]:
            with suppress(OSError):  # another start is clearing it
                _recover(work, place)


def _recover(work: Path, place: Path) -> None:
    path = work / "lock"
    if not path.exists():
        work.rmdir()  # killed before it was locked; or it is none of ours, and not empty
        return
    lock = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        locked = _locked(lock, work)
        if not locked and (locked is False or time.time() - work.stat().st_mtime < _LITTER_S):
            return
        if os.path.lexists(work / "old") and not os.path.lexists(place):
            (work / "old").rename(place)
            log(Fault("output-restored", values={"path": place}))
        _clear(work)
        log(Fault("output-cleared", values={"path": place, "litter": work.name}))
    finally:
        os.close(lock)


def _clear(work: Path) -> None:
    """Remove a work folder, its lock last."""
    remove(work / "new")
    remove(work / "old")
    with suppress(OSError):
        (work / "lock").unlink(missing_ok=True)
        work.rmdir()


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the file on the disk before it gets its name; a power cut must not leave an empty one."""
    with path.open("r+b") as stream:  # Windows flushes only what is open for writing
        os.fsync(stream.fileno())


def flush_names(folder: Path) -> None:
    """Have the new name on the disk as well, where folders can be flushed (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
