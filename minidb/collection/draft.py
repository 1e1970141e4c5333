"""One operation being written: it reads the newest state inside the write transaction and prepares the next view.

A draft turns "these points go in, those rows go away, these payloads change" into table entries, row-file bytes and one
operation-log entry. It knows nothing of requests; `operations` decides what to do, `Collection.write` publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.collection.encode import FieldColumn
from minidb.collection.eras import begin_era
from minidb.collection.fields import OFFSET_BYTES, VectorField, decode_offsets, encode_offsets
from minidb.collection.sync_state import keep_deleted
from minidb.collection.view import PayloadChange, View
from minidb.errors import NotFound
from minidb.storage.checksum import seal_rows
from minidb.storage.interface import CorruptRow, WriteTransaction
from minidb.storage.records import (
    Head,
    LogEntry,
    PointId,
    Record,
    id_key,
    pack_record,
    row_key,
    row_of_value,
    row_value,
    seq_key,
    sparse_key,
    unpack_payload,
    unpack_record,
)

if TYPE_CHECKING:
    from minidb.collection.collection import Collection

NO_ROW = -1
_STEP = 4096
_NO_ROWS = np.zeros(0, np.uint32)


class Draft:
    """The writable twin of a `View`, alive for one operation of one transaction."""

    def __init__(self, collection: Collection, txn: WriteTransaction, view: View) -> None:
        self.collection = collection
        self.store = collection.store
        self.txn = txn
        self.view = view
        self._n_rows = view.n_rows
        self._n_tokens = dict(view.n_tokens)
        self._columns = view.columns
        self._removed: list[int] = []
        self._changed: list[int] = []

    @property
    def version(self) -> int:
        """The number of this operation, and the version of every point it touches."""
        return self.view.seq

    # What is there

    def row_of(self, point_id: PointId) -> int:
        """The point's row, or `NO_ROW`."""
        value = self.txn.get("ids", id_key(self.view.space, point_id))
        return NO_ROW if value is None else row_of_value(value)

    def rows_of(self, ids: Iterable[PointId]) -> list[int]:
        space = self.view.space
        values = self.txn.get_many("ids", (id_key(space, point_id) for point_id in ids))
        return [NO_ROW if value is None else row_of_value(value) for value in values]

    def record(self, row: int) -> Record:
        data = self.txn.get("records", row_key(self.view.space, row))
        if data is None:
            raise NotFound(f"No point at row {row} found")
        return unpack_record(data)

    # What changes

    def add(
        self,
        ids: Sequence[PointId],
        payloads: Sequence[bytes],
        columns: Sequence[FieldColumn],
        old_rows: Sequence[int],
        carried: Sequence[int] | None = None,
    ) -> None:
        """Give each point a new row.

        Args:
            columns: new vectors; positions refer to `ids`.
            old_rows: the row each point has now, or `NO_ROW`; it is removed.
            carried: per point, the slots (bit mask) whose vectors are copied from the old row.
        """
        space, first, version, txn = self.view.space, self._n_rows, self.version, self.txn
        n = len(ids)
        slots = list(carried) if carried is not None else [0] * n
        by_slot = {column.field.slot: column for column in columns}
        for column in columns:
            bit = 1 << column.field.slot
            if len(column.positions) == n:
                slots = [mask | bit for mask in slots]
                continue
            for position in column.positions.tolist():
                slots[position] |= bit
        pack = msgpack.Packer().pack
        for field in self.view.fields.values():
            copied = [at for at in range(n) if carried[at] >> field.slot & 1] if carried is not None else []
            self._add_vectors(field, by_slot.get(field.slot), copied, [old_rows[at] for at in copied], first, n)
        for some in _steps(n):  # all entries at once would take several times the room
            txn.put_many("ids", [(id_key(space, ids[at]), row_value(first + at)) for at in some])
            records = [
                (row_key(space, first + at), pack_record(ids[at], version, slots[at], payloads[at], pack))
                for at in some
            ]
            txn.put_many("records", records)
        self._columns = self._columns.with_capacity(first + n)
        self._columns.put_many(first, list(ids), slots, version)
        self._n_rows += n
        self._drop_rows([row for row in old_rows if row != NO_ROW])

    def remove(self, ids_and_rows: Iterable[tuple[PointId, int]]) -> None:
        """Delete points."""
        space = self.view.space
        ids, rows = [], []
        for point_id, row in ids_and_rows:
            self.txn.delete("ids", id_key(space, point_id))
            ids.append(point_id)
            rows.append(row)
        keep_deleted(self.txn, self.collection.number, self.version, ids)
        self._drop_rows(rows)

    def rewrite_payload(self, row: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replace the payload of one point in place."""
        record = self.record(row)
        payload = msgpack.packb(change(unpack_payload(record.payload)))
        packed = pack_record(record.id, self.version, record.slots, payload)
        self.txn.put("records", row_key(self.view.space, row), packed)
        self._columns.rewritten[row] = True
        self._changed.append(row)

    def finish(self) -> View:
        """Write the log entry and the head; the view after the operation."""
        view = self.view
        removed = np.array(self._removed, np.uint32) if self._removed else _NO_ROWS
        changed = np.array(self._changed, np.uint32) if self._changed else _NO_ROWS
        begin_era(self.txn, self.collection.number, self.store.opening, self.version)
        entry = LogEntry(view.n_rows, self._n_rows - view.n_rows, removed, changed)
        self.txn.put("oplog", seq_key(view.space, view.seq), entry.pack())
        head = Head(view.space, view.seq + 1, self._n_rows, view.config_version, self._n_tokens)
        self.txn.put("meta", self.collection.head_key, head.pack())
        last_change = view.last_change
        if len(changed):
            last_change = PayloadChange.after(last_change, view.seq, changed)
        return view.advanced(
            seq=view.seq + 1, removed=removed, columns=self._columns, n_rows=self._n_rows, n_tokens=self._n_tokens,
            last_change=last_change,
        )  # fmt: skip

    def _drop_rows(self, rows: list[int]) -> None:
        space = self.view.space
        sparse_slots = [field.slot for field in self.view.fields.values() if field.kind == "sparse"]
        for row in rows:
            self.txn.delete("records", row_key(space, row))
            for slot in sparse_slots:
                self.txn.delete("sparse", sparse_key(space, slot, row))
        self._removed.extend(rows)

    def _add_vectors(
        self, field: VectorField, column: FieldColumn | None, copied: list[int], old_rows: list[int], first: int, n: int
    ) -> None:
        if field.kind == "sparse":
            self._add_sparse(field, column, copied, old_rows, first)
        elif field.kind == "multi":
            self._add_multi(field, column, copied, old_rows, first, n)
        else:
            self._add_dense(field, column, copied, old_rows, first, n)

    def _add_dense(
        self, field: VectorField, column: FieldColumn | None, copied: list[int], old_rows: list[int], first: int, n: int
    ) -> None:
        if column is None and not copied:
            return
        file = self.store.row_file(self.view.space, field.rows_file, field.row_bytes)
        if column is not None and not copied and len(column.positions) == n and column.sealed is not None:
            file.append(self.txn, first, column.sealed)
            return
        rows = np.zeros((n, file.stride), np.uint8)
        if column is not None and column.sealed is not None:
            rows[column.positions] = column.sealed
        if copied:
            rows[copied] = self._raw(field.rows_file, field.row_bytes, old_rows)
        file.append(self.txn, first, rows)

    def _add_multi(
        self, field: VectorField, column: FieldColumn | None, copied: list[int], old_rows: list[int], first: int, n: int
    ) -> None:
        if column is None and not copied:
            return
        starts, counts = np.zeros(n, np.int64), np.zeros(n, np.int64)
        end = self._n_tokens.get(field.slot, 0)
        if column is not None and column.sealed is not None and column.counts is not None:
            tokens = self.store.row_file(self.view.space, field.tokens_file, field.row_bytes)
            tokens.append(self.txn, end, column.sealed)
            starts[column.positions] = end + np.cumsum(column.counts) - column.counts
            counts[column.positions] = column.counts
            self._n_tokens[field.slot] = end + len(column.sealed)
        if copied:  # tokens stay where they are; only the offset row is written again
            old = self._raw(field.rows_file, OFFSET_BYTES, old_rows)
            starts[copied], counts[copied] = decode_offsets(old)
        rows = seal_rows(encode_offsets(starts, counts))
        self.store.row_file(self.view.space, field.rows_file, OFFSET_BYTES).append(self.txn, first, rows)

    def _add_sparse(
        self, field: VectorField, column: FieldColumn | None, copied: list[int], old_rows: list[int], first: int
    ) -> None:
        space, slot = self.view.space, field.slot
        if column is not None and column.sparse is not None:
            positions, vectors = column.positions.tolist(), column.sparse
            for some in _steps(len(vectors)):
                entries = [(sparse_key(space, slot, first + positions[at]), vectors[at]) for at in some]
                self.txn.put_many("sparse", entries)
        for at, old_row in zip(copied, old_rows, strict=True):
            packed = self.txn.get("sparse", sparse_key(space, slot, old_row))
            if packed is not None:
                self.txn.put("sparse", sparse_key(space, slot, first + at), packed)

    def _raw(self, name: str, width: int, rows: list[int]) -> NDArray[np.uint8]:
        file = self.store.row_file(self.view.space, name, width)
        try:
            return file.copied(np.array(rows, np.uint32), self._n_rows)
        except CorruptRow as error:
            raise self.collection.corrupt_row(self.txn, self.view, error.file, error.row) from None


def _steps(n: int) -> Iterator[range]:
    """The numbers below `n`, some at a time."""
    return (range(start, min(start + _STEP, n)) for start in range(0, n, _STEP))
