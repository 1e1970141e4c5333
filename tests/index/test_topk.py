"""The best of many scores, against sorting them: where blocks are coarse, fine, or too few, and many scores equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb.index.topk import best_positions


@given(
    n=st.integers(0, 6000),
    k=st.sampled_from([1, 3, 10, 40, 200]),
    n_values=st.sampled_from([1, 2, 30, 1000, 10**6]),
    lost=st.sampled_from([0.0, 0.1, 0.97, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_score_that_is_at_least_the_kth_best(n: int, k: int, n_values: int, lost: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, n_values, n).astype(np.float32)
    scores[rng.random(n) < lost] = -np.inf
    finite = np.sort(scores[scores > -np.inf])
    border = finite[-k] if len(finite) >= k else -np.inf
    assert best_positions(scores, k).tolist() == np.flatnonzero((scores >= border) & (scores > -np.inf)).tolist()


@pytest.mark.parametrize("n_best", [39, 40, 41, 60])
def test_a_few_among_zeros(n_best: int) -> None:
    scores = np.zeros(20_000, np.float32)
    best = np.sort(np.random.default_rng(n_best).choice(len(scores), n_best, replace=False))
    scores[best] = np.arange(1, n_best + 1, dtype=np.float32)
    expected = best[-40:] if n_best >= 40 else np.arange(len(scores))
    assert best_positions(scores, 40).tolist() == expected.tolist()
