"""Strict mode: limits on what requests to a collection may ask for."""

from typing import Annotated, TypeAlias

from pydantic import StrictStr

from minidb.models.base import Bool, Model
from minidb.models.bounded import Named, by_sorted_name
from minidb.models.numbers import Number, Percent, PositiveInt, UInt


class StrictModeMultivector(Model):
    """Limit on a multivector."""

    closed = True

    max_vectors: PositiveInt | None = None


class StrictModeSparse(Model):
    """Limit on a sparse vector."""

    closed = True

    max_length: PositiveInt | None = None


StrictModeMultivectorConfig: TypeAlias = Annotated[Named[StrictModeMultivector], by_sorted_name]
StrictModeSparseConfig: TypeAlias = Annotated[Named[StrictModeSparse], by_sorted_name]


class StrictModeConfig(Model):
    """Limits on requests; none applies unless `enabled`."""

    closed = True

    enabled: Bool | None = None
    max_query_limit: PositiveInt | None = None
    max_timeout: PositiveInt | None = None
    unindexed_filtering_retrieve: Bool | None = None
    unindexed_filtering_update: Bool | None = None
    search_max_hnsw_ef: UInt | None = None
    search_allow_exact: Bool | None = None
    search_max_oversampling: Number | None = None
    upsert_max_batchsize: UInt | None = None
    search_max_batchsize: UInt | None = None
    max_collection_vector_size_bytes: UInt | None = None
    read_rate_limit: PositiveInt | None = None
    write_rate_limit: PositiveInt | None = None
    max_collection_payload_size_bytes: UInt | None = None
    max_points_count: PositiveInt | None = None
    filter_max_conditions: UInt | None = None
    condition_max_size: UInt | None = None
    multivector_config: StrictModeMultivectorConfig | None = None
    sparse_config: StrictModeSparseConfig | None = None
    max_payload_index_count: UInt | None = None
    max_resident_memory_percent: Percent | None = None


class StrictModeMultivectorOutput(StrictModeMultivector):
    """Limit on a multivector, as info shows it."""


class StrictModeSparseOutput(StrictModeSparse):
    """Limit on a sparse vector, as info shows it."""


class StrictModeConfigOutput(StrictModeConfig):
    """Limits on requests, as info shows them."""


StrictModeMultivectorConfigOutput: TypeAlias = dict[StrictStr, StrictModeMultivectorOutput]
StrictModeSparseConfigOutput: TypeAlias = dict[StrictStr, StrictModeSparseOutput]
