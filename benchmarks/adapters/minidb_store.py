"""minidb itself: durable at each level of durability, and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.adapters.base import Store
from benchmarks.adapters.qdrant_api import COLLECTION, QdrantApiStore
from benchmarks.requests import Schema

_START = """
import sys
from minidb import QdrantClient, models
client = QdrantClient({location})
client.create_collection("c", vectors_config=models.VectorParams(size=8, distance="Cosine"))
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
points = [models.PointStruct(id=i, vector=vectors[i], payload={{"n": i}}) for i in range(10)]
client.upsert("c", points)
answer = client.query_points("c", query=points[3].vector, limit=3).points
"""


class MinidbStore(QdrantApiStore):
    """Arrays go in as they are. Payload indexes are made where this version has them; it indexes values unasked."""

    def create_indexes(self, schema: Schema) -> None:
        if schema.indexed and hasattr(self.client, "create_payload_index"):
            super().create_indexes(schema)

    def dense_form(self, vector: Any) -> Any:
        return vector

    def settle(self) -> None:
        self.client.wait_until_indexed(COLLECTION)


@dataclass(frozen=True)
class Minidb:
    """`durability` None means ":memory:"."""

    name: str
    durability: Literal["full", "normal", "off"] | None
    most_points: int | None = None
    uses_ef: bool = True

    @property
    def is_durable(self) -> bool:
        return self.durability is not None

    @property
    def start_script(self) -> str:
        return _START.format(location="path=sys.argv[1]" if self.is_durable else '":memory:"')

    def open(self, path: Path) -> Store:
        from minidb import QdrantClient, models

        client = QdrantClient(":memory:") if self.durability is None else QdrantClient(path, durability=self.durability)
        return MinidbStore(client, models)
