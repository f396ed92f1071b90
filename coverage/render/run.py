"""The run folder: written beside its final place and renamed when complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..atomic import check_file, listed, write_folder, write_text
from ..errors import Fault, InputError
from ..plan import Plan
from ..scenario import SCENARIO_FILE
from ..tables.publication import Publication
from ..texts import text
from .data_package import run_package
from .gis.geopackage import write_geopackage
from .report.write import check_template, write_report
from .result_schema import result_schema, result_text
from .strips.draw import strip_charts
from .webmap import MapPage, basemap_of, write_map
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


def run_folder(path: Path) -> Path | None:
    """The run folder that a path names, by itself or by its ``result.json``; None if it names something else.

    Raises
    ------
    InputError
        If it is a run folder by its list of files, but has lost its ``result.json``.
    """
    folder = path.parent if path.name == MARKS[0] else path
    if is_run_folder(folder):
        return folder
    if path.is_dir() and set(MARKS) <= set(listed(path) or ()) and not (path / MARKS[0]).is_file():
        raise InputError(Fault("run-without-file", file=str(path), value=MARKS[0]))
    return None


def write_run(
    plan: Plan, folder: Path, *, overwrite: bool, lang: str, progress: StageProgress, all_regions: str = ""
) -> Publication:
    """Write map, layers, workbook, report, results and log; return what they show.

    ``all_regions``: address, from the folder, of the map of the country that its region belongs to.

    Raises
    ------
    OutputExistsError
        If the folder is there and ``overwrite`` is False, or it was not written by plugspan. An interrupted run
        leaves the old folder as it was.
    """
    shown = Publication(plan, lang)
    noticed = check_template(shown)
    started = time.perf_counter()
    lines = []
    with write_folder(folder, overwrite=overwrite) as new:
        parts: tuple[tuple[str, float, Callable[[], object]], ...] = (
            ("write-map", 0.85, lambda: write_plan_map(shown, new / "map.html", all_regions=all_regions)),
            ("write-layers", 0.9, lambda: _write_layers(shown, new / "layers.gpkg")),
            ("write-workbook", 0.93, lambda: _write_workbook(shown, new / "tables.xlsx")),
            ("write-report", 0.95, lambda: write_report(shown, new / "report.docx")),
            ("write-result", 0.99, lambda: write_text(new / "result.json", result_text(shown.result))),
        )
        for key, share, write in parts:
            progress(key, share)
            write()
            lines.append(f"{time.perf_counter() - started:8.1f} s  {text(f'stage.{key}', shown.lang)}")
        write_text(new / "result.schema.json", result_text(result_schema()))
        if shown.scenario is not None:
            write_text(new / SCENARIO_FILE, shown.scenario.text())
        write_text(new / "datapackage.json", run_package(shown))
        write_text(new / "log.txt", _log(shown, noticed, lines))
    progress("write-result", 1.0)
    return shown


def write_map_file(plan: Plan, path: Path, *, overwrite: bool, lang: str) -> None:
    """Write the map alone."""
    check_file(path, overwrite=overwrite)
    write_plan_map(Publication(plan, lang), path, overwrite=overwrite)


def write_plan_map(shown: Publication, path: Path, *, overwrite: bool = True, all_regions: str = "") -> None:
    """Write the map of a plan."""
    page = MapPage(
        shown.stepped_layers,
        shown.title,
        shown.findings,
        lang=shown.lang,
        subtitle=shown.policy.name[shown.lang],
        note=shown.note,
        strips=strip_charts(shown.strips, shown.lang),
        basemap=basemap_of(shown.project.output),
        cards=shown.cards,
        panel=shown.panel,
        edit=shown.edit,
        all_regions=all_regions,
    )
    write_map(page, path, overwrite=overwrite)


def _write_workbook(shown: Publication, path: Path) -> None:
    write_workbook(shown.imprint, shown.tables, path, lang=shown.lang, note=shown.note)


def _write_layers(shown: Publication, path: Path) -> None:
    provenance = {
        "project": shown.project.name.of(shown.language),
        "policy": shown.policy.id,
        "inputs": [{"path": p, "sha256": digest} for p, digest in shown.provenance.inputs],
        "versions": dict(shown.provenance.versions),
        "note": shown.note.line(shown.lang),
        **shown.imprint.origin,
    }
    write_geopackage(
        shown.gis_layers,
        path,
        crs=shown.project.output.crs,
        lang=shown.lang,
        provenance=provenance,
        tables=shown.file_tables,
        title=shown.title,
    )


def _log(shown: Publication, noticed: Sequence[Fault], lines: list[str]) -> str:
    rows = ["  ".join(row).rstrip() for row in shown.summary]
    warnings = [*shown.warnings, *(fault.render(shown.lang) for fault in noticed)]
    made = shown.provenance
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    files = [f"{digest}  {path}" for path, digest in made.inputs]
    again = shown.scenario is not None
    repeat = [text("scenario.repeat", shown.lang, file=f"run/{SCENARIO_FILE}")] if again else []
    blocks = [[made.started, versions, *repeat], files, rows, warnings, shown.solver_log, lines]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
