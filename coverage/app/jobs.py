"""Commands of plugspan as child processes of the application: what they say is a file, followed by any number of pages.

A child writes into a log of its own (``.plugspan-app/run.log`` in the project) and holds a lock as long as it lives.
So a page that is opened later, or after the application was killed and started again, sees how far it is and how it
ended; and no two run at the same time in one project, whoever started them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from ..atomic import write_text
from .world import Folder, RefusedError

if sys.platform != "win32":
    import fcntl

HOME = ".plugspan-app"
"""Folder in a project for logs and locks; nothing in it is needed by the command."""
KINDS = ("check", "fetch", "run", "assess", "compare", "pdf")
_POLL_S = 0.15
_MOST_LINES = 2_000
State = Literal["none", "running", "ended", "broken"]


def file_of(folder: Folder, name: str) -> Path:
    """Return where a file about a project's commands is.

    Raises
    ------
    RefusedError
        403 if a link leads out of the project: a folder from a stranger may hold one.
    """
    return folder.inside(f"{HOME}/{name}")


@dataclass(frozen=True)
class Job:
    """One kind of command in a project's folder."""

    folder: Folder
    kind: str

    @property
    def log(self) -> Path:
        """What it says, a line each: JSON for progress and ends, else words."""
        return file_of(self.folder, f"{self.kind}.log")


class Jobs:
    """Children that this application started."""

    def __init__(self) -> None:
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._guard = threading.Lock()

    def start(self, job: Job, args: Sequence[str], lang: str, *, out: Path | None = None) -> None:
        """Start ``plugspan ARGS``.

        Parameters
        ----------
        job : Job
        args : sequence of str
        lang : str
            Language of its words.
        out : Path, optional
            Where its standard output goes once it has ended; into the log if left out.

        Raises
        ------
        RefusedError
            409 if a command runs in this project.
        """
        job.log.parent.mkdir(exist_ok=True)
        with self._guard:
            lock = _locked(job.folder)
            if lock is None or any(path.parent == job.log.parent for path in self._children):
                if lock is not None:
                    lock.close()
                raise RefusedError(409, "app-busy")
            env = {
                **os.environ,
                "PLUGSPAN_LANG": lang,
                "PYTHONUNBUFFERED": "1",
                "PLUGSPAN_EXIT_LOG": str(job.log),
            }
            part = job.folder.inside(out.with_suffix(".part")) if out is not None else None
            with lock, job.log.open("wb") as log, (part or Path(os.devnull)).open("wb") as found:
                child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "plugspan", *args],
                    stdin=subprocess.DEVNULL, stdout=log if part is None else found, stderr=log,
                    cwd=job.folder.path, env=env,
                    start_new_session=True, pass_fds=() if sys.platform == "win32" else (lock.fileno(),),
                )  # fmt: skip
            self._children[job.log] = child
        write_text(file_of(job.folder, "pid"), f"{child.pid} {job.kind}")
        threading.Thread(target=self._wait, args=(job, child, part, out), daemon=True).start()

    def _wait(self, job: Job, child: subprocess.Popen[bytes], part: Path | None, out: Path | None) -> None:
        code = child.wait()
        with suppress(OSError):  # somebody took the folder away meanwhile
            if part is not None and out is not None:
                if code in (0, 3):  # a check whose answer is faults has ended well
                    part.replace(out)
                else:
                    part.unlink(missing_ok=True)
        with self._guard:  # who reads of the end can begin the next at once
            with suppress(OSError, RefusedError):
                if _exit(job.log) is None:  # it was killed
                    with job.log.open("ab") as log:
                        log.write(f'\n{{"exit": {code}}}\n'.encode())
            self._children = {path: each for path, each in self._children.items() if each is not child}

    def state(self, job: Job) -> State:
        """Whether the command runs, has ended, or was cut off with the whole machine."""
        if job.log in self._children:
            return "running"
        if not job.log.is_file():
            return "none"
        if any("exit" in line for line in _json_lines(job.log)):
            return "ended"
        return "running" if _running(job.folder) == job.kind else "broken"

    def cancel(self, job: Job, *, keep: bool) -> None:
        """End the command; with ``keep`` only its solving, with the best plan so far.

        Raises
        ------
        RefusedError
            409 if it doesn't run.
        """
        if self.state(job) != "running":
            raise RefusedError(409, "app-not-running")
        try:
            pid = int(file_of(job.folder, "pid").read_text().split()[0])
            os.kill(pid, signal.SIGINT if keep and sys.platform != "win32" else signal.SIGTERM)
        except (OSError, ValueError, IndexError) as error:
            raise RefusedError(409, "app-not-running") from error

    def end(self) -> None:
        """End all children; their old results stay."""
        for child in list(self._children.values()):
            child.terminate()

    async def events(self, job: Job) -> AsyncIterator[str]:
        """Yield what a command says as server-sent events, from its beginning, until it has ended."""
        if not job.log.is_file():
            yield _event({"end": "none"})
            return
        with job.log.open("rb") as log:
            rest, lines = b"", 0
            yield _event({"begin": self.state(job)})
            while True:
                state = self.state(job)  # asked first: what is read then is all of it
                chunk = log.read()
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    told = _told(line)
                    is_words = told is not None and told.keys() == {"words"}
                    lines += is_words
                    if told and (not is_words or lines <= _MOST_LINES):  # how far it is, is told to the end
                        yield _event(told)
                if state != "running":
                    yield _event({"end": state, "exit": _exit(job.log)})
                    return
                yield ": \n\n"  # a page that was left is noticed
                await asyncio.sleep(_POLL_S)


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _told(line: bytes) -> dict[str, Any] | None:
    words = line.decode("utf-8", "replace").strip()
    if not words:
        return None
    if words.startswith("{"):
        try:
            found = json.loads(words)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return None if "exit" in found else found
    return {"words": words[:1000]}


def _json_lines(log: Path) -> list[dict[str, Any]]:
    with log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - 10_000))
        lines = opened.read().split(b"\n")
    found = []
    for line in lines:
        if line.startswith(b"{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def _exit(log: Path) -> int | None:
    return next((int(line["exit"]) for line in reversed(_json_lines(log)) if "exit" in line), None)


def _locked(folder: Folder) -> IO[bytes] | None:
    """The lock of a project's commands, inherited by a child; None if another holds it."""
    lock = file_of(folder, "lock").open("wb")
    if sys.platform == "win32":
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _running(folder: Folder) -> str:
    """Kind of the command that an application before this one started, and that still runs; else ""."""
    lock = _locked(folder) if (folder.path / HOME).is_dir() else None
    if lock is not None or not (folder.path / HOME).is_dir():
        if lock is not None:
            lock.close()
        return ""
    try:
        return file_of(folder, "pid").read_text().split()[1]
    except (OSError, IndexError):
        return ""
