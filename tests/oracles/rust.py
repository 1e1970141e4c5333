"""qdrant-edge, the Rust core: one shard holding a model's points, asked through its own request classes."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from qdrant_client import models as m

from oracles.model import CollectionModel
from oracles.schema import Field, Schema, Stored, edge_config
from oracles.scores import DEFAULT_LIMIT, BruteForce, is_id, prefetches


class RustShard:
    """A shard in a temporary directory; `close` removes it."""

    def __init__(self, schema: Schema, points: list[m.PointStruct]) -> None:
        self._path = tempfile.mkdtemp(prefix="minidb-edge-")
        self.shard = edge.EdgeShard.create(self._path, edge_config(schema))
        self.shard.update(edge.UpdateOperation.upsert_points([_point(point) for point in points]))

    def close(self) -> None:
        self.shard.close()
        shutil.rmtree(self._path, ignore_errors=True)

    def query(self, request: m.QueryRequest, model: CollectionModel) -> list[Any]:
        """Hits of the request. Ids become vectors and excluded points (FAULTS["edge has no ids as queries"])."""
        resolver = BruteForce(model)
        resolver.collect_ids(request)
        excluding = [edge.HasIdCondition({_id(point_id) for point_id in resolver.excluded})]
        return self.shard.query(
            edge.QueryRequest(
                limit=request.limit or DEFAULT_LIMIT,
                offset=request.offset or 0,
                query=_query(request, resolver),
                prefetches=[_prefetch(child, resolver) for child in prefetches(request)],
                filter=_filter(request.filter, excluding if resolver.excluded else []),
                score_threshold=request.score_threshold,
            )
        )


def _prefetch(node: m.Prefetch, resolver: BruteForce) -> edge.Prefetch:
    return edge.Prefetch(
        limit=node.limit or DEFAULT_LIMIT,
        query=_query(node, resolver),
        prefetches=[_prefetch(child, resolver) for child in prefetches(node)],
        filter=_filter(node.filter, []),
        score_threshold=node.score_threshold,
    )


def _query(node: Any, resolver: BruteForce) -> Any:
    match node.query:
        case None:
            return None
        case m.FusionQuery(fusion=m.Fusion.DBSF):
            return edge.Fusion.Dbsf()
        case m.FusionQuery():
            return edge.Fusion.Rrf(2)
        case m.RrfQuery(rrf=settings):
            return edge.Fusion.Rrf(2 if settings.k is None else settings.k, settings.weights)
    target = node.query.nearest if isinstance(node.query, m.NearestQuery) else node.query
    using = resolver.model.fields[node.using or ""]
    vector = _stored(using, resolver.vector(using, target)) if is_id(target) else _vector(target)
    return edge.Query.Nearest(vector, using=node.using or None)


def _point(point: m.PointStruct) -> edge.Point:
    struct = point.vector
    vector = {name: _vector(one) for name, one in struct.items()} if isinstance(struct, dict) else _vector(struct)
    return edge.Point(_id(point.id), vector, point.payload)


def _vector(vector: Any) -> Any:
    return edge.SparseVector(vector.indices, vector.values) if isinstance(vector, m.SparseVector) else vector


def _stored(field: Field, vector: Stored) -> Any:
    return edge.SparseVector(list(vector[0]), vector[1].tolist()) if field.kind == "sparse" else vector.tolist()


def _id(point_id: Any) -> Any:
    return UUID(point_id) if isinstance(point_id, str) else point_id


def _filter(filter: m.Filter | None, excluding: list[Any]) -> edge.Filter | None:
    if filter is None and not excluding:
        return None
    filter = filter or m.Filter()
    return edge.Filter(
        must=[_condition(c) for c in filter.must or []] or None,
        should=[_condition(c) for c in filter.should or []] or None,
        must_not=[*excluding, *(_condition(c) for c in filter.must_not or [])] or None,
    )


def _condition(condition: Any) -> Any:
    if isinstance(condition, m.HasIdCondition):
        return edge.HasIdCondition({_id(point_id) for point_id in condition.has_id})
    if condition.match is not None:
        return edge.FieldCondition(condition.key, match=edge.MatchValue(condition.match.value))
    return edge.FieldCondition(condition.key, range=edge.RangeFloat(**condition.range.model_dump()))
