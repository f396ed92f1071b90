// The plan to adopt: a slider over its steps, every rule after the step, and the list of actions.
// All numbers and words come from the page's data; here it is only chosen which of them to show.
function stepCount() { return DATA.plan.steps.length - 1; }

function buildPlan() {
  const slider = byId("step");
  byId("toggle-plan").hidden = !DATA.plan;
  slider.setAttribute("aria-label", T("map.plan-step"));
  for (const [id, iconName, key, by] of [["step-back", "back", "map.plan-back", -1], ["step-on", "forward", "map.plan-on", 1]]) {
    const button = byId(id);
    button.append(icon(iconName));
    button.title = T(key);
    button.setAttribute("aria-label", T(key));
    button.addEventListener("click", () => setStep(view.step + by));
  }
  if (!DATA.plan) return;
  slider.max = String(stepCount());
  slider.addEventListener("input", () => setStep(Number(slider.value)));
  for (const [label, step] of [[T("map.before"), 0], ...DATA.plan.years]) {
    const button = el("button", { type: "button", onclick: () => setStep(step) }, label);
    button.dataset.step = step;
    byId("step-years").append(button);
  }
  byId("step-years").setAttribute("aria-label", T("map.plan-years"));
  for (const action of DATA.plan.actions) byId("action-list").append(actionLine(action));
  const notes = byId("plan-notes");
  for (const sentence of DATA.plan.sentences) notes.append(el("p", {}, sentence));
  for (const [title, lines] of DATA.plan.lists) {
    notes.append(el("details", {}, el("summary", {}, title), el("ul", {}, ...lines.map((line) => el("li", {}, line)))));
  }
  showStep();
}

function actionLine(action) {
  const about = el("small", {}, [action.year, action.about, action.certain].filter(Boolean).join(" · "));
  const button = el("button", { type: "button", onclick: () => showAction(action) },
    el("span", { class: "number" }, String(action.order)), el("span", { class: "what" }, el("b", {}, action.name), about, el("span", { class: "closes" }, action.closes)));
  const line = el("li", {}, button);
  line.dataset.step = action.step;
  return line;
}

/** Show the state after a step of the plan, 0 for today. */
function setStep(step) {
  if (!DATA.plan) return;
  view.step = Math.max(0, Math.min(stepCount(), step));
  if (view.phase !== "after") setPhase("after");
  MAP.closePopup();
  showStep();
  buildTree();
  refreshLayers();
}

function showStep() {
  const step = DATA.plan.steps[view.step], slider = byId("step");
  const title = T("map.plan-at", { n: step.order, of: DATA.plan.actions.length, label: step.label });
  slider.value = String(view.step);
  slider.setAttribute("aria-valuetext", title);
  byId("step-back").disabled = view.step === 0;
  byId("step-on").disabled = view.step === stepCount();
  byId("step-label").replaceChildren(el("b", {}, title), ...step.sums.map(([caption, value]) => el("span", {}, caption + " ", el("b", {}, value))));
  byId("step-rules").replaceChildren(...DATA.plan.rules.map(([name, target], k) => el("tr", {},
    el("th", { scope: "row" }, name, el("small", {}, T("map.target") + " " + target)),
    el("td", {}, el("span", { class: "value" }, step.values[k]), " ", chip(step.statuses[k])))));
  for (const button of byId("step-years").children) button.setAttribute("aria-pressed", String(Number(button.dataset.step) === view.step));
  for (const line of byId("action-list").children) {
    const at = Number(line.dataset.step);
    line.className = at > view.step ? "later" : at === view.step ? "now" : "";
    if (at === view.step) line.setAttribute("aria-current", "step"); else line.removeAttribute("aria-current");
    if (at === view.step && !isNarrow()) byId("plan-body").scrollTop = line.offsetTop - byId("plan-body").offsetTop - 40;
  }
}

/** Go to an action; what has no position on the map is only marked in the list. */
async function showAction(action) {
  if (view.step < action.step) setStep(action.step);
  const layer = view.layers.find((l) => l.spec.name === "plan_actions");
  const i = layer ? layer.spec.labels.indexOf(String(action.order)) : -1;
  if (isNarrow()) togglePanel("plan", false);
  if (i >= 0) await goTo(layer, [i]); else say(action.name);
}
