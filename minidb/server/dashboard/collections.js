// All collections, and one collection's settings.

import { get, of, vectorsOf } from "./api.js";
import { address, bytes, empty, failure, h, number, plain, vectorLabel } from "./dom.js";

export async function collections() {
  const [{ collections: found }, { aliases }] = await Promise.all([get("/collections"), get("/aliases")]);
  const names = found.map((entry) => entry.name).sort();
  const title = h("h1", {}, "Collections");
  if (!names.length) return [title, empty("No collections yet. Create one from code, or in the ", h("a", { href: address("console") }, "console"), ".")];
  const [infos, sizes] = await Promise.all(["", "/memory"].map((path) =>
    Promise.all(names.map((name) => get(of(name, path)).catch((error) => error)))));
  return [title, h("div", { class: "card scroll" }, h("table", { class: "stack" },
    h("thead", {}, h("tr", {}, ["Name", "Status", "Points", "Indexed", "Disk", "Vectors", "Payload indexes"].map((text, at) =>
      h("th", { scope: "col", class: at > 1 && at < 5 ? "number" : null }, text)))),
    h("tbody", {}, names.map((name, at) => row(name, infos[at], sizes[at], aliases.filter((alias) => alias.collection_name === name))))))];
}

function row(name, info, size, aliases) {
  const link = h("a", { href: address("collection", name, "points") }, name);
  const also = aliases.length ? h("span", { class: "faint small" }, ` also ${aliases.map((alias) => alias.alias_name).join(", ")}`) : null;
  if (info instanceof Error) return h("tr", {}, h("td", { "data-label": "Name" }, link), h("td", { class: "red", colspan: 6 }, info.message));
  const vectors = vectorsOf(info).map((vector) => `${vectorLabel(vector.name)} ${vector.text}`).join(", ");
  const indexes = Object.entries(info.payload_schema).map(([key, index]) => `${key} ${index.data_type}`).join(", ");
  return h("tr", {},
    h("td", { "data-label": "Name" }, h("span", {}, link, also)),
    h("td", { "data-label": "Status" }, h("span", { class: `status ${info.status}` }, info.status)),
    h("td", { "data-label": "Points", class: "number" }, number(info.points_count)),
    h("td", { "data-label": "Indexed", class: "number" }, number(info.indexed_vectors_count)),
    h("td", { "data-label": "Disk", class: "number" }, size instanceof Error ? "?" : bytes(size.total.disk_bytes)),
    h("td", { "data-label": "Vectors", class: "small" }, vectors || "none"),
    h("td", { "data-label": "Payload indexes", class: "small" }, indexes || "none"));
}

export async function info(name) {
  const [found, size] = await Promise.all([get(of(name)), get(of(name, "/memory"))]);
  const facts = [
    ["Status", h("span", { class: `status ${found.status}` }, found.status)],
    ["Points", number(found.points_count)],
    ["Indexed vectors", number(found.indexed_vectors_count)],
    ["Segments", number(found.segments_count)],
    ["Disk", bytes(size.total.disk_bytes)],
    ["Memory, without what is mapped", bytes(size.total.ram_bytes)],
    ...vectorsOf(found).map((vector) => [`Vector ${vectorLabel(vector.name)}`, vector.text]),
  ];
  const indexes = Object.entries(found.payload_schema);
  const problem = typeof found.optimizer_status === "object" ? failure(new Error(found.optimizer_status.error)) : null;
  return [
    h("h1", {}, name), problem,
    ...(found.warnings ?? []).map((warning) => h("div", { class: "card yellow" }, warning.message)),
    h("div", { class: "card" }, h("dl", {}, facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]))),
    h("div", { class: "card" }, h("h2", {}, "Payload indexes"), indexes.length
      ? h("table", { class: "stack" },
        h("thead", {}, h("tr", {}, ["Key", "Type", "Points"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, indexes.map(([key, index]) => h("tr", {}, h("td", { "data-label": "Key" }, key),
          h("td", { "data-label": "Type" }, index.data_type), h("td", { "data-label": "Points" }, number(index.points))))))
      : h("p", { class: "faint" }, "None. Filters read payloads, and order_by needs one.")),
    h("div", { class: "card" }, h("h2", {}, "Settings"), h("pre", { tabindex: 0 }, plain(found.config, 2))),
  ].filter(Boolean);
}
