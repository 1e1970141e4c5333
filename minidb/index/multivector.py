"""MaxSim over multivectors: for each of the query's vectors the best of the point's, summed (ColBERT's late
interaction).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from minidb.index.dense.plain import Metric, similarity_table


def max_sim(
    metric: Metric,
    query: NDArray[np.float32],
    tokens: NDArray[np.float32],
    counts: NDArray[np.int64],
    table_of: Callable[[Metric, NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]] = similarity_table,
) -> NDArray[np.float32]:
    """`(n,) float32`: similarity of `n` points, whose tokens stand one point after the other, to a query `(q, d)`.

    Similarities are internal ones, so for Euclid the result is minus the sum of squared distances. `table_of` compares
    all tokens with all of the query's vectors.
    """
    if not len(counts):
        return np.zeros(0, np.float32)
    table = table_of(metric, query, tokens)  # (q, tokens): reduceat along rows is the fast orientation
    starts = np.cumsum(counts) - counts
    best = np.maximum.reduceat(table, starts, axis=1)
    total: NDArray[np.float32] = best.sum(axis=0, dtype=np.float32)
    return total
