"""How likely two sites of different lists are one: what is compared, and the model that weighs it.

The model is a logistic regression on a few features that people can check. Its weights stand in
``same_site.toml``; they were trained on labelled pairs (``benchmarks/same_site_pairs.py``): nothing is trained while
plugspan runs.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from ..units import GEOD
from .names import (
    DIFFERS,
    SAME,
    SiteName,
    alike,
    joined,
    operator_key,
    same_operator,
    sides_differ,
    site_name,
)
from .proximity import on_ball
from .sites import site_labels

REACH_M = 300.0
"""Sites further apart are never one, whatever their names say."""
NEIGHBOURS = 8
"""So many nearest sites of another list are compared with each: it bounds the pairs wherever sites crowd."""
_AT_ONE_POINT = 6
"""So many sites of a list at exactly one point are compared."""
Duplicates = Literal["merge", "add", "ask"]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ListRules:
    """How a list is joined with others: what happens to sites that others have, and how far it is trusted."""

    duplicates: Duplicates = "merge"
    trust: int = 0
    as_of: dt.date | None = None


@dataclass
class ListedSites:
    """Sites of all lists as they are compared, one entry each."""

    list_of: IntArray
    lon: FloatArray
    lat: FloatArray
    kind: list[str]
    operator: list[str]
    name: list[SiteName]
    points: FloatArray
    power: FloatArray
    plugs: list[frozenset[str]]
    ids: list[frozenset[str]]
    rows: list[IntArray]


# -- the model -------------------------------------------------------------------------------------------


@cache
def model() -> tuple[tuple[str, ...], FloatArray, float, float]:
    """Names of the features, their weights, the constant, and the score from which two sites are one."""
    data = tomllib.loads(resources.files(__package__).joinpath("same_site.toml").read_text("utf-8"))
    weights: Mapping[str, float] = data["weights"]
    return (
        tuple(weights),
        np.array(list(weights.values()), float),
        float(data["constant"]),
        float(data["threshold"]),
    )


FEATURES = (
    "distance", "close", "name_alike", "name_equal", "name_identical", "name_contained", "name_differs",
    "numbers_differ", "operator_same", "operator_differs", "operator_differs_apart", "operator_differs_name",
    "points_equal", "points_differ", "power_equal", "power_differs", "plugs_differ", "id_equal",
)  # fmt: skip


def features(sites: ListedSites, i: IntArray, j: IntArray, distance_m: FloatArray) -> FloatArray:
    """(n, features) of pairs of sites, in the order of :data:`FEATURES`; see ``same_site.toml`` for what each is."""
    found = np.zeros((len(i), len(FEATURES)))
    if not len(i):
        return found
    names = _by_pair(sites.name, i, j, _name_features)
    operators = _by_pair(sites.operator, i, j, lambda a, b: (same_operator(a, b),))[:, 0]
    same, differs = (operators == SAME).astype(float), (operators == DIFFERS).astype(float)
    apart = np.minimum(distance_m / 25.0, 1.0)
    points_equal, points_differ = _compared(sites.points[i], sites.points[j])
    power_equal, power_differs = _compared(sites.power[i], sites.power[j])
    plugs = _by_pair(sites.plugs, i, j, lambda a, b: (float(bool(a and b and not a & b)),))[:, 0]
    ids = _by_pair(sites.ids, i, j, lambda a, b: (float(bool(a & b)),))[:, 0]
    found[:, :2] = np.column_stack([distance_m / 100.0, np.exp(-distance_m / 20.0)])
    found[:, 2:8] = names
    found[:, 8:12] = np.column_stack([same, differs, differs * apart, differs * names[:, 0]])
    found[:, 12:16] = np.column_stack([points_equal, points_differ, power_equal, power_differs])
    found[:, 16:] = np.column_stack([plugs, ids])
    return found


def _by_pair(values: Sequence[Any], i: IntArray, j: IntArray, compare: Any) -> FloatArray:
    """Compare values by pairs, each pair of different values once."""
    codes, kinds = pd.factorize(pd.Series(list(values), dtype=object))
    pairs, back = np.unique(np.column_stack([codes[i], codes[j]]), axis=0, return_inverse=True)
    seen = [compare(kinds[a], kinds[b]) for a, b in pairs.tolist()]
    return np.array(seen, dtype=float).reshape(len(pairs), -1)[back.ravel()]


def _name_features(a: SiteName, b: SiteName) -> tuple[float, ...]:
    both = bool(a.stem and b.stem)
    how = alike(a.stem, b.stem)
    equal = (both and a.stem == b.stem) or bool(a.whole and a.whole == b.whole)
    short, long = sorted((a.stem, b.stem), key=len)
    contained = both and not equal and len(short) >= 2 and short in long
    left, right = set(a.numbers), set(b.numbers)
    return (
        1.0 if equal else how,
        float(equal),
        float(bool(a.whole) and a.whole == b.whole),
        float(contained),
        float(both and how < 0.3 and not contained),
        float(not (left <= right or right <= left)),
    )


def _compared(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Whether two known figures are equal, and how far they are from it (0 to 1)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(np.log(a) - np.log(b))
    known = np.isfinite(ratio)
    return (known & (ratio < 0.02)).astype(float), np.where(known, np.minimum(ratio, 1.0), 0.0)


def scores(found: FloatArray) -> FloatArray:
    """(n,) how likely pairs with these features are one site, 0 to 1."""
    _, weights, constant, _ = model()
    return np.asarray(1.0 / (1.0 + np.exp(-(found @ weights + constant))))


# -- what is compared ------------------------------------------------------------------------------------


def describe_sites(tables: Sequence[gpd.GeoDataFrame]) -> ListedSites:
    """Group each list into its sites, and say of each what is compared; rows count through all lists."""
    parts, start, label = [], 0, 0
    for at, table in enumerate(tables):
        known = table.geometry.notna().to_numpy()
        placed = np.flatnonzero(known)
        own = site_labels(table.iloc[placed]) if "connector" in table else np.arange(len(placed))
        parts.append(pd.DataFrame({"row": placed, "at": placed + start, "label": own + label, "list": at}))
        start, label = start + len(table), label + (int(own.max()) + 1 if len(own) else 0)
    rows = pd.concat(parts, ignore_index=True)
    joint = pd.concat([t.iloc[p["row"]] for t, p in zip(tables, parts, strict=True)], ignore_index=True)
    joint = pd.DataFrame(joint).assign(
        _x=np.concatenate([t.geometry.iloc[p["row"]].x for t, p in zip(tables, parts, strict=True)]),
        _y=np.concatenate([t.geometry.iloc[p["row"]].y for t, p in zip(tables, parts, strict=True)]),
    )
    label_of = rows["label"].to_numpy()
    by = joint.groupby(label_of, sort=True)
    first = by[[c for c in ("name", "operator", "side", "kind", "service_area") if c in joint]].first()
    points = joint["points"].astype("Float64")
    total = points.groupby(label_of).sum().mask(points.isna().groupby(label_of).any())
    operators = [operator_key(str(v)) if pd.notna(v) else "" for v in first["operator"]]
    said = first["name"].fillna(first["service_area"]) if "service_area" in first else first["name"]
    names = [
        site_name("" if pd.isna(n) else str(n), o, "" if pd.isna(s) else str(s))
        for n, o, s in zip(said, operators, first["side"], strict=True)
    ]
    plugs = (
        _sets(joint["connector"], label_of, _plugs) if "connector" in joint else [frozenset()] * len(first)
    )
    order = np.argsort(label_of, kind="stable")
    cuts = np.flatnonzero(np.diff(label_of[order])) + 1
    return ListedSites(
        rows["list"].groupby(label_of).first().to_numpy(np.int64),
        by["_x"].mean().to_numpy(float),
        by["_y"].mean().to_numpy(float),
        first["kind"].fillna("charging").astype(str).tolist(),
        operators,
        names,
        total.to_numpy(float, na_value=np.nan).astype(np.float64),
        by["point_kw"].max().to_numpy(float),
        plugs,
        _sets(joint["id"], label_of, _telling_id),
        np.split(rows["at"].to_numpy(np.int64)[order], cuts),
    )


def _sets(column: pd.Series[Any], labels: IntArray, parts: Any) -> list[frozenset[str]]:
    """What the cells of each site name, taken apart."""
    found: list[frozenset[str]] = [frozenset()] * (int(labels.max()) + 1 if len(labels) else 0)
    for label, cell in zip(
        labels.tolist(), column.astype(object).where(column.notna(), None).tolist(), strict=True
    ):
        if cell is not None and (more := parts(cell)):
            found[label] = found[label] | more if found[label] else more
    return found


@cache
def _plugs(cell: str) -> frozenset[str]:
    return frozenset(
        filter(None, (joined(part.casefold()) for part in str(cell).replace("/", ",").split(",")))
    )


def _telling_id(cell: Any) -> frozenset[str]:
    """An id that two lists don't give by accident: not a short number, not one made of file and row."""
    word = joined(str(cell).casefold())
    return frozenset([word]) if len(word) >= 6 else frozenset()


def candidate_pairs(sites: ListedSites, lists: Sequence[ListRules]) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs i < j of sites of different lists within :data:`REACH_M`: of each the nearest few in every other list."""
    ball = on_ball(sites.lon, sites.lat)
    places = {}
    for at, rules in enumerate(lists):
        own = np.flatnonzero(sites.list_of == at)
        if rules.duplicates != "add" and len(own):
            place, back = np.unique(ball[own], axis=0, return_inverse=True)
            order = np.argsort(back.ravel(), kind="stable")
            start = np.searchsorted(back.ravel()[order], np.arange(len(place) + 1))
            places[at] = (own, cKDTree(place), own[order], start)
    found = [np.empty((0, 2), np.int64)]
    for a, (own, *_) in places.items():
        for b, (_, tree, members, start) in places.items():
            if a == b:
                continue
            _, near = tree.query(ball[own], k=min(NEIGHBOURS, tree.n), distance_upper_bound=REACH_M * 1.01)
            near = near.reshape(len(own), -1)
            i, k = np.nonzero(near < tree.n)
            spots = near[i, k]
            for step in range(_AT_ONE_POINT):
                there = start[spots] + step < start[spots + 1]
                pair = np.column_stack([own[i[there]], members[start[spots[there]] + step]])
                found.append(np.sort(pair, axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    i, j = pairs[:, 0], pairs[:, 1]
    distance_m = np.asarray(GEOD.inv(sites.lon[i], sites.lat[i], sites.lon[j], sites.lat[j])[2], float)
    kinds = np.asarray(pd.factorize(pd.Series(sites.kind, dtype=object))[0])
    keep = (distance_m <= REACH_M) & (kinds[i] == kinds[j])
    i, j, distance_m = i[keep], j[keep], distance_m[keep]
    if not len(i):
        return i, j, distance_m
    keep = _by_pair(sites.name, i, j, lambda a, b: (float(sides_differ(a, b)),))[:, 0] == 0
    return i[keep], j[keep], distance_m[keep]
