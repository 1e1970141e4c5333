"""Points as arrays: ids, one vector of each, and columns of payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField, field_named
from minidb.collection.reads import PointReader, Rows

if TYPE_CHECKING:
    from minidb import models

_ROWS_AT_ONCE = 4096


class PointArrays(NamedTuple):
    """Points in the order of their ids; everything in it is one entry a point."""

    ids: NDArray[Any]
    """`(n,) uint64`, or objects (integers, and UUIDs as texts) in a collection that has, or had, a UUID."""
    vectors: Any
    """Dense: `(n, d) float32`; sparse: a scipy CSR matrix; multivectors: `(n,)` objects, arrays `(tokens, d)`."""
    payload: dict[str, list[Any]]
    """By key; None where a point has none."""


def point_arrays(
    reader: PointReader, using: str | None, keys: Sequence[str], filter: models.Filter | None
) -> PointArrays:
    """The points that have the vector and satisfy the filter."""
    view, field = reader.view, field_named(reader.view.fields, using or "")
    rows = reader.matching(filter)
    rows = view.rows if rows is None else rows
    rows = rows[view.has(field.slot)[rows]]
    rows = rows[view.id_order(rows)]
    ids: NDArray[Any] = view.columns.low[rows]
    if view.columns.any_uuid:
        ids = np.array(view.ids_of(rows), object)
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    if columns:
        for payload in reader.payloads(rows, keys):
            for key, column in columns.items():
                column.append(payload.get(key))
    return PointArrays(ids, _vectors(reader, field, rows), columns)


def _vectors(reader: PointReader, field: VectorField, rows: Rows) -> Any:
    if field.kind == "sparse":
        return _csr([reader.sparse(field, row) for row in rows.tolist()])
    parts = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
    if field.kind == "dense":
        dense = np.empty((len(rows), field.size), np.float32)
        for at, part in enumerate(parts):
            dense[at * _ROWS_AT_ONCE :][: len(part)] = reader.dense(field, part)
        return dense
    multi = np.empty(len(rows), object)
    at = 0
    for part in parts:
        tokens, counts = reader.tokens(field, part)
        for one in np.split(tokens, np.cumsum(counts)[:-1]):
            multi[at] = one
            at += 1
    return multi


def _csr(vectors: list[tuple[NDArray[np.uint32], NDArray[np.float32]]]) -> Any:
    from scipy.sparse import csr_matrix  # takes long to import

    starts = np.cumsum([0, *(len(indices) for indices, _ in vectors)])
    indices = np.concatenate([indices for indices, _ in vectors] or [np.zeros(0, np.uint32)]).astype(np.int64)
    values = np.concatenate([values for _, values in vectors] or [np.zeros(0, np.float32)])
    return csr_matrix((values, indices, starts), shape=(len(vectors), int(indices.max(initial=-1)) + 1))
