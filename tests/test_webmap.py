"""The map as a file: what is in it, what can't be, and how layers and styles behave."""

# ruff: noqa: E501 (data in rows)

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from importlib import resources

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.render.webmap import Basemap, MapPage, render_map, write_map
from plugspan.render.webmap.charts import chart_tree
from plugspan.render.webmap.packing import (
    encode_varints,
    line_parts,
    pack_geometries,
    pack_texts,
    point_units,
    polygon_parts,
)
from plugspan.render.webmap.page import SCRIPTS, json_block
from plugspan.schema import shown
from plugspan.tables import styles
from plugspan.tables.layer import Category, FindingRow, Layer, LayerStyle, SourceNote
from plugspan.texts import catalogue
from shapely import GeometryCollection, LineString, MultiLineString, Point, Polygon
from webmap_case import case, col, frame, roads, schema

WEB = resources.files("plugspan.render") / "web"
STYLES = {
    "roads": styles.ROADS,
    "sites": styles.SITES,
    "car parks": styles.CAR_PARKS,
    "hubs": styles.HUBS,
    "demand": styles.DEMAND,
    "candidates": styles.CANDIDATES,
    "routes": styles.route_style(25, 40),
    "service areas": styles.facility_style(),
    "berths": styles.berth_style(),
    "reach": styles.reach_bands((5, 10, 20)),
}
HOSTILE = [
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<!--<script>",
    "${window.hacked=1}",
    "{{7*7}}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "50{% off",
    "桩{#1",
    "=1+1",
    '"; window.hacked=1; "',
    "'`\\u003c",
    "line\none\r\ntwo\u2028three",
    "emoji 🔌⚡️ und Ünïcödé",
    "{name} {0} {n}",
    "__proto__",
    "constructor",
]


def blocks(page):
    """The JSON blocks of a page by id."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, flags=re.S)
    return {key: json.loads(text) for key, text in found}


def ungz(packed):
    """The bytes of a packed block."""
    return gzip.decompress(base64.b64decode(packed))


def decode(stream):
    """A plain second decoder of zigzag variable-length integers."""
    out, value, shift = [], 0, 0
    for byte in stream:
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            out.append((value >> 1) ^ -(value & 1))
            value = shift = 0
    return out


def named_points(names, **more):
    """Points in a row with these names."""
    rows = {"name": names, **more}
    return frame(rows, [Point(113 + 0.01 * i, 27) for i in range(len(names))])


# ---------------------------------------------------------------- packing


@given(st.lists(st.integers(-(2**40), 2**40)))
def test_varints_come_back(values):
    """Integers of either sign and any size come back from the packed bytes."""
    assert decode(encode_varints(np.array(values, dtype=np.int64))) == values


@settings(max_examples=40)
@given(st.lists(st.lists(st.tuples(st.integers(-180_00, 180_00), st.integers(-80_00, 80_00)), min_size=2, max_size=6, unique=True), min_size=1, max_size=8))  # fmt: skip
def test_packed_lines_stay_where_they_are(courses):
    """Every vertex of a packed line lies within 15 m (the drawing tolerance) of the line, ends exactly."""
    lines = np.array([LineString([(x / 100, y / 100) for x, y in course]) for course in courses])
    pack = pack_geometries(lines)
    numbers = decode(ungz(pack["geo"]))
    counts, rest = numbers[: pack["n"]], numbers[pack["n"] :]
    xs, ys = rest[: sum(counts)], rest[sum(counts) :]
    assert len(xs) == len(ys)
    at, first = 0, np.zeros(2)
    for n, line in zip(counts, lines, strict=True):
        steps = np.array([xs[at : at + n], ys[at : at + n]], dtype=float).T
        steps[0] += first
        first, at = steps[0].copy(), at + n
        back = np.cumsum(steps, axis=0) / 1e5
        assert shapely.distance(shapely.points(back), line).max() < 1.5e-4
        assert np.allclose(back[[0, -1]], shapely.get_coordinates(line)[[0, -1]], atol=1e-5)


def test_parts_and_rings_are_kept():
    """Two parts of a line and the hole of a polygon survive; a degenerate line keeps two vertices."""
    two = MultiLineString([[(0, 0), (1, 0)], [(2, 0), (3, 1)]])
    assert line_parts(two) == [[0, 0, 100000, 0], [200000, 0, 100000, 100000]]
    joined = MultiLineString([[(1, 0), (2, 0)], [(0, 0), (1, 0)]])
    assert line_parts(joined) == [[0, 0, 200000, 0]]
    assert line_parts(LineString([(1, 1), (1.000001, 1)])) == [[100000, 100000, 0, 0]]
    ring = Polygon([(0, 0), (3, 0), (3, 3), (0, 3)], [[(1, 1), (2, 1), (2, 2)]])
    assert [len(part) for part in polygon_parts(ring)] == [2]
    mixed = GeometryCollection([Point(0, 0), LineString([(0, 0), (1, 0)]), Polygon([(0, 0), (1, 0), (1, 1)])])
    assert (len(line_parts(mixed)), len(polygon_parts(mixed))) == (1, 1)
    assert point_units(Point(113.123456, -27.5)) == [11312346, -2750000]


def test_packed_texts_come_back():
    """A packed column holds each text once and gives every row its own."""
    packed = pack_texts(["a", "</script>"], np.array([1, 0, 1]))
    values, index = json.loads(ungz(packed["values"])), np.frombuffer(ungz(packed["index"]), "<i4")
    assert [values[i] for i in index] == ["</script>", "a", "</script>"]


# ---------------------------------------------------------------- layers and styles


@pytest.mark.parametrize("name", STYLES)
def test_colour_is_never_alone(name):
    """The categories of a style differ in more than colour, for colour-blind readers and grey print."""
    shapes = [(c.width, c.dash, c.symbol, c.mark, c.fill, c.halo) for c in STYLES[name].categories]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_style_has_its_legend(lang):
    """Each category's text exists in both languages, with the limits filled in."""
    for style in [*STYLES.values(), styles.COUNTIES, styles.WATERWAYS, styles.TOWNS, styles.PROPOSED, styles.ISSUES, styles.NOT_SERVED, styles.EXPRESSWAYS]:  # fmt: skip
        assert all(category.label(lang) for category in style.categories)
    assert "25" in styles.route_style(25, 40).categories[0].label(lang)


def test_category_index_of_values_missing_and_others():
    """A value goes to its category, a missing one to None, the rest to "*" or nowhere."""
    values = ["a", None, "b", "c", np.nan]
    layer_frame = named_points(list("vwxyz"), kind=pd.array(values, dtype="object"))
    a, none, other = (Category(v, "legend.town", "#000000") for v in ("a", None, "*"))
    fields = schema("t", col("name"))

    def index(*categories):
        style = LayerStyle("point", categories, by="kind")
        return Layer("t", "layer.towns", layer_frame, fields, style, "background").category_index().tolist()

    assert index(a) == [0, -1, -1, -1, -1]
    assert index(a, none) == [0, 1, -1, -1, 1]
    assert index(a, none, other) == [0, 1, 2, 2, 1]


def test_category_index_of_yes_no_unknown():
    """Nullable booleans make three categories."""
    layer_frame = named_points(list("abc"), has=pd.array([True, pd.NA, False], dtype="boolean"))
    style = LayerStyle(
        "point", tuple(Category(v, "legend.town", "#000000") for v in (True, False, None)), by="has"
    )
    layer = Layer("t", "layer.towns", layer_frame, schema("t"), style, "background")
    assert layer.category_index().tolist() == [0, 2, 1]


def test_a_layer_refuses_what_cannot_be_drawn():
    """Another CRS, a column that is not there, a group that is not one."""
    good = named_points(["a"])
    fields = schema("t", col("name"))
    with pytest.raises(ValueError, match="EPSG:4326"):
        Layer("t", "layer.towns", good.to_crs(4547), fields, styles.TOWNS, "background")
    with pytest.raises(ValueError, match="no column colour"):
        Layer("t", "layer.towns", good, fields, styles.TOWNS, "background", label_column="colour")
    with pytest.raises(ValueError, match="no column site_class"):
        Layer("t", "layer.towns", good, fields, styles.SITES, "background")
    with pytest.raises(ValueError, match="no group"):
        Layer("t", "layer.towns", good, fields, styles.TOWNS, "nowhere")
    with pytest.raises(ValueError, match="exactly one"):
        LayerStyle("point", styles.SITES.categories)
    with pytest.raises(ValueError, match="same value"):
        LayerStyle("point", styles.TOWNS.categories * 2, by="x")


@pytest.mark.parametrize(
    ("kind", "value", "zh", "en"),
    [
        ("bool", None, "未知", "unknown"),
        ("bool", np.True_, "是", "yes"),
        ("float", np.nan, "未知", "unknown"),
        ("float", 0.0, "0", "0"),
        ("float", 41.256, "41.26", "41.26"),
        ("float", 1234.56, "1,235", "1,235"),
        ("float", -100.0, "-100", "-100"),
        ("int", 11266, "11,266", "11,266"),
        ("int", pd.NA, "未知", "unknown"),
        ("text", "{{7*7}}", "{{7*7}}", "{{7*7}}"),
        ("date", pd.Timestamp("2026-11-20"), "2026年11月20日", "20 November 2026"),
        ("date", pd.NaT, "未知", "unknown"),
    ],
)
def test_cells_as_people_read_them(kind, value, zh, en):
    """Missing is said to be missing; numbers have as many digits as they mean."""
    assert (shown(value, col("x", kind), "zh"), shown(value, col("x", kind), "en")) == (zh, en)


def test_the_line_of_notes_says_what_the_sheet_is_not():
    """Every map carries sources, date, the disclaimer, OpenStreetMap's attribution and the approval field."""
    zh = SourceNote("普查", "2026-11-20", schematic=True).line("zh")
    for part in ("普查", "2026年11月20日", "非测绘成果", "OpenStreetMap", "审图号"):
        assert part in zh
    assert "OpenStreetMap" not in SourceNote(osm=False).line("en")
    assert "GS(2026)1" in SourceNote(approval="GS(2026)1").line("en")


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def page():
    """The demo map."""
    return render_map(MapPage(**case()))


def test_same_input_same_bytes(page):
    """Two runs give the same file, byte for byte."""
    assert render_map(MapPage(**case())) == page


def test_nothing_is_fetched(page):
    """No element of the page names a host, and the policy forbids every connection."""
    shell = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"(?:src|href|action|data)\s*=\s*[\"'](?!#)", shell)
    assert "url(" not in re.sub(
        r"url\(#default#VML\)", "", "".join(re.findall(r"<style>(.*?)</style>", page, flags=re.S))
    )
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page).group(1)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_each_script_has_its_hash(page):
    """The policy lists exactly the hashes of the page's scripts, and stands before all of them."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    hashes = {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in scripts}
    policy = re.search(r"script-src (.*?);", page).group(1)
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == hashes
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_the_page_around_the_data_is_constant(page):
    """Data change the JSON blocks and the escaped title only, never script or markup."""

    def without_data(text):
        text = re.sub(r'<script type="application/json".*?</script>\n?', "", text, flags=re.S)
        return re.sub(r"<title>.*?</title>", "", text, flags=re.S)

    other = render_map(MapPage([], lang="zh", title=" ".join(HOSTILE)))
    assert without_data(other) == without_data(page)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    """Names that are code elsewhere come back from the page letter by letter, in every field."""
    layer_frame = named_points([name, "b"], ref=[name, name])
    layer = Layer(
        "towns", "layer.towns", layer_frame, schema("t", col("name"), col("ref")), styles.TOWNS, "background",
        label_column="name", search_column="ref", strip_column="ref",
    )  # fmt: skip
    finding = FindingRow(name, "met", name, name, note=name)
    note = SourceNote(name, name, approval=name)
    strips = {name: f"<svg><text>{html.escape(name)}</text></svg>"}
    text = render_map(MapPage([layer], name, [finding], subtitle=name, note=note, strips=strips))
    data = blocks(text)["plugspan-data"]
    assert data["title"] == data["subtitle"] == name
    assert data["layers"][0]["labels"][0] == data["layers"][0]["search"][1] == name
    assert data["layers"][0]["props"][0]["values"][0] == name
    assert data["strips"] == {name: ["svg", {}, ["text", {}, name.replace("\r\n", "\n")]]}
    assert data["findings"][0]["value"] == name
    assert f"<title>{html.escape(name)}</title>" in text
    assert text.count("<script") == text.count("</script>") - text.count("<\\/script>")
    assert len(re.findall(r"<script[ >]", text)) == 4 + 1


@given(st.text())
def test_a_json_block_never_ends_early(value):
    """Whatever the text, its block holds no markup and gives the text back."""
    block = json_block("x", {"v": value})
    inner = block[len('<script type="application/json" id="x">') : -len("</script>")]
    assert not set("<>&\u2028\u2029") & set(inner)
    assert json.loads(inner)["v"] == value.encode("utf-8", "replace").decode()


def test_numbers_that_json_cannot_hold_are_refused():
    """NaN in a block is an error here, not a blank page in the browser."""
    with pytest.raises(ValueError, match="JSON"):
        json_block("x", {"v": float("nan")})


def test_dense_layers_are_packed_and_small():
    """100 000 roads and the other layers stay under 10 MB; rows keep their texts."""
    layers = case(n_roads=100_000)["layers"]
    text = render_map(MapPage(layers, "t"))
    assert len(text.encode()) < 10e6
    data = blocks(text)
    spec = next(s for s in data["plugspan-data"]["layers"] if s["name"] == "roads")
    pack = data[spec["packed"]]
    assert pack["n"] == spec["count"] == len(layers[2].frame)
    assert sum(spec["counts"]) == pack["n"]
    names = json.loads(ungz(pack["search"]["values"]))
    index = np.frombuffer(ungz(pack["search"]["index"]), "<i4")
    assert sorted(names[i] for i in index) == sorted(layers[2].frame["name"])


def test_packed_rows_go_with_their_geometry():
    """The order along the curve is the same for geometry, category and texts; parts keep their row's texts."""
    rng = np.random.default_rng(3)
    layer = roads(rng, 2600)
    many = layer.frame.copy()
    many["name"] = [f"{line.coords[0][0]:.4f}" for line in many.geometry]
    many.loc[0, "geometry"] = MultiLineString([many.geometry[0], many.geometry[0]])
    changed = Layer(
        "roads", "layer.roads", many, layer.schema, styles.ROADS, "background", label_column="name"
    )
    data = blocks(render_map(MapPage([changed], "t")))
    pack = data["packed-0"]
    assert pack["n"] == 2601
    numbers = decode(ungz(pack["geo"]))
    counts, xs = numbers[: pack["n"]], numbers[pack["n"] :]
    starts = np.cumsum(counts) - counts
    first_x = np.cumsum([xs[i] for i in starts]) / 1e5
    names = json.loads(ungz(pack["labels"]["values"]))
    index = np.frombuffer(ungz(pack["labels"]["index"]), "<i4")
    assert np.allclose([float(names[i]) for i in index], first_x, atol=1e-4)


def test_empty_layers_and_missing_geometry():
    """An empty layer, and rows without a place, are no fault."""
    fields = schema("t", col("name"))
    empty = Layer("a", "layer.towns", named_points([]).set_crs(4326), fields, styles.TOWNS, "background")
    holes = gpd.GeoDataFrame({"name": ["x", "y", "z"]}, geometry=[None, Point(), Point(1, 2)], crs=4326)
    other = Layer("b", "layer.towns", holes, fields, styles.TOWNS, "background")
    data = blocks(render_map(MapPage([empty, other], "t")))["plugspan-data"]
    assert [spec["count"] for spec in data["layers"]] == [0, 1]
    assert data["layers"][1]["props"][0]["values"] == ["z"]


def test_a_basemap_opens_the_policy_for_its_host_only():
    """Tiles may come from the named hosts; an address that would change the policy is refused."""
    layers = case()["layers"][:1]
    basemap = Basemap("https://{s}.tiles.example/{z}/{x}/{y}.png", "© Example")
    text = render_map(MapPage(layers, "t", basemap=basemap))
    assert (
        "img-src data: blob: https://a.tiles.example https://b.tiles.example https://c.tiles.example;" in text
    )
    assert "© Example" in blocks(text)["plugspan-data"]["notes"]
    assert "img-src data: blob: 'self' file:;" in render_map(
        MapPage(layers, "t", basemap=Basemap("tiles/{z}/{x}/{y}.png"))
    )
    for url in (
        "https://x; script-src *",
        "javascript:alert(1)",
        "https://a b/{z}",
        "//host/{z}/{x}/{y}",
        "file:///{z}/{x}/{y}",
        "https://host/{zz}/{x}/{y}",
        "https://host;x/{z}/{x}/{y}",
        "https://[::1/{z}/{x}/{y}",
        "https://u@host/{z}/{x}/{y}",
        "https://host/{z}/{x}",
    ):
        with pytest.raises(ValueError, match="address of map tiles"):
            render_map(MapPage(layers, "t", basemap=Basemap(url)))


def test_a_failed_write_leaves_the_old_map(tmp_path, monkeypatch):
    """The file is replaced when complete; no half file and no temporary one stays behind."""
    path = tmp_path / "map.html"
    write_map(MapPage([], "one"), path)
    old = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("plugspan.atomic._take_place", fail)
    with pytest.raises(OSError, match="disk full"):
        write_map(MapPage([], "two"), path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- strip charts

EVIL_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 20" onload="window.hacked=1">'
    '<script>window.hacked=1</script><style>@import "https://example.org/x.css";</style><foreignObject><body xmlns="http://www.w3.org/1999/xhtml">'
    '<img src="x" onerror="window.hacked=1"/></body></foreignObject><image href="https://example.org/x.png"/>'
    '<a xlink:href="javascript:window.hacked=1"><text>click</text></a><use href="#x"/>'
    '<rect width="9" height="9" fill="url(https://example.org/x)" clip-path="url(#own)" style="stroke:#123456;background:url(https://example.org/y)" onclick="window.hacked=1"/>'
    "<text y='9'>kept &lt;b&gt;<tspan>x</tspan> tail</text><animate attributeName='href' values='javascript:window.hacked=1'/></svg>"
)


def test_a_chart_keeps_shapes_and_text_only():
    """What runs, loads or links is left out; a style attribute becomes attributes of presentation."""
    assert chart_tree(EVIL_SVG) == [
        "svg", {"viewBox": "0 0 100 20"},
        ["rect", {"width": "9", "height": "9", "clip-path": "url(#own)", "stroke": "#123456"}],
        ["text", {"y": "9"}, "kept <b>", ["tspan", {}, "x"], " tail"],
    ]  # fmt: skip


def test_a_chart_with_control_characters_in_a_name():
    """Characters that XML forbids are replaced, not fatal."""
    assert chart_tree("<svg><text>a\x0bb\ud800</text></svg>") == ["svg", {}, ["text", {}, "a\ufffdb\ufffd"]]


@pytest.mark.parametrize(
    ("svg", "message"),
    [("<svg", "well-formed"), ("hello", "well-formed"), ("<html/>", "SVG picture"),
     ('<!DOCTYPE s [<!ENTITY a "b">]><svg>&a;</svg>', "entities")],
)  # fmt: skip
def test_what_is_no_chart_is_refused(svg, message):
    """Text that is no SVG is an error with its reason, not a blank drawer."""
    with pytest.raises(ValueError, match=message):
        chart_tree(svg)


# ---------------------------------------------------------------- the parts


def test_texts_that_scripts_ask_for_exist():
    """Every key the scripts and the page name is in the catalogue."""
    code = "".join((WEB / name).read_text("utf-8") for name in SCRIPTS)
    shell = (WEB / "shell.html").read_text("utf-8")
    keys = set(re.findall(r'"(map\.[a-z-]+)"', code)) | set(
        re.findall(r'data-(?:text|label)="([\w.-]+)"', shell)
    )
    keys |= {"map.before", "map.after", "map.no-script"}
    begun = tuple(key for key in keys if key.endswith("-"))  # the script adds the rest
    assert keys - set(begun) <= set(catalogue())
    assert all(any(key.startswith(each) for key in catalogue()) for each in begun)
    unused = {key for key in catalogue() if key.startswith("map.") and not key.startswith(begun)} - keys
    assert not unused


def test_scripts_write_text_not_markup():
    """Our scripts don't use what turns text into markup or code."""
    code = "".join((WEB / name).read_text("utf-8") for name in SCRIPTS)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest"):  # fmt: skip
        assert word not in code


def test_vendored_files_are_what_the_readme_says():
    """Each vendored file has its hash in the table, and nothing else lies there."""
    vendor = resources.files("plugspan.render") / "vendor"
    table = re.findall(
        r"^\| (\S+/\S+) \|.*\| ([0-9a-f]{64}) \|$", (vendor / "README.md").read_text("utf-8"), flags=re.M
    )
    found = {
        f"{folder.name}/{f.name}" for folder in vendor.iterdir() if folder.is_dir() for f in folder.iterdir()
    }
    assert {name for name, _ in table} == found
    for name, digest in table:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
