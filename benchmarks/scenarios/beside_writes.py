"""Searches of a collection that is being written to: before every search one new point, which is not timed.

Whoever does not find the point it has just acknowledged is absent: what it searches is not yet what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import workers
from benchmarks.data import SHARES, Dataset
from benchmarks.measure import interleaved, seconds_of
from benchmarks.requests import Columns, Match, OrderedScroll, Request, Search, Unsupported
from benchmarks.results import Table, table
from benchmarks.stage import LOADED_AS_LOCAL, Stage
from benchmarks.workers import RemoteCalls, Session

_KEY, _NUMBER = "hundredth", "number"
_ROUND_S, _TRIED = 3.0, 3
_NEW = 2_000
"""Points to write; after the last comes the first again, as it was."""


@dataclass(frozen=True)
class _Case:
    name: str
    title: str
    requests: Sequence[Request]


def run(stage: Stage) -> list[Table]:
    """Top 10 without a filter and of one in a hundred points, and the first 10 by a number."""
    settings = stage.settings
    whole = stage.dense(settings.points + _NEW, settings.queries)
    schema = replace(whole.schema, indexed={_KEY: "keyword", _NUMBER: "integer"})
    whole = replace(whole, schema=schema)
    tables = []
    without = {**LOADED_AS_LOCAL, "zvec": "0.8.0 hangs in a search after some upserts"}
    with stage.loaded(_first(whole, settings.points), without) as cast, stage.handed_out(whole) as file:
        for case in _cases(whole):
            stage.log(case.name)
            here, calls = cast.with_nothing_absent(), {}
            for name, worker in cast.workers.items():
                with here.noting_absence(name):
                    calls[name] = RemoteCalls(worker, worker.run(_prepare, file, settings.points, case.requests))
            timings = interleaved(calls, settings.rounds)
            size = whole.columns.dense[""].shape[1]
            title = f"after each upsert of a point: {case.title}, {settings.points:,} × {size}"
            tables.append(table(case.name, title, "ms", timings, absent=cast.absent | here.absent))
    return tables


def _cases(dataset: Dataset) -> list[_Case]:
    queries = dataset.queries
    filtered = [
        Search(query, conditions=(Match(_KEY, f"v{7 * at % SHARES[_KEY]}"),)) for at, query in enumerate(queries)
    ]
    return [
        _Case("fresh-search", "top 10", [Search(query) for query in queries]),
        _Case("fresh-filtered", "top 10 of 1 %", filtered),
        _Case("fresh-order", "order_by", [OrderedScroll(_NUMBER)] * len(queries)),
    ]


def _first(dataset: Dataset, count: int) -> Dataset:
    columns = dataset.columns
    return replace(dataset, columns=Columns({"": columns.dense[""][:count]}, payloads=columns.payloads[:count]))


def _prepare(session: Session, file: Path, n_loaded: int, requests: Sequence[Request]) -> int:
    """Calls that are each preceded by the write of the next new point; how many fit in a round, writes included."""
    columns, store = workers.read(file).columns, session.store
    positions = iter(range(10**9))

    def write() -> None:
        store.upsert(columns, n_loaded + next(positions) % _NEW)

    write()
    found = store.prepare(Search(columns.dense[""][n_loaded]))()
    if n_loaded not in [point for point, _ in found]:
        raise Unsupported("does not find what it has just acknowledged")
    session.prepare(requests)
    session.before_each = write
    seconds = seconds_of(lambda: session.seconds(0, _TRIED)) / _TRIED
    return max(_TRIED, min(len(requests), int(_ROUND_S / seconds)))
