"""What accompanies the inference of one call: a deadline, request headers, and counters of what was spent.

Made by the doors, handed through `inference.resolve` to every embedder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from minidb.errors import Timeout
from minidb.inference.plan import Secret, is_key_name


@dataclass
class Usage:
    """Counters of one call. `tokens` by model, as embedders report them; built-in models report none."""

    objects: int = 0  # found in the request
    inputs: int = 0  # left after removing equal ones
    calls: int = 0  # of embedders
    tokens: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_tokens(self, model: str, count: int) -> None:
        """Counts tokens a model charged for; safe to call from several threads."""
        with self._lock:
            self.tokens[model] = self.tokens.get(model, 0) + count


class InferenceContext:
    """One call's surroundings.

    Args:
        timeout: seconds until the call shall give up, from now; None for no limit.
        headers: of the request; those that end with `-api-key` are kept, as secrets, and the rest is not.
        trusted: whether the caller may say where an API is (the option `base_url`). A door to the network passes False.
    """

    def __init__(
        self, timeout: float | None = None, headers: Mapping[str, str] | None = None, *, trusted: bool = True
    ) -> None:
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.keys = {name.lower(): Secret(value) for name, value in (headers or {}).items() if is_key_name(name)}
        self.usage = Usage()
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
