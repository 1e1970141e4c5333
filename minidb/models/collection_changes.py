"""What is to change of a collection, and the settings that few are created with."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field

from minidb.models.base import Bool, Later, Model, Payload, StrEnum, one_of, tag
from minidb.models.bounded import by_name
from minidb.models.collections import Share
from minidb.models.numbers import PositiveInt, UInt, UInt32, integer, nonzero
from minidb.models.vector_params import Memory, SparseVectorsConfig, unpinned
from minidb.models.vector_settings import HnswConfigDiff, VectorsConfigDiff

if TYPE_CHECKING:
    from minidb.models.quantization import QuantizationConfigDiff
    from minidb.models.strict_mode import StrictModeConfig
else:
    QuantizationConfigDiff = Annotated[Any, Later("quantization.QuantizationConfigDiff")]
    StrictModeConfig = Annotated[Any, Later("strict_mode.StrictModeConfig")]


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


class OptimizersConfigDiff(Model):
    """When segments are rewritten and indexed, where it differs."""

    deleted_threshold: Share | None = None
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


class WalConfigDiff(Model):
    """Sizes of the log that differ."""

    wal_capacity_mb: PositiveInt | None = None
    wal_segments_ahead: UInt | None = None
    wal_retain_closed: UInt | None = None


class PayloadStorageParams(Model):
    """Where payload is kept."""

    memory: Annotated[Memory, unpinned("payload storage")] | None = None


class IdTrackerParams(Model):
    """Where the map of ids is kept."""

    memory: Memory | None = None


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
