"""Report, PDF, workbook and exported layers as single files, written whole or not at all."""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..atomic import check_file, listed, write_file
from ..errors import Fault, InputError
from ..files import digest_of
from ..plan import Plan
from ..tables.plan_tables import is_input_table
from ..tables.publication import Publication
from ..units import WGS84
from ..work_folder import log
from .gis.export import Encoding, Format, export_tables
from .gis.geopackage import Table, prepare
from .gis.postgis import write_postgis
from .gis.stored import LAYERS, read_layers
from .read_run import part_of, read_result, run_language
from .report.write import write_pdf, write_report
from .result_schema import result_schema, result_text
from .workbook.write import write_workbook

REPORTS = ("report.docx", "country.docx")
"""The report of a run, and of a country with many regions."""


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


def write_run_report(
    run: Path, path: Path | None, *, pdf: bool, overwrite: bool, lang: str | None
) -> list[Path]:
    """Write the PDF of a run folder's report, into the folder if no place is named; else take the report as it is.

    Raises
    ------
    OutputExistsError
        If it is there and ``overwrite`` is False.
    InputError
        If the run has no report or was written in another language than ``lang``, or there is no LibreOffice.
    """
    report = next((run / name for name in REPORTS if (run / name).is_file()), None)
    if report is None:
        raise InputError(Fault("run-without-report", file=str(run)))
    if path is not None and path.suffix.lower() == ".docx" and not pdf:
        return [copy_from_run(run, report.name, path, overwrite=overwrite, lang=lang)]
    check_from_run(run, report.name)
    return [_pdf(report, path or report.with_suffix(".pdf"), overwrite=overwrite)]


def write_workbook_file(plan: Plan, path: Path, *, overwrite: bool, lang: str) -> None:
    """Write the workbook alone."""
    shown = Publication(plan, lang)
    with write_file(path, overwrite=overwrite) as new:
        write_workbook(shown.imprint, shown.tables, new, lang=shown.lang, note=shown.note)


def _pdf(report: Path, path: Path, *, overwrite: bool) -> Path:
    with write_file(path, overwrite=overwrite) as new:
        write_pdf(report, new)
    return path


def copy_from_run(run: Path, name: str, path: Path, *, overwrite: bool, lang: str | None) -> Path:
    """Write a file of a run folder to another place, as it is.

    Raises
    ------
    OutputExistsError
        If it is there and ``overwrite`` is False.
    InputError
        If the run has no such file or a damaged one, or was written in another language than ``lang``.
    """
    check_language(run, lang)
    if not (run / name).is_file():
        raise InputError(Fault("run-without-file", file=str(run), value=name))
    check_from_run(run, name)
    with write_file(path, overwrite=overwrite) as new:
        shutil.copyfile(run / name, new)
    return path


def check_language(run: Path, lang: str | None) -> str | None:
    """Return the language of a run folder, None if that can't be read.

    Raises
    ------
    InputError
        If another one is asked for: nothing in it is computed, or worded, again.
    """
    own = run_language(run)
    if lang is not None and own not in (None, lang):
        raise InputError(Fault("run-other-language", file=str(run), value=own, values={"lang": lang}))
    return own


def check_from_run(run: Path, name: str) -> None:
    """See that a file of a run folder is what the run wrote; say it if somebody has changed it since.

    Raises
    ------
    InputError
        If it is cut off or has holes.
    """
    path = run / name
    written = (listed(run) or {}).get(name)
    if written == digest_of(path):
        return
    if path.suffix in (".docx", ".xlsx") and not _is_whole_zip(path):
        raise InputError(Fault("run-file-damaged", file=str(path)))
    if path.suffix == ".html" and not _is_whole_page(path):
        raise InputError(Fault("run-file-damaged", file=str(path)))
    if written is not None:
        log(Fault("run-file-changed", file=str(path), warning=True))


def _is_whole_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return False


def _is_whole_page(path: Path) -> bool:
    page = path.read_bytes()
    return page.rstrip().endswith(b"</html>") and b"\0" not in page


@dataclass(frozen=True, eq=False)
class Handover:
    """What is handed over in other formats: of a plan just made, or of a run folder, from which nothing is recomputed.

    Attributes
    ----------
    tables : tuple of Table
        Layers, tables of results, and (``input_…``) what was read.
    crs : str
        Of the layers.
    source : str
        The line on sources and date.
    title : str
    result : str
        ``result.json``.
    """

    tables: tuple[Table, ...]
    crs: str
    source: str
    title: str
    result: str

    @classmethod
    def of_plan(cls, plan: Plan, lang: str, *, degrees: bool = False) -> Handover:
        """Take what a plan would write into ``layers.gpkg``; in EPSG:4326 if asked for in degrees."""
        shown = Publication(plan, lang)
        crs = WGS84 if degrees else shown.project.output.crs
        tables = prepare(shown.gis_layers, shown.file_tables, crs=crs, lang=shown.lang)
        source = shown.note.line(shown.lang)
        return cls(tables, crs, source, shown.project.name.of(lang), result_text(shown.result))

    @classmethod
    def of_run(cls, run: Path, lang: str, *, degrees: bool = False) -> Handover:
        """Read what a run has written."""
        stored = read_layers(run / LAYERS, lang, degrees=degrees)
        check_from_run(run, LAYERS)
        title = str(part_of(read_result(run), "project.name", run / "result.json"))
        result = (run / "result.json").read_text("utf-8")
        return cls(stored.tables, WGS84 if degrees else stored.crs, stored.source, title, result)

    def export(
        self,
        path: Path,
        format: Format,  # noqa: A002 (the word its users know)
        *,
        encoding: Encoding = "UTF-8",
        overwrite: bool,
        lang: str,
        done: Callable[[float], None] = lambda _share: None,
    ) -> tuple[Fault, ...]:
        """Write layers and tables into a folder, a file each, with the results and what describes them.

        Returns
        -------
        tuple of Fault
            What the format could not hold.

        Raises
        ------
        OutputExistsError
            If ``path`` is there and ``overwrite`` is False.
        """
        own = [table for table in self.tables if not is_input_table(table.name)]
        more = {"result.json": self.result, "result.schema.json": result_text(result_schema())}
        exported = export_tables(
            own, path, format, crs=self.crs, lang=lang, encoding=encoding, source=self.source, title=self.title,
            more=more, overwrite=overwrite, done=done,
        )  # fmt: skip
        return exported.notes

    def store(
        self,
        address: str,
        schema: str,
        *,
        overwrite: bool,
        lang: str,
        done: Callable[[float], None] = lambda _share: None,
    ) -> int:
        """Write all tables into a database; see :func:`plugspan.render.gis.postgis.write_postgis`."""
        return write_postgis(
            self.tables, address, schema=schema, crs=self.crs, lang=lang, source=self.source,
            result=json.loads(self.result), overwrite=overwrite, done=done,
        )  # fmt: skip
