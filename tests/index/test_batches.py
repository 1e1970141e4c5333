"""A batch finds what its searches find one by one: where they go to a library together, to all cores, and where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.index.dense import libraries

SIZE, N = 16, 3000
Force = Callable[[pytest.MonkeyPatch], None]


def by_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1 << 40)


def by_sketch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._graph_ns", lambda graph, field: 1e9)


def by_hnswlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: True)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e9)


def by_usearch(monkeypatch: pytest.MonkeyPatch) -> None:
    by_hnswlib(monkeypatch)
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: False)


def fill(client: QdrantClient, vectors: np.ndarray) -> None:
    client.create_collection(
        "c",
        {
            "a": models.VectorParams(size=SIZE, distance="Cosine"),
            "b": models.VectorParams(size=SIZE, distance="Euclid"),
        },
        sparse_vectors_config={"s": models.SparseVectorParams()},
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1),
    )
    numbers = list(range(len(vectors)))
    batch = models.Batch(ids=numbers, vectors={"a": vectors, "b": vectors}, payloads=[{"n": n % 7} for n in numbers])
    client.upsert("c", batch)
    client.delete("c", numbers[100:150])


def requests(queries: np.ndarray) -> list[models.QueryRequest]:
    """Searches that can go together, with others between them that cannot."""
    asked: list[dict[str, Any]] = [
        {"using": "a"},
        {"using": "a", "limit": 3},
        {"using": "a", "limit": 5, "offset": 5},
        {"using": "a", "score_threshold": 0.5},
        {"using": "a", "with_payload": True, "with_vector": ["b"]},
        {"using": "a", "params": models.SearchParams(hnsw_ef=300)},
        {"using": "a", "params": models.SearchParams(exact=True)},
        {"using": "a", "filter": models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=3))])},
        {"using": "b"},
        {"using": "b", "limit": 40, "score_threshold": 3.0},
    ]
    made = [models.QueryRequest(query=query.tolist(), **options) for query in queries for options in asked]
    sparse = models.QueryRequest(query=models.SparseVector(indices=[1], values=[1.0]), using="s")
    return [*made, models.QueryRequest(query=7, using="a"), models.QueryRequest(query=8, using="a"), sparse]


@pytest.mark.parametrize("force", [by_floats, by_sketch, by_hnswlib, by_usearch])
def test_a_batch_finds_what_its_searches_find(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, force: Force
) -> None:
    force(monkeypatch)
    rng = np.random.default_rng(0)
    fill(client, rng.standard_normal((N, SIZE)).astype(np.float32))
    assert client.wait_until_indexed("c")
    asked = requests(rng.standard_normal((6, SIZE)).astype(np.float32))
    together = client.query_batch_points("c", asked)
    assert together == [client.query_batch_points("c", [request])[0] for request in asked]
    assert any(response.points for response in together)


@pytest.mark.parametrize("force", [by_hnswlib, by_usearch])
def test_a_batch_on_a_graph_that_equal_vectors_tear_apart(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, force: Force
) -> None:
    force(monkeypatch)
    vectors = np.repeat(np.random.default_rng(1).standard_normal((30, SIZE)), 100, axis=0).astype(np.float32)
    fill(client, vectors)
    assert client.wait_until_indexed("c")
    asked = [
        models.QueryRequest(query=query, using="b", params=models.SearchParams(hnsw_ef=N)) for query in vectors[::300]
    ]
    for response in client.query_batch_points("c", asked):
        assert [hit.score for hit in response.points] == [0.0] * 10


def test_a_batch_on_an_empty_collection(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=SIZE, distance="Dot"))
    asked = [models.QueryRequest(query=[1.0] * SIZE)] * 3
    assert [response.points for response in client.query_batch_points("c", asked)] == [[], [], []]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1.0, 1e19], ids=["ordinary", "too large for a product of floats"])
@pytest.mark.parametrize("distance", [models.Distance.DOT, models.Distance.COSINE])
def test_a_batch_over_few_points_scores_them_bit_for_bit_as_single_queries_do(
    client: QdrantClient, distance: models.Distance, scale: float
) -> None:
    """Many equal and nearly equal scores; some points are gone."""
    rng = np.random.default_rng(5)
    vectors = ((rng.integers(-1, 2, (300, 12)) + 0.25) * scale).astype(np.float32)
    client.create_collection("few", models.VectorParams(size=12, distance=distance))
    client.upsert("few", models.Batch(ids=list(range(300)), vectors=vectors))
    client.delete("few", list(range(0, 300, 7)))
    queries = [*vectors[:5], *(vectors[5:10] * np.float32(0.37))]
    batch = client.query_batch_points("few", [models.QueryRequest(query=query, limit=9) for query in queries])
    for query, found in zip(queries, batch, strict=True):
        single = client.query_points("few", query, limit=9, with_payload=False).points
        assert [(hit.id, hit.score) for hit in found.points] == [(hit.id, hit.score) for hit in single]
