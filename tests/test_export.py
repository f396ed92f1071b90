"""Layers in other formats, read back by an independent reader."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import synthetic_layers as made
from plugspan.errors import OutputExistsError
from plugspan.render.gis.export import SUFFIX, _check_whole, export_layers, fit_text

FORMATS = tuple(SUFFIX)


def back(exported, name):
    """A layer as it comes back."""
    [file] = [f for f in exported.files if f.startswith(f"{name}.") and f.endswith(tuple(SUFFIX.values()))]
    path = exported.folder / file
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


@pytest.fixture(scope="module", params=[name for name in FORMATS if name != "pmtiles"])
def exported(request, tmp_path_factory):
    """All hard cases in one format."""
    return export_layers(
        made.every_layer(), tmp_path_factory.mktemp("export") / "out", request.param, lang="zh"
    )


def test_every_layer_has_a_file_and_a_style(exported):
    """QGIS takes the style of the same name by itself; no layer is lost, empty ones included."""
    stems = {Path(f).stem for f in exported.files if f.endswith(tuple(SUFFIX.values()))}
    assert stems == {
        "counties", "routes_before", "routes_after", "service_areas", "charging_sites", "berths", "empty_point",
        "empty_line", "empty_polygon",
    }  # fmt: skip
    assert {f"{stem}.qml" for stem in stems} | {"README.txt"} <= set(exported.files)
    for stem in stems:
        ElementTree.fromstring((exported.folder / f"{stem}.qml").read_text("utf-8"))


def test_texts_come_back_as_they_are(exported):
    """Hostile names in every format; only what no file can hold is replaced."""
    assert sorted(back(exported, "charging_sites")["name"]) == sorted([*made.HOSTILE, *made.BROKEN.values()])


def test_geometries_come_back(exported):
    """Same lines within a centimetre, each with its parts."""
    frame = back(exported, "routes_before")
    frame = frame[frame.geometry.notna()]
    assert frame.geometry.total_bounds == pytest.approx((113, 27, 113.5, 27.7), abs=1e-7)
    parts = dict(zip(frame["ref"].fillna(""), shapely.get_num_geometries(frame.geometry), strict=True))
    assert parts == {"G1": 1, "G2": 2, "G3": 1, "": 1}


def test_the_system_is_written_with_the_file(tmp_path):
    """Each format says its system; GeoJSON is always WGS 84."""
    for name in set(FORMATS) - {"pmtiles"}:
        exported = export_layers([made.county_layer()], tmp_path / name, name, crs="EPSG:4547")
        county = back(exported, "counties")
        if name == "geojson":
            assert county.crs.to_epsg() == 4326
            assert county.total_bounds == pytest.approx((112.9, 26.9, 113.6, 27.8), abs=1e-7)
        else:
            assert county.crs.to_epsg(min_confidence=20) == 4547
            assert 380_000 < county.total_bounds[0] < county.total_bounds[2] < 470_000


def test_numbers_truth_and_dates_keep_their_gaps(exported):
    """Missing stays missing in every format."""
    frame = back(exported, "service_areas")
    kept = [0] if len(frame) == 1 else [0, 1, 2]  # FlatGeobuf leaves out what has no place
    assert frame["points"].isna().tolist() == [[False, True, False][i] for i in kept]
    assert frame["points"].dropna().astype("int64").tolist() == [[4, 0, 2**40][i] for i in kept if i != 1]
    assert frame["point_kw"].isna().tolist() == [[False, True, True][i] for i in kept]
    assert pd.Timestamp(frame["opened"].iloc[0]).date() == dt.date(2024, 2, 29)
    assert frame["opened"].isna().tolist() == [[False, True, True][i] for i in kept]
    assert [bool(frame["open_24h"].iloc[i]) for i in kept if i != 1] == [
        [True, None, False][i] for i in kept if i != 1
    ]


def test_features_without_a_place_are_told_where_they_cannot_be_kept(exported):
    """FlatGeobuf says how many it leaves out, in the result and in the README."""
    told = [note for note in exported.notes if note.key == "export-no-place"]
    if any(f.endswith(".fgb") for f in exported.files):
        assert {(note.file, note.values["n"]) for note in told} >= {
            ("service_areas", 2),
            ("routes_before", 1),
        }
        assert len(back(exported, "service_areas")) == 1
        assert told[0].render("zh") in (exported.folder / "README.txt").read_text("utf-8-sig")
    else:
        assert not told
        assert len(back(exported, "service_areas")) == 3


def test_short_names_are_listed_and_unique(tmp_path):
    """Two long names that begin alike stay apart, and the README says which is which; the style uses the short ones."""
    frame = gpd.GeoDataFrame(
        {"service_area": ["a"], "service_area_b": ["b"]}, geometry=[shapely.Point(113, 27)], crs=4326
    )
    schema = made.TableSchema("x", (made.Column("service_area"), made.Column("service_area_b")))
    style = made.LayerStyle("point", (made.Category(None, "legend.town", made.GOOD),))
    layer = made.Layer("x", "layer.towns", frame, schema, style, "places", label_column="service_area_b")
    exported = export_layers([layer], tmp_path / "out", "shapefile")
    found = back(exported, "x")
    assert found.columns[:-1].tolist() == ["service_ar", "service__1"]
    assert found.iloc[0, :2].tolist() == ["a", "b"]
    readme = (tmp_path / "out" / "README.txt").read_text("utf-8-sig")
    assert "service__1 = service_area_b" in readme
    root = ElementTree.fromstring((tmp_path / "out" / "x.qml").read_text("utf-8"))
    assert root.find(".//text-style").get("fieldName") == "service__1"


@pytest.mark.parametrize(("encoding", "ships"), [("GBK", "渡口?"), ("UTF-8", "渡口🚢")])
def test_shapefile_in_gbk_or_utf8(tmp_path, encoding, ships):
    """The .cpg names the encoding, the bytes are in it, what it lacks becomes ?, long texts are cut; both are told."""
    names = ["渡口🚢", "渌" * 300, "x" * 254]
    frame = gpd.GeoDataFrame({"name": names}, geometry=[shapely.Point(113, 27)] * 3, crs=4326)
    style = made.LayerStyle("point", (made.Category(None, "legend.town", made.GOOD),))
    layer = made.Layer(
        "x", "layer.towns", frame, made.TableSchema("x", (made.Column("name"),)), style, "places"
    )
    exported = export_layers([layer], tmp_path / "out", "shapefile", encoding=encoding)
    assert (tmp_path / "out" / "x.cpg").read_text("ascii").strip() == encoding
    assert "渡口".encode(encoding) in (tmp_path / "out" / "x.dbf").read_bytes()
    assert back(exported, "x")["name"].tolist() == [
        ships,
        "渌" * (127 if encoding == "GBK" else 84),
        "x" * 254,
    ]
    told = {note.key: note.values["n"] for note in exported.notes}
    assert told == ({"export-cut": 1, "export-lost": 1} if encoding == "GBK" else {"export-cut": 1})


def test_geojson_is_rfc_7946(tmp_path):
    """No crs member, outer rings counter-clockwise, seven decimals, true and null as such."""
    export_layers([made.county_layer(), made.typed_layer()], tmp_path / "out", "geojson")
    county = json.loads((tmp_path / "out" / "counties.geojson").read_text("utf-8"))
    assert "crs" not in county
    ring = shapely.LinearRing(county["features"][0]["geometry"]["coordinates"][0])
    assert ring.is_ccw
    typed = json.loads((tmp_path / "out" / "service_areas.geojson").read_text("utf-8"))["features"]
    assert [f["properties"]["open_24h"] for f in typed] == [True, None, False]
    assert typed[1]["geometry"] is None


def test_flatgeobuf_has_an_index(tmp_path):
    """A window reads only what lies in it, by the index."""
    exported = export_layers([made.hostile_layer()], tmp_path / "out", "flatgeobuf")
    info = pyogrio.read_info(exported.folder / "charging_sites.fgb")
    assert info["capabilities"]["fast_spatial_filter"]


def test_tiles_hold_every_layer_in_web_mercator(tmp_path):
    """An archive a layer, with names and numbers, placed within the grid of the deepest zoom; empty layers are told."""
    exported = export_layers(made.every_layer(), tmp_path / "out", "pmtiles", crs="EPSG:4547")
    frame = gpd.read_file(exported.folder / "routes_before.pmtiles")
    assert frame.crs == "EPSG:3857"
    west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
    assert (west, south, east, north) == pytest.approx(
        (113, 27, 113.5, 27.7), abs=2e-3
    )  # 80 units of 4096 around a tile
    sites = gpd.read_file(exported.folder / "charging_sites.pmtiles")
    assert set(sites["name"]) == {*made.HOSTILE, *made.BROKEN.values()}
    assert {n.file for n in exported.notes if n.key == "export-empty"} == {
        "empty_point",
        "empty_line",
        "empty_polygon",
    }
    assert not (exported.folder / "empty_line.pmtiles").exists()
    told = {(note.file, note.values["n"]) for note in exported.notes if note.key == "export-no-place"}
    assert {("service_areas", 2), ("routes_before", 1)} <= told
    assert "EPSG:3857" in (exported.folder / "README.txt").read_text("utf-8-sig")


def test_a_cut_archive_of_tiles_is_found_out(tmp_path):
    """The header says where each part ends."""
    exported = export_layers([made.hostile_layer()], tmp_path / "out", "pmtiles")
    path = exported.folder / "charging_sites.pmtiles"
    whole = path.read_bytes()
    _check_whole(None, path)
    for n in (0, 60, 127, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(OSError, match="space"):
            _check_whole(None, path)


@pytest.mark.parametrize("name", FORMATS)
def test_same_input_same_bytes(tmp_path, name):
    """All files of two exports are the same."""
    digests = []
    for folder in ("a", "b"):
        exported = export_layers(made.every_layer(), tmp_path / folder, name)
        digests.append(
            [hashlib.sha256((exported.folder / f).read_bytes()).hexdigest() for f in exported.files]
        )
    assert digests[0] == digests[1]


def test_an_old_folder_stays_unless_told_otherwise(tmp_path):
    """Nothing of an old export is mixed with a new one."""
    export_layers(made.every_layer(), tmp_path / "out", "geojson")
    with pytest.raises(OutputExistsError):
        export_layers([made.county_layer()], tmp_path / "out", "geojson")
    export_layers([made.county_layer()], tmp_path / "out", "geojson", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".plugspan.json",
        "README.txt",
        "counties.geojson",
        "counties.qml",
        "counties.sld",
        "datapackage.json",
    ]


def test_fit_text_cuts_between_characters():
    """Never half a character, in either encoding."""
    for encoding in ("GBK", "UTF-8"):
        for lead in range(4):
            kept, cut, lost = fit_text("x" * lead + "渌" * 200, encoding)
            assert cut
            assert not lost
            assert len(kept.encode(encoding)) in range(250, 255)
            assert set(kept) <= {"x", "渌"}
