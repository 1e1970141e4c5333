"""A closed store in a fresh process: opening it and the first answer, its memory after some queries, its bytes on disk.

One scenario, because all of it wants the same stores at rest.
"""

from __future__ import annotations

from collections.abc import Callable
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
    vectors_file, queries_file = stage.new_path().with_suffix(".npy"), stage.new_path().with_suffix(".npy")
    np.save(vectors_file, dataset.columns.dense[""])
    np.save(queries_file, dataset.queries)
    paths, absent = stores_at_rest(stage, dataset)
    try:
        reopened = _reopened(stage, dataset, paths, queries_file, absent)
        memory, disk = _footprints(stage, dataset, paths, vectors_file, queries_file, absent)
        return [reopened, memory, disk]
    finally:
        for path in paths.values():
            stage.remove(path)
        vectors_file.unlink()
        queries_file.unlink()


def stores_at_rest(stage: Stage, dataset: Dataset) -> tuple[dict[str, Path], dict[str, str]]:
    """Closed stores that hold the dataset, by contestant, and why the others are absent."""
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


def _reopened(stage: Stage, dataset: Dataset, paths: dict[str, Path], queries: Path, absent: dict[str, str]) -> Table:
    stage.log("reopen")
    reports: dict[str, dict[str, Any]] = {}

    def task(name: str) -> Callable[[], float]:
        def reopen() -> float:
            reports[name] = child("reopen", peer=name, path=str(paths[name]), queries=str(queries))
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
    stage: Stage, dataset: Dataset, paths: dict[str, Path], vectors: Path, queries: Path, absent: dict[str, str]
) -> tuple[Table, Table]:
    stage.log("memory and disk")
    resident, disk = Timings(), Timings()
    notes = {}
    contestants, _ = stage.fitting(len(dataset.columns))
    for name in contestants:
        path = paths.get(name, stage.new_path())
        try:
            files = {"path": str(path), "vectors": str(vectors), "queries": str(queries)}
            report = child("resident", peer=name, rest=stage.settings.rest_seconds, **files)
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
