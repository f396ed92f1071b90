"""Actions: what a plan may do, what each costs, and the inputs as they would be with some of them carried out.

Beside actions there are two kinds of events that cost nothing: ``survey`` (an answer to what the data leave open turns
out favourable) and ``opening`` (a site under construction opens on its date). They stand in the same table, so that the
rows of the rules see them like actions; a plan never chooses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs import Built, Inputs
from ..inputs.bundle import PROPOSED
from ..inputs.choices import SERVICE_KINDS
from ..inputs.frames import as_table
from ..inputs.schemas import CHARGERS
from ..rules.berths import BerthShare, berth_membership
from ..rules.costs import CostTable
from ..rules.facilities import FacilityShare, counted_facilities, facility_status
from ..rules.finding import NO, UNKNOWN, YES, site_status
from ..rules.model import SiteRequirement
from ..rules.parking import ShareMargin, ev_share, parking_population
from ..rules.photovoltaics import PvPotential, pv_table
from ..rules.policy import Policy
from ..units import WGS84
from .planning.reach import county_of

STATIONS = ("battery_swap", "hydrogen")
"""Kinds of actions that build what ``serves`` of a rule's site calls so."""
KINDS = (
    *("new_site", "upgrade", "commission", "high_power", "shore_power", "ready_spaces"),
    *STATIONS,
    "photovoltaics",
)
"""Kinds of actions; ``choice.action_kind.KIND`` in the catalogue says them in words."""
EVENTS = ("survey", "opening")
"""Kinds of events, which cost nothing and are never chosen."""
BUILDS = ("new_site", "upgrade", "high_power", *STATIONS)
"""Kinds that put up new charge points, or stations."""
VESSELS = "vessel_service_area"
"""Kind of facility where ships, not vehicles, get power: what is built there is no charging site of the roads."""
NOT_RUNNING = ("under_construction", "planned", "out_of_order")
COLUMNS = (
    *("id", "kind", "place", "name", "target", "county", "cost", "year", "points", "point_kw", "spaces"),
    *("span_point", "reason", "geometry"),
)


@dataclass(frozen=True, eq=False)
class Equipment:
    """What new equipment must be to count for every rule with a target, by kind of action.

    ``site`` is built along routes, at their service areas and for people; ``hub`` where a rule on facilities asks more;
    ``stations`` are those for battery swap and hydrogen.
    """

    site: Built
    hub: Built
    stations: Mapping[str, Built]

    @classmethod
    def of(cls, policy: Policy) -> Equipment:
        """The least that meets all requirements of a policy, 4 points of 120 kW at least."""
        asked, hubs = (
            [site for site in _requirements(policy, hubs=way) if site.serves == "charging"]
            for way in (False, True)
        )
        every = [rule.requirement for rule in policy.rules if rule.requirement is not None]
        points = {kind: [site.min_points for site in every if site.serves == kind] for kind in STATIONS}
        stations = {kind: Built(kind, points=max([1, *found])) for kind, found in points.items()}
        return cls(least_equipment(asked), least_equipment([*asked, *hubs]), stations)

    def for_kind(self, kind: str) -> Built:
        """What an action of a kind builds."""
        return self.stations.get(kind, self.hub if kind == "high_power" else self.site)

    def falls_short(self, site: SiteRequirement) -> bool:
        """Whether a new site is too little for what a rule asks at its facilities."""
        return site.dc_min_kw > self.site.point_kw or site.min_points > self.site.points


def least_equipment(asked: list[SiteRequirement]) -> Built:
    """What is enough for all of these requirements, 4 points of 120 kW at least; the first plug that each names."""
    plain = Built()
    return Built(
        point_kw=max([plain.point_kw, *(site.dc_min_kw for site in asked)]),
        points=max([plain.points, *(site.min_points for site in asked)]),
        pool_min_kw=max([0.0, *(site.pool_min_kw for site in asked)]),
        connector=";".join(dict.fromkeys(site.connectors[0] for site in asked if site.connectors)),
    )


def find_actions(
    inputs: Inputs,
    policy: Policy,
    candidates: gpd.GeoDataFrame,
    costs: CostTable,
    *,
    year: int,
    last_year: int | None = None,
    sized: Callable[[gpd.GeoDataFrame], pd.Series[Any]] | None = None,
) -> gpd.GeoDataFrame:
    """List all actions and events.

    Parameters
    ----------
    inputs : Inputs
    policy : Policy
        Rules with a target say what falls short.
    candidates : GeoDataFrame
        Places of new sites; see :func:`.candidates.find_candidates`.
    costs : CostTable
    year : int
        Year of the assessment: what opens later is an event of its year.
    last_year : int, optional
        Last year of the plan: what opens after it must be hurried to count.
    sized : callable, optional
        From the actions to how many points each builds, instead of those of the equipment of one size.

    Returns
    -------
    GeoDataFrame
        EPSG:4326; ``id``, ``kind`` (one of :data:`KINDS` or :data:`EVENTS`), ``place`` (kind of place), ``name``,
        ``target`` (id of the candidate, site, facility, berth or car park), ``county``, ``cost``, ``year`` (first
        year it can be there; missing: any), ``points``, ``point_kw``, ``spaces``, ``span_point`` (``near`` or
        ``exact``: a point that is a candidate only because a plan with the least money may need it; missing
        elsewhere), ``reason`` (why it can't be chosen; missing if it can). Sorted by kind, then id.
    """
    equipment = Equipment.of(policy)
    frames = [
        _new_sites(candidates, equipment.site),
        _stations(candidates, policy, equipment),
        _existing_sites(inputs, policy, equipment.site, year, year if last_year is None else last_year),
        _facilities(inputs, policy, equipment),
        _berths(inputs, policy),
        _car_parks(inputs, policy),
        _photovoltaics(inputs, policy),
    ]
    table = gpd.GeoDataFrame(
        pd.concat([f for f in frames if len(f)] or [_table([])], ignore_index=True), crs=WGS84
    )
    if sized is not None:
        table["points"] = sized(table)
    table["cost"] = [_cost(costs, row) for row in table.itertuples()]
    where = pd.Series(county_of(table.geometry, inputs.counties), dtype=object)
    table["county"] = table["county"].astype(object).fillna(where.where(where != ""))
    rank = table["kind"].map({kind: k for k, kind in enumerate((*KINDS, *EVENTS))})
    return table.iloc[np.lexsort((table["id"].astype(str), rank))].reset_index(drop=True)


def _table(rows: Iterable[dict[str, Any]]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    return gpd.GeoDataFrame(frame, geometry=list(frame["geometry"]), crs=WGS84)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _cost(costs: CostTable, row: Any) -> float:
    if row.kind in EVENTS:
        return 0.0
    if row.kind == "shore_power" and not pd.isna(row.cost):
        return float(row.cost)  # the berth's own figure
    known = [0.0 if pd.isna(value) else float(value) for value in (row.points, row.point_kw, row.spaces)]
    table = getattr(costs, row.kind)
    return float(table.of(row.place, known[0], known[0] * known[1], known[2]))


def _new_sites(candidates: gpd.GeoDataFrame, built: Built) -> gpd.GeoDataFrame:
    return _table(
        {
            "id": row["id"],
            "kind": "new_site",
            "place": row["kind"],
            "name": row["name"],
            "target": row["id"],
            "points": built.points,
            "point_kw": built.point_kw,
            "span_point": row.get("span_point"),
            "reason": row["excluded"],
            "geometry": row["geometry"],
        }
        for row in _records(candidates)
    )


def _stations(candidates: gpd.GeoDataFrame, policy: Policy, equipment: Equipment) -> gpd.GeoDataFrame:
    """A station of each kind that a rule with a target asks for, at every candidate; a charger there is no obstacle."""
    asked = {rule.requirement.serves for rule in policy.rules
             if rule.requirement is not None and rule.target.value is not None}  # fmt: skip
    frames = []
    for kind in (kind for kind in STATIONS if kind in asked):
        table = _new_sites(candidates, equipment.stations[kind])
        reason = table["reason"].mask(table["reason"] == "has_site", None)
        frames.append(
            table.assign(id=f"{kind}-" + table["id"].astype(str), kind=kind, point_kw=None, reason=reason)
        )
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=WGS84) if frames else _table([])


def _targets(policy: Policy, kind: type[Any]) -> list[Any]:
    return [rule for rule in policy.of(kind) if rule.target.value is not None]


def _requirements(policy: Policy, *, hubs: bool) -> list[SiteRequirement]:
    """What rules with a target, and those on people, ask of a site; each once.

    ``hubs``: of the rules on facilities that are not, or not all, along the routes; what they ask is no reason to build
    more anywhere else.
    """
    asked: dict[SiteRequirement, None] = {}
    for rule in policy.rules:
        at_hubs = isinstance(rule, FacilityShare) and not set(rule.facility) <= set(SERVICE_KINDS)
        if rule.requirement is not None and at_hubs == hubs:
            asked[rule.requirement] = None
    return list(asked)


def _action(kind: str, row: dict[str, Any], place: str, **more: Any) -> dict[str, Any]:
    """An action or event at a row of a table."""
    named = {
        "id": f"{kind}-{row['id']}",
        "kind": kind,
        "place": place,
        "name": str(row["id"] if pd.isna(row["name"]) else row["name"]),
        "target": row["id"],
    }
    return {**named, "county": row["county"], "geometry": row.get("geometry"), **more}


def _existing_sites(inputs: Inputs, policy: Policy, built: Built, year: int, last: int) -> gpd.GeoDataFrame:
    """Upgrades, commissioning, openings and surveys of the region's charging sites."""
    sites = inputs.sites
    if sites.empty:
        return _table([])
    asked = [site for site in _requirements(policy, hubs=False) if site.serves == "charging"]
    stations = {rule.requirement.serves for rule in policy.rules if rule.requirement} - {"charging"}
    status = np.array([site_status(inputs, site) for site in asked]).reshape(-1, len(sites))
    short, unknown = (status != YES).any(axis=0), (status == UNKNOWN).any(axis=0)
    opened = _opening_year(inputs)
    rows = []
    for k, row in enumerate(_records(sites)):
        if row["kind"] != "charging" and row["kind"] not in stations:
            continue
        due = opened.get(row["id"], last + 1)
        if due <= last:  # in the halo, too: a neighbour's site counts from its date like any other
            rows.append(_action("opening", row, "site", year=max(due, year)))
        if not row["inside"]:
            continue
        if row["status"] in NOT_RUNNING:
            rows += [] if due <= last else [_action("commission", row, "site")]
            continue
        if row["kind"] != "charging":
            continue
        if unknown[k]:
            rows.append(_action("survey", row, "site"))
        if short[k]:
            rows.append(_action("upgrade", row, "site", points=built.points, point_kw=built.point_kw))
    return _table(rows)


def _opens(chargers: gpd.GeoDataFrame) -> Any:
    """Chargers that are being built or planned and have a date."""
    return chargers["status"].isin(["under_construction", "planned"]) & chargers["opened"].notna()


def _opening_year(inputs: Inputs) -> dict[str, int]:
    """Year from which all that is being built or planned at a site is there, by its latest date."""
    due = inputs.chargers[_opens(inputs.chargers)]
    dates = pd.to_datetime(due["opened"]).groupby(due["site"]).max().dropna()
    return {str(site): int(date.year) for site, date in dates.items()}


def _facilities(inputs: Inputs, policy: Policy, equipment: Equipment) -> gpd.GeoDataFrame:
    """High power where a rule asks more than a new site gives, and surveys where nobody knows what is there.

    A service area of ships gets shore power: its own row says so then, and no charger of the roads appears.
    """
    built = equipment.hub
    rows: dict[str, dict[str, Any]] = {}
    for rule in _targets(policy, FacilityShare):
        if rule.charging_spaces_min is not None:
            continue
        table = counted_facilities(inputs.facilities, rule)
        has, _ = facility_status(inputs.facilities, inputs.chargers, rule)
        for row, status in zip(_records(table), has, strict=True):
            if status == UNKNOWN:
                found = _action("survey", row, row["kind"])
                rows[found["id"]] = found
            kind = "shore_power" if row["kind"] == VESSELS else "high_power"
            wanted = kind == "shore_power" or equipment.falls_short(rule.site)
            if status != YES and wanted and rule.site.serves == "charging":
                found = _action(kind, row, row["kind"], points=built.points, point_kw=built.point_kw)
                rows[found["id"]] = found
    return _table(rows.values())


def _berths(inputs: Inputs, policy: Policy) -> gpd.GeoDataFrame:
    """Shore power at berths that a rule counts, or may count, and that are not known to have it."""
    rows: dict[str, dict[str, Any]] = {}
    for rule in _targets(policy, BerthShare):
        counts = berth_membership(inputs.berths, rule.berth)
        has = inputs.berths["shore_power"].astype("boolean")
        lacks = (counts != NO) & ~has.fillna(False) & inputs.berths["inside"].astype(bool)
        open_ = (counts == UNKNOWN) | has.isna()
        for row in _records(inputs.berths.assign(open=open_)[lacks]):
            found = [_action("shore_power", row, "berth", cost=row["retrofit_cost"])]
            found += [_action("survey", row, "berth")] if row["open"] else []
            rows |= {action["id"]: action for action in found}
    return _table(rows.values())


def _car_parks(inputs: Inputs, policy: Policy) -> gpd.GeoDataFrame:
    """Enough ready spaces in each car park that has too few for the rule on its own."""
    rows: dict[str, dict[str, Any]] = {}
    fleet = ev_share(inputs.own_counties)
    if fleet is None:
        return _table([])
    for rule in _targets(policy, ShareMargin):
        table, _ = parking_population(inputs.car_parks, rule)
        weighed = table["spaces"].astype("Float64").gt(0).fillna(False)
        for row in _records(inputs.car_parks.loc[table.index[weighed]]):
            least = wanted_spaces(int(row["spaces"]), fleet, rule)
            ready = 0 if pd.isna(row["ready_spaces"]) else int(row["ready_spaces"])
            found = [_action("ready_spaces", row, "car_park", spaces=least - ready)] if ready < least else []
            found += [_action("survey", row, "car_park")] if pd.isna(row["ready_spaces"]) else []
            rows |= {action["id"]: action for action in found}
    return _table(rows.values())


def _photovoltaics(inputs: Inputs, policy: Policy) -> gpd.GeoDataFrame:
    """As much as each place can carry, where a rule asks for it; surveys where nobody knows what is there."""
    rows: dict[str, dict[str, Any]] = {}
    for rule in _targets(policy, PvPotential):
        table = pv_table(inputs.facilities, rule)
        for row in _records(table[table["has"].notna() & (table["has"] != YES)]):
            found = [_action("survey", row, row["kind"])] if row["has"] == UNKNOWN else []
            if row["possible_kw"] > 0:
                found.append(
                    _action("photovoltaics", row, row["kind"], points=1, point_kw=row["possible_kw"])
                )
            rows |= {action["id"]: action for action in found}
    return _table(rows.values())


def wanted_spaces(spaces: int, fleet: float, rule: ShareMargin) -> int:
    """Ready spaces with which a car park meets the rule on its own; all of them if that is not enough."""
    return min(int(np.ceil(spaces * (fleet + (rule.target.value or 0.0)) - 1e-9)), spaces)


# -- carrying out ----------------------------------------------------------------------------------------


def carry_out(inputs: Inputs, actions: gpd.GeoDataFrame, policy: Policy) -> Inputs:
    """The inputs as they would be with these actions carried out; the assessment judges them like any other inputs.

    Parameters
    ----------
    inputs : Inputs
    actions : GeoDataFrame
        Rows of :func:`find_actions`, events among them: surveys are answered favourably, sites that open are open.
    policy : Policy
    """
    equipment = Equipment.of(policy)
    kind, target = actions["kind"], actions["target"]
    answered = set(target[kind == "survey"])
    built = actions[kind.isin(BUILDS) | (kind == "survey") & (actions["place"] == "site")]
    chargers = inputs.chargers.copy()
    opens = _opens(chargers) & chargers["site"].isin(set(target[kind == "opening"]))
    chargers.loc[opens | chargers["site"].isin(set(target[kind == "commission"])), "status"] = "operational"
    new = _new_chargers(built, equipment, inputs)
    facilities = inputs.facilities.copy()
    known = facilities["id"].isin(answered)
    known |= facilities["id"].isin(set(target[(kind == "shore_power") & (actions["place"] == VESSELS)]))
    for column in ("points", "fast_points"):
        facilities.loc[known, column] = equipment.hub.points
    facilities.loc[known, "point_kw"] = equipment.hub.point_kw
    # A favourable answer on photovoltaics: some are there; how much does not matter to a rule.
    panels = actions[kind.isin(["survey", "photovoltaics"])].drop_duplicates("target").set_index("target")
    kw = facilities["id"].map(panels["point_kw"].astype(float).fillna(1.0))
    facilities["pv_kw"] = facilities["pv_kw"].where(kw.isna() | (facilities["pv_kw"] > 0), kw)
    berths = inputs.berths.copy()
    berths.loc[berths["id"].isin(answered | set(target[kind == "shore_power"])), "shore_power"] = True
    parks = inputs.car_parks.copy()
    parks.loc[parks["id"].isin(answered) & parks["ready_spaces"].isna(), "ready_spaces"] = parks["spaces"]
    added = parks["id"].map(actions[kind == "ready_spaces"].set_index("target")["spaces"]).astype("Float64")
    ready = (parks["ready_spaces"].astype("Float64").fillna(0.0) + added).round().astype("Int64")
    parks["ready_spaces"] = parks["ready_spaces"].mask(added.notna(), ready)
    return replace(inputs.with_chargers(chargers, new), facilities=facilities, berths=berths, car_parks=parks)


def action_chargers(inputs: Inputs, actions: gpd.GeoDataFrame, policy: Policy) -> gpd.GeoDataFrame:
    """Chargers at the site of each action once it is carried out; ``action`` is its position in the table.

    Of a ``survey`` they are those that are there: what they turn out to be is not for this table to say.
    """
    equipment = Equipment.of(policy)
    built = actions[actions["kind"].isin(BUILDS)]
    added = as_table(_new_chargers(built, equipment, inputs), CHARGERS, source="proposed")
    added["action"] = np.flatnonzero(actions["kind"].isin(BUILDS))
    at_site = actions["kind"].isin(["upgrade", "commission", "opening", "survey"]) & (
        actions["place"] == "site"
    )
    sites = pd.DataFrame({"site": actions.loc[at_site, "target"], "action": np.flatnonzero(at_site)})
    old = inputs.chargers.merge(sites, on="site")
    event = actions["kind"].to_numpy(object)[old["action"].to_numpy(np.int64)]
    old.loc[(event == "commission") | ((event == "opening") & _opens(old)), "status"] = "operational"
    frames = [frame for frame in (added, old) if len(frame)]
    joined = pd.concat(frames, ignore_index=True) if frames else added
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)


def _new_chargers(actions: gpd.GeoDataFrame, equipment: Equipment, inputs: Inputs) -> list[dict[str, Any]]:
    """Rows of the chargers that actions build; at a facility they name it, at a site they have that site's operator."""
    sites, facilities = (
        table.drop_duplicates("id").set_index("id")[[*names]].to_dict("index")
        for table, names in (
            (inputs.sites, ("operator", "service_area", "side", "ref")),
            (inputs.facilities, ("side", "ref")),
        )
    )
    return [_charger(row, equipment, sites, facilities) for row in actions.itertuples()]


def _charger(
    row: Any, equipment: Equipment, sites: Mapping[Any, Any], facilities: Mapping[Any, Any]
) -> dict[str, Any]:
    """Row of the chargers that an action builds; what is known of sites and facilities by their ids."""
    built = equipment.for_kind(row.kind)
    if row.kind in ("new_site", "upgrade") and not pd.isna(row.points):
        built = replace(built, points=int(row.points))  # more where they are sized by traffic
    new_id = f"{PROPOSED}{row.id}"
    known = {"site": new_id, "operator": new_id, "service_area": None, "side": None, "ref": None}
    if row.kind in ("upgrade", "survey"):
        known |= {"site": row.target, **sites[row.target]}
        new_id = f"{row.target}+{row.kind}"
    elif (facility := _facility_id(row)) in facilities:
        known |= {"service_area": facility, **facilities[facility]}
    return built.charger(new_id, row.name, row.geometry) | known


def _facility_id(row: Any) -> str:
    """Id of the facility that an action is at: candidates are called ``kind-id``."""
    at_candidate = row.kind == "new_site" or row.kind in STATIONS
    return str(row.target).removeprefix(f"{row.place}-") if at_candidate else str(row.target)
