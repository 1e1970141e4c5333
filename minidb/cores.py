"""All cores for one call that carries enough work: functions that spend their time in libraries, which let go of the
interpreter's lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
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
    if len(items) < 2 or N_CORES == 1 or getattr(_thread, "is_working", False):
        return list(map(function, items))
    results: dict[int, B] = {}
    errors: list[BaseException] = []
    remaining = iter(enumerate(items))

    def work() -> None:
        _thread.is_working = True
        try:
            for at, item in remaining:
                results[at] = function(item)
        finally:
            _thread.is_working = False

    pool = _threads()
    invitations: SimpleQueue[None] = SimpleQueue()
    finished: SimpleQueue[None] = SimpleQueue()

    def help_out() -> None:
        try:
            invitations.get_nowait()
        except Empty:  # the caller was done before this thread woke up
            return
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            errors.append(error)
        finally:
            finished.put(None)

    n_invited = min(pool.n_threads, len(items) - 1)
    for _ in range(n_invited):
        invitations.put(None)
        pool.submit(help_out)
    try:
        work()
    finally:
        for _ in range(n_invited - _taken_back(invitations)):
            finished.get()
    if errors:
        raise errors[0]
    return [results[at] for at in range(len(items))]


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
