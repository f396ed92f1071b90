"""A finished plan: everything the outputs show, computed once."""

from __future__ import annotations

import datetime as dt
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from .inputs.bundle import Inputs
from .measure.landmarks import Landmarks
from .network import Region, RoadGraph
from .network.quality.report import QualityReport
from .network.routes import Route
from .project import Project
from .rules.assessment import Assessment, findings_table
from .rules.costs import merged_costs
from .rules.policy import Policy
from .scenario import Scenario
from .schema import ACTION_ID, SITE_ID, with_units
from .siting.planning.comply import Compliance
from .siting.planning.outcome import Siting
from .siting.planning.retrofit import Retrofit
from .siting.programme import Programme
from .siting.step_gaps import StepGaps
from .siting.world import World
from .units import WGS84
from .waymarks import other_names, renamed

if TYPE_CHECKING:
    from .render.webmap.notebook import NotebookMap


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

    @property
    def inputs_sha256(self) -> str:
        """One sum over all files: a scenario that was made from others is known by it."""
        lines = [f"{digest}  {path}" for path, digest in sorted(self.inputs)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Assessment before, proposed sites, assessment after, and what it all rests on.

    ``background`` holds quiet frames for the map, ``waterways`` and ``towns``, and all ``places`` with a name.
    ``network`` holds the road network's figures (nodes, edges, length, islands …), ``quality`` what is doubtful,
    ``candidates`` the places where a site may be built, whether or not a siting was asked for.
    ``compliance`` holds the least sites of each rule on spacing for each span that was asked for, ``retrofit`` the
    berths worth retrofitting;
    ``bands`` areas within driving distance of today's sites, for looking at. ``programme`` is the plan to adopt, if the
    project asks for one; ``after`` is then the state with its actions carried out, ``step_gaps`` the gaps along the
    routes after each of them; ``scenario`` is what a person made it from, if it was recounted and not optimised.
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
    step_gaps: StepGaps | None = None
    scenario: Scenario | None = None
    waymarks: Landmarks = field(default_factory=lambda: Landmarks(()))

    def reader(self, lang: str) -> str:
        """Return a language that knows the policy's unit of length and the roads of the plan."""
        return self.policy.reader(lang, self.waymarks)

    def told_in(self, lang: str) -> Plan:
        """Return the plan with the places along its roads named in a language; itself in the project's."""
        if lang == self.project.language:
            return self
        if lang not in self._told:
            names = other_names(self.reader(lang))
            told = ("before", "siting", "after", "candidates", "compliance", "programme", "step_gaps")
            parts = {name: renamed(getattr(self, name), names, (World,)) for name in told}
            self._told[lang] = replace(self, **parts)
        return self._told[lang]

    @cached_property
    def _told(self) -> dict[str, Plan]:
        return {}

    @property
    def proposes(self) -> bool:
        """Whether anything is proposed, so that there is a state afterwards to show beside today's."""
        return bool(self.siting) or self.programme is not None

    @property
    def currency(self) -> str:
        """Unit of money, by the table of costs of the project or its policy; empty if they name none."""
        return merged_costs(self.policy.costs, self.project.costs).currency

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each rule: ``rule, title, kind, unit, target, low, high, status``, and the same ``…_after``."""
        return findings_table(self.before, self.after, self.project.language)

    @property
    def gaps(self) -> gpd.GeoDataFrame:
        """Today's gaps of every rule on roads, by route and direction, with their lines (EPSG:4326)."""
        return with_units(self.before.gaps)

    @property
    def actions(self) -> gpd.GeoDataFrame:
        """What the plan builds, in its order, EPSG:4326; without rows where no plan was asked for."""
        if self.programme is None:
            return gpd.GeoDataFrame({"action_id": []}, geometry=[], crs=WGS84)
        return with_units(self.programme.chosen.rename(columns=ACTION_ID), self.currency)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The plan as frames by name, with units in ``attrs["units"]``; joined by ``gap_id, site_id, action_id``."""
        now = self.before
        places = {"sites": now.sites, "access": now.access, "not_served": now.not_served}
        places |= {name: getattr(self.inputs, name) for name in ("facilities", "berths", "car_parks")}
        may_be = {} if self.candidates is None else {"candidates": self.candidates}
        found: dict[str, pd.DataFrame] = {
            "findings": self.findings, "gaps": self.gaps, "gaps_after": self.after.gaps,
            "routes": now.routes, "demand": now.demand,
            **{name: frame.rename(columns=SITE_ID) for name, frame in places.items()},
        }  # fmt: skip
        if self.programme is not None:
            may_be |= {"all_actions": self.programme.actions, "survey": self.programme.survey}
            steps = self.programme.steps.rename(columns={"action": "action_id"})
            found |= {
                "actions": self.actions,
                "steps": steps,
                "unmet": self.programme.unmet.rename(columns=SITE_ID),
            }
        found |= {name: frame.rename(columns=ACTION_ID) for name, frame in may_be.items()}
        return {name: with_units(frame, self.currency) for name, frame in found.items()}

    def map(self, *, lang: str | None = None, tiles: str | None = None) -> NotebookMap:
        """Return a folium map of the plan, which shows in a notebook and takes further folium layers.

        Parameters
        ----------
        lang : {"zh", "en"}, optional
            The project's language if left out.
        tiles : str, optional
            Background as folium knows it (``"OpenStreetMap"``), which needs internet; none if left out.
        """
        from .render.webmap.notebook import folium_map
        from .tables.layers import plan_layers

        lang = self.reader(lang or self.project.language)
        return folium_map(plan_layers(self.told_in(lang), lang), lang=lang, tiles=tiles)

    def save(self, folder: str | Path, *, overwrite: bool = False, lang: str | None = None) -> Path:
        """Write the run folder: map, layers, workbook, report, ``result.json``.

        Raises
        ------
        OutputExistsError
            If the folder is there and ``overwrite`` is False, or plugspan didn't make it.
        """
        from .render.run import write_run

        lang = lang or self.project.language
        write_run(self, Path(folder), overwrite=overwrite, lang=lang, progress=lambda *_: None)
        return Path(folder)

    def __repr__(self) -> str:
        """Name, policy, and how many of what."""
        met = sum(finding.status == "met" for finding in self.after.findings)
        asked = sum(finding.target is not None for finding in self.after.findings)
        counts = f"{len(self.routes)} routes, {len(self.before.sites)} sites, {len(self.actions)} actions"
        name = self.project.name or self.policy.id
        return f"<Plan {name!r}: {counts}, {met} of {asked} rules met after>"

    def _repr_html_(self) -> str:
        """The findings as a table."""
        return f"<p>{html.escape(repr(self))}</p>{self.findings.to_html(index=False, na_rep='')}"

    @property
    def after_date(self) -> dt.date | None:
        """Day of the state afterwards: the end of the plan's last year, else that of today's state."""
        stages = None if self.programme is None else self.programme.stages
        return self.project.reference_date if stages is None else stages.last_day

    @property
    def widest(self) -> list[Compliance]:
        """Least sites of each rule on spacing, for the widest span asked for: what summaries and the map show."""
        found: dict[str, Compliance] = {}
        for least in sorted(self.compliance, key=lambda least: -least.span_km):
            found.setdefault(least.rule, least)
        return [found[rule.id] for rule in self.policy.rules if rule.id in found]
