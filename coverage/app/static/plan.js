// Plan: the map of the run, what must and must not be built, money by year, results kept and compared.

import { address, ask, during, fill, h, number, of, post, state, t, tell } from "./core.js";
import { follow } from "./jobs.js";

export async function planPage(project) {
  let view = await ask(of(project, "plan"));
  const results = await ask(of(project, "results"));
  if (!results.there) return { nodes: [h("section", { class: "box" }, h("p", { class: "soft" }, t("handover.none")))] };

  const country = results.regions ? h("p", { class: "small soft", id: "of-country" }, t("plan.country"), " ",
    results.national_map ? h("a", { href: address(of(project, "national/map.html")), target: "_blank", rel: "noopener" }, t("plan.country-map")) : null, " ",
    h("a", { href: `#/${state.lang}/run/${encodeURIComponent(project)}` }, t("plan.country-regions"))) : null;
  const stale = h("p", { class: "hint", id: "stale", hidden: !results.stale }, t("plan.stale"));
  const again = async (what = draw) => { view = await ask(of(project, "plan")); what(); };
  const change = (button, work, what) => during(button, async () => {
    try {
      const done = await work();
      await again(what);
      stale.hidden = false;
      return done;
    } catch (error) {
      if (error.status === 412) await again();
      throw error;
    }
  });

  // -- the map ---------------------------------------------------------------------------------------------
  const frame = h("iframe", { id: "map", title: t("plan.map"), src: address(of(project, "map")) });
  const shown = results.map === "ok" ? frame : h("p", { class: "hint" }, t("plan.other-version"));
  const hand = h("div", { class: "row", hidden: true, id: "by-hand" });
  const scenario = h("input", { id: "scenario-name", maxLength: 60, placeholder: t("plan.scenario-name"), "aria-label": t("plan.scenario-name") });
  const core = () => frame.contentWindow?.plugspan;
  const saveScenario = h("button", { type: "button", id: "scenario-save" }, t("plan.scenario-save"));
  saveScenario.addEventListener("click", () => during(saveScenario, async () => {
    await ask(of(project, "scenarios/" + encodeURIComponent(scenario.value.trim() || t("plan.scenario"))), {}, { method: "PUT", data: core().scenario() });
    await again(() => { drawHand(); drawKept(); });
    tell(t("plan.scenario-saved"), "done");
  }));
  const prove = h("button", { type: "button", class: "main", id: "scenario-prove" }, t("plan.prove"));
  prove.addEventListener("click", () => during(prove, async () => {
    const name = scenario.value.trim() || t("plan.scenario");
    await ask(of(project, "scenarios/" + encodeURIComponent(name)), {}, { method: "PUT", data: core().scenario() });
    await post(of(project, "jobs/run"), { scenario: name });
    job.show();
  }));
  const complete = h("button", { type: "button", id: "scenario-complete", title: t("plan.complete-words") }, t("plan.complete"));
  complete.addEventListener("click", () => during(complete, async () => {
    const name = scenario.value.trim() || t("plan.scenario");
    await ask(of(project, "scenarios/" + encodeURIComponent(name)), {}, { method: "PUT", data: core().scenario() });
    const done = await post(of(project, "plan"), { scenario: name }, view.version);
    await again();
    await post(of(project, "jobs/run"), {});
    job.show();
    if (done.closed) tell(t("plan.complete-closed", { n: done.closed }));
  }));
  const openScenario = (event) => during(event.target, async () => {
    if (event.target.value) core().load(await ask(of(project, "scenarios/" + encodeURIComponent(event.target.value))));
  });
  const drawHand = () => fill(hand, h("span", { class: "soft small" }, t("plan.hand-words")), scenario, saveScenario, prove, complete,
    view.scenarios.length ? h("select", { id: "scenario-open", "aria-label": t("plan.scenario-open"), onchange: openScenario },
      h("option", { value: "" }, t("plan.scenario-open")), view.scenarios.map((name) => h("option", { value: name }, name))) : null);
  frame.addEventListener("load", () => {
    hand.hidden = Boolean(results.regions) || typeof core()?.scenario !== "function";
    drawHand();
  });

  // -- tiles under the map ---------------------------------------------------------------------------------
  const tiles = h("details", { id: "basemap" });
  function drawBasemap() {
    const own = view.basemap && !view.basemaps.includes(view.basemap);
    const pick = h("select", { id: "basemap-name", "aria-label": t("plan.basemap") }, ["", ...view.basemaps, "address"].map((name) =>
      h("option", { value: name, selected: own ? name === "address" : name === view.basemap }, t("plan.basemap-" + (name || "none")))));
    const key = h("input", { id: "basemap-key", value: view.basemap_key, maxLength: 100, autocomplete: "off", placeholder: t("plan.basemap-key"), "aria-label": t("plan.basemap-key") });
    const web = h("input", { id: "basemap-address", class: "grow", value: own ? view.basemap : "", placeholder: "https://…/{z}/{x}/{y}.png", "aria-label": t("plan.basemap-address") });
    const fit = () => { key.hidden = pick.value !== "tianditu"; web.hidden = pick.value !== "address"; };
    pick.addEventListener("change", fit);
    fit();
    const save = h("button", { type: "submit", id: "basemap-save" }, t("save"));
    const send = (event) => {
      event.preventDefault();
      const name = pick.value === "address" ? web.value.trim() : pick.value;
      change(save, () => post(of(project, "settings"), { set: [[["output", "basemap"], name], [["output", "basemap_key"], key.value.trim()]] }, view.version), drawBasemap);
    };
    fill(tiles, h("summary", {}, t("plan.basemap")), h("p", { class: "small soft" }, t("plan.basemap-words")),
      h("form", { class: "row", onsubmit: send }, pick, key, web, save));
  }

  // -- money -----------------------------------------------------------------------------------------------
  const money = h("section", { class: "box", id: "money" });
  function drawMoney(draft = view.years) {
    const unit = view.plan?.cost.unit ?? "";
    const years = Object.entries(draft);
    const stages = new Map((view.plan?.stages ?? []).map((stage) => [String(stage.year), stage]));
    const top = Math.max(1000, ...years.map(([, v]) => 2 * v), 2 * (view.plan?.cost.high ?? 0));
    const inputs = new Map();
    const line = (key, label, value, note) => {
      const range = h("input", { type: "range", min: 0, max: Math.ceil(top / 100) * 100, step: 10, value, "aria-label": `${label} ${unit}` });
      const field = h("input", { type: "number", min: 0, step: "any", value, "aria-label": `${label} ${unit}`, id: `money-${key}` });
      range.addEventListener("input", () => { field.value = range.value; });
      field.addEventListener("input", () => { range.value = field.value; });
      inputs.set(key, field);
      const drop = key === "budget" ? null : h("button", { type: "button", class: "quiet", "aria-label": t("plan.year-drop", { year: key }), title: t("plan.year-drop", { year: key }), onclick: () => drawMoney(without(key)) }, "×");
      return h("li", {}, h("div", { class: "row apart" }, h("b", {}, label), h("span", { class: "row" }, field, unit, drop)), range, note ? h("p", { class: "small soft" }, note) : null);
    };
    const lines = years.length
      ? years.map(([year, value]) => {
          const stage = stages.get(year);
          return line(year, year, value, stage ? t("plan.year", { spent: number(stage.spent), unit, met: stage.met[0], all: stage.met[1], n: stage.actions }) : null);
        })
      : [line("budget", t("plan.budget"), view.budget ?? view.plan?.cost.high ?? 0, view.budget === null ? t("plan.no-budget") : null)];
    const save = h("button", { type: "button", class: "main", id: "money-save" }, t("save"));
    const value = (key) => Number(inputs.get(key).value);
    const here = () => Object.fromEntries(years.map(([year]) => [year, value(year)]));
    const without = (key) => Object.fromEntries(Object.entries(here()).filter(([year]) => year !== key));
    const more = h("button", { type: "button", class: "link", id: "money-year", onclick: () => {
      const last = Math.max(...years.map(([year]) => Number(year)));
      drawMoney(years.length ? { ...here(), [last + 1]: value(String(last)) } : { [new Date().getFullYear()]: value("budget") });
    } }, t(years.length ? "plan.year-more" : "plan.year-first"));
    save.addEventListener("click", () => change(save, () => {
      const set = years.length ? [[["plan", "years"], here()], [["plan", "budget"], null]] : [[["plan", "years"], null], [["plan", "budget"], value("budget")]];
      return post(of(project, "settings"), { set }, view.version);
    }, drawMoney));
    fill(money, h("h2", {}, t("plan.money")), h("ul", { class: "values money" }, lines), h("div", { class: "row apart" }, more, save));
  }

  // -- actions ---------------------------------------------------------------------------------------------
  const actions = h("section", { class: "box", id: "actions" });
  const pinOf = (id) => (view.required.includes(id) ? "required" : view.forbidden.includes(id) ? "forbidden" : "");
  function pinPick(id, name) {
    return h("select", { "aria-label": t("plan.pin", { name }), "data-action": id, onchange: (event) => change(event.target, () => post(of(project, "plan"), { action: id, pin: event.target.value }, view.version), drawActions) },
      ["", "required", "forbidden"].map((pin) => h("option", { value: pin, selected: pin === pinOf(id) }, t("plan.pin-" + (pin || "free")))));
  }
  function drawActions() {
    const plan = view.plan;
    if (!plan) { fill(actions, h("p", { class: "soft" }, t("plan.none"))); return; }
    const unit = plan.cost.unit ?? "";
    const known = new Set(plan.actions.map((action) => action.action_id));
    const others = [...view.required, ...view.forbidden].filter((id) => !known.has(id));
    const label = (key) => t("plan." + key);
    const cell = (key, kind, ...words) => h("td", { class: kind, "data-label": label(key) }, words);
    fill(actions,
      h("h2", {}, t("handover.plan-line", { n: plan.actions.length, money: [...new Set([plan.cost.low, plan.cost.high].map((x) => number(x)))].join(" – "), unit })),
      plan.cost.assumed ? h("p", { class: "small soft" }, t("handover.assumed")) : null,
      plan.given ? h("p", { class: "small soft" }, t("plan.given")) : h("ul", { class: "proof small soft" }, plan.levels.map((level) => h("li", {}, t("plan.level", { name: level.name, value: number(level.objective), bound: number(level.bound), gap: number(100 * (level.gap ?? 0), 2) })))),
      view.required.length + view.forbidden.length ? h("button", { type: "button", class: "link", id: "pins-clear", onclick: (event) => change(event.currentTarget, () => post(of(project, "plan"), { scenario: "" }, view.version), drawActions) }, t("plan.pins-clear")) : null,
      others.length ? [h("h3", {}, t("plan.others")), h("ul", { class: "picks" }, others.map((id) => h("li", { class: "row" }, h("span", { class: "grow" }, id), pinPick(id, id))))] : null,
      h("div", { class: "scroll tall", tabIndex: 0, role: "region", "aria-label": t("plan.actions") }, h("table", { class: "list" },
        h("thead", {}, h("tr", {}, ["order", "action", "county", "when", "cost", "decide"].map((key) => h("th", { scope: "col" }, label(key))))),
        h("tbody", {}, plan.actions.map((a) => h("tr", {}, h("td", { class: "figures", "data-label": label("order") }, String(a.order ?? "")),
          h("th", { scope: "row" }, a.name ?? a.action_id, h("div", { class: "small soft" }, a.kind)), cell("county", null, a.county ?? ""), cell("when", "figures", String(a.year ?? "")),
          cell("cost", "figures", `${number(a.cost ?? 0)} ${unit}`), cell("decide", null, pinPick(a.action_id, a.name ?? a.action_id))))))));
  }

  // -- results kept under a name, and compared ---------------------------------------------------------------
  const kept = h("section", { class: "box", id: "kept" });
  const compareLog = h("div", { class: "job" });
  const compared = h("div", {});
  const compareJob = follow(project, "compare", compareLog, { done: (ok) => {
    if (!ok) return;
    fill(compared, h("iframe", { class: "compare", title: t("plan.compared"), src: address(of(project, "compare")) }));
    compared.scrollIntoView({ block: "nearest" });
  } });
  const pair = ["", "run"]; // what is compared: "run" is the last result
  const compareButton = () => h("button", { type: "button", id: "compare", disabled: !pair[0] || !pair[1] || pair[0] === pair[1], onclick: (event) => during(event.currentTarget, async () => {
    compared.replaceChildren();
    await post(of(project, "compare"), { first: pair[0], second: pair[1] });
    compareJob.show();
  }) }, t("plan.compare"));
  function comparePick(nth) {
    const groups = [["kept-results", view.kept.map((name) => ["runs/" + name, name])], ["kept-scenarios", view.scenarios.map((name) => ["scenarios/" + name, name])]];
    const option = ([value, name]) => h("option", { value, selected: value === pair[nth] }, name);
    return h("select", { id: `compare-${nth ? "second" : "first"}`, "aria-label": t(nth ? "plan.compare-second" : "plan.compare-first"), onchange: (event) => { pair[nth] = event.target.value; drawKept(); } },
      h("option", { value: "" }, t("plan.compare-choose")), option(["run", t("plan.compare-now")]),
      groups.map(([key, options]) => (options.length ? h("optgroup", { label: t("plan." + key) }, options.map(option)) : null)));
  }
  function drawKept() {
    const name = h("input", { id: "keep-name", maxLength: 60, placeholder: t("plan.keep-name"), "aria-label": t("plan.keep-name") });
    const keep = h("button", { type: "submit" }, t("plan.keep"));
    fill(kept, h("h2", {}, t("plan.kept")), h("p", { class: "small soft" }, t("plan.kept-words")),
      h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); during(keep, async () => { await post(of(project, "keep"), { name: name.value }); await again(); }); } }, name, keep),
      view.kept.length + view.scenarios.length ? h("div", { class: "pair" }, comparePick(0), comparePick(1), compareButton()) : null);
  }

  const log = h("div", { class: "job", id: "run-log" });
  const run = h("button", { type: "button", class: "main", id: "prove" }, t("plan.run"));
  const job = follow(project, "run", log, { keep: true, done: (ok) => { if (ok) window.dispatchEvent(new Event("plugspan:again")); } });
  run.addEventListener("click", () => during(run, async () => { await post(of(project, "jobs/run"), {}); job.show(); }));

  function draw() { drawBasemap(); drawMoney(); drawActions(); drawKept(); }
  draw();
  return {
    nodes: [
      h("section", { class: "box map-frame" }, h("div", { class: "row apart" }, h("h1", {}, t("plan.title")), results.map === "ok" ? h("a", { class: "small", href: address(of(project, "map")), target: "_blank", rel: "noopener" }, t("plan.map-alone")) : null), country, hand, shown, tiles),
      h("section", { class: "box" }, stale, h("div", { class: "row" }, run, h("span", { class: "small soft" }, t("plan.run-words"))), log),
      h("div", { class: "split" }, h("div", { class: "side" }, money, results.regions ? null : kept), actions),
      ...(results.regions ? [] : [h("section", { class: "box", id: "compared" }, h("h2", {}, t("plan.compared")), compareLog, compared)]),
    ],
    leave: () => { job.leave(); compareJob.leave(); },
  };
}
