"""Bodies with points, which are encoded while the text is read. Called by the routes of `points`.

Each function gives the route's model, with `EncodedPoints` in the place of points; None where the body is small, and
where its text is no JSON, has a name twice, or holds anything to embed but plain texts: then it is read as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minidb import models
from minidb.collection.encode import Fields
from minidb.collection.plain import pack_json
from minidb.database import Database
from minidb.errors import FormatError, MinidbError
from minidb.models.base import parse
from minidb.rest.json_text import JsonText, NotInPieces
from minidb.rest.pieces import ColumnPieces, Pieces, PointPieces, encoded, is_enough, raise_faults

Faults: TypeAlias = list[MinidbError]

LEAST_BYTES = 1 << 19
"""A smaller body is read as a whole."""
ANY_POINT = {"id": 0, "vector": [0.0]}
"""In the place of points: that there are some is looked at."""
_WITH_POINTS: dict[str, Any] = {"upsert": models.UpsertOperation, "update_vectors": models.UpdateVectorsOperation}


class _Frame(NamedTuple):
    """What a request with points is part of: errors say where they are in it."""

    type_: Any
    operation: str = ""
    at: int = 0

    @property
    def is_upsert(self) -> bool:
        """Whether points may come by column, too, and without vectors."""
        return self.type_ is models.PointInsertOperations or self.operation == "upsert"

    def read(self, request: dict[str, Any], n_before: int = 0) -> Any:
        """The request as a model; in a batch it is an operation in its place. Raises what is wrong with it."""
        if not self.operation:
            return parse(self.type_, request, forgiving=True, starts=(n_before,))
        (operation,) = _models_of([{self.operation: request}], self.at, n_before)
        return getattr(operation, self.operation)


def _models_of(operations: list[Any], at: int, n_before: int = 0) -> Sequence[Any]:
    """Operations of a batch, the first of which is the `at`th; of its points so many were read before."""
    batch = {"operations": operations}
    return parse(models.UpdateOperations, batch, forgiving=True, starts=(at, n_before)).operations


def read_upsert(database: Database, collection: str, body: bytes) -> Any:
    """An upsert."""
    return _read(database, collection, body, partial(_request, frame=_Frame(models.PointInsertOperations)))


def read_vectors(database: Database, collection: str, body: bytes) -> Any:
    """New vectors for points."""
    return _read(database, collection, body, partial(_request, frame=_Frame(models.UpdateVectors)))


def read_operations(database: Database, collection: str, body: bytes) -> Any:
    """A batch of operations."""
    return _read(database, collection, body, _operations)


def _read(database: Database, collection: str, body: bytes, read: Callable[[JsonText, Fields, Faults], Any]) -> Any:
    if len(body) < LEAST_BYTES:
        return None
    faults: Faults = []
    try:
        text = JsonText(body)
        request = read(text, database.vector_fields(collection), faults)
        text.ends()
    except FormatError:
        return None
    raise_faults(faults)
    return request


def _operations(text: JsonText, fields: Fields, faults: Faults) -> models.UpdateOperations:
    found: list[Any] | None = None
    for name in _members(text):
        if name == "operations" and text.enters(b"["):
            found = []
            for _ in text.items():
                found += _short(text, faults, len(found)) or [_long(text, fields, faults, len(found))]
        else:
            text.value()
    if found is None:
        raise NotInPieces("no operations")
    return models.UpdateOperations.model_construct(operations=found)


def _short(text: JsonText, faults: Faults, at: int) -> Sequence[Any]:
    """Some short operations that stand here."""
    values = text.short_values()
    if is_enough(faults):
        return values
    try:
        operations = _models_of(values, at)
    except MinidbError as fault:
        faults.append(fault)
        return values
    for operation in operations:
        _shrink(operation)
    return operations


def _shrink(operation: Any) -> None:
    """Vectors as arrays: the list takes eight times the room."""
    (request,) = vars(operation).values()
    for point in getattr(request, "points", None) or ():
        vector = getattr(point, "vector", None)
        if type(vector) is list and type(vector[0]) is float:
            with np.errstate(over="ignore"):  # told of later
                point.vector = np.array(vector, np.float32)


def _long(text: JsonText, fields: Fields, faults: Faults, at: int) -> Any:
    kind = _WITH_POINTS.get(next(_members(copy(text)), ""))
    if kind is None:
        value = text.value()
        try:
            return None if is_enough(faults) else _models_of([value], at)[0]
        except MinidbError as fault:
            return faults.append(fault)
    names = _members(text)
    name = next(names)
    request = _request(text, fields, faults, _Frame(models.UpdateOperations, name, at))
    if next(names, None) is not None:
        raise NotInPieces("two operations in one")
    return kind.model_construct(**{name: request})


def _request(text: JsonText, fields: Fields, faults: Faults, frame: _Frame) -> Any:
    """The request that stands here, its points encoded; what is wrong with it comes to the faults."""
    here = copy(text)

    def again(fields: Fields) -> Pieces:
        return _walked(copy(here), fields, frame)[0]

    pieces, beside = _walked(text, fields, frame)
    faults += pieces.faults
    try:
        request = frame.read(beside)
    except MinidbError as fault:
        faults.append(fault)
        return None
    shared = {name: getattr(request, name) for name in ("shard_key", "update_filter")}
    points: Any = encoded(pieces, fields, again)
    if isinstance(request, models.UpdateVectors):
        return models.UpdateVectors.model_construct(points=points, **shared)
    return models.PointsList.model_construct(points=points, update_mode=request.update_mode, **shared)


def _walked(text: JsonText, fields: Fields, frame: _Frame) -> tuple[Pieces, dict[str, Any]]:
    """The points of a request, and the request with as good as none."""
    found: list[Pieces] = []
    beside: dict[str, Any] = {}
    for name in _members(text):
        if name == "points" and text.enters(b"["):
            points = PointPieces(fields, frame.read, pack_json, may_be_bare=frame.is_upsert)
            for values in text.pieces():
                points.add(values)
            found.append(points)
            beside[name] = [ANY_POINT] if points.n_points else []
        elif name == "batch" and frame.is_upsert and text.enters(b"{"):
            columns = ColumnPieces(fields, frame.read)
            beside[name] = _walked_columns(text, columns)
            found.append(columns)
        else:
            beside[name] = text.value()
    if len(found) != 1:
        raise NotInPieces("no points, or two forms of them")
    return found[0], beside


def _walked_columns(text: JsonText, columns: ColumnPieces) -> dict[str, Any]:
    """A batch, its bracket passed, with nothing in its columns."""
    beside: dict[str, Any] = {}
    adders: dict[str, Callable[[list[Any]], None]] = {
        "ids": columns.add_ids,
        "payloads": columns.add_payloads,
        "vectors": partial(columns.add_vectors, None),
    }
    for name in text.members():
        if name in adders and text.enters(b"["):
            _add_all(text, adders[name])
            beside[name] = []
        elif name == "vectors" and text.enters(b"{"):
            beside[name] = {}
            for key in text.members():
                if text.enters(b"["):
                    _add_all(text, partial(columns.add_vectors, key))
                    beside[name][key] = []
                else:
                    beside[name][key] = text.value()
        else:
            beside[name] = text.value()
    columns.end(has_payloads=beside.get("payloads") == [])
    return beside


def _add_all(text: JsonText, add: Callable[[list[Any]], None]) -> None:
    for values in text.pieces():
        add(values)


def _members(text: JsonText) -> Iterator[str]:
    """The names in the object that stands here."""
    if not text.enters(b"{"):
        raise NotInPieces("no object")
    return text.members()
