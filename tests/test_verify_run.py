"""``plugspan verify`` finds what was tampered with, and nothing in an honest run."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from contextlib import suppress
from copy import deepcopy
from functools import reduce
from operator import getitem

import pandas as pd
import pytest
from plugspan.atomic import MARKER
from plugspan.cli import _run
from plugspan.errors import InputError
from plugspan.files import MOST_MB, digest_of
from plugspan.render.changes import compare, table_lines
from plugspan.render.read_run import read_run
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.texts import LANGUAGES, text


@pytest.fixture(scope="module")
def honest(coverage_plan, tmp_path_factory):
    """A run of the embedded sample, with the goal "coverage"."""
    folder = tmp_path_factory.mktemp("verify") / "run"
    write_run(coverage_plan, folder, overwrite=False, lang="zh", progress=lambda key, share: None)
    return folder


def test_an_honest_run_holds(honest):
    """Every claim is found again."""
    n, faults = verify_run(honest)
    assert n > 50
    assert faults == []


def siting(result):
    return result["siting"][0]


TAMPERED = {
    "objective": lambda r: siting(r).update(objective=siting(r)["objective"] + 100),
    "existing": lambda r: siting(r).update(existing=siting(r)["existing"] - 100),
    "gain": lambda r: siting(r)["gain"].reverse(),
    "bound": lambda r: siting(r).update(bound=siting(r)["objective"] / 2),
    "gap": lambda r: siting(r).update(gap=0.5),
    "chosen": lambda r: siting(r)["chosen"].reverse(),
    "status": lambda r: next(f for f in r["findings"] if f["status"] == "not met").update(status="met"),
    "sides": lambda r: r["findings"][0]["figures"].update(sides_low=0.99),
    "length": lambda r: r["routes"][0].update(length_km=r["routes"][0]["length_km"] + 1),
    "longest gap": lambda r: r["routes"][0].update(gap_max_km=r["routes"][0]["gap_max_km"] / 2),
}


@pytest.fixture
def copy(honest, tmp_path):
    """A copy of the run to do anything to; without the list of files, so that only the claims can tell."""
    shutil.copytree(honest, tmp_path / "run")
    (tmp_path / "run" / MARKER).unlink()
    return tmp_path / "run"


def change(folder, edit):
    """Edit ``result.json``."""
    path = folder / "result.json"
    result = json.loads(path.read_text("utf-8"))
    edit(result)
    path.write_text(json.dumps(result), "utf-8")


def found(folder):
    """What does not hold; each with a text in both languages."""
    faults = [fault for fault in verify_run(folder)[1] if not fault.warning]
    for fault in faults:
        for lang in LANGUAGES:
            line = fault.render(lang)
            assert line.isprintable(), line
            assert len(line) < 800
    return faults


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_claim_is_found(what, copy):
    """Whatever number of the result is changed, the check names it."""
    assert found(copy) == []
    change(copy, TAMPERED[what])
    assert found(copy)


def test_changed_evidence_is_found(copy):
    """If the table of who reaches whom does not bear the claim out, that is told."""
    db = sqlite3.connect(copy / "layers.gpkg")
    db.execute("UPDATE reach_people SET distance_km = 99 WHERE rowid % 2 = 0")
    db.commit()
    db.close()
    assert found(copy)


def test_what_is_no_run_folder_is_told(tmp_path):
    """An empty folder gives a fault with the remedy."""
    with pytest.raises(InputError, match=r"result\.json"):
        verify_run(tmp_path)


def test_many_equal_findings_are_told_once_with_their_number(copy):
    """Forty wrong lengths are one line."""
    n = len(json.loads((copy / "result.json").read_text("utf-8"))["routes"])
    change(copy, lambda r: [row.update(length_km=row["length_km"] + 1) for row in r["routes"]])
    [lengths] = [f for f in found(copy) if f.values["what"].endswith(".length_km")]
    assert f"so are {n - 1} more" in lengths.render("en")
    assert f"同类还有 {n - 1} 项" in lengths.render("zh")
    assert len(found(copy)) <= 3


# -- nothing is trusted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run#1", "a?b", "100%25", "a%b&c=d", "a b'\"", "株洲", "..run", "-x"])
def test_folders_may_have_any_name(honest, tmp_path, name):
    """Also names that mean something in an address, which SQLite takes for one."""
    folder = tmp_path / name
    shutil.copytree(honest, folder)
    assert found(folder) == []
    assert table_lines(compare(folder, honest, "en"), "en", aligned=False) == ["the two agree"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in honest.iterdir())


def test_every_file_that_was_changed_or_is_missing_is_named(honest, tmp_path):
    """A flipped bit in any of them, the workbook and the map, too."""
    rng = random.Random(9)
    for path in sorted(p for p in honest.iterdir() if p.name != MARKER):
        for k in range(4):
            folder = tmp_path / f"{path.name}{k}"
            shutil.copytree(honest, folder)
            held = bytearray(path.read_bytes())
            at = rng.randrange(100 if path.suffix == ".gpkg" else 0, len(held))
            held[at] ^= 1 << rng.randrange(8)
            (folder / path.name).write_bytes(held)
            try:
                names = [f.values.get("name") for f in found(folder) if f.key == "verify-changed"]
            except InputError:  # result.json itself, and no JSON any more
                names = [path.name] if path.name == "result.json" else []
            assert names == [path.name]
            if path.name != "result.json":
                (folder / path.name).unlink()
                assert "verify-missing" in {f.key for f in found(folder)}


@pytest.mark.parametrize(
    "marker",
    [
        {"files": {"../other": "0" * 64}}, {"files": {"/etc/hostname": "0" * 64}}, {"files": {"link": "0" * 64}},
        {"files": {"a\x1b[31m\n": 5}}, {"files": {"": None}}, {"files": {".": 1}},
    ],
)  # fmt: skip
def test_a_list_of_files_leads_nowhere_else(copy, marker):
    """What stands in the list is looked for in the folder only."""
    (copy / "link").symlink_to("/dev/zero")
    (copy / MARKER).write_text(json.dumps(marker), "utf-8")
    assert [fault.key for fault in found(copy)] == ["verify-missing"]


RESULTS = {
    "empty": b"", "no JSON": b"{", "binary": bytes(range(256)),
    "another encoding": "{\"schema\": \"株\"}".encode("gbk"),
    "not a number": b'{"schema": 2, "findings": [NaN]}', "infinite": b'{"schema": 2, "findings": -Infinity}',
    "beyond all numbers": b'{"schema": 2, "findings": [{"rule": "a", "low": 1e999}]}',
    "below all numbers": b'{"schema": 2, "findings": [{"rule": "a", "low": -1.5e400}]}',
    "a number of 5000 digits": b'{"schema": 2, "findings": ' + b"9" * 5000 + b"}",
    "nested too deep": b"[" * 200_000, "nested too deep inside": b'{"schema": 1, "findings": ' + b"[" * 200_000,
    "a list": b"[]", "a text": b'"x"', "null": b"null", "another schema": b'{"schema": 3, "findings": []}',
    "nothing else": b'{"schema": 2, "findings": []}', "findings are text": b'{"schema": 2, "findings": "abc"}',
    "of an earlier version": b'{"schema": 1, "findings": []}',
}  # fmt: skip


@pytest.mark.parametrize("what", RESULTS)
def test_a_damaged_result_is_a_finding(copy, what, capsys):
    """Exit code 3, the file is named, no traceback; by both commands."""
    (copy / "result.json").write_bytes(RESULTS[what])
    for words in (["verify", str(copy)], ["compare", str(copy), str(copy)]):
        assert _run(words) == 3
        told = capsys.readouterr().err
        assert "result.json" in told
        assert "Traceback" not in told
        assert (text("fault.result-older", "en", file=copy / "result.json") in told) == ("earlier" in what)


def test_a_folder_of_an_older_version_is_told_as_that(copy, honest):
    """Each part that a version may not have written yet is named, in words, by all that read run folders."""

    def told(work):
        try:
            work()
        except InputError as error:
            return [fault.render(lang) for fault in error.faults for lang in LANGUAGES]
        return []

    whole = json.loads((copy / "result.json").read_text("utf-8"))
    said = []
    within = [((), key) for key in whole if key not in ("schema", "findings")]
    within += [(("project",), "reference_date"), (("after",), "measures"), (("after",), "reference_date")]
    for place, key in within:
        older = deepcopy(whole)
        del reduce(getitem, place, older)[key]
        (copy / "result.json").write_text(json.dumps(older), "utf-8")
        marker = json.loads((honest / MARKER).read_text("utf-8"))
        marker["files"]["result.json"] = digest_of(copy / "result.json")
        (copy / MARKER).write_text(json.dumps(marker), "utf-8")
        said += [fault.render(lang) for fault in found(copy) for lang in LANGUAGES]
        for name in ("findings", "gaps", "actions", "__repr__"):
            said += told(lambda name=name: str(getattr(read_run(copy), name)))
        said += told(lambda: compare(copy, honest, "en"))
    told_as_old = [line for line in said if "older version" in line or "较早版本" in line]
    for key in ("reference_date", "after", "gaps", "after.measures", "routes", "project"):
        assert any(key in line for line in told_as_old)
    assert not [line for line in said if "Error" in line]


def test_a_result_that_is_no_file_or_too_large_is_told(copy, honest):
    """A pipe is not waited for, and 100 MB are not read."""
    path = copy / "result.json"
    with path.open("r+b") as stream:
        stream.truncate(MOST_MB * 1_000_000 + 1)
    with pytest.raises(InputError, match="100 MB"):
        verify_run(copy)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError):
        verify_run(copy)
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        for read in (verify_run, lambda folder: compare(honest, folder, "en")):
            with pytest.raises(InputError, match="not an ordinary file"):
                read(copy)


WRONG = [
    None, True, -1, 0, 1e308, 10**400, "", "x" * 5000, "\x1b[2J\n", '"; DROP TABLE candidates; --', [], {}, [[]],
    [None], {"a": []}, "∞", "people",
]  # fmt: skip


def tamper(result, rng):
    """Replace, remove, repeat or shuffle something, anywhere: as likely near the top as deep inside."""
    place, keys = result, list(result)
    while True:
        key = rng.choice(keys)
        inner = place[key]
        if isinstance(inner, (dict, list)) and len(inner) and rng.random() < 0.75:
            place = inner
            keys = list(inner) if isinstance(inner, dict) else range(len(inner))
            continue
        break
    kind = rng.randrange(4)
    if kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, list):
        place.extend(place[:50])
    elif kind == 2 and isinstance(place, list):
        rng.shuffle(place)
    else:
        place[key] = rng.choice(WRONG)


def test_tampering_at_random_never_fails_and_always_says_the_same(copy, honest):
    """Results with one to three things changed anywhere: findings or none, never a failure."""
    whole = json.loads((honest / "result.json").read_text("utf-8"))
    # Long tables of one kind are cut, so that the changes are spread.
    text = json.dumps(whole | {key: whole[key][:5] for key in ("access", "not_served", "quality")})
    told, seeds = 0, int(os.environ.get("PLUGSPAN_FUZZ", "120"))
    for seed in range(seeds):
        rng = random.Random(seed)
        result = json.loads(text)
        for _ in range(rng.randrange(1, 4)):
            tamper(result, rng)
        (copy / "result.json").write_text(json.dumps(result), "utf-8")
        try:
            told += bool(found(copy))
        except InputError:
            told += 1
        for a, b in ((copy, honest), (honest, copy)):
            with suppress(InputError):
                told_lines = table_lines(compare(a, b, "zh"), "zh", aligned=True)
                assert all(line.isprintable() for line in told_lines)
    assert told > seeds / 3


@pytest.fixture
def small(copy):
    """The run with only those tables in its GeoPackage that the check needs."""
    old = sqlite3.connect(copy / "layers.gpkg")
    new = sqlite3.connect(copy / "small.gpkg")
    for table in ("candidates", "demand_people", "reach_people"):
        pd.read_sql(f"SELECT * FROM {table}", old).drop(columns="geom", errors="ignore").to_sql(
            table, new, index=False
        )
    new.close()
    old.close()
    (copy / "small.gpkg").replace(copy / "layers.gpkg")
    assert found(copy) == []
    return copy


CODE = {
    "an endless view": "DROP TABLE reach_people; CREATE VIEW reach_people AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
    " SELECT i + 1 FROM n) SELECT i AS site, i AS demand, 1 AS distance_km FROM n",
    "a computed column": "ALTER TABLE candidates ADD COLUMN x AS (zeroblob(900000000))",
    "a virtual table": "DROP TABLE candidates; CREATE VIRTUAL TABLE candidates USING fts5(id, cost, reason)",
    "a missing table": "DROP TABLE demand_people",
    "a missing column": "ALTER TABLE candidates DROP COLUMN cost",
    "texts for numbers": "UPDATE demand_people SET weight = 'many'",
    "bytes for numbers": "UPDATE reach_people SET distance_km = x'ff00'",
    "no text encoding": "UPDATE candidates SET action_id = CAST(x'fffe41' AS TEXT)",
    "nothing for numbers": "UPDATE candidates SET cost = NULL",
    "numbers beyond all": "UPDATE demand_people SET weight = 1e999",
    "no rows": "DELETE FROM candidates; DELETE FROM demand_people; DELETE FROM reach_people",
    "half of the rows": "DELETE FROM demand_people WHERE rowid % 2",
}


@pytest.mark.parametrize("what", CODE)
def test_a_database_of_unknown_origin_runs_no_code(small, what):
    """Views, computed columns, virtual tables: a finding at once, no file written, nothing changed."""
    db = sqlite3.connect(small / "layers.gpkg")
    db.executescript(CODE[what])
    db.close()
    before = {p.name: p.stat().st_mtime_ns for p in small.iterdir()}
    assert found(small)
    assert {p.name: p.stat().st_mtime_ns for p in small.iterdir()} == before


def test_triggers_and_a_journal_change_nothing(small):
    """Nothing fires when tables are only read; changes beside the file are not taken in."""
    db = sqlite3.connect(small / "layers.gpkg")
    db.execute("CREATE TRIGGER t AFTER INSERT ON candidates BEGIN DELETE FROM reach_people; END")
    db.commit()
    db.close()
    (small / "layers.gpkg-journal").write_bytes(bytes(range(256)) * 20)
    (small / "layers.gpkg-wal").write_bytes(bytes(range(256)) * 20)
    before = sorted(p.name for p in small.iterdir())
    assert found(small) == []
    assert sorted(p.name for p in small.iterdir()) == before


def test_a_name_in_the_result_is_never_a_statement(small):
    """The name of an objective is a part of a table's name."""
    name = 'people" UNION SELECT name, sql, 1 FROM sqlite_master; --'
    change(small, lambda r: siting(r).update(objective_name=name))
    assert {"verify-table"} <= {fault.key for fault in found(small)}


def test_flipped_bits_in_the_layers_are_findings_or_nothing(small):
    """Damaged databases, and some that are none: never a failure, never long work."""
    whole = (small / "layers.gpkg").read_bytes()
    damaged, seeds = 0, int(os.environ.get("PLUGSPAN_FUZZ", "120"))
    for seed in range(seeds):
        rng = random.Random(seed)
        held = bytearray(whole)
        for _ in range(rng.choice([1, 3, 30])):
            held[rng.randrange(rng.choice([100, 5000, len(held)]))] ^= 1 << rng.randrange(8)
        (small / "layers.gpkg").write_bytes(held)
        damaged += bool(found(small))
    assert damaged > seeds / 3
    for rubbish in (b"", b"SQLite format 3\0", b"PK\3\4", whole[:5000], whole[: len(whole) // 2]):
        (small / "layers.gpkg").write_bytes(rubbish)
        assert [fault.key for fault in found(small)]
    (small / "layers.gpkg").unlink()
    assert "verify-missing" in {fault.key for fault in found(small)}


def test_it_speaks_the_language_of_the_project(copy, honest, monkeypatch, capsys):
    """A Chinese run is told of in Chinese, unless ``--lang`` or the environment asks for another language."""
    monkeypatch.delenv("PLUGSPAN_LANG", raising=False)
    assert _run(["verify", str(honest)]) == 0
    assert "复核一致" in capsys.readouterr().err
    change(copy, lambda r: siting(r).update(gap=0.5))
    assert _run(["verify", str(copy)]) == 3
    assert "声称为" in capsys.readouterr().err
    assert _run(["verify", str(copy), "--lang", "en"]) == 3
    told = capsys.readouterr().err
    assert "is claimed to be 0.5" in told
    assert "no list of its files" in told
    assert _run(["compare", str(honest), str(honest)]) == 0
    assert "两者一致" in capsys.readouterr().out
    monkeypatch.setenv("PLUGSPAN_LANG", "en")
    assert _run(["verify", str(honest)]) == 0
    assert "claims hold" in capsys.readouterr().err


@pytest.mark.parametrize("unit", ["km", "mi"])
def test_lengths_that_differ_are_told_in_the_unit_of_the_run(unit, tmp_path):
    """50 miles and 25, 3048 m and 1524: under a policy in miles as such, with the unit in the name."""
    for name, factor in (("a", 1.0), ("b", 0.5)):
        route = {"ref": "I 1", "gap_max_km": 80.4672 * factor}
        siting = {"objective_name": "highway", "objective": 3048.0 * factor, "weight_unit": "m"}
        result = {
            "schema": 2, "project": {"length_unit": unit}, "findings": [], "routes": [route], "siting": [siting],
            "provenance": {"inputs": []},
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(result), "utf-8")
    changes = compare(tmp_path / "a.json", tmp_path / "b.json", "en").changes
    told = (
        [("80.5 km", "40.2 km"), ("3,048 m", "1,524 m")]
        if unit == "km"
        else [("50.0 mi", "25.0 mi"), ("10,000 ft", "5,000 ft")]
    )
    assert [(c.first, c.second) for c in changes] == told
    assert [c.what for c in changes] == ["I 1: longest gap", "siting: highway length within reach"]
