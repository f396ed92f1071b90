"""Strip charts: what is gathered along a section, and that the picture is true, legible and harmless."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from plugspan.measure.strip_model import Crossing, LaneState, Stretch, StripGap, Town
from plugspan.measure.strips import StripFrames, strip_data, strip_key, strips_of
from plugspan.measure.strips_around import Surroundings, end_names
from plugspan.network.routes import RoadIndex, find_routes
from plugspan.render.strips.draw import strip_svg
from plugspan.render.strips.lanes import fact_rows
from plugspan.render.strips.layout import Label, bins, place_labels, shortened, text_px
from plugspan.render.strips.scale import Scale
from plugspan.render.webmap.charts import ATTRIBUTES, TAGS, chart_tree
from plugspan.texts import LANGUAGES, catalogue
from shapely import LineString, Point
from strip_case import ALL, HOSTILE, city_strip, gap, long_strip, ring_strip, short_strip, sites_at, strip
from toy import Toy, lonlat

WGS84 = "EPSG:4326"


# -- gathering -------------------------------------------------------------------------------------------


def points(*rows, columns):
    """Frame of points from rows that end with x and y in metres."""
    frame = pd.DataFrame([row[:-2] for row in rows], columns=columns)
    return gpd.GeoDataFrame(frame, geometry=[Point(*lonlat(*row[-2:])) for row in rows], crs=WGS84)


def areas(*rows):
    """Counties from (name, x0, x1) in metres, from y = -20 to 20 km."""
    boxes = [shapely.box(*lonlat(a, -20_000), *lonlat(b, 20_000)) for _, a, b in rows]
    return gpd.GeoDataFrame({"name": [r[0] for r in rows]}, geometry=boxes, crs=WGS84)


NO_TOWNS = gpd.GeoDataFrame({"name": [], "kind": [], "weight": []}, geometry=[], crs=WGS84)
NO_AREAS = gpd.GeoDataFrame({"name": []}, geometry=[], crs=WGS84)
GAP_COLUMNS = (
    *("ref", "section", "direction", "from_site", "to_site", "from_m", "to_m", "length_m"),
    *("spacing_class", "open_start", "open_end"),
)


def frames(gaps=(), served=(), sites=(), near=None, order=None):
    """Frames of rows that say their lengths in kilometres."""
    gaps = pd.DataFrame(list(gaps), columns=list(GAP_COLUMNS))
    served = pd.DataFrame(
        list(served), columns=["id", "ref", "section", "direction", "chainage_m", "distance_m"]
    )
    for table in (gaps, served):
        metres = [name for name in table if name.endswith("_m")]
        table[metres] = table[metres].astype(float) * 1000.0
    return StripFrames(
        gaps,
        served,
        pd.DataFrame(list(sites), columns=["id", "name", "fast"]),
        near,
        order or {},
    )


def along(
    toy, ref="S302", *, towns=NO_TOWNS, counties=NO_AREAS, region=None, before=None, after=None, section=1
):
    """Strip of a section of a toy network; S3xx counts from the east."""
    index = RoadIndex(toy.graph())
    routes = find_routes(index.graph)
    route = next(r for r in routes if r.ref == ref)
    around = Surroundings(index, routes, towns, counties, region)
    return strip_data(around, route, route.sections[section - 1], before or frames(), after)


def straight():
    """S302 runs 20 km from west to east, in pieces of 5 km; chainage counts from the east."""
    return Toy(a=(0, 0), b=(5000, 0), c=(10_000, 0), d=(15_000, 0), e=(20_000, 0)).road(
        "a b c d e", ref="S302"
    )


def near_km(value):
    return pytest.approx(value * 1000, abs=15)


def test_towns_stand_at_the_nearest_place_and_far_ones_are_left_out():
    """A town 2 km north of x = 8 km is at chainage 12; one at 4 km distance is none; a name stands once."""
    towns = points(
        ("甲", "town", 3000.0, 8000, 2000), ("乙", "town", 1.0, 8000, 4000), ("丙", "city", 9e5, 16_000, -500),
        ("丙", "town", 5.0, 2000, 0), (None, "city", 1.0, 3000, 0), columns=["name", "kind", "weight"],
    )  # fmt: skip
    found = along(straight(), towns=towns).towns
    assert [t.name for t in found] == ["丙", "甲"]
    assert [t.at_m for t in found] == [near_km(4), near_km(12)]
    assert found[1].away_m == pytest.approx(2000, rel=0.01)


def test_county_limits_lie_where_the_polygons_change():
    """Two counties meet at x = 6 km: chainage 14."""
    found = along(straight(), counties=areas(("西县", -5000, 6000), ("东县", 6000, 30_000))).counties
    assert [(c.name, c.from_m, c.to_m) for c in found] == [
        ("东县", pytest.approx(0, abs=1), near_km(14)), ("西县", near_km(14), near_km(20)),
    ]  # fmt: skip


def test_inside_is_what_lies_in_the_region():
    """A region from x = 4 to 9 km covers chainage 11 to 16."""
    region = areas(("r", 4000, 9000)).geometry.iloc[0]
    found = along(straight(), region=region).inside
    assert [(s.from_m, s.to_m) for s in found] == [(near_km(11), near_km(16))]
    assert [(s.from_m, s.to_m) for s in along(straight()).inside] == [(0.0, near_km(20))]


def test_a_route_that_crosses_at_a_junction_stands_where_it_does():
    """S201 crosses at b (x = 5 km): chainage 15."""
    toy = straight().node("n", 5000, 3000).node("s", 5000, -3000).road("n b s", ref="S201")
    assert along(toy).crossings == (Crossing(near_km(15), "S201", True),)


def test_a_route_on_a_bridge_is_marked_as_such():
    """G4 passes over x = 7.5 km without a node: chainage 12.5."""
    toy = straight().node("n", 7500, 3000).node("s", 7500, -3000).road("n s", ref="G4", highway="motorway")
    assert along(toy).crossings == (Crossing(near_km(12.5), "G4", False),)


def test_a_dual_carriageway_crosses_once():
    """Two carriageways of G4, 30 m apart, with a junction on one of them: one crossing, at grade."""
    toy = (
        straight().node("n", 5000, 3000).node("s", 5000, -3000).node("n2", 5030, 3000).node("s2", 5030, -3000)
    )
    toy.road("n b s", ref="G4", oneway=True).road("s2 n2", ref="G4", oneway=True)
    assert along(toy).crossings == (Crossing(near_km(14.985), "G4", True),)


def test_a_shared_road_is_a_stretch_and_no_crossing():
    """S201 comes in at b, runs with S302 to c and leaves there: chainage 10 to 15."""
    toy = straight().node("n", 5000, 3000).node("s", 10_000, -3000)
    toy.road("n b", ref="S201").road("c s", ref="S201")
    toy.rows[1]["ref"] = "S302;S201"
    found = along(toy)
    assert found.crossings == ()
    assert [(s.name, s.from_m, s.to_m) for s in found.shared] == [("S201", near_km(10), near_km(15))]


def test_a_very_short_shared_road_is_a_crossing():
    """S201 runs along S302 for 100 m only (an offset junction): one crossing in its middle."""
    toy = straight().node("m", 5100, 0).node("n", 5000, 3000).node("s", 5100, -3000)
    toy.rows[1:2] = []
    toy.road("b m", ref="S302;S201").road("m c", ref="S302").road("n b", ref="S201").road("m s", ref="S201")
    found = along(toy)
    assert (found.crossings, found.shared) == ((Crossing(near_km(14.95), "S201", True),), ())


def test_bridged_stretches_are_marked():
    """1 km without a number: inferred in both lanes at the same place of the scale."""
    toy = (
        Toy(a=(0, 0), b=(5000, 0), c=(6000, 0), d=(12_000, 0))
        .road("a b", ref="S302")
        .road("b c")
        .road("c d", ref="S302")
    )
    found = along(toy)
    for lane in found.lanes:
        assert [(s.from_m, s.to_m) for s in lane.inferred] == [(near_km(6), near_km(7))]


def test_gaps_and_sites_come_from_the_frames_of_their_own_direction():
    """One gap and one site each way; those of other routes and sections stay away."""
    rows = [
        ("S302", 1, "forward", "x", "y", 2.0, 12.0, 10.0, "good", False, False),
        ("S302", 1, "backward", None, "x", 20.0, 12.0, 8.0, "open", True, False),
        ("S302", 2, "forward", None, "x", 0.0, 1.0, 1.0, "good", False, False),
        ("S201", 1, "forward", None, "x", 0.0, 1.0, 1.0, "good", False, False),
    ]
    served = [
        ("x", "S302", 1, "forward", 2.0, 0.5),
        ("z", "S302", 1, "forward", 7.0, 0.5),
        ("x", "S302", 1, "backward", 12.0, 0.5),
    ]
    found = along(straight(), before=frames(rows, served, [("x", "甲站", "yes"), ("z", None, None)]))
    forward, backward = found.lanes
    assert [(g.parts, g.length_m, g.between) for g in forward.before.gaps] == [
        (((2000.0, 12_000.0),), 10_000.0, True)
    ]
    assert [(s.id, s.name, s.fast, s.counts) for s in forward.before.sites] == [
        ("x", "甲站", "yes", True),
        ("z", "", "unknown", False),
    ]
    assert backward.before.gaps[0].open_high
    assert not backward.before.gaps[0].open_low
    assert [s.chainage_m for s in backward.before.sites] == [12_000.0]
    assert forward.before.mean_gap_m == 10_000.0
    assert backward.before.mean_gap_m is None


def test_the_other_direction_is_read_on_the_same_scale():
    """A dual carriageway whose northern side is longer: sites opposite each other stand above each other."""
    toy = Toy(a=(0, 0), b=(10_000, 0), a2=(0, 40), m2=(5000, 900), b2=(10_000, 40))
    toy.road("a b", ref="S302", oneway=True).road(
        "b2 a2", ref="S302", oneway=True, via={("b2", "a2"): [(9000, 60), (1000, 60)]}
    )
    found = along(toy)
    assert len(found.lanes) == 2
    for lane in found.lanes:
        assert lane.driven[0].from_m == pytest.approx(found.start_m, abs=60)
        assert lane.driven[-1].to_m == pytest.approx(found.end_m, abs=60)


def test_proposed_sites_carry_their_build_order():
    """Only the state after has them."""
    served = [("x", "S302", 1, "forward", 2.0, 0.5)]
    after = frames(
        served=[*served, ("proposed-c7", "S302", 1, "forward", 9.0, 0.0)], order={"proposed-c7": 3}
    )
    lane = along(straight(), before=frames(served=served), after=after).lanes[0]
    assert [s.order for s in lane.before.sites] == [None]
    assert [s.order for s in lane.after.sites] == [None, 3]


@pytest.mark.parametrize(("shift_m", "unchanged"), [(1e-7, True), (0.4, False)])
def test_what_is_measured_anew_is_unchanged_to_the_millimetre(shift_m, unchanged):
    """A gap of 10 km from 2 to 12 km, measured again a ten-millionth of a metre, or 40 cm, further on."""

    def state(off_km):
        row = ("S302", 1, "forward", "x", "z", 2.0 + off_km, 12.0 + off_km, 10.0, "good", False, False)
        return frames([row], [("x", "S302", 1, "forward", 2.0 + off_km, 0.5)])

    lane = along(straight(), before=state(0.0), after=state(shift_m / 1000.0)).lanes[0]
    assert (lane.after == lane.before) is unchanged


def test_a_site_that_does_not_serve_is_placed_beside_it_with_its_reason():
    """800 m south of x = 3 km, wrong side."""
    near = points(
        ("w", "对面站", "S302", 1, "forward", "wrong_side", 3000, -800),
        columns=["id", "name", "ref", "section", "direction", "reason"],
    )
    lanes = along(straight(), before=frames(near=near)).lanes
    assert [(s.name, s.reason, s.at_m) for s in lanes[0].near] == [("对面站", "wrong_side", near_km(17))]
    assert lanes[1].near == ()


def test_the_gap_over_the_seam_of_a_ring_has_two_parts():
    """A ring of 40 km with sites at 5 and 15 km: the gap from 15 round to 5 is drawn at both ends."""
    toy = Toy(a=(0, 0), b=(10_000, 0), c=(10_000, 10_000), d=(0, 10_000)).road("a b c d a", ref="S302")
    rows = [
        ("S302", 1, "forward", "x", "y", 5.0, 15.0, 10.0, "good", False, False),
        ("S302", 1, "forward", "y", "x", 15.0, 45.0, 30.0, "middle", False, False),
        ("S302", 1, "backward", "x", "y", 5.0, -25.0, 30.0, "middle", False, False),
    ]
    served = [("x", "S302", 1, "forward", 5.0, 0.0), ("y", "S302", 1, "forward", 15.0, 0.0)]
    found = along(toy, before=frames(rows, served))
    assert found.ring
    seam = next(g for g in found.lanes[0].before.gaps if g.length_m == 30_000)
    assert seam.parts == ((15_000.0, near_km(40)), (0.0, near_km(5)))
    assert all(s.counts for s in found.lanes[0].before.sites)
    assert sum(b - a for a, b in seam.parts) == pytest.approx(30_000, rel=2e-3)
    other = found.lanes[1].before.gaps[0]
    assert sum(b - a for a, b in other.parts) == pytest.approx(30_000, rel=2e-3)


def test_ends_are_named_after_towns_counties_or_the_compass():
    """The best known town of the last quarter; else the last one; else the county; else where it points."""
    axis = LineString(lonlat(np.array([20_000, 0]), np.array([0, 0])))
    towns = [(500.0, "小村", "village", 1.0), (4000.0, "大城", "city", 9.0), (16_000.0, "镇", "town", 2.0)]
    assert end_names(axis, towns, [], 0.0, 20_000.0) == ("大城", "镇")
    assert end_names(axis, [(12_000.0, "中镇", "town", 1.0)], [], 0.0, 20_000.0) == (
        "strip.compass.east",
        "中镇",
    )
    counties = [Stretch(0, 9e3, "东县"), Stretch(9e3, 2e4, "西县")]
    assert end_names(axis, [], counties, 0.0, 20_000.0) == ("东县", "西县")
    assert end_names(axis, [], counties[:1], 0.0, 20_000.0) == ("strip.compass.east", "strip.compass.west")
    assert {f"strip.compass.{c}" for c in ("north", "south-west", "north-west")} <= set(catalogue())


def test_every_section_has_a_strip_under_its_key():
    """Keys are REF/SECTION, as the gaps' ``strip`` column has them."""
    toy = straight().node("p", 40_000, 0).node("q", 50_000, 0).road("p q", ref="S302")
    index = RoadIndex(toy.graph())
    routes = find_routes(index.graph)
    found = strips_of(Surroundings(index, routes, NO_TOWNS, NO_AREAS), routes, frames())
    assert sorted(found) == [strip_key("S302", 1), strip_key("S302", 2)] == ["S302/1", "S302/2"]
    assert found["S302/2"].sections == 2


# -- layout ----------------------------------------------------------------------------------------------


labels = st.lists(
    st.builds(Label, st.floats(0, 700), st.floats(4, 140), st.tuples(st.sampled_from([1.0, 2.0]), st.floats(0, 9))),
    max_size=60,
)  # fmt: skip


@given(labels, st.integers(1, 4))
def test_labels_never_cover_each_other_nor_a_leader(given_labels, rows):
    """Brute force over all pairs: no two texts of a row overlap, and no leader runs through a nearer text."""
    spots = place_labels(given_labels, rows, 0.0, 700.0)
    placed = [(label, spot) for label, spot in zip(given_labels, spots, strict=True) if spot is not None]
    for label, spot in placed:
        assert 0 <= spot.row < rows
        assert spot.x - label.text_px / 2 >= -1e-6
        assert spot.x + label.text_px / 2 <= 700 + 1e-6
        assert abs(spot.x - label.x) <= label.text_px / 2 + 1.0 + 1e-6
    for i, (a, at) in enumerate(placed):
        for b, bt in placed[i + 1 :]:
            if at.row == bt.row:
                assert abs(at.x - bt.x) >= (a.text_px + b.text_px) / 2 - 1e-6
            near, far = ((a, at), (b, bt)) if at.row < bt.row else ((b, bt), (a, at))
            if near[1].row < far[1].row:
                assert abs(near[1].x - far[0].x) >= near[0].text_px / 2 - 1e-6


@given(labels)
@example(  # making room for one below lost the top two
    [
        *(Label(x, w, (1.0, 0.0)) for x, w in ((0.0, 4.0), (0.0, 4.0), (8.0, 4.0))),
        *(
            Label(x, w, p)
            for x, w, p in ((0.0, 11.0, (2.0, 0.0)), (4.0, 4.0, (1.0, 1.0)), (12.0, 4.0, (1.0, 1.0)))
        ),
    ]
)
def test_the_most_important_label_is_always_placed(given_labels):
    """One of the highest priority finds its place if it fits the picture at all."""
    spots = place_labels(given_labels, 3, 0.0, 700.0)
    if given_labels:
        top = max(label.priority for label in given_labels)
        assert any(
            s is not None for s, label in zip(spots, given_labels, strict=True) if label.priority == top
        )


@given(st.lists(st.floats(0, 700), max_size=80), st.floats(1, 30))
def test_groups_of_symbols_keep_their_distance(xs, apart):
    """Every position is in one group; the means of neighbouring groups are far enough apart."""
    groups = bins(xs, apart)
    assert sorted(k for group in groups for k in group) == list(range(len(xs)))
    means = [np.mean([xs[k] for k in group]) for group in groups]
    assert (np.diff(means) >= apart - 1e-6).all()


@pytest.mark.parametrize("value", ["株洲", "Zhuzhou North Railway Station", "a", "醴陵国瓷大道充电站" * 9])
def test_shortened_texts_fit(value):
    """What fits stays; the rest ends with an ellipsis and fits."""
    found = shortened(value, 10, 60)
    assert text_px(found, 10) <= 60
    assert found == value or found.endswith("…")


@given(st.floats(0.05, 2500), st.floats(0, 90_000))
def test_kilometre_labels_are_on_the_road_and_apart(length_km, start_m):
    """Any length has labels at whole steps, far enough apart, within the road."""
    data = replace(strip(length_km, []), start_m=start_m, end_m=start_m + length_km * 1000)
    scale = Scale(data, 720, "en")
    ticks = scale.ticks()
    slack = 20 * scale.step + 1e-6
    assert all(start_m - slack <= km * 1000 <= data.end_m + slack for km in ticks)
    assert (np.diff([scale.x(km * 1000) for km in ticks]) >= 0.97 * 52).all()
    assert len(ticks) <= 15


def test_a_start_of_a_few_metres_is_kilometre_nought():
    """Rounding never takes the first label away."""
    assert Scale(replace(strip(12, []), start_m=3.0), 720, "en").ticks()[0] == 0


# -- picture ---------------------------------------------------------------------------------------------


def texts_of(svg):
    """All texts that are written (tooltips not)."""
    root = ElementTree.fromstring(svg)
    return [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]


def tips_of(svg):
    return [e.text or "" for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ALL)
def test_pictures_pass_the_map_unchanged(name, lang):
    """The map keeps every element and attribute: only shapes, texts and attributes of presentation are used."""
    svg = strip_svg(ALL[name](), lang)
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        assert element.tag.rsplit("}", 1)[-1] in TAGS
        assert set(element.attrib) <= ATTRIBUTES
        assert not any(
            value.lower().startswith(("javascript:", "data:", "http")) for value in element.attrib.values()
        )

    def count(tree):
        return 1 + sum(count(child) for child in tree[2:] if isinstance(child, list))

    assert count(chart_tree(svg)) == len(list(root.iter()))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_drawn_outside_the_picture(name, lang):
    """Places stay within the width and height, whatever the data."""
    root = ElementTree.fromstring(strip_svg(ALL[name](), lang))
    width, height = (float(root.get(k)) for k in ("width", "height"))
    for element in root.iter():
        for key, most in (
            ("x", width),
            ("cx", width),
            ("x1", width),
            ("x2", width),
            ("y", height),
            ("cy", height),
            ("y1", height),
        ):
            value = element.get(key)
            if value is not None and not element.tag.endswith("rect"):
                assert -0.5 <= float(value) <= most + 0.5


def test_hostile_names_are_texts_and_nothing_else():
    """Markup, templates and control characters in any name stay text; what XML cannot hold is replaced."""
    svg = strip_svg(ALL["hostile"](), "zh")
    root = ElementTree.fromstring(svg)
    assert not [e for e in root.iter() if e.tag.rsplit("}", 1)[-1] in ("img", "script")]
    assert "<script" not in svg
    assert "<img" not in svg
    written = " ".join(texts_of(svg))
    assert HOSTILE[0] in written
    assert HOSTILE[2] in written
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", svg)
    svg.encode("utf-8")


def test_lengths_mean_and_longest_gap_stand_in_the_picture():
    """Mean and longest gap stand together; the longest is written over its place, and an open one has its sign."""
    sites = sites_at([10, 30, 72])
    data = strip(100, [10, 30, 72])
    written = texts_of(strip_svg(data, "en"))
    # between: 20 and 42 km, mean 31; first 10 (open), last 28
    assert any(
        "mean between two sites 31.0 km · longest 42.0 km (measured km 30.0–72.0)" in t for t in written
    )
    assert {"20.0", "42.0", "28.0", "≥ 10.0"} <= set(written)
    assert len(data.lanes[0].before.sites) == len(sites)


def test_classes_differ_in_width_and_dash_and_gaps_have_a_halo():
    """Colour never stands alone: good is solid, middle and gap have other dashes and widths, gaps lie on yellow."""
    root = ElementTree.fromstring(strip_svg(strip(120, [10, 30, 62, 110]), "zh"))
    looks = {
        e.get("stroke"): (e.get("stroke-width"), e.get("stroke-dasharray"))
        for e in root.iter("{http://www.w3.org/2000/svg}line")
    }
    shown = [looks[colour] for colour in ("#3B8BC2", "#6DB1DF", "#A50026")]
    assert len(set(shown)) == 3
    assert shown[0][1] is None
    assert shown[1][1] != shown[2][1]
    assert "#FFE14D" in looks


def test_unknown_and_slow_sites_have_signs_of_their_own():
    """? for unknown power; hollow for not fast; dashed for what does not count."""
    svg = strip_svg(long_strip(), "en")
    assert "?" in texts_of(svg)
    circles = list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle"))
    assert any(c.get("fill") == "#FFFFFF" and c.get("stroke") == "#3B8BC2" for c in circles)
    assert any(c.get("stroke-dasharray") for c in circles)


def test_a_crowd_is_counted_not_drawn_over():
    """400 sites on 31 km: symbols carry numbers that add up, and what has no name is told."""
    root = ElementTree.fromstring(strip_svg(replace(city_strip(), lanes=city_strip().lanes[:1]), "en"))
    written = list(root.iter("{http://www.w3.org/2000/svg}text"))
    grouped = [
        int((t.text or "").rstrip("?"))
        for t in written
        if t.get("font-weight") and re.fullmatch(r"\d+\??", t.text or "")
    ]
    beads = [
        e
        for e in root.iter("{http://www.w3.org/2000/svg}circle")
        if e.find("{http://www.w3.org/2000/svg}title") is not None
    ]
    beads = [b for b in beads if "大都会" not in (b[0].text or "")]
    assert len(beads) < 60
    assert sum(grouped) + len(beads) - len(grouped) == 400
    assert any("more without a name here" in (t.text or "") for t in written)


def test_an_unchanged_direction_says_so_and_takes_no_second_line():
    """With a plan that adds nothing here, only a remark is added."""
    base = strip(60, [10, 40])
    planned = replace(base, lanes=tuple(replace(lane, after=lane.before) for lane in base.lanes))
    plain, same = strip_svg(base, "en"), strip_svg(planned, "en")
    assert sum("unchanged by the plan" in t for t in texts_of(same)) == 2
    assert ElementTree.fromstring(plain).get("height") == ElementTree.fromstring(same).get("height")


def test_a_route_without_sites_says_so():
    """No site: said in words, with the open length."""
    written = texts_of(strip_svg(ALL["empty"](), "zh"))
    assert "沿线没有站点" in written
    assert any("≥ 44.0" in t for t in written)


def test_a_ring_says_which_way_and_wraps_its_figures():
    """The gap over the seam runs from 50 to 10 km, not to 106."""
    written = texts_of(strip_svg(ring_strip(), "en"))
    assert {"clockwise", "anticlockwise"} <= set(written)
    assert any("longest 56.0 km (measured km 50.0–10.0)" in t for t in written)


def test_towards_and_compass_are_words():
    """Ends without a town are named in the language of the chart."""
    assert any("西端 — 东端" in t for t in texts_of(strip_svg(short_strip(), "zh")))
    assert any("west end — east end" in t for t in texts_of(strip_svg(short_strip(), "en")))


def test_reasons_are_words_and_the_rest_is_counted():
    """Five reasons are listed, what is more is counted; all stand in tooltips."""
    svg = strip_svg(long_strip(), "en")
    assert any(t.endswith("on the other side") for t in texts_of(svg))
    assert "and 1 more near but not serving" in texts_of(svg)
    assert any("some other" in t for t in tips_of(svg))


def test_two_charts_on_a_page_do_not_share_ids():
    """Hatching is named after the chart's key."""
    one, two = (strip_svg(replace(long_strip(), key=key), "zh") for key in ("G1/1", "G1/2"))
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_same_data_give_the_same_bytes():
    """Nothing is left to chance."""
    assert strip_svg(long_strip(), "zh") == strip_svg(long_strip(), "zh")


def test_open_ends_and_no_class_are_drawn():
    """A gap of a class nobody knows is a plain line; an end that is open has its sign."""
    base = strip(60, [30])
    odd = replace(gap(0.0, 30e3), spacing_class="nobody knows", open_low=True)
    lane = replace(base.lanes[0], before=LaneState(base.lanes[0].before.sites, (odd,)))
    svg = strip_svg(replace(base, lanes=(lane,), towns=(Town(0, "零"),)), "zh")
    assert "≥ 30.0" in texts_of(svg)
    assert isinstance(odd, StripGap)


def test_a_name_as_long_as_a_book_is_cut_like_any_other():
    """What is cut is the same as from the first letters alone, however much follows."""
    head = "服务区 Services " * 20
    assert shortened(head + "x" * 2_000_000, 11.0, 120.0) == shortened(head, 11.0, 120.0)


def test_figures_of_a_direction_stay_within_the_chart():
    """A fact that is wider than the chart goes on in the next row, between two of its parts."""
    parts = ["12 proposed", "mean gap 24.9 mi", "longest gap 62.1 mi, mi 0.0 to mi 62.1"]
    rows = fact_rows(" · ".join(parts), text_px(" · ".join(parts[:2]), 10) + 1)
    assert rows == [" · ".join(parts[:2]), parts[2]]
    assert fact_rows(" · ".join(parts), 1e4) == [" · ".join(parts)]
