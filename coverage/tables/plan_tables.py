"""The plan as named tables, made once: all outputs take these.

A table is made by a function of :mod:`.rule_tables`, :mod:`.siting_tables`, :mod:`.programme_tables` or
:mod:`.source_tables`; a kind of rule whose rows stand in none of them gets a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import pandas as pd

from ..inputs import SCHEMAS, Inputs
from ..inputs.files import RUN_TABLE, SITE
from ..plan import Plan
from ..schema import Column, TableSchema, column, columns
from . import programme_tables, report_words, rule_tables, siting_tables, source_tables, summary
from .columns import (
    ACCESS_COLUMNS,
    CLOSES_COLUMNS,
    EVIDENCE_COLUMNS,
    FINDING_COLUMNS,
    LEAST_BY_SPAN,
    REACH_COLUMNS,
    ROUTE_COLUMNS,
    SAVING_COLUMNS,
    SITING_DEMAND_COLUMNS,
    STEP_COLUMNS,
)
from .table import Table


def with_plan(plan: Plan, lang: str) -> Iterator[Table]:
    """Tables for files of what is there once the plan is carried out: those of today with ``-after`` to their names."""
    if plan.proposes:
        then = replace(plan, before=plan.after)
        for make in (rule_tables.routes, source_tables.access, source_tables.gap_evidence):
            table = make(then, lang)
            yield replace(table, name=f"{table.name}-after")


Tables = Mapping[str, Table]
"""The tables of a plan by name, in the order of the workbook's sheets."""
MAKERS: tuple[Callable[[Plan, str], Table | Iterable[Table]], ...] = (
    rule_tables.findings, rule_tables.figures, rule_tables.counties, rule_tables.routes, rule_tables.gaps,
    rule_tables.facilities, rule_tables.berths, rule_tables.calls, rule_tables.car_parks, rule_tables.sites,
    rule_tables.inventory, rule_tables.own_tables, programme_tables.programme_tables, siting_tables.proposed,
    siting_tables.curve, siting_tables.alternatives, siting_tables.outages, siting_tables.gains,
    siting_tables.scenarios, siting_tables.aims, siting_tables.pareto_front, siting_tables.money,
    siting_tables.uncovered, siting_tables.least_sites, siting_tables.unserved, siting_tables.retrofit,
    source_tables.survey, source_tables.access, source_tables.not_served, source_tables.ledger,
    source_tables.input_rows, source_tables.merges, source_tables.faults,
    source_tables.issues, source_tables.sources, rule_tables.evidence, rule_tables.assumptions,
    siting_tables.other_plans, siting_tables.heaviest_uncovered, siting_tables.least_spans, siting_tables.evidence,
    source_tables.gap_evidence, with_plan, source_tables.files, summary.summary,
    siting_tables.capacity, report_words.sentences,
)  # fmt: skip
PHASE = columns("phase")
FILE_TABLES: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "findings": ("findings", FINDING_COLUMNS),
    "route_figures": ("routes", PHASE + ROUTE_COLUMNS),
    "access": ("access", PHASE + ACCESS_COLUMNS),
    "gap_evidence": ("gap-evidence", PHASE + EVIDENCE_COLUMNS),
    "plan_steps": ("plan-steps", STEP_COLUMNS),
    "plan_closes": ("plan-closes", CLOSES_COLUMNS),
    "plan_survey": ("plan-survey", SAVING_COLUMNS),
    "least_sites_by_span": ("least-sites", LEAST_BY_SPAN),
    **{f"reach_{name}": (f"reach_{name}", REACH_COLUMNS) for name in ("people", "highway")},
    **{f"demand_{name}": (f"demand_{name}", SITING_DEMAND_COLUMNS) for name in ("people", "highway")},
    **{f"served_{name}": (f"served_{name}", columns("site demand amount")) for name in ("people", "highway")},
    "demand_aims": ("demand_aims", columns("aim id amount county")),
    "reach_aims": ("reach_aims", (*columns("aim"), *REACH_COLUMNS)),
}
"""Tables of the GeoPackage: the table of the plan they are, and the columns they hold. Those with a phase have
the rows of today, ``before``, and with the plan, ``after``, as the layers are called."""


def plan_tables(plan: Plan, lang: str) -> dict[str, Table]:
    """All tables of a plan by name, those without rows too."""
    found: dict[str, Table] = {}
    for make in MAKERS:
        made = make(plan, lang)
        for table in (made,) if isinstance(made, Table) else made:
            assert table.name not in found, f"two tables are named {table.name}"
            found[table.name] = table
    return found


def is_input_table(name: str) -> bool:
    """Whether a table of the GeoPackage holds what was read: it is no result."""
    return name.startswith(RUN_TABLE)


def input_tables(inputs: Inputs) -> dict[str, tuple[pd.DataFrame, TableSchema]]:
    """All that was read, table by table, as a run reads it again: no column is lost, no place is moved."""
    found: dict[str, tuple[pd.DataFrame, TableSchema]] = {}
    for name, schema in SCHEMAS.items():
        frame = getattr(inputs, name)
        held = [c for c in schema.columns if c.name not in ("lon", "lat", "position")]
        held += [column(SITE)] if SITE in frame else []
        names = [c.name for c in held] + (["geometry"] if schema.geometry != "none" else [])
        if len(frame):
            found[RUN_TABLE + name] = (frame[names].reset_index(drop=True), TableSchema(name, tuple(held)))
    return found


def file_tables(tables: Tables) -> dict[str, tuple[pd.DataFrame, TableSchema]]:
    """The tables that go with the layers of the GeoPackage."""
    found = {}
    for name, (source, held) in FILE_TABLES.items():
        if source in tables:
            frame, names = tables[source].frame, [c.name for c in held]
            if PHASE[0] in held:
                later = tables.get(f"{source}-after")
                parts = [frame.assign(phase="before")] + (
                    [] if later is None else [later.frame.assign(phase="after")]
                )
                frame = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
            names += [c.absent_if[0] for c in held if c.absent_if[0] in frame and c.absent_if[0] not in names]
            found[name] = (frame.reindex(columns=list(dict.fromkeys(names))), TableSchema(name, held))
    return found
