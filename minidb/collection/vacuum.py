"""The next generation: living points are copied to a new space without gaps, in steps that let writers in between; the
last step takes in what they did meanwhile and switches over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from minidb.collection.chunks import STEP_BYTES, STEP_ROWS, ChunkWriter, Filled, read_chunk
from minidb.collection.collection import Collection, log_range, snapshot_of
from minidb.collection.reads import PointReader
from minidb.collection.view import View, filled_view
from minidb.storage.checksum import stride_of
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import (
    Head,
    LogEntry,
    id_key,
    row_key,
    row_of_value,
    sparse_key,
)
from minidb.storage.spaces import Filling, clean, erase_space, filling, pause


def vacuum(store: Store, collection: Collection, go_on: Callable[[], None] = lambda: None) -> None:
    """Write the next generation and switch to it. Readers keep the one they have, writers wait for one step at most.

    Nothing is done where no row is dead; given up where the collection got another generation meanwhile or its log
    was cut.

    Args:
        go_on: called before each step, and may raise.
    """
    with snapshot_of(collection) as snapshot:
        if snapshot.view.n_alive == snapshot.view.n_rows:
            return
    with filling(store) as space:
        copy = _Copy(store, collection, space)
        progress: _Progress | None = _Progress()
        while progress is not None:
            go_on()
            copy.note_dead(progress)
            progress = store.write(partial(copy.step, progress))
            pause()
    clean(store, go_on)


@dataclass(frozen=True)
class _Progress:
    """How far a copy is after a step. A step may be run again, so what it learns is returned."""

    source: int | None = None
    """The space that is copied, from the first step on."""
    seq: int = 0
    """Operations of the source that the copy has taken in, as far as its rows below `at` go."""
    at: int = 0
    """Rows of the source below are done with."""
    n_seen: int = 0
    """Rows the source had."""
    filled: Filled = field(default_factory=Filled)
    dead: list[int] = field(default_factory=list)
    """Rows of the copy whose points the step has found deleted or replaced."""


class _Copy:
    def __init__(self, store: Store, collection: Collection, space: Filling) -> None:
        self._store, self._collection, self._space = store, collection, space
        self._writer = ChunkWriter(store, space.space)
        self._row_of = np.zeros(0, np.uint32)  # of a source's row that was alive when its turn came, in the copy
        self._has_row = np.zeros(0, bool)
        self._dead: list[int] = []

    def note_dead(self, progress: _Progress) -> None:
        """After the commit of a step."""
        self._dead += progress.dead

    def step(self, begun: _Progress, txn: WriteTransaction) -> _Progress | None:
        """Take in what was written since the step before and copy some more. None: the copy has become the
        collection's, or is of no use.
        """
        self._space.check(txn)
        view = self._collection.staged_view(txn)
        if begun.source is None:
            begun = _Progress(view.space, view.seq, n_seen=view.n_rows)
            self._writer.reserve(view.fields.values(), _dense_bytes(view))
        log = [LogEntry.unpack(data) for _, data in txn.scan("oplog", *log_range(view.space, begun.seq, view.seq))]
        if view.space != begun.source or len(log) < view.seq - begun.seq:
            return None
        self._reserve(view.n_rows)
        reader = PointReader(self._collection, view, txn)
        dead = self._removed(txn, view, begun, log)
        self._rewrite(txn, reader, begun, log)
        # of writers who add more than a step copies twice as much, or it would never end
        n = max(STEP_ROWS, 2 * (view.n_rows - begun.n_seen))
        rows = begun.at + np.flatnonzero(view.alive[begun.at : view.n_rows])[:n].astype(np.uint32)
        filled, at = begun.filled, view.n_rows
        if len(rows):
            chunk = read_chunk(reader, rows, max(STEP_BYTES, STEP_BYTES * n // STEP_ROWS))
            rows = rows[: len(chunk.records)]
            filled = self._writer.put(txn, view.fields.values(), filled, chunk)
            self._row_of[rows] = np.arange(begun.filled.n_rows, filled.n_rows, dtype=np.uint32)
            at = int(rows[-1]) + 1
        self._has_row[begun.at : at] = False
        self._has_row[rows] = True
        if not view.alive[at : view.n_rows].any():
            self._switch(txn, view, filled, dead)
            return None
        return _Progress(view.space, view.seq, at, view.n_rows, filled, dead)

    def _reserve(self, n_rows: int) -> None:
        n_more = n_rows - len(self._row_of)
        if n_more > 0:
            n_more = max(n_more, len(self._row_of))
            self._row_of = np.concatenate([self._row_of, np.zeros(n_more, np.uint32)])
            self._has_row = np.concatenate([self._has_row, np.zeros(n_more, bool)])

    def _copied(self, rows: list[NDArray[np.uint32]], begun: _Progress) -> NDArray[np.uint32]:
        """Those of the source's rows that are in the copy."""
        all_rows = np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.uint32)
        all_rows = all_rows[all_rows < begun.at]
        return all_rows[self._has_row[all_rows]]

    def _removed(self, txn: WriteTransaction, view: View, begun: _Progress, log: list[LogEntry]) -> list[int]:
        """Take points from the copy that were deleted or replaced; their rows there."""
        space, dead = self._space.space, []
        sparse = [field.slot for field in view.fields.values() if field.kind == "sparse"]
        for row in self._copied([entry.removed for entry in log], begun).tolist():
            there = int(self._row_of[row])
            key = id_key(space, self._writer.columns.id_of(there))
            known = txn.get("ids", key)
            if known is not None and row_of_value(known) == there:
                txn.delete("ids", key)
            txn.delete("records", row_key(space, there))
            for slot in sparse:
                txn.delete("sparse", sparse_key(space, slot, there))
            dead.append(there)
        return dead

    def _rewrite(self, txn: WriteTransaction, reader: PointReader, begun: _Progress, log: list[LogEntry]) -> None:
        """Copy again the records of points whose payload was changed in place."""
        rows = self._copied([entry.changed for entry in log], begun)
        rows = rows[reader.alive[rows]]
        there, space = self._row_of[rows].tolist(), self._space.space
        records = reader.stored(rows.tolist())
        txn.put_many("records", [(row_key(space, row), data) for row, data in zip(there, records, strict=True)])
        self._writer.columns.rewritten[there] = True

    def _switch(self, txn: WriteTransaction, view: View, filled: Filled, dead: list[int]) -> None:
        n_rows, alive = filled.n_rows, np.ones(filled.n_rows, bool)
        alive[[*self._dead, *dead]] = False
        head = Head(self._space.space, view.seq, n_rows, view.config_version, filled.n_tokens)
        self._collection.switch_space(txn, head, filled_view(view.fields, head, self._writer.columns, alive))
        self._space.name(txn)
        erase_space(self._store, txn, view.space)


def _dense_bytes(view: View) -> int:
    """Of a generation's vectors, all tokens of multivectors among them; at least."""
    tokens = sum(view.n_tokens.get(field.slot, 0) * field.row_bytes for field in view.fields.values())
    return tokens + view.n_rows * max((stride_of(field.row_bytes) for field in view.fields.values()), default=0)
