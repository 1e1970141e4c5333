"""Answers that once differed from Qdrant's: uploads of any rows, dates, indexes' values, lookups, paging by a value.

Each through the own client on both stores, and where a door has a form of its own through the REST interface, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
import qdrant_client

import minidb
from minidb import QdrantClient, errors, models

UUID = "550e8400-e29b-41d4-a716-446655440000"
V = [1.0, 2.0]
MISSING = "Not found: Collection nope not found"


def stored(client: Any, name: str = "c") -> list[tuple[Any, Any]]:
    return [(record.id, record.vector) for record in client.scroll(name, with_vectors=True)[0]]


UPLOADS: dict[str, Callable[[], Any]] = {
    "a list of dicts": lambda: [{"text": V}, {"text": V}],
    "a generator of dicts": lambda: ({"text": V} for _ in range(2)),
    "mixed names": lambda: [{"text": V}, {"other": V}, {"text": V, "other": V}],
    "nothing among them": lambda: [{"text": V}, {}, [], {"other": np.array(V, np.float32)}],
    "an array of objects": lambda: np.array([{"text": V}, {}], dtype=object),
    "an array by name": lambda: {"text": np.ones((3, 2), np.float32)},
}


@pytest.mark.parametrize("batch_size", [1, 64])
@pytest.mark.parametrize("kind", UPLOADS)
def test_uploads_take_what_qdrant_clients_do(client: QdrantClient, kind: str, batch_size: int) -> None:
    local = qdrant_client.QdrantClient(":memory:")
    for each, kinds in ((client, models), (local, qdrant_client.models)):
        params = kinds.VectorParams(size=2, distance="Dot")
        each.create_collection("c", vectors_config={"text": params, "other": params})
        each.upload_collection("c", UPLOADS[kind](), ids=[1, 2, 3, 4][: 4 if "nothing" in kind else 3])
    found = stored(client)
    assert found == stored(local)
    assert found


def test_points_without_vectors_are_uploaded_into_a_collection_without(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config={})
    theirs = qdrant_client.models
    client.upload_points(
        "c",
        [
            models.PointStruct(id=1, vector={}),
            {"id": 2, "vector": []},
            theirs.PointStruct(id=3, vector=[]),
            theirs.Record(id=4, vector=None, payload={"a": 1}),
            models.Record(id=5, vector=None, payload={"a": 1}),
        ],
    )
    client.upload_collection("c", [[], {}], ids=[6, 7])
    assert [point_id for point_id, _ in stored(client)] == [1, 2, 3, 4, 5, 6, 7]
    assert client.retrieve("c", [4, 5])[0].payload == {"a": 1}


NOON = datetime(2020, 3, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    [
        "2020-03-01T12:00:00Z",
        "2020-03-01T03:00:00-09:00",
        "2020-03-01 03:00:00-0900",
        "2020-03-01T03:00:00-0900",
        "2020-03-01 03:00:00-09",
        "2020-03-01T12:00:00.000000Z",
        "2020-03-01T12:00:00",
        "2020-03-01T12:00:00.00",
        "2020-03-01 12:00:00",
        "2020-03-01 12:00:00.000000",
        "2020-03-01T12:00",
        "2020-03-01 12:00",
    ],
)
def test_dates_of_qdrants_own_tests(client: QdrantClient, text: str) -> None:
    client.create_collection("c", vectors_config={})
    client.upsert("c", [models.PointStruct(id=1, vector={}, payload={"at": NOON.isoformat()})])
    for bounds, count in (({"gte": text}, 1), ({"gt": text}, 0), ({"lte": text}, 1)):
        condition = models.FieldCondition.model_validate({"key": "at", "range": bounds})
        assert client.count("c", models.Filter(must=[condition])).count == count
    assert models.DatetimeRange(gte="2020-03-01").gte == date(2020, 3, 1)


@pytest.mark.parametrize(
    "text",
    ["1420070400", "20200301", "2020-W01-1", "20200301T0", "2020-060", "2014-01-01T00:00:00BAD", ""],
)
def test_nothing_else_is_a_date(text: str) -> None:
    for type_, body in ((models.DatetimeRange, {"gte": text}), (models.OrderBy, {"key": "a", "start_from": text})):
        with pytest.raises(errors.FormatError) as caught:
            models.parse(type_, body)
        wanted = f"'{text}' does not match accepted datetime format (RFC3339). Example: 2014-01-01T00:00:00Z"
        assert wanted in str(caught.value)


def test_moments_beyond_pythons_calendar_stay_texts() -> None:
    assert models.DatetimeRange(lt="+10000-01-01T00:00:00Z").lt == "+10000-01-01T00:00:00Z"
    leap = models.DatetimeRange(lt="2016-12-31T23:59:60Z").lt
    assert leap == datetime(2017, 1, 1, tzinfo=timezone.utc) - timedelta(microseconds=1)


def with_uuids(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config={})
    values: list[Any] = [
        UUID,
        UUID.upper(),
        UUID.replace("-", ""),
        [f"urn:uuid:{UUID}", f"{{{UUID}}}"],
        "other",
        5,
        None,
    ]
    client.upsert("c", [models.PointStruct(id=at, vector={}, payload={"u": u}) for at, u in enumerate(values)])


@pytest.mark.parametrize("spelling", [UUID, UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}", f"{{{UUID}}}"])
def test_a_uuid_index_compares_and_shows_canonical_forms(client: QdrantClient, spelling: str) -> None:
    def count(match: Any) -> int:
        return client.count("c", models.Filter(must=[models.FieldCondition(key="u", match=match)])).count

    with_uuids(client)
    assert count(models.MatchValue(value=spelling)) == 1  # without the index texts are compared
    client.create_payload_index("c", "u", "uuid")
    assert [(hit.value, hit.count) for hit in client.facet("c", "u").hits] == [(UUID, 4)]
    assert count(models.MatchValue(value=spelling)) == 4
    assert count(models.MatchAny(any=[spelling])) == 4
    assert count(models.MatchExcept(**{"except": [spelling]})) == 2  # "x" and 5
    client.set_payload("c", {"u": spelling}, [5])
    assert count(models.MatchValue(value=UUID)) == 5
    assert client.get_collection("c").payload_schema["u"].points == 5


INDEXED: list[tuple[str, Any, Any]] = [
    ("float", None, 0.5),
    ("float", "text", 0.5),
    ("float", [3, "text"], 3.0),
    ("float", True, 0.5),
    ("integer", 1.5, 0.5),
    ("integer", 2.0, 2.0),
    ("integer", None, 0.5),
    ("keyword", 7, 0.5),
    ("bool", 7, 0.5),
    ("datetime", 7, 0.5),
    ("geo", 7, 0.5),
    ("uuid", 7, 0.5),
    ("text", 7, 7.0),
]


@pytest.mark.parametrize(("kind", "value", "score"), INDEXED)
def test_a_formula_sees_what_the_index_holds(client: QdrantClient, kind: str, value: Any, score: float) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0], payload={"x": value})])
    client.create_payload_index("c", "x", kind)
    formula = models.FormulaQuery(formula="x", defaults={"x": 0.5})
    assert client.query_points("c", formula, prefetch=models.Prefetch()).points[0].score == score


def test_a_formula_without_an_index_needs_the_right_type(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0], payload={"x": None})])
    with pytest.raises(errors.BadInput, match="Expected number value for x"):
        client.query_points("c", models.FormulaQuery(formula="x", defaults={"x": 1}), prefetch=models.Prefetch())


def test_an_unknown_lookup_collection_is_not_found_though_nothing_is_looked_up(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance="Dot"))
    nope = models.LookupLocation(collection="nope")
    inner = models.Prefetch(query=[1.0], lookup_from=nope)
    fused = models.FusionQuery(fusion="rrf")
    request = models.QueryRequest(query=[1.0], lookup_from=nope)
    for refused in (
        lambda: client.query_points("c", [1.0], lookup_from=nope),
        lambda: client.query_batch_points("c", [models.QueryRequest(query=[1.0]), request]),
        lambda: client.query_points_groups("c", "g", query=[1.0], lookup_from=nope),
        lambda: client.query_points("c", fused, prefetch=[models.Prefetch(query=[1.0]), inner]),
        lambda: client.query_points("c", fused, using="x", prefetch=models.Prefetch(query=[1.0], prefetch=inner)),
    ):
        with pytest.raises(errors.NotFound) as caught:
            refused()
        assert str(caught.value) == MISSING


def test_a_missing_point_comes_before_an_unknown_vector_name(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    recommend = models.RecommendQuery(recommend=models.RecommendInput(positive=[1, 77]))
    for query in (77, recommend):
        with pytest.raises(errors.NotFound, match="No point with id 77 found"):
            client.query_points("c", query, using="x")
    with pytest.raises(errors.BadInput, match="Not existing vector name error: x"):
        client.query_points("c", 1, using="x")


def test_an_integer_index_holds_floats_without_a_fraction_however_large(client: QdrantClient) -> None:
    """Nanoseconds that were computed as floats; an integer that floats cannot hold stays what it is."""
    client.create_collection("c", vectors_config={})
    client.create_payload_index("c", "at", "integer")
    ats: list[Any] = [1.7e18, 1.6e18, 2**53 + 1, [2**53 + 1, 2.0**53 + 2], 1.5, 2.0, 1e300]
    client.upsert("c", [models.PointStruct(id=i, vector={}, payload={"at": at}) for i, at in enumerate(ats)])
    ordered = [(5, 2), (2, 2**53 + 1), (3, 2**53 + 1), (3, 2**53 + 2), (1, 16 * 10**17), (0, 17 * 10**17)]
    records, _ = client.scroll("c", order_by="at")
    assert [(record.id, record.order_value) for record in records] == ordered
    hits = client.facet("c", "at").hits
    assert [(hit.value, hit.count) for hit in hits] == [
        (2**53 + 1, 2),
        (2, 1),
        (2**53 + 2, 1),
        (16 * 10**17, 1),
        (17 * 10**17, 1),
    ]
    assert client.get_collection("c").payload_schema["at"].points == 5


def test_scrolling_by_a_value_takes_no_offset(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config={})
    client.create_payload_index("c", "n", "integer")
    with pytest.raises(errors.BadInput, match="Cannot use an `offset` when using `order_by`"):
        client.scroll("c", order_by="n", offset=1)


def test_the_official_client_gets_the_same_refusals() -> None:
    theirs = minidb.qdrant_client(":memory:")
    theirs.create_collection("c", vectors_config={})
    refused = qdrant_client.http.exceptions.UnexpectedResponse
    with pytest.raises(refused, match="Cannot use an `offset`"):
        theirs.scroll("c", order_by="n", offset=1)
    with pytest.raises(refused, match="Collection nope not found"):
        theirs.query_points("c", [1.0], lookup_from=qdrant_client.models.LookupLocation(collection="nope"))


def test_a_collection_of_sparse_vectors_has_an_object_of_no_others(client: QdrantClient) -> None:
    client.create_collection("c", sparse_vectors_config={"s": models.SparseVectorParams()})
    assert client.get_collection("c").config.params.vectors == {}


def test_dense_vectors_and_payloads_are_not_pinned(client: QdrantClient) -> None:
    dense = {"size": 1, "distance": "Dot", "memory": "pinned"}
    for body, where in (
        ({"vectors": dense}, "dense vector storage"),
        ({"vectors": {"a": dense}}, "dense vector storage"),
        ({"payload": {"memory": "pinned"}}, "payload storage"),
    ):
        with pytest.raises(errors.ValidationError) as caught:
            models.parse(models.CreateCollection, body)
        assert f"`pinned` memory placement is not supported for {where}" in str(caught.value)
    models.parse(models.CreateCollection, {"vectors": {**dense, "memory": "cached"}})
