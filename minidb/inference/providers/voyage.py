"""Voyage's embeddings API as MongoDB runs it (ai.mongodb.com): texts, five kinds of numbers, two ways to write them.

`input_type` follows the operation unless the options say otherwise. Models called `voyage-multimodal-…` take images, at
an endpoint of their own. Called by the registry for `voyage/…` and `voyageai/…`. Keys of Voyage's own site need the
option `base_url="https://api.voyageai.com/v1"`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minidb.inference.execute import Request
from minidb.inference.plan import Input
from minidb.inference.providers.batching import Item, Limits, Vector, run, run_parts, text_item
from minidb.inference.providers.call import Call, Profile, read
from minidb.inference.providers.http import Http
from minidb.inference.providers.images import Picture, picture
from minidb.inference.providers.replies import listed_vectors
from minidb.models.faults import shown

VOYAGE: Final = Profile("voyage", "voyage-api-key", "https://ai.mongodb.com/v1")

MAX_ITEMS: Final = 1000
MAX_TOKENS: Final = {
    **dict.fromkeys(("voyage-3.5-lite", "voyage-4-lite"), 1_000_000),
    **dict.fromkeys(("voyage-3.5", "voyage-4", "voyage-2"), 320_000),
    **dict.fromkeys(("voyage-3-large", "voyage-4-large", "voyage-code-3", "voyage-finance-2", "voyage-law-2"), 120_000),
}
_OTHER_MAX_TOKENS = 120_000  # the documentation names no limit for the rest; the least there is holds for all
_MULTIMODAL_LIMITS = Limits(items=MAX_ITEMS, tokens=320_000, bytes=20_000_000)

DIMENSIONS: Final = (256, 512, 1024, 2048)
FLEXIBLE_MODELS: Final = frozenset(
    {
        "voyage-4-large",
        "voyage-4",
        "voyage-4-lite",
        "voyage-3-large",
        "voyage-3.5",
        "voyage-3.5-lite",
        "voyage-code-3",
    }
)
_ONE_SIZE_MODELS = frozenset({"voyage-2", "voyage-code-2", "voyage-finance-2", "voyage-law-2", "voyage-multimodal-3"})
_DTYPES = ("float", "int8", "uint8", "binary", "ubinary")


class Voyage:
    """Embeddings of texts, and of images with a multimodal model, from Voyage."""

    slow = True

    def __init__(self, http: Http | None = None) -> None:
        self.http = http or Http()

    def embed(self, request: Request) -> Sequence[Vector]:
        """One vector per input; see `Embedder`. `output_dtype` says of which numbers."""
        call = read(request, VOYAGE)
        dtype = _checked_dtype(call)
        _check_dimension(call)
        if any(kind == "text" and content == "" for kind, content in request.inputs):
            raise call.error(f"{request.model} embeds no empty text")
        if call.model.startswith("voyage-multimodal"):
            return self._multimodal(request.inputs, call, dtype)
        items = [text_item(text) for text in request.texts()]
        limits = Limits(MAX_ITEMS, MAX_TOKENS.get(call.model, _OTHER_MAX_TOKENS)).within(call.batch_size)

        def send(inputs: list[Any]) -> list[Vector]:
            content = {"input": inputs[0] if len(inputs) == 1 else inputs, "model": call.model}
            body = call.body(content, {**_defaults(call), "encoding_format": "base64"})
            return self._send(call, "/embeddings", body, len(inputs), dtype)

        return run(items, limits, send, call.context)

    def identity(self, request: Request) -> Mapping[str, Any]:
        """See `identity.Identified`; `input_type` follows the operation unless that is switched off."""
        call = read(request, VOYAGE)
        return call.identity(by_operation=call.auto_input_type)

    def _multimodal(self, inputs: Sequence[Input], call: Call, dtype: str) -> list[Vector]:
        """Texts and images. A request holds images by address or images by content, never both."""
        contents = [_content(given, call) for given in inputs]

        def send(batch: list[Any]) -> list[Vector]:
            body = call.body({"inputs": batch, "model": call.model}, _defaults(call))
            return self._send(call, "/multimodalembeddings", body, len(batch), dtype)

        def run_part(part: str, positions: list[int]) -> list[Vector]:
            items = [contents[i][1] for i in positions]
            return run(items, _MULTIMODAL_LIMITS.within(call.batch_size), send, call.context)

        return run_parts([part for part, _ in contents], run_part)

    def _send(self, call: Call, path: str, body: dict[str, Any], count: int, dtype: str) -> list[Vector]:
        reply = self.http.post(call, path, body)
        vectors = listed_vectors(reply, count, call, dtype)
        usage = reply.get("usage")
        if isinstance(usage, dict):
            call.spent(usage.get("total_tokens"))
        return vectors


def _defaults(call: Call) -> dict[str, Any]:
    """Parameters in the order of the documentation; None leaves one to Voyage's own default."""
    return {
        "input_type": call.by_operation("document", "query"),
        "truncation": None,
        "output_dimension": None,
        "output_dtype": None,
    }


def _content(given: Input, call: Call) -> tuple[str, Item]:
    """Which requests an input may share, and the input as it stands in the body."""
    if given.kind == "text":
        return "url", text_item(given.content, {"content": [{"type": "text", "text": given.content}]})
    if given.kind != "image":
        raise call.error(f"Only text and image input is supported for {call.full_model}.")
    image: Picture = picture(given.content, call.full_model)
    if image.url is not None:
        return "url", Item({"content": [{"type": "image_url", "image_url": image.url}]}, len(image.url))
    data = image.data_url(call.full_model)
    return "base64", Item({"content": [{"type": "image_base64", "image_base64": data}]}, len(data))


def _check_dimension(call: Call) -> None:
    size = call.option("output_dimension")
    if size is None:
        return
    if call.model in _ONE_SIZE_MODELS:
        raise call.error(f"{call.full_model} has one size only: option output_dimension cannot be {shown(size)}")
    if call.model in FLEXIBLE_MODELS and (type(size) is not int or size not in DIMENSIONS):
        raise call.error(
            f"option output_dimension must be one of {DIMENSIONS} for {call.full_model}, got {shown(size)}"
        )


def _checked_dtype(call: Call) -> str:
    dtype = call.option("output_dtype")
    if dtype is None:
        return "float"
    if dtype not in _DTYPES:
        raise call.error(f"option output_dtype must be one of {', '.join(_DTYPES)}, got {shown(dtype)}")
    if dtype != "float" and call.model in _ONE_SIZE_MODELS:
        raise call.error(f"{call.full_model} makes float vectors only: option output_dtype cannot be {shown(dtype)}")
    return str(dtype)
