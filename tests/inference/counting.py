"""An embedder that remembers what it was asked, and a registry that has it as `test/…`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidb.inference import Registry, Request
from minidb.inference.builtin import register


class Counting:
    def __init__(self, vector_of: Callable[[Any], Any] | None = None, slow: bool = False) -> None:
        self.slow = slow
        self.requests: list[Request] = []
        self._vector_of = vector_of or (lambda content: np.array([len(str(content)), 1.0], np.float32))

    def embed(self, request: Request) -> Sequence[Any]:
        self.requests.append(request)
        return [self._vector_of(content) for _, content in request.inputs]

    @property
    def inputs(self) -> int:
        return sum(len(request.inputs) for request in self.requests)


def registry_of(embedder: Any, prefix: str = "test/") -> Registry:
    registry = Registry()
    register(registry)
    registry.register(prefix, lambda model: embedder)
    return registry
