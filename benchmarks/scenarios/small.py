"""A small collection: 1,000 points, where the way to the answer costs more than the answer."""

from __future__ import annotations

from benchmarks.requests import Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores

_POINTS = 1000


def run(stage: Stage) -> list[Table]:
    """Top 10 at default settings."""
    dataset = stage.dense(_POINTS, stage.settings.queries)
    truth = Truth(dense_scores(dataset.columns.dense[""], dataset.queries))
    with stage.loaded(dataset) as cast:
        return [
            compared(
                stage, cast, "small", f"small collection, {dataset.shape}, top 10",
                lambda _: [Search(query) for query in dataset.queries], truth,
                points=_POINTS, targets={"minidb": Target(0.06)},
            )
        ]  # fmt: skip
