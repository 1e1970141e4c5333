"""A bounded table of byte strings in a store, that forgets what was not asked for longest: the embedding cache's shelf.

Uses are remembered in memory and written with the next write, so that reading writes nothing; a crash forgets only when
entries were used. The bound holds at every commit, for all processes together: the sum lies in the table itself. Knows
nothing of what it holds.

    b"v" + key           → value
    b"s" + key           → (stamp u64, bytes u64)
    b"o" + stamp + key   → b"", oldest first
    b"t"                 → (next stamp u64, bytes in all u64)
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from minidb.storage.interface import ReadTransaction, Store, Table, WriteTransaction

_PAIR = struct.Struct(">QQ")
_STAMP = struct.Struct(">Q")
_TOTALS = b"t"
_KEEP: Final = 0.9
"""Share of the capacity that is left after entries had to go: the next few writes then need not look for more."""
_MAX_USES: Final = 10_000
_PAGE = 4096
_INLINE = 1800  # bytes of a value LMDB keeps within a page; a longer one takes whole pages
_ENTRY_BYTES = 900  # keys, stamps and the free space of the pages they lie in, measured in LMDB


class LruTable:
    """One table of a store. Thread-safe.

    Args:
        store: where the table lies; not closed here.
        table: which has nothing else in it.
        capacity_bytes: what it may take, of the memory or of the data file.
    """

    def __init__(self, store: Store, table: Table, capacity_bytes: int) -> None:
        self._store = store
        self._table: Table = table
        self._capacity_bytes = capacity_bytes
        self._uses: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of some keys, None where there is none; counts as their use."""
        with self._store.read() as txn:
            values = txn.get_many(self._table, [b"v" + key for key in keys])
        with self._lock:
            for key, value in zip(keys, values, strict=True):
                if value is not None and len(self._uses) < _MAX_USES:
                    self._uses.pop(key, None)
                    self._uses[key] = None
        return values

    def put_many(self, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Adds or replaces entries, in one commit; the oldest go when there is no room. Too large ones stay out."""
        with self._lock:
            uses, self._uses = list(self._uses), {}

        def work(txn: WriteTransaction) -> None:
            shelf = _Shelf(txn, self._table)
            for key in uses:
                shelf.touch(key)
            for key, value in items:
                if footprint(value) <= self._capacity_bytes * _KEEP:
                    shelf.add(key, value)
            if shelf.total_bytes > self._capacity_bytes:
                shelf.shrink(int(self._capacity_bytes * _KEEP))
            shelf.close()

        self._store.write(work)

    def held_bytes(self) -> int:
        """What all entries take, as `footprint` counts."""
        with self._store.read() as txn:
            return _totals(txn, self._table)[1]

    def keys(self) -> list[bytes]:
        """All keys, the longest unused first."""
        with self._store.read() as txn:
            return [_key_of(order) for order, _ in txn.scan(self._table, b"o", b"p")]


def footprint(value: bytes) -> int:
    """Bytes an entry takes in a data file, measured: pages are half full when their keys come in no order."""
    size = len(value)
    return _ENTRY_BYTES + (2 * size if size <= _INLINE else -(-(size + 32) // _PAGE) * _PAGE)


class _Shelf:
    """The table inside one write transaction."""

    def __init__(self, txn: WriteTransaction, table: Table) -> None:
        self._txn = txn
        self._table: Table = table
        self._stamp, self.total_bytes = _totals(txn, table)

    def touch(self, key: bytes) -> None:
        state = self._txn.get(self._table, b"s" + key)
        if state is not None:
            stamp, size = _PAIR.unpack(state)
            self._txn.delete(self._table, _order(stamp, key))
            self._write_state(key, size)

    def add(self, key: bytes, value: bytes) -> None:
        self._remove(key)
        self._txn.put(self._table, b"v" + key, value)
        size = footprint(value)
        self._write_state(key, size)
        self.total_bytes += size

    def shrink(self, wanted_bytes: int) -> None:
        while self.total_bytes > wanted_bytes:
            oldest = list(islice(self._oldest(), 256))
            if not oldest:  # the sum was wrong
                self.total_bytes = 0
                return
            for key in oldest:
                if self.total_bytes <= wanted_bytes:
                    return
                self._remove(key)

    def close(self) -> None:
        self._txn.put(self._table, _TOTALS, _PAIR.pack(self._stamp, self.total_bytes))

    def _oldest(self) -> Iterator[bytes]:
        return (_key_of(order) for order, _ in self._txn.scan(self._table, b"o", b"p"))

    def _write_state(self, key: bytes, size: int) -> None:
        self._txn.put(self._table, b"s" + key, _PAIR.pack(self._stamp, size))
        self._txn.put(self._table, _order(self._stamp, key), b"")
        self._stamp += 1

    def _remove(self, key: bytes) -> None:
        state = self._txn.get(self._table, b"s" + key)
        if state is None:
            return
        stamp, size = _PAIR.unpack(state)
        for entry in (_order(stamp, key), b"s" + key, b"v" + key):
            self._txn.delete(self._table, entry)
        self.total_bytes -= size


def _totals(txn: ReadTransaction, table: Table) -> tuple[int, int]:
    data = txn.get(table, _TOTALS)
    if data is None:
        return 0, 0
    stamp, total = _PAIR.unpack(data)
    return stamp, total


def _order(stamp: int, key: bytes) -> bytes:
    return b"o" + _STAMP.pack(stamp) + key


def _key_of(order: bytes) -> bytes:
    return order[1 + _STAMP.size :]
