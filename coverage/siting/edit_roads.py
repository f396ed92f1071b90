"""Roads as a page recounts them: drives with all places on them, graphs for covered length, demand within reach.

A **place** is a charging site that is there or one that an action would build. A new site may also stand at any whole
metre of a road of the rules: what it would serve is packed for every metre, as stretches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ..measure.spacing import sites_inside
from ..measure.spacing_gaps import Driven, driven_once_m, drives_with_sites, roads_of_drives
from ..network.access import find_served
from ..network.along import RoadSegments, by_whole_metres, reached_along, served_along
from ..network.distances import AT_NODE_M
from ..network.graph import BoolArray, IntArray
from ..network.routes import Drive, DriveKey, drives_by_key, ground_scale, locate, mercator
from ..network.snapping import Snapped, join_snapped
from ..rules.covered_rows import JoinedRoads, join_roads
from ..rules.facilities import FacilityShare, chargers_at, counted_facilities
from ..rules.length import CoveragePieces, coverage_pieces, sites_on_pieces
from ..rules.reach import reach_cost
from ..rules.roads import RouteRule
from ..rules.rows import RuleRows
from ..units import M_PER_KM, lonlat
from .actions import STATIONS
from .planning.reach import Places, measure
from .world import World

Packed = dict[str, Any]
BUILT = ("new_site", "high_power", *STATIONS)
"""Kinds of actions that make a site of their own; all others change what is there."""
METRE_DIGITS = 5
MOST_ALONG = 60_000_000
"""Edges of the routes times places of demand: more than 3 000 of these beside 20 000 of those take a gigabyte."""


def packed_metres(values: npt.ArrayLike) -> list[float]:
    """Metres to a hundredth of a millimetre: the page compares them to the millimetre."""
    return [float(x) for x in np.round(np.asarray(values, dtype=np.float64), METRE_DIGITS)]


@dataclass(eq=False)
class RoadPacker:
    """Collects the networks of drives, road graphs and distances of demand that rules need, each once."""

    world: World
    nets: list[Packed] = field(default_factory=list)
    edges: list[Packed] = field(default_factory=list)
    reaches: list[Packed] = field(default_factory=list)
    _known: dict[Any, int] = field(default_factory=dict)
    _drives: list[Drive] = field(default_factory=list)
    _pieces: list[pd.DataFrame] = field(default_factory=list)

    @cached_property
    def n_sites(self) -> int:
        """Number of sites of today: places from this number on are built."""
        return len(self.world.context.inputs.sites)

    @cached_property
    def built(self) -> IntArray:
        """Positions of the actions that make a site of their own, in the order of their places."""
        return np.flatnonzero(self.world.actions["kind"].isin(BUILT))

    @cached_property
    def snapped(self) -> Snapped:
        """All places on the roads."""
        context = self.world.context
        new = context.snapper.snap(lonlat(self.world.actions.geometry.iloc[self.built]))
        return join_snapped(context.snapped, new)

    @cached_property
    def _tables(self) -> dict[Any, pd.DataFrame]:
        return {}

    def _served(self, network: str, access_km: float) -> pd.DataFrame:
        """Which place serves which direction of a class of roads, whatever its traffic."""
        network = network.partition("@")[0]
        context, key = self.world.context, ("served", network, access_km)
        if key not in self._tables:
            routes = context.of_class(network)
            old = context.access(access_km).served
            old = old[old["ref"].isin({route.ref for route in routes})]
            points = lonlat(self.world.actions.geometry.iloc[self.built])
            new = find_served(
                context.index, routes, self.snapped.take(self.n_sites + np.arange(len(self.built))), points,
                access_m=access_km * M_PER_KM, snapper=context.snapper,
            )  # fmt: skip
            self._tables[key] = pd.concat(
                [old, new.assign(site=new["site"] + self.n_sites)], ignore_index=True
            )
        return self._tables[key]

    def net(self, rule: RouteRule) -> int:
        """Number of the drives of a class of roads with all places on them."""
        key = ("net", rule.network, rule.site.access_km)
        if key not in self._known:
            context = self.world.context
            routes = context.of_class(rule.network)
            table = self._served(rule.network, rule.site.access_km)
            pieces = context.band(rule.network).cut(context.pieces)
            driven = drives_with_sites(routes, table, context.ends, pieces, context.pieces)
            inside = sites_inside(driven)
            within = set(inside.itertuples(index=False, name=None))
            knots = {(r.ref, s.number): s.knots_m[::-1] for r in routes for s in r.sections}
            self._known[key] = len(self.nets)
            drives = [_drive(d, within, knots[d.ref, d.section]) for d in driven]
            self.nets.append({"driven_m": driven_once_m(driven), "drives": drives, "once": _once(driven)})
        return self._known[key]

    def edge(self, rule: RouteRule) -> int:
        """Number of the road graph on which a rule's covered length is measured."""
        key = ("edge", rule.network, rule.site.access_km)
        if key not in self._known:
            self._known[key] = len(self.edges)
            self.edges.append({})
        return self._known[key]

    def reach(self, reach_km: float | None, reach_min: float | None) -> int:
        """Number of the list of demand with the places within a driving distance or time."""
        key = ("reach", reach_km, reach_min)
        if key not in self._known:
            self._known[key] = len(self.reaches)
            self.reaches.append(self._demand(reach_km, reach_min))
        return self._known[key]

    def laid(self, rows: RuleRows, rule: Packed) -> Packed | None:
        """Where the rows of a rule lie: each wants a site in ``(from, from + span]`` of a drive or a piece of road.

        None where a row cannot be recounted from places.
        """
        laid = rows.stretches
        if laid is None or rule["how"] not in ("spacing", "edge") or not len(laid.line):
            return None
        if rule["how"] == "spacing":
            drives = self.nets[rule["net"]]["drives"]
            number: dict[Any, int] = {
                (d["ref"], d["section"], d["direction"]): k for k, d in enumerate(drives)
            }
            where, shift = np.array([number[line.name] for line in laid.lines]), np.zeros(len(laid.lines))
        else:
            at = rows.items.iloc[[int(line.name[0]) for line in laid.lines]][["segment", "from_m"]]
            asked = at.reset_index(drop=True).rename_axis("line").reset_index().sort_values("from_m")
            pieces = self._pieces[rule["edge"]].rename_axis("piece").reset_index()
            pieces = pieces.assign(from_m=pieces["begin"]).sort_values("from_m")
            found = pd.merge_asof(asked, pieces, on="from_m", by="segment").sort_values("line")
            where = found["piece"].to_numpy(np.int64)
            shift = (found["from_m"] - found["begin"]).to_numpy(np.float64)
        return {
            "span": laid.span_m,
            "where": where[laid.line].tolist(),
            "from": packed_metres(laid.from_m + shift[laid.line]),
        }

    # -- what is packed once all rules are known -------------------------------------------------------------

    def along(self, *, own: bool) -> list[Packed]:
        """Pack the graphs and number the lines that the drives run on.

        Parameters
        ----------
        own : bool
            New sites may stand at any metre of the lines: pack what they would serve there.

        Returns
        -------
        list of dict
            A line for each drive of any network: ``key`` (ref, section, direction), and ``stand``: where a new site may
            stand, as first and last whole metre and whether it serves both directions there.
        """
        self._pieces = []
        drives = drives_by_key(self.world.context.routes)
        keys: dict[DriveKey, int] = {}
        for net in self.nets:
            for drive in net["drives"]:
                key = (drive["ref"], drive["section"], drive["direction"])
                drive["line"] = keys.setdefault(key, len(keys))
        self._drives = [drives[key] for key in keys]
        roads = RoadSegments.of(self.world.context.graph, self._drives)
        lines: list[Packed] = [{"key": list(key)} for key in keys]
        for (kind, *of), number in list(self._known.items()):
            if kind == "edge":
                self.edges[number] = self._road_graph(roads, *of) | {"net": self._known["net", *of]}
                whole, _, band = of[0].partition("@")
                if own and band:  # a site on a busy road serves the quiet ones beyond as well
                    self.edges[number]["ways"] = self._ways(roads, whole, *of[1:])
            elif own and kind == "net":
                self.nets[number]["ways"] = self._ways(roads, *of)
            elif own and kind == "reach":
                self.reaches[number]["along"] = self._reached(roads, *of)
        for line, stand in zip(lines, self._stands(list(keys), roads, own=own), strict=True):
            line["stand"] = stand
        return lines

    def beside(self, rule: FacilityShare) -> list[list[int]]:
        """By line: number of the facility that a new site would belong to, first and last metre of such a site.

        Every metre is asked for, as a place off the road is no even function of them.
        """
        index, found, every = self.world.context.index, [], self.world.context.inputs.facilities
        facilities = counted_facilities(every, rule)
        roads = RoadSegments.of(index.graph, self._drives)
        segments = np.unique(roads.table["segment"].to_numpy(np.int64))
        lines = shapely.transform(index.graph.lines(segments), mercator)
        xy = mercator(lonlat(facilities.geometry)) if len(facilities) else np.empty((0, 2))
        far = (rule.site.within_m + 50.0) / ground_scale(xy[:, 1])
        near = shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=far)[1]
        edges = roads.table[roads.table["segment"].isin(segments[near])]
        by_road: Any = edges.groupby("line").indices
        for number, mine in ((k, edges.iloc[rows]) for k, rows in by_road.items()):
            ends = np.sort(mine[["at_u", "at_v"]].to_numpy(np.float64), axis=1)
            at = np.unique(np.concatenate([np.arange(np.ceil(a), np.floor(b) + 1) for a, b in ends]))
            where = locate(index, self._drives[number], at)
            points = gpd.points_from_xy(where["lon"], where["lat"])
            asked = gpd.GeoDataFrame(
                {"service_area": None, "side": None}, index=range(len(at)), geometry=points
            )
            facility, which = chargers_at(every, asked, rule)
            metre = at[which].astype(np.int64)
            if not len(metre):  # the road is near, but no metre of it near enough
                continue
            order = np.lexsort((metre, facility))
            facility, metre = facility[order], metre[order]
            first = np.flatnonzero(np.append(True, (np.diff(metre) != 1) | (np.diff(facility) != 0)))
            last = np.append(first[1:], len(metre)) - 1
            found.append((number, np.stack([facility[first], metre[first], metre[last]], axis=1)))
        by_line: list[list[int]] = [[] for _ in self._drives]
        for number, rows in found:
            by_line[number] = rows.ravel().tolist()
        return by_line

    def few_enough(self) -> bool:
        """Whether it can be told for every metre of the roads whom a new site there would reach."""
        edges = sum(len(d.edges) for d in drives_by_key(self.world.context.routes).values())
        return edges * len(self._inside()) <= MOST_ALONG

    def _ways(self, roads: RoadSegments, network: str, access_km: float) -> list[list[float]]:
        """By line: number of the drive, first and last metre, where one leaves the drive for a site there."""
        context = self.world.context
        found = served_along(context.index, context.of_class(network), roads, access_km * M_PER_KM)
        table = by_whole_metres(roads, found)
        ends = [packed_metres(table[name]) for name in ("low", "high")]
        columns = [table[name].tolist() for name in ("target", "first", "last")]
        return _by_line(roads, table, [*columns, *ends])

    def _reached(
        self, roads: RoadSegments, reach_km: float | None, reach_min: float | None
    ) -> list[list[float]]:
        """By line: number of the demand, first and last metre of a site that would be within its reach."""
        graph = self.world.context.graph
        here = graph.snapper.snap(lonlat(self._inside().geometry))
        cost, limit = reach_cost(graph, reach_km, reach_min)
        table = by_whole_metres(roads, reached_along(graph, roads, here, limit, cost))
        return _by_line(roads, table, [table[name].tolist() for name in ("target", "first", "last")])

    def _stands(self, keys: list[DriveKey], roads: RoadSegments, *, own: bool) -> list[list[int]]:
        """Whole metres in the region, on roads that are not cut off, with a little distance to junctions."""
        if not own:
            return [[] for _ in keys]
        context, table = self.world.context, roads.table.reset_index()
        sections = pd.MultiIndex.from_tuples([key[:2] for key in keys]).factorize()[0]
        backward = np.array([key[2] == "backward" for key in keys])
        table["section"] = sections[table["line"]]
        sides = table.groupby(["section", "segment"])["line"].transform("nunique")
        # Where both directions run on one carriageway the forward one names the place.
        shown = context.snapper.usable[table["segment"]] & ~((sides > 1) & backward[table["line"]])
        table = table[shown].assign(both=(sides > 1).astype(int))
        found = pd.DataFrame({"row": table["row"], "target": table["both"], "from_m": 0.0,
                              "to_m": table["length_m"], "low": 0.0, "high": 0.0})  # fmt: skip
        whole = by_whole_metres(roads, found, at_ends=AT_NODE_M * 1.2)
        stands: list[list[int]] = []
        rows = whole.groupby("line").indices
        for number, key in enumerate(keys):
            mine = whole.iloc[rows.get(number, [])]
            inside = context.pieces[key]
            low = np.maximum.outer(mine["first"].to_numpy(np.float64), np.ceil(inside[:, 0]))
            high = np.minimum.outer(mine["last"].to_numpy(np.float64), np.floor(inside[:, 1]))
            at, piece = np.nonzero(low <= high)
            parts = np.column_stack([low[at, piece], high[at, piece], mine["target"].to_numpy()[at]])
            parts = parts[np.lexsort(parts.T[::-1])]
            new = np.ones(len(parts), np.bool_)
            new[1:] = (parts[1:, 0] > parts[:-1, 1] + 1) | (parts[1:, 2] != parts[:-1, 2])
            first = np.flatnonzero(new)
            if len(first):
                parts = np.column_stack(
                    [parts[first, 0], np.maximum.reduceat(parts[:, 1], first), parts[first, 2]]
                )
            stands.append(parts.astype(np.int64).ravel().tolist())
        return stands

    def _road_graph(self, roads: RoadSegments, network: str, access_km: float) -> Packed:
        """Roads joined between places and the ends of the pieces that count or that a new site may stand on."""
        context = self.world.context
        serving = np.unique(self._served(network, access_km)["site"].to_numpy(np.int64))
        places = self.snapped.take(serving)
        base = coverage_pieces(context, network, self.snapped.take(serving[:0]))
        full = coverage_pieces(context, network, places)
        first, k = context.graph.n_nodes, len(serving)
        at = np.flatnonzero((base.weight_m > 0) | np.isin(base.segment, roads.table["segment"]))
        ends = [np.where(end < first, end, end + k)[at] for end in (base.a, base.b)]
        keep: BoolArray = np.zeros(full.n_nodes, np.bool_)
        keep[first : first + k] = True
        keep[np.concatenate(ends)] = True
        joined = join_roads(full.a, full.b, full.length_m, keep)
        kept = np.unique(np.concatenate([joined.u, joined.v, np.flatnonzero(keep)]))
        number = np.full(full.n_nodes, -1, dtype=np.int64)
        number[kept] = np.arange(len(kept))
        piece, place, on_m = sites_on_pieces(base, at, places)
        self._pieces.append(pd.DataFrame({"segment": base.segment[at], "begin": base.from_m[at]}))
        u, v = number[joined.u], number[joined.v]
        part, from_m, mine = _parts_of_pieces(joined, full, base, at)
        u[part >= 0], v[part >= 0] = (number[end[mine[part >= 0]]] for end in (full.a, full.b))
        return {
            "nodes": len(kept),
            "u": u.tolist(),
            "v": v.tolist(),
            "m": packed_metres(joined.length_m),
            "piece": part.tolist(),
            "from": packed_metres(from_m),
            "place": serving.tolist(),
            "node": number[first : first + k].tolist(),
            "piece_u": number[ends[0]].tolist(),
            "piece_v": number[ends[1]].tolist(),
            "piece_m": packed_metres(base.length_m[at]),
            "weight_m": packed_metres(base.weight_m[at]),
            "on": {"piece": piece.tolist(), "place": serving[place].tolist(), "m": packed_metres(on_m)},
            "along": _along_pieces(base, at, roads),
        }

    def _inside(self) -> gpd.GeoDataFrame:
        demand = self.world.context.inputs.demand
        return demand[demand["inside"].astype(bool)].reset_index(drop=True)

    def _demand(self, reach_km: float | None, reach_min: float | None) -> Packed:
        world = self.world
        inputs, graph, demand = world.context.inputs, world.context.graph, self._inside()
        points = pd.concat(
            [inputs.sites.geometry, world.actions.geometry.iloc[self.built]], ignore_index=True
        )
        table = gpd.GeoDataFrame(geometry=gpd.GeoSeries(points, crs=inputs.sites.crs))
        cost, limit = reach_cost(graph, reach_km, reach_min)
        limit_km = limit / M_PER_KM
        within = measure(graph, demand, Places(table, table), limit_km, cost).within(limit_km).tocsc()
        lost = ~graph.snapper.snap(lonlat(demand.geometry)).found
        return {
            "id": [str(x) for x in demand["id"]],
            "county": demand["county"].fillna("").astype(str).tolist(),
            "weight": demand["weight"].astype(float).fillna(0.0).tolist(),
            "lost": [bool(x) for x in lost],
            "start": within.indptr.tolist(),
            "place": within.indices.tolist(),
        }


def _by_line(roads: RoadSegments, table: pd.DataFrame, columns: list[list[float]]) -> list[list[float]]:
    """Rows of a table as flat lists by line."""
    found: list[list[float]] = [
        [] for _ in range(int(roads.table["line"].max()) + 1 if len(roads.table) else 0)
    ]
    for line, *values in zip(table["line"].tolist(), *columns, strict=True):
        found[line].extend(values)
    return found


def _along_pieces(base: CoveragePieces, at: IntArray, roads: RoadSegments) -> list[list[float]]:
    """By line: number of the piece, first and last metre, and how far these are from the piece's first end."""
    pieces = pd.DataFrame({"target": np.arange(len(at)), "segment": base.segment[at],
                           "from_m": base.from_m[at], "high": base.length_m[at]})  # fmt: skip
    found = roads.table.reset_index()[["row", "segment"]].merge(pieces, on="segment")
    found = found.assign(to_m=found["from_m"] + found["high"], low=0.0)
    table = by_whole_metres(roads, found)
    ends = [packed_metres(table[name]) for name in ("low", "high")]
    return _by_line(roads, table, [*(table[name].tolist() for name in ("target", "first", "last")), *ends])


def _parts_of_pieces(
    joined: JoinedRoads, full: CoveragePieces, base: CoveragePieces, at: IntArray
) -> tuple[IntArray, npt.NDArray[np.float64], IntArray]:
    """Which of the pieces each joined road is a part of, from where on, and the road cut at all places that it is.

    The piece is -1 for what only carries distance. Ends of pieces and places are kept, so that no part of a piece is
    joined with anything.
    """
    pieces = pd.DataFrame({"segment": base.segment[at], "from_m": base.from_m[at], "piece": np.arange(len(at)),
                           "begin": base.from_m[at]})  # fmt: skip
    cut = pd.DataFrame({"segment": full.segment, "from_m": full.from_m + full.length_m / 2,
                        "start": full.from_m, "road": joined.of_piece, "mine": np.arange(len(full.a))})  # fmt: skip
    cut = cut[(cut["road"] >= 0) & cut["segment"].isin(pieces["segment"])]
    found = pd.merge_asof(cut.sort_values("from_m"), pieces.sort_values("from_m"), on="from_m", by="segment")
    found = found.dropna()
    road = found["road"].to_numpy(np.int64)
    part, mine = np.full((2, len(joined.u)), -1, dtype=np.int64)
    from_m = np.zeros(len(joined.u))
    part[road], mine[road] = found["piece"].to_numpy(np.int64), found["mine"].to_numpy(np.int64)
    from_m[road] = (found["start"] - found["begin"]).to_numpy(np.float64)
    return part, from_m, mine


def _once(driven: list[Driven]) -> Packed:
    """What each drive adds to the network, and the roads that several run on: there the worst gap decides."""
    rows = roads_of_drives(driven)
    alone: list[list[float]] = [[] for _ in driven]
    shared: list[list[float]] = []
    if rows.empty:
        return {"alone": alone, "shared": shared}
    several = rows.groupby("edge")["drive"].transform("nunique") > 1
    mine = rows[~several].assign(length_m=lambda r: (r["high"] - r["low"]) * r["per_share_m"])
    sums = mine.groupby(["drive", "from_m", "to_m"], sort=True)["length_m"].sum().reset_index()
    by_drive: Any = sums.groupby("drive").indices
    for number, group in ((k, sums.iloc[rows]) for k, rows in by_drive.items()):
        alone[number] = packed_metres(
            _merged(*(group[name].to_numpy(np.float64) for name in ("from_m", "to_m", "length_m"))).ravel()
        )
    # The page is given the shares at the lower and at the higher chainage.
    low, high = rows["low"], rows["high"]
    rows = rows.assign(low=np.where(rows["falls"], high, low), high=np.where(rows["falls"], low, high))
    columns = ["drive", "from_m", "to_m", "low", "high", "per_share_m"]
    for _, group in rows[several].groupby("edge", sort=True):
        shared.append([float(x) for x in group[columns].to_numpy(np.float64).round(9).ravel()])
    return {"alone": alone, "shared": shared}


def _drive(d: Driven, within: set[tuple[Any, ...]], knots: Any) -> Packed:
    """One direction of a section with everything that its gaps depend on."""
    key = (d.ref, d.section, d.drive.direction)
    return {
        "ref": d.ref,
        "section": d.section,
        "direction": d.drive.direction,
        "ring": d.drive.ring,
        "ends": packed_metres([d.drive.start_m, d.drive.end_m]),
        "open": [bool(d.ends.low), bool(d.ends.high)],
        "own": packed_metres(d.own.stretches.ravel()),
        "pieces": packed_metres(_merged_pieces(d).ravel()),
        "site": d.site.tolist(),
        "at": packed_metres(d.site_m),
        "inside": [int((*key, site) in within) for site in d.site.tolist()],
        "other": [packed_metres(axis) for axis in knots] if d.drive.direction == "backward" else [],
    }


def _merged_pieces(d: Driven) -> npt.NDArray[np.float64]:
    """(p, 3) chainage from, to, and the length that the stretch adds to its route; neighbours alike are one."""
    if not len(d.pieces):
        return np.empty((0, 3))
    low, high = d.pieces[:, 0], d.pieces[:, 1]
    return _merged(low, high, (high - low) * d.counted_per_m)


def _merged(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], counted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    per_m = counted / np.maximum(high - low, 1e-9)
    new = np.ones(len(low), np.bool_)
    new[1:] = (np.abs(low[1:] - high[:-1]) > 1e-6) | (np.abs(np.diff(per_m)) > 1e-9)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(low)) - 1
    return np.stack([low[first], high[last], np.add.reduceat(counted, first)], axis=1)
