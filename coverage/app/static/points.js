// A map without tiles: canvas, drag, wheel and keys over region, roads and degrees; points of a table on it.

import { h, t } from "./core.js";

const FIRST = { good: "#3b8bc2", bad: "#a50026" };
const STEPS = [60, 30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

/** The map under anything: `paint` draws on it, `tap` gets a click, `grab` may take a drag over by giving a function for its moves. */
export function plainMap(ground, all, { label, role = "img", paint, tap, grab = () => null, key = () => false, grid = false, kind = "" }) {
  const canvas = h("canvas", { class: "points", tabIndex: 0, role, "aria-label": label });
  const view = { x: 0, y: 0, scale: 1, lat: 0 };

  const project = ([lon, lat]) => [lon * Math.cos(view.lat), -lat];
  function fit() {
    if (!all.length) return;
    let [w, s, e, n] = [180, 90, -180, -90];
    for (const [lon, lat] of all) { w = Math.min(w, lon); e = Math.max(e, lon); s = Math.min(s, lat); n = Math.max(n, lat); }
    view.lat = (((s + n) / 2) * Math.PI) / 180;
    const [x0, y0] = project([w, n]);
    const [x1, y1] = project([e, s]);
    view.scale = Math.min(canvas.clientWidth / (x1 - x0 || 0.01), canvas.clientHeight / (y1 - y0 || 0.01)) * 0.92;
    view.x = (x0 + x1) / 2;
    view.y = (y0 + y1) / 2;
  }
  const at = (point) => {
    const [x, y] = project(point);
    return [canvas.clientWidth / 2 + (x - view.x) * view.scale, canvas.clientHeight / 2 + (y - view.y) * view.scale];
  };
  /** The place under a pixel, in degrees; never off the globe. */
  const back = (x, y) => {
    const lon = ((x - canvas.clientWidth / 2) / view.scale + view.x) / Math.cos(view.lat);
    const lat = -((y - canvas.clientHeight / 2) / view.scale + view.y);
    return [Math.min(180, Math.max(-180, lon)), Math.min(90, Math.max(-90, lat))];
  };
  function line(pen, path, close) {
    path.forEach((point, i) => (i ? pen.lineTo(...at(point)) : pen.moveTo(...at(point))));
    if (close) pen.closePath();
  }
  function degrees(pen) {
    const [w, n] = back(0, 0);
    const [e, s] = back(canvas.clientWidth, canvas.clientHeight);
    const step = STEPS.findLast((each) => Math.max(e - w, n - s) / each <= 8) ?? STEPS[0];
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    pen.strokeStyle = "#cdd6db"; pen.lineWidth = 1; pen.fillStyle = "#5b6770"; pen.font = "11px sans-serif";
    for (let lon = Math.ceil(w / step) * step; lon <= e; lon += step) {
      const [x] = at([lon, s]);
      pen.beginPath(); pen.moveTo(x, 0); pen.lineTo(x, canvas.clientHeight); pen.stroke();
      pen.fillText(`${lon.toFixed(digits)}°`, x + 3, canvas.clientHeight - 5);
    }
    for (let lat = Math.ceil(s / step) * step; lat <= n; lat += step) {
      const [, y] = at([w, lat]);
      pen.beginPath(); pen.moveTo(0, y); pen.lineTo(canvas.clientWidth, y); pen.stroke();
      pen.fillText(`${lat.toFixed(digits)}°`, 4, y - 3);
    }
  }
  function draw() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = "#e6ecef";
    pen.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    pen.beginPath();
    ground.region.forEach((ring) => line(pen, ring, true));
    pen.fillStyle = "#fff"; pen.fill();
    pen.strokeStyle = "#98a5ae"; pen.setLineDash([4, 3]); pen.stroke(); pen.setLineDash([]);
    if (grid) degrees(pen);
    pen.beginPath();
    ground.roads.forEach((road) => line(pen, road, false));
    pen.strokeStyle = grid ? "#8a97a0" : "#b9c4cb"; pen.lineWidth = 1.2; pen.stroke();
    paint(pen, at, canvas);
  }
  function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    view.x += ((x - canvas.clientWidth / 2) / view.scale) * (1 - 1 / by);
    view.y += ((y - canvas.clientHeight / 2) / view.scale) * (1 - 1 / by);
    view.scale *= by;
    draw();
  }
  function shift(dx, dy) { view.x -= dx / view.scale; view.y -= dy / view.scale; draw(); }

  let held = null;
  const inside = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, far: 0, move: grab(...inside(event), event) };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held = { ...held, x: event.clientX, y: event.clientY, far: held.far + Math.abs(dx) + Math.abs(dy) };
    if (!held.move) shift(dx, dy);
    else if (held.far >= 5) held.move(...inside(event));
  });
  canvas.addEventListener("pointercancel", () => { held = null; });
  canvas.addEventListener("pointerup", (event) => {
    const still = held && held.far < 5;
    held = null;
    if (still) tap(...inside(event), event);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (key(event)) { event.preventDefault(); return; }
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (step) { event.preventDefault(); shift(...step); }
    if (event.key === "+" || event.key === "=") zoom(1.4);
    if (event.key === "-") zoom(0.7);
  });
  const watch = new ResizeObserver(() => { if (!canvas.dataset.fitted) { fit(); canvas.dataset.fitted = "yes"; } draw(); });
  watch.observe(canvas);
  const button = (sign, words, work) => h("button", { type: "button", "aria-label": words, title: words, onclick: work }, sign);
  const tools = h("div", { class: "zoom" },
    button("+", t("data.closer"), () => zoom(1.5)), button("−", t("data.further"), () => zoom(0.67)),
    button("⤢", t("data.whole"), () => { fit(); draw(); }));
  return { node: h("div", { class: "map-box " + kind }, canvas, tools), canvas, draw, at, back, leave: () => watch.disconnect() };
}

/** A small map of a table's points; a click tells the row. */
export function pointMap(ground, points, chosen = () => {}) {
  let marked = null;
  const shapes = [...ground.region.flat(), ...(ground.region.length ? [] : ground.roads.flat())];
  const near = points.filter((p) => !p[3]);

  function paint(pen, at) {
    for (const bad of [false, true]) {
      for (const point of points) {
        if (point[3] !== bad) continue;
        const [x, y] = at(point);
        pen.beginPath();
        const size = point[2] === marked ? 8 : 4.5;
        if (bad) pen.rect(x - size, y - size, 2 * size, 2 * size); else pen.arc(x, y, size, 0, 7);
        pen.fillStyle = FIRST[bad ? "bad" : "good"]; pen.fill();
        pen.strokeStyle = point[2] === marked ? "#f0a202" : "#fff"; pen.lineWidth = point[2] === marked ? 3 : 1; pen.stroke();
      }
    }
  }
  function tap(x, y) {
    let best = [14, null];
    for (const point of points) {
      const [px, py] = map.at(point);
      const far = Math.hypot(px - x, py - y);
      if (far < best[0]) best = [far, point];
    }
    if (best[1]) { mark(best[1][2]); chosen(best[1][2]); }
  }
  const map = plainMap(ground, shapes.length ? shapes : (near.length ? near : points), { label: t("data.points-label", { n: points.length }), paint, tap });
  function mark(row) { marked = row; map.draw(); }
  return { node: map.node, mark, leave: map.leave };
}
