"""Layers and tables in a real PostgreSQL with PostGIS: read back equal, all or nothing, in a schema of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
import synthetic_layers as made
from click.testing import CliRunner
from plugspan.cli.export import command
from plugspan.errors import InputError, OutputExistsError
from plugspan.render.gis import postgis
from plugspan.render.gis.geopackage import prepare, write_geopackage
from plugspan.render.gis.postgis import KEY, LINKS, SHAPE, write_postgis
from plugspan.render.gis.stored import read_layers

pytestmark = pytest.mark.postgis
NOTE = "100 % of it's \\ invented: '; DROP SCHEMA public; --"


def programs():
    """Folder of the server's programs, if PostGIS is there as well; Debian keeps them off the search path."""
    found = shutil.which("initdb")
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *([Path(found).resolve().parent] if found else [])]
    shared = "/usr/share/postgresql/{}/extension/postgis.control"
    return next((f for f in folders if Path(shared.format(f.parent.name)).exists()), None)


@pytest.fixture(scope="module")
def cluster():
    """A server of its own in a folder of its own, reached by a socket there; not run as root, which it refuses."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL with PostGIS is not installed (Debian: postgresql, postgresql-postgis)")
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has 107 bytes at most
    other = {}
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
        other = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(name, *words):
        done = subprocess.run(
            [str(folder / name), *words], cwd=home, capture_output=True, text=True, check=False, timeout=120,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL, **other,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    data, options = str(home / "data"), f"-k {home} -c listen_addresses='' -c fsync=off"
    run("initdb", "-D", data, "-U", "planner", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
    # The server must not hold the pipes of the one who starts it.
    run("pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        yield home
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


def address(cluster, name):
    return f"postgresql://planner@/{name}?host={cluster}"


def engine_of(url):
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


@pytest.fixture(scope="module")
def url(cluster):
    """Address of a database with PostGIS."""
    with engine_of(address(cluster, "postgres")).connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("CREATE DATABASE gis"))
    with engine_of(address(cluster, "gis")).begin() as connection:
        connection.execute(sa.text("CREATE EXTENSION postgis"))
    return address(cluster, "gis")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file of layers with all hard cases, as a run writes it, in a projected system."""
    path = tmp_path_factory.mktemp("layers") / "layers.gpkg"
    write_geopackage(
        made.every_layer(),
        path,
        crs="EPSG:4547",
        tables=made.evidence(),
        provenance={"project": "x", "note": NOTE},
    )
    return path


def names(url, schema):
    with engine_of(url).connect() as connection:
        rows = connection.execute(
            sa.text("SELECT tablename FROM pg_tables WHERE schemaname = :s"), {"s": schema}
        )
        return set(rows.scalars())


def plain(values, missing):
    """Values as Python has them, None where missing."""
    return [None if gone else value for value, gone in zip(values.tolist(), missing, strict=True)]


def assert_equal(url, schema, tables):
    """Every table comes back row for row: values, what is missing, places to the last digit, their system."""
    with engine_of(url).connect() as connection:
        for table in tables:
            rows = (
                connection.execute(sa.text(f'SELECT * FROM "{schema}"."{table.name}" ORDER BY {KEY}'))
                .mappings()
                .all()
            )
            for field in table.fields:
                assert [row[field.name] for row in rows] == plain(field.values, field.missing), (
                    table.name,
                    field.name,
                )
            if table.geometry is not None:
                query = f'SELECT {KEY}, {SHAPE} FROM "{schema}"."{table.name}" ORDER BY {KEY}'
                frame = gpd.read_postgis(query, connection, geom_col=SHAPE)
                found = frame.geometry.to_numpy()
                assert shapely.equals_identical(found, np.asarray(table.geometry, dtype=object)).tolist() == [
                    g is not None for g in table.geometry
                ]
                assert frame.geometry.isna().tolist() == [g is None for g in table.geometry]


def test_all_comes_back_equal(url, file):
    """Layers and tables with hostile texts, gaps, dates and huge numbers, in a projected system."""
    stored = read_layers(file, "zh")
    n = write_postgis(
        stored.tables, url, schema="equal", crs=stored.crs, lang="zh", source=stored.source, result={"a": 1}
    )
    assert n == len(stored.tables)
    assert names(url, "equal") == {table.name for table in stored.tables} | {"run_result"}
    assert_equal(url, "equal", stored.tables)
    with engine_of(url).connect() as connection:
        systems = connection.execute(
            sa.text("SELECT srid FROM geometry_columns WHERE f_table_schema = 'equal'")
        )
        assert set(systems.scalars()) == {4547}
        indexes = connection.execute(
            sa.text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'equal'")
        ).scalars()
        layers = [table for table in stored.tables if table.geometry is not None]
        assert sum("gist" in index for index in indexes) == len(layers)
        keys = sa.inspect(connection).get_pk_constraint("run_result", schema="equal")
        assert keys["constrained_columns"] == [KEY]
        assert connection.execute(sa.text('SELECT document FROM "equal".run_result')).scalar() == {"a": 1}


def test_tables_and_columns_say_what_they_hold(url, file):
    """Titles, labels and meanings stand as comments; the schema's has the sources, whatever characters are in them."""
    stored = read_layers(file, "zh")
    write_postgis(stored.tables, url, schema="told", crs=stored.crs, lang="zh", source=stored.source)
    with engine_of(url).connect() as connection:
        said = connection.execute(
            sa.text("SELECT obj_description('told'::regnamespace, 'pg_namespace')")
        ).scalar()
        assert said.startswith(f"plugspan: {NOTE}\ntables: ")
        told = sa.inspect(connection)
        for table in stored.tables:
            assert told.get_table_comment(table.name, schema="told")["text"] == table.title
            comments = {c["name"]: c["comment"] for c in told.get_columns(table.name, schema="told")}
            assert all(comments[f.name].startswith(f.label("zh")) for f in table.fields)


def broken(tables):
    """The tables with a last one that the database must refuse: a point in a table of lines."""
    [line] = [table for table in tables if table.name == "routes_before"]
    wrong = np.array([shapely.Point(1, 2)] * len(line.geometry), dtype=object)
    return [*tables, replace(line, name="wrong", geometry=wrong)]


def test_an_error_leaves_nothing_and_an_old_schema_as_it_was(url, file):
    """One transaction: what was written before the error is gone, what was to be replaced is there."""
    stored = read_layers(file, "zh")
    with pytest.raises(InputError, match="Nothing in it was changed"):
        write_postgis(broken(stored.tables), url, schema="nothing", crs=stored.crs, lang="zh")
    assert names(url, "nothing") == set()
    write_postgis(stored.tables, url, schema="old", crs=stored.crs, lang="zh")
    with pytest.raises(InputError):
        write_postgis(
            broken(stored.tables),
            url,
            schema="old",
            crs=stored.crs,
            lang="zh",
            overwrite=True,
        )
    assert_equal(url, "old", stored.tables)


def test_a_schema_is_replaced_if_asked_and_only_if_it_is_ours(url, file):
    """Without ``overwrite`` it stays; a schema of others stays in any case; nothing is written elsewhere."""
    stored = read_layers(file, "zh")
    before = names(url, "public")
    write_postgis(stored.tables, url, schema="mine", crs=stored.crs, lang="zh")
    with pytest.raises(OutputExistsError, match="mine"):
        write_postgis(stored.tables[:1], url, schema="mine", crs=stored.crs, lang="zh")
    write_postgis(stored.tables[:1], url, schema="mine", crs=stored.crs, lang="zh", overwrite=True)
    assert names(url, "mine") == {stored.tables[0].name, "run_result"}
    with engine_of(url).begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA theirs; CREATE TABLE theirs.things (a int)"))
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="theirs"):
            write_postgis(stored.tables, url, schema="theirs", crs=stored.crs, lang="zh", overwrite=overwrite)
    assert names(url, "theirs") == {"things"}
    assert names(url, "public") == before


def test_ids_have_indexes(url, file):
    """Tables are joined by them."""
    table = max(read_layers(file, "zh").tables, key=lambda table: len(table.fields))
    named = [replace(field, name=name) for field, name in zip(table.fields, LINKS, strict=False)]
    write_postgis([replace(table, fields=tuple(named))], url, schema="linked", crs="EPSG:4547", lang="zh")
    with engine_of(url).connect() as connection:
        found = sa.inspect(connection).get_indexes(table.name, schema="linked")
    assert {tuple(index["column_names"]) for index in found} >= {(name,) for name in LINKS}


def do(url, *statements):
    with engine_of(url).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def count(url, what):
    with engine_of(url).connect() as connection:
        return connection.execute(sa.text(f"SELECT count(*) FROM {what}")).scalar()


def narrower(tables):
    """The tables, the first with a column less: it has to be made anew."""
    return [replace(tables[0], fields=tables[0].fields[1:]), *tables[1:]]


def test_what_others_made_of_the_tables_stays(url, file):
    """Views over tables that keep their columns, rights, and what others put into the schema."""
    stored = read_layers(file, "zh")
    name = stored.tables[0].name
    write_postgis(stored.tables, url, schema="shared", crs=stored.crs, lang="zh")
    do(
        url,
        f"CREATE SCHEMA other; CREATE VIEW other.v AS SELECT * FROM shared.{name}",
        f"CREATE MATERIALIZED VIEW shared.m AS SELECT * FROM shared.{name}",
        "CREATE TABLE shared.my_notes (a int); INSERT INTO shared.my_notes VALUES (1)",
        f"CREATE ROLE viewer; GRANT SELECT ON shared.{name} TO viewer WITH GRANT OPTION",
    )
    n = count(url, "other.v")
    write_postgis(stored.tables, url, schema="shared", crs=stored.crs, lang="en", overwrite=True)
    assert_equal(url, "shared", stored.tables)
    assert (count(url, "other.v"), count(url, "shared.m"), count(url, "shared.my_notes")) == (n, n, 1)
    allowed = f"SELECT has_table_privilege('viewer', 'shared.{name}', 'SELECT WITH GRANT OPTION')"
    with engine_of(url).connect() as connection:
        assert connection.execute(sa.text(allowed)).scalar()
        told = sa.inspect(connection).get_table_comment(stored.tables[1].name, schema="shared")
        assert told["text"] == stored.tables[1].title
    with pytest.raises(OutputExistsError, match=r"other\.v, shared\.m"):
        write_postgis(
            narrower(stored.tables), url, schema="shared", crs=stored.crs, lang="zh", overwrite=True
        )
    assert_equal(url, "shared", stored.tables)
    do(url, "DROP VIEW other.v; DROP MATERIALIZED VIEW shared.m")
    write_postgis(narrower(stored.tables), url, schema="shared", crs=stored.crs, lang="zh", overwrite=True)
    assert_equal(url, "shared", narrower(stored.tables))
    assert count(url, "shared.my_notes") == 1
    with engine_of(url).connect() as connection:
        assert connection.execute(sa.text(allowed)).scalar()


def test_a_name_that_others_have_taken_is_refused(url, file):
    """A table of somebody else is not filled, even in a schema of ours."""
    stored = read_layers(file, "zh")
    name = stored.tables[1].name
    write_postgis(stored.tables[:1], url, schema="taken", crs=stored.crs, lang="zh")
    do(url, f"CREATE TABLE taken.{name} (a int)")
    with pytest.raises(OutputExistsError, match=name):
        write_postgis(stored.tables, url, schema="taken", crs=stored.crs, lang="zh", overwrite=True)
    assert count(url, f"taken.{name}") == 0


def test_readers_are_waited_for_only_so_long(url, file, monkeypatch):
    """Tables that keep their columns are filled beside a reader; one that must go is given up, with a remedy."""
    monkeypatch.setattr(postgis, "_LONGEST_WAIT_S", 1)
    stored = read_layers(file, "zh")
    write_postgis(stored.tables[:2], url, schema="busy", crs=stored.crs, lang="zh")
    with engine_of(url).connect() as reader:
        reader.execute(sa.text(f"SELECT * FROM busy.{stored.tables[0].name}"))
        write_postgis(stored.tables[:2], url, schema="busy", crs=stored.crs, lang="zh", overwrite=True)
        with pytest.raises(InputError, match="held by another program"):
            write_postgis(stored.tables[1:2], url, schema="busy", crs=stored.crs, lang="zh", overwrite=True)
    assert_equal(url, "busy", stored.tables[:2])


def test_who_may_make_no_schema_writes_into_one_made_for_them(url, file):
    """As offices do it: the administrator makes it, empty. Written twice; what readers may do there stays."""
    stored = read_layers(file, "zh")
    with engine_of(url).begin() as connection:
        connection.execute(
            sa.text("CREATE ROLE clerk LOGIN; CREATE ROLE reader; CREATE SCHEMA office AUTHORIZATION clerk")
        )
        connection.execute(sa.text("GRANT USAGE ON SCHEMA office TO reader"))
    clerk = url.replace("planner@", "clerk@")
    with pytest.raises(InputError, match="permission denied"):
        write_postgis(stored.tables[:1], clerk, schema="another", crs=stored.crs, lang="zh")
    write_postgis(stored.tables[:2], clerk, schema="office", crs=stored.crs, lang="zh")
    with pytest.raises(OutputExistsError, match="office"):
        write_postgis(stored.tables[:1], clerk, schema="office", crs=stored.crs, lang="zh")
    write_postgis(stored.tables[:1], clerk, schema="office", crs=stored.crs, lang="zh", overwrite=True)
    assert names(url, "office") == {stored.tables[0].name, "run_result"}
    with engine_of(url).connect() as connection:
        assert connection.execute(
            sa.text("SELECT has_schema_privilege('reader', 'office', 'USAGE')")
        ).scalar()


def test_names_are_names_and_no_commands(url, file):
    """A schema may be called anything."""
    stored, name = read_layers(file, "zh"), 'a"; DROP SCHEMA public CASCADE; -- 株洲 %s'
    write_postgis(stored.tables[:2], url, schema=name, crs=stored.crs, lang="zh")
    assert names(url, name) == {*(table.name for table in stored.tables[:2]), "run_result"}
    assert "spatial_ref_sys" in names(url, "public")


def test_what_was_read_keeps_its_own_system(url):
    """Tables ``input_…`` are in EPSG:4326, layers in that of the run; a geometry of any kind is taken."""
    tables = prepare([made.county_layer()], {}, crs="EPSG:4490", lang="en")
    own = replace(tables[0], name="input_counties", layer=None, geometry_type="Unknown")
    write_postgis([tables[0], own], url, schema="two", crs="EPSG:4490", lang="en")
    with engine_of(url).connect() as connection:
        rows = connection.execute(
            sa.text("SELECT f_table_name, srid, type FROM geometry_columns WHERE f_table_schema = 'two'")
        )
        assert set(rows.tuples()) == {("counties", 4490, "POLYGON"), ("input_counties", 4326, "GEOMETRY")}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("postgresql://planner:secret@localhost:1/gis", "did not accept"),
        ("mysql://planner:secret@localhost/gis", "no address of a PostgreSQL"),
        ("planner:secret@localhost", "no address of a PostgreSQL"),
        ("postgresql://planner:secret@localhost:54x2/gis", "the port is a number"),
        ("postgresql://planner:secret@localhost:1/gis?password=secret", "did not accept"),
        ("mysql://localhost/gis?user=planner&password=secret", "no address of a PostgreSQL"),
        ("localhost/gis?user=planner&password=secret", "no address of a PostgreSQL"),
        ("postgresql://planner:S3@secret@localhost/gis", "an @ in user or password is %40"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(wrong, words):
    """A server that is not there, another kind of database, no address at all."""
    with pytest.raises(InputError, match=words) as told:
        write_postgis([], wrong, crs="EPSG:4490", lang="en")
    assert "secret" not in str(told.value)


def test_a_database_without_postgis_or_the_system_is_told(cluster, url, file):
    """With the remedy; nothing is made."""
    with pytest.raises(InputError, match="CREATE EXTENSION postgis"):
        write_postgis([], address(cluster, "postgres"), crs="EPSG:4490", lang="en")
    with engine_of(url).begin() as connection:
        kept = connection.execute(sa.text("SELECT srtext FROM spatial_ref_sys WHERE srid = 4491")).scalar()
        connection.execute(sa.text("DELETE FROM spatial_ref_sys WHERE srid = 4491"))
    assert kept
    with pytest.raises(InputError, match="EPSG:4491"):
        write_postgis([], url, schema="none", crs="EPSG:4491", lang="en")


def test_the_command_takes_a_run_folder(url, file, tmp_path):
    """``plugspan export RUN --format postgis --to URL``; without the address it is wrong use."""
    (tmp_path / "layers.gpkg").write_bytes(file.read_bytes())
    (tmp_path / "result.json").write_text(
        '{"schema": 2, "findings": [], "project": {"name": "株洲", "language": "zh"}}', "utf-8"
    )
    (tmp_path / "log.txt").write_text("", "utf-8")
    done = CliRunner().invoke(command, [str(tmp_path), "--format", "postgis", "--to", url, "--schema", "cli"])
    assert done.exit_code == 0, done.output
    assert_equal(url, "cli", read_layers(file, "zh").tables)
    assert CliRunner().invoke(command, [str(tmp_path), "--format", "postgis"]).exit_code == 2
    assert CliRunner().invoke(command, [str(tmp_path), "--format", "geojson", "--to", url]).exit_code == 2
