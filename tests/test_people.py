"""People from rasters, exact at the region's border, and places of demand joined into few."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan import InputError
from plugspan.inputs import CHARGERS, DEMAND, SCHEMAS, as_table, collect, people, read_table
from plugspan.inputs.people import cell_shares, cluster_demand, people_from_raster, with_population
from pyproj import Transformer
from rasterio.transform import from_origin
from test_evidence import site
from toy import lonlat

NODATA = -99999.0


def write(path, values, west=113.0, north=28.0, cell=0.01, crs="EPSG:4326", **more):
    """A raster of people."""
    values = np.asarray(values, dtype=np.float32)
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "float32",
               "crs": crs, "transform": from_origin(west, north, cell, cell), "nodata": NODATA}  # fmt: skip
    with rasterio.open(path, "w", **{**profile, **more}) as out:
        out.write(values, 1)
    return path


def brute(values, area, west=113.0, north=28.0, cell=0.01):
    """Sum over cells of people × share of the cell's area in the area, one by one."""
    total = 0.0
    for (r, c), n in np.ndenumerate(np.asarray(values, dtype=np.float32)):
        box = shapely.box(west + c * cell, north - (r + 1) * cell, west + (c + 1) * cell, north - r * cell)
        total += max(float(n), 0.0) * box.intersection(area).area / box.area if n != NODATA else 0.0
    return total


def test_a_region_through_the_middle_of_cells_takes_half_of_them(tmp_path):
    """Four cells of 100, 40, no data and 60 people; the region ends in the middle of the right ones: 100 + 20."""
    path = write(tmp_path / "p.tif", [[100, 40], [NODATA, 60]])
    region = shapely.box(112.0, 27.99, 113.015, 29.0)
    table, notes = people_from_raster(path, region)
    assert table["weight"].tolist() == pytest.approx([100.0, 20.0])
    assert table.geometry.x.tolist() == pytest.approx([113.005, 113.015])
    assert notes[0].values == {"n": 2, "people": "120", "cells": 1}
    whole, _ = people_from_raster(path, None)
    assert whole["weight"].sum() == 200.0


corner = st.tuples(st.floats(112.99, 113.09), st.floats(27.92, 28.01))


@settings(max_examples=40, deadline=None)
@given(st.lists(corner, min_size=3, max_size=8, unique=True), st.integers(0, 9), st.integers(1, 40))
def test_sums_are_those_of_each_cell_by_itself(tmp_path_factory, corners, seed, most):
    """Any polygon, any pieces of the raster, any squares: the sum is the one by hand."""
    area = shapely.MultiPoint(corners).convex_hull
    if seed % 2:
        area = area.difference(shapely.Point(113.04, 27.97).buffer(0.013))
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.area < 1e-9:
        return
    values = np.random.default_rng(seed).integers(0, 50, (7, 9)).astype(float)
    values[2, 3] = NODATA
    path = write(tmp_path_factory.mktemp("r") / "p.tif", values)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(people, "CELLS_AT_ONCE", 20)
        try:
            table, _ = people_from_raster(path, area, most=most)
        except InputError as error:
            if error.faults[0].key != "raster-elsewhere":
                raise
            return
    assert table["weight"].sum() == pytest.approx(brute(values, area), rel=1e-6, abs=1e-9)
    assert len(table) <= most


def test_shares_add_up_over_two_regions_that_meet():
    """A cell on the border of two counties is shared without rest."""
    rng = np.random.default_rng(3)
    hull = shapely.MultiPoint(rng.uniform(0, 10, (9, 2))).convex_hull
    parts = hull.intersection(shapely.box(-1, -1, 4.3, 11)), hull.intersection(shapely.box(4.3, -1, 11, 11))
    column, row = (a.ravel() for a in np.meshgrid(np.arange(11), np.arange(11)))
    transform = from_origin(-0.5, 10.5, 1, 1)
    whole, *halves = (cell_shares(column, row, transform, area) for area in (hull, *parts))
    np.testing.assert_allclose(halves[0] + halves[1], whole, atol=1e-12)


def test_counties_get_the_people_of_the_raster(tmp_path):
    """Two counties that meet in a cell share it by area; one with a figure and one beyond the raster keep theirs."""
    rng = np.random.default_rng(4)
    values = rng.uniform(0, 100, (8, 10)).round()
    path = write(tmp_path / "p.tif", values)
    slanted = [(113.0, 27.92), (113.043, 27.92), (113.057, 28.0), (113.0, 28.0)]
    areas = [shapely.Polygon(slanted), shapely.Polygon([*slanted[1:3], (113.1, 28.0), (113.1, 27.92)]),
             shapely.box(113.01, 27.93, 113.02, 27.94), shapely.box(113.05, 27.95, 113.2, 27.99)]  # fmt: skip
    rows = [{"id": str(k), "name": f"C{k}", "population": 7.0 if k == 2 else None, "geometry": a}
            for k, a in enumerate(areas)]  # fmt: skip
    counties = as_table(rows, SCHEMAS["counties"], "c.gpkg")
    filled, notes = with_population(counties, [path])
    found = filled["population"].astype(float).tolist()
    assert found[:2] == pytest.approx([brute(values, area) for area in areas[:2]])
    assert sum(found[:2]) == pytest.approx(values.sum())
    assert found[2] == 7.0
    assert np.isnan(found[3])
    assert [(note.key, note.values.get("names")) for note in notes] == [
        ("counties-counted", None),
        ("counties-beyond", "C3"),
    ]
    west = write(tmp_path / "w.tif", values[:, :5])
    east = write(tmp_path / "e.tif", values[:, 5:], west=113.05)
    tiles, _ = with_population(counties, [west, east])
    assert tiles["population"].astype(float).tolist()[:2] == pytest.approx(found[:2])
    assert with_population(counties.assign(population=1.0), [path])[1] == []


def test_a_raster_in_metres_lies_where_it_should(tmp_path):
    """GHS-POP comes in Mollweide (ESRI:54009): its cells come back to longitude and latitude."""
    x, y = Transformer.from_crs(4326, "ESRI:54009", always_xy=True).transform(113.0, 27.0)
    path = write(
        tmp_path / "g.tif",
        [[0, 7], [0, 0]],
        west=x - 100,
        north=y + 100,
        cell=100,
        crs="ESRI:54009",
        nodata=-200,
    )
    table = read_table(path, DEMAND, region=shapely.box(112.9, 26.9, 113.1, 27.1))
    lon, lat = table.geometry.x.iloc[0], table.geometry.y.iloc[0]
    assert (lon, lat) == (pytest.approx(113.0, abs=0.002), pytest.approx(27.0, abs=0.002))
    assert table[["weight", "kind", "source"]].iloc[0].tolist() == [7.0, "population", "g.tif"]


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda p: p.write_bytes(b"hello"), "raster-foreign"),
        (lambda p: p.write_bytes(b""), "raster-foreign"),
        (lambda p: p.write_bytes(p.read_bytes()[:60]), "raster-broken"),
        (lambda p: p.write_bytes(b"II*\0" + b"\xff" * 200), "raster-broken"),
        (lambda p: write(p, [[1.0]], crs=None), "raster-crs"),
        (
            lambda p: write(p, [[1.0]], transform=rasterio.Affine(0.01, 0.002, 113, 0.002, -0.01, 28)),
            "raster-crs",
        ),
        (lambda p: write(p, [[1.0]], west=10.0), "raster-elsewhere"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_is_no_raster_of_people_is_refused(tmp_path, spoil, key):
    """Other files, broken ones, without a coordinate system, rotated, elsewhere: with a remedy in both languages."""
    path = write(tmp_path / "p.tif", np.ones((4, 4)))
    spoil(path)
    with pytest.raises(InputError) as caught:
        read_table(path, DEMAND, region=shapely.box(112, 27, 114, 29))
    assert [f.key for f in caught.value.faults] == [key]
    assert caught.value.render("zh") != caught.value.render("en")


def test_a_raster_is_demand_and_nothing_else(tmp_path):
    """As chargers it is refused, and says where it goes."""
    with pytest.raises(InputError, match=r"\[tables.demand\]"):
        read_table(write(tmp_path / "p.tif", [[1.0]]), CHARGERS)


def world(places, chargers=()):
    """Inputs with places (x, y, people, county)."""
    rows = [
        {
            "id": f"d{k}",
            "name": f"d{k}",
            "weight": w,
            "flow": None,
            "county": c,
            "geometry": shapely.Point(*lonlat(x, y)),
        }
        for k, (x, y, w, c) in enumerate(places)
    ]
    tables = {name: as_table([], schema) for name, schema in SCHEMAS.items()}
    tables["demand"] = as_table(rows, DEMAND, "people.csv")
    tables["chargers"] = as_table(list(chargers), CHARGERS, "sites.csv")
    return collect(tables, None, [])


def test_places_are_joined_within_their_county_and_nobody_is_lost():
    """Two hamlets of three houses, 20 km apart, in two counties: two places, at a house, with the people of each."""
    houses = [
        (0, 0, 5.0, "a"),
        (100, 0, 1.0, "a"),
        (0, 100, 1.0, "a"),
        (20_000, 0, 2.0, "b"),
        (20_100, 0, 2.0, "b"),
    ]
    found = cluster_demand(world(houses, [site("s", (0, 0))]), "people.csv", 2, 10.0)
    table = found.demand.sort_values("county")
    assert table["weight"].tolist() == [7.0, 4.0]
    assert table["county"].tolist() == ["a", "b"]
    assert table["id"].iloc[0] == "d0"  # the house nearest to the middle of the people
    note = found.warnings[-1]
    assert note.key == "demand-clustered"
    assert (note.values["old"], note.values["new"]) == (5, 2)
    assert (note.values["before"], note.values["after"]) == ("63.6 %", "63.6 %")
    assert "5 demand points are joined into 2" in note.render("en")


def test_many_places_become_as_many_as_asked_for_with_the_same_sums():
    """3000 places in three counties become at most 50; each county keeps its people; the same every time."""
    rng = np.random.default_rng(8)
    places = [(x, y, w, "abc"[k % 3]) for k, (x, y, w) in enumerate(rng.uniform(0, 30_000, (3000, 3)))]
    inputs = world(places)
    found, again = (cluster_demand(inputs, "people.csv", 50, 10.0) for _ in range(2))
    assert 30 <= len(found.demand) <= 50
    pd.testing.assert_series_equal(
        found.demand.groupby("county")["weight"].sum(), inputs.demand.groupby("county")["weight"].sum()
    )
    pd.testing.assert_frame_equal(pd.DataFrame(found.demand), pd.DataFrame(again.demand))
    assert set(found.demand["id"]) <= set(inputs.demand["id"])
    few = replace(inputs, demand=inputs.demand.iloc[:40])
    assert cluster_demand(few, "people.csv", 50, 10.0) is few
    assert cluster_demand(inputs, "other.csv", 50, 10.0) is inputs


def test_people_of_a_county_are_spread_over_it(tmp_path):
    """1000 people of a square of 20 km: half of them in its west; a house stays a place, unknown stays unknown."""
    (x0, y0), (x1, y1) = lonlat(0, 0), lonlat(20_000, 20_000)
    square = shapely.box(x0, y0, x1, y1)
    house = shapely.box(x1 + 0.1, y0, x1 + 0.101, y0 + 0.001)
    frame = gpd.GeoDataFrame(
        {"name": ["county", "house", "none"], "people": [1000.0, 3.0, None]},
        geometry=[square, house, square],
        crs=4326,
    )
    frame.to_file(tmp_path / "areas.gpkg")
    notes: list = []
    table = read_table(tmp_path / "areas.gpkg", DEMAND, columns={"weight": "people"}, notes=notes)
    mine = table[table["name"] == "county"]
    assert 100 <= len(mine) <= 121
    assert mine["weight"].sum() == pytest.approx(1000.0)
    half = mine.geometry.x < (x0 + x1) / 2
    assert mine["weight"][half].sum() == pytest.approx(
        500.0, rel=0.11
    )  # squares that the line cuts go to one side
    assert mine.geometry.within(square).all()
    assert table["id"].is_unique
    assert table.loc[table["name"] == "house", "weight"].tolist() == [3.0]
    assert table.loc[table["name"] == "none", "weight"].isna().all()
    assert "demand-spread" in [note.key for note in notes]
