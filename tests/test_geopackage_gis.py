"""The GeoPackage as GIS programs see it: GDAL's tools, a validator, and QGIS with its default styles."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import synthetic_layers as made
from conftest import HANGS_S
from matplotlib import image
from plugspan.render.gis.export import export_layers
from plugspan.render.gis.geopackage import layer_title, project_layers, write_geopackage
from plugspan.render.gis.qgis_project import project_xml
from plugspan.tables import styles
from plugspan.texts import catalogue

pytestmark = pytest.mark.gis
PLANNED = layer_title(made.planned_layer(), "zh")
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
    assert list(project["groups"]) == ["现有设施", "路线与充电间距", "底图", "表"]
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


@pytest.fixture(scope="module")
def opened(qgis, path, tmp_path_factory):
    """What the project has beside its layers; its layouts are painted."""
    file = tmp_path_factory.mktemp("opened") / "layers.gpkg"
    steps = pd.DataFrame({"action_id": ["a1", "b2", "c3"], "spent": [1.0, 2.0, 3.0]})
    columns = (made.Column("action_id"), made.COLUMNS["spent"])
    write_geopackage(
        [*made.every_layer(), made.stepped_layer(), made.far_layer(), made.planned_layer()],
        file,
        tables={**made.evidence(), "plan_steps": (steps, made.TableSchema("plan_steps", columns))},
        title="[% 1 + 1 %]",
        provenance={"note": "[% 6 * 7 %] & <b>"},
    )
    return json.loads(
        run(
            SYSTEM_PYTHON, Path(__file__).parent / "qgis_project_parts.py", file, file.parent,
            QT_QPA_PLATFORM="offscreen", HOME=str(file.parent), XDG_RUNTIME_DIR=str(file.parent),
        ).stdout.splitlines()[-1]
    )  # fmt: skip


def test_tables_lie_in_the_project_and_are_linked(opened):
    """Evidence opens from the feature it speaks of; the link is one that QGIS takes."""
    assert "站点与路线的关系" in opened["groups"]["表"]
    assert opened["relations"] == [["方案各步", PLANNED, True]]
    assert "依据" in opened["tabs"][PLANNED]
    assert opened["tabs"]["区县"] == ["主要", "其他"][: len(opened["tabs"]["区县"])]


def test_map_tips_show_words_and_run_nothing(opened):
    """Hostile names are text in the tip; codes are told by their words; what is missing is left out."""
    tips = opened["tips"]["充电站点"]
    assert any("&lt;script>" in tip for tip in tips)
    assert not any("<script" in tip for each in opened["tips"].values() for tip in each)
    assert any(
        catalogue()["choice.spacing_class.good"]["zh"] in tip
        for tip in opened["tips"]["普通国省干线（现状）"]
    )
    assert not any("NULL" in tip for each in opened["tips"].values() for tip in each)
    tables = set(opened["groups"]["表"])
    layers = {name for names in opened["groups"].values() for name in names} - tables
    assert set(opened["tips"]) == layers
    assert all(tip.startswith("<b>") for each in opened["tips"].values() for tip in each)


def test_the_time_controller_plays_the_build_up(opened):
    """At each day the actions built by then are there, in their order; the project's time covers them."""
    assert opened["time"] == ["2026-01-01", "2029-01-01"]
    assert opened["there"] == {
        "2026-01-01": [],
        "2026-01-02": ["A"],
        "2026-01-03": ["A", "B"],
        "2028-12-31": ["A", "B", "C"],
    }


def test_each_frame_of_the_time_controller_shows_one_state(opened):
    """What has ended is gone, what begins is not there before; the first frame is today, the last one the plan."""
    frames = opened["played"][layer_title(made.stepped_layer(), "zh")]
    assert frames[0] == ["2026-01-01", ["stays", "today"]]
    assert frames[1] == ["2026-01-26", ["first step", "stays"]]
    changed = [day for day, names in frames if names == ["second step", "stays"]]
    assert changed[0] == "2027-02-05"
    assert frames[-1][1] == ["second step", "stays"]
    assert all(len(names) == 2 for _, names in frames)


def test_layouts_are_a3_with_all_that_a_map_sheet_needs(opened):
    """One for each state, in metres at a round scale; title and notes are texts, never expressions."""
    assert [layout["name"] for layout in opened["layouts"]] == [
        "A3 打印版式：现状",
        "A3 打印版式：方案实施后",
    ]
    for layout in opened["layouts"]:
        assert layout["page"] == [420, 297]
        assert set(layout["items"]) == {"title", "notes", "legend", "scale", "ratio", "north", "map"}
        assert not layout["in_degrees"]
        n = int(layout["labels"]["ratio"].removeprefix("1 : ").replace(",", ""))
        assert layout["scale"] == pytest.approx(n, rel=1e-5)
        assert n == float(f"{n:.1e}")
        assert layout["labels"]["title"].startswith("[ % 1 + 1 %]")
        assert layout["labels"]["notes"] == "[ % 6 * 7 %] & <b>"
        assert layout["exported"]
        assert 10 < layout["bar_mm"] < 140
    assert opened["layouts"][0]["theme"] == "现状"
    assert opened["messages"] == []


def test_layers_that_show_nothing_from_far_are_off_there(opened):
    """Where every class begins at a zoom, the layer has a limit of scale; others have none."""
    assert opened["scales"][PLANNED] == 0
    assert opened["scales"][made.far_layer().title("zh")] == pytest.approx(559_082_264 / 2**10, rel=1e-3)
