"""One site from several lists: who is one, whose word counts, and that no row and no point is lost or doubled."""

from __future__ import annotations

import importlib.util
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan import InputError
from plugspan.errors import Diagnostics
from plugspan.inputs import CHARGERS, FACILITIES, SCHEMAS, as_table, collect, empty_table
from plugspan.inputs.from_osm import SOURCE as OSM
from plugspan.inputs.fusion import Decisions, fuse, join_lists
from plugspan.inputs.names import operator_key, same_operator, side_in_name, sides_differ, site_name
from plugspan.inputs.same_site import FEATURES, REACH_M, ListRules, candidate_pairs, describe_sites, model
from plugspan.pipeline import load
from plugspan.project import read_project
from plugspan.units import GEOD

LON, LAT = 113.1, 27.8
M = 1 / 98_500
"""Degrees of longitude in one metre here, about."""


def row(id_, metres, **known):
    """One charger so many metres east of the corner."""
    return {"id": id_, "geometry": shapely.Point(LON + metres * M, LAT), **known}


def lists(*rows_of, schema=CHARGERS):
    """Lists a.csv, b.csv, … of such rows."""
    return [as_table(rows, schema, f"{'abcdef'[at]}.csv") for at, rows in enumerate(rows_of)]


def fused(*rows_of, rules=None, schema=CHARGERS, **more):
    """What is left of such lists, what was joined, and the notes."""
    notes = Diagnostics()
    rules = rules or [ListRules()] * len(rows_of)
    table, merges = fuse(lists(*rows_of, schema=schema), rules, schema, notes, **more)
    return table, merges, notes


ONE = {"name": "青溪广场充电站", "operator": "绿动", "points": 4, "point_kw": 120.0, "current": "dc"}


# -- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spellings",
    [
        ("特来电", "特來電", "TELD", "青岛特来电新能源股份有限公司", "深圳特来电科技有限公司"),
        ("Tesla", "TESLA France SARL", "特斯拉（上海）有限公司", "Tesla Germany GmbH"),
        ("绿动", "湖南绿动新能源科技有限公司", "绿动充电", "长沙绿动能源有限责任公司"),
        ("国家电网", "国网湖南省电力有限公司株洲供电分公司", "国网电动汽车服务有限公司", "State Grid"),
        ("Fastned", "Fastned Deutschland GmbH & Co. KG", "FASTNED B.V.", "Fast-Ned"),
        ("Électra", "Electra SAS", "ELECTRA"),
        ("TotalEnergies", "Total Energies", "TotalEnergies Charging Services"),
    ],
)
def test_spellings_of_one_operator(spellings):
    """Case, width, accents, legal forms, places and aliases make no difference."""
    keys = [operator_key(word) for word in spellings]
    assert all(same_operator(keys[0], key) == 1 for key in keys), keys


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("特来电", "星星充电"),
        ("中国石化", "中国石油"),
        ("国家电网", "南方电网"),
        ("甲运营商", "乙运营商"),
        ("Electra SAS", "Electric 55 Charging"),
        ("Voltera", "Amperia"),
        ("湖南绿动新能源有限公司", "湖南川流新能源有限公司"),
    ],
)
def test_operators_that_differ(a, b):
    """A common legal form or place makes nobody the same."""
    assert same_operator(operator_key(a), operator_key(b)) == -1


@pytest.mark.parametrize("word", ["其他", "未知", "unknown", "N/A", "-", "", "（）"])
def test_an_operator_that_is_not_known(word):
    """Such a word is compared with nothing."""
    assert same_operator(operator_key(word), operator_key("特来电")) == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("白关服务区A区", "白关服务区B区"),
        ("白关服务区东区充电站", "白关服务区西区充电站"),
        ("建宁服务区（长沙方向）", "建宁服务区往株洲方向"),
        ("株洲西站东广场充电站", "株洲西站西广场充电站"),
        ("Aire de Beaune Nord", "Aire de Beaune Sud"),
        ("Hill Services Northbound", "Hill Services - Southbound"),
        ("南湖服务区北区", "南湖服务区南区"),
    ],
)
def test_two_sides_by_name(a, b):
    """Both directions of comparison; a name that says no side is no other side."""
    left, right = site_name(a), site_name(b)
    assert sides_differ(left, right)
    assert sides_differ(right, left)
    assert not sides_differ(left, left)


def test_a_word_of_direction_in_a_name_is_no_side():
    """东湖路 and 西苑小区 are two names, and 白关服务区 may be its own 北区."""
    assert not sides_differ(site_name("东湖路充电站"), site_name("西苑小区充电站"))
    assert not sides_differ(site_name("白关服务区"), site_name("白关服务区（北）"))
    assert sides_differ(site_name("白关服务区", "", "南"), site_name("白关服务区北区"))
    assert (side_in_name("白关服务区A区"), side_in_name("株洲西站东广场"), side_in_name("")) == ("a", "", "")


@settings(max_examples=60)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_name(a, b):
    """Nothing in a name stops the comparison, and it is symmetric."""
    assert same_operator(operator_key(a), operator_key(b)) == same_operator(operator_key(b), operator_key(a))
    assert sides_differ(site_name(a), site_name(b)) == sides_differ(site_name(b), site_name(a))


# -- the model -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs_module(request):
    """The builder of labelled pairs."""
    folder = request.config.rootpath / "benchmarks"
    sys.path.insert(0, str(folder))
    try:
        for name in ("same_site_pairs", "fusion"):
            spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        yield sys.modules["same_site_pairs"], sys.modules["fusion"]
    finally:
        sys.path.remove(str(folder))


def test_precision_and_recall_by_case_on_words_not_seen(pairs_module):
    """Through the whole fusion: no pair of different places is joined, precision 0.98, recall 0.95 in every case."""
    pairs, bench = pairs_module
    rows = bench.table(seed=2026, each=100)
    joined = sum(n for _, _, n, _ in rows)
    right = sum(n for case, _, n, _ in rows if case in pairs.POSITIVE)
    assert right / joined >= 0.98
    assert {case: share for case, _, _, share in rows if share < 0.95} == {}


def test_the_weights_are_those_of_the_pairs(pairs_module, root):
    """The pairs are those of the builder, and training on them gives the weights that are kept."""
    pairs, _ = pairs_module
    kept = pd.read_csv(root / "benchmarks" / "same_site_pairs.csv")
    made = pairs.make_pairs(pairs.EACH, pairs.SEED, held_out=False)
    assert kept[["case", "same", "a_name", "b_name", "metres"]].equals(
        made[["case", "same", "a_name", "b_name", "metres"]]
    )
    weights, constant = pairs.train(kept)
    assert tuple(weights) == model()[0] == FEATURES
    assert np.allclose(list(weights.values()), model()[1], atol=0.2)
    assert abs(constant - model()[2]) < 0.2


def test_the_score_is_plain_arithmetic(root):
    """By hand: two lists, one place, same name and operator: the constant and the weights of what applies."""
    told = tomllib.loads((root / "coverage" / "inputs" / "same_site.toml").read_text("utf-8"))
    w = told["weights"]
    logit = told["constant"] + sum(
        w[k] for k in ("close", "name_alike", "name_equal", "name_identical", "operator_same")
    )
    logit += w["points_equal"] + w["power_equal"]
    _, merges, _ = fused([row("a", 0, **ONE)], [row("b", 0, **ONE)])
    assert merges[0].score == pytest.approx(1 / (1 + np.exp(-logit)))
    assert merges[0].reason("en") == "0 m apart; same operator; same name; same number of points; same power"


def test_candidates_are_those_of_brute_force():
    """All pairs of two lists within reach, when they don't crowd."""
    rng = np.random.default_rng(5)
    rows = [
        [row(f"{side}{at}", x, operator=f"{side}{at}") for at, x in enumerate(rng.uniform(0, 3000, 12))]
        for side in "ab"
    ]
    tables = lists(*rows)
    sites = describe_sites(tables)
    i, j, metres = candidate_pairs(sites, [ListRules()] * 2)
    near = {
        (p, 12 + q)
        for p, a in enumerate(tables[0].geometry)
        for q, b in enumerate(tables[1].geometry)
        if GEOD.inv(a.x, a.y, b.x, b.y)[2] <= REACH_M
    }
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == near
    assert (metres <= REACH_M).all()


def test_crowds_stay_bounded():
    """4 000 sites in 200 m: some dozens of pairs a site, not 4 million."""
    rng = np.random.default_rng(6)
    tables = []
    for side in "ab":
        rows = [row(f"{side}{at}", x, operator=f"O{at}") for at, x in enumerate(rng.uniform(0, 200, 2000))]
        tables.append(as_table(rows, CHARGERS, side))
    i, _, _ = candidate_pairs(describe_sites(tables), [ListRules()] * 2)
    assert len(i) <= 2 * 2000 * 8 * 6


# -- whose word counts -----------------------------------------------------------------------------------


def test_the_first_list_stays_and_points_are_not_added():
    """4 and 6 points of one station are 4, the 6 stands in the provenance; what is not known is filled."""
    other = {**ONE, "points": 6, "access": "public", "operator": "湖南绿动新能源科技有限公司"}
    table, merges, notes = fused([row("a", 0, **ONE, provenance="survey")], [row("b", 20, **other)])
    assert table["id"].tolist() == ["a"]
    assert table["points"].tolist() == [4]
    assert table["access"].tolist() == ["public"]
    assert table["provenance"][0] == "survey; b.csv (b); operator=湖南绿动新能源科技有限公司; points=6"
    assert [(m.into, m.id, m.file, m.rows) for m in merges] == [("a", "b", "b.csv", (1,))]
    assert [note.key for note in notes] == ["lists-merged"]
    for lang in ("zh", "en"):
        assert notes[0].render(lang)


def test_trust_then_date_then_order():
    """Higher trust wins, of equal trust the younger list."""
    import datetime as dt

    two = [row("a", 0, **ONE)], [row("b", 10, **{**ONE, "points": 6})]
    assert fused(*two, rules=[ListRules(), ListRules(trust=1)])[0]["points"].tolist() == [6]
    dated = [ListRules(as_of=dt.date(2024, 1, 1)), ListRules(as_of=dt.date(2025, 1, 1))]
    assert fused(*two, rules=dated)[0]["points"].tolist() == [6]
    assert fused(*two, rules=dated[::-1])[0]["points"].tolist() == [4]
    assert fused(*two, rules=[ListRules(), ListRules(as_of=dt.date(2020, 1, 1))])[0]["points"].tolist() == [6]


def test_a_trusted_list_without_figures_lends_its_name():
    """The platform knows name and status, the operator's list the points by power: both are used."""
    known = {"name": "青溪广场超充站", "operator": "绿动", "status": "out_of_order"}
    piles = [row("b1", 5, **ONE), row("b2", 6, **{**ONE, "point_kw": 60.0, "points": 2})]
    table, merges, _ = fused([row("a", 0, **known)], piles)
    assert table["id"].tolist() == ["b1", "b2"]
    assert table["points"].tolist() == [4, 2]
    assert set(table["status"]) == {"out_of_order"}
    assert set(table["name"]) == {"青溪广场超充站"}
    assert "name=青溪广场充电站" in table["provenance"][0]
    assert merges[0].id == "a"


def test_slow_posts_of_another_list_complete_the_fast_ones():
    """One list names the DC points of a place, the other its AC points: both stay, in one site."""
    ac = {**ONE, "points": 10, "point_kw": 7.0, "current": "ac"}
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    table, merges = fuse(
        lists([row("a", 0, **ONE)], [row("b", 5, **ac)]),
        [ListRules()] * 2,
        CHARGERS,
        Diagnostics(),
        Decisions(same=(("a", "b"),)),
    )
    assert [m.stays for m in merges] == [True]
    inputs = collect({**tables, "chargers": table}, None, [], merges)
    assert inputs.sites["points"].tolist() == [14]
    assert "_list" not in inputs.chargers


def test_what_is_not_joined_is_not_added_up_either():
    """Another operator's name unknown, numbers that differ, 80 m: two sites, not one of 12 points."""
    a, b = {**ONE, "name": "青溪广场1号"}, {**ONE, "name": "青溪广场2号", "points": 8}
    table, merges, _ = fused([row("a", 0, **a)], [row("b", 80, **b)])
    assert not merges
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    assert collect({**tables, "chargers": table}, None, []).sites["points"].tolist() == [4, 8]


def test_add_means_added_up():
    """With ``add`` the two are one site of 8 points, as lists that complete each other."""
    table, merges, _ = fused(
        [row("a", 0, **ONE)], [row("b", 10, **ONE)], rules=[ListRules(), ListRules("add")]
    )
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    assert not merges
    assert collect({**tables, "chargers": table}, None, []).sites["points"].tolist() == [8]


def test_ask_names_every_pair_until_it_is_decided():
    """The pair is a fault with both rows and the remedy; either decision lets it pass."""
    two = [row("a", 0, **ONE)], [row("b", 10, **ONE)]
    rules = [ListRules(), ListRules("ask")]
    with pytest.raises(InputError) as caught:
        fused(*two, rules=rules)
    assert [(f.key, f.value, f.values["other"]) for f in caught.value.faults] == [("same-site-ask", "a", "b")]
    assert "different_site" in caught.value.faults[0].render("en")
    same, _, _ = fused(*two, rules=rules, decisions=Decisions(same=(("b", "a"),)))
    apart, _, _ = fused(*two, rules=rules, decisions=Decisions(different=(("a", "b"),)))
    assert (len(same), len(apart)) == (1, 2)


def test_people_are_stronger_than_scores():
    """5 km apart but one site; at one place but two."""
    far = [row("a", 0, **ONE)], [row("b", 5000, **ONE)]
    assert not fused(*far)[1]
    _, merges, _ = fused(*far, decisions=Decisions(same=(("a", "b"),)))
    assert [(m.score, m.reason("zh")) for m in merges] == [(1.0, "人工确认")]


def test_three_lists_make_one_site():
    """Each list once; a second row of one list nearby stays apart."""
    table, merges, _ = fused(
        [row("a", 0, **ONE)],
        [row("b", 10, **ONE)],
        [row("c", 15, **ONE), row("d", 250, **{**ONE, "name": "青溪广场充电站"})],
    )
    assert sorted(table["id"]) == ["a", "d"]
    assert [(m.into, m.id) for m in merges] == [("a", "b"), ("a", "c")]


def test_equal_ids_are_told_and_kept_apart():
    """The second gets the name of its file."""
    table, _, notes = fused([row("P1", 0, **ONE)], [row("P1", 9000, **ONE)])
    assert table["id"].tolist() == ["P1", "P1@b"]
    assert notes[0].key == "ids-in-two-lists"


def test_service_areas_keep_their_sides():
    """Facilities: the same side in two lists is one, the other side stays."""
    a = [row("n", 0, kind="expressway_service_area", name="白关服务区", side="北")]
    b = [
        row("m", 20, kind="expressway_service_area", name="白关服务区北区", surveyed=True, points=4),
        row("s", 90, kind="expressway_service_area", name="白关服务区南区"),
    ]
    table, merges, _ = fused(a, b, schema=FACILITIES)
    assert [(m.into, m.id) for m in merges] == [("m", "n")]  # the one that knows its points stays
    assert sorted(table["id"]) == ["m", "s"]
    assert table.set_index("id").loc["m", "side"] == "北"


def test_the_sides_in_names_part_the_sites_of_one_list():
    """A区 and B区 of one operator 80 m apart are two sites in a list of their own."""
    rows = [row("a", 0, **{**ONE, "name": "白关服务区A区"}), row("b", 80, **{**ONE, "name": "白关服务区B区"})]
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    inputs = collect({**tables, "chargers": as_table(rows, CHARGERS, "a.csv")}, None, [])
    assert len(inputs.sites) == 2


def test_osm_comes_behind():
    """OpenStreetMap is joined as before; fusion leaves it alone."""
    parts = [
        *lists([row("a", 0, **ONE)], [row("b", 5, **ONE)]),
        as_table([row("osm-node-1", 8)], CHARGERS, OSM),
    ]
    table, merges = join_lists(parts, [ListRules()] * 3, CHARGERS, Diagnostics())
    assert table["id"].tolist() == ["a", "osm-node-1"]
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    assert collect({**tables, "chargers": table}, None, [], merges).sites["points"].tolist() == [4]


SPOT = st.tuples(
    st.integers(0, 400), st.sampled_from(["绿动", "川流", None]),
    st.sampled_from(["青溪", "云岭", "青溪1号", "青溪2号", None]), st.sampled_from([None, 2, 4, 8]),
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(st.lists(SPOT, max_size=5), min_size=2, max_size=3))
def test_every_row_stays_or_is_joined_and_no_list_adds(rows_of):
    """Rows read = rows kept + rows joined; points of a site are those of one list."""
    rows = [
        [row(f"{at}-{n}", x, operator=o, name=name, points=p) for n, (x, o, name, p) in enumerate(one)]
        for at, one in enumerate(rows_of)
    ]
    table, merges, _ = fused(*rows)
    gone = sum(len(m.rows) for m in merges if not m.stays)
    assert len(table) + gone == sum(map(len, rows))
    assert table["id"].is_unique
    kept = {id_: id_.split("-")[0] for id_ in table["id"]}
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    if len(table):
        for members in collect({**tables, "chargers": table}, None, []).sites["members"]:
            assert len({kept[id_] for id_ in members.split()}) == 1


# -- in a project ----------------------------------------------------------------------------------------

PROJECT = """schema = 1
name = "t"
[network]
osm = "{osm}"
[[tables.chargers]]
path = "a.csv"
[[tables.chargers]]
path = "b.csv"
{more}
"""
HEAD = "id,name,operator,lon,lat,points\n"


def loaded(root, folder, a, b, more=""):
    """Inputs of a project with two lists."""
    (folder / "a.csv").write_text(HEAD + a, "utf-8")
    (folder / "b.csv").write_text(HEAD + b, "utf-8")
    osm = (root / "data" / "osm" / "zhuzhou-sample.osm.pbf").as_posix()
    (folder / "project.toml").write_text(PROJECT.format(osm=osm, more=more), "utf-8")
    return load(read_project(folder)).inputs


def test_the_same_file_twice_counts_once(root, tmp_path):
    """23 points don't become 46; told with the name of the other file; ``add`` adds."""
    body = "P1,青溪,绿动,113.15,27.83,23\n"
    inputs = loaded(root, tmp_path, body, body)
    assert inputs.sites["points"].tolist() == [23]
    assert "file-twice" in [f.key for f in inputs.warnings]
    inputs = loaded(root, tmp_path, body, body, 'duplicates = "add"')
    assert inputs.sites["points"].tolist() == [46]


def test_decisions_of_a_project(root, tmp_path):
    """The table of [fusion] is read by its headers in either language."""
    a, b = "P1,青溪,绿动,113.15,27.83,4\n", "Q1,青溪,绿动,113.1501,27.83,6\n"
    assert loaded(root, tmp_path, a, b).sites["points"].tolist() == [4]
    (tmp_path / "different.csv").write_text("编号,另一编号\nP1,Q1\n", "utf-8")
    inputs = loaded(root, tmp_path, a, b, '[fusion]\ndifferent_site = "different.csv"')
    assert sorted(inputs.sites["points"]) == [4, 6]
    (tmp_path / "different.csv").write_text("id,other_id\nP1,Q9\n", "utf-8")
    with pytest.raises(InputError, match="Q9"):
        loaded(root, tmp_path, a, b, '[fusion]\ndifferent_site = "different.csv"')
