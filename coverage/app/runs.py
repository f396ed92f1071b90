"""What a page may start, and what of a run folder it may look at."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response, StreamingResponse

from .ask import Ask
from .jobs import HOME, KINDS, Job, Jobs
from .project_file import open_project
from .world import RefusedError

RUN = "run"
"""Folder of a project's results, as ``plugspan run PROJECT`` writes it."""


def job_of(ask: Ask) -> Job:
    """Return the command that a page speaks of."""
    if ask.path["kind"] not in KINDS:
        raise RefusedError(404, "app-form")
    return Job(ask.folder, ask.path["kind"])


def start(ask: Ask) -> dict[str, Any]:
    """Start a command of the project."""
    job = job_of(ask)
    project, version = open_project(ask.folder)
    lang, here = ask.lang, "."
    args = {
        "check": lambda: ["check", here, "--lang", lang],
        "fetch": lambda: ["fetch", here, "--lang", lang],
        "run": lambda: ["run", here, "--overwrite", "--progress", "json", "--lang", project.language],
        "assess": lambda: ["assess", here, "--lang", lang],
        "pdf": lambda: ["report", RUN, "--pdf", "--overwrite", "--lang", project.language],
    }
    if job.kind not in args:
        raise RefusedError(404, "app-form")
    out = ask.folder.path / HOME / f"assess-{version}-{lang}.json" if job.kind == "assess" else None
    jobs: Jobs = ask.jobs
    jobs.start(job, args[job.kind](), lang, out=out)
    return {"started": job.kind}


def cancel(ask: Ask) -> dict[str, Any]:
    """End a command, or its solving alone."""
    ask.jobs.cancel(job_of(ask), keep=ask.data.get("keep") is True)
    return {}


def events_of(ask: Ask) -> Response:
    """Follow a command."""
    job = job_of(ask)
    return StreamingResponse(ask.jobs.events(job), media_type="text/event-stream")
