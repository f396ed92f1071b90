"""The schemas, and the weights of fusion, as Markdown for the documentation."""

from __future__ import annotations

from ..schema import Column, TableSchema
from .same_site import model
from .schemas import SCHEMAS

_MOST_ALIASES = 5


def describe_schemas() -> str:
    """Return a Markdown table for each input table: column, unit, meaning, other headers."""
    return "\n\n".join(_describe(schema) for schema in SCHEMAS.values())


def _describe(schema: TableSchema) -> str:
    lines = [f"### `{schema.name}`", "", "| column | type | meaning | also |", "|---|---|---|---|"]
    return "\n".join([*lines, *(_row(column) for column in schema.columns)])


def _row(column: Column) -> str:
    kind = f"{column.type} ({column.unit})" if column.unit else column.type
    name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
    meaning = column.meaning("en")
    if column.choices:
        meaning += " " + ", ".join(f"`{value}`" for value, _ in column.choices) + "."
    spellings = dict.fromkeys([column.label("zh").split(" (")[0], *column.aliases])
    return f"| {name} | {kind} | {meaning} | {', '.join(list(spellings)[:_MOST_ALIASES])} |"


def describe_weights() -> str:
    """Return a Markdown table of the weights by which sites of two lists are taken for one."""
    names, weights, constant, threshold = model()
    rows = [("constant", constant), *zip(names, weights.tolist(), strict=True), ("threshold", threshold)]
    return "\n".join(
        ["| feature | weight |", "|---|---|", *(f"| `{name}` | {weight:g} |" for name, weight in rows)]
    )
