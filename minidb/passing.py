"""Vectors on their way from qdrant-client to its `Transport`, past JSON.

qdrant-client writes floats out digit by digit, and the transport would read them again: two thirds of an upsert. So the
REST client behind a client writes what points and queries are without their vectors, which go along as arrays. All
that JSON would refuse or change goes as JSON. Called by `transport` and `uploader`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Fill: TypeAlias = Callable[[Any], Any]
"""Gives a value that was read from JSON what was left out of it."""

_EXTENSION = "minidb.fill"


class _Left(NamedTuple):
    """What is left out of the JSON of a value: as pydantic's `exclude`."""

    exclude: Any
    fill: Fill


def pass_vectors(apis: Any) -> None:
    """Let a REST client of qdrant-client's, a `SyncApis` or an `AsyncApis`, pass vectors."""
    for api in vars(apis).values():
        for method, body, left_out in _BODIES:
            if hasattr(api, method):
                setattr(api, method, _passing(getattr(api, method), body, left_out))
    apis.client.request = _with_extension(apis.client.request)


def fill_of(request: httpx.Request) -> Fill | None:
    """What completes the body of a request; None if nothing was left out."""
    return request.extensions.get(_EXTENSION)


def _passing(send: Callable[..., Any], body: str, left_out: Callable[[Any], _Left | None]) -> Callable[..., Any]:
    """A method for a route of a generated client, whose argument `body` is written as JSON without what is left out."""

    @functools.wraps(send)
    def method(*args: Any, **arguments: Any) -> Any:
        given = arguments.get(body)
        left = left_out(given) if isinstance(given, BaseModel) else None
        if left is not None:
            arguments[body] = _Partial(given, left)
        return send(*args, **arguments)

    return method


def _with_extension(send: Callable[..., Any]) -> Callable[..., Any]:
    """The method behind all of those."""

    @functools.wraps(send)
    def request(**arguments: Any) -> Any:
        content = arguments.get("content")
        if isinstance(content, _Text):
            arguments["extensions"] = {_EXTENSION: content.fill}
        return send(**arguments)

    return request


class _Text(str):
    """JSON without vectors."""

    fill: Fill


class _Partial:
    """In the place of a model, where a generated method asks for its JSON."""

    def __init__(self, model: Any, left: _Left) -> None:
        self._model, self._left = model, left

    def model_dump_json(self, **options: Any) -> str:
        text = _Text(self._model.model_dump_json(**{**options, "exclude": self._left.exclude}))
        text.fill = self._left.fill
        return text


# What is left out of which value


def _replaced(array: Any) -> _Left:
    """The whole of a value."""
    return _Left(True, lambda _: array)


def _within(parts: Mapping[str | int, _Left | None]) -> _Left | None:
    """Something of the fields of an object, or of the items of a list."""
    left = {name: part for name, part in parts.items() if part is not None}
    if not left:
        return None

    def fill(value: Any) -> Any:
        for name, part in left.items():
            value[name] = part.fill(value.get(name) if type(value) is dict else value[name])
        return value

    return _Left({name: part.exclude for name, part in left.items()}, fill)


def _of_upsert(upsert: Any) -> _Left | None:
    if hasattr(upsert, "batch"):
        return _within({"batch": _within({"vectors": _of_columns(upsert.batch.vectors)})})
    return _of_points(upsert)


def _of_columns(vectors: Any) -> _Left | None:
    if type(vectors) is dict:
        left = _within({name: _of_columns(rows) for name, rows in vectors.items()})
        return left and _Left(left.exclude, lambda value: {name: left.fill(value)[name] for name in vectors})
    arrays = _arrays(vectors) if type(vectors) is list else None
    return None if arrays is None else _replaced(arrays)


def _of_points(request: Any) -> _Left | None:
    """Of a request with points that have one dense vector or multivector each, or some by name."""
    rows = [point.vector for point in request.points]
    if all(type(row) is dict for row in rows):
        return _of_named(rows)
    arrays = _arrays(rows)
    if arrays is None:
        return None

    def fill(value: Any) -> Any:
        for point, array in zip(value["points"], arrays, strict=True):
            point["vector"] = array
        return value

    return _Left({"points": {"__all__": {"vector"}}}, fill)


def _of_named(rows: Sequence[dict[str, Any]]) -> _Left | None:
    """The dense vectors of points that have theirs by name, which keep their places among the others."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        arrays = _arrays([row[name] for row in rows if name in row])
        if arrays is not None:
            columns[name] = arrays
    if not columns:
        return None

    def fill(value: Any) -> Any:
        dense = {name: iter(arrays) for name, arrays in columns.items()}
        for point, row in zip(value["points"], rows, strict=True):
            others = point["vector"]
            point["vector"] = {name: next(dense[name]) if name in dense else others[name] for name in row}
        return value

    return _Left({"points": {"__all__": {"vector": set(columns)}}}, fill)


def _arrays(rows: list[Any]) -> Any:
    """Vectors in one array, or an array for each; None if one is no list of floats, or JSON would refuse it."""
    if not rows or not all(type(row) is list and row for row in rows):
        return None
    if type(rows[0][0]) is not list:
        return _floats(rows)
    multivectors = [array for array in map(_floats, rows) if array is not None]
    return multivectors if len(multivectors) == len(rows) else None


def _floats(rows: list[Any]) -> NDArray[np.float32] | None:
    try:
        exact = np.asarray(rows)
    except (ValueError, OverflowError):  # lists within, some of them
        return None
    if exact.dtype != np.float64 or exact.ndim != 2 or not exact.size:
        return None
    with np.errstate(over="ignore"):
        floats = exact.astype(np.float32)
    return floats if np.isfinite(floats).all() else None


def _of_updates(request: Any) -> _Left | None:
    """Of an ordered batch of operations."""
    return _within({"operations": _within(dict(enumerate(map(_of_update, request.operations))))})


def _of_update(operation: Any) -> _Left | None:
    if hasattr(operation, "upsert"):
        return _within({"upsert": _of_upsert(operation.upsert)})
    if hasattr(operation, "update_vectors"):
        return _within({"update_vectors": _of_points(operation.update_vectors)})
    return None


def _of_queries(request: Any) -> _Left | None:
    return _within({"searches": _within(dict(enumerate(map(_of_query, request.searches))))})


def _of_query(request: Any) -> _Left | None:
    """Of a query or prefetch with a tree of them below it."""
    query, prefetch = request.query, request.prefetch
    nearest = getattr(query, "nearest", None)
    below = _within(dict(enumerate(map(_of_query, prefetch)))) if type(prefetch) is list else None
    if hasattr(prefetch, "prefetch"):
        below = _of_query(prefetch)
    return _within(
        {
            "prefetch": below,
            "query": _of_vector(query) if nearest is None else _within({"nearest": _of_vector(nearest)}),
        }
    )


def _of_vector(vector: Any) -> _Left | None:
    arrays = _arrays([vector])
    return None if arrays is None else _replaced(arrays[0])


_BODIES: tuple[tuple[str, str, Callable[[Any], _Left | None]], ...] = (
    ("upsert_points", "point_insert_operations", _of_upsert),
    ("update_vectors", "update_vectors", _of_points),
    ("batch_update", "update_operations", _of_updates),
    ("query_points", "query_request", _of_query),
    ("query_points_groups", "query_groups_request", _of_query),
    ("query_batch_points", "query_request_batch", _of_queries),
)
"""Methods of generated clients, their arguments that become JSON, and what is left out of it."""
