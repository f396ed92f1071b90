// The frame around the pages: address, steps, language.

import { ask, h, speak, state, t, tell, Refusal } from "./core.js";
import { dataPage } from "./data.js";
import { handoverPage } from "./handover.js";
import { planPage } from "./plan.js";
import { rulesPage } from "./rules.js";
import { runPage } from "./run.js";
import { startPage } from "./start.js";

const PAGES = { start: startPage, data: dataPage, rules: rulesPage, run: runPage, plan: planPage, handover: handoverPage };
const STEPS = ["start", "data", "rules", "run", "plan", "handover"];
let leave = null;
let turn = 0;

function where() {
  const [, lang = "", page = "start", project = ""] = location.hash.split("/");
  return { lang, page: PAGES[page] ? page : "start", project: decodeURIComponent(project) };
}

function frame(at, home) {
  document.getElementById("skip").textContent = t("skip");
  document.getElementById("brand").href = `#/${state.lang}/start/`;
  const shown = home.projects.find((p) => p.name === at.project);
  document.getElementById("project-name").textContent = shown ? shown.title : "";
  document.title = shown ? `${shown.title} · plugspan` : "plugspan";
  document.getElementById("steps").replaceChildren(...STEPS.filter((name) => PAGES[name]).map((name, i) => {
    const off = name !== "start" && !shown;
    const label = [h("span", { class: "nth", "aria-hidden": "true" }, String(i + 1)), t(`step.${name}`)];
    if (off) return h("span", { class: "step off" }, label);
    const href = `#/${state.lang}/${name}/${encodeURIComponent(at.project)}`;
    return h("a", { class: "step", href, "aria-current": name === at.page ? "page" : null }, label);
  }));
  document.getElementById("languages").setAttribute("aria-label", t("language"));
  document.getElementById("languages").replaceChildren(...home.languages.map(({ code, name }) =>
    h("button", {
      type: "button", "aria-pressed": String(code === state.lang), lang: code,
      onclick: () => { location.hash = ["#", code, at.page, encodeURIComponent(at.project)].join("/"); },
    }, name)));
}

async function show() {
  const mine = ++turn;
  const at = where();
  const page = document.getElementById("page");
  document.body.dataset.ready = "no";
  leave?.();
  leave = null;
  tell("");
  try {
    if (!state.lang || at.lang !== state.lang) await speak(at.lang);
    const home = await ask("home");
    if (mine !== turn) return;
    if (at.page !== "start" && !home.projects.some((p) => p.name === at.project)) at.page = "start";
    frame(at, home);
    page.className = at.page;
    page.replaceChildren(h("p", { class: "wait" }, t("wait")));
    const made = await PAGES[at.page](at.project, home);
    if (mine !== turn) { made.leave?.(); return; }
    page.replaceChildren(...made.nodes);
    leave = made.leave ?? null;
    if (state.late) { tell(state.late); state.late = ""; }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    page.replaceChildren();
    tell(error.body.faults?.length ? error.body.faults : error.message);
  }
  document.body.dataset.page = at.page;
  document.body.dataset.ready = "yes";
}

// The token is used up; it need not stay in the address.
if (location.search) history.replaceState(null, "", "/" + location.hash);
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
window.addEventListener("hashchange", show);
window.addEventListener("plugspan:again", show);
show();
