"""`QdrantClient` and `AsyncQdrantClient` have every public method of qdrant-client's, with the same arguments."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest
import qdrant_client

import minidb

PAIRS = [
    (minidb.QdrantClient, qdrant_client.QdrantClient),
    (minidb.AsyncQdrantClient, qdrant_client.AsyncQdrantClient),
]
OWN = {
    "cloud_inference", "compact", "explain", "export_arrays", "local_inference_batch_size", "pull", "push",
    "query_arrays", "recover_full_snapshot", "verify", "wait_until_indexed",
}  # fmt: skip
ONLY_WITH_A_WIRE = ["grpc_collections", "grpc_points", "http"]


def public(kind: type) -> set[str]:
    """Names of methods and properties."""
    return {name for name in dir(kind) if not name.startswith("_") and not isinstance(getattr(kind, name), int)}


def parameters(kind: type, method: str) -> list[tuple[str, Any]]:
    """Names and defaults."""
    signature = inspect.signature(inspect.getattr_static(kind, method).__get__(None, kind))
    return [
        (name, parameter.default)
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def has_kwargs(kind: type, method: str) -> bool:
    signature = inspect.signature(getattr(kind, method))
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())


METHODS = [
    (ours, theirs, method)
    for ours, theirs in PAIRS
    for method in sorted(public(theirs) - set(ONLY_WITH_A_WIRE) - {"init_options"})
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["sync", "async"])
def test_every_public_name_is_there(ours: type, theirs: type) -> None:
    assert public(theirs) - public(ours) - set(ONLY_WITH_A_WIRE) == set()
    assert public(ours) - public(theirs) == OWN


@pytest.mark.parametrize(
    ("ours", "theirs", "method"), METHODS, ids=[f"{theirs.__name__}.{method}" for _, theirs, method in METHODS]
)
def test_arguments_have_the_same_names_order_and_defaults(ours: type, theirs: type, method: str) -> None:
    assert parameters(ours, method) == parameters(theirs, method)


@pytest.mark.parametrize(
    ("ours", "theirs", "method"), METHODS, ids=[f"{theirs.__name__}.{method}" for _, theirs, method in METHODS]
)
def test_other_keywords_are_taken_where_qdrant_client_takes_them(ours: type, theirs: type, method: str) -> None:
    """Most of its methods have `**kwargs`, and refuse whatever is in there."""
    refuses = "assert len(kwargs) == 0" in inspect.getsource(getattr(theirs, method))
    assert has_kwargs(ours, method) == (has_kwargs(theirs, method) and not refuses)


@pytest.mark.parametrize("name", [*inspect.signature(httpx.Client).parameters, "metadata", "unheard_of"])
def test_options_of_the_connection_are_taken_where_qdrant_client_takes_them(name: str) -> None:
    value = {"metadata": {}, "base_url": ""}.get(name)
    for ours, theirs in PAIRS:
        refusal = None
        try:
            theirs(url="http://h", check_compatibility=False, **{name: value})
        except TypeError as error:
            refusal = error
        if refusal is None:
            ours(":memory:", **{name: value})
        else:
            with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
                ours(":memory:", **{name: value})


def test_metadata_are_headers_and_close_takes_anything() -> None:
    client = minidb.QdrantClient(metadata={"openai-api-key": "a", "b": "c"}, headers={"b": "d"}, verify=False)
    assert client._headers == {"openai-api-key": "a", "b": "d"}
    client.close(grpc_grace=1, unheard_of=True)


@pytest.mark.parametrize("name", [*ONLY_WITH_A_WIRE, "_embed_models", "get_fastembed_vector_params"])
def test_what_it_has_not_says_where_to_find_it(name: str) -> None:
    for kind in (minidb.QdrantClient, minidb.AsyncQdrantClient):
        client: Any = kind(":memory:")
        for holder in (client, client._client):
            with pytest.raises(AttributeError, match=r"minidb\.qdrant_client|; instead: ") as caught:
                getattr(holder, name)
            assert caught.value.name == name


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
