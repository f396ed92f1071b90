"""The QGIS plugin: its zip, its way to call the program, and its tools in a QGIS without windows."""

from __future__ import annotations

import configparser
import importlib.util
import io
import json
import os
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import HANGS_S
from helsinki_case import write_case
from plugspan.schema import COLUMNS
from plugspan.texts import catalogue

SYSTEM_PYTHON = "/usr/bin/python3"


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def archive(root, tmp_path_factory):
    """The zip that ``make plugin`` builds."""
    return module(root / "qgis_plugin" / "build.py").build(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def command(root):
    """The module that calls the program; it needs no QGIS."""
    return module(root / "qgis_plugin" / "plugspan" / "command.py")


def test_the_zip_is_what_qgis_installs(archive, root):
    """One folder, the keys that QGIS asks for, version and licence of the project, every text in both languages."""
    with zipfile.ZipFile(archive) as held:
        names = held.namelist()
        read = {name: held.read(name).decode("utf-8") for name in names}
    assert {name.split("/")[0] for name in names} == {"plugspan"}
    about = configparser.ConfigParser()
    about.read_file(io.StringIO(read["plugspan/metadata.txt"]))
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert about["general"]["version"] == project["version"]
    assert set(about["general"]) >= {
        "name",
        "qgisminimumversion",
        "description",
        "about",
        "author",
        "license",
        "icon",
        "changelog",
    }
    assert about["general"]["license"] == "MIT"
    assert f"plugspan/{about['general']['icon']}" in names
    assert about["general"]["changelog"].startswith(f"{project['version']}\n- ")
    assert about["general"]["hasprocessingprovider"] == "yes"
    assert read["plugspan/LICENSE"] == (root / "LICENSE").read_text("utf-8")
    texts = json.loads(read["plugspan/texts.json"])
    assert texts
    assert all(set(both) == {"zh", "en"} and all(both.values()) for both in texts.values())
    assert texts == {key: dict(both) for key, both in catalogue().items() if key.startswith("plugin.")}


def test_the_zip_has_the_same_bytes_each_time(archive, root, tmp_path):
    """Nothing in it depends on when it was built."""
    again = module(root / "qgis_plugin" / "build.py").build(tmp_path)
    assert again.read_bytes() == archive.read_bytes()


def script(tmp_path, body):
    path = tmp_path / "program.py"
    path.write_text(body, "utf-8")
    return [sys.executable, str(path)]


def test_progress_comes_line_by_line_and_other_words_as_text(command, tmp_path):
    """JSON objects become progress; all else is a message, a number alone too; standard output comes whole."""
    body = (
        "import sys\n"
        "for line in ['{\"stage\": \"a\", \"share\": 0.5}', '株洲', '7', '{broken']:\n"
        "    sys.stderr.buffer.write((line + '\\n').encode('utf-8'))\n"
        "sys.stdout.buffer.write('{\"é\": 1}'.encode('utf-8') + b'x' * 200_000)\n"
    )
    seen = []
    code, printed, said = command.run(script(tmp_path, body), on_line=seen.append, cancelled=lambda: False)
    assert code == 0
    assert said == "株洲\n7\n{broken"
    assert seen == [{"stage": "a", "share": 0.5}, "株洲", "7", "{broken"]
    assert printed == '{"é": 1}' + "x" * 200_000


def test_a_failure_says_what_the_program_said(command, tmp_path):
    """The code and the last words; a code that was expected is none."""
    words = script(tmp_path, "import sys; sys.stderr.write('row 3: no such berth\\n'); sys.exit(3)")
    with pytest.raises(command.Failed, match="row 3: no such berth") as failed:
        command.run(words, on_line=lambda _line: None, cancelled=lambda: False)
    assert failed.value.code == 3
    assert command.run(words, on_line=lambda _line: None, cancelled=lambda: False, fine=(0, 3))[0] == 3


def test_a_program_is_asked_for_its_version(command, tmp_path):
    """As numbers, so that 0.10 is later than 0.9; None of a program that names none."""

    def asked(words):
        tool = tmp_path / "tool"
        tool.write_text(f"#!/bin/sh\n{words}\n", "utf-8")
        tool.chmod(0o755)
        return command.version_of(str(tool))

    assert asked("echo 'plugspan, version 0.10.2'") == (0, 10, 2)
    assert asked("echo 'plug span, version 1.0.0rc1'") == (1, 0, 0)
    assert asked("true") is None
    assert asked("echo 'tool 3.1'") is None
    with pytest.raises(command.Failed, match="no module"):
        asked("echo 'no module' >&2; exit 1")


def test_the_plugin_takes_the_program_of_its_own_version(command, root):
    """What it asks for at least is no later than what it is built with."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert tuple(map(int, version.split("."))) >= command.LEAST


def test_cancelling_ends_the_program(command, tmp_path):
    """It is told to end and is gone when the call returns, though it would wait for ever."""
    body = (
        "import os, sys, threading\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "sys.stderr.write('ready\\n'); sys.stderr.flush(); threading.Event().wait()\n"
    )
    seen = []
    done = command.run(script(tmp_path, body), on_line=seen.append, cancelled=lambda: bool(seen))
    assert (done.code, done.printed, seen) == (None, "", ["ready"])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("obeys", [True, False])
def test_cancelling_ends_what_a_script_has_started(command, tmp_path, monkeypatch, obeys):
    """A file that calls the program is a process of its own: both end, in order if the program obeys in time."""
    monkeypatch.setattr(command, "WAIT_S", HANGS_S if obeys else 0.5)
    body = (
        "import os, signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'tidy')!r}, 'w').close()\n"
        "    sys.exit(143)\n"
        f"signal.signal(signal.SIGTERM, {'end' if obeys else 'signal.SIG_IGN'})\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "sys.stderr.write('ready\\n'); sys.stderr.flush()\n"
        "while True: time.sleep(1)\n"
    )
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f"#!/bin/sh\n{' '.join(script(tmp_path, body))}\nexit 1\n", "utf-8")
    wrapper.chmod(0o755)
    seen = []
    command.run([str(wrapper)], on_line=seen.append, cancelled=lambda: bool(seen))
    until = time.monotonic() + HANGS_S
    while alive(int((tmp_path / "pid").read_text())) and time.monotonic() < until:
        time.sleep(0.05)  # the system takes its time over what is killed
    assert not alive(int((tmp_path / "pid").read_text()))
    assert (tmp_path / "tidy").exists() == obeys


def alive(pid):
    """Whether a process is there and works; one that nobody has asked for its end is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_program_is_not_given_qgis_python(command, monkeypatch):
    """QGIS sets Python's folders to its own; the program's Python would break on them. QGIS's language goes along."""
    monkeypatch.setenv("PYTHONHOME", "/qgis")
    monkeypatch.setenv("PYTHONPATH", "/qgis/lib")
    assert not {"PYTHONHOME", "PYTHONPATH"} & set(command.clean_environment())
    assert command.clean_environment("zh")["PLUGSPAN_LANG"] == "zh"


def test_the_program_is_looked_for(command, monkeypatch, tmp_path):
    """The path asked for, then PLUGSPAN, then the search path; a path that is none is no program."""
    tool = tmp_path / "plugspan"
    tool.write_text("#!/bin/sh\n", "utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.find_program() == str(tool)
    assert command.find_program(str(tmp_path / "other")) is None
    for given in (f'"{tool}"', f" {tool} ", f"{tmp_path}", f'"{tmp_path}"'):
        assert command.find_program(given) == str(tool)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLUGSPAN", str(tool))
    assert command.find_program() == str(tool)
    monkeypatch.delenv("PLUGSPAN")
    assert command.find_program() is None


def test_the_newest_environment_of_the_start_file_is_found(command, monkeypatch, tmp_path):
    """It has a folder for each version; 0.10 comes after 0.9."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.delenv("PLUGSPAN", raising=False)
    for version in ("0.9.0", "0.10.0"):
        tool = tmp_path / "plugspan" / version / "Scripts" / "plugspan"
        tool.parent.mkdir(parents=True)
        tool.write_text("#!/bin/sh\n", "utf-8")
        tool.chmod(0o755)
    assert command.find_program() == str(tool)


FAKES = {
    "nothing": "exit 0",
    "regions": 'mkdir -p "$4/regions/R1" "$4/pieces"; touch "$4/country.html"\n'
    'cp "${4%/*}/run/layers.gpkg" "$4/country.gpkg"',
    "waiting": 'mkdir -p "$4/pieces"; echo waiting >&2; sleep 1000',
}
"""Programs that say the right version and then do something else; the fourth word is the run folder."""


def write_fakes(folder):
    """Write them, an old one, and a project file that can't be read."""
    folder.mkdir()
    old = {"old": "echo 'plugspan, version 0.1.0'"}
    new = {
        name: f"[ $1 = --version ] && echo 'plugspan, version 99.0' && exit\n{body}"
        for name, body in FAKES.items()
    }
    for name, body in (old | new).items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", "utf-8")
        (folder / name).chmod(0o755)
    (folder / "unread.toml").write_text("schema = 1\nname = \n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def used(archive, root, tmp_path_factory):
    """What the tools gave in a QGIS without windows, on a small project and on one with a fault."""
    has_qgis = Path(SYSTEM_PYTHON).exists() and not subprocess.run(
        [SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not has_qgis:
        pytest.skip("QGIS with Python is not installed (Debian: python3-qgis, qgis-providers)")
    folder = tmp_path_factory.mktemp("used")
    for name in ("plugins", "good", "bad", "work", "home"):
        (folder / name).mkdir()
    zipfile.ZipFile(archive).extractall(folder / "plugins")
    good, bad = (write_case(folder / name, root, names=("Käpylä", "充电站")) for name in ("good", "bad"))
    plan = '[plan]\nmeet = "all"\nyears = { 2026 = 9000.0, 2027 = 9000.0 }\n\n[siting]\n'
    good.write_text(good.read_text("utf-8").replace("[siting]\nsites = 2\n", plan), "utf-8")
    berths = (folder / "bad" / "berths.csv").read_text("utf-8")
    (folder / "bad" / "berths.csv").write_text(berths.replace(",2000,", ",two thousand,", 1), "utf-8")
    program = Path(sysconfig.get_path("scripts")) / "plugspan"
    done = subprocess.run(
        [SYSTEM_PYTHON, str(Path(__file__).parent / "qgis_plugin_use.py"), str(folder / "plugins"), str(program),
         str(good), str(bad), str(folder / "work"), str(write_fakes(folder / "fakes"))],
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=HANGS_S,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder / "home"), "QT_QPA_PLATFORM": "offscreen",
             "XDG_RUNTIME_DIR": str(folder / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.gis
def test_the_tools_are_in_the_toolbox(used):
    """Four tools, gone when the plugin is."""
    names = {
        f"plugspan:{verb}": catalogue()[f"plugin.{verb}.name"]["en"]
        for verb in ("check", "assess", "plan", "load")
    }
    assert used["tools"] == names
    assert used["unloaded"]
    assert used["icons"] == [True] * 5


@pytest.mark.gis
def test_checking_gives_a_row_for_each_fault(used):
    """A sound project has notes at most; the fault stands with file, row, column and value, and in the log."""
    assert used["check"]["done"]
    assert used["check"]["shares"][-1] == used["assess"]["shares"][-1] == 100
    assert used["check"]["given"]["FAULT_COUNT"] == 0
    assert used["check_bad"]["given"]["FAULT_COUNT"] == 1
    [fault] = [row for row in used["check_bad"]["rows"] if row["severity"] == "fault"]
    assert (fault["file"], fault["row"], fault["value"]) == ("berths.csv", 2, "two thousand")
    assert fault["column"] == COLUMNS["class_t"].name
    assert used["check_bad"]["errors"] == [fault["message"]]


@pytest.mark.gis
def test_assessing_gives_a_row_for_each_rule(used):
    """In the language asked for; a project with a fault fails with the fault's words."""
    rows = {row["rule"]: row for row in used["assess"]["rows"]}
    assert rows["berth-shore-power"]["title"].startswith("千吨级")
    assert rows["berth-shore-power"]["target"] == 1.0
    assert used["assess"]["given"]["NOT_MET"] == sum(row["status"] == "not met" for row in rows.values())
    assert "two thousand" in used["assess_bad"]["failed"]


@pytest.mark.gis
def test_planning_shows_progress_and_loads_the_styled_layers(used):
    """Progress grows to 100 %; the files are there; layers come in the groups of the run's own project."""
    plan = used["plan"]
    assert plan["shares"] == sorted(plan["shares"])
    assert plan["shares"][-1] == 100
    assert catalogue()["stage.write-report"]["en"] in plan["words"]
    assert all(Path(plan["given"][name]).is_file() for name in ("MAP", "LAYERS", "REPORT", "TABLES"))
    assert plan["layers"]
    assert all(valid for valid, _ in plan["layers"].values())
    [top, *groups] = plan["groups"]
    assert catalogue()["group.background"]["en"] in groups
    assert set(plan["groups"][top]) == set(plan["layers"])
    assert "categorizedSymbol" in {renderer for _, renderer in plan["layers"].values()}


@pytest.mark.gis
def test_loading_gives_what_planning_gave(used):
    """The same layers, groups and relations; another folder is refused with its name."""
    assert used["load"]["given"]["LAYER_COUNT"] == len(used["load"]["layers"])
    for part in ("layers", "groups", "relations"):
        assert used["load"][part] == used["plan"][part]
    assert all(valid for _, _, valid in used["load"]["relations"])
    assert "layers.gpkg" in used["load_nothing"]["failed"]


@pytest.mark.gis
def test_loading_keeps_time_forms_themes_and_layouts(used):
    """What is loaded plays, relates and prints as the run's own project does; a second time, too, beside the first."""
    assert used["source"]["playing"]
    assert used["source"]["themes"]
    assert used["source"]["layouts"]
    assert used["source"]["forms"]
    assert all(found for _, found in used["source"]["forms"])
    for part, wanted in used["source"].items():
        assert used["load"][part] == wanted, part
    twice = used["load_twice"]
    assert len(twice["relations"]) == 2 * len(used["load"]["relations"])
    assert twice["forms"] == sorted(2 * used["source"]["forms"])
    assert twice["playing"] == sorted(2 * used["source"]["playing"])
    assert twice["themes"] == used["source"]["themes"]
    [top, *_] = used["load"]["groups"]
    assert {top, f"{top} (2)"} <= set(twice["groups"])


@pytest.mark.gis
def test_a_model_loads_into_the_main_thread(used):
    """A model works in a thread of its own, in which the open project must not be changed."""
    assert used["in_a_model"] == {"done": [True], "layers": len(used["load"]["layers"]), "main": True}


@pytest.mark.gis
def test_cancelling_leaves_nothing_and_an_old_run_stays(used):
    """A cancelled plan writes no folder; a run folder is not replaced unless that was asked for, in QGIS's words."""
    assert used["cancelled"]["failed"] == catalogue()["plugin.cancelled"]["en"]
    assert used["left"] == []
    again = used["again"]["failed"]
    assert again.endswith(said("plugin.plan.exists", folder="")[-40:])
    assert "--" not in again


def said(key, **values):
    return catalogue()[key]["en"].format(**values)


@pytest.mark.gis
def test_what_went_wrong_is_named(used):
    """The path that was given; another program; an older one; one that does nothing; the row that can't be read."""
    assert used["wrong_program"]["failed"] == said("plugin.wrong-program", path="/no/such")
    assert used["no_project"]["failed"] == said("plugin.no-project", path="/no/such.toml")
    [fault] = used["unread"]["rows"]  # of a project file, too, faults are rows
    assert "row 2" in fault["message"]
    assert used["other_program"]["failed"].startswith(said("plugin.other-program", program="/bin/true"))
    assert "plugspan 0.1.0" in used["old"]["failed"]
    assert used["no_json"]["failed"] == said("plugin.no-json")
    assert "nothing" in used["nothing"]["failed"]


@pytest.mark.gis
def test_many_regions_give_what_is_there(used):
    """Outputs are files that exist; the layers of the whole are loaded, and without them a region's folder is named."""
    given = used["regions"]["given"]
    assert {Path(given[name]).name for name in ("MAP", "LAYERS")} == {"country.html", "country.gpkg"}
    assert not {"REPORT", "TABLES"} & set(given)
    assert set(used["regions"]["layers"]) == set(used["load"]["layers"])
    whole, without = used["regions_loaded"]
    assert whole["given"]["LAYER_COUNT"] == len(used["load"]["layers"])
    assert "regions/R1" in without["failed"]
    assert used["regions_cancelled"]["failed"] == said("plugin.plan.cancelled-regions")
