"""A closed store in a fresh process: opening it and the first answer, its memory after some queries, its bytes on disk.

One scenario, because all of it wants the same stores at rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Dataset
from benchmarks.measure import Samples, Timings, repeated
from benchmarks.processes import child
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores
from benchmarks.workers import Session, reason

_MB = 1024 * 1024
_QUERIES = 200
_REOPEN_TARGET = Target(150.0, points=100_000)
_MEMORY_TARGET = Target(250.0, points=100_000)


def run(stage: Stage) -> list[Table]:
    """Build, close, then look from outside."""
    settings = stage.settings
    dataset = stage.dense(settings.points, min(_QUERIES, settings.queries))
    with at_rest(stage, dataset) as (paths, absent, files):
        reopened = _reopened(stage, dataset, paths, files["queries"], absent)
        memory, disk = _footprints(stage, dataset, paths, files, absent)
        return [reopened, memory, disk]


@contextmanager
def at_rest(stage: Stage, dataset: Dataset) -> Iterator[tuple[dict[str, Path], dict[str, str], dict[str, str]]]:
    """Closed stores that hold the dataset, by contestant, why the others are absent, and files of its vectors and
    queries for fresh processes; removed afterwards.
    """
    files = {name: stage.new_path().with_suffix(".npy") for name in ("vectors", "queries")}
    np.save(files["vectors"], dataset.columns.dense[""])
    np.save(files["queries"], dataset.queries)
    paths, absent = _stores_at_rest(stage, dataset)
    try:
        yield paths, absent, {name: str(file) for name, file in files.items()}
    finally:
        for path in paths.values():
            stage.remove(path)
        for file in files.values():
            file.unlink()


def look_at(stage: Stage, contestant: str, path: Path, files: dict[str, str]) -> dict[str, Any]:
    """What `benchmarks.child.resident` reports of a store at rest."""
    return child("resident", peer=contestant, path=str(path), rest=stage.settings.rest_seconds, **files)


def _stores_at_rest(stage: Stage, dataset: Dataset) -> tuple[dict[str, Path], dict[str, str]]:
    contestants, absent = stage.fitting(len(dataset.columns), durable_only=True)
    paths: dict[str, Path] = {}
    with stage.handed_out(dataset) as file:
        for name in contestants:
            path = stage.new_path()
            worker = stage.worker(name)
            try:
                worker.run(Session.load, path, file)
                worker.run(Session.close)
                worker.close()  # with the process goes the lock that milvus-lite keeps on a closed store
            except Exception as error:  # noqa: BLE001 - a broken peer is absent, not fatal
                absent[name] = reason(error)
            else:
                paths[name] = path
                stage.log(f"reopen: {name} at rest")
    return paths, absent


def _reopened(stage: Stage, dataset: Dataset, paths: dict[str, Path], queries: str, absent: dict[str, str]) -> Table:
    stage.log("reopen")
    reports: dict[str, dict[str, Any]] = {}

    def task(name: str) -> Callable[[], float]:
        def reopen() -> float:
            reports[name] = child("reopen", peer=name, path=str(paths[name]), queries=queries)
            return float(reports[name]["total"])

        return reopen

    timings = repeated({name: task(name) for name in paths}, stage.settings.rounds, stage.settings.patience_seconds)
    truth = Truth(dense_scores(dataset.columns.dense[""], dataset.queries[:1]))
    recalls = {name: truth.recall([[(point, None) for point in report["ids"]]]) for name, report in reports.items()}
    notes = {name: f"open {report['open'] * 1e3:.1f} ms (last round)" for name, report in reports.items()}
    return table(
        "reopen", f"reopen {dataset.shape}: open and first answer, fresh process, warm file cache, imports done", "ms",
        timings, points=len(dataset.columns), recalls=recalls, notes=notes, absent=absent,
        targets={"minidb": _REOPEN_TARGET},
    )  # fmt: skip


def _footprints(
    stage: Stage, dataset: Dataset, paths: dict[str, Path], files: dict[str, str], absent: dict[str, str]
) -> tuple[Table, Table]:
    stage.log("memory and disk")
    resident, disk = Timings(), Timings()
    notes = {}
    contestants, _ = stage.fitting(len(dataset.columns))
    for name in contestants:
        path = paths.get(name, stage.new_path())
        try:
            report = look_at(stage, name, path, files)
        except Exception as error:  # noqa: BLE001 - a broken peer is absent, not fatal
            resident.failures[name] = reason(error)
            continue
        resident.samples[name] = Samples([[report["rss"] / _MB]])
        notes[name] = f"{report['unique'] / _MB:.0f} MB unshared; {report['before'] / _MB:.0f} MB after opening"
        if name in paths:
            disk.samples[name] = Samples([[bytes_on_disk(path) / _MB]])
    raw = dataset.columns.dense[""].nbytes / _MB
    size = f"{dataset.shape} ({raw:.0f} MB of vectors)"
    n = len(dataset.columns)
    kept = {name: why for name, why in absent.items() if name not in resident.samples}
    return (
        table("memory", f"resident memory with {size}, after {len(dataset.queries)} queries", "MB", resident,
              points=n, notes=notes, absent=kept, targets={"minidb": _MEMORY_TARGET}),
        table("disk", f"bytes on disk of {size}, closed", "MB", disk,
              points=n, absent=absent, targets={"minidb": _MEMORY_TARGET}),
    )  # fmt: skip


def bytes_on_disk(path: Path) -> int:
    """Blocks in use: files may have holes."""
    total = 0
    for file in path.rglob("*"):
        if file.is_file():
            status = file.stat()
            total += getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
    return total
