"""The report: the numbers of result.json in words and tables, in order, safe, repeatable, on the bureau's own paper."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from docx import Document
from docx.oxml.ns import qn
from helsinki_case import HOSTILE, write_case
from PIL import Image
from plugspan.atomic import is_ours
from plugspan.errors import InputError
from plugspan.pipeline import make_plan
from plugspan.project import read_project
from plugspan.render.pictures import lettering
from plugspan.render.pictures.charts import curve_figure, figure_png, svg_png
from plugspan.render.report.doc import open_paper
from plugspan.render.report.grid import NORMAL, SIDE_TWIPS, TWIPS_PER_MM, Cell, fitted, lines_in
from plugspan.render.report.write import check_template, write_pdf, write_report
from plugspan.tables import numbers
from plugspan.tables.layer import SourceNote
from plugspan.tables.publication import Publication
from plugspan.tables.result import plan_result
from plugspan.tables.siting_tables import curve, money
from plugspan.tables.words import assumption_lines, figure_rows, figure_unit
from plugspan.texts import LANGUAGES, text
from run_surfaces import published


@pytest.fixture(scope="module")
def plan(coverage_plan):
    """The embedded sample, with the goal "coverage"."""
    return coverage_plan


def write(plan, path, lang, note):
    """The report with its maps."""
    write_report(published(plan, lang, note=note), path)


@pytest.fixture(scope="module")
def reports(plan, tmp_path_factory):
    """Both reports of the sample: language -> path."""
    folder = tmp_path_factory.mktemp("reports")
    for lang in LANGUAGES:
        write_report(Publication(plan, lang), folder / f"{lang}.docx")
    return {lang: folder / f"{lang}.docx" for lang in LANGUAGES}


@pytest.fixture(scope="module")
def hostile(root, tmp_path_factory):
    """A small plan whose every text is hostile: (plan, its report)."""
    folder = tmp_path_factory.mktemp("hostile")
    plan = make_plan(read_project(write_case(folder, root)))
    path = folder / "report.docx"
    write_report(Publication(plan, "en"), path)
    return plan, path


def words(path):
    """All text of body and tables, in order."""
    body = Document(path).element.body
    return "\n".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p")))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_finding_stands_there_with_value_target_and_status(plan, reports, lang):
    """The words are those of numbers.py, so those of map and workbook."""
    table = Document(reports[lang]).tables[0]
    shown = [[cell.text for cell in row.cells] for row in table.rows][1:]
    want = {
        (b.rule.title[lang], numbers.headline(b, lang), numbers.target(b, lang), numbers.status(b, lang),
         numbers.headline(a, lang), numbers.status(a, lang))
        for b, a in zip(plan.before.findings, plan.after.findings, strict=True)
    }  # fmt: skip
    assert {tuple(row) for row in shown} == want


@pytest.mark.parametrize("lang", LANGUAGES)
def test_numbers_of_the_proposed_sites_are_those_of_result_json(plan, reports, lang):
    """What each adds, in build order."""
    adds = [row["adds"] for row in plan_result(plan, "zh")["siting"][0]["proposed"]]
    want = [f"{value:,.0f}" for value in adds]
    tables = [[[c.text for c in row.cells] for row in t.rows] for t in Document(reports[lang]).tables]
    found = next(
        t for t in tables if any("95.0" in row[1] and row[1].startswith("G240") for row in t if len(row) > 4)
    )
    assert [row[3] for row in found[1:]] == want


@pytest.mark.parametrize("lang", LANGUAGES)
def test_figures_and_tables_are_numbered_through(reports, lang):
    """1, 2, 3 … without a hole, for as many pictures and tables as there are; every picture has a description."""
    document = Document(reports[lang])
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    for key, n in (("figure", len(document.inline_shapes)), ("table", len(document.tables))):
        prefix = text(f"report.{key}", lang, number="\0").split("\0")[0]
        found = [
            int(re.match(rf"{re.escape(prefix)}(\d+)", c).group(1)) for c in captions if c.startswith(prefix)
        ]
        assert found == list(range(1, n + 1))
    assert all(shape._inline.docPr.get("descr") for shape in document.inline_shapes)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_contents_name_every_heading_and_point_to_it(reports, lang):
    """Each heading of the first two levels once, in order, as a link to a bookmark that exists."""
    document = Document(reports[lang])
    headings = [p.text for p in document.paragraphs if p.style.name in ("Heading 1", "Heading 2")]
    links = list(document.element.body.iter(qn("w:hyperlink")))
    marks = {m.get(qn("w:name")) for m in document.element.body.iter(qn("w:bookmarkStart"))}
    assert ["".join(t.text for t in link.iter(qn("w:t"))).strip() for link in links] == headings
    assert {link.get(qn("w:anchor")) for link in links} <= marks


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_theme_font_is_left_and_chinese_has_its_font(reports, lang):
    """A theme font would win over ours and show boxes where it has no Chinese."""
    with zipfile.ZipFile(reports[lang]) as archive:
        styles = archive.read("word/styles.xml").decode()
    assert not re.search(r"w:(ascii|hAnsi|eastAsia)Theme", styles)
    assert 'w:eastAsia="Microsoft YaHei"' in styles


def test_nothing_of_the_blank_it_began_with_is_left(reports):
    """No preview of an empty page, no second styles, no other program's name; laid out as Word does today."""
    with zipfile.ZipFile(reports["zh"]) as archive:
        names, settings = set(archive.namelist()), archive.read("word/settings.xml").decode()
    assert {n for n in names if n.startswith("docProps/")} == {"docProps/core.xml"}
    assert not [n for n in names if "customXml" in n or "WithEffects" in n]
    assert re.search(r'w:name="compatibilityMode"[^>]* w:val="15"', settings)
    assert re.search(r'<w:themeFontLang [^>]*w:eastAsia="zh-CN"', settings)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sources_licences_and_assumptions_are_there(plan, reports, lang):
    """Every input's checksum, every assumption, OpenStreetMap's terms, the approval number's place."""
    shown = words(reports[lang])
    assert all(digest in shown for _, digest in plan.provenance.inputs)
    assert all(line in shown for rule in plan.policy.rules for line in assumption_lines(rule, lang))
    assert "ODbL" in shown
    assert text("note.approval", lang, number="").strip() in shown


def test_what_to_survey_is_named(plan, reports):
    """For each rule with unknowns, the first of them."""
    shown = words(reports["zh"])
    named = [
        str(f.survey["name"].iloc[0]) for f in plan.before.findings if len(f.survey) and "name" in f.survey
    ]
    assert named
    assert all(name in shown for name in named)


def test_the_same_plan_gives_the_same_bytes(hostile, tmp_path):
    """Pictures and archive included."""
    plan, path = hostile
    write_report(Publication(plan, "en"), tmp_path / "again.docx")
    assert (tmp_path / "again.docx").read_bytes() == path.read_bytes()


def test_hostile_names_are_text_and_nothing_else(hostile):
    """The document is sound XML, holds no field, link or program that came from a name."""
    _, path = hostile
    document = Document(path)
    assert HOSTILE[1] in document.paragraphs[0].text
    with zipfile.ZipFile(path) as archive:
        fields = re.findall(r"<w:instrText[^>]*>([^<]*)<", archive.read("word/document.xml").decode())
        assert all(
            re.fullmatch(r" (PAGEREF plugspan_\d+ \\h|SEQ (Figure|Table) \\\* ARABIC) ", f) for f in fields
        )
        assert not [n for n in archive.namelist() if "vba" in n.lower() or "embeddings" in n]
        for name in archive.namelist():
            if name.endswith(".rels"):
                assert "evil" not in archive.read(name).decode()


# -- the bureau's own template ---------------------------------------------------------------------------


def test_the_bureaus_template_keeps_its_cover_headers_and_styles(hostile, tmp_path):
    """What stands in the template stays; headings are its own, without numbers of ours."""
    plan, _ = hostile
    template = tmp_path / "own.docx"
    document = Document()
    document.add_paragraph("某市交通运输局文件")
    document.sections[0].header.paragraphs[0].text = "局内资料"
    document.styles["Heading 1"].font.name = "SimHei"
    document.save(template)
    output = plan.project.output.model_copy(update={"report_template": template})
    own = replace(plan, project=plan.project.model_copy(update={"output": output}))
    write_report(published(own, "zh", layers=()), tmp_path / "report.docx")
    written = Document(tmp_path / "report.docx")
    assert written.paragraphs[0].text == "某市交通运输局文件"
    assert written.sections[0].header.paragraphs[0].text == "局内资料"
    assert written.styles["Heading 1"].font.name == "SimHei"
    assert next(p.text for p in written.paragraphs if p.style.name == "Heading 1") == text(
        "report.summary", "zh"
    )


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"\xd0\xcf\x11\xe0 an old .doc"])
def test_a_template_that_is_no_word_document_is_named(content, hostile, tmp_path):
    """Missing, empty, damaged, or an old .doc: the file and the remedy are told before anything is written."""
    plan, _ = hostile
    template = tmp_path / "template.docx"
    if content is not None:
        template.write_bytes(content)
    output = plan.project.output.model_copy(update={"report_template": template})
    with pytest.raises(InputError) as caught:
        check_template(
            Publication(replace(plan, project=plan.project.model_copy(update={"output": output})), "zh")
        )
    assert "template.docx" in str(caught.value)
    assert ".docx" in caught.value.render("zh")


def test_a_zip_that_is_no_word_document_is_refused(tmp_path):
    """A workbook under the name of a template."""
    with zipfile.ZipFile(tmp_path / "t.docx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(InputError):
        open_paper(tmp_path / "t.docx", "zh")


# -- pictures and words ----------------------------------------------------------------------------------


def test_pictures_are_png_and_repeat(plan):
    """Curve and strips; the same bytes each time."""
    frames = curve(plan, "zh").frame, money(plan, "zh").frame
    one, two = (figure_png(curve_figure(*frames, "zh")) for _ in range(2))
    assert one == two
    assert one.startswith(b"\x89PNG")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><text y="9">株</text></svg>'
    assert svg_png(svg, 200).startswith(b"\x89PNG")


def test_characters_that_no_font_has_are_named(hostile, reports, tmp_path, monkeypatch):
    """Pictures show a box in their place; the sample, with its rare names of places, needs no such line."""
    plan, _ = hostile
    lettering._family_with.cache_clear()
    monkeypatch.setattr(lettering, "_system_family_with", lambda _: None)
    write_report(published(plan, "zh", note=SourceNote("𠀀县")), tmp_path / "r.docx")
    lettering._family_with.cache_clear()
    [line] = [row for row in words(tmp_path / "r.docx").splitlines() if "图片中以 □ 代替" in row]
    assert "𠀀" in line
    assert "图片中以 □ 代替" not in words(reports["zh"])
    assert len(Document(reports["zh"]).inline_shapes) > 10


@pytest.mark.parametrize(
    ("key", "unit"),
    [("gap_max_km", "km"), ("length_per_site_km_with_unknown", "km"), ("installed_kw_low", "kW"), ("sides", ""),
     ("sides_low", "share"), ("ready_share_high", "share"), ("car_parks", ""), ("reach_km", "km")],
)  # fmt: skip
def test_the_unit_of_a_figure_is_the_suffix_of_its_key(key, unit):
    """As in result.json."""
    assert figure_unit(key) == unit


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_of_the_sample_has_a_label(plan, lang):
    """No key is shown to people as it is."""
    for finding in plan.before.findings:
        for key, label, *_ in figure_rows(finding, lang):
            assert "_" not in label, (finding.rule.id, key, label)


# -- PDF and the command ---------------------------------------------------------------------------------


def test_without_libreoffice_the_remedy_is_told(reports, tmp_path, monkeypatch):
    """No PDF, no half-written file."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(InputError) as caught:
        write_pdf(reports["zh"], tmp_path / "report.pdf")
    assert "LibreOffice" in caught.value.render("zh")
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.gis
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for LibreOffice is a shell script")
def test_libreoffice_gets_the_font_that_travels(tmp_path, monkeypatch):
    """Beside the system's fonts; a fontconfig of the user's own stays."""
    office = tmp_path / "bin" / "soffice"
    office.parent.mkdir()
    office.write_text(f'#!/bin/sh\ncat "$FONTCONFIG_FILE" > {tmp_path}/seen\necho %PDF > "$7/report.pdf"\n')
    office.chmod(0o755)
    monkeypatch.setenv("PATH", str(office.parent), prepend=os.pathsep)
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    Document().save(tmp_path / "r.docx")
    write_pdf(tmp_path / "r.docx", tmp_path / "r.pdf")
    seen = (tmp_path / "seen").read_text("utf-8")
    assert f"<dir>{lettering.FONT_FILES[0].parent}</dir>" in seen
    assert "/etc/fonts/fonts.conf" in seen
    (tmp_path / "own.conf").write_text("own")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "own.conf"))
    write_pdf(tmp_path / "r.docx", tmp_path / "r.pdf")
    assert (tmp_path / "seen").read_text("utf-8") == "own"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_that_stays_together_is_a_page(plan, reports, lang):
    """Only cover, findings, rules and their chapter begin a page; pictures and rows kept with the next have a place."""

    def has(element, name):
        return any(each.get(qn("w:val")) != "0" for each in element.iter(qn(f"w:{name}")))

    document = Document(reports[lang])
    mm, kept, breaks = 36_000, 0.0, 0
    for element in document.element.body:
        if element.tag == qn("w:p"):
            breaks += has(element, "pageBreakBefore")
            heights = [int(e.get("cy")) / mm for e in element.iter(qn("wp:extent"))]
            kept += sum(heights) or 6.0
            going_on = has(element, "keepNext")
        else:
            rows = list(element.iter(qn("w:tr")))
            together = [has(row, "keepNext") for row in rows]
            kept += 8.0 * (1 + sum(together))
            going_on = all(together)
        assert kept < 170.0, "".join(element.itertext())[:80]
        kept = kept if going_on else 0.0
    assert breaks <= 3 + len(plan.policy.rules)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_word_of_a_table_is_broken(reports, lang):
    """Each column holds its longest word, by the widths of Arial; Chinese breaks anywhere, ids after a hyphen."""
    for table in Document(reports[lang]).tables:
        twips = [int(column.get(qn("w:w"))) for column in table._tbl.tblGrid]
        for row in table._tbl.iter(qn("w:tr")):
            for cell, width in zip(row.iter(qn("w:tc")), twips, strict=True):
                [size] = {int(e.get(qn("w:val"))) / 2 for e in cell.iter(qn("w:sz"))}
                for word in re.findall(
                    "[!-~]+", " ".join(t.text or "" for t in cell.iter(qn("w:t"))).replace("-", "- ")
                ):
                    assert (
                        lines_in(word, (width - 2 * SIDE_TWIPS) / TWIPS_PER_MM, size) == 1 or len(word) > 24
                    ), word


def test_a_column_takes_what_its_longest_word_needs_from_the_others():
    """Wished a tenth of 100 mm, the first gets the width of its head; together they stay as wide as the page."""
    rows = [[Cell("yes"), Cell("a name of many short words")]]
    narrow, wide = fitted(["Equipped", "Name"], rows, [10.0, 90.0], 100.0, NORMAL)
    assert narrow + wide == pytest.approx(100.0)
    assert 14.0 < narrow < 20.0
    assert fitted(["a", "b"], [[Cell("1"), Cell("2")]], [1.0, 3.0], 80.0, NORMAL) == pytest.approx(
        [20.0, 60.0]
    )


def test_quotation_marks_of_an_english_report_are_latin(reports):
    """Behind Chinese, too: their East Asian font is that of the letters."""
    runs = [run for paragraph in Document(reports["en"]).paragraphs for run in paragraph.runs]
    quotes = [run for run in runs if set(run.text) & set("“”")]
    assert quotes
    assert all(set(run.text) <= set("“”‘’") for run in quotes)
    assert {run._r.rPr.rFonts.get(qn("w:eastAsia")) for run in quotes} == {"Arial"}


def test_libreoffice_makes_a_pdf_with_page_numbers_in_the_contents(reports, tmp_path):
    """The contents end in the pages of the headings, and every page but the last is at least half full."""
    if not shutil.which("soffice") or not shutil.which("pdftotext"):
        pytest.skip("no LibreOffice or poppler")
    write_pdf(reports["zh"], tmp_path / "report.pdf")
    assert is_ours(tmp_path / "report.pdf")  # so that --overwrite may replace it
    shown = subprocess.run(
        ["pdftotext", "-f", "2", "-l", "2", "-layout", tmp_path / "report.pdf", "-"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    pages = [int(n) for n in re.findall(r"\.{5,}\s*(\d+)", shown)]
    assert len(pages) > 10
    assert pages == sorted(pages)
    assert pages[0] == 3
    subprocess.run(["pdftoppm", "-r", "20", "-gray", tmp_path / "report.pdf", tmp_path / "page"], check=True)
    filled = []
    for page in sorted(tmp_path.glob("page*.pgm")):
        ink = np.asarray(Image.open(page))
        top, bottom = round(len(ink) * 24 / 297), round(len(ink) * 266 / 297)  # without header and footer
        filled.append((np.flatnonzero((ink[top:bottom] < 200).any(axis=1)).max() + 1) / (bottom - top))
    assert min(filled[:-1]) > 0.5, [f"{share:.0%}" for share in filled]


def test_the_command_refuses_to_replace_a_report(tmp_path, root):
    """Exit code 2, and the old file as it was."""
    (tmp_path / "report.docx").write_bytes(b"mine")
    shown = subprocess.run(
        [sys.executable, "-m", "plugspan", "report", str(root / "data" / "zhuzhou.toml"), "--file", "report.docx"],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300,
    )  # fmt: skip
    assert shown.returncode == 2
    assert (tmp_path / "report.docx").read_bytes() == b"mine"


def test_a_document_read_back_is_sound(reports):
    """python-docx reads it again and writes it again."""
    for path in reports.values():
        Document(path).save(io.BytesIO())
