// Following a command: its stage, the solver's value and bound, its words; the same after the page was reloaded.

import { address, fill, h, number, of, post, t, during } from "./core.js";

export function follow(project, kind, node, { done = () => {}, keep = false, fine = [0, 1, 4] } = {}) {
  let source = null;
  let live = false;

  function show(asked) {
    source?.close();
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("job.progress") });
    const stage = h("p", { class: "stage", "aria-live": "polite" });
    const stages = h("ol", { class: "stages" });
    const solver = h("div", { class: "solver scroll" });
    const words = h("ul", { class: "words" });
    const log = h("details", { class: "said", open: true }, h("summary", {}, t("run.log")), words);
    const levels = new Map();
    const stop = h("button", { type: "button" }, t("job.stop"));
    const best = keep ? h("button", { type: "button", hidden: true }, t("job.keep")) : null;
    const send = (button, how) => button?.addEventListener("click", () => during(button, () => post(of(project, `jobs/${kind}/cancel`), { keep: how })));
    send(stop, false);
    send(best, true);
    const buttons = h("div", { class: "row" }, best, stop);
    const put = () => { if (!bar.isConnected) node.replaceChildren(h("div", { class: "job-head" }, bar, stage, stages, solver, buttons), log); log.hidden = !words.children.length; };

    /** Each level of the solve with its best value and bound so far: one line, renewed as news come. */
    function solving(said) {
      const value = (x) => (typeof x === "number" ? number(x, 1) : "–");
      levels.set(said.level, h("tr", {}, h("th", { scope: "row" }, said.level),
        [["best", value(said.best)], ["bound", value(said.bound)], ["gap", typeof said.gap === "number" ? number(100 * said.gap, 2) + "%" : "–"], ["seconds", number(said.seconds, 0) + " s"]]
          .map(([key, shown]) => h("td", { class: "figures", "data-label": t("job." + key) }, shown))));
      fill(solver, h("table", { class: "list" },
        h("thead", {}, h("tr", {}, ["level", "best", "bound", "gap", "seconds"].map((key) => h("th", { scope: "col" }, t("job." + key))))),
        h("tbody", {}, [...levels.values()])));
      solver.dataset.seen = "yes";
    }
    function begun(said) {
      const plain = said.words.replace(/(……| ?…)$/, "");
      if (stages.lastElementChild?.textContent !== plain) {
        stages.lastElementChild?.removeAttribute("aria-current");
        stages.append(h("li", { "aria-current": "step" }, plain));
      }
      stage.textContent = said.words;
      bar.value = said.share;
      if (best) best.hidden = said.stage !== "siting";
    }

    /** How many regions have ended, and about how long the others will take. */
    function ended(said) {
      const left = typeof said.seconds_left === "number" ? t("job.left", { n: number(Math.ceil(said.seconds_left / 60), 0) }) : "";
      stage.textContent = t("job.regions", { done: number(said.regions, 0), n: number(said.of, 0) }) + left;
      bar.value = said.of ? said.regions / said.of : 0;
    }

    node.dataset.state = "running";
    live = asked;
    if (asked) put();
    source = new EventSource(address(of(project, `jobs/${kind}/events`)));
    source.onmessage = (event) => {
      const said = JSON.parse(event.data);
      if (said.end === "none") { source.close(); node.dataset.state = "none"; node.replaceChildren(); return; }
      if (said.begin) { live ||= said.begin === "running"; return; }
      put();
      if (said.stage) begun(said);
      if (said.regions !== undefined) ended(said);
      if (/^https?:/.test(said.dashboard ?? "")) words.append(h("li", {}, h("a", { href: said.dashboard, target: "_blank", rel: "noopener" }, t("job.dashboard"))));
      if (said.bound !== undefined) solving(said);
      else if (said.words && !said.stage) { words.append(h("li", {}, said.words)); log.hidden = false; }
      if (said.end) {
        source.close();
        buttons.hidden = true;
        bar.hidden = true;
        stages.hidden = true;
        solver.hidden = true;
        const ok = said.end === "ended" && fine.includes(said.exit);
        const stopped = [130, 143, -2, -15, 15].includes(said.exit);  // 15 on Windows
        stage.textContent = ok ? t("job.done") : stopped ? t("job.stopped") : said.end === "broken" ? t("job.broken") : t("job.failed");
        log.open = !ok || said.exit === 4;  // what went well is told above and below
        node.dataset.state = ok ? "done" : stopped ? "stopped" : "failed";
        if (live) { node.dataset.ended = 1 + Number(node.dataset.ended ?? 0); done(ok); }
        live = false;
      }
    };
  }

  show(false);
  return { show: () => show(true), leave: () => source?.close() };
}
