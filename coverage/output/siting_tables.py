"""The evidence of a siting as tables of ``layers.gpkg``: demand, who is how far from it, who is served where."""

from __future__ import annotations

import pandas as pd

from ..schema import Column, column, columns
from ..siting.planning.outcome import Siting
from .columns import REACH_COLUMNS, SITING_DEMAND_COLUMNS

SERVED_COLUMNS = columns("site demand amount")
AIM_DEMAND_COLUMNS = columns("aim id amount county")
AIM_REACH_COLUMNS = (column("aim"), *REACH_COLUMNS)


def siting_tables(siting: Siting) -> dict[str, tuple[pd.DataFrame, tuple[Column, ...]]]:
    """Tables by name; those of capacity and aims only if they were asked for."""
    name = siting.objective_name
    tables = {
        f"reach_{name}": (siting.reach, REACH_COLUMNS),
        f"demand_{name}": (pd.DataFrame(siting.demand), SITING_DEMAND_COLUMNS),
    }
    if siting.goal is not None and siting.goal.name == "capacity":
        tables[f"served_{name}"] = (siting.served, SERVED_COLUMNS)
    if len(siting.aim_demand):
        tables["demand_aims"] = (siting.aim_demand, AIM_DEMAND_COLUMNS)
        tables["reach_aims"] = (siting.aim_reach, AIM_REACH_COLUMNS)
    return tables
