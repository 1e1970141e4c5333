"""Records that were read lately, in memory.

LMDB lets go of the interpreter's lock for every value it looks up, and with other threads about each time is a switch
between them: ten hits of a query took as long as the search. A row's record stays as it was written until its payload
is rewritten, which the view's columns tell of. Where the log of what was rewritten had been cut, they do not: then all
that was known is left behind.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

from minidb.collection.view import View

_MOST_BYTES = 16 << 20
"""Of all collections of the process; then all begin anew."""
_ENTRY_BYTES = 200
"""What an entry takes beside the record's bytes."""
_MOST_ROWS = 64
_LARGEST = 1024

_everybody: set[weakref.ref[KnownRecords]] = set()
_n_bytes = 0


class KnownRecords:
    """Of committed rows of one collection; of records larger than 1 KB, and of reads of many rows, nothing is kept."""

    def __init__(self) -> None:
        self._kept = _nothing()
        _everybody.add(weakref.ref(self, _everybody.discard))

    def read(self, view: View, rows: Sequence[int], look_up: Callable[[Sequence[int]], list[bytes]]) -> list[bytes]:
        """The records of rows, in their order; `look_up` gives those of rows that are not known."""
        if len(rows) > _MOST_ROWS:
            return look_up(rows)
        lineage, known = self._kept
        if lineage != view.lineage:
            self._kept = _, known = view.lineage, {}
        rewritten = view.columns.rewritten
        found = [None if rewritten[row] else known.get(row) for row in rows]
        if None not in found:
            return found  # type: ignore[return-value]
        missing = [row for row, record in zip(rows, found, strict=True) if record is None]
        looked_up = look_up(missing)
        n_bytes = 0
        for row, record in zip(missing, looked_up, strict=True):
            if len(record) <= _LARGEST and not rewritten[row]:
                known[row] = record
                n_bytes += len(record) + _ENTRY_BYTES
        _count(n_bytes)
        others = iter(looked_up)
        return [next(others) if record is None else record for record in found]

    def forget(self) -> None:
        self._kept = _nothing()


def _nothing() -> tuple[tuple[int, int], dict[int, bytes]]:
    """The lineage of a view, and records by row."""
    return (-1, 0), {}


def _count(n_bytes: int) -> None:
    global _n_bytes
    _n_bytes += n_bytes
    if _n_bytes > _MOST_BYTES:
        _n_bytes = 0
        for reference in list(_everybody):
            records = reference()
            if records is not None:
                records.forget()
