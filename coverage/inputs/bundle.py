"""All tables of a project together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import Fault
from ..units import WGS84
from .choices import CHARGER_KINDS
from .frames import TEXT_DTYPE, as_table, combine_tables
from .ledger import FileEntry, Merge, with_merges
from .overlap import merge_overlap
from .schemas import CHARGERS, FACILITIES
from .sites import LIST, charger_faults, group_sites, site_table

WITH_POSITION = ("chargers", "facilities", "berths", "car_parks", "demand")

SAME: Mapping[str, Sequence[str]] = {
    "chargers": ("operator", "kind", "current"),
    "facilities": ("kind", "side"),
}
"""What must agree, where it is known, for a row of OpenStreetMap to be one of a table; see :func:`merge_overlap`."""

_NAMED = 5
"""So many ids are named in a notice."""
_BEGINS = {"chargers": "opened", "facilities": "opened", "berths": "built", "car_parks": "opened"}
"""Date from which a row of each table is in operation."""
PROPOSED = "proposed-"
"""Ids of sites that are proposed, not there, start so."""


@dataclass(frozen=True)
class Built:
    """What a proposed site is taken to be when the state after building is assessed: DC points, open always.

    A ``kind`` other than charging has no power and no plugs: points are places to swap or pumps.
    """

    kind: str = "charging"
    point_kw: float = 120.0
    points: int = 4
    pool_min_kw: float = 0.0
    connector: str = ""

    @property
    def pool_kw(self) -> float:
        """Power that all points give at the same time."""
        return max(self.point_kw * self.points, self.pool_min_kw)

    def charger(self, id_: str, name: Any, point: BaseGeometry) -> dict[str, Any]:
        """Row of the chargers' table for one that is built at a point (EPSG:4326): public and in operation."""
        found = {
            "id": id_,
            "name": name,
            "kind": self.kind,
            "status": "operational",
            "access": "public",
            "open_24h": True,
            "points": self.points,
            "geometry": point,
        }
        if self.kind != "charging":
            return found
        return found | {
            "current": "dc",
            "connector": self.connector or None,
            "dc_points": self.points,
            "point_kw": self.point_kw,
            "pool_kw": self.pool_kw,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Inputs:
    """The tables of a project, each in the form of its schema, EPSG:4326.

    Every frame with positions, and that of counties, has a boolean column ``inside``: True within the assessed
    region, False in its halo. ``sites`` are the ``chargers`` grouped into charging sites; ``chargers["site"]`` names
    the site of each charger. ``warnings`` lists what was noticed and did not stop anything; ``merges`` what was joined
    of several lists, ``ledger`` what became of the rows of each file.
    """

    chargers: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    berths: gpd.GeoDataFrame
    car_parks: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    counties: gpd.GeoDataFrame
    calls: pd.DataFrame
    traffic: gpd.GeoDataFrame
    warnings: tuple[Fault, ...] = field(default_factory=tuple)
    merges: tuple[Merge, ...] = ()
    ledger: tuple[FileEntry, ...] = ()

    @property
    def own_counties(self) -> gpd.GeoDataFrame:
        """Counties of the region itself: a table of the whole country holds the neighbours' as well."""
        return self.counties[self.counties["inside"].to_numpy(bool)]

    @property
    def aims_without_data(self) -> frozenset[str]:
        """Aims of a plan that no row speaks of: ``flow`` without traffic, ``equity`` without a county."""
        demand = self.demand
        known = {
            "flow": "flow" in demand and bool((demand["flow"] > 0).any()),
            "equity": bool(demand.loc[demand["inside"].astype(bool), "county"].notna().any()),
        }
        return frozenset(aim for aim, has_data in known.items() if not has_data)

    def __repr__(self) -> str:
        """Rows of each table."""
        counts = {
            name: len(getattr(self, name)) for name in ("sites", "chargers", *WITH_POSITION[1:], "calls")
        }
        return f"<Inputs: {', '.join(f'{n} {name}' for name, n in counts.items())}>"

    def with_built(self, proposed: gpd.GeoDataFrame, built: Built | None = None) -> Inputs:
        """Return the inputs as they would be with the proposed sites built, public and operational.

        Parameters
        ----------
        proposed : GeoDataFrame
            EPSG:4326, ``id``, ``name``; each becomes a site of its own, on the side of the road where the point
            lies.
        built : Built, optional
            What is built there; four DC points of 120 kW if left out.
        """
        if proposed.empty:
            return self
        built = built or Built()
        rows = [
            built.charger(f"{PROPOSED}{id_}", name, point) | {"operator": f"{PROPOSED}{id_}"}
            for id_, name, point in zip(proposed["id"], proposed["name"], proposed.geometry, strict=True)
        ]
        return self.with_chargers(self.chargers, rows)

    def as_of(self, day: dt.date) -> Inputs:
        """Return the inputs as they are on a day: what is in operation but opens later is still being built."""
        found, notices = self, []
        for name, date in _BEGINS.items():
            table = getattr(self, name)
            running = table["status"].isna() | (table["status"] == "operational")
            later = running & (pd.to_datetime(table[date]) > pd.Timestamp(day))
            if not later.any():
                continue
            waiting = table.assign(status=table["status"].mask(later, "under_construction"))
            found = (
                found.with_chargers(waiting, ()) if name == "chargers" else replace(found, **{name: waiting})
            )
            ids = table.loc[later, "id"].astype(str)
            values = {"n": len(ids), "day": day, "ids": ", ".join(ids.head(_NAMED))}
            notices.append(Fault("opens-later", file=name, values=values, warning=True))
        return replace(found, warnings=(*found.warnings, *notices)) if notices else self

    def with_chargers(self, chargers: gpd.GeoDataFrame, new: Sequence[Mapping[str, Any]]) -> Inputs:
        """Return the inputs with other chargers, and further ones inside the region.

        Each new row names its ``site``, an existing one or a new id: nothing is grouped anew, since a charger
        without an operator beside a new one would move its site, and existing sites stay where they are.
        """
        if not len(new) and chargers.empty:
            return self
        added = as_table(new, CHARGERS, source="proposed")
        added["inside"] = True
        added["site"] = [str(row.get("site", row["id"])) for row in new]
        joined = combine_tables([chargers, added], CHARGERS)
        sites = _sites(site_table(joined), joined)
        places = dict(zip(self.sites["id"], self.sites.geometry, strict=True))
        sites.geometry = [
            places.get(name, here) for name, here in zip(sites["id"], sites.geometry, strict=True)
        ]
        return replace(self, chargers=joined, sites=sites)


def collect(
    tables: Mapping[str, gpd.GeoDataFrame],
    region: BaseGeometry | None,
    warnings: Sequence[Fault],
    merges: Sequence[Merge] = (),
    ledger: Sequence[FileEntry] = (),
) -> Inputs:
    """Join the tables: count once what OSM has, too, mark what lies inside, name counties, group chargers.

    Parameters
    ----------
    tables : mapping
        Frames by the name of their schema, all of them.
    region : geometry, optional
        EPSG:4326, without the halo; without it everything is inside.
    warnings : sequence of Fault
        What was noticed while reading.
    merges : sequence of Merge
        What :func:`plugspan.inputs.fusion.fuse` joined.
    ledger : sequence of FileEntry
        What was read of each file.
    """
    notes, tables = list(warnings), dict(tables)
    for name, agree in SAME.items():
        tables[name], twice, same = merge_overlap(tables[name], agree)
        notes += twice
        merges = [*merges, *same]
    tables |= _stations_as_sites(tables["chargers"], tables["facilities"])
    placed = {name: placed_in(tables[name], region, tables["counties"]) for name in WITH_POSITION}
    chargers, sites = group_sites(placed.pop("chargers"))
    counties = tables["counties"].assign(inside=_own_counties(tables["counties"], region))
    chargers = gpd.GeoDataFrame(chargers.drop(columns=LIST, errors="ignore"))
    placed["facilities"] = gpd.GeoDataFrame(placed["facilities"].drop(columns=LIST, errors="ignore"))
    return Inputs(
        chargers=chargers,
        sites=_sites(sites, chargers),
        counties=counties,
        calls=tables["calls"],
        traffic=tables["traffic"],
        warnings=(*notes, *charger_faults(chargers)),
        merges=tuple(merges),
        ledger=with_merges(ledger, merges),
        **placed,
    )


def _own_counties(counties: gpd.GeoDataFrame, region: BaseGeometry | None) -> npt.NDArray[np.bool_]:
    """Which counties are the region's: by a place in their middle. What has no border is.

    A region that holds the middle of none is a part of the county that its own middle lies in.
    """
    placed = counties.geometry.notna().to_numpy(bool)
    if region is None or not placed.any():
        return np.ones(len(counties), bool)
    areas = counties.geometry[placed].to_numpy()
    shapely.prepare(region)
    own = shapely.intersects(region, shapely.point_on_surface(areas))
    if not own.any():
        own = shapely.intersects(areas, shapely.point_on_surface(region))
    inside: npt.NDArray[np.bool_] = ~placed
    inside[placed] = own
    return inside


def _stations_as_sites(
    chargers: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> dict[str, gpd.GeoDataFrame]:
    """Swap and hydrogen stations stand with the charging sites, whichever of the two tables lists them."""
    listed = facilities["kind"].isin([kind for kind, _ in CHARGER_KINDS])
    if not listed.any():
        return {}
    stations = facilities[listed].copy()
    taken = stations["id"].isin(chargers["id"])
    stations["id"] = stations["id"].mask(taken, f"{FACILITIES.name}-" + stations["id"].astype(str))
    rows = [{str(k): None if pd.isna(v) else v for k, v in row.items()} for row in
            pd.DataFrame(stations.drop(columns="geometry")).to_dict("records")]  # fmt: skip
    points = stations.geometry.tolist()
    added = as_table([row | {"geometry": point} for row, point in zip(rows, points, strict=True)], CHARGERS)
    for name in ("source", "source_row"):
        added[name] = stations[name].to_numpy()
    return {
        "chargers": combine_tables([chargers, added], CHARGERS),
        "facilities": facilities[~listed].reset_index(drop=True),
    }


def _sites(sites: gpd.GeoDataFrame, chargers: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    inside = chargers.groupby("site")["inside"].any()
    return sites.assign(inside=sites["id"].map(inside).fillna(False).astype(bool))


def placed_in(
    frame: gpd.GeoDataFrame, region: BaseGeometry | None, counties: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Add ``inside``; fill a missing ``county`` from the counties' polygons. What has no position is inside."""
    here = frame.geometry.notna().to_numpy()
    inside = np.ones(len(frame), dtype=bool)
    if region is not None and here.any():
        shapely.prepare(region)
        inside[here] = shapely.intersects(region, frame.geometry[here].to_numpy())
    frame = frame.assign(inside=inside)
    polygons = counties[counties.geometry.notna()] if len(counties) else counties
    if "county" not in frame or polygons.empty or not here.any():
        return frame
    blank = here & frame["county"].isna().to_numpy()
    points, areas = frame.geometry[blank].to_numpy(), polygons.geometry.to_numpy()
    point, area = shapely.STRtree(areas).query(points, predicate="intersects")
    names = pd.Series(polygons["name"].to_numpy()[area], index=frame.index[blank][point], dtype=TEXT_DTYPE)
    frame["county"] = frame["county"].fillna(names[~names.index.duplicated()])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84)
