// Start: the projects of the folder, a new one, the sample.

import { ask, during, go, h, of, post, Refusal, state, t, tell, upload } from "./core.js";

function projectCard(project) {
  const words = project.broken ? t("start.broken") : [project.policy, project.run ? t("start.has-run") : t("start.no-run")].join(" · ");
  return h("li", {}, h("a", { class: "card", href: `#/${state.lang}/data/${encodeURIComponent(project.name)}` },
    h("b", {}, project.title),
    h("span", { class: "soft" }, words),
    h("span", { class: "soft small" }, t("start.changed", { when: project.changed.replace("T", " ").slice(0, 16), folder: project.name }))));
}

function newProject(home) {
  const name = h("input", { id: "new-name", required: true, maxLength: 60, autocomplete: "off" });
  const policy = h("select", { id: "new-policy" }, home.policies.map((p) => h("option", { value: p.id }, p.name)));
  const language = h("select", { id: "new-language" }, home.languages.map(({ code, name: shown }) =>
    h("option", { value: code, selected: code === state.lang }, shown)));
  const roads = h("input", { id: "new-roads", type: "file", accept: ".pbf,.osm,.gz,.bz2,.graphml,.parquet" });
  const boundary = h("input", { id: "new-boundary", type: "file", accept: ".geojson,.json,.gpkg,.fgb,.kml", "aria-label": t("data.region-file"), hidden: true });
  const where = h("select", { id: "new-where", onchange: () => { boundary.hidden = where.value !== "file"; } },
    ["later", "draw", "file"].map((how) => h("option", { value: how }, t("start.where-" + how))));
  const send = h("button", { type: "submit", class: "main", id: "new-make" }, t("start.make"));
  /** Take a file in and let the project use it; the version of the project file from there. */
  async function use(made, file, key) {
    const [taken] = await upload(made, [file], (each) => tell(t("data.sending", { name: each }), "done"));
    if (taken) await post(of(made, "settings"), { set: [[key, taken]] }, (await ask(of(made))).version);
  }
  const make = (event) => {
    event.preventDefault();
    return during(send, async () => {
      const made = await post("projects", { name: name.value, policy: policy.value, language: language.value });
      try {
        if (roads.files.length) await use(made.name, roads.files[0], ["network", "osm"]);
        if (where.value === "file" && boundary.files.length) await use(made.name, boundary.files[0], ["region", "file"]);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        state.late = error.message;  // the project is there: what could not be taken in is told on its page
      }
      if (where.value === "draw") state.draw = made.name;
      go("data", made.name);
    });
  };
  const field = (label, input) => h("div", { class: "field" }, h("label", { for: input.id }, label), input);
  return h("form", { class: "box", onsubmit: make },
    h("h2", {}, t("start.new")),
    h("p", { class: "soft" }, t("start.new-words")),
    field(t("start.name"), name), field(t("start.roads"), roads), field(t("start.where"), where), boundary,
    field(t("start.policy"), policy), field(t("start.language"), language),
    h("div", { class: "row end" }, send));
}

function sample(home) {
  const taken = new Set(home.projects.map((p) => p.name));
  let name = t("start.sample-name");
  for (let n = 2; taken.has(name); n += 1) name = `${t("start.sample-name")} ${n}`;
  const button = h("button", { type: "button", class: "main", id: "sample-make" }, t("start.sample-open"));
  button.addEventListener("click", () => during(button, async () => {
    const made = await post("projects", { name, sample: true, language: state.lang });
    go("data", made.name);
  }));
  return h("section", { class: "box" },
    h("h2", {}, t("start.sample")), h("p", { class: "soft" }, t("start.sample-words")),
    h("div", { class: "row end" }, button));
}

export async function startPage(_project, home) {
  const list = h("section", { class: "wide" },
    h("h2", {}, t("start.projects")),
    home.projects.length ? h("ul", { class: "cards", id: "projects" }, home.projects.map(projectCard)) : h("p", { class: "soft" }, t("start.none")),
    h("p", { class: "soft small" }, t("start.folder", { folder: home.folder })));
  const make = home.single ? [] : [newProject(home), sample(home)];
  return { nodes: [h("h1", {}, t("start.title")), h("p", { class: "lead" }, t("start.lead")), h("div", { class: "columns" }, make), list] };
}
