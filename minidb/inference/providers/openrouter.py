"""OpenRouter: OpenAI's API before the models of many. What follows `openrouter/` is its model id, slashes included.

Differs in three things: images are content parts, `index` may be missing, and a failure may come with status 200 (which
`http` sees). Called by the registry.
"""

from __future__ import annotations

from typing import Final

from minidb.inference.execute import Request
from minidb.inference.providers.batching import Item, Limits, text_item
from minidb.inference.providers.call import Call, Profile
from minidb.inference.providers.http import Http
from minidb.inference.providers.images import picture
from minidb.inference.providers.openai import OpenAICompatible

OPENROUTER: Final = Profile("openrouter", "openrouter-api-key", "https://openrouter.ai/api/v1")
_LIMITS = Limits(items=256, tokens=300_000)  # the models behind it differ; what one finds too many is halved


class OpenRouter(OpenAICompatible):
    """Embeddings of texts and images from OpenRouter."""

    def __init__(self, http: Http | None = None) -> None:
        super().__init__(OPENROUTER, http)
        self.limits = _LIMITS

    def items(self, request: Request, call: Call) -> list[Item]:
        """Texts as strings; texts and images, where both occur, as content parts."""
        kinds = {kind for kind, _ in request.inputs}
        if kinds == {"text"}:
            return super().items(request, call)
        items = []
        for kind, content in request.inputs:
            if kind == "text":
                items.append(text_item(content, {"content": [{"type": "text", "text": content}]}))
            elif kind == "image":
                image = picture(content, request.model)
                url = image.url or image.data_url(request.model)
                part = {"type": "image_url", "image_url": {"url": url}}
                items.append(Item({"content": [part]}, len(url)))
            else:
                raise call.error(f"Only text and image input is supported for {request.model}.")
        return items
