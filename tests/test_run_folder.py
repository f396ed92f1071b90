"""The run folder: complete or not there, the same for the same inputs, and deaf to hostile texts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
from conftest import HANGS_S
from helsinki_case import HOSTILE, write_case
from plugspan.cli import _run
from plugspan.country.outputs import country_schema
from plugspan.render.result_schema import result_schema
from plugspan.render.run import RUN_FILES, is_run_folder
from plugspan.render.schema_nodes import JSON_TYPES

WORDS = Path(result_schema.__code__.co_filename).with_name("result_words.toml")


def run(folder, *args, env=None):
    command = [sys.executable, "-m", "plugspan", "run", str(folder), *args]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300,
        env={**os.environ, "PLUGSPAN_LANG": "en", **(env or {})},
    )  # fmt: skip


def ended(folder, capsys):
    """Exit code and messages of ``plugspan run`` in this process: the start of another takes seconds."""
    return _run(["run", str(folder), "--lang", "en"]), capsys.readouterr().err


def digests(folder):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}


@pytest.fixture(scope="module")
def case(tmp_path_factory, root):
    """A finished run of the hostile project."""
    folder = tmp_path_factory.mktemp("case")
    write_case(folder, root)
    shown = run(folder)
    assert shown.returncode == 0, shown.stderr
    return folder


def test_a_run_writes_all_its_files_and_no_others_beside_it(case):
    """Map, layers, result and log; no half-written folder is left."""
    assert is_run_folder(case / "run")
    assert not [p.name for p in case.iterdir() if p.name.startswith(".")]


def test_site_prints_what_a_run_says_of_building(case):
    """``plugspan site`` gives the part of result.json on proposed sites, and writes nothing."""
    there = sorted(case.iterdir())
    command = [sys.executable, "-m", "plugspan", "site", str(case), "--lang", "en"]
    shown = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert shown.returncode == 0, shown.stderr
    printed, whole = json.loads(shown.stdout), json.loads((case / "run" / "result.json").read_text("utf-8"))
    for row in (*printed["siting"], *whole["siting"]):
        del row["runtime_s"]
    assert set(printed) == {"siting", "least_sites", "retrofit"}
    assert len(printed["siting"]) == 1
    assert printed["siting"][0]["chosen"] == whole["siting"][0]["chosen"]
    assert printed["siting"][0]["objective"] == whole["siting"][0]["objective"] > 0
    assert sorted(case.iterdir()) == there


def test_an_existing_run_is_not_replaced_unasked(case):
    """Without --overwrite: exit code 2, the remedy, and not a byte changed."""
    before = digests(case / "run")
    shown = run(case)
    assert shown.returncode == 2
    assert "--overwrite" in shown.stderr
    assert digests(case / "run") == before


def test_the_same_inputs_give_the_same_files(case, tmp_path):
    """Map, layers, workbook and report, byte by byte."""
    shown = run(case, "--out", str(tmp_path / "again"))
    assert shown.returncode == 0, shown.stderr
    one, two = digests(case / "run"), digests(tmp_path / "again")
    same = ("map.html", "layers.gpkg", "tables.xlsx", "report.docx")
    assert {name: one[name] for name in same} == {name: two[name] for name in same}


def test_a_killed_run_leaves_the_old_folder(case, tmp_path):
    """SIGKILL while the new folder is being written: the old one is whole and unchanged."""
    shutil.copytree(case, tmp_path / "copy")
    folder = tmp_path / "copy"
    before = digests(folder / "run")
    script = (
        "import sys\n"
        "from plugspan.cli import main\n"
        "from plugspan.render import run\n"
        "run.write_report = lambda *_, **__: (print('writing', flush=True), sys.stdin.read())\n"
        "main(['run', sys.argv[1], '--overwrite'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert "writing\n" in iter(process.stdout.readline, "")
        assert list(folder.glob(".run.new-*"))
        process.send_signal(signal.SIGKILL)
    assert is_run_folder(folder / "run")
    assert digests(folder / "run") == before


def test_hostile_names_arrive_as_text_in_the_result(case):
    """What was in the tables is in result.json, letter by letter."""
    result = json.loads((case / "run" / "result.json").read_text("utf-8"))
    berths = next(f for f in result["findings"] if f["rule"] == "berth-shore-power")["evidence"]
    assert {row["name"] for row in berths} == set(HOSTILE)
    assert result["project"]["name"] == HOSTILE[1]


def test_hostile_names_arrive_as_text_in_the_layers(case):
    """The GeoPackage holds them as they are; no view or trigger came with them."""
    db = sqlite3.connect(case / "run" / "layers.gpkg")
    assert {row[0] for row in db.execute("SELECT name FROM berths")} == set(HOSTILE)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_no_name_is_live_in_the_page(case):
    """No name stands in the page as markup."""
    page = (case / "run" / "map.html").read_text("utf-8")
    for live in ("<script>alert(1)", "<script>window.hacked", "<img src=x", "49</"):
        assert live not in page


@pytest.mark.browser
def test_no_name_runs_in_the_browser(case, browser):
    """The map opens with the network off, shows the names as text, runs none of them and asks for nothing."""
    page = browser.new_page()
    page.set_default_timeout(HANGS_S * 1000)
    page.context.set_offline(True)
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto((case / "run" / "map.html").as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert HOSTILE[1] in page.title()
    assert not errors
    assert [u for u in requests if not u.startswith(("file:", "data:", "blob:"))] == []
    page.close()


BROKEN = {
    "a truncated PBF": ("helsinki.osm.pbf", lambda b: b[: len(b) // 2]),
    "an empty PBF": ("helsinki.osm.pbf", lambda _: b""),
    "a PBF that is a picture": ("helsinki.osm.pbf", lambda _: b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "a table without a needed column": ("berths.csv", lambda b: b.replace(b"class_t", b"klass")),
    "a berth of 千吨": ("berths.csv", lambda b: b.replace(b",2000,", ",千吨,".encode())),
    "swapped coordinates": ("demand.csv", lambda b: b.replace(b"lon,lat", b"lat,lon")),
    "an unknown key": ("project.toml", lambda b: b.replace(b"reach_km", b"reach_kn")),
    "binary rubbish as a table": ("chargers.csv", lambda _: bytes(range(256)) * 20),
    "an empty GeoJSON": ("counties.geojson", lambda _: b""),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_inputs_are_exit_code_3_with_file_and_remedy(what, case, tmp_path, capsys):
    """No traceback, no half-written folder; the message names the file."""
    folder = tmp_path / "broken"
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("run"))
    name, breaks = BROKEN[what]
    (folder / name).write_bytes(breaks((folder / name).read_bytes()))
    code, told = ended(folder, capsys)
    assert code == 3, told
    assert name in told
    assert "Traceback" not in told
    assert "own fault" not in told
    assert not [p.name for p in folder.iterdir() if "run" in p.name]


@pytest.mark.parametrize("name", ["helsinki.osm.pbf", "berths.csv", "counties.geojson"])
def test_a_missing_file_is_exit_code_3_and_named(name, case, tmp_path, capsys):
    """The file that is missing is named, with what to do."""
    folder = tmp_path / "missing"
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("run"))
    (folder / name).unlink()
    code, told = ended(folder, capsys)
    assert code == 3, told
    assert name in told
    assert not (folder / "run").exists()


def test_run_files_are_the_contract():
    """Other programs rely on these names."""
    assert set(RUN_FILES) >= {"map.html", "layers.gpkg", "result.json", "log.txt"}


def test_the_schema_is_of_the_registry_and_refuses_what_is_wrong():
    """It is a schema, names each figure's unit and meaning, and a text for a number or a new code is refused."""
    schema = result_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    gap = schema["properties"]["gaps"]["items"]
    assert gap["properties"]["length_km"]["description"].endswith("[km]")
    assert "gap" in gap["properties"]["spacing_class"]["enum"]
    refused = jsonschema.Draft202012Validator(gap["properties"]["spacing_class"])
    assert not refused.is_valid("long")
    assert not jsonschema.Draft202012Validator(gap["properties"]["length_km"]).is_valid("59.8 km")


def test_every_key_of_the_schemas_says_what_it_holds():
    """A schema has a name that stays, each key a meaning; no meaning is of a key that is not there."""
    words = tomllib.loads(WORDS.read_text("utf-8"))
    of_country = {**words["country"], "key": {}}
    for name, found, said in (("result", result_schema(), words), ("country", country_schema(), of_country)):
        paths = dict(schema_keys(found, "top"))
        assert found["$id"] == f"urn:plugspan:{name}:2"
        assert found["properties"]["schema"]["const"] == 2
        assert not [path for path, meaning in paths.items() if not meaning]
        assert set(said["top"]) <= {key for parent, key in paths if parent == "top"}
        assert all(paths[tuple(path.split("."))] == meaning for path, meaning in said["parent"].items())
        assert set(said["key"]) <= {key for _, key in paths}
        if name == "result":
            assert {key for kind in JSON_TYPES for key in said[kind]} <= {key for _, key in paths}


def schema_keys(schema, parent):
    """Each key below a schema as (parent, name), with its meaning."""
    for name, held in schema.get("properties", {}).items():
        yield (parent, name), held.get("description")
        yield from schema_keys(held, name)
    inner = [schema[k] for k in ("items", "additionalProperties") if isinstance(schema.get(k), dict)]
    for held in (*inner, *schema.get("anyOf", ())):
        yield from schema_keys(held, parent)
