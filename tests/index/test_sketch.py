"""The int8 copy of a field while it grows: whoever searches meanwhile sees all rows in one scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.index.dense.hot import HotRows
from minidb.index.dense.plain import Metric
from minidb.index.dense.sketch import Chunks, Sketch

N, SIZE = 500, 32


@pytest.mark.parametrize("metric", ["dot", "euclid"])
@pytest.mark.parametrize("factor", [1.0, 3.0], ids=["fits", "starts over"])
def test_searches_while_it_is_extended(metric: Metric, factor: float) -> None:
    """New values three times as wide need another scale, in which all rows are written again."""
    random = np.random.default_rng(0)
    vectors = random.uniform(-1, 1, (2 * N, SIZE)).astype(np.float32)
    vectors[N:] *= factor
    query, rows = vectors[7], np.arange(0, N, 3, dtype=np.uint32)
    sketch = Sketch(SIZE, metric)

    def chunks(start: int, stop: int) -> Iterator[NDArray[np.float32]]:
        for at in range(start, stop, 100):
            yield vectors[at : min(at + 100, stop)]

    def searched() -> list[float]:
        return [*sketch.scan(query, N), *sketch.gather(query, rows, HotRows())]

    def watched(start: int, stop: int) -> Iterator[NDArray[np.float32]]:
        for chunk in chunks(start, stop):
            meanwhile.append(searched())
            yield chunk

    sketch.extend(N, chunks)
    before, scale, meanwhile = searched(), sketch.scale, list[list[float]]()
    sketch.extend(2 * N, watched)
    assert (sketch.scale == scale) == (factor == 1.0)
    assert len(meanwhile) >= 5
    assert all(scores == before for scores in meanwhile)
    assert int(np.argmax(sketch.scan(query, 2 * N)[:N])) == int(np.argmax(before[:N]))


def rows_of(vectors: NDArray[np.float32]) -> Chunks:
    return lambda start, stop: iter([vectors[start:stop]])


@pytest.mark.parametrize("metric", ["dot", "euclid"])
def test_values_that_leave_the_others_no_codes_are_found_out(metric: Metric) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((3000, SIZE)).astype(np.float32)
    vectors[2000] = 300.0
    sketch = Sketch(SIZE, metric)

    sketch.extend(2000, rows_of(vectors))
    assert sketch.suits
    sketch.extend(3000, rows_of(vectors))
    assert not sketch.suits


def test_later_rows_that_are_all_smaller_are_found_out() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((20_000, SIZE)).astype(np.float32)
    vectors[:3000] *= 200.0
    sketch = Sketch(SIZE, "euclid")

    sketch.extend(3000, rows_of(vectors))
    assert sketch.suits
    for n_rows in range(4000, 20_001, 1000):
        sketch.extend(n_rows, rows_of(vectors))
    assert not sketch.suits


@pytest.mark.parametrize("distance", ["Dot", "Euclid"])
def test_one_long_vector_hides_no_neighbours(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, distance: str
) -> None:
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 0)
    random = np.random.default_rng(1)
    vectors = random.standard_normal((2000, SIZE)).astype(np.float32)
    client.create_collection("c", vectors_config={"size": SIZE, "distance": distance})
    client.upsert("c", models.Batch(ids=list(range(2000)), vectors=vectors))
    queries = random.standard_normal((20, SIZE)).astype(np.float32)

    def found(**params: bool) -> list[list[object]]:
        search_params = models.SearchParams(**params)
        return [[hit.id for hit in client.query_points("c", q, search_params=search_params).points] for q in queries]

    assert found() == found(exact=True)
    long = np.full((100, SIZE), 1.0, np.float32)
    long[0] = 300.0
    client.upsert("c", models.Batch(ids=list(range(2000, 2100)), vectors=long))
    assert found() == found(exact=True)
