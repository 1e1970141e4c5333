// Points as a table: a filter, an order, pages.

import { get, of, post } from "./api.js";
import { address, empty, field, fill, h, number, plain, select } from "./dom.js";
import { parseFilter } from "./filter.js";

const PAGE = 25;
const MOST_COLUMNS = 8;
const ORDERED = ["integer", "float", "datetime"];

export async function points(name) {
  const info = await get(of(name));
  const orders = Object.entries(info.payload_schema).filter(([, index]) => ORDERED.includes(index.data_type)).map(([key]) => key);
  const filterBox = h("input", { id: "filter", placeholder: "lang = en, year >= 2020   or JSON", spellcheck: "false", autocomplete: "off" });
  const order = select([["", "id"], ...orders.flatMap((key) => [[`asc:${key}`, `${key} ↑`], [`desc:${key}`, `${key} ↓`]])], "");
  const results = h("div", { "aria-live": "polite" });
  const state = { starts: [null] };
  const load = () => fill(results, () => page(name, filterBox.value, order.value, state, load));
  const restart = (event) => {
    event?.preventDefault();
    state.starts = [null];
    load();
  };
  order.addEventListener("change", restart);
  const form = h("form", { class: "card row", onsubmit: restart },
    field("Filter", filterBox, "grow"), field("Order by", order), h("button", { class: "main" }, "Show"));
  load();
  return [h("h1", {}, name), form, results];
}

async function page(name, filterText, order, state, load) {
  const filter = parseFilter(filterText);
  const start = state.starts.at(-1);
  const body = { limit: PAGE, with_payload: true, filter };
  if (order) Object.assign(body, ordered(order, filter, start));
  else if (start !== null) body.offset = start;
  const [found, { count }] = await Promise.all([post(of(name, "/points/scroll"), body), post(of(name, "/points/count"), { filter })]);
  if (!found.points.length) return empty(filter ? "No point satisfies the filter." : "No points yet.");
  const next = order ? nextStart(found.points, start) : found.next_page_offset ?? null;
  const turn = (change) => () => {
    change();
    load();
  };
  return [
    h("div", { class: "card scroll" }, table(name, found.points)),
    h("div", { class: "row" },
      h("button", { type: "button", disabled: state.starts.length === 1, onclick: turn(() => state.starts.pop()) }, "← Previous"),
      h("button", { type: "button", disabled: next === null, onclick: turn(() => state.starts.push(next)) }, "Next →"),
      h("span", { class: "faint" }, `page ${state.starts.length} · ${number(count)} points`)),
  ];
}

// `order_by` has no offset: a page begins at the last value and leaves out the points of it that were shown.
function ordered(order, filter, start) {
  const [direction, ...key] = order.split(":");
  const order_by = { key: key.join(":"), direction };
  if (start === null) return { order_by };
  const seen = { has_id: start.seen };
  return { order_by: { ...order_by, start_from: start.value }, filter: { must: filter ? [filter] : [], must_not: [seen] } };
}

function nextStart(points, start) {
  if (points.length < PAGE) return null;
  const value = points.at(-1).order_value;
  const seen = points.filter((point) => point.order_value === value).map((point) => point.id);
  return { value, seen: start !== null && start.value === value ? [...start.seen, ...seen] : seen };
}

function table(name, points) {
  const counts = new Map();
  for (const point of points) for (const key of Object.keys(point.payload ?? {})) counts.set(key, (counts.get(key) ?? 0) + 1);
  const keys = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, MOST_COLUMNS);
  return h("table", { class: "points stack" },
    h("thead", {}, h("tr", {}, ["id", ...keys].map((key) => h("th", { scope: "col" }, key)))),
    h("tbody", {}, points.map((point) => h("tr", {},
      h("td", { "data-label": "id" }, h("a", { class: "mono", href: address("collection", name, "point", point.id) }, String(point.id))),
      keys.map((key) => cell(key, point.payload?.[key]))))));
}

function cell(key, value) {
  const text = typeof value === "string" ? value : plain(value);
  return h("td", { "data-label": key, title: text }, text.length > 120 ? text.slice(0, 119) + "…" : text);
}
