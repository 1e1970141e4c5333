"""Exact similarities by arithmetic: the truth every other form of a dense vector is checked against.

A similarity is Qdrant's internal score, larger is nearer for every distance: dot product (Cosine on unit vectors, Dot),
minus the squared Euclidean distance, minus the Manhattan distance. `reported` turns it into the score callers see.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import simsimd
from numpy.typing import NDArray

Metric = Literal["dot", "euclid", "manhattan"]

_CHUNK_ROWS = 512  # a chunk of differences stays in the L2 cache
_PRODUCT_SLACK = 1e-5
PIECE = 500_000
"""Multiplications up to which BLAS keeps to one thread: from 2^19 on OpenBLAS takes more. Where other threads search,
too, or the machine is busy, waiting for its own took up to 400 times as long as a product (8 ms for 20 µs).
"""


def cdist(query: NDArray[Any], matrix: NDArray[Any], metric: Literal["dot", "sqeuclidean"]) -> NDArray[np.float32]:
    """`(n,) float32` simsimd distances of `(n, d)` rows to a query `(d,)` of the same type.

    simsimd computes in float64 and rounds once. Its `out=` is not for use: it loses a reference to None every time.
    """
    return np.asarray(simsimd.cdist(query.reshape(1, -1), matrix, metric=metric, out_dtype="float32")).reshape(-1)


def similarities(metric: Metric, query: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(n,) float32` of `(n, d)` rows to a query `(d,)`."""
    if not len(matrix):
        return np.zeros(0, np.float32)
    if metric == "dot":
        return cdist(query, matrix, "dot")
    if metric == "euclid":
        return -cdist(query, matrix, "sqeuclidean")
    scores = np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), _CHUNK_ROWS):
        stop = start + _CHUNK_ROWS
        scores[start:stop] = -np.abs(matrix[start:stop] - query).sum(axis=1)
    return scores


def similarity_table(metric: Metric, queries: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(q, n) float32` of several queries `(q, d)` to `(n, d)` rows."""
    if metric == "dot" and len(matrix) and len(queries):
        return np.asarray(simsimd.cdist(queries, matrix, metric="dot", out_dtype="float32"))
    table = [similarities(metric, query, matrix) for query in queries]
    return np.stack(table) if table else np.zeros((0, len(matrix)), np.float32)


def pair_similarities(metric: Metric, queries: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(n,) float32` of each of `(n, d)` queries to the row of `(n, d)` in its place, bit for bit as `similarities`."""
    if not len(matrix):
        return np.zeros(0, np.float32)
    if metric == "manhattan":
        return -np.abs(matrix - queries).sum(axis=1)  # type: ignore[no-any-return]
    compare = simsimd.dot if metric == "dot" else simsimd.sqeuclidean
    found = np.asarray(compare(queries, matrix), np.float32).reshape(-1)
    return found if metric == "dot" else -found


def product_table(metric: Metric, queries: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Like `similarity_table` by one BLAS product where that is possible, for choosing candidates: it is faster, but
    the last bit of a product depends on the row's place, so that equal vectors may get unequal scores.
    """
    if metric != "dot":
        return similarity_table(metric, queries, matrix)
    step = max(1, PIECE // max(queries.size, 1))
    table = np.empty((len(queries), len(matrix)), np.float32)
    for start in range(0, len(matrix), step):
        np.matmul(queries, matrix[start : start + step].T, out=table[:, start : start + step])
    return table


def below_rounding(scores: Any) -> Any:
    """Scores, a number or an array, less what the rounding of a `product_table` may have taken from them: it may decide
    who is a candidate, and never who is a hit.
    """
    return scores - _PRODUCT_SLACK * np.maximum(np.abs(scores), 1.0)


def reported(metric: Metric, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores callers see: similarities for dot, distances for the others."""
    if metric == "dot":
        return scores
    distances = np.maximum(-scores, 0.0)  # never minus zero
    return np.sqrt(distances) if metric == "euclid" else distances
