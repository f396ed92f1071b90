"""How large a plan is proven: the levels of a plan for a province, in one run.

    python benchmarks/plan.py ../shared/data/osm/liechtenstein.osm.pbf

The province of ``benchmarks/province.py`` (50 copies of Liechtenstein) has no long roads, so trunk roads are made up
that join the copies: one along each row and each column of them. Charging sites (some of unknown power, some only AC),
service stations, berths and people are made up, too, by a fixed seed. Actions are places along the trunk roads,
towns, junctions, upgrades and berths. The plan is made for the least money, then with money for people, and
spread over three years.

Each line: what a level found, the bound that holds for every plan, and by how much they differ; ``prices``: the bound
that the prices of the rows prove by themselves. Memory is the largest resident size of the whole process, and of it
when the planning begins.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import osmium
from osmium.osm import mutable
from plugspan.pipeline import find_places
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, read_project
from plugspan.study import load
from province import COLUMNS, STEP_LAT, STEP_LON, prepared

HUB = 9.5215, 47.1410  # Vaduz
STEP_KM = 1.0
TOML = """schema = 1
name = "province"
policy = "zhuzhou-2025"
language = "en"
assess_at = 2025-12-31
[region]
bbox = [{west}, {south}, {east}, {north}]
halo_km = 1.0
[network]
osm = "{osm}"
[tables.chargers]
path = "chargers.csv"
[tables.facilities]
path = "facilities.csv"
[tables.berths]
path = "berths.csv"
[tables.demand]
path = "demand.csv"
[siting]
route_point_km = {step_km}
[plan]
"""


def hub_of(source: Path) -> tuple[float, float]:
    """Longitude and latitude of the node of a through road that is nearest to the middle of the extract."""
    roads = set()
    for way in osmium.FileProcessor(str(source), osmium.osm.WAY):
        if way.tags.get("highway") in ("primary", "secondary"):
            roads |= {n.ref for n in way.nodes}
    found = [
        (abs(n.location.lon - HUB[0]) + abs(n.location.lat - HUB[1]), n.id, n.location.lon, n.location.lat)
        for n in osmium.FileProcessor(str(source), osmium.osm.NODE)
        if n.id in roads
    ]
    return min(found)[2:]


def trunk_lines(copies: int, lon: float, lat: float):
    """(ref, copies that it joins) of the made-up trunk roads."""
    rows = [list(range(k, min(k + COLUMNS, copies))) for k in range(0, copies, COLUMNS)]
    lines = [(f"G{201 + k}", row) for k, row in enumerate(rows)]
    lines += [(f"S{301 + c}", [row[c] for row in rows if c < len(row)]) for c in range(COLUMNS)]
    return [
        (ref, [(lon + k % COLUMNS * STEP_LON, lat + k // COLUMNS * STEP_LAT, k) for k in line])
        for ref, line in lines
        if len(line) > 1
    ]


def bent(a, b, n=40):
    """Points between two places, in a bow."""
    t = np.linspace(0, 1, n + 1)[1:-1]
    bow = 0.03 * np.sin(2 * np.pi * t)
    dx, dy = b[0] - a[0], b[1] - a[1]
    return np.column_stack([a[0] + t * dx - bow * dy, a[1] + t * dy + bow * dx])


def join_copies(big: Path, source: Path, target: Path, copies: int):
    """Write the province with its trunk roads; their lines by ref."""
    lon, lat = hub_of(source)
    nodes, drawn, ways = [], {}, []
    last_way, last_node, hubs = 0, 0, {}
    wanted = {
        (round(lon + k % COLUMNS * STEP_LON, 6), round(lat + k // COLUMNS * STEP_LAT, 6)): k
        for k in range(copies)
    }
    for n in osmium.FileProcessor(str(big), osmium.osm.NODE):
        last_node = n.id
        k = wanted.get((round(n.location.lon, 6), round(n.location.lat, 6)))
        if k is not None:
            hubs.setdefault(k, n.id)
    for w in osmium.FileProcessor(str(big), osmium.osm.WAY):
        last_way = w.id
    for ref, line in trunk_lines(copies, lon, lat):
        refs, points = [], []
        for a, b in zip(line, line[1:], strict=False):
            middle = bent(a, b)
            ids = range(last_node + 1, last_node + 1 + len(middle))
            last_node += len(middle)
            nodes += [
                mutable.Node(id=i, location=(float(x), float(y)))
                for i, (x, y) in zip(ids, middle, strict=True)
            ]
            refs += [hubs[a[2]], *ids]
            points += [a[:2], *middle.tolist()]
        refs, points = [*refs, hubs[line[-1][2]]], [*points, line[-1][:2]]
        drawn[ref] = np.array(points)
        last_way += 1
        ways.append(mutable.Way(id=last_way, nodes=refs, tags={"highway": "trunk", "ref": ref}))
    with osmium.SimpleWriter(str(target), overwrite=True) as writer:
        for item in osmium.FileProcessor(str(big)):
            if item.is_way() and nodes:
                for node in nodes:
                    writer.add_node(node)
                nodes = []
            if item.is_relation() and ways:
                for way in ways:
                    writer.add_way(way)
                ways = []
            writer.add(item)
    return drawn


def places_of(source: Path) -> np.ndarray:
    """(p, 2) named places of one copy."""
    return np.array(
        [
            (n.location.lon, n.location.lat)
            for n in osmium.FileProcessor(str(source), osmium.osm.NODE)
            if "place" in n.tags
        ]
    )


def write_table(path: Path, rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def make_tables(folder: Path, source: Path, drawn, copies: int) -> None:
    """Charging sites, service stations, berths and people, made up by a fixed seed."""
    rng = np.random.default_rng(11)
    lines = list(drawn.values())
    refs = list(drawn)

    def on_road():
        k = int(rng.integers(len(lines)))
        i = int(rng.integers(len(lines[k]) - 1))
        return refs[k], *(lines[k][i] + rng.random() * (lines[k][i + 1] - lines[k][i]))

    shift = np.array([(k % COLUMNS * STEP_LON, k // COLUMNS * STEP_LAT) for k in range(copies)])
    towns = (places_of(source)[None] + shift[:, None]).reshape(-1, 2)
    chargers = []
    for k in range(5 * copies):
        if k % 5 < 2:
            _, x, y = on_road()
        else:
            x, y = towns[int(rng.integers(len(towns)))] + rng.normal(0, 0.004, 2)
        dc = rng.random() < 0.6
        power = "" if rng.random() < 0.2 else 120 if dc else 7
        built = (
            {"status": "planned", "opened": "2027-06-01"}
            if rng.random() < 0.05
            else {"status": "operational", "opened": "2022-01-01"}
        )
        chargers.append(
            {
                "id": f"C{k}",
                "lon": x,
                "lat": y,
                "kind": "charging",
                "current": "dc" if dc else "ac",
                "points": 4,
                "point_kw": power,
                "access": "public",
                **built,
            }
        )
    write_table(folder / "chargers.csv", chargers)
    stations = []
    for k in range(2 * copies):
        ref, x, y = on_road()
        stations.append(
            {
                "id": f"F{k}",
                "name": f"Station {k}",
                "kind": "ordinary_trunk_service_station",
                "lon": x,
                "lat": y,
                "ref": ref,
                "status": "operational",
                "surveyed": "yes" if rng.random() < 0.7 else "",
                "points": "",
                "fast_points": "",
            }
        )
    write_table(folder / "facilities.csv", stations)
    berths = []
    for k in range(2 * copies):
        x, y = towns[int(rng.integers(len(towns)))]
        berths.append(
            {
                "id": f"B{k}",
                "name": f"Berth {k}",
                "port": "P",
                "lon": x,
                "lat": y,
                "dwt": int(rng.choice([500, 1000, 3000])),
                "status": "operational",
                "shore_power": rng.choice(["yes", "no", "no", ""]),
            }
        )
    write_table(folder / "berths.csv", berths)
    people = []
    for k, (x, y) in enumerate(towns.tolist()):
        for d in range(2):
            spread = rng.normal(0, 0.01, 2)
            people.append(
                {
                    "id": f"D{k}-{d}",
                    "name": f"Place {k}-{d}",
                    "kind": "town" if d == 0 and rng.random() < 0.15 else "village",
                    "lon": x + spread[0],
                    "lat": y + spread[1],
                    "weight": int(rng.lognormal(6.5, 1.2)) + 1,
                    "county": "",
                }
            )
    write_table(folder / "demand.csv", people)


def prepare(work: Path, source: Path, copies: int, step_km: float) -> Path:
    """Return the project file of the province; make what is not there."""
    folder = work / f"plan-{copies}"
    osm = folder / "province.osm.pbf"
    toml = folder / "project.toml"
    if not osm.exists():
        folder.mkdir(parents=True, exist_ok=True)
        drawn = join_copies(prepared(work, source, copies, ".osm.pbf"), source, osm, copies)
        make_tables(folder, source, drawn, copies)
    west, south = 9.4, 47.0
    box = {
        "west": west,
        "south": south,
        "east": west + COLUMNS * STEP_LON + 0.1,
        "north": south + (copies // COLUMNS + 1) * STEP_LAT,
    }
    toml.write_text(TOML.format(osm=osm.name, step_km=step_km, **box), "utf-8")
    return toml


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


HEAD = ("level", "value", "bound", "gap", "prices", "status", "s")


def plan_with(study, candidates, **money) -> None:
    """Plan, and print a line for each level and for the years."""
    settings = study.project.model_copy(update={"plan": PlanSettings(**money)})
    start, cpu = time.perf_counter(), time.process_time()
    programme = plan_programme(replace(study, project=settings), candidates)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    if programme.faults:
        raise SystemExit(f"the proof has faults: {programme.faults}")
    found = [(level.name, level) for level in programme.levels]
    found += [("years", programme.stages)] if programme.stages is not None else []
    title = ", ".join(f"{key} {value}" for key, value in money.items()) or "least money"
    print(f"\n{title}: {len(programme.actions)} actions and events, {len(programme.chosen)} chosen")
    print("{:<10}{:>14}{:>14}{:>10}{:>14}{:>12}{:>8}".format(*HEAD))
    for name, one in found:
        numbers = (
            f"{one.objective:>14,.2f}{one.bound:>14,.2f}{100 * one.gap:>8.3f} %{one.price_bound:>14,.2f}"
        )
        print(f"{name:<10}{numbers}{one.status:>12}{one.runtime_s:>8.1f}")
    solved = sum(one.runtime_s for _, one in found)
    print(
        f"levels {solved:.1f} s, the whole plan {seconds:.1f} s ({cpu:.1f} s of a processor); {peak_mb():.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="an OSM extract")
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument("--step-km", type=float, default=STEP_KM, help="distance of the points along roads")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "plugspan-benchmark")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    toml = prepare(options.work, options.source, options.copies, options.step_km)
    start = time.perf_counter()
    study = load(read_project(toml))
    candidates = find_places(study)
    print(f"{study.inputs}, {len(study.routes)} routes, {len(candidates)} candidates")
    print(f"read in {time.perf_counter() - start:.1f} s; {peak_mb():.0f} MB")
    plan_with(study, candidates)
    plan_with(study, candidates, budget=20_000)
    plan_with(study, candidates, years={2026: 5000, 2027: 5000, 2030: 6000})


if __name__ == "__main__":
    main()
