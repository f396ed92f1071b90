"""Overture Maps in: transportation segments (GeoParquet) as roads, by the rules for OpenStreetMap's ways.

Overture's classes are OpenStreetMap's. What holds for a part of a segment only (``between``) is left out, numbers of
routes aside; segments meet where they share a vertex, as their connectors do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import shapely

from ..errors import Fault, InputError
from ..files import check_there
from ..shapes import shapes_from_wkb
from .graph import RoadGraph
from .osm.network import roads_of
from .osm.tags import is_candidate
from .osm.ways import UNITS_PER_DEGREE, WAY_KEYS, Coded, Ways, pointers
from .region import Region

_WANTED = ("subclass", "names", "routes", "access_restrictions", "speed_limits", "road_flags")
_CARS = {"motor_vehicle", "vehicle", "car"}
MOST_SEGMENTS = 3_000_000
"""Segments in the region at most, about 6 GB; a province has 750 000 ways."""


def read_overture(path: Path, region: Region | None = None) -> RoadGraph:
    """Read the roads of a file of Overture's segments.

    Parameters
    ----------
    path : Path
        ``.parquet`` of the type ``segment``.
    region : Region, optional
        Keep what lies in the region and its halo.

    Raises
    ------
    InputError
        If it is none, is damaged, or holds no roads (in the region).
    """
    check_there(path)
    rows, seen = [], 0
    try:
        stored = pads.dataset(path, format="parquet")
        names = stored.schema.names
        if not {"geometry", "subtype", "class"} <= set(names):
            raise InputError(Fault("overture-foreign", file=str(path)))
        wanted = ["geometry", "class", *(name for name in _WANTED if name in names)]
        for batch in stored.to_batches(
            columns=wanted, filter=_within(stored.schema, region), batch_size=20_000
        ):
            for row in batch.to_pylist():
                seen += 1
                if seen > MOST_SEGMENTS:
                    values = {"most": f"{MOST_SEGMENTS:,}"}
                    raise InputError(Fault("overture-too-large", file=str(path), values=values))
                tags = _tags(row)
                if is_candidate(tags.get("highway"), None):
                    rows.append((row["geometry"], tags))
    except (pa.ArrowException, OSError, TypeError, AttributeError, KeyError) as error:
        raise InputError(Fault("overture-broken", file=str(path))) from error
    return roads_of(path, _ways(rows, seen), region)[0]


def _within(schema: pa.Schema, region: Region | None) -> Any:
    """Roads, in the box around region and halo if the file has boxes of its own."""
    roads = pads.field("subtype") == "road"
    if region is None or "bbox" not in schema.names:
        return roads
    west, south, east, north = region.with_halo.bounds
    for name, edge, beyond in (
        ("xmin", east, False),
        ("xmax", west, True),
        ("ymin", north, False),
        ("ymax", south, True),
    ):
        side = pads.field("bbox", name)
        roads &= side >= edge if beyond else side <= edge
    return roads


def _whole(rules: Any) -> Iterator[Mapping[str, Any]]:
    """Rules that hold along the whole segment."""
    return (rule for rule in rules or () if rule.get("between") in (None, [0, 1], [0.0, 1.0]))


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    """What a segment is, in OpenStreetMap's words."""
    link = row.get("subclass") == "link" or any(
        "is_link" in (r.get("values") or ()) for r in _whole(row.get("road_flags"))
    )
    found = {"highway": f"{row['class']}_link" if link else str(row["class"])}
    flags = {value for rule in _whole(row.get("road_flags")) for value in rule.get("values") or ()}
    found |= {tag: "yes" for tag, flag in (("bridge", "is_bridge"), ("tunnel", "is_tunnel")) if flag in flags}
    if row["class"] == "service" and row.get("subclass"):
        found["service"] = str(row["subclass"])
    refs = dict.fromkeys(str(route["ref"]) for route in row.get("routes") or () if route.get("ref"))
    if refs:
        found["ref"] = ";".join(refs)
    name = (row.get("names") or {}).get("primary")
    if name:
        found["name"] = str(name)
    for limit in _whole(row.get("speed_limits")):
        speed = limit.get("max_speed") or {}
        if not limit.get("when") and speed.get("value"):
            found["maxspeed"] = f"{speed['value']} {speed.get('unit', 'km/h')}"
    ways = {
        _heading(rule)
        for rule in _whole(row.get("access_restrictions"))
        if rule.get("access_type") == "denied"
    }
    if "both" in ways or {"forward", "backward"} <= ways:
        found["access"] = "no"
    # Overture says of each road where it may be driven: nothing is one-way by its class.
    found["oneway"] = "yes" if "backward" in ways else "-1" if "forward" in ways else "no"
    return found


def _heading(rule: Mapping[str, Any]) -> str:
    """Direction that a rule denies to cars at all times: ``forward``, ``backward``, ``both`` or none."""
    when = {key: value for key, value in (rule.get("when") or {}).items() if value}
    modes, heading = set(when.pop("mode", None) or _CARS), when.pop("heading", None)
    return "" if when or not modes & _CARS else str(heading or "both")


def _ways(rows: Sequence[tuple[bytes | None, Mapping[str, str]]], seen: int) -> Ways:
    """Segments as ways, whose vertices at one place are one node."""
    shapes, _ = shapes_from_wkb([wkb for wkb, _ in rows])
    lines = [i for i, shape in enumerate(shapes) if shape is not None and shape.geom_type == "LineString"]
    xy, owner = shapely.get_coordinates(shapes[lines], return_index=True)
    units = np.round(xy * UNITS_PER_DEGREE).astype(np.int64)
    places, vertex = np.unique(units[:, 0] * 4_000_000_000 + units[:, 1], return_inverse=True)
    node_xy = np.zeros((len(places), 2))
    node_xy[vertex] = units / UNITS_PER_DEGREE
    tags = {key: _coded([rows[i][1] for i in lines], lambda tags, key=key: tags.get(key)) for key in WAY_KEYS}
    return Ways(
        np.arange(1, len(lines) + 1),
        pointers(np.bincount(owner, minlength=len(lines))),
        vertex.astype(np.int64),
        np.arange(1, len(places) + 1),
        node_xy,
        tags,
        seen,
    )


def _coded(rows: Sequence[Mapping[str, str]], of: Callable[..., str | None]) -> Coded:
    codes, values = pd.factorize(np.array([of(row) for row in rows], dtype=object))
    return Coded(codes.astype(np.int32), [str(value) for value in values])
