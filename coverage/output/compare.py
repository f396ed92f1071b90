"""What changed between two run folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from ..texts import text


def read_result(folder: Path) -> dict[str, Any]:
    """Read the ``result.json`` of a run folder (or the file itself).

    Raises
    ------
    InputError
        If there is none, or it was not written by plugspan.
    """
    path = folder / "result.json" if folder.is_dir() else folder
    try:
        result = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            Fault(
                "no-run-folder", file=str(path), values={"reason": getattr(error, "strerror", None) or error}
            )
        ) from error
    if not isinstance(result, dict) or result.get("schema") != 1 or "findings" not in result:
        raise InputError(Fault("no-run-folder", file=str(path), values={"reason": "schema"}))
    return result


def compare_runs(first: Path, second: Path, lang: str) -> list[tuple[str, ...]]:
    """Rows (what, in the first, in the second) of everything that differs; one row saying so if nothing does."""
    a, b = read_result(first), read_result(second)
    rows: list[tuple[str, ...]] = []
    for section, key, fields in (
        ("findings", "rule", ("low", "high", "status")),
        ("routes", "ref", ("length_km", "sites", "length_per_site_km", "gap_max_km")),
    ):
        rows += _changed(_keyed(a[section], key), _keyed(b[section], key), fields)
    for one, two in zip(a["siting"], b["siting"], strict=False):
        rows += _changed(
            {one["objective_name"]: one}, {two["objective_name"]: two}, ("objective", "bound", "chosen")
        )
    rows += _changed(
        {r["path"]: r for r in a["provenance"]["inputs"]},
        {r["path"]: r for r in b["provenance"]["inputs"]},
        ("sha256",),
    )
    return rows or [(text("compare.same", lang), "", "")]


def _keyed(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {str(row[key]): row for row in rows}


def _changed(
    a: dict[str, dict[str, Any]], b: dict[str, dict[str, Any]], fields: tuple[str, ...]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in sorted(a.keys() | b.keys()):
        for field in fields:
            old, new = a.get(name, {}).get(field), b.get(name, {}).get(field)
            if old != new:
                rows.append((f"{name}.{field}", _shown(old), _shown(new)))
    return rows


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return (
        str(value)[:16]
        if isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
