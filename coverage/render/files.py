"""Report, PDF, workbook and exported layers as single files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..atomic import check_file, write_file
from ..errors import Fault, InputError
from ..plan import Plan
from ..tables.layers import plan_layers
from ..tables.plan_tables import plan_tables
from .gis.export import Encoding, Format, export_layers
from .report.write import write_pdf, write_report
from .run import plan_imprint, source_note
from .workbook.write import write_workbook


def write_report_files(plan: Plan, path: Path, *, pdf: bool, overwrite: bool, lang: str) -> list[Path]:
    """Write the report alone, and its PDF beside it.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OutputExistsError
        If one of them is there and ``overwrite`` is False.
    InputError
        If the template cannot be used, or there is no LibreOffice for the PDF.
    """
    lang = plan.policy.reader(lang)
    check_file(path, overwrite=overwrite)
    if pdf:
        check_file(path.with_suffix(".pdf"), overwrite=overwrite)
    with write_file(path, overwrite=overwrite) as new:
        layers, tables = plan_layers(plan, lang), plan_tables(plan, lang)
        write_report(plan, tables, layers, new, lang=lang, note=source_note(plan))
    if not pdf:
        return [path]
    return [path, _pdf(path, path.with_suffix(".pdf"), overwrite=overwrite)]


def write_run_pdf(run: Path, path: Path | None, *, overwrite: bool) -> list[Path]:
    """Write the PDF of a run folder's report, into the folder if no other place is named.

    Raises
    ------
    OutputExistsError
        If it is there and ``overwrite`` is False.
    InputError
        If the run has no report, or there is no LibreOffice.
    """
    report = run / "report.docx"
    if not report.is_file():
        raise InputError(Fault("run-without-report", file=str(run)))
    return [_pdf(report, path or run / "report.pdf", overwrite=overwrite)]


def _pdf(report: Path, path: Path, *, overwrite: bool) -> Path:
    with write_file(path, overwrite=overwrite) as new:
        write_pdf(report, new)
    return path


def write_export(
    plan: Plan,
    path: Path,
    format: str,  # noqa: A002 (the word its users know)
    *,
    encoding: str = "UTF-8",
    overwrite: bool,
    lang: str,
) -> tuple[Fault, ...]:
    """Write the layers of a plan in another format into a folder, or the workbook (``"xlsx"``) into a file.

    Returns
    -------
    tuple of Fault
        What the format could not hold.

    Raises
    ------
    OutputExistsError
        If ``path`` is there and ``overwrite`` is False.
    """
    lang, note = plan.policy.reader(lang), source_note(plan)
    if format == "xlsx":
        with write_file(path, overwrite=overwrite) as new:
            write_workbook(plan_imprint(plan, lang), plan_tables(plan, lang), new, lang=lang, note=note)
        return ()
    exported = export_layers(
        plan_layers(plan, lang), path, cast(Format, format), crs=plan.project.output.crs, lang=lang,
        encoding=cast(Encoding, encoding), source=note.line(lang), overwrite=overwrite,
    )  # fmt: skip
    return exported.notes
