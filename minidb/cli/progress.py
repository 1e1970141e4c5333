"""Progress of long commands on stderr: a bar with a rate on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from minidb.progress import Progress

_SECONDS_BETWEEN_LINES = 10.0


class Counter(Protocol):
    def advance(self, count: int) -> None:
        """`count` more are done."""


class _Lines:
    def __init__(self, label: str, total: int | None) -> None:
        self._label = label
        self._total = "" if total is None else f" of {total:,}"
        self.done = 0
        self._started = self._shown = time.perf_counter()

    def advance(self, count: int) -> None:
        self.done += count
        if time.perf_counter() - self._shown >= _SECONDS_BETWEEN_LINES:
            self.show()

    def show(self) -> None:
        self._shown = time.perf_counter()
        seconds = self._shown - self._started
        points = "point" if self.done == 1 and not self._total else "points"
        print(f"{self._label} {self.done:,}{self._total} {points} in {seconds:.1f} s", file=sys.stderr, flush=True)


@contextmanager
def reporting(label: str, total: int | None = None) -> Iterator[Counter]:
    """Tell how many points are done; also when it fails or is stopped, so that whoever did knows what is there."""
    if sys.stderr.isatty():
        with Progress(label, total, sys.stderr) as bar:
            yield bar
        return
    lines = _Lines(label, total)
    try:
        yield lines
    except BaseException:
        if lines.done:
            lines.show()
        raise
    lines.show()
