"""The country's results from the run folders of its regions and of its routes: tables, shared gaps, who builds.

No figure is measured here. A region's come from its ``result.json`` and the words of its ``layers.gpkg``, those of
rules on roads for the whole country from the run in ``national/``. What is added are sums, ranks, and what lies where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.ops import substring

from ..errors import Fault, InputError
from ..inputs.bundle import PROPOSED
from ..render.read_run import Run, read_run
from ..schema import Reader
from ..tables.numbers import kilometres
from ..texts import text
from ..units import GEOD, M_PER_KM, WGS84, km
from .findings import STATUSES, days_of, ranked, region_findings, rows_of, whole_country
from .manifest import NATIONAL, REGIONS, RegionRun, read_manifest, run_folder

MOST_MB = 2_000
"""Largest ``result.json`` of the roads of a country: 1 MB for each city, read as JSON ten times as much."""
LEAST_M = 100.0
"""Less of a gap than this lies in a region only because its border is drawn roughly: it is no neighbour for that."""
FEW = 2
"""So many rules that are not met are few."""
PLAN_COLUMNS = "own_sites own_money national_sites national_money border_sites border_money"


@dataclass(frozen=True, eq=False)
class Results:
    """A country's results, as its files show them.

    Attributes
    ----------
    name : str
    lang : Reader
        Language of all texts, with the unit that lengths are told in.
    project : mapping
        What ``project`` says in the ``result.json`` of the national run, or of the first region that is done.
    currency : str
    regions : GeoDataFrame
        A row a region, in the order of the file of regions, EPSG:4326: its state, how many rules stand how, its rank,
        its part of the plans, and ``standing``: all, open, few, many or none.
    findings : DataFrame
        A row for each rule of each region that is done: ends, counts, parts, words, rank, ``status``, ``unit``.
    whole : DataFrame
        A row for each rule, of the whole country.
    gaps : GeoDataFrame
        A row for each gap that is too long and lies in several regions; ``parts``, ``closed_by``.
    actions : GeoDataFrame
        What the national plan builds, each with its region and whether it closes a shared gap.
    routes : GeoDataFrame
        Gaps of the national run by class.
    warnings : tuple of str
        What was noticed in the country's tables.
    """

    name: str
    lang: Reader
    project: Mapping[str, Any]
    currency: str
    regions: gpd.GeoDataFrame
    findings: pd.DataFrame
    whole: pd.DataFrame
    gaps: gpd.GeoDataFrame
    actions: gpd.GeoDataFrame
    routes: gpd.GeoDataFrame
    warnings: tuple[str, ...] = ()


def read_results(out: Path) -> Results:
    """Read what the regions' runs and the national run say.

    Parameters
    ----------
    out : Path
        The country's folder: ``manifest.json``, ``regions.gpkg``, ``regions/<id>/``, ``national/``. A region whose run
        folder can't be read counts as failed, with the reason; without a national run there are no routes.

    Raises
    ------
    InputError
        If there is no manifest or no file of regions.
    """
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(Fault("no-country-folder", file=str(out)))
    runs, states = _read_runs(out, manifest.regions, manifest.language)
    done = manifest.national.state == "done"
    national = read_run(out / NATIONAL, most_mb=MOST_MB) if done else None
    first = next(iter(runs.values()), None) if national is None else _brief(national, manifest.language)
    project = {} if first is None else first.project
    lang = Reader(manifest.language, project.get("length_unit", "km"))
    shapes = gpd.read_file(out / REGIONS, layer="regions").to_crs(WGS84).set_index("id")["geometry"]
    regions = gpd.GeoDataFrame(states, geometry=shapes.reindex(states["id"]).to_numpy(), crs=WGS84)
    findings = ranked(region_findings({id_: run.rows for id_, run in runs.items()}, states))
    actions = _actions(national, regions)
    routes = _routes(national)
    gaps, closing = _shared_gaps(national, routes, regions, actions, lang)
    actions["at_border"] = actions["action_id"].isin(closing)
    regions = _with_counts(regions, findings, runs)
    regions = _with_plans(regions, runs, actions, planned=_plan_of(national) is not None)
    whole = whole_country(findings, national, (None, None) if first is None else first.days, lang)
    currency = next((run.currency for run in (first, *runs.values()) if run is not None and run.currency), "")
    return Results(
        manifest.name, lang, project, currency, regions, findings, whole, gaps, actions, routes, manifest.warnings
    )  # fmt: skip


@dataclass(frozen=True)
class _Brief:
    """What is needed of a run: all of ``result.json`` takes ten times its size in memory, and regions are thousands.

    Attributes
    ----------
    rows : list of dict
        See :func:`~plugspan.country.findings.rows_of`.
    project : mapping
        What ``project`` says in ``result.json``.
    days : (str, str)
        See :func:`~plugspan.country.findings.days_of`.
    costs : list of float, optional
        Of the actions of its plan; None without one.
    currency : str
        Unit of money of its plan; empty without one.
    """

    rows: list[dict[str, Any]]
    project: Mapping[str, Any]
    days: tuple[str | None, str | None]
    costs: list[float] | None
    currency: str


def _brief(run: Run, lang: str) -> _Brief:
    """Read what is needed of a run."""
    _ = run.findings, run.actions  # refuses a result that is none
    project, plan = run.result["project"], _plan_of(run)
    reader = Reader(lang, project.get("length_unit", "km"))
    costs = None if plan is None else [action["cost"] for action in plan["actions"]]
    currency = "" if plan is None else str(plan["cost"]["unit"])
    return _Brief(list(rows_of(run, reader)), project, days_of(run), costs, currency)


def _read_runs(out: Path, regions: Sequence[RegionRun], lang: str) -> tuple[dict[str, _Brief], pd.DataFrame]:
    """What is needed of the regions that are done, and all regions with their states."""
    runs, rows = {}, []
    for region in regions:
        row = {
            "id": region.id,
            "name": region.name,
            "region_state": region.state,
            "state_reason": region.reason or None,
        }
        if region.state == "done":
            try:
                runs[region.id] = _brief(read_run(run_folder(out, region.id)), lang)
            except (InputError, KeyError) as error:
                reason = error.render(lang) if isinstance(error, InputError) else str(error)
                row |= {"region_state": "failed", "state_reason": reason}
        rows.append(row)
    return runs, pd.DataFrame(rows, columns=["id", "name", "region_state", "state_reason"], dtype=object)


def _plan_of(run: Run | None) -> Mapping[str, Any] | None:
    """A run's plan, if one was asked for."""
    return None if run is None else run.result.get("plan")


def _with_counts(
    regions: gpd.GeoDataFrame, findings: pd.DataFrame, runs: Mapping[str, _Brief]
) -> gpd.GeoDataFrame:
    """How many rules stand how in each region, its rank by them, and in one word how it stands."""
    counts = pd.crosstab(findings["region_id"], findings["status"])
    counts = counts.reindex(index=regions["id"], columns=list(STATUSES), fill_value=0)
    done = regions["id"].isin(list(runs)).to_numpy(bool)
    table = counts.rename(columns=STATUSES).astype("Int64").reset_index(drop=True)
    table[~done] = pd.NA
    order = table["rules_not_met"] * (1 + len(findings)) + table["rules_undecided"]
    missed, open_ = (table[name].fillna(0).to_numpy(int) for name in ("rules_not_met", "rules_undecided"))
    standing = np.select([~done, missed > FEW, missed > 0, open_ > 0], ["none", "many", "few", "open"], "all")
    return regions.assign(
        **{name: table[name] for name in STATUSES.values()},
        rank=order.astype("Float64").rank(method="min").astype("Int64"),
        standing=standing,
    )


# -- gaps that regions share -----------------------------------------------------------------------------


def _routes(national: Run | None) -> gpd.GeoDataFrame:
    """Gaps of the national run by class, of all rules on spacing that it draws."""
    names = (
        []
        if national is None
        else [n for n in national.tables if n.startswith("routes") and not n.endswith("after")]
    )
    frames = [national.tables[name].assign(layer=name) for name in names] if national else []
    if not frames:
        held = (
            "layer rule ref section direction spacing_class length_km own_km from_site to_site from_km to_km "
        )
        held += "mark_kind gap_id"
        empty: dict[str, Any] = dict.fromkeys(held.split(), ())
        return gpd.GeoDataFrame(empty, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=WGS84)


def _line_of(gap: Mapping[str, Any], pieces: gpd.GeoDataFrame) -> Any:
    """Line of a gap: the pieces of its road between its kilometre marks; None if none of them is drawn."""
    a, b = sorted((gap["from_km"], gap["to_km"]))
    found = []
    for from_km, to_km, line in zip(pieces["from_km"], pieces["to_km"], pieces.geometry, strict=True):
        start, end = max(a, min(from_km, to_km)), min(b, max(from_km, to_km))
        if end - start < 1 / M_PER_KM or line is None:
            continue
        merged = shapely.line_merge(line)
        shares = sorted((x - from_km) / (to_km - from_km) for x in (start, end))
        whole = merged.geom_type != "LineString" or shares[1] - shares[0] > 1 - 1e-6
        found.append(merged if whole else substring(merged, shares[0], shares[1], normalized=True))
    return shapely.line_merge(shapely.union_all(found)) if found else None


def _parts(line: Any, regions: gpd.GeoDataFrame, tree: shapely.STRtree) -> list[tuple[int, float]]:
    """(region, metres in it) of a line, in its direction; without regions that it only touches."""
    found = []
    for i in np.sort(tree.query(line, predicate="intersects")):
        inside = shapely.intersection(line, regions.geometry.iloc[i])
        length = GEOD.geometry_length(inside) if not inside.is_empty else 0.0
        if length >= LEAST_M:
            along = line.project(inside.representative_point()) if line.geom_type == "LineString" else 0.0
            found.append((along, int(i), length))
    return [(i, length) for _, i, length in sorted(found)]


_OF_GAP = (
    "gap_id", "rule", "ref", "section", "direction", "from_km", "to_km", "length_km", "own_km", "mark_kind",
)  # fmt: skip


def _shared_gaps(
    national: Run | None,
    routes: gpd.GeoDataFrame,
    regions: gpd.GeoDataFrame,
    actions: gpd.GeoDataFrame,
    lang: str,
) -> tuple[gpd.GeoDataFrame, set[str]]:
    """Gaps that are too long and lie in several regions, a row each; and the actions that close one of them."""
    rows, lines, closing = [], [], set()
    drives = ["ref", "section", "direction"]
    pieces = dict(list(routes.drop_duplicates([*drives, "from_km", "to_km"]).groupby(drives)))
    tree, names = shapely.STRtree(regions.geometry.to_numpy()), regions["name"].tolist()
    titles = {} if national is None else {r["rule"]: r["title"] for r in national.result["findings"]}
    then, sites, closes = _gaps_then(national), _sites_of(actions), _closes(actions)
    for gap in [] if national is None else national.result["gaps"]:
        key = (gap["ref"], gap["section"], gap["direction"])
        if not (gap["over"] and gap.get("once", True)) or key not in pieces:
            continue
        line = _line_of(gap, pieces[key])
        parts = [] if line is None else _parts(line, regions, tree)
        if len(parts) < 2:
            continue
        a, b = sorted((gap["from_km"] * M_PER_KM, gap["to_km"] * M_PER_KM))
        mine = closes.get((gap["rule"], *key), ())
        closed_by = sorted({i for i, from_m, to_m in mine if min(b, to_m) - max(a, from_m) > 1.0})
        if not closed_by:  # rules on length say what they close by pieces of road
            on_it = _sites_that_split(gap, then.get((gap["rule"], *key), ()))
            closed_by = np.flatnonzero(sites.isin(on_it)).tolist()
        closing |= set(actions["action_id"].iloc[closed_by])
        rows.append({
            **{name: gap[name] for name in _OF_GAP},
            "rule_title": titles.get(gap["rule"], gap["rule"]),
            "regions": text("map.comma", lang).join(names[i] for i, _ in parts),
            "region_lengths": text("map.comma", lang).join(
                text("national.part", lang, region=names[i], length=kilometres(km(m), lang)) for i, m in parts
            ),
            "builders": _builders(actions.iloc[closed_by], lang),
            "parts": [(regions["id"].iloc[i], km(m)) for i, m in parts],
            "closed_by": actions["action_id"].iloc[closed_by].tolist(),
        })  # fmt: skip
        lines.append(line)
    columns = [*_OF_GAP, "rule_title", "regions", "region_lengths", "builders", "parts", "closed_by"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=lines, crs=WGS84), closing


def _closes(actions: gpd.GeoDataFrame) -> dict[tuple[Any, ...], list[tuple[int, float, float]]]:
    """What actions close, by rule and drive: position of the action, and from where to where on the drive, rising."""
    found: dict[tuple[Any, ...], list[tuple[int, float, float]]] = {}
    for i, parts in enumerate(actions["closes"]):
        for part in parts:
            if part.get("to_m") is not None:
                key = tuple(part.get(name) for name in ("rule", "ref", "section", "direction"))
                low, high = sorted((part["from_m"], part["to_m"]))
                found.setdefault(key, []).append((i, low, high))
    return found


def _gaps_then(national: Run | None) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Gaps with the national plan, by rule and drive."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    after = None if national is None else national.result.get("after")
    for gap in (after or {}).get("gaps") or ():
        found.setdefault((gap["rule"], gap["ref"], gap["section"], gap["direction"]), []).append(gap)
    return found


def _sites_of(actions: gpd.GeoDataFrame) -> pd.Series:
    """The site that each action builds, or puts in order."""
    new = actions["action_kind"] == "new_site"
    found: pd.Series = actions["target"].where(~new, PROPOSED + actions["action_id"].astype(str))
    return found


def _sites_that_split(gap: Mapping[str, Any], then: Iterable[Mapping[str, Any]]) -> set[str]:
    """Sites between the ends of a gap with the plan; none if a part of it is still too long."""
    a, b = sorted((gap["from_km"], gap["to_km"]))
    slack = 1 / M_PER_KM
    inside = [each for each in then if a - slack <= min(each["from_km"], each["to_km"])
              and max(each["from_km"], each["to_km"]) <= b + slack]  # fmt: skip
    if not inside or any(each["over"] for each in inside):
        return set()
    ends = {gap.get("from_site"), gap.get("to_site")}
    return {each[end] for each in inside for end in ("from_site", "to_site")} - ends


def _builders(closing: gpd.GeoDataFrame, lang: str) -> str | None:
    """Which region builds what for a gap, in words; missing if the plan closes it nowhere."""
    found = [
        text("national.builder", lang, region=region, sites=text("map.comma", lang).join(mine["name"]))
        for region, mine in closing.assign(region=closing["region"].fillna("–")).groupby("region", sort=False)
    ]
    return text("report.semicolon", lang).join(found) or None


# -- plans -----------------------------------------------------------------------------------------------


def _actions(national: Run | None, regions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What the national plan builds, and in which region each lies."""
    plan = _plan_of(national)
    rows = [] if plan is None else plan["actions"]
    frame = pd.DataFrame(
        rows, columns=["action_id", "kind", "target", "name", "lon", "lat", "year", "order", "cost", "closes"]
    )
    points = shapely.points(frame[["lon", "lat"]].to_numpy(float))
    found = gpd.GeoDataFrame(frame, geometry=points, crs=WGS84).rename(
        columns={"kind": "action_kind", "order": "build_order", "year": "stage_year"}
    )
    # A place on a border belongs to the first of the regions that hold it.
    owner, region = shapely.STRtree(regions.geometry.to_numpy()).query(points, predicate="intersects")
    first = pd.Series(region, owner).groupby(level=0).min().reindex(range(len(found)))
    place = first.fillna(-1).to_numpy(int)
    for at, name in (("region", "name"), ("region_id", "id")):
        values = np.array([*regions[name], None], dtype=object)  # the last for places outside all regions
        found[at] = values[place]
    found["money"] = found["cost"]
    return found


def _with_plans(
    regions: gpd.GeoDataFrame, runs: Mapping[str, _Brief], actions: gpd.GeoDataFrame, *, planned: bool
) -> gpd.GeoDataFrame:
    """What each region's own plan builds, and what the national plan builds in it, at borders and in all."""
    own = {id_: run.costs for id_, run in runs.items() if run.costs is not None}
    table = pd.DataFrame({
        "own_sites": {id_: len(costs) for id_, costs in own.items()},
        "own_money": {id_: sum(costs) for id_, costs in own.items()},
    })  # fmt: skip
    for name, mine in (("national", actions), ("border", actions[actions["at_border"].astype(bool)])):
        by = mine.groupby("region_id")["cost"]
        counts = pd.DataFrame({f"{name}_sites": by.size(), f"{name}_money": by.sum()})
        table = table.join(counts.reindex(regions["id"], fill_value=0), how="right")
        if not planned:
            table[counts.columns] = np.nan
    table = table.reindex(regions["id"]).reset_index(drop=True)
    whole = {name: table[name].astype("Int64") for name in PLAN_COLUMNS.split() if name.endswith("_sites")}
    return regions.assign(
        **{name: whole.get(name, table[name].astype(float)) for name in PLAN_COLUMNS.split()}
    )
