"""qdrant-client's local mode: operations as calls of its methods, which minidb's client has too."""

from __future__ import annotations

import warnings
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client import models as m

from oracles.schema import Schema, arguments


def new_local(name: str, schema: Schema) -> QdrantClient:
    """An in-memory client with one collection."""
    client = QdrantClient(":memory:")
    client.create_collection(name, **arguments(schema))
    return client


def query(client: QdrantClient, name: str, request: m.QueryRequest) -> list[m.ScoredPoint]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return client.query_batch_points(name, [request])[0].points


def call(client: Any, name: str, operation: Any) -> Any:
    """One operation of a batch update by the client method of its own (qdrant-client's or minidb's)."""
    match operation:
        case m.UpsertOperation(upsert=request):
            points = request.points if isinstance(request, m.PointsList) else request.batch
            return client.upsert(name, points, update_filter=request.update_filter, update_mode=request.update_mode)
        case m.DeleteOperation(delete=selector):
            return client.delete(name, selector)
        case m.SetPayloadOperation(set_payload=request):
            return client.set_payload(name, request.payload, selection(request), key=request.key)
        case m.OverwritePayloadOperation(overwrite_payload=request):
            return client.overwrite_payload(name, request.payload, selection(request))
        case m.DeletePayloadOperation(delete_payload=request):
            return client.delete_payload(name, request.keys, selection(request))
        case m.ClearPayloadOperation(clear_payload=selector):
            return client.clear_payload(name, selector)
        case m.UpdateVectorsOperation(update_vectors=request):
            return client.update_vectors(name, request.points, update_filter=request.update_filter)
        case m.DeleteVectorsOperation(delete_vectors=request):
            return client.delete_vectors(name, request.vector, selection(request))
    raise TypeError(operation)


def selection(request: Any) -> Any:
    """Ids or a filter, as the client methods take them."""
    return request.points if request.points is not None else request.filter
