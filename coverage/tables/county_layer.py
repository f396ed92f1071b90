"""The layer of the counties, or of the region without any, with the people within reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.reach import DemandReach
from ..schema import percent
from ..settings import Wording
from ..texts import text
from ..units import WGS84
from . import numbers, styles
from .columns import COUNTY_COLUMNS
from .layer import Layer, Popup
from .layer_frame import make_layer


def counties_layer(plan: Plan, lang: str) -> Layer | None:
    """Counties with people and cars; without any the outline of the region, if there is one."""
    counties = plan.inputs.own_counties
    known = not (counties.empty or counties.geometry.isna().all())
    if not known:
        if plan.region is None:
            return None
        name, outline = Wording(plan.region.name).of(lang), plan.region.polygon
        counties = gpd.GeoDataFrame({"name": [name]}, geometry=[outline], crs=WGS84)
    counties = _with_reached(plan, counties[counties.geometry.notna()], lang)
    layer = make_layer(
        "counties",
        counties,
        COUNTY_COLUMNS,
        styles.COUNTIES,
        "background",
        label_column="name",
        search_column="name",
    )
    # Without counties it is the outline of the region: no figures, and a name that is the title of the map already.
    if known:
        return layer
    nameless = Popup((), heading="name")
    return replace(layer, title_key="layer.region", popup=nameless, label_column=None, search_column=None)


def _with_reached(plan: Plan, counties: gpd.GeoDataFrame, lang: str) -> gpd.GeoDataFrame:
    """Add who is within reach today and with the plan: numbers of the first rule on reach, words of all of them."""
    rules = plan.policy.of(DemandReach)
    words: dict[str, list[list[str]]] = {"reached_today": [], "reached_then": []}
    for rule in reversed(rules):  # the numbers of the first one stay
        title = f"{rule.title[lang]}{text('report.colon', lang)}" if len(rules) > 1 else ""
        today = _people(plan.before, rule, counties)
        then = _people(plan.after, rule, counties) if plan.proposes else today.assign(low=np.nan, high=np.nan)
        counties = counties.assign(
            people_counted=today["weight"], people_low=today["low_part"], people_high=today["high_part"],
            reached_low=today["low"] * 100, reached_high=today["high"] * 100, reached_after=then["low"] * 100,
        )  # fmt: skip
        then = then.assign(high=then["low"], high_part=then["low_part"])
        for name, people in (("reached_today", today), ("reached_then", then)):
            told = [_share_words(row, lang) for row in people.to_dict("records")]
            words[name].insert(0, [f"{title}{one}" if one else "" for one in told])
    return counties.assign(
        **{
            name: ["\n".join(filter(None, lines)) or None for lines in zip(*columns, strict=True)]
            if columns
            else None
            for name, columns in words.items()
        }
    )


def _people(assessment: Assessment, rule: DemandReach, counties: gpd.GeoDataFrame) -> pd.DataFrame:
    """People counted, people and share within reach by county, or of the region; missing where nobody lives."""
    names = ["weight", "low_part", "high_part", "low", "high"]
    finding = assessment[rule.id]
    table = pd.DataFrame(finding.table, columns=["county", *names])
    if "population" not in counties:
        sums = table[names].sum().to_dict() | {"low": finding.low, "high": finding.high}
        return pd.DataFrame([sums] * len(counties), index=counties.index, columns=names).astype(float)
    by_county = table.drop_duplicates("county").set_index("county")[names].astype(float)
    return by_county.reindex(counties["name"]).set_axis(counties.index)


def _share_words(row: Mapping[Any, Any], lang: str) -> str | None:
    """``"82% – 91% (41 – 45 of 50)"``; None where nobody lives, or nothing is known."""
    if math.isnan(row["low"]) or math.isnan(row["high"]):
        return None
    value = " – ".join(dict.fromkeys(percent(row[end]) for end in ("low", "high")))
    ends = {"low_part": row["low_part"], "low_whole": row["weight"], "high_part": row["high_part"]}
    parts = numbers.fractions({**ends, "high_whole": row["weight"]}, lang)
    return text("number.with-parts", lang, value=value, parts=parts)
