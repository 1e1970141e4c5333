"""A collection as a dictionary: the write rules of spec §5.2, one plain function each, with versions and operation
ids.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from qdrant_client import models as m
from qdrant_client.local.json_path_parser import parse_json_path
from qdrant_client.local.payload_filters import check_filter
from qdrant_client.local.payload_value_setter import delete_value_by_key, set_value_by_key

from oracles.schema import Field, Schema, Stored, by_name, named


class MissingPoint(Exception):
    """The operation named an id that is not there, and has changed nothing."""


@dataclass
class ModelPoint:
    vectors: dict[str, Stored]
    payload: dict[str, Any]
    version: int


def canonical(point_id: Any) -> int | str:
    """A point id in the one form it is stored and returned in."""
    return point_id if isinstance(point_id, int) else str(uuid.UUID(str(point_id)))


def id_order(point_id: int | str) -> tuple[bool, Any]:
    """Integers first, then UUIDs."""
    return isinstance(point_id, str), point_id


class CollectionModel:
    """Points by canonical id. `apply` runs one operation under the next operation id."""

    def __init__(self, schema: Schema) -> None:
        self.fields: dict[str, Field] = by_name(schema)
        self.points: dict[int | str, ModelPoint] = {}
        self.next_operation = 0

    def ids(self, filter: m.Filter | None = None) -> list[int | str]:
        """Ids of the points that satisfy the filter, in their order."""
        return sorted((point_id for point_id in self.points if self.satisfies(point_id, filter)), key=id_order)

    def satisfies(self, point_id: int | str, filter: m.Filter | None) -> bool:
        if filter is None:
            return True
        point = self.points[point_id]
        has = {name: name in point.vectors for name in self.fields}
        return bool(check_filter(filter, point.payload, point_id, has))

    def apply(self, operation: Any) -> None:
        """Raises `MissingPoint`, having changed nothing but the number of the next operation."""
        number, self.next_operation = self.next_operation, self.next_operation + 1
        match operation:
            case m.UpsertOperation(upsert=request):
                self._upsert(request, number)
            case m.DeleteOperation(delete=selector):
                for point_id in self._selected(selector):
                    self.points.pop(point_id, None)
            case m.SetPayloadOperation(set_payload=request):
                self._rewrite(request, number, lambda payload: _set(payload, request.payload, request.key))
            case m.OverwritePayloadOperation(overwrite_payload=request):
                self._rewrite(request, number, lambda payload: copy.deepcopy(request.payload))
            case m.DeletePayloadOperation(delete_payload=request):
                self._rewrite(request, number, lambda payload: _without(payload, request.keys))
            case m.ClearPayloadOperation(clear_payload=selector):
                self._rewrite(selector, number, lambda payload: {})
            case m.UpdateVectorsOperation(update_vectors=request):
                self._update_vectors(request, number)
            case m.DeleteVectorsOperation(delete_vectors=request):
                self._each(self._selected(request), lambda point: self._drop(point, request.vector, number))
            case _:
                raise TypeError(operation)

    def create_vector(self, field: Field) -> None:
        self.fields[field.name] = field
        self.next_operation += 1

    def delete_vector(self, name: str) -> None:
        del self.fields[name]
        for point in self.points.values():
            point.vectors.pop(name, None)
        self.next_operation += 1

    def _upsert(self, request: Any, number: int) -> None:
        points = request.points if isinstance(request, m.PointsList) else _structs(request.batch)
        last = {canonical(point.id): point for point in points}  # of equal ids the last wins
        mode = request.update_mode or m.UpdateMode.UPSERT
        for point_id, point in last.items():
            exists = point_id in self.points
            if exists and (mode == m.UpdateMode.INSERT_ONLY or not self.satisfies(point_id, request.update_filter)):
                continue
            if not exists and mode == m.UpdateMode.UPDATE_ONLY:
                continue
            payload = copy.deepcopy(point.payload or {})
            self.points[point_id] = ModelPoint(self._stored(point.vector), payload, number)

    def _update_vectors(self, request: m.UpdateVectors, number: int) -> None:
        allowed = {point_id for point_id in self.points if self.satisfies(point_id, request.update_filter)}
        for point in request.points:
            if canonical(point.id) not in self.points:
                raise MissingPoint(point.id)
        for point in request.points:
            if canonical(point.id) in allowed:
                changed = self.points[canonical(point.id)]
                changed.vectors |= self._stored(point.vector)
                changed.version = number

    def _drop(self, point: ModelPoint, names: Iterable[str], number: int) -> None:
        if any(name in point.vectors for name in names):
            point.vectors = {name: vector for name, vector in point.vectors.items() if name not in names}
            point.version = number

    def _rewrite(self, selector: Any, number: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def rewrite(point: ModelPoint) -> None:
            point.payload, point.version = change(point.payload), number

        self._each(self._selected(selector), rewrite)

    def _each(self, ids: list[int | str], change: Callable[[ModelPoint], None]) -> None:
        """All of them, or none when one is missing."""
        for point_id in ids:
            if point_id not in self.points:
                raise MissingPoint(point_id)
        for point_id in dict.fromkeys(ids):
            change(self.points[point_id])

    def _selected(self, selector: Any) -> list[int | str]:
        ids = getattr(selector, "points", None)
        return [canonical(point_id) for point_id in ids] if ids is not None else self.ids(selector.filter)

    def _stored(self, struct: Any) -> dict[str, Stored]:
        return {name: self.fields[name].stored(vector) for name, vector in named(struct).items()}


def _structs(batch: m.Batch) -> list[m.PointStruct]:
    columns = named(batch.vectors)
    payloads = batch.payloads or [None] * len(batch.ids)
    return [
        m.PointStruct(id=point_id, vector={name: column[at] for name, column in columns.items()}, payload=payloads[at])
        for at, point_id in enumerate(batch.ids)
    ]


def _set(payload: dict[str, Any], value: dict[str, Any], key: str | None) -> dict[str, Any]:
    result, value = copy.deepcopy(payload), copy.deepcopy(value)
    if key is not None:
        set_value_by_key(result, parse_json_path(key), value)
        return result
    return {name: item for name, item in (result | value).items() if name not in value or item is not None}


def _without(payload: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    result = copy.deepcopy(payload)
    for key in keys:
        delete_value_by_key(result, parse_json_path(key))
    return result
