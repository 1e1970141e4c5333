"""Queries, their batches, groups and plans, and the distance matrix."""

from __future__ import annotations

from typing import Any

from minidb import models
from minidb.rest.call import Call
from minidb.rest.route import Route


def _query(call: Call) -> models.QueryResponse:
    return call.database.query(call.collection, [call.body], call.context)[0]


def _query_batch(call: Call) -> list[models.QueryResponse]:
    return call.database.query(call.collection, call.body.searches, call.context)


def _query_groups(call: Call) -> models.GroupsResult:
    return call.database.query_groups(call.collection, call.body, call.context)


def _explain(call: Call) -> Any:
    return call.database.explain(call.collection, call.body, call.context).as_json()


def _matrix_pairs(call: Call) -> Any:
    return call.database.search_matrix(call.collection, call.body, call.timeout).as_pairs()


def _matrix_offsets(call: Call) -> Any:
    return call.database.search_matrix(call.collection, call.body, call.timeout).as_offsets()


_POINTS = "/collections/{collection_name}/points"
_MATRIX = f"{_POINTS}/search/matrix"

ROUTES = (
    Route("POST", f"{_POINTS}/query", _query, models.QueryRequest, only_reads=True),
    Route("POST", f"{_POINTS}/query/batch", _query_batch, models.QueryRequestBatch, only_reads=True),
    Route("POST", f"{_POINTS}/query/groups", _query_groups, models.QueryGroupsRequest, only_reads=True),
    Route("POST", f"{_POINTS}/query/explain", _explain, models.QueryRequest, only_reads=True),
    Route("POST", f"{_MATRIX}/pairs", _matrix_pairs, models.SearchMatrixRequest, only_reads=True),
    Route("POST", f"{_MATRIX}/offsets", _matrix_offsets, models.SearchMatrixRequest, only_reads=True),
)
