"""minidb: a Qdrant-compatible vector database that lives inside a Python process."""

from typing import TYPE_CHECKING, Any

from minidb import errors, models
from minidb.aio import AsyncQdrantClient
from minidb.client import QdrantClient
from minidb.inference import context_headers, inference_usage, register_provider

if TYPE_CHECKING:
    from minidb.transport import AsyncTransport, Transport

__version__ = "0.1.0"

__all__ = [
    "AsyncQdrantClient",
    "AsyncTransport",
    "QdrantClient",
    "Transport",
    "context_headers",
    "errors",
    "inference_usage",
    "models",
    "register_provider",
]


def __getattr__(name: str) -> Any:
    if name in ("AsyncTransport", "Transport"):  # httpx takes 50 ms to import
        from minidb import transport

        return getattr(transport, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
