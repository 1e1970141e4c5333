"""Bulk insertion until acknowledged, as arrays and as point objects; indexing goes on behind and is not waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import workers
from benchmarks.adapters.base import Form
from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage
from benchmarks.workers import Session

_TARGET_S: dict[Form, float] = {"arrays": 1.0, "points": 5.0}
_TARGET_ELEMENTS = 100_000 * 384


def run(stage: Stage) -> list[Table]:
    """Both forms; `points` makes the objects within the measured time."""
    settings = stage.settings
    dataset = stage.dense(settings.points, 1)
    points, dim = dataset.columns.dense[""].shape
    contestants, absent = stage.fitting(points)
    if contestants.pop("numpy", None):
        absent["numpy"] = "has nothing to insert into"
    tables = []
    with stage.handed_out(dataset) as file:
        for form, seconds in _TARGET_S.items():
            stage.log(f"insert as {form}")
            tasks = {name: _task(stage, name, file, form) for name in contestants}
            timings = repeated(tasks, settings.heavy_rounds, settings.patience_seconds)
            notes = {
                name: f"{points / samples.median():,.0f} points/s"
                for name, samples in timings.samples.items()
                if samples.values
            }
            bound = seconds * points * dim / _TARGET_ELEMENTS
            tables.append(
                table(
                    f"insert-{form}", f"insert {dataset.shape} as {form}, until acknowledged", "s", timings,
                    points=points, notes=notes, targets={"minidb": Target(bound)}, absent=absent,
                )
            )  # fmt: skip
    return tables


def _task(stage: Stage, name: str, file: Path, form: Form) -> Callable[[], float]:
    def task() -> float:
        path = stage.new_path()
        try:
            return stage.worker(name).run(_insertion, path, file, form)
        finally:
            stage.remove(path)

    return task


def _insertion(session: Session, path: Path, file: Path, form: Form) -> float:
    dataset = workers.read(file)
    store = session.open(path)
    try:
        store.create(dataset.schema)
        return seconds_of(lambda: store.insert(dataset.columns, form))
    finally:
        session.close()
