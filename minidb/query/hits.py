"""What every stage of a query hands to the next: rows with scores, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.collection.view import View
from minidb.index.dense.plain import below_rounding
from minidb.index.topk import best_positions

Rows = NDArray[np.uint32]
Scores = NDArray[np.float32]
OrderValues = NDArray[np.int64] | NDArray[np.float64]
"""Payload values an ordering went by: integers and datetimes (microseconds) exact, anything else as floats."""


@dataclass(slots=True)  # not frozen, which costs twice as much to make, and every query makes a handful
class Hits:
    """Rows and their scores, in the order of the result. Never changed.

    `order_values` is there after an `order_by`; a row then comes once for each of its values.
    """

    rows: Rows
    scores: Scores
    order_values: OrderValues | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, start: int, stop: int) -> Hits:
        return self.at(slice(start, stop))

    def at(self, positions: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Hits:
        """The hits at these positions, in their order."""
        values = self.order_values
        return Hits(self.rows[positions], self.scores[positions], None if values is None else values[positions])


NO_HITS = Hits(np.zeros(0, np.uint32), np.zeros(0, np.float32))


def ranked(view: View, rows: Rows, scores: Scores, k: int) -> Hits:
    """The `k` best, larger scores first, equal ones by id: the one order every result has."""
    order = view.rank(rows, scores)[:k]
    return Hits(rows[order], scores[order])


def ranked_many(view: View, owners: NDArray[np.int64], rows: Rows, scores: Scores, n_owners: int, k: int) -> list[Hits]:
    """`ranked` of the rows of each owner; `owners` ascend from 0."""
    order = view.rank(rows, scores, owners)
    rows, scores = rows[order], scores[order]
    starts = np.searchsorted(owners, np.arange(n_owners + 1)).tolist()
    return [
        Hits(rows[start:stop], scores[start:stop])
        for start, stop in ((start, min(start + k, end)) for start, end in pairwise(starts))
    ]


def best_hits(view: View, rows: Rows, scores: Scores, k: int) -> Hits:
    """The same of many rows, most of which are far from the best."""
    if len(rows) > 4 * k:
        at = best_positions(scores, k)
        rows, scores = rows[at], scores[at]
    return ranked(view, rows, scores, k)


def near_border(scores: Scores, k: int) -> NDArray[np.bool_]:
    """`(n,) bool`: scores of a fast product that may belong to the k best, given its rounding."""
    border = float(scores[best_positions(scores, k)].min())
    near: NDArray[np.bool_] = scores >= below_rounding(border)
    return near


def union(lists: Sequence[Hits]) -> Rows:
    """Every row of the lists once, ascending."""
    return distinct(np.concatenate([hits.rows for hits in lists])) if lists else NO_HITS.rows
