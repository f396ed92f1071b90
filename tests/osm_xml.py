"""Hand-made OSM files for tests: nodes by name on a grid of about 100 m."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import osmium

STEP_DEG = 0.001


def node(osm_id, x, y, **tags):
    """A node x and y grid steps (0.001 degrees) east and north of (10, 50)."""
    return osm_id, 10 + x * STEP_DEG, 50 + y * STEP_DEG, {k.replace("__", ":"): v for k, v in tags.items()}


def _tags(tags):
    return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())


def osm_xml(nodes=(), ways=(), relations=(), *, ways_first=False):
    """OSM XML of nodes (id, lon, lat, tags), ways (id, refs, tags), relations (id, members, tags)."""
    drawn = [f'<node id="{i}" lon="{x:.7f}" lat="{y:.7f}">{_tags(t)}</node>' for i, x, y, t in nodes]
    lines = [
        f'<way id="{i}">' + "".join(f'<nd ref="{r}"/>' for r in refs) + _tags(t) + "</way>"
        for i, refs, t in ways
    ]
    groups = [
        f'<relation id="{i}">'
        + "".join(f'<member type="{a}" ref="{b}" role="{c}"/>' for a, b, c in members)
        + f"{_tags(t)}</relation>"
        for i, members, t in relations
    ]
    body = lines + drawn if ways_first else drawn + lines
    return '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">' + "\n".join(body + groups) + "</osm>"


def write_osm(path, nodes=(), ways=(), relations=(), **options):
    """Write an .osm file, or by the suffix what osmium makes of it; return the path."""
    text = osm_xml(nodes, ways, relations, **options)
    if path.suffix == ".osm":
        path.write_text(text, "utf-8")
        return path
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for item in osmium.FileProcessor(osmium.io.FileBuffer(text.encode(), "osm")):
            writer.add(item)
    return path


def drives(graph):
    """What can be driven, without ids of ways: (from, to, attributes, length, vertices), sorted."""
    columns = ("highway", "ref", "name", "junction", "ferry", "bridge", "tunnel")
    rows = [[str(v) for v in row] for row in graph.segments[list(columns)].astype(object).to_numpy()]
    found = []
    for segment, back in zip(graph.edge_segment.tolist(), graph.edge_reversed.tolist(), strict=True):
        u, v = graph.node_id[graph.seg_u[segment]], graph.node_id[graph.seg_v[segment]]
        xy = graph.xy[graph.seg_ptr[segment] : graph.seg_ptr[segment + 1]].tolist()
        shape = (int(v), int(u), xy[::-1]) if back else (int(u), int(v), xy)
        found.append((*shape[:2], rows[segment], round(float(graph.seg_length_m[segment]), 6), shape[2]))
    return sorted(found)


def ends(graph):
    """Node ids of the directed edges, sorted."""
    ids = graph.node_id
    return sorted(zip(ids[graph.edge_u].tolist(), ids[graph.edge_v].tolist(), strict=True))
