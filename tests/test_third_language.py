"""A third language is files only: its texts beside the others', and every output speaks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import HANGS_S
from plugspan.texts import LANGUAGES

CODE = "qq"
"""Of a language that does not exist: its words are the English ones between marks."""


def in_third(texts: dict, key: str = "") -> dict:
    """The texts of a file with the third language added to each."""
    if set(texts) <= set(LANGUAGES):
        same = key in (
            "html",
            "system",
            "line-height",
            "line-spacing",
            "indent",
            "sheet-date",
            "proofing",
            "project",
        )
        return {**texts, CODE: texts["en"] if same else f"‹{texts['en']}›"}
    return {name: in_third(value, name) for name, value in texts.items()}


def written(texts: dict, path: tuple[str, ...] = ()) -> str:
    """Texts as TOML."""
    if all(isinstance(value, str) for value in texts.values()):
        lines = [f"[{'.'.join(quoted(name) for name in path)}]"]
        return "\n".join([*lines, *(f"{name} = {quoted(value)}" for name, value in texts.items())])
    return "\n".join(written(value, (*path, name)) for name, value in texts.items())


def quoted(words: str) -> str:
    """A string of TOML."""
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@pytest.fixture(scope="module")
def run(root, tmp_path_factory) -> Path:
    """The sample, written by a copy of the program whose files of texts have a third language."""
    place = tmp_path_factory.mktemp("third")
    shutil.copytree(root / "coverage", place / "plugspan", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "data", place / "plugspan" / "data", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (place / "plugspan" / "texts").glob("*.toml"):
        path.write_text(written(in_third(tomllib.loads(path.read_text("utf-8")))), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "plugspan", "demo", "--lang", CODE, "--out", "run"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "‹" in done.stdout
    return place / "run"


def test_every_output_speaks_it(run):
    """Map, layers, workbook, report, results and log."""
    page = (run / "map.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert page.count("‹") > 100
    with zipfile.ZipFile(run / "tables.xlsx") as book:
        assert "‹" in book.read("xl/sharedStrings.xml").decode("utf-8")
        assert "‹Calibri›" in book.read("xl/styles.xml").decode("utf-8")
    with zipfile.ZipFile(run / "report.docx") as report:
        body = report.read("word/document.xml").decode("utf-8")
    words = re.findall(r"<w:t[^>]*>([^<]*)</w:t>", body)
    assert sum("‹" in word for word in words) > 100
    assert "‹" in (run / "result.json").read_text("utf-8")
    assert "‹" in (run / "log.txt").read_text("utf-8")
    assert "‹".encode() in (run / "layers.gpkg").read_bytes()


def test_no_code_asks_which_language_it_is(root):
    """What a language decides beside its words stands in ``texts/language.toml``."""
    asks = re.compile(r"""lang(?:uage)?\)? ?[!=]= ?["'](?:zh|en)["']|\{ ?["'](?:zh|en)["'] ?:""")
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in (root / "coverage").rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if asks.search(line) and '"""' not in line
    ]
    assert not found
