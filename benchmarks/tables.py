"""How long a large list of chargers takes: checked, grouped into sites, and located on the roads.

    python benchmarks/tables.py [ROADS.osm.pbf] [--rows 100000 1000000]

A list of eleven columns with Chinese headers is made with a fixed seed: three rows to a place, 37 operators, positions
anywhere within the extent of the roads (those of the sample if no file is given). Each size runs in a process of its
own. What should stay below 15 seconds for 100 000 rows, and below 60 seconds and 2 GB for 1 000 000, is the sum of
``check`` (reading and checking), ``merge`` (grouping into sites) and ``locate`` (the nearest road of each site). Times
are processor seconds, which other work on the machine disturbs less; memory is the largest resident size.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from plugspan.inputs import CHARGERS, SCHEMAS, collect, empty_table, read_table
from plugspan.network import read_osm
from plugspan.network.distances import Snapper
from plugspan.units import lonlat

ROADS = Path(__file__).resolve().parent.parent / "data" / "osm" / "zhuzhou-sample.osm.pbf"
SEED = 20250630


def write_list(path: Path, rows: int, bounds: tuple[float, float, float, float]) -> None:
    """Write a list of so many rows, with positions within (west, south, east, north)."""
    rng = np.random.default_rng(SEED)
    west, south, east, north = bounds
    lon, lat = rng.uniform(west, east, rows), rng.uniform(south, north, rows)
    with path.open("w", encoding="utf-8") as out:
        out.write("编号,名称,运营商,经度,纬度,枪数,单枪功率,电流类型,状态,开放属性,投运日期\n")
        for i in range(rows):
            place = f"{lon[i // 3]:.6f},{lat[i // 3]:.6f}"
            kind = "直流" if i % 4 else "交流"
            rest = f"{1 + i % 8},{(7, 60, 120, 180)[i % 4]},{kind},运营,公共,2023-0{1 + i % 9}-1{i % 9}"
            out.write(f"c{i},站{i // 3},运营商{i % 37},{place},{rest}\n")


def measure(rows: int, roads: Path) -> dict[str, float]:
    """Processor seconds of each step, and the memory."""
    graph = read_osm(roads).roads
    bounds = (*graph.node_xy.min(axis=0).tolist(), *graph.node_xy.max(axis=0).tolist())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        write_list(path, rows, bounds)
        steps, at = {}, time.process_time()

        def done(name: str) -> None:
            nonlocal at
            steps[name], at = time.process_time() - at, time.process_time()

        table = read_table(path, CHARGERS)
        done("check")
        tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()} | {"chargers": table}
        sites = collect(tables, None, ()).sites
        done("merge")
        Snapper(graph).snap(lonlat(sites.geometry))
        done("locate")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory_gb = peak / (1e9 if sys.platform == "darwin" else 1e6)
    return {**steps, "sum": sum(steps.values()), "memory_gb": memory_gb, "sites": len(sites)}


def main() -> None:
    """Measure each size and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("roads", nargs="?", type=Path, default=ROADS)
    asked.add_argument("--rows", nargs="+", type=int, default=[100_000, 1_000_000])
    asked.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given.one, given.roads)))
        return
    print(f"{'rows':>10}{'check':>9}{'merge':>9}{'locate':>9}{'sum':>9}{'memory':>10}{'sites':>10}")
    for rows in given.rows:
        command = [sys.executable, __file__, str(given.roads), "--one", str(rows)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        times = "".join(f"{found[name]:7.1f} s" for name in ("check", "merge", "locate", "sum"))
        print(f"{rows:>10}{times}{found['memory_gb']:7.2f} GB{found['sites']:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
