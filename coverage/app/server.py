"""The routes of the local application, and the server that answers them on 127.0.0.1."""

from __future__ import annotations

import json
import socket
import sys
import traceback
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..country.manifest import COUNTRY_MAP, NATIONAL, RUNS
from ..errors import InputError, OutputExistsError, PlugspanError
from ..texts import LANGUAGES, catalogue, text
from . import cells, ground, handover, plan_view, projects, rule_view, runs, scenarios, table_view
from .ask import Ask
from .door import HOST, PAGE_POLICY, Door, with_policy
from .jobs import Jobs
from .world import MOST_MB, RefusedError, World, replacing, suffix_of, version_of

_MOST_JSON = 1_000_000
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of our own files; not asked of the system, whose answer a registry may have spoilt."""


@cache
def _static() -> Mapping[str, bytes]:
    folder = resources.files(__package__) / "static"
    return {path.name: path.read_bytes() for path in folder.iterdir() if Path(path.name).suffix in TYPES}


async def _page(request: Request) -> Response:
    """A file of the application's own pages."""
    name = request.path_params.get("name", "index.html")
    if name not in _static():
        return Response(status_code=404)
    kind = f"{TYPES[Path(name).suffix]}; charset=utf-8"
    return with_policy(Response(_static()[name], headers={"Content-Type": kind}), PAGE_POLICY)


def _lang(request: Request) -> str:
    asked = request.query_params.get("lang", "")
    return asked if asked in LANGUAGES else request.app.state.lang


def _ask(request: Request, data: Any) -> Ask:
    version = request.headers.get("if-match", "").strip('"')
    return Ask(
        request.app.state.world,
        request.app.state.jobs,
        _lang(request),
        dict(request.path_params),
        dict(request.query_params),
        data,
        version,
    )


async def _json(request: Request) -> dict[str, Any]:
    """The object in the body of a request, read no further than it may be long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_JSON:
            raise RefusedError(413, "app-large", most=1)
    try:
        data = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "app-form") from error
    if not isinstance(data, dict):
        raise RefusedError(400, "app-form")
    return data


Answer = Callable[[Ask], Any]


def _answers(answer: Answer) -> Callable[[Request], Any]:
    """Make an endpoint of a function that gives data or a response; it runs beside the loop, for it may take long."""

    async def endpoint(request: Request) -> Response:
        data = await _json(request) if request.method != "GET" else {}
        found = await run_in_threadpool(answer, _ask(request, data))
        return found if isinstance(found, Response) else JSONResponse(found)

    return endpoint


async def _texts(request: Request) -> Response:
    """The texts of the pages in a language."""
    lang = _lang(request)
    words = {k: v[lang] for k, v in catalogue().items() if k.startswith(("app.", "stage."))}
    return JSONResponse({"lang": lang, "html": text("language.html", lang), "words": words})


async def _upload(request: Request) -> Response:
    """Take a file into the project's folder, piece by piece; one that is there is replaced only as the user saw it."""
    ask = _ask(request, {})
    path = ask.folder.upload(request.path_params["name"])
    most_mb = MOST_MB[suffix_of(path.name)]
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most_mb * 1_000_000:
        raise RefusedError(413, "app-large", most=most_mb)
    if not ask.version and path.exists():
        return JSONResponse(
            {"error": text("error.app-exists", ask.lang, name=path.name), "exists": version_of(path)}, 409
        )
    with replacing(path, ask.version) as new, new.open("wb") as out:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_mb * 1_000_000:
                raise RefusedError(413, "app-large", most=most_mb)
            out.write(chunk)
        if not size:
            raise RefusedError(422, "app-empty", name=path.name)
    return JSONResponse({"name": path.name, "version": version_of(path)})


# -- faults --------------------------------------------------------------------------------------------------


async def _told(request: Request, error: Exception) -> Response:
    """Say what is wrong in the language of the page."""
    lang = _lang(request)
    assert isinstance(error, PlugspanError)
    status = 409 if isinstance(error, OutputExistsError) else 422
    body: dict[str, Any] = {"error": error.render(lang), "key": error.key}
    if isinstance(error, InputError):
        body["faults"] = [fault.render(lang) for fault in error.faults[:200]]
    return JSONResponse(body, getattr(error, "status", status))


async def _system(request: Request, error: Exception) -> Response:
    """The disk is full, a file may not be read, …"""  # noqa: D400
    assert isinstance(error, OSError)
    reason = error.strerror or str(error)
    path = Path(str(error.filename or "")).name
    return JSONResponse({"error": text("cli.os-error", _lang(request), path=path, reason=reason)}, 500)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The page was left while it sent something: nothing was written."""
    return Response(status_code=400)


async def _own_fault(request: Request, error: Exception) -> Response:
    """A bug: the terminal shows where, the page that it happened."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    return JSONResponse({"error": text("app.own-fault", _lang(request), what=type(error).__name__)}, 500)


# -- the server ----------------------------------------------------------------------------------------------


def make_app(world: World, lang: str) -> Starlette:
    """Return the application without its door.

    Parameters
    ----------
    world : World
    lang : str
        Language where a page doesn't say.
    """
    jobs = Jobs()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        jobs.end()

    project = "/api/p/{project}"
    routes = [
        Route("/", _page),
        Route("/static/{name}", _page),
        Route("/api/texts", _texts),
        Route("/api/home", _answers(projects.home)),
        Route("/api/projects", _answers(projects.create), methods=["POST"]),
        Route(project, _answers(projects.overview)),
        Route(f"{project}/settings", _answers(projects.settings), methods=["POST"]),
        Route(f"{project}/files/{{name}}", _upload, methods=["PUT"]),
        Route(f"{project}/ground", _answers(ground.ground)),
        Route(f"{project}/region", _answers(ground.sheet)),
        Route(f"{project}/region", _answers(ground.draw_region), methods=["POST"]),
        Route(f"{project}/tables", _answers(table_view.add_table), methods=["POST"]),
        Route(f"{project}/tables/{{kind}}/{{index}}", _answers(table_view.table)),
        Route(f"{project}/tables/{{kind}}/{{index}}", _answers(table_view.change_table), methods=["POST"]),
        Route(f"{project}/tables/{{kind}}/{{index}}/cell", _answers(cells.change_cell), methods=["POST"]),
        Route(f"{project}/rules", _answers(rule_view.rules)),
        Route(f"{project}/rules", _answers(rule_view.change_rule), methods=["POST"]),
        Route(f"{project}/checked", _answers(runs.checked)),
        Route(f"{project}/checked/faults.xlsx", _answers(runs.fault_workbook)),
        Route(f"{project}/plan", _answers(plan_view.plan)),
        Route(f"{project}/plan", _answers(plan_view.change_plan), methods=["POST"]),
        Route(f"{project}/keep", _answers(plan_view.keep), methods=["POST"]),
        Route(f"{project}/compare", _answers(plan_view.compare_page)),
        Route(f"{project}/compare", _answers(plan_view.compare), methods=["POST"]),
        Route(f"{project}/scenarios/{{name}}", _answers(scenarios.read_scenario)),
        Route(f"{project}/scenarios/{{name}}", _answers(scenarios.write_scenario), methods=["PUT"]),
        Route(f"{project}/results", _answers(runs.results)),
        Route(f"{project}/map", _answers(handover.map_page)),
        Route(f"{project}/{COUNTRY_MAP}", _answers(handover.map_page)),  # to which the maps of regions link
        Route(f"{project}/{RUNS}/{{region}}/map.html", _answers(handover.region_map)),
        Route(f"{project}/{NATIONAL}/map.html", _answers(handover.region_map)),
        Route(f"{project}/run/{{name}}", _answers(handover.download)),
        Route(f"{project}/handover", _answers(runs.handover)),
        Route(f"{project}/jobs/{{kind}}", _answers(runs.start), methods=["POST"]),
        Route(f"{project}/jobs/{{kind}}/cancel", _answers(runs.cancel), methods=["POST"]),
        Route(f"{project}/jobs/{{kind}}/events", _answers(runs.events_of)),
    ]
    handlers: dict[Any, Any] = {
        PlugspanError: _told, OSError: _system, ClientDisconnect: _gone, Exception: _own_fault,
    }  # fmt: skip
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.state.world, app.state.lang, app.state.jobs = world, lang, jobs
    return app


def serve(root: Path, *, port: int, lang: str, browser: bool, announce: Callable[[str], None]) -> None:
    """Serve a folder on 127.0.0.1 until Ctrl-C.

    Parameters
    ----------
    root : Path
        A project's folder, or one with projects in it; made if it is missing.
    port : int
        0 takes one that is free.
    lang : str
    browser : bool
        Whether the browser is opened.
    announce : callable
        Given the address with its token once it answers.
    """
    root.mkdir(parents=True, exist_ok=True)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there the option would let another program take the same port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(64)
    door = Door(make_app(World(root), lang), listening.getsockname()[1])
    config = uvicorn.Config(
        door, log_level="error", access_log=False, server_header=False, proxy_headers=False, ws="none",
        lifespan="on", timeout_graceful_shutdown=1,
    )  # fmt: skip
    announce(door.address)
    if browser:
        webbrowser.open(door.address)
    uvicorn.Server(config).run(sockets=[listening])
