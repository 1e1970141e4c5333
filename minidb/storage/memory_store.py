"""The in-memory twin of `lmdb_store`: the same tables and row files, gone with the process.

Tables are dictionaries with a sorted key list made on demand. A writer collects its changes in an overlay that the
commit folds in, so a failed write leaves nothing behind. Records of removed rows stay readable until no reader that
could still name them is open.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from minidb.errors import StoreClosed
from minidb.storage.commit import CommitQueue
from minidb.storage.interface import TABLES, ReadTransaction, RowFile, Table, WriteTransaction
from minidb.storage.rows import MemoryRowFile

T = TypeVar("T")

_KEPT_FOR_READERS: tuple[Table, ...] = ("records", "sparse")
"""Keyed by row, and only found through a view: an open reader may still follow its own view to them."""


class _MemoryTable:
    __slots__ = ("keys", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.keys: list[bytes] | None = []

    def sorted_keys(self) -> list[bytes]:
        if self.keys is None:
            self.keys = sorted(self.values)
        return self.keys


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
        keys = {key for key in self._tables[table].sorted_keys() if start <= key < stop}
        keys.update(key for key in self.changes[table] if start <= key < stop)
        for key in sorted(keys):
            value = self.get(table, key)
            if value is not None:
                yield key, value

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        self.changes[table][key] = value

    def put_many(self, table: Table, items: list[tuple[bytes, bytes]]) -> None:
        self.changes[table].update(items)

    def delete(self, table: Table, key: bytes) -> bool:
        if self.get(table, key) is None:
            return False
        self.changes[table][key] = None
        return True

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        for key, _ in list(self.scan(table, start, stop)):
            self.changes[table][key] = None

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


class MemoryStore:
    """See `interface.Store`."""

    path: Path | None = None

    def __init__(self) -> None:
        self._tables: dict[Table, _MemoryTable] = {table: _MemoryTable() for table in TABLES}
        self._row_files: dict[tuple[int, str], MemoryRowFile] = {}
        self._txn_id = 0
        self._lock = threading.Lock()
        self._readers = 0
        self._graveyard: list[tuple[Table, bytes]] = []
        self._queue = CommitQueue(self._commit_batch)
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[ReadTransaction]:
        with self._lock:
            if self._closed:
                raise StoreClosed("this client has been closed")
            self._readers += 1
            snapshot = _MemoryRead(self._tables, self._txn_id)
        try:
            yield snapshot
        finally:
            with self._lock:
                self._readers -= 1
                if self._graveyard and not self._readers:
                    self._bury()

    def write(self, work: Callable[[WriteTransaction], T]) -> T:
        if self._closed:
            raise StoreClosed("this client has been closed")
        return self._queue.submit(work)

    def row_file(self, space: int, name: str, width: int) -> RowFile:
        file = self._row_files.get((space, name))
        if file is None:
            file = self._row_files[space, name] = MemoryRowFile(name, width)
        return file

    def drop_space(self, space: int) -> None:
        for key in [key for key in self._row_files if key[0] == space]:
            del self._row_files[key]

    def sync_rows(self) -> None:
        """Nothing to bring to disk."""

    def close(self) -> None:
        self._closed = True
        self._tables = {table: _MemoryTable() for table in TABLES}
        self._row_files.clear()

    def _commit_batch(self, run: Callable[[WriteTransaction], None]) -> None:
        txn = _MemoryWrite(self._tables, self._txn_id + 1)
        run(txn)
        with self._lock:
            for name, changes in txn.changes.items():
                table = self._tables[name]
                for key, value in changes.items():
                    if value is None:
                        self._remove(name, table, key)
                    else:
                        if table.keys is not None and key not in table.values:
                            if table.keys and key < table.keys[-1]:
                                table.keys = None
                            else:
                                table.keys.append(key)
                        table.values[key] = value
            if not self._readers:
                self._bury()
            self._txn_id = txn.txn_id
        for publish in txn.publishers:
            publish()

    def _remove(self, name: Table, table: _MemoryTable, key: bytes) -> None:
        if name in _KEPT_FOR_READERS and self._readers:
            self._graveyard.append((name, key))
        else:
            table.values.pop(key, None)
            table.keys = None

    def _bury(self) -> None:
        for name, key in self._graveyard:
            table = self._tables[name]
            table.values.pop(key, None)
            table.keys = None
        self._graveyard.clear()
