"""Runs a planned query tree on one snapshot: leaves search the collection, inner nodes rescore or fuse what came up.

Each distinct filter is evaluated once per snapshot (the reader remembers), however many prefetches share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.arrays import distinct
from minidb.collection.fields import VectorField
from minidb.collection.index_rows import metric_of
from minidb.collection.indexes import Indexes
from minidb.collection.reads import PointReader
from minidb.index.dense.plain import reported
from minidb.query.examples import best_by_examples
from minidb.query.fusion import dbsf, rrf
from minidb.query.hits import NO_HITS, Hits, Rows, union
from minidb.query.mmr import diverse
from minidb.query.order_by import Ordering, ordered
from minidb.query.search import Params, Search
from minidb.query.stages import ByExamples, DbsfFusion, Diverse, Nearest, RrfFusion, Sampled
from minidb.query.text import TextScore, best_by_text
from minidb.query.tree import Node, Plan
from minidb.trace import NO_TRACE

DenseQuery = NDArray[np.float32]


class Executor:
    """One snapshot, any number of queries."""

    def __init__(self, reader: PointReader, indexes: Indexes) -> None:
        self._reader = reader
        self._search = Search(reader, indexes)

    def run(self, plan: Plan) -> Hits:
        """The hits of the root, best first, with the scores callers see."""
        excluded = distinct(np.array(plan.excluded, np.uint32)) if plan.excluded else NO_HITS.rows
        return self._run(plan.root, excluded)

    def run_all(self, plans: Sequence[Plan]) -> Iterator[Hits]:
        """The hits of several plans; those that only look for the nearest points of one dense field go together."""
        if len(plans) == 1:
            yield self.run(plans[0])
            return
        alike: dict[tuple[str, int, Params], list[int]] = {}
        for at, plan in enumerate(plans):
            if self._is_plain(plan):
                stage = cast(Nearest, plan.root.stage)
                alike.setdefault((stage.using, plan.root.limit, plan.root.params), []).append(at)
        together: dict[int, Iterator[Hits]] = {}
        for places in alike.values():
            if len(places) > 1:
                together.update(dict.fromkeys(places, self._nearest_many([plans[at].root for at in places])))
        for at, plan in enumerate(plans):
            yield next(together[at]) if at in together else self.run(plan)

    def _is_plain(self, plan: Plan) -> bool:
        """Whether a plan is the `nearest` of one dense vector among all points, and nothing else."""
        root, stage = plan.root, plan.root.stage
        if not isinstance(stage, Nearest) or root.prefetches or root.filter is not None or not root.limit:
            return False
        return not plan.excluded and self._reader.view.fields[stage.using].kind == "dense"

    def _nearest_many(self, nodes: Sequence[Node]) -> Iterator[Hits]:
        """Of plain nodes of one field, limit and set of parameters, in their order."""
        stages = [cast(Nearest, node.stage) for node in nodes]
        field = self._reader.view.fields[stages[0].using]
        vectors = [cast(DenseQuery, stage.vector) for stage in stages]
        hits = self._search.nearest_many(field, vectors, nodes[0].limit, nodes[0].params)
        for some, node in zip(hits, nodes, strict=True):
            yield _beyond(field, as_reported(field, some), node.score_threshold)

    def _run(self, node: Node, excluded: Rows) -> Hits:
        trace = self._reader.trace
        if trace is NO_TRACE:
            return self._stage(node, excluded)
        with trace.step(type(node.stage).__name__ if node.stage is not None else "ById", limit=node.limit):
            hits = self._stage(node, excluded)
            trace.note(hits=len(hits))
            return hits

    def _stage(self, node: Node, excluded: Rows) -> Hits:
        lists = [self._run(child, excluded) for child in node.prefetches]
        match node.stage:
            case None:
                return self._by_id(node, self._candidates(node, lists, excluded))
            case Nearest() as stage:
                return self._nearest(node, stage, lists, excluded, node.limit)
            case ByExamples() as stage:
                return self._by_examples(node, stage, self._candidates(node, lists, excluded))
            case Diverse() as stage:
                return self._diverse(node, stage, lists, excluded)
            case Ordering() as stage:
                return ordered(self._reader, stage, self._candidates(node, lists, excluded), node.limit)
            case TextScore() as stage:
                hits = best_by_text(self._reader, stage, self._candidates(node, lists, excluded), node.limit)
                return hits if node.score_threshold is None else hits.at(hits.scores > node.score_threshold)
            case Sampled():
                from minidb.query.sample import sample

                rows = self._candidates(node, lists, excluded)
                return sample(self._reader.view.rows if rows is None else rows, node.limit)
            case RrfFusion(k, weights):
                return _at_least(rrf(self._reader.view, lists, k, weights, node.limit), node.score_threshold)
            case DbsfFusion():
                return _at_least(dbsf(self._reader.view, lists, node.limit), node.score_threshold)
            case stage:  # a formula, whose modules are only loaded where one is asked for
                return _at_least(stage.rescored(self._reader, lists, node.limit), node.score_threshold)

    def _by_id(self, node: Node, rows: Rows | None) -> Hits:
        if rows is None:
            rows = self._reader.view.rows
        rows = rows[self._reader.view.id_order(rows)][: node.limit]
        return Hits(rows, np.ones(len(rows), np.float32))

    def _nearest(self, node: Node, stage: Nearest, lists: Sequence[Hits], excluded: Rows, limit: int) -> Hits:
        field = self._reader.view.fields[stage.using]
        if not limit:
            return NO_HITS
        if not lists and node.filter is None and len(excluded):
            # asking for a few more and dropping them keeps the graph in play; a filter would not
            hits = self._search.nearest(field, stage.vector, limit + len(excluded), None, node.params)
            hits = hits.at(~np.isin(hits.rows, excluded)).cut(0, limit)
        else:
            rows = self._candidates(node, lists, excluded)
            # of multivectors that prefetches chose each is compared: they are to be ranked, not chosen from once more
            params = node.params._replace(exact=True) if lists and field.kind == "multi" else node.params
            hits = self._search.nearest(field, stage.vector, limit, rows, params)
        return _beyond(field, as_reported(field, hits), node.score_threshold)

    def _by_examples(self, node: Node, stage: ByExamples, rows: Rows | None) -> Hits:
        field = self._reader.view.fields[stage.using]
        hits = best_by_examples(self._search, field, stage.examples, stage.score, node.limit, rows)
        return _beyond(field, hits, node.score_threshold)

    def _diverse(self, node: Node, stage: Diverse, lists: Sequence[Hits], excluded: Rows) -> Hits:
        if lists and not stage.rescores:
            candidates = Hits(
                *(np.concatenate(parts) for parts in zip(*((h.rows, h.scores) for h in lists), strict=True))
            )
        else:
            candidates = self._nearest(node, stage.nearest, lists, excluded, stage.candidates_limit)
        field = self._reader.view.fields[stage.nearest.using]
        return diverse(self._reader, field, stage.nearest.vector, stage.relevance_share, candidates, node.limit)

    def _candidates(self, node: Node, lists: Sequence[Hits], excluded: Rows) -> Rows | None:
        """Ascending rows a node may return, None for all: what its prefetches found, else what its filter lets pass."""
        if node.prefetches:
            return union(lists)
        return self._allowed(node.filter, excluded)

    def _allowed(self, filter: models.Filter | None, excluded: Rows) -> Rows | None:
        """Rows a leaf may return, None for all."""
        rows = self._reader.matching(filter)
        if rows is not None and len(rows) == self._reader.view.n_alive:
            rows = None  # the filter selects everything: as good as none, and open to the graph
        if not len(excluded):
            return rows
        if rows is None:
            rows = self._reader.view.rows
        return rows[~np.isin(rows, excluded)]


def as_reported(field: VectorField, hits: Hits) -> Hits:
    """Internal similarities as the scores callers see."""
    return hits if field.kind == "sparse" else Hits(hits.rows, reported(metric_of(field), hits.scores))


def _beyond(field: VectorField, hits: Hits, threshold: float | None) -> Hits:
    """Hits up to the first score that is not strictly better than the threshold, in the distance's direction.

    Scores made of examples are sorted descending even where a smaller distance is nearer, and yet are cut in the
    direction of the distance: then all stay or none (lib/segment, types.rs, `check_threshold`).
    """
    if threshold is None:
        return hits
    ascending, limit = field.kind != "sparse" and field.ascending, _single(threshold)
    fails = np.flatnonzero(hits.scores >= limit if ascending else hits.scores <= limit)
    return hits.cut(0, int(fails[0])) if len(fails) else hits


def _at_least(hits: Hits, threshold: float | None) -> Hits:
    """Fused and computed scores at or above the threshold."""
    return hits if threshold is None else hits.at(hits.scores >= _single(threshold))


def _single(threshold: float) -> float:
    """As a float of 32 bits: beyond them it is infinite."""
    with np.errstate(over="ignore"):
        return float(np.float32(threshold))
