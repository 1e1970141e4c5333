"""Models behind an API: OpenAI and servers like it, Cohere, Jina AI, OpenRouter, Voyage. Called by `inference`.

Importing this imports no HTTP client; a provider's module is loaded when a request names one of its models.

| model                       | key, as option of the object or as request header |
|-----------------------------|---------------------------------------------------|
| `openai/MODEL`              | `openai-api-key`                                  |
| `cohere/MODEL`              | `cohere-api-key`                                  |
| `jinaai/MODEL`              | `jina-api-key`                                    |
| `openrouter/VENDOR/MODEL`   | `openrouter-api-key`                              |
| `voyage/MODEL`, `voyageai/` | `voyage-api-key`                                  |
| `openai-compatible/MODEL`   | `openai-compatible-api-key`, if there is one      |

A key comes with every request and is kept nowhere; the option wins over the header. All other options go into the body
of the upstream request as they are, null to leave one of minidb's defaults out, except these, which steer minidb:

* `base_url`: where the API is. Needed for `openai-compatible/`. Refused unless `InferenceContext.trusted`.
* `timeout`: seconds for one attempt (60). The request's own timeout bounds all attempts together.
* `max_retries`: further attempts after a failure that may pass (2).
* `batch_size`: inputs in one upstream request, if fewer than the service allows.
* `auto_input_type`: false to not tell Jina and Voyage whether vectors are stored or searched (true).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from minidb.inference.registry import Embedder, Provider, Registry
from minidb.system.processes import open_in_child

if TYPE_CHECKING:
    from minidb.inference.providers.http import Http

__all__ = ["close", "openai_compatible", "register"]

_lock = open_in_child(threading.Lock())
_embedders: dict[str, Embedder] = {}
_pools: list[Http] = []


def _openai(http: Http) -> Embedder:
    from minidb.inference.providers.openai import OpenAI

    return OpenAI(http)


def _compatible(http: Http) -> Embedder:
    from minidb.inference.providers.openai import OpenAICompatible

    return OpenAICompatible(http=http)


def _cohere(http: Http) -> Embedder:
    from minidb.inference.providers.cohere import Cohere

    return Cohere(http)


def _jina(http: Http) -> Embedder:
    from minidb.inference.providers.jina import Jina

    return Jina(http)


def _openrouter(http: Http) -> Embedder:
    from minidb.inference.providers.openrouter import OpenRouter

    return OpenRouter(http)


def _voyage(http: Http) -> Embedder:
    from minidb.inference.providers.voyage import Voyage

    return Voyage(http)


_MAKERS: Final[dict[str, Callable[[Http], Embedder]]] = {
    "openai": _openai,
    "openai-compatible": _compatible,
    "cohere": _cohere,
    "jinaai": _jina,
    "openrouter": _openrouter,
    "voyage": _voyage,
}
_PREFIXES: Final = {**{f"{name}/": name for name in _MAKERS}, "voyageai/": "voyage"}


def register(registry: Registry) -> None:
    """Adds the providers to a registry."""
    for prefix, name in _PREFIXES.items():
        registry.register(prefix, _jina_provider(registry) if name == "jinaai" else _provider(name))


def openai_compatible(base_url: str, *, name: str, key_name: str | None = None) -> Provider:
    """A provider for a server with OpenAI's API, to be registered: `register_provider("ollama/", …)`.

    Args:
        base_url: such as "http://localhost:11434/v1".
        name: in error messages.
        key_name: the option and header with its key, ending in "-api-key"; None if it wants none.
    """

    def make(http: Http) -> Embedder:
        from minidb.inference.providers.call import Profile
        from minidb.inference.providers.openai import OpenAICompatible

        return OpenAICompatible(Profile(name, key_name, base_url, key_required=key_name is not None), http)

    return lambda model: _embedder(f"{name} {key_name} {base_url}", make)


def close() -> None:
    """Closes all connections to providers. The next request opens new ones."""
    with _lock:
        pools = list(_pools)
    for pool in pools:
        pool.close()


def _provider(name: str) -> Provider:
    return lambda model: _embedder(name, _MAKERS[name])


def _jina_provider(registry: Registry) -> Provider:
    def route(model: str) -> Embedder:
        from minidb.inference.providers.jina_route import JinaRoute

        return JinaRoute(registry, lambda: _embedder("jinaai", _jina))

    return route


def _embedder(name: str, make: Callable[[Http], Embedder]) -> Embedder:
    """The process's embedder of a name, with its connection pool; made when first asked for."""
    with _lock:
        embedder = _embedders.get(name)
        if embedder is None:
            from minidb.inference.providers.http import Http

            pool = Http()
            embedder = _embedders[name] = make(pool)
            _pools.append(pool)
        return embedder
