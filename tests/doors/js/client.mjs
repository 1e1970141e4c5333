// A day in the life of Qdrant's own JavaScript client, against the server whose URL is the first argument.
// The package lies in a folder of the test's, the second argument. Prints what happened as JSON.

import { createRequire } from "node:module";
import { join } from "node:path";

const [url, folder] = process.argv.slice(2);
const { QdrantClient } = createRequire(join(folder, "/"))("@qdrant/js-client-rest");
const client = new QdrantClient({ url, apiKey: "key of the test" });
const english = { must: [{ key: "lang", match: { value: "en" } }] };
const ids = (points) => points.map((point) => point.id);

async function statusOf(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { status: error.status, text: error.data?.status?.error ?? null };
  }
}

const told = {};
told.version = (await client.versionInfo()).version;
told.created = await client.createCollection("docs", { vectors: { size: 2, distance: "Cosine" } });
told.createdAgain = await statusOf(() => client.createCollection("docs", { vectors: { size: 2, distance: "Cosine" } }));
const points = Array.from({ length: 20 }, (_, n) => ({
  id: n,
  vector: [Math.cos(n / 20), Math.sin(n / 20)],
  payload: { lang: n % 2 ? "en" : "de", n, text: "ü€😀" },
}));
told.upserted = (await client.upsert("docs", { wait: true, points })).status;
told.indexed = (
  await client.createPayloadIndex("docs", { field_name: "lang", field_schema: "keyword", wait: true })
).status;
told.nearest = ids((await client.query("docs", { query: [1, 0], limit: 3 })).points);
told.filtered = ids((await client.query("docs", { query: [1, 0], limit: 3, filter: english })).points);
told.batch = (await client.queryBatch("docs", { searches: [{ query: [1, 0], limit: 1 }, { query: 0, limit: 1 }] })).map(
  (answer) => ids(answer.points),
);
const pages = [];
for (let offset = 0; offset !== null; ) {
  const page = await client.scroll("docs", { limit: 8, offset, with_payload: true });
  pages.push(ids(page.points));
  offset = page.next_page_offset ?? null;
}
told.pages = pages;
told.text = (await client.retrieve("docs", { ids: [3] }))[0].payload.text;
told.deleted = (await client.delete("docs", { wait: true, filter: english })).status;
told.left = (await client.count("docs", { exact: true })).count;
told.collections = (await client.getCollections()).collections;
told.missing = await statusOf(() => client.getCollection("missing"));
told.wrongSize = await statusOf(() => client.query("docs", { query: [1, 2, 3] }));
told.withoutKey = await statusOf(() => new QdrantClient({ url, checkCompatibility: false }).getCollections());
told.dropped = await client.deleteCollection("docs");
console.log(JSON.stringify(told));
