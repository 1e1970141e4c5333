// Search by text, id or vector: results side by side by vector name, hybrid last, each with its plan.

import { get, of, own, parse, post, vectorsOf } from "./api.js";
import { address, empty, failure, field, fill, h, select, summary, vectorLabel } from "./dom.js";
import { parseFilter } from "./filter.js";
import { plan } from "./plan.js";

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

export async function search(name) {
  const [info, models] = await Promise.all([get(of(name)), get(own(name, "/models"))]);
  const vectors = vectorsOf(info);
  if (!vectors.length) return [h("h1", {}, name), empty("This collection has no vectors to search.")];
  const mode = select([["text", "Text"], ["id", "Id"], ["vector", "Vector"]], "text", { "aria-label": "Search by" });
  const query = h("textarea", { id: "query", rows: 2, required: true, placeholder: PLACEHOLDERS.text });
  mode.addEventListener("change", () => { query.placeholder = PLACEHOLDERS[mode.value]; });
  const filterBox = h("input", { placeholder: "lang = en   or JSON", spellcheck: "false", autocomplete: "off" });
  const limit = h("input", { type: "number", min: 1, max: 100, value: "10" });
  const choices = vectors.map((vector) => choice(name, vector, models[vector.name] ?? []));
  const results = h("div", { "aria-live": "polite" });
  const run = (event) => {
    event.preventDefault();
    fill(results, () => answers(name, mode.value, query.value, filterBox.value, Number(limit.value), choices.filter((one) => one.on())));
  };
  return [h("h1", {}, name), h("form", { class: "card", onsubmit: run },
    h("div", { class: "row" }, field("By", mode), field("Query", query, "grow"), h("button", { class: "main" }, "Search")),
    h("div", { class: "row" }, field("Filter", filterBox, "grow"), field("Limit", limit)),
    h("fieldset", { class: "card small" }, h("legend", {}, "Vectors, and for text the model each was filled with"), choices.map((one) => one.row))), results];
}

const PLACEHOLDERS = { text: "words, or a question", id: "17  or a UUID", vector: '[0.1, 0.2, …]  or  {"indices": [3], "values": [1.0]}' };

function choice(collection, vector, fitting) {
  const stored = `minidb-model/${collection}/${vector.name}`;
  const id = `models-${vector.name}`;
  const box = h("input", { type: "checkbox", checked: fitting.length > 0 });
  const model = h("input", { list: id, value: localStorage.getItem(stored) ?? fitting[0] ?? "", placeholder: "model", "aria-label": `model of ${vectorLabel(vector.name)}`, autocomplete: "off", spellcheck: "false" });
  model.addEventListener("change", () => localStorage.setItem(stored, model.value));
  const row = h("div", { class: "row" }, h("label", { class: "check" }, box, `${vectorLabel(vector.name)} (${vector.text})`),
    h("div", { class: "grow" }, model, h("datalist", { id }, fitting.map((value) => h("option", { value })))));
  return { vector, row, on: () => box.checked, model: () => model.value.trim() };
}

async function answers(name, mode, text, filterText, limit, choices) {
  if (!choices.length) return empty("Choose a vector.");
  const without = mode === "text" && choices.find((one) => !one.model());
  if (without) return failure(new Error(`Name the model that filled “${vectorLabel(without.vector.name)}”, or leave it out.`));
  const filter = parseFilter(filterText);
  const fits = choices.filter(({ vector }) => mode !== "vector" || shape(parse(text)) === vector.kind);
  if (!fits.length) return failure(new Error(`None of the chosen vectors is ${shape(parse(text))}.`));
  const queries = fits.map((one) => ({ query: queryOf(mode, text, one.model()), using: one.vector.name }));
  const requests = queries.map((query, at) => [vectorLabel(fits[at].vector.name), { ...query, filter, limit }]);
  if (queries.length > 1) {
    requests.push(["hybrid (RRF)", { prefetch: queries.map((query) => ({ ...query, filter, limit: limit * 4 })), query: { fusion: "rrf" }, limit }]);
  }
  return h("div", { class: "columns" }, await Promise.all(requests.map(([title, request]) => column(name, title, request))));
}

function queryOf(mode, text, model) {
  if (mode === "vector") return parse(text);
  if (mode === "text") return { text, model };
  const id = text.trim();
  if (!/^\d+$/.test(id) && !UUID.test(id)) throw new Error(`“${id}” is neither a number nor a UUID.`);
  return /^\d+$/.test(id) ? BigInt(id) : id;
}

const shape = (vector) => (!Array.isArray(vector) ? "sparse" : Array.isArray(vector[0]) ? "multi" : "dense");

async function column(name, title, request) {
  const [found, explained] = await Promise.allSettled([
    post(of(name, "/points/query"), { ...request, with_payload: true }), post(of(name, "/points/query/explain"), request)]);
  const content = found.status === "rejected" ? failure(found.reason)
    : found.value.points.length ? hits(name, found.value.points) : h("p", { class: "faint" }, "No hits.");
  return h("section", { class: "card" }, h("h2", {}, title), content,
    explained.status === "fulfilled" ? h("details", {}, h("summary", {}, "Plan"), plan(explained.value)) : null);
}

export function hits(name, points) {
  return h("ol", { class: "hits" }, points.map((point) => h("li", {},
    h("span", { class: "score" }, score(point.score)),
    h("a", { class: "mono", href: address("collection", name, "point", point.id) }, String(point.id)),
    h("div", { class: "clip small" }, summary(point.payload)))));
}

const score = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6) || value === 0 ? value.toFixed(4) : value.toExponential(3);
