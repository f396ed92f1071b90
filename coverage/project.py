"""The project file: one TOML file says what to assess, against which policy, with which inputs.

Paths in it are relative to the file. Every key is documented by its field's description, which also
feeds ``plugspan init`` and the reference in ``docs/project.md``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .errors import Fault, InputError
from .patterns import RoadPatterns
from .policy.costs import CostTable
from .settings import Count, NonNegative, Positive, parse_toml

T = TypeVar("T", str, Path)
Language = Literal["zh", "en"]
_NAME_BYTES, _PATH_BYTES = 255, 3_000
"""No system has longer names of files, or paths (4 096 with the folder before)."""


def _possible(path: T) -> T:
    """Refuse what no system takes as a path; asking whether it is there would fail, not say no."""
    written = str(path).encode("utf-8", "replace")
    longest = max(map(len, re.split(rb"[/\\]", written)))
    if b"\0" in written or longest > _NAME_BYTES or len(written) > _PATH_BYTES:
        raise PydanticCustomError("file_path", "no path of a file")
    return path


FilePath = Annotated[Path, AfterValidator(_possible)]
Mark = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
"""Kilometre mark of a route; no road is longer."""
Step = Annotated[float, Field(ge=0.1, le=100_000, allow_inf_nan=False)]
"""Kilometres along a route that are gone through one by one."""

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls")
CandidateKind = Literal["service_area", "fuel", "car_park", "hub", "town", "junction", "route_point"]
CANDIDATE_KINDS: tuple[CandidateKind, ...] = (
    "service_area",
    "fuel",
    "car_park",
    "hub",
    "town",
    "junction",
    "route_point",
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegionSettings(_Frozen):
    """Where is assessed. Give one of the four."""

    file: FilePath | None = Field(None, description="polygon file (GeoJSON, GeoPackage, Shapefile)")
    layer: str | None = Field(None, description="layer of the file, if it has several")
    osm_relation: Annotated[int, Field(ge=-(2**62), le=2**62)] | None = Field(
        None, description="OSM relation of the boundary, in the network file"
    )
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="west, south, east, north in degrees (WGS 84)"
    )
    name: str | None = Field(None, description="name to look up when downloading, e.g. 株洲市, 湖南省, 中国")
    halo_km: NonNegative = Field(40.0, description="roads and sites this far outside close the end gaps")

    @field_validator("bbox")
    @classmethod
    def _bbox(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None:
            west, south, east, north = value
            if not all(map(math.isfinite, value)) or not (
                -180 <= west < east <= 180 and -90 <= south < north <= 90
            ):
                raise PydanticCustomError("bbox_order", "west, south, east, north in degrees are expected")
        return value

    @model_validator(mode="after")
    def _one(self) -> RegionSettings:
        given = [v for v in (self.file, self.osm_relation, self.bbox) if v is not None]
        if len(given) > 1:
            raise PydanticCustomError("region_one", "only one of file, osm_relation, bbox may be given")
        return self


class NetworkSettings(_Frozen):
    """The road network."""

    osm: FilePath = Field(
        description="OpenStreetMap file (.osm.pbf, .osm, .osm.gz, .osm.bz2), or an OSMnx graph (.graphml, .gpkg)"
    )
    data_date: dt.date | None = Field(None, description="date of the extract, shown on the map")
    bridge_km: NonNegative = Field(
        2.0, description="breaks in a route up to this long are bridged along the roads"
    )
    overpass: str = Field("", description="address of another Overpass server for plugspan fetch")
    nominatim: str = Field(
        "", description="address of another Nominatim server, which looks up names of regions"
    )

    @field_validator("overpass", "nominatim")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/\s]+", value):
            raise PydanticCustomError("web_address", "an address with http:// or https:// is expected")
        return value


class MarkSettings(_Frozen):
    """A known kilometre post."""

    km: Mark = Field(description="what the post says")
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(
        description="where it stands (WGS 84)"
    )
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(
        description="where it stands (WGS 84)"
    )


class RouteSettings(_Frozen):
    """How the kilometre marks of a route are counted."""

    counts_from: Literal["north", "south", "east", "west"] | None = Field(
        None,
        description="the end at which the kilometre marks begin; by the number or the extent if left out",
    )
    start_km: Mark | None = Field(
        None, description="kilometre mark at the start of the route's longest section in the data"
    )
    marks: tuple[MarkSettings, ...] = Field(
        (),
        description="known kilometre posts { km, lon, lat }; two or more also say which way the marks rise",
    )


class TableSettings(_Frozen):
    """One table file, or the OSM file as its source."""

    path: FilePath | None = Field(None, description="CSV, Excel, GeoJSON, GeoPackage or Shapefile")
    from_osm: bool = Field(False, description="take them from the OSM file")
    datum: str = Field("wgs84", description='"wgs84", "gcj02", "bd09", or an EPSG code')
    encoding: str | None = Field(None, description="text encoding, found by itself if left out")
    sheet: str | None = Field(None, description="sheet of an Excel file, the first if left out")
    layer: str | None = Field(None, description="layer of a GeoPackage, the only one if left out")
    defaults: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="our column name = value where a cell is empty"
    )
    columns: dict[str, str] = Field(default_factory=dict, description="our column name = the file's header")

    @field_validator("datum")
    @classmethod
    def _datum(cls, value: str) -> str:
        if value.lower() not in ("wgs84", "gcj02", "bd09") and not re.fullmatch(r"(?i)epsg:\d{4,6}", value):
            raise PydanticCustomError("datum", "wgs84, gcj02, bd09 or an EPSG code is expected")
        return value.lower() if not value.lower().startswith("epsg") else value.upper()

    @model_validator(mode="after")
    def _one(self) -> TableSettings:
        if (self.path is None) != self.from_osm:
            raise PydanticCustomError("table_one", "give either path or from_osm = true")
        return self


class CapacitySettings(_Frozen):
    """What sites can serve; demand beyond it counts as not served."""

    per_plug: Positive | None = Field(
        None,
        description="demand (people, or metres of route) that one plug serves; existing sites by their plugs",
    )
    plugs: Annotated[Count, Field(ge=1)] = Field(4, description="plugs of a new site")
    per_site: NonNegative | None = Field(
        None,
        description="demand that a new site serves, instead of plugs × per_plug; without per_plug existing ones too",
    )

    @model_validator(mode="after")
    def _one(self) -> CapacitySettings:
        if self.per_plug is None and self.per_site is None:
            raise PydanticCustomError("siting_capacity", "give per_plug, per_site or both")
        return self


class ScenarioSettings(_Frozen):
    """How things may turn out."""

    demand: NonNegative | dict[str, NonNegative] = Field(
        1.0, description="factor on the demand: one number, or county = factor (others stay as they are)"
    )
    detour: Positive = Field(
        1.0, description="factor on all driving distances, e.g. 1.3 with a bridge closed"
    )
    probability: Positive = Field(
        1.0, description="weight of the scenario in the expected value; only proportions matter"
    )


Aim = Literal["people", "highway", "flow", "equity", "cost"]


class EmissionSettings(_Frozen):
    """Factors of CO2 for shore power, in the place of the policy's."""

    sfoc_kg_per_kwh: Positive | None = Field(
        None, description="fuel that auxiliary engines burn, kg per kWh; the policy's if left out"
    )
    carbon_factor: Positive | None = Field(
        None, description="kg of CO2 per kg of fuel; the policy's if left out"
    )
    grid_kg_per_kwh: NonNegative | None = Field(
        None, description="kg of CO2 per kWh from the grid; the policy's if left out"
    )
    source: str | None = Field(None, description="where the factors are from, shown beside the figures")


class SitingSettings(_Frozen):
    """New sites to propose."""

    objective: Literal["people", "highway"] = Field(
        "people", description='what to cover: "people" or "highway" (route length)'
    )
    sites: Count | None = Field(None, description="how many new sites at most")
    budget: NonNegative | None = Field(None, description="money for new sites, in the unit of cost")
    reach_km: Positive = Field(10.0, description="demand within this driving distance of a site is covered")
    candidates: tuple[CandidateKind, ...] = Field(
        CANDIDATE_KINDS, description="kinds of places where a site may be built"
    )
    spans_km: tuple[Step, ...] | None = Field(
        None,
        description="longest gaps for which the least number of new sites is worked out; what the policy's first rule "
        "on spacing allows if left out (under an average four steps between its limits), none if empty",
    )
    close_shared: bool = Field(
        False, description="close gaps that are shared with a neighbour, too, as far as sites inside can"
    )
    shore_power_budget: NonNegative | None = Field(
        None, description="money for giving berths shore power, in the unit of retrofit_cost"
    )
    route_point_km: Step = Field(10.0, description="distance between candidate points along the routes")
    cost: dict[str, Positive] = Field(
        default_factory=dict, description="cost by kind of candidate; 1 if left out"
    )
    method: Literal["auto", "greedy", "improve", "exact"] = Field("auto", description="how to solve")
    gap: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        0.0, description="stop when the plan is proven this close to the best possible"
    )
    time_limit_s: Positive = Field(20.0, description="stop after this time with the best plan so far")
    seed: Count = Field(0, description="same seed, same plan")
    required: tuple[str, ...] = Field(
        (), description="ids of candidates that must be built (they count in sites)"
    )
    forbidden: tuple[str, ...] = Field((), description="ids of candidates that must not be built")
    min_distance_km: NonNegative = Field(
        0.0, description="straight-line distance that new sites keep from each other and from existing ones"
    )
    min_per_county: Count | dict[str, Count] = Field(
        0,
        description="least number of new sites: in every county, or county = number (names of the counties table)",
    )
    capacity: CapacitySettings | None = Field(
        None, description="what sites can serve; the plan then serves the most demand with their plugs"
    )
    backup: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] | None = Field(
        None,
        description="0 … 0.5: this share of coverage counts only where two sites cover (a site may fail)",
    )
    scenarios: dict[str, ScenarioSettings] = Field(
        default_factory=dict,
        description="how things may turn out, by name; what the plan covers in each is reported",
    )
    scenario_goal: Literal["report", "expected", "worst"] = Field(
        "report",
        description='"expected": best mean over the scenarios, "worst": best share in the worst one, "report": neither',
    )
    aims: dict[Aim, NonNegative] = Field(
        default_factory=dict,
        description="importance of several aims: people, highway, flow, equity (worst-served county), cost",
    )
    trade_off: tuple[Aim, Aim] | None = Field(
        None, description='trade-off curve of two aims, e.g. ["people", "highway"]'
    )

    @field_validator("aims")
    @classmethod
    def _weighed(cls, value: dict[str, float]) -> dict[str, float]:
        if value and not sum(value.values()) > 0:
            raise PydanticCustomError("siting_aims", "one aim at least needs an importance above 0")
        return value

    @model_validator(mode="after")
    def _one_goal(self) -> SitingSettings:
        asked = {
            "capacity": self.capacity is not None,
            "backup": self.backup is not None,
            "aims": bool(self.aims),
        }
        named = [k for k, v in asked.items() if v]
        named += ["scenario_goal"] if self.scenario_goal != "report" else []
        if len(named) > 1:
            keys = {"keys": ", ".join(named)}
            raise PydanticCustomError("siting_goals", "only one of them can decide the plan", keys)
        if self.scenario_goal != "report" and not self.scenarios:
            raise PydanticCustomError("siting_scenarios", "scenario_goal wants scenarios")
        if both := sorted(set(self.required) & set(self.forbidden)):
            raise PydanticCustomError("siting_both", "both required and forbidden", {"ids": ", ".join(both)})
        if self.trade_off is not None and self.trade_off[0] == self.trade_off[1]:
            raise PydanticCustomError("siting_trade_off", "two different aims are expected")
        return self

    @field_validator("cost")
    @classmethod
    def _kinds(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(CANDIDATE_KINDS))
        if unknown:
            known = {"unknown": ", ".join(unknown), "known": ", ".join(CANDIDATE_KINDS)}
            raise PydanticCustomError("candidate_kind", "unknown kind of candidate", known)
        return value


PlanAim = Literal["people", "flow"]


class PlanSettings(_Frozen):
    """The plan to adopt: first the rules are met with the least money, then the rest does the most good."""

    goal: Literal["rules", "coverage"] = Field(
        "rules",
        description='"rules": meet the rules; "coverage": sites as [siting] asks, whatever the rules say',
    )
    meet: Literal["all"] | tuple[str, ...] = Field(
        "all", description="rules to meet: all with a target, or a list of ids in order of priority"
    )
    then: PlanAim = Field("people", description="what money beyond that is spent on: people or traffic flow")
    budget: NonNegative | None = Field(
        None, description="money in all, in the unit of [costs]; the least that meets the rules if left out"
    )
    years: dict[Annotated[int, Field(ge=1900, le=2200)], NonNegative] = Field(
        default_factory=dict, description="year = money of that year, instead of budget"
    )
    method: Literal["auto", "greedy"] = Field("auto", description='"greedy": by greedy choice alone')
    close_shared: bool = Field(
        False, description="close gaps shared with a neighbour, too, where a site inside can"
    )
    required: tuple[str, ...] = Field(
        (), description='actions that must be in the plan: id, name, or place as "G106 K265"'
    )
    forbidden: tuple[str, ...] = Field((), description="actions that must not be in it: id or name")
    cost: dict[str, NonNegative] = Field(
        default_factory=dict, description="id or name of an action = its own cost"
    )
    time_limit_s: Positive = Field(20.0, description="time for each level of the proof")
    gap: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        0.0, description="stop when proven this close to the best"
    )

    @model_validator(mode="after")
    def _one_purse(self) -> PlanSettings:
        if self.years and self.budget is not None:
            raise PydanticCustomError("plan_money", "give budget or years, not both")
        return self


_TILE_WORDS = frozenset(["z", "x", "y", "-y", "s", "r"])
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?")


def tile_hosts(address: str, subdomains: str = "abc") -> list[str]:
    """Where the tiles of a basemap come from, as the map's Content-Security-Policy names it.

    Parameters
    ----------
    address : str
        Template with ``{z}``, ``{x}`` and ``{y}`` of a web server, or a path beside the page.
    subdomains : str
        Letters that ``{s}`` stands for.

    Raises
    ------
    ValueError
        If it is no such address: another scheme, words that Leaflet doesn't know, anything that ends the policy.

    Examples
    --------
    >>> tile_hosts("https://tiles.example/{z}/{x}/{y}.png")
    ['https://tiles.example']
    """
    refused = ValueError(f"not the address of map tiles: {address}")
    words = set(re.findall(r"\{([^{}]*)\}", address))
    if not words <= _TILE_WORDS or not {"z", "x"} <= words or not words & {"y", "-y"}:
        raise refused
    if re.search(r"[\s\x00-\x1f\\\"'<>;{}\[\]]", re.sub(r"\{[^{}]*\}", "", address)):
        raise refused
    hosts = []
    for letter in subdomains if "s" in words else [""]:
        url = urlsplit(address.replace("{s}", letter))
        if not url.scheme and not url.netloc and not address.startswith("//"):
            return ["'self'", "file:"]
        if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.netloc):
            raise refused
        hosts.append(f"{url.scheme}://{url.netloc}")
    return hosts


class OutputSettings(_Frozen):
    """What is written, and how."""

    crs: Literal["EPSG:4326", "EPSG:4490", "EPSG:4547"] = Field(
        "EPSG:4490", description="coordinate system of layers.gpkg"
    )
    title: str = Field("", description="title of the map and the report; the project's name if left out")
    author: str = Field("", description="who made the plan, shown on the report")
    approval_number: str = Field("", description="审图号, for maps that are published in China")
    report_template: FilePath | None = Field(
        None, description="Word document (.docx) whose styles, headers and cover the report takes over"
    )
    basemap: str = Field(
        "", description="tile address {z}/{x}/{y}; none by default, so that the map opens without internet"
    )
    sources: str = Field("", description="where the data are from, in words; the file names if left out")
    schematic: bool = Field(False, description="say on every map that the data are schematic, not surveyed")
    note: str = Field("", description="a line shown on every map, e.g. that the data are a schematic sample")

    @field_validator("basemap")
    @classmethod
    def _basemap(cls, value: str) -> str:
        if value:
            try:
                tile_hosts(value)
            except ValueError as error:
                raise PydanticCustomError("basemap", "map tiles", {"form": "{z}/{x}/{y}"}) from error
        return value


class Project(_Frozen):
    """A project file, read. ``folder`` is where its relative paths start."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1, description="version of this file's form")]
    name: str = Field(description="name of the project")
    policy: Annotated[str, AfterValidator(_possible)] = Field(
        "zhuzhou-2025", description="id of a policy profile, or the path of one"
    )
    language: Language = Field("zh", description='"zh" or "en"')
    assess_at: dt.date | None = Field(
        None,
        description="date of the assessment, shown in report and workbook; steps of every date are assessed",
    )
    region: RegionSettings = RegionSettings()
    network: NetworkSettings
    road_class: RoadPatterns = Field(
        default_factory=dict, description="patterns of route numbers by class, instead of the profile's"
    )
    routes: dict[str, RouteSettings] = Field(
        default_factory=dict, description="kilometre marks of routes, by number"
    )
    tables: dict[
        Literal["chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls"],
        tuple[TableSettings, ...],
    ] = Field(default_factory=dict, description="input tables")
    siting: SitingSettings = SitingSettings()
    emissions: EmissionSettings = EmissionSettings()
    plan: PlanSettings | None = Field(
        None, description="the plan to adopt; none is made without this section"
    )
    costs: CostTable = Field(CostTable(), description="what actions cost, instead of the policy's table")
    output: OutputSettings = OutputSettings()
    folder: Path = Field(Path(), exclude=True, repr=False)

    @field_validator("tables", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        """One table may be written ``[tables.x]``, several ``[[tables.x]]``."""
        if isinstance(value, dict):
            return {k: (v,) if isinstance(v, dict) else v for k, v in value.items()}
        return value

    def __repr__(self) -> str:
        """Name, policy and folder."""
        return f"<Project {self.name!r}: policy {self.policy}, {len(self.tables)} tables, in {self.folder}>"

    def path(self, path: Path) -> Path:
        """Return ``path`` as seen from the project file."""
        return path if path.is_absolute() else self.folder / path


def read_project(path: str | Path) -> Project:
    """Read a project file, or the ``project.toml`` of a folder.

    Raises
    ------
    InputError
        If it is missing or has faults; all of them are named with their line.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "project.toml"
    if not path.is_file():
        raise InputError(Fault("project-missing", file=str(path)))
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise InputError(Fault("not-utf8", file=str(path), values={"row": row})) from error
    except OSError as error:
        raise InputError(Fault("unreadable", file=str(path), values={"reason": error})) from error
    project = parse_toml(content, Project, str(path))
    return project.model_copy(update={"folder": path.resolve().parent})


def boundary_file(project: Project) -> Path:
    """Where ``fetch`` keeps the boundary of a region that was looked up by its name."""
    osm = project.path(project.network.osm)
    return osm.with_name(osm.name.split(".")[0] + ".region.geojson")
