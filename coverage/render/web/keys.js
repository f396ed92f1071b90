// Keyboard: one symbol is a stop of the Tab key, arrow keys go on to its neighbours; motion only where it is welcome.
const spots = () => [...MAP.getPane("mapPane").querySelectorAll(".leaflet-marker-icon[role=button]")];
const middle = (node) => { const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };

/** The symbol nearest to the middle of the map is the one that Tab reaches. */
function chooseStop() {
  // Lines have their tooltip and the search; they are no stops (Chromium makes them some).
  for (const node of MAP.getPane("mapPane").querySelectorAll("path")) node.setAttribute("tabindex", "-1");
  if (spots().includes(document.activeElement)) return;
  const box = MAP.getContainer().getBoundingClientRect(), cx = box.x + box.width / 2, cy = box.y + box.height / 2;
  let best = null, least = Infinity;
  for (const node of spots()) {
    node.tabIndex = -1;
    const [x, y] = middle(node), far = Math.hypot(x - cx, y - cy);
    if (far < least) { best = node; least = far; }
  }
  if (best) best.tabIndex = 0;
}

/** The nearest symbol in a direction: what lies aside counts double. */
function neighbour(from, dx, dy) {
  const [x0, y0] = middle(from);
  let best = null, least = Infinity;
  for (const node of spots()) {
    const [x, y] = middle(node), along = (x - x0) * dx + (y - y0) * dy, aside = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
    const far = along + 2 * aside;
    if (node !== from && along > 0 && aside <= 2 * along && far < least) { best = node; least = far; }
  }
  return best;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function startKeys() {
  MAP.getContainer().addEventListener("keydown", (event) => {
    const from = event.target, arrow = ARROWS[event.key];
    if (!arrow || !from.matches || !from.matches(".leaflet-marker-icon[role=button]")) return;
    event.stopPropagation();
    event.preventDefault();
    const next = neighbour(from, ...arrow);
    if (!next) return;
    from.tabIndex = -1;
    next.tabIndex = 0;
    next.focus({ preventScroll: true });
    const box = MAP.getContainer().getBoundingClientRect(), [x, y] = middle(next);
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) MAP.panBy([x - box.left - box.width / 2, y - box.top - box.height / 2]);
  }, true);
  MAP.on("layersrefreshed moveend", () => requestAnimationFrame(chooseStop));
  // By keyboard one gets into the popup and back to where one was.
  let opener = null, byKey = false;
  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("pointerdown", () => { byKey = false; }, true);
  MAP.on("popupopen", (event) => {
    opener = byKey && spots().includes(document.activeElement) ? document.activeElement : null;
    if (opener) event.popup.getElement().querySelector(".leaflet-popup-close-button").focus({ preventScroll: true });
  });
  MAP.on("popupclose", () => { if (byKey && opener && opener.isConnected) opener.focus({ preventScroll: true }); opener = null; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") MAP.closePopup(); });
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) calm();
}

/** No flights, no inertia. */
function calm() {
  MAP._zoomAnimated = false;
  MAP.options.inertia = false;
  const panBy = MAP.panBy;
  MAP.panBy = function (offset, options) { return panBy.call(this, offset, Object.assign({}, options, { animate: false })); };
}
