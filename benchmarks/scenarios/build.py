"""From the first insert until everything is in the graph, with the same M and ef_construct for all."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import data
from benchmarks.adapters.base import Contestant
from benchmarks.data import Dataset
from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage

_WITHOUT = ("local", "local-disk", "numpy")


def run(stage: Stage) -> list[Table]:
    """A graph is asked for at any size."""
    stage.log("build until indexed")
    settings = stage.settings
    dataset = data.easy(settings.points, settings.dim, 1, graph=True)
    tasks = {
        name: _build(stage, contestant, dataset)
        for name, contestant in stage.contestants.items()
        if name not in _WITHOUT
    }
    schema = dataset.schema
    return [
        table(
            "build", f"build {dataset.shape} until indexed, M {schema.m}, ef_construct {schema.ef_construct}", "s",
            repeated(tasks, settings.heavy_rounds, settings.patience_seconds), points=settings.points,
            targets={"minidb": Target(13.0, points=100_000)}, absent=dict.fromkeys(
                (name for name in _WITHOUT if name in stage.contestants), "has no graph"),
        )
    ]  # fmt: skip


def _build(stage: Stage, contestant: Contestant, dataset: Dataset) -> Callable[[], float]:
    def task() -> float:
        path = stage.new_path()
        try:
            return seconds_of(lambda: stage.load(contestant, path, dataset).close())
        finally:
            stage.remove(path)

    return task
