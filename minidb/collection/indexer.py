"""The background thread that keeps derived data worth having: graphs, centroid indexes, vacuum, checkpoints. Never
needed for a right answer.

One thread per open database, started when a collection needs it and gone when none does. A collection counts as yellow
while it waits here.
"""

from __future__ import annotations

import math
import time
import weakref
from _thread import LockType, allocate_lock
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from minidb.collection.collection import Collection, snapshot_of
from minidb.collection.declared import index_key
from minidb.collection.fields import VectorField
from minidb.collection.index_plan import (
    CLOSING_ROWS,
    centroid_plan,
    check_step,
    graph_plan,
    needs_work,
    wants_index,
    worth_vacuuming,
)
from minidb.collection.index_rows import comparable, graph_vectors, metric_of
from minidb.collection.indexes import payload_form
from minidb.collection.reads import PointReader
from minidb.errors import MinidbError, NotFound, ServiceError
from minidb.index.dense.calibration import Calibration, held_out
from minidb.index.dense.graph import Blocks, Graph, GraphSettings
from minidb.index.dense.libraries import build
from minidb.storage.checkpoint import files_named, name_checkpoint
from minidb.storage.interface import NoTransaction, Store, WriteTransaction
from minidb.storage.records import seq_key
from minidb.storage.spaces import clean
from minidb.system import threads

_MEASURED_GROWTH = 1.5
"""A graph grown by so much is measured again."""
_BUILD_ROWS = 1024
"""Rows between two looks at whether the database closes: with 1,536 dimensions they take a second or two."""
_SHARE, _CLOSING_SHARE = 0.5, 0.1
"""Derived data is saved when it has grown by this share since."""
_LOOK_AGAIN_S = 1.0
"""Who waits looks so often whether the thread is still there."""
_KEPT_LOG_ENTRIES = 10_000
"""For other processes that have not looked for a while; one that comes later still reads the records anew."""


class _Stopped(Exception):
    """The database is closing: what was being built is not needed."""


class _Life:
    """Held by a thread alone: gone with it, whatever ends it."""

    __slots__ = ("__weakref__",)


class Indexer:
    """Looks at collections that were written to, one at a time, as long as there are any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # bare locks: the main thread asks and waits here, and a Condition keeps its lock when Ctrl-C falls into it
        self._lock = allocate_lock()
        self._waiting: dict[int, Collection] = {}
        self._busy: int | None = None
        self._space = -1
        """Of the collection at hand, when it was looked at."""
        self._stopping = False
        self._life: weakref.ref[_Life] | None = None
        self._is_untidy = False
        self._observers: list[LockType] = []

    @property
    def is_running(self) -> bool:
        """Whether its thread is there: in C++, it must not meet the end of the interpreter."""
        life = self._life
        return life is not None and life() is not None

    def notice(self, collection: Collection) -> None:
        """Cheap: called after every commit. Looks closer only when a collection has grown by a few percent."""
        collection.seen_by_indexer = True
        view = collection.published[0]
        if view.n_rows < collection.next_check and not worth_vacuuming(view, collection.config):
            return
        collection.next_check = view.n_rows + check_step(collection, view)
        if needs_work(collection):
            self.enqueue(collection)

    def welcome(self, collection: Collection) -> None:
        """Whoever waits for green, and the first search of a collection that was there before: load its graph, or do
        what was left undone.
        """
        collection.seen_by_indexer = True
        if needs_work(collection):
            self.enqueue(collection)

    def enqueue(self, collection: Collection) -> None:
        with self._lock:
            if self._stopping:
                return
            self._waiting[collection.number] = collection
            if not self.is_running and not self._start():  # no thread can be had: the next write tries again
                self._waiting.clear()
                collection.index_error = "no thread could be started for indexing"

    def tidy(self) -> None:
        """Delete what is left of spaces that were erased."""
        with self._lock:
            self._is_untidy = not self._stopping
            if self._is_untidy and not self.is_running:
                self._start()

    def _start(self) -> bool:
        life = _Life()
        self._life = weakref.ref(life)
        is_started = threads.start(partial(self._run, life))
        if not is_started:
            self._life = None
        return is_started

    def is_busy_with(self, collection: Collection) -> bool:
        with self._lock:
            return self._concerns(collection)

    def _concerns(self, collection: Collection) -> bool:
        return collection.number in self._waiting or self._busy == collection.number

    def wait(self, collection: Collection, timeout: float | None) -> bool:
        """Until the collection is green; False when `timeout` seconds were not enough."""
        return self._wait(lambda: not self._concerns(collection), timeout)

    def _wait(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        limit = math.inf if timeout is None else time.monotonic() + timeout
        changed: LockType | None = None
        while True:
            with self._lock:
                if self._life is not None and not self.is_running:  # it had no memory left to say so
                    self._end()
                if is_over():
                    return True
                if changed is None:
                    changed = allocate_lock()
                    changed.acquire()
                    self._observers.append(changed)
            left = limit - time.monotonic()
            if left <= 0:
                return False
            if changed.acquire(timeout=min(left, _LOOK_AGAIN_S)):
                changed = None

    def stop(self) -> None:
        """Finish the step at hand and end the thread."""
        with self._lock:
            self._stopping = True
            self._waiting.clear()
        self._wait(lambda: not self.is_running, None)

    def _run(self, life: _Life) -> None:
        try:
            self._work()
        finally:
            with self._lock:
                if (
                    self._life is not None and self._life() is life
                ):  # else it came to its end, and another may be at work
                    self._end()

    def _end(self) -> None:
        """After an error nobody foresaw: those who wait go on, and the next write tries again."""
        self._waiting.clear()
        self._life = self._busy = None
        self._tell()

    def _tell(self) -> None:
        for changed in self._observers:
            changed.release()
        self._observers.clear()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._busy = None
                self._tell()
                if self._stopping or not (self._waiting or self._is_untidy):
                    self._life = None
                    self._tell()
                    return
                collection = next(iter(self._waiting.values()), None)
                if collection is None:
                    self._is_untidy = False
                else:
                    self._busy = collection.number
                    del self._waiting[self._busy]
            try:
                if collection is None:
                    clean(self._store, self._go_on)
                else:
                    self._improve(collection)
            except (_Stopped, NotFound):  # closed while a graph was being built, or deleted while it waited
                continue
            except (MinidbError, OSError, MemoryError, RuntimeError) as error:
                # derived data only: searches go on without it, and the next write tries again
                what = "tidying up"
                if collection is not None:
                    if self._has_moved(collection):
                        self.enqueue(collection)
                        continue
                    collection.index_error = str(error)
                    what = f"indexing of collection {collection.name!r}"
                import logging  # takes 10 ms to import, and is hardly ever needed

                logging.getLogger(__name__).warning("%s stopped: %s", what, error)

    def _has_moved(self, collection: Collection) -> bool:
        """Whether another process has vacuumed, restored or deleted the collection at hand: its files are then gone,
        and what was to be made of them is to be made of others, if there are any.
        """
        try:
            with snapshot_of(collection) as snapshot:
                return snapshot.view.space != self._space
        except NotFound:
            return True
        except MinidbError:  # closed
            return False

    def _improve(self, collection: Collection) -> None:
        with snapshot_of(collection) as snapshot:
            self._space = snapshot.view.space
            dead = worth_vacuuming(snapshot.view, collection.config)
        if dead and not self._store.read_only:
            from minidb.collection.vacuum import vacuum

            vacuum(self._store, collection, self._go_on)
            collection.next_check = 0
        with snapshot_of(collection) as snapshot:
            self._space = snapshot.view.space
            fields = [
                field for field in snapshot.view.fields.values() if wants_index(snapshot.view, field, collection.config)
            ]
        for field in fields:
            if self._stopping:
                return
            if field.kind == "multi":
                self._advance_centroids(collection, field)
            else:
                self._advance_graph(collection, field)
        collection.index_error = None
        checkpoint(self._store, collection)

    def _go_on(self) -> None:
        if self._stopping:
            raise _Stopped

    def _advance_graph(self, collection: Collection, field: VectorField) -> None:
        with snapshot_of(collection) as snapshot:
            view = snapshot.view
            indexes = collection.indexes_for(view)
            loaded = indexes.load_graph(PointReader(collection, view, snapshot.txn), field, self._go_on)
        # the read transaction ends here: held for a whole build it would keep LMDB from using freed pages again
        reader = PointReader(collection, view, NoTransaction())
        plan = graph_plan(view.has(field.slot), loaded, field)
        if plan == "build":
            indexes.leave_out("graph", field, view, 0, view.n_rows)
            indexes.replace_graph(field, self._built(collection, reader, field))
            collection.store.row_file(view.space, field.rows_file, field.row_bytes).release()
        elif plan == "extend" and loaded is not None:
            indexes.leave_out("graph", field, view, loaded.n_rows, view.n_rows)
            self._extend(loaded, reader, field)

    def _advance_centroids(self, collection: Collection, field: VectorField) -> None:
        from minidb.collection.centroids import Building

        with snapshot_of(collection) as snapshot:
            view = snapshot.view
            indexes = collection.indexes_for(view)
            index = indexes.centroid_index(PointReader(collection, view, snapshot.txn), field)
        building = Building(PointReader(collection, view, NoTransaction()), field, self._go_on)
        plan = centroid_plan(view, field, index)
        if plan == "build":
            indexes.leave_out("centroids", field, view, 0, view.n_rows)
            indexes.replace_centroids(field, building.extended(building.trained()))
        elif plan == "extend" and index is not None:
            indexes.leave_out("centroids", field, view, index.n_rows, view.n_rows)
            indexes.centroids[field.slot] = building.extended(index)
        if plan != "nothing":
            collection.store.row_file(view.space, field.tokens_file, field.row_bytes).release()

    def _extend(self, graph: Graph, reader: PointReader, field: VectorField) -> None:
        view = reader.view
        has = view.has(field.slot)
        rows = np.arange(graph.n_rows, view.n_rows, dtype=np.uint32)
        rows = rows[has[rows]]
        if graph.count + len(rows) > _MEASURED_GROWTH * graph.calibrated.n_rows:
            calibration = self._calibration(reader, field, rows)
            if calibration is not None:
                known = np.flatnonzero(has[: graph.n_rows]).astype(np.uint32)
                for _, vectors in self._blocks(reader, field, known):
                    calibration.see(vectors)
                graph.calibrated = calibration.of(graph, has, partial(graph_vectors, reader, field))
        for chunk, vectors in self._blocks(reader, field, rows):
            end = int(chunk[-1]) + 1 if chunk[-1] != rows[-1] else view.n_rows
            graph.add(chunk, vectors, end)
        graph.find_unlinked(partial(graph_vectors, reader, field))

    def _built(self, collection: Collection, reader: PointReader, field: VectorField) -> Graph:
        view = reader.view
        has = view.has(field.slot)
        rows = np.flatnonzero(has).astype(np.uint32)
        settings = collection.config.hnsw(field.name)
        how = GraphSettings(max(settings.m, 2), settings.ef_construct, field.quantized, field.quantile)
        calibration, blocks = self._calibration(reader, field, rows), self._blocks(reader, field, rows)
        if calibration is not None:
            blocks = calibration.passing(blocks)
        graph = build(metric_of(field), field.size, how, blocks, len(rows), view.n_rows)
        vectors_of = partial(graph_vectors, reader, field)
        graph.find_unlinked(vectors_of)
        if calibration is not None:
            graph.calibrated = calibration.of(graph, has, vectors_of)
            graph.add(calibration.rows, calibration.vectors, view.n_rows)
            graph.find_unlinked(vectors_of)
        return graph

    def _calibration(self, reader: PointReader, field: VectorField, rows: NDArray[np.uint32]) -> Calibration | None:
        """Of a graph that will have these rows and does not yet; None where they are too few."""
        held = held_out(rows)
        if held is None:
            return None
        return Calibration(metric_of(field), held, _checked_vectors(reader, field, held))

    def _blocks(self, reader: PointReader, field: VectorField, rows: NDArray[np.uint32]) -> Blocks:
        """Rows and their vectors, some thousands at a time, until the database closes."""
        for start in range(0, len(rows), _BUILD_ROWS):
            self._go_on()
            chunk = rows[start : start + _BUILD_ROWS]
            yield chunk, _checked_vectors(reader, field, chunk)


def _checked_vectors(reader: PointReader, field: VectorField, rows: NDArray[np.uint32]) -> NDArray[np.float32]:
    return comparable(field, reader.dense(field, rows))


def checkpoint(store: Store, collection: Collection, *, closing: bool = False) -> None:
    """Write derived data that has outgrown its last checkpoint and name it in the store.

    What searches will ask for is made for it; when `closing`, only of a few rows.
    """
    if store.path is None or store.read_only:
        return
    store.check_writable()
    least_share = _CLOSING_SHARE if closing else _SHARE
    with snapshot_of(collection) as snapshot:
        view = snapshot.view
        indexes, reader = collection.indexes_for(view), PointReader(collection, view, snapshot.txn)
        for field in view.fields.values():
            lacking = indexes.lacks(view, field, least_share if closing else 0.0)
            if 0 < lacking <= (CLOSING_ROWS if closing else view.n_rows):
                indexes.make(reader, field)
        forms = indexes.unsaved(view, least_share)
        if forms and collection.config.payload_schema:
            from minidb.filter.evaluate import Evaluation

            evaluation = Evaluation(reader, collection.answers, view.space)
            for path, schema in collection.config.payload_schema.items():
                key = index_key(path, schema)
                forms.append(payload_form(key, view, evaluation.index(key).joined(reader.alive).index))
    if not forms:
        return
    saved = [(form, indexes.write(form)) for form in forms]

    def name_all(txn: WriteTransaction) -> tuple[set[str], set[str]] | None:
        if collection.staged_view(txn).space != view.space:
            return None
        before = files_named(txn, view.space)
        for form, written in saved:
            name_checkpoint(txn, view.space, form.kind, form.slot, written)
        txn.delete_range("oplog", seq_key(view.space, 0), seq_key(view.space, max(view.seq - _KEPT_LOG_ENTRIES, 0)))
        return before, files_named(txn, view.space)

    names = store.write(name_all)
    if names is None:
        store.drop_space(view.space)  # whose folder has been made again
        raise ServiceError("another process has vacuumed the collection")
    indexes.named(saved, *names)
    if not closing:
        indexes.use_saved(reader, saved)
