"""Chroma, persistent: one embedding and a flat payload per point; HNSW from the first point on."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adapters.base import Call, Form, Store, only_vector
from benchmarks.requests import (
    DEFAULT_EF,
    Answer,
    Batch,
    Columns,
    Condition,
    Match,
    Payload,
    Range,
    Request,
    Schema,
    Search,
    Unsupported,
    WrongForm,
)

_COLLECTION = "bench"
_BATCH = 1000
_START = """
import sys
import chromadb
client = chromadb.PersistentClient(sys.argv[1], chromadb.Settings(anonymized_telemetry=False))
collection = client.create_collection("c00", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
collection.add(ids=[str(i) for i in range(10)], embeddings=vectors, metadatas=[{"n": i} for i in range(10)])
answer = collection.query(query_embeddings=[vectors[3]], n_results=3)
"""


class ChromaStore:
    """One collection of a persistent client."""

    def __init__(self, path: Path) -> None:
        self._chromadb: Any = importlib.import_module("chromadb")
        self._path = path
        self._client: Any = None
        self._collection: Any = None
        self._open()

    def create(self, schema: Schema) -> None:
        only_vector(schema)
        graph = {
            "space": "cosine",
            "max_neighbors": schema.m,
            "ef_construction": schema.ef_construct,
            "ef_search": DEFAULT_EF,
        }
        self._collection = self._client.create_collection(
            _COLLECTION, embedding_function=None, configuration={"hnsw": graph}
        )

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "points":
            raise WrongForm("takes columns only")
        for start in range(0, len(columns), _BATCH):
            self._upsert(columns, slice(start, min(start + _BATCH, len(columns))))

    def upsert(self, columns: Columns, at: int) -> None:
        self._upsert(columns, slice(at, at + 1))

    def settle(self) -> None:
        """An acknowledged point is in the graph."""

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Batch):
            return self._search(request.searches)
        if isinstance(request, Search):
            return self._search([request])
        raise Unsupported(f"no {type(request).__name__}")

    def drop(self) -> None:
        self._client.delete_collection(_COLLECTION)

    def close(self) -> None:
        self._client.close()

    def _upsert(self, columns: Columns, part: slice) -> None:
        payloads = columns.payloads[part]
        if any(isinstance(value, dict | list) for value in payloads[0].values()):
            raise Unsupported("no nested payload")
        ids = [str(at) for at in range(part.start, part.stop)]
        self._collection.upsert(ids=ids, embeddings=columns.dense[""][part], metadatas=list(payloads))

    def _search(self, searches: Sequence[Search]) -> Call:
        first = searches[0]
        if first.prefetch is not None:
            raise Unsupported("no rescoring of a prefetch")
        if first.exact:
            raise Unsupported("no exact search")
        self._use(first.ef or DEFAULT_EF)
        collection = self._collection
        vectors = np.stack([search.vector for search in searches])  # type: ignore[misc]
        where, limit = _where(first.conditions), first.limit

        def call() -> Answer:
            found = collection.query(query_embeddings=vectors, n_results=limit, where=where, include=["metadatas"])
            hits: list[tuple[str, Payload]] = [
                hit for each in zip(found["ids"], found["metadatas"], strict=True) for hit in zip(*each, strict=True)
            ]
            return [(int(point), payload) for point, payload in hits]

        return call

    def _open(self) -> None:
        settings = self._chromadb.Settings(anonymized_telemetry=False)
        self._client = self._chromadb.PersistentClient(str(self._path), settings)
        if _COLLECTION in [each.name for each in self._client.list_collections()]:
            # Without embedding_function=None it would load one, which needs a download.
            self._collection = self._client.get_collection(_COLLECTION, embedding_function=None)

    def _use(self, ef: int) -> None:
        """`ef` is a setting of the collection, which a graph that is loaded already does not heed."""
        if self._collection.configuration_json["hnsw"]["ef_search"] != ef:
            self._collection.modify(configuration={"hnsw": {"ef_search": ef}})
            self._client.close()
            self._open()


@dataclass(frozen=True)
class Chroma:
    name: str = "chroma"
    is_durable: bool = True
    uses_ef: bool = True
    most_points: int | None = 100_000
    start_script: str | None = _START

    def open(self, path: Path) -> Store:
        return ChromaStore(path)


def _where(conditions: Sequence[Condition]) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = []
    for each in conditions:
        if isinstance(each, Match):
            parts.append({each.key: {"$eq": each.value}})
        elif isinstance(each, Range):
            parts += [{each.key: {"$gte": each.gte}}, {each.key: {"$lt": each.lt}}]
        else:
            raise Unsupported(f"no {type(each).__name__} filter")
    return None if not parts else parts[0] if len(parts) == 1 else {"$and": parts}
