"""T/CEC 102: what Chinese operators and supervisory platforms answer to ``query_stations_info``."""

from __future__ import annotations

from collections.abc import Iterable

from ..cells import open_always
from .engine import Format, Part, Record, elements, number

_CONNECTORS = {"1": "家用插座", "2": "GB/T 20234.2", "3": "GB/T 20234.2", "4": "GB/T 20234.3", "5": "无线"}
_CURRENT_OF_CONNECTOR = {"1": "ac", "2": "ac", "3": "ac", "4": "dc"}
_CURRENT_OF_EQUIPMENT = {"1": "dc", "2": "ac"}


def _points(record: Record) -> Iterable[Part]:
    """A connector is a charge point; those of one pile share the pile's power."""
    always = open_always(record.get("BusineHours"))
    for pile in elements(record, "EquipmentInfos"):
        guns = elements(pile, "ConnectorInfos")
        power = number(pile.get("Power"), "EquipmentInfos.Power")
        for gun in guns:
            kind = str(gun.get("ConnectorType", ""))
            yield {
                "point_kw": number(gun.get("Power"), "ConnectorInfos.Power") or None,
                "pool_kw": power / len(guns) if power else None,
                "current": _CURRENT_OF_CONNECTOR.get(
                    kind, _CURRENT_OF_EQUIPMENT.get(str(pile.get("EquipmentType")))
                ),
                "connector": _CONNECTORS.get(kind),
                "open_24h": always,
            }


FORMATS = (
    Format(
        name="T/CEC 102",
        table="chargers",
        marks=(frozenset({"StationID", "StationLng", "StationLat"}),),
        where=("?Data", "?StationInfos", "*"),
        fields={
            "id": "StationID",
            "name": "StationName",
            "operator": "OperatorID",
            "lon": "StationLng",
            "lat": "StationLat",
            "status": "StationStatus",
            "access": "StationType",
            "note": ("Remark", "Address"),
        },
        values={
            # 0 未知, 1 建设中, 5 关闭下线, 6 维护中, 50 正常使用; supervisory platforms add 51 歇业
            "status": {
                "0": None,
                "1": "under_construction",
                "5": "out_of_order",
                "6": "out_of_order",
                "50": "operational",
                "51": "out_of_order",
            },
            # 1 公共, 50 个人, 100 公交, 101 环卫, 102 物流, 103 出租车 (all for their own), 255 其他; supervisory
            # platforms add 104 分时租赁, 105 小区共享, 106 单位, 107 私人共享, all for their own, too
            "access": {
                "1": "public",
                **dict.fromkeys(("50", *map(str, range(100, 108))), "restricted"),
                "255": None,
            },
        },
        parts=_points,
        part_fields={
            "points": "ConnectorInfos",
            "point_kw": "ConnectorInfos.Power",
            "pool_kw": "EquipmentInfos.Power",
            "current": "ConnectorType",
            "connector": "ConnectorInfos.ConnectorType",
            "open_24h": "BusineHours",
        },
        datum="gcj02",
        unique="StationID",
        total="ItemSize",
    ),
)
