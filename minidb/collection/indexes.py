"""The derived data of one collection: int8 sketches, graphs and inverted indexes by field, and their checkpoints.

Everything here can be thrown away and rebuilt from rows and records. Each form covers the rows below some number;
readers extend sketches and inverted indexes to their view when they ask for them, graphs are built and advanced by the
indexer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidb.collection.declared import canonical, checkpoint_slot
from minidb.collection.fields import VectorField, normalized
from minidb.collection.view import View, view_arrays, view_of_arrays
from minidb.filter.index_key import CLASSES, IndexKey, PayloadIndex
from minidb.index.dense.bits import BitSketch
from minidb.index.dense.graph import Graph
from minidb.index.dense.libraries import restored
from minidb.index.dense.plain import Metric
from minidb.index.dense.sketch import Sketch
from minidb.models import Distance
from minidb.storage.checkpoint import Checkpoint, find_checkpoint, read_arrays, write_arrays
from minidb.storage.interface import ReadTransaction
from minidb.storage.records import sparse_key, unpack_sparse

if TYPE_CHECKING:
    from minidb.collection.reads import PointReader
    from minidb.index.sparse import SparseIndex

METRICS: dict[Distance, Metric] = {
    Distance.COSINE: "dot",
    Distance.DOT: "dot",
    Distance.EUCLID: "euclid",
    Distance.MANHATTAN: "manhattan",
}
_CHUNK_ROWS = 8192


def metric_of(field: VectorField) -> Metric:
    return METRICS[field.distance]


def comparable(field: VectorField, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stored or query vectors as they are compared: cosine over bytes cannot be normalised when it is stored."""
    if field.distance == Distance.COSINE and field.datatype == "uint8":
        return normalized(vectors)
    return vectors


class Indexes:
    """Forms by vector slot, for one generation of rows; a new generation gets a new object."""

    def __init__(self, space: int, folder: Path | None) -> None:
        self.space = space
        self._folder = folder / "derived" / str(space) if folder is not None else None
        self._lock = threading.RLock()
        self._sketches: dict[int, Sketch | BitSketch] = {}
        self._sparse: dict[int, SparseIndex] = {}
        self.graphs: dict[int, Graph] = {}
        """Published by the indexer, one assignment each; rows a graph does not cover are for the reader to scan."""
        self._tried_to_load: set[tuple[str, int]] = set()
        self._sought_graphs: set[int] = set()
        self._saved_rows: dict[tuple[str, int], int] = {}

    def sketch(self, reader: PointReader, field: VectorField) -> Sketch | BitSketch:
        """The field's int8 copy, or its signs where binary quantization is asked for, covering the reader's view."""
        view = reader.view
        sketch = self._fitting_sketch(field)
        if sketch is not None and (sketch.n_rows >= view.n_rows or not sketch.suits):
            return sketch
        with self._lock:
            sketch = self._fitting_sketch(field) or self._load_sketch(reader.txn, field)
            if sketch is None:
                is_binary = field.quantized == "binary"
                sketch = BitSketch(field.size) if is_binary else Sketch(field.size, metric_of(field))
            if sketch.n_rows < view.n_rows:
                n_new = view.n_rows - sketch.n_rows
                sketch.extend(view.n_rows, lambda start, stop: dense_chunks(reader, field, start, stop))
                if n_new > _CHUNK_ROWS:
                    reader.collection.store.row_file(self.space, field.rows_file, field.row_bytes).release()
            self._sketches[field.slot] = sketch
            return sketch

    def _fitting_sketch(self, field: VectorField) -> Sketch | BitSketch | None:
        """The sketch there is, unless the field's quantization has changed since."""
        sketch = self._sketches.get(field.slot)
        return sketch if isinstance(sketch, BitSketch) == (field.quantized == "binary") else None

    def sparse(self, reader: PointReader, field: VectorField) -> SparseIndex:
        """The field's inverted index, covering the reader's view."""
        view = reader.view
        index = self._sparse.get(field.slot)
        if index is not None and index.n_rows >= view.n_rows:
            return index
        from minidb.index.sparse import SparseIndex

        with self._lock:
            index = self._sparse.get(field.slot) or self._load_sparse(reader.txn, field) or SparseIndex.empty()
            while index.n_rows < view.n_rows:
                stop = min(view.n_rows, index.n_rows + 16 * _CHUNK_ROWS)
                index = index.with_rows(stop, *_sparse_rows(reader, field, index.n_rows, stop))
            self._sparse[field.slot] = index
            return index

    def load_payload_index(self, txn: ReadTransaction, key: IndexKey) -> tuple[int, int, PayloadIndex] | None:
        """A declared payload index from its checkpoint, with the operation and number of rows it covers."""
        loaded = self._load(txn, "payload", checkpoint_slot(key))
        if loaded is None or loaded[0].meta["key"] != canonical(key):
            return None
        checkpoint, arrays = loaded
        return checkpoint.meta["seq"], checkpoint.n_rows, CLASSES[key.kind].of_arrays(checkpoint.meta, arrays)

    def save_payload_index(self, key: IndexKey, view: View, index: PayloadIndex) -> tuple[str, int, Checkpoint]:
        """Write a payload index that is current as of the view."""
        meta, arrays = index.arrays()
        meta = {**meta, "seq": view.seq, "key": canonical(key)}
        return self._write("payload", checkpoint_slot(key), view.n_rows, meta, arrays)

    def load_view(self, txn: ReadTransaction, empty: View) -> View:
        """The newest checkpointed view of this space; `empty` itself when there is none."""
        loaded = self._load(txn, "points", 0)
        if loaded is None:
            return empty
        meta = loaded[0].meta
        return view_of_arrays(empty, meta["seq"], dict(meta["tokens"]), loaded[1])

    def graph(self, reader: PointReader, field: VectorField) -> Graph | None:
        """The field's graph, if there is one by now; one that is mapped and not read is opened here and now."""
        graph = self.graphs.get(field.slot)
        if graph is None and field.slot not in self._sought_graphs:
            with self._lock:
                if field.slot not in self._sought_graphs:
                    checkpoint = find_checkpoint(reader.txn, self.space, "graph", field.slot)
                    loaded = None
                    if checkpoint is not None and "usearch" in checkpoint.meta:
                        loaded = self._load_graph(reader, field)
                    if loaded is not None:
                        self.graphs[field.slot] = loaded
                    self._sought_graphs.add(field.slot)
            graph = self.graphs.get(field.slot)
        return graph

    def load_graph(self, reader: PointReader, field: VectorField) -> Graph | None:
        """The field's graph, from its checkpoint if it is not loaded yet. For the indexer: it may take a second."""
        graph = self.graph(reader, field)
        if graph is None:
            graph = self._load_graph(reader, field)
            if graph is not None:
                reader.all_dense(field)  # every row is in memory now: check them all, so that no search has to
                reader.collection.store.row_file(self.space, field.rows_file, field.row_bytes).release()
                self.graphs[field.slot] = graph
        return graph

    def forget(self, slot: int) -> None:
        """Drop what a removed vector name left."""
        with self._lock:
            for forms in (self._sketches, self._sparse, self.graphs):
                forms.pop(slot, None)

    # Checkpoints

    def save(self, view: View, least_share: float) -> list[tuple[str, int, Checkpoint]]:
        """Write every form that covers `least_share` more rows than its last checkpoint; what to name in the store."""
        if self._folder is None:
            return []
        saved = []
        with self._lock:
            if self._worth(("points", 0), view.n_rows, least_share):
                meta: dict[str, Any] = {"seq": view.seq, "tokens": list(view.n_tokens.items())}
                saved.append(self._write("points", 0, view.n_rows, meta, view_arrays(view)))
            for field in view.fields.values():
                sketch, index, graph = (
                    self._sketches.get(field.slot),
                    self._sparse.get(field.slot),
                    self.graphs.get(field.slot),
                )
                if (
                    sketch is not None
                    and sketch.suits
                    and self._worth(("sketch", field.slot), sketch.n_rows, least_share)
                ):
                    meta = {"scale": sketch.scale, "binary": isinstance(sketch, BitSketch)}
                    saved.append(self._write("sketch", field.slot, sketch.n_rows, meta, {"rows": sketch.rows}))
                if index is not None and self._worth(("sparse", field.slot), index.n_rows, least_share):
                    saved.append(self._write("sparse", field.slot, index.n_rows, {}, index.arrays()))
                if graph is not None and self._worth(("graph", field.slot), graph.n_rows, least_share):
                    saved.append(self._write("graph", field.slot, graph.n_rows, *graph.saved()))
        return saved

    def remove_old_files(self, kept: list[str]) -> None:
        """Delete checkpoint files newer ones replace; one that is mapped where that forbids it stays for later."""
        if self._folder is None:
            return
        replaced = tuple(name.rsplit("-", 1)[0] + "-" for name in kept)
        for file in self._folder.iterdir():
            if file.name.startswith(replaced) and file.name not in kept:
                with suppress(OSError):
                    file.unlink()

    def _worth(self, key: tuple[str, int], n_rows: int, least_share: float) -> bool:
        return n_rows > self._saved_rows.get(key, 0) * (1.0 + least_share)

    def _write(
        self, kind: str, slot: int, n_rows: int, meta: dict[str, Any], arrays: dict[str, NDArray[np.generic]]
    ) -> tuple[str, int, Checkpoint]:
        assert self._folder is not None
        name = f"{kind}-{slot}-{os.urandom(4).hex()}"  # never over a file somebody may have mapped
        checkpoint = write_arrays(self._folder, name, n_rows, meta, arrays)
        self._saved_rows[kind, slot] = n_rows
        return kind, slot, checkpoint

    def _load(
        self, txn: ReadTransaction, kind: str, slot: int
    ) -> tuple[Checkpoint, dict[str, NDArray[np.generic]]] | None:
        """A checkpoint that is whole; looked for once."""
        if self._folder is None or (kind, slot) in self._tried_to_load:
            return None
        self._tried_to_load.add((kind, slot))
        checkpoint = find_checkpoint(txn, self.space, kind, slot)
        arrays = read_arrays(self._folder, checkpoint) if checkpoint is not None else None
        if checkpoint is None or arrays is None:
            return None
        self._saved_rows[kind, slot] = checkpoint.n_rows
        return checkpoint, arrays

    def _load_sketch(self, txn: ReadTransaction, field: VectorField) -> Sketch | BitSketch | None:
        loaded = self._load(txn, "sketch", field.slot)
        if loaded is None or loaded[0].meta.get("binary", False) != (field.quantized == "binary"):
            return None
        checkpoint, arrays = loaded
        if field.quantized == "binary":
            return BitSketch.of(arrays["rows"], field.size)  # type: ignore[arg-type]
        return Sketch.of(arrays["rows"], checkpoint.meta["scale"], metric_of(field))  # type: ignore[arg-type]

    def _load_sparse(self, txn: ReadTransaction, field: VectorField) -> SparseIndex | None:
        from minidb.index.sparse import SparseIndex

        loaded = self._load(txn, "sparse", field.slot)
        return None if loaded is None else SparseIndex.of_arrays(loaded[0].n_rows, loaded[1])

    def _load_graph(self, reader: PointReader, field: VectorField) -> Graph | None:
        loaded = self._load(reader.txn, "graph", field.slot)
        if loaded is None:
            return None
        checkpoint, arrays = loaded
        return restored(metric_of(field), checkpoint.meta, arrays, lambda rows: graph_vectors(reader, field, rows))


def dense_chunks(reader: PointReader, field: VectorField, start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    """The field's rows in order, as they are compared; rows without the vector are zeros or leftovers."""
    has = reader.view.has(field.slot)
    for at in range(start, stop, _CHUNK_ROWS):
        chunk = comparable(field, field.decode(reader.dense_range(field, at, min(at + _CHUNK_ROWS, stop))))
        present = has[at : at + len(chunk)]
        yield chunk if present.all() else np.where(present[:, None], chunk, np.float32(0.0))


def graph_vectors(reader: PointReader, field: VectorField, rows: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Vectors of graph rows, dead ones included: they keep the graph connected and were checked when they were
    inserted.
    """
    file = reader.collection.store.row_file(reader.view.space, field.rows_file, field.row_bytes)
    return comparable(field, field.decode(file.raw(reader.view.n_rows).take(rows, axis=0)))


def _sparse_rows(
    reader: PointReader, field: VectorField, start: int, stop: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    """Rows `[start, stop)` that have the sparse vector: row numbers, lengths, and all indices and values in a row."""
    space, slot = reader.view.space, field.slot
    rows, vectors = [], []
    for key, data in reader.txn.scan("sparse", sparse_key(space, slot, start), sparse_key(space, slot, stop)):
        rows.append(int.from_bytes(key[6:], "big"))
        vectors.append(unpack_sparse(data))
    lengths = np.array([len(indices) for indices, _ in vectors], np.int64)
    if not vectors:
        return np.zeros(0, np.uint32), lengths, np.zeros(0, np.uint32), np.zeros(0, np.float32)
    return (
        np.array(rows, np.uint32),
        lengths,
        np.concatenate([indices for indices, _ in vectors]),
        field.as_indexed(np.concatenate([values for _, values in vectors])),
    )
