"""Of a large payload only what is asked for is unpacked, and the answers are those of the whole one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb import QdrantClient, models
from minidb.collection.payload_json import pack_payload
from minidb.collection.reads import payload_selector
from minidb.filter import json_path
from minidb.filter.json_path import JsonPath
from minidb.storage.records import pack_record, payload_of, unpack_entries, unpack_payload

KEYS = ["a", "b", "c", "ä", "d e"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(
    st.sampled_from(["a", "b", "c", "ä", '"d e"', "a.b", "a[]", "a[].b", "a[0]", "b.c.a", "c[].b[]", "pad", "e"]),
    max_size=4,
)
PADDING = {"pad": [{"n": n, "text": "x" * 20} for n in range(40)]}


@given(payload=st.dictionaries(st.sampled_from(KEYS), VALUES), paths=PATHS, first=st.booleans())
def test_selectors_keep_what_they_keep_of_the_whole(payload: dict[str, Any], paths: list[str], first: bool) -> None:
    payload = PADDING | payload if first else payload | PADDING
    packed, parsed = pack_payload(payload), [JsonPath.parse(path) for path in paths]
    included, excluded = payload_selector(paths), payload_selector(models.PayloadSelectorExclude(exclude=paths))
    assert included is not None
    assert excluded is not None
    whole = unpack_payload(packed)
    assert list(included(packed).items()) == list(json_path.include(whole, parsed).items())
    assert list(excluded(packed).items()) == list(json_path.exclude(whole, parsed).items())


def test_what_is_not_asked_for_is_not_unpacked() -> None:
    packed = pack_payload({"a": 1} | PADDING | {"b": 2})
    assert unpack_entries(packed, ["a"]) == {"a": 1}
    assert unpack_entries(packed, ["b", "missing"]) == {"b": 2}
    assert unpack_entries(packed, ["pad"], others=True) == {"a": 1, "b": 2}
    assert unpack_entries(packed, []) == {}
    assert payload_of(pack_record(3, 0, 0, packed)) == packed


@pytest.fixture
def filled(client: QdrantClient) -> QdrantClient:
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    payloads = [{"n": n, "list": [{"x": n, "y": 1}]} | (PADDING if n % 2 else {}) | {"z": n % 3} for n in range(300)]
    points = [models.PointStruct(id=n, vector=[n, 1], payload=payload) for n, payload in enumerate(payloads)]
    client.upsert("c", points)
    return client


@pytest.mark.parametrize("indexed", [False, True])
def test_filters_formulas_and_groups_read_only_their_keys(filled: QdrantClient, indexed: bool) -> None:
    if indexed:
        filled.create_payload_index("c", "z", "integer")
    z = models.FieldCondition(key="z", match=models.MatchValue(value=1))
    nested = models.NestedCondition(
        nested=models.Nested(
            key="list", filter=models.Filter(must=[models.FieldCondition(key="x", range=models.Range(lt=8))])
        )
    )
    found = filled.scroll("c", models.Filter(must=[z, nested]), with_payload=["list[].x", "z"])[0]
    assert [(point.id, point.payload) for point in found] == [(n, {"list": [{"x": n}], "z": 1}) for n in (1, 4, 7)]
    formula = models.FormulaQuery(formula=models.SumExpression(sum=["n", z]))
    best = filled.query_points("c", formula, prefetch=models.Prefetch(query=[1.0, 0.0], limit=300), limit=2).points
    assert [(hit.id, hit.score) for hit in best] == [(298, 299.0), (299, 299.0)]
    groups = filled.query_points_groups("c", "z", [1.0, 0.0], limit=3, group_size=1, with_payload=["n"]).groups
    assert {group.id: (group.hits[0].id, group.hits[0].payload) for group in groups} == {
        2: (299, {"n": 299}),
        1: (298, {"n": 298}),
        0: (297, {"n": 297}),
    }
