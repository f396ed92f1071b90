"""The run folder: written beside its final place and renamed when complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..atomic import check_file, write_folder
from ..errors import Fault
from ..plan import Plan
from ..scenario import SCENARIO_FILE
from ..tables import numbers
from ..tables.layer import FindingRow, Imprint, Layer, SourceNote, rule_layer_names
from ..tables.layers import plan_layers
from ..tables.plan_cards import plan_cards
from ..tables.plan_panel import plan_panel, stepped_layers
from ..tables.plan_tables import Tables, file_tables, input_tables, plan_tables
from ..tables.summary import summary_lines
from ..tables.words import approval_number
from ..texts import text
from .data_package import run_package
from .gis.geopackage import write_geopackage
from .report.write import check_template, write_report
from .result import plan_result, result_text
from .result_schema import result_schema
from .strips.draw import strip_charts
from .webmap import basemap_of, write_map
from .webmap.edit_data import edit_block
from .workbook.write import write_workbook

StageProgress = Callable[[str, float], None]
RUN_FILES = (
    "map.html", "layers.gpkg", "tables.xlsx", "report.docx", "result.json", "result.schema.json", "datapackage.json",
    "log.txt",
)  # fmt: skip
MARKS = ("result.json", "log.txt")
"""What a run folder of any version holds."""


def is_run_folder(folder: Path) -> bool:
    """Whether a folder was written by :func:`write_run`, in any version."""
    marked = all((folder / name).is_file() for name in MARKS)
    return marked and not (folder / "project.toml").exists()


def write_run(plan: Plan, folder: Path, *, overwrite: bool, lang: str, progress: StageProgress) -> None:
    """Write map, layers, workbook, report, results and log.

    Raises
    ------
    OutputExistsError
        If the folder is there and ``overwrite`` is False, or it was not written by plugspan. An interrupted run
        leaves the old folder as it was.
    """
    lang = plan.policy.reader(lang)
    noticed, note = check_template(plan, lang), source_note(plan)
    started = time.perf_counter()
    lines = []
    with write_folder(folder, overwrite=overwrite) as new:
        layers, tables = plan_layers(plan, lang), plan_tables(plan, lang)
        for key, share, write in (
            ("write-map", 0.85, lambda: write_plan_map(plan, layers, new / "map.html", lang)),
            ("write-layers", 0.9, lambda: _write_layers(plan, tables, layers, new / "layers.gpkg", lang)),
            (
                "write-workbook",
                0.93,
                lambda: write_workbook(
                    plan_imprint(plan, lang), tables, new / "tables.xlsx", lang=lang, note=note
                ),
            ),
            (
                "write-report",
                0.95,
                lambda: write_report(plan, tables, layers, new / "report.docx", lang=lang, note=note),
            ),
            (
                "write-result",
                0.99,
                lambda: (new / "result.json").write_text(result_text(plan_result(plan, lang)), "utf-8"),
            ),
        ):
            progress(key, share)
            write()
            lines.append(f"{time.perf_counter() - started:8.1f} s  {text(f'stage.{key}', lang)}")
        (new / "result.schema.json").write_text(result_text(result_schema()), "utf-8")
        if plan.scenario is not None:
            (new / SCENARIO_FILE).write_text(plan.scenario.text(), "utf-8")
        (new / "datapackage.json").write_text(run_package(plan, tables, lang), "utf-8")
        (new / "log.txt").write_text(_log(plan, lang, noticed, lines), "utf-8")
    progress("write-result", 1.0)


def write_map_file(plan: Plan, path: Path, *, overwrite: bool, lang: str) -> None:
    """Write the map alone."""
    check_file(path, overwrite=overwrite)
    lang = plan.policy.reader(lang)
    write_plan_map(plan, plan_layers(plan, lang), path, lang, overwrite=overwrite)


def write_plan_map(
    plan: Plan, layers: Sequence[Layer], path: Path, lang: str, *, overwrite: bool = True
) -> None:
    """Write the map of a plan."""
    output = plan.project.output
    write_map(
        stepped_layers(plan, layers, lang),
        finding_panel(plan, layers, lang),
        path,
        lang=lang,
        title=output.title or plan.project.name,
        subtitle=plan.policy.name[lang],
        note=source_note(plan),
        strips=strip_charts(plan, lang),
        basemap=basemap_of(output),
        cards=plan_cards(plan, lang),
        panel=plan_panel(plan, lang),
        edit=edit_block(plan, lang),
        overwrite=overwrite,
    )


def _write_layers(plan: Plan, tables: Tables, layers: Sequence[Layer], path: Path, lang: str) -> None:
    provenance = {
        "project": plan.project.name,
        "policy": plan.policy.id,
        "inputs": [{"path": p, "sha256": digest} for p, digest in plan.provenance.inputs],
        "versions": dict(plan.provenance.versions),
        "note": source_note(plan).line(lang),
    }
    write_geopackage(
        layers,
        path,
        crs=plan.project.output.crs,
        lang=lang,
        provenance=provenance,
        tables=file_tables(tables) | input_tables(plan.inputs),
        title=plan.project.output.title or plan.project.name,
    )


def finding_panel(plan: Plan, layers: Sequence[Layer], lang: str) -> list[FindingRow]:
    """Rows of the map's findings panel: rules with a target."""
    rows = []
    pairs = zip(plan.before.findings, plan.after.findings, strict=True)
    # Rules that nothing can be said about come last.
    for before, after in sorted(pairs, key=lambda pair: pair[0].low is None):
        if before.shown is None:
            continue
        rows.append(
            FindingRow(
                title=before.rule.title[lang],
                status=before.shown,
                value=numbers.headline(before, lang),
                target=numbers.target(before, lang),
                layer="" if before.low is None else next(iter(rule_layer_names(layers, before.rule)), ""),
                status_after=(after.shown or "") if plan.proposes else "",
                value_after=numbers.headline(after, lang) if plan.proposes else "",
                source=plan.policy.clause(before.rule, lang),
                due=None if before.rule.by is None else before.rule.by.year,
            )
        )
    return rows


def plan_imprint(plan: Plan, lang: str) -> Imprint:
    """Return what the cover of a plan's workbook says."""
    project = plan.project
    return Imprint(
        project.output.title or project.name,
        plan.policy.name[lang],
        project.output.author,
        project.network.data_date or project.assess_at,
        plan.provenance.versions.get("plugspan", ""),
    )


def source_note(plan: Plan) -> SourceNote:
    """Return the line on every map and page."""
    project = plan.project
    names = project.output.sources or ", ".join(Path(path).name for path, _ in plan.provenance.inputs)
    date = project.network.data_date
    return SourceNote(
        sources=names,
        schematic=project.output.schematic,
        date=date.isoformat() if date else "",
        approval=approval_number(plan),
        extra=(project.output.note,) if project.output.note else (),
    )


def _log(plan: Plan, lang: str, noticed: Sequence[Fault], lines: list[str]) -> str:
    rows = ["  ".join(row).rstrip() for row in summary_lines(plan, lang)]
    warnings = [fault.render(lang) for fault in [*plan.inputs.warnings, *noticed]]
    versions = ", ".join(f"{name} {version}" for name, version in plan.provenance.versions.items())
    files = [f"{digest}  {path}" for path, digest in plan.provenance.inputs]
    solver = [
        f"{line.elapsed_s:8.2f} s  {line.stage}: {line.best:,.10g} ≤ {line.bound:,.10g}"
        for s in plan.siting
        for line in s.result.log
    ]
    repeat = [] if plan.scenario is None else [text("scenario.repeat", lang, file=f"run/{SCENARIO_FILE}")]
    blocks = [[plan.provenance.started, versions, *repeat], files, rows, warnings, solver, lines]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
