"""Word documents from elsewhere, made harmless: what stands in them stays, what they would fetch or run does not.

A template is opened by everybody who gets the report. Its styles, text, headers, notes and pictures are taken over;
templates on a server, pictures and data by address, embedded programs, fields that include other files, and macros
are not. Parts are kept by a list of what is harmless, not dropped by a list of what is not.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docx.oxml.parser import oxml_parser
from lxml import etree

from ...errors import Fault, InputError
from ...files import read_bytes
from ...markup import Package

MOST_PART_MB = 20
"""Largest part: a long report's text has two, and each MB takes fifty while it is looked through."""
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATIONS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}",
)
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_KEPT: Mapping[str, str] = {
    "officeDocument": f"{_WORD}document.main+xml",
    "styles": f"{_WORD}styles+xml",
    "numbering": f"{_WORD}numbering+xml",
    "settings": f"{_WORD}settings+xml",
    "fontTable": f"{_WORD}fontTable+xml",
    "header": f"{_WORD}header+xml",
    "footer": f"{_WORD}footer+xml",
    "footnotes": f"{_WORD}footnotes+xml",
    "endnotes": f"{_WORD}endnotes+xml",
    "theme": "application/vnd.openxmlformats-officedocument.theme+xml",
}
"""Kind of part -> its content type."""
_ROOTS = {"officeDocument": "document", "fontTable": "fonts", "header": "hdr", "footer": "ftr"}
"""Kind of part -> its outermost element, where that is not named like the kind."""
_UNSEEN = frozenset(["customXml", "webSettings", "stylesWithEffects", "printerSettings", "glossaryDocument"])
"""Kinds whose loss nobody sees."""
_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp", b"II*\0": "tiff",
             b"MM\0*": "tiff", b"\x01\0\0\0": "x-emf", b"\xd7\xcd\xc6\x9a": "x-wmf"}  # fmt: skip
_WEB = re.compile(r"(?:https?|mailto):[^\s\"]*", re.IGNORECASE)
_DROPPED = frozenset([
    "altChunk", "subDoc", "attachedTemplate", "attachedSchema", "mailMerge", "object", "control", "OLEObject",
    "movie", "saveThroughXslt", "linkStyles", "embedRegular", "embedBold", "embedItalic", "embedBoldItalic",
    "svgBlip", "externalData", "dataBinding", "commentReference", "commentRangeStart", "commentRangeEnd",
    "entryMacro", "exitMacro", "fldData", "smartTag", "docVars",
])  # fmt: skip
"""Elements that lead to what is left out."""
_FIELDS = frozenset([
    "PAGE", "NUMPAGES", "SECTION", "SECTIONPAGES", "PAGEREF", "REF", "NOTEREF", "STYLEREF", "SEQ", "TOC", "TOA",
    "TC", "XE", "INDEX", "DATE", "TIME", "CREATEDATE", "SAVEDATE", "PRINTDATE", "EDITTIME", "AUTHOR", "TITLE",
    "SUBJECT", "KEYWORDS", "COMMENTS", "LASTSAVEDBY", "NUMWORDS", "NUMCHARS", "FILENAME", "FILESIZE", "REVNUM",
    "DOCPROPERTY", "HYPERLINK", "QUOTE", "IF", "COMPARE", "=", "SYMBOL", "EQ", "FORMTEXT", "FORMCHECKBOX",
    "FORMDROPDOWN", "LISTNUM", "AUTONUM", "ADVANCE",
])  # fmt: skip
"""Fields that read nothing but the document."""
_NAME = re.compile(r"\s*(=|[A-Za-z]+)")
_QUOTED = re.compile(r'"([^"]*)"')
_LINK = re.compile(r"\s*HYPERLINK(?:\s*\\[a-z])*\s*", re.IGNORECASE)
"""A link's code without what is quoted: its name and switches."""


def clean_document(path: Path) -> tuple[bytes, Fault | None]:
    """Return a Word document (.docx, .dotx, .docm) without what it would fetch or run.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes
        The document as .docx.
    Fault or None
        A warning that names what was left out.

    Raises
    ------
    InputError
        If it is no Word document, damaged or too large.
    """
    cleaner = _Cleaner(Package(str(path), read_bytes(path), most_mb=MOST_PART_MB))
    try:
        made = cleaner.document()
    except InputError:  # a ValueError, too
        raise
    except (KeyError, ValueError, TypeError, etree.LxmlError) as error:
        raise InputError(Fault("package-broken", file=str(path))) from error
    if not cleaner.left_out:
        return made, None
    names = ", ".join(sorted(cleaner.left_out)[:12])
    return made, Fault("report-template-left-out", file=str(path), values={"names": names}, warning=True)


class _Cleaner:
    """Takes over the parts of a document that are harmless, from its text on."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.left_out: set[str] = set()
        self.parts: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}

    def document(self) -> bytes:
        """Return the new package."""
        [main] = [target for _, kind, target, _ in self._relations("") if kind == "officeDocument"]
        self._take(main, "officeDocument")
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", self._content_types())
            archive.writestr("_rels/.rels", _relations_part([("r1", "officeDocument", main, False)]))
            for name, content in self.parts.items():
                archive.writestr(name, content)
        return made.getvalue()

    def _relations(self, part: str) -> Iterator[tuple[str, str, str, bool]]:
        """Id, kind, target and whether it lies outside, of what a part refers to."""
        folder, name = posixpath.split(part)
        found: list[tuple[str, str, str, bool]] = []

        def start(tag: str, given: Mapping[str, str]) -> None:
            if tag == "Relationship":
                outside = given.get("TargetMode") == "External"
                where = given["Target"]
                if not outside:
                    where = posixpath.normpath(posixpath.join("/", folder, where)).lstrip("/")
                found.append((given["Id"], given["Type"].rpartition("/")[2], where, outside))

        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels in self.package.names:
            self.package.read(rels, start=start)
        return iter(found)

    def _take(self, part: str, kind: str) -> None:
        """Take over a part with what it may refer to."""
        self.kinds[part] = _KEPT[kind]
        kept = []
        for relation, other, target, outside in self._relations(part):
            if outside:
                fits = other == "hyperlink" and _WEB.fullmatch(target) is not None
            elif other == "image":
                fits = self._take_picture(target)
            else:
                fits = (
                    kind == "officeDocument"
                    and other in _KEPT
                    and other != kind
                    and target in self.package.names
                    and self.kinds.get(target, _KEPT[other]) == _KEPT[other]
                )
                if fits and target not in self.kinds:
                    self._take(target, other)
            if fits:
                kept.append((relation, other, target, outside))
            elif other not in _UNSEEN:
                self.left_out.add(other)
        self.package.read(part)  # refuses a document type, and what is not well-formed
        root = etree.fromstring(self.package.part(part), oxml_parser)
        if etree.QName(root).localname != _ROOTS.get(kind, kind) or (kind != "theme" and _W not in root.tag):
            raise ValueError(f"no {kind} of Word")
        self._scrub(root, {relation for relation, *_ in kept})
        self.parts[part] = _written(root)
        if kept:
            folder, name = posixpath.split(part)
            self.parts[posixpath.join(folder, "_rels", f"{name}.rels")] = _relations_part(kept)

    def _take_picture(self, target: str) -> bool:
        """Take over a picture, by what it is and not by what it is called; drawings that are XML may load others."""
        if target not in self.package.names:
            return False
        content = self.package.part(target)
        kind = next((kind for start, kind in _PICTURES.items() if content.startswith(start)), None)
        if kind is None:
            return False
        self.parts[target], self.kinds[target] = content, f"image/{kind}"
        return True

    def _content_types(self) -> bytes:
        root = etree.Element(
            "Types", nsmap={None: "http://schemas.openxmlformats.org/package/2006/content-types"}
        )
        etree.SubElement(
            root,
            "Default",
            Extension="rels",
            ContentType="application/vnd.openxmlformats-package.relationships+xml",
        )
        for name, kind in self.kinds.items():
            etree.SubElement(root, "Override", PartName=f"/{name}", ContentType=kind)
        return _written(root)

    # -- inside a part -------------------------------------------------------------------------------------

    def _scrub(self, root: Any, kept: set[str]) -> None:
        """Remove elements and attributes that lead out, and fields that read other files."""
        etree.strip_elements(root, etree.ProcessingInstruction, etree.Comment, with_tail=False)
        for element in list(root.iter(etree.Element)):
            name = etree.QName(element).localname
            if name in _DROPPED:
                self.left_out |= {name} - {
                    "commentReference",
                    "commentRangeStart",
                    "commentRangeEnd",
                    "dataBinding",
                }
                _remove(element)
                continue
            lost = [k for k in element.attrib if str(k).startswith(_RELATIONS) and element.get(k) not in kept]
            if lost and name != "hyperlink":
                _remove(_drawing_of(element))
                continue
            # Drawings in the old form name their picture by an address, too.
            old = etree.QName(element).namespace in (
                "urn:schemas-microsoft-com:vml",
                "urn:schemas-microsoft-com:office:office",
            )
            lost += [
                k
                for k in element.attrib
                if old and etree.QName(k).localname in ("src", "href", "althref", "relid")
            ]
            for key in lost:
                del element.attrib[key]
            if name == "fldSimple" and not self._may(element.get(f"{_W}instr", "")):
                _unwrap(element)
        self._scrub_fields(root)

    def _scrub_fields(self, root: Any) -> None:
        """Remove the codes of fields that read other files; the result they show last stays as text."""
        open_fields: list[tuple[list[Any], list[str]]] = []
        for element in list(root.iter(f"{_W}fldChar", f"{_W}instrText", f"{_W}delInstrText")):
            step = element.get(f"{_W}fldCharType") if element.tag == f"{_W}fldChar" else "code"
            if step == "begin":
                open_fields.append(([element], []))
            elif not open_fields:
                _remove(element)
            else:
                marks, words = open_fields[-1]
                marks.append(element)
                if step == "code":
                    words.append(element.text or "")
                if step == "end":
                    open_fields.pop()
                    self._close(marks, words)
        for marks, _ in open_fields:
            self._close(marks, [])

    def _close(self, marks: list[Any], words: list[str]) -> None:
        if not self._may("".join(words)):
            for mark in marks:
                _remove(mark)

    def _may(self, code: str) -> bool:
        """Whether a field's code reads nothing but the document, and leads at most to the web."""
        named = _NAME.match(code)
        name = named[1].upper() if named else ""
        may = name in _FIELDS
        if name == "HYPERLINK":
            to_web = all(_WEB.fullmatch(q) or not set(q) & set(":/\\") for q in _QUOTED.findall(code))
            may = to_web and _LINK.fullmatch(_QUOTED.sub("", code)) is not None
        if not may:
            self.left_out.add(name[:20] or "?")
        return may


def _remove(element: Any) -> None:
    """Take an element out; text behind it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


def _unwrap(element: Any) -> None:
    """Put the content of an element in its place."""
    parent = element.getparent()
    if parent is not None:
        at = parent.index(element)
        parent[at : at + 1] = list(element)


def _drawing_of(element: Any) -> Any:
    """Return the drawing that an element is part of, or the element itself."""
    inside = [a for a in element.iterancestors() if etree.QName(a).localname in ("drawing", "pict")]
    return inside[-1] if inside else element


def _relations_part(relations: list[tuple[str, str, str, bool]]) -> bytes:
    root = etree.Element(
        "Relationships", nsmap={None: "http://schemas.openxmlformats.org/package/2006/relationships"}
    )
    for relation, kind, target, outside in relations:
        made = etree.SubElement(
            root,
            "Relationship",
            Id=relation,
            Type=f"{_RELATIONS[0].strip('{}')}/{kind}",
            Target=target if outside else f"/{target}",
        )
        if outside:
            made.set("TargetMode", "External")
    return _written(root)


def _written(root: Any) -> bytes:
    return bytes(etree.tostring(root, encoding="UTF-8", standalone=True))
