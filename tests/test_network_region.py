"""Regions: polygon files, halos, clipping, shares inside."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from osm_xml import ends, node, write_osm
from plugspan.errors import InputError, NetworkError
from plugspan.network import Region, clip_graph, graph_inside, read_network, read_region
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
ROAD = {"highway": "primary"}
BOX = shapely.box(113, 27, 113.2, 27.1)


# -- regions -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "polygon",
    [
        BOX,
        shapely.box(15, 69, 16, 70),
        shapely.Point(113, 27).buffer(0.01),
        shapely.MultiPolygon([BOX, shapely.box(114, 27, 114.1, 27.1)]),
    ],
)
def test_the_halo_is_as_wide_as_it_says(polygon):
    """Every point of the halo's outline lies 40 km from the region, within 0.5 %, on the ellipsoid."""
    region = Region(polygon)
    outline = shapely.get_coordinates(shapely.segmentize(region.with_halo.exterior, 0.05))
    border = shapely.get_coordinates(shapely.segmentize(polygon.boundary, 0.002))
    for x, y in outline[::20]:
        lon, lat = np.full(len(border), x), np.full(len(border), y)
        away_m = GEOD.inv(lon, lat, border[:, 0], border[:, 1])[2].min()
        assert away_m == pytest.approx(40_000, rel=0.005)
    assert region.with_halo.covers(polygon)


def test_the_halo_goes_on_beyond_the_antimeridian():
    """Islands on both sides of 180°, drawn as two boxes: the halo is 40 km to the east and to the west, not round
    the globe; and a box that ends at 180° has its halo on the other side.
    """
    island = shapely.MultiPolygon([shapely.box(177, -20, 180, -15), shapely.box(-180, -20, -178, -15)])
    halo = Region(island, halo_m=40_000).with_halo
    east, west = shapely.box(-180, -90, 0, 90), shapely.box(0, -90, 180, 90)
    at_equator_deg = 40_000 / (GEOD.a * np.pi / 180)
    assert (halo & west).bounds[0] == pytest.approx(177 - at_equator_deg / np.cos(np.radians(17.5)), abs=0.01)
    assert (halo & east).bounds[2] == pytest.approx(
        -178 + at_equator_deg / np.cos(np.radians(17.5)), abs=0.01
    )
    assert halo.is_valid
    edge = Region(shapely.box(179, 0, 180, 1), halo_m=40_000).with_halo
    assert (edge & east).bounds[2] == pytest.approx(-180 + at_equator_deg, abs=0.001)


@pytest.mark.parametrize(
    ("box", "halo_m", "wanted"),
    [
        ((-180, -90, 180, 90), 3e6, (-180, -90, 180, 90)),
        ((10, 89, 20, 90), 4e4, (-180, 88.64, 180, 90)),
        ((10, 89, 20, 89.9), 4e4, (-180, 88.64, 180, 90)),
        ((-170, -60, 170, 60), 1e6, (-180, -69.04, 180, 69.04)),
        ((-60, -10, 60, 10), 1e5, (-60.92, -10.9, 60.92, 10.9)),
    ],
)
def test_what_no_projection_shows_gets_a_box(box, halo_m, wanted):
    """The globe, the poles, a continent: the halo is a box at least as wide as asked for, and made at once."""
    region = Region.from_bbox(*box, halo_m=halo_m)
    assert region.with_halo.bounds == pytest.approx(wanted, abs=0.01)
    assert region.with_halo.covers(region.polygon)
    assert len(shapely.get_coordinates(region.with_halo)) < 20


def test_no_halo():
    """A halo of 0 is the region itself."""
    assert Region(BOX, halo_m=0).with_halo.equals(BOX)


@pytest.mark.parametrize(
    ("polygon", "halo_m"),
    [
        (shapely.Point(1, 1), 0),
        (shapely.Polygon(), 0),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), 0),
        (shapely.box(500_000, 3_000_000, 510_000, 3_010_000), 0),
        (BOX, -1),
        (BOX, float("nan")),
        (BOX, float("inf")),
    ],
)
def test_what_can_not_be_a_region(polygon, halo_m):
    """Points, nothing, crossed outlines, metres taken for degrees, halos that make no sense."""
    with pytest.raises(NetworkError) as caught:
        Region(polygon, halo_m)
    assert caught.value.render("zh") != caught.value.render("en")


@pytest.mark.parametrize(
    "box", [(1, 0, 1, 2), (2, 0, 1, 2), (0, 2, 1, 1), (0, 0, 181, 1), (0, 0, 1, 91), (float("nan"), 0, 1, 1)]
)
def test_boxes_that_make_no_sense(box):
    """West not west of east, south not south of north, off the globe."""
    with pytest.raises(NetworkError):
        Region.from_bbox(*box)


@pytest.mark.parametrize(
    ("suffix", "crs"),
    [
        (".geojson", "EPSG:4326"),
        *(
            (suffix, crs)
            for suffix in (".gpkg", ".shp", ".fgb")
            for crs in ("EPSG:4326", "EPSG:4547", "EPSG:3857")
        ),
    ],
)
def test_polygon_files_in_any_coordinate_system(tmp_path, suffix, crs):
    """Two counties side by side become one region in degrees, named after the file."""
    counties = gpd.GeoSeries([BOX, shapely.box(113.2, 27, 113.3, 27.1)], crs="EPSG:4326")
    dense = counties.segmentize(0.01).to_crs(crs)
    path = tmp_path / f"counties{suffix}"
    dense.to_file(path)
    region = read_region(path, halo_m=5)
    assert (region.name, region.halo_m) == ("counties", 5)
    assert region.polygon.geom_type == "Polygon"
    assert region.polygon.area == pytest.approx(0.03, rel=1e-4)


def test_broken_polygons_are_repaired(tmp_path):
    """A bow tie becomes its two triangles; lines and points beside it are passed over."""
    tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [tie, shapely.Point(5, 5), shapely.LineString([(0, 0), (9, 9)]), None]
    path = tmp_path / "tie.gpkg"
    gpd.GeoDataFrame(geometry=shapes, crs="EPSG:4326").to_file(path)
    region = read_region(path)
    assert region.polygon.is_valid
    assert region.polygon.area == pytest.approx(0.5)


def without_crs(shape, path):
    """Write a file that does not say its coordinate system."""
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoSeries([shape]).to_file(path)


def faults(path):
    """Keys of the faults that a file gives."""
    with pytest.raises(InputError) as caught:
        read_region(path)
    assert caught.value.render("zh") != caught.value.render("en")
    return [fault.key for fault in caught.value.faults]


def test_files_that_give_no_region(tmp_path):
    """Missing, no polygon, no geometry, damaged, no coordinate system, unknown suffix."""
    gpd.GeoSeries([shapely.Point(1, 1)], crs="EPSG:4326").to_file(tmp_path / "points.gpkg")
    without_crs(shapely.box(5e5, 3e6, 6e5, 3.1e6), tmp_path / "metres.shp")
    (tmp_path / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [', "utf-8")
    (tmp_path / "table.json").write_text('{"a": 1}', "utf-8")
    (tmp_path / "a.txt").write_text("x", "utf-8")
    (tmp_path / "none.geojson").write_text('{"type": "FeatureCollection", "features": []}', "utf-8")
    assert faults(tmp_path / "missing.gpkg") == ["region-file-missing"]
    assert faults(tmp_path / "points.gpkg") == ["region-file-no-polygon"]
    assert faults(tmp_path / "metres.shp") == ["region-file-no-crs"]
    assert faults(tmp_path / "broken.geojson") == ["layer-json"]
    assert faults(tmp_path / "table.json") == ["layer-foreign"]
    assert faults(tmp_path / "none.geojson") == ["region-file-no-polygon"]
    assert faults(tmp_path / "a.txt") == ["network-suffix"]


def test_degrees_without_a_coordinate_system_are_taken_as_degrees(tmp_path):
    """A shapefile without .prj whose numbers are longitudes and latitudes."""
    without_crs(BOX, tmp_path / "plain.shp")
    assert read_region(tmp_path / "plain.shp").polygon.equals(BOX)


# -- clipping ----------------------------------------------------------------------------------------------
NODES = [node(i, i, 0) for i in range(10)]


def test_a_road_is_cut_at_its_last_node_inside(tmp_path):
    """Nodes 0…9 every 0.001 degrees; the region ends between 3 and 4: the road ends at 3, length and all."""
    path = write_osm(tmp_path / "a.osm", NODES, [(7, list(range(10)), ROAD)])
    graph = read_network(path, Region.from_bbox(9.9, 49.9, 10.0035, 50.1, halo_m=0))
    assert ends(graph) == [(0, 3), (3, 0)]
    assert graph.seg_length_m[0] == pytest.approx(GEOD.inv(10, 50, 10.003, 50)[2], rel=1e-9)


def test_a_road_that_leaves_and_comes_back_is_two(tmp_path):
    """A region of two parts: the way has a segment in each."""
    parts = shapely.union(shapely.box(9.9, 49.9, 10.0025, 50.1), shapely.box(10.0055, 49.9, 10.1, 50.1))
    path = write_osm(tmp_path / "a.osm", NODES, [(7, list(range(10)), ROAD)])
    assert ends(read_network(path, Region(parts, 0))) == [(0, 2), (2, 0), (6, 9), (9, 6)]


def test_the_halo_keeps_what_lies_around(tmp_path):
    """With a halo of 200 m (2.8 steps of 71 m) nodes 4 and 5 stay, too."""
    path = write_osm(tmp_path / "a.osm", NODES, [(7, list(range(10)), ROAD)])
    graph = read_network(path, Region.from_bbox(9.9, 49.9, 10.003, 50.1, halo_m=200))
    assert ends(graph) == [(0, 5), (5, 0)]


def test_nothing_in_the_region(tmp_path):
    """The message says where the file's roads are."""
    path = write_osm(tmp_path / "a.osm", NODES, [(7, [0, 9], ROAD)])
    with pytest.raises(InputError, match=r"10\.0000, 50\.0000, 10\.0090, 50\.0000"):
        read_network(path, Region.from_bbox(113, 27, 114, 28))


def test_share_inside_the_region(tmp_path):
    """Three roads: inside, half inside, outside; the halo does not count."""
    ways = [(1, [0, 2], ROAD), (2, [3, 5], ROAD), (3, [6, 8], ROAD)]
    graph = read_network(write_osm(tmp_path / "a.osm", NODES, ways))
    assert graph_inside(graph, Region.from_bbox(9.9, 49.9, 10.004, 50.1)) == pytest.approx(
        [1, 0.5, 0], abs=1e-6
    )
    touching = graph_inside(graph, Region.from_bbox(9.9, 50.0, 10.004, 50.1))
    assert touching == pytest.approx([1, 0.5, 0], abs=1e-6)  # along the border is inside


def test_clipping_a_finished_graph_agrees_with_clipping_while_reading(root):
    """Helsinki cut by a triangle either way: the same length, and the same number of pieces or more."""
    path = root / "data" / "osm" / "helsinki.osm.pbf"
    triangle = Region(shapely.Polygon([(24.93, 60.16), (24.96, 60.165), (24.94, 60.18)]), halo_m=0)
    whole = read_network(path)
    early, late = read_network(path, triangle), clip_graph(whole, triangle.polygon)
    assert late.seg_length_m.sum() == pytest.approx(early.seg_length_m.sum(), rel=1e-9)
    assert early.n_segments <= late.n_segments < whole.n_segments
    assert clip_graph(whole, shapely.box(0, 0, 90, 90)) is whole
    assert clip_graph(whole, shapely.box(0, 0, 1, 1)).n_segments == 0
