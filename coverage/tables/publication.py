"""What the outputs of a plan show in one language: all that they read, each part made once.

Renderers write down what stands here and compute nothing; they don't see the plan itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..measure.strip_model import StripData
from ..plan import Plan, Provenance
from ..project import Project
from ..rules.model import Rule
from ..rules.policy import Policy
from ..scenario import Scenario
from ..schema import TableSchema
from . import numbers
from .edit_tables import edit_data
from .layer import FindingRow, Imprint, Layer, SourceNote, rule_layer_names
from .layer_frame import rule_map
from .layers import gis_layers, plan_layers
from .plan_cards import PlanCard, plan_cards
from .plan_panel import plan_panel, stepped_layers, timed_layers
from .plan_tables import Tables, file_tables, input_tables, plan_tables
from .result import plan_result
from .siting_layers import unserved_layer
from .strips import longest_strips, plan_strips
from .summary import summary_lines
from .table import coded, rule_sheet_title
from .words import approval_number


def source_note(project: Project, policy: Policy, inputs: Sequence[str], lang: str) -> SourceNote:
    """Return the line on every map and page: sources as the project words them, else its files by name."""
    output, date = project.output, project.network.data_date
    return SourceNote(
        sources=output.sources.of(lang) or ", ".join(Path(path).name for path in inputs),
        schematic=output.schematic,
        date=date.isoformat() if date else "",
        approval=approval_number(project, policy),
        extra=(note,) if (note := output.note.of(lang)) else (),
    )


@dataclass(frozen=True, eq=False)
class Publication:
    """A plan as its outputs show it, in one language.

    ``project``, ``policy`` and ``provenance`` are what was asked for and read; everything else is made of the plan
    when it is first asked for.

    Parameters
    ----------
    plan : Plan
    language : str
        ``"zh"`` or ``"en"``; :attr:`lang` is the same with the policy's unit of length.
    """

    plan: Plan = field(repr=False)
    language: str

    def __post_init__(self) -> None:
        """Places along the roads are named in the language, whatever the project's is."""
        object.__setattr__(self, "plan", self.plan.told_in(self.language))

    @property
    def lang(self) -> str:
        """The language, which knows in which unit the policy's readers measure lengths."""
        return self.plan.reader(self.language)

    @property
    def project(self) -> Project:
        """What was asked for."""
        return self.plan.project

    @property
    def policy(self) -> Policy:
        """The rules that were asked for, as they are declared."""
        return self.plan.policy

    @property
    def provenance(self) -> Provenance:
        """Which files were read by which programs."""
        return self.plan.provenance

    @property
    def scenario(self) -> Scenario | None:
        """The scenario that the plan was made from, if it was."""
        return self.plan.scenario

    @property
    def title(self) -> str:
        """The title that the project gives its outputs, else its name."""
        return self.project.title(self.language)

    @cached_property
    def note(self) -> SourceNote:
        """The line on every map and page."""
        files = [path for path, _ in self.provenance.inputs]
        return source_note(self.project, self.policy, files, self.language)

    @property
    def imprint(self) -> Imprint:
        """What stands on the cover of the workbook."""
        project = self.project
        return Imprint(
            self.title,
            self.policy.name[self.lang],
            project.output.author.of(self.language),
            project.network.data_date or project.assess_at,
            self.provenance.versions.get("plugspan", ""),
            project.assess_at,
        )

    @cached_property
    def warnings(self) -> list[str]:
        """What was noticed in the inputs."""
        return [fault.render(self.lang) for fault in self.plan.inputs.warnings]

    # -- tables ------------------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> Tables:
        """All tables by name."""
        return plan_tables(self.plan, self.lang)

    @cached_property
    def file_tables(self) -> Mapping[str, tuple[pd.DataFrame, TableSchema]]:
        """Tables beside the layers of the GeoPackage: those of the plan, and all that was read."""
        held = {
            name: (frame, replace(schema, columns=shown))
            for name, (rows, schema) in file_tables(self.tables).items()
            for frame, shown in [coded(rows, schema.columns, self.lang)]
        }
        return held | input_tables(self.plan.inputs)

    @cached_property
    def result(self) -> dict[str, Any]:
        """What ``result.json`` holds."""
        return plan_result(self.plan, self.lang)

    @cached_property
    def summary(self) -> list[tuple[str, ...]]:
        """The plan in a few lines, for terminal and log."""
        return summary_lines(self.tables)

    @cached_property
    def solver_log(self) -> list[str]:
        """How the solver of the siting got on."""
        return [
            f"{line.elapsed_s:8.2f} s  {line.stage}: {line.best:,.10g} ≤ {line.bound:,.10g}"
            for siting in self.plan.siting
            for line in siting.result.log
        ]

    def sheet_of(self, rule: Rule) -> str:
        """Name of the sheet with all rows of a rule."""
        return rule_sheet_title(rule, self.policy, self.lang)

    # -- the map -----------------------------------------------------------------------------------------

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, lowest first."""
        return tuple(plan_layers(self.plan, self.lang))

    @cached_property
    def gis_layers(self) -> list[Layer]:
        """The same with codes for what is empty and not unknown, and the stretches of rules on covered length."""
        held = []
        timed = timed_layers(self.plan, gis_layers(self.plan, self.layers, self.lang), self.lang)
        for layer in (*timed, *unserved_layer(self.plan)):
            frame, shown = coded(layer.frame, layer.schema.columns, self.lang)
            held.append(replace(layer, frame=frame, schema=replace(layer.schema, columns=shown)))
        return held

    @cached_property
    def stepped_layers(self) -> list[Layer]:
        """The same, with gaps and actions that come and go with the steps of the plan to adopt."""
        return stepped_layers(self.plan, self.layers, self.lang)

    def rule_map(self, rule: Rule) -> list[Layer]:
        """Layers of the map of one rule; empty if it has none."""
        return rule_map(self.plan, self.layers, rule)

    @cached_property
    def findings(self) -> list[FindingRow]:
        """Rows of the map's findings panel: rules with a target; those that nothing can be said about come last."""
        table = self.tables["findings"].frame
        rows = table[table["shown"].notna()].sort_values("low", key=pd.isna, kind="stable")
        return [self._finding(row) for row in rows.to_dict("records")]

    def _finding(self, row: Mapping[Any, Any]) -> FindingRow:
        rule = next(rule for rule in self.policy.rules if rule.id == row["rule"])
        after = "value_after" in {head.name for head in self.tables["findings"].heads}
        return FindingRow(
            title=row["title"],
            status=row["shown"],
            value=row["value"],
            target=row["target_shown"],
            layer="" if pd.isna(row["low"]) else next(iter(rule_layer_names(self.layers, rule)), ""),
            status_after=(row["shown_after"] or "") if after else "",
            value_after=row["value_after"] if after else "",
            note=numbers.fractions(self.plan.before[rule.id], self.lang),
            source=row["clause"],
            due=None if rule.by is None else rule.by.year,
        )

    @cached_property
    def cards(self) -> list[PlanCard]:
        """What the siting comes to, above the findings."""
        return plan_cards(self.plan, self.lang)

    @cached_property
    def panel(self) -> dict[str, Any] | None:
        """The steps of the plan to adopt; None without one."""
        return plan_panel(self.plan, self.lang)

    @cached_property
    def edit(self) -> dict[str, Any] | None:
        """What the edit mode recounts with; None without a plan to adopt."""
        return edit_data(self.plan, self.lang)

    @cached_property
    def strips(self) -> Mapping[str, StripData]:
        """The strip charts by the key that gaps have in their column ``strip``."""
        return plan_strips(self.plan)

    def longest_strips(self, most: int) -> list[tuple[StripData, str]]:
        """Those with the longest gaps today; each with the title of its rule where there are several."""
        found = longest_strips(self.plan, self.strips, most)
        return [(data, "" if rule is None else rule.title[self.lang]) for data, rule in found]
