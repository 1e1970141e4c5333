"""From a message to the plain value that REST's JSON would have given: dicts, lists, words, numpy arrays.

Most messages have REST's shape: `reader` makes their readers from the table, with what `RENAMED` and its neighbours
say. The others register a function with `reads`, in the modules of this room that end in `_read`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb.grpc.descriptors import Message
from minidb.grpc.table import Field, table
from minidb.grpc.words import known_word, malformed, word

Reader: TypeAlias = Callable[[Message], Any]

RENAMED = {
    ("LookupLocation", "collection_name"): "collection",
    ("LookupLocation", "vector_name"): "vector",
    ("QuantizationConfig", "turboquant"): "turbo",
    ("QuantizationConfigDiff", "turboquant"): "turbo",
    ("CreateVectorNameRequest", "dense_config"): "dense",
    ("CreateVectorNameRequest", "sparse_config"): "sparse",
}
"""Fields whose names differ from REST's, in one message."""
RENAMED_EVERYWHERE = {
    "shard_key_selector": "shard_key",
    "with_vectors": "with_vector",
    "vectors_config": "vectors",
    "sparse_vectors_config": "sparse_vectors",
    "query_points": "searches",
    "search_points": "searches",
    "recommend_points": "searches",
    "discover_points": "searches",
}
_IN_QUERY = frozenset(("wait", "timeout", "ordering", "read_consistency"))
"""Fields of requests that REST has in the query; those of `_NOT_IN_PATH` apart, collections are named in the path."""
_NOT_IN_PATH = ("LookupLocation", "CreateAlias")
_LEFT_OUT_WHEN_EMPTY = frozenset(("prefetch", "positive", "negative", "interiors"))
_MISSING = {
    ("GeoBoundingBox", "top_left"): "Malformed GeoBoundingBox type",
    ("GeoBoundingBox", "bottom_right"): "Malformed GeoBoundingBox type",
    ("GeoRadius", "center"): "Malformed GeoRadius type",
    ("GeoPolygon", "exterior"): "Malformed GeoPolygon type - field `exterior` is required",
    ("NestedCondition", "filter"): "Nested condition must have a filter",
    ("ContextInputPair", "positive"): "ContextPair positive is missing",
    ("ContextInputPair", "negative"): "ContextPair negative is missing",
    ("DiscoverInput", "target"): "DiscoverInput target is missing",
    ("DiscoverInput", "context"): "DiscoverInput context is missing",
    ("RelevanceFeedbackInput", "target"): "target is missing",
    ("RelevanceFeedbackInput", "strategy"): "strategy is missing",
    ("FeedbackItem", "example"): "feedback example is missing",
    ("AliasOperations", "action"): "Malformed AliasOperation type",
    ("QuantizationConfig", "quantization"): "Unable to convert quantization config",
    ("QuantizationConfigDiff", "quantization"): "QuantizationConfig must contain quantization",
    ("FeedbackStrategy", "variant"): "strategy is missing",
    ("CreateVectorNameRequest", "vector_config"): "vector_config is required (dense_config or sparse_config)",
}
"""What is said when a field, or all fields of a group, are not there though they have to be."""

_OR_ELSE_NOTHING = frozenset(
    (
        ("HnswConfigDiff", "memory"),
        ("PointsUpdateOperation.PointStructList", "update_mode"),
        ("SparseVectorParams", "modifier"),
        ("UpsertPoints", "update_mode"),
    )
)
"""Enums in which Qdrant takes a number it does not know as if there were none; elsewhere it refuses it."""

_special: dict[str, Reader] = {}


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Marks the reader of messages whose shape is not REST's."""

    def register(function: Reader) -> Reader:
        _special.update(dict.fromkeys(names, function))
        return function

    return register


@cache
def reader(name: str) -> Reader:
    """What reads messages of this name."""
    return _special.get(name) or field_by_field(name)


@cache
def field_by_field(name: str) -> Reader:
    """What reads messages of this name as objects: for special readers that add little."""
    return _FieldByField(name)


def read(name: str, message: Message) -> Any:
    """A message as the plain value it stands for."""
    return reader(name)(message)


def rest_name(message: str, field: str) -> str:
    """What REST calls a field."""
    return RENAMED.get((message, field)) or RENAMED_EVERYWHERE.get(field, field)


def floats(data: bytes) -> NDArray[np.float32]:
    """A packed array of 32-bit floats, not copied. Raises BadInput when it is none."""
    if len(data) % 4:
        raise malformed("a packed array of floats must have 4 bytes for each")
    return np.frombuffer(data, "<f4")


def shortest(value: float) -> float:
    """A number of 32 bits as REST's JSON has it, of no more digits than it takes: .99 and no .9900000095367432."""
    return float(str(np.float32(value)))


Step: TypeAlias = Callable[[Message, dict[str, Any]], None]


class _FieldByField:
    """The reader of a message that is an object in REST, too. Its steps are made when the first one is read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps: list[Step] | None = None

    def __call__(self, message: Message) -> dict[str, Any]:
        if self._steps is None:
            self._steps = _steps(self._name)
        plain: dict[str, Any] = {}
        for step in self._steps:
            step(message, plain)
        return plain


def _steps(name: str) -> list[Step]:
    fields = table().messages[name]
    steps, groups = [], []
    for field in fields:
        if field.name in _IN_QUERY or (field.name == "collection_name" and name not in _NOT_IN_PATH):
            continue
        if (name, field.name) == ("CreateVectorNameRequest", "vector_name"):  # in the path, too
            continue
        if field.oneof is None:
            steps.append(_step(name, field))
        elif field.oneof not in groups:
            groups.append(field.oneof)
            steps.append(_group_step(name, field.oneof))
    return steps


def _step(name: str, field: Field) -> Step:
    key, out, value = field.name, rest_name(name, field.name), _value_reader(name, field)
    missing = _MISSING.get((name, key))
    is_message = field.type in table().messages or field.type == "Timestamp"

    def always(message: Message, plain: dict[str, Any]) -> None:
        found = value(getattr(message, key))
        if found is not None:
            plain[out] = found

    def if_present(message: Message, plain: dict[str, Any]) -> None:
        if message.HasField(key):
            always(message, plain)
        elif missing is not None:
            raise malformed(missing)

    def if_any(message: Message, plain: dict[str, Any]) -> None:
        if len(getattr(message, key)):
            always(message, plain)

    if field.label == "map" or (field.label == "many" and key in _LEFT_OUT_WHEN_EMPTY):
        return if_any
    if field.label == "optional" or (field.label == "one" and is_message):
        return if_present
    return always


def _group_step(name: str, group: str) -> Step:
    by_name = {
        field.name: (rest_name(name, field.name), _value_reader(name, field))
        for field in table().messages[name]
        if field.oneof == group
    }
    missing = _MISSING.get((name, group))

    def step(message: Message, plain: dict[str, Any]) -> None:
        which = message.WhichOneof(group)
        if which is None:
            if missing is not None:
                raise malformed(missing)
            return
        out, value = by_name[which]
        plain[out] = value(getattr(message, which))

    return step


def _value_reader(name: str, field: Field) -> Callable[[Any], Any]:
    one = _one(name, field)
    if field.label == "map":
        return lambda values: {key: one(value) for key, value in values.items()}
    if field.label != "many":
        return one
    if field.type == "float":
        return floats
    return lambda values: [one(value) for value in values]


def _one(name: str, field: Field) -> Callable[[Any], Any]:
    if field.type in table().enums:
        of_number = known_word if (name, field.name) in _OR_ELSE_NOTHING else word
        return lambda number: of_number(field.type, number)
    if field.type in table().messages or field.type == "Timestamp":
        return reader(field.type)
    return shortest if field.type == "float" else lambda value: value
