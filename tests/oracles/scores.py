"""Brute force: the Query API over a `CollectionModel`, in float64, by the letter of spec §2.1 to §2.4.

The evaluation also says when the answer hangs on ties, so that a caller does not compare what is not determined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from qdrant_client import models as m

from oracles.compare import Ranking, close
from oracles.model import CollectionModel, canonical, id_order
from oracles.schema import EPSILON, Field, Stored

DEFAULT_LIMIT = 10


def similarity(field: Field, query: Stored, stored: Stored) -> float | None:
    """Internal similarity, larger is nearer; None for sparse vectors without a common index."""
    if field.kind == "sparse":
        weights = dict(zip(query[0], query[1].tolist(), strict=True))
        common = [
            (weights[at], value) for at, value in zip(stored[0], stored[1].tolist(), strict=True) if at in weights
        ]
        return math.fsum(weight * value for weight, value in common) if common else None
    rows, queries = np.atleast_2d(stored).astype(np.float64), np.atleast_2d(query).astype(np.float64)
    table = np.array([_row_similarities(field, one, rows) for one in queries])
    return float(table.max(axis=1).sum())


def _row_similarities(field: Field, query: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if field.distance == "Euclid":
        return -((rows - query) ** 2).sum(axis=1)
    if field.distance == "Manhattan":
        return -np.abs(rows - query).sum(axis=1)
    if field.distance == "Cosine" and field.datatype == "uint8":
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        return (rows @ query) / np.where(lengths == 0, 1.0, lengths)
    return rows @ query


def reported(field: Field, score: float) -> float:
    if not field.ascending:
        return score
    distance = max(-score, 0.0)
    return math.sqrt(distance) if field.distance == "Euclid" else distance


@dataclass
class Answer:
    """A ranking. `exact`: float32 finds the same scores equal (no division, no square root before a product)."""

    ranking: list[tuple[int | str, float]]
    ascending: bool = False
    exact: bool = True


@dataclass
class BruteForce:
    """Evaluates one request. `ties`: equal scores decided something below; `unclear`: nearly equal ones did."""

    model: CollectionModel
    ties: bool = False
    unclear: bool = False
    excluded: set[int | str] = field(default_factory=set)

    def ranking(self, request: m.QueryRequest) -> Ranking:
        """The whole ranking; the request's `offset` and `limit` are for the caller to cut."""
        self.collect_ids(request)
        most = (request.limit or DEFAULT_LIMIT) + (request.offset or 0)
        return self._node(request, [], most, is_root=True).ranking

    def collect_ids(self, node: Any) -> None:
        query = node.query.nearest if isinstance(node.query, m.NearestQuery) else node.query
        if is_id(query):
            self.excluded.add(canonical(query))
        for child in prefetches(node):
            self.collect_ids(child)

    def _node(self, node: Any, above: list[m.Filter], limit: int, is_root: bool = False) -> Answer:
        filters = [*above, *([node.filter] if node.filter is not None else [])]
        lists = [self._node(child, filters, child.limit or DEFAULT_LIMIT) for child in prefetches(node)]
        answer = self._scored(node, filters, lists)
        threshold = node.score_threshold
        if threshold is not None and node.query is not None:
            answer.ranking = self._beyond(answer, threshold, isinstance(node.query, m.FusionQuery | m.RrfQuery))
        return answer if is_root else self._cut(answer, limit)

    def _scored(self, node: Any, filters: list[m.Filter], lists: list[Answer]) -> Answer:
        if node.query is None:
            return Answer([(point_id, 1.0) for point_id in self._allowed(filters)])
        if isinstance(node.query, m.FusionQuery | m.RrfQuery):
            return self._fused(node.query, lists)
        using = self.model.fields[node.using or ""]
        query = self.vector(using, node.query)
        if lists:
            candidates = {point_id for answer in lists for point_id, _ in answer.ranking}
        else:
            candidates = set(self._allowed(filters))
        return self._ordered(using, query, candidates)

    def vector(self, using: Field, query: Any) -> Stored:
        query = query.nearest if isinstance(query, m.NearestQuery) else query
        if is_id(query):
            return self.model.points[canonical(query)].vectors[using.name]
        return using.stored(query)

    def _allowed(self, filters: list[m.Filter]) -> list[int | str]:
        merged = merge(filters)
        return [point_id for point_id in self.model.ids(merged) if point_id not in self.excluded]

    def _ordered(self, using: Field, query: Stored, candidates: set[int | str]) -> Answer:
        if using.idf:
            query = self._with_idf(using, query)
        scored = []
        for point_id in candidates:
            stored = self.model.points[point_id].vectors.get(using.name)
            score = None if stored is None else similarity(using, query, stored)
            if score is not None:
                scored.append((point_id, reported(using, score)))
        exact = using.kind == "sparse" or using.distance != "Cosine"
        return Answer(_sorted(scored, using.ascending), using.ascending, exact)

    def _with_idf(self, using: Field, query: Stored) -> Stored:
        having = [point.vectors[using.name] for point in self.model.points.values() if using.name in point.vectors]
        frequencies = [sum(index in indices for indices, _ in having) for index in query[0]]
        n = len(having)
        weights = [math.log((n - df + 0.5) / (df + 0.5) + 1.0) for df in frequencies]
        return query[0], (query[1] * np.array(weights)).astype(np.float32)

    def _fused(self, query: Any, lists: list[Answer]) -> Answer:
        for answer in lists:
            self._note_ties(answer)
        sums: dict[int | str, float] = {}
        for number, answer in enumerate(lists):
            scores = [score for _, score in answer.ranking]
            for (point_id, _), term in zip(answer.ranking, _terms(query, number, scores), strict=True):
                sums[point_id] = sums.get(point_id, 0.0) + term
        return Answer(_sorted(list(sums.items()), ascending=False), exact=False)

    def _beyond(self, answer: Answer, threshold: float, fusion: bool) -> list[tuple[int | str, float]]:
        kept = []
        for point_id, score in answer.ranking:
            if close(score, threshold) and score != threshold:
                self.unclear = True
            better = score < threshold if answer.ascending else score > threshold
            if better or (fusion and score == threshold):
                kept.append((point_id, score))
        return kept

    def _cut(self, answer: Answer, limit: int) -> Answer:
        if limit < len(answer.ranking):
            self._note_ties(replace(answer, ranking=answer.ranking[limit - 1 : limit + 1]))
        return replace(answer, ranking=answer.ranking[:limit])

    def _note_ties(self, answer: Answer) -> None:
        for one, other in pairwise(score for _, score in answer.ranking):
            if one == other and answer.exact:
                self.ties = True
            elif close(one, other):
                self.unclear = True


def _terms(query: Any, number: int, scores: list[float]) -> list[float]:
    """What each place of one list adds to its point (spec §2.4, fusion)."""
    if isinstance(query, m.FusionQuery) and query.fusion == m.Fusion.DBSF:
        return _normalized(scores)
    settings = query.rrf if isinstance(query, m.RrfQuery) else m.Rrf()
    k = 2 if settings.k is None else settings.k
    weight = 1.0 if settings.weights is None else settings.weights[number]
    return [1.0 / ((place + 1) / weight + k - 1) if weight > 0 else 0.0 for place in range(len(scores))]


def _normalized(scores: list[float]) -> list[float]:
    if len(scores) < 2:
        return [0.5] * len(scores)
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    if deviation < EPSILON:
        return [0.5] * len(scores)
    low, high = mean - 3 * deviation, mean + 3 * deviation
    return [(score - low) / (high - low) for score in scores]


def _sorted(scored: list[tuple[int | str, float]], ascending: bool) -> list[tuple[int | str, float]]:
    """Best first; equal scores by id."""
    return sorted(scored, key=lambda hit: (hit[1] if ascending else -hit[1], id_order(hit[0])))


def merge(filters: list[m.Filter]) -> m.Filter | None:
    """Field by field, as the core merges a root filter into a prefetch's: two `should` become one (spec §2.2.3)."""
    if not filters:
        return None

    def joined(name: str) -> list[Any] | None:
        groups = [getattr(one, name) for one in filters]
        conditions = [c for group in groups if group for c in (group if isinstance(group, list) else [group])]
        return conditions or None

    return m.Filter(must=joined("must"), should=joined("should"), must_not=joined("must_not"))


def prefetches(node: Any) -> list[Any]:
    below = node.prefetch
    return [] if below is None else below if isinstance(below, list) else [below]


def is_id(query: Any) -> bool:
    return isinstance(query, int | str) or type(query).__name__ == "UUID"
