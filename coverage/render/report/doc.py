"""A Word document with Chinese typography: fonts, captions, tables, fields, page furniture; same input, same bytes."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docx
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from ...errors import Fault, InputError
from ...texts import text
from .fields import add_field, bookmark, link_line
from .grid import (
    KEEP_MM,
    KEEP_ROWS,
    MM_PER_PT,
    NORMAL,
    Cell,
    Type,
    fitted,
    header_row,
    line_height,
    lines_in,
    on_paper,
    row_mm,
    table_element,
)
from .template import clean_document

PLAIN = Path(docx.__file__).parent / "templates" / "default.docx"
"""What our own reports begin with. Cleaned, too: its preview, bibliography and second styles are not ours."""
EAST_ASIA = "Microsoft YaHei"
INK, SOFT = RGBColor(0x1F, 0x2A, 0x33), RGBColor(0x5A, 0x66, 0x70)
BLUE = RGBColor(0x1D, 0x5A, 0x85)
PAGE_MM, MARGIN_MM = (210, 297), 22
TEXT_MM = PAGE_MM[0] - 2 * MARGIN_MM
FOOTER_MM, FIGURE_MM = 4.0, 150.0
"""What the footer takes; most for the height of a picture."""
SHRINK = 0.75
"""A picture may be set smaller by this much, so that it doesn't leave the foot of a page empty."""
BODY_PT, SOFT_PT = 10.5, 9.0
CAPTION_MM, AFTER_TABLE_MM = 8.5, 1.6
HEADINGS = {1: (16, 18, 8), 2: (13, 14, 6), 3: (11, 10, 4)}
"""Level -> size, space before and after in points."""
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass
class Paper:
    """The document being written, with its running numbers."""

    lang: str
    document: Any
    own_template: bool = False
    figures: int = 0
    tables: int = 0
    chapters: list[int] = field(default_factory=lambda: [0, 0, 0])
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    """Level, text and bookmark of every heading so far."""
    at_mm: float = 0.0
    """About how far down the page the text has come: what is left has to do for a map."""
    kept_mm: float = 0.0
    """How much of it goes to the next page with what follows."""

    # -- page ---------------------------------------------------------------------------------------------

    @property
    def page_mm(self) -> float:
        """Height for text on a page; a source note of three lines raises the footer into it."""
        section = self.document.sections[-1]
        height = section.page_height.mm - section.top_margin.mm - section.bottom_margin.mm
        return float(max(height - FOOTER_MM, 120.0))

    @property
    def text_mm(self) -> float:
        """Width for text, tables and pictures: ours, or less if the template's margins leave less."""
        section = self.document.sections[-1]
        return float(min(section.page_width.mm - section.left_margin.mm - section.right_margin.mm, TEXT_MM))

    @property
    def left_mm(self) -> float:
        """About how much height is left on the page."""
        return self.page_mm - self.at_mm

    def go_on(self, mm: float, *, whole: bool = True, keep: bool = False) -> None:
        """Note that something stands there.

        ``whole``: on the next page if it doesn't fit on this one, with what is to be kept with it; ``keep``: it is to
        be kept with what follows.
        """
        if mm > self.left_mm:
            self.at_mm = self.kept_mm if whole else self.at_mm - self.page_mm
        self.at_mm = min(self.at_mm + mm, self.page_mm)
        self.kept_mm = self.kept_mm + mm if keep else 0.0

    # -- text --------------------------------------------------------------------------------------------

    def text_high_mm(self, words: str, size_pt: float = BODY_PT) -> float:
        """About how high a paragraph of running text gets; lines with Chinese are higher."""
        pitch = float(text("language.line-spacing", self.lang)) * line_height(words)
        return (lines_in(words, self.text_mm, size_pt) * size_pt * pitch + 6.0) * MM_PER_PT

    def heading_high_mm(self, words: str, level: int) -> float:
        """About how high a heading gets with the space around it."""
        size, before, after = HEADINGS[level]
        return (lines_in(words, self.text_mm, size) * size * line_height(words) + before + after) * MM_PER_PT

    def write(self, paragraph: Any, words: str, *, bold: bool = False) -> None:
        """Add words to a paragraph.

        Behind Chinese, LibreOffice takes a closing quotation mark for Chinese, too: in a text of another language it
        has the font of the letters around it.
        """
        latin = text("language.font", self.lang) != EAST_ASIA
        for part in re.split("([“”‘’]+)", on_paper(words)) if latin else [on_paper(words)]:
            if part:
                run = paragraph.add_run(part)
                run.bold = bold or None
                if latin and part[0] in "“”‘’":
                    own = run._r.get_or_add_rPr().get_or_add_rFonts()
                    own.set(qn("w:eastAsia"), text("language.font", self.lang))

    def heading(self, words: str, level: int = 1, *, new_page: bool = False) -> None:
        """Write a numbered heading with a bookmark that the contents point to; a template numbers by itself."""
        self.chapters[level - 1] += 1
        self.chapters[level:] = [0] * (3 - level)
        number = ".".join(map(str, self.chapters[:level]))
        shown = on_paper(words) if self.own_template else f"{number}  {on_paper(words)}"
        paragraph = self.document.add_paragraph(style=self.style(f"Heading {level}"))
        paragraph.paragraph_format.page_break_before = new_page
        self.at_mm = 0.0 if new_page else self.at_mm
        self.go_on(self.heading_high_mm(shown, level), keep=True)
        name = f"plugspan_{len(self.headings) + 1}"
        bookmark(paragraph, name, len(self.headings) + 1, shown)
        self.headings.append((level, shown, name))

    def text(self, words: str, *, indent: bool = True, soft: bool = False, keep: bool = False) -> Any:
        """Write a paragraph of running text; its first line is set in as the language does."""
        paragraph = self.document.add_paragraph(style=self.style("Body Text"))
        self.go_on(self.text_high_mm(words, SOFT_PT if soft else BODY_PT), whole=keep, keep=keep)
        self.write(paragraph, words)
        for run in paragraph.runs if soft else ():
            run.font.color.rgb, run.font.size = SOFT, Pt(SOFT_PT)
        letters = int(text("language.indent", self.lang))
        if indent and letters:
            paragraph.paragraph_format.first_line_indent = Pt(10.5 * letters)
            paragraph._p.pPr.ind.set(qn("w:firstLineChars"), str(100 * letters))
        paragraph.paragraph_format.keep_with_next = keep
        return paragraph

    def lead(self, words: str, rest: str, *, keep: bool = False, whole: bool = False) -> None:
        """Write a paragraph that starts with some bold words.

        ``keep``: on the page of the next one; ``whole``: not over two pages.
        """
        paragraph = self.document.add_paragraph(style=self.style("Body Text"))
        self.go_on(self.text_high_mm(words + rest), whole=whole, keep=keep)
        self.write(paragraph, words, bold=True)
        self.write(paragraph, rest)
        paragraph.paragraph_format.keep_with_next = keep
        paragraph.paragraph_format.keep_together = whole or None

    def bullets(self, lines: Sequence[str], *, together: bool = False) -> None:
        """Write a list; ``together``: on one page."""
        for n, line in enumerate(lines, start=1):
            paragraph = self.document.add_paragraph(style=self.style("List Bullet"))
            self.write(paragraph, line)
            high = lines_in(line, self.text_mm - 6.0, BODY_PT) * BODY_PT * line_height(line) + 2.0
            self.go_on(high * MM_PER_PT, whole=False)
            paragraph.paragraph_format.keep_with_next = together and n < len(lines)

    def page_break(self) -> None:
        """Start a new page."""
        self.document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        self.at_mm = 0.0

    # -- figures and tables ------------------------------------------------------------------------------

    def figure(self, picture: bytes, caption: str, most_mm: float = FIGURE_MM) -> None:
        """Write a picture (PNG) with its number and caption below, somewhat smaller if it fits on the page so."""
        self.figures += 1
        paragraph = self.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = Pt(6), Pt(0)
        paragraph.paragraph_format.line_spacing = 1.0
        shape = paragraph.add_run().add_picture(io.BytesIO(picture), width=Mm(self.text_mm))
        high = min(shape.height.mm, FIGURE_MM)
        high = max(min(high, most_mm), SHRINK * high)
        if SHRINK * high < self.left_mm - CAPTION_MM - 2.0 < high:
            high = self.left_mm - CAPTION_MM - 2.0
        shape.width, shape.height = round(shape.width * high / shape.height.mm), Mm(high)
        self.go_on(high + CAPTION_MM + 2.0)
        about = shape._inline.docPr
        about.set("descr", on_paper(caption))
        about.set("name", f"figure {self.figures}")
        self._caption("report.figure", "Figure", self.figures, caption)

    def table(
        self,
        caption: str,
        heads: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        widths_mm: Sequence[float],
        type_: Type | None = None,
    ) -> None:
        """Write a table with number and caption above; its header is repeated on every page, rows don't break."""
        self.tables += 1
        self._caption("report.table", "Table", self.tables, caption, before=True)
        type_ = type_ or NORMAL
        widths = fitted(heads, rows, widths_mm, self.text_mm, type_)
        head_mm, *rows_mm = self._rows_mm(heads, rows, widths, type_)
        if len(rows) <= KEEP_ROWS and sum(rows_mm) <= KEEP_MM:
            self.go_on(CAPTION_MM + head_mm + sum(rows_mm) + AFTER_TABLE_MM)
        else:
            self.go_on(CAPTION_MM + head_mm, keep=True)
            for high in rows_mm:
                self.at_mm = head_mm if high > self.left_mm else self.at_mm
                self.go_on(high)
        element = table_element(heads, rows, widths, type_)
        self.document.element.body.insert_element_before(element, "w:sectPr")
        # Low enough to stay on the page of a table that fills it: the next heading may begin a page of its own.
        after = self.document.add_paragraph().paragraph_format
        after.space_before = after.space_after = Pt(0)
        after.line_spacing = Pt(4)

    def table_high_mm(
        self, heads: Sequence[str], rows: Sequence[Sequence[Cell]], widths_mm: Sequence[float], type_: Type
    ) -> float:
        """About how high a table gets with its caption."""
        widths = fitted(heads, rows, widths_mm, self.text_mm, type_)
        return sum(self._rows_mm(heads, rows, widths, type_)) + CAPTION_MM + AFTER_TABLE_MM

    def _rows_mm(
        self, heads: Sequence[str], rows: Sequence[Sequence[Cell]], widths: Sequence[float], type_: Type
    ) -> list[float]:
        return [row_mm(row, widths, type_) for row in (header_row(heads, rows), *rows)]

    def _caption(self, key: str, sequence: str, number: int, words: str, *, before: bool = False) -> None:
        paragraph = self.document.add_paragraph(style=self.style("Caption"))
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = before
        prefix, suffix = text(key, self.lang, number="\0").split("\0")
        paragraph.add_run(prefix)
        add_field(paragraph, f"SEQ {sequence} \\* ARABIC", str(number))
        paragraph.add_run(f"{suffix}{on_paper(words)}")

    # -- contents ----------------------------------------------------------------------------------------

    def contents(self, anchor: Any, *, tight: bool = False) -> None:
        """Fill in the contents before ``anchor``: links with the page of each heading, a field programs renew.

        ``tight`` lines stay on a page that begins with something else.

        Single fields, not one TOC field: LibreOffice and WPS show what stands in a TOC field as it is, without
        pages, but compute these.
        """
        for level, words, name in self.headings:
            if level > 2:
                continue
            paragraph = anchor.insert_paragraph_before(style=self.style("Body Text"))
            paragraph.paragraph_format.left_indent = Mm(6 * (level - 1))
            paragraph.paragraph_format.space_after = Pt(0.5 if tight else 1.5 if level == 2 else 3)
            paragraph.paragraph_format.line_spacing = Pt(12) if tight else 1.0
            paragraph.paragraph_format.tab_stops.add_tab_stop(
                Mm(self.text_mm), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS
            )
            link_line(paragraph, name, words, bold=level == 1)

    # -- styles ------------------------------------------------------------------------------------------

    def style(self, name: str) -> Any:
        """Return a paragraph style of the template, made plain if the template has none of that name."""
        try:
            return self.document.styles[name]
        except KeyError:
            return self.document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)


def open_paper(template: Path | None, lang: str) -> Paper:
    """Return an empty document, or the bureau's own template: its styles, headers and what stands in it are kept.

    Raises
    ------
    InputError
        If the template is missing or no Word document.
    """
    content, _ = clean_document(template or PLAIN)
    if template is None:
        paper = Paper(lang, Document(io.BytesIO(content)))
        _page_setup(paper.document)
        _settings(paper.document)
        _plain_styles(paper)
        return paper
    try:
        document = Document(io.BytesIO(content))
    except (KeyError, ValueError) as error:
        raise InputError(Fault("package-broken", file=str(template))) from error
    paper = Paper(lang, document, own_template=True)
    if document.paragraphs or document.tables:
        paper.page_break()
    return paper


def _page_setup(document: Any) -> None:
    section = document.sections[0]
    section.orientation = WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(PAGE_MM[0]), Mm(PAGE_MM[1])
    section.left_margin = section.right_margin = Mm(MARGIN_MM)
    section.top_margin, section.bottom_margin = Mm(24), Mm(22)
    section.header_distance = section.footer_distance = Mm(11)


def _settings(document: Any) -> None:
    """As Word 2013 and later lay a page out, or they open it in compatibility mode; Chinese, not Japanese, by theme."""
    for element in document.settings.element.iter(qn("w:compatSetting"), qn("w:themeFontLang")):
        if element.get(qn("w:name")) == "compatibilityMode":
            element.set(qn("w:val"), "15")
        elif element.tag == qn("w:themeFontLang"):
            element.set(qn("w:eastAsia"), "zh-CN")


def _plain_styles(paper: Paper) -> None:
    """Our own look: one font for both scripts, no theme fonts (they win over what is set)."""
    styles = paper.document.styles
    for fonts in styles.element.iter(qn("w:rFonts")):
        _fonts(fonts, paper.lang)
    for tongue in styles.element.iter(qn("w:lang")):
        tongue.set(qn("w:val"), text("language.proofing", paper.lang))
        tongue.set(qn("w:eastAsia"), "zh-CN")
    normal = styles["Normal"]
    normal.font.size, normal.font.color.rgb = Pt(10.5), INK
    _fonts(normal.element.get_or_add_rPr().get_or_add_rFonts(), paper.lang)
    body = styles["Body Text"]
    body.paragraph_format.line_spacing = float(text("language.line-spacing", paper.lang))
    body.paragraph_format.space_after = Pt(6)
    for level, (size, before, after) in HEADINGS.items():
        style = styles[f"Heading {level}"]
        style.font.size, style.font.bold, style.font.color.rgb = Pt(size), True, BLUE
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.paragraph_format.keep_with_next = True
        _fonts(style.element.get_or_add_rPr().get_or_add_rFonts(), paper.lang)
    for name in ("Header", "Footer"):  # the tab stops of these styles are for other margins
        options = styles[name].element.get_or_add_pPr()
        for tabs in options.findall(qn("w:tabs")):
            options.remove(tabs)
    caption = styles["Caption"]
    caption.font.size, caption.font.bold, caption.font.color.rgb = Pt(9), True, INK
    caption.paragraph_format.space_before, caption.paragraph_format.space_after = Pt(4), Pt(6)
    styles["List Bullet"].paragraph_format.space_after = Pt(2)


def _fonts(fonts: Any, lang: str) -> None:
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)
    for name in ("ascii", "hAnsi", "cs"):
        fonts.set(qn(f"w:{name}"), text("language.font", lang))
    fonts.set(qn("w:eastAsia"), EAST_ASIA)


# -- page furniture --------------------------------------------------------------------------------------


def furnish(paper: Paper, left: str, right: str, note: str) -> None:
    """Write running title above; source note and page number below. What a template has there stays."""
    section = paper.document.sections[-1]
    section.different_first_page_header_footer = not paper.own_template
    for part, top in ((section.header, True), (section.footer, False)):
        if paper.own_template and any(p.text.strip() for p in part.paragraphs):
            continue
        part.is_linked_to_previous = False
        paragraph = part.paragraphs[0]
        paragraph.paragraph_format.tab_stops.clear_all()
        paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(paper.text_mm), WD_TAB_ALIGNMENT.RIGHT)
        paragraph.style = paper.style("Header" if top else "Footer")
        paragraph.add_run(on_paper(left if top else note))
        if top:
            paragraph.add_run("\t" + on_paper(right))
        else:
            paragraph = part.add_paragraph(style=paper.style("Footer"))
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            add_field(paragraph, "PAGE", "1")
            paragraph.add_run(" / ")
            add_field(paragraph, "NUMPAGES", "1")
        for each in part.paragraphs:
            for run in each.runs:
                run.font.size, run.font.color.rgb = Pt(7.5), SOFT


# -- saving ----------------------------------------------------------------------------------------------


def write_paper(paper: Paper, path: Path, *, title: str, author: str, date: dt.date | None) -> None:
    """Write the document: dated as its data, every entry of the archive alike, so that bytes repeat."""
    about = paper.document.core_properties
    at = date or dt.date(2000, 1, 1)
    about.title, about.author = on_paper(title)[:250], on_paper(author)[:250]
    about.created = about.modified = dt.datetime(at.year, at.month, at.day)
    about.last_modified_by, about.revision, about.comments = "", 1, ""
    about.keywords = "plugspan"  # in the PDF, too: by this name a later --overwrite knows its own files
    raw = io.BytesIO()
    paper.document.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            # A picture is packed already: packing it again takes time and saves nothing.
            packed = zipfile.ZIP_STORED if entry.filename.endswith(".png") else zipfile.ZIP_DEFLATED
            new.writestr(zipfile.ZipInfo(entry.filename, ZIP_TIME), old.read(entry), packed)
