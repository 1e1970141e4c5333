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
        sparse_vectors_config={"sparse": models.SparseVectorParams(modifier="idf")},
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


def test_the_corpus_of_idf_is_a_filter_like_others(client: QdrantClient) -> None:
    made(client, unindexed_filtering_retrieve=False, filter_max_conditions=1)
    corpus = match("k", value="a")
    idf = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
    words = models.SparseVector(indices=[1], values=[1.0])
    prefetch = models.Prefetch(query=words, using="sparse", params=idf)
    searches = (
        lambda: client.query_points("c", words, using="sparse", search_params=idf),
        lambda: client.query_points("c", models.FusionQuery(fusion="rrf"), prefetch=prefetch),
        lambda: client.query_points_groups("c", "g", words, using="sparse", search_params=idf),
        lambda: client.query_batch_points("c", [models.QueryRequest(query=words, using="sparse", params=idf)]),
    )
    client.create_payload_index("c", "g", "keyword")
    for search in searches:
        with pytest.raises(errors.BadRequest, match='Index required but not found for "k"'):
            search()
    client.create_payload_index("c", "k", "keyword")
    for search in searches:
        search()
    corpus.must = [*corpus.must, *corpus.must]
    with pytest.raises(errors.BadRequest, match="Filter condition limit reached"):
        searches[0]()


def test_counts_are_exact_unless_said_otherwise(client: QdrantClient) -> None:
    made(client, search_allow_exact=False)
    client.create_payload_index("c", "k", "keyword")
    for exact in (lambda: client.count("c"), lambda: client.facet("c", "k", exact=True)):
        with pytest.raises(errors.BadRequest, match=r"Exact search disabled! Help: Set exact=false\."):
            exact()
    assert client.count("c", exact=False).count == 0
    assert client.facet("c", "k").hits == []


def filled(client: QdrantClient) -> QdrantClient:
    """Ten points: `k` is a, b, a, b, …; `n` is 0 to 9; each of 3 tokens and 100 sparse indices."""
    many, words = [[1.0, 0.0]] * 3, models.SparseVector(indices=list(range(100)), values=[1.0] * 100)
    vector = {"": [1.0, 0.0], "many": many, "sparse": words}
    payloads = ({"k": "ab"[at % 2], "n": at, "a": [{"b": at}]} for at in range(10))
    client.upsert("c", [models.PointStruct(id=at, vector=vector, payload=each) for at, each in enumerate(payloads)])
    return client


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ({"must": [{"key": "k", "match": {"value": "nowhere"}}]}, 5),
        ({"must": [{"key": "n", "range": {"lt": 2}}]}, 2),
        ({"must_not": [{"key": "n", "range": {"lt": 2}}]}, 8),
        ({"must": [{"key": "n", "range": {"lt": 4}}, {"key": "k", "match": {"value": "a"}}]}, 2),
        ({"should": [{"key": "n", "range": {"lt": 4}}, {"key": "k", "match": {"value": "a"}}]}, 7),
        ({"must": [{"must": [{"has_id": [1, 2, 77]}]}]}, 2),
        ({"must": [{"has_vector": "many"}]}, 10),
        ({"must": [{"slice": {"total": 5, "index": 0}}]}, 2),
        ({"must": [{"is_empty": {"key": "n"}}]}, 1),
        ({"must": [{"is_null": {"key": "k"}}]}, 5),
        ({"must": [{"nested": {"key": "a", "filter": {"must": [{"key": "b", "range": {"lt": 3}}]}}}]}, 3),
        ({"must": [{"nested": {"key": "a", "filter": {"must": [{"key": "c", "range": {"lt": 3}}]}}}]}, 5),
        ({"min_should": {"conditions": [{"key": "k", "match": {"value": "a"}}] * 2, "min_count": 2}}, 2),
        ({"must": [{"key": "k", "match": {"any": []}}]}, 1),
        ({}, 10),
    ],
)
def test_a_write_by_a_filter_costs_the_points_that_are_expected(client: QdrantClient, body: Any, cost: int) -> None:
    """Half of them where no index tells. Qdrant's estimates, from its `query_estimator.rs`."""
    filled(made(client))
    client.create_payload_index("c", "n", "integer")
    client.create_payload_index("c", "a[].b", "integer")
    filter = models.Filter.model_validate(body)
    writes = (
        lambda: client.set_payload("c", {"x": 1}, filter),
        lambda: client.overwrite_payload("c", {"x": 1}, filter),
        lambda: client.delete_payload("c", ["x"], filter),
        lambda: client.clear_payload("c", filter),
        lambda: client.delete_vectors("c", ["many"], filter),
        lambda: client.delete("c", filter),
    )
    for write in writes:
        limits = models.StrictModeConfig(enabled=True, write_rate_limit=cost - 1 or 1)
        client.update_collection("c", strict_mode_config=limits)
        if cost > 1:
            with pytest.raises(errors.RateLimitExceeded, match="please try to split your request"):
                write()
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(write_rate_limit=cost))
    writes[0]()
    with pytest.raises(errors.RateLimitExceeded, match=rf"Operation requires {cost} tokens but only 0\.\d were"):
        writes[0]()


@pytest.mark.parametrize(
    ("ask", "cost"),
    [
        ({"query": 1}, 1 + 1),  # its vector, and the condition that leaves it out
        ({"query": 1, "using": "many"}, 3 + 1),
        ({"query": 1, "using": "sparse"}, 2 + 1),
        ({"query": {"recommend": {"positive": [1, 2]}}, "filter": match("k", value="a")}, 1 + 1 + 1),
        ({"query": {"recommend": {"positive": [1, 2], "strategy": "best_score"}}, "using": "many"}, 6 + 1),
        ({"query": {"fusion": "rrf"}, "prefetch": [{"query": 1}, {"query": 2, "using": "many"}]}, (1 + 1) + (3 + 1)),
    ],
)
def test_a_query_by_points_costs_what_they_hold(client: QdrantClient, ask: Any, cost: int) -> None:
    filled(made(client))
    request = models.QueryRequest.model_validate(ask)
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(read_rate_limit=cost - 1))
    with pytest.raises(errors.RateLimitExceeded, match="please try to split your request"):
        client.query_batch_points("c", [request])
    limits = models.StrictModeConfig(read_rate_limit=2 * cost)
    client.update_collection("c", strict_mode_config=limits)
    client.query_batch_points("c", [request])


def test_points_of_another_collection_are_counted_there(client: QdrantClient) -> None:
    filled(made(client))
    client.create_collection("others", models.VectorParams(size=2, distance="Dot"))
    client.upsert("others", [models.PointStruct(id=at, vector=[1.0, at]) for at in range(4)])
    there = models.LookupLocation(collection="others")
    likes = models.RecommendQuery(recommend=models.RecommendInput(positive=[1, 2, 3], negative=[1]))
    groups = {"query": [1.0, 0.0], "group_by": "g", "with_lookup": "others", "limit": 3}
    client.set_payload("c", {"g": [1, 2, 3, "none"]}, points=[1])
    asked = (
        lambda: client.query_points("c", likes, lookup_from=there),
        lambda: client.query_points("c", prefetch=models.Prefetch(query=likes, lookup_from=there), query=[1.0, 0.0]),
        lambda: client.query_batch_points("c", [models.QueryRequest(query=at, lookup_from=there) for at in (1, 2, 3)]),
        lambda: client.query_points_groups("c", "g", likes, lookup_from=there),
        lambda: client.query_points_groups("c", **groups),
    )
    for at, ask in enumerate(asked):
        for limit in (2, 3 + at % 3):  # another each time, since a limiter starts full when its limit changes
            limits = models.StrictModeConfig(enabled=True, read_rate_limit=limit)
            client.update_collection("others", strict_mode_config=limits)
            if limit == 2:
                with pytest.raises(errors.RateLimitExceeded, match="please try to split your request"):
                    ask()
            else:
                ask()
                with pytest.raises(errors.RateLimitExceeded, match=rf"requires 3 tokens but only {at % 3}\.\d were"):
                    ask()


def test_own_points_may_be_named_by_the_collections_name(client: QdrantClient) -> None:
    filled(made(client))
    request = models.QueryRequest(query=1, lookup_from=models.LookupLocation(collection="c"))
    cost = 1 + 1  # as without `lookup_from`
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(read_rate_limit=cost - 1))
    with pytest.raises(errors.RateLimitExceeded, match="please try to split your request"):
        client.query_batch_points("c", [request])
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(read_rate_limit=1 + cost))
    client.query_batch_points("c", [request])


def test_what_is_refused_costs_nothing(client: QdrantClient) -> None:
    made(client, read_rate_limit=1, write_rate_limit=1, max_query_limit=5, upsert_max_batchsize=1)
    with pytest.raises(errors.BadRequest):
        client.query_points("c", [1.0, 0.0], limit=6)
    with pytest.raises(errors.BadRequest):
        client.upsert("c", [models.PointStruct(id=at, vector={}) for at in range(2)])
    client.query_points("c", [1.0, 0.0], limit=5)
    client.upsert("c", [models.PointStruct(id=0, vector={})])
