"""Decides who embeds `jinaai/…`: Jina's API when the request brings a key, else fastembed when that lists the model.

Both use the prefix. Called by the registry; imports httpx and fastembed only when it comes to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from minidb.errors import InferenceError
from minidb.inference.execute import Request
from minidb.inference.identity import Identified
from minidb.inference.local import is_installed
from minidb.inference.providers.call import has_key, key_hint
from minidb.inference.registry import Embedder, Registry

KEY_NAME: Final = "jina-api-key"
_PREFIX = "jinaai/"


class JinaRoute:
    """A model whose name begins with `jinaai/`. A local embedder is whatever the registry finds behind this prefix."""

    slow = True

    def __init__(
        self,
        registry: Registry,
        api: Callable[[], Embedder],
        fastembed_lists: Callable[[str], bool] | None = None,
    ) -> None:
        self._registry = registry
        self._api = api
        self._fastembed_lists = fastembed_lists or fastembed_lists_model

    def embed(self, request: Request) -> Sequence[Any]:
        """One vector per input; see `Embedder`."""
        return self._embedder(request).embed(request)

    def identity(self, request: Request) -> Mapping[str, Any] | None:
        """That of whoever embeds; see `identity.Identified`."""
        embedder = self._embedder(request)
        return embedder.identity(request) if isinstance(embedder, Identified) else None

    def _embedder(self, request: Request) -> Embedder:
        if has_key(request, KEY_NAME):
            return self._api()
        listed = self._fastembed_lists(request.model)
        local = self._registry.find(request.model, below=_PREFIX) if listed else None
        if local is None:
            why = "cannot be run here" if listed else "is not installed or does not list it"
            raise InferenceError(
                f"{request.model} needs a key of jinaai, as the option {KEY_NAME} of the object or as the request "
                f"header {KEY_NAME}, or a local model: fastembed {why}",
                provider="jinaai",
            ).hinting(key_hint(KEY_NAME))
        return local


def fastembed_lists_model(model: str) -> bool:
    """Whether fastembed is installed and has a model of this name, whatever the case."""
    if not is_installed():
        return False
    from minidb.inference.fastembed import embedder_for

    return embedder_for(model) is not None
