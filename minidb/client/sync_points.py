"""Points on both sides of a sync: from one client's models to the other's, whether two are the same, which is newer."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from minidb import models
from minidb.filter.json_path import JsonPath
from minidb.models.moments import parse_micros

if TYPE_CHECKING:
    from minidb.collection.fields import VectorField

_ROUNDING = 3e-7
"""Who normalizes a vector once more moves its numbers by this much: qdrant-client's local mode does."""


def own_point(record: Any) -> models.PointStruct:
    """A record of either side as minidb writes points."""
    vector = record.vector
    if isinstance(vector, dict):
        vector = {name: _own_vector(each) for name, each in vector.items()}
    return models.PointStruct(id=record.id, vector={} if vector is None else vector, payload=record.payload or {})


def _own_vector(vector: Any) -> Any:
    return models.SparseVector(indices=vector.indices, values=vector.values) if hasattr(vector, "indices") else vector


def official_point(point: models.PointStruct) -> Any:
    theirs = import_module("qdrant_client.http.models")
    vector: Any = point.vector
    if isinstance(vector, dict):
        vector = {
            name: theirs.SparseVector(indices=list(each.indices), values=_short(each.values))
            if isinstance(each, models.SparseVector)
            else _short(each)
            for name, each in vector.items()
        }
    else:
        vector = _short(vector)
    return theirs.PointStruct(id=point.id, vector=vector, payload=point.payload)


def _short(vector: Any) -> Any:
    """The same float32 numbers in as few digits as tell them apart: half the bytes of a request."""
    return orjson.loads(orjson.dumps(np.asarray(vector, np.float32), option=orjson.OPT_SERIALIZE_NUMPY))


class Sameness:
    """Whether a point is as one here. Vectors are compared as float32, which JSON writes with fewer digits."""

    def __init__(self, fields: Iterable[VectorField]) -> None:
        self._normalized = {field.name for field in fields if field.distance == models.Distance.COSINE}

    def __call__(self, ours: models.Record, theirs: Any) -> bool:
        if _packed(ours.payload) != _packed(theirs.payload):
            return False
        left, right = (_named(record.vector) for record in (ours, theirs))
        return left.keys() == right.keys() and all(self._same_vector(name, left[name], right[name]) for name in left)

    def _same_vector(self, name: str, left: Any, right: Any) -> bool:
        if isinstance(left, models.SparseVector):
            return _weights(left) == _weights(right)
        ours, theirs = np.asarray(left, np.float32), np.asarray(right, np.float32)
        if name not in self._normalized or ours.shape != theirs.shape:
            return np.array_equal(ours, theirs)
        return bool(np.all(np.abs(ours - theirs) <= _ROUNDING))


def _named(vector: Any) -> dict[str, Any]:
    if isinstance(vector, dict):
        return vector
    return {} if vector is None else {"": vector}


def _packed(payload: Any) -> bytes:
    return orjson.dumps(payload or {}, option=orjson.OPT_SORT_KEYS)


def _weights(vector: Any) -> dict[int, np.float32]:
    return dict(zip(vector.indices, np.asarray(vector.values, np.float32), strict=True))


def first_value(path: JsonPath, payload: dict[str, Any] | None) -> Any:
    return next(iter(path.values(payload or {})), None)


def is_newer(left: Any, right: Any) -> bool:
    """Whether `left` is greater: of two numbers, two dates or two strings; anything is greater than nothing."""
    if left is None or right is None:
        return left is not None
    if isinstance(left, str) and isinstance(right, str):
        dates = parse_micros(left), parse_micros(right)
        if dates[0] is not None and dates[1] is not None:
            return dates[0] > dates[1]
        return left > right
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    return numbers and left > right
