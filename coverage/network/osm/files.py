"""OSM files and the plain reader: any format, any order of objects, any ids, object by object by osmium.

:mod:`.pbf` gives the same for ordinary PBF files in a fraction of the time. What osmium says of a file that
it cannot read becomes a fault that a planner understands.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import osmium

from ...errors import Fault, InputError
from ...files import check_there
from ..graph import IntArray
from .objects import AREA_RELATIONS, Content, Selection, TaggedNodes, TaggedRelations, TaggedWays, Tags
from .pbf import read_pbf
from .pbf_format import is_full_disk
from .tags import is_candidate
from .ways import WAY_KEYS, Coded, NodeTable, Ways, find_ids, join_nodes, last_versions, pointers, ranges

OSM_SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.bz2", ".osm.gz")
"""OpenStreetMap files that are understood; the suffix says which format a file has."""
OTHER_SUFFIXES = (".graphml", ".gpkg", ".parquet")
"""Road networks written by OSMnx, and Overture's segments."""


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
        if is_full_disk(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(Fault("osm-corrupt", file=str(path), values={"reason": reason})) from error


def osm_file(path: Path) -> osmium.io.File:
    """Open description of an OSM file with the format that its suffix says."""
    suffix = suffix_of(path, OSM_SUFFIXES)
    kind = {".osm.pbf": "pbf", ".pbf": "pbf", ".osm.bz2": "osm.bz2", ".osm.gz": "osm.gz"}
    return osmium.io.File(str(path), kind.get(suffix or "", "osm"))


def osm_items(path: Path, entities: Any) -> Iterator[Any]:
    """Objects of an OSM file that are not deleted, in the order of the file."""
    items: Iterator[Any] = iter(osmium.FileProcessor(osm_file(path), entities))
    return (item for item in items if not item.deleted)


def read_content(path: Path, selection: Selection) -> Content:
    """Read what is wanted of an OSM file, by the fast reader if it can.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or not what its suffix says.
    """
    if path.name.lower().endswith(".pbf"):
        with osm_faults(path):
            if (content := read_pbf(path, selection)) is not None:
                return content
    return read_by_osmium(path, selection)


def read_by_osmium(path: Path, selection: Selection) -> Content:
    """Read relations, then ways, then nodes: three passes, so that their order in the file is free.

    Deleted objects are skipped; of several versions of an object the last in the file that is wanted counts.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or not what its suffix says.
    """
    with osm_faults(path):
        relations = _relations(path, selection)
        roads, ways = _ways(path, selection, set(relations.member.tolist()))
        tagged_nodes, nodes = _nodes(path, selection)
    return Content(roads.joined(nodes), tagged_nodes, ways, relations, nodes)


def _wanted_tags(item: Any, selection: Selection) -> Tags | None:
    """Tags of an object that is wanted for them; texts of others are not even decoded."""
    tags = item.tags
    if len(tags) and any(key in tags for key in selection.tags):
        pairs = [(tag.k, tag.v) for tag in tags]
        if selection.takes(pairs):
            return dict(pairs)
    return None


def _relations(path: Path, selection: Selection) -> TaggedRelations:
    """Relations that are wanted."""
    found: dict[int, tuple[list[int], Tags]] = {}
    if selection.tags or selection.relation_id is not None:
        for item in osm_items(path, osmium.osm.RELATION):
            wanted = item.id == selection.relation_id
            tags = {tag.k: tag.v for tag in item.tags} if wanted else _wanted_tags(item, selection)
            if tags and tags.get("type") in AREA_RELATIONS:
                found[item.id] = [member.ref for member in item.members if member.type == "w"], tags
    ids = sorted(found)
    return TaggedRelations(*_listed(ids, [found[i][0] for i in ids]), [found[i][1] for i in ids])


def _listed(ids: list[int], lists: list[list[int]]) -> tuple[IntArray, IntArray, IntArray]:
    """Ids, and the numbers that belong to each, in arrays: ids, pointers, numbers."""
    numbers = [number for each in lists for number in each]
    return np.array(ids, dtype=np.int64), pointers([len(n) for n in lists]), np.array(numbers, dtype=np.int64)


class _Roads:
    """Ways that may be roads or ferries, each column an array; values are numbered as they appear."""

    def __init__(self) -> None:
        self.n_seen = 0
        self.way_id, self.count, self.ref = array("q"), array("q"), array("q")
        self.codes = {key: array("i") for key in WAY_KEYS}
        self.number: dict[str, dict[str, int]] = {key: {} for key in WAY_KEYS}

    def add(self, item: Any) -> None:
        """Take a way with ``highway`` or ``route``; keep it if it is a candidate."""
        tags = item.tags
        self.n_seen += 1
        if not is_candidate(tags.get("highway"), tags.get("route")):
            return
        before = len(self.ref)
        self.way_id.append(item.id)
        self.ref.extend(node.ref for node in item.nodes)
        self.count.append(len(self.ref) - before)
        for key, codes in self.codes.items():
            value, number = tags.get(key), self.number[key]
            codes.append(-1 if value is None else number.setdefault(value, len(number)))

    def joined(self, nodes: NodeTable) -> Ways:
        """The last version of each way, by id, with its nodes."""
        way_id, count = np.array(self.way_id, dtype=np.int64), np.array(self.count, dtype=np.int64)
        last = last_versions(way_id)
        ref = np.array(self.ref, dtype=np.int64)[ranges(pointers(count)[last], count[last])]
        tags = {
            key: Coded(np.array(codes, dtype=np.int32)[last], list(self.number[key]))
            for key, codes in self.codes.items()
        }
        return join_nodes(way_id[last], count[last], ref, tags, nodes, n_seen=self.n_seen)


def _ways(path: Path, selection: Selection, members: set[int]) -> tuple[_Roads, TaggedWays]:
    """Candidate roads, and the ways that are wanted for their tags or as members of relations."""
    roads = _Roads()
    found: dict[int, tuple[list[int], Tags | None]] = {}
    for item in osm_items(path, osmium.osm.WAY):
        tags = item.tags
        if selection.roads and ("highway" in tags or "route" in tags):
            roads.add(item)
        wanted = _wanted_tags(item, selection)
        if wanted is not None or item.id in members:
            found[item.id] = [node.ref for node in item.nodes], wanted
    ids = sorted(found)
    return roads, TaggedWays(*_listed(ids, [found[i][0] for i in ids]), [found[i][1] for i in ids])


def _nodes(path: Path, selection: Selection) -> tuple[TaggedNodes, NodeTable]:
    """Nodes that are wanted for their tags, and the places of all nodes."""
    node_id, x, y = array("q"), array("i"), array("i")
    tagged: dict[int, Tags] = {}
    for item in osm_items(path, osmium.osm.NODE):
        place = item.location
        node_id.append(item.id)
        x.append(place.x)
        y.append(place.y)
        if (tags := _wanted_tags(item, selection)) is not None:
            tagged[item.id] = tags
    nodes = NodeTable(
        np.frombuffer(node_id, np.int64), np.frombuffer(x, np.int32), np.frombuffer(y, np.int32)
    )
    if np.any(nodes.node_id[1:] <= nodes.node_id[:-1]):
        nodes = nodes.take(last_versions(nodes.node_id))
    if not (valid := nodes.valid()).all():
        nodes = nodes.take(valid)
    at = find_ids(nodes.node_id, np.array(sorted(tagged), dtype=np.int64))
    at = at[at >= 0]
    return TaggedNodes(
        nodes.node_id[at], nodes.xy(at), [tagged[i] for i in nodes.node_id[at].tolist()]
    ), nodes
