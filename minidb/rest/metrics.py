"""What `/metrics` tells Prometheus, under Qdrant's names and labels.

Of REST's routes and gRPC's calls those about points, vectors and indexes are counted, as in Qdrant; `/telemetry` has
them all. A family without a sample is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from minidb import models, node
from minidb.collection.memory import SizeStats
from minidb.errors import NotFound
from minidb.rest.call import Call
from minidb.rest.message import Response
from minidb.rest.telemetry import NOTHING_METERED, hashed, infos, memory_bytes, snapshots_made
from minidb.rest.traffic import BOUNDS, Counted, Counters
from minidb.system import machine

Labels: TypeAlias = dict[str, str]
Sample: TypeAlias = tuple[Labels, float]
_POINTS = "/collections/{collection_name}/"
_COUNTED = (f"{_POINTS}points", f"{_POINTS}index", f"{_POINTS}vectors/{{vector_name}}", f"{_POINTS}facet")
_CALLS = "/qdrant.Points/"
_PROCESS = {
    "process_threads": "count of active threads",
    "process_open_mmaps": "count of open mmaps",
    "system_max_mmaps": "system wide limit of open mmaps",
    "process_open_fds": "count of open file descriptors",
    "process_max_fds": "limit for open file descriptors",
    "process_minor_page_faults_total": "page faults that were answered from memory",
    "process_major_page_faults_total": "page faults that asked the disk",
}
_MEMORY = {
    "active_bytes": "bytes of active pages of this process's own",
    "allocated_bytes": "bytes this process has allocated",
    "metadata_bytes": "bytes of the allocator's own",
    "resident_bytes": "bytes of this process in physical memory, mapped files among them",
    "retained_bytes": "bytes of this process's virtual memory",
}


def metrics(call: Call) -> Response:
    is_anonymous, per_collection = call.parameters.flag("anonymize"), call.parameters.flag("per_collection")
    lines = [
        *_family("app_info", "gauge", "information about qdrant server",
                 [({"name": "qdrant", "version": node.QDRANT_VERSION}, 1)]),
        *_family("app_status_recovery_mode", "gauge", "whether only recovery is possible", [({}, 0)]),
        *_collections(call, is_anonymous),
        *_family("cluster_enabled", "gauge", "whether this is a node of a cluster", [({}, 0)]),
        *_responses("rest", call.traffic.rest, per_collection and not is_anonymous),
        *_responses("grpc", call.traffic.grpc, per_collection and not is_anonymous),
    ]  # fmt: skip
    names = [hashed(name) if is_anonymous else name for name in call.database.collection_names()]
    for name in NOTHING_METERED:
        text = f"{name.replace('_', ' ')} of a collection, which is not metered"
        lines += _family(f"collection_hardware_metric_{name}", "counter", text, [({"id": each}, 0) for each in names])
    for name, number in (memory_bytes() or {}).items():
        lines += _family(f"memory_{name}", "gauge", _MEMORY[name], [({}, number)])
    for name, number in machine.process_numbers().items():
        lines += _family(name, "counter" if name.endswith("_total") else "gauge", _PROCESS[name], [({}, number)])
    return Response(200, "\n".join([*lines, ""]).encode(), "text/plain; version=0.0.4")


def _collections(call: Call, is_anonymous: bool) -> Iterator[str]:
    of_one: list[tuple[str, models.CollectionInfo, SizeStats]] = []
    for name, info in infos(call.database):
        try:
            sizes = call.database.size_stats(name, with_bytes=False)
        except NotFound:  # deleted meanwhile
            continue
        of_one.append((hashed(name) if is_anonymous else name, info, sizes))

    def each(number: float) -> list[Sample]:
        return [({"id": name}, number) for name, _, _ in of_one]

    vectors = [
        ({"collection": name, "vector": hashed(vector) if is_anonymous else vector}, count)
        for name, _, sizes in of_one
        for vector, count in sizes.n_vectors.items()
    ]
    left_out = [
        ({"id": name, "vector": hashed(vector) if is_anonymous else vector}, count)
        for name, _, sizes in of_one
        for vector, count in sizes.n_left_out.items()
    ]
    running = [({"id": name}, int(info.status == models.CollectionStatus.YELLOW)) for name, info, _ in of_one]
    points = [({"id": name}, sizes.n_points) for name, _, sizes in of_one]
    made = snapshots_made(call.traffic.rest).items()
    snapshots = [({"id": hashed(name) if is_anonymous else name}, count) for name, count in made]
    n_replicas = int(bool(of_one))
    yield from _family("collections_total", "gauge", "number of collections", [({}, len(of_one))])
    total = sum(count for _, count in vectors)
    yield from _family("collections_vector_total", "gauge", "number of vectors in all collections", [({}, total)])
    yield from _family("collection_vectors", "gauge", "number of vectors by collection and name", vectors)
    yield from _family("collection_indexed_only_excluded_points", "gauge", "points indexed_only leaves out", left_out)
    yield from _family("collection_active_replicas_min", "gauge", "fewest active replicas", [({}, n_replicas)])
    yield from _family("collection_active_replicas_max", "gauge", "most active replicas", [({}, n_replicas)])
    yield from _family("collection_running_optimizations", "gauge", "whether the indexer has work", running)
    yield from _family("collection_points", "gauge", "number of points per collection", points)
    yield from _family("collection_dead_replicas", "gauge", "replicas that are not active", [({}, 0)])
    yield from _family("snapshot_created_total", "counter", "snapshots made", snapshots)
    yield from _family("collection_shard_transfer_incoming", "gauge", "shards that are coming", each(0))
    yield from _family("collection_shard_transfer_outgoing", "gauge", "shards that are going", each(0))
    yield from _family("collection_update_queue_length", "gauge", "updates that wait", each(0))
    yield from _family("collection_update_queue_deferred_points", "gauge", "points no search sees yet", each(0))


def _responses(door: str, counters: Counters, per_collection: bool) -> Iterator[str]:
    """How many answers one kind of door has given and how long they took; REST's other than 200 are only counted."""
    by_collection = counters.by_collection() if per_collection else {}
    of_each: list[tuple[Labels, Counted]] = [({"collection": name}, one) for name, one in by_collection.items()]
    counted = [
        ({**_operation(operation), "status": str(status), **label}, status, durations)
        for label, one in of_each or [({}, counters.counted())]
        for (operation, status), durations in one.items()
        if _is_counted(operation)
    ]
    timed = [(labels, durations) for labels, status, durations in counted if status in (200,) or door == "grpc"]
    prefix = f"{door}_responses"
    totals = [(labels, durations.count) for labels, _, durations in counted]
    yield from _family(f"{prefix}_total", "counter", "number of answers", totals)
    for name, text, seconds in (
        ("avg", "average", [(labels, each.total / each.count) for labels, each in timed]),
        ("min", "shortest", [(labels, each.shortest) for labels, each in timed]),
        ("max", "longest", [(labels, each.longest) for labels, each in timed]),
    ):
        yield from _family(f"{prefix}_{name}_duration_seconds", "gauge", f"{text} time to answer", seconds)
    if timed:
        yield from _heading(f"{prefix}_duration_seconds", "histogram", "time to answer")
    for labels, durations in timed:
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), durations.buckets, strict=True):
            below += count
            yield _line(f"{prefix}_duration_seconds_bucket", {**labels, "le": bound}, below)
        yield _line(f"{prefix}_duration_seconds_sum", labels, durations.total)
        yield _line(f"{prefix}_duration_seconds_count", labels, durations.count)


def _is_counted(operation: str) -> bool:
    path = operation.rpartition(" ")[2]
    return path.startswith((*_COUNTED, _CALLS)) and not path.endswith("/{id}")


def _operation(operation: str) -> Labels:
    method, _, endpoint = operation.rpartition(" ")
    return {"method": method, "endpoint": endpoint} if method else {"endpoint": endpoint}


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    lines = [_line(name, labels, value) for labels, value in samples]
    return iter([*_heading(name, kind, text), *lines] if lines else [])


def _heading(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _line(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
