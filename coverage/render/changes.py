"""What changed between two runs, by name, with units and verdicts, and why: as a planner asks for it.

A run folder may come from anywhere: nothing in it is trusted, and what is shown of it is a short, printable line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..network.geometry import earth_centred
from ..scenario import decided_on, decision_words, is_scenario, read_scenario, scenario_result
from ..schema import COLUMNS, Column, Reader, column, in_currency, shown
from ..tables.numbers import share_words
from ..tables.summary import padded, width
from ..texts import catalogue, text
from ..units import M_PER_KM, MOST
from .read_run import one_line, read_result, result_path, rows_of

Row = Mapping[str, Any]
PARTS = ("why", "rules", "after", "money", "actions", "gaps", "routes", "siting")
"""Parts of a comparison in their order; ``compare.part.NAME`` in the catalogue are their titles."""
MOVED_KM, WIDEST = 20.0, 60
"""A dropped action and a new one of the same kind nearer than this are one that moved; columns of a terminal's cell."""


@dataclass(frozen=True)
class Change:
    """One thing that differs: what it is, in the first run, in the second, and what that means."""

    part: str
    what: str
    first: str
    second: str
    note: str = ""


@dataclass(frozen=True)
class Place:
    """An action on the map: in the ``first`` run alone, the ``second`` alone, in ``both``, or ``changed`` between them.

    ``from_at`` is where an action of the second run was in the first, if it moved.
    """

    run: str
    name: str
    about: str
    lon: float
    lat: float
    from_at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Comparison:
    """All changes between two runs, and where the actions of both are.

    Attributes
    ----------
    names : (str, str)
        What the runs are called: their folders.
    changes : tuple of Change
        Part by part; empty if the runs agree.
    places : tuple of Place
    """

    names: tuple[str, str]
    changes: tuple[Change, ...]
    places: tuple[Place, ...] = field(repr=False, default=())


def compare(first: Path, second: Path, lang: str, *, base: Path | None = None) -> Comparison:
    """Compare two run folders, or two files ``result.json``; with a ``base`` also scenarios.

    Parameters
    ----------
    first, second : Path
    lang : str
        Language of the words.
    base : Path, optional
        Run folder on whose map scenarios were made: it has today's state, and names, costs and places of their actions.

    Raises
    ------
    InputError
        If one of them has no ``result.json``, or a damaged one.
    """
    pair = Pair(Result(first, base), Result(second, base), lang)
    made = {
        "why": pair.why,
        "rules": lambda: pair.rules("findings"),
        "after": lambda: pair.rules("after.findings"),
        "money": pair.money,
        "actions": pair.actions,
        "gaps": pair.gaps,
        "routes": pair.routes,
        "siting": pair.siting,
    }
    changes = [Change(part, *(one_line(cell, 240) for cell in row)) for part in PARTS for row in made[part]()]
    return Comparison(_names(first, second), tuple(changes), tuple(pair.places()))


def table_lines(found: Comparison, lang: str, *, aligned: bool) -> list[str]:
    """The changes as lines: tab-separated ``part, what, first, second, note``, or aligned below their part's title."""
    if not found.changes:
        return [text("compare.same", lang)]
    if not aligned:
        return [
            "\t".join((text(f"compare.part.{c.part}", lang), c.what, c.first, c.second, c.note))
            for c in found.changes
        ]
    lines = [
        text("compare.first", lang, name=found.names[0]),
        text("compare.second", lang, name=found.names[1]),
    ]
    for part in dict.fromkeys(c.part for c in found.changes):
        mine = [(c.what, c.first, c.second, c.note) for c in found.changes if c.part == part]
        widths = [min(max(width(row[k]) for row in mine), WIDEST) for k in range(3)]
        lines += ["", text(f"compare.part.{part}", lang)]
        lines += [
            "  "
            + f"{padded(what, widths[0])}  {padded(a, widths[1])} → {padded(b, widths[2])}  {note}".rstrip()
            for what, a, b, note in mine
        ]
    return lines


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Names of the folders and scenarios; with the folder above where they are the same."""
    a, b = (path.resolve() for path in (first, second))
    a, b = (path.with_suffix("") if is_scenario(path) else path for path in (a, b))
    if a.name != b.name:
        return a.name, b.name
    return "/".join(a.parts[-2:]), "/".join(b.parts[-2:])


class Result:
    """A ``result.json`` that is asked for rows and numbers: what is not as it should be is named, or is not there."""

    def __init__(self, folder: Path, base: Path | None = None) -> None:
        self.file = result_path(folder)
        if base is not None and is_scenario(folder):
            self.whole = scenario_result(read_scenario(folder), read_result(base))
        else:
            self.whole = read_result(folder)

    def at(self, path: str) -> Any:
        """The value at a path of keys; None if there is none."""
        value: Any = self.whole
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def rows(self, path: str, key: str, *, needed: bool = False) -> dict[str, Row]:
        """Rows of a table by their key.

        Raises
        ------
        InputError
            If it is no table, or (if ``needed``) not there.
        """
        if self.at(path) is None and not needed:
            return {}
        return {one_line(row[key]): row for row in rows_of(self.whole, path, self.file, key)}


def number(value: object) -> float | None:
    """A finite number of a size that quantities have; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < MOST:
        return None
    return float(value) if math.isfinite(value) else None


class Pair:
    """Two results and the language in which they are compared; each method gives rows (what, first, second, note)."""

    def __init__(self, a: Result, b: Result, lang: str) -> None:
        self.a, self.b = a, b
        self.lang = Reader(lang, "mi" if a.at("project.length_unit") == "mi" else "km")

    def words(self, key: str, **values: object) -> str:
        """Text ``compare.KEY``."""
        return text(f"compare.{key}", self.lang, **values)

    def both(self, path: str, key: str, *, needed: bool = False) -> Iterator[tuple[str, Row, Row]]:
        """Rows of a table in both runs by their key, in the order of the second run, then what the first alone has."""
        a, b = self.a.rows(path, key, needed=needed), self.b.rows(path, key, needed=needed)
        for name in dict.fromkeys([*b, *a]):
            yield name, a.get(name, {}), b.get(name, {})

    def figure(self, value: object, held: Column) -> str:
        """A number as every surface writes it; a dash where there is none."""
        known = number(value)
        return text("value.none", self.lang) if known is None else shown(known, held, self.lang, unit=True)

    # -- why ----------------------------------------------------------------------------------------------

    def why(self) -> Iterable[tuple[str, ...]]:
        """Inputs, settings, policy and programs that differ."""
        for name, old, new in self.both("provenance.inputs", "path", needed=True):
            if old.get("sha256") != new.get("sha256"):
                state = "input-new" if not old else "input-gone" if not new else "input-changed"
                sums = (one_line(row.get("sha256"), 13) for row in (old, new))
                yield self.words("input", name=name), *sums, self.words(state)
        for key in ("policy", "assess_at", "data_date"):
            yield from self._setting(key, self.a.at(f"project.{key}"), self.b.at(f"project.{key}"))
        old, new = (dict(_leaves(result.at("project.options"))) for result in (self.a, self.b))
        for key in sorted(old.keys() | new.keys()):
            yield from self._setting(key, old.get(key), new.get(key))
        for name, a, b in self.both("findings", "rule", needed=True):
            if a and b and a.get("target") != b.get("target"):
                title = self.words("target", title=one_line(b.get("title", name)))
                yield title, *(self.value(row, "target", "target") for row in (a, b)), ""
        old, new = (dict(_leaves(result.at("provenance.versions"))) for result in (self.a, self.b))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield self.words("program", name=key), one_line(old.get(key)), one_line(new.get(key)), ""

    def _setting(self, key: str, old: object, new: object) -> Iterator[tuple[str, ...]]:
        """A setting with what its key means, if that is known."""
        if old == new:
            return
        parts = key.split(".")
        known = (f"setting.{'.'.join(parts[:n])}" for n in range(len(parts), 0, -1))
        meaning = next((text(k, self.lang) for k in known if k in catalogue()), "")
        yield self.words("setting", name=key), *(one_line(value) or "–" for value in (old, new)), meaning

    # -- rules --------------------------------------------------------------------------------------------

    def rules(self, path: str) -> Iterable[tuple[str, ...]]:
        """Each rule of which value or verdict differ."""
        for name, old, new in self.both(path, "rule", needed=path == "findings"):
            cells = [
                f"{self.value(row, 'low', 'high')} · {self.verdict(row)}" if row else "–"
                for row in (old, new)
            ]
            if cells[0] != cells[1]:
                yield one_line(new.get("title", old.get("title", name))), *cells, self._better(old, new)

    def value(self, row: Row, low: str, high: str) -> str:
        """A value with its unit, an interval as both ends; of a rule on spacing with the longest gap and the holes."""
        unit = row.get("unit")
        held = column("number", unit=unit if unit in ("share", "km", "margin") else "")
        words = " – ".join(dict.fromkeys(self.figure(row.get(end), held) for end in (low, high)))
        figures = row.get("figures")
        if low == high or not isinstance(figures, dict):
            return words
        if told := share_words(words, row, figures, self.lang):
            return told
        if unit != "km":
            return words
        longest, over = number(figures.get("gap_max_km")), number(figures.get("own_gaps_over"))
        if longest is not None:
            words = self.words("longest", value=words, longest=self.figure(longest, COLUMNS["length_km"]))
        return self.words("over", value=words, n=int(over)) if over else words

    def verdict(self, row: Row) -> str:
        """Met, not met … in words."""
        key = f"status.{str(row.get('shown', row.get('status'))).replace(' ', '-')[:40]}"
        year = str(row.get("by") or "")[:4]
        return text(key, self.lang, year=year) if key in catalogue() else text("value.none", self.lang)

    def _better(self, old: Row, new: Row) -> str:
        met = [row.get("status") == "met" for row in (old, new)]
        if not old or not new or met[0] == met[1]:
            return ""
        return self.words("now-met" if met[1] else "no-longer-met")

    # -- the plan -----------------------------------------------------------------------------------------

    def money(self) -> Iterable[tuple[str, ...]]:
        """Money of the plan and of each year, people, number of actions."""
        units = [result.at("plan.cost.unit") for result in (self.a, self.b)]
        moneys = [
            in_currency(COLUMNS["money"], one_line(unit, 20) if isinstance(unit, str) else "")
            for unit in units
        ]
        for key in ("high", "low", "least", "budget"):
            yield from self._two(f"cost-{key}", f"plan.cost.{key}", moneys)
        yield from self._two("people", "plan.people.after", [COLUMNS["people_reached"]] * 2)
        count = [
            len(rows) if isinstance(rows, list) else None
            for rows in (r.at("plan.actions") for r in (self.a, self.b))
        ]
        if count[0] != count[1]:
            yield self.words("count"), *("–" if n is None else str(n) for n in count), ""
        for year, old, new in self.both("plan.stages", "year"):
            cells = [
                self.figure(row.get("spent"), held) for row, held in zip((old, new), moneys, strict=True)
            ]
            if cells[0] != cells[1]:
                yield self.words("spent", year=year), *cells, ""

    def _two(self, key: str, path: str, held: Sequence[Column]) -> Iterator[tuple[str, ...]]:
        values = [number(result.at(path)) for result in (self.a, self.b)]
        cells = [self.figure(value, each) for value, each in zip(values, held, strict=True)]
        if cells[0] != cells[1]:
            yield self.words(key), *cells, ""

    def actions(self) -> Iterable[tuple[str, ...]]:
        """New, moved, dropped actions, and those of which year or cost differ."""
        rows = [(old, new) for _, old, new in self.both("plan.actions", "action_id")]
        gone = [old for old, new in rows if not new]
        moved = self._moved(rows)
        for old, new in rows:
            if not old:
                partner = moved.get(id(new))
                if partner is None:
                    yield self.named(new), "–", self.about(new), self.words("action-new")
                else:
                    km = shown(partner[1], COLUMNS["distance_km"], self.lang, unit=True)
                    yield (
                        self.named(new),
                        self.named(partner[0]),
                        self.named(new),
                        self.words("action-moved", km=km),
                    )
            elif new and _differ(old, new):
                yield self.named(new), self.about(old), self.about(new), self.words("action-changed")
        kept = {id(old) for old, _ in moved.values()}
        for old in gone:
            if id(old) not in kept:
                yield self.named(old), self.about(old), "–", self.words("action-dropped")
        yield from self._ruled_out({str(name) for name, _, _ in self.both("plan.actions", "action_id")})

    def _ruled_out(self, built: set[str]) -> Iterator[tuple[str, ...]]:
        """What one scenario alone rules out, sites of today that it closes among it; what the other builds is told."""
        lists = (result.at("plan.off") for result in (self.a, self.b))
        old, new = ({str(name) for name in names} if isinstance(names, list) else set() for names in lists)
        for name in sorted((old ^ new) - built):
            cells = (decision_words("off" if name in names else "", self.lang) for names in (old, new))
            yield decided_on(name, self.lang), *cells, ""

    def _moved(self, rows: Sequence[tuple[Row, Row]]) -> dict[int, tuple[Row, float]]:
        """Pairs of a dropped and a new action of one kind, nearest first: the new one's id -> (dropped one, km)."""
        gone, new = (
            [(row, at) for row in side if (at := _position(row)) is not None]
            for side in ([old for old, new in rows if not new], [new for old, new in rows if not old])
        )
        found: dict[int, tuple[Row, float]] = {}
        if not gone or not new:
            return found
        before, then = (earth_centred(np.array([at for _, at in side])).T for side in (gone, new))
        near: Any = cKDTree(before).query_ball_point(then, MOVED_KM * M_PER_KM)
        pairs = [
            (float(np.linalg.norm(then[j] - before[i])) / M_PER_KM, i, j)
            for j, some in enumerate(near) for i in some if gone[i][0].get("kind") == new[j][0].get("kind")
        ]  # fmt: skip
        used: set[int] = set()
        for km, i, j in sorted(pairs):
            if i not in used and id(new[j][0]) not in found:
                used.add(i)
                found[id(new[j][0])] = (gone[i][0], km)
        return found

    def named(self, row: Row) -> str:
        """Name of an action, else its id."""
        return one_line(row.get("name") or row.get("action_id"))

    def about(self, row: Row) -> str:
        """Kind, year and cost of an action."""
        kind = f"choice.action_kind.{str(row.get('kind'))[:40]}"
        year = number(row.get("year"))
        money = in_currency(COLUMNS["money"], "")
        parts = [text(kind, self.lang) if kind in catalogue() else "", "" if year is None else f"{year:.0f}",
                 self.figure(row.get("cost"), money)]  # fmt: skip
        return " · ".join(part for part in parts if part)

    # -- roads --------------------------------------------------------------------------------------------

    def gaps(self) -> Iterable[tuple[str, ...]]:
        """The longest gap, today and with the plan."""
        for key, steps in (("gap-today", 0), ("gap-after", -1)):
            values = []
            for result in (self.a, self.b):
                rows = result.at("plan.steps")
                row = rows[steps] if isinstance(rows, list) and rows else None
                values.append(row.get("longest_gap_km") if isinstance(row, dict) else None)
            cells = [self.figure(value, COLUMNS["length_km"]) for value in values]
            if cells[0] != cells[1]:
                yield self.words(key), *cells, ""

    def routes(self) -> Iterable[tuple[str, ...]]:
        """Routes of which length, sites or longest gap differ today."""
        for ref, old, new in self.both("routes", "ref", needed=True):
            for key in ("length_km", "sites", "length_per_site_km", "gap_max_km"):
                cells = [self.figure(row.get(key), COLUMNS[key]) for row in (old, new)]
                if cells[0] != cells[1]:
                    yield (
                        f"{ref}{text('report.colon', self.lang)}{text(f'column.{key}', self.lang)}",
                        *cells,
                        "",
                    )

    def siting(self) -> Iterable[tuple[str, ...]]:
        """What sitings for coverage reach, and which sites they chose."""
        for name, old, new in self.both("siting", "objective_name", needed=True):
            title = text(f"objective.{name}", self.lang) if f"objective.{name}" in catalogue() else name
            for key in ("objective", "bound"):
                cells = [self._amount(row, key) for row in (old, new)]
                if cells[0] != cells[1]:
                    yield self.words(f"siting-{key}", title=title), *cells, ""
            if old.get("chosen") != new.get("chosen"):
                yield (
                    self.words("siting-chosen", title=title),
                    one_line(old.get("chosen")),
                    one_line(new.get("chosen")),
                    "",
                )

    def _amount(self, row: Row, key: str) -> str:
        held = column("number", unit="m" if row.get("weight_unit") == "m" else "people")
        return self.figure(row.get(key), held)

    # -- the map ------------------------------------------------------------------------------------------

    def places(self) -> Iterable[Place]:
        """Actions with a position, those of both runs once."""
        rows = [(old, new) for _, old, new in self.both("plan.actions", "action_id")]
        moved = self._moved(rows)
        for old, new in rows:
            row, about = new or old, self.about(new or old)
            if (at := _position(row)) is None:
                continue
            run = "first" if not new else "second" if not old else "changed" if _differ(old, new) else "both"
            partner = moved.get(id(new)) if not old else None
            if partner is not None:
                km = shown(partner[1], COLUMNS["distance_km"], self.lang, unit=True)
                about = f"{about} ({self.named(partner[0])}: {self.words('action-moved', km=km)})"
            elif run == "changed":
                about = f"{self.about(old)} → {about}"
            yield Place(run, self.named(row), about, *at, None if partner is None else _position(partner[0]))


def _differ(old: Row, new: Row) -> bool:
    """Whether an action of both runs has another year or another cost."""
    return (old.get("year"), old.get("cost")) != (new.get("year"), new.get("cost"))


def _position(row: Row) -> tuple[float, float] | None:
    """Longitude and latitude, if both are there and on the Earth."""
    lon, lat = (number(row.get(key)) for key in ("lon", "lat"))
    return None if lon is None or lat is None or abs(lon) > 180.0 or abs(lat) > 90.0 else (lon, lat)


def _leaves(value: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Settings by their path of keys; lists as they are."""
    if not isinstance(value, dict) or depth > 6:
        if prefix:
            yield prefix, value
        return
    for key, inner in value.items():
        name = one_line(key, 60)
        yield from _leaves(inner, f"{prefix}.{name}" if prefix else name, depth + 1)
