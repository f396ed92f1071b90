"""Swap and hydrogen stations, high power, the ships' service area and photovoltaics in a plan, worked by hand."""

from __future__ import annotations

import pandas as pd
import plugspan
import pytest
from plugspan.rules.photovoltaics import PvPotential, assess_pv
from plugspan.rules.policy import read_policy
from toy import Toy, lonlat

HEAD = """
schema = 1
id = "kinds"
name = { zh = "种类", en = "kinds" }
source = "test"
[road_class]
trunk = ["G1"]
"""
RULES = {
    "gap": """kind = "route_spacing"
network = "trunk"
statistic = "gap_max"
class_limits_km = [30.0, 60.0]
site = { dc_min_kw = 60 }
target = { value_max = 60.0 }""",
    "swap": """kind = "demand_reach"
site = { serves = "battery_swap" }
reach_km = 20
target = { share_min = 1.0 }""",
    "hydrogen": """kind = "demand_reach"
site = { serves = "hydrogen" }
reach_km = 40
target = { share_min = 1.0 }""",
    "power": """kind = "facility_share"
facility = ["logistics_park", "airport"]
site = { dc_min_kw = 350, within_m = 500 }
target = { share_min = 1.0 }""",
    "ships": """kind = "facility_share"
facility = "vessel_service_area"
target = { share_min = 1.0 }""",
    "average": """kind = "route_spacing"
network = "trunk"
site = { dc_min_kw = 60 }
target = { value_max = 40.0 }""",
    "berths": """kind = "berth_share"
berth = { class_t_min = 1000 }
target = { share_min = 0.8 }""",
    "spaces": """kind = "share_margin"
target = { margin_min = 0.1 }""",
    "fuel": """kind = "facility_share"
facility = "hub"
site = { serves = "hydrogen" }
target = { share_min = 0.5 }""",
    "pv": """kind = "pv_potential"
facility = ["pv_candidate", "pv_storage", "logistics_park"]
usable_share = 0.2
usable_by_kind = { pv_candidate = 0.5 }
kw_per_m2 = 0.2
yield_kwh_per_kw = 1000
storage_kwh_per_kw = 2.0
target = { share_min = 0.5 }""",
}
COSTS = {
    "currency": "money",
    "new_site": {"base": 40, "per_kw": 0.05},
    "commission": {"base": 10},
    "upgrade": {"base": 15},
    "high_power": {"base": 80, "per_kw": 0.08},
    "shore_power": {"base": 120, "place": {"vessel_service_area": 150}},
    "battery_swap": {"base": 500},
    "hydrogen": {"base": 1500},
    "photovoltaics": {"per_kw": 0.35},
    "ready_spaces": {"per_space": 1},
}


def frame(rows):
    """Rows with ``km`` along the road and metres ``off`` it as a table with coordinates."""
    table = pd.DataFrame(rows)
    off = table.pop("off").fillna(0.0) if "off" in table else 0.0 * table["km"]
    xy = lonlat(1000.0 * table.pop("km"), off)
    return table.assign(lon=xy[:, 0], lat=xy[:, 1])


FACILITIES = [
    {"id": "P10", "name": "ten", "kind": "logistics_park", "km": 10, "surveyed": True, "area_m2": 10_000, "pv_kw": 0},
    {"id": "P50", "name": "fifty", "kind": "logistics_park", "km": 50, "surveyed": True, "area_m2": 2_000, "pv_kw": 0},
    {"id": "P90", "name": "ninety", "kind": "logistics_park", "km": 90, "surveyed": True, "pv_kw": 0},
    {"id": "A20", "name": "airport", "kind": "airport", "km": 20, "surveyed": True},
    {"id": "V", "name": "ships", "kind": "vessel_service_area", "km": 52, "off": 900.0, "surveyed": True},
    {"id": "S70", "name": "slope", "kind": "pv_candidate", "km": 70, "off": 20.0, "area_m2": 1_000},
    {"id": "W12", "name": "swap", "kind": "battery_swap", "km": 12, "status": "operational"},
]  # fmt: skip
CHARGERS = [
    {"id": "C20", "kind": "charging", "km": 20, "current": "dc", "point_kw": 120.0, "status": "operational"},
    {"id": "H60", "kind": "hydrogen", "km": 60, "current": None, "point_kw": None, "status": "under_construction"},
]  # fmt: skip
PEOPLE = [
    {"id": "t5", "name": "five", "kind": "town", "km": 5, "weight": 100},
    {"id": "t55", "name": "fifty-five", "kind": "town", "km": 55, "weight": 300},
    {"id": "t95", "name": "ninety-five", "kind": "town", "km": 95, "weight": 50},
]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")

    def make(*names):
        text = HEAD + "".join(
            f'[[rule]]\nid = "{name}"\ntitle = {{ zh = "{name}", en = "{name}" }}\n{RULES[name]}\n'
            for name in names
        )
        path = folder / f"{'-'.join(names)}.toml"
        path.write_text(text, "utf-8")
        return read_policy(path)

    return make


def make(policy, facilities=FACILITIES, chargers=CHARGERS, **more):
    """The plan on a road of 100 km from west to east that ends at cross streets."""
    world = Toy(a=(0, 0), b=(50_000, 0), c=(100_000, 0), n=(0, 5e3), s=(0, -5e3), p=(1e5, 5e3), q=(1e5, -5e3))
    roads = world.road("a b c", ref="G1").road("n a s").road("p c q").graph()
    return plugspan.make_plan(
        frame(chargers), roads, policy, facilities=frame(facilities), demand=frame(PEOPLE), costs=COSTS,
        siting={"candidates": ["hub"]}, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plan(policy):
    return make(policy(*(name for name in RULES if name not in ("fuel", "spaces", "berths", "average"))))


def test_what_is_there_today(plan):
    """A swap station among the facilities counts; hydrogen under construction doesn't; 120 kW are not 350."""
    low = {finding.rule.id: finding.low for finding in plan.before.findings}
    assert low["swap"] == pytest.approx(100 / 450)  # from 12 km only the town at 5
    assert low["hydrogen"] == 0.0
    assert low["power"] == low["ships"] == low["pv"] == 0.0
    assert low["gap"] == pytest.approx(80.0, abs=0.01)  # from 20 km to the end


def test_the_plan_is_the_one_worked_by_hand(plan):
    """Each rule gets its own kind of action; what serves two rules is paid once, and every claim is confirmed.

    Swap: parks at 50 and 90, since none lies within 20 km of both towns. Hydrogen: 60 is put into service for 55 and
    95, a new one at 10 or, the same and first by id, at 20 for the town at 5. High power: at all four places, which
    closes the gap of the road, too.
    Photovoltaics: two of four places, the cheapest: 2000 m2 x 0.2 x 0.2 = 80 kW and 1000 x 0.5 x 0.2 = 100 kW.
    """
    costs = dict(zip(plan.actions["action_id"], plan.actions["cost"], strict=True))
    high = 80 + 0.08 * 4 * 350
    assert costs == pytest.approx(
        {
            "battery_swap-hub-P50": 500, "battery_swap-hub-P90": 500,
            "commission-H60": 10, "hydrogen-hub-A20": 1500,
            **{f"high_power-{name}": high for name in ("P10", "P50", "P90", "A20")},
            "shore_power-V": 150, "photovoltaics-P50": 28, "photovoltaics-S70": 35,
        }
    )  # fmt: skip
    assert plan.programme.faults == ()
    assert plan.programme.unmet[["rule", "id", "why"]].to_numpy().tolist() == [
        ["pv", "P90", "no_area"]
    ]  # no area
    assert {f.status for f in plan.after.findings} == {"met"}


def test_a_site_of_the_roads_is_not_built_with_the_power_of_a_hub(policy):
    """The rule on hubs asks 350 kW of them alone: along the road a site of 4 x 120 kW is what is built and paid."""
    plan = make(policy("gap", "power"), facilities=FACILITIES[3:4], required=["G1 K30"])
    sites = plan.actions[plan.actions["kind"] == "new_site"]
    assert sites["point_kw"].tolist() == [120.0]
    assert sites["cost"].tolist() == [40 + 0.05 * 480]
    assert plan.actions.loc[plan.actions["kind"] == "high_power", "target"].tolist() == ["A20"]
    assert {f.status for f in plan.after.findings} == {"met"}


def test_a_stretch_that_nothing_can_serve_leaves_the_others(policy):
    """One park, at 10 km: the stretch (0, 60] can hold a site, (10, 70] can't. The gap of 100 km shrinks to 90."""
    plan = make(policy("gap"), facilities=FACILITIES[:1], chargers=CHARGERS[1:])
    assert plan.actions["action_id"].tolist() == ["hub-P10"]
    assert plan.after["gap"].low == pytest.approx(90.0, abs=0.01)
    assert plan.programme.unmet["why"].tolist() == ["no_candidate", "no_candidate"]  # both directions
    assert plan.programme.faults == ()


def test_power_for_ships_is_no_charging_site_of_the_road(policy):
    """900 m beside the road, within its access distance: yet the gap of 80 km stays until a site is built for it."""
    plan = make(
        policy("gap", "ships"), facilities=FACILITIES[4:5], required=["shore_power-V"], meet=["ships"]
    )
    assert plan.actions["action_id"].tolist() == ["shore_power-V"]
    assert (plan.before["ships"].low, plan.after["ships"].low) == (0.0, 1.0)
    assert plan.after["gap"].low == pytest.approx(80.0, abs=0.01)


def test_unknown_is_not_no(policy):
    """A park of which nobody knows: photovoltaics are to be surveyed, and the answer saves their cost."""
    unknown = [{**row, "pv_kw": None} if row["id"] == "P50" else row for row in FACILITIES]
    plan = make(policy("pv"), facilities=unknown)
    assert (plan.before["pv"].low, plan.before["pv"].high) == (0.0, 0.25)
    assert set(plan.programme.survey["target"]) == {"P50"}
    assert plan.programme.cost_high == pytest.approx(28 + 35)
    assert plan.programme.cost_low == pytest.approx(35)
    assert plan.programme.survey["saves_low"].tolist() == [pytest.approx(28)]


def test_hydrogen_at_hubs_of_which_nobody_knows(policy):
    """One of two hubs needs a station; the other stays unknown, in the plan as in the assessment."""
    unknown = [{**row, "kind": "hub", "surveyed": True} for row in FACILITIES[:2]]
    plan = make(policy("fuel"), facilities=unknown)
    assert (plan.before["fuel"].low, plan.before["fuel"].high) == (0.0, 1.0)
    assert (plan.after["fuel"].low, plan.after["fuel"].high) == (0.5, 1.0)
    assert set(plan.programme.survey["target"]) == {"P10", "P50"}
    assert plan.programme.faults == ()


def parks(policy, *rows):
    """The plan for car parks ``(kind, spaces, ready)``: a fifth must be ready, as one car in ten is electric."""
    table = pd.DataFrame(rows, columns=["park_type", "spaces", "ready_spaces"])
    cars = pd.DataFrame({"name": ["here"], "registered_ev": [10], "registered_cars": [100]})
    return make(policy("spaces"), car_parks=table.assign(id=list("AB")), counties=cars)


@pytest.mark.parametrize(
    ("ready", "built"),
    [(50, []), (24, []), (23, ["ready_spaces-B"]), (19, ["ready_spaces-A", "ready_spaces-B"])],
)
def test_a_car_park_that_may_not_belong_needs_what_the_others_have_not_over(policy, ready, built):
    """100 spaces surely count, 20 without any ready may: with 24 of the 100 the share is a fifth at least."""
    plan = parks(policy, ("new", 100, ready), (None, 20, 0))
    assert sorted(plan.actions["action_id"]) == built
    assert plan.after["spaces"].status == "met"
    assert plan.programme.faults == ()


@pytest.mark.parametrize(
    ("certain", "perhaps", "built"),
    [
        ([1, 1, 1, 0], [1] * 10, 1),  # 3 of 4 without those that may not count
        ([1, 1, 1, 1], [0], 0),  # 4 of 5 with it
        ([1, 1, 1, 0], [0], 1),  # 4 of 5 with one that surely counts; 4 of 5 without one that may not
        ([1, 0, 0], [0, 0], 4),
        ([], [0, 1], 1),
    ],
)
def test_a_share_of_berths_of_which_some_may_not_count(policy, certain, perhaps, built):
    """Four fifths with shore power, whichever of the berths of unknown class count."""
    has = [*certain, *perhaps]
    table = pd.DataFrame({"id": [f"b{k}" for k in range(len(has))], "shore_power": [bool(x) for x in has],
                          "class_t": [2000.0] * len(certain) + [None] * len(perhaps)})  # fmt: skip
    plan = make(policy("berths"), berths=table)
    assert len(plan.actions) == built
    assert plan.after["berths"].status == "met"
    assert plan.programme.faults == ()


def test_a_site_that_is_surveyed_and_built_is_one(policy):
    """Two roads of 39 km want a site each. X may be one: the second is needed either way, not X's upgrade."""
    world = Toy(
        a=(0, 0),
        b=(39e3, 0),
        c=(0, 2e4),
        d=(39e3, 2e4),
        n=(0, -2e3),
        s=(39e3, -2e3),
        p=(0, 22e3),
        q=(39e3, 22e3),
    )
    roads = world.road("a b", ref="G1").road("c d", ref="G1").road("n a c p").road("s b d q").graph()
    hub = {"id": "H", "name": "hub", "kind": "hub", "km": 20, "off": 20_020.0, "surveyed": True}
    unknown = {"id": "X", "kind": "charging", "km": 20, "off": 20.0, "current": "dc", "status": "operational"}
    plan = plugspan.make_plan(
        frame([unknown]), roads, policy("average"), facilities=frame([hub]), costs=COSTS,
        siting={"candidates": ["hub"]},
    )  # fmt: skip
    site, upgrade = 40 + 0.05 * 480, 15
    assert dict(zip(plan.actions["action_id"], plan.actions["certain"], strict=True)) == {
        "hub-H": True,
        "upgrade-X": False,
    }
    assert (plan.programme.cost_low, plan.programme.cost_high) == (site, site + upgrade)
    assert plan.programme.survey["saves_low"].tolist() == [upgrade]
    assert plan.programme.faults == ()


def test_spaces_that_are_found_and_built_are_there_once(policy):
    """10 spaces, perhaps all ready, and 50: 12 must be. If the 10 are, two more are needed, from the 50."""
    plan = parks(policy, ("new", 10, None), ("new", 50, 0))
    assert (plan.programme.cost_low, plan.programme.cost_high) == (10, 12)
    assert dict(zip(plan.actions["action_id"], plan.actions["certain"], strict=True)) == {
        "ready_spaces-A": False,
        "ready_spaces-B": True,
    }
    assert plan.programme.faults == ()


def test_potential_by_hand():
    """Area x usable part x power x yield; an installation beside a place counts for it, its power once."""
    rows = [
        {"id": "area", "kind": "logistics_park", "km": 0, "area_m2": 5_000},
        {"id": "blank", "kind": "logistics_park", "km": 5},
        {"id": "slope", "kind": "pv_candidate", "km": 10, "area_m2": 1_000},
        {"id": "twin", "kind": "logistics_park", "km": 15, "pv_kw": 300, "area_m2": 9_000},
        {"id": "built", "kind": "pv_storage", "km": 15.2, "pv_kw": 300, "storage_kwh": 600},
        {"id": "planned", "kind": "pv_storage", "km": 20, "pv_kw": 500, "status": "planned"},
        {"id": "beside", "kind": "logistics_park", "km": 15.1},
    ]
    facilities = plugspan.read_tables(None, facilities=frame(rows)).facilities
    rule = PvPotential.model_validate(
        {
            "id": "pv", "kind": "pv_potential", "title": {"zh": "", "en": ""}, "usable_share": 0.2,
            "usable_by_kind": {"pv_candidate": 0.5}, "kw_per_m2": 0.21, "yield_kwh_per_kw": 950,
            "storage_kwh_per_kw": 2, "facility": ("logistics_park", "pv_candidate", "pv_storage"),
            "target": {"report_only": True},
        }
    )  # fmt: skip
    found = assess_pv(facilities, rule)
    has = found.table.set_index("id")["has"]
    assert has.fillna("").to_dict() == {
        "area": "unknown", "blank": "unknown", "slope": "no", "twin": "yes", "built": "yes", "planned": "",
        "beside": "yes",
    }  # fmt: skip
    assert (found.low, found.high) == (pytest.approx(3 / 6), pytest.approx(5 / 6))
    possible = found.table.set_index("id")["possible_kw"].dropna().to_dict()
    assert possible == pytest.approx({"area": 5_000 * 0.2 * 0.21, "slope": 1_000 * 0.5 * 0.21})
    assert found.figures == pytest.approx(
        {
            "places": 6, "places_without_area": 1, "pv_kw": 300.0, "pv_mwh": 285.0, "possible_kw": 315.0,
            "possible_mwh": 299.25, "possible_storage_kwh": 630.0,
        }
    )  # fmt: skip


def test_a_station_in_two_tables_is_one(policy):
    """The same swap station among chargers and facilities, with one id: one site, and both rows are kept."""
    twice = {"id": "W12", "kind": "battery_swap", "km": 12, "status": "operational"}
    inputs = plugspan.read_tables(frame([*CHARGERS, twice]), facilities=frame(FACILITIES))
    assert (inputs.sites["kind"] == "battery_swap").sum() == 1
    assert sorted(inputs.chargers.loc[inputs.chargers["kind"] == "battery_swap", "id"]) == [
        "W12",
        "facilities-W12",
    ]
    assert "battery_swap" not in set(inputs.facilities["kind"])
