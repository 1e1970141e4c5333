"""A field's rows as its indexes take them: comparable floats, some at a time, checked, and given back on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField, normalized
from minidb.index.dense.plain import Metric
from minidb.models import Distance
from minidb.storage.interface import CorruptRow
from minidb.storage.records import sparse_key, unpack_sparse

if TYPE_CHECKING:
    from minidb.collection.reads import PointReader

METRICS: dict[Distance, Metric] = {
    Distance.COSINE: "dot",
    Distance.DOT: "dot",
    Distance.EUCLID: "euclid",
    Distance.MANHATTAN: "manhattan",
}
CHUNK_ROWS = 8192
_PASS_BYTES = 16 << 20


def metric_of(field: VectorField) -> Metric:
    return METRICS[field.distance]


def comparable(field: VectorField, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stored or query vectors as they are compared: cosine over bytes cannot be normalised when it is stored."""
    if field.distance == Distance.COSINE and field.datatype == "uint8":
        return normalized(vectors)
    return vectors


class Pass:
    """A pass over a field's row file that gives back on the way what it mapped: at its end all of the file would be
    in memory, beside the graph that has the same floats.
    """

    def __init__(self, reader: PointReader, field: VectorField) -> None:
        self.file = reader.collection.store.row_file(reader.view.space, field.rows_file, field.row_bytes)
        self._most = max(1, _PASS_BYTES // max(1, field.row_bytes))
        self._n_rows = 0

    def after(self, n_rows: int) -> None:
        """So many rows more were read."""
        self._n_rows += n_rows
        if self._n_rows >= self._most:
            self.end()

    def end(self) -> None:
        self.file.release()
        self._n_rows = 0


def dense_chunks(reader: PointReader, field: VectorField, start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    """The field's rows in order, as they are compared; rows without the vector are zeros or leftovers."""
    has = reader.view.has(field.slot)
    for at in range(start, stop, CHUNK_ROWS):
        chunk = comparable(field, field.decode(reader.dense_range(field, at, min(at + CHUNK_ROWS, stop))))
        present = has[at : at + len(chunk)]
        yield chunk if present.all() else np.where(present[:, None], chunk, np.float32(0.0))


def check_rows(reader: PointReader, field: VectorField, go_on: Callable[[], None]) -> None:
    """Check every row, like `PointReader.all_dense`, but in steps."""
    view, on_the_way = reader.view, Pass(reader, field)
    try:
        for start in range(0, view.n_rows, CHUNK_ROWS):
            go_on()
            on_the_way.file.verify_all(min(start + CHUNK_ROWS, view.n_rows), view.has(field.slot))
            on_the_way.after(CHUNK_ROWS)
        on_the_way.end()
    except CorruptRow as error:
        raise reader.collection.corrupt_row(reader.txn, view, error.file, error.row) from None


def graph_vectors(reader: PointReader, field: VectorField, rows: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Vectors of graph rows, dead ones included: they keep the graph connected and were checked when they were
    inserted.
    """
    file = reader.collection.store.row_file(reader.view.space, field.rows_file, field.row_bytes)
    return comparable(field, field.decode(file.raw(reader.view.n_rows).take(rows, axis=0)))


def sparse_rows(
    reader: PointReader, field: VectorField, start: int, stop: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    """Rows `[start, stop)` that have the sparse vector: row numbers, lengths, and all indices and values in a row."""
    space, slot = reader.view.space, field.slot
    rows, vectors = [], []
    for key, data in reader.txn.scan("sparse", sparse_key(space, slot, start), sparse_key(space, slot, stop)):
        rows.append(int.from_bytes(key[6:], "big"))
        vectors.append(unpack_sparse(data))
    return stacked(field, np.array(rows, np.uint32), vectors)


def stacked(
    field: VectorField, rows: NDArray[np.uint32], vectors: list[tuple[NDArray[np.uint32], NDArray[np.float32]]]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    """Sparse vectors of rows as `SparseIndex.with_rows` takes them."""
    lengths = np.array([len(indices) for indices, _ in vectors], np.int64)
    if not vectors:
        return np.zeros(0, np.uint32), lengths, np.zeros(0, np.uint32), np.zeros(0, np.float32)
    return (
        rows,
        lengths,
        np.concatenate([indices for indices, _ in vectors]),
        field.as_indexed(np.concatenate([values for _, values in vectors])),
    )
