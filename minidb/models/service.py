"""Answers about the store itself: version, usage, quotas, and the (here always idle) optimizations."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import StrictStr

from minidb.models.base import Bool, Model, StrEnum, one_of, tag
from minidb.models.datetimes import Datetime
from minidb.models.locations import check_checksum, check_url
from minidb.models.numbers import Checked, Number, Percent, UInt, UInt8, UInt32
from minidb.models.points import ShardKey


class VersionInfo(Model):
    """What answers at the root of the server."""

    title: StrictStr
    version: StrictStr
    commit: StrictStr | None = None


class ErrorResponseStatus(Model):
    """Why a request failed."""

    error: StrictStr | None = None


class ErrorResponse(Model):
    """The body of a failed request."""

    time: Number | None = None
    status: ErrorResponseStatus | None = None
    result: Any | None = None


class HardwareUsage(Model):
    """What a request cost the machine."""

    cpu: UInt
    payload_io_read: UInt
    payload_io_write: UInt
    payload_index_io_read: UInt
    payload_index_io_write: UInt
    vector_io_read: UInt
    vector_io_write: UInt


class ModelUsage(Model):
    """What a request cost one embedding model."""

    tokens: UInt


class InferenceUsage(Model):
    """What a request cost the embedding models."""

    models: dict[StrictStr, ModelUsage]


class Usage(Model):
    """What a request cost."""

    hardware: HardwareUsage | None = None
    inference: InferenceUsage | None = None


class QuotaConfig(Model):
    """Limits on the machine's resources."""

    enabled: Bool | None = False
    max_resident_memory_percent: Percent | None = None
    max_disk_usage_percent: Percent | None = None
    release_margin_percent: UInt8 | None = None


class QuotaExceeded(Model):
    """Which limits are exceeded."""

    resident_memory: Bool | None = None
    disk_usage: Bool | None = None


class QuotaUsage(Model):
    """How much of each resource is used."""

    resident_memory_percent: UInt8 | None = None
    disk_usage_percent: UInt8 | None = None


class PeerQuotaUsage(Model):
    """How much of each resource another peer uses; a single node has none."""

    exceeded: Bool
    resident_memory_percent: UInt8 | None = None
    disk_usage_percent: UInt8 | None = None


class QuotaStatus(Model):
    """Limits on resources, and how much is used."""

    config: QuotaConfig
    usage: QuotaUsage
    peers: dict[StrictStr, PeerQuotaUsage] | None = None


class ShardKeyDescription(Model):
    """A shard key in a list."""

    key: ShardKey


class ShardKeysResponse(Model):
    """The shard keys of a collection; a single node has none."""

    shard_keys: list[ShardKeyDescription] | None = None


class TrackerStatusOneOf(StrEnum):
    """An optimization that runs or is done."""

    OPTIMIZING = "optimizing"
    DONE = "done"


class TrackerStatusOneOf1(Model):
    """An optimization that was cancelled, and why."""

    cancelled: StrictStr


class TrackerStatusOneOf2(Model):
    """An optimization that failed, and why."""

    error: StrictStr


TrackerStatus: TypeAlias = Annotated[
    Annotated[TrackerStatusOneOf, tag("TrackerStatusOneOf")]
    | Annotated[TrackerStatusOneOf1, tag("TrackerStatusOneOf1")]
    | Annotated[TrackerStatusOneOf2, tag("TrackerStatusOneOf2")],
    one_of(
        '"optimizing", "done", or an object with cancelled or error',
        {"cancelled": "TrackerStatusOneOf1", "error": "TrackerStatusOneOf2"},
        lambda value: "TrackerStatusOneOf" if isinstance(value, str) else None,
        ("TrackerStatusOneOf",),
    ),
]


class ProgressTree(Model):
    """How far a task and its parts have got."""

    name: StrictStr
    started_at: Datetime | None = None
    finished_at: Datetime | None = None
    duration_sec: Number | None = None
    done: UInt | None = None
    total: UInt | None = None
    children: "list[ProgressTree] | None" = None


class OptimizationSegmentInfo(Model):
    """A segment an optimization works on."""

    uuid: UUID
    points_count: UInt


class Optimization(Model):
    """An optimization that runs or has run."""

    uuid: UUID
    optimizer: StrictStr
    status: TrackerStatus
    segments: list[OptimizationSegmentInfo]
    progress: ProgressTree


class PendingOptimization(Model):
    """An optimization that waits."""

    optimizer: StrictStr
    segments: list[OptimizationSegmentInfo]


class OptimizationsSummary(Model):
    """How much work waits."""

    queued_optimizations: UInt
    queued_segments: UInt
    queued_points: UInt
    idle_segments: UInt


class OptimizationsResponse(Model):
    """The optimizations of a collection."""

    summary: OptimizationsSummary
    running: list[Optimization]
    queued: list[PendingOptimization] | None = None
    completed: list[Optimization] | None = None
    idle_segments: list[OptimizationSegmentInfo] | None = None


class ReadConsistencyType(StrEnum):
    """How many replicas a read asks; accepted, meaningless on one node."""

    MAJORITY = "majority"
    QUORUM = "quorum"
    ALL = "all"


ReadConsistency: TypeAlias = Annotated[
    Annotated[UInt, tag("count")] | Annotated[ReadConsistencyType, tag("ReadConsistencyType")],
    one_of(
        "a number of replicas, majority, quorum or all",
        {},
        lambda value: "count" if isinstance(value, int) else "ReadConsistencyType" if isinstance(value, str) else None,
        ("ReadConsistencyType",),
    ),
]


class WriteOrdering(StrEnum):
    """How writes are ordered between replicas; accepted, meaningless on one node."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


class SnapshotDescription(Model):
    """A snapshot's file: bytes, and SHA-256 in hexadecimal."""

    name: StrictStr
    creation_time: StrictStr | None = None
    size: UInt
    checksum: StrictStr | None = None


class SnapshotPriority(StrEnum):
    """Whose data count when there are replicas; accepted, meaningless on one node."""

    NO_SYNC = "no_sync"
    SNAPSHOT = "snapshot"
    REPLICA = "replica"


class SnapshotRecover(Model):
    """Where the snapshot to restore from is: a file: or http(s): URL."""

    location: Annotated[str, Checked(check_url, {"type": "string", "format": "uri"})]
    priority: SnapshotPriority | None = None
    checksum: Annotated[str, Checked(check_checksum, {"type": "string"})] | None = None
    api_key: StrictStr | None = None


class ReplicaState(StrEnum):
    """How a shard is doing; on one node always active."""

    ACTIVE = "Active"


class LocalShardInfo(Model):
    """A shard on this node."""

    shard_id: UInt32
    shard_key: ShardKey | None = None
    points_count: UInt
    state: ReplicaState


class CollectionClusterInfo(Model):
    """Where the shards of a collection are."""

    peer_id: UInt
    shard_count: UInt
    local_shards: list[LocalShardInfo]
    remote_shards: list[Any]
    shard_transfers: list[Any]


class ClusterStatusOneOf(Model):
    """There is no cluster."""

    status: Literal["disabled"]


class MemoryUsageReport(Model):
    """Bytes of one part of a collection: in files, in this process's own memory, and of files in the system's cache.

    `expected_cache_bytes` counts the files that searches read where they lie, and are quick on when cached.
    """

    disk_bytes: UInt = 0
    ram_bytes: UInt = 0
    cached_bytes: UInt = 0
    expected_cache_bytes: UInt = 0

    def __add__(self, other: "MemoryUsageReport") -> "MemoryUsageReport":
        return MemoryUsageReport(**{name: value + getattr(other, name) for name, value in self})


class NamedVectorMemoryReport(Model):
    """Bytes of a dense vector or multivector."""

    name: StrictStr
    storage: MemoryUsageReport
    index: MemoryUsageReport
    quantized: MemoryUsageReport | None = None


class NamedSparseVectorMemoryReport(Model):
    """Bytes of a sparse vector."""

    name: StrictStr
    storage: MemoryUsageReport
    index: MemoryUsageReport


class NamedPayloadIndexMemoryReport(Model):
    """Bytes of a payload index."""

    name: StrictStr
    usage: MemoryUsageReport


class OtherMemoryReport(Model):
    """Bytes of what belongs to no vector and no payload."""

    id_tracker: MemoryUsageReport


class CollectionMemoryReport(Model):
    """Bytes of a collection by part; `total` is their sum."""

    total: MemoryUsageReport
    vectors: list[NamedVectorMemoryReport]
    sparse_vectors: list[NamedSparseVectorMemoryReport]
    payload: MemoryUsageReport
    payload_index: list[NamedPayloadIndexMemoryReport]
    other: OtherMemoryReport
