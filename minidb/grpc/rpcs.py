"""The table of rpcs: each is a row that ends in the handler of a route of `minidb.rest`.

A row says how the message becomes the route's body and how the result becomes the fields of the reply. Path and query
are in the messages under the same names everywhere (`path_of`, `query_of`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import urlencode

import orjson

from minidb.collection.config import check_part, collection_name_faults
from minidb.grpc import (  # those beside `write` register what they read and write
    filters_read,  # noqa: F401
    points_read,  # noqa: F401
    queries_read,  # noqa: F401
    settings_read,  # noqa: F401
    settings_write,  # noqa: F401
    vectors_read,  # noqa: F401
    write,
)
from minidb.grpc.descriptors import Message
from minidb.grpc.read import read
from minidb.grpc.table import table
from minidb.grpc.words import malformed, word
from minidb.grpc.write import Fields
from minidb.rest.message import Response
from minidb.rest.route import Route
from minidb.rest.routes import ROUTES

Body: TypeAlias = Callable[[str, Message], Any]
Reply: TypeAlias = Callable[[Message, Any, Message], None]


@dataclass(frozen=True, slots=True)
class Rpc:
    """One call.

    Args:
        name: "Service/Method", without the package.
        request: name of its message.
        response: name of the reply's message.
        route: whose handler answers.
        reply: fills the reply, its first argument, with the result; the last one is the message asked with.
        body: from the message to the plain body of the route; by default the message as it is.
    """

    name: str
    request: str
    response: str
    route: Route
    reply: Reply
    body: Body = read

    @property
    def endpoint(self) -> str:
        """The path it has on the wire."""
        return f"/qdrant.{self.name}"


_PATH = ("collection_name", "vector_name", "field_name", "snapshot_name")
"""Variable parts of routes that are fields of messages, too."""


def path_of(rpc: Rpc, message: Message) -> dict[str, str]:
    """The variable parts of the route. Raises ValidationError for a name that is empty or too long."""
    for name in _named(rpc.request):
        if not getattr(message, name):
            check_part(name, ['value "" invalid, must be at least 1 characters'], "body")
    parts = {part: getattr(message, part) for part in _PATH if f"{{{part}}}" in rpc.route.path}
    if "collection_name" in parts:
        _check_name(parts["collection_name"], is_new=rpc.route.names_new)
    return parts


@cache
def _named(request: str) -> tuple[str, ...]:
    """Fields of a request, in its path or its body, that may not be empty."""
    never_empty = ("field_name", "group_by", "key", "snapshot_name")
    return tuple(
        field.name for field in table().messages[request] if field.name in never_empty and field.label == "one"
    )


def _check_name(name: str, is_new: bool = False) -> None:
    check_part("collection_name", collection_name_faults(name, is_new=is_new), "body")


def query_of(rpc: Rpc, message: Message) -> str:
    """What REST has in the query: whether to wait, how long, and what only steers replicas."""
    query: dict[str, str | int | None] = {}
    for field in table().messages[rpc.request]:
        if field.name not in _QUERY or not message.HasField(field.name):
            continue
        content = getattr(message, field.name)
        if field.name == "wait":
            query["wait"] = "true" if content else "false"
        elif field.name == "timeout":
            check_part("timeout", [] if content else ["value 0 invalid, must be 1 or larger"], "body")
            query["timeout"] = content
        elif field.name == "ordering":
            query["ordering"] = word("WriteOrderingType", content.type)
        else:
            query["consistency"] = _consistency(content)
    return urlencode(query) if query else ""


_QUERY = frozenset(("wait", "timeout", "ordering", "read_consistency"))


def _consistency(message: Message) -> str | int | None:
    kind = message.WhichOneof("value")
    if kind is None:
        raise malformed("invalid read consistency message: `ReadConsistency::value` field is `None`")
    return message.factor if kind == "factor" else word("ReadConsistencyType", message.type)


# Bodies that are not the message as it is


def _batch(request: str, message: Message) -> Any:
    """Several requests, each with a collection's name that has to be one, and is not looked at."""
    body = read(request, message)
    (several,) = (field.name for field in table().messages[request] if field.label == "many")
    for one in getattr(message, several):
        _check_name(one.collection_name)
    return body


def _some_operations(request: str, message: Message) -> Any:
    """REST has nothing to do with an empty list of them; here it is refused."""
    check_part("operations", [] if message.operations else ["value [] invalid, must be at least 1 characters"], "body")
    return read(request, message)


def _overwrite(request: str, message: Message) -> Any:
    body = read(request, message)
    body.pop("key", None)  # to replace a payload is to replace all of it
    return body


def _recommend(request: str, message: Message) -> Any:
    return _at_least_one(read(request, message))


def _recommend_batch(request: str, message: Message) -> Any:
    return {"searches": [_at_least_one(one) for one in _batch(request, message)["searches"]]}


def _at_least_one(body: dict[str, Any]) -> dict[str, Any]:
    """A limit of 0 is allowed here, unlike in REST: one hit is looked for, and `_recommended` leaves it out."""
    return {**body, "limit": body["limit"] or 1}


# Replies


def _tree(fields: Callable[[Any], Fields]) -> Reply:
    """A reply that is built from a tree of dicts."""
    return lambda reply, result, asked: reply.MergeFrom(type(reply)(**fields(result)))


def _as(field: str, one: Callable[[Any], Any]) -> Reply:
    """A reply with one field."""
    return _tree(lambda result: {field: one(result)})


def _many(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda results: [one(result) for result in results]


def _same(result: Any) -> Any:
    return result


def _shaped(message: str) -> Callable[[Any], Fields]:
    """A result that has REST's shape, as a message."""
    return lambda result: write.fields(message, result)


def _hits(reply: Message, result: Any, asked: Message) -> None:
    write.hits(reply.result, result)


def _hits_of_batch(reply: Message, result: Any, asked: Message) -> None:
    for hits in result:
        write.hits(reply.result.add().result, hits, 3)


def _recommended(reply: Message, result: Any, asked: Message, depth: int = 2) -> None:
    if asked.limit:
        write.hits(reply.result, result, depth)


def _recommended_batch(reply: Message, result: Any, asked: Message) -> None:
    for hits, one in zip(result, asked.recommend_points, strict=True):
        _recommended(reply.result.add(), hits, one, 3)


def _query(reply: Message, result: Any, asked: Message) -> None:
    write.hits(reply.result, result.points)


def _query_batch(reply: Message, result: Any, asked: Message) -> None:
    for response in result:
        write.hits(reply.result.add().result, response.points, 3)


def _groups(reply: Message, result: Any, asked: Message) -> None:
    write.groups(reply.result.groups, result.groups)


def _records(reply: Message, result: Any, asked: Message) -> None:
    write.records(reply.result, result)


def _scroll(reply: Message, result: Any, asked: Message) -> None:
    write.records(reply.result, result["points"])
    following = result["next_page_offset"]
    if following is not None:
        write.point_id(reply.next_page_offset, following)


def _matrix_pairs(reply: Message, result: Any, asked: Message) -> None:
    write.matrix_pairs(reply.result, result)


def _matrix_offsets(reply: Message, result: Any, asked: Message) -> None:
    write.matrix_offsets(reply.result, result)


def _nothing(reply: Message, result: Any, asked: Message) -> None:
    """The reply has no fields but those every reply has."""


def _version(result: Response) -> Fields:
    return orjson.loads(result.body)  # type: ignore[no-any-return]


_bool = _as("result", _same)
_aliases = _as("aliases", lambda result: [write.fields("AliasDescription", alias) for alias in result["aliases"]])
_facet = _as("hits", lambda result: [write.facet_hit(hit) for hit in result.hits])
_update = _as("result", write.update_result)
_updates = _as("result", _many(write.update_result))
_snapshot = _as("snapshot_description", _shaped("SnapshotDescription"))
_snapshots = _as("snapshot_descriptions", _many(_shaped("SnapshotDescription")))


# The table

_ROUTES = {f"{route.method} {route.path}": route for route in ROUTES}
_ONE = "/collections/{collection_name}"
_POINTS = f"{_ONE}/points"


def _rpc(name: str, request: str, response: str, route: str, reply: Reply, body: Body = read) -> Rpc:
    return Rpc(name, request, response, _ROUTES[route], reply, body)


def _write(method: str, request: str, route: str, body: Body = read) -> Rpc:
    return _rpc(f"Points/{method}", request, "PointsOperationResponse", route, _update, body)


def _collection(method: str, request: str, route: str) -> Rpc:
    return _rpc(f"Collections/{method}", request, "CollectionOperationResponse", route, _bool)


def _cluster(method: str, route: str) -> Rpc:
    return _rpc(f"Collections/{method}", f"{method}Request", f"{method}Response", route, _bool)


def _read(method: str, request: str, route: str, reply: Reply, body: Body = read) -> Rpc:
    return _rpc(f"Points/{method}", request, f"{method}Response", f"POST {_ONE}/{route}", reply, body)


RPCS: tuple[Rpc, ...] = (
    _rpc("Qdrant/HealthCheck", "HealthCheckRequest", "HealthCheckReply", "GET /", _tree(_version)),
    _rpc("Collections/Get", "GetCollectionInfoRequest", "GetCollectionInfoResponse", f"GET {_ONE}",
         _as("result", _shaped("CollectionInfo"))),
    _rpc("Collections/List", "ListCollectionsRequest", "ListCollectionsResponse", "GET /collections",
         _as("collections", lambda result: result["collections"])),
    _collection("Create", "CreateCollection", f"PUT {_ONE}"),
    _collection("Update", "UpdateCollection", f"PATCH {_ONE}"),
    _collection("Delete", "DeleteCollection", f"DELETE {_ONE}"),
    _collection("UpdateAliases", "ChangeAliases", "POST /collections/aliases"),
    _rpc("Collections/ListCollectionAliases", "ListCollectionAliasesRequest", "ListAliasesResponse",
         f"GET {_ONE}/aliases", _aliases),
    _rpc("Collections/ListAliases", "ListAliasesRequest", "ListAliasesResponse", "GET /aliases", _aliases),
    _rpc("Collections/CollectionExists", "CollectionExistsRequest", "CollectionExistsResponse", f"GET {_ONE}/exists",
         _as("result", _same)),
    _rpc("Collections/CollectionClusterInfo", "CollectionClusterInfoRequest", "CollectionClusterInfoResponse",
         f"GET {_ONE}/cluster", _tree(_shaped("CollectionClusterInfoResponse"))),
    _rpc("Collections/ListShardKeys", "ListShardKeysRequest", "ListShardKeysResponse", f"GET {_ONE}/shards",
         _tree(_shaped("ListShardKeysResponse"))),
    _cluster("UpdateCollectionClusterSetup", f"POST {_ONE}/cluster"),
    _cluster("CreateShardKey", f"PUT {_ONE}/shards"),
    _cluster("DeleteShardKey", f"POST {_ONE}/shards/delete"),
    _write("Upsert", "UpsertPoints", f"PUT {_POINTS}"),
    _write("Delete", "DeletePoints", f"POST {_POINTS}/delete"),
    _write("UpdateVectors", "UpdatePointVectors", f"PUT {_POINTS}/vectors"),
    _write("DeleteVectors", "DeletePointVectors", f"POST {_POINTS}/vectors/delete"),
    _write("SetPayload", "SetPayloadPoints", f"POST {_POINTS}/payload"),
    _write("OverwritePayload", "SetPayloadPoints", f"PUT {_POINTS}/payload", _overwrite),
    _write("DeletePayload", "DeletePayloadPoints", f"POST {_POINTS}/payload/delete"),
    _write("ClearPayload", "ClearPayloadPoints", f"POST {_POINTS}/payload/clear"),
    _write("CreateFieldIndex", "CreateFieldIndexCollection", f"PUT {_ONE}/index"),
    _write("DeleteFieldIndex", "DeleteFieldIndexCollection", f"DELETE {_ONE}/index/{{field_name}}"),
    _write("CreateVectorName", "CreateVectorNameRequest", f"PUT {_ONE}/vectors/{{vector_name}}"),
    _write("DeleteVectorName", "DeleteVectorNameRequest", f"DELETE {_ONE}/vectors/{{vector_name}}"),
    _rpc("Points/UpdateBatch", "UpdateBatchPoints", "UpdateBatchResponse", f"POST {_POINTS}/batch", _updates,
         _some_operations),
    _read("Get", "GetPoints", "points", _records),
    _read("Scroll", "ScrollPoints", "points/scroll", _scroll),
    _read("Count", "CountPoints", "points/count", _as("result", _same)),
    _read("Facet", "FacetCounts", "facet", _facet),
    _read("Query", "QueryPoints", "points/query", _query),
    _read("QueryBatch", "QueryBatchPoints", "points/query/batch", _query_batch, _batch),
    _read("QueryGroups", "QueryPointGroups", "points/query/groups", _groups),
    _read("SearchMatrixPairs", "SearchMatrixPoints", "points/search/matrix/pairs", _matrix_pairs),
    _read("SearchMatrixOffsets", "SearchMatrixPoints", "points/search/matrix/offsets", _matrix_offsets),
    _read("Search", "SearchPoints", "points/search", _hits),
    _read("SearchBatch", "SearchBatchPoints", "points/search/batch", _hits_of_batch, _batch),
    _read("SearchGroups", "SearchPointGroups", "points/search/groups", _groups),
    _read("Recommend", "RecommendPoints", "points/recommend", _recommended, _recommend),
    _read("RecommendBatch", "RecommendBatchPoints", "points/recommend/batch", _recommended_batch, _recommend_batch),
    _read("RecommendGroups", "RecommendPointGroups", "points/recommend/groups", _groups),
    _read("Discover", "DiscoverPoints", "points/discover", _hits),
    _read("DiscoverBatch", "DiscoverBatchPoints", "points/discover/batch", _hits_of_batch, _batch),
    _rpc("Snapshots/Create", "CreateSnapshotRequest", "CreateSnapshotResponse", f"POST {_ONE}/snapshots", _snapshot),
    _rpc("Snapshots/List", "ListSnapshotsRequest", "ListSnapshotsResponse", f"GET {_ONE}/snapshots", _snapshots),
    _rpc("Snapshots/Delete", "DeleteSnapshotRequest", "DeleteSnapshotResponse",
         f"DELETE {_ONE}/snapshots/{{snapshot_name}}", _nothing),
    _rpc("Snapshots/CreateFull", "CreateFullSnapshotRequest", "CreateSnapshotResponse", "POST /snapshots", _snapshot),
    _rpc("Snapshots/ListFull", "ListFullSnapshotsRequest", "ListSnapshotsResponse", "GET /snapshots", _snapshots),
    _rpc("Snapshots/DeleteFull", "DeleteFullSnapshotRequest", "DeleteSnapshotResponse",
         "DELETE /snapshots/{snapshot_name}", _nothing),
)  # fmt: skip
"""Every rpc of the services Collections, Points, Snapshots and Qdrant."""

BY_ENDPOINT = {rpc.endpoint: rpc for rpc in RPCS}
