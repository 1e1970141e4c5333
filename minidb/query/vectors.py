"""A query vector made comparable with what is stored: checked, normalised, rounded to the field's datatype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.encode import dense_vector, multi_matrix, sparse_arrays
from minidb.collection.fields import Kind, VectorField, normalized, unit, wrong_kind, wrong_size
from minidb.collection.index_rows import comparable
from minidb.collection.reads import PointReader
from minidb.errors import NotFound


@dataclass(frozen=True, slots=True)
class SparseQuery:
    """Dimensions, ascending, and their weights."""

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


QueryVector = NDArray[np.float32] | SparseQuery
"""`(size,)` for a dense field, `(q, size)` for a multivector field."""


def prepare(field: VectorField, vector: Any) -> QueryVector:
    """The vector of a request, ready to be compared with the field. Raises `BadInput` when it does not fit."""
    if field.kind == "sparse":
        if not isinstance(vector, models.SparseVector):
            raise wrong_kind(field, vector, "sparse and regular")
        return SparseQuery(*sparse_arrays(field, vector))
    if field.kind == "multi":
        return _as_stored(field, multi_matrix(field, vector))
    array, square = dense_vector(field, vector)
    if field.datatype == "float32":
        return unit(array, square) if field.distance == models.Distance.COSINE else array
    single: NDArray[np.float32] = _as_stored(field, array.reshape(1, -1))[0]
    return single


def prepared(field: VectorField, kind: Kind, numbers: QueryVector) -> QueryVector:
    """A computed vector, ready to be compared; `kind` says what it is, which need not be what the field holds."""
    if isinstance(numbers, SparseQuery):
        if field.kind != "sparse":
            raise wrong_kind(field, "sparse", "sparse and regular")
        return numbers
    if kind == "multi" and field.kind == "dense":
        raise wrong_kind(field, kind, "multi and regular")
    return prepare(field, numbers)


def raw_dense(field: VectorField, vector: Any) -> NDArray[np.float32]:
    """`(size,) float32` of a dense vector for a dense or a multivector field, checked and nothing else."""
    if field.kind == "dense":
        return dense_vector(field, vector)[0]
    single: NDArray[np.float32] = multi_matrix(field, vector)[0]
    return single


def _as_stored(field: VectorField, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a stored vector of the same numbers would be compared as: normalised, rounded to the datatype."""
    if field.datatype == "float32":
        return normalized(vectors) if field.distance == models.Distance.COSINE else vectors
    stored = field.encode(vectors).view(field.dtype).reshape(vectors.shape)
    return comparable(field, stored.astype(np.float32))


def stored_vector(reader: PointReader, field: VectorField, row: int) -> QueryVector:
    """The vector a point has in the field, as it is stored. Raises `NotFound` when it has none."""
    if not reader.view.columns.slot(field.slot)[row]:
        raise NotFound(f'Vector with name "{field.name}" for point not found')
    rows = np.array([row], np.uint32)
    if field.kind == "sparse":
        return SparseQuery(*reader.sparse(field, row))
    if field.kind == "multi":
        return reader.tokens(field, rows)[0]
    single: NDArray[np.float32] = reader.dense(field, rows)[0]
    return single


def as_compared(field: VectorField, stored: QueryVector) -> QueryVector:
    """A stored vector as it is compared with others."""
    if isinstance(stored, SparseQuery):
        return stored
    if stored.ndim == 2:
        return comparable(field, stored)
    single: NDArray[np.float32] = comparable(field, stored.reshape(1, -1))[0]
    return single


def check_fits(field: VectorField, looked_up: VectorField) -> None:
    """A vector looked up in another field must be of a kind and size that can be compared with this one."""
    if looked_up is field:
        return
    if (looked_up.kind == "sparse") != (field.kind == "sparse"):
        raise wrong_kind(field, looked_up.kind, "sparse and regular")
    if looked_up.kind == "multi" and field.kind == "dense":
        raise wrong_kind(field, looked_up.kind, "multi and regular")
    if looked_up.size != field.size:
        raise wrong_size(field, looked_up.size)
