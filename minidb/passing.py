"""Vectors of an upsert on their way from qdrant-client to its `Transport`, past JSON.

qdrant-client writes floats out digit by digit, and the transport would read them again: two thirds of an upsert. So the
REST client behind a client gets a method that writes points without their vectors, which go along as an array. What is
no upsert of plain dense vectors goes as JSON. Called by `transport` and `interception`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""(n, d): one row per point."""

_POINTS = "point_insert_operations"


class _PointsWithoutVectors:
    """In the place of a list of points, where a generated method asks for its JSON."""

    def __init__(self, points: Any, vectors: Vectors) -> None:
        self._points, self.vectors = points, vectors
        self.body = b""

    def model_dump_json(self, **options: Any) -> str:
        text: str = self._points.model_dump_json(**{**options, "exclude": {"points": {"__all__": {"vector"}}}})
        self.body = text.encode()
        return text


_under_way: ContextVar[_PointsWithoutVectors | None] = ContextVar("minidb_points_under_way", default=None)


def pass_vectors(remote: Any, *, is_async: bool) -> None:
    """Let the client behind one of qdrant-client's pass vectors. `is_async`: it is an `AsyncQdrantRemote`."""
    api = remote.openapi_client.points_api
    upsert = api.upsert_points

    @functools.wraps(upsert)
    def upsert_points(*args: Any, **arguments: Any) -> Any:
        with _without_vectors(arguments):
            return upsert(*args, **arguments)

    @functools.wraps(upsert)
    async def upsert_points_later(*args: Any, **arguments: Any) -> Any:
        with _without_vectors(arguments):
            return await upsert(*args, **arguments)

    api.upsert_points = upsert_points_later if is_async else upsert_points


def vectors_of(body: bytes) -> Vectors | None:
    """The vectors of the points in the body of a request that this context sends, if they were left out of it."""
    points = _under_way.get()
    return points.vectors if points is not None and points.body == body else None


@contextmanager
def _without_vectors(arguments: dict[str, Any]) -> Iterator[None]:
    """While a method is called with `arguments`; its points are replaced."""
    points = arguments.get(_POINTS)
    vectors = _vectors(points)
    if vectors is None:
        yield
        return
    arguments[_POINTS] = _PointsWithoutVectors(points, vectors)
    token = _under_way.set(arguments[_POINTS])
    try:
        yield
    finally:
        _under_way.reset(token)


def _vectors(points: Any) -> Vectors | None:
    """The vectors of points that have one plain dense vector each; None for all that JSON would refuse or change."""
    from qdrant_client import models

    if not isinstance(points, models.PointsList) or not points.points:
        return None
    rows: list[Any] = [point.vector for point in points.points]
    if not all(type(row) is list and len(row) == len(rows[0]) for row in rows):
        return None
    try:
        exact = np.asarray(rows)
    except (ValueError, OverflowError):  # lists within, some of them
        return None
    if exact.dtype != np.float64 or exact.ndim != 2 or not exact.size:
        return None
    with np.errstate(over="ignore"):
        vectors = exact.astype(np.float32)
    return vectors if np.isfinite(vectors).all() else None
