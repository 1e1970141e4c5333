"""From a result to the keyword arguments of a message: trees of dicts, from which protobuf builds all at once.

Points have functions of their own; settings and what else has REST's shape are written from the table, by `fields`,
with the exceptions that are registered by `writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from minidb import models
from minidb.grpc.read import rest_name
from minidb.grpc.table import Field, table
from minidb.grpc.words import number

Fields: TypeAlias = dict[str, Any]
_INT64 = range(-(2**63), 2**63)
_LARGEST = {"uint32": 2**32 - 1, "int32": 2**31 - 1, "uint64": 2**64 - 1, "int64": 2**63 - 1}


# Values


def value(plain: Any) -> Fields:
    """A payload value."""
    kind = type(plain)
    if kind is str:
        return {"string_value": plain}
    if kind is bool:
        return {"bool_value": plain}
    if kind is int:
        return {"integer_value": plain} if plain in _INT64 else {"double_value": float(plain)}
    if kind is float:
        return {"double_value": plain}
    if plain is None:
        return {"null_value": 0}
    if isinstance(plain, Mapping):
        return {"struct_value": {"fields": payload(plain)}}
    return {"list_value": {"values": [value(item) for item in plain]}}


def payload(plain: Mapping[str, Any] | None) -> dict[str, Fields]:
    """A payload; none is an empty one."""
    return {name: value(item) for name, item in plain.items()} if plain else {}


def point_id(plain: int | str) -> Fields:
    return {"num": plain} if isinstance(plain, int) else {"uuid": plain}


def _timestamp(plain: str | datetime) -> Fields:
    moment = datetime.fromisoformat(plain.replace("Z", "+00:00")) if isinstance(plain, str) else plain
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return {"seconds": seconds, "nanos": moment.microsecond * 1000}


# Points


def scored_point(point: models.ScoredPoint) -> Fields:
    return {"score": point.score, "version": point.version, **record(point)}


def record(point: models.Record | models.ScoredPoint) -> Fields:
    """A stored point: what hits have, too."""
    fields: Fields = {"id": point_id(point.id), "payload": payload(point.payload)}
    if point.vector is not None:
        fields["vectors"] = _vectors(point.vector)
    if point.shard_key is not None:
        fields["shard_key"] = _shard_key(point.shard_key)
    if point.order_value is not None:
        kind = "int" if isinstance(point.order_value, int) else "float"
        fields["order_value"] = {kind: point.order_value}
    return fields


def _vectors(vectors: Any) -> Fields:
    if isinstance(vectors, dict):
        return {"vectors": {"vectors": {name: _vector(vector) for name, vector in vectors.items()}}}
    return {"vector": _vector(vectors)}


def _vector(vector: Any) -> Fields:
    if isinstance(vector, models.SparseVector):
        return {"sparse": {"values": _floats(vector.values), "indices": vector.indices}}
    rows = np.asarray(vector, "<f4")
    if rows.ndim == 1:
        return {"dense": {"data": rows.tobytes()}}
    return {"multi_dense": {"vectors": [{"data": row.tobytes()} for row in rows]}}


def _floats(numbers: Any) -> bytes:
    return np.asarray(numbers, "<f4").tobytes()


def _shard_key(key: int | str) -> Fields:
    return {"keyword": key} if isinstance(key, str) else {"number": key}


def group(plain: models.PointGroup) -> Fields:
    """The hits that share a value."""
    kind = "string_value" if isinstance(plain.id, str) else "unsigned_value" if plain.id >= 0 else "integer_value"
    fields: Fields = {"id": {kind: plain.id}, "hits": [scored_point(hit) for hit in plain.hits]}
    return fields if plain.lookup is None else {**fields, "lookup": record(plain.lookup)}


def facet_hit(hit: models.FacetValueHit) -> Fields:
    kind = {bool: "bool_value", int: "integer_value"}.get(type(hit.value), "string_value")
    return {"value": {kind: hit.value}, "count": hit.count}


def matrix_pair(pair: models.SearchMatrixPair) -> Fields:
    return {"a": point_id(pair.a), "b": point_id(pair.b), "score": pair.score}


def matrix_offsets(matrix: models.SearchMatrixOffsetsResponse) -> Fields:
    return {
        "offsets_row": matrix.offsets_row,
        "offsets_col": matrix.offsets_col,
        "scores": _floats(matrix.scores),
        "ids": [point_id(id_) for id_ in matrix.ids],
    }


def update_result(result: models.UpdateResult) -> Fields:
    fields: Fields = {"status": number("UpdateStatus", result.status)}
    return fields if result.operation_id is None else {"operation_id": result.operation_id, **fields}


# What has REST's shape

Writer: TypeAlias = Callable[[Any], Any]
_special: dict[str, Writer] = {"Value": value, "Timestamp": _timestamp, "ShardKey": _shard_key}


def writes(name: str) -> Callable[[Writer], Writer]:
    """Marks the writer of messages whose shape is not REST's."""

    def register(function: Writer) -> Writer:
        _special[name] = function
        return function

    return register


def fields(message: str, plain: Any) -> Fields:
    """The fields of a message from a dict, or an object with attributes, that has REST's names for them."""
    special = _special.get(message)
    return field_by_field(message, plain) if special is None else special(plain)


def field_by_field(message: str, plain: Any) -> Fields:
    """As `fields`, for special writers that add little."""
    written: Fields = {}
    for name, plain_name, write in _fields_of(message):
        found = plain.get(plain_name) if isinstance(plain, Mapping) else getattr(plain, plain_name, None)
        if found is not None:
            written[name] = write(found)
    return written


@cache
def _fields_of(message: str) -> list[tuple[str, str, Writer]]:
    return [(field.name, rest_name(message, field.name), _writer(field)) for field in table().messages[message]]


def _writer(field: Field) -> Writer:
    one = _one(field)
    if field.label == "map":
        return lambda values: {name: one(item) for name, item in values.items()}
    if field.label == "many":
        return lambda values: [one(item) for item in values]
    return one


def _one(field: Field) -> Writer:
    if field.type in table().enums:
        return lambda word: number(field.type, word)
    if field.type in table().messages or field.type == "Timestamp":
        return lambda plain: fields(field.type, plain)
    largest = _LARGEST.get(field.type)
    if largest is None:
        return lambda plain: plain
    return lambda plain: min(plain, largest)  # what REST took may be larger: as a limit it is none either way
