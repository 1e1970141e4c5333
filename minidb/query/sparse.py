"""The points whose sparse vector has the largest dot product with a query: by the inverted index, or from the vectors
of few rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.fields import VectorField
from minidb.collection.indexes import Indexes
from minidb.collection.reads import PointReader
from minidb.index.payload.rows import mask_of
from minidb.index.sparse import Postings, idf
from minidb.index.topk import best_positions
from minidb.query.hits import Hits, Rows, Scores, best_hits, ranked
from minidb.query.vectors import SparseQuery

_FORWARD_ROWS, _ROWS_PER_FORWARD = 8, 5000
"""Reading a stored sparse vector takes 9 µs, asking the inverted index 60 µs at 10,000 points and more at more: so many
rows, and one more for so many points, are read.
"""
_FEW_SCORES = 8192


@dataclass(slots=True)
class SparseSearch:
    """Searches of one snapshot. `rows` arguments are ascending and hold only points that satisfy the filter."""

    reader: PointReader
    indexes: Indexes

    def nearest(
        self, field: VectorField, query: SparseQuery, k: int, rows: Rows | None, corpus: models.Filter | None
    ) -> Hits:
        view = self.reader.view
        if rows is not None:
            scores = self.similarities(field, query, rows, corpus)
            found = np.flatnonzero(~np.isnan(scores))
            return best_hits(view, rows[found], scores[found], k)
        self.reader.trace.note(by="inverted index", dimensions=len(query.indices))
        postings = self._postings(field, query)
        scores = postings.scores(self._weights(field, query, postings, corpus), view.n_rows)
        lacking = view.lacking(field.slot)
        if len(lacking):
            scores[lacking] = 0.0
        if len(scores) <= _FEW_SCORES:  # selecting among zeros would be the slowest part
            at = scores.nonzero()[0]
            at = at[best_positions(scores[at], k)] if len(at) else at
        else:
            at = best_positions(scores, k)
        if len(at) and scores[at].min() <= 0.0:  # the border is among zeros, which mean "nothing in common"
            scores[scores == 0.0] = -np.inf
            at = best_positions(scores, k)
        return ranked(view, at.astype(np.uint32), scores[at], k)

    def similarities(self, field: VectorField, query: SparseQuery, rows: Rows, corpus: models.Filter | None) -> Scores:
        """Dot products of some rows with a query; NaN where there is nothing in common."""
        n_rows = self.reader.view.n_rows
        postings = self._postings(field, query)
        weights = self._weights(field, query, postings, corpus)
        if len(rows) <= _FORWARD_ROWS + n_rows // _ROWS_PER_FORWARD:
            self.reader.trace.note(by="sparse vectors of the rows", candidates=len(rows))
            return self._forward(field, query, rows, weights)
        self.reader.trace.note(by="inverted index", dimensions=len(query.indices), candidates=len(rows))
        scores = postings.scores(weights, n_rows)[rows]
        scores[scores == 0.0] = np.nan
        return scores

    def _postings(self, field: VectorField, query: SparseQuery) -> Postings:
        """What the index has of the query's dimensions, and what it lacks since other readers saw rows die."""
        index = self.indexes.sparse(self.reader, field)
        missing = self.indexes.left_out("sparse", field, self.reader.view)
        if len(missing):
            index = self.indexes.sparse_with(self.reader, field, index, missing)
        return index.postings(query.indices)

    def _forward(self, field: VectorField, query: SparseQuery, rows: Rows, weights: NDArray[np.float32]) -> Scores:
        """The same from the stored vectors themselves."""
        scores = np.full(len(rows), np.nan, np.float32)
        for at, row in enumerate(rows.tolist()):
            indices, stored = self.reader.sparse(field, row)
            values = field.as_indexed(stored)
            place = np.searchsorted(query.indices, indices)
            place[place == len(query.indices)] = 0
            common = query.indices[place] == indices if len(query.indices) else np.zeros(len(indices), bool)
            if common.any():
                scores[at] = values[common] @ weights[place[common]]
        return scores

    def _weights(
        self, field: VectorField, query: SparseQuery, postings: Postings, corpus: models.Filter | None
    ) -> NDArray[np.float32]:
        """The query's values, times inverse document frequencies where the field asks for them."""
        if not field.idf or not len(query.indices):
            return query.values
        view = self.reader.view
        counted = self.reader.matching(corpus)
        if counted is not None:
            in_corpus = mask_of(counted, view.n_rows) & view.has(field.slot)
            return query.values * idf(int(np.count_nonzero(in_corpus)), postings.frequencies(in_corpus))
        n_points = view.count(field.slot)
        # postings of rows that died stay until the next vacuum; then every posting has to be asked
        counts = view.has(field.slot) if n_points < view.n_rows or postings.n_rows > view.n_rows else None
        return query.values * idf(n_points, postings.frequencies(counts))
