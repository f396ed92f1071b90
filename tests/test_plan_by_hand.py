"""The sample's plan carried out by hand: new rows and changed cells in its tables, read and assessed anew."""

from __future__ import annotations

import shutil
from importlib import resources

import pandas as pd
from plugspan.pipeline import assess_study, find_places
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, read_project
from plugspan.study import load


def new_charger(k, action, sites, facilities):
    """A row as a bureau would write it: coordinates with six decimals, the service area by name and side."""
    row = {
        "编号": f"NEW{k}", "名称": action.name, "运营商": f"新建{k}", "类型": "充电", "电流类型": "直流",
        "经度": f"{action.geometry.x:.6f}", "纬度": f"{action.geometry.y:.6f}",
        "充电枪数": "4", "单枪功率(kW)": "120", "状态": "运营", "开放属性": "公用", "全天开放": "是",
    }  # fmt: skip
    if action.kind == "upgrade":
        site = sites.loc[action.target]
        row["运营商"] = "" if pd.isna(site["operator"]) else site["operator"]
        row["所属服务区"] = "" if pd.isna(site["service_area"]) else site["service_area"]
        row["侧别"] = "" if pd.isna(site["side"]) else site["side"]
    name = action.target.removeprefix("service_area-")
    if name in facilities.index:
        area = facilities.loc[name]
        row["所属服务区"] = area["name"] if pd.isna(area["pair"]) else area["pair"]
        row["侧别"] = "" if pd.isna(area["side"]) else area["side"]
    return row


def test_the_plan_carried_out_by_hand_meets_every_rule(tmp_path):
    """Every rule that the plan says is met is met in the tables, and no own gap on the spacing rule is too long."""
    with resources.as_file(resources.files("plugspan.data")) as data:
        shutil.copytree(data, tmp_path / "data")
    folder = tmp_path / "data"
    shutil.copy(folder / "zhuzhou.toml", folder / "project.toml")
    project = read_project(folder)
    settings = PlanSettings(years={2026: 600, 2027: 600, 2028: 600})
    study = load(project.model_copy(update={"plan": settings}))
    programme = plan_programme(study, find_places(study))
    sites, facilities = study.inputs.sites.set_index("id"), study.inputs.facilities.set_index("id")
    names = ("chargers.csv", "chargers_gcj02.csv", "berths.csv", "car_parks.csv")
    tables = {name: pd.read_csv(folder / "sites" / name, dtype=str) for name in names}
    new = []
    for k, action in enumerate(programme.chosen.itertuples()):
        if action.kind in ("new_site", "upgrade"):
            new.append(new_charger(k, action, sites, facilities))
        elif action.kind == "commission":
            for name in names[:2]:
                table = tables[name]
                table.loc[table["编号"] == action.target, "状态"] = "运营"
        elif action.kind == "shore_power":
            table = tables["berths.csv"]
            table.loc[table["泊位编号"] == action.target, "是否配备岸电"] = "是"
        else:
            assert action.kind == "ready_spaces"
            table = tables["car_parks.csv"]
            mine = table["id"] == action.target
            ready = pd.to_numeric(table.loc[mine, "ready_spaces"]).fillna(0) + action.spaces
            table.loc[mine, "ready_spaces"] = ready.astype(int).astype(str)
    tables["chargers.csv"] = pd.concat([tables["chargers.csv"], pd.DataFrame(new)], ignore_index=True)
    for name, table in tables.items():
        table.to_csv(folder / "sites" / name, index=False)
    found, last = assess_study(load(project)), programme.steps.iloc[-1]
    assert len(programme.rules) == 6
    for rule in programme.rules:
        assert found[rule.rule].status == "met", rule.rule
        assert abs(found[rule.rule].low - last[f"{rule.rule}.low"]) < 1e-4, rule.rule
    assert found["ordinary-highway-spacing"].figures["own_gaps_over"] == 0
