// Gaps along the routes and covered length for any set of sites that count, as measure/spacing.py and rules/length.py
// measure them. Nothing here touches the page, so that tests run it alone.

/** Compare lengths to the millimetre: -1 shorter, 0 equal, 1 longer. */
function compareM(a, b) {
  const steps = (a - b) * 1000;
  return steps > 0.5 ? 1 : steps < -0.5 ? -1 : 0;
}

/** Linear between knots, level beyond them. */
function interpolate(at, x, y) {
  const last = x.length - 1;
  if (!(at > x[0])) return y[0];
  if (at >= x[last]) return y[last];
  let low = 0, high = last;
  while (high - low > 1) { const middle = (low + high) >> 1; if (x[middle] <= at) low = middle; else high = middle; }
  return x[high] === x[low] ? y[high] : y[low] + (y[high] - y[low]) * (at - x[low]) / (x[high] - x[low]);
}

/** The drives of a class of roads with all places on them; what does not depend on the state is worked out once. */
class RoadNet {
  constructor(spec) {
    this.driven_m = spec.driven_m;
    this.drives = spec.drives.map((drive) => RoadNet.prepared(drive));
    this.refs = [...new Set(this.drives.map((d) => d.ref))];
    this.sections = new Map();
    this.directions = new Map();
    const ways = new Map();
    this.drives.forEach((d, k) => {
      const name = d.ref + "\n" + d.section;
      if (!this.sections.has(name)) this.sections.set(name, {});
      this.sections.get(name)[d.direction] = k;
      d.site.forEach((place, i) => {
        if (!d.inside[i]) return;
        const key = place + "\n" + name, held = ways.get(key) || { place, ref: d.ref, directions: new Set() };
        held.directions.add(d.direction);
        ways.set(key, held);
      });
    });
    // How many directions a place serves inside: of all its sections the most; by route, and over all routes.
    for (const { place, ref, directions } of ways.values()) {
      const held = this.directions.get(place) || new Map();
      for (const key of [ref, ""]) held.set(key, Math.max(held.get(key) || 0, directions.size));
      this.directions.set(place, held);
    }
  }

  static prepared(d) {
    const pieces = { x: [], inside: [], counted: [] }, own = { x: [], y: [] };
    let inside = 0, counted = 0, length = 0;
    for (let i = 0; i < d.pieces.length; i += 3) {
      pieces.x.push(d.pieces[i], d.pieces[i + 1]);
      pieces.inside.push(inside, inside += d.pieces[i + 1] - d.pieces[i]);
      pieces.counted.push(counted, counted += d.pieces[i + 2]);
    }
    for (let i = 0; i < d.own.length; i += 2) {
      own.x.push(d.own[i], d.own[i + 1]);
      own.y.push(length, length += d.own[i + 1] - d.own[i]);
    }
    const reaches = own.x.length ? [compareM(own.x[0], d.ends[0]) <= 0, compareM(d.ends[1], own.x[own.x.length - 1]) <= 0] : [false, false];
    return Object.assign({}, d, { cut: pieces, part: own, own_m: length, reaches });
  }

  /** Length between two places of a drive: driven inside, or what it adds to the route. */
  static between(d, what, low, high) {
    const { x } = d.cut;
    if (!x.length) return 0;
    const beyond = Math.max(high - d.ends[1], 0), y = d.cut[what];
    let found = interpolate(high - beyond, x, y) - interpolate(low, x, y);
    if (beyond > 0) found += interpolate(d.ends[0] + beyond, x, y) - interpolate(d.ends[0], x, y);
    return found;
  }

  /** Own position of a place: what lies outside has no length. */
  static ownAt(d, at) {
    if (!d.part.x.length) return 0;
    if (!d.ring) return interpolate(at, d.part.x, d.part.y);
    const round = d.ends[1] - d.ends[0], turns = Math.floor((at - d.ends[0]) / round);
    return interpolate(at - turns * round, d.part.x, d.part.y) + turns * d.own_m;
  }

  /** Bounds of the gaps of a drive by rising chainage: [low, high, site at low, site at high, kind]. */
  static bounds(d, counts) {
    const at = [], site = [];
    let previous = -Infinity;
    d.site.forEach((place, i) => {
      if (!counts(place)) return;
      if (compareM(d.at[i], previous) > 0) { at.push(d.at[i]); site.push(place); }
      previous = d.at[i];
    });
    const [first, last] = d.ends;
    if (!at.length) return [[first, last, -1, -1, "whole"]];
    if (d.ring) {
      const round = last - first;
      if (at.length > 1 && compareM(at[0] + round, at[at.length - 1]) <= 0) { at.pop(); site.pop(); }
      return at.map((low, k) => k + 1 < at.length ? [low, at[k + 1], site[k], site[k + 1], "between"] : [low, at[0] + round, site[k], site[0], "ring"]);
    }
    const found = [];
    if (compareM(at[0], first) > 0) found.push([first, at[0], -1, site[0], "start"]);
    for (let k = 0; k + 1 < at.length; k++) found.push([at[k], at[k + 1], site[k], site[k + 1], "between"]);
    const end = at.length - 1;
    if (compareM(last, at[end]) > 0) found.push([at[end], last, site[end], -1, "end"]);
    return found;
  }

  /** All gaps that touch the region, in the order of the drives. */
  gaps(counts, limits, span) {
    const found = [];
    this.drives.forEach((d, k) => {
      for (const [low, high, from, to, kind] of RoadNet.bounds(d, counts)) {
        const inside = RoadNet.between(d, "inside", low, high);
        if (compareM(inside, 0) <= 0) continue;
        const openLow = (kind === "start" || kind === "whole") && d.open[0], openHigh = (kind === "end" || kind === "whole") && d.open[1];
        const length = high - low, own = RoadNet.ownAt(d, high) - RoadNet.ownAt(d, low);
        const over = compareM(own, span) > 0, isOpen = openLow || openHigh;
        const short = !over && (compareM(length, span) > 0 ? "shared" : kind === "whole" ? "no_site" : isOpen ? "open" : "");
        found.push({ drive: k, ref: d.ref, low, high, from, to, kind, length, own, inside, over, isOpen, once: true,
          ownOpen: (openLow && d.reaches[0]) || (openHigh && d.reaches[1]),
          counted: RoadNet.between(d, "counted", low, high), type: short || lengthClass(over ? own : length, limits) });
      }
    });
    this.countOnce(found);
    return found;
  }

  /** Where both directions have a gap that is too long beside each other, only the forward one counts. */
  countOnce(gaps) {
    const byDrive = new Map();
    for (const gap of gaps) {
      const state = gap.over ? 2 : gap.type === "shared" ? 1 : 0;
      if (!state) continue;
      if (!byDrive.has(gap.drive)) byDrive.set(gap.drive, []);
      byDrive.get(gap.drive).push([gap, state]);
    }
    for (const { forward, backward } of this.sections.values()) {
      const there = byDrive.get(forward), back = byDrive.get(backward);
      if (!there || !back) continue;
      const other = this.drives[backward].other;
      for (const [gap, state] of back) {
        const low = toOther(gap.low, other), high = toOther(gap.high, other);
        gap.once = !there.some(([one, its]) => its === state &&
          2 * (Math.min(one.high, high) - Math.max(one.low, low)) > Math.min(one.high - one.low, high - low));
      }
    }
  }

  /** Figures of a spacing as spacing_figures has them, and by route. */
  figures(counts, limits, span) {
    const gaps = this.gaps(counts, limits, span), routes = new Map();
    const row = () => ({ sites: 0, direction_sites: 0, gap_max_m: NaN, gap_max_open: false, gaps_over: 0, shared_gaps: 0, driven_m: 0, length_m: 0, classes: {} });
    const all = row();
    for (const ref of this.refs) routes.set(ref, row());
    for (const [place, ways] of this.directions) {
      if (!counts(place)) continue;
      for (const [ref, n] of ways) {
        const held = ref === "" ? all : routes.get(ref);
        held.sites += 1;
        held.direction_sites += n;
      }
    }
    const touched = new Set();
    for (const gap of gaps) {
      touched.add(gap.ref);
      const route = routes.get(gap.ref);
      for (const held of [all, route]) {
        // The first of those that are longest to the millimetre.
        const mm = Math.round(gap.own * 1000);
        if (!(mm <= held.mm)) { held.mm = mm; held.gap_max_m = gap.own; held.gap_max_open = gap.ownOpen; }
        if (gap.over && gap.once) held.gaps_over += 1;
        if (gap.type === "shared" && gap.once) held.shared_gaps += 1;
      }
      route.driven_m += gap.inside;
      route.length_m += gap.counted;
      route.classes[gap.type] = (route.classes[gap.type] || 0) + gap.counted;
    }
    for (const ref of this.refs) if (!touched.has(ref)) routes.delete(ref);
    all.driven_m = this.driven_m;
    for (const held of [all, ...routes.values()]) {
      held.length_per_site_m = held.direction_sites ? held.driven_m / held.direction_sites : NaN;
      delete held.mm;
    }
    all.routes_over = [...routes.values()].filter((route) => route.gaps_over > 0).length;
    all.any_open = gaps.some((gap) => gap.ownOpen);
    all.length_m = gaps.length ? 1 : 0;
    return { gaps, all, routes };
  }
}

function toOther(at, [x, y]) {
  if (!x || !x.length) return at;
  const last = x[x.length - 1];
  return interpolate(at, x, y) + (at < x[0] ? at - x[0] : 0) + (at > last ? at - last : 0);
}

/** Class of a length: 0 below the first limit …; the last limit itself is still below it. */
function lengthClass(length, limits) {
  const inner = limits.slice(0, -1).filter((limit) => compareM(length, limit) >= 0).length;
  return inner + (compareM(length, limits[limits.length - 1]) > 0 ? 1 : 0);
}

/** Roads between places and the ends of pieces that count, for the covered length by the edge rule. */
class RoadGraph {
  constructor(spec) {
    const n = this.n = spec.nodes, degree = new Int32Array(n + 1);
    for (let e = 0; e < spec.u.length; e++) { degree[spec.u[e] + 1]++; degree[spec.v[e] + 1]++; }
    for (let i = 0; i < n; i++) degree[i + 1] += degree[i];
    this.start = degree;
    const fill = degree.slice();
    this.to = new Int32Array(2 * spec.u.length);
    this.length = new Float64Array(2 * spec.u.length);
    for (let e = 0; e < spec.u.length; e++) {
      for (const [a, b] of [[spec.u[e], spec.v[e]], [spec.v[e], spec.u[e]]]) { this.to[fill[a]] = b; this.length[fill[a]++] = spec.m[e]; }
    }
    this.spec = spec;
    this.on = new Map();
    spec.on.piece.forEach((piece, i) => {
      if (!this.on.has(piece)) this.on.set(piece, []);
      this.on.get(piece).push([spec.on.m[i], spec.on.place[i]]);
    });
    for (const list of this.on.values()) list.sort((a, b) => a[0] - b[0]);
    this.total_m = spec.weight_m.reduce((sum, w) => sum + w, 0);
  }

  /** Distance of every node to the nearest place that counts, infinite beyond the limit. */
  nearest(counts, limit) {
    const far = new Float64Array(this.n).fill(Infinity), heap = new NodeHeap(far);
    this.spec.place.forEach((place, i) => { if (counts(place) && far[this.spec.node[i]] > 0) heap.lower(this.spec.node[i], 0); });
    for (let node = heap.pop(); node >= 0; node = heap.pop()) {
      for (let k = this.start[node]; k < this.start[node + 1]; k++) {
        const next = far[node] + this.length[k];
        if (next <= limit && next < far[this.to[k]]) heap.lower(this.to[k], next);
      }
    }
    return far;
  }

  /** Share of the length that passes the edge rule, and the pieces that fail. */
  share(counts, span) {
    if (!(this.total_m > 0)) return null;
    const { piece_u, piece_v, piece_m, weight_m } = this.spec, far = this.nearest(counts, span);
    let failed = 0;
    for (let p = 0; p < piece_m.length; p++) {
      const u = far[piece_u[p]], v = far[piece_v[p]], length = piece_m[p];
      let before = -u;
      const check = (at) => {
        if (compareM(at - before, span) > 0) failed += weight_m[p] * (clip(at, length) - clip(before, length)) / (length || 1);
        before = at;
      };
      for (const [at, place] of this.on.get(p) || []) if (counts(place)) check(at);
      check(length + v);
    }
    return 1 - failed / this.total_m;
  }
}

const clip = (at, length) => Math.min(Math.max(at, 0), length);

/** Nodes by distance, for Dijkstra's search. */
class NodeHeap {
  constructor(far) { this.far = far; this.nodes = []; this.place = new Int32Array(far.length).fill(-1); }

  lower(node, value) {
    this.far[node] = value;
    let i = this.place[node];
    if (i < 0) i = this.nodes.push(node) - 1;
    for (; i > 0; ) {
      const up = (i - 1) >> 1;
      if (this.far[this.nodes[up]] <= value) break;
      this.put(this.nodes[up], i);
      i = up;
    }
    this.put(node, i);
  }

  put(node, i) { this.nodes[i] = node; this.place[node] = i; }

  pop() {
    const top = this.nodes.length ? this.nodes[0] : -1;
    if (top < 0) return -1;
    this.place[top] = -1;
    const last = this.nodes.pop(), n = this.nodes.length;
    if (!n) return top;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= n) break;
      if (down + 1 < n && this.far[this.nodes[down + 1]] < this.far[this.nodes[down]]) down++;
      if (this.far[this.nodes[down]] >= this.far[last]) break;
      this.put(this.nodes[down], i);
      i = down;
    }
    this.put(last, i);
    return top;
  }
}
