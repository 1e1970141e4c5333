"""The examples of Qdrant's page on inference, `seeds/LANGUAGE.txt`, and what they need: values, collections, services.

A snippet stays as it stands there but for the words in <brackets>.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidb import models

KEY = "key-of-the-cluster"
_FOLDER = Path(__file__).parent / "seeds"
_VALUES = {
    "<the-model-to-use>": "minidb/hash-64",
    "<your-api-key>": KEY,
    '"<your-api-key"': f'"{KEY}"',
    "<paste-your-api-key-here>": KEY,
    "<your-openrouter-key>": KEY,
    "<paste-your-openrouter-key-here>": KEY,
    "<your_openai_api_key>": "key-of-openai",
    "<YOUR_OPENAI_API_KEY>": "key-of-openai",
    "<your_cohere_api_key>": "key-of-cohere",
    "<YOUR_COHERE_API_KEY>": "key-of-cohere",
    "<your_jinaai_api_key>": "key-of-jina",
    "<YOUR_JINAAI_API_KEY>": "key-of-jina",
    "<your_openrouter_api_key>": "key-of-openrouter",
    "<YOUR_OPENROUTER_API_KEY>": "key-of-openrouter",
}


def _vector(size: int) -> models.VectorParams:
    return models.VectorParams(size=size, distance=models.Distance.COSINE)


_BM25 = models.SparseVectorParams(modifier=models.Modifier.IDF)
COLLECTIONS: dict[str, dict[str, Any]] = {
    "bm25": {"sparse_vectors_config": {"my-bm25-vector": _BM25}},
    "text": {"vectors_config": _vector(64)},
    "image": {"vectors_config": _vector(512)},
    "openai": {"vectors_config": _vector(512)},
    "cohere": {"vectors_config": _vector(512)},
    "jina": {"vectors_config": _vector(512)},
    "openrouter": {"vectors_config": _vector(1024)},
    "several": {
        "vectors_config": {"image": _vector(512), "text": _vector(384)},
        "sparse_vectors_config": {"bm25": _BM25, "my-bm25-vector": _BM25},  # Go's snippet writes the second
    },
    "mrl": {"vectors_config": {"large": _vector(1536), "small": _vector(64)}},
}
"""By topic, which is the first word of a snippet's name."""
ASKED = {
    "openai": {"api.openai.com": 2},
    "cohere": {"api.cohere.com": 2},
    "jina": {"api.jina.ai": 2},
    "openrouter": {"openrouter.ai": 2},
    "several": {"api.jina.ai": 1},
    "mrl": {"api.openai.com": 2},
}
"""Requests to each service by a topic's snippets; two sizes of a text are one of them."""


def snippets(language: str) -> dict[str, str]:
    """The language's snippets by name; each writes to, or asks, the collection with its topic's name."""
    parts = (_FOLDER / f"{language}.txt").read_text("utf-8").split("\n=== ")[1:]
    return {name: _filled(code, name.split()[0]) for name, _, code in (part.partition("\n") for part in parts)}


def _filled(code: str, collection: str) -> str:
    for placeholder, value in {**_VALUES, "{collection_name}": collection, "<your-collection>": collection}.items():
        code = code.replace(placeholder, value)
    return code.rstrip("\n") + "\n"
