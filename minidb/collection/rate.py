"""Rate limits of strict mode: how many requests a minute one process may send to a collection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import ceil

from minidb.errors import RateLimitExceeded


class RateLimiter:
    """A bucket of `per_minute` tokens that fills up evenly; another limit begins with a full one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._per_minute = 0
        self._tokens = 0.0
        self._at = 0.0

    def take(self, per_minute: int | None, cost: int, what: str) -> None:
        """Spend `cost` tokens. Raises `RateLimitExceeded` with the seconds until there are enough."""
        if per_minute is None:
            return
        if cost > per_minute:
            raise RateLimitExceeded(
                f"{what} rate limit exceeded, request larger than rate limiter capacity, please try to split your "
                "request"
            )
        with self._lock:
            now = self._clock()
            is_new, self._per_minute = self._per_minute != per_minute, per_minute
            filled = per_minute if is_new else self._tokens + (now - self._at) * per_minute / 60.0
            self._tokens, self._at = min(float(per_minute), filled), now
            if self._tokens >= cost:
                self._tokens -= cost
                return
            wait = (cost - self._tokens) * 60.0 / per_minute
            available = self._tokens
        raise RateLimitExceeded(
            f"{what} rate limit exceeded: Operation requires {cost} tokens but only {available:.1f} were available. "
            f"Retry after {ceil(wait)}s",
            retry_after=wait,
        )
