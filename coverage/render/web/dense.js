// Dense layers: 100 000 lines or points, packed (see packing.py), drawn on canvas tiles.
async function unpack(base64) {
  const raw = atob(base64), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
const unpackJson = async (base64) => JSON.parse(new TextDecoder().decode(await unpack(base64)));
const unpackIndex = async (base64) => new Int32Array((await unpack(base64)).buffer);

/** Reader of zigzag variable-length integers. */
function varints(bytes) {
  let at = 0;
  return () => {
    let value = 0, unit = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * unit; unit *= 128; } while (byte & 128);
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
}

const GRID_ZOOM = 12, TILE = 512;

const Dense = L.GridLayer.extend({
  options: { tileSize: TILE, updateWhenZooming: false, keepBuffer: 1, noWrap: true },

  initialize(spec, options) {
    L.setOptions(this, options);
    this.spec = spec;
    this.shownCategories = spec.categories.map(() => true);
    this.ready = this._load();
  },

  async _load() {
    const pack = readJson(this.spec.packed), next = varints(await unpack(pack.geo));
    const n = (this.n = pack.n), starts = (this.starts = new Uint32Array(n + 1));
    for (let i = 0; i < n; i++) starts[i + 1] = starts[i] + next();
    this.x = this._coordinates(next, starts, (v) => (v / 1e5 + 180) / 360 * 256);
    this.y = this._coordinates(next, starts, (v) => {
      const s = Math.sin(v / 1e5 * Math.PI / 180);
      return (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * 256;
    });
    this.category = await unpackIndex(pack.cat);
    this.side = pack.side ? await unpackIndex(pack.side) : null;
    this._index();
    this.pack = pack;
    if (this._map) this.redraw();
    return this;
  },

  _coordinates(next, starts, project) {
    const out = new Float64Array(starts[this.n]);
    let first = 0;
    for (let i = 0; i < this.n; i++) {
      let value = (first += next());
      out[starts[i]] = project(value);
      for (let k = starts[i] + 1; k < starts[i + 1]; k++) out[k] = project((value += next()));
    }
    return out;
  },

  /** Boxes of the features, and which of them touch each cell of a grid (tiles of zoom 12). */
  _index() {
    const box = (this.box = new Float64Array(4 * this.n)), cells = (this.cells = new Map());
    const s = Math.pow(2, GRID_ZOOM) / TILE;
    this.mark = new Uint32Array(this.n);
    this.turn = 0;
    for (let i = 0; i < this.n; i++) {
      let a = Infinity, b = Infinity, c = -Infinity, d = -Infinity;
      for (let k = this.starts[i]; k < this.starts[i + 1]; k++) {
        a = Math.min(a, this.x[k]); c = Math.max(c, this.x[k]);
        b = Math.min(b, this.y[k]); d = Math.max(d, this.y[k]);
      }
      box.set([a, b, c, d], 4 * i);
      for (let gx = Math.floor(a * s); gx <= Math.floor(c * s); gx++) {
        for (let gy = Math.floor(b * s); gy <= Math.floor(d * s); gy++) {
          const key = gx * 65536 + gy, list = cells.get(key);
          if (list) list.push(i); else cells.set(key, [i]);
        }
      }
    }
  },

  /** Features whose box meets the box, each once. */
  _within(a, b, c, d) {
    const s = Math.pow(2, GRID_ZOOM) / TILE, box = this.box, out = [];
    const meets = (i) => box[4 * i] <= c && box[4 * i + 2] >= a && box[4 * i + 1] <= d && box[4 * i + 3] >= b;
    const x0 = Math.floor(a * s), x1 = Math.floor(c * s), y0 = Math.floor(b * s), y1 = Math.floor(d * s);
    if ((x1 - x0 + 1) * (y1 - y0 + 1) > this.cells.size) {
      for (let i = 0; i < this.n; i++) if (meets(i)) out.push(i);
      return out;
    }
    const turn = ++this.turn;
    for (let gx = x0; gx <= x1; gx++) {
      for (let gy = y0; gy <= y1; gy++) {
        for (const i of this.cells.get(gx * 65536 + gy) || []) {
          if (this.mark[i] !== turn && meets(i)) { this.mark[i] = turn; out.push(i); }
        }
      }
    }
    return out;
  },

  createTile(at, done) {
    const tile = document.createElement("canvas"), ratio = Math.min(window.devicePixelRatio || 1, 3);
    tile.width = tile.height = TILE * ratio;
    const draw = () => {
      const g = tile.getContext("2d");
      g.scale(ratio, ratio);
      this._draw(g, at);
      done(null, tile);
    };
    if (this.pack) setTimeout(draw, 0); else this.ready.then(draw, () => done(null, tile));
    return tile;
  },

  _draw(g, at) {
    const scale = Math.pow(2, at.z), ox = at.x * TILE, oy = at.y * TILE, pad = this.gathers(at.z) ? CELL : 24;
    const lists = this.spec.categories.map(() => []);
    const found = this._within((ox - pad) / scale, (oy - pad) / scale, (ox + TILE + pad) / scale, (oy + TILE + pad) / scale);
    for (const i of found) if (this.category[i] >= 0) lists[this.category[i]].push(i);
    const alone = this.gathers(at.z) ? this._clusters(g, found, scale, ox, oy, at.z) : null;
    for (const k of this._drawingOrder()) {
      if (!lists[k].length || !this._visible(k, at.z)) continue;
      if (this.spec.kind === "point") this._points(g, alone ? lists[k].filter((i) => alone.has(i)) : lists[k], k, scale, ox, oy, at.z);
      else this._lines(g, lists[k], k, scale, ox, oy);
    }
  },

  /** The first category is the most important one and is drawn last; but what has a halo (gaps) lies on top. */
  _drawingOrder() {
    const back = this.spec.categories.map((c, k) => k).reverse(), glows = (k) => Boolean(this.spec.categories[k].halo);
    return back.filter((k) => !glows(k)).concat(back.filter(glows));
  },

  _visible(k, zoom) {
    return this.shownCategories[k] && zoom >= this.spec.categories[k].min_zoom;
  },

  _lines(g, list, k, scale, ox, oy) {
    const c = this.spec.categories[k];
    // Between whole zoom levels a tile is shown smaller than drawn: draw thicker.
    const factor = this._enlarged(scale) * (this.side ? lineScale() : 1);
    g.lineJoin = "round";
    g.globalAlpha = c.opacity;
    const look = { scale, ox, oy, offset: this.spec.offset_px * factor };
    if (c.halo) this._stroke(g, list, look, c.halo, (c.width + 6) * factor, []);
    this._stroke(g, list, look, c.colour, c.width * factor, c.dash.map((v) => v * factor));
  },

  sideOf(i) { return this.side ? this.side[i] : 0; },

  /** Stroke in short batches: the time for one path grows faster than its length. */
  _stroke(g, list, look, colour, width, dash) {
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.setLineDash(dash);
    g.beginPath();
    for (let m = 0; m < list.length; m++) {
      if (m % 200 === 199) { g.stroke(); g.beginPath(); }
      if (this.side && this.side[list[m]]) this._traceBeside(g, list[m], look);
      else this._trace(g, list[m], look);
    }
    g.stroke();
  },

  _trace(g, i, { scale, ox, oy }) {
    const near = 0.6 / scale, end = this.starts[i + 1];
    let j = this.starts[i], lx = this.x[j], ly = this.y[j];
    g.moveTo(lx * scale - ox, ly * scale - oy);
    for (j++; j < end; j++) {
      const x = this.x[j], y = this.y[j];
      if (j < end - 1 && Math.abs(x - lx) < near && Math.abs(y - ly) < near) continue;
      g.lineTo(x * scale - ox, y * scale - oy);
      lx = x; ly = y;
    }
  },

  /** The two directions of a road lie side by side, as the lines of small layers do. */
  _traceBeside(g, i, { scale, ox, oy, offset }) {
    const points = [];
    for (let j = this.starts[i]; j < this.starts[i + 1]; j++) points.push(L.point(this.x[j] * scale - ox, this.y[j] * scale - oy));
    const line = shifted(L.LineUtil.simplify(points, 2), this.side[i] * offset);
    line.forEach((p, k) => (k ? g.lineTo(p.x, p.y) : g.moveTo(p.x, p.y)));
  },

  _points(g, list, k, scale, ox, oy, zoom) {
    const sprite = this._sprite(k, zoom), half = sprite.size / 2;
    for (const i of list) {
      const j = this.starts[i];
      g.drawImage(sprite.canvas, this.x[j] * scale - ox - half, this.y[j] * scale - oy - half, sprite.size, sprite.size);
    }
  },

  /** A category's symbol, drawn once and stamped; smaller when zoomed out. */
  _sprite(k, zoom) {
    const factor = zoom < 9 ? 0.6 : zoom < 11 ? 0.8 : 1, key = k + "/" + factor;
    this.sprites = this.sprites || new Map();
    if (!this.sprites.has(key)) {
      const c = this.spec.categories[k], size = (c.width + 4) * factor, ratio = 2 * (window.devicePixelRatio || 1);
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = Math.ceil(size * ratio);
      const g = canvas.getContext("2d");
      g.scale(ratio, ratio);
      g.translate(size / 2, size / 2);
      paintSymbol(g, c, factor);
      this.sprites.set(key, { canvas, size });
    }
    return this.sprites.get(key);
  },

  setCategories(flags) {
    if (flags.every((flag, k) => flag === this.shownCategories[k])) return;
    this.shownCategories = flags;
    if (this._map && this.pack) this.redraw();
  },

  /** Nearest visible feature within some pixels of a place, or -1. */
  pick(latlng, pixels) {
    if (!this.pack || !this._map) return -1;
    const zoom = this._map.getZoom(), r = pixels / Math.pow(2, zoom), p = this._map.project(latlng, 0);
    let best = r * r, nearest = -1;
    for (const i of this._within(p.x - r, p.y - r, p.x + r, p.y + r)) {
      const k = this.category[i];
      if (k < 0 || !this._visible(k, Math.round(zoom))) continue;
      const first = this.starts[i], end = this.starts[i + 1];
      for (let j = Math.min(first + 1, end - 1); j < end; j++) {
        const a = Math.max(first, j - 1), dx = this.x[j] - this.x[a], dy = this.y[j] - this.y[a];
        const along = ((p.x - this.x[a]) * dx + (p.y - this.y[a]) * dy) / (dx * dx + dy * dy || 1);
        const t = Math.max(0, Math.min(1, along));
        const length = Math.hypot(dx, dy) || 1, beside = this.sideOf(i) * this.spec.offset_px * lineScale() / Math.pow(2, zoom);
        const ex = p.x - this.x[a] - t * dx + dy / length * beside, ey = p.y - this.y[a] - t * dy - dx / length * beside;
        const d2 = ex * ex + ey * ey;
        if (d2 < best) { best = d2; nearest = i; }
      }
    }
    return nearest;
  },

  bounds(i) {
    const [a, b, c, d] = this.box.subarray(4 * i, 4 * i + 4);
    return L.latLngBounds(MAP.unproject([a, b], 0), MAP.unproject([c, d], 0));
  },

  /** Place of a feature's vertex. */
  place(i, k) {
    const j = this.starts[i] + k;
    return MAP.unproject([this.x[j], this.y[j]], 0);
  },

  path(i) {
    return Array.from({ length: this.starts[i + 1] - this.starts[i] }, (_, k) => this.place(i, k));
  },

  anchor(i) {
    return this.place(i, (this.starts[i + 1] - this.starts[i] - 1) >> 1);
  },

  /** The texts of a column (a number of a schema column, or "label", "search", "strip"), unpacked when asked for. */
  async texts(column) {
    this.columns = this.columns || new Map();
    if (!this.columns.has(column)) {
      await this.ready;
      const packed = typeof column === "number" ? this.pack.props[column] : this.pack[column];
      this.columns.set(column, { values: await unpackJson(packed.values), index: await unpackIndex(packed.index) });
    }
    const { values, index } = this.columns.get(column);
    return (i) => values[index[i]];
  },
});
