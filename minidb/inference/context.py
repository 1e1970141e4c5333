"""What accompanies the inference of one call: a deadline, request headers, and counters of what was spent.

Made by the doors, handed through `inference.resolve` to every embedder. `context_headers` and `inference_usage` reach
it from around a call: they hold for the thread, or the task, that entered them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from minidb.errors import Timeout
from minidb.inference.secret import Secret, secrets_in


@dataclass
class Usage:
    """Counters of one call, or of those inside `inference_usage`. `tokens` by model, as embedders report them; models
    that run here report none.
    """

    objects: int = 0  # found in the requests
    inputs: int = 0  # left after removing equal ones
    calls: int = 0  # of embedders
    hits: int = 0  # inputs whose vectors the embedding cache had
    shared: int = 0  # inputs whose vectors another thread was having made
    tokens: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, *, objects: int = 0, inputs: int = 0, calls: int = 0, hits: int = 0, shared: int = 0) -> None:
        """Counts; safe to call from several threads."""
        with self._lock:
            self.objects += objects
            self.inputs += inputs
            self.calls += calls
            self.hits += hits
            self.shared += shared

    def add_tokens(self, model: str, count: int) -> None:
        """Counts tokens a model charged for; safe to call from several threads."""
        with self._lock:
            self.tokens[model] = self.tokens.get(model, 0) + count

    def add_all(self, other: Usage) -> None:
        """Counts what another has counted."""
        self.add(objects=other.objects, inputs=other.inputs, calls=other.calls, hits=other.hits, shared=other.shared)
        for model, count in list(other.tokens.items()):
            self.add_tokens(model, count)


_usage: ContextVar[Usage | None] = ContextVar("minidb_inference_usage", default=None)
_no_headers: Mapping[str, Secret] = {}
_headers: ContextVar[Mapping[str, Secret]] = ContextVar("minidb_context_headers", default=_no_headers)


class InferenceContext:
    """One call's surroundings.

    Args:
        timeout: seconds until the call shall give up, from now; None for no limit.
        headers: of the request; those that end with `-api-key` are kept, as secrets, and the rest is not. Those of
            `context_headers` are added and win.
        trusted: whether the caller may say where an API is (the option `base_url`). A door to the network passes False.
        patience: seconds after which nobody waits for the answer any more, whatever the call itself asked for.
    """

    def __init__(
        self,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool = True,
        patience: float | None = None,
    ) -> None:
        limit = min((seconds for seconds in (timeout, patience) if seconds is not None), default=None)
        self.timeout = timeout
        # a call of gRPC without a deadline has one in 292 billion years, and no lock can be waited for so long
        self.deadline = None if limit is None or limit >= threading.TIMEOUT_MAX else time.monotonic() + limit
        self.keys = {**secrets_in(headers or {}), **_headers.get()}
        self.usage = _usage.get() or Usage()
        self.trusted = trusted

    def remaining(self) -> float | None:
        """Seconds left, None without a limit. Raises Timeout when there are none."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise out_of_time()
        return left


def out_of_time() -> Timeout:
    """The error of a call whose deadline passed."""
    return Timeout("Inference did not finish within the timeout of the request")


@contextmanager
def context_headers(headers: Mapping[str, str]) -> Iterator[None]:
    """`with minidb.context_headers({"openai-api-key": key}):` sends headers along with every call inside.

    They win over the client's own, inner ones over outer ones. Only keys (`…-api-key`) matter to minidb.
    """
    token = _headers.set({**_headers.get(), **secrets_in(headers)})
    try:
        yield
    finally:
        _headers.reset(token)


@contextmanager
def inference_usage() -> Iterator[Usage]:
    """`with minidb.inference_usage() as usage:` counts the inference of all calls inside, of any client.

    A block inside another adds to both.

    Example:
        >>> with minidb.inference_usage() as usage:
        ...     client.upsert("docs", points)
        >>> usage.tokens
        {'openai/text-embedding-3-small': 1234}
    """
    usage, outer = Usage(), _usage.get()
    token = _usage.set(usage)
    try:
        yield usage
    finally:
        _usage.reset(token)
        if outer is not None:
            outer.add_all(usage)
