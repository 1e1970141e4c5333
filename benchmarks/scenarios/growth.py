"""What a query costs and a store takes as it grows: by points, in the dimensions of the run; by dimensions, at 10,000.

Each store is built once, closed, and asked in fresh processes by turns. The plots draw the tables as lines.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.data import Dataset
from benchmarks.measure import Samples, Timings, repeated
from benchmarks.results import Table, table
from benchmarks.scenarios.reopen import at_rest, bytes_on_disk, look_at
from benchmarks.scenarios.sizes import sizes_up_to
from benchmarks.stage import Stage

_DIMENSIONS = (32, 128, 384, 768, 1536)
_POINTS_OF_DIMENSIONS = 10_000
_QUERIES = 200
_MB = 1024 * 1024


def run(stage: Stage) -> list[Table]:
    """Three tables, of latency, memory and disk, for each size and each number of dimensions."""
    settings = stage.settings
    sizes = sizes_up_to(settings.points)
    tables = [each for size in sizes for each in _at(stage, "points", size, size, settings.dim)]
    points = min(_POINTS_OF_DIMENSIONS, settings.points)
    dimensions = _DIMENSIONS[:2] if settings.quick else _DIMENSIONS
    return tables + [each for dim in dimensions for each in _at(stage, "dimensions", dim, points, dim)]


def _at(stage: Stage, axis: str, at: int, points: int, dim: int) -> list[Table]:
    dataset = data.easy(points, dim, min(_QUERIES, stage.settings.queries))
    with at_rest(stage, dataset) as (paths, absent, files):
        stage.log(f"growth: {dataset.shape}")
        timings, resident = _asked(stage, paths, files)
        disk = Timings({name: Samples([[bytes_on_disk(path) / _MB]]) for name, path in paths.items()})
        figures = {"latency": ("ms", timings), "memory": ("MB", resident), "disk": ("MB", disk)}
        return [
            _table(measure, axis, at, dataset, unit, measured, absent) for measure, (unit, measured) in figures.items()
        ]


def _asked(stage: Stage, paths: dict[str, Path], files: dict[str, str]) -> tuple[Timings, Timings]:
    """Latency and resident memory of each."""
    resident: dict[str, list[list[float]]] = {name: [] for name in paths}

    def task(name: str) -> Callable[[], float]:
        def ask() -> float:
            report = look_at(stage, name, paths[name], files)
            resident[name].append([report["rss"] / _MB])
            return float(report["seconds"])

        return ask

    timings = repeated({name: task(name) for name in paths}, stage.settings.rounds, stage.settings.patience_seconds)
    return timings, Timings({name: Samples(rounds) for name, rounds in resident.items() if rounds})


def _table(
    measure: str, axis: str, at: int, dataset: Dataset, unit: str, timings: Timings, absent: dict[str, str]
) -> Table:
    title = {"latency": "top 10 of", "memory": "resident memory with", "disk": "bytes on disk of"}[measure]
    return table(
        f"growth-{measure}-{axis}-{at}", f"{title} {dataset.shape}", unit, timings,
        points=len(dataset.columns), absent=absent, details={"measure": measure, "axis": axis, "at": at},
    )  # fmt: skip
