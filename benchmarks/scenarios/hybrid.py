"""Hybrid search: the 100 best by a dense vector and the 100 best by a sparse one, fused by reciprocal ranks.

The right answer fuses exact ranks. No idf, which some peers only give texts they tokenize themselves.
"""

from __future__ import annotations

import numpy as np

from benchmarks import data
from benchmarks.requests import Floats, Fused, Search
from benchmarks.results import Table
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores, sparse_scores

_CANDIDATES = 100


def run(stage: Stage) -> list[Table]:
    """Both vectors on every point."""
    settings = stage.settings
    dataset = data.hybrid(settings.points, settings.dim, settings.queries)
    rows, questions = dataset.columns.sparse["text"], dataset.sparse_queries
    assert questions is not None
    by_dense = dense_scores(dataset.columns.dense["dense"], dataset.queries)
    truth = Truth(_reciprocal_ranks(by_dense) + _reciprocal_ranks(sparse_scores(rows, questions, idf=False)))
    requests = [
        Fused(
            (
                Search(query, using="dense", limit=_CANDIDATES),
                Search(questions.row(at), using="text", limit=_CANDIDATES),
            )
        )
        for at, query in enumerate(dataset.queries)
    ]
    title = f"hybrid: dense {settings.dim}-d and sparse of {settings.points:,} points, {_CANDIDATES} of each, fused"
    with stage.loaded(dataset) as cast:
        return [compared(stage, cast, "hybrid", title, lambda _: requests, truth, points=settings.points)]


def _reciprocal_ranks(scores: Floats) -> Floats:
    """`1 / (2 + rank)` for the best candidates of each row, 0 for the others."""
    found = np.zeros_like(scores)
    for row, mine in zip(found, scores, strict=True):
        best = np.argsort(-mine, kind="stable")[:_CANDIDATES]
        best = best[np.isfinite(mine[best])]
        row[best] = 1 / (2 + np.arange(len(best)))
    return found
