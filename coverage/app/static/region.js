// The region drawn by hand: corners put, moved and taken away with mouse, finger or keys, or typed.

import { fill, h, number, t } from "./core.js";
import { plainMap } from "./points.js";

const CLOSE = 20;
const WORLD = [[-180, -60], [180, 75]];
const rounded = (place) => place.map((v) => Math.round(v * 1e5) / 1e5);

/** Square kilometres of a ring of degrees on the sphere. */
function areaKm2(ring) {
  const [f, R] = [Math.PI / 180, 6371.0088];
  let sum = 0;
  ring.forEach(([lon, lat], i) => {
    const [lon2, lat2] = ring[(i + 1) % ring.length];
    sum += (lon2 - lon) * f * (2 + Math.sin(lat * f) + Math.sin(lat2 * f));
  });
  return Math.abs((sum * R * R) / 2);
}

/** Corners of lines "longitude, latitude"; null if one of them is none. */
export function readCorners(words) {
  const lines = words.split(/\n/).map((line) => line.trim()).filter(Boolean);
  const found = lines.map((line) => line.split(/[\s,，;；]+/).map(Number));
  return found.every(([lon, lat, more]) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90 && more === undefined) ? found : null;
}

export function regionEditor(sheet, points, { save, cancel }) {
  let corners = [];
  let chosen = null;
  const before = [];
  const shapes = [...sheet.region.flat(), ...sheet.roads.flat(), ...points];
  const all = shapes.length ? shapes : WORLD;

  function change(next, mark = null) {
    before.push(corners);
    corners = next.map(rounded);
    chosen = mark;
    drawn();
  }
  const put = (place) => change([...corners, place], corners.length);
  const take = () => { if (corners.length) change(corners.filter((_, i) => i !== (chosen ?? corners.length - 1))); };
  const undo = () => { if (before.length) { corners = before.pop(); chosen = null; drawn(); } };
  const extent = () => {
    const [w, s, e, n] = sheet.extent;
    change([[w, s], [e, s], [e, n], [w, n]]);
  };

  // -- on the map --------------------------------------------------------------------------------------------
  const middle = (i) => { const b = corners[(i + 1) % corners.length]; return [(corners[i][0] + b[0]) / 2, (corners[i][1] + b[1]) / 2]; };
  function near(places, x, y) {
    const far = places.map((place) => { const [px, py] = map.at(place); return Math.hypot(px - x, py - y); });
    const best = far.indexOf(Math.min(...far));
    return far[best] <= CLOSE ? best : null;
  }
  function paint(pen, at, canvas) {
    const ring = corners.map(at);
    pen.beginPath();
    ring.forEach((place, i) => (i ? pen.lineTo(...place) : pen.moveTo(...place)));
    pen.closePath();
    pen.fillStyle = "rgba(91, 42, 134, 0.14)"; pen.fill();
    pen.strokeStyle = "#5b2a86"; pen.lineWidth = 2.5; pen.stroke();
    for (const [x, y] of points.map(at)) { pen.beginPath(); pen.arc(x, y, 2.5, 0, 7); pen.fillStyle = "#3b8bc2"; pen.fill(); }
    if (corners.length > 2) {
      corners.forEach((_, i) => { pen.beginPath(); pen.arc(...at(middle(i)), 4, 0, 7); pen.fillStyle = "#fff"; pen.fill(); pen.lineWidth = 1.5; pen.stroke(); });
    }
    ring.forEach(([x, y], i) => {
      pen.beginPath(); pen.arc(x, y, i === chosen ? 9 : 7, 0, 7);
      pen.fillStyle = i === chosen ? "#f0a202" : "#5b2a86"; pen.fill(); pen.strokeStyle = "#fff"; pen.lineWidth = 2; pen.stroke();
    });
    if (document.activeElement === canvas) {
      const [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
      pen.beginPath(); pen.moveTo(x - 14, y); pen.lineTo(x + 14, y); pen.moveTo(x, y - 14); pen.lineTo(x, y + 14);
      pen.strokeStyle = "#1f2933"; pen.lineWidth = 1.5; pen.stroke();
    }
  }
  function tap(x, y) {
    const corner = near(corners, x, y);
    if (corner !== null) { chosen = corner; drawn(); } else put(map.back(x, y));
  }
  /** A drag from a corner moves it; from the middle of a side it makes a corner there; else the map moves. */
  function grab(x, y) {
    let corner = near(corners, x, y);
    const side = corner === null && corners.length > 2 ? near(corners.map((_, i) => middle(i)), x, y) : null;
    if (corner === null && side === null) return null;
    let begun = false;
    return (to, down) => {
      if (!begun) { before.push(corners); begun = true; corners = [...corners]; if (corner === null) { corner = side + 1; corners.splice(corner, 0, [0, 0]); } }
      corners[corner] = rounded(map.back(to, down));
      chosen = corner;
      drawn();
    };
  }
  function key(event) {
    if (event.key === "Enter" || event.key === " ") put(map.back(map.canvas.clientWidth / 2, map.canvas.clientHeight / 2));
    else if (event.key === "Backspace" || event.key === "Delete") take();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return false;
    return true;
  }
  const map = plainMap(sheet, all, { label: t("region.map"), role: "application", paint, tap, grab, key, grid: true, kind: "tall-map" });
  for (const name of ["focus", "blur"]) map.canvas.addEventListener(name, map.draw);

  // -- beside it ---------------------------------------------------------------------------------------------
  const typed = h("textarea", { id: "region-corners", rows: 6, spellcheck: false, "aria-label": t("region.corners") });
  const said = h("p", { id: "region-said", "aria-live": "polite" });
  const saving = h("button", { type: "button", class: "main", id: "region-save", onclick: () => save(saving, corners, sheet.file) }, t("region.save"));
  typed.addEventListener("change", () => {
    const found = readCorners(typed.value);
    if (found) change(found);
    typed.setAttribute("aria-invalid", String(!found));
    if (!found) said.textContent = t("region.not-read");
  });
  function drawn() {
    typed.value = corners.map(([lon, lat]) => `${lon}, ${lat}`).join("\n");
    typed.removeAttribute("aria-invalid");
    said.textContent = corners.length < 3 ? t("region.few", { n: corners.length }) : t("region.area", { n: corners.length, km2: number(areaKm2(corners), 0) });
    saving.disabled = corners.length < 3;
    map.draw();
  }
  const button = (id, label, work) => h("button", { type: "button", id, onclick: work }, label);
  const node = h("div", { id: "region-editor" });
  fill(node,
    h("h2", {}, t("region.title")), h("p", { class: "soft small" }, t("region.words")),
    sheet.roads.length ? null : h("p", { class: "hint" }, t("region.no-roads")),
    map.node,
    h("div", { class: "row" }, button("region-take", t("region.take"), take), button("region-undo", t("region.undo"), undo),
      sheet.extent ? button("region-extent", t("region.extent"), extent) : null, said),
    h("details", {}, h("summary", {}, t("region.corners")), typed),
    h("div", { class: "row end" }, button("region-cancel", t("cancel"), cancel), saving));
  const now = sheet.region.length === 1 ? sheet.region[0].slice(0, -1) : [];
  if (now.length >= 3 && now.length <= 60) corners = now;
  drawn();
  return { node, leave: map.leave };
}
