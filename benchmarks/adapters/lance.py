"""LanceDB: columns of Arrow in versions of files, `IVF_HNSW_FLAT` with one partition as its graph."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adapters.base import Call, Form, Store
from benchmarks.requests import (
    DEFAULT_EF,
    Answer,
    Batch,
    Columns,
    Condition,
    Match,
    Range,
    Request,
    Schema,
    Search,
    Unsupported,
    WrongForm,
)

_TABLE = "bench"
_LEAST_FOR_GRAPH = 256
"""Fewer rows are scanned: training a graph's partition wants some."""
_START = """
import sys
import lancedb
table = lancedb.connect(sys.argv[1]).create_table("c", [
    {"id": i, "vector": [float(i == j) + 0.1 for j in range(8)], "n": i} for i in range(10)])
answer = table.search([float(j == 3) + 0.1 for j in range(8)]).distance_type("cosine").limit(3).to_list()
"""


class LanceStore:
    """One table."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("LANCE_LOG", "error")
        self._arrow: Any = importlib.import_module("pyarrow")
        self._index: Any = importlib.import_module("lancedb.index")
        self._database: Any = importlib.import_module("lancedb").connect(path)
        names = list(self._database.list_tables().tables)
        self._table: Any = self._database.open_table(_TABLE) if _TABLE in names else None
        self._schema = Schema()

    def create(self, schema: Schema) -> None:
        """The table itself comes with the first points, which say what types it has."""
        if schema.sparse_idf:
            raise Unsupported("no sparse vectors; its text search makes its own of texts")
        self._schema = schema

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "points":
            raise WrongForm("takes columns only")
        data = self._rows(columns, slice(0, len(columns)))
        if self._table is None:
            self._table = self._database.create_table(_TABLE, data)
        else:
            self._table.add(data)

    def upsert(self, columns: Columns, at: int) -> None:
        row = self._rows(columns, slice(at, at + 1))
        if self._table is None:
            self._table = self._database.create_table(_TABLE, row)
            return
        merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(row)

    def settle(self) -> None:
        if self._table.count_rows() >= _LEAST_FOR_GRAPH:
            for name, field in self._schema.dense.items():
                if field.graph != "never" and not field.multi:
                    graph = self._index.HnswFlat(
                        distance_type="cosine", num_partitions=1, m=self._schema.m,
                        ef_construction=self._schema.ef_construct,
                    )  # fmt: skip
                    self._table.create_index(_column(name), config=graph)
        kinds = {"keyword": self._index.Bitmap, "integer": self._index.BTree, "float": self._index.BTree}
        for key, kind in self._schema.indexed.items():
            if kind in kinds and "[]" not in key:
                self._table.create_index(key, config=kinds[kind]())

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Batch):
            return self._search(request.searches)
        if isinstance(request, Search):
            return self._search([request])
        raise Unsupported(f"no {type(request).__name__}")

    def drop(self) -> None:
        self._database.drop_table(_TABLE)
        self._table = None

    def close(self) -> None:
        """Nothing is held open that its API could close."""
        self._table = None

    def _rows(self, columns: Columns, part: slice) -> Any:
        """As Arrow: the vectors without a copy, the payload by inferred types."""
        payload = self._arrow.Table.from_pylist(list(columns.payloads[part]))
        table = payload.append_column("id", self._arrow.array(np.arange(part.start, part.stop)))
        for name, matrix in columns.dense.items():
            rows = np.ascontiguousarray(matrix[part])
            vectors = self._arrow.FixedSizeListArray.from_arrays(self._arrow.array(rows.reshape(-1)), rows.shape[-1])
            if rows.ndim > 2:
                starts = np.arange(0, len(vectors) + 1, rows.shape[1], dtype=np.int32)
                vectors = self._arrow.ListArray.from_arrays(self._arrow.array(starts), vectors)
            table = table.append_column(_column(name), vectors)
        return table

    def _search(self, searches: Sequence[Search]) -> Call:
        first, table = searches[0], self._table
        if first.prefetch is not None:
            raise Unsupported("no rescoring of a prefetch")
        column, where = _column(first.using), _where(first.conditions)
        vectors: Any = np.stack([search.vector for search in searches])  # type: ignore[misc]
        vector = vectors if len(searches) > 1 else vectors[0]
        wanted = [name for name in table.schema.names if not name.startswith("vector")] + ["_distance"]
        ef, limit, exact = first.ef or DEFAULT_EF, first.limit, first.exact

        def call() -> Answer:
            query = table.search(vector, vector_column_name=column).distance_type("cosine").limit(limit).select(wanted)
            query = query.bypass_vector_index() if exact else query.ef(ef)
            if where is not None:
                query = query.where(where)
            return [(row["id"], row) for row in query.to_list()]

        return call


@dataclass(frozen=True)
class Lance:
    name: str = "lancedb"
    is_durable: bool = True
    uses_ef: bool = True
    most_points: int | None = None
    start_script: str | None = _START

    def open(self, path: Path) -> Store:
        return LanceStore(path)


def _column(name: str) -> str:
    return f"vector_{name}" if name else "vector"


def _where(conditions: Sequence[Condition]) -> str | None:
    parts = []
    for each in conditions:
        if isinstance(each, Match):
            parts.append(f"{each.key} = {each.value!r}")
        elif isinstance(each, Range):
            # Ranges here are of integers, which it compares with integers only.
            parts.append(f"{each.key} >= {ceil(each.gte)} AND {each.key} < {ceil(each.lt)}")
        else:
            raise Unsupported(f"no {type(each).__name__} filter")
    return " AND ".join(parts) or None
