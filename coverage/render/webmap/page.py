"""The page: folium makes the map, everything else is put around it as constants, the data as JSON.

Folium and branca compile what they render a second time as a template, so data must never pass through
them: a name with braces would run. Here only constants do. Data are spliced in afterwards, as JSON with
``<``, ``>`` and ``&`` escaped, and read by scripts that write text, never markup. A Content-Security-Policy
with a hash for each script forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import folium

from ...project import tile_hosts
from ...texts import LANGUAGES, text
from .payload import Basemap

SCRIPTS = (
    "base.js",
    "symbols.js",
    "dense.js",
    "clusters.js",
    "layers.js",
    "names.js",
    "keys.js",
    "panels.js",
    "plan.js",
    "regions.js",
    "gap_ids.js",
    "edit_roads.js",
    "edit_core.js",
    "edit_complete.js",
    "edit.js",
    "edit_map.js",
    "edit_panel.js",
    "tools.js",
    "main.js",
)
_VENDORED = {
    "vendor:leaflet.js": "vendor/leaflet/leaflet.js",
    "vendor:leaflet.css": "vendor/leaflet/leaflet.css",
}
_N_SCRIPTS = 4  # Leaflet, folium's switches, folium's map, ours


class OfflineMap(folium.Map):
    """A folium map whose only assets are the vendored Leaflet."""

    default_js = [("leaflet", "vendor:leaflet.js")]  # noqa: RUF012 (folium's attribute)
    default_css = [("leaflet_css", "vendor:leaflet.css")]  # noqa: RUF012


def asset(path: str) -> str:
    """Text of a file that travels with the package."""
    return (resources.files("plugspan.render") / path).read_text("utf-8")


def _script(path: str) -> str:
    code = re.sub(r"//# sourceMappingURL=.*", "", asset(path))
    if "</script" in code or "<!--" in code:
        raise ValueError(f"{path} cannot stand inside a page")
    return code


def _vendored_script(match: re.Match[str]) -> str:
    path = _VENDORED[match.group(1)]
    licence = asset(f"{path.rsplit('/', 1)[0]}/LICENSE").replace("*/", "* /")
    return f"<script>/*\n{licence}*/\n{_script(path)}</script>"


def _vendored_style(match: re.Match[str]) -> str:
    # Leaflet's pictures (default markers, layer button) are not used.
    return "<style>" + re.sub(r"url\((?!#)[^)]*\)", "none", asset(_VENDORED[match.group(1)])) + "</style>"


def render_shell() -> str:
    """Return the page without data: a constant, the same for every map."""
    figure = OfflineMap(
        [0, 0], zoom_start=3, tiles=None, zoom_control=False, attributionControl=False, maxZoom=18, minZoom=3,
        zoomSnap=0.5, wheelPxPerZoomLevel=90, fadeAnimation=False,
    ).get_root()  # fmt: skip
    page = re.sub(r"\bmap_[0-9a-f]{32}\b", "map_1", figure.render())
    page = re.sub(r'<script src="([^"]*)"></script>', _vendored_script, page)
    page = re.sub(r'<link rel="stylesheet" href="([^"]*)"\s*/>', _vendored_style, page)
    page = re.sub(
        r'<meta name="viewport".*?/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        page,
        flags=re.S,
    )
    body = re.search(r"<body>(.*?)</body>\s*<script>(.*?)</script>\s*</html>", page, flags=re.S)
    if body is None:
        raise ValueError("folium renders pages in another form than this version of plugspan knows")
    own = "(function () {\n" + "\n".join(_script(f"web/{name}") for name in SCRIPTS) + "\n})();"
    shell = asset("web/shell.html").replace("<!--map-->", body.group(1).strip())
    needs_script = " ".join(html.escape(text("map.no-script", lang)) for lang in LANGUAGES)
    shell = shell.replace("<!--no-script-->", needs_script)
    tail = f"<!--data-->\n<script>{body.group(2)}</script>\n<script>{own}</script>\n</body>\n</html>\n"
    head = page[: body.start()].replace("</head>", f"<style>{asset('web/map.css')}</style>\n</head>")
    return f"{head}<body>\n{shell}\n{tail}"


def json_block(block_id: str, value: Mapping[str, Any]) -> str:
    """Return a JSON block that cannot end or become markup, whatever the data say."""
    code = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        code = code.replace(character, f"\\u{ord(character):04x}")
    # Lone surrogates (broken input) cannot be written as UTF-8.
    code = code.encode("utf-8", "replace").decode("utf-8")
    return f'<script type="application/json" id="{block_id}">{code}</script>'


def content_policy(page: str, basemap: Basemap | None) -> str:
    """Return the Content-Security-Policy of a page that holds no data yet: a hash for each script."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    if len(scripts) != _N_SCRIPTS or page.count("<script") != _N_SCRIPTS:
        raise ValueError(f"the page holds {len(scripts)} scripts, {_N_SCRIPTS} are meant")
    styles = re.findall(r"<style>(.*?)</style>", page, flags=re.S)
    images = " ".join(["data:", "blob:", *(tile_hosts(basemap.url, basemap.subdomains) if basemap else ())])
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; img-src {images}; "
        "worker-src blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(codes: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in codes)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def assemble(
    blocks: Mapping[str, Mapping[str, Any]], *, lang: str, title: str, basemap: Basemap | None
) -> str:
    """Return the whole page."""
    shell = render_shell()
    policy = f'<meta http-equiv="Content-Security-Policy" content="{content_policy(shell, basemap)}">'
    marks = '<meta charset="utf-8">\n<meta name="generator" content="plugspan">'
    head = f"<head>\n{marks}\n{policy}\n<title>{html.escape(title)}</title>"
    shell = shell.replace("<html>", f'<html lang="{text("language.html", lang)}">', 1).replace(
        "<head>", head, 1
    )
    before, after = shell.split("<!--data-->")
    return before + "\n".join(json_block(key, value) for key, value in blocks.items()) + after
