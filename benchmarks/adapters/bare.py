"""The bare libraries: hnswlib's own call and a numpy product, the floor under every store. No payload comes back."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.adapters.base import Call, Form, Store
from benchmarks.requests import (
    Columns,
    Condition,
    Floats,
    Match,
    Payload,
    Request,
    Schema,
    Search,
    SparseRow,
    Unsupported,
)


class BareStore:
    """Matrices in memory. The rows of a filter are found when a search is prepared: it costs nothing at query."""

    def __init__(self, with_graph: bool) -> None:
        self._with_graph = with_graph
        self._hnswlib: Any = importlib.import_module("hnswlib") if with_graph else None
        self._schema = Schema()
        self._columns = Columns()
        self._graphs: dict[str, Any] = {}
        self._rows_of: dict[tuple[Condition, ...], NDArray[np.int64]] = {}

    def create(self, schema: Schema) -> None:
        self._schema = schema

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "points" or columns.sparse:
            raise Unsupported("arrays only")
        self._columns = columns
        if not self._with_graph:
            return
        for name, field in self._schema.dense.items():
            if field.graph != "never":
                graph = self._hnswlib.Index(space="ip", dim=field.size)
                graph.init_index(
                    len(columns), M=self._schema.m, ef_construction=self._schema.ef_construct, random_seed=7
                )
                graph.add_items(columns.dense[name], np.arange(len(columns)))
                self._graphs[name] = graph

    def upsert(self, columns: Columns, at: int) -> None:
        raise Unsupported("no upserts")

    def settle(self) -> None:
        """Built at insertion."""

    def prepare(self, request: Request) -> Call:
        if not isinstance(request, Search):
            raise Unsupported("searches only")
        if request.prefetch is not None:
            return self._rescore(request, request.prefetch)
        if request.conditions:
            if self._with_graph:
                raise Unsupported("no filters")
            return self._among(request, self._matching(request.conditions))
        return self._by_graph(request) if self._with_graph else self._scan(request)

    def drop(self) -> None:
        self._columns = Columns()
        self._graphs.clear()
        self._rows_of.clear()

    def close(self) -> None:
        self.drop()

    # Requests

    def _by_graph(self, search: Search) -> Call:
        graph, vector = self._graphs[search.using], _dense(search)
        width = max(search.ef or 100, search.limit)
        limit = search.limit

        def call() -> list[tuple[Any, Any]]:
            labels, _ = graph.knn_query(vector, k=width, num_threads=1)
            return [(row, None) for row in labels[0, :limit].tolist()]

        return call

    def _scan(self, search: Search) -> Call:
        matrix, vector, limit = self._columns.dense[search.using], _dense(search), search.limit
        return lambda: [(row, None) for row in _best(matrix @ vector, limit).tolist()]

    def _among(self, search: Search, rows: NDArray[np.int64]) -> Call:
        matrix, vector, limit = self._columns.dense[search.using], _dense(search), search.limit
        return lambda: [(row, None) for row in rows[_best(matrix[rows] @ vector, limit)].tolist()]

    def _rescore(self, search: Search, inner: Search) -> Call:
        large, vector, limit = self._columns.dense[search.using], _dense(search), search.limit
        first = self.prepare(inner)

        def call() -> list[tuple[Any, Any]]:
            rows = np.array([row for row, _ in first()])
            return [(row, None) for row in rows[_best(large[rows] @ vector, limit)].tolist()]

        return call

    def _matching(self, conditions: tuple[Condition, ...]) -> NDArray[np.int64]:
        def holds(payload: Payload) -> bool:
            return all(isinstance(each, Match) and payload[each.key] == each.value for each in conditions)

        if not all(isinstance(each, Match) for each in conditions):
            raise Unsupported("equality only")
        if conditions not in self._rows_of:
            rows = [row for row, payload in enumerate(self._columns.payloads) if holds(payload)]
            self._rows_of[conditions] = np.array(rows, np.int64)
        return self._rows_of[conditions]


@dataclass(frozen=True)
class Bare:
    """hnswlib, or numpy alone."""

    name: Literal["hnswlib", "numpy"]
    is_durable: bool = False
    most_points: int | None = None
    start_script: str | None = None

    @property
    def uses_ef(self) -> bool:
        return self.name == "hnswlib"

    def open(self, path: Path) -> Store:
        return BareStore(self.name == "hnswlib")


def _dense(search: Search) -> Floats:
    if isinstance(search.vector, SparseRow):
        raise Unsupported("dense searches only")
    return search.vector


def _best(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    if k >= len(scores):
        return np.argsort(-scores)
    top = np.argpartition(scores, len(scores) - k)[-k:]
    best: NDArray[np.int64] = top[np.argsort(-scores[top])]
    return best
