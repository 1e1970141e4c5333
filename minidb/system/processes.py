"""Which process this is, and what has to happen around `fork` where there is one."""

from __future__ import annotations

import _frozen_importlib
import _imp
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
process_id = os.getpid


def around_fork(
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Call these at every `fork` of this process; never on Windows, which has none."""
    if hasattr(os, "register_at_fork"):
        calls = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
        os.register_at_fork(**{when: call for when, call in calls.items() if call is not None})


def open_in_child(lock: T) -> T:
    """A lock of `threading`, which a forked child finds open: a thread that holds it is not there."""
    around_fork(in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock


_PACKAGES = sys.stdlib_module_names.union(
    ("minidb", "hnswlib", "httpx", "lmdb", "msgpack", "numpy", "py_rust_stemmers", "pydantic", "scipy", "usearch")
)
"""What requests load when it is first needed, in whatever thread they come. Not a program's own modules: one of them
may run for as long as it is imported."""
_LONGEST_WAIT_S, _PAUSE_S = 10.0, 0.001
_held: list[Callable[[], None]] = []


def _before_fork() -> None:
    """A child forked while another thread imports, or has pydantic build a model, waits for the end of it for ever.

    What is locked here, until after the fork, lets neither begin meanwhile. A thread that waits for this very one is
    given up after some seconds: its child is on its own, as it was before.
    """
    latest = time.monotonic() + _LONGEST_WAIT_S
    _lock_imports(latest)
    _held.append(_imp.release_lock)
    while not _is_still() and time.monotonic() < latest:
        _imp.release_lock()  # what is imported may import more
        _let_log()
        _lock_imports(latest)
    lock = _logging_lock()
    if lock is not None and not _LOGGING_CAME_FIRST and not lock._is_owned():
        # its own hook came too late to take it, and will give it back
        lock.acquire(timeout=_LONGEST_WAIT_S)


def _lock_imports(latest: float) -> None:
    while _imp.lock_held() and time.monotonic() < latest:  # by who looks for a module, and may log meanwhile
        _let_log()
    _imp.acquire_lock()


def _let_log() -> None:
    """A moment for others. They may need logging's lock, which its own hook has taken before this one."""
    lock = _logging_lock()
    is_ours = lock is not None and lock._is_owned()
    if is_ours:
        lock.release()
    time.sleep(_PAUSE_S)
    if is_ours:
        lock.acquire()


def _logging_lock() -> Any:
    return getattr(sys.modules.get("logging"), "_lock", None)


def _is_still() -> bool:
    locks = list(_frozen_importlib._module_locks.items())  # type: ignore[attr-defined]
    if any(_is_imported_elsewhere(name, lock()) for name, lock in locks):
        return False
    building = getattr(sys.modules.get("pydantic.main"), "_rebuild_lock", None)
    building = building or getattr(sys.modules.get("minidb.models.base"), "building", None)  # older pydantics have none
    if building is None:
        return True
    if not building.acquire(blocking=False):
        return False
    _held.append(building.release)
    return True


def _is_imported_elsewhere(name: str, lock: Any) -> bool:
    """Whether another thread has a module's lock, or is about to take it: also while it looks for the file, when
    `sys.modules` does not know the module, and when it is done with it.
    """
    return lock is not None and lock.owner != threading.get_ident() and name.partition(".")[0] in _PACKAGES


def _after_fork() -> None:
    while _held:
        _held.pop()()


_LOGGING_CAME_FIRST = _logging_lock() is not None
"""Then its hook takes its lock after this one."""
around_fork(before=_before_fork, in_parent=_after_fork, in_child=_after_fork)
