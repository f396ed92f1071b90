"""Files and folders take their name when complete, or not at all, and cost nobody a file of his own."""

from __future__ import annotations

import itertools
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest
from plugspan import atomic, work_folder
from plugspan.atomic import MARKER, check_file, check_folder, write_file, write_folder
from plugspan.errors import OutputExistsError, PlugspanError


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """Flushing changes nothing that a process can see, and takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


posix = pytest.mark.skipif(sys.platform == "win32", reason="forks, links, devices")


def names(folder: Path) -> list[str]:
    """All names in a folder."""
    return sorted(p.name for p in folder.iterdir())


class BrokenOffError(Exception):
    """Something went wrong while writing."""


@pytest.fixture(params=["file", "folder"])
def write(request):
    """Write text ``content`` to ``path`` as a page, or as a folder holding ``a.txt``; fail afterwards if told so."""

    def as_file(path, content, *, overwrite=False, fail=False):
        with write_file(path, overwrite=overwrite) as new:
            new.write_text(f'<meta name="generator" content="plugspan">{content}', "utf-8")
            if fail:
                raise BrokenOffError

    def as_folder(path, content, *, overwrite=False, fail=False):
        with write_folder(path, overwrite=overwrite) as new:
            (new / "a.txt").write_text(content, "utf-8")
            if fail:
                raise BrokenOffError

    return as_file if request.param == "file" else as_folder


@pytest.fixture(params=["in one step", "in two steps"])
def steps(request, monkeypatch):
    """Systems that can exchange two names, and systems that cannot."""
    if request.param == "in two steps":
        monkeypatch.setattr(atomic, "_LIBRARY", None)
    elif sys.platform != "linux":
        pytest.skip("no exchange of names on this system")
    return request.param


def held(path: Path) -> str:
    """What ``write`` has written."""
    return (path / "a.txt" if path.is_dir() else path).read_text("utf-8").partition(">")[2] or (
        path / "a.txt"
    ).read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["out.gpkg", "out [1]*?.gpkg", "株洲 结果", ".hidden", "a.b.c", "a#b", "100%25"]
)
def test_it_appears_whole_under_its_name_and_nothing_else_does(tmp_path, write, name):
    """Also with names that mean something to a shell or in an address."""
    write(tmp_path / "deep" / name, "new")
    assert names(tmp_path / "deep") == [name]
    assert held(tmp_path / "deep" / name) == "new"


def test_what_is_there_stays_unless_overwrite_is_given(tmp_path, write, steps):
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


def test_one_that_appears_at_the_last_moment_is_not_replaced(tmp_path, monkeypatch, steps):
    """Between the last look and the renaming: with ``overwrite`` a folder's files are kept, else nothing happens."""
    renaming = atomic._take_place

    def later(new, aside, place):
        if not place.exists():
            place.mkdir()
            (place / "theirs.txt").write_text("theirs", "utf-8")
            return False
        return renaming(new, aside, place)

    monkeypatch.setattr(atomic, "_take_place", later)
    with pytest.raises(OutputExistsError), write_folder(tmp_path / "out", overwrite=True) as new:
        (new / "a.txt").write_text("ours", "utf-8")
    assert (tmp_path / "out" / "theirs.txt").read_text("utf-8") == "theirs"
    assert names(tmp_path) == ["out"]


@posix
def test_what_others_may_read_is_readable(tmp_path, write):
    """Colleagues on the same share can open it, unless the user's own settings say otherwise."""
    for mask, bits in ((0o022, 0o044), (0o077, 0)):
        before = os.umask(mask)
        try:
            write(tmp_path / f"out{mask}", "new")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"out{mask}").stat().st_mode) & 0o044 == bits


def test_one_held_open_by_another_program_is_kept_beside(tmp_path, write, monkeypatch):
    """Windows refuses to replace an open file: the old one stays, the new one gets a name of its own."""
    write(tmp_path / "layers.gpkg", "old")
    (tmp_path / "layers-2.gpkg").touch()
    rename, replace = Path.rename, Path.replace

    def refuse(renaming):
        def refusing(self, target):
            if tmp_path / "layers.gpkg" in (self, Path(target)):
                raise PermissionError(13, "used by another process")
            return renaming(self, target)

        return refusing

    monkeypatch.setattr(atomic, "_LIBRARY", None)
    monkeypatch.setattr(Path, "rename", refuse(rename))
    monkeypatch.setattr(Path, "replace", refuse(replace))
    with pytest.raises(PlugspanError, match=r"layers-3\.gpkg"):
        write(tmp_path / "layers.gpkg", "new", overwrite=True)
    assert held(tmp_path / "layers.gpkg") == "old"
    assert held(tmp_path / "layers-3.gpkg") == "new"
    assert names(tmp_path) == ["layers-2.gpkg", "layers-3.gpkg", "layers.gpkg"]


# -- what plugspan didn't make -----------------------------------------------------------------------------


def _foreign_folder(path):
    path.mkdir()
    (path / "thesis.txt").write_text("years of work", "utf-8")


def _unlisted_folder(path, marker):
    path.mkdir()
    (path / MARKER).write_text(marker, "utf-8")


FOREIGN = {
    "a folder of somebody's": _foreign_folder,
    "a file of somebody's": lambda p: p.write_text("years of work", "utf-8"),
    "an empty file": lambda p: p.touch(),
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda p: p.symlink_to(p.parent / "nowhere" / "x"),
    "a link to itself": lambda p: p.symlink_to(p),
    "a link to the null device": lambda p: p.symlink_to("/dev/null"),
    "a link to somebody's file": lambda p: p.symlink_to(p.parent / "theirs.txt"),
    "a damaged list": lambda p: _unlisted_folder(p, "{"),
    "a list that is none": lambda p: _unlisted_folder(p, '{"files": [1]}'),
    "a list nested too deep": lambda p: _unlisted_folder(p, "[" * 10**5),
    "a list without end": lambda p: (p.mkdir(), (p / MARKER).symlink_to("/dev/zero")),
    "a list that is a pipe": lambda p: (p.mkdir(), os.mkfifo(p / MARKER)),
}


@posix
@pytest.mark.parametrize("what", FOREIGN)
def test_overwrite_replaces_nothing_that_plugspan_did_not_make(tmp_path, write, what):
    """Refused before and after writing, with exit code 2; nothing changed, no litter."""
    (tmp_path / "theirs.txt").write_text("theirs", "utf-8")
    path = tmp_path / "out"
    FOREIGN[what](path)
    before = {p: (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*")}
    with pytest.raises(OutputExistsError) as told:
        write(path, "new", overwrite=True)
    assert "out" in told.value.render("zh")
    assert {p: (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*")} == before


@posix
def test_a_folder_is_no_file_and_the_null_device_neither(tmp_path):
    """Not even by root, and not even the folders that are always there."""
    for check, path in (
        (check_file, tmp_path), (check_file, Path("/dev/null")), (check_folder, Path("/dev/null")),
        (check_folder, Path("/")), (check_folder, Path("/dev")),
    ):  # fmt: skip
        with pytest.raises(OutputExistsError):
            check(path, overwrite=True)


def test_an_empty_folder_may_be_filled(tmp_path):
    """A folder made beforehand, for which somebody has set the rights."""
    (tmp_path / "out").mkdir()
    with write_folder(tmp_path / "out", overwrite=True) as new:
        (new / "a.txt").write_text("new", "utf-8")
    assert names(tmp_path / "out") == [MARKER, "a.txt"]


@posix
def test_a_link_is_followed(tmp_path, write, steps):
    """The link stays, what it leads to is replaced, and nothing is written where the link is."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "desk").mkdir()
    write(tmp_path / "disk" / "out", "old")
    link = tmp_path / "desk" / "link"
    link.symlink_to(tmp_path / "disk" / "out")
    write(link, "new", overwrite=True)
    assert link.is_symlink()
    assert held(tmp_path / "disk" / "out") == held(link) == "new"
    assert names(tmp_path / "desk") == ["link"]
    assert names(tmp_path / "disk") == ["out"]


def make_old(path):
    """A finished folder in which its user has worked."""
    with write_folder(path, overwrite=False) as new:
        for name in ("map.html", "report.docx", "layers.gpkg"):
            (new / name).write_text(f"old {name}", "utf-8")
    (path / "report.docx").write_text("corrected by hand", "utf-8")
    (path / "notes" / "deep").mkdir(parents=True)
    (path / "notes" / "deep" / "photo.jpg").write_bytes(b"photo")
    (path / "empty").mkdir()


def write_new(path):
    """The next run."""
    with write_folder(path, overwrite=True) as new:
        for name in ("map.html", "report.docx", "layers.gpkg"):
            (new / name).write_text(f"new {name}", "utf-8")


def content(folder):
    """Every file with what is in it, and every empty folder; the list of files apart."""
    return {
        p.relative_to(folder).as_posix(): None if p.is_dir() else p.read_bytes()
        for p in folder.rglob("*")
        if p.name != MARKER and (p.is_file() or not any(p.iterdir()))
    }


OLD = {
    "map.html": b"old map.html", "report.docx": b"corrected by hand", "layers.gpkg": b"old layers.gpkg",
    "notes/deep/photo.jpg": b"photo", "empty": None,
}  # fmt: skip
NEW = {
    "map.html": b"new map.html", "report.docx": b"new report.docx", "layers.gpkg": b"new layers.gpkg",
    "report-2.docx": b"corrected by hand", "notes/deep/photo.jpg": b"photo", "empty": None,
}  # fmt: skip


@pytest.mark.parametrize("links", [True, False])
def test_the_users_own_files_stay_in_the_folder_and_are_named(tmp_path, caplog, monkeypatch, steps, links):
    """A file put in, a file changed: both are there after three more runs, once each, with or without hard links."""
    if not links:
        monkeypatch.setattr(
            os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no links"))
        )
    make_old(tmp_path / "run")
    assert content(tmp_path / "run") == OLD
    write_new(tmp_path / "run")
    assert content(tmp_path / "run") == NEW
    assert "report-2.docx" in caplog.text
    assert "notes/deep/photo.jpg" in caplog.text
    for _ in range(2):
        write_new(tmp_path / "run")
    assert content(tmp_path / "run") == NEW
    assert names(tmp_path) == ["run"]


def test_a_file_added_by_plugspan_itself_goes_with_its_folder(tmp_path):
    """The PDF of an older report must not lie beside a new one; one that was changed since must."""
    make_old(tmp_path / "run")
    with write_file(tmp_path / "run" / "report.pdf", overwrite=False) as new:
        new.write_bytes(b"old pdf")
    with write_file(tmp_path / "run" / "report.pdf", overwrite=True) as new:
        new.write_bytes(b"newer pdf")
    write_new(tmp_path / "run")
    assert content(tmp_path / "run") == NEW
    with write_file(tmp_path / "run" / "report.pdf", overwrite=False) as new:
        new.write_bytes(b"pdf")
    (tmp_path / "run" / "report.pdf").write_bytes(b"with remarks")
    write_new(tmp_path / "run")
    assert content(tmp_path / "run") == NEW | {"report.pdf": b"with remarks"}


def test_what_a_database_keeps_beside_its_file_never_meets_another_one(tmp_path):
    """Changes that QGIS has not written into the old layers yet would damage the new ones: they go along."""
    write_new(tmp_path / "run")
    (tmp_path / "run" / "layers.gpkg-shm").write_bytes(b"index")
    (tmp_path / "run" / "layers.gpkg-wal").touch()
    write_new(tmp_path / "run")  # open, but unchanged
    assert set(content(tmp_path / "run")) == {"map.html", "report.docx", "layers.gpkg"}
    (tmp_path / "run" / "layers.gpkg-wal").write_bytes(b"changes")
    write_new(tmp_path / "run")
    kept = content(tmp_path / "run")
    assert kept["layers-2.gpkg"] == b"new layers.gpkg"
    assert kept["layers-2.gpkg-wal"] == b"changes"
    assert "layers.gpkg-wal" not in kept


# -- killed, interrupted, disturbed ------------------------------------------------------------------------

COUNTED = ("open", "os.", "shutil.", "fcntl.", "plugspan.")


def end_at(n, how):
    """Have this process killed, or interrupted, just before its n-th file operation."""
    rename, seen = atomic._renameat2, itertools.count(1)

    def counted(source, target, kind):
        sys.audit("plugspan.renameat2")
        return rename(source, target, kind)

    def hook(event, _args):
        if event.startswith(COUNTED) and event not in ("os.kill", "os.putenv") and next(seen) == n:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt

    atomic._renameat2 = counted
    sys.addaudithook(hook)


def at_every_line(do):
    """Call ``do`` with file and number before every line that runs in the two modules."""

    def trace(frame, event, _arg):
        if frame.f_code.co_filename not in (atomic.__file__, work_folder.__file__):
            return None
        if event == "line":
            do((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)


def interrupt_at_line(n):
    """Have Ctrl-C arrive before the n-th line that runs in the two modules."""
    seen = itertools.count(1)

    def interrupt(_line):
        if next(seen) == n:
            sys.settrace(None)
            raise KeyboardInterrupt

    at_every_line(interrupt)


def telling_lines(path):
    """Which of the lines that run in turn to interrupt: of each its first, second and last time, then none."""
    make_old(path)
    ran: list[tuple[str, int]] = []
    before = sys.gettrace()
    at_every_line(ran.append)
    try:
        write_new(path)
    finally:
        sys.settrace(before)
    times: dict[tuple[str, int], list[int]] = {}
    for n, line in enumerate(ran, start=1):
        times.setdefault(line, []).append(n)
    return sorted({n for ns in times.values() for n in (*ns[:2], ns[-1])} | {len(ran) + 1})


def in_background(work):
    """Run ``work`` in a process of its own, which ends with 0 if it came to its end."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def in_child(prepare, work):
    """Whether ``work``, in a process of its own and after ``prepare``, came to its end."""
    return os.waitpid(in_background(lambda: (prepare(), work())), 0)[1] == 0


WAYS = {
    "killed": lambda n: lambda: end_at(n, "kill"),
    "interrupted": lambda n: lambda: end_at(n, "interrupt"),
    "interrupted at a line": lambda n: lambda: interrupt_at_line(n),
}


@posix
@pytest.mark.parametrize("way", WAYS)
def test_ended_at_any_operation_the_old_or_the_new_folder_is_whole(tmp_path, way, steps):
    """At every one in turn. A system that exchanges names has one of them at its place at every moment, and any has

    it there at the next start, which clears the rest away and keeps all files of the user.
    """
    ends = set()
    by_line = way == "interrupted at a line"
    for n in telling_lines(tmp_path / "once" / "run") if by_line else itertools.count(1):
        path = tmp_path / str(n) / "run"
        make_old(path)
        done = in_child(WAYS[way](n), lambda path=path: write_new(path))
        if steps == "in one step":
            assert content(path) in (OLD, NEW), n
        check_folder(path, overwrite=True)
        assert content(path) in (OLD, NEW), n
        assert names(path.parent) == ["run"], n
        ends.add(content(path) == NEW)
        if done:
            break
    assert done
    assert n > 60
    assert ends == {True, False}


@posix
def test_recovery_that_is_killed_is_finished_by_the_next(tmp_path, monkeypatch):
    """At every operation of it in turn, from the moment when neither folder is at its place."""
    monkeypatch.setattr(atomic, "_LIBRARY", None)

    def killed_between(path):
        make_old(path)
        rename = Path.rename

        def kill(self, target):
            rename(self, target)
            if Path(target).name == "old":
                os.kill(os.getpid(), signal.SIGKILL)

        assert not in_child(lambda: setattr(Path, "rename", kill), lambda: write_new(path))
        assert not path.exists()

    for n in itertools.count(1):
        path = tmp_path / str(n) / "run"
        killed_between(path)
        done = in_child(lambda n=n: end_at(n, "kill"), lambda path=path: check_folder(path, overwrite=True))
        check_folder(path, overwrite=True)
        assert content(path) == OLD, n
        assert names(path.parent) == ["run"], n
        if done:
            break
    assert n > 5


@posix
def test_what_a_killed_run_left_goes_at_the_next_start_and_that_is_said(tmp_path, caplog):
    """Of its own output only, and not what somebody else named alike."""
    (tmp_path / ".run.new-0123abcd").mkdir()
    (tmp_path / ".run.new-0123abcd" / "mine.txt").touch()
    (tmp_path / ".run.new-notes").mkdir()

    def write_half(path):
        with write_folder(path, overwrite=False) as new:
            (new / "map.html").write_text("half", "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    assert not in_child(lambda: None, lambda: write_half(tmp_path / "run"))
    assert not in_child(lambda: None, lambda: write_half(tmp_path / "walk"))
    assert len(names(tmp_path)) == 4
    check_folder(tmp_path / "run", overwrite=False)
    assert [n.startswith(".walk") for n in names(tmp_path)] == [False, False, True]
    assert "cut off" in caplog.text


@posix
def test_a_run_that_still_writes_is_left_alone_by_another_start(tmp_path):
    """Its work folder is locked as long as its process lives."""
    with write_folder(tmp_path / "run", overwrite=True) as new:
        (new / "a.txt").write_text("slow", "utf-8")
        assert in_child(lambda: None, lambda: check_folder(tmp_path / "run", overwrite=True))
        assert in_child(lambda: None, lambda: write_new(tmp_path / "run"))
        assert set(content(tmp_path / "run")) == {"map.html", "report.docx", "layers.gpkg"}
    assert content(tmp_path / "run") == {"a.txt": b"slow"}
    assert names(tmp_path) == ["run"]


def test_without_locks_what_was_left_behind_goes_after_a_day(tmp_path, monkeypatch):
    """Windows and some network drives: until then another run may still be writing."""
    monkeypatch.setattr(work_folder, "_locked", lambda *_: None)
    work = tmp_path / ".run.new-0123abcd"
    (work / "new").mkdir(parents=True)
    (work / "lock").touch()
    check_folder(tmp_path / "run", overwrite=False)
    assert work.exists()
    then = time.time() - 2 * 86400
    os.utime(work, (then, then))
    check_folder(tmp_path / "run", overwrite=False)
    assert names(tmp_path) == []


@posix
def test_runs_into_one_folder_at_once_leave_one_of_them_whole(tmp_path, steps):
    """Whoever comes last; and where names can be exchanged, the folder is whole at every moment."""
    path = tmp_path / "run"

    def write_label(label):
        with write_folder(path, overwrite=True) as new:
            for name in "abc":
                (new / name).write_text(label, "utf-8")

    def write_often(label):
        for k in range(25):
            write_label(f"{label}{k}")

    write_label("first")
    (path / "mine.txt").write_text("mine", "utf-8")
    writers = {in_background(lambda label=label: write_often(label)) for label in ("one", "two")}
    while writers:
        for pid in list(writers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                assert status == 0
                writers.remove(pid)
        if steps == "in one step":
            assert len(labels(path)) <= 1
    assert labels(path) & {b"one24", b"two24"}
    assert (path / "mine.txt").read_text("utf-8") == "mine"
    assert names(path) == [MARKER, "a", "b", "c", "mine.txt"]
    assert names(tmp_path) == ["run"]


def labels(path):
    """What stands in the files of a folder that is there, or was a moment ago; nothing if it is being cleared."""
    handle, found = os.open(path, os.O_RDONLY), set()
    try:
        for name in "abc":
            file = os.open(name, os.O_RDONLY, dir_fd=handle)
            found.add(os.read(file, 99))
            os.close(file)
    except FileNotFoundError:
        return set()
    finally:
        os.close(handle)
    return found
