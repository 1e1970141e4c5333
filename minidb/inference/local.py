"""Registers the models that run here through fastembed, if it is installed, for every name no other provider has.

Imports fastembed only when a request names such a model. Called by `inference`.
"""

from __future__ import annotations

import importlib.util

from minidb.errors import InferenceError
from minidb.inference.registry import Embedder, Registry

INSTALL = "pip install 'minidb-vector[fastembed]'"


def register(registry: Registry) -> None:
    """Adds fastembed's models to a registry, behind all others."""
    registry.register("", _fastembed)


_found: dict[str, bool] = {}


def is_installed() -> bool:
    """Whether there is a fastembed to import. Once found it stays; looking for it takes 50 µs."""
    if not _found and importlib.util.find_spec("fastembed") is not None:
        _found["fastembed"] = True
    return bool(_found)


def _fastembed(model: str) -> Embedder | None:
    if not is_installed():
        raise InferenceError(
            f"No embedding model {model!r} without fastembed: {INSTALL}. Built in are qdrant/bm25 and minidb/hash-N; "
            "others can be added with minidb.register_provider."
        )
    from minidb.inference.fastembed import embedder_for

    return embedder_for(model)
