"""Every route answers a valid request: status, envelope, and a result that qdrant-client's response types take whole.

Besides: legacy routes answer as the query they stand for, numbers have Qdrant's spelling, defaults are the REST
interface's, and parts of paths mean what they say.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter, create_model
from qdrant_client.http import api as client_api
from qdrant_client.http import models as m
from rest_world import (
    CITY,
    CONTEXT,
    FORMULA,
    GROUPED,
    POINTS,
    QUERY,
    SPARSE,
    STANDALONE,
    UUID,
    VALID,
    Valid,
    World,
)

import minidb
from minidb.models.service import CollectionMemoryReport
from minidb.rest import snapshots
from minidb.rest.route import Route
from minidb.rest.routes import ROUTES

POINTS_OF_C = "/collections/c/points"


def is_own(route: Route) -> bool:
    """A route that Qdrant has not: their tests are in `test_own_routes.py` and `test_rest_own.py`."""
    return route.path.startswith(("/dashboard/", "/minidb/")) or route.path.endswith(
        ("/query/explain", "/openapi.json")
    )


HERE = [f"{route.method} {route.path}" for route in ROUTES if route not in snapshots.ROUTES and not is_own(route)]


@pytest.fixture(params=["memory", "durable"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with World(":memory:" if request.param == "memory" else str(tmp_path / "store")) as world:
        yield world


# Every route


class _Recorder:
    def request(self, **call: Any) -> dict[str, Any]:
        return call


def _shape(route: str) -> str:
    """A route without the names of its variable parts."""
    return re.sub(r"{[^}]*}", "{}", route)


def _declared_types() -> dict[str, Any]:
    """Route → the type that qdrant-client parses its response into, asked of the client's own request builders."""
    types = {}
    for module in pkgutil.iter_modules(client_api.__path__):
        for name, builder in vars(importlib.import_module(f"{client_api.__name__}.{module.name}")).items():
            if not re.fullmatch(r"_\w+Api", name):
                continue
            for method, build in vars(builder).items():
                if method.startswith("_build_for_"):
                    parameters = [*inspect.signature(build).parameters.values()][1:]
                    needed = {p.name: "x" for p in parameters if p.default is p.empty}
                    call = build(builder(_Recorder()), **needed)
                    types[_shape(f"{call['method']} {call['url']}")] = call["type_"]
    return types


def _result_of(type_: Any) -> Any:
    """The envelope around a result type, as the response types have it."""
    return create_model("Envelope", time=(float, ...), status=(str, ...), result=(type_, ...))


_LEGACY: dict[str, Any] = {
    "search": list[m.ScoredPoint],
    "recommend": list[m.ScoredPoint],
    "discover": list[m.ScoredPoint],
    "search/batch": list[list[m.ScoredPoint]],
    "recommend/batch": list[list[m.ScoredPoint]],
    "discover/batch": list[list[m.ScoredPoint]],
    "search/groups": m.GroupsResult,
    "recommend/groups": m.GroupsResult,
}
TYPES = _declared_types() | {
    f"POST /collections/{{}}/points/{path}": _result_of(type_) for path, type_ in _LEGACY.items()
}
TYPES["GET /collections/{}/memory"] = _result_of(CollectionMemoryReport)  # Qdrant has it, qdrant-client not yet
PLAIN_TEXT = ("/healthz", "/livez", "/readyz", "/metrics")


@pytest.mark.parametrize("route", HERE)
def test_every_route_has_a_case_and_a_type(route: str) -> None:
    assert route in {case.route for case in [*VALID, *STANDALONE]}
    assert _shape(route) in TYPES


def _comparable(value: Any) -> Any:
    """Without nulls; +00:00 and Z are the same zone."""
    if isinstance(value, dict):
        return {key: _comparable(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, str):
        return value.replace("+00:00", "Z")
    return [_comparable(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", [case for case in VALID if not case.path.startswith(PLAIN_TEXT)], ids=str)
def test_a_valid_request_gets_the_envelope_and_the_type_the_client_expects(world: World, case: Valid) -> None:
    answer = world.try_to(case.method, case.path, case.body, case.query)
    assert (answer.status, answer.response.content_type, answer.response.headers) == (200, "application/json", {})
    if case.path == "/":
        assert answer.json.keys() == {"title", "version", "commit"}
    else:
        assert answer.json.keys() == {"result", "status", "time"}
        assert answer.json["status"] == "ok"
        assert isinstance(answer.json["time"], float)
        assert answer.json["time"] >= 0
    declared: Any = TypeAdapter(TYPES[_shape(case.route)])
    parsed = declared.validate_json(answer.response.body)
    known = declared.dump_python(parsed, mode="json", exclude_unset=True, by_alias=True)
    assert _comparable(known) == _comparable(answer.json), "fields the client does not know"


@pytest.mark.parametrize("path", PLAIN_TEXT)
def test_health_and_metrics_are_plain_text(world: World, path: str) -> None:
    response = world.ask("GET", path).response
    assert (response.content_type or "").startswith("text/plain")
    text = response.body.decode()
    match path:
        case "/readyz":
            assert text == "all shards are ready"
        case "/metrics":
            assert (
                '# HELP app_info information about qdrant server\n# TYPE app_info gauge\napp_info{name="qdrant",'
                in text
            )
            assert "\ncollections_total 2\n" in text
            assert '\ncollection_points{id="c"} 6\n' in text
            assert re.search(
                r'rest_responses_total{method="PUT",endpoint="/collections/{collection_name}/points",status="200"} 2',
                text,
            )
        case _:
            assert text == "healthz check passed"


def test_telemetry_counts_answers_by_route_and_status(world: World) -> None:
    for _ in range(3):
        world.try_to("GET", "/collections/nope")
    telemetry = world.ask("GET", "/telemetry").result
    assert telemetry["app"]["name"] == "qdrant"
    assert re.fullmatch(r"\d+\.\d+\.\d+", telemetry["app"]["version"])
    assert telemetry["collections"] == {"number_of_collections": 2}
    assert telemetry["requests"]["rest"]["responses"]["GET /collections/{collection_name}"]["404"]["count"] == 3


def test_the_root_names_a_version_the_client_takes_for_its_own() -> None:
    with World() as world:
        root = world.ask("GET", "/").json
        assert root["title"] == "qdrant - vector search engine"
        assert root["version"].startswith("1.19.")  # which clients from 1.18 to 1.20 take for their own
        assert re.fullmatch("[0-9a-f]{40}", root["commit"])


@pytest.mark.parametrize("case", STANDALONE, ids=str)
def test_operations_on_a_cluster_are_not_for_a_single_node(case: Valid) -> None:
    with World() as world:
        answer = world.try_to(case.method, case.path, case.body)
        assert (answer.status, answer.error) == (405, "Qdrant is running in standalone mode")


def test_tokens_charged_by_a_model_are_in_the_envelope(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the request alone, also inside a block that counts several."""
    with World() as world:
        query = world.database.query

        def charged(name: str, requests: Any, context: Any) -> Any:
            context.usage.add_tokens("a/model", 3)
            return query(name, requests, context)

        monkeypatch.setattr(world.database, "query", charged)
        with minidb.inference_usage() as usage:
            for _ in range(2):
                answer = world.ask("POST", f"{POINTS_OF_C}/query", {})
                assert answer.json.keys() == {"result", "status", "time", "usage"}
                parsed = m.InlineResponse20022.model_validate_json(answer.response.body)
                assert parsed.usage == m.Usage(inference=m.InferenceUsage(models={"a/model": m.ModelUsage(tokens=3)}))
        assert usage.tokens == {"a/model": 6}


# Legacy routes

LEGACY: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("search", {"vector": QUERY, "limit": 3}, {"query": QUERY, "limit": 3}),
    ("search", {"vector": QUERY, "top": 3}, {"query": QUERY, "limit": 3}),
    (
        "search",
        {"vector": {"name": "two", "vector": [1, 2]}, "limit": 2, "offset": 1, "with_vector": True, "filter": CITY},
        {"query": [1, 2], "using": "two", "limit": 2, "offset": 1, "with_vector": True, "filter": CITY},
    ),
    (
        "search",
        {"vector": {"name": "words", "vector": SPARSE}, "limit": 5, "score_threshold": 0.01},
        {"query": SPARSE, "using": "words", "limit": 5, "score_threshold": 0.01},
    ),
    (
        "recommend",
        {"positive": [1, QUERY], "negative": [UUID], "limit": 5, "using": "", "with_payload": ["n"]},
        {"query": {"recommend": {"positive": [1, QUERY], "negative": [UUID]}}, "limit": 5, "with_payload": ["n"]},
    ),
    (
        "recommend",
        {"positive": [3], "strategy": "best_score", "using": {"name": "two"}, "limit": 2},
        {"query": {"recommend": {"positive": [3], "strategy": "best_score"}}, "using": "two", "limit": 2},
    ),
    (
        "recommend",
        {"positive": [1], "lookup_from": {"collection": "other"}, "limit": 4},
        {"query": {"recommend": {"positive": [1]}}, "lookup_from": {"collection": "other"}, "limit": 4},
    ),
    (
        "discover",
        {"target": 2, "context": CONTEXT, "limit": 4},
        {"query": {"discover": {"target": 2, "context": CONTEXT}}, "limit": 4},
    ),
    ("discover", {"target": QUERY, "limit": 2}, {"query": {"discover": {"target": QUERY}}, "limit": 2}),
    ("discover", {"context": CONTEXT, "limit": 4}, {"query": {"context": CONTEXT}, "limit": 4}),
]


@pytest.mark.parametrize(("name", "body", "query"), LEGACY)
def test_a_legacy_search_answers_as_the_query_it_stands_for(
    world: World, name: str, body: dict[str, Any], query: dict[str, Any]
) -> None:
    expected = world.ask("POST", f"{POINTS_OF_C}/query", query).result["points"]
    assert expected
    assert world.ask("POST", f"{POINTS_OF_C}/{name}", body).result == expected
    batch = world.ask("POST", f"{POINTS_OF_C}/{name}/batch", {"searches": [body, body]})
    assert batch.result == [expected, expected]


@pytest.mark.parametrize(
    ("name", "body", "query"),
    [case for case in LEGACY if case[0] != "discover" and not {"offset", "top"} & case[1].keys()],
)
def test_legacy_groups_answer_as_the_query_they_stand_for(
    world: World, name: str, body: dict[str, Any], query: dict[str, Any]
) -> None:
    grouping = {**GROUPED, "with_lookup": "other"}
    expected = world.ask("POST", f"{POINTS_OF_C}/query/groups", {**query, **grouping}).result
    assert expected["groups"]
    assert world.ask("POST", f"{POINTS_OF_C}/{name}/groups", {**body, **grouping}).result == expected


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("search", {"limit": 1}, "missing field `vector`"),
        ("search", [], "invalid type"),
        ("search/batch", {"searches": {}}, "missing field `searches`"),
    ],
)
def test_legacy_bodies_are_checked_as_strictly(path: str, body: Any, text: str) -> None:
    with World() as world:
        answer = world.try_to("POST", f"{POINTS_OF_C}/{path}", body)
        assert answer.status == 400
        assert text in answer.error


# Numbers


def test_vectors_and_scores_are_the_shortest_text_of_32_bits(world: World) -> None:
    point = world.ask("GET", f"{POINTS_OF_C}/1").response.body
    assert b'"":[0.05,0.61,0.0,0.74]' in point
    assert b'{"indices":[0,9],"values":[0.1,0.25]}' in point
    queried = world.ask("POST", f"{POINTS_OF_C}/query", {"query": [1.0, 0.0, 0.0, 0.0], "limit": 1}).response.body
    assert b'"score":0.05' in queried
    searched = world.ask("POST", f"{POINTS_OF_C}/search", {"vector": [1, 0, 0, 0], "limit": 9})
    assert b'"score":0.05' in searched.response.body
    grouped = {**GROUPED, "query": [1.0, 0.0, 0.0, 0.0], "with_lookup": {"collection": "other", "with_vectors": True}}
    assert b'"score":0.05' in world.ask("POST", f"{POINTS_OF_C}/query/groups", grouped).response.body


@pytest.mark.parametrize("path", ["pairs", "offsets"])
def test_a_matrix_too_is_the_shortest_text_of_32_bits(world: World, path: str) -> None:
    world.ask("PUT", "/collections/m", {"vectors": {"size": 1, "distance": "Dot"}})
    world.ask("PUT", "/collections/m/points", {"points": [{"id": at, "vector": [v]} for at, v in ((1, 0.1), (2, 0.7))]})
    body = world.ask("POST", f"/collections/m/points/search/matrix/{path}", {}).response.body
    assert (b'"scores":[0.07,0.07]' if path == "offsets" else b'"score":0.07}') in body


def test_payload_keeps_64_bit_floats_and_64_bit_integers(world: World) -> None:
    payload = {"float": 3.141592653589793, "third": 1 / 3, "big": 2**64 - 1, "low": -(2**63), "tiny": 5e-324}
    world.ask("PUT", f"{POINTS_OF_C}/payload", {"payload": payload, "points": [1]})
    assert world.ask("GET", f"{POINTS_OF_C}/1").result["payload"] == payload
    body = world.ask("POST", f"{POINTS_OF_C}/query", {"with_payload": True}).response.body
    assert b'"float":3.141592653589793' in body


def test_what_is_written_comes_back_the_same_bytes(world: World) -> None:
    """Points that went in as text come out as that text: order of keys, nulls, numbers, characters."""
    text = '{"city":"Kraków","nothing":null,"π":[1,2.5,true,{"x":"\\"\\\\"}],"empty":{},"a b":""}'
    vector = '{"":[0.1,1e-10,-3.0,16777216.0],"two":[0.5,2.0]}'
    body = f'{{"points":[{{"id":18446744073709551615,"vector":{vector},"payload":{text}}}]}}'
    assert world.send("PUT", f"{POINTS_OF_C}", body.encode()).status == 200
    answer = world.ask("GET", f"{POINTS_OF_C}/18446744073709551615").response.body.decode()
    assert f'"payload":{text}' in answer
    assert f'"vector":{vector}' in answer


def test_order_values_stay_integers_and_floats(world: World) -> None:
    by_n = world.ask("POST", f"{POINTS_OF_C}/scroll", {"order_by": "n", "limit": 1}).response.body
    by_price = world.ask("POST", f"{POINTS_OF_C}/scroll", {"order_by": "price", "limit": 1}).response.body
    assert b'"order_value":0}' in by_n
    assert b'"order_value":1.99}' in by_price


# Defaults


def test_defaults_of_reads(world: World) -> None:
    points = [{"id": 100 + at, "vector": QUERY, "payload": {"city": f"city {at}"}} for at in range(20)]
    world.ask("PUT", POINTS_OF_C, {"points": points})
    queried = world.ask("POST", f"{POINTS_OF_C}/query", {"query": QUERY}).result["points"]
    assert (len(queried), queried[0].keys()) == (10, {"id", "version", "score"})
    scrolled = world.ask("POST", f"{POINTS_OF_C}/scroll", {}).result
    assert (len(scrolled["points"]), scrolled["points"][0].keys()) == (10, {"id", "payload"})
    assert scrolled["next_page_offset"] == 105
    assert world.ask("POST", POINTS_OF_C, {"ids": [1]}).result == [{"id": 1}]
    assert world.ask("POST", f"{POINTS_OF_C}/count", {}).result == {"count": 26}
    assert len(world.ask("POST", "/collections/c/facet", {"key": "city"}).result["hits"]) == 10
    groups = world.ask("POST", f"{POINTS_OF_C}/query/groups", {"group_by": "city", "query": QUERY}).result["groups"]
    assert len(groups) == 10
    assert groups[0]["hits"][0].keys() == {"id", "version", "score"}
    one_group = {"group_by": "city", "query": QUERY, "filter": CITY}
    world.ask("PUT", f"{POINTS_OF_C}/payload", {"payload": {"city": "Berlin"}, "points": [101, 102, 103, 104]})
    assert len(world.ask("POST", f"{POINTS_OF_C}/query/groups", one_group).result["groups"][0]["hits"]) == 3
    offsets = world.ask("POST", f"{POINTS_OF_C}/search/matrix/offsets", {}).result
    assert (len(offsets["ids"]), len(offsets["scores"])) == (10, 30)


def test_defaults_of_a_lookup_and_of_prefetches(world: World) -> None:
    body = {"group_by": "n", "query": QUERY, "with_lookup": {"collection": "other"}}
    groups = {group["id"]: group for group in world.ask("POST", f"{POINTS_OF_C}/query/groups", body).result["groups"]}
    assert groups[1]["lookup"] == {"id": 1, "payload": {"name": "group 1"}}
    assert "lookup" not in groups[5]
    by_name = world.ask("POST", f"{POINTS_OF_C}/query/groups", {**body, "with_lookup": "other"}).result
    assert by_name["groups"] == list(groups.values())
    world.ask("PUT", POINTS_OF_C, {"points": [{"id": 100 + at, "vector": QUERY} for at in range(20)]})
    prefetched = world.ask("POST", f"{POINTS_OF_C}/query", {"prefetch": {}, "query": {"fusion": "rrf"}, "limit": 100})
    assert len(prefetched.result["points"]) == 10


def test_selectors_that_select_nothing_are_not_no_selector(world: World) -> None:
    chosen = {"ids": [1], "with_payload": [], "with_vector": []}
    assert world.ask("POST", POINTS_OF_C, chosen).result == [{"id": 1, "payload": {}, "vector": {}}]
    body = {"query": QUERY, "limit": 1, "with_payload": {"include": []}, "with_vector": []}
    (hit,) = world.ask("POST", f"{POINTS_OF_C}/query", body).result["points"]
    assert (hit["payload"], hit["vector"]) == ({}, {})


def test_an_unnamed_vector_alone_is_a_bare_list(world: World) -> None:
    assert world.ask("GET", "/collections/other/points/2").result["vector"] == [1.0, 0.0, 0.0, 2.0]
    world.ask("PUT", POINTS_OF_C, {"points": [{"id": 9, "vector": QUERY}]})
    assert world.ask("GET", f"{POINTS_OF_C}/9").result["vector"] == QUERY
    world.ask("POST", f"{POINTS_OF_C}/vectors/delete", {"vector": ["", "two", "many", "words"], "points": [1]})
    assert world.ask("GET", f"{POINTS_OF_C}/1").result["vector"] == {}


WRITES = [case for case in VALID if TYPES[_shape(case.route)] in (m.InlineResponse2008, m.InlineResponse20018)]


@pytest.mark.parametrize("case", WRITES, ids=str)
def test_who_does_not_wait_gets_an_acknowledgement_of_what_is_done(case: Valid) -> None:
    with World() as asked, World() as unasked, World() as waited:
        first = asked.ask(case.method, case.path, case.body, "wait=false").result
        default = unasked.ask(case.method, case.path, case.body).result
        second = waited.ask(case.method, case.path, case.body, "wait=true").result
        if isinstance(first, dict):
            first, default, second = [first], [default], [second]
        assert {result["status"] for result in first + default} == {"acknowledged"}
        assert {result["status"] for result in second} == {"completed"}
        assert [result["operation_id"] for result in first] == [result["operation_id"] for result in second]
        assert _timeless(asked.dump()) == _timeless(waited.dump())


def _timeless(dump: Any) -> Any:
    for info, _ in dump["collections"].values():
        del info["created_at"]
    return dump


def test_a_collection_can_be_deleted_once(world: World) -> None:
    assert world.ask("DELETE", "/collections/c").result is True
    assert world.ask("DELETE", "/collections/c").result is False
    assert world.ask("GET", "/aliases").result == {"aliases": []}
    assert world.ask("GET", "/collections/c/exists").result == {"exists": False}


def test_collections_are_listed_by_name(world: World) -> None:
    for name in ("b", "a", "Ä", "Z"):
        world.ask("PUT", f"/collections/{quote(name)}", {})
    names = [entry["name"] for entry in world.ask("GET", "/collections").result["collections"]]
    assert names == ["Z", "a", "b", "c", "other", "Ä"]


def test_info_tells_defaults_and_what_was_asked_for(world: World) -> None:
    info = world.ask("GET", "/collections/also").result
    assert (info["status"], info["optimizer_status"], info["points_count"]) == ("green", "ok", 6)
    assert info["config"]["hnsw_config"]["m"] == 16
    assert info["config"]["params"]["vectors"]["two"] == {"size": 2, "distance": "Euclid", "datatype": "float16"}
    assert info["config"]["params"]["sparse_vectors"] == {"words": {"modifier": "idf"}}
    assert info["payload_schema"]["n"] == {
        "data_type": "integer",
        "params": {"type": "integer", "lookup": True, "range": True},
        "points": 6,
    }
    assert info["payload_schema"]["city"] == {"data_type": "keyword", "points": 6}


# Paths


@pytest.mark.parametrize("name", ["a b", "ü", "100%", "a+b", "aliases", "x#y", "日本語", "a;b", "..."])
def test_names_are_percent_encoded(world: World, name: str) -> None:
    path = f"/collections/{quote(name, safe='')}"
    world.ask("PUT", path, {"vectors": {"size": 1, "distance": "Dot"}})
    assert name in [entry["name"] for entry in world.ask("GET", "/collections").result["collections"]]
    world.ask("PUT", f"{path}/vectors/{quote(name, safe='')}", {"dense": {"size": 1, "distance": "Dot"}})
    world.ask("PUT", f"{path}/points", {"points": [{"id": 1, "vector": {name: [1.0]}}]})
    assert world.ask("GET", f"{path}/points/1").result["vector"] == {name: [1.0]}
    assert world.ask("DELETE", path).result is True


def test_an_index_path_may_hold_any_character(world: World) -> None:
    field = 'deep."a/b c".x[]'
    world.ask("PUT", "/collections/c/index", {"field_name": field, "field_schema": "keyword"})
    assert field in world.ask("GET", "/collections/c").result["payload_schema"]
    world.ask("DELETE", f"/collections/c/index/{quote(field, safe='')}")
    assert field not in world.ask("GET", "/collections/c").result["payload_schema"]


@pytest.mark.parametrize(
    ("part", "point_id"),
    [
        ("1", 1),
        ("001", 1),
        (UUID, UUID),
        (UUID.upper(), UUID),
        (UUID.replace("-", ""), UUID),
        (f"urn%3Auuid%3A{UUID}", UUID),
        (f"%7B{UUID}%7D", UUID),
    ],
)
def test_a_point_id_in_a_path(world: World, part: str, point_id: int | str) -> None:
    assert world.ask("GET", f"{POINTS_OF_C}/{part}").result["id"] == point_id


@pytest.mark.parametrize(
    "part", ["x", "-1", "1.0", "1e3", str(2**64), "9" * 5000, "²", "%D9%A3", UUID[:-1], "+1", "0x1"]
)
def test_what_is_no_point_id_is_said_to_be_none(world: World, part: str) -> None:
    answer = world.try_to("GET", f"{POINTS_OF_C}/{quote(part, safe='%')}")
    assert answer.status == 400
    assert answer.error.startswith("Wrong input: Can not recognize ")


@pytest.mark.parametrize("path", ["/collections/", "/collections/c/", "/collections/c//", "/collections/c/points/1/"])
def test_slashes_at_the_end_do_not_matter(world: World, path: str) -> None:
    answer, expected = world.ask("GET", path), world.ask("GET", path.rstrip("/"))
    assert answer.result == expected.result


@pytest.mark.parametrize(
    "route",
    [
        "GET /nothing",
        "GET /collections/c/nothing",
        "GET /collections/c/points/1/2",
        "POST /collections",
        "GET /collections/c/points",
        "DELETE /collections/c/points/1",
        "PATCH /collections/c/points",
        "HEAD /collections",
        "OPTIONS /collections",
        "get /collections",
        "POST /collections//points",
        "GET /" + "a/" * 100,
        "GET /collections/c%2Fpoints%2F1/x",
    ],
)
def test_an_unknown_route_or_method_is_a_404_that_says_so(world: World, route: str) -> None:
    method, path = route.split(" ")
    answer = world.send(method, path)
    assert (answer.status, answer.response.content_type) == (404, "application/json")
    assert answer.error.startswith(f"Not found: there is no {method} {path[:80]}")


def test_a_wrong_method_is_told_the_right_ones(world: World) -> None:
    assert world.try_to("POST", "/collections").error == "Not found: there is no POST /collections, only GET"
    of_one = world.try_to("POST", "/collections/c").error
    assert of_one == "Not found: there is no POST /collections/c, only GET, PUT, PATCH, DELETE"
    assert world.try_to("GET", "/no/such").error == "Not found: there is no GET /no/such"
    assert len(world.try_to("GET", "/" + "x" * 10_000).error) < 120


def test_parameters_nobody_asked_for_are_ignored(world: World) -> None:
    assert world.ask("POST", f"{POINTS_OF_C}/count", {}, "colour=red&wait=maybe&=&%FF=%FF").result == {"count": 6}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"])
def test_json_may_be_announced_in_several_ways(world: World, content_type: str) -> None:
    path, headers = f"{POINTS_OF_C}/count", {"content-type": content_type}
    assert world.send("POST", path, b"{}", headers=headers).result == {"count": 6}
    assert world.send("POST", path, b"{}", headers={}).result == {"count": 6}


def test_a_prefetch_given_alone_or_in_a_list_is_the_same(world: World) -> None:
    listed = {**FORMULA, "prefetch": [FORMULA["prefetch"]]}
    path = f"{POINTS_OF_C}/query"
    assert world.ask("POST", path, FORMULA).result == world.ask("POST", path, listed).result


def test_the_points_of_the_world_are_what_was_written(world: World) -> None:
    """The other tests lean on it."""
    dump = world.dump()["collections"]["c"][1]["points"]
    assert [point["id"] for point in dump] == [1, 2, 3, 4, 5, UUID]
    assert json.dumps([point["payload"] for point in dump]) == json.dumps([point["payload"] for point in POINTS])
