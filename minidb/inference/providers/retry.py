"""Whether to ask an inference service again, and when: pure functions of an answer. Called by `http`.

Making an embedding changes nothing at the service, so every failure that may pass is worth a second try.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Final

MAX_WAIT_SECONDS: Final = 120.0  # a service that wants more patience is reported, not waited for

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 524, 529})
_FIRST_WAIT_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 8.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH_MS = 1e11  # larger numbers in a header are milliseconds since 1970,
_EPOCH_SECONDS = 1e9  # larger than this seconds since then, smaller ones seconds from now


def may_retry(status: int, headers: Mapping[str, str], code: str) -> bool:
    """Whether an error may pass by itself. The service's own word (`x-should-retry`) counts more than the status.

    Args:
        status: of the answer.
        headers: of the answer, found by lower-case names.
        code: the service's word for the reason. A quota that is used up comes back with money, not with time.
    """
    if "insufficient_quota" in code:
        return False
    said = headers.get("x-should-retry", "").strip().lower()
    if said in ("true", "false"):
        return said == "true"
    return status in _RETRYABLE


def hinted_wait(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the service asks to wait: `retry-after-ms`, `Retry-After`, `x-ratelimit-reset*`; None if it says nothing.

    Args:
        status: of the answer. Other answers than 429 mention limits, too, without asking for anything.
        headers: of the answer, found by lower-case names.
        now: seconds since 1970.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = _retry_after(headers.get("retry-after"), now)
    if after is None and status == 429:
        return _ratelimit_reset(headers, now)
    return after


def backoff(attempt: int, random: float) -> float:
    """Seconds before the attempt after number `attempt` (from 0): `random` in [0, 1) of 0.5 s, doubling up to 8 s."""
    return random * min(_MAX_BACKOFF_SECONDS, _FIRST_WAIT_SECONDS * 2.0**attempt)


def _retry_after(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, date.timestamp() - now)


def _ratelimit_reset(headers: Mapping[str, str], now: float) -> float | None:
    """The longest wait among the limits that are used up, or among all if the service does not say which are."""
    waits: list[float] = []
    used_up: list[float] = []
    for kind in ("", "-requests", "-tokens"):
        wait = _reset(headers.get(f"x-ratelimit-reset{kind}"), now)
        if wait is not None:
            waits.append(wait)
            if _number(headers.get(f"x-ratelimit-remaining{kind}")) == 0:
                used_up.append(wait)
    return max(used_up or waits, default=None)


def _reset(value: str | None, now: float) -> float | None:
    """Seconds until a reset written as a moment (s or ms since 1970), as seconds, or as "6m0s"."""
    if value is None:
        return None
    number = _number(value)
    if number is None:
        parts = _DURATION.findall(value)
        if not parts or "".join(amount + unit for amount, unit in parts) != value.strip():
            return None
        return sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in parts)
    if number > _EPOCH_MS:
        number /= 1000
    return max(0.0, number - now) if number > _EPOCH_SECONDS else number


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
