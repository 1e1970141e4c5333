"""Clauses print in the words of the API."""

from __future__ import annotations

from typing import Any

import pytest

from minidb import filter as filters
from minidb import models
from minidb.filter.wording import worded_tree

PLACE = {"lon": 1.0, "lat": 2.0}
CASES: list[tuple[dict[str, Any], str]] = [
    ({"key": "a", "match": {"value": "x"}}, 'a match {"value": "x"}'),
    ({"key": "a.b[]", "match": {"value": 3}}, 'a.b[] match {"value": 3}'),
    ({"key": "a", "match": {"value": True}}, 'a match {"value": true}'),
    ({"key": "a", "match": {"any": [9, 7, 8, 1, 2, 3, 4]}}, 'a match {"any": [1, 2, 3, 4, 7, … 2 more]}'),
    ({"key": "a", "match": {"except": ["z"]}}, 'a match {"except": ["z"]}'),
    ({"key": "a", "match": {"text": "good day"}}, 'a match {"text": "good day"}'),
    ({"key": "a", "match": {"text_any": "good day"}}, 'a match {"text_any": "good day"}'),
    ({"key": "a", "match": {"phrase": "good day"}}, 'a match {"phrase": "good day"}'),
    ({"key": "a", "range": {"lt": 3, "gte": 1}}, 'a range {"gte": 1.0, "lt": 3.0}'),
    ({"key": "a", "range": {"gt": "2024-01-02T03:04:05Z"}}, 'a range {"gt": "2024-01-02T03:04:05Z"}'),
    ({"key": "a", "values_count": {"lte": 2}}, 'a values_count {"lte": 2}'),
    (
        {"key": "a", "geo_radius": {"center": PLACE, "radius": 10.0}},
        'a geo_radius {"center": {"lon": 1.0, "lat": 2.0}, "radius": 10.0}',
    ),
    ({"is_empty": {"key": "a"}}, "a is_empty"),
    ({"is_null": {"key": "a"}}, "a is_null"),
    ({"has_id": [2, 1]}, "has_id [1, 2]"),
    ({"has_vector": "image"}, 'has_vector "image"'),
    (
        {"nested": {"key": "a", "filter": {"must_not": [{"key": "b", "match": {"value": 1}}]}}},
        'a[] nested must_not [b match {"value": 1}]',
    ),
]


@pytest.mark.parametrize(("condition", "words"), CASES)
def test_a_condition(condition: dict[str, Any], words: str) -> None:
    node = filters.compile(models.Filter.model_validate({"must": [condition]})).root
    assert worded_tree(node) == words


def test_every_clause_has_words() -> None:
    from minidb.filter import clauses, wording

    assert set(wording._WORDS) == set(clauses._Worded.__subclasses__()) - {
        kind for kind in clauses._Worded.__subclasses__() if "__slots__" not in vars(kind)
    }
