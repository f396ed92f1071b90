"""The command: help, exit codes, messages; nobody sees a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

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


def test_a_missing_project_is_exit_code_3_with_the_remedy(tmp_path):
    """No traceback; the remedy in the asked language."""
    english, chinese = plugspan("run", tmp_path / "x.toml"), plugspan("run", tmp_path / "x.toml", lang="zh")
    assert english.returncode == chinese.returncode == 3
    assert "plugspan init" in english.stderr
    assert "没有找到项目文件" in chinese.stderr
    assert "Traceback" not in english.stderr + chinese.stderr
