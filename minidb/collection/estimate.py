"""How many points a filter selects, as Qdrant guesses it without looking at payloads: a rate limit charges that.

What an index answers is counted, of anything else half the points are expected, and conditions are taken to be
independent. Source: lib/segment, index/query_estimator.rs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from minidb import models
from minidb.collection.reads import PointReader
from minidb.collection.required_indexes import has_index
from minidb.models.base import as_list


def estimated(reader: PointReader, filter: models.Filter) -> int:
    """The expected number of points a filter selects."""
    return round(_share(reader, filter, "") * reader.view.n_alive)


def _share(reader: PointReader, filter: models.Filter, prefix: str) -> float:
    """The part of all points a filter is expected to select; `prefix` is the path of the arrays it is nested in."""

    def shares(conditions: Any) -> list[float]:
        listed: list[Any] = as_list(conditions)
        return [_share_of_condition(reader, condition, prefix) for condition in listed]

    share = prod(shares(filter.must)) * prod(1 - each for each in shares(filter.must_not))
    if filter.should:
        share *= _at_least(1, shares(filter.should))
    if filter.min_should is not None:
        share *= _at_least(filter.min_should.min_count, shares(filter.min_should.conditions))
    return share


def _share_of_condition(reader: PointReader, condition: Any, prefix: str) -> float:
    match condition:
        case models.Filter():
            return _share(reader, condition, prefix)
        case models.NestedCondition():
            key = condition.nested.key
            return _share(reader, condition.nested.filter, f"{prefix}{key if key.endswith('[]') else key + '[]'}.")
        case models.SliceCondition():
            return 1 / condition.slice.total
    if not has_index(condition, prefix, reader.collection.config.payload_schema):
        return 0.5
    if prefix and isinstance(condition, models.FieldCondition):
        condition = condition.model_copy(update={"key": prefix + condition.key})
    rows = reader.matching(models.Filter(must=[condition]))
    return 0.0 if rows is None or not len(rows) else len(rows) / reader.view.n_alive


def _at_least(least: int, shares: Sequence[float]) -> float:
    """The probability that `least` of independent events happen."""
    chances = [1.0]  # of 0, 1, … of the events so far
    for share in shares:
        chances = [
            (chances[n] * (1 - share) if n < len(chances) else 0.0) + (chances[n - 1] * share if n else 0.0)
            for n in range(len(chances) + 1)
        ]
    return sum(chances[max(0, least) :])
