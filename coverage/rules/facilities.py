"""Facilities that must hold a charger: service areas by side and pair, hubs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic import model_validator
from sklearn.neighbors import BallTree

from ..inputs import qualify
from ..inputs.bundle import PROPOSED
from ..inputs.sites import exists
from ..settings import Share
from ..units import EARTH_RADIUS_M
from .finding import NO, TOLERANCE, UNKNOWN, YES, Finding, Measured, share_bounds
from .kind import Claim, RuleKind
from .model import Bilingual, Rule, SiteRequirement, as_tuple
from .rows import RuleRows, World, rule_rows


class FacilityShare(Rule):
    """Share of facilities that hold a qualifying site, per side or per pair.

    With ``charging_spaces_min`` it is instead the share of those where so large a part of the parking spaces for
    cars has charging, built or prepared (``charging_spaces / small_car_spaces``).
    """

    kind: Literal["facility_share"]
    facility: tuple[str, ...]
    unit: Literal["side", "pair"] = "side"
    include_parking_areas: bool = False
    site: SiteRequirement = SiteRequirement()
    charging_spaces_min: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _facility_list(cls, data: Any) -> Any:
        return as_tuple(data, "facility")

    @property
    def requirement(self) -> SiteRequirement | None:
        """What a site must have to count, where something is asked for."""
        return None if self.target.value is None else self.site

    @property
    def facility_kinds(self) -> frozenset[str]:
        """Kinds of facilities that the rule counts."""
        return frozenset((*self.facility, *(("parking_area",) if self.include_parking_areas else ())))


def assess_facilities(
    facilities: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame, rule: FacilityShare
) -> Finding:
    """Share of facilities that hold a qualifying charger; sides decide, pairs are reported (or the reverse).

    A pair has a charger if one of its sides has; ``pairs_both_sides`` counts those where every side has.
    Facilities that are planned, under construction or out of order are not in the share.
    """
    table = counted_facilities(facilities, rule)
    if rule.charging_spaces_min is None:
        table["has"], table["evidence"] = facility_status(facilities, chargers, rule)
    else:
        table["has"], table["evidence"] = spaces_status(table, rule.charging_spaces_min), ""
    table["pair"] = table["pair"].fillna(table["name"]).fillna(table["id"])
    pairs = table.groupby("pair", sort=True)["has"]
    any_side, all_sides = pairs.agg(_any), pairs.agg(_all)
    low, high, counts = share_bounds(any_side if rule.unit == "pair" else table["has"])
    sides, both = share_bounds(table["has"]), share_bounds(all_sides)
    one = share_bounds(any_side)
    order = table.groupby("pair")["has"].transform("size")
    # The column comes first: a frame without rows would take on the rows of what is assigned to it.
    survey = table.assign(_n=order)[table["has"] == UNKNOWN].sort_values(
        ["_n", "id"], ascending=[False, True]
    )
    figures = {
        "sides": len(table),
        "sides_low": sides[0],
        "sides_high": sides[1],
        "pairs": len(any_side),
        "pairs_low": one[0],
        "pairs_high": one[1],
        **{f"pairs_{key}": n for key, n in one[2].items()},
        "pairs_both_sides_low": both[0],
        "pairs_both_sides_high": both[1],
        **{f"pairs_both_sides_{key}": n for key, n in both[2].items()},
        "by_kind": _by_kind(table),
    }
    return Finding(
        rule,
        "share",
        low,
        high,
        counts=counts,
        figures=figures,
        table=pd.DataFrame(table.drop(columns="geometry")),
        survey=pd.DataFrame(survey.drop(columns=["geometry", "_n"])),
    )


def counted_facilities(facilities: gpd.GeoDataFrame, rule: FacilityShare) -> gpd.GeoDataFrame:
    """Facilities that a rule counts: of its kinds, in the region, and running."""
    return facilities[_counts(facilities, rule)].copy()


def _counts(facilities: gpd.GeoDataFrame, rule: FacilityShare) -> pd.Series:
    of_kind = facilities["kind"].isin(rule.facility_kinds)
    counted: pd.Series = of_kind & facilities["inside"].astype(bool) & exists(facilities)
    return counted


def chargers_at(
    facilities: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame, rule: FacilityShare
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (position among the facilities that a rule counts, position of charger) that belong together.

    A charger of a side that does not count, being built or outside the region, is none of the other side's.
    """
    of_kind = facilities[facilities["kind"].isin(rule.facility_kinds)]
    counted = _counts(of_kind, rule).to_numpy(bool)
    at, which = assign_chargers(of_kind, chargers, rule.site)
    return (np.cumsum(counted) - 1)[at[counted[at]]], which[counted[at]]


def facility_status(
    facilities: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame, rule: FacilityShare
) -> tuple[pd.Series, pd.Series]:
    """Whether each facility that a rule counts holds a qualifying charger, and by which evidence.

    Two sources are joined, and one "yes" is enough: the facility's own survey columns (``points``,
    ``fast_points``, ``point_kw``, ``surveyed``) and the chargers assigned to it. With neither the facility is
    ``unknown``: no survey is not a no.

    Returns
    -------
    (Series, Series)
        ``yes`` / ``unknown`` / ``no``, and ids of the chargers that were looked at, joined by spaces; both with
        the index of :func:`counted_facilities`.
    """
    table = counted_facilities(facilities, rule)
    at, which = chargers_at(facilities, chargers, rule)
    found = pd.Series("", index=table.index, dtype=object)
    evidence = pd.Series("", index=table.index, dtype=object)
    if len(which):
        members = chargers.iloc[which]
        ids = members["id"].astype(str).reset_index(drop=True)
        counts = (members["access"] != "restricted").fillna(True).to_numpy(bool) | (not rule.site.public_only)
        here = np.unique(at)
        has = qualify(
            pd.DataFrame({"id": here}), members[counts].assign(site=at[counts]), **rule.site.asked
        ).to_numpy(object)
        # A proposed site is no survey: it makes a yes, never a no.
        listed = (~ids.str.startswith(PROPOSED)).groupby(at).any().to_numpy(bool)
        found.iloc[here] = pd.Series(np.where((has == NO) & ~listed, "", has), dtype=object)
        evidence.iloc[here] = ids.groupby(at).agg(" ".join)
    return surveyed_status(table, found, rule.site), evidence


def surveyed_status(facilities: pd.DataFrame, found: pd.Series, requirement: SiteRequirement) -> pd.Series:
    """Status from each facility's own survey and from what the chargers at it come to (``""``: none is listed)."""
    own, nothing_listed = _own_survey(facilities, requirement), found == ""
    surveyed = facilities["surveyed"].astype("boolean").fillna(False).to_numpy(bool)
    yes = (own == YES) | (found == YES)
    # A list that shows only what does not qualify is a no, unless the survey knows of more, and so is a survey that
    # says nothing of chargers.
    silent = facilities[["points", "fast_points", "point_kw"]].isna().all(axis=1).to_numpy(bool)
    no = (own == NO) & ((found == NO) | nothing_listed) | (own == UNKNOWN) & silent & (found == NO)
    surveyed &= requirement.serves == "charging"
    no |= (own == UNKNOWN) & nothing_listed & surveyed & facilities["points"].isna().to_numpy(bool)
    return pd.Series(np.select([yes, no], [YES, NO], UNKNOWN), index=facilities.index, dtype=object)


def spaces_status(facilities: pd.DataFrame, least: float) -> pd.Series:
    """Whether so large a part of each facility's car spaces has charging; unknown where a number is missing."""
    spaces = facilities["small_car_spaces"].astype("Float64")
    share = facilities["charging_spaces"].astype("Float64") / spaces.mask(spaces <= 0)
    yes, no = ((share >= least - TOLERANCE).fillna(False), (share < least - TOLERANCE).fillna(False))
    status = np.select([yes.to_numpy(bool), no.to_numpy(bool)], [YES, NO], UNKNOWN)
    return pd.Series(status, index=facilities.index, dtype=object)


def _own_survey(facilities: pd.DataFrame, requirement: SiteRequirement) -> pd.Series:
    """Status from the facility's own columns alone, which speak of charge points only."""
    if requirement.serves != "charging":
        return pd.Series(UNKNOWN, index=facilities.index, dtype=object)
    points = facilities["points"].astype("Float64")
    fast = facilities["fast_points"].astype("Float64")
    power = facilities["point_kw"].astype("Float64")
    need = requirement.min_points
    if requirement.dc_min_kw == 0:
        yes = (points >= need) | (fast >= need)
        no = points < need
    else:
        strong = power >= requirement.dc_min_kw
        yes = (fast >= need) & strong
        no = (fast < need) | (points < need) | ~strong
    sure = [known.fillna(False).to_numpy(bool) for known in (yes, no)]
    enough = UNKNOWN if requirement.of_whole_site else YES
    return pd.Series(np.select(sure, [enough, NO], UNKNOWN), index=facilities.index, dtype=object)


def assign_chargers(
    facilities: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame, requirement: SiteRequirement
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (position of facility, position of charger) that belong together.

    A charger that names its service area (by name or id) belongs there, to the side it names. Any other belongs to the
    facilities within ``within_m`` in a straight line; with ``same_side`` only to the nearest of them, of those on the
    side that it names if there are any.
    """
    empty = np.empty(0, dtype=np.int64)
    if facilities.empty or chargers.empty:
        return empty, empty
    named_at, named, told = _by_name(facilities, chargers)
    free = np.setdiff1d(np.arange(len(chargers)), told if requirement.same_side else named)
    if not len(free):
        return named_at, named
    tree = BallTree(_radians(facilities), metric="haversine")
    near, _ = tree.query_radius(
        _radians(chargers.iloc[free]),
        requirement.within_m / EARTH_RADIUS_M,
        return_distance=True,
        sort_results=True,
    )
    if requirement.same_side:
        sides, wanted = (_side(table) for table in (facilities, chargers.iloc[free]))
        near = [
            n[np.argsort(sides[n] != side, kind="stable")][:1] for n, side in zip(near, wanted, strict=True)
        ]
    counts = np.array([len(n) for n in near])
    at = np.concatenate([*near, empty]).astype(np.int64)
    return np.concatenate([named_at, at]), np.concatenate([named, np.repeat(free, counts)])


def _side(table: pd.DataFrame) -> np.ndarray:
    return table["side"].fillna("").astype(str).to_numpy(object)


def _by_name(facilities: pd.DataFrame, chargers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of those that belong together by name, and the chargers that name any, of whichever side."""
    keyed = pd.DataFrame({"at": np.arange(len(facilities)), "side": _side(facilities)})
    keys = (
        pd.concat(
            [keyed.assign(key=facilities[c].astype("string").to_numpy()) for c in ("id", "name", "pair")]
        )
        .dropna(subset="key")
        .drop_duplicates(["at", "key"])
    )
    wanted = pd.DataFrame(
        {
            "charger": np.arange(len(chargers)),
            "key": chargers["service_area"].astype("string").to_numpy(),
            "wanted": _side(chargers),
        }
    ).dropna(subset="key")
    joined = wanted.merge(keys, on="key")
    told = joined["charger"].unique()
    joined = joined[(joined["wanted"] == "") | (joined["side"] == "") | (joined["wanted"] == joined["side"])]
    joined = joined.drop_duplicates(["charger", "at"]).sort_values(["charger", "at"])
    return joined["at"].to_numpy(np.int64), joined["charger"].to_numpy(np.int64), told


def _radians(points: gpd.GeoDataFrame) -> np.ndarray:
    found: np.ndarray = np.radians(np.column_stack([points.geometry.y, points.geometry.x]))
    return found


def _any(status: pd.Series) -> str:
    return YES if (status == YES).any() else UNKNOWN if (status == UNKNOWN).any() else NO


def _all(status: pd.Series) -> str:
    return NO if (status == NO).any() else UNKNOWN if (status == UNKNOWN).any() else YES


def _by_kind(table: pd.DataFrame) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for kind, group in table.groupby("kind", sort=True):
        low, high, counts = share_bounds(group["has"])
        rows.append({"kind": str(kind), "facilities": len(group), "low": low, "high": high, **counts})
    return rows


def facility_rows(world: World, rule: FacilityShare) -> RuleRows | None:
    """A row for each side (or pair) that is not known to hold what is asked."""
    inputs = world.context.inputs
    table = counted_facilities(inputs.facilities, rule)
    if rule.charging_spaces_min is not None or table.empty:
        return None
    has, _ = facility_status(inputs.facilities, inputs.chargers, rule)
    gives = world.gives(rule.site)
    at, which = chargers_at(inputs.facilities, world.chargers, rule)
    action = world.chargers["action"].to_numpy(np.int64)[which]
    members: dict[int, set[int]] = {k: set() for k in range(len(table))}
    for k, j in zip(at.tolist(), action.tolist(), strict=True):
        if gives[j]:
            members[k].add(j)
    surveys, shore = world.at("survey"), world.at("shore_power")
    for k, (name, kind, status) in enumerate(zip(table["id"], table["kind"], has, strict=True)):
        if kind == "vessel_service_area" and name in shore:
            members[k].add(shore[name])
        if status == UNKNOWN and name in surveys:
            members[k].add(surveys[name])
    pair = table["pair"].fillna(table["name"]).fillna(table["id"]).to_numpy(object)
    unit = pair if rule.unit == "pair" else table["id"].to_numpy(object)
    good = set(unit[(has == YES).to_numpy(bool)])
    first: dict[Any, int] = {}
    serving: dict[Any, set[int]] = {}
    for k, name in enumerate(unit):
        if name not in good:
            first.setdefault(name, k)
            serving.setdefault(name, set()).update(members[k])
    items = table.iloc[list(first.values())][["id", "name", "side", "ref"]].assign(weight=1.0)
    served, share = float(len(good)), rule.target.share_min or 1.0
    return rule_rows(
        rule,
        [sorted(actions) for actions in serving.values()],
        items,
        world,
        served=served,
        total=served + len(items),
        share=share,
    )


def _claims(row: Mapping[str, Any]) -> Iterator[Claim]:
    """Shares of sides from the evidence, where it has all of them."""
    has = [e["has"] for e in row["evidence"]]
    if row["figures"]["sides"] == len(has):
        for end, wanted in (("low", ("yes",)), ("high", ("yes", "unknown"))):
            share = sum(value in wanted for value in has) / len(has) if has else None
            yield f"sides_{end}", row["figures"][f"sides_{end}"], share


SIDES = Bilingual(zh="处设施（按侧）", en="facilities (each side by itself)")
PAIRS = Bilingual(zh="处设施（两侧合为一处）", en="facilities (both sides as one)")
KIND = RuleKind(
    "facility_share",
    FacilityShare,
    measure=lambda rule, context: Measured(
        assess_facilities(context.inputs.facilities, context.inputs.chargers, rule)
    ),
    rows=facility_rows,
    places=True,
    table=(("name", 50), ("kind", 40), ("ref", 18), ("side", 14), ("has", 20), ("evidence", 28)),
    sheet="service-areas",
    noun=lambda rule: PAIRS if rule.unit == "pair" else SIDES,
    names_lacking=True,
    claims=_claims,
)
