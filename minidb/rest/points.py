"""Points: writing, and reading by id, page, count and facet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb import models
from minidb.errors import NotFound
from minidb.rest.bodies import read_operations, read_upsert, read_vectors
from minidb.rest.call import Call, done
from minidb.rest.route import Route


def _update(operation: type[Any]) -> Callable[[Call], models.UpdateResult]:
    """A handler that runs one operation; its class has one field, which the body fills."""
    (field,) = operation.model_fields

    def run(call: Call) -> models.UpdateResult:
        wait = call.parameters.flag("wait")
        request = operation.model_construct(**{field: call.body})
        return done(call.database.update(call.collection, [request], call.context)[0], wait)

    return run


def _update_batch(call: Call) -> list[models.UpdateResult]:
    wait = call.parameters.flag("wait")
    results = call.database.update(call.collection, call.body.operations, call.context)
    return [done(result, wait) for result in results]


def _point(call: Call) -> models.Record:
    found = call.database.retrieve(call.collection, [call.point_id()], True, True, call.timeout)
    if not found:
        raise NotFound(f"Point with id {call.path['id']} does not exists!")
    return found[0]


def _retrieve(call: Call) -> list[models.Record]:
    body: models.PointRequest = call.body
    with_payload = False if body.with_payload is None else body.with_payload
    with_vector = False if body.with_vector is None else body.with_vector
    return call.database.retrieve(call.collection, body.ids, with_payload, with_vector, call.timeout)


def _scroll(call: Call) -> Any:
    body: models.ScrollRequest = call.body
    if body.with_payload is None:
        body = body.model_copy(update={"with_payload": True})
    points, next_offset = call.database.scroll(call.collection, body, call.timeout)
    return {"points": points, "next_page_offset": next_offset}


def _count(call: Call) -> Any:
    return {"count": call.database.count(call.collection, call.body, call.timeout)}


def _facet(call: Call) -> models.FacetResponse:
    return call.database.facet(call.collection, call.body, call.timeout)


_POINTS = "/collections/{collection_name}/points"

ROUTES = (
    Route("POST", _POINTS, _retrieve, models.PointRequest, only_reads=True),
    Route("GET", f"{_POINTS}/{{id}}", _point),
    Route("PUT", _POINTS, _update(models.UpsertOperation), models.PointInsertOperations, in_pieces=read_upsert),
    Route("POST", f"{_POINTS}/delete", _update(models.DeleteOperation), models.PointsSelector),
    Route(
        "PUT",
        f"{_POINTS}/vectors",
        _update(models.UpdateVectorsOperation),
        models.UpdateVectors,
        in_pieces=read_vectors,
    ),
    Route("POST", f"{_POINTS}/vectors/delete", _update(models.DeleteVectorsOperation), models.DeleteVectors),
    Route("POST", f"{_POINTS}/payload", _update(models.SetPayloadOperation), models.SetPayload),
    Route("PUT", f"{_POINTS}/payload", _update(models.OverwritePayloadOperation), models.SetPayload),
    Route("POST", f"{_POINTS}/payload/delete", _update(models.DeletePayloadOperation), models.DeletePayload),
    Route("POST", f"{_POINTS}/payload/clear", _update(models.ClearPayloadOperation), models.PointsSelector),
    Route("POST", f"{_POINTS}/batch", _update_batch, models.UpdateOperations, in_pieces=read_operations),
    Route("POST", f"{_POINTS}/scroll", _scroll, models.ScrollRequest, only_reads=True),
    Route("POST", f"{_POINTS}/count", _count, models.CountRequest, only_reads=True),
    Route("POST", "/collections/{collection_name}/facet", _facet, models.FacetRequest, only_reads=True),
)
