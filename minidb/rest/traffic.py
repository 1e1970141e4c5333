"""What has been asked and how long it took: counts and a latency histogram per route and status.

Kept in memory, per door; `/telemetry` and `/metrics` tell it.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from copy import deepcopy
from dataclasses import dataclass, field

BOUNDS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Upper bounds of the histogram's buckets, in seconds; a last one has no bound."""


@dataclass(slots=True)
class Durations:
    """Requests of one kind; times in seconds."""

    count: int = 0
    total: float = 0.0
    shortest: float = float("inf")
    longest: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)
        self.buckets[bisect_left(BOUNDS, seconds)] += 1


class Traffic:
    """Thread-safe counters of requests by method, template of the path, and status, and of gRPC's calls by endpoint and
    status; `started` in seconds since 1970.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self._lock = threading.Lock()
        self._durations: dict[tuple[str, str, int], Durations] = {}
        self._rpcs: dict[tuple[str, int], Durations] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._durations.setdefault((method, route, status), Durations()).add(seconds)

    def durations(self) -> list[tuple[str, str, int, Durations]]:
        """Method, path, status and durations as of now, sorted."""
        with self._lock:
            return [(*key, deepcopy(self._durations[key])) for key in sorted(self._durations)]

    def add_rpc(self, endpoint: str, code: int, seconds: float) -> None:
        with self._lock:
            self._rpcs.setdefault((endpoint, code), Durations()).add(seconds)

    def rpc_durations(self) -> list[tuple[str, int, Durations]]:
        """Endpoint, gRPC's status code and durations as of now, sorted."""
        with self._lock:
            return [(*key, deepcopy(self._rpcs[key])) for key in sorted(self._rpcs)]
