"""After any writes, a snapshot, more writes and a restore the collection is what it was at the time of the snapshot."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import local
from oracles.cases import cases
from oracles.schema import Field, Schema, arguments, name_config
from oracles.stores import KINDS, StoreHandle
from properties.write_operations import EXTRA, SCHEMA, UNNAMED, operations
from snapshot_world import contents, location

from minidb import QdrantClient
from minidb.errors import MinidbError


def steps(schema: Schema) -> st.SearchStrategy[list[Any]]:
    """Writes, and vectors that come and go."""
    extra = EXTRA if schema is SCHEMA else ()
    change = operations((*schema, *extra))
    return st.lists(change | st.sampled_from(extra) if extra else change, max_size=12)


def run(client: QdrantClient, step: Any) -> None:
    with suppress(MinidbError):  # points that are missing: the rest of the write may count all the same
        if not isinstance(step, Field):
            local.call(client, "c", step)
        elif step.name in _names(client):
            client.delete_vector_name("c", step.name)
        else:
            client.create_vector_name("c", step.name, name_config(step))


def _names(client: QdrantClient) -> set[str]:
    params = client.get_collection("c").config.params
    return {*(params.vectors if isinstance(params.vectors, dict) else ()), *(params.sparse_vectors or {})}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schema", [SCHEMA, UNNAMED], ids=["named", "unnamed"])
def test_a_restore_is_a_return(kind: str, schema: Schema) -> None:
    @cases(40)
    @given(steps(schema), steps(schema), st.booleans())
    def check(before: list[Any], after: list[Any], reopens: bool) -> None:
        with StoreHandle(kind) as store:
            store.client.create_collection("c", **arguments(schema))
            for step in before:
                run(store.client, step)
            expected = contents(store.client, "c")
            where = location(store.client, "c", store.client.create_snapshot("c").name)
            for step in after:
                run(store.client, step)
            if reopens:
                store.reopen()
            store.client.recover_snapshot("c", where)
            assert contents(store.client, "c") == expected
            for step in after:
                run(store.client, step)
            later = contents(store.client, "c")
            store.reopen()
            assert contents(store.client, "c") == later

    check()
