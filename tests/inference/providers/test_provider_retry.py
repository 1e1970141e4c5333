"""When to ask again: pure functions."""

from __future__ import annotations

import pytest

from minidb.inference.providers.retry import backoff, hinted_wait, may_retry

NOW = 1_700_000_000.0


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 524, 529])
def test_what_may_pass(status):
    assert may_retry(status, {}, "")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 499, 501])
def test_what_stays(status):
    assert not may_retry(status, {}, "")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:25 GMT"}, 5.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:25"}, 5.0),
        ({"retry-after": "Tue, 14 Nov 2023 23:13:25 +0100"}, 5.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"x-ratelimit-reset": "1700000004"}, 4.0),
        ({"x-ratelimit-reset": "1700000004000"}, 4.0),
        ({"x-ratelimit-reset": "3"}, 3.0),
        ({"x-ratelimit-reset": "1600000000"}, 0.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "1h30m0.5s"}, 5400.5),
        ({"x-ratelimit-reset-tokens": "12ms"}, 0.012),
        ({"x-ratelimit-reset-tokens": "6m or so"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "5s"}, 5.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "5s",
                "x-ratelimit-remaining-tokens": "100",
            },
            1.0,
        ),
    ],
)
def test_what_a_service_asks_for(headers, wait):
    assert hinted_wait(429, headers, NOW) == pytest.approx(wait)


def test_limits_in_other_answers_ask_for_nothing():
    assert hinted_wait(500, {"x-ratelimit-reset-requests": "6m0s"}, NOW) is None
    assert hinted_wait(500, {"retry-after": "3"}, NOW) == 3.0


def test_backoff_is_full_jitter_of_doubling_waits():
    assert [backoff(attempt, 1.0) for attempt in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert backoff(3, 0.0) == 0.0
