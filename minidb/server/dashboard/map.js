// A map: points along the two main directions of a vector, coloured by a payload value.

import { get, of, own, post, vectorsOf } from "./api.js";
import { address, empty, field, fill, h, number, plain, select, vectorLabel } from "./dom.js";
import { parseFilter } from "./filter.js";

const HUES = ["#4c78d8", "#e07b39", "#3f9d63", "#c2479a", "#8a6fd1", "#b5941d", "#3aa0b5", "#d1495b", "#7c8a2e", "#9b6a4b"];
const REST = "#8b95a5";

export async function mapPage(name) {
  const [info, first] = await Promise.all([get(of(name)), post(of(name, "/points/scroll"), { limit: 50, with_payload: true })]);
  const vectors = vectorsOf(info);
  if (!vectors.length) return [h("h1", {}, name), empty("This collection has no vectors to draw.")];
  const keys = new Set(Object.keys(info.payload_schema));
  for (const point of first.points) {
    for (const [key, value] of Object.entries(point.payload ?? {})) if (typeof value !== "object") keys.add(key.match(/^[\w-]+$/) ? key : `"${key}"`);
  }
  const using = select(vectors.map((vector) => [vector.name, vectorLabel(vector.name)]), vectors[0].name);
  const color = h("input", { list: "payload-keys", placeholder: "payload key", autocomplete: "off", spellcheck: "false" });
  const filterBox = h("input", { placeholder: "lang = en   or JSON", spellcheck: "false", autocomplete: "off" });
  const results = h("div", {});
  const draw = (event) => {
    event?.preventDefault();
    fill(results, async () => {
      const body = { using: using.value, filter: parseFilter(filterBox.value), color_by: color.value.trim() || undefined };
      return picture(name, await post(own(name, "/map"), body));
    });
  };
  using.addEventListener("change", () => draw());
  color.addEventListener("change", () => draw());
  draw();
  return [h("h1", {}, name), h("form", { class: "card row", onsubmit: draw }, field("Vector", using), field("Colour by", color),
    h("datalist", { id: "payload-keys" }, [...keys].map((value) => h("option", { value }))), field("Filter", filterBox, "grow"),
    h("button", { class: "main" }, "Draw")), results];
}

function picture(name, map) {
  if (!map.ids.length) return empty("No point has this vector and satisfies the filter.");
  const { colors, legend } = palette(map.values);
  const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": `${map.ids.length} points; arrow keys go from point to point, Enter opens one` });
  const tip = h("div", { class: "tip", hidden: true });
  const order = map.x.map((_, at) => at).sort((a, b) => map.x[a] - map.x[b]);
  const state = { at: -1, places: [] };
  const draw = () => { state.places = paint(canvas, map, colors, state.at); };
  const point = (at) => {
    if (at === state.at) return;
    state.at = at;
    draw();
    tip.hidden = at < 0;
    if (at < 0) return;
    const value = map.values[at];
    tip.textContent = value === null ? String(map.ids[at]) : `${map.ids[at]} · ${plain(value)}`;
    const [x, y] = state.places[at];
    tip.style.left = `${Math.max(0, Math.min(x + 12, canvas.clientWidth - 170))}px`;
    tip.style.top = `${y + 12}px`;
  };
  const open = () => { if (state.at >= 0) location.hash = address("collection", name, "point", map.ids[state.at]); };
  canvas.addEventListener("pointermove", (event) => point(nearest(state.places, event.offsetX, event.offsetY)));
  canvas.addEventListener("pointerleave", () => point(-1));
  canvas.addEventListener("click", (event) => { point(nearest(state.places, event.offsetX, event.offsetY)); open(); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") open();
    if (step === undefined) return;
    event.preventDefault();
    const now = order.indexOf(state.at);
    point(order[(now + step + order.length) % order.length]);
  });
  new ResizeObserver(draw).observe(canvas);
  const themed = () => (canvas.isConnected ? draw() : document.removeEventListener("theme", themed));
  document.addEventListener("theme", themed);
  const shares = map.explained.map((share) => `${(100 * share).toFixed(1)} %`).join(" and ");
  const drawn = map.total > map.ids.length ? `${number(map.ids.length)} of ${number(map.total)} points, at random` : `${number(map.total)} points`;
  return [h("div", { class: "map" }, canvas, tip), h("ul", { class: "legend" }, legend.map(([text, hue]) => item(text, hue))),
    h("p", { class: "faint small" }, `${drawn}. The two directions hold ${shares} of the variance (principal components).`)];
}

function item(text, hue) {
  const dot = h("i");
  dot.style.background = hue;
  return h("li", {}, dot, text);
}

function palette(values) {
  const present = values.filter((value) => value !== null);
  if (!present.length) return { colors: values.map(() => HUES[0]), legend: [] };
  const counts = new Map();
  for (const value of present) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size > HUES.length && present.every((value) => typeof value !== "string" && typeof value !== "boolean")) return scale(values, present.map(Number));
  const common = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, HUES.length);
  const hue = new Map(common.map((value, at) => [value, HUES[at]]));
  const legend = common.map((value) => [`${value} (${number(counts.get(value))})`, hue.get(value)]);
  const others = values.length - common.reduce((sum, value) => sum + counts.get(value), 0);
  if (others) legend.push([`other or none (${number(others)})`, REST]);
  return { colors: values.map((value) => hue.get(value) ?? REST), legend };
}

function scale(values, numbers) {
  const low = numbers.reduce((a, b) => Math.min(a, b));
  const high = numbers.reduce((a, b) => Math.max(a, b));
  const hue = (value) => `hsl(${230 - (200 * (value - low)) / (high - low || 1)} 65% 52%)`;
  const steps = [low, (low + high) / 2, high];
  return { colors: values.map((value) => (value === null ? REST : hue(Number(value)))), legend: steps.map((value) => [number(value), hue(value)]) };
}

function paint(canvas, { x, y }, colors, chosen) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const places = fitted(x, width, 14).map((left, at) => [left, 0, at]);
  fitted(y, height, 14).forEach((top, at) => { places[at][1] = height - top; });
  const radius = x.length > 1500 ? 2 : x.length > 300 ? 3 : 4.5;
  pen.globalAlpha = x.length > 1500 ? 0.65 : 0.85;
  for (const [left, top, at] of places) {
    pen.fillStyle = colors[at];
    pen.beginPath();
    pen.arc(left, top, radius, 0, 7);
    pen.fill();
  }
  if (chosen >= 0) {
    pen.globalAlpha = 1;
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(places[chosen][0], places[chosen][1], radius + 4, 0, 7);
    pen.stroke();
  }
  return places;
}

function fitted(values, length, margin) {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return values.map((value) => (high === low ? length / 2 : margin + ((value - low) / (high - low)) * (length - 2 * margin)));
}

function nearest(places, x, y) {
  let best = -1;
  let distance = 18 ** 2;
  places.forEach(([left, top], at) => {
    const here = (left - x) ** 2 + (top - y) ** 2;
    if (here < distance) [best, distance] = [at, here];
  });
  return best;
}
