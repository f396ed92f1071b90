"""The report on a road network: each kind of issue on toy roads, and what must not be reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from plugspan.network import read_network
from plugspan.network.quality.refs import odd_refs, one_slip, signature
from plugspan.network.quality.report import KINDS, network_figures, network_quality
from plugspan.network.quality.routes import runs
from plugspan.network.refs import GB_T_917, RoadClasses
from plugspan.network.routes import RoadIndex, find_routes, network_length_m, parallel_inside_m
from plugspan.texts import LANGUAGES, catalogue
from shapely import box
from toy import Toy, lonlat


def report(graph, classes=GB_T_917, **more):
    return network_quality(graph, find_routes(graph, classes), classes=classes, **more)


def of_kind(found, kind):
    return found.issues[found.issues["kind"] == kind]


def country(toy=None):
    """A grid of plain roads 60 km wide, so that the route in its middle is far from the edge of the data."""
    toy = toy or Toy()
    step, n = 3000, 21
    for i in range(n):
        for j in range(n):
            toy.node(f"g{i}_{j}", (i - 10) * step + 1500, (j - 10) * step + 1500)
    for i in range(n):
        toy.road([f"g{i}_{j}" for j in range(n)], highway="tertiary")
        toy.road([f"g{j}_{i}" for j in range(n)], highway="tertiary")
    return toy


def test_nothing_is_found_in_a_sound_network():
    """A route through a grid, joined at both ends, with speeds: no issue, but a table with all kinds."""
    toy = country()
    toy.road([f"g{i}_5" for i in range(21)], ref="G320", highway="trunk")
    toy.rows = [
        r
        for r in toy.rows
        if not (r["highway"] == "tertiary" and r["u"].endswith("_5") and r["v"].endswith("_5"))
    ]
    graph = toy.graph()
    graph.segments["speed_kmh"] = 60.0
    found = report(graph)
    assert found.issues.empty
    assert list(found.counts().index) == list(KINDS)
    assert (found.counts() == 0).all(axis=None)


def test_an_island_counts_once_and_names_its_route():
    """Roads a-b-c apart from the grid: one island of 2 km, serious because S101 (1 km) lies on it."""
    toy = country().node("a", 0, 0).node("b", 1000, 0).node("c", 1000, 1000)
    toy.road("a b", ref="S101").road("b c")
    row = of_kind(report(toy.graph()), "island").squeeze()
    assert (row["severity"], row["ref"]) == ("serious", "S101")
    assert row["length_m"] == pytest.approx(2000, rel=2e-3)
    assert row["values"]["n"] == 2
    assert row["values"]["route"] == pytest.approx(1000, rel=1e-3)


def test_a_one_way_street_out_of_the_network_is_no_island():
    """What can be reached, even if not left within the data, is part of the main network."""
    toy = country().node("a", 0, 0)
    toy.road("g10_10 a", oneway=True)
    assert of_kind(report(toy.graph()), "island").empty


def test_a_dead_end_near_another_road_is_serious():
    """S101 leaves the grid at g10_10 (1500, 1500) and stops 20 m short of the road at y = 4500."""
    toy = country().node("end", 2500, 4480)
    toy.road("g10_10 end", ref="S101")
    row = of_kind(report(toy.graph()), "dead_end").squeeze()
    assert (row["severity"], round(row["values"]["away"])) == ("serious", 20)
    assert row.geometry.x == pytest.approx(113 + 2500 / 99_200, abs=1e-3)


def test_a_dead_end_in_the_open_is_doubtful_and_one_at_the_data_edge_is_none():
    """1 km from any road: doubtful. On the rim of the grid the road goes on beyond the data."""
    toy = country().node("open", 2900, 2900).node("rim", 32_600, 0)
    toy.road("g10_10 open", ref="S101").road("g20_9 rim", ref="S102")
    rows = of_kind(report(toy.graph()), "dead_end")
    assert rows["ref"].tolist() == ["S101"]
    assert rows["severity"].tolist() == ["doubtful"]


def test_a_dead_end_outside_the_region_is_left_out():
    """Only what touches the region is reported."""
    toy = country().node("open", 2900, 2900)
    graph = toy.road("g10_10 open", ref="S101").graph()
    assert of_kind(report(graph, region=box(113.1, 27.1, 113.2, 27.2)), "dead_end").empty
    assert len(of_kind(report(graph, region=box(112.9, 26.9, 113.1, 27.1)), "dead_end")) == 1


def test_a_bridged_break_is_one_issue_with_its_length():
    """S101 without number for 1 km: inferred in both directions, listed once, and counted once."""
    toy = Toy(a=(0, 0), b=(10_000, 0), c=(11_000, 0), d=(20_000, 0))
    graph = toy.road("a b", ref="S101").road("b c").road("c d", ref="S101").graph()
    rows = of_kind(report(graph), "bridged")
    assert rows["length_m"].tolist() == pytest.approx([1000], rel=2e-3)
    # chainage counts from the east: 20 - 11 = 9 km
    assert rows["values"].iloc[0]["low"] == pytest.approx(9000, rel=1e-3)
    longer = network_length_m(graph, find_routes(graph)) - network_length_m(
        graph, find_routes(graph, bridge_m=500)
    )
    assert longer == pytest.approx(rows["length_m"].iloc[0], rel=1e-6)


@pytest.mark.parametrize(("gap_m", "found"), [(3000, 1), (6000, 0)])
def test_a_break_too_long_to_bridge_is_listed_up_to_five_km(gap_m, found):
    """Sections that face each other over 3 km are a break; over 6 km they are two roads."""
    toy = Toy(a=(0, 0), b=(10_000, 0), c=(10_000 + gap_m, 0), d=(25_000, 0))
    graph = toy.road("a b", ref="S101").road("b c").road("c d", ref="S101").graph()
    rows = of_kind(report(graph), "break")
    assert len(rows) == found
    if found:
        assert rows["length_m"].iloc[0] == pytest.approx(gap_m, rel=2e-3)


def test_ends_that_look_away_from_each_other_are_no_break():
    """Two parallel pieces, both running north from y = 0: their southern ends are near but do not face."""
    toy = Toy(a=(0, 0), b=(0, 9000), c=(3000, 0), d=(3000, 9000), e=(0, 12_000))
    graph = toy.road("a b", ref="S101").road("c d", ref="S101").road("b e d").graph()
    assert of_kind(report(graph), "break").empty


def test_a_spur_is_no_break():
    """The free end of a spur and the end of the main road are not taken for a break where roads meet."""
    toy = Toy(a=(0, 0), b=(10_000, 0), c=(20_000, 0), s=(10_000, 1500))
    graph = toy.road("a b c", ref="S101").road("b s", ref="S101").graph()
    assert of_kind(report(graph), "break").empty


def numbered(*refs, km=10.0):
    """A long chain of roads, one for each ref, all of one length."""
    toy = Toy(**{f"n{k}": (k * km * 1000, 0) for k in range(len(refs) + 1)})
    for k, ref in enumerate(refs):
        toy.road(f"n{k} n{k + 1}", ref=ref)
    return toy.graph()


@pytest.mark.parametrize(
    ("odd", "better", "reason"),
    [
        ("G32O", "G320", "lookalike"), ("X0l3", "X013", "lookalike"), ("g107", "G107", "case"),
        ("S-211", "S211", "sign"), ("S 211", "S211", "space"), ("Ｇ32O", "G320", "lookalike"),
        ("G l07", "G107", "sign"),
    ],
)  # fmt: skip
def test_mistyped_numbers_are_found_among_many_good_ones(odd, better, reason):
    """Each slip, among numbers that are written as usual; also if the right number has no other road."""
    usual = ["G106", "G107", "G240", "S209", "S211", "S329", "X012", "X014", "X021", "S101", "S102", "S103"]
    found = odd_refs(numbered(*usual, odd))
    assert [(o.suggestion, o.reason) for o in found] == [(better, reason)]
    assert found[0].segments.tolist() == [len(usual)]


@pytest.mark.parametrize("ref", ["Ring 1", "服务区", "G107A", "乡道", "G1O7B"])
def test_names_and_what_no_single_slip_explains_are_left_alone(ref):
    """Among many good numbers, too."""
    assert odd_refs(numbered("G106", "G107", "G240", "S209", "S211", "S329", "X012", "X014", ref)) == []


FOREIGN = {
    "Norway": ["E 6", "E 18", "E 6;E 18", "4", "159", "162", "Ring 1", "Ring 2", "Ring 3", "Rv4", "Fv156"],
    "Andorra": ["CG-1", "CG-2", "CG-3", "CG-4", "CS-101", "CS-102", "N-20"],
    "Austria": ["A1", "A2", "A14", "B 190", "B 191", "B 192", "L 60", "L 61", "S16", "E 60"],
    "France": ["A 7", "N 7", "D 906", "D 906A", "D 906B", "D 12E1", "D 12I", "M 21"],
    "Britain": ["A1", "A1(M)", "M25", "M1", "B4009", "B4100", "A303"],
    "United States": ["I 70", "I 270", "US 40", "OH 3", "OH 315", "RI 1", "OH 3;US 40", "CR 12"],
    "China": ["G107", "G320", "S211", "X013", "Y001", "C123", "G4", "G0422", "S20", "S21"],
    "Ireland": ["M50", "N4", "N52", "R101", "R102", "L1011", "L1012", "R132"],
    "Spain": ["A-1", "A-2", "AP-7", "N-340", "M-30", "CV-10"],
}


@pytest.mark.parametrize("place", FOREIGN)
def test_numbers_of_other_countries_are_not_mistyped(place):
    """Nothing is held against a number because it is foreign or rare."""
    assert odd_refs(numbered(*FOREIGN[place])) == []


def test_a_mistyped_route_says_what_is_lacking():
    """5 km of G32O lie beyond G320's end: the route lacks them. The bridged ones are not lacking."""
    usual = ["G106", "G107", "G240", "G320"]
    row = of_kind(report(numbered(*usual, "G32O", km=5)), "ref").squeeze()
    assert (row["severity"], row["effect"]) == ("serious", "quality.effect.ref-route")
    assert row["values"]["length"] == pytest.approx(5000, rel=1e-3)
    toy = Toy(
        a=(0, 0),
        b=(9000, 0),
        c=(10_000, 0),
        d=(19_000, 0),
        e=(19_000, 9000),
        f=(9000, 9000),
        g=(9000, 19_000),
    )
    toy.road("a b", ref="G320").road("b c", ref="G32O").road("c d", ref="G320").road("d e", ref="G106").road(
        "e f", ref="G107"
    )
    row = of_kind(report(toy.road("f g", ref="G240").graph()), "ref").squeeze()
    assert (row["severity"], row["effect"]) == ("note", "quality.effect.ref-bridged")


def test_a_short_number_between_two_parts_of_a_similar_one_is_doubtful():
    """G321 on 1 km in the middle of G320 is probably G320; beside it, as a branch, it is a road of its own."""
    toy = Toy(a=(0, 0), b=(9000, 0), c=(10_000, 0), d=(19_000, 0), s=(9000, 1000))
    inside = toy.road("a b", ref="G320").road("b c", ref="G321").road("c d", ref="G320").graph()
    assert [(o.ref, o.suggestion, o.reason) for o in odd_refs(inside)] == [("G321", "G320", "between")]
    toy = Toy(a=(0, 0), b=(9000, 0), c=(10_000, 0), d=(19_000, 0), s=(9000, 1000))
    branch = toy.road("a b c d", ref="G320").road("b s", ref="G321").graph()
    assert odd_refs(branch) == []


def test_a_short_number_under_the_name_of_a_similar_one_is_doubtful():
    """The same road name under two numbers one slip apart, one of them very short."""
    toy = Toy(a=(0, 0), b=(19_000, 0), c=(20_000, 0))
    graph = toy.road("a b", ref="S210", name="迎宾路").road("b c", ref="S201", name="迎宾路").graph()
    assert [(o.ref, o.reason) for o in odd_refs(graph)] == [("S201", "name")]


def test_a_road_drawn_twice_is_found_and_a_dual_carriageway_is_not():
    """Between the same nodes 1 m apart: twice. 12 m apart: two carriageways."""
    toy = Toy(a=(0, 0), b=(1000, 0), c=(2000, 0))
    toy.road("a b", ref="S101").road("a b", ref="S101", via={("a", "b"): [(500, 1)]})
    toy.road("b c", ref="S101", via={("b", "c"): [(100, 6), (900, 6)]}).road(
        "b c", ref="S101", via={("b", "c"): [(100, -6), (900, -6)]}
    )
    rows = of_kind(report(toy.graph()), "duplicate")
    assert rows["length_m"].tolist() == pytest.approx([1000], rel=2e-3)
    assert rows["severity"].tolist() == ["serious"]


def test_a_road_lying_on_another_of_its_number_is_found():
    """S101 drawn again over 2 km with nodes of its own; across another number it is not a duplicate."""
    toy = Toy(a=(0, 0), b=(10_000, 0), p=(3000, 0.5), q=(5000, 0.5), x=(6000, 0.5), y=(7000, 0.5))
    toy.road("a b", ref="S101").road("p q", ref="S101").road("x y", ref="S102")
    rows = of_kind(report(toy.graph()), "duplicate")
    assert rows["length_m"].tolist() == pytest.approx([2000], rel=2e-3)
    assert rows["ref"].tolist() == ["S101"]


def test_a_carriageway_without_counterpart_is_listed():
    """3 km one-way in the middle of a two-way route; the two-way parts are not listed."""
    toy = Toy(a=(0, 0), b=(5000, 0), c=(8000, 0), d=(13_000, 0), r=(6500, 3000))
    toy.road("a b", ref="S101").road("b c", ref="S101", oneway=True).road("c d", ref="S101").road("c r b")
    rows = of_kind(report(toy.graph()), "one_direction")
    assert rows["length_m"].tolist() == pytest.approx([3000], rel=2e-3)
    assert rows["severity"].tolist() == ["doubtful"]


def test_parallel_carriageways_are_listed_with_their_own_lengths():
    """A second tube beside one of two carriageways, kilometre 4 to 8 from the north: a note, in figures too."""
    toy = Toy(a=(0, 0), f=(0, 4000), m=(0, 8000), b=(0, 12_000), c=(-20, 12_000), d=(-20, 0))
    toy.node("p", 60, 4100).node("q", 60, 7900)
    for line in ("a f m b", "c d", "f p q m"):
        toy.road(line, "G4", oneway=True, highway="motorway")
    graph = toy.graph()
    row = of_kind(report(graph), "parallel").squeeze()
    own_m = 3800 + 2 * np.hypot(60, 100)
    assert row["length_m"] == pytest.approx(own_m, rel=1e-3)
    assert (row["ref"], row["severity"], row["effect"]) == ("G4", "note", "quality.effect.parallel-backward")
    assert [row["values"]["low"], row["values"]["high"]] == pytest.approx([4000, 8000], rel=1e-3)
    said = report(graph).effects("en")
    assert (
        sum("G4 has 4.0 km of parallel carriageway at measured km 4.0" in sentence for sentence in said) == 1
    )
    (route,) = routes = find_routes(graph)
    figures = network_figures(graph, routes)
    assert figures["parallel_m"] == pytest.approx(own_m, abs=1)
    assert figures["routes_m"] == pytest.approx(12_000, rel=1e-3)
    index, half = RoadIndex(graph), shapely.box(*lonlat(-500, -500), *lonlat(500, 6000))
    assert parallel_inside_m(index, route, half) == pytest.approx(own_m / 2, rel=2e-3)
    assert parallel_inside_m(index, route, None) == pytest.approx(own_m, rel=1e-3)


def test_missing_speeds_are_given_as_a_share_of_the_route():
    """2 of 10 km without a speed limit."""
    graph = Toy(a=(0, 0), b=(8000, 0), c=(10_000, 0)).road("a b c", ref="S101").graph()
    graph.segments["speed_kmh"] = [80.0, np.nan]
    row = of_kind(report(graph), "no_speed").squeeze()
    assert (row["values"]["length"], row["values"]["share"]) == (pytest.approx(2000, rel=1e-3), "20")
    assert row.geometry.x > 113.08


def test_every_effect_has_its_text_in_both_languages_and_issues_have_places():
    """All texts can be filled; points are where the lines are."""
    toy = country().node("a", 0, 0).node("b", 1000, 0).node("open", 2900, 2900).node("end", 2500, 4480)
    toy.road("a b", ref="S101").road("g10_10 open", ref="S102").road("g10_10 end", ref="S103").road(
        "g1_1 g2_1", ref="S10I"
    )
    toy.road("g3_3 g4_3", ref="G32O").road("g3_3 g4_3", ref="S104", oneway=True)
    found = report(toy.graph())
    for lang in LANGUAGES:
        sentences = found.effects(lang)
        assert sentences.str.len().gt(5).all()
        assert not sentences.str.contains(r"\{\w+\}").any()
    used = {key for key in catalogue() if key.startswith("quality.effect.")}
    assert set(found.issues["effect"]) <= used
    drawn = found.lines.notna().to_numpy()
    assert drawn.any()
    points, lines = (shapes[drawn].to_numpy() for shapes in (found.issues.geometry, found.lines))
    assert (shapely.distance(points, lines) < 1e-4).all()


def test_the_report_does_not_depend_on_order():
    """Segments in another order give the same issues."""
    rng = np.random.default_rng(5)
    toy = country().node("a", 0, 0).node("b", 1000, 0).node("open", 2900, 2900)
    toy.road("a b", ref="S101").road("g10_10 open", ref="S102").road("g3_3 g4_3", ref="G32O")
    columns = ["kind", "severity", "ref", "length_m", "effect"]
    first = report(toy.graph()).issues[columns].round(3)
    toy.rows = [toy.rows[k] for k in rng.permutation(len(toy.rows))]
    again = report(toy.graph()).issues[columns].round(3)
    order = ["kind", "ref", "length_m"]
    assert first.sort_values(order, ignore_index=True).equals(again.sort_values(order, ignore_index=True))


def test_an_empty_network_has_no_issue():
    """No road, no route: an empty report, not a crash."""
    graph = Toy(a=(0, 0), b=(1000, 0)).road("a b").graph()
    none, no = np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
    empty = replace(
        graph, node_id=none, node_xy=np.empty((0, 2)), seg_u=none, seg_v=none, seg_length_m=np.empty(0), seg_forward=no,
        seg_backward=no, xy=np.empty((0, 2)), seg_ptr=np.zeros(1, np.int64), segments=graph.segments.iloc[:0],
    )  # fmt: skip
    assert network_quality(empty, []).issues.empty


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_the_maximal_ones(flags):
    """Runs cover exactly the True positions and never touch."""
    mask = np.array(flags, dtype=bool)
    found = runs(mask)
    assert [k for run in found for k in run.tolist()] == np.flatnonzero(mask).tolist()
    assert all(b[0] - a[-1] > 1 for a, b in zip(found[:-1], found[1:], strict=True))


@given(
    st.text("AB12", min_size=1, max_size=6),
    st.integers(0, 5),
    st.sampled_from("AB12"),
    st.sampled_from("cdip"),
)
def test_one_slip_finds_every_single_slip(word, at, letter, how):
    """Changing, dropping, putting in or swapping one character is one slip; it is symmetric."""
    at %= len(word)
    made = {
        "c": word[:at] + letter + word[at + 1 :], "d": word[:at] + word[at + 1 :], "i": word[:at] + letter + word[at:],
        "p": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }[how]  # fmt: skip
    assert one_slip(word, made) == (made != word)
    assert one_slip(made, word) == one_slip(word, made)
    assert not one_slip(word, word + "XY")


def test_signature_keeps_letters_and_counts_digits():
    """G32O and G320 are written differently."""
    assert signature("G320") == "G999"
    assert signature("G32O") != signature("G320")


@pytest.mark.extra_data
@pytest.mark.parametrize(
    ("name", "pattern"), [("liechtenstein", r"\d+"), ("andorra", r"CG-?\d+"), ("oslo-east", r"E\d+|\d{1,3}")]
)
def test_real_extracts_hold_no_mistyped_number(extra_data, name, pattern):
    """Their numbers are foreign, not wrong; every length is finite and every place lies in the extract."""
    graph = read_network(extra_data / "osm" / f"{name}.osm.pbf")
    found = report(graph, RoadClasses.from_mapping({"route": pattern}))
    assert of_kind(found, "ref").empty
    assert np.isfinite(found.issues["length_m"]).all()
    west, south = graph.xy.min(axis=0)
    assert found.issues.geometry.x.min() >= west
    assert found.issues.geometry.y.min() >= south
