"""The sheet a strip chart is drawn on: its kilometre scale, and how numbers and names are written."""

from __future__ import annotations

from functools import cached_property
from math import ceil, floor
from typing import Any

from ...measure.strip_model import StripData
from ...schema import READERS_UNITS, column, length_unit, shown
from ...texts import catalogue, text
from ...units import M_PER_KM, km
from ...waymarks import mark_words
from .canvas import Canvas

LEFT_PX, RIGHT_PX = 46.0, 20.0
ROW_PX = 13.0
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
SLACK = 0.02
LABEL_PX = 52.0
"""Labelled ticks are at least so far apart."""


class Scale:
    """Chainage to pixels."""

    def __init__(self, data: StripData, width: float, lang: str) -> None:
        self.low, self.high = data.start_m, max(data.end_m, data.start_m + 1.0)
        self.left, self.right = LEFT_PX, width - RIGHT_PX
        self.unit, each_km = READERS_UNITS.get((length_unit(lang), "km"), ("km", 1.0))
        self.unit_m = each_km * M_PER_KM

    def x(self, at_m: float) -> float:
        """Pixel of a place, kept within the chart."""
        share = (at_m - self.low) / (self.high - self.low)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    @property
    def step(self) -> float:
        """Distance of the labelled ticks, in the unit shown."""
        per_unit = (self.right - self.left) / (self.high - self.low) * self.unit_m
        return next((s for s in STEPS if s * per_unit >= LABEL_PX), STEPS[-1])

    def ticks(self) -> list[float]:
        """Labelled kilometres or miles."""
        step = self.step
        # a start of a few metres is kilometre 0
        first, last = (
            ceil(self.low / self.unit_m / step - SLACK),
            floor(self.high / self.unit_m / step + SLACK),
        )
        return [k * step for k in range(first, last + 1)]


class Sheet(Canvas):
    """A canvas with the data, the scale and the language of one chart."""

    def __init__(self, data: StripData, lang: str, width: float) -> None:
        super().__init__(float(width))
        self.data, self.lang, self.scale = data, lang, Scale(data, width, lang)

    @property
    def margins(self) -> tuple[float, float]:
        """Names stay between these."""
        return 4.0, self.width - 3.0

    @cached_property
    def outside(self) -> list[tuple[float, float]]:
        """Parts of the scale that are not in the region."""
        data = self.data
        edges = [data.start_m, *(e for s in data.inside for e in (s.from_m, s.to_m)), data.end_m]
        return [(a, b) for a, b in zip(edges[0::2], edges[1::2], strict=True) if b - a > 1.0]

    def x(self, at_m: float) -> float:
        """Pixel of a place."""
        return self.scale.x(at_m)

    def words(self, key: str, **values: Any) -> str:
        """Return a text in the chart's language."""
        return text(key, self.lang, **values)

    def length(self, length_m: float, *, unit: bool = True) -> str:
        """Return a length as all surfaces write it."""
        return shown(km(length_m), column("length_km"), self.lang, unit=unit)

    def mark(self, at_m: float) -> str:
        """Return a place on the road in short."""
        return mark_words(km(at_m), self.lang, self.data.ref, self.data.section)

    def place(self, name: str) -> str:
        """Return the name of an end: as it is, or the direction of the compass in words."""
        return self.words(name) if name.startswith("strip.compass.") and name in catalogue() else name

    def reason(self, key: str) -> str:
        """Say why a site does not serve; as it stands if it is no known key."""
        return self.words(f"strip.reason.{key}") if f"strip.reason.{key}" in catalogue() else key
