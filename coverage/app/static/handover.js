// Hand over: the results as one zip, or file by file.

import { address, ask, during, fill, h, number, of, post, t } from "./core.js";
import { follow } from "./jobs.js";

export async function handoverPage(project) {
  const list = h("section", { class: "box" });
  const log = h("div", { class: "job" });

  async function draw() {
    const results = await ask(of(project, "results"));
    if (!results.there) { fill(list, h("p", { class: "soft" }, t("handover.none"))); return; }
    fill(list, h("h2", {}, t("handover.files")), h("ul", { class: "inputs" }, results.files.map((file) => h("li", { class: "row apart" },
      h("span", { class: "grow" }, h("a", { href: address(of(project, "run/" + file.name)), download: "" }, file.name), " ", h("span", { class: "soft small" }, t("handover.what-" + file.name.replaceAll(".", "-")))),
      h("span", { class: "soft small" }, file.mb < 0.1 ? t("handover.size-kb", { kb: Math.max(1, Math.round(1000 * file.mb)) }) : t("handover.size", { mb: number(file.mb, 1) }))))));
  }

  const inputs = h("input", { type: "checkbox", id: "with-inputs" });
  const zip = h("a", { class: "button main", id: "zip", download: "", href: address(of(project, "handover")) }, t("handover.zip"));
  inputs.addEventListener("change", () => { zip.href = address(of(project, "handover"), inputs.checked ? { inputs: "yes" } : {}); });
  const pdf = h("button", { type: "button", id: "pdf" }, t("handover.pdf"));
  const job = follow(project, "pdf", log, { done: draw });
  pdf.addEventListener("click", () => during(pdf, async () => { await post(of(project, "jobs/pdf"), {}); job.show(); }));
  const there = (await ask(of(project, "results"))).there;
  await draw();
  const box = h("section", { class: "box" }, h("h1", {}, t("handover.title")), h("p", { class: "soft" }, t("handover.words")),
    there ? [h("label", { class: "tick" }, inputs, h("span", {}, t("handover.inputs"))), h("div", { class: "row" }, zip, pdf), h("p", { class: "soft small" }, t("handover.pdf-words")), log] : null);
  return { nodes: [box, list], leave: () => job.leave() };
}
