"""Road numbers: splitting, classes, and the segments that bear them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugspan.network.refs import GB_T_917, RoadClass, RoadClasses, route_segments, split_refs
from toy import Toy


@pytest.mark.parametrize(
    ("ref", "tokens"),
    [
        ("G107", ("G107",)),
        ("G107;S211", ("G107", "S211")),
        ("G107；S 211", ("G107", "S211")),
        ("G107／S211、X012", ("G107", "S211", "X012")),
        ("162;Ring 1", ("162", "Ring1")),
        ("G107, G107;", ("G107",)),
        ("Ｇ１０７", ("G107",)),
        (" ; ", ()),
        ("", ()),
        (None, ()),
        (float("nan"), ()),
        (107, ()),
    ],
)
def test_split_refs(ref, tokens):
    """Tokens are split on ; / 、 , and their full-width forms; spaces are dropped; what is no text has none."""
    assert split_refs(ref) == tokens


@given(st.text())
def test_any_text_splits(ref):
    """Whatever a ref holds, tokens are unique, not empty and without spaces or separators."""
    tokens = split_refs(ref)
    assert len(set(tokens)) == len(tokens)
    assert all(t and not any(c.isspace() or c in ";/、," for c in t) for t in tokens)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("G107", "ordinary_trunk"), ("S211", "ordinary_trunk"), ("G4", "expressway"), ("G60", "expressway"),
        ("G0422", "expressway"), ("S71", "expressway"), ("X012", None), ("G10", "expressway"), ("g107", None),
        ("G107A", None), ("G10712", None), ("G", None),
    ],
)  # fmt: skip
def test_chinese_classes(token, name):
    """GB/T 917-2017: G or S with three digits is ordinary; with one, two or four an expressway."""
    found = GB_T_917.class_of(token)
    assert (found and found.name) == name


def test_first_class_wins():
    """A token that matches two classes belongs to the first."""
    classes = RoadClasses.from_mapping({"trunk": r"E\d+", "all": [r"\w+", r"\d+"]})
    assert classes.names == ["trunk", "all"]
    assert classes.class_of("E6").name == "trunk"
    assert classes.class_of("162").name == "all"


def test_axis_of_the_number():
    """2xx runs from the north, 3xx from the east; of others the number says nothing."""
    ordinary = GB_T_917.classes[0]
    assert [ordinary.axis_of(r) for r in ("G207", "S320", "G107")] == ["ns", "ew", None]
    assert RoadClass("x", (".*",)).axis_of("G207") is None


def test_links_and_ferries_belong_to_no_route():
    """Links and ferries bear no number; a shared road is in both; numbers of no class are not there."""
    toy = Toy(a=(0, 0), b=(0, 1000), c=(0, 2000), d=(0, 3000), e=(0, 4000))
    toy.road("a b", "G107;S211").road("b c", "S211;X1").road("c d", "G107", highway="trunk_link").road(
        "d e", "G107"
    )
    graph = toy.graph()
    graph.segments.loc[3, "ferry"] = True
    found = route_segments(graph, GB_T_917)
    assert {token: segments.tolist() for token, segments in found.items()} == {"G107": [0], "S211": [0, 1]}


@pytest.mark.parametrize("pattern", ["(1+)+x", "(a|a)*b", "(.*)*$x", "((a*)*)*b", "(x+x+)+y"])
def test_patterns_take_no_longer_than_the_text(pattern):
    """Patterns for which trying every way takes centuries: no answer is right but a quick one."""
    assert RoadClass("a", (pattern,)).matches("1" * 5000 + "a" * 5000) is False


@given(st.from_regex(r"[GSX]?[0-9]{0,5}[A-Z]?", fullmatch=True))
def test_patterns_of_road_numbers_mean_what_they_mean_in_python(token):
    """For what patterns of road numbers are made of, the whole number is matched as Python does."""
    for pattern in (r"[GS]\d{3}", r"G\d{1,2}|S\d+", r"(?i)g[12]\d*", r"E ?\d+", r"[^X].*", r"A{2,}"):
        assert RoadClass("a", (pattern,)).matches(token) is bool(re.fullmatch(pattern, token))
