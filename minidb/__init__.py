"""minidb: a Qdrant-compatible vector database that lives inside a Python process.

A name is loaded when it is first asked for: the pytest plugin is imported wherever minidb is installed, and must not
bring numpy into every run of tests.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minidb.lazy import loader

if TYPE_CHECKING:
    from minidb import errors, models
    from minidb.aio import AsyncQdrantClient
    from minidb.client import QdrantClient
    from minidb.inference import context_headers, inference_usage, register_provider
    from minidb.interception import intercept
    from minidb.transport import AsyncTransport, Transport, async_qdrant_client, qdrant_client

__version__ = "0.1.0"

__all__ = [
    "AsyncQdrantClient",
    "AsyncTransport",
    "QdrantClient",
    "Transport",
    "async_qdrant_client",
    "context_headers",
    "errors",
    "inference_usage",
    "intercept",
    "models",
    "qdrant_client",
    "register_provider",
]

_HOMES = {
    "AsyncQdrantClient": "minidb.aio",
    "AsyncTransport": "minidb.transport",
    "QdrantClient": "minidb.client",
    "Transport": "minidb.transport",
    "async_qdrant_client": "minidb.transport",
    "context_headers": "minidb.inference",
    "inference_usage": "minidb.inference",
    "intercept": "minidb.interception",
    "qdrant_client": "minidb.transport",
    "register_provider": "minidb.inference",
}


_load = loader(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    if name in ("errors", "inference", "models"):
        return import_module(f"minidb.{name}")
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
