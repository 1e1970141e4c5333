"""From query requests to query responses: plan, execute, fetch payload and vectors of the final hits only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader, payload_selector, vector_names
from minidb.query.executor import Executor
from minidb.query.hits import Hits
from minidb.query.tree import DEFAULT_LIMIT, plan
from minidb.storage.records import unpack_payload


def run_queries(
    snapshot: Snapshot, requests: Sequence[models.QueryRequest], lookup: Callable[[str], PointReader]
) -> list[models.QueryResponse]:
    """Answer each request; filters they share are evaluated once."""
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    executor = Executor(reader, snapshot.collection.indexes_for(view))
    responses = []
    for request in requests:
        limit = DEFAULT_LIMIT if request.limit is None else request.limit
        offset = request.offset or 0
        hits = executor.run(plan(reader, lookup, request, limit + offset)).cut(offset, offset + limit)
        responses.append(models.QueryResponse(points=scored_points(reader, hits, request)))
    return responses


def scored_points(reader: PointReader, hits: Hits, request: models.QueryRequest) -> list[models.ScoredPoint]:
    """Hits as callers see them, with the payload and vectors the request asks for."""
    select = payload_selector(request.with_payload)
    names = vector_names(reader.view, request.with_vector)
    records = reader.records_of(hits.rows.tolist())
    vectors = [None] * len(records) if names is None else reader.vectors(hits.rows, records, names)
    return [
        models.ScoredPoint(
            record.id,
            record.version,
            score,
            None if select is None else select(unpack_payload(record.payload)),
            vector,
        )
        for record, score, vector in zip(records, hits.scores.tolist(), vectors, strict=True)
    ]
