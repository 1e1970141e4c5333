"""The derived data of one collection: int8 sketches, graphs, inverted and centroid indexes by field, their checkpoints.

Everything here can be thrown away and rebuilt from rows and records. Each form covers the rows below some number;
readers extend sketches and inverted indexes to their view when they ask for them, graphs and centroid indexes are
advanced by the indexer. Rows that were dead by then are left out; who reads an older state looks at those among them
that are alive there beside the form (`Indexes.left_out`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.collection.declared import canonical, checkpoint_slot
from minidb.collection.fields import VectorField
from minidb.collection.index_rows import (
    CHUNK_ROWS,
    Pass,
    check_rows,
    dense_chunks,
    graph_vectors,
    metric_of,
    sparse_rows,
    stacked,
)
from minidb.collection.view import View, view_arrays, view_of_arrays
from minidb.filter.index_key import CLASSES, IndexKey, PayloadIndex
from minidb.index.dense.bits import BitSketch
from minidb.index.dense.graph import Graph
from minidb.index.dense.hot import HotRows
from minidb.index.dense.libraries import restored
from minidb.index.dense.sketch import SCANNED_FLOATS, Sketch
from minidb.models import Distance
from minidb.storage.checkpoint import (
    Checkpoint,
    checkpoints_of,
    find_checkpoint,
    forget_pages,
    read_arrays,
    remove_unnamed,
    write_arrays,
)
from minidb.storage.interface import ReadTransaction

if TYPE_CHECKING:
    from minidb.collection.reads import PointReader
    from minidb.index.centroids import CentroidIndex
    from minidb.index.sparse import SparseIndex

_LEAST_ROWS = 1000
"""Fewer are read faster than a file is written."""
_OPENED_AT_ONCE = 64 << 20
"""Of floats. A mapped graph of more is opened by the indexer where searches can scan saved codes until then: of a
million 416 MB are to be checked, and a quarter of a second of processor time goes by before the first answer.
"""


def _opens_at_once(view: View, field: VectorField) -> bool:
    """Whether a search waits for a mapped graph of the field to be opened."""
    return view.n_rows * field.size * 4 <= _OPENED_AT_ONCE


FormKind = Literal["graph", "sketch", "sparse", "centroids"]


class _LeftOut(NamedTuple):
    """Rows that a form covers and does not have, since they were dead in the view of operation `seq` or before."""

    seq: int
    rows: NDArray[np.uint32]


_NONE_LEFT_OUT = _LeftOut(0, np.zeros(0, np.uint32))


class Form(NamedTuple):
    """What a checkpoint is to keep of one index; immutable."""

    kind: str
    slot: int
    n_rows: int
    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def payload_form(key: IndexKey, view: View, index: PayloadIndex) -> Form:
    """A payload index that is current as of the view."""
    meta, arrays = index.arrays()
    meta = {**meta, "seq": view.seq, "key": canonical(key)}
    return Form("payload", checkpoint_slot(key), view.n_rows, meta, arrays)


class Indexes:
    """Forms by vector slot, for one generation of rows; a new generation gets a new object."""

    def __init__(self, space: int, folder: Path | None) -> None:
        self.space = space
        self._folder = folder / "derived" / str(space) if folder is not None else None
        self._lock = threading.RLock()
        self._sketches: dict[int, Sketch | BitSketch] = {}
        self._sparse: dict[int, SparseIndex] = {}
        self._hot: dict[int, HotRows] = {}
        self.graphs: dict[int, Graph] = {}
        """Published by the indexer, one assignment each; rows a graph does not cover are for the reader to scan."""
        self.centroids: dict[int, CentroidIndex] = {}
        """Of multivectors, published likewise."""
        self._tried_to_load: set[tuple[str, int]] = set()
        self._sought: set[int] = set()
        self._left_out: dict[tuple[FormKind, int], _LeftOut] = {}
        self._saved_rows: dict[tuple[str, int], int] = {}

    def sketch(self, reader: PointReader, field: VectorField, may_lack: int = 0) -> Sketch | BitSketch:
        """The field's int8 copy, or its signs where binary quantization is asked for, covering the reader's view; but
        for so many rows at its end, as after each write the whole takes longer than to compare a few by floats.
        """
        view = reader.view
        sketch = self._fitting_sketch(field)
        if sketch is not None and (sketch.n_rows >= view.n_rows - may_lack or not sketch.suits):
            return sketch
        with self._lock:
            sketch = self._fitting_sketch(field) or self._load_sketch(reader, field)
            if sketch is None:
                is_binary = field.quantized == "binary"
                sketch = BitSketch(field.size) if is_binary else Sketch(field.size, metric_of(field))
                self._saved_rows.pop(("sketch", field.slot), None)
            if sketch.n_rows < view.n_rows:
                n_new, scale = view.n_rows - sketch.n_rows, sketch.scale
                sketch.extend(view.n_rows, partial(self._sketched, reader, field))
                if sketch.scale != scale:  # it started over
                    self._saved_rows.pop(("sketch", field.slot), None)
                if n_new > CHUNK_ROWS:
                    reader.collection.store.row_file(self.space, field.rows_file, field.row_bytes).release()
            self._sketches[field.slot] = sketch
            return sketch

    def _sketched(
        self, reader: PointReader, field: VectorField, start: int, stop: int
    ) -> Iterator[NDArray[np.float32]]:
        self.leave_out("sketch", field, reader.view, start, stop)
        return dense_chunks(reader, field, start, stop)

    def leave_out(self, kind: FormKind, field: VectorField, view: View, start: int, stop: int) -> None:
        """Note, before a form takes in rows `[start, stop)` as they are in `view`, those that are dead there."""
        rows = start + view.dead(field.slot, start, stop)
        if len(rows):
            known = self._left_out.get((kind, field.slot), _NONE_LEFT_OUT).rows
            self._left_out[kind, field.slot] = _LeftOut(view.seq, distinct(np.concatenate([known, rows])))

    def left_out(self, kind: FormKind, field: VectorField, view: View) -> NDArray[np.uint32]:
        """Rows that have the vector in `view` and that a form may lack, though it covers them: they died since.

        To be asked after the form, which may be getting more rows right now.
        """
        seq, rows = self._left_out.get((kind, field.slot), _NONE_LEFT_OUT)
        if view.seq >= seq:
            return _NONE_LEFT_OUT.rows
        rows = rows[rows < view.n_rows]
        return rows[view.has(field.slot)[rows]]

    def with_left_out(
        self,
        candidates: NDArray[np.uint32],
        kind: FormKind,
        field: VectorField,
        view: View,
        rows: NDArray[np.uint32] | None = None,
    ) -> NDArray[np.uint32]:
        """Candidates that a form chose, and the rows, of `rows` if given, that it may lack."""
        missing = self.left_out(kind, field, view)
        if not len(missing):
            return candidates
        if rows is not None:
            missing = missing[np.isin(missing, rows)]
        return distinct(np.concatenate([candidates, missing]))

    def hot_rows(self, field: VectorField) -> HotRows:
        """Codes of the filters that are asked again and again."""
        return self._hot.get(field.slot) or self._hot.setdefault(field.slot, HotRows())

    def codes_of(self, field: VectorField) -> tuple[Sketch | BitSketch | None, HotRows | None]:
        """The field's sketch and what is copied of it, if there are any by now."""
        return self._sketches.get(field.slot), self._hot.get(field.slot)

    def sparse_of(self, field: VectorField) -> SparseIndex | None:
        """The field's inverted index, if there is one by now."""
        return self._sparse.get(field.slot)

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
            index = self._sparse.get(field.slot) or self._load_sparse(reader, field) or SparseIndex.empty()
            if index.n_rows < view.n_rows:
                self.leave_out("sparse", field, view, index.n_rows, view.n_rows)
            while index.n_rows < view.n_rows:
                stop = min(view.n_rows, index.n_rows + 16 * CHUNK_ROWS)
                index = index.with_rows(stop, *sparse_rows(reader, field, index.n_rows, stop))
            self._sparse[field.slot] = index
            return index

    def sparse_with(
        self, reader: PointReader, field: VectorField, index: SparseIndex, rows: NDArray[np.uint32]
    ) -> SparseIndex:
        """The index with those of some rows that it lacks, for this reader only."""
        fresh = rows[~index.has_rows(rows)]
        return index.with_rows(
            index.n_rows, *stacked(field, fresh, [reader.sparse(field, row) for row in fresh.tolist()])
        )

    def load_payload_index(self, txn: ReadTransaction, key: IndexKey) -> tuple[int, int, PayloadIndex] | None:
        """A declared payload index from its checkpoint, with the operation and number of rows it covers."""
        loaded = self._load(txn, "payload", checkpoint_slot(key))
        if loaded is None or loaded[0].meta["key"] != canonical(key):
            return None
        checkpoint, arrays = loaded
        return checkpoint.meta["seq"], checkpoint.n_rows, CLASSES[key.kind].of_arrays(checkpoint.meta, arrays)

    def load_view(self, txn: ReadTransaction, empty: View) -> View:
        """The newest checkpointed view of this space; `empty` itself when there is none."""
        for kind, slot, checkpoint in checkpoints_of(txn, self.space):
            self._saved_rows.setdefault((kind, slot), checkpoint.n_rows)
        loaded = self._load(txn, "points", 0)
        if loaded is None or "versions" not in loaded[1]:  # an older minidb's
            return empty
        meta = loaded[0].meta
        return view_of_arrays(empty, meta["seq"], dict(meta["tokens"]), loaded[1])

    def graph(self, reader: PointReader, field: VectorField) -> Graph | None:
        """The field's graph, if there is one by now; one that is mapped and not read is opened here and now, unless it
        is large and there is something to scan meanwhile.
        """
        graph = self.graphs.get(field.slot)
        if graph is None and field.slot not in self._sought:
            with self._lock:
                if field.slot not in self._sought:
                    checkpoint = find_checkpoint(reader.txn, self.space, "graph", field.slot)
                    loaded = None
                    is_mapped = checkpoint is not None and "usearch" in checkpoint.meta
                    if is_mapped and not self._scans_first(reader, field):
                        loaded = self._load_graph(reader, field, lambda: None)
                    if loaded is not None:
                        self.graphs[field.slot] = loaded
                    self._sought.add(field.slot)
            graph = self.graphs.get(field.slot)
        return graph

    def has_graph(self, reader: PointReader, field: VectorField) -> bool:
        """Whether the field has a graph, though it may still have to be opened."""
        if field.slot in self.graphs:
            return True
        return find_checkpoint(reader.txn, self.space, "graph", field.slot) is not None

    def _scans_first(self, reader: PointReader, field: VectorField) -> bool:
        if _opens_at_once(reader.view, field):
            return False
        sketch = self._fitting_sketch(field) or find_checkpoint(reader.txn, self.space, "sketch", field.slot)
        return sketch is not None and reader.view.n_rows - sketch.n_rows <= CHUNK_ROWS

    def centroid_index(self, reader: PointReader, field: VectorField) -> CentroidIndex | None:
        """The index of a field of multivectors, if there is one by now; a saved one is opened here and now."""
        if field.slot not in self.centroids and field.slot not in self._sought:
            with self._lock:
                loaded = self._load(reader.txn, "centroids", field.slot)
                if loaded is not None:
                    from minidb.index.centroids import CentroidIndex

                    n_rows = loaded[0].n_rows
                    self.leave_out("centroids", field, reader.view, 0, n_rows)
                    self.centroids[field.slot] = CentroidIndex.restored(n_rows, loaded[0].meta, loaded[1])
                self._sought.add(field.slot)
        return self.centroids.get(field.slot)

    def load_graph(self, reader: PointReader, field: VectorField, go_on: Callable[[], None]) -> Graph | None:
        """The field's graph, from its checkpoint if it is not loaded yet. For the indexer: it may take a second.

        Args:
            go_on: called now and then; raises when nobody waits for the graph any more.
        """
        graph = self.graph(reader, field)
        if graph is None:
            graph = self._load_graph(reader, field, go_on)
            if graph is not None:
                if not graph.opens_mapped:
                    check_rows(reader, field, go_on)  # all are in memory now: so that no search has to
                self.graphs[field.slot] = graph
                self.give_back(reader, field)
        return graph

    def give_back(self, reader: PointReader, field: VectorField) -> None:
        """The pages of codes and rows: searches were scans until there was a graph, few are now, and what they need
        comes back from the file.
        """
        sketch = self._sketches.get(field.slot)
        if sketch is not None:
            forget_pages(sketch.rows)
        reader.collection.store.row_file(self.space, field.rows_file, field.row_bytes).release()

    def replace_graph(self, field: VectorField, graph: Graph) -> None:
        """Publish a graph that was built anew; what may be saved is another."""
        with self._lock:
            self._saved_rows.pop(("graph", field.slot), None)
            self.graphs[field.slot] = graph

    def replace_centroids(self, field: VectorField, index: CentroidIndex) -> None:
        """Publish an index with other centroids than the one that may be saved."""
        with self._lock:
            self._saved_rows.pop(("centroids", field.slot), None)
            self.centroids[field.slot] = index

    def keep_only(self, slots: Collection[int]) -> None:
        """Drop what vectors left whose names were deleted."""
        with self._lock:
            for forms in (self._sketches, self._sparse, self._hot, self.graphs, self.centroids):
                for slot in set(forms) - set(slots):
                    forms.pop(slot)

    # Checkpoints

    def lacks(self, view: View, field: VectorField, least_share: float) -> int:
        """How many rows a checkpoint waits for: rows to be taken into what searches of the field will ask for.

        0 when the last checkpoint has nearly all rows, or when searches of the field need none.
        """
        kind = self._asked_for(view, field)
        if self._folder is None or kind is None or not self._worth((kind, field.slot), view.n_rows, least_share):
            return 0
        form = self._sketches.get(field.slot) if kind == "sketch" else self._sparse.get(field.slot)
        if form is None:
            return view.n_rows - self._saved_rows.get((kind, field.slot), 0)
        useless = isinstance(form, Sketch | BitSketch) and not form.suits
        return 0 if useless else view.n_rows - form.n_rows

    def make(self, reader: PointReader, field: VectorField) -> None:
        """What searches of the field will ask for, before one does: the first after opening finds it saved."""
        if field.kind == "sparse":
            self.sparse(reader, field)
        else:
            self.sketch(reader, field)

    def _asked_for(self, view: View, field: VectorField) -> str | None:
        if field.kind == "sparse":
            return "sparse" if view.n_rows >= _LEAST_ROWS else None
        if field.kind == "multi" or field.distance == Distance.MANHATTAN or view.n_rows * field.size <= SCANNED_FLOATS:
            return None
        graph = self.graphs.get(field.slot)
        is_read = graph is None or not graph.opens_mapped
        return "sketch" if is_read or not _opens_at_once(view, field) else None

    def unsaved(self, view: View, least_share: float) -> list[Form]:
        """Every form that covers `least_share` more rows than its last checkpoint."""
        if self._folder is None:
            return []
        forms: list[Form] = []
        if self._worth(("points", 0), view.n_rows, least_share):
            meta: dict[str, Any] = {"seq": view.seq, "tokens": list(view.n_tokens.items())}
            forms.append(Form("points", 0, view.n_rows, meta, view_arrays(view)))
        for slot in (field.slot for field in view.fields.values()):
            with self._lock:  # a sketch grows in place; what it has of the rows it covers stays
                sketch = self._sketches.get(slot)
                if sketch is not None and sketch.suits and self._worth(("sketch", slot), sketch.n_rows, least_share):
                    meta = {"scale": sketch.scale, "binary": isinstance(sketch, BitSketch)}
                    forms.append(Form("sketch", slot, sketch.n_rows, meta, {"rows": sketch.rows}))
            index, graph, centroids = self._sparse.get(slot), self.graphs.get(slot), self.centroids.get(slot)
            if index is not None and self._worth(("sparse", slot), index.n_rows, least_share):
                forms.append(Form("sparse", slot, index.n_rows, {}, index.arrays()))
            if graph is not None and self._worth(("graph", slot), graph.n_rows, least_share):
                forms.append(Form("graph", slot, graph.n_rows, *graph.saved()))
            if centroids is not None and self._worth(("centroids", slot), centroids.n_rows, least_share):
                forms.append(Form("centroids", slot, centroids.n_rows, *centroids.saved()))
        return forms

    def write(self, form: Form) -> Checkpoint:
        """Write a form to a file of its own; searches go on."""
        assert self._folder is not None
        name = f"{form.kind}-{form.slot}-{os.urandom(4).hex()}"  # never over a file somebody may have mapped
        return write_arrays(self._folder, name, form.n_rows, form.meta, form.arrays)

    def named(self, saved: list[tuple[Form, Checkpoint]], before: set[str], after: set[str]) -> None:
        """These forms are saved: the store has just named the files `after` in the place of those `before`."""
        assert self._folder is not None
        self._saved_rows |= {(form.kind, form.slot): form.n_rows for form, _ in saved}
        remove_unnamed(self._folder, before - after, after)

    def use_saved(self, reader: PointReader, saved: list[tuple[Form, Checkpoint]]) -> None:
        """Graphs that open mapped are searched as they lie on disk from now on: by all cores, and with less memory."""
        assert self._folder is not None
        fields = {field.slot: field for field in reader.view.fields.values()}
        for form, written in saved:
            graph = self.graphs.get(form.slot) if form.kind == "graph" else None
            arrays = read_arrays(self._folder, written) if graph is not None and graph.opens_mapped else None
            if arrays is None:
                continue
            mapped = self._restored(reader, fields[form.slot], form.meta, arrays)
            with self._lock:
                if mapped is not None and self.graphs.get(form.slot) is graph:
                    self.graphs[form.slot] = mapped

    def _worth(self, key: tuple[str, int], n_rows: int, least_share: float) -> bool:
        return n_rows > self._saved_rows.get(key, 0) * (1.0 + least_share)

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
            self._saved_rows.pop((kind, slot), None)
            return None
        self._saved_rows[kind, slot] = checkpoint.n_rows
        return checkpoint, arrays

    def _load_sketch(self, reader: PointReader, field: VectorField) -> Sketch | BitSketch | None:
        loaded = self._load(reader.txn, "sketch", field.slot)
        if loaded is None or loaded[0].meta.get("binary", False) != (field.quantized == "binary"):
            return None
        checkpoint, arrays = loaded
        self.leave_out("sketch", field, reader.view, 0, checkpoint.n_rows)
        if field.quantized == "binary":
            return BitSketch.of(arrays["rows"], field.size)  # type: ignore[arg-type]
        return Sketch.of(arrays["rows"], checkpoint.meta["scale"], metric_of(field))  # type: ignore[arg-type]

    def _load_sparse(self, reader: PointReader, field: VectorField) -> SparseIndex | None:
        from minidb.index.sparse import SparseIndex

        loaded = self._load(reader.txn, "sparse", field.slot)
        if loaded is None:
            return None
        self.leave_out("sparse", field, reader.view, 0, loaded[0].n_rows)
        return SparseIndex.of_arrays(loaded[0].n_rows, loaded[1])

    def _load_graph(self, reader: PointReader, field: VectorField, go_on: Callable[[], None]) -> Graph | None:
        loaded = self._load(reader.txn, "graph", field.slot)
        if loaded is None:
            return None
        checkpoint, arrays = loaded
        self.leave_out("graph", field, reader.view, 0, checkpoint.n_rows)
        return self._restored(reader, field, checkpoint.meta, arrays, go_on)

    def _restored(
        self,
        reader: PointReader,
        field: VectorField,
        meta: dict[str, Any],
        arrays: dict[str, NDArray[Any]],
        go_on: Callable[[], None] = lambda: None,
    ) -> Graph | None:
        on_the_way = Pass(reader, field)

        def vectors_of(rows: NDArray[np.uint32]) -> NDArray[np.float32]:
            go_on()
            vectors = graph_vectors(reader, field, rows)
            on_the_way.after(len(rows))
            return vectors

        graph = restored(metric_of(field), meta, arrays, vectors_of)
        on_the_way.end()
        return graph
