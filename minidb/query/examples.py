"""Scores made of a point's similarities to several examples: recommend, discover, context, relevance feedback.

Such a score has no metric a graph could follow, so every candidate is looked at, as Qdrant does below its indexing
threshold. Similarities are internal ones: larger is nearer for every distance (Euclid minus the square, Manhattan minus
the sum). Candidates are read once, chunk by chunk, and compared with all examples while they are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField
from minidb.collection.index_rows import comparable, metric_of
from minidb.index.dense.plain import similarities
from minidb.index.multivector import max_sim
from minidb.index.topk import best_positions
from minidb.query.hits import NO_HITS, Hits, Rows, Scores, ranked
from minidb.query.search import Search
from minidb.query.vectors import QueryVector, SparseQuery

_CHUNK_ROWS = 512
_TOKEN_CHUNK = 65536

Compare = Callable[[QueryVector], Scores]


class ExampleScore(Protocol):
    """A formula over similarities."""

    def __call__(self, similarities: NDArray[np.float32]) -> Scores:
        """`(n,) float32` scores of `(examples, n) float32` internal similarities."""


def best_by_examples(
    search: Search, field: VectorField, examples: Sequence[QueryVector], score: ExampleScore, k: int, rows: Rows | None
) -> Hits:
    """The `k` points with the highest score, among `rows` (ascending; None for all) that have the vector."""
    view = search.reader.view
    has = view.has(field.slot)
    candidates = np.flatnonzero(has).astype(np.uint32) if rows is None else rows[has[rows]]
    if not len(candidates):
        return NO_HITS
    chunks = _sparse_chunks if field.kind == "sparse" else _multi_chunks if field.kind == "multi" else _dense_chunks
    scores = np.concatenate(
        [score(np.stack([compare(example) for example in examples])) for compare in chunks(search, field, candidates)]
        if examples
        else [score(np.zeros((0, len(candidates)), np.float32))]
    )
    if len(candidates) > 4 * k:
        at = best_positions(scores, k)
        candidates, scores = candidates[at], scores[at]
    return ranked(view, candidates, scores, k)


def _dense_chunks(search: Search, field: VectorField, rows: Rows) -> Iterator[Compare]:
    metric = metric_of(field)
    n_rows = search.reader.view.n_rows
    mapped = search.reader.all_dense(field) if len(rows) == n_rows else None
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = rows[start : start + _CHUNK_ROWS]
        if mapped is not None:  # every row counts: nothing needs gathering
            vectors = field.decode(mapped[start : start + _CHUNK_ROWS])
        else:
            vectors = search.reader.dense(field, chunk)
        vectors = comparable(field, vectors)

        def compare(example: QueryVector, vectors: NDArray[np.float32] = vectors) -> Scores:
            assert not isinstance(example, SparseQuery)
            return similarities(metric, example, vectors)

        yield compare


def _multi_chunks(search: Search, field: VectorField, rows: Rows) -> Iterator[Compare]:
    metric, view = metric_of(field), search.reader.view
    mean = max(1, view.n_tokens.get(field.slot, 0) // max(view.count(field.slot), 1))
    step = max(1, _TOKEN_CHUNK // mean)
    for start in range(0, len(rows), step):
        stored, counts = search.reader.tokens(field, rows[start : start + step])
        tokens = comparable(field, stored)

        def compare(
            example: QueryVector, tokens: NDArray[np.float32] = tokens, counts: NDArray[np.int64] = counts
        ) -> Scores:
            assert not isinstance(example, SparseQuery)
            return max_sim(metric, example, tokens, counts)

        yield compare


def _sparse_chunks(search: Search, field: VectorField, rows: Rows) -> Iterator[Compare]:
    """One chunk. A point that shares no dimension with an example has similarity 0 to it, and counts."""

    def compare(example: QueryVector) -> Scores:
        assert isinstance(example, SparseQuery)
        scores = search.similarities(field, example, rows)
        return np.where(np.isnan(scores), np.float32(0.0), scores)

    yield compare


def fast_sigmoid(x: Scores) -> Scores:
    """x / (1 + |x|) (lib/common, math.rs)."""
    squashed: Scores = x / (np.float32(1.0) + np.abs(x))
    return squashed


def scaled_fast_sigmoid(x: Scores) -> Scores:
    """The same between 0 and 1 (lib/common, math.rs)."""
    scaled: Scores = np.float32(0.5) * (fast_sigmoid(x) + np.float32(1.0))
    return scaled
