// One point: its payload, its vectors as bars, its neighbours in each of them.

import { get, of, post, vectorsOf } from "./api.js";
import { address, failure, h, plain, svg, vectorLabel } from "./dom.js";
import { hits } from "./search.js";

const MOST_BARS = 256;

export async function point(name, idText) {
  const [info, found] = await Promise.all([get(of(name)), get(of(name, `/points/${encodeURIComponent(idText)}`))]);
  const present = vectorsOf(info).filter((vector) => valueOf(found.vector, vector.name) !== undefined);
  const neighbours = await Promise.all(present.map((vector) => near(name, found.id, vector.name)));
  return [
    h("h1", {}, h("a", { href: address("collection", name, "points") }, name), ` / ${found.id}`),
    h("div", { class: "card" }, h("h2", {}, "Payload"), h("pre", { tabindex: 0 }, plain(found.payload ?? {}, 2))),
    present.length ? h("div", { class: "columns" }, present.map((vector, at) => h("div", { class: "card" },
      h("h2", {}, vectorLabel(vector.name), " ", h("span", { class: "faint small" }, vector.text)),
      bars(valueOf(found.vector, vector.name)), h("h2", {}, "Neighbours"), neighbours[at])))
      : h("div", { class: "card empty" }, "This point has no vectors."),
  ];
}

const valueOf = (vectors, name) => (Array.isArray(vectors) ? (name === "" ? vectors : undefined) : vectors?.[name]);

async function near(name, query, using) {
  try {
    const found = await post(of(name, "/points/query"), { query, using, limit: 8, with_payload: true });
    return found.points.length ? hits(name, found.points) : h("p", { class: "faint" }, "No other point has this vector.");
  } catch (error) {
    return failure(error);
  }
}

function bars(vector) {
  if (!Array.isArray(vector)) return sparseBars(vector);
  if (!Array.isArray(vector[0])) return drawn(vector, `${vector.length} dimensions, length ${norm(vector).toFixed(3)}`);
  const mean = vector[0].map((_, at) => vector.reduce((sum, token) => sum + token[at], 0) / vector.length);
  return drawn(mean, `mean of ${vector.length} tokens of ${mean.length} dimensions`);
}

function sparseBars({ indices, values }) {
  const order = indices.map((_, at) => at).sort((a, b) => values[b] - values[a]);
  return drawn(order.map((at) => values[at]), `${indices.length} entries, largest first`);
}

const norm = (vector) => Math.hypot(...vector);

function drawn(values, label) {
  const shown = values.slice(0, MOST_BARS);
  const most = Math.max(1e-30, ...shown.map(Math.abs));
  const below = shown.some((value) => value < 0);
  const zero = below ? 50 : 100;
  const rects = shown.map((value, at) => {
    const height = (Math.abs(value) / most) * zero;
    return svg("rect", { class: value < 0 ? "down" : "up", x: at, y: value < 0 ? zero : zero - height, width: 0.8, height });
  });
  const text = values.length > MOST_BARS ? `${label}; the first ${MOST_BARS} are drawn` : label;
  return h("figure", { class: "small faint" }, svg("svg", { class: "bars", viewBox: `0 0 ${Math.max(1, shown.length)} 100`, preserveAspectRatio: "none", role: "img", "aria-label": text },
    ...rects, svg("line", { x1: 0, x2: shown.length, y1: zero, y2: zero, "vector-effect": "non-scaling-stroke" })), h("figcaption", {}, text));
}
