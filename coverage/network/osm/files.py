"""Which files can be read, and turning what osmium says into faults a planner understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import osmium

from ...errors import Fault, InputError
from ...files import check_there

OSM_SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.bz2", ".osm.gz")
"""OpenStreetMap files that are understood; the suffix says which format a file has."""
OTHER_SUFFIXES = (".graphml", ".gpkg")
"""Road networks written by OSMnx."""


def suffix_of(path: Path, known: tuple[str, ...]) -> str | None:
    """Return the longest suffix among ``known`` that the name ends with, in any case."""
    name = path.name.lower()
    return max((s for s in known if name.endswith(s)), key=len, default=None)


def check_file(path: Path, known: tuple[str, ...]) -> str:
    """Return the file's suffix.

    Raises
    ------
    InputError
        If there is no such file, if it is a folder, a pipe or empty, or if its suffix is not among ``known``.
    """
    if not path.exists():
        raise InputError(_missing(path, known))
    check_there(path)
    suffix = suffix_of(path, known)
    if suffix is None:
        raise InputError(
            Fault("network-suffix", file=str(path), value=path.suffix, values={"known": ", ".join(known)})
        )
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(
            Fault("network-unreadable", file=str(path), values={"reason": error.strerror or str(error)})
        ) from error
    if empty:
        raise InputError(Fault("network-file-empty", file=str(path)))
    return suffix


def _missing(path: Path, known: tuple[str, ...]) -> Fault:
    """Say that a file is not there, and which files of the kind are beside it."""
    if path.is_symlink():
        return Fault("file-link", file=str(path))
    try:
        beside = sorted(p.name for p in path.parent.iterdir() if suffix_of(p, known) and p.is_file())
    except OSError:
        beside = []
    beside = [name for name in beside if not name.startswith(".")][:5]
    key = "network-file-beside" if beside else "network-file-missing"
    return Fault(key, file=str(path), values={"beside": ", ".join(beside)})


@contextmanager
def osm_faults(path: Path) -> Iterator[None]:
    """Turn any failure of osmium inside the block into an :class:`InputError` about ``path``.

    osmium raises RuntimeError, and for some broken files other built-in errors; it has no tree of its own.

    Raises
    ------
    InputError
        ``osm-corrupt`` with what osmium said.
    """
    try:
        yield
    except InputError:  # a ValueError, too
        raise
    except (
        osmium.InvalidLocationError,
        RuntimeError,
        ValueError,
        OSError,
        OverflowError,
        MemoryError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(Fault("osm-corrupt", file=str(path), values={"reason": reason})) from error


def osm_file(path: Path) -> osmium.io.File:
    """Open description of an OSM file with the format that its suffix says."""
    suffix = suffix_of(path, OSM_SUFFIXES)
    kind = {".osm.pbf": "pbf", ".pbf": "pbf", ".osm.bz2": "osm.bz2", ".osm.gz": "osm.gz"}
    return osmium.io.File(str(path), kind.get(suffix or "", "osm"))


def osm_items(path: Path, entities: Any, sieve: osmium.BaseFilter | None = None) -> Iterator[Any]:
    """Objects of an OSM file that pass the sieve and are not deleted, in the order of the file."""
    processor = osmium.FileProcessor(osm_file(path), entities)
    items: Iterator[Any] = iter(processor if sieve is None else processor.with_filter(sieve))
    return (item for item in items if not item.deleted)
