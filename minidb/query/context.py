"""Context: points on the positive side of every pair, without a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minidb.query.examples import fast_sigmoid
from minidb.query.hits import Scores

_MARGIN = np.finfo(np.float32).eps


def context_score(similarities: NDArray[np.float32]) -> Scores:
    """Σ over pairs of f(min(s⁺ − s⁻ − ε, 0)), f(x) = x/(1+|x|): at most 0 (lib/segment, context_query.rs, `loss_by`).

    Examples come as positive, negative, positive, negative, …
    """
    difference = similarities[0::2] - similarities[1::2] - _MARGIN
    losses = fast_sigmoid(np.minimum(difference, np.float32(0.0)))
    total: Scores = losses.sum(axis=0, dtype=np.float32)
    return total
