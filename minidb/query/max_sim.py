"""The points whose multivector is most similar to a query's: compared one by one, or where there are many those that
centroids of their tokens choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField
from minidb.collection.index_rows import comparable, metric_of
from minidb.collection.indexes import Indexes
from minidb.collection.reads import PointReader
from minidb.cores import on_all_cores
from minidb.index.dense.sketch import LONG_SCAN_NS as _LONG_SCAN_NS
from minidb.index.multivector import max_dot_product, max_sim
from minidb.index.topk import best_positions
from minidb.query.hits import NO_HITS, Hits, Rows, Scores, best_hits, near_border

if TYPE_CHECKING:
    from minidb.query.search import Params

_FEW_ROWS = 64
"""Compared exactly at once."""
_CANDIDATES_OF_10, _PER_EF, _LEAST_TO_CHOOSE_FROM = 400, 4, 3
"""Multivectors that centroids choose of 5,000 for ten hits (see `index.centroids` for the recall), or for each of
`hnsw_ef`, whose default elsewhere is 100; from less than three times as many nothing is chosen.
"""
_LONG = 64
"""Vectors of a point, of which that is enough."""
_TOKEN_CHUNK = 4096
"""Compared at a time: with 32 of a query they make half a megabyte of similarities."""
_TOKEN_NS = 0.05
"""Nanoseconds a product of two tokens takes for each dimension."""


@dataclass(slots=True)
class MaxSim:
    """Searches of one snapshot. `rows` arguments are ascending and hold only points that have the vector."""

    reader: PointReader
    indexes: Indexes

    def nearest(
        self, field: VectorField, query: NDArray[np.float32], k: int, rows: Rows | None, params: Params
    ) -> Hits:
        """The `k` most similar points: fast products choose, and those near the border are scored exactly."""
        if rows is None:
            rows = np.flatnonzero(self.reader.view.has(field.slot)).astype(np.uint32)
        candidates = self._near_centroids(field, query, k, rows, params)
        by = "MaxSim of every candidate" if candidates is rows else "centroids of tokens, best compared by MaxSim"
        self.reader.trace.note(by=by, candidates=len(candidates))
        if metric_of(field) == "dot" and len(candidates) > max(4 * k, _FEW_ROWS):
            candidates = candidates[near_border(self._max_dot_products(field, query, candidates), k)]
        return best_hits(self.reader.view, candidates, self.similarities(field, query, candidates), k)

    def similarities(self, field: VectorField, query: NDArray[np.float32], rows: Rows) -> Scores:
        """Exact internal similarities of rows that have the vector."""

        def of(part: Rows) -> Scores:
            tokens, counts = self.reader.tokens(field, part)
            return max_sim(metric_of(field), query, comparable(field, tokens), counts)

        return self._by_chunks(field, query, rows, of)

    def _max_dot_products(self, field: VectorField, query: NDArray[np.float32], rows: Rows) -> Scores:
        """The same but for rounding, by fast products."""

        def of(part: Rows) -> Scores:
            if field.datatype == "float32":
                return max_dot_product(query, *self.reader.tokens_in_place(field, part))
            tokens, counts = self.reader.tokens(field, part)
            return max_dot_product(query, comparable(field, tokens), np.cumsum(counts) - counts, counts)

        return self._by_chunks(field, query, rows, of)

    def _by_chunks(
        self, field: VectorField, query: NDArray[np.float32], rows: Rows, scores_of: Callable[[Rows], Scores]
    ) -> Scores:
        """Scores of multivectors, a few thousand tokens at a time, on all cores where that takes long."""
        n_tokens = self.reader.view.mean_tokens(field.slot)
        step = max(1, int(_TOKEN_CHUNK / n_tokens))
        chunks = [rows[start : start + step] for start in range(0, len(rows), step)]
        is_long = len(rows) * n_tokens * query.size * _TOKEN_NS > _LONG_SCAN_NS
        scores = (on_all_cores if is_long else map)(scores_of, chunks)
        return np.concatenate([*scores, NO_HITS.scores])

    def _near_centroids(
        self, field: VectorField, query: NDArray[np.float32], k: int, rows: Rows, params: Params
    ) -> Rows:
        """Those of `rows` that may be the nearest; all where they are few, exact hits asked for, or no index made."""
        view = self.reader.view
        enough = _n_candidates(k, view.count(field.slot), view.mean_tokens(field.slot))
        n_candidates = max(enough, _PER_EF * (params.hnsw_ef or 0))
        if params.exact or len(rows) <= _LEAST_TO_CHOOSE_FROM * n_candidates:
            return rows
        index = self.indexes.centroid_index(self.reader, field)
        if index is None or self.reader.collection.config.compares_all(field.name):
            return rows
        inside, tail = np.split(rows, [np.searchsorted(rows, index.n_rows)])
        scores = index.scores(query, view.n_rows)[inside]
        self.reader.trace.note(centroids=len(index.centroids), compared=len(inside), tail=len(tail))
        chosen = inside[best_positions(scores, n_candidates)]
        chosen = self.indexes.with_left_out(chosen, "centroids", field, view, rows)
        return chosen if params.indexed_only else np.concatenate([chosen, tail])


def _n_candidates(k: int, count: int, n_tokens: float) -> int:
    """How many of `count` multivectors of `n_tokens` each centroids choose for `k` hits.

    With the root of `k`, as many again for every tenfold number of points (of 10,000 of the set of `benchmarks` 400 had
    a recall of .955 for ten hits, 520 of .983), and more of short ones, which share less: of 50,000 × 8 1,237 had .883
    and 3,600 .967.
    """
    n = _CANDIDATES_OF_10 * math.sqrt(max(k, 10) / 10) * (1.0 + max(0.0, math.log10(count / 5_000)))
    return max(k, round(n * math.sqrt(max(1.0, _LONG / n_tokens))))
