"""Relevance feedback, Qdrant's naive strategy: a target's similarity, corrected by pairs of graded examples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.query.hits import Scores


class FeedbackScore(NamedTuple):
    """a·s(target) + Σ over pairs of weight·(s(better) − s(worse)); the first example is the target.

    Source: lib/segment, feedback_query.rs, `FeedbackQuery`.
    """

    a: np.float32
    better: list[int]
    worse: list[int]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, grades: Sequence[float], a: float, b: float, c: float) -> FeedbackScore:
        """Pairs of examples with different grades, weighing (difference of the grades)^b · c."""
        graded = np.array(grades, np.float32)
        pairs = [(p, n) for p, n in permutations(range(len(graded)), 2) if graded[p] - graded[n] > 0]
        better, worse = [p for p, _ in pairs], [n for _, n in pairs]
        weights = (graded[better] - graded[worse]) ** np.float32(b) * np.float32(c)
        return cls(np.float32(a), [1 + p for p in better], [1 + n for n in worse], weights)

    def __call__(self, similarities: NDArray[np.float32]) -> Scores:
        score: Scores = self.a * similarities[0]
        for better, worse, weight in zip(self.better, self.worse, self.weights, strict=True):
            score = score + weight * (similarities[better] - similarities[worse])
        return score
