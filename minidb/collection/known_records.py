"""Records that were read lately, in memory.

LMDB lets go of the interpreter's lock for every value it looks up, and with other threads about each time is a switch
between them: ten hits of a query took as long as the search. A row's record stays as it was written until its payload
is rewritten, which the view's columns tell of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minidb.collection.view import View

_MOST_BYTES = 4 << 20
_ENTRY_BYTES = 200
"""What an entry takes beside the record's bytes."""
_MOST_ROWS = 64
_LARGEST = 1024


class KnownRecords:
    """Of committed rows of one collection; of records larger than 1 KB, and of reads of many rows, nothing is kept."""

    def __init__(self) -> None:
        self._kept: tuple[int, dict[int, bytes], list[int]] = (-1, {}, [0])

    def read(self, view: View, rows: Sequence[int], look_up: Callable[[Sequence[int]], list[bytes]]) -> list[bytes]:
        """The records of rows, in their order; `look_up` gives those of rows that are not known."""
        if len(rows) > _MOST_ROWS:
            return look_up(rows)
        space, known, size = self._kept
        if space != view.space:
            self._kept = _, known, size = view.space, {}, [0]
        rewritten = view.columns.rewritten
        found = [None if rewritten[row] else known.get(row) for row in rows]
        if None not in found:
            return found  # type: ignore[return-value]
        missing = [row for row, record in zip(rows, found, strict=True) if record is None]
        looked_up = iter(look_up(missing))
        records = [next(looked_up) if record is None else record for record in found]
        for row, record in zip(rows, records, strict=True):
            if len(record) <= _LARGEST and not rewritten[row] and row not in known:
                known[row] = record
                size[0] += len(record) + _ENTRY_BYTES
        if size[0] > _MOST_BYTES:
            self._kept = view.space, {}, [0]
        return records
