"""The best of many scores, in time that ties cannot spoil.

`np.argpartition` degenerates on arrays full of equal values (25 ms instead of 0.8 at a million zeros). Taking the
maxima of blocks first looks closely only at blocks that can hold a winner, and is faster on ordinary data too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SMALL = 1024
_LEAST_BLOCK, _LARGEST_BLOCK = 8, 256
_LEAST = -math.inf
_COARSE, _LARGEST_COARSE_BLOCK = 4, 128
"""Blocks per winner. Of 10,000 scores the best 40 take 12 µs by coarse blocks, 22 by fine ones, which leave numpy's
partition more to guess; of more scores comparing all of them takes as long.
"""


def best_positions(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions, ascending, of every score that is at least the k-th best; −inf never counts.

    With ties at the border more than `k` come back: the caller breaks them by id.
    """
    n = len(scores)
    block = max(_LEAST_BLOCK, min(int(math.sqrt(n / k)), _LARGEST_BLOCK))  # balances looking at maxima and at blocks
    n_blocks = n // block
    if n <= _SMALL or n_blocks <= k:
        return _best_of(scores, k)
    if _LEAST_BLOCK <= n // (_COARSE * k) <= _LARGEST_COARSE_BLOCK:
        maxima = _maxima(scores, _COARSE * k)
        positions = (scores >= _kth_best(maxima, k)).nonzero()[0]
        if len(positions) <= len(maxima):
            return positions[_best_of(scores[positions], k)]
    maxima = _maxima(scores, n_blocks)
    chosen = (maxima >= _kth_best(maxima, k)).nonzero()[0]
    positions = (np.arange(0, n_blocks * block, n_blocks)[:, None] + chosen).reshape(-1)
    positions = np.concatenate([positions, np.arange(n_blocks * block, n)])
    best = positions[_best_of(scores[positions], k)]
    best.sort()
    return best


def _maxima(scores: NDArray[np.float32], n_blocks: int) -> NDArray[np.float32]:
    """A block is every n_blocks-th score: maxima of columns are taken many at a time, those of rows one by one."""
    block = len(scores) // n_blocks
    maxima: NDArray[np.float32] = scores[: n_blocks * block].reshape(block, n_blocks).max(axis=0)
    return maxima


def _best_of(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    if k < len(scores):
        border = _kth_best(scores, k)
        if border > _LEAST:
            positions: NDArray[np.int64] = (scores >= border).nonzero()[0]
            return positions
    return np.flatnonzero(scores > _LEAST)


def _kth_best(scores: NDArray[np.float32], k: int) -> float:
    """By methods: each of numpy's functions is two of Python's more."""
    at = len(scores) - k
    partitioned = scores.copy()
    partitioned.partition(at)
    return float(partitioned[at])
