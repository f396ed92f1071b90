r"""How long a province's assessment takes, and whether the time grows in line with its size.

    python benchmarks/assessment.py ../shared/data/osm/liechtenstein.osm.pbf

The extract is laid side by side as in ``province.py``. It bears hardly any road numbers (3 km), so each named main
road (primary to tertiary) of each copy gets a number; with ``--as-is`` numbers stay as they are. Sites stand at random
nodes of numbered roads with a fixed seed, 10 per copy; every fifth has no power written down, so that everything is
measured twice (unknown as no, unknown as yes). A policy with spacing and covered length of the numbered roads (``\d+``
and ``A\d+``) and the reach of demand is assessed, with the evidence of every gap (the benchmark lists no candidates).
Each size runs in a process of its own; ``assess`` is what should stay under 30 seconds. Times are processor seconds,
which other work on the machine disturbs less; memory is the largest resident size.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from province import STEP_LAT, STEP_LON, prepared

MAIN = ("primary", "secondary", "tertiary")
SITES_PER_COPY, DEMAND_PER_COPY, SEED = 10, 20, 20250630
POLICY = """
schema = 1
id = "benchmark"
name = { zh = "基准", en = "benchmark" }
source = "benchmarks/assessment.py"
[road_class]
ordinary = ["\\\\d+"]
motorway = ["A\\\\d+"]
[[rule]]
id = "spacing"
kind = "route_spacing"
title = { zh = "间距", en = "spacing" }
network = "ordinary"
site = { dc_min_kw = 60.0, access_km = 3.0 }
target = { value_max = 40.0 }
[[rule]]
id = "covered"
kind = "length_coverage"
title = { zh = "覆盖", en = "covered length" }
network = "motorway"
span_max_km = 60.0
site = { dc_min_kw = 60.0, access_km = 3.0 }
target = { share_min = 1.0 }
[[rule]]
id = "reach"
kind = "demand_reach"
title = { zh = "服务", en = "reach" }
reach_km = 10.0
site = { dc_min_kw = 60.0 }
target = { report_only = true }
"""


def numbered(graph):
    """Graph in which each main road without a number gets one by its name and copy."""
    segments = graph.segments
    blank = segments["ref"].isna() & segments["name"].notna() & segments["highway"].isin(MAIN)
    xy = graph.node_xy[graph.seg_u]
    cell = np.floor((xy - graph.node_xy.min(axis=0)) / [STEP_LON, STEP_LAT]).astype(int)
    where = pd.Series(cell[:, 0]).astype(str) + "/" + pd.Series(cell[:, 1]).astype(str) + "/"
    number = pd.factorize(where + segments["name"].astype(object).where(blank), sort=True)[0]
    ref = segments["ref"].astype(object).where(~blank, pd.Series(1000 + number).astype(str))
    return replace(graph, segments=segments.assign(ref=ref.astype("category")))


def tables(graph, copies):
    """Inputs with sites and demand at random nodes of numbered roads and of all roads."""
    from plugspan.inputs import SCHEMAS, collect
    from plugspan.inputs.frames import as_table
    from shapely import Point

    rng = np.random.default_rng(SEED)
    of_route = graph.segments["ref"].notna().to_numpy()
    nodes = np.unique(np.concatenate([graph.seg_u[of_route], graph.seg_v[of_route]]))
    rows = {name: [] for name in SCHEMAS}
    for k, node in enumerate(rng.choice(nodes, SITES_PER_COPY * copies)):
        power = None if k % 5 == 0 else 120.0
        rows["chargers"].append(
            {"id": f"c{k}", "name": f"site {k}", "kind": "charging", "current": "dc", "status": "operational",
             "points": 2, "dc_points": 2, "point_kw": power, "geometry": Point(graph.node_xy[node])}
        )  # fmt: skip
    for k, node in enumerate(rng.integers(0, graph.n_nodes, DEMAND_PER_COPY * copies)):
        rows["demand"].append(
            {"id": f"d{k}", "kind": "town", "weight": 1.0, "geometry": Point(graph.node_xy[node])}
        )
    found = {name: as_table(rows[name], schema) for name, schema in SCHEMAS.items()}
    return collect(found, None, [])


def run(path, copies, as_is):
    """Read, find routes, assess: seconds of each, largest resident size, and what was measured."""
    from plugspan.network import read_network
    from plugspan.network.refs import RoadClass, RoadClasses
    from plugspan.network.routes import find_routes
    from plugspan.rules.assessment import assess
    from plugspan.rules.policy import Policy
    from plugspan.settings import parse_toml

    policy = parse_toml(POLICY, Policy, "benchmark")
    marks = [time.process_time()]
    graph = read_network(path)
    if not as_is:
        graph = numbered(graph)
    marks.append(time.process_time())
    classes = RoadClasses(tuple(RoadClass(name, tuple(p)) for name, p in policy.road_class.items()))
    routes = find_routes(graph, classes)
    marks.append(time.process_time())
    inputs = tables(graph, copies)
    marks.append(time.process_time())
    found = assess(policy, inputs, graph, routes, None)
    marks.append(time.process_time())
    read_s, routes_s, _, assess_s = np.diff(marks).tolist()
    return {
        "copies": copies, "read_s": read_s, "routes_s": routes_s, "assess_s": assess_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "length_km": float(found.routes["length_m"].sum() / 1000), "gaps": len(found.gaps),
    }  # fmt: skip


def alone(path, copies, as_is):
    """Run in a process of its own."""
    command = [sys.executable, __file__, str(path), "--one", str(copies), *(["--as-is"] if as_is else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="an OSM extract")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 5, 20, 50])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "plugspan-benchmark")
    parser.add_argument("--as-is", action="store_true", help="give no numbers to roads without one")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.source, options.one, options.as_is)))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    print(
        f"{'copies':>6}{'road km':>10}{'gaps':>8}{'read s':>9}{'routes s':>10}{'assess s':>10}{'MB':>7}{'÷ linear':>10}"
    )
    first = None
    for copies in options.copies:
        row = alone(prepared(options.work, options.source, copies, ".osm.pbf"), copies, options.as_is)
        first = first or row
        linear = first["assess_s"] / first["copies"] * copies
        print(
            f"{copies:>6}{row['length_km']:>10.0f}{row['gaps']:>8}{row['read_s']:>9.2f}{row['routes_s']:>10.2f}"
            f"{row['assess_s']:>10.2f}{row['peak_mb']:>7.0f}{row['assess_s'] / linear:>10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
