"""Scalar and binary quantization: codes choose, floats decide; search parameters; changes of the setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.index.dense.bits import BitSketch
from minidb.index.dense.hot import HotRows

SIZE, N = 128, 10_000
SCALAR = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type="int8", quantile=0.99))
BINARY = models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
PRODUCT = models.ProductQuantization(product=models.ProductQuantizationConfig(compression="x16"))
TURBO = models.TurboQuantization(turbo=models.TurboQuantQuantizationConfig())


def clustered(n: int, seed: int = 0) -> NDArray[np.float32]:
    centres = np.random.default_rng(99).standard_normal((100, SIZE))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 100, n)] + 0.8 * rng.standard_normal((n, SIZE))).astype(np.float32)


@pytest.fixture
def by_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are walked though so few vectors are scanned faster."""
    monkeypatch.setattr("minidb.index.dense.usearch_graph.N_CORES", 1)  # with more a few rows may get no link to them
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e9)
    monkeypatch.setattr("minidb.query.search._gather_ns", lambda field: 1e9)


def params(ef: int = 200, **quantization: Any) -> models.SearchParams:
    return models.SearchParams(hnsw_ef=ef, quantization=models.QuantizationSearchParams(**quantization))


def fill(client: QdrantClient, quantization: Any, *, indexed: bool, distance: str = "Cosine") -> NDArray[np.float32]:
    vectors = clustered(N)
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance=distance),
        quantization_config=quantization,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1 if indexed else 0),
    )
    client.upload_collection("c", vectors, ids=range(N), payload=[{"half": i % 2} for i in range(N)], batch_size=4000)
    assert client.wait_until_indexed("c")
    return vectors


def recall(client: QdrantClient, filter: models.Filter | None = None, **quantization: Any) -> float:
    """Share of the 10 nearest found, and every score is the float's."""
    found = 0
    for query in clustered(30, seed=1):
        exact = client.query_points(
            "c", query=query, query_filter=filter, search_params=models.SearchParams(exact=True)
        )
        hits = client.query_points("c", query=query, query_filter=filter, search_params=params(**quantization))
        scores = {hit.id: hit.score for hit in exact.points}
        common = [hit for hit in hits.points if hit.id in scores]
        assert all(hit.score == scores[hit.id] for hit in common)
        found += len(common)
    return found / 300


EXACT = models.SearchParams(exact=True)
HALF = models.Filter(must=[models.FieldCondition(key="half", match=models.MatchValue(value=1))])


@pytest.mark.parametrize("quantization", [SCALAR, BINARY, PRODUCT, TURBO], ids=["scalar", "binary", "product", "turbo"])
def test_recall_of_scans_with_and_without_a_filter(client: QdrantClient, quantization: Any) -> None:
    fill(client, quantization, indexed=False)
    assert "scan" in str(client.explain("c", query=clustered(1)[0]))
    assert recall(client) >= 0.99
    assert recall(client, HALF) >= 0.99
    assert recall(client, ignore=True) == 1.0


@pytest.mark.usefixtures("by_graph")
@pytest.mark.parametrize("quantization", [SCALAR, BINARY, PRODUCT, TURBO], ids=["scalar", "binary", "product", "turbo"])
def test_recall_of_graphs_with_and_without_a_filter(client: QdrantClient, quantization: Any) -> None:
    fill(client, quantization, indexed=True)
    for filter in (None, HALF):
        assert "graph" in str(client.explain("c", query=clustered(1)[0], query_filter=filter))
    assert recall(client) >= 0.99
    assert recall(client, HALF) >= 0.99
    assert recall(client, ignore=True) == 1.0


@pytest.mark.usefixtures("by_graph")
@pytest.mark.parametrize("quantization", [SCALAR, BINARY], ids=["scalar", "binary"])
@pytest.mark.parametrize("distance", ["Dot", "Euclid"])
def test_other_distances(client: QdrantClient, quantization: Any, distance: str) -> None:
    fill(client, quantization, indexed=True, distance=distance)
    assert recall(client) >= (0.6 if quantization is BINARY and distance == "Dot" else 0.99)


@pytest.mark.parametrize("way", ["scan", "graph"])
def test_rescore_and_oversampling_decide_how_many_candidates_codes_choose(
    client: QdrantClient, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "graph":
        request.getfixturevalue("by_graph")
    fill(client, BINARY, indexed=way == "graph")
    assert way in str(client.explain("c", query=clustered(1)[0]))
    none = recall(client, rescore=False)
    double = recall(client, oversampling=2.0)
    tenfold = recall(client, oversampling=10.0)
    assert none < double < tenfold
    assert none < 0.7
    assert tenfold >= 0.97


def test_explain_tells_which_codes_were_used(client: QdrantClient) -> None:
    fill(client, BINARY, indexed=False)
    query = clustered(1, seed=1)[0]
    assert "bit scan" in str(client.explain("c", query=query))
    assert "float scan" in str(client.explain("c", query=query, search_params=params(ignore=True)))


@pytest.mark.usefixtures("by_graph")
def test_a_changed_setting_takes_effect_and_survives_reopening(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        fill(client, None, indexed=True)
        for setting in (BINARY, SCALAR, models.Disabled.DISABLED, BINARY):
            client.update_collection("c", quantization_config=setting)
            assert client.wait_until_indexed("c")
            assert recall(client) >= 0.99
        assert recall(client, rescore=False) < 0.7
    with QdrantClient(tmp_path) as client:
        client.query_points("c", query=clustered(1)[0])
        assert client.wait_until_indexed("c")
        assert recall(client) >= 0.99
        assert recall(client, rescore=False) < 0.7
        client.upload_collection("c", clustered(500, seed=5), ids=range(N, N + 500))
        assert recall(client) >= 0.99


def test_a_vectors_own_setting_goes_before_the_collections(client: QdrantClient) -> None:
    vectors = clustered(N)
    plain = models.VectorParams(size=SIZE, distance="Cosine")
    own = models.VectorParams(size=SIZE, distance="Cosine", quantization_config=SCALAR)
    client.create_collection("c", {"default": plain, "own": own}, quantization_config=BINARY)
    client.upload_collection("c", {"default": vectors, "own": vectors}, ids=range(N), batch_size=4000)
    query = clustered(1, seed=1)[0]
    assert "bit scan" in str(client.explain("c", query=query, using="default"))
    assert "int8 scan" in str(client.explain("c", query=query, using="own"))


@pytest.mark.parametrize("size", [8, 12, 100])
def test_the_signs_of_a_field_are_compared_bit_by_bit(size: int) -> None:
    rng = np.random.default_rng(size)
    rows, query = rng.standard_normal((300, size)).astype(np.float32), rng.standard_normal(size).astype(np.float32)
    sketch = BitSketch(size)
    sketch.extend(100, lambda start, stop: iter([rows[start:stop]]))
    sketch.extend(300, lambda start, stop: iter([rows[start:stop]]))
    differing = ((rows > 0) != (query > 0)).sum(axis=1)
    assert np.array_equal(sketch.scan(query, 300), -differing)
    assert np.array_equal(sketch.gather(query, np.array([5, 250], np.uint32), HotRows()), -differing[[5, 250]])
