"""Use of shore power: calls connected / calls able to connect."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from ..settings import NonNegative
from .finding import NO, UNKNOWN, Finding, Measured, has_ends, status_counts, three_valued
from .kind import RuleKind
from .model import Bilingual, Rule


class CallShare(Rule):
    """Shore-power use: calls connected / calls able to connect."""

    kind: Literal["call_share"]
    min_stay_h: NonNegative = 2.0
    exclude_ships: tuple[str, ...] = ()


def assess_calls(calls: pd.DataFrame, berths: pd.DataFrame, rule: CallShare) -> Finding:
    """Shore-power use: calls connected / calls able to connect.

    A call is able to connect if its berth has shore power, its ship can take it, it stays long enough and its
    kind of ship is not excluded. Where one of these is unknown, the call may or may not belong. A call that did
    connect was able to, whatever else is not known of its berth and ship. Calls at berths outside the region are not
    the region's.
    """
    calls = calls_inside(calls, berths)
    has = three_valued(berths["shore_power"]).set_axis(berths["id"])
    if calls.empty:
        return Finding(rule, "share", None, None)
    berth_has = calls["berth"].map(has[~has.index.duplicated()].to_dict()).astype(object).fillna(UNKNOWN)
    stay = calls["hours"].astype("Float64")
    able = calls["able"].astype("boolean")
    no = (
        (berth_has == NO)
        | ~able.fillna(True)
        | (stay < rule.min_stay_h).fillna(False)
        | calls["ship_kind"].isin(rule.exclude_ships)
    )
    proven = calls["connected"].astype("boolean").fillna(False).to_numpy(bool)
    unknown = (((berth_has == UNKNOWN) | able.isna()) & ~proven) | stay.isna()
    if rule.exclude_ships:
        unknown |= calls["ship_kind"].isna()
    names = berths.drop_duplicates("id").set_index("id")["name"]
    named = calls["berth"].map(names.to_dict()).astype("string").fillna(calls["berth"].astype("string"))
    table = calls.assign(connected_status=three_valued(calls["connected"]), berth_name=named)[
        ~no.to_numpy(bool)
    ]
    certain = ~unknown[~no].to_numpy(bool)
    ends = has_ends(table["connected_status"], np.ones(len(table)), certain)
    return Finding(
        rule,
        "share",
        None if ends is None else ends[0].value,
        None if ends is None else ends[1].value,
        ratios=ends,
        counts=status_counts(table["connected_status"][certain]),
        may_count=status_counts(table["connected_status"][~certain]),
        table=table,
    )


def calls_inside(calls: pd.DataFrame, berths: pd.DataFrame) -> pd.DataFrame:
    """Calls without those at berths that are known to lie outside the region."""
    outside = set(berths["id"]) - set(berths.loc[berths["inside"].astype(bool), "id"])
    return calls[~calls["berth"].isin(outside)].reset_index(drop=True) if outside else calls


def call_facts(calls: pd.DataFrame, rule: CallShare) -> dict[str, list[Any]]:
    """What is known of each call whatever its berth has: see :func:`assess_calls`.

    Returns
    -------
    dict of lists
        ``berth``; ``out`` (can't connect), ``open`` (may or may not belong), ``connected`` (0 no, 1 unknown, 2 yes).
    """
    stay, able = calls["hours"].astype("Float64"), calls["able"].astype("boolean")
    out = (
        ~able.fillna(True)
        | (stay < rule.min_stay_h).fillna(False)
        | calls["ship_kind"].isin(rule.exclude_ships)
    )
    connected = calls["connected"].astype("boolean")
    proven = connected.fillna(False).to_numpy(bool)
    unknown = stay.isna() | (calls["ship_kind"].isna() if rule.exclude_ships else False)
    unknown |= able.isna() & ~proven
    return {
        "berth": calls["berth"].astype(str).tolist(),
        "out": out.to_numpy(bool).tolist(),
        "open": unknown.to_numpy(bool).tolist(),
        "connected": connected.map({True: 2, False: 0}).fillna(1).astype(int).tolist(),
    }


KIND = RuleKind(
    "call_share",
    CallShare,
    measure=lambda rule, context: Measured(assess_calls(context.inputs.calls, context.inputs.berths, rule)),
    table=(("ship", 40), ("berth_name", 26), ("arrived", 28), ("hours", 24), ("connected_status", 28)),
    sheet="calls",
    noun=Bilingual(zh="次靠泊", en="calls"),
    counts_text="report.say.counts-calls",
    fall_text="report.say.after-calls",
)
