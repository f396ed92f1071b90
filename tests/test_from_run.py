"""What is taken from a run folder: whole or refused, with the right file named, in the right language."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import plugspan
import pytest
from helsinki_case import write_case
from plugspan.cli import _run as run_command
from plugspan.errors import InputError


@pytest.fixture(scope="module")
def finished(tmp_path_factory, root):
    """The run folder of the hostile project, without the project."""
    plan = plugspan.make_plan(plugspan.read_project(write_case(tmp_path_factory.mktemp("case"), root)))
    return plan.save(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


TAKEN = {
    "map.html": ["map", "--file"],
    "report.docx": ["report", "--file"],
    "tables.xlsx": ["export", "--format", "xlsx", "--out"],
    "layers.gpkg": ["export", "--format", "geojson", "--out"],
}
"""The verb that takes each file of a run folder."""


def take(name, run, target, *more):
    """Exit code of the verb that takes a file from a run folder."""
    verb, *words = TAKEN[name]
    return run_command([verb, str(run), *words, str(target), *more])


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("how", ["cut", "hole"])
def test_a_damaged_file_is_refused_and_named(name, how, run, tmp_path, capsys):
    """Cut off, or with pages of zeros in it: exit code 3, the remedy, and nothing is written."""
    whole = (run / name).read_bytes()
    middle = len(whole) // 2
    spoilt = {"cut": whole[:middle], "hole": whole[:middle] + bytes(8192) + whole[middle + 8192 :]}
    (run / name).write_bytes(spoilt[how])
    target = tmp_path / f"out{run.joinpath(name).suffix}"
    assert take(name, run, target, "--lang", "en") == 3
    told = capsys.readouterr().err
    assert f"{name}: the file is damaged" in told
    assert "run again" in told
    assert not target.exists()


@pytest.mark.parametrize("name", ["map.html", "layers.gpkg"])
def test_a_changed_file_is_taken_with_a_note(name, run, tmp_path, capsys):
    """Users may edit what a run wrote; they are told that it is no longer the run's."""
    assert take(name, run, tmp_path / "first.html") == 0
    assert "changed after" not in capsys.readouterr().err
    if name == "map.html":
        (run / name).write_bytes((run / name).read_bytes() + b"\n")
    else:
        with closing(sqlite3.connect(run / name)) as database, database:
            database.execute("DELETE FROM findings WHERE rowid = 1")
    assert take(name, run, tmp_path / "second.html") == 0
    assert f"{name}: the file was changed after the run" in capsys.readouterr().err


def test_a_lost_result_is_named(run, tmp_path, capsys):
    """A folder whose list has a result.json is a run folder, with or without it."""
    (run / "result.json").unlink()
    for name in TAKEN:
        assert take(name, run, tmp_path / "out", "--lang", "en") == 3
        assert "has no result.json" in capsys.readouterr().err


@pytest.mark.parametrize("name", TAKEN)
def test_a_run_is_named_by_its_result_too(name, run, tmp_path, capsys):
    """As for verify and compare."""
    target = tmp_path / f"out{(run / name).suffix}"
    assert take(name, run / "result.json", target) == 0, capsys.readouterr().err
    assert target.exists()


@pytest.mark.parametrize("name", TAKEN)
def test_another_language_is_refused_alike(name, run, tmp_path, capsys):
    """Nothing is worded again, README and styles neither."""
    assert take(name, run, tmp_path / "out.docx", "--lang", "zh") == 3
    assert "--lang" in capsys.readouterr().err
    assert not (tmp_path / "out.docx").exists()


def test_messages_have_one_rule(run, tmp_path, monkeypatch, capsys):
    """--lang, else PLUGSPAN_LANG, else the run's language; what is written keeps that of the run."""
    (run / "layers.gpkg").write_bytes((run / "layers.gpkg").read_bytes()[:50_000])
    (run / "map.html").write_text("<html>", "utf-8")
    damaged = [["map", "--file"], ["export", "--format", "geojson", "--out"]]
    for words in damaged:
        for env, said in (("", "is damaged"), ("zh", "已损坏")):
            monkeypatch.setenv("PLUGSPAN_LANG", env)
            assert run_command([words[0], str(run), *words[1:], str(tmp_path / "out")]) == 3
            assert said in capsys.readouterr().err
    result = run / "result.json"
    result.write_text(result.read_text("utf-8").replace('"findings"', '"found"'), "utf-8")
    for words in (["verify", str(run)], ["compare", str(run), str(run)]):
        assert run_command(words) == 3
        assert "plugspan" in capsys.readouterr().err


def test_the_language_of_messages_is_not_that_of_the_readme(run, tmp_path, monkeypatch, capsys):
    """PLUGSPAN_LANG changes what is said, not what is written."""
    monkeypatch.setenv("PLUGSPAN_LANG", "zh")
    assert take("layers.gpkg", run, tmp_path / "out") == 0, capsys.readouterr().err
    assert (tmp_path / "out" / "README.txt").read_text("utf-8-sig").startswith("Layers as GeoJSON")


@pytest.mark.parametrize(
    "words",
    [
        ["--format", "geojson", "--encoding", "GBK"],
        ["--format", "geojson", "--schema", "mine"],
        ["--format", "xlsx", "--encoding", "GBK"],
    ],
)
def test_options_of_other_formats_are_wrong_use(words, run, tmp_path, capsys):
    """What they ask for would not be done."""
    assert run_command(["export", str(run), *words, "--out", str(tmp_path / "out")]) == 2
    assert "--format" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_filled(run, tmp_path):
    """Nothing in it could be lost."""
    (tmp_path / "out").mkdir()
    assert take("layers.gpkg", run, tmp_path / "out") == 0
    assert (tmp_path / "out" / "README.txt").is_file()
    assert take("layers.gpkg", run, tmp_path / "out") == 2


def test_copying_a_file_loads_no_planner(run, tmp_path):
    """What plans is not there where nothing is planned."""
    script = (
        "import sys\n"
        "from plugspan.cli import _run\n"
        "assert _run(['map', sys.argv[1], '--file', sys.argv[2]]) == 0\n"
        "assert 'plugspan.pipeline' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(run), str(tmp_path / "map.html")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_told_of_the_target(run, tmp_path, monkeypatch, capsys):
    """Copying names the file that it copies from."""

    def full(source, _target):
        raise OSError(28, os.strerror(28), str(source))

    monkeypatch.setattr("plugspan.render.files.shutil.copyfile", full)
    assert take("report.docx", run, tmp_path / "out.docx", "--lang", "en") == 3
    told = capsys.readouterr().err
    assert "out.docx" in told
    assert str(run) not in told


def shares(err):
    """Shares of the lines of progress."""
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    return [line["share"] for line in lines if "share" in line]


def test_progress_of_a_run_folder_goes_on_by_table(run, tmp_path, capsys):
    """From 0 to 1, never back."""
    assert take("layers.gpkg", run, tmp_path / "out", "--progress", "json") == 0
    found = shares(capsys.readouterr().err)
    assert len(found) > 5
    assert found == sorted(found)
    assert found[-1] == 1.0


@pytest.mark.parametrize("verb", ["check", "assess", "export", "run"])
def test_progress_of_a_project_ends_at_one(verb, root, tmp_path, capsys):
    """Every verb that has --progress."""
    project = write_case(tmp_path, root)
    more = {"export": ["--format", "geojson", "--out", str(tmp_path / "out")], "check": ["--json"]}
    assert run_command([verb, str(project), "--progress", "json", *more.get(verb, [])]) == 0
    found = shares(capsys.readouterr().err)
    assert found == sorted(found)
    assert found[0] < 0.1
    assert found[-1] == 1.0


def test_check_as_json_tells_of_a_broken_project(root, tmp_path, capsys):
    """Its faults are data, too, in both languages."""
    project = write_case(tmp_path, root)
    project.write_text(project.read_text("utf-8").replace("[siting]", "[sitting]"), "utf-8")
    assert run_command(["check", str(project), "--json", "--lang", "en"]) == 3
    [fault] = json.loads(capsys.readouterr().out)["faults"]
    assert fault["file"] == "project.toml"
    assert "sitting" in fault["message"]
    assert set(fault["messages"]) == {"zh", "en"}


# -- read_run ----------------------------------------------------------------------------------------------


def test_columns_have_the_types_that_the_file_declares(run):
    """Whatever the rows hold: nothing, a part, dates as text."""
    with closing(sqlite3.connect(run / "layers.gpkg")) as database, database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _shape: 0)  # the triggers of the spatial index call them
        for name in ("point_kw", "points", "surveyed"):
            database.execute(f"UPDATE input_facilities SET {name} = NULL")
    frame = plugspan.read_run(run).tables["input_facilities"]
    assert {name: str(frame[name].dtype) for name in ("point_kw", "points", "surveyed", "opened", "name")} == {
        "point_kw": "Float64", "points": "Int64", "surveyed": "boolean", "opened": "datetime64[us]", "name": "string",
    }  # fmt: skip
    assert frame["point_kw"].isna().all()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "has no layers.gpkg"), (b"SQLite format 3\0" + b"x" * 5000, "is damaged"), (b"", "is")],
)
def test_missing_and_damaged_layers_are_told_with_what_helps(content, said, run):
    """Not as those of input files: they are not exported from QGIS, but run again."""
    (run / "layers.gpkg").unlink()
    if content is not None:
        (run / "layers.gpkg").write_bytes(content)
    with pytest.raises(InputError, match=said) as told:
        plugspan.read_run(run).tables["findings"]
    assert "gain" in str(told.value)
    assert "QGIS" not in str(told.value)
