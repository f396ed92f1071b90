"""A country of three regions with figures made up for sums by hand, as run folders on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
from plugspan.country.manifest import Manifest, RegionRun, State, run_folder, write_manifest
from plugspan.country.outputs import write
from plugspan.project import Project
from plugspan.rules.policy import read_policy
from shapely import LineString, box

REASON = "chargers.csv row 17: lon 27.83, lat 113.15 look swapped </script><img src=x onerror=alert(1)>"
NOTE = "berths.csv row 9: no region counts it."
KM = 111.319490793 * 0.99996192  # a degree of longitude at latitude 0.5, nearly
"""Regions are squares of a degree side by side on the equator; the road G1 runs through their middle."""


def finding(rule, kind, unit, low, high, counts, shown=None, target=None, sense=None):
    """A rule of a run: its row of result.json."""
    row = {
        "rule": rule,
        "title": f"Rule {rule}",
        "kind": kind,
        "unit": unit,
        "low": low,
        "high": high,
        "counts": counts,
    }
    row |= {"part_unit": ""}
    if unit == "share":
        whole = sum(counts.values())
        row |= {"low_part": low * whole, "low_whole": whole, "high_part": high * whole, "high_whole": whole}
    if target is None:
        return row
    status = "met" if shown == "met on average" else shown
    return row | {"target": target, "sense": sense, "by": "2025-12-31", "status": status, "shown": shown}


def spacing(low, counts, shown):
    """The rule on spacing."""
    return finding("spacing", "route_spacing", "km", low, low, counts, shown, 40.0, "<=")


def services(low, high, counts, shown):
    """The rule on service areas."""
    return finding("services", "facility_share", "share", low, high, counts, shown, 1.0, ">=")


def reach(low):
    """A rule that only asks for a report."""
    return finding("reach", "demand_reach", "share", low, low, {"yes": 10.0, "unknown": 0.0, "no": 30.0})


def write_run_of(folder, rows, plan=None, gaps=(), pieces=()):
    """A run folder: result.json, and the layers that the country reads."""
    folder.mkdir(parents=True)
    parts = {
        "findings": [r for r in rows if "target" in r],
        "measures": [r for r in rows if "target" not in r],
    }
    project = {
        "name": "C",
        "policy": "own",
        "language": "en",
        "length_unit": "km",
        "data_date": "2025-06-30",
        "note": "",
    }
    result = {"schema": 2, "project": project, **parts, "after": parts, "gaps": list(gaps), "plan": plan}
    (folder / "result.json").write_text(json.dumps(result), "utf-8")
    words = pd.DataFrame({
        "rule": [r["rule"] for r in rows], "finding_status": [r.get("shown", "reported") for r in rows],
        "value": [f"value of {r['rule']}" for r in rows], "target": ["asked" for _ in rows],
        "value_after": ["then" for _ in rows], "status_after": [r.get("shown", "") for r in rows],
    })  # fmt: skip
    lines = [LineString([(0.5 + a / KM, 0.5), (0.5 + b / KM, 0.5)]) for _, a, b, _ in pieces]
    routes = gpd.GeoDataFrame(
        {
            "ref": ["G1" for _ in pieces], "direction": [p[0] for p in pieces], "section": [1 for _ in pieces],
            "spacing_class": [p[3] for p in pieces], "length_km": [abs(p[2] - p[1]) for p in pieces],
            "own_km": [abs(p[2] - p[1]) for p in pieces], "from_site": ["s" for _ in pieces],
            "to_site": ["t" for _ in pieces], "rule": ["spacing" for _ in pieces],
            "gap_id": [f"G1-{p[1]}-{p[2]}" for p in pieces], "mark_kind": ["measured" for _ in pieces],
            "from_km": [float(p[1]) for p in pieces], "to_km": [float(p[2]) for p in pieces],
        },
        geometry=lines, crs="EPSG:4326",
    )  # fmt: skip
    if len(routes):
        routes.to_file(folder / "layers.gpkg", layer="routes_before")
    gpd.GeoDataFrame(words).to_file(folder / "layers.gpkg", layer="findings")


def action(name, lon, cost, order, *closed):
    """An action of a plan; ``closed`` are stretches (from_km, to_km) of G1 forward."""
    closes = [
        {
            "rule": "spacing",
            "ref": "G1",
            "section": 1,
            "direction": "forward",
            "from_m": a * 1000.0,
            "to_m": b * 1000.0,
        }
        for a, b in closed
    ]
    return {"action_id": name, "kind": "new_site", "name": f"Site {name}", "lon": lon, "lat": 0.5, "year": 2026,
            "order": order, "cost": cost, "closes": closes}  # fmt: skip


def gap(a, b, direction="forward", over=True, once=True):
    """A row of the gaps of G1."""
    key = {"rule": "spacing", "ref": "G1", "section": 1, "direction": direction}
    length = abs(b - a)
    ends = {"from_km": float(a), "to_km": float(b), "length_km": length, "own_km": length}
    ids = {"gap_id": f"G1-{a}-{b}", "mark_kind": "measured"}
    return {**ids, **key, **ends, "over": over, "once": once}


def write_country(out: Path, lang: str = "en", national: State = "done") -> Path:
    """The folder: A and B are done, C failed."""
    out.mkdir(parents=True)
    states = (RegionRun("a", "Aland", "done", key="1", seconds=2.5), RegionRun("b", "Berg", "done", key="2"),
              RegionRun("c", "Cliff", "failed", REASON, key="3"))  # fmt: skip
    write_manifest(out, Manifest("Threeland", lang, states, RegionRun("", "", national), warnings=(NOTE,)))
    squares = [box(k, 0, k + 1, 1) for k in range(3)]
    regions = gpd.GeoDataFrame(
        {"id": ["a", "b", "c"], "name": ["Aland", "Berg", "Cliff"]}, geometry=squares, crs="EPSG:4326"
    )
    regions.to_file(out / "regions.gpkg", layer="regions")
    own = {"cost": {"unit": "k€"}, "actions": [action("x", 0.5, 3.0, 1), action("y", 0.6, 4.0, 2)]}
    a = [
        spacing(30.0, {"yes": 3.0, "unknown": 0.0, "no": 1.0}, "met on average"),
        services(0.5, 0.75, {"yes": 2.0, "unknown": 1.0, "no": 1.0}, "not met"),
        reach(0.25),
    ]
    b = [
        spacing(
            None, {"yes": 0.0, "unknown": 0.0, "no": 2.0}, "not met"
        ),  # no site at all: beyond all numbers
        services(1.0, 1.0, {"yes": 4.0, "unknown": 0.0, "no": 0.0}, "met"),
        reach(0.25),
    ]
    write_run_of(run_folder(out, "a"), a, own)
    write_run_of(run_folder(out, "b"), b)
    # G1 crosses from A to B at 55.66 km and from B to C at 166.97 km.
    pieces = [("forward", 0, 20, "good"), ("forward", 20, 100, "gap"), ("forward", 100, 150, "middle"),
              ("forward", 150, 200, "gap"), ("backward", 100, 20, "gap")]  # fmt: skip
    gaps = [
        gap(20, 100),
        gap(100, 20, "backward", once=False),
        gap(100, 150),
        gap(150, 200),
        gap(0, 60, over=False),
    ]
    plan = {"cost": {"unit": "k€"}, "actions": [action("p", 1.2, 10.0, 1, (20, 60)), action("q", 0.2, 5.0, 2),
                                               action("r", 2.1, 7.0, 3, (160, 190))]}  # fmt: skip
    whole = [
        spacing(35.5, {"yes": 5.0, "unknown": 0.0, "no": 3.0}, "met on average"),
        services(0.1, 0.1, {"yes": 1.0}, "not met"),
    ]
    write_run_of(out / "national", whole, plan, gaps, pieces)
    return out


def write_results(out: Path, **output: str) -> None:
    """Write the country's files, with these settings of ``[output]``."""
    project = Project(schema=1, name="Threeland", network={"osm": "roads.osm.pbf"}, output=output)
    write(out, project, read_policy(project.policy))
