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

/** Knots of a length that grows along stretches `[from, to, length]` and not between them. */
function knotsOf(flat, length = (i) => flat[i + 2]) {
  const x = [], y = [];
  let sum = 0;
  for (let i = 0; i < flat.length; i += 3) { x.push(flat[i], flat[i + 1]); y.push(sum, sum += length(i)); }
  return { x, y, sum };
}

/** Stretches `[what, first, last, …]` of a line in which a whole metre lies, each with how far along it is (0 to 1). */
function* stretchesAt(flat, size, m) {
  for (let i = 0; i < flat.length; i += size) if (flat[i + 1] <= m && m <= flat[i + 2]) yield [i, (m - flat[i + 1]) / Math.max(flat[i + 2] - flat[i + 1], 1)];
}
const valueAt = (flat, i, share) => flat[i + 3] + (flat[i + 4] - flat[i + 3]) * share;

/** The drives of a class of roads with all places on them; what does not depend on the state is worked out once. */
class RoadNet {
  constructor(spec) {
    this.driven_m = spec.driven_m;
    this.ways = spec.ways;
    this.drives = spec.drives.map((drive, k) => RoadNet.prepared(drive, spec.once.alone[k]));
    this.shared = spec.once.shared;
    this.refs = [...new Set(this.drives.map((d) => d.ref))];
    this.sections = new Map();
    this.ofSection = new Map();
    this.directions = new Map();
    this.drives.forEach((d, k) => {
      const name = d.ref + "\n" + d.section;
      if (!this.sections.has(name)) this.sections.set(name, {});
      this.sections.get(name)[d.direction] = k;
      d.site.forEach((place, i) => { if (d.inside[i]) this.note(place, d); });
    });
  }

  /** How many directions a place serves inside: of all its sections the most; by route, and over all routes. */
  note(place, d) {
    const key = place + "\n" + d.ref + "\n" + d.section, n = (this.ofSection.get(key) || 0) + 1, held = this.directions.get(place) || new Map();
    this.ofSection.set(key, n);
    for (const ref of [d.ref, ""]) held.set(ref, Math.max(held.get(ref) || 0, n));
    this.directions.set(place, held);
  }

  /** A place at a whole metre of a line; whether it serves any drive. */
  add(place, line, m) {
    let serves = false;
    for (const [i, share] of stretchesAt(this.ways[line], 5, m)) {
      const d = this.drives[this.ways[line][i]], at = valueAt(this.ways[line], i, share), k = d.at.filter((x) => x <= at).length;
      if (d.site.includes(place)) continue;
      const { x } = d.cut, inside = x.some((low, j) => j % 2 === 0 && low - 1e-6 <= at && at <= x[j + 1] + 1e-6);
      d.at.splice(k, 0, at);
      d.site.splice(k, 0, place);
      d.inside.splice(k, 0, inside ? 1 : 0);
      if (inside) this.note(place, d);
      serves = true;
    }
    return serves;
  }

  static prepared(d, alone) {
    const inside = knotsOf(d.pieces, (i) => d.pieces[i + 1] - d.pieces[i]), counted = knotsOf(d.pieces), own = { x: [], y: [] };
    let length = 0;
    for (let i = 0; i < d.own.length; i += 2) {
      own.x.push(d.own[i], d.own[i + 1]);
      own.y.push(length, length += d.own[i + 1] - d.own[i]);
    }
    const reaches = own.x.length ? [compareM(own.x[0], d.ends[0]) <= 0, compareM(d.ends[1], own.x[own.x.length - 1]) <= 0] : [false, false];
    return Object.assign({}, d, { cut: inside, counted, alone: knotsOf(alone), part: own, own_m: length, reaches });
  }

  /** Length between two places of a drive, by knots: driven inside, what it adds to the route, or to the network. */
  static between(d, { x, y }, low, high) {
    if (!x.length) return 0;
    const beyond = Math.max(high - d.ends[1], 0);
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
        const inside = RoadNet.between(d, d.cut, low, high);
        if (compareM(inside, 0) <= 0) continue;
        const openLow = (kind === "start" || kind === "whole") && d.open[0], openHigh = (kind === "end" || kind === "whole") && d.open[1];
        const length = high - low, own = RoadNet.ownAt(d, high) - RoadNet.ownAt(d, low);
        const over = compareM(own, span) > 0, isOpen = openLow || openHigh;
        const short = !over && (compareM(length, span) > 0 ? "shared" : kind === "whole" ? "no_site" : isOpen ? "open" : "");
        found.push({ drive: k, ref: d.ref, low, high, from, to, kind, length, own, inside, over, isOpen, once: true,
          ownOpen: (openLow && d.reaches[0]) || (openHigh && d.reaches[1]),
          counted: RoadNet.between(d, d.counted, low, high), network: RoadNet.between(d, d.alone, low, high), type: short || lengthClass(over ? own : length, limits) });
      }
    });
    this.countOnce(found);
    this.layOver(found);
    return found;
  }

  /** What several drives run on counts once in the network: with the worst of the gaps that it lies in. */
  layOver(gaps) {
    if (!this.shared.length) return;
    const byDrive = this.drives.map(() => []), rank = (gap) => gap.length + (gap.over ? 3e9 : gap.kind === "whole" ? 2e9 : gap.type === "shared" ? 1e9 : 0);
    for (const gap of gaps) byDrive[gap.drive].push(gap);
    for (const road of this.shared) {
      const parts = [];
      for (let i = 0; i < road.length; i += 6) {
        const [k, from, to, first, last, per] = road.slice(i, i + 6), d = this.drives[k], round = d.ends[1] - d.ends[0];
        const share = (m) => first + (last - first) * Math.min(Math.max((m - from) / (to - from), 0), 1);
        for (const gap of byDrive[k]) for (const turn of gap.high > d.ends[1] ? [0, round] : [0]) {
          const [low, high] = [share(gap.low - turn), share(gap.high - turn)].sort((a, b) => a - b);
          if (high > low) parts.push([low, high, rank(gap), per, gap]);
        }
      }
      const cuts = [...new Set(parts.flatMap(([low, high]) => [Number(low.toFixed(12)), Number(high.toFixed(12))]))].sort((a, b) => a - b);
      for (let c = 0; c + 1 < cuts.length; c++) {
        const middle = (cuts[c] + cuts[c + 1]) / 2;
        let worst = null, least = Infinity;
        for (const part of parts) if (part[0] < middle && middle < part[1]) { least = Math.min(least, part[3]); if (!worst || part[2] > worst[2]) worst = part; }
        if (worst) worst[4].network += (cuts[c + 1] - cuts[c]) * least;
      }
    }
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
    const row = () => ({ sites: 0, direction_sites: 0, gap_max_m: NaN, gap_max_open: false, gaps_over: 0, shared_gaps: 0, driven_m: 0, length_m: 0, far_m: 0, open_m: 0, classes: {} });
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
      for (const [held, m] of [[all, gap.network], [route, gap.counted]]) {
        held.length_m += m;
        held.classes[gap.type] = (held.classes[gap.type] || 0) + m;
        if (compareM(gap.length, span) > 0 || (gap.kind === "whole" && !gap.isOpen)) held.far_m += m;
        else if (gap.isOpen) held.open_m += m;
      }
    }
    for (const ref of this.refs) if (!touched.has(ref)) routes.delete(ref);
    all.driven_m = this.driven_m;
    for (const held of [all, ...routes.values()]) {
      held.length_per_site_m = held.direction_sites ? held.driven_m / held.direction_sites : NaN;
      // Share of the length in gaps within the span; open ones may be.
      held.covered = held.length_m > 0 ? [1 - (held.far_m + held.open_m) / held.length_m, 1 - held.far_m / held.length_m] : [null, null];
      delete held.mm;
    }
    all.routes_over = [...routes.values()].filter((route) => route.gaps_over > 0).length;
    all.any_open = gaps.some((gap) => gap.ownOpen);
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

/** Roads between places and the ends of pieces that count, for the covered length by the edge rule and the two-site rule. */
class RoadGraph {
  constructor(spec) {
    Object.assign(this, spec, { n: spec.nodes });
    this.on = new Map();
    spec.on.piece.forEach((piece, i) => this.put(piece, spec.on.m[i], spec.on.place[i]));
    this.total_m = spec.weight_m.reduce((sum, w) => sum + w, 0);
    this.link();
  }

  put(piece, m, place) {
    const list = this.on.get(piece) || [];
    list.push([m, place]);
    this.on.set(piece, list.sort((a, b) => a[0] - b[0]));
  }

  /** The roads at each node. */
  link() {
    const start = this.start = new Int32Array(this.n + 1);
    for (const ends of [this.u, this.v]) for (const node of ends) start[node + 1]++;
    for (let i = 0; i < this.n; i++) start[i + 1] += start[i];
    const fill = start.slice();
    this.road = new Int32Array(2 * this.u.length);
    this.u.forEach((u, e) => { this.road[fill[u]++] = e; this.road[fill[this.v[e]]++] = e; });
  }

  /** A place at a whole metre of a line: the road there is cut in two. */
  add(place, line, m) {
    for (const [i, share] of stretchesAt(this.along[line], 5, m)) {
      const p = this.along[line][i], at = Math.min(Math.max(valueAt(this.along[line], i, share), 0), this.piece_m[p]);
      const e = this.piece.findIndex((piece, k) => piece === p && this.from[k] <= at && at <= this.from[k] + this.m[k]), before = at - this.from[e];
      this.u.push(this.n); this.v.push(this.v[e]); this.m.push(this.m[e] - before); this.piece.push(p); this.from.push(at);
      this.v[e] = this.n; this.m[e] = before;
      this.place.push(place);
      this.node.push(this.n++);
      this.put(p, at, place);
      this.link();
      return;
    }
  }

  /** Distance of every node to the nearest of the sources, infinite beyond the limit; `by` the road on the way there, `from` the source. */
  search(sources, limit, use = () => true) {
    const far = new Float64Array(this.n).fill(Infinity), by = new Int32Array(this.n).fill(-1), from = new Int32Array(this.n).fill(-1), heap = new NodeHeap(far);
    for (const [node, d] of sources) if (d < far[node]) { heap.lower(node, d); from[node] = node; }
    for (let node = heap.pop(); node >= 0; node = heap.pop()) {
      for (let k = this.start[node]; k < this.start[node + 1]; k++) {
        const e = this.road[k], to = this.u[e] === node ? this.v[e] : this.u[e], next = far[node] + this.m[e];
        if (next <= limit && next < far[to] && use(e)) { heap.lower(to, next); by[to] = e; from[to] = from[node]; }
      }
    }
    return { far, by, from };
  }

  sources(counts) {
    const found = [];
    this.place.forEach((place, i) => { if (counts(place)) found.push([this.node[i], 0]); });
    return found;
  }

  /** Share of the length that passes the edge rule. */
  share(counts, span) {
    if (!(this.total_m > 0)) return null;
    const { piece_u, piece_v, piece_m, weight_m } = this, { far } = this.search(this.sources(counts), span);
    let failed = 0;
    for (let p = 0; p < piece_m.length; p++) {
      if (!weight_m[p]) continue;
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

  /** Share of the length on a drive between two different sites, no longer than the span; see measure/covered.py. */
  twoSiteShare(counts, span) {
    if (!(this.total_m > 0)) return null;
    const drives = this.leastDrives(this.sources(counts), span + 0.001);
    let failed = 0;
    this.piece.forEach((p, e) => { if (p >= 0 && this.weight_m[p] && !(compareM(drives[e], span) <= 0)) failed += this.weight_m[p] * this.m[e] / (this.piece_m[p] || 1); });
    return 1 - failed / this.total_m;
  }

  /** Length of the shortest drive between two different sites over each road, reached without that road. */
  leastDrives(sources, limit) {
    const { u, v, m, n } = this, { far: near, by, from } = this.search(sources, limit), crossing = u.map((a, e) => from[a] !== from[v[e]]);
    // The nearest other site: out of the cell of the nearest one over one of its borders.
    const starts = [];
    u.forEach((a, e) => { if (crossing[e]) for (const [x, y] of [[a, v[e]], [v[e], a]]) if (near[y] + m[e] <= limit) starts.push([x, near[y] + m[e]]); });
    const { far: other, by: byOther } = this.search(starts, limit, (e) => !crossing[e] && from[u[e]] >= 0);
    const end = (e, node) => (u[e] === node ? v[e] : u[e]), hangs = (tree, e) => [tree[u[e]] === e, tree[v[e]] === e && u[e] !== v[e]];
    const ways = [], waysOther = [];
    for (let e = 0; e < u.length; e++) {
      const a = u[e], b = v[e];
      if (!hangs(by, e).some(Boolean)) ways.push([a, b, near[a] + m[e] + near[b]]);
      if (crossing[e]) waysOther.push([a, n, other[a] + m[e] + near[b]], [b, n, near[a] + m[e] + other[b]]);
      else if (!hangs(byOther, e).some(Boolean)) waysOther.push([a, b, other[a] + m[e] + other[b]]);
    }
    const parents = (tree) => Array.from(tree, (e, node) => (e < 0 ? n : end(e, node))).concat(n);
    const spare = leastOverWays(parents(by), ways), spareOther = leastOverWays(parents(byOther), waysOther);
    const without = (tree, far, least, e) => hangs(tree, e).map((hung, k) => { const node = k ? v[e] : u[e]; return hung ? least[node] - far[node] : far[node]; });
    return u.map((a, e) => {
      if (crossing[e]) return m[e] + near[a] + near[v[e]];
      const [nearU, nearV] = without(by, near, spare, e), [otherU, otherV] = without(byOther, other, spareOther, e);
      return m[e] + Math.min(nearU + otherV, otherU + nearV);
    });
  }
}

/** For each node of a tree the least cost of the ways `[x, y, cost]` that use the road from it to its parent. */
function leastOverWays(parent, ways) {
  const root = parent.length - 1, depth = new Int32Array(root + 1).fill(-1), least = new Float64Array(root + 1).fill(Infinity), up = Int32Array.from(parent, (_, k) => k);
  depth[root] = 0;
  for (let node = 0; node < root; node++) {
    const path = [];
    let at = node;
    for (; depth[at] < 0; at = parent[at]) path.push(at);
    for (let k = path.length - 1; k >= 0; k--) depth[path[k]] = depth[at] + path.length - k;
  }
  // By rising cost each road of the tree is set once; what is set is skipped.
  const top = (node) => { while (up[node] !== node) node = up[node] = up[up[node]]; return node; };
  for (const [x, y, cost] of ways.filter((way) => Number.isFinite(way[2])).sort((a, b) => a[2] - b[2])) {
    for (let a = top(x), b = top(y); a !== b; ) {
      if (depth[a] < depth[b]) [a, b] = [b, a];
      least[a] = cost;
      up[a] = parent[a];
      a = top(a);
    }
  }
  return least;
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
