// Requests to the server this page came from. The key stays in this tab's memory of the session, never in an address.

import { plain } from "./dom.js";

const KEY = "minidb-api-key";
const base = new URL("..", new URL(".", import.meta.url)); // the server, also behind a prefix

export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const setKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

// Ids go up to 2^64, which JavaScript's numbers do not hold.
function exact(key, value, context) {
  const isLarge = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isLarge && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value;
}

export const parse = (text) => JSON.parse(text, exact);

export async function send(method, path, body) {
  const headers = {};
  if (hasKey()) headers["api-key"] = sessionStorage.getItem(KEY);
  if (body !== undefined) headers["content-type"] = "application/json";
  const started = performance.now();
  const url = new URL(path.replace(/^\//, ""), base);
  if (url.origin !== base.origin) throw new RequestError(0, "That is another server."); // as ///elsewhere is: it gets no key
  let response;
  try {
    response = await fetch(url, { method, headers, body });
  } catch (error) {
    throw new RequestError(0, `The server does not answer (${error.message}).`);
  }
  const text = await response.text();
  return { status: response.status, text, ms: performance.now() - started };
}

export async function call(method, path, body) {
  const answer = await send(method, path, body === undefined ? undefined : plain(body));
  let content;
  try {
    content = parse(answer.text);
  } catch {
    content = null;
  }
  if (answer.status !== 200) {
    throw new RequestError(answer.status, content?.status?.error ?? (answer.text || "no such address"));
  }
  return content.result;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const of = (collection, path = "") => `/collections/${encodeURIComponent(collection)}${path}`;
export const own = (collection, path) => `/dashboard/api/collections/${encodeURIComponent(collection)}${path}`;

// Names of a collection's vectors: dense ones and multivectors first, then sparse ones.
export function vectorsOf(info) {
  const { vectors = {}, sparse_vectors: sparse = {} } = info.config.params;
  const dense = typeof vectors.size === "number" ? { "": vectors } : vectors;
  return [
    ...Object.entries(dense).map(([name, v]) => ({
      name,
      kind: v.multivector_config ? "multi" : "dense",
      text: `${v.size} ${v.distance}${v.multivector_config ? " multivector" : ""}${v.datatype ? " " + v.datatype : ""}`,
    })),
    ...Object.entries(sparse).map(([name, v]) => ({ name, kind: "sparse", text: `sparse${v?.modifier ? " " + v.modifier : ""}` })),
  ];
}
