"""From a result to a message.

Points are written into it, field by field: of ten hits that takes half the time of the trees of dicts from which
protobuf builds all at once. Such trees are what settings and all else that has REST's shape become, from the table, by
`fields`, with the exceptions that are registered by `writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime, timezone
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from minidb import models
from minidb.errors import ServiceError
from minidb.grpc.descriptors import Message, message_class
from minidb.grpc.read import rest_name
from minidb.grpc.table import Field, table
from minidb.grpc.words import number

Fields: TypeAlias = dict[str, Any]
Messages: TypeAlias = Any
"""A repeated field of a message."""
_INT64 = range(-(2**63), 2**63)
_MOST_NESTED = 100
"""Messages within messages that protobuf's readers take, the outermost and the innermost included."""
_LARGEST = {"uint32": 2**32 - 1, "int32": 2**31 - 1, "uint64": 2**64 - 1, "int64": 2**63 - 1}


# Values


def value(target: Message, plain: Any, depth: int) -> None:
    """A payload value.

    Args:
        depth: how many messages deep it stands in the reply, itself included.

    Raises:
        ServiceError: it is nested so deep that no client could read the reply.
    """
    if depth > _MOST_NESTED:
        raise ServiceError(
            f"a payload is nested so deep that a gRPC client could not read it (protobuf: {_MOST_NESTED} messages); "
            "leave it out with `with_payload`, or read it over REST"
        )
    kind = type(plain)
    if kind is str:
        target.string_value = plain
    elif kind is bool:
        target.bool_value = plain
    elif kind is int and plain in _INT64:
        target.integer_value = plain
    elif kind is int or kind is float:
        target.double_value = float(plain)
    elif plain is None:
        target.null_value = 0
    elif isinstance(plain, Mapping):
        target.struct_value.SetInParent()
        payload(target.struct_value.fields, plain, depth + 1)
    else:
        target.list_value.SetInParent()
        values = target.list_value.values
        for item in plain:
            value(values.add(), item, depth + 2)


def payload(target: MutableMapping[str, Message], plain: Mapping[str, Any] | None, depth: int) -> None:
    """A payload, in a message that stands so deep in the reply; none is an empty one."""
    if plain:
        for name, item in plain.items():
            value(target[name], item, depth + 2)  # between them is the entry of the map


def point_id(target: Message, plain: int | str) -> None:
    if isinstance(plain, int):
        target.num = plain
    else:
        target.uuid = plain


def _timestamp(plain: str | datetime) -> Fields:
    moment = datetime.fromisoformat(plain.replace("Z", "+00:00")) if isinstance(plain, str) else plain
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return {"seconds": seconds, "nanos": moment.microsecond * 1000}


# Points


def hits(target: Messages, points: Iterable[models.ScoredPoint], depth: int = 2) -> None:
    """Found points, in messages that stand so deep in the reply."""
    for point in points:
        written = target.add()
        written.score, written.version = point.score, point.version
        record(written, point, depth)


def records(target: Messages, points: Iterable[models.Record]) -> None:
    """Stored points."""
    for point in points:
        record(target.add(), point)


def record(target: Message, point: models.Record | models.ScoredPoint, depth: int = 2) -> None:
    """A stored point: what hits have, too."""
    point_id(target.id, point.id)
    payload(target.payload, point.payload, depth)
    if point.vector is not None:
        _vectors(target.vectors, point.vector)
    if point.shard_key is not None:
        setattr(target.shard_key, "keyword" if isinstance(point.shard_key, str) else "number", point.shard_key)
    if point.order_value is not None:
        setattr(target.order_value, "int" if isinstance(point.order_value, int) else "float", point.order_value)


def _vectors(target: Message, vectors: Any) -> None:
    if isinstance(vectors, dict):
        target.vectors.SetInParent()
        for name, vector in vectors.items():
            _vector(target.vectors.vectors[name], vector)
    else:
        _vector(target.vector, vectors)


def _vector(target: Message, vector: Any) -> None:
    if isinstance(vector, models.SparseVector):
        target.sparse.values = _floats(vector.values)
        target.sparse.indices.extend(vector.indices)
        return
    rows = np.asarray(vector, "<f4")
    if rows.ndim == 1:
        target.dense.data = rows.tobytes()
        return
    target.multi_dense.SetInParent()
    for row in rows:
        target.multi_dense.vectors.add().data = row.tobytes()


def _floats(numbers: Any) -> bytes:
    return np.asarray(numbers, "<f4").tobytes()


def groups(target: Messages, found: Iterable[models.PointGroup]) -> None:
    """Groups of hits that share a value."""
    for group in found:
        written = target.add()
        kind = "string_value" if isinstance(group.id, str) else "unsigned_value" if group.id >= 0 else "integer_value"
        setattr(written.id, kind, group.id)
        hits(written.hits, group.hits, 4)
        if group.lookup is not None:
            record(written.lookup, group.lookup, 4)


def matrix_pairs(target: Message, matrix: models.SearchMatrixPairsResponse) -> None:
    for pair in matrix.pairs:
        written = target.pairs.add(score=pair.score)
        point_id(written.a, pair.a)
        point_id(written.b, pair.b)


def matrix_offsets(target: Message, matrix: models.SearchMatrixOffsetsResponse) -> None:
    target.offsets_row.extend(matrix.offsets_row)
    target.offsets_col.extend(matrix.offsets_col)
    target.scores = _floats(matrix.scores)
    for id_ in matrix.ids:
        point_id(target.ids.add(), id_)


def facet_hit(hit: models.FacetValueHit) -> Fields:
    kind = {bool: "bool_value", int: "integer_value"}.get(type(hit.value), "string_value")
    return {"value": {kind: hit.value}, "count": hit.count}


def update_result(result: models.UpdateResult) -> Fields:
    fields: Fields = {"status": number("UpdateStatus", result.status)}
    return fields if result.operation_id is None else {"operation_id": result.operation_id, **fields}


# What has REST's shape

Writer: TypeAlias = Callable[[Any], Any]


def _value(plain: Any) -> Message:
    message = message_class("Value")()
    value(message, plain, 5)  # of a collection's metadata: reply, information, configuration, entry, value
    return message


_special: dict[str, Writer] = {"Value": _value, "Timestamp": _timestamp}


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
