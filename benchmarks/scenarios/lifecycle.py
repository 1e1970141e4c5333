"""What a test-suite does thousands of times: make a collection for ten points and throw it away.

Once in a client that stays open, and once as a whole life of a test, queries included; imports are done.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import data, workers
from benchmarks.data import Dataset
from benchmarks.measure import Calls, interleaved
from benchmarks.requests import Answer, Columns, DenseField, Schema, Search, Unsupported
from benchmarks.results import Table, Target, table
from benchmarks.stage import Cast, Stage
from benchmarks.workers import RemoteCalls, Session

_DIM = 32
_QUERIES = 10
_LIBRARIES = ("usearch", "faiss", "hnswlib", "numpy")


def run(stage: Stage) -> list[Table]:
    """qdrant-edge has no client: its shard is opened and closed either way."""
    base = data.easy(10, _DIM, _QUERIES)
    columns = Columns(dense=base.columns.dense, payloads=[{"n": at} for at in range(10)])
    dataset = Dataset("ten", Schema(dense={"": DenseField(_DIM)}), columns, base.queries)
    targets = {"minidb": Target(5.0), "minidb-memory": Target(0.5)}
    return [
        _run(stage, dataset, "lifecycle", "create + 10 points + drop", _prepare_cycles, targets),
        _run(stage, dataset, "life", "a test's life: open, create, 10 points, 10 queries, close", _prepare_lives, {}),
    ]


def _run(
    stage: Stage,
    dataset: Dataset,
    name: str,
    title: str,
    prepare: Callable[[Session, Path, Dataset, int], None],
    targets: dict[str, Target],
) -> Table:
    stage.log(title)
    count = 20 if stage.settings.quick else 50
    cast = Cast(absent=dict.fromkeys((each for each in _LIBRARIES if each in stage.contestants), "has no collections"))
    calls: dict[str, Calls] = {}
    folder = stage.new_path()
    for contestant in stage.contestants:
        if contestant in cast.absent:
            continue
        with cast.noting_absence(contestant):
            place = folder / contestant
            place.mkdir(parents=True)
            cast.workers[contestant] = stage.worker(contestant)
            cast.workers[contestant].run(prepare, place, dataset, count)
            calls[contestant] = RemoteCalls(cast.workers[contestant], count)
    timings = interleaved(calls, stage.settings.rounds, block=5)
    for contestant, worker in cast.workers.items():
        with cast.noting_absence(contestant):
            worker.run(Session.close)
    stage.remove(folder)
    return table(name, title, "ms", timings, targets=targets, absent=cast.absent)


def _prepare_cycles(session: Session, place: Path, dataset: Dataset, count: int) -> None:
    numbers = iter(range(10**9))
    per_cycle = session.contestant.name.startswith("edge")
    kept = None if per_cycle else session.open(place / "kept")

    def call() -> Answer:
        store = kept or session.contestant.open(place / str(next(numbers)))
        store.create(dataset.schema)
        workers.insert(store, dataset, ("points", "arrays"))
        store.drop()
        return []

    session.calls = [call] * count


def _prepare_lives(session: Session, place: Path, dataset: Dataset, count: int) -> None:
    numbers = iter(range(10**9))

    def call() -> Answer:
        store = session.contestant.open(place / str(next(numbers)))
        store.create(dataset.schema)
        workers.insert(store, dataset, ("points", "arrays"))
        for query in dataset.queries:
            if len(store.prepare(Search(query))()) != len(dataset.columns):
                raise Unsupported("does not find all ten points")
        store.close()
        return []

    session.calls = [call] * count
