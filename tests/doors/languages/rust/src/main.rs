//! Recipes, in Rust: the inference examples of Qdrant's page, with minidb's address and models, and what must come of
//! them.

use std::collections::HashMap;
use std::env;

use qdrant_client::qdrant::{
    value::Kind, Condition, CountPointsBuilder, CreateCollectionBuilder, Distance, Document, DocumentBuilder, Filter,
    Modifier, PointStruct, PrefetchQueryBuilder, Query, QueryPointsBuilder, ScrollPointsBuilder,
    SparseVectorParamsBuilder, SparseVectorsConfigBuilder, UpdateStatus, UpsertPointsBuilder, Value, Vector,
    VectorParamsBuilder, VectorsConfigBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use serde_json::json;

const RECIPES: &str = "recipes";
const BICYCLE: &str = "6fa459ea-ee8a-3ca4-894e-db77e160355e";

fn bm25(text: &str) -> Document {
    DocumentBuilder::new(text, "qdrant/bm25").build()
}

fn large(text: &str) -> Document {
    DocumentBuilder::new(text, "minidb/hash-64").build()
}

fn small(text: &str) -> Document {
    let mut options: HashMap<String, Value> = HashMap::new();
    options.insert("mrl".to_string(), 16.into());
    DocumentBuilder::new(text, "minidb/hash-64").options(options).build()
}

fn named(vectors: Vec<(&str, Document)>) -> HashMap<String, Vector> {
    vectors.into_iter().map(|(name, document)| (name.to_string(), document.into())).collect()
}

fn check(step: &str, ok: bool) {
    assert!(ok, "FAILED {step}");
    println!("ok {step}");
}

fn refused<T>(step: &str, result: Result<T, QdrantError>, code: &str, text: &str) {
    match result {
        Err(QdrantError::ResponseError { status }) => {
            let said = format!("{:?} {}", status.code(), status.message());
            assert!(said.starts_with(code) && said.contains(text), "FAILED {step}: {said}");
        }
        Err(other) => panic!("FAILED {step}: {other}"),
        Ok(_) => panic!("FAILED {step}: not refused"),
    }
    println!("ok {step}");
}

fn create() -> CreateCollectionBuilder {
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params("large", VectorParamsBuilder::new(64, Distance::Cosine));
    vectors.add_named_vector_params("small", VectorParamsBuilder::new(16, Distance::Cosine));
    let mut words = SparseVectorsConfigBuilder::default();
    words.add_named_vector_params("words", SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
    CreateCollectionBuilder::new(RECIPES).vectors_config(vectors).sparse_vectors_config(words)
}

#[tokio::main]
async fn main() -> Result<(), QdrantError> {
    let url = format!("http://127.0.0.1:{}", env::var("MINIDB_GRPC_PORT").expect("MINIDB_GRPC_PORT"));
    let client = Qdrant::from_url(&url).api_key(env::var("MINIDB_API_KEY")).build()?;

    check("health", client.health_check().await?.version.starts_with("1."));
    check("create", client.create_collection(create()).await?.result);
    refused("create again", client.create_collection(create()).await, "AlreadyExists", "already exists");

    let cookies = named(vec![("words", bm25("Recipe for baking chocolate chip cookies"))]);
    let point = PointStruct::new(1, cookies, Payload::default());
    let taken = client.upsert_points(UpsertPointsBuilder::new(RECIPES, vec![point])).await?;
    check("upsert words", taken.result.unwrap().status() == UpdateStatus::Acknowledged);

    let payload = Payload::try_from(json!({"topic": "cooking", "minutes": 40, "kinds": ["oven", null]}))?;
    let roast = "Roasting root vegetables";
    let tube = "Mending a bicycle tube";
    let points = vec![
        PointStruct::new(2, named(vec![("large", large(roast)), ("small", small(roast)), ("words", bm25(roast))]), payload),
        PointStruct::new(BICYCLE, named(vec![("large", large(tube)), ("small", small(tube))]), Payload::default()),
    ];
    let done = client.upsert_points(UpsertPointsBuilder::new(RECIPES, points).wait(true)).await?;
    check("upsert texts", done.result.unwrap().status() == UpdateStatus::Completed);

    let query = Query::new_nearest(bm25("How to bake cookies?"));
    let hits = client.query(QueryPointsBuilder::new(RECIPES).query(query).using("words")).await?.result;
    check("query words", hits.len() == 1 && hits[0].id == Some(1.into()));

    let hits = client
        .query(
            QueryPointsBuilder::new(RECIPES)
                .query(Query::new_nearest(large("roasting vegetables")))
                .using("large")
                .with_payload(true)
                .filter(Filter::must([Condition::matches("topic", "cooking".to_string())])),
        )
        .await?
        .result;
    check("query texts", hits.len() == 1 && hits[0].payload["minutes"].kind == Some(Kind::IntegerValue(40)));

    let first = PrefetchQueryBuilder::default()
        .query(Query::new_nearest(small("a bicycle tube")))
        .using("small")
        .limit(1000u64);
    let hits = client
        .query(
            QueryPointsBuilder::new(RECIPES)
                .add_prefetch(first)
                .query(Query::new_nearest(large("a bicycle tube")))
                .using("large")
                .limit(10),
        )
        .await?
        .result;
    check("short vectors first", hits.len() == 2 && hits[0].id == Some(BICYCLE.into()));

    check("count", client.count(CountPointsBuilder::new(RECIPES)).await?.result.unwrap().count == 3);
    let page = client.scroll(ScrollPointsBuilder::new(RECIPES).limit(2)).await?;
    check("scroll", page.result.len() == 2 && page.next_page_offset == Some(BICYCLE.into()));

    let short = QueryPointsBuilder::new(RECIPES).query(vec![1.0, 2.0]).using("large");
    refused("wrong dimension", client.query(short).await, "InvalidArgument", "expected dim: 64, got 2");
    let nowhere = QueryPointsBuilder::new("nothing").query(vec![1.0, 2.0]);
    refused("unknown collection", client.query(nowhere).await, "NotFound", "doesn't exist");
    check("delete", client.delete_collection(RECIPES).await?.result);
    println!("OK");
    Ok(())
}
