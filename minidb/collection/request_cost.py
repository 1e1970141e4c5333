"""How many tokens of a rate limit a request takes: what it compares, looks at or writes, not one for each call.

Source: lib/collection, local_shard/shard_ops.rs and replica_set/update.rs; lib/shard, search.rs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np

from minidb import models
from minidb.models.base import as_list

StoredCost: TypeAlias = Callable[[Any, str], int]
"""What the vector of a name that a point has costs, once for each of its tokens."""
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


def named_points(requests: Sequence[Any]) -> dict[str | None, set[Any]]:
    """The points that queries name, each fetched once, by the collection of `lookup_from`, None without it."""
    found: dict[str | None, set[Any]] = {}
    for request in requests:
        for collection, point_id in _ids_below(request):
            found.setdefault(collection, set()).add(point_id)
    return found


def query_cost(request: Any, stored_cost: StoredCost, name: str) -> int:
    """Of the searches a query consists of: its vectors, and the conditions of the filters that reach them. One more
    condition leaves out the points that are named, if they are of the collection itself, whose `name` it is.
    """
    leaves_out = any(collection in (None, name) for collection, _ in _ids_below(request))
    return _cost(request, int(leaves_out), stored_cost)


def _cost(request: Any, conditions_above: int, stored_cost: StoredCost) -> int:
    conditions = conditions_above + filter_cost(request.filter)
    below: list[Any] = as_list(request.prefetch)
    if below:
        return sum(_cost(prefetch, conditions, stored_cost) for prefetch in below)
    vectors = _vectors_of(request.query)
    looked_up = request.lookup_from is not None
    costs = (
        (1 if looked_up else stored_cost(given, request.using or "")) if _is_id(given) else _vector_cost(given)
        for given in vectors
    )
    return max(1, sum(costs)) + conditions


def _ids_below(request: Any) -> Iterator[tuple[str | None, Any]]:
    """The points that a request names, on any level, and where they are looked up."""
    collection = None if request.lookup_from is None else request.lookup_from.collection
    for given in _vectors_of(request.query, every=True):
        if _is_id(given):
            yield collection, given
    below: list[Any] = as_list(request.prefetch)
    for prefetch in below:
        yield from _ids_below(prefetch)


def _is_id(given: object) -> bool:
    return isinstance(given, (int, str, UUID))


def update_cost(operation: models.UpdateOperation, n_selected: Callable[[models.Filter], int]) -> int:
    """The points an operation names, or that its filter is expected to select; at least one."""
    match operation:
        case models.UpsertOperation(upsert=models.PointsList(points=points)):
            return max(1, len(points))
        case models.UpsertOperation(upsert=models.PointsBatch(batch=batch)):
            return max(1, len(batch.ids))
    selector = next(iter(vars(operation).values()))
    named, filter = getattr(selector, "points", None), getattr(selector, "filter", None)
    if named is None and filter is not None:
        return max(1, n_selected(filter))
    return max(1, len(named or ()))


def sparse_cost(n_indices: int) -> int:
    return -(-n_indices // _SPARSE_DIMENSIONS)


def _vectors_of(query: Any, every: bool = False) -> list[Any]:
    """The vectors a search compares with; `every`: also those of which it takes the average."""
    match query:
        case models.NearestQuery():
            return [query.nearest]
        case models.RecommendQuery():
            examples = [*(query.recommend.positive or ()), *(query.recommend.negative or ())]
            averaged = not every and query.recommend.strategy in (None, models.RecommendStrategy.AVERAGE_VECTOR)
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
        return sparse_cost(len(vector.indices))
    if isinstance(vector, (list, np.ndarray)) and len(vector) and np.ndim(vector[0]):
        return len(vector)
    return 1
