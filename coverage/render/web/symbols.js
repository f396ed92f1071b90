// Symbols as path data in a box of -10..10: the same data make the markers (SVG), the dense layers (canvas)
// and the legend.
const DISC = "M-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0z";
const SHAPES = {
  circle: DISC, dot: DISC, pin: DISC,
  square: "M-6.5-8h13a1.5 1.5 0 0 1 1.5 1.5v13a1.5 1.5 0 0 1-1.5 1.5h-13a1.5 1.5 0 0 1-1.5-1.5v-13a1.5 1.5 0 0 1 1.5-1.5z",
  diamond: "M0-9.5L9.5 0L0 9.5L-9.5 0z",
  triangle: "M0-8.8L9.2 7.6H-9.2z",
  hexagon: "M0-9.5L8.2-4.8V4.8L0 9.5L-8.2 4.8V-4.8z",
};
const MARKS = {
  bolt: { d: "M1.6-6.2L-4 1H-.6L-1.6 6.2L4-1.2H.6z", solid: true },
  plug: { d: "M-3.6-5.5h1.8v3h3.6v-3h1.8v3h1v2.2a3.6 3.6 0 0 1-3.6 3.6V6h-2V3.3a3.6 3.6 0 0 1-3.6-3.6v-2.2h1z", solid: true },
  sun: { d: "M-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0zM-1 -3.6L0 -6.2L1 -3.6zM1.8 -3.3L4.4 -4.4L3.3 -1.8zM3.6 -1L6.2 0L3.6 1zM3.3 1.8L4.4 4.4L1.8 3.3zM1 3.6L0 6.2L-1 3.6zM-1.8 3.3L-4.4 4.4L-3.3 1.8zM-3.6 1L-6.2 0L-3.6 -1zM-3.3 -1.8L-4.4 -4.4L-1.8 -3.3z", solid: true },
  cross: { d: "M-3.6-3.6L3.6 3.6M3.6-3.6L-3.6 3.6" },
  question: { d: "M-2.9-2.6a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.4 1.1-1.4 2.1M0 4.9v.1" },
  minus: { d: "M-4 0h8" },
};

/** Signs are smaller where the shape leaves less room: [scale, shift down]. */
const ROOM = { diamond: [0.68, 0], triangle: [0.62, 2.2] };

/** What a category's symbol is made of: [path data, fill, stroke, stroke width, is the sign] in the box of 20. */
function strokes(c) {
  const scale = c.width / 20, plain = c.symbol === "dot";
  const shape = SHAPES[c.symbol] || DISC;
  const parts = [];
  if (c.fill) parts.push([shape, c.colour, "#ffffff", plain ? Math.min(3, 0.8 / scale) : Math.max(1.8, 1 / scale)]);
  else parts.push([shape, "#ffffff", c.colour, Math.max(2.6, 1.5 / scale)]);
  const mark = MARKS[c.mark], ink = c.fill ? "#ffffff" : c.colour;
  if (mark && mark.solid) parts.push([mark.d, ink, "none", 0, true]);
  else if (mark) parts.push([mark.d, "none", ink, 2.4, true]);
  return parts;
}

function symbolGroup(c) {
  const group = svg("g", { transform: "scale(" + c.width / 20 + ")", opacity: c.opacity });
  const [scale, down] = ROOM[c.symbol] || [1, 0];
  for (const [d, fill, stroke, width, sign] of strokes(c)) {
    const path = svg("path", { d, fill, stroke, "stroke-width": width, "stroke-linejoin": "round", "stroke-linecap": "round" });
    if (sign) path.setAttribute("transform", `translate(0 ${down}) scale(${scale})`);
    group.append(path);
  }
  return group;
}

/** Draw a symbol on a canvas at 0, 0. */
function paintSymbol(g, c, factor) {
  g.save();
  g.scale(c.width / 20 * factor, c.width / 20 * factor);
  g.globalAlpha = c.opacity;
  g.lineJoin = g.lineCap = "round";
  const [scale, down] = ROOM[c.symbol] || [1, 0];
  for (const [d, fill, stroke, width, sign] of strokes(c)) {
    if (sign) { g.translate(0, down); g.scale(scale, scale); }  // the sign comes last
    const path = new Path2D(d);
    if (fill !== "none") { g.fillStyle = fill; g.fill(path); }
    if (stroke !== "none") { g.strokeStyle = stroke; g.lineWidth = width; g.stroke(path); }
  }
  g.restore();
}

function pointIcon(c) {
  const s = c.width + 4, half = s / 2;
  const node = svg("svg", { width: s, height: s, viewBox: [-half, -half, s, s].join(" "), class: "symbol" }, symbolGroup(c));
  return L.divIcon({ html: node, className: c.width < SMALL_PX ? "mark small" : "mark", iconSize: [s, s], iconAnchor: [half, half], popupAnchor: [0, -half + 2] });
}

/** The legend's swatch of a category. */
function swatch(kind, c) {
  const node = svg("svg", { width: 34, height: 20, viewBox: "0 0 34 20", class: "swatch", "aria-hidden": "true" });
  const dash = (c.dash || []).join(" ");
  if (kind === "line") {
    const line = (colour, width, pattern) => svg("path", { d: "M2 10H32", stroke: colour, "stroke-width": width, "stroke-dasharray": pattern, fill: "none" });
    if (c.halo) node.append(line(c.halo, c.width + 6, ""));
    node.append(line(c.colour, Math.max(c.width, 1.2), dash));
  } else if (kind === "polygon") {
    node.append(svg("rect", { x: 4, y: 3, width: 26, height: 14, fill: c.colour, "fill-opacity": c.opacity,
      stroke: c.edge || c.colour, "stroke-width": Math.max(c.width, 1), "stroke-dasharray": dash }));
  } else {
    const inner = symbolGroup(Object.assign({}, c, { width: Math.min(c.width, 17) }));
    const holder = svg("g", { transform: "translate(17 10)" }, inner);
    if (c.mark === "number") holder.append(svg("text", { y: 3.6, "text-anchor": "middle", class: "pin-number small" }, "1"));
    node.append(holder);
  }
  return node;
}
