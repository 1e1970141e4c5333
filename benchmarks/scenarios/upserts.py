"""Single upserts, one caller, until acknowledged, at every promise a store makes about when a write counts.

"file" is the floor of this disk: append a vector's bytes to a file and fdatasync it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import workers
from benchmarks.adapters import UPSERT_VARIANTS
from benchmarks.measure import Calls, interleaved
from benchmarks.requests import Answer
from benchmarks.results import Table, Target, table
from benchmarks.stage import Cast, Stage
from benchmarks.workers import RemoteCalls, Session

_PROMISES = {
    "minidb": "synced", "minidb-normal": "data synced, last commit may go", "minidb-off": "not synced",
    "minidb-memory": "in memory", "local": "in memory", "local-disk": "synced (SQLite)", "edge": "log, not synced",
    "edge-flush": "flushed", "file": "write + fdatasync", "chroma": "SQLite, its default", "zvec": "log, not synced",
    "lancedb": "a version of files", "milvus-lite": "log, its default",
}  # fmt: skip
_TARGETS = {
    "minidb": Target(1 / 1.5, of="local-disk", text="1.5 × local-disk's rate"),
    "minidb-off": Target(0.04, text="≥ 25,000/s"),
}


def run(stage: Stage) -> list[Table]:
    """New points, one call each."""
    stage.log("single upserts")
    settings = stage.settings
    per_round = 100 if settings.quick else 300
    dataset = stage.dense(per_round * (settings.rounds + 1), 1)
    variants = [name for name in UPSERT_VARIANTS if name.split("-")[0] in stage.contestants]
    cast = Cast()
    floor = stage.new_path()
    descriptor = os.open(floor, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    calls: dict[str, Calls] = {"file": _Appends(descriptor, dataset.columns.dense[""][0].tobytes(), per_round)}
    paths = {name: stage.new_path() for name in [*stage.contestants, *variants]}
    try:
        with stage.handed_out(dataset) as file:
            for name, path in paths.items():
                with cast.noting_absence(name):
                    worker = cast.workers[name] = stage.worker(name)
                    worker.run(_prepare, path, file, per_round)
                    calls[name] = RemoteCalls(worker, per_round)
        timings = interleaved(calls, settings.rounds, seconds_per_round=3.0)
    finally:
        os.close(descriptor)
        stage.remove(floor)
        for name, path in paths.items():
            with cast.noting_absence(name):
                stage.worker(name).run(Session.close)
            stage.remove(path)
    notes = {
        name: f"{1 / samples.median():,.0f}/s, {_PROMISES[name]}"
        for name, samples in timings.samples.items()
        if samples.values
    }
    title = f"single upserts of {dataset.columns.dense[''].shape[1]}-d, acknowledged"
    return [table("upserts", title, "ms", timings, notes=notes, targets=_TARGETS, absent=cast.absent)]


def _prepare(session: Session, path: Path, file: Path, count: int) -> None:
    """Calls that each write the next point, however often they are run."""
    dataset, store = workers.read(file), session.open(path)
    columns = dataset.columns
    store.create(dataset.schema)
    store.upsert(columns, 0)  # so that a contestant without such a call is found out here
    positions = iter(range(1, 10**9))

    def call() -> Answer:
        store.upsert(columns, next(positions) % len(columns))
        return []

    session.calls = [call] * count


@dataclass(frozen=True)
class _Appends:
    """The floor: bytes appended to a file and synced, made in this process."""

    descriptor: int
    data: bytes
    count: int

    def __len__(self) -> int:
        return self.count

    def seconds(self, start: int, stop: int) -> list[float]:
        sync = getattr(os, "fdatasync", os.fsync)
        taken = []
        for _ in range(start, min(stop, self.count)):
            started = time.perf_counter()
            os.write(self.descriptor, self.data)
            sync(self.descriptor)
            taken.append(time.perf_counter() - started)
        return taken
