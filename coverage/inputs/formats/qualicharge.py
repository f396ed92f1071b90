"""France, Qualicharge: exports of stations along the TEN-T network for AFIR."""

from __future__ import annotations

from .engine import Format

FORMATS = (
    Format(
        name="Qualicharge AFIR",
        table="chargers",
        marks=(frozenset({"id_station", "operateur", "p_max", "p_cum"}),),
        fields={
            "id": "id_station",
            "operator": ("operateur", "amenageur"),
            "lon": ("longitude", "lon"),
            "lat": ("latitude", "lat"),
            "point_kw": "p_max",
            "pool_kw": "p_cum",
            "points": ("nb_pdc", "nbre_pdc"),
        },
        unique="id_station",
    ),
)
