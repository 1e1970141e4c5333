"""Transactions of the durable store: LMDB's, with every value sealed by a checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

from minidb.storage.checksum import CRC_BYTES, RESIDUE, seal, unseal
from minidb.storage.interface import Table
from minidb.storage.records import COMMIT_KEY

if TYPE_CHECKING:
    from minidb.storage.compaction import Change
    from minidb.storage.lmdb_store import LmdbStore


class LmdbRead:
    """See `interface.ReadTransaction`."""

    __slots__ = ("_store", "_txn", "txn_id")
    is_write = False

    def __init__(self, store: LmdbStore, txn: Any) -> None:
        self._store = store
        self._txn = txn
        self.txn_id: int = txn.id()

    def get(self, table: Table, key: bytes) -> bytes | None:
        sealed = self._txn.get(key, None, self._store.tables[table])
        if sealed is None:
            return None
        value = unseal(key, sealed)
        if value is None:
            raise self._store.corrupt(table, key)
        return value

    def commit_number(self) -> int | None:
        """The commit that is shown, by its own account; None of an older minidb's."""
        sealed = self._txn.get(COMMIT_KEY, None, self._store.tables["meta"])
        return None if sealed is None else int.from_bytes(sealed[:-CRC_BYTES], "big")

    def get_many(self, table: Table, keys: Iterable[bytes]) -> list[bytes | None]:
        get, database = self._txn.get, self._store.tables[table]
        values: list[bytes | None] = []
        for key in keys:
            sealed = get(key, None, database)
            if sealed is None:
                values.append(None)
            elif crc32(sealed, crc32(key)) == RESIDUE:  # `unseal` without the call
                values.append(sealed[:-CRC_BYTES])
            else:
                raise self._store.corrupt(table, key)
        return values

    def scan(self, table: Table, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._txn.cursor(self._store.tables[table]) as cursor:
            if not cursor.set_range(start):
                return
            for key, sealed in cursor:
                if key >= stop:
                    return
                value = unseal(key, sealed)
                if value is None:
                    raise self._store.corrupt(table, key)
                yield key, value

    def abort(self) -> None:
        self._txn.abort()


class LmdbWrite(LmdbRead):
    """See `interface.WriteTransaction`."""

    __slots__ = ("changes", "has_changes", "publishers", "staged", "wal_bytes")
    is_write = True

    def __init__(self, store: LmdbStore, txn: Any) -> None:
        super().__init__(store, txn)
        self.staged: dict[Any, Any] = {}
        self.publishers: list[Callable[[], None]] = []
        self.wal_bytes = 0
        self.has_changes = False
        self.changes: list[Change] | None = None if store.recorded is None else []
        """For the copy that is being made of the file."""

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        self.has_changes = True
        sealed = seal(key, value)
        self._txn.put(key, sealed, db=self._store.tables[table])
        if self.changes is not None:
            self.changes.append((table, key, sealed))
        if table == "wal":
            self.wal_bytes += len(value)

    def put_many(self, table: Table, items: list[tuple[bytes, bytes]]) -> None:
        if len(items) == 1:  # a cursor costs more than the entry
            self.put(table, *items[0])
            return
        self.has_changes = True
        sealed = [(key, seal(key, value)) for key, value in items]
        with self._txn.cursor(self._store.tables[table]) as cursor:
            cursor.putmulti(sealed)
        if self.changes is not None:
            self.changes += [(table, key, value) for key, value in sealed]

    def delete(self, table: Table, key: bytes) -> bool:
        is_there = bool(self._txn.delete(key, db=self._store.tables[table]))
        self.has_changes |= is_there
        if self.changes is not None:
            self.changes.append((table, key, None))
        return is_there

    def delete_range(self, table: Table, start: bytes, stop: bytes, most: int | None = None) -> int:
        n_deleted = 0
        with self._txn.cursor(self._store.tables[table]) as cursor:
            found = cursor.set_range(start)
            while found and n_deleted != most and b"" < cursor.key() < stop:  # there is no key b"": behind the last
                n_deleted += 1
                if self.changes is not None:
                    self.changes.append((table, cursor.key(), None))
                found = cursor.delete()
        self.has_changes |= n_deleted > 0
        return n_deleted

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        parent, staged, n_publishers = self._txn, dict(self.staged), len(self.publishers)
        n_changes = len(self.changes or ())
        self._txn = self._store.environment.begin(parent=parent, write=True)
        try:
            yield
        except BaseException:
            self._txn.abort()
            self._txn, self.staged = parent, staged
            del self.publishers[n_publishers:]
            del (self.changes or [])[n_changes:]
            raise
        self._txn.commit()
        self._txn = parent

    def on_commit(self, publish: Callable[[], None]) -> None:
        self.publishers.append(publish)

    def taken_publishers(self) -> list[Callable[[], None]]:
        """Those to run; they hold the transaction, which is not to wait for the garbage collector."""
        publishers, self.publishers = self.publishers, []
        return publishers
