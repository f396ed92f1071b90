"""Static maps: same colours as everywhere, texts drawn as texts, every character with a glyph, same bytes."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
import shapely
import synthetic_layers as made
import webmap_case
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import image
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from PIL import Image
from plugspan.errors import OutputExistsError
from plugspan.render.pictures import lettering
from plugspan.render.pictures.charts import svg_png
from plugspan.render.pictures.layers import Names
from plugspan.render.pictures.legend import Legend, bar_length, legend_entries, wrap
from plugspan.render.pictures.lettering import printable
from plugspan.render.pictures.maps import map_figure, write_map_picture
from plugspan.render.pictures.paper import Paper, beside
from plugspan.render.pictures.spread import spread_apart
from plugspan.render.strips.canvas import Canvas
from plugspan.render.strips.layout import text_px
from plugspan.render.symbols import LINE_MARKS, SHAPES, SOLID_MARKS, outline, strokes
from plugspan.tables import styles
from plugspan.tables.layer import Category
from plugspan.texts import LANGUAGES, catalogue
from plugspan.units import GEOD

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def case():
    """The web map's made-up county map, with few roads."""
    return webmap_case.case("zh", n_roads=60)


def rgb(colour):
    """#RRGGBB as three whole numbers."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def pixels(path):
    """All colours of a picture."""
    picture = (image.imread(path)[..., :3] * 255).round().astype(int).reshape(-1, 3)
    return {tuple(colour) for colour in np.unique(picture, axis=0).tolist()}


def texts(path):
    """All texts of an SVG."""
    return ["".join(node.itertext()) for node in ElementTree.parse(path).iter(f"{SVG}text")]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_map_has_its_colours_signs_and_texts(case, tmp_path, phase):
    """Today has the gap on yellow, the plan has purple pins and no gap; no character lacks a glyph."""
    path = tmp_path / "map.png"
    write_map_picture(
        case["layers"], path, title=case["title"], note=case["note"].line("zh"), phase=phase, dpi=110
    )
    seen = pixels(path)
    assert rgb(styles.GOOD) in seen
    assert rgb(styles.ALLOWED) in seen
    assert (rgb(styles.HALO) in seen) == (phase == "before")
    assert (rgb(styles.PLAN) in seen) == (phase == "after")


def test_an_svg_has_texts_or_paths(case, tmp_path):
    """As text it can be searched and lists names, legend, title and note; as paths there is no text left."""
    write_map_picture(
        case["layers"], tmp_path / "a.svg", title="标题", note=case["note"].line("zh"), phase="after"
    )
    found = texts(tmp_path / "a.svg")
    wanted = {"标题", "攸县", "G106", "普通国省干线", "间距小于 25 km", "北", "1", "6"}
    assert wanted <= set(found)
    assert any("审图号" in line for line in found)
    write_map_picture(case["layers"], tmp_path / "b.svg", letters="paths")
    assert texts(tmp_path / "b.svg") == []


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_same_layers_same_bytes(case, tmp_path, suffix):
    """No time, no random ids."""
    digests = set()
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{suffix}"
        write_map_picture(case["layers"], path, title="x", size_mm=(90, 90), dpi=80)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_hostile_names_are_drawn_as_text(tmp_path):
    """No mathematics between dollar signs, no markup, no line breaks; what has no glyph is an empty box."""
    layer = made.hostile_layer()
    shown = replace(layer, group="background")
    title = "$\\frac{1}{0}$ <script>alert(1)</script> 🚢\x00\ud800\n$x$"
    write_map_picture([made.county_layer(), shown], tmp_path / "map.svg", title=title, note=made.HOSTILE[8])
    found = texts(tmp_path / "map.svg")
    assert (
        "$\\frac{1}{0}$ <script>alert(1)</script> □□□ $x$".replace("□□□", printable("🚢\x00\ud800")) in found
    )
    assert not list(ElementTree.parse(tmp_path / "map.svg").iter(f"{SVG}script"))
    write_map_picture([shown], tmp_path / "map.png", title=title, size_mm=(90, 60))


def test_every_text_of_the_catalogue_has_its_glyphs():
    """No legend, title or column header would show a box."""
    keys = [
        key
        for key in catalogue()
        if re.match(r"(layer|legend|group|column|note|picture|value|status)\.", key)
    ]
    lacking = {
        key for key, lang in itertools.product(keys, LANGUAGES) if "□" in printable(catalogue()[key][lang])
    }
    assert len(keys) > 100
    assert lacking == set()


def test_the_font_that_travels_has_chinese_and_is_small(root):
    """All of GB 2312, and every character of the sample's tables and the texts (洣水 is not in GB 2312)."""
    rows = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(1, 95) for cell in range(1, 95))
    wanted = {c for pair in rows if (c := pair.decode("gb2312", "ignore"))}
    assert len(wanted) == 7445
    tables = [*(root / "data").rglob("*.csv"), *(root / "data").rglob("*.geojson")]
    for path in [*tables, *(root / "coverage" / "texts").glob("*.toml")]:
        wanted |= {c for c in path.read_text("utf-8") if c.isalpha() and ord(c) > 0x2E7F}
    assert "洣" in wanted
    own = get_font(lettering.FONT_FILES[0])
    assert {c for c in wanted if not own.get_char_index(ord(c))} == set()
    assert lettering.FONT_FILES[0].stat().st_size < 2 << 20


WITHOUT_FONTS = """
import sys
import matplotlib.font_manager as fonts

find = fonts.findSystemFonts
fonts.findSystemFonts = lambda paths=None, **which: find(paths, **which) if paths else []
fonts.fontManager.__init__()
from plugspan.render.pictures.maps import write_map_picture
for path in sys.argv[1:]:
    write_map_picture([], path, title="洣水 株洲市 CO₂ ≥ 1000 t", size_mm=(90, 60), dpi=80, letters="paths")
"""


def test_a_picture_is_the_same_on_a_machine_without_fonts(tmp_path):
    """A new process that knows of no system font, and has no list of fonts from before, gives the same bytes."""
    write_map = partial(
        write_map_picture, title="洣水 株洲市 CO₂ ≥ 1000 t", size_mm=(90, 60), dpi=80, letters="paths"
    )
    for name in ("a.png", "a.svg"):
        write_map([], tmp_path / name)
    command = [sys.executable, "-c", WITHOUT_FONTS, str(tmp_path / "b.png"), str(tmp_path / "b.svg")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "findfont" not in done.stderr
    for suffix in ("png", "svg"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_what_the_own_fonts_lack_is_looked_for_in_the_systems(monkeypatch, tmp_path):
    """A file found after matplotlib made its list serves too; else a box is drawn, and the character collected.

    No program is started to find it.
    """
    star, fonts = "𠀀", tmp_path / "fonts"
    fonts.mkdir()
    monkeypatch.setattr("subprocess.check_output", lambda *_, **__: pytest.fail("started a program"))
    font = TTFont(lettering.FONT_FILES[1])
    for table in font["cmap"].tables:
        if table.isUnicode() and table.format == 12:
            table.cmap[ord(star)] = "A"
    for name in font["name"].names:
        name.string = "New Font"
    font.save(fonts / "new.ttf")
    (fonts / "broken.ttf").write_bytes(b"no font")
    assert lettering.FONT_FOLDERS is None or "/usr/share/fonts/" in lettering.FONT_FOLDERS
    for folder, drawn in ((fonts, star), (tmp_path / "none", "□")):
        monkeypatch.setattr(lettering, "FONT_FOLDERS", [str(folder)])
        lettering._family_with.cache_clear()
        boxed = set()
        with lettering.boxed_characters(boxed):
            assert printable(f"株{star}") == f"株{drawn}"
        assert boxed == ({star} if drawn == "□" else set())
    lettering._family_with.cache_clear()


def test_bold_letters_are_thicker_without_a_bold_font(tmp_path):
    """In a PNG and in a strip chart as PNG; an SVG with texts asks its reader for bold."""
    ink = {}
    for weight in ("normal", "bold"):
        figure = Figure(figsize=(2, 1), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 144), ylim=(0, 72))
        with lettering.as_paths():
            lettering.letter(axes, 4, 36, "株洲 G106", 24, "#000000", weight=weight)
        figure.savefig(tmp_path / f"{weight}.png", dpi=100)
        ink[weight] = (image.imread(tmp_path / f"{weight}.png")[..., 0] < 0.5).sum()
    assert 1.1 * ink["normal"] < ink["bold"] < 1.6 * ink["normal"]
    dark = {}
    for bold in (False, True):
        canvas = Canvas(200.0, 40.0)
        canvas.text(4, 30, "株洲 G106", 24, bold=bold, halo=True)
        picture = Image.open(io.BytesIO(svg_png(canvas.svg("x"), 200))).convert("L")
        dark[bold] = (np.asarray(picture) < 128).sum()
    assert 1.1 * dark[False] < dark[True] < 1.6 * dark[False]
    write_map_picture([], tmp_path / "a.svg", title="株洲")
    [title] = [n for n in ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}text") if "株洲" in n.itertext()]
    assert "font-weight: 700" in title.get("style")
    assert styles.READERS_FONTS in title.get("style")


def test_a_strip_chart_takes_no_system_font_unless_it_must(monkeypatch):
    """Which fonts a machine has decides nothing, as long as the own ones have every character."""
    asked = []
    monkeypatch.setattr("resvg_py.svg_to_bytes", lambda **options: asked.append(options) or b"")
    monkeypatch.setattr(lettering, "_family_with", lambda c: "Rare" if c == "𠀀" else "DejaVu Sans")
    for name in ("洣水", "𠀀"):
        canvas = Canvas(100.0, 20.0)
        canvas.text(1, 10, name)
        svg_png(canvas.svg("x"))
    assert [options["skip_system_fonts"] for options in asked] == [True, False]
    assert "Plugspan Sans SC" in asked[0]["svg_string"]
    assert "YaHei" not in asked[0]["svg_string"]


def test_the_direction_with_side_one_lies_to_the_right(tmp_path):
    """Eastwards: red (+1) below blue (-1), 2 × 10 px apart (to scale of this map), as on the web map and in QGIS."""
    path = tmp_path / "sides.png"
    write_map_picture([made.county_layer(), made.two_sides()], path, legend=False, dpi=96, size_mm=(200, 240))
    picture = (image.imread(path)[..., :3] * 255).round().astype(int)
    red = (picture == [255, 0, 0]).all(axis=-1).any(axis=1).nonzero()[0]
    blue = (picture == [0, 0, 255]).all(axis=-1).any(axis=1).nonzero()[0]
    assert blue.max() < red.min()
    assert red.mean() - blue.mean() == pytest.approx(20, abs=1.5)


def test_what_is_hidden_or_of_the_other_state_is_not_drawn(case):
    """Demand is hidden by default; the plan's routes belong to the plan."""
    hidden = [replace(layer, visible=False) for layer in case["layers"]]
    assert len(map_figure(hidden, legend=False).axes[0].collections) == 0
    drawn = [layer for layer in case["layers"] if layer.phase != "after" and layer.visible]
    labels = [entry.text for entry in legend_entries(drawn, "zh")]
    assert "需求点" not in labels
    assert "建议新建" not in labels


def test_the_legend_lists_only_what_occurs(case):
    """After the plan no gap is left, so the legend has none."""
    routes = {layer.phase: layer for layer in case["layers"] if layer.name == "routes"}
    gap = styles.route_style(25.0, 40.0).categories[2].label("zh")
    assert gap in [entry.text for entry in legend_entries([routes["before"]], "zh")]
    assert gap not in [entry.text for entry in legend_entries([routes["after"]], "zh")]


def test_nothing_to_draw_is_still_a_sheet(tmp_path):
    """Empty layers, or none, give an empty map with title and note."""
    write_map_picture(
        [made.empty_layer("point"), made.empty_layer("line"), made.empty_layer("polygon")], tmp_path / "a.png"
    )
    write_map_picture([], tmp_path / "b.png", title="x", note="y")
    for name in ("a.png", "b.png"):
        assert image.imread(tmp_path / name).shape[:2] == (
            1574,
            1417,
        )  # 180 × 200 mm at 200 dpi, no half pixels


def test_all_hard_cases_can_be_drawn(tmp_path):
    """Missing, mixed and empty geometries, missing numbers, classes by missing value."""
    write_map_picture(made.every_layer(), tmp_path / "a.png", phase="before", dpi=60)
    write_map_picture(made.every_layer(), tmp_path / "b.svg", phase="after", lang="en")
    drawn = image.imread(tmp_path / "a.png")
    assert len(np.unique(drawn.reshape(-1, drawn.shape[2]), axis=0)) > 20
    assert ElementTree.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")


def test_an_old_picture_stays_unless_told_otherwise(tmp_path):
    """And only PNG and SVG are pictures here."""
    write_map_picture([], tmp_path / "a.png")
    with pytest.raises(OutputExistsError):
        write_map_picture([], tmp_path / "a.png")
    write_map_picture([], tmp_path / "a.png", overwrite=True)
    with pytest.raises(ValueError, match=r"\.svg"):
        write_map_picture([], tmp_path / "a.jpg")


# -- paper -----------------------------------------------------------------------------------------------


def test_the_paper_is_true_to_scale_in_both_directions():
    """At 27.5° N a degree of longitude is shorter than one of latitude by the cosine; the scale is the geodesic one."""
    paper = Paper.fit((113.0, 27.0, 114.0, 28.0), 400, 300)
    corner, east, north = paper.project(np.array([[113.0, 27.5], [114.0, 27.5], [113.0, 28.5]]))
    across, up = east[0] - corner[0], north[1] - corner[1]
    assert across / up == pytest.approx(np.cos(np.radians(27.5)), rel=1e-9)
    assert across * paper.m_per_pt == pytest.approx(GEOD.line_length([113, 114], [27.5, 27.5]), rel=1e-3)
    inside = paper.project(np.array([[113.0, 27.0], [114.0, 28.0]]))
    assert (inside > 0).all()
    assert (inside < [400, 300]).all()


def test_a_single_point_gets_a_map_around_it():
    """No division by nothing."""
    paper = Paper.fit((113.0, 27.0, 113.0, 27.0), 400, 300)
    assert paper.project(np.array([[113.0, 27.0]]))[0] == pytest.approx([200, 150])
    assert paper.m_per_pt > 0


def test_a_line_beside_by_hand():
    """Eastwards then northwards, 2 to the right: south of the first leg, east of the second, mitred at the corner."""
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    assert beside(line, 2.0).tolist() == [[0, -2], [12, -2], [12, 10]]
    assert beside(line, -2.0).tolist() == [[0, 2], [8, 2], [8, 10]]
    assert beside(line, 0.0) is line
    assert beside(np.array([[1.0, 1.0], [1.0, 1.0]]), 2.0).tolist() == [[1, 1]]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=8), st.floats(-5, 5)
)
def test_a_line_beside_never_runs_away(points, right):
    """No corner, however sharp, moves further than twice the distance; ends move by exactly it."""
    line = np.array(points, dtype=float)
    kept = line[np.concatenate([[True], np.abs(np.diff(line, axis=0)).sum(axis=1) > 0])]
    moved = beside(line, right)
    if len(kept) < 2 or not right:
        return
    far = np.hypot(*(moved - kept).T)
    assert (far <= 2 * abs(right) + 1e-9).all()
    assert far[[0, -1]] == pytest.approx(abs(right), abs=1e-9)


@given(st.floats(1.0, 1e7))
def test_the_scale_bar_is_round_and_not_too_long(longest):
    """1, 2 or 5 times a power of ten, and more than two fifths of what would fit."""
    length = bar_length(longest)
    assert 0.4 * longest <= length <= longest
    assert f"{length:e}"[0] in "125"


# -- signs and names -------------------------------------------------------------------------------------


def test_the_symbols_are_those_of_the_web_map(root):
    """Path by path the same data as in web/symbols.js."""
    script = (root / "coverage" / "render" / "web" / "symbols.js").read_text("utf-8")
    for path in {*SHAPES.values(), *SOLID_MARKS.values(), *LINE_MARKS.values()}:
        assert f'"{path}"' in script, path


def test_paths_become_the_right_polygons():
    """Areas by hand: a disc of 8.5, a diamond of 19 × 19 / 2, a triangle of 18.4 × 16.4 / 2, a rounded square."""
    areas = {name: shapely.Polygon(outline(path).to_polygons()[0]).area for name, path in SHAPES.items()}
    assert areas["circle"] == pytest.approx(np.pi * 8.5**2, rel=0.01)
    assert areas["diamond"] == pytest.approx(19 * 19 / 2)
    assert areas["triangle"] == pytest.approx(18.4 * 16.4 / 2)
    assert areas["square"] == pytest.approx(256 - (4 - np.pi) * 1.5**2, rel=0.001)
    assert [len(line) for line in outline(LINE_MARKS["cross"]).to_polygons(closed_only=False)] == [2, 2]
    (drawn,) = outline("M1 1h2v3l-1-1z").to_polygons()
    assert drawn.tolist() == [[1, 1], [3, 1], [3, 4], [2, 3], [1, 1]]


def test_every_sign_of_the_styles_can_be_drawn():
    """Each category of each standard style has its strokes within the box."""
    found = [c for value in vars(styles).values() if hasattr(value, "categories") for c in value.categories]
    points = [
        c for c in [*found, Category(None, "legend.town", styles.GOOD, mark="plug")] if c.symbol in SHAPES
    ]
    assert len(points) > 20
    for category in points:
        for stroke in strokes(category):
            for line in outline(stroke.path).to_polygons(closed_only=False):
                assert np.abs(line).max() <= 10


def test_names_never_lie_on_each_other():
    """A second name at the same place takes another place or none; each name is written once."""
    names = Names(Paper(0, 0, 1, 1, 200, 100))
    assert names.find("株洲", 10, [(50, 50)]) == (50, 50)
    assert names.find("醴陵", 10, [(55, 52), (100, 50)]) == (100, 50)
    assert names.find("攸县", 10, [(50, 48)]) is None
    assert names.find("株洲", 10, [(150, 50)]) is None
    assert names.find("outside", 10, [(1, 50)]) is None


def test_a_note_breaks_between_its_parts():
    """No line is too wide; parts stay whole if they fit; Latin words always."""
    note = "数据来源：市交通运输局 · © OpenStreetMap contributors (ODbL) · 审图号：未送审，不得公开"
    lines = wrap(note, 6, 150)
    assert all(text_px(line, 6) <= 150 for line in lines)
    assert "审图号：未送审，不得公开" in lines
    assert all(any(word in line for line in wrap(note, 6, 80)) for word in ("OpenStreetMap", "contributors"))
    assert wrap("", 6, 100) == []


def test_points_are_drawn_where_they_are():
    """A lone point in the middle of its county is in the middle of the map."""
    frame = gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.Point(113.25, 27.35)], crs=4326)
    layer = made.Layer(
        "towns",
        "layer.towns",
        frame,
        made.TableSchema("t", (made.Column("name"),)),
        styles.TOWNS,
        "background",
    )
    figure = map_figure([made.county_layer(), layer], legend=False)
    axes = figure.axes[0]
    [points] = [c for c in axes.collections if len(c.get_offsets()) == 1 and c.get_offsets()[0].any()]
    assert points.get_offsets()[0] == pytest.approx([axes.get_xlim()[1] / 2, axes.get_ylim()[1] / 2])


def test_symbols_that_hide_each_other_are_moved_apart():
    """Forty discs at three places: none overlaps in the end, those alone stay, all lie on the paper."""
    at = np.array([[30.0, 30.0]] * 20 + [[150.0, 60.0]] * 19 + [[90.0, 190.0]])
    radius = np.full(40, 5.0)
    moved = spread_apart(at, radius, 200.0, 200.0)
    far = np.hypot(*np.moveaxis(moved[:, None] - moved, 2, 0)) + 1e9 * np.eye(40)
    assert far.min() > 9.0
    assert moved[-1].tolist() == [90.0, 190.0]
    assert moved.min() > 4.9
    assert moved.max() < 195.1
    assert np.array_equal(moved, spread_apart(at, radius, 200.0, 200.0))


def test_too_many_symbols_stay_where_they_are():
    """Where they would fill the paper, moving them apart tells nothing."""
    at = np.random.default_rng(0).uniform(0, 100, (200, 2))
    assert np.array_equal(spread_apart(at, np.full(200, 5.0), 100.0, 100.0), at)


def test_the_frame_is_shaped_to_the_ground():
    """A tall region leaves no empty ground at its sides; a wide one has a legend in columns below."""
    layers = made.every_layer()
    for extent, tall in (((113.0, 26.0, 113.5, 28.0), True), ((110.0, 27.0, 116.0, 28.0), False)):
        ground, legend = map_figure(layers, size_mm=(170, 150), extent=extent, lang="en").axes[:2]
        frame, box = ground.get_position(), legend.get_position()
        assert (frame.width * 170 < 0.5 * frame.height * 150) == tall
        assert (box.x0 > frame.x1) == tall
        assert (box.y1 < frame.y0) != tall


def test_the_lines_of_a_legend_fit_its_column():
    """Long labels wrap, none is cut, and a title never ends a column."""
    entries = legend_entries(made.every_layer(), "en")
    for legend in (Legend.of(entries), Legend.of(entries, 450.0)):
        assert [e.text for column in legend.columns for e in column] == [e.text for e in entries]
        assert all(column[-1].category for column in legend.columns)
        for entry in entries:
            assert "".join(entry.lines(legend.column_width)).replace(" ", "") == entry.text.replace(" ", "")


def test_roads_drawn_under_routes_of_the_same_name_are_listed_once():
    """Expressways are routes, and the motorways below them are the same roads."""
    road = shapely.LineString([(113, 27), (114, 28)])
    line = gpd.GeoDataFrame({"name": ["G4"], "road_class": ["motorway"]}, geometry=[road], crs=4326)
    schema = made.TableSchema("t", (made.Column("name"),))
    roads = made.Layer("roads", "layer.roads", line, schema, styles.ROADS, "background")
    express = made.Layer("expressways", "layer.expressways", line, schema, styles.EXPRESSWAYS, "background")
    assert len(legend_entries([roads, express], "en")) == 1
    assert len(legend_entries([roads], "en")) == 1
