"""The store itself: version, health, quotas, and what a single node answers about a cluster."""

from __future__ import annotations

from typing import Any

from minidb import node
from minidb.models.service import QuotaConfig
from minidb.rest.call import Call, standalone
from minidb.rest.encoding import dumps
from minidb.rest.message import TEXT, Response
from minidb.rest.metrics import metrics
from minidb.rest.route import Route
from minidb.rest.telemetry import telemetry


def _root(call: Call) -> Response:
    return Response(200, dumps(node.version_info()))


def _healthy(call: Call) -> Response:
    return Response(200, b"healthz check passed", TEXT)


def _ready(call: Call) -> Response:
    return Response(200, b"all shards are ready", TEXT)


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
    call.parameters.number("completed_limit")
    wanted = [part for part in (call.parameters.text("with") or "").split(",") if part.strip()]
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
    Route("GET", "/telemetry", telemetry),
    Route("GET", "/metrics", metrics),
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
