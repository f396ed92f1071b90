"""Exchange with OSMnx and networkx: graphs in memory, GraphML files, GeoPackages."""

from __future__ import annotations

import ast
import itertools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ..errors import Fault, InputError, NetworkError
from ..units import WGS84
from .clip import clip_graph
from .geodesic import line_lengths_m
from .graph import FloatArray, RoadGraph
from .osm.tags import is_ferry, is_one_way, is_present, is_roundabout, speed_kmh
from .osm.ways import pointers
from .region import Region
from .speed import DEFAULT_KMH

if TYPE_CHECKING:
    import networkx as nx  # slow to import: only when it is needed

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
@dataclass(frozen=True)
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
    move = _to_wgs84(graph.graph.get("crs"))
    names = list(graph.nodes)
    try:
        xy = np.array([[graph.nodes[n]["x"], graph.nodes[n]["y"]] for n in names], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkError("graph-no-coordinates") from error
    place = dict(zip(names, move(xy), strict=True))
    number = _numbers(names)
    edges = []
    for u, v, data in graph.edges(data=True):
        line = data.get("geometry")
        points = np.array([place[u], place[v]]) if line is None else move(shapely.get_coordinates(line))
        edges.append(_Edge(number[u], number[v], points, _shared(data)))
    return _graph_of(edges, {number[n]: place[n] for n in names})


def _numbers(names: Iterable[Any]) -> dict[Any, int]:
    """Whole numbers for nodes."""
    names = list(names)
    if all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in names):
        return {n: int(n) for n in names}
    return {n: i for i, n in enumerate(sorted(names, key=str), start=1)}


def _to_wgs84(crs: Any) -> Any:
    """Return a function that brings (n, 2) coordinates to EPSG:4326."""
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
        except (SyntaxError, ValueError):
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
    ids = [int(v) for v in _values(data.get("osmid")) if str(v).lstrip("-").isdigit()]
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
        raise InputError(Fault(error.key, file=str(path))) from error
    if region is not None:
        bounds = ", ".join(f"{v:.4f}" for v in [*graph.node_xy.min(axis=0), *graph.node_xy.max(axis=0)])
        graph = clip_graph(graph, region.with_halo)
        if not graph.n_segments:
            raise InputError(Fault("osm-none-in-region", file=str(path), values={"bounds": bounds}))
    return graph


def _broken(path: Path) -> InputError:
    return InputError(Fault("graph-broken", file=str(path)))


def _read_graphml(path: Path) -> RoadGraph:
    import networkx as nx
    import osmnx as ox

    try:
        graph = ox.load_graphml(path)
    except (ParseError, nx.NetworkXError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path) from error
    except shapely.errors.ShapelyError as error:
        raise _broken(path) from error
    return from_networkx(graph)


def _read_geopackage(path: Path) -> RoadGraph:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's, on files that it then refuses
            nodes, edges = (gpd.read_file(path, layer=layer) for layer in ("nodes", "edges"))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise _broken(path) from error
    missing = [c for c in ("u", "v") if c not in edges] + [c for c in ("osmid",) if c not in nodes]
    if missing:
        raise InputError(
            Fault("graph-columns", file=str(path), column=missing[0], values={"names": ", ".join(missing)})
        )
    if not len(edges):
        raise NetworkError("graph-no-edges")
    if nodes.crs is None or edges.crs is None:
        raise NetworkError("graph-no-crs")
    nodes, edges = nodes.to_crs(WGS84), edges.to_crs(WGS84)
    place = dict(zip(nodes["osmid"].astype(np.int64), shapely.get_coordinates(nodes.geometry), strict=True))
    try:
        return _graph_of([_row_edge(row) for row in edges.to_dict("records")], place)
    except (KeyError, ValueError) as error:
        raise _broken(path) from error


def _row_edge(row: dict[str, Any]) -> _Edge:
    """Edge of an ``edges`` layer, directed or undirected; ``from`` and ``to`` are the way it is drawn."""
    u, v = (row.get("from", row["u"]), row.get("to", row["v"]))
    two_way = bool(_values(row.get("oneway"))) and not _is_true(row.get("oneway"))
    return _Edge(int(u), int(v), shapely.get_coordinates(row["geometry"]), _shared(row), two_way)
