"""The plan as a folium map, for notebooks: the same layers, styles and words as the page, and open to more layers."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from typing import Any

import folium
import geopandas as gpd
import numpy as np

from ...tables.layer import Category, Layer
from .page import asset
from .payload import cell_writer

_LAYERS_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 26 26' fill='none' stroke='%23444' "
    "stroke-width='1.6'%3E%3Cpath d='M3 9l10-5 10 5-10 5zM3 13l10 5 10-5M3 17l10 5 10-5'/%3E%3C/svg%3E"
)
"""In the place of Leaflet's picture, which would lie beside its style sheet."""


def _data_address(path: str, kind: str) -> str:
    content = re.sub(r"url\(images/layers[^)]*\)", f'url("{_LAYERS_ICON}")', asset(path))
    return f"data:{kind};base64,{base64.b64encode(content.encode()).decode()}"


class NotebookMap(folium.Map):
    """A folium map that carries its own Leaflet, so that the plan's layers show without internet.

    What further folium plugins need is loaded from where folium loads it.
    """

    default_js = [  # noqa: RUF012 (folium's attribute)
        ("leaflet", _data_address("vendor/leaflet/leaflet.js", "text/javascript")),
        *(each for each in folium.Map.default_js if each[0] != "leaflet"),
    ]
    default_css = [  # noqa: RUF012
        ("leaflet_css", _data_address("vendor/leaflet/leaflet.css", "text/css")),
        *(each for each in folium.Map.default_css if each[0] != "leaflet_css"),
    ]


def folium_map(layers: Sequence[Layer], *, lang: str, tiles: str | None = None) -> NotebookMap:
    """Return the layers as a folium map with a layer control; those of the state afterwards are switched off.

    Parameters
    ----------
    layers : sequence of Layer
        Lowest first.
    lang : str
    tiles : str, optional
        As :class:`folium.Map` knows them.
    """
    figure = NotebookMap(tiles=tiles, prefer_canvas=True, control_scale=True)
    bounds = []
    for layer in layers:
        usable = ~(layer.frame.geometry.isna() | layer.frame.geometry.is_empty).to_numpy(bool)
        if not usable.any():
            continue
        shown = layer.visible and layer.phase != "after"
        group = folium.FeatureGroup(_safe(layer.title(lang)), show=shown)
        _features(layer, np.flatnonzero(usable), lang).add_to(group)
        group.add_to(figure)
        if shown and layer.group != "background":
            bounds.append(layer.frame.total_bounds)
    folium.LayerControl(collapsed=True).add_to(figure)
    if bounds:
        west, south = np.nanmin(bounds, axis=0)[:2].tolist()
        east, north = np.nanmax(bounds, axis=0)[2:].tolist()
        figure.fit_bounds([[south, west], [north, east]])
    return figure


def _features(layer: Layer, usable: np.ndarray, lang: str) -> folium.GeoJson:
    frame = layer.frame.iloc[usable]
    columns = layer.popup_columns
    cells = {
        f"c{i}": [_safe(cell_writer(layer, column, lang)(value)) for value in frame[column.name]]
        for i, column in enumerate(columns)
    }
    table = gpd.GeoDataFrame(
        {**cells, "category": layer.category_index()[usable]}, geometry=list(frame.geometry), crs=frame.crs
    )
    categories = layer.style.categories

    def style(feature: dict[str, Any]) -> dict[str, Any]:
        k = int(feature["properties"]["category"])
        return _style(categories[k], layer.style.kind) if k >= 0 else {"stroke": False, "fill": False}

    popup = None
    if columns:
        labels = [_safe(column.label(lang)) for column in columns]
        popup = folium.GeoJsonPopup(list(cells), aliases=labels, max_width=420)
    marker = folium.CircleMarker() if layer.style.kind == "point" else None
    return folium.GeoJson(table, style_function=style, popup=popup, marker=marker, embed=True)


def _style(category: Category, kind: str) -> dict[str, Any]:
    """A category as Leaflet's path options."""
    style: dict[str, Any] = {"color": category.edge or category.colour, "opacity": category.opacity}
    if kind == "line":
        return style | {
            "weight": category.width,
            "dashArray": " ".join(f"{d:g}" for d in category.dash) or None,
        }
    style |= {"fillColor": category.colour, "fill": category.fill, "fillOpacity": category.opacity}
    if kind == "point":
        return style | {"radius": max(category.width / 2, 3.0), "weight": 1.5}
    return style | {"weight": category.width}


def _safe(words: str) -> str:
    """A text that is neither markup in a popup nor a template in folium, whatever the data say."""
    return html.escape(words).replace("{", "&#123;").replace("}", "&#125;")
