"""minidb: a Qdrant-compatible vector database that lives inside a Python process."""

from minidb import errors, models
from minidb.aio import AsyncQdrantClient
from minidb.client import QdrantClient
from minidb.inference import context_headers, inference_usage, register_provider

__version__ = "0.1.0"

__all__ = [
    "AsyncQdrantClient",
    "QdrantClient",
    "context_headers",
    "errors",
    "inference_usage",
    "models",
    "register_provider",
]
