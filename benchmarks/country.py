"""A country by its regions: time and memory per region, what cutting costs, and the cost of many counties.

    python benchmarks/country.py ../shared/data/osm/liechtenstein.osm.pbf --regions 14 100 300 --workers 1 2

Copies of an extract are laid side by side and joined by made-up trunk roads, with made-up charging sites, service
stations, berths and people, as ``benchmarks/plan.py`` has them. Each copy is a region; the country's road file is
that of all of them. Each run is a process of its own in a fresh folder.

Each line: seconds of the whole; processor time of the client, which reads, cuts and writes the national results, and
of the workers per run; what the client takes of all processor time; seconds and memory of cutting; per region its
seconds (median and largest) and the largest memory of the process that ran it; the national run; the national results.
Processor times tell more on a busy machine.

The last lines reckon, from the smallest and the largest country that were run, what 2 900 counties cost on 64 cores:
the client and the national run grow with the roads and run alone, regions share the cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
from plan import prepare
from province import COLUMNS, STEP_LAT, STEP_LON
from shapely import box

TOML = """schema = 1
name = "country"
policy = "zhuzhou-2025"
language = "en"
assess_at = 2025-12-31
[regions]
file = "regions.gpkg"
id = "code"
name = "name"
[network]
osm = "province.osm.pbf"
[tables.chargers]
path = "chargers.csv"
[tables.facilities]
path = "facilities.csv"
[tables.berths]
path = "berths.csv"
[tables.demand]
path = "demand.csv"
[siting]
route_point_km = 1.0
"""
WEST, SOUTH = 9.4, 47.0
COUNTIES, CORES = 2900, 64


def country_of(work: Path, source: Path, n: int, *, planned: bool) -> Path:
    """Return the project file of a country of so many regions; make what is not there."""
    folder = prepare(work, source, n, 1.0).parent
    corners = [(WEST + k % COLUMNS * STEP_LON, SOUTH + k // COLUMNS * STEP_LAT) for k in range(n)]
    shapes = [box(x, y, x + STEP_LON, y + STEP_LAT) for x, y in corners]
    codes = [f"R{k:04d}" for k in range(n)]
    names = {"code": codes, "name": [f"Region {k}" for k in range(n)]}
    gpd.GeoDataFrame(names, geometry=shapes, crs="EPSG:4326").to_file(
        folder / "regions.gpkg", layer="regions"
    )
    toml = folder / "country.toml"
    toml.write_text(TOML + ("[plan]\n" if planned else ""), "utf-8")
    return toml


RUN = """
import resource
import sys
from pathlib import Path
from plugspan.country.run import run_country
from plugspan.project import read_project

if __name__ == "__main__":
    run_country(read_project(Path(sys.argv[1])), Path(sys.argv[2]), workers=int(sys.argv[3]))
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        print(used.ru_utime + used.ru_stime)
"""
WRITE = """
import sys, time
from pathlib import Path
from plugspan.country.outputs import write
from plugspan.project import read_project
from plugspan.study import read_project_policy

project = read_project(Path(sys.argv[1]))
policy, _ = read_project_policy(project)
started = time.perf_counter()
write(Path(sys.argv[2]), project, policy)
print(time.perf_counter() - started)
"""


def measured(toml: Path, out: Path, workers: int) -> dict[str, float]:
    """Run a country in a fresh folder: what it took, and of what."""
    shutil.rmtree(out, ignore_errors=True)
    script = out.with_suffix(".py")  # workers import the main module: it must be a file
    script.write_text(RUN, "utf-8")
    started = time.perf_counter()
    command = [sys.executable, str(script), str(toml), str(out), str(workers)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, (client, processes) = time.perf_counter() - started, map(float, ran.stdout.split())
    written = subprocess.run(
        [sys.executable, "-c", WRITE, str(toml), str(out)], check=True, capture_output=True, text=True
    )
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    done = [region for region in manifest["regions"] if region["state"] == "done"]
    failed = [region for region in manifest["regions"] if region["state"] == "failed"]
    for region in failed[:3]:
        print(f"{region['name']}: {region['reason']}", file=sys.stderr)
    # Runs side by side get the same share of a processor.
    all_s = sum(region["seconds"] for region in done) + (manifest["national"]["seconds"] or 0.0)
    of_national = processes * (manifest["national"]["seconds"] or 0.0) / all_s
    return {
        "seconds": seconds,
        "client": client,
        "each": (processes - of_national) / len(manifest["regions"]),
        "national_cpu": of_national,
        "cut": manifest["cutting"]["seconds"],
        "cut_mb": manifest["cutting"]["peak_mb"],
        "median": statistics.median(region["seconds"] for region in done),
        "most": max(region["seconds"] for region in done),
        "mb": max(region["peak_mb"] for region in done),
        "national": manifest["national"]["seconds"] or 0.0,
        "national_mb": manifest["national"]["peak_mb"] or 0.0,
        "write": float(written.stdout),
        "map_mb": (out / "country.html").stat().st_size / 1e6,
        "failed": len(failed),
    }


HEAD = ("regions", "workers", "s", "client", "region", "of it", "cutting", "MB", "region s", "most s", "MB", "national",
        "MB", "results", "map MB", "failed")  # fmt: skip


def row(n: int, workers: int, found: dict[str, float]) -> str:
    """A line of the table."""
    client, each = found["client"], found["each"]
    share = client / (client + each * n + found["national_cpu"])
    return (
        f"{n:>8}{workers:>8}{found['seconds']:>9.1f}{client:>9.1f}{each:>9.1f}{100 * share:>7.1f} %"
        f"{found['cut']:>9.1f}{found['cut_mb']:>7.0f}"
        f"{found['median']:>9.2f}{found['most']:>8.2f}{found['mb']:>7.0f}{found['national']:>9.1f}"
        f"{found['national_mb']:>7.0f}{found['write']:>9.1f}{found['map_mb']:>8.1f}{found['failed']:>8.0f}"
    )


def reckon(found: dict[int, dict[str, float]]) -> None:
    """Print what many counties cost on many cores: a fixed part, and one that grows with the regions."""
    (few, first), (many, last) = min(found.items()), max(found.items())

    def at(name: str) -> float:
        if few == many:
            return last[name] * COUNTIES / many
        slope = (last[name] - first[name]) / (many - few)
        return last[name] + slope * (COUNTIES - many)

    alone = {"client": at("client"), "national run": at("national_cpu")}
    alone[f"regions on {CORES} cores"] = last["each"] * COUNTIES / CORES
    sizes = " and ".join(str(n) for n in dict.fromkeys((few, many)))
    print(
        f"\n{COUNTIES} counties of this size on {CORES} cores, reckoned from {sizes} regions (processor time):"
    )
    for name, seconds in alone.items():
        print(f"{name:<26}{seconds / 60:>8.1f} min")
    print(f"{'in all, one after another':<26}{sum(alone.values()) / 60:>8.1f} min")
    print(f"{'memory of the workers':<26}{last['mb'] * CORES / 1024:>8.1f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="an OSM extract")
    parser.add_argument("--regions", type=int, nargs="+", default=[14])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--plan", action="store_true", help="with a plan for each region and the country")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "plugspan-benchmark")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    print("{:>8}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>9}{:>8}{:>7}{:>9}{:>7}{:>9}{:>8}{:>8}".format(*HEAD))
    found = {}
    for n in options.regions:
        toml = country_of(options.work, options.source, n, planned=options.plan)
        for workers in options.workers:
            found[n] = measured(toml, toml.parent / f"out-{workers}", workers)
            print(row(n, workers, found[n]), flush=True)
    reckon(found)
    print(
        f"\nmost memory of any process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
