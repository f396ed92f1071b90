"""The project file: one TOML file says what to assess, against which policy, with which inputs.

Paths in it are relative to the file. What each key means stands in ``texts/project.toml`` under ``setting.KEY``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .errors import Fault, InputError
from .patterns import RoadPatterns
from .reference_systems import CGCS2000, plane_code
from .rules.costs import CostTable
from .rules.model import ChargingRates
from .settings import Count, NonNegative, Positive, Wording, read_toml
from .texts import LANGUAGES

T = TypeVar("T", str, Path)
if TYPE_CHECKING:
    Language = str
else:
    Language = Literal[LANGUAGES]
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
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Mark = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
"""Kilometre mark of a route; no road is longer."""
Step = Annotated[float, Field(ge=0.1, le=100_000, allow_inf_nan=False)]
"""Kilometres along a route that are gone through one by one."""

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls", "traffic")
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

    file: FilePath | None = None
    layer: str | None = None
    osm_relation: Annotated[int, Field(ge=-(2**62), le=2**62)] | None = None
    bbox: tuple[float, float, float, float] | None = None
    name: str | None = None
    halo_km: NonNegative = 40.0

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


class RegionsSettings(_Frozen):
    """Many regions of one country, each assessed for itself; the routes are measured once for all of them."""

    file: FilePath
    layer: str | None = None
    id: str = "id"
    name: str = "name"
    roads: Literal["auto", "main", "all"] = "auto"


class NetworkSettings(_Frozen):
    """The road network."""

    osm: FilePath
    data_date: dt.date | None = None
    bridge_km: NonNegative = 2.0
    overpass: str = ""
    nominatim: str = ""

    @field_validator("overpass", "nominatim")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/\s]+", value):
            raise PydanticCustomError("web_address", "an address with http:// or https:// is expected")
        return value


class MarkSettings(_Frozen):
    """A known kilometre post."""

    km: Mark
    lon: Longitude
    lat: Latitude


class RouteSettings(_Frozen):
    """How the kilometre marks of a route are counted."""

    counts_from: Literal["north", "south", "east", "west"] | None = None
    start_km: Mark | None = None
    marks: tuple[MarkSettings, ...] = ()


class TableSettings(_Frozen):
    """One table file, or the OSM file as its source."""

    path: FilePath | None = None
    from_osm: bool = False
    datum: str = "wgs84"
    encoding: str | None = None
    sheet: str | None = None
    layer: str | None = None
    points: Annotated[Count, Field(ge=1)] | None = None
    duplicates: Literal["merge", "add", "ask"] = "merge"
    trust: Annotated[int, Field(ge=-1000, le=1000)] = 0
    as_of: dt.date | None = None
    on_fault: Literal["stop", "skip"] = "stop"
    defaults: dict[str, str | int | float | bool] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str | int | float | bool]] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    units: dict[str, str] = Field(default_factory=dict)
    position_order: Literal["lon,lat", "lat,lon"] = "lon,lat"
    decimal: Literal[".", ","] = "."

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


class FusionSettings(_Frozen):
    """What people decided of sites that stand in several lists."""

    same_site: FilePath | None = None
    different_site: FilePath | None = None


class CapacitySettings(_Frozen):
    """What sites can serve; demand beyond it counts as not served."""

    per_plug: Positive | None = None
    plugs: Annotated[Count, Field(ge=1)] = 4
    per_site: NonNegative | None = None

    @model_validator(mode="after")
    def _one(self) -> CapacitySettings:
        if self.per_plug is None and self.per_site is None:
            raise PydanticCustomError("siting_capacity", "give per_plug, per_site or both")
        return self


class ScenarioSettings(_Frozen):
    """How things may turn out."""

    demand: NonNegative | dict[str, NonNegative] = 1.0
    detour: Positive = 1.0
    probability: Positive = 1.0


Aim = Literal["people", "highway", "flow", "equity", "cost"]


class EmissionSettings(_Frozen):
    """Factors of CO2 for shore power, in the place of the policy's."""

    sfoc_kg_per_kwh: Positive | None = None
    carbon_factor: Positive | None = None
    grid_kg_per_kwh: NonNegative | None = None
    source: Wording | None = None


class SitingSettings(_Frozen):
    """New sites to propose."""

    objective: Literal["people", "highway"] = "people"
    sites: Count | None = None
    budget: NonNegative | None = None
    reach_km: Positive = 10.0
    candidates: tuple[CandidateKind, ...] = CANDIDATE_KINDS
    spans_km: tuple[Step, ...] | None = None
    close_shared: bool = False
    shore_power_budget: NonNegative | None = None
    route_point_km: Step = 10.0
    cost: dict[str, Positive] = Field(default_factory=dict)
    method: Literal["auto", "greedy", "improve", "exact"] = "auto"
    gap: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    time_limit_s: Positive = 20.0
    seed: Count = 0
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    min_distance_km: NonNegative = 0.0
    min_per_county: Count | dict[str, Count] = 0
    capacity: CapacitySettings | None = None
    backup: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] | None = None
    scenarios: dict[str, ScenarioSettings] = Field(default_factory=dict)
    scenario_goal: Literal["report", "expected", "worst"] = "report"
    aims: dict[Aim, NonNegative] = Field(default_factory=dict)
    pareto_front: tuple[Aim, Aim] | None = None

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
        if self.pareto_front is not None and self.pareto_front[0] == self.pareto_front[1]:
            raise PydanticCustomError("siting_pareto_front", "two different aims are expected")
        return self

    @field_validator("cost")
    @classmethod
    def _kinds(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(CANDIDATE_KINDS))
        if unknown:
            known = {"unknown": ", ".join(unknown), "known": ", ".join(CANDIDATE_KINDS)}
            raise PydanticCustomError("candidate_kind", "unknown kind of candidate", known)
        return value


Year = Annotated[int, Field(ge=1900, le=2200)]
PlanAim = Literal["people", "highway", "flow"]


class PlanSettings(_Frozen):
    """The plan to adopt: first the rules are met with the least money, then the rest does the most good."""

    goal: Literal["rules", "coverage"] = "rules"
    meet: Literal["all"] | tuple[str, ...] = "all"
    then: PlanAim | dict[PlanAim, Positive] = "people"
    budget: NonNegative | None = None
    years: dict[Year, NonNegative] = Field(default_factory=dict)
    growth: dict[str, dict[Year, Positive]] = Field(default_factory=dict)
    method: Literal["auto", "greedy"] = "auto"
    close_shared: bool = False
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    moved: dict[str, tuple[Longitude, Latitude] | str] = Field(default_factory=dict)
    cost: dict[str, NonNegative] = Field(default_factory=dict)
    pins: FilePath | None = None
    points: Literal["fixed", "traffic"] = "fixed"
    traffic: ChargingRates = ChargingRates()
    effort: Positive = 1.0
    time_limit_s: Positive = 600.0
    gap: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _one_purse(self) -> PlanSettings:
        if self.years and self.budget is not None:
            raise PydanticCustomError("plan_money", "give budget or years, not both")
        return self

    @property
    def aims(self) -> dict[str, float]:
        """What the rest of the money is spent on, with its importance; the sum is 1."""
        given: dict[PlanAim, float] = self.then if isinstance(self.then, dict) else {self.then: 1.0}
        total = sum(given.values()) or 1.0
        return {aim: weight / total for aim, weight in given.items()} or {"people": 1.0}


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


NAMED_TILES = {
    "osm": ("https://tile.openstreetmap.org/{z}/{x}/{y}.png", "", "© OpenStreetMap", "abc"),
    "tianditu": (
        "https://t{s}.tianditu.gov.cn/DataServer?T=vec_w&x={x}&y={y}&l={z}&tk=",
        "https://t{s}.tianditu.gov.cn/DataServer?T=cva_w&x={x}&y={y}&l={z}&tk=",
        "© 天地图 GS(2024)0568号",
        "01234567",
    ),
}
"""Basemaps by name: address of the tiles, of tiles with names that lie over them, credit, servers. 天地图 has its names
apart, and wants the user's own key at the end."""


class OutputSettings(_Frozen):
    """What is written, and how."""

    crs: Annotated[str, BeforeValidator(plane_code)] = CGCS2000
    title: Wording = Wording("")
    author: Wording = Wording("")
    approval_number: str = ""
    report_template: FilePath | None = None
    basemap: str = ""
    basemap_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9]*$")] = ""
    sources: Wording = Wording("")
    schematic: bool = False
    note: Wording = Wording("")

    @field_validator("basemap")
    @classmethod
    def _basemap(cls, value: str) -> str:
        if value and value not in NAMED_TILES:
            try:
                tile_hosts(value)
            except ValueError as error:
                raise PydanticCustomError("basemap", "map tiles", {"form": "{z}/{x}/{y}"}) from error
        return value

    @model_validator(mode="after")
    def _key_for_tianditu(self) -> OutputSettings:
        if self.basemap == "tianditu" and not self.basemap_key:
            raise PydanticCustomError("basemap_key", "basemap_key is expected")
        return self

    @property
    def tiles(self) -> tuple[str, str, str, str]:
        """Address of the tiles, of tiles with names, credit and servers; an empty address where there are none."""
        if self.basemap not in NAMED_TILES:
            return self.basemap, "", "", "abc"
        address, names, credit, servers = NAMED_TILES[self.basemap]
        key = self.basemap_key if self.basemap == "tianditu" else ""
        return address + key, names and names + key, credit, servers


class Project(_Frozen):
    """A project file, read. ``folder`` is where its relative paths start."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]
    name: Wording
    policy: Annotated[str, AfterValidator(_possible)] = "zhuzhou-2025"
    language: Language = "zh"
    assess_at: dt.date | None = None
    region: RegionSettings = RegionSettings()
    regions: RegionsSettings | None = None
    network: NetworkSettings
    road_class: RoadPatterns = Field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = Field(default_factory=dict)
    routes: dict[str, RouteSettings] = Field(default_factory=dict)
    tables: dict[
        Literal["chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls", "traffic"],
        tuple[TableSettings, ...],
    ] = Field(default_factory=dict)
    fusion: FusionSettings = FusionSettings()
    siting: SitingSettings = SitingSettings()
    emissions: EmissionSettings = EmissionSettings()
    plan: PlanSettings | None = None
    costs: CostTable = CostTable()
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

    def title(self, lang: str) -> str:
        """Title of what is written in a language: that of the output, else the project's name."""
        return self.output.title.of(lang) or self.name.of(lang)

    @property
    def reference_date(self) -> dt.date | None:
        """Day of the state that is assessed: ``assess_at``, else the date of the road data; None if neither is said."""
        return self.assess_at or self.network.data_date

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
    if not path.exists():
        raise InputError(Fault("project-missing", file=str(path)))
    project = read_toml(path, Project)
    return project.model_copy(update={"folder": path.resolve().parent})


def boundary_file(project: Project) -> Path:
    """Where ``fetch`` keeps the boundary of a region that was looked up by its name."""
    osm = project.path(project.network.osm)
    return osm.with_name(osm.name.split(".")[0] + ".region.geojson")
