"""Many queries at once: from 1, 2 and 4 threads of one process, and 100 in one call; time per query."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import Timings, interleaved, repeated
from benchmarks.requests import Search
from benchmarks.results import Table, table
from benchmarks.scenarios.searching import InBatches, batches, recalls
from benchmarks.stage import Cast, Stage
from benchmarks.truth import Truth, dense_scores
from benchmarks.workers import Session, Worker

_THREADS = (1, 2, 4)
_BATCH = 100


def run(stage: Stage) -> list[Table]:
    """Top 10 at the default `ef`."""
    settings = stage.settings
    dataset = stage.dense(settings.points, settings.queries)
    searches = [Search(query) for query in dataset.queries]
    truth = Truth(dense_scores(dataset.columns.dense[""], dataset.queries))
    points = len(dataset.columns)
    with stage.loaded(dataset) as cast:
        tables = []
        for threads in _THREADS:
            stage.log(f"{threads} threads")
            here = cast.with_nothing_absent()
            calls = here.calls(lambda _: searches)
            tasks = {name: _task(stage, call.worker, threads) for name, call in calls.items()}
            timings = repeated(tasks, settings.rounds)
            found = recalls(calls, truth, timings)
            title = f"{threads} thread{'s' * (threads > 1)} asking, {dataset.shape}, per query"
            tables.append(
                table(
                    f"threads-{threads}", title, "ms", timings, points=points, recalls=found,
                    notes=_rates(timings), absent=cast.absent | here.absent,
                )
            )  # fmt: skip
        return [*tables, _batches(stage, cast, searches, truth, dataset.shape)]


def _batches(stage: Stage, cast: Cast, searches: list[Search], truth: Truth, shape: str) -> Table:
    stage.log("batches")
    asked = batches(searches, min(_BATCH, len(searches)))
    size = len(asked[0].searches)
    here = cast.with_nothing_absent()
    calls = here.calls(lambda _: asked)
    timings = interleaved(calls, stage.settings.rounds)
    found = recalls(calls, InBatches(truth), timings)
    for samples in timings.samples.values():
        samples.rounds = [[value / size for value in values] for values in samples.rounds]
    title = f"batches of {size} queries in one call, {shape}, per query"
    return table("batch", title, "ms", timings, recalls=found, notes=_rates(timings), absent=cast.absent | here.absent)


def _task(stage: Stage, worker: Worker, threads: int) -> Callable[[], float]:
    seconds = 0.1 if stage.settings.quick else 0.5
    return lambda: worker.run(_seconds_per_query, threads, seconds)


def _seconds_per_query(session: Session, threads: int, seconds: float) -> float:
    """Every thread goes round its share of the calls until the time is over."""

    def ask(first: int) -> int:
        mine, done = session.calls[first::threads] or session.calls, 0
        while time.perf_counter() < deadline:
            mine[done % len(mine)]()
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        deadline = started + seconds
        done = sum(pool.map(ask, range(threads)))
        return (time.perf_counter() - started) / done


def _rates(timings: Timings) -> dict[str, str]:
    return {
        name: f"{1 / samples.median():,.0f} queries/s" for name, samples in timings.samples.items() if samples.values
    }
