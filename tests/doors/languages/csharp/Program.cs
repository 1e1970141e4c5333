// Recipes, in C#: the inference examples of Qdrant's page, with minidb's address and models, and what must come of them.
// Written against the package's sources; no toolchain was there to build it with.
using Grpc.Core;
using Qdrant.Client;
using Qdrant.Client.Grpc;

const string recipes = "recipes";
var bicycle = Guid.Parse("6fa459ea-ee8a-3ca4-894e-db77e160355e");

static Document Bm25(string text) => new() { Text = text, Model = "qdrant/bm25" };
static Document Large(string text) => new() { Text = text, Model = "minidb/hash-64" };
static Document Small(string text) => new() { Text = text, Model = "minidb/hash-64", Options = { ["mrl"] = 16 } };

static void Check(string step, bool ok)
{
    if (!ok) throw new Exception("FAILED " + step);
    Console.WriteLine("ok " + step);
}

static async Task Refused(string step, Func<Task> call, StatusCode code, string text)
{
    var status = Status.DefaultSuccess;
    try { await call(); }
    catch (RpcException error) { status = error.Status; }
    Check(step, status.StatusCode == code && status.Detail.Contains(text));
}

var port = int.Parse(Environment.GetEnvironmentVariable("MINIDB_GRPC_PORT")!);
var key = Environment.GetEnvironmentVariable("MINIDB_API_KEY");
using var client = new QdrantClient("127.0.0.1", port, https: false, apiKey: key); // a cluster has TLS

Check("health", (await client.HealthAsync()).Version.StartsWith("1."));
Task Create() => client.CreateCollectionAsync(recipes,
    vectorsConfig: new VectorParamsMap
    {
        Map =
        {
            ["large"] = new VectorParams { Size = 64, Distance = Distance.Cosine },
            ["small"] = new VectorParams { Size = 16, Distance = Distance.Cosine },
        },
    },
    sparseVectorsConfig: new SparseVectorConfig { Map = { ["words"] = new SparseVectorParams { Modifier = Modifier.Idf } } });
await Create();
Check("create", await client.CollectionExistsAsync(recipes));
await Refused("create again", Create, StatusCode.AlreadyExists, "already exists");

var taken = await client.UpsertAsync(recipes, new List<PointStruct>
{
    new() { Id = 1, Vectors = new Dictionary<string, Vector> { ["words"] = Bm25("Recipe for baking chocolate chip cookies") } },
}, wait: false);
Check("upsert words", taken.Status == UpdateStatus.Acknowledged);
const string roast = "Roasting root vegetables", tube = "Mending a bicycle tube";
var done = await client.UpsertAsync(recipes, new List<PointStruct>
{
    new()
    {
        Id = 2,
        Vectors = new Dictionary<string, Vector> { ["large"] = Large(roast), ["small"] = Small(roast), ["words"] = Bm25(roast) },
        Payload = { ["topic"] = "cooking", ["minutes"] = 40 },
    },
    new() { Id = bicycle, Vectors = new Dictionary<string, Vector> { ["large"] = Large(tube), ["small"] = Small(tube) } },
});
Check("upsert texts", done.Status == UpdateStatus.Completed);

var hits = await client.QueryAsync(recipes, query: Bm25("How to bake cookies?"), usingVector: "words");
Check("query words", hits.Count == 1 && hits[0].Id.Num == 1);
hits = await client.QueryAsync(recipes, query: Large("roasting vegetables"), usingVector: "large",
    filter: Conditions.MatchKeyword("topic", "cooking"), payloadSelector: true);
Check("query texts", hits.Count == 1 && hits[0].Payload["minutes"].IntegerValue == 40);
hits = await client.QueryAsync(recipes, query: Large("a bicycle tube"), usingVector: "large", limit: 10,
    prefetch: new List<PrefetchQuery> { new() { Query = Small("a bicycle tube"), Using = "small", Limit = 1000 } });
Check("short vectors first", hits.Count == 2 && hits[0].Id.Uuid == bicycle.ToString());

Check("count", await client.CountAsync(recipes) == 3);
var page = await client.ScrollAsync(recipes, limit: 2);
Check("scroll", page.Result.Count == 2 && page.NextPageOffset.Uuid == bicycle.ToString());

await Refused("wrong dimension", () => client.QueryAsync(recipes, query: new[] { 1f, 2f }, usingVector: "large"),
    StatusCode.InvalidArgument, "expected dim: 64, got 2");
await Refused("unknown collection", () => client.QueryAsync("nothing", query: new[] { 1f, 2f }), StatusCode.NotFound, "doesn't exist");
await client.DeleteCollectionAsync(recipes);
Check("delete", !await client.CollectionExistsAsync(recipes));
Console.WriteLine("OK");
