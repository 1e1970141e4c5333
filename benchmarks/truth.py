"""Right answers by full computation, and recall: a hit counts when its true score reaches the k-th best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.requests import Answer, Floats, SparseRows

_TOLERANCE = 2e-5
_MISSING = np.float32(-np.inf)
_POINTS_AT_ONCE = 128


class Truth:
    """True scores of the best points per query, enough of them to judge any answer of `k` hits."""

    def __init__(self, scores: Floats, k: int = 10) -> None:
        """`scores (q, n)`: of every point for every query, −inf for points that must not come back."""
        self._scores = scores
        best = -np.partition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        self._possible = np.isfinite(best).sum(axis=1)
        self._least = np.where(np.isfinite(best), best, np.inf).min(axis=1)

    def recall(self, answers: Sequence[Answer]) -> float:
        """Mean share of the possible hits that came back, over the first `len(answers)` queries."""
        shares = [self._share(query, answer) for query, answer in enumerate(answers)]
        return float(np.mean(shares)) if shares else 0.0

    def _share(self, query: int, answer: Answer) -> float:
        possible = int(self._possible[query])
        if not possible:
            return 1.0 if not answer else 0.0
        ids = np.array(sorted({int(point) for point, _ in answer}), np.int64)
        least = self._least[query]
        right = (
            np.count_nonzero(self._scores[query, ids] >= least - _TOLERANCE * max(abs(least), 1.0)) if len(ids) else 0
        )
        return min(int(right), possible) / possible


class Exactly:
    """Each request has one right set of ids (of a facet: values); an answer counts by the share of it that it holds."""

    def __init__(self, right: Sequence[Sequence[object]]) -> None:
        self._right = right

    def recall(self, answers: Sequence[Answer]) -> float:
        """Mean share over the first `len(answers)` requests."""
        shares = [
            len({found for found, _ in answer} & set(right)) / len(right)
            for answer, right in zip(answers, self._right, strict=False)
        ]
        return float(np.mean(shares)) if shares else 0.0


def dense_scores(points: Floats, queries: Floats, allowed: NDArray[np.bool_] | None = None) -> Floats:
    """Dot products `(q, n)`; −inf where not allowed."""
    scores: Floats = queries @ points.T
    if allowed is not None:
        scores[:, ~allowed] = _MISSING
    return scores


def max_sim_scores(points: Floats, queries: Floats) -> Floats:
    """`(q, n)`: of each of a query's vectors `(q, m, d)` the largest dot product with one of a point's, summed."""
    scores = np.empty((len(queries), len(points)), np.float32)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        some = points[start : start + _POINTS_AT_ONCE]
        flat = some.reshape(-1, some.shape[2])
        for at, query in enumerate(queries):
            best = (flat @ query.T).reshape(len(some), -1, len(query)).max(axis=1)
            scores[at, start : start + len(some)] = best.sum(axis=1)
    return scores


def sparse_scores(rows: SparseRows, queries: SparseRows, idf: bool) -> Floats:
    """Dot products `(q, n)`, with Qdrant's idf on the query's side; −inf where nothing is in common."""
    width = int(max(rows.indices.max(), queries.indices.max())) + 1
    points = csr_matrix((rows.values, rows.indices.astype(np.int32), rows.starts), shape=(len(rows), width))
    values = queries.values
    if idf:
        holders = np.bincount(rows.indices, minlength=width)
        weights = np.log((len(rows) - holders + 0.5) / (holders + 0.5) + 1.0)
        values = (values * weights[queries.indices]).astype(np.float32)
    asked = csr_matrix((values, queries.indices.astype(np.int32), queries.starts), shape=(len(queries), width))
    scores: Floats = np.asarray((asked @ points.T).toarray(), np.float32)
    scores[scores == 0.0] = _MISSING
    return scores


def prefetched_scores(large: Floats, small: Floats, queries: Floats, small_queries: Floats, limit: int) -> Floats:
    """Scores by the large vectors among the `limit` best by the small ones."""
    return among_best(queries @ large.T, small_queries @ small.T, limit)


def among_best(scores: Floats, first: Floats, limit: int) -> Floats:
    """Scores of the `limit` best by `first`, −inf of all others; both are `(q, n)`."""
    if limit < first.shape[1]:
        border = np.partition(first, first.shape[1] - limit, axis=1)[:, first.shape[1] - limit]
        scores[first < border[:, None]] = _MISSING
    return scores
