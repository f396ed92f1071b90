// The plan changed by hand, on the map: roads by the gaps of the state, and everything that can be switched.
const EDIT_KEEPS = new Set(["counties", "waterways", "reach", "roads", "expressways", "towns"]);
const GAP_LOOK = { 0: 0, 1: 1, 2: 2, shared: 3, open: 4, no_site: 5 };
const drawn = { layer: null, gaps: new Map(), spots: [], shown: false };

const editing = () => drawn.shown;

/** A number as the tables write it: rounded half up, thousands apart, no zeros at the end unless asked for. */
function decimals(value, places, fixed) {
  const size = Math.abs(value), words = (size < 1e-6 ? 0 : Number(Math.round(Number(size + "e" + places)) + "e-" + places)).toFixed(places);
  const [whole, part] = words.split("."), set = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const kept = part === undefined ? "" : fixed ? part : part.replace(/0+$/, "");
  return (value < 0 && Number(words) !== 0 ? "-" : "") + set + (kept ? "." + kept : "");
}

function percentWords(share) {
  let words = "";
  for (let places = 1; places < 8; places++) {
    words = decimals(share * 100, places);
    if ((words !== "100" || share >= 1 - 1e-9) && (words !== "0" || share <= 1e-9)) break;
  }
  return words + "%";
}

const inMiles = () => DATA.lengths === "mi";
const lengthWords = (m) => decimals(m / LENGTHS[DATA.lengths][1], 1, true) + " " + LENGTHS[DATA.lengths][0];
/** A place on a line, or a stretch between two, as plugspan.waymarks has it: by posts if they are known, else measured. */
function markWords(line, ends, places = 1) {
  const numbers = [].concat(ends).map((m) => decimals(m / LENGTHS[DATA.lengths][1], places, true).replace(/,/g, "")), post = inMiles() ? "MP " : "K";
  return edit.model.lines[line].posted ? numbers.map((at) => post + at).join("–") : T("map.mark-measured", { at: numbers.join("–"), unit: LENGTHS[DATA.lengths][0] });
}
const moneyWords = (value) => decimals(value, 1) + " " + edit.model.currency;

/** The value of a rule as the findings have it. */
function valueWords(rule, found) {
  const one = (x) => (rule.unit === "km" ? lengthWords(x * 1000) : rule.unit === "margin" ? T("map.edit-points", { value: (x < 0 ? "" : "+") + decimals(x * 100, 1, true) }) : percentWords(x));
  const { low, high } = found;
  if (low === null && high === null) return T("value.none");
  if (low === Infinity) return T("map.edit-no-site");
  if (high === null || high === Infinity) return T("map.edit-at-least", { value: one(low) });
  if (low === null) return T("map.edit-at-most", { value: one(high) });
  const value = one(low) === one(high) ? one(low) : one(low) + " – " + one(high), parts = partWords(rule, found);
  return parts ? T("number.with-parts", { value, parts }) : value;
}

/** What a share is made of, as plugspan.tables.numbers has it. */
function partWords(rule, { parts }) {
  if (!parts || rule.unit === "km") return "";
  const inMetres = ["route", "edge", "two_site"].includes(rule.how);
  const one = ([part, whole]) => (inMetres ? lengthWords(part).split(" ")[0] + "/" + lengthWords(whole) : shareOf(part, whole));
  const [low, high] = [one(parts.slice(0, 2)), one(parts.slice(2))], [least, whole] = low.split("/"), [most, other] = high.split("/");
  const words = low === high ? low : whole === other ? T("number.of-whole", { low: least, high: most, whole }) : low + " – " + high;
  return rule.unit === "margin" ? T("number.margin-parts", { parts: words, ev: decimals(rule.fleet[0], 0), cars: decimals(rule.fleet[1], 0) }) : words;
}

const shareOf = (part, whole) => decimals(part, 0) + "/" + decimals(whole, 0);

/** A share of so many, with both numbers. */
const sharePart = (part, whole) => T("number.with-parts", { value: percentWords(whole ? part / whole : 0), parts: shareOf(part, whole) });

// -- roads -----------------------------------------------------------------------------------------------

/** The rule whose gaps are drawn: the first on spacing. */
const drawnRule = () => edit.model.rules.find((rule) => rule.how === "spacing");

function placeAt(line, m) {
  let sum = line.m[0];
  for (let i = 1; i < line.m.length; i++) {
    const next = sum + line.m[i];
    if (next >= m || i === line.m.length - 1) {
      const a = line.at[i - 1], b = line.at[i], t = line.m[i] ? Math.min(1, Math.max(0, (m - sum) / line.m[i])) : 0;
      return L.latLng(a.lat + (b.lat - a.lat) * t, a.lng + (b.lng - a.lng) * t);
    }
    sum = next;
  }
  return line.at[0];
}

function between(line, low, high) {
  const found = [placeAt(line, low)];
  let sum = 0;
  line.m.forEach((step, i) => { sum += step; if (sum > low && sum < high) found.push(line.at[i]); });
  found.push(placeAt(line, high));
  return found;
}

const drawnLine = (gap) => edit.model.nets[drawnRule().net].drives[gap.drive].line;
const driveOf = (gap) => edit.core.nets[drawnRule().net].drives[gap.drive];

function gapLatLngs(gap) {
  const d = driveOf(gap), line = edit.model.lines[drawnLine(gap)], end = d.ends[1];
  const parts = gap.high > end ? [between(line, gap.low, end), between(line, d.ends[0], d.ends[0] + gap.high - end)] : [between(line, gap.low, gap.high)];
  return d.direction === "backward" ? parts.map((part) => part.reverse()) : parts;
}

function gapLine(gap) {
  const routes = view.layers.find((layer) => layer.spec.name === "routes"), c = routes.spec.categories[GAP_LOOK[gap.type]];
  const lines = gapLatLngs(gap), side = routes.spec.offset_px;
  const line = new SideLine(lines, Object.assign({ pane: pane("edit-roads", 415), color: c.colour, opacity: c.opacity, side, more: 0, lineCap: "butt", bubblingMouseEvents: false }, lineLook(c, 0)));
  const touch = new SideLine(lines, { pane: pane("edit-touch", 414), weight: 16, opacity: 0, side, bubblingMouseEvents: false });
  const group = L.featureGroup([line, touch]);
  if (c.halo) group.addLayer(new SideLine(lines, Object.assign({ pane: pane("edit-halo", 370, true), color: c.halo, side, more: 6, interactive: false, lineCap: "round" }, lineLook(c, 6))));
  group.bindTooltip(() => el("span", {}, gapTitle(gap)), { sticky: true, direction: "top" });
  group.on("click", (event) => { L.DomEvent.stopPropagation(event); openGap(group.gap, event.latlng); });
  return group;
}

/** A road as waymarks.road_words writes it: a number alone would be read as any other number. */
const roadWords = (ref) => /^\d+$/.test(ref) ? T("map.road", { ref }) : ref;
const gapTitle = (gap) => T(gap.own < gap.length - 0.5 ? "map.edit-gap-part" : "map.edit-gap", { ref: roadWords(gap.ref) + (driveOf(gap).direction === "backward" ? " ←" : " →"), span: markWords(drawnLine(gap), [gap.low, gap.high]), length: lengthWords(gap.own), whole: lengthWords(gap.length) });

/** Its id, by which it is found in the workbook and the layers of a run; that the two directions are told apart by, too. */
const gapIdOf = (gap) => gapId(drawnRule().id, driveOf(gap), ...(driveOf(gap).direction === "backward" ? [gap.high, gap.low] : [gap.low, gap.high]));
/** What stands behind the title of a gap where it is listed. */
const gapMark = (gap) => el("small", {}, gapIdOf(gap));

function drawGaps() {
  const next = new Map();
  for (const gap of edit.found.spacing ? edit.found.spacing.gaps : []) {
    const key = [gap.drive, gap.low, gap.high, gap.type].join("|"), line = drawn.gaps.get(key) || gapLine(gap);
    line.gap = gap;
    next.set(key, line);
    if (!drawn.gaps.has(key)) drawn.layer.addLayer(line);
  }
  for (const [key, line] of drawn.gaps) if (!next.has(key)) drawn.layer.removeLayer(line);
  drawn.gaps = next;
}

/** Actions that would put a site into a gap, with what is left of it: the best first. */
function placesIn(gap) {
  const d = driveOf(gap), { actions } = edit.model, rule = drawnRule(), found = [], [first, last] = d.ends;
  const adds = new Map();
  for (const a of edit.core.adds[rule.requirement]) if (!edit.state.on[a] && mayChange(a) && !deadSite(a) && !actions.own[a]) { const p = actions.at[a]; if (!adds.has(p)) adds.set(p, []); adds.get(p).push(a); }
  d.site.forEach((place, i) => {
    const at = d.at[i] < gap.low && d.ring ? d.at[i] + last - first : d.at[i];
    if (at <= gap.low || at >= gap.high) return;
    for (const a of adds.get(place) || []) {
      const left = Math.max(RoadNet.ownAt(d, at) - RoadNet.ownAt(d, gap.low), RoadNet.ownAt(d, gap.high) - RoadNet.ownAt(d, at));
      found.push({ a, at: d.at[i], left });
    }
  });
  return found.sort((x, y) => Math.round(x.left) - Math.round(y.left) || actions.cost[x.a] - actions.cost[y.a]);
}

const MOST_PLACES = 12;

/** What a place would change: gaps over the span, and rules that become met. */
function effectOf(a) {
  const { on } = copyState(edit.state);
  on[a] = 1;
  const found = edit.core.assess(on, edit.state.off), met = (x) => Object.values(x.rules).filter((rule) => rule.status === "met").length;
  return { gaps: edit.found.spacing.all.gaps_over - found.spacing.all.gaps_over, people: found.people - edit.found.people, met: met(found) - met(edit.found) };
}

function effectWords(a, left) {
  const effect = effectOf(a), facts = [moneyWords(edit.model.actions.cost[a]), T("map.edit-left", { length: lengthWords(left) })];
  if (effect.gaps > 0) facts.push(T("map.edit-closes", { n: effect.gaps }));
  if (effect.people > 0) facts.push(T("map.edit-people-more", { n: decimals(effect.people, 0) }));
  return facts.join(" · ");
}

const placeButton = (pick, name, facts) => el("button", { type: "button", onclick: () => { MAP.closePopup(); toggleOption({ a: pick() }, true); } }, el("b", {}, name), el("small", {}, facts));

function openGap(gap, at) {
  const { actions } = edit.model, list = placesIn(gap), rows = el("ul", { class: "edit-places" });
  for (const { a, at: m, left } of list.slice(0, MOST_PLACES)) {
    rows.append(el("li", {}, placeButton(() => a, actions.place[a] === "route_point" && actions.name[a].startsWith(roadWords(gap.ref)) ? actions.name[a] : actions.name[a] + " · " + markWords(drawnLine(gap), m), effectWords(a, left))));
  }
  const box = el("div", { class: "popup edit-gap" }, el("h2", {}, gapTitle(gap), " ", gapMark(gap)), gap.over ? el("p", { class: "over" }, T("map.edit-over", { limit: lengthWords(drawnRule().span_m) })) : "",
    anyMetre(gap, at), el("p", {}, list.length ? T("map.edit-place-here", { n: list.length }) : T("map.edit-no-place")), rows);
  showEditStrip(gap.ref);
  popupAt(box, at || gapLatLngs(gap)[0][gapLatLngs(gap)[0].length >> 1]);
}

/** The model lacks what a site at any metre would serve or cost: new sites stand on candidates, and the page says so. */
const candidatesOnly = () => !edit.model.own && edit.model.actions.kind.includes("new_site");

/** A new site at any metre of a gap: where it was clicked, or at the mark that is written there. */
function anyMetre(gap, at) {
  const d = driveOf(gap), own = drawnLine(gap), unit = LENGTHS[DATA.lengths][1], row = el("div", { class: "edit-places" });
  const middle = (gap.low + Math.min(gap.high, d.ends[1])) / 2, spec = edit.model.lines[own];
  // Where both directions run on one carriageway the forward one has the mark.
  const lines = edit.model.lines.map((_, k) => k).filter((k) => k === own || (edit.model.lines[k].key[0] === d.ref && edit.model.lines[k].key[1] === d.section));
  const found = nearestOnRoad(lines, placeAt(spec, at ? projected(spec, at) : middle));
  if (candidatesOnly()) return el("p", { class: "edit-bound" }, T("map.edit-candidates-only"));
  if (!edit.model.own || !found) return "";
  const input = el("input", { type: "number", step: "0.001", "aria-label": T(spec.posted ? "map.edit-mark" : "map.edit-measured") });
  // The button stays where it is: whoever tabs to it from the mark has it in focus.
  let a = -1;
  const button = placeButton(() => a, "", "");
  row.append(button);
  const show = (m) => {
    const place = standAt(found.line, m).m;
    a = ownPlace(found.line, place);
    const [x] = edit.core.placesOf(a, drawnRule().net, gap.drive);
    const left = x === undefined ? gap.own : Math.max(RoadNet.ownAt(d, x) - RoadNet.ownAt(d, gap.low), RoadNet.ownAt(d, gap.high) - RoadNet.ownAt(d, x));
    input.value = String(Number((place / unit).toFixed(3)));
    button.replaceChildren(el("b", {}, T("map.edit-place-own", { name: edit.model.actions.name[a] })), el("small", {}, effectWords(a, left)));
  };
  input.addEventListener("change", () => { if (Number.isFinite(input.valueAsNumber)) show(input.valueAsNumber * unit); });
  show(found.m);
  return el("div", {}, el("label", { class: "edit-mark" }, T(spec.posted ? "map.edit-mark" : "map.edit-measured"), " ", input), row);
}

// -- what can be switched --------------------------------------------------------------------------------

/** One symbol for everything at a place: actions and, if there is one, the site of today. */
function buildSpots() {
  const { actions, sites } = edit.model, spots = new Map();
  const at = ([lon, lat]) => {
    const key = lon.toFixed(4) + " " + lat.toFixed(4);
    if (!spots.has(key)) spots.set(key, { at: L.latLng(lat, lon), options: [] });
    return spots.get(key);
  };
  sites.free.forEach((free, s) => { if (free) at(sites.lonlat[s]).options.push({ s }); });
  actions.id.forEach((_, a) => {
    const here = actions.at[a] >= 0 && actions.at[a] < edit.core.sites ? sites.lonlat[actions.at[a]] : actions.lonlat[a];
    if (!actions.event[a] && !actions.own[a] && here[0] !== null && (mayChange(a) || actions.chosen[a])) at(here).options.push({ a });
  });
  drawn.spots = [...spots.values()].map(spotMarker);
}

function optionName({ a, s }) {
  if (s !== undefined) return T("map.edit-site", { name: edit.model.sites.name[s] || edit.model.sites.id[s] });
  const { actions, kinds } = edit.model;
  return actions.name[a] + " · " + kinds[actions.kind[a]] + " · " + moneyWords(actions.cost[a]);
}

const SPOT_LOOKS = {
  on: { colour: "#5b2a86", fill: true, size: 16, kind: "new_site" }, off: { colour: "#5b2a86", fill: false, size: 9, kind: "new_site" },
  site: { colour: "#1f6f9c", fill: true, size: 10, kind: "site" }, closed: { colour: "#6b7280", fill: false, size: 12, kind: "site", cross: true },
};
const optionOn = ({ a, s }) => (s !== undefined ? !edit.state.off[s] : edit.state.on[a] === 1);
const optionId = ({ a, s }) => (s !== undefined ? "site:" + edit.model.sites.id[s] : edit.model.actions.id[a]);
const optionMay = ({ a, s }) => s !== undefined || mayChange(a);

function spotLook(spot) {
  const action = spot.options.find((o) => o.a !== undefined && optionOn(o)), site = spot.options.find((o) => o.s !== undefined);
  const some = spot.options.find((o) => o.a !== undefined), kind = some ? edit.model.actions.kind[some.a] : "site";
  const both = edit.compare ? compareColour(spot) : null;
  if (both) return { colour: both, fill: true, size: 15, kind };
  if (action) return Object.assign({}, SPOT_LOOKS.on, { kind });
  if (site) return optionOn(site) ? SPOT_LOOKS.site : SPOT_LOOKS.closed;
  return Object.assign({}, SPOT_LOOKS.off, { kind });
}

function spotPicture(look) {
  const r = look.size / 2, box = look.size + 8, m = box / 2;
  const style = { fill: look.fill ? look.colour : "#fff", stroke: look.fill ? "#fff" : look.colour, "stroke-width": 1.8 };
  const shape = ["shore_power", "ready_spaces"].includes(look.kind) ? svg("rect", Object.assign({ x: m - r, y: m - r, width: look.size, height: look.size, rx: 1.5 }, style)) : svg("circle", Object.assign({ cx: m, cy: m, r }, style));
  const picture = svg("svg", { viewBox: `0 0 ${box} ${box}`, width: box, height: box, "aria-hidden": "true" }, shape);
  if (look.cross) picture.append(svg("path", { d: `M${m - r} ${m - r}L${m + r} ${m + r}`, stroke: look.colour, "stroke-width": 1.8 }));
  return picture;
}

function spotIcon(look) {
  const size = Math.max(look.size + 8, 24);
  return L.divIcon({ html: spotPicture(look), className: "edit-spot", iconSize: [size, size] });
}

function spotMarker(spot) {
  const mine = spot.options.find((o) => o.a !== undefined && edit.model.actions.kind[o.a] === "new_site");
  const marker = spot.marker = L.marker(spot.at, { pane: pane("edit-spots", 620), keyboard: true, riseOnHover: true, draggable: false, icon: spotIcon(spotLook(spot)) });
  marker.bindTooltip(() => el("span", {}, spot.options.map((o) => optionName(o) + " · " + T(optionOn(o) ? "map.edit-is-on" : "map.edit-is-off")).join("\n")), { direction: "top" });
  marker.on("click", (event) => { L.DomEvent.stopPropagation(event); tapSpot(spot); });
  marker.on("keydown", (event) => { if (["Enter", " "].includes(event.originalEvent.key)) { L.DomEvent.stop(event.originalEvent); tapSpot(spot); } });
  marker.on("add", () => { describeSpot(spot); if (mine) letDrag(spot, mine); });
  return spot;
}

function describeSpot(spot) {
  const node = spot.marker.getElement();
  if (!node) return;
  node.setAttribute("role", "button");
  node.setAttribute("aria-label", spot.options.map(optionName).join(T("map.comma")));
  node.setAttribute("aria-pressed", String(spot.options.some((o) => o.a !== undefined ? optionOn(o) : !optionOn(o))));
  node.dataset.ids = spot.options.map(optionId).join(" ");
  if (node.tabIndex !== 0) node.tabIndex = -1;
}

/** Places of one's own have a symbol while they are on. */
function drawOwnSpots() {
  edit.model.actions.own.forEach((own, a) => {
    if (!own) return;
    let spot = drawn.spots.find((x) => x.options[0].a === a);
    if (!spot) drawn.spots.push(spot = spotMarker({ at: placeAt(edit.model.lines[own.line], own.m), options: [{ a }] }));
    if (optionOn({ a }) || (edit.compare && edit.compare.state.on[a])) drawn.layer.addLayer(spot.marker); else drawn.layer.removeLayer(spot.marker);
  });
}

function drawSpots() {
  drawOwnSpots();
  for (const spot of drawn.spots) {
    if (spot.marker.isTooltipOpen()) spot.marker.getTooltip().update(); // it says of each whether it is on
    const look = JSON.stringify(spotLook(spot));
    if (look === spot.look) continue;
    spot.look = look;
    const focus = spot.marker.getElement() && spot.marker.getElement() === document.activeElement;
    spot.marker.setIcon(spotIcon(spotLook(spot)));
    describeSpot(spot);
    if (spot.drag) spot.drag();
    if (focus) { spot.marker.getElement().tabIndex = 0; spot.marker.getElement().focus({ preventScroll: true }); }
  }
}

/** One thing to switch: it is switched; of several one is asked which. */
function tapSpot(spot) {
  const free = spot.options.filter(optionMay);
  if (free.length === 1 && spot.options.length === 1) { toggleOption(free[0], !optionOn(free[0])); return; }
  const box = el("div", { class: "popup edit-spot-box" });
  for (const option of spot.options) {
    const input = el("input", { type: "checkbox", checked: optionOn(option), disabled: !optionMay(option) });
    input.option = option;
    input.addEventListener("change", () => toggleOption(option, input.checked));
    box.append(el("label", { class: "edit-switch" }, input, el("span", {}, optionName(option))));
  }
  popupAt(box, spot.at);
}

function toggleOption(option, on) {
  if (!optionMay(option)) { say(T("map.edit-fixed")); return; }
  switchIds([optionId(option)], on);
  say(T(on ? "map.edit-switched-on" : "map.edit-switched-off", { name: optionName(option) }));
}

/** A proposed site is drawn along its road, to any whole metre of it. */
function letDrag(spot, option) {
  spot.drag = () => { const { dragging } = spot.marker; if (dragging) { if ((edit.model.own || candidatesOnly()) && optionOn(option) && mayChange(option.a)) dragging.enable(); else dragging.disable(); } };
  spot.drag();
  let goal = null, ring = null;
  spot.marker.off("drag dragend");
  spot.marker.on("drag", (event) => {
    goal = edit.model.own ? nearestOnRoad(roadsOf(option.a), event.latlng) : null;
    if (!ring) ring = L.circleMarker(event.latlng, { radius: 13, color: "#5b2a86", weight: 3, fill: false, interactive: false }).addTo(MAP);
    ring.setLatLng(goal ? goal.at : spot.at);
    byId("hint").hidden = false;
    byId("hint").textContent = goal ? edit.model.lines[goal.line].key[0] + " " + markWords(goal.line, goal.m, 3) : T(candidatesOnly() ? "map.edit-candidates-only" : "map.edit-no-place");
  });
  spot.marker.on("dragend", () => {
    spot.marker.setLatLng(spot.at);
    if (ring) ring.remove();
    ring = null;
    byId("hint").hidden = true;
    if (candidatesOnly()) noteEdit(T("map.edit-candidates-only"));
    if (goal) moveTo(option.a, ownPlace(goal.line, goal.m));
    goal = null;
  });
}

function moveTo(from, to) {
  const { id } = edit.model.actions;
  if (from === to || edit.state.on[to]) return;
  change((state) => {
    const year = state.years.get(from);
    state.on[from] = 0; state.years.delete(from); state.pinned.delete(id[from]);
    state.on[to] = 1; state.pinned.set(id[to], true);
    if (year) state.years.set(to, year);
  });
  say(T("map.edit-moved", { name: edit.model.actions.name[to] }));
}

/** Lines of the routes that an action's site serves. */
function roadsOf(a) {
  const refs = new Set();
  for (const net of edit.core.nets) for (const d of net.drives) if (d.site.includes(edit.model.actions.at[a])) refs.add(d.ref);
  return edit.model.lines.map((_, k) => k).filter((k) => refs.has(edit.model.lines[k].key[0]));
}

/** The metre of a line that is nearest to a point. */
function projected({ at, m }, latlng) {
  const wide = Math.cos(latlng.lat * Math.PI / 180);
  let sum = m[0], far = Infinity, near = 0;
  for (let i = 1; i < at.length; i++) {
    const x = (at[i].lng - at[i - 1].lng) * wide, y = at[i].lat - at[i - 1].lat, dx = (latlng.lng - at[i - 1].lng) * wide, dy = latlng.lat - at[i - 1].lat;
    const t = Math.min(Math.max((x * dx + y * dy) / (x * x + y * y || 1), 0), 1), apart = Math.hypot(dx - t * x, dy - t * y);
    if (apart < far) { far = apart; near = sum + t * m[i]; }
    sum += m[i];
  }
  return near;
}

/** The whole metre of some lines at which a new site may stand that is nearest to a point. */
function nearestOnRoad(lines, latlng) {
  let best = null;
  for (const line of lines) {
    const spec = edit.model.lines[line], place = standAt(line, projected(spec, latlng)), at = place && placeAt(spec, place.m), far = place && distance(at, latlng);
    if (place && (!best || far < best.far)) best = { line, m: place.m, at, far };
  }
  return best;
}

// -- the mode --------------------------------------------------------------------------------------------

function showEditing(on) {
  if (!edit.core || drawn.shown === on) return;
  drawn.shown = on;
  document.body.toggleAttribute("data-editing", on);
  view.hidden = on ? (name) => !EDIT_KEEPS.has(name) : () => false;
  MAP.closePopup();
  if (on && !drawn.layer) { drawn.layer = L.layerGroup(); buildSpots(); for (const spot of drawn.spots) drawn.layer.addLayer(spot.marker); }
  if (on) { drawn.layer.addTo(MAP); drawEdit(); showEdit(); } else drawn.layer.remove();
  markPhase();
  buildTree();
  refreshLayers();
}

/** Classes of gaps of the state or of the plan as it was made, with their look. */
const gapClasses = () => (edit.found.spacing ? Object.keys(GAP_LOOK).filter((type) => edit.found.spacing.all.classes[type] || edit.begin.spacing.all.classes[type]) : [])
  .map((type) => [type, view.layers.find((layer) => layer.spec.name === "routes").spec.categories[GAP_LOOK[type]]]);

/** What the mode draws: gaps by class with their length in the state, places by what they are. */
function editLegend() {
  const row = (picture, words, more) => el("div", { class: "category" }, picture, el("span", {}, words), more ? el("small", {}, more) : "");
  const box = el("details", { open: !drawn.folded, id: "edit-legend" }, el("summary", {}, T("map.edit-phase"))), rows = el("div", { class: "layer" });
  for (const [type, look] of gapClasses()) rows.append(row(swatch("line", look), look.label, lengthWords(edit.found.spacing.all.classes[type] || 0)));
  for (const [key, look] of Object.entries(SPOT_LOOKS)) {
    const picture = spotPicture(look);
    picture.setAttribute("width", 34);
    rows.append(row(picture, T("map.edit-key-" + key)));
  }
  box.append(rows);
  box.addEventListener("toggle", () => { drawn.folded = !box.open; });
  return box;
}

function drawEdit() {
  if (!editing()) return;
  if (byId("edit-legend")) byId("edit-legend").replaceWith(editLegend());
  if (document.querySelector(".popup.edit-gap")) MAP.closePopup();
  for (const input of document.querySelectorAll(".edit-spot-box input")) input.checked = optionOn(input.option);
  if (drawnRule()) drawGaps();
  drawSpots();
}

/** Where actions stand that can be pressed; names keep clear of them. */
function spotBoxes() {
  return drawn.spots.filter((spot) => drawn.layer.hasLayer(spot.marker)).map((spot) => {
    const { x, y } = MAP.latLngToLayerPoint(spot.marker.getLatLng());
    return around(x, y, 16, 16);
  });
}

/** The strip of a route in the state: both directions with their gaps, sites as ticks. */
function showEditStrip(ref) {
  if (isNarrow()) return;
  const net = edit.core.nets[drawnRule().net], gaps = edit.found.spacing.gaps.filter((gap) => gap.ref === ref), drives = net.drives.map((d, k) => [d, k]).filter(([d]) => d.ref === ref);
  const low = Math.min(...drives.map(([d]) => d.ends[0])), high = Math.max(...drives.map(([d]) => d.ends[1])), W = 1000;
  const picture = svg("svg", { class: "edit-strip", viewBox: `0 0 ${W} ${26 * drives.length + 34}`, role: "img", "aria-label": T("map.strip") + " " + ref });
  const routes = view.layers.find((layer) => layer.spec.name === "routes"), write = (at, y, words, more) => picture.append(svg("text", Object.assign({ x: at, y, "font-size": 11, fill: "#36424c" }, more), words));
  const post = drives.every(([, k]) => edit.model.lines[edit.model.nets[drawnRule().net].drives[k].line].posted) ? (inMiles() ? "MP " : "K") : "";
  const left = post ? 60 : 88, x = (m) => left + (W - left - 20) * (m - low) / Math.max(high - low, 1); // the unit of measured kilometres stands before the first tick
  drives.forEach(([d, k], row) => {
    const y = 12 + 26 * row;
    write(4, y + 12, (d.direction === "forward" ? "→ " : "← ") + post + decimals(d.ends[d.direction === "forward" ? 0 : 1] / LENGTHS[DATA.lengths][1], 1, true));
    for (const gap of gaps.filter((g) => g.drive === k)) {
      const colour = routes.spec.categories[GAP_LOOK[gap.type]].colour, a = x(gap.low), b = x(Math.min(gap.high, d.ends[1]));
      picture.append(svg("rect", { x: a, y, width: Math.max(b - a, 1), height: 14, fill: colour }));
      if (b - a > 42) write((a + b) / 2, y + 11, lengthWords(gap.length), { "text-anchor": "middle", fill: "#fff", stroke: "#0008", "stroke-width": 2, "paint-order": "stroke" });
      for (const [site, m] of [[gap.from, gap.low], [gap.to, gap.high]]) if (site >= 0 && m <= d.ends[1]) picture.append(svg("rect", { x: x(m) - 1.5, y: y - 4, width: 3, height: 22, fill: site >= edit.core.sites ? "#5b2a86" : "#1f2933" }));
    }
  });
  const base = 26 * drives.length + 18, every = [5, 10, 20, 50, 100, 200].find((step) => (high - low) / LENGTHS[DATA.lengths][1] / step <= 12) || 500;
  for (let k = Math.ceil(low / LENGTHS[DATA.lengths][1] / every) * every; k * LENGTHS[DATA.lengths][1] <= high; k += every) write(x(k * LENGTHS[DATA.lengths][1]), base + 8, post + k, { "text-anchor": "middle" });
  if (!post) write(4, base + 8, T("map.mark-measured", { at: "", unit: LENGTHS[DATA.lengths][0] }).trim());
  byId("strip").replaceChildren(picture);
  byId("strip-title").textContent = T("map.strip") + " · " + ref;
  byId("strip").dataset.edit = ref;
  byId("drawer").hidden = false;
  MAP.invalidateSize({ pan: false });
}
