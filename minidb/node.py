"""What a single node says of itself where Qdrant would speak of a cluster. Called by the doors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import minidb
from minidb.database import Database
from minidb.errors import BadInput
from minidb.models.service import (
    ClusterStatusOneOf,
    CollectionClusterInfo,
    LocalShardInfo,
    OptimizationSegmentInfo,
    OptimizationsResponse,
    OptimizationsSummary,
    ReplicaState,
    ShardKeysResponse,
    VersionInfo,
)

QDRANT_VERSION = "1.19.0"
"""What clients compare with their own version: those of 1.18 to 1.20 take it without a warning. The interface is that
of 1.20.
"""
PEER_ID = 1


def version_info() -> VersionInfo:
    """Qdrant's title and version, which clients look for; 40 hex digits for the commit, which an installed package
    does not know.
    """
    commit = hashlib.sha1(f"minidb {minidb.__version__}".encode()).hexdigest()
    return VersionInfo(title="qdrant - vector search engine", version=QDRANT_VERSION, commit=commit)


def cluster_status() -> ClusterStatusOneOf:
    """There is none."""
    return ClusterStatusOneOf(status="disabled")


def cluster_info(database: Database, name: str) -> CollectionClusterInfo:
    """One shard, here."""
    shard = LocalShardInfo(shard_id=0, points_count=database.info(name).points_count, state=ReplicaState.ACTIVE)
    return CollectionClusterInfo(
        peer_id=PEER_ID, shard_count=1, local_shards=[shard], remote_shards=[], shard_transfers=[]
    )


def shard_keys(database: Database, name: str) -> ShardKeysResponse:
    """None, of a collection that is there."""
    database.real_name(name)
    return ShardKeysResponse(shard_keys=[])


def optimizations(database: Database, name: str, wanted: Sequence[str]) -> OptimizationsResponse:
    """Nothing runs or waits: the background indexer does not work by segments, and all of a collection is one.

    Raises:
        BadInput: `wanted` has a name other than queued, completed, idle_segments; blanks around it do not matter.
    """
    for part in wanted:
        if part.strip() not in ("queued", "completed", "idle_segments"):
            raise BadInput(f"Unknown field in 'with' parameter: {part}")
    sizes = database.size_stats(name, with_bytes=False)
    listed: dict[str, list[OptimizationSegmentInfo]] = {part.strip(): [] for part in wanted}
    if "idle_segments" in listed:
        listed["idle_segments"].append(OptimizationSegmentInfo(uuid=sizes.segment_id, points_count=sizes.n_points))
    summary = OptimizationsSummary(queued_optimizations=0, queued_segments=0, queued_points=0, idle_segments=1)
    return OptimizationsResponse(summary=summary, running=[], **listed)
