"""Labelled pairs of sites with invented names, and the training of the model that joins lists.

``python benchmarks/same_site_pairs.py`` writes ``benchmarks/same_site_pairs.csv`` and trains on it; the weights go into
``coverage/inputs/same_site.toml``. The words are split: those of the pairs to judge by (:func:`make_pairs` with
``held_out=True``) stand in no pair that is trained on.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from plugspan.inputs import CHARGERS, as_table
from plugspan.inputs.same_site import FEATURES, ListRules, candidate_pairs, describe_sites, features

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "coverage" / "inputs" / "same_site.toml"
SEED, EACH = 20251231, 160
M_LAT = 1 / 110_900
KEYS = ("id", "name", "operator", "connector", "points", "point_kw")

PLACES_ZH = [
    "青溪",
    "云岭",
    "石桥",
    "枫林",
    "白鹭",
    "长坪",
    "金沙",
    "兰亭",
    "松江",
    "竹园",
    "大冲",
    "柳塘",
    "河西",
    "东塘",
    "南湖",
    "西苑",
    "北岭",
    "新开铺",
    "荷叶",
    "梅山",
    "双牌",
    "桃源",
    "龙头",
    "马家",
]
KINDS_ZH = [
    "广场",
    "小区",
    "停车场",
    "物流园",
    "医院",
    "体育馆",
    "客运站",
    "大厦",
    "工业园",
    "公园",
    "商业街",
    "学校",
    "酒店",
    "加油站",
    "汽车城",
    "家园",
    "中心",
    "市场",
]
PLACES_LATIN = [
    "Ashby",
    "Brunel",
    "Corvane",
    "Dellmont",
    "Estreval",
    "Farnholt",
    "Grenoux",
    "Havrin",
    "Ilmstedt",
    "Jorvane",
    "Kestrel",
    "Lunville",
    "Marbois",
    "Northam",
    "Ostrau",
    "Parvel",
]
KINDS_LATIN = [
    "Centre",
    "Retail Park",
    "Parking",
    "Hotel",
    "Gare",
    "Shopping",
    "Plaza",
    "Stadium",
    "Depot",
    "Market",
    "Mall",
    "Clinic",
]
OPERATORS_ZH = [
    "绿动",
    "川流",
    "电驰",
    "恒充",
    "云擎",
    "顺捷",
    "华桩",
    "极光",
    "特来电",
    "星星充电",
    "国家电网",
]
OPERATORS_LATIN = [
    "Voltera",
    "Amperia",
    "Chargeon",
    "Gridwise",
    "Elektron",
    "Powerlane",
    "Tesla",
    "Evolta",
    "Joulex",
]
TAILS_ZH = ["充电站", "公共充电站", "超充站", "", "快充站", "汽车充电站"]
TAILS_LATIN = ["", " Charging Station", " - Charging Hub", " Supercharger"]
POSITIVE = (
    "same", "renamed", "operator spelt otherwise", "operator changed", "same name 120-200 m", "operator missing",
    "name missing",
)  # fmt: skip
NEGATIVE = ("two operators", "A and B side", "same name 3 km", "neighbour of one operator", "two parts")
CASES = (*POSITIVE, *NEGATIVE)


class Words:
    """Invented words, Chinese or Latin; every third place is kept for judging."""

    def __init__(self, chance: random.Random, held_out: bool) -> None:
        self.chance, self.held_out = chance, held_out
        self.zh = chance.random() < 0.6

    def _part(self, words: list[str]) -> list[str]:
        return words[::3] if self.held_out else [w for at, w in enumerate(words) if at % 3]

    def pick(self, zh: list[str], latin: list[str]) -> str:
        """One of the words of its language."""
        return self.chance.choice(self._part(zh if self.zh else latin))

    def place(self) -> str:
        """A place: town and building."""
        town, kind = self.pick(PLACES_ZH, PLACES_LATIN), self.pick(KINDS_ZH, KINDS_LATIN)
        if self.zh and self.chance.random() < 0.4:
            town = town + self.chance.choice(["路", "大道", "镇", "街道"])
        return town + kind if self.zh else f"{town} {kind}"

    def operator(self, but: str = "") -> str:
        """An operator, another than ``but``."""
        while (found := self.pick(OPERATORS_ZH, OPERATORS_LATIN)) == but:
            pass
        return found

    def spelt(self, operator: str) -> str:
        """The operator as another list writes it."""
        if not self.zh:
            forms = [
                "{} SAS",
                "{} Deutschland GmbH",
                "{} Ltd",
                "{} Charging Services",
                "{} Energy BV",
                "{} France SARL",
            ]
            return self.chance.choice(forms).format(self.chance.choice([operator, operator.upper()]))
        forms = [
            "{}新能源有限公司",
            "湖南{}新能源科技有限公司",
            "{}（长沙）能源有限公司",
            "深圳市{}科技股份有限公司",
            "{}充电",
        ]
        return self.chance.choice(forms).format(operator)

    def named(self, place: str, operator: str) -> str:
        """A site's name from its place, with or without the operator."""
        tail = self.chance.choice(TAILS_ZH if self.zh else TAILS_LATIN)
        how = self.chance.random()
        if not self.zh:
            return f"{operator} {place}{tail}" if how < 0.3 else f"{place}{tail}"
        if how < 0.3:
            return f"{operator}{place}{tail}"
        return f"{place}{operator}{tail}" if how < 0.45 else f"{place}{tail}"


def one_pair(case: str, chance: random.Random, held_out: bool) -> tuple[dict, dict]:
    """Two rows of chargers, of one list each; ``metres`` is how far the second lies from the first."""
    words = Words(chance, held_out)
    place, operator = words.place(), words.operator()
    a = {
        "name": words.named(place, operator),
        "operator": operator,
        "points": chance.choice([2, 4, 4, 6, 8, 10, 12, 20]),
    }
    a["point_kw"] = float(chance.choice([7, 60, 60, 120, 120, 150, 180, 240, 250, 300, 350, 400]))
    b = dict(a, name=words.named(place, operator), metres=abs(chance.gauss(0, 18)))
    if case in NEGATIVE:
        b |= {"points": chance.choice([2, 4, 4, 6, 8, 10, 12, 20])}
        b["point_kw"] = float(chance.choice([7, 60, 60, 120, 120, 150, 180, 240, 250, 300, 350, 400]))
    if case == "renamed":
        b |= {"name": words.named(words.place(), operator), "metres": chance.uniform(5, 35)}
    elif case == "operator spelt otherwise":
        b |= {"operator": words.spelt(operator), "metres": chance.uniform(0, 70)}
    elif case == "operator changed":
        new = words.operator(operator)
        name = a["name"].replace(operator, new) if chance.random() < 0.5 else a["name"]
        b |= {"operator": new, "name": name, "metres": chance.uniform(0, 15)}
        if chance.random() < 0.15:
            b["metres"] = chance.uniform(15, 30)
    elif case == "same name 120-200 m":
        b |= {
            "name": a["name"],
            "metres": chance.uniform(120, 200),
            "operator": chance.choice([operator, words.spelt(operator)]),
        }
    elif case == "operator missing":
        b["operator"] = None
    elif case == "name missing":
        b |= {"name": None, "metres": chance.uniform(0, 40)}
    elif case == "two operators":
        new = words.operator(operator)
        same = chance.random() < 0.6
        b |= {
            "operator": new,
            "name": words.named(place if same else words.place(), new),
            "metres": chance.uniform(20, 60),
        }
        if same and chance.random() < 0.2:
            b["name"] = a["name"] = place
    elif case == "A and B side":
        base = words.pick(PLACES_ZH, PLACES_LATIN) + ("服务区" if words.zh else " Services")
        forms = [
            ("A区", "B区"),
            ("东区", "西区"),
            ("（北）", "（南）"),
            ("南行", "北行"),
            ("上行", "下行"),
            ("往长沙方向", "往株洲方向"),
        ]
        latin = [
            (" North", " South"),
            (" Eastbound", " Westbound"),
            (" side A", " side B"),
            (" Nord", " Sud"),
        ]
        one, other = chance.choice(forms if words.zh else latin)
        tail = chance.choice(["", "充电站"]) if words.zh else ""
        a["name"], b["name"], b["metres"] = base + one + tail, base + other + tail, chance.uniform(60, 120)
        if chance.random() < 0.6:
            b |= {"points": a["points"], "point_kw": a["point_kw"]}
    elif case == "same name 3 km":
        b |= {"name": a["name"], "metres": chance.uniform(900, 4000)}
    elif case == "neighbour of one operator":
        while (other := words.place()) == place:
            pass
        b |= {"name": words.named(other, operator), "metres": chance.uniform(110, 290)}
    elif case == "two parts":
        parts = (
            [("一期", "二期"), ("1号", "2号"), ("P1", "P3")]
            if words.zh
            else [(" 1", " 2"), (" P1", " P2"), (" Level 2", " Level 4")]
        )
        one, other = chance.choice(parts)
        a["name"], b["name"], b["metres"] = place + one, place + other, chance.uniform(60, 180)
    a["id"], b["id"] = (f"{chance.choice('PSX')}{chance.randrange(10**7, 10**8)}" for _ in "ab")
    b["id"] = a["id"] if case in POSITIVE and chance.random() < 0.1 else b["id"]
    a["connector"] = chance.choice(["CCS2", "GB/T DC", "Type 2"])
    again = case in POSITIVE and chance.random() < 0.97
    b["connector"] = a["connector"] if again else chance.choice(["CCS2", "GB/T DC", "Type 2", "CHAdeMO"])
    for row in (b, a):
        row["connector"] = row["connector"] if chance.random() < 0.5 else None
        if chance.random() < 0.25:
            row["points"] = None
        if chance.random() < 0.3:
            row["point_kw"] = None
    if case in POSITIVE and chance.random() < 0.15 and b["points"]:
        b["points"] = max(1, b["points"] + chance.choice([-2, -1, 1, 2, 4]))
    return a, b


def make_pairs(each: int, seed: int, *, held_out: bool) -> pd.DataFrame:
    """Pairs of every case, one row a pair: columns ``a_…`` and ``b_…``, ``case`` and ``same``."""
    chance = random.Random(seed)
    rows: list[dict] = []
    taken: set[str] = set()
    for case in CASES:
        for _ in range(each):
            a, b = one_pair(case, chance, held_out)
            while not taken.isdisjoint((a["id"], b["id"])):  # ids of a list are unique
                a, b = one_pair(case, chance, held_out)
            taken |= {a["id"], b["id"]}
            pair = {"case": case, "same": int(case in POSITIVE), "metres": round(b["metres"], 1)}
            rows.append(pair | {f"a_{k}": a[k] for k in KEYS} | {f"b_{k}": b[k] for k in KEYS})
    return pd.DataFrame(rows)


def as_lists(pairs: pd.DataFrame) -> list:
    """Two lists of chargers: the n-th row of both is the n-th pair, pairs 0.1 degrees apart."""
    n = np.arange(len(pairs))
    lon, lat = 100 + 0.1 * (n % 200), 22.0 + 0.1 * (n // 200)
    turn = np.random.default_rng(5).uniform(0, 2 * np.pi, len(pairs))
    metres = pairs["metres"].to_numpy()
    there = lon + np.cos(turn) * metres * M_LAT / np.cos(np.radians(lat)), lat + np.sin(turn) * metres * M_LAT
    lists = []
    for side, (x, y) in (("a", (lon, lat)), ("b", there)):
        rows = [
            {k: _known(pairs[f"{side}_{k}"].iloc[at]) for k in KEYS}
            | {"geometry": shapely.Point(x[at], y[at])}
            for at in range(len(pairs))
        ]
        lists.append(as_table(rows, CHARGERS, f"{side}.csv"))
    return lists


def _known(value: object) -> object:
    return None if pd.isna(value) else value


def train(pairs: pd.DataFrame) -> tuple[dict[str, float], float]:
    """Weights and constant of a logistic regression on the pairs that come near enough to be compared."""
    from sklearn.linear_model import LogisticRegression

    sites = describe_sites(as_lists(pairs))
    i, j, metres = candidate_pairs(sites, [ListRules(), ListRules()])
    own = (j - i) == len(pairs)
    found, label = features(sites, i[own], j[own], metres[own]), pairs["same"].to_numpy()[i[own]]
    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(found, label)
    return dict(zip(FEATURES, fitted.coef_[0].round(3).tolist(), strict=True)), round(
        float(fitted.intercept_[0]), 3
    )


def main() -> None:
    """Write the pairs and the weights."""
    pairs = make_pairs(EACH, SEED, held_out=False)
    pairs.to_csv(HERE / "same_site_pairs.csv", index=False)
    weights, constant = train(pd.read_csv(HERE / "same_site_pairs.csv"))
    head = MODEL.read_text("utf-8").split("[weights]")[0] if MODEL.exists() else "[weights]"
    lines = [
        head.split("\nconstant =")[0].rstrip(),
        "",
        f"constant = {constant}",
        "threshold = 0.65",
        "",
        "[weights]",
    ]
    lines += [f"{name} = {weight}" for name, weight in weights.items()]
    MODEL.write_text("\n".join(lines) + "\n", "utf-8")
    sys.stdout.write("\n".join(lines[-len(weights) - 5 :]) + "\n")


if __name__ == "__main__":
    main()
