"""Recommend: near to the positive, far from the negative examples, by an averaged vector or a score of all examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.collection.fields import VectorField
from minidb.errors import BadInput
from minidb.query.examples import scaled_fast_sigmoid
from minidb.query.hits import Scores
from minidb.query.references import Kind, RawVector
from minidb.query.vectors import QueryVector, SparseQuery, prepared


class BestScore(NamedTuple):
    """σ(p) where the best positive similarity p beats the best negative one n, else −σ(n); σ(x) = (x/(1+|x|) + 1) / 2.

    Source: lib/segment, reco_query.rs, `RecoBestScoreQuery`. The first `n_positive` examples are the positive ones.
    """

    n_positive: int

    def __call__(self, similarities: NDArray[np.float32]) -> Scores:
        best = np.float32(-np.inf)
        positive = similarities[: self.n_positive].max(axis=0, initial=best)
        negative = similarities[self.n_positive :].max(axis=0, initial=best)
        wins = positive > negative
        magnitude = scaled_fast_sigmoid(np.where(wins, positive, negative))
        return np.where(wins, magnitude, -magnitude)


class SumScores(NamedTuple):
    """Sum of the positive minus sum of the negative similarities (lib/segment, reco_query.rs, `RecoSumScoresQuery`)."""

    n_positive: int

    def __call__(self, similarities: NDArray[np.float32]) -> Scores:
        positive = similarities[: self.n_positive].sum(axis=0, dtype=np.float32)
        negative = similarities[self.n_positive :].sum(axis=0, dtype=np.float32)
        difference: Scores = positive - negative
        return difference


def average_vector(field: VectorField, positive: Sequence[RawVector], negative: Sequence[RawVector]) -> QueryVector:
    """avg(positive) + avg(positive) − avg(negative), ready to be searched with (lib/collection, recommendations.rs).

    Vectors of points enter as stored (for Cosine: of unit length), given ones as given. Multivectors are not averaged
    but concatenated, the negative ones with their signs turned.

    Raises:
        BadInput: no positive example, or dense, sparse and multivectors mixed.
    """
    kind, toward = _average(positive)
    if not negative:
        return prepared(field, kind, toward)
    other_kind, away = _average(negative)
    if kind != other_kind:
        raise BadInput(
            "Positive and negative vectors should be of the same type, either all dense or all sparse or all multi"
        )
    if isinstance(toward, SparseQuery) and isinstance(away, SparseQuery):
        return _combined([toward, away], lambda terms: terms[0] + terms[0] - terms[1])
    assert not isinstance(toward, SparseQuery)
    assert not isinstance(away, SparseQuery)
    if kind == "multi":
        return prepared(field, kind, np.concatenate([toward, -away]))
    return prepared(field, kind, toward + toward - away)


def _average(vectors: Sequence[RawVector]) -> tuple[Kind, QueryVector]:
    if not vectors:
        raise BadInput("Positive vectors should not be empty with `average` strategy")
    kinds = {vector.kind for vector in vectors}
    if len(kinds) > 1:
        raise BadInput("Can't average vectors with different types")
    kind = vectors[0].kind
    n = np.float32(len(vectors))
    if kind == "sparse":
        sparse = [vector.numbers for vector in vectors if isinstance(vector.numbers, SparseQuery)]
        return kind, _combined(sparse, lambda terms: terms.sum(axis=0, dtype=np.float32) / n)
    arrays = [vector.numbers for vector in vectors if not isinstance(vector.numbers, SparseQuery)]
    if kind == "multi":
        return kind, np.concatenate(arrays)
    return kind, np.sum(arrays, axis=0, dtype=np.float32) / n


def _combined(
    vectors: Sequence[SparseQuery], combine: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> SparseQuery:
    """Sparse vectors over the union of their dimensions, combined column by column; a missing value counts as 0."""
    indices = distinct(np.concatenate([vector.indices for vector in vectors]))
    terms = np.zeros((len(vectors), len(indices)), np.float32)
    for at, vector in enumerate(vectors):
        terms[at, np.searchsorted(indices, vector.indices)] = vector.values
    return SparseQuery(indices, combine(terms))
