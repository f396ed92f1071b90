"""Layers of a run as the inputs of the next: no figure changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from plugspan.errors import Diagnostics, InputError
from plugspan.inputs import CHARGERS, SCHEMAS, as_table, group_sites, read_table
from plugspan.inputs.files import RUN_TABLE
from plugspan.inputs.fusion import join_lists
from plugspan.inputs.same_site import ListRules
from plugspan.pipeline import assess_study
from plugspan.project import TableSettings, read_project
from plugspan.render.gis.geopackage import write_geopackage
from plugspan.study import load, sample_project
from plugspan.tables.plan_tables import input_tables

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls")


def figures(assessment) -> list[str]:
    """What the findings say, and each gap, to the last digit: as text, so that what is missing equals itself."""
    found = [(f.rule.id, f.low, f.high, f.status, *sorted(f.figures.items())) for f in assessment.findings]
    return [*map(repr, found), *map(repr, assessment.gaps.itertuples(index=False, name=None))]


def test_the_layers_of_the_sample_give_the_same_findings(tmp_path):
    """All tables of the sample, two of them in GCJ-02, come back from its GeoPackage alone."""
    with sample_project() as path:
        project = read_project(path)
        study = load(project)
        layers = tmp_path / "layers.gpkg"
        write_geopackage([], layers, tables=input_tables(study.inputs), lang="zh")
        tables = {name: (TableSettings(path=layers),) for name in TABLES}
        again = load(project.model_copy(update={"tables": tables}))
        assert {n for n in SCHEMAS if len(getattr(again.inputs, n))} == set(TABLES)
        for name in ("sites", *TABLES):
            one, two = (pd.DataFrame(getattr(s.inputs, name)) for s in (study, again))
            aside = ["source", "source_row"]
            one, two = (t.drop(columns=aside, errors="ignore") for t in (one, two))
            pd.testing.assert_frame_equal(one, two, check_exact=True, check_dtype=False)
        assert not [f.key for f in again.inputs.warnings if f.key in ("layer-first", "columns-unused")]
        before = figures(assess_study(study))
        assert len(before) > 20
        assert figures(assess_study(again)) == before


@pytest.fixture(scope="module")
def crowd():
    """Chargers close together: lists that were joined keep theirs apart, some have no operator."""
    rng = np.random.default_rng(31)
    xy = np.array([113.1, 27.8]) + rng.uniform(0, 0.01, (300, 2))
    rows = [
        {"id": f"P{i}", "operator": [None, "甲", "乙"][i % 3], "kind": "charging", "current": ["dc", "ac", None][i % 3],
         "access": "public", "points": i % 4 or None, "point_kw": 0.1 * i, "geometry": shapely.Point(*at)}
        for i, at in enumerate(xy)
    ]  # fmt: skip
    table = as_table(rows, CHARGERS, "one.csv")
    return table.assign(_list=[f"{i % 2}" for i in range(len(table))])


def written(path, chargers):
    """The GeoPackage that holds these chargers as a run has read them."""

    class Read:
        """Stands for Inputs: chargers alone have rows."""

    read = Read()
    for name in SCHEMAS:
        setattr(read, name, chargers if name == "chargers" else chargers.iloc[:0])
    write_geopackage([], path, tables=input_tables(read), lang="en")
    return path


def test_sites_of_joined_lists_stay_apart(tmp_path, crowd):
    """What kept rows apart is in no column of a list; their sites are the same all the same."""
    grouped, sites = group_sites(crowd)
    path = written(tmp_path / "layers.gpkg", grouped.drop(columns="_list"))
    read = read_table(path, CHARGERS)
    again, sites_again = group_sites(read)
    assert again["site"].tolist() == grouped["site"].tolist()
    pd.testing.assert_frame_equal(pd.DataFrame(sites), pd.DataFrame(sites_again), check_exact=True)
    assert len(group_sites(crowd.drop(columns="_list"))[1]) < len(sites)
    far = as_table([{"id": "Q", "geometry": shapely.Point(110, 27)}], CHARGERS, "far.csv")
    joined, merges = join_lists([read, far], [ListRules(), ListRules()], CHARGERS, Diagnostics())
    assert not merges
    assert group_sites(joined)[0]["site"].tolist() == [*grouped["site"], "Q"]


def test_a_table_that_the_run_did_not_read_is_told(tmp_path, crowd):
    """A run without berths has no table of them: the fault names those that there are."""
    path = written(tmp_path / "layers.gpkg", group_sites(crowd)[0])
    with pytest.raises(InputError, match="input_berths"):
        read_table(path, SCHEMAS["berths"])


def test_a_drawn_layer_is_told_to_be_a_summary(tmp_path, crowd):
    """Who names the layer of sites by hand is told which layer holds all that the run read."""
    grouped, sites = group_sites(crowd)
    path = written(tmp_path / "layers.gpkg", grouped.drop(columns="_list"))
    drawn = sites[["id", "name", "kind", "current", "access", "points", "geometry"]]
    gpd.GeoDataFrame(drawn, geometry="geometry", crs=4326).to_file(path, layer="charging_sites", mode="a")
    notes = Diagnostics()
    read = read_table(path, CHARGERS, layer="charging_sites", notes=notes)
    assert read["current"].tolist() == sites["current"].tolist()
    assert [n.values for n in notes if n.key == "layer-summary"] == [
        {"layer": "charging_sites", "full": "input_chargers"}]  # fmt: skip


def test_other_programs_see_the_places(tmp_path, crowd):
    """The table has a geometry in EPSG:4326, whatever the system of the layers is."""
    path = written(tmp_path / "layers.gpkg", group_sites(crowd)[0])
    frame = gpd.read_file(path, layer=f"{RUN_TABLE}chargers")
    assert frame.crs.to_epsg() == 4326
    assert (shapely.get_coordinates(frame.geometry) == shapely.get_coordinates(crowd.geometry)).all()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
