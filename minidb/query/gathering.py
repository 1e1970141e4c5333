"""Groups out of a ranking that is no longer than its prefetches make it: by further requests, as Qdrant finds them.

Each request leaves out what was found already, so prefetches bring up other points: up to five look for more groups,
up to five more for hits of the best ones. Source: lib/shard, grouping/{driver,aggregator}.rs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from minidb import models
from minidb.filter.merging import merge
from minidb.query.executor import Executor
from minidb.query.hits import Hits
from minidb.query.order_by import Ordering
from minidb.query.stages import Diverse, Nearest, Sampled
from minidb.query.tree import Node, Plan

COLLECTING_REQUESTS = 5
FILLING_REQUESTS = 5
_MAX_INT = 2**63 - 1

GroupKey = int | str
KeysOf = Callable[[Hits], list[list[GroupKey]]]
"""The groups of each hit."""


@dataclass(slots=True)
class _Hit:
    row: int
    score: float
    order_value: int | float | None

    @property
    def rank(self) -> int | float:
        return self.score if self.order_value is None else self.order_value


@dataclass(slots=True)
class _Gathered:
    """Groups as they fill up, in the order in which they were found."""

    n_groups: int
    size: int
    direction: int
    """1: larger values first, -1: smaller ones; 0: as found."""
    groups: dict[GroupKey, dict[int, _Hit]] = field(default_factory=dict)
    best: dict[GroupKey, int | float] = field(default_factory=dict)
    full: set[GroupKey] = field(default_factory=set)

    seen: set[int] = field(default_factory=set)
    """Rows no further request need find: Qdrant asks again for those that are in no group, and may miss others."""

    def add(self, hit: _Hit, keys: list[GroupKey]) -> None:
        self.seen.add(hit.row)
        for key in keys:
            group = self.groups.setdefault(key, {})
            group.setdefault(hit.row, hit)
            if len(group) == self.size:
                self.full.add(key)
            best = self.best.setdefault(key, hit.rank)
            if hit.rank * self.direction > best * self.direction:
                self.best[key] = hit.rank

    def best_keys(self) -> list[GroupKey]:
        return sorted(self.best, key=lambda key: -self.best[key] * self.direction)[: self.n_groups]

    def unfilled(self) -> list[GroupKey]:
        return [key for key in self.best_keys() if key not in self.full]

    def is_complete(self) -> bool:
        return sum(key in self.full for key in self.best_keys()) >= self.n_groups

    def result(self) -> Iterator[tuple[GroupKey, list[_Hit]]]:
        for key in self.best_keys():
            hits = sorted(self.groups[key].values(), key=lambda hit: -hit.rank * self.direction)
            yield key, hits[: self.size]


def is_bounded(root: Node) -> bool:
    """Whether a longer ranking than the first one needs another request, not only a larger limit."""
    return bool(root.prefetches) or isinstance(root.stage, Diverse)


def gather(
    executor: Executor, plan: Plan, n_groups: int, size: int, group_by: str, keys_of: KeysOf, smaller_is_better: bool
) -> tuple[dict[GroupKey, list[int]], Hits]:
    """The best groups with the positions of their hits in the second value."""
    gathered = _Gathered(n_groups, size, _direction(plan.root, smaller_is_better))
    for is_filling, n_requests in ((False, COLLECTING_REQUESTS), (True, FILLING_REQUESTS)):
        for _ in range(n_requests if n_groups and size and not gathered.is_complete() else 0):
            keys = gathered.unfilled() if is_filling else list(gathered.full)
            root = _narrowed(plan.root, _matching(group_by, keys, excluded=not is_filling))
            hits = executor.run(Plan(root, [*plan.excluded, *gathered.seen]))
            _add(gathered, hits, keys_of)
            if gathered.is_complete() or not len(hits):
                break
    return _as_hits(gathered)


def _add(gathered: _Gathered, hits: Hits, keys_of: KeysOf) -> None:
    values = [None] * len(hits) if hits.order_values is None else hits.order_values.tolist()
    for row, score, value, keys in zip(hits.rows.tolist(), hits.scores.tolist(), values, keys_of(hits), strict=True):
        gathered.add(_Hit(row, score, value), keys)


def _as_hits(gathered: _Gathered) -> tuple[dict[GroupKey, list[int]], Hits]:
    positions: dict[GroupKey, list[int]] = {}
    found: list[_Hit] = []
    for key, hits in gathered.result():
        positions[key] = list(range(len(found), len(found) + len(hits)))
        found += hits
    rows = np.array([hit.row for hit in found], np.uint32)
    scores = np.array([hit.score for hit in found], np.float32)
    has_values = bool(found) and found[0].order_value is not None
    return positions, Hits(rows, scores, np.array([hit.order_value for hit in found]) if has_values else None)


def _direction(root: Node, smaller_is_better: bool) -> int:
    """How hits of different requests compare (lib/shard, query/mod.rs, `query_result_order`)."""
    match root.stage:
        case Diverse() | Sampled():
            return 0
        case Ordering(descending=descending):
            return 1 if descending else -1
        case Nearest():
            return -1 if smaller_is_better else 1
        case _:
            return 1


def _matching(group_by: str, keys: list[GroupKey], excluded: bool) -> models.Filter | None:
    """Points of these groups, or points that have other groups; integers beyond 63 bits have no filter."""
    integers = [key for key in keys if isinstance(key, int) and key <= _MAX_INT]
    texts = [key for key in keys if isinstance(key, str)]
    listed = [values for values in (integers, texts) if values]
    matches = [models.MatchExcept(except_=values) if excluded else models.MatchAny(any=values) for values in listed]
    conditions: list[models.Condition] = [models.FieldCondition(key=group_by, match=match) for match in matches]
    return models.Filter.model_construct(must=conditions) if conditions else None


def _narrowed(node: Node, extra: models.Filter | None) -> Node:
    """The tree with one more filter on every level, where a filter of the root comes to lie."""
    if extra is None:
        return node
    below = [_narrowed(child, extra) for child in node.prefetches]
    return node._replace(prefetches=below, filter=merge(node.filter, extra))
