// Findings of a run as a table: rule, finding, today, with the plan, target; and of many regions how each stands.

import { address, h, of, t } from "./core.js";

export function findingTable(findings) {
  const head = ["rule", "status", "today", "planned", "target"].map((key) => h("th", { scope: "col" }, t("handover." + key)));
  const cell = (key, kind, ...words) => h("td", { class: kind, "data-label": t("handover." + key) }, words);
  const rows = findings.map((f) => h("tr", { "data-rule": f.rule },
    h("th", { scope: "row" }, f.title),
    cell("status", null, h("span", { class: "chip " + f.status }, f.status_words)),
    cell("today", "figures", f.value || "–"),
    cell("planned", "figures", f.after && f.after !== f.value ? "→ " + f.after : f.after || "–"),
    cell("target", "figures soft", f.target || "–")));
  return h("div", { class: "scroll" }, h("table", { class: "list", id: "findings" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
}

/** Each of many regions: its rank, how many rules stand how, its own map; or why it has no result. */
export function regionTable(project, regions) {
  const keys = ["rank", "region", "state", "met", "not-met", "undecided", "seconds", "region-map"];
  const cell = (key, kind, ...words) => h("td", { class: kind, "data-label": t("run." + key) }, words);
  const count = (n) => (typeof n === "number" ? String(n) : "–");
  const map = (id) => h("a", { href: address(of(project, `regions/${encodeURIComponent(id)}/map.html`)), target: "_blank", rel: "noopener" }, t("run.region-map"));
  const rows = regions.map((r) => h("tr", { "data-region": r.id },
    cell("rank", "figures", count(r.rank)),
    h("th", { scope: "row" }, r.name, r.reason ? h("div", { class: "small soft" }, r.reason) : null),
    cell("state", null, h("span", { class: "chip " + r.state }, r.state_words)),
    cell("met", "figures", count(r.met)), cell("not-met", "figures", count(r.not_met)), cell("undecided", "figures", count(r.undecided)), cell("seconds", "figures", count(r.seconds)),
    cell("region-map", null, r.map ? map(r.id) : "–")));
  return [h("h2", {}, t("run.regions", { done: regions.filter((r) => r.state === "done").length, n: regions.length })),
    h("div", { class: "scroll tall", tabIndex: 0, role: "region", "aria-label": t("run.region") }, h("table", { class: "list", id: "region-list" },
      h("thead", {}, h("tr", {}, keys.map((key) => h("th", { scope: "col" }, t("run." + key))))), h("tbody", {}, rows)))];
}
