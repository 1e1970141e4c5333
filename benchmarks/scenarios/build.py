"""From the first insert until everything is in the graph, with the same M and ef_construct for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage
from benchmarks.workers import Session

_WITHOUT = ("local", "local-disk", "numpy")


def run(stage: Stage) -> list[Table]:
    """A graph is asked for at any size."""
    stage.log("build until indexed")
    settings = stage.settings
    dataset = stage.dense(settings.points, 1, graph=True)
    contestants, absent = stage.fitting(settings.points)
    absent |= {name: "has no graph" for name in _WITHOUT if name in stage.contestants}
    with stage.handed_out(dataset) as file:
        tasks = {name: _task(stage, name, file) for name in contestants if name not in absent}
        timings = repeated(tasks, settings.heavy_rounds, settings.patience_seconds)
    schema = dataset.schema
    return [
        table(
            "build", f"build {dataset.shape} until indexed, M {schema.m}, ef_construct {schema.ef_construct}", "s",
            timings, points=len(dataset.columns), targets={"minidb": Target(13.0, points=100_000)}, absent=absent,
        )
    ]  # fmt: skip


def _task(stage: Stage, name: str, file: Path) -> Callable[[], float]:
    def task() -> float:
        path = stage.new_path()
        try:
            return stage.worker(name).run(_build, path, file)
        finally:
            stage.remove(path)

    return task


def _build(session: Session, path: Path, file: Path) -> float:
    def whole() -> None:
        session.load(path, file)
        session.close()

    return seconds_of(whole)
