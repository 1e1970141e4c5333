"""What `/telemetry` tells, in Qdrant's fields: more at every level of detail.

One collection is one shard here, always active, and one segment; nothing is metered: those numbers are zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from hashlib import blake2b
from math import log10
from random import uniform
from typing import Any, TypeAlias

from minidb import models, node
from minidb.cores import N_CORES
from minidb.database import Database
from minidb.errors import NotFound
from minidb.models.service import HardwareUsage
from minidb.rest.call import Call
from minidb.rest.collections import shown_config
from minidb.rest.telemetry_segments import segment
from minidb.rest.traffic import Counted, Counters, Durations
from minidb.system import machine

Name: TypeAlias = Callable[[str], str]
"""How a name that a user chose is told."""
NOTHING_METERED = dict.fromkeys(HardwareUsage.model_fields, 0)
SNAPSHOT = "POST /collections/{collection_name}/snapshots"
_RUNTIME_FEATURES = (
    "all", "incremental_hnsw_building", "appendable_quantization", "single_file_mmap_vector_storage",
    "async_payload_storage", "write_segment_manifest", "append_only_mutations", "compact_bitmask",
    "serverless_compatible",
)  # fmt: skip
"""How Qdrant stores what it stores; nothing of it applies here."""
_MOST_DETAILED = 4
_JITTER_SECONDS = 10
_SHOWN_DIGITS = 5


def telemetry(call: Call) -> Any:
    level = min(call.parameters.number("details_level") or 0, _MOST_DETAILED)
    is_anonymous = call.parameters.flag("anonymize")
    per_collection = call.parameters.flag("per_collection") and not is_anonymous
    name = hashed if is_anonymous else str
    database, traffic = call.database, call.traffic
    requests = {door: _requests(counters, level, per_collection) for door, counters in
                (("rest", traffic.rest), ("grpc", traffic.grpc))}  # fmt: skip
    told: dict[str, Any] = {
        "id": traffic.id,
        "app": _app(level, traffic.started + (uniform(-_JITTER_SECONDS, _JITTER_SECONDS) if is_anonymous else 0)),
        "collections": _collections(call, level, name),
        "cluster": _cluster(level),
        "requests": requests,
        "quota": {"config": database.quotas(), "exceeded": {}},
    }
    if level >= 1:
        memory = memory_bytes()
        if memory is not None:
            told["memory"] = memory
        told["hardware"] = {"collection_data": {name(each): NOTHING_METERED for each in database.collection_names()}}
        told["search_pool"] = {"mode": "high_cpu", "high_cpu_threads": N_CORES, "high_io_threads": 0}
    return told


def hashed(name: str) -> str:
    """A number in place of a name, the same for the same name."""
    return str(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))


def memory_bytes() -> dict[str, int] | None:
    """This process's memory as the allocator of Qdrant's would tell it; Linux only."""
    memory = machine.memory_bytes()
    if memory is None:
        return None
    return {
        "active_bytes": memory["anonymous"],
        "allocated_bytes": memory["anonymous"],
        "metadata_bytes": 0,
        "resident_bytes": memory["resident"],
        "retained_bytes": memory["mapped"],
    }


def infos(database: Database) -> Iterator[tuple[str, models.CollectionInfo]]:
    """Every collection by name; asking for them is no read that strict mode would count."""
    for name in database.collection_names():
        with suppress(NotFound):  # deleted meanwhile
            yield name, database.info(name)


def snapshots_made(counters: Counters) -> dict[str, int]:
    """How many snapshots of each collection were asked for here and made."""
    by_collection = counters.by_collection().items()
    return {name: counted[SNAPSHOT, 200].count for name, counted in by_collection if (SNAPSHOT, 200) in counted}


def _app(level: int, started: float) -> Any:
    told: dict[str, Any] = {"name": "qdrant", "version": node.QDRANT_VERSION, "startup": _iso(started)}
    if level >= 1:
        features = ("debug", "service_debug_feature", "recovery_mode", "gpu", "rocksdb", "staging")
        told["features"] = dict.fromkeys(features, False)
        told["runtime_features"] = dict.fromkeys(_RUNTIME_FEATURES, False)
        told["low_memory_mode"] = "disabled"
        told["hnsw_global_config"] = {"healing_threshold": 0.0}
        distribution, version = machine.distribution()
        told["system"] = {
            "distribution": distribution,
            "distribution_version": version,
            "is_docker": machine.is_docker(),
            "container_runtime": "docker" if machine.is_docker() else "none",
            "cores": machine.cores(),
            "ram_size": machine.ram_kib(),
            "disk_size": None,
            "cpu_flags": machine.cpu_flags(),
            "cpu_endian": machine.endianness,
        }
    return told


def _collections(call: Call, level: int, name: Name) -> Any:
    database = call.database
    told: dict[str, Any] = {"number_of_collections": len(database.collection_names())}
    if level == 1:
        told |= {"collections": [_aggregated(info, name) for _, info in infos(database)], "snapshots": []}
    elif level >= 2:
        told["collections"] = [_collection(database, each, info, level, name) for each, info in infos(database)]
        made = snapshots_made(call.traffic.rest)
        told["snapshots"] = [{"id": name(each), "total_snapshot_creations": count} for each, count in made.items()]
    return told


def _aggregated(info: models.CollectionInfo, name: Name) -> Any:
    params = _config(info, name)["params"]
    return {"vectors": info.indexed_vectors_count or 0, "optimizers_status": info.optimizer_status, "params": params}


def _collection(database: Database, real_name: str, info: models.CollectionInfo, level: int, name: Name) -> Any:
    told: dict[str, Any] = {"id": name(real_name), "init_time_ms": 0, "config": _config(info, name)}
    if level >= 3:
        with suppress(NotFound):  # deleted meanwhile
            told["shards"] = [_shard(database, real_name, info, level, name)]
        told |= {"transfers": [], "resharding": []}
    return told


def _shard(database: Database, real_name: str, info: models.CollectionInfo, level: int, name: Name) -> Any:
    sizes = database.size_stats(real_name, with_bytes=True)
    shown = (lambda number: number) if name is str else _rounded
    optimizations: dict[str, Any] = {"status": info.optimizer_status, "optimizations": {"count": 0}}
    local = {
        "variant_name": "local shard",
        "status": info.status,
        "total_optimized_points": 0,
        "vectors_size_bytes": shown(sizes.vectors_bytes),
        "payloads_size_bytes": shown(sizes.payloads_bytes),
        "num_points": shown(sizes.n_points),
        "num_vectors": shown(sum(sizes.n_vectors.values())),
        "num_vectors_by_name": {name(vector): shown(count) for vector, count in sizes.n_vectors.items()},
        "optimizations": optimizations,
        "async_scorer": False,
        "update_queue": {"length": 0, "op_num": sizes.n_operations, "deferred_points": None},
    }
    if level >= 4:
        optimizations["log"] = []
        local["segments"] = [segment(database, real_name, info, sizes, name, shown)]
        local["indexed_only_excluded_vectors"] = {name(v): shown(n) for v, n in sizes.n_left_out.items()}
    partial = {"ongoing_create_snapshot_requests": 0, "is_recovering": False, "recovery_timestamp": 0}
    replicas = {"replicate_states": {str(node.PEER_ID): "Active"}, "partial_snapshot": partial}
    return {"id": 0, "key": None, "local": local, "remote": [], **replicas}


def _config(info: models.CollectionInfo, name: Name) -> Any:
    """The configuration; where names are not told, without metadata."""
    config = shown_config(info)
    if name is str:
        return config
    config.pop("metadata", None)
    strict = config.get("strict_mode_config", {})
    named = [(config["params"], "sparse_vectors"), (strict, "multivector_config"), (strict, "sparse_config")]
    if isinstance(info.config.params.vectors, dict):
        named.append((config["params"], "vectors"))
    for parent, key in named:
        if key in parent:
            parent[key] = {name(vector): settings for vector, settings in parent[key].items()}
    return config


def _cluster(level: int) -> Any:
    told: dict[str, Any] = {"enabled": False, "resharding_enabled": False}
    if level >= 2:
        consensus = {"max_message_queue_size": 0, "tick_period_ms": 0, "bootstrap_timeout_sec": 0}
        told["config"] = {"grpc_timeout_ms": 0, "p2p": {"connection_pool_size": 0}, "consensus": consensus}
    return told


def _requests(counters: Counters, level: int, per_collection: bool) -> Any:
    told: dict[str, Any] = {"responses": _responses(counters.counted(), level)}
    if per_collection and (by_collection := counters.by_collection()):
        told["per_collection_responses"] = {each: _responses(one, level) for each, one in by_collection.items()}
    return told


def _responses(counted: Counted, level: int) -> Any:
    told: dict[str, dict[str, Any]] = {}
    for (operation, status), durations in counted.items():
        told.setdefault(operation, {})[str(status)] = _statistics(durations, level)
    return told


def _statistics(durations: Durations, level: int) -> Any:
    told: dict[str, Any] = {"count": durations.count, "avg_duration_micros": durations.total / durations.count * 1e6}
    if level >= 1:
        told |= {
            "min_duration_micros": durations.shortest * 1e6,
            "max_duration_micros": durations.longest * 1e6,
            "total_duration_micros": round(durations.total * 1e6),
            "last_responded": _iso(durations.last),
        }
    return told


def _rounded(number: int) -> int:
    """Its first digits, the rest zeros."""
    step: int = 10 ** max(0, round(log10(number or 1)) + 1 - _SHOWN_DIGITS)
    return number // step * step


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
