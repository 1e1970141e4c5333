"""All cores for one call that carries enough work: functions that spend their time in libraries, which let go of the
interpreter's lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

A = TypeVar("A")
B = TypeVar("B")

N_CORES = os.cpu_count() or 1
_starting = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def on_all_cores(function: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """`function` of every item, in order; raises what the first that fails raises."""
    if len(items) < 2 or N_CORES == 1:
        return list(map(function, items))
    return list(_threads().map(function, items))


def _threads() -> ThreadPoolExecutor:
    global _pool
    with _starting:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor  # brings logging along: 10 ms

            _pool = ThreadPoolExecutor(N_CORES, "minidb-search")
        return _pool


def _forget_threads() -> None:
    global _pool, _starting
    _pool, _starting = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
