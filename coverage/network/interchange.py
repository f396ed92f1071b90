"""Exchange with OSMnx and networkx: graphs in memory, GraphML files, GeoPackages."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ..errors import Fault, InputError, NetworkError
from ..files import check_bytes
from ..markup import read_xml
from ..shapes import VectorLayer
from ..units import WGS84
from ..vectors import read_vector
from .cutting import clip_graph
from .geometry import line_lengths_m
from .graph import DEFAULT_KMH, FloatArray, RoadGraph
from .osm.tags import is_ferry, is_one_way, is_present, is_roundabout, speed_kmh
from .osm.ways import pointers
from .region import Region

if TYPE_CHECKING:
    import networkx as nx  # slow to import: only when it is needed

MOST_GRAPHML_MB = 150
"""Some 600 000 edges, which take 1.1 GB and 17 s."""
_TOO_LARGE = ("file-too-large", "table-too-large", "xml-too-large")
"""Limits passed. The OSM file of the same network takes a tenth of the room."""
_RANK = {name: rank for rank, name in enumerate(DEFAULT_KMH)}


# -- out ---------------------------------------------------------------------------------------------------
def to_networkx(graph: RoadGraph) -> nx.MultiDiGraph[Any]:
    """Make a graph by the conventions of OSMnx, usable by its functions.

    Nodes are OSM ids with ``x``, ``y``, ``street_count``. Edges ``(u, v, key)`` have ``osmid``, ``length``
    (metres), ``oneway``, ``reversed``, ``geometry`` in driving direction, and where known ``highway``,
    ``ref``, ``name``, ``junction``, ``maxspeed``, ``speed_kph``, ``bridge``, ``tunnel``, ``route``
    (``ferry``).
    """
    import networkx as nx

    made: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs="epsg:4326", simplified=True, created_with="plugspan")
    streets = np.bincount(np.concatenate([graph.seg_u, graph.seg_v]), minlength=graph.n_nodes)
    for osm_id, (x, y), count in zip(
        graph.node_id.tolist(), graph.node_xy.tolist(), streets.tolist(), strict=True
    ):
        made.add_node(osm_id, x=x, y=y, street_count=count)
    shared = [*_shared_attributes(graph)]
    lines = graph.edges.geometry
    ids = graph.node_id
    for u, v, segment, back, line in zip(
        ids[graph.edge_u].tolist(),
        ids[graph.edge_v].tolist(),
        graph.edge_segment.tolist(),
        graph.edge_reversed.tolist(),
        lines,
        strict=True,
    ):
        made.add_edge(u, v, **shared[segment], reversed=back, geometry=line)
    return made


def _shared_attributes(graph: RoadGraph) -> Iterator[dict[str, Any]]:
    """Attributes of each segment that both its edges bear; unknown ones are absent."""
    table = graph.segments
    texts = {key: table[key].astype(object).tolist() for key in ("highway", "ref", "name", "junction")}
    flags = {key: table[key].tolist() for key in ("bridge", "tunnel", "ferry")}
    speeds, ways = table["speed_kmh"].tolist(), table["way_id"].tolist()
    one_way = (~(graph.seg_forward & graph.seg_backward)).tolist()
    for i, length in enumerate(graph.seg_length_m.tolist()):
        found: dict[str, Any] = {"osmid": ways[i], "length": length, "oneway": one_way[i]}
        found |= {key: column[i] for key, column in texts.items() if isinstance(column[i], str)}
        if speeds[i] > 0:
            found |= {"maxspeed": f"{speeds[i]:g}", "speed_kph": speeds[i]}
        found |= {key: "yes" for key in ("bridge", "tunnel") if flags[key][i]}
        if flags["ferry"][i]:
            found["route"] = "ferry"
        yield found


# -- in ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Edge:
    """A directed edge as given: end nodes, vertices (EPSG:4326), attributes that twins share."""

    u: int
    v: int
    xy: FloatArray
    shared: tuple[Any, ...]
    two_way: bool = False


def from_networkx(graph: nx.MultiDiGraph[Any]) -> RoadGraph:
    """Take a graph by the conventions of OSMnx.

    Lengths are measured anew on the ellipsoid (OSMnx's are spherical). An edge and its twin in the other
    direction become one segment. Where simplification made lists, ``ref`` and ``name`` are joined by ``;``,
    ``highway`` is the highest class, the speed the lowest, ``osmid`` the smallest. An edge without geometry
    is straight. Nodes that are not whole numbers are numbered from 1 in the order of their names.

    Raises
    ------
    NetworkError
        If the graph is not directed, has no edges, or no coordinates or coordinate system.
    """
    import networkx as nx

    if not isinstance(graph, nx.MultiDiGraph):
        raise NetworkError("graph-not-directed")
    if not graph.number_of_edges():
        raise NetworkError("graph-no-edges")
    edges = ((u, v, data.get("geometry"), _shared(data)) for u, v, data in graph.edges(data=True))
    nodes = {name: (data.get("x"), data.get("y")) for name, data in graph.nodes(data=True)}
    return _from_parts(graph.graph.get("crs"), nodes, edges)


def _from_parts(
    crs: Any, nodes: Mapping[Any, tuple[Any, Any]], edges: Iterable[tuple[Any, Any, Any, tuple[Any, ...]]]
) -> RoadGraph:
    """Make a graph of nodes with their coordinates, and edges (from, to, line or None, shared attributes)."""
    move = _to_wgs84(crs)
    try:
        xy = move(np.array(list(nodes.values()), dtype=np.float64).reshape(-1, 2))
    except (TypeError, ValueError) as error:
        raise NetworkError("graph-no-coordinates") from error
    if not np.isfinite(xy).all():
        raise NetworkError("graph-no-coordinates")
    place, number = dict(zip(nodes, xy, strict=True)), _numbers(nodes)
    made = []
    for u, v, line, shared in edges:
        points = np.array([place[u], place[v]]) if line is None else move(shapely.get_coordinates(line))
        made.append(_Edge(number[u], number[v], points, shared))
    return _graph_of(made, {number[n]: place[n] for n in nodes})


def _numbers(names: Iterable[Any]) -> dict[Any, int]:
    """Whole numbers for nodes."""
    names = list(names)
    if all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in names):
        return {n: _whole(n) for n in names}
    return {n: i for i, n in enumerate(sorted(names, key=str), start=1)}


def _whole(value: Any) -> int:
    """Return an OSM id as a number of 64 bits."""
    shown = str(value)
    if len(shown) > 20 or not -(2**63) <= int(shown) < 2**63:
        raise NetworkError("graph-id", value=shown[:40])
    return int(shown)


def _to_wgs84(crs: Any) -> Callable[[Any], FloatArray]:
    """Return a function that brings (n, 2) coordinates to EPSG:4326."""
    if isinstance(crs, str) and ("init=" in crs or "grids=" in crs):  # the name of a file follows
        raise NetworkError("graph-no-crs")
    try:
        source = CRS.from_user_input(crs)
    except CRSError as error:
        raise NetworkError("graph-no-crs") from error
    if source == CRS.from_user_input(WGS84):
        return lambda xy: np.asarray(xy, dtype=np.float64)
    move = Transformer.from_crs(source, WGS84, always_xy=True)
    return lambda xy: np.stack(move.transform(np.asarray(xy)[:, 0], np.asarray(xy)[:, 1]), axis=1)


def _values(value: Any) -> list[Any]:
    """Return the one or several values of an attribute; GeoPackages hold lists as text."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return [value]
    if isinstance(value, (list, tuple, set)):
        return [v for v in value if v is not None]
    missing = value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))
    return [] if missing or value in ("", "nan", "None") else [value]


def _joined(value: Any) -> str | None:
    """Texts joined by semicolons, each once, in alphabetical order."""
    parts = sorted({str(v) for v in _values(value)})
    return ";".join(parts) or None


def _is_true(value: Any) -> bool:
    """Whether an attribute says yes, as a flag or as text."""
    return any(is_one_way(str(v)) for v in _values(value))


def _shared(data: dict[str, Any]) -> tuple[Any, ...]:
    """way_id, highway, ref, name, speed (0 if unknown), junction, ferry, bridge, tunnel of an edge."""
    ids = [_whole(v) for v in _values(data.get("osmid")) if str(v).removeprefix("-").isdecimal()]
    classes = sorted({str(v) for v in _values(data.get("highway"))}, key=lambda c: (_RANK.get(c, 99), c))
    limits = [speed_kmh(str(v)) for v in _values(data.get("maxspeed"))]
    limits = [s for s in limits if s > 0] or [float(v) for v in _values(data.get("speed_kph"))]
    junction = any(is_roundabout(str(v)) for v in _values(data.get("junction")))
    return (
        min(ids, default=0),
        classes[0] if classes else None,
        _joined(data.get("ref")),
        _joined(data.get("name")),
        min(limits, default=0.0),
        "roundabout" if junction else None,
        any(is_ferry(str(v)) for v in _values(data.get("route"))),
        *(any(is_present(str(v)) for v in _values(data.get(key))) for key in ("bridge", "tunnel")),
    )


def _graph_of(edges: list[_Edge], place: dict[int, FloatArray]) -> RoadGraph:
    """Pair edges with their twins and lay them out as segments, ordered by way, ends and shape."""
    twins: dict[tuple[Any, ...], tuple[list[_Edge], list[_Edge]]] = {}
    for edge in edges:
        turned = (edge.u, edge.xy.tolist()) > (edge.v, edge.xy[::-1].tolist())
        drawn = edge.xy[::-1] if turned else edge.xy
        key = (*sorted((edge.u, edge.v)), drawn.tobytes(), edge.shared)
        twins.setdefault(key, ([], []))[turned].append(edge)
    found: list[tuple[_Edge, bool]] = []
    for ways_there, ways_back in twins.values():
        for there, back in itertools.zip_longest(ways_there, ways_back):
            both = there is not None and back is not None
            one: _Edge = back if there is None else there
            found.append((one, both or one.two_way))
    found.sort(key=lambda f: (f[0].shared[0], f[0].u, f[0].v, f[0].xy.tolist(), str(f[0].shared)))
    return _laid_out([edge for edge, _ in found], np.array([two for _, two in found]), place)


def _laid_out(edges: list[_Edge], two_way: Any, place: dict[int, FloatArray]) -> RoadGraph:
    """Segments in the order given."""
    node_id = np.array(sorted({n for e in edges for n in (e.u, e.v)}), dtype=np.int64)
    ptr = pointers([len(e.xy) for e in edges])
    xy = np.concatenate([e.xy for e in edges])
    columns = ("way_id", "highway", "ref", "name", "speed_kmh", "junction", "ferry", "bridge", "tunnel")
    table = pd.DataFrame([e.shared for e in edges], columns=pd.Index(columns))
    for key in ("highway", "ref", "name", "junction"):
        table[key] = pd.Categorical(table[key])
    table["speed_kmh"] = table["speed_kmh"].where(table["speed_kmh"] > 0).astype(np.float64)
    return RoadGraph(
        node_id=node_id,
        node_xy=np.array([place[n] for n in node_id.tolist()], dtype=np.float64),
        seg_u=np.searchsorted(node_id, [e.u for e in edges]),
        seg_v=np.searchsorted(node_id, [e.v for e in edges]),
        seg_length_m=line_lengths_m(xy, ptr),
        seg_forward=np.ones(len(edges), dtype=bool),
        seg_backward=np.asarray(two_way, dtype=bool),
        xy=xy,
        seg_ptr=ptr,
        segments=table.astype({"way_id": np.int64, "ferry": bool, "bridge": bool, "tunnel": bool}),
    )


# -- files -------------------------------------------------------------------------------------------------
def read_osmnx(path: Path, region: Region | None = None) -> RoadGraph:
    """Read a ``.graphml`` or ``.gpkg`` file written by OSMnx; see :func:`from_networkx`.

    Raises
    ------
    InputError
        If the file is damaged, was not written by OSMnx, or holds no roads in the region.
    """
    try:
        graph = _read_graphml(path) if path.suffix.lower() == ".graphml" else _read_geopackage(path)
    except NetworkError as error:
        # Each reason has a text for a file, too.
        raise InputError(Fault(error.key, file=str(path), values=error.values)) from error
    except InputError as error:
        if error.faults[0].key not in _TOO_LARGE:
            raise
        raise InputError(Fault("graph-too-large", file=str(path))) from error
    if region is not None:
        bounds = ", ".join(f"{v:.4f}" for v in [*graph.node_xy.min(axis=0), *graph.node_xy.max(axis=0)])
        graph = clip_graph(graph, region.with_halo)
        if not graph.n_segments:
            raise InputError(Fault("osm-none-in-region", file=str(path), values={"bounds": bounds}))
    return graph


def _broken(path: Path) -> InputError:
    return InputError(Fault("graph-broken", file=str(path)))


class _GraphML:
    """Takes down nodes and edges as their elements come; OSMnx writes every attribute as a ``data`` element."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.directed = True
        self.about: dict[str, str] = {}
        self.nodes: dict[str, tuple[str | None, str | None]] = {}
        self.edges: list[tuple[str, str, str | None, tuple[Any, ...]]] = []
        self._key, self._node, self._ends = "", "", ("", "")
        self._open: dict[str, str] = self.about

    def start(self, tag: str, given: Mapping[str, str]) -> None:
        """Note whose attributes follow."""
        if tag == "key":
            self.keys[given["id"]] = given.get("attr.name", given["id"])
        elif tag == "graph":
            self.directed = given.get("edgedefault") == "directed"
        elif tag == "node":
            self._open, self._node = {}, given["id"]
        elif tag == "edge":
            self._open, self._ends = {}, (given["source"], given["target"])
        elif tag == "data":
            self._key = self.keys[given["key"]]

    def end(self, tag: str, said: str) -> None:
        """Keep an attribute, or an edge that is complete."""
        if tag == "data":
            self._open[self._key] = said
        elif tag == "node":
            self.nodes[self._node] = self._open.get("x"), self._open.get("y")
        elif tag == "edge":
            self.edges.append((*self._ends, self._open.get("geometry"), _shared(self._open)))
        if tag in ("node", "edge"):
            self._open = self.about


def _read_graphml(path: Path) -> RoadGraph:
    check_bytes(path, MOST_GRAPHML_MB)
    found = _GraphML()
    try:
        with path.open("rb") as stream:
            read_xml(str(path), stream, start=found.start, end=found.end, keep={"data"})
    except (InputError, NetworkError):  # ValueErrors, too
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path) from error
    if not found.directed:
        raise NetworkError("graph-not-directed")
    if not found.edges:
        raise NetworkError("graph-no-edges")
    names = list(found.nodes)
    if all(name.removeprefix("-").isdecimal() for name in names):
        number: Mapping[str, Any] = {name: _whole(name) for name in names}
    else:
        number = {name: name for name in names}
    try:
        places = {number[name]: found.nodes[name] for name in names}
        return _from_parts(found.about.get("crs"), places, _drawn(found.edges, number))
    except NetworkError:  # a ValueError, too
        raise
    except (KeyError, ValueError, shapely.errors.ShapelyError) as error:
        raise _broken(path) from error


def _drawn(
    edges: list[tuple[str, str, str | None, tuple[Any, ...]]], number: Mapping[str, Any]
) -> Iterator[tuple[Any, Any, Any, tuple[Any, ...]]]:
    """Edges with their lines; the list is used up, because a big network's texts and lines hardly fit side by side."""
    edges.reverse()
    while edges:
        some = [edges.pop() for _ in range(min(len(edges), 10_000))]
        # What begins otherwise may nest shapes so deep that GEOS ends the process.
        if any(wkt is not None and not wkt.startswith("LINESTRING") for _, _, wkt, _ in some):
            raise ValueError("no line")
        lines = shapely.from_wkt(np.array([wkt for _, _, wkt, _ in some], dtype=object))
        for (u, v, _, shared), line in zip(some, lines, strict=True):
            yield number[u], number[v], line, shared


def _read_geopackage(path: Path) -> RoadGraph:
    nodes, edges = (read_vector(path, layer) for layer in ("nodes", "edges"))
    missing = [c for c in ("u", "v") if c not in edges.headers] + [
        c for c in ("osmid",) if c not in nodes.headers
    ]
    if missing:
        values = {"names": ", ".join(missing)}
        raise InputError(Fault("graph-columns", file=str(path), column=missing[0], values=values))
    if nodes.faults or edges.faults:
        raise InputError([*nodes.faults, *edges.faults])
    if not edges.rows:
        raise NetworkError("graph-no-edges")
    if nodes.geometry is None or edges.geometry is None or nodes.crs is None or edges.crs is None:
        raise NetworkError("graph-no-crs")
    try:
        points = shapely.get_coordinates(nodes.geometry.to_crs(WGS84))
        ids = [_whole(row[nodes.headers.index("osmid")]) for row in nodes.rows]
        made = [_row_edge(row) for row in _records(edges)]
        return _graph_of(made, dict(zip(ids, points, strict=True)))
    except NetworkError:  # a ValueError, too
        raise
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise _broken(path) from error


def _records(edges: VectorLayer) -> Iterator[dict[str, Any]]:
    """Rows of a layer by the names of their columns, with the shape in EPSG:4326."""
    assert edges.geometry is not None
    for row, shape in zip(edges.rows, edges.geometry.to_crs(WGS84), strict=True):
        yield {**dict(zip(edges.headers, row, strict=True)), "geometry": shape}


def _row_edge(row: dict[str, Any]) -> _Edge:
    """Edge of an ``edges`` layer, directed or undirected; ``from`` and ``to`` are the way it is drawn."""
    u, v = (row.get("from", row["u"]), row.get("to", row["v"]))
    two_way = bool(_values(row.get("oneway"))) and not _is_true(row.get("oneway"))
    return _Edge(_whole(u), _whole(v), shapely.get_coordinates(row["geometry"]), _shared(row), two_way)
