"""Calls whose message has not come. Each keeps a thread of grpcio's, so they may not be many, and not wait for ever.

A client that sends nothing but the heads of calls would otherwise leave no thread to anybody. Called by `grpc_door`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Waiting:
    """Gives up calls: of more than `most` the one that has waited longest, and each after `patience_s`."""

    def __init__(self, most: int, patience_s: float) -> None:
        self._most, self._patience_s = most, patience_s
        self._lock = threading.Lock()
        self._since: dict[Callable[[], object], float] = {}
        """By what gives a call up; in the order of coming."""
        self._is_closed = False

    @contextmanager
    def of(self, give_up: Callable[[], object]) -> Iterator[Callable[[], bool]]:
        """A call waits within this block, unless `give_up` is called by another thread: gives whether it was."""
        with self._lock:
            self._since[give_up] = time.monotonic()
            beyond = next(iter(self._since)) if len(self._since) > self._most or self._is_closed else None
            if beyond is not None:
                del self._since[beyond]
        if beyond is not None:
            beyond()
        try:
            yield lambda: give_up not in self._since
        finally:
            with self._lock:
                self._since.pop(give_up, None)

    def check(self) -> None:
        """Give up those that have waited too long."""
        latest = time.monotonic() - self._patience_s
        with self._lock:
            late = [give_up for give_up, since in self._since.items() if since < latest]
            for give_up in late:
                del self._since[give_up]
        for give_up in late:
            give_up()

    def close(self) -> None:
        """Give up all, and whoever begins to wait from now on."""
        with self._lock:
            self._is_closed = True
            waiting = list(self._since)
            self._since.clear()
        for give_up in waiting:
            give_up()
