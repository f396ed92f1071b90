"""On one line the least number of sites is the hand formula's, whatever its length and whatever stands on it."""

from __future__ import annotations

import math

import pytest
from osm_xml import write_osm
from plugspan.pipeline import find_places
from plugspan.programme import plan_programme
from plugspan.project import read_project
from plugspan.study import load
from pyproj import Geod

SPAN_KM = 40.0
PROJECT = """schema = 1
name = "line"
language = "en"
policy = "zhuzhou-2025"
[region]
bbox = [112.0, 25.0, 114.0, 31.0]
halo_km = 0
[network]
osm = "roads.osm"
[tables.chargers]
path = "chargers.csv"
[siting]
candidates = ["route_point"]
route_point_km = 7
[plan]
meet = ["ordinary-highway-spacing"]
"""


def line_points(length_km: float) -> list[tuple[float, float]]:
    """A road due north, with a node every kilometre and one at its end."""
    geod, whole = Geod(ellps="WGS84"), [*range(math.ceil(length_km)), length_km]
    return [geod.fwd(113.0, 26.0, 0.0, 1000.0 * km)[:2] for km in whole]


def least_by_hand(length_km: float, sites_km: tuple[float, ...]) -> int:
    """Gaps between ends and sites are filled one by one; and on average there is a site for each span."""
    ends = [0.0, *sites_km, length_km]
    gaps = sum(math.ceil((b - a) / SPAN_KM - 1e-9) - 1 for a, b in zip(ends, ends[1:], strict=False))
    return max(gaps, math.ceil(length_km / SPAN_KM - 1e-9) - len(sites_km))


@pytest.mark.parametrize(
    ("length_km", "sites_km"),
    [(39.0, ()), (130.0, ()), (161.0, (20.5,)), (239.9, (3.0, 7.0, 139.0))],
)
def test_the_least_number_is_the_hand_formulas(tmp_path, length_km, sites_km):
    points = line_points(length_km)
    nodes = [(k + 1, x, y, {}) for k, (x, y) in enumerate(points)]
    way = (1, [n[0] for n in nodes], {"highway": "trunk", "ref": "G106"})
    write_osm(tmp_path / "roads.osm", nodes, [way])
    geod = Geod(ellps="WGS84")
    at = [geod.fwd(113.0, 26.0, 0.0, 1000.0 * km)[:2] for km in sites_km]
    rows = [f"S{k},{x},{y},dc,4,120,public,operational\n" for k, (x, y) in enumerate(at)]
    head = "id,lon,lat,current,points,point_kw,access,status\n"
    (tmp_path / "chargers.csv").write_text(head + "".join(rows), "utf-8")
    (tmp_path / "project.toml").write_text(PROJECT, "utf-8")
    study = load(read_project(tmp_path))
    programme = plan_programme(study, find_places(study))
    assert len(programme.chosen) == least_by_hand(length_km, sites_km)
    assert programme.levels[0].status == "optimal"
    assert programme.unmet.empty
    assert programme.faults == ()
