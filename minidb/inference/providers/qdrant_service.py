"""Qdrant's own protocol between a database and its inference service: what `cloud_inference=True` speaks.

One service has all models, so its embedder stands under the empty prefix of a registry of its own, behind the built-in
ones: `qdrant/bm25` is computed here either way. Called by the database when asked to; `cloud_registry` is the door.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from minidb.errors import InferenceError
from minidb.inference.builtin import register
from minidb.inference.execute import Request, read_only_sparse
from minidb.inference.providers.batching import Item, Limits, run, text_item
from minidb.inference.providers.call import Call, is_header_value, is_plain_url
from minidb.inference.providers.failures import nonsense
from minidb.inference.providers.http import Http
from minidb.inference.providers.replies import check_count, checked_vectors
from minidb.inference.registry import Registry
from minidb.inference.secret import Secret

if TYPE_CHECKING:
    from minidb.models.vectors import SparseVector

_NAME = "qdrant"
_LIMITS = Limits(items=1024)
_LARGEST: Final = float(np.finfo(np.float32).max)


class QdrantService:
    """An inference service at an address.

    Args:
        address: to which inputs are posted.
        token: who asks, sent in the body as the protocol wants it.
        timeout: seconds for one attempt.
        max_retries: further attempts; Qdrant itself makes none.
    """

    slow = True

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        timeout: float = 600.0,
        max_retries: int = 2,
        http: Http | None = None,
    ) -> None:
        if not is_plain_url(address):
            raise InferenceError("the address of an inference service must be an http or https one", provider=_NAME)
        self.http = http or Http()
        self._address = address
        self._token = None if token is None else Secret(token)
        self._timeout_seconds = timeout
        self._max_retries = max_retries

    def embed(self, request: Request) -> Sequence[Any]:
        """One vector per input, dense, sparse or multi; see `Embedder`."""
        call = self._call(request)
        keys = {**request.context.keys, **request.secrets}
        for name, key in keys.items():
            if not is_header_value(key):
                raise call.error(f"the key in {name} has characters that no header can hold")
        items = [_item(kind, content, request) for kind, content in request.inputs]

        def send(inputs: list[Any]) -> list[Any]:
            token = None if self._token is None else self._token.reveal()
            body = {"inputs": inputs, "inference": request.operation, "token": token}
            reply = self.http.post(call, "", body, keys)
            rows = reply.get("embeddings")
            if not isinstance(rows, list):
                raise nonsense(_NAME, "answered without a list of embeddings")
            check_count(rows, len(inputs), call)
            vectors = [_vector(row, call) for row in rows]
            _count_tokens(reply, call)
            return vectors

        return run(items, _LIMITS, send, request.context)

    def identity(self, request: Request) -> Mapping[str, Any]:
        """See `identity.Identified`. The names of the keys that come along count: without one it may refuse."""
        names = sorted({*request.context.keys, *request.secrets})
        return {**self._call(request).identity(by_operation=True), "keys": names}

    def _call(self, request: Request) -> Call:
        own = () if self._token is None else (self._token,)
        return Call(
            provider=_NAME,
            model=request.model,
            full_model=request.model,
            operation=request.operation,
            base_url=self._address,
            key=None,
            secrets=(*own, *request.secrets.values(), *request.context.keys.values()),
            options=request.options,
            context=request.context,
            timeout_seconds=self._timeout_seconds,
            max_retries=self._max_retries,
            batch_size=None,
            auto_input_type=False,
        )


def cloud_registry(address: str, token: str | None = None, *, http: Http | None = None) -> Registry:
    """A registry that asks an inference service for every model minidb has not built in."""
    service = QdrantService(address, token, http=http)
    registry = Registry()
    register(registry)
    registry.register("", lambda model: service)
    return registry


def _item(kind: str, content: Any, request: Request) -> Item:
    body = {"data": content, "data_type": kind, "model": request.model, "options": dict(request.options) or None}
    return text_item(content, body) if isinstance(content, str) else Item(body, 0)


def _vector(row: Any, call: Call) -> Any:
    if not isinstance(row, Mapping):
        return checked_vectors([row], call)[0]
    vector = _sparse(row.get("indices"), row.get("values"))
    if vector is None:
        raise nonsense(_NAME, f"answered with a sparse vector that is none for {call.full_model}")
    return vector


def _sparse(indices: Any, values: Any) -> SparseVector | None:
    """A sparse vector of two lists of JSON's; None if they are none."""
    fits = (
        isinstance(indices, list)
        and isinstance(values, list)
        and len(indices) == len(values)
        and all(type(index) is int and 0 <= index < 2**32 for index in indices)
        and len(set(indices)) == len(indices)
        and all(type(value) in (int, float) for value in values)
    )
    if not fits:
        return None
    numbers = np.array(values, np.float64)
    if not (np.abs(numbers) <= _LARGEST).all():
        return None
    return read_only_sparse(np.array(indices, np.uint32), numbers.astype(np.float32))


def _count_tokens(reply: Mapping[str, Any], call: Call) -> None:
    usage = reply.get("usage")
    models = usage.get("models") if isinstance(usage, Mapping) else None
    if isinstance(models, Mapping):
        for entry in models.values():
            if isinstance(entry, Mapping):
                call.spent(entry.get("tokens"))
