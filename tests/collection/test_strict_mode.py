"""Strict mode (spec §4.4): what a collection refuses, with which words, before any work is done."""

from __future__ import annotations

from typing import Any

import pytest

from minidb import QdrantClient, errors, models
from minidb.collection import strict_mode
from minidb.collection.rate import RateLimiter

FIELD = models.FieldCondition(key="city", match=models.MatchValue(value="x"))
CITY = models.Filter(must=FIELD)


def strict(client: QdrantClient, **limits: Any) -> None:
    client.create_collection(
        "c",
        vectors_config={
            "": models.VectorParams(size=2, distance=models.Distance.DOT),
            "many": models.VectorParams(
                size=2, distance=models.Distance.DOT, multivector_config=models.MultiVectorConfig(comparator="max_sim")
            ),
        },
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
        strict_mode_config=models.StrictModeConfig(enabled=True, **limits),
    )


def points(n: int) -> list[models.PointStruct]:
    return [models.PointStruct(id=at, vector=[1.0, 0.0]) for at in range(n)]


READS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"max_query_limit": 15}, {"limit": 20}, 'Limit exceeded 20 > 15 for "limit"'),
    (
        {"search_allow_exact": False},
        {"search_params": models.SearchParams(exact=True)},
        "Exact search disabled! Help: Set exact=false.",
    ),
    (
        {"search_max_hnsw_ef": 50},
        {"search_params": models.SearchParams(hnsw_ef=51)},
        'Limit exceeded 51 > 50 for "hnsw_ef"',
    ),
    (
        {"unindexed_filtering_retrieve": False},
        {"query_filter": CITY},
        'Index required but not found for "city" of one of the following types: [keyword]. '
        "Help: Create an index for this key or use a different filter.",
    ),
    (
        {"filter_max_conditions": 1},
        {"query_filter": models.Filter(must=[FIELD, FIELD])},
        "Filter condition limit reached (2 > 1)",
    ),
    (
        {"condition_max_size": 2},
        {
            "query_filter": models.Filter(
                must=models.FieldCondition(key="a", match=models.MatchAny(any=["x", "y", "z"]))
            )
        },
        "Condition size limit reached (3 > 2)",
    ),
]


@pytest.mark.parametrize(("limits", "arguments", "text"), READS, ids=[text[:24] for _, _, text in READS])
def test_searches_beyond_a_limit_are_refused(
    client: QdrantClient, limits: dict[str, Any], arguments: dict[str, Any], text: str
) -> None:
    strict(client, **limits)
    with pytest.raises(errors.BadRequest) as refused:
        client.query_points("c", query=[1.0, 0.0], **arguments)
    assert refused.value.status_code == 400
    assert text in str(refused.value)


def test_prefetches_are_looked_at_too(client: QdrantClient) -> None:
    strict(client, unindexed_filtering_retrieve=False)
    prefetch = models.Prefetch(query=[1.0, 0.0], filter=CITY)
    with pytest.raises(errors.BadRequest, match='Index required but not found for "city"'):
        client.query_points("c", prefetch=prefetch, query=[1.0, 0.0])


def test_an_index_lifts_the_refusal(client: QdrantClient) -> None:
    strict(client, unindexed_filtering_retrieve=False, unindexed_filtering_update=False)
    for refused in (
        lambda: client.scroll("c", CITY),
        lambda: client.count("c", CITY),
        lambda: client.delete("c", CITY),
    ):
        with pytest.raises(errors.BadRequest, match="Index required"):
            refused()
    client.create_payload_index("c", "city", "keyword")
    assert client.scroll("c", CITY) == ([], None)
    assert client.count("c", CITY).count == 0
    client.delete("c", CITY)


def test_grouping_needs_a_match_index(client: QdrantClient) -> None:
    strict(client, unindexed_filtering_retrieve=False)
    with pytest.raises(errors.BadRequest, match='Index required but not found for "doc"'):
        client.query_points_groups("c", group_by="doc", query=[1.0, 0.0])
    client.create_payload_index("c", "doc", "geo")
    with pytest.raises(errors.BadRequest, match='Index of type "Geo" found for "doc"'):
        client.query_points_groups("c", group_by="doc", query=[1.0, 0.0])
    client.create_payload_index("c", "doc", "keyword")
    assert client.query_points_groups("c", group_by="doc", query=[1.0, 0.0]).groups == []


@pytest.mark.parametrize(
    ("limits", "batch", "text"),
    [
        ({"upsert_max_batchsize": 3}, points(4), 'Limit exceeded 4 > 3 for "upsert limit"'),
        (
            {"sparse_config": {"sparse": {"max_length": 1}}},
            [models.PointStruct(id=1, vector={"sparse": models.SparseVector(indices=[1, 2], values=[1.0, 1.0])})],
            "Sparse vector 'sparse' has a limit of 1 indices, but 2 were provided!",
        ),
        (
            {"multivector_config": {"many": {"max_vectors": 1}}},
            [models.PointStruct(id=1, vector={"many": [[1.0, 0.0], [0.0, 1.0]]})],
            "Multivector 'many' has a limit of 1 vectors, but 2 were provided!",
        ),
    ],
)
def test_writes_beyond_a_limit_write_nothing(
    client: QdrantClient, limits: dict[str, Any], batch: list[models.PointStruct], text: str
) -> None:
    strict(client, **limits)
    with pytest.raises(errors.BadRequest, match=text):
        client.upsert("c", batch)
    assert client.count("c").count == 0


def test_a_full_collection_takes_no_more_payload_but_can_be_emptied(client: QdrantClient) -> None:
    strict(client, max_collection_payload_size_bytes=100)
    for at in range(3):
        client.upsert("c", [models.PointStruct(id=at, vector=[1.0, 0.0], payload={"text": "x" * 40})])
    with pytest.raises(errors.BadRequest, match=r"limit of 0\.00009536743MB reached!"):
        client.set_payload("c", {"more": 1}, [0])
    client.delete("c", [0, 1])
    client.set_payload("c", {"more": 1}, [2])


def test_memory_beyond_the_limit_stops_writes(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    strict(client, max_resident_memory_percent=50)
    client.upsert("c", points(1))
    monkeypatch.setattr(strict_mode, "resident_memory_percent", lambda: 51)
    with pytest.raises(errors.BadRequest, match="Resident memory usage is at 51% of total memory"):
        client.upsert("c", points(1))
    client.delete("c", [0])


def test_a_timeout_beyond_the_limit_is_refused(client: QdrantClient) -> None:
    strict(client, max_timeout=5)
    with pytest.raises(errors.BadRequest, match='Limit exceeded 6 > 5 for "timeout"'):
        client.query_points("c", query=[1.0, 0.0], timeout=6)
    with pytest.raises(errors.BadRequest, match='Limit exceeded 6 > 5 for "timeout"'):
        client.upsert("c", points(1), timeout=6)
    assert client.query_points("c", query=[1.0, 0.0], timeout=5).points == []


@pytest.mark.parametrize(
    "read",
    [
        lambda client, **timeout: client.retrieve("c", [1], **timeout),
        lambda client, **timeout: client.scroll("c", **timeout),
        lambda client, **timeout: client.count("c", **timeout),
        lambda client, **timeout: client.facet("c", "color", **timeout),
        lambda client, **timeout: client.search_matrix_pairs("c", **timeout),
        lambda client, **timeout: client.query_points_groups("c", "color", query=[1.0, 0.0], **timeout),
    ],
    ids=["retrieve", "scroll", "count", "facet", "matrix", "groups"],
)
def test_every_read_has_its_timeout_checked_and_is_counted(client: QdrantClient, read: Any) -> None:
    strict(client, max_timeout=5, read_rate_limit=1)  # what is refused is not counted
    client.create_payload_index("c", "color", "keyword")
    with pytest.raises(errors.BadRequest, match='Limit exceeded 6 > 5 for "timeout"'):
        read(client, timeout=6)
    read(client, timeout=5)
    with pytest.raises(errors.RateLimitExceeded):
        read(client)


def test_a_batch_of_searches_is_limited(client: QdrantClient) -> None:
    strict(client, search_max_batchsize=1)
    request = models.QueryRequest(query=[1.0, 0.0])
    with pytest.raises(errors.BadRequest, match='Limit exceeded 2 > 1 for "search batch size"'):
        client.query_batch_points("c", [request, request])


def test_the_number_of_payload_indexes_is_limited(client: QdrantClient) -> None:
    strict(client, max_payload_index_count=1)
    client.create_payload_index("c", "a", "keyword")
    client.create_payload_index("c", "a", "integer")
    text = r"Collection already has the maximum number of payload indices \(1\). Help: Please delete an existing index"
    with pytest.raises(errors.BadRequest, match=text):
        client.create_payload_index("c", "b", "keyword")


def test_nothing_is_refused_while_strict_mode_is_off(client: QdrantClient) -> None:
    strict(client, max_query_limit=1)
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=False))
    assert client.query_points("c", query=[1.0, 0.0], limit=20).points == []
    assert client.get_collection("c").config.strict_mode_config == models.StrictModeConfigOutput(
        enabled=False, max_query_limit=1
    )


def test_reads_and_writes_have_a_rate(client: QdrantClient) -> None:
    strict(client, read_rate_limit=2, write_rate_limit=1)
    client.upsert("c", points(1))
    with pytest.raises(errors.RateLimitExceeded, match="Rate limiting exceeded: Write rate limit exceeded") as refused:
        client.upsert("c", points(1))
    assert refused.value.status_code == 429
    assert 0 < refused.value.retry_after <= 60
    client.count("c")
    client.count("c")
    with pytest.raises(errors.RateLimitExceeded, match="Read rate limit exceeded"):
        client.count("c")


def test_a_rate_limiter_fills_up_evenly() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    for _ in range(6):
        limiter.take(6, 1, "Read")
    with pytest.raises(errors.RateLimitExceeded) as refused:
        limiter.take(6, 1, "Read")
    assert refused.value.retry_after == pytest.approx(10.0)
    now[0] = 10.0
    limiter.take(6, 1, "Read")
