// Elements from data. Text is only ever set as text, so nothing a store holds is read as markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en"));
export const bytes = (count) => {
  const step = Math.min(Math.floor(Math.log(Math.max(count, 1)) / Math.log(1000)), 4);
  return `${(count / 1000 ** step).toLocaleString("en", { maximumSignificantDigits: 3 })} ${["B", "kB", "MB", "GB", "TB"][step]}`;
};
export const vectorLabel = (name) => name || "(unnamed)";
export const address = (...parts) => "#/" + parts.map((part) => encodeURIComponent(String(part))).join("/");

export function failure(error) {
  return h("div", { class: "card error", role: "alert" }, error.status ? `${error.status} · ${error.message}` : error.message);
}

export function empty(...text) {
  return h("div", { class: "card empty" }, ...text);
}

export function field(label, control, kind = "") {
  return h("label", { class: kind }, label, control);
}

export function select(options, chosen, attributes = {}) {
  return h("select", attributes, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

// A payload in a line: strings first, then what is short.
export function summary(payload) {
  const entries = Object.entries(payload ?? {});
  const shown = entries.map(([key, value]) => `${key}: ${typeof value === "string" ? value : plain(value)}`);
  return shown.join(" · ") || "no payload";
}

const bigger = (key, value) => (typeof value === "bigint" ? (JSON.rawJSON ? JSON.rawJSON(String(value)) : Number(value)) : value);
export const plain = (value, indent) => (value === undefined ? "" : JSON.stringify(value, bigger, indent));

// What `work` makes, put into `place`; of two that overlap the later one wins.
const running = new WeakMap();
export async function fill(place, work) {
  const token = {};
  running.set(place, token);
  place.setAttribute("aria-busy", "true");
  let content;
  try {
    content = await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    content = failure(error);
  }
  if (running.get(place) !== token) return;
  place.removeAttribute("aria-busy");
  place.replaceChildren(...[content].flat());
}
