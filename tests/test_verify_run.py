"""``plugspan verify`` finds what was tampered with, and nothing in an honest run."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
from plugspan.errors import InputError
from plugspan.output.run import write_run
from plugspan.output.verify import verify_run
from plugspan.pipeline import make_plan
from plugspan.project import read_project


@pytest.fixture(scope="module")
def honest(root, tmp_path_factory):
    """A run of the embedded sample."""
    folder = tmp_path_factory.mktemp("verify") / "run"
    plan = make_plan(read_project(root / "data" / "zhuzhou.toml"))
    write_run(plan, folder, overwrite=False, lang="zh", tell=lambda key, share: None)
    return folder


def test_an_honest_run_holds(honest):
    """Every claim is found again."""
    n, faults = verify_run(honest, "en")
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


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_claim_is_found(what, honest, tmp_path):
    """Whatever number of the result is changed, the check names it."""
    shutil.copytree(honest, tmp_path / "run")
    path = tmp_path / "run" / "result.json"
    result = json.loads(path.read_text("utf-8"))
    TAMPERED[what](result)
    path.write_text(json.dumps(result), "utf-8")
    assert verify_run(tmp_path / "run", "en")[1]


def test_changed_evidence_is_found(honest, tmp_path):
    """If the table of who reaches whom does not bear the claim out, that is told."""
    shutil.copytree(honest, tmp_path / "run")
    db = sqlite3.connect(tmp_path / "run" / "layers.gpkg")
    db.execute("UPDATE reach_people SET distance_km = 99 WHERE rowid % 2 = 0")
    db.commit()
    db.close()
    assert verify_run(tmp_path / "run", "en")[1]


def test_what_is_no_run_folder_is_told(tmp_path):
    """An empty folder gives a fault with the remedy."""
    with pytest.raises(InputError, match=r"result\.json"):
        verify_run(tmp_path, "en")
