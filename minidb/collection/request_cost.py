"""How many tokens of a rate limit a request takes: what it compares, looks at or writes, not one for each call.

Source: lib/collection, local_shard/shard_ops.rs and replica_set/update.rs; lib/shard, search.rs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidb import models
from minidb.models.base import as_list

_SPARSE_DIMENSIONS = 64
"""So many dimensions of a sparse vector cost as much as one dense vector."""


def filter_cost(filter: models.Filter | None) -> int:
    """One for each condition, those of filters within it too."""
    if filter is None:
        return 0
    groups: list[Any] = [filter.must, filter.should, filter.must_not]
    groups.append(None if filter.min_should is None else filter.min_should.conditions)
    cost = 0
    for group in groups:
        conditions: list[Any] = as_list(group)
        for condition in conditions:
            match condition:
                case models.Filter():
                    cost += filter_cost(condition)
                case models.NestedCondition():
                    cost += filter_cost(condition.nested.filter)
                case _:
                    cost += 1
    return cost


def read_cost(filter: models.Filter | None) -> int:
    """Of a scroll, a count or a facet."""
    return 1 + filter_cost(filter)


def query_cost(request: Any, conditions_above: int = 0) -> int:
    """Of the searches a query consists of: its vectors, and the conditions of the filters that reach them."""
    conditions = conditions_above + filter_cost(request.filter)
    below: list[Any] = as_list(request.prefetch)
    if below:
        return sum(query_cost(prefetch, conditions) for prefetch in below)
    return max(1, sum(map(_vector_cost, _vectors_of(request.query)))) + conditions


def update_cost(operation: models.UpdateOperation, n_selected: Callable[[models.Filter], int]) -> int:
    """The points an operation names, or that its filter selects; at least one."""
    match operation:
        case models.UpsertOperation(upsert=models.PointsList(points=points)):
            return max(1, len(points))
        case models.UpsertOperation(upsert=models.PointsBatch(batch=batch)):
            return max(1, len(batch.ids))
    selector = next(iter(vars(operation).values()))
    named, filter = getattr(selector, "points", None), getattr(selector, "filter", None)
    if filter is not None:
        return max(1, n_selected(filter))
    return max(1, len(named or ()))


def _vectors_of(query: Any) -> list[Any]:
    match query:
        case models.NearestQuery():
            return [query.nearest]
        case models.RecommendQuery():
            examples = [*(query.recommend.positive or ()), *(query.recommend.negative or ())]
            averaged = query.recommend.strategy in (None, models.RecommendStrategy.AVERAGE_VECTOR)
            return examples[:1] if averaged else examples
        case models.DiscoverQuery():
            return [query.discover.target, *_of_pairs(query.discover.context)]
        case models.ContextQuery():
            return _of_pairs(query.context)
        case models.RelevanceFeedbackQuery():
            feedback = query.relevance_feedback
            return [feedback.target, *(item.example for item in feedback.feedback)]
    return [query]


def _of_pairs(context: Any) -> list[Any]:
    pairs: list[Any] = as_list(context)
    return [given for pair in pairs for given in (pair.positive, pair.negative)]


def _vector_cost(vector: Any) -> int:
    if isinstance(vector, models.SparseVector):
        return -(-len(vector.indices) // _SPARSE_DIMENSIONS)
    if isinstance(vector, (list, np.ndarray)) and len(vector) and np.ndim(vector[0]):
        return len(vector)
    return 1
