// A country by its regions: coloured and ranked by the rule that is chosen, each with its figures and its own map.
const REGION_SIGN = ["✓", "?", "!", "✕", "✓", "!", "?", "✕", "…", "–"];
let regionTheme = 0;

const regionLayer = () => view.layers.find((l) => l.spec.name === "regions");

/** The row of the chosen rule in a region: [id, title, value, status, value then, status then, rank, year]. */
function regionRow(region) {
  return region.rules.find((row) => row[0] === DATA.regions.themes[regionTheme].rule);
}

/** Colours, signs and counts of the regions by a rule; the first of the list is all rules together. */
function colourRegions(theme) {
  const layer = regionLayer(), spec = layer.spec;
  regionTheme = theme;
  spec.cat = DATA.regions.themes[theme].cat;
  spec.counts = spec.categories.map((_, k) => spec.cat.filter((c) => c === k).length);
  // Never colour alone: the sign stands before the name.
  spec.labels = DATA.regions.regions.map((region, i) => REGION_SIGN[spec.cat[i]] + " " + region.name);
  for (const part of layer.parts || []) part.remove();
  Object.assign(layer, { parts: null, items: [], step: undefined });
  layer.off.clear();
  MAP.closePopup();
  listRegions();
  if (!names) return; // at the start the layers are drawn afterwards
  buildTree();
  refreshLayers();
}

function listRegions() {
  const spec = regionLayer().spec, theme = DATA.regions.themes[regionTheme], key = byId("region-key"), list = byId("region-list");
  key.replaceChildren();
  if (theme.target) key.append(el("p", { class: "target" }, T("map.target") + " " + theme.target));
  spec.categories.forEach((c, k) => {
    if (spec.counts[k]) key.append(el("div", {}, swatch("polygon", c), el("span", {}, REGION_SIGN[k] + " " + c.label), el("small", {}, String(spec.counts[k]))));
  });
  const rankOf = (region) => { const row = regionRow(region); return regionTheme ? (row ? row[6] : null) : region.rank; };
  const order = DATA.regions.regions.map((region, i) => [rankOf(region), i]);
  order.sort((a, b) => (a[0] === null) - (b[0] === null) || a[0] - b[0] || a[1] - b[1]);
  list.replaceChildren(...order.map(([rank, i]) => el("li", {}, regionButton(i, rank))));
}

function regionButton(i, rank) {
  const region = DATA.regions.regions[i], row = regionRow(region), c = regionLayer().spec.categories[DATA.regions.themes[regionTheme].cat[i]];
  const value = regionTheme ? (row ? row[2] : "") : region.counts[0] === null ? region.reason || "" : T("map.region-counts", { met: region.counts[0] + region.counts[1], missed: region.counts[2], open: region.counts[3] });
  const open = () => {
    goTo(regionLayer(), [i]);
    if (isNarrow()) togglePanel("regions", false);
  };
  return el("button", { type: "button", onclick: open }, el("span", { class: "rank" }, rank === null ? "–" : String(rank)),
    el("span", { class: "who" }, region.name), regionTheme && row && row[3] ? chip(row[3], row[7]) : swatch("polygon", c), el("span", { class: "value" }, value || ""));
}

/** What a click on a region shows. */
function regionBox(i) {
  const region = DATA.regions.regions[i], box = el("div", { class: "popup region-box" }, el("h2", {}, region.name));
  if (region.link) box.append(el("a", { href: region.link, class: "open-map", target: "_blank", rel: "noopener" }, T("map.region-map")));
  else box.append(el("p", {}, T("map.region-none")), el("p", {}, region.reason || ""));
  if (region.rank !== null) box.append(el("p", { class: "target" }, T("map.region-rank", { rank: region.rank, n: DATA.regions.regions.filter((r) => r.rank !== null).length })));
  const table = el("table", {});
  for (const [, title, value, status, then, statusThen, , year] of region.rules) {
    const cell = el("td", {}, value || T("value.unknown"));
    if (status) cell.append(" ", chip(status, year));
    if (then && then !== value) cell.append(el("div", {}, T("map.then") + " " + then + " ", statusThen ? chip(statusThen, year) : ""));
    table.append(el("tr", {}, el("th", { scope: "row" }, title), cell));
  }
  box.append(table);
  return box;
}

function buildRegions() {
  togglePanel("regions", false);
  byId("toggle-regions").hidden = !DATA.regions;
  if (!DATA.regions) return;
  const choice = byId("region-rule");
  DATA.regions.themes.forEach((theme, k) => choice.append(el("option", { value: k }, theme.title)));
  choice.addEventListener("change", () => { colourRegions(Number(choice.value)); say(choice.selectedOptions[0].textContent); });
  colourRegions(0);
  togglePanel("regions", !isNarrow());
}
