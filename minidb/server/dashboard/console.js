// Any request, with the table of routes at hand.

import { get, parse, send } from "./api.js";
import { field, fill, h, plain, select } from "./dom.js";

const EXAMPLES = {
  "PUT /collections/{collection_name}": { vectors: { size: 4, distance: "Cosine" } },
  "PUT /collections/{collection_name}/points": { points: [{ id: 1, vector: [0.1, 0.2, 0.3, 0.4], payload: { lang: "en" } }] },
  "PUT /collections/{collection_name}/index": { field_name: "lang", field_schema: "keyword" },
  "POST /collections/{collection_name}/points/query": { query: [0.1, 0.2, 0.3, 0.4], limit: 5, with_payload: true },
  "POST /collections/{collection_name}/points/scroll": { limit: 5, filter: { must: [{ key: "lang", match: { value: "en" } }] } },
  "POST /collections/{collection_name}/points/count": {},
  "POST /collections/{collection_name}/facet": { key: "lang" },
};

export async function consolePage() {
  const [routes, { collections }] = await Promise.all([get("/dashboard/api/routes"), get("/collections")]);
  const method = select(["GET", "POST", "PUT", "PATCH", "DELETE"].map((one) => [one, one]), "GET");
  const path = h("input", { class: "mono", value: "/collections", spellcheck: "false", autocomplete: "off", required: true });
  const body = h("textarea", { rows: 8, spellcheck: "false", placeholder: "JSON, or nothing" });
  const table = select([["", "Choose a route…"], ...routes.map((route) => [`${route.method} ${route.path}`, `${route.method} ${route.path}${route.writes ? "  (writes)" : ""}`])], "");
  table.addEventListener("change", () => {
    if (!table.value) return;
    const [verb, template] = table.value.split(" ");
    method.value = verb;
    path.value = template.replace("{collection_name}", encodeURIComponent(collections[0]?.name ?? "docs"));
    const example = EXAMPLES[table.value];
    body.value = example ? JSON.stringify(example, null, 2) : verb === "GET" || verb === "DELETE" ? "" : "{}";
    path.focus();
  });
  const result = h("div", { "aria-live": "polite" });
  const submit = (event) => {
    event.preventDefault();
    fill(result, () => answer(method.value, path.value.trim(), body.value.trim()));
  };
  return [h("h1", {}, "Console"), h("form", { class: "card", onsubmit: submit },
    field("Route", table),
    h("div", { class: "row" }, field("Method", method), field("Path", path, "grow")),
    field("Body", body), h("p", { class: "row" }, h("button", { class: "main" }, "Send"), h("span", { class: "faint small" }, "Ctrl Enter sends"))), result];
}

async function answer(method, path, body) {
  if (!path.startsWith("/")) throw new Error("A path begins with /, as /collections.");
  if (body && (method === "GET" || method === "HEAD")) throw new Error("A GET has no body.");
  const { status, text, ms } = await send(method, path, body || undefined);
  return h("div", { class: "card" }, h("p", { class: status < 400 ? "green" : "red" }, `${status} in ${ms.toFixed(1)} ms, ${text.length.toLocaleString("en")} characters`),
    h("pre", { tabindex: 0 }, shown(text) || "(no content)"));
}

function shown(text) {
  try {
    return plain(parse(text), 2);
  } catch {
    return text;
  }
}
