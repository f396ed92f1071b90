"""The GeoPackage as GIS programs see it: GDAL's tools, a validator, and QGIS with its default styles."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import synthetic_layers as made
from conftest import HANGS_S
from matplotlib import image
from plugspan.render.gis.export import export_layers
from plugspan.render.gis.geopackage import project_layers, write_geopackage
from plugspan.render.gis.qgis_project import project_xml
from plugspan.tables import styles
from plugspan.texts import catalogue

pytestmark = pytest.mark.gis
SYSTEM_PYTHON = "/usr/bin/python3"
VALIDATOR = Path("/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_gpkg.py")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file with all hard cases."""
    path = tmp_path_factory.mktemp("gis") / "layers.gpkg"
    held = write_geopackage(
        made.every_layer(), path, tables=made.evidence(), title="[% @user_account_name %]"
    )
    content = project_xml(project_layers(held), f"./{path.name}", crs="EPSG:4490", lang="zh", title="")
    path.with_suffix(".qgs").write_text(content, "utf-8")
    return path


def run(*command, **environment):
    """Run a program; its output, or fail with what it said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=HANGS_S,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def qgis(path, tmp_path_factory):
    """What QGIS sees and paints: a function of file, picture and theme, giving the JSON."""
    has_qgis = Path(SYSTEM_PYTHON).exists() and not subprocess.run(
        [SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not has_qgis:
        pytest.skip("QGIS with Python is not installed (Debian: python3-qgis, qgis-providers)")
    script = Path(__file__).parent / "qgis_render.py"
    home = tmp_path_factory.mktemp("qgis")

    def look(file, *more):
        done = run(
            SYSTEM_PYTHON,
            script,
            file,
            *more,
            QT_QPA_PLATFORM="offscreen",
            HOME=str(home),
            XDG_RUNTIME_DIR=str(home),
        )
        return json.loads(done.stdout)

    return look


@pytest.fixture(scope="module")
def seen(qgis, path):
    """What QGIS sees in the file with all hard cases."""
    return qgis(path)


def test_ogrinfo_reads_every_layer_without_a_word_of_warning(path):
    """An old GDAL (Debian's) takes the version and all tables."""
    if not shutil.which("ogrinfo"):
        pytest.skip("ogrinfo is not installed (Debian: gdal-bin)")
    done = run("ogrinfo", "-ro", "-al", "-so", path)
    assert not done.stderr
    assert "Layer name: routes_before" in done.stdout
    assert 'ID["EPSG",4490]' in done.stdout


def test_a_validator_finds_nothing(path):
    """GDAL's validator of the standard, with the extra checks, warnings as errors."""
    if not VALIDATOR.exists():
        pytest.skip("GDAL's validate_gpkg is not installed (Debian: python3-gdal)")
    run(SYSTEM_PYTHON, VALIDATOR, "--extra", "--warning-as-error", path)


def test_qgis_opens_every_layer_with_its_classes_names_and_labels(seen):
    """Layers dragged in one by one come styled; every feature with a class has its symbol; no expression is broken."""
    alone = seen["alone"]
    assert seen["messages"] == []
    assert all(layer["valid"] for layer in alone.values())
    assert not any(layer["broken"] for layer in alone.values())
    routes = alone["routes_before"]
    labels = {c.value: c.label("zh") for c in made.mixed_lines().style.categories}
    assert routes["renderer"] == "categorizedSymbol"
    assert [label for _, label in routes["categories"]] == list(labels.values())
    counts = {"good": 2, "middle": 1, "gap": 1, "open": 1}
    assert sorted(routes["drawn"]) == sorted([labels[value], n] for value, n in counts.items())
    assert routes["aliases"]["ref"] == catalogue()["column.ref"]["zh"]
    assert (routes["labels"], routes["label_field"], routes["display"]) == (True, "ref", '"ref"')
    assert alone["service_areas"]["aliases"]["point_kw"].endswith("(kW)")
    assert alone["service_areas"]["widgets"]["kind"] == "ValueMap"
    assert alone["access"]["aliases"]["distance_km"].endswith("(km)")


def test_qgis_tells_missing_from_other_values(seen):
    """A class for missing values and one for all other values, side by side."""
    yes, missing, other = (c.label("zh") for c in made.valued_layer().style.categories)
    assert sorted(seen["alone"]["berths"]["drawn"]) == sorted([[yes, 2], [missing, 1], [other, 1]])


def test_the_project_has_groups_order_system_and_themes(seen):
    """One click opens all layers; today and with the plan are map themes."""
    project = seen["project"]
    assert project["read"]
    assert project["crs"] == "EPSG:4490"
    assert list(project["groups"]) == ["现有设施", "路线与充电间距", "底图"]
    assert project["title"] == "[% @user_account_name %]"
    assert all(layer["valid"] for layer in project["layers"].values())
    assert (
        project["order"].index("泊位")
        < project["order"].index("普通国省干线（现状）")
        < project["order"].index("区县")
    )
    assert "普通国省干线（方案实施后）" not in project["checked"]
    assert "普通国省干线（方案实施后）" in project["themes"]["方案实施后"]
    assert "普通国省干线（现状）" not in project["themes"]["方案实施后"]


def test_the_project_beside_the_file_opens_too(qgis, path):
    """By double click on layers.qgs, with relative paths."""
    project = qgis(path, "", "", path.with_suffix(".qgs"))["project"]
    assert project["read"]
    assert len(project["layers"]) == 9
    assert all(layer["valid"] for layer in project["layers"].values())


def test_qgis_draws_side_one_to_the_right(qgis, tmp_path):
    """On a line eastwards, +1 lies south (red below), -1 north (blue above), as on the web map."""
    write_geopackage([made.county_layer(), made.two_sides()], tmp_path / "sides.gpkg")
    qgis(tmp_path / "sides.gpkg", tmp_path / "sides.png")
    picture = image.imread(tmp_path / "sides.png")[..., :3]
    red = (picture == [1, 0, 0]).all(axis=-1).any(axis=1).nonzero()[0]
    blue = (picture == [0, 0, 1]).all(axis=-1).any(axis=1).nonzero()[0]
    assert len(red)
    assert len(blue)
    assert blue.max() < red.min()
    assert red.mean() - blue.mean() == pytest.approx(20, abs=2)


def test_the_picture_has_the_maps_colours(qgis, tmp_path):
    """Gap with halo, good, pins: their colours are in the painted picture."""
    write_geopackage(made.every_layer(), tmp_path / "layers.gpkg")
    qgis(tmp_path / "layers.gpkg", tmp_path / "layers.png")
    picture = (image.imread(tmp_path / "layers.png")[..., :3] * 255).round().astype(int).reshape(-1, 3)
    colours = {tuple(colour) for colour in picture.tolist()}
    for wanted in (styles.GOOD, styles.ALLOWED, styles.GAP, styles.HALO):
        assert tuple(int(wanted[i : i + 2], 16) for i in (1, 3, 5)) in colours, wanted


@pytest.mark.parametrize(
    ("name", "suffix"), [("shapefile", ".shp"), ("geojson", ".geojson"), ("flatgeobuf", ".fgb")]
)
def test_exported_files_open_with_their_style(qgis, tmp_path, name, suffix):
    """QGIS takes the .qml beside the file: classes, labels and names of columns, whatever the columns are called."""
    export_layers([made.mixed_lines(), made.hostile_layer()], tmp_path / name, name, encoding="GBK")
    [routes] = qgis(tmp_path / name / f"routes{suffix}")["alone"].values()
    assert routes["renderer"] == "categorizedSymbol"
    layer = made.mixed_lines()
    occur = set(layer.frame["spacing_class"])
    assert {label for label, _ in routes["drawn"]} == {
        c.label("zh") for c in layer.style.categories if c.value in occur
    }
    assert catalogue()["column.ref"]["zh"] in routes["aliases"].values()
    assert routes["label_field"] == "ref"
    assert routes["crs"] in ("EPSG:4490", "EPSG:4326")
