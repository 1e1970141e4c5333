"""Requests that take long, snapshots above all: they wait for each other, and nobody else for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest
from serving import PATIENCE_S, grpc_port, serving, until

from minidb.database import Database
from minidb.models import SnapshotDescription
from minidb.server import Server, long_work
from minidb.snapshots.snapshots import Snapshots


class Stopped:
    """Snapshots that are not made before `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.n_begun = 0

    def create(self, of: Any, name: str | None = None) -> SnapshotDescription:
        self.n_begun += 1
        assert self.go_on.wait(PATIENCE_S)
        return SnapshotDescription(name="s", size=1)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    stopped = Stopped()
    monkeypatch.setattr(Snapshots, "create", lambda *arguments: stopped.create(*arguments))
    return stopped


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Database(":memory:", "off")) as database, serving(database, grpc_port=0) as server:
        yield server


def asks(server: Server, door: str, n: int, stack: ExitStack) -> list[Any]:
    """Futures of so many statuses, all asked at once: 200 or 503, or their names in gRPC."""
    if door == "rest":
        threads = stack.enter_context(ThreadPoolExecutor(n))
        client = stack.enter_context(httpx.Client(timeout=PATIENCE_S, limits=httpx.Limits(max_connections=n)))
        return [threads.submit(lambda: client.post(f"{server.url}/snapshots").status_code) for _ in range(n)]
    import grpc
    from qdrant_client import grpc as messages

    channels = [stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}")) for _ in range(2)]
    request = messages.CreateFullSnapshotRequest()
    return [messages.SnapshotsStub(channels[at % 2]).CreateFull.future(request) for at in range(n)]


def statuses(door: str, asked: list[Any]) -> list[str]:
    if door == "rest":
        return sorted({200: "OK", 503: "UNAVAILABLE"}.get(each.result(), "?") for each in asked)
    return sorted(each.code().name for each in asked)


@pytest.mark.parametrize("door", ["rest", "grpc"])
def test_while_snapshots_are_made_others_are_answered(server: Server, stopped: Stopped, door: str) -> None:
    """Forty held every thread that answers."""
    if door == "grpc":
        pytest.importorskip("grpc")
    with ExitStack() as stack:
        stack.callback(stopped.go_on.set)
        asked = asks(server, door, 40, stack)
        until(lambda: stopped.n_begun >= long_work._AT_ONCE)
        assert httpx.get(f"{server.url}/collections", timeout=PATIENCE_S).status_code == 200
        if door == "grpc":
            import grpc
            from qdrant_client import grpc as messages

            with grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}") as opened:
                listed = messages.CollectionsStub(opened).List(messages.ListCollectionsRequest(), timeout=PATIENCE_S)
                assert list(listed.collections) == []
        assert stopped.n_begun == long_work._AT_ONCE
        stopped.go_on.set()
        assert statuses(door, asked) == ["OK"] * 40


@pytest.mark.parametrize("door", ["rest", "grpc"])
def test_beyond_those_that_may_wait_all_are_sent_away(
    server: Server, stopped: Stopped, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    if door == "grpc":
        pytest.importorskip("grpc")
    n_most = long_work._AT_ONCE + long_work._MOST_WAITING
    with ExitStack() as stack:
        stack.callback(stopped.go_on.set)
        asked = asks(server, door, n_most + 10, stack)
        until(lambda: sum(each.done() for each in asked) == 10)
        stopped.go_on.set()
        assert statuses(door, asked) == ["OK"] * n_most + ["UNAVAILABLE"] * 10
    assert httpx.post(f"{server.url}/snapshots", timeout=PATIENCE_S).status_code == 200
