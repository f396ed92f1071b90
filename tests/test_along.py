"""What a place would serve at every metre of roads, against a search from places at some of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plugspan.network.access import find_served
from plugspan.network.along import RoadSegments, by_whole_metres, reached_along, served_along
from plugspan.network.distances import AnchoredGraph, distances_within
from plugspan.network.routes import drives_by_key, locate
from plugspan.network.snapping import join_snapped
from plugspan.project import read_project
from plugspan.siting.planning.candidates import as_snapped
from plugspan.study import load, sample_project
from plugspan.units import lonlat

ACCESS_M, REACH_M = 3000.0, 20_000.0


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        return load(read_project(path))


@pytest.fixture(scope="module")
def drives(study):
    """All drives, dual carriageways among them."""
    return drives_by_key(study.routes)


@pytest.fixture(scope="module")
def places(study, drives):
    """Random whole metres of the drives: number of the drive, metre; and where they are snapped to."""
    rng, rows, points = np.random.default_rng(4), [], []
    keys = list(drives)
    while len(rows) < 150:
        number = int(rng.integers(len(keys)))
        drive = drives[keys[number]]
        edge = int(rng.integers(len(drive.edges)))
        low, high = np.ceil(drive.low_m[edge] + 0.06), np.floor(drive.high_m[edge] - 0.06)
        once = ((drive.low_m <= low) & (drive.high_m >= low)).sum() == 1
        if low < high and once and study.context.snapper.usable[study.roads.edge_segment[drive.edges[edge]]]:
            metre = float(rng.integers(low, high + 1))
            at = locate(study.context.index, drive, as_snapped(study.context, drive, np.array([metre])))
            rows.append((number, metre))
            points.append(at[["lon", "lat"]].to_numpy(float)[0])
    return rows, np.array(points), study.context.snapper.snap(np.array(points))


def at(table, line, metre):
    """Targets at a metre of a line, and the value there."""
    rows = table[(table["line"] == line) & (table["first"] <= metre) & (table["last"] >= metre)]
    share = (metre - rows["first"]) / (rows["last"] - rows["first"]).clip(lower=1)
    value = rows["low"] + (rows["high"] - rows["low"]) * share
    return dict(zip(rows["target"].tolist(), value.tolist(), strict=True))


def test_whom_a_place_serves_along_roads(study, drives, places):
    """The same drives, left at the same marks to the millimetre, as from each place by itself."""
    rows, points, snapped = places
    context, number = study.context, {key: k for k, key in enumerate(drives)}
    roads = RoadSegments.of(study.roads, list(drives.values()))
    table = by_whole_metres(roads, served_along(context.index, study.routes, roads, ACCESS_M))
    served = find_served(
        context.index, study.routes, snapped, points, access_m=ACCESS_M, snapper=context.snapper
    )
    served["target"] = [
        number[key] for key in served[["ref", "section", "direction"]].itertuples(index=False, name=None)
    ]
    for k, (line, metre) in enumerate(rows):
        mine = served[served["site"] == k].set_index("target")["chainage_m"].to_dict()
        assert at(table, line, metre) == pytest.approx(mine, abs=1e-3), (list(drives)[line], metre)
    assert len(served) > 2 * len(rows)


def test_who_is_within_reach_along_roads(study, drives, places):
    """The same demand as by distances from it to each place."""
    rows, _, snapped = places
    roads = RoadSegments.of(study.roads, list(drives.values()))
    demand = study.context.snapper.snap(lonlat(study.inputs.demand.geometry))
    table = by_whole_metres(roads, reached_along(study.roads, roads, demand, REACH_M))
    both = AnchoredGraph(study.roads, join_snapped(demand, snapped))
    n = len(demand.segment)
    far = distances_within(both, both.anchors[:n], both.anchors[n:], REACH_M)
    expected = set(zip(far.source.tolist(), far.target.tolist(), strict=True))
    assert {(i, k) for k, row in enumerate(rows) for i in at(table, *row)} == expected
    assert len(expected) > len(rows)


def test_the_only_demand_may_live_on_a_one_way_road(study, drives, places):
    """Nobody drives there the other way: only what lies ahead is reached, up to its reach."""
    _, points, snapped = places
    roads = RoadSegments.of(study.roads, list(drives.values()))
    one_way = roads.table.groupby("segment").filter(
        lambda rows: len(rows) == 1 and rows["ahead"].sum() != rows["back"].sum()
    )
    k = int(np.flatnonzero(np.isin(snapped.segment, one_way["segment"]))[0])
    found = reached_along(study.roads, roads, study.context.snapper.snap(points[k : k + 1]), REACH_M)
    here = roads.table.reset_index().set_index("segment").loc[snapped.segment[k]]
    own = found[found["row"] == here["row"]]
    ends = (own["from_m"].min(), own["to_m"].max())
    offset = snapped.offset_m[k]
    assert ends == pytest.approx((offset, here["length_m"]) if here["ahead"] else (0.0, offset), abs=1e-6)
    assert not by_whole_metres(roads, found).empty


def test_no_routes_are_served_by_nobody(study, drives):
    """A class of roads without any route, and people of whom none is near."""
    roads = RoadSegments.of(study.roads, list(drives.values()))
    nobody = study.context.snapper.snap(np.empty((0, 2)))
    assert by_whole_metres(roads, served_along(study.context.index, [], roads, ACCESS_M)).empty
    assert by_whole_metres(roads, reached_along(study.roads, roads, nobody, REACH_M)).empty


def test_whole_metres_are_joined():
    """Stretches of neighbouring segments are one where the value goes on; what has no whole metre is left out."""
    roads = RoadSegments(
        pd.DataFrame({"line": 0, "at_u": [0.0, 20.5], "at_v": [10.5, 10.5], "length_m": [10.5, 10.0]})
    )
    rows = [(0, 7, 0.0, 10.5, 100.0, 110.5), (1, 7, 0.0, 10.0, 120.5, 110.5), (0, 8, 3.2, 3.4, 0.0, 0.0)]
    table = by_whole_metres(
        roads, pd.DataFrame(rows, columns=["row", "target", "from_m", "to_m", "low", "high"])
    )
    assert table.to_dict("records") == [
        {"line": 0, "target": 7, "first": 0, "last": 20, "low": 100.0, "high": 120.0}
    ]
