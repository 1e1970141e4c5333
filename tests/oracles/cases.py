"""How many cases a property test runs: the number it names, times the environment variable MINIDB_CASES."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_TIMES = float(os.environ.get("MINIDB_CASES", "1"))


def cases(number: int, **more: int) -> settings:
    return settings(
        max_examples=max(1, round(number * _TIMES)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        **more,
    )
