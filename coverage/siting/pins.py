"""What people decide themselves: actions that must or must not be in the plan, and costs of single ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import Fault, InputError
from ..network.routes import RoadIndex, Route, locate
from ..units import M_PER_KM, WGS84
from .actions import EVENTS

_PLACE = re.compile(r"\s*(?P<ref>.+?)\s+[Kk]\s*(?P<km>\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, eq=False)
class Pins:
    """Pins of a project: each names an action by id, by name, or by a place on a route (``"G106 K265"``).

    A name that several actions have stands for all of them.
    """

    required: Sequence[str] = ()
    forbidden: Sequence[str] = ()
    cost: Mapping[str, float] | None = None

    def places(self) -> list[tuple[str, str, float]]:
        """Required places on routes: as written, route, kilometre mark."""
        found = [(name, _PLACE.fullmatch(name)) for name in self.required]
        return [(name, match["ref"], float(match["km"])) for name, match in found if match]


def places_on_routes(pins: Pins, index: RoadIndex, routes: Iterable[Route]) -> gpd.GeoDataFrame:
    """Candidates at the required places on routes: ``id`` (as written), ``kind, name, excluded``, EPSG:4326."""
    rows = []
    for name, ref, km in pins.places():
        for drive in (d for r in routes if r.ref == ref for s in r.sections for d in s.drives[:1]):
            at = km * M_PER_KM
            if drive.start_m <= at <= drive.end_m:
                found = locate(index, drive, np.array([at])).iloc[0]
                rows.append({"id": name, "name": name, "lon": found["lon"], "lat": found["lat"]})
                break
    frame = pd.DataFrame(rows, columns=["id", "name", "lon", "lat"])
    points = gpd.points_from_xy(frame.pop("lon"), frame.pop("lat"))
    return gpd.GeoDataFrame(frame.assign(kind="route_point", excluded=None), geometry=points, crs=WGS84)


def pin(actions: gpd.GeoDataFrame, pins: Pins, *, file: str) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Apply pins to a table of actions.

    Returns
    -------
    actions : GeoDataFrame
        With own costs, and ``reason`` ``"forbidden"`` where an action must not be chosen.
    required : tuple of str
        Ids of actions that must be.

    Raises
    ------
    InputError
        With all names that no action has, and all that are both required and forbidden.
    """
    faults: list[Fault] = []
    required = _named(actions, pins.required, "plan.required", file, faults)
    forbidden = _named(actions, pins.forbidden, "plan.forbidden", file, faults)
    costs = {
        name: money
        for key, money in (pins.cost or {}).items()
        for name in _named(actions, [key], "plan.cost", file, faults)
    }
    both = sorted(set(required) & set(forbidden))
    faults += [Fault("plan-both", file=file, value=name) for name in both]
    if faults:
        raise InputError(faults)
    reason = actions["reason"].mask(actions["id"].isin(forbidden), "forbidden")
    own = actions["id"].map(costs)
    return actions.assign(reason=reason, cost=own.fillna(actions["cost"]).astype(float)), tuple(required)


def _named(
    actions: gpd.GeoDataFrame, names: Iterable[str], key: str, file: str, faults: list[Fault]
) -> list[str]:
    """Ids of the actions that the names stand for."""
    open_ = actions[~actions["kind"].isin(EVENTS)]
    ids, titles = open_["id"].astype(str), open_["name"].astype(str)
    found: list[str] = []
    for name in names:
        mine = ids[(ids == name) | (titles == name) | (open_["target"].astype(str) == name)].tolist()
        if not mine:
            near = difflib.get_close_matches(name, sorted({*ids, *titles}), n=3, cutoff=0.4)
            values = {"key": key, "near": ", ".join(near) or "–"}
            faults.append(Fault("plan-action-unknown", file=file, value=name, values=values))
        found += mine
    return list(dict.fromkeys(found))
