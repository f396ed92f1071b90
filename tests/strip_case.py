"""Invented strips for tests and for looking at: long, ring, empty, crowded, hostile."""

from __future__ import annotations

import random
from dataclasses import replace

from plugspan.measure.strip_model import (
    Crossing,
    LaneState,
    NearSite,
    Stretch,
    StripData,
    StripGap,
    StripLane,
    StripSite,
    Town,
)

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "]]></text><script>1</script>",
    "{{ 7*7 }}",
    "a\x00b\x1bc",
    "&amp;\"'<",
    "桩{#1\n二",
    "\ud800",
]


def gaps_of(sites, start_m, end_m, *, ring=False):
    """Gaps between sites (metres on the scale), classes by 25 and 40 km; both ends open unless it is a ring."""
    at = sorted({s.at_m for s in sites if s.counts})
    if not at:
        return (gap(start_m, end_m, open_low=True, open_high=True, between=False),)
    inner = [gap(a, b) for a, b in zip(at[:-1], at[1:], strict=True)]
    if ring:
        length = end_m - at[-1] + at[0] - start_m
        seam = StripGap(((at[-1], end_m), (start_m, at[0])), at[-1], at[0] + end_m, length, class_of(length))
        return (*inner, seam)
    ends = [gap(start_m, at[0], open_low=True, between=False), gap(at[-1], end_m, between=False)]
    return tuple(g for g in (*inner, *ends) if g.length_m > 0)


def class_of(length_m):
    return "good" if length_m < 25_000 else "middle" if length_m <= 40_000 else "gap"


def gap(low_m, high_m, *, open_low=False, open_high=False, between=True):
    length = high_m - low_m
    name = class_of(length)
    name = "open" if name != "gap" and (open_low or open_high) else name
    return StripGap(((low_m, high_m),), low_m, high_m, length, name, open_low, open_high, between)


def sites_at(places_km, prefix="站", fast=("yes", "no", "unknown")):
    return tuple(
        StripSite(km * 1e3, km * 1e3, f"s{k}", f"{prefix}{k}充电站", fast[k % len(fast)], 350.0)
        for k, km in enumerate(sorted(places_km))
    )


def strip(length_km, places_km, *, towns=(), ring=False, one_way=False, **more):
    """A strip with the same sites in both directions."""
    end = length_km * 1e3
    sites = sites_at(places_km)
    lanes = tuple(
        StripLane(
            direction, "甲镇" if direction == "backward" else "乙县", end, (Stretch(0.0, end),), (),
            LaneState(sites, gaps_of(sites, 0.0, end, ring=ring)),
        )
        for direction in (("forward",) if one_way else ("forward", "backward"))
    )  # fmt: skip
    given = {"key": "G999/1", "ref": "G999", "inside": (Stretch(0.0, end),), "ends": ("甲镇", "乙县"), **more}
    return StripData(
        road_class="ordinary_trunk", section=1, sections=1, length_m=end, start_m=0.0, end_m=end, ring=ring,
        lanes=lanes, towns=tuple(towns), **given,
    )  # fmt: skip


def long_strip():
    """150 km with twenty towns, crossings, shared stretches, counties, a plan, sites that don't serve."""
    rng = random.Random(7)
    crossings = [
        (12, "G4", False), (12.2, "S20", False), (33, "S211", True), (60, "S333", True), (60.05, "G106", True),
        (88, "G60", False), (131, "X012", True),
    ]  # fmt: skip
    base = strip(
        152.3, [3, 3.4, 22, 41, 49.5, 92, 130], towns=[town(k, rng) for k in range(20)],
        crossings=tuple(Crossing(km * 1e3, ref, level) for km, ref, level in crossings),
        shared=(Stretch(33e3, 58e3, "G320"), Stretch(50e3, 61e3, "S333"), Stretch(140e3, 141e3, "S201")),
        counties=(Stretch(0, 40e3, "渌口区"), Stretch(40e3, 101e3, "攸县"), Stretch(101e3, 152.3e3, "茶陵县")),
        inside=(Stretch(15e3, 118e3), Stretch(125e3, 152.3e3)),
    )  # fmt: skip
    return replace(base, lanes=tuple(planned(lane, k, base.end_m) for k, lane in enumerate(base.lanes)))


def town(k, rng):
    name, kind = (f"第{k}号大城市", "city") if k % 6 == 0 else (f"第{k}号镇", "town")
    return Town(7.5e3 * k + rng.uniform(0, 3e3), name, kind, rng.uniform(1e3, 9e4))


def planned(lane, k, end_m):
    """A lane with one site less in the first direction, a site that doesn't count, a plan, and sites near by."""
    sites = lane.before.sites if k else lane.before.sites[:4] + lane.before.sites[5:]
    idle = StripSite(111e3, 111e3, "w", "规划中的站", "no", 900.0, counts=False)
    new = StripSite(70e3, 70e3, "p1", "拟建一", "yes", 100.0, order=1)
    before = tuple(sorted((*sites, idle), key=lambda s: s.at_m))
    after = tuple(sorted((*before, new), key=lambda s: s.at_m))
    reasons = [
        (49, "wrong_side"), (77, "too_far_by_road"), (77.4, "no_road"), (100, "island"), (104, "no_way_back"),
        (140, "some other"),
    ]  # fmt: skip
    return replace(
        lane,
        inferred=(Stretch(66e3, 67.6e3),),
        before=LaneState(before, gaps_of(before, 0, end_m)),
        after=LaneState(after, gaps_of(after, 0, end_m)),
        near=tuple(NearSite(km * 1e3, f"n{km}", f"{km} 公里服务区", why) for km, why in reasons),
    )


def city_strip():
    """Hundreds of sites within 30 km."""
    rng = random.Random(3)
    return strip(
        31.0, [rng.triangular(0, 31, 14) for _ in range(400)], towns=[Town(14e3, "大都会", "city", 9e6)]
    )


def ring_strip():
    return strip(96.0, [10, 34, 50], ring=True, ends=("北端", "北端"))


def empty_strip():
    return strip(44.0, [])


def hostile_strip():
    """Names that try to be markup, templates or nothing at all, in every field."""
    base = strip(
        60, [1, 20, 55], key=HOSTILE[0], ref=HOSTILE[1], ends=(HOSTILE[2], HOSTILE[3]),
        towns=[Town(1e4 * k, name, "city") for k, name in enumerate(HOSTILE)],
        crossings=tuple(Crossing(8e3 * k, name, False) for k, name in enumerate(HOSTILE)),
        shared=(Stretch(0, 1e4, HOSTILE[4]),),
        counties=(Stretch(0, 3e4, HOSTILE[0]), Stretch(3e4, 6e4, HOSTILE[5])),
    )  # fmt: skip
    near = tuple(NearSite(5e3 * k, name, name, name) for k, name in enumerate(HOSTILE))
    lanes = []
    for lane in base.lanes:
        sites = tuple(replace(s, id=n, name=n) for s, n in zip(lane.before.sites, HOSTILE[3:], strict=False))
        lanes.append(replace(lane, towards=HOSTILE[1], near=near, before=replace(lane.before, sites=sites)))
    return replace(base, lanes=tuple(lanes))


def short_strip():
    """Ninety metres."""
    return strip(0.09, [0.05], ends=("strip.compass.west", "strip.compass.east"))


ALL = {
    "long": long_strip, "city": city_strip, "ring": ring_strip, "empty": empty_strip, "hostile": hostile_strip,
    "short": short_strip,
}  # fmt: skip
