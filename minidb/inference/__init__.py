"""Inference objects (text, images, objects in the place of vectors) become vectors, before a write or a search.

`resolve` is the whole way: collect (`objects`), plan (`plan`), execute (`execute`), cut (`mrl`), scatter (`objects`).
Called by the database; knows nothing of collections. Importing it loads no model: those come with the first request.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minidb.errors import InferenceError
from minidb.inference.builtin import register as _register_builtin
from minidb.inference.context import InferenceContext, Usage
from minidb.inference.execute import Embedder, Embedding, Operation, Provider, Registry, Request, execute
from minidb.inference.mrl import cut
from minidb.inference.objects import Found, collect, contains, rewrite
from minidb.inference.plan import Input, Place, Secret, plan
from minidb.inference.providers import register as _register_providers

__all__ = [
    "Embedder",
    "InferenceContext",
    "Input",
    "Operation",
    "Provider",
    "Registry",
    "Request",
    "Secret",
    "Usage",
    "contains",
    "register_provider",
    "resolve",
]

T = TypeVar("T")

_registry = Registry()
_register_builtin(_registry)
_register_providers(_registry)


def register_provider(prefix: str, provider: Provider) -> None:
    """Route models whose name begins with `prefix` to `provider` (from a name to its `Embedder`, or None)."""
    _registry.register(prefix, provider)


def resolve(
    tree: T, *, operation: Operation, context: InferenceContext | None = None, registry: Registry | None = None
) -> T:
    """`tree` with every inference object replaced by its vector; the tree itself when it has none.

    Args:
        tree: points, operations, queries, prefetches, or lists of them, as models or dicts. It is not changed; what
            holds no object is shared with the result.
        operation: "update" for what will be stored, "search" for what is looked for. Some models tell them apart.
        context: deadline, keys from headers, usage counters.
        registry: where models come from, in place of the process's own.

    Returns:
        Dense vectors as read-only float32 arrays (d,), multivectors (n, d), sparse ones as `SparseVector` of arrays.

    Raises:
        InferenceError: unknown model, invalid options, or an embedder's refusal. Nothing was returned then, so nothing
            can have been written.
        Timeout: the context's deadline passed.
    """
    objects = collect(tree)
    if not objects:
        return tree
    context = context or InferenceContext()
    context.usage.objects += len(objects)
    planned = plan(objects)
    embeddings = execute(planned.groups, operation, context, registry or _registry)
    places = iter(planned.places)
    cuts: dict[Place, Embedding] = {}

    def vector_of(found: Found) -> Embedding:
        place = next(places)
        embedding = embeddings[place.group][place.input]
        if place.mrl is not None:
            if place not in cuts:
                cuts[place] = cut(embedding, place.mrl, found.model)
            embedding = cuts[place]
        if found.unnamed and hasattr(embedding, "indices"):
            raise InferenceError("Sparse vector from document inference should be named")
        return embedding

    resolved: Any = rewrite(tree, vector_of)
    return resolved  # type: ignore[no-any-return]
