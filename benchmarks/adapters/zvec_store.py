"""zvec: a collection of typed fields in a directory, its graph built by `optimize()`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.adapters.base import Call, Form, Store, refuse_multivectors
from benchmarks.requests import (
    DEFAULT_EF,
    Answer,
    Columns,
    Condition,
    Fused,
    Match,
    Payload,
    Range,
    Request,
    Schema,
    Search,
    SparseRow,
    Unsupported,
    WrongForm,
)

_BATCH = 1000
_RRF_K = 1
"""It adds 1 itself, to ranks from 0."""
_START = """
import sys
import zvec
zvec.init(log_level=zvec.LogLevel.ERROR)
vector = zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, 8,
                           index_param=zvec.HnswIndexParam(metric_type=zvec.MetricType.COSINE))
schema = zvec.CollectionSchema("coll", fields=[zvec.FieldSchema("n", zvec.DataType.INT64)], vectors=[vector])
collection = zvec.create_and_open(sys.argv[1], schema)
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
collection.insert([zvec.Doc(id=str(i), vectors={"v": vectors[i]}, fields={"n": i}) for i in range(10)])
answer = collection.query(zvec.Query("v", vector=vectors[3]), topk=3)
"""
_initialized = False


class ZvecStore:
    """One collection."""

    def __init__(self, path: Path) -> None:
        self._zvec: Any = importlib.import_module("zvec")
        _initialize(self._zvec)
        self._path = path
        self._collection: Any = self._zvec.open(str(path)) if path.exists() else None
        self._schema = Schema()

    def create(self, schema: Schema) -> None:
        """The collection itself comes with the first points, which say what fields it has."""
        refuse_multivectors(schema)
        if any(schema.sparse_idf.values()):
            raise Unsupported("idf only for texts it tokenizes itself")
        self._schema = schema

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "arrays":
            raise WrongForm("takes documents only")
        for start in range(0, len(columns), _BATCH):
            self._upsert(columns, range(start, min(start + _BATCH, len(columns))))
        self._collection.flush()

    def upsert(self, columns: Columns, at: int) -> None:
        self._upsert(columns, range(at, at + 1))

    def settle(self) -> None:
        self._collection.optimize()
        self._collection.flush()

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Search):
            return self._search(request)
        if isinstance(request, Fused):
            return self._fused(request)
        raise Unsupported(f"no {type(request).__name__}")

    def drop(self) -> None:
        self._collection.destroy()
        self._collection = None

    def close(self) -> None:
        if self._collection is not None:
            self._collection.close()
            self._collection = None

    def _search(self, search: Search) -> Call:
        if search.prefetch is not None:
            raise Unsupported("no rescoring of a prefetch")
        collection, limit = self._collection, search.limit
        make_query, condition = self._query(search), _filter(search.conditions)
        return lambda: [
            (int(hit.id), hit.fields) for hit in collection.query(make_query(), topk=limit, filter=condition)
        ]

    def _fused(self, fused: Fused) -> Call:
        """Its `topk` is also how many each part contributes: the surplus is cut off here."""
        zvec, collection = self._zvec, self._collection
        makers = [self._query(each) for each in fused.searches]
        candidates, limit = max(each.limit for each in fused.searches), fused.limit

        def call() -> Answer:
            reranker = zvec.RrfReRanker(rank_constant=_RRF_K)
            hits = collection.query([make() for make in makers], topk=candidates, reranker=reranker)
            return [(int(hit.id), hit.fields) for hit in hits[:limit]]

        return call

    def _query(self, search: Search) -> Callable[[], Any]:
        zvec, vector, field = self._zvec, _vector(search), _field(search.using)
        if isinstance(search.vector, SparseRow):
            return lambda: zvec.Query(field, vector=vector)
        options: dict[str, Any] = {"is_linear": True} if search.exact else {"ef": search.ef or DEFAULT_EF}
        return lambda: zvec.Query(field, vector=vector, param=zvec.HnswQueryParam(**options))

    def _upsert(self, columns: Columns, part: range) -> None:
        zvec = self._zvec
        if self._collection is None:
            self._collection = zvec.create_and_open(str(self._path), self._collection_schema(columns.payloads[0]))
        documents = [zvec.Doc(id=str(at), vectors=_vectors(columns, at), fields=columns.payloads[at]) for at in part]
        for status in self._collection.upsert(documents):
            if not status.ok():
                raise RuntimeError(f"zvec: {status.message()}")

    def _collection_schema(self, payload: Payload) -> Any:
        zvec, types, schema = self._zvec, self._zvec.DataType, self._schema
        kinds = {str: types.STRING, int: types.INT64, float: types.DOUBLE}
        nested = [key for key, value in payload.items() if type(value) not in kinds]
        if nested:
            raise Unsupported("no nested payload")
        fields = [
            zvec.FieldSchema(
                key, kinds[type(value)], index_param=zvec.InvertIndexParam() if key in schema.indexed else None
            )
            for key, value in payload.items()
        ]
        metrics = zvec.MetricType
        graph = zvec.HnswIndexParam(metric_type=metrics.COSINE, m=schema.m, ef_construction=schema.ef_construct)
        vectors = [
            zvec.VectorSchema(
                _field(name), types.VECTOR_FP32, dense.size,
                index_param=zvec.FlatIndexParam(metric_type=metrics.COSINE) if dense.graph == "never" else graph,
            )
            for name, dense in schema.dense.items()
        ]  # fmt: skip
        vectors += [
            zvec.VectorSchema(
                _field(name), types.SPARSE_VECTOR_FP32, index_param=zvec.FlatIndexParam(metric_type=metrics.IP)
            )
            for name in schema.sparse_idf
        ]
        return zvec.CollectionSchema("bench", fields=fields, vectors=vectors)


@dataclass(frozen=True)
class Zvec:
    name: str = "zvec"
    is_durable: bool = True
    uses_ef: bool = True
    most_points: int | None = None
    start_script: str | None = _START

    def open(self, path: Path) -> Store:
        return ZvecStore(path)


def _initialize(zvec: Any) -> None:
    """Once in a process: it refuses a second time."""
    global _initialized
    if not _initialized:
        zvec.init(log_level=zvec.LogLevel.ERROR)
        _initialized = True


def _field(name: str) -> str:
    return name or "vector"


def _vectors(columns: Columns, at: int) -> dict[str, Any]:
    dense = {_field(name): matrix[at] for name, matrix in columns.dense.items()}
    return dense | {_field(name): _sparse_form(rows.row(at)) for name, rows in columns.sparse.items()}


def _vector(search: Search) -> Any:
    return _sparse_form(search.vector) if isinstance(search.vector, SparseRow) else search.vector


def _sparse_form(row: SparseRow) -> dict[int, float]:
    return dict(zip(row.indices.tolist(), row.values.tolist(), strict=True))


def _filter(conditions: Sequence[Condition]) -> str | None:
    parts = []
    for each in conditions:
        if isinstance(each, Match):
            parts.append(f"{each.key} = {each.value!r}")
        elif isinstance(each, Range):
            # Ranges here are of integers, which it compares with integers only.
            parts.append(f"{each.key} >= {ceil(each.gte)} and {each.key} < {ceil(each.lt)}")
        else:
            raise Unsupported(f"no {type(each).__name__} filter")
    return " and ".join(parts) or None
