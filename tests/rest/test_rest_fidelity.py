"""Refusals that once were answers: a table of request → code and text, over every route of the same kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rest_world import GROUPED, QUERY, UUID, World

P = "/collections/c/points"
RRF = {"fusion": "rrf"}
Row = tuple[str, dict[str, Any], int, str]

DATES = [
    "1420070400",
    "20200301",
    "2020-W01-1",
    "2020-02-30",
    "2020-01-01T24:00:00Z",
    "yesterday",
    "2014-01-01T00:00BAD",
]
OF_FILTERS: list[tuple[str, dict[str, Any]]] = [
    ("/count", {}),
    ("/scroll", {}),
    ("/query", {"query": QUERY}),
    ("/query/groups", {**GROUPED, "query": QUERY}),
    ("/search", {"vector": QUERY, "limit": 1}),
    ("/search/groups", {**GROUPED, "vector": QUERY}),
    ("/search/matrix/pairs", {}),
    ("/search/matrix/offsets", {}),
    ("/recommend", {"positive": [1], "limit": 1}),
    ("/discover", {"target": QUERY, "limit": 1}),
    ("/delete", {}),
    ("/payload/clear", {}),
    ("/payload/delete", {"keys": ["a"]}),
    ("/vectors/delete", {"vector": [""]}),
]


def bad_dates() -> Iterator[Row]:
    """The year 1420 is not what a string of ten digits means."""
    for route, body in OF_FILTERS:
        for text in DATES:
            filter = {"must": [{"key": "at", "range": {"gte": text}}]}
            yield route, {**body, "filter": filter}, 400, f"'{text}' does not match accepted datetime format (RFC3339)"
    for text in DATES:
        yield "/scroll", {"order_by": {"key": "at", "start_from": text}}, 400, f"'{text}' does not match accepted"
        query = {"order_by": {"key": "at", "start_from": text}}
        yield "/query", {"query": query}, 400, f"'{text}' does not match accepted"


def missing_lookups() -> Iterator[Row]:
    """A collection that is not there is a 404 whether it is needed or not, and comes before the rest."""
    nope = {"lookup_from": {"collection": "nope"}}
    text = "Not found: Collection nope not found"
    named = {"recommend": {"positive": [1]}}
    for query in (QUERY, 1, 77, {"nearest": QUERY}, named, {"recommend": {"positive": [QUERY]}}, {"sample": "random"}):
        yield "/query", {"query": query, **nope}, 404, text
        yield "/query", {"query": query, "using": "unknown", **nope}, 404, text
        yield "/query/batch", {"searches": [{"query": QUERY}, {"query": query, **nope}]}, 404, text
        yield "/query/groups", {**GROUPED, "query": query, **nope}, 404, text
        below = {"query": query, **nope}
        yield "/query", {"query": QUERY, "prefetch": below}, 404, text
        yield "/query", {"query": RRF, "using": "x", "prefetch": [{"query": QUERY, "prefetch": below}]}, 404, text
        yield "/query/groups", {**GROUPED, "query": RRF, "prefetch": [below]}, 404, text
    for positive in ([1], [77], [QUERY]):
        yield "/recommend", {"positive": positive, "limit": 1, **nope}, 404, text
        yield "/recommend/batch", {"searches": [{"positive": positive, "limit": 1, **nope}]}, 404, text
        yield "/recommend/groups", {**GROUPED, "positive": positive, **nope}, 404, text


def missing_points() -> Iterator[Row]:
    """A missing point comes before an unknown vector name, an unknown name of an existing one is a 400."""
    pairs = [{"positive": 77, "negative": 1}]
    for query in (77, {"nearest": 77}, {"recommend": {"positive": [1], "negative": [77]}}, {"context": pairs}):
        yield "/query", {"query": query, "using": "unknown"}, 404, "Not found: No point with id 77 found"
        yield "/query/groups", {**GROUPED, "query": query, "using": "unknown"}, 404, "No point with id 77 found"
        yield "/query", {"query": QUERY, "prefetch": {"query": query, "using": "unknown"}}, 404, "with id 77 found"
    yield "/query", {"query": 1, "using": "unknown"}, 400, "Not existing vector name error: unknown"


def offsets() -> Iterator[Row]:
    text = "Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from`"
    for offset in (0, 1, 77, UUID):
        for order in ("n", {"key": "n"}, {"key": "n", "direction": "desc"}, {"key": "n", "start_from": 1}):
            yield "/scroll", {"offset": offset, "order_by": order}, 400, text


ROWS = [*bad_dates(), *missing_lookups(), *missing_points(), *offsets()]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.mark.parametrize(("route", "body", "status", "text"), ROWS)
def test_a_refusal(world: World, route: str, body: dict[str, Any], status: int, text: str) -> None:
    before = world.dump()
    answer = world.send("POST", P + route, json.dumps(body).encode())
    assert (answer.status, text in answer.error) == (status, True), answer.error
    assert world.dump() == before


def test_blanks_around_the_parts_of_optimizations_are_no_part_of_them(world: World) -> None:
    wanted = world.ask("GET", "/collections/c/optimizations", query="with=queued,completed").result
    found = world.ask("GET", "/collections/c/optimizations", query="with=%20queued%20,%20completed,%20").result
    assert found.keys() == wanted.keys()
    assert world.send("GET", "/collections/c/optimizations", b"", "with=%20nope").status == 400


def test_a_context_of_null_is_one_of_no_pairs(world: World) -> None:
    found, wanted = (world.ask("POST", P + "/query", {"query": {"context": pairs}}).result for pairs in (None, []))
    assert found == wanted


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("query", [QUERY, {"formula": "$score"}, RRF, {"recommend": {"positive": [1]}}])
def test_a_threshold_beyond_all_scores_is_infinite(world: World, query: Any) -> None:
    body = {"prefetch": [{"query": QUERY}], "query": query}
    beyond, all_ = ({**body, "score_threshold": sign * 1e39} for sign in (1, -1))
    assert world.ask("POST", P + "/query", beyond).result["points"] == []
    assert len(world.ask("POST", P + "/query", all_).result["points"]) > 1
