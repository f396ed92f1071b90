// Following a command: its stage, the solver's value and bound, its words; the same after the page was reloaded.

import { address, h, number, of, post, t, during } from "./core.js";

export function follow(project, kind, node, { done = () => {}, keep = false, fine = [0, 1, 4] } = {}) {
  let source = null;
  let live = false;

  function show(asked) {
    source?.close();
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("job.progress") });
    const stage = h("p", { class: "stage", "aria-live": "polite" });
    const solver = h("p", { class: "solver" });
    const words = h("ul", { class: "words" });
    const stop = h("button", { type: "button" }, t("job.stop"));
    const best = keep ? h("button", { type: "button", hidden: true }, t("job.keep")) : null;
    const send = (button, how) => button?.addEventListener("click", () => during(button, () => post(of(project, `jobs/${kind}/cancel`), { keep: how })));
    send(stop, false);
    send(best, true);
    const buttons = h("div", { class: "row" }, best, stop);
    const put = () => { if (!bar.isConnected) node.replaceChildren(h("div", { class: "job-head" }, bar, stage, solver, buttons), words); };
    node.dataset.state = "running";
    live = asked;
    if (asked) put();
    source = new EventSource(address(of(project, `jobs/${kind}/events`)));
    source.onmessage = (event) => {
      const said = JSON.parse(event.data);
      if (said.end === "none") { source.close(); node.dataset.state = "none"; node.replaceChildren(); return; }
      if (said.begin) { live ||= said.begin === "running"; return; }
      put();
      if (said.stage) { stage.textContent = said.words ?? ""; bar.value = said.share; if (best) best.hidden = said.stage !== "siting"; }
      if (said.bound !== undefined) {
        solver.textContent = t("job.solver", { level: said.level, best: said.best, bound: said.bound, gap: said.gap, seconds: number(said.seconds, 0) });
        solver.dataset.seen = "yes";
      } else if (said.words && !said.stage) words.append(h("li", {}, said.words));
      if (said.end) {
        source.close();
        buttons.hidden = true;
        bar.hidden = true;
        solver.hidden = true;
        const ok = said.end === "ended" && fine.includes(said.exit);
        const stopped = [130, 143, -2, -15].includes(said.exit);
        stage.textContent = ok ? t("job.done") : stopped ? t("job.stopped") : said.end === "broken" ? t("job.broken") : t("job.failed");
        node.dataset.state = ok ? "done" : stopped ? "stopped" : "failed";
        if (live) { node.dataset.ended = 1 + Number(node.dataset.ended ?? 0); done(ok); }
        live = false;
      }
    };
  }

  show(false);
  return { show: () => show(true), leave: () => source?.close() };
}
