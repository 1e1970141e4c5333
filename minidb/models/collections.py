"""Collections: the settings at creation and update, and what info shows."""

from typing import Annotated, TypeAlias

from pydantic import AliasChoices, Field, StrictStr

from minidb.models.base import Bool, Model, Payload, PositiveInt, StrEnum, UInt, integer, number, one_of, tag
from minidb.models.filters import Datetime
from minidb.models.indexes import Memory, PayloadIndexInfo
from minidb.models.quantization import QuantizationConfig, QuantizationConfigDiff
from minidb.models.strict_mode import StrictModeConfig, StrictModeConfigOutput
from minidb.models.vector_params import (
    HnswConfig,
    HnswConfigDiff,
    SparseVectorsConfig,
    VectorsConfig,
    VectorsConfigDiff,
)


class MaxOptimizationThreadsSetting(StrEnum):
    """Let the store choose."""

    AUTO = "auto"


MaxOptimizationThreads: TypeAlias = Annotated[
    Annotated[UInt, tag("count")] | Annotated[MaxOptimizationThreadsSetting, tag("MaxOptimizationThreadsSetting")],
    one_of(
        'a number of threads or "auto"',
        {},
        lambda value: (
            "count" if isinstance(value, int) else "MaxOptimizationThreadsSetting" if isinstance(value, str) else None
        ),
        ("MaxOptimizationThreadsSetting",),
    ),
]
_Share: TypeAlias = Annotated[float, number(0.0, 1.0)]


class OptimizersConfig(Model):
    """When segments are rewritten and indexed, all known."""

    deleted_threshold: _Share | None = 0.2
    vacuum_min_vector_number: UInt | None = 1000
    default_segment_number: UInt
    max_segment_size: UInt | None = None
    memmap_threshold: UInt | None = None
    indexing_threshold: UInt | None = None
    flush_interval_sec: UInt
    max_optimization_threads: UInt | None = None
    prevent_unoptimized: Bool | None = None


class OptimizersConfigDiff(Model):
    """When segments are rewritten and indexed, where it differs."""

    deleted_threshold: _Share | None = None
    vacuum_min_vector_number: Annotated[int, integer(100)] | None = None
    default_segment_number: UInt | None = None
    max_segment_size: UInt | None = None
    memmap_threshold: UInt | None = None
    indexing_threshold: UInt | None = None
    flush_interval_sec: UInt | None = None
    max_optimization_threads: MaxOptimizationThreads | None = None
    prevent_unoptimized: Bool | None = None


class WalConfig(Model):
    """Sizes of the log, all known."""

    wal_capacity_mb: PositiveInt
    wal_segments_ahead: UInt
    wal_retain_closed: UInt | None = 1


class WalConfigDiff(Model):
    """Sizes of the log that differ."""

    wal_capacity_mb: PositiveInt | None = None
    wal_segments_ahead: UInt | None = None
    wal_retain_closed: UInt | None = None


class ShardingMethod(StrEnum):
    """How points are given to shards; accepted and echoed."""

    AUTO = "auto"
    CUSTOM = "custom"


class PayloadStorageParams(Model):
    """Where payload is kept."""

    memory: Memory | None = None


class IdTrackerParams(Model):
    """Where the map of ids is kept."""

    memory: Memory | None = None


class CreateCollection(Model):
    """A new collection."""

    vectors: VectorsConfig | None = None
    shard_number: PositiveInt | None = None
    sharding_method: ShardingMethod | None = None
    replication_factor: PositiveInt | None = None
    write_consistency_factor: PositiveInt | None = None
    on_disk_payload: Bool | None = None
    payload: PayloadStorageParams | None = None
    id_tracker: IdTrackerParams | None = None
    hnsw_config: HnswConfigDiff | None = None
    wal_config: WalConfigDiff | None = None
    optimizers_config: OptimizersConfigDiff | None = None
    quantization_config: QuantizationConfig | None = Field(
        default=None, validation_alias=AliasChoices("quantization_config", "quantization")
    )
    sparse_vectors: SparseVectorsConfig | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: Payload | None = None


class CollectionParamsDiff(Model):
    """What is to change of a collection's parameters."""

    replication_factor: PositiveInt | None = None
    write_consistency_factor: PositiveInt | None = None
    read_fan_out_factor: UInt | None = None
    read_fan_out_delay_ms: UInt | None = None
    on_disk_payload: Bool | None = None
    payload: PayloadStorageParams | None = None
    id_tracker: IdTrackerParams | None = None


class UpdateCollection(Model):
    """What is to change of a collection."""

    vectors: VectorsConfigDiff | None = None
    optimizers_config: OptimizersConfigDiff | None = None
    params: CollectionParamsDiff | None = None
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfigDiff | None = None
    sparse_vectors: SparseVectorsConfig | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: Payload | None = None


# What info shows


class CollectionParams(Model):
    """Vectors and storage of a collection, as they are."""

    vectors: VectorsConfig | None = None
    shard_number: PositiveInt | None = 1
    sharding_method: ShardingMethod | None = None
    replication_factor: PositiveInt | None = 1
    write_consistency_factor: PositiveInt | None = 1
    read_fan_out_factor: UInt | None = None
    read_fan_out_delay_ms: UInt | None = None
    on_disk_payload: Bool | None = True
    payload: PayloadStorageParams | None = None
    id_tracker: IdTrackerParams | None = None
    sparse_vectors: SparseVectorsConfig | None = None


class CollectionConfig(Model):
    """All settings of a collection, as they are."""

    params: CollectionParams
    hnsw_config: HnswConfig
    optimizer_config: OptimizersConfig
    wal_config: WalConfig | None = None
    quantization_config: QuantizationConfig | None = None
    strict_mode_config: StrictModeConfigOutput | None = None
    metadata: Payload | None = None


class CollectionStatus(StrEnum):
    """Green: ready; yellow: optimizing; grey: would optimize at the next update; red: something failed."""

    GREEN = "green"
    YELLOW = "yellow"
    GREY = "grey"
    RED = "red"


class OptimizersStatusOneOf(StrEnum):
    """All is well."""

    OK = "ok"


class OptimizersStatusOneOf1(Model):
    """An optimizer failed."""

    error: StrictStr


OptimizersStatus: TypeAlias = Annotated[
    Annotated[OptimizersStatusOneOf, tag("OptimizersStatusOneOf")]
    | Annotated[OptimizersStatusOneOf1, tag("OptimizersStatusOneOf1")],
    one_of(
        '"ok" or an object with error',
        {"error": "OptimizersStatusOneOf1"},
        lambda value: "OptimizersStatusOneOf" if isinstance(value, str) else None,
        ("OptimizersStatusOneOf",),
    ),
]


class CollectionWarning(Model):
    """Something the user should know of a collection."""

    message: StrictStr


class UpdateQueueInfo(Model):
    """Updates that wait."""

    length: UInt
    deferred_points: UInt | None = None


class CollectionInfo(Model):
    """State, size, settings and payload indexes of a collection."""

    status: CollectionStatus
    optimizer_status: OptimizersStatus
    warnings: list[CollectionWarning] | None = None
    indexed_vectors_count: UInt | None = None
    points_count: UInt | None = None
    segments_count: UInt
    config: CollectionConfig
    payload_schema: dict[StrictStr, PayloadIndexInfo]
    update_queue: UpdateQueueInfo | None = None
    created_at: Datetime | None = None
