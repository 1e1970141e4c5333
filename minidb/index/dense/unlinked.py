"""Rows of a graph that no search finds, however wide: neighbours keep links to nearer ones only, and usearch gives some
rows that several threads add at once a single link to anywhere, and none to them.

A graph of 20,000 rows in tight clusters had 37 of them, and one of a million some 9,000. They are known by following
all links, and compared whenever a row is found that lies next to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct

Rows = NDArray[np.uint32]

_LEADERS = 16
"""Rows by which an unlinked one is found: the nearest to it that are found."""
_NO_ROWS = np.zeros(0, np.uint32)


class Links(NamedTuple):
    """The lowest layer of a graph of `n` nodes."""

    rows: Rows
    """`(n,)`: the row of each node."""
    is_start: NDArray[np.bool_]
    """`(n,)`: whether searches come to it from the layers above."""
    counts: NDArray[np.int64]
    """`(n,)`: how many links it has."""
    nodes: NDArray[np.uint32]
    """`(n, m)`: the nodes they lead to; beyond their number anything."""

    def linked(self) -> NDArray[np.bool_]:
        """`(n,)`: whether a link leads there from a node to which searches come."""
        reached, linked = self.is_start.copy(), np.zeros(len(self.rows), bool)
        places = np.arange(self.nodes.shape[1])
        newest: NDArray[Any] = np.flatnonzero(reached)
        while len(newest):
            targets = self.nodes[newest][places < self.counts[newest, None]]
            linked[targets] = True
            newest = distinct(targets[~reached[targets]])
            reached[newest] = True
        return linked


class Unlinked:
    """Immutable. Unlinked rows, each as often as it has leaders, in the order of these."""

    ARRAYS: ClassVar = ("leaders", "unlinked")

    def __init__(self, leaders: Rows = _NO_ROWS, rows: Rows = _NO_ROWS) -> None:
        order = np.argsort(leaders, kind="stable")
        self._leaders, self._rows = leaders[order], rows[order]
        self._is_leader = np.zeros(int(leaders.max(initial=0)) + 2, bool)  # and for all rows beyond one that is none
        self._is_leader[leaders] = True

    @classmethod
    def of(cls, links: Links, nearest: Callable[[Rows], Sequence[Rows]]) -> Unlinked:
        """Those of a graph; `nearest` searches it for the vectors of rows."""
        rows = links.rows[~links.linked()]
        if not len(rows):
            return cls()
        near = [found[found != row][:_LEADERS] for row, found in zip(rows, nearest(rows), strict=True)]
        return cls(np.concatenate(near), np.repeat(rows, [len(each) for each in near]))

    def __len__(self) -> int:
        return len(distinct(self._rows))

    def beside(self, found: Rows) -> Rows:
        """The unlinked rows next to those that were found; some of them more than once."""
        leaders = found[self._is_leader.take(found, mode="clip")]  # a tenth of the time of looking all up
        if not len(leaders):
            return _NO_ROWS
        starts, ends = self._leaders.searchsorted(leaders), self._leaders.searchsorted(leaders, "right")
        return np.concatenate(
            [self._rows[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint keeps."""
        return dict(zip(self.ARRAYS, (self._leaders, self._rows), strict=True))

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Unlinked:
        """Those whose `arrays` these are; none where an older minidb kept the graph."""
        return cls(*(np.array(arrays[name]) for name in cls.ARRAYS)) if cls.ARRAYS[0] in arrays else cls()
