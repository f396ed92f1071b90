"""France, schema IRVE statique 2.x and 3.0: a row is a charge point (``nbre_pdc`` counts those of its station)."""

from __future__ import annotations

from collections.abc import Iterable

from ..cells import open_always
from .engine import Format, Part, Record

_PLUGS = {
    "prise_type_ef": "E/F",
    "prise_type_2": "Type 2",
    "prise_type_combo_ccs": "CCS2",
    "prise_type_chademo": "CHAdeMO",
    "prise_type_mcs": "MCS",
}
_DIRECT = ("prise_type_combo_ccs", "prise_type_chademo", "prise_type_mcs", "courant_dc")
_ALTERNATING = ("prise_type_ef", "prise_type_2", "courant_ac")


def _yes(record: Record, names: Iterable[str]) -> bool:
    return any(str(record.get(name, "")).strip().casefold() in ("true", "1", "oui", "vrai") for name in names)


def _point(record: Record) -> Iterable[Part]:
    yield {
        "current": "dc" if _yes(record, _DIRECT) else "ac" if _yes(record, _ALTERNATING) else None,
        "connector": " ".join(name for field, name in _PLUGS.items() if _yes(record, (field,))) or None,
        "open_24h": open_always(record.get("horaires")),
    }


FORMATS = (
    Format(
        name="IRVE",
        table="chargers",
        marks=(
            frozenset({"id_pdc_itinerance", "puissance_nominale", "coordonneesXY"}),
            frozenset({"id_pdc_itinerance", "puissance_nominale_kw", "station_longitude"}),
        ),
        fields={
            "id": "id_pdc_itinerance",
            "name": "nom_station",
            "operator": ("nom_operateur", "nom_enseigne", "nom_amenageur"),
            "position": "coordonneesXY",
            "lon": "station_longitude",
            "lat": "station_latitude",
            "point_kw": ("puissance_nominale_kw", "puissance_nominale"),
            "access": "condition_acces",
            "opened": "date_mise_en_service",
            "note": "adresse_station",
        },
        values={
            "access": {
                "Accès libre": "public",
                "Accès réservé": "restricted",
                "Acces libre": "public",
                "Acces reserve": "restricted",
            }
        },
        keep={"station_deux_roues": frozenset({"false", "0", "non", "faux", ""})},
        parts=_point,
        part_fields={
            "points": "id_pdc_itinerance",
            "current": "prise_type",
            "connector": "prise_type_*",
            "open_24h": "horaires",
        },
        unique="id_pdc_itinerance",
        each_point=True,
    ),
)
