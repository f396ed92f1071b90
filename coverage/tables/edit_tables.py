"""What the map's edit mode recounts a plan with: the model, the words of its rules, and the roads to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from ..network.routes import Drive, RoadIndex, drives_by_key, locate
from ..plan import Plan
from ..rules.finding import Finding
from ..rules.roads import RouteRule
from ..scenario import Scenario
from ..schema import column, shown, unit_words
from ..siting.edit_model import edit_model
from ..units import M_PER_KM
from ..waymarks import is_posted
from . import numbers

STEP_M = 50.0
"""Roads are looked at in steps of this length,"""
TOLERANCE_DEG = 1e-4
"""and points that lie no further than this from the line between others (10 m) are left out."""
MOST_DRIVES = 4000
"""With more directions of roads the page would be too large for its ten megabytes; then it has no edit mode."""


def edit_data(plan: Plan, lang: str) -> dict[str, Any] | None:
    """The model of a plan with its words and lines; None without a plan, or with far too many roads.

    Parameters
    ----------
    plan : Plan
    lang : str
        Of the titles and targets of rules.

    Returns
    -------
    dict, optional
        As :func:`plugspan.siting.edit_model.edit_model`, with ``kinds, currency`` (in words), ``project,
        inputs_sha256``, and ``at`` of each of its ``lines``: an (n, 3) array of longitude, latitude and chainage in
        metres, and ``posted``: whether these are the kilometres of given posts.
    """
    programme = plan.programme
    if programme is None:
        return None
    context, networks = programme.world.context, {rule.network for rule in plan.policy.of(RouteRule)}
    routes = [route for network in networks for route in context.of_class(network)]
    if sum(len(section.drives) for route in routes for section in route.sections) > MOST_DRIVES:
        return None
    model = edit_model(programme, plan.before, plan.after_date)
    model["rules"] = [rule | _words(plan.before[rule["id"]], lang) for rule in model["rules"]]
    model["kinds"] = {
        kind: shown(kind, column("action_kind"), lang) for kind in sorted(set(model["actions"]["kind"]))
    }
    if plan.scenario is not None:
        model["closed"] = list(plan.scenario.closed_sites)
        _mark_own_places(model, plan.scenario)
    index, drives = context.index, drives_by_key(plan.routes)
    model["lines"] = [
        line | _line(index, drives[tuple(line["key"])]) | {"posted": is_posted(lang, *line["key"][:2])}
        for line in model["lines"]
    ]
    model["currency"] = unit_words(programme.costs.currency, lang)
    model["project"] = plan.project.name.of(lang)
    model["inputs_sha256"] = plan.provenance.inputs_sha256
    return model


def _mark_own_places(model: dict[str, Any], scenario: Scenario) -> None:
    """Let the places of a scenario be what they were in the page that made it: to be moved, and told by their marks."""
    actions = {name: k for k, name in enumerate(model["actions"]["id"])}
    for place in scenario.places if model["own"] is not None else ():
        for number, line in enumerate(model["lines"]):
            ref, section, direction = line["key"]
            at = actions.get(place.model_copy(update={"section": section}).id)
            way = "backward" if place.direction == "backward" else "forward"
            if at is not None and (ref, direction) == (place.ref, way) and place.section in (None, section):
                model["actions"]["own"][at] = {"line": number, "m": round(place.km * M_PER_KM)}


def _words(finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "title": finding.rule.title[lang],
        "asks": numbers.target(finding, lang) if finding.target is not None else "",
    }


def _line(index: RoadIndex, drive: Drive) -> dict[str, Any]:
    n = max(2, int(np.ceil((drive.end_m - drive.start_m) / STEP_M)) + 1)
    at = np.linspace(drive.start_m, drive.end_m, n)
    places = locate(index, drive, at)
    line = shapely.LineString(np.column_stack([places["lon"], places["lat"], at]))
    return {"at": shapely.get_coordinates(shapely.simplify(line, TOLERANCE_DEG), include_z=True)}
