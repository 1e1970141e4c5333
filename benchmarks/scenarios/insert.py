"""Bulk insertion until acknowledged, as arrays and as point objects; indexing goes on behind and is not waited for."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import data
from benchmarks.adapters.base import Contestant, Form
from benchmarks.data import Dataset
from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage

_TARGET_S: dict[Form, float] = {"arrays": 1.0, "points": 5.0}
_TARGET_ELEMENTS = 100_000 * 384


def run(stage: Stage) -> list[Table]:
    """Both forms; `points` makes the objects within the measured time."""
    settings = stage.settings
    dataset = data.easy(settings.points, settings.dim, 1)
    contestants, absent = stage.fitting(settings.points)
    contestants.pop("numpy", None)  # it has nothing to insert into
    tables = []
    for form, seconds in _TARGET_S.items():
        stage.log(f"insert as {form}")
        tasks = {name: _insertion(stage, contestant, dataset, form) for name, contestant in contestants.items()}
        timings = repeated(tasks, settings.heavy_rounds, settings.patience_seconds)
        notes = {
            name: f"{settings.points / samples.median():,.0f} points/s"
            for name, samples in timings.samples.items()
            if samples.values
        }
        bound = seconds * settings.points * settings.dim / _TARGET_ELEMENTS
        tables.append(
            table(
                f"insert-{form}", f"insert {dataset.shape} as {form}, until acknowledged", "s", timings,
                points=settings.points, notes=notes, targets={"minidb": Target(bound)}, absent=absent,
            )
        )  # fmt: skip
    return tables


def _insertion(stage: Stage, contestant: Contestant, dataset: Dataset, form: Form) -> Callable[[], float]:
    def task() -> float:
        path = stage.new_path()
        store = contestant.open(path)
        try:
            store.create(dataset.schema)
            return seconds_of(lambda: store.insert(dataset.columns, form))
        finally:
            store.close()
            stage.remove(path)

    return task
