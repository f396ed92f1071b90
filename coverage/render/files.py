"""Report, PDF, workbook and exported layers as single files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..atomic import check_file, write_file
from ..errors import Fault, InputError
from ..plan import Plan
from ..tables.publication import Publication
from .gis.export import Encoding, Format, export_layers
from .report.write import write_pdf, write_report
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
    check_file(path, overwrite=overwrite)
    if pdf:
        check_file(path.with_suffix(".pdf"), overwrite=overwrite)
    with write_file(path, overwrite=overwrite) as new:
        write_report(Publication(plan, lang), new)
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
    shown = Publication(plan, lang)
    if format == "xlsx":
        with write_file(path, overwrite=overwrite) as new:
            write_workbook(shown.imprint, shown.tables, new, lang=shown.lang, note=shown.note)
        return ()
    exported = export_layers(
        shown.layers, path, cast(Format, format), crs=shown.project.output.crs, lang=shown.lang,
        encoding=cast(Encoding, encoding), source=shown.note.line(shown.lang), overwrite=overwrite,
    )  # fmt: skip
    return exported.notes
