"""The models minidb has without any download, key or network: `qdrant/bm25` and `minidb/hash-N`.

Registers them in a `Registry`, and imports them only when a request names one. Called by `inference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minidb.errors import InferenceError
from minidb.inference.registry import Embedder, Registry

if TYPE_CHECKING:
    from minidb.inference.execute import Request

_BM25_NAMES = ("bm25", "qdrant/bm25")


class Bm25Embedder:
    """`qdrant/bm25`, or `bm25`, in any case: tf weights for what is stored, ones for what is searched."""

    slow = False

    def embed(self, request: Request) -> Sequence[Any]:
        """One sparse vector per text; see `Embedder`."""
        texts = request.texts()
        from minidb.inference.bm25 import model_for

        model = model_for(request.options)
        return model.queries(texts) if request.operation == "search" else model.documents(texts)


def register(registry: Registry) -> None:
    """Adds the built-in models to a registry."""
    for name in _BM25_NAMES:
        registry.register(name, _bm25)
    registry.register("minidb/", _minidb)


def _bm25(model: str) -> Embedder | None:
    return Bm25Embedder() if model.lower() in _BM25_NAMES else None


def _minidb(model: str) -> Embedder | None:
    from minidb.inference.hashing import MAX_DIMENSION, dimension_of, embedder_for

    dimension = dimension_of(model)
    if dimension is None:
        raise InferenceError(f"No embedding model {model!r}: minidb has minidb/hash-N with 1 <= N <= {MAX_DIMENSION}.")
    return embedder_for(dimension)
