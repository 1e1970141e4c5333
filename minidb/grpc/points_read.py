"""Readers of points and of the requests that write them."""

from __future__ import annotations

from typing import Any

from minidb.grpc.descriptors import Message
from minidb.grpc.read import read, reads
from minidb.grpc.values_read import payload, point_id
from minidb.grpc.words import malformed


@reads("PointStruct")
def _point(message: Message) -> dict[str, Any]:
    if not message.HasField("vectors"):
        raise malformed("Expected some vectors")
    if not message.HasField("id"):
        raise malformed("Empty ID is not allowed")
    plain = {"id": point_id(message.id), "vector": read("Vectors", message.vectors)}
    fields = message.payload
    return {**plain, "payload": payload(fields)} if len(fields) else plain


@reads("PointVectors")
def _point_vectors(message: Message) -> dict[str, Any]:
    for field in ("id", "vectors"):
        if not message.HasField(field):
            raise malformed(f"{field} is expected")
    return {"id": point_id(message.id), "vector": read("Vectors", message.vectors)}


@reads("PointsSelector")
def selector(message: Message) -> dict[str, Any]:
    kind = message.WhichOneof("points_selector_one_of")
    if kind is None:
        raise malformed("Malformed PointsSelector type")
    if kind == "filter":
        return {"filter": read("Filter", message.filter)}
    return {"points": [point_id(id_) for id_ in message.points.ids]}


@reads("DeletePoints", "ClearPayloadPoints", "PointsUpdateOperation.DeletePoints", "PointsUpdateOperation.ClearPayload")
def _points(message: Message) -> dict[str, Any]:
    """Some points: the request is nothing but a selection."""
    if not message.HasField("points"):
        raise malformed("PointSelector is missing")
    return {**selector(message.points), **_shard_key(message)}


@reads(
    "SetPayloadPoints",
    "DeletePayloadPoints",
    "DeletePointVectors",
    "PointsUpdateOperation.SetPayload",
    "PointsUpdateOperation.OverwritePayload",
    "PointsUpdateOperation.DeletePayload",
    "PointsUpdateOperation.DeleteVectors",
)
def _change(message: Message) -> dict[str, Any]:
    """A change of some points: REST has the selection beside it."""
    if not message.HasField("points_selector"):
        raise malformed("points_selector is expected")
    plain = {**selector(message.points_selector), **_shard_key(message)}
    fields = message.DESCRIPTOR.fields_by_name
    if "payload" in fields:
        plain["payload"] = payload(message.payload)
        if message.HasField("key"):
            plain["key"] = message.key
    elif "keys" in fields:
        plain["keys"] = list(message.keys)
    else:
        if not message.HasField("vectors"):
            raise malformed("vectors is expected")
        plain["vector"] = list(message.vectors.names)
    return plain


def _shard_key(message: Message) -> dict[str, Any]:
    if not message.HasField("shard_key_selector"):
        return {}
    return {"shard_key": read("ShardKeySelector", message.shard_key_selector)}


@reads("PointsUpdateOperation")
def _operation(message: Message) -> dict[str, Any]:
    kind = message.WhichOneof("operation")
    if kind is None:
        raise malformed("Operation is missing")
    content = getattr(message, kind)
    if kind.endswith("_deprecated"):
        return {kind.removesuffix("_deprecated"): selector(content)}
    plain = read(f"PointsUpdateOperation.{_OPERATIONS[kind]}", content)
    if kind == "overwrite_payload":
        plain.pop("key", None)  # to replace a payload is to replace all of it
    return {"delete" if kind == "delete_points" else kind: plain}


_OPERATIONS = {
    "upsert": "PointStructList",
    "set_payload": "SetPayload",
    "overwrite_payload": "OverwritePayload",
    "delete_payload": "DeletePayload",
    "update_vectors": "UpdateVectors",
    "delete_vectors": "DeleteVectors",
    "delete_points": "DeletePoints",
    "clear_payload": "ClearPayload",
}
