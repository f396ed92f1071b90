"""What a region answers for at its border: own parts, shared gaps, fewest sites. Kilometres in comments and worlds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from plugspan.measure.border import OwnPart, shared_gap
from plugspan.network import Region, read_network
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import Drive, find_routes
from plugspan.rules.length import assess_coverage
from plugspan.rules.roads import RoadContext, gap_frame
from plugspan.rules.spacing import assess_spacing
from plugspan.rules.stretches import gap_windows, spacing_lines
from plugspan.siting.maxcover import least_sites
from plugspan.siting.planning.candidates import find_candidates, span_multiples
from plugspan.siting.planning.comply import comply
from plugspan.units import in_kilometres
from test_evidence import COVERED, inputs_of, numbered_ring, policy, site
from test_spacing import box
from toy import Toy

FEW = settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
CARRIAGEWAY_M = 30.0


def straight(length_km, *, dual=False, crossed=True):
    """G207 from north to south along the meridian; with ``crossed`` both ends are true ends, else the data end there.

    ``dual``: the northbound carriageway lies 30 m east, and the two meet at the ends only.
    """
    top = length_km * 1000
    toy = Toy(n=(0, top), s=(0, 0))
    toy.road("n s", "G207", oneway=dual)
    if dual:
        toy.node("b", CARRIAGEWAY_M, top - 50).node("a", CARRIAGEWAY_M, 50)
        toy.road("s a b n", "G207", oneway=True)
    if crossed or dual:
        toy.node("w", -900, top).node("e", 900, 0).road("w n").road("s e")
    return toy


def km_box(length_km, *stretches):
    """Region that holds some stretches of the road, given as chainage."""
    top = length_km * 1000
    return Region(shapely.union_all([box(-4000, top - b * 1000, 4000, top - a * 1000) for a, b in stretches]))


def at(length_km, *km, x=0.0):
    return [site(f"s{k:g}-{x:g}", (x, (length_km - k) * 1000)) for k in km]


def context_of(toy, sites, region=None):
    graph = toy.graph()
    inputs = inputs_of(sites, None if region is None else region.polygon)
    return RoadContext(inputs, graph, tuple(find_routes(graph)), region)


def rule(span_km=40.0):
    return policy().rules[0].model_copy(
        update={"statistic": "gap_max", "class_limits_km": (span_km * 0.6, span_km),
                "target": policy().rules[0].target.model_copy(update={"value_max": span_km})}
    )  # fmt: skip


def gaps_of(context, asked=None):
    asked = asked or rule()
    return in_kilometres(gap_frame(context, asked, asked.network, assess_spacing(context, asked)[1]))


def points(context, asked, step_km=10.0):
    return find_candidates(
        context.inputs, context.index, context.of_class(asked.network), kinds=("route_point",), route_point_km=step_km,
        cost={}, region=context.area,
    )  # fmt: skip


def built(context, found):
    return RoadContext(context.inputs.with_built(found.sites), context.graph, context.routes, context.region)


# -- by hand -------------------------------------------------------------------------------------------------


def test_own_part_and_whole_by_hand():
    """Region K50-150 of 200; sites at 30, 75, 115, 170, span 40.

    30-75: 45, own 25: shared; the neighbour before has K35-50, one site inside would do at K50-70.
    75-115: 40, good. 115-170: 55, own 35: shared; the neighbour behind has K150-155, one inside K130-150.
    """
    context = context_of(straight(200), at(200, 30, 75, 115, 170), km_box(200, (50, 150)))
    gaps = gaps_of(context)
    there = gaps[gaps["direction"] == "forward"]
    assert there["own_km"].tolist() == pytest.approx([25, 40, 35], abs=0.1)
    assert there["length_km"].tolist() == pytest.approx([45, 40, 55], abs=0.1)
    assert there["spacing_class"].tolist() == ["shared", "middle", "shared"]
    assert not gaps["over"].any()
    first, _, last = there.to_dict("records")
    assert (first["needs"], first["one_inside"]) == ("before", "yes")
    assert [first["before_from_km"], first["before_to_km"]] == pytest.approx([35, 50], abs=0.1)
    assert [first["inside_from_km"], first["inside_to_km"]] == pytest.approx([50, 70], abs=0.1)
    assert (last["needs"], last["one_inside"]) == ("after", "yes")
    assert [last["after_from_km"], last["after_to_km"]] == pytest.approx([150, 155], abs=0.1)
    assert [last["inside_from_km"], last["inside_to_km"]] == pytest.approx([130, 150], abs=0.1)
    assert math.isnan(first["after_from_km"])
    back = gaps[gaps["direction"] == "backward"].iloc[0]
    assert back["needs"] == "before"
    assert [back["before_from_km"], back["before_to_km"]] == pytest.approx([155, 150], abs=0.1)
    assert back["once"] == np.False_


def drive_over(*edges):
    """A drive of some edges, given by chainage."""
    low, high = np.array(edges, dtype=float).T
    n = len(low)
    return Drive("forward", np.arange(n), low, high, np.zeros(n, bool), np.ones(n), high - low, ring=False)


@pytest.mark.parametrize(
    ("inside", "length_m", "places"),
    [
        ([(0, 10, 0), (25, 40, 1)], 40, [0, 10, 25, 40]),  # the number is missing from 10 to 25: inside, too
        ([(0, 10, 0), (30, 40, 1)], 20, [0, 10, 10, 20]),  # the border lies behind the jump: it is outside
        ([(5, 10, 0), (25, 26, 1), (26, 40, 1)], 35, [0, 5, 20, 35]),
        ([(3, 8, 0)], 5, [0, 5, 5, 5]),
    ],
)
def test_own_part_of_a_road_whose_number_is_missing(inside, length_m, places):
    """Chainage jumps from 10 to 25, where nobody drives by the number: own positions of 0, 10, 25 and 40."""
    part = OwnPart.of(drive_over((0, 10), (25, 40)), np.array(inside, dtype=float))
    assert part.length_m == length_m
    assert part.at([0, 10, 25, 40]).tolist() == places
    back = part.chainage(np.linspace(0, length_m, 11))
    assert part.at(back) == pytest.approx(np.linspace(0, length_m, 11))
    assert part.contains(back).all()
    assert part.reaches == (inside[0][0] == 0, inside[-1][1] == 40)


def test_own_part_of_a_ring():
    """A ring of 100, inside from 80 over the seam to 30: own positions run on round after round."""
    part = OwnPart(np.array([[0.0, 30.0], [80.0, 100.0]]), 0.0, 100.0, ring=True)
    assert part.length_m == 50
    assert part.at([0, 30, 50, 80, 100, 130, 180, 230]).tolist() == [0, 30, 30, 30, 50, 80, 80, 130]
    assert part.chainage([0, 10, 30, 40, 60, 110]).tolist() == [0, 10, 30, 90, 110, 210]
    assert part.contains(np.array([0, 30, 31, 79, 80, 100, 130, 131])).tolist() == [
        True, True, False, False, True, True, True, False,
    ]  # fmt: skip
    assert part.inside(90.0, 185.0).tolist() == [[90, 130], [180, 185]]
    assert OwnPart(np.empty((0, 2)), 0.0, 100.0, ring=False).at([0, 50]).tolist() == [0, 0]


def test_figures_tell_own_gaps_from_shared_ones():
    """Sites at 30, 75, 125 and 170: 45 (own 25) and 45 (own 25) are shared, 50 in the middle is too long.

    Both directions of one road are one gap; the longest is 50, and the rule on the longest gap is not met.
    """
    context = context_of(straight(200), at(200, 30, 75, 125, 170), km_box(200, (50, 150)))
    finding, spacing = assess_spacing(context, rule())
    figures = finding.figures
    assert (figures["own_gaps_over"], figures["routes_over"], figures["shared_gaps"]) == (1, 1, 2)
    assert figures["gap_max_m"] == pytest.approx(50_000, abs=100)
    assert figures["shared_max_m"] == pytest.approx(45_000, abs=100)
    assert (figures["gap_m"], figures["shared_m"]) == pytest.approx((50_000, 50_000), abs=200)
    assert finding.status == "not met"
    assert spacing.network["covered_high"] == 0.0
    average = assess_spacing(context, policy().rules[0].model_copy(update={"target": rule(60.0).target}))[0]
    assert average.low == pytest.approx(50, abs=0.1)
    assert (average.status, average.shown) == ("met", "met on average")


@pytest.mark.parametrize(
    ("low", "high", "inside", "opens", "needs", "one_inside"),
    [
        (0, 60, (0, 20), (False, False), "high", "yes"),  # inside at 20 alone; outside from 20 to 40
        (0, 90, (0, 20), (False, False), "high", "no"),  # one inside leaves 70 behind it
        (0, 60, (25, 35), (False, False), "either", "yes"),  # outside from 20 to 25 or from 35 to 40
        (0, 70, (25, 45), (False, False), "both", "yes"),  # 30 to 40 inside would do; no single place outside
        (0, 50, (5, 8), (False, False), "high", "no"),  # before the region only up to 5: 45 behind it
        (0, 50, (5, 45), (False, False), "both", "yes"),
        (0, 45, (20, 25), (False, False), "either", "yes"),
        (0, 45, (20, 25), (False, True), "high", "unknown"),  # nobody knows what comes behind 45
        (0, 45, (20, 25), (True, True), "both", "unknown"),
        (0, 60, (0, 20), (True, False), "high", "yes"),  # the data end inside: nothing is before the region
        (0, 60, (40, 60), (False, True), "low", "yes"),
        (0, 200, (0, 20, 100, 110), (False, False), "several", "no"),
    ],
)
def test_what_closes_a_shared_gap(low, high, inside, opens, needs, one_inside):
    """Span 40; the answer must hold when one builds where it says, at both ends of each stretch."""
    pieces = np.array(inside, dtype=float).reshape(-1, 2) * 1000
    found = shared_gap(low * 1000.0, high * 1000.0, pieces, opens, 40_000.0)
    assert (found.needs, found.one_inside) == (needs, one_inside)

    def touching(*new):
        at = [low * 1000.0, *sorted(new), high * 1000.0]
        return max(b - a for a, b in pairwise(at) if ((pieces[:, 0] < b) & (pieces[:, 1] > a)).any())

    if needs == "both":
        assert touching(found.low_m[1], found.high_m[0]) <= 40_000.0
    elif needs != "several":
        for side in (found.low_m, found.high_m):
            assert all(math.isnan(x) or touching(x) <= 40_000.0 for x in side)
    if one_inside == "yes":
        assert all(touching(x) <= 40_000.0 for x in found.inside_m)


def test_a_stretch_wholly_outside_is_nobodys_business():
    """Region K80-120 of 300, sites at 80 and 120: nothing to build for any span of 40 or more, nothing shared."""
    context = context_of(straight(300), at(300, 79.9, 120.1), km_box(300, (80, 120)))
    (found,) = comply(context, rule(), points(context, rule()), (41.0,))
    assert (found.result.status, len(found.sites), found.stretches) == ("optimal", 0, 0)


def test_an_average_counts_each_direction():
    """60 km of dual carriageway with a site on each side at K30: each direction has 60 km and one site."""
    context = context_of(straight(60, dual=True), [*at(60, 30), *at(60, 30, x=CARRIAGEWAY_M)])
    finding, _ = assess_spacing(context, policy().rules[0])
    assert finding.low == pytest.approx(60, rel=1e-3)
    assert finding.status == "not met"
    assert (finding.figures["sites"], finding.figures["direction_sites"]) == (2, 2)
    two_way, _ = assess_spacing(context_of(straight(60), at(60, 30)), policy().rules[0])
    assert two_way.low == pytest.approx(60, rel=1e-3)
    assert (two_way.figures["sites"], two_way.figures["direction_sites"]) == (1, 2)


@pytest.mark.parametrize(
    ("span_km", "sites"), [(24.999, 16), (25.0, 15), (25.001, 15), (30.0, 13), (30.001, 13), (100.0, 3)]
)
def test_ties_on_an_empty_road(span_km, sites):
    """400 km are ceil(400 / span) gaps, with one site less: 16 gaps for 25 and 25.001, 17 for 24.999; 14 for 30.

    Candidates stand every 10 km from K5 on, so that few lie at a whole multiple of the span.
    """
    length_m = context_of(straight(400), []).routes[0].length_m
    context = context_of(straight(400 * 400_000 / length_m), [])
    (found,) = comply(context, rule(), points(context, rule()), (span_km,))
    assert (found.result.status, len(found.sites)) == ("optimal", sites)
    assert assess_spacing(built(context, found), rule(span_km))[0].status == "met"


@pytest.mark.parametrize(
    ("here", "back", "count"),
    [
        ((10, 60, 90, 119), (10, 60, 90, 119), 1),  # K10-60 both ways
        (
            (10, 60, 90, 119),
            (10, 38, 84, 119),
            2,
        ),  # K38-84 and K10-60 share 22 km, less than half of the shorter
        ((10, 60, 90, 119), (10, 34, 84, 119), 1),  # K34-84 and K10-60 share 26 km, more than half
        ((10, 60, 90, 119), (10, 40, 60, 90, 119), 1),  # none on the way back
        ((10, 110, 119), (10, 30, 75, 110, 119), 1),  # K30-75 lies within K10-110
        ((10, 60, 110, 119), (10, 60, 90, 119), 2),  # K10-60 both ways, K60-110 one way
    ],
)
def test_gaps_of_both_directions_at_one_place_count_once(here, back, count):
    """120 km dual with sites on each side: places where a gap exceeds 40 km."""
    sites = [*at(120, *here), *at(120, *back, x=CARRIAGEWAY_M)]
    spacing = assess_spacing(context_of(straight(120, dual=True), sites), rule())[1]
    assert spacing.network["own_gaps_over"] == count


def test_a_shared_gap_beside_one_that_is_too_long_counts_by_itself():
    """Region K50-100 of 200. There K50-100 without a site is too long; back K45-87 is shared only (own part 37 km)."""
    sites = [*at(200, 10, 40, 105, 140, 175), *at(200, 20, 45, 87, 105, 140, 175, x=CARRIAGEWAY_M)]
    context = context_of(straight(200, dual=True), sites, km_box(200, (50, 100)))
    spacing = assess_spacing(context, rule())[1]
    assert (spacing.network["own_gaps_over"], spacing.network["shared_gaps"]) == (1, 1)


@pytest.mark.parametrize(("outside", "places"), [(True, [30, 75]), (False, [75])])
def test_a_plan_starts_from_the_sites_that_the_assessment_counts(outside, places):
    """Region K50-150, sites in operation at 30 and 75, one only planned at 90; the policy may leave those outside."""
    sites = [*at(200, 30, 75), site("planned", (0, 110_000), status="planned")]
    context = context_of(straight(200), sites, km_box(200, (50, 150)))
    asked = rule().model_copy(update={"outside_sites_count": outside})
    for line in spacing_lines(context, asked, points(context, asked)):
        assert line.fixed_m / 1000 == pytest.approx(places, rel=1e-2)


def test_shared_gaps_are_closed_on_request_only():
    """Region K50-150 of 200, sites at 30, 75, 115 and 170: nothing is asked of the region; on request two sites."""
    context = context_of(straight(200), at(200, 30, 75, 115, 170), km_box(200, (50, 150)))
    asked, free = rule(), points(context, rule())
    (own,) = comply(context, asked, free, (40.0,))
    assert (len(own.sites), own.stretches) == (0, 0)
    (all_,) = comply(context, asked, free, (40.0,), close_shared=True)
    assert (all_.result.status, len(all_.sites)) == ("optimal", 2)
    assert set(gaps_of(built(context, all_))["spacing_class"]) <= {"good", "middle"}


def test_what_no_site_inside_can_close_is_left_to_the_neighbour():
    """Sites at 30 and 160, region K50-55: 130 km, own 5. Nothing inside helps, and that is no reason to fail."""
    context = context_of(straight(200), at(200, 30, 160), km_box(200, (50, 55)))
    (found,) = comply(context, rule(), points(context, rule(), 1.0), (40.0,), close_shared=True)
    assert found.result.status == "optimal"


# -- any world -----------------------------------------------------------------------------------------------

KM = st.floats(0, 200).map(lambda x: round(x, 3))
STRETCHES = st.lists(KM, min_size=2, max_size=4, unique=True).map(
    lambda cuts: [(a, b) for a, b in list(pairwise(sorted(cuts)))[::2] if b - a > 0.5]
)
WORLDS = st.fixed_dictionaries(
    {"dual": st.booleans(), "crossed": st.booleans(), "inside": STRETCHES.filter(len),
     "here": st.lists(KM, max_size=5), "back": st.lists(KM, max_size=5)}
)  # fmt: skip


def world(dual, crossed, inside, here, back):
    """A road of 200 km with sites on each carriageway; on a two-way road all sites serve both directions."""
    toy = straight(200, dual=dual, crossed=crossed)
    sites = [
        *at(200, *dict.fromkeys(here)),
        *at(200, *dict.fromkeys(back), x=CARRIAGEWAY_M if dual else 0.01),
    ]
    return toy, sites, km_box(200, *inside)


def literal_gaps(context, direction):
    """Own parts of all gaps of a direction, worked out from chainages with plain arithmetic."""
    served = context.access(3.0).served
    drive = next(d for d in context.routes[0].sections[0].drives if d.direction == direction)
    key = ("G207", 1, direction)
    pieces = context.pieces[key][:, :2].tolist()
    mine = sorted(served.loc[served["direction"] == direction, "chainage_m"])
    ends = [drive.start_m, *mine, drive.end_m]
    parts = [sum(max(0.0, min(b, d) - max(a, c)) for c, d in pieces) for a, b in pairwise(ends)]
    return [p for p in parts if round(p, 3) > 0]


@given(WORLDS, st.floats(20, 90), KM)
@FEW
def test_a_site_more_never_makes_anything_worse(about, span_km, extra):
    """Wherever it stands: no own part grows, no plan gets longer or infeasible. The plan is the least, and kept."""
    asked = rule(span_km)
    toy, sites, region = world(**about)
    before = context_of(toy, sites, region)
    after = context_of(toy, [*sites, site("extra", (0, (200 - extra) * 1000))], region)
    plans = []
    for context in (before, after):
        gaps = gaps_of(context, asked)
        needed = 0
        for direction in {d for d in ("forward", "backward") if len(gaps)}:
            literal = literal_gaps(context, direction)
            found = gaps.loc[gaps["direction"] == direction, "own_km"]
            assert sorted(found) == pytest.approx(sorted(x / 1000 for x in literal), abs=2e-3)
            least = sum(math.ceil(round(x / 1000 / span_km, 6)) - 1 for x in literal if x > 0)
            needed = needed + least if about["dual"] else max(needed, least)
        (plan,) = comply(context, asked, points(context, asked, 25.0), (span_km,))
        assert plan.result.status == "optimal"
        assert len(plan.sites) == needed
        finding, spacing = assess_spacing(built(context, plan), asked)
        assert not spacing.gaps["over"].any()
        assert finding.status != "not met"
        plans.append((gaps, plan))
    (old, one), (new, two) = plans
    assert len(two.sites) <= len(one.sites)
    for gap in new.itertuples():
        low, high = sorted((gap.from_km, gap.to_km))
        ends = np.sort(
            old.loc[old["direction"] == gap.direction, ["from_km", "to_km"]].to_numpy(float), axis=1
        )
        holds = (ends[:, 0] <= low + 2e-3) & (ends[:, 1] >= high - 2e-3)
        assert (
            old.loc[old["direction"] == gap.direction, "own_km"].to_numpy()[holds].max() >= gap.own_km - 2e-3
        )


@given(STRETCHES.filter(len), st.lists(KM, min_size=1, max_size=4, unique=True), st.floats(20, 160))
@FEW
def test_edge_rule_piece_by_piece(inside, places, span_km):
    """On one road, cut at sites and border: a piece passes if it and the ways to its sites fit in the span."""
    toy = straight(200)
    toy.rows[0]["via"] = [(0, y * 1000) for y in range(199, 0, -1)]
    context = context_of(toy, at(200, *places), km_box(200, *inside))
    asked = policy(COVERED).rules[1].model_copy(update={"span_max_km": span_km})
    finding, _ = assess_coverage(context, asked)
    drive = context.routes[0].sections[0].forward
    sites = sorted(set(context.access(3.0).served.query("direction == 'forward'")["chainage_m"]))
    parts = context.pieces[("G207", 1, "forward")][:, :2]
    cuts = sorted({drive.start_m, drive.end_m, *sites, *parts.ravel()})
    away = [min(abs(x - s) for s in sites) for x in cuts]
    pieces = [
        (v - u, du + v - u + dv)
        for (u, du), (v, dv) in pairwise(zip(cuts, away, strict=True))
        if ((parts[:, 0] - 0.01 <= u) & (parts[:, 1] + 0.01 >= v)).any()
    ]
    near = min(abs(way / 1000 - span_km) for _, way in pieces)
    assume(near > 0.01)  # chainages and segments are measured by two ways, to less than ten metres
    expected = sum(length for length, way in pieces if way <= span_km * 1000) / sum(
        length for length, _ in pieces
    )
    assert finding.figures["edge_low"] == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.floats(0, 360), max_size=4), st.floats(4, 40), st.floats(0, 360), st.booleans())
@FEW
def test_rings(angles, span_km, extra, cut):
    """On a ring of about 31 km, whole or its eastern half inside: the same holds."""
    asked = rule(span_km)
    region = Region(box(0, -9000, 9000, 9000)) if cut else None
    place = lambda a: (5000 * math.cos(math.radians(a)), 5000 * math.sin(math.radians(a)))  # noqa: E731
    sites = [site(f"s{k}", place(a)) for k, a in enumerate(angles)]
    least = []
    for chosen in (sites, [*sites, site("extra", place(extra))]):
        context = context_of(numbered_ring(), chosen, region)
        (plan,) = comply(context, asked, points(context, asked, 3.0), (span_km,))
        assert plan.result.status == "optimal"
        assert not gaps_of(built(context, plan), asked)["over"].any()
        own = gaps_of(context, asked).query("direction == 'forward'")
        # Without any site the first one closes nothing: the ring is cut, not divided.
        needed = [
            math.ceil(round(x / span_km, 6)) - (k != "whole")
            for x, k in zip(own["own_km"], own["kind"], strict=True)
        ]
        if not (own["kind"] == "whole").any():
            assert len(plan.sites) == sum(needed)
        least.append(len(plan.sites))
    assert least[1] <= least[0]


SPOT = st.lists(st.integers(0, 24), max_size=4)


@given(st.integers(1, 24), st.integers(2, 9), SPOT, SPOT, st.booleans())
@settings(max_examples=200, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_multiples_of_the_span_are_enough(length, span, here, back, ring):
    """Two directions with sites of their own and common candidates: as few as with a candidate at every place."""
    here, back = ([float(x) for x in places if x <= length] for places in (here, back))
    part = OwnPart(np.array([[0.0, float(length)]]), 0.0, float(length), ring)

    def fewest(places):
        windows = [
            gap_windows(length, places, span, fixed, ring=ring).cover.toarray() for fixed in (here, back)
        ]
        return least_sites(np.concatenate(windows, axis=1))

    ours = [
        span_multiples(part, np.array(a), np.array(b), float(span)) for a, b in ((here, back), (back, here))
    ]
    found, every = fewest(np.concatenate(ours)), fewest(np.arange(0.0, length + 1))
    assert found.status == every.status == "optimal"
    assert found.objective == every.objective


@pytest.mark.extra_data
@pytest.mark.parametrize(
    ("name", "pattern", "span_km"),
    [
        ("andorra", r"CG-?\d+", 8.0),
        ("liechtenstein", r"\d+", 3.0),
        ("oslo-east", r"E\d+|\d{1,3}|Ring\d", 4.0),
    ],
)
def test_real_roads(extra_data, name, pattern, span_km):
    """The middle of an extract as region, a site more each time: no own part grows, every plan does what it says."""
    graph = read_network(extra_data / "osm" / f"{name}.osm.pbf")
    classes = RoadClasses.from_mapping({"ordinary_trunk": [pattern]})
    routes = tuple(find_routes(graph, classes=classes))
    west, south, east, north = (*graph.node_xy.min(axis=0), *graph.node_xy.max(axis=0))
    inset = (east - west) / 5, (north - south) / 5
    region = Region(shapely.box(west + inset[0], south + inset[1], east - inset[0], north - inset[1]))
    rng, asked = np.random.default_rng(7), rule(span_km)
    sites, longest, fewest = [], np.inf, np.inf
    for k in range(5):
        context = RoadContext(inputs_of(sites, region.polygon), graph, routes, region)
        worst = assess_spacing(context, asked)[1].by_direction.set_index(["ref", "section", "direction"])[
            "gap_max_m"
        ]
        (plan,) = comply(context, asked, points(context, asked, 5.0), (span_km,), time_limit_s=300.0)
        assert plan.result.status == "optimal"
        assert len(plan.sites) <= fewest
        assert not assess_spacing(built(context, plan), asked)[1].gaps["over"].any()
        assert k == 0 or (worst <= longest + 0.001).all()
        longest, fewest = worst, len(plan.sites)
        place = graph.node_xy[rng.choice(np.unique(graph.edge_u[routes[0].sections[0].drives[0].edges]))]
        sites.append({**site(f"s{k}", (0, 0)), "geometry": shapely.Point(place)})
