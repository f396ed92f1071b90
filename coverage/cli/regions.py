"""What the verb ``run`` does with a project of many regions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..country.run import Progress, run_country
from ..texts import text
from .common import ProgressBar, messages_in, progress_bar, warn

if TYPE_CHECKING:
    from ..country.manifest import RegionRun
    from ..country.tasks import Task
    from ..project import Project


class _Shown(Progress):
    """Shows the regions as they end, and how long the rest will take."""

    def __init__(self, bar: ProgressBar, lang: str) -> None:
        self.bar, self.lang = bar, lang
        self.total, self.started, self.at_once = 0, time.monotonic(), 1
        self.told: set[str] = set()

    def stage(self, key: str, share: float) -> None:
        """Show a stage."""
        self.bar(key, share)

    def begin(self, tasks: Sequence[Task], at_once: int, dashboard: str) -> None:
        """Show where the cluster can be watched."""
        self.total, self.at_once, self.started = len(tasks), max(at_once, 1), time.monotonic()
        self.bar.regions(0, self.total, None)
        self.bar.dashboard(dashboard)

    def region(self, run: RegionRun) -> None:
        """Say how a region ended."""
        self.told.add(run.id)
        done, elapsed = len(self.told), time.monotonic() - self.started
        # The first regions end together; what they took is not known of the rest before as many have ended.
        left = elapsed / done * (self.total - done) if done >= self.at_once else None
        self.say(run)
        self.bar.regions(done, self.total, left)

    def say(self, run: RegionRun) -> None:
        """Say what a region took, or why it failed."""
        shown = {"id": run.id, "name": run.name, "reason": run.reason.replace("\n", "; ")}
        peak = "" if run.peak_mb is None else text("country.peak", self.lang, mb=run.peak_mb)
        warn(text(f"country.region-{run.state}", self.lang, seconds=run.seconds, peak=peak, **shown))


def run_regions(
    project: Project,
    out: Path,
    only: Sequence[str],
    form: str | None,
    **where: Any,
) -> int:
    """Run a project of many regions; the exit code: 4 if some could not be done.

    ``where``: as :func:`~plugspan.country.run.run_country` takes it.
    """
    started, lang = time.perf_counter(), project.language
    with messages_in(lang), progress_bar(lang, form) as bar:
        shown = _Shown(bar, lang)
        manifest = run_country(project, out, only=only, progress=shown, **where)
        # Those whose tables have faults were not run at all.
        for region in (*manifest.regions, manifest.national):
            if region.state == "failed" and region.id not in shown.told:
                shown.say(region)
    if manifest.warnings:
        warn(text("cli.notes", lang, n=len(manifest.warnings), log=out / "country.docx"))
    counts = manifest.counts()
    click.echo(text("country.counts", lang, n=len(manifest.regions), **counts))
    warn(text("country.done", lang, seconds=f"{time.perf_counter() - started:.1f}", out=out))
    failed = counts["failed"] + (manifest.national.state == "failed")
    return 4 if failed else 0
