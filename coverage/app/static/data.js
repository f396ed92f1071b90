// Data: boundary, roads and tables; one table with its columns, faults in their cells, points.

import { address, ask, confirmed, dropPlace, during, fill, h, number, of, post, state, t, tell, upload } from "./core.js";
import { follow } from "./jobs.js";
import { pointMap } from "./points.js";
import { regionEditor } from "./region.js";

const DATUMS = ["wgs84", "gcj02", "bd09"];
const isRoads = (path) => /\.(osm\.pbf|osm|osm\.gz|osm\.bz2|graphml)$/i.test(path);
const isArea = (path) => /\.(geojson|json|gpkg|shp|fgb|kml)$/i.test(path);
const shown = {};

export async function dataPage(project) {
  const at = of(project);
  let view = await ask(at);
  const inputs = h("section", { class: "box", id: "inputs" });
  const work = h("section", { class: "box wide", id: "table" });
  const leaves = [];
  let map = null;

  const again = async () => { view = await ask(at); drawInputs(); };
  const set = (path, value) => post(of(project, "settings"), { set: [[path, value]] }, view.version);

  /** Change something; a stale version is told, and the page reads everything anew. */
  const change = (button, work_) => during(button, async () => {
    try {
      return await work_();
    } catch (error) {
      if (error.status === 412) { await again(); if (shown[project]) await open(shown[project]); }
      throw error;
    }
  });

  async function take(files) {
    await change(null, async () => {
      const names = await upload(project, files, (name) => tell(t("data.sending", { name }), "done"));
      tell("");
      view = await ask(at);
      let last = null;
      for (const name of names) {
        const used = view.tables.some((table) => table.path === name) || [view.project.region.file, view.project.regions?.file].includes(name);
        if (isRoads(name)) await set(["network", "osm"], name);
        else if (!used && !/\.(shx|dbf|prj|cpg)$/i.test(name)) {
          try {
            last = await post(of(project, "tables"), { path: name, kind: "" }, view.version);
          } catch (error) {
            if (error.status === 422 && /\.parquet$/i.test(name)) { await set(["network", "osm"], name); continue; }  // roads of Overture
            if (error.status !== 422 || !isArea(name)) { await again(); throw error; }
          }
        }
        view = await ask(at);
      }
      drawInputs();
      if (last) await open(last);
      else if (shown[project]) await open(shown[project]);
    });
  }

  const entry = (title, state, ...more) => h("li", { class: state }, h("div", { class: "row apart" }, h("b", {}, title), h("span", { class: "chip " + state }, t("data.is-" + state))), ...more);

  function regionEntry() {
    const { region, regions } = view.project;
    if (regions) return entry(t("data.regions"), "there", h("p", { class: "soft small" }, t("data.regions-words", { file: regions.file, id: regions.id, name: regions.name })));
    const given = region.file || region.name || region.osm_relation || region.bbox;
    const areas = view.files.map((f) => f.path).filter(isArea);
    const pick = h("select", { id: "region-file", "aria-label": t("data.region-file"), onchange: (event) => change(event.target, async () => { await set(["region", "file"], event.target.value || null); await again(); if (shown[project]) await open(shown[project]); }) },
      h("option", { value: "" }, t("data.region-choose")),
      areas.map((path) => h("option", { value: path, selected: path === region.file }, path)));
    return entry(t("data.region"), given ? "there" : "open", h("p", { class: "soft small" }, given ? String(given) : t("data.region-words")), areas.length ? pick : null,
      region.file && !view.tables.some((table) => table.path === region.file) ? asCounties(region.file) : null,
      h("button", { type: "button", id: "region-draw", onclick: (event) => change(event.currentTarget, drawRegion) }, t("region.draw")));
  }

  /** A layer of counties is often the boundary, too; it is no table until somebody says so. */
  const asCounties = (path) => h("button", { type: "button", id: "region-counties", onclick: (event) => change(event.currentTarget, async () => {
    const made = await post(of(project, "tables"), { path, kind: "counties" }, view.version);
    await again();
    await open(made);
  }) }, t("data.region-counties"));

  /** The region is drawn in the place of the table, over the roads and the points of the table that is open. */
  async function drawRegion() {
    const [sheet, table] = await Promise.all([ask(of(project, "region")), shown[project] ? ask(of(project, `tables/${shown[project].kind}/${shown[project].index}`)) : null]);
    map?.leave();
    const close = async () => {
      map?.leave();
      map = null;
      if (shown[project]) await open(shown[project]); else fill(work, h("p", { class: "soft" }, t("data.empty")));
    };
    map = regionEditor(sheet, (table?.points ?? []).filter((p) => !p[3]), {
      save: (button, corners, file) => change(button, async () => {
        await post(of(project, "region"), { corners, file }, view.version);
        await again();
        await close();
        tell(t("region.saved"), "done");
      }),
      cancel: () => change(null, close),
    });
    fill(work, map.node);
    work.removeAttribute("data-table");
    work.scrollIntoView({ block: "nearest" });
  }

  function roadsEntry() {
    const { roads, project: { region } } = view;
    const name = h("input", { id: "region-name", placeholder: t("data.fetch-place"), "aria-label": t("data.fetch-label"), value: region.name ?? "" });
    const load = h("button", { type: "button", id: "fetch" }, t("data.fetch"));
    load.addEventListener("click", () => change(load, async () => {
      if (!region.file && name.value && name.value !== region.name) { await set(["region", "name"], name.value); view = await ask(at); }
      if (!(await confirmed(t("data.fetch-asks"), t("data.fetch")))) return;
      await post(of(project, "jobs/fetch"), {});
      jobs.show("fetch");
    }));
    const log = h("div", { class: "job" });
    const jobs = roads.there ? null : follow(project, "fetch", log, { done: again });
    if (jobs) leaves.push(jobs.leave);
    return entry(t("data.roads"), roads.there ? "there" : "missing",
      h("p", { class: "soft small" }, roads.there ? t("data.roads-there", { path: roads.path, mb: number(roads.mb) }) : t("data.roads-words", { path: roads.path })),
      roads.there ? null : h("div", { class: "row" }, region.file ? h("span", { class: "small grow" }, t("data.fetch-region")) : name, load), log);
  }

  function tableEntry(table) {
    const label = t("data.kind-" + table.kind);
    const current = shown[project];
    const here = current && current.kind === table.kind && current.index === table.index;
    return h("li", {}, h("button", { type: "button", class: "pick", "aria-pressed": String(Boolean(here)), onclick: (event) => change(event.currentTarget, () => open(table)) },
      h("b", {}, label), h("span", { class: "soft small" }, table.from_osm ? t("data.from-osm") : table.path),
      table.there ? null : h("span", { class: "chip missing" }, t("data.is-missing"))));
  }

  function unusedEntry(path) {
    const kind = h("select", { "aria-label": t("data.kind-of", { path }) }, h("option", { value: "" }, t("data.kind-guess")), view.kinds.map((k) => h("option", { value: k }, t("data.kind-" + k))));
    const use = h("button", { type: "button" }, t("data.use"));
    use.addEventListener("click", () => change(use, async () => {
      const made = await post(of(project, "tables"), { path, kind: kind.value }, view.version);
      await again();
      await open(made);
    }));
    return h("li", { class: "row" }, h("span", { class: "grow small" }, path), kind, use);
  }

  function drawInputs() {
    if (view.faults.length) {
      fill(inputs, h("h1", {}, t("data.broken")), h("ul", { class: "faults" }, view.faults.map((f) => h("li", {}, f))), h("pre", {}, view.toml));
      return;
    }
    leaves.splice(0).forEach((leave) => leave());
    const used = new Set([...view.tables.map((table) => table.path), view.project.region.file, view.project.regions?.file, view.roads.path]);
    const rest = view.files.map((f) => f.path).filter((path) => !used.has(path) && !isRoads(path));
    fill(inputs, 
      h("h1", {}, t("data.inputs")),
      dropPlace(t("data.drop"), t("data.drop-words"), take),
      h("ul", { class: "inputs" }, regionEntry(), roadsEntry()),
      h("h2", { class: "sub" }, t("data.tables")),
      view.tables.length ? h("ul", { class: "picks", id: "tables" }, view.tables.map(tableEntry)) : h("p", { class: "soft" }, t("data.no-tables")),
      rest.length ? [h("h2", { class: "sub" }, t("data.unused")), h("ul", { class: "picks" }, rest.map(unusedEntry))] : null,
    );
  }

  // -- one table -------------------------------------------------------------------------------------------

  async function open(table, query = {}) {
    shown[project] = { kind: table.kind, index: table.index };
    const path = of(project, `tables/${table.kind}/${table.index}`);
    const [found, ground] = await Promise.all([ask(path, query), ask(of(project, "ground"))]);
    map?.leave();
    map = found.points.length ? pointMap(ground, found.points, (row) => mark(row)) : null;
    drawTable(found, path, query);
    drawInputs();
  }

  function mark(row) {
    work.querySelector("tr.marked")?.classList.remove("marked");
    const line = work.querySelector(`tr[data-row="${row}"]`);
    line?.classList.add("marked");
    line?.scrollIntoView({ block: "nearest" });
  }

  function columnPick(found, header, path) {
    const taken = new Set(found.headers.map((each) => each.name));
    return h("select", {
      class: header.name ? "known" : "unknown", "aria-label": t("data.column-is", { header: header.header }),
      onchange: (event) => change(event.target, async () => {
        await post(path, { header: header.header, name: event.target.value }, view.version);
        await again();
        await open(found);
      }),
    }, h("option", { value: "" }, t("data.column-unused")), found.columns.map((column) =>
      h("option", { value: column.name, selected: column.name === header.name, disabled: taken.has(column.name) && column.name !== header.name, title: column.meaning }, column.label)));
  }

  const remedies = (words) => words?.map((each) => h("p", { class: "remedy" }, each));

  /** A cell; with `words` it has a fault, told here or in another cell of the row. */
  function cell(found, row, i, words, path) {
    const value = row.cells[i];
    if (!found.editable) return h("td", { class: words ? "bad" : null, title: words?.join("\n") }, value, remedies(words));
    const input = h("input", { value, class: "cell", "aria-label": `${found.headers[i].header} ${row.n}`, "aria-invalid": words ? "true" : null, title: words?.join("\n") });
    const save = () => {
      if (input.value === value) return;
      change(input, async () => {
        try {
          const done = await ask(path + "/cell", {}, { method: "POST", version: found.file, data: { row: row.n, at: i, old: value, value: input.value } });
          if (done.copy) tell(t("data.copied", { name: done.copy }), "done");
          await again();
          const keep = document.getElementById("notice").hidden ? null : [...document.getElementById("notice").childNodes];
          await open(found, found.query);
          if (keep) document.getElementById("notice").hidden = false;
        } catch (error) {
          input.value = value;
          throw error;
        }
      });
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") input.blur();
      if (event.key === "Escape") { input.value = value; input.blur(); }
    });
    input.addEventListener("focus", () => map?.mark(row.n));
    input.addEventListener("change", save);
    return h("td", { class: words ? "bad" : null }, input, remedies(words));
  }

  function grid(found, path) {
    const told = new Map();
    for (const fault of found.faults) {
      (fault.columns?.length ? fault.columns : [""]).forEach((column, nth) => {
        const key = `${fault.row}|${column}`;
        told.set(key, [...(told.get(key) ?? []), ...(nth ? [] : [fault.words])]);
      });
    }
    const head = h("tr", {}, h("th", { scope: "col" }, "#"), found.headers.map((header) => h("th", { scope: "col" }, h("div", {}, header.header || "–"), columnPick(found, header, path))));
    const rows = found.rows.map((row) => {
      const whole = told.get(`${row.n}|`) ?? [];
      const line = h("tr", { "data-row": row.n }, h("th", { scope: "row", class: whole.length ? "bad" : null }, String(row.n)),
        row.cells.map((_value, i) => cell(found, row, i, told.get(`${row.n}|${found.headers[i].header}`), path)));
      return whole.length ? [line, h("tr", {}, h("th", { class: "bad" }), h("td", { class: "bad", colSpan: row.cells.length }, h("div", { class: "stay" }, remedies(whole))))] : line;
    });
    return h("div", { class: "grid", tabIndex: 0, role: "region", "aria-label": found.path }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
  }

  function turns(found, query) {
    const to = (offset) => () => change(null, () => open(found, { ...query, offset }));
    const last = Math.min(found.offset + found.rows.length, found.total);
    return h("div", { class: "row" },
      h("button", { type: "button", disabled: !found.offset, onclick: to(Math.max(0, found.offset - 100)) }, "‹"),
      h("span", { class: "soft small" }, t("data.rows", { first: found.total ? found.offset + 1 : 0, last, total: found.total })),
      h("button", { type: "button", disabled: last >= found.total, onclick: to(found.offset + 100) }, "›"));
  }

  function drawTable(found, path, query) {
    found.query = query;
    const only = query.only === "faults";
    const general = found.faults.filter((fault) => !fault.row || !found.headers.length || (found.rows.length && !found.rows.some((row) => row.n === fault.row)));
    const datum = h("select", { id: "datum", "aria-label": t("data.datum"), onchange: (event) => change(event.target, async () => { await post(path, { datum: event.target.value }, view.version); await again(); await open(found); }) },
      [...new Set([...DATUMS, found.datum])].map((code) => h("option", { value: code, selected: code === found.datum }, t("data.datum-" + code) === "data.datum-" + code ? code : t("data.datum-" + code))));
    const remove = h("button", { type: "button", class: "quiet" }, t("data.remove"));
    remove.addEventListener("click", () => change(remove, async () => {
      if (!(await confirmed(t("data.remove-asks", { name: found.path }), t("data.remove")))) return;
      await post(path, { remove: true }, view.version);
      delete shown[project];
      fill(work);
      await again();
    }));
    const notice = found.datum_notice && h("div", { class: "hint", id: "datum-notice" }, h("p", {}, found.datum_notice.words),
      h("button", { type: "button", class: "main", onclick: (event) => change(event.currentTarget, async () => { await post(path, { datum: found.datum_notice.other }, view.version); await again(); await open(found); }) },
        t("data.datum-take", { datum: t("data.datum-" + found.datum_notice.other) })));
    const c = found.counts;
    fill(work, 
      h("div", { class: "row apart" }, h("h2", {}, `${t("data.kind-" + found.kind)} · ${found.from_osm ? t("data.from-osm") : found.path}`), remove),
      h("div", { class: "row apart" },
        h("p", { id: "counts" }, c.read === undefined ? "" : t("data.counts", c)),
        h("label", { class: "row small" }, t("data.datum"), datum)),
      notice,
      general.length ? h("ul", { class: "faults" }, general.slice(0, 20).map((fault) => h("li", {}, (fault.row ? t("data.row", { row: fault.row }) + " " : "") + fault.words))) : null,
      map?.node,
      h("div", { class: "row apart" }, turns(found, query),
        c.faulted ? h("label", { class: "row small" }, h("input", { type: "checkbox", id: "only-faults", checked: only, onchange: (event) => change(null, () => open(found, event.target.checked ? { only: "faults" } : {})) }), t("data.only-faults", { n: c.faulted })) : null),
      found.headers.length ? grid(found, path) : null,
      found.notes.length ? h("details", {}, h("summary", {}, t("data.notes", { n: found.notes.length })), h("ul", {}, found.notes.map((note) => h("li", {}, (note.row ? t("data.row", { row: note.row }) + " " : "") + note.words)))) : null,
      found.editable ? h("p", { class: "soft small" }, t("data.edit-words")) : h("p", { class: "soft small" }, t("data.layer-words")),
    );
    work.dataset.faults = found.faults.length;
    work.dataset.table = found.path;
  }

  const check = h("button", { type: "button", class: "main", id: "check" }, t("data.check"));
  const checked = h("div", { class: "job", id: "checked" });
  const ledger = h("div", { id: "ledger" });
  async function drawLedger() {
    const found = await ask(of(project, "checked"));
    if (!found.files.length && !found.faults.length) { fill(ledger); return; }
    const heads = ["read", "kept", "merged", "left_out", "faulted"];
    fill(ledger,
      h("p", {}, found.faults.length ? t("data.check-faults", { n: found.faults.length }) : t(found.lacking ? "data.check-lacking" : "data.check-fine", { n: found.notes.length })),
      h("div", { class: "scroll" }, h("table", { class: "list ledger" },
        h("thead", {}, h("tr", {}, h("th", {}, t("data.tables")), heads.map((key) => h("th", { scope: "col" }, t("data.ledger-" + key))))),
        h("tbody", {}, found.files.map((file) => h("tr", {}, h("th", { scope: "row" }, file.path), heads.map((key) => h("td", { class: "figures", "data-label": t("data.ledger-" + key) }, String(file[key] ?? "")))))))),
      found.faults.length ? h("ul", { class: "faults" }, found.faults.map((line) => h("li", {}, line))) : null,
      found.notes.length ? h("details", {}, h("summary", {}, t("data.notes", { n: found.notes.length })), h("ul", {}, found.notes.map((line) => h("li", {}, line)))) : null,
      found.workbook ? h("p", { class: "small" }, h("a", { href: address(of(project, "checked/faults.xlsx")), download: "" }, t("data.check-workbook"))) : null);
  }
  const job = follow(project, "check", checked, { done: drawLedger, fine: [0, 3] });
  check.addEventListener("click", () => during(check, async () => { await post(of(project, "jobs/check"), {}); job.show("check"); }));

  drawInputs();
  if (!view.faults.length) await drawLedger();
  const first = shown[project] ?? view.tables?.find((table) => table.there);
  if (!view.faults.length && first && view.tables.some((x) => x.kind === first.kind && x.index === first.index)) await open(first);
  else fill(work, h("p", { class: "soft" }, t("data.empty")));
  if (state.draw === project) { state.draw = ""; await drawRegion(); }
  return {
    nodes: [h("div", { class: "split" }, h("div", { class: "side" }, inputs, h("section", { class: "box" }, h("h2", {}, t("data.check-title")), h("p", { class: "soft small" }, t("data.check-words")), h("div", { class: "row end" }, check), checked, ledger)), work)],
    leave: () => { map?.leave(); job.leave(); leaves.forEach((leave) => leave()); },
  };
}
