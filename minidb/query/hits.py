"""What every stage of a query hands to the next: rows with scores, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidb.collection.view import View

Rows = NDArray[np.uint32]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows and their scores, in the order of the result."""

    rows: Rows
    scores: Scores

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, start: int, stop: int) -> Hits:
        return Hits(self.rows[start:stop], self.scores[start:stop])


NO_HITS = Hits(np.zeros(0, np.uint32), np.zeros(0, np.float32))


def ranked(view: View, rows: Rows, scores: Scores, k: int) -> Hits:
    """The `k` best, larger scores first, equal ones by id: the one order every result has."""
    order = view.rank(rows, scores)[:k]
    return Hits(rows[order], scores[order])
