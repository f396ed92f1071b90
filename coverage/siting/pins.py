"""What people decide themselves: actions that must or must not be in the plan, moved places, costs of single ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..errors import Fault, InputError
from ..network.routes import Drive, RoadIndex, Route, locate
from ..rules.roads import RoadContext
from ..scenario import ScenarioPlace
from ..units import EARTH_RADIUS_M, GEOD, KM_PER_MILE, M_PER_KM, WGS84
from ..waymarks import place_names
from .actions import EVENTS
from .planning.candidates import as_snapped, points_on, united

Do = Literal["require", "forbid", "move", "cost"]
_PLACE = re.compile(
    r"\s*(?P<ref>.+?)\s+(?:measured\s+|量算\s*)?"
    r"(?:(?:k|km\s|(?P<mile>mp|mi)\s)\s*(?P<mark>\d+(?:\.\d+)?)|(?P<before>\d+(?:\.\d+)?)\s*(?:km|公里|(?P<miles>mi|英里)))\s*",
    re.IGNORECASE,
)
"""A place on a route as people type it or as the outputs name it, by a mark or by measured kilometres."""
AT_PLACE_M = 1_000.0
"""Actions this close to a place on a route are the ones that it names."""
MOVED_M = 100.0
"""A place of a scenario this far from where its mark lies now is another place."""
_NEAR = 3
"""So many names are suggested for one that is unknown."""


@dataclass(frozen=True)
class Pin:
    """One decision.

    Attributes
    ----------
    do : str
    name : str
        Id or name of an action or candidate, or a place on a route (``"G106 K265"``, ``"I-80 MP 12.5"``). A name
        that several actions have stands for all of them.
    key, file, row
        Where it stands, for faults.
    cost : float or None
    to : (lon, lat), place on a route, or None
        Where something moves, or where a required new place is.
    """

    do: Do
    name: str
    key: str
    file: str
    row: int | None = None
    cost: float | None = None
    to: tuple[float, float] | str | None = None

    def fault(self, kind: str, **values: Any) -> Fault:
        """A fault of this decision."""
        return Fault(kind, file=self.file, row=self.row, value=self.name, values={"key": self.key, **values})


def project_pins(
    required: Iterable[str],
    forbidden: Iterable[str],
    cost: Mapping[str, float],
    moved: Mapping[str, tuple[float, float] | str],
    file: str,
) -> list[Pin]:
    """Decisions of the project file."""
    pins = [Pin("require", name, "plan.required", file) for name in required]
    pins += [Pin("forbid", name, "plan.forbidden", file) for name in forbidden]
    pins += [Pin("move", name, "plan.moved", file, to=to) for name, to in moved.items()]
    return pins + [Pin("cost", name, "plan.cost", file, cost=money) for name, money in cost.items()]


def table_pins(table: gpd.GeoDataFrame, file: str) -> list[Pin]:
    """Decisions of a table ``pin, name, cost, to`` with an optional position.

    Raises
    ------
    InputError
        With all rows that say too little: no name, a cost or a place that is missing.
    """
    pins: list[Pin] = []
    faults: list[Fault] = []
    for row in table.to_dict("records"):
        point = row["geometry"]
        at = None if point is None or point.is_empty else (float(point.x), float(point.y))
        to = at if at is not None else None if pd.isna(row["to"]) else str(row["to"])
        cost = None if pd.isna(row["cost"]) else float(row["cost"])
        name = "" if pd.isna(row["name"]) else str(row["name"])
        found = Pin(row["pin"], name, str(row["pin"]), file, int(row["source_row"]), cost, to)
        lacks = "name" if not name else "cost" if found.do == "cost" and cost is None else ""
        lacks = lacks or ("place" if found.do == "move" and to is None else "")
        if lacks:
            faults.append(found.fault(f"plan-pin-{lacks}"))
        pins.append(found)
        if cost is not None and found.do in ("require", "move"):
            pins.append(Pin("cost", name, "cost", file, found.row, cost))
    if faults:
        raise InputError(faults)
    return pins


def place_on_routes(text: str, index: RoadIndex, routes: Iterable[Route]) -> tuple[float, float] | None:
    """Longitude and latitude of ``"G106 K265"`` or ``"G106 km 265"``; None if it is no place on a route."""
    found = _drive_at(text, routes)
    if found is None:
        return None
    place = locate(index, found[2], np.array([found[3]])).iloc[0]
    return float(place["lon"]), float(place["lat"])


def _drive_at(text: str, routes: Iterable[Route]) -> tuple[str, int, Drive, float] | None:
    """Route, section, direction and chainage in metres that a text names; None if there is no such place."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return None
    km = float(match["mark"] or match["before"]) * (KM_PER_MILE if match["mile"] or match["miles"] else 1.0)
    for section in (s for r in routes if r.ref == match["ref"] for s in r.sections):
        drive = section.drives[0]
        if drive.start_m <= km * M_PER_KM <= drive.end_m:
            return match["ref"], section.number, drive, km * M_PER_KM
    return None


def own_places(
    context: RoadContext, places: Iterable[ScenarioPlace], file: str
) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """Candidates exactly at the places of a scenario.

    Parameters
    ----------
    context : RoadContext
    places : iterable of ScenarioPlace
    file : str
        Where the scenario stands, for faults.

    Returns
    -------
    GeoDataFrame
        ``id, kind, name, excluded``; the roads read its points at the marks to a tenth of a millimetre.
    dict
        Id of the candidate by the id of the place: they differ where the place doesn't name its section.

    Raises
    ------
    InputError
        With all places whose route has no such mark, or has it somewhere else than the file says.
    """
    frames, faults, ids = [], [], {}
    for place in places:
        at, pin = np.array([round(place.km * M_PER_KM, 1)]), Pin("require", place.name, "places", file)
        found = []
        for section in (s for r in context.routes if r.ref == place.ref for s in r.sections):
            for drive in section.drives:
                if (
                    (drive.direction == "backward") == (place.direction == "backward")
                    and place.section in (None, section.number)
                    and drive.start_m <= at[0] <= drive.end_m
                ):
                    points = points_on(
                        context.index, place.ref, section.number, drive, as_snapped(context, drive, at),
                        digits=3, lang=context.lang,
                    )  # fmt: skip
                    off_m = 0.0
                    if place.lon is not None and place.lat is not None:
                        point = points.geometry.iloc[0]
                        off_m = float(GEOD.inv(point.x, point.y, place.lon, place.lat)[2])
                    exact = place.model_copy(update={"section": section.number})
                    found.append((off_m, exact.id, points.assign(id=exact.id)))
        if not found:
            faults.append(pin.fault("plan-pin-nowhere", to=place.name))
            continue
        off_m, name, points = min(found, key=lambda one: one[0])
        if off_m > MOVED_M:
            faults.append(pin.fault("scenario-place-moved", m=f"{off_m:,.0f}"))
        frames.append(points)
        ids[place.id] = name
    if faults:
        raise InputError(faults)
    table = united(frames).drop_duplicates("id")
    return table.assign(excluded=None), ids


def pinned_candidates(
    candidates: gpd.GeoDataFrame, pins: Iterable[Pin], index: RoadIndex, routes: Iterable[Route], lang: str
) -> gpd.GeoDataFrame:
    """Candidates with those that were moved at their new places, and those that are required and new.

    Raises
    ------
    InputError
        If a place on a route does not exist, or what is to be moved is no candidate.
    """
    routes, faults, new = list(routes), [], []
    ids, names = candidates["id"].astype(str), candidates["name"].astype(str)
    moved = candidates.copy()
    for pin in pins:
        if pin.do not in ("require", "move"):
            continue
        asked = pin.to if pin.to is not None else pin.name
        at = place_on_routes(asked, index, routes) if isinstance(asked, str) else asked
        mine = ((ids == pin.name) | (names == pin.name)).to_numpy(bool)
        if at is None and pin.to is not None:
            faults.append(pin.fault("plan-pin-nowhere", to=pin.to))
        elif pin.do == "move" and not mine.any():
            faults.append(pin.fault("plan-action-unknown", near=_alike(pin.name, [*ids, *names])))
        elif at is not None and mine.any():
            if pin.to is not None:
                moved.loc[mine, "geometry"] = shapely.Point(at)
                moved.loc[mine, "excluded"] = None
        elif at is not None:
            place = _drive_at(pin.name, routes)
            name = pin.name if place is None else place_names([place[3] / M_PER_KM], lang, *place[:2])[0]
            point = {"id": pin.name, "kind": "route_point", "name": name, "excluded": None}
            new.append(point | {"geometry": shapely.Point(at)})
    if faults:
        raise InputError(faults)
    if not new:
        return moved
    added = gpd.GeoDataFrame(new, geometry="geometry", crs=WGS84).drop_duplicates("id")
    return gpd.GeoDataFrame(pd.concat([moved, added], ignore_index=True), geometry="geometry", crs=WGS84)


def pin_actions(
    actions: gpd.GeoDataFrame, pins: Iterable[Pin], index: RoadIndex, routes: Iterable[Route]
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Apply decisions to a table of actions.

    Returns
    -------
    actions : GeoDataFrame
        With own costs, ``reason`` ``"forbidden"`` where an action must not be chosen, and the decision as ``pin``:
        of several the move, then whether it must be.
    required : tuple of str
        Ids of actions that must be.

    Raises
    ------
    InputError
        With all names that no action has, each with near ones, and all that are both required and forbidden.
    """
    routes = list(routes)
    faults: list[Fault] = []
    found: dict[Do, dict[str, Pin]] = {"require": {}, "forbid": {}, "cost": {}, "move": {}}
    for pin in pins:
        mine, near = _named(actions, pin.name, index, routes)
        if not mine:
            faults.append(pin.fault("plan-action-unknown", near=near))
        for name in mine:
            other = found["cost"].get(name)
            if pin.do == "cost" and other is not None and other.cost != pin.cost:
                faults.append(pin.fault("plan-pin-costs", id=name, one=other.cost, other=pin.cost))
            found[pin.do][name] = pin
    both = sorted(set(found["require"]) & set(found["forbid"]))
    faults += [found["forbid"][name].fault("plan-both", id=name) for name in both]
    if faults:
        raise InputError(faults)
    reason = actions["reason"].mask(actions["id"].isin(found["forbid"]), "forbidden")
    own = actions["id"].map({name: pin.cost for name, pin in found["cost"].items()})
    cost = own.astype(float).fillna(actions["cost"]).astype(float)
    order: tuple[Do, ...] = ("cost", "forbid", "require", "move")
    decided = actions["id"].map({name: do for do in order for name in found[do]})
    return actions.assign(reason=reason, cost=cost, pin=decided), tuple(found["require"])


def scenario_actions(
    actions: gpd.GeoDataFrame, on: Iterable[str], closed: Iterable[str], file: str
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Leave exactly the actions of a scenario to choose.

    Parameters
    ----------
    actions : GeoDataFrame
        Of a state in which the sites ``closed`` are gone.
    on : iterable of str
        Ids of actions; what would change a closed site does nothing and is left out.
    closed : iterable of str
        Ids of sites.
    file : str
        Where the scenario stands, for faults.

    Returns
    -------
    actions : GeoDataFrame
        With ``reason`` ``"forbidden"`` for all others.
    required : tuple of str

    Raises
    ------
    InputError
        With all ids that no action has, and all that the project rules out.
    """
    choices = actions[~actions["kind"].isin(EVENTS)]
    known = dict(zip(choices["id"].astype(str), choices["reason"], strict=True))
    gone = {f"{kind}-{site}" for kind in ("upgrade", "commission") for site in closed}
    wanted = [name for name in dict.fromkeys(on) if name not in gone]
    faults = [
        Fault("scenario-action-unknown", file=file, value=name, values={"near": _alike(name, known)})
        for name in wanted
        if name not in known
    ]
    faults += [
        Fault("scenario-action-excluded", file=file, value=name)
        for name in wanted
        if name in known and not pd.isna(known[name])
    ]
    if faults:
        raise InputError(faults)
    other = ~actions["id"].isin(wanted) & ~actions["kind"].isin(EVENTS) & actions["reason"].isna()
    return actions.assign(reason=actions["reason"].mask(other, "forbidden")), tuple(wanted)


def _named(
    actions: gpd.GeoDataFrame, name: str, index: RoadIndex, routes: list[Route]
) -> tuple[list[str], str]:
    """Ids of the actions that a name stands for; names near it if there are none."""
    choices = actions[~actions["kind"].isin(EVENTS)]
    ids, names, targets = (choices[column].astype(str) for column in ("id", "name", "target"))
    exact = ids[(ids == name) | (names == name) | (targets == name)].tolist()
    if exact:
        return exact, ""
    at = place_on_routes(name, index, routes)
    if at is None:
        return [], _alike(name, [*ids, *names])
    points = np.radians(np.column_stack([choices.geometry.x, choices.geometry.y]))
    lon, lat = np.radians(at)
    east, north = (points[:, 0] - lon) * np.cos(lat), points[:, 1] - lat
    far_m = np.where(np.isfinite(east), np.hypot(east, north) * EARTH_RADIUS_M, np.inf)
    nearest = ", ".join(names.iloc[np.argsort(far_m, kind="stable")[:_NEAR]])
    return ids[far_m <= AT_PLACE_M].tolist(), nearest


def _alike(name: str, known: Iterable[str]) -> str:
    """Names that are written much like this one."""
    return ", ".join(difflib.get_close_matches(name, sorted(set(known)), n=_NEAR, cutoff=0.4)) or "–"
