"""Making a centroid index of the multivectors of a field. For the indexer, which says when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import VectorField
from minidb.collection.index_rows import comparable
from minidb.collection.reads import PointReader
from minidb.index.centroids import SAMPLED_PER_CENTROID, CentroidIndex, centroids_of, n_centroids
from minidb.models import Distance

_BUILD_TOKENS = 32_768


@dataclass(frozen=True)
class Building:
    """Of the multivectors a reader sees.

    Args:
        go_on: called now and then; raises when nobody waits for the index any more.
    """

    reader: PointReader
    field: VectorField
    go_on: Callable[[], None]

    def trained(self) -> CentroidIndex:
        """An empty index around centroids of some of the points."""
        view, slot = self.reader.view, self.field.slot
        rows = np.flatnonzero(view.has(slot)).astype(np.uint32)
        n = n_centroids(view.n_tokens[slot])
        order = np.random.default_rng(0).permutation(len(rows))
        n_points = min(len(rows), 1 + SAMPLED_PER_CENTROID * n // int(view.mean_tokens(slot)))
        tokens, _ = self._tokens(np.sort(rows[order[:n_points]]))
        self.go_on()
        return CentroidIndex.empty(centroids_of(tokens, n), len(rows))

    def extended(self, index: CentroidIndex) -> CentroidIndex:
        """The index with all rows of the view."""
        view, slot = self.reader.view, self.field.slot
        rows = index.n_rows + np.flatnonzero(view.has(slot)[index.n_rows :])
        step = max(1, _BUILD_TOKENS // int(view.mean_tokens(slot)))
        are_unit = self.field.distance == Distance.COSINE
        for start in range(0, max(len(rows), 1), step):
            self.go_on()
            some = rows[start : start + step].astype(np.uint32)
            is_last = start + step >= len(rows)
            tokens, counts = self._tokens(some)
            index = index.with_rows(
                view.n_rows if is_last else int(some[-1]) + 1, some, counts, tokens, are_unit=are_unit
            )
        return index

    def _tokens(self, rows: NDArray[np.uint32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        tokens, counts = self.reader.tokens(self.field, rows)
        return comparable(self.field, tokens), counts
