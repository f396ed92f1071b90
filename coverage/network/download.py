"""Downloading a region's OpenStreetMap data from an Overpass server.

Roads, ferries and all features that :func:`~plugspan.network.read_osm` knows are asked for, tile by tile, and
joined into one file. What was downloaded is kept in a cache, so a download that was interrupted goes on
where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from ..atomic import check_file, write_file
from ..errors import Fault, InputError, NetworkError
from ..shapes import json_shape
from .http_fetch import Client, UnusableAnswerError, cache_name
from .osm.features import KEYS, TAGS
from .osm.files import OSM_SUFFIXES, osm_faults, osm_file, suffix_of
from .osm.network import read_roads
from .osm.tags import DRIVABLE
from .region import HALO_M, Region

Box = tuple[float, float, float, float]
TILE_KM = 50.0
"""Width of a tile: the area of OSMnx's largest query."""
SPLITS = 3
"""How often a tile is quartered when the server says that it is too much."""
MOST_JSON_MB = 50
"""Largest answer to a name: ten countries with all their islands have about 20 MB."""
_KM_PER_DEGREE = 111.2


def fetch_osm(
    region: Region | str,
    out: str | Path,
    *,
    endpoint: str | None = None,
    nominatim: str | None = None,
    cache_dir: str | Path | None = None,
    halo_m: float = HALO_M,
    overwrite: bool = False,
    retries: int = 5,
    timeout_s: float = 180.0,
    tile_km: float = TILE_KM,
    log: Callable[[str], None] | None = None,
    lang: str = "en",
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download roads and features of a region and its halo.

    Parameters
    ----------
    region : Region or str
        A region, or a name to look up ("Zhuzhou, Hunan, China"; with ``halo_m`` around it).
    out : path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``. Appears when it is complete, not before.
    endpoint, nominatim : str, optional
        Addresses of the Overpass and Nominatim services; OSMnx's settings by default.
    cache_dir : path, optional
        Where answers are kept for 30 days; ``.osm-cache`` beside ``out`` by default.
    retries, timeout_s, tile_km
        Tries after the first one; seconds the server may take for one tile; width of the tiles.
    log, lang
        Gets a line in this language whenever something happens.
    sleep
        Waits some seconds.

    Raises
    ------
    OutputExistsError
        If ``out`` exists and is not to be replaced, or was not downloaded by plugspan.
    InputError
        If the suffix of ``out`` is unknown.
    NetworkError
        If a server could not be reached, was too busy, refused, or there are no roads.
    """
    out = Path(out)
    _check_out(out, overwrite)
    cache = Path(cache_dir) if cache_dir is not None else out.parent / ".osm-cache"
    client = Client(cache, retries, timeout_s, log or (lambda _line: None), lang, sleep)
    if isinstance(region, str):
        region = geocode_region(region, client=client, nominatim=nominatim, halo_m=halo_m)
    address = (endpoint or _setting("overpass_url")).rstrip("/")
    _join(_fetch_tiles(client, address, tiles(region.with_halo, tile_km)), out, overwrite)
    client.log("done", path=out)
    return out


def _fetch_tiles(client: Client, address: str, boxes: list[Box]) -> list[Path]:
    """Files that hold all tiles."""
    files: list[Path] = []
    for number, box in enumerate(boxes, start=1):
        client.log("tile", number=number, total=len(boxes))
        files.extend(_fetch_tile(client, address, box, SPLITS))
    return files


def _setting(name: str) -> str:
    """Address of a service as OSMnx is set."""
    from osmnx import settings  # slow to import, and seldom needed

    return str(getattr(settings, name))


def _check_out(out: Path, overwrite: bool) -> None:
    """Refuse a file that exists or cannot be written."""
    if suffix_of(out, OSM_SUFFIXES) is None:
        values = {"known": ", ".join(OSM_SUFFIXES)}
        raise InputError(Fault("network-suffix", file=str(out), value=out.suffix, values=values))
    check_download(out, overwrite=overwrite)


def check_download(out: Path, *, overwrite: bool) -> None:
    """Refuse to replace road data, or any at all that plugspan hasn't downloaded itself.

    Raises
    ------
    OutputExistsError
        As :func:`plugspan.atomic.check_file`.
    """
    check_file(out, overwrite=overwrite, ours=_downloaded, key="download-exists")


def _downloaded(path: Path) -> bool:
    """Whether a file of road data says in its header that plugspan has written it."""
    try:
        with osmium.io.Reader(osm_file(path)) as reader:
            return str(reader.header().get("generator")).startswith("plugspan")
    except (RuntimeError, ValueError, OSError):
        return False


# -- regions by name ---------------------------------------------------------------------------------------
def find_region(
    name: str,
    *,
    cache_dir: str | Path,
    nominatim: str | None = None,
    halo_m: float = HALO_M,
    retries: int = 5,
    timeout_s: float = 60.0,
    log: Callable[[str], None] | None = None,
    lang: str = "en",
    sleep: Callable[[float], None] = time.sleep,
) -> Region:
    """Look up a region by its name ("Zhuzhou, Hunan, China"); parameters as in :func:`fetch_osm`.

    Raises
    ------
    NetworkError
        If the service cannot be reached, or knows no area of that name.
    """
    client = Client(Path(cache_dir), retries, timeout_s, log or (lambda _line: None), lang, sleep)
    return geocode_region(name, client=client, nominatim=nominatim, halo_m=halo_m)


def geocode_region(
    name: str, *, client: Client, nominatim: str | None = None, halo_m: float = HALO_M
) -> Region:
    """Look up a region by its name; the first result that has an area counts.

    Raises
    ------
    NetworkError
        If the service cannot be reached, or knows no area of that name.
    """
    address = (nominatim or _setting("nominatim_url")).rstrip("/") + "/search"
    wanted = {"q": name, "format": "json", "polygon_geojson": "1", "limit": "10", "dedupe": "0"}
    client.log("geocode", name=name)
    file = client.ask(address, cache_name(".json", address, name), _check_json, params=wanted)
    for found in json.loads(file.read_bytes()):
        area = _area_of(found)
        if area is not None:
            shown = "".join(c for c in str(found.get("display_name", name))[:200] if c.isprintable())
            client.log("found", name=shown)
            return Region(area, halo_m, name)
    raise NetworkError("download-no-area", name=name)


def _check_json(body: bytes) -> None:
    """Refuse an answer that is no list of results."""
    if len(body) > MOST_JSON_MB * 1_000_000:
        raise UnusableAnswerError(f"> {MOST_JSON_MB} MB")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswerError("JSON") from error
    if not isinstance(answer, list) or not all(isinstance(found, dict) for found in answer):
        raise UnusableAnswerError("JSON")


def _area_of(found: dict[str, Any]) -> BaseGeometry | None:
    """Area of a search result, or None."""
    try:
        area = shapely.make_valid(json_shape(found["geojson"]))
    except (KeyError, ValueError):
        return None
    return area if area.geom_type in {"Polygon", "MultiPolygon"} and not area.is_empty else None


# -- tiles -------------------------------------------------------------------------------------------------
def tiles(polygon: BaseGeometry, tile_km: float = TILE_KM) -> list[Box]:
    """Boxes (west, south, east, north, degrees) of about this width that together cover a polygon."""
    west, south, east, north = polygon.bounds
    middle = np.radians((south + north) / 2)
    columns = max(1, int(np.ceil((east - west) * _KM_PER_DEGREE * np.cos(middle) / tile_km)))
    rows = max(1, int(np.ceil((north - south) * _KM_PER_DEGREE / tile_km)))
    x, y = np.linspace(west, east, columns + 1), np.linspace(south, north, rows + 1)
    boxes = [
        (float(x[i]), float(y[j]), float(x[i + 1]), float(y[j + 1]))
        for j in range(rows)
        for i in range(columns)
    ]
    shapely.prepare(polygon)
    return [box for box in boxes if polygon.intersects(shapely.box(*box))]


def quarters(box: Box) -> list[Box]:
    """Four boxes that make up one."""
    west, south, east, north = box
    x, y = (west + east) / 2, (south + north) / 2
    return [(west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north)]


def overpass_query(box: Box, timeout_s: float) -> str:
    """Query (Overpass QL, answer as OSM XML) for roads, ferries and features in a box, with all their nodes.

    Of administrative boundaries only counties and below (``admin_level`` 5 and more) are asked for: a
    province or a country would drag in its whole outline.
    """
    west, south, east, north = box
    wanted = [f'way["highway"~"^({"|".join(sorted(DRIVABLE))})$"];', 'way["route"~"ferry"];']
    for key, values in TAGS.items():
        level = '["admin_level"~"^([5-9]|1[0-2])$"]' if key == "boundary" else ""
        kind = "rel" if key == "boundary" else "way" if key == "waterway" else "nwr"
        wanted.append(f'{kind}["{key}"~"^({"|".join(values)})$"]{level};')
    wanted += [f'nwr["{key}"];' for key in KEYS]
    where = f"[bbox:{south:.7f},{west:.7f},{north:.7f},{east:.7f}]"
    return f"[out:xml][timeout:{timeout_s:.0f}]{where};({''.join(wanted)});(._;>;);out body;"


class _TooMuchError(Exception):
    """The server gave up on a tile: it ran out of time or memory."""


def _check_xml(body: bytes) -> None:
    """Refuse an answer that is cut off, that is no OSM data, or that says the query failed."""
    if b"<remark>" in body[-20_000:]:
        raise _TooMuchError
    if not body.rstrip().endswith(b"</osm>"):
        raise UnusableAnswerError("XML")
    try:
        for _ in osmium.FileProcessor(osmium.io.FileBuffer(body, "osm")):
            pass
    except RuntimeError as error:
        raise UnusableAnswerError("XML") from error


def _fetch_tile(client: Client, address: str, box: Box, splits: int) -> list[Path]:
    """Files that hold a tile: one, or more if the server could not do it at once."""
    query = overpass_query(box, client.timeout_s)
    name = cache_name(".osm", address, query)
    try:
        file = client.ask(f"{address}/interpreter", name, _check_xml, data={"data": query})
    except _TooMuchError as error:
        if not splits:
            raise NetworkError("download-too-much") from error
    except NetworkError as error:
        if not splits or error.key != "download-too-large":
            raise
    else:
        return [file]
    client.log("split")
    return [f for part in quarters(box) for f in _fetch_tile(client, address, part, splits - 1)]


# -- one file ----------------------------------------------------------------------------------------------
def _join(files: list[Path], out: Path, overwrite: bool) -> None:
    """Write the objects of all files once, sorted, and put the file in its place when it is complete."""
    merged = osmium.MergeInputReader()
    header = osmium.io.Header()
    header.set("generator", "plugspan")
    with write_file(out, overwrite=overwrite, ours=_downloaded, is_input=True) as part:
        with osm_faults(out):
            for file in files:
                merged.add_file(str(file))
            with osmium.SimpleWriter(osm_file(part), overwrite=True, header=header) as writer:
                merged.apply(writer, simplify=True)
        _check_roads(part)


def _check_roads(part: Path) -> None:
    """Refuse a download without roads."""
    try:
        read_roads(part, None)
    except InputError as error:
        raise NetworkError("download-no-roads") from error
