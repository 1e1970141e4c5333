"""Recall with nothing tuned: a collection large enough for a graph, searched with and without filters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.query import search

SIZE, N, QUERIES = 64, 20_000, 40
SHARES = {"half": 2, "quarter": 4, "tenth": 10, "hundredth": 100, "thousandth": 1000}
"""Payload fields, and how many values each has: a filter on one leaves 1/n of the points."""


def clustered(n: int, seed: int) -> NDArray[np.float32]:
    centres = np.random.default_rng(99).standard_normal((N // 100, SIZE))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, len(centres), n)] + 0.7 * random.standard_normal((n, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return clustered(N, 0)


@pytest.fixture(scope="module")
def indexed(vectors: NDArray[np.float32]) -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        early = models.OptimizersConfigDiff(indexing_threshold=1)
        client.create_collection("c", models.VectorParams(size=SIZE, distance="Cosine"), optimizers_config=early)
        payload = [{name: at % count for name, count in SHARES.items()} for at in range(N)]
        client.upload_collection("c", vectors, payload, ids=range(N), batch_size=5000)
        assert client.wait_until_indexed("c")
        assert client.get_collection("c").indexed_vectors_count == N
        yield client


def recall(client: QdrantClient, vectors: NDArray[np.float32], key: str | None) -> float:
    """Mean share of the ten nearest found; the value that is asked for changes from query to query."""
    found = 0
    for at, query in enumerate(clustered(QUERIES, 1)):
        allowed, filter = np.arange(N), None
        if key is not None:
            value = 7 * at % SHARES[key]
            allowed = allowed[allowed % SHARES[key] == value]
            filter = models.Filter(must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))])
        nearest = allowed[np.argsort(-(vectors[allowed] @ query))[:10]]
        hits = client.query_points("c", query, query_filter=filter).points
        found += len({hit.id for hit in hits} & set(nearest.tolist()))
    return found / (10 * QUERIES)


@pytest.mark.parametrize("key", [None, *SHARES])
def test_recall_of_whatever_way_is_chosen(indexed: QdrantClient, vectors: NDArray[np.float32], key: str | None) -> None:
    assert recall(indexed, vectors, key) >= 0.99


@pytest.mark.parametrize("key", [None, "half", "quarter", "tenth"])
def test_recall_of_the_graph(
    indexed: QdrantClient, vectors: NDArray[np.float32], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where scanning so few is faster; the narrower filters would ask it for more than half of the points."""
    monkeypatch.setattr(search, "_scan_ns", lambda field: 1e9)
    monkeypatch.setattr(search, "_gather_ns", lambda field: 1e9)
    monkeypatch.setattr(search, "_FLOAT_ELEMENTS", 0)
    query = clustered(1, 1)[0]
    filter = key and models.Filter(must=[models.FieldCondition(key=key, match=models.MatchValue(value=0))])
    assert "by graph" in str(indexed.explain("c", query=query, query_filter=filter))
    assert recall(indexed, vectors, key) >= 0.99
