"""The same random requests over gRPC and over REST, to two stores alike: the same answers, refusals and points.

Queries and batches of operations: test_translated.py, test_random_batches.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qdrant_client import grpc
from qdrant_client.conversions.conversion import GrpcToRest
from rpc.rpc_world import RpcWorld
from rpc.spoken_twice import Json, Speaker, Spoken

from minidb.grpc import find

_CODES = {200: 0, 400: 3, 404: 5, 409: 6, 422: 3}
"""REST's statuses, and gRPC's codes."""


def _single(vector: Json) -> Json:
    """A vector, or several by name, with numbers of 32 bits."""
    if isinstance(vector, dict):
        return {name: one if name == "indices" else _single(one) for name, one in vector.items()}
    if isinstance(vector, list):
        return [_single(one) for one in vector]
    if hasattr(vector, "indices"):
        return _single({"indices": vector.indices, "values": vector.values})
    return None if vector is None else float(np.float32(vector))


def _point(point: Any) -> Json:
    of: Json = point if isinstance(point, dict) else dict(point)
    score = None if of.get("score") is None else float(np.float32(of["score"]))
    plain = {name: of.get(name) for name in ("id", "version", "order_value")}
    return {**plain, "score": score, "payload": of.get("payload") or {}, "vector": _single(of.get("vector"))}


def _group(group: Any) -> Json:
    of: Json = group if isinstance(group, dict) else dict(group)
    lookup = of.get("lookup")
    return of["id"], [_point(hit) for hit in of["hits"]], None if lookup is None else _point(lookup)


def _by_grpc(name: str, reply: Any) -> Json:
    """What a reply says, as qdrant-client reads it."""
    result = getattr(reply, "result", None)
    if name.endswith("Groups"):
        return [_group(GrpcToRest.convert_point_group(group)) for group in result.groups]
    if name in ("Search", "Recommend", "Discover"):
        return [_point(GrpcToRest.convert_scored_point(hit)) for hit in result]
    if name in ("Get", "Scroll"):
        points = [_point(GrpcToRest.convert_retrieved_point(point)) for point in result]
        following = name == "Scroll" and reply.HasField("next_page_offset")
        return points, GrpcToRest.convert_point_id(reply.next_page_offset) if following else None
    if name == "Count":
        return result.count
    if name == "Facet":
        return [GrpcToRest.convert_facet_value_hit(hit).model_dump() for hit in reply.hits]
    if name == "SearchMatrixPairs":
        found = GrpcToRest.convert_search_matrix_pairs(result).model_dump()
        return [(pair["a"], pair["b"], _single(pair["score"])) for pair in found["pairs"]]
    if name == "SearchMatrixOffsets":
        found = GrpcToRest.convert_search_matrix_offsets(result).model_dump()
        return {**found, "scores": _single(found["scores"])}
    return GrpcToRest.convert_update_result(result).model_dump(mode="json")


def _by_rest(name: str, result: Json) -> Json:
    if name.endswith("Groups"):
        return [_group(group) for group in result["groups"]]
    if name in ("Search", "Recommend", "Discover"):
        return [_point(hit) for hit in result]
    if name in ("Get", "Scroll"):
        points, following = (result["points"], result["next_page_offset"]) if name == "Scroll" else (result, None)
        return [_point(point) for point in points], following
    if name == "Count":
        return result["count"]
    if name == "Facet":
        return result["hits"]
    if name == "SearchMatrixPairs":
        return [(pair["a"], pair["b"], _single(pair["score"])) for pair in result["pairs"]]
    if name == "SearchMatrixOffsets":
        return {**result, "scores": _single(result["scores"])}
    return result


def _state(world: RpcWorld) -> Json:
    state = world.dump()
    for info, _ in state["collections"].values():
        info.pop("created_at", None)
    return state


def _answered_alike(spoken: Spoken, by_grpc: RpcWorld, by_rest: RpcWorld) -> bool:
    """Whether a request was answered; both answers, or both refusals, are alike."""
    name = spoken.rpc.partition("/")[2]
    method, _, path = spoken.route.partition(" ")
    answer = by_grpc.answer(spoken.rpc, spoken.message.SerializeToString())
    expected = by_rest.try_to(method, path, spoken.body, spoken.query)
    assert int(answer.code) == _CODES[expected.status], (spoken, answer, expected.response)
    if expected.status != 200:
        return False
    rpc = find(f"/qdrant.{spoken.rpc}")
    assert rpc is not None
    reply = getattr(grpc, rpc.response).FromString(answer.reply)
    assert _by_grpc(name, reply) == _by_rest(name, expected.result), spoken
    return True


@pytest.mark.parametrize("seed", range(30))
def test_a_request_means_the_same_over_grpc_and_rest(seed: int) -> None:
    speaker = Speaker(seed)
    with RpcWorld() as by_grpc, RpcWorld() as by_rest:
        answered = [_answered_alike(speaker.request(), by_grpc, by_rest) for _ in range(30)]
        assert _state(by_grpc) == _state(by_rest)
    assert sum(answered) > 8
