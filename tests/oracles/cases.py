"""How many cases a property test runs: the number it names, times the environment variable MINIDB_CASES.

Without the variable they are the same cases every time; with it new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_TIMES = float(os.environ.get("MINIDB_CASES", "1"))
_SAME = "MINIDB_CASES" not in os.environ


def cases(number: int, **more: int) -> settings:
    return settings(
        max_examples=max(1, round(number * _TIMES)),
        deadline=None,
        derandomize=_SAME,
        database=None if _SAME else settings.default.database,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        **more,
    )
