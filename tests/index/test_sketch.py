"""The int8 copy of a field while it grows: whoever searches meanwhile sees all rows in one scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb.index.dense.hot import HotRows
from minidb.index.dense.plain import Metric
from minidb.index.dense.sketch import Sketch

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
