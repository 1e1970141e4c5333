"""After random writes on both sides, a push leaves nothing unsent, and a push and a pull leave the same on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import qdrant_client
from doors.serving import server_in_a_thread
from hypothesis import given
from hypothesis import strategies as st
from oracles import local
from oracles.cases import cases
from oracles.compare import assert_vectors, everything, plain
from oracles.model import canonical
from oracles.schema import arguments, named
from oracles.stores import StoreHandle
from write_operations import SCHEMA, operations

from minidb.errors import NotFound, ValidationError

NAME = "points"
MISSING = (NotFound, ValidationError, KeyError, qdrant_client.http.exceptions.UnexpectedResponse)
"""What clients say of a point that is not there, and of vectors that are none."""
PEERS = ["memory", "durable", "local mode", "server"]
Peer = Callable[[ExitStack], Any]


@pytest.fixture(scope="module")
def peer_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Peer]]:
    """Makes empty peers of a kind."""
    with server_in_a_thread(tmp_path_factory.mktemp("served")) as url:

        def peer_of(kind: str) -> Peer:
            def made(stack: ExitStack) -> Any:
                if kind in ("memory", "durable"):
                    return stack.enter_context(StoreHandle(kind)).client
                client = qdrant_client.QdrantClient(**({"url": url} if kind == "server" else {"location": ":memory:"}))
                stack.callback(client.close)
                for each in client.get_collections().collections:
                    client.delete_collection(each.name)
                return client

            return made

        yield peer_of


def assert_same(left: Any, right: Any) -> None:
    """Both clients hold the same points."""
    ours, theirs = ({canonical(each.id): each for each in everything(client, NAME)} for client in (left, right))
    assert ours.keys() == theirs.keys()
    for point_id, record in ours.items():
        assert (record.payload or {}) == (theirs[point_id].payload or {}), point_id
        assert_vectors(theirs[point_id].vector or {}, {k: plain(v) for k, v in named(record.vector or {}).items()})


def write(client: Any, batch: list[Any]) -> None:
    for operation in batch:
        with suppress(*MISSING):
            local.call(client, NAME, operation)


some = st.lists(operations(SCHEMA), max_size=5)


@pytest.mark.filterwarnings("ignore:Payload indexes")
@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("own", ["memory", "durable"])
@given(rounds=st.lists(st.tuples(some, some, st.booleans()), min_size=1, max_size=4), size=st.integers(1, 4))
@cases(25)
def test_pushes_and_pulls(own: str, kind: str, peer_of: Any, rounds: list[Any], size: int) -> None:
    with ExitStack() as stack:
        handle = stack.enter_context(StoreHandle(own))
        peer = peer_of(kind)(stack)
        handle.client.create_collection(NAME, **arguments(SCHEMA))
        handle.client.push(peer)
        for ours, theirs, reopened in rounds:
            write(handle.client, ours)
            write(peer, theirs)
            if reopened:
                handle.reopen()
            handle.client.push(peer, batch_size=size)
            handle.client.pull(peer, batch_size=size)
            assert_same(handle.client, peer)
            again = handle.client.push(peer), handle.client.pull(peer)
            assert [(report.written, report.deleted) for report in again] == [(0, 0), (0, 0)]


@pytest.mark.filterwarnings("ignore:Payload indexes")
@pytest.mark.parametrize("kind", PEERS)
@given(rounds=st.lists(some, min_size=1, max_size=5), size=st.integers(1, 4))
@cases(25)
def test_pushes_alone(kind: str, peer_of: Any, rounds: list[Any], size: int) -> None:
    with ExitStack() as stack:
        handle, peer = stack.enter_context(StoreHandle("durable")), peer_of(kind)(stack)
        handle.client.create_collection(NAME, **arguments(SCHEMA))
        for ours in rounds:
            write(handle.client, ours)
            handle.client.push(peer, batch_size=size)
            assert_same(handle.client, peer)


@pytest.mark.filterwarnings("ignore:Payload indexes")
@pytest.mark.parametrize("kind", PEERS)
@given(rounds=st.lists(some, min_size=1, max_size=5), size=st.integers(1, 4))
@cases(25)
def test_pulls_alone(kind: str, peer_of: Any, rounds: list[Any], size: int) -> None:
    with ExitStack() as stack:
        handle, peer = stack.enter_context(StoreHandle("durable")), peer_of(kind)(stack)
        peer.create_collection(NAME, **arguments(SCHEMA))
        for theirs in rounds:
            write(peer, theirs)
            handle.client.pull(peer, batch_size=size)
            assert_same(handle.client, peer)
