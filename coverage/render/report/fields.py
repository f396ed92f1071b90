"""Fields of Word (numbers, pages), bookmarks and the links of the contents."""

from __future__ import annotations

from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn


def add_field(paragraph: Any, instruction: str, shown: str, *, renew: bool = False) -> None:
    """Write a field with the result it shows until it is renewed; ``renew`` asks for that on opening."""
    _field_part(paragraph, "begin", renew=renew)
    _instruction(paragraph, instruction)
    _field_part(paragraph, "separate")
    paragraph.add_run(shown)
    _field_part(paragraph, "end")


def _field_part(paragraph: Any, kind: str, *, renew: bool = False) -> None:
    part = OxmlElement("w:fldChar")
    part.set(qn("w:fldCharType"), kind)
    if renew:
        part.set(qn("w:dirty"), "true")
    paragraph.add_run()._r.append(part)


def _instruction(paragraph: Any, words: str) -> None:
    part = OxmlElement("w:instrText")
    part.set(qn("xml:space"), "preserve")
    part.text = f" {words} "
    paragraph.add_run()._r.append(part)


def link_line(paragraph: Any, name: str, words: str, *, bold: bool) -> None:
    """Write a line of the contents: a link to the heading, dots, and its page."""
    link = OxmlElement("w:hyperlink")
    link.set(qn("w:anchor"), name)
    start = len(paragraph._p)
    paragraph.add_run(words).bold = bold
    paragraph.add_run("\t")
    add_field(paragraph, f"PAGEREF {name} \\h", "", renew=True)
    for run in list(paragraph._p)[start:]:
        link.append(run)
    paragraph._p.append(link)


def bookmark(paragraph: Any, name: str, number: int, words: str) -> None:
    """Write words with a bookmark around them."""
    for tag, more in (("w:bookmarkStart", {"w:name": name}), ("w:bookmarkEnd", {})):
        mark = OxmlElement(tag)
        mark.set(qn("w:id"), str(number))
        for key, value in more.items():
            mark.set(qn(key), value)
        if tag == "w:bookmarkEnd":
            paragraph.add_run(words)
        paragraph._p.append(mark)
