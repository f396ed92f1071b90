"""Plans from frames: what a notebook or a script needs, without a project file.

Everything here says the same as a project file does, by the same code: :func:`assess` and :func:`make_plan` build the
project that the arguments describe and hand it to the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from shapely.geometry.base import BaseGeometry

from .errors import Diagnostics
from .inputs import SCHEMAS, Inputs, collect, read_table
from .inputs.fusion import join_lists
from .inputs.ledger import Merge
from .inputs.same_site import ListRules
from .network import Region, RoadGraph, read_network
from .network.refs import RoadClasses
from .network.routes import RoadIndex, Route, find_routes
from .pipeline import assess_study, plan_study
from .pipeline import make_plan as plan_project
from .plan import Plan
from .project import Project
from .rules.assessment import Assessment
from .rules.policy import Policy, read_policy
from .rules.traffic import apply_traffic
from .settings import validated
from .study import Study

Table = str | Path | pd.DataFrame | Sequence[str | Path | pd.DataFrame] | None
"""A file, a frame, or several of them."""
IN_MEMORY = Path("in-memory")
"""What stands for the road file of a project that has none."""


def read_tables(
    sites: Table = None,
    *,
    facilities: Table = None,
    berths: Table = None,
    car_parks: Table = None,
    demand: Table = None,
    counties: Table = None,
    calls: Table = None,
    traffic: Table = None,
    region: Region | BaseGeometry | None = None,
    datum: str | None = None,
) -> Inputs:
    """Read and check tables of chargers, places, berths, demand … from files or frames.

    Parameters
    ----------
    sites : path, DataFrame, GeoDataFrame, or several
        Chargers; those at one place become one charging site, and sites that several lists have count
        once. Columns are found by their names in Chinese or English
        (see ``docs/inputs.md``); a GeoDataFrame's points are taken from its own CRS.
    facilities, berths, car_parks, demand, counties, calls, traffic : as ``sites``, optional
    region : Region or polygon in EPSG:4326, optional
        Rows outside belong to the halo; without it everything is inside.
    datum : str, optional
        ``"wgs84"``, ``"gcj02"``, ``"bd09"`` or ``"EPSG:…"``: what plain columns of coordinates are in; WGS 84
        if left out, or what a native format defines.

    Returns
    -------
    Inputs
        One frame a table, EPSG:4326; ``inputs.sites`` are the charging sites, ``inputs.warnings`` what was noticed.

    Raises
    ------
    InputError
        With every fault of every table that was given.

    Examples
    --------
    >>> import pandas as pd
    >>> chargers = pd.DataFrame({"经度": [113.1], "纬度": [27.8], "功率": [120.0], "充电类型": ["直流"]})
    >>> read_tables(chargers).sites[["points", "point_kw"]].iloc[0].tolist()[1]
    120.0
    """
    given = {
        "chargers": sites, "facilities": facilities, "berths": berths, "car_parks": car_parks, "demand": demand,
        "counties": counties, "calls": calls, "traffic": traffic,
    }  # fmt: skip
    polygon = region.polygon if isinstance(region, Region) else region
    found = Diagnostics()
    tables = {}
    merges: list[Merge] = []
    for name, schema in SCHEMAS.items():
        parts = []
        for source in _several(given[name]):
            with found.collecting():
                parts.append(read_table(source, schema, datum=datum, region=polygon, notes=found))
        with found.collecting():
            tables[name], joined = join_lists(parts, [ListRules()] * len(parts), schema, found)
            merges += joined
    found.stop()
    return collect(tables, polygon, found, merges)


def _several(table: Table) -> list[str | Path | pd.DataFrame]:
    if table is None:
        return []
    return [table] if isinstance(table, str | Path | pd.DataFrame) else list(table)


def assess(
    sites: Table | Inputs,
    roads: RoadGraph | str | Path,
    policy: Policy | str | Path = "cn-national",
    *,
    region: Region | BaseGeometry | None = None,
    routes: Sequence[Route] | None = None,
    **tables: Table,
) -> Assessment:
    """Measure every rule of a policy.

    Parameters
    ----------
    sites : path, DataFrame, GeoDataFrame, several of them, or Inputs
        Chargers, or everything that :func:`read_tables` gave.
    roads : RoadGraph or path
        Of :func:`read_network`; a path is read and cut to the region with its halo.
    policy : Policy, id of a profile, or path
    region : Region or polygon in EPSG:4326, optional
        What is assessed; without it everything. A polygon gets the usual halo of 40 km.
    routes : sequence of Route, optional
        Of :func:`find_routes`, if they are known already.
    **tables
        ``facilities``, ``berths``, ``car_parks``, ``demand``, ``counties``, ``calls``, ``traffic``, ``datum``: see
        :func:`read_tables`.

    Returns
    -------
    Assessment
        ``findings`` (one a rule, with an interval), ``gaps``, ``routes``, ``access`` … as frames.

    Raises
    ------
    InputError
        With every fault of the tables, the policy and the roads.

    Examples
    --------
    >>> import plugspan
    >>> with plugspan.sample_project() as sample:
    ...     roads = sample.parent / "osm/zhuzhou-sample.osm.pbf"
    ...     found = plugspan.assess(sample.parent / "sites/chargers.csv", roads, "zhuzhou-2025")
    >>> found["ordinary-highway-spacing"].unit
    'km'
    """
    return assess_study(_study(sites, roads, policy, region, routes, tables, {}))


def make_plan(
    sites: Project | Table | Inputs,
    roads: RoadGraph | str | Path | None = None,
    policy: Policy | str | Path = "cn-national",
    *,
    region: Region | BaseGeometry | None = None,
    routes: Sequence[Route] | None = None,
    name: str = "",
    language: str = "en",
    siting: Mapping[str, Any] | None = None,
    costs: Mapping[str, Any] | None = None,
    facilities: Table = None,
    berths: Table = None,
    car_parks: Table = None,
    demand: Table = None,
    counties: Table = None,
    calls: Table = None,
    traffic: Table = None,
    datum: str | None = None,
    **plan: Any,
) -> Plan:
    """Assess, plan what to build so that the rules are met, and assess again as if it were built.

    Parameters
    ----------
    sites : Project, path, DataFrame, GeoDataFrame, several of them, or Inputs
        A project of :func:`read_project`, which says all the rest, or the chargers.
    roads, policy, region, routes : as for :func:`assess`
    name : str
        Title of map and report.
    language : {"en", "zh"}
        Of what :meth:`Plan.save` and :meth:`Plan.map` write.
    siting, costs : mapping, optional
        Keys of the sections ``[siting]`` and ``[costs]`` of a project file (``docs/project.md``).
    facilities, berths, car_parks, demand, counties, calls, traffic, datum : as for :func:`read_tables`
    **plan
        Keys of section ``[plan]``: ``meet``, ``then``, ``budget``, ``years``, ``required``, ``forbidden`` …

    Returns
    -------
    Plan
        ``plan.actions``, ``plan.gaps``, ``plan.findings`` are frames with their units in ``attrs``;
        ``plan.map()`` is a folium map, ``plan.save(folder)`` writes map, layers, workbook, report and results.

    Raises
    ------
    InputError
        With every fault of tables, policy, roads and options.

    Examples
    --------
    >>> import plugspan
    >>> with plugspan.sample_project() as sample:
    ...     roads = sample.parent / "osm/zhuzhou-sample.osm.pbf"
    ...     sites = sample.parent / "sites/chargers.csv"
    ...     plan = plugspan.make_plan(sites, roads, "zhuzhou-2025", meet=["ordinary-highway-spacing"])
    >>> plan.after["ordinary-highway-spacing"].status
    'met'
    """
    if isinstance(sites, Project):
        return plan_project(sites)
    if roads is None:
        raise TypeError("make_plan() needs roads, unless it is given a project")
    tables = {
        "facilities": facilities, "berths": berths, "car_parks": car_parks, "demand": demand, "counties": counties,
        "calls": calls, "traffic": traffic, "datum": datum,
    }  # fmt: skip
    options = {"name": name, "language": language, "siting": siting or {}, "costs": costs or {}, "plan": plan}
    return plan_study(_study(sites, roads, policy, region, routes, tables, options))


def _study(
    sites: Table | Inputs,
    roads: RoadGraph | str | Path,
    policy: Policy | str | Path,
    region: Region | BaseGeometry | None,
    routes: Sequence[Route] | None,
    tables: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Study:
    """What a project file and its tables would have given."""
    found = Diagnostics()
    area = Region(region) if isinstance(region, BaseGeometry) else region
    with found.collecting():
        policy = policy if isinstance(policy, Policy) else read_policy(policy)
    with found.collecting():
        roads = roads if isinstance(roads, RoadGraph) else read_network(Path(roads), area)
    with found.collecting():
        inputs = sites if isinstance(sites, Inputs) else read_tables(sites, region=area, **tables)
    with found.collecting():
        settings = {"schema": 1, "name": "", "network": {"osm": IN_MEMORY}, **options}
        project = validated(settings, Project, "make_plan")
    found.stop()
    assert isinstance(policy, Policy)
    assert isinstance(roads, RoadGraph)
    if routes is None:
        routes = find_routes(roads, RoadClasses.from_mapping(policy.road_class))
    project = project.model_copy(update={"policy": policy.id})
    policy, inputs = apply_traffic(
        policy, inputs, RoadIndex(roads), routes, None if area is None else area.polygon
    )
    return Study(project, policy, area, roads, tuple(routes), inputs, {})
