"""Inference objects (text, images, objects in the place of vectors) become vectors, before a write or a search.

`resolve` is the whole way: collect (`objects`), plan (`plan`), execute (`execute`), cut (`mrl`), scatter (`objects`);
`Inference` is that way as one database has set it up. Knows nothing of collections. Importing this loads no model and
no library that runs one: those come with the first request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from minidb.errors import InferenceError
from minidb.inference.builtin import register as _register_builtin
from minidb.inference.context import InferenceContext, Usage, context_headers, inference_usage
from minidb.inference.local import register as _register_local
from minidb.inference.objects import Found, collect, contains, rewrite
from minidb.inference.providers import register as _register_providers
from minidb.inference.registry import Embedder, Provider, Registry
from minidb.inference.secret import Secret
from minidb.inference.settings import ImageRules, InferenceSettings, settings_of
from minidb.lazy import loader

if TYPE_CHECKING:
    from minidb.inference.cache import ByteCache, EmbeddingCache
    from minidb.inference.catalog import LocalModel, get_embedding_size, list_models
    from minidb.inference.execute import Embedding, Operation, Request
    from minidb.inference.plan import Input, Place

__all__ = [
    "Embedder",
    "ImageRules",
    "Inference",
    "InferenceContext",
    "InferenceSettings",
    "Input",
    "LocalModel",
    "Operation",
    "Provider",
    "Registry",
    "Request",
    "Secret",
    "Usage",
    "contains",
    "context_headers",
    "get_embedding_size",
    "inference_usage",
    "list_models",
    "register_provider",
    "resolve",
    "settings_of",
]

# a call without inference needs none of these
__getattr__ = loader(
    __name__,
    {
        "Input": "minidb.inference.plan",
        "LocalModel": "minidb.inference.catalog",
        "Operation": "minidb.inference.execute",
        "Request": "minidb.inference.execute",
        "get_embedding_size": "minidb.inference.catalog",
        "list_models": "minidb.inference.catalog",
    },
)

T = TypeVar("T")

_registry = Registry()
_register_builtin(_registry)
_register_providers(_registry)
_register_local(_registry)


def register_provider(prefix: str, provider: Provider) -> None:
    """Route models whose name begins with `prefix` to `provider` (from a name to its `Embedder`, or None)."""
    _registry.register(prefix, provider)


class Inference:
    """The inference of one database: its settings, its cache and its service, if it has them. Thread-safe.

    Args:
        settings: of the client.
        table: where the embedding cache lies; None for no cache.

    Raises:
        InferenceError: the address of the inference service is none.
    """

    def __init__(self, settings: InferenceSettings | None = None, table: ByteCache | None = None) -> None:
        self.settings = settings or InferenceSettings()
        self._cache: EmbeddingCache | None = None
        if table is not None:
            from minidb.inference.cache import EmbeddingCache

            self._cache = EmbeddingCache(table)
        self._service = None
        self._registry: Registry | None = None  # None for the process's own
        if self.settings.service_url is not None:
            from minidb.inference.providers.http import Http
            from minidb.inference.providers.qdrant_service import cloud_registry

            token = self.settings.service_token
            self._service = Http()
            self._registry = cloud_registry(
                self.settings.service_url, None if token is None else token.reveal(), http=self._service
            )

    def resolve(self, tree: T, *, operation: Operation, context: InferenceContext | None = None) -> T:
        """See the function `resolve`."""
        return resolve(
            tree,
            operation=operation,
            context=context,
            registry=self._registry,
            settings=self.settings,
            cache=self._cache,
        )

    def close(self) -> None:
        """Closes the connections to the inference service."""
        if self._service is not None:
            self._service.close()


def resolve(
    tree: T,
    *,
    operation: Operation,
    context: InferenceContext | None = None,
    registry: Registry | None = None,
    settings: InferenceSettings | None = None,
    cache: EmbeddingCache | None = None,
) -> T:
    """`tree` with every inference object replaced by its vector; the tree itself when it has none.

    Args:
        tree: points, operations, queries, prefetches, or lists of them, as models or dicts. It is not changed; what
            holds no object is shared with the result.
        operation: "update" for what will be stored, "search" for what is looked for. Some models tell them apart.
        context: deadline, keys from headers, usage counters.
        registry: where models come from, in place of the process's own.
        settings: batch size of local models, limits of images.
        cache: of embeddings; None for none.

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
    from minidb.inference.execute import execute
    from minidb.inference.mrl import cut
    from minidb.inference.plan import plan

    context = context or InferenceContext()
    context.usage.add(objects=len(objects))
    planned = plan(objects)
    del objects  # of many texts it is as much as they are
    embeddings = execute(
        planned.groups, operation, context, registry or _registry, settings or InferenceSettings(), cache
    )
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
