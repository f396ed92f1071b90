"""What in a project has no effect, or not the one meant: noticed and said, without stopping anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from .errors import Fault
from .inputs import CHARGERS, Inputs, distance_to
from .inputs.checks import notice_table_datum
from .network import RoadGraph
from .network.refs import split_refs
from .network.routes import Route
from .project import Project, boundary_file
from .rules.policy import Policy
from .rules.roads import RouteRule
from .texts import LANGUAGES, text

_EXAMPLES = 8
"""So many road numbers are named as examples."""


def notices(
    project: Project, policy: Policy, roads: RoadGraph, routes: Sequence[Route], inputs: Inputs
) -> list[Fault]:
    """Warnings about settings without effect, in the order of the project file."""
    return [
        *region_notices(project),
        *class_notices(project, policy, roads, routes),
        *siting_notices(project, inputs),
        *county_notices(inputs),
        *measure_notices(policy, inputs),
    ]


def region_notices(project: Project) -> list[Fault]:
    """A region that is only named, and was not looked up yet: the whole file is assessed."""
    region = project.region
    other = (region.file, region.osm_relation, region.bbox)
    if region.name is None or any(way is not None for way in other) or boundary_file(project).is_file():
        return []
    return [Fault("region-not-looked-up", file="project.toml", value=region.name, warning=True)]


def class_notices(project: Project, policy: Policy, roads: RoadGraph, routes: Sequence[Route]) -> list[Fault]:
    """Classes of roads that no rule knows, and classes that rules ask for but no road number belongs to."""
    asked = {rule.network for rule in policy.of(RouteRule)}
    known = sorted({*policy.road_class, *asked})
    notes = [
        Fault(
            "road-class-unknown", "project.toml", value=name, values={"known": ", ".join(known)}, warning=True
        )
        for name in sorted(set(project.road_class) - set(known))
    ]
    found = {route.road_class for route in routes}
    numbers = longest_numbers(roads) if asked - found else ""
    key = "road-class-empty" if numbers else "road-class-no-numbers"
    notes += [
        Fault(key, "project.toml", value=name, values={"numbers": numbers}, warning=True)
        for name in sorted(asked - found)
    ]
    return notes


def longest_numbers(roads: RoadGraph, n: int = _EXAMPLES) -> str:
    """The ``n`` road numbers with the most length, without spaces as patterns see them; ties by the number."""
    codes, values = pd.factorize(roads.segments["ref"].astype(object), use_na_sentinel=True)
    length_m = np.bincount(codes[codes >= 0], roads.seg_length_m[codes >= 0], minlength=len(values))
    total: dict[str, float] = {}
    for value, metres in zip(values, length_m.tolist(), strict=True):
        for token in split_refs(value):
            total[token] = total.get(token, 0.0) + metres
    return ", ".join(sorted(total, key=lambda token: (-total[token], token))[:n])


def siting_notices(project: Project, inputs: Inputs) -> list[Fault]:
    """New sites for people, but no people are given: nothing can be proposed."""
    settings = project.siting
    wanted = bool(settings.sites) or bool(settings.budget)
    weight = inputs.demand["weight"].fillna(0) if len(inputs.demand) else pd.Series(dtype=float)
    if not wanted or settings.objective != "people" or (weight > 0).any():
        return []
    return [Fault("siting-no-demand", file="project.toml", warning=True)]


def county_notices(inputs: Inputs) -> list[Fault]:
    """Counties of one name: parts of one county, or one that was entered twice."""
    counties = inputs.counties
    notes = []
    for name, rows in counties.groupby("name", sort=False) if len(counties) else ():
        if len(rows) > 1:
            values = {"rows": ", ".join(map(str, rows["source_row"].head(_EXAMPLES)))}
            file = str(rows["source"].iloc[0])
            notes.append(Fault("county-twice", file=file, value=name, values=values, warning=True))
    return notes


def measure_notices(policy: Policy, inputs: Inputs) -> list[Fault]:
    """Lists of chargers that say neither current nor power: which rules can't be decided by them."""
    asking = [r for r in policy.rules if getattr(getattr(r, "site", None), "dc_min_kw", 0.0) > 0]
    chargers = inputs.chargers[inputs.chargers["kind"].fillna("charging") == "charging"]
    notes = []
    for source, rows in chargers.groupby("source", sort=False) if asking and len(chargers) else ():
        missing = [name for name in ("current", "point_kw", "points") if rows[name].isna().all()]
        if "point_kw" in missing and rows["dc_points"].isna().all() and rows["pool_kw"].isna().all():
            labels = {lang: [CHARGERS[name].label(lang) for name in missing] for lang in LANGUAGES}
            titles = {lang: [rule.title[lang] for rule in asking] for lang in LANGUAGES}
            said = [
                _Words({k: text("language.comma", k).join(v) for k, v in w.items()}) for w in (labels, titles)
            ]
            values = {"n": len(rows), "missing": said[0], "rules": said[1]}
            notes.append(Fault("measures-missing", file=str(source), values=values, warning=True))
    return notes


@dataclass(frozen=True)
class _Words:
    """Words of a message by the language of its reader."""

    by_language: Mapping[str, str]

    def render(self, lang: str) -> str:
        """Return those of a language."""
        return self.by_language[lang]


def datum_notices(
    lists: Mapping[str, Sequence[gpd.GeoDataFrame]],
    features: Mapping[str, gpd.GeoDataFrame],
    roads: RoadGraph | None,
) -> list[Fault]:
    """Tables whose points lie better under another datum: by the roads, or else by the facilities of other tables.

    Chargers in a town lie near some road under any datum, but those of a service area only at one place. A table that
    the roads find wrong is no measure for others.
    """
    if roads is None:
        return []
    to_road, notes = distance_to(roads.lines()), []
    own = [t for name in ("facilities", "chargers") for t in lists[name] if "datum" in t.attrs]
    wrong: set[int] = set()
    for table in own:
        noticed = notice_table_datum(table, table.attrs["datum"], to_road)
        if noticed is not None:
            wrong.add(id(table))
            notes.append(noticed)
    osm = features["service_areas"].geometry.tolist() if "service_areas" in features else []
    for table in own:
        others = [t for t in lists["facilities"] if t is not table and id(t) not in wrong]
        places = osm + [point for t in others for point in t.geometry[t.geometry.notna()]]
        if places and id(table) not in wrong:
            noticed = notice_table_datum(table, table.attrs["datum"], distance_to(places), to_road)
            notes += [] if noticed is None else [noticed]
    return notes
