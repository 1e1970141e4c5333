"""Ways a search can go, forced on collections of a few hundred points by moving the thresholds between them.

A `Way` is a set of module constants, and the settings of a collection that goes by it. `PLAIN` compares floats, reads
stored sparse vectors and payloads one by one; every other way has all that is only worth it for many points switched
on: payload and inverted indexes, selection by blocks, arithmetic in pieces, and one form of the dense fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from oracles.compare import Ranking
from oracles.model import CollectionModel, canonical
from oracles.schema import Schema, arguments
from oracles.stores import StoreHandle
from qdrant_client import models as m

from minidb.index.dense.graph import Calibrated
from minidb.index.dense.plain import Metric, similarities
from minidb.trace import Step

NAME = "points"
ALL = 10**6
"""More than any collection here has points."""
_FLOATS = {
    "minidb.query.search._FLOAT_ELEMENTS": ALL,
    "minidb.query.search._FLOAT_SCAN_ELEMENTS": ALL,
}
_INDEXES = {
    "minidb.filter.evaluate._FEW_ROWS": 0,
    "minidb.query.sparse._FORWARD_ROWS": 0,
    "minidb.query.sparse._ROWS_PER_FORWARD": ALL,
    "minidb.query.sparse._FEW_SCORES": 0,
    "minidb.index.sparse._MAX_SEGMENTS": 2,
    "minidb.index.topk._SMALL": 0,
    "minidb.index.topk._COARSE": 2,
    "minidb.index.payload.rows._FEW": 0,
    "minidb.index.payload.segments._MAX_SEGMENTS": 2,
}
_PIECES = {
    "minidb.query.search._FEW_ROWS": 0,
    "minidb.query.search._CHUNK_ELEMENTS": 1,
    "minidb.query.search._CHUNK_ROWS": 16,
    "minidb.query.max_sim._TOKEN_CHUNK": 16,
    "minidb.query.search._LONG_SCAN_NS": 0,
    "minidb.query.max_sim._FEW_ROWS": 0,
    "minidb.query.max_sim._LONG_SCAN_NS": 0,
    "minidb.index.dense.sketch.LONG_SCAN_NS": 0,
    "minidb.index.dense.sketch._PIECE_NS": 200,
    "minidb.index.dense.hot._PIECE_BYTES": 64,
    "minidb.index.dense.plain._CHUNK_ROWS": 16,
    "minidb.index.dense.plain.PIECE": 64,
    "minidb.index.multivector.PIECE": 64,
    "minidb.collection.index_rows.CHUNK_ROWS": 32,
    "minidb.collection.indexes.CHUNK_ROWS": 32,
    "minidb.collection.indexer._BUILD_ROWS": 32,
    "minidb.storage.rows._MAPPED_BYTES": 0,
}
_CODES = {
    "minidb.query.search._FLOAT_ELEMENTS": 0,
    "minidb.query.search._FLOAT_SCAN_ELEMENTS": 0,
}
_LAGGING = {"minidb.query.search._FEW_ROWS": 3}
"""The newest rows have no codes yet."""
_SCANNED = {"minidb.query.search._gather_ns": lambda field: 1e9}
_GATHERED = {
    "minidb.query.search._gather_ns": lambda field: 0.0,
    "minidb.index.dense.hot._LEAST_ROWS": 0,
    "minidb.index.dense.hot._MAX_FILTERS": 2,
}
"""Codes of filtered rows one by one; from the third search on from a copy, as the filter is then asked often."""
_EVERY_CANDIDATE = {
    "minidb.index.dense.codes._RESCORED": ALL,
    "minidb.index.dense.codes._BINARY_RESCORED": ALL,
    "minidb.query.search._default_ef": lambda graph, k: ALL,
    "minidb.query.max_sim._n_candidates": lambda k, count, n_tokens: ALL,
    "minidb.query.search._kept": lambda graph, of_codes, k: k if graph.kind == "float32" else ALL,
}
"""Codes choose all points: then what they choose is exact."""
_GRAPHS = {
    "minidb.collection.index_plan.GRAPH_BYTES": 1,
    "minidb.query.search._graph_ns": lambda graph, field: 0.0,
}
_CENTROIDS = {
    "minidb.collection.index_plan.GRAPH_BYTES": 1,
    "minidb.collection.index_plan._LEAST_MULTIVECTORS": 1,
    "minidb.query.max_sim._LEAST_TO_CHOOSE_FROM": 0,
}
_HNSWLIB = {"minidb.index.dense.libraries._has_hnswlib": lambda: True}
_USEARCH = {"minidb.index.dense.libraries._has_hnswlib": lambda: False}
CATCHING_UP = {
    "minidb.collection.index_plan._LEAST_CHECK_ROWS": 1,
    "minidb.collection.index_plan._TAIL_ROWS": 0,
    "minidb.collection.index_plan._TAIL_MULTIVECTORS": 1,
}
"""Graphs and centroid indexes take in what is written, however little."""
MANY_SEGMENTS = {"minidb.index.payload.segments._MAX_SEGMENTS": ALL}
"""What payload indexes take in stays a segment of its own."""
INT8 = m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8, quantile=0.99))
BITS = m.BinaryQuantization(binary=m.BinaryQuantizationConfig())


@dataclass(frozen=True)
class Way:
    """`taken`: what `explain` says of searches that went this way."""

    name: str
    constants: dict[str, Any]
    taken: frozenset[str]
    quantization: Any = None

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def in_force(self, **more: dict[str, Any]) -> Iterator[None]:
        with ExitStack() as stack:
            for constants in (self.constants, *more.values()):
                for name, value in constants.items():
                    stack.enter_context(mock.patch(name, value))
            yield


class ExactGraph:
    """A `Graph` that always finds the nearest: how few of them pass a filter is then all that is left to chance."""

    kind = "float32"
    opens_mapped = False
    takes_turns = False

    def __init__(self, metric: Metric, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        self._metric, self._rows, self._vectors = metric, rows, vectors
        self.n_rows, self.count = n_rows, len(rows)
        self.calibrated = Calibrated()

    @classmethod
    def build(cls, metric: Metric, size: int, how: Any, blocks: Any, count: int, n_rows: int) -> ExactGraph:
        graph = cls(metric, np.zeros(0, np.uint32), np.zeros((0, size), np.float32), 0)
        for rows, vectors in blocks:
            graph.add(rows, vectors, n_rows)
        return graph

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        scores = similarities(self._metric, query, self._vectors)
        return self._rows[np.argsort(-scores, kind="stable")[:width]]

    def search_many(self, queries: NDArray[np.float32], width: int, threads: int = 1) -> list[NDArray[np.uint32]]:
        return [self.search(query, width) for query in queries]

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        self.count += len(rows)  # before they can be found
        self._rows = np.concatenate([self._rows, rows])
        self._vectors = np.concatenate([self._vectors, vectors])
        self.n_rows = n_rows

    def find_unlinked(self, vectors_of: Any) -> None:
        """There are none."""

    def beside(self, found: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Those it would find are given again: they are to come once all the same."""
        return found[::3]

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"n_rows": self.n_rows}, {"rows": self._rows, "vectors": self._vectors}

    @classmethod
    def restored(cls, metric: Metric, meta: dict[str, Any], arrays: dict[str, Any], vectors_of: Any) -> ExactGraph:
        return cls(metric, arrays["rows"], arrays["vectors"], meta["n_rows"])


_EXACT_GRAPH = {
    "minidb.collection.indexer.build": ExactGraph.build,
    "minidb.collection.indexes.restored": ExactGraph.restored,
}
_NARROW = {
    "minidb.query.search._default_ef": lambda graph, k: 1,
    "minidb.query.search._gather_ns": lambda field: 1e9,
    "minidb.query.search._scan_ns": lambda field: 1e9,
}
_AROUND = frozenset({"inverted index", "values index on n"})
_MAX_SIM = {"MaxSim of every candidate"}
_OVER_FETCHED = frozenset({"graph, asked for more than pass the filter"})


def _way(name: str, taken: set[str] | frozenset[str], *constants: dict[str, Any], quantization: Any = None) -> Way:
    merged: dict[str, Any] = {}
    for part in (_INDEXES, _PIECES, *constants):
        merged |= part
    return Way(name, merged, _AROUND | taken, quantization)


def _scan(codes: str) -> set[str]:
    return {f"{codes} {how}, best rescored as floats" for how in ("scan", "of the rows")}


PLAIN = Way(
    "plain",
    _FLOATS
    | {"minidb.filter.evaluate._FEW_ROWS": ALL, "minidb.query.sparse._FORWARD_ROWS": ALL}
    | {"minidb.query.search._FEW_ROWS": ALL},
    frozenset({"float scan", "floats of the rows", "sparse vectors of the rows"}),
)
EXACT_WAYS = [
    PLAIN,
    _way(
        "pieces",
        {*_MAX_SIM, "float scan", "floats of the rows"},
        _FLOATS,
        {"minidb.index.sparse._MAX_POSTINGS": 0, "minidb.filter.evaluate._MANY": 0},
    ),
    _way("int8", _scan("int8"), _CODES, _SCANNED, _EVERY_CANDIDATE, _LAGGING),
    _way("int8-gathered", _scan("int8"), _CODES, _GATHERED, _EVERY_CANDIDATE),
    _way("bits-gathered", _scan("bit"), _CODES, _GATHERED, _EVERY_CANDIDATE, quantization=BITS),
    _way("hnswlib", {"graph"}, _CODES, _EVERY_CANDIDATE, _GRAPHS, _HNSWLIB),
    _way("usearch", {"graph"}, _CODES, _EVERY_CANDIDATE, _GRAPHS, _USEARCH, _LAGGING),
    _way("usearch-int8", {"graph"}, _CODES, _EVERY_CANDIDATE, _GRAPHS, _USEARCH, quantization=INT8),
    _way("usearch-bits", {"graph"}, _CODES, _EVERY_CANDIDATE, _GRAPHS, _USEARCH, quantization=BITS),
    _way("centroids", {"centroids of tokens, best compared by MaxSim"}, _FLOATS, _EVERY_CANDIDATE, _CENTROIDS),
    _way("over-fetched", {"graph", *_OVER_FETCHED}, _CODES, _EVERY_CANDIDATE, _GRAPHS, _NARROW, _EXACT_GRAPH),
]
"""Exact answers are due."""
APPROXIMATE_WAYS = [
    _way("int8", _scan("int8"), _CODES, _SCANNED),
    _way("int8-gathered", _scan("int8"), _CODES, _GATHERED),
    _way("bits", _scan("bit"), _CODES, _SCANNED, quantization=BITS),
    _way("hnswlib", {"graph", *_OVER_FETCHED}, _CODES, _GRAPHS, _NARROW, _HNSWLIB),
    _way("usearch", {"graph", *_OVER_FETCHED}, _CODES, _GRAPHS, _NARROW, _USEARCH),
    _way("usearch-int8", {"graph", *_OVER_FETCHED}, _CODES, _GRAPHS, _NARROW, _USEARCH, quantization=INT8),
    _way("usearch-bits", {"graph"}, _CODES, _GRAPHS, _NARROW, _USEARCH, quantization=BITS),
]
"""With no more candidates than there are by default: true scores are due, and most of the nearest."""


@dataclass
class Twins:
    """The same collection three times: searched the forced way, the plain way, and by a model."""

    schema: Schema
    way: Way
    forced: StoreHandle
    plain: StoreHandle
    model: CollectionModel = field(init=False)
    taken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.model = CollectionModel(self.schema)
        for store, quantization in ((self.forced, self.way.quantization), (self.plain, None)):
            store.client.create_collection(NAME, **arguments(self.schema), quantization_config=quantization)

    @property
    def points(self) -> list[Any]:
        """Ids, and the vectors each has."""
        return [SimpleNamespace(id=point_id, vector=point.vectors) for point_id, point in self.model.points.items()]

    def apply(self, operation: Any) -> None:
        self.model.apply(operation)
        for store in (self.forced, self.plain):
            store.client.batch_update_points(NAME, [operation])
            assert store.client.wait_until_indexed(NAME, 60)

    def reopen(self) -> None:
        self.forced.reopen()
        self.forced.client.count(NAME)  # wakes the indexer, which loads the graphs
        assert self.forced.client.wait_until_indexed(NAME, 60)

    def search(self, request: m.QueryRequest) -> list[Any]:
        """Hits of the forced way; how they were found is added to `taken`."""
        asked = request.model_dump(exclude_none=True)
        told = self.forced.client.explain(NAME, **{names.get(key, key): value for key, value in asked.items()})
        self.taken.update(_ways_in(told))
        hits: list[Any] = self.forced.client.query_batch_points(NAME, [request])[0].points
        return hits

    def ranking(self, request: m.QueryRequest) -> Ranking:
        """The whole ranking, the plain way."""
        whole = request.model_copy(update={"offset": 0, "limit": ALL})
        with PLAIN.in_force():
            hits = self.plain.client.query_batch_points(NAME, [whole])[0].points
        return [(canonical(hit.id), hit.score) for hit in hits]


names = {"filter": "query_filter"}


def _ways_in(step: Step) -> Iterator[str]:
    if "by" in step.facts:
        yield str(step.facts["by"])
    for child in step.steps:
        yield from _ways_in(child)
