"""The kinds of cases: each spoils one input of the small world and says which commands then read it.

A kind is a function of a random generator and the folder with a fresh copy of the world; it returns command lines.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from importlib import resources

import small_world as world
import spoil
from openpyxl.utils.exceptions import IllegalCharacterError
from osm_xml import osm_xml, write_osm

OUT = "out"
"""Commands write below this folder of the case and nowhere else."""


def read_it(rng, *, deep=0.25):
    """Commands that read the project: mostly ``check``, now and then the whole way to a run folder."""
    dice = rng.random()
    if dice < deep / 4:
        return [["run", "in", "--out", f"{OUT}/run"]]
    if dice < deep:
        return [[rng.choice(("site", "assess")), "in"]]
    return [["check", "in"]]


def edit(folder, pattern, new):
    """Replace in the project file; ``new`` stands as it is."""
    path = folder / "project.toml"
    text, n = re.subn(pattern, lambda _: new, path.read_text("utf-8"), flags=re.MULTILINE)
    assert n, pattern
    path.write_text(text, "utf-8")


# -- settings ----------------------------------------------------------------------------------------------------

MORE = (
    {"siting": {"capacity": {"per_plug": 500, "plugs": 4, "per_site": 2000}}}, {"siting": {"backup": 0.3}},
    {"siting": {"scenarios": {"a": {"demand": 2.0, "detour": 1.3}, "b": {"demand": {"West": 0.5}}}}},
    {"siting": {"scenario_goal": "worst", "scenarios": {"a": {"demand": 2.0, "probability": 3}}}},
    {"siting": {"aims": {"people": 1, "highway": 2, "flow": 1, "equity": 1, "cost": 1}}},
    {"siting": {"pareto_front": ["people", "highway"]}},
    {"siting": {"required": ["f3"], "forbidden": ["f4"], "min_per_county": {"West": 1}}},
    {"siting": {"objective": "highway", "budget": 3.0, "method": "exact", "gap": 0.1, "seed": 3}},
    {"siting": {"candidates": ["fuel", "route_point"], "method": "greedy"}}, { "output": {
    "basemap": "https://tiles.example/{z}/{x}/{y}.png", "title": "T", "author": "A", "note": "N", } },
    {"region": {"bbox": [112.95, 27.48, 113.09, 27.6], "halo_km": 3}}, {"region": {"osm_relation": 900}},
    {"region": {"name": "West"}}, {"network": {"overpass": "http://127.0.0.1:9", "nominatim": "http://127.0.0.1:9"}},
    {"tables": {name: {"from_osm": True} for name in ("chargers", "demand", "facilities")}}, {"policy": "eu-afir"},
    {"policy": "policy.toml"},
)  # fmt: skip
RAW = (
    "9" * 5000, "0." + "9" * 5000, "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "0", "-0.0", "-1", str(2**63),
    str(2**64), "[" * 3000 + "]" * 3000, "[" * 200 + "]" * 200, "{ a = 1 }", "[]", "[[]]", "1979-05-27T07:32:00Z",
    "0001-01-01", "9999-12-31", "07:32:00", '""', '"\\u0000"', "'''\n'''", "true", "0xffffffffffffffffffff",
    '"' + "a" * 100_000 + '"', '"(a+)+$"', '"(?P<"', '"[[:alpha:]"', '["(1+)+x"]', '"/dev/zero"', '"."', '".."',
    '"https://{zz}/{x}"', '"file:///{z}/{x}/{y}"', '"//host/{z}/{x}/{y}"', '"epsg:0"', '"EPSG:999999"', '"EPSG:4978"',
)  # fmt: skip


def project(rng, folder):
    """The project file: text, any value of any key, keys that the small world leaves out."""
    path = folder / "project.toml"
    policy = (resources.files("plugspan.rules") / "profiles" / "zhuzhou-2025.toml").read_text("utf-8")
    tree = tomllib.loads(world.PROJECT)
    for more in rng.sample(MORE, rng.choice((0, 0, 1, 2))):
        for key, value in more.items():
            tree[key] = {**tree[key], **value} if isinstance(value, dict) else value
    tree["region"].pop("file", None) if len(tree["region"]) > 2 else None
    what = rng.randrange(8)
    if what == 0:
        path.write_text(spoil.spoil_text(rng, world.PROJECT), "utf-8", "replace")
    elif what == 1:
        path.write_bytes(spoil.spoil_bytes(rng, world.PROJECT.encode()))
    elif what == 2:
        tree["policy"] = "policy.toml"
        policy = rng.choice(
            (spoil.spoil_text(rng, policy), _raw(rng, policy), _spoilt_toml(rng, tomllib.loads(policy)))
        )
    elif what <= 5:
        path.write_text(_raw(rng, spoil.toml_text_long(tree)), "utf-8", "replace")
    else:
        path.write_text(_spoilt_toml(rng, tree), "utf-8", "replace")
    if what == 2:
        path.write_text(spoil.toml_text(tree), "utf-8")
    (folder / "policy.toml").write_text(policy, "utf-8", "replace")
    return read_it(rng, deep=0.6)


def _raw(rng, text):
    """Give a key of a document another value, as written in :data:`RAW`."""
    lines = text.split("\n")
    keyed = [i for i, line in enumerate(lines) if "=" in line]
    for at in rng.sample(keyed, rng.choice((1, 1, 2))):
        lines[at] = lines[at].split("=")[0] + "= " + rng.choice(RAW)
    return "\n".join(lines)


def _spoilt_toml(rng, tree):
    return spoil.toml_text(spoil.spoil_tree(rng, tree, rng.choice((1, 1, 1, 2, 3))))


# -- tables ------------------------------------------------------------------------------------------------------


def _table(rng, folder, suffix):
    """Name of a table of which the project now reads the file with another suffix; the file."""
    name = rng.choice(sorted(world.TABLES))
    edit(folder, rf'^path = "{name}\.csv"', f'path = "{name}{suffix}"')
    return name, folder / f"{name}{suffix}"


def csv(rng, folder):
    """Cells, rows and columns of a CSV table; its text, bytes and encoding."""
    name, path = _table(rng, folder, ".csv")
    what = rng.randrange(10)
    if what <= 6:
        text = world.as_csv(spoil.spoil_rows(rng, world.records(name)))
        path.write_bytes(
            text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16")), "replace")
        )
    elif what <= 8:
        path.write_text(spoil.spoil_text(rng, world.TABLES[name]), "utf-8", "replace")
    else:
        path.write_bytes(spoil.spoil_bytes(rng, world.TABLES[name].encode()))
    if rng.random() < 0.1:
        odd = rng.choice(
            (
                "utf-8",
                "gbk",
                "hex",
                "rot13",
                "zip",
                "base64",
                "idna",
                "punycode",
                "undefined",
                "\x00",
                "utf_7",
            )
        )
        edit(folder, rf'^path = "{name}\.csv"', f'path = "{name}.csv"\nencoding = {spoil.toml_value(odd)}')
    return read_it(rng)


def xlsx(rng, folder):
    """Cells of a workbook, the parts of its archive, its bytes."""
    name, path = _table(rng, folder, ".xlsx")
    if rng.random() < 0.35:
        try:
            world.write_xlsx(path, spoil.spoil_rows(rng, world.records(name)))
        except (ValueError, TypeError, IllegalCharacterError):  # openpyxl itself refuses them
            path.write_bytes(spoil.spoil_archive(rng, path.read_bytes()))
    else:
        path.write_bytes(spoil.spoil_archive(rng, path.read_bytes()))
    return read_it(rng)


def geojson(rng, folder):
    """A table or the region as GeoJSON: any part of its tree, its text."""
    if rng.random() < 0.3:
        path = folder / "counties.geojson"
    else:
        _, path = _table(rng, folder, ".geojson")
    text = path.read_text("utf-8")
    what = rng.randrange(8)
    if what <= 4:
        text = json.dumps(spoil.spoil_tree(rng, json.loads(text)), ensure_ascii=rng.random() < 0.5)
    elif what <= 6:
        text = spoil.spoil_text(rng, text)
    else:
        text = spoil.spoil_bytes(rng, text.encode()).decode("latin-1")
    path.write_text(text, "utf-8", "replace")
    return read_it(rng)


def vector(rng, folder):
    """A table or the region as GeoPackage, Shapefile or FlatGeobuf: bytes, and a GeoPackage through SQL."""
    if rng.random() < 0.4:
        path = folder / f"counties{rng.choice(('.gpkg', '.gpkg', '.shp', '.fgb'))}"
        key = rng.choice((r'^file = "counties\.geojson"', r'^path = "counties\.geojson"'))
        edit(folder, key, f'{"path" if "path" in key else "file"} = "{path.name}"')
    else:
        _, path = _table(rng, folder, ".gpkg")
    if path.suffix == ".gpkg" and rng.random() < 0.6:
        spoil.spoil_sqlite(rng, path)
    else:
        part = (
            path.with_suffix(rng.choice((".shp", ".shx", ".dbf", ".prj", ".cpg")))
            if path.suffix == ".shp"
            else path
        )
        part.write_bytes(spoil.spoil_bytes(rng, part.read_bytes()))
    return read_it(rng)


RINGS = (
    [[170, -20], [-170, -20], [-170, 20], [170, 20], [170, -20]],
    [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]], [[0, 85], [120, 85], [240, 85], [0, 85]],
    [[0, 90], [90, 90], [45, 90], [0, 90]], [[113, 27], [114, 28], [114, 27], [113, 28], [113, 27]],
    [[113, 27], [113, 27], [113, 27], [113, 27]], [[113, 27], [114, 28], [113, 27]],
    [[113, 27], [114, 28], [114, 27]], [[113, 27]], [],
    [[12553413, 3129023], [12664732, 3129023], [12664732, 3253000], [12553413, 3129023]],
    [[113, 27, 5], [114, 27, 5], [114, 28, 5], [113, 27, 5]],
    [[113, 27.5], [113.00000001, 27.5], [113, 27.50000001], [113, 27.5]],
    [[27, 113], [28, 113], [28, 114], [27, 113]],
)  # fmt: skip


def region(rng, folder):
    """Regions of every odd shape, as polygon, as box, or none."""
    what = rng.randrange(5)
    if what == 0:
        box = rng.choice(
            (
                (-180, -90, 180, 90),
                (179, -10, 180, 10),
                (112.9, 27.4, 113, 27.6),
                (0, 89.9, 1, 90),
                (113, 27, 113.0000001, 27.0000001),
            )
        )
        edit(folder, r'^file = "counties\.geojson"', f"bbox = {list(box)}")
    elif what == 1:
        edit(folder, r'^file = "counties\.geojson"', "")
    else:
        shape = rng.choice(RINGS)
        rings = [shape] if rng.random() < 0.7 else [shape, rng.choice(RINGS)]
        if rng.random() < 0.4:
            rings = spoil.spoil_tree(rng, rings)
        geometry = {
            "type": rng.choice(("Polygon", "Polygon", "Polygon", "LineString", "MultiPolygon")),
            "coordinates": rings,
        }
        feature = {"type": "Feature", "properties": {"name": "X"}, "geometry": geometry}
        name = "counties.geojson" if rng.random() < 0.3 else "region.geojson"
        (folder / name).write_text(
            json.dumps({"type": "FeatureCollection", "features": [feature] * rng.choice((1, 1, 2))}), "utf-8"
        )
        edit(folder, r'^file = "counties\.geojson"', f'file = "{name}"')
    edit(folder, r"^halo_km = .*", f"halo_km = {rng.choice((0, 5, 40, 3000, 20000))}")
    return read_it(rng, deep=0.5)


# -- networks ----------------------------------------------------------------------------------------------------

TAGS = (
    "highway", "ref", "oneway", "maxspeed", "junction", "access", "route", "duration", "name", "area", "amenity",
    "capacity", "population", "place", "admin_level", "boundary", "type", "socket:type2_combo",
    "socket:type2_combo:output", "start_date", "opening_hours", "operator",
)  # fmt: skip
VALUES = (
    "yes", "no", "-1", "motorway", "primary", "G107", "G107;G107;;S201", "；", "G 107", "roundabout", "50 mph",
    "PT99999999H", "00:00", "walk", "none", "multipolygon", "1e400", "administrative", "city", "charging_station",
    "150 kW;50", "9" * 400, *spoil.HOSTILE,
)  # fmt: skip
PLACES = (
    (113.0, 27.5), (0.0, 0.0), (180.0, 90.0), (-180.0, -90.0), (200.0, 100.0), (113.0, 90.0), (214.7483647, 0.0),
)  # fmt: skip


def _from_osm(rng, folder):
    """Take some tables from the OSM file."""
    for name in ("chargers", "facilities", "berths", "car_parks", "demand"):
        if rng.random() < 0.4:
            edit(folder, rf'^path = "{name}\.csv".*', "from_osm = true")
    if rng.random() < 0.2:
        edit(folder, r'^file = "counties\.geojson"', "osm_relation = 900")


def _spoilt_roads(rng):
    """Nodes, ways and relations with something wrong."""
    nodes, ways, relations = (list(part) for part in world.roads())
    for _ in range(rng.choice((1, 1, 2, 5))):
        what, at = rng.randrange(14), rng.randrange(len(ways) or 1)
        if what == 0:
            nodes = rng.sample(nodes, rng.randrange(len(nodes) + 1))
        elif what == 1:
            nodes = [n for n in nodes if n[0] not in set(ways[at][1])] if ways else nodes
        elif what == 2:
            place = rng.choice(PLACES)
            nodes = [(i, *place, t) for i, _, _, t in nodes]
        elif what == 3 and nodes:
            k = rng.randrange(len(nodes))
            nodes[k] = nodes[k][0], *rng.choice(PLACES), nodes[k][3]
        elif what == 4 and ways:
            i, refs, tags = ways[at]
            ways[at] = (
                i,
                rng.choice(
                    (refs[:1], [], [refs[0]] * 3 if refs else [], refs[::-1], refs * 2, refs * 50, [10**18])
                ),
                tags,
            )
        elif what <= 7 and ways:
            i, refs, tags = ways[at]
            ways[at] = i, refs, {**tags, rng.choice(TAGS): rng.choice(VALUES)}
        elif what == 8 and ways:
            ways = ways if rng.random() < 0.5 else [rng.choice(ways)]
            ways += [(rng.choice((-5, 0, 2**62, ways[0][0])), rng.choice(ways)[1], rng.choice(ways)[2])]
        elif what == 9 and nodes:
            k = rng.randrange(len(nodes))
            nodes[k] = rng.choice((-1, 0, 2**62, nodes[0][0])), *nodes[k][1:]
        elif what == 10:
            i, members, tags = relations[0]
            members = rng.choice(
                (members[:1], members * 2, [("relation", i, "outer")], [], [("node", 1, "")])
            )
            relations = [(i, members, {**tags, rng.choice(TAGS): rng.choice(VALUES)})]
        elif what == 11 and nodes:
            k = rng.randrange(len(nodes))
            nodes[k] = (
                *nodes[k][:3],
                {**nodes[k][3], **{rng.choice(TAGS): rng.choice(VALUES) for _ in range(3)}},
            )
        elif what == 12:
            nodes = [(i, 113 + (x - 113) * 1e-6, 27.5 + (y - 27.5) * 1e-6, t) for i, x, y, t in nodes]
        elif what == 13:
            ways = rng.sample(ways, rng.randrange(len(ways) + 1))
    return nodes, ways, relations


def osm(rng, folder):
    """An OSM file as XML: objects, tags and places, its text, its bytes."""
    path = folder / "roads.osm"
    _from_osm(rng, folder)
    what = rng.randrange(8)
    if what <= 4:
        path.write_text(osm_xml(*_spoilt_roads(rng), ways_first=rng.random() < 0.2), "utf-8", "replace")
    elif what <= 6:
        path.write_text(spoil.spoil_xml(rng, path.read_text("utf-8")), "utf-8", "replace")
    else:
        path.write_bytes(spoil.spoil_bytes(rng, path.read_bytes()))
    return read_it(rng, deep=0.5)


def pbf(rng, folder):
    """An OSM file as PBF: objects, the inside of its blocks, its bytes."""
    path = folder / "roads.osm.pbf"
    edit(folder, r'^osm = "roads\.osm"', 'osm = "roads.osm.pbf"')
    _from_osm(rng, folder)
    what = rng.randrange(8)
    if what <= 1:
        try:
            path = write_osm(path, *_spoilt_roads(rng))
        except (RuntimeError, ValueError):  # osmium itself refuses it
            what = 5
    if 1 < what <= 6:
        path.write_bytes(spoil.spoil_pbf(rng, path.read_bytes()))
    elif what > 6:
        path.write_bytes(spoil.spoil_bytes(rng, path.read_bytes()))
    return read_it(rng, deep=0.5)


def graph(rng, folder):
    """A network written by OSMnx: GraphML by its marks, GeoPackage by SQL, bytes."""
    path = folder / rng.choice(("roads.graphml", "graph.gpkg"))
    edit(folder, r'^osm = "roads\.osm"', f'osm = "{path.name}"')
    if rng.random() < 0.2:
        path.write_bytes(spoil.spoil_bytes(rng, path.read_bytes()))
    elif path.suffix == ".gpkg":
        spoil.spoil_sqlite(rng, path)
    else:
        path.write_text(spoil.spoil_xml(rng, path.read_text("utf-8")), "utf-8", "replace")
    return read_it(rng)


# -- outputs -----------------------------------------------------------------------------------------------------


def template(rng, folder):
    """The bureau's Word template."""
    path = folder / "template.docx"
    path.write_bytes(spoil.spoil_archive(rng, path.read_bytes()))
    edit(folder, r"^\[output\]", '[output]\nreport_template = "template.docx"')
    edit(folder, r'^objective = "people"\nsites = 2', "sites = 0")
    return [["report", "in", "--file", f"{OUT}/report.docx"]]


def run_folder(rng, folder):
    """A run folder, for ``verify`` and ``compare``: its results by their tree, its layers through SQL, bytes."""
    run = folder / "run"
    if rng.random() < 0.2:
        run = run.rename(folder / rng.choice(("run#1", "a?b", "100%25", "a b", "run;x", "%2e%2e", "'q'")))
    result, layers = run / "result.json", run / "layers.gpkg"
    what = rng.randrange(10)
    if what <= 4:
        tree = spoil.spoil_tree(rng, json.loads(result.read_text("utf-8")))
        result.write_text(json.dumps(tree), "utf-8")
    elif what == 5:
        result.write_text(spoil.spoil_text(rng, result.read_text("utf-8")), "utf-8", "replace")
    elif what <= 7:
        for _ in range(rng.choice((1, 4))):
            spoil.spoil_sqlite(rng, layers)
    elif what == 8:
        path = rng.choice(sorted(run.iterdir()))
        path.write_bytes(spoil.spoil_bytes(rng, path.read_bytes()))
    else:
        rng.choice(sorted(run.iterdir())).unlink()
    return [["verify", f"in/{run.name}"], ["compare", f"in/{run.name}", "in/again"]]


def names(rng, folder):
    """Hostile names in every text of every table, of the roads and of the project, then a whole run."""
    for name in world.TABLES:
        head, *rows = world.records(name)
        texts = [
            k
            for k, column in enumerate(head)
            if column in ("name", "operator", "note", "port", "wharf", "ship", "service_area", "pair", "id")
        ]
        for row in rows:
            for k in texts:
                if rng.random() < 0.5 and not (name == "calls" and head[k] == "berth"):
                    row[k] = rng.choice(spoil.HOSTILE) + str(rng.random()) * (head[k] == "id")
        (folder / f"{name}.csv").write_text(world.as_csv([head, *rows]), "utf-8", "replace")
    area = world.counties()
    area["name"] = rng.sample([h for h in spoil.HOSTILE if "\0" not in h], 2)
    (folder / "counties.geojson").write_text(area.to_json(drop_id=True), "utf-8", "replace")
    nodes, ways, relations = world.roads()
    ways = [(i, refs, {**tags, "name": rng.choice(spoil.HOSTILE)}) for i, refs, tags in ways]
    nodes = [
        (i, x, y, {k: rng.choice(spoil.HOSTILE) if k == "name" else v for k, v in t.items()})
        for i, x, y, t in nodes
    ]
    text = osm_xml(nodes, ways, relations)
    (folder / "roads.osm").write_text(re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text), "utf-8")
    for key in ("title", "author", "approval_number", "sources", "note"):
        edit(folder, r"^\[output\]", f"[output]\n{key} = {spoil.toml_value(rng.choice(spoil.HOSTILE))}")
    edit(folder, r"^name = .*", f"name = {spoil.toml_value(rng.choice(spoil.HOSTILE))}")
    lang = rng.choice(("zh", "en"))
    return [["run", "in", "--out", f"{OUT}/run", "--lang", lang], ["verify", f"{OUT}/run"]]


KINDS: dict[str, Callable] = {
    kind.__name__: kind
    for kind in (project, csv, xlsx, geojson, vector, region, osm, pbf, graph, template, run_folder, names)
}
