"""Files and folders take their name when complete, or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plugspan.errors import OutputExistsError, PlugspanError
from plugspan.output.atomic import write_file, write_folder


def names(folder: Path) -> list[str]:
    """All names in a folder."""
    return sorted(p.name for p in folder.iterdir())


class BrokenOffError(Exception):
    """Something went wrong while writing."""


@pytest.fixture(params=["file", "folder"])
def write(request):
    """Write text ``content`` to ``path`` as a file, or as a folder holding ``a.txt``; fail afterwards if told so."""

    def as_file(path, content, *, overwrite=False, fail=False):
        with write_file(path, overwrite=overwrite) as new:
            new.write_text(content, "utf-8")
            if fail:
                raise BrokenOffError

    def as_folder(path, content, *, overwrite=False, fail=False):
        with write_folder(path, overwrite=overwrite) as new:
            (new / "a.txt").write_text(content, "utf-8")
            if fail:
                raise BrokenOffError

    return as_file if request.param == "file" else as_folder


def held(path: Path) -> str:
    """What ``write`` has written."""
    return (path / "a.txt" if path.is_dir() else path).read_text("utf-8")


@pytest.mark.parametrize("name", ["out.gpkg", "out [1]*?.gpkg", "株洲 结果", ".hidden", "a.b.c"])
def test_it_appears_whole_under_its_name_and_nothing_else_does(tmp_path, write, name):
    """Also with names that mean something to a shell."""
    write(tmp_path / "deep" / name, "new")
    assert names(tmp_path / "deep") == [name]
    assert held(tmp_path / "deep" / name) == "new"


def test_what_is_there_stays_unless_overwrite_is_given(tmp_path, write):
    """The error comes before anything is written."""
    write(tmp_path / "out", "old")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        write(tmp_path / "out", "new")
    assert held(tmp_path / "out") == "old"
    write(tmp_path / "out", "new", overwrite=True)
    assert held(tmp_path / "out") == "new"
    assert names(tmp_path) == ["out"]


def test_a_failure_leaves_the_old_one_and_no_litter(tmp_path, write):
    """Neither a half-written new one nor a temporary one."""
    write(tmp_path / "out", "old")
    with pytest.raises(BrokenOffError):
        write(tmp_path / "out", "half", overwrite=True, fail=True)
    assert held(tmp_path / "out") == "old"
    assert names(tmp_path) == ["out"]
    with pytest.raises(BrokenOffError):
        write(tmp_path / "other", "half", fail=True)
    assert names(tmp_path) == ["out"]


def test_one_that_appears_meanwhile_is_not_replaced(tmp_path):
    """Another program wrote the same name while we were writing."""
    path = tmp_path / "out"

    def write_while_another_does():
        with write_file(path, overwrite=False) as new:
            new.write_text("ours", "utf-8")
            path.write_text("theirs", "utf-8")

    with pytest.raises(OutputExistsError):
        write_while_another_does()
    assert path.read_text("utf-8") == "theirs"
    assert names(tmp_path) == ["out"]


def test_what_others_may_read_is_readable(tmp_path, write):
    """Colleagues on the same share can open it."""
    write(tmp_path / "out", "new")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) & 0o044 == 0o044


def test_one_held_open_by_another_program_is_kept_beside(tmp_path, write, monkeypatch):
    """Windows refuses to replace an open file: the old one stays, the new one gets a name of its own."""
    write(tmp_path / "layers.gpkg", "old")
    (tmp_path / "layers-2.gpkg").touch()

    def refuse(self, target):
        raise PermissionError(13, "used by another process")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PlugspanError, match=r"layers-3\.gpkg"):
        write(tmp_path / "layers.gpkg", "new", overwrite=True)
    assert held(tmp_path / "layers.gpkg") == "old"
    assert held(tmp_path / "layers-3.gpkg") == "new"
    assert names(tmp_path) == ["layers-2.gpkg", "layers-3.gpkg", "layers.gpkg"]


def test_a_dangling_link_is_something_that_is_there(tmp_path):
    """A link to nowhere is not silently replaced; with overwrite the link goes, not what it might point at."""
    link = tmp_path / "out"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError), write_file(link, overwrite=False):
        pass
    with write_file(link, overwrite=True) as new:
        new.write_text("new", "utf-8")
    assert names(tmp_path) == ["out"]
    assert not link.is_symlink()


def test_ctrl_c_leaves_no_litter(tmp_path):
    """An interrupt is no Exception, and is cleaned up after all the same."""
    script = (
        "import sys; from pathlib import Path; from plugspan.output.atomic import write_folder\n"
        "with write_folder(Path(sys.argv[1]), overwrite=True) as new:\n"
        "    (new / 'a.txt').write_text('half'); raise KeyboardInterrupt\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert names(tmp_path) == []


@pytest.mark.parametrize("days", [0, 2])
def test_what_a_killed_run_left_is_removed_after_a_day(tmp_path, days):
    """A half-written folder of two days ago goes; one of now may still be written; others' folders stay."""
    litter = [tmp_path / ".run.new-dead", tmp_path / ".walk.new-dead"]
    for folder in litter:
        folder.mkdir()
        (folder / "map.html").write_text("half")
        then = time.time() - days * 86400
        os.utime(folder, (then, then))
    with write_folder(tmp_path / "run", overwrite=False) as new:
        (new / "map.html").write_text("whole")
    assert litter[0].exists() == (days == 0)
    assert litter[1].exists()
    assert (tmp_path / "run" / "map.html").read_text() == "whole"
