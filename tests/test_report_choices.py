"""The report's first page, what it says of alternatives, long and empty tables, names that turn the text around."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from docx import Document
from docx.oxml.ns import qn
from PIL import Image
from plugspan.render.pictures.charts import curve_figure, figure_png
from plugspan.render.report.grid import Cell, on_paper, table_element
from plugspan.render.report.sections import FULL_ROWS
from plugspan.render.report.write import write_report
from plugspan.schema import day as day_words
from plugspan.schema import points
from plugspan.tables import numbers
from plugspan.tables.numbers import plan_letter
from plugspan.tables.sentences import choice_sentences
from plugspan.tables.siting_tables import alternatives, amount, curve, money, other_plans
from plugspan.tables.words import short_name, survey_sentence
from plugspan.texts import LANGUAGES, text
from plugspan.units import in_kilometres
from plugspan.waymarks import ends_by_name
from run_surfaces import published


@pytest.fixture(scope="module")
def plan(coverage_plan):
    """The embedded sample, with the goal "coverage"."""
    return coverage_plan


def written(plan, path, lang):
    """The report of a plan without its maps (they take time and hold no words), read back."""
    write_report(published(plan, lang, layers=()), path)
    return Document(path)


@pytest.fixture(scope="module", params=LANGUAGES)
def report(plan, request, tmp_path_factory):
    """(language, plan, its report)."""
    lang = request.param
    return lang, plan.told_in(lang), written(plan, tmp_path_factory.mktemp("r") / "r.docx", lang)


def drawn_curve(plan, lang):
    """The chart of coverage by the plan's tables."""
    return curve_figure(curve(plan, lang).frame, money(plan, lang).frame, lang)


def paragraphs(document):
    return [p.text for p in document.paragraphs]


# -- the first page --------------------------------------------------------------------------------------


def test_the_first_page_says_where_the_holes_are_what_to_build_and_how_certain(report):
    """The gap longest inside with its kilometre marks, every proposed site in build order, the proof, the caveat."""
    lang, plan, document = report
    lines = paragraphs(document)
    found = {key: next(p for p in lines if p.startswith(text(f"report.glance.{key}.lead", lang)))
             for key in ("holes", "build", "certain")}  # fmt: skip
    spacing = next(r.id for r in plan.policy.rules if r.kind == "route_spacing")
    gaps = in_kilometres(plan.before.gaps)[in_kilometres(plan.before.gaps)["rule"] == spacing]
    longest = gaps.loc[gaps["own_km"].idxmax()]
    assert longest["ref"] in found["holes"]
    assert f"{min(longest['from_km'], longest['to_km']):.1f}" in found["holes"]
    assert numbers.kilometres(longest["own_km"], lang) in found["holes"]
    ends = ends_by_name(longest, ("from_km", "to_km"), plan.reader(lang))
    assert len(ends) == 2
    assert all(end in found["holes"] for end in ends)
    rows = plan.siting[0].proposed.drop(columns="geometry").to_dict("records")
    places = [found["build"].index(f"{row['order']} {short_name(row)}") for row in rows]
    assert places == sorted(places)
    assert text("report.glance.schematic", lang) in found["certain"]


def test_each_stretch_of_road_is_counted_once_in_the_holes(report):
    """Both directions of a road share a hole."""
    lang, _, document = report
    line = next(p for p in paragraphs(document) if p.startswith(text("report.glance.holes.lead", lang)))
    named = re.findall(r"([GS]\d{3}) [^;；]*?([\d.]+)–([\d.]+)", line)
    assert len(named) > 1
    assert len({(ref, round(float(low))) for ref, low, _ in named}) == len(named)


# -- alternatives ----------------------------------------------------------------------------------------


def test_every_loss_that_is_told_is_the_proven_one(report):
    """``price_low``, never the price of the plan that was found; sites without a proven loss are no losses."""
    lang, plan, document = report
    siting = plan.siting[0]
    line = next(p for p in paragraphs(document) if p in choice_sentences(siting, lang) and "G240" in p)
    rows = siting.choices.merge(siting.proposed[["id", "order", "name"]], on="id")
    for row in rows.to_dict("records"):
        site = text("report.choices.site", lang, n=row["order"], name=short_name(row))
        loses = text("report.choices.loses", lang, site=site, amount=amount(row["price_low"], "people", lang))
        assert (loses in line) == (row["price_low"] > 0)


@pytest.fixture
def siting(plan):
    """Three chosen sites: 1 essential, 2 costly, 3 a matter of taste, which ``x`` replaces at no loss."""
    whole = plan.siting[0]
    proposed = whole.proposed.head(3).assign(id=["a", "b", "c"], name=["A", None, "C"], order=[1, 2, 3])
    candidates = whole.candidates.head(4).assign(id=["a", "b", "c", "x"], name=["A", None, "C", "X"])
    choices = pd.DataFrame({"id": ["a", "b", "c"], "price": [9e5, 20.0, 0.0], "price_low": [9e5, 10.0, 0.0],
                            "share_of_good_plans": [1.0, 0.9, 0.5], "essential": [True, False, False]})  # fmt: skip
    best = whole.result.objective
    return replace(whole, proposed=proposed, candidates=candidates, choices=choices,
                   alternatives=((best - 5.0, ("a", "x", "c")), (best, ("a", "b", "x"))))  # fmt: skip


def test_essential_costly_and_taste_are_told_apart(siting):
    """Worked by hand: each site in its sentence only, the swap named, the id where there is no name."""
    lines = choice_sentences(siting, "en")
    starts = ("essential", "Not to be given up", "May be replaced", "other plans")
    essential, costly, taste, others = (next(x for x in lines if key in x) for key in starts)
    assert "site 1 (A)" in essential
    assert "site 2 (b), by at least 10 people" in costly
    assert "site 3 (C), for example X instead" in taste
    assert "site 3" not in costly + essential
    assert "at most 5 people less" in others
    assert not any("No site is proven" in line for line in lines)


def test_a_site_asked_for_is_not_weighed(siting):
    """A required site has no price: it is told as required, and nowhere else."""
    choices = siting.choices.assign(required=[True, False, False], essential=False)
    choices.loc[0, ["price", "price_low"]] = None
    lines = choice_sentences(replace(siting, choices=choices), "en")
    assert "site 1 (A)" in next(x for x in lines if "Required by" in x)
    assert sum("site 1" in line for line in lines) == 1
    assert any("No site is proven" in line for line in lines)


def test_other_plans_are_ordered_and_name_what_changes(plan, siting):
    """The best first; numbers left out, names of what is built instead."""
    rows = other_plans(replace(plan, siting=(siting,)), "en").frame
    names = ["plan", "objective_value", "less", "left-out", "instead"]
    best = siting.result.objective
    assert rows[names].values.tolist() == [["A", best, 0.0, "3", "X"], ["B", best - 5.0, 5.0, "2", "X"]]
    assert [plan_letter(k) for k in (0, 25, 26)] == ["A", "Z", "A2"]


def test_the_workbook_lists_other_plans_site_by_site(plan, siting):
    """Both, instead, left out: as the sets say."""
    frame = alternatives(replace(plan, siting=(siting,)), "en").frame
    first = frame[frame["plan"] == "A"].set_index("action_id")["part"].to_dict()
    assert first == {"a": "both", "b": "both", "c": "left-out", "x": "instead"}


# -- long, empty and hostile -----------------------------------------------------------------------------


def longer(plan, times):
    """The sample with the rows of its service areas repeated."""

    def stretched(assessment):
        found = [
            replace(f, table=pd.concat([f.table] * times, ignore_index=True))
            if f.rule.kind == "facility_share"
            else f
            for f in assessment.findings
        ]
        return replace(assessment, findings=tuple(found))

    return replace(plan, before=stretched(plan.before), after=stretched(plan.after))


def test_hundreds_of_rows_stay_on_the_page_and_the_list_is_cut_with_a_word(plan, tmp_path):
    """A table in the text is short; the list in full has its limit; both say where the rest is."""
    document = written(longer(plan, 20), tmp_path / "r.docx", "en")
    assert max(len(t.rows) for t in document.tables) == FULL_ROWS + 1
    lines = paragraphs(document)
    assert any(re.search(r"The first \d+ of 480 rows; the others are in the chapter", line) for line in lines)
    assert any(f"The first {FULL_ROWS} of 480 rows; all are in tables.xlsx" in line for line in lines)


def test_headers_repeat_rows_stay_whole_and_numbers_have_their_header_above_them(report):
    """In every table of the report."""
    _, _, document = report
    for table in document.tables:
        first, *others = table._tbl.tr_lst
        assert first.trPr.find(qn("w:tblHeader")) is not None
        assert all(row.trPr.find(qn("w:cantSplit")) is not None for row in (first, *others))
    element = table_element(["n", "name"], [[Cell("1", right=True), Cell("a")]], [20, 20])
    aligned = [cell.find(f".//{qn('w:jc')}") for cell in element.tr_lst[0].tc_lst]
    assert aligned[0].get(qn("w:val")) == "right"
    assert aligned[1] is None


def test_a_report_of_nothing_has_no_empty_chapters(plan, tmp_path):
    """No rule measured, no siting: no chapter on rules, sites, least sites or berths."""

    def empty(assessment):
        found = [replace(f, table=f.table.head(0), low=None, high=None, survey=f.survey.head(0))
                 for f in assessment.findings]  # fmt: skip
        return replace(assessment, findings=tuple(found), gaps=assessment.gaps.head(0))

    none = replace(
        plan, siting=(), compliance=(), retrofit=None, before=empty(plan.before), after=empty(plan.before)
    )
    document = written(none, tmp_path / "r.docx", "en")
    headings = [p.text.split("  ")[-1] for p in document.paragraphs if p.style.name == "Heading 1"]
    assert headings[0] == "Findings"
    assert not {"Rule by rule", "Fewest new sites to keep gaps within the limit", "Longer lists"} & set(
        headings
    )


def test_a_name_cannot_turn_the_sentence_around_and_is_cut_when_very_long():
    """Bidirectional marks are left out on paper; Arabic itself stays."""
    assert on_paper("a\u202eb\u2066c عربى") == "abc عربى"
    assert short_name({"id": "x", "name": "n" * 500}).endswith("…")
    assert short_name({"id": "x", "name": "  "}) == "x"
    assert short_name({"id": "x", "name": "two\nlines"}) == "two lines"
    element = table_element(["h"], [[Cell("a\u202eb\nc<&>\x01")]], [20])
    assert "".join(t.text for t in element.iter(qn("w:t"))).endswith("abc<&>\ufffd")
    assert element.find(f".//{qn('w:br')}") is not None


def test_rows_without_an_id_are_nothing_to_survey(plan):
    """A table of blanks asks nobody to go anywhere."""
    finding = next(f for f in plan.before.findings if len(f.survey) and "id" in f.survey)
    blank = replace(finding, survey=pd.DataFrame({"id": [None, None], "name": [None, None]}))
    assert survey_sentence(blank, "en") == ""


def test_nothing_to_survey_is_an_empty_table(plan):
    """A rule of facilities whose every place is known has no rows left to survey, not rows of blanks."""
    for finding in plan.before.findings:
        if finding.rule.kind == "facility_share":
            assert finding.survey["id"].notna().all()


# -- numbers, dates, pictures ----------------------------------------------------------------------------


def test_dates_and_points_are_written_in_each_language(report):
    """Nobody takes the day for the month."""
    lang, plan, document = report
    day = dt.date(2025, 6, 30)
    assert [day_words(day, x) for x in ("zh", "en")] == ["2025年6月30日", "30 June 2025"]
    assert [points(0.095, x) for x in ("zh", "en")] == ["+9.5 个百分点", "+9.5 pp"]
    cover = "\n".join(paragraphs(document)[:12])
    assert day_words(plan.project.assess_at, lang) in cover
    assert not re.search(r"\d{4}-\d\d-\d\d", cover)


def test_pictures_have_no_transparent_layer(plan):
    """Word and WPS print transparent pictures black now and then; they weigh more, too."""
    assert Image.open(io.BytesIO(figure_png(drawn_curve(plan, "en")))).mode == "RGB"


def test_the_curve_stands_over_money_where_only_a_budget_limits(plan):
    """The x axis is what all sites cost; the best plans and bounds stand over their budgets, none above its bound."""
    siting = plan.siting[0]
    spent = siting.proposed["cost"].astype(float).cumsum()
    budgets = pd.DataFrame(
        {"budget": [0.0, 2.5, 6.0], "objective": [1.0, 2.0, 3.0], "bound": [1.5, 2.5, 3.0]}
    )
    limited = replace(siting, frontier=siting.frontier.iloc[:0], frontier_by_money=budgets)
    axes = drawn_curve(replace(plan, siting=(limited,)), "en").axes[0]
    drawn = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    assert drawn[text("chart.share", "en")][1:, 0].tolist() == spent.tolist()
    bound, best = drawn[text("chart.bound-share", "en")], drawn[text("chart.best-share", "en")]
    assert bound[:, 0].tolist() == best[:, 0].tolist() == [0.0, 2.5, 6.0]
    assert (bound[:, 1] >= best[:, 1]).all()
    assert axes.get_xlabel() == text("chart.spent", "en")
