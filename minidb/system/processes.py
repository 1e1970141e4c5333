"""Which process this is, and what has to happen around `fork` where there is one."""

from __future__ import annotations

import os
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
