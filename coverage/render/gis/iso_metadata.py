"""What a file of layers is, as ISO 19115 says it (ISO/TS 19139, gmd), for catalogues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from pyproj import CRS

from ...markup import clean_xml
from ...texts import text

STANDARD = "http://www.isotc211.org/2005/gmd"
NAMESPACES: Mapping[str, str] = {"gmd": STANDARD, "gco": "http://www.isotc211.org/2005/gco"}
_LISTS = "http://standards.iso.org/iso/19139/resources/gmxCodelists.xml"


def iso_metadata(
    title: str,
    provenance: Mapping[str, Any],
    bounds: Sequence[float] | None,
    tables: Sequence[str],
    *,
    crs: str,
    lang: str,
) -> str:
    """Return the metadata of a file.

    Parameters
    ----------
    title : str
    provenance : mapping
        ``project``, ``policy``, ``inputs`` (``path``, ``sha256``), ``versions``, ``note``, ``author``, ``date`` (of the
        data, ISO: the day of a run would make other bytes of the same inputs); those that are there.
    bounds : sequence of float, optional
        West, south, east, north in degrees.
    tables : sequence of str
        Titles of what the file holds.
    crs : str
        System of the layers.
    lang : str
    """
    name = title or str(provenance.get("project", "")) or text("export.layers-of", lang)
    root = _node("gmd:MD_Metadata")
    for prefix, uri in NAMESPACES.items():
        root.set(f"xmlns:{prefix}", uri)
    author, date = (str(provenance.get(key) or "") for key in ("author", "date"))
    made = [
        ("language", _string(text("language.iso", lang))),
        ("characterSet", _code("MD_CharacterSetCode", "utf8")),
        ("hierarchyLevel", _code("MD_ScopeCode", "dataset")),
        ("contact", _contact(author or name)),
        ("dateStamp", _leaf("gco:Date", date) if date else None),
        ("metadataStandardName", _string("ISO 19115:2003")),
        ("referenceSystemInfo", _system(crs)),
        ("identificationInfo", _identification(name, provenance, bounds, tables, lang)),
        ("dataQualityInfo", _lineage(provenance, lang)),
    ]
    root.extend(
        _node(f"gmd:{tag}", child) if child is not None else _unknown(f"gmd:{tag}") for tag, child in made
    )
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode")


def _contact(name: str) -> ElementTree.Element:
    """Who is responsible: the author, else the project's name stands for it."""
    return _node(
        "gmd:CI_ResponsibleParty", _node("gmd:organisationName", _string(name)),
        _node("gmd:role", _code("CI_RoleCode", "pointOfContact")),
    )  # fmt: skip


def _system(crs: str) -> ElementTree.Element:
    known = CRS.from_user_input(crs)
    words = f"{crs} {known.name}"
    identifier = _node(
        "gmd:RS_Identifier", _node("gmd:code", _string(words)), _node("gmd:codeSpace", _string("EPSG"))
    )
    return _node("gmd:MD_ReferenceSystem", _node("gmd:referenceSystemIdentifier", identifier))


def _identification(
    name: str,
    provenance: Mapping[str, Any],
    bounds: Sequence[float] | None,
    tables: Sequence[str],
    lang: str,
) -> ElementTree.Element:
    author, day = (str(provenance.get(key) or "") for key in ("author", "date"))
    date = _unknown("gmd:date")
    if day:
        kind = _node("gmd:dateType", _code("CI_DateTypeCode", "creation"))
        date = _node("gmd:date", _node("gmd:CI_Date", _node("gmd:date", _leaf("gco:Date", day)), kind))
    citation = _node("gmd:CI_Citation", _node("gmd:title", _string(name)), date)
    comma = text("language.comma", lang)
    abstract = text("export.abstract", lang, tables=comma.join(tables), policy=provenance.get("policy", ""))
    found = _node(
        "gmd:MD_DataIdentification", _node("gmd:citation", citation), _node("gmd:abstract", _string(abstract)),
        *([_node("gmd:pointOfContact", _contact(author))] if author else []),
        _node("gmd:language", _string(text("language.iso", lang))),
        _node("gmd:characterSet", _code("MD_CharacterSetCode", "utf8")),
        _node("gmd:topicCategory", _leaf("gmd:MD_TopicCategoryCode", "transportation")),
    )  # fmt: skip
    if bounds is not None:
        west, south, east, north = (_leaf("gco:Decimal", f"{side:.6f}") for side in bounds)
        sides = [("westBoundLongitude", west), ("eastBoundLongitude", east), ("southBoundLatitude", south),
                 ("northBoundLatitude", north)]  # fmt: skip
        box = _node("gmd:EX_GeographicBoundingBox", *(_node(f"gmd:{tag}", side) for tag, side in sides))
        found.append(_node("gmd:extent", _node("gmd:EX_Extent", _node("gmd:geographicElement", box))))
    return found


def _lineage(provenance: Mapping[str, Any], lang: str) -> ElementTree.Element:
    files = [f"{entry['path']} (SHA-256 {entry['sha256']})" for entry in provenance.get("inputs", ())]
    version = dict(provenance.get("versions", {})).get("plugspan", "")
    words = "\n".join(
        [str(provenance.get("note", "")), text("export.lineage", lang, version=version), *files]
    ).strip()
    scope = _node("gmd:DQ_Scope", _node("gmd:level", _code("MD_ScopeCode", "dataset")))
    lineage = _node("gmd:LI_Lineage", _node("gmd:statement", _string(words)))
    return _node("gmd:DQ_DataQuality", _node("gmd:scope", scope), _node("gmd:lineage", lineage))


def _string(words: str) -> ElementTree.Element:
    return _leaf("gco:CharacterString", words)


def _code(kind: str, value: str) -> ElementTree.Element:
    found = _leaf(f"gmd:{kind}", value)
    found.set("codeList", f"{_LISTS}#{kind}")
    found.set("codeListValue", value)
    return found


def _leaf(tag: str, words: str) -> ElementTree.Element:
    found = ElementTree.Element(tag)
    found.text = clean_xml(words)
    return found


def _unknown(tag: str) -> ElementTree.Element:
    """A part that the standard asks for and nobody knows."""
    found = ElementTree.Element(tag)
    found.set("gco:nilReason", "unknown")
    return found


def _node(tag: str, *children: ElementTree.Element) -> ElementTree.Element:
    found = ElementTree.Element(tag)
    found.extend(children)
    return found
