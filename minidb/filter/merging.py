"""Two filters in one, as Qdrant merges a root filter into a prefetch's. Called by the query planner."""

from __future__ import annotations

from collections.abc import Sequence

from minidb import models
from minidb.models.base import as_list


def merge(this: models.Filter | None, other: models.Filter | None) -> models.Filter | None:
    """Both filters in one.

    Each group is the concatenation of both, so two `should` groups become one disjunction; two `min_should` become one
    with the larger count. Not the conjunction of the two: that is Qdrant's own behaviour (`Filter::merge_owned`).
    """
    if this is None or other is None:
        return other if this is None else this
    return models.Filter.model_construct(
        must=_joined(this.must, other.must),
        should=_joined(this.should, other.should),
        must_not=_joined(this.must_not, other.must_not),
        min_should=_joined_min_should(this.min_should, other.min_should),
    )


def _joined(
    this: Sequence[models.Condition] | models.Condition | None,
    other: Sequence[models.Condition] | models.Condition | None,
) -> list[models.Condition] | None:
    ours: list[models.Condition] = as_list(this)
    theirs: list[models.Condition] = as_list(other)
    return [*ours, *theirs] or None


def _joined_min_should(this: models.MinShould | None, other: models.MinShould | None) -> models.MinShould | None:
    if this is None or other is None:
        return other if this is None else this
    return models.MinShould.model_construct(
        conditions=[*this.conditions, *other.conditions], min_count=max(this.min_count, other.min_count)
    )
