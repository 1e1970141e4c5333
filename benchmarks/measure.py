"""Timing several contestants fairly on one machine: interleaved, in changing order, over several rounds.

Noise on a machine comes in stretches of seconds. Contestants therefore take turns after every block of a few
queries, and ratios are taken within a round, between figures that lie next to each other in time. Where the calls are
made, in this process or in a worker, is not known here.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.workers import reason

_BLOCK = 20
_LEAST_CALLS = 3
_WARM_UP_CALLS = 5
_PATIENCE_S = 60.0


class Calls(Protocol):
    """Prepared calls, in order."""

    def __len__(self) -> int: ...

    def seconds(self, start: int, stop: int) -> list[float]:
        """How long each of some calls takes, made now."""


@dataclass
class Samples:
    """Measured values of one contestant, a list per round; seconds, unless a scenario says otherwise."""

    rounds: list[list[float]] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        return [value for values in self.rounds for value in values]

    def median(self) -> float:
        return float(np.median(self.values))

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.values, percent))


@dataclass
class Timings:
    """What came of a comparison: samples of those that ran, reasons of those that failed."""

    samples: dict[str, Samples] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def interleaved(
    calls: Mapping[str, Calls], rounds: int, seconds_per_round: float = 2.0, block: int = _BLOCK
) -> Timings:
    """Time every call once per round; contestants take turns block by block.

    Args:
        calls: per contestant the same queries in the same order.
        seconds_per_round: a contestant that would need longer gets only the first queries.
    """
    timings = Timings()
    counts: dict[str, int] = {}
    for name, mine in calls.items():
        with _failing_into(timings, name):
            counts[name] = _affordable(mine, seconds_per_round)
            timings.samples[name] = Samples()
    most = max(counts.values(), default=0)
    for turn in range(rounds):
        for samples in timings.samples.values():
            samples.rounds.append([])
        for step, start in enumerate(range(0, most, block)):
            for name in _order(list(timings.samples), turn + step):
                if start < counts[name]:
                    with _failing_into(timings, name):
                        taken = calls[name].seconds(start, min(start + block, counts[name]))
                        timings.samples[name].rounds[-1].extend(taken)
    return timings


def repeated(tasks: Mapping[str, Callable[[], float]], rounds: int, patience_seconds: float = _PATIENCE_S) -> Timings:
    """Run heavy tasks once per round in changing order; a task returns its own measured value.

    Whoever took longer than `patience_seconds` in all so far is not asked again.
    """
    spent = dict.fromkeys(tasks, 0.0)
    timings = Timings(samples={name: Samples() for name in tasks})
    for turn in range(rounds):
        for name in _order(list(timings.samples), turn):
            if spent[name] > patience_seconds:
                continue
            with _failing_into(timings, name):
                gc.collect()
                started = time.perf_counter()
                timings.samples[name].rounds.append([tasks[name]()])
                spent[name] += time.perf_counter() - started
    return timings


def seconds_of(work: Callable[[], object]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _affordable(calls: Calls, seconds: float) -> int:
    """Warm up, and see how many of the calls fit in the time."""
    warm = calls.seconds(0, 1)
    if warm[0] < seconds / _WARM_UP_CALLS:
        warm = calls.seconds(0, _WARM_UP_CALLS)
    return max(min(_LEAST_CALLS, len(calls)), min(len(calls), int(seconds / max(float(np.median(warm)), 1e-9))))


def _order(names: list[str], turn: int) -> list[str]:
    """Rotated by one each turn, reversed every other: nobody always follows the same neighbour."""
    if not names:
        return []
    at = turn % len(names)
    rotated = names[at:] + names[:at]
    return rotated[::-1] if turn % 2 else rotated


@contextmanager
def _failing_into(timings: Timings, name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever a peer raises, the others go on
        timings.failures[name] = reason(error)
        timings.samples.pop(name, None)
