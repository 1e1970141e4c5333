"""A process is killed while it pushes or pulls, at any step; the next push and pull bring both sides together."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_client
from doors.serving import server_in_a_thread
from oracles.compare import everything
from syncing import BATCH, peer_at

from minidb import QdrantClient, models

NAME = "points"
IDS = 20
STEPS = 2 * (IDS // BATCH + 6)


@pytest.fixture(params=["minidb", "local mode", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "server":
        with server_in_a_thread(tmp_path / "served") as url:
            yield url
    else:
        yield ("local:" if request.param == "local mode" else "") + str(tmp_path / "peer")


@pytest.mark.parametrize("action", ["push", "pull"])
def test_a_killed_sync_is_completed_by_the_next(tmp_path: Path, place: str, action: str, cycles: int) -> None:
    kind = place.partition(":")[0] if ":" in place else "minidb"  # a path is another one each time
    rng = random.Random(f"{kind} {action} {cycles}")
    store = tmp_path / "store"
    with QdrantClient(store, durability="off") as client:
        client.create_collection(NAME, models.VectorParams(size=2, distance=models.Distance.DOT))
        change(client, rng, list(range(IDS)))
        if action == "pull":
            client.push(peer := peer_at(place))
            peer.close()
    n_killed = 0
    for cycle in range(1 + cycles // 10):
        code = run(store, place, action, rng.randrange(STEPS if cycle else 3))  # the first is met by every kind
        n_killed += code == -signal.SIGKILL
        with QdrantClient(store, durability="off") as client:
            peer = peer_at(place)
            change(client, rng, rng.sample(range(IDS), 3))
            client.push(peer)
            client.pull(peer)
            assert state(client) == state(peer)
            change(client, rng, rng.sample(range(IDS), 6))
            change(peer, rng, rng.sample(range(IDS), 6))
            peer.close()
    assert n_killed


def test_a_killed_pull_from_a_log_is_completed_by_the_next(tmp_path: Path, cycles: int) -> None:
    """Nothing is pushed, and nothing but the log is read: whole pages are here, with the place the next one begins."""
    rng = random.Random(f"log {cycles}")
    store = tmp_path / "store"
    with server_in_a_thread(tmp_path / "served") as url:
        peer = peer_at(url)
        theirs = qdrant_client.models
        peer.create_collection(NAME, theirs.VectorParams(size=2, distance=theirs.Distance.DOT))
        change(peer, rng, list(range(IDS)))
        with QdrantClient(store, durability="off") as client:
            client.pull(peer)
        n_killed = 0
        for _ in range(1 + cycles // 10):
            change(peer, rng, rng.sample(range(IDS), 12))
            n_killed += run(store, url, "pull", rng.randrange(8)) == -signal.SIGKILL
            change(peer, rng, rng.sample(range(IDS), 6))
            with QdrantClient(store, durability="off") as client:
                assert not client.pull(peer, batch_size=BATCH).collections[0].full
                assert state(client) == state(peer)
        assert n_killed
        peer.close()


def run(store: Path, place: str, action: str, step: int) -> int:
    script = str(Path(__file__).with_name("syncing.py"))
    return subprocess.run([sys.executable, script, str(store), place, action, str(step)], check=False).returncode


def change(client: Any, rng: random.Random, ids: list[int]) -> None:
    """Write some points and delete others."""
    kind: Any = models if isinstance(client, QdrantClient) else qdrant_client.models
    written = [each for each in ids if rng.random() < 0.7]
    if written:
        points = [kind.PointStruct(id=each, vector=[each, 1], payload={"n": rng.randrange(99)}) for each in written]
        client.upsert(NAME, points)
    if gone := sorted(set(ids) - set(written)):
        client.delete(NAME, gone)


def state(client: Any) -> dict[Any, Any]:
    return {each.id: (each.payload, each.vector) for each in everything(client, NAME)}
