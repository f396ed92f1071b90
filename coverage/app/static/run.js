// Run: what is missing, progress live, what was found.

import { ask, during, fill, h, of, post, state, t } from "./core.js";
import { findingTable, regionTable } from "./findings.js";
import { follow } from "./jobs.js";

export async function runPage(project) {
  const view = await ask(of(project));
  const found = h("section", { class: "box", id: "found" });
  const log = h("div", { class: "job", id: "run-log" });
  const missing = view.faults.length ? [] : view.missing;
  const barred = view.faults.length || missing.includes("roads");

  async function drawFound() {
    const results = await ask(of(project, "results"));
    start.textContent = t(results.there ? "run.again" : "run.start");
    if (!results.there) { fill(found, h("p", { class: "soft" }, t("run.none")), results.regions ? regionTable(project, results.regions) : null); return; }
    fill(found,
      h("div", { class: "row apart" }, h("h2", {}, t("run.found", { when: results.started.replace("T", " ") + " UTC" })),
        h("a", { class: "button", id: "to-plan", href: `#/${state.lang}/plan/${encodeURIComponent(project)}` }, t("run.to-plan"))),
      results.stale ? h("p", { class: "hint" }, t("run.stale")) : null,
      findingTable(results.findings),
      results.regions ? regionTable(project, results.regions) : null,
      results.warnings.length ? h("details", {}, h("summary", {}, t("data.notes", { n: results.warnings.length })), h("ul", {}, results.warnings.map((w) => h("li", {}, w)))) : null);
  }

  const start = h("button", { type: "button", class: "main", id: "run-start", disabled: Boolean(barred) }, t("run.start"));
  const job = follow(project, "run", log, { keep: true, done: drawFound });
  start.addEventListener("click", () => during(start, async () => { await post(of(project, "jobs/run"), {}); job.show(); }));
  await drawFound();
  const box = h("section", { class: "box" },
    h("h1", {}, t("run.title")), h("p", { class: "soft" }, t("run.words"), " ", h("code", {}, project)),
    view.faults.length ? h("ul", { class: "faults" }, view.faults.map((f) => h("li", {}, f))) : null,
    missing.length ? h("p", { class: "hint" }, t("run.missing", { what: missing.map((name) => t("run.missing-" + name)).join(" · ") })) : null,
    h("div", { class: "row" }, start), log);
  return { nodes: [box, found], leave: () => job.leave() };
}
