use std::collections::HashMap;
use std::env;

use qdrant_client::qdrant::{
    CreateCollectionBuilder, DocumentBuilder, Modifier, PointStruct, Query, QueryPointsBuilder,
    SparseVectorParamsBuilder, SparseVectorsConfigBuilder, UpsertPointsBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};

#[tokio::main]
async fn main() -> Result<(), QdrantError> {
    let port = env::var("MINIDB_GRPC_PORT").unwrap_or("6334".to_string());
    let client = Qdrant::from_url(&format!("http://127.0.0.1:{port}")) // a cluster has https
        .api_key(env::var("MINIDB_API_KEY"))
        .build()?;

    let mut sparse = SparseVectorsConfigBuilder::default();
    sparse.add_named_vector_params("my-bm25-vector", SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
    client.create_collection(CreateCollectionBuilder::new("seed").sparse_vectors_config(sparse)).await?;
    client
        .upsert_points(UpsertPointsBuilder::new(
            "seed",
            vec![PointStruct::new(
                1,
                HashMap::from([(
                    "my-bm25-vector".to_string(),
                    DocumentBuilder::new("Recipe for baking chocolate chip cookies", "qdrant/bm25").build(),
                )]),
                Payload::default(),
            )],
        ))
        .await?;
    let found = client
        .query(
            QueryPointsBuilder::new("seed")
                .query(Query::new_nearest(DocumentBuilder::new("How to bake cookies?", "qdrant/bm25").build()))
                .using("my-bm25-vector"),
        )
        .await?;
    println!("found {:?}", found.result[0].id);
    Ok(())
}
