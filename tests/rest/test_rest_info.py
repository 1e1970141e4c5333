"""A collection's info over REST: warnings, empty objects, and placements that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client.http import models as m
from rest_world import World

INLINE = {"hnsw_config": {"inline_storage": True}}
INT8 = {"quantization_config": {"scalar": {"type": "int8"}}}
PLAIN = {"size": 2, "distance": "Dot"}
MANY = {**PLAIN, "multivector_config": {"comparator": "max_sim"}}
IGNORED = " This option will be ignored."
OPTION = "The `hnsw_config.inline_storage` option for vector '{}' "
NEEDS = OPTION + "requires quantization to be enabled." + IGNORED
NOT_MANY = OPTION + "is not compatible with multivectors." + IGNORED


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"vectors": PLAIN}, []),
        ({"vectors": PLAIN, **INLINE}, [NEEDS.format("")]),
        ({"vectors": {**PLAIN, **INLINE}}, [NEEDS.format("")]),
        ({"vectors": PLAIN, **INLINE, **INT8}, []),
        ({"vectors": {**PLAIN, **INT8}, **INLINE}, []),
        ({"vectors": {**MANY, **INT8}, **INLINE}, [NOT_MANY.format("")]),
        ({"vectors": {"a": PLAIN, "b": MANY}, **INLINE}, [NEEDS.format("a"), NOT_MANY.format("b")]),
        ({"vectors": {"a": {**PLAIN, "hnsw_config": {"inline_storage": False}}}, **INLINE}, []),
        ({"sparse_vectors": {"s": {}}, **INLINE}, []),
    ],
)
def test_info_warns_of_inline_storage_that_is_ignored(world: World, body: Any, messages: list[str]) -> None:
    world.ask("PUT", "/collections/new", body)
    info = world.ask("GET", "/collections/new").result
    assert [warning["message"] for warning in info.get("warnings", [])] == messages
    assert ("warnings" in info) == bool(messages)
    m.CollectionInfo.model_validate(info)


def test_a_warning_goes_with_its_cause(world: World) -> None:
    world.ask("PUT", "/collections/new", {"vectors": PLAIN, **INLINE})
    world.ask("PATCH", "/collections/new", INT8)
    assert "warnings" not in world.ask("GET", "/collections/new").result
    world.ask("PATCH", "/collections/new", {"quantization_config": "Disabled"})
    assert len(world.ask("GET", "/collections/new").result["warnings"]) == 1


def test_a_collection_of_sparse_vectors_has_an_object_of_no_others(world: World) -> None:
    world.ask("PUT", "/collections/new", {"sparse_vectors": {"s": {}}})
    assert world.ask("GET", "/collections/new").result["config"]["params"]["vectors"] == {}
    for level in (1, 2):
        told = world.ask("GET", "/telemetry", query=f"details_level={level}").result["collections"]["collections"][1]
        assert told.get("config", told)["params"]["vectors"] == {}


PINNED = {"memory": "pinned"}
DENSE = "`pinned` memory placement is not supported for dense vector storage"
PAYLOAD = "`pinned` memory placement is not supported for payload storage"


@pytest.mark.parametrize(
    ("route", "body", "text"),
    [
        ("PUT new", {"vectors": {**PLAIN, **PINNED}}, f"[vectors.memory: {DENSE}]"),
        ("PUT new", {"vectors": {"a": {**PLAIN, **PINNED}}}, f"[vectors.?.memory: {DENSE}]"),
        ("PUT new", {"vectors": PLAIN, "payload": PINNED}, f"[payload.memory: {PAYLOAD}]"),
        ("PATCH c", {"vectors": {"two": PINNED}}, f"[vectors.?.memory: {DENSE}]"),
        ("PATCH c", {"params": {"payload": PINNED}}, f"[params.payload.memory: {PAYLOAD}]"),
    ],
)
def test_dense_vectors_and_payloads_cannot_be_pinned(world: World, route: str, body: Any, text: str) -> None:
    method, name = route.split(" ")
    answer = world.try_to(method, f"/collections/{name}", body)
    assert (answer.status, answer.error) == (422, f"Validation error in JSON body: {text}")


@pytest.mark.parametrize(
    "body",
    [
        {"vectors": PLAIN, "hnsw_config": PINNED},
        {"sparse_vectors": {"s": {"index": PINNED}}},
        {"vectors": {**PLAIN, "quantization_config": {"scalar": {"type": "int8", **PINNED}}}},
        {"vectors": PLAIN, "id_tracker": PINNED},
    ],
)
def test_what_else_has_a_placement_can_be_pinned(world: World, body: Any) -> None:
    world.ask("PUT", "/collections/new", body)
