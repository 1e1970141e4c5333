// Written against the package's sources; no toolchain was there to build it with.
using Qdrant.Client;
using Qdrant.Client.Grpc;

var port = int.Parse(Environment.GetEnvironmentVariable("MINIDB_GRPC_PORT") ?? "6334");
var key = Environment.GetEnvironmentVariable("MINIDB_API_KEY");
using var client = new QdrantClient("127.0.0.1", port, https: false, apiKey: key); // a cluster has TLS

await client.CreateCollectionAsync(
    collectionName: "seed",
    sparseVectorsConfig: new SparseVectorConfig
    {
        Map = { ["my-bm25-vector"] = new SparseVectorParams { Modifier = Modifier.Idf } },
    }
);
await client.UpsertAsync(
    collectionName: "seed",
    points: new List<PointStruct>
    {
        new()
        {
            Id = 1,
            Vectors = new Dictionary<string, Vector>
            {
                ["my-bm25-vector"] = new Document()
                {
                    Model = "qdrant/bm25",
                    Text = "Recipe for baking chocolate chip cookies",
                },
            },
        },
    }
);
var hits = await client.QueryAsync(
    collectionName: "seed",
    query: new Document() { Model = "qdrant/bm25", Text = "How to bake cookies?" },
    usingVector: "my-bm25-vector"
);
Console.WriteLine($"found {hits[0].Id.Num}");
