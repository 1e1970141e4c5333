"""The one way to an inference service: a JSON body goes out, a JSON object comes back, or an exception of `failures`.

Keeps a connection pool, sends a bounded number of requests at once, asks again when that may help (`retry`), and never
past the call's deadline. Called by the providers; knows nothing of their formats. Redirects are not followed: a key
goes to no address but the one it was meant for.
"""

from __future__ import annotations

import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, NamedTuple

import httpx
import orjson

from minidb.errors import InferenceError, MinidbError
from minidb.inference.context import out_of_time
from minidb.inference.providers.call import Call
from minidb.inference.providers.failures import ProviderError, failure, nonsense, refusal_in, refusal_of, scrub
from minidb.inference.providers.retry import MAX_WAIT_SECONDS, backoff, hinted_wait, may_retry
from minidb.inference.secret import Secret
from minidb.system.processes import around_fork

MAX_CONCURRENCY: Final = 8
_CONNECT_SECONDS = 10.0
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "minidb"}
_PASSING = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)


class _Answer(NamedTuple):
    """What came back over the wire."""

    status: int
    headers: httpx.Headers
    content: bytes


@dataclass(frozen=True)
class _Failed:
    """An attempt without success: what to raise in the end, and whether and when to try again."""

    error: MinidbError
    retry: bool
    wait: float | None = None  # seconds, if the service named them


@dataclass(eq=False)
class Http:
    """A connection pool for one provider.

    Args:
        transport: in place of the network, for tests.
        clock: seconds since 1970, to read dates in headers.
        sleep: waits a number of seconds between attempts.
        jitter: a random number in [0, 1).
        max_concurrency: requests under way at once; further ones wait for a place.
    """

    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    max_concurrency: int = MAX_CONCURRENCY
    _client: httpx.Client | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._places = threading.BoundedSemaphore(self.max_concurrency)
        _pools.add(self)

    def _renew_after_fork(self) -> None:
        """In the child: connections are its parent's, who would take each other's answers; who held places is gone."""
        self._client = None
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(self.max_concurrency)

    def post(
        self, call: Call, path: str, body: Mapping[str, Any], headers: Mapping[str, Secret] | None = None
    ) -> dict[str, Any]:
        """Sends a body and returns the object that comes back.

        Args:
            call: where to, with which key, until when.
            path: behind the call's base URL, from the slash on; may be empty.
            body: anything orjson writes.
            headers: secrets to send besides the key.

        Raises:
            InferenceError: the service refused the request with a 4xx, or the body is no JSON.
            ProviderRateLimitExceeded, ProviderError: see `failures`.
            Timeout: the call's deadline passed.
        """
        try:
            content = orjson.dumps(body)
        except TypeError as error:
            raise InferenceError(f"the request is no JSON: {error}", provider=call.provider) from error
        attempt = 0
        while True:
            result = self._attempt(call, call.base_url + path, content, headers or {})
            if not isinstance(result, _Failed):
                return result
            wait = backoff(attempt, self.jitter()) if result.wait is None else result.wait
            if not result.retry or attempt >= call.max_retries or wait > MAX_WAIT_SECONDS:
                raise result.error
            left = call.context.remaining()
            if left is not None and wait >= left:
                raise result.error
            self.sleep(wait)
            attempt += 1

    def close(self) -> None:
        """Closes the connections. The next request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Http:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=self.max_concurrency)
                self._client = httpx.Client(transport=self.transport, limits=limits, follow_redirects=False)
            return self._client

    def _attempt(self, call: Call, url: str, content: bytes, headers: Mapping[str, Secret]) -> dict[str, Any] | _Failed:
        left = call.context.remaining()
        if not self._places.acquire(timeout=left):
            raise out_of_time()
        try:
            answer = self._exchange(call, url, content, headers)
        finally:
            self._places.release()
        if isinstance(answer, _Failed):
            call.context.remaining()  # a deadline that passed meanwhile is the better reason
            return answer
        return self._judge(call, answer)

    def _exchange(self, call: Call, url: str, content: bytes, headers: Mapping[str, Secret]) -> _Answer | _Failed:
        """One request and its whole answer. The deadline is looked at between the pieces of a slow answer, too."""
        left = call.context.remaining()
        seconds = call.timeout_seconds if left is None else min(call.timeout_seconds, left)
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        auth = _Credentials(call.key, headers)
        try:
            with self._open().stream(
                "POST", url, content=content, headers=_HEADERS, auth=auth, timeout=timeout
            ) as answer:
                pieces = []
                for piece in answer.iter_bytes():
                    call.context.remaining()
                    pieces.append(piece)
                return _Answer(answer.status_code, answer.headers, b"".join(pieces))
        except (httpx.RequestError, httpx.InvalidURL) as error:
            passing = isinstance(error, _PASSING)
            what = scrub(f"{type(error).__name__}: {error}".rstrip(": "), call.secrets)
        # Outside the handler: httpx's exception holds the request, and with it the key.
        text = f"Failed to send inference request to {call.provider}: {what}"
        return _Failed(ProviderError(text, provider=call.provider), passing)

    def _judge(self, call: Call, answer: _Answer) -> dict[str, Any] | _Failed:
        """The object of a success, else what went wrong. A 200 that holds an error is the error it holds."""
        status, body = answer.status, None
        if 200 <= status < 300:
            try:
                body = orjson.loads(answer.content)
            except orjson.JSONDecodeError:
                return _Failed(nonsense(call.provider, "answered with something that is no JSON"), retry=False)
            if not isinstance(body, dict):
                return _Failed(nonsense(call.provider, "answered with JSON that is no object"), retry=False)
            if not body.get("error"):
                return body
            status = _status_in(body["error"])
        refusal = refusal_of(answer.content) if body is None else refusal_in(body)
        wait = hinted_wait(status, answer.headers, self.clock())
        error = failure(call.provider, status, scrub(refusal.text, call.secrets), wait)
        return _Failed(error, may_retry(status, answer.headers, refusal.code), wait)


_pools: weakref.WeakSet[Http] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool._renew_after_fork()


around_fork(in_child=_after_fork_in_child)


class _Credentials(httpx.Auth):
    """Puts secrets into headers at the last moment, so that no dictionary on the way holds them."""

    def __init__(self, key: Secret | None, headers: Mapping[str, Secret]) -> None:
        self._key = key
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        for name, secret in self._headers.items():
            request.headers[name] = secret.reveal()
        yield request


def _status_in(error: Any) -> int:
    """The status such an error tells as its code, a number or its digits; else that of a passing one."""
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    return int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500
