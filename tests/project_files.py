"""Project folders made up by tests: settings, and each table as its rows."""

from __future__ import annotations

import csv
from pathlib import Path


def write_project(folder: Path, settings: str, **tables: list[dict]) -> Path:
    """Write ``project.toml`` and a CSV for each table, which it names behind the settings given.

    Policy and language are those of most tests; a table without rows has the columns of a position.
    """
    head = 'schema = 1\nname = "made up"\nlanguage = "en"\npolicy = "zhuzhou-2025"\n'
    named = "".join(f'[tables.{name}]\npath = "{name}.csv"\n' for name in tables)
    (folder / "project.toml").write_text(head + settings + named, "utf-8")
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]) if rows else ["id", "lon", "lat"])
            writer.writeheader()
            writer.writerows(rows)
    return folder
