"""Bare libraries, the floor under every store: hnswlib, usearch, faiss and a numpy product. No payload comes back.

A `Library` builds a graph over one matrix and searches it; `LibraryStore` makes a store of that.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.adapters.base import Call, Form, Store, refuse_multivectors
from benchmarks.requests import (
    DEFAULT_EF,
    Answer,
    Batch,
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
    WrongForm,
)

Rows: TypeAlias = NDArray[np.int64]
Searcher: TypeAlias = Callable[[Floats, int], Rows]
"""From queries `(q, d)` and k to rows `(q, k)`, best first."""


class Library(Protocol):
    """One way of searching a matrix of vectors of length one."""

    def build(self, matrix: Floats, schema: Schema) -> Any:
        """A graph, or whatever it searches."""

    def searcher(self, graph: Any, search: Search, rows: Rows | None) -> Searcher:
        """Searches with the `ef` of `search`, among `rows` only when they are given."""

    def save(self, graph: Any, path: Path) -> None: ...

    def load(self, path: Path) -> Any: ...


class LibraryStore:
    """Matrices in memory. The rows of a filter are found when a search is prepared: it costs nothing at query."""

    def __init__(self, library: Library, path: Path | None) -> None:
        """`path`: where `settle` saves the graphs; None for a library that saves none."""
        self._library = library
        self._path = path
        self._schema = Schema()
        self._columns = Columns()
        self._graphs: dict[str, Any] = {}
        self._rows_of: dict[tuple[Condition, ...], Rows] = {}
        if path is not None and path.exists():
            self._graphs = {file.stem[1:]: library.load(file) for file in path.iterdir()}

    def create(self, schema: Schema) -> None:
        refuse_multivectors(schema)
        self._schema = schema

    def insert(self, columns: Columns, form: Form) -> None:
        if columns.sparse:
            raise Unsupported("no sparse vectors")
        if form == "points":
            raise WrongForm("takes arrays only")
        self._columns = columns
        for name, field in self._schema.dense.items():
            if field.graph != "never":
                self._graphs[name] = self._library.build(columns.dense[name], self._schema)

    def upsert(self, columns: Columns, at: int) -> None:
        raise Unsupported("acknowledges no single points")

    def settle(self) -> None:
        if self._path is not None:
            self._path.mkdir(parents=True, exist_ok=True)
            for name, graph in self._graphs.items():
                self._library.save(graph, self._path / f"_{name}.graph")

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Batch):
            return self._batch(request.searches)
        if not isinstance(request, Search):
            raise Unsupported("searches only")
        if request.prefetch is not None:
            return self._rescore(request, request.prefetch)
        search, limit, vector = self._searcher(request), request.limit, _dense(request)[None, :]
        return lambda: [(row, None) for row in search(vector, limit)[0].tolist()]

    def drop(self) -> None:
        self._columns = Columns()
        self._graphs.clear()
        self._rows_of.clear()

    def close(self) -> None:
        self.drop()

    # Requests

    def _searcher(self, search: Search) -> Searcher:
        rows = self._matching(search.conditions) if search.conditions else None
        return self._library.searcher(self._graphs[search.using], search, rows)

    def _batch(self, searches: tuple[Search, ...]) -> Call:
        search, limit = self._searcher(searches[0]), searches[0].limit
        vectors = np.stack([_dense(each) for each in searches])
        return lambda: [(row, None) for row in search(vectors, limit).ravel().tolist()]

    def _rescore(self, search: Search, inner: Search) -> Call:
        large, vector, limit = self._columns.dense[search.using], _dense(search), search.limit
        first = self.prepare(inner)

        def call() -> Answer:
            rows = np.array([row for row, _ in first()])
            return [(row, None) for row in rows[_best(large[rows] @ vector, limit)].tolist()]

        return call

    def _matching(self, conditions: tuple[Condition, ...]) -> Rows:
        def holds(payload: Payload) -> bool:
            return all(isinstance(each, Match) and payload[each.key] == each.value for each in conditions)

        if not all(isinstance(each, Match) for each in conditions):
            raise Unsupported("has no payload")
        if conditions not in self._rows_of:
            rows = [row for row, payload in enumerate(self._columns.payloads) if holds(payload)]
            self._rows_of[conditions] = np.array(rows, np.int64)
        return self._rows_of[conditions]


class Numpy:
    """A matrix product, and the best of it."""

    def build(self, matrix: Floats, schema: Schema) -> Any:
        return matrix

    def searcher(self, graph: Any, search: Search, rows: Rows | None) -> Searcher:
        def nearest(vectors: Floats, k: int) -> Rows:
            matrix = graph if rows is None else graph[rows]
            found = [_best(scores, k) for scores in (matrix @ vectors.T).T]
            return np.stack(found if rows is None else [rows[each] for each in found])

        return nearest

    def save(self, graph: Any, path: Path) -> None:
        raise Unsupported("saves nothing")

    def load(self, path: Path) -> Any:
        raise Unsupported("saves nothing")


class Hnswlib:
    """`k=ef` in place of `set_ef`: the same work, without a setting that all threads share."""

    def __init__(self) -> None:
        self._hnswlib: Any = importlib.import_module("hnswlib")

    def build(self, matrix: Floats, schema: Schema) -> Any:
        graph = self._hnswlib.Index(space="ip", dim=matrix.shape[1])
        graph.init_index(len(matrix), M=schema.m, ef_construction=schema.ef_construct, random_seed=7)
        graph.add_items(matrix, np.arange(len(matrix)))
        return graph

    def searcher(self, graph: Any, search: Search, rows: Rows | None) -> Searcher:
        _graph_only(search, rows)
        width = max(search.ef or DEFAULT_EF, search.limit)

        def nearest(vectors: Floats, k: int) -> Rows:
            found: Rows = graph.knn_query(vectors, k=width, num_threads=1)[0][:, :k]
            return found

        return nearest

    def save(self, graph: Any, path: Path) -> None:
        graph.save_index(str(path))

    def load(self, path: Path) -> Any:
        raise Unsupported("needs to be told the dimensions again")


class Usearch:
    """usearch with its default quantization, bfloat16."""

    def __init__(self) -> None:
        self._index: Any = importlib.import_module("usearch.index").Index

    def build(self, matrix: Floats, schema: Schema) -> Any:
        graph = self._index(
            ndim=matrix.shape[1], metric="cos", connectivity=schema.m, expansion_add=schema.ef_construct
        )
        graph.add(np.arange(len(matrix)), matrix)
        return graph

    def searcher(self, graph: Any, search: Search, rows: Rows | None) -> Searcher:
        if rows is not None:
            raise Unsupported("no filters")
        graph.expansion_search = max(search.ef or DEFAULT_EF, search.limit)
        exact = search.exact

        def nearest(vectors: Floats, k: int) -> Rows:
            found: NDArray[np.uint64] = graph.search(vectors, k, threads=1, exact=exact).keys
            return found.reshape(len(vectors), -1).astype(np.int64)

        return nearest

    def save(self, graph: Any, path: Path) -> None:
        graph.save(str(path))

    def load(self, path: Path) -> Any:
        return self._index.restore(str(path), view=True)


class Faiss:
    """faiss' HNSW over float32. A filter is its `IDSelector`, which prunes results, not the walk."""

    def __init__(self) -> None:
        self._faiss: Any = importlib.import_module("faiss")

    def build(self, matrix: Floats, schema: Schema) -> Any:
        graph = self._faiss.IndexHNSWFlat(matrix.shape[1], schema.m, self._faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = schema.ef_construct
        self._faiss.omp_set_num_threads(os.cpu_count() or 1)
        graph.add(matrix)
        self._faiss.omp_set_num_threads(1)
        return graph

    def searcher(self, graph: Any, search: Search, rows: Rows | None) -> Searcher:
        _graph_only(search, None)
        options: dict[str, Any] = {"efSearch": max(search.ef or DEFAULT_EF, search.limit)}
        if rows is not None:
            options["sel"] = self._faiss.IDSelectorBatch(rows)
        params = self._faiss.SearchParametersHNSW(**options)

        def nearest(vectors: Floats, k: int) -> Rows:
            found: Rows = graph.search(vectors, k, params=params)[1]
            return found if rows is None else found[found >= 0].reshape(len(vectors), -1)

        return nearest

    def save(self, graph: Any, path: Path) -> None:
        self._faiss.write_index(graph, str(path))

    def load(self, path: Path) -> Any:
        return self._faiss.read_index(str(path))


@dataclass(frozen=True)
class Bare:
    """A library by name."""

    name: str
    library: Callable[[], Library]
    is_durable: bool = False
    uses_ef: bool = True
    most_points: int | None = None
    start_script: str | None = None

    def open(self, path: Path) -> Store:
        return LibraryStore(self.library(), path if self.is_durable else None)


def _dense(search: Search) -> Floats:
    if isinstance(search.vector, SparseRow):
        raise Unsupported("no sparse vectors")
    return search.vector


def _graph_only(search: Search, rows: Rows | None) -> None:
    if search.exact:
        raise Unsupported("no exact search beside its graph")
    if rows is not None:
        raise Unsupported("filters only by a call of Python for every point")


def _best(scores: NDArray[Any], k: int) -> Rows:
    if k >= len(scores):
        return np.argsort(-scores)
    top = np.argpartition(scores, len(scores) - k)[-k:]
    best: Rows = top[np.argsort(-scores[top])]
    return best
