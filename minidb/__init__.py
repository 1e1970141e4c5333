"""minidb: a Qdrant-compatible vector database that lives inside a Python process."""

from minidb import errors, models
from minidb.aio import AsyncQdrantClient
from minidb.client import QdrantClient
from minidb.inference import register_provider

__version__ = "0.1.0"

__all__ = ["AsyncQdrantClient", "QdrantClient", "errors", "models", "register_provider"]
