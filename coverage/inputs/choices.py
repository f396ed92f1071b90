"""Values that cells of choice columns may take, and how people write them, in Chinese and English."""

from __future__ import annotations

Choices = tuple[tuple[str, tuple[str, ...]], ...]

SERVICE_KINDS = ("expressway_service_area", "ordinary_trunk_service_station", "parking_area")
"""Facilities of a road: shown and listed apart from all others."""
HUB_KINDS = ("bus_depot", "logistics_park", "hub", "airport")
"""Facilities where vehicles begin and end their ways."""
OTHER_KINDS = (
    "battery_swap",
    "hydrogen",
    "pv_storage",
    "pv_candidate",
    "vessel_service_area",
    "safe_secure_truck_parking",
)
"""Facilities that no rule on charging counts: listed, and shown for what they are."""

CHARGER_KINDS: Choices = (
    ("charging", ("充电", "充电站", "充电桩", "充电设施", "charge", "charging station", "charger")),
    ("battery_swap", ("换电", "换电站", "battery swap", "swap", "battery_swap_truck", "swap station")),
    ("hydrogen", ("加氢", "加氢站", "氢", "h2", "hydrogen station", "hydrogen_station")),
)
CURRENTS: Choices = (
    (
        "dc",
        ("直流", "直流快充", "快充", "直流桩", "快", "fast", "direct current", "direct", "超充", "液冷超充"),
    ),
    ("ac", ("交流", "交流慢充", "慢充", "交流桩", "慢", "slow", "alternating current", "alternating")),
)
STATUSES: Choices = (
    (
        "operational",
        ("运营", "已运营", "在用", "投运", "已建成", "建成", "正常", "使用中", "open", "in use", "existing"),
    ),
    ("under_construction", ("在建", "建设中", "施工中", "construction", "building", "being built")),
    ("planned", ("规划", "拟建", "计划", "待建", "proposed", "plan")),
    (
        "out_of_order",
        ("停用", "故障", "离线", "检修", "停运", "offline", "out of service", "closed", "broken"),
    ),
)
PINS: Choices = (
    ("require", ("必须", "必建", "必选", "required", "must")),
    ("forbid", ("禁止", "不建", "禁选", "forbidden", "must not")),
    ("move", ("移动", "移位", "迁移", "moved")),
    ("cost", ("造价", "改价", "price")),
)
ACCESSES: Choices = (
    (
        "public",
        ("公共", "公用", "社会", "对外", "对外开放", "公开", "是", "open to public", "yes", "true", "1"),
    ),
    (
        "restricted",
        (
            "专用",
            "内部",
            "自用",
            "不对外",
            "不公开",
            "否",
            "no",
            "false",
            "0",
            "private",
            "customers",
            "restricted access",
        ),
    ),
)
FACILITY_KINDS: Choices = (
    ("expressway_service_area", ("高速公路服务区", "高速服务区", "服务区", "service area", "services")),
    ("parking_area", ("停车区", "高速公路停车区", "rest area", "rest_area")),
    (
        "ordinary_trunk_service_station",
        (
            "普通国省干线服务区",
            "普通干线公路服务区",
            "普通公路服务区",
            "普通国省干线公路服务站",
            "公路驿站",
            "trunk service station",
        ),
    ),
    ("bus_depot", ("公交场站", "公交停保场", "公交首末站", "公交总站", "bus station", "bus depot")),
    ("logistics_park", ("物流园区", "物流园", "货运枢纽", "logistics", "logistics park", "freight hub")),
    (
        "hub",
        (
            "交通枢纽",
            "枢纽",
            "客运枢纽",
            "综合客运枢纽",
            "综合交通枢纽",
            "客运站",
            "汽车站",
            "火车站",
            "高铁站",
            "transport hub",
            "railway station",
        ),
    ),
    ("airport", ("机场", "通用机场", "aerodrome")),
    ("fuel", ("加油站", "fuel station", "petrol station", "gas station")),
    ("battery_swap", ("换电站", "换电", "battery swap station", "battery_swap_truck")),
    ("hydrogen", ("加氢站", "加氢", "hydrogen station", "hydrogen_station")),
    ("pv_storage", ("光储", "光伏储能", "光储充", "光伏+储能+微电网", "光储微电网", "pv_storage_microgrid")),
    ("pv_candidate", ("光伏候选点", "边坡光伏", "边坡", "slope", "pv candidate")),
    ("vessel_service_area", ("水上服务区", "船舶服务区", "vessel service area")),
    ("safe_secure_truck_parking", ("安全货车停车场", "secure truck parking")),
)
CARGOES: Choices = (
    ("bulk", ("散货", "干散货", "dry bulk", "煤炭", "矿石", "砂石")),
    ("general", ("件杂货", "杂货", "通用", "general cargo", "break bulk")),
    ("multi_purpose", ("多用途", "multi-purpose", "multipurpose")),
    ("container", ("集装箱", "containers")),
    ("ro_ro", ("滚装", "ro-ro", "ropax")),
    ("oil", ("油品", "油", "成品油", "原油", "petroleum")),
    ("gas", ("液化气", "lng", "lpg", "燃气")),
    ("chemical", ("化工", "液体化工", "危化品", "chemicals")),
    ("passenger", ("客运", "旅游", "客货", "cruise")),
    ("working", ("工作船", "公务", "支持系统", "service craft")),
)
SHIPS: Choices = (
    ("dry_cargo", ("干货船", "散货船", "货船", "bulk carrier", "cargo")),
    ("container", ("集装箱船", "container ship")),
    ("liquid_cargo", ("液货船", "油船", "化学品船", "tanker", "liquid cargo")),
    ("passenger", ("客船", "游船", "passenger ship")),
    ("other", ("其他", "其它", "工程船")),
)
PARK_TYPES: Choices = (
    ("new", ("新建", "new")),
    ("ancillary", ("配建", "ancillary")),
    ("existing", ("既有", "存量", "已有", "old")),
)
