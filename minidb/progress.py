"""A progress bar on a terminal: one line, redrawn at most ten times a second; nothing where nobody looks."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

_WIDTH = 30
_SECONDS_BETWEEN_DRAWS = 0.1


class Progress:
    """`with Progress("indexing", total, sys.stderr) as progress: … progress.advance(n)`."""

    def __init__(self, label: str, total: int | None, stream: TextIO, *, enabled: bool = True) -> None:
        self._label = label
        self._total = total
        self._stream = stream
        self._enabled = enabled
        self._done = 0
        self._started = time.perf_counter()
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._enabled:
            self._draw()
            self._stream.write("\n")
            self._stream.flush()

    def advance(self, count: int) -> None:
        """`count` more are done."""
        self._done += count
        now = time.perf_counter()
        if self._enabled and now - self._drawn >= _SECONDS_BETWEEN_DRAWS:
            self._drawn = now
            self._draw()

    def _draw(self) -> None:
        seconds = time.perf_counter() - self._started
        rate = self._done / seconds if seconds > 0 else 0.0
        if self._total:
            filled = min(_WIDTH, _WIDTH * self._done // self._total)
            bar = "█" * filled + "·" * (_WIDTH - filled)
            text = f"{self._label} {bar} {self._done:,}/{self._total:,}"
        else:
            text = f"{self._label} {self._done:,}"
        self._stream.write(f"\r{text}  {rate:,.0f}/s  {seconds:.1f} s ")
        self._stream.flush()
