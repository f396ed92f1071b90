// The edit core: from which actions are carried out and which sites are switched off to every figure of the plan.
// It measures as the assessment does (rules/*.py); tests compare both on random states.
// -- shares ----------------------------------------------------------------------------------------------

/** Interval of a pooled ratio of which some rows may not belong; see rules/finding.py. */
function ratioBounds(low, high, whole, certain) {
  if (!whole.length) return bounds();
  const [most, all] = extreme(high.map((x) => -x), whole, certain);
  return bounds(extreme(low, whole, certain), [-most, all]);
}

/** Both ends of a share, and what they are made of: each is [part, whole]. */
const bounds = (low, high) => (low ? { low: low[0] / low[1], high: high[0] / high[1], parts: [...low, ...high] } : { low: null, high: null });

function extreme(part, whole, certain) {
  let top = 0, bottom = 0, best = null;
  const free = [];
  part.forEach((x, i) => { if (certain[i]) { top += x; bottom += whole[i]; } else free.push(i); });
  // Of equal ones all that may belong, as the assessment tells them.
  const take = () => { if (bottom > 0 && (!best || top / bottom <= best[0] / best[1])) best = [top, bottom]; };
  take();
  free.sort((a, b) => part[a] / whole[a] - part[b] / whole[b]);
  for (const i of free) { top += part[i]; bottom += whole[i]; take(); }
  return best;
}

const hasBounds = (has, certain) => ratioBounds(has.map((x) => (x === 2 ? 1 : 0)), has.map((x) => (x === 0 ? 0 : 1)), has.map(() => 1), certain);

function shareBounds(has) {
  const n = has.length, yes = has.filter((x) => x === 2).length, unknown = has.filter((x) => x === 1).length;
  return n ? bounds([yes, n], [yes + unknown, n]) : bounds();
}

/** A share of length with the metres that it is made of. */
const lengths = (low, high, whole) => ({ low, high, parts: low === null || high === null ? undefined : [low * whole, whole, high * whole, whole] });

// -- the plan --------------------------------------------------------------------------------------------

/** Recounts a plan; `model` is what siting/edit_model.py makes. */
class EditCore {
  constructor(model) {
    this.model = model;
    this.n = model.actions.id.length;
    this.sites = model.places.sites;
    this.nets = model.nets.map((net) => new RoadNet(net));
    this.graphs = model.edges.map((edge) => new RoadGraph(edge));
    this.near = model.reaches.map(({ id, start, place }) => id.map((_, i) => place.slice(start[i], start[i + 1])));
    this.byId = new Map(model.actions.id.map((id, k) => [id, k]));
    this.siteById = new Map(model.sites.id.map((id, k) => [id, k]));
    this.adds = model.requirements.map((r) => r.adds);
    this.events = model.actions.kind.map((kind) => kind === "opening");
  }

  /** Number of the action that builds a new site at a whole metre of a line: it becomes one like any other. */
  addPlace(line, m, name, lonlat) {
    const { actions, places, own, lines, rules } = this.model, [ref, section, direction] = lines[line].key;
    const id = `route_point-${ref}-${section}-${(m / 1000).toFixed(3)}${direction === "backward" ? "-back" : ""}`;
    if (this.byId.has(id)) return this.byId.get(id);
    const a = this.n++, place = places.n++, has = { id, kind: "new_site", place: "route_point", name, target: id, cost: own.cost, at: place, lonlat, own: { line, m }, chosen: false, event: false, pinned: false };
    for (const column in actions) actions[column].push(has[column] === undefined ? null : has[column]);
    this.byId.set(id, a);
    this.events.push(false);
    this.adds.forEach((adds, r) => { if (own.adds[r]) adds.push(a); });
    const serves = this.nets.map((net) => net.add(place, line, m));
    this.model.edges.forEach((edge, k) => { if (edge.ways ? !stretchesAt(edge.ways[line], 5, m).next().done : serves[edge.net]) this.graphs[k].add(place, line, m); });
    this.model.reaches.forEach((reach, k) => { for (const [i] of stretchesAt(reach.along[line], 3, m)) this.near[k][reach.along[line][i]].push(place); });
    for (const rule of rules) if (rule.how === "facilities") for (const [i] of stretchesAt(rule.of.along[line] || [], 3, m)) rule.of.serving[rule.of.along[line][i]].push(a);
    return a;
  }

  /** Where the site of an action stands on a drive of a network. */
  placesOf(a, net, drive) {
    const { site, at } = this.nets[net].drives[drive];
    return at.filter((_, i) => site[i] === this.model.actions.at[a]);
  }

  /** What is carried out: `on` (n) of the actions, `off` (sites) of today's sites; openings happen by themselves. */
  carried(on, off) {
    const { at } = this.model.actions, done = new Uint8Array(this.n);
    for (let a = 0; a < this.n; a++) {
      const mine = this.events[a] || on[a];
      done[a] = mine && !(at[a] >= 0 && at[a] < this.sites && off[at[a]]) ? 1 : 0;
    }
    return done;
  }

  /** Status of every place for a requirement: 0 no, 1 unknown, 2 yes. */
  status(requirement, done, off) {
    const spec = this.model.requirements[requirement], found = new Uint8Array(this.model.places.n);
    for (let k = 0; k < this.sites; k++) found[k] = off[k] ? 0 : spec.status[k];
    for (const a of spec.may) if (done[a]) found[this.model.actions.at[a]] = Math.max(found[this.model.actions.at[a]], 1);
    for (const a of this.adds[requirement]) if (done[a]) found[this.model.actions.at[a]] = 2;
    return found;
  }

  /** Some rules in a state, and what they were counted from. */
  measured(asked, on, off) {
    const done = this.carried(on, off), known = new Map(), rules = {};
    const status = (r) => { if (!known.has(r)) known.set(r, this.status(r, done, off)); return known.get(r); };
    for (const rule of asked) {
      const found = this["by_" + rule.how](rule, { done, off, status });
      rules[rule.id] = Object.assign({ status: rule.how === "today" ? null : ruleStatus(rule, found.low, found.high) }, found);
    }
    return { rules, status, done };
  }

  /** Every figure of a state. */
  assess(on, off) {
    const { rules, status, done } = this.measured(this.model.rules, on, off);
    let spacing = null, counties = null;
    for (const rule of this.model.rules) {
      const found = rules[rule.id];
      found.shown = rule.unit === "km" && found.status === "met" && found.strict && found.strict.all.gaps_over ? "met on average" : found.status;
      if (rule.how === "spacing" && !spacing) spacing = found.strict;
      if (rule.how === "reach" && !counties) counties = found.counties;
    }
    return { rules, spacing, counties, people: this.people(status), money: this.money(done), done };
  }

  /** The page can't recount it: it has no value here. */
  by_today() { return {}; }

  counting(rule, status, least) {
    const inside = this.model.sites.inside;
    return (place) => status[place] >= least && (rule.outside || place >= this.sites || inside[place]);
  }

  /** Spacing without and with the sites of unknown quality. */
  both(rule, state) {
    const status = state.status(rule.requirement), figures = (least) => this.nets[rule.net].figures(this.counting(rule, status, least), rule.limits_m, rule.span_m);
    const strict = figures(2);
    return { strict, lenient: status.includes(1) ? figures(1) : strict };
  }

  by_route(rule, state) {
    const { strict, lenient } = this.both(rule, state);
    return { ...lengths(strict.all.covered[0], lenient.all.covered[1], strict.all.length_m), strict };
  }

  by_spacing(rule, state) {
    const { strict, lenient } = this.both(rule, state);
    const of = (found) => {
      const value = rule.longest ? found.all.gap_max_m : found.all.length_per_site_m;
      return found.all.length_m > 0 ? (Number.isFinite(value) ? value / 1000 : Infinity) : null;
    };
    const low = of(lenient), high = rule.longest && strict.all.any_open ? Infinity : of(strict);
    return { low, high, strict };
  }

  by_edge(rule, state) { return this.onGraph(rule, state, "share"); }

  by_two_site(rule, state) { return this.onGraph(rule, state, "twoSiteShare"); }

  onGraph(rule, state, measure) {
    const status = state.status(rule.requirement), graph = this.graphs[rule.edge];
    const low = graph[measure](this.counting(rule, status, 2), rule.span_m);
    const high = status.includes(1) ? graph[measure](this.counting(rule, status, 1), rule.span_m) : low;
    return { ...lengths(low, high, graph.total_m), along: () => this.both(rule, state).strict.all.gaps_over };
  }

  by_facilities(rule, { done, off }) {
    const { states, sites, least, most, serving, perhaps, pair } = rule.of;
    const has = states.map((status, k) => {
      let listed = 0, low = 0, high = 0;
      sites[k].forEach((site, i) => { if (!off[site]) { listed++; low += least[k][i]; high += most[k][i]; } });
      const today = status[!listed ? 0 : low >= rule.of.min ? 3 : high >= rule.of.min ? 2 : 1];
      return serving[k].some((a) => done[a]) ? 2 : perhaps[k].some((a) => done[a]) ? Math.max(today, 1) : today;
    });
    let counted = has;
    if (rule.pairs) {
      const best = new Map();
      has.forEach((status, k) => best.set(pair[k], Math.max(status, best.get(pair[k]) || 0)));
      counted = [...best.values()];
    }
    return { ...shareBounds(counted), has };
  }

  shorePower(spec, done) { return spec.has.map((has, k) => (spec.build[k] >= 0 && done[spec.build[k]] ? 2 : has)); }

  by_berths(rule, { done }) {
    const has = this.shorePower(rule.of, done);
    return { ...hasBounds(has, rule.of.certain), has };
  }

  by_calls(rule, { done }) {
    const power = this.shorePower(rule.berths, done), at = new Map();
    rule.berths.id.forEach((id, k) => { if (!at.has(id)) at.set(id, power[k]); });
    const has = [], certain = [];
    rule.of.berth.forEach((berth, i) => {
      const here = at.has(berth) ? at.get(berth) : 1;
      if (here === 0 || rule.of.out[i]) return;
      has.push(rule.of.connected[i]);
      certain.push(!(rule.of.open[i] || (here === 1 && rule.of.connected[i] !== 2)));
    });
    return hasBounds(has, certain);
  }

  by_parking(rule, { done }) {
    const ready = rule.ready.map((known, k) => (rule.build[k] >= 0 && done[rule.build[k]] ? (known || 0) + rule.adds[k] : known));
    const low = ready.map((x, k) => Math.min(x === null ? 0 : x, rule.spaces[k])), high = ready.map((x, k) => (x === null ? rule.spaces[k] : Math.min(x, rule.spaces[k])));
    const found = ratioBounds(low, high, rule.spaces, rule.certain), [ev, cars] = rule.fleet;
    return found.low === null ? found : { ...found, low: found.low - ev / cars, high: found.high - ev / cars };
  }

  by_reach(rule, state) {
    const reach = this.model.reaches[rule.reach], status = state.status(rule.requirement), counties = new Map();
    let whole = 0, low = 0, high = 0;
    for (let i = 0; i < reach.weight.length; i++) {
      const near = reach.lost[i] ? 1 : this.nearestStatus(rule.reach, i, status), weight = reach.weight[i];
      const county = counties.get(reach.county[i]) || { weight: 0, low: 0, high: 0 };
      county.weight += weight; whole += weight;
      if (near === 2) { county.low += weight; low += weight; }
      if (near) { county.high += weight; high += weight; }
      counties.set(reach.county[i], county);
    }
    return { ...(whole > 0 ? bounds([low, whole], [high, whole]) : bounds()), counties };
  }

  nearestStatus(reach, i, status) {
    let best = 0;
    for (const place of this.near[reach][i]) best = Math.max(best, status[place]);
    return best;
  }

  /** People within reach of a site that surely counts. */
  people(status) {
    const { reach, requirement, weight } = this.model.people, here = status(requirement);
    let sum = 0;
    this.model.reaches[reach].id.forEach((id, i) => { if (this.nearestStatus(reach, i, here) === 2) sum += weight[id] || 0; });
    return sum;
  }

  money(done) {
    let sum = 0;
    for (let a = 0; a < this.n; a++) if (done[a] && !this.events[a]) sum += this.model.actions.cost[a];
    return sum;
  }
}

/** Status of an interval against its rule's target; see rules/finding.py. */
function ruleStatus(rule, lowest, highest) {
  if (rule.target === null) return null;
  let found = "undecided";
  if (lowest !== null || highest !== null) {
    const low = lowest === null ? -Infinity : lowest, high = highest === null ? Infinity : highest, { target } = rule;
    let met, missed;
    if (rule.unit === "km") { met = compareM(high * 1000, target * 1000) <= 0; missed = compareM(low * 1000, target * 1000) > 0; }
    else if (rule.at_most) { met = high <= target + 1e-9; missed = low > target + 1e-9; }
    else { met = low >= target - 1e-9; missed = high < target - 1e-9; }
    found = met ? "met" : missed ? "not met" : "undecided";
  }
  return rule.early && found !== "met" ? "not due" : found;
}

/** The figures of a state as result.json has them: shares and kilometres to six decimals, the infinite as null. */
function plainFigures(found) {
  const plain = (x) => (x === null || x === undefined || !Number.isFinite(x) ? null : Number(x.toFixed(6)) + 0);
  const km = (m) => (Number.isFinite(m) ? Number((m / 1000).toFixed(3)) : null);
  const rules = {};
  for (const id in found.rules) {
    const { low, high, status } = found.rules[id];
    if (low === undefined) continue;
    rules[id] = { low: plain(low), high: plain(high), status };
  }
  return {
    rules,
    longest_gap_km: found.spacing ? km(found.spacing.all.gap_max_m) : null,
    gaps_over: found.spacing ? found.spacing.all.gaps_over : null,
    people: plain(found.people),
    cost: plain(found.money),
  };
}
