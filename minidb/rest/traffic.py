"""What has been asked and how long it took: counts and a latency histogram per operation, status and collection.

Kept in memory, per door; `/telemetry` and `/metrics` tell it.
"""

from __future__ import annotations

import threading
import time
import uuid
from bisect import bisect_left
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TypeAlias

BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10, 50)
"""Upper bounds of the histogram's buckets, in seconds, as Qdrant's; a last one has no bound."""
_MOST_COLLECTIONS = 1000
"""Counted each for itself. A name is known once a request to it has succeeded: strangers can ask for any."""


@dataclass(slots=True)
class Durations:
    """Requests of one kind; times in seconds, `last` since 1970."""

    count: int = 0
    total: float = 0.0
    shortest: float = float("inf")
    longest: float = 0.0
    last: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)
        self.last = time.time()
        self.buckets[bisect_left(BOUNDS, seconds)] += 1


Counted: TypeAlias = dict[tuple[str, int], Durations]
"""By operation and status: "GET /collections" and HTTP's, or "/qdrant.Points/Count" and gRPC's."""


class Counters:
    """Of one kind of door. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: Counted = {}
        self._by_collection: dict[str, Counted] = {}

    def add(self, operation: str, status: int, seconds: float, collection: str | None = None) -> None:
        """One answer; `collection` as the request named it."""
        key = (operation, status)
        with self._lock:
            self._all.setdefault(key, Durations()).add(seconds)
            is_new = collection is not None and collection not in self._by_collection
            if is_new and (status not in (0, 200) or len(self._by_collection) >= _MOST_COLLECTIONS):
                return
            if collection is not None:
                self._by_collection.setdefault(collection, {}).setdefault(key, Durations()).add(seconds)

    def counted(self) -> Counted:
        """All as of now, sorted."""
        with self._lock:
            return _copied(self._all)

    def by_collection(self) -> dict[str, Counted]:
        """The same of each collection, sorted."""
        with self._lock:
            return {name: _copied(self._by_collection[name]) for name in sorted(self._by_collection)}


def _copied(counted: Counted) -> Counted:
    return {key: deepcopy(counted[key]) for key in sorted(counted)}


class Traffic:
    """All that one `Api` has answered, since `started` (seconds since 1970); `id` is its own."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.started = time.time()
        self.rest = Counters()
        self.grpc = Counters()
