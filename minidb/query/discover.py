"""Discover: near to a target, on the positive side of as many pairs as possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minidb.query.examples import scaled_fast_sigmoid
from minidb.query.hits import Scores


def discover_score(similarities: NDArray[np.float32]) -> Scores:
    """Σ over pairs of sign(s⁺ − s⁻), plus σ(similarity to the target) (lib/segment, discover_query.rs, `score_by`).

    The first example is the target, then come positive, negative, positive, negative, …
    """
    positive, negative = similarities[1::2], similarities[2::2]
    rank = np.count_nonzero(positive > negative, axis=0) - np.count_nonzero(positive < negative, axis=0)
    scores: Scores = rank.astype(np.float32) + scaled_fast_sigmoid(similarities[0])
    return scores
