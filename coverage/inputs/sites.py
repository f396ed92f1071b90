"""Charge points -> charging sites (场站), and whether a site meets a requirement: yes, unknown or no.

Points within 100 m of each other belong to one site unless their operators are known and differ; so do
not points of different kinds (charging, battery swap, hydrogen), nor points of the two sides of a service
area, because a service area is a facility of one side of the road.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import Fault
from ..units import WGS84
from .frames import TEXT_DTYPE
from .names import side_in_name
from .overlap import plain
from .proximity import Pairs, is_crowd, near_links, near_pairs, nearest_between

SITE_REACH_M = 100.0
LIST = "_list"
"""Column that names the list of a row while lists are joined, and its site if it is of a run; empty where it may join
any other."""
AC_MAX_KW = 44.0
"""No AC charge point gives more: 63 A on three phases are 43.5 kW (IEC 62196-2; GB/T 20234.2). A point of
more than this whose current is not stated is therefore DC."""

YES, UNKNOWN, NO = "yes", "unknown", "no"
IntArray = npt.NDArray[np.int64]


# -- grouping --------------------------------------------------------------------------------------------


def group_sites(
    chargers: gpd.GeoDataFrame, reach_m: float = SITE_REACH_M
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Group chargers into charging sites by single linkage.

    Chargers without an operator link among each other and then join, as a group, the operator's site with
    the nearest charger; they never join two operators into one. Ties go to the smaller id.

    Parameters
    ----------
    chargers : GeoDataFrame
        Table of the schema ``chargers``, EPSG:4326, unique ids. Further columns are kept.
    reach_m : float
        Geodesic distance up to which points belong together.

    Returns
    -------
    chargers : GeoDataFrame
        The same rows with a column ``site``: the evidence of what a site consists of.
    sites : GeoDataFrame
        One row per site, sorted by id, with a fresh index. ``id`` is the smallest charger id in it,
        ``geometry`` the charger nearest to the middle. ``name``, ``operator``, ``side``, ``service_area``,
        ``ref``, ``county``, ``access``: the first that is known, by id, of chargers that exist, then of the
        others. ``status``: ``operational`` if a charger is said to be, missing if one exists and none
        is said to be, else the status of the first.
        ``n_chargers``; ``points`` and ``pool_kw``: sums over what exists, missing if one of the terms is;
        ``point_kw``: the strongest that is known; ``current``: ``dc`` if one is, ``ac`` if all are.
        ``members``: ids, joined by spaces.
    """
    labels = site_labels(chargers, reach_m)
    ids = chargers["id"].astype(str).to_numpy(dtype=object)
    order = np.lexsort((ids, labels))
    groups, first = np.unique(labels[order], return_index=True)
    named = ids[order][first][np.searchsorted(groups, labels)]
    members = chargers.assign(site=pd.Series(named, index=chargers.index, dtype=TEXT_DTYPE))
    return members, site_table(members)


def site_labels(chargers: gpd.GeoDataFrame, reach_m: float = SITE_REACH_M) -> IntArray:
    """(n,) label of the site of each charger.

    Lists name every pile of a station, all at one point: rows alike in place and in what keeps chargers apart
    are looked at once, as the one with the smallest id.
    """
    if chargers.empty:
        return np.empty(0, dtype=np.int64)
    ids = chargers["id"].astype(str).to_numpy()
    alike = pd.DataFrame(dict(enumerate([*_separators(chargers), _known(chargers["operator"])])))
    alike["x"], alike["y"] = chargers.geometry.x.to_numpy(), chargers.geometry.y.to_numpy()
    kinds = alike.groupby(list(alike.columns), sort=False).ngroup().to_numpy()
    order = np.lexsort((ids, kinds))
    one = order[np.unique(kinds[order], return_index=True)[1]]
    return _linked(chargers.iloc[one], reach_m)[kinds]


def _linked(chargers: gpd.GeoDataFrame, reach_m: float) -> IntArray:
    """(n,) label of the site of each charger, from the pairs that are near."""
    if is_crowd(chargers.geometry, reach_m):
        i, j, distance_m = _crowd_links(chargers, reach_m)
    else:
        i, j, distance_m = near_pairs(chargers.geometry, reach_m, few=True)
    apart = np.zeros(len(i), dtype=bool)
    for keys in _separators(chargers):
        apart |= (keys[i] != keys[j]) & (keys[i] != "") & (keys[j] != "")
    i, j, distance_m = i[~apart], j[~apart], distance_m[~apart]
    operator = _known(chargers["operator"])
    same = (operator[i] == "") == (operator[j] == "")
    labels = _components(len(chargers), i[same], j[same])
    return _attach(
        labels, i[~same], j[~same], distance_m[~same], operator, chargers["id"].astype(str).to_numpy()
    )


def _crowd_links(chargers: gpd.GeoDataFrame, reach_m: float) -> Pairs:
    """As few pairs as link the same chargers, where there are too many: those of one operator, and of none, apart.

    Chargers of one operator and kind whose sides (and lists) are the same or unknown may all be linked with each
    other. Of those without an operator each looks for the nearest few that have one.
    """
    operator, kind, *others = _separators(chargers)
    known = _known(chargers["operator"]) != ""
    block = pd.DataFrame({"o": operator, "k": kind, "known": known}).groupby(["o", "k", "known"]).ngroup()
    order = np.argsort(block.to_numpy(), kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(block.to_numpy()[order])) + 1)
    points = chargers.geometry
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for rows in (rows for rows in groups if len(rows) > 1):
        for some in _compatible(rows, others):
            i, j, distance_m = near_links(points.iloc[some], reach_m)
            found.append((some[i], some[j], distance_m))
    for one in np.unique(kind[~known]):
        rows = np.flatnonzero(kind == one)
        for some in _compatible(rows, others):
            nameless, named = some[~known[some]], some[known[some]]
            if len(nameless) and len(named):
                i, j, distance_m = nearest_between(points.iloc[nameless], points.iloc[named], reach_m)
                found.append((nameless[i], named[j], distance_m))
    i, j, distance_m = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, distance_m


def _compatible(rows: IntArray, keys: Sequence[npt.NDArray[np.object_]]) -> list[IntArray]:
    """Largest sets of rows of which no two have different known values in any of the columns."""
    sets = [rows]
    for column in keys:
        sets = [
            some[(column[some] == value) | (column[some] == "")]
            for some in sets
            for value in (set(column[some]) - {""} or {""})
        ]
    return sets


def _separators(chargers: pd.DataFrame) -> list[npt.NDArray[np.object_]]:
    """Columns in which two known and different values keep chargers apart; how an operator is spelt does not.

    The side of a service area stands in its own column, or in the name (``白关服务区A区``). Lists that were joined
    (:mod:`plugspan.inputs.fusion`) stay apart, so that what two lists say of one place is never added up.
    """
    kind = _known(chargers["kind"])
    kind[kind == ""] = "charging"
    code, names = pd.factorize(chargers["name"])
    named = np.array([*(side_in_name(str(name)) for name in names), ""], dtype=object)[code]
    side = np.where(_known(chargers["service_area"]) == "", named, _known(chargers["side"]))
    code, names = pd.factorize(chargers["operator"])
    operator = np.array([*(plain(name) for name in names), ""], dtype=object)[code]
    lists = [_known(chargers[LIST])] if LIST in chargers else []
    return [operator, kind, side, *lists]


def _known(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return the column as text, "" where it is missing."""
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)


def _components(n: int, i: IntArray, j: IntArray) -> IntArray:
    links = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _attach(
    labels: IntArray,
    i: IntArray,
    j: IntArray,
    distance_m: npt.NDArray[np.float64],
    operator: npt.NDArray[np.object_],
    ids: npt.NDArray[Any],
) -> IntArray:
    """Let each group without an operator join the group of the nearest charger that has one."""
    swap = operator[i] != ""
    unnamed, named = np.where(swap, j, i), np.where(swap, i, j)
    order = np.lexsort((ids[named], np.round(distance_m, 3), labels[unnamed]))
    groups, first = np.unique(labels[unnamed][order], return_index=True)
    target = dict(zip(groups.tolist(), labels[named][order][first].tolist(), strict=True))
    return np.array([target.get(label, label) for label in labels.tolist()], dtype=np.int64)


# -- what a site is --------------------------------------------------------------------------------------

_FIRST_KNOWN = ("name", "operator", "side", "service_area", "ref", "county", "access")


def exists(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(n,) whether each charger, site, facility or car park exists: its status is operational, or not stated."""
    status = table["status"]
    return (status.isna() | (status == "operational")).to_numpy(dtype=bool)


def site_table(members: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One row per site of chargers that name theirs in ``site``; see :func:`group_sites`."""
    here = exists(members)
    order = np.lexsort((members["id"].astype(str).to_numpy(), ~here, members["site"].astype(str).to_numpy()))
    ranked, here = members.iloc[order].reset_index(drop=True), here[order]
    sites = ranked.groupby("site", sort=True)
    table = sites[[*_FIRST_KNOWN, "kind", "status"]].first()
    table["kind"] = table["kind"].fillna("charging")
    ever = pd.Series(here).groupby(ranked["site"]).any()
    # Chargers that exist stand first: another status than "operational" is that of one that doesn't, and nobody said.
    table["status"] = table["status"].where(~ever | (table["status"] == "operational").fillna(False))
    living = ranked[here]
    table["current"] = _current(living).reindex(table.index)
    table["members"] = _joined(ranked["id"], ranked["site"]).reindex(table.index)
    table = table.astype(dict.fromkeys(table.columns, TEXT_DTYPE))
    table["n_chargers"] = sites.size().astype("int64")
    table["points"] = _sum_if_known(living["points"], living["site"]).reindex(table.index).astype("Int64")
    strongest = living.groupby("site")["point_kw"].max()
    table["point_kw"] = strongest.reindex(table.index).astype("float64")
    rated = _sum_if_known(rated_kw(living), living["site"]).reindex(table.index)
    table["pool_kw"] = rated.to_numpy(dtype=float, na_value=np.nan)
    shapes = ranked.geometry.to_numpy()[_middles(ranked)]
    return gpd.GeoDataFrame(table.rename_axis("id").reset_index(), geometry=shapes, crs=WGS84)


def as_they_will_be(sites: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Sites with, where none of their chargers is in operation, the points and the power that they will have.

    Parameters
    ----------
    sites, chargers : GeoDataFrame
        As :func:`group_sites` returns them. ``status`` goes on saying that such a site is not in operation.
    """
    waiting = (sites["status"] != "operational").fillna(False).to_numpy(bool)
    if not waiting.any():
        return sites
    members = chargers[chargers["site"].isin(sites.loc[waiting, "id"])]
    then = site_table(members.assign(status="operational")).set_index("id")
    shown = sites.copy()
    for column in ("points", "point_kw", "pool_kw", "current"):
        shown.loc[waiting, column] = then[column].reindex(sites.loc[waiting, "id"]).to_numpy()
    return shown


def rated_kw(chargers: pd.DataFrame) -> pd.Series[Any]:
    """Power of each row: ``pool_kw``, else points × power of a point; missing if neither is known."""
    product = chargers["points"].astype("Float64") * chargers["point_kw"].astype("Float64")
    return chargers["pool_kw"].astype("Float64").fillna(product)


def _joined(ids: pd.Series[Any], site: pd.Series[Any]) -> pd.Series[Any]:
    """Ids of each site in their order, with a space between."""
    found = pd.DataFrame({"id": ids.astype(str), "site": site}).sort_values(["site", "id"], kind="stable")
    several = found["site"].duplicated(keep=False)
    lone, crowd = found[~several], found[several]
    parts = [lone.set_index("site")["id"], crowd.groupby("site")["id"].agg(" ".join)]
    return pd.concat([part for part in parts if len(part)]) if len(found) else parts[0]


def _sum_if_known(column: pd.Series[Any], site: pd.Series[Any]) -> pd.Series[Any]:
    """Sum by site, missing where one of the terms is."""
    total = column.astype("Float64").groupby(site).sum()
    return total.mask(column.isna().groupby(site).any())


def _current(living: pd.DataFrame) -> pd.Series[Any]:
    direct = pd.DataFrame({"yes": is_dc(living) == YES, "no": is_dc(living) == NO})
    by_site = direct.groupby(living["site"].to_numpy())
    some, none = by_site["yes"].any(), by_site["no"].all()
    return pd.Series(np.select([some, none], ["dc", "ac"], ""), index=some.index).replace("", None)


def _middles(ranked: gpd.GeoDataFrame) -> IntArray:
    """Position of the charger nearest to the mean of its site, by site in order of their ids; ties by id."""
    place = pd.DataFrame({"x": ranked.geometry.x, "y": ranked.geometry.y})
    mean = place.groupby(ranked["site"]).transform("mean")
    off = np.hypot((place["x"] - mean["x"]) * np.cos(np.radians(mean["y"])), place["y"] - mean["y"])
    site = ranked["site"].astype(str).to_numpy()
    order = np.lexsort((ranked["id"].astype(str).to_numpy(), np.round(off.to_numpy(), 9), site))
    return order[np.unique(site[order], return_index=True)[1]]


# -- does it meet a requirement? -------------------------------------------------------------------------


def is_dc(chargers: pd.DataFrame) -> npt.NDArray[np.object_]:
    """(n,) ``yes``, ``unknown`` or ``no``: does the row hold a DC point? See :data:`AC_MAX_KW`."""
    current = chargers["current"]
    strong = (chargers["point_kw"].astype("Float64") > AC_MAX_KW).fillna(False).to_numpy(dtype=bool)
    some = (chargers["dc_points"].astype("Float64") > 0).fillna(False).to_numpy(dtype=bool)
    none = (chargers["dc_points"].astype("Float64") == 0).fillna(False).to_numpy(dtype=bool)
    blank = current.isna().to_numpy(dtype=bool)
    yes = (current == "dc").to_numpy(dtype=bool) | some | (blank & ~none & strong)
    no = ~yes & ((current == "ac").to_numpy(dtype=bool) | none)
    return np.select([yes, no], [YES, NO], UNKNOWN).astype(object)


def count_points(
    chargers: pd.DataFrame,
    dc_min_kw: float,
    *,
    serves: str = "charging",
    connectors: Sequence[str] = (),
    open_24h: bool = False,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(n,) least and most charge points of each row that meet ``dc_min_kw``.

    A row that exists and does not say how many points it has holds one at least and any number at most. With
    ``dc_min_kw`` 0 any point of a row counts; else DC points of that power or more. What is not stated
    (current, power) widens the interval. Rows that don't exist (planned, under construction, out of order)
    and those of another kind than ``serves`` hold none; nor do those without one of the ``connectors`` (parts of
    a plug's name, in any spelling), or, with ``open_24h``, those that close.
    """
    points = chargers["points"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    least, most = np.where(np.isnan(points), 1.0, points), np.where(np.isnan(points), np.inf, points)
    counts = exists(chargers) & (chargers["kind"].fillna("charging") == serves).to_numpy(bool)
    least, most = np.where(counts, least, 0.0), np.where(counts, most, 0.0)
    for said in ([_plug(chargers, connectors)] if connectors else []) + (
        [chargers["open_24h"]] if open_24h else []
    ):
        fits = said.astype("boolean")
        least = np.where(fits.fillna(False).to_numpy(bool), least, 0.0)
        most = np.where(fits.fillna(True).to_numpy(bool), most, 0.0)
    if dc_min_kw <= 0:
        return least, most
    direct, power = is_dc(chargers), chargers["point_kw"].to_numpy(dtype=float)
    of_dc = chargers["dc_points"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    some = ~np.isnan(of_dc)
    least, most = (
        np.where(some, np.minimum(least, of_dc), least),
        np.where(some, np.minimum(most, of_dc), most),
    )
    sure = (direct == YES) & (power >= dc_min_kw)
    possible = (direct != NO) & ~(power < dc_min_kw)
    return np.where(sure, least, 0.0), np.where(possible, most, 0.0)


def _plug(chargers: pd.DataFrame, connectors: Sequence[str]) -> pd.Series[Any]:
    """Whether each row has one of the plugs; missing if it does not say."""
    wanted = [plain(name) for name in connectors]
    found = [any(name in plain(cell) for name in wanted) for cell in chargers["connector"]]
    fits: pd.Series[Any] = pd.Series(found, index=chargers.index, dtype="boolean")
    return fits.mask(chargers["connector"].isna())


def qualify_points(
    chargers: pd.DataFrame, dc_min_kw: float, min_points: int, serves: str = "charging"
) -> str:
    """Say whether these chargers, taken as one site, meet the requirement: ``yes``, ``unknown``, ``no``.

    Parameters
    ----------
    chargers : DataFrame
        Rows of the schema ``chargers``.
    dc_min_kw : float
        Power one DC point must reach; 0 if any charge point counts, AC included.
    min_points : int
        How many such points there must be.
    serves : str
        ``kind`` of the rows that count.
    """
    least, most = count_points(chargers, dc_min_kw, serves=serves)
    return YES if least.sum() >= min_points else UNKNOWN if most.sum() >= min_points else NO


def qualify(
    sites: pd.DataFrame,
    chargers: pd.DataFrame,
    *,
    serves: str = "charging",
    dc_min_kw: float = 0.0,
    min_points: int = 1,
    pool_min_kw: float = 0.0,
    connectors: Sequence[str] = (),
    open_24h: bool = False,
) -> pd.Series[Any]:
    """Whether each site meets a requirement: ``yes``, ``unknown`` or ``no``.

    Parameters
    ----------
    sites, chargers : DataFrame
        As :func:`group_sites` returns them.
    serves, dc_min_kw, min_points
        See :func:`qualify_points`.
    pool_min_kw : float
        Power that the site must be able to give at the same time ("power output" in AFIR). Where a row does
        not state it, it lies between the power of one point and the sum of all.
    connectors, open_24h
        See :func:`count_points`.

    Returns
    -------
    Series of str
        With the index of ``sites``.
    """
    least, most = count_points(chargers, dc_min_kw, serves=serves, connectors=connectors, open_24h=open_24h)
    pool_low, pool_high = _pool_bounds(chargers)
    sums = pd.DataFrame({"least": least, "most": most, "low": pool_low, "high": pool_high})
    sums = sums.groupby(chargers["site"].to_numpy()).sum().reindex(sites["id"], fill_value=0.0)
    yes = (sums["least"] >= min_points) & (sums["low"] >= pool_min_kw)
    possible = (sums["most"] >= min_points) & (sums["high"] >= pool_min_kw)
    answer = np.select([yes, possible], [YES, UNKNOWN], NO)
    status: pd.Series[Any] = pd.Series(answer, index=sites.index, dtype=TEXT_DTYPE)
    return status


def _pool_bounds(chargers: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    pool, power = chargers["pool_kw"].to_numpy(dtype=float), chargers["point_kw"].to_numpy(dtype=float)
    _, most = count_points(chargers, 0.0)
    counted = most > 0
    with np.errstate(invalid="ignore"):
        product = np.where(np.isnan(power), np.inf, most * power)
    low = np.where(np.isnan(pool), np.where(np.isnan(power), 0.0, power), pool)
    high = np.where(np.isnan(pool), product, pool)
    return np.where(counted, low, 0.0), np.where(counted, high, 0.0)


def charger_faults(chargers: pd.DataFrame) -> list[Fault]:
    """Warn of what contradicts itself: an AC point stronger than AC can be."""
    power = chargers["point_kw"].to_numpy(dtype=float)
    odd = (chargers["current"] == "ac").to_numpy(dtype=bool) & (power > AC_MAX_KW)
    files, rows = chargers["source"].astype(str).to_list(), chargers["source_row"].to_list()
    return [
        Fault("ac-strong", file=files[i], row=rows[i], value=float(power[i]), warning=True)
        for i in np.flatnonzero(odd).tolist()
    ]
