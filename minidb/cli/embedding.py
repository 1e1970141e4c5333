"""Texts become vectors here, whatever the store or server is; provider keys come from the environment.

Which model a vector is of, `minidb import` notes in the collection's metadata, so that `minidb search` asks with the
same. Called by `search` and `transfer`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minidb.inference.catalog import MODELS_NOTED

if TYPE_CHECKING:
    from minidb.inference import Operation

_PROVIDERS = ("openai", "cohere", "jina", "openrouter", "voyage", "openai_compatible")
_BM25 = "Qdrant/bm25"


def embed(texts: list[str], model: str, operation: Operation) -> list[Any]:
    """A vector for each text. Raises InferenceError."""
    from minidb import inference, models

    keys = {f"{name}-api-key".replace("_", "-"): os.environ.get(f"{name.upper()}_API_KEY") for name in _PROVIDERS}
    context = inference.InferenceContext(headers={name: key for name, key in keys.items() if key})
    documents = [models.Document(text=text, model=model) for text in texts]
    return list(inference.resolve(documents, operation=operation, context=context))


def noted(by_vector: Mapping[str, str]) -> dict[str, Any]:
    """Metadata that say which model each vector name is of."""
    return {MODELS_NOTED: dict(by_vector)} if by_vector else {}


def model_of(info: Mapping[str, Any], using: str) -> str | None:
    """The model noted for a vector; BM25 for a sparse one that Qdrant weighs by rarity; None when nobody knows."""
    config = info["config"]
    note = (config.get("metadata") or {}).get(MODELS_NOTED) or {}
    if using in note:
        return str(note[using])
    sparse = (config["params"].get("sparse_vectors") or {}).get(using)
    return _BM25 if sparse is not None and sparse.get("modifier") == "idf" else None
