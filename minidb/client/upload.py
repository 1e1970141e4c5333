"""Bulk upload behind `upload_points` and `upload_collection`: batches, array columns, a progress bar."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from minidb import models
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
    """Upsert points in batches of `batch_size`."""
    total = len(points) if isinstance(points, Sized) else None
    with Progress(f"uploading to {collection_name}", total, sys.stderr, enabled=show_progress) as progress:
        for batch in _batches(points, batch_size):
            client.upsert(collection_name, batch, update_filter=update_filter, update_mode=update_mode)
            progress.advance(len(batch))


def upload_collection(
    client: PointMethods,
    collection_name: str,
    vectors: Any,
    payload: Iterable[dict[str, Any]] | None,
    ids: Iterable[Any] | None,
    batch_size: int,
    update_filter: Any,
    update_mode: Any,
    show_progress: bool,
) -> None:
    """Upsert columns; ends with the shortest, as `zip` does, but for arrays, whose lengths must agree."""
    payloads = iter(payload) if payload is not None else None
    id_iterator = iter(ids) if ids is not None else iter(lambda: str(uuid.uuid4()), None)
    pieces, total = _pieces(vectors, batch_size)
    with Progress(f"uploading to {collection_name}", total, sys.stderr, enabled=show_progress) as progress:
        for n, piece in pieces:
            batch_ids = list(islice(id_iterator, n))
            batch_payloads = list(islice(payloads, n)) if payloads is not None else None
            if len(batch_ids) < n or (batch_payloads is not None and len(batch_payloads) < n):
                raise ValidationError("[vectors: there are more vectors than ids or payloads]")
            batch = models.Batch(ids=batch_ids, vectors=piece, payloads=batch_payloads)
            client.upsert(collection_name, batch, update_filter=update_filter, update_mode=update_mode)
            progress.advance(n)


def _pieces(vectors: Any, batch_size: int) -> tuple[Iterator[tuple[int, Any]], int | None]:
    """Batches of vectors with their lengths, and how many vectors there are when that is known."""
    if is_array(vectors):
        vectors = as_array(vectors)
        return ((len(piece), piece) for piece in _array_pieces(vectors, batch_size)), len(vectors)
    if isinstance(vectors, dict):
        vectors = {name: as_array(column) if is_array(column) else column for name, column in vectors.items()}
        names = list(vectors)
        lengths = {len(column) for column in vectors.values()}
        if len(lengths) > 1:
            raise ValidationError("[vectors: all names must have equally many vectors]")
        total = lengths.pop() if lengths else 0
        widest = max((column[:1].nbytes for column in vectors.values() if isinstance(column, np.ndarray)), default=0)
        step = max(batch_size, _ARRAY_BATCH_BYTES // widest) if widest else batch_size
        starts = range(0, total, step)
        return (
            (min(step, total - start), {name: vectors[name][start : start + step] for name in names})
            for start in starts
        ), total
    total_known = len(vectors) if isinstance(vectors, Sized) else None
    return ((len(batch), batch) for batch in _batches(vectors, batch_size)), total_known


def _array_pieces(vectors: np.ndarray[Any, Any], batch_size: int) -> Iterator[np.ndarray[Any, Any]]:
    step = max(batch_size, _ARRAY_BATCH_BYTES // max(vectors[:1].nbytes, 1))
    for start in range(0, len(vectors), step):
        yield vectors[start : start + step]


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
