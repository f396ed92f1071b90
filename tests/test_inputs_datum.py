"""Datums: the formulas against two other implementations, round trips, and noticing a wrong setting."""

from __future__ import annotations

import coord_convert.transform
import eviltransform
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from plugspan import InputError
from plugspan.inputs import CHARGERS, read_table
from plugspan.inputs.checks import distance_to, grown
from plugspan.inputs.datum import (
    from_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    notice_datum,
    to_wgs84,
    wgs84_to_gcj02,
)

# Hainan to Heilongjiang, some way inside the rectangle the shift is confined to
CHINA = st.tuples(st.floats(74, 135), st.floats(18, 53))
ZHUZHOU = np.array([113.15]), np.array([27.83])


def arrays(place):
    """Longitude and latitude as arrays of one."""
    return np.array([place[0]]), np.array([place[1]])


@given(CHINA)
def test_gcj02_agrees_with_two_witnesses(place):
    """The forward shift is that of coord-convert, to a tenth of a millimetre, and of eviltransform.

    The latter takes another ellipsoid (6 378 137 m instead of 6 378 245 m): up to 2 cm.
    """
    lon, lat = wgs84_to_gcj02(*arrays(place))
    evil_lat, evil_lon = eviltransform.wgs2gcj(place[1], place[0])
    other = coord_convert.transform.wgs2gcj(*place)
    assert (lon[0], lat[0]) == pytest.approx((evil_lon, evil_lat), abs=2e-7)
    assert (lon[0], lat[0]) == pytest.approx(other, abs=1e-9)


@given(CHINA)
def test_bd09_agrees_with_a_witness(place):
    """GCJ-02 to BD-09 is that of coord-convert."""
    lon, lat = gcj02_to_bd09(*arrays(place))
    assert (lon[0], lat[0]) == pytest.approx(coord_convert.transform.gcj2bd(*place), abs=1e-9)


@given(CHINA)
def test_inverses_give_the_point_back(place):
    """Shifting there and back ends within 1e-9 degrees of the start, a tenth of a millimetre."""
    gcj = wgs84_to_gcj02(*arrays(place))
    assert np.abs(np.array(to_wgs84(*gcj, "gcj02")) - np.array(arrays(place))).max() < 1e-9
    assert np.abs(np.array(to_wgs84(*gcj02_to_bd09(*gcj), "bd09")) - np.array(arrays(place))).max() < 1e-9


@given(st.tuples(st.floats(-180, 70), st.floats(-90, 90)), st.sampled_from(["gcj02", "bd09"]))
def test_outside_china_nothing_moves(place, datum):
    """By convention the shift ends at a rectangle around China."""
    lon, lat = to_wgs84(*arrays(place), datum)
    assert (lon[0], lat[0]) == place


@given(CHINA, st.sampled_from(["wgs84", "gcj02", "bd09"]))
def test_to_a_datum_and_back(place, datum):
    """What is written in a datum and read in it is where it was; projected systems are not written."""
    there = from_wgs84(*arrays(place), datum)
    assert np.abs(np.array(to_wgs84(*there, datum)) - np.array(arrays(place))).max() < 1e-9
    with pytest.raises(ValueError, match="EPSG:4547"):
        from_wgs84(*arrays(place), "EPSG:4547")


def test_how_far_it_shifts_at_zhuzhou():
    """Here GCJ-02 is about 650 m off and BD-09 about 1.2 km, so a wrong datum shows."""
    for datum, metres in (("gcj02", 650), ("bd09", 1200)):
        lon, lat = to_wgs84(*ZHUZHOU, datum)
        off = distance_to([shapely.Point(113.15, 27.83)])(lon, lat)[0]
        assert off == pytest.approx(metres, rel=0.15)


def test_projected_coordinates():
    """EPSG:4547 (CGCS2000, 3-degree zone, 114 E) has its false easting of 500 km on the meridian."""
    lon, lat = to_wgs84([500_000.0], [3_000_000.0], "EPSG:4547")
    assert lon[0] == pytest.approx(114.0, abs=1e-9)
    assert 27.0 < lat[0] < 27.2


def test_missing_and_impossible_positions_stay_missing():
    """NaN stays NaN; what a projection can't place becomes NaN."""
    lon, _ = to_wgs84([np.nan, 113.0], [27.0, 27.0], "gcj02")
    assert np.isnan(lon[0])
    assert np.isfinite(lon[1])
    assert np.isnan(to_wgs84([1e30], [1e30], "EPSG:4547")[0][0])


def test_an_unknown_datum_is_told():
    """A datum nobody knows is an input error that lists what to write."""
    with pytest.raises(InputError, match="EPSG"):
        to_wgs84([113.0], [27.0], "EPSG:99999")
    with pytest.raises(InputError, match="gcj02"):
        to_wgs84([113.0], [27.0], "mars")


# -- noticing --------------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)
ROADS = [shapely.LineString([(113.0, 27.0 + 0.1 * k), (114.0, 27.02 + 0.1 * k)]) for k in range(10)]
ROADS += [shapely.LineString([(113.0 + 0.1 * k, 27.0), (113.03 + 0.1 * k, 28.0)]) for k in range(10)]


def on_roads(n, off_m):
    """N points beside the roads, WGS 84."""
    lines = np.array(ROADS)[RNG.integers(0, len(ROADS), n)]
    points = shapely.line_interpolate_point(lines, RNG.uniform(0.05, 0.95, n), normalized=True)
    jitter = RNG.normal(0, off_m / 111_000, (n, 2))
    return shapely.get_x(points) + jitter[:, 0], shapely.get_y(points) + jitter[:, 1]


@pytest.mark.parametrize("true", ["wgs84", "gcj02", "bd09"])
@pytest.mark.parametrize("declared", ["wgs84", "gcj02", "bd09"])
def test_a_wrong_datum_is_noticed_and_a_right_one_is_not(true, declared):
    """Points beside roads, written in one datum and declared as another, give the setting to change."""
    x, y = on_roads(60, 30.0)
    if true != "wgs84":
        x, y = wgs84_to_gcj02(x, y)
    if true == "bd09":
        x, y = gcj02_to_bd09(x, y)
    fault = notice_datum(x, y, declared, distance_to(ROADS), file="chargers.csv")
    if true == declared:
        assert fault is None
    else:
        assert fault.warning
        assert f'datum = "{true}"' in fault.render("en")
        assert f'"{true}"' in fault.render("zh")


def test_points_without_roads_are_not_judged():
    """Points scattered anywhere favour no datum; few points prove nothing."""
    x, y = RNG.uniform(113, 114, 200), RNG.uniform(27, 28, 200)
    assert notice_datum(x, y, "wgs84", distance_to(ROADS)) is None
    x, y = wgs84_to_gcj02(*on_roads(4, 10.0))
    assert notice_datum(x, y, "wgs84", distance_to(ROADS)) is None
    assert notice_datum([], [], "wgs84", distance_to(ROADS)) is None
    assert notice_datum([1.0], [1.0], "EPSG:4547", distance_to(ROADS)) is None


def test_far_points_hide_nothing():
    """Thirty points beside roads with a wrong datum among 300 far from all roads: noticed, counted without those."""
    x, y = on_roads(30, 30.0)
    far = RNG.uniform(118, 119, 300), RNG.uniform(27, 28, 300)
    fault = notice_datum(np.r_[x, far[0]], np.r_[y, far[1]], "gcj02", distance_to(ROADS))
    assert fault.values["other"] == "wgs84"
    assert fault.values["n"] == 30


def test_what_the_roads_contradict_is_not_proposed():
    """Points right by the roads and 650 m off the facilities: the facilities are wrong, not the points."""
    x, y = on_roads(60, 5.0)
    back = gcj02_to_wgs84(x, y)
    wrong = distance_to(shapely.points(*back))
    assert notice_datum(x, y, "wgs84", wrong).values["other"] == "gcj02"
    assert notice_datum(x, y, "wgs84", wrong, veto=distance_to(ROADS)) is None


def test_chargers_are_judged_by_facilities_too(root, tmp_path):
    """The sample's chargers of service areas are WGS 84 in its own terms; declared GCJ-02 they draw a warning."""
    from plugspan.pipeline import load
    from plugspan.project import read_project

    folder = root / "data"
    rows = read_table(folder / "sites" / "chargers_gcj02.csv", CHARGERS, datum="gcj02")
    frame = pd.DataFrame({"id": rows["id"], "lon": rows.geometry.x, "lat": rows.geometry.y})
    frame.to_csv(tmp_path / "chargers.csv", index=False)
    body = (folder / "zhuzhou.toml").read_text("utf-8")
    for name in ("sites/", "osm/"):
        body = body.replace(f'"{name}', f'"{(folder / name).as_posix()}/')
    body = body.replace(
        (folder / "sites").as_posix() + "/chargers_gcj02.csv", (tmp_path / "chargers.csv").as_posix()
    )
    (tmp_path / "project.toml").write_text(body, "utf-8")
    keys = [(f.key, f.file) for f in load(read_project(tmp_path)).inputs.warnings]
    assert ("datum-mismatch", "chargers.csv") in keys
    good = body.replace('chargers.csv"\ndatum = "gcj02"', 'chargers.csv"\ndatum = "wgs84"', 1)
    (tmp_path / "project.toml").write_text(good, "utf-8")
    assert "datum-mismatch" not in [f.key for f in load(read_project(tmp_path)).inputs.warnings]


def test_distances_for_noticing_are_near_enough():
    """A point 0.01° north of a parallel road is 1 112 m away, within one per cent."""
    road = shapely.LineString([(113, 27.5), (114, 27.5)])
    assert distance_to([road])(np.array([113.5]), np.array([27.51]))[0] == pytest.approx(1112, rel=0.01)
    assert np.isinf(distance_to([])(np.array([113.5]), np.array([27.51]))[0])


def test_the_halo_is_at_least_as_wide_as_asked():
    """A point 39 km east of a region lies in its halo of 40 km."""
    zone = grown(shapely.box(113, 27, 113.5, 27.5), 40.0)
    assert shapely.intersects_xy(zone, 113.5 + 39 / (111.3 * np.cos(np.radians(27.5))), 27.2)
    assert not shapely.intersects_xy(zone, 113.5 + 60 / (111.3 * np.cos(np.radians(27.5))), 27.2)
