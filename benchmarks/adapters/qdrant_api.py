"""Requests in the dialect of qdrant-client, which minidb shares: one translation for both.

Works on any client object and `models` module of that shape; a method the client lacks is `Unsupported`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.adapters.base import Call, Form
from benchmarks.requests import (
    Batch,
    Columns,
    Condition,
    Facet,
    Fused,
    GeoRadius,
    GroupedSearch,
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
)

COLLECTION = "bench"
BATCH = 1000
_FORCED_THRESHOLD_KB = 1


class QdrantApiStore:
    """A collection behind a client with qdrant-client's methods."""

    def __init__(self, client: Any, models: Any) -> None:
        self.client = client
        self.models = models

    def create(self, schema: Schema) -> None:
        models = self.models
        forced = any(dense.graph == "always" for dense in schema.dense.values())
        self.client.create_collection(
            COLLECTION,
            vectors_config=self._vectors_config(schema),
            sparse_vectors_config={
                name: models.SparseVectorParams(modifier=models.Modifier.IDF if idf else None)
                for name, idf in schema.sparse_idf.items()
            },
            hnsw_config=models.HnswConfigDiff(m=schema.m, ef_construct=schema.ef_construct),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_FORCED_THRESHOLD_KB) if forced else None,
        )
        self.create_indexes(schema)

    def create_indexes(self, schema: Schema) -> None:
        if schema.indexed and not hasattr(self.client, "create_payload_index"):
            raise Unsupported("no payload indexes")
        for key, kind in schema.indexed.items():
            self.client.create_payload_index(COLLECTION, key, field_schema=kind)

    def insert(self, columns: Columns, form: Form) -> None:
        if form == "points" or columns.sparse or any(matrix.ndim > 2 for matrix in columns.dense.values()):
            self.client.upload_points(COLLECTION, self._points(columns), batch_size=BATCH)
            return
        vectors = columns.dense[""] if list(columns.dense) == [""] else dict(columns.dense)
        self.client.upload_collection(
            COLLECTION, vectors=vectors, payload=columns.payloads, ids=range(len(columns)), batch_size=BATCH
        )

    def upsert(self, columns: Columns, at: int) -> None:
        self.client.upsert(COLLECTION, [self._point(columns, at)])

    def settle(self) -> None:
        """Nothing to wait for, unless the client says so."""

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
        return self._groups(request)

    def drop(self) -> None:
        self.client.delete_collection(COLLECTION)

    def close(self) -> None:
        self.client.close()

    # Points

    def _vectors_config(self, schema: Schema) -> Any:
        models = self.models
        fields = {
            name: models.VectorParams(
                size=dense.size,
                distance=models.Distance.COSINE,
                hnsw_config=models.HnswConfigDiff(m=0) if dense.graph == "never" else None,
                multivector_config=(
                    models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM) if dense.multi else None
                ),
            )
            for name, dense in schema.dense.items()
        }
        return fields[""] if list(fields) == [""] else fields

    def _points(self, columns: Columns) -> Iterator[Any]:
        return (self._point(columns, at) for at in range(len(columns)))

    def _point(self, columns: Columns, at: int) -> Any:
        vectors: dict[str, Any] = {name: self.dense_form(matrix[at]) for name, matrix in columns.dense.items()}
        for name, rows in columns.sparse.items():
            vectors[name] = self._sparse_form(rows.row(at))
        vector = vectors[""] if list(vectors) == [""] else vectors
        return self.models.PointStruct(id=at, vector=vector, payload=columns.payloads[at])

    def dense_form(self, vector: Any) -> Any:
        """The form of a vector this client takes with the least work."""
        return vector.tolist()

    def _sparse_form(self, row: SparseRow) -> Any:
        return self.models.SparseVector(indices=row.indices.tolist(), values=row.values.tolist())

    # Requests

    def _search(self, search: Search) -> Call:
        models, client = self.models, self.client
        query, using = self._vector_form(search.vector), search.using or None
        query_filter = self._filter(search.conditions)
        params = self._params(search)
        limit = search.limit
        inner = search.prefetch
        inner_query = self._vector_form(inner.vector) if inner is not None else None
        inner_params = self._params(inner) if inner is not None else None

        def call() -> list[tuple[Any, Any]]:
            prefetch = None
            if inner is not None:
                prefetch = models.Prefetch(
                    query=inner_query, using=inner.using or None, limit=inner.limit, params=inner_params
                )
            response = client.query_points(
                COLLECTION, query=query, using=using, prefetch=prefetch, query_filter=query_filter,
                search_params=params, limit=limit, with_payload=True,
            )  # fmt: skip
            return [(hit.id, hit.payload) for hit in response.points]

        return call

    def _fused(self, fused: Fused) -> Call:
        models, client = self.models, self.client
        parts = [(self._vector_form(each.vector), self._params(each), each) for each in fused.searches]

        def call() -> list[tuple[Any, Any]]:
            prefetch = [
                models.Prefetch(query=query, using=each.using, limit=each.limit, params=params)
                for query, params, each in parts
            ]
            fusion = models.FusionQuery(fusion=models.Fusion.RRF)
            response = client.query_points(
                COLLECTION, prefetch=prefetch, query=fusion, limit=fused.limit, with_payload=True
            )
            return [(hit.id, hit.payload) for hit in response.points]

        return call

    def _batch(self, batch: Batch) -> Call:
        models, client = self.models, self.client
        parts = [(self._vector_form(each.vector), self._params(each), each) for each in batch.searches]

        def call() -> list[tuple[Any, Any]]:
            requests = [
                models.QueryRequest(
                    query=query, using=each.using or None, params=params, limit=each.limit, with_payload=True
                )
                for query, params, each in parts
            ]
            responses = client.query_batch_points(COLLECTION, requests)
            return [(hit.id, hit.payload) for response in responses for hit in response.points]

        return call

    def _facet(self, facet: Facet) -> Call:
        method = self._method("facet")

        def call() -> list[tuple[Any, Any]]:
            response = method(COLLECTION, key=facet.key, limit=facet.limit, exact=True)
            return [(hit.value, hit.count) for hit in response.hits]

        return call

    def _scroll(self, scroll: OrderedScroll) -> Call:
        client = self.client

        def call() -> list[tuple[Any, Any]]:
            records, _ = client.scroll(COLLECTION, order_by=scroll.key, limit=scroll.limit, with_payload=True)
            return [(record.id, record.payload) for record in records]

        return call

    def _groups(self, search: GroupedSearch) -> Call:
        method = self._method("query_points_groups")
        query = self._vector_form(search.vector)

        def call() -> list[tuple[Any, Any]]:
            response = method(
                COLLECTION, group_by=search.key, query=query, limit=search.limit, group_size=search.group_size,
                with_payload=True,
            )  # fmt: skip
            return [(hit.id, hit.payload) for group in response.groups for hit in group.hits]

        return call

    def _method(self, name: str) -> Any:
        method = getattr(self.client, name, None)
        if method is None:
            raise Unsupported(f"no {name}")
        return method

    def _vector_form(self, vector: Any) -> Any:
        return self._sparse_form(vector) if isinstance(vector, SparseRow) else self.dense_form(vector)

    def _params(self, search: Search) -> Any:
        if search.ef is None and not search.exact:
            return None
        return self.models.SearchParams(hnsw_ef=search.ef, exact=search.exact)

    def _filter(self, conditions: tuple[Condition, ...]) -> Any:
        return self.models.Filter(must=[self._condition(each) for each in conditions]) if conditions else None

    def _condition(self, condition: Condition) -> Any:
        models = self.models
        if isinstance(condition, Match):
            return models.FieldCondition(key=condition.key, match=models.MatchValue(value=condition.value))
        if isinstance(condition, Range):
            return models.FieldCondition(key=condition.key, range=models.Range(gte=condition.gte, lt=condition.lt))
        if isinstance(condition, GeoRadius):
            centre = models.GeoPoint(lat=condition.latitude, lon=condition.longitude)
            return models.FieldCondition(
                key=condition.key, geo_radius=models.GeoRadius(center=centre, radius=condition.metres)
            )
        if isinstance(condition, TextMatch):
            return models.FieldCondition(key=condition.key, match=models.MatchText(text=condition.word))
        assert isinstance(condition, Nested)
        inner = models.Filter(must=[self._condition(each) for each in condition.conditions])
        return models.NestedCondition(nested=models.Nested(key=condition.key, filter=inner))
