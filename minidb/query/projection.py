"""A map of points: the vectors of a sample along their two main directions, for a page to draw.

Called by `database`; knows nothing of pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.fields import VectorField, field_named
from minidb.collection.reads import PointReader
from minidb.filter.json_path import JsonPath
from minidb.query.hits import Rows
from minidb.query.sample import sample
from minidb.storage.records import PointId, unpack_entries

MOST_POINTS = 5000
_OVERSAMPLED = 8  # directions that are followed, of which two are kept
_ROUNDS = 8  # enough where some directions stand out; where none does, any plane is as good a picture


@dataclass(frozen=True, slots=True)
class PointMap:
    """Points in two dimensions; the lists are parallel.

    Args:
        values: what each payload has at the path asked for, None where it has nothing or no scalar.
        explained: the share of the variance that lies in `x` and in `y`.
        total: points that have the vector and satisfy the filter, of which these are a sample.
    """

    ids: list[PointId]
    x: list[float]
    y: list[float]
    values: list[Any]
    explained: tuple[float, float]
    total: int


def run_map(snapshot: Snapshot, using: str, filter: models.Filter | None, color_by: str | None, limit: int) -> PointMap:
    """Draw a sample of points that have the vector and lay them out by principal component analysis.

    Multivectors are laid out by the mean of their tokens, sparse ones as they are.

    Raises:
        BadInput: the collection has no vector of that name.
        FormatError: `color_by` is no JSON path.
    """
    path = None if not color_by else JsonPath.parse(color_by)
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    field = field_named(view.fields, using)
    allowed = reader.matching(filter)
    has = view.has(field.slot)
    rows = np.flatnonzero(has).astype(np.uint32) if allowed is None else allowed[has[allowed]]
    drawn = np.sort(sample(rows, limit).rows) if len(rows) > limit else rows
    if not len(drawn):
        return PointMap([], [], [], [], (0.0, 0.0), 0)
    records = reader.records_of(drawn.tolist())
    coordinates, explained = principal(_matrix(reader, field, drawn))
    return PointMap(
        [record.id for record in records],
        coordinates[:, 0].tolist(),
        coordinates[:, 1].tolist(),
        [None if path is None else _scalar(path, unpack_entries(record.payload, (path.first,))) for record in records],
        explained,
        len(rows),
    )


def _scalar(path: JsonPath, payload: dict[str, Any]) -> Any:
    """The first value there that has a colour: a string, a number, a bool."""
    return next((value for value in path.elements(payload) if isinstance(value, (str, int, float))), None)


def _matrix(reader: PointReader, field: VectorField, rows: Rows) -> Any:
    """`(n, d)` float32, a row per point: an array, or for sparse vectors a matrix of scipy's."""
    if field.kind == "dense":
        return reader.dense(field, rows)
    if field.kind == "multi":
        tokens, counts = reader.tokens(field, rows)
        sums = np.add.reduceat(tokens, np.cumsum(counts) - counts, axis=0)  # no multivector is empty
        return (sums / counts[:, None]).astype(np.float32)
    from scipy.sparse import csr_matrix

    pairs = [reader.sparse(field, row) for row in rows.tolist()]
    used, columns = np.unique(np.concatenate([indices for indices, _ in pairs]), return_inverse=True)
    ends = np.cumsum([0, *(len(indices) for indices, _ in pairs)])
    values = np.concatenate([values for _, values in pairs])
    return csr_matrix((values, columns, ends), shape=(len(rows), max(1, len(used))))


def principal(matrix: Any) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Coordinates `(n, 2)` along the two directions of largest variance, and the share of the variance in each.

    Subspace iteration (Halko, Martinsson, Tropp: Finding structure with randomness, 2011, algorithm 4.4) on the centred
    matrix, which is never made: a sparse one would fill up. The same input gives the same picture.

    Args:
        matrix: `(n, d)`, dense or of scipy's sparse kind.
    """
    n, d = matrix.shape
    mean = np.asarray(matrix.mean(axis=0), np.float64).reshape(1, d)

    def times(right: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(matrix @ right - mean @ right, np.float64)

    def transposed_times(left: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(matrix.T @ left - mean.T @ left.sum(axis=0, keepdims=True), np.float64)

    basis = np.random.default_rng(0).standard_normal((d, min(_OVERSAMPLED, d, n)))
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(transposed_times(np.linalg.qr(times(basis))[0]))[0]
    left, lengths, _ = np.linalg.svd(times(basis), full_matrices=False)
    found = min(2, len(lengths))
    coordinates = np.zeros((n, 2))
    coordinates[:, :found] = left[:, :found] * lengths[:found]
    at = np.abs(coordinates).argmax(axis=0)
    coordinates *= np.where(coordinates[at, [0, 1]] < 0, -1.0, 1.0)  # a direction has no sign of its own
    squares = (
        matrix.multiply(matrix).sum() if hasattr(matrix, "multiply") else np.square(matrix, dtype=np.float64).sum()
    )
    variance = float(squares) - n * float((mean * mean).sum())
    shares = [float(length) ** 2 / variance if variance > 1e-12 * float(squares) else 0.0 for length in lengths[:found]]
    shares += [0.0] * (2 - found)
    return coordinates, (shares[0], shares[1])
