"""The store itself: version, health, telemetry, metrics, quotas, and what a single node answers about a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from minidb import models, node
from minidb.errors import NotFound
from minidb.models.service import QuotaConfig
from minidb.rest.call import Call, standalone
from minidb.rest.encoding import dumps
from minidb.rest.message import TEXT, Response
from minidb.rest.route import Route
from minidb.rest.traffic import BOUNDS, Durations


def _root(call: Call) -> Response:
    return Response(200, dumps(node.version_info()))


def _healthy(call: Call) -> Response:
    return Response(200, b"healthz check passed", TEXT)


def _ready(call: Call) -> Response:
    return Response(200, b"all shards are ready", TEXT)


def _telemetry(call: Call) -> Any:
    level = call.parameters.number("details_level") or 0
    collections: dict[str, Any] = {"number_of_collections": len(call.database.collection_names())}
    if level > 0:
        collections["collections"] = [_collection_telemetry(info) for _, info in _infos(call)]
    responses: dict[str, dict[str, Any]] = {}
    for method, route, status, durations in call.traffic.durations():
        responses.setdefault(f"{method} {route}", {})[str(status)] = _statistics(durations)
    rpcs: dict[str, dict[str, Any]] = {}
    for endpoint, code, durations in call.traffic.rpc_durations():
        rpcs.setdefault(endpoint, {})[str(code)] = _statistics(durations)
    return {
        "id": node.version_info().commit,
        "app": {"name": "qdrant", "version": node.QDRANT_VERSION, "startup": _iso(call.traffic.started)},
        "collections": collections,
        "cluster": {"enabled": False},
        "requests": {"rest": {"responses": responses}, "grpc": {"responses": rpcs}},
    }


def _infos(call: Call) -> Iterator[tuple[str, models.CollectionInfo]]:
    """Every collection by name; asking for them is no read that strict mode would count."""
    for name in call.database.collection_names():
        with suppress(NotFound):  # deleted meanwhile
            yield name, call.database.info(name)


def _collection_telemetry(info: models.CollectionInfo) -> Any:
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
    points = {name: info.points_count for name, info in _infos(call)}
    lines = [
        *_metric("app_info", "gauge", "information about qdrant server"),
        f'app_info{{name="qdrant",version="{node.QDRANT_VERSION}"}} 1',
        *_metric("collections_total", "gauge", "number of collections"),
        f"collections_total {len(points)}",
        *_metric("collection_points", "gauge", "number of points per collection"),
        *(f'collection_points{{id="{_label(name)}"}} {count}' for name, count in points.items()),
        *_responses("rest", "responses by method, endpoint and status", list(_traffic(call))),
        *_responses("grpc", "responses by endpoint and status", list(_rpcs(call))),
    ]
    return Response(200, "\n".join([*lines, ""]).encode(), "text/plain; version=0.0.4")


def _responses(door: str, text: str, traffic: list[tuple[str, Durations]]) -> Iterator[str]:
    """How many answers one door has given, and how long they took."""
    yield from _metric(f"{door}_responses_total", "counter", text)
    yield from (f"{door}_responses_total{{{label}}} {durations.count}" for label, durations in traffic)
    yield from _metric(f"{door}_responses_duration_seconds", "histogram", "time to answer")
    for label, durations in traffic:
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), durations.buckets, strict=True):
            below += count
            yield f'{door}_responses_duration_seconds_bucket{{{label},le="{bound}"}} {below}'
        yield f"{door}_responses_duration_seconds_sum{{{label}}} {durations.total}"
        yield f"{door}_responses_duration_seconds_count{{{label}}} {durations.count}"


def _metric(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _traffic(call: Call) -> Iterator[tuple[str, Durations]]:
    for method, route, status, durations in call.traffic.durations():
        yield f'method="{method}",endpoint="{route}",status="{status}"', durations


def _rpcs(call: Call) -> Iterator[tuple[str, Durations]]:
    for endpoint, code, durations in call.traffic.rpc_durations():
        yield f'endpoint="{endpoint}",status="{code}"', durations


def _label(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def _issues(call: Call) -> Any:
    return {"issues": []}


def _true(call: Call) -> bool:
    return True


def _cluster(call: Call) -> Any:
    return node.cluster_status()


def _collection_cluster(call: Call) -> Any:
    return node.cluster_info(call.database, call.collection)


def _no_shards(call: Call) -> Any:
    return node.shard_keys(call.database, call.collection)


def _optimizations(call: Call) -> Any:
    asked = map(str.strip, (call.parameters.text("with") or "").split(","))
    wanted = [part for part in asked if part]
    call.parameters.number("completed_limit")
    return node.optimizations(call.database, call.collection, wanted)


def _quotas(call: Call) -> Any:
    return {"config": call.database.quotas(), "usage": {}}


def _set_quotas(call: Call) -> bool:
    return call.database.set_quotas(call.body)


_COLLECTION = "/collections/{collection_name}"

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
    Route("GET", "/cluster/telemetry", standalone),
    Route("POST", "/cluster/recover", standalone),
    Route("DELETE", "/cluster/peer/{peer_id}", standalone),
    Route("GET", f"{_COLLECTION}/cluster", _collection_cluster),
    Route("POST", f"{_COLLECTION}/cluster", standalone),
    Route("GET", f"{_COLLECTION}/shards", _no_shards),
    Route("PUT", f"{_COLLECTION}/shards", standalone),
    Route("POST", f"{_COLLECTION}/shards/delete", standalone),
    Route("GET", f"{_COLLECTION}/optimizations", _optimizations),
)
