"""What the sections of the report share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...plan import Plan
from ...rules.finding import Finding
from ...tables.layer import Layer, SourceNote
from ...texts import text
from ..pictures.charts import figure_png
from ..pictures.lettering import as_paths
from ..pictures.maps import State, map_figure
from .doc import TEXT_MM, Paper


@dataclass(frozen=True)
class Report:
    """A plan on its way to paper."""

    plan: Plan
    layers: tuple[Layer, ...]
    paper: Paper
    lang: str
    note: SourceNote
    cut: list[Finding] = field(default_factory=list)
    """Findings whose table had no room on its page, as they come."""
    boxed: set[str] = field(default_factory=set)
    """Characters that no font has, so that pictures show a box."""

    def words(self, key: str, **values: object) -> str:
        """Text ``report.KEY`` in the report's language."""
        return text(f"report.{key}", self.lang, **values)

    def pairs(self) -> list[tuple[Finding, Finding]]:
        """Findings before and after, those that nothing can be said about last."""
        pairs = list(zip(self.plan.before.findings, self.plan.after.findings, strict=True))
        return sorted(pairs, key=lambda pair: not measured(pair[0]))

    def map(
        self,
        layers: list[Layer],
        caption: str,
        *,
        phase: State = "before",
        height_mm: float = 118.0,
        extent: Sequence[float] | None = None,
    ) -> None:
        """Write a map with its caption."""
        with as_paths():
            figure = map_figure(
                layers,
                lang=self.lang,
                size_mm=(TEXT_MM, height_mm),
                phase=phase,
                extent=extent,
                note=self.note.line(self.lang),
            )
        self.paper.figure(figure_png(figure, 180.0), caption)


def measured(finding: Finding) -> bool:
    """Whether there was anything to measure, or at least to list."""
    return finding.low is not None or finding.high is not None or len(finding.table) > 0
