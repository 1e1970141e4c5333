"""All cores for one call that carries enough work: functions that spend their time in libraries, which let go of the
interpreter's lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from minidb.system.processes import around_fork
from minidb.system.threads import start

A = TypeVar("A")
B = TypeVar("B")

N_CORES = os.cpu_count() or 1
_thread = threading.local()


class _Pool:
    """Threads that wait for work. Made of queues that take no lock of Python's, since the main thread puts work here
    and waits for it: an executor's locks stay locked when Ctrl-C falls into its methods.
    """

    def __init__(self, n_threads: int) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.n_threads = sum(start(self._run) for _ in range(n_threads))

    def submit(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def _run(self) -> None:
        while True:
            self._work.get()()


_pool: _Pool | None = None


def on_all_cores(function: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """`function` of every item, in order; raises what one that fails raises.

    The caller works, too, and every thread takes the next item when it is done with one: on a busy machine, or while
    another thread wakes up (0.1 to 0.6 ms), nobody waits for it. A call within another keeps to its thread.
    """
    return list(ahead(function, items))


def ahead(function: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
    """`on_all_cores`, one by one: while the caller deals with what it has got, other threads go on."""
    if len(items) < 2 or N_CORES == 1 or getattr(_thread, "is_working", False):
        yield from map(function, items)
        return
    results: dict[int, B] = {}
    errors: list[BaseException] = []
    remaining = iter(range(len(items)))
    invitations: SimpleQueue[None] = SimpleQueue()
    told: SimpleQueue[bool] = SimpleQueue()
    """Of each result of another thread, and, as True, of its end."""

    def work(at: int) -> None:
        try:
            _thread.is_working = True
            results[at] = function(items[at])
        finally:
            _thread.is_working = False

    def help_out() -> None:
        try:
            invitations.get_nowait()
        except Empty:  # the caller was done before this thread woke up
            return
        try:
            for at in remaining:
                work(at)
                told.put(False)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            errors.append(error)
        finally:
            told.put(True)

    pool = _threads()
    n_helping = min(pool.n_threads, len(items) - 1)
    for _ in range(n_helping):
        invitations.put(None)
        pool.submit(help_out)
    try:
        for at in range(len(items)):
            while at not in results:
                own = next(remaining, None)
                if own is not None:
                    work(own)
                elif not errors:
                    n_helping -= told.get()
                if errors:
                    raise errors[0]
            yield results.pop(at)
    finally:
        deque(remaining, 0)
        n_helping -= _taken_back(invitations)
        while n_helping > 0:
            n_helping -= told.get()


def _taken_back(invitations: SimpleQueue[None]) -> int:
    n_taken = 0
    while True:
        try:
            invitations.get_nowait()
        except Empty:
            return n_taken
        n_taken += 1


def _threads() -> _Pool:
    global _pool
    if _pool is None:  # two threads at once may both make one: theirs serves them, and idles from then on
        _pool = _Pool(N_CORES - 1)
    return _pool


def _forget_threads() -> None:
    global _pool
    _pool = None


around_fork(in_child=_forget_threads)
