"""The shipped profiles other than the sample's: what they ask of a site, and that they carry a whole run."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
import shapely
from plugspan.inputs import BERTHS, CHARGERS, FACILITIES, Built, as_table, group_sites, qualify
from plugspan.pipeline import load, make_plan, to_build
from plugspan.project import read_project
from plugspan.rules.berths import BerthRequirement, berth_membership
from plugspan.rules.facilities import assess_facilities, spaces_status
from plugspan.rules.policy import read_policy

HERE = shapely.Point(10.8, 59.9)


def asked(**requirement):
    """One site's answer to a requirement, as a function of what its only row says."""

    def answer(**known):
        row = {"id": "a", "geometry": HERE, "current": "dc", "points": 4, "point_kw": 150.0, **known}
        chargers, sites = group_sites(as_table([row], CHARGERS))
        return qualify(sites, chargers, dc_min_kw=150, min_points=4, **requirement).item()

    return answer


def test_power_of_the_whole_site():
    """AFIR: 4 x 150 kW can be 600 kW, or share 300; what is not said is unknown, what is too little is no."""
    answer = asked(pool_min_kw=400)
    assert answer(pool_kw=400.0) == "yes"
    assert answer(pool_kw=300.0) == "no"
    assert answer() == "unknown"
    assert asked(pool_min_kw=601)() == "no"


def test_plugs_and_hours():
    """NEVI: a CCS plug in any spelling, and open day and night; not said is unknown."""
    answer = asked(connectors=("CCS", "combo"), open_24h=True)
    for plug in ("CCS1", "ccs combo 1", "CHAdeMO;type1_combo"):
        assert answer(connector=plug, open_24h=True) == "yes"
    assert answer(connector="GB/T", open_24h=True) == "no"
    assert answer(connector="CCS1", open_24h=False) == "no"
    assert answer(connector="CCS1") == answer(open_24h=True) == "unknown"


def test_proposed_sites_are_what_the_rules_ask():
    """120 kW would not count under a rule of 150; the strictest rule on routes decides, never less than 4 x 120 kW."""
    assert to_build(read_policy("zhuzhou-2025")) == Built()
    nevi = to_build(read_policy("us-nevi"))
    assert (nevi.point_kw, nevi.points, nevi.pool_kw, nevi.connector) == (150, 4, 600, "CCS")
    assert to_build(read_policy("eu-afir")).pool_kw == 3600


def test_berths_by_the_year_they_were_built():
    """Built before the day: does not count; on it or later: counts; not said: unknown."""
    days = [dt.date(2020, 1, 31), dt.date(2020, 2, 1), None]
    rows = [{"id": str(i), "class_t": 500.0, "cargo": "bulk", "built": day} for i, day in enumerate(days)]
    berth = BerthRequirement(class_t_min=0, exclude_cargo=("oil",), built_after=dt.date(2020, 2, 1))
    assert berth_membership(as_table(rows, BERTHS), berth).tolist() == ["no", "yes", "unknown"]


def test_charging_spaces_of_service_areas():
    """10 of 100 spaces are ten percent; a missing number, or no spaces at all, is unknown."""
    numbers = [(10, 100), (9, 100), (None, 100), (3, None), (0, 0), (1, 10)]
    rows = [
        {"id": str(i), "name": f"s{i}", "kind": "expressway_service_area", "geometry": HERE,
         "charging_spaces": part, "small_car_spaces": whole}
        for i, (part, whole) in enumerate(numbers)
    ]  # fmt: skip
    table = as_table(rows, FACILITIES)
    assert spaces_status(table, 0.1).tolist() == ["yes", "no", "unknown", "unknown", "unknown", "yes"]
    rule = next(r for r in read_policy("cn-national").rules if r.id == "service-area-spaces")
    finding = assess_facilities(table.assign(inside=True), as_table([], CHARGERS), rule)
    assert (finding.low, finding.high) == (pytest.approx(2 / 6), pytest.approx(5 / 6))
    assert finding.status == "not met"


def test_roads_of_a_law_that_numbers_do_not_tell_are_asked_for(root, tmp_path):
    """AFIR: without [road_class] nothing is measured, and the classes to fill in are named; nothing is guessed."""
    osm = (root / "data" / "osm" / "helsinki.osm.pbf").as_posix()
    body = f'schema = 1\nname = "H"\npolicy = "eu-afir"\n[network]\nosm = "{osm}"\n'
    (tmp_path / "project.toml").write_text(body, "utf-8")
    notes = [f.value for f in load(read_project(tmp_path)).inputs.warnings if f.key.startswith("road-class")]
    assert notes == ["tent_comprehensive", "tent_core"]


@pytest.fixture(scope="module")
def sample(root, tmp_path_factory):
    """The sample under another profile."""

    def plan(policy, **siting):
        project = read_project(root / "data" / "zhuzhou.toml")
        sited = project.siting.model_copy(update={"sites": 0, "spans_km": (), **siting})
        return make_plan(project.model_copy(update={"policy": policy, "siting": sited}))

    return plan


def test_the_national_rules_on_the_sample(sample):
    """All rules give a value on the sample; the share of berths is of those built since 2020 only."""
    found = {f.rule.id: f for f in sample("cn-national").before.findings}
    assert all(f.low is not None for f in found.values())
    built = pd.to_datetime(found["shore-power-build"].table["built"])
    assert (built.isna() | (built >= "2020-02-01")).all()
    assert found["service-area-spaces"].counts["unknown"] > 0


AFIR = """schema = 1
name = "Oslo"
language = "en"
policy = "{policy}"
[region]
bbox = [10.75, 59.85, 10.95, 59.97]
halo_km = 5
[network]
osm = "{osm}"
[road_class]
{classes}
[tables.chargers]
path = "chargers.csv"
[siting]
sites = 2
objective = "highway"
time_limit_s = 3600
"""
POOLS = """id,lon,lat,current,points,point_kw,pool_kw,connector,open_24h,access
strong,10.8418,59.8700,dc,8,350,1400,CCS2,yes,public
weak,10.8500,59.9300,dc,1,50,50,CCS2,yes,public
"""


@pytest.mark.extra_data
@pytest.mark.parametrize(
    ("policy", "classes"),
    [
        ("eu-afir", "tent_core = ['E6', 'E18']\ntent_comprehensive = ['Ring\\d']"),
        ("us-nevi", "corridor = ['E6', 'E18']"),
    ],
)
def test_laws_of_others_on_real_roads(extra_data, tmp_path, policy, classes):
    """Two carriageways, rings, a strong pool and a weak one: values lie in their bounds and never fall by building."""
    osm = (extra_data / "osm" / "oslo-east.osm.pbf").as_posix()
    (tmp_path / "chargers.csv").write_text(POOLS, "utf-8")
    (tmp_path / "project.toml").write_text(AFIR.format(policy=policy, osm=osm, classes=classes), "utf-8")
    plan = make_plan(read_project(tmp_path))
    shares = [
        (a, b)
        for a, b in zip(plan.before.findings, plan.after.findings, strict=True)
        if a.rule.kind == "length_coverage"
    ]
    assert shares
    for before, after in shares:
        assert 0 <= before.low <= before.high <= 1
        assert after.low >= before.low - 1e-9
        assert before.figures["length_m"] > 5_000
