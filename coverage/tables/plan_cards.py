"""What the siting comes to, as a card for the map: how much is covered, how far from the best, how robust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..plan import Plan
from ..schema import at_most, column, percent, shown
from ..siting.planning.outcome import Siting
from ..texts import text

SCENARIOS = 5
"""More scenarios than these are in the report only."""


@dataclass(frozen=True)
class PlanCard:
    """A card of the map's findings panel: texts are ready in the chosen language.

    ``rows`` are pairs of caption and text; ``layer`` names the layer that shows what is meant.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    layer: str = ""


def plan_cards(plan: Plan, lang: str) -> list[PlanCard]:
    """One card for each objective that sites were chosen for."""
    return [_card(siting, lang) for siting in plan.siting if len(siting.proposed) and siting.result.total]


def _card(siting: Siting, lang: str) -> PlanCard:
    result = siting.result
    rows = [
        (
            text(f"objective.{siting.objective_name}", lang),
            _rise(result.share_before, result.share),
        ),
        (text("card.certificate", lang), _certificate(siting, lang)),
        *_cost(siting, lang),
        *_robust(siting, lang),
        *_scenarios(siting),
        *_worst_county(siting, lang),
    ]
    return PlanCard(text("card.title", lang, n=len(siting.proposed)), tuple(rows), "proposed")


def _rise(before: float, after: float) -> str:
    return f"{percent(before)} → {percent(after)}"


def _certificate(siting: Siting, lang: str) -> str:
    """What is proven: of plain coverage, or of the goal that decided."""
    goal = siting.goal
    gap, status = (siting.result.gap, siting.result.status) if goal is None else (goal.gap, goal.status)
    words = text("card.optimal" if status == "optimal" else "card.gap", lang, gap=at_most(gap))
    if goal is None or goal.name == "coverage":
        return words
    return text("card.goal", lang, goal=text(f"goal.{goal.name}", lang), words=words)


def _cost(siting: Siting, lang: str) -> list[tuple[str, str]]:
    cost = siting.proposed["cost"]
    if cost.isna().any() or (cost == 1).all():
        return []  # nobody has given costs
    return [(text("card.cost", lang), shown(siting.result.cost, column("cost"), lang))]


def _robust(siting: Siting, lang: str) -> list[tuple[str, str]]:
    if siting.backup.empty:
        return []
    after = siting.backup[siting.backup["phase"] == "after"][["left_worst", "twice"]].to_numpy(float)
    if not len(after) or np.isnan(after).any():
        return []
    worst, twice = (percent(siting.result.share_of(weight)) for weight in after[0].tolist())
    values = {"worst": worst, "twice": twice}
    return [(text("card.backup", lang), text("card.backup-words", lang, **values))]


def _scenarios(siting: Siting) -> list[tuple[str, str]]:
    rows = siting.scenarios.head(SCENARIOS).to_dict("records")
    return [(str(row["scenario"]), _rise(row["share_before"], row["share_after"])) for row in rows]


def _worst_county(siting: Siting, lang: str) -> list[tuple[str, str]]:
    if siting.counties.empty:
        return []
    own = siting.counties[(siting.counties["county"] != "") & (siting.counties["total"] > 0)]
    if len(own) < 2:
        return []
    row = own.sort_values(["share_after", "county"], kind="stable").iloc[0]
    words = f"{row['county']} {_rise(row['share_before'], row['share_after'])}"
    return [(text("card.worst-county", lang), words)]
