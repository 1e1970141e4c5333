"""Create a collection, put ten points in, drop it: what a test-suite does thousands of times."""

from __future__ import annotations

from contextlib import suppress

from benchmarks import data
from benchmarks.adapters.base import Call, Contestant, Store
from benchmarks.data import Dataset
from benchmarks.measure import interleaved, reason
from benchmarks.requests import Answer, Columns, DenseField, Schema
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage

_WITHOUT = ("hnswlib", "numpy")


def run(stage: Stage) -> list[Table]:
    """In an open client; qdrant-edge has none, its shard is opened and closed."""
    stage.log("create, 10 points, drop")
    base = data.easy(10, 32, 1)
    columns = Columns(dense=base.columns.dense, payloads=[{"n": at} for at in range(10)])
    dataset = Dataset("ten", Schema(dense={"": DenseField(32)}), columns, base.queries)
    per_round = 20 if stage.settings.quick else 50
    calls: dict[str, list[Call]] = {}
    stores: list[Store] = []
    absent: dict[str, str] = {}
    for name, contestant in stage.contestants.items():
        if name in _WITHOUT:
            continue
        try:
            calls[name] = [_cycle(stage, contestant, dataset, stores)] * per_round
        except Exception as error:  # noqa: BLE001 - a broken peer is absent, not fatal
            absent[name] = reason(error)
    try:
        timings = interleaved(calls, stage.settings.rounds, block=5)
    finally:
        for store in stores:
            with suppress(Exception):
                store.close()
    targets = {"minidb": Target(5.0), "minidb-memory": Target(0.5)}
    return [table("lifecycle", "create + 10 points + drop", "ms", timings, targets=targets, absent=absent)]


def _cycle(stage: Stage, contestant: Contestant, dataset: Dataset, stores: list[Store]) -> Call:
    per_cycle = contestant.name.startswith("edge")
    kept = None if per_cycle else contestant.open(stage.new_path())
    if kept is not None:
        stores.append(kept)

    def call() -> Answer:
        store = kept or contestant.open(stage.new_path())
        store.create(dataset.schema)
        store.insert(dataset.columns, "points")
        store.drop()
        return []

    return call
