"""From query requests to query responses: plan, execute, fetch payload and vectors of the final hits only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from msgpack import unpackb
from numpy.typing import NDArray

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader, payload_selector, vector_names
from minidb.models.base import as_list
from minidb.query.executor import Executor
from minidb.query.hits import Hits
from minidb.query.references import Lookup, References
from minidb.query.tree import DEFAULT_LIMIT, plan
from minidb.storage.records import uuid_text
from minidb.trace import Recording, Step

NO_ID: Final = 2**64 - 1
"""Stands in an array of integer ids where there are fewer hits."""


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
    reader, found = _found(snapshot, requests, lookup)
    return [
        models.QueryResponse(points=scored_points(reader, hits, request))
        for request, hits in zip(requests, found, strict=True)
    ]


def run_arrays(
    snapshot: Snapshot, requests: Sequence[models.QueryRequest], lookup: Lookup
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The same as ids and scores `(q, limit)`; the requests have one limit. See `QdrantClient.query_arrays`."""
    reader, found = _found(snapshot, requests, lookup)
    shape = (len(requests), (requests[0].limit or 0) if requests else 0)
    has_uuids = reader.view.columns.any_uuid
    ids: NDArray[Any] = np.full(shape, None, object) if has_uuids else np.full(shape, NO_ID, np.uint64)
    scores = np.full(shape, np.nan, np.float32)
    for at, hits in enumerate(found):
        ids[at, : len(hits)] = reader.view.ids_of(hits.rows) if has_uuids else reader.view.columns.low[hits.rows]
        scores[at, : len(hits)] = hits.scores
    return ids, scores


def _found(
    snapshot: Snapshot, requests: Sequence[models.QueryRequest], lookup: Lookup
) -> tuple[PointReader, Iterator[Hits]]:
    """The hits of each request, in their order, and who reads what is stored of them."""
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    executor = Executor(reader, snapshot.collection.indexes_for(view))
    limits = [DEFAULT_LIMIT if request.limit is None else request.limit for request in requests]
    offsets = list(map(_offset, requests))
    if len(requests) > 1:
        References(reader, lookup).check(requests)
    planned = [
        plan(reader, lookup, request, limit + offset)
        for request, limit, offset in zip(requests, limits, offsets, strict=True)
    ]
    return reader, (
        hits.cut(offset, offset + limit)
        for limit, offset, hits in zip(limits, offsets, executor.run_all(planned), strict=True)
    )


def _offset(request: models.QueryRequest) -> int:
    """A draw from the whole collection has no order to skip in (lib/collection, collection_query.rs)."""
    offset = request.offset or 0
    if offset and isinstance(request.query, models.SampleQuery) and not as_list(request.prefetch):
        return 0
    return offset


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
    """Hits with the payload and vectors the request asks for: as callers see them, but that the vectors are arrays."""
    select = payload_selector(selectors.with_payload)
    names = vector_names(reader.view, selectors.with_vector)
    rows, scores = hits.rows, hits.scores.tolist()
    if select is None:
        ids, versions = reader.view.ids_of(rows), reader.versions_of(rows).tolist()
        points = list(map(models.ScoredPoint, ids, versions, scores))
    else:
        points = []
        for data, score in zip(reader.each_stored(rows.tolist()), scores, strict=True):
            # what `unpack_record` does, without the record: it is made for nothing else, and ten times a query
            stored_id, version, _, packed = unpackb(data)
            point_id = stored_id if type(stored_id) is int else uuid_text(stored_id)
            points.append(models.ScoredPoint(point_id, version, score, select(packed)))
    if names is not None:
        for point, vector in zip(points, reader.vectors(rows, names), strict=True):
            point.vector = vector
    if hits.order_values is not None:
        for point, value in zip(points, hits.order_values.tolist(), strict=True):
            point.order_value = value
    return points
