"""The results handed over: the map in the page, single files, and all of them with a summary as one zip."""

from __future__ import annotations

import html
import os
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from ..country.manifest import COUNTRY_MAP, NATIONAL, RUNS
from ..errors import InputError
from ..render.webmap.page import content_policy, render_shell
from ..render.webmap.payload import basemap_of
from ..texts import text
from .ask import Ask
from .door import with_policy
from .project_file import open_project
from .world import Folder, RefusedError

RUN = "run"
"""Folder of a project's results, as ``plugspan run PROJECT`` writes it."""
COUNTRY = "country.json"
"""What a project of many regions has in the place of ``result.json``."""
FILES = (
    "map.html",
    "report.docx",
    "report.pdf",
    "tables.xlsx",
    "layers.gpkg",
    "result.json",
    "result.schema.json",
    "datapackage.json",
    "scenario.json",
    "log.txt",
    COUNTRY_MAP,
    "country.docx",
    "country.pdf",
    "country.xlsx",
    "country.gpkg",
    "country.json",
    "country.schema.json",
    "manifest.json",
)
"""What may be taken out of a run folder, in the order in which it is shown."""


def map_policy(folder: Folder) -> str:
    """Return what a map may do: run the scripts of this version alone, whatever stands in the file.

    The map is shown as a part of our own page. A run folder may come from a stranger; scripts that are not ours are
    not run, for the hashes are those of the page as this version makes it.
    """
    try:
        basemap = basemap_of(open_project(folder)[0].output)
    except InputError:
        basemap = None
    policy = content_policy(render_shell(), basemap)
    return f"{policy}; frame-ancestors 'self'"


def map_state(path: Path, folder: Folder) -> str:
    """``"ok"``; ``"other"`` if another version made the map: its scripts would not run; ``"none"``."""
    if not path.is_file():
        return "none"
    with path.open("rb") as opened:
        head = opened.read(4000).decode("utf-8", "replace")
    scripts = re.search(r"script-src ([^;]*);", map_policy(folder))
    return "ok" if scripts is not None and scripts[1] in head else "other"


def map_page(ask: Ask) -> Response:
    """The map of the run, of many regions that of all of them, to be shown in the page."""
    path = _file(ask.folder, RUN, COUNTRY_MAP if ask.folder.has(f"{RUN}/{COUNTRY}") else "map.html")
    return with_policy(FileResponse(path, media_type="text/html; charset=utf-8"), map_policy(ask.folder))


def region_map(ask: Ask) -> Response:
    """The map of one of many regions, to which the country's links; of the national run if none is named."""
    home = f"{RUNS}/{ask.path['region']}" if "region" in ask.path else NATIONAL
    path = _file(ask.folder, f"{RUN}/{home}", "map.html")
    return with_policy(FileResponse(path, media_type="text/html; charset=utf-8"), map_policy(ask.folder))


def download(ask: Ask) -> Response:
    """A file of the run, to be kept: never shown in the browser."""
    name = ask.path["name"]
    if name not in FILES:
        raise RefusedError(404, "app-no-file")
    return FileResponse(
        _file(ask.folder, RUN, name),
        filename=f"{ask.path['project']}-{name}",
        media_type="application/octet-stream",
    )


def _file(folder: Folder, run: str, name: str) -> Path:
    path = folder.inside(Path(run) / name)
    if not path.is_file():
        raise RefusedError(404, "app-no-file")
    return path


def write_zip(ask: Ask, found: dict[str, Any]) -> Response:
    """All files of the run and the summary, with project file and tables if they are wanted, in one zip.

    Parameters
    ----------
    ask : Ask
    found : dict
        What :func:`~.runs.results` gives.
    """
    folder, top = ask.folder, ask.path["project"]
    inputs = text("app.handover.inputs-name", ask.lang)
    handle, name = tempfile.mkstemp(prefix="plugspan-", suffix=".zip")
    with (
        os.fdopen(handle, "wb") as out,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
    ):
        for each in FILES:
            if folder.has(f"{RUN}/{each}"):
                archive.write(folder.inside(f"{RUN}/{each}"), f"{top}/{each}")
        for region in found.get("regions", ()):  # the country's map links to them
            if region["map"]:
                each = f"{RUNS}/{region['id']}/map.html"
                archive.write(folder.inside(f"{RUN}/{each}"), f"{top}/{each}")
        archive.writestr(f"{top}/{text('app.handover.summary-name', ask.lang)}", summary_page(ask, found))
        if ask.query.get("inputs") == "yes":
            for each in (folder.file.name, *folder.data_files()):
                archive.write(folder.inside(each), f"{top}/{inputs}/{each}")
    done = BackgroundTask(os.unlink, name)
    return FileResponse(name, filename=f"{top}.zip", media_type="application/zip", background=done)


_STYLE = (
    "body{font:14px/1.5 'Microsoft YaHei','Noto Sans CJK SC',sans-serif;max-width:190mm;margin:8mm auto}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d3dae0;padding:4px 6px;text-align:left;"
    "font-size:13px;vertical-align:top}h1{font-size:19px;margin:0}h2{font-size:15px;margin:14px 0 4px}"
    "p,ul{margin:4px 0}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def summary_page(ask: Ask, found: dict[str, Any]) -> str:
    """Findings, money by year and actions in short: a page of HTML that prints on one sheet."""
    project = open_project(ask.folder)[0]

    def say(key: str, **values: Any) -> str:
        return html.escape(text(f"app.handover.{key}", ask.lang, **values))

    columns = {
        "rule": "title",
        "status": "status_words",
        "today": "value",
        "planned": "after",
        "target": "target",
    }
    heads = "".join(f"<th>{say(key)}</th>" for key in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(row[name]))}</td>" for name in columns.values()) + "</tr>"
        for row in found["findings"]
    )
    lines = [say("made", when=found["started"].replace("T", " "))]
    lines += [say("schematic")] if project.output.schematic else []
    title = html.escape(project.title(project.language))
    return (
        f'<!doctype html>\n<html lang="{text("language.html", ask.lang)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{title}</title><style>{_STYLE}</style>'
        f"</head><body><h1>{title}</h1>" + "".join(f"<p>{line}</p>" for line in lines) +
        f"<h2>{say('findings')}</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"{_money(found['plan'], say)}</body></html>\n"
    )  # fmt: skip


def _number(value: Any) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else "–"


def _money(plan: dict[str, Any] | None, say: Callable[..., str]) -> str:
    if plan is None:
        return ""
    cost = plan["cost"]
    unit = cost["unit"] or ""
    money = " – ".join(dict.fromkeys(_number(cost[end]) for end in ("low", "high")))
    lines = [say("plan-line", n=len(plan["actions"]), money=money, unit=unit)]
    for stage in plan["stages"]:
        met, of = stage["met"]
        values = {"year": stage["year"], "spent": _number(stage["spent"]), "n": stage["actions"]}
        lines.append(say("year-line", **values, unit=unit, met=met, all=of))
    assumed = f"<p>{say('assumed')}</p>" if cost["assumed"] else ""
    return f"<h2>{say('plan')}</h2><ul>" + "".join(f"<li>{line}</li>" for line in lines) + f"</ul>{assumed}"
