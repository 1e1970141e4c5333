package demo;

import static io.qdrant.client.ConditionFactory.matchKeyword;
import static io.qdrant.client.PointIdFactory.id;
import static io.qdrant.client.QueryFactory.nearest;
import static io.qdrant.client.ValueFactory.list;
import static io.qdrant.client.ValueFactory.nullValue;
import static io.qdrant.client.ValueFactory.value;
import static io.qdrant.client.VectorFactory.vector;
import static io.qdrant.client.VectorsFactory.namedVectors;
import static io.qdrant.client.WithPayloadSelectorFactory.enable;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Status;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.Modifier;
import io.qdrant.client.grpc.Collections.SparseVectorConfig;
import io.qdrant.client.grpc.Collections.SparseVectorParams;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorParamsMap;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Common.Filter;
import io.qdrant.client.grpc.Points.Document;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.PrefetchQuery;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.ScrollPoints;
import io.qdrant.client.grpc.Points.ScrollResponse;
import io.qdrant.client.grpc.Points.UpdateStatus;
import io.qdrant.client.grpc.Points.UpsertPoints;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;

/** The inference examples of Qdrant's page, with minidb's address and models, and what must come of them. */
public final class Recipes {
  private static final String RECIPES = "recipes";
  private static final UUID BICYCLE = UUID.fromString("6fa459ea-ee8a-3ca4-894e-db77e160355e");

  private Recipes() {}

  private static Document bm25(String text) {
    return Document.newBuilder().setText(text).setModel("qdrant/bm25").build();
  }

  private static Document large(String text) {
    return Document.newBuilder().setText(text).setModel("minidb/hash-64").build();
  }

  private static Document small(String text) {
    return large(text).toBuilder().putOptions("mrl", value(16)).build();
  }

  private static void check(String step, boolean ok) {
    if (!ok) {
      throw new AssertionError("FAILED " + step);
    }
    System.out.println("ok " + step);
  }

  private static void refused(String step, ListenableFuture<?> call, Status.Code code, String text)
      throws InterruptedException {
    try {
      call.get();
      check(step, false);
    } catch (ExecutionException error) {
      Status status = Status.fromThrowable(error.getCause());
      check(step, status.getCode() == code && status.getDescription().contains(text));
    }
  }

  private static QueryPoints.Builder query(String using, Document document) {
    return QueryPoints.newBuilder().setCollectionName(RECIPES).setUsing(using).setQuery(nearest(document));
  }

  private static PointStruct point(io.qdrant.client.grpc.Common.PointId id, String text, boolean words) {
    Map<String, io.qdrant.client.grpc.Points.Vector> vectors =
        words
            ? Map.of("large", vector(large(text)), "small", vector(small(text)), "words", vector(bm25(text)))
            : Map.of("large", vector(large(text)), "small", vector(small(text)));
    return PointStruct.newBuilder().setId(id).setVectors(namedVectors(vectors)).build();
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(System.getenv("MINIDB_GRPC_PORT"));
    QdrantGrpcClient.Builder builder = QdrantGrpcClient.newBuilder("127.0.0.1", port, false); // true would mean TLS
    String key = System.getenv("MINIDB_API_KEY");
    if (key != null) {
      builder.withApiKey(key);
    }
    try (QdrantClient client = new QdrantClient(builder.build())) {
      run(client);
    }
    System.out.println("OK");
  }

  private static void run(QdrantClient client) throws Exception {
    check("health", client.healthCheckAsync().get().getVersion().startsWith("1."));
    VectorParams.Builder cosine = VectorParams.newBuilder().setDistance(Distance.Cosine);
    VectorParamsMap params =
        VectorParamsMap.newBuilder()
            .putMap("large", cosine.setSize(64).build())
            .putMap("small", cosine.setSize(16).build())
            .build();
    SparseVectorParams idf = SparseVectorParams.newBuilder().setModifier(Modifier.Idf).build();
    CreateCollection create =
        CreateCollection.newBuilder()
            .setCollectionName(RECIPES)
            .setVectorsConfig(VectorsConfig.newBuilder().setParamsMap(params))
            .setSparseVectorsConfig(SparseVectorConfig.newBuilder().putMap("words", idf))
            .build();
    check("create", client.createCollectionAsync(create).get().getResult());
    refused("create again", client.createCollectionAsync(create), Status.Code.ALREADY_EXISTS, "already exists");

    PointStruct cookies =
        PointStruct.newBuilder()
            .setId(id(1))
            .setVectors(namedVectors(Map.of("words", vector(bm25("Recipe for baking chocolate chip cookies")))))
            .build();
    UpsertPoints taken = UpsertPoints.newBuilder().setCollectionName(RECIPES).addPoints(cookies).build();
    check("upsert words", client.upsertAsync(taken).get().getStatus() == UpdateStatus.Acknowledged);
    PointStruct roast =
        point(id(2), "Roasting root vegetables", true).toBuilder()
            .putAllPayload(
                Map.of(
                    "topic", value("cooking"),
                    "minutes", value(40),
                    "kinds", list(List.of(value("oven"), nullValue()))))
            .build();
    PointStruct bicycle = point(id(BICYCLE), "Mending a bicycle tube", false);
    UpdateStatus done = client.upsertAsync(RECIPES, List.of(roast, bicycle)).get().getStatus();
    check("upsert texts", done == UpdateStatus.Completed);

    List<ScoredPoint> hits = client.queryAsync(query("words", bm25("How to bake cookies?")).build()).get();
    check("query words", hits.size() == 1 && hits.get(0).getId().getNum() == 1);
    Filter cooking = Filter.newBuilder().addMust(matchKeyword("topic", "cooking")).build();
    QueryPoints filtered =
        query("large", large("roasting vegetables")).setWithPayload(enable(true)).setFilter(cooking).build();
    hits = client.queryAsync(filtered).get();
    check("query texts", hits.size() == 1 && hits.get(0).getPayloadOrThrow("minutes").getIntegerValue() == 40);
    PrefetchQuery first =
        PrefetchQuery.newBuilder()
            .setQuery(nearest(small("a bicycle tube")))
            .setUsing("small")
            .setLimit(1000)
            .build();
    hits = client.queryAsync(query("large", large("a bicycle tube")).addPrefetch(first).setLimit(10).build()).get();
    check("short vectors first", hits.size() == 2 && hits.get(0).getId().getUuid().equals(BICYCLE.toString()));

    check("count", client.countAsync(RECIPES).get() == 3);
    ScrollResponse page =
        client.scrollAsync(ScrollPoints.newBuilder().setCollectionName(RECIPES).setLimit(2).build()).get();
    check("scroll", page.getResultCount() == 2 && page.getNextPageOffset().getUuid().equals(BICYCLE.toString()));

    QueryPoints twoNumbers = query("large", large("")).setQuery(nearest(1f, 2f)).build();
    refused("wrong dimension", client.queryAsync(twoNumbers), Status.Code.INVALID_ARGUMENT, "expected dim: 64, got 2");
    QueryPoints nowhere = QueryPoints.newBuilder().setCollectionName("nothing").setQuery(nearest(1f, 2f)).build();
    refused("unknown collection", client.queryAsync(nowhere), Status.Code.NOT_FOUND, "doesn't exist");
    check("delete", client.deleteCollectionAsync(RECIPES).get().getResult());
  }
}
