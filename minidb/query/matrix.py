"""The distance matrix of a random sample: for each sampled point its nearest within the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.fields import VectorField, field_named
from minidb.collection.index_rows import comparable, metric_of
from minidb.collection.reads import PointReader
from minidb.errors import BadInput
from minidb.index.dense.plain import reported, similarity_table
from minidb.query.hits import Rows
from minidb.query.sample import sample
from minidb.query.search import Search
from minidb.query.vectors import as_compared, stored_vector
from minidb.storage.records import PointId

DEFAULT_SAMPLE = 10
DEFAULT_LIMIT = 3
_MOST_POINTS, _MOST_PAIRS = 10_000, 1_000_000
"""A request of 40 bytes could ask for all of a collection with each other; a pair takes 340 bytes until it is sent."""
_TABLE = 1 << 20
"""Similarities made at a time."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """`ids` in their order; `nearest[i]` are positions in `ids` and scores of the nearest to `ids[i]`, best first."""

    ids: list[PointId]
    nearest: list[tuple[list[int], list[float]]]

    def as_pairs(self) -> models.SearchMatrixPairsResponse:
        return models.SearchMatrixPairsResponse(
            [
                models.SearchMatrixPair(a, self.ids[at], score)
                for a, (positions, scores) in zip(self.ids, self.nearest, strict=True)
                for at, score in zip(positions, scores, strict=True)
            ]
        )

    def as_offsets(self) -> models.SearchMatrixOffsetsResponse:
        return models.SearchMatrixOffsetsResponse(
            offsets_row=[row for row, (positions, _) in enumerate(self.nearest) for _ in positions],
            offsets_col=[at for positions, _ in self.nearest for at in positions],
            scores=[score for _, scores in self.nearest for score in scores],
            ids=self.ids,
        )


def run_matrix(snapshot: Snapshot, request: models.SearchMatrixRequest) -> Matrix:
    """Draw a sample of points that have the vector and find each one's nearest in it.

    Source: lib/collection, distance_matrix.rs. Fewer than two points give an empty matrix.

    Raises:
        BadInput: the collection has no vector of that name, or the matrix would be too large.
    """
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    field = field_named(view.fields, request.using or "")
    allowed = reader.matching(request.filter)
    has = view.has(field.slot)
    rows = np.flatnonzero(has).astype(np.uint32) if allowed is None else allowed[has[allowed]]
    drawn = sample(rows, DEFAULT_SAMPLE if request.sample is None else request.sample).rows
    if len(drawn) < 2:
        return Matrix([], [])
    limit = DEFAULT_LIMIT if request.limit is None else request.limit
    n_pairs = len(drawn) * min(limit, len(drawn) - 1)
    if len(drawn) > _MOST_POINTS or n_pairs > _MOST_PAIRS:
        raise BadInput(
            f"a distance matrix of {len(drawn)} points and {n_pairs} pairs is too large, expected at most "
            f"{_MOST_POINTS} points and {_MOST_PAIRS} pairs: ask for a smaller sample or limit"
        )
    drawn = drawn[view.id_order(drawn)]
    search = Search(reader, snapshot.collection.indexes_for(view))
    n = max(1, _TABLE // len(drawn))
    nearest: list[tuple[list[int], list[float]]] = []
    for start in range(0, len(drawn), n):
        table = _similarity_table(search, field, drawn[start : start + n], drawn)
        nearest += _nearest(field, table, start, limit)
    return Matrix(reader.view.ids_of(drawn), nearest)


def _nearest(
    field: VectorField, table: NDArray[np.float32], start: int, limit: int
) -> list[tuple[list[int], list[float]]]:
    """For each row of a similarity table, of which the first is `start`, the best columns but its own, equal ones in
    their order, as reported.
    """
    table = np.where(np.isnan(table), -np.inf, table)
    np.fill_diagonal(table[:, start:], -np.inf)
    best = np.argsort(-table, axis=1, kind="stable")[:, :limit]
    similarities = np.take_along_axis(table, best, axis=1)
    counts = np.count_nonzero(similarities > -np.inf, axis=1).tolist()
    scores = similarities if field.kind == "sparse" else reported(metric_of(field), similarities)
    return [
        (positions[:count], row[:count])
        for positions, row, count in zip(best.tolist(), scores.tolist(), counts, strict=True)
    ]


def _similarity_table(search: Search, field: VectorField, some: Rows, rows: Rows) -> NDArray[np.float32]:
    """`(len(some), len(rows))` internal similarities; NaN where sparse ones have nothing in common."""
    if field.kind == "dense":
        vectors = comparable(field, search.reader.dense(field, rows))
        queries = vectors if len(some) == len(rows) else comparable(field, search.reader.dense(field, some))
        return similarity_table(metric_of(field), queries, vectors)
    compared = [as_compared(field, stored_vector(search.reader, field, row)) for row in some.tolist()]
    return np.stack([search.similarities(field, query, rows) for query in compared])
