"""Requests that take as long as a store is large: a few at a time, in threads of their own, so that others are answered
meanwhile. Used by both doors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from minidb.errors import MinidbError

T = TypeVar("T")

_AT_ONCE = 4
_MOST_WAITING = 64


class Busy(MinidbError):
    """Too many wait already."""

    status_code = 503


class LongWork:
    """The threads of one server for them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, "minidb-long")
        self._places = threading.BoundedSemaphore(_AT_ONCE + _MOST_WAITING)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done when it is its turn; raises Busy where too many wait for theirs."""
        if not self._places.acquire(blocking=False):
            raise Busy(f"{_MOST_WAITING} requests about snapshots are waiting already: try again later")
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future

    def shutdown(self) -> None:
        """Wait for what there is."""
        self._threads.shutdown()
