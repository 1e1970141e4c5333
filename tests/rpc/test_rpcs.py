"""Rpcs that qdrant-client no longer calls, or calls by REST: the same answers as their routes give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rest.rest_world import CITY, QUERY, SPARSE
from rpc.rpc_world import RpcWorld, ids, packed

from minidb.grpc.rpcs import RPCS

C = {"collection_name": "c"}
BERLIN = {"must": [{"field": {"key": "city", "match": {"keyword": "Berlin"}}}]}
ONE, TWO = {"num": 1}, {"num": 2}
UUID = {"uuid": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}
VECTOR = {"dense": {"data": packed(*QUERY)}}
PAIR = {"positive": {"id": ONE}, "negative": {"vector": VECTOR}}
GROUPED = {"group_by": "city", "group_size": 2, "limit": 2}
PLACES = {"enable": True}


@pytest.fixture(params=["memory", "durable"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RpcWorld]:
    with RpcWorld(":memory:" if request.param == "memory" else str(tmp_path / "store")) as world:
        yield world


CASES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "Search",
        {"vector": packed(*QUERY), "limit": 3, "filter": BERLIN, "params": {"exact": True}},
        "search",
        {"vector": QUERY, "limit": 3, "filter": CITY, "params": {"exact": True}},
    ),
    (
        "Search",
        {
            "vector": packed(1.0, 0.5),
            "sparse_indices": {"data": [0, 9]},
            "vector_name": "words",
            "limit": 3,
            "offset": 1,
        },
        "search",
        {"vector": {"name": "words", "vector": SPARSE}, "limit": 3, "offset": 1},
    ),
    (
        "Search",
        {"vector": packed(1.0, 2.0), "vector_name": "two", "limit": 9, "score_threshold": 2.0},
        "search",
        {"vector": {"name": "two", "vector": [1.0, 2.0]}, "limit": 9, "score_threshold": 2.0},
    ),
    ("SearchGroups", {"vector": packed(*QUERY), **GROUPED}, "search/groups", {"vector": QUERY, **GROUPED}),
    (
        "Recommend",
        {"positive": [ONE], "positive_vectors": [VECTOR], "negative": [TWO], "strategy": 1, "limit": 3},
        "recommend",
        {"positive": [1, QUERY], "negative": [2], "strategy": "best_score", "limit": 3},
    ),
    (
        "Recommend",
        {"positive": [ONE], "limit": 2, "lookup_from": {"collection_name": "other"}},
        "recommend",
        {"positive": [1], "limit": 2, "lookup_from": {"collection": "other"}},
    ),
    (
        "RecommendGroups",
        {"positive": [ONE], "negative": [TWO], "using": "two", **GROUPED},
        "recommend/groups",
        {"positive": [1], "negative": [2], "using": "two", **GROUPED},
    ),
    (
        "Discover",
        {"target": {"single": {"id": TWO}}, "context": [PAIR], "limit": 4},
        "discover",
        {"target": 2, "context": [{"positive": 1, "negative": QUERY}], "limit": 4},
    ),
    (
        "Discover",
        {"context": [PAIR], "limit": 4},
        "discover",
        {"context": [{"positive": 1, "negative": QUERY}], "limit": 4},
    ),
]


def scored(hits: Any) -> list[Any]:
    """Ids and scores of REST's hits, or of those in a message."""
    if hits and isinstance(hits[0], dict):
        return [(hit["id"], float(np.float32(hit["score"]))) for hit in hits]
    return [(id_, hit.score) for id_, hit in zip(ids(hits), hits, strict=True)]


@pytest.mark.parametrize(("name", "message", "route", "body"), CASES)
def test_older_rpcs_answer_as_their_routes(
    world: RpcWorld, name: str, message: dict[str, Any], route: str, body: dict[str, Any]
) -> None:
    result = world.call(f"Points/{name}", **C, **message).result
    expected = world.ask("POST", f"/collections/c/points/{route}", body).result
    if "groups" in route:
        assert result.groups
        assert [group.id.string_value for group in result.groups] == [group["id"] for group in expected["groups"]]
        found = [scored(group.hits) for group in result.groups]
        assert found == [scored(group["hits"]) for group in expected["groups"]]
    else:
        assert result
        assert scored(result) == scored(expected)


@pytest.mark.parametrize(
    ("name", "field", "case"),
    [("Search", "search_points", 0), ("Recommend", "recommend_points", 4), ("Discover", "discover_points", 7)],
)
def test_their_batches_answer_as_they_do(world: RpcWorld, name: str, field: str, case: int) -> None:
    message = {**C, **CASES[case][1]}
    batch = world.call(f"Points/{name}Batch", **C, **{field: [message, {**message, "limit": 1}]}).result
    one = world.call(f"Points/{name}", **message).result
    assert [scored(hits.result) for hits in batch] == [scored(one), scored(one)[:1]]


def test_sparse_vectors_have_to_be_named(world: RpcWorld) -> None:
    refused = world.refused("Points/Search", **C, vector=packed(1), sparse_indices={"data": [1]}, limit=1)
    assert refused == ("INVALID_ARGUMENT", "Sparse vector must have a name specified")


def test_snapshots(tmp_path: Path) -> None:
    with RpcWorld(str(tmp_path / "store")) as world:
        made = world.call("Snapshots/Create", **C).snapshot_description
        (listed,) = world.call("Snapshots/List", **C).snapshot_descriptions
        assert listed == made
        (told,) = world.ask("GET", "/collections/c/snapshots").result
        assert (made.name, made.size, made.checksum) == (told["name"], told["size"], told["checksum"])
        at = datetime.fromisoformat(told["creation_time"])
        assert made.creation_time.seconds == int(
            at.timestamp() if at.tzinfo else datetime.fromisoformat(told["creation_time"] + "+00:00").timestamp()
        )
        whole = world.call("Snapshots/CreateFull").snapshot_description
        assert [one.name for one in world.call("Snapshots/ListFull").snapshot_descriptions] == [whole.name]
        world.call("Snapshots/Delete", **C, snapshot_name=made.name)
        world.call("Snapshots/DeleteFull", snapshot_name=whole.name)
        assert not world.call("Snapshots/List", **C).snapshot_descriptions
        assert not world.call("Snapshots/ListFull").snapshot_descriptions
        assert world.refused("Snapshots/Delete", **C, snapshot_name=made.name)[0] == "NOT_FOUND"
        assert world.refused("Snapshots/DeleteFull", snapshot_name="../data.mdb")[0] == "NOT_FOUND"


def test_aliases(world: RpcWorld) -> None:
    actions = [
        {"create_alias": {**C, "alias_name": "more"}},
        {"rename_alias": {"old_alias_name": "more", "new_alias_name": "most"}},
        {"delete_alias": {"alias_name": "also"}},
    ]
    assert world.call("Collections/UpdateAliases", actions=actions, timeout=5).result
    for name in ("ListAliases", "ListCollectionAliases"):
        (alias,) = world.call(f"Collections/{name}", **(C if "Collection" in name else {})).aliases
        assert (alias.alias_name, alias.collection_name) == ("most", "c")
    assert world.refused("Collections/UpdateAliases", actions=[{}]) == (
        "INVALID_ARGUMENT",
        "Malformed AliasOperation type",
    )


def test_vectors_added_and_dropped(world: RpcWorld) -> None:
    new = {**C, "vector_name": "new", "wait": True}
    assert world.call("Points/CreateVectorName", **new, dense_config={"size": 3, "distance": 3}).result.status == 2
    world.call("Points/CreateVectorName", **new | {"vector_name": "terms"}, sparse_config={"modifier": 1})
    params = world.call("Collections/Get", **C).result.config.params
    assert params.vectors_config.params_map.map["new"].size == 3
    assert params.sparse_vectors_config.map["terms"].modifier == 1
    for name in ("new", "terms"):
        world.call("Points/DeleteVectorName", **new | {"vector_name": name})
    assert "new" not in world.call("Collections/Get", **C).result.config.params.vectors_config.params_map.map
    assert world.refused("Points/CreateVectorName", **new) == (
        "INVALID_ARGUMENT",
        "vector_config is required (dense_config or sparse_config)",
    )


def test_matrix_and_facet(world: RpcWorld) -> None:
    asked = {**C, "sample": 10, "limit": 2, "using": "two"}
    pairs = world.call("Points/SearchMatrixPairs", **asked).result.pairs
    offsets = world.call("Points/SearchMatrixOffsets", **asked).result
    assert [pair.score for pair in pairs] == np.frombuffer(offsets.scores, "<f4").tolist()
    found = [(pair.a.num or pair.a.uuid, pair.b.num or pair.b.uuid) for pair in pairs]
    names = [id_.num or id_.uuid for id_ in offsets.ids]
    assert found == [
        (names[row], names[column]) for row, column in zip(offsets.offsets_row, offsets.offsets_col, strict=True)
    ]
    hits = world.call("Points/Facet", **C, key="n", limit=2).hits
    assert [(hit.value.integer_value, hit.count) for hit in hits] == [(0, 1), (1, 1)]


def test_every_row_names_a_route_once() -> None:
    """But set and overwrite share a message, and nothing else is there twice."""
    assert len({rpc.endpoint for rpc in RPCS}) == len({(rpc.route.method, rpc.route.path) for rpc in RPCS}) == 51
