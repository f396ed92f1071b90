// Search, measuring, full screen, printing, the whole area.
const search = { index: null, hits: [], at: -1 };

async function searchIndex() {
  if (search.index) return search.index;
  const index = new Map();
  for (const layer of view.layers) {
    if (!layer.spec.has.search) continue;
    if (layer.dense && !layer.grid) layer.build();
    const read = layer.dense ? await layer.grid.texts("search") : (i) => layer.spec.search[i];
    for (let i = 0; i < layer.spec.count; i++) {
      const text = read(i), name = layer.spec.group + "|" + layer.spec.title + "|" + text, key = layer.order + "|" + name;
      if (!text) continue;
      if (index.has(key)) index.get(key).indexes.push(i);
      else index.set(key, { text, name, lower: text.toLowerCase(), layer, indexes: [i] });
    }
  }
  return (search.index = [...index.values()]);
}

async function findHits(query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [];
  const place = /^(-?\d+(?:\.\d+)?)\s*[,,;\s]\s*(-?\d+(?:\.\d+)?)$/.exec(wanted);
  if (place && Math.abs(place[1]) <= 180 && Math.abs(place[2]) <= 90) return [{ text: query.trim(), place: L.latLng(+place[2], +place[1]) }];
  // What is there today and with the plan is found once: in the state that is shown.
  const all = await searchIndex(), shown = new Set(all.filter((entry) => entry.layer.inPhase).map((entry) => entry.name));
  const index = all.filter((entry) => entry.layer.inPhase || !shown.has(entry.name));
  const starts = index.filter((entry) => entry.lower.startsWith(wanted));
  return starts.concat(index.filter((entry) => !entry.lower.startsWith(wanted) && entry.lower.includes(wanted)));
}

const MOST_HITS = 10;

async function showHits() {
  const query = byId("search").value, list = byId("hits");
  const hits = await findHits(query);
  if (query !== byId("search").value) return;
  search.hits = hits.slice(0, MOST_HITS);
  search.at = -1;
  list.replaceChildren();
  search.hits.forEach((hit, n) => {
    const line = el("li", { role: "option", id: "hit-" + n, "aria-selected": "false" }, el("span", {}, hit.text), el("small", {}, hit.layer ? hit.layer.spec.title : ""));
    line.addEventListener("mousedown", (event) => { event.preventDefault(); choose(n); });
    list.append(line);
  });
  if (query.trim() && !hits.length) list.append(el("li", { class: "none" }, T("map.no-hits", { query: query.trim() })));
  if (hits.length > MOST_HITS) list.append(el("li", { class: "none" }, T("map.more", { n: hits.length - MOST_HITS })));
  list.hidden = !query.trim();
  byId("search").setAttribute("aria-expanded", String(!list.hidden));
  if (query.trim()) say(T("map.hits", { n: hits.length }));
}

function closeHits() {
  byId("hits").hidden = true;
  byId("search").setAttribute("aria-expanded", "false");
  byId("search").removeAttribute("aria-activedescendant");
}

function moveHit(step) {
  if (!search.hits.length) return;
  search.at = (search.at + step + search.hits.length) % search.hits.length;
  byId("hits").querySelectorAll("[role=option]").forEach((line, n) => line.setAttribute("aria-selected", String(n === search.at)));
  byId("search").setAttribute("aria-activedescendant", "hit-" + search.at);
}

async function choose(n) {
  const hit = search.hits[n];
  if (!hit) return;
  closeHits();
  if (isNarrow()) byId("search").blur();
  if (hit.place) {
    MAP.setView(hit.place, Math.max(MAP.getZoom(), 13), { animate: false });
    L.popup().setLatLng(hit.place).setContent(el("div", { class: "popup" }, T("map.position", { lat: hit.place.lat, lon: hit.place.lng }))).openOn(MAP);
    return;
  }
  await goTo(hit.layer, hit.indexes);
  buildTree();
}

function buildSearch() {
  const box = byId("search");
  box.placeholder = T("map.search");
  box.setAttribute("aria-label", T("map.search-label"));
  box.addEventListener("input", showHits);
  box.addEventListener("focus", () => { if (box.value) showHits(); });
  // A click on a hit comes first; whoever is back in the box by then wants to see what is found.
  box.addEventListener("blur", () => setTimeout(() => document.activeElement === box || closeHits(), 150));
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { moveHit(1); event.preventDefault(); }
    else if (event.key === "ArrowUp") { moveHit(-1); event.preventDefault(); }
    else if (event.key === "Enter") { choose(Math.max(0, search.at)); event.preventDefault(); }
    else if (event.key === "Escape") closeHits();
  });
}

/** Distance on the ellipsoid (WGS 84) by Andoyer and Lambert: metres, good to about 10 m in 1000 km. */
function distance(a, b) {
  const rad = Math.PI / 180, R = 6378137, f = 1 / 298.257223563;
  const reduced = (lat) => Math.atan((1 - f) * Math.tan(lat * rad));
  const p1 = reduced(a.lat), p2 = reduced(b.lat), half = (b.lng - a.lng) * rad / 2;
  const h = Math.sin((p2 - p1) / 2) ** 2 + Math.cos(p1) * Math.cos(p2) * Math.sin(half) ** 2;
  const s = 2 * Math.asin(Math.min(1, Math.sqrt(h)));
  if (s < 1e-12) return 0;
  const P = (p1 + p2) / 2, Q = (p2 - p1) / 2;
  const X = (s - Math.sin(s)) * (Math.sin(P) * Math.cos(Q) / Math.cos(s / 2)) ** 2;
  const Y = (s + Math.sin(s)) * (Math.cos(P) * Math.sin(Q) / Math.sin(s / 2)) ** 2;
  return R * (s - f / 2 * (X + Y));
}

const LENGTHS = { km: ["km", 1000, "m", 1], mi: ["mi", 1609.344, "ft", 0.3048] };

function shownLength(m) {
  const [unit, each, small, part] = LENGTHS[DATA.lengths], length = m / each;
  return length < (unit === "km" ? 1 : 0.1) ? (m / part).toFixed(0) + " " + small : length.toFixed(length < 100 ? 2 : 1) + " " + unit;
}

const measure = { points: [], layer: null };

function startMeasure(on) {
  view.measuring = on;
  byId("measure").setAttribute("aria-pressed", String(on));
  MAP.getContainer().classList.toggle("measuring", on);
  if (on) {
    measure.points = [];
    if (measure.layer) measure.layer.remove();
    measure.layer = L.featureGroup().addTo(MAP);
    MAP.doubleClickZoom.disable();
    MAP.closePopup();
    say(T("map.measure-hint"));
  } else setTimeout(() => MAP.doubleClickZoom.enable(), 300);
  byId("hint").textContent = on ? T("map.measure-hint") : "";
  byId("hint").hidden = !on;
}

function addPoint(latlng) {
  const last = measure.points[measure.points.length - 1];
  if (last && last.equals(latlng)) return;
  measure.points.push(latlng);
  const total = measure.points.reduce((sum, p, i) => (i ? sum + distance(measure.points[i - 1], p) : 0), 0);
  measure.layer.clearLayers();
  const ink = { color: "#111827", weight: 2.5, dashArray: "6 4", interactive: false, pane: pane("measure", 660, true) };
  measure.layer.addLayer(L.polyline(measure.points, ink));
  for (const p of measure.points) measure.layer.addLayer(L.circleMarker(p, { radius: 3.5, color: "#111827", weight: 2, fillColor: "#fff", fillOpacity: 1, interactive: false, pane: "measure" }));
  if (measure.points.length > 1) {
    const tip = L.tooltip({ permanent: true, direction: "right", offset: [8, 0], className: "measured" });
    measure.layer.addLayer(tip.setLatLng(latlng).setContent(el("span", {}, shownLength(total))));
    say(shownLength(total));
  }
}

function wholeArea() {
  const [w, s, e, n] = DATA.bounds;
  MAP.fitBounds([[s, w], [n, e]], { paddingTopLeft: [isNarrow() ? 52 : 14, 14], paddingBottomRight: [14, 14], animate: false });
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (document.documentElement.requestFullscreen) document.documentElement.requestFullscreen();
}

/** Paper is another size than the window: lay the map out anew, then print, then back. */
function setPrinting(on) {
  if (document.body.classList.contains("printing") === on) return;
  const centre = MAP.getCenter(), zoom = MAP.getZoom(), [w, s, e, n] = DATA.bounds;
  const whole = MAP.getBounds().contains([[s, w], [n, e]]);
  document.body.classList.toggle("printing", on);
  for (const part of document.querySelectorAll("#edit-body [data-part=summary]")) part.open = part.open || on;
  // A long legend is made smaller until it fits the sheet.
  const tree = byId("tree");
  for (const box of [tree, byId("finding-list"), byId("edit-body")]) {
    box.style.zoom = "1";
    if (on) for (let k = 0.95; k > 0.45 && box.scrollHeight > box.clientHeight + 1; k -= 0.05) box.style.zoom = String(k);
  }
  MAP.invalidateSize({ pan: false, animate: false });
  if (whole) wholeArea(); else MAP.setView(centre, zoom, { animate: false });
  names.place();
}

function printMap() {
  setPrinting(true);
  setTimeout(() => { window.print(); setPrinting(false); }, 700);
}

function toolButton(name, key, action, more) {
  const button = el("button", Object.assign({ type: "button", title: T(key), "aria-label": T(key), onclick: action }, more), icon(name));
  L.DomEvent.disableClickPropagation(button);
  return button;
}

function buildTools() {
  byId("tools").append(
    toolButton("plus", "map.zoom-in", () => MAP.zoomIn(1)), toolButton("minus", "map.zoom-out", () => MAP.zoomOut(1)),
    toolButton("home", "map.home", wholeArea), toolButton("measure", "map.measure", () => startMeasure(!view.measuring), { id: "measure", "aria-pressed": "false" }),
    toolButton("fullscreen", "map.fullscreen", fullScreen));
  MAP.on("measureclick", (event) => addPoint(event.latlng));
  MAP.on("dblclick", () => { if (view.measuring) startMeasure(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (view.measuring) startMeasure(false);
    else if (measure.layer) { measure.layer.remove(); measure.layer = null; }
  });
  window.addEventListener("beforeprint", () => setPrinting(true));
  window.addEventListener("afterprint", () => setPrinting(false));
}
