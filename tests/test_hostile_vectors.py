"""A vector file is data: whatever stands in it, no server is asked, no other file is read, none is written."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import struct
from contextlib import closing, suppress
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from plugspan.cli import _run
from plugspan.errors import InputError
from plugspan.files import MOST_CELLS
from plugspan.inputs import CHARGERS, COUNTIES, read_table
from plugspan.network import read_network, read_region
from plugspan.vectors import read_vector

SECRET = "topsecret"
BOX = shapely.box(113.1, 27.8, 113.2, 27.9)


@pytest.fixture
def listener():
    """A port on this machine where nobody may call: at the end there is no connection to accept."""
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BlockingIOError):
            server.accept()


def contents(folder):
    """Every file below a folder with its bytes."""
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def feature(geometry, **more):
    """A feature of GeoJSON, as text."""
    return json.dumps({"type": "Feature", "properties": {"id": "a"}, "geometry": geometry, **more})


POINT = {"type": "Point", "coordinates": [113.1, 27.8]}


def texts(url, beside):
    """Texts for which GDAL has a driver or a habit that reaches out, by what they are."""
    vrt = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{}</SrcDataSource>{}</OGRVRTLayer></OGRVRTDataSource>"
    base, out, csv = beside / "base.gpkg", beside / "made.db", beside / "secret.csv"
    read_csv = f"gdal vector pipeline ! read {csv}"
    algorithm = f"{read_csv} ! write --of CSV {beside / 'made.csv'}"
    collection = '{"type": "FeatureCollection", "features": [' + feature(POINT) + '], "crs": %s}'
    entity = '<!DOCTYPE kml [<!ENTITY x SYSTEM "%s">]><kml><Placemark><name>&x;</name></Placemark></kml>'
    link = {"type": "link", "properties": {"href": url, "type": "ogcwkt"}}
    bomb = "".join(f'<!ENTITY x{i} "{f"&x{i - 1};" * 10}">' for i in range(1, 10))
    return {
        "a VRT that copies a database": vrt.format(base, f"<SrcSQL dialect='SQLITE'>VACUUM INTO '{out}'</SrcSQL>"),
        "a VRT with SQL of the source": vrt.format(base, f"<SrcSQL>VACUUM INTO '{out}'</SrcSQL>"),
        "a VRT of another file": vrt.format(csv, "<SrcLayer>secret</SrcLayer>"),
        "a VRT of a server": vrt.format(f"/vsicurl/{url}/a.csv", ""),
        "a VRT behind a comment": "<!-- " + "x" * 300 + " -->" + vrt.format(csv, ""),
        "a service": f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
        "an algorithm": json.dumps({"type": "gdal_streamed_alg", "command_line": f"{read_csv} ! edit"}),
        "an algorithm that writes": json.dumps({"type": "gdal_streamed_alg", "command_line": algorithm}),
        "an algorithm in a collection": collection % json.dumps({"type": "gdal_streamed_alg", "command_line": url}),
        "a linked coordinate system": collection % json.dumps(link),
        "a coordinate system at an address": collection % json.dumps({"type": "name", "properties": {"name": url}}),
        "a linked coordinate system of a shape": feature({**POINT, "crs": link}),
        "features of Esri": json.dumps({"geometryType": "esriGeometryPoint", "features": [], "next": url}),
        "a service's description": json.dumps({"links": [{"rel": "data", "href": url}], "collections": []}),
        "planets": json.dumps({"type": "FeatureCollection", "_links": {"_next": url}, "features": []}),
        "GML with links": "<gml:FeatureCollection xmlns:gml='http://www.opengis.net/gml' "
        f"xmlns:xlink='http://www.w3.org/1999/xlink'>"
        f"<gml:featureMember><gml:a xlink:href='{url}/x'/></gml:featureMember></gml:FeatureCollection>",
        "an entity of a file": entity % csv.as_uri(),
        "an entity of a server": entity % url,
        "entities without end": f'<!DOCTYPE kml [<!ENTITY x0 "ha">{bomb}]><kml><coordinates>&x9;</coordinates></kml>',
        "a link to more": f"<kml><NetworkLink><Link><href>{url}/a.kml</href></Link></NetworkLink></kml>",
        "an address": url,
        "a path": str(csv),
    }  # fmt: skip


NAMES = tuple(texts("", Path("/")))


def read_table_text(path):
    """The table that a file gives, or its faults."""
    try:
        return read_table(path, CHARGERS).to_json()
    except InputError as error:
        return str(error)


def read_region_text(path):
    """The region that a file gives, or its faults."""
    try:
        return read_region(path).polygon.wkt
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("suffix", [".geojson", ".json", ".gpkg", ".shp", ".fgb", ".kml"])
def test_hostile_texts_under_every_suffix(tmp_path, listener, suffix):
    """As a table and as a region each is refused or is harmless; the folder stays as it was."""
    beside = tmp_path / "elsewhere"
    beside.mkdir()
    (beside / "secret.csv").write_text(f"id,lon,lat\n{SECRET},113,27\n", "utf-8")
    gpd.GeoDataFrame({"id": [SECRET]}, geometry=[BOX], crs=4326).to_file(beside / "base.gpkg")
    for name, body in texts(listener, beside).items():
        path = tmp_path / f"{NAMES.index(name)}{suffix}"
        path.write_text(body, "utf-8")
        if suffix == ".shp":
            for part in (".shx", ".dbf", ".prj"):
                path.with_suffix(part).write_text(body, "utf-8")
        before = contents(tmp_path)
        for read in (read_table_text, read_region_text):
            assert SECRET not in read(path), name
        assert contents(tmp_path) == before, name


def geopackage(path, script):
    """A layer of one county, and what a script adds; SQLite checks nothing that is written into its schema."""
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[BOX], crs=4326).to_file(path, layer="own")
    with closing(sqlite3.connect(path)) as database:
        for (trigger,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')  # they call functions that only GDAL has
        database.executescript("PRAGMA writable_schema = ON; PRAGMA recursive_triggers = ON;" + script)
        database.commit()
    return path


SPATIAL = "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('{0}', 'features', 4326);" \
    "INSERT INTO gpkg_geometry_columns VALUES ('{0}', 'geom', 'GEOMETRY', 4326, 0, 0);"  # fmt: skip
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
VIRTUAL = "INSERT INTO sqlite_master VALUES ('table', 't', 't', 0, 'CREATE VIRTUAL TABLE t USING {}');"
SCRIPTS = {
    "a view that asks a server": "CREATE VIEW v AS SELECT ogr_geocode('{url}') AS id, geom FROM own;"
    + SPATIAL.format("v"),
    "a view that loads a library": "CREATE VIEW v AS SELECT load_extension('{out}') AS id, geom FROM own;"
    + SPATIAL.format("v"),
    "a view that never ends": f"CREATE VIEW v AS {ENDLESS} SELECT i AS id, geom FROM n, own;" + SPATIAL.format("v"),
    "a list of layers that never ends": "ALTER TABLE gpkg_contents RENAME TO g; CREATE VIEW gpkg_contents AS "
    f"{ENDLESS} SELECT 'own' || i AS table_name FROM n;",
    "a table of another file": VIRTUAL.format("VirtualText(''{csv}'', UTF8)") + SPATIAL.format("t"),
    "a table of GDAL": VIRTUAL.format("VirtualOGR(''{csv}'')") + SPATIAL.format("t"),
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON own BEGIN SELECT load_extension('{out}'); END;",
    "a computed column": "CREATE TABLE c (id TEXT, geom BLOB, big AS (zeroblob(900000000)));"
    "INSERT INTO c SELECT id, geom FROM own;" + SPATIAL.format("c"),
    "an address as coordinate system": "UPDATE gpkg_spatial_ref_sys SET organization = 'x', "
    "definition = '{url}' WHERE srs_id = 4326;",
    "a layer named like a file": SPATIAL.format("/vsicurl/{url}"),
    "a layer that is not there": "DROP TABLE own;",
    "a journal that is kept": "PRAGMA journal_mode = WAL;",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_hostile_geopackages(tmp_path, listener, name):
    """Only tables that are stored in the file are read; nothing is computed, and no file of SQLite stays beside it."""
    csv, out = tmp_path / "secret.csv", tmp_path / "made.so"
    csv.write_text(f"id,lon,lat\n{SECRET},113,27\n", "utf-8")
    script = SCRIPTS[name].format(url=listener, csv=csv, out=out)
    path = geopackage(tmp_path / "a.gpkg", script)
    before = contents(tmp_path)
    for layer in (None, "own", "v", "t", "c"):
        with suppress(InputError):
            found = read_vector(path, layer)
            assert SECRET not in str(found.rows)
            assert found.name in ("own", "c")
            assert found.headers == ["id"]
    for read in (read_region, read_network, lambda path: read_table(path, CHARGERS)):
        with suppress(InputError):
            read(path)
    assert contents(tmp_path) == before


def test_a_layer_that_another_program_has_open(tmp_path):
    """What it has saved so far counts, also what is not yet in the main file."""
    path = geopackage(tmp_path / "a.gpkg", "")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE own SET id = 'new'")
        other.commit()
        assert path.with_name("a.gpkg-wal").stat().st_size
        assert read_vector(path).rows == [["new"]]


@pytest.mark.parametrize("verb", ["check", "run", "assess", "site", "map", "export", "report", "fetch"])
@pytest.mark.parametrize("where", ["region", "table"])
def test_every_verb_that_reads(tmp_path, root, listener, capsys, verb, where):
    """The file that has a database copied and the one that asks a server: told, exit 3, nothing written."""
    folder = tmp_path / "project"
    folder.mkdir()
    gpd.GeoDataFrame(geometry=[BOX], crs=4326).to_file(tmp_path / "base.gpkg")
    gpd.GeoDataFrame(geometry=[BOX], crs=4326).to_file(folder / "good.geojson")
    hostile = texts(listener, tmp_path)
    for number, name in enumerate(("a VRT that copies a database", "a linked coordinate system")):
        (folder / f"{number}.geojson").write_text(hostile[name], "utf-8")
        region = f"{number}.geojson" if where == "region" else "good.geojson"
        osm = root / "data" / "osm" / "zhuzhou-sample.osm.pbf"
        (folder / "project.toml").write_text(
            f'schema = 1\nname = "x"\nlanguage = "en"\n[region]\nfile = "{region}"\n'
            f'[network]\nosm = "{osm if verb != "fetch" else "new.osm.pbf"}"\noverpass = "{listener}"\n'
            f'[tables.chargers]\npath = "{number}.geojson"\n',
            "utf-8",
        )
        if verb == "fetch" and where == "table":
            return  # needs no table
        before = contents(tmp_path)
        out = {
            "run": ["--out"],
            "export": ["--format", "geojson", "--out"],
            "map": ["--file"],
            "report": ["--file"],
        }
        out = [*out[verb], str(tmp_path / "out.html")] if verb in out else []
        assert _run([verb, str(folder), *out]) == 3
        assert f"{number}.geojson" in capsys.readouterr().err
        assert contents(tmp_path) == before


# -- damage ------------------------------------------------------------------------------------------------


def faults(path, layer=None):
    """Keys and rows of the faults of a region's file."""
    with pytest.raises(InputError) as caught:
        read_region(path, layer=layer)
    assert caught.value.render("zh") != caught.value.render("en")
    return [(fault.key, fault.row) for fault in caught.value.faults]


OPEN = [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_rings_that_are_open_or_too_short(tmp_path):
    """Told with the row, from GeoJSON, from a GeoPackage's and from a Shapefile's bytes."""
    good = {"type": "Polygon", "coordinates": [[*OPEN, OPEN[0]]]}
    short = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 1], [0, 0]]]]}
    bad = [{"type": "Polygon", "coordinates": [OPEN]}, short, {"type": "Polygon", "coordinates": 5}]
    shapes = ",".join(feature(shape) for shape in (good, *bad))
    (tmp_path / "a.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{shapes}]}}', "utf-8")
    assert faults(tmp_path / "a.geojson") == [("layer-shape", row) for row in (3, 4, 5)]
    path = geopackage(tmp_path / "a.gpkg", "")
    ring = np.array(OPEN, dtype="<f8").tobytes()
    open_ring = b"GP\0\1" + struct.pack("<i", 4326) + b"\1" + struct.pack("<III", 3, 1, 4) + ring
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE own SET geom = ?", (open_ring,))
        database.commit()
    assert faults(path) == [("layer-shape", 2)]


@pytest.mark.parametrize(("crs", "far"), [(4326, 1e200), (4547, 1e30), (4490, 181)])
def test_areas_that_lie_nowhere(tmp_path, crs, far):
    """Coordinates no system has: told with the row of the table, and as a region."""
    shapes = [gpd.GeoSeries([BOX], crs=4326).to_crs(crs)[0], shapely.box(far, 0, 2 * far, 1)]
    gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes, crs=crs).to_file(tmp_path / "a.gpkg")
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "a.gpkg", COUNTIES)
    assert [(fault.key, fault.row) for fault in caught.value.faults] == [("position-impossible", 3)]
    assert faults(tmp_path / "a.gpkg") == [("region-file-no-crs", None)]


def test_a_region_of_two_layers_has_to_be_named(tmp_path):
    """None is taken by chance; the one that is named is."""
    for name in ("one", "two"):
        gpd.GeoDataFrame(geometry=[BOX], crs=4326).to_file(tmp_path / "a.gpkg", layer=name)
    assert faults(tmp_path / "a.gpkg") == [("region-file-layers", None)]
    assert faults(tmp_path / "a.gpkg", "three") == [("layer-missing", None)]
    assert read_region(tmp_path / "a.gpkg", layer="two").polygon.equals(BOX)


def nested(deep):
    """A shape in a shape in a shape …, in well-known binary."""
    return (b"\1" + struct.pack("<II", 7, 1)) * deep + b"\1" + struct.pack("<II", 7, 0)


def test_shapes_in_shapes_do_not_end_the_process(tmp_path):
    """As bytes of a GeoPackage, as nested lists of GeoJSON, as coordinates nested without end."""
    path = geopackage(tmp_path / "a.gpkg", "")
    with closing(sqlite3.connect(path)) as database:
        for (trigger,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE own SET geom = ?", (b"GP\0\1" + struct.pack("<i", 4326) + nested(200_000),))
        database.commit()
    assert faults(path) == [("layer-shape", 2)]
    deep = '{"type": "GeometryCollection", "geometries": [' * 100_000
    (tmp_path / "a.geojson").write_text(deep, "utf-8")
    assert faults(tmp_path / "a.geojson") == [("layer-broken", None)]
    (tmp_path / "b.geojson").write_text('{"type": "Polygon", "coordinates": ' + "[" * 100_000, "utf-8")
    assert faults(tmp_path / "b.geojson") == [("layer-broken", None)]


@pytest.mark.parametrize("kind", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("count", [0xFFFFFFFF, 0x0FFFFFFF, 5])
def test_shapes_that_claim_more_than_they_hold(tmp_path, kind, count):
    """Four thousand million points, rings or parts in 30 bytes: nothing is reserved for them, the row is named."""
    path = geopackage(tmp_path / "a.gpkg", "")
    with closing(sqlite3.connect(path)) as database:
        shape = struct.pack("<BII", 1, kind, count) + struct.pack("<dd", 113, 27)
        database.execute("UPDATE own SET geom = ?", (b"GP\0\1" + struct.pack("<i", 4326) + shape,))
        database.commit()
    assert faults(path) == [("layer-shape", 2)]


def test_a_wrong_index_hides_no_feature(tmp_path):
    """A FlatGeobuf's index says which features lie where; it is not asked."""
    places = [BOX.centroid.buffer(0.01 * k) for k in range(1, 200)]
    gpd.GeoDataFrame({"n": range(199)}, geometry=places, crs=4326).to_file(tmp_path / "a.fgb")
    whole = (tmp_path / "a.fgb").read_bytes()
    index = 12 + struct.unpack("<I", whole[8:12])[0]
    for filling in (b"\0", b"\xff", b"\x7f"):
        (tmp_path / "b.fgb").write_bytes(whole[:index] + filling * 2000 + whole[index + 2000 :])
        assert len(read_vector(tmp_path / "b.fgb").rows) == 199


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".fgb", ".shp", ".kml"])
def test_pipes_are_no_files(tmp_path, suffix):
    """Nobody waits for one; a Shapefile's table may be one, too."""
    os.mkfifo(tmp_path / f"a{suffix}")
    assert faults(tmp_path / f"a{suffix}") == [("file-no-file", None)]
    if suffix == ".shp":
        gpd.GeoDataFrame(geometry=[BOX], crs=4326).to_file(tmp_path / "b.shp")
        (tmp_path / "b.dbf").unlink()
        os.mkfifo(tmp_path / "b.dbf")
        assert faults(tmp_path / "b.shp") == [("file-no-file", None)]


@pytest.mark.parametrize(
    "name", ["rot13", "hex", "zlib", "punycode", "idna", "undefined", "nonsense", "../x", "utf\0"]
)
def test_encodings_that_are_none(tmp_path, name):
    """From the .cpg beside a Shapefile and from the project: told with what to write."""
    gpd.GeoDataFrame({"id": ["株"]}, geometry=[BOX.centroid], crs=4326).to_file(tmp_path / "a.shp")
    (tmp_path / "a.cpg").write_text(name, "ascii")
    (tmp_path / "a.csv").write_text("lon,lat\n113,27\n", "ascii")
    for path, said in ((tmp_path / "a.shp", None), (tmp_path / "a.shp", name), (tmp_path / "a.csv", name)):
        with pytest.raises(InputError) as caught:
            read_table(path, CHARGERS, encoding=said)
        assert [fault.key for fault in caught.value.faults] == ["encoding-unknown"]


def test_gdal_has_all_its_drivers_again(tmp_path):
    """Reading with one driver leaves GDAL as it was, for a notebook that goes on with it, also after a fault."""
    before = set(pyogrio.list_drivers())
    gpd.GeoDataFrame(geometry=[BOX], crs=4326).to_file(tmp_path / "a.fgb")
    read_vector(tmp_path / "a.fgb")
    (tmp_path / "b.fgb").write_bytes(b"fgb\3fgb\0" + b"x" * 50)
    with pytest.raises(InputError):
        read_vector(tmp_path / "b.fgb")
    assert set(pyogrio.list_drivers()) == before
    assert pyogrio.get_gdal_config_option("GDAL_SKIP") is None


def test_too_much_is_told(tmp_path, monkeypatch):
    """More bytes, cells or columns than can be read, from each format: the limit is named."""
    gpd.GeoDataFrame({"a": range(50), "b": range(50)}, geometry=[BOX.centroid] * 50, crs=4326).to_file(
        tmp_path / "a.gpkg"
    )
    for suffix in (".geojson", ".fgb", ".shp"):
        gpd.read_file(tmp_path / "a.gpkg").to_file(tmp_path / f"a{suffix}")
    assert MOST_CELLS > 1e6
    for limit, key in (
        ("MOST_CELLS", "table-too-large"),
        ("MOST_COLUMNS", "table-too-wide"),
        ("MOST_MB", "file-too-large"),
    ):
        for suffix in (".gpkg", ".geojson", ".fgb", ".shp"):
            with monkeypatch.context() as patched:
                patched.setattr(f"plugspan.files.{limit}", int(limit != "MOST_MB"))
                for module in ("vectors", "geopackage"):
                    patched.setattr(f"plugspan.{module}.MOST_MB", 0 if limit == "MOST_MB" else 200)
                assert faults(tmp_path / f"a{suffix}") == [(key, None)]


@pytest.mark.parametrize(("what", "limit"), [("{}", "_MOST_OBJECTS"), ("[]", "_MOST_LISTS")])
def test_millions_of_nothing_are_told(tmp_path, monkeypatch, what, limit):
    """Empty objects and lists take little in the file and much in memory."""
    monkeypatch.setattr(f"plugspan.shapes.{limit}", 1000)
    path = tmp_path / "a.geojson"
    path.write_text(f'{{"type": "FeatureCollection", "features": [{", ".join([what] * 1001)}]}}', "utf-8")
    assert faults(path) == [("table-too-large", None)]


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".geojson"])
def test_all_readers_agree_with_gdal(tmp_path, suffix):
    """Numbers, texts, missing cells, booleans, shapes and coordinate system are those that GDAL reads."""
    frame = gpd.GeoDataFrame(
        {"name": ["株洲", None, "b"], "n": [1, 2, 3], "x": [0.5, np.nan, 1e-3], "long": ["a" * 200] * 3},
        geometry=[BOX, None, shapely.MultiPolygon([BOX, shapely.box(0, 0, 1, 1)])],
        crs="EPSG:4326" if suffix == ".geojson" else "EPSG:4490",
    )
    if suffix == ".fgb":
        frame = frame.dropna(subset="geometry")
    path = tmp_path / f"a{suffix}"
    frame.to_file(path)
    theirs, ours = gpd.read_file(path), read_vector(path)
    assert ours.headers == [c for c in theirs.columns if c != "geometry"]
    for name, cells in zip(ours.headers, zip(*ours.rows, strict=True), strict=True):
        assert list(cells) == [
            None if cell is None or cell != cell else cell for cell in theirs[name].tolist()
        ]
    assert ours.geometry.geom_equals(theirs.geometry).tolist() == [
        not missing for missing in theirs.geometry.isna()
    ]
    assert ours.geometry.isna().tolist() == theirs.geometry.isna().tolist()
    assert ours.crs == theirs.crs


def test_areas_of_kml_agree_with_gdal(tmp_path):
    """Holes, several areas of one place, heights, a namespace; lines and points are passed over."""
    holed = shapely.Polygon(BOX.exterior, [shapely.box(113.12, 27.82, 113.14, 27.84).exterior])
    many = shapely.MultiPolygon([holed, shapely.box(113.3, 27.8, 113.4, 27.9)])
    gpd.GeoDataFrame({"Name": ["x", "y"]}, geometry=[many, BOX.centroid], crs=4326).to_file(
        tmp_path / "a.kml", driver="KML"
    )
    assert read_region(tmp_path / "a.kml").polygon.equals(many)
