// Names, route numbers and pins, placed anew at each zoom so that they don't lie on each other.
function pinIcon(c, number, [dx, dy]) {
  const r = c.width / 2, node = svg("svg", { width: 2, height: 2, class: "pin", overflow: "visible" });
  const length = Math.hypot(dx, dy) || 1, nx = -dy / length * r * 0.55, ny = dx / length * r * 0.55;
  node.append(
    svg("path", { d: `M0 0L${dx + nx} ${dy + ny}L${dx - nx} ${dy - ny}z`, fill: c.colour, stroke: "#fff", "stroke-width": 1.2, "stroke-linejoin": "round" }),
    svg("circle", { r: 3.4, fill: "#fff", stroke: c.colour, "stroke-width": 2 }),
    svg("circle", { cx: dx, cy: dy, r, fill: c.colour, stroke: "#fff", "stroke-width": 1.8 }),
    svg("text", { x: dx, y: dy + 4, "text-anchor": "middle", class: String(number).length > 2 ? "pin-number small" : "pin-number" }, number || ""));
  return L.divIcon({ html: node, className: "mark", iconSize: [2, 2], iconAnchor: [0, 0], popupAnchor: [dx, dy - r] });
}

const AREA_OFFSETS = [[0, 0], [0, -18], [0, 18], [-34, 0], [34, 0], [-34, -20], [34, -20], [-34, 20], [34, 20], [0, -34], [0, 34],
  [-56, 0], [56, 0], [-48, -34], [48, -34], [-48, 34], [48, 34], [-76, -12], [76, -12], [-76, 14], [76, 14]];
const overlaps = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
const around = (x, y, w, h) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2];

const Names = L.Layer.extend({
  onAdd() {
    this.box = el("div", { class: "names" });
    MAP.getPane(pane("names", 590, true)).append(this.box);
    MAP.on("moveend zoomend layersrefreshed resize", this.schedule, this);
    this.ruler = document.createElement("canvas").getContext("2d");
    this.widths = new Map();
    this.held = new Map();
    this.schedule();
  },

  schedule() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => this.place());
  },

  width(text, font) {
    const key = font + text;
    if (!this.widths.has(key)) {
      this.ruler.font = font + ' "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif';
      this.widths.set(key, this.ruler.measureText(text).width);
    }
    return this.widths.get(key);
  },

  place() {
    this.taken = [];
    this.marks = [];
    this.written = new Set();
    this.box.replaceChildren();
    this.solid();
    const spots = editing() ? spotBoxes() : [];
    const layers = view.layers.filter((l) => l.shown && (l.spec.labels || this.denseLabels(l)));
    const lines = layers.filter((l) => l.spec.kind === "line");
    this.pins();
    // Of hundreds of regions a name stands in its own or not at all.
    // Areas keep the places that they have at a zoom, so that they are the same today, with the plan and while it is edited.
    for (const l of layers.filter((l) => l.spec.kind === "polygon")) this.plain(l, "area", "600 14px", DATA.regions ? AREA_OFFSETS.slice(0, 1) : AREA_OFFSETS);
    this.marks.push(...spots); // only now, so that areas keep their places
    for (const l of lines.filter((l) => l.spec.group !== "background")) this.routes(l);
    for (const l of layers.filter((l) => l.spec.kind === "point" && !l.spec.numbered)) this.plain(l, "town", "12px", null);
    for (const l of lines.filter((l) => l.spec.group === "background")) this.routes(l);
  },

  /** Route numbers of a dense layer; they are unpacked once, then the names are placed anew. */
  denseLabels(layer) {
    if (!layer.grid || layer.spec.kind !== "line" || layer.spec.group === "background" || !layer.spec.has.labels) return false;
    if (layer.denseLabels === undefined) {
      layer.denseLabels = null;
      layer.grid.texts("labels").then((read) => { layer.denseLabels = read; this.schedule(); });
    }
    return Boolean(layer.denseLabels);
  },

  /** Symbols that names keep clear of. */
  solid() {
    const area = MAP.getBounds();
    for (const layer of view.layers) {
      if (!layer.shown || layer.dense || layer.spec.kind !== "point" || !layer.parts || layer.spec.numbered) continue;
      layer.items.forEach((item, i) => {
        if (!item || !layer.draws(i) || !area.contains(item.getLatLng())) return;
        const p = MAP.latLngToLayerPoint(item.getLatLng()), w = layer.spec.categories[layer.spec.cat[i]].width;
        if (w >= 10) this.marks.push(around(p.x, p.y, w + 2, w + 2));
      });
    }
  },

  pins() {
    const tries = [[14, -22], [-14, -22], [24, -8], [-24, -8], [26, 12], [-26, 12], [0, -34], [14, 24], [-14, 24], [34, -26], [-34, -26], [0, 40]];
    for (const layer of view.layers) {
      if (!layer.shown || !layer.spec.numbered || !layer.parts || layer.dense) continue;
      layer.items.forEach((item, i) => {
        if (!item || !layer.draws(i)) return;
        const p = MAP.latLngToLayerPoint(item.getLatLng()), c = layer.spec.categories[layer.spec.cat[i]], w = c.width + 3;
        const free = ([dx, dy]) => this.free(p.x + dx, p.y + dy, w, w);
        const offset = tries.find(free) || tries[0];
        this.taken.push(around(p.x + offset[0], p.y + offset[1], w, w), around(p.x, p.y, 8, 8));
        if (item.placed === String(offset)) return;
        item.placed = String(offset);
        const focus = document.activeElement === item.getElement();
        item.setIcon(pinIcon(c, layer.label(i), offset));
        item.fire("add");
        if (focus) item.getElement().focus();
      });
    }
  },

  put(text, kind, x, y, w, h) {
    const node = el("span", { class: "name " + kind }, text);
    node.style.transform = `translate(${Math.round(x - w / 2)}px,${Math.round(y - h / 2)}px)`;
    this.box.append(node);
    this.taken.push(around(x, y, w + 4, h + 2));
  },

  /** Whether a place is free of names and pins and, unless told otherwise, of symbols. */
  free(x, y, w, h, overMarks) {
    const box = around(x, y, w, h), meets = (other) => overlaps(other, box);
    return !this.taken.some(meets) && (overMarks || !this.marks.some(meets));
  },

  /** Of the places free of other names the one that hides the fewest symbols. */
  least(offsets, p, w, h) {
    const hidden = ([dx, dy]) => this.marks.filter((other) => overlaps(other, around(p.x + dx, p.y + dy, w, h))).length;
    return offsets.filter(([dx, dy]) => this.free(p.x + dx, p.y + dy, w, h, true)).reduce((a, b) => (a && hidden(a) <= hidden(b) ? a : b), null);
  },

  /** A number for each route: once in view, where there is room. */
  routes(layer) {
    const done = new Set(), area = MAP.getBounds(), quiet = layer.spec.group === "background";
    const found = layer.inView(), room = found.length > 400 ? 46 : 12;
    const kind = quiet ? "water" : "shield", font = quiet ? "italic 12px" : "600 11px";
    found.forEach(([k, i]) => {
      const text = layer.dense ? layer.denseLabels(i) : layer.label(i);
      if (!text || done.has(text) || !layer.shows(k)) return;
      for (const at of layer.alongside(i)) {
        if (!area.contains(at)) continue;
        const p = MAP.latLngToLayerPoint(at), w = this.width(text, font) + 8;
        if (!this.free(p.x, p.y, w + room, 12 + room)) continue;
        this.put(text, kind, p.x, p.y, w, 16);
        done.add(text);
        return;
      }
    });
  },

  plain(layer, kind, font, offsets) {
    const area = MAP.getBounds(), small = MAP.getZoom() < 8 && kind === "town";
    layer.spec.cat.forEach((k, i) => {
      const text = layer.label(i);
      if (!text || this.written.has(text) || !layer.shows(k) || !layer.there(i) || (small && i > 30)) return;
      const size = kind === "area" ? 0 : layer.spec.categories[k].width;
      if (layer.spec.group !== "background" && MAP.getZoom() < (size < SMALL_PX ? 13 : 11)) return;
      const at = layer.anchor(i);
      if (!area.contains(at)) return;
      const p = MAP.latLngToLayerPoint(at), w = this.width(text, font) + (kind === "area" ? text.length : 0), h = kind === "area" ? 18 : 15;
      if (kind === "area" && DATA.regions && w > 2 * layer.wide(i)) return; // it would stand in its neighbours
      const side = w / 2 + size / 2 + 4, up = size / 2 + 10;
      const at4 = offsets ? layer.within(i, p, offsets) : [[side, 0], [-side, 0], [0, -up], [0, up], [side, -9], [-side, 9]];
      const fits = (overMarks) => at4.find(([dx, dy]) => this.free(p.x + dx, p.y + dy, w, h, overMarks));
      const key = MAP.getZoom() + text, kept = kind === "area" && this.held.get(key);
      const found = kept || fits(false) || (kind === "area" && this.least(at4, p, w, h));
      if (!found) return;
      if (kind === "area") this.held.set(key, found);
      this.put(text, kind, p.x + found[0], p.y + found[1], w, h);
      this.written.add(text);
    });
  },
});

/** Places along a line where its number may stand: the middle first. */
MapLayer.prototype.alongside = function* (i) {
  const points = this.dense ? null : unwrap(this.spec.geom[i].reduce((a, b) => (b.length > a.length ? b : a)));
  const n = points ? points.length : this.grid.starts[i + 1] - this.grid.starts[i];
  for (const share of [0.5, 0.3, 0.7, 0.15, 0.85, 0.4, 0.6, 0.2, 0.8]) {
    const k = Math.min(n - 1, Math.floor(share * n));
    yield points ? points[k] : this.grid.place(i, k);
  }
};

/** [category, number] of the features; of a dense layer only those on the screen. */
MapLayer.prototype.inView = function () {
  if (!this.dense) return this.spec.cat.map((k, i) => [k, i]);
  const area = MAP.getBounds(), a = MAP.project(area.getNorthWest(), 0), b = MAP.project(area.getSouthEast(), 0);
  return this.grid.pack ? this.grid._within(a.x, a.y, b.x, b.y).sort((i, j) => i - j).map((i) => [this.grid.category[i], i]) : [];
};

/** Width of an area on the screen, px. */
MapLayer.prototype.wide = function (i) {
  this.spans ??= this.spec.geom.map((parts) => {
    const lon = parts.flatMap((part) => unwrap(part[0])).map((at) => at.lng);
    return lon.reduce((a, b) => Math.max(a, b), -Infinity) - lon.reduce((a, b) => Math.min(a, b), Infinity);
  });
  return this.spans[i] * 256 * 2 ** MAP.getZoom() / 360;
};

/** Offsets that keep a name inside its own area come first, far ones outside are left out. */
MapLayer.prototype.within = function (i, p, offsets) {
  const rings = this.spec.geom[i].map((part) => unwrap(part[0]).map((at) => MAP.latLngToLayerPoint(at)));
  const crosses = (x, y) => (a, b) => (a.y > y) !== (b.y > y) && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x;
  const inside = ([dx, dy]) => rings.some((ring) => {
    const cut = crosses(p.x + dx, p.y + dy);
    return ring.filter((a, k) => cut(a, ring[(k + 1) % ring.length])).length % 2 === 1;
  });
  const own = offsets.filter(inside), near = offsets.filter((o) => Math.hypot(...o) < 45 && !own.includes(o));
  return own.concat(near);
};
