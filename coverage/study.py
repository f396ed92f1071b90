"""Reading a project: policy, region, roads and tables, with every fault of all of them reported together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely import Polygon

from .atomic import write_file, write_text
from .errors import Diagnostics, Fault, InputError
from .files import digest_of
from .inputs import SCHEMAS, Inputs, collect, read_table
from .inputs.from_osm import table_from_osm
from .inputs.fusion import Decisions, join_lists, unknown_ids
from .inputs.ledger import FileEntry, Merge, again
from .inputs.mapping import Reading
from .inputs.same_site import ListRules
from .inputs.schemas import SITE_PAIRS
from .inputs.tables import RASTER_SUFFIXES, OnFault
from .measure.landmarks import Landmarks, named_places
from .network import Region, RoadGraph, read_network, read_osm, read_region, read_region_from_osm
from .network.refs import RoadClasses
from .network.routes import Counting, Mark, RoadIndex, Route, find_routes
from .notices import datum_notices, notices
from .project import Project, TableSettings, boundary_file
from .reference_systems import check_crs
from .rules.policy import Policy, read_policy, with_changes
from .rules.roads import RoadContext
from .rules.traffic import apply_traffic, on_known_marks
from .units import M_PER_KM, WGS84

StageProgress = Callable[[str, float], None]
ListReader = Callable[
    [Project, str, TableSettings, Region | None, RoadGraph | None, Diagnostics, list[FileEntry]],
    gpd.GeoDataFrame,
]
"""Reads a file of a table: as :func:`read_list`."""
FAR_KM = 40.0
"""Without a region, what lies this far from all roads is noticed: as far as the widest spacing the plan allows."""
OSM_SUFFIXES = (".pbf", ".osm", ".gz", ".bz2")


def silent(_key: str, _share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Study:
    """Everything read, before anything is measured."""

    project: Project
    policy: Policy
    region: Region | None
    roads: RoadGraph
    routes: tuple[Route, ...]
    inputs: Inputs
    background: Mapping[str, gpd.GeoDataFrame]

    @cached_property
    def waymarks(self) -> Landmarks:
        """What places along the roads are named by."""
        return Landmarks(
            self.routes, lambda: self.context.index, named_places(self.background.get("places"), self.inputs)
        )

    @property
    def lang(self) -> str:
        """The project's language, which knows the policy's unit of length and the roads."""
        return self.policy.reader(self.project.language, self.waymarks)

    @cached_property
    def context(self) -> RoadContext:
        """Roads, routes and sites with what several steps need of them."""
        return RoadContext(self.inputs, self.roads, self.routes, self.region, self.lang)


def load(
    project: Project,
    *,
    progress: StageProgress = silent,
    ledger: list[FileEntry] | None = None,
    notes: Diagnostics | None = None,
    read: ListReader | None = None,
    piece: bool = False,
) -> Study:
    """Read policy, region, roads and tables.

    ``ledger`` and ``notes`` take up what was read of each file and what was noticed, also if there are faults.
    ``read`` reads a file of a table; :func:`read_list` if left out. Of a ``piece`` of a country the project speaks of
    routes, posts and kilometre marks that lie elsewhere.
    """
    if project.regions is not None:
        raise InputError(Fault("regions-verb", file="project.toml"))
    ledger = [] if ledger is None else ledger
    found = Diagnostics()
    with found.collecting():
        policy, changed = read_project_policy(project)
        found.extend(changed)
    progress("network", 0.05)
    region: Region | None = None
    features: Mapping[str, gpd.GeoDataFrame] = {}
    roads: RoadGraph | None = None
    with found.collecting():
        region = _region(project)
        if region is not None:
            check_crs(project.output.crs, region.with_halo.bounds, file="project.toml")
    if not any(fault.file == str(project.path(project.network.osm)) for fault in found):
        with found.collecting():
            roads, features = _network(project, region, found)
            if region is None:
                check_crs(project.output.crs, _extent(roads).bounds, file="project.toml")
    progress("tables", 0.2)
    try:
        inputs = _inputs(project, region, features, roads, found, ledger, read or read_list)
    finally:
        if notes is not None:
            notes += found.notes
    if project.reference_date is not None:
        inputs = inputs.as_of(project.reference_date)
    assert roads is not None  # or there was a fault
    progress("routes", 0.3)
    classes = road_classes(project, policy)
    routes = tuple(
        find_routes(
            roads,
            classes,
            bridge_m=project.network.bridge_km * M_PER_KM,
            counting=route_counting(project, piece=piece),
        )
    )
    inputs = _clustered(project, inputs)
    if piece:
        inputs = on_known_marks(inputs, routes)
    area = None if region is None else region.polygon
    policy, inputs = apply_traffic(policy, inputs, RoadIndex(roads), routes, area)
    inputs = replace(inputs, warnings=(*inputs.warnings, *notices(project, policy, roads, routes, inputs)))
    study = Study(project, policy, region, roads, routes, inputs, _background(features))
    return _with_data(study) if piece else study


def read_ground(
    project: Project,
) -> tuple[Region | None, RoadGraph, Mapping[str, gpd.GeoDataFrame]]:
    """Read region, roads and what else their file holds: what the tables of a project are looked at against.

    Raises
    ------
    InputError, NetworkError
        As :func:`load`.
    """
    region = _region(project)
    return region, *_network(project, region, Diagnostics())


def _network(
    project: Project, region: Region | None, found: Diagnostics
) -> tuple[RoadGraph, Mapping[str, gpd.GeoDataFrame]]:
    """Roads, and what else the file holds if it is OpenStreetMap's."""
    osm = project.path(project.network.osm)
    if osm.suffix not in OSM_SUFFIXES:
        return read_network(osm, region), {}
    extract = read_osm(osm, region)
    found += extract.report.faults
    return extract.roads, extract.features


def read_project_policy(project: Project) -> tuple[Policy, list[Fault]]:
    """Return the policy with the project's changes of its rules, and a warning for each of them.

    Raises
    ------
    InputError
        If there is no such policy, or it can't be changed as the project says.
    """
    return with_changes(read_policy(policy_name(project)), project.rules, "project.toml")


def policy_name(project: Project) -> str | Path:
    """Return what the project names as its policy: the id of a profile, or where the file of its own is."""
    path = project.path(Path(project.policy))
    return path if path.suffix == ".toml" and path.exists() else project.policy


def road_classes(project: Project, policy: Policy) -> RoadClasses:
    """Classes of road of the policy, with the project's own patterns in their place."""
    patterns = {**policy.road_class, **project.road_class}
    return RoadClasses.from_mapping(patterns)


def route_counting(project: Project, *, piece: bool = False) -> dict[str, Counting]:
    """How the project counts the kilometre marks of its routes; in a piece of a country none starts with the route."""
    return {
        ref: Counting(
            how.counts_from,
            None if how.start_km is None or piece else how.start_km * M_PER_KM,
            tuple(Mark(mark.km * M_PER_KM, mark.lon, mark.lat) for mark in how.marks),
            piece,
        )
        for ref, how in project.routes.items()
    }


def _with_data(study: Study) -> Study:
    """A piece without the settings that no row in it speaks of, and with a note of each: elsewhere rows do."""
    siting, plan, without = study.project.siting, study.project.plan, study.inputs.aims_without_data
    asked: dict[str, set[str]] = {
        "siting.aims": set(siting.aims),
        "siting.pareto_front": set(siting.pareto_front or ()),
        "plan.then": set() if plan is None else set(plan.aims),
    }
    left_out = {key: sorted(aims & without) for key, aims in asked.items()}
    update: dict[str, Any] = {
        "siting": siting.model_copy(update={
            "aims": {aim: weight for aim, weight in siting.aims.items() if aim not in without},
            "pareto_front": None if left_out["siting.pareto_front"] else siting.pareto_front,
        })
    }  # fmt: skip
    if plan is not None:
        then = {aim: weight for aim, weight in plan.aims.items() if aim not in without}
        changed: dict[str, Any] = {"then": then or "people"} if left_out["plan.then"] else {}
        if plan.points == "traffic" and not study.context.laid:
            changed["points"] = "fixed"
            left_out["plan.points"] = ["traffic"]
        update["plan"] = plan.model_copy(update=changed)
    notes = [
        Fault("setting-no-data", file="project.toml", value=value, values={"key": key}, warning=True)
        for key, values in left_out.items()
        for value in values
    ]
    inputs = replace(study.inputs, warnings=(*study.inputs.warnings, *notes))
    return replace(study, project=study.project.model_copy(update=update), inputs=inputs)


def _region(project: Project) -> Region | None:
    wanted, halo_m = project.region, project.region.halo_km * M_PER_KM
    if wanted.file is not None:
        return read_region(project.path(wanted.file), layer=wanted.layer, halo_m=halo_m, name=project.name)
    if wanted.osm_relation is not None:
        return read_region_from_osm(project.path(project.network.osm), wanted.osm_relation, halo_m=halo_m)
    beside = boundary_file(project)
    if wanted.name is not None and beside.is_file():
        return read_region(beside, halo_m=halo_m, name=wanted.name)
    if wanted.bbox is not None:
        return Region.from_bbox(*wanted.bbox, halo_m=halo_m, name=project.name)
    return None


def _inputs(
    project: Project,
    region: Region | None,
    features: Mapping[str, gpd.GeoDataFrame],
    roads: RoadGraph | None,
    found: Diagnostics,
    ledger: list[FileEntry],
    read: ListReader,
) -> Inputs:
    """Read all tables; faults of all files are raised together, with those found before."""
    tables: dict[str, Any] = {}
    merges: list[Merge] = []
    seen: dict[Hashable, Path] = {}
    decisions = Decisions()
    with found.collecting():
        decisions = decisions_of(project)
    lists: dict[str, list[gpd.GeoDataFrame]] = {}
    rules: dict[str, list[ListRules]] = {}
    for name in SCHEMAS:
        lists[name], rules[name] = [], []
        for settings in project.tables.get(name, ()):  # type: ignore[call-overload]
            if settings.from_osm and roads is None:
                continue
            content = content_of(project, name, settings)
            if settings.points is not None and name != "demand":
                found.append(Fault("points-not-demand", file="project.toml", value=name))
            if content is not None and content in seen and settings.path is not None:
                found.append(file_twice(settings, seen[content]))
                first = (name, seen[content].as_posix())
                twin = next((e for e in ledger if (e.table, e.path) == first), None)
                ledger += [] if twin is None else [again(twin, str(settings.path.as_posix()))]
                continue
            if content is not None and settings.path is not None:
                seen[content] = settings.path
            with found.collecting():
                table = _table(project, name, settings, region, features, found, roads, ledger, read)
                lists[name].append(table)
                rules[name].append(ListRules(settings.duplicates, settings.trust, settings.as_of))
    found += datum_notices(lists, features, roads)
    found += unknown_ids(lists, decisions)
    for name, schema in SCHEMAS.items():
        with found.collecting():
            tables[name], joined = join_lists(lists[name], rules[name], schema, found, decisions)
            merges += joined
    found.stop()
    rasters = [
        project.path(each.path)
        for each in project.tables.get("demand", ())
        if each.path is not None and each.path.suffix.lower() in RASTER_SUFFIXES
    ]
    if rasters and len(tables["counties"]):
        from .inputs.people import with_population  # rasterio is slow to load, and few need it

        tables["counties"], notes = with_population(tables["counties"], rasters)
        found += notes
    return collect(tables, None if region is None else region.polygon, found, merges, ledger)


def _clustered(project: Project, inputs: Inputs) -> Inputs:
    """Join the places of tables of demand that ask for it."""
    for settings in project.tables.get("demand", ()):
        if settings.points is not None and settings.path is not None:
            from .inputs.people import cluster_demand  # rasterio is slow to load, and few need it

            inputs = cluster_demand(inputs, settings.path.name, settings.points, project.siting.reach_km)
    return inputs


def content_of(project: Project, name: str, settings: TableSettings) -> Hashable:
    """What makes two files of a table the same: their bytes and the part that is read; None if they may repeat."""
    path = None if settings.path is None else project.path(settings.path)
    if path is None or settings.duplicates == "add" or not path.is_file():
        return None
    return name, digest_of(path), settings.sheet, settings.layer


def file_twice(settings: TableSettings, first: Path) -> Fault:
    """Say that a file of a table has the content of another."""
    return Fault("file-twice", file=str(settings.path), values={"first": first.as_posix()}, warning=True)


def decisions_of(project: Project) -> Decisions:
    """What people decided of sites that stand in several lists."""
    pairs = []
    for path in (project.fusion.same_site, project.fusion.different_site):
        table = None if path is None else read_table(project.path(path), SITE_PAIRS)
        columns = [] if table is None else [table[name].astype(str) for name in ("id", "other_id")]
        pairs.append(tuple(zip(*columns, strict=True)))
    return Decisions(*pairs)


def _table(
    project: Project,
    name: str,
    settings: TableSettings,
    region: Region | None,
    features: Mapping[str, gpd.GeoDataFrame],
    found: Diagnostics,
    roads: RoadGraph | None,
    ledger: list[FileEntry],
    read: ListReader,
) -> gpd.GeoDataFrame:
    """One table, from its file or from the OSM file."""
    if settings.from_osm:
        table = table_from_osm(name, features, notes=found)
        ledger.append(FileEntry(project.network.osm.as_posix(), name, len(table), osm=True))
        return table
    return read(project, name, settings, region, roads, found, ledger)


def read_list(
    project: Project,
    name: str,
    settings: TableSettings,
    region: Region | None,
    roads: RoadGraph | None,
    found: Diagnostics,
    ledger: list[FileEntry],
    *,
    on_fault: OnFault | None = None,
) -> gpd.GeoDataFrame:
    """Read a file of a table as the project says; see :func:`~plugspan.inputs.read_table`.

    ``on_fault`` stands for what the project says of rows with faults.
    """
    assert settings.path is not None
    path, entries = settings.path.as_posix(), list[FileEntry]()
    try:
        table = read_table(
            project.path(settings.path),
            SCHEMAS[name],
            datum=settings.datum if "datum" in settings.model_fields_set else None,
            columns=settings.columns,
            encoding=settings.encoding,
            sheet=settings.sheet,
            layer=settings.layer,
            defaults=settings.defaults,
            region=None if region is None else region.polygon,
            halo_km=project.region.halo_km if region is not None else FAR_KM,
            roads=None if roads is None else _extent(roads),
            notes=found,
            on_fault=on_fault or settings.on_fault,
            ledger=entries,
            reading=Reading(
                settings.values, settings.ignore, settings.units, settings.position_order, settings.decimal
            ),
        )
    finally:
        ledger += [replace(entry, path=path) for entry in entries]
    table.attrs["path"] = path
    return table


def _extent(roads: RoadGraph) -> Polygon:
    """Box around all roads, EPSG:4326."""
    box: Polygon = shapely.box(*roads.node_xy.min(axis=0), *roads.node_xy.max(axis=0))
    return box


def _background(features: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    background = {}
    if "waterways" in features:
        background["waterways"] = features["waterways"]
    places = features.get("places")
    if places is not None and len(places):
        background["towns"] = places[places["kind"].isin(["city", "town"])]
    named = [features[name] for name in ("places", "junctions") if len(features.get(name, ()))]
    if named:
        table = gpd.GeoDataFrame(pd.concat(named, ignore_index=True), crs=WGS84)
        background["places"] = table[table["name"].notna()]
    return background


def fetch(project: Project, *, overwrite: bool, log: Callable[[str], None]) -> Path:
    """Download the project's region to the file that it names as its network.

    A region given by name is looked up, and its boundary kept beside the network, where ``run`` finds it.

    Raises
    ------
    OutputExistsError
        If the file is there and ``overwrite`` is False.
    InputError
        If the project names no region, or one that stands in a file that is not there yet.
    NetworkError
        If no server can be reached, or none knows the region.
    """
    from .network.download import check_download, fetch_osm

    out = project.path(project.network.osm)
    check_download(out, overwrite=overwrite)
    if project.region.osm_relation is not None and not out.exists():
        relation = project.region.osm_relation
        raise InputError(Fault("region-relation-in-file", file="project.toml", value=relation))
    region = _region(project) or _looked_up(project, log)
    return fetch_osm(
        region,
        out,
        endpoint=project.network.overpass or None,
        overwrite=overwrite,
        log=log,
        lang=project.language,
    )


def _looked_up(project: Project, log: Callable[[str], None]) -> Region:
    from .network.download import find_region

    if project.region.name is None:
        raise InputError(Fault("region-none", file="project.toml"))
    region = find_region(
        project.region.name,
        cache_dir=project.path(project.network.osm).parent / ".osm-cache",
        nominatim=project.network.nominatim or None,
        halo_m=project.region.halo_km * M_PER_KM,
        log=log,
        lang=project.language,
    )
    frame = gpd.GeoDataFrame({"name": [project.region.name]}, geometry=[region.polygon], crs=WGS84)
    with write_file(boundary_file(project), overwrite=False, is_input=True) as new:
        write_text(new, frame.to_json(drop_id=True))
    return region


@contextmanager
def sample_project() -> Iterator[Path]:
    """Give the path of the embedded sample's project file."""
    with resources.as_file(resources.files("plugspan.data")) as folder:
        yield folder / "zhuzhou.toml"
