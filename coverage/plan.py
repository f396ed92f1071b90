"""A finished plan: everything the outputs show, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd

from .assess.assessment import Assessment
from .inputs.bundle import Inputs
from .network import Region, RoadGraph
from .network.quality.report import QualityReport
from .network.routes import Route
from .policy import Policy
from .project import Project
from .siting.planning.comply import Compliance
from .siting.planning.outcome import Siting
from .siting.planning.retrofit import Retrofit
from .siting.programme import Programme


@dataclass(frozen=True)
class Provenance:
    """What a plan was made from, so that it can be made again.

    Attributes
    ----------
    inputs : tuple of (path, sha256)
        Every file read, by the path the project gives it.
    versions : mapping
        plugspan, Python and the libraries that compute.
    started : str
        UTC time, ISO 8601; the only entry that differs between two runs of the same.
    """

    inputs: tuple[tuple[str, str], ...]
    versions: Mapping[str, str]
    started: str


@dataclass(frozen=True, eq=False)
class Plan:
    """Assessment before, proposed sites, assessment after, and what it all rests on.

    ``background`` holds quiet frames for the map: ``waterways``, ``places``. ``network`` holds the road
    network's figures (nodes, edges, length, islands …), ``quality`` what is doubtful about it,
    ``candidates`` the places where a site may be built, whether or not a siting was asked for.
    ``compliance`` holds the least sites for each span that was asked for, ``retrofit`` the berths worth retrofitting;
    ``bands`` areas within driving distance of today's sites, for looking at. ``programme`` is the plan to adopt, if the
    project asks for one; ``after`` is then the state with its actions carried out.
    """

    project: Project
    policy: Policy
    region: Region | None
    inputs: Inputs
    roads: RoadGraph
    routes: tuple[Route, ...]
    before: Assessment
    siting: tuple[Siting, ...]
    after: Assessment
    provenance: Provenance
    network: Mapping[str, Any] = field(default_factory=dict)
    background: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)
    quality: QualityReport | None = None
    candidates: gpd.GeoDataFrame | None = None
    compliance: tuple[Compliance, ...] = ()
    retrofit: Retrofit | None = None
    bands: gpd.GeoDataFrame | None = None
    programme: Programme | None = None

    @property
    def proposes(self) -> bool:
        """Whether anything is proposed, so that there is a state afterwards to show beside today's."""
        return bool(self.siting) or self.programme is not None

    @property
    def widest(self) -> Compliance | None:
        """Least sites for the widest span that was asked for: what summaries and the map show."""
        return max(self.compliance, key=lambda found: found.span_km, default=None)
