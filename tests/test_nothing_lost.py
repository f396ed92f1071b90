"""Whatever ends a run, and whatever it is told to overwrite: old results and the files of others stay."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import signal
import stat
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from helsinki_case import write_case
from plugspan import atomic
from plugspan.atomic import MARKER, listed, write_file
from plugspan.cli import _run, main
from plugspan.pipeline import make_plan
from plugspan.project import read_project
from plugspan.render import run as writers
from plugspan.render.files import Handover, write_workbook_file
from plugspan.render.read_run import read_result
from plugspan.render.run import RUN_FILES, write_run
from plugspan.scenario import Scenario, read_scenario
from plugspan.template import write_template

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks, signals, limits")
STAGES = {
    "write_plan_map": "map.html",
    "_write_layers": "layers.gpkg",
    "write_workbook": "tables.xlsx",
    "write_report": "report.docx",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory, root):
    """A project with a plan that is made once."""
    folder = tmp_path_factory.mktemp("project")
    write_case(folder, root)
    return folder


@pytest.fixture(scope="module")
def plan(project):
    """The plan of the project."""
    return make_plan(read_project(project))


@pytest.fixture(scope="module")
def old(plan, tmp_path_factory):
    """A finished run folder."""
    folder = tmp_path_factory.mktemp("old") / "run"
    write_run(plan, folder, overwrite=False, lang="zh", progress=lambda *_: None)
    return folder


@pytest.fixture
def run(old, tmp_path):
    """A copy of the run folder, with a file of its user."""
    shutil.copytree(old, tmp_path / "out" / "run")
    (tmp_path / "out" / "run" / "mine.txt").write_text("mine", "utf-8")
    return tmp_path / "out" / "run"


def state(folder):
    """Every file with a digest of what is in it."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def code_of(work):
    """Exit code of a process of its own that does this; 99 if it raised, which is printed."""
    pid = os.fork()
    if not pid:
        code = 99
        for number in (
            signal.SIGHUP,
            signal.SIGTERM,
        ):  # whoever runs the tests in the background ignores some
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def quick(monkeypatch, old, *but):
    """Writers that copy what is there, as quickly as possible, but for those that a test is about."""
    for stage, name in STAGES.items():
        if stage not in but:
            held = (old / name).read_bytes()

            def write(*args, held=held, **_):
                next(a for a in args if isinstance(a, Path)).write_bytes(held)

            monkeypatch.setattr(writers, stage, write)


# -- signals and a full disk -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGKILL", -9)]
)
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_leaves_the_old_folder_and_no_litter(
    project, plan, old, run, monkeypatch, name, code, stage, capfd
):
    """SIGTERM and a closed terminal clean up like Ctrl-C; what SIGKILL leaves is gone after the next start."""
    before, number = state(run), getattr(signal, name)
    quick(monkeypatch, old)
    monkeypatch.setattr(writers, stage, lambda *_, **__: (os.kill(os.getpid(), number), signal.pause()))
    monkeypatch.setattr("plugspan.pipeline.make_plan", lambda *_, **__: plan)
    words = ["run", str(project), "--out", str(run), "--overwrite", "--lang", "en"]
    assert code_of(lambda: main(words)) == code
    assert state(run) == before
    told = capfd.readouterr().err
    assert "Traceback" not in told
    if name != "SIGKILL":
        assert "earlier results are as they were" in told
        assert [p.name for p in run.parent.iterdir()] == ["run"]
    quick(monkeypatch, old)
    assert code_of(lambda: main(words)) == 0
    assert [p.name for p in run.parent.iterdir()] == ["run"]
    assert state(run)["mine.txt"] == before["mine.txt"]
    assert ("cut off" in capfd.readouterr().err) == (name == "SIGKILL")


def test_nohup_is_respected(project, plan, old, run, monkeypatch):
    """Whoever has asked for it may close the terminal."""
    quick(monkeypatch, old)
    monkeypatch.setattr("plugspan.pipeline.make_plan", lambda *_, **__: plan)
    monkeypatch.setattr(writers, "write_report", lambda *_, **__: os.kill(os.getpid(), signal.SIGHUP))

    def work():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        main(["run", str(project), "--out", str(run), "--overwrite"])

    assert code_of(work) == 0


def limited(n, work):
    """Do this where no file may become larger than ``n`` bytes; a disk that is full looks the same to a program."""

    def within():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))
        work()

    return within


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])  # of the old one, in Chinese: some bytes longer
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_told_and_leaves_the_old_folder(
    project, plan, old, run, monkeypatch, stage, share, capfd
):
    """In the middle of each file, in GDAL and SQLite, too: exit code 3, the remedy, no litter."""
    before = state(run)
    n = 5000 + int(share * ((old / STAGES[stage]).stat().st_size - 5001))  # what is told must fit, too
    quick(monkeypatch, old, stage)
    real = getattr(writers, stage)
    monkeypatch.setattr(writers, stage, lambda *args, **more: limited(n, lambda: real(*args, **more))())
    monkeypatch.setattr("plugspan.pipeline.make_plan", lambda *_, **__: plan)
    assert code_of(lambda: main(["run", str(project), "--out", str(run), "--overwrite", "--lang", "en"])) == 3
    told = capfd.readouterr().err
    assert "free space" in told
    assert ".new-" not in told
    assert "Traceback" not in told
    assert state(run) == before
    assert [p.name for p in run.parent.iterdir()] == ["run"]


@pytest.mark.parametrize("form", ["shapefile", "geojson", "flatgeobuf", "geoparquet", "xlsx"])
def test_a_full_disk_never_leaves_an_export_with_less_in_it(plan, tmp_path, form):
    """GDAL loses what it writes last without a word: what is there afterwards is whole, or nothing is there."""

    def write(plan, path, form, **more):
        if form == "xlsx":
            write_workbook_file(plan, path, **more)
        else:
            Handover.of_plan(plan, "zh", degrees=form == "geojson").export(path, form, **more)

    whole = tmp_path / ("whole.xlsx" if form == "xlsx" else "whole")
    write(plan, whole, form, overwrite=False, lang="zh")
    files = (
        [whole]
        if whole.is_file()
        else [p for p in whole.iterdir() if p.suffix not in (".qml", ".txt", ".json")]
    )
    sizes = sorted({p.stat().st_size for p in files})[-2:]
    for n in sorted({0, *(size - 1 for size in sizes), *(size * 3 // 4 for size in sizes)}):
        out = tmp_path / f"{n}{whole.suffix}"
        done = code_of(limited(n, lambda out=out: write(plan, out, form, overwrite=False, lang="zh")))
        assert done != 0
        assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [whole.name]


def test_a_real_run_touches_the_old_folder_only_to_exchange_it(plan, run):
    """At each of the file operations of the real writers, the old folder is as it was, or the new one is complete."""
    before = {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in run.iterdir()}
    told, seen = os.pipe(), itertools.count(1)

    def hook(event, _args):
        if busy or not event.startswith(("open", "os.", "shutil.", "sqlite3.", "plugspan.")):
            return
        busy.append(event)
        n = next(seen)
        now = {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in run.iterdir()}
        fine = now == before or (
            (listed(run) or {}).keys() == set(RUN_FILES) == now.keys() - {MARKER, "mine.txt"}
            and "mine.txt" in now
        )
        os.write(told[1], b"" if fine else f"{n} {event}\n".encode())
        busy.clear()

    busy: list[str] = []
    rename = atomic._renameat2

    def renamed(*args):
        sys.audit("plugspan.renameat2")
        return rename(*args)

    def work():
        atomic._renameat2 = renamed
        sys.addaudithook(hook)
        write_run(plan, run, overwrite=True, lang="zh", progress=lambda *_: None)
        assert next(seen) > 100

    assert code_of(work) == 0
    os.close(told[1])
    assert os.read(told[0], 10_000) == b""
    os.close(told[0])
    assert {p.name for p in run.iterdir()} == {*RUN_FILES, MARKER, "mine.txt"}
    assert before["map.html"][0] != (run / "map.html").stat().st_ino


# -- every command ------------------------------------------------------------------------------------------
COMMANDS = {
    "run": ["run", "P", "--overwrite", "--out"],
    "demo": ["demo", "--out"],
    "map": ["map", "P", "--overwrite", "--file"],
    "report": ["report", "P", "--overwrite", "--file"],
    "pdf": ["report", "P", "--pdf", "--overwrite", "--file"],
    "pdf of a run": ["report", "R", "--overwrite", "--file"],
    **{form: ["export", "P", "--overwrite", "--format", form, "--out"] for form in
       ("xlsx", "shapefile", "geojson", "flatgeobuf", "geoparquet", "pmtiles")},
}  # fmt: skip


def _folder(path):
    path.mkdir()
    (path / "thesis.html").write_text("years of work, and a word about plugspan", "utf-8")


FOREIGN = {
    "a folder": _folder,
    "a page": lambda p: p.write_text("<html><title>plugspan at work</title>", "utf-8"),
    "a project file": lambda p: p.write_text('name = "plugspan"', "utf-8"),
    "a pipe": os.mkfifo,
    "a socket": lambda p: os.mknod(p, stat.S_IFSOCK | 0o600),
    "a link to nowhere": lambda p: p.symlink_to("/nowhere/at/all"),
    "a link to itself": lambda p: p.symlink_to(p),
    "a link to a file": lambda p: (p.with_name("t").write_text("t", "utf-8"), p.symlink_to("t")),
    "a link to a folder": lambda p: (_folder(p.with_name("t")), p.symlink_to("t")),
    "the null device": lambda p: p.symlink_to("/dev/null"),
    "standard output": lambda p: p.symlink_to("/proc/self/fd/1"),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("command", COMMANDS)
def test_overwrite_leaves_what_plugspan_did_not_make(
    project, old, tmp_path, monkeypatch, command, what, capsys
):
    """Exit code 2 before any work is done; what is there stays as it was, and so does its folder."""

    def fail(*_, **__):
        raise AssertionError("work was begun")

    monkeypatch.setattr("plugspan.pipeline.make_plan", fail)
    monkeypatch.setattr("plugspan.render.files.write_pdf", fail)
    path = tmp_path / "out.html"
    FOREIGN[what](path)
    before = [(p, p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(tmp_path.rglob("*"))]
    devices = [os.lstat(p)[:2] for p in ("/dev/null", "/dev/stdout")]
    words = [{"P": str(project), "R": str(old)}.get(word, word) for word in COMMANDS[command]]
    assert _run([*words, str(path), "--lang", "en"]) == 2
    told = capsys.readouterr().err
    assert "out.html" in told
    assert "Traceback" not in told
    assert [(p, p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(tmp_path.rglob("*"))] == before
    assert [os.lstat(p)[:2] for p in ("/dev/null", "/dev/stdout")] == devices


PLACES = {
    ".": 2,
    "..": 2,
    "/": 2,
    "": 2,
    "P/project.toml": 2,
    "P/chargers.csv": 2,
    "P": 2,
    "P/chargers.csv/x.html": 3,
    "x" * 5000: 3,
    "x" * 250: 3,
    "/".join(["x" * 200] * 25): 3,
    "two\nlines": 3,
    "\x1b[31mred": 3,
    "no\udcfftext": 3,
}
"""Where nothing may be written, or nothing can be; the exit codes."""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: repr(place[:12]))
@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_is_told_before_the_work(
    project, old, tmp_path, monkeypatch, command, place, capsys
):
    """Exit code 2 or 3 and the place as it was named; nothing is written anywhere."""

    def fail(*_, **__):
        raise AssertionError("work was begun")

    monkeypatch.setattr("plugspan.pipeline.make_plan", fail)
    monkeypatch.setattr("plugspan.render.files.write_pdf", fail)
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    monkeypatch.chdir(tmp_path)
    before, place_there = state(project), place.replace("P", str(project), 1)
    words = [{"P": str(project), "R": str(old)}.get(word, word) for word in COMMANDS[command]]
    assert _run([*words, place_there, "--lang", "en"]) == PLACES[place]
    told = capsys.readouterr().err
    assert re.sub("[\n\x1b\udcff]", "\ufffd", Path(place_there).name) in told
    assert "new-" not in told
    assert "Traceback" not in told
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    assert state(project) == before


@pytest.mark.parametrize(
    "what", ["a folder", "a pipe", "a link to nowhere", "the null device", "a project file"]
)
def test_fetch_leaves_what_it_did_not_download(project, tmp_path, monkeypatch, what, capsys):
    """Before any server is asked."""

    def fail(*_, **__):
        raise AssertionError("a server was asked")

    monkeypatch.setattr("plugspan.network.http_fetch.Client.ask", fail)
    settings = (project / "project.toml").read_text("utf-8").replace("helsinki.osm.pbf", "roads.osm")
    (tmp_path / "project.toml").write_text(settings, "utf-8")
    path = tmp_path / "roads.osm"
    FOREIGN[what](path)
    before = (path.lstat().st_ino, path.lstat().st_mtime_ns)
    assert _run(["fetch", str(tmp_path), "--overwrite", "--lang", "en"]) == 2
    assert "roads.osm" in capsys.readouterr().err
    assert (path.lstat().st_ino, path.lstat().st_mtime_ns) == before


@pytest.mark.parametrize(("lang", "says"), [("en", "delete it or move it away"), ("zh", "删除或移走")])
def test_a_run_folder_of_version_0_1_is_not_replaced(project, tmp_path, lang, says, capsys):
    """It has no list of its files; the message says so, and what to do."""
    (tmp_path / "run").mkdir()
    for name in RUN_FILES:
        (tmp_path / "run" / name).write_text("old", "utf-8")
    assert _run(["run", str(project), "--out", str(tmp_path / "run"), "--overwrite", "--lang", lang]) == 2
    told = capsys.readouterr().err
    assert "0.1" in told
    assert says in told
    assert {p.name for p in (tmp_path / "run").iterdir()} == set(RUN_FILES)


def test_a_scenario_stays_with_its_run(plan, old, run, monkeypatch):
    """What the plan was recounted from lies beside it and is named; the next optimised run takes it away."""
    told = Scenario(schema=1, name="我的", on=["a"], off=["site:b"], years={"a": 2027}, figures={"cost": 3})
    quick(monkeypatch, old)
    given = replace(plan, scenario=told)
    write_run(given, run, overwrite=True, lang="en", progress=lambda *_: None)
    assert read_scenario(run / "scenario.json") == told
    assert read_result(run)["provenance"]["scenario"] == "scenario.json"
    assert "plugspan run --scenario run/scenario.json" in (run / "log.txt").read_text("utf-8")
    write_run(plan, run, overwrite=True, lang="en", progress=lambda *_: None)
    assert {p.name for p in run.iterdir()} == {*RUN_FILES, MARKER, "mine.txt"}
    assert read_result(run)["provenance"]["scenario"] is None


def test_what_init_writes_into_a_run_folder_is_its_users(plan, old, run, monkeypatch):
    """Untouched as it is, it is nothing that a run may throw away; a map that was written there is."""
    write_template(run, "en")
    with write_file(run / "roads.osm.pbf", overwrite=False, is_input=True) as new:
        new.write_bytes(b"roads")
    with write_file(run / "other.html", overwrite=False) as new:
        new.write_text("a map", "utf-8")
    mine = {p.name: p.read_bytes() for p in run.iterdir() if p.name not in {MARKER, *RUN_FILES, "other.html"}}
    quick(monkeypatch, old)
    write_run(plan, run, overwrite=True, lang="en", progress=lambda *_: None)
    assert {p.name: p.read_bytes() for p in run.iterdir() if p.name in mine} == mine
    assert "project.toml" in mine
    assert not (run / "other.html").exists()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("demo", "pdf", "pdf of a run")])
def test_overwrite_replaces_what_plugspan_made(project, plan, tmp_path, monkeypatch, command):
    """Each command its own; a file of the user in a folder stays."""
    monkeypatch.setattr("plugspan.pipeline.make_plan", lambda *_, **__: plan)
    path = tmp_path / "out"
    words = [{"P": str(project)}.get(word, word) for word in COMMANDS[command]]
    assert _run([*words, str(path)]) == 0
    if path.is_dir():
        (path / "mine.txt").write_text("mine", "utf-8")
    first = path.stat().st_ino
    assert _run([*words, str(path)]) == 0
    assert path.stat().st_ino != first
    assert not path.is_dir() or (path / "mine.txt").read_text("utf-8") == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
