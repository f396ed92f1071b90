"""Roads from Overture's segments: the same graph as from OpenStreetMap's ways that say the same."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from plugspan import InputError, read_network
from plugspan.network import Region
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import find_routes

CLASSES = RoadClasses.from_mapping({"trunk": [r"G\d{3}"]})


def denied(heading=None, **when):
    """An access restriction."""
    return {"access_type": "denied", "when": {"heading": heading, **when}, "between": None}


def segment(coords, kind="primary", ref=None, rules=None, **more):
    """A segment as Overture gives it."""
    line = shapely.LineString(coords)
    west, south, east, north = line.bounds
    return {
        "id": f"s{coords}", "subtype": "road", "class": kind, "subclass": None,
        "names": {"primary": "Road"}, "routes": [{"ref": ref, "network": "CN:national"}] if ref else None,
        "access_restrictions": rules, "speed_limits": None, "road_flags": None,
        "bbox": {"xmin": west, "xmax": east, "ymin": south, "ymax": north}, **more, "geometry": line,
    }  # fmt: skip


def write(tmp_path, *segments):
    """A file of segments."""
    frame = gpd.GeoDataFrame(list(segments), crs=4326)
    frame.to_parquet(tmp_path / "segments.parquet")
    return tmp_path / "segments.parquet"


def test_segments_become_a_directed_graph_with_routes(tmp_path):
    """Two segments of G106 that meet at a vertex are one road; a one-way, a closed and a foot path are as they say."""
    path = write(
        tmp_path,
        segment([(113.0, 27.0), (113.1, 27.0)], ref="G106", speed_limits=[
            {"max_speed": {"value": 60, "unit": "km/h"}, "when": None, "between": None}]),
        segment([(113.1, 27.0), (113.2, 27.0)], ref="G106"),
        segment([(113.1, 27.0), (113.1, 27.1)], "secondary", rules=[denied("backward")]),
        segment([(113.1, 27.1), (113.2, 27.1)], "tertiary", rules=[denied("forward", mode=["motor_vehicle"])]),
        segment([(113.2, 27.1), (113.3, 27.1)], rules=[denied()]),
        segment([(113.0, 27.2), (113.1, 27.2)], "footway"),
        segment([(113.0, 27.3), (113.1, 27.3)], "rail", subtype="rail"),
        segment([(113.2, 27.0), (113.2, 27.1)], rules=[denied("backward", mode=["bus"])]),
    )  # fmt: skip
    graph = read_network(path)
    (route,) = find_routes(graph, CLASSES)
    assert route.ref == "G106"
    assert route.length_m == pytest.approx(19_845, rel=0.001)  # 0.2 degrees at 27 north
    ways = graph.segments.groupby("highway", observed=True).size().to_dict()
    assert ways == {"primary": 3, "secondary": 1, "tertiary": 1}
    assert len(graph.edge_segment) == 2 * graph.n_segments - 2  # two are one-way
    speeds = graph.segments["speed_kmh"]
    assert 60.0 in speeds.tolist()


def test_only_what_lies_in_the_region_is_read(tmp_path):
    """The box of a segment, and then its nodes, decide."""
    path = write(tmp_path, segment([(113.0, 27.0), (113.1, 27.0)]), segment([(120.0, 27.0), (120.1, 27.0)]))
    graph = read_network(path, Region.from_bbox(112.9, 26.9, 113.2, 27.1, halo_m=1000.0))
    assert np.allclose(graph.node_xy[:, 0].max(), 113.1)
    with pytest.raises(InputError):
        read_network(path, Region.from_bbox(10, 10, 11, 11, halo_m=1000.0))


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\0" * 64 + b"PAR1", b"no parquet at all"])
def test_a_broken_file_is_a_fault(tmp_path, content):
    """Cut off, empty, or something else."""
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_network(tmp_path / "x.parquet")
    assert [f.key for f in caught.value.faults] == ["overture-broken"]


def test_places_are_no_segments(tmp_path):
    """Another table of Overture is refused with what to download."""
    frame = gpd.GeoDataFrame({"id": ["a"], "confidence": [1.0]}, geometry=[shapely.Point(113, 27)], crs=4326)
    frame.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="type=segment"):
        read_network(tmp_path / "p.parquet")
    odd = segment([(113.0, 27.0), (113.1, 27.0)]) | {"names": "no object"}
    with pytest.raises(InputError, match="damaged"):
        read_network(write(tmp_path, odd))
