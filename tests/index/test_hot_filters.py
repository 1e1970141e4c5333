"""A filter that is asked again and again finds the same by the copy of its codes as without, and nothing older."""

from __future__ import annotations

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.index.dense.hot import HotRows

SIZE, N = 16, 6000
QUANTIZED = [
    None,
    models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
]


def asked(client: QdrantClient, queries: np.ndarray, exact: bool) -> list[list[tuple[object, float]]]:
    kept = models.Filter(must=[models.FieldCondition(key="n", match=models.MatchValue(value=1))])
    params = models.SearchParams(exact=exact, quantization=models.QuantizationSearchParams(oversampling=200.0))
    answers = [client.query_points("c", query=q, query_filter=kept, search_params=params).points for q in queries]
    return [[(hit.id, hit.score) for hit in points] for points in answers]


@pytest.mark.parametrize("room", [64 << 20, 1])
@pytest.mark.parametrize("quantized", QUANTIZED)
def test_a_filter_asked_again_and_again(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, quantized: models.BinaryQuantization | None, room: int
) -> None:
    monkeypatch.setattr("minidb.index.dense.hot._MAX_BYTES_TOGETHER", room)
    monkeypatch.setattr("minidb.query.search._FLOAT_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._gather_ns", lambda field: 0.0)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N, SIZE)).astype(np.float32)
    client.create_collection(
        "c", models.VectorParams(size=SIZE, distance=models.Distance.EUCLID), quantization_config=quantized
    )
    payloads = [{"n": n % 3} for n in range(N)]
    client.upsert("c", models.Batch(ids=list(range(N)), vectors=vectors, payloads=payloads))
    queries = rng.standard_normal((6, SIZE)).astype(np.float32)
    truth = asked(client, queries, exact=True)
    for _ in range(3):
        assert asked(client, queries, exact=False) == truth
    nearest = [hits[0][0] for hits in truth]
    client.delete("c", nearest[:3])
    client.set_payload("c", {"n": 2}, points=nearest[3:])
    client.upsert("c", [models.PointStruct(id=N, vector=(10 * vectors[0]).tolist(), payload={"n": 1})])  # a wider scale
    changed = asked(client, queries, exact=True)
    assert all(before[0] != after[0] for before, after in zip(truth, changed, strict=True))
    for _ in range(3):
        assert asked(client, queries, exact=False) == changed


def test_copies_of_many_filters_take_no_more_than_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.arange(40_000, dtype=np.int8).reshape(-1, 4)
    monkeypatch.setattr("minidb.index.dense.hot._MAX_BYTES_TOGETHER", 3 * 4 * 1000)
    hot = HotRows()
    filters = [np.arange(start, start + 1000, dtype=np.uint32) for start in range(0, 9000, 1000)]
    for rows in filters:
        rows.flags.writeable = False
    for _ in range(4):
        for rows in filters:
            for _ in range(3):
                hot.is_hot(rows, 4)
            assert (hot.scores(codes, rows, lambda of: of[:, 0].astype(np.float32)) == codes[rows, 0]).all()
            copies = [each.copy for each in hot._hot.values() if each.copy is not None]
            assert 1 <= len(copies) <= 3
