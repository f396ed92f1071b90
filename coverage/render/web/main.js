// Start: texts into the page, layers onto the map.
let basemap = null, names = null;

function fillTexts() {
  byId("title").textContent = DATA.title;
  byId("subtitle").textContent = DATA.subtitle;
  byId("subtitle").hidden = !DATA.subtitle;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = T(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", T(node.dataset.label));
  for (const note of DATA.notes) byId("notes").append(el("span", {}, note));
}

/** An icon and its word, of which narrow pages show the icon alone. */
function markButton(node, iconName, key) {
  node.append(icon(iconName), el("span", {}, T(key)));
  node.title = T(key);
  node.setAttribute("aria-label", T(key));
}

function headButton(id, iconName, key, action) {
  markButton(byId(id), iconName, key);
  byId(id).addEventListener("click", action);
}

function start() {
  fillTexts();
  if (DATA.basemap) {
    const { url, names: above, max_zoom: maxNativeZoom, subdomains } = DATA.basemap;
    const tiles = (address, opacity) => L.tileLayer(address, { maxZoom: 20, maxNativeZoom, subdomains, referrerPolicy: "origin", opacity });
    basemap = L.layerGroup(above ? [tiles(url, 0.75), tiles(above, 1)] : [tiles(url, 0.75)]).addTo(MAP);
  }
  const home = byId("all-regions");
  home.hidden = !DATA.all_regions;
  if (DATA.all_regions) {
    home.href = DATA.all_regions;
    markButton(home, "regions", "map.all-regions");
  }
  const canUnpack = typeof DecompressionStream === "function";
  if (!canUnpack && DATA.layers.some((spec) => spec.packed)) {
    byId("warning").textContent = T("map.old-browser");
    byId("warning").hidden = false;
  }
  view.layers = DATA.layers.filter((spec) => canUnpack || !spec.packed).map((spec, order) => new MapLayer(spec, order));
  const hasLand = view.layers.some((l) => l.spec.kind === "polygon" && l.spec.group === "background" && l.spec.count);
  MAP.getContainer().classList.toggle("all-land", !hasLand);
  L.control.scale({ imperial: DATA.lengths === "mi", metric: DATA.lengths === "km", maxWidth: 140, position: "bottomright" }).addTo(MAP);
  headButton("toggle-regions", "regions", "map.regions", () => togglePanel("regions"));
  headButton("toggle-findings", "findings", "map.findings", () => togglePanel("findings"));
  headButton("toggle-plan", "plan", "map.plan", () => {
    togglePanel("plan");
    // The panel speaks of the plan's steps: the map beside it shows them, not today.
    if (!byId("plan").hidden && view.phase !== "after") setPhase("after");
  });
  headButton("toggle-edit", "edit", "map.edit", () => togglePanel("edit"));
  headButton("toggle-layers", "layers", "map.layers", () => togglePanel("layers"));
  headButton("print", "print", "map.print", printMap);
  for (const button of document.querySelectorAll("[data-close]")) {
    button.append(icon("close"));
    button.setAttribute("aria-label", T("map.close"));
    button.addEventListener("click", () => (button.dataset.close === "drawer" ? hideStrip() : togglePanel(button.dataset.close, false)));
  }
  startKeys();
  buildPhase();
  buildTools();
  buildSearch();
  buildFindings();
  buildPlan();
  togglePanel("plan", false);
  togglePanel("edit", false);
  const told = DATA.findings.length + DATA.cards.length > 0;
  togglePanel("findings", !isNarrow() && told);
  buildRegions();
  togglePanel("layers", !isNarrow());
  byId("toggle-findings").hidden = !told;
  wholeArea();
  buildTree();
  refreshLayers();
  MAP.on("zoomend", refreshLayers);
  MAP.on("popupclose", () => { if (highlighted) highlighted.remove(); });
  MAP.on("click", (event) => clicked(event.latlng, null, -1));
  names = new Names().addTo(MAP);
  const dense = view.layers.filter((l) => l.grid).map((l) => l.grid.ready);
  Promise.all([...dense, loadEdit().then(buildEdit)]).then(() => { document.body.dataset.ready = "yes"; });
}

start();
window.plugspan = Object.assign({ map: MAP, view, setPhase, showLayer, goTo, distance, showStrip, setStep }, editApi);
