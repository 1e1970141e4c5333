"""Runs a planned query tree on one snapshot: leaves search the collection, inner nodes rescore or fuse what came up.

Each distinct filter is evaluated once per snapshot (the reader remembers), however many prefetches share it.
"""

from __future__ import annotations

import numpy as np

from minidb import models
from minidb.collection.fields import VectorField
from minidb.collection.indexes import Indexes, metric_of
from minidb.collection.reads import PointReader
from minidb.index.dense.plain import reported
from minidb.query.fusion import dbsf, rrf
from minidb.query.hits import NO_HITS, Hits, Rows
from minidb.query.search import Search
from minidb.query.tree import DbsfFusion, Nearest, Node, Plan, RrfFusion


class Executor:
    """One snapshot, any number of queries."""

    def __init__(self, reader: PointReader, indexes: Indexes) -> None:
        self._reader = reader
        self._search = Search(reader, indexes)

    def run(self, plan: Plan) -> Hits:
        """The hits of the root, best first, with the scores callers see."""
        excluded = np.unique(np.array(plan.excluded, np.uint32)) if plan.excluded else NO_HITS.rows
        return self._run(plan.root, excluded)

    def _run(self, node: Node, excluded: Rows) -> Hits:
        match node.stage:
            case None:
                return self._by_id(node, excluded)
            case Nearest():
                return self._nearest(node, node.stage, excluded)
            case RrfFusion(k, weights):
                lists = [self._run(child, excluded) for child in node.prefetches]
                return _above(rrf(self._reader.view, lists, k, weights, node.limit), node.score_threshold)
            case DbsfFusion():
                lists = [self._run(child, excluded) for child in node.prefetches]
                return _above(dbsf(self._reader.view, lists, node.limit), node.score_threshold)

    def _by_id(self, node: Node, excluded: Rows) -> Hits:
        rows = self._allowed(node.filter, excluded)
        if rows is None:
            rows = self._reader.view.rows
        rows = rows[self._reader.view.id_order(rows)][: node.limit]
        return Hits(rows, np.ones(len(rows), np.float32))

    def _nearest(self, node: Node, stage: Nearest, excluded: Rows) -> Hits:
        field = self._reader.view.fields[stage.using]
        if node.prefetches:
            lists = [self._run(child, excluded) for child in node.prefetches]
            rows = np.unique(np.concatenate([hits.rows for hits in lists]))
            hits = self._search.nearest(field, stage.vector, node.limit, rows, node.params)
        elif node.filter is None and len(excluded):
            # asking for a few more and dropping them keeps the graph in play; a filter would not
            wanted = node.limit + len(excluded)
            hits = self._search.nearest(field, stage.vector, wanted, None, node.params)
            keep = ~np.isin(hits.rows, excluded)
            hits = Hits(hits.rows[keep], hits.scores[keep]).cut(0, node.limit)
        else:
            rows_or_all = self._allowed(node.filter, excluded)
            hits = self._search.nearest(field, stage.vector, node.limit, rows_or_all, node.params)
        return _beyond(field, as_reported(field, hits), node.score_threshold)

    def _allowed(self, filter: models.Filter | None, excluded: Rows) -> Rows | None:
        """Rows a leaf may return, None for all."""
        rows = self._reader.matching(filter)
        if not len(excluded):
            return rows
        if rows is None:
            rows = self._reader.view.rows
        return rows[~np.isin(rows, excluded)]


def as_reported(field: VectorField, hits: Hits) -> Hits:
    """Internal similarities as the scores callers see."""
    return hits if field.kind == "sparse" else Hits(hits.rows, reported(metric_of(field), hits.scores))


def _beyond(field: VectorField, hits: Hits, threshold: float | None) -> Hits:
    """Scores strictly better than the threshold, in the distance's direction."""
    if threshold is None:
        return hits
    keep = hits.scores < threshold if field.kind != "sparse" and field.ascending else hits.scores > threshold
    return Hits(hits.rows[keep], hits.scores[keep]) if keep.any() else NO_HITS


def _above(hits: Hits, threshold: float | None) -> Hits:
    """Fused scores at or above the threshold."""
    if threshold is None:
        return hits
    keep = hits.scores >= threshold
    return Hits(hits.rows[keep], hits.scores[keep])
