// The plan changed by hand: what is on and off, undo and redo, scenarios, and what other programs call.
const edit = { core: null, model: null, state: null, past: [], future: [], found: null, scenarios: [], worker: null, watchers: [] };

const planState = () => ({ on: new Uint8Array(edit.core.n), off: new Uint8Array(edit.core.sites), pinned: new Map(), years: new Map() });
/** A copy of a state; actions at places of one's own that came after it are off. */
const copyState = (s) => ({ on: Uint8Array.from({ length: edit.core.n }, (_, a) => s.on[a] || 0), off: s.off.slice(), pinned: new Map(s.pinned), years: new Map(s.years) });

/** Read the model; the page has none without a plan, or in a browser that can't unpack it. */
async function loadEdit() {
  const block = byId("plugspan-edit");
  if (!block || typeof DecompressionStream !== "function") return;
  edit.model = await unpackJson(JSON.parse(block.textContent).packed);
  for (const line of edit.model.lines) line.at = unwrap(line.xy);
  edit.core = new EditCore(edit.model);
  edit.state = startState();
  edit.found = edit.core.assess(edit.state.on, edit.state.off);
  edit.begin = edit.found;
}

/** The plan as it was made. */
function startState() {
  const state = planState(), { chosen, year } = edit.model.actions;
  chosen.forEach((on, a) => { if (on) { state.on[a] = 1; if (year[a]) state.years.set(a, year[a]); } });
  return state;
}

/** Whether an action may be switched: events happen by themselves, some are required, some places are taken. */
function mayChange(a) {
  const { event, pinned, reason } = edit.model.actions;
  return !event[a] && !pinned[a] && !reason[a];
}

/** Actions and sites of today that ids name. */
function namedIds(ids) {
  const actions = [], sites = [], unknown = [];
  for (const id of ids) {
    const a = edit.core.byId.get(id), s = edit.core.siteById.get(String(id).replace(/^site:/, ""));
    if (a !== undefined) actions.push(a);
    else if (s !== undefined && edit.model.sites.free[s]) sites.push(s);
    else unknown.push(id);
  }
  return { actions, sites, unknown };
}

/** The action of a new site at a whole metre of a line: from then on it is one like any other. */
function ownPlace(line, m) {
  const spec = edit.model.lines[line], { lng, lat } = placeAt(spec, m), [ref, , direction] = spec.key;
  const name = `${ref} ${markWords(line, m, 3)}${direction === "backward" ? " ←" : ""}`;
  return edit.core.addPlace(line, m, name, [Number(lng.toFixed(6)), Number(lat.toFixed(6))]);
}

/** The whole metre of a line at which a new site may stand that is nearest to a metre; null if the line has none. */
function standAt(line, m) {
  const { stand } = edit.model.lines[line];
  let best = null;
  for (let i = 0; i < stand.length; i += 3) {
    const at = Math.min(Math.max(Math.round(m), stand[i]), stand[i + 1]);
    if (!best || Math.abs(at - m) < Math.abs(best.m - m)) best = { m: at, both: stand[i + 2] === 1 };
  }
  return best;
}

/** Carry out a change: the state before it can be had back. */
function change(make, message) {
  edit.past.push(edit.state);
  edit.state = copyState(edit.state);
  if (edit.past.length > 200) edit.past.shift();
  edit.future = [];
  make(edit.state);
  recount(message);
}

function recount(message) {
  edit.found = edit.core.assess(edit.state.on, edit.state.off);
  for (const watch of edit.watchers) watch(message);
}

/** Switch actions and sites on or off by hand; they stay so when the plan is completed. */
function switchIds(ids, on, year) {
  const { actions, sites, unknown } = namedIds(ids);
  if (unknown.length) throw new Error(T("map.edit-unknown", { ids: unknown.join(", ") }));
  const free = actions.filter(mayChange);
  if (!free.length && !sites.length) return;
  change((state) => {
    for (const a of free) {
      state.on[a] = on ? 1 : 0;
      state.pinned.set(edit.model.actions.id[a], on);
      if (!on) state.years.delete(a);
      else if (year || edit.model.years.length) state.years.set(a, year || freeYear(state, a));
    }
    for (const s of sites) { state.off[s] = on ? 0 : 1; state.pinned.set("site:" + edit.model.sites.id[s], on); }
  });
}

/** The first year in which the money up to it is enough for one action more; the last one if none is. */
function freeYear(state, added) {
  const { years, money, actions } = edit.model;
  let given = 0;
  for (let t = 0; t < years.length; t++) {
    given += money[t];
    let spent = actions.cost[added];
    for (const [a, year] of state.years) if (state.on[a] && a !== added && year <= years[t]) spent += actions.cost[a];
    if (spent <= given * (1 + 1e-9) && (actions.first[added] || 0) <= years[t]) return years[t];
  }
  return years[years.length - 1];
}

function stepBack(from, to) {
  if (!from.length) return false;
  to.push(copyState(edit.state));
  edit.state = from.pop();
  recount();
  return true;
}
const undo = () => stepBack(edit.past, edit.future);
const redo = () => stepBack(edit.future, edit.past);

/** Money by year: given, and spent in the state. */
function moneyByYear() {
  const { years, money, actions } = edit.model;
  let given = 0, spent = 0;
  return years.map((year, t) => {
    given += money[t];
    let now = 0;
    for (const [a, when] of edit.state.years) if (edit.state.on[a] && when === year) now += actions.cost[a];
    spent += now;
    return { year, given, now, spent, over: spent > given * (1 + 1e-9) + 1e-9 };
  });
}

const figures = () => plainFigures(edit.found);

// -- completing ------------------------------------------------------------------------------------------

/** What the solver is told: rows of the rules, demand without a site today, pins and money. */
function completion(options) {
  const { actions, rows, people, reaches } = edit.model, n = edit.core.n, state = edit.state;
  const kept = options.keep === "all" ? (a) => state.on[a] : (a) => state.pinned.get(actions.id[a]) === true;
  const on = Array.from({ length: n }, (_, a) => (actions.event[a] ? actions.kind[a] === "opening" : actions.pinned[a] || kept(a)) ? 1 : 0);
  const off = Array.from({ length: n }, (_, a) => (!on[a] && (actions.event[a] || actions.reason[a] || actions.own[a] || state.pinned.get(actions.id[a]) === false || deadSite(a)) ? 1 : 0));
  const all = { start: [0], action: [], amount: [], need: [] }, wants = options.goal !== "people";
  for (const rule of wants ? rows : []) {
    if (rule.share < 1) continue;
    const served = servedByOwn(rule);
    for (let r = 0; r < rule.need.length; r++) {
      if (served(r)) continue;
      for (let k = rule.start[r]; k < rule.start[r + 1]; k++) { all.action.push(rule.action[k]); all.amount.push(rule.amount.length ? rule.amount[k] : 1); }
      all.start.push(all.action.length);
      all.need.push(rule.need[r]);
    }
  }
  const reach = reaches[people.reach], near = edit.core.near[people.reach], status = edit.core.status(people.requirement, new Uint8Array(n), state.off), demand = { start: [0], action: [], weight: [] };
  const builders = new Map();
  for (const a of edit.core.adds[people.requirement]) { const p = actions.at[a]; if (!builders.has(p)) builders.set(p, []); builders.get(p).push(a); }
  for (let i = 0; i < reach.id.length; i++) {
    const weight = people.weight[reach.id[i]] || 0;
    if (!weight || edit.core.nearestStatus(people.reach, i, status) === 2) continue;
    for (const place of near[i]) demand.action.push(...(builders.get(place) || []));
    demand.start.push(demand.action.length);
    demand.weight.push(weight);
  }
  const given = edit.model.budget, budget = options.budget !== undefined ? options.budget : given;
  return { n, cost: actions.cost, on, off, start: Array.from(state.on), rows: all, demand, budget: budget === undefined ? null : budget, unit: moneyUnit(actions.cost), seconds: options.seconds || 2.6 };
}

/** Which rows of a rule new sites at places of one's own serve; where that is not known, none is asked of the solver. */
function servedByOwn(rule) {
  const { actions, rules } = edit.model, spec = rules.find((one) => one.id === rule.rule), own = actions.id.map((_, a) => a).filter((a) => actions.own[a] && edit.state.on[a]);
  if (!own.length) return () => false;
  const within = (at, from) => compareM(at - from, 0) > 0 && compareM(at - from, rule.laid.span) <= 0;
  if (spec.how === "facilities") {
    const given = new Set(spec.of.serving.filter((list) => own.some((a) => list.includes(a))).flat());
    return (r) => { for (let k = rule.start[r]; k < rule.start[r + 1]; k++) if (given.has(rule.action[k])) return true; return false; };
  }
  if (!["spacing", "edge", "two_site", "route"].includes(spec.how)) return () => false;
  if (!rule.laid) return () => true;
  const mine = own.filter((a) => edit.core.adds[spec.requirement].includes(a));
  if (spec.how === "spacing") {
    return (r) => {
      if (r >= rule.laid.from.length) return true; // the average lies on no stretch
      const d = edit.core.nets[spec.net].drives[rule.laid.where[r]], places = mine.flatMap((a) => edit.core.placesOf(a, spec.net, rule.laid.where[r])).map((at) => RoadNet.ownAt(d, at));
      return (d.ring ? [0, d.own_m] : [0]).some((turn) => places.some((at) => within(at + turn, rule.laid.from[r])));
    };
  }
  const graph = edit.core.graphs[spec.edge], far = mine.map((a) => graph.search(graph.sources((place) => place === actions.at[a]), rule.laid.span).far);
  return (r) => {
    const p = rule.laid.where[r], from = rule.laid.from[r], on = (graph.on.get(p) || []).filter(([, place]) => mine.some((a) => actions.at[a] === place)).map(([at]) => at);
    return r >= rule.laid.from.length || [...on, ...far.flatMap((d) => [-d[graph.piece_u[p]], graph.piece_m[p] + d[graph.piece_v[p]]])].some((at) => within(at, from));
  };
}

const deadSite = (a) => { const at = edit.model.actions.at[a]; return at >= 0 && at < edit.core.sites && edit.state.off[at] === 1; };

function moneyUnit(costs) {
  return [1000, 100, 10, 1, 0.5, 0.25, 0.1, 0.01].find((unit) => costs.every((c) => Math.abs(c / unit - Math.round(c / unit)) <= 1e-9 * Math.max(1, c / unit))) || 0;
}

/** Whether a rule that has something to measure is not known to be met; what is due later counts as well. */
const isMissed = (rule, found) => rule.target !== null && found.status !== "met" && ![undefined, null].includes(found.low === null ? found.high : found.low);

const missedRules = () => edit.model.rules.filter((rule) => isMissed(rule, edit.found.rules[rule.id]) && edit.found.rules[rule.id].status !== "not due");

/** How far a state is from a rule: what its gaps have too much, or its share too little. */
function lackOf(rule, found) {
  if (!isMissed(rule, found)) return 0;
  if (found.strict && rule.unit === "km") return found.strict.gaps.reduce((sum, gap) => sum + (gap.over ? gap.own / rule.span_m : 0), 1e-6);
  return Math.max(rule.target - (found.low === null ? rule.target : found.low), 0);
}

/** What some rules lack in sum. */
function lackIn(rules, on) {
  const found = edit.core.measured(rules, on, edit.state.off).rules;
  return rules.reduce((sum, rule) => sum + lackOf(rule, found[rule.id]), 0);
}

/**
 * Meet what the rows leave out: shares, drives between two sites, sites that were closed. A place more makes no rule worse, so
 * that no plan meets what all places together leave open. First one place at a time, by what helps most for its cost; where a
 * rule wants two at once and one alone brings nothing, from all places down to those that are needed, and the cheaper of both.
 */
async function meetTheRest(on, barred, seconds) {
  const { id, cost } = edit.model.actions, until = performance.now() + 1000 * seconds, mine = edit.worker;
  const free = id.map((_, a) => a).filter((a) => !on[a] && !barred[a]).sort((a, b) => cost[b] - cost[a] || id[a].localeCompare(id[b], "en", { numeric: true }));
  const lacking = edit.model.rules.filter((rule) => lackIn([rule], on) > 1e-9), whole = on.slice();
  for (const a of free) whole[a] = 1;
  const never = lacking.filter((rule) => lackIn([rule], whole) > 1e-9).map((rule) => rule.id), least = lackIn(lacking, whole), enough = (plan) => lackIn(lacking, plan) <= least + 1e-9;
  const price = (plan) => free.reduce((sum, a) => sum + (plan[a] ? cost[a] : 0), 0);
  let told = performance.now();
  const goOn = async () => {
    if (performance.now() - told > 60) { await new Promise((resume) => setTimeout(resume)); told = performance.now(); }
    return performance.now() < until && edit.worker === mine;
  };
  const greedy = on.slice(), queue = free.map((a) => ({ a, worth: Infinity }));
  for (let need = lackIn(lacking, greedy); need > least + 1e-9 && queue.length && await goOn(); ) {
    const k = queue.reduce((top, one, i) => (one.worth > queue[top].worth ? i : top), 0), one = queue[k];
    greedy[one.a] = 1;
    const left = lackIn(lacking, greedy), worth = (need - left) / Math.max(cost[one.a], 1e-9);
    if (one.need === need) { need = left; queue.splice(k, 1); continue; }
    greedy[one.a] = 0;
    Object.assign(one, { worth, need });
    if (worth <= 1e-12) queue.splice(k, 1);
  }
  /** Leave out what is not needed, in turn; null if the time is up. */
  const pruned = async (plan, order) => {
    for (const a of order) { if (!(await goOn())) return null; plan[a] = 0; if (!enough(plan)) plan[a] = 1; }
    return plan;
  };
  const taken = free.filter((a) => greedy[a]), plans = [await pruned(enough(greedy) ? greedy.slice() : whole.slice(), enough(greedy) ? taken : free.filter((a) => !greedy[a]).concat(taken))];
  if (lacking.length && !enough(greedy)) plans.push(await pruned(whole.slice(), free));
  let best = plans.filter(Boolean).sort((a, b) => price(a) - price(b))[0];
  const ended = !best && lacking.length > 0;
  /** One or two places of the plan for a cheaper one, as long as that saves money. */
  const cheaper = async (plan) => {
    const built = free.filter((a) => plan[a]);
    for (const [i, x] of built.entries()) for (const y of built.slice(i)) {
      const paid = cost[x] + (x === y ? 0 : cost[y]), others = free.filter((a) => !plan[a] && cost[a] < paid - 1e-9).reverse();
      for (const a of others) {
        if (!(await goOn())) return null;
        const next = plan.slice();
        next[x] = next[y] = 0;
        next[a] = 1;
        if (enough(next)) return next;
      }
    }
    return null;
  };
  for (let next = best; next; next = await cheaper(best)) best = next;
  best = best || greedy;
  for (const a of free) on[a] = best[a];
  return { added: free.filter((a) => on[a]), never, ended };
}

/** Fill up the plan in a Worker; what is pinned stays. */
function complete(options = {}, tell = () => {}) {
  stopCompleting();
  const problem = completion(options), begun = copyState(edit.state);
  const code = completePlan + "\nonmessage = (e) => postMessage({ done: completePlan(e.data, (step) => postMessage({ step })) });";
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  return new Promise((resolve, reject) => {
    const worker = edit.worker = new Worker(address);
    const end = () => { worker.terminate(); URL.revokeObjectURL(address); if (edit.worker === worker) edit.worker = null; };
    edit.stop = () => { end(); resolve({ stopped: true }); };
    worker.onerror = (event) => { end(); reject(new Error(event.message)); };
    worker.onmessage = async ({ data }) => {
      if (data.step) { tell(data.step); return; }
      const rest = options.goal !== "people" && unchanged(begun) ? await meetTheRest(data.done.chosen, problem.off, options.seconds || 3) : { never: [], ended: false };
      if (edit.worker !== worker) return;
      end();
      resolve(completed(problem, data.done, begun, rest));
    };
    worker.postMessage(problem);
  });
}

function stopCompleting() { if (edit.worker) edit.stop(); }

const unchanged = (begun) => begun.on.every((x, a) => x === (edit.state.on[a] || 0)) && begun.off.every((x, s) => x === edit.state.off[s]);

function completed(problem, found, begun, { never, ended }) {
  if (!unchanged(begun)) return { stopped: true };
  const cost = edit.model.actions.cost.reduce((sum, c, a) => (found.chosen[a] && !edit.model.actions.event[a] ? sum + c : sum), 0);
  change((state) => {
    for (let a = 0; a < edit.core.n; a++) {
      if (edit.model.actions.event[a]) continue;
      if (found.chosen[a] && !state.on[a] && edit.model.years.length) state.years.set(a, freeYear(state, a));
      if (!found.chosen[a]) state.years.delete(a);
      state.on[a] = found.chosen[a];
    }
  });
  const gap = (value, bound) => (value ? Math.abs(value - bound) / Math.abs(value) : 0);
  // The bound counts rows of rules to be met whole, and holds for all plans that meet more as well.
  const left = edit.model.rows.filter((rule) => rule.need.length && rule.share < 1 || rule.more).map((rule) => rule.rule);
  const missed = missedRules().map((rule) => rule.id);
  return { left, ended, never: never.filter((id) => missed.includes(id)), money: { value: cost, bound: found.costBound, gap: gap(cost, found.costBound) },
    people: found.peopleBound === null ? null : { gained: found.people, bound: found.peopleBound, gap: gap(found.people, found.peopleBound) },
    rows: { served: found.served, asked: found.asked }, short: problem.budget !== null && cost > problem.budget * (1 + 1e-9), missed };
}

// -- scenarios -------------------------------------------------------------------------------------------

/** The state as scenario.json has it: what is carried out, what was switched off by hand, and what the page says of it. */
function scenario(name) {
  const { actions, sites } = edit.model, years = {};
  const on = actions.id.filter((_, a) => edit.state.on[a] && !actions.event[a] && !actions.own[a]);
  const off = [...edit.state.pinned].filter(([id, pinned]) => !pinned && !id.startsWith("site:") && !actions.own[edit.core.byId.get(id)]).map(([id]) => id);
  const places = actions.own.map((own, a) => (own && edit.state.on[a] ? placeTold(a) : null)).filter(Boolean);
  sites.id.forEach((id, s) => { if (edit.state.off[s]) off.push("site:" + id); });
  off.push(...closedBefore()); // of the scenario that this page was made from: these sites are not here any more
  for (const [a, year] of edit.state.years) if (edit.state.on[a]) years[actions.id[a]] = year;
  return { schema: 1, name: name || T("map.edit"), project: edit.model.project, inputs_sha256: edit.model.inputs_sha256, on, off: off.sort(), places, years, figures: figures() };
}

const closedBefore = () => (edit.model.closed || []).map((id) => "site:" + id);

/** A place of one's own as the file has it. */
function placeTold(a) {
  const { own: { [a]: { line, m } }, lonlat } = edit.model.actions, [ref, section, direction] = edit.model.lines[line].key;
  return { ref, section, km: m / 1000, direction: standAt(line, m).both ? "both" : direction, lon: lonlat[a][0], lat: lonlat[a][1], kind: "new_site" };
}

/** The action of a place in a file; undefined if no road here has it. */
function placeRead({ ref, section, km, direction }) {
  const way = direction === "backward" ? "backward" : "forward", m = Math.round(km * 1000);
  const line = edit.model.lines.findIndex(({ key }, k) => key[0] === ref && (section === undefined || section === null || key[1] === section) && key[2] === way && (standAt(k, m) || {}).m === m);
  return line >= 0 && edit.model.own ? ownPlace(line, m) : undefined;
}

/** Take a scenario over; it must be of the same project and inputs. Returns what of it is not known here. */
function loadScenario(told) {
  const list = (x) => Array.isArray(x) && x.every((id) => typeof id === "string");
  if (!told || typeof told !== "object" || told.schema !== 1 || !list(told.on) || !list(told.off || [])) throw new Error(T("map.edit-bad-file"));
  const on = namedIds(told.on), off = namedIds((told.off || []).filter((id) => !closedBefore().includes(id))), unknown = [...on.unknown, ...off.unknown];
  for (const place of Array.isArray(told.places) ? told.places : []) {
    const a = place && typeof place === "object" ? placeRead(place) : undefined;
    if (a === undefined) unknown.push(place && `${place.ref} ${place.km} km`); else on.actions.push(a);
  }
  const years = told.years && typeof told.years === "object" ? told.years : {};
  change(() => {
    const state = edit.state = planState();
    for (const a of on.actions) {
      if (edit.model.actions.event[a]) continue;
      state.on[a] = 1;
      state.pinned.set(edit.model.actions.id[a], true);
      const year = Number(years[edit.model.actions.id[a]]);
      if (edit.model.years.includes(year)) state.years.set(a, year);
      else if (edit.model.years.length) state.years.set(a, freeYear(state, a));
    }
    edit.model.actions.pinned.forEach((must, a) => { if (must && !edit.model.actions.event[a]) state.on[a] = 1; });
    for (const a of off.actions) state.pinned.set(edit.model.actions.id[a], false);
    for (const s of off.sites) { state.off[s] = 1; state.pinned.set("site:" + edit.model.sites.id[s], false); }
  });
  return { unknown, other: told.inputs_sha256 !== edit.model.inputs_sha256 };
}

/** What tests and pages around this one call. */
const editApi = {
  actions: () => edit.core ? edit.model.actions.id.map((id, a) => ({ id, kind: edit.model.actions.kind[a], name: edit.model.actions.name[a], cost: edit.model.actions.cost[a],
    on: edit.state.on[a] === 1, pinned: edit.state.pinned.has(id), may: mayChange(a), year: edit.state.years.get(a) || null })).filter((x, a) => !edit.model.actions.event[a]) : [],
  set: (ids, on, year) => switchIds(ids, on, year),
  place: (told) => { const a = placeRead(told); if (a !== undefined) switchIds([edit.model.actions.id[a]], true); return a === undefined ? null : edit.model.actions.id[a]; },
  figures: () => (edit.core ? figures() : null),
  undo, redo,
  complete: (options) => complete(options),
  stop: stopCompleting,
  scenario: (name) => scenario(name),
  load: (told) => loadScenario(told),
};
