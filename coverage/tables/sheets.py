"""The sheets of the workbook: the plan's tables, gaps by rule and direction, their totals, and the long form.

Whoever selects a column reads its sum. A gap stands on the list of every rule and of both directions, so those lists
are sheets of their own, with a column of lengths for each direction: no sum takes a stretch of road twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from ..schema import COLUMNS, column, columns, readers_unit, unit_words
from ..texts import catalogue, text
from .numbers import OF_PARTS
from .table import Head, Subtotal, Table, free_title, heads

ALWAYS = ("findings", "sources")
"""Sheets that are there even without rows."""
GAPS = {"gaps": "today", "gaps-after": "after", "country-gaps": "today"}
"""Tables of gaps, and the state of each: a row for each rule and direction."""
LENGTHS = ("length_km", "own_km")
OF_RULE = ("rule", "rule_title", "rule_short", "rank", "gap_id", "strip")
"""What the rows of one rule have that those of another have not, though the gaps are the same."""
PARTS = (*OF_PARTS, "part_unit_shown")
"""Columns of the findings with what their shares are made of."""
DIRECTIONS = ("forward", "backward")
LEVELS = {
    "gaps": "gap", "gaps-after": "gap", "routes": "route", "counties": "county", "plan-actions": "action",
    "findings": "region",
}  # fmt: skip
"""What a number of a table is of."""
ADDS_UP = {
    "gap": "own_km",
    # Two routes may share a road and a site: only gaps are each on one route.
    "route": "own_gaps_over",
    "county": "length_km good_km middle_km gap_km open_km shared_km population people_counted people_low people_high "
    "registered_ev sites sites_without_power installed_kw points",
    "action": "money",
}
"""What may be summed over the rows of one level, figure, rule, direction and state: the sum is the figure of all."""
TOTALS = {
    "counties": ADDS_UP["county"],
    "plan-actions": ADDS_UP["action"],
    "car-parks": "spaces ready_spaces",
    "files": "read kept merged left_out faulted",
}
"""Columns whose sum stands at the foot of a sheet."""


def sheets(tables: Mapping[str, Table], lang: str) -> list[Table]:
    """Return the sheets in their order: tables with rows whose texts are ``sheet.NAME``, and what is made of them.

    Parameters
    ----------
    tables : mapping of name -> Table
        From :func:`plugspan.tables.plan_tables.plan_tables`, or a country's.
    lang : str
        Language of the tables.
    """
    held = [table for table in tables.values() if _is_sheet(table)]
    taken = {text("sheet.cover.title", lang).casefold(), *(table.title(lang).casefold() for table in held)}
    gaps = {table.name: list(_by_rule(table, lang, taken)) for table in held if table.name in GAPS}
    found: list[Table] = []
    for table in held:
        if table.name not in GAPS:
            found.append(_sheet(table))
            continue
        if table.name == next(iter(gaps)):
            found.append(_totals(gaps, lang))
        found += [part for part, _ in gaps[table.name]]
    if "findings" in tables:
        found.insert(len(found) - 1, _facts(tables, lang))  # sources stay the last
    return found


def _is_sheet(table: Table) -> bool:
    return f"sheet.{table.family}.title" in catalogue() and (len(table.frame) > 0 or table.name in ALWAYS)


def _sheet(table: Table) -> Table:
    """The table with its totals, and with what paper needs in front: parts of the findings, no rows of the inputs."""
    summed = TOTALS.get(table.name, "").split()
    table = replace(table, totals=tuple(head.name for head in table.heads if head.column.name in summed))
    if table.name == "rows":
        return replace(table, printed=0)
    if table.name != "findings":
        return table
    first = [*table.heads[: table.printed], *(h for h in table.heads if h.name in PARTS)]
    return replace(table, heads=(*first, *(h for h in table.heads if h not in first)), printed=len(first))


def _by_rule(table: Table, lang: str, taken: set[str]) -> Iterator[tuple[Table, list[str]]]:
    """Gaps of each rule, their lengths in a column for each direction, and the titles of the rules whose gaps they are.

    Rules whose gaps are the same have one sheet; the ids of all stand in its cells.
    """
    alike: dict[str, list[pd.DataFrame]] = {}
    for _, rows in table.frame.groupby("rule", sort=False):
        plain = rows.drop(columns=[*OF_RULE, "ways", "road_class"], errors="ignore")
        alike.setdefault(plain.to_csv(index=False), []).append(rows)
    for first, *others in alike.values():
        rule, title = first[["rule", "rule_title"]].iloc[0]
        titles = [str(each["rule_title"].iloc[0]) for each in (first, *others)]
        joined = {
            name: [
                " ".join(map(str, ids))
                for ids in zip(*(each[name] for each in (first, *others)), strict=True)
            ]
            for name in ("rule", "gap_id")
            if name in first and others
        }
        rows = first.assign(**joined)
        apart = {f"{n}:{d}": rows[n].where(rows["direction"] == d) for n in LENGTHS for d in DIRECTIONS}
        names: list[Head] = []
        for head in sorted(
            table.heads, key=lambda head: head.name == "rule_title"
        ):  # the rule names the sheet
            names += [_of_direction(head, d, lang) for d in DIRECTIONS] if head.name in LENGTHS else [head]
        short = first["rule_short"].iloc[0] if "rule_short" in first else title
        more = f" +{len(others)}" if others else ""
        label = free_title(text(f"sheet.{table.name}.named", lang, rule=short), taken, more)
        frame = rows.assign(**apart).reset_index(drop=True)
        # Ids and marks of open ends are for the screen: on paper they would make all else tiny.
        printed = next((i for i, head in enumerate(names) if head.name in ("open_start", "regions")), None)
        yield replace(table, name=f"{table.name}:{rule}", heads=tuple(names), frame=frame, label=label,
                      subject=text("report.semicolon", lang).join(titles), printed=printed), titles  # fmt: skip


def _of_direction(head: Head, direction: str, lang: str) -> Head:
    label = text(
        "sheet.of-direction", lang, label=head.label, direction=text(f"choice.direction.{direction}", lang)
    )
    others = tuple(each for each in DIRECTIONS if each != direction)
    column = replace(head.column, absent="not_applicable", absent_if=("direction", others))
    return replace(head, name=f"{head.name}:{direction}", label=label, column=column)


def _totals(gaps: Mapping[str, list[tuple[Table, list[str]]]], lang: str) -> Table:
    """Number and length of the gaps of each state, rule and direction: of all, and of what a filter leaves."""
    rows, live = [], []
    every = [
        (GAPS[name], table, title)
        for name, parts in gaps.items()
        for table, titles in parts
        for title in titles
    ]
    for state, table, title in every:
        for direction in DIRECTIONS:
            lengths = table.frame[f"own_km:{direction}"].dropna().astype(float)
            rows.append({
                "phase": text(f"sheet.phase.{state}", lang), "rule_title": title,
                "direction": direction, "gap_count": len(lengths), "own_km": lengths.sum(),
                "gap_max_km": lengths.max() if len(lengths) else None,
                "gap_count_shown": len(lengths), "own_km_shown": lengths.sum(),
            })  # fmt: skip
            live.append((table.name, f"own_km:{direction}"))
    names = "phase rule_title direction gap_count own_km gap_max_km gap_count_shown own_km_shown"
    return Table("gap-totals", heads(names, lang), pd.DataFrame(rows), live={
        "gap_count_shown": [Subtotal("count", *place) for place in live],
        "own_km_shown": [Subtotal("sum", *place) for place in live],
    })  # fmt: skip


# -- the long form ---------------------------------------------------------------------------------------


def _facts(tables: Mapping[str, Table], lang: str) -> Table:
    """One number a row, with all it belongs to: state, rule, direction, place, figure and unit."""
    today, after = (text(f"sheet.phase.{state}", lang) for state in ("today", "after"))
    titles = dict(zip(tables["findings"].frame["rule"], tables["findings"].frame["title"], strict=True))
    parts = []
    for name, phase in (("gaps", today), ("gaps-after", after)):
        if name in tables and len(tables[name].frame):
            parts += [_figure(tables[name], n, phase, lang) for n in LENGTHS]
    for name in ("routes", "counties", "plan-actions"):
        table = tables.get(name)
        for head in table.heads if table is not None and len(table.frame) else ():
            if (
                head.column.type in ("int", "float")
                and head.column.unit not in ("°", "year")
                and head.name != "build_order"
            ):
                planned = head.name.endswith("_after") or name == "plan-actions"
                parts.append(_figure(tables[name], head.name, after if planned else today, lang))
    findings = tables["findings"]
    for name in ("low", "high", "target_value", "yes", "unknown", "no", "low_after", "high_after"):
        if name in {head.name for head in findings.heads}:
            parts.append(_figure(findings, name, after if name.endswith("_after") else today, lang))
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    frame["rule_title"] = frame["rule"].map(titles)
    # What a number doesn't belong to is nothing that could be known.
    empty = {"absent": "not_applicable", "absent_if": ("", ()), "state": ""}
    about = [
        column(name, **empty)
        for name in ["phase", "level", "rule_title", "figure", "direction", "ref", "section", "place_name"]
    ]
    found = list(heads([*about, *columns("number unit_shown adds_up"), column("gap_id", **empty)], lang))
    found = [replace(head, unit_by="unit" if head.name == "number" else "") for head in found]
    found += heads([column("rule", **empty), column("key")], lang)
    return Table("facts", tuple(found), frame, printed=0)


def _figure(table: Table, name: str, phase: str, lang: str) -> pd.DataFrame:
    """The numbers of one column, a row each; cells without a number have none."""
    head = next(each for each in table.heads if each.name == name)
    frame = table.frame[table.frame[name].notna()]
    unit = frame[head.unit_by].tolist() if head.unit_by else [head.column.unit] * len(frame)
    plain = COLUMNS.get(head.column.name, head.column)
    kept = {"rule": head.rule or None} | {
        n: frame[n].tolist() for n in ("rule", "direction", "ref", "section", "gap_id") if n in frame
    }
    level = LEVELS[table.name]
    place = frame["county"] if table.name == "counties" else frame.get("name")
    return pd.DataFrame({
        "phase": phase, "level": level, "figure": text(f"column.{plain.name.removesuffix('_after')}", lang), **kept,
        "place_name": None if place is None or table.name == "routes" else place.tolist(),
        "number": frame[name].tolist(), "unit": unit,
        "unit_shown": [_unit_words(each, lang) for each in unit],
        "adds_up": head.column.name in ADDS_UP.get(level, "").split(), "key": head.name,
    }, index=range(len(frame))).astype(object)  # fmt: skip


def _unit_words(unit: str, lang: str) -> str:
    own = f"sheet.unit.{readers_unit(unit, lang) or 'count'}"
    return text(own, lang) if own in catalogue() else unit_words(readers_unit(unit, lang), lang)
