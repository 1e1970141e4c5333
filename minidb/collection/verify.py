"""Reading all there is of a collection: records, ids, vectors, derived files. For `client.verify`.

Unlike a search it goes on after damage, and reads again what this process has checked already. Knows nothing of pages
(`storage/verify.py`) and of other collections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.collection.collection import Snapshot
from minidb.collection.fields import OFFSET_BYTES, VectorField, decode_offsets
from minidb.collection.reads import PointReader
from minidb.errors import CorruptionError
from minidb.storage.checkpoint import Checkpoint, checkpoints_of, read_arrays
from minidb.storage.checksum import first_bad_row
from minidb.storage.interface import SPACE_TABLES, ReadTransaction, Store, Table
from minidb.storage.records import space_range, unpack_payload


@dataclass(frozen=True)
class CollectionReport:
    """What was read of one collection, and what of it is damaged: one text for each place."""

    name: str
    points: int = 0
    vectors: int = 0
    derived_files: int = 0
    damage: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` has read and found."""

    pages: int
    """Of `data.mdb`."""
    entries: int
    """Of all tables."""
    snapshots: int
    collections: tuple[CollectionReport, ...]
    damage: tuple[str, ...]
    """Of what belongs to no collection."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage and not any(report.damage for report in self.collections)


Take = Callable[[], AbstractContextManager[Snapshot]]


def checked(
    name: str, snapshot: Take, damaged_keys: dict[Table, list[bytes]]
) -> tuple[CollectionReport, set[tuple[Table, bytes]]]:
    """Read a collection as of one commit; which of the damaged entries are its own. Raises `NotFound`.

    Args:
        damaged_keys: entries of any collection that are known to be damaged.
    """
    own: set[tuple[Table, bytes]] = set()
    try:
        with snapshot() as found:
            own |= set(damaged_of(found.view.space, damaged_keys))
        return _checked(name, snapshot, damaged_keys), own
    except CorruptionError as error:
        return CollectionReport(name, damage=(str(error),)), own


def _checked(name: str, snapshot: Take, damaged_keys: dict[Table, list[bytes]]) -> CollectionReport:
    with snapshot() as found:
        reader = PointReader(found.collection, found.view, found.txn)
        reading = _Reading(reader, found.collection.store)
        reading.run(damaged_keys)
        space, derived = found.view.space, dict(reading.unfit)
    if derived:  # or has another file been named meanwhile, and the old one deleted?
        with snapshot() as found:
            named = list(_checkpoints(found.txn, space)) if found.view.space == space else []
            reading.note_derived(checkpoint for checkpoint in named if derived.get(checkpoint.file) == checkpoint)
    return CollectionReport(
        name, found.view.n_alive, reading.n_vectors, reading.n_derived, tuple(dict.fromkeys(reading.damage))
    )


@dataclass
class _Reading:
    reader: PointReader
    store: Store
    n_vectors: int = 0
    n_derived: int = 0
    damage: list[str] = field(default_factory=list)
    unfit: dict[str, Checkpoint] = field(default_factory=dict)
    """Derived files that are not as they should be, which may only have been replaced."""

    def run(self, damaged_keys: dict[Table, list[bytes]]) -> None:
        view = self.reader.view
        for table, key in damaged_of(view.space, damaged_keys):
            self.damage.append(f"{table} {key.hex()} does not match its checksum")
        for row in view.rows.tolist():
            with self._noting():
                self._read_record(row)
        with self._noting():
            n_ids = sum(1 for _ in self.reader.txn.scan("ids", *space_range(view.space)))
            if n_ids != view.n_alive:
                self.damage.append(f"there are {n_ids} ids of {view.n_alive} points")
        for vector in view.fields.values():
            with self._noting():
                self._read_vectors(vector)
        for checkpoint in _checkpoints(self.reader.txn, view.space) if self.store.path is not None else ():
            self.n_derived += 1
            if not self._is_fit(checkpoint):
                self.unfit[checkpoint.file] = checkpoint

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (CorruptionError, OSError) as error:
            self.damage.append(str(error))

    def _read_record(self, row: int) -> None:
        record = self.reader.record(row)
        if self.reader.row_of(record.id) != row:
            self.damage.append(f"point {record.id} is not found by its id")
        try:
            unpack_payload(record.payload)
        except (ValueError, msgpack.UnpackException):
            self.damage.append(f"the payload of point {record.id} cannot be read")

    def _read_vectors(self, vector: VectorField) -> None:
        view = self.reader.view
        has = view.has(vector.slot)
        rows = np.flatnonzero(has)
        self.n_vectors += len(rows)
        if vector.kind == "sparse":
            for row in rows.tolist():
                with self._noting():
                    self.reader.sparse(vector, row)
            return
        width = vector.row_bytes if vector.kind == "dense" else OFFSET_BYTES
        whole = self._check_rows(vector.rows_file, width, view.n_rows, has)
        if vector.kind == "multi":
            self._check_tokens(vector, np.flatnonzero(whole))

    def _check_rows(self, name: str, width: int, n_rows: int, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the rows that should be there are whole; notes the others."""
        raw, start = self.store.row_file(self.reader.view.space, name, width).raw(n_rows), 0
        whole: NDArray[np.bool_] = present.copy()
        while start < n_rows:
            bad = first_bad_row(raw[start:], present[start:])
            if bad is None:
                break
            whole[start + bad] = False
            self._note_row(name, start + bad)
            start += bad + 1
        return whole

    def _check_tokens(self, vector: VectorField, rows: NDArray[np.int64]) -> None:
        view = self.reader.view
        n_tokens = view.n_tokens.get(vector.slot, 0)
        offsets = self.store.row_file(view.space, vector.rows_file, OFFSET_BYTES).raw(view.n_rows)[rows]
        starts, counts = decode_offsets(offsets)
        raw = self.store.row_file(view.space, vector.tokens_file, vector.row_bytes).raw(n_tokens)
        for row, start, stop in zip(rows.tolist(), starts.tolist(), (starts + counts).tolist(), strict=True):
            if stop > n_tokens or first_bad_row(raw[start:stop]) is not None:
                self._note_row(vector.tokens_file, row)

    def _note_row(self, name: str, row: int) -> None:
        space, path = self.reader.view.space, self.store.path
        file = name if path is None else str(path / "rows" / str(space) / name)
        with self._noting():
            error = self.reader.collection.corrupt_row(self.reader.txn, self.reader.view, file, row)
            self.damage.append(str(error))

    def _is_fit(self, checkpoint: Checkpoint) -> bool:
        assert self.store.path is not None
        return read_arrays(self.store.path / "derived" / str(self.reader.view.space), checkpoint) is not None

    def note_derived(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Derived files that are still named, and still not as they should be."""
        for checkpoint in checkpoints:
            if not self._is_fit(checkpoint):
                file = f"{self.store.path}/derived/{self.reader.view.space}/{checkpoint.file}"
                self.damage.append(f"{file}: missing or damaged; it is ignored, and what it held is made anew")


def damaged_of(space: int, damaged_keys: dict[Table, list[bytes]]) -> Iterator[tuple[Table, bytes]]:
    """Those of the entries that belong to a space."""
    for table in SPACE_TABLES:
        for key in damaged_keys.get(table, ()):
            if int.from_bytes(key[:4], "big") == space:
                yield table, key


def _checkpoints(txn: ReadTransaction, space: int) -> Iterator[Checkpoint]:
    return (checkpoint for _, _, checkpoint in checkpoints_of(txn, space))
