"""The settings of a collection: as they are given at creation and update, and as they are kept."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field

from minidb.models.base import (
    Bool,
    Later,
    Model,
    Payload,
    PositiveInt,
    PositiveUInt32,
    StrEnum,
    UInt,
    UInt32,
    by_name,
    by_sorted_name,
    integer,
    nonzero,
    number,
    one_of,
    tag,
)
from minidb.models.vector_params import (
    HnswConfig,
    HnswConfigDiff,
    Memory,
    SparseVectorsConfig,
    VectorsConfig,
    VectorsConfigDiff,
    unpinned,
)

if TYPE_CHECKING:
    from minidb.models.quantization import QuantizationConfig, QuantizationConfigDiff
    from minidb.models.strict_mode import StrictModeConfig, StrictModeConfigOutput
else:
    QuantizationConfig = Annotated[Any, Later("quantization.QuantizationConfig")]
    QuantizationConfigDiff = Annotated[Any, Later("quantization.QuantizationConfigDiff")]
    StrictModeConfig = Annotated[Any, Later("strict_mode.StrictModeConfig")]
    StrictModeConfigOutput = Annotated[Any, Later("strict_mode.StrictModeConfigOutput")]


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
    max_segment_size: PositiveInt | None = Field(
        default=None, validation_alias=AliasChoices("max_segment_size", "max_segment_size_kb")
    )
    memmap_threshold: UInt | None = Field(
        default=None, validation_alias=AliasChoices("memmap_threshold", "memmap_threshold_kb")
    )
    indexing_threshold: UInt | None = Field(
        default=None, validation_alias=AliasChoices("indexing_threshold", "indexing_threshold_kb")
    )
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

    memory: Annotated[Memory, unpinned("payload storage")] | None = None


class IdTrackerParams(Model):
    """Where the map of ids is kept."""

    memory: Memory | None = None


class CreateCollection(Model):
    """A new collection."""

    vectors: VectorsConfig | None = None
    shard_number: PositiveUInt32 | None = None
    sharding_method: ShardingMethod | None = None
    replication_factor: PositiveUInt32 | None = None
    write_consistency_factor: PositiveUInt32 | None = None
    on_disk_payload: Bool | None = None
    payload: PayloadStorageParams | None = None
    id_tracker: IdTrackerParams | None = None
    hnsw_config: HnswConfigDiff | None = None
    wal_config: WalConfigDiff | None = None
    optimizers_config: OptimizersConfigDiff | None = Field(
        default=None, validation_alias=AliasChoices("optimizers_config", "optimizer_config")
    )
    quantization_config: QuantizationConfig | None = Field(
        default=None, validation_alias=AliasChoices("quantization_config", "quantization")
    )
    sparse_vectors: Annotated[SparseVectorsConfig, by_sorted_name] | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: Payload | None = None


class CollectionParamsDiff(Model):
    """What is to change of a collection's parameters."""

    replication_factor: Annotated[int, nonzero(32)] | None = None
    write_consistency_factor: Annotated[int, nonzero(32)] | None = None
    read_fan_out_factor: UInt32 | None = None
    read_fan_out_delay_ms: UInt | None = None
    on_disk_payload: Bool | None = None
    payload: PayloadStorageParams | None = None
    id_tracker: IdTrackerParams | None = None


class UpdateCollection(Model):
    """What is to change of a collection."""

    vectors: VectorsConfigDiff | None = None
    optimizers_config: OptimizersConfigDiff | None = Field(
        default=None, validation_alias=AliasChoices("optimizers_config", "optimizer_config")
    )
    params: CollectionParamsDiff | None = None
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfigDiff | None = Field(
        default=None, validation_alias=AliasChoices("quantization_config", "quantization")
    )
    sparse_vectors: Annotated[SparseVectorsConfig, by_name] | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: Payload | None = None


# As they are kept


class CollectionParams(Model):
    """Vectors and storage of a collection, as they are; earlier versions took numbers of more than 32 bits."""

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
