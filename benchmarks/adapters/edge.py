"""qdrant-edge-py: Qdrant's own segments in process. One shard is one collection; `optimize()` builds its graph."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.adapters.base import Call, Form, Store
from benchmarks.requests import (
    Answer,
    Batch,
    Columns,
    Condition,
    DenseField,
    Facet,
    Fused,
    GeoRadius,
    Match,
    Nested,
    OrderedScroll,
    Range,
    Request,
    Schema,
    Search,
    SparseRow,
    TextMatch,
    Unsupported,
    WrongForm,
)

_BATCH = 1000
_RRF_K = 2
_ALWAYS_KB, _DEFAULT_KB = 1, 10_000
_START = """
import sys
from qdrant_edge import (Distance, EdgeConfig, EdgeShard, EdgeVectorParams, Point, Query, QueryRequest, UpdateOperation)
import os
os.makedirs(sys.argv[1], exist_ok=True)
shard = EdgeShard.create(sys.argv[1], EdgeConfig(vectors=EdgeVectorParams(size=8, distance=Distance.Cosine)))
vectors = [[float(i == j) + 0.1 for j in range(8)] for i in range(10)]
shard.update(UpdateOperation.upsert_points([Point(i, vectors[i], {"n": i}) for i in range(10)]))
answer = shard.query(QueryRequest(limit=3, query=Query.Nearest(vectors[3]), with_payload=True))
"""


class EdgeStore:
    """One shard."""

    def __init__(self, path: Path, flushes: bool) -> None:
        self._edge: Any = importlib.import_module("qdrant_edge")
        self._path = path
        self._flushes = flushes
        self._shard: Any = self._edge.EdgeShard.load(str(path)) if path.exists() else None

    def create(self, schema: Schema) -> None:
        edge = self._edge
        self._path.mkdir(parents=True)
        always = any(dense.graph == "always" for dense in schema.dense.values())
        threshold = _ALWAYS_KB if always else _DEFAULT_KB
        fields = {name: self._dense_params(schema, dense, threshold) for name, dense in schema.dense.items()}
        config = edge.EdgeConfig(
            vectors=fields.get("", fields) if len(fields) == 1 else fields or None,
            sparse_vectors={
                name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if idf else None)
                for name, idf in schema.sparse_idf.items()
            }
            or None,
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=threshold, default_segment_number=1),
        )
        self._shard = edge.EdgeShard.create(str(self._path), config)
        kinds = edge.PayloadSchemaType
        names = {"keyword": kinds.Keyword, "integer": kinds.Integer, "float": kinds.Float, "geo": kinds.Geo}
        names["text"] = kinds.Text
        for key, kind in schema.indexed.items():
            self._shard.update(edge.UpdateOperation.create_field_index(key, names[kind]))

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "arrays":
            raise WrongForm("takes points only")
        for start in range(0, len(columns), _BATCH):
            batch = [self._point(columns, at) for at in range(start, min(start + _BATCH, len(columns)))]
            self._shard.update(self._edge.UpdateOperation.upsert_points(batch))
        self._shard.flush()

    def upsert(self, columns: Columns, at: int) -> None:
        self._shard.update(self._edge.UpdateOperation.upsert_points([self._point(columns, at)]))
        if self._flushes:
            self._shard.flush()

    def settle(self) -> None:
        self._shard.optimize()
        self._shard.flush()

    def prepare(self, request: Request) -> Call:
        if isinstance(request, Search):
            return self._search(request)
        if isinstance(request, Facet):
            return self._facet(request)
        if isinstance(request, OrderedScroll):
            return self._scroll(request)
        if isinstance(request, Fused):
            return self._fused(request)
        if isinstance(request, Batch):
            return self._batch(request)
        raise Unsupported("no groups")

    def drop(self) -> None:
        self.close()
        shutil.rmtree(self._path)

    def close(self) -> None:
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    # Points

    def _dense_params(self, schema: Schema, dense: DenseField, threshold: int) -> Any:
        edge = self._edge
        m = 0 if dense.graph == "never" else schema.m
        return edge.EdgeVectorParams(
            size=dense.size,
            distance=edge.Distance.Cosine,
            hnsw_config=edge.HnswIndexConfig(
                m=m, ef_construct=schema.ef_construct, full_scan_threshold=max(threshold, 10)
            ),
            multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if dense.multi else None,
        )

    def _point(self, columns: Columns, at: int) -> Any:
        vectors: dict[str, Any] = {name: matrix[at].tolist() for name, matrix in columns.dense.items()}
        for name, rows in columns.sparse.items():
            vectors[name] = self._sparse_form(rows.row(at))
        return self._edge.Point(at, vectors[""] if list(vectors) == [""] else vectors, columns.payloads[at])

    def _sparse_form(self, row: SparseRow) -> Any:
        return self._edge.SparseVector(row.indices.tolist(), row.values.tolist())

    # Requests

    def _search(self, search: Search) -> Call:
        edge, shard = self._edge, self._shard
        vector, using = self._vector_form(search), search.using or None
        edge_filter = self._filter(search.conditions)
        params = self._params(search)
        inner = search.prefetch
        inner_vector = self._vector_form(inner) if inner is not None else None
        inner_params = self._params(inner) if inner is not None else None

        def call() -> Answer:
            prefetches = None
            if inner is not None:
                nearest = edge.Query.Nearest(inner_vector, inner.using or None)
                prefetches = [edge.Prefetch(limit=inner.limit, query=nearest, params=inner_params)]
            request = edge.QueryRequest(
                limit=search.limit, query=edge.Query.Nearest(vector, using), prefetches=prefetches,
                filter=edge_filter, params=params, with_payload=True,
            )  # fmt: skip
            return [(hit.id, hit.payload) for hit in shard.query(request)]

        return call

    def _fused(self, fused: Fused) -> Call:
        edge, shard = self._edge, self._shard
        parts = [(self._vector_form(each), self._params(each), each) for each in fused.searches]

        def call() -> Answer:
            prefetches = [
                edge.Prefetch(limit=each.limit, query=edge.Query.Nearest(vector, each.using), params=params)
                for vector, params, each in parts
            ]
            request = edge.QueryRequest(
                limit=fused.limit, query=edge.Fusion.Rrf(_RRF_K), prefetches=prefetches, with_payload=True
            )
            return [(hit.id, hit.payload) for hit in shard.query(request)]

        return call

    def _batch(self, batch: Batch) -> Call:
        edge, shard = self._edge, self._shard
        parts = [(self._vector_form(each), self._params(each), each) for each in batch.searches]

        def call() -> Answer:
            requests = [
                edge.QueryRequest(
                    limit=each.limit, query=edge.Query.Nearest(vector, each.using or None), params=params,
                    with_payload=True,
                )
                for vector, params, each in parts
            ]  # fmt: skip
            return [
                (hit.id, hit.payload) for hits in shard.query_batch(edge.QueryBatchRequest(requests)) for hit in hits
            ]

        return call

    def _facet(self, facet: Facet) -> Call:
        edge, shard = self._edge, self._shard

        def call() -> Answer:
            response = shard.facet(edge.FacetRequest(facet.key, limit=facet.limit, exact=True))
            return [(hit.value, hit.count) for hit in response.hits]

        return call

    def _scroll(self, scroll: OrderedScroll) -> Call:
        edge, shard = self._edge, self._shard

        def call() -> Answer:
            request = edge.ScrollRequest(limit=scroll.limit, with_payload=True, order_by=edge.OrderBy(scroll.key))
            return [(record.id, record.payload) for record in shard.scroll(request)[0]]

        return call

    def _vector_form(self, search: Search) -> Any:
        vector = search.vector
        return self._sparse_form(vector) if isinstance(vector, SparseRow) else vector.tolist()

    def _params(self, search: Search) -> Any:
        if search.ef is None and not search.exact:
            return None
        return self._edge.SearchParams(hnsw_ef=search.ef, exact=search.exact)

    def _filter(self, conditions: tuple[Condition, ...]) -> Any:
        return self._edge.Filter(must=[self._condition(each) for each in conditions]) if conditions else None

    def _condition(self, condition: Condition) -> Any:
        edge = self._edge
        if isinstance(condition, Match):
            return edge.FieldCondition(condition.key, match=edge.MatchValue(condition.value))
        if isinstance(condition, Range):
            return edge.FieldCondition(condition.key, range=edge.RangeFloat(gte=condition.gte, lt=condition.lt))
        if isinstance(condition, GeoRadius):
            centre = edge.GeoPoint(condition.longitude, condition.latitude)
            return edge.FieldCondition(condition.key, geo_radius=edge.GeoRadius(centre, condition.metres))
        if isinstance(condition, TextMatch):
            return edge.FieldCondition(condition.key, match=edge.MatchText(condition.word))
        assert isinstance(condition, Nested)
        inner = edge.Filter(must=[self._condition(each) for each in condition.conditions])
        return edge.NestedCondition(condition.key, inner)


@dataclass(frozen=True)
class Edge:
    """`flushes`: call `flush()` after every single upsert, since its log alone is not synced to the disk."""

    name: str = "edge"
    flushes: bool = False
    is_durable: bool = True
    most_points: int | None = None
    uses_ef: bool = True
    start_script: str | None = _START

    def open(self, path: Path) -> Store:
        return EdgeStore(path, self.flushes)
