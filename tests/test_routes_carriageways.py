"""Four carriageways, and one-way pairs that a cross street closes: what one drives is the road. Metres."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plugspan import read_network
from plugspan.measure.spacing import find_spacing
from plugspan.network.access import find_access
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import RoadIndex, find_routes, network_length_m
from plugspan.network.snapping import snap
from road_world import World, bent, length, offset
from toy import Toy, lonlat

NEAR = {"rel": 5e-4, "abs": 3.0}
ANY = RoadClasses.from_mapping({"any": [".+"]})
MOTORWAY = {"oneway": True, "highway": "motorway"}
PLACES = [(-77.0, 39.0), (2.0, 46.0), (113.0, 27.8)]


def at_sites(graph, routes, xy, **options):
    """What sites at (x, y) serve and what not, and the gaps between them."""
    index, points = RoadIndex(graph), lonlat(*np.array(xy, float).T)
    access = find_access(index, routes, snap(graph, points), points, **options)
    return access, find_spacing(index, routes, access).gaps


def between(gaps, direction):
    """Lengths of the gaps between two sites of one direction."""
    rows = gaps[(gaps["direction"] == direction) & (gaps["kind"] == "between")]
    return rows["length_m"].to_numpy()


# -- four carriageways ---------------------------------------------------------------------------------------


def motorway(apart_m=70.0, *, both=True, bend_m=200.0):
    """60 km from south to north; from kilometre 20 to 30 a second pair beside it (negative: between the first).

    Counted from the north, as a dual road is: forward runs south.
    """
    toy = Toy()
    for k in (0, 20, 30, 60):
        toy.node(f"n{k}", 60, k * 1000).node(f"s{k}", -60, k * 1000)
    toy.road("n0 n20 n30 n60", "G4", **MOTORWAY).road("s60 s30 s20 s0", "G4", **MOTORWAY)
    toy.node("p1", 60 + apart_m, 20_000 + bend_m).node("p2", 60 + apart_m, 30_000 - bend_m)
    toy.node("q1", -60 - apart_m, 30_000 - bend_m).node("q2", -60 - apart_m, 20_000 + bend_m)
    toy.road("n20 p1 p2 n30", "G4", **MOTORWAY)
    if both:
        toy.road("s30 q1 q2 s20", "G4", **MOTORWAY)
    return toy.road("s0 n0").road("n60 s60")


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("apart_m", [70.0, -40.0, 250.0])
def test_a_second_pair_adds_nothing_and_cuts_nothing(apart_m, both):
    """Sites at kilometre 10 and 40 of 60: the route is 60 km long, the gap 30 km; the second pair is listed."""
    toy = motorway(apart_m, both=both)
    graph = toy.graph()
    (route,) = routes = find_routes(graph)
    (section,) = route.sections
    assert route.length_m == pytest.approx(60_000, **NEAR)
    assert [d.length_m for d in section.drives] == pytest.approx([60_000, 60_000], **NEAR)
    own = 2 * math.hypot(apart_m, 200) + 9600
    found = {(p.direction, p.section, round(p.from_m, -2), round(p.to_m, -2)) for p in route.parallel}
    south = {("forward", 1, 30_000, 40_000)} if both else set()
    assert found == south | {("backward", 1, 40_000, 30_000)}
    assert [p.length_m for p in route.parallel] == pytest.approx([own] * len(route.parallel), **NEAR)
    # the road that joins the carriageways at both ends bears no number
    assert network_length_m(graph, routes) == pytest.approx(60_000, **NEAR)
    sites = [(x, y) for x in (60, -60) for y in (10_000, 40_000)]
    _, gaps = at_sites(graph, routes, sites)
    for direction in ("forward", "backward"):
        assert between(gaps, direction) == pytest.approx([30_000], **NEAR)


def test_a_site_on_a_parallel_carriageway_serves_where_one_leaves_for_it():
    """In the middle of the outer carriageways, 5 km from both ends: at kilometre 20 northbound, 30 southbound."""
    toy = motorway().node("far", 700, 25_000).node("m", 130, 25_000)
    toy.rows = [row for row in toy.rows if (row["u"], row["v"]) != ("p1", "p2")]
    toy.road("p1 m p2", "G4", **MOTORWAY).road("m far", highway="service")
    graph = toy.graph()
    routes = find_routes(graph)
    access, _ = at_sites(graph, routes, [(131, 24_000), (-131, 26_000), (700, 25_000)])
    rows = access.served.sort_values("site")
    assert rows["site"].tolist() == [0, 1, 2]
    assert rows["direction"].tolist() == ["backward", "forward", "backward"]
    assert rows["chainage_m"].to_numpy() == pytest.approx([40_000, 30_000, 40_000], **NEAR)
    assert rows["distance_m"].to_numpy() == pytest.approx([0, 0, 570], abs=3)


def test_a_site_that_the_road_itself_reaches_is_left_for_there():
    """A service area between both carriageways of one direction, with a way from each: the road's own way counts."""
    toy = motorway()
    toy.rows = [r for r in toy.rows if (r["u"], r["v"]) not in {("n20", "n30"), ("p1", "p2")}]
    toy.node("a", 60, 25_000).node("b", 130, 25_000).node("area", 95, 25_100)
    toy.road("n20 a n30", "G4", **MOTORWAY).road("p1 b p2", "G4", **MOTORWAY)
    toy.road("a area", oneway=True).road("b area", oneway=True).node("out", 60, 25_500)
    toy.road("area n30", oneway=True, highway="service").road("area p2", oneway=True, highway="service")
    graph = toy.graph()
    access, _ = at_sites(graph, find_routes(graph), [(95, 25_100)], access_m=8000)
    assert access.served["chainage_m"].to_numpy() == pytest.approx([35_000], **NEAR)


def test_crossovers_move_the_place_where_one_leaves():
    """Local lanes of 20 km with a way onto them after 8 km: a site at 15 km is left for at the second place."""
    toy = Toy(a=(0, 0), x=(0, 18_000), b=(0, 60_000), l0=(50, 10_500), l1=(50, 18_500), l2=(50, 29_500))
    toy.node("f", 0, 10_000).node("m", 0, 30_000).node("c", -20, 60_000).node("d", -20, 0)
    toy.road("a f x m b", "G4", **MOTORWAY).road("c d", "G4", **MOTORWAY).road("d a").road("b c")
    toy.road("f l0 l1 l2 m", "G4", **MOTORWAY).road("x l1", highway="motorway_link", oneway=True)
    graph = toy.graph()
    (route,) = routes = find_routes(graph)
    (lanes,) = route.parallel
    assert lanes.leave_m[:-1] == pytest.approx([50_000, 50_000, 42_000, 42_000], **NEAR)
    access, _ = at_sites(graph, routes, [(51, 15_000), (51, 25_000)])
    assert access.served["chainage_m"].to_numpy() == pytest.approx([42_000, 50_000], **NEAR)
    assert access.served["site"].tolist() == [1, 0]


def world(place, draw):
    """A drawn network as it is read, and the only route."""

    def read(tmp_path):
        made = World(*place, seed=round(place[0]) % 7)
        wanted = draw(made)
        graph = read_network(made.write(tmp_path / "world.osm"))
        (route,) = find_routes(graph, ANY)
        return graph, route, wanted

    return read


def local_lanes_joined_by_ramps(w):
    """Local lanes that ramps without a number join to the express lanes."""
    line = bent((5000, 50_000), 250)
    w.dual(line, "I 95", 10)
    right, left = offset(line, 10), offset(line, -10)
    lanes = offset(line, 45)[50:150], offset(line, -45)[50:150][::-1]
    for lane in lanes:
        w.road(lane, "I 95", "motorway", oneway=True)
    for k in (48, 80, 120):
        w.road([right[k], lanes[0][k - 48]], None, "motorway_link", oneway=True)
    for start, end in ((lanes[0][-1], right[152]), (left[152], lanes[1][0]), (lanes[1][-1], left[48])):
        w.road([start, end], None, "motorway_link", oneway=True)
    return length(line), [length(lanes[0]), length(lanes[1])]


def lanes_that_change_sides(w):
    """Express and local lanes with ways from one onto the other that bear the number."""
    line = bent((5000, 50_000), 250)
    right, left = w.dual(line, "I 95", 10)
    out, on = offset(line, 45), offset(line, -45)[::-1]
    n = len(line) - 1
    lanes = [
        np.concatenate([[right[50]], out[51:150], [right[150]]]),
        np.concatenate([[left[n - 150]], on[n - 149 : n - 50], [left[n - 50]]]),
    ]
    lanes += [[right[80], out[83]], [out[100], right[103]], [right[120], out[123]]]
    for lane in lanes:
        w.road(lane, "I 95", "motorway", oneway=True)
    return length(line), [length(lane) for lane in lanes]


def tubes_that_part_twice(w):
    """Two times both directions part in two, alike to the left and to the right, and meet again."""
    line = bent((0, 50_000), 250, bow=0)
    lanes = []
    for sign in (1, -1):
        base = offset(line, sign * 30)
        for a, b in ((0, 50), (80, 130), (160, len(line) - 1)):
            w.road(base[a : b + 1][::sign], "I 95", "motorway", oneway=True)
        for a, b in ((50, 80), (130, 160)):
            for by in (15, 45):
                tube = np.concatenate([[base[a]], offset(line, sign * by)[a + 1 : b], [base[b]]])
                w.road(tube[::sign], "I 95", "motorway", oneway=True)
            lanes.append(length(tube))
    return length(line), lanes


def outer_lanes_straight_on_at_one_end_only(w):
    """At the fork the inner carriageway is straight on, where they meet the outer: the road is the inner one."""
    line = bent((0, 40_000), 200, bow=0)
    east, west = np.array([60, 0]), np.array([-100, 0])
    w.road(line + east, "I 95", "motorway", oneway=True)
    inner, beyond = line[:161], (line + west)[160:]
    outer = (line + west)[85:160]
    w.road(inner[80:156][::-1], "I 95", "motorway", oneway=True)
    w.road(inner[:81][::-1], "I 95", "motorway", oneway=True)
    w.road(beyond[::-1], "I 95", "motorway", oneway=True)
    w.road([beyond[0], inner[155]], "I 95", "motorway", oneway=True)
    w.road(np.concatenate([[inner[80]], outer, [beyond[0]]])[::-1], "I 95", "motorway", oneway=True)
    road = length(inner[:156]) + math.hypot(100, 1000) + length(beyond)
    other = length([inner[80], outer[0]]) + length(outer) + 200
    return (length(line) + road) / 2, [other]


DRAWN = [
    local_lanes_joined_by_ramps,
    lanes_that_change_sides,
    tubes_that_part_twice,
    outer_lanes_straight_on_at_one_end_only,
]


@pytest.mark.parametrize("place", PLACES, ids=["us", "fr", "cn"])
@pytest.mark.parametrize("draw", DRAWN, ids=[d.__name__ for d in DRAWN])
def test_lanes_and_tubes(tmp_path, draw, place):
    """One section of the road's length, two whole directions, and the others with their own lengths."""
    graph, route, (road_m, lanes_m) = world(place, draw)(tmp_path)
    (section,) = route.sections
    assert route.length_m == pytest.approx(road_m, rel=3e-3)
    assert network_length_m(graph, [route]) == pytest.approx(route.length_m)
    for drive in section.drives:
        assert drive.length_m == pytest.approx(road_m, rel=6e-3)
        assert np.abs(drive.from_m[1:] - drive.to_m[:-1]).max(initial=0.0) < 1e-6
        assert not drive.inferred.any()
    found = sorted(p.length_m for p in route.parallel)
    assert found == pytest.approx(sorted(lanes_m), rel=2e-2)
    for lane in route.parallel:
        rising = 1 if lane.direction == "forward" else -1
        assert (rising * np.diff(lane.leave_m) >= -1e-6).all()
    if (
        draw is not lanes_that_change_sides
    ):  # there short ways lead from lane to lane; ramps are up to 600 m long
        spans = [abs(lane.to_m - lane.from_m) for lane in route.parallel]
        assert spans == pytest.approx([lane.length_m for lane in route.parallel], rel=0.06)


@pytest.mark.parametrize("seed", range(12))
def test_any_second_pair_is_beside_the_road(tmp_path, seed):
    """Second carriageways of random place, length, distance and side, of one direction or both, one inside, one out."""
    rng = np.random.default_rng(seed)
    w = World(*PLACES[seed % 3], seed=seed)
    line = bent([(0, 60_000), (42_000, 42_000)][seed % 2], 300, bow=rng.choice([0, 300, 2000]))
    n, by, apart = len(line) - 1, rng.choice([8, 12, 20]), rng.choice([-70, 25, 70, 200])
    right, left = w.dual(line, "I 95", by)
    w.road([right[-1], left[0]])
    w.road([left[-1], right[0]])
    a = int(rng.integers(60, 150))
    b = a + int(rng.integers(10, 100))
    lanes = []
    if seed % 4 != 1:
        lanes.append(np.concatenate([[right[a]], offset(line, by + apart)[a + 1 : b], [right[b]]]))
    if seed % 4 != 2:
        other = offset(line, -by - apart * rng.choice([1, -1]))[::-1]
        lanes.append(np.concatenate([[left[n - b]], other[n - b + 1 : n - a], [left[n - a]]]))
    for lane in lanes:
        w.road(lane, "I 95", "motorway", oneway=True)
    (route,) = find_routes(read_network(w.write(tmp_path / "world.osm")), ANY)
    assert route.length_m == pytest.approx(length(line), rel=3e-3)
    assert len(route.sections) == 1
    found = sorted(p.length_m for p in route.parallel)
    assert found == pytest.approx(sorted(length(lane) for lane in lanes), rel=5e-2)


def test_two_way_roads_beside_each_other_are_sections():
    """Old and new road, both two-way, 60 m apart: a road of 12 km, and a second one of 4 km; neither is cut.

    Where they part the one is straight on, where they meet the other.
    """
    toy = Toy(a=(0, 0), f=(0, 4000), n1=(0, 7000), o1=(60, 4800), m=(60, 8000), b=(60, 12_000))
    toy.road("a f n1 m b", "G207").road("f o1 m", "G207")
    (route,) = find_routes(toy.graph())
    assert [s.length_m for s in route.sections] == pytest.approx([12_002, 4002], **NEAR)
    assert not route.parallel
    for section in route.sections:
        assert [d.length_m for d in section.drives] == pytest.approx([section.length_m] * 2)


# -- one-way pairs that a cross street closes ----------------------------------------------------------------


def pair(leaves="D2", closed=("top", "bottom"), blocks=1, from_north=False, grid=0):
    """A two-way road comes from the west (or north) to the corner C1; one-way 5 km south from there, back 200 m east.

    Two-way cross streets of so many blocks with the number join them; at C2 or D2 the road leaves south. Residential
    streets lead round the blocks.
    """
    toy = Toy(
        w=(0, 10_000) if from_north else (-10_000, 0), C1=(0, 0), D1=(200, 0), C2=(0, -5000), D2=(200, -5000)
    )
    toy.node("e", 200 if leaves == "D2" else 0, -15_000)
    inner = [f"{k}/{blocks}" for k in range(1, blocks)]
    for name, (left, right) in {"top": ("C1", "D1"), "bottom": ("C2", "D2")}.items():
        cross = [left, *(name + k for k in inner), right]
        for k, middle in enumerate(cross[1:-1], start=1):
            toy.node(middle, 200 * k / blocks, toy.at[left][1])
            toy.node(middle + "s", 200 * k / blocks, toy.at[left][1] + 90).road(f"{middle} {middle}s")
        toy.road(cross, "US23" if name in closed else None)
    side = [f"r{k}" for k in range(grid)]
    for k, street in enumerate(side):
        y = -5000 * (k + 1) / (grid + 1)
        toy.node(f"c{street}", 0, y).node(f"d{street}", 200, y).road(
            f"c{street} d{street}", highway="residential"
        )
    toy.road(["C1", *(f"c{s}" for s in side), "C2"], "US23", oneway=True)
    toy.road(["D2", *(f"d{s}" for s in side[::-1]), "D1"], "US23", oneway=True)
    toy.road("w C1", "US23").road(f"{leaves} e", "US23")
    toy.node("k1", 200, 300).node("k2", 0, 300).road("D1 k1 k2 C1", highway="residential")
    toy.node("k3", 400, -5000).node("k4", 400, -5200).node("k5", 0, -5200)
    return toy.road("D2 k3 k4 k5 C2", highway="residential")


@pytest.mark.parametrize("grid", [0, 9])
@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("from_north", [False, True])
@pytest.mark.parametrize(("leaves", "south_m", "north_m"), [("D2", 25_200, 25_200), ("C2", 25_000, 25_400)])
def test_the_drive_turns_with_its_number(leaves, south_m, north_m, from_north, blocks, grid):
    """Sites 10 km before and 10 km behind the pair of 5 km: the gaps are what one drives; nothing is bridged or left.

    South: 10 + 5 + 0.2 + 10, over the southern cross street if the road goes on at D2; back the same way, over the
    northern one too if it comes from C2.
    """
    toy = pair(leaves, blocks=blocks, from_north=from_north, grid=grid)
    graph = toy.graph()
    (route,) = routes = find_routes(graph, ANY)
    (section,) = route.sections
    assert not any(d.inferred.any() for d in section.drives)
    assert route.length_m == pytest.approx((south_m + north_m) / 2, **NEAR)
    assert network_length_m(graph, routes) == pytest.approx(route.length_m)
    _, gaps = at_sites(graph, routes, [toy.at["w"], toy.at["e"]])
    assert between(gaps, "forward") == pytest.approx([south_m], **NEAR)
    assert between(gaps, "backward") == pytest.approx([north_m], **NEAR)
    assert set(gaps["kind"]) == {"between"}


def drawn(drive, toy, graph):
    """Names of the nodes that a drive passes."""
    names = toy.names()
    return [names[graph.edge_u[drive.edges[0]]], *(names[n] for n in graph.edge_v[drive.edges])]


def test_a_road_that_meets_the_middle_of_the_cross_street():
    """From the north to the middle of a two-way cross street of 200 m: left for the way south, from the right back.

    Straight over the cross street one would turn round the block. At the southern end alike: 10 + 0.1 + 5 + 0.1 + 10.
    """
    toy = Toy(n=(100, 10_000), m=(100, 0), a=(0, 0), b=(200, 0), c=(0, -5000), d=(200, -5000), o=(100, -5000))
    toy.node("s", 100, -15_000).node("x", -500, 0).node("y", 700, -5000).road("x a").road("d y")
    toy.road("n m", "US23").road("a m b", "US23").road("c o d", "US23").road("o s", "US23")
    toy.road("a c", "US23", oneway=True).road("d b", "US23", oneway=True)
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    (section,) = route.sections
    assert {" ".join(drawn(d, toy, graph)) for d in section.drives} == {"n m a c o s", "s o d b m n"}
    assert route.length_m == pytest.approx(25_200, **NEAR)


@pytest.mark.parametrize("length_m", [300, 1500, 5000])
@pytest.mark.parametrize("across_m", [100, 400, 800])
@pytest.mark.parametrize("sense", [1, -1])
def test_a_road_that_meets_the_middle_of_a_one_way_cross_street(sense, across_m, length_m):
    """Both halves of the cross street are one-way, as the streets they lead to: straight over it is round the block.

    10 km, half the cross street, the pair, half the other one, 10 km; back the same on the other side.
    """
    half, south = across_m / 2, -length_m
    toy = Toy(
        n=(0, 10_000), m=(0, 0), a=(-half, 0), b=(half, 0), c=(-half, south), d=(half, south), o=(0, south)
    )
    toy.node("s", 0, south - 10_000).node("x", -half - 300, 0).node("y", half + 300, south).road("x a").road(
        "d y"
    )
    toy.road("n m", "US23").road("o s", "US23")
    for way in ("m a c o", "o d b m"):
        toy.road(way.split()[::sense], "US23", oneway=True)
    graph = toy.graph()
    (route,) = routes = find_routes(graph, ANY)
    (section,) = route.sections
    ways = {"n m a c o s", "s o d b m n"} if sense == 1 else {"n m b d o s", "s o c a m n"}
    assert {" ".join(drawn(d, toy, graph)) for d in section.drives} == ways
    assert not any(d.inferred.any() for d in section.drives)
    assert route.length_m == pytest.approx(20_000 + across_m + length_m, **NEAR)
    _, gaps = at_sites(graph, routes, [toy.at["n"], toy.at["s"]])
    assert between(gaps, "forward") == pytest.approx([20_000 + across_m + length_m], **NEAR)


def test_a_carriageway_that_passes_the_end_of_a_two_way_road():
    """A dual road runs east to west; a two-way spur with its number ends at one carriageway: that goes on."""
    toy = Toy(w=(-10_000, 0), m=(0, 0), e=(10_000, 0), W=(-10_000, 30), E=(10_000, 30), n=(0, -4000))
    toy.road("w m e", "US23", oneway=True).road("E W", "US23", oneway=True).road("m n", "US23")
    graph = toy.graph()
    ways = {
        " ".join(drawn(d, toy, graph)) for r in find_routes(graph, ANY) for s in r.sections for d in s.drives
    }
    assert {"w m e", "E W"} <= ways


@pytest.mark.parametrize("seed", range(4))
def test_a_pair_that_shifts_by_a_block(seed):
    """Half-way both streets go on a block further east, over two blocks of one two-way cross street.

    There two ways come, two go, all at right angles: each goes on as it came, south or north. 10 + 5 + 0.2 + 0.2 + 10.
    """
    rng = np.random.default_rng(seed)
    at = {"w": (0, 10_000), "a": (0, 0), "b": (200, 0), "e": (0, -2500), "f": (200, -2500), "g": (400, -2500)}
    at |= {"c": (200, -5000), "d": (400, -5000), "s": (400, -15_000)}
    toy = Toy(**{name: (x + rng.normal(0, 3), y + rng.normal(0, 3)) for name, (x, y) in at.items()})
    toy.road("w a", "US23").road("a b", "US23").road("e f g", "US23").road("c d", "US23").road("d s", "US23")
    for street in ("a e", "f c", "d g", "f b"):
        toy.road(street, "US23", oneway=True)
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    assert {" ".join(drawn(d, toy, graph)) for d in route.sections[0].drives} == {
        "w a e f c d s",
        "s d g f b a w",
    }


def test_a_cross_street_of_two_carriageways():
    """The road from the west is dual along the cross street: 200 m of that lead nowhere, and are beside the road.

    South 10 + 5 + 0.2 + 10; north the same and 20 m from one carriageway to the other. Nothing is bridged.
    """
    toy = Toy(
        w=(-10_000, 0),
        v=(-100, 10),
        a=(0, 0),
        b=(200, 0),
        p=(200, 20),
        q=(0, 20),
        c=(0, -5000),
        d=(200, -5000),
    )
    toy.node("s", 200, -15_000).node("x", 200, 300).node("y", 0, 300)
    toy.road("w v", "US23").road("v a b", "US23", oneway=True).road("b p q v", "US23", oneway=True)
    toy.road("a c", "US23", oneway=True).road("d b", "US23", oneway=True).road("c d", "US23").road(
        "d s", "US23"
    )
    toy.road("p x y q a", highway="residential")
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    (section,) = route.sections
    assert {" ".join(drawn(d, toy, graph)) for d in section.drives} == {"w v a c d s", "s d b p q v w"}
    assert not any(d.inferred.any() for d in section.drives)
    assert [p.length_m for p in route.parallel] == pytest.approx([200], **NEAR)
    assert route.length_m == pytest.approx(25_210, **NEAR)


@pytest.mark.parametrize("closed", [("top",), ("bottom",), ()])
def test_a_pair_that_is_closed_at_one_end(closed):
    """Where the cross street lacks the number that is a break of 200 m, bridged over it; elsewhere nothing is."""
    toy = pair("D2", closed)
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    assert route.sections[0].length_m == pytest.approx(25_200, **NEAR)
    for drive in route.sections[0].drives:
        assert drive.length_m == pytest.approx(25_200, **NEAR)
    bridged = sorted(
        {
            tuple(sorted((*_ends(toy, graph, e),)))
            for d in route.sections[0].drives
            for e in d.edges[d.inferred]
        }
    )
    streets = {"top": ("C1", "D1"), "bottom": ("C2", "D2")}
    assert bridged == sorted(streets[name] for name in streets if name not in closed)


def _ends(toy, graph, edge):
    names = toy.names()
    return names[graph.edge_u[edge]], names[graph.edge_v[edge]]


def test_a_pair_at_the_end_of_the_route():
    """The road ends in the pair: out on one street, over the cross street and back on the other; two directions.

    10 km, and half of two one-way streets of 5 km and of two cross streets of 200 m that are driven one way.
    """
    toy = pair("D2")
    toy.rows = [row for row in toy.rows if row["v"] != "e"]
    (route,) = find_routes(toy.graph(), ANY)
    (section,) = route.sections
    assert route.length_m == pytest.approx(10_000 + 5_200, **NEAR)
    assert {d.direction for d in section.drives} == {"forward", "backward"}
    assert not any(d.inferred.any() for d in section.drives)


def test_a_spur_is_no_cross_street():
    """The two-way street goes on for 3 km beyond the other street of the pair: it keeps both its directions."""
    toy = pair("D2").node("x", 3200, 0).road("D1 x", "US23")
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    driven = {int(e) for s in route.sections for d in s.drives for e in d.edges}
    spur = [k for k in range(len(graph.edge_u)) if "x" in _ends(toy, graph, k)]
    assert set(spur) <= driven
    assert route.length_m == pytest.approx(25_200 + 3000, abs=250)


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_long_two_way_road_is_driven_both_ways(blocks):
    """A cross road of 1.5 km is no street that closes a pair: nothing of it is left out.

    Nor is anything bridged over the street 60 m beside it: the number does not break.
    """
    toy = pair("D2", blocks=blocks)
    for name in [n for n in toy.at if n.startswith(("top", "bottom"))]:
        toy.at[name] = (toy.at[name][0] * 7.5, toy.at[name][1])
    for name in ("D1", "D2", "e", "k1", "k3", "k4"):
        toy.at[name] = (toy.at[name][0] + 1300, toy.at[name][1])
    toy.at |= {"k1": (1500, 60), "k2": (0, 60)}
    graph = toy.graph()
    (route,) = find_routes(graph, ANY)
    driven = {int(e) for s in route.sections for d in s.drives for e in d.edges}
    bears = (graph.segments["ref"] == "US23").to_numpy()
    assert driven == set(np.flatnonzero(bears[graph.edge_segment]).tolist())
