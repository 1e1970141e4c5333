"""Routes that Qdrant has not: a query's plan, and the description of the interface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rest_world import CITY, QUERY, RRF, STANDALONE, VALID, World

import minidb
from minidb.rest.routes import ROUTES
from minidb.trace import Step

EXPLAIN = "/collections/c/points/query/explain"
CHANGES = "/minidb/collections/c/changes"


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


# Changes


def test_changes_come_from_the_cursor_of_the_answer_before(world: World) -> None:
    first = world.ask("POST", CHANGES, {}).result
    assert (first["continued"], first["points"], first["deleted"]) == (False, [], [])
    world.ask("POST", "/collections/c/points/payload", {"points": [1, 2, 3], "payload": {"late": True}})
    world.ask("POST", "/collections/c/points/delete", {"points": [3]})
    asked = {"since": first["cursor"], "limit": 2}
    page = world.ask("POST", CHANGES, asked).result
    assert page["continued"]
    assert [(point["id"], point["payload"]["late"]) for point in page["points"]] == [(1, True), (2, True)]
    assert page["cursor"]["seq"] < page["head"]
    last = world.ask("POST", CHANGES, {**asked, "since": page["cursor"]}).result
    assert (last["points"], last["deleted"], last["cursor"]["seq"]) == ([], [3], last["head"])
    assert world.ask("POST", CHANGES, {**asked, "since": last["cursor"]}).result == {**last, "deleted": []}
    written, removed = last["head"] - 2, last["head"] - 1
    for one, other, left in ((written, written, [3]), (written, removed, [])):
        for name, deleted in ((first["log"], left), ("another", [3])):
            without = [{"log": name, "first": one, "last": other}]
            found = world.ask("POST", CHANGES, {"since": first["cursor"], "without": without}).result
            assert found["deleted"] == deleted
            assert bool(found["points"]) == (name == "another")
    log = {**last["cursor"], "log": "another"}
    assert not world.ask("POST", CHANGES, {"since": log}).result["continued"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"limit": 0}, 422, "limit: value 0 invalid, must be from 1 to 1000"),
        ({"limit": 1001}, 422, "limit: value 1001 invalid, must be from 1 to 1000"),
        ({"since": {"log": "x"}}, 400, "missing field `seq` in since"),
        ({"since": {"log": "x", "seq": -1}}, 400, "expected an unsigned integer in since.seq"),
        ({"since": {"log": "x", "seq": 1, "offset": "?"}}, 400, "not a valid point ID"),
        ({"without": [{"log": "x", "first": 1}]}, 400, "missing field `last` in without[0]"),
        ({"without": [{"log": "x", "first": 1, "last": 2}] * 10_001}, 422, "has 10001 ranges, must have at most 10000"),
    ],
)
def test_changes_that_are_refused(world: World, body: Any, status: int, text: str) -> None:
    answer = world.try_to("POST", CHANGES, body)
    assert answer.status == status
    assert text in str(answer.error)


def test_changes_keep_to_strict_mode(world: World) -> None:
    strict = {"strict_mode_config": {"enabled": True, "max_query_limit": 5}}
    world.ask("PATCH", "/collections/c", strict)
    assert world.try_to("POST", CHANGES, {"limit": 6}).status == 400
    assert world.try_to("POST", CHANGES, {"limit": 5}).status == 200


# The description of the interface


@pytest.fixture(scope="module")
def described() -> Any:
    with World() as world:
        return world.send("GET", "/openapi.json").json


def _operations(described: Any) -> dict[str, Any]:
    paths = described["paths"].items()
    return {f"{method.upper()} {path}": one for path, operations in paths for method, one in operations.items()}


def test_what_is_served_is_described_and_nothing_else(described: Any) -> None:
    assert (described["openapi"], described["info"]["version"]) == ("3.1.0", minidb.__version__)
    operations = _operations(described)
    ours = {route.operation for route in ROUTES if "/dashboard/" not in route.path and "/{shard}/" not in route.path}
    assert operations.keys() == ours - {case.route for case in STANDALONE}
    assert {case.route for case in VALID} <= operations.keys()
    ids = [one["operationId"] for one in operations.values()]
    assert len(set(ids)) == len(ids)


def test_every_reference_leads_somewhere_and_every_part_of_a_path_is_declared(described: Any) -> None:
    names = set(re.findall(r"'\$ref': '([^']*)'", str(described)))
    assert names <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    for operation, one in _operations(described).items():
        of_path = [parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"]
        assert of_path == re.findall(r"{(\w+)}", operation)
        assert all(parameter["required"] for parameter in one["parameters"] if parameter["in"] == "path")
        assert one["responses"].keys() == {"200", "default"}


@pytest.mark.parametrize("case", [case for case in VALID if case.body is not None], ids=str)
def test_the_fields_of_valid_bodies_are_described(described: Any, case: Any) -> None:
    schemas = described["components"]["schemas"]
    body = _operations(described)[case.route]["requestBody"]["content"]["application/json"]["schema"]
    fields = set[str]()
    waiting = [body]
    while waiting:
        schema = waiting.pop()
        if "$ref" in schema:
            waiting.append(schemas[schema["$ref"].rpartition("/")[2]])
        waiting += schema.get("anyOf", [])
        fields |= schema.get("properties", {}).keys()
    assert case.body.keys() <= fields or not fields, "legacy routes take any object"


@pytest.mark.parametrize(
    ("operation", "names"),
    [
        ("GET /telemetry", {"details_level", "anonymize", "per_collection", "timeout"}),
        ("PUT /collections/{collection_name}/points", {"wait", "ordering", "timeout"}),
        ("POST /collections/{collection_name}/points/query", {"consistency", "timeout"}),
        ("PUT /collections/{collection_name}", {"timeout"}),
        ("POST /snapshots", {"wait", "timeout"}),
        ("GET /snapshots", {"timeout"}),
        ("POST /collections/{collection_name}/snapshots/upload", {"wait", "checksum", "priority", "timeout"}),
    ],
)
def test_parameters_of_the_query(described: Any, operation: str, names: set[str]) -> None:
    parameters = _operations(described)[operation]["parameters"]
    assert {parameter["name"] for parameter in parameters if parameter["in"] == "query"} == names


def test_results_are_described_where_they_are_known(described: Any) -> None:
    def result(operation: str) -> Any:
        content = _operations(described)[operation]["responses"]["200"]["content"]
        return content["application/json"]["schema"]["properties"]["result"]

    schemas = described["components"]["schemas"]
    assert result("DELETE /collections/{collection_name}") == {"type": "boolean"}
    assert result("POST /collections/{collection_name}/points/search")["items"]["$ref"].endswith("/ScoredPoint")
    assert schemas["ScoredPoint"]["properties"].keys() >= {"id", "version", "score", "payload", "vector"}
    plain = _operations(described)["GET /metrics"]["responses"]["200"]["content"]
    assert plain.keys() == {"text/plain"}
