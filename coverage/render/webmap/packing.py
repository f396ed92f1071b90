"""Geometry and columns in few bytes: integers of 1e-5 degrees (about 1 m), differences instead of values.

Small layers carry plain JSON numbers. Dense layers (100 000 edges) carry zigzag variable-length integers,
gzipped and base64-coded, in the order of a Hilbert curve so that neighbours compress well. All this is for
drawing only: no number that is reported is taken from a packed geometry.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

SCALE = 1e5
"""Units per degree."""
DENSE_TOLERANCE_DEG, FINE_TOLERANCE_DEG = 1e-4, 2e-5
"""Douglas-Peucker tolerances: about 10 m for dense layers, 2 m for the others."""
AT_ONCE = 20_000
"""So many geometries are simplified at once: a copy of all roads of a country would be as large as they are."""

Ints = npt.NDArray[np.int64]


def encode_varints(values: Ints) -> bytes:
    """Return zigzag variable-length integers, 7 bits a byte, low bits first.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
    """
    zigzag = ((values << 1) ^ (values >> 63)).astype(np.uint64)
    n_bytes = np.ones(len(zigzag), dtype=np.int64)
    rest = zigzag >> np.uint64(7)
    while rest.any():
        n_bytes += rest > 0
        rest >>= np.uint64(7)
    out = np.zeros(int(n_bytes.sum()), dtype=np.uint8)
    starts = np.cumsum(n_bytes) - n_bytes
    for k in range(int(n_bytes.max(initial=0))):
        has = n_bytes > k
        low = (zigzag[has] >> np.uint64(7 * k)) & np.uint64(127)
        more = np.where(n_bytes[has] > k + 1, 128, 0).astype(np.uint64)
        out[starts[has] + k] = low | more
    return out.tobytes()


def b64gz(raw: bytes) -> str:
    """Return gzipped and base64-coded bytes, the same for the same input."""
    return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode("ascii")


def hilbert_order(geometries: gpd.GeoSeries) -> Ints:
    """Return an order in which neighbours are near each other; ties keep the frame's order."""
    if len(geometries) < 2:
        return np.arange(len(geometries), dtype=np.int64)
    return np.argsort(geometries.hilbert_distance().to_numpy(), kind="stable").astype(np.int64)


def pack_geometries(geometries: npt.NDArray[Any]) -> dict[str, Any]:
    """Pack lines or points (single parts) as ``{"n": features, "geo": base64}``.

    The stream holds the number of vertices of each feature, then all x, then all y: differences within a
    feature; a feature's first vertex is the difference to the first vertex of the feature before.
    """
    parts = [(np.empty((0, 2), np.int64), np.empty(0, np.int64))]
    for first in range(0, len(geometries), AT_ONCE):
        some = geometries[first : first + AT_ONCE]
        lines = shapely.simplify(some, DENSE_TOLERANCE_DEG, preserve_topology=False)
        xy, of = shapely.get_coordinates(lines, return_index=True)
        parts.append((np.round(xy * SCALE).astype(np.int64), of + first))
    units, owner = (np.concatenate(each) for each in zip(*parts, strict=True))
    new = np.r_[True, np.diff(owner) != 0]
    keep = new | np.r_[True, (np.diff(units, axis=0) != 0).any(axis=1)]
    units, owner = units[keep], owner[keep]
    counts = np.bincount(owner, minlength=len(geometries))
    firsts = np.cumsum(counts) - counts
    steps = np.diff(units, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    steps[firsts] = np.diff(units[firsts], axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    stream = encode_varints(counts) + encode_varints(steps[:, 0]) + encode_varints(steps[:, 1])
    return {"n": len(geometries), "geo": b64gz(stream)}


def pack_index(values: npt.NDArray[Any]) -> str:
    """Return 32-bit little-endian integers, packed."""
    return b64gz(np.asarray(values).astype("<i4").tobytes())


def pack_texts(values: Sequence[str], index: npt.NDArray[Any]) -> dict[str, str]:
    """Return a column as its distinct texts and, for each row, which one."""
    return {
        "values": b64gz(json.dumps(list(values), ensure_ascii=False).encode()),
        "index": pack_index(index),
    }


def _deltas(xy: npt.NDArray[np.float64]) -> list[int]:
    units = np.round(xy * SCALE).astype(np.int64)
    steps = np.diff(units, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    moved = (steps != 0).any(axis=1)
    moved[0] = True
    kept: list[int] = steps[moved].ravel().tolist()
    return kept if moved.sum() > 1 or len(xy) == 1 else [*kept, 0, 0]


def _parts(geometry: Any, dimension: int) -> Any:
    """Return the parts of that dimension; clipping leaves points and lines among polygons."""
    if dimension == 1 and geometry.geom_type == "MultiLineString":
        geometry = shapely.line_merge(geometry, directed=True)  # dashes run on, sides stay
    parts = shapely.get_parts(shapely.simplify(geometry, FINE_TOLERANCE_DEG))
    return parts[shapely.get_dimensions(parts) == dimension]


def line_parts(geometry: Any) -> list[list[int]]:
    """Return the parts of a line, each as ``[x, y, dx, dy, …]``."""
    parts = _parts(geometry, 1)
    return [_deltas(shapely.get_coordinates(part)) for part in parts]


def polygon_parts(geometry: Any) -> list[list[list[int]]]:
    """Return the parts of a polygon as lists of rings, the outer one first."""
    parts = _parts(geometry, 2)
    return [[_deltas(shapely.get_coordinates(ring)) for ring in shapely.get_rings(part)] for part in parts]


def point_units(geometry: Any) -> list[int]:
    """Return ``[x, y]`` of a point, or of a point inside another geometry."""
    point = geometry if geometry.geom_type == "Point" else geometry.representative_point()
    return [round(point.x * SCALE), round(point.y * SCALE)]


MOST_OF_MODEL = 5_000_000
"""Of the packed model, so that the page keeps below its ten megabytes."""


def pack_model(model: Mapping[str, Any]) -> dict[str, str]:
    """The block of the edit mode, see :func:`plugspan.tables.edit_tables.edit_data`: the model as packed JSON.

    What is ``at`` its ``lines`` becomes places in 1e-5 degrees and the chainage of each in metres, as differences.
    If that is more than :data:`MOST_OF_MODEL`, new sites stand on candidates only.
    """
    lines = [
        {**{name: value for name, value in line.items() if name != "at"}, **_steps_of_line(line["at"])}
        for line in model["lines"]
    ]
    packed = _packed({**model, "lines": lines})
    if len(packed) > MOST_OF_MODEL and model["own"] is not None:
        packed = _packed(_on_candidates({**model, "lines": lines}))
    return {"packed": packed}


def _packed(model: Mapping[str, Any]) -> str:
    code = json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_number)
    return b64gz(code.encode("utf-8", "replace"))


def _on_candidates(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model without what new sites would serve at any metre of the roads: they stand on candidates then."""
    bare = {**model, "own": None, "lines": [line | {"stand": []} for line in model["lines"]]}
    for name in ("nets", "edges", "reaches"):
        bare[name] = [{k: v for k, v in part.items() if k not in ("ways", "along")} for part in model[name]]
    return bare


def _number(value: Any) -> Any:
    return value.item()


def _steps_of_line(line: npt.NDArray[np.float64]) -> dict[str, list[int]]:
    units = np.round(line[:, :2] * SCALE).astype(np.int64)
    metres = np.round(line[:, 2]).astype(np.int64)
    steps = np.diff(units, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    return {"xy": steps.ravel().tolist(), "m": np.diff(metres, prepend=0).tolist()}
