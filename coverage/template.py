"""``plugspan init``: a commented project file and empty tables with the right headers."""

from __future__ import annotations

from pathlib import Path

from .inputs.schemas import SCHEMAS
from .texts import text

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand")


def write_template(folder: Path, lang: str) -> list[Path]:
    """Write ``project.toml`` and empty tables into ``folder``; what exists is left alone.

    Headers are the labels of the schema in ``lang``; the tables are UTF-8 with a BOM, so that Excel opens
    them right. Returns the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {"project.toml": text("template.project", lang).lstrip("\n")}
    for name in TABLES:
        columns = [c for c in SCHEMAS[name].columns if c.name != "position"]
        content[f"{name}.csv"] = "\ufeff" + ",".join(column.label(lang) for column in columns) + "\r\n"
    written = []
    for name, body in content.items():
        path = folder / name
        if not path.exists():
            path.write_text(body, "utf-8", newline="")
            written.append(path)
    return written
