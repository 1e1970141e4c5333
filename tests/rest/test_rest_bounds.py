"""Refused bodies: how many errors are made of them, counted, and how much memory they take; never the clock."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from unittest.mock import patch

import pydantic
import pytest
from rest_world import JSON_BODY, World

from minidb.models import base
from minidb.query import matrix

QUERY, POINTS = "/collections/c/points/query", "/collections/c/points"
MOST_ERRORS = 300  # a piece of an object of names (64), or some for each of the levels a request can be nested


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


def tree(levels: int, keys: tuple[str, ...], leaf: str) -> str:
    if levels == 0:
        return leaf
    return "{" + ",".join(f'"{key}":{tree(levels - 1, keys, leaf)}' for key in keys) + "}"


def halves(levels: int) -> str:
    return "[]" if levels == 0 else f'{{"div":{{"left":{halves(levels - 1)},"right":{halves(levels - 1)}}}}}'


def many(text: str) -> str:
    return ",".join([text] * 20_000)


def keys(value: str) -> str:
    return ",".join(f'"k{n}":{value}' for n in range(20_000))


BODIES = {
    "conditions": ("POST", QUERY, f'{{"filter":{{"must":[{many("1")}]}}}}'),
    "a tree of filters": ("POST", QUERY, f'{{"filter":{tree(8, ("must", "should", "must_not"), "[1]")}}}'),
    "a tree of formulas": ("POST", QUERY, f'{{"prefetch":{{}},"query":{{"formula":{halves(11)}}}}}'),
    "a long formula": ("POST", QUERY, f'{{"prefetch":{{}},"query":{{"formula":{{"sum":[{many("1.0")}]}}}}}}'),
    "unknown fields": ("POST", QUERY, f'{{"filter":{{{keys("1")}}}}}'),
    "named vectors": ("PUT", POINTS, f'{{"points":[{{"id":1,"vector":{{{keys("true")}}}}}]}}'),
    "points": ("PUT", POINTS, f'{{"points":[{many("1")}]}}'),
    "incomplete points": ("PUT", POINTS, f'{{"points":[{many(chr(123) + chr(34) + "id" + chr(34) + ":1}")}]}}'),
    "numbers": ("PUT", POINTS, f'{{"points":[{{"id":1,"vector":[{many("true")}]}}]}}'),
    "a batch": ("POST", POINTS + "/batch", f'{{"operations":[{many("1")}]}}'),
    "limits": ("POST", QUERY + "/batch", f'{{"searches":[{many(chr(123) + chr(34) + "limit" + chr(34) + ":0}")}]}}'),
    "vector parameters": ("PUT", "/collections/new", f'{{"vectors":{{{keys("1")}}}}}'),
}


@pytest.mark.parametrize("name", BODIES)
def test_of_a_refused_body_few_errors_are_made(world: World, name: str) -> None:
    method, path, body = BODIES[name]
    counts: list[int] = []
    translate = base.translate

    def counting(error: pydantic.ValidationError, *rest: str) -> Exception:
        counts.append(error.error_count())
        return translate(error, *rest)

    with patch.object(base, "translate", counting):
        answer = world.send(method, path, body.encode(), "", JSON_BODY)
    assert answer.status in (400, 422)
    assert len(answer.response.body) < 10_000
    assert 1 <= sum(counts) <= MOST_ERRORS


@pytest.mark.parametrize("item", ["[]", "{}", '{"a":1}'])
def test_a_body_of_too_many_items_is_refused_before_they_are_made(world: World, item: str) -> None:
    body = f'{{"filter":{{"must":[{",".join([item] * (1_000_000 // (len(item) + 1)))}]}}}}'.encode()
    tracemalloc.start()
    try:
        answer = world.send("POST", QUERY, body, "", JSON_BODY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status, answer.error.partition(":")[0]) == (400, "Format error in JSON body")
    assert "too many arrays, objects and values" in answer.error
    assert peak < 10 * len(body)


def test_brackets_in_texts_are_no_items(world: World) -> None:
    text = "{[" * 200_000
    body = f'{{"points":[1],"payload":{{"text":"{text}"}}}}'.encode()
    assert world.send("POST", POINTS + "/payload", body, "wait=true", JSON_BODY).status == 200


def test_a_formula_has_so_many_values_and_no_more(world: World) -> None:
    """Beyond that it took 5 seconds to read a megabyte of formula."""

    def answered(n: int) -> tuple[int, str]:
        body = {"prefetch": {}, "query": {"formula": {"sum": [1.0] * n}}}
        answer = world.try_to("POST", QUERY, body)
        return answer.status, answer.response.body.decode()

    assert answered(9_998)[0] == 200
    status, text = answered(9_999)
    assert status == 400
    assert "Expected a formula of at most 10000 values in query.formula" in text


MATRIX = POINTS + "/search/matrix"


@pytest.mark.parametrize("using", ["", "many", "words"])
def test_a_matrix_made_row_by_row_is_the_same(world: World, monkeypatch: pytest.MonkeyPatch, using: str) -> None:
    body = {"sample": 100, "limit": 3, "using": using}
    whole = world.ask("POST", MATRIX + "/pairs", body).result
    for n in (1, 14):
        monkeypatch.setattr(matrix, "_TABLE", n)
        assert world.ask("POST", MATRIX + "/pairs", body).result == whole


def test_a_matrix_has_so_many_points_and_pairs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 bytes could ask for all points of a collection with each other."""
    body = {"sample": 2**31, "limit": 2**31}
    n = world.ask("POST", POINTS + "/count", {}).result["count"]
    monkeypatch.setattr(matrix, "_MOST_PAIRS", n * (n - 1))
    assert len(world.ask("POST", MATRIX + "/pairs", body).result["pairs"]) == n * (n - 1)
    monkeypatch.setattr(matrix, "_MOST_PAIRS", n * (n - 1) - 1)
    answer = world.try_to("POST", MATRIX + "/offsets", body)
    assert (answer.status, "is too large" in answer.error) == (400, True)
    assert world.try_to("POST", MATRIX + "/pairs", {**body, "limit": 1}).status == 200
    monkeypatch.setattr(matrix, "_MOST_POINTS", n - 1)
    assert world.try_to("POST", MATRIX + "/pairs", {**body, "limit": 1}).status == 400
    assert world.try_to("POST", MATRIX + "/pairs", {"sample": n - 1, "limit": 1}).status == 200
