"""From query requests to query responses: plan, execute, fetch payload and vectors of the final hits only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgpack import unpackb

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader, payload_selector, vector_names
from minidb.models.base import as_list
from minidb.query.executor import Executor
from minidb.query.hits import Hits
from minidb.query.references import Lookup
from minidb.query.tree import DEFAULT_LIMIT, plan
from minidb.storage.records import uuid_text
from minidb.trace import Recording, Step


class Selectors(Protocol):
    """What of each point a request wants back."""

    @property
    def with_payload(self) -> models.WithPayloadInterface | None: ...

    @property
    def with_vector(self) -> models.WithVector | None: ...


def run_queries(
    snapshot: Snapshot, requests: Sequence[models.QueryRequest], lookup: Lookup
) -> list[models.QueryResponse]:
    """Answer each request; filters they share are evaluated once."""
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    executor = Executor(reader, snapshot.collection.indexes_for(view))
    limits = [DEFAULT_LIMIT if request.limit is None else request.limit for request in requests]
    offsets = list(map(_offset, requests))
    planned = [
        plan(reader, lookup, request, limit + offset)
        for request, limit, offset in zip(requests, limits, offsets, strict=True)
    ]
    return [
        models.QueryResponse(points=scored_points(reader, hits.cut(offset, offset + limit), request))
        for request, limit, offset, hits in zip(requests, limits, offsets, executor.run_all(planned), strict=True)
    ]


def _offset(request: models.QueryRequest) -> int:
    """A draw from the whole collection has no order to skip in (lib/collection, collection_query.rs)."""
    if isinstance(request.query, models.SampleQuery) and not as_list(request.prefetch):
        return 0
    return request.offset or 0


def explained_query(snapshot: Snapshot, request: models.QueryRequest, lookup: Lookup) -> Step:
    """How a query is answered: it is run, and every step noted."""
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    reader.trace = recording = Recording()
    executor = Executor(reader, snapshot.collection.indexes_for(view))
    offset, limit = request.offset or 0, DEFAULT_LIMIT if request.limit is None else request.limit
    with recording.step("plan"):
        planned = plan(reader, lookup, request, limit + offset)
    hits = executor.run(planned).cut(offset, offset + limit)
    with recording.step("fetch", points=len(hits)):
        scored_points(reader, hits, request)
    return recording.finished()


def scored_points(reader: PointReader, hits: Hits, selectors: Selectors) -> list[models.ScoredPoint]:
    """Hits as callers see them, with the payload and vectors the request asks for."""
    select = payload_selector(selectors.with_payload)
    names = vector_names(reader.view, selectors.with_vector)
    rows, scores = hits.rows, hits.scores.tolist()
    if select is None:
        ids, versions = reader.view.ids_of(rows), reader.versions_of(rows)
        points = list(map(models.ScoredPoint, ids, versions, scores))
    else:
        points = []
        for data, score in zip(reader.stored(rows.tolist()), scores, strict=True):
            # what `unpack_record` does, without the record: it is made for nothing else, and ten times a query
            stored_id, version, _, packed = unpackb(data)
            point_id = stored_id if type(stored_id) is int else uuid_text(stored_id)
            points.append(models.ScoredPoint(point_id, version, score, select(unpackb(packed))))
    if names is not None:
        for point, vector in zip(points, reader.vectors(rows, names), strict=True):
            point.vector = vector
    if hits.order_values is not None:
        for point, value in zip(points, hits.order_values.tolist(), strict=True):
            point.order_value = value
    return points
