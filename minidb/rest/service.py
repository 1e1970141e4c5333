"""The store itself: version, health, telemetry, metrics, quotas, and what a single node answers about a cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from minidb import __version__, models
from minidb.errors import BadRequest, StandaloneMode
from minidb.models.service import QuotaConfig
from minidb.rest.call import Call
from minidb.rest.encoding import dumps
from minidb.rest.message import TEXT, Response
from minidb.rest.route import Route
from minidb.rest.traffic import BOUNDS, Durations

QDRANT_VERSION = "1.20.0"
"""The version whose interface this is: clients compare theirs with it."""
_COMMIT = hashlib.sha1(
    f"minidb {__version__}".encode()
).hexdigest()  # 40 hex digits are expected, git knows nothing here
PEER_ID = 1


def version_info() -> models.VersionInfo:
    """What answers at the root; `title` is Qdrant's, which clients look for."""
    return models.VersionInfo(title="qdrant - vector search engine", version=QDRANT_VERSION, commit=_COMMIT)


def _root(call: Call) -> Response:
    return Response(200, dumps(version_info()))


def _healthy(call: Call) -> Response:
    return Response(200, b"healthz check passed", TEXT)


def _ready(call: Call) -> Response:
    return Response(200, b"all shards are ready", TEXT)


def _telemetry(call: Call) -> Any:
    level = call.parameters.number("details_level") or 0
    names = call.database.collection_names()
    collections: dict[str, Any] = {"number_of_collections": len(names)}
    if level > 0:
        collections["collections"] = [_collection_telemetry(call, name) for name in names]
    responses: dict[str, dict[str, Any]] = {}
    for method, route, status, durations in call.traffic.durations():
        responses.setdefault(f"{method} {route}", {})[str(status)] = _statistics(durations)
    return {
        "id": _COMMIT,
        "app": {"name": "qdrant", "version": QDRANT_VERSION, "startup": _iso(call.traffic.started)},
        "collections": collections,
        "cluster": {"enabled": False},
        "requests": {"rest": {"responses": responses}, "grpc": {"responses": {}}},
    }


def _collection_telemetry(call: Call, name: str) -> Any:
    info = call.database.info(name)
    return {
        "vectors": info.indexed_vectors_count or 0,
        "optimizers_status": info.optimizer_status,
        "params": info.config.params,
    }


def _statistics(durations: Durations) -> Any:
    return {
        "count": durations.count,
        "avg_duration_micros": durations.total / durations.count * 1e6,
        "min_duration_micros": durations.shortest * 1e6,
        "max_duration_micros": durations.longest * 1e6,
        "total_duration_micros": round(durations.total * 1e6),
    }


def _metrics(call: Call) -> Response:
    names = call.database.collection_names()
    lines = [
        *_metric("app_info", "gauge", "information about qdrant server"),
        f'app_info{{name="qdrant",version="{QDRANT_VERSION}"}} 1',
        *_metric("collections_total", "gauge", "number of collections"),
        f"collections_total {len(names)}",
        *_metric("collection_points", "gauge", "number of points per collection"),
        *(f'collection_points{{id="{_label(name)}"}} {call.database.count(name, None)}' for name in names),
        *_metric("rest_responses_total", "counter", "responses by method, endpoint and status"),
        *(f"rest_responses_total{{{label}}} {durations.count}" for label, durations in _traffic(call)),
        *_metric("rest_responses_duration_seconds", "histogram", "time to answer"),
    ]
    for label, durations in _traffic(call):
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), durations.buckets, strict=True):
            below += count
            lines.append(f'rest_responses_duration_seconds_bucket{{{label},le="{bound}"}} {below}')
        lines.append(f"rest_responses_duration_seconds_sum{{{label}}} {durations.total}")
        lines.append(f"rest_responses_duration_seconds_count{{{label}}} {durations.count}")
    return Response(200, "\n".join([*lines, ""]).encode(), "text/plain; version=0.0.4")


def _metric(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _traffic(call: Call) -> Iterator[tuple[str, Durations]]:
    for method, route, status, durations in call.traffic.durations():
        yield f'method="{method}",endpoint="{route}",status="{status}"', durations


def _label(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def _issues(call: Call) -> Any:
    return {"issues": []}


def _true(call: Call) -> bool:
    return True


def _cluster(call: Call) -> Any:
    return {"status": "disabled"}


def _collection_cluster(call: Call) -> Any:
    points = call.database.count(call.collection, None)
    shard = {"shard_id": 0, "points_count": points, "state": "Active"}
    return {"peer_id": PEER_ID, "shard_count": 1, "local_shards": [shard], "remote_shards": [], "shard_transfers": []}


def _no_shards(call: Call) -> Any:
    call.database.info(call.collection)
    return {"shard_keys": []}


def _standalone(call: Call) -> Any:
    raise StandaloneMode


def _optimizations(call: Call) -> Any:
    """The background indexer's work is not told apart by segments: nothing is ever queued in Qdrant's sense."""
    wanted = [part for part in (call.parameters.text("with") or "").split(",") if part]
    call.parameters.number("completed_limit")
    call.database.info(call.collection)
    for part in wanted:
        if part not in ("queued", "completed", "idle_segments"):
            raise BadRequest(f"Unknown field in 'with' parameter: {part}")
    summary = {"queued_optimizations": 0, "queued_segments": 0, "queued_points": 0, "idle_segments": 0}
    return {"summary": summary, "running": [], **{part: [] for part in wanted}}


def _quotas(call: Call) -> Any:
    return {"config": call.database.quotas(), "usage": {}}


def _set_quotas(call: Call) -> bool:
    return call.database.set_quotas(call.body)


_COLLECTION = "/collections/{collection}"

ROUTES = (
    Route("GET", "/", _root),
    Route("GET", "/healthz", _healthy),
    Route("GET", "/livez", _healthy),
    Route("GET", "/readyz", _ready),
    Route("GET", "/telemetry", _telemetry),
    Route("GET", "/metrics", _metrics),
    Route("GET", "/issues", _issues),
    Route("DELETE", "/issues", _true),
    Route("GET", "/quotas", _quotas),
    Route("PUT", "/quotas", _set_quotas, QuotaConfig),
    Route("GET", "/cluster", _cluster),
    Route("GET", "/cluster/telemetry", _standalone),
    Route("POST", "/cluster/recover", _standalone),
    Route("DELETE", "/cluster/peer/{peer}", _standalone),
    Route("GET", f"{_COLLECTION}/cluster", _collection_cluster),
    Route("POST", f"{_COLLECTION}/cluster", _standalone),
    Route("GET", f"{_COLLECTION}/shards", _no_shards),
    Route("PUT", f"{_COLLECTION}/shards", _standalone),
    Route("POST", f"{_COLLECTION}/shards/delete", _standalone),
    Route("GET", f"{_COLLECTION}/optimizations", _optimizations),
)
