"""Single upserts, one caller, until acknowledged, at every promise a store makes about when a write counts.

"file" is the floor of this disk: append a vector's bytes to a file and fdatasync it.
"""

from __future__ import annotations

import os
from contextlib import suppress

from benchmarks import data
from benchmarks.adapters import UPSERT_VARIANTS
from benchmarks.adapters.base import Call, Store
from benchmarks.data import Dataset
from benchmarks.measure import interleaved, reason
from benchmarks.requests import Answer
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage

_PROMISES = {
    "minidb": "synced", "minidb-normal": "data synced, last commit may go", "minidb-off": "not synced",
    "minidb-memory": "in memory", "local": "in memory", "local-disk": "synced (SQLite)", "edge": "log, not synced",
    "edge-flush": "flushed", "file": "write + fdatasync",
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
    dataset = data.easy(per_round * (settings.rounds + 1), settings.dim, 1)
    contestants = stage.contestants | {
        name: variant for name, variant in UPSERT_VARIANTS.items() if name.split("-")[0] in stage.contestants
    }
    stores: dict[str, Store] = {}
    absent: dict[str, str] = {}
    calls: dict[str, list[Call]] = {}
    for name, contestant in contestants.items():
        if name not in _PROMISES:
            continue
        try:
            stores[name] = contestant.open(stage.new_path())
            stores[name].create(dataset.schema)
            calls[name] = _upserts(stores[name], dataset, per_round)
        except Exception as error:  # noqa: BLE001 - a broken peer is absent, not fatal
            absent[name] = reason(error)
    path = stage.new_path()
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    calls["file"] = [_append(descriptor, dataset.columns.dense[""][0].tobytes())] * per_round
    try:
        timings = interleaved(calls, settings.rounds, seconds_per_round=3.0)
    finally:
        os.close(descriptor)
        path.unlink()
        for store in stores.values():
            with suppress(Exception):
                store.close()
    notes = {
        name: f"{1 / samples.median():,.0f}/s, {_PROMISES[name]}"
        for name, samples in timings.samples.items()
        if samples.values
    }
    return [
        table(
            "upserts", f"single upserts of {settings.dim}-d, acknowledged", "ms", timings,
            notes=notes, targets=_TARGETS, absent=absent,
        )
    ]  # fmt: skip


def _upserts(store: Store, dataset: Dataset, count: int) -> list[Call]:
    """Calls that each write the next point, however often they are run."""
    positions = iter(range(10**9))
    total = len(dataset.columns)

    def call() -> Answer:
        store.upsert(dataset.columns, next(positions) % total)
        return []

    return [call] * count


def _append(descriptor: int, data: bytes) -> Call:
    sync = getattr(os, "fdatasync", os.fsync)

    def call() -> Answer:
        os.write(descriptor, data)
        sync(descriptor)
        return []

    return call
