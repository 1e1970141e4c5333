"""Paths: their grammar, what they select, and payload edits and selectors, against the Rust core and local mode."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
import qdrant_edge as edge
from filter_oracles import Rust, keys, payloads, values
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client.local import payload_value_extractor, payload_value_setter
from qdrant_client.local.json_path_parser import parse_json_path

from minidb.errors import FormatError
from minidb.filter.json_path import JsonPath, delete_keys, exclude, include, overwrite, set_at

CASES = int(os.environ.get("MINIDB_FILTER_CASES", "300"))
cases = settings(max_examples=CASES, deadline=None)
PATHS = [
    "a",
    "a.b",
    "a.b.c",
    "a[]",
    "a[].b",
    "a[0]",
    "a[1].b",
    "a[7].b",
    "b[][]",
    "a[][0].b",
    "é1.a",
    'c."x y"',
    "n.m[]",
]
paths = st.sampled_from(PATHS) | keys
sources = st.dictionaries(st.sampled_from(["a", "b", "x y"]), st.none() | values, max_size=2)


def path(text: str) -> JsonPath:
    return JsonPath.parse(text)


# --- grammar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("a", "a", ()),
        ("a.b[].c", "a", ("b", None, "c")),
        ('foo[1][50].bar-baz[]."qux[.]quux"', "foo", (1, 50, "bar-baz", None, "qux[.]quux")),
        ('"a.b".c', "a.b", ("c",)),
        ('""', "", ()),
        ("a[007]", "a", (7,)),
        ("Müesli.東京_1", "Müesli", ("東京_1",)),
        ("हिंदी", "हिंदी", ()),
    ],
)
def test_a_path_is_keys_indexes_and_wildcards(text: str, first: str, rest: tuple[Any, ...]) -> None:
    parsed = path(text)
    assert (parsed.first, parsed.rest) == (first, rest)
    assert path(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "a b", "[0]", "a[-1]", "a[b]", "a[0", "a[]b", '"a"b', 'a."b', r'"a\"b"', "a.[0]",
     "a[18446744073709551616]", "नमस्ते", "a/b", "$a"],
)  # fmt: skip
def test_other_texts_are_refused_and_named(text: str) -> None:
    with pytest.raises(FormatError, match="Invalid json path: ") as caught:
        path(text)
    assert f"'{text}'" in str(caught.value)


def test_two_spellings_of_a_path_are_equal() -> None:
    assert path('"a".b') == path("a.b")
    assert str(path('"a"."x y"')) == 'a."x y"'


@cases
@given(st.text(st.sampled_from('ab1_-é東ाि्Ⓐ²½.[]"\\ 0') | st.characters(exclude_categories=["Cs", "Cn"]), max_size=8))
def test_accepts_exactly_what_the_rust_core_accepts(text: str) -> None:
    assert _accepts(lambda: path(text), FormatError) == _accepts(
        lambda: edge.FieldCondition(text, is_empty=True), ValueError
    )


def _accepts(parse: Any, error: type[Exception]) -> bool:
    try:
        parse()
    except error:
        return False
    return True


# --- selection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", [[{"b": 1}, {"b": [2, 3]}, 4]]),
        ("a[]", [{"b": 1}, {"b": [2, 3]}, 4]),
        ("a.b", []),
        ("a[].b", [1, [2, 3]]),
        ("a[1].b", [[2, 3]]),
        ("a[1].b[]", [2, 3]),
        ("a[9]", []),
        ("n", [None]),
        ("missing", []),
    ],
)
def test_values_are_what_the_path_selects(text: str, found: list[Any]) -> None:
    payload = {"a": [{"b": 1}, {"b": [2, 3]}, 4], "n": None}
    assert path(text).values(payload) == found


def test_elements_flatten_a_selected_array_one_level() -> None:
    assert path("a").elements({"a": [1, [2]]}) == [1, [2]]
    assert path("a[]").elements({"a": [1, [2]]}) == [1, 2]


@cases
@given(payloads, paths)
def test_selects_what_local_mode_selects(payload: dict[str, Any], text: str) -> None:
    assert path(text).values(payload) == (payload_value_extractor.value_by_key(payload, text, flat=False) or [])
    assert path(text).elements(payload) == (payload_value_extractor.value_by_key(payload, text) or [])


# --- edits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "key", "value", "result"),
    [
        ({"a": 1}, None, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, None, {"a": None}, {"b": 2}),
        ({"a": 1}, None, {"b": {"c": None}}, {"a": 1, "b": {"c": None}}),
        ({}, "x.y", {"c": 1}, {"x": {"y": {"c": 1}}}),
        ({}, "x.y[3]", {"c": 1}, {"x": {"y": []}}),
        ({}, "x[].y", {"c": 1}, {"x": []}),
        ({"a": 10}, "a.b.c", {"x": 1}, {"a": {"b": {"c": {"x": 1}}}}),
        ({"a": [1, {"b": 2}]}, "a[]", {"c": 3}, {"a": [{"c": 3}, {"b": 2, "c": 3}]}),
        ({"a": [1, 2]}, "a[1]", {"c": 3}, {"a": [1, {"c": 3}]}),
        ({"a": [1, 2]}, "a[2]", {"c": 3}, {"a": [1, 2]}),
        ({"a": {"b": 1, "c": 2}}, "a", {"b": None}, {"a": {"c": 2}}),
    ],
)
def test_set_payload_merges_at_the_key(payload: Any, key: str | None, value: Any, result: Any) -> None:
    assert set_at(payload, key and path(key), value) == result


@cases
@given(payloads, st.none() | paths, sources)
def test_set_payload_does_what_both_oracles_do(payload: dict[str, Any], key: str | None, value: dict[str, Any]) -> None:
    before = copy.deepcopy((payload, value))
    result = set_at(payload, key and path(key), value)
    assert (payload, value) == before
    core = Rust([payload])
    core.update(edge.UpdateOperation.set_payload([0], value, key))
    assert [result] == core.payloads()
    if key is not None:
        theirs = copy.deepcopy(payload)
        payload_value_setter.set_value_by_key(theirs, parse_json_path(key), copy.deepcopy(value))
        assert result == theirs


def test_overwrite_replaces_everything_and_keeps_nulls() -> None:
    assert overwrite({"a": 1}, {"b": None}) == {"b": None}


@pytest.mark.parametrize(
    ("payload", "names", "result"),
    [
        ({"n": {"y": [1, 2]}}, ["n.y[]"], {"n": {"y": []}}),
        ({"n": {"y": [1, 2]}}, ["n.y[0]"], {"n": {"y": [1, 2]}}),
        ({"arr": [{"b": 1, "c": 2}, 3]}, ["arr[].b"], {"arr": [{"c": 2}, 3]}),
        ({"arr": [{"b": 1}, {"b": 1}]}, ["arr[1].b"], {"arr": [{"b": 1}, {}]}),
        ({"a": 1, "b": 2}, ["a", "a", "nope.x"], {"b": 2}),
    ],
)
def test_delete_payload_removes_what_the_keys_name(payload: Any, names: list[str], result: Any) -> None:
    assert delete_keys(payload, map(path, names)) == result


@cases
@given(payloads, st.lists(paths, min_size=1, max_size=3))
def test_delete_payload_does_what_both_oracles_do(payload: dict[str, Any], names: list[str]) -> None:
    before = copy.deepcopy(payload)
    result = delete_keys(payload, map(path, names))
    assert payload == before
    core = Rust([payload])
    core.update(edge.UpdateOperation.delete_payload([0], names))
    assert [result] == core.payloads()
    theirs = copy.deepcopy(payload)
    for name in names:
        payload_value_setter.delete_value_by_key(theirs, parse_json_path(name))
    assert result == theirs


# --- selectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "left", "names"),
    [
        ({"a": {"b": 1}}, {"a": {"c": [{"d": 2, "e": 3}]}, "f": [1]}, ["a.b"]),
        ({"a": {"c": [{"d": 2}]}}, {"a": {"b": 1, "c": [{"e": 3}]}, "f": [1]}, ["a.c[].d"]),
        ({"a": {"c": []}}, {"a": {"b": 1, "c": [{"d": 2, "e": 3}]}, "f": [1]}, ["a.c[0].d"]),
        ({"f": [1]}, {"a": {"b": 1, "c": [{"d": 2, "e": 3}]}, "f": []}, ["f[]"]),
        ({}, {"a": {"b": 1, "c": [{"d": 2, "e": 3}]}, "f": [1]}, []),
    ],
)
def test_selectors_cut_a_payload(kept: Any, left: Any, names: list[str]) -> None:
    payload = {"a": {"b": 1, "c": [{"d": 2, "e": 3}]}, "f": [1]}
    selected = [path(name) for name in names]
    assert (include(payload, selected), exclude(payload, selected)) == (kept, left)


@cases
@given(payloads, st.lists(paths, max_size=3))
def test_selectors_keep_what_both_oracles_keep(payload: dict[str, Any], names: list[str]) -> None:
    selected = [path(name) for name in names]
    kept, left = include(payload, selected), exclude(payload, selected)
    assert kept == payload_value_extractor.include_payload(payload, names)
    assert left == payload_value_extractor.exclude_payload(payload, names)
    core = Rust([payload])
    assert [kept] == core.payloads(edge.PayloadSelector.Include(names))
    assert [left] == core.payloads(edge.PayloadSelector.Exclude(names))
