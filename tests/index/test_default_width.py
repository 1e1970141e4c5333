"""How wide graphs are searched when nobody says: measured where topics overlap, kept on disk, measured again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.index.dense import libraries
from minidb.index.dense.calibration import Calibration
from minidb.index.dense.graph import Calibrated, LibraryGraph

SIZE, N = 48, 12_000


@pytest.fixture(params=["hnswlib", "usearch"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either library; graphs are asked also where a scan would be faster."""
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: request.param == "hnswlib")
    monkeypatch.setattr("minidb.index.dense.usearch_graph.N_CORES", 1)  # with more a few rows may get no link to them
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e9)


def drawn(n: int, seed: int, spread: float) -> NDArray[np.float32]:
    """Points around 60 topics: tight clusters at 0.3, one cloud at 2.5."""
    topics = np.random.default_rng(99).standard_normal((60, SIZE))
    random = np.random.default_rng(seed)
    return (topics[random.integers(0, 60, n)] + spread * random.standard_normal((n, SIZE))).astype(np.float32)


def create(client: QdrantClient, distance: str = "Cosine", **params: object) -> None:
    early = models.OptimizersConfigDiff(indexing_threshold=1)
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance=models.Distance(distance), **params),
        optimizers_config=early,
    )


def upload(client: QdrantClient, vectors: NDArray[np.float32], start: int = 0) -> None:
    client.upload_collection("c", vectors, ids=range(start, start + len(vectors)), batch_size=4000)
    assert client.wait_until_indexed("c")


def width(client: QdrantClient, limit: int = 10) -> int:
    found = re.search(r"by graph, width (\d+),", str(client.explain("c", query=[1.0] * SIZE, limit=limit)))
    assert found is not None
    return int(found[1])


def nearest(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> list[int]:
    ids: list[int] = np.argsort(-vectors @ query / np.linalg.norm(vectors, axis=1))[:10].tolist()
    return ids


def recall(client: QdrantClient, vectors: NDArray[np.float32], distance: str, limit: int, spread: float) -> float:
    if distance == "Cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found, queries = 0, drawn(60, 7, spread)
    for query in queries:
        scores = -np.square(vectors - query).sum(axis=1) if distance == "Euclid" else vectors @ query
        nearest = np.argsort(-scores)[:limit].tolist()
        found += len({hit.id for hit in client.query_points("c", query, limit=limit).points} & set(nearest))
    return found / (limit * len(queries))


@pytest.mark.parametrize("distance", ["Cosine", "Euclid"])
def test_as_wide_as_the_data_need(distance: str) -> None:
    vectors = drawn(N, 0, 2.5)
    with QdrantClient(":memory:") as client:
        create(client, distance)
        upload(client, vectors)
        assert width(client) > 128
        assert recall(client, vectors, distance, 10, 2.5) >= 0.985
        assert recall(client, vectors, distance, 100, 2.5) >= 0.97


def test_tight_clusters_need_no_more_than_the_least() -> None:
    vectors = drawn(N, 0, 0.3)
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, vectors)
        assert width(client) <= 192
        assert width(client, limit=100) < 512
        assert recall(client, vectors, "Cosine", 10, 0.3) >= 0.99


@pytest.mark.parametrize(("n", "times"), [(100, 12), (10, 200), (1, 6000)])
def test_equal_vectors_make_no_search_wider(n: int, times: int) -> None:
    """Each in the graph, 200 of ten had searches for others 1,024 wide, that found .80 to .98 of the nearest."""
    vectors = drawn(N, 0, 0.3)
    vectors[2000 : 2000 + n * times] = np.repeat(drawn(n, 5, 0.3), times, axis=0)
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, vectors)
        assert width(client) <= 192
        assert client.get_collection("c").indexed_vectors_count == N
        for at in range(2000, 2000 + n * times, times):
            hits = client.query_points("c", vectors[at], limit=min(times, 100)).points
            assert {hit.id for hit in hits} <= set(range(at, at + times))
        others = [query for query in drawn(60, 7, 0.3) if not set(nearest(vectors, query)) & set(range(2000, 8000))]
        found = [{hit.id for hit in client.query_points("c", query).points} for query in others]
        pairs = zip(found, others, strict=True)
        assert sum(len(ids & set(nearest(vectors, query))) for ids, query in pairs) >= 0.99 * 10 * len(others)


def test_a_number_of_points_that_leaves_one_query_by_itself() -> None:
    """Of 10,500 points 105 are held out and asked for by eights: usearch answers a single query in another form."""
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, drawn(10_500, 0, 0.3))
        assert client.get_collection("c").indexed_vectors_count == 10_500


def test_what_no_width_finds_is_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that no link leads to: two in a hundred here, one in a hundred of a million in usearch's graph."""
    search_many = LibraryGraph.search_many

    def without_some(self: LibraryGraph, queries: Any, width: int) -> list[NDArray[np.uint32]]:
        return [rows[rows % 50 != 0] for rows in search_many(self, queries, width)]

    monkeypatch.setattr(LibraryGraph, "search_many", without_some)
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, drawn(N, 0, 0.3))
        assert width(client) <= 256
        assert width(client, limit=100) <= 512


@pytest.mark.parametrize("quantization", ["int8", "binary"])
def test_of_codes_whose_best_are_rescored(quantization: str) -> None:
    vectors = drawn(N, 0, 0.3)
    config: models.QuantizationConfig = (
        models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
        if quantization == "binary"
        else models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    )
    with QdrantClient(":memory:") as client:
        create(client, quantization_config=config)
        upload(client, vectors)
        assert width(client) >= (200 if quantization == "binary" else 128)


def test_reopened_it_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with QdrantClient(tmp_path) as client:
        create(client)
        upload(client, drawn(N, 0, 2.5))
        measured = width(client)
    monkeypatch.setattr("minidb.collection.indexer.held_out", None)
    with QdrantClient(tmp_path) as client:
        client.query_points("c", [1.0] * SIZE)
        assert client.wait_until_indexed("c")
        assert width(client) == measured > 128


def test_a_graph_that_has_grown_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Calibrated] = []

    class Recorded(Calibration):
        def of(self, *args: Any) -> Calibrated:
            measured.append(super().of(*args))
            return measured[-1]

    monkeypatch.setattr("minidb.collection.indexer.Calibration", Recorded)
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, drawn(6000, 0, 0.3))
        assert width(client) == measured[0].default_width(6000, 10)
        client.delete("c", list(range(0, 300)))
        for start in (6000, 8500):
            upload(client, drawn(2500, start, 2.5), start)
        assert client.get_collection("c").indexed_vectors_count == 10_700
        assert [each.n_rows for each in measured] == [6000, 8600]
        assert width(client) == int(measured[1].default_width(11_000, 10) * (1 + 2 * 300 / 11_000))


def test_a_clock_too_coarse_to_measure_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.thread_time_ns", lambda: 0)
    with QdrantClient(":memory:") as client:
        create(client)
        upload(client, drawn(N, 0, 0.3))
        assert width(client) >= 128


def test_the_width_grows_with_the_graph_and_with_the_limit() -> None:
    measured = Calibrated(200, 450, 0.0, 10_000)
    assert [measured.default_width(n, 10) for n in (5_000, 10_000, 100_000, 1_000_000)] == [200, 200, 400, 600]
    assert [measured.default_width(10_000, k) for k in (1, 10, 100, 400)] == [200, 200, 450, 900]
    assert 200 < measured.default_width(10_000, 30) < 450
