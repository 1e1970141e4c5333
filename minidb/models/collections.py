"""The settings of a collection: as they are given at creation, and as they are kept."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import AliasChoices, Field

from minidb.models.base import Bool, Later, Model, Payload, Readers, StrEnum
from minidb.models.bounded import by_sorted_name
from minidb.models.numbers import PositiveInt, PositiveUInt32, UInt, number
from minidb.models.vector_params import HnswConfig, SparseVectorsConfig, VectorsConfig, plain_vectors_config

if TYPE_CHECKING:
    from minidb.models.collection_changes import (
        IdTrackerParams,
        OptimizersConfigDiff,
        PayloadStorageParams,
        WalConfigDiff,
    )
    from minidb.models.quantization import QuantizationConfig
    from minidb.models.strict_mode import StrictModeConfig, StrictModeConfigOutput
    from minidb.models.vector_settings import HnswConfigDiff
else:
    IdTrackerParams = Annotated[Any, Later("collection_changes.IdTrackerParams")]
    OptimizersConfigDiff = Annotated[Any, Later("collection_changes.OptimizersConfigDiff")]
    PayloadStorageParams = Annotated[Any, Later("collection_changes.PayloadStorageParams")]
    WalConfigDiff = Annotated[Any, Later("collection_changes.WalConfigDiff")]
    QuantizationConfig = Annotated[Any, Later("quantization.QuantizationConfig")]
    StrictModeConfig = Annotated[Any, Later("strict_mode.StrictModeConfig")]
    StrictModeConfigOutput = Annotated[Any, Later("strict_mode.StrictModeConfigOutput")]
    HnswConfigDiff = Annotated[Any, Later("vector_settings.HnswConfigDiff")]

Share: TypeAlias = Annotated[float, number(0.0, 1.0)]


class OptimizersConfig(Model):
    """When segments are rewritten and indexed, all known."""

    deleted_threshold: Share | None = 0.2
    vacuum_min_vector_number: UInt | None = 1000
    default_segment_number: UInt
    max_segment_size: UInt | None = None
    memmap_threshold: UInt | None = None
    indexing_threshold: UInt | None = None
    flush_interval_sec: UInt
    max_optimization_threads: UInt | None = None
    prevent_unoptimized: Bool | None = None


class WalConfig(Model):
    """Sizes of the log, all known."""

    wal_capacity_mb: PositiveInt
    wal_segments_ahead: UInt
    wal_retain_closed: UInt | None = 1


class ShardingMethod(StrEnum):
    """How points are given to shards; accepted and echoed."""

    AUTO = "auto"
    CUSTOM = "custom"


class CreateCollection(Model):
    """A new collection."""

    plain: ClassVar[Readers] = {"vectors": plain_vectors_config}

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
