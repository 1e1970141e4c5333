"""From what callers hand in (points, batches, payloads) to what is written: checked, encoded and sealed, column by
column.

All validation of a write happens here, before the write transaction, so that bad input writes nothing. Vectors arrive
with inference already resolved. Called by `operations`; knows fields, not storage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from struct import pack as pack_numbers
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.fields import VectorField, field_named, wrong_kind, wrong_size
from minidb.collection.payload_json import NO_PAYLOAD, pack_payloads
from minidb.errors import BadInput, MinidbError, ValidationError
from minidb.storage.checksum import seal_rows
from minidb.storage.records import pack_sparse

DEFAULT_VECTOR = ""


@dataclass(slots=True)
class FieldColumn:
    """One field's vectors of a batch of points, ready to be written."""

    field: VectorField
    positions: NDArray[np.int64]
    """Which points of the batch have the vector."""
    sealed: NDArray[np.uint8] | None = None
    """Dense: one sealed row per position. Multi: the sealed token rows of all positions, one after the other."""
    counts: NDArray[np.int64] | None = None
    """Multi: tokens per position."""
    sparse: list[bytes] | None = None
    """Sparse: packed vectors per position."""


@dataclass(slots=True)
class TextColumn:
    """One name's texts of a batch of points, which become a `FieldColumn` once they are embedded."""

    name: str
    unnamed: bool
    """Whether they stand in the place of a vector without a name."""
    positions: NDArray[np.int64]
    texts: list[str]
    models: list[str]
    """By which each is embedded."""


class PointBatch(NamedTuple):
    """Points ready to be written: ids, packed payloads, one column per field; and texts, which are no vectors yet."""

    ids: list[int | str]
    payloads: list[bytes]
    columns: list[FieldColumn]
    texts: Sequence[TextColumn] = ()


Fields: TypeAlias = Mapping[str, VectorField]


class EncodedPoints:
    """In the place of the points of an upsert: encoded as they were read, since all of them as models would take many
    times the room.

    Args:
        n_points: so many.
        fields: what they were encoded for.
        batch: the points; as much as could be encoded when there is an error.
        error: what is wrong with them in this collection.
        again: encodes them once more, for other fields.
    """

    def __init__(
        self,
        n_points: int,
        fields: Fields,
        batch: PointBatch,
        error: MinidbError | None,
        again: Callable[[Fields], PointBatch],
    ) -> None:
        self._n_points = n_points
        self._fields = fields
        self._batch, self._error, self._again = batch, error, again
        self._vectors: list[list[Any]] = []

    def __len__(self) -> int:
        return self._n_points

    @property
    def columns(self) -> list[FieldColumn]:
        """What is known of their vectors."""
        return self._batch.columns

    def batch(self, fields: Fields) -> PointBatch:
        """For these fields. Raises what is wrong with the points there."""
        if fields != self._fields:
            self._batch, self._error = self._again(fields), None
            self._fields = fields
        if self._error is not None:
            raise self._error
        if self._batch.texts:
            self._batch = _with_vectors(self._batch, dict(fields), self._vectors)
        return self._batch

    @property
    def texts(self) -> Sequence[TextColumn]:
        """What is to be embedded."""
        return self._batch.texts

    def embedded(self, vectors: list[list[Any]]) -> EncodedPoints:
        """The same points with a vector for each text of each column."""
        points = EncodedPoints(self._n_points, self._fields, self._batch, self._error, self._again)
        points._vectors = vectors
        return points


def _with_vectors(batch: PointBatch, fields: dict[str, VectorField], vectors: list[list[Any]]) -> PointBatch:
    columns = [
        encode_column(field_named(fields, column.name), column.positions, of_texts)
        for column, of_texts in zip(batch.texts, vectors, strict=True)
    ]
    return PointBatch(batch.ids, batch.payloads, [*batch.columns, *columns])


def joined(batches: Iterable[PointBatch]) -> PointBatch:
    """One batch of all the points."""
    whole, parts = PointBatch([], [], []), dict[int, list[FieldColumn]]()
    texts: dict[tuple[str, bool], list[TextColumn]] = {}
    for batch in batches:
        for some in batch.texts:
            some.positions += len(whole.ids)
            texts.setdefault((some.name, some.unnamed), []).append(some)
        for column in batch.columns:
            column.positions += len(whole.ids)
            parts.setdefault(column.field.slot, []).append(column)
        whole.ids.extend(batch.ids)
        whole.payloads.extend(batch.payloads)
    whole.columns.extend(map(joined_column, parts.values()))
    return whole._replace(texts=[joined_texts(columns) for columns in texts.values()])


def joined_texts(columns: list[TextColumn]) -> TextColumn:
    """One column of all their texts."""
    whole, *others = columns
    for column in others:
        whole.texts += column.texts
        whole.models += column.models
    whole.positions = np.concatenate([column.positions for column in columns])
    return whole


def joined_column(columns: list[FieldColumn]) -> FieldColumn:
    """One column of all their vectors."""
    whole = FieldColumn(columns[0].field, np.concatenate([column.positions for column in columns]))
    if columns[0].sparse is not None:
        whole.sparse = [vector for column in columns for vector in column.sparse or ()]
        return whole
    whole.sealed = np.concatenate([column.sealed for column in columns if column.sealed is not None])
    if columns[0].counts is not None:
        whole.counts = np.concatenate([column.counts for column in columns if column.counts is not None])
    return whole


def encode_points(
    fields: dict[str, VectorField], points: Sequence[models.PointStruct | models.PointVectors] | EncodedPoints
) -> PointBatch:
    """Points, or new vectors of some, as a batch. Raises `BadInput` for unknown names, wrong dimensions, NaN, wrong
    kinds of vectors.
    """
    if isinstance(points, EncodedPoints):
        return points.batch(fields)
    ids = ids_of(point.id for point in points)
    payloads = pack_payloads(getattr(point, "payload", None) for point in points)
    return PointBatch(ids, payloads, encode_structs(fields, [point.vector for point in points]))


def encode_structs(fields: dict[str, VectorField], structs: Sequence[Any]) -> list[FieldColumn]:
    """Vectors as points carry them (bare, or a dict of names) as columns."""
    return [
        encode_column(field_named(fields, name), np.array(positions, np.int64), vectors)
        for name, (positions, vectors) in vectors_by_name(structs).items()
    ]


def vectors_by_name(structs: Sequence[Any]) -> dict[str, tuple[list[int], list[Any]]]:
    """The vectors that points carry, and which of the points have them."""
    named: dict[str, tuple[list[int], list[Any]]] = {}
    for position, struct in enumerate(structs):
        items = struct.items() if isinstance(struct, dict) else ((DEFAULT_VECTOR, struct),)
        for name, vector in items:
            if vector is None:
                continue
            column = named.get(name)
            if column is None:
                column = named[name] = ([], [])
            column[0].append(position)
            column[1].append(vector)
    return named


def encode_batch(fields: dict[str, VectorField], batch: models.Batch) -> PointBatch:
    """A columnar batch; arrays `(n, d)` go through without a Python loop per point."""
    ids = ids_of(batch.ids)
    vectors = batch.vectors if isinstance(batch.vectors, dict) else {DEFAULT_VECTOR: batch.vectors}
    payloads = batch.payloads
    if payloads is not None and len(payloads) != len(ids):
        raise ValidationError(f"[payloads: number of ids and payloads must be equal ({len(ids)} != {len(payloads)})]")
    columns = []
    for name, column in vectors.items():
        if len(column) != len(ids):
            raise ValidationError(f"[vectors: number of ids and vectors must be equal ({len(ids)} != {len(column)})]")
        if isinstance(column, np.ndarray):
            columns.append(encode_column(field_named(fields, name), np.arange(len(ids)), column))
        else:
            kept = [position for position, vector in enumerate(column) if vector is not None]
            columns.append(
                encode_column(field_named(fields, name), np.array(kept, np.int64), [column[at] for at in kept])
            )
    packed = pack_payloads(payloads) if payloads is not None else [NO_PAYLOAD] * len(ids)
    return PointBatch(ids, packed, columns)


def encode_column(
    field: VectorField, positions: NDArray[np.int64], vectors: Sequence[Any] | NDArray[Any]
) -> FieldColumn:
    """One field's vectors, checked and sealed."""
    if field.kind == "dense":
        return FieldColumn(field, positions, sealed=seal_rows(field.encode(dense_matrix(field, vectors))))
    if field.kind == "sparse":
        return FieldColumn(field, positions, sparse=[pack_sparse(*sparse_arrays(field, vector)) for vector in vectors])
    matrices = [multi_matrix(field, vector) for vector in vectors]
    counts = np.array([len(matrix) for matrix in matrices], np.int64)
    tokens = np.concatenate(matrices) if matrices else np.zeros((0, field.size), np.float32)
    return FieldColumn(field, positions, sealed=seal_rows(field.encode(tokens)), counts=counts)


def dense_matrix(field: VectorField, vectors: Sequence[Any] | NDArray[Any]) -> NDArray[np.float32]:
    """`(n, size) float32` of dense vectors given as lists or arrays."""
    if isinstance(vectors, np.ndarray) and vectors.ndim == 2:
        matrix = vectors.astype(np.float32, copy=False)
        if matrix.shape[1] != field.size:
            raise wrong_size(field, matrix.shape[1], _of(field))
    else:
        if len(vectors) == 1:
            return dense_vector(field, vectors[0])[0].reshape(1, -1)
        rows = []
        for vector in vectors:
            _check_dense(field, vector)
            rows.append(_floats(vector))
        matrix = np.array(rows) if rows else np.zeros((0, field.size), np.float32)
    _check_finite(field, matrix)
    return matrix


def multi_matrix(field: VectorField, vector: Any) -> NDArray[np.float32]:
    """`(tokens, size) float32`; a single dense vector counts as one token."""
    if _is_sparse(vector):
        raise wrong_kind(field, vector, "sparse and multi")
    with np.errstate(over="ignore"):  # refused below as not finite
        matrix = np.ascontiguousarray(vector, np.float32)
    if matrix.ndim == 1:
        matrix = matrix.reshape(1, -1)
    if matrix.ndim != 2 or not len(matrix):
        raise ValidationError("[data: multi vector must not be empty]")
    if matrix.shape[1] != field.size:
        raise wrong_size(field, matrix.shape[1], _of(field))
    _check_finite(field, matrix)
    return matrix


def dense_vector(field: VectorField, vector: Any) -> tuple[NDArray[np.float32], float]:
    """One dense vector: `(size,) float32` and its squared length."""
    _check_dense(field, vector)
    array = _floats(vector)
    square = float(np.vdot(array, array))
    if not math.isfinite(square):  # not a number somewhere, or only very long: the slow check tells
        _check_finite(field, array)
    return array, square


def _floats(vector: Any) -> NDArray[np.float32]:
    """A list or an array of numbers as float32; what is beyond that is infinite, and refused as not finite."""
    if isinstance(vector, np.ndarray) and vector.dtype == np.float32:
        return np.ascontiguousarray(vector)  # what computes distances reads no strides
    if type(vector) is list:
        with suppress(OverflowError):  # a fifth of numpy's time
            return np.frombuffer(pack_numbers(f"{len(vector)}f", *vector), np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(vector, np.float32)


def sparse_arrays(field: VectorField, vector: Any) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Indices (ascending) and values of one sparse vector."""
    if not _is_sparse(vector):
        raise wrong_kind(field, vector, "sparse and regular")
    indices = np.asarray(vector.indices, np.uint32)
    with np.errstate(over="ignore"):
        values = np.asarray(vector.values, np.float32)
    _check_finite(field, values)
    if len(indices) > 1 and not (indices[1:] > indices[:-1]).all():
        order = np.argsort(indices, kind="stable")
        indices, values = indices[order], values[order]
    return indices, values


def _check_dense(field: VectorField, vector: Any) -> None:
    if isinstance(vector, np.ndarray) and vector.ndim == 1 and len(vector) == field.size:
        return
    if _is_sparse(vector):
        raise wrong_kind(field, vector, "sparse and regular")
    first = vector[0] if len(vector) else None
    if isinstance(first, (list, tuple)) or (isinstance(first, np.ndarray) and first.ndim):
        raise wrong_kind(field, vector, "multi and regular")
    if len(vector) != field.size:
        raise wrong_size(field, len(vector), _of(field))


def _check_finite(field: VectorField, array: NDArray[np.float32]) -> None:
    finite = np.isfinite(array)
    if not finite.all():  # looked for only then: of many vectors it takes as long as the check
        place = np.argwhere(~finite)[0].tolist()
        raise BadInput(f"Vector contains values that are not finite numbers{_of(field)}").hinting(
            f"{array[tuple(place)]} at {place}; what is beyond 3.4e38 is infinite as float32"
        )


def _of(field: VectorField) -> str:
    return f" for vector '{field.name}'" if field.name else ""


def _is_sparse(vector: Any) -> bool:
    return isinstance(vector, models.SparseVector)


def ids_of(values: Iterable[Any]) -> list[int | str]:
    """Point ids as they are stored."""
    return [models.normalize_id(value) for value in values]
