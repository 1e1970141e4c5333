"""What a collection has learnt of its payloads: indexes, and answers by clause and by filter. Filled by `evaluate`."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING

from minidb.index.payload.rows import Rows
from minidb.index.payload.segments import Segments

if TYPE_CHECKING:
    from minidb.filter.clauses import Node

_MAX_CLAUSES = 64
_MAX_FILTERS, _MAX_FILTER_BYTES = 128, 32 << 20
_MAX_COMMITS = 8


class KeptSegments(dict[tuple[int, Hashable], tuple[Segments, ...]]):
    """By space and key, segments as of some operations, the newest last. Changed under a lock, read without."""

    def __init__(self, max_keys: int | None = None) -> None:
        self._max_keys = max_keys

    def as_of(self, key: tuple[int, Hashable], seq: int) -> Segments | None:
        """The newest that are not after `seq`."""
        for segments in reversed(self.get(key, ())):
            if segments.seq <= seq:
                return segments
        return None

    def keep(self, key: tuple[int, Hashable], segments: Segments) -> None:
        """Remember, and forget the key that was not brought up to date for longest.

        Of older operations, for readers who began before the last commits, the fewer the further they lie back.
        """
        kept = [*self.pop(key, ()), segments]
        if len(kept) > 1 and kept[-2].seq > segments.seq:
            kept.sort(key=lambda other: other.seq)
        newest = kept[-1].seq
        for at in range(len(kept) - 2, 0, -1):
            if newest - kept[at - 1].seq <= 2 * (newest - kept[at + 1].seq):
                del kept[at]
        self[key] = tuple(kept[-_MAX_COMMITS:])
        if self._max_keys is not None and len(self) > self._max_keys:
            del self[next(iter(self))]


class FilteredRows:
    """The rows of whole filters, of those asked last, as of one operation of one space."""

    def __init__(self) -> None:
        self._known: dict[Node, tuple[int, int, Rows]] = {}
        self._n_bytes = 0

    def get(self, node: Node, space: int, seq: int) -> Rows | None:
        """The answer, unless the collection has changed since."""
        known = self._known.get(node)
        return known[2] if known is not None and known[0] == space and known[1] == seq else None

    def keep(self, node: Node, space: int, seq: int, rows: Rows) -> None:
        """Remember an answer, and forget the oldest, whose rows have most likely changed since."""
        self._forget(node)
        self._known[node] = (space, seq, rows)
        self._n_bytes += rows.nbytes
        while len(self._known) > _MAX_FILTERS or (self._n_bytes > _MAX_FILTER_BYTES and len(self._known) > 1):
            self._forget(next(iter(self._known)))

    def clear(self) -> None:
        self._known.clear()
        self._n_bytes = 0

    def _forget(self, node: Node) -> None:
        known = self._known.pop(node, None)
        if known is not None:
            self._n_bytes -= known[2].nbytes


class PayloadAnswers:
    """Payload indexes, and remembered answers by clause and by filter, for one collection; shared by all threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.indexes = KeptSegments()
        self.clauses = KeptSegments(_MAX_CLAUSES)
        """Of clauses that no index answers."""
        self.filtered = FilteredRows()
        """Whole filters: one asked again of an unchanged collection costs a look-up."""

    def copied(self) -> PayloadAnswers:
        """The same for a writer: what it learns of its own operations, which may be undone, stays with the copy."""
        copy = PayloadAnswers()
        with self.lock:
            copy.indexes.update(self.indexes)
            copy.clauses.update(self.clauses)
        return copy

    def forget(self) -> None:
        """Drop everything: the collection's rows were renumbered."""
        with self.lock:
            self.indexes.clear()
            self.clauses.clear()
            self.filtered.clear()
