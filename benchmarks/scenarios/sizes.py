"""Latency against size: the same search at the default `ef` in collections of 1,000 points up to those of the run."""

from __future__ import annotations

from benchmarks.requests import Search
from benchmarks.results import Table
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores

_SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def run(stage: Stage) -> list[Table]:
    """One table per size; the plot draws them as one."""
    return [_at(stage, size) for size in sizes_up_to(stage.settings.points)]


def sizes_up_to(points: int) -> list[int]:
    """Evenly spread by their logarithm, `points` the last."""
    return [size for size in _SIZES if size < points] + [points]


def _at(stage: Stage, points: int) -> Table:
    dataset = stage.dense(points, stage.settings.queries)
    truth = Truth(dense_scores(dataset.columns.dense[""], dataset.queries))
    searches = [Search(query) for query in dataset.queries]
    with stage.loaded(dataset) as cast:
        return compared(
            stage, cast, f"size-{points}", f"top 10 of {dataset.shape}", lambda _: searches, truth,
            points=points, details={"size": points},
        )  # fmt: skip
