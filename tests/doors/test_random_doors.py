"""Random writes and searches: minidb's own client and the official client over `Transport` answer the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import qdrant_client
from door_answers import plain, refusal
from hypothesis import event, given
from hypothesis import strategies as st
from oracles import local
from oracles.cases import cases
from oracles.compare import everything
from oracles.schema import Field, arguments
from oracles.stores import KINDS, new_store
from properties.search_requests import Numbers, requests, schemas
from properties.write_operations import filters, ids, operations

import minidb

NAME = "points"


@contextmanager
def both_clients(kind: str) -> Iterator[tuple[Any, Any]]:
    """minidb's client of one store, and the official client of another."""
    with new_store(kind) as own, new_store(kind) as behind:
        official = qdrant_client.QdrantClient(
            url="http://minidb", transport=minidb.Transport(behind), check_compatibility=False
        )
        yield own, official
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
    schema: tuple[Field, ...] = data.draw(schemas())
    numbers = Numbers(data.draw(st.integers(0, 2**32)), data.draw(st.booleans()))
    points = numbers.points(schema, data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.0, 0.3])))
    with both_clients(kind) as clients:
        for client in clients:
            client.create_collection(NAME, **arguments(schema))

        def same(call: Callable[[Any], Any]) -> None:
            own, official = (outcome(lambda client=client: call(client)) for client in clients)
            assert own == official

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
