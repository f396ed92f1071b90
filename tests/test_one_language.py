"""A run speaks the language asked for, whatever the project's is; only names and quoted clauses are as given."""

from __future__ import annotations

import re

import osmium
import pytest
from plugspan.project import read_project
from plugspan.render.run import write_run
from plugspan.texts import catalogue
from run_surfaces import shown_texts

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff01-\uff5e]+")
WORDS = re.compile(r"[A-Za-z]{3,}")
FIELD = re.compile(r"\\{[a-z][a-z_0-9]*(?:\\\|[^{}]*)?\\}")
CODES = re.compile(
    r"result|layers\.\w+\.(?!begins|ends|could_build|not_counting|effect)|map\.strips\..*\.(?:fill|stroke)|map\.findings\.status|map\.plan\.steps\.statuses|tables\.(?:指标明细|长表（透视用）)\.字段名"
)
"""Codes are the same in all languages: ``forward``, ``not met``; sentences are not codes."""


@pytest.fixture(scope="module")
def runs(sample_plan, tmp_path_factory):
    """The sample, a Chinese project, written in both languages: language -> folder."""
    folder = tmp_path_factory.mktemp("languages")
    for lang in ("zh", "en"):
        write_run(sample_plan, folder / lang, overwrite=False, lang=lang, progress=lambda key, share: None)
    return {lang: folder / lang for lang in ("zh", "en")}


def given(root) -> str:
    """What the inputs say in one language alone: tables, roads, and the policy's clauses; not the project file."""
    files = [p for p in (root / "data").rglob("*") if p.suffix in (".csv", ".geojson")]
    files.append(root / "coverage" / "rules" / "profiles" / "zhuzhou-2025.toml")
    roads = osmium.FileProcessor(str(root / "data" / "osm" / "zhuzhou-sample.osm.pbf"))
    return "\n".join([*(p.read_text("utf-8-sig") for p in files), *(t.v for o in roads for t in o.tags)])


def test_no_chinese_text_in_an_english_run(runs, root):
    """What is Chinese in map, layers, workbook, report, result and log stands so in the inputs; no title, no source."""
    inputs = given(root)
    found = {
        (where, chinese)
        for where, words in shown_texts(runs["en"])
        for chinese in CHINESE.findall(words)
        if chinese not in inputs
    }
    assert not found


def test_the_sample_says_its_sources_in_each_language(root):
    """The line stands on every map and page, in the language of the run."""
    sources = read_project(root / "data" / "zhuzhou.toml").output.sources
    assert not WORDS.search(sources.of("zh"))
    assert not CHINESE.search(sources.of("en"))


def test_no_english_text_in_a_chinese_run(runs, root):
    """No text of the run is one of the catalogue's English texts."""
    inputs = given(root)
    english = [
        FIELD.sub(".+", re.escape(entry["en"]))
        for entry in catalogue().values()
        if entry["en"] != entry["zh"] and WORDS.search(re.sub(r"\{[^}]*\}", "", entry["en"]))
    ]
    whole = re.compile("|".join(f"(?:{each})" for each in sorted(english, key=len, reverse=True)))
    found = {
        (where, line)
        for where, words in set(shown_texts(runs["zh"]))
        if not CODES.match(where)
        for line in words.split("\n")
        if WORDS.search(line) and line not in inputs and whole.fullmatch(line)
    }
    assert not found
