"""What a planner asks of a plan beyond number and money, and whether it can be meant: ids, counties, distances."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from sklearn.neighbors import BallTree

from ...errors import Fault, InputError
from ...inputs import Inputs
from ...units import EARTH_RADIUS_M, M_PER_KM
from ..maxcover.problem import FloatArray, IntArray
from .reach import Places

REPORT = "report"
MOST_CONFLICTS = 1_000_000
"""Pairs of candidates to be kept apart, each a row of the solver; 5 000 candidates at one place make 12 million."""


@dataclass(frozen=True)
class SolverOptions:
    """How long and how closely to solve."""

    time_limit_s: float
    gap: float
    seed: int

    def keywords(self, share: float = 1.0) -> dict[str, Any]:
        """Arguments of the solvers, with a ``share`` of the time."""
        return {"time_limit_s": self.time_limit_s * share, "gap": self.gap, "seed": self.seed}


@dataclass(frozen=True)
class Scenario:
    """How things may turn out: demand times a factor (for all, or by county), distances times ``detour``."""

    name: str
    demand: float | Mapping[str, float] = 1.0
    detour: float = 1.0
    probability: float = 1.0

    def factor(self, county: Iterable[str]) -> FloatArray:
        """(m,) factor on the demand of each county given."""
        if isinstance(self.demand, Mapping):
            return np.array([float(self.demand.get(c, 1.0)) for c in county], dtype=np.float64)
        return np.array([float(self.demand) for _ in county], dtype=np.float64)


@dataclass(frozen=True)
class Capacity:
    """What sites can serve, in the unit of demand.

    A new site serves ``per_site``, or ``plugs`` × ``per_plug``; an existing one its plugs × ``per_plug``, or
    ``per_site`` if there is no ``per_plug``. An existing site whose plugs are not known serves nothing (the careful
    reading) and is named.
    """

    per_plug: float | None = None
    plugs: int = 4
    per_site: float | None = None

    def unknown(self, places: Places) -> npt.NDArray[np.bool_]:
        """(n,) existing places whose plugs would have to be known."""
        missing = places.table["existing"].to_numpy(bool) & np.isnan(places.table["plugs"].to_numpy(float))
        return np.asarray(missing & (self.per_plug is not None))

    def of(self, places: Places) -> FloatArray:
        """(n,) capacity of each place."""
        new = self.per_site if self.per_site is not None else self.plugs * (self.per_plug or 0.0)
        plugs = places.table["plugs"].to_numpy(float)
        old = np.full(len(plugs), self.per_site) if self.per_plug is None else plugs * self.per_plug
        found = np.where(places.table["existing"], np.nan_to_num(old, nan=0.0), new)
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Constraints:
    """All of it; the keys of ``[siting]`` of the same names say what each means."""

    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    min_distance_km: float = 0.0
    min_per_county: int | Mapping[str, int] = 0
    capacity: Capacity | None = None
    backup: float | None = None
    scenarios: tuple[Scenario, ...] = ()
    scenario_goal: str = REPORT
    aims: Mapping[str, float] = field(default_factory=dict)
    pareto_front: tuple[str, str] | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Constraints:
        """Read them from ``[siting]`` as the project file has it, or ``result.json``."""
        capacity = options.get("capacity")
        scenarios = options.get("scenarios") or {}
        pair = options.get("pareto_front")
        return cls(
            required=tuple(options.get("required", ())),
            forbidden=tuple(options.get("forbidden", ())),
            min_distance_km=float(options.get("min_distance_km", 0.0)),
            min_per_county=options.get("min_per_county", 0),
            capacity=None if capacity is None else Capacity(**capacity),
            backup=options.get("backup"),
            scenarios=tuple(Scenario(name, **given) for name, given in scenarios.items()),
            scenario_goal=options.get("scenario_goal", REPORT),
            aims=dict(options.get("aims") or {}),
            pareto_front=None if pair is None else (pair[0], pair[1]),
        )

    @property
    def plain(self) -> bool:
        """Whether plain coverage decides."""
        decides = self.capacity is not None or self.backup is not None or bool(self.aims)
        return not decides and self.scenario_goal == REPORT

    @property
    def longest_reach(self) -> float:
        """Factor on the reach up to which distances matter: ways may get shorter in a scenario."""
        return 1.0 / min([1.0, *(s.detour for s in self.scenarios)])

    def minima(self, counties: Iterable[str]) -> dict[str, int]:
        """Least number of new sites by county; those without one are left out."""
        if isinstance(self.min_per_county, Mapping):
            return {c: int(n) for c, n in self.min_per_county.items() if n > 0}
        return {c: int(self.min_per_county) for c in counties} if self.min_per_county > 0 else {}


def check_constraints(
    constraints: Constraints, candidates: gpd.GeoDataFrame, inputs: Inputs, *, file: str = "project.toml"
) -> None:
    """Check that every id and county named exists.

    Raises
    ------
    InputError
        With all faults: ids that are no candidate or are left out already, counties that are in no table,
        aims without data.
    """
    faults = [*_id_faults(constraints, candidates, file), *_county_faults(constraints, inputs, file)]
    unknown = {*constraints.aims, *(constraints.pareto_front or ())} & inputs.aims_without_data
    if "flow" in unknown:
        faults.append(Fault("siting-no-flow", file=file, values={"key": "siting.aims"}))
    if "equity" in unknown:
        faults.append(Fault("siting-no-counties", file=file, values={"key": "siting.aims"}))
    if faults:
        raise InputError(faults)


def _id_faults(constraints: Constraints, candidates: gpd.GeoDataFrame, file: str) -> Iterable[Fault]:
    known = dict(zip(candidates["id"].astype(str), candidates["excluded"], strict=True))
    for key, ids in (("siting.required", constraints.required), ("siting.forbidden", constraints.forbidden)):
        for name in ids:
            values: dict[str, Any] = {"key": key}
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
                values["near"] = ", ".join(near or sorted(known)[:3]) or "–"
                yield Fault("siting-candidate-unknown", file=file, value=name, values=values)
            elif key == "siting.required" and isinstance(known[name], str):
                yield Fault(
                    f"siting-candidate-{known[name].replace('_', '-')}", file=file, value=name, values=values
                )


def _county_faults(constraints: Constraints, inputs: Inputs, file: str) -> Iterable[Fault]:
    areas = sorted(set(inputs.counties["name"].dropna().astype(str))) if len(inputs.counties) else []
    if constraints.minima(["any"]) and not (len(areas) and inputs.counties.geometry.notna().any()):
        yield Fault("siting-no-counties", file=file, values={"key": "siting.min_per_county"})
        return
    named = constraints.min_per_county if isinstance(constraints.min_per_county, Mapping) else {}
    yield from _unknown("siting.min_per_county", named, areas, file)
    every = sorted({*areas, *inputs.demand["county"].dropna().astype(str)})
    for scenario in constraints.scenarios:
        if isinstance(scenario.demand, Mapping):
            yield from _unknown(f"siting.scenarios.{scenario.name}.demand", scenario.demand, every, file)


def _unknown(key: str, named: Iterable[str], known: list[str], file: str) -> Iterable[Fault]:
    for name in named:
        if name not in known:
            shown = {"key": key, "known": ", ".join(known) or "–"}
            yield Fault("siting-county-unknown", file=file, value=name, values=shown)


def limits(constraints: Constraints, places: Places, counties: list[str]) -> dict[str, Any]:
    """The constraints as arguments of :func:`plugspan.siting.maxcover.make_problem`; groups are ``counties``."""
    names = {name: i for i, name in enumerate(places.names) if not places.table["existing"].iloc[i]}
    found: dict[str, Any] = {
        "required": np.array([names[n] for n in constraints.required if n in names], dtype=np.int64),
        "forbidden": np.array([names[n] for n in constraints.forbidden if n in names], dtype=np.int64),
    }
    minima = constraints.minima(counties)
    if minima:
        position = {c: i for i, c in enumerate(counties)}
        group = places.table["county"].map(position).fillna(-1).to_numpy(np.int64)
        found["group"] = group
        found["group_min"] = np.array([minima.get(c, 0) for c in counties], dtype=np.int64)
    if constraints.min_distance_km > 0:
        found["conflicts"] = too_close(places, constraints.min_distance_km)
    return found


def too_close(places: Places, min_distance_km: float) -> IntArray:
    """(k, 2) pairs nearer than the least distance, as the crow flies; one of each pair at least is new.

    Raises
    ------
    InputError
        If there are more than :data:`MOST_CONFLICTS`.
    """
    if not len(places.table):
        return np.empty((0, 2), dtype=np.int64)
    points = places.table.geometry
    at = np.radians(np.column_stack([points.y.to_numpy(float), points.x.to_numpy(float)]))
    radius = min_distance_km * M_PER_KM / EARTH_RADIUS_M
    tree = BallTree(at, metric="haversine")
    n_pairs = (int(tree.query_radius(at, radius, count_only=True).sum()) - len(at)) // 2
    if n_pairs > MOST_CONFLICTS:
        values = {"n": n_pairs, "most": f"{MOST_CONFLICTS:,}", "km": min_distance_km}
        raise InputError(Fault("siting-crowded", file="project.toml", values=values))
    near, far = tree.query_radius(at, radius, return_distance=True)
    first = np.repeat(np.arange(len(at)), [len(n) for n in near])
    second, angle = np.concatenate(near), np.concatenate(far)
    old = places.table["existing"].to_numpy(bool)
    # a hair below the distance asked for, so that two sites exactly that far apart may both be built
    keep = (first < second) & (angle < radius * (1 - 1e-9)) & ~(old[first] & old[second])
    return np.column_stack([first[keep], second[keep]]).astype(np.int64)
