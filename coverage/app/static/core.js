// What all pages share: texts, elements, requests, notices. Data become text nodes, never markup.

/** Language and texts; a project whose region is to be drawn next, and what is to be told on the next page. */
export const state = { lang: "", words: {}, html: "", draw: "", late: "" };

export function t(key, values = {}) {
  const words = state.words["app." + key] ?? state.words[key] ?? key;
  return words.replace(/\{([a-z][a-z_0-9]*)(?:\|([^|{}]*)\|([^|{}]*))?\}/g, (all, name, one, several) => {
    if (!(name in values)) return all;
    const shown = String(values[name]);
    return one === undefined ? shown : shown === "1" ? one : several;
  });
}

export async function speak(lang) {
  const found = await ask("texts", { lang });
  Object.assign(state, { lang: found.lang, words: found.words, html: found.html });
  document.documentElement.lang = found.html;
}

/** Make an element; children are elements or texts, "on…" are listeners, the rest properties or attributes. */
export function h(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && !name.includes("-") && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Put children into an element in the place of what was there; null is none. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
}

const SVG = "http://www.w3.org/2000/svg";
export function s(tag, given = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export class Refusal extends Error {
  constructor(status, body) {
    super(body.error || String(status));
    this.status = status;
    this.body = body;
  }
}

export function address(path, query = {}) {
  const asked = new URLSearchParams({ lang: state.lang, ...query });
  return "/api/" + path + "?" + asked;
}

/** Ask the application; what it refuses is thrown with its own words. */
export async function ask(path, query = {}, { method = "GET", data, body, version } = {}) {
  const headers = {};
  if (data !== undefined) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  let answer;
  try {
    answer = await fetch(address(path, query), { method, headers, body: data === undefined ? body : JSON.stringify(data) });
  } catch {
    throw new Refusal(0, { error: t("offline") });
  }
  const text = await answer.text();
  let found = {};
  try {
    found = JSON.parse(text);
  } catch {
    found = { error: answer.status === 401 ? t("no-entry") : text.slice(0, 300) };
  }
  if (!answer.ok) throw new Refusal(answer.status, found);
  return found;
}

export const post = (path, data, version) => ask(path, {}, { method: "POST", data, version });
export const of = (project, rest = "") => "p/" + encodeURIComponent(project) + (rest ? "/" + rest : "");

const notice = document.getElementById("notice");
export function tell(words, kind = "fault") {
  notice.hidden = !words;
  notice.className = kind;
  notice.replaceChildren();
  if (!words) return;
  const lines = Array.isArray(words) ? words : String(words).split("\n");
  notice.append(
    h("div", {}, lines.slice(0, 12).map((line) => h("p", {}, line))),
    h("button", { type: "button", class: "quiet", "aria-label": t("close"), onclick: () => tell("") }, "✕"),
  );
  notice.scrollIntoView({ block: "nearest" });
}

let last = Promise.resolve();
let waiting = 0;

/** Run what a button does, after what was begun before: each sees the version that the one before left. A refusal is told. */
export function during(button, work) {
  tell("");
  if (button) button.disabled = true;
  document.body.setAttribute("aria-busy", "true");
  waiting += 1;
  const mine = last.then(() => doing(button, work));
  last = mine.catch(() => {});
  return mine;
}

async function doing(button, work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    tell(error.body.faults?.length ? error.body.faults : error.message);
    return undefined;
  } finally {
    waiting -= 1;
    if (!waiting) document.body.removeAttribute("aria-busy");
    if (button) button.disabled = false;
  }
}

export function confirmed(words, yes) {
  const dialog = document.getElementById("dialog");
  return new Promise((done) => {
    const answer = (value) => () => { dialog.close(); done(value); };
    dialog.replaceChildren(
      h("p", {}, words),
      h("div", { class: "row end" },
        h("button", { type: "button", onclick: answer(false) }, t("cancel")),
        h("button", { type: "button", class: "main", onclick: answer(true) }, yes)),
    );
    dialog.oncancel = () => done(false);
    dialog.showModal();
  });
}

/** Hand files in, one after the other; one that is there is replaced only if the user says so. Returns their names. */
export async function upload(project, files, told = () => {}) {
  const names = [];
  for (const file of files) {
    told(file.name);
    const path = of(project, "files/" + encodeURIComponent(file.name));
    const send = (version) => ask(path, {}, { method: "PUT", body: file, version });
    try {
      names.push((await send("")).name);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 409 || !error.body.exists) throw error;
      if (!(await confirmed(error.message, t("replace")))) continue;
      names.push((await send(error.body.exists)).name);
    }
  }
  return names;
}

/** A place to drop files on, or to choose them with a click or a key. */
export function dropPlace(label, hint, take, { many = true, accept = "" } = {}) {
  const input = h("input", { type: "file", multiple: many, accept, class: "sr-only", onchange: () => { take([...input.files]); input.value = ""; } });
  const place = h("label", { class: "drop" }, input, h("b", {}, label), h("span", {}, hint));
  const over = (event) => { event.preventDefault(); place.classList.add("over"); };
  place.addEventListener("dragenter", over);
  place.addEventListener("dragover", over);
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
  return place;
}

export const go = (page, project = "") => { location.hash = "#/" + [state.lang, page, encodeURIComponent(project)].join("/"); };
export const number = (value, digits = 1) => Number(value).toLocaleString(state.html, { maximumFractionDigits: digits });
