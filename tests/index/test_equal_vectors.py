"""Vectors that come more than once: the graph holds one of them, and every search finds all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.index.dense import libraries
from minidb.index.dense.graph import LibraryGraph

SIZE, N, TIMES = 24, 3000, 40
GROUPS = range(0, 2000, TIMES)
"""The first 2,000 points: 50 vectors, each 40 times, one after another."""


@pytest.fixture(params=["hnswlib", "usearch"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: request.param == "hnswlib")
    monkeypatch.setattr("minidb.index.dense.usearch_graph.N_CORES", 1)  # with more a few rows may get no link to them
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._FLOAT_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._graph_ns", lambda graph, field: 0.0)


def drawn(n: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, SIZE)).astype(np.float32)


VECTORS = np.concatenate([np.repeat(drawn(len(GROUPS), 0), TIMES, axis=0), drawn(N - 2000, 1)])


def filled(client: QdrantClient, **params: object) -> None:
    early = models.OptimizersConfigDiff(indexing_threshold=1, deleted_threshold=0.99)
    client.create_collection(
        "c", models.VectorParams(size=SIZE, distance=models.Distance.EUCLID), optimizers_config=early, **params
    )
    upload(client, VECTORS, range(N))


def upload(client: QdrantClient, vectors: NDArray[np.float32], ids: range) -> None:
    payload = [{"odd": at % 2 == 1} for at in ids]
    client.upload_collection("c", vectors, ids=ids, payload=payload, batch_size=1000)
    assert client.wait_until_indexed("c")


def found(client: QdrantClient, start: int, limit: int = TIMES, **params: object) -> set[int]:
    """Who is exactly where the group is that begins at `start`."""
    query = VECTORS[start]
    assert "by graph" in str(client.explain("c", query, limit=limit, **params))
    hits = client.query_points("c", query, limit=limit, **params).points
    return {int(hit.id) for hit in hits if hit.score == 0.0}


def test_all_of_them_are_found() -> None:
    with QdrantClient(":memory:") as client:
        filled(client)
        assert client.get_collection("c").indexed_vectors_count == N
        for start in GROUPS:
            assert found(client, start) == set(range(start, start + TIMES))
        in_one_call = client.query_batch_points(
            "c", [models.QueryRequest(query=VECTORS[start], limit=TIMES) for start in GROUPS]
        )
        for start, answer in zip(GROUPS, in_one_call, strict=True):
            assert {hit.id for hit in answer.points} == set(range(start, start + TIMES))


def test_those_that_pass_a_filter() -> None:
    odd = models.Filter(must=models.FieldCondition(key="odd", match=models.MatchValue(value=True)))
    with QdrantClient(":memory:") as client:
        filled(client)
        for start in GROUPS:
            wide = models.SearchParams(hnsw_ef=64)
            ids = found(client, start, TIMES // 2, query_filter=odd, search_params=wide)
            assert ids == set(range(start + 1, start + TIMES, 2))


def test_the_one_in_the_graph_is_deleted() -> None:
    with QdrantClient(":memory:") as client:
        filled(client)
        client.delete("c", list(GROUPS))
        for start in GROUPS:
            assert found(client, start, TIMES - 1) == set(range(start + 1, start + TIMES))


def test_more_come_after_reopening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.collection.index_plan._TAIL_ROWS", 100)
    with QdrantClient(tmp_path) as client:
        filled(client)
    with QdrantClient(tmp_path) as client:
        client.query_points("c", VECTORS[0])
        assert client.wait_until_indexed("c")
        more = np.concatenate([VECTORS[:1000], drawn(200, 2), VECTORS[:1000]])
        upload(client, more[:1200], range(N, N + 1200))
        assert client.get_collection("c").indexed_vectors_count == N + 1200
        for start in GROUPS[:25]:
            both = {*range(start, start + TIMES), *range(N + start, N + start + TIMES)}
            assert found(client, start, 2 * TIMES) == both
    with QdrantClient(tmp_path) as client:
        client.query_points("c", VECTORS[0])
        assert client.wait_until_indexed("c")
        for start in GROUPS[:25]:
            assert len(found(client, start, 2 * TIMES)) == 2 * TIMES


def test_points_written_again_with_the_same_vector() -> None:
    with QdrantClient(":memory:") as client:
        filled(client)
        for _ in range(3):
            upload(client, VECTORS[:400], range(400))
        for start in GROUPS[:10]:
            assert found(client, start) == set(range(start, start + TIMES))


@pytest.mark.parametrize("kind", ["int8", "binary"])
def test_of_equal_codes_too(kind: str) -> None:
    """Signs of 24 dimensions are the same for many vectors that are not."""
    config: models.QuantizationConfig = (
        models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
        if kind == "binary"
        else models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    )
    with QdrantClient(":memory:") as client:
        filled(client, quantization_config=config)
        for start in GROUPS:
            assert found(client, start) == set(range(start, start + TIMES))


def test_a_graph_that_does_not_reach_what_it_has_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever tore it; of copies alone there would be enough."""
    with QdrantClient(":memory:") as client:
        filled(client)
        for kind in LibraryGraph.__subclasses__():
            nearest = kind._nearest  # type: ignore[type-abstract]
            monkeypatch.setattr(kind, "_nearest", lambda *args, nearest=nearest: [rows[40:] for rows in nearest(*args)])
        for start in GROUPS:
            hits = client.query_points("c", VECTORS[start], limit=TIMES).points
            assert {hit.id for hit in hits} == set(range(start, start + TIMES))
        assert "int8 scan" in str(client.explain("c", VECTORS[0]))
        answer = client.query_batch_points("c", [models.QueryRequest(query=VECTORS[0], limit=TIMES)] * 2)[1]
        assert {hit.id for hit in answer.points} == set(range(TIMES))
