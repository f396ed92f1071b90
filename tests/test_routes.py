"""Routes on hand-made roads: each case is worked out in its comment. Lengths in metres, to a few metres."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from plugspan.network.refs import GB_T_917, RoadClass, RoadClasses
from plugspan.network.routes import (
    RoadIndex,
    find_routes,
    inside_intervals,
    locate,
    network_length_m,
    open_ends,
    path_between,
    segment_weight,
)
from pyproj import Geod
from toy import Toy, lonlat

NEAR = {"rel": 5e-4, "abs": 3.0}


def routes_of(toy, **options):
    return {route.ref: route for route in find_routes(toy.graph(), **options)}


def one(toy, ref="G207", **options):
    return routes_of(toy, **options)[ref]


def lengths(route):
    return [round(s.length_m) for s in route.sections]


def every_km(toy, names):
    """Vertices every kilometre or so on straight roads."""
    names = names.split()
    return {
        (a, b): np.linspace(toy.at[a], toy.at[b], int(math.dist(toy.at[a], toy.at[b]) // 1000) + 1)[
            1:-1
        ].tolist()
        for a, b in zip(names[:-1], names[1:], strict=True)
    }


def bridged(drive, graph):
    return float(graph.edge_length_m[drive.edges[drive.inferred]].sum())


# -- plain roads ---------------------------------------------------------------------------------------------


def test_two_way_road_is_one_section_of_two_directions():
    """A straight road of 9 km: both directions 9 km, chainage from the north end."""
    route = one(Toy(a=(0, 0), b=(0, 5000), c=(0, 9000)).road("a b c", "G207"))
    (section,) = route.sections
    assert route.length_m == pytest.approx(9000, **NEAR)
    assert section.forward.from_m[0] == pytest.approx(0.0)
    assert section.forward.to_m == pytest.approx([4000, 9000], **NEAR)
    assert section.backward.from_m == pytest.approx([9000, 4000], **NEAR)
    assert section.backward.to_m[-1] == pytest.approx(0.0)
    assert section.axis.coords[0][1] > section.axis.coords[-1][1]


def test_east_west_road_counts_from_the_east():
    """A road that runs east-west has its origin in the east; ``reverse_refs`` turns it."""
    toy = Toy(a=(0, 0), b=(9000, 500)).road("a b", "S100")
    assert one(toy, "S100").sections[0].axis.coords[0][0] > 113.05
    assert one(toy, "S100", reverse_refs=["S100"]).sections[0].axis.coords[0][0] == pytest.approx(113.0)


def test_number_says_the_axis():
    """G2xx counts from the north and G3xx from the east (GB/T 917) even where the road here runs otherwise."""
    toy = Toy(a=(0, 0), b=(9000, 500), c=(0, 20000), d=(-500, 29000)).road("a b", "G207").road("c d", "G320")
    routes = routes_of(toy)
    assert routes["G207"].sections[0].axis.coords[0] == pytest.approx(tuple(lonlat(9000, 500)))
    assert routes["G320"].sections[0].axis.coords[0] == pytest.approx(tuple(lonlat(0, 20000)))


def test_links_belong_to_no_route():
    """A ramp with the number adds nothing."""
    toy = Toy(a=(0, 0), b=(0, 9000), r=(500, 4000)).road("a b", "G4", highway="motorway", oneway=True)
    toy.road("a r b", "G4", highway="motorway_link", oneway=True)
    assert one(toy, "G4").length_m == pytest.approx(9000, **NEAR)


def test_spur_is_a_section():
    """A branch of 3 km with the same number is kept as section 2; the straight road stays whole."""
    toy = Toy(a=(0, 0), b=(0, 5000), c=(0, 9000), s=(3000, 5000)).road("a b c", "G207").road("b s", "G207")
    route = one(toy)
    assert lengths(route) == pytest.approx([9000, 3000], **NEAR)
    assert route.length_m == pytest.approx(12000, **NEAR)
    assert [s.number for s in route.sections] == [1, 2]


def test_three_arms_of_equal_rank_make_two_sections():
    """A symmetric Y: one arm is a spur, both directions of each road stay together."""
    arms = {
        k: (4000 * math.sin(a), 4000 * math.cos(a)) for k, a in zip("abc", (0, 2.0944, 4.1888), strict=True)
    }
    toy = Toy(m=(0, 0), **arms).road("a m b", "G207").road("m c", "G207")
    route = one(toy)
    assert lengths(route) == pytest.approx([8000, 4000], **NEAR)
    assert all(s.forward is not None and s.backward is not None for s in route.sections)


def test_channelled_junction_of_three_arms():
    """Three two-way arms joined by a one-way triangle: the drives a-b, b-c, c-a contradict each other.

    The two longest arms make the through road, the third is a section of its own. Total: 5 + 4 + 3 km of
    two-way road, and the triangle of three one-way sides, which counts at most once.
    """
    toy = Toy(a=(-20, 5000), p=(-20, 20), b=(4000, 0), q=(20, 0), c=(-20, -3000), r=(-20, -20))
    toy.road("a p", "G207").road("b q", "G207").road("c r", "G207").road("p r q p", "G207", oneway=True)
    route = one(toy)
    triangle = sum(math.dist(toy.at[x], toy.at[y]) for x, y in ("pr", "rq", "qp"))
    plain = sum(math.dist(toy.at[x], toy.at[y]) for x, y in ("ap", "bq", "cr"))
    assert plain < route.length_m <= plain + triangle + 10
    assert len(route.sections) <= 3
    assert {s.forward is not None and s.backward is not None for s in route.sections if s.length_m > 100} == {
        True
    }


# -- carriageways --------------------------------------------------------------------------------------------


def test_dual_carriageway_counts_once():
    """Two one-way roads of 10 km 20 m apart that never touch: one section of 10 km, matched along its length."""
    toy = Toy(a=(0, 0), b=(0, 10000), c=(20, 10000), d=(20, 0))
    toy.road("a b", "G207", oneway=True).road("c d", "G207", oneway=True)
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(10000, **NEAR)
    at = np.array([0, 2500, 9900.0])
    assert section.to_other(at, "forward") == pytest.approx(at, abs=60)
    assert (section.forward.weight == 0.5).all()


def test_two_one_way_roads_between_the_same_two_nodes():
    """Carriageways that meet at both ends, nothing else there: a road of two directions, not a ring."""
    toy = Toy(a=(0, 0), b=(0, 10000)).road(
        "a b", "G207", oneway=True, via={("a", "b"): [(10, 50), (10, 9950)]}
    )
    toy.road("b a", "G207", oneway=True, via={("b", "a"): [(-10, 9950), (-10, 50)]})
    (section,) = one(toy).sections
    assert not section.ring
    assert section.length_m == pytest.approx(10000, **NEAR)


def test_road_that_turns_dual_and_back():
    """4 km two-way, 4 km dual, 4 km two-way: 12 km, one section."""
    toy = Toy(
        a=(0, 0),
        b=(0, 4000),
        c=(10, 4020),
        d=(10, 8000),
        e=(-10, 8000),
        f=(-10, 4020),
        g=(0, 8020),
        h=(0, 12000),
    )
    toy.road("a b", "G207").road("b c d g", "G207", oneway=True).road("g e f b", "G207", oneway=True)
    toy.road("g h", "G207")
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(12003, **NEAR)


def test_one_way_pair_in_a_town():
    """Northbound straight through (1000 m), southbound round by another street (300 + 1000 + 300 = 1600 m).

    They count (1000 + 1600) / 2 = 1300 m; the chainages differ by 600 m beyond the town, each on its own.
    """
    toy = Toy(a=(0, 0), b=(0, 5000), c=(0, 6000), d=(0, 9000), e=(300, 6000), f=(300, 5000))
    toy.road("a b", "G207").road("b c", "G207", oneway=True).road("c e f b", "G207", oneway=True).road(
        "c d", "G207"
    )
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(5000 + 1300 + 3000, **NEAR)
    assert section.forward.length_m == pytest.approx(9600, **NEAR)
    assert section.backward.length_m == pytest.approx(9000, **NEAR)
    assert float(section.to_other(3800.0, "forward")) == pytest.approx(3500, abs=60)
    assert float(section.to_other(9600.0, "forward")) == pytest.approx(9000, **NEAR)


def test_carriageways_far_apart_in_the_middle():
    """Carriageways 30 m apart at both ends and 3 km apart in between (two valleys) are one road."""
    toy = Toy(a=(0, 0), b=(0, 5000), c=(1500, 12000), d=(0, 19000), e=(0, 24000))
    toy.node("z", 30, 0).node("y", 30, 5000).node("x", -1500, 12000).node("w", 30, 19000).node("v", 30, 24000)
    toy.road("a b c d e", "G4", oneway=True, highway="motorway").road(
        "v w x y z", "G4", oneway=True, highway="motorway"
    )
    (section,) = one(toy, "G4").sections
    legs = 10000 + 2 * math.hypot(1500, 7000)
    assert section.length_m == pytest.approx(legs, rel=2e-3)


@pytest.mark.parametrize(("apart_m", "together"), [(450, True), (750, False)])
def test_carriageways_far_apart_for_their_length_are_two_roads(apart_m, together):
    """One-way roads of 2 km that run opposite ways: 600 m, 0.3 times their length, is the most for one road."""
    toy = Toy(a=(0, 0), b=(0, 2000), c=(-apart_m, 2000), d=(-apart_m, 0))
    toy.road("a b", "G207", oneway=True).road("c d", "G207", oneway=True)
    assert (len(one(toy).sections) == 1) == together


def test_a_carriageway_that_comes_from_elsewhere_is_read_where_it_is_beside():
    """One carriageway 20 km; the other joins it after 5 km from the east and runs beside it for 9 km.

    What lies beside each other on the two has the same place on the other's chainage.
    """
    toy = Toy(a=(0, 0), b=(0, 20_000), c=(-30, 15_000), d=(-30, 6000), e=(-4000, 3000), f=(-4000, 18_000))
    toy.road("a b", "G207", oneway=True).road("f c d e", "G207", oneway=True)
    (section, *_) = one(toy).sections
    index = RoadIndex(toy.graph())
    other = section.forward if section.forward is not None else section.backward
    at = np.linspace(other.start_m + 5500, other.end_m - 5500, 5)
    own = section.backward if other is section.forward else section.forward
    here = locate(index, other, at)
    there = locate(index, own, section.to_other(at, other.direction))
    apart = Geod(ellps="WGS84").inv(*here[["lon", "lat"]].T.to_numpy(), *there[["lon", "lat"]].T.to_numpy())[
        2
    ]
    assert apart.max() <= 100


def test_second_carriageway_that_is_shorter():
    """One direction 10 km, the other only 6 km of it: 6 km count once, 4 km alone count whole."""
    toy = Toy(a=(0, 0), b=(0, 10000), c=(20, 10000), d=(20, 4000))
    toy.road("a b", "G207", oneway=True).road("c d", "G207", oneway=True)
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(10000, abs=200)


def test_express_and_local_carriageways():
    """Four one-way roads side by side for all of their length: one pair is the road, the other pair is beside it."""
    toy = Toy(
        a=(0, 0),
        b=(0, 20000),
        c=(-20, 20000),
        d=(-20, 0),
        e=(40, 0),
        f=(40, 20000),
        g=(-60, 20000),
        h=(-60, 0),
    )
    for way in ("a b", "c d", "e f", "g h"):
        toy.road(way, "G4", oneway=True, highway="motorway")
    route = one(toy, "G4")
    assert lengths(route) == pytest.approx([20000], **NEAR)
    assert {p.direction for p in route.parallel} == {"forward", "backward"}
    assert [p.length_m for p in route.parallel] == pytest.approx([20000, 20000], **NEAR)


def test_lone_one_way_road_counts_whole():
    """A one-way road without the other direction: one drive, full length; northbound falls in chainage."""
    (section,) = one(Toy(a=(0, 0), b=(0, 7000)).road("a b", "G207", oneway=True)).sections
    assert section.forward is None
    assert section.backward.length_m == pytest.approx(7000, **NEAR)
    assert section.length_m == pytest.approx(7000, **NEAR)


def test_oneway_minus_one_is_driven_against_its_drawing():
    """``oneway=-1`` drawn north to south is driven north."""
    (section,) = one(Toy(a=(0, 0), b=(0, 7000)).road("b a", "G207", oneway=-1)).sections
    assert section.forward is None


def test_end_in_a_one_way_loop():
    """A road of 8 km that ends in a one-way loop of 4 x 200 m: out and back are two directions, not one drive."""
    toy = Toy(a=(0, 0), b=(0, 8000), c=(200, 8000), d=(200, 8200), e=(0, 8200), x=(400, 8200))
    toy.road("a b", "G207").road("b c d e b", "G207", oneway=True).road("d x")
    route = one(toy)
    assert route.length_m == pytest.approx(8400, **NEAR)
    # cut where another road joins half-way round
    assert [d.length_m for d in route.sections[0].drives] == pytest.approx([8400, 8400], **NEAR)


@pytest.mark.parametrize("junctions", ["x", "cx", "xe", "cxe"])
def test_a_long_loop_at_the_end_counts_half(junctions):
    """A one-way loop of 4 x 2 km: out and back take half each; of its junctions that half-way round parts them."""
    toy = Toy(a=(0, 0), b=(0, 8000), c=(2000, 8000), d=(2000, 10_000), e=(0, 10_000))
    toy.road("a b", "G207").road("b c d e b", "G207", oneway=True)
    for name in junctions:
        corner = "d" if name == "x" else name
        x, y = toy.at[corner]
        toy.node(f"far {corner}", x + 900, y + 900).road([corner, f"far {corner}"])
    route = one(toy)
    assert route.length_m == pytest.approx(12_000, **NEAR)
    assert [d.length_m for d in route.sections[0].drives] == pytest.approx([12_000, 12_000], **NEAR)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("corners", "is_circle"),
    [
        ([(30, 0), (0, 30), (-30, 0), (0, -30)], True),
        ([(30, 0), (21, 21), (0, 30), (-21, 21), (-30, 0), (-21, -21), (0, -30), (21, -21)], True),
        ([(60, 10), (-60, 10), (-60, -10), (60, -10)], False),
        ([(45, 45), (-45, 45), (-45, -45), (45, -45)], False),
    ],
    ids=["square", "octagon", "long block", "360 m round"],
)
def test_small_round_one_way_circles_are_roundabouts(corners, is_circle, turned):
    """Driven either way round; a long block of 280 m and a square of 360 m are streets."""
    names = [f"p{k}" for k in range(len(corners))]
    toy = Toy(**dict(zip(names, corners, strict=True)))
    toy.road([*names, names[0]][:: -1 if turned else 1], "G207", oneway=True)
    assert (RoadIndex(toy.graph()).roundabout >= 0).tolist() == [is_circle] * len(corners)


# -- roundabouts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["G207", None])
@pytest.mark.parametrize("tagged", ["roundabout", None])
def test_roundabout_on_the_way(ref, tagged):
    """South to north through a circle of 4 x 42.4 m: each direction drives half of it, together it counts 84.9 m.

    It makes no difference whether the circle is tagged; without the number it is flagged as inferred.
    """
    if tagged is None and ref is None:
        pytest.skip("a circle without tag and number is a break like any other")
    toy = Toy(a=(0, -3000), s=(0, -30), n=(0, 30), e=(30, 0), w=(-30, 0), b=(0, 3000), x=(3000, 0))
    toy.road("a s", "G207").road("n b", "G207").road("e x").road(
        "w s e n w", ref, oneway=True, junction=tagged
    )
    route = one(toy)
    (section,) = route.sections
    assert route.length_m == pytest.approx(2 * 2970 + 84.9, abs=1.5)
    assert section.forward.inferred.any() == (ref is None)


def test_road_that_turns_at_a_roundabout():
    """Turning left, one direction drives three quarters of the circle, the other one quarter: together the same."""
    toy = Toy(a=(0, -3000), s=(0, -30), n=(0, 30), e=(30, 0), w=(-30, 0), b=(-3000, 0), x=(3000, 0))
    toy.road("a s", "G207").road("w b", "G207").road("e x").road(
        "w s e n w", "G207", oneway=True, junction="roundabout"
    )
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(2 * 2970 + 84.9, abs=1.5)
    assert {round(section.forward.length_m - 5940, -1), round(section.backward.length_m - 5940, -1)} == {
        130,
        40,
    }


def test_far_sides_of_roundabouts_count_half():
    """Dual approaches: between exit and entry nobody drives; it is no section, and counts half.

    The circle has 8 sides of 23 m. The through drives use 3 each, the two sides between exit and entry remain.
    """
    at = [(30 * math.sin(math.radians(a)), 30 * math.cos(math.radians(a))) for a in range(22, 360, 45)]
    toy = Toy(**{f"p{k}": xy for k, xy in enumerate(at)})
    toy.node("n", 0, 3000).node("s", 0, -3000).node("o", 20, 3000).node("t", 20, -3000)
    toy.road("n p7", "G207", oneway=True).road("p0 o", "G207", oneway=True)
    toy.road("t p3", "G207", oneway=True).road("p4 s", "G207", oneway=True)
    toy.road("p7 p6 p5 p4 p3 p2 p1 p0 p7", "G207", oneway=True, junction="roundabout")
    route = one(toy)
    assert len(route.sections) == 1
    assert len(route.left_out) == 2
    ways = (
        sum(math.dist(at[k], at[(k + 1) % 8]) for k in range(8)) / 2
        + math.dist(at[0], (0, 3000))
        + math.dist(at[3], (0, -3000))
    )
    assert route.length_m == pytest.approx(ways, abs=5)


def test_route_that_ends_at_a_roundabout():
    """The circle belongs to the road it ends: nothing is lost, no section of scraps."""
    toy = Toy(a=(0, -3000), s=(0, -30), n=(0, 30), e=(30, 0), w=(-30, 0), x=(3000, 0))
    toy.road("a s", "G207").road("e x").road("w s e n w", "G207", oneway=True, junction="roundabout")
    route = one(toy)
    assert len(route.sections) == 1
    assert route.length_m == pytest.approx(2970 + 84.9, abs=2)


# -- breaks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "sections"), [(1900, 1), (2100, 2)])
def test_breaks_up_to_two_kilometres_are_bridged(gap, sections):
    """Without the number for 1.9 km the road goes on, flagged; for 2.1 km it is two sections."""
    toy = Toy(a=(0, 0), b=(0, 4000), c=(0, 4000 + gap), d=(0, 12000))
    toy.road("a b", "G207").road("b c").road("c d", "G207")
    route = one(toy)
    assert len(route.sections) == sections
    assert route.length_m == pytest.approx(12000 if sections == 1 else 12000 - gap, **NEAR)
    if sections == 1:
        for drive in route.sections[0].drives:
            assert bridged(drive, toy.graph()) == pytest.approx(gap, **NEAR)


@pytest.mark.parametrize(("bow_m", "joined"), [(700, True), (1100, False)])
def test_a_break_is_as_long_as_its_road(bow_m, joined):
    """Ends 1.2 km apart; the road between them bows out: 1.84 km of it are bridged, 2.5 km are too long."""
    toy = Toy(a=(0, 0), b=(0, 4000), x=(bow_m, 4600), c=(0, 5200), d=(0, 9200))
    toy.road("a b", "G207").road("b x c").road("c d", "G207")
    assert (len(one(toy).sections) == 1) == joined


@pytest.mark.parametrize(("bow_m", "joined"), [(420, True), (500, False)])
def test_a_long_way_round_is_not_the_road_going_on(bow_m, joined):
    """Ends 200 m apart: 863 m round a bow are bridged, 1020 m (more than 3 x 200 + 300 m) are not."""
    toy = Toy(a=(0, 0), b=(0, 4000), x=(bow_m, 4100), c=(0, 4200), d=(0, 8200))
    toy.road("a b", "G207").road("b x c").road("c d", "G207")
    assert (len(one(toy).sections) == 1) == joined


@pytest.mark.parametrize(
    ("names", "last"),
    [(("Main", "Main", "Oak"), "c"), (("Main", "Oak", "Oak"), "d"), (("Main", "Oak", "Main"), "d")],
)
def test_a_road_keeps_its_name_where_it_forks(names, last):
    """At a fork 16 and 10 degrees off straight on, one goes on along the road of one's name, else the straighter."""
    toy = Toy(a=(0, 0), b=(0, 4000), c=(-1100, 7900), d=(700, 7950))
    for line, name in zip(("a b", "b c", "b d"), names, strict=True):
        toy.road(line, "G207", name=name)
    graph = toy.graph()
    (section, _) = one(toy).sections
    ends = {toy.names()[graph.edge_u[d.edges[0]]] for d in section.drives}
    assert ends == {"a", last}


def test_break_in_one_direction_only():
    """One carriageway lacks the number for 1 km: that direction is bridged, the length is that of one road."""
    toy = Toy(a=(0, 0), b=(0, 10000), c=(20, 10000), p=(20, 6000), q=(20, 5000), d=(20, 0))
    toy.road("a b", "G207", oneway=True).road("c p", "G207", oneway=True).road("q d", "G207", oneway=True)
    toy.road("p q", None, oneway=True)
    graph = toy.graph()
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(10000, **NEAR)
    assert bridged(section.forward, graph) == pytest.approx(1000, **NEAR)
    assert bridged(section.backward, graph) == 0.0


def test_long_hole_in_one_direction_keeps_the_chainage():
    """One carriageway lacks the number for 4 km: not bridged, and beyond the hole chainage still agrees."""
    toy = Toy(a=(0, 0), b=(0, 20000), c=(20, 20000), p=(20, 12000), q=(20, 8000), d=(20, 0))
    toy.road("a b", "G207", oneway=True).road("c p", "G207", oneway=True).road("q d", "G207", oneway=True)
    toy.road("p q", None, oneway=True)
    (section,) = one(toy).sections
    assert not section.forward.inferred.any()
    assert section.forward.from_m[1] == pytest.approx(12000, abs=120)
    assert section.length_m == pytest.approx(20000, abs=150)


def test_behind_a_long_hole_a_carriageway_may_come_from_elsewhere():
    """One carriageway of 30 km; the other has 10 km of it, and from a place 4 km aside the last 10 km.

    On both pieces what lies beside each other has the same place on the other's chainage.
    """
    toy = Toy(
        a=(0, 0),
        b=(0, 30_000),
        c=(-30, 30_000),
        p=(-30, 20_000),
        h=(4000, 13_000),
        q=(-30, 10_000),
        d=(-30, 0),
    )
    toy.road("a b", "G207", oneway=True).road("c p", "G207", oneway=True).road("h q d", "G207", oneway=True)
    (section,) = one(toy).sections
    index, drive = RoadIndex(toy.graph()), section.forward
    assert len(drive.edges) == 3
    at = np.concatenate([drive.from_m[[0, 2]] + 500, drive.to_m[[0, 2]] - 500])
    here = locate(index, drive, at)
    there = locate(index, section.backward, section.to_other(at, "forward"))
    apart = Geod(ellps="WGS84").inv(*here[["lon", "lat"]].T.to_numpy(), *there[["lon", "lat"]].T.to_numpy())[
        2
    ]
    assert apart.max() <= 100


def test_bridges_run_on_the_shortest_road_and_may_use_ramps():
    """Of a straight ramp of 1 km and a detour of 1.4 km the ramp is taken."""
    toy = Toy(a=(0, 0), b=(0, 4000), c=(0, 5000), d=(0, 9000), e=(700, 4500))
    toy.road("a b", "G207").road("b c", highway="trunk_link").road("b e c").road("c d", "G207")
    (section,) = one(toy).sections
    assert section.length_m == pytest.approx(9000, **NEAR)


def test_no_bridge_turns_back():
    """Two dead ends side by side, 800 m apart over a cross road, both coming from the south: two sections."""
    toy = (
        Toy(a=(0, 0), b=(0, 8000), c=(800, 8000), d=(800, 0))
        .road("a b", "G207")
        .road("b c")
        .road("c d", "G207")
    )
    toy.node("e", 400, 9000).road("b e c")
    assert len(one(toy, bridge_m=1000).sections) in (1, 2)
    far = (
        Toy(a=(0, 0), b=(0, 8000), c=(800, 7000), d=(800, 0))
        .road("a b", "G207")
        .road("b c")
        .road("c d", "G207")
    )
    assert len(one(far).sections) == 2


def test_spur_ends_are_not_bridged():
    """A spur leaves the road at a junction; 1.5 km on another end of the number lies free: no bridge from there."""
    toy = Toy(a=(0, 0), b=(0, 5000), c=(0, 10000), s=(3000, 5000), t=(-1500, 5000), u=(-4000, 5000))
    toy.road("a b c", "G207").road("b s", "G207").road("t b").road("t u", "G207")
    assert lengths(one(toy)) == pytest.approx([10000, 3000, 2500], **NEAR)


def test_shortest_break_first():
    """Between three ends 500 m and 1500 m apart the nearer two are joined."""
    toy = Toy(a=(0, 0), b=(0, 4000), c=(0, 4500), d=(0, 9000), e=(1400, 4400), f=(6000, 4400))
    toy.road("a b", "G207").road("b c").road("c d", "G207").road("b e").road("e f", "G207")
    assert lengths(one(toy)) == pytest.approx([9000, 4600], **NEAR)


def test_ring_with_a_break_is_closed():
    """A ring of 31 km with 1 km missing is a ring; a horseshoe with 2.1 km missing is not."""

    def ring(missing):
        toy = Toy()
        n = 48
        for k in range(n):
            a = 2 * math.pi * k / n
            toy.node(f"r{k}", 5000 * math.cos(a), 5000 * math.sin(a))
            toy.node(f"x{k}", 7000 * math.cos(a), 7000 * math.sin(a)).road(f"r{k} x{k}")
        toy.road([f"r{k}" for k in range(n - missing + 1)], "S207")
        return toy.road([f"r{k % n}" for k in range(n - missing, n + 1)])

    closed = one(ring(2), "S207")
    assert closed.sections[0].ring
    assert closed.length_m == pytest.approx(48 * 654.03, rel=1e-3)
    assert not one(ring(4), "S207").sections[0].ring


@pytest.mark.parametrize(("radius", "is_ring"), [(2000, True), (900, False)])
def test_a_ring_is_closed_if_it_is_ten_times_as_long_as_the_break(radius, is_ring):
    """540 m are missing of a circle: 12.0 km have the number, or 5.1 km, less than ten times as much."""
    whole, missing = 2 * math.pi * radius, 540.0
    toy = Toy()
    for k in range(25):
        a = 2 * math.pi * (missing / 2 + k * (whole - missing) / 24) / whole
        toy.node(f"r{k}", radius * math.sin(a), radius * math.cos(a))
        toy.node(f"x{k}", 2 * radius * math.sin(a), 2 * radius * math.cos(a)).road(f"r{k} x{k}")
    toy.road([f"r{k}" for k in range(25)], "S207").road("r24 r0")
    assert one(toy, "S207").sections[0].ring == is_ring


# -- rings, eights, shared roads -----------------------------------------------------------------------------


def ring(*, dual):
    toy = Toy()
    n = 36
    for k in range(n):
        a = 2 * math.pi * k / n
        toy.node(f"o{k}", 5000 * math.cos(a), 5000 * math.sin(a)).node(
            f"x{k}", 9000 * math.cos(a), 9000 * math.sin(a)
        )
        toy.road(f"o{k} x{k}")
        if dual:
            toy.node(f"i{k}", 4980 * math.cos(a), 4980 * math.sin(a)).road(f"i{k} o{k}")
    toy.road([f"o{k % n}" for k in range(n + 1)], "G4001", oneway=dual, highway="motorway")
    if dual:
        toy.road([f"i{-k % n}" for k in range(n + 1)], "G4001", oneway=True, highway="motorway")
    return toy


@pytest.mark.parametrize("dual", [False, True])
def test_ring(dual):
    """A ring of 36 sides: one section, closed, from its northernmost junction, forward clockwise."""
    toy = ring(dual=dual)
    route = one(toy, "G4001")
    (section,) = route.sections
    assert section.ring
    assert section.forward.ring
    assert section.backward.ring
    side = 2 * math.sin(math.pi / 36) * 36
    assert route.length_m == pytest.approx(side * (4990 if dual else 5000), rel=2e-3)
    first = toy.names()[toy.graph().edge_u[section.forward.edges[0]]]
    assert first in ("o9", "i9")
    x, y = np.array(section.axis.coords).T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() < 0
    assert float(section.to_other(8000.0, "forward")) == pytest.approx(8000, rel=0.02)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("east_m", [-2000, 0, 2000])
def test_rings_run_forward_clockwise_however_they_are_drawn(turned, east_m):
    """A triangle with its top in the middle, to the west or to the east, drawn either way round."""
    toy = Toy(a=(0, 0), b=(6000, 0), c=(3000 + east_m, 5000), x=(3000 + east_m, 9000)).road("c x")
    toy.road(["a", "b", "c", "a"][:: -1 if turned else 1], "G207")
    (section,) = one(toy).sections
    names = toy.names()
    assert [names[n] for n in toy.graph().edge_u[section.forward.edges]] == ["c", "b", "a"]


def test_figure_of_eight():
    """Two loops that cross at a junction: straight over the crossing, so one closed drive of all four arcs."""
    t = np.linspace(0, 2 * math.pi, 41)[:-1]
    toy = Toy(**{f"p{k}": (3000 * math.sin(a), 1500 * math.sin(2 * a)) for k, a in enumerate(t)})
    names = [f"p{k}" for k in range(40)]
    names[20] = "p0"  # the curve crosses itself in the middle
    toy.road([*names, "p0"], "G207").node("y", 0, 4000).road("p10 y")
    route = one(toy)
    (section,) = route.sections
    assert section.ring
    drawn = sum(math.dist(toy.at[a], toy.at[b]) for a, b in zip(names, [*names[1:], "p0"], strict=True))
    assert route.length_m == pytest.approx(drawn, rel=1e-3)


def test_shared_road_counts_for_each_route_and_once_in_the_network():
    """G207 and G320 share 4 km: 10 km and 9 km by themselves, 15 km together."""
    toy = Toy(a=(0, 0), b=(0, 3000), c=(0, 7000), d=(0, 10000), e=(-2000, 3000), f=(3000, 7000))
    toy.road("a b", "G207").road("b c", "G207;G320").road("c d", "G207").road("e b", "G320").road(
        "c f", "G320"
    )
    routes = routes_of(toy)
    assert routes["G207"].length_m == pytest.approx(10000, **NEAR)
    assert routes["G320"].length_m == pytest.approx(9000, **NEAR)
    assert len(routes["G320"].sections) == 1
    assert network_length_m(toy.graph(), routes.values()) == pytest.approx(15000, **NEAR)


def test_network_weight_of_a_carriageway_is_half():
    """Of a pair of carriageways each counts half in the network."""
    toy = Toy(a=(0, 0), b=(0, 10000), c=(20, 10000), d=(20, 0))
    toy.road("a b", "G207", oneway=True).road("c d", "G207", oneway=True).road("a d")
    graph = toy.graph()
    assert segment_weight(graph, find_routes(graph)) == pytest.approx([0.5, 0.5, 0.0])


# -- regions and ends ----------------------------------------------------------------------------------------


def test_route_that_leaves_and_re_enters_the_region():
    """A road of 30 km through a U-shaped region: inside from 0 to 10 and from 20 to 30 km, one section."""
    toy = Toy(a=(0, 0), b=(30000, 0)).road("a b", "S307")
    route, index = one(toy, "S307"), RoadIndex(toy.graph())
    left, right = (shapely.box(*lonlat(x, -5000), *lonlat(x + 11000, 5000)) for x in (-1000, 20000))
    (section,) = route.sections
    for drive in section.drives:
        inside = inside_intervals(index, drive, shapely.union(left, right))
        assert inside == pytest.approx(np.array([[0, 10000], [20000, 30000]]), abs=25)


def test_outside_the_region_nothing_is_inside():
    """A region elsewhere holds no part of the drive; no region means all of it."""
    toy = Toy(a=(0, 0), b=(30000, 0)).road("a b", "S307")
    drive, index = one(toy, "S307").sections[0].forward, RoadIndex(toy.graph())
    assert inside_intervals(index, drive, shapely.box(0, 0, 1, 1)).shape == (0, 2)
    assert inside_intervals(index, drive, None) == pytest.approx(np.array([[0, 30000]]), rel=1e-3)


def test_open_and_true_ends():
    """At the edge of the data a dead end is open; an end at a junction is a true end; so is one deep inside."""
    toy = Toy(a=(0, -20000), b=(0, 0), c=(0, 8000), p=(-30000, 0), q=(30000, 0), n=(0, 30000), m=(9000, 8000))
    toy.road("a b c", "G207").road("p b q", "G320").road("p n q", via=every_km(toy, "p n q")).road("m q")
    index = RoadIndex(toy.graph())
    ends = open_ends(index, find_routes(toy.graph()))
    assert ends[("G207", 1, "forward")] == (False, True)  # north end inside the loop, south end at the edge
    assert ends[("G320", 1, "forward")] == (False, False)  # both ends at junctions


def test_a_link_at_the_edge_of_the_data_closes_no_end():
    """G4 in two carriageways ends at the southern edge, where a link meets one of them: it goes on both ways."""
    toy = Toy(a=(0, 20000), b=(0, 0), c=(20, 0), d=(20, 20000), l=(300, 500), n=(10, 25000))
    toy.node("w", -20000, 25000).node("e", 20000, 25000)
    toy.road("a b", "G4", highway="motorway", oneway=True).road("c d", "G4", highway="motorway", oneway=True)
    toy.road("l c", highway="motorway_link", oneway=True).road("n a").road("d n").road("w n e")
    ends = open_ends(RoadIndex(toy.graph()), find_routes(toy.graph()))
    assert {ends[("G4", 1, direction)] for direction in ("forward", "backward")} in (
        {(False, True)},
        {(True, False)},
    )


def test_ends_at_the_halo_are_open():
    """Cut at the halo, a dead end near the boundary is open though the data reach further elsewhere."""
    toy = Toy(
        a=(0, -20000), b=(0, 0), p=(-40000, -40000), q=(40000, -40000), r=(40000, 40000), s=(-40000, 40000)
    )
    toy.road("a b", "G207").road("p q r s p", via=every_km(toy, "p q r s p"))
    index, routes = RoadIndex(toy.graph()), find_routes(toy.graph())
    assert open_ends(index, routes)[("G207", 1, "forward")] == (False, False)
    halo = shapely.box(*lonlat(-30000, -20500), *lonlat(30000, 30000))
    assert open_ends(index, routes, halo)[("G207", 1, "forward")] == (False, True)


@pytest.mark.parametrize("at_north", [False, True])
@pytest.mark.parametrize("north_m", [0, 3_900_000])
@pytest.mark.parametrize(("short_of_m", "is_open"), [(1500, True), (2500, False)])
def test_a_dead_end_within_two_kilometres_of_the_edge_is_open(short_of_m, is_open, north_m, at_north):
    """At both ends; near the equator's side and at 62 degrees north, where a map is drawn twice as large."""
    toy = Toy(
        a=(0, north_m - 20_000), b=(0, north_m), p=(-30_000, north_m - 30_000), q=(30_000, north_m - 30_000)
    )
    toy.node("r", 30_000, north_m + 30_000).node("s", -30_000, north_m + 30_000)
    toy.road("a b", "G207").road("p q r s p", via=every_km(toy, "p q r s p"))
    routes = find_routes(toy.graph())
    south, north = (30_000, short_of_m) if at_north else (20_000 + short_of_m, 30_000)
    halo = shapely.box(*lonlat(-30_000, north_m - south), *lonlat(30_000, north_m + north))
    ends = open_ends(RoadIndex(toy.graph()), routes, halo)
    assert ends[("G207", 1, "forward")] == ((is_open, False) if at_north else (False, is_open))


def test_locate_and_path_between():
    """Chainage 3 km of a bent road lies 3 km along it; the path between two places has their distance."""
    toy = Toy(a=(0, 0), b=(0, 4000), c=(3000, 4000)).road("c b a", "G207")
    graph = toy.graph()
    index, (section,) = RoadIndex(graph), one(toy).sections
    place = locate(index, section.backward, np.array([4000.0]))
    assert (place["lon"][0], place["lat"][0]) == pytest.approx(tuple(lonlat(0, 3000)), abs=2e-4)
    edges, line = path_between(index, section.forward, 1000.0, 5000.0)
    assert len(edges) == 2
    assert Geod(ellps="WGS84").geometry_length(line) == pytest.approx(4000, abs=1)
    edges, line = path_between(index, section.backward, 2000.0, 1000.0)
    assert len(edges) == 1
    assert line.geoms[0].coords[0][0] < line.geoms[0].coords[-1][0]


def test_path_over_the_seam_of_a_ring():
    """A path from 1 km before the seam to 1 km behind it is 2 km long, in one piece."""
    toy = ring(dual=False)
    index, (section,) = RoadIndex(toy.graph()), one(toy, "G4001").sections
    end = section.forward.end_m
    _, line = path_between(index, section.forward, end - 1000, end + 1000)
    assert len(line.geoms) == 1
    assert Geod(ellps="WGS84").geometry_length(line) == pytest.approx(2000, abs=1)
    _, line = path_between(
        index, section.backward, section.backward.start_m + 700, section.backward.start_m - 800
    )
    assert len(line.geoms) == 1


# -- classes -------------------------------------------------------------------------------------------------


def test_classes_come_from_the_caller():
    """Norwegian refs by a pattern of the policy; spaces don't matter; a route has its class."""
    toy = Toy(a=(0, 0), b=(0, 5000), c=(0, 9000)).road("a b", "E 6").road("b c", "E6;162")
    classes = RoadClasses((RoadClass("european", (r"E\d+",)),))
    (route,) = find_routes(toy.graph(), classes)
    assert (route.ref, route.road_class) == ("E6", "european")
    assert route.length_m == pytest.approx(9000, **NEAR)


def test_no_routes():
    """Roads without numbers give no routes."""
    assert find_routes(Toy(a=(0, 0), b=(0, 5000)).road("a b").graph(), GB_T_917) == []


@pytest.mark.extra_data
@pytest.mark.parametrize(
    ("file", "pattern", "refs"), [("andorra", r"CG-?\d+", ["CG-3", "CG-4"]), ("oslo-east", r"E\d+", ["E6"])]
)
def test_real_routes_against_their_ways(extra_data, file, pattern, refs):
    """Without what is bridged, a route is as long as its ways: two-way whole, one-way half (within 0.1 %)."""
    from plugspan import read_network
    from plugspan.network.refs import route_segments

    graph = read_network(extra_data / "osm" / f"{file}.osm.pbf")
    classes = RoadClasses.from_mapping({"x": [pattern]})
    bears, routes = route_segments(graph, classes), {r.ref: r for r in find_routes(graph, classes)}
    for ref in refs:
        half = np.where(graph.seg_forward & graph.seg_backward, 1.0, 0.5)
        ways = float((graph.seg_length_m * half)[bears[ref]].sum())
        drives = [d for s in routes[ref].sections for d in s.drives]
        inferred = sum(d.counted_m[d.inferred].sum() for d in drives)
        beside = sum(p.length_m / 2 for p in routes[ref].parallel)
        assert routes[ref].length_m + beside - inferred == pytest.approx(ways, rel=1.5e-3)
