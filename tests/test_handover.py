"""What a run folder hands over: nothing is recomputed, all formats hold what the run wrote."""

from __future__ import annotations

import csv
import hashlib
import json
import re

import geopandas as gpd
import jsonschema
import numpy as np
import plugspan
import pyarrow.parquet as pq
import pytest
import shapely
import synthetic_layers as made
from click.testing import CliRunner
from helsinki_case import write_case
from plugspan.cli import _run as run_command
from plugspan.cli.export import command as export
from plugspan.cli.map import command as map_command
from plugspan.cli.report import command as report
from plugspan.errors import InputError
from plugspan.inputs.files import RUN_TABLE
from plugspan.render.files import Handover
from plugspan.render.gis.export import SUFFIX, export_tables
from plugspan.render.gis.geopackage import prepare, write_geopackage
from plugspan.render.gis.qml import DOCTYPE, renamed_qml
from plugspan.render.gis.stored import read_layers


@pytest.fixture(scope="module")
def plan(tmp_path_factory, root):
    """A plan of the hostile project."""
    return plugspan.make_plan(plugspan.read_project(write_case(tmp_path_factory.mktemp("case"), root)))


@pytest.fixture(scope="module")
def run(plan, tmp_path_factory):
    """Its run folder, without the project it was made from."""
    return plan.save(tmp_path_factory.mktemp("run") / "run")


def digests(folder, *but):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name not in but}


@pytest.mark.parametrize("name", SUFFIX)
def test_a_run_folder_exports_what_its_plan_does(plan, run, name, tmp_path):
    """File by file the same bytes; of the results only times may differ."""
    degrees = name in ("geojson", "pmtiles")
    Handover.of_plan(plan, "en", degrees=degrees).export(tmp_path / "plan", name, overwrite=False, lang="en")
    Handover.of_run(run, "en", degrees=degrees).export(tmp_path / "run", name, overwrite=False, lang="en")
    assert digests(tmp_path / "plan", "result.json") == digests(tmp_path / "run", "result.json")
    assert (tmp_path / "run" / "result.json").read_bytes() == (run / "result.json").read_bytes()


def test_tables_are_csv_beside_the_layers(run, tmp_path):
    """All names in full, texts as they are, missing cells empty; what the run read is not a result."""
    Handover.of_run(run, "en").export(tmp_path / "out", "shapefile", overwrite=False, lang="en")
    tables = {t.name: t for t in read_layers(run / "layers.gpkg", "en").tables if t.geometry is None}
    assert {p.stem for p in (tmp_path / "out").glob("*.csv")} == {
        n for n in tables if not n.startswith(RUN_TABLE)
    }
    assert "findings" in tables
    with (tmp_path / "out" / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    held = tables["findings"]
    assert list(rows[0]) == [field.name for field in held.fields]
    for field in held.fields:
        cells = [row[field.name] for row in rows]
        assert [cell == "" for cell in cells] == field.missing.tolist()
        kept = [cell for cell in cells if cell]
        if field.values.dtype.kind == "f":
            assert [float(cell) for cell in kept] == field.values[~field.missing].tolist()
        elif field.values.dtype.kind == "O":
            assert kept == field.values[~field.missing].tolist()


def test_evidence_and_steps_are_found_by_their_ids(plan, run):
    """A gap's id is its own within a layer; all evidence and both states of the rules on roads lead to a gap."""
    tables = plugspan.read_run(run).tables
    layers = [n for n in tables if n.startswith(("routes", "stretches")) and "by_step" not in n]
    assert {n.split("_")[0] for n in layers} == {"routes", "stretches"}
    ids = set()
    for name in layers:
        assert tables[name]["gap_id"].is_unique
        assert tables[name].geometry.notna().all()
        ids |= set(tables[name]["gap_id"]) if not name.endswith("_after") else set()
    assert set(tables["gap_evidence"]["gap_id"]) <= ids
    assert ids == set(plan.before.gaps["gap_id"])


def test_the_package_and_the_schema_describe_what_is_there(run, tmp_path):
    """Every file of data is a resource with its columns; the result is valid by the schema beside it."""
    Handover.of_run(run, "zh").export(tmp_path / "out", "geojson", overwrite=False, lang="zh")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    paths = {resource["path"] for resource in package["resources"]}
    beside = {".plugspan.json", "README.txt", "datapackage.json"}
    assert (
        paths == {p.name for p in (tmp_path / "out").iterdir() if p.suffix not in (".qml", ".sld")} - beside
    )
    for resource in package["resources"]:
        if resource["path"].endswith(".csv"):
            head = (tmp_path / "out" / resource["path"]).read_text("utf-8-sig").splitlines()[0]
            assert [field["name"] for field in resource["schema"]["fields"]] == head.split(",")
            assert all(set(field["titles"]) == {"zh", "en"} for field in resource["schema"]["fields"])
        # Frictionless reads JSON as a table, and "schema" in it as the table's, unless the type is "file".
        assert (resource.get("type") == "file") == (resource["path"].endswith(".json"))
    readme = (tmp_path / "out" / "README.txt").read_text("utf-8-sig")
    assert all(path in readme for path in paths)
    schema = json.loads((tmp_path / "out" / "result.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads((tmp_path / "out" / "result.json").read_text("utf-8")), schema)


def test_packages_name_the_columns_of_places_and_no_json_as_table(run, tmp_path):
    """GeoParquet holds its places in two columns of the file; files beside the workbook's sheets are files."""
    Handover.of_run(run, "en").export(tmp_path / "out", "geoparquet", overwrite=False, lang="en")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    for resource in package["resources"]:
        if resource["path"].endswith(".parquet"):
            columns = pq.read_schema(tmp_path / "out" / resource["path"]).names
            assert [field["name"] for field in resource["schema"]["fields"]] == columns
    package = json.loads((run / "datapackage.json").read_text("utf-8"))
    for resource in package["resources"]:
        assert ("schema" in resource) != (resource.get("type") == "file")


def test_map_report_and_workbook_of_a_run_are_taken_as_they_are(run, tmp_path):
    """The same bytes; another language is refused with the remedy; a project is not needed."""
    for command, words, name in (
        (map_command, ["--file"], "map.html"),
        (report, ["--file"], "report.docx"),
        (export, ["--format", "xlsx", "--out"], "tables.xlsx"),
    ):
        target = tmp_path / name
        done = CliRunner().invoke(command, [str(run), *words, str(target)])
        assert done.exit_code == 0, done.output
        assert target.read_bytes() == (run / name).read_bytes()
        other = tmp_path / f"other{target.suffix}"
        other = CliRunner().invoke(command, [str(run), *words, str(other), "--lang", "zh"])
        assert isinstance(other.exception, InputError)
        assert "--lang" in str(other.exception)


def test_verbs_on_a_run_folder_plan_nothing(run, tmp_path, monkeypatch):
    """Map, report, export, compare and verify work where nothing can be planned."""
    monkeypatch.setattr("plugspan.pipeline.make_plan", lambda *_args, **_named: pytest.fail("it plans"))
    folder = str(run)
    for words in (
        ["map", folder, "--file", str(tmp_path / "map.html")],
        ["report", folder, "--file", str(tmp_path / "report.docx")],
        ["export", folder, "--format", "geoparquet", "--out", str(tmp_path / "out")],
        ["compare", folder, folder],
        ["verify", folder],
    ):
        assert run_command(words) == 0, words


def test_stored_tables_are_those_that_were_written(tmp_path):
    """Hostile texts, gaps, huge numbers, dates, all kinds of geometry: values, titles and styles come back."""
    path = tmp_path / "layers.gpkg"
    written = write_geopackage(
        made.every_layer(), path, tables=made.evidence(), crs="EPSG:4547", provenance={"note": "n"}
    )
    stored = read_layers(path, "zh")
    assert (stored.crs, stored.source) == ("EPSG:4547", "n")
    assert [t.name for t in stored.tables] == [t.name for t in written]
    for old, new in zip(written, stored.tables, strict=True):
        assert (old.title, old.geometry_type, old.qml["zh"]) == (new.title, new.geometry_type, new.qml["zh"])
        assert [f.name for f in old.fields] == [f.name for f in new.fields]
        for a, b in zip(old.fields, new.fields, strict=True):
            assert a.values.dtype == b.values.dtype
            assert np.array_equal(a.missing, b.missing)
            assert a.values[~a.missing].tolist() == b.values[~b.missing].tolist()
            assert [a.label(lang) for lang in ("zh", "en")] == [b.label(lang) for lang in ("zh", "en")]
        if old.geometry is not None:
            there = ~shapely.is_missing(old.geometry)
            assert np.array_equal(shapely.is_missing(new.geometry), ~there)
            assert shapely.equals_identical(old.geometry[there], new.geometry[there]).all()


def test_degrees_of_a_projected_file_are_those_of_its_layers(tmp_path):
    """Within a millimetre of what was projected."""
    write_geopackage(
        [made.county_layer()], tmp_path / "layers.gpkg", crs="EPSG:4547", provenance={"note": ""}
    )
    [county] = read_layers(tmp_path / "layers.gpkg", "zh", degrees=True).tables
    assert gpd.GeoSeries(county.geometry).total_bounds == pytest.approx((112.9, 26.9, 113.6, 27.8), abs=1e-8)


def test_a_folder_that_is_none_is_told(tmp_path):
    """No file, a file of another program, a file that is damaged."""
    with pytest.raises(InputError, match="no layer file written by plugspan"):
        read_layers(tmp_path / "layers.gpkg", "zh")
    gpd.GeoDataFrame(geometry=[shapely.Point(1, 2)], crs=4326).to_file(
        tmp_path / "layers.gpkg", driver="GPKG"
    )
    with pytest.raises(InputError, match="no layer file written by plugspan"):
        read_layers(tmp_path / "layers.gpkg", "zh")
    (tmp_path / "layers.gpkg").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(InputError, match="the file is damaged"):
        read_layers(tmp_path / "layers.gpkg", "zh")


def test_renaming_touches_names_and_nothing_else():
    """Columns, expressions and lists follow; a legend or a code that looks like a column's name stays."""
    [table] = prepare([made.mixed_lines()], {}, crs="EPSG:4490", lang="zh")
    names = {field.name: f"{field.name[:6]}_{i}" for i, field in enumerate(table.fields)}
    new = renamed_qml(table.qml["zh"], names)
    assert new.startswith(DOCTYPE)
    assert set(re.findall(r'alias field="([^"]+)"', new)) == set(names.values())
    assert not [old for old in names if f"&quot;{old}&quot;" in new or f'fieldName="{old}"' in new]
    assert re.findall(r'label="([^"]*)"', new) == re.findall(r'label="([^"]*)"', table.qml["zh"])
    assert renamed_qml(table.qml["zh"], {name: name for name in names}) == table.qml["zh"]


def test_gbk_reaches_the_tables_too(tmp_path):
    """A Shapefile in GBK has its CSV in GBK; what GBK lacks is counted in the README."""
    tables = prepare(made.every_layer(), made.evidence(), crs="EPSG:4490", lang="zh")
    exported = export_tables(
        tables, tmp_path / "out", "shapefile", crs="EPSG:4490", lang="zh", encoding="GBK"
    )
    files = list((tmp_path / "out").glob("*.csv"))
    assert files
    assert all(path.read_bytes().decode("gbk") for path in files)
    assert set(exported.files) == {p.name for p in (tmp_path / "out").iterdir()} - {".plugspan.json"}
