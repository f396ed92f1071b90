"""What a file of layers says to catalogues and to programs that don't read QGIS's styles: ISO 19115, SLD, systems."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree import ElementTree

import pyproj
import pytest
import synthetic_layers as made
from plugspan.errors import InputError
from plugspan.reference_systems import check_crs
from plugspan.render.gis.export import export_layers
from plugspan.render.gis.fields import in_crs, in_wgs84
from plugspan.render.gis.geopackage import write_geopackage
from plugspan.render.gis.iso_metadata import NAMESPACES, STANDARD
from plugspan.render.gis.sld import NAMESPACES as SLD
from plugspan.texts import text

ZHUZHOU = (112.9, 26.0, 114.2, 28.1)
ABOUT = {
    "project": "株洲", "policy": "zhuzhou-2025", "note": "<b>示意</b> & 公开资料",
    "inputs": [{"path": "sites/chargers.csv", "sha256": "ab" * 32}], "versions": {"plugspan": "9.9"},
    "author": "株洲市交通运输局", "date": "2025-06-30",
}  # fmt: skip


def rows(path, query):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def iso(path):
    [(kind, content)] = rows(
        path, f"SELECT mime_type, metadata FROM gpkg_metadata WHERE md_standard_uri = '{STANDARD}'"
    )
    assert kind == "text/xml"
    return ElementTree.fromstring(content)


def words(root, path):
    """Texts below the elements of a path."""
    return ["".join(found.itertext()).strip() for found in root.findall(path, NAMESPACES)]


def test_the_file_says_what_it_is_as_iso_19115(tmp_path):
    """Title, extent of all layers in degrees, system, date, sources; whatever characters are in them."""
    path = tmp_path / "layers.gpkg"
    write_geopackage(
        [made.county_layer(), made.hostile_layer()], path, crs="EPSG:4547", lang="zh", provenance=ABOUT,
        title="覆盖 & <图>", time="2026-11-22T00:00:00.000Z",
    )  # fmt: skip
    root = iso(path)
    assert words(root, ".//gmd:CI_Citation/gmd:title") == ["覆盖 & <图>"]
    assert words(root, "gmd:dateStamp") == words(root, ".//gmd:CI_Date/gmd:date") == ["2025-06-30"]
    for path_of_contact in ("gmd:contact", ".//gmd:pointOfContact"):
        assert words(root, f"{path_of_contact}//gmd:organisationName") == ["株洲市交通运输局"]
    assert words(root, "gmd:language") == ["zho"]
    assert words(root, ".//gmd:topicCategory") == ["transportation"]
    [system] = words(root, ".//gmd:RS_Identifier/gmd:code")
    assert system.startswith("EPSG:4547 CGCS2000")
    box = {
        side: float(words(root, f".//gmd:{side}")[0])
        for side in ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
    }
    points = [112.9, 113.6, *made.hostile_layer().frame.geometry.x]
    assert box["westBoundLongitude"] == pytest.approx(min(points))
    assert box["eastBoundLongitude"] == pytest.approx(max(points))
    assert box["southBoundLatitude"] == pytest.approx(26.9)
    assert box["northBoundLatitude"] == pytest.approx(27.8)
    [lineage] = words(root, ".//gmd:LI_Lineage/gmd:statement")
    assert all(part in lineage for part in (ABOUT["note"], "sites/chargers.csv", "ab" * 32, "9.9"))


def test_a_date_that_nobody_gave_is_unknown(tmp_path):
    """The fixed time of change of the file is no date of its data; without an author the project's name stands."""
    path = tmp_path / "layers.gpkg"
    write_geopackage([made.county_layer()], path, provenance={"project": "株洲"})
    root = iso(path)
    reason = f"{{{NAMESPACES['gco']}}}nilReason"
    assert root.find("gmd:dateStamp", NAMESPACES).get(reason) == "unknown"
    assert root.find(".//gmd:CI_Citation/gmd:date", NAMESPACES).get(reason) == "unknown"
    assert words(root, "gmd:contact//gmd:organisationName") == ["株洲"]
    assert words(root, ".//gmd:pointOfContact") == []


def test_it_is_whole_without_places_and_without_a_title(tmp_path):
    """An empty layer has no extent; the project's name stands for a title."""
    path = tmp_path / "layers.gpkg"
    write_geopackage(
        [layer for layer in made.every_layer() if layer.name.startswith("empty")], path, provenance=ABOUT
    )
    assert words(iso(path), ".//gmd:CI_Citation/gmd:title") == ["株洲"]
    assert words(iso(path), ".//gmd:EX_GeographicBoundingBox") == []


def sld_rules(content):
    root = ElementTree.fromstring(content)
    prefixed = {prefix or "sld": uri for prefix, uri in SLD.items()}
    return root.findall(".//sld:Rule", prefixed), prefixed


def test_each_layer_has_its_sld_in_both_languages(tmp_path):
    """A rule a class with its title, filter and colour; beside QML in the file and in exports."""
    write_geopackage(made.every_layer(), tmp_path / "layers.gpkg")
    layer = made.mixed_lines()
    for lang in ("zh", "en"):
        style = text("export.style", lang)
        found = dict(
            rows(
                tmp_path / "layers.gpkg",
                f"SELECT f_table_name, styleSLD FROM layer_styles WHERE styleName = '{style}'",
            )
        )
        rules, prefixes = sld_rules(found["routes_before"])
        assert [rule.findtext("sld:Title", namespaces=prefixes) for rule in rules] == [
            category.label(lang) for category in layer.style.categories
        ]
        for rule, category in zip(rules, layer.style.categories, strict=True):
            assert rule.findtext(".//ogc:PropertyName", namespaces=prefixes) == "spacing_class"
            assert rule.findtext(".//ogc:Literal", namespaces=prefixes) == category.value
            strokes = [p.text for p in rule.findall(".//sld:CssParameter[@name='stroke']", prefixes)]
            assert strokes == [*([category.halo] if category.halo else []), category.colour]
    rules, prefixes = sld_rules(found["berths"])
    kinds = [each.tag.partition("}")[2] for rule in rules for each in rule.iter()]
    for kind in ("PropertyIsEqualTo", "PropertyIsNull", "ElseFilter"):
        assert kinds.count(kind) == 1


def test_an_export_has_sld_with_the_names_of_its_file(tmp_path):
    """A Shapefile's short names stand in the filters."""
    export_layers([made.mixed_lines()], tmp_path / "out", "shapefile")
    rules, prefixes = sld_rules(next((tmp_path / "out").glob("routes*.sld")).read_text("utf-8"))
    assert {rule.findtext(".//ogc:PropertyName", namespaces=prefixes) for rule in rules} == {"spacing_cl"}


def systems():
    """Every projected system of CGCS2000 that PROJ knows: (code, west, east)."""
    found = pyproj.database.query_crs_info(auth_name="EPSG", pj_types="PROJECTED_CRS")
    named = [info for info in found if info.name.startswith("CGCS2000 /") and "Gauss-Kruger" in info.name]
    return [(f"EPSG:{info.code}", info.area_of_use.west, info.area_of_use.east) for info in named]


def test_every_zone_of_cgcs2000_is_taken_where_it_holds_and_refused_elsewhere():
    """All 3- and 6-degree zones, with and without zone numbers: exact there and back within 0.1 mm, or a fault."""
    zones = systems()
    assert len(zones) >= 64
    west, _, east, _ = ZHUZHOU
    taken = []
    for code, zone_west, zone_east in zones:
        near = west > zone_west - 6 and east < zone_east + 6
        if near:
            check_crs(code, ZHUZHOU)
            taken.append(code)
        else:
            with pytest.raises(InputError, match=code):
                check_crs(code, ZHUZHOU)
    assert {"EPSG:4547", "EPSG:4526", "EPSG:4546", "EPSG:4497", "EPSG:4508"} <= set(taken)
    corners = made.county_layer().frame.geometry
    for code in taken[:6]:
        back = in_wgs84(in_crs(corners, code))
        assert back.total_bounds == pytest.approx(corners.total_bounds, abs=1e-9)


@pytest.mark.parametrize("code", ["EPSG:32649", "EPSG:3857", "EPSG:2383", "EPSG:4479"])
def test_other_systems_are_judged_alike(code):
    """UTM 49N and web mercator hold Zhuzhou, Xian 1980's zone too; a geocentric system doesn't draw a map."""
    if code == "EPSG:4479":
        with pytest.raises(InputError, match=code):
            check_crs(code, ZHUZHOU)
    else:
        check_crs(code, ZHUZHOU)
