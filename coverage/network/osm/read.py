"""Ways and their nodes through osmium: any format, any order of objects, any ids.

This is the plain reader. :mod:`.pbf` gives the same for ordinary PBF files in a fraction of the time.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import osmium

from .files import osm_faults, osm_items
from .tags import is_candidate
from .ways import NO_COORDINATE, WAY_KEYS, Coded, Ways, assemble


class _Codes:
    """Number the different values of one tag in order of appearance."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        self.codes = array("i")

    def add(self, value: str | None) -> None:
        """Append the code of one way's value."""
        if value is None:
            self.codes.append(-1)
        else:
            self.codes.append(self.number.setdefault(value, len(self.number)))

    def coded(self) -> Coded:
        """All codes and values."""
        return Coded(np.array(self.codes, dtype=np.int32), list(self.number))


def read_ways(path: Path) -> Ways:
    """Read the ways that may be roads or ferries, and the nodes they use.

    Deleted objects are skipped; of several versions of an object the last in the file counts.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or not what its suffix says.
    """
    node_id, x, y = array("q"), array("i"), array("i")
    way_id, counts, ref = array("q"), array("q"), array("q")
    n_seen = 0
    columns = {key: _Codes() for key in WAY_KEYS}
    tagged = osmium.filter.KeyFilter("highway", "route")
    tagged.enable_for(osmium.osm.WAY)
    with osm_faults(path):
        wanted = osmium.osm.NODE | osmium.osm.WAY
        for item in osm_items(path, wanted, tagged):
            if item.is_node():
                place = item.location
                known = place.valid()
                node_id.append(item.id)
                x.append(place.x if known else NO_COORDINATE)
                y.append(place.y if known else NO_COORDINATE)
            else:
                tags = item.tags
                n_seen += 1
                if not is_candidate(tags.get("highway"), tags.get("route")):
                    continue
                way_id.append(item.id)
                before = len(ref)
                ref.extend(node.ref for node in item.nodes)
                counts.append(len(ref) - before)
                for key, column in columns.items():
                    column.add(tags.get(key))
    return assemble(
        np.array(way_id, dtype=np.int64),
        np.array(counts, dtype=np.int64),
        np.array(ref, dtype=np.int64),
        {key: column.coded() for key, column in columns.items()},
        (np.array(node_id, np.int64), np.array(x, np.int32), np.array(y, np.int32)),
        n_seen=n_seen,
    )
