"""``plugspan init``: a commented project file and empty tables with the right headers."""

from __future__ import annotations

import os
from pathlib import Path

from .atomic import write_file
from .inputs.describe import data_package
from .inputs.schemas import SCHEMAS
from .texts import text

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand")


def write_template(folder: Path, lang: str) -> list[Path]:
    """Write ``project.toml``, empty tables and their ``datapackage.json`` into ``folder``; what exists is left alone.

    Headers are the labels of the schema in ``lang``; the tables are UTF-8 with a BOM, so that Excel opens
    them right. Returns the files written.
    """
    content = {"project.toml": text("template.project", lang).lstrip("\n")}
    for name in TABLES:
        columns = [c for c in SCHEMAS[name].columns if c.name != "position"]
        content[f"{name}.csv"] = "\ufeff" + ",".join(column.label(lang) for column in columns) + "\r\n"
    content["datapackage.json"] = data_package(TABLES, lang)
    written = []
    for name, body in content.items():
        path = folder / name
        if not os.path.lexists(path):
            with write_file(path, overwrite=False, is_input=True) as new:
                new.write_text(body, "utf-8", newline="")
            written.append(path)
    return written
