"""Random writes and searches: minidb's own client and the official one, over `Transport` and gRPC, answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import qdrant_client
from door_answers import over_grpc, plain, refusal, without_empty_payloads
from hypothesis import event, given
from hypothesis import strategies as st
from oracles import local
from oracles.cases import cases
from oracles.compare import everything
from oracles.schema import Field, arguments
from oracles.stores import KINDS, new_store
from properties.search_requests import Numbers, requests, schemas
from properties.write_operations import filters, ids, operations
from serving import grpc_port, serving

import minidb

NAME = "points"


@contextmanager
def official_client(kind: str) -> Iterator[Any]:
    """The official client of a new store, over `Transport`."""
    with new_store(kind) as behind:
        transport = minidb.Transport(behind)
        official = qdrant_client.QdrantClient(url="http://minidb", transport=transport, check_compatibility=False)
        yield official
        official.close()


@contextmanager
def ready_made_client(kind: str) -> Iterator[Any]:
    """The same made by minidb, whose vectors pass as arrays."""
    with new_store(kind) as behind:
        ready = minidb.qdrant_client(behind, cloud_inference=False)
        yield ready
        ready.close()


@contextmanager
def grpc_client(kind: str) -> Iterator[Any]:
    """The official client of a new store, over gRPC and a loopback connection."""
    with new_store(kind) as behind, serving(behind._database, grpc_port=0) as server:
        port = grpc_port(server)
        official = qdrant_client.QdrantClient(
            url=server.url, grpc_port=port, prefer_grpc=True, check_compatibility=False
        )
        yield official
        official.close()


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return plain(call())
    except Exception as error:  # noqa: BLE001 - `refusal` raises what is none
        event(f"refused with {refusal(error)[0]}")
        return refusal(error)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@cases(30)
def test_random_writes_and_searches_are_the_same_at_both_doors(kind: str, data: st.DataObject) -> None:
    with new_store(kind) as own, official_client(kind) as official:
        check(data, own, official, lambda answer: answer)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@cases(15)
def test_random_writes_and_searches_are_the_same_whether_vectors_pass_or_become_json(
    kind: str, data: st.DataObject
) -> None:
    with official_client(kind) as json, ready_made_client(kind) as arrays:
        check(data, json, arrays, lambda answer: answer)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@cases(15)
def test_random_writes_and_searches_are_the_same_over_grpc(kind: str, data: st.DataObject) -> None:
    with official_client(kind) as rest, grpc_client(kind) as grpc:
        check(data, rest, grpc, as_over_grpc)


def as_over_grpc(answer: Any) -> Any:
    """What REST answered, as gRPC can say it."""
    if isinstance(answer, tuple):
        return over_grpc(answer)
    return without_empty_payloads(answer)


def check(data: st.DataObject, one: Any, other: Any, said: Callable[[Any], Any]) -> None:
    """What the one client is told is, as it is `said` to the other, what that is told."""
    schema: tuple[Field, ...] = data.draw(schemas())
    numbers = Numbers(data.draw(st.integers(0, 2**32)), data.draw(st.booleans()))
    points = numbers.points(schema, data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.0, 0.3])))
    for client in (one, other):
        client.create_collection(NAME, **arguments(schema))

    def same(call: Callable[[Any], Any]) -> None:
        first, second = (outcome(lambda client=client: call(client)) for client in (one, other))
        assert said(first) == second

    same(lambda client: client.upsert(NAME, points))
    for operation in data.draw(st.lists(operations(schema), max_size=6)):
        same(lambda client, operation=operation: local.call(client, NAME, operation))
    batch = data.draw(st.lists(operations(schema), min_size=1, max_size=3))
    same(lambda client: client.batch_update_points(NAME, batch))
    same(lambda client: everything(client, NAME, page=7))
    for filter in data.draw(st.lists(filters, max_size=2)):
        same(lambda client, filter=filter: (client.count(NAME, filter), client.scroll(NAME, filter)))
    wanted = data.draw(st.lists(ids, max_size=4))
    same(lambda client: client.retrieve(NAME, wanted, with_vectors=True))
    searches = data.draw(st.lists(requests(schema, points, numbers), min_size=1, max_size=6))
    for request in searches:
        same(lambda client, request=request: client.query_batch_points(NAME, [request]))
    same(lambda client: client.query_batch_points(NAME, searches))
