"""Native formats: small files made from their schemas, read without a converter, every record accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from plugspan.errors import Diagnostics, InputError
from plugspan.inputs import BERTHS, CHARGERS, FACILITIES, group_sites, read_table
from plugspan.inputs.formats import all_formats
from plugspan.schema import TableSchema


def read(tmp_path: Path, name: str, content, schema: TableSchema = CHARGERS, **options):
    """(table, notes) of a file with this content: text, or what becomes JSON."""
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")
    notes = Diagnostics()
    return read_table(path, schema, notes=notes, **options), notes


def refused(tmp_path: Path, name: str, content, schema: TableSchema = CHARGERS):
    """Faults of a file that is refused."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, name, content, schema)
    return caught.value.faults


def counts(notes) -> tuple[int, int, int]:
    """(records read, left out, rows made) as the notes say."""
    done = next(note for note in notes if note.key == "format-read")
    out = sum(n.values["n"] for n in notes if n.key in ("format-left-out", "format-twice"))
    return done.values["n"], out, done.values["rows"]


def cec_station(**more):
    """A station of two fast piles of two guns each, which share 180 kW, and a slow one."""
    fast = {
        "EquipmentType": 1,
        "Power": 180,
        "ConnectorInfos": [
            {"ConnectorID": "g", "ConnectorType": 4, "Power": 120},
            {"ConnectorID": "h", "ConnectorType": 4, "Power": 120},
        ],
    }
    slow = {
        "EquipmentType": 2,
        "Power": 7,
        "ConnectorInfos": [{"ConnectorID": "i", "ConnectorType": 3, "Power": 7}],
    }
    return {"StationID": "S1", "OperatorID": "MA0000001", "StationName": "甲站", "StationType": 1, "StationStatus": 50,
            "Construction": 11, "StationLng": 113.15, "StationLat": 27.83, "BusineHours": "周一至周日00:00-24:00",
            "EquipmentInfos": [fast, fast, slow], **more}  # fmt: skip


def cec(*stations):
    return {
        "Ret": 0,
        "Msg": "",
        "Data": {"PageNo": 1, "PageCount": 1, "ItemSize": 9, "StationInfos": list(stations)},
    }


def test_cec_102_counts_guns_and_shares_the_power_of_a_pile(tmp_path):
    """Four guns of 120 kW on two piles of 180 kW, and one of 7 kW; its position is GCJ-02 by the standard."""
    table, notes = read(tmp_path, "stations.json", cec(cec_station()))
    assert table["id"].tolist() == ["S1", "S1-2"]
    assert table["points"].tolist() == [4, 1]
    assert table["point_kw"].tolist() == [120.0, 7.0]
    assert table["pool_kw"].tolist() == [360.0, 7.0]
    assert table["current"].tolist() == ["dc", "ac"]
    assert table["access"].tolist() == ["public", "public"]
    assert table["open_24h"].tolist() == [True, True]
    assert table.attrs["datum"] == "gcj02"
    assert table.geometry.x.iloc[0] == pytest.approx(113.1446, abs=1e-3)  # some 550 m west of what is written
    assert counts(notes) == (1, 0, 2)
    _, sites = group_sites(table)
    assert sites["points"].tolist() == [5]


def test_cec_102_says_what_states_mean_and_leaves_out_what_comes_again(tmp_path):
    """0 unknown, 1 being built, 5, 6 and 51 closed, 50 in use; a station on two pages counts once."""
    stations = [cec_station(StationID=f"S{code}", StationStatus=code) for code in (0, 1, 5, 6, 51, 50, 50)]
    table, notes = read(tmp_path, "a.json", cec(*stations))
    status = table.drop_duplicates("source_row")["status"]
    assert [None if pd.isna(s) else s for s in status] == [
        None, "under_construction", *["out_of_order"] * 3, "operational"]  # fmt: skip
    assert counts(notes) == (7, 1, 12)


def test_cec_102_types_of_stations_are_public_or_for_their_own(tmp_path):
    """1 is public; persons, fleets, residents and firms (50, 100 to 107) are for their own; 255 says nothing."""
    codes = (1, 50, 100, 103, 104, 105, 106, 107, 255)
    table, _ = read(tmp_path, "a.json", cec(*(cec_station(StationID=f"S{c}", StationType=c) for c in codes)))
    access = table.drop_duplicates("source_row")["access"]
    assert [None if pd.isna(a) else a for a in access] == ["public", *["restricted"] * 7, None]


def test_a_page_of_several_is_told(tmp_path):
    """ItemSize says 9 stations, the page holds one: the others are in files that are not there."""
    _, notes = read(tmp_path, "a.json", cec(cec_station()))
    told = [note for note in notes if note.key == "format-incomplete"]
    assert [(note.values["n"], note.values["total"]) for note in told] == [(1, 9)]
    whole = cec(cec_station())
    whole["Data"]["ItemSize"] = 1
    _, notes = read(tmp_path, "b.json", whole)
    assert not [note for note in notes if note.key == "format-incomplete"]


def test_cec_102_datum_of_the_project_is_stronger(tmp_path):
    """A platform that gives WGS 84 is read so if the project says so."""
    table, _ = read(tmp_path, "a.json", cec(cec_station()), datum="wgs84")
    assert table.geometry.x.iloc[0] == 113.15


@pytest.mark.parametrize(
    ("wrong", "key", "column"),
    [
        ({"EquipmentInfos": "none"}, "format-element", "EquipmentInfos"),
        ({"EquipmentInfos": [3]}, "format-element", "EquipmentInfos"),
        (
            {"EquipmentInfos": [{"ConnectorInfos": [{"Power": "fast"}]}]},
            "format-element",
            "ConnectorInfos.Power",
        ),
        ({"EquipmentInfos": [{"ConnectorInfos": [{"Power": -1}]}]}, "format-element", "ConnectorInfos.Power"),
        (
            {"EquipmentInfos": [{"ConnectorInfos": [{"Power": 1e400}]}]},
            "format-element",
            "ConnectorInfos.Power",
        ),
        ({"StationName": {"zh": "x"}}, "format-element", "StationName"),
        ({"StationLng": "east"}, "degrees-unreadable", "StationLng"),
        ({"StationStatus": 99}, "choice-unknown", "StationStatus"),
        ({"StationLng": 27.83, "StationLat": 113.15}, "position-swapped", None),
    ],
)
def test_what_is_wrong_is_named_by_file_record_field_and_value(tmp_path, wrong, key, column):
    """Two good stations and a bad one: the fault names the third record and the field of the file."""
    good = [cec_station(StationID=str(i)) for i in range(2)]
    faults = refused(tmp_path, "bad.json", cec(*good, cec_station(StationID="9", **wrong)))
    assert [(f.key, f.row, f.column) for f in faults] == [(key, 4, column)]
    assert all(fault.render(lang) for fault in faults for lang in ("zh", "en"))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"Data": ' * 60_000 + "1" + "}" * 60_000,
        '{"Data": {"StationInfos": [7, "x", null]}}',
        '{"Data": "ciphertext", "Ret": 0}',
        '{"pois": {"typecode": 1}}',
        "[]",
        "null",
        '[{"a": 1}]',
        '{"payload": []}',
        '{"number": ' + "9" * 6000 + "}",
    ],
)
def test_json_of_other_kinds_is_refused_with_a_remedy(tmp_path, content):
    """Nested, numbers without end, ciphertext, other things: one fault each, in both languages."""
    for fault in refused(tmp_path, "other.json", content):
        assert fault.render("zh") != fault.render("en")


def test_amap_takes_charging_and_leaves_out_the_rest(tmp_path):
    """Of charging, bicycles' battery swap and a filling station one is a charger; empty lists are empty cells."""

    def poi(i, code):
        return {"id": f"B{i}", "name": f"站{i}", "typecode": code, "location": f"113.1{i},27.8{i}", "adname": "天元区",
                "address": [], "tel": []}  # fmt: skip

    content = {"status": "1", "count": "4", "pois": [poi(0, "011100"), poi(1, "011103"), poi(2, "010101"),
                                                      poi(3, "011100|150900")]}  # fmt: skip
    table, notes = read(tmp_path, "pois.json", content)
    assert table["id"].tolist() == ["B0", "B3"]
    assert table["county"].tolist() == ["天元区", "天元区"]
    assert table["note"].isna().all()
    assert table.attrs["datum"] == "gcj02"
    assert counts(notes) == (4, 2, 2)
    fuel, _ = read(tmp_path, "pois.json", content, FACILITIES)
    assert fuel["kind"].tolist() == ["fuel"]


def test_amap_as_geojson_is_gcj_02_though_geojson_is_wgs_84(tmp_path):
    """The points of a GeoJSON of AMap are moved as those of its JSON are."""
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [113.15, 27.83]},
               "properties": {"id": "B1", "name": "站", "typecode": "011100", "adname": "天元区"}}  # fmt: skip
    table, _ = read(tmp_path, "p.geojson", {"type": "FeatureCollection", "features": [feature]})
    plain, _ = read(tmp_path, "q.json", {"pois": [{**feature["properties"], "location": "113.15,27.83"}]})
    assert table.geometry.iloc[0].distance(plain.geometry.iloc[0]) < 1e-9
    assert table.geometry.x.iloc[0] != 113.15


def ocpi(**more):
    def evse(status, *plugs):
        return {"uid": status, "status": status, "connectors": list(plugs)}

    ccs = {"standard": "IEC_62196_T2_COMBO", "power_type": "DC", "max_voltage": 920, "max_amperage": 500,
           "max_electric_power": 300000}  # fmt: skip
    chademo = {"standard": "CHADEMO", "power_type": "DC", "max_voltage": 500, "max_amperage": 125,
               "max_electric_power": 50000}  # fmt: skip
    type2 = {"standard": "IEC_62196_T2", "power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 32}
    return {"country_code": "DE", "party_id": "ABC", "id": "L1", "publish": True, "city": "Aachen",
            "coordinates": {"latitude": "50.779599", "longitude": "6.104507"}, "operator": {"name": "Alpha"},
            "opening_times": {"twentyfourseven": True},
            "evses": [evse("AVAILABLE", ccs, chademo), evse("CHARGING", ccs, chademo), evse("OUTOFORDER", type2),
                      evse("REMOVED", ccs)], **more}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"data": [x], "status_code": 1000}])
def test_ocpi_counts_evses_and_takes_the_strongest_connector(tmp_path, wrap):
    """Two EVSEs of 300 kW with two plugs each, one of 3 × 230 V × 32 A out of order; what is removed is none."""
    table, _ = read(tmp_path, "locations.json", wrap(ocpi()))
    assert table["points"].tolist() == [2, 1]
    assert table["point_kw"].tolist() == [300.0, pytest.approx(22.08)]
    assert table["current"].tolist() == ["dc", "ac"]
    assert table["status"].tolist() == ["operational", "out_of_order"]
    assert table["operator"].tolist() == ["Alpha", "Alpha"]
    assert table["access"].tolist() == ["public", "public"]
    assert table["connector"].iloc[0] == "CHADEMO IEC_62196_T2_COMBO"


IRVE = (
    "nom_operateur,nom_enseigne,id_station_itinerance,nom_station,coordonneesXY,nbre_pdc,id_pdc_itinerance,"
    "puissance_nominale,prise_type_ef,prise_type_2,prise_type_combo_ccs,prise_type_chademo,prise_type_autre,"
    "condition_acces,horaires,station_deux_roues,date_mise_en_service\n"
)


def irve_row(
    station: str, point: str, kw: str, ccs: bool, count: int = 3, two: str = "false", at="[5.796,43.818]"
):
    flags = f"false,{str(not ccs).lower()},{str(ccs).lower()},false,false"
    return f'Op,En,{station},Gare,"{at}",{count},{point},{kw},{flags},Accès libre,24/7,{two},2022-05-01\n'


def test_irve_has_a_row_a_point_and_does_not_add_up_the_stations_count(tmp_path):
    """Two points of 150 kW and one of 22 kW: three points, not nine; motorcycles and a repeated point are left out."""
    rows = [irve_row("P1", "E1", "150", True), irve_row("P1", "E2", "150", True), irve_row("P1", "E3", "22", False),
            irve_row("P2", "E4", "3", False, 1, "true"), irve_row("P1", "E2", "150", True)]  # fmt: skip
    table, notes = read(tmp_path, "irve.csv", IRVE + "".join(rows))
    assert table["points"].tolist() == [1, 1, 1]
    assert table["current"].tolist() == ["dc", "dc", "ac"]
    assert table["connector"].tolist() == ["CCS2", "CCS2", "Type 2"]
    assert table["source_row"].tolist() == [2, 3, 4]
    assert table["access"].tolist() == ["public"] * 3
    assert table["open_24h"].all()
    assert counts(notes) == (5, 2, 3)
    assert not [note for note in notes if note.key == "place-twice"]
    _, sites = group_sites(table)
    assert (sites["points"].tolist(), sites["pool_kw"].tolist()) == ([3], [322.0])


def test_irve_faults_name_the_field_of_the_file(tmp_path):
    """An unreadable power is told by the name of its column in the file, and the row."""
    faults = refused(tmp_path, "irve.csv", IRVE + irve_row("P1", "E1", "fort", True))
    assert [(f.key, f.row, f.column, f.value) for f in faults] == [
        ("number-unreadable", 2, "puissance_nominale", "fort")
    ]


def test_qualicharge_has_the_power_of_a_station_and_of_its_strongest_point(tmp_path):
    """The columns p_max and p_cum are a point's and the station's power; the number of points is unknown."""
    text = "p_max,p_cum,id_station,operateur,amenageur,longitude,latitude\n250.0,4000.0,FRA1,Alpha,Beta,5.8,43.8\n"
    table, notes = read(tmp_path, "export.csv", text)
    assert table[["id", "operator", "point_kw", "pool_kw"]].iloc[0].tolist() == [
        "FRA1",
        "Alpha",
        250.0,
        4000.0,
    ]
    assert table["points"].isna().all()
    assert counts(notes) == (1, 0, 1)


def test_datex_reads_stations_below_sites(tmp_path):
    """Watts become kilowatts; a station's power is shared by its points; a site's operator counts."""

    def point(kind, watt, plug):
        return {"aegiElectricChargingPoint": {"idG": "p", "currentType": {"value": kind}, "connector": [
            {"connectorType": {"value": plug}, "maxPowerAtSocket": watt}]}}  # fmt: skip

    station = {"idG": "ST1", "totalMaximumPower": 300000, "locationReference": {"locPointLocation": {
        "pointByCoordinates": {"pointCoordinates": {"latitude": 50.7796, "longitude": 6.1045}}}},
        "refillPoint": [point("dc", 200000, "iec62196T2COMBO"), point("dc", 200000, "iec62196T2COMBO"),
                        point("ac", 20000, "iec62196T2")]}  # fmt: skip
    site = {"idG": "SI1", "operatingHours": {"afacOpenAllHours": {}}, "operator": {"afacAnOrganisation": {
        "name": {"values": [{"lang": "de", "value": "Alpha"}]}}}, "energyInfrastructureStation": [station]}  # fmt: skip
    content = {"payload": {"aegiEnergyInfrastructureTablePublication": {
        "lang": "de", "energyInfrastructureTable": [{"idG": "T", "energyInfrastructureSite": [site]}]}}}  # fmt: skip
    table, _ = read(tmp_path, "datex.json", content)
    assert table["id"].tolist() == ["ST1", "ST1-2"]
    assert table["points"].tolist() == [2, 1]
    assert table["point_kw"].tolist() == [200.0, 20.0]
    assert table["pool_kw"].sum() == pytest.approx(300.0)
    assert table["operator"].tolist() == ["Alpha", "Alpha"]
    assert table["connector"].tolist() == ["CCS2", "Type 2"]
    assert table.geometry.x.tolist() == [6.1045, 6.1045]


def test_afdc_takes_electric_stations_only(tmp_path):
    """One with 4 DC and 2 slow points, a planned one, and one for ethanol that is left out, as CSV and as JSON."""
    head = ("Fuel Type Code,Station Name,Status Code,EV Level1 EVSE Num,EV Level2 EVSE Num,EV DC Fast Count,EV Network,"
            "Latitude,Longitude,ID,Access Code,EV Connector Types,Access Days Time\n")  # fmt: skip
    text = head + (
        "ELEC,One,E,,2,4,Alpha,40.1,-75.2,11,public,CHADEMO J1772COMBO,24 hours daily\n"
        "ELEC,Two,P,,,8,Beta,40.2,-75.3,12,private,TESLA,\n"
        "E85,Three,E,,,,,40.3,-75.4,13,public,,\n"
    )
    table, notes = read(tmp_path, "afdc.csv", text)
    assert table["id"].tolist() == ["11", "11-2", "12"]
    assert table["points"].tolist() == [4, 2, 8]
    assert table["current"].tolist() == ["dc", "ac", "dc"]
    assert table["status"].tolist() == ["operational", "operational", "planned"]
    assert table["access"].tolist() == ["public", "public", "restricted"]
    assert counts(notes) == (3, 1, 3)
    stations = [
        {"id": 11, "station_name": "One", "status_code": "E", "fuel_type_code": "ELEC", "access_code": "public",
         "ev_dc_fast_num": 4, "ev_level2_evse_num": 2, "ev_level1_evse_num": None, "ev_network": "Alpha",
         "latitude": 40.1, "longitude": -75.2, "ev_connector_types": ["CHADEMO", "J1772COMBO"],
         "access_days_time": "24 hours daily"},
    ]  # fmt: skip
    same, _ = read(tmp_path, "afdc.json", {"total_results": 1, "fuel_stations": stations})
    shared = ["id", "name", "operator", "points", "current", "status", "access", "connector", "open_24h"]
    pd.testing.assert_frame_equal(pd.DataFrame(same[shared]), pd.DataFrame(table[shared].iloc[:2]))


def test_open_charge_map_does_not_count_two_plugs_of_one_point_twice(tmp_path):
    """Two points with a CCS and a CHAdeMO plug each are two, of the stronger power; removed places are left out."""
    plug = {"StatusTypeID": 50, "CurrentTypeID": 30, "Quantity": 2}
    place = {"ID": 1, "UUID": "u", "UsageTypeID": 4, "StatusTypeID": 50, "NumberOfPoints": 2,
             "AddressInfo": {"Title": "A", "Latitude": 42.5, "Longitude": 1.5},
             "Connections": [{**plug, "ConnectionTypeID": 2, "PowerKW": 50},
                             {**plug, "ConnectionTypeID": 33, "PowerKW": 150}]}  # fmt: skip
    table, notes = read(tmp_path, "ocm.json", [place, {**place, "ID": 2, "StatusTypeID": 200}])
    assert table[["points", "point_kw", "current", "connector", "access"]].iloc[0].tolist() == [
        2, 150.0, "dc", "CCS2", "public"]  # fmt: skip
    assert counts(notes) == (2, 1, 1)


def test_overture_places_as_geoparquet(tmp_path):
    """Charging stations are chargers, rest stops facilities; a closed one is out of order."""

    def place(i, category, status):
        return {"id": f"o{i}", "names": {"primary": f"P{i}", "common": None}, "confidence": 0.9,
                "categories": {"primary": category, "alternate": ["x"]}, "operating_status": status,
                "brand": {"names": {"primary": "Alpha"}}, "bbox": {"xmin": 1.0}}  # fmt: skip

    rows = [place(0, "ev_charging_station", "open"), place(1, "ev_charging_station", "permanently_closed"),
            place(2, "rest_stop", "open")]  # fmt: skip
    frame = gpd.GeoDataFrame(
        rows, geometry=shapely.points([[113.0, 27.0], [113.1, 27.1], [113.2, 27.2]]), crs=4326
    )
    frame.to_parquet(tmp_path / "places.parquet")
    notes = Diagnostics()
    table = read_table(tmp_path / "places.parquet", CHARGERS, notes=notes)
    assert table[["id", "name", "operator", "kind"]].iloc[0].tolist() == ["o0", "P0", "Alpha", "charging"]
    assert table["status"].tolist() == ["operational", "out_of_order"]
    assert table.geometry.x.tolist() == [113.0, 113.1]
    assert counts(notes) == (3, 1, 2)
    assert read_table(tmp_path / "places.parquet", FACILITIES)["kind"].tolist() == ["parking_area"]


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"not parquet"])
def test_a_broken_parquet_is_a_fault(tmp_path, content):
    """Cut off, empty, or something else."""
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(InputError):
        read_table(tmp_path / "x.parquet", CHARGERS)


def test_world_port_index_gives_ports_whose_tonnage_is_unknown(tmp_path):
    """A port is a row of the berths' table; as chargers the file is refused and says where it goes."""
    text = "World Port Index Number,Main Port Name,Latitude,Longitude\n50,Alpha,31.2,121.5\n"
    table, _ = read(tmp_path, "wpi.csv", text, BERTHS)
    assert table[["id", "port"]].iloc[0].tolist() == ["50", "Alpha"]
    assert table["class_t"].isna().all()
    faults = refused(tmp_path, "wpi.csv", text)
    assert [f.key for f in faults] == ["format-table"]
    assert "[tables.berths]" in faults[0].render("en")


def test_columns_of_the_project_are_stronger_than_the_format(tmp_path):
    """A field named in the project is taken in the place of the format's own."""
    table, _ = read(tmp_path, "a.json", cec(cec_station(ParkNums=9)), columns={"points": "ParkNums"})
    assert table["points"].tolist() == [9, 9]


def test_every_format_names_columns_of_its_table():
    """What a format fills is in its schema, and its choices are ours."""
    from plugspan.inputs import SCHEMAS

    for form in all_formats():
        schema = SCHEMAS[form.table]
        assert {*form.fields, *form.fixed, *form.part_fields, *form.units} <= set(schema.names), form.name
        for column, meanings in form.values.items():
            allowed = {value for value, _ in schema[column].choices}
            assert {m for m in meanings.values() if m is not None} <= allowed, (form.name, column)
