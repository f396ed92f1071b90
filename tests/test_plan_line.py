"""On one line the least number of sites is the hand formula's, whatever its length and whatever stands on it."""

from __future__ import annotations

import math

import pytest
from osm_xml import write_osm
from plugspan.pipeline import find_places
from plugspan.programme import plan_programme
from plugspan.project import read_project
from plugspan.study import load
from project_files import write_project
from pyproj import Geod

SPAN_KM = 40.0
SETTINGS = """[region]
bbox = [112.0, 25.0, 114.0, 31.0]
halo_km = 0
[network]
osm = "roads.osm"
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
    works = {"current": "dc", "points": 4, "point_kw": 120, "access": "public", "status": "operational"}
    chargers = [{"id": f"S{k}", "lon": x, "lat": y, **works} for k, (x, y) in enumerate(at)]
    study = load(read_project(write_project(tmp_path, SETTINGS, chargers=chargers)))
    programme = plan_programme(study, find_places(study))
    assert len(programme.chosen) == least_by_hand(length_km, sites_km)
    assert programme.levels[0].status == "optimal"
    assert programme.unmet.empty
    assert programme.faults == ()
