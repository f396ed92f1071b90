// Where many points lie in one place, a disc with their number stands for them; a click goes nearer.
const CELL = 64, GATHER_BELOW = 13, FEWEST = 6;

Dense.include({
  /** Whether points are gathered at a zoom level: signs that would hide each other, not small dots. */
  gathers(zoom) {
    return this.spec.kind === "point" && zoom < GATHER_BELOW && this.spec.categories.some((c) => c.symbol !== "dot");
  },

  /** Cells of a grid that is fixed to the world, so that tiles agree: key -> visible points in it. */
  _cells(found, scale, zoom) {
    const cells = new Map();
    for (const i of found) {
      const k = this.category[i];
      if (k < 0 || !this._visible(k, zoom)) continue;
      const j = this.starts[i], key = Math.floor(this.x[j] * scale / CELL) + "/" + Math.floor(this.y[j] * scale / CELL);
      const list = cells.get(key);
      if (list) list.push(i); else cells.set(key, [i]);
    }
    return cells;
  },

  _centre(list, scale) {
    let x = 0, y = 0;
    for (const i of list) { x += this.x[this.starts[i]]; y += this.y[this.starts[i]]; }
    return [x / list.length * scale, y / list.length * scale];
  },

  /** Draw the discs of a tile and its rim; return the points that stand alone. */
  _clusters(g, found, scale, ox, oy, zoom) {
    const alone = new Set();
    for (const list of this._cells(found, scale, zoom).values()) {
      if (list.length < FEWEST) { for (const i of list) alone.add(i); continue; }
      const [x, y] = this._centre(list, scale);
      this._disc(g, list, x - ox, y - oy, this._enlarged(scale));
    }
    return alone;
  },

  /** Between whole zoom levels a tile is shown smaller than drawn: draw larger. */
  _enlarged(scale) { return this._map ? Math.max(1, scale / Math.pow(2, this._map.getZoom())) : 1; },

  /** The rim of a disc shows the shares of the categories. */
  _disc(g, list, cx, cy, factor) {
    const r = discRadius(list.length), x = 0, y = 0;
    const counts = this.spec.categories.map(() => 0);
    for (const i of list) counts[this.category[i]]++;
    g.save();
    g.translate(cx, cy);
    g.scale(factor, factor);
    g.globalAlpha = 1;
    g.beginPath();
    g.arc(x, y, r + 1.5, 0, 2 * Math.PI);
    g.fillStyle = "#ffffff";
    g.fill();
    let from = -Math.PI / 2;
    counts.forEach((n, k) => {
      const to = from + n / list.length * 2 * Math.PI, c = this.spec.categories[k];
      g.beginPath();
      g.arc(x, y, r - 1, from, to);
      g.setLineDash(c.fill ? [] : [2, 2]);
      g.lineWidth = 4;
      g.strokeStyle = c.colour;
      if (n) g.stroke();
      from = to;
    });
    g.fillStyle = "#1f2933";
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.font = '600 11px "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif';
    g.fillText(String(list.length), x, y + 0.5);
    g.restore();
  },

  /** The bounds of the points whose disc lies under a place, or null. */
  clusterAt(latlng) {
    const zoom = this._map ? Math.round(this._map.getZoom()) : 99;
    if (!this.pack || !this.gathers(zoom)) return null;
    const scale = Math.pow(2, zoom), p = this._map.project(latlng, 0), pad = 1.5 * CELL / scale;
    const found = this._within(p.x - pad, p.y - pad, p.x + pad, p.y + pad);
    for (const key of this._cells(found, scale, zoom).keys()) {
      const [cx, cy] = key.split("/").map(Number);
      const whole = this._within(cx * CELL / scale, cy * CELL / scale, (cx + 1) * CELL / scale, (cy + 1) * CELL / scale);
      const list = this._cells(whole, scale, zoom).get(key) || [];
      if (list.length < FEWEST) continue;
      const [x, y] = this._centre(list, scale);
      if (Math.hypot(x - p.x * scale, y - p.y * scale) > (discRadius(list.length) + 3) * this._enlarged(scale)) continue;
      return list.reduce((box, i) => box.extend(this.anchor(i)), L.latLngBounds([]));
    }
    return null;
  },
});

const discRadius = (n) => Math.min(24, 11 + 2.2 * Math.log2(n / FEWEST + 1));

/** A click on a disc shows what it stands for. */
function openCluster(latlng) {
  for (const layer of view.layers.slice().reverse()) {
    const box = layer.grid && layer.shown && layer.grid.clusterAt(latlng);
    if (!box) continue;
    const zoom = Math.min(GATHER_BELOW, Math.max(MAP.getZoom() + 2, MAP.getBoundsZoom(box)));
    MAP.setView(box.getCenter(), zoom);
    say(layer.spec.title);
    return true;
  }
  return false;
}
