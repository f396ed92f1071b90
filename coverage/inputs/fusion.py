"""Fusion of lists (场站融合): one site from several lists, with score, reason and the way back.

Each list is grouped into its own sites; sites of two lists that are likely one (:mod:`plugspan.inputs.same_site`) are
joined, the likeliest first, and no site takes two of one list. Of a joined site the rows of the most trusted list stay;
what they don't know is taken from the others, and what the others say differently is kept in ``provenance``. Points of
several lists are never added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import Diagnostics, Fault, InputError
from ..schema import TableSchema
from .columns import ID as _ID
from .frames import as_series, combine_tables
from .from_osm import SOURCE as OSM
from .headers import listed
from .ledger import Merge
from .overlap import MEASURES
from .same_site import (
    FEATURES,
    FloatArray,
    IntArray,
    ListedSites,
    ListRules,
    candidate_pairs,
    describe_sites,
    features,
    model,
    scores,
)  # fmt: skip
from .sites import LIST

_OWN = frozenset(["id", "provenance", "note", "source", "source_row", "geometry", "kind", LIST])
_SHOWN = (
    "name",
    "operator",
    "status",
    "access",
    "side",
    "points",
    "dc_points",
    "point_kw",
    "pool_kw",
    "current",
)
"""Facts of a list that lost, as ``provenance`` keeps them."""
_EXAMPLES = 8
FUSED = ("chargers", "facilities")
"""Tables whose lists are joined."""


@dataclass(frozen=True)
class Decisions:
    """What people decided: pairs of ids that are one site, and pairs that are not."""

    same: tuple[tuple[str, str], ...] = ()
    different: tuple[tuple[str, str], ...] = ()


def fuse(
    tables: Sequence[gpd.GeoDataFrame],
    rules: Sequence[ListRules],
    schema: TableSchema,
    notes: Diagnostics,
    decisions: Decisions | None = None,
) -> tuple[gpd.GeoDataFrame, list[Merge]]:
    """Join lists of chargers or facilities.

    Parameters
    ----------
    tables : sequence of GeoDataFrame
        Of one schema, EPSG:4326, each with unique ids.
    rules : sequence of ListRules
        How each is joined. Trust goes by ``trust`` (higher first), then ``as_of`` (younger first, none last), then
        the order here.
    schema : TableSchema
        ``CHARGERS`` or ``FACILITIES``.
    notes : Diagnostics
        Takes up: equal ids, what was joined.
    decisions : Decisions, optional
        Stronger than every score.

    Returns
    -------
    table : GeoDataFrame
        All rows that stay. Its column ``_list`` keeps sites of different lists apart in
        :func:`plugspan.inputs.group_sites`.
    merges : list of Merge
        What was joined, sorted by ``into`` and ``id``.

    Raises
    ------
    InputError
        Of a list with ``duplicates = "ask"``: every pair that nobody has decided.
    """
    decisions = decisions or Decisions()
    tables = distinct_ids(tables, notes)
    table = combine_tables(tables, schema)
    filled = [at for at, one in enumerate(tables) if len(one)]
    lists = np.repeat(filled, [len(tables[at]) for at in filled]).astype(np.int64)
    joins = [at for at in filled if rules[at].duplicates != "add"]
    if len(joins) < 2:
        return table, []
    names = pd.Series([f"{at}" if at in joins else "" for at in lists], index=table.index, dtype=object)
    names += table[LIST].fillna("") if LIST in table else ""  # sites of a run stay what they are
    table = gpd.GeoDataFrame(table.assign(**{LIST: names}), geometry="geometry", crs=table.crs)
    own = [rules[at] for at in filled]
    sites = describe_sites([tables[at] for at in filled])
    i, j, distance_m = candidate_pairs(sites, own)
    found = features(sites, i, j, distance_m)
    score = scores(found)
    pairs = _Pairs(i, j, distance_m, found, score)
    pairs = _decided(pairs, sites, table["id"].astype(str).to_numpy(), decisions)
    pairs = pairs.at(np.flatnonzero(pairs.score >= model()[3]))
    asked = [pair for pair in range(len(pairs.i)) if _is_open(pairs, pair, sites, own)]
    if asked:
        raise InputError([_question(table, sites, pairs, pair) for pair in asked])
    groups = _groups(pairs, sites)
    order = sorted(range(len(own)), key=lambda at: _trust(own[at], at))
    paths = [str(tables[at].attrs.get("path", tables[at]["source"].iloc[0])) for at in filled]
    merged, merges = _resolved(table, schema, sites, groups, order, pairs, paths)
    if merges:
        rows = [f"{m.id} → {m.into}" for m in merges]
        values = {"n": len(merges), "rows": listed(rows, _EXAMPLES), "table": schema.name}
        notes.append(Fault("lists-merged", values=values, warning=True))
    return merged, merges


def join_lists(
    tables: Sequence[gpd.GeoDataFrame],
    rules: Sequence[ListRules],
    schema: TableSchema,
    notes: Diagnostics,
    decisions: Decisions | None = None,
) -> tuple[gpd.GeoDataFrame, list[Merge]]:
    """One table from all lists of a schema: sites are joined by :func:`fuse`; OpenStreetMap and others added behind.

    Raises
    ------
    InputError
        As :func:`fuse`; of other tables if an id stands in two of them.
    """
    if schema.name not in FUSED:
        return combine_tables(tables, schema), []
    osm = [bool(len(t)) and str(t["source"].iloc[0]) == OSM for t in tables]
    own = [(t, r) for t, r, is_osm in zip(tables, rules, osm, strict=True) if not is_osm]
    table, merges = fuse([t for t, _ in own], [r for _, r in own], schema, notes, decisions)
    others = [t for t, is_osm in zip(tables, osm, strict=True) if is_osm]
    joined = combine_tables([table, *others], schema) if others else table
    if LIST in joined:
        joined[LIST] = joined[LIST].fillna("")
    return joined, merges


def distinct_ids(tables: Sequence[gpd.GeoDataFrame], notes: Diagnostics) -> list[gpd.GeoDataFrame]:
    """Give rows whose id a list before has, too, one with the name of their file: ``P1@new``; and note it."""
    taken: set[str] = set()
    out, twice = [], []
    for table in tables:
        ids = table["id"].astype(str).tolist()
        if taken.isdisjoint(ids):
            taken.update(ids)
            out.append(table)
            continue
        stem, renamed = Path(str(table["source"].iloc[0])).stem, []
        for id_ in ids:
            new = id_
            while new in taken:
                new = f"{id_}@{stem}" if new == id_ else f"{new}x"
            renamed.append(new)
            twice += [id_] if new != id_ else []
        taken.update(renamed)
        out.append(table.assign(id=as_series(renamed, _ID)))
        values = {"n": len(twice), "ids": listed(twice, _EXAMPLES), "stem": stem}
        notes.append(
            Fault("ids-in-two-lists", file=str(table["source"].iloc[0]), values=values, warning=True)
        )
        twice = []
    return out


def unknown_ids(tables: Mapping[str, Sequence[gpd.GeoDataFrame]], decisions: Decisions) -> list[Fault]:
    """Ids in ``decisions`` that are in no list of chargers or facilities."""
    lists = [one for name in FUSED for one in distinct_ids(tables.get(name, ()), Diagnostics())]
    known = {id_ for table in lists for id_ in table["id"].astype(str)}
    named = {id_ for pair in (*decisions.same, *decisions.different) for id_ in pair}
    return [Fault("same-site-unknown", value=id_) for id_ in sorted(named - known)]


def _trust(rules: ListRules, at: int) -> tuple[float, float, int]:
    return -rules.trust, 0 if rules.as_of is None else -rules.as_of.toordinal(), at


# -- which sites are one ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pairs:
    """Pairs of sites i < j; a score above 1 stands for what people decided."""

    i: IntArray
    j: IntArray
    distance_m: FloatArray
    features: FloatArray
    score: FloatArray

    def at(self, keep: IntArray) -> _Pairs:
        return _Pairs(
            self.i[keep], self.j[keep], self.distance_m[keep], self.features[keep], self.score[keep]
        )


def _decided(pairs: _Pairs, sites: ListedSites, ids: Any, decisions: Decisions) -> _Pairs:
    """Apply what people decided: their pairs score 2, or are gone."""
    site_of = np.full(len(ids), -1, dtype=np.int64)
    for site, rows in enumerate(sites.rows):
        site_of[rows] = site
    at = {id_: int(site_of[row]) for row, id_ in enumerate(ids.tolist())}

    def as_sites(chosen: Sequence[tuple[str, str]]) -> set[tuple[int, int]]:
        found = {tuple(sorted((at[a], at[b]))) for a, b in chosen if a in at and b in at}
        return {(a, b) for a, b in found if a != b and a >= 0}

    different, same = as_sites(decisions.different), as_sites(decisions.same)
    decided = different | same
    keep = [
        p
        for p, pair in enumerate(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True))
        if pair not in decided
    ]
    pairs = pairs.at(np.array(keep, dtype=np.int64))
    if not same:
        return pairs
    i, j = np.array(sorted(same), dtype=np.int64).T
    blank = np.full(len(i), np.nan)
    return _Pairs(
        np.concatenate([pairs.i, i]),
        np.concatenate([pairs.j, j]),
        np.concatenate([pairs.distance_m, blank]),
        np.concatenate([pairs.features, np.zeros((len(i), len(FEATURES)))]),
        np.concatenate([pairs.score, np.full(len(i), 2.0)]),
    )


def _is_open(pairs: _Pairs, pair: int, sites: ListedSites, rules: Sequence[ListRules]) -> bool:
    lists = sites.list_of[[pairs.i[pair], pairs.j[pair]]]
    return bool(pairs.score[pair] <= 1.0) and any(rules[at].duplicates == "ask" for at in lists)


def _question(table: gpd.GeoDataFrame, sites: ListedSites, pairs: _Pairs, pair: int) -> Fault:
    """Ask whether two sites are one."""
    a, b = (table.iloc[int(sites.rows[site][0])] for site in (pairs.i[pair], pairs.j[pair]))
    values = {
        "other": b["id"], "file_b": b["source"], "row_b": b["source_row"], "score": f"{pairs.score[pair]:.2f}",
        "m": round(float(pairs.distance_m[pair])),
    }  # fmt: skip
    return Fault("same-site-ask", str(a["source"]), int(a["source_row"]), value=a["id"], values=values)


def _groups(pairs: _Pairs, sites: ListedSites) -> dict[int, dict[int, int]]:
    """Sites that are one, by their smallest number: each with the pair that joined it (-1 for the first).

    The likeliest pairs first, ties by number; a group never holds two sites of one list unless people said so.
    """
    order = np.lexsort((pairs.j, pairs.i, -np.round(pairs.score, 9)))
    group_of: dict[int, int] = {}
    groups: dict[int, dict[int, int]] = {}
    for pair in order.tolist():
        a, b = int(pairs.i[pair]), int(pairs.j[pair])
        left, right = group_of.get(a, a), group_of.get(b, b)
        if left == right:
            continue
        first, second = groups.get(left, {left: -1}), groups.get(right, {right: -1})
        here = {int(sites.list_of[s]) for s in first}
        if pairs.score[pair] <= 1.0 and not here.isdisjoint(int(sites.list_of[s]) for s in second):
            continue
        groups.pop(left, None)
        groups.pop(right, None)
        groups[min(left, right)] = {**first, **second, (b if b in second else a): pair}
        for site in groups[min(left, right)]:
            group_of[site] = min(left, right)
    return groups


# -- what is left of them --------------------------------------------------------------------------------


def _resolved(
    table: gpd.GeoDataFrame,
    schema: TableSchema,
    sites: ListedSites,
    groups: Mapping[int, Mapping[int, int]],
    order: Sequence[int],
    pairs: _Pairs,
    paths: Sequence[str],
) -> tuple[gpd.GeoDataFrame, list[Merge]]:
    """Leave the rows of the most trusted list of each group, completed, and say what became of the others."""
    if not groups:
        return table, []
    names = [c.name for c in schema.columns if c.name in table]
    cells = {
        n: table[n].astype(object).where(table[n].notna(), None).to_numpy(object).copy()
        for n in [*names, "source", "source_row", LIST]
    }
    rank = {at: n for n, at in enumerate(order)}
    gone: list[int] = []
    merges = []
    for group in (groups[key] for key in sorted(groups)):
        ranked = sorted(group, key=lambda s: (rank[int(sites.list_of[s])], s))
        kept = next((s for s in ranked if _knows(cells, sites.rows[s], MEASURES)), ranked[0])
        others = [s for s in ranked if s != kept]
        for site in others:
            stays = _complements(cells, sites.rows[kept], sites.rows[site])
            better = ranked.index(site) < ranked.index(kept)
            _complete(cells, names, sites.rows[kept], sites.rows[site], better=better, measures=not stays)
            if stays:
                cells[LIST][sites.rows[site]] = cells[LIST][sites.rows[kept][0]]
            else:
                gone += sites.rows[site].tolist()
            merges.append(_merge(cells, schema, sites, pairs, (kept, site), group, paths, stays=stays))
    changed = {n: as_series(cells[n].tolist(), schema[n]) for n in names}
    changed = {n: s.set_axis(table.index) for n, s in changed.items()}
    changed[LIST] = pd.Series(cells[LIST], index=table.index, dtype=object)
    done = table.assign(**changed).drop(index=table.index[gone]).reset_index(drop=True)
    return done, sorted(merges, key=lambda m: (m.into, m.id))


def _knows(cells: Mapping[str, Any], rows: IntArray, names: Sequence[str]) -> bool:
    return any(cells[name][row] is not None for name in names if name in cells for row in rows)


def _complements(cells: Mapping[str, Any], kept: IntArray, other: IntArray) -> bool:
    """Whether one list names the DC points of a place and the other the AC points: nothing is counted twice then."""
    if "current" not in cells:
        return False
    a, b = ({cells["current"][row] for row in rows} for rows in (kept, other))
    return None not in a | b and not a & b


def _common_value(cells: Mapping[str, Any], rows: IntArray, name: str) -> Any:
    """What all rows that say something say; None if they differ, or say nothing."""
    values = {cells[name][row] for row in rows} - {None}
    return values.pop() if len(values) == 1 else None


def _complete(
    cells: dict[str, Any],
    names: Sequence[str],
    kept: IntArray,
    other: IntArray,
    *,
    better: bool,
    measures: bool,
) -> None:
    """Fill what the kept rows don't know; a ``better`` list wins where they differ; provenance keeps the rest."""
    single = len(kept) == len(other) == 1
    points = [_common_value(cells, rows, "points") for rows in (kept, other)]
    clash = not single or (None not in points and points[0] != points[1])
    lost = []
    for name in names:
        value = _common_value(cells, other, name)
        if name in _OWN or value is None or (name in MEASURES and not measures):
            continue
        mine = _common_value(cells, kept, name)
        if name in MEASURES and not single:
            mine, value = _total(cells, kept, name), _total(cells, other, name)
        elif not (clash and name in MEASURES):
            for row in kept:
                if cells[name][row] is None or (better and name not in MEASURES):
                    cells[name][row] = value
        told = mine if better and name not in MEASURES else value
        if name in _SHOWN and mine is not None and value is not None and mine != value:
            lost.append(f"{name}={told:g}" if isinstance(told, float) else f"{name}={told}")
    said = "; ".join([f"{cells['source'][other[0]]} ({cells['id'][other[0]]})", *lost])
    for row in kept:
        own = cells["provenance"][row]
        cells["provenance"][row] = f"{cells['source'][row] if own is None else own}; {said}"


def _total(cells: Mapping[str, Any], rows: IntArray, name: str) -> Any:
    """Points of all rows together, the strongest of them; None where a row does not say."""
    values = [cells[name][row] for row in rows]
    if None in values or name == "current":
        return None
    return max(values) if name == "point_kw" else sum(values)


def _merge(
    cells: Mapping[str, Any],
    schema: TableSchema,
    sites: ListedSites,
    pairs: _Pairs,
    both: tuple[int, int],
    group: Mapping[int, int],
    paths: Sequence[str],
    *,
    stays: bool,
) -> Merge:
    """Say what was joined and why: by the pair that brought the site in, or the one that it brought in."""
    kept, site = both
    pair = group[site] if group[site] >= 0 else max(group.values())
    rows = sites.rows[site]
    into = min(map(str, cells["id"][sites.rows[kept]]))
    file = str(cells["source"][rows[0]])
    numbers = tuple(sorted(map(int, cells["source_row"][rows])))
    path = paths[int(sites.list_of[site])]
    why = (("decided", ""),)
    id_ = min(map(str, cells["id"][rows]))
    found = Merge(into, id_, schema.name, file, numbers, 1.0, why, stays, path)
    score = float(pairs.score[pair])
    if score > 1.0:
        return found
    value = dict(zip(FEATURES, pairs.features[pair].tolist(), strict=True))
    reasons: list[tuple[str, Any]] = [("metres", round(float(pairs.distance_m[pair])))]
    reasons += [("operator_same", "")] if value["operator_same"] else []
    reasons += [("operator_differs", "")] if value["operator_differs"] else []
    how = round(value["name_alike"] * 100)
    reasons += [("name_equal", "")] if value["name_equal"] else [("name_alike", how)] if how else []
    reasons += [(key, "") for key in ("points_equal", "power_equal", "id_equal") if value[key]]
    return replace(found, score=score, reasons=tuple(reasons))
