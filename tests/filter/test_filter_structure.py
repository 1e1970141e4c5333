"""Filters as data: merging as Qdrant merges, canonical keys, paths, exclusion of ids."""

from __future__ import annotations

from typing import Any

from minidb.filter import clauses
from minidb.filter.conditions import compile
from minidb.filter.json_path import JsonPath
from minidb.filter.structure import cache_key, exclude_ids, leaves, merge, normalised, paths
from minidb.models import (
    FieldCondition,
    Filter,
    HasIdCondition,
    IsNullCondition,
    MatchAny,
    MatchValue,
    MinShould,
    Nested,
    NestedCondition,
    PayloadField,
    Range,
)


def match(key: str, value: Any) -> FieldCondition:
    return FieldCondition(key=key, match=MatchValue(value=value))


A, B, C = match("a", 1), match("b", 2), match("c", 3)


def key(filter: Filter) -> Any:
    return cache_key(compile(filter).root)


def test_normal_form_has_lists_and_no_empty_groups() -> None:
    assert normalised(Filter(must=A, should=[])) == Filter(must=[A])
    assert normalised(Filter(must=[], must_not=[])) is None
    assert normalised(None) is None


def test_merge_concatenates_each_group() -> None:
    merged = merge(Filter(must=A, should=[A], must_not=[C]), Filter(must=[B], should=B))
    assert merged == Filter(must=[A, B], should=[A, B], must_not=[C])


def test_merge_takes_the_larger_min_count() -> None:
    one = Filter(min_should=MinShould(conditions=[A], min_count=1))
    two = Filter(min_should=MinShould(conditions=[B, C], min_count=2))
    assert merge(one, two) == Filter(min_should=MinShould(conditions=[A, B, C], min_count=2))
    assert merge(one, Filter(must=A)) == Filter(must=[A], min_should=one.min_should)


def test_merge_with_nothing_is_the_other() -> None:
    filter = Filter(must=A)
    assert merge(filter, None) is filter
    assert merge(None, filter) is filter
    assert merge(None, None) is None


def test_excluded_ids_come_first_in_must_not() -> None:
    assert exclude_ids(Filter(must_not=A), [7, 8]) == Filter(must_not=[HasIdCondition(has_id=[7, 8]), A])
    assert exclude_ids(None, [7]) == Filter(must_not=[HasIdCondition(has_id=[7])])
    assert exclude_ids(None, []) is None


def test_keys_ignore_order_repetition_and_spelling() -> None:
    assert key(Filter(must=[A, B])) == key(Filter(must=[B, A, A]))
    assert key(Filter(must=match('"a"', 1))) == key(Filter(must=[A]))
    assert key(Filter(should=[A])) == key(Filter(must=[A]))
    assert key(Filter(must=FieldCondition(key="a", match=MatchAny(any=[1, 2])))) == key(
        Filter(must=FieldCondition(key="a", match=MatchAny(any=[2, 1])))
    )
    assert hash(key(Filter(must=[A, B]))) == hash(key(Filter(must=[B, A])))


def test_keys_tell_different_filters_apart() -> None:
    filters = [
        Filter(must=[A]),
        Filter(must_not=[A]),
        Filter(must=match("a", True)),
        Filter(must=match("a", "1")),
        Filter(must=[A, B]),
        Filter(should=[A, B]),
        Filter(min_should=MinShould(conditions=[A, B], min_count=2)),
        Filter(min_should=MinShould(conditions=[A, A, B], min_count=2)),
        Filter(must=FieldCondition(key="a", range=Range(gte=1, lte=1))),
        Filter(must=NestedCondition(nested=Nested(key="a", filter=Filter(must=B)))),
        Filter(must=NestedCondition(nested=Nested(key="a", filter=Filter(must=C)))),
    ]
    assert len({key(filter) for filter in filters}) == len(filters)


def test_paths_are_spelled_from_the_top() -> None:
    inner = Filter(must=match("b.c", 1))
    filter = Filter(
        must=[A, NestedCondition(nested=Nested(key="n", filter=inner)), HasIdCondition(has_id=[1])],
        must_not=[IsNullCondition(is_null=PayloadField(key="z"))],
    )
    assert paths(compile(filter).root) == {JsonPath.parse(text) for text in ("a", "n[]", "n[].b.c", "z")}


def test_leaves_describe_clauses_an_index_can_serve() -> None:
    found = [leaf.clause for leaf in leaves(compile(Filter(must=A, should=[B, C], must_not=Filter(must=B))).root)]
    path = JsonPath.parse
    assert found == [
        clauses.ValueIn(path("a"), ints=frozenset({1})),
        clauses.ValueIn(path("b"), ints=frozenset({2})),
        clauses.ValueIn(path("c"), ints=frozenset({3})),
        clauses.ValueIn(path("b"), ints=frozenset({2})),
    ]
