"""To and from OSMnx and networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
import shapely
from osm_xml import drives, ends, node, write_osm
from plugspan.errors import InputError, NetworkError
from plugspan.network import Region, from_networkx, read_network, to_networkx

ROAD = {"highway": "primary", "ref": "G107", "name": "A", "maxspeed": "60"}
NODES = [node(i, i % 5, i // 5) for i in range(1, 20)]
WAYS = [
    (7, [1, 2, 3], ROAD),
    (8, [3, 4], {**ROAD, "oneway": "yes", "bridge": "yes"}),
    (9, [3, 8, 13], {"highway": "residential"}),
    (10, [3, 8, 13], {"highway": "service"}),
    (11, [13, 14, 19, 18, 13], {"highway": "tertiary", "junction": "roundabout"}),
    (12, [1, 6, 7, 2], {"highway": "residential"}),
    (13, [4, 9], {"route": "ferry"}),
    (14, [12, 17, 16, 11, 12], {"highway": "residential"}),
    (15, [12, 13], {"highway": "residential", "tunnel": "yes"}),
]


@pytest.fixture
def graph(tmp_path):
    """A small network with everything in it: one-ways, loops, parallels, a ferry, a bridge, a tunnel."""
    return read_network(write_osm(tmp_path / "a.osm", NODES, WAYS))


def shifted(graph, by=0):
    """Everything that two equal graphs share, whatever the order of their segments."""
    return drives(graph), sorted(zip(graph.segments.way_id, graph.segments.speed_kmh.fillna(0), strict=True))


def test_there_and_back_again(graph):
    """A graph that goes to networkx and comes back is the same."""
    assert shifted(from_networkx(to_networkx(graph))) == shifted(graph)


def test_osmnx_accepts_the_graph(graph):
    """Its validation, statistics, speeds and routing work on it; lengths are ours."""
    made = to_networkx(graph)
    ox.convert.validate_graph(made)
    assert ox.basic_stats(made)["edge_length_total"] == pytest.approx(graph.edge_length_m.sum())
    assert nx.shortest_path_length(made, 1, 13, weight="length") > 0
    assert sorted(made.edges()) == ends(graph)
    edges = ox.graph_to_gdfs(made, nodes=False)
    lines = edges.geometry
    first = shapely.get_coordinates(shapely.get_point(np.asarray(lines), 0))
    starts = [(made.nodes[u]["x"], made.nodes[u]["y"]) for u, _, _ in edges.index]
    assert first.tolist() == [list(s) for s in starts]
    assert made.graph["crs"] == "epsg:4326"


def test_graphml_and_geopackages_of_osmnx(graph, tmp_path):
    """Saved by OSMnx and read again: the same graph; from an undirected GeoPackage, too."""
    made = to_networkx(graph)
    ox.save_graphml(made, tmp_path / "a.graphml")
    assert shifted(read_network(tmp_path / "a.graphml")) == shifted(graph)
    for directed in (True, False):
        path = tmp_path / f"{directed}.gpkg"
        ox.save_graph_geopackage(made, path, directed=directed)
        found = read_network(path)
        assert ends(found) == ends(graph)
        assert found.seg_length_m.sum() == pytest.approx(graph.seg_length_m.sum())
        assert found.segments.ref.dropna().unique().tolist() == ["G107"]


def test_a_graph_made_by_osmnx(tmp_path):
    """OSMnx's own reading of the file, with lists where simplification joined ways: the same drives."""
    ways = [
        (1, [1, 2], ROAD),
        (2, [2, 3], {**ROAD, "ref": "S2", "maxspeed": "50 mph"}),
        (3, [3, 4], {**ROAD, "oneway": "-1"}),
    ]
    path = write_osm(tmp_path / "a.osm", NODES, ways)
    theirs = from_networkx(ox.graph_from_xml(path, retain_all=True))
    assert ends(theirs) == [(1, 3), (3, 1), (4, 3)]
    assert theirs.edge_length_m.sum() == pytest.approx(read_network(path).edge_length_m.sum(), rel=1e-9)
    row = theirs.segments[theirs.seg_backward].iloc[0]
    assert (row.way_id, row.ref, row.speed_kmh) == (1, "G107;S2", 60)


def test_edges_without_geometry_are_straight_and_projected_graphs_come_back():
    """Nodes with names, in metres: numbered by name; the line is the one between the nodes."""
    made = nx.MultiDiGraph(crs="EPSG:4547")
    made.add_node("b", x=500_000.0, y=3_000_000.0)
    made.add_node("a", x=501_000.0, y=3_000_000.0)
    made.add_edge("a", "b", length=99.0, highway="primary")
    made.add_edge("b", "a", length=99.0, highway="primary")
    graph = from_networkx(made)
    assert graph.node_id.tolist() == [1, 2]
    assert graph.n_segments == 1
    assert graph.seg_length_m[0] == pytest.approx(1000, rel=1e-4)  # the scale on the central meridian is 1
    assert graph.node_xy[1] == pytest.approx([114, 27.11], abs=0.01)


def test_two_edges_of_different_roads_stay_apart():
    """Twins are joined only if they are one road: other attributes, two one-way segments."""
    made = nx.MultiDiGraph(crs="EPSG:4326")
    made.add_node(1, x=113.0, y=27.0)
    made.add_node(2, x=113.1, y=27.0)
    made.add_edge(1, 2, highway="primary", osmid=1)
    made.add_edge(2, 1, highway="secondary", osmid=2)
    graph = from_networkx(made)
    assert graph.n_segments == 2
    assert not graph.seg_backward.any()


@pytest.mark.parametrize(
    ("graph", "key"),
    [
        (nx.MultiGraph(), "graph-not-directed"),
        (nx.MultiDiGraph(crs="EPSG:4326"), "graph-no-edges"),
        (nx.MultiDiGraph([(1, 2)], crs="EPSG:4326"), "graph-no-coordinates"),
        (nx.MultiDiGraph([(1, 2)]), "graph-no-crs"),
        (nx.MultiDiGraph([(1, 2)], crs="nonsense"), "graph-no-crs"),
    ],
)
def test_graphs_that_can_not_be_used(graph, key):
    """Undirected, empty, without coordinates or coordinate system."""
    with pytest.raises(NetworkError) as caught:
        from_networkx(graph)
    assert caught.value.key == key
    assert caught.value.render("zh") != caught.value.render("en")


def faults(path):
    """Keys of the faults that a file gives."""
    with pytest.raises(InputError) as caught:
        read_network(path)
    assert caught.value.render("zh") != caught.value.render("en")
    return [fault.key for fault in caught.value.faults]


def test_broken_files(graph, tmp_path):
    """Garbage, a cut file, other people's GeoPackages and GraphML."""
    whole, cut = tmp_path / "whole.graphml", tmp_path / "cut.graphml"
    ox.save_graphml(to_networkx(graph), whole)
    cut.write_bytes(whole.read_bytes()[:-200])
    assert faults(cut) == ["xml-broken"]
    (tmp_path / "a.graphml").write_text("nonsense", "utf-8")
    (tmp_path / "a.gpkg").write_text("nonsense", "utf-8")
    assert faults(tmp_path / "a.graphml") == ["xml-broken"]
    assert faults(tmp_path / "a.gpkg") == ["layer-foreign"]
    nx.write_graphml(nx.path_graph(3), tmp_path / "path.graphml")
    assert faults(tmp_path / "path.graphml") == ["graph-not-directed"]
    nodes, edges = ox.graph_to_gdfs(to_networkx(graph))
    nodes.reset_index()[["osmid", "geometry"]].to_file(tmp_path / "b.gpkg", layer="nodes")
    edges.reset_index()[["v", "geometry"]].to_file(tmp_path / "b.gpkg", layer="edges")
    assert faults(tmp_path / "b.gpkg") == ["graph-columns"]
    nodes.reset_index()[["osmid", "geometry"]].to_file(tmp_path / "c.gpkg", layer="nodes")
    assert faults(tmp_path / "c.gpkg") == ["layer-missing"]


def test_a_region_cuts_graphs_from_files(graph, tmp_path):
    """Nodes 1 and 2 lie inside: the road between them stays; nothing inside is a fault."""
    path = tmp_path / "a.graphml"
    ox.save_graphml(to_networkx(graph), path)
    found = read_network(path, Region.from_bbox(10, 49.9999, 10.0025, 50.0001, halo_m=0))
    assert found.seg_length_m.sum() == pytest.approx(graph.seg_length_m[0], rel=1e-9)
    with pytest.raises(InputError, match="no road lies in the region"):
        read_network(path, Region.from_bbox(113, 27, 114, 28))


HEAD = (
    '<graphml><key id="d0" for="graph" attr.name="crs"/><key id="x" for="node" attr.name="x"/>'
    '<key id="y" for="node" attr.name="y"/><key id="i" for="edge" attr.name="osmid"/>'
    '<key id="g" for="edge" attr.name="geometry"/><key id="s" for="edge" attr.name="speed_kph"/>'
)


def graphml(path, nodes=("1", "2"), *, start="", crs="epsg:4326", more="", x="113"):
    """A road between nodes, in one direction."""
    places = "".join(
        f'<node id="{n}"><data key="x">{x}.{i}</data><data key="y">27</data></node>'
        for i, n in enumerate(nodes)
    )
    road = f'<edge source="{nodes[0]}" target="{nodes[1]}">{more}</edge>'
    inside = f'<graph edgedefault="directed"><data key="d0">{crs}</data>{places}{road}</graph>'
    path.write_text(f"{start}{HEAD}{inside}</graphml>", "utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"nodes": ("1", str(2**63))}, "graph-id"),
        ({"nodes": ("1", "9" * 5000)}, "graph-id"),
        ({"more": f'<data key="i">[1, {2**64}]</data>'}, "graph-id"),
        ({"more": f'<data key="i">{"[" * 5000}{"]" * 5000}</data>'}, None),
        ({"more": f'<data key="g">{"GEOMETRYCOLLECTION(" * 100_000}</data>'}, "graph-broken"),
        ({"more": '<data key="g">LINESTRING (1 2</data>'}, "graph-broken"),
        ({"more": '<data key="s">fast</data>'}, "graph-broken"),
        ({"more": '<data key="nowhere">1</data>'}, "graph-broken"),
        ({"nodes": ("1", "2"), "x": "nan"}, "graph-no-coordinates"),
        ({"nodes": ("a", "b")}, None),
        ({"crs": "+init=/etc/hostname:1"}, "graph-no-crs"),
        ({"crs": ""}, "graph-no-crs"),
        ({"start": '<!DOCTYPE a [<!ENTITY x0 "ha"><!ENTITY x1 "&x0;&x0;">]>'}, "xml-doctype"),
        ({"start": '<!DOCTYPE a SYSTEM "file:///etc/hostname">'}, "xml-doctype"),
    ],
)
def test_hostile_graphml(tmp_path, options, key):
    """Ids beyond 64 bits, lists and shapes nested without end, broken numbers, a file as coordinates' system."""
    path = graphml(tmp_path / "a.graphml", **options)
    if key is None:
        assert read_network(path).n_segments == 1
    else:
        assert faults(path) == [key]


def test_ids_of_a_geopackage_beyond_64_bits(graph, tmp_path):
    """Told, whether they are nodes or ways."""
    for column in ("u", "osmid"):
        nodes, edges = ox.graph_to_gdfs(to_networkx(graph))
        edges = edges.reset_index()
        edges[column] = [str(2**63)] * len(edges)
        path = tmp_path / f"{column}.gpkg"
        nodes.reset_index().to_file(path, layer="nodes")
        edges.astype({"osmid": str}).to_file(path, layer="edges")
        assert faults(path) == ["graph-id"]


def test_a_network_too_large_for_its_format_is_told(graph, tmp_path, monkeypatch):
    """With what to give instead, whichever limit it passes."""
    made = to_networkx(graph)
    ox.save_graphml(made, tmp_path / "a.graphml")
    ox.save_graph_geopackage(made, tmp_path / "a.gpkg", directed=True)
    for limit in (
        "network.interchange.MOST_GRAPHML_MB",
        "files.MOST_CELLS",
        "geopackage.MOST_MB",
        "markup.MOST_ELEMENTS",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"plugspan.{limit}", 0)
            suffix = "graphml" if limit.endswith(("GRAPHML_MB", "ELEMENTS")) else "gpkg"
            assert faults(tmp_path / f"a.{suffix}") == ["graph-too-large"]
