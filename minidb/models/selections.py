"""Points chosen by id or filter, and the longer forms of what to return of them."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field, StrictStr

from minidb.models.base import Later, Model, one_of, tag
from minidb.models.bounded import Items
from minidb.models.points import ShardKey, ShardKeySelector, WithPayloadInterface, WithVector
from minidb.models.vectors import (
    ExtendedPointId,
)

if TYPE_CHECKING:
    from minidb.models.filters import Filter
else:
    Filter = Annotated[Any, Later("filters.Filter")]


class ShardKeyWithFallback(Model):
    """A shard key, and the one to use while it is not ready."""

    target: ShardKey
    fallback: ShardKey


# Selections


class PointIdsList(Model):
    """Points by id."""

    points: Items[ExtendedPointId]
    shard_key: ShardKeySelector | None = None


class FilterSelector(Model):
    """Points by filter."""

    filter: Filter
    shard_key: ShardKeySelector | None = None


PointsSelector: TypeAlias = Annotated[
    Annotated[PointIdsList, tag("PointIdsList")] | Annotated[FilterSelector, tag("FilterSelector")],
    one_of("points or filter", {"points": "PointIdsList", "filter": "FilterSelector"}),
]


# What to return of a point


class PayloadSelectorInclude(Model):
    """Only these paths."""

    closed = True

    include: Items[StrictStr]


class PayloadSelectorExclude(Model):
    """Everything but these paths."""

    closed = True

    exclude: Items[StrictStr]


PayloadSelector: TypeAlias = Annotated[
    Annotated[PayloadSelectorInclude, tag("PayloadSelectorInclude")]
    | Annotated[PayloadSelectorExclude, tag("PayloadSelectorExclude")],
    one_of("include or exclude", {"include": "PayloadSelectorInclude", "exclude": "PayloadSelectorExclude"}),
]


class PointRequest(Model):
    """Points by id, with what to return of them."""

    shard_key: ShardKeySelector | None = None
    ids: Items[ExtendedPointId]
    with_payload: WithPayloadInterface | None = None
    with_vector: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vector", "with_vectors"))
