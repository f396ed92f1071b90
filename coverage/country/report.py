"""``country.docx``, about ten pages: findings, routes and shared gaps, each rule by region, ranking, plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt

from ..render.report.context import Pages
from ..render.report.doc import BLUE, SOFT, furnish, open_paper, write_paper
from ..render.report.grid import on_paper
from ..schema import shown
from ..tables.layer import Imprint, Layer, SourceNote
from ..tables.plan_tables import Tables
from ..tables.table import Table
from ..texts import text
from .findings import STATUSES
from .layers import country_layers, rule_layer
from .national import Results

WORST = 3
"""So many regions are named with a rule: the last of its ranking."""
MAP_MM = 66.0
"""Height of the map of a rule: two rules share a page."""


def write_country_report(
    country: Results, tables: Tables, path: Path, imprint: Imprint, note: SourceNote, template: Path | None
) -> None:
    """Write the national report.

    Parameters
    ----------
    country : Results
    tables : mapping of name -> Table
        From :func:`plugspan.country.layers.country_tables`.
    path : Path
        ``.docx`` to write; what is there is replaced.
    imprint : Imprint
        For cover, header and properties.
    note : SourceNote
        The line of sources on every page and map.
    template : Path, optional
        The bureau's own Word document, whose styles and headers are kept.

    Raises
    ------
    InputError
        If the template is missing or no Word document.
    """
    paper = open_paper(template, country.lang)
    pages = Pages(tables, tuple(country_layers(country)), paper, country.lang, note)
    _cover(pages, imprint)
    anchor = paper.document.paragraphs[-1]
    _summary(pages, country)
    _routes(pages)
    _rules(pages, country)
    _ranking(pages)
    _plan(pages)
    _undone_and_method(pages, country)
    paper.contents(anchor)
    furnish(paper, imprint.title, imprint.subtitle, note.line(country.lang))
    write_paper(paper, path, title=imprint.title, author=imprint.author, date=imprint.date)


def _say(pages: Pages, key: str, **values: object) -> str:
    return text(f"national.report.{key}", pages.lang, **values)


def _cover(pages: Pages, imprint: Imprint) -> None:
    """Title, policy, regions, version; the contents' place."""
    document = pages.paper.document
    lines = [
        (imprint.title, 24, 90, BLUE), (_say(pages, "kind"), 15, 12, SOFT), (imprint.subtitle, 12, 60, SOFT),
        (f"plugspan {imprint.version}", 10, 6, SOFT),
    ]  # fmt: skip
    for words, size, before, colour in lines:
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_before = Pt(before)
        run = paragraph.add_run(on_paper(words))
        run.font.size, run.bold, run.font.color.rgb = Pt(size), colour is BLUE, colour
    pages.paper.page_break()
    title = document.add_paragraph().add_run(pages.words("contents"))
    title.bold, title.font.size, title.font.color.rgb = True, Pt(16), BLUE
    document.add_paragraph()


def _counted(pages: Pages, counts: Mapping[str, int]) -> str:
    """How many regions stand how, without those that are none."""
    found = [_say(pages, "counted", what=what, n=n) for what, n in counts.items() if n]
    return text("report.semicolon", pages.lang).join(found)


def _layers(pages: Pages, *names: str) -> list[Layer]:
    return [replace(layer, visible=True) for layer in pages.layers if layer.name in names]


def _summary(pages: Pages, country: Results) -> None:
    """How many regions are done, the country's findings, and where the regions stand."""
    pages.paper.heading(_say(pages, "summary"), new_page=True)
    states = country.regions["region_state"].value_counts()
    stands = country.regions["standing"].value_counts()
    counts = {
        text(f"choice.standing.{code}", pages.lang): int(stands.get(code, 0))
        for code in ("all", "open", "few", "many", "none")
    }
    done, stands_so = int(states.get("done", 0)), _counted(pages, counts)
    pages.paper.text(
        _say(pages, "opening", n=len(country.regions), done=done, gaps=len(country.gaps), stands=stands_so)
    )
    whole = pages.rows("country-whole")
    widths = {"title": 37.0, "value": 33.0, "target_shown": 18.0, "finding_status": 19.0, "regions_met": 16.0,
              "regions_on_average": 19.0, "regions_not_met": 18.0, "regions_undecided": 23.0}  # fmt: skip
    targets = country.whole["sense"].notna().to_numpy(bool)
    pages.table(
        _say(pages, "whole-table"), replace(whole, frame=whole.frame[targets]), widths, int(targets.sum())
    )
    pages.soft(whole.note(pages.lang))
    pages.map(_layers(pages, "regions"), _say(pages, "standing-map"), height_mm=95.0)


def _routes(pages: Pages) -> None:
    """All routes by class, and the gaps that regions share."""
    pages.paper.heading(_say(pages, "routes"))
    gaps = pages.rows("country-gaps")
    drawn = _layers(pages, "routes", "shared_gaps")
    if drawn:
        outlines = [_outlines(layer) for layer in _layers(pages, "regions")]
        pages.map([*outlines, *drawn], _say(pages, "routes-map"))
    pages.paper.text(_say(pages, "gaps", n=len(gaps.frame)))
    widths = {"rule_title": 32.0, "ref": 13.0, "from_km": 14.0, "to_km": 14.0, "own_km": 15.0,
              "region_lengths": 40.0, "builders": 38.0}  # fmt: skip
    longest = replace(gaps, frame=gaps.frame.sort_values("own_km", ascending=False, kind="stable"))
    _with_rest(pages, pages.table(gaps.title(pages.lang), longest, widths), gaps)


def _outlines(regions: Layer) -> Layer:
    """Regions without a colour, under roads."""
    plain = replace(regions.style.categories[0], opacity=0.0)
    return replace(regions, style=replace(regions.style, by="", categories=(plain,)))


def _with_rest(pages: Pages, shown: int, table: Table) -> None:
    """Say where the rows are that the page leaves out."""
    if len(table.frame) > shown:
        sheet = table.title(pages.lang)
        pages.soft(_say(pages, "more-rows", n=len(table.frame), shown=shown, sheet=sheet))


def _rules(pages: Pages, country: Results) -> None:
    """Each rule with a target: how many regions meet it, a map, and which regions are last."""
    pages.paper.heading(_say(pages, "rules"))
    table = pages.rows("country-rules")
    stands = {
        name.replace("rules", "regions"): text(
            "national.not-due" if status == "not due" else f"status.{status.replace(' ', '-')}", pages.lang
        )
        for status, name in STATUSES.items()
    }
    for row in country.whole[country.whole["sense"].notna()].to_dict("records"):
        pages.paper.heading(row["title"], 2)
        counts = {words: row[name] for name, words in stands.items()}
        value = row["value"] if isinstance(row["value"], str) else text("value.none", pages.lang)
        said = {"value": value, "target": row["target_shown"], "stands": _counted(pages, counts)}
        then = {"value": row["value_after"], "status": row["status_after"]}
        planned = _say(pages, "rule-then", **then) if all(isinstance(v, str) for v in then.values()) else ""
        pages.paper.text(_say(pages, "rule", **said) + planned, keep=True)
        mine = table.frame[(table.frame["rule"] == row["rule"]) & (table.frame["status"] != "met")]
        last = mine.dropna(subset="rank").sort_values("rank", ascending=False, kind="stable").head(WORST)
        named = [
            _say(pages, "one", region=r, value=v) for r, v in zip(last["region"], last["value"], strict=True)
        ]
        if named:
            pages.paper.text(
                _say(pages, "last", names=text("report.semicolon", pages.lang).join(named)), keep=True
            )
        title = _say(pages, "rule-map", title=row["title"])
        pages.map([rule_layer(country, row["rule"])], title, height_mm=MAP_MM)


def _ranking(pages: Pages) -> None:
    pages.paper.heading(_say(pages, "ranking"))
    table = pages.rows("country-ranking")
    pages.paper.text(table.note(pages.lang), keep=True)
    widths = {"rank": 14.0, "name": 50.0, "rules_met": 22.0, "rules_on_average": 26.0, "rules_not_met": 22.0,
              "rules_undecided": 26.0, "rules_not_due": 22.0}  # fmt: skip
    _with_rest(pages, pages.table(table.title(pages.lang), table, widths), table)


def _plan(pages: Pages) -> None:
    """What each region builds for itself and in the national plan, and the totals."""
    table = pages.rows("country-plan")
    if table.frame[["own_sites", "national_sites"]].isna().all(axis=None):
        return
    pages.paper.heading(_say(pages, "plan"))
    pages.paper.text(table.note(pages.lang), keep=True)
    total = table.frame[["own_sites", "national_sites", "border_sites"]].sum()
    heads = {head.name: head for head in table.heads}
    sums = table.frame[["own_money", "national_money", "border_money"]].sum()
    words = {name: shown(float(sums[name]), heads[name].column, pages.lang, unit=True) for name in sums.index}
    pages.paper.text(_say(pages, "totals", **{name: int(total[name]) for name in total.index}, **words))
    widths = {"name": 38.0, "own_sites": 20.0, "own_money": 24.0, "national_sites": 22.0, "national_money": 26.0,
              "border_sites": 22.0, "border_money": 26.0}  # fmt: skip
    most = replace(table, frame=table.frame.sort_values("national_money", ascending=False, kind="stable"))
    _with_rest(pages, pages.table(table.title(pages.lang), most, widths), table)


def _undone_and_method(pages: Pages, country: Results) -> None:
    """Regions without a result; what was noticed in the tables; how the country's figures come about."""
    undone = pages.rows("country-undone")
    pages.paper.heading(_say(pages, "undone"))
    if len(undone.frame):
        widths = {"name": 40.0, "region_state": 24.0, "state_reason": 100.0}
        pages.paper.text(undone.note(pages.lang), keep=True)
        _with_rest(pages, pages.table(undone.title(pages.lang), undone, widths), undone)
    else:
        pages.paper.text(_say(pages, "all-done"))
    if country.warnings:
        pages.paper.heading(pages.words("noticed"))
        pages.paper.text(pages.words("noticed-words", n=len(country.warnings)))
        pages.paper.bullets(list(country.warnings))
    pages.paper.heading(_say(pages, "method"))
    for key in ("whole", "pieces", "shared", "ranks", "plans"):
        # Together, so that no last page holds two lines.
        pages.paper.lead(_say(pages, f"how-{key}-title"), _say(pages, f"how-{key}"), keep=key != "plans")
