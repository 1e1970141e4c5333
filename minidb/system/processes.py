"""Which process this is, and what has to happen around `fork` where there is one."""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections.abc import Callable

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


loading = allocate_lock()
"""`with loading:` in a thread of ours that imports: a child forked amid it would have half a module, for good."""


def _before_fork() -> None:
    loading.acquire()


around_fork(before=_before_fork, in_parent=loading.release, in_child=loading.release)
