"""Which sites serve which direction: there and back on the directed graph."""

from __future__ import annotations

import numpy as np
import pytest
from plugspan.network.access import REASONS, find_access, find_served
from plugspan.network.routes import RoadIndex, find_routes
from plugspan.network.snapping import snap
from plugspan.texts import text
from toy import Toy, lonlat


def access_of(toy, *sites, **options):
    graph = toy.graph()
    index, points = RoadIndex(graph), lonlat(*np.array(sites, dtype=float).T)
    return find_access(index, find_routes(graph), snap(graph, points), points, **options)


def table(frame, *columns):
    return {tuple(row) for row in frame[list(columns)].itertuples(index=False)}


def test_site_on_a_two_way_road_serves_both_directions():
    """2 km from the north end, on the road: distance 0, chainage 2 km in both directions."""
    found = access_of(Toy(a=(0, 0), b=(0, 9000)).road("a b", "G207"), (10, 7000)).served
    assert table(found, "site", "direction") == {(0, "forward"), (0, "backward")}
    assert found["chainage_m"].to_numpy() == pytest.approx([2000, 2000], rel=1e-3)
    assert (found[["distance_m", "back_m"]] <= 1e-5).all().all()


def test_site_on_a_side_road_leaves_where_the_way_is_shortest():
    """1 km up a side road at kilometre 4; by another road it would be 3 km from kilometre 2."""
    toy = Toy(a=(0, 9000), b=(0, 7000), c=(0, 5000), d=(0, 0), s=(1000, 5000))
    toy.road("a b c d", "G207").road("c s").road("s b")
    found = access_of(toy, (1000, 5000)).served
    assert found["chainage_m"].to_numpy() == pytest.approx([4000, 4000], rel=1e-3)
    assert found["distance_m"].to_numpy() == pytest.approx([1000, 1000], rel=1e-3)


@pytest.mark.parametrize(("off", "serves"), [(2990, True), (3010, False)])
def test_access_distance(off, serves):
    """Three kilometres by default: 2.99 km serves, 3.01 km doesn't and is told to be too far by road."""
    toy = (
        Toy(a=(0, 0), b=(0, 5000), c=(0, 9000), s=(2500, 5000), t=(2500, 9000))
        .road("a b c", "G207")
        .road("b s t")
    )
    found = access_of(toy, (2500, 5000 + off - 2500))
    assert bool(len(found.served)) == serves
    if not serves:
        assert set(found.near["reason"]) == {"too_far_by_road"}
        assert found.near["distance_m"].to_numpy() == pytest.approx([off, off], rel=1e-3)


def service_area(crossing=False):
    """Two carriageways 40 m apart, a service area on the east side with its own slip road."""
    toy = Toy(a=(40, 0), b=(40, 4000), c=(40, 5000), d=(40, 20000), e=(0, 20000), f=(0, 0), g=(100, 4500))
    toy.node("p", 40, 4800).node("q", 0, 4800).node("w", 0, 4500)
    toy.road("a b p c d", "G4", oneway=True, highway="motorway").road(
        "e q w f", "G4", oneway=True, highway="motorway"
    )
    toy.road("b g c", oneway=True, highway="service")
    if crossing:
        toy.road("c x y q", highway="service")
    return toy.node("x", 45, 5100).node("y", -5, 5100)


def test_service_area_serves_one_side():
    """Northbound only; southbound it is the wrong side, as no road joins the sides."""
    toy = service_area().road("d e", oneway=True).road("f a", oneway=True)
    found = access_of(toy, (100, 4500))
    assert table(found.served, "direction") == {("backward",)}
    assert found.served["distance_m"][0] == pytest.approx(np.hypot(60, 500), rel=1e-3)
    assert table(found.near, "direction", "reason") == {("forward", "wrong_side")}


def test_road_that_joins_the_sides():
    """With a service road under the motorway the area serves both directions."""
    toy = (
        service_area(crossing=True)
        .road("w g", highway="service")
        .road("d e", oneway=True)
        .road("f a", oneway=True)
    )
    found = access_of(toy, (100, 4500))
    assert table(found.served, "direction") == {("backward",), ("forward",)}


def test_site_on_a_carriageway_serves_that_one():
    """Without mapped service roads a site lies on its carriageway and serves it, at distance 0."""
    toy = Toy(a=(40, 0), b=(40, 20000), c=(0, 20000), d=(0, 0)).road(
        "a b", "G4", oneway=True, highway="motorway"
    )
    toy.road("c d", "G4", oneway=True, highway="motorway").road("b c", oneway=True).road("d a", oneway=True)
    found = access_of(toy, (60, 8000))
    assert table(found.served, "direction") == {("backward",)}
    assert found.served["chainage_m"][0] == pytest.approx(12000, rel=1e-2)
    assert table(found.near, "direction", "reason") == {("forward", "wrong_side")}


def test_no_way_back():
    """500 m from the road by a one-way street whose end is far away: one gets there but not back."""
    toy = Toy(a=(0, 0), b=(0, 5000), c=(0, 20000), s=(500, 5000), t=(9000, 5000))
    toy.road("a b c", "G207").road("b s t", oneway=True).road("t c")
    found = access_of(toy, (500, 5000))
    assert found.served.empty
    assert table(found.near, "direction", "reason") == {
        ("forward", "no_way_back"),
        ("backward", "no_way_back"),
    }


def test_no_road_and_island():
    """A site 1.5 km from any road, and one beside a track that joins nothing and 2 km from the road."""
    toy = Toy(a=(0, 0), b=(0, 9000), i=(2000, 4000), j=(2000, 5000)).road("a b", "G207").road("i j")
    found = access_of(toy, (-1500, 4500), (2010, 4500))
    assert found.served.empty
    assert table(found.near, "site", "reason") == {(0, "no_road"), (1, "island")}
    assert found.near["straight_m"].to_numpy() == pytest.approx([1500, 1500, 2010, 2010], rel=1e-2)


def cut_off_motorway():
    """Both carriageways of G4 end before they meet another road; a street with G207 runs 105 m beside them."""
    toy = Toy(
        a=(0, 0), b=(0, 20_000), c=(-30, 20_000), d=(-30, 0), e=(105, -2000), f=(105, 22_000), g=(4000, 5000)
    )
    toy.road("a b", "G4", oneway=True, highway="motorway").road("c d", "G4", oneway=True, highway="motorway")
    return toy.node("h", 105, 5000).road("e h f", "G207").road("h g f")


def test_a_site_on_a_cut_off_carriageway_would_serve_it():
    """0 m from the northbound carriageway, 105 m from the street: an island, and what it would serve is said.

    It would serve G4 northbound (which counts down) at 12 km from the north; it serves nothing, not the street either.
    """
    found = access_of(cut_off_motorway(), (0, 8000))
    assert found.served.empty
    assert set(found.near["reason"]) == {"island"}
    would = found.near[found.near["chainage_m"].notna()]
    assert table(would, "ref", "direction") == {("G4", "backward")}
    assert would["chainage_m"].to_numpy() == pytest.approx([12_000], rel=1e-3)
    assert would[["straight_m", "distance_m", "back_m"]].to_numpy() == pytest.approx(
        np.zeros((1, 3)), abs=1e-3
    )


def test_a_site_beside_a_cut_off_track_is_moved():
    """A track of 200 m that joins nothing, 30 m from the road: it bears no route, so the site serves the road."""
    toy = (
        Toy(a=(0, 0), b=(0, 9000), i=(30, 4000), j=(30, 4200))
        .road("a b", "G207")
        .road("i j", highway="service")
    )
    found = access_of(toy, (32, 4100))
    assert table(found.served, "direction") == {("forward",), ("backward",)}
    assert found.near.empty


def test_candidates_on_a_cut_off_carriageway_serve_as_little_as_sites():
    """The same place, asked for as a candidate: what serves is one function."""
    graph = cut_off_motorway().graph()
    index, points = RoadIndex(graph), lonlat(np.array([0.0, 105]), np.array([8000.0, 8000]))
    found = find_served(index, find_routes(graph), snap(graph, points), points)
    assert table(found, "site", "ref") == {(1, "G207")}


def test_far_away_is_not_listed():
    """What is further than the access distance in a straight line is no near miss."""
    toy = Toy(a=(0, 0), b=(0, 9000), s=(3500, 4000), t=(4000, 0)).road("a b", "G207").road("a t s")
    found = access_of(toy, (3500, 4000))
    assert found.served.empty
    assert found.near.empty


def test_one_site_serves_several_routes():
    """At a crossing of G207 and G320 a site serves all four directions."""
    toy = (
        Toy(a=(0, 0), m=(0, 5000), b=(0, 9000), c=(-5000, 5000), d=(5000, 5000))
        .road("a m b", "G207")
        .road("c m d", "G320")
    )
    found = access_of(toy, (100, 5000)).served
    assert table(found, "ref", "direction") == {
        (r, d) for r in ("G207", "G320") for d in ("forward", "backward")
    }
    assert found[found["ref"] == "G320"]["distance_m"].max() == pytest.approx(0, abs=1e-5)
    assert found[found["ref"] == "G207"]["distance_m"].max() == pytest.approx(100, rel=1e-2)


def test_no_sites_and_no_routes():
    """Empty inputs give empty tables with their columns."""
    toy = Toy(a=(0, 0), b=(0, 9000)).road("a b", "G207")
    graph = toy.graph()
    index = RoadIndex(graph)
    nothing = find_access(index, find_routes(graph), snap(graph, np.empty((0, 2))))
    assert nothing.served.empty
    assert "chainage_m" in nothing.served
    assert "reason" in nothing.near
    assert find_access(index, [], snap(graph, lonlat(np.array([0.0]), np.array([0.0])))).served.empty


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_reasons_have_texts(reason, lang):
    """Each reason can be shown."""
    assert text(f"reason.{reason}", lang)
