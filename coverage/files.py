"""Input files before they are opened: an ordinary file, and not more than a computer can hold.

A data file comes from somebody else: a county's list, a download, an e-mail. What it may make plugspan do is
bounded here, once for all formats; ``SECURITY.md`` has the whole picture.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from .errors import Fault, InputError

MOST_MB = 100
"""Largest file that is read into memory at once (text, GeoJSON, Shapefile …); what is in it takes ten times that."""
MOST_ROWS = 1_200_000
MOST_CELLS = 5_000_000
"""Rows and cells of one table."""
MOST_TEXT_MB, MOST_TEXT_CELLS = 250, 25_000_000
"""The same of a text table, whose cells take less: 1 000 000 rows of 11 columns take 1.5 GB."""
MOST_COLUMNS = 1_000
"""Columns of one table: each is compared with the spellings of every column that is looked for."""
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names of devices on Windows, with any ending: no file or folder may have one."""


def check_there(path: Path) -> None:
    """Refuse what is missing, a folder, a link that leads nowhere, or no ordinary file.

    Reading a pipe or a device would wait, or go on, for ever.

    Raises
    ------
    InputError
        With what there is instead of a file.
    """
    try:
        if path.is_file():
            return
        key = "file-missing"
        if path.is_dir():
            key = "file-is-folder"
        elif path.exists():
            key = "file-no-file"
        elif path.is_symlink():
            key = "file-link"
        elif "\\" in str(path) and os.sep == "/":
            key = "file-missing-backslash"
    except OSError as error:
        raise unreadable(path, error) from error
    raise InputError(Fault(key, file=str(path), value=str(path)))


def unreadable(path: Path, error: OSError) -> InputError:
    """Say that the system refuses a file."""
    return InputError(Fault("file-unreadable", file=str(path), values={"reason": error.strerror or error}))


def check_bytes(path: Path, most_mb: float | None = None) -> None:
    """Refuse what is no ordinary file, or has more than ``most_mb``, :data:`MOST_MB` if it is left out.

    Raises
    ------
    InputError
        With what it is, or with the limit.
    """
    check_there(path)
    most_mb = MOST_MB if most_mb is None else most_mb
    if path.stat().st_size > most_mb * 1_000_000:
        raise InputError(Fault("file-too-large", file=str(path), values={"most": most_mb}))


def read_bytes(path: Path, most_mb: float | None = None, key: str = "file-too-large") -> bytes:
    """Return the content of an ordinary file of at most ``most_mb``, :data:`MOST_MB` if it is left out.

    Raises
    ------
    InputError
        If it is none, too large (reported by ``key``), or cannot be read.
    """
    most_mb = MOST_MB if most_mb is None else most_mb
    most = int(most_mb * 1_000_000)
    check_there(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(most + 1)  # a system's own files have no size, and perhaps no end
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > most:
        raise InputError(Fault(key, file=str(path), values={"most": most_mb}))
    return content


def check_size(
    file: str,
    rows: int,
    columns: int,
    *,
    cells: int | None = None,
    key: str = "table-too-large",
    most: int | None = None,
) -> None:
    """Refuse a table that is wider or larger than can be read.

    Parameters
    ----------
    file : str
        Name for the fault.
    rows, columns : int
        So many the table has, at least.
    cells : int, optional
        So many it holds, where rows differ in length; ``rows * columns`` if left out.
    key : str
        What to say if they are too many.
    most : int, optional
        So many cells may be; :data:`MOST_CELLS` if left out.

    Raises
    ------
    InputError
        With what there is and the most that is read.

    Examples
    --------
    >>> check_size("a.csv", 100_000, 30)
    """
    if columns > MOST_COLUMNS:
        values = {"n": columns, "most": MOST_COLUMNS}
        raise InputError(Fault("table-too-wide", file=file, values=values))
    most = MOST_CELLS if most is None else most
    if (rows * columns if cells is None else cells) > most:
        raise InputError(Fault(key, file=file, values={"most": f"{most:,}"}))


def digest_of(path: Path) -> str:
    """SHA-256 of a file; of a database without its header, where merely opening it in QGIS leaves traces."""
    with path.open("rb") as stream:
        head = stream.read(100)
        found = hashlib.sha256(b"" if head.startswith(b"SQLite format 3\0") else head)
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
