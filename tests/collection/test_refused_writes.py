"""Bad input gets Qdrant's status and text (spec §2.1, §4.1, §5.3), and leaves every point as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles.compare import everything

from minidb import QdrantClient, models
from minidb.errors import MinidbError

NAN, INF = float("nan"), float("inf")
SPARSE = models.SparseVector(indices=[1, 2], values=[1.0, 2.0])
Call = Callable[[QdrantClient], Any]


@pytest.fixture
def points(client: QdrantClient) -> QdrantClient:
    """Collection `c` with vectors "" (3, Dot), `multi` (2) and sparse `s`, and two points; alias `also`."""
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "c",
        {
            "": models.VectorParams(size=3, distance=models.Distance.DOT),
            "named": models.VectorParams(size=3, distance=models.Distance.DOT),
            "multi": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=multi),
        },
        sparse_vectors_config={"s": models.SparseVectorParams()},
    )
    vectors = {"": [1.0, 2.0, 3.0], "multi": [[1.0, 2.0]], "s": SPARSE}
    client.upsert("c", [models.PointStruct(id=i, vector=vectors, payload={"n": i}) for i in (1, 2)])
    client.update_collection_aliases(
        [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="c", alias_name="also"))]
    )
    return client


def upsert(point_id: Any = 9, vector: Any = (1.0, 2.0, 3.0), **more: Any) -> Call:
    """Upsert of a good point and then this one."""
    vector = list(vector) if isinstance(vector, tuple) else vector
    good = {"id": 8, "vector": [1.0, 1.0, 1.0]}
    return lambda client: client.upsert("c", [good, {"id": point_id, "vector": vector, **more}])


def batch(**columns: Any) -> Call:
    return lambda client: client.upsert("c", columns)


def operation(kind: str, **body: Any) -> Call:
    """One bad operation after a good one: both are checked before either is written."""
    good = {"set_payload": {"payload": {"n": 5}, "points": [1]}}
    return lambda client: client.batch_update_points("c", [good, {kind: body}])


def nested(levels: int) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for _ in range(levels):
        payload = {"a": payload}
    return payload


ID_TEXT = "is not a valid point ID, valid values are either an unsigned integer or a UUID"
REFUSED: dict[str, tuple[Call, int, str]] = {
    "wrong dimension": (
        upsert(vector=[1.0, 2.0]),
        400,
        "Wrong input: Vector dimension error: expected dim: 3, got 2",
    ),
    "wrong dimension of a named vector": (
        upsert(vector={"named": [1.0]}),
        400,
        "Wrong input: Vector dimension error: expected dim: 3, got 1 for vector 'named'",
    ),
    "wrong dimension in a multivector": (upsert(vector={"multi": [[1.0]]}), 400, "expected dim: 2, got 1"),
    "wrong dimension in an array": (batch(ids=[8, 9], vectors=np.ones((2, 4))), 400, "expected dim: 3, got 4"),
    "unknown vector name": (upsert(vector={"zz": [1.0]}), 400, "Wrong input: Not existing vector name error: zz"),
    "sparse where dense is": (upsert(vector={"": SPARSE}), 400, "Conversion between sparse and regular vectors failed"),
    "dense where sparse is": (upsert(vector={"s": [1.0]}), 400, "Conversion between sparse and regular vectors failed"),
    "multi where dense is": (
        upsert(vector=[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
        400,
        "Conversion between multi and regular vectors failed",
    ),
    "empty dense vector": (upsert(vector=[]), 422, "dense vector must not be empty"),
    "empty multivector": (upsert(vector={"multi": [[]]}), 422, "all vectors must be non-empty"),
    "ragged multivector": (
        upsert(vector={"multi": [[1.0, 2.0], [1.0]]}),
        422,
        "all vectors must have the same dimension, found vector with dimension 1",
    ),
    "NaN": (upsert(vector=[1.0, 2.0, NAN]), 400, "not finite"),
    "NaN alone": (lambda client: client.upsert("c", [{"id": 9, "vector": [1.0, 2.0, NAN]}]), 400, "not finite"),
    "beyond float32": (upsert(vector=[1.0, 2.0, 1e39]), 400, "not finite"),
    "beyond float32 alone": (
        lambda client: client.upsert("c", [{"id": 9, "vector": [1.0, 2.0, 1e39]}]),
        400,
        "not finite",
    ),
    "infinity": (upsert(vector=[1.0, 2.0, INF]), 400, "not finite"),
    "NaN in an array": (batch(ids=[8], vectors=np.full((1, 3), np.nan)), 400, "not finite"),
    "NaN in a multivector": (upsert(vector={"multi": [[1.0, NAN]]}), 400, "not finite"),
    "NaN in a sparse vector": (upsert(vector={"s": {"indices": [1], "values": [NAN]}}), 400, "not finite"),
    "sparse index twice": (
        upsert(vector={"s": {"indices": [1, 1], "values": [1.0, 2.0]}}),
        422,
        "indices: Validation error: must be unique [{}]",
    ),
    "sparse lengths differ": (
        upsert(vector={"s": {"indices": [1], "values": [1.0, 2.0]}}),
        422,
        "values: Validation error: must be the same length as indices [{}]",
    ),
    "negative sparse index": (upsert(vector={"s": {"indices": [-1], "values": [1.0]}}), 400, "Format error"),
    "bool in a vector": (upsert(vector=[1.0, 2.0, True]), 400, "Format error"),
    "negative id": (upsert(-1), 400, f"value -1 {ID_TEXT}"),
    "id of 65 bits": (upsert(2**64), 400, f"value {2**64} {ID_TEXT}"),
    "digits as id": (upsert("7"), 400, f"value 7 {ID_TEXT}"),
    "bool id": (upsert(True), 400, f"value True {ID_TEXT}"),
    "float id": (upsert(7.0), 400, f"value 7.0 {ID_TEXT}"),
    "no id": (lambda client: client.upsert("c", [{"vector": [1.0, 2.0, 3.0]}]), 400, "missing field `id`"),
    "unknown field": (upsert(colour="red"), 400, "unknown field `colour`"),
    "bytes that are no text in payload": (upsert(payload={"a": [b"\xff"]}), 400, "Format error"),
    "an object without a JSON form in payload": (upsert(payload={"a": object()}), 400, "Format error"),
    "half a surrogate in payload": (upsert(payload={"a": "\ud800"}), 400, "Format error"),
    "integer beyond all floats in payload": (upsert(payload={"a": 10**400}), 400, "Format error"),
    "payload of 1,000 levels": (upsert(payload=nested(1000)), 400, "nested more than 200 deep"),
    "set payload below 300 keys": (
        lambda client: client.set_payload("c", {}, [1], key="a" + ".a" * 300),
        400,
        "nested more than 200 deep",
    ),
    "metadata of 1,000 levels": (
        lambda client: client.update_collection("c", metadata=nested(1000)),
        400,
        "nested more than 200 deep in a",
    ),
    "metadata that is no JSON": (
        lambda client: client.update_collection("c", metadata={"a": object()}),
        400,
        "metadata is not JSON",
    ),
    "payload that is no object": (upsert(payload=[1]), 400, "Format error"),
    "no points": (lambda client: client.upsert("c", []), 400, "Bad request: Empty update request"),
    "batch of nothing": (batch(ids=[], vectors=[]), 400, "Bad request: Empty update request"),
    "batch lengths": (
        batch(ids=[8, 9], vectors=[[1.0, 2.0, 3.0]]),
        422,
        "number of ids and vectors must be equal (2 != 1)",
    ),
    "batch lengths of one name": (
        batch(ids=[8, 9], vectors={"": [[1.0, 2.0, 3.0]] * 2, "named": [[1.0, 2.0, 3.0]]}),
        422,
        "number of ids and vectors must be equal (2 != 1)",
    ),
    "batch payloads": (
        batch(ids=[8], vectors=[[1.0, 2.0, 3.0]], payloads=[{}, {}]),
        422,
        "number of ids and payloads must be equal (1 != 2)",
    ),
    "update mode": (
        lambda client: client.upsert("c", [{"id": 1, "vector": [1.0, 2.0, 3.0]}], update_mode="never"),
        400,
        "Format error",
    ),
    "delete no ids": (lambda client: client.delete("c", []), 400, "Bad request: Empty update request"),
    "set payload of no ids": (
        lambda client: client.set_payload("c", {"a": 1}, []),
        400,
        "Bad request: Empty update request",
    ),
    "set payload of nothing": (
        operation("set_payload", payload={"a": 1}),
        400,
        "Either list of point ids or filter must be provided",
    ),
    "set payload of None": (
        lambda client: client.set_payload("c", {"a": 1}, None),
        400,
        "Either list of point ids or filter must be provided",
    ),
    "set payload at a bad path": (
        operation("set_payload", payload={"a": 1}, points=[1], key="a..b"),
        400,
        "Format error",
    ),
    "delete payload of nothing": (
        operation("delete_payload", keys=["n"]),
        400,
        "Either list of point ids or filter must be provided",
    ),
    "delete vectors of nothing": (
        operation("delete_vectors", vector=[""]),
        400,
        "Bad request: No filter or points provided",
    ),
    "delete an unknown vector": (
        operation("delete_vectors", vector=["zz"], points=[1]),
        400,
        "Not existing vector name error: zz",
    ),
    "update no points": (operation("update_vectors", points=[]), 422, "must specify points to update"),
    "update no vectors": (
        operation("update_vectors", points=[{"id": 1, "vector": {}}]),
        422,
        "must specify vectors to update for point",
    ),
    "update a wrong dimension": (
        operation("update_vectors", points=[{"id": 1, "vector": [1.0]}]),
        400,
        "Vector dimension error: expected dim: 3, got 1",
    ),
    "unknown operation": (operation("upgrade"), 400, "Format error"),
    "missing collection": (
        lambda client: client.upsert("nope", [{"id": 1, "vector": [1.0]}]),
        404,
        "Not found: Collection `nope` doesn't exist!",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_writes_change_nothing(points: QdrantClient, case: str) -> None:
    call, status, text = REFUSED[case]
    before = everything(points, "c")
    with pytest.raises(MinidbError) as caught:
        call(points)
    assert (caught.value.status_code, text in str(caught.value)) == (status, True), str(caught.value)
    assert everything(points, "c") == before
    assert points.count("c").count == 2


READS: dict[str, tuple[Call, int, str]] = {
    "count of a missing collection": (lambda client: client.count("nope"), 404, "Collection `nope` doesn't exist!"),
    "scroll of 0": (lambda client: client.scroll("c", limit=0), 422, "limit: value 0 invalid, must be 1 or larger"),
    "retrieve an unknown vector": (
        lambda client: client.retrieve("c", [1], with_vectors=["zz"]),
        400,
        "Not existing vector name error: zz",
    ),
    "retrieve a bad id": (lambda client: client.retrieve("c", ["x"]), 400, f"value x {ID_TEXT}"),
    "scroll with an unknown field in the filter": (
        lambda client: client.scroll("c", {"must": [], "shall": []}),
        400,
        "unknown field `shall`",
    ),
}


@pytest.mark.parametrize("case", READS)
def test_bad_reads(points: QdrantClient, case: str) -> None:
    call, status, text = READS[case]
    with pytest.raises(MinidbError) as caught:
        call(points)
    assert (caught.value.status_code, text in str(caught.value)) == (status, True), str(caught.value)
