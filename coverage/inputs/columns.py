"""Columns that stand in several input tables, each described once."""

from __future__ import annotations

from ..schema import Column, column
from .choices import STATUSES

ID = column(
    "id",
    aliases=(
        "编号",
        "代码",
        "序号编码",
        "code",
        "station id",
        "site id",
        "charger id",
        "桩编号",
        "站点编号",
        "场站编号",
        "设施编号",
        "停车场编号",
    ),
)
NAME = column(
    "name",
    aliases=(
        "名称",
        "站名",
        "名字",
        "场站名称",
        "站点名称",
        "充电站名称",
        "电站名称",
        "设施名称",
        "停车场名称",
        "location",
        "station",
        "title",
    ),
)
LON = column("lon", aliases=("经度", "longitude", "long", "lng", "longtitude", "x", "东经", "wgs84lon"))
LAT = column("lat", aliases=("纬度", "latitude", "y", "北纬", "wgs84lat"))
POSITION = Column("position", aliases=("经纬度", "坐标", "coordinates", "lonlat", "lnglat", "经纬度坐标"))
STATUS = column("status", aliases=("状态", "运营状态", "建设状态", "使用状态", "state"), choices=STATUSES)
COUNTY = column(
    "county", aliases=("区县", "县区", "县市区", "所属区县", "所在区县", "行政区", "district", "admin")
)
NOTE = column("note", aliases=("备注", "说明", "remark", "remarks", "notes", "comment"))
PROVENANCE = column("provenance", aliases=("来源", "数据来源", "data source"))
REF = column("ref", aliases=("路线编号", "路线", "所在路线", "公路编号", "道路编号", "route", "road"))
SIDE = column("side", aliases=("侧", "侧别", "方向", "上下行", "行车方向", "direction"))
OPERATOR = column("operator", aliases=("运营商", "运营单位", "运营企业", "所属运营商", "network", "cpo"))
OPENED = Column(
    "opened",
    "date",
    aliases=("投运日期", "投运时间", "开通日期", "建成日期", "建成时间", "start date", "opening date"),
)
POINTS = column(
    "points",
    aliases=(
        "充电枪数",
        "枪数",
        "充电桩数",
        "桩数",
        "充电枪数量",
        "充电桩数量",
        "枪数量",
        "终端数",
        "数量",
        "charge points",
        "plugs",
        "charge count",
        "capacity",
        "number of points",
        "接口数",
    ),
)
POINT_KW = column(
    "point_kw",
    aliases=(
        "功率",
        "单枪功率",
        "额定功率",
        "最大功率",
        "单枪最大功率",
        "单桩功率",
        "power",
        "output",
        "rated power",
        "max power",
    ),
)
CHARGING_SPACES = Column(
    "charging_spaces", "int", aliases=("充电车位", "充电车位数", "已建或预留充电车位", "已建或预留充电车位数")
)
