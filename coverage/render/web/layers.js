// Layers made of markers and SVG paths, and what is common to all: visibility, clicks, popups.
// Names (590) lie above small symbols and below large ones; pins lie on top.
const PANE_BASE = { polygon: 310, dense: 340, background: 325, halo: 370, line: 410, dots: 480, small: 530, point: 600, pin: 640 };
const SMALL_PX = 13;

function pane(name, z, passive) {
  if (!MAP.getPane(name)) {
    const node = MAP.createPane(name);
    node.style.zIndex = z;
    if (passive) node.style.pointerEvents = "none";
  }
  return name;
}

/** A line drawn some pixels to the right of its direction (two directions of one road lie side by side). */
const SideLine = L.Polyline.extend({
  _projectLatlngs(latlngs, result, bounds) {
    L.Polyline.prototype._projectLatlngs.call(this, latlngs, result, bounds);
    if (this.options.side && latlngs[0] instanceof L.LatLng) {
      result.push(shifted(L.LineUtil.simplify(result.pop(), 2), this.options.side * lineScale()));
    }
  },
});

/** Lines are thinner when zoomed out. */
function lineScale() {
  const zoom = MAP.getZoom();
  return zoom < 8.5 ? 0.7 : zoom < 10 ? 0.85 : zoom < 13 ? 1 : 1.35;
}

/** Options of a line that change with the zoom level. */
function lineLook(c, more) {
  const k = lineScale();
  return { weight: (c.width + more) * k, dashArray: more ? null : c.dash.map((v) => v * k).join(" ") || null };
}

function shifted(points, by) {
  const normals = [];
  for (let i = 1; i < points.length; i++) {
    const dx = points[i].x - points[i - 1].x, dy = points[i].y - points[i - 1].y, length = Math.hypot(dx, dy) || 1;
    normals.push([-dy / length, dx / length]);
  }
  return points.map((p, i) => {
    const a = normals[Math.max(0, i - 1)] || [0, 0], b = normals[Math.min(i, normals.length - 1)] || a;
    const nx = a[0] + b[0], ny = a[1] + b[1], square = Math.max(nx * nx + ny * ny, 1);
    return L.point(p.x + 2 * nx / square * by, p.y + 2 * ny / square * by);
  });
}

/** Undo the delta coding of one part: [x, y, dx, dy, …] in 1e-5 degrees. */
function unwrap(flat) {
  const out = [];
  let x = 0, y = 0;
  for (let i = 0; i < flat.length; i += 2) {
    x += flat[i]; y += flat[i + 1];
    out.push(L.latLng(y / 1e5, x / 1e5));
  }
  return out;
}

/** Lines of several features as those of one: where one ends and the next begins they are joined. */
function joinLines(features) {
  const lines = [];
  let x = 0, y = 0;
  for (const part of features.flat()) {
    const last = lines[lines.length - 1], on = last && part[0] === x && part[1] === y;
    if (on) last.push(...part.slice(2)); else lines.push(part.slice());
    [x, y] = [0, 1].map((k) => part.reduce((sum, d, i) => (i % 2 === k ? sum + d : sum), 0));
  }
  return lines;
}

class MapLayer {
  constructor(spec, order) {
    this.spec = spec;
    this.order = order;
    this.on = spec.visible;
    this.off = new Set();
    this.parts = null;
    this.items = [];
    // A gap of an earlier step is told by the gaps of the last step that it falls into.
    if (spec.steps && spec.kind === "line") spec.geom = spec.geom.map((g, i) => (typeof g[0] === "number" ? joinLines(g.map((j) => spec.geom[j])) : g));
  }

  get dense() { return Boolean(this.spec.packed); }

  get inPhase() { return !view.hidden(this.spec.name) && (this.spec.phase === "both" || this.spec.phase === view.phase); }

  get shown() { return this.on && this.inPhase; }

  /** Whether a feature is there at the step of the plan that is shown. */
  there(i) {
    const steps = this.spec.steps;
    return !steps || (steps[i][0] <= view.step && view.step <= steps[i][1]);
  }

  /** How many features of each category there are, at the step that is shown. */
  get counts() {
    if (!this.spec.steps) return this.spec.counts;
    return this.spec.categories.map((_, k) => this.spec.cat.filter((c, i) => c === k && this.there(i)).length);
  }

  /** Whether a feature is drawn. */
  draws(i) { return this.shows(this.spec.cat[i]) && this.there(i); }

  shows(k) {
    return k >= 0 && this.shown && !this.off.has(k) && MAP.getZoom() >= this.spec.categories[k].min_zoom;
  }

  /** Make the Leaflet objects when the layer is first shown. */
  build() {
    const spec = this.spec;
    if (this.dense) {
      const base = spec.kind === "point" ? PANE_BASE.dots : spec.group === "background" ? PANE_BASE.dense : PANE_BASE.line;
      this.grid = new Dense(spec, { pane: pane("dense-" + this.order, base + this.order % 30, true) });
      this.parts = [];
      return;
    }
    this.parts = spec.categories.map(() => L.layerGroup());
    this.items = spec.cat.map(() => null);
    this.restep();
  }

  /** The Leaflet object of a feature, made when it is first wanted: most of a plan's steps are never looked at. */
  item(i) {
    const spec = this.spec, k = spec.cat[i];
    if (this.items[i] || k < 0) return this.items[i];
    const item = spec.kind === "point" ? this._point(i, spec.categories[k]) : this._shape(i, k);
    this.items[i] = item;
    if (this.label(i) && spec.kind !== "polygon") item.bindTooltip(() => el("span", {}, this.label(i)), { sticky: spec.kind !== "point", direction: "top" });
    item.on("click", (event) => { L.DomEvent.stopPropagation(event); clicked(event.latlng, this, this.nearest(event.latlng, i)); });
    return item;
  }

  _point(i, c) {
    const at = L.latLng(this.spec.geom[i][1] / 1e5, this.spec.geom[i][0] / 1e5);
    const title = [this.spec.title, c.label, this.label(i)].filter(Boolean).join(" · ");
    const isPin = c.symbol === "pin";
    const base = isPin ? "pin" : c.width < SMALL_PX ? "small" : "point";
    const where = pane(base + "-" + this.order, PANE_BASE[base] + this.order % 30);
    const marker = L.marker(at, { icon: isPin ? pinIcon(c, this.label(i), [14, -20]) : pointIcon(c), pane: where, alt: title, keyboard: true, riseOnHover: true });
    marker.on("keydown", (event) => { if (event.originalEvent.key === "Enter") clicked(at, this, i); });
    marker.on("add", () => {
      const node = marker.getElement();
      node.setAttribute("aria-label", title);
      node.setAttribute("role", "button");
      node.tabIndex = -1;
    });
    return marker;
  }

  _shape(i, k) {
    const spec = this.spec, c = spec.categories[k];
    if (spec.kind === "polygon") {
      const where = pane("area-" + this.order, PANE_BASE.polygon + this.order % 15);
      const plain = spec.group === "background" && DATA.basemap;
      return L.polygon(spec.geom[i].map((part) => part.map(unwrap)), { pane: where, color: c.edge || c.colour, weight: c.width,
        dashArray: c.dash.join(" ") || null, fillColor: c.colour, fillOpacity: plain ? 0 : c.opacity, bubblingMouseEvents: false });
    }
    const quiet = spec.group === "background";
    const where = pane("line-" + this.order, (quiet ? PANE_BASE.background : PANE_BASE.line) + this.order % 15);
    const lines = spec.geom[i].map(unwrap), side = spec.side ? spec.side[i] * spec.offset_px : 0;
    const line = new SideLine(lines, Object.assign({ pane: where, color: c.colour, opacity: c.opacity, side, more: 0,
      lineCap: "butt", bubblingMouseEvents: false }, lineLook(c, 0)));
    // A wide invisible line takes the finger; the halo lies under all lines.
    const touch = new SideLine(lines, { pane: where, weight: Math.max(14, c.width), opacity: 0, side, bubblingMouseEvents: false });
    const group = L.featureGroup(quiet ? [line] : [line, touch]);
    if (c.halo) {
      const under = pane("halo-" + this.order, PANE_BASE.halo + this.order % 15, true);
      group.addLayer(new SideLine(lines, Object.assign({ pane: under, color: c.halo, side, more: 6, interactive: false, lineCap: "round" }, lineLook(c, 6))));
    }
    return group;
  }

  /** Of lines whose wide touch areas overlap (the two directions of a road) the one that is drawn nearest. */
  nearest(latlng, clickedOn) {
    if (this.spec.kind !== "line") return clickedOn;
    const p = MAP.latLngToLayerPoint(latlng);
    let best = clickedOn, least = Infinity;
    this.items.forEach((item, i) => {
      if (!item || !this.draws(i)) return;
      const at = item.getLayers()[0].closestLayerPoint(p);
      if (at && at.distance < least) { best = i; least = at.distance; }
    });
    return best;
  }

  refresh() {
    if (!this.shown) {
      if (this.grid) this.grid.remove();
      for (const part of this.parts || []) part.remove();
      return;
    }
    if (!this.parts) this.build();
    if (this.grid) {
      this.grid.setCategories(this.spec.categories.map((_, k) => !this.off.has(k)));
      this.grid.addTo(MAP);
      return;
    }
    this.rescale();
    this.restep();
    this.parts.forEach((part, k) => {
      if (this.shows(k)) part.addTo(MAP); else part.remove();
    });
  }

  /** Put in and take out what comes and goes with the step of the plan. */
  restep() {
    const step = this.spec.steps ? view.step : 0;
    if (this.step === step) return;
    this.step = step;
    this.items.forEach((made, i) => {
      const there = this.there(i), item = there ? this.item(i) : made;
      if (!item) return;
      const part = this.parts[this.spec.cat[i]];
      if (there !== part.hasLayer(item)) { if (there) part.addLayer(item); else part.removeLayer(item); }
    });
  }

  rescale() {
    if (this.spec.kind !== "line" || this.scale === lineScale()) return;
    this.scale = lineScale();
    this.items.forEach((item, i) => {
      if (!item) return;
      const c = this.spec.categories[this.spec.cat[i]];
      item.eachLayer((line) => { if ("more" in line.options) line.setStyle(lineLook(c, line.options.more)); });
    });
  }

  label(i) { return this.spec.labels ? this.spec.labels[i] : ""; }

  /** The cells of a row as [header, text]. */
  async row(i) {
    const columns = this.spec.columns;
    if (!this.dense) return columns.map((name, c) => [name, this.spec.props[c].values[this.spec.props[c].index[i]]]);
    if (!this.grid) this.build();
    return Promise.all(columns.map(async (name, c) => [name, (await this.grid.texts(c))(i)]));
  }

  async extra(kind, i) {
    if (!this.dense) return this.spec[kind] ? this.spec[kind][i] : "";
    if (!this.spec.has[kind]) return "";
    return (await this.grid.texts(kind))(i);
  }

  bounds(i) {
    if (this.grid) return this.grid.bounds(i);
    const item = this.item(i);
    return item.getBounds ? item.getBounds() : L.latLngBounds([item.getLatLng()]);
  }

  /** A place on the feature. */
  anchor(i) {
    if (this.grid) return this.grid.anchor(i);
    if (this.spec.kind === "point") return this.item(i).getLatLng();
    if (this.spec.kind === "polygon") return L.latLng(this.spec.centre[i][1] / 1e5, this.spec.centre[i][0] / 1e5);
    const longest = this.spec.geom[i].reduce((a, b) => (b.length > a.length ? b : a));
    const points = unwrap(longest);
    return points[points.length >> 1];
  }

  get extent() {
    const [w, s, e, n] = this.spec.bounds;
    return L.latLngBounds([s, w], [n, e]);
  }
}

const view = { phase: "before", layers: [], measuring: false, hidden: () => false, step: DATA.plan ? DATA.plan.steps.length - 1 : 0 };

function refreshLayers() {
  const zoom = MAP.getZoom();
  MAP.getContainer().dataset.scale = zoom < 8 ? "tiny" : zoom < 9.5 ? "far" : zoom < 11 ? "middle" : "near";
  for (const layer of view.layers) layer.refresh();
  MAP.fire("layersrefreshed");
}

/** Nearest feature of the dense layers under a place, topmost layer first. */
function pickDense(latlng, kind) {
  const pixels = L.Browser.mobile ? 16 : 8;
  for (const layer of view.layers.slice().reverse()) {
    if (!layer.grid || !layer.shown || layer.spec.kind !== kind) continue;
    const i = layer.grid.pick(latlng, pixels);
    if (i >= 0) return [layer, i];
  }
  return null;
}

/** Nearest route or gap beside a place: they come before roads of the background, which lie under them. */
function pickLine(latlng) {
  const pixels = L.Browser.mobile ? 20 : 12, p = MAP.latLngToLayerPoint(latlng);
  let best = null, least = pixels;
  for (const layer of view.layers) {
    if (layer.dense || layer.spec.kind !== "line" || layer.spec.group === "background" || !layer.shown || !layer.parts) continue;
    layer.items.forEach((item, i) => {
      if (!item || !layer.draws(i)) return;
      const at = item.getLayers()[0].closestLayerPoint(p);
      if (at && at.distance < least) { best = [layer, i]; least = at.distance; }
    });
  }
  return best;
}

/** A click: dense points lie above lines, dense lines above areas. */
function clicked(latlng, layer, i) {
  if (view.measuring) { MAP.fire("measureclick", { latlng }); return; }
  if (!(layer && layer.spec.kind === "point") && openCluster(latlng)) return;
  const isPoint = layer && layer.spec.kind === "point", isLine = layer && layer.spec.kind === "line";
  const hit = (!isPoint && pickDense(latlng, "point")) || (!isPoint && !isLine && (pickLine(latlng) || pickDense(latlng, "line"))) || (layer && [layer, i]);
  if (!hit && highlighted) highlighted.remove();
  if (hit) openPopup(hit[0], hit[1], isPoint && hit[0] === layer ? layer.anchor(i) : latlng);
}

let highlighted = null;

/** A white band with dark edges under the chosen lines, until something else is chosen. */
function highlight(layer, indexes) {
  if (highlighted) highlighted.remove();
  highlighted = L.featureGroup();
  if (layer.spec.kind !== "line") return;
  for (const [color, weight] of [["#111827", 17], ["#ffffff", 13]]) {
    for (const i of indexes) {
      const lines = layer.dense ? [layer.grid.path(i)] : layer.spec.geom[i].map(unwrap);
      const side = (layer.dense ? layer.grid.sideOf(i) : layer.spec.side ? layer.spec.side[i] : 0) * layer.spec.offset_px;
      highlighted.addLayer(new SideLine(lines, { pane: pane("chosen", 365, true), color, weight, side, interactive: false }));
    }
  }
  highlighted.addTo(MAP);
}

async function openPopup(layer, i, at) {
  if (DATA.regions && layer.spec.name === "regions") { popupAt(regionBox(i), at); return; }
  const rows = await layer.row(i), strip = await layer.extra("strip", i);
  const category = layer.dense ? layer.grid.category[i] : layer.spec.cat[i];
  const name = (await layer.extra("heading", i)) || (layer.spec.numbered && (await layer.extra("search", i))) || (await layer.extra("labels", i)) || "";
  const table = el("table", {}), unknown = T("value.unknown");
  const line = (header, kind, ...values) => table.append(el("tr", { class: kind }, el("th", { scope: "row" }, header), el("td", {}, ...values)));
  rows.forEach(([header, value], c) => {
    if (!value || value === unknown) return;
    if (layer.spec.lists[c]) line(header, "list", ...value.split("\n").map((entry) => el("div", {}, entry)));
    else line(header, null, value);
  });
  // What is not known is said in one line, not in ten.
  const missing = rows.filter(([, value]) => value === unknown).map(([header]) => header);
  if (missing.length) line(unknown, "missing", missing.join(T("map.comma")));
  const style = layer.spec.categories[category];
  const heading = el("p", { class: "popup-kind" }, swatch(layer.spec.kind, style), el("span", {}, layer.spec.categories.length > 1 ? layer.spec.title + " · " + style.label : layer.spec.title));
  const box = el("div", { class: "popup" }, heading, name ? el("h2", {}, name) : "", table);
  const hasStrip = strip && Object.prototype.hasOwnProperty.call(DATA.strips, strip);
  if (hasStrip) box.append(el("button", { type: "button", class: "plain", onclick: () => showStrip(strip, name) }, T("map.open-strip")));
  if (hasStrip && !isNarrow()) showStrip(strip, name);
  const offset = layer.spec.kind === "point" && !layer.dense ? [0, -style.width / 2] : [0, 0];
  popupAt(box, at, offset);
  highlight(layer, [i]);
}

/** A popup that stands whole in the map, beside its buttons. */
function popupAt(content, at, offset = [0, 0]) {
  const size = MAP.getSize();
  L.popup({ maxWidth: Math.min(340, size.x - 96), minWidth: Math.min(220, size.x - 96), maxHeight: Math.max(120, size.y - 90), offset, autoPanPaddingTopLeft: [56, 12], autoPanPaddingBottomRight: [12, 12] })
    .setLatLng(at).setContent(content).openOn(MAP);
}

/** Show features of a layer: switch it on, go there, open the popup if it is one. */
async function goTo(layer, indexes) {
  if (layer.spec.phase !== "both") setPhase(layer.spec.phase);
  layer.on = true;
  layer.off.clear();
  if (indexes.some((i) => !layer.there(i))) setStep(Math.max(...indexes.map((i) => layer.spec.steps[i][0])));
  refreshLayers();
  if (layer.grid) await layer.grid.ready;
  const bounds = L.latLngBounds([]);
  for (const i of indexes) bounds.extend(layer.bounds(i));
  if (!bounds.isValid()) return;
  const strip = await layer.extra("strip", indexes[0]);
  if (strip && !isNarrow() && Object.prototype.hasOwnProperty.call(DATA.strips, strip)) showStrip(strip, await layer.extra("labels", indexes[0]));
  MAP.fitBounds(bounds, { maxZoom: Math.max(13, MAP.getZoom() > 15 ? 15 : 13), padding: [50, 50], animate: false });
  // A whole route is shown, not explained by one of its pieces.
  if (indexes.length === 1 || layer.spec.kind !== "line") await openPopup(layer, indexes[0], layer.anchor(indexes[0]));
  else highlight(layer, indexes);
  say(layer.spec.title);
}
