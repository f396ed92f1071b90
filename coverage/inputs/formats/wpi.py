"""World Port Index (NGA, publication 150): ports. The tonnage of their berths is not in it, and so unknown."""

from __future__ import annotations

from .engine import Format

FORMATS = (
    Format(
        name="World Port Index",
        table="berths",
        marks=(
            frozenset({"World Port Index Number", "Main Port Name", "Latitude", "Longitude"}),
            frozenset({"INDEX_NO", "PORT_NAME", "LATITUDE", "LONGITUDE"}),
        ),
        fields={
            "id": ("World Port Index Number", "INDEX_NO"),
            "name": ("Main Port Name", "PORT_NAME"),
            "port": ("Main Port Name", "PORT_NAME"),
            "lon": ("Longitude", "LONGITUDE"),
            "lat": ("Latitude", "LATITUDE"),
            "class_t": "Design Class",
        },
        unique="World Port Index Number",
    ),
)
