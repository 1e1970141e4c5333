"""Threads that Ctrl-C does not reach, and a thread that closes what was dropped.

Python runs signal handlers in the main thread, between any two steps of whatever it does there, also between taking
something and the line that would give it back. What takes locks, transactions or turns is therefore run by another
thread while the main one waits; a main thread that is interrupted leaves, and the work is finished without it. Other
threads are never interrupted and work in place.
"""

from __future__ import annotations

import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from minidb.system.processes import around_fork

T = TypeVar("T")

_MOST_IDLE = 2
_MOST_AT_THE_END_S = 60.0
"""A process that ends waits no longer than this for what nobody closed."""


class _Job(Generic[T]):
    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[], T]) -> None:
        self.function: Callable[[], T] | None = function
        self.result: T | None = None
        self.error: BaseException | None = None
        self.done = allocate_lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            assert self.function is not None
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.error = error
        finally:
            self.function = None  # what it holds is let go of, though the job may be remembered
            self.done.release()


class _Workers:
    """One thread, and more while jobs of a main thread that was interrupted are under way."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()
        self._lock = allocate_lock()
        self._n_idle = 0  # counted by the threads themselves, which are never interrupted

    def run(self, function: Callable[[], T]) -> T:
        job = _Job(function)
        if self._jobs.qsize() >= self._n_idle and not start(self._work) and not self._n_idle:
            return function()  # no thread can be had: then a little less safe
        self._jobs.put(job)
        job.done.acquire()  # interrupted, it raises, and the job goes on
        error, job.error = job.error, None  # a job that keeps it would be kept by its traceback
        if error is not None:
            try:
                raise error
            finally:
                del error
        return cast(T, job.result)

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._n_idle >= _MOST_IDLE:
                    return
                self._n_idle += 1
            job = self._jobs.get()
            with self._lock:
                self._n_idle -= 1
            job.run()
            del job


_workers = _Workers()


def uninterrupted(function: Callable[[], T]) -> T:
    """What `function` returns or raises, run where no signal handler runs.

    Costs two switches of threads in the main thread (15 to 50 µs), nothing elsewhere.
    """
    if threading.get_ident() != threading.main_thread().ident or sys.is_finalizing():
        return function()
    return _workers.run(function)


def start(target: Callable[[], object]) -> bool:
    """Start a thread that does not keep the process from ending. False where the system gives none.

    Not a `threading.Thread`: the main thread would wait for its sign of life, with locks an interrupt leaves locked.
    """
    try:
        start_new_thread(target, ())
    except (RuntimeError, MemoryError):
        return False
    return True


class _Closer:
    """Closes what nobody holds any more. The garbage collector may come at any moment, within any lock, so whoever is
    collected only puts itself here: `SimpleQueue.put` takes no lock of Python's.
    """

    def __init__(self) -> None:
        self._dropped: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._is_running = False

    def expect(self) -> None:
        """Somebody may be dropped from now on."""
        if not self._is_running:
            self._is_running = start(self._work)

    def close(self, close: Callable[[], object]) -> None:
        self._dropped.put(close)

    def finish(self) -> None:
        """Wait until all that was dropped so far is closed: at the end of the process, which would end its thread."""
        if self._is_running:
            done = allocate_lock()
            done.acquire()
            self._dropped.put(done.release)
            done.acquire(timeout=_MOST_AT_THE_END_S)

    def _work(self) -> None:
        while True:
            close = self._dropped.get()
            try:
                close()
            except Exception:  # there is no caller left to tell, and the next one is to be closed, too
                import logging

                logging.getLogger("minidb").warning("closing a store that was dropped failed", exc_info=True)
            del close


closer = _Closer()


def _forget_threads() -> None:
    global _workers, closer
    _workers, closer = _Workers(), _Closer()


around_fork(in_child=_forget_threads)
