"""Road numbers: splitting, classes, and refs that look mistyped."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugspan.network.refs import GB_T_917, RoadClass, RoadClasses, mistyped, route_refs, split_refs
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


def test_route_refs_leave_out_links_and_ferries():
    """Links and ferries are in no mask; a shared road is in both; numbers of no class are not there."""
    toy = Toy(a=(0, 0), b=(0, 1000), c=(0, 2000), d=(0, 3000), e=(0, 4000))
    toy.road("a b", "G107;S211").road("b c", "S211;X1").road("c d", "G107", highway="trunk_link").road(
        "d e", "G107"
    )
    graph = toy.graph()
    graph.segments.loc[3, "ferry"] = True
    masks = route_refs(graph, GB_T_917)
    assert list(masks) == ["G107", "S211"]
    assert masks["G107"].tolist() == [True, False, False, False]
    assert masks["S211"].tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("ref", "suggestion", "reason"),
    [
        ("G32O", "G320", "lookalike"),
        ("X0l3", "X013", "lookalike"),
        ("g107", "G107", "case"),
        ("S-211", "S211", "sign"),
        ("G l07", "G107", "lookalike"),
        ("S 211", "S211", "space"),
    ],
)
def test_mistyped(ref, suggestion, reason):
    """Each plausible slip is found among good refs, with what was meant."""
    found = mistyped([ref, "G107", "G320;S211", "S211", None, np.nan])
    assert [(m.ref, m.suggestion, m.reason) for m in found] == [(ref, suggestion, reason)]


@pytest.mark.parametrize("ref", ["G107", "G107;S211", "Ring 1", "服务区", "G107A", "乡道", "G1O7B"])
def test_not_mistyped(ref):
    """Good refs, names and what no single slip explains are left alone."""
    assert mistyped([ref]) == []


def test_spaces_are_no_slip_where_they_are_usual():
    """Where most refs have a space (``E 6``) none is reported; the odd one out elsewhere is."""
    assert mistyped(["E 6", "E 18", "E6"], shapes=[r"E\d+"]) == []
    assert [m.token for m in mistyped(["E 6", "E18", "E39;E6"], shapes=[r"E\d+"])] == ["E 6"]


@pytest.mark.parametrize("pattern", ["(1+)+x", "(a|a)*b", "(.*)*$x", "((a*)*)*b", "(x+x+)+y"])
def test_patterns_take_no_longer_than_the_text(pattern):
    """Patterns for which trying every way takes centuries: no answer is right but a quick one."""
    assert RoadClass("a", (pattern,)).matches("1" * 5000 + "a" * 5000) is False


@given(st.from_regex(r"[GSX]?[0-9]{0,5}[A-Z]?", fullmatch=True))
def test_patterns_of_road_numbers_mean_what_they_mean_in_python(token):
    """For what patterns of road numbers are made of, the whole number is matched as Python does."""
    for pattern in (r"[GS]\d{3}", r"G\d{1,2}|S\d+", r"(?i)g[12]\d*", r"E ?\d+", r"[^X].*", r"A{2,}"):
        assert RoadClass("a", (pattern,)).matches(token) is bool(re.fullmatch(pattern, token))
