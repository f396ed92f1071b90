"""Cutting a country: what each region is made from, written once as a project of its own.

A region's piece is an ordinary project (``project.json``) with its roads (``roads.osm.pbf``), its border
(``region.geojson``) and its rows of the tables, in the region and its halo. The piece ``national`` has all rows, the
routes that rules judge, and the roads by which one reaches their sites.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..atomic import write_text
from ..files import digest_of
from ..inputs.fusion import Decisions
from ..network import Region
from ..network.graph import FloatArray
from ..network.osm.pieces import OsmPieces, Roads, cells_around, within_cells
from ..network.osm.tags import MAIN_CLASSES
from ..network.refs import split_refs
from ..network.snapping import SNAP_M
from ..pipeline import LIBRARIES
from ..project import TABLES, FusionSettings, Project, RegionSettings, SitingSettings
from ..rules.policy import Policy
from ..rules.roads import RouteRule
from ..settings import Wording
from ..siting.planning.candidates import TOWNS
from ..study import decisions_of, policy_name, road_classes
from ..units import M_PER_KM, WGS84
from .manifest import NATIONAL, PIECES
from .tables import Tables, write_list

ROADS, BORDER, PROJECT = "roads.osm.pbf", "region.geojson", "project.json"
CUT, RUN = "cut.json", "run.json"
"""In a piece: what its roads were cut from, and what became of its run."""
_CODE = (".py", ".toml", ".js", ".css", ".html")
"""What of the package decides what a run folder holds, its pages with their scripts among it."""
MOST_VERTICES = 2_000_000
"""Of a road file with more of them the national run takes the main roads alone: a province has a million."""
_MAIN = frozenset(MAIN_CLASSES) | {f"{name}_link" for name in MAIN_CLASSES}


@dataclass(frozen=True, eq=False)
class Country:
    """A project of many regions, with everything read but its roads.

    Attributes
    ----------
    project : Project
    policy : Policy
    regions : GeoDataFrame
        ``id, name, geometry``.
    whole : Region
        All of them as one; its halo is how far beyond its border a region is read.
    tables : Tables
    """

    project: Project
    policy: Policy
    regions: gpd.GeoDataFrame
    whole: Region
    tables: Tables

    def region(self, id_: str) -> Region:
        """Return a region with its halo, or all of them as one."""
        return self._held[id_]

    @cached_property
    def _held(self) -> dict[str, Region]:
        """All regions: halos are drawn once, and asked for whenever tables and roads are cut."""
        rows = zip(self.ids, self.regions.geometry, self.regions["name"], strict=True)
        held = {id_: Region(shape, self.whole.halo_m, name) for id_, shape, name in rows}
        return {**held, NATIONAL: self.whole}

    @property
    def margin_km(self) -> float:
        """How far beyond its border a region is read."""
        return self.whole.halo_m / M_PER_KM

    @cached_property
    def decisions(self) -> Decisions:
        """What people decided of sites that stand in several lists."""
        return decisions_of(self.project)

    @property
    def ids(self) -> list[str]:
        """Regions in the order of their file."""
        return [str(id_) for id_ in self.regions["id"]]


def piece(out: Path, id_: str) -> Path:
    """Folder of what a region, or the national run, is made from."""
    return out / PIECES / id_


def cut_country(country: Country, out: Path, progress: Callable[[float], None]) -> bool:
    """Write the pieces of all regions, and the national one; whether the roads had to be read.

    Roads are cut again only if their file, the regions or the margin have changed, or, for the national piece, places.

    Raises
    ------
    InputError
        As :func:`~plugspan.network.read_osm`.
    """
    for done, id_ in enumerate([NATIONAL, *country.ids]):
        _write_small(country, out, id_)
        progress(0.3 * done / len(country.ids))
    osm = digest_of(country.project.path(country.project.network.osm))
    keys = {id_: _roads_key(country, out, id_, osm) for id_ in [*country.ids, NATIONAL]}
    wanted = [id_ for id_, key in keys.items() if _cut_before(piece(out, id_)) != key]
    if not wanted:
        return False
    with _put_by(out) as folder:
        pieces = OsmPieces(country.project.path(country.project.network.osm), folder)
        for done, id_ in enumerate(wanted):
            with _replacing(piece(out, id_) / ROADS) as path:
                if id_ == NATIONAL and not _takes_all(country, pieces):
                    pieces.write_roads(path, national_roads(pieces, country))
                else:
                    pieces.write_area(path, country.region(id_).with_halo)
            replace_text(piece(out, id_) / CUT, json.dumps({"roads": keys[id_]}))
            progress(0.3 + 0.7 * done / len(wanted))
    return True


def _takes_all(country: Country, pieces: OsmPieces) -> bool:
    """Whether the national run is made from all roads: as long as they are few, so that covered length is exact."""
    settings = country.project.regions
    chosen = "all" if settings is None else settings.roads
    return pieces.vertices <= MOST_VERTICES if chosen == "auto" else chosen == "all"


@contextmanager
def _put_by(out: Path) -> Iterator[Path]:
    """Give an empty folder on the disk of the results, and remove it, or what a run left of it that was ended."""
    folder = out / PIECES / ".cutting"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def piece_key(out: Path, id_: str) -> str:
    """Hash of all that a run folder depends on: its piece, which holds the options, and the versions that compute."""
    folder = piece(out, id_)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (CUT, RUN))
    lines = [f"{p.relative_to(folder).as_posix()} {digest_of(p)}" for p in files]
    lines.append(_code_digest())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Hash of the versions that compute and of the package's own files, which may change without another version."""
    package = Path(__file__).parents[1]
    files = sorted(path for path in package.rglob("*") if path.suffix in _CODE)
    found = hashlib.sha256("\n".join(f"{name} {metadata.version(name)}" for name in LIBRARIES).encode())
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def _roads_key(country: Country, out: Path, id_: str, osm: str) -> str:
    """Hash of what the roads of a piece depend on; ``osm``: digest of the country's file."""
    parts = [osm, digest_of(piece(out, id_) / BORDER), f"{country.margin_km}", _code_digest()]
    if id_ == NATIONAL:
        parts += [piece_tables_digest(piece(out, id_)), country.policy.model_dump_json()]
        parts.append("" if country.project.regions is None else country.project.regions.roads)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def piece_tables_digest(folder: Path) -> str:
    """One digest of all tables of a piece."""
    return " ".join(digest_of(path) for path in sorted(folder.glob("*.arrow")))


def _cut_before(folder: Path) -> str:
    if not (folder / ROADS).is_file() or not (folder / CUT).is_file():
        return ""
    try:
        return str(json.loads((folder / CUT).read_text("utf-8"))["roads"])
    except (ValueError, KeyError, TypeError):
        return ""


# -- a piece as a project ----------------------------------------------------------------------------------
def _write_small(country: Country, out: Path, id_: str) -> None:
    """Write border, tables and project of a piece; files that nothing belongs to any more go."""
    folder, region = piece(out, id_), country.region(id_)
    folder.mkdir(parents=True, exist_ok=True)
    border = gpd.GeoDataFrame({"name": [region.name]}, geometry=[region.polygon], crs=WGS84)
    replace_text(folder / BORDER, border.to_json(drop_id=True))
    tables = country.tables if id_ == NATIONAL else country.tables.within(region)
    project, written = _project(country, id_, region.name, folder), [ROADS, BORDER, PROJECT, CUT, RUN]
    lists: dict[str, list[Any]] = {
        name: [each for each in given if each.from_osm] for name, given in country.project.tables.items()
    }
    for each in tables.lists:
        name = f"{each.name}-{each.number}.arrow"
        if each.settings.points is not None:
            each.frame["source"] = name  # what is clustered is found by the file's name
        with _replacing(folder / name) as path:
            write_list(each, path)
        lists[each.name].append(each.settings.model_copy(update={"path": Path(name)}))
        written.append(name)
    fusion = _decisions(country, tables, folder)
    update = {"tables": {name: tuple(each) for name, each in lists.items()}, "fusion": fusion}
    update |= _other_files(country, project, folder)
    if id_ != NATIONAL:
        update["siting"] = _of_own_counties(project.siting, tables, region)
    named: list[Any] = [fusion.same_site, fusion.different_site, project.output.report_template]
    named += [policy_name(country.project), None if project.plan is None else project.plan.pins]
    written += [path.name for path in named if isinstance(path, Path)]
    told = project.model_copy(update=update)
    replace_text(folder / PROJECT, told.model_dump_json(by_alias=True, exclude_unset=True, indent=1))
    for path in folder.iterdir():
        if path.name not in written:
            path.unlink()


def input_files(project: Project) -> list[Path]:
    """The road file and the tables of all regions, which no piece names any more."""
    tables = (each for name in TABLES for each in project.tables.get(name, ()))  # type: ignore[call-overload]
    return [project.network.osm, *(each.path for each in tables if each.path is not None)]


def _project(country: Country, id_: str, name: str, folder: Path) -> Project:
    """Return the project of a piece, but for its tables.

    Money, and what is said of single places, are the country's: a region has its own least plan without them.
    """
    project = country.project
    files = ", ".join(path.name for path in input_files(project))
    output = project.output.model_copy(update={"sources": project.output.sources or Wording(files)})
    update: dict[str, Any] = {
        "folder": folder,
        "regions": None,
        "region": RegionSettings(file=Path(BORDER), halo_km=country.margin_km),
        "network": project.network.model_copy(update={"osm": Path(ROADS)}),
        "output": output,
    }
    if id_ != NATIONAL:
        own: dict[str, Any] = {"required": (), "forbidden": ()}
        title = Wording(f"{name} · {project.title(project.language)}")  # a narrow page cuts the end
        update |= {
            "name": Wording(name),
            "siting": project.siting.model_copy(update=own),
            "output": output.model_copy(update={"title": title}),
        }
        if project.plan is not None:
            own |= {"budget": None, "years": {}, "growth": {}, "moved": {}, "cost": {}, "pins": None}
            update["plan"] = project.plan.model_copy(update=own)
    return project.model_copy(update=update)


def _of_own_counties(siting: SitingSettings, tables: Tables, region: Region) -> SitingSettings:
    """Return what proposals are asked for, of the counties of a region alone: others' minima are not its to meet."""
    held, own = tables.county_names(), tables.county_names(region)
    asked = siting.min_per_county
    minima = asked if isinstance(asked, dict) else dict.fromkeys(sorted(held & own), asked)
    few = {name: least for name, least in minima.items() if name in own}
    scenarios = {
        key: each.model_copy(update={"demand": {name: n for name, n in each.demand.items() if name in held}})
        if isinstance(each.demand, dict)
        else each
        for key, each in siting.scenarios.items()
    }
    return siting.model_copy(update={"min_per_county": few if asked else asked, "scenarios": scenarios})


def _decisions(country: Country, tables: Tables, folder: Path) -> FusionSettings:
    """Write what people decided of the sites of a piece."""
    fusion, update, decided = country.project.fusion, dict[str, Any](), country.decisions
    asked = tables.lists if decided.same or decided.different else ()
    ids = {str(i) for each in asked if "id" in each.frame for i in each.frame["id"].dropna()}
    for key, pairs in (("same_site", decided.same), ("different_site", decided.different)):
        own = [pair for pair in pairs if ids.issuperset(pair)]
        update[key] = Path(f"{key}.csv") if own else None
        if own:
            rows = pd.DataFrame(own, columns=["id", "other_id"])
            replace_text(folder / f"{key}.csv", rows.to_csv(index=False, lineterminator="\n"))
    return fusion.model_copy(update=update)


def _other_files(country: Country, project: Project, folder: Path) -> dict[str, Any]:
    """Copy the policy, the pins of the plan and the template of the report, where the project of a piece has them."""
    update = dict[str, Any]()

    def copied(source: Path) -> Path:
        with _replacing(folder / source.name) as path:
            shutil.copyfile(country.project.path(source), path)
        return Path(source.name)

    policy = policy_name(country.project)
    if isinstance(policy, Path):
        update["policy"] = copied(policy).name
    if project.output.report_template is not None:
        template = copied(project.output.report_template)
        update["output"] = project.output.model_copy(update={"report_template": template})
    if project.plan is not None and project.plan.pins is not None:
        update["plan"] = project.plan.model_copy(update={"pins": copied(project.plan.pins)})
    return update


def read_piece(folder: Path) -> Project:
    """Read the project of a piece."""
    project = Project.model_validate_json((folder / PROJECT).read_text("utf-8"))
    return project.model_copy(update={"folder": folder})


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of a file in one step, if the block ends well."""
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def replace_text(path: Path, words: str) -> None:
    """Write a file of a piece in one step."""
    with _replacing(path) as new:
        write_text(new, words)


# -- national roads ----------------------------------------------------------------------------------------
def national_roads(pieces: OsmPieces, country: Country) -> Roads:
    """Which roads the national run is made from.

    Those with the numbers that rules judge; all trunk to tertiary roads, so that they hang together; and every road
    within the access distance of a site or a candidate near them, since the way between a route and a site it serves
    is no longer than that. Where a number ends, all roads as far as it is bridged.

    Spacing, gaps, access and service areas are those of all roads. Drives of the covered length that would take minor
    roads are longer, so that its share is never more than that of all roads.
    """
    policy, judged = country.policy, _judged(pieces, country)
    main = pieces.roads_with("highway", lambda value: value in _MAIN)
    access_km = max(
        (rule.site.access_km for rule in policy.rules if isinstance(rule, RouteRule)), default=0.0
    )
    radius_m = access_km * M_PER_KM + SNAP_M
    near = places(pieces, country)
    near = near[within_cells(near, cells_around(pieces.along(judged), radius_m))]
    ends_m = country.project.network.bridge_km * M_PER_KM
    found = [cells_around(near, radius_m), cells_around(pieces.loose_ends(judged), ends_m)]
    around = pieces.roads_in(np.unique(np.concatenate(found)))
    return [a | b | c for a, b, c in zip(judged, main, around, strict=True)]


def _judged(pieces: OsmPieces, country: Country) -> Roads:
    """Roads with a number of a class that rules judge."""
    classes = road_classes(country.project, country.policy)
    names = {rule.road_class for rule in country.policy.rules if isinstance(rule, RouteRule)}

    def is_judged(ref: str) -> bool:
        found = (classes.class_of(token) for token in split_refs(ref))
        return any(each is not None and each.name in names for each in found)

    return pieces.roads_with("ref", is_judged)


def places(pieces: OsmPieces, country: Country) -> FloatArray:
    """(n, 2) places that are sites or may become some."""
    found = [np.zeros((0, 2))]
    for each in country.tables.lists:
        rows = each.frame[each.frame.geometry.notna()]
        if each.name == "demand":
            rows = rows[rows["kind"].isin(TOWNS)]
        if each.name in ("chargers", "facilities", "car_parks", "demand"):
            found.append(np.stack([rows.geometry.x, rows.geometry.y], axis=1))
    if any(each.from_osm for given in country.project.tables.values() for each in given):
        found.append(pieces.feature_xy())
    return np.concatenate(found)
