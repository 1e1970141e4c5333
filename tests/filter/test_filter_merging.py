"""Merging filters as Qdrant merges a root filter into a prefetch's."""

from __future__ import annotations

from minidb.filter.merging import merge
from minidb.models import FieldCondition, Filter, MatchValue, MinShould


def match(key: str, value: int) -> FieldCondition:
    return FieldCondition(key=key, match=MatchValue(value=value))


A, B, C = match("a", 1), match("b", 2), match("c", 3)


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
