"""Random queries over gRPC, and the same over REST as qdrant-client translates them: where both are answered, alike."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from qdrant_client import grpc
from qdrant_client.conversions.conversion import GrpcToRest
from rpc.random_messages import random_request
from rpc.rpc_world import RpcWorld

_NOT_OF_REST = ("shard_key_selector", "timeout", "read_consistency")
_PARTS = ("params", "prefetch", "score_threshold", "lookup_from", "using", "query", "with_vectors")


def _query(rng: random.Random) -> grpc.QueryPoints:
    """A random message, with few enough parts to be answered now and then."""
    message = grpc.QueryPoints.FromString(random_request(rng, "QueryPoints"))
    message.collection_name = "c"
    for name in ("filter", *_NOT_OF_REST, *rng.sample(_PARTS, rng.choice([4, 5, 6]))):
        message.ClearField(name)
    if rng.random() < 0.5:
        for group in (message.filter.must, message.filter.must_not, message.filter.should):
            group.extend(_condition(rng) for _ in range(rng.choice([0, 0, 1, 2])))
    if message.HasField("limit"):
        message.limit = rng.choice([1, 3, 10])
    return message


def _condition(rng: random.Random) -> grpc.Condition:
    """One that holds for some of the points and not for others."""
    bound = {rng.choice(["lt", "lte", "gt", "gte"]): float(rng.choice([1, 2, 3, 4]))}
    clause: dict[str, Any] = rng.choice(
        [
            {"key": "n", "range": grpc.Range(**bound)},
            {"key": "n", "match": grpc.Match(integer=rng.choice([1, 2, 3]))},
            {"key": "city", "match": grpc.Match(keyword="Berlin")},
            {"key": "tags", "values_count": grpc.ValuesCount(gt=1)},
        ]
    )
    return grpc.Condition(field=grpc.FieldCondition(**clause))


def _translated(message: grpc.QueryPoints) -> dict[str, Any] | None:
    """The body of the request to REST; None if qdrant-client knows no such request."""
    try:
        body = GrpcToRest.convert_query_points(message).model_dump(mode="json", exclude_none=True, by_alias=True)
    except (ValueError, ValidationError):
        return None
    for name in ("limit", "with_payload"):  # for what is not set it has values of its own
        if not message.HasField(name):
            body.pop(name, None)
    return json.loads(json.dumps(body))  # type: ignore[no-any-return]


def _hits_of_grpc(reply: bytes) -> list[Any]:
    return [
        (hit.id.num or hit.id.uuid, np.float32(hit.score), GrpcToRest.convert_payload(hit.payload))
        for hit in grpc.QueryResponse.FromString(reply).result
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_query_means_the_same_over_grpc_and_rest(seed: int) -> None:
    rng, answered = random.Random(seed), 0
    with RpcWorld() as world:
        for _ in range(300):
            message = _query(rng)
            body = _translated(message)
            if body is None or "sample" in str(message):
                continue
            by_grpc = world.answer("Points/Query", message.SerializeToString())
            by_rest = world.try_to("POST", "/collections/c/points/query", body)
            if by_grpc.code != 0 or by_rest.status != 200:
                continue  # texts of refusals: test_messages.py
            hits = [(hit["id"], np.float32(hit["score"]), hit.get("payload") or {}) for hit in by_rest.result["points"]]
            assert _hits_of_grpc(by_grpc.reply) == hits, body
            answered += len(hits) > 0
    assert answered > 30
