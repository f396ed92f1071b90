"""Routes of made-up networks as real extracts hold them: each case says what length, sections and rings it has.

Each is drawn three times, with other noise, cuts and numbering, in the United States, France and China.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from plugspan import read_network
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import find_routes
from road_world import World, arc, bent, length, offset

ANY = RoadClasses.from_mapping({"any": [".+"]})
CASES = {}
TURN = 2 * math.pi


def case(draw):
    """Register a case: it draws into a world and returns ref -> (length, sections over 500 m, ring)."""
    CASES[draw.__name__] = draw
    return draw


@case
def beltway_with_a_concurrency(w):
    """A ring of 16 km radius, and another interstate on its east half.

    It leaves the ring in the north over ramps with the number, in the south over ramps without.
    """
    ring = arc(16_000, 0, TURN)
    a, b = len(ring) // 12, 5 * len(ring) // 12
    cw, ccw = offset(ring, 15, closed=True), offset(ring, -15, closed=True)
    for part, ref in ((slice(0, a + 1), "I 495"), (slice(a, b + 1), "I 95;I 495"), (slice(b, None), "I 495")):
        w.road(cw[part], ref, "motorway", oneway=True)
        w.road(ccw[part][::-1], ref, "motorway", oneway=True)
    north = np.linspace(ring[a] * (1 + 300 / 16_000), ring[a] * (1 + 20_000 / 16_000), 130)
    out, back = w.dual(north, "I 95", 15)
    w.road([ccw[a], out[0]], "I 95", "motorway", oneway=True)
    w.road([back[-1], cw[a]], "I 95", "motorway", oneway=True)
    south = np.linspace(ring[b] * (1 + 300 / 16_000), ring[b] * (1 + 20_000 / 16_000), 130)
    out, back = w.dual(south, "I 95", 15)
    w.road([cw[b], out[0]], None, "motorway_link", oneway=True)
    w.road([back[-1], ccw[b]], None, "motorway_link", oneway=True)
    return {"I495": (length(ring), 1, True), "I95": (40_000 + length(ring[a : b + 1]), 1, False)}


@case
def ring_with_exits(w):
    """A dual ring of odd shape, 20 exits with ramps."""
    t = np.linspace(0, TURN, 701)
    radius = 14_000 + 1800 * np.sin(3 * t) + 900 * np.sin(7 * t + 1)
    ring = np.stack([radius * np.sin(t), radius * np.cos(t)], axis=1)
    ring[-1] = ring[0]
    w.dual(ring, "I 270", 18, closed=True)
    cw, ccw = offset(ring, 18, closed=True), offset(ring, -18, closed=True)
    for k in range(20, 700, 35):
        inside, outside = ring[k] * (1 - 900 / 14_000), ring[k] * (1 + 900 / 14_000)
        w.road([inside, outside], None, "primary")
        ramps = [
            (cw[k - 3], inside),
            (inside, cw[(k + 3) % 700]),
            (ccw[(k + 3) % 700], outside),
            (outside, ccw[k - 3]),
        ]
        for ramp in ramps:
            w.road(ramp, None, "motorway_link", oneway=True)
    return {"I270": (length(ring), 1, True)}


@case
def one_way_pairs_in_towns(w):
    """Three towns on streets 110, 200 and 300 m apart: one direction straight on, one by the next street."""
    x = total = 0.0
    for apart in (110.0, 200.0, 300.0):
        w.road([(x, 0), (x + 2500, 0), (x + 5000, 0)], "US 50;MA 2")
        x += 5000
        w.road([(x + 120 * k, 0) for k in range(13)], "US 50;MA 2", oneway=True, name="Main Street")
        back = [(x + 1440, 0), *((x + 120 * k, apart) for k in range(12, -1, -1)), (x, 0)]
        w.road(back, "US 50;MA 2", oneway=True, name="Oak Street")
        for k in range(1, 12):
            w.road([(x + 120 * k, y) for y in (-300, 0, apart, apart + 300)], None, "residential")
        total += 5000 + 1440 + apart
        x += 1440
    w.road([(x, 0), (x + 5000, 0)], "US 50;MA 2")
    return dict.fromkeys(["US50", "MA2"], (total + 5000, 1, False))


@case
def both_directions_leave_the_axis(w):
    """A one-way pair that parts and joins by bends of 40 degrees."""
    w.road([(0, -6000), (0, -3000), (0, 0)], "D 1075", "secondary")
    east, west = (
        [(0, 0), (80, 90), (80, 900), (80, 1500), (0, 1590)],
        [(0, 1590), (-120, 1500), (-120, 90), (0, 0)],
    )
    w.road(east, "D 1075", "secondary", oneway=True)
    w.road(west, "D 1075", "secondary", oneway=True)
    w.road([(0, 1590), (0, 7000)], "D 1075", "secondary")
    return {"D1075": (6000 + (length(east) + length(west)) / 2 + 5410, 1, False)}


@case
def islands_and_roundabouts(w):
    """Twelve traffic islands and four roundabouts with splitter islands; two of these bear the number."""
    y = total = 0.0
    for k in range(12):
        w.road([(0, y), (0, y + 1500)], "D 6", "secondary")
        for side in (1, -1):
            island = [(0, y + 1500), (5 * side, y + 1512), (5 * side, y + 1530), (0, y + 1542)]
            w.road(island[::side], "D 6", "secondary", oneway=True)
        y, total = y + 1542, total + 1542
        if k % 3 == 0:
            total += _roundabout(w, y, "D 6" if k % 2 else None)
            y += 800
    return {"D6": (total, 1, False)}


def _roundabout(w, y, ref):
    """800 m of road with a roundabout of 20 m radius in the middle; each direction drives 11 of its 24 sides."""
    at = {
        a: (20 * math.sin(math.radians(a)), y + 400 + 20 * math.cos(math.radians(a)))
        for a in range(0, 360, 15)
    }
    circle = [at[(165 - 15 * k) % 360] for k in range(25)]
    w.road(circle, ref, "secondary", oneway=True, junction="roundabout")
    for near, far, side in ((165, 340, 1), (15, 460, 1)):
        w.road(
            [(0, y + far), (8 * side, y + (far + 400) / 2), at[near]][:: 1 if near == 165 else -1],
            "D 6",
            "secondary",
            oneway=True,
        )
        w.road(
            [at[360 - near], (-8 * side, y + (far + 400) / 2), (0, y + far)][:: 1 if near == 165 else -1],
            "D 6",
            "secondary",
            oneway=True,
        )
    w.road([(0, y), (0, y + 340)], "D 6", "secondary")
    w.road([(0, y + 460), (0, y + 800)], "D 6", "secondary")
    w.road([at[90], (500, y + 400)], "D 99", "tertiary")
    w.road([at[270], (-500, y + 400)], "D 99", "tertiary")
    return 680 + 2 * length([(0, y + 340), (8, y + 370), at[165]]) + length(circle) / 2


@case
def crossing_of_two_dual_roads(w):
    """Two dual roads that share four nodes; one bears two numbers, with a full-width separator."""
    w.road([(12, 0), (12, 8988), (12, 9012), (12, 18_000)], "G105；S310", "trunk", oneway=True)
    w.road([(-12, 18_000), (-12, 9012), (-12, 8988), (-12, 0)], "G105；S310", "trunk", oneway=True)
    w.road([(-8000, 8988), (-12, 8988), (12, 8988), (8000, 8988)], "S201", oneway=True)
    w.road([(8000, 9012), (12, 9012), (-12, 9012), (-8000, 9012)], "S201", oneway=True)
    return {"G105": (18_000, 1, False), "S310": (18_000, 1, False), "S201": (16_000, 1, False)}


@case
def number_that_turns_at_a_crossing(w):
    """G105 comes from the south and goes east where two dual roads cross; the other arms bear S201."""
    a, b, c, d = (-12, -12), (12, -12), (12, 12), (-12, 12)
    for line in ([(12, -9000), b], [a, (-12, -9000)], [b, (9000, -12)], [(9000, 12), c]):
        w.road(line, "G105", "trunk", oneway=True)
    for line in ([c, (12, 9000)], [(-12, 9000), d], [d, (-9000, 12)], [(-9000, -12), a], [a, b]):
        w.road(line, "S201", "trunk", oneway=True)
    w.road([b, c, d, a], "G105;S201", "trunk", oneway=True)
    return {"G105": (18_000, 1, False)}


@case
def carriageways_in_two_valleys(w):
    """Carriageways that part for 20 km, up to 2.5 km from each other."""
    t = np.linspace(0, 1, 241)
    apart = 12 + 1250 * np.sin(np.clip((t - 0.2) / 0.6, 0, 1) * math.pi) ** 2
    right, left = (np.stack([sign * apart, 36_000 * t], axis=1) for sign in (1, -1))
    w.road(right, "A 8", "motorway", oneway=True)
    w.road(left[::-1], "A 8", "motorway", oneway=True)
    return {"A8": ((length(right) + length(left)) / 2, 1, False)}


@case
def reversible_lanes(w):
    """Lanes of 18 km between the carriageways, with the number, driven one way or the other: a section of their own."""
    line = bent((30_000, 2000), 200)
    right, _ = w.dual(line, "I 95", 20)
    w.road(line[40:160], "I 95", "motorway", oneway="reversible")
    w.road([right[36], line[40]], None, "motorway_link", oneway=True)
    w.road([line[159], right[165]], None, "motorway_link", oneway=True)
    return {"I95": (length(line) + length(line[40:160]), 2, False)}


@case
def frontage_roads(w):
    """One-way frontage roads with a number of their own, 60 m from the motorway's middle."""
    line = bent((3000, 30_000), 200)
    w.dual(line, "I 35", 15)
    w.dual(line, "I 35 Frontage", 60, "tertiary")
    return {"I35": (length(line), 1, False), "I35Frontage": (length(line), 1, False)}


@case
def ferry_on_the_way(w):
    """1.7 km of ferry between two roads of two numbers: bridged like any other break."""
    w.road([(0, 0), (4000, 0), (8000, 0)], "E 6;E 18", "trunk")
    w.ferry([(8000, 0), (9700, 0)], ref="E 6")
    w.road([(9700, 0), (16_000, 0)], "E 6;E 18", "trunk")
    return dict.fromkeys(["E6", "E18"], (16_000, 1, False))


@case
def town_without_the_number(w):
    """1.8 km of other roads between two parts of the number."""
    town = [(0, 12_000), (200, 12_600), (0, 13_800)]
    w.road([(0, 0), (0, 12_000)], "B 27a")
    w.road(town, None, "secondary")
    w.road([(0, 13_800), (0, 22_000)], "B 27a")
    w.road([(-900, 12_000), (0, 12_000), (900, 12_000)], None, "residential")
    return {"B27a": (20_200 + length(town), 1, False)}


@case
def edge_of_an_extract_that_cuts_off_one_carriageway(w):
    """Where the data hold one carriageway only, that is the road: it counts whole."""
    line = bent((0, 20_000), 150)
    w.road(offset(line, 12), "A 1", "motorway", oneway=True)
    w.road(offset(line, -12)[:90][::-1], "A 1", "motorway", oneway=True)
    return {"A1": (length(line), 1, False)}


@case
def end_at_a_trumpet(w):
    """A motorway that ends at another over ramps without its number; its carriageways end 400 m apart."""
    line = bent((20_000, 0), 150)
    right, left = w.dual(line, "A 13", 12)
    main = np.linspace(line[-1] + [500, -10_000], line[-1] + [500, 10_000], 140)
    there, back = w.dual(main, "A 1", 12)
    w.road([right[-1], there[73]], None, "motorway_link", oneway=True)
    w.road([back[60], left[0]], None, "motorway_link", oneway=True)
    return {"A13": (length(line), 1, False), "A1": (20_000, 1, False)}


@case
def gyratory_of_one_direction(w):
    """A one-way ring of 4 km round a town: one direction, closed, counted whole."""
    ring = arc(650, TURN, 0, 60)
    w.road(ring, "A 4040", oneway=True)
    for k in range(0, len(ring) - 1, 8):
        w.road([ring[k], ring[k] * 1.5], None, "residential")
    return {"A4040": (length(ring), 1, True)}


@pytest.mark.parametrize("place", [(-77.0, 39.0), (2.0, 46.0), (113.0, 27.8)], ids=["us", "fr", "cn"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_lengths_sections_and_rings(tmp_path, name, place):
    """Each number has its length to 0.4 %, in so many sections over 500 m, closed or not; its pieces add up."""
    world = World(*place, seed=round(place[0]) % 7)
    wanted = CASES[name](world)
    routes = {r.ref: r for r in find_routes(read_network(world.write(tmp_path / "world.osm")), ANY)}
    for ref, (length_m, sections, ring) in wanted.items():
        route = routes[ref]
        assert route.length_m == pytest.approx(length_m, rel=4e-3), ref
        assert sum(s.length_m > 500 for s in route.sections) == sections, ref
        assert route.sections[0].ring == ring, ref
        for drive in (d for s in route.sections for d in s.drives):
            gone = np.abs(drive.from_m[1:] - drive.to_m[:-1])
            assert gone.max(initial=0.0) < 1e-6, ref
