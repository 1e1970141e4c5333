"""`QdrantClient` and `AsyncQdrantClient` have every public method of qdrant-client's, with the same arguments."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import qdrant_client

import minidb

PAIRS = [
    (minidb.QdrantClient, qdrant_client.QdrantClient),
    (minidb.AsyncQdrantClient, qdrant_client.AsyncQdrantClient),
]
OWN = {"explain", "pull", "push", "query_arrays", "recover_full_snapshot", "verify", "wait_until_indexed"}
ONLY_WITH_A_WIRE = ["grpc_collections", "grpc_points", "http"]


def public(kind: type) -> set[str]:
    """Names of methods and properties."""
    return {name for name in dir(kind) if not name.startswith("_") and not isinstance(getattr(kind, name), int)}


def parameters(kind: type, method: str) -> list[tuple[str, Any]]:
    """Names and defaults; qdrant-client's `**kwargs` are arguments of older versions, which it refuses."""
    signature = inspect.signature(inspect.getattr_static(kind, method).__get__(None, kind))
    return [
        (name, parameter.default)
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


METHODS = [
    (ours, theirs, method)
    for ours, theirs in PAIRS
    for method in sorted(public(theirs) - set(ONLY_WITH_A_WIRE) - {"init_options"})
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["sync", "async"])
def test_every_public_name_is_there(ours: type, theirs: type) -> None:
    assert public(theirs) - public(ours) - {"init_options"} == set()
    assert public(ours) - public(theirs) == OWN


@pytest.mark.parametrize(
    ("ours", "theirs", "method"), METHODS, ids=[f"{theirs.__name__}.{method}" for _, theirs, method in METHODS]
)
def test_arguments_have_the_same_names_order_and_defaults(ours: type, theirs: type, method: str) -> None:
    assert parameters(ours, method) == parameters(theirs, method)


@pytest.mark.parametrize("name", ONLY_WITH_A_WIRE)
def test_what_needs_a_wire_says_where_to_find_it(name: str) -> None:
    with minidb.QdrantClient(":memory:") as client, pytest.raises(AttributeError, match=r"minidb\.qdrant_client"):
        getattr(client, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create_shard_key("c", "k"),
        lambda client: client.delete_shard_key("c", "k"),
        lambda client: client.create_shard_snapshot("c", 0),
        lambda client: client.list_shard_snapshots("c", 0),
        lambda client: client.delete_shard_snapshot("c", 0, "s"),
        lambda client: client.recover_shard_snapshot("c", 0, "file:///s"),
        lambda client: client.cluster_collection_update("c", {}),
        lambda client: client.cluster_telemetry(),
        lambda client: client.recover_current_peer(),
        lambda client: client.remove_peer(1),
    ],
)
def test_what_needs_a_cluster_is_refused_as_qdrant_does_alone(call: Any) -> None:
    with minidb.QdrantClient(":memory:") as client:
        with pytest.raises(minidb.errors.StandaloneMode, match="Qdrant is running in standalone mode") as caught:
            call(client)
        assert caught.value.status_code == 405
