"""qdrant-client's local mode, in memory and on disk: scans in numpy, filters and sparse vectors point by point."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path

from benchmarks.adapters.base import Store
from benchmarks.adapters.qdrant_api import QdrantApiStore
from benchmarks.requests import Schema

_START = """
import sys
from qdrant_client import QdrantClient, models
client = QdrantClient({location})
client.create_collection("c", vectors_config=models.VectorParams(size=8, distance=models.Distance.COSINE))
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
points = [models.PointStruct(id=i, vector=vectors[i], payload={{"n": i}}) for i in range(10)]
client.upsert("c", points)
answer = client.query_points("c", query=points[3].vector, limit=3).points
"""


class LocalModeStore(QdrantApiStore):
    def create_indexes(self, schema: Schema) -> None:
        """Local mode accepts indexes and ignores them."""


@dataclass(frozen=True)
class LocalMode:
    """A filtered or sparse query takes it milliseconds per thousand points."""

    name: str
    is_durable: bool
    uses_ef: bool = False

    @property
    def most_points(self) -> int:
        """On disk it writes some hundred points a second."""
        return 2_000 if self.is_durable else 10_000

    @property
    def start_script(self) -> str:
        return _START.format(location="path=sys.argv[1]" if self.is_durable else '":memory:"')

    def open(self, path: Path) -> Store:
        qdrant_client = importlib.import_module("qdrant_client")
        warnings.filterwarnings("ignore", module="qdrant_client")
        client = (
            qdrant_client.QdrantClient(path=str(path)) if self.is_durable else qdrant_client.QdrantClient(":memory:")
        )
        return LocalModeStore(client, qdrant_client.models)
