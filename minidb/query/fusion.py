"""Several ranked lists into one: reciprocal rank fusion and distribution-based score fusion, with Qdrant's formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.collection.view import View
from minidb.query.hits import NO_HITS, Hits, ranked

RRF_K = 2
"""Qdrant's default; the constant of the original paper is 60."""


def rrf(view: View, lists: Sequence[Hits], k: int, weights: Sequence[float] | None, limit: int) -> Hits:
    """Sum over lists of 1 / ((position + 1) / weight + k − 1), positions from 0 (lib/segment,
    reciprocal_rank_fusion.rs).

    A list of weight 0 or less adds nothing, but its points are returned.
    """
    terms = []
    for number, hits in enumerate(lists):
        weight = 1.0 if weights is None else weights[number]
        if weight > 0:
            terms.append((1.0 / ((np.arange(len(hits)) + 1.0) / weight + (k - 1.0))).astype(np.float32))
        else:
            terms.append(np.zeros(len(hits), np.float32))
    return _summed(view, lists, terms, limit)


def dbsf(view: View, lists: Sequence[Hits], limit: int) -> Hits:
    """Sum over lists of scores normalised to mean ± 3 standard deviations (lib/segment, score_fusion.rs).

    Scores of distances are taken as they are: a larger distance counts more, as in Qdrant.
    """
    return _summed(view, lists, [_normalized(hits.scores) for hits in lists], limit)


def _normalized(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(scores) < 2:
        return np.full(len(scores), 0.5, np.float32)
    mean, deviation = float(scores.mean(dtype=np.float64)), float(scores.std(ddof=1, dtype=np.float64))
    if deviation == 0.0:
        return np.full(len(scores), 0.5, np.float32)
    low, high = mean - 3 * deviation, mean + 3 * deviation
    return ((scores - low) / (high - low)).astype(np.float32)


def _summed(view: View, lists: Sequence[Hits], terms: Sequence[NDArray[np.float32]], limit: int) -> Hits:
    if not lists:
        return NO_HITS
    found = np.concatenate([hits.rows for hits in lists])
    rows = distinct(found)
    scores = np.zeros(len(rows), np.float32)
    np.add.at(scores, rows.searchsorted(found), np.concatenate(terms))
    return ranked(view, rows, scores, limit)
