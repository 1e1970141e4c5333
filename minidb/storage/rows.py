"""Files of fixed-width rows: on disk, written at positions and read through a read-only map; in memory, one array.

A row's bytes never change once a commit has named it. Bytes beyond the committed end are garbage of writers that died
and are overwritten. Mapped pages beyond the end of a file kill the process, so a map is made only over bytes that are
there: a file shorter than the commit says is first filled up with zeros, which then fail their checksums.
"""

from __future__ import annotations

import mmap
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minidb.errors import ServiceError
from minidb.storage.checksum import first_bad_row, stride_of
from minidb.storage.interface import CorruptRow, WriteTransaction
from minidb.storage.open_files import OpenFiles
from minidb.system import files
from minidb.system.calls import PAGE_BYTES
from minidb.system.files import File

WAL_LIMIT_BYTES = 256 * 1024
"""Appends below this ride in the commit (one sync); above it the file itself is synced first (measured: 0.27 ms
against 0.46 for single points, while large batches gain from writing once)."""
_MAPPED_BYTES = 64 << 20
_FEW_ROWS, _FEW_ROWS_SPARING = 24, 64
"""So few rows of a larger file are read, not taken from the map: Linux (6.18) maps the whole large folio around a page
that is touched: candidates of a hundred searches made 86 of 147 MB resident. Of a search of 600 µs, reading ten rows
takes 40 more at most, 20 took 80; 40, which codes choose, 100 to 210.
"""
_FIRST_CAPACITY_BYTES = 64 * 1024
_NO_ROWS = np.zeros((0, 0), np.uint8)


class MemoryRowFile:
    """The in-memory twin: an array that doubles. Older readers keep the array they have."""

    def __init__(self, name: str, width: int) -> None:
        self.name = name
        self.width = width
        self.stride = stride_of(width)
        self._rows = np.zeros((0, self.stride), np.uint8)
        self._growing = threading.Lock()

    def append(self, txn: WriteTransaction, start: int, rows: NDArray[np.uint8]) -> None:
        end = start + len(rows)
        with self._growing:
            self._reserve(end)
            self._rows[start:end] = rows

    def reserve(self, n_rows: int) -> None:
        with self._growing:
            self._reserve(n_rows)

    def _reserve(self, n_rows: int) -> None:
        if n_rows > len(self._rows):
            grown = np.zeros((max(n_rows, 2 * len(self._rows), 16), self.stride), np.uint8)
            grown[: len(self._rows)] = self._rows
            self._rows = grown

    def raw(self, n_rows: int) -> NDArray[np.uint8]:
        if n_rows > len(self._rows):  # a field whose last points lack the vector
            with self._growing:
                self._reserve(n_rows)
        view = self._rows[:n_rows]
        view.flags.writeable = False
        return view

    def copied(
        self, rows: NDArray[np.uint32], n_rows: int, target: NDArray[np.uint8] | None = None, *, sparing: bool = False
    ) -> NDArray[np.uint8]:
        return self.raw(n_rows).take(rows, axis=0, out=target, mode="clip")

    def verify(self, rows: NDArray[np.uint32], n_rows: int) -> None:
        """Memory is trusted."""

    def verify_all(self, n_rows: int, present: NDArray[np.bool_] | None) -> None:
        """Memory is trusted."""

    def release(self) -> None:
        """Nothing is mapped."""


class MappedRowFile:
    """Rows in one file. Each is checked against its checksum once per process.

    Descriptor and map are there while they are used: `OpenFiles` takes them back from the files that were not used for
    longest, and the next use opens the file again.
    """

    def __init__(self, path: Path, root: Path, wal_key: bytes, width: int, *, durable: bool, writable: bool) -> None:
        self.name = path.name
        self.path = path
        self.width = width
        self.stride = stride_of(width)
        self._root = root
        self._wal_key = wal_key
        self._durable, self._writable = durable, writable
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._has_entry = False
        self._was_there = False
        self._file: File | None = None
        self._capacity = 0
        self._mapped = _NO_ROWS
        self._buffer: mmap.mmap | None = None
        self.is_used = False
        self._verified = np.zeros(1, bool)
        """By row; the last is False, and stands for those beyond."""
        self._verified_rows = 0
        """All before are."""

    def append(self, txn: WriteTransaction, start: int, rows: NDArray[np.uint8]) -> None:
        data = np.ascontiguousarray(rows).reshape(-1)
        offset = start * self.stride
        file = None
        try:
            file = self._opened()
            self._reserve(file, offset + data.nbytes)
            file.write_at(offset, data.data)
            self._check_place(file)
            if not self._durable:
                return
            if data.nbytes < WAL_LIMIT_BYTES:
                txn.put("wal", self._wal_key + offset.to_bytes(8, "big"), data.tobytes())
            else:
                file.sync()
                self._sync_entry()
        except OSError as error:
            if file is not None:
                self._give_back(file, offset)
            raise files.failure(error, f"could not write {data.nbytes} bytes to {self.path}") from error

    def check_place(self) -> None:
        """Raises `ServiceError` where the file was used here, and has been moved or removed by somebody else since."""
        try:
            if self._was_there:
                self._check_place(self._opened())
        except OSError as error:
            raise files.failure(error, f"could not look at {self.path}") from error

    def _check_place(self, file: File) -> None:
        """Rows in a file that its path does not name are lost, so this comes after they were written there."""
        if not file.is_in_place():
            raise ServiceError(
                f"{self.path} was moved or removed while the store was open: nothing was written; bring it back, or "
                "restore a snapshot"
            )

    def reserve(self, n_rows: int) -> None:
        """Files grow without a copy."""

    def _sync_entry(self) -> None:
        """A file whose entry, or whose folder's, is not on disk is lost to a power cut."""
        if not self._has_entry:
            files.sync_entries(self.path, self._root)
            self._has_entry = True

    def _give_back(self, file: File, offset: int) -> None:
        """The disk that rows of a failed append took; the file keeps its length, maps may reach there."""
        with suppress(OSError), self._opening, file.alone():
            end = file.size()
            file.resize(min(end, -(-offset // PAGE_BYTES) * PAGE_BYTES))
            file.resize(end)

    def raw(self, n_rows: int) -> NDArray[np.uint8]:
        self.is_used = True
        mapped = self._mapped
        if len(mapped) < n_rows:
            mapped = self._map(n_rows)
        return mapped[:n_rows]

    def copied(
        self, rows: NDArray[np.uint32], n_rows: int, target: NDArray[np.uint8] | None = None, *, sparing: bool = False
    ) -> NDArray[np.uint8]:
        few = _FEW_ROWS_SPARING if sparing else _FEW_ROWS
        if len(rows) > few or n_rows * self.stride <= _MAPPED_BYTES or not files.reads_in_place():
            self.verify(rows, n_rows)
            return self.raw(n_rows).take(rows, axis=0, out=target, mode="clip")
        if target is None:
            target = np.empty((len(rows), self.stride), np.uint8)
        self._read(rows, target)
        unverified = self._unverified(rows)
        if len(unverified):
            self._check_copies(rows[unverified], target[unverified])
        return target

    def verify(self, rows: NDArray[np.uint32], n_rows: int) -> None:
        rows = rows[self._unverified(rows)]
        if not len(rows):
            return
        raw, first, last = self.raw(n_rows), int(rows[0]), int(rows[-1])
        is_run = last - first == len(rows) - 1 and bool((np.diff(rows) == 1).all())
        self._check_copies(rows, raw[first : last + 1] if is_run else raw[rows])

    def _unverified(self, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Where in `rows` those are that are still to be checked."""
        return (~self._verified.take(rows, mode="clip")).nonzero()[0]

    def _check_copies(self, rows: NDArray[np.uint32], sealed: NDArray[np.uint8]) -> None:
        bad = first_bad_row(sealed)
        if bad is not None:
            raise CorruptRow(str(self.path), int(rows[bad]))
        self._mark_verified(rows, int(rows.max()) + 1)

    def _mark_verified(self, rows: NDArray[np.uint32] | slice, n_rows: int) -> None:
        """Rows below `n_rows`."""
        with self._lock:
            if n_rows >= len(self._verified):
                grown = np.zeros(2 * n_rows, bool)
                grown[: len(self._verified)] = self._verified
                self._verified = grown
            self._verified[rows] = True

    def _read(self, rows: NDArray[np.uint32], target: NDArray[np.uint8]) -> None:
        """As `raw` has them: a file that is not there, or too short, reads as zeros."""
        if self._file is None and not files.exists(self.path):
            target[:] = 0
            return
        try:
            self._opened().read_into(target, [row * self.stride for row in rows.tolist()])
        except OSError as error:
            raise files.failure(error, f"could not read {self.path}") from error

    def verify_all(self, n_rows: int, present: NDArray[np.bool_] | None) -> None:
        start = self._verified_rows
        if start >= n_rows:
            return
        bad = first_bad_row(self.raw(n_rows)[start:], None if present is None else present[start:n_rows])
        if bad is not None:
            raise CorruptRow(str(self.path), start + bad)
        self._verified_rows = max(self._verified_rows, n_rows)
        self._mark_verified(slice(n_rows), n_rows)

    def release(self) -> None:
        files.forget_pages(self._buffer)

    def close(self) -> None:
        """Let go of descriptor and map; whoever is using them keeps them until then. Takes no lock: opening another
        file may ask for it."""
        self._file, self._capacity = None, 0
        self._mapped, self._buffer = _NO_ROWS, None

    def _opened(self) -> File:
        self.is_used = True
        file = self._file
        if file is None:
            is_new = self._writable and not self._was_there  # or else it was removed: another one would lack its rows
            if is_new:
                files.make_folders(self.path.parent)
            with self._opening:
                file = self._file
                if file is None:
                    file = self._file = File(self.path, write=self._writable, create=is_new)
                    self._was_there = True
            OpenFiles.of_process().opened(self)
        return file

    def _reserve(self, file: File, end: int) -> None:
        """Grow the file in steps, so that maps stay valid for many appends; the tail is a hole that takes no disk."""
        if end <= self._capacity:
            return
        with self._opening, file.alone():  # growing to less than somebody else just did would cut rows off
            capacity = file.size()
            if end > capacity:
                step = min(max(capacity, _FIRST_CAPACITY_BYTES), 64 * 1024 * 1024)
                capacity = (end + step) // PAGE_BYTES * PAGE_BYTES + PAGE_BYTES
                file.resize(capacity)
            self._capacity = capacity

    def _map(self, n_rows: int) -> NDArray[np.uint8]:
        with self._lock:
            if len(self._mapped) >= n_rows:
                return self._mapped
            if self._file is None and not files.exists(self.path):  # a field without a vector, or a file that was lost
                return np.zeros((n_rows, self.stride), np.uint8)
            file = self._opened()
            if self._writable:
                self._reserve(file, n_rows * self.stride)
            rows = file.size() // self.stride
            if rows < n_rows:  # cut short, and not ours to fill
                return self._filled_up(file, rows, n_rows)
            buffer = file.mapped(rows * self.stride)
            self._buffer = buffer
            self._mapped = np.frombuffer(buffer, np.uint8).reshape(rows, self.stride)
            return self._mapped

    def _filled_up(self, file: File, rows: int, n_rows: int) -> NDArray[np.uint8]:
        filled = np.zeros((n_rows, self.stride), np.uint8)
        filled[:rows] = np.frombuffer(file.read_at(rows * self.stride, 0), np.uint8).reshape(rows, self.stride)
        return filled
