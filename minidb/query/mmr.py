"""Maximal marginal relevance: from the nearest candidates, pick those that are unlike what was picked before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField
from minidb.collection.index_rows import comparable, metric_of
from minidb.collection.reads import PointReader
from minidb.index.dense.plain import similarities, similarity_table
from minidb.index.multivector import max_sim
from minidb.query.hits import Hits, Rows, Scores
from minidb.query.vectors import QueryVector, SparseQuery

SimilarityTo = Callable[[int], Scores]
"""Similarities of every candidate to the candidate at a position."""


def diverse(
    reader: PointReader, field: VectorField, query: QueryVector, relevance_share: float, candidates: Hits, limit: int
) -> Hits:
    """`limit` of the candidates in the order of their selection, with the scores they came with.

    A candidate listed twice counts once, one without the vector not at all.
    """
    _, first = np.unique(candidates.rows, return_index=True)
    candidates = candidates.at(np.sort(first))
    candidates = candidates.at(reader.view.has(field.slot)[candidates.rows])
    if len(candidates) < 2:
        return candidates.cut(0, limit)
    relevance, similar = _similarities(reader, field, query, candidates.rows)
    return candidates.at(select(relevance, similar, relevance_share, limit))


def select(relevance: Scores, similar: SimilarityTo, relevance_share: float, limit: int) -> NDArray[np.int64]:
    """Positions by argmax of λ·relevance − (1−λ)·(greatest similarity to what is selected), λ the relevance share.

    Source: lib/shard, query/mmr/mod.rs. Of equal ones the last of the remaining list wins; its last element takes the
    place of the one taken out, as with Rust's `max_by_key` and `swap_remove`.
    """
    share = np.float32(relevance_share)
    rest = np.float32(1.0) - share
    remaining = np.arange(len(relevance))
    closest = np.full(len(relevance), -np.inf, np.float32)
    worth = relevance
    selected: list[int] = []
    while True:
        place = len(remaining) - 1 - int(np.argmax(worth[remaining][::-1]))
        chosen = int(remaining[place])
        selected.append(chosen)
        remaining[place] = remaining[-1]
        remaining = remaining[:-1]
        if len(selected) == limit or not len(remaining):
            return np.array(selected, np.int64)
        closest = np.maximum(closest, similar(chosen))
        worth = share * relevance - rest * closest


def _similarities(
    reader: PointReader, field: VectorField, query: QueryVector, rows: Rows
) -> tuple[Scores, SimilarityTo]:
    """Similarity of each row to the query, and to each other; internal ones, sparse ones without IDF."""
    if isinstance(query, SparseQuery):
        return _sparse(reader, field, query, rows)
    metric = metric_of(field)
    if field.kind == "dense":
        vectors = comparable(field, reader.dense(field, rows))
        return similarities(metric, query, vectors), lambda at: similarities(metric, vectors[at], vectors)
    stored, counts = reader.tokens(field, rows)
    tokens = comparable(field, stored)
    ends = np.cumsum(counts)
    starts = ends - counts

    def to_multivector(at: int) -> Scores:
        # MaxSim is not symmetric: the candidates are the queries here
        table = similarity_table(metric, tokens[starts[at] : ends[at]], tokens)
        return np.add.reduceat(table.max(axis=0), starts).astype(np.float32, copy=False)

    return max_sim(metric, query, tokens, counts), to_multivector


def _sparse(reader: PointReader, field: VectorField, query: SparseQuery, rows: Rows) -> tuple[Scores, SimilarityTo]:
    from scipy.sparse import csr_matrix  # takes long to import, and few queries need it

    vectors = [reader.sparse(field, row) for row in rows.tolist()]
    dims, columns = np.unique(np.concatenate([indices for indices, _ in vectors]), return_inverse=True)
    lengths = np.cumsum([0] + [len(indices) for indices, _ in vectors])
    values = np.concatenate([values for _, values in vectors])
    matrix = csr_matrix((values, columns.astype(np.int32), lengths), shape=(len(rows), max(len(dims), 1)))

    def to(indices: NDArray[np.uint32], weights: NDArray[np.float32]) -> Scores:
        place = np.searchsorted(dims, indices)
        known = place < len(dims)
        known[known] = dims[place[known]] == indices[known]
        vector = np.zeros(max(len(dims), 1), np.float32)
        vector[place[known]] = weights[known]
        return np.asarray(matrix @ vector, np.float32)

    return to(query.indices, query.values), lambda at: to(*vectors[at])
