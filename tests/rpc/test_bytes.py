"""Any bytes at all: an answer, or a refusal with a cause that changes nothing.

`MINIDB_CASES=130 python -m pytest tests/rpc/test_bytes.py` sends 200,000 requests.
"""

from __future__ import annotations

import os
import random

import pytest
from rpc.random_messages import damaged, random_request
from rpc.rpc_world import RpcWorld, encoded

from minidb.grpc import Answer, Rpc
from minidb.grpc.descriptors import message_class
from minidb.grpc.rpcs import RPCS

N_REQUESTS = 30 * int(os.environ.get("MINIDB_CASES", "1"))
"""For each rpc."""
_FRESH_EVERY = 100
_CAUSED = "failed to decode Protobuf message"


def check(world: RpcWorld, rpc: Rpc, message: bytes, before: object) -> Answer:
    """What must hold of every answer; `before` is the store as it was."""
    answer = world.answer(rpc.name, message)
    if answer.code == 0:
        message_class(rpc.response).FromString(answer.reply)
        return answer
    assert answer.text
    assert answer.reply == b""
    assert "unknown field" not in answer.text, (rpc.name, message, answer)  # REST has a place for every field
    assert answer.code != 13 or answer.text.startswith(_CAUSED), (rpc.name, message, answer)
    if not answer.text.startswith("Not found: No point with id"):  # which comes up while writing, as in Qdrant
        assert world.dump() == before, (rpc.name, message, answer)
    return answer


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.name)
def test_random_and_damaged_requests(rpc: Rpc) -> None:
    rng = random.Random(f"{rpc.name} {os.environ.get('MINIDB_SEED', '')}")
    for start in range(0, N_REQUESTS, _FRESH_EVERY):
        with RpcWorld() as world:
            before = world.dump()
            for _ in range(min(_FRESH_EVERY, N_REQUESTS - start)):
                message = random_request(rng, rpc.request)
                if rng.random() < 0.5:
                    message = damaged(rng, message)
                answer = check(world, rpc, message, before)
                if rpc.route.writes and int(answer.code) in (0, 5):
                    before = world.dump()
            assert world.dump() == before


def test_every_code_a_request_can_earn_is_met() -> None:
    """Random requests that were all refused for the same reason would show nothing."""
    rng = random.Random(5)
    codes: dict[str, set[int]] = {}
    for rpc in RPCS:
        with RpcWorld() as world:
            for _ in range(40):
                answer = world.answer(rpc.name, random_request(rng, rpc.request))
                codes.setdefault(rpc.name, set()).add(int(answer.code))
    assert {0, 3, 5, 12} <= set().union(*codes.values())
    answered = {name for name, found in codes.items() if 0 in found}
    assert len(answered) > 35, sorted(set(codes) - answered)


@pytest.mark.parametrize("depth", [10, 30, 49, 99, 200, 10_000])
def test_filters_within_filters(depth: int) -> None:
    """Protobuf's own limit is 100 messages; beyond it nothing can be read."""
    message = b""
    for _ in range(depth):  # Filter.must, Condition.filter
        condition = b"\x22" + _length(len(message)) + message
        message = b"\x12" + _length(len(condition)) + condition
    request = b"\x0a\x01c\x12" + _length(len(message)) + message
    with RpcWorld() as world:
        answer = world.answer("Points/Count", request)
    assert int(answer.code) == (0 if depth < 50 else 13)
    assert depth < 50 or answer.text.startswith(_CAUSED)


@pytest.mark.parametrize("depth", [10, 30, 33, 200])
def test_payload_within_payload(depth: int) -> None:
    value = {"integer_value": 1}
    for _ in range(min(depth, 33)):
        value = {"list_value": {"values": [value]}}
    points = [{"id": {"num": 9}, "vectors": {"vectors": {}}, "payload": {"x": value}}]
    with RpcWorld() as world:
        answer = world.answer("Points/Upsert", encoded("Points/Upsert", {"collection_name": "c", "points": points}))
    assert int(answer.code) in (0, 13)
    assert answer.code == 0 or answer.text.startswith(_CAUSED)


def _length(number: int) -> bytes:
    data = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        data.append(low | (0x80 if number else 0))
        if not number:
            return bytes(data)


@pytest.mark.parametrize("message", [b"\xff", b"\x00", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x0a\x01\xff", b"{}"])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with RpcWorld() as world:
        before = world.dump()
        for rpc in RPCS:
            answer = world.answer(rpc.name, message)
            if answer.code == 13:
                assert answer.text.startswith(_CAUSED)
        assert world.answer("Points/Upsert", b"\xff").code == 13
        assert world.dump() == before
