"""A kind of rule in one file, as somebody else would write it: enough charge points at hubs."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from plugspan.inputs.choices import HUB_KINDS
from plugspan.rules.finding import NO, UNKNOWN, YES, Finding, Measured, share_bounds
from plugspan.rules.kind import RuleKind
from plugspan.rules.model import Bilingual, Rule
from plugspan.rules.roads import RoadContext
from plugspan.rules.rows import RuleRows, World, rule_rows
from plugspan.schema import Column
from plugspan.settings import Count
from pydantic import Field


class PointsShare(Rule):
    """Share of the region's hubs with at least ``least`` charge points."""

    kind: Literal["points_share"]
    least: Annotated[Count, Field(ge=1)] = 4


def measure(rule: PointsShare, context: RoadContext) -> Measured:
    """Count the hubs that have enough points; where the number is not known, it is not known."""
    facilities = context.inputs.facilities
    counted = facilities["kind"].isin(HUB_KINDS) & facilities["inside"].astype(bool)
    table = facilities.loc[counted, ["id", "name", "county", "points", "geometry"]].copy()
    points = table["points"].astype("Float64")
    table["points_short"] = (rule.least - points).clip(lower=0)
    enough = [(points >= rule.least).fillna(False).to_numpy(bool), points.isna().to_numpy(bool)]
    table["has"] = np.select(enough, [YES, UNKNOWN], NO)
    low, high, counts = share_bounds(table["has"])
    survey = table[table["has"] == UNKNOWN]
    return Measured(
        Finding(
            rule, "share", low, high, counts, {"least": rule.least}, pd.DataFrame(table), pd.DataFrame(survey)
        )
    )


def rows(world: World, rule: PointsShare) -> RuleRows | None:
    """A row for each hub that is not known to have enough: a survey may show that it has."""
    finding = measure(rule, world.context).finding
    lacking = finding.table[finding.table["has"] != YES]
    surveys = world.at("survey")
    serving = [
        [surveys[name]] if has == UNKNOWN and name in surveys else []
        for name, has in zip(lacking["id"], lacking["has"], strict=True)
    ]
    items = pd.DataFrame(lacking[["id", "name"]]).assign(weight=1.0)
    total = float(len(finding.table))
    return rule_rows(rule, serving, items, world, served=total - len(items), total=total)


KIND = RuleKind(
    "points_share",
    PointsShare,
    measure=measure,
    rows=rows,
    table=(("name", 60), ("county", 30), ("points", 24), ("points_short", 24), ("has", 24)),
    noun=Bilingual(zh="处场站", en="hubs"),
    names_lacking=True,
    places=True,
    columns=(Column("points_short", "float"),),
    texts={
        "column.points_short": {"zh": "尚缺桩数", "en": "points short"},
        "meaning.points_short": {
            "zh": "距规则要求还差多少充电桩。",
            "en": "Charge points that the rule still asks for.",
        },
        "figure.least": {"zh": "要求的桩数", "en": "points asked for"},
    },
)
