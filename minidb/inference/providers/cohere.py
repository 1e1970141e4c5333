"""Cohere's embed API, version 2. Texts, and images as data URLs: Cohere fetches none, so an address is refused at once.

`input_type`, which Cohere demands, follows the operation unless the options say otherwise. Called by the registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minidb.inference.execute import Request
from minidb.inference.plan import Input
from minidb.inference.providers.batching import Item, Limits, Vector, run, run_parts, text_item
from minidb.inference.providers.call import Call, Profile, read
from minidb.inference.providers.failures import nonsense
from minidb.inference.providers.http import Http
from minidb.inference.providers.images import picture
from minidb.inference.providers.replies import check_count, checked_vectors
from minidb.models.faults import shown

COHERE: Final = Profile("cohere", "cohere-api-key", "https://api.cohere.com/v2")

_TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_LIMITS = Limits(items=96, bytes=20_000_000)
_ONE_IMAGE = Limits(items=1)


class Cohere:
    """Embeddings of texts and images from Cohere."""

    slow = True

    def __init__(self, http: Http | None = None) -> None:
        self.http = http or Http()

    def embed(self, request: Request) -> Sequence[Vector]:
        """One vector per input; see `Embedder`. `embedding_types`, one of them, says of which numbers."""
        call = read(request, COHERE)
        kind = _embedding_type(call)
        pictures = [_data_url(given, call) for given in request.inputs]

        def run_field(field: str, positions: list[int]) -> list[Vector]:
            items = [_item(request.inputs[i], pictures[i], field) for i in positions]
            limits = (_ONE_IMAGE if field == "images" else _LIMITS).within(call.batch_size)
            return run(items, limits, lambda inputs: self._send(call, field, inputs, kind), call.context)

        return run_parts(_fields(call, pictures), run_field)

    def identity(self, request: Request) -> Mapping[str, Any]:
        """See `identity.Identified`; `input_type` follows the operation."""
        return read(request, COHERE).identity(by_operation=True)

    def _send(self, call: Call, field: str, inputs: list[Any], kind: str) -> list[Vector]:
        input_type = "search_query" if call.operation == "search" else "search_document"
        if field == "images":
            input_type = "image"
        body = call.body({"model": call.model, field: inputs}, {"input_type": input_type, "embedding_types": [kind]})
        body["embedding_types"] = [kind]  # a list, whether the caller wrote one or not
        reply = self.http.post(call, "/embed", body)
        by_type = reply.get("embeddings")
        rows = by_type.get(kind) if isinstance(by_type, dict) else None
        if not isinstance(rows, list):
            raise nonsense(call.provider, f"answered without {kind} embeddings for {call.full_model}")
        check_count(rows, len(inputs), call)
        vectors = checked_vectors(rows, call, kind)
        _count_tokens(reply, call)
        return vectors


def _fields(call: Call, pictures: list[str | None]) -> list[str]:
    """Where each input goes. Models before version 4 take images alone, the later ones mix them with texts."""
    if "-v3" in call.model or "-v2" in call.model:
        return ["texts" if url is None else "images" for url in pictures]
    return ["texts" if all(url is None for url in pictures) else "inputs"] * len(pictures)


def _item(given: Input, url: str | None, field: str) -> Item:
    if url is not None:
        part: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
        return Item(url if field == "images" else {"content": [part]}, len(url))
    text = given.content
    return text_item(text, None if field == "texts" else {"content": [{"type": "text", "text": text}]})


def _data_url(given: Input, call: Call) -> str | None:
    """The data URL of an image, None for a text."""
    if given.kind == "text":
        return None
    if given.kind != "image":
        raise call.error(f"Only text and image input is supported for {call.full_model}.")
    image = picture(given.content, call.full_model)
    if image.url is not None:
        raise call.error(
            f"{call.full_model} takes no image URLs: give the image itself, as a data URL (data:image/png;base64,…)"
        )
    return image.data_url(call.full_model)


def _embedding_type(call: Call) -> str:
    given = call.option("embedding_types")
    types = ["float"] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(types, list) or len(types) != 1 or types[0] not in _TYPES:
        raise call.error(f"option embedding_types must be one of {', '.join(_TYPES)}, got {shown(given)}")
    return str(types[0])


def _count_tokens(reply: dict[str, Any], call: Call) -> None:
    meta = reply.get("meta")
    units = meta.get("billed_units") if isinstance(meta, dict) else None
    if isinstance(units, dict):
        call.spent(units.get("input_tokens"))
        call.spent(units.get("image_tokens"))
