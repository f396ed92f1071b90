"""The command: help, exit codes, messages; nobody sees a traceback."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from plugspan.cli import VERBS
from plugspan.texts import catalogue


def plugspan(*args, cwd=None, lang="en", **env) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    env = {**os.environ, "PLUGSPAN_LANG": lang, **env}
    return subprocess.run(
        [sys.executable, "-m", "plugspan", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env,
        cwd=cwd,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_help_is_there_in_both_languages_and_names_every_verb(lang):
    """``--help`` lists each verb with a line that a planner understands."""
    shown = plugspan("--help", lang=lang)
    assert shown.returncode == 0
    for verb in VERBS:
        assert verb in shown.stdout
        assert catalogue()[f"cli.{verb}.short"][lang][:12] in shown.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    """``plugspan VERB --help`` works without a project."""
    shown = plugspan(verb, "--help")
    assert shown.returncode == 0
    assert "Usage" in shown.stdout


ENGLISH = (
    "Usage",
    "Options",
    "Commands",
    "Error",
    "Try ",
    "Show ",
    "Missing",
    "Invalid",
    "[OPTIONS]",
    "ARGS",
    "default:",
)


@pytest.mark.parametrize("args", [["--help"], ["demo", "-h"], *([verb, "--help"] for verb in VERBS[1:])])
def test_help_in_chinese_has_no_english_words_of_click(args):
    """Headings, the line on ``--help`` and placeholders are Chinese, too; the columns hold one width of letters."""
    shown = plugspan(*args, lang="zh").stdout
    assert shown.startswith("用法")
    assert not [word for word in ENGLISH if word in shown]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run"], "缺少参数 'PROJECT'"),
        (["run", "--fast", "x"], "没有选项"),
        (["charge"], "没有命令 'charge'"),
        (["run", "x", "y"], "多余的参数（y）"),
        (["export", "x", "--format", "dwg"], "不在可选的值之中"),
        (["export", "x"], "缺少选项 '--format'"),
        (["run", "x", "--out"], "后面要有值"),
    ],
)
def test_wrong_usage_is_told_in_chinese(args, words):
    """No English word of click is left in its errors."""
    told = plugspan(*args, lang="zh")
    assert told.returncode == 2
    assert words in told.stderr
    assert not [word for word in ENGLISH if word in told.stderr]


@pytest.mark.parametrize(
    "args",
    [["--lang", "zh", "run", "--help"], ["--lang=zh", "run", "--help"], ["run", "--lang", "zh", "--help"]],
)
def test_the_language_may_stand_before_or_after_the_verb(args):
    """The same help either way."""
    shown = plugspan(*args)
    assert shown.returncode == 0
    assert shown.stdout == plugspan("run", "--help", lang="zh").stdout


def test_a_language_before_the_verb_counts_for_what_the_verb_writes(tmp_path):
    """It is the verb's ``--lang``; one after the verb wins."""
    from plugspan.project import read_project

    assert plugspan("--lang", "zh", "init", tmp_path / "a").returncode == 0
    assert plugspan("--lang", "zh", "init", tmp_path / "b", "--lang", "en").returncode == 0
    assert [read_project(tmp_path / name).language for name in "ab"] == ["zh", "en"]
    assert plugspan("--lang", "fr", "init", tmp_path / "c").returncode == 2


@pytest.mark.parametrize("module", ["exceptions", "formatting", "parser"])
def test_every_word_of_clicks_errors_is_in_the_catalogue(module):
    """A new release of click that says something else is noticed here."""
    source = ast.parse(Path(import_module(f"click.{module}").__file__).read_text("utf-8"))
    known = {entry["en"] for key, entry in catalogue().items() if key.startswith("click.")}
    calls = [
        n
        for n in ast.walk(source)
        if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("_", "ngettext")
    ]
    said = {
        a.value
        for call in calls
        for a in call.args[:2]
        if isinstance(a, ast.Constant) and isinstance(a.value, str)
    }
    assert said
    assert not said - known


def test_help_loads_nothing_heavy():
    """Help does not import pandas or GDAL: it has to be quick."""
    code = (
        "import sys\nsys.argv = ['plugspan', '--help']\nfrom plugspan.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(set(sys.modules) & {'pandas', 'geopandas', 'scipy', 'folium', 'highspy', 'osmium'}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().endswith("[]")


def test_wrong_usage_is_exit_code_2():
    """An unknown verb or option is a matter of usage."""
    assert plugspan("chargeme").returncode == 2
    assert plugspan("run", "--fast").returncode == 2


def test_init_writes_a_project_that_can_be_read_and_leaves_files_alone(tmp_path):
    """The template parses in both languages; a second call touches nothing."""
    from plugspan.project import read_project

    for lang in ("zh", "en"):
        folder = tmp_path / lang
        assert plugspan("init", folder, "--lang", lang).returncode == 0
        assert read_project(folder).language == lang
    (tmp_path / "zh" / "project.toml").write_text("mine")
    assert plugspan("init", tmp_path / "zh").returncode == 0
    assert (tmp_path / "zh" / "project.toml").read_text() == "mine"


def test_options_of_one_region_are_refused_where_there_are_many(tmp_path):
    """They were passed over: nobody was told that the scenario was not used, nor that no rule was looked at."""
    project = tmp_path / "project.toml"
    project.write_text(
        'schema = 1\nname = "x"\n[regions]\nfile = "r.geojson"\n[network]\nosm = "r.osm.pbf"\n'
    )
    for option in (["--strict"], ["--scenario", "scenario.json"]):
        refused = plugspan("run", project, *option)
        assert refused.returncode == 3
        assert "Leave them out" in refused.stderr


def test_a_missing_project_is_exit_code_3_with_the_remedy(tmp_path):
    """No traceback; the remedy in the asked language."""
    english, chinese = plugspan("run", tmp_path / "x.toml"), plugspan("run", tmp_path / "x.toml", lang="zh")
    assert english.returncode == chinese.returncode == 3
    assert "plugspan init" in english.stderr
    assert "没有找到项目文件" in chinese.stderr
    assert "Traceback" not in english.stderr + chinese.stderr
