// Completes a plan: the least money that serves all rows, then the most demand with what is left, what is pinned kept.
// Greedy choice, swaps, and bounds by Lagrangian multipliers. One function without surroundings: it runs in a Worker.

/**
 * @param problem {n, cost, on, off, start, rows: {start, action, amount, need}, demand: {start, action, weight}, budget, unit, seconds}
 *   rows over actions: sum of amounts >= need (those to be served whole); demand: any one action reaches it.
 * @param tell called with {value, bound} of the goal while it works.
 * @returns {chosen, cost, costBound, served, people, peopleBound}: costBound counts for every plan that keeps the pins
 *   and serves the rows, peopleBound for every plan within the budget.
 */
function completePlan(problem, tell) {
  const { n, cost, rows, demand } = problem, now = () => performance.now();
  const stopAt = now() + 1000 * problem.seconds;
  let seed = 12345;
  const random = () => { seed = (seed * 1664525 + 1013904223) >>> 0; return seed / 4294967296; };
  const free = new Uint8Array(n), fixed = new Uint8Array(n);
  for (let j = 0; j < n; j++) { fixed[j] = problem.on[j] ? 1 : 0; free[j] = problem.off[j] || fixed[j] ? 0 : 1; }
  const price = (j) => Math.max(cost[j], 1e-9);

  /** Lists by row turned into lists by action. */
  const turned = (spec) => {
    const start = new Int32Array(n + 1);
    for (const j of spec.action) start[j + 1]++;
    for (let j = 0; j < n; j++) start[j + 1] += start[j];
    const fill = start.slice(), row = new Int32Array(spec.action.length), amount = new Float64Array(spec.action.length);
    for (let r = 0; r + 1 < spec.start.length; r++) {
      for (let k = spec.start[r]; k < spec.start[r + 1]; k++) {
        const at = fill[spec.action[k]]++;
        row[at] = r;
        amount[at] = spec.need ? Math.min((spec.amount.length ? spec.amount[k] : 1) / spec.need[r], 1) : 1;
      }
    }
    return { start, row, amount };
  };
  const m = rows.need.length, d = demand.weight.length, byRow = turned(rows), byDemand = turned(demand);
  const share = new Float64Array(rows.action.length);
  for (let r = 0; r < m; r++) for (let k = rows.start[r]; k < rows.start[r + 1]; k++) share[k] = Math.min((rows.amount.length ? rows.amount[k] : 1) / rows.need[r], 1);

  // Rows that nothing serves are left out.
  const asked = new Uint8Array(m);
  for (let r = 0; r < m; r++) {
    let sum = 0;
    for (let k = rows.start[r]; k < rows.start[r + 1]; k++) { const j = rows.action[k]; if (free[j] || fixed[j]) sum += rows.amount.length ? rows.amount[k] : 1; }
    asked[r] = sum >= rows.need[r] * (1 - 1e-9) ? 1 : 0;
  }

  const held = new Float64Array(m), reached = new Int32Array(d), chosen = new Uint8Array(n);
  let spent = 0, people = 0;
  const put = (j, by) => {
    chosen[j] = by > 0 ? 1 : 0;
    spent += by * cost[j];
    for (let k = byRow.start[j]; k < byRow.start[j + 1]; k++) held[byRow.row[k]] += by * byRow.amount[k];
    for (let k = byDemand.start[j]; k < byDemand.start[j + 1]; k++) {
      const i = byDemand.row[k];
      reached[i] += by;
      if (by > 0 && reached[i] === 1) people += demand.weight[i];
      if (by < 0 && reached[i] === 0) people -= demand.weight[i];
    }
  };
  const lacks = (r) => asked[r] && held[r] < 1 - 1e-9;
  const gain = (j) => {
    let sum = 0;
    for (let k = byRow.start[j]; k < byRow.start[j + 1]; k++) { const r = byRow.row[k]; if (lacks(r)) sum += Math.min(byRow.amount[k], 1 - held[r]); }
    return sum;
  };
  const needed = (j) => {
    for (let k = byRow.start[j]; k < byRow.start[j + 1]; k++) { const r = byRow.row[k]; if (asked[r] && held[r] - byRow.amount[k] < 1 - 1e-9) return true; }
    return false;
  };
  const newPeople = (j) => {
    let sum = 0;
    for (let k = byDemand.start[j]; k < byDemand.start[j + 1]; k++) if (!reached[byDemand.row[k]]) sum += demand.weight[byDemand.row[k]];
    return sum;
  };

  /** Serve all rows; what is not needed in the end goes, the dearest first. */
  const repair = () => {
    for (;;) {
      let best = -1, most = 0;
      for (let j = 0; j < n; j++) {
        if (!free[j] || chosen[j]) continue;
        const worth = gain(j) / price(j);
        if (worth > most * (1 + 1e-12)) { most = worth; best = j; }
      }
      if (best < 0) break;
      put(best, 1);
    }
    const order = [];
    for (let j = 0; j < n; j++) if (chosen[j] && free[j]) order.push(j);
    order.sort((a, b) => cost[b] - cost[a] || b - a);
    for (const j of order) if (!needed(j)) put(j, -1);
  };

  // -- level 1: the least money -----------------------------------------------------------------------
  for (let j = 0; j < n; j++) if (fixed[j]) put(j, 1);
  const base = spent;
  repair();
  let best = chosen.slice(), least = spent;
  const load = (plan) => { for (let j = 0; j < n; j++) if (plan[j] !== chosen[j]) put(j, plan[j] ? 1 : -1); };

  /** No plan costs less: prices of the rows, improved step by step. */
  const least_bound = () => {
    const prices = new Float64Array(m), reduced = new Float64Array(n), slope = new Float64Array(m);
    for (let r = 0; r < m; r++) {
      if (!asked[r]) continue;
      let low = Infinity;
      for (let k = rows.start[r]; k < rows.start[r + 1]; k++) low = Math.min(low, cost[rows.action[k]] / Math.max(share[k], 1e-9) / Math.max(byRow.start[rows.action[k] + 1] - byRow.start[rows.action[k]], 1));
      prices[r] = Number.isFinite(low) ? low : 0;
    }
    let bound = -Infinity, step = 1.5, stall = 0;
    for (let round = 0; round < 3000 && now() < stopAt; round++) {
      let value = base;
      for (let j = 0; j < n; j++) reduced[j] = cost[j];
      for (let r = 0; r < m; r++) {
        slope[r] = asked[r] ? 1 : 0;
        if (prices[r] > 0) { value += prices[r]; for (let k = rows.start[r]; k < rows.start[r + 1]; k++) reduced[rows.action[k]] -= prices[r] * share[k]; }
      }
      const take = (j) => { for (let k = byRow.start[j]; k < byRow.start[j + 1]; k++) slope[byRow.row[k]] -= byRow.amount[k]; };
      for (let j = 0; j < n; j++) {
        // What is fixed is paid already; it serves its rows for nothing.
        if (fixed[j]) { value += reduced[j] - cost[j]; take(j); } else if (free[j] && reduced[j] < 0) { value += reduced[j]; take(j); }
      }
      if (value > bound + 1e-9 * Math.max(1, Math.abs(value))) { bound = value; stall = 0; } else if (++stall > 15) { step *= 0.6; stall = 0; }
      let norm = 0;
      for (let r = 0; r < m; r++) { if (asked[r] && (slope[r] > 0 || prices[r] > 0)) norm += slope[r] * slope[r]; }
      if (!norm || step < 1e-5 || bound >= least - 1e-9) break;
      const size = step * Math.max(least - value, 1e-6 * Math.max(1, least)) / norm;
      for (let r = 0; r < m; r++) if (asked[r]) prices[r] = Math.max(0, prices[r] + size * slope[r]);
    }
    if (problem.unit > 0) bound = Math.ceil(bound / problem.unit - 1e-6) * problem.unit;
    return Math.min(Math.max(bound, base), least);
  };
  /** The plan as it stands, if it keeps the pins and serves all rows that can be served: never made worse. */
  const standing = () => {
    load(Uint8Array.from(problem.start || chosen, (x, j) => (fixed[j] || (x && free[j]) ? 1 : 0)));
    for (let r = 0; r < m; r++) if (lacks(r)) return false;
    return true;
  };
  if (problem.start && standing() && spent < least - 1e-9) { best = chosen.slice(); least = spent; }
  load(best);
  let costBound = m ? least_bound() : base;
  tell({ value: least, bound: costBound, goal: "money" });

  /** Take some of the plan away and serve the rows anew, as long as that helps. */
  const improve = (until) => {
    let told = now();
    for (let round = 0; now() < until && least > costBound + 1e-9; round++) {
      load(best);
      const mine = [];
      for (let j = 0; j < n; j++) if (chosen[j] && free[j]) mine.push(j);
      if (!mine.length) break;
      const gone = 1 + Math.floor(random() * Math.min(mine.length, 8)), barred = [];
      for (let k = 0; k < gone; k++) {
        const j = mine[Math.floor(random() * mine.length)];
        if (!chosen[j]) continue;
        put(j, -1);
        if (random() < 0.5) { free[j] = 0; barred.push(j); }
      }
      repair();
      for (const j of barred) free[j] = 1;
      let all = true;
      for (let r = 0; r < m && all; r++) if (lacks(r)) all = false;
      if (!all) repair();
      if (spent < least - 1e-9 || (spent < least + 1e-9 && random() < 0.2)) { best = chosen.slice(); least = spent; }
      if (now() - told > 200) { told = now(); tell({ value: least, bound: costBound, goal: "money" }); }
    }
    load(best);
  };
  const budget = problem.budget;
  const wantsPeople = d > 0 && budget !== null;
  if (m) improve(wantsPeople ? Math.min(stopAt, now() + 350 * problem.seconds) : stopAt);
  for (let r = 0; r < m; r++) if (lacks(r)) { repair(); break; }
  best = chosen.slice();
  const result = { chosen: best, cost: spent, costBound: Math.min(costBound, spent), people, peopleBound: null, served: 0, asked: 0 };
  for (let r = 0; r < m; r++) { result.asked += 1; if (!(held[r] < 1 - 1e-9)) result.served += 1; }
  if (!wantsPeople || spent > budget * (1 + 1e-9)) return result;

  // -- level 2: the most demand within the budget ----------------------------------------------------
  const room = () => budget * (1 + 1e-9) - spent;
  const fill = () => {
    for (;;) {
      let pick = -1, most = 0;
      const left = room();
      for (let j = 0; j < n; j++) {
        if (!free[j] || chosen[j] || cost[j] > left) continue;
        const worth = newPeople(j) / price(j);
        if (worth > most * (1 + 1e-12)) { most = worth; pick = j; }
      }
      if (pick < 0) return;
      put(pick, 1);
    }
  };
  fill();
  best = chosen.slice();
  let reach = people;
  if (problem.start && standing() && room() >= 0) { fill(); if (people > reach + 1e-9) { best = chosen.slice(); reach = people; } }
  load(best);
  const mean = new Float64Array(n), entire = demand.weight.every(Number.isInteger);
  const keep = () => { if (room() >= 0 && people > reach + 1e-9 && whole()) { best = chosen.slice(); reach = people; cheapest = spent; } };
  const whole = () => { for (let r = 0; r < m; r++) if (lacks(r) && !lost[r]) return false; return true; };
  /** The plan that the relaxed one is nearest to, give or take some noise: rows served, the rest by what it takes most of. */
  const rounded = (noise) => {
    load(fixed);
    const order = [], rank = mean.map((x) => (x > 1e-6 ? x + noise * (random() - 0.5) : 0));
    for (let j = 0; j < n; j++) if (free[j] && rank[j] > 0) order.push(j);
    order.sort((a, b) => rank[b] - rank[a] || a - b);
    for (const j of order) if (gain(j) > 1e-9 && cost[j] <= room()) put(j, 1);
    if (m) repair();
    for (const j of order) if (!chosen[j] && cost[j] <= room() && newPeople(j) > 0) put(j, 1);
    fill();
  };
  const bound2 = (until) => {
    const price2 = new Float64Array(d), rent = new Float64Array(m), worth = new Float64Array(n), x = new Float64Array(n), due = new Float64Array(m);
    const order = [];
    for (let j = 0; j < n; j++) if (free[j]) order.push(j);
    for (let i = 0; i < d; i++) price2[i] = demand.start[i + 1] > demand.start[i] ? demand.weight[i] * 0.5 : 0;
    let bound = Infinity, step = 2, stall = 0, paid = 0;
    for (let j = 0; j < n; j++) if (fixed[j]) paid += cost[j];
    for (let round = 0; round < 1500 && now() < until; round++) {
      let value = 0;
      worth.fill(0);
      x.fill(0);
      for (let i = 0; i < d; i++) {
        if (demand.start[i + 1] === demand.start[i]) continue;
        value += demand.weight[i] - price2[i];
        for (let k = demand.start[i]; k < demand.start[i + 1]; k++) worth[demand.action[k]] += price2[i];
      }
      for (let r = 0; r < m; r++) {
        if (!asked[r] || !rent[r]) continue;
        value -= rent[r];
        for (let k = rows.start[r]; k < rows.start[r + 1]; k++) worth[rows.action[k]] += rent[r] * share[k];
      }
      for (let j = 0; j < n; j++) if (fixed[j]) { x[j] = 1; value += worth[j]; }
      order.sort((a, b) => worth[b] / price(b) - worth[a] / price(a));
      let left = budget - paid;
      for (const j of order) {
        if (left <= 0 || worth[j] <= 0) break;
        const part = Math.min(1, left / price(j));
        x[j] = part;
        value += part * worth[j];
        left -= part * price(j);
      }
      for (let j = 0; j < n; j++) mean[j] += (x[j] - mean[j]) / Math.min(round + 1, 30);
      if (round % 20 === 19) { rounded(0); keep(); }
      if (value < bound - 1e-9 * Math.abs(value)) { bound = value; stall = 0; } else if (++stall > 20) { step *= 0.7; stall = 0; }
      let norm = 0;
      const slope = new Float64Array(d);
      for (let i = 0; i < d; i++) {
        if (demand.start[i + 1] === demand.start[i]) continue;
        let sum = price2[i] < demand.weight[i] ? -1 : 0;
        for (let k = demand.start[i]; k < demand.start[i + 1]; k++) sum += x[demand.action[k]];
        slope[i] = sum;
        norm += sum * sum;
      }
      for (let r = 0; r < m; r++) {
        if (!asked[r]) continue;
        let sum = -1;
        for (let k = rows.start[r]; k < rows.start[r + 1]; k++) sum += share[k] * x[rows.action[k]];
        due[r] = sum;
        if (sum < 0 || rent[r] > 0) norm += due[r] * due[r];
      }
      if (!norm || step < 1e-4 || bound <= reach + 1e-9) break;
      const size = step * Math.max(value - reach, 1e-6) / norm;
      for (let r = 0; r < m; r++) if (asked[r]) rent[r] = Math.max(0, rent[r] - size * due[r]);
      for (let i = 0; i < d; i++) price2[i] = Math.min(demand.weight[i], Math.max(0, price2[i] - size * slope[i]));
    }
    return Math.max(entire ? Math.floor(bound + 1e-6) : bound, reach);
  };
  /** Take some away, serve the rows anew with an eye on the demand, spend the rest: kept if it brings more. */
  const swap = (until, patience = Infinity) => {
    let told = now();
    const mine = [], worthOf = (j, taste) => (gain(j) + taste * newPeople(j)) / price(j);
    for (let round = 0; now() < until && reach < result.peopleBound - 1e-9 && round < patience; round++) {
      load(best);
      mine.length = 0;
      for (let j = 0; j < n; j++) if (chosen[j] && free[j]) mine.push(j);
      if (!mine.length) break;
      const one = round < mine.length, gone = one ? 1 : 1 + Math.floor(random() * Math.min(mine.length, 6)), barred = [];
      for (let k = 0; k < gone; k++) {
        const j = mine[one ? round : Math.floor(random() * mine.length)];
        if (!chosen[j]) continue;
        put(j, -1);
        if (one || random() < 0.5) { free[j] = 0; barred.push(j); }
      }
      const taste = random() < 0.3 ? 0 : random() * 4 / typical;
      for (;;) {
        let pick = -1, most = 0;
        for (let j = 0; j < n; j++) {
          if (!free[j] || chosen[j] || !(gain(j) > 1e-9)) continue;
          const worth = worthOf(j, taste);
          if (worth > most * (1 + 1e-12)) { most = worth; pick = j; }
        }
        if (pick < 0) break;
        put(pick, 1);
      }
      for (const j of barred) free[j] = 1;
      let all = room() >= 0;
      for (let r = 0; r < m && all; r++) if (lacks(r) && !lost[r]) all = false;
      if (!all) continue;
      for (const j of mine) if (chosen[j] && free[j] && !needed(j) && !onlyOne(j)) put(j, -1);
      fill();
      if (people > reach + 1e-9 || (people > reach - 1e-9 && spent < cheapest - 1e-9)) {
        if (people > reach + 1e-9) round = -1;
        best = chosen.slice();
        reach = people;
        cheapest = spent;
      }
      if (now() - told > 200) { told = now(); tell({ value: reach, bound: result.peopleBound, goal: "people" }); }
    }
    load(best);
  };
  const onlyOne = (j) => { for (let k = byDemand.start[j]; k < byDemand.start[j + 1]; k++) if (reached[byDemand.row[k]] === 1) return true; return false; };
  const lost = new Uint8Array(m);
  for (let r = 0; r < m; r++) lost[r] = lacks(r) ? 1 : 0;
  const typical = d ? demand.weight.reduce((sum, w) => sum + w, 0) / d : 1;
  let cheapest = spent;
  // Swaps first: the better the value, the better the steps of the bound. Then in turn from the best plan, and from others
  // near the relaxed one: swaps alone stay where they began.
  result.peopleBound = Infinity;
  swap(Math.min(stopAt, now() + 150 * problem.seconds));
  result.peopleBound = bound2(now() + 0.6 * (stopAt - now()));
  let top = [best, reach, cheapest];
  for (let turn = 0; now() < stopAt && top[1] < result.peopleBound - 1e-9; turn++) {
    if (turn % 2) {
      rounded(1.2 * random());
      if (room() < 0 || !whole()) continue;
      [best, reach, cheapest] = [chosen.slice(), people, spent];
    } else [best, reach, cheapest] = top;
    swap(stopAt, 120);
    if (reach > top[1] + 1e-9 || (reach > top[1] - 1e-9 && cheapest < top[2] - 1e-9)) top = [best, reach, cheapest];
  }
  [best, reach] = top;
  load(best);
  result.chosen = best;
  result.cost = cost.reduce((sum, c, j) => (best[j] ? sum + c : sum), 0);
  result.people = reach;
  result.peopleBound = Math.max(result.peopleBound, reach);
  return result;
}
