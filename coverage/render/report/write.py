"""``report.docx``: findings in words, a page per rule, strip charts, proposed sites, method, data and sources."""

from __future__ import annotations

import io
import os
from pathlib import Path
from xml.sax.saxutils import escape

from docx import Document

from ...atomic import write_text
from ...errors import Fault, InputError
from ...tables.publication import Publication
from ...texts import text
from ..pictures.lettering import FONT_FILES, boxed_characters
from .context import Report
from .doc import furnish, open_paper, write_paper
from .programme import write_brief, write_programme
from .sections import (
    write_cover,
    write_data,
    write_lists,
    write_method,
    write_rules,
    write_sources,
    write_strips,
    write_summary,
)
from .siting import write_least, write_retrofit, write_siting
from .template import clean_document


def write_report(shown: Publication, path: Path) -> None:
    """Write the report.

    Parameters
    ----------
    shown : Publication
    path : Path
        ``.docx`` to write; what is there is replaced.

    Raises
    ------
    InputError
        If the bureau's own template (``output.report_template``) is missing or no Word document.
    """
    project, lang = shown.project, shown.lang
    template = project.output.report_template
    paper = open_paper(None if template is None else project.path(template), lang)
    report = Report.of(shown, paper)
    with boxed_characters(report.boxed):
        if report.has_plan:
            write_brief(report)
        write_cover(report)
        anchor = report.paper.document.paragraphs[-1]
        for write in (
            write_summary,
            write_programme,
            write_rules,
            write_strips,
            write_siting,
            write_least,
            write_retrofit,
            write_method,
            write_data,  # after all pictures: it names the characters they lack
            write_sources,
            write_lists,  # last: they end wherever they end
        ):
            write(report)
    paper.contents(anchor, tight=report.has_plan)
    furnish(paper, shown.title, shown.policy.name[lang], shown.note.line(lang))
    date = project.network.data_date or project.assess_at
    write_paper(paper, path, title=shown.title, author=project.output.author.of(shown.language), date=date)


def check_template(shown: Publication) -> list[Fault]:
    """Find out before anything is written whether the template can be used, and what of it is left out.

    Raises
    ------
    InputError
        As :func:`write_report`.
    """
    template = shown.project.output.report_template
    if template is None:
        return []
    path = shown.project.path(template)
    open_paper(path, shown.lang)
    _, left_out = clean_document(path)
    return [] if left_out is None else [left_out]


_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}</dir><cachedir>{cache}</cachedir>
  <alias binding="same"><family>Microsoft YaHei</family><prefer><family>Noto Sans CJK SC</family></prefer></alias>
  <alias binding="same"><family>Arial</family><prefer><family>Liberation Sans</family></prefer></alias>
</fontconfig>
"""


def write_pdf(report: Path, path: Path, *, timeout_s: float = 180.0) -> None:
    """Turn a report into a PDF with LibreOffice, which must be installed and works in a folder beside ``path``.

    In the system's temporary folder, if ``path`` looks as if it held an encoded character: LibreOffice takes ``%41``
    for a letter and would write elsewhere.

    Raises
    ------
    InputError
        If there is no LibreOffice, or it did not manage.
    """
    import re
    import shutil
    import subprocess
    import tempfile

    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise InputError(Fault("no-libreoffice"))
    folder = path.parent.resolve() / "office"
    if re.search("%[0-9A-Fa-f]{2}", str(folder)):
        folder = Path(tempfile.mkdtemp(prefix="plugspan-"))
    folder.mkdir(exist_ok=True)
    # On a machine without a Chinese font LibreOffice takes ours; where there is one, its own choice stands.
    fonts = folder / "fonts.conf"
    ours = {"folder": escape(str(FONT_FILES[0].parent)), "cache": escape(str(folder))}
    write_text(fonts, _FONTS.format_map(ours))
    environment = {"FONTCONFIG_FILE": str(fonts), **os.environ}
    # A profile of its own: an office that is open otherwise would take the job and not answer.
    profile = (folder / "profile").as_uri()
    command = [
        program,
        f"-env:UserInstallation={profile}",
        "--headless",
        "--norestore",
        "--convert-to",
        "pdf",
    ]
    # The report of a run folder may come from elsewhere, and LibreOffice fetches what a document names.
    clean = folder / "report.docx"
    document, told = Document(io.BytesIO(clean_document(report)[0])), Document(str(report)).core_properties
    about = (
        document.core_properties
    )  # what it says of itself is left out with the rest; our name is how we know it
    about.title, about.author, about.keywords = told.title, told.author, told.keywords
    document.save(str(clean))
    command += ["--outdir", str(folder), str(clean)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=timeout_s, env=environment)
        shutil.move(folder / "report.pdf", path)
    except FileNotFoundError as error:
        raise InputError(Fault("pdf-failed", values={"reason": text("fault.no-file", "en")})) from error
    except (subprocess.SubprocessError, OSError) as error:
        raise InputError(Fault("pdf-failed", values={"reason": type(error).__name__})) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
