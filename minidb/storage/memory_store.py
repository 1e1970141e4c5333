"""The in-memory twin of `lmdb_store`: the same tables and row files, gone with the process.

Tables are dictionaries with a sorted key list made on demand. A writer collects its changes in an overlay that the
commit folds in between readers, so a failed write leaves nothing behind and a reader sees one state.

A forked child has a copy. It may read that; a write would be called done and seen by nobody else, so it is refused.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4
from weakref import WeakSet

from minidb.errors import BadRequest, StoreClosed
from minidb.storage.commit import CommitQueue
from minidb.storage.forking import StandsStill
from minidb.storage.gate import PhaseFairGate
from minidb.storage.interface import TABLES, ReadTransaction, RowFile, Table, WriteTransaction
from minidb.storage.reading import Reading
from minidb.storage.rows import MemoryRowFile
from minidb.system.processes import around_fork, process_id

T = TypeVar("T")


_FEW_KEYS = 64
"""As many enter or leave a sorted list one by one; of more it is sorted anew."""


class _MemoryTable:
    __slots__ = ("keys", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.keys: list[bytes] | None = []

    def sorted_keys(self) -> list[bytes]:
        keys = self.keys
        if keys is None:
            keys = self.keys = sorted(self.values)
        return keys

    def apply(self, changes: dict[bytes, bytes | None]) -> None:
        values = self.values
        removed = [key for key, value in changes.items() if value is None]
        gone = [key for key in removed if values.pop(key, None) is not None]
        if gone:
            self._forget(gone)
        for key in removed:
            del changes[key]
        new = [key for key in changes if key not in values] if self.keys is not None else []
        added = cast(dict[bytes, bytes], changes)
        if len(added) > len(values):  # the smaller one goes into the larger: two large ones take twice the room
            self.values, values = added, {key: value for key, value in values.items() if key not in added}
            self.values.update(values)
        else:
            values.update(added)
        if new:
            self._take_in(new)

    def _forget(self, gone: list[bytes]) -> None:
        """Keys that stand side by side, as those of a range do, leave the sorted list as it is."""
        if self.keys is None:
            return
        gone.sort()
        start = bisect_left(self.keys, gone[0])
        stop = start + len(gone)
        if self.keys[stop - 1 : stop] == gone[-1:]:
            del self.keys[start:stop]
        elif len(gone) <= _FEW_KEYS:
            for key in gone:
                del self.keys[bisect_left(self.keys, key)]
        else:
            self.keys = None

    def _take_in(self, new: list[bytes]) -> None:
        assert self.keys is not None
        new.sort()
        if not self.keys or new[0] > self.keys[-1]:
            self.keys += new
        elif len(new) <= _FEW_KEYS:
            for key in new:
                insort(self.keys, key)
        else:
            self.keys = None


class _MemoryRead:
    """What readers see: the committed tables."""

    __slots__ = ("_tables", "txn_id")
    is_write = False

    def __init__(self, tables: dict[Table, _MemoryTable], txn_id: int) -> None:
        self._tables = tables
        self.txn_id = txn_id

    def get(self, table: Table, key: bytes) -> bytes | None:
        return self._tables[table].values.get(key)

    def get_many(self, table: Table, keys: Iterable[bytes]) -> list[bytes | None]:
        return list(map(self._tables[table].values.get, keys))

    def scan(self, table: Table, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        stored = self._tables[table]
        keys = stored.sorted_keys()
        for at in range(bisect_left(keys, start), bisect_left(keys, stop)):
            value = stored.values.get(keys[at])
            if value is not None:
                yield keys[at], value


class _MemoryWrite:
    """The writer's overlay: None marks a removed key."""

    is_write = True

    def __init__(self, tables: dict[Table, _MemoryTable], txn_id: int) -> None:
        self._tables = tables
        self.txn_id = txn_id
        self.changes: dict[Table, dict[bytes, bytes | None]] = {table: {} for table in TABLES}
        self.staged: dict[Any, Any] = {}
        self.publishers: list[Callable[[], None]] = []

    def get(self, table: Table, key: bytes) -> bytes | None:
        changes = self.changes[table]
        return changes[key] if key in changes else self._tables[table].values.get(key)

    def get_many(self, table: Table, keys: Iterable[bytes]) -> list[bytes | None]:
        return [self.get(table, key) for key in keys]

    def scan(self, table: Table, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in self._keys(table, start, stop):
            value = self.get(table, key)
            if value is not None:
                yield key, value

    def _keys(self, table: Table, start: bytes, stop: bytes) -> list[bytes]:
        """Those in the range, removed ones among them."""
        stored, changes = self._tables[table].sorted_keys(), self.changes[table]
        keys, values = stored[bisect_left(stored, start) : bisect_left(stored, stop)], self._tables[table].values
        new = [key for key in changes if start <= key < stop and key not in values]
        return sorted(keys + new) if new else keys

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        self.changes[table][key] = value

    def put_many(self, table: Table, items: list[tuple[bytes, bytes]]) -> None:
        self.changes[table].update(items)

    def delete(self, table: Table, key: bytes) -> bool:
        if self.get(table, key) is None:
            return False
        self.changes[table][key] = None
        return True

    def delete_range(self, table: Table, start: bytes, stop: bytes, most: int | None = None) -> int:
        there = (key for key in self._keys(table, start, stop) if self.get(table, key) is not None)
        keys = list(islice(there, most))
        self.changes[table].update(dict.fromkeys(keys))
        return len(keys)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        changes = {table: dict(entries) for table, entries in self.changes.items()}
        staged, n_publishers = dict(self.staged), len(self.publishers)
        try:
            yield
        except BaseException:
            self.changes, self.staged = changes, staged
            del self.publishers[n_publishers:]
            raise

    def on_commit(self, publish: Callable[[], None]) -> None:
        self.publishers.append(publish)

    def taken_publishers(self) -> list[Callable[[], None]]:
        """Those to run; they hold the transaction, which is not to wait for the garbage collector."""
        publishers, self.publishers = self.publishers, []
        return publishers


class MemoryStore(StandsStill):
    """See `interface.Store`."""

    path: Path | None = None

    def __init__(self) -> None:
        self._pid = process_id()
        self._tables: dict[Table, _MemoryTable] = {table: _MemoryTable() for table in TABLES}
        self._row_files: dict[tuple[int, str], MemoryRowFile] = {}
        self._txn_id = 0
        self.opening = uuid4().bytes
        self.gate = PhaseFairGate()
        self._queue = CommitQueue(self._commit_batch)
        self._closed = False
        with _registering:
            _stores.add(self)

    @property
    def read_only(self) -> bool:
        """In a child of `fork`, which has a copy."""
        return self._pid != process_id()

    def read(self) -> AbstractContextManager[ReadTransaction]:
        return Reading(self)

    def prepare_read(self) -> None:
        """Nothing to do."""

    def begin_read(self) -> _MemoryRead:
        if self._closed:
            raise StoreClosed
        return _MemoryRead(self._tables, self._txn_id)

    def end_read(self, read: _MemoryRead, error: BaseException | None) -> None:
        """Nothing was taken but the gate."""

    def write(self, work: Callable[[WriteTransaction], T]) -> T:
        if self._closed:
            raise StoreClosed
        self.check_writable()
        return self._queue.submit(work)

    def check_writable(self) -> None:
        if self.read_only:
            raise BadRequest(
                f"a store in memory belongs to its process: process {process_id()} is a fork of process {self._pid} "
                "and can only read its copy; write there, or open a directory, which all processes share"
            )

    def row_file(self, space: int, name: str, width: int) -> RowFile:
        file = self._row_files.get((space, name))
        if file is None or file.width != width:  # of a write that failed; its number of a space was given away again
            file = self._row_files[space, name] = MemoryRowFile(name, width)
        return file

    def drop_space(self, space: int) -> None:
        for key in [key for key in self._row_files if key[0] == space]:
            del self._row_files[key]

    def hold_space(self, space: int) -> None:
        """There are no other processes."""

    def let_go_of_space(self, space: int) -> None:
        """There are no other processes."""

    def check_space(self, space: int) -> None:
        """There are no files."""

    discard_space = drop_space

    def compact(self) -> None:
        """What is deleted takes no room."""

    def sync_rows(self) -> None:
        """Nothing to bring to disk."""

    def close(self) -> None:
        with self._queue.paused(), self.gate.exclusive:
            self._closed = True
            self._tables = {table: _MemoryTable() for table in TABLES}
            self._row_files.clear()

    def _commit_batch(self, run: Callable[[WriteTransaction], None]) -> None:
        if self._closed:
            raise StoreClosed
        txn = _MemoryWrite(self._tables, self._txn_id + 1)
        run(txn)
        with self.gate.exclusive:  # a reader's snapshot is the tables as they are, so they change between readers
            while txn.changes:
                name, changes = txn.changes.popitem()
                if changes:
                    self._tables[name].apply(changes)
            self._txn_id = txn.txn_id
        for publish in txn.taken_publishers():
            publish()

    # Around fork

    def renew_after_fork(self) -> None:
        """In the child: readers of its parent's other threads are not there to leave."""
        self.gate = PhaseFairGate()
        self._queue = CommitQueue(self._commit_batch)


_stores: WeakSet[MemoryStore] = WeakSet()
_registering = threading.Lock()
_forking: list[MemoryStore] = []


def _before_fork() -> None:
    _registering.acquire()
    _forking.extend(_stores)
    for store in _forking:
        store.pause_for_fork()


def _after_fork_in_parent() -> None:
    for store in _forking:
        store.resume_after_fork()
    _forking.clear()
    _registering.release()


def _after_fork_in_child() -> None:
    for store in _forking:
        store.renew_after_fork()
    _forking.clear()
    _registering.release()


around_fork(before=_before_fork, in_parent=_after_fork_in_parent, in_child=_after_fork_in_child)
