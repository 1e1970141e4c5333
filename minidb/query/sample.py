"""Some points, at random."""

from __future__ import annotations

import numpy as np

from minidb.query.hits import Hits, Rows

_random = np.random.default_rng()


def sample(rows: Rows, limit: int) -> Hits:
    """At most `limit` of the rows, each once, in random order, with score 1."""
    if limit * 4 > len(rows):
        drawn = rows[_random.permutation(len(rows))[:limit]]  # of an empty array that is read-only numpy makes no copy
    else:
        drawn = _random.choice(rows, limit, replace=False)
    return Hits(drawn, np.ones(len(drawn), np.float32))
