"""What strict mode counts: what an index can do, paths below `nested`, full scans, tokens of a rate limit."""

from __future__ import annotations

from typing import Any

import pytest

from minidb import QdrantClient, errors, models


def match(key: str, **match: Any) -> models.Filter:
    return models.Filter.model_validate({"must": [{"key": key, "match": match}]})


def made(client: QdrantClient, vectors: dict[str, Any] | None = None, **limits: Any) -> QdrantClient:
    multi = models.MultiVectorConfig(comparator="max_sim")
    client.create_collection(
        "c",
        vectors_config={
            "": models.VectorParams(size=2, distance="Dot", **(vectors or {})),
            "many": models.VectorParams(size=2, distance="Dot", multivector_config=multi),
        },
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
        strict_mode_config=models.StrictModeConfig(enabled=True, **limits),
    )
    return client


@pytest.mark.parametrize(
    ("schema", "allowed", "refused", "shown"),
    [
        ({"type": "integer", "lookup": False, "range": True}, {"range": {"gt": 1}}, {"match": {"value": 1}}, "integer"),
        (
            {"type": "integer", "lookup": True, "range": False},
            {"match": {"value": 1}},
            {"range": {"gt": 1}},
            "float, integer",
        ),
        (
            {"type": "text"},
            {"match": {"text": "a"}},
            {"match": {"phrase": "a b"}},
            "text (with phrase_matching: true)",
        ),
        ({"type": "keyword"}, {"match": {"value": "a"}}, {"match": {"prefix": "a"}}, "keyword (with prefix: true)"),
        ({"type": "float"}, {"range": {"lt": 2}}, {"match": {"value": 1}}, "integer"),
        ({"type": "uuid"}, {"match": {"value": "550e8400e29b41d4a716446655440000"}}, {"match": {"value": "a"}}, "key"),
    ],
)
def test_what_an_index_can_do_matters(
    client: QdrantClient, schema: Any, allowed: Any, refused: Any, shown: str
) -> None:
    made(client, unindexed_filtering_retrieve=False).create_payload_index("c", "k", schema)
    client.count("c", models.Filter.model_validate({"must": [{"key": "k", **allowed}]}))
    with pytest.raises(errors.BadRequest) as caught:
        client.count("c", models.Filter.model_validate({"must": [{"key": "k", **refused}]}))
    assert f'Index required but not found for "k" of one of the following types: [{shown}' in str(caught.value)


def test_nested_filters_need_an_index_of_the_whole_path(client: QdrantClient) -> None:
    made(client, unindexed_filtering_retrieve=False).create_payload_index("c", "pop", "integer")
    body = {"must": [{"nested": {"key": "a.b", "filter": {"must": [{"key": "pop", "match": {"value": 1}}]}}}]}
    with pytest.raises(errors.BadRequest, match=r'not found for "a\.b\[\]\.pop"'):
        client.count("c", models.Filter.model_validate(body))
    client.create_payload_index("c", "a.b[].pop", "integer")
    assert client.count("c", models.Filter.model_validate(body)).count == 0


def test_no_values_need_no_index_and_emptiness_needs_any(client: QdrantClient) -> None:
    made(client, unindexed_filtering_retrieve=False)
    assert client.count("c", match("k", any=[])).count == 0
    empty = models.Filter.model_validate({"must": [{"is_empty": {"key": "k"}}]})
    with pytest.raises(errors.BadRequest, match='not found for "k"'):
        client.count("c", empty)
    client.create_payload_index("c", "k", "geo")
    assert client.count("c", empty).count == 0


def test_formulas_need_indexes(client: QdrantClient) -> None:
    made(client, unindexed_filtering_retrieve=False)
    formula = models.FormulaQuery(formula=models.SumExpression(sum=["$score", "price"]))
    prefetch = models.Prefetch(query=[1.0, 0.0])
    with pytest.raises(errors.BadRequest, match="use a different formula expression"):
        client.query_points("c", formula, prefetch=prefetch)
    client.create_payload_index("c", "price", "float")
    assert client.query_points("c", formula, prefetch=prefetch).points == []


def test_limits_hold_for_groups_and_matrices(client: QdrantClient) -> None:
    made(client, max_query_limit=20)
    with pytest.raises(errors.BadRequest, match='Limit exceeded 21 > 20 for "limit"'):
        client.query_points_groups("c", "k", query=[1.0, 0.0], limit=7, group_size=3)
    with pytest.raises(errors.BadRequest, match='Limit exceeded 22 > 20 for "limit"'):
        client.search_matrix_pairs("c", sample=11, limit=2)
    with pytest.raises(errors.BadRequest, match='Limit exceeded 30 > 20 for "limit"'):
        client.query_points("c", [1.0, 0.0], prefetch=models.Prefetch(query=[1.0, 0.0], limit=30))


def test_no_exact_search_means_no_full_scan(client: QdrantClient) -> None:
    made(client, {"hnsw_config": {"m": 0}}, search_allow_exact=False)
    with pytest.raises(errors.BadRequest, match=r"global vector indexing is disabled \(hnsw_config.m = 0\)"):
        client.query_points("c", [1.0, 0.0])
    client.create_payload_index("c", "tenant", models.KeywordIndexParams(type="keyword", is_tenant=True))
    with pytest.raises(errors.BadRequest, match=r"hnsw_config.m = 0 and hnsw_config.payload_m = 0"):
        client.query_points("c", [1.0, 0.0], query_filter=match("tenant", value="a"))
    client.update_collection("c", vectors_config={"": models.VectorParamsDiff(hnsw_config={"payload_m": 16})})
    assert client.query_points("c", [1.0, 0.0], query_filter=match("tenant", value="a")).points == []
    assert client.query_points("c", models.SparseVector(indices=[1], values=[1.0]), using="sparse").points == []


def test_columns_obey_the_limits_of_vectors(client: QdrantClient) -> None:
    sparse, multi = {"sparse": {"max_length": 1}}, {"many": {"max_vectors": 1}}
    made(client, sparse_config=sparse, multivector_config=multi, upsert_max_batchsize=2)
    long = models.SparseVector(indices=[1, 2], values=[1.0, 1.0])
    with pytest.raises(
        errors.BadRequest, match="Sparse vector 'sparse' has a limit of 1 indices, but 2 were provided!"
    ):
        client.upsert("c", models.Batch(ids=[1], vectors={"sparse": [long]}))
    with pytest.raises(errors.BadRequest, match="Multivector 'many' has a limit of 1 vectors, but 2 were provided!"):
        client.upsert("c", models.Batch(ids=[1], vectors={"many": [[[1.0, 0.0], [0.0, 1.0]]]}))
    with pytest.raises(errors.BadRequest, match='Limit exceeded 3 > 2 for "update limit"'):
        client.update_vectors("c", [models.PointVectors(id=at, vector=[1.0, 0.0]) for at in range(3)])
    assert client.count("c").count == 0


def test_a_full_collection_takes_no_more_points(client: QdrantClient) -> None:
    made(client, max_points_count=2)
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0, 0.0]) for at in range(2)])
    with pytest.raises(errors.BadRequest, match="Max points count limit of 2 reached!"):
        client.upsert("c", [models.PointStruct(id=3, vector=[1.0, 0.0])])


def test_rates_count_points_ids_conditions_and_vectors(client: QdrantClient) -> None:
    made(client, read_rate_limit=3, write_rate_limit=3)
    condition = models.HasIdCondition(has_id=[1])
    filter = models.Filter(must=[condition, models.Filter(should=[condition, condition])])
    tokens = [[1.0, 0.0]] * 4
    dislikes = models.RecommendInput(positive=[[1.0, 0.0]] * 2, negative=[[1.0, 0.0]] * 2, strategy="best_score")
    for refused in (
        lambda: client.count("c", filter),
        lambda: client.scroll("c", filter),
        lambda: client.retrieve("c", range(4)),
        lambda: client.query_points("c", tokens, using="many"),
        lambda: client.query_points("c", models.RecommendQuery(recommend=dislikes)),
        lambda: client.upsert("c", [models.PointStruct(id=at, vector={}) for at in range(4)]),
        lambda: client.delete("c", [1, 2, 3, 4]),
    ):
        with pytest.raises(errors.RateLimitExceeded, match="please try to split your request") as caught:
            refused()
        assert caught.value.retry_after is None
    assert client.count("c").count == 0
