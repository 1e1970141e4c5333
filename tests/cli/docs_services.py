"""The services and fastembed models the pages ask, played here: words in common bring texts and pictures together.

A picture says "chocolate cake" or "bicycle" by its colour, one behind a URL says what its URL says.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from minidb.inference.hashing import embedder_for

PICTURES = {"cake.png": (90, 50, 20), "bicycle.png": (20, 50, 200)}
_SAYS = {PICTURES["cake.png"]: "chocolate cake", PICTURES["bicycle.png"]: "bicycle", (0, 255, 0): "a green square"}
_SIZES = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "embed-v4.0": 1536,
    "nomic-embed-text": 768,
    "sentence-transformers/all-minilm-l6-v2": 384,
}
_USUAL_SIZE = 1024
_HOSTS = {"api.openai.com", "api.cohere.com", "api.jina.ai", "openrouter.ai", "ai.mongodb.com"}
_LOCAL_PORTS = {11434, 6379}  # Ollama, Qdrant's inference service


def play(monkeypatch: pytest.MonkeyPatch) -> Services:
    """From now on httpx reaches these services and this machine only, and fastembed's models are played."""
    fastembed = pytest.importorskip("fastembed")
    from minidb.inference import weights

    services = Services()
    real = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if services.plays(request.url):
            return services.handle_request(request)
        assert request.url.host in ("localhost", "127.0.0.1"), f"a page asks {request.url}"
        return real(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
    monkeypatch.setattr(weights, "is_reachable", lambda: False)
    for name, vector_of in {
        "TextEmbedding": dense,
        "ImageEmbedding": dense,
        "LateInteractionTextEmbedding": per_word,
        "SparseTextEmbedding": Sparse,
    }.items():
        monkeypatch.setattr(fastembed, name, played(getattr(fastembed, name), vector_of))
    return services


def write_pictures(folder: Path) -> None:
    for name, color in PICTURES.items():
        Image.new("RGB", (8, 8), color).save(folder / name)


class Services:
    """Every service at once, in the place of the network; `asked` are the requests, by host."""

    def __init__(self) -> None:
        self.asked: dict[str, list[httpx.Request]] = {}

    def plays(self, url: httpx.URL) -> bool:
        return url.host in _HOSTS or (url.host == "localhost" and url.port in _LOCAL_PORTS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.setdefault(request.url.host, []).append(request)
        body = json.loads(request.content)
        if request.url.path.endswith("/infer"):
            return httpx.Response(200, json={"embeddings": [_listed(given["data"], given) for given in body["inputs"]]})
        if request.url.host == "api.cohere.com":
            contents = body.get("texts") or [part for given in body["inputs"] for part in given["content"]]
            return httpx.Response(200, json={"embeddings": {"float": [_listed(each, body) for each in contents]}})
        contents = [body["input"]] if isinstance(body["input"], str) else body["input"]
        packed = "base64" in (body.get("encoding_format"), body.get("embedding_type"))
        data = [{"index": i, "embedding": (_packed if packed else _listed)(c, body)} for i, c in enumerate(contents)]
        return httpx.Response(200, json={"data": data, "usage": {"total_tokens": 5 * len(data)}})


def _listed(content: Any, body: dict[str, Any]) -> list[float]:
    return dense(_words(content), _size(body)).tolist()


def _packed(content: Any, body: dict[str, Any]) -> str:
    return base64.b64encode(dense(_words(content), _size(body)).tobytes()).decode()


def _size(body: dict[str, Any]) -> int:
    return body.get("dimensions") or body.get("output_dimension") or _SIZES.get(body["model"], _USUAL_SIZE)


def _words(content: Any) -> str:
    """What a text, a picture, or a part of either kind says."""
    if isinstance(content, dict):
        value = content.get("text") or content.get("image") or content["image_url"]
        return _words(value["url"] if isinstance(value, dict) else value)
    if content.startswith("data:"):
        return _seen(Image.open(io.BytesIO(base64.b64decode(content.partition(",")[2], validate=True))))
    return content


def _seen(image: Any) -> str:
    return _SAYS[image.convert("RGB").getpixel((0, 0))]


def dense(words: str, size: int) -> np.ndarray:
    return embedder_for(size).vectors([words])[0]


def played(real: Any, vector_of: Callable[[str, int], Any]) -> type:
    """fastembed's class `real` with its list of models, whose vectors are made by `vector_of(words, size)`.

    A model in a folder of the caller's own is loaded and run by `real` itself.
    """

    class Played:
        list_supported_models = staticmethod(real.list_supported_models)

        def __new__(cls, name: str, **options: Any) -> Any:
            return real(name, **options) if "specific_model_path" in options else super().__new__(cls)

        def __init__(self, name: str, **options: Any) -> None:
            entry = next(entry for entry in real.list_supported_models() if entry["model"] == name)
            self.size = entry.get("dim", 0)

        def embed(self, inputs: Any, batch_size: int | None = None) -> Iterator[Any]:
            for each in inputs:
                yield vector_of(each if isinstance(each, str) else _seen(each), self.size)

        query_embed = embed

    return Played


def per_word(words: str, size: int) -> np.ndarray:
    return np.array([dense(word, size) for word in words.split()])


class Sparse:
    """A vector with the fields of fastembed's."""

    def __init__(self, words: str, size: int) -> None:
        self.indices = np.array(sorted({binascii.crc32(word.encode()) for word in words.split()}))
        self.values = np.ones(len(self.indices))
