"""Large upserts over gRPC are read in pieces, as those of REST are: see `rest/test_rest_pieces.py`."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from rpc_world import RpcWorld, dense, encoded

from minidb.grpc import pieces as message_pieces


def points(start: int, n: int, size: int = 2) -> list[dict[str, Any]]:
    return [
        {
            "id": {"num": at},
            "vectors": {"vector": dense(*([float(at % 9)] * size))},
            "payload": {"n": {"integer_value": at}} if size > 2 else {},
        }
        for at in range(start, start + n)
    ]


@pytest.mark.parametrize(("size", "n", "most_times"), [(2, 60_000, 10), (64, 6_000, 3)])
def test_a_large_message_takes_a_few_times_its_size(tmp_path: Path, size: int, n: int, most_times: int) -> None:
    """Without digits and names a point of two dimensions has 29 bytes."""
    with RpcWorld(str(tmp_path / "store")) as world:
        for name in ("few", "many"):
            world.ask("PUT", f"/collections/{name}", {"vectors": {"size": size, "distance": "Dot"}})
        world.call("Points/Upsert", collection_name="few", points=points(0, 1, size))
        many = {"collection_name": "many", "wait": True, "points": points(0, n, size)}
        message = encoded("Points/Upsert", many)
        del many
        tracemalloc.start()
        try:
            answer = world.answer("Points/Upsert", message)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert answer.code == 0
        assert world.call("Points/Count", collection_name="many").result.count == n
    assert peak < most_times * len(message), peak / len(message)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_pieces, "LEAST_BYTES", 0)
    monkeypatch.setattr(message_pieces, "_PIECE_BYTES", 50)


def as_a_whole(world: RpcWorld, message: bytes, rpc: str = "Points/Upsert") -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(message_pieces, "LEAST_BYTES", len(message) + 1)
        return outcome(world, message, rpc)


def outcome(world: RpcWorld, message: bytes, rpc: str = "Points/Upsert") -> Any:
    answer = world.answer(rpc, message)
    return answer.code, answer.text


def contents(world: RpcWorld) -> Any:
    return world.ask("POST", "/collections/other/points/scroll", {"limit": 100, "with_vector": True}).result


REQUESTS: dict[str, dict[str, Any]] = {
    "points": {"points": points(1, 9, 4)},
    "of equal ids the last": {"points": [*points(1, 9, 4), *points(3, 3, 4)], "wait": True},
    "only those there": {"points": points(1, 9, 4), "update_mode": 2},
    "a filter": {"points": points(1, 9, 4), "update_filter": {"must": [{"has_id": {"has_id": [{"num": 1}]}}]}},
    "of a wrong dimension": {"points": [*points(1, 9, 4), *points(30, 1, 3)]},
    "without vectors": {"points": [*points(1, 9, 4), {"id": {"num": 1}}]},
    "none": {"points": []},
    "texts": {
        "points": [
            {"id": {"num": at}, "vectors": {"vector": {"document": {"text": f"a{at % 2}", "model": "minidb/hash-4"}}}}
            for at in range(1, 6)
        ]
    },
}


@pytest.mark.parametrize("name", REQUESTS)
def test_nobody_can_tell_by_the_answers(tiny: None, name: str) -> None:
    message = encoded("Points/Upsert", {"collection_name": "other", **REQUESTS[name]})
    chance = random.Random(name)
    with RpcWorld() as world, RpcWorld() as other:
        assert outcome(world, message) == as_a_whole(other, message)
        assert contents(world) == contents(other)
        for _ in range(100):
            at = chance.randrange(len(message))
            damaged = message[:at] + bytes([chance.randrange(256)]) + message[at + chance.choice([0, 1]) :]
            assert outcome(world, damaged) == as_a_whole(other, damaged), damaged
        assert contents(world) == contents(other)


VECTORS: dict[str, list[dict[str, Any]]] = {
    "points": points(1, 2, 4),
    "of a wrong dimension in the end": [*points(1, 2, 4), *points(2, 1, 3)],
    "empty in the end": [*points(1, 2, 4), {"id": {"num": 1}, "vectors": {"vectors": {"vectors": {}}}}],
    "none": [],
    "without vectors": [*points(1, 2, 4), {"id": {"num": 1}}],
    "of a point that is not there": points(1, 9, 4),
}


@pytest.mark.parametrize("name", VECTORS)
def test_nor_of_new_vectors(tiny: None, name: str) -> None:
    rpc = "Points/UpdateVectors"
    some = [{key: value for key, value in point.items() if key != "payload"} for point in VECTORS[name]]
    message = encoded(rpc, {"collection_name": "other", "points": some})
    with RpcWorld() as world, RpcWorld() as other:
        assert outcome(world, message, rpc) == as_a_whole(other, message, rpc)
        assert contents(world) == contents(other)
