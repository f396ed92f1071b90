"use strict";
// Everything that came from data is read here, out of the JSON blocks, and shown with textContent only.
const readJson = (id) => JSON.parse(document.getElementById(id).textContent);
const DATA = readJson("plugspan-data");
const MAP = window.map_1;

/** Text of the catalogue, with {name} replaced once (values are never searched for fields). */
function T(key, values) {
  const template = Object.prototype.hasOwnProperty.call(DATA.texts, key) ? DATA.texts[key] : key;
  return template.replace(/\{([a-z_0-9]+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}

/** Make an element: attributes by name, text or children after them. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const name in attributes || {}) {
    const value = attributes[name];
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  for (const child of children) node.append(child);
  return node;
}

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const name in attributes || {}) node.setAttribute(name, attributes[name]);
  for (const child of children) node.append(child);
  return node;
}

/** Line icons of the buttons, drawn in a box of 20. */
const ICONS = {
  plus: "M10 4v12M4 10h12", minus: "M4 10h12",
  home: "M3 10l7-6 7 6M5.5 9v7h9V9",
  measure: "M3 13L13 3l4 4L7 17zM6 10l2 2M8.5 7.5l2 2M11 5l2 2",
  fullscreen: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  print: "M6 7V3h8v4M6 14H3V7h14v7h-3M6 11h8v6H6z",
  regions: "M3 6l5-3 5 3 4-2v10l-5 3-5-3-4 2zM8 3v11M13 6v11",
  findings: "M4 5l1.5 1.5L8 4M10.5 5.5H17M4 11l1.5 1.5L8 10M10.5 11.5H17M4 16.5h2M10.5 16.5H17",
  plan: "M4 15V9M9 15V5M14 15v-4M3 17.5h14M17 8l-3-4-3 4",
  back: "M12 4l-6 6 6 6", forward: "M8 4l6 6-6 6",
  edit: "M4 16l1-4 9-9 3 3-9 9zM12 5l3 3",
  undo: "M8 4L4 8l4 4M4 8h7a5 5 0 0 1 0 9H8", redo: "M12 4l4 4-4 4M16 8H9a5 5 0 0 0 0 9h3",
  reset: "M4 10a6 6 0 1 0 2-4.5M6 2v4h4", save: "M10 3v9M6 9l4 4 4-4M4 16h12", open: "M10 13V4M6 8l4-4 4 4M4 16h12",
  keep: "M10 4v12M4 10h12", complete: "M4 11l4 4 8-10", stop: "M5 5h10v10H5z",
  layers: "M10 3l7 4-7 4-7-4zM3 10.5l7 4 7-4M3 14l7 4 7-4",
  search: "M13 13l4 4M8.5 14a5.5 5.5 0 1 0 0-11a5.5 5.5 0 0 0 0 11z",
  close: "M5 5l10 10M15 5L5 15", clear: "M5 5l10 10M15 5L5 15",
};

function icon(name) {
  const path = svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.7,
    "stroke-linecap": "round", "stroke-linejoin": "round" });
  return svg("svg", { viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true" }, path);
}

function say(message) {
  byId("live").textContent = message;
}

const isNarrow = () => window.matchMedia("(max-width: 900px)").matches;
