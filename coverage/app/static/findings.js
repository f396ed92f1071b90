// Findings of a run as a table: rule, finding, today, with the plan, target.

import { h, t } from "./core.js";

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
