"""OpenAI's embeddings API, and every server that speaks it (Ollama, vLLM, text-embeddings-inference, LM Studio).

Every option goes into the body as it is (`dimensions`, `user`, …). Called by the registry for `openai/…` and
`openai-compatible/…`, and for prefixes a user registers with `providers.openai_compatible`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minidb.errors import InferenceError
from minidb.inference.execute import Request
from minidb.inference.providers.batching import Item, Limits, Vector, run, text_item
from minidb.inference.providers.call import Call, Profile, read
from minidb.inference.providers.http import Http
from minidb.inference.providers.replies import listed_vectors

OPENAI: Final = Profile("openai", "openai-api-key", "https://api.openai.com/v1")
COMPATIBLE: Final = Profile("openai-compatible", "openai-compatible-api-key", None, key_required=False)

_OPENAI_LIMITS = Limits(items=2048, tokens=300_000)
_COMPATIBLE_LIMITS = Limits(items=256)  # servers differ; what one finds too many is halved


class OpenAICompatible:
    """Embeddings from a server with OpenAI's API. A key is sent if there is one."""

    slow = True

    def __init__(self, profile: Profile = COMPATIBLE, http: Http | None = None) -> None:
        self.profile = profile
        self.http = http or Http()
        self.limits = _COMPATIBLE_LIMITS
        self._without_base64: set[str] = set()  # the base URLs of servers that refuse it

    def embed(self, request: Request) -> Sequence[Vector]:
        """One vector per input; see `Embedder`."""
        call = read(request, self.profile)
        items = self.items(request, call)

        def send(inputs: list[Any]) -> list[Vector]:
            reply = self._post(call, {"model": call.model, "input": inputs})
            vectors = listed_vectors(reply, len(inputs), call)
            call.spent(tokens_of(reply))
            return vectors

        return run(items, self.limits.within(call.batch_size), send, call.context)

    def _post(self, call: Call, content: Mapping[str, Any]) -> dict[str, Any]:
        """Vectors as base64, a third of the bytes. A server that refuses the parameter is asked for its default."""
        if call.base_url not in self._without_base64:
            try:
                return self.http.post(call, "/embeddings", call.body(content, {"encoding_format": "base64"}))
            except InferenceError as error:
                if "encoding_format" in call.options or not _names_encoding(error):
                    raise
            self._without_base64.add(call.base_url)
        return self.http.post(call, "/embeddings", call.body(content, {}))

    def identity(self, request: Request) -> Mapping[str, Any]:
        """See `identity.Identified`; the operation is not told."""
        return read(request, self.profile).identity(by_operation=False)

    def items(self, request: Request, call: Call) -> list[Item]:
        """The inputs as they stand in the body."""
        return [text_item(text) for text in request.texts()]


class OpenAI(OpenAICompatible):
    """OpenAI itself: a key is needed, and no text may be empty."""

    def __init__(self, http: Http | None = None) -> None:
        super().__init__(OPENAI, http)
        self.limits = _OPENAI_LIMITS

    def items(self, request: Request, call: Call) -> list[Item]:
        """The texts of the request."""
        if "" in request.texts():
            raise call.error(f"{request.model} embeds no empty text")
        return super().items(request, call)


def _names_encoding(error: InferenceError) -> bool:
    text = str(error).lower()
    return error.upstream_status is not None and ("encoding_format" in text or "base64" in text)


def tokens_of(reply: dict[str, Any]) -> Any:
    """The tokens an answer of OpenAI's shape was charged with, None if it does not say."""
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return None
    return usage.get("total_tokens") or usage.get("prompt_tokens")
