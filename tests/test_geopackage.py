"""The GeoPackage as a file: what is in it, in which form, and that it is whole or not there."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import pyogrio
import pytest
import synthetic_layers as made
from plugspan.errors import InputError, OutputExistsError
from plugspan.render.gis import geopackage
from plugspan.render.gis.fields import ascii_names, check_crs
from plugspan.render.gis.geopackage import write_geopackage
from plugspan.render.gis.qgis_layout import paper_system
from plugspan.render.gis.qgis_project import project_xml
from plugspan.render.gis.tables import COLUMNS, PROVENANCE, read_metadata
from plugspan.texts import catalogue
from pyproj import CRS, Proj, Transformer
from shapely import Point

INPUTS = [{"path": made.HOSTILE[0], "sha256": "0" * 64}]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file with all hard cases, in CGCS2000."""
    path = tmp_path_factory.mktemp("gpkg") / "layers.gpkg"
    write_geopackage(
        made.every_layer(),
        path,
        provenance={"inputs": INPUTS},
        tables=made.evidence(),
        title=made.HOSTILE[8],
    )
    return path


@pytest.fixture
def database(path):
    """The file as SQLite sees it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        yield database


def test_every_layer_and_table_is_there_under_a_name_of_its_own(path, database):
    """Before and after are two tables; a table named like a layer or a system table gets another name."""
    names = [
        row[0]
        for row in database.execute("SELECT table_name FROM gpkg_contents ORDER BY rowid")
        if row[0] != "layer_styles"
    ]
    assert names == [
        "counties", "routes_before", "routes_after", "service_areas", "charging_sites", "berths", "empty_point",
        "empty_line", "empty_polygon", "access", "counties_1", "t_gpkg_contents",
    ]  # fmt: skip
    titles = [row[0] for row in database.execute("SELECT identifier FROM gpkg_contents")]
    assert "普通国省干线（现状）" in titles
    assert "普通国省干线（方案实施后）" in titles
    assert len(titles) == len(set(titles))


def test_hostile_texts_come_back_as_they_are(path):
    """Nothing is evaluated, cut, or lost; only what no file can hold is replaced."""
    names = gpd.read_file(path, layer="charging_sites")["name"].tolist()
    assert names == [*made.HOSTILE, *made.BROKEN.values()]


def test_columns_keep_their_type_and_their_gaps(path):
    """Whole numbers with gaps stay whole, truth stays truth, dates are dates, infinity and NaN are missing."""
    info = pyogrio.read_info(path, layer="service_areas")
    assert dict(zip(info["fields"], info["ogr_types"], strict=True)) | {"open_24h": "bool"} == {
        "id": "OFTString", "points": "OFTInteger64", "point_kw": "OFTReal", "open_24h": "bool", "opened": "OFTDate",
        "kind": "OFTString", "spaces": "OFTInteger64", "wharf": "OFTString", "has": "OFTString",
    }  # fmt: skip
    assert info["ogr_subtypes"][list(info["fields"]).index("open_24h")] == "OFSTBoolean"
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT id, points, point_kw, open_24h, opened, kind, spaces, wharf FROM service_areas"
        ).fetchall()
    assert rows == [
        ("a", 4, 120.5, 1, "2024-02-29", "expressway_service_area", 1, '["a", "b"]'),
        (None, None, None, None, None, None, None, '{"k": 1}'),
        ("c", 2**40, None, 0, None, "hub", 7, "3"),
    ]


def test_a_value_that_is_not_of_its_type_makes_the_column_a_text(tmp_path):
    """A number column with "many" in it keeps "many"; 2.5 among whole numbers makes them decimals."""
    frame = gpd.GeoDataFrame(
        {"points": ["4", "many"], "spaces": [1, 2.5]}, geometry=[Point(113, 27)] * 2, crs=4326
    )
    schema = made.TableSchema("x", (made.Column("points", "int"), made.Column("spaces", "int")))
    style = made.LayerStyle("point", (made.Category(None, "legend.town", made.GOOD),))
    write_geopackage([made.Layer("x", "layer.towns", frame, schema, style, "places")], tmp_path / "x.gpkg")
    back = gpd.read_file(tmp_path / "x.gpkg", layer="x")
    assert back["points"].tolist() == ["4", "many"]
    assert back["spaces"].tolist() == [1.0, 2.5]


def test_geometries_are_of_one_kind_and_flat(path):
    """A point inside a collection of lines is left out, rings are lines, heights are dropped, empty is missing."""
    info = pyogrio.read_info(path, layer="routes_before")
    assert info["geometry_type"] == "MultiLineString"
    lines = gpd.read_file(path, layer="routes_before").geometry
    assert lines.iloc[:4].geom_type.tolist() == ["MultiLineString"] * 4
    assert lines.isna().tolist() == [False] * 4 + [True]
    assert not lines.iloc[:4].has_z.any()
    assert gpd.read_file(path, layer="service_areas").geometry.isna().tolist() == [False, True, True]


def test_empty_layers_keep_their_kind(path):
    """A layer without features still is a layer of points, lines or areas."""
    kinds = [
        pyogrio.read_info(path, layer=f"empty_{kind}")["geometry_type"]
        for kind in ("point", "line", "polygon")
    ]
    assert kinds == ["Point", "LineString", "Polygon"]


def test_each_layer_has_a_spatial_index(database):
    """QGIS draws through the R-tree."""
    indexed = {
        row[0]
        for row in database.execute(
            "SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_rtree_index'"
        )
    }
    spatial = {row[0] for row in database.execute("SELECT table_name FROM gpkg_geometry_columns")}
    assert spatial
    assert indexed == spatial


@pytest.mark.parametrize(("crs", "srs_id"), [("EPSG:4326", 4326), ("EPSG:4490", 4490), ("EPSG:4547", 4547)])
def test_the_system_asked_for(tmp_path, crs, srs_id):
    """CGCS2000 has the numbers of WGS 84; the zone's are those of the pure projection; x is east in all."""
    write_geopackage([made.county_layer()], tmp_path / "x.gpkg", crs=crs)
    with closing(sqlite3.connect(tmp_path / "x.gpkg")) as database:
        assert database.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchall() == [(srs_id,)]
    bounds = pyogrio.read_info(tmp_path / "x.gpkg", layer="counties")["total_bounds"]
    west, south, east, north = 112.9, 26.9, 113.6, 27.8
    if srs_id == 4547:
        project = Transformer.from_pipeline(
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
            "+step +proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80"
        )
        x, y = project.transform([west, west, east, east], [south, north, south, north])
        assert bounds == pytest.approx((min(x), min(y), max(x), max(y)), abs=1e-6)
        assert 380_000 < bounds[0] < bounds[2] < 470_000
    else:
        assert bounds == pytest.approx((west, south, east, north), abs=1e-12)


def test_a_zone_on_the_other_side_of_the_earth_is_refused(tmp_path):
    """Andorra in a Chinese zone would be nonsense with six decimals; the message says what to set instead."""
    with pytest.raises(InputError, match="EPSG:4326"):
        check_crs("EPSG:4547", (1.4, 42.4, 1.8, 42.7))
    with pytest.raises(InputError, match="not known"):
        write_geopackage([made.county_layer()], tmp_path / "x.gpkg", crs="EPSG:999999")
    assert list(tmp_path.iterdir()) == []
    check_crs("EPSG:4547", (108.8, 24.6, 114.3, 30.1))  # the whole of Hunan


def test_same_input_same_bytes(tmp_path):
    """Twice the same file, also in another folder and at another time of day; another time given shows."""
    digests = []
    for name, when in (
        ("a", geopackage.NO_TIME),
        ("b", geopackage.NO_TIME),
        ("c", "2026-11-22T00:00:00.000Z"),
    ):
        target = tmp_path / name / "layers.gpkg"
        write_geopackage(made.every_layer(), target, tables=made.evidence(), time=when)
        digests.append(hashlib.sha256(target.read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_it_is_sound_and_of_a_version_old_qgis_takes(database):
    """SQLite finds no fault; the header says GeoPackage 1.2."""
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.execute("PRAGMA application_id").fetchone()[0] == int.from_bytes(b"GPKG", "big")
    assert database.execute("PRAGMA user_version").fetchone()[0] == 10200


def test_names_are_ascii_and_aliases_are_not(database):
    """Programs get plain names, people get their language with the unit and the meaning."""
    rows = database.execute(
        "SELECT table_name, column_name, name, title, description FROM gpkg_data_columns"
    ).fetchall()
    assert all(column.isascii() for _, column, *_ in rows)
    [found] = [row for row in rows if row[:2] == ("service_areas", "point_kw")]
    assert found[2] == found[3] == catalogue()["column.point_kw"]["zh"] + " (kW)"
    assert found[4] == catalogue()["meaning.point_kw"]["zh"]


def test_metadata_hold_origin_units_and_both_languages(database):
    """What the data were made from, and each column in Chinese and English."""
    assert read_metadata(database, PROVENANCE) == {"kind": PROVENANCE, "inputs": INPUTS}
    columns = {c["name"]: c for c in read_metadata(database, COLUMNS, "service_areas")["columns"]}
    assert columns["point_kw"]["unit"] == "kW"
    assert set(columns["point_kw"]["label"]) == {"zh", "en"}
    assert read_metadata(database, COLUMNS, "no such table") == {}


def test_codes_are_explained(database):
    """A column of codes names its list, and the list holds every code that occurs."""
    [(name,)] = database.execute(
        "SELECT constraint_name FROM gpkg_data_columns WHERE table_name = 'service_areas' AND column_name = 'has'"
    ).fetchall() or [(None,)]
    codes = dict(
        database.execute(
            "SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name = 'choice_kind'"
        )
    )
    assert name == "choice_has"  # no column of the schema, but one of codes
    assert {"expressway_service_area", "hub"} <= set(codes)


def test_each_layer_has_one_default_style_in_the_chosen_language(database):
    """QGIS takes the style marked as default; the other language is there to choose."""
    rows = database.execute(
        "SELECT f_table_name, styleName, useAsDefault, styleQML FROM layer_styles"
    ).fetchall()
    defaults = {table: qml for table, name, default, qml in rows if default}
    assert len(defaults) == 12
    assert len(rows) == 24
    root = ElementTree.fromstring(defaults["routes_before"])
    labels = [c.get("label") for c in root.iter("category")]
    assert labels == [c.label("zh") for c in made.mixed_lines().style.categories]
    assert {a.get("field"): a.get("name") for a in root.iter("alias")}["ref"] == catalogue()["column.ref"][
        "zh"
    ]


def test_the_style_is_the_maps(database):
    """Colours, widths in millimetres, halo under the gap, dashes, offset by side."""
    qml = database.execute(
        "SELECT styleQML FROM layer_styles WHERE f_table_name = 'routes_before' AND useAsDefault"
    ).fetchone()[0]
    symbols = {s.get("name"): s for s in ElementTree.fromstring(qml).iter("symbol")}
    gap = [options(layer) for layer in symbols["2"].iter("layer")]
    assert [o["line_color"] for o in gap] == ["255,225,77,255", "165,0,38,255"]
    assert float(gap[1]["line_width"]) == pytest.approx(4.4 * 25.4 / 96, abs=1e-4)
    assert [float(v) for v in gap[1]["customdash"].split(";")] == pytest.approx(
        [3 * 25.4 / 96, 4 * 25.4 / 96], abs=1e-4
    )
    assert all('"side"' in o["expression"] for o in gap)
    assert len(list(symbols["0"].iter("layer"))) == 1


def options(layer):
    """Options of a symbol layer by name."""
    return {o.get("name"): o.get("value") for o in layer.iter("Option")}


def test_the_project_inside_is_well_formed(database):
    """Zipped project XML whose layers and tables point at the file by a relative path, titles as text."""
    name, content = database.execute("SELECT name, content FROM qgis_projects").fetchone()
    assert name == "plugspan"
    with zipfile.ZipFile(BytesIO(bytes.fromhex(content))) as archive:
        root = ElementTree.fromstring(archive.read("plugspan.qgs"))
    assert root.findtext("title") == "control \ufffd\ufffd\ufffd end"
    sources = [source.text for source in root.iter("datasource")]
    assert "./layers.gpkg|layername=routes_before" in sources
    assert len(sources) == len(made.every_layer()) + len(made.evidence())
    themes = {p.get("name"): len(p) for p in root.iter("visibility-preset")}
    assert themes == {"现状": 8, "方案实施后": 8}


def test_a_project_finds_its_file_wherever_both_are_moved(tmp_path):
    """Layers are named by the file's place beside the project."""
    held = write_geopackage([made.county_layer()], tmp_path / "layers.gpkg", lang="en")
    layers = geopackage.project_layers(held)
    content = project_xml(layers, "./layers.gpkg", crs="EPSG:4490", lang="en", title="T")
    root = ElementTree.fromstring(content)
    assert root.find(".//maplayer/datasource").text == "./layers.gpkg|layername=counties"


@pytest.mark.parametrize(
    ("crs", "place", "kept"),
    [
        ("EPSG:4490", (-22.9, 63.35, -19.6, 64.75), False),
        ("EPSG:4326", (112.5, 26.0, 114.3, 28.1), False),
        ("EPSG:4547", (112.9, 26.9, 113.6, 27.8), True),
        ("EPSG:3857", (-22.9, 63.35, -19.6, 64.75), False),  # it shows Iceland 2.3 times as large
    ],
)
def test_paper_is_true_in_all_directions(crs, place, kept):
    """A kilometre east and one north are as long on the sheet, within 1 %; a zone that is right already is kept."""
    west, south, east, north = place
    project = Transformer.from_crs(CRS(crs).geodetic_crs, crs, always_xy=True)
    (left, right), (bottom, top) = project.transform([west, east], [south, north])
    paper = paper_system(crs, (left, bottom, right, top))
    assert (paper == crs) == kept
    there = Proj(paper)
    for lon in (west, (west + east) / 2, east):
        for lat in (south, north):
            factors = there.get_factors(lon, lat)
            assert factors.meridional_scale == pytest.approx(1, abs=0.01)
            assert factors.parallel_scale == pytest.approx(1, abs=0.01)


def test_an_old_file_is_kept_unless_told_otherwise(tmp_path):
    """Without overwrite nothing is touched; with it nothing of the old file stays."""
    target = tmp_path / "layers.gpkg"
    write_geopackage(made.every_layer(), target)
    before = target.read_bytes()
    with pytest.raises(OutputExistsError):
        write_geopackage([made.county_layer()], target)
    assert target.read_bytes() == before
    write_geopackage([made.county_layer()], target, overwrite=True)
    assert [name for name, _ in pyogrio.list_layers(target)] == ["counties", "layer_styles"]
    assert [p.name for p in tmp_path.iterdir()] == ["layers.gpkg"]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    """Also when it fails in the very last step."""
    target = tmp_path / "layers.gpkg"
    write_geopackage([made.county_layer()], target)
    before = target.read_bytes()

    def break_off(database):
        raise RuntimeError("disk full")

    monkeypatch.setattr(geopackage, "_finish", break_off)
    with pytest.raises(RuntimeError, match="disk full"):
        write_geopackage(made.every_layer(), target, overwrite=True)
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["layers.gpkg"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_write_leaves_the_old_file(tmp_path):
    """Killed without warning just before the file gets its name, the old file is whole."""
    target = tmp_path / "layers.gpkg"
    write_geopackage([made.county_layer()], target)
    before = target.read_bytes()
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "import synthetic_layers as made\n"
        "from plugspan.render.gis import geopackage\n"
        "geopackage._finish = lambda database: (print('ready', flush=True), sys.stdin.read())\n"
        "geopackage.write_geopackage(made.every_layer(), sys.argv[1], overwrite=True)\n"
    )
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(target), here],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert target.read_bytes() == before
    assert all(p == target or p.name.startswith(".") for p in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["株洲 图层.gpkg", "a 'b' [1] #%.gpkg", "x.y.z.GPKG", "a|b.gpkg"])
def test_any_file_name_will_do(tmp_path, name):
    """Spaces, quotes, brackets, Chinese, another suffix: the file is there under that name and sound."""
    path = tmp_path / "某 文件夹" / name
    write_geopackage([made.county_layer()], path)
    assert [p.name for p in path.parent.iterdir()] == [name]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM counties").fetchone() == (1,)


def test_nothing_to_write_is_an_error(tmp_path):
    """No empty file takes the place of a result; a time GDAL would not understand is refused."""
    with pytest.raises(ValueError, match="no layers"):
        write_geopackage([], tmp_path / "x.gpkg")
    with pytest.raises(ValueError, match=r"\.gpkg"):
        write_geopackage([made.county_layer()], tmp_path / "x")
    with pytest.raises(ValueError, match="time"):
        write_geopackage([made.county_layer()], tmp_path / "x.gpkg", time="today")


def test_ascii_names_never_collide():
    """Unique without regard to case, never a reserved name, never too long."""
    names = ascii_names(["Geom", "FID", "a b", "a_b", "A_B", "株洲", "1st", "x" * 99, "x" * 99], width=10)
    assert names == [
        "Geom_1",
        "FID_1",
        "a_b",
        "a_b_1",
        "A_B_2",
        "field_6",
        "field_7",
        "x" * 10,
        "x" * 8 + "_1",
    ]
    assert len({n.lower() for n in names}) == len(names)
