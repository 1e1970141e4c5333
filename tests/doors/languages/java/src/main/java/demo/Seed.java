package demo;

import static io.qdrant.client.PointIdFactory.id;
import static io.qdrant.client.QueryFactory.nearest;
import static io.qdrant.client.VectorFactory.vector;
import static io.qdrant.client.VectorsFactory.namedVectors;

import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Modifier;
import io.qdrant.client.grpc.Collections.SparseVectorConfig;
import io.qdrant.client.grpc.Collections.SparseVectorParams;
import io.qdrant.client.grpc.Points.Document;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.QueryPoints;
import java.util.List;
import java.util.Map;

public final class Seed {
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(System.getenv().getOrDefault("MINIDB_GRPC_PORT", "6334"));
    String key = System.getenv().getOrDefault("MINIDB_API_KEY", "");
    QdrantClient client =
        new QdrantClient(
            QdrantGrpcClient.newBuilder("127.0.0.1", port, false) // false: a cluster has TLS
                .withApiKey(key)
                .build());

    client
        .createCollectionAsync(
            CreateCollection.newBuilder()
                .setCollectionName("seed")
                .setSparseVectorsConfig(
                    SparseVectorConfig.newBuilder()
                        .putMap(
                            "my-bm25-vector",
                            SparseVectorParams.newBuilder().setModifier(Modifier.Idf).build()))
                .build())
        .get();
    client
        .upsertAsync(
            "seed",
            List.of(
                PointStruct.newBuilder()
                    .setId(id(1))
                    .setVectors(
                        namedVectors(
                            Map.of(
                                "my-bm25-vector",
                                vector(
                                    Document.newBuilder()
                                        .setModel("qdrant/bm25")
                                        .setText("Recipe for baking chocolate chip cookies")
                                        .build()))))
                    .build()))
        .get();
    var hits =
        client
            .queryAsync(
                QueryPoints.newBuilder()
                    .setCollectionName("seed")
                    .setQuery(
                        nearest(
                            Document.newBuilder()
                                .setModel("qdrant/bm25")
                                .setText("How to bake cookies?")
                                .build()))
                    .setUsing("my-bm25-vector")
                    .build())
            .get();
    System.out.println("found " + hits.get(0).getId().getNum());
    client.close();
  }
}
