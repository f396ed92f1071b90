"""The tables plugspan takes in, as data: columns, types, units, and what other people call them.

Aliases are compared after :func:`plugspan.inputs.headers.normal`, so case, spaces, punctuation and units in
brackets need not be repeated here.
"""

from __future__ import annotations

from ..schema import Column, TableSchema, column
from .choices import ACCESSES, CARGOES, CHARGER_KINDS, CURRENTS, FACILITY_KINDS, PARK_TYPES, PINS, SHIPS
from .columns import (
    CHARGING_SPACES,
    COUNTY,
    ID,
    LAT,
    LON,
    NAME,
    NOTE,
    OPENED,
    OPERATOR,
    POINT_KW,
    POINTS,
    POSITION,
    PROVENANCE,
    REF,
    SIDE,
    STATUS,
)

CHARGERS = TableSchema(
    "chargers",
    (
        ID,
        NAME,
        OPERATOR,
        LON,
        LAT,
        POSITION,
        column("kind", aliases=("类型", "种类", "设施类型", "站点类型", "type"), choices=CHARGER_KINDS),
        Column(
            "current",
            "choice",
            aliases=("电流", "电流类型", "交直流", "充电方式", "充电类型", "快慢充", "设备类型", "桩类型"),
            choices=CURRENTS,
        ),
        POINTS,
        Column(
            "dc_points",
            "int",
            aliases=(
                "直流枪数",
                "快充枪数",
                "直流桩数",
                "快充桩数",
                "直流桩数量",
                "快充枪数量",
                "fast points",
            ),
        ),
        POINT_KW,
        column(
            "pool_kw",
            aliases=("总功率", "装机功率", "场站功率", "装机容量", "total power", "pool power"),
        ),
        Column(
            "connector", aliases=("接口", "接口标准", "接口类型", "connector type", "plug type", "socket")
        ),
        STATUS,
        Column(
            "access",
            "choice",
            aliases=(
                "开放属性",
                "开放性",
                "公专用",
                "是否对外开放",
                "对外开放",
                "公开",
                "是否公开",
                "是否开放",
                "access type",
            ),
            choices=ACCESSES,
        ),
        Column(
            "open_24h",
            "bool",
            aliases=(
                "全天开放",
                "24小时开放",
                "24h",
                "open 24 hours",
                "营业时间",
                "开放时间",
                "opening hours",
            ),
        ),
        SIDE,
        column("service_area", aliases=("所属服务区", "服务区", "服务区名称")),
        OPENED,
        REF,
        COUNTY,
        PROVENANCE,
        NOTE,
    ),
    geometry="point",
)

FACILITIES = TableSchema(
    "facilities",
    (
        ID,
        NAME,
        column(
            "kind",
            required=True,
            aliases=("类型", "设施类型", "类别", "type"),
            choices=FACILITY_KINDS,
        ),
        LON,
        LAT,
        POSITION,
        column("pair", aliases=("服务区对", "对", "成对", "pair name", "所属服务区对", "所属服务区")),
        SIDE,
        REF,
        STATUS,
        OPERATOR,
        Column("surveyed", "bool", aliases=("已调查", "是否已调查", "充电已调查")),
        POINTS,
        column("fast_points", aliases=("快充枪数", "直流枪数", "快充桩数", "fast charge points")),
        POINT_KW,
        Column(
            "small_car_spaces",
            "int",
            aliases=("小车位", "小客车停车位", "小型车停车位", "小型客车停车位数", "car spaces"),
        ),
        CHARGING_SPACES,
        column("area_m2", aliases=("面积", "占地面积", "可用面积", "area")),
        column("pv_kw", aliases=("光伏功率", "光伏装机", "光伏容量", "pv power")),
        column("storage_kwh", aliases=("储能", "储能容量", "storage")),
        OPENED,
        COUNTY,
        PROVENANCE,
        NOTE,
    ),
    geometry="point",
)

BERTHS = TableSchema(
    "berths",
    (
        column("id", aliases=(*ID.aliases, "泊位编号", "berth id")),
        column("name", aliases=(*NAME.aliases, "泊位", "泊位名称", "berth", "berth name")),
        column("port", aliases=("港口", "港区", "所属港口", "所属港区", "harbour", "harbor")),
        column("wharf", aliases=("码头", "码头名称", "terminal", "quay")),
        LON,
        LAT,
        POSITION,
        column(
            "class_t",
            required=True,
            aliases=(
                "设计吨级",
                "泊位吨级",
                "吨级",
                "靠泊能力",
                "靠泊吨级",
                "tonnage",
                "class",
                "design class",
                "dwt",
            ),
        ),
        Column(
            "structure_class_t",
            "float",
            "t",
            aliases=("结构吨级", "水工结构吨级", "水工结构兼顾吨级", "structural class"),
        ),
        column("length_m", aliases=("泊位长度", "长度", "length")),
        column(
            "cargo",
            aliases=("货种", "主要货种", "泊位类型", "泊位性质", "cargo type"),
            choices=CARGOES,
        ),
        STATUS,
        Column(
            "shore_power",
            "bool",
            aliases=("岸电", "是否配备岸电", "岸电设施", "有无岸电", "是否有岸电", "ops", "cold ironing"),
        ),
        column("shore_power_kw", aliases=("岸电容量", "岸电功率", "岸电装机")),
        Column("built", "date", aliases=("建成或改建日期", "建成日期", "投产日期", "built date")),
        column(
            "calls_per_year",
            aliases=("年靠泊艘次", "年到港艘次", "艘次", "calls", "calls per annum"),
        ),
        column(
            "hours_per_call",
            aliases=("平均靠泊时间", "单次靠泊时间", "靠泊时长", "平均靠泊时长", "hours"),
        ),
        Column(
            "connected_calls", "float", aliases=("接岸电艘次", "年使用岸电艘次", "使用岸电艘次", "connected")
        ),
        Column(
            "kwh_per_year",
            "float",
            "kWh",
            aliases=("年岸电用电量", "岸电用电量", "年用电量", "energy per year"),
        ),
        column("retrofit_cost", aliases=("改造费用", "改造投资", "岸电改造费用", "改造成本", "cost")),
        OPERATOR,
        COUNTY,
        PROVENANCE,
        NOTE,
    ),
    geometry="optional point",
)

CAR_PARKS = TableSchema(
    "car_parks",
    (
        ID,
        NAME,
        LON,
        LAT,
        POSITION,
        column(
            "park_type",
            aliases=("类型", "类别", "建设类型", "停车场类型", "新建或配建", "new or ancillary"),
            choices=PARK_TYPES,
        ),
        column(
            "spaces",
            required=True,
            aliases=("车位数", "停车位", "停车位数", "总车位", "泊位数", "parking spaces", "total spaces"),
        ),
        column(
            "ready_spaces",
            aliases=(
                "具备充电条件车位",
                "具备充电条件车位数",
                "充电条件车位数",
                "具备规范充电条件的车位数",
                "ready",
                "ev ready spaces",
            ),
        ),
        CHARGING_SPACES,
        STATUS,
        OPENED,
        OPERATOR,
        COUNTY,
        PROVENANCE,
        NOTE,
    ),
    geometry="optional point",
)

DEMAND = TableSchema(
    "demand",
    (
        ID,
        column("name", aliases=(*NAME.aliases, "settlement", "place", "town", "乡镇", "村镇", "地名")),
        Column("kind", aliases=("类型", "需求类型", "type", "classification")),
        LON,
        LAT,
        POSITION,
        column(
            "weight",
            required=True,
            aliases=("权重", "人口", "常住人口", "需求", "需求量", "population", "people", "demand", "value"),
        ),
        Column(
            "flow",
            "float",
            aliases=(
                "车流量",
                "交通量",
                "日均交通量",
                "日交通量",
                "traffic",
                "traffic flow",
                "vehicles per day",
                "aadt",
            ),
        ),
        Column("estimated", "bool", aliases=("估算", "是否估算", "estimate")),
        COUNTY,
        PROVENANCE,
        NOTE,
    ),
    geometry="point",
)

COUNTIES = TableSchema(
    "counties",
    (
        ID,
        column(
            "name",
            required=True,
            aliases=(*NAME.aliases, "区县", "县市区", "县区", "区县名称", "county", "district"),
        ),
        LON,
        LAT,
        column("population", aliases=("人口", "常住人口", "people")),
        column(
            "registered_ev",
            aliases=(
                "注册电动车",
                "注册电动汽车",
                "注册新能源汽车",
                "新能源汽车",
                "新能源车",
                "新能源汽车数",
                "新能源车数",
                "电动汽车保有量",
                "新能源汽车保有量",
                "registered evs",
                "evs",
            ),
        ),
        Column("registered_bev", "float", aliases=("注册纯电动车", "纯电动汽车保有量", "bevs")),
        Column("registered_phev", "float", aliases=("注册插电混动车", "插电式混合动力汽车保有量", "phevs")),
        Column(
            "registered_cars",
            "float",
            aliases=(
                "注册汽车",
                "注册汽车数",
                "注册车辆",
                "注册车辆数",
                "汽车保有量",
                "机动车保有量",
                "registered vehicles",
                "cars",
            ),
        ),
        Column("electric_buses", "float", aliases=("电动公交车", "新能源公交车")),
        Column("electric_trucks", "float", aliases=("电动货车", "新能源货车")),
        PROVENANCE,
        NOTE,
    ),
    geometry="area",
)

CALLS = TableSchema(
    "calls",
    (
        ID,
        column("berth", required=True, aliases=("泊位", "泊位编号", "靠泊泊位", "berth id")),
        column("ship", aliases=("船舶", "船名", "vessel", "ship name")),
        column("ship_kind", aliases=("船舶类型", "船型", "ship type", "vessel type"), choices=SHIPS),
        column("gross_tonnage", aliases=("总吨", "总吨位", "gt")),
        column("arrived", aliases=("靠泊日期", "到港日期", "靠泊时间", "arrival", "date")),
        column(
            "hours",
            aliases=("靠泊时长", "在泊时间", "停泊时间", "停泊时长", "stay", "berth hours"),
        ),
        column("able", aliases=("具备受电设施", "受电设施", "船舶受电设施", "able to connect")),
        Column(
            "connected", "bool", aliases=("是否使用岸电", "使用岸电", "接岸电", "connected to shore power")
        ),
        column("kwh", aliases=("用电量", "岸电用电量", "energy")),
        PROVENANCE,
        NOTE,
    ),
)

TRAFFIC = TableSchema(
    "traffic",
    (
        ID,
        column("ref", aliases=REF.aliases),
        column("from_km", aliases=("起点桩号", "起点里程", "起点", "起始桩号", "start km", "from")),
        column(
            "to_km",
            aliases=(
                "终点桩号",
                "终点里程",
                "终点",
                "终止桩号",
                "止点桩号",
                "止点",
                "讫点桩号",
                "讫点",
                "end km",
                "to",
            ),
        ),
        Column(
            "aadt",
            "float",
            required=True,
            aliases=(
                "年平均日交通量",
                "日均交通量",
                "日交通量",
                "交通量",
                "断面交通量",
                "annual average daily traffic",
                "traffic",
                "vehicles per day",
            ),
        ),
        Column(
            "heavy_share",
            "float",
            unit="share",
            aliases=(
                "重型车比例",
                "货车比例",
                "大型车比例",
                "share of heavy",
                "heavy",
                "hgv share",
                "truck share",
            ),
        ),
        Column("year", "int", aliases=("年份", "观测年份", "统计年份", "count year")),
        PROVENANCE,
        NOTE,
    ),
    geometry="line",
)

PLAN_PINS = TableSchema(
    "plan_pins",
    (
        column("id", aliases=("序号",)),
        column("pin", required=True, aliases=("决定", "要求", "处理", "decision"), choices=PINS),
        column("name", required=True, aliases=(*NAME.aliases, "措施", "位置", "action", "place")),
        column("cost", aliases=("造价", "费用", "金额", "money", "price")),
        Column("to", aliases=("移至", "新位置", "new place", "moved to")),
        LON,
        LAT,
        NOTE,
    ),
    geometry="optional point",
)
"""What people decide of a plan: no table that is assessed."""

SITE_PAIRS = TableSchema(
    "site_pairs",
    (
        column("id", required=True, aliases=ID.aliases),
        column("other_id", required=True, aliases=("另一编号", "对应编号", "other", "same as", "id 2")),
        NOTE,
    ),
)
"""Pairs of sites that people decided on: ``same_site.csv``, ``different_site.csv``."""

SCHEMAS: dict[str, TableSchema] = {
    s.name: s for s in (CHARGERS, FACILITIES, BERTHS, CAR_PARKS, DEMAND, COUNTIES, CALLS, TRAFFIC)
}
"""All table schemas by the key of the project file."""
