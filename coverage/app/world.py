"""The world of the application: one folder, and in it projects; no path leads out of it.

The folder is a project itself if it holds a ``project.toml``; else its projects are the folders in it that do.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import write_file, write_text
from ..country.manifest import MANIFEST
from ..errors import OutputExistsError, PlugspanError
from ..files import RESERVED
from ..inputs.files import SUFFIXES
from ..inputs.tables import RASTER_SUFFIXES

PROJECT_FILE = "project.toml"
ROADS = (".osm.pbf", ".osm", ".osm.gz", ".osm.bz2", ".graphml")
PARTS = (".shx", ".dbf", ".prj", ".cpg")
"""What belongs to a Shapefile."""
_LARGE = (*ROADS, *RASTER_SUFFIXES, ".parquet")
MOST_MB = {name: 2_000 if name in _LARGE else 100 for name in (*ROADS, *SUFFIXES, *RASTER_SUFFIXES, *PARTS)}
"""So much of each kind of file is taken: as much of a table as is read, a country's roads (Overture's are ``.parquet``)
or people."""
_MOST_BYTES = 120
"""Letters (UTF-8) of a name: its work folder's must fit, too."""
_STRANGE = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]'
)


class RefusedError(PlugspanError):
    """What the application doesn't do, with the HTTP status that says so."""

    def __init__(self, status: int, key: str, **values: Any) -> None:
        super().__init__(key, **values)
        self.status = status


def safe_name(name: str) -> str:
    """Return a name of a file or folder in its normal form.

    Raises
    ------
    RefusedError
        If it is none on some system: a path, hidden, too long, steering characters, reserved by Windows.

    Examples
    --------
    >>> safe_name("充电站 2025.xlsx")
    '充电站 2025.xlsx'
    """
    found = unicodedata.normalize("NFC", name).strip()
    bad = not found or found.startswith(".") or found.endswith(".") or _STRANGE.search(found)
    if bad or RESERVED.fullmatch(found) or len(found.encode("utf-8", "replace")) > _MOST_BYTES:
        raise RefusedError(422, "app-name", name=_STRANGE.sub("\ufffd", name)[:80])
    return found


def version_of(path: Path) -> str:
    """Return the version of a file: a digest of what is in it; of large ones of size and time; "" if there is none."""
    try:
        state = path.stat()
        if state.st_size <= 1_000_000:
            return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    except OSError:
        return ""
    return hashlib.sha256(f"{state.st_size} {state.st_mtime_ns} {state.st_ino}".encode()).hexdigest()[:32]


@contextmanager
def replacing(path: Path, version: str) -> Iterator[Path]:
    """Give a path to write to; it takes the place of ``path`` if that still has the version the user saw.

    Raises
    ------
    RefusedError
        412 if the file was changed (by another tab, an editor, a sync program), is there though the user saw none,
        or is gone.
    """
    if version_of(path) != version:
        raise RefusedError(412, "app-changed", name=path.name)
    try:
        with write_file(
            path, overwrite=bool(version), ours=lambda p: version_of(p) == version, is_input=True
        ) as new:
            yield new
    except OutputExistsError as error:
        raise RefusedError(412, "app-changed", name=path.name) from error


@dataclass(frozen=True)
class Folder:
    """A project's folder."""

    path: Path

    @property
    def file(self) -> Path:
        """The project file."""
        return self.path / PROJECT_FILE

    def inside(self, relative: str | Path) -> Path:
        """Return where a path in the project leads.

        Raises
        ------
        RefusedError
            403 if that is outside of the folder, by its parts or by a link.
        """
        if "\0" in str(relative):
            raise RefusedError(422, "app-name", name=_STRANGE.sub("\ufffd", str(relative))[:80])
        place = Path(os.path.realpath(self.path / relative))
        if not place.is_relative_to(os.path.realpath(self.path)):
            raise RefusedError(403, "app-outside", name=str(relative)[:200])
        return place

    def has(self, relative: str | Path) -> bool:
        """Whether a path in the project leads to a file inside the folder."""
        try:
            return self.inside(relative).is_file()
        except RefusedError:
            return False

    def upload(self, name: str) -> Path:
        """Return where a file that is handed in goes.

        Raises
        ------
        RefusedError
            If the name is none, or of no kind that a project has.
        """
        name = safe_name(name)
        if suffix_of(name) not in MOST_MB:
            known = ", ".join(dict.fromkeys([*SUFFIXES, *RASTER_SUFFIXES, *ROADS]))
            raise RefusedError(415, "app-kind", name=name, known=known)
        path = self.path / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise RefusedError(403, "app-outside", name=name)
        return path

    def data_files(self) -> list[str]:
        """Paths in the folder, and in folders of it, of files that a project can use; run folders are left out."""
        found = []
        for base in (self.path, *sorted(p for p in self.path.iterdir() if _is_data_folder(p))):
            for path in sorted(base.iterdir()):
                kind = suffix_of(path.name)
                if kind in MOST_MB and kind not in PARTS and path.is_file() and not path.is_symlink():
                    found.append(path.relative_to(self.path).as_posix())
        return found


def suffix_of(name: str) -> str:
    """Return the end of a name that says what the file is, ``.osm.pbf`` as a whole."""
    lower = name.lower()
    return next((end for end in ROADS if lower.endswith(end)), Path(lower).suffix)


def _is_data_folder(path: Path) -> bool:
    usual = path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    written = any((path / name).exists() for name in ("result.json", MANIFEST))
    return usual and not written and path.name not in ("scenarios", "compare")


class World:
    """The folder that is served.

    Parameters
    ----------
    root : Path
        A project's folder, or one with projects in it.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    @property
    def is_project(self) -> bool:
        """Whether the folder is a project itself."""
        return (self.root / PROJECT_FILE).is_file()

    def names(self) -> list[str]:
        """Names of the projects, the one worked on last first."""
        if self.is_project:
            return [self.root.name]
        found = [
            p
            for p in self.root.iterdir()
            if not p.name.startswith(".") and not p.is_symlink() and (p / PROJECT_FILE).is_file()
        ]
        return [p.name for p in sorted(found, key=lambda p: (-(p / PROJECT_FILE).stat().st_mtime, p.name))]

    def folder(self, name: str) -> Folder:
        """Return a project's folder.

        Raises
        ------
        RefusedError
            404 if there is no such project.
        """
        if name not in self.names():
            raise RefusedError(404, "app-no-project", name=_STRANGE.sub("\ufffd", name)[:80])
        return Folder(self.root if self.is_project else self.root / name)

    def create(self, name: str, content: str, *, beside: Path | None = None) -> Folder:
        """Make a project; nothing that is there is touched.

        Parameters
        ----------
        name : str
        content : str
            Of the project file.
        beside : Path, optional
            Folder of the sample, whose files the project starts with.

        Raises
        ------
        RefusedError
            409 if the name is taken, or if the folder served is a project itself.
        """
        name = safe_name(name)
        if self.is_project or os.path.lexists(self.root / name):
            raise RefusedError(409, "app-name-taken", name=name)
        new = self.root / f".new-{secrets.token_hex(4)}"
        try:
            new.mkdir(parents=True)
            for part in ("osm", "sites") if beside else ():
                shutil.copytree(Path(beside or "") / part, new / part, ignore=_no_programs)
            write_text(new / PROJECT_FILE, content)
            new.rename(self.root / name)
        except OSError as error:
            if os.path.lexists(self.root / name):
                raise RefusedError(409, "app-name-taken", name=name) from error
            raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return Folder(self.root / name)


def _no_programs(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if n.endswith(".py") or n in ("__pycache__", "tables", "helsinki.osm.pbf")]
