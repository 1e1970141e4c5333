"""Prefetch 1,000 points by 64 dimensions, rescore them by 1,024: recall is against the same two steps done exactly.

No graph on the large vector, which is only ever rescored.
"""

from __future__ import annotations

from benchmarks import data
from benchmarks.requests import Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, prefetched_scores

_LARGE, _SMALL, _CANDIDATES = 1024, 64, 1000


def run(stage: Stage) -> list[Table]:
    """Default settings."""
    settings = stage.settings
    dataset = data.nested_prefix(settings.points, _LARGE, _SMALL, settings.queries)
    dense, small_queries = dataset.columns.dense, data.unit(dataset.queries[:, :_SMALL])
    truth = Truth(prefetched_scores(dense["large"], dense["small"], dataset.queries, small_queries, _CANDIDATES))
    searches = [
        Search(query, using="large", prefetch=Search(small, using="small", limit=_CANDIDATES))
        for query, small in zip(dataset.queries, small_queries, strict=True)
    ]
    with stage.loaded(dataset) as cast:
        return [
            compared(
                stage,
                cast,
                "prefetch",
                f"prefetch {_CANDIDATES:,} of {settings.points:,} by {_SMALL}-d, rescore by {_LARGE}-d",
                lambda _: searches,
                truth,
                points=settings.points,
                targets={"minidb": Target(0.7, 0.99, points=100_000)},
            )
        ]
