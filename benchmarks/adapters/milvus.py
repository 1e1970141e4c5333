"""Milvus Lite by pymilvus' `MilvusClient`: its server runs in a thread of the same process, behind gRPC."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.adapters.base import Call, Form, Store, refuse_multivectors
from benchmarks.requests import (
    DEFAULT_EF,
    Answer,
    Batch,
    Columns,
    Condition,
    Fused,
    Match,
    Range,
    Request,
    Schema,
    Search,
    SparseRow,
    Unsupported,
    WrongForm,
)

_COLLECTION = "bench"
_BATCH = 1000
_PAYLOAD = "$meta"
"""The dynamic field, which takes what the schema does not name."""
_RRF_K = 1
"""Its ranks count from 1."""
_START = """
import sys
from pymilvus import MilvusClient
client = MilvusClient(sys.argv[1] + ".db")
client.create_collection("c", dimension=8, metric_type="COSINE")
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
client.insert("c", [{"id": i, "vector": vectors[i], "n": i} for i in range(10)])
answer = client.search("c", data=[vectors[3]], limit=3, output_fields=["n"])
"""


class MilvusStore:
    """One collection of a local file."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # or it tells of every connection that ends
        self._milvus: Any = importlib.import_module("pymilvus")
        self._client: Any = self._milvus.MilvusClient(str(path / "milvus.db"))
        if self._client.has_collection(_COLLECTION):
            self._client.load_collection(_COLLECTION)

    def create(self, schema: Schema) -> None:
        refuse_multivectors(schema)
        types, client = self._milvus.DataType, self._client
        fields = client.create_schema(auto_id=False, enable_dynamic_field=True)
        fields.add_field("id", types.INT64, is_primary=True)
        indexes = client.prepare_index_params()
        for name, dense in schema.dense.items():
            fields.add_field(_field(name), types.FLOAT_VECTOR, dim=dense.size)
            kind = "FLAT" if dense.graph == "never" else "HNSW"
            params = {"M": schema.m, "efConstruction": schema.ef_construct} if kind == "HNSW" else {}
            indexes.add_index(_field(name), index_type=kind, metric_type="COSINE", params=params)
        for name, idf in schema.sparse_idf.items():
            if idf:
                raise Unsupported("idf only for texts it tokenizes itself")
            fields.add_field(_field(name), types.SPARSE_FLOAT_VECTOR)
            indexes.add_index(_field(name), index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        client.create_collection(_COLLECTION, schema=fields, index_params=indexes)

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "arrays":
            raise WrongForm("takes rows only")
        for start in range(0, len(columns), _BATCH):
            rows = [_row(columns, at) for at in range(start, min(start + _BATCH, len(columns)))]
            self._client.insert(_COLLECTION, rows)

    def upsert(self, columns: Columns, at: int) -> None:
        self._client.upsert(_COLLECTION, [_row(columns, at)])

    def settle(self) -> None:
        """Building is part of its flush."""
        self._client.flush(_COLLECTION)

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Batch):
            return self._search(request.searches)
        if isinstance(request, Search):
            return self._search([request])
        if isinstance(request, Fused):
            return self._fused(request)
        raise Unsupported(f"no {type(request).__name__}")

    def drop(self) -> None:
        self._client.drop_collection(_COLLECTION)

    def close(self) -> None:
        self._client.close()

    def _search(self, searches: Sequence[Search]) -> Call:
        first, client = searches[0], self._client
        if first.prefetch is not None:
            raise Unsupported("no rescoring of a prefetch")
        if first.exact:
            raise Unsupported("no exact search beside its graph")
        data, field = [_vector(search) for search in searches], _field(first.using)
        options, condition = _options(first), _filter(first.conditions)

        def call() -> Answer:
            found = client.search(
                _COLLECTION, data=data, anns_field=field, filter=condition, limit=first.limit,
                search_params=options, output_fields=[_PAYLOAD],
            )  # fmt: skip
            return [(hit["id"], hit["entity"]) for hits in found for hit in hits]

        return call

    def _fused(self, fused: Fused) -> Call:
        milvus, client = self._milvus, self._client
        parts = [(_vector(each), _field(each.using), _options(each), each.limit) for each in fused.searches]

        def call() -> Answer:
            requests = [milvus.AnnSearchRequest([vector], *others) for vector, *others in parts]
            found = client.hybrid_search(
                _COLLECTION, requests, milvus.RRFRanker(_RRF_K), limit=fused.limit, output_fields=[_PAYLOAD]
            )
            return [(hit["id"], hit["entity"]) for hit in found[0]]

        return call


@dataclass(frozen=True)
class Milvus:
    name: str = "milvus-lite"
    is_durable: bool = True
    uses_ef: bool = True
    most_points: int | None = 100_000
    start_script: str | None = _START

    def open(self, path: Path) -> Store:
        path.mkdir(parents=True, exist_ok=True)
        return MilvusStore(path)


def _field(name: str) -> str:
    return name or "vector"


def _row(columns: Columns, at: int) -> dict[str, Any]:
    row: dict[str, Any] = {"id": at} | columns.payloads[at]
    for name, matrix in columns.dense.items():
        row[_field(name)] = matrix[at]
    for name, rows in columns.sparse.items():
        row[_field(name)] = _sparse_form(rows.row(at))
    return row


def _vector(search: Search) -> Any:
    return _sparse_form(search.vector) if isinstance(search.vector, SparseRow) else search.vector


def _sparse_form(row: SparseRow) -> dict[int, float]:
    return dict(zip(row.indices.tolist(), row.values.tolist(), strict=True))


def _options(search: Search) -> dict[str, Any]:
    if isinstance(search.vector, SparseRow):
        return {}
    return {"params": {"ef": max(search.ef or DEFAULT_EF, search.limit)}}


def _filter(conditions: Sequence[Condition]) -> str:
    parts = []
    for each in conditions:
        if isinstance(each, Match):
            parts.append(f"{each.key} == {each.value!r}")
        elif isinstance(each, Range):
            parts.append(f"{each.key} >= {each.gte} and {each.key} < {each.lt}")
        else:
            raise Unsupported(f"no {type(each).__name__} filter")
    return " and ".join(parts)
