"""Routes that Qdrant has not: a query's plan, and the description of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rest_world import CITY, QUERY, RRF, World

from minidb.trace import Step

EXPLAIN = "/collections/c/points/query/explain"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


def _steps(told: Any) -> list[Any]:
    return [told, *(step for inner in told["steps"] for step in _steps(inner))]


# A query's plan


@pytest.mark.parametrize("body", [{}, {"query": QUERY, "filter": CITY}, RRF, {"query": {"order_by": "n"}}])
def test_a_plan_is_a_tree_of_steps(world: World, body: Any) -> None:
    told = world.ask("POST", EXPLAIN, body).result
    for step in _steps(told):
        assert step.keys() == {"name", "facts", "micros", "steps"}
        assert step["micros"] <= told["micros"]
    assert str(Step.of_json(told)).count("\n") == len(_steps(told)) - 1


def test_a_plan_is_of_the_same_query_as_is_answered(world: World) -> None:
    filtered = world.ask("POST", EXPLAIN, {"query": QUERY, "filter": CITY}).result
    assert 'city match {"value": "Berlin"}' in [step["facts"].get("clause") for step in _steps(filtered)]
    for body, path in (({"query": [1.0]}, "c"), ({"query": QUERY}, "nope"), ({"limit": 0}, "c")):
        asked, explained = (
            world.try_to("POST", f"/collections/{path}/points/query{end}", body) for end in ("", "/explain")
        )
        assert asked.status >= 400
        assert (asked.status, asked.error) == (explained.status, explained.error)
