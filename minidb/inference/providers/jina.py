"""Jina AI's embeddings API: texts and images, which Jina fetches itself when given an address.

Called through `jina_route` for `jinaai/…` when there is a key; without one fastembed may have the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from minidb.inference.execute import Request
from minidb.inference.plan import Input
from minidb.inference.providers.batching import Item, Limits, Vector, run, text_item
from minidb.inference.providers.call import Call, Profile, read
from minidb.inference.providers.http import Http
from minidb.inference.providers.images import picture
from minidb.inference.providers.jina_route import KEY_NAME
from minidb.inference.providers.openai import tokens_of
from minidb.inference.providers.replies import listed_vectors
from minidb.models.faults import shown

JINA: Final = Profile("jinaai", KEY_NAME, "https://api.jina.ai/v1")

_LIMITS = Limits(items=2048, bytes=8_000_000)
_HAS_TASKS = re.compile(r"jina-embeddings-v[345]\b").match
_TYPES = ("float", "base64", "binary", "ubinary")


class Jina:
    """Embeddings of texts and images from Jina AI."""

    slow = True

    def __init__(self, http: Http | None = None) -> None:
        self.http = http or Http()

    def embed(self, request: Request) -> Sequence[Vector]:
        """One vector per input; see `Embedder`. With `return_multivector` one matrix per input."""
        call = read(request, JINA)
        mixed = any(kind != "text" for kind, _ in request.inputs)
        items = [_item(given, call, mixed) for given in request.inputs]
        kind = _embedding_type(call)
        task = call.by_operation("retrieval.passage", "retrieval.query") if _HAS_TASKS(call.model) else None

        def send(inputs: list[Any]) -> list[Vector]:
            body = call.body({"model": call.model, "input": inputs}, {"task": task, "embedding_type": kind})
            if kind is not None:
                body["embedding_type"] = kind
            reply = self.http.post(call, "/embeddings", body)
            vectors = listed_vectors(reply, len(inputs), call, kind or "float")
            call.spent(tokens_of(reply))
            return vectors

        limits = _LIMITS.within(call.batch_size)
        if call.option("late_chunking"):  # the texts of one request are one document then
            limits = Limits(items=len(items), bytes=sum(item.bytes for item in items))
        return run(items, limits, send, call.context)

    def identity(self, request: Request) -> Mapping[str, Any] | None:
        """See `identity.Identified`; `task` may follow the operation. With `late_chunking` texts are parts of one."""
        call = read(request, JINA)
        if call.option("late_chunking"):
            return None
        return call.identity(by_operation=bool(call.auto_input_type and _HAS_TASKS(call.model)))


def _item(given: Input, call: Call, mixed: bool) -> Item:
    if given.kind == "text":
        return text_item(given.content, {"text": given.content} if mixed else None)
    if given.kind != "image":
        raise call.error(f"Only text and image input is supported for {call.full_model}.")
    image = picture(given.content, call.full_model)
    content = image.url or image.base64
    return Item({"image": content}, len(content))


def _embedding_type(call: Call) -> str | None:
    """What to ask for. base64 is a third of the bytes of numbers; matrices are documented as numbers only."""
    given = call.option("embedding_type", None if call.option("return_multivector") else "base64")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if given is not None and given not in _TYPES:
        raise call.error(f"option embedding_type must be one of {', '.join(_TYPES)}, got {shown(given)}")
    return None if given is None else str(given)
