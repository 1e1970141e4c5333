"""An index that keeps up with writes: immutable segments, of which the newest that has a row counts.

What came or changed since becomes a small segment; small ones are joined to larger ones, so that there are few and
every entry is copied a logarithmic number of times. Rows that died stay until then: whoever asks knows which are alive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from minidb.index.payload.rows import Mask, Rows, rows_of

_MAX_SEGMENTS = 6
_SHARE = 8
"""A segment takes in newer ones when they have an eighth of its rows."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An index of the rows from `start` to `stop`, and of the `changed` ones before them, as they are now."""

    index: Any
    start: int
    stop: int
    changed: Rows

    def __len__(self) -> int:
        return self.stop - self.start + len(self.changed)


class Segments(NamedTuple):
    """All rows of a collection as of operation `seq`, by segment, oldest first. `with_segment` gives the next ones."""

    seq: int
    segments: tuple[Segment, ...] = ()

    @property
    def n_rows(self) -> int:
        return self.segments[-1].stop if self.segments else 0

    def parts(self, wanted: Mask) -> Iterator[tuple[Any, Mask]]:
        """Each index, newest first, with those of the wanted rows that are to be taken from it."""
        for segment in reversed(self.segments):
            yield segment.index, wanted
            if len(segment.changed):
                wanted = wanted.copy()
                wanted[segment.changed] = False

    def with_segment(self, segment: Segment, alive: Mask) -> Segments:
        """With a segment of what came and changed since; `alive` are the rows that hold a point now."""
        segments = [*self.segments, segment]
        if len(segments) > _MAX_SEGMENTS:
            n_joined, n_rows = 2, len(segments[-1]) + len(segments[-2])
            while n_joined < len(segments) and _SHARE * n_rows >= len(segments[-n_joined - 1]):
                n_joined += 1
                n_rows += len(segments[-n_joined])
            segments[-n_joined:] = [Segments(self.seq, tuple(segments[-n_joined:])).joined(alive)]
        return Segments(self.seq, tuple(segments))

    def joined(self, alive: Mask) -> Segment:
        """All of it as one segment, without the rows that died."""
        if len(self.segments) == 1:
            return self.segments[0]
        parts = list(self.parts(alive))[::-1]
        start = self.segments[0].start
        changed = rows_of([segment.changed[: segment.changed.searchsorted(start)] for segment in self.segments])
        return Segment(type(parts[0][0]).joined(parts), start, self.n_rows, changed)
