"""Whatever a project file leaves out, every verb still runs: a part at a time through the verbs, then any together.

The world is the heart of the sample, so that dozens of runs take seconds each: roads and tables of a few towns,
with all that the project file of the sample says of them.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import tomllib
from copy import deepcopy
from pathlib import Path

import jsonschema
import osmium
import pytest
from plugspan import pipeline, study
from plugspan.cli import _run
from plugspan.project import Project
from plugspan.render.pictures import charts
from plugspan.render.report import context as state
from plugspan.render.report import sections, siting
from plugspan.render.result_schema import result_schema
from plugspan.render.run import write_run
from plugspan.tables.layers import plan_layers
from plugspan.tables.result import plan_result

BOX = (113.10, 27.76, 113.22, 27.86)
HALO_KM = 3.0
FORMATS = ("shapefile", "geojson", "flatgeobuf", "geoparquet", "xlsx")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f0300"
    "05fe02fea7569e6b0000000049454e44ae426082"
)


def sample(root) -> dict:
    """The sample's project file, parsed; without its plan it sites for coverage."""
    project = tomllib.loads((root / "data" / "zhuzhou.toml").read_text("utf-8"))
    project["siting"] |= {"objective": "people", "sites": 8}
    return project


def parts(project: dict) -> list[tuple[str, ...]]:
    """All that may be left out: keys, sections and tables; and of ``[siting]`` what asks for sites."""
    whole = [(k,) for k in project if k not in ("schema", "name", "network", "tables")]
    tables = [("tables", k) for k in project["tables"]]
    return [*whole, *tables, ("siting", "sites"), ("network", "data_date")]


def without(project: dict, *left_out: tuple[str, ...]) -> dict:
    """A copy of the project without these parts."""
    copy = deepcopy(project)
    for *path, key in left_out:
        holder = copy
        for step in path:
            holder = holder.get(step, {})
        holder.pop(key, None)
    return copy


@pytest.fixture(scope="module")
def world(root, tmp_path_factory):
    """Project of the sample on the roads around ``BOX``."""
    folder = tmp_path_factory.mktemp("world")
    west, south, east, north = BOX
    roads = root / "data" / "osm" / "zhuzhou-sample.osm.pbf"
    inside = {
        n.id
        for n in osmium.FileProcessor(str(roads), osmium.osm.NODE)
        if west - 0.05 < n.lon < east + 0.05 and south - 0.05 < n.lat < north + 0.05
    }
    with osmium.BackReferenceWriter(str(folder / "roads.osm.pbf"), ref_src=str(roads)) as out:
        for way in osmium.FileProcessor(str(roads), osmium.osm.WAY):
            if any(n.ref in inside for n in way.nodes):
                out.add(way)
    project = sample(root)
    project["network"]["osm"] = str(folder / "roads.osm.pbf")
    project["region"] = {"bbox": list(BOX), "halo_km": HALO_KM}
    for tables in project["tables"].values():
        for table in tables if isinstance(tables, list) else [tables]:
            table["path"] = str(root / "data" / table["path"])
    return project


PARTS = [
    ("policy",), ("language",), ("assess_at",), ("region",), ("plan",), ("siting",), ("output",),
    ("siting", "sites"),
    ("network", "data_date"), *(("tables", t) for t in
    ("chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls")),
]  # fmt: skip


def test_the_list_of_parts_is_complete(root):
    """A new section or table of the sample is tried, too."""
    assert sorted(PARTS) == sorted(parts(sample(root)))


def toml(value) -> str:
    """A value as TOML writes it, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return value.isoformat() if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)


def leave_out_pictures(patch) -> None:
    """Put a pixel in the place of every picture of the report."""
    for module, name in ((state, "figure_png"), (siting, "figure_png"), (sections, "svg_png")):
        assert getattr(module, name) is getattr(charts, name)
        patch.setattr(module, name, lambda *_: PIXEL)


@pytest.fixture(scope="module")
def read_once():
    """Reading roads and finding routes is the same for all choices of one region."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_network", "find_routes"):
            patch.setattr(study, name, _remembered(getattr(study, name)))
        yield


def _remembered(function):
    kept = {}

    def remembering(first, *rest, **options):
        # A project by its region and roads; the roads by themselves.
        key = (first.region.model_dump_json(), first.network.osm) if isinstance(first, Project) else id(first)
        if key not in kept:
            kept[key] = (first, function(first, *rest, **options))
        return kept[key][1]

    return remembering


@pytest.fixture
def planned_once(monkeypatch):
    """The verbs of one project share its plan: what they write is tried, not how often it can be made."""
    made = {}
    make = pipeline.make_plan

    def once(project, **options):
        key = project.model_dump_json()
        if key not in made:
            made[key] = make(project, **options)
        return made[key]

    monkeypatch.setattr(pipeline, "make_plan", once)


@pytest.mark.parametrize("part", [(), *PARTS], ids=".".join)
def test_every_verb_runs_without(part, world, tmp_path, capsys, read_once, planned_once):
    """Each verb ends with 0; what it prints as JSON is JSON; result.json follows its schema; verify agrees.

    With nothing left out all verbs run and pictures are drawn. A run writes a map, a report and layers whatever is left
    out; the verbs that write one of them anew take turns.
    """
    left = without(world, part) if part else world
    file = str(tmp_path / "project.toml")
    Path(file).write_text("\n".join(f"{k} = {toml(v)}" for k, v in left.items()), "utf-8")
    run = str(tmp_path / "run")

    def does(*args: str) -> str:
        code = _run([*args])
        out = capsys.readouterr()
        assert code == 0, out.err
        return out.out

    writing = [
        ("map", file, "--file", str(tmp_path / "map.html")),
        ("report", file, "--file", str(tmp_path / "report.docx")),
        *(("export", file, "--format", form, "--out", str(tmp_path / f"as-{form}")) for form in FORMATS),
    ]
    turn = writing if not part else [writing[PARTS.index(part) % len(writing)]]
    with pytest.MonkeyPatch.context() as patch:
        if part:
            leave_out_pictures(patch)
        does("check", file)
        does("run", file, "--out", run)
        result = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))
        jsonschema.validate(result, result_schema(), cls=jsonschema.Draft202012Validator)
        assert [f["rule"] for f in json.loads(does("assess", file))["findings"]] == [
            f["rule"] for f in result["findings"]
        ]
        assert json.loads(does("site", file)).keys() == {"siting", "least_sites", "retrofit"}
        for args in turn:
            does(*args)
        does("verify", run)
        does("compare", run, run)


def left_out_together() -> list[list[tuple[str, ...]]]:
    """20 choices of parts: of any two parts, each is left out and kept with both states of the other.

    Rows of the design of Plackett and Burman (Biometrika 33, 1946) for up to 19 factors: a row of signs, turned by one
    place from choice to choice, and a choice that keeps everything.
    """
    first = [sign == "+" for sign in "++--++++-+-+----++-"]
    assert len(PARTS) <= len(first)
    rows = [first[-k:] + first[:-k] for k in range(len(first))]
    return [[part for part, out in zip(PARTS, row, strict=False) if out] for row in [*rows, []]]


TOGETHER = left_out_together()


def test_every_state_of_any_two_parts_is_tried():
    """The choices hold what they claim."""
    for two in itertools.combinations(PARTS, 2):
        assert len({tuple(part in left for part in two) for left in TOGETHER}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("left", range(len(TOGETHER)))
def test_a_run_is_whole_whatever_is_left_out(left, world, tmp_path, read_once, monkeypatch):
    """All files of the run folder are written, and result.json follows its schema; the languages in turn."""
    lang = "en" if left % 3 else "zh"
    leave_out_pictures(monkeypatch)
    plan = pipeline.make_plan(Project.model_validate(without(world, *TOGETHER[left])))
    assert plan_layers(plan, lang)
    write_run(plan, tmp_path / "run", overwrite=False, lang=lang, progress=lambda key, share: None)
    jsonschema.validate(plan_result(plan, lang), result_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("policy", ["zhuzhou-2025", "cn-national", "eu-afir", "us-nevi"])
def test_a_run_is_whole_on_roads_without_numbers(policy, world, tmp_path, capsys, monkeypatch):
    """Where no road has a number there are no routes: the run is written, checked and compared all the same."""
    leave_out_pictures(monkeypatch)
    with osmium.SimpleWriter(str(tmp_path / "roads.osm.pbf")) as out:
        for item in osmium.FileProcessor(world["network"]["osm"]):
            out.add(item.replace(tags={k: v for k, v in item.tags if k != "ref"}))
    project = without(world, ("tables", "counties")) | {"policy": policy}
    project["network"]["osm"] = "roads.osm.pbf"
    file, run = tmp_path / "project.toml", str(tmp_path / "run")
    file.write_text("\n".join(f"{k} = {toml(v)}" for k, v in project.items()), "utf-8")
    for args in (["run", str(file), "--out", run], ["verify", run], ["compare", run, run]):
        assert _run(args) == 0, capsys.readouterr().err
    result = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))
    jsonschema.validate(result, result_schema(), cls=jsonschema.Draft202012Validator)
    assert result["gaps"] == []
    assert result["routes"] == []
