"""A country in pieces: what is cut gives the same figures as the whole, and only what changed is run again."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import weakref
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from osm_xml import drives, node, write_osm
from pieces_case import LEAST, country, grid
from plugspan import pipeline
from plugspan.atomic import write_folder
from plugspan.country import cut as cutting
from plugspan.country import outputs, tasks
from plugspan.country import run as running
from plugspan.country.cut import cut_country, piece, piece_key, read_piece
from plugspan.country.manifest import (
    COUNTRY_MAP,
    NATIONAL,
    Manifest,
    RegionRun,
    read_manifest,
    write_manifest,
)
from plugspan.country.run import Progress, read_country, run_country
from plugspan.country.tables import read_tables, read_written, write_list
from plugspan.country.tasks import Task, Where, cluster, last_run, run_region
from plugspan.errors import InputError, OutputExistsError, PlugspanError
from plugspan.inputs.fusion import Decisions
from plugspan.network import Region, read_osm
from plugspan.network.osm.pbf_format import decode_varints, unzigzag
from plugspan.network.osm.pbf_write import encode_varints, zigzag
from plugspan.network.osm.pieces import OsmPieces, cells_around, cells_in, within_cells
from plugspan.pipeline import assess_study, check_siting, find_places, make_plan
from plugspan.programme import plan_programme
from plugspan.project import read_project
from plugspan.study import load, sample_project
from plugspan.work_folder import held
from shapely import affinity


def cut(project, out):
    """Read and cut a country."""
    read = read_country(project)
    cut_country(read, out, lambda _share: None)
    return read


def study(out, id_):
    """What a piece holds, read."""
    return load(read_piece(piece(out, id_)), read=read_written, piece=id_ != NATIONAL)


# -- pieces of roads ---------------------------------------------------------------------------------------
@given(st.lists(st.integers(-(2**62), 2**62), max_size=50))
def test_numbers_come_back(values):
    """What is written in so few bytes is what is read, small and large, negative ones too."""
    data, size = encode_varints(zigzag(values))
    assert size.sum() == len(data)
    if values:
        assert unzigzag(decode_varints(data)).tolist() == values


@pytest.fixture(scope="module")
def odd_osm(tmp_path_factory):
    """Roads with a node that is missing, features of all three kinds, an area of two ways, one of them a road."""
    nodes = [
        node(k, k % 40, k // 40, **({"amenity": "charging_station"} if k % 37 == 0 else {}))
        for k in range(1600)
    ]
    at = lambda x, y: y * 40 + x  # noqa: E731
    ways = [
        (10_000 + y, [at(x, y) for x in range(40)], {"highway": "primary", "ref": f"G{300 + y}"})
        for y in range(0, 40, 4)
    ]
    ways += [
        (11_000 + x, [at(x, y) for y in range(40)], {"highway": "residential", "name": f"路 {x}"})
        for x in range(0, 40, 5)
    ]
    ways += [(12_000, [at(3, 3), 999_999, at(6, 3), at(7, 3)], {"highway": "tertiary"})]
    ways += [(12_001, [at(9, 9), at(11, 9), at(11, 11), at(9, 9)], {"amenity": "parking", "name": "P"})]
    ways += [(12_002, [at(13, 13), at(15, 13)], {"highway": "service", "service": "driveway"})]
    ring = [at(0, 0), at(39, 0), at(39, 39)], [at(39, 39), at(0, 39), at(0, 0)]
    ways += [(12_003, ring[0], {}), (12_004, ring[1], {"highway": "unclassified"})]
    relations = [(1, [("w", 12_003, "outer"), ("w", 12_004, "outer")],
                  {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "县"})]  # fmt: skip
    folder = tmp_path_factory.mktemp("odd")
    write_osm(folder / "backwards.osm.pbf", nodes[::-1], ways, relations)
    return write_osm(folder / "odd.osm.pbf", nodes, ways, relations)


def same_features(one, two):
    """Whether both have the same rows; a missing name is missing however the column holds it."""
    assert one.keys() == two.keys()
    for name, a in one.items():
        b = two[name]
        assert a["osm_id"].tolist() == b["osm_id"].tolist(), name
        assert a["name"].fillna("").tolist() == b["name"].fillna("").tolist()
        assert a["tags"].tolist() == b["tags"].tolist()
        assert (
            shapely.to_wkb(a.geometry.to_numpy()).tolist() == shapely.to_wkb(b.geometry.to_numpy()).tolist()
        )


def test_a_piece_reads_as_the_whole_file_does(odd_osm, tmp_path):
    """Roads, features and what is missing are the same in every region, wherever its border runs."""
    (tmp_path / "cut").mkdir()
    pieces, rng, found = OsmPieces(odd_osm, tmp_path / "cut", most=300), np.random.default_rng(4), 0
    for k in range(12):
        west, south = 10 + rng.uniform(-0.01, 0.035), 50 + rng.uniform(-0.01, 0.035)
        region = Region.from_bbox(
            west,
            south,
            west + rng.uniform(0.001, 0.02),
            south + 0.01,
            halo_m=float(rng.choice([0, 300, 2000])),
        )
        path = tmp_path / f"{k}.osm.pbf"
        pieces.write_area(path, region.with_halo)
        try:
            whole = read_osm(odd_osm, region)
        except InputError:
            continue
        part = read_osm(path, region)
        assert drives(part.roads) == drives(whole.roads)
        same_features(part.features, whole.features)
        found += len(whole.roads.seg_length_m)
    assert found > 300


def test_a_piece_of_everything_is_the_file(odd_osm, tmp_path):
    """All roads that are driven on and all features; osmium reads it as well, and its bytes are the same again."""
    import osmium

    for name, most in (("a", 10_000), ("b", 300)):
        (tmp_path / name).mkdir()
        pieces = OsmPieces(odd_osm, tmp_path / name, most)
        pieces.write_area(tmp_path / f"{name}.osm.pbf", shapely.box(9, 49, 11, 51))
    assert (tmp_path / "a.osm.pbf").read_bytes() == (tmp_path / "b.osm.pbf").read_bytes()
    whole, part = read_osm(odd_osm), read_osm(tmp_path / "a.osm.pbf")
    assert drives(part.roads) == drives(whole.roads)
    same_features(part.features, whole.features)
    assert part.report.missing_nodes == whole.report.missing_nodes == 1
    seen = {o.id: dict(o.tags) for o in osmium.FileProcessor(str(tmp_path / "a.osm.pbf")) if o.is_relation()}
    assert seen == {1: {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "县"}}


def test_pieces_of_a_file_that_osmium_reads(odd_osm, tmp_path):
    """Its nodes are out of order, which is seen when ways have been put by already."""
    (tmp_path / "cut").mkdir()
    pieces = OsmPieces(odd_osm.with_name("backwards.osm.pbf"), tmp_path / "cut", most=300)
    pieces.write_area(tmp_path / "all.osm.pbf", shapely.box(9, 49, 11, 51))
    whole, part = read_osm(odd_osm), read_osm(tmp_path / "all.osm.pbf")
    assert drives(part.roads) == drives(whole.roads)
    same_features(part.features, whole.features)


def test_cells_hold_what_is_near():
    """No place within the distance lies outside the cells, near the poles and at the antimeridian neither."""
    rng = np.random.default_rng(2)
    for lon, lat in ((112.0, 28.0), (0.0, 0.0), (-179.999, 64.0), (179.999, -51.0), (20.0, 78.0)):
        turn, far = rng.uniform(0, 2 * np.pi, 300), 4_000 * rng.uniform(0, 1, 300)
        y = lat + far * np.cos(turn) / 111_700
        x = lon + far * np.sin(turn) / (111_320 * np.cos(np.radians(y)))
        places = np.stack([(x + 180) % 360 - 180, y], axis=1)
        assert within_cells(places, cells_around(np.array([[lon, lat]]), 4_000.0)).all()
        region = Region(shapely.Point(lon, lat).buffer(1e-6), 4_020.0).with_halo
        assert within_cells(places, cells_in(region)).all()


# -- tables ------------------------------------------------------------------------------------------------
def test_lists_come_back_with_their_rows():
    """Types, dates, missing cells, places and the file that they are of, of every table of the sample."""
    with sample_project() as path:
        project = read_project(path)
        tables = read_tables(project, load(project).region)
    assert len({each.name for each in tables.lists}) == 7
    assert not tables.faults
    for each in tables.lists:
        assert_same_list(each, project)


def test_calls_go_with_the_berths_of_a_region():
    """A region without a berth has no call; it had all of them, and the country's sum each one many times."""
    with sample_project() as path:
        project = read_project(path)
        tables = read_tables(project, Region.from_bbox(111.0, 26.0, 115.0, 29.0))
    held = {
        where: {each.name: len(each.frame) for each in tables.within(Region.from_bbox(*box)).lists}
        for where, box in (("city", (112.9, 27.7, 113.3, 28.0)), ("sea", (125.0, 25.0, 125.3, 25.3)))
    }
    assert held["sea"]["berths"] == held["sea"]["calls"] == 0
    assert held["city"]["berths"] > 0
    assert held["city"]["calls"] > 0


def assert_same_list(each, project):
    """Write a list, read it, compare all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.arrow"
        write_list(each, path)
        ledger = []
        again = read_written(
            project, each.name, each.settings.model_copy(update={"path": path}), None, None, None, ledger
        )
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")),
        pd.DataFrame(each.frame.drop(columns="geometry")),
        check_exact=True,
    )
    assert shapely.to_wkb(again.geometry).tolist() == shapely.to_wkb(each.frame.geometry).tolist()
    assert again.attrs == each.frame.attrs
    assert [(e.path, e.read) for e in ledger] == [(each.settings.path.as_posix(), len(again))]


def test_a_row_with_a_fault_stops_the_regions_that_read_it_alone(tmp_path):
    """Its file and row are told; a row that nobody can place, and a column that is missing, stop everything."""
    project, _ = country(tmp_path, 4)
    table = pd.read_csv(tmp_path / "chargers.csv", dtype=object)
    row = int(table["lat"].astype(float).argmin())
    table.loc[row, "points"] = "many"
    table.to_csv(tmp_path / "chargers.csv", index=False)
    read = read_country(project)
    hit = {id_ for id_ in read.ids if read.tables.within(read.region(id_)).faults}
    place = shapely.Point(float(table.loc[row, "lon"]), float(table.loc[row, "lat"]))
    assert hit == {id_ for id_ in read.ids if read.region(id_).with_halo.intersects(place)}
    assert hit
    assert hit < set(read.ids)
    assert [(f.row, f.column) for f in read.tables.faults] == [(row + 2, "points")]
    table.loc[row, "lat"] = "north"
    table.to_csv(tmp_path / "chargers.csv", index=False)
    with pytest.raises(InputError, match=f"row {row + 2}"):
        read_country(project)
    table.drop(columns="lon").to_csv(tmp_path / "chargers.csv", index=False)
    with pytest.raises(InputError):
        read_country(project)


def test_rows_without_a_place_belong_to_the_region_of_their_county(tmp_path):
    """A car park that names its county alone is in one region, by that region's name or its counties.

    So is the least number of new sites of a county: its neighbours, who read its border, need not meet it.
    """
    project, _ = country(tmp_path, 4)
    pd.DataFrame({"id": ["A", "B", "C"], "spaces": 9, "county": ["Region 01", "Middle", "Elsewhere"]}).to_csv(
        tmp_path / "car_parks.csv", index=False
    )
    counties = grid(4).iloc[[3]].assign(name="Middle")
    counties.geometry = shapely.buffer(counties.geometry.to_numpy(), -0.1)
    counties[["name", "geometry"]].to_file(tmp_path / "counties.geojson")
    toml = tmp_path / "project.toml"
    asks = "[siting]\nmin_per_county = { Middle = 2 }\nscenarios.more.demand = { Middle = 3.0 }"
    more = '\n[tables.counties]\npath = "counties.geojson"\n'
    toml.write_text(toml.read_text("utf-8").replace("[siting]", asks) + more, "utf-8")
    read = cut(read_project(tmp_path), tmp_path / "out")
    asked = {id_: read_piece(piece(tmp_path / "out", id_)).siting for id_ in [*read.ids, "national"]}
    assert {id_: each.min_per_county for id_, each in asked.items()} == {
        "00": {}, "01": {}, "10": {}, "11": {"Middle": 2}, "national": {"Middle": 2},
    }  # fmt: skip
    assert asked["11"].scenarios["more"].demand == {"Middle": 3.0}
    named = read_piece(piece(tmp_path / "out", "11")).output
    assert "car_parks.csv" in named.sources  # not the files of the piece
    assert named.title.startswith("Region 11 · ")
    found = {
        id_: [
            list_.frame["id"].tolist()
            for list_ in read.tables.within(read.region(id_)).lists
            if list_.name == "car_parks"
        ]
        for id_ in read.ids
    }
    assert found == {"00": [[]], "01": [["A"]], "10": [[]], "11": [["B"]]}
    nowhere = [note for note in read.tables.notes if note.key == "row-no-region"]
    assert [(note.file, note.row) for note in nowhere] == [("car_parks.csv", 4)]  # C; A and B have a region
    assert project.regions is not None


# -- the whole equals the pieces ---------------------------------------------------------------------------
def told(finding):
    """What a finding says, but for its lists by direction and county."""
    figures = {k: v for k, v in finding.figures.items() if not isinstance(v, list)}
    return repr((finding.rule.id, finding.low, finding.high, finding.status, figures))


@pytest.mark.parametrize("n", [4, 16])
def test_the_routes_of_the_pieces_are_those_of_the_whole(n, tmp_path):
    """Gaps, spacing and covered length of the national roads equal those of one run; people add up region by region."""
    many, one = country(tmp_path, n)
    out = tmp_path / "out"
    read = cut(many, out)
    whole, national = load(one), study(out, NATIONAL)
    assert len(national.roads.seg_length_m) < len(whole.roads.seg_length_m)
    a, b = assess_study(national), assess_study(whole)
    assert [told(f) for f in a.findings] == [told(f) for f in b.findings]
    aside = ["ways", "geometry"]
    pd.testing.assert_frame_equal(a.gaps.drop(columns=aside), b.gaps.drop(columns=aside), atol=1e-3)
    lines = zip(a.gaps.geometry, b.gaps.geometry, strict=True)
    assert max(shapely.hausdorff_distance(x, y) for x, y in lines) < 1e-6
    assert b.gaps["over"].sum() > 10
    for id_ in read.ids[:: n // 4]:
        part = assess_study(study(out, id_))
        own = part.demand[part.demand["inside"]].set_index("id")
        expected = b.demand.set_index("id").loc[own.index]
        assert own["reached"].tolist() == expected["reached"].tolist()
        assert own["distance_m"].to_numpy() == pytest.approx(
            expected["distance_m"].to_numpy(), abs=1e-3, nan_ok=True
        )
    inside = [each.frame[each.frame.intersects(read.region(id_).polygon)]["id"] for id_ in read.ids
              for each in read.tables.within(read.region(id_)).lists if each.name == "demand"]  # fmt: skip
    assert sorted(pd.concat(inside)) == sorted(b.demand["id"])


def test_all_roads_of_a_small_country_the_main_ones_of_a_large_one(tmp_path, monkeypatch):
    """What is left out of a large one are roads alone."""
    project, _ = country(tmp_path, 4, roads_of="auto")
    ways = []
    for most in (cutting.MOST_VERTICES, 10):
        monkeypatch.setattr(cutting, "MOST_VERTICES", most)
        cut(project, tmp_path / str(most))
        found = read_osm(piece(tmp_path / str(most), NATIONAL) / "roads.osm.pbf")
        ways.append(found.report.kept)
    assert ways[1] < ways[0]


@pytest.mark.slow
def test_the_least_plan_of_the_pieces_is_that_of_the_whole(tmp_path):
    """Each level has the same value, and the same actions reach it."""
    many, one = country(tmp_path, 16, more=LEAST)
    cut(many, tmp_path / "out")
    plans = [
        plan_programme(each, find_places(each)) for each in (study(tmp_path / "out", NATIONAL), load(one))
    ]
    levels = [[(x.name, x.objective, x.status) for x in plan.levels] for plan in plans]
    assert levels[0] == levels[1]
    assert len(levels[0]) >= 2
    chosen = [sorted(plan.chosen["id"]) for plan in plans]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) > 5


# -- what is the country's, and what a region's ------------------------------------------------------------
def with_counties(tmp_path, placed=(0, 1, 2, 3)):
    """A country of four, each a county with as many electric cars in a hundred as its number; some have a border."""
    country(tmp_path, 4)
    counties = grid(4).assign(registered_ev=[1, 2, 3, 4], registered_cars=100)
    counties.iloc[list(placed)].drop(columns="id").to_file(tmp_path / "counties.geojson")
    lone = counties.drop(counties.index[list(placed)]).drop(columns=["id", "geometry"])
    lone.to_csv(tmp_path / "fleet.csv", index=False)
    files = ["counties.geojson", *(["fleet.csv"] if len(lone) else [])]
    toml = tmp_path / "project.toml"
    more = "".join(f'\n[[tables.counties]]\npath = "{name}"\n' for name in files)
    toml.write_text(toml.read_text("utf-8") + more, "utf-8")
    return read_project(tmp_path)


@pytest.mark.parametrize("placed", [(0, 1, 2, 3), (0, 1)])
def test_a_region_counts_the_cars_of_its_own_counties(tmp_path, placed):
    """Its neighbours' are read as well, for places around it lie in them; one without a border goes by its name."""
    project = with_counties(tmp_path, placed)
    cut(project, tmp_path / "out")
    for k, id_ in enumerate(["00", "01", "10", "11"]):
        found = study(tmp_path / "out", id_)
        assert len(found.inputs.counties) == len({*placed, k})
        assert found.inputs.own_counties["name"].tolist() == [f"Region {id_}"]
        if k == 3:
            before = assess_study(found)
            assert before["car-park-readiness"].figures["registered_ev_share"] == 0.04
            assert before["fleet-match"].figures["registered_ev"] == 4
            assert [name for name in before["fleet-match"].table["county"] if name] == ["Region 11"]
            assert [row["county"] for row in before["ordinary-highway-spacing"].figures["by_county"]] == [
                "Region 11" for k in placed if k == 3
            ]
    assert len(study(tmp_path / "out", NATIONAL).inputs.own_counties) == 4


def test_a_part_of_a_county_has_its_cars(tmp_path):
    """No county has its middle in a region that is smaller than all."""
    project = with_counties(tmp_path)
    regions = grid(4).iloc[[0, 3]]
    middles = shapely.centroid(regions.geometry.to_numpy())
    small = [affinity.translate(shape, 0.1, 0.1) for shape in shapely.buffer(middles, 0.02)]
    (tmp_path / "regions.gpkg").unlink()
    regions.set_geometry(small, crs=4326).to_file(tmp_path / "regions.gpkg")
    cut(project, tmp_path / "out")
    assert study(tmp_path / "out", "11").inputs.own_counties["name"].tolist() == ["Region 11"]


def test_settings_of_the_whole_country_do_not_fail_its_regions(tmp_path):
    """Routes and posts that lie elsewhere, and growth by year: they are the national run's."""
    project, _ = country(
        tmp_path, 16, more='[plan]\nyears = { 2026 = 100.0 }\n[plan.growth."*"]\n2030 = 1.5\n'
    )
    cut(project, tmp_path / "out")
    route = next(r for r in study(tmp_path / "out", NATIONAL).routes if r.ref == "G301")
    roads = study(tmp_path / "out", NATIONAL).roads
    lon, lat = roads.node_xy[roads.edge_u[route.sections[0].drives[0].edges[5]]].tolist()
    marks = (
        f"\n[routes.G301]\nmarks = [{{ km = 700, lon = {lon}, lat = {lat} }}]\n[routes.S203]\nstart_km = 50\n"
    )
    toml = tmp_path / "project.toml"
    toml.write_text(toml.read_text("utf-8") + marks, "utf-8")
    project = read_project(tmp_path)
    cut(project, tmp_path / "out")
    posted = {}
    for id_ in ("00", "03", "30", NATIONAL):
        found = study(tmp_path / "out", id_)
        posted |= {
            (id_, r.ref, s.number): s.posted for r in found.routes for s in r.sections if r.ref == "G301"
        }
        starts = [min(d.start_m for d in r.sections[0].drives) for r in found.routes if r.ref == "S203"]
        assert all(start == (50_000 if id_ == NATIONAL else 0) for start in starts)
        plan = read_piece(piece(tmp_path / "out", id_)).plan
        assert bool(plan.growth) == (id_ == NATIONAL)
    assert {True, False} == set(posted.values())
    assert posted[NATIONAL, "G301", 1]


def test_aims_without_data_do_not_fail_a_region(tmp_path):
    """Traffic is counted in a corner: regions that have none of it near them leave the aim out, and say so."""
    project, _ = country(
        tmp_path, 4, more='[plan]\nthen = { people = 1.0, flow = 3.0 }\npoints = "traffic"\n'
    )
    toml = tmp_path / "project.toml"
    words = toml.read_text("utf-8")
    assert "[siting]\n" in words
    aims = '[siting]\naims = { flow = 1.0, equity = 1.0 }\npareto_front = ["people", "flow"]\n'
    toml.write_text(words.replace("[siting]\n", aims), "utf-8")
    demand = pd.read_csv(tmp_path / "demand.csv")
    demand["flow"] = None
    demand.loc[(demand["lon"] + demand["lat"]).idxmin(), "flow"] = 100.0  # near the corner of region 00
    demand.to_csv(tmp_path / "demand.csv", index=False)
    project = read_project(tmp_path)
    cut(project, tmp_path / "out")
    whole = study(tmp_path / "out", NATIONAL)
    assert whole.project.plan.aims == {"people": 0.25, "flow": 0.75}
    told = {}
    for id_ in ("00", "01", "10", "11"):
        found = study(tmp_path / "out", id_)
        told[id_] = {(w.value, w.values["key"]) for w in found.inputs.warnings if w.key == "setting-no-data"}
        assert ("flow" in found.project.plan.aims) == (("flow", "plan.then") not in told[id_])
    every = {("flow", key) for key in ("plan.then", "siting.aims", "siting.pareto_front")}
    assert all(("traffic", "plan.points") in each for each in told.values())
    assert not told["00"] & every
    assert told["11"] >= every
    places = find_places(found)  # of region 11
    check_siting(found, places)
    assert set(plan_programme(found, places).then) == {"people"}


def test_counts_by_kilometre_marks_are_laid_where_marks_are_known(tmp_path):
    """A route of a piece begins at the edge of the piece: kilometre 10 is not 10 km from there."""
    country(tmp_path, 16)
    rows = [("G301", 10.0, 20.0), ("S201", None, None)]
    pd.DataFrame(rows, columns=["ref", "from_km", "to_km"]).assign(aadt=5000).to_csv(
        tmp_path / "traffic.csv", index=False
    )
    toml = tmp_path / "project.toml"
    toml.write_text(toml.read_text("utf-8") + '\n[tables.traffic]\npath = "traffic.csv"\n', "utf-8")
    cut(read_project(tmp_path), tmp_path / "out")
    for id_ in ("00", NATIONAL):
        found = study(tmp_path / "out", id_).inputs
        laid = {ref for ref in ("G301", "S201") if found.demand["id"].str.startswith(f"traffic-{ref}").any()}
        left = [note for note in found.warnings if note.key == "traffic-elsewhere"]
        assert ("G301" in laid) == (id_ == NATIONAL)
        assert len(left) == (id_ != NATIONAL)
        assert id_ != NATIONAL or "S201" in laid


def test_what_counts_twice_or_nowhere_is_noted(tmp_path):
    """Regions that lie on each other, and counties of one name in two regions."""
    project, _ = country(tmp_path, 4)
    regions = grid(4)
    regions.loc[1, "geometry"] = regions.geometry[1].union(regions.geometry[0].buffer(-0.1))
    regions.loc[3, "geometry"] = regions.geometry[3].buffer(0.0001)  # a rough border
    regions["name"] = ["Aland", "Berg", "Cliff", "Cliff"]
    (tmp_path / "regions.gpkg").unlink()
    regions.to_file(tmp_path / "regions.gpkg")
    pd.DataFrame({"id": ["A", "B"], "spaces": 9, "county": ["Cliff", "Berg"]}).to_csv(
        tmp_path / "car_parks.csv", index=False
    )
    notes = {note.key: note for note in read_country(project).tables.notes}
    assert set(notes) == {"regions-overlap", "row-many-regions"}
    assert {notes["regions-overlap"].values[end] for end in ("one", "two")} == {"Aland", "Berg"}
    assert notes["row-many-regions"].row == 2


def test_what_people_decided_is_read_once(tmp_path, monkeypatch):
    """Not for each of thousands of regions."""
    project, _ = country(tmp_path, 4)
    asked = []
    monkeypatch.setattr(cutting, "decisions_of", lambda p: asked.append(p) or Decisions())
    cut(project, tmp_path / "out")
    assert len(asked) == 1


# -- what is run again -------------------------------------------------------------------------------------
def keys(project, out):
    """Cut, and the key of each region and the national run."""
    read = cut(project, out)
    return {id_: piece_key(out, id_) for id_ in [*read.ids, NATIONAL]}


def test_only_what_changed_has_another_key(tmp_path, monkeypatch):
    """A charger touches the regions that read it, an option all, a second cut none."""
    project, _ = country(tmp_path, 16)
    out = tmp_path / "out"
    before = keys(project, out)
    roads = {id_: (piece(out, id_) / "roads.osm.pbf").stat().st_mtime_ns for id_ in before}
    assert keys(project, out) == before
    assert {id_: (piece(out, id_) / "roads.osm.pbf").stat().st_mtime_ns for id_ in before} == roads
    table = pd.read_csv(tmp_path / "chargers.csv")
    corner = table.assign(far=table["lon"] + table["lat"])["far"].idxmin()
    table.loc[corner, "points"] = 8
    table.to_csv(tmp_path / "chargers.csv", index=False)
    after = keys(project, out)
    changed = {id_ for id_ in before if before[id_] != after[id_]}
    read = read_country(project)
    place = shapely.Point(table.loc[corner, ["lon", "lat"]].astype(float))
    assert changed == {NATIONAL} | {id_ for id_ in read.ids if read.region(id_).with_halo.intersects(place)}
    assert len(changed) < 12
    other = project.model_copy(update={"language": "zh"})
    assert not set(keys(other, out).items()) & set(after.items())
    monkeypatch.setattr(cutting, "_code_digest", lambda: "other code of the same version")
    assert not set(keys(project, out).items()) & set(after.items())


def test_a_piece_without_a_table_any_more_has_no_file_of_it(tmp_path):
    """What the project no longer names goes from the pieces, so that keys are those of a fresh cut."""
    project, _ = country(tmp_path, 4)
    fewer = project.model_copy(
        update={"tables": {k: v for k, v in project.tables.items() if k != "car_parks"}}
    )
    keys(project, tmp_path / "out")
    assert keys(fewer, tmp_path / "out") == keys(fewer, tmp_path / "fresh")


RAN: list[str] = []
BAD: dict[str, Exception] = {}


def stand_in(out, task, memory_mb=None):
    """Note that a region was run, and leave a small folder; a function of a module is not copied by the cluster."""
    RAN.append(task.id)
    if task.id in BAD:
        raise BAD[task.id]
    with write_folder(tasks.target(Path(out), task.id), overwrite=True) as new:
        (new / "result.json").write_text(json.dumps({"key": task.key}), "utf-8")
    run = RegionRun(task.id, task.name, "done", "", task.key, 0.1, 1.0)
    tasks.note_run(Path(out), run)
    return run


@pytest.fixture
def in_process(monkeypatch):
    """Runs of regions that only note themselves, on a cluster of threads of this process."""
    from distributed import LocalCluster

    RAN.clear()
    BAD.clear()
    monkeypatch.setattr(tasks, "run_region", stand_in)
    monkeypatch.setattr(outputs, "write", lambda *_: None)
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address, RAN, BAD


def test_a_rerun_does_what_is_missing_or_stale(tmp_path, in_process):
    """Done is done, failed is tried again, a folder that lost a file is made anew; --only runs what it names."""
    address, ran, bad = in_process
    project, _ = country(tmp_path, 4)
    out = tmp_path / "out"
    bad["01"] = RuntimeError("a fault of ours")
    first = run_country(project, out, scheduler=address)
    assert sorted(ran) == ["00", "01", "10", "11", NATIONAL]
    assert first["01"].state == "failed"
    assert "a fault of ours" in first["01"].reason
    assert first.counts() == {"done": 3, "failed": 1, "stale": 0, "todo": 0}
    assert read_manifest(out) == first
    bad.clear()
    ran.clear()
    (out / "regions" / "10" / "result.json").unlink()
    second = run_country(project, out, scheduler=address)
    assert sorted(ran) == ["01", "10"]
    assert {r.state for r in second.regions} == {"done"}
    ran.clear()
    assert run_country(project, out, scheduler=address).regions == second.regions
    assert not ran
    third = run_country(project.model_copy(update={"language": "zh"}), out, only=["11"], scheduler=address)
    assert ran == ["11"]
    assert [r.state for r in third.regions] == ["stale", "stale", "stale", "done"]
    (out / "manifest.json").unlink()  # nothing is lost with it
    assert run_country(project, out, only=["11"], scheduler=address)["00"].state == "done"
    with pytest.raises(InputError, match="nowhere"):
        run_country(project, out, only=["nowhere"], scheduler=address)


class Lost(Progress):
    """Goes away when two regions have ended."""

    def __init__(self):
        self.left = 2

    def region(self, run):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def files(out):
    """Bytes of all files but the manifest, which says how long cutting took."""
    found = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if path.name != "manifest.json"}


def test_a_rerun_after_the_client_is_lost_goes_on_where_it_was(tmp_path, in_process):
    """What workers had done is kept, and in the end all files are those of a run that nothing disturbed."""
    address, ran, _ = in_process
    project, _ = country(tmp_path, 4)
    with pytest.raises(KeyboardInterrupt):
        run_country(project, tmp_path / "out", scheduler=address, progress=Lost())
    (tmp_path / "out" / "pieces" / ".cutting").mkdir()  # what is left when it is lost earlier
    (tmp_path / "out" / "pieces" / "00" / ".project.json.new").write_text("half", "utf-8")
    before = [p.parent.name for p in (tmp_path / "out" / "pieces").glob("*/run.json")]
    assert len(before) >= 2
    ran.clear()
    (tmp_path / "out" / "pieces" / "00" / "cut.json").unlink()
    run_country(project, tmp_path / "out", scheduler=address)
    assert not set(ran) & set(before)
    run_country(project, tmp_path / "calm", scheduler=address)
    assert files(tmp_path / "out") == files(tmp_path / "calm")


def test_the_manifest_is_not_written_for_every_region(tmp_path, in_process, monkeypatch):
    """It has a row for each: at its beginning and its end in a short run, and whatever ends the run."""
    address = in_process[0]
    project, _ = country(tmp_path, 4)
    written = []
    monkeypatch.setattr(running, "write_manifest", lambda out, found: written.append(found.counts()["done"]))
    monkeypatch.setattr(running, "MANIFEST_S", float("inf"))
    run_country(project, tmp_path / "out", scheduler=address)
    assert written == [0, 4]
    with pytest.raises(KeyboardInterrupt):
        run_country(project, tmp_path / "other", scheduler=address, progress=Lost())
    assert written[2] == 0
    assert 1 <= written[3] <= 2
    monkeypatch.setattr(running, "MANIFEST_S", -1.0)
    run_country(project, tmp_path / "third", scheduler=address)
    assert len(written) == 4 + 1 + 5 + 1


def test_a_region_whose_rows_have_faults_is_not_run(tmp_path, in_process):
    """It has failed with the row as its reason, the others are done; mended, it alone is run."""
    address, ran, _ = in_process
    project, _ = country(tmp_path, 4)
    table = pd.read_csv(tmp_path / "chargers.csv", dtype=object)
    good = table.copy()
    row = int(table["lat"].astype(float).argmin())
    table.loc[row, "points"] = "many"
    table.to_csv(tmp_path / "chargers.csv", index=False)
    found = run_country(project, tmp_path / "out", scheduler=address)
    failed = {r.id for r in found.regions if r.state == "failed"}
    assert failed
    assert sorted(ran) == sorted({"00", "01", "10", "11"} - failed)
    assert all(f"row {row + 2}" in found[id_].reason for id_ in failed)
    assert found.national.state == "failed"
    ran.clear()
    good.to_csv(tmp_path / "chargers.csv", index=False)
    found = run_country(project, tmp_path / "out", scheduler=address)
    assert sorted(ran) == sorted({*failed, NATIONAL})
    assert {r.state for r in found.regions} == {"done"}


HOARD: list[bytes] = []
REGION = run_region


def deadly(out, task, memory_mb):
    """One region's process is ended as the system does when memory is short; one takes more than it may."""
    if task.id == "01":
        os.kill(os.getpid(), signal.SIGKILL)
    tasks._run_region = hoarding  # this is a process of its own
    return REGION(out, task, memory_mb)


def hoarding(out, task):
    """What is done of a region: one of them takes memory until it is stopped."""
    while task.id == "10":
        HOARD.append(b"1" * 50_000_000)
    return stand_in(out, task)


@pytest.mark.slow
def test_a_region_that_ends_its_worker_does_not_take_the_others_with_it(tmp_path, monkeypatch):
    """It is given up, with its reason; the others are done by new workers. Too much memory is told at once."""
    monkeypatch.setattr(tasks, "run_region", deadly)
    monkeypatch.setattr(tasks, "ALLOWED_FAILURES", 1)
    monkeypatch.setattr(outputs, "write", lambda *_: None)
    project, _ = country(tmp_path, 4)
    found = run_country(project, tmp_path / "out", workers=2, memory_mb=1500)
    assert [(r.id, r.state) for r in found.regions] == [
        ("00", "done"),
        ("01", "failed"),
        ("10", "failed"),
        ("11", "done"),
    ]
    assert "2 times" in found["01"].reason
    assert "memory" in found["10"].reason
    assert found["10"].peak_mb > 1500
    assert found.national.state == "done"


@pytest.mark.slow
def test_workers_keep_no_record_of_their_seconds():
    """Dask's profile of a worker takes half a gigabyte by and by; a region finds what the first one found."""
    with cluster(Where(workers=1)) as client:
        (called,) = client.run(lambda dask_worker: sorted(dask_worker.periodic_callbacks)).values()
    assert "heartbeat" in called
    assert not [name for name in called if "profile" in name]


def test_word_of_too_much_memory_is_taken_once(tmp_path, monkeypatch):
    """By the worker that is given the region next, in the same run of the country; a later run tries again."""
    project, _ = country(tmp_path, 4)
    out = tmp_path / "out"
    cut(project, out)
    ended = RegionRun("00", "Region 00", "failed", "memory", "k", None, 900.0)
    over = piece(out, "00") / tasks.OVER
    monkeypatch.setattr(tasks, "_run_region", stand_in)
    for turn, state in (("a", "failed"), ("a", "done"), ("b", "done")):
        if turn == "b" or state == "failed":
            over.write_text(json.dumps({"a": asdict(ended)}), "utf-8")
        assert run_region(str(out), Task("00", "Region 00", "k", turn)).state == state
    cut(project, out)
    assert not over.exists()
    # A region that is done is run again only if it was asked for; else its answer was lost with a worker.
    RAN.clear()
    for anew, ran in ((False, []), (True, ["00"])):
        task = Task("00", "Region 00", "k", "c", anew)
        assert run_region(str(out), task).state == "done"
        assert ran == RAN


def test_two_runs_in_one_folder(tmp_path, in_process):
    """The second is told; it may start when the first has ended."""
    address, ran, _ = in_process
    project, _ = country(tmp_path, 4)
    out = tmp_path / "out"
    (out / "pieces").mkdir(parents=True)
    with held(out / "pieces") as free:
        assert free
        with pytest.raises(InputError, match="another run is writing"):
            run_country(project, out, scheduler=address)
    assert not ran
    assert run_country(project, out, only=["00"], scheduler=address)["00"].state == "done"


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    """Pieces are not written among somebody's files."""
    project, _ = country(tmp_path, 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept", "utf-8")
    with pytest.raises(OutputExistsError):
        run_country(project, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_nobody_at_the_address(tmp_path):
    """A scheduler that does not answer is told, with what to do; nothing is changed."""
    project, _ = country(tmp_path, 4)
    with pytest.raises(PlugspanError, match="dask scheduler"):
        run_country(project, tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    assert read_manifest(tmp_path / "out").counts()["todo"] == 4


def test_workers_that_cannot_start_are_told(tmp_path, monkeypatch):
    """With what to do; Dask's own error has no remedy."""
    import distributed

    def fails(**_options):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", fails)
    with pytest.raises(PlugspanError, match="fewer --workers"), tasks.cluster(tasks.Where(2)):
        pass


def test_workers_that_are_all_gone_are_told(tmp_path, monkeypatch):
    """They were waited for without end: Dask does not start one again that ends as it starts."""
    from distributed import Client, LocalCluster

    monkeypatch.setattr(tasks, "LOST_S", 0.0)
    options = {"processes": False, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=0, **options) as local, Client(local) as client:
        with pytest.raises(PlugspanError, match="--only"):
            list(tasks.run_tasks(client, tmp_path, [Task("00", "Region 00", "k")], "en"))
        local.scale(1)
        client.wait_for_workers(1)
        monkeypatch.setattr(tasks, "run_region", stand_in)
        assert [r.state for r in tasks.run_tasks(client, tmp_path, [Task("00", "R", "k")], "en")] == [
            "failed"
        ]


def test_a_full_disk_fails_the_region_and_leaves_its_old_folder(tmp_path, monkeypatch):
    """What is told is the system's reason; the rerun is as if nothing had been."""
    import plugspan.render.run as rendering

    project, _ = country(tmp_path, 4)
    out = tmp_path / "out"
    cut(project, out)
    old = tasks.target(out, "00")
    old.mkdir(parents=True)
    (old / "mine.txt").write_text("kept", "utf-8")

    def full(*_args, all_regions, **_kwargs):
        assert (old / all_regions).resolve() == (out / COUNTRY_MAP).resolve()
        raise OSError(28, "No space left on device", "layers.gpkg")

    monkeypatch.setattr(rendering, "write_run", full)
    task = Task("00", "Region 00", piece_key(out, "00"))
    run = run_region(str(out), task)
    assert run.state == "failed"
    assert "No space left" in run.reason
    assert (old / "mine.txt").read_text("utf-8") == "kept"
    assert last_run(out, task).state == "failed"


def test_a_region_at_sea_is_told_so(tmp_path):
    """Its file of roads is empty because there are none, not because it is no OpenStreetMap data."""
    project, _ = country(tmp_path, 4)
    regions = grid(4)
    regions.loc[0, "geometry"] = shapely.box(125.0, 25.0, 125.3, 25.3)
    regions.to_file(tmp_path / "regions.gpkg")
    cut(project, tmp_path / "out")
    run = run_region(str(tmp_path / "out"), Task("00", "Region 00", "k"))
    assert (run.state, run.reason[:40]) == ("failed", "no road for cars lies in the region or a")


def test_a_worker_keeps_nothing_of_a_region_that_is_done(tmp_path, monkeypatch):
    """The next one would need its memory on top; the map leads to the country's."""
    project, _ = country(tmp_path, 16)
    out, plans = tmp_path / "out", []
    cut(project, out)

    def watched(*args, **kwargs):
        plan = make_plan(*args, **kwargs)
        plans.append(weakref.ref(plan))
        return plan

    monkeypatch.setattr(pipeline, "make_plan", watched)
    run = run_region(str(out), Task("22", "Region 22", piece_key(out, "22")))
    assert (run.state, run.reason) == ("done", "")
    assert [ref() for ref in plans] == [None]
    assert '"all_regions":"../../country.html"' in (out / "regions" / "22" / "map.html").read_text("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another allocator")
def test_memory_that_is_free_goes_back_to_the_system():
    """What stands between pieces that are still in use, too."""
    held = [bytes(2_000) for _ in range(50_000)]
    held = held[::100]
    before = tasks._status_mb("VmRSS:")
    tasks.give_back_memory()
    assert before - tasks._status_mb("VmRSS:") > 50
    assert len(held) == 500


# -- settings and manifest ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda f: f.drop(columns="id"), "regions-column"),
        (lambda f: f.assign(id=["a", "A", "b", "c"]), "regions-id-twice"),
        (lambda f: f.assign(id=["..", "x/y", "b", "national"]), "regions-id"),
        (lambda f: f.assign(id=["a", "b", "c", "Nul.1"]), "regions-id"),
        (lambda f: f.assign(id=["a", "b", "c", "d."]), "regions-id"),
        (lambda f: f.set_geometry(f.geometry.boundary), "layer-no-area"),
    ],
)
def test_regions_that_cannot_be_used_are_told(tmp_path, change, key):
    """Columns, ids that name no folder, ids that one system takes for one, lines in the place of areas."""
    project, _ = country(tmp_path, 4)
    (tmp_path / "regions.gpkg").unlink()
    change(grid(4)).to_file(tmp_path / "regions.gpkg")
    with pytest.raises(InputError) as error:
        read_country(project)
    assert {fault.key for fault in error.value.faults} == {key}


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_regions_without_a_coordinate_system_are_degrees_or_refused(tmp_path):
    """A GeoPackage says so by a system that is undefined, from which nothing can be reckoned."""
    project, _ = country(tmp_path, 4)
    for scale in (1.0, 1000.0):
        (tmp_path / "regions.gpkg").unlink()
        shapes = affinity.scale if scale > 1 else lambda shape, *_, **__: shape
        plain = [shapes(shape, scale, scale, origin=(0, 0)) for shape in grid(4).geometry]
        frame = grid(4).drop(columns="geometry")
        gpd.GeoDataFrame(frame, geometry=plain, crs=None).to_file(tmp_path / "regions.gpkg")
        if scale == 1.0:
            assert read_country(project).ids == ["00", "01", "10", "11"]
        else:
            with pytest.raises(InputError, match="no coordinate system"):
                read_country(project)


def test_rows_of_one_id_are_one_region(tmp_path):
    """Islands of a county may be rows of their own."""
    project, _ = country(tmp_path, 4)
    (tmp_path / "regions.gpkg").unlink()
    named = grid(4).assign(id=[1.0, 2.0, 1.0, 3.0], name=["A\n\x1b[2J 🚢", "B</b>", "C", None])
    named.to_file(tmp_path / "regions.gpkg")
    read = read_country(project)
    assert read.ids == ["1", "2", "3"]
    assert read.regions["name"].tolist() == ["A [2J 🚢", "B</b>", "3"]  # in one line of a terminal
    assert read.region("1").polygon.geom_type in ("Polygon", "MultiPolygon")


def test_a_region_beside_regions_is_refused(tmp_path):
    """The project cannot be of one region and of many."""
    project, _ = country(tmp_path, 4)
    both = project.region.model_copy(update={"bbox": (1.0, 2.0, 3.0, 4.0)})
    with pytest.raises(InputError, match=r"\[regions\]"):
        read_country(project.model_copy(update={"region": both}))


def test_what_takes_one_region_says_so(tmp_path):
    """No verb takes the whole file for one region; roads that are not there are told before anything is cut."""
    project, _ = country(tmp_path, 4)
    with pytest.raises(InputError, match="plugspan run"):
        load(project)
    (tmp_path / "roads.osm.pbf").unlink()
    with pytest.raises(InputError, match=r"roads\.osm\.pbf"):
        read_country(project)


def test_the_manifest_comes_back(tmp_path):
    """And one that is damaged is told, not taken for none."""
    runs = (RegionRun("1", "甲", "done", "", "k", 1.5, 300.0), RegionRun("2", "乙", "failed", "坏"))
    manifest = Manifest("国", "zh", runs, RegionRun("", ""), (("seconds", 2.0),), ("多一行",))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    write_manifest(tmp_path, manifest.with_run(RegionRun("2", "乙", "done")))
    assert read_manifest(tmp_path)["2"].state == "done"
    (tmp_path / "manifest.json").write_text('{"regions": 3}', "utf-8")
    with pytest.raises(InputError):
        read_manifest(tmp_path)
    assert read_manifest(tmp_path / "nothing") is None
