"""The plan as the page's edit mode reads it: the model that recounts it, the roads to draw, and words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely

from ...network.routes import Drive, RoadIndex, drives_by_key, locate
from ...plan import Plan
from ...rules.finding import Finding
from ...schema import column, shown
from ...siting.edit_model import edit_model
from ...tables import numbers
from .packing import SCALE, b64gz

STEP_M = 50.0
"""Roads are looked at in steps of this length,"""
TOLERANCE_DEG = 1e-4
"""and points that lie no further than this from the line between others (10 m) are left out."""
MOST_DRIVES = 4000
"""With more directions of roads the page would be too large for its ten megabytes; then it has no edit mode."""


def edit_block(plan: Plan, lang: str) -> dict[str, Any] | None:
    """The packed block of the edit mode; None without a plan, or with far too many roads.

    Parameters
    ----------
    plan : Plan
    lang : str
        Of the titles and targets of rules.
    """
    programme = plan.programme
    if programme is None:
        return None
    model = edit_model(programme, plan.before, plan.after_date)
    if sum(len(net["drives"]) for net in model["nets"]) > MOST_DRIVES:
        return None
    model["rules"] = [rule | _words(plan.before[rule["id"]], lang) for rule in model["rules"]]
    model["kinds"] = {
        kind: shown(kind, column("action_kind"), lang) for kind in sorted(set(model["actions"]["kind"]))
    }
    index, drives = programme.world.context.index, drives_by_key(plan.routes)
    model["lines"] = [line | _line(index, drives[tuple(line["key"])]) for line in model["lines"]]
    model["project"] = plan.project.name
    model["inputs_sha256"] = plan.provenance.inputs_sha256
    code = json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    return {"packed": b64gz(code.encode("utf-8", "replace"))}


def _plain(value: Any) -> Any:
    return value.item()


def _words(finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "title": finding.rule.title[lang],
        "asks": numbers.target(finding, lang) if finding.target is not None else "",
    }


def _line(index: RoadIndex, drive: Drive) -> dict[str, Any]:
    """A drive as it is drawn: places in 1e-5 degrees and the chainage of each, as differences."""
    n = max(2, int(np.ceil((drive.end_m - drive.start_m) / STEP_M)) + 1)
    at = np.linspace(drive.start_m, drive.end_m, n)
    places = locate(index, drive, at)
    line = shapely.LineString(np.column_stack([places["lon"], places["lat"], at]))
    kept = shapely.get_coordinates(shapely.simplify(line, TOLERANCE_DEG), include_z=True)
    units = np.round(kept[:, :2] * SCALE).astype(np.int64)
    metres = np.round(kept[:, 2]).astype(np.int64)
    steps = np.diff(units, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    return {"xy": steps.ravel().tolist(), "m": np.diff(metres, prepend=0).tolist()}
