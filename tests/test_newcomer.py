"""What a newcomer or an adversary tries first: what is said, the exit code, and that nothing is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from plugspan.cli import _run
from plugspan.errors import InputError
from plugspan.pipeline import fetch, load, make_plan
from plugspan.project import read_project
from plugspan.render.run import is_run_folder

PROJECT = """schema = 1
name = "t"
language = "en"
{more_top}
[region]
{region}
halo_km = 5
[network]
osm = "{osm}"
{more}
"""
PEOPLE = "id,lon,lat,weight\n1,113.1,27.8,4000\n"
POINT = "id,name,lon,lat,points,point_kw\n1,A,113.1,27.8,4,120\n"


@pytest.fixture
def project(root, tmp_path):
    """Write a project on the sample's roads; returns its folder."""

    def write(more="", *, region="bbox = [112.9, 27.6, 113.4, 28.0]", more_top="", osm=None, files=()):
        shutil.copy(root / "data" / "osm" / "zhuzhou-sample.osm.pbf", tmp_path / "roads.osm.pbf")
        for name, content in dict(files).items():
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            (tmp_path / name).write_bytes(data)
        body = PROJECT.format(more=more, region=region, more_top=more_top, osm=osm or "roads.osm.pbf")
        (tmp_path / "project.toml").write_text(body, "utf-8")
        return tmp_path

    return write


def table(name: str, path: str, **settings: str) -> str:
    """One table of a project file."""
    return "\n".join(
        [f"[[tables.{name}]]", f'path = "{path}"', *(f"{k} = {v}" for k, v in settings.items()), ""]
    )


def faults_of(folder: Path) -> list[tuple[str, int | None]]:
    """Key and row of every fault that reading a project raises."""
    with pytest.raises(InputError) as caught:
        load(read_project(folder))
    return [(fault.key, fault.row) for fault in caught.value.faults]


def noticed(folder: Path) -> list[str]:
    """Keys of what reading a project notices."""
    return [fault.key for fault in load(read_project(folder)).inputs.warnings]


# -- faults ----------------------------------------------------------------------------------------------


def test_a_broken_road_file_does_not_hide_the_faults_of_tables_and_policy(project):
    """Roads cut short, an unknown policy, a missing table and a swapped coordinate: all four in one message."""
    folder = project(
        table("chargers", "a.csv") + table("berths", "none.csv"),
        more_top='policy = "mars"',
        files={"a.csv": "id,lon,lat\n1,27.8,113.1\n"},
    )
    roads = folder / "roads.osm.pbf"
    roads.write_bytes(roads.read_bytes()[:5000])
    keys = [key for key, _ in faults_of(folder)]
    assert len(keys) == 4
    assert {"policy-unknown", "file-missing"} <= set(keys)


def test_a_road_file_that_is_missing_is_told_once(project):
    """The region's relation and the roads are in the same missing file: one fault."""
    folder = project(region="osm_relation = 77", osm="nowhere.osm.pbf")
    assert [key for key, _ in faults_of(folder)] == ["network-file-beside"]


def test_numbers_too_large_for_anything_are_faults(project):
    """A count of twenty digits is told with its row, whatever the column's type."""
    rows = "1,113.1,27.8,99999999999999999999,1\n2,113.1,27.8,2,1e300\n3,113.1,27.8,2,60\n"
    folder = project(table("chargers", "a.csv"), files={"a.csv": "id,lon,lat,points,point_kw\n" + rows})
    assert faults_of(folder) == [("number-too-large", 2), ("number-too-large", 3)]


def test_a_project_file_saved_as_gbk_says_so_with_its_row(tmp_path):
    """Notepad's ANSI on a Chinese Windows is GBK: the message says to save as UTF-8, and from which row on."""
    (tmp_path / "project.toml").write_bytes('schema = 1\nname = "株洲"\n'.encode("gbk"))
    with pytest.raises(InputError) as caught:
        read_project(tmp_path)
    assert caught.value.faults[0].key == "not-utf8"
    assert "row 2" in str(caught.value)
    assert "UTF-8" in str(caught.value)


def test_a_missing_boundary_file_is_not_mistaken_for_the_roads(project):
    """The remedy names [region], not plugspan fetch."""
    folder = project(region='file = "border.geojson"')
    assert [key for key, _ in faults_of(folder)] == ["region-file-missing"]


def test_fetch_says_that_a_relation_cannot_say_where_to_download(project):
    """The relation is read from the file that is to be downloaded: another way to name the region is asked for."""
    folder = project(region="osm_relation = 77", osm="nowhere.osm.pbf")
    with pytest.raises(InputError) as caught:
        fetch(read_project(folder), overwrite=False, log=print)
    assert [fault.key for fault in caught.value.faults] == ["region-relation-in-file"]


def test_a_server_address_that_is_none_is_told_before_anything_is_asked(project):
    """Not after minutes of tries."""
    folder = project('overpass = "overpass.example"')
    with pytest.raises(InputError, match="http://"):
        read_project(folder)


# -- what has no effect is noticed -----------------------------------------------------------------------


def test_road_classes_that_match_nothing_are_noticed(project):
    """A pattern that no number matches, and a class that no rule knows, are both said, with what there is."""
    folder = project("[road_class]\nordinary_trunk = ['CG-?1']\nordinary_trnk = ['G106']\n")
    study = load(read_project(folder))
    notes = {fault.key: fault.render("en") for fault in study.inputs.warnings}
    assert "ordinary_trnk" in notes["road-class-unknown"]
    assert "G0422" in notes["road-class-empty"]


def test_a_region_by_name_that_was_not_looked_up_is_noticed(project):
    """Without fetch nobody knows where it is: the whole file is assessed, and that is said."""
    assert "region-not-looked-up" in noticed(project(region='name = "Zhuzhou"'))


def test_siting_for_people_without_people_is_noticed(project):
    """It proposes nothing; the reason is said, and not said when highways are to be covered."""
    assert "siting-no-demand" in noticed(project("[siting]\nsites = 2\n"))
    assert "siting-no-demand" not in noticed(project('[siting]\nsites = 2\nobjective = "highway"\n'))


def test_a_sound_project_has_no_such_notes(root):
    """The sample uses all its settings."""
    study = load(read_project(root / "data" / "zhuzhou.toml"))
    keys = {fault.key for fault in study.inputs.warnings}
    assert not keys & {"road-class-empty", "road-class-unknown", "region-not-looked-up", "siting-no-demand"}


# -- what is on the disk ----------------------------------------------------------------------------------


def test_overwrite_never_replaces_a_folder_that_no_run_has_written(project, tmp_path, capsys):
    """``--overwrite --out .`` would cost the project its files: refused, exit code 2, everything still there."""
    folder = project()
    for out in (folder, folder.parent):
        assert _run(["run", str(folder), "--overwrite", "--out", str(out)]) == 2
        assert "no list of files" in capsys.readouterr().err
    assert {"project.toml", "roads.osm.pbf"} <= {path.name for path in folder.iterdir()}


def test_ctrl_c_before_the_verb_is_known_is_told_too(monkeypatch, capsys):
    """The catalogue and the verbs take a moment to load; a Ctrl-C there gives 130 and no traceback."""

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("plugspan.cli._group", interrupted)
    assert _run(["run", "."]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_run_folders_of_earlier_versions_are_known(tmp_path):
    """What every version wrote marks a run folder; a project file in it says that it is more than that."""
    for name in ("result.json", "log.txt"):
        assert not is_run_folder(tmp_path)
        (tmp_path / name).write_text("{}", "utf-8")
    assert is_run_folder(tmp_path)
    (tmp_path / "project.toml").write_text("", "utf-8")
    assert not is_run_folder(tmp_path)


# -- building never makes it worse -----------------------------------------------------------------------


def test_a_proposed_site_at_an_unsurveyed_hub_is_no_survey(project):
    """A hub that asks for more power than a proposed site has stays unknown when one is proposed beside it."""
    folder = project(
        table("facilities", "f.csv") + table("demand", "d.csv")
        + '[siting]\nsites = 1\ncandidates = ["hub"]\n',
        files={
            "f.csv": "id,name,kind,lon,lat\nh,Hub,hub,113.15,27.83\n",
            "d.csv": "id,name,lon,lat,weight\n1,P,113.15,27.83,1000\n",
        },
    )  # fmt: skip
    plan = make_plan(read_project(folder))
    assert [len(s.proposed) for s in plan.siting] == [1]
    for before, after in zip(plan.before.findings, plan.after.findings, strict=True):
        if before.high is not None and before.rule.kind == "facility_share":
            assert after.high >= before.high
            assert after.low >= before.low


# -- what is beside the file that is asked for -----------------------------------------------------------


def test_a_road_file_of_another_name_is_pointed_out(project):
    """``init`` writes roads.osm.pbf, the newcomer copies andorra.osm.pbf there: the message names it."""
    folder = project(osm="andorra.osm.pbf")
    with pytest.raises(InputError, match=r"roads\.osm\.pbf") as caught:
        load(read_project(folder))
    assert [fault.key for fault in caught.value.faults] == ["network-file-beside"]


def test_boundaries_that_would_do_are_named(root, tmp_path):
    """A relation that is not in the file, or not whole: the message lists those that are."""
    shutil.copy(root / "data" / "osm" / "zhuzhou-sample.osm.pbf", tmp_path / "roads.osm.pbf")
    body = PROJECT.format(more="", region="osm_relation = 9999", more_top="", osm="roads.osm.pbf")
    (tmp_path / "project.toml").write_text(body, "utf-8")
    with pytest.raises(InputError, match="醴陵市") as caught:
        load(read_project(tmp_path))
    assert [fault.key for fault in caught.value.faults] == ["region-relation-others"]


def test_ids_used_in_two_tables_hide_no_other_faults(project):
    """The same id in two files, and a bad number in a third: both at once."""
    folder = project(
        table("demand", "a.csv") + table("demand", "b.csv") + table("berths", "c.csv"),
        files={"a.csv": PEOPLE, "b.csv": PEOPLE + "2,113.2,27.8,5\n", "c.csv": "id,class_t\n1,千吨\n"},
    )
    assert {key for key, _ in faults_of(folder)} == {"id-twice-files", "number-word"}


def test_an_osm_file_without_chargers_is_no_survey(project):
    """``from_osm = true`` finds none: said, because it does not mean that there are none."""
    folder = project("[tables.chargers]\nfrom_osm = true\n")
    assert "osm-nothing" in noticed(folder)
