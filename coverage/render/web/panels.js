// Panels: findings, the layer tree that is also the legend, strip charts, the line of notes, today / with the plan.
function setPhase(phase) {
  if (editing()) togglePanel("edit", false);
  if (view.phase === phase) return;
  view.phase = phase;
  markPhase();
  MAP.closePopup();
  if (phase === "after" && DATA.plan && !isNarrow()) togglePanel("plan", true);
  buildTree();
  refreshLayers();
  say(T(phase === "before" ? "map.before" : "map.after"));
}

/** What the map shows is pressed: today, the plan, or the plan that is being changed by hand. */
function markPhase() {
  for (const button of document.querySelectorAll("#phase button")) {
    button.setAttribute("aria-pressed", String(button.dataset.phase === (editing() ? "edit" : view.phase)));
    button.hidden = button.dataset.phase === "edit" && !editing();
  }
  document.body.dataset.phase = view.phase;
}

function buildPhase() {
  const wanted = view.layers.some((l) => l.spec.phase !== "both");
  const box = byId("phase");
  box.hidden = !wanted;
  box.setAttribute("aria-label", T("map.phase"));
  for (const phase of ["before", "after", "edit"]) {
    const open = () => (phase === "edit" ? togglePanel("edit", true) : setPhase(phase)), button = el("button", { type: "button", onclick: open }, T(phase === "edit" ? "map.edit-phase" : "map." + phase));
    button.dataset.phase = phase;
    box.append(button);
  }
  markPhase();
}

const STATUS_SIGN = { met: "✓", "not met": "✕", undecided: "?", "met on average": "!", "not due": "…" };

function chip(status, year) {
  const key = status.replaceAll(" ", "-");
  const label = T("status." + key, { year });
  return el("span", { class: "chip " + key }, el("b", { "aria-hidden": "true" }, STATUS_SIGN[status]), label);
}

function figure(caption, value, status, year) {
  return el("div", { class: "figure" }, el("span", { class: "caption" }, caption), el("span", { class: "value" }, value), chip(status, year));
}

/** What the plan comes to; it goes first when the plan is shown (map.css). */
function planCard(card) {
  const rows = card.rows.map(([caption, value]) => el("div", { class: "row" }, el("dt", {}, caption), el("dd", {}, value)));
  const box = el("li", { class: "finding plan" }, el("h3", {}, card.title), el("dl", {}, ...rows));
  if (view.layers.some((l) => l.spec.name === card.layer)) box.append(el("button", { type: "button", class: "plain", onclick: () => showLayer(card.layer) }, T("map.show")));
  return box;
}

function buildFindings() {
  const list = byId("finding-list");
  for (const row of DATA.findings) {
    const layer = view.layers.find((l) => l.spec.name === row.layer);
    const open = () => showLayer(row.layer);
    const card = el("li", { class: "finding " + row.status.replaceAll(" ", "-") }, el("h3", {}, row.title));
    const figures = el("div", { class: "figures" }, figure(T("map.now"), row.value, row.status, row.due));
    if (row.status_after) figures.append(figure(T("map.then"), row.value_after, row.status_after, row.due));
    card.append(figures, el("p", { class: "target" }, T("map.target") + " " + row.target + (row.note ? " · " + row.note : "")));
    const actions = el("div", { class: "actions" });
    if (row.source) actions.append(el("details", { class: "source" }, el("summary", {}, T("map.source")), el("p", {}, row.source)));
    if (layer) actions.prepend(el("button", { type: "button", class: "plain", onclick: open }, T("map.show")));
    card.append(actions);
    list.append(card);
  }
  list.append(...DATA.cards.map(planCard));
  byId("findings").classList.toggle("empty", DATA.findings.length === 0);
}

/** Show a whole layer: on, and in view. */
function showLayer(name) {
  const same = view.layers.filter((l) => l.spec.name === name);
  const layer = same.find((l) => l.inPhase) || same[0];
  if (layer.spec.phase !== "both") setPhase(layer.spec.phase);
  for (const other of same) { other.on = true; other.off.clear(); }
  buildTree();
  refreshLayers();
  MAP.closePopup();
  if (layer.spec.bounds) MAP.fitBounds(layer.extent, { padding: [30, 30], maxZoom: 14, animate: false });
  if (isNarrow()) togglePanel("findings", false);
  say(layer.spec.title);
}

/** Layers of one title in one group are one line of the tree (before and after in turn). */
function buildTree() {
  const open = new Map([...document.querySelectorAll("#tree details")].map((d) => [d.dataset.group, d.open]));
  const tree = byId("tree");
  tree.replaceChildren();
  if (basemap) tree.append(toggleRow(T("group.background"), MAP.hasLayer(basemap), (on) => { if (on) basemap.addTo(MAP); else basemap.remove(); }));
  if (editing()) tree.append(editLegend());
  for (const group of DATA.groups) {
    const layers = view.layers.filter((l) => l.spec.group === group.name && l.inPhase && l.spec.count);
    if (!layers.length) continue;
    const box = el("details", { open: open.has(group.name) ? open.get(group.name) : !isNarrow() || group.name !== "background" });
    box.dataset.group = group.name;
    box.append(el("summary", {}, group.title));
    for (const layer of layers.reverse()) box.append(layerRow(layer));
    // The box stands beside the summary: a control inside a control is lost to screen readers.
    tree.append(el("div", { class: "layer-group" }, groupBox(group, layers), box));
  }
  const empty = [...new Set(view.layers.filter((l) => !view.layers.some((m) => m.spec.title === l.spec.title && m.spec.count)).map((l) => l.spec.title))];
  if (empty.length) tree.append(el("p", { class: "no-data" }, T("map.empty", { names: empty.join(T("map.comma")) })));
}

/** A box for all layers of a group. */
function groupBox(group, layers) {
  const on = layers.filter((layer) => layer.on).length;
  const input = el("input", { type: "checkbox", checked: on === layers.length, "aria-label": group.title });
  input.indeterminate = on > 0 && on < layers.length;
  input.addEventListener("change", () => {
    for (const layer of view.layers) if (layer.spec.group === group.name) layer.on = input.checked;
    buildTree();
    refreshLayers();
  });
  return el("label", { class: "group-box" }, input);
}

function toggleRow(title, on, change) {
  const input = el("input", { type: "checkbox", checked: on });
  input.addEventListener("change", () => change(input.checked));
  return el("label", { class: "layer-title" }, input, el("span", {}, title));
}

function layerRow(layer) {
  const row = el("div", { class: "layer" + (layer.on ? "" : " is-off") });
  const change = (on) => {
    for (const twin of view.layers) if (twin.spec.group === layer.spec.group && twin.spec.title === layer.spec.title) twin.on = on;
    buildTree();
    refreshLayers();
  };
  const head = toggleRow(layer.spec.title, layer.on, change);
  row.append(head);
  const counts = layer.counts, used = layer.spec.categories.map((c, k) => [c, k]).filter(([, k]) => counts[k] > 0);
  const single = layer.spec.categories.length === 1;
  if (single && used.length) head.insertBefore(swatch(layer.spec.kind, used[0][0]), head.lastChild);
  for (const [c, k] of single ? [] : used) row.append(categoryRow(layer, c, k, counts[k]));
  return row;
}

function categoryRow(layer, c, k, count) {
  const button = el("button", { type: "button", class: "category", "aria-pressed": String(!layer.off.has(k)) },
    swatch(layer.spec.kind, c), el("span", {}, c.label), el("small", {}, layer.spec.kind === "point" ? String(count) : ""));
  button.addEventListener("click", () => {
    if (layer.off.has(k)) layer.off.delete(k); else layer.off.add(k);
    button.setAttribute("aria-pressed", String(!layer.off.has(k)));
    refreshLayers();
  });
  return button;
}

/** Build a chart from [tag, attributes, ...children]: the tree was cleaned when the page was written (charts.py). */
function chartNode(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  return svg(tree[0], tree[1], ...tree.slice(2).map(chartNode));
}

function showStrip(key, title) {
  byId("strip").replaceChildren(chartNode(DATA.strips[key]));
  byId("strip-title").textContent = T("map.strip") + " · " + (title || key);
  byId("drawer").hidden = false;
  MAP.invalidateSize({ pan: false });
}

function hideStrip() {
  byId("drawer").hidden = true;
  MAP.invalidateSize({ pan: false });
}

function togglePanel(name, wanted) {
  const panel = byId(name), button = byId("toggle-" + name);
  const open = wanted === undefined ? panel.hidden : wanted;
  panel.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  if (name === "edit") showEditing(open);
  // Regions, findings, plan and edit mode share a side; on a phone there is room for one panel.
  const left = ["regions", "findings", "plan", "edit"], rivals = isNarrow() ? [...left, "layers"] : name === "layers" ? [] : left;
  if (open) for (const other of rivals) if (other !== name && !byId(other).hidden) togglePanel(other, false);
  MAP.invalidateSize({ pan: false });
}
