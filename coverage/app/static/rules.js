// Rules: the policy in words; values changed for this project, and what today's state becomes.

import { ask, during, fill, h, of, post, t } from "./core.js";
import { follow } from "./jobs.js";

const before = {};

export async function rulesPage(project) {
  let view = await ask(of(project, "rules"));
  const list = h("div", { id: "rules" });
  const log = h("div", { class: "job" });

  const again = async () => { view = await ask(of(project, "rules")); draw(); };
  const change = (button, rule, path, value) => during(button, async () => {
    try {
      remember();
      await post(of(project, "rules"), { rule, path, value }, view.version);
      await again();
      await post(of(project, "jobs/assess"), {});
      job.show();
    } catch (error) {
      if (error.status === 412) await again();
      throw error;
    }
  });

  function remember() {
    for (const rule of view.rules) if (rule.now) before[`${project}|${rule.id}`] = rule.now;
  }

  function editor(rule, item, place) {
    const key = item.path.join(".");
    const isFlag = typeof item.value === "boolean";
    const many = Array.isArray(item.value);
    const input = isFlag
      ? h("select", { "aria-label": t("rules.value", { key }) }, [true, false].map((v) => h("option", { value: String(v), selected: v === item.value }, t(v ? "rules.yes" : "rules.no"))))
      : h("input", { value: many ? item.value.join(", ") : item.value, "aria-label": t("rules.value", { key }), inputMode: typeof item.value === "number" ? "decimal" : "text" });
    const save = h("button", { type: "submit", class: "main" }, t("save"));
    const typed = (words, like) => (typeof like === "number" ? Number(words.replace("，", ".")) : words.trim());
    const read = () => {
      if (isFlag) return input.value === "true";
      if (many) return input.value.split(/[,，、]/).filter((x) => x.trim()).map((x) => typed(x, item.value[0]));
      return typed(input.value, item.value);
    };
    const send = (event) => {
      event.preventDefault();
      const value = read();
      if ([value].flat().some((v) => typeof v === "number" && !Number.isFinite(v))) { input.setAttribute("aria-invalid", "true"); input.focus(); return; }
      change(save, rule.id, item.path, value);
    };
    fill(place, h("form", { class: "row", onsubmit: send }, h("code", {}, key), input, save,
      h("button", { type: "button", class: "quiet", onclick: draw }, t("cancel"))));
    input.focus();
    input.select?.();
  }

  function valueLine(rule, item) {
    const place = h("li", { class: item.changed ? "changed" : null, "data-key": item.path.join(".") });
    const state = item.changed ? "changed" : item.assumed ? "assumed" : "stated";
    const edit = item.editable && h("button", { type: "button", class: "link", onclick: () => editor(rule, item, place) }, t("rules.change"));
    const undo = item.changed ? h("button", { type: "button", class: "link", onclick: (event) => change(event.currentTarget, rule.id, item.path, null) }, t("rules.undo")) : null;
    fill(place,
      h("span", { class: "grow" }, item.changed ? [h("s", {}, item.was), " → ", h("b", {}, item.words)] : item.words),
      h("span", { class: "chip " + (state === "stated" ? "there" : state === "changed" ? "missing" : "assumed") }, t("rules." + state)), edit, undo);
    return place;
  }

  function card(rule) {
    const old = before[`${project}|${rule.id}`];
    const moved = old && rule.now && (old.value !== rule.now.value || old.status !== rule.now.status);
    return h("article", { class: "box rule", "data-rule": rule.id },
      h("div", { class: "row apart" }, h("h2", {}, rule.title),
        h("span", { class: "row small soft" }, rule.by ? t("rules.by", { by: rule.by }) : null, rule.report_only ? h("span", { class: "chip" }, t("rules.report-only")) : null)),
      h("p", { class: "small soft" }, t("rules.source", { source: rule.source || "–" })),
      rule.now ? h("p", { class: "now" }, t("rules.now"), " ",
        moved ? [h("s", { class: "soft" }, old.value), " → "] : null, h("b", {}, rule.now.value || "–"), " ",
        h("span", { class: "chip " + rule.now.status }, rule.now.status_words), rule.now.target ? ` ${rule.now.target}` : "") : null,
      h("ul", { class: "values" }, rule.values.map((item) => valueLine(rule, item))));
  }

  function draw() { fill(list, view.rules.map(card)); }

  const effect = h("button", { type: "button", id: "effect" }, t("rules.effect"));
  const job = follow(project, "assess", log, { done: again });
  effect.addEventListener("click", () => during(effect, async () => { remember(); await post(of(project, "jobs/assess"), {}); job.show(); }));
  draw();
  return {
    nodes: [h("section", { class: "box" }, h("h1", {}, t("rules.title")), h("p", {}, t("rules.words", { policy: view.policy })),
      h("p", { class: "small soft" }, t("rules.source", { source: view.source })),
      h("div", { class: "row" }, effect, h("span", { class: "small soft" }, t("rules.effect-words"))), log), list],
    leave: () => job.leave(),
  };
}
