// Recipes, in TypeScript: texts in, questions out, over gRPC, and what must come of them.
import { QdrantClient } from "@qdrant/js-client-grpc";

const collectionName = "recipes";
const string = (value: string) => ({ kind: { case: "stringValue", value } }) as const;
const integer = (value: number) => ({ kind: { case: "integerValue", value: BigInt(value) } }) as const;
const document = (text: string, model: string, options = {}) =>
  ({ case: "document", value: { text, model, options } }) as const;
const bm25 = (text: string) => document(text, "qdrant/bm25");
const large = (text: string) => document(text, "minidb/hash-64");
const small = (text: string) => document(text, "minidb/hash-64", { mrl: integer(16) });
const vectors = (named: Record<string, ReturnType<typeof document>>) =>
  ({
    vectorsOptions: {
      case: "vectors",
      value: { vectors: Object.fromEntries(Object.entries(named).map(([name, vector]) => [name, { vector }])) },
    },
  }) as const;
const nearest = (variant: ReturnType<typeof document>) => ({ variant: { case: "nearest", value: { variant } } }) as const;
const numbers = (...data: number[]) =>
  ({ variant: { case: "nearest", value: { variant: { case: "dense", value: { data } } } } }) as const;

function check(step: string, ok: boolean | undefined): void {
  if (!ok) throw new Error(`FAILED ${step}`);
  console.log("ok", step);
}

async function refused(step: string, call: Promise<unknown>, code: number, text: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: { code: number; rawMessage: string }) => reason,
  );
  check(step, error?.code === code && error.rawMessage.includes(text));
}

const client = new QdrantClient({
  host: "127.0.0.1",
  port: Number(process.env.MINIDB_GRPC_PORT),
  https: false,
  apiKey: process.env.MINIDB_API_KEY,
});
const collections = client.api("collections");
const points = client.api("points");

check("health", (await client.api("service").healthCheck({})).version.startsWith("1."));
const create = {
  collectionName,
  vectorsConfig: {
    config: {
      case: "paramsMap",
      value: { map: { large: { size: 64n, distance: 1 }, small: { size: 16n, distance: 1 } } },
    },
  },
  sparseVectorsConfig: { map: { words: { modifier: 1 } } },
} as const;
check("create", (await collections.create(create)).result);
await refused("create again", collections.create(create), 6, "already exists");

const taken = await points.upsert({
  collectionName,
  points: [
    {
      id: { pointIdOptions: { case: "num", value: 1n } },
      vectors: vectors({ words: bm25("Recipe for baking chocolate chip cookies") }),
    },
  ],
});
check("upsert words", taken.result?.status === 1);
const done = await points.upsert({
  collectionName,
  wait: true,
  points: [
    {
      id: { pointIdOptions: { case: "num", value: 2n } },
      vectors: vectors({
        large: large("Roasting root vegetables"),
        small: small("Roasting root vegetables"),
        words: bm25("Roasting root vegetables"),
      }),
      payload: { topic: string("cooking"), minutes: integer(40) },
    },
    {
      id: { pointIdOptions: { case: "uuid", value: "6fa459ea-ee8a-3ca4-894e-db77e160355e" } },
      vectors: vectors({ large: large("Mending a bicycle tube"), small: small("Mending a bicycle tube") }),
    },
  ],
});
check("upsert texts", done.result?.status === 2);

let hits = (await points.query({ collectionName, query: nearest(bm25("How to bake cookies?")), using: "words" })).result;
check("query words", hits.length === 1 && hits[0].id?.pointIdOptions.value === 1n);
hits = (
  await points.query({
    collectionName,
    query: nearest(large("roasting vegetables")),
    using: "large",
    withPayload: { selectorOptions: { case: "enable", value: true } },
    filter: {
      must: [
        {
          conditionOneOf: {
            case: "field",
            value: { key: "topic", match: { matchValue: { case: "keyword", value: "cooking" } } },
          },
        },
      ],
    },
  })
).result;
check("query texts", hits.length === 1 && hits[0].payload.minutes.kind.value === 40n);
hits = (
  await points.query({
    collectionName,
    prefetch: [{ query: nearest(small("a bicycle tube")), using: "small", limit: 1000n }],
    query: nearest(large("a bicycle tube")),
    using: "large",
    limit: 10n,
  })
).result;
check("short vectors first", hits.length === 2 && hits[0].id?.pointIdOptions.case === "uuid");
check("count", (await points.count({ collectionName })).result?.count === 3n);
const page = await points.scroll({ collectionName, limit: 2 });
check("scroll", page.result.length === 2 && page.nextPageOffset?.pointIdOptions.case === "uuid");

await refused(
  "wrong dimension",
  points.query({ collectionName, query: numbers(1, 2), using: "large" }),
  3,
  "expected dim: 64, got 2",
);
await refused(
  "unknown collection",
  points.query({ collectionName: "nothing", query: numbers(1, 2) }),
  5,
  "doesn't exist",
);
check("delete", (await collections.delete({ collectionName })).result);
console.log("OK");
process.exit(0);
