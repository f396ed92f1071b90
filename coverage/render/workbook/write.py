"""``tables.xlsx``: every table of a plan, typed, filtered, coloured, printable, with a chart of the siting.

No cell evaluates what came from data: texts are written as texts, whatever they look like. The same plan
gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from ...schema import in_readers_unit
from ...tables.layer import GAP, GOOD, MIDDLE, Imprint, SourceNote
from ...tables.plan_tables import Tables
from ...tables.sheets import sheets
from ...tables.table import Table, clean
from ...texts import text
from .cells import (
    MOST_ROWS,
    Formats,
    column_widths,
    number_formats,
    row_height,
    sheet_rows,
    text_style,
    write_rows,
)

LOOKS: dict[str, dict[str, Any]] = {
    "good": {"bg_color": "#DCEBF6", "font_color": "#1D5A85"},
    "middle": {"bg_color": "#FDEDCB", "font_color": "#7A4F00", "italic": True},
    "gap": {"bg_color": "#F6DCE1", "font_color": GAP, "bold": True},
}
"""Blue, amber, dark red as on the map; also told apart by plain, italic and bold, and by the words themselves."""
TAB = {
    "findings": "#1D5A85",
    "proposed": "#5B2A86",
    "curve": "#5B2A86",
    "uncovered": GAP,
    "gaps": GAP,
    "gap-totals": GAP,
    "survey": MIDDLE,
}
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "bound_share": (GAP, {"width": 1.5, "dash_type": "dash"}),
    "best_share": ("#5A6670", {"width": 1.25, "dash_type": "round_dot"}),
    "share": (GOOD, {"width": 2.25}),
}
HEADER_LIMIT = 250
"""Excel takes 255 characters of a header or footer, its codes included."""
LONGEST_TIP = 250
"""Excel shows 255 characters beside the pointer."""
LEAST_SOURCES = 20
"""Fewer characters of the sources at the foot tell nothing."""
A4_COLUMNS = 190.0
"""A wider table is printed on A3."""


def write_workbook(imprint: Imprint, tables: Tables, path: Path, *, lang: str, note: SourceNote) -> None:
    """Write the workbook.

    Parameters
    ----------
    imprint : Imprint
        For cover, header and properties.
    tables : mapping of name -> Table
        From :func:`plugspan.tables.plan_tables.plan_tables`, in the same language.
    path : Path
        ``.xlsx`` to write; what is there is replaced.
    lang : str
        ``"zh"`` or ``"en"``.
    note : SourceNote
        The line at the foot of every printed page.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
               "nan_inf_to_errors": False, "in_memory": True}  # fmt: skip
    # Made in memory: no temporary files that a killed run would leave, and a full disk is one plain error.
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, options) as book:
        book.set_properties(_properties(imprint))
        style = _styles(book, lang)
        held_sheets = sheets(tables, lang)
        _cover(book, imprint, held_sheets, lang, note, style)
        for sheet in held_sheets:
            page = _page(book, sheet, held_sheets, imprint, lang, note, style)
            if sheet.name == "curve":
                _chart(book, page, sheet, lang)
    path.write_bytes(held.getvalue())


def _properties(imprint: Imprint) -> dict[str, Any]:
    """File properties; the date is that of the data, so that the same plan gives the same bytes."""
    date = imprint.date or dt.date(2000, 1, 1)
    return {
        "title": clean(imprint.title)[:250],
        "author": clean(imprint.author)[:250],
        "comments": f"plugspan {imprint.version}",
        "created": dt.datetime(date.year, date.month, date.day),
    }


def _styles(book: xlsxwriter.Workbook, lang: str) -> Callable[[str], Format]:
    """Return a format by its name: a number format, or ``text``, ``head``, ``title`` …; made once each.

    With ``'`` behind the name, the text stays one when somebody edits the cell; see :func:`.cells.text_style`.
    """
    made: dict[str, Format] = {}
    base = {
        "font_name": text("language.sheet-font", lang),
        "font_size": 10,
        "valign": "top",
        "bottom": 4,
        "bottom_color": "#C9CFD4",
    }
    looks: dict[str, dict[str, Any]] = {
        "text": {"text_wrap": True, "align": "left", "indent": 1},
        "date": {"num_format": text("language.sheet-date", lang), "align": "left", "indent": 1},
        "head": {"bold": True, "text_wrap": True, "valign": "vcenter", "indent": 1, "bg_color": "#E7ECF0", "bottom": 2,
                 "bottom_color": "#5A6670"},
        "title": {"bold": True, "font_size": 16, "text_wrap": True, "bottom": 0},
        "soft": {"font_color": "#5A6670", "text_wrap": True, "bottom": 0},
        "key": {"bold": True, "bottom": 0},
        "link": {"font_color": "#1D5A85", "underline": 1, "text_wrap": True},
        **LOOKS,
    }  # fmt: skip
    looks["back"] = looks["head"] | looks["link"]

    def style(name: str) -> Format:
        if name not in made:
            plain = name.removesuffix("'")
            look = looks.get(plain) or {"num_format": plain}
            quote = {"quote_prefix": plain != name}
            made[name] = book.add_format(look if name in LOOKS else base | look | quote)
        return made[name]

    return style


def _cover(
    book: xlsxwriter.Workbook,
    imprint: Imprint,
    held: Sequence[Table],
    lang: str,
    note: SourceNote,
    style: Callable[[str], Format],
) -> None:
    """First sheet: what this is, of which day and data, which sheet answers what."""
    page = book.add_worksheet(text("sheet.cover.title", lang))
    page.hide_gridlines(2)
    widths = (34.0, 20.0, 50.0, 62.0)  # a date fits the second
    for c, at in enumerate(widths):
        page.set_column(c, c, at)
    _across(page, 0, 0, imprint.title, style, "title")
    page.set_row(0, 30.0)
    top = 1
    for key, value in _about(imprint, note):
        page.write_string(top, 0, text(key, lang), style("key"))
        if isinstance(value, dt.date):
            page.write_datetime(top, 1, dt.datetime(value.year, value.month, value.day), style("date"))
        else:
            _across(page, top, 1, value, style, "text")
        top += 1
    for line in (
        note.line(lang),
        *(text(f"sheet.cover.{key}", lang) for key in ("reading", "terms", "back", "paper")),
    ):
        _across(page, top, 0, line, style, "soft")
        top += 1
    for c, key in enumerate(("sheet", "rows", "question", "what")):
        page.write_string(top + 1, c, text(f"sheet.cover.{key}", lang), style("head"))
    for r, sheet in enumerate(held, top + 2):
        words = (sheet.title(lang), "", sheet.question(lang), sheet.note(lang))
        page.set_row(r, row_height(words, widths) or 15.0)
        page.write_url(r, 0, f"internal:'{words[0]}'!A1", style("link"), words[0])
        page.write_number(r, 1, len(sheet.frame), style("#,##0"))
        for c in (2, 3):
            page.write_string(r, c, words[c], style(text_style(words[c], "text")))
    page.freeze_panes(top + 2, 1)
    _printable(page, imprint, lang, note, text("sheet.cover.title", lang))
    page.repeat_rows(top + 1)


def _about(imprint: Imprint, note: SourceNote) -> list[tuple[str, str | dt.date]]:
    """What the results are of: policy, days, sources, author, version; what is not known is left out."""
    told = {
        "sheet.item.policy": imprint.subtitle,
        "sheet.item.assess-at": imprint.assess_at or "",
        "sheet.item.data-date": _date_or_text(note.date),
        "sheet.item.sources": note.sources,
        "sheet.item.author": imprint.author,
        "sheet.group.version": f"plugspan {imprint.version}",
    }
    return [(key, value) for key, value in told.items() if value]


def _date_or_text(words: str) -> dt.date | str:
    """A day as a project has it; anything else as it is."""
    try:
        return dt.date.fromisoformat(words)
    except ValueError:
        return words


def _across(
    page: Worksheet, row: int, first: int, words: str, style: Callable[[str], Format], look: str
) -> None:
    """Write a text over the columns of the cover, from the first to the last, as high as it needs."""
    page.merge_range(row, first, row, 3, "")
    page.write_string(row, first, clean(words), style(text_style(words, look)))
    page.set_row(row, row_height([clean(words)], [150.0 if first == 0 else 118.0]) or 18.0)


def _page(
    book: xlsxwriter.Workbook,
    sheet: Table,
    held: Sequence[Table],
    imprint: Imprint,
    lang: str,
    note: SourceNote,
    style: Callable[[str], Format],
) -> Worksheet:
    """One table: header in the first row, so that other programs read it as it is."""
    page = book.add_worksheet(sheet.title(lang))
    rows = sheet_rows(sheet, lang)
    formats = [number_formats(sheet, c, rows, lang) for c in range(len(sheet.heads))]
    widths = column_widths(sheet, rows, formats, lang)
    cover = text("sheet.cover.title", lang)
    for c, (head, at) in enumerate(zip(sheet.heads, widths, strict=True)):
        page.set_column(c, c, at)
        page.write_string(0, c, head.label, style("head"))
    # The cell that is always in view leads back, and says what the sheet holds while the pointer is on it.
    tip = clean(f"← {cover}: {sheet.note(lang)}")[:LONGEST_TIP]
    page.write_url(0, 0, f"internal:'{cover}'!A1", style("back"), sheet.heads[0].label, tip)
    page.set_row(0, row_height([h.label for h in sheet.heads], [w - 2 for w in widths]) or 20.0)
    write_rows(page, rows, widths, formats, style)
    _live(page, sheet, rows, formats, style, held, lang)
    last = max(len(rows), 1)
    _foot(page, sheet, rows, formats, style, lang)
    page.autofilter(0, 0, last, len(sheet.heads) - 1)
    page.freeze_panes(1, 1)
    page.ignore_errors({"number_stored_as_text": f"A1:XFD{last + 1}"})
    if sheet.family in TAB:
        page.set_tab_color(TAB[sheet.family])
    _colours(page, sheet, last, style, lang)
    page.repeat_rows(0)
    if sheet.printed is not None:
        rows_printed = last + 2 * bool(sheet.totals) if sheet.printed else 0
        page.print_area(0, 0, rows_printed, (sheet.printed or len(sheet.heads)) - 1)
    _printable(page, imprint, lang, note, sheet.title(lang), _not_printed(sheet, lang))
    if sum(widths[: sheet.printed]) > A4_COLUMNS:
        page.set_paper(8)
    return page


def _live(
    page: Worksheet,
    sheet: Table,
    rows: Sequence[Sequence[Any]],
    formats: Formats,
    style: Callable[[str], Format],
    held: Sequence[Table],
    lang: str,
) -> None:
    """Subtotals of other sheets, which follow a filter and hold the whole until then; the sums at the foot do as well.

    There are no other formulas in the book.
    """
    places = {head.name: c for c, head in enumerate(sheet.heads)}
    by_name = {each.name: each for each in held}
    for name, cells in sheet.live.items():
        for r, cell in enumerate(cells):
            other, c = by_name[cell.table], places[name]
            at = xl_col_to_name(next(i for i, head in enumerate(other.heads) if head.name == cell.column))
            last = min(len(other.frame), MOST_ROWS) + 1
            code = {"count": 102, "sum": 109}[cell.what]
            formula = f"=SUBTOTAL({code},'{other.title(lang)}'!${at}$2:${at}${last})"
            page.write_formula(r + 1, c, formula, style(formats[c][r]), rows[r][c])


def _foot(
    page: Worksheet,
    sheet: Table,
    rows: Sequence[Sequence[Any]],
    formats: Formats,
    style: Callable[[str], Format],
    lang: str,
) -> None:
    """Sums below the table, apart from it by an empty row, so that no filter takes them for a row of it."""
    if not sheet.totals or not rows:
        return
    foot = len(rows) + 2
    words = next(c for c, head in enumerate(sheet.heads) if head.column.type == "text")
    page.write_string(foot, words, text("sheet.total", lang), style("key"))
    for c, head in enumerate(sheet.heads):
        if head.name in sheet.totals:
            at = xl_col_to_name(c)
            value = sum(row[c] for row in rows if isinstance(row[c], (int, float)))
            page.write_formula(
                foot, c, f"=SUBTOTAL(109,{at}2:{at}{len(rows) + 1})", style(formats[c][0]), value
            )


def _colours(page: Worksheet, sheet: Table, last: int, style: Callable[[str], Format], lang: str) -> None:
    """Colours by what the cell says; they follow when someone corrects a cell."""
    places = {head.name: c for c, head in enumerate(sheet.heads)}
    for name, looks in sheet.looks.items():
        for look, labels in looks.items():
            for label in labels if name in places else ():
                rule = {"type": "cell", "criteria": "==", "value": f'"{label}"', "format": style(look)}
                page.conditional_format(1, places[name], last, places[name], rule)
    for name, limit in sheet.limits.items():
        if name in places:
            rule = {
                "type": "cell",
                "criteria": ">",
                "value": in_readers_unit(limit, sheet.heads[places[name]].column.unit, lang),
                "format": style("gap"),
            }
            page.conditional_format(1, places[name], last, places[name], rule)


def _not_printed(sheet: Table, lang: str) -> str:
    """What the head of each page says of the columns that stay on the screen; empty if there are none."""
    if sheet.printed is None or sheet.printed >= len(sheet.heads):
        return ""
    if not sheet.printed:
        return text("sheet.not-on-paper", lang, n=len(sheet.frame))
    first, last = (xl_col_to_name(c) for c in (sheet.printed, len(sheet.heads) - 1))
    return text("sheet.not-printed", lang, columns=first if first == last else f"{first}–{last}")


def _printable(
    page: Worksheet, imprint: Imprint, lang: str, note: SourceNote, title: str, missing: str = ""
) -> None:
    """Landscape, a page wide; above the title and what is not printed, below the note on the data and the page."""
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_margins(left=0.5, right=0.5, top=0.75, bottom=0.75)
    right = "&R" + "\n".join(_uncoded(words) for words in (title, missing) if words)
    page.set_header(_fitted("&L", imprint.title, right))
    start, end = "&L&7 ", "&R&P / &N"
    page.set_footer(_fitted(start, _note_within(note, HEADER_LIMIT - len(start) - len(end), lang), end))


def _note_within(note: SourceNote, room: int, lang: str) -> str:
    """The note on the data in so many characters; what the map is and who allowed it stay to the last.

    First the names of the sources are cut, then they, the notes of the author, and the date are left out.
    """
    plain = replace(note, extra=())
    least = replace(plain, sources="", date="")
    for each in (note, plain):
        over = len(each.line(lang)) - room
        if over <= 0:
            return each.line(lang)
        sources = each.sources[: max(len(each.sources) - over - 1, 0)]
        if len(sources) >= LEAST_SOURCES:
            return replace(each, sources=f"{sources}…").line(lang)
    shorter = replace(plain, sources="")
    return (shorter if len(shorter.line(lang)) <= room else least).line(lang)


def _uncoded(words: str) -> str:
    """Words of a header or footer on one line, without ``&``, which starts a code."""
    return " ".join(clean(words).replace("&", "＆").split())


def _fitted(start: str, words: str, end: str) -> str:
    """Header or footer: 255 characters at most, and ``&`` (which starts a code) only where we put it."""
    words = _uncoded(words)
    room = HEADER_LIMIT - len(start) - len(end)
    return f"{start}{words if len(words) <= room else words[: room - 1] + '…'}{end}"


def _chart(book: xlsxwriter.Workbook, page: Worksheet, sheet: Table, lang: str) -> None:
    """Coverage by number of sites built, and the proven bound, as a chart of the workbook itself."""
    places = {head.name: c for c, head in enumerate(sheet.heads)}
    title, first = sheet.title(lang), 1
    for k, (objective, rows) in enumerate(sheet.frame.groupby("objective", sort=False)):
        last = first + len(rows) - 1
        chart = book.add_chart({"type": "line"})
        for name, (colour, look) in LINES.items():
            chart.add_series({
                "name": text(f"column.{name}", lang),
                "categories": [title, first, places["sites_built"], last, places["sites_built"]],
                "values": [title, first, places[name], last, places[name]],
                "line": {"color": colour, **look},
                "marker": {"type": "circle" if name == "share" else "diamond", "size": 6, "fill": {"color": colour},
                           "border": {"color": colour}},
            })  # fmt: skip
        font = {"name": text("language.sheet-font", lang)}
        words = text("sheet.chart", lang, objective=text(f"objective.{objective}", lang))
        chart.set_title({"name": words, "name_font": {**font, "size": 12}, "overlay": False})  # fmt: skip
        chart.set_x_axis({"name": text("column.sites_built", lang), "name_font": font, "num_font": font})
        grid = {"visible": True, "line": {"color": "#DDE2E6"}}
        chart.set_y_axis({"name": text("column.share", lang), "name_font": font, "num_font": font,
                          "num_format": "0%", "major_gridlines": grid})  # fmt: skip
        chart.set_legend({"position": "bottom", "font": font})
        chart.set_size({"width": 720, "height": 380})
        page.insert_chart(len(sheet.frame) + 2 + 20 * k, 0, chart, {"description": words})
        first = last + 1
