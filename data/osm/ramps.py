"""Interchanges and service areas: ramps between lines, with the vertices they need."""

from __future__ import annotations

import numpy as np
import shapely
from drawing import Array, Line, chainage, curve, heading_at, insert_at, point_at


class Ramps:
    """Draws ramps between lines, giving the lines the vertices they need."""

    def __init__(self, lines: dict[str, Line]) -> None:
        self.lines = lines
        self.ramps: list[Line] = []

    def vertex(self, line_id: str, at_m: float) -> Array:
        """Return a vertex of a line at a distance along it."""
        line = self.lines[line_id]
        xy, point = insert_at(line.xy, float(np.clip(at_m, 0.0, chainage(line.xy)[-1])))
        self.lines[line_id] = line.with_xy(xy)
        return point

    def where(self, line_id: str, place: Array) -> float:
        """Distance along a line to the point nearest to a place."""
        return float(self.lines[line_id].shape.project(shapely.Point(place)))

    def crossing(self, chain: str, roads: list[str], place: Array, name: str) -> tuple[str, Array]:
        """Which of the roads crosses a motorway nearest to a place, and where."""
        found = []
        for road in roads:
            shape = shapely.intersection(self.lines[chain + "+"].shape, self.lines[road].shape)
            points = shapely.get_coordinates(shape)
            found += [(float(np.hypot(*(point - place))), road, point) for point in points]
        if not found:
            raise ValueError(f"interchange {name}: {chain} does not cross {roads}")
        _, road, point = min(found, key=lambda f: f[:2])
        return road, point

    def ramp(
        self, start: Array, control: Array, end: Array, name: str, highway: str = "motorway_link"
    ) -> None:
        """One-way curve from a vertex to another."""
        path = curve(start, control, end)
        path[0], path[-1] = start, end
        self.ramps.append(
            Line(f"ramp-{len(self.ramps)}", path, {"highway": highway, "oneway": "yes", "name": name})
        )

    def diamond(self, chain: str, roads: list[str], place: Array, name: str) -> None:
        """Four ramps between a motorway and the road that crosses it."""
        road, meet = self.crossing(chain, roads, place, name)
        on_road = self.where(road, meet)
        for sign in "+-":
            here = self.where(chain + sign, meet)
            ahead = heading_at(self.lines[chain + sign].xy, here)
            right = np.array([ahead[1], -ahead[0]])
            along = 130.0 if heading_at(self.lines[road].xy, on_road) @ right > 0 else -130.0
            foot = self.vertex(
                road, self.where(road, point_at(self.lines[road].xy, self.where(road, meet) + along))
            )
            off = self.vertex(chain + sign, here - 520.0)
            on = self.vertex(chain + sign, self.where(chain + sign, meet) + 520.0)
            self.ramp(off, meet + right * 90.0 - ahead * 160.0, foot, f"{name}互通")
            self.ramp(foot, meet + right * 90.0 + ahead * 160.0, on, f"{name}互通")

    def system(self, a: str, b: str, place: Array, name: str) -> None:
        """Ramps from every carriageway of one motorway to every one of the other, both ways."""
        _, meet = self.crossing(a, [b + "+"], place, name)
        for one in (a + "+", a + "-"):
            for other in (b + "+", b + "-"):
                for number, (start, end) in enumerate(((one, other), (other, one))):
                    shift = 40.0 * number + (20.0 if one[-1] == other[-1] else 0.0)
                    leave = self.vertex(start, self.where(start, meet) - 700.0 - shift)
                    join = self.vertex(end, self.where(end, meet) + 700.0 + shift)
                    self.ramp(leave, (2 * meet + leave + join) / 4, join, f"{name}互通")

    def terminal(self, chain: str, roads: list[str], place: Array, name: str) -> None:
        """End a motorway at a road, or with ramps at another motorway."""
        xy = self.lines[chain + "+"].xy
        at_end = np.hypot(*(xy[-1] - place)) < np.hypot(*(xy[0] - place))
        arriving, leaving = (chain + "+", chain + "-") if at_end else (chain + "-", chain + "+")
        end, start = self.lines[arriving].xy[-1], self.lines[leaving].xy[0]
        road = min(roads, key=lambda r: self.lines[r].shape.distance(shapely.Point(end)))
        if road[-1] in "+-" and road[:-1] + "+" in self.lines and self.lines[road].kind == "motorway":
            for sign in "+-":
                other = road[:-1] + sign
                here = self.where(other, end)
                join, off = self.vertex(other, here + 500.0), self.vertex(other, here - 500.0)
                near = point_at(self.lines[other].xy, self.where(other, end))
                self.ramp(end, (end + near) / 2, join, f"{name}互通")
                self.ramp(off, (start + near) / 2, start, f"{name}互通")
            return
        foot = self.vertex(road, self.where(road, (end + start) / 2))
        self.ramp(end, (end + foot) / 2, foot, f"{name}互通")
        self.ramp(foot, (start + foot) / 2, start, f"{name}互通")

    def edge_of_map(self, chain: str) -> None:
        """Where a motorway leaves the map: a way back, in place of the interchanges beyond."""
        for one, other in ((chain + "+", chain + "-"), (chain + "-", chain + "+")):
            end, start = self.lines[one].xy[-1], self.lines[other].xy[0]
            ends = np.array([ramp.xy[[0, -1]] for ramp in self.ramps]).reshape(-1, 2)
            if np.hypot(*(ends - end).T).min() < 1.0:
                continue
            ahead = heading_at(self.lines[one].xy, chainage(self.lines[one].xy)[-1] - 30.0)
            self.ramp(end, (end + start) / 2 + ahead * 120.0, start, "图外互通（示意）")

    def service_area(self, chain: str, side: dict[str, object]) -> None:
        """Lead off a carriageway, past the service area, and back onto it; an aisle between its spaces."""
        xy, name = np.asarray(side["xy"]), str(side["name"])
        sign = min("+-", key=lambda s: self.lines[chain + s].shape.distance(shapely.Point(xy)))
        line = chain + sign
        here = self.where(line, xy)
        ahead = heading_at(self.lines[line].xy, here)
        off, on = self.vertex(line, here - 480.0), self.vertex(line, self.where(line, xy) + 480.0)
        entry, leave = xy - ahead * 150.0, xy + ahead * 150.0
        self.ramp(off, entry - ahead * 160.0, entry, name)
        self.ramp(leave, leave + ahead * 160.0, on, name)
        tags = {"highway": "service", "oneway": "yes", "name": name}
        self.ramps.append(Line(f"area-{side['id']}", np.vstack([entry, xy, leave]), tags))
        right = np.array([ahead[1], -ahead[0]]) * 45.0
        aisle = np.vstack(
            [xy - ahead * 80.0, xy - ahead * 60.0 + right, xy + ahead * 60.0 + right, xy + ahead * 80.0]
        )
        self.ramps[-1] = Line(f"area-{side['id']}", np.vstack([entry, aisle[0], xy, aisle[-1], leave]), tags)
        self.ramps.append(
            Line(f"aisle-{side['id']}", aisle, {"highway": "service", "service": "parking_aisle"})
        )
