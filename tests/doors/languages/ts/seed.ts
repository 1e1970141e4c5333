import { QdrantClient } from "@qdrant/js-client-grpc";

const client = new QdrantClient({
  host: "127.0.0.1",
  port: Number(process.env.MINIDB_GRPC_PORT ?? 6334),
  https: false, // a cluster has TLS
  apiKey: process.env.MINIDB_API_KEY,
});
const bm25 = (text: string) =>
  ({ case: "document", value: { text, model: "qdrant/bm25", options: {} } }) as const;

await client.api("collections").create({
  collectionName: "seed",
  sparseVectorsConfig: { map: { "my-bm25-vector": { modifier: 1 } } },
});
await client.api("points").upsert({
  collectionName: "seed",
  wait: true,
  points: [
    {
      id: { pointIdOptions: { case: "num", value: 1n } },
      vectors: {
        vectorsOptions: {
          case: "vectors",
          value: { vectors: { "my-bm25-vector": { vector: bm25("Recipe for baking chocolate chip cookies") } } },
        },
      },
    },
  ],
});
const found = await client.api("points").query({
  collectionName: "seed",
  query: { variant: { case: "nearest", value: { variant: bm25("How to bake cookies?") } } },
  using: "my-bm25-vector",
});
console.log("found", found.result[0].id?.pointIdOptions.value);
process.exit(0);
