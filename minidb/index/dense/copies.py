"""Rows whose vectors are equal: a graph holds the first of them, and its copies are added to what it finds.

More equal vectors than a row has links are linked to each other only, and tear the graph for others, too: of 20,000
points ten vectors came 200 times, and searches 1,024 wide found .98 (hnswlib) and .80 (usearch) of the nearest of the
rest.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray


class _Pairs(NamedTuple):
    """Copies, and the rows that are in the graph for them, ascending by these."""

    firsts: NDArray[np.uint32]
    copies: NDArray[np.uint32]


class Copies:
    """The rows of one graph, told apart by a hash of 64 bits of their codes. Read by any thread while one adds.

    Of a million vectors two get the same hash with a chance of one in 37 million; the second is then not found where
    it lies. Scores come from the rows, so nothing false is ever answered.
    """

    ARRAYS: ClassVar = ("hashes", "firsts", "copied", "copies")

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.uint64)
        self._firsts = np.zeros(0, np.uint32)
        self._pairs = _Pairs(np.zeros(0, np.uint32), np.zeros(0, np.uint32))

    @property
    def n_firsts(self) -> int:
        return len(self._firsts)

    @property
    def count(self) -> int:
        """Rows taken in."""
        return len(self._firsts) + len(self._pairs.copies)

    def take_in(self, rows: NDArray[np.uint32], codes: NDArray[Any]) -> NDArray[np.bool_]:
        """`(n,) bool`: which of the ascending `rows` with codes `(n, w)` are the first with theirs.

        A row that was taken in before gets the same answer again.
        """
        hashes = _hashes(codes)
        new, first_at = np.unique(hashes, return_index=True)
        place = np.searchsorted(self._hashes, new)
        known = place < len(self._hashes)
        known[known] = self._hashes[place[known]] == new[known]
        self._firsts = np.insert(self._firsts, place[~known], rows[first_at[~known]])
        self._hashes = np.insert(self._hashes, place[~known], new[~known])
        firsts = self._firsts[np.searchsorted(self._hashes, hashes)]
        is_first: NDArray[np.bool_] = firsts == rows
        if not is_first.all():
            self._keep(firsts[~is_first], rows[~is_first])
        return is_first

    def _keep(self, firsts: NDArray[np.uint32], copies: NDArray[np.uint32]) -> None:
        pairs = self._pairs
        new = ~np.isin(copies, pairs.copies)
        firsts, copies = firsts[new], copies[new]
        order = np.argsort(firsts, kind="stable")
        firsts, copies = firsts[order], copies[order]
        place = np.searchsorted(pairs.firsts, firsts, "right")
        self._pairs = _Pairs(np.insert(pairs.firsts, place, firsts), np.insert(pairs.copies, place, copies))

    def with_copies(self, found: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Rows the graph found, each followed by its copies."""
        pairs = self._pairs
        if not len(pairs.firsts):
            return found
        starts = np.searchsorted(pairs.firsts, found)
        counts = np.searchsorted(pairs.firsts, found, "right") - starts
        n_copies = int(counts.sum())
        if not n_copies:
            return found
        before = np.cumsum(counts) - counts
        expanded = np.repeat(found, counts + 1)
        is_copy = np.ones(len(expanded), bool)
        is_copy[before + np.arange(len(found))] = False
        expanded[is_copy] = pairs.copies[np.repeat(starts - before, counts) + np.arange(n_copies)]
        return expanded

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint keeps."""
        return dict(zip(self.ARRAYS, (self._hashes, self._firsts, *self._pairs), strict=True))

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Copies:
        """The copies whose `arrays` these are."""
        copies = cls()
        copies._hashes, copies._firsts, *pairs = (arrays[name] for name in cls.ARRAYS)
        copies._pairs = _Pairs(*pairs)
        return copies


def _hashes(codes: NDArray[Any]) -> NDArray[np.uint64]:
    digests = [blake2b(row, digest_size=8).digest() for row in np.ascontiguousarray(codes)]
    return np.frombuffer(b"".join(digests), np.uint64)
