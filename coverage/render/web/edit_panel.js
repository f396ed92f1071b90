// The panel of the edit mode: every rule in the state, money by year, ranked gaps and sites, people, scenarios.
function buildEdit() {
  if (!edit.core) return;
  byId("toggle-edit").hidden = false;
  const tool = (name, key, action, more) => el("button", Object.assign({ type: "button", id: "edit-" + name, onclick: action, title: T(key) }, more), icon(name), el("span", {}, T(key)));
  const file = el("input", { type: "file", id: "edit-file", accept: ".json,application/json", hidden: true });
  file.addEventListener("change", () => { if (file.files[0]) openScenario(file.files[0]); file.value = ""; });
  byId("edit-tools").append(tool("undo", "map.edit-undo", undo), tool("redo", "map.edit-redo", redo), tool("reset", "map.edit-reset", resetPlan),
    tool("complete", "map.edit-complete", completeHere), tool("keep", "map.edit-keep", keepScenario), tool("save", "map.edit-save", saveScenario), tool("open", "map.edit-open", () => file.click()), file);
  edit.watchers.push(drawEdit, showEdit);
  document.addEventListener("keydown", editKeys);
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, dropScenario);
  showEdit();
}

function editKeys(event) {
  if (!editing() || !(event.ctrlKey || event.metaKey) || /^(INPUT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
  const key = event.key.toLowerCase(), back = key === "z" && !event.shiftKey, on = key === "y" || (key === "z" && event.shiftKey);
  if (!back && !on) return;
  event.preventDefault();
  if (back) undo(); else redo();
}

/** The plan as it was made, in one step that can be taken back. */
function resetPlan() {
  change(() => { edit.state = startState(); }, T("map.edit-reset"));
  say(T("map.edit-reset"));
}

// -- what the panel shows ----------------------------------------------------------------------------------

function showEdit(message) {
  if (!edit.core) return;
  byId("edit-undo").disabled = !edit.past.length;
  byId("edit-redo").disabled = !edit.future.length;
  const told = edit.found, count = edit.state.on.reduce((n, x, a) => n + (x && !edit.model.actions.event[a] ? 1 : 0), 0);
  const closed = edit.state.off.reduce((n, x) => n + x, 0);
  const parts = [T("map.edit-count", { n: count }), moneyWords(told.money), T("map.edit-people", { share: sharePart(told.people, edit.model.people.total) })];
  if (told.spacing) parts.push(T("map.edit-longest", { length: lengthWords(told.spacing.all.gap_max_m) }));
  if (closed) parts.push(T("map.edit-closed", { n: closed }));
  byId("edit-state").textContent = parts.join(" · ");
  if (!editing() && byId("edit").hidden) { edit.stale = true; return; }
  const open = new Map([...byId("edit-body").querySelectorAll("details")].map((d) => [d.dataset.part, d.open])), top = byId("edit-body").scrollTop;
  const part = (name, title, content, begin) => { const box = el("details", { open: open.has(name) ? open.get(name) : begin }, el("summary", {}, title), content); box.dataset.part = name; return box; };
  byId("edit-body").replaceChildren(el("p", { class: "edit-note", id: "edit-note" }, message || edit.note || T("map.edit-hint")), ruleTable(),
    part("summary", T("map.edit-part-summary"), sheet(), false), part("gaps", T("map.edit-part-gaps"), gapList(), true), part("actions", T("map.edit-part-actions"), actionChoices(), true), part("money", T("map.edit-part-money"), moneyTable(), false), part("people", T("map.edit-part-people"), peopleTable(), false), part("routes", T("map.edit-part-routes"), routeTable(), false), part("scenarios", T("map.edit-part-scenarios"), scenarioTable(), edit.scenarios.length > 0));
  byId("edit-body").scrollTop = top;
  if (!byId("drawer").hidden && byId("strip").dataset.edit) showEditStrip(byId("strip").dataset.edit);
}

/** Each rule now, and what it was with the plan as it was made. */
function ruleTable() {
  const table = el("table", { class: "edit-table", id: "edit-rules" });
  for (const rule of edit.model.rules) {
    const now = edit.found.rules[rule.id], was = edit.begin.rules[rule.id];
    if (rule.target === null && (now.low === null || now.low === undefined)) continue;
    const title = el("th", { scope: "row" }, rule.title, rule.asks ? el("small", {}, T("map.target") + " " + rule.asks) : "");
    if (rule.how === "today") { table.append(el("tr", {}, title, el("td", {}, T("map.edit-not-recounted", { value: valueWords(rule, rule) })))); continue; }
    const value = valueWords(rule, now), before = valueWords(rule, was);
    const cell = el("td", {}, el("span", { class: "value" }, value), " ", now.shown ? chip(now.shown, rule.by) : "");
    if (rule.how === "spacing" && now.strict.all.gaps_over) cell.append(el("small", {}, T("map.edit-gaps-over", { n: now.strict.all.gaps_over, limit: lengthWords(rule.span_m), routes: now.strict.all.routes_over })));
    const along = now.along && now.status === "met" ? now.along() : 0;
    if (along) cell.append(el("small", {}, T("map.edit-along", { n: along, limit: lengthWords(rule.span_m) })));
    if (value !== before) cell.append(el("small", {}, T("map.edit-was", { value: before })));
    table.append(el("tr", {}, title, cell));
  }
  return table;
}

/** How many of the rules with a target that the page recounts are met. */
function metWords(rules) {
  const asked = edit.model.rules.filter((rule) => rule.target !== null && rule.how !== "today");
  return asked.filter((rule) => rules[rule.id] && rules[rule.id].status === "met").length + "/" + asked.length;
}

/** The plan on one page, as it is printed: what is built, which rules are met, lengths by class, the worst gaps, people, money. */
function sheet() {
  const { actions, kinds, people } = edit.model, found = edit.found, table = el("table", { class: "edit-table", id: "edit-sheet" });
  const row = (title, words, was) => table.append(el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, words, was === undefined || was === words ? "" : el("small", {}, T("map.edit-was", { value: was })))));
  const built = new Map();
  actions.id.forEach((_, a) => { if (found.done[a] && !actions.event[a]) { const held = built.get(actions.kind[a]) || [0, 0]; built.set(actions.kind[a], [held[0] + 1, held[1] + actions.cost[a]]); } });
  for (const [kind, [n, cost]] of built) row(kinds[kind] || kind, n + " · " + moneyWords(cost));
  row(T("map.edit-cost"), moneyWords(found.money), moneyWords(edit.begin.money));
  row(T("map.edit-met"), metWords(found.rules), metWords(edit.begin.rules));
  const missed = missedRules();
  if (missed.length) row(T("map.edit-not-met"), missed.map((rule) => rule.title).join(T("map.comma")));
  if (found.spacing) {
    const length = ({ spacing: { all } }, type) => T("number.with-parts", { value: percentWords((all.classes[type] || 0) / (all.length_m || 1)), parts: lengthWords(all.classes[type] || 0).split(" ")[0] + "/" + lengthWords(all.length_m) });
    for (const [type, look] of gapClasses()) row(el("span", {}, swatch("line", look), " ", look.label), length(found, type), length(edit.begin, type));
    row(T("map.edit-gap-column"), lengthWords(found.spacing.all.gap_max_m), lengthWords(edit.begin.spacing.all.gap_max_m));
    row(T("map.edit-part-gaps"), el("span", {}, ...rankedGaps().slice(0, 3).map((gap) => el("small", {}, gapTitle(gap) + " · " + gapIdOf(gap)))));
  }
  const share = ({ people: sum }) => sharePart(sum, people.total);
  row(T("map.edit-people-column"), share(found), share(edit.begin));
  for (const { year, now, over } of moneyByYear()) row(String(year), moneyWords(now) + (over ? " !" : ""));
  return table;
}

const MOST_LISTED = 15;

const rankedGaps = () => (edit.found.spacing ? edit.found.spacing.gaps : []).filter((gap) => gap.once && gap.own > 0).sort((a, b) => Number(b.over) - Number(a.over) || b.own - a.own);

function gapList() {
  const list = el("ol", { class: "edit-list", id: "edit-gaps" });
  for (const gap of rankedGaps().slice(0, MOST_LISTED)) {
    list.append(el("li", {}, el("button", { type: "button", class: gap.over ? "over" : "", onclick: () => zoomToGap(gap) }, gapTitle(gap), " ", gapMark(gap))));
  }
  return list;
}

function zoomToGap(gap) {
  if (isNarrow()) togglePanelKeepingMode();
  MAP.fitBounds(L.latLngBounds(gapLatLngs(gap).flat()), { padding: [40, 40], maxZoom: 13, animate: false });
  openGap(gap, null);
}

/** On a phone the panel makes room for the map, the mode goes on. */
function togglePanelKeepingMode() {
  byId("edit").hidden = true;
  byId("toggle-edit").setAttribute("aria-expanded", "false");
  MAP.invalidateSize({ pan: false });
}

/** Actions that are on, the dearest first, then what was switched off by hand: each with a box, its year and a way to it. */
function actionChoices() {
  const { actions, years } = edit.model, list = el("ul", { class: "edit-list", id: "edit-actions" });
  const rows = actions.id.map((id, a) => a).filter((a) => !actions.event[a] && (edit.state.on[a] || edit.state.pinned.get(actions.id[a]) === false));
  rows.sort((a, b) => edit.state.on[b] - edit.state.on[a] || (edit.state.years.get(a) || 0) - (edit.state.years.get(b) || 0) || actions.cost[b] - actions.cost[a]);
  for (const a of rows) {
    const box = el("input", { type: "checkbox", checked: edit.state.on[a] === 1, disabled: !mayChange(a), "aria-label": optionName({ a }) });
    box.addEventListener("change", () => toggleOption({ a }, box.checked));
    const name = el("button", { type: "button", onclick: () => zoomToAction(a) }, el("b", {}, actions.name[a]), el("small", {}, [edit.model.kinds[actions.kind[a]], moneyWords(actions.cost[a]), edit.state.pinned.has(actions.id[a]) ? T("map.edit-pinned") : "", actions.id[a]].filter(Boolean).join(" · ")));
    const line = el("li", {}, box, name);
    if (actions.own[a] && edit.state.on[a]) line.append(markInput(a));
    if (years.length && edit.state.on[a]) {
      const choice = el("select", { "aria-label": T("map.edit-year") }, ...years.map((year) => el("option", { value: year, selected: year === edit.state.years.get(a) }, String(year))));
      choice.addEventListener("change", () => change((state) => { state.years.set(a, Number(choice.value)); }));
      line.append(choice);
    }
    list.append(line);
  }
  edit.model.sites.id.forEach((id, s) => {
    if (!edit.state.off[s]) return;
    const box = el("input", { type: "checkbox", "aria-label": optionName({ s }) });
    box.addEventListener("change", () => toggleOption({ s }, true));
    list.append(el("li", {}, box, el("span", {}, optionName({ s }) + " · " + T("map.edit-is-off"))));
  });
  return list;
}

/** The mark of a place of one's own: written anew, the site moves along its road. */
function markInput(a) {
  const { line, m } = edit.model.actions.own[a], unit = LENGTHS[DATA.lengths][1];
  const input = el("input", { type: "number", step: "0.001", value: String(Number((m / unit).toFixed(3))), "aria-label": T(edit.model.lines[line].posted ? "map.edit-mark" : "map.edit-measured") });
  input.addEventListener("change", () => { if (Number.isFinite(input.valueAsNumber)) moveTo(a, ownPlace(line, standAt(line, input.valueAsNumber * unit).m)); });
  return input;
}

function zoomToAction(a) {
  const { actions, sites } = edit.model, at = actions.at[a] >= 0 && actions.at[a] < edit.core.sites ? sites.lonlat[actions.at[a]] : actions.lonlat[a];
  if (at[0] === null) return;
  if (isNarrow()) togglePanelKeepingMode();
  MAP.setView([at[1], at[0]], Math.max(MAP.getZoom(), 12), { animate: false });
  const spot = drawn.spots.find((x) => x.options.some((o) => o.a === a));
  if (spot) spot.marker.openTooltip();
}

function moneyTable() {
  const rows = moneyByYear(), table = el("table", { class: "edit-table", id: "edit-money" });
  for (const { year, given, now, spent, over } of rows) table.append(el("tr", { class: over ? "over" : "" }, el("th", { scope: "row" }, String(year)), el("td", {}, moneyWords(now), el("small", {}, T(over ? "map.edit-over-money" : "map.edit-upto", { spent: moneyWords(spent), given: moneyWords(given) })))));
  table.append(el("tr", {}, el("th", { scope: "row" }, T("map.edit-all")), el("td", {}, moneyWords(edit.found.money))));
  return table;
}

function peopleTable() {
  const table = el("table", { class: "edit-table", id: "edit-people" });
  for (const [county, { weight, low, high }] of edit.found.counties || []) {
    if (!weight) continue;
    table.append(el("tr", {}, el("th", { scope: "row" }, county || T("value.none")), el("td", {}, valueWords({ unit: "share", how: "reach" }, bounds([low, weight], [high, weight])))));
  }
  return table;
}

function routeTable() {
  const table = el("table", { class: "edit-table", id: "edit-routes" });
  for (const [ref, row] of edit.found.spacing ? edit.found.spacing.routes : []) {
    table.append(el("tr", {}, el("th", { scope: "row" }, el("button", { type: "button", class: "plain", onclick: () => showEditStrip(ref) }, ref)),
      el("td", {}, T("map.edit-route", { sites: row.sites, length: lengthWords(row.gap_max_m), n: row.gaps_over }))));
  }
  return table;
}

// -- scenarios ---------------------------------------------------------------------------------------------

function keepScenario() {
  const name = T("map.edit-scenario", { n: edit.scenarios.length + 1 });
  edit.scenarios.push({ name, told: scenario(name), state: copyState(edit.state) });
  showEdit(T("map.edit-kept", { name }));
  byId("edit-body").querySelector("[data-part=scenarios]").open = true;
  say(T("map.edit-kept", { name }));
}

function scenarioTable() {
  const box = el("div", { id: "edit-scenarios" });
  if (!edit.scenarios.length) return el("p", {}, T("map.edit-no-scenario"));
  const rows = [[T("map.edit-now"), scenario(T("map.edit-now")), null], ...edit.scenarios.map((one) => [one.name, one.told, one])];
  const table = el("table", { class: "edit-table side" }, el("tr", {}, ...[T("map.edit-name"), T("map.edit-actions"), T("map.edit-cost"), T("map.edit-met"), T("map.edit-gap-column"), T("map.edit-people-column")].map((words) => el("th", { scope: "col" }, words))));
  for (const [name, told, kept] of rows) {
    const title = kept ? el("input", { type: "text", value: name, "aria-label": T("map.edit-name") }) : el("b", {}, name);
    if (kept) title.addEventListener("change", () => { kept.name = kept.told.name = title.value.trim() || kept.name; showEdit(); });
    const line = el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, String(told.on.length + told.places.length)), el("td", {}, decimals(told.figures.cost, 1)), el("td", {}, metWords(told.figures.rules)),
      el("td", {}, told.figures.longest_gap_km === null ? T("value.none") : lengthWords(told.figures.longest_gap_km * 1000)), el("td", {}, sharePart(told.figures.people, edit.model.people.total)));
    table.append(line);
    if (kept) table.append(el("tr", { class: "scenario-tools" }, el("td", { colspan: "6" },
      el("button", { type: "button", class: "plain", onclick: () => change(() => { edit.state = copyState(kept.state); }) }, T("map.edit-take")),
      el("button", { type: "button", class: "plain", "aria-pressed": String(edit.compare === kept), onclick: () => compareWith(kept) }, T("map.edit-compare")),
      el("button", { type: "button", class: "plain", onclick: () => { edit.scenarios = edit.scenarios.filter((x) => x !== kept); if (edit.compare === kept) compareWith(kept); showEdit(); } }, T("map.edit-remove")))));
  }
  box.append(table);
  if (edit.compare) box.append(el("p", { class: "edit-key" }, ...[[T("map.edit-both"), BOTH], [T("map.edit-now-only"), ONLY_NOW], [T("map.edit-kept-only", { name: edit.compare.name }), ONLY_KEPT]].map(([words, colour]) => { const dot = svg("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, svg("circle", { cx: 6, cy: 6, r: 5, fill: colour })); return el("span", {}, dot, " ", words); })));
  return box;
}

const BOTH = "#6b7280", ONLY_NOW = "#5b2a86", ONLY_KEPT = "#d95f02";

function compareWith(kept) {
  edit.compare = edit.compare === kept ? null : kept;
  drawEdit();
  showEdit();
}

function compareColour(spot) {
  const here = spot.options.some((o) => o.a !== undefined && optionOn(o)), there = spot.options.some((o) => o.a !== undefined && edit.compare.state.on[o.a]);
  return here && there ? BOTH : here ? ONLY_NOW : there ? ONLY_KEPT : null;
}

function saveScenario() {
  const name = edit.name || T("map.edit-file-name");
  const address = URL.createObjectURL(new Blob([JSON.stringify(scenario(name), null, 1) + "\n"], { type: "application/json" }));
  el("a", { href: address, download: "scenario.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  say(T("map.edit-saved"));
}

async function openScenario(file) {
  try {
    if (file.size > 5e6) throw new Error(T("map.edit-bad-file"));
    const told = JSON.parse(await file.text()), { unknown, other } = loadScenario(told), words = [T("map.edit-opened", { name: String(told.name || file.name) })];
    if (other) words.push(T("map.edit-other-inputs"));
    if (unknown.length) words.push(T("map.edit-unknown", { ids: unknown.join(", ") }));
    edit.name = String(told.name || "");
    noteEdit(words.join(" "));
  } catch (error) {
    noteEdit(error instanceof SyntaxError ? T("map.edit-bad-file") : error.message);
  }
}

function noteEdit(words) {
  edit.note = words;
  showEdit();
  say(words);
}

function dropScenario(event) {
  if (!editing() || !event.dataTransfer || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  if (event.type === "drop" && event.dataTransfer.files[0]) openScenario(event.dataTransfer.files[0]);
}

// -- completing --------------------------------------------------------------------------------------------

async function completeHere() {
  if (edit.worker) { stopCompleting(); return; }
  const button = byId("edit-complete"), label = (iconName, key) => { button.replaceChildren(icon(iconName), el("span", {}, T(key))); button.title = T(key); };
  label("stop", "map.edit-stop");
  byId("edit").dataset.working = "yes";
  try {
    const done = await complete({}, (step) => { byId("edit-note").textContent = T("map.edit-working", { value: step.goal === "money" ? moneyWords(step.value) : decimals(step.value, 0) }); });
    noteEdit(done.stopped ? T("map.edit-stopped") : completionWords(done));
  } catch (error) {
    noteEdit(error.message);
  }
  delete byId("edit").dataset.working;
  label("complete", "map.edit-complete");
}

/** Value, bound and gap in words: what is proven and what is not. */
function completionWords({ money, people, rows, short, missed, left, never, ended }) {
  const titles = (ids) => ids.map((id) => edit.model.rules.find((rule) => rule.id === id).title).join(T("map.comma"));
  const gap = (x) => (x < 1e-9 ? "0%" : decimals(Math.max(x * 100, 0.1), 1) + "%"), words = [];
  if (rows.asked) words.push(T(money.gap < 1e-9 ? "map.edit-done-proven" : "map.edit-done-money", { value: moneyWords(money.value), bound: moneyWords(money.bound), gap: gap(money.gap) }));
  if (people) words.push(T("map.edit-done-people", { gained: decimals(people.gained, 0), bound: decimals(people.bound, 0), gap: gap(people.gap) }));
  if (short) words.push(T("map.edit-done-short"));
  if (rows.served < rows.asked) words.push(T("map.edit-done-left", { n: rows.asked - rows.served }));
  if (left.length) words.push(T("map.edit-done-shares", { rules: titles(left) }));
  const open = missed.filter((id) => !never.includes(id));
  if (open.length) words.push(T("map.edit-done-missed", { rules: titles(open) }));
  if (never.length) words.push(T("map.edit-done-never", { rules: titles(never) }));
  if (ended) words.push(T("map.edit-done-ended"));
  return words.join(" ");
}
