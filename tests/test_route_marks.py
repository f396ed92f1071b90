"""Kilometre marks as the road authority counts them. Kilometres in comments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan import InputError
from plugspan.measure.spacing import find_spacing
from plugspan.network.access import find_access
from plugspan.network.refs import GB_T_917, RoadClasses
from plugspan.network.routes import Counting, Mark, RoadIndex, find_routes, locate
from plugspan.network.snapping import snap
from plugspan.project import Project
from plugspan.settings import parse_toml
from plugspan.study import route_counting
from test_routes import NEAR, ring
from test_routes_properties import FEW, build, networks
from toy import Toy, lonlat


def north_south():
    """G207 of 30 km, kilometre 0 in the north by its number; a piece of its own, 8 km, 20 km further south."""
    toy = Toy(a=(0, 30_000), b=(0, 12_000), c=(0, 0), x=(500, 12_000), p=(0, -20_000), q=(0, -28_000))
    return toy.road("a b c", "G207").road("b x").road("p q", "G207")


def post(km, x_m, y_m):
    return Mark(km * 1000, *lonlat(x_m, y_m).tolist())


def chainage_at(graph, route, x_m, y_m, section=0):
    """Chainage of the nearest of many places on the forward direction."""
    drive = route.sections[section].forward
    at = np.linspace(drive.start_m, drive.end_m, 3001)
    places = locate(RoadIndex(graph), drive, at)
    lon, lat = lonlat(x_m, y_m)
    return float(at[np.argmin(np.hypot(places["lon"] - lon, places["lat"] - lat))])


def g207(how):
    graph = north_south().graph()
    return graph, find_routes(graph, counting={"G 207": how})[0]


def test_a_post_sets_the_chainage_of_its_section():
    """The post of km 612 stands 10 km from the north end: the section begins at 602; lengths don't change."""
    graph, route = g207(Counting(marks=(post(612, 40, 20_000),)))
    first, second = route.sections
    assert [d.start_m for d in first.drives] == pytest.approx([602_000] * 2, **NEAR)
    assert chainage_at(graph, route, 0, 20_000) == pytest.approx(612_000, abs=20)
    assert first.length_m == pytest.approx(30_000, **NEAR)
    assert second.forward.start_m == 0.0
    assert float(first.to_other(612_000.0, "forward")) == pytest.approx(612_000)


def test_two_posts_say_in_which_direction_the_marks_rise():
    """Km 100 in the south and 120 at 20 km further north: the route counts from the south, from 100 - 2."""
    graph, route = g207(Counting(marks=(post(100, 0, 2000), post(120, 0, 22_000))))
    first = route.sections[0]
    assert first.axis.coords[0][1] < first.axis.coords[-1][1]
    assert first.forward.start_m == pytest.approx(98_000, **NEAR)
    assert chainage_at(graph, route, 0, 12_000) == pytest.approx(110_000, abs=20)
    assert (np.diff(np.append(first.forward.from_m, first.forward.to_m[-1])) > 0).all()
    assert (np.diff(np.append(first.backward.from_m, first.backward.to_m[-1])) < 0).all()


@pytest.mark.parametrize(("odd_km", "starts_km"), [(120.7, 98.0), (119.4, 98.0), (120.0, 98.0)])
def test_the_median_of_the_posts_holds(odd_km, starts_km):
    """Of three posts one is 700 m too high or 600 m too low: the other two say where the section begins."""
    posts = (post(100, 0, 2000), post(110, 0, 12_000), post(odd_km, 0, 22_000))
    _, route = g207(Counting(marks=posts))
    assert route.sections[0].forward.start_m == pytest.approx(starts_km * 1000, **NEAR)


def test_posts_of_each_section_count_for_it():
    """The second piece, 20 km on, has its own post: km 660 at its north end."""
    _, route = g207(Counting(marks=(post(612, 0, 20_000), post(660, 0, -20_000))))
    assert [s.forward.start_m for s in route.sections] == pytest.approx([602_000, 660_000], **NEAR)


@pytest.mark.parametrize(
    ("side", "first_xy"),
    [("north", (0, 9000)), ("south", (4000, 0)), ("east", (4000, 0)), ("west", (0, 9000))],
)
def test_the_marks_begin_at_the_side_that_is_told(side, first_xy):
    """A road from the north-west to the south-east, counted from each side."""
    graph = Toy(a=(0, 9000), b=(4000, 0)).road("a b", "G207").graph()
    (route,) = find_routes(graph, counting={"G207": Counting(side)})
    assert route.sections[0].axis.coords[0] == pytest.approx(tuple(lonlat(*first_xy)))


def test_start_and_end_of_the_count():
    """Counted from the south, beginning with 250 km."""
    _, route = g207(Counting("south", 250_000))
    first, second = route.sections
    assert first.axis.coords[0][1] < first.axis.coords[-1][1]
    assert min(d.start_m for d in first.drives) == pytest.approx(250_000)
    assert second.axis.coords[0][1] < second.axis.coords[-1][1]


def test_a_dual_road_turned_by_its_marks_counts_both_directions_from_the_new_end():
    """Carriageways of 10 and 10.6 km: turned, both begin at the south end, and agree there."""
    toy = Toy(
        a=(0, 0), b=(0, 5000), c=(0, 10_000), d=(-30, 10_000), e=(-30, 6000), f=(270, 5500), g=(-30, 5000)
    )
    toy.node("h", -30, 0).road("a b c", "G207", oneway=True).road("d e f g h", "G207", oneway=True)
    marks = (post(0, 0, 0), post(10, 0, 10_000))
    graph = toy.graph()
    (plain,), (route,) = (
        find_routes(graph, counting={"G207": c}) for c in (Counting(), Counting(marks=marks))
    )
    (south,) = find_routes(graph, counting={"G207": Counting("south")})
    for drive, other, before in zip(
        route.sections[0].drives, south.sections[0].drives, plain.sections[0].drives[::-1], strict=True
    ):
        shift = other.from_m - drive.from_m
        assert shift == pytest.approx(np.full(len(shift), shift[0]))
        assert (drive.edges == before.edges).all()
        assert drive.start_m == pytest.approx(0, abs=320)
    assert route.length_m == plain.length_m


@pytest.mark.parametrize("dual", [False, True])
def test_a_ring_keeps_its_gaps_under_any_count(dual):
    """Marks move chainages only: the gaps round a ring stay."""
    graph = ring(dual=dual).graph()
    index, points = RoadIndex(graph), lonlat(np.array([5000.0, -5000]), np.array([500.0, 500]))
    snapped = snap(graph, points)
    gaps = []
    for how in ({}, {"G4001": Counting("east", 77_000)}):
        routes = find_routes(graph, counting=how)
        found = find_spacing(index, routes, find_access(index, routes, snapped, points)).gaps
        gaps.append(found[["direction", "kind", "length_m"]].sort_values(["direction", "length_m"]))
    if dual:  # the other end of the count may give the two directions each other's name
        gaps = [table.sort_values("length_m") for table in gaps]
    assert gaps[0]["length_m"].to_numpy() == pytest.approx(gaps[1]["length_m"].to_numpy())


@given(networks(), st.integers(0, 2**32 - 1))
@settings(FEW, max_examples=40)
def test_marks_change_no_length(network, seed):
    """With random marks on its nodes every route keeps its sections, lengths, and edges; chainage stays monotonic."""
    graph, rng = build(*network), np.random.default_rng(seed)
    plain = find_routes(graph)
    counting = {}
    for route in plain:
        drive = route.sections[int(rng.integers(len(route.sections)))].drives[0]
        nodes = graph.edge_u[rng.choice(drive.edges, 2)]
        marks = tuple(Mark(float(rng.uniform(0, 9e5)), *graph.node_xy[n].tolist()) for n in nodes)
        counting[route.ref] = Counting(marks=marks)
    for before, after in zip(plain, find_routes(graph, counting=counting), strict=True):
        assert [s.length_m for s in after.sections] == pytest.approx([s.length_m for s in before.sections])
        for section in after.sections:
            for drive in section.drives:
                sign = 1 if drive.direction == "forward" else -1
                assert sign * (drive.to_m - drive.from_m) == pytest.approx(
                    graph.edge_length_m[drive.edges], abs=1e-6
                )
                assert (sign * (drive.from_m[1:] - drive.to_m[:-1]) >= -1e-6).all()
                at = np.linspace(drive.start_m, drive.end_m, 20)
                assert (np.diff(section.to_other(at, drive.direction)) >= -1e-6).all()


def test_wrong_posts_and_routes_are_told():
    """A post 5 km off, and a number that is not there: each with what to check."""
    with pytest.raises(InputError, match=r"kilometre post 7 of route G207 is 5\.0 km"):
        g207(Counting(marks=(post(7, 5000, 15_000),)))
    with pytest.raises(InputError, match="no route X1") as error:
        find_routes(north_south().graph(), counting={"X1": Counting(), "X2": Counting()})
    assert len(error.value.faults) == 2


def test_the_project_file_holds_marks():
    """``[routes.REF]`` in kilometres becomes metres."""
    project = parse_toml(
        """
        schema = 1
        name = "x"
        network = { osm = "x.osm.pbf" }
        [routes.G320]
        counts_from = "east"
        marks = [{ km = 1107.4, lon = 113.5, lat = 27.6 }]
        [routes.S211]
        start_km = 12
        """,
        Project,
        "project.toml",
    )
    assert route_counting(project) == {
        "G320": Counting("east", None, (Mark(1_107_400.0, 113.5, 27.6),)),
        "S211": Counting(None, 12_000.0),
    }


def test_profiles_with_the_chinese_patterns_count_as_the_standard_says():
    """G2xx from the north, G3xx from the east, also where a profile holds the patterns; others by their extent."""
    classes = RoadClasses.from_mapping({"trunk": [r"[GS]\d{3}"], "other": [r"S\d+"]})
    assert classes.classes[0].name == "trunk"
    assert classes.class_of("G320").axis_of("G320") == "ew"
    assert classes.classes[1].axis_of("S201") is None
    assert GB_T_917.classes[0].axis_of("G207") == "ns"
