"""Readers of filters and their conditions."""

from __future__ import annotations

from typing import Any

from minidb.grpc.descriptors import Message
from minidb.grpc.read import read, reader, reads
from minidb.grpc.words import malformed

_BARE = ("field", "filter")
"""Conditions that REST writes without a name around them."""
_MATCHES = {
    "keyword": "value",
    "integer": "value",
    "boolean": "value",
    "keywords": "any",
    "integers": "any",
    "except_keywords": "except",
    "except_integers": "except",
}


@reads("Filter")
def _filter(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for group in ("should", "must", "must_not"):
        conditions = _conditions(getattr(message, group))
        if conditions:
            plain[group] = conditions
    if message.HasField("min_should"):
        least = message.min_should
        plain["min_should"] = {"conditions": _conditions(least.conditions), "min_count": least.min_count}
    return plain


def _conditions(messages: Any) -> list[Any]:
    """Those that say anything: an empty condition is none."""
    return [condition for condition in map(_condition, messages) if condition is not None]


@reads("Condition")
def _condition(message: Message) -> Any:
    kind = message.WhichOneof("condition_one_of")
    if kind is None:
        return None
    content = getattr(message, kind)
    if kind in _BARE:
        return reader("FieldCondition" if kind == "field" else "Filter")(content)
    if kind == "has_id":
        return {"has_id": [read("PointId", id_) for id_ in content.has_id]}
    if kind == "has_vector":
        return {"has_vector": content.has_vector}
    return {kind: reader(_NAMED[kind])(content)}


_NAMED = {
    "is_empty": "IsEmptyCondition",
    "is_null": "IsNullCondition",
    "nested": "NestedCondition",
    "slice": "SliceCondition",
}


@reads("FieldCondition")
def _field_condition(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"key": message.key}
    for name, kind in _CLAUSES.items():
        if message.HasField(name):
            plain[name] = reader(kind)(getattr(message, name))
    if not message.HasField("range") and message.HasField("datetime_range"):
        plain["range"] = read("DatetimeRange", message.datetime_range)
    for name in ("is_empty", "is_null"):
        if message.HasField(name):
            plain[name] = getattr(message, name)
    return plain


_CLAUSES = {
    "match": "Match",
    "range": "Range",
    "geo_bounding_box": "GeoBoundingBox",
    "geo_radius": "GeoRadius",
    "values_count": "ValuesCount",
    "geo_polygon": "GeoPolygon",
}


@reads("Match")
def _match(message: Message) -> dict[str, Any]:
    kind = message.WhichOneof("match_value")
    if kind is None:
        raise malformed("Malformed Match condition")
    value = getattr(message, kind)
    if kind.endswith("keywords"):
        value = list(value.strings)
    elif kind.endswith("integers"):
        value = list(value.integers)
    return {_MATCHES.get(kind, kind): value}
