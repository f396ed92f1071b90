"""How fast a province is read, against other tools, in one run.

    python benchmarks/province.py ../shared/data/osm/liechtenstein.osm.pbf

An extract is laid side by side until it has the size of a province (50 copies of Liechtenstein: 7 M nodes,
750 000 ways). Ids are numbered anew without gaps, which favours the floor: osmium-tool keeps a bit for each
possible id. Then each tool runs in a process of its own:

floor
    ``osmium tags-filter FILE w/highway``: finds the roads and their nodes, compiled, and writes them.
read_osm
    plugspan: PBF to simplified directed graph with exact lengths, and all feature tables.
read_network
    plugspan: the graph alone.
pyrosm
    ``OSM(FILE).get_network("driving", nodes=True)``: nodes and edges, not simplified, with its cache emptied.
OSMnx
    ``graph_from_xml`` on one copy (its XML), times the number of copies: it does not hold a province.

Times are those of the whole process with imports, the best of several; processor time tells more on a busy
machine; memory is the largest resident size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import osmium
from osmium.osm import mutable

FLOOR = "osmium tags-filter"
COLUMNS, STEP_LON, STEP_LAT = 10, 0.25, 0.3
RUN = {
    "read_osm": "from plugspan.network import read_osm; print(read_osm(FILE).roads.n_segments)",
    "read_network": "from plugspan import read_network; print(read_network(FILE).n_segments)",
    "pyrosm": "from pyrosm import OSM; OSM.clear_cache(FILE); osm = OSM(FILE); "
    "nodes, edges = osm.get_network('driving', nodes=True); OSM.clear_cache(FILE); print(len(edges))",
    "OSMnx": "import osmnx as ox; print(len(ox.graph_from_xml(FILE, retain_all=True).edges))",
}


def read_extract(path):
    """Nodes, ways, relations as tuples, with ids numbered from 0 without gaps in their old order."""
    nodes, ways, relations = [], [], []
    for item in osmium.FileProcessor(str(path)):
        tags = dict(item.tags)
        if item.is_node():
            nodes.append((item.id, item.location.lon, item.location.lat, tags))
        elif item.is_way():
            ways.append((item.id, [n.ref for n in item.nodes], tags))
        else:
            relations.append((item.id, [(m.type, m.ref, m.role) for m in item.members], tags))
    members = [m for r in relations for m in r[1]]
    ids = {
        "n": {n[0] for n in nodes} | {r for w in ways for r in w[1]},
        "w": {w[0] for w in ways},
        "r": {r[0] for r in relations},
    }
    number = {
        kind: {old: new for new, old in enumerate(sorted(known | {m[1] for m in members if m[0] == kind}))}
        for kind, known in ids.items()
    }
    return (
        sorted(((number["n"][i], *rest) for i, *rest in nodes), key=lambda n: n[0]),
        sorted(
            ((number["w"][i], [number["n"][r] for r in refs], t) for i, refs, t in ways), key=lambda w: w[0]
        ),
        sorted(
            ((number["r"][i], [(a, number[a][b], c) for a, b, c in ms], t) for i, ms, t in relations),
            key=lambda r: r[0],
        ),
        {kind: len(numbers) for kind, numbers in number.items()},
    )


def replicate(source, target, copies):
    """Lay an extract side by side: first all nodes, then all ways, then all relations, by id."""
    nodes, ways, relations, span = read_extract(source)
    part = target.with_name(f".{os.getpid()}-{target.name}")
    with osmium.SimpleWriter(str(part), overwrite=True) as writer:
        for k in range(copies):
            dx, dy = k % COLUMNS * STEP_LON, k // COLUMNS * STEP_LAT
            for i, x, y, tags in nodes:
                writer.add_node(mutable.Node(id=1 + i + k * span["n"], location=(x + dx, y + dy), tags=tags))
        for k in range(copies):
            for i, refs, tags in ways:
                shifted = [1 + r + k * span["n"] for r in refs]
                writer.add_way(mutable.Way(id=1 + i + k * span["w"], nodes=shifted, tags=tags))
        for k in range(copies):
            for i, members, tags in relations:
                shifted = [(kind, 1 + ref + k * span[kind], role) for kind, ref, role in members]
                writer.add_relation(mutable.Relation(id=1 + i + k * span["r"], members=shifted, tags=tags))
    part.replace(target)


def prepared(work, source, copies, suffix):
    """Return the file with so many copies; make it if it is not there."""
    path = work / f"{source.name.split('.')[0]}-{copies}{suffix}"
    if not path.exists():
        print(f"making {path} …", file=sys.stderr)
        replicate(source, path, copies)
    return path


def measure(command, repeats):
    """Best wall and processor time in seconds, and largest resident size in MB, of a command."""
    best, cpu, peak_mb = float("inf"), float("inf"), 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"failed: {' '.join(command)}")
        best = min(best, time.perf_counter() - start)
        cpu = min(cpu, usage.ru_utime + usage.ru_stime)
        peak_mb = max(peak_mb, usage.ru_maxrss / 1024)
    return best, cpu, peak_mb


def python(tool, path):
    return [sys.executable, "-W", "ignore", "-c", RUN[tool].replace("FILE", repr(str(path)))]


def compare(work, source, copies, repeats):
    """Measure all tools; rows of (tool, seconds, processor seconds, MB, note)."""
    big = prepared(work, source, copies, ".osm.pbf")
    single = prepared(work, source, 1, ".osm")
    filtered = str(work / "filtered.osm.pbf")
    floor = ["osmium", "tags-filter", "--no-progress", "--overwrite", "-o", filtered, str(big), "w/highway"]
    rows = []
    if shutil.which("osmium"):
        rows.append((FLOOR, *measure(floor, repeats), ""))
    rows += [(tool, *measure(python(tool, big), repeats), "") for tool in ("read_osm", "read_network")]
    rows.append(("pyrosm", *measure(python("pyrosm", big), 1), "once"))
    seconds, cpu, peak_mb = measure(python("OSMnx", single), 1)
    rows.append(("OSMnx", seconds * copies, cpu * copies, peak_mb, f"one copy ({seconds:.1f} s) × {copies}"))
    return rows


def show(rows):
    """Print a table with each tool's time as a multiple of read_osm's, and read_osm's of the floor's."""
    times = {tool: (seconds, cpu) for tool, seconds, cpu, *_ in rows}
    ours, our_cpu = times["read_osm"]
    print(f"{'tool':<20}{'s':>10}{'× read_osm':>12}{'cpu s':>10}{'MB':>8}  note")
    for tool, seconds, cpu, peak_mb, note in rows:
        print(f"{tool:<20}{seconds:>10.2f}{seconds / ours:>12.2f}{cpu:>10.2f}{peak_mb:>8.0f}  {note}")
    if FLOOR in times:
        wall, cpu = times[FLOOR]
        print(
            f"read_osm takes {ours / wall:.2f} × the floor (processor time {our_cpu / cpu:.2f} ×); aim: 1.3"
        )


def curve(work, source, counts, repeats):
    """Print the time against the number of copies."""
    print(f"{'copies':<20}{'s':>10}{'cpu s':>10}{'MB':>8}")
    for copies in counts:
        path = prepared(work, source, copies, ".osm.pbf")
        seconds, cpu, peak_mb = measure(python("read_osm", path), repeats)
        print(f"{copies:<20}{seconds:>10.2f}{cpu:>10.2f}{peak_mb:>8.0f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="an OSM extract")
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "plugspan-benchmark")
    parser.add_argument("--curve", action="store_true", help="also 1, 2, 5, 10, 25 … copies")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    show(compare(options.work, options.source, options.copies, options.repeats))
    if options.curve:
        counts = [n for n in (1, 2, 5, 10, 25) if n < options.copies]
        curve(options.work, options.source, [*counts, options.copies], options.repeats)


if __name__ == "__main__":
    main()
