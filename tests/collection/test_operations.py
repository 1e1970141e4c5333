"""Each write operation by example: spec §5.2, the core's behaviour where the table names it."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import NotFound

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


@pytest.fixture
def store(client: QdrantClient) -> QdrantClient:
    """Collection `c`: `a` (2, Dot), `b` (2, Dot), sparse `s`; no points."""
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("c", {"a": params, "b": params}, {"s": models.SparseVectorParams()})
    return client


def point(point_id: Any, payload: Any = None, **vectors: Any) -> models.PointStruct:
    return models.PointStruct(id=point_id, vector=vectors or {"a": [1.0, 0.0]}, payload=payload)


def payload(client: QdrantClient, point_id: Any = 1) -> Any:
    return client.retrieve("c", [point_id])[0].payload


def vectors(client: QdrantClient, point_id: Any = 1) -> Any:
    return client.retrieve("c", [point_id], with_vectors=True)[0].vector


def key_is(key: str, value: Any) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))])


def test_upsert_replaces_vectors_and_payload_whole(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"x": 1}, a=[1.0, 2.0], b=[3.0, 4.0])])
    store.upsert("c", [point(1, {"y": 2}, b=[5.0, 6.0])])
    assert (payload(store), vectors(store)) == ({"y": 2}, {"b": [5.0, 6.0]})
    store.upsert("c", [point(1, None, b=[5.0, 6.0])])
    assert payload(store) == {}


def test_upsert_keeps_nulls_in_payload(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"x": None, "o": {"y": None}})])
    assert payload(store) == {"x": None, "o": {"y": None}}


def test_of_equal_ids_in_one_upsert_the_last_wins(store: QdrantClient) -> None:
    store.upsert("c", [point(UUID, {"n": 1}), point(7), point(uuid.UUID(UUID).hex.upper(), {"n": 2})])
    assert (store.count("c").count, payload(store, UUID)) == (2, {"n": 2})


@pytest.mark.parametrize("spelling", [UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}", f"{{{UUID}}}"])
def test_uuids_are_one_id_in_every_spelling(store: QdrantClient, spelling: str) -> None:
    store.upsert("c", [point(spelling)])
    assert [record.id for record in store.retrieve("c", [uuid.UUID(UUID)])] == [UUID]
    store.delete("c", [spelling])
    assert store.count("c").count == 0


def test_points_come_integers_first_then_uuids(store: QdrantClient) -> None:
    low, high = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
    store.upsert("c", [point(high), point(2**64 - 1), point(low), point(0), point(2**63)])
    first, offset = store.scroll("c", limit=2)
    rest, end = store.scroll("c", limit=3, offset=offset)
    assert [record.id for record in first + rest] == [0, 2**63, 2**64 - 1, low, high]
    assert (offset, end) == (2**64 - 1, None)


def test_retrieve_keeps_the_order_skips_missing_and_repeats_nothing(store: QdrantClient) -> None:
    store.upsert("c", [point(1), point(2), point(3)])
    assert [record.id for record in store.retrieve("c", [3, 9, 1, 3])] == [3, 1]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("upsert", {1: "new", 2: "new"}), ("insert_only", {1: "old", 2: "new"}), ("update_only", {1: "new"})],
)
def test_update_modes(store: QdrantClient, mode: str, expected: dict[int, str]) -> None:
    store.upsert("c", [point(1, {"v": "old"})])
    store.upsert("c", [point(1, {"v": "new"}), point(2, {"v": "new"})], update_mode=models.UpdateMode(mode))
    assert {record.id: record.payload["v"] for record in store.scroll("c")[0]} == expected


def test_an_update_filter_guards_existing_points_only(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"v": "old"}), point(2, {"v": "older"})])
    new = [point(i, {"v": "new"}) for i in (1, 2, 3)]
    store.upsert("c", new, update_filter=key_is("v", "old"))
    assert {r.id: r.payload["v"] for r in store.scroll("c")[0]} == {1: "new", 2: "older", 3: "new"}
    store.upsert(
        "c", [point(i, {"v": "last"}) for i in (1, 2, 4)], update_filter=key_is("v", "new"), update_mode="update_only"
    )
    assert {r.id: r.payload["v"] for r in store.scroll("c")[0]} == {1: "last", 2: "older", 3: "new"}


@pytest.mark.parametrize(
    ("before", "value", "key", "after"),
    [
        ({"a": 1, "o": {"x": 1}}, {"b": 2, "o": {"y": 1}}, None, {"a": 1, "b": 2, "o": {"y": 1}}),
        ({"a": 1, "b": 2}, {"a": None, "c": None}, None, {"b": 2}),
        ({"o": {"x": 1}}, {"y": 2}, "o", {"o": {"x": 1, "y": 2}}),
        ({}, {"y": 2}, "o.p", {"o": {"p": {"y": 2}}}),
        ({"o": 5}, {"y": 2}, "o", {"o": {"y": 2}}),
        ({"arr": [{"x": 1}, 2]}, {"y": 3}, "arr[]", {"arr": [{"x": 1, "y": 3}, {"y": 3}]}),
        ({"arr": [{"x": 1}, {}]}, {"y": 3}, "arr[1]", {"arr": [{"x": 1}, {"y": 3}]}),
        ({"arr": [{"x": 1}]}, {"y": 3}, "arr[9]", {"arr": [{"x": 1}]}),
        ({}, {"y": 3}, "arr[]", {"arr": []}),
        ({}, {"y": 3}, '"a.b"', {"a.b": {"y": 3}}),
    ],
)
def test_set_payload_merges(store: QdrantClient, before: Any, value: Any, key: str | None, after: Any) -> None:
    store.upsert("c", [point(1, before)])
    store.set_payload("c", value, [1], key=key)
    assert payload(store) == after


def test_overwrite_payload_replaces_and_keeps_nulls(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"a": 1}), point(2, {"a": 2})])
    store.overwrite_payload("c", {"b": None}, key_is("a", 1))
    assert (payload(store), payload(store, 2)) == ({"b": None}, {"a": 2})


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("n.y[]", {"n": {"y": []}, "arr": [{"b": 1, "c": 2}, 3]}),
        ("n.y[0]", {"n": {"y": [1, 2]}, "arr": [{"b": 1, "c": 2}, 3]}),
        ("arr[].b", {"n": {"y": [1, 2]}, "arr": [{"c": 2}, 3]}),
        ("n", {"arr": [{"b": 1, "c": 2}, 3]}),
        ("none.of.it", {"n": {"y": [1, 2]}, "arr": [{"b": 1, "c": 2}, 3]}),
    ],
)
def test_delete_payload_by_path(store: QdrantClient, path: str, after: Any) -> None:
    store.upsert("c", [point(1, {"n": {"y": [1, 2]}, "arr": [{"b": 1, "c": 2}, 3]})])
    store.delete_payload("c", [path], [1])
    assert payload(store) == after


def test_clear_payload_by_filter(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"a": 1}), point(2, {"a": 2})])
    store.clear_payload("c", models.FilterSelector(filter=key_is("a", 2)))
    assert (payload(store), payload(store, 2)) == ({"a": 1}, {})


def test_update_vectors_merges_by_name_and_keeps_payload(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"p": 1}, a=[1.0, 2.0], b=[3.0, 4.0])])
    store.update_vectors("c", [models.PointVectors(id=1, vector={"b": [9.0, 9.0]})])
    assert (payload(store), vectors(store)) == ({"p": 1}, {"a": [1.0, 2.0], "b": [9.0, 9.0]})


def test_delete_vectors_by_ids_and_filter_at_once(store: QdrantClient) -> None:
    store.upsert("c", [point(i, {"n": i}, a=[1.0, 2.0], b=[3.0, 4.0]) for i in (1, 2, 3)])
    both = models.DeleteVectors(vector=["a"], points=[1], filter=key_is("n", 2))
    store.batch_update_points("c", [models.DeleteVectorsOperation(delete_vectors=both)])
    assert [set(vectors(store, i)) for i in (1, 2, 3)] == [{"b"}, {"b"}, {"a", "b"}]


def test_delete_ignores_missing_ids(store: QdrantClient) -> None:
    store.upsert("c", [point(1), point(2)])
    store.delete("c", [2, 77])
    assert [record.id for record in store.scroll("c")[0]] == [1]


MISSING = {
    "set payload": lambda client, ids: client.set_payload("c", {"n": 0}, ids),
    "overwrite payload": lambda client, ids: client.overwrite_payload("c", {"n": 0}, ids),
    "delete payload": lambda client, ids: client.delete_payload("c", ["n"], ids),
    "clear payload": lambda client, ids: client.clear_payload("c", ids),
    "delete vectors": lambda client, ids: client.delete_vectors("c", ["a"], ids),
    "update vectors": lambda client, ids: client.update_vectors(
        "c", [models.PointVectors(id=i, vector={"a": [5.0, 5.0]}) for i in ids]
    ),
}


@pytest.mark.parametrize("ids", [[1, 777], [*range(40), 777, *range(40, 100)], [777, 1]])
@pytest.mark.parametrize("case", MISSING)
def test_with_a_missing_id_nothing_is_written(store: QdrantClient, case: str, ids: list[int]) -> None:
    store.upsert("c", [point(i, {"n": 1}) for i in range(100)])
    before = store.scroll("c", limit=200, with_vectors=True)
    with pytest.raises(NotFound, match="Not found: No point with id 777 found"):
        MISSING[case](store, ids)
    assert store.scroll("c", limit=200, with_vectors=True) == before


def test_of_a_batch_the_operation_with_a_missing_id_writes_nothing(store: QdrantClient) -> None:
    store.upsert("c", [point(1, {"n": 1}), point(2, {"n": 1})])
    batch = [
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 2}, points=[1])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 3}, points=[2, 777])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 4}, points=[1])),
    ]
    with pytest.raises(NotFound, match="No point with id 777 found"):
        store.batch_update_points("c", batch)
    assert [record.payload for record in store.scroll("c")[0]] == [{"n": 2}, {"n": 1}]


def test_by_filter_no_match_is_fine(store: QdrantClient) -> None:
    assert store.set_payload("c", {"a": 1}, key_is("n", 1)).status == "completed"


def test_operations_of_a_batch_run_in_order_under_their_own_numbers(store: QdrantClient) -> None:
    results = store.batch_update_points(
        "c",
        [
            models.UpsertOperation(upsert=models.PointsList(points=[point(1, {"n": 1})])),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"m": 2}, filter=key_is("n", 1))),
            models.DeleteOperation(delete=models.FilterSelector(filter=key_is("n", 3))),
        ],
    )
    assert [result.operation_id for result in results] == [0, 1, 2]
    assert payload(store) == {"n": 1, "m": 2}
    assert store.query_points("c", [1.0, 0.0], using="a").points[0].version == 1


def test_a_batch_that_fails_midway_keeps_what_came_before(store: QdrantClient) -> None:
    store.upsert("c", [point(1)])
    with pytest.raises(NotFound):
        store.batch_update_points(
            "c",
            [
                {"set_payload": {"payload": {"n": 1}, "points": [1]}},
                {"clear_payload": {"points": [77]}},
                {"set_payload": {"payload": {"n": 2}, "points": [1]}},
            ],
        )
    assert payload(store) == {"n": 1}


def test_sparse_vectors_come_back_sorted_and_in_full(store: QdrantClient) -> None:
    store.upsert("c", [point(1, None, s=models.SparseVector(indices=[9, 2], values=[0.5, 1.5]))])
    assert vectors(store)["s"] == models.SparseVector(indices=[2, 9], values=[1.5, 0.5])


def test_stored_forms(client: QdrantClient) -> None:
    """Spec §4.3: Cosine normalised, zero kept; uint8 saturated; float16 rounded."""
    wanted = {
        "cos": ("Cosine", None),
        "byte": ("Dot", "uint8"),
        "half": ("Dot", "float16"),
        "both": ("Cosine", "float16"),
    }
    client.create_collection(
        "f", {name: {"size": 2, "distance": d, **({"datatype": t} if t else {})} for name, (d, t) in wanted.items()}
    )
    client.upsert(
        "f",
        [
            models.PointStruct(
                id=1, vector={"cos": [3.0, 4.0], "byte": [256.19, -1.0], "half": [0.1, 1.0], "both": [3.0, 4.0]}
            ),
            models.PointStruct(id=2, vector={"cos": [0.0, 0.0]}),
        ],
    )
    one, two = client.retrieve("f", [1, 2], with_vectors=True)
    assert one.vector["cos"] == pytest.approx([0.6, 0.8], abs=1e-6)
    assert one.vector["byte"] == [255.0, 0.0]
    assert one.vector["half"] == [float(np.float16(0.1)), 1.0]
    assert one.vector["both"] == pytest.approx([0.6, 0.8], abs=1e-3)
    assert two.vector == {"cos": [0.0, 0.0]}
    assert [hit.score for hit in client.query_points("f", [1.0, 0.0], using="cos").points] == pytest.approx([0.6, 0.0])


@pytest.mark.parametrize("datatype", ["float32", "float16", "uint8"])
def test_a_vector_is_stored_alike_in_every_form_alone_and_among_others(client: QdrantClient, datatype: str) -> None:
    params = models.VectorParams(size=5, distance="Dot", datatype=datatype)
    client.create_collection("f", params)
    numbers = [0.1, 255.0, 3.0, 1e-3, 7.5]
    wide = np.array([numbers, numbers])
    forms: list[Any] = [numbers, wide[0], wide[0].astype(np.float32), wide.T[:, 1], wide.T.astype(np.float32)[:, 1]]
    for at, form in enumerate(forms):
        client.upsert("f", [models.PointStruct(id=at, vector=form)])
    client.upsert("f", [models.PointStruct(id=10 + at, vector=form) for at, form in enumerate(forms)])
    client.upsert("f", models.Batch(ids=[20, 21], vectors=wide))
    client.upsert("f", models.Batch(ids=[22], vectors=wide.astype(np.float32).T[:, :1].T))
    kept = [record.vector for record in client.scroll("f", limit=100, with_vectors=True)[0]]
    assert (len(kept), kept) == (13, [kept[0]] * 13)
    assert kept[0] == pytest.approx([0.0, 255.0, 3.0, 0.0, 7.0] if datatype == "uint8" else numbers, rel=1e-3)


def test_a_long_vector_is_no_error_alone_or_among_others(client: QdrantClient) -> None:
    """Its squared length is beyond float32, its numbers are not."""
    client.create_collection("f", models.VectorParams(size=2, distance="Dot"))
    client.upsert("f", [models.PointStruct(id=1, vector=[1e30, 1.0])])
    client.upsert("f", [models.PointStruct(id=at, vector=[1e30, 1.0]) for at in (2, 3)])
    assert [record.vector for record in client.scroll("f", with_vectors=True)[0]] == [pytest.approx([1e30, 1.0])] * 3


def test_cosine_over_bytes_keeps_the_bytes(client: QdrantClient) -> None:
    """They cannot be normalised; the core divides by the lengths when it compares (checked with qdrant-edge)."""
    client.create_collection("f", models.VectorParams(size=2, distance="Cosine", datatype="uint8"))
    client.upsert("f", models.Batch(ids=[1, 2], vectors=[[3.0, 200.0], [9.0, 9.0]]))
    assert [record.vector for record in client.retrieve("f", [1, 2], with_vectors=True)] == [[3.0, 200.0], [9.0, 9.0]]
    hits = client.query_points("f", [1.0, 2.0]).points
    assert [(hit.id, hit.score) for hit in hits] == [(2, pytest.approx(0.9486833)), (1, pytest.approx(0.901034))]


def test_a_sparse_datatype_is_the_indexs_not_the_stores(client: QdrantClient) -> None:
    """The core keeps the values it was given and returns them (checked with qdrant-edge)."""
    index = models.SparseIndexParams(datatype=models.Datatype.FLOAT16)
    client.create_collection("f", sparse_vectors_config={"s": models.SparseVectorParams(index=index)})
    client.upsert("f", [models.PointStruct(id=1, vector={"s": models.SparseVector(indices=[1], values=[0.1])})])
    stored = client.retrieve("f", [1], with_vectors=True)[0].vector["s"]
    assert stored.values == pytest.approx([0.1], rel=1e-6)
