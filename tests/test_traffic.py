"""Traffic laid onto routes, as the aim flow, and as the derogation of a rule. Kilometres in comments."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from plugspan.errors import InputError
from plugspan.inputs import DEMAND, SCHEMAS, TRAFFIC, as_table, collect, read_table
from plugspan.network.routes import RoadIndex, find_routes
from plugspan.rules.assessment import assess
from plugspan.rules.length import coverage_pieces
from plugspan.rules.policy import Policy, read_policy
from plugspan.rules.roads import RoadContext
from plugspan.rules.stretches import spacing_lines, spacing_rows
from plugspan.rules.traffic import apply_traffic, eased, in_band, lay_traffic, with_flow
from plugspan.settings import parse_toml
from test_evidence import site
from toy import Toy, lonlat

POLICY = """
schema = 1
id = "toy"
name = { zh = "玩具", en = "toy" }
source = "test"
[road_class]
core = ['G\\d{3}']
[[rule]]
id = "gap"
kind = "route_spacing"
title = { zh = "间距", en = "gap" }
network = "core"
site = { dc_min_kw = 150, pool_min_kw = 400, access_km = 3.0 }
statistic = "gap_max"
class_limits_km = [60.0, 100.0]
under_traffic = [{ light_below = 8500, one_way_pool_share = 0.5 }, { light_below = 3000, span_km = 100.0 }]
target = { value_max = 60.0 }
"""


def two_roads():
    """G106 and G107, 80 km each from west to east, 50 km apart and joined by nothing that has a number."""
    toy = Toy(a=(0, 0), b=(80_000, 0), c=(0, 50_000), d=(80_000, 50_000))
    toy.road("a b", ref="G106").road("c d", ref="G107").road("a c", highway="tertiary")
    return toy.graph()


def counts(*rows):
    """A table of traffic; ``line`` is in kilometres along G106 and degrees north of it."""
    (x0, y0), (x1, y1) = lonlat(0, 0), lonlat(80_000, 0)
    table = []
    for k, row in enumerate(rows):
        line = row.get("line")
        along = [(x0 + (x1 - x0) * at / 80, y0 + (y1 - y0) * at / 80 + up) for at, up in line or ()]
        rest = {name: value for name, value in row.items() if name != "line"}
        table.append({"id": str(k), **rest, "geometry": shapely.LineString(along) if line else None})
    return as_table(table, TRAFFIC, "traffic.csv")


def world(traffic, sites=()):
    """(graph, routes, inputs) of the two roads."""
    graph = two_roads()
    tables = {
        name: as_table(list(sites) if name == "chargers" else [], schema) for name, schema in SCHEMAS.items()
    }
    return graph, find_routes(graph, policy_classes()), collect(tables | {"traffic": traffic}, None, [])


def policy_classes():
    from plugspan.network.refs import RoadClasses

    return RoadClasses.from_mapping(rules().road_class)


def rules() -> Policy:
    return parse_toml(POLICY, Policy, "toy")


def known(laid, ref):
    """[(from km, to km, vehicles)] of what is known along a route."""
    one = laid[ref, 1]
    return [
        (round(a / 1000, 1), round(b / 1000, 1), n)
        for a, b, n in zip(one.from_m, one.to_m, one.aadt, strict=True)
        if not np.isnan(n)
    ]


def test_counts_lie_between_their_marks_and_the_latest_year_counts():
    """4000 on the whole of G106 in 2020, 9000 from km 20 to 50 in 2024: the later one lies over the earlier."""
    table = counts(
        {"ref": "G 106", "from_km": 50.0, "to_km": 20.0, "aadt": 9000.0, "year": 2024},
        {"ref": "g106", "aadt": 4000.0, "year": 2020},
        {"ref": "G999", "aadt": 1.0},
    )
    graph, routes, inputs = world(table)
    laid, notes = lay_traffic(RoadIndex(graph), routes, inputs.traffic)
    assert known(laid, "G106") == [(0.0, 20.0, 4000.0), (20.0, 50.0, 9000.0), (50.0, 80.0, 4000.0)]
    assert known(laid, "G107") == []
    assert [note.key for note in notes] == ["traffic-laid", "traffic-unlaid"]
    assert notes[0].values == {"known": 80, "unknown": 80}
    assert notes[1].values["rows"] == "3"


def test_a_line_lies_on_the_route_beside_it_and_not_on_the_one_it_crosses():
    """A line 33 m beside G106, 40 to 70 km from its east end, and one across both roads, which lies on neither."""
    beside = {"aadt": 5000.0, "line": [(10, 0.0003), (40, 0.0003)]}  # 33 m north
    across = {"aadt": 1.0, "line": [(5, -0.1), (5, 0.6)]}
    table = counts(beside, across)
    graph, routes, inputs = world(table)
    laid, notes = lay_traffic(RoadIndex(graph), routes, inputs.traffic)
    (low, high, vehicles), *others = known(laid, "G106")
    assert (low, high, vehicles) == (pytest.approx(40, abs=0.2), pytest.approx(70, abs=0.2), 5000.0)
    assert not others
    assert known(laid, "G107") == []
    assert notes[-1].values["n"] == 1


def test_flow_is_vehicle_kilometres():
    """80 km with 9000 vehicles a day are 720 000 vehicle-kilometres, at the kilometres where they are driven."""
    graph, routes, inputs = world(counts({"ref": "G106", "to_km": 40.0, "aadt": 9000.0}))
    index = RoadIndex(graph)
    laid, _ = lay_traffic(index, routes, inputs.traffic)
    found = with_flow(inputs, index, routes, laid, None).demand
    assert found["flow"].sum() == pytest.approx(9000.0 * 40.0, rel=1e-3)
    assert found["weight"].sum() == 0
    assert found["inside"].all()
    assert found.geometry.x.min() > lonlat(39_000, 0)[0]  # marks count from the east end
    assert set(found.columns) >= set(DEMAND.names) - {"lon", "lat", "position"}


@pytest.mark.parametrize(
    ("aadt", "heavy", "band"),
    [(8500.0, None, None), (8499.0, None, 8500), (9999.0, 0.2, 8500), (3000.0, 0.0, 8500), (2999.0, None, 3000),
     (3100.0, 0.1, 3000), (2999.0, 7.0, 3000), (8600.0, 7.0, None)],
)  # fmt: skip
def test_a_stretch_is_eased_by_its_light_vehicles(aadt, heavy, band):
    """Below 8 500 and below 3 000 light vehicles, not at them; a share that is none counts as none."""
    graph, routes, inputs = world(counts({"ref": "G106", "aadt": aadt, "heavy_share": heavy}))
    found, _ = apply_traffic(rules(), inputs, RoadIndex(graph), routes, None)
    ids = [rule.id for rule in found.rules]
    assert ids == (["gap"] if band is None else ["gap", f"gap-under-{band}"])
    if band is not None:
        context = RoadContext(inputs, graph, tuple(routes), None)
        assert [r.ref for r in context.of_class(found.rules[1].network)] == ["G106"]
        assert [r.ref for r in context.of_class(found.rules[0].network)] == ["G107"]
        assert found.rules[1].site == found.rules[0].site  # which pools count depends on where they stand
        assert found.rules[1].site.one_way.share(2000.0) == 0.5
        assert found.rules[1].site.one_way.share(np.nan) == 1.0
        assert found.rules[1].span_km == (100.0 if band == 3000 else 60.0)


def test_nothing_is_eased_where_traffic_is_unknown():
    """Counts on 79 of 80 km leave one of which nobody knows: it stays under the rule, the others don't."""
    graph, routes, inputs = world(counts({"ref": "G106", "to_km": 79.0, "aadt": 100.0}))
    policy, inputs = apply_traffic(rules(), inputs, RoadIndex(graph), routes, None)
    found = assess(policy, inputs, graph, routes, None)
    km = {f.rule.id: round(f.figures["length_m"] / 1000, 1) for f in found.findings}
    assert km == {"gap": 81.0, "gap-under-3000": 79.0}


def test_a_gap_of_80_km_is_allowed_where_few_drive():
    """A pool at each end of both roads: 80 km are too long for G107 and allowed for G106, which 2000 drive along."""
    pools = [
        site(f"{x}-{y}", (x, y), points=4, point_kw=150.0, pool_kw=600.0)
        for x in (0, 80_000)
        for y in (0, 50_000)
    ]
    graph, routes, inputs = world(counts({"ref": "G106", "aadt": 2000.0}), pools)
    policy, inputs = apply_traffic(rules(), inputs, RoadIndex(graph), routes, None)
    found = assess(policy, inputs, graph, routes, None)
    assert [(f.rule.id, f.status) for f in found.findings] == [("gap", "not met"), ("gap-under-3000", "met")]
    assert found["gap-under-3000"].high == pytest.approx(80.0, abs=0.1)
    assert found["gap"].low == pytest.approx(80.0, abs=0.1)
    refs = found.gaps.groupby("rule")["ref"].unique().map(list).to_dict()
    assert refs == {"gap": ["G107"], "gap-under-3000": ["G106"]}


def test_half_the_power_is_enough_for_a_pool_of_one_direction():
    """A divided road of 80 km: a pool of 200 kW off one carriageway counts where few drive, one off both does not."""
    toy = Toy(a=(0, 0), m=(20_000, 0), n=(20_500, 0), s=(20_250, -200), p=(40_000, 0), b=(80_000, 0),
              c=(80_000, 40), q=(40_000, 40), d=(0, 40), t=(40_000, 300))  # fmt: skip
    toy.road("a m n p b", ref="G106", oneway=True).road("c q d", ref="G106", oneway=True)
    toy.road("m s n", oneway=True, highway="service")
    toy.road("p q t", highway="service")
    graph = toy.graph()
    routes = find_routes(graph, policy_classes())
    pools = [site("lone", (20_250, -200), point_kw=150.0, pool_kw=200.0),
             site("both", (40_000, 300), point_kw=150.0, pool_kw=200.0)]  # fmt: skip
    tables = {name: as_table(pools if name == "chargers" else [], schema) for name, schema in SCHEMAS.items()}
    inputs = collect(tables, None, [])
    context = RoadContext(inputs, graph, tuple(routes), None)
    served = context.access(3.0).served.groupby("site")["direction"].nunique()
    assert inputs.sites["id"].tolist() == ["both", "lone"]
    assert served.tolist() == [2, 1]
    assert context.status(rules().rules[0].site).tolist() == ["no", "no"]
    for aadt, status in ((5000.0, ["no", "yes"]), (9000.0, ["no", "no"])):
        # The lone pool stands at km 20 or, from the other end, at km 60; elsewhere 5000 drive.
        at = float(context.access(3.0).served.query("site == 1")["chainage_m"].iloc[0]) / 1000
        table = counts({"ref": "G106", "aadt": 5000.0},
                       {"ref": "G106", "from_km": at - 5, "to_km": at + 5, "aadt": aadt})  # fmt: skip
        now = RoadContext(replace(inputs, traffic=table), graph, tuple(routes), None)
        for rule in eased(rules(), routes, now.laid).rules:
            assert now.status(rule.site).tolist() == status


TENTH = POLICY.replace("60.0", "6.2").replace("100.0", "10.2").replace("access_km = 3.0", "access_km = 0.3")


def one_road(sites, traffic, policy=TENTH):
    """Assessment of G106, 20 km in one direction; km from its east end; spans of 6.2 and 10.2 km."""
    toy = Toy(a=(-10_000, 0), b=(0, 0), c=(10_000, 0)).road("a b c", ref="G106", oneway=True)
    graph = toy.graph()
    routes = find_routes(graph, policy_classes())
    pools = [site(str(x), (10_000 - x * 1000.0, 0), point_kw=150.0, pool_kw=600.0) for x in sites]
    tables = {name: as_table(pools if name == "chargers" else [], schema) for name, schema in SCHEMAS.items()}
    halves = [
        {"id": k, "name": k, "geometry": shapely.box(113 + a, 26, 113 + b, 28)}
        for k, a, b in (("W", -1, 0), ("E", 0, 1))
    ]
    tables["counties"] = as_table(halves, SCHEMAS["counties"], "c.gpkg")
    inputs = collect(tables | {"traffic": counts(*({"ref": "G106", **row} for row in traffic))}, None, [])
    index = RoadIndex(graph)
    found, inputs = apply_traffic(parse_toml(policy, Policy, "toy"), inputs, index, routes, None)
    return assess(found, inputs, graph, routes, None), RoadContext(inputs, graph, tuple(routes), None), found


def test_spans_hold_by_stretch():
    """20 km, 9000 vehicles up to km 10 and 2000 beyond; pools at 0, 5, 13 and 20; spans of 6.2 and 10.2 km.

    The gap of 8 km from 5 to 13 reaches into the busy half: 5 km of it are not served there, while its other 3 km
    are, with the last 7 km. So the busy rule fails by 8 km, and the quiet one is met with 8 of 10.
    """
    traffic = [{"to_km": 10.0, "aadt": 9000.0}, {"from_km": 10.0, "aadt": 2000.0}]
    found, _, _ = one_road([0, 5, 13, 20], traffic)
    assert [(f.rule.id, f.status, round(f.low, 2)) for f in found.findings] == [
        ("gap", "not met", 8), ("gap-under-3000", "met", 8)]  # fmt: skip
    km = {f.rule.id: round(f.figures["length_m"] / 1000, 2) for f in found.findings}
    assert km == {"gap": 10.0, "gap-under-3000": 10.0}
    counties = {
        f.rule.id: [round(row["length_m"] / 1000, 2) for row in f.figures["by_county"]]
        for f in found.findings
    }
    assert counties == {"gap": [0.0, 10.0], "gap-under-3000": [10.0, 0.0]}  # the busy half is the eastern one
    share = TENTH.replace("route_spacing", "length_coverage").replace("value_max = 6.2", "share_min = 1.0")
    share = share.replace("class_limits_km = [6.2, 10.2]", "span_max_km = 6.2")
    for reading in ("route", "edge"):
        text = share.replace('statistic = "gap_max"', f'reading = "{reading}"')
        found, _, _ = one_road([0, 5, 13, 20], traffic, text)
        shares = [(f.rule.id, f.status, round(f.low, 3)) for f in found.findings]
        assert shares == [("gap", "not met", 0.5), ("gap-under-3000", "met", 1.0)], reading


SPOTS_KM = 0.5 * np.arange(1, 40)
SPOTS = gpd.GeoDataFrame(
    geometry=shapely.points([lonlat(10_000 - x * 1000.0, 0) for x in SPOTS_KM]), crs=4326
)


@pytest.mark.parametrize("seed", range(12))
def test_stretches_against_every_place(seed):
    """Sites and counts at multiples of 500 m: each rule says of its places what a walk over all places says."""
    rng = np.random.default_rng(seed)
    sites = np.unique(rng.integers(1, 40, rng.integers(0, 6))) / 2
    ends = np.sort(rng.integers(0, 41, (rng.integers(0, 5), 2)), axis=1) / 2
    traffic = [
        {"from_km": a, "to_km": b, "aadt": float(rng.choice([2000, 5000, 9000]))} for a, b in ends if b > a
    ]
    found, context, policy = one_road(sites, traffic)
    at = 0.25 + 0.5 * np.arange(40)
    light = np.full(40, np.inf)
    for row in traffic:
        light[(at > row["from_km"]) & (at < row["to_km"])] = row["aadt"]

    def gap_at(places):
        ends = np.array([0.0, *sorted(places), 20.0])
        k = np.searchsorted(ends, at)
        return ends[k] - ends[k - 1]

    bands = {"gap": (8500, np.inf), "gap-under-8500": (3000, 8500), "gap-under-3000": (0, 3000)}
    for rule in policy.rules:
        low, high = bands[rule.id] if len(policy.rules) > 1 else (0, np.inf)
        mine = (light >= low) & ((light < high) | (high == np.inf))
        finding = found[rule.id]
        if not mine.any():
            assert (rule.id, finding.low) == ("gap", None)
            continue
        assert finding.low == pytest.approx(gap_at(sites)[mine].max(), abs=0.001)
        assert finding.figures["length_m"] / 1000 == pytest.approx(0.5 * mine.sum(), abs=0.001)
        rows = spacing_rows(
            spacing_lines(context, rule, SPOTS), len(SPOTS), rule.span_km * 1000
        ).cover.toarray()
        for _ in range(20):
            chosen = rng.random(len(SPOTS)) < rng.choice([0.05, 0.1, 0.3])
            served = bool((gap_at({*sites, *SPOTS_KM[chosen]})[mine] <= rule.span_km).all())
            assert bool(rows[chosen].any(axis=0).all()) == served


def test_a_shared_road_is_judged_by_its_busier_number():
    """G106 and G107 on the same 8 km: 2000 on the one, 9000 on the other; as road they count where more drive."""
    toy = Toy(a=(0, 0), b=(8_000, 0), c=(16_000, 0)).road("a b", ref="G106;G107").road("b c", ref="G106")
    graph = toy.graph()
    routes = find_routes(graph, policy_classes())
    tables = {name: as_table([], schema) for name, schema in SCHEMAS.items()}
    table = counts({"ref": "G106", "aadt": 2000.0}, {"ref": "G107", "aadt": 9000.0})
    context = RoadContext(collect(tables | {"traffic": table}, None, []), graph, tuple(routes), None)
    bare = context.snapped.take(np.empty(0, np.int64))
    km = {
        band: coverage_pieces(context, in_band("core", *band), bare).weight_m.sum() / 1000
        for band in ((0, 3000), (3000, 8500), (8500, None))
    }
    assert km == pytest.approx({(0, 3000): 8.0, (3000, 8500): 0.0, (8500, None): 8.0}, abs=0.01)


def test_afir_carries_the_derogations():
    """Five rules on cars are eased; half of the comprehensive network, and lorries, are not."""
    eu = read_policy("eu-afir")
    carrying = [rule.id for rule in eu.rules if getattr(rule, "under_traffic", ())]
    assert carrying == ["ldv-core-gap-2025", "ldv-core-2025", "ldv-core-2027", "ldv-comprehensive-2030",
                        "ldv-comprehensive-2035"]  # fmt: skip
    for rule in (rule for rule in eu.rules if rule.id in carrying):
        assert [(s.light_below, s.span_km, s.one_way_pool_share) for s in rule.under_traffic] == [
            (8500, None, 0.5), (3000, 100.0, None)]  # fmt: skip


def test_a_table_of_traffic_is_read_from_a_list_and_from_a_layer(tmp_path):
    """Marks as on the road (K12+300, K0), Chinese headers, per cent; a layer's lines; no points, no share of 22."""
    text = "路线编号,起点桩号,终点桩号,交通量,货车比例,年份\nG106,K12+300,45.5 km,8000,0.2,2024\n"
    (tmp_path / "t.csv").write_text(text, "utf-8")
    row = read_table(tmp_path / "t.csv", TRAFFIC).iloc[0]
    assert row[["ref", "from_km", "to_km", "aadt", "heavy_share", "year"]].tolist() == [
        "G106", 12.3, 45.5, 8000.0, 0.2, 2024]  # fmt: skip
    (tmp_path / "k.csv").write_text(
        "路线编号,起点桩号,止点桩号,交通量,货车比例\nG106,K0,K45.5,8000,22%\n", "utf-8"
    )
    row = read_table(tmp_path / "k.csv", TRAFFIC).iloc[0]
    assert row[["from_km", "to_km", "heavy_share"]].tolist() == pytest.approx([0.0, 45.5, 0.22])
    (tmp_path / "s.csv").write_text("路线编号,交通量,货车比例（%）\nG106,8000,22\n", "utf-8")
    with pytest.raises(InputError) as refused:
        read_table(tmp_path / "s.csv", TRAFFIC)
    assert [(f.key, f.row, f.value) for f in refused.value.faults] == [("value-share", 2, "22")]
    assert "0.22" in refused.value.faults[0].render("zh")
    line = gpd.GeoDataFrame({"aadt": [5.0]}, geometry=[shapely.LineString([(113, 27), (114, 27)])], crs=4326)
    line.to_file(tmp_path / "t.gpkg")
    assert read_table(tmp_path / "t.gpkg", TRAFFIC).geometry.iloc[0].length == 1.0
    line.set_geometry([shapely.Point(113, 27)], crs=4326).to_file(tmp_path / "p.gpkg")
    with pytest.raises(ValueError, match="needs lines"):
        read_table(tmp_path / "p.gpkg", TRAFFIC)


def test_without_traffic_nothing_changes():
    """No counts: the same policy, the same demand."""
    graph, routes, inputs = world(counts())
    policy, same = apply_traffic(rules(), inputs, RoadIndex(graph), routes, None)
    assert policy == rules()
    assert same is inputs
    assert pd.isna(inputs.demand.get("flow", pd.Series(dtype=float))).all()


def test_rows_of_a_plan_follow_the_derogation():
    """With pools at the ends, every place on G107 lies in a stretch that wants one more; on G106 nothing is wanted."""
    pools = [
        site(f"{x}-{y}", (x, y), point_kw=150.0, pool_kw=600.0) for x in (0, 80_000) for y in (0, 50_000)
    ]
    graph, routes, inputs = world(counts({"ref": "G106", "aadt": 2000.0}), pools)
    policy, inputs = apply_traffic(rules(), inputs, RoadIndex(graph), routes, None)
    context = RoadContext(inputs, graph, tuple(routes), None)
    (x0, y0), (x1, y1) = lonlat(0, 0), lonlat(80_000, 0)
    (u0, v0), (u1, v1) = lonlat(0, 50_000), lonlat(80_000, 50_000)
    places = [((x0 + x1) / 2, (y0 + y1) / 2), ((u0 + u1) / 2, (v0 + v1) / 2)]  # the middle of each road
    candidates = gpd.GeoDataFrame(geometry=shapely.points(places), crs=4326)
    wanted = {}
    for rule in policy.rules:
        found = spacing_rows(spacing_lines(context, rule, candidates), 2, rule.span_km * 1000)
        wanted[rule.id] = (sorted(set(found.stretches["ref"])), found.cover.sum(axis=1).astype(bool).tolist())
    assert wanted == {"gap": (["G107"], [False, True]), "gap-under-3000": ([], [False, False])}
