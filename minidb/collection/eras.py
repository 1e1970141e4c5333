"""Which opening of the store began to write which operations of a collection, so that a place in its log says of which
history it is.

The number of an operation alone does not: a power cut takes the last commits of a store that is not synced, and a copy
of its files goes its own way, and then the numbers come again with other content. Every opening that writes has a name
of its own, and its first operation is kept with the collection, in the same commit. So who was told of operations up
to `n`, the last of them of era E, shares the history up to `n` if E is known here, and no later era began before `n`.

Kept from the first sync on (`sync_state`). Called by drafts; `identity` names logs by eras.

    b"sync" + number + b"eras" + opening → (how many eras there were before, first operation)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgpack

from minidb.collection.sync_state import Ranges, kept_since, sync_key, sync_key_range
from minidb.storage.interface import ReadTransaction, WriteTransaction
from minidb.storage.records import PointId, raise_format

MOST_ERAS = 1000
"""Kept of a collection; who comes back after more openings reads everything."""
_FORMAT = 3
"""An older minidb would write without beginning an era."""
_KIND = b"eras"
_ENDLESS = 1 << 64


class Position(NamedTuple):
    """A place in the log: before operation `seq`, or within it before the id `offset`."""

    seq: int
    offset: PointId | None = None

    def is_past(self, key: tuple[int, bool, PointId]) -> bool:
        return self.offset is not None and key < (self.seq, isinstance(self.offset, str), self.offset)


class Log(NamedTuple):
    """A collection's log: the operations of its history.

    Args:
        eras: name and first operation of each.
    """

    eras: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """Under which it goes on."""
        return self.eras[-1][0]

    def name_at(self, position: Position) -> str:
        """Of the era that wrote what comes just before a place; later ones may be lost, and take nothing of it."""
        before = [name for name, first in self.eras if first < position.seq + (position.offset is not None)]
        return before[-1] if before else self.eras[0][0]

    def _end(self, name: str) -> int | None:
        """Operations before this one are of the history that is known under that name."""
        for at, (each, _) in enumerate(self.eras):
            if each == name:
                return self.eras[at + 1][1] if at + 1 < len(self.eras) else _ENDLESS
        return None

    def reaches(self, name: str, position: Position) -> bool:
        """Whether all before a place that was given under this name is of this history."""
        end = self._end(name)
        return end is not None and position.seq + (position.offset is not None) <= end

    def shared(self, operations: Iterable[tuple[str, int, int]]) -> Ranges:
        """Of operations from and to, numbered under some name, those that are of this history."""
        found = []
        for name, first, last in operations:
            last = min(last, (self._end(name) or 0) - 1)
            if first <= last:
                found.append((first, last))
        return sorted(found)


def find_log(txn: ReadTransaction, number: int, owner: str) -> Log | None:
    """The log of a collection of the store `owner`; None where no era was begun."""
    eras = sorted(_eras(txn, number))
    if not eras:
        return None
    return Log(tuple((f"{owner}/{number}/{opening.hex()}", first) for _, first, opening in eras))


def is_begun(txn: ReadTransaction, number: int, opening: bytes) -> bool:
    """Whether this opening of the store has an era in the collection."""
    return txn.get("meta", sync_key(number, _KIND + opening)) is not None


def begin_era(txn: WriteTransaction, number: int, opening: bytes, seq: int) -> None:
    """Note that operations from `seq` on are written by this opening of the store, unless it has begun before.

    Where several processes write, the last to begin gives them all their name: what one of them loses all lose.
    """
    if kept_since(txn, number) is None or is_begun(txn, number, opening):
        return
    eras = sorted(_eras(txn, number))
    at = eras[-1][0] + 1 if eras else 0
    txn.put("meta", sync_key(number, _KIND + opening), msgpack.packb((at, seq)))
    for _, _, oldest in eras[: len(eras) + 1 - MOST_ERAS]:
        txn.delete("meta", sync_key(number, _KIND + oldest))
    raise_format(txn, _FORMAT)


def _eras(txn: ReadTransaction, number: int) -> list[tuple[int, int, bytes]]:
    """How many were before, first operation, opening."""
    start, stop = sync_key_range(number, _KIND)
    return [(*msgpack.unpackb(data), key[len(start) :]) for key, data in txn.scan("meta", start, stop)]
