// A small map of points over region and roads: canvas, drag and wheel; a click tells the row.

import { h, t } from "./core.js";

const FIRST = { good: "#3b8bc2", bad: "#a50026" };

export function pointMap(ground, points, chosen = () => {}) {
  const canvas = h("canvas", { class: "points", tabIndex: 0, role: "img", "aria-label": t("data.points-label", { n: points.length }) });
  const view = { x: 0, y: 0, scale: 1, lat: 0, marked: null };
  const shapes = [...ground.region.flat(), ...(ground.region.length ? [] : ground.roads.flat())];
  const near = points.filter((p) => !p[3]);
  const all = shapes.length ? shapes : (near.length ? near : points);

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
  function line(pen, path, close) {
    path.forEach((point, i) => (i ? pen.lineTo(...at(point)) : pen.moveTo(...at(point))));
    if (close) pen.closePath();
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
    pen.beginPath();
    ground.roads.forEach((road) => line(pen, road, false));
    pen.strokeStyle = "#b9c4cb"; pen.lineWidth = 1.2; pen.stroke();
    for (const bad of [false, true]) {
      for (const point of points) {
        if (point[3] !== bad) continue;
        const [x, y] = at(point);
        pen.beginPath();
        const size = point[2] === view.marked ? 8 : 4.5;
        if (bad) pen.rect(x - size, y - size, 2 * size, 2 * size); else pen.arc(x, y, size, 0, 7);
        pen.fillStyle = FIRST[bad ? "bad" : "good"]; pen.fill();
        pen.strokeStyle = point[2] === view.marked ? "#f0a202" : "#fff"; pen.lineWidth = point[2] === view.marked ? 3 : 1; pen.stroke();
      }
    }
  }
  function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    view.x += ((x - canvas.clientWidth / 2) / view.scale) * (1 - 1 / by);
    view.y += ((y - canvas.clientHeight / 2) / view.scale) * (1 - 1 / by);
    view.scale *= by;
    draw();
  }
  function shift(dx, dy) { view.x -= dx / view.scale; view.y -= dy / view.scale; draw(); }

  let held = null;
  canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY, far: 0 }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held = { x: event.clientX, y: event.clientY, far: held.far + Math.abs(dx) + Math.abs(dy) };
    shift(dx, dy);
  });
  canvas.addEventListener("pointerup", (event) => {
    const still = held && held.far < 5;
    held = null;
    if (!still) return;
    const box = canvas.getBoundingClientRect();
    let best = [14, null];
    for (const point of points) {
      const [x, y] = at(point);
      const far = Math.hypot(x - (event.clientX - box.left), y - (event.clientY - box.top));
      if (far < best[0]) best = [far, point];
    }
    if (best[1]) { view.marked = best[1][2]; draw(); chosen(best[1][2]); }
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (step) { event.preventDefault(); shift(...step); }
    if (event.key === "+" || event.key === "=") zoom(1.4);
    if (event.key === "-") zoom(0.7);
  });
  const watch = new ResizeObserver(() => { if (!canvas.dataset.fitted) { fit(); canvas.dataset.fitted = "yes"; } draw(); });
  watch.observe(canvas);
  const button = (label, words, work) => h("button", { type: "button", "aria-label": words, title: words, onclick: work }, label);
  const tools = h("div", { class: "zoom" },
    button("+", t("data.closer"), () => zoom(1.5)), button("−", t("data.further"), () => zoom(0.67)),
    button("⤢", t("data.whole"), () => { fit(); draw(); }));
  return {
    node: h("div", { class: "map-box" }, canvas, tools),
    mark: (row) => { view.marked = row; draw(); },
    leave: () => watch.disconnect(),
  };
}
