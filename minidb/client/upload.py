"""Bulk upload behind `upload_points` and `upload_collection`: batches, array columns, a progress bar.

A vector may be what qdrant-client's uploader takes: nothing at all (`[]`, `{}`, None) is a point without vectors, and
rows may be dicts of names, each with names of its own.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice, repeat
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import numpy as np

from minidb import models
from minidb.client.arguments import check_many, each_query, listed
from minidb.errors import ValidationError
from minidb.models.vectors import as_array, is_array
from minidb.progress import Progress

if TYPE_CHECKING:
    from minidb.client.points import PointMethods

_ARRAY_BATCH_BYTES = 8 * 1024 * 1024
"""Arrays go in pieces of about this size whatever the `batch_size`: one commit each, and cheap to slice."""


def upload_points(
    client: PointMethods,
    collection_name: str,
    points: Iterable[Any],
    batch_size: int,
    update_filter: Any,
    update_mode: Any,
    show_progress: bool,
) -> None:
    """Upsert points, or anything else with an id, a vector and a payload, in batches of `batch_size`."""
    check_many(points, "points")
    total = len(points) if isinstance(points, Sized) else None
    with Progress(f"uploading to {collection_name}", total, sys.stderr, enabled=show_progress) as progress:
        for batch in _batches(points, batch_size):
            rows = [_with_vector(point) for point in batch]
            client.upsert(collection_name, rows, update_filter=update_filter, update_mode=update_mode)
            progress.advance(len(batch))


def upload_collection(
    client: PointMethods,
    collection_name: str,
    vectors: Any,
    payload: Iterable[dict[str, Any]] | Mapping[str, Iterable[Any]] | None,
    ids: Iterable[Any] | None,
    batch_size: int,
    update_filter: Any,
    update_mode: Any,
    show_progress: bool,
) -> None:
    """Upsert columns; payloads and ids beyond the last vector are left alone, too few are a `ValidationError`."""
    if payload is not None and not isinstance(payload, Mapping):
        check_many(payload, "payloads")
    payloads = _rows_of(payload) if isinstance(payload, Mapping) else iter(payload) if payload is not None else None
    if isinstance(ids, np.ndarray):
        ids = ids.tolist()
    for given, what in ((ids, "ids"), (vectors, "vectors")):
        if isinstance(given, GeneratorType):
            check_many(given, what)
    id_iterator = iter(ids) if ids is not None else iter(lambda: str(uuid.uuid4()), None)
    pieces, total = _pieces(vectors, batch_size)
    with Progress(f"uploading to {collection_name}", total, sys.stderr, enabled=show_progress) as progress:
        for n, piece in pieces:
            batch_ids = list(islice(id_iterator, n))
            batch_payloads = list(islice(payloads, n)) if payloads is not None else None
            if len(batch_ids) < n or (batch_payloads is not None and len(batch_payloads) < n):
                raise ValidationError("[vectors: there are more vectors than ids or payloads]")
            batch = _points(batch_ids, piece, batch_payloads)
            client.upsert(collection_name, batch, update_filter=update_filter, update_mode=update_mode)
            progress.advance(n)


def _rows_of(columns: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    """Payloads given as columns; None is no value."""
    lists = [as_array(column).tolist() if is_array(column) else listed(column, "values") for column in columns.values()]
    if len(set(map(len, lists))) > 1:
        raise ValidationError("[payload: all columns must be equally long]")
    for values in zip(*lists, strict=True):
        yield {key: value for key, value in zip(columns, values, strict=True) if value is not None}


def _points(ids: list[Any], vectors: Any, payloads: list[Any] | None) -> Any:
    """One batch: arrays and lists as columns, anything else point by point, since rows may be of different kinds."""
    if not isinstance(vectors, list) or all(isinstance(row, (list, tuple, np.ndarray)) and len(row) for row in vectors):
        return models.Batch(ids=ids, vectors=vectors, payloads=payloads)
    rows = zip(ids, vectors, payloads or repeat(None, len(ids)), strict=True)
    return [{"id": id, "vector": _or_none_at_all(vector), "payload": payload} for id, vector, payload in rows]


def _with_vector(point: Any) -> Any:
    """The point, with an object of no vectors where it has an empty one or none."""
    is_mapping = isinstance(point, Mapping)
    if is_mapping and not {"id", "vector"} <= point.keys():
        return point  # misspelt, or by an alias: the model says so
    if not is_mapping and not all(hasattr(point, name) for name in ("id", "vector", "payload")):
        return point
    vector = point["vector"] if is_mapping else point.vector
    if _or_none_at_all(vector) is vector and not isinstance(point, models.Record):
        return point
    fields = dict(point) if is_mapping else {"id": point.id, "payload": point.payload}
    return {**fields, "vector": _or_none_at_all(vector)}


def _or_none_at_all(vector: Any) -> Any:
    if vector is None or (isinstance(vector, (list, tuple, np.ndarray)) and len(vector) == 0):
        return {}
    return vector


def _pieces(vectors: Any, batch_size: int) -> tuple[Iterator[tuple[int, Any]], int | None]:
    """Batches of vectors with their lengths, and how many vectors there are when that is known."""
    if is_array(vectors):
        vectors = as_array(vectors)
    if isinstance(vectors, np.ndarray) and vectors.dtype != object and vectors.size:
        return ((len(piece), piece) for piece in _array_pieces(vectors, batch_size)), len(vectors)
    if isinstance(vectors, dict):
        vectors = {name: _column(column) for name, column in vectors.items()}
        names = list(vectors)
        lengths = {len(column) for column in vectors.values()}
        if len(lengths) > 1:
            raise ValidationError("[vectors: all names must have equally many vectors]")
        total = lengths.pop() if lengths else 0
        widest = max((column[:1].nbytes for column in vectors.values() if isinstance(column, np.ndarray)), default=0)
        step = max(batch_size, _ARRAY_BATCH_BYTES // widest) if widest else batch_size
        starts = range(0, total, step)
        return (
            (min(step, total - start), {name: _part(vectors[name], start, start + step) for name in names})
            for start in starts
        ), total
    total_known = len(vectors) if isinstance(vectors, Sized) and not hasattr(vectors, "tocoo") else None
    return ((len(batch), batch) for batch in _batches(vectors, batch_size)), total_known


def _column(column: Any) -> Any:
    """The vectors of one name: an array as numpy's, a sparse matrix as its rows."""
    if is_array(column):
        return as_array(column)
    return list(each_query(column)) if hasattr(column, "indptr") else column


def _part(column: Any, start: int, stop: int) -> Any:
    """Some vectors of a column; an array of objects holds multivectors of different lengths."""
    part = column[start:stop]
    return list(part) if isinstance(part, np.ndarray) and part.dtype == object else part


def _array_pieces(vectors: np.ndarray[Any, Any], batch_size: int) -> Iterator[np.ndarray[Any, Any]]:
    step = max(batch_size, _ARRAY_BATCH_BYTES // max(vectors[:1].nbytes, 1))
    for start in range(0, len(vectors), step):
        yield vectors[start : start + step]


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
