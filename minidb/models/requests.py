"""Other read requests: prefetches, batches and groups of queries, scroll, count, facet, and the distance matrix."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import AliasChoices, Field, StrictStr

from minidb.models.base import Bool, Later, Model, OneOrMany, Readers, one_of, tag
from minidb.models.bounded import Items
from minidb.models.numbers import Number, PositiveInt, integer
from minidb.models.points import ShardKeySelector, WithPayloadInterface, WithVector
from minidb.models.queries import LookupLocation, OrderByInterface
from minidb.models.query_request import PLAIN_LEVEL, QueryInterface, QueryRequest
from minidb.models.vectors import (
    ExtendedPointId,
)

if TYPE_CHECKING:
    from minidb.models.filters import Filter
    from minidb.models.search_params import SearchParams
else:
    Filter = Annotated[Any, Later("filters.Filter")]
    SearchParams = Annotated[Any, Later("search_params.SearchParams")]


class Prefetch(Model):
    """A query whose results feed the query above it."""

    plain: ClassVar[Readers] = PLAIN_LEVEL

    prefetch: "OneOrMany[Prefetch] | None" = None
    query: QueryInterface | None = None
    using: StrictStr | None = None
    filter: Filter | None = None
    params: SearchParams | None = None
    score_threshold: Number | None = None
    limit: PositiveInt | None = None
    lookup_from: LookupLocation | None = None


class QueryRequestBatch(Model):
    """Several queries."""

    searches: Items[QueryRequest]


class WithLookup(Model):
    """The collection whose points describe the groups."""

    collection: StrictStr
    with_payload: WithPayloadInterface | None = None
    with_vectors: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vectors", "with_vector"))


WithLookupInterface: TypeAlias = Annotated[
    Annotated[StrictStr, tag("name")] | Annotated[WithLookup, tag("WithLookup")],
    one_of(
        "a collection name or an object with collection",
        {"collection": "WithLookup"},
        lambda value: "name" if isinstance(value, str) else None,
    ),
]


class QueryGroupsRequest(Model):
    """A query whose hits are grouped by a payload value."""

    shard_key: ShardKeySelector | None = None
    prefetch: OneOrMany[Annotated[Prefetch, Later()]] | None = None
    query: QueryInterface | None = None
    using: StrictStr | None = None
    filter: Filter | None = None
    params: SearchParams | None = None
    score_threshold: Number | None = None
    with_vector: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vector", "with_vectors"))
    with_payload: WithPayloadInterface | None = None
    lookup_from: LookupLocation | None = None
    group_by: StrictStr
    group_size: PositiveInt | None = None
    limit: PositiveInt | None = None
    with_lookup: WithLookupInterface | None = None


class ScrollRequest(Model):
    """Points in the order of their ids, or of a payload value."""

    shard_key: ShardKeySelector | None = None
    offset: ExtendedPointId | None = None
    limit: PositiveInt | None = None
    filter: Filter | None = None
    with_payload: WithPayloadInterface | None = None
    with_vector: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vector", "with_vectors"))
    order_by: OrderByInterface | None = None


class CountRequest(Model):
    """How many points satisfy a filter."""

    shard_key: ShardKeySelector | None = None
    filter: Filter | None = None
    exact: Bool | None = True


class FacetRequest(Model):
    """The values at a payload path, with the number of points for each."""

    shard_key: ShardKeySelector | None = None
    key: StrictStr
    limit: PositiveInt | None = None
    filter: Filter | None = None
    exact: Bool | None = None


class SearchMatrixRequest(Model):
    """Distances within a random sample."""

    shard_key: ShardKeySelector | None = None
    filter: Filter | None = None
    sample: Annotated[int, integer(2)] | None = None
    limit: PositiveInt | None = None
    using: StrictStr | None = None
