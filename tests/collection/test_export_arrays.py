"""`export_arrays` tells what `scroll` tells, as arrays that `upload_collection` takes back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import BadInput, FormatError, ValidationError

N = 60
FIRST = models.Filter(must=[models.FieldCondition(key="at", range=models.Range(lt=20))])
VECTORS: dict[str, Any] = {
    "dense": models.VectorParams(size=4, distance=models.Distance.COSINE),
    "late": models.VectorParams(
        size=3,
        distance=models.Distance.DOT,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
    ),
}


def make(client: QdrantClient, name: str) -> None:
    client.create_collection(name, VECTORS, sparse_vectors_config={"words": models.SparseVectorParams()})


def fill(client: QdrantClient, has_uuids: bool) -> None:
    make(client, "c")
    rng = np.random.default_rng(0)
    points = []
    for at in rng.permutation(N).tolist():
        vector = {
            "dense": rng.standard_normal(4).tolist(),
            "late": rng.standard_normal((1 + at % 3, 3)).tolist(),
            "words": models.SparseVector(indices=[at % 5, 9], values=[1.0 + at, 0.5]),
        }
        if at % 7 == 0:
            del vector[["dense", "late", "words"][at % 3]]
        payload = {"at": at, "tags": ["a", at]} if at % 4 else {"at": at}
        points.append(
            models.PointStruct(id=str(UUID(int=at)) if has_uuids and at % 2 else at, vector=vector, payload=payload)
        )
    client.upsert("c", points)
    client.delete("c", [2, 4])


def expected(client: QdrantClient, name: str, filter: Any) -> list[models.Record]:
    having = models.Filter(must=[models.HasVectorCondition(has_vector=name), *(filter.must if filter else [])])
    return client.scroll("c", having, limit=N, with_vectors=True)[0]


@pytest.mark.parametrize("has_uuids", [False, True])
@pytest.mark.parametrize("filter", [None, FIRST])
@pytest.mark.parametrize("name", ["dense", "late", "words"])
def test_points_as_arrays(client: QdrantClient, name: str, filter: Any, has_uuids: bool) -> None:
    fill(client, has_uuids)
    records = expected(client, name, filter)
    ids, vectors, payload = client.export_arrays("c", name, payload=["at", "tags", "none"], query_filter=filter)
    assert ids.dtype == (object if has_uuids else np.uint64)
    assert ids.tolist() == [record.id for record in records]
    assert payload == {key: [(record.payload or {}).get(key) for record in records] for key in ("at", "tags", "none")}
    for at, record in enumerate(records):
        stored: Any = record.vector[name]  # type: ignore[index, call-overload]
        if name == "words":
            assert dict(zip(vectors[at].indices.tolist(), vectors[at].data.tolist(), strict=True)) == dict(
                zip(stored.indices, stored.values, strict=True)
            )
        else:
            assert vectors[at].tolist() == stored


@pytest.mark.parametrize("name", ["dense", "late", "words"])
def test_what_came_out_goes_in(client: QdrantClient, name: str) -> None:
    fill(client, has_uuids=True)
    ids, vectors, payload = client.export_arrays("c", name, payload=["at", "tags"])
    make(client, "back")
    client.upload_collection("back", {name: vectors}, ids=ids, payload=payload)
    again = client.export_arrays("back", name, payload=["at", "tags"])
    assert again.ids.tolist() == ids.tolist()
    assert again.payload == payload
    assert "tags" not in client.retrieve("back", [ids.tolist()[0]])[0].payload or payload["tags"][0] is not None
    if name == "words":
        assert (again.vectors != vectors).nnz == 0
    else:
        assert all(np.allclose(one, other, rtol=1e-6) for one, other in zip(again.vectors, vectors, strict=True))


def test_nothing_is_an_array_of_its_kind(client: QdrantClient) -> None:
    make(client, "c")
    assert client.export_arrays("c", "dense").vectors.shape == (0, 4)
    assert client.export_arrays("c", "words").vectors.shape[0] == 0
    assert len(client.export_arrays("c", "late", payload=["a"]).vectors) == 0


def test_mistakes(client: QdrantClient) -> None:
    fill(client, has_uuids=False)
    with pytest.raises(BadInput, match="Not existing vector name"):
        client.export_arrays("c", "densely")
    with pytest.raises(FormatError, match="Expected a list of keys, got one str"):
        client.export_arrays("c", "dense", payload="at")
    vectors = {"dense": np.eye(4, dtype=np.float32)[:2]}
    with pytest.raises(ValidationError, match="equally long"):
        client.upload_collection("c", vectors, ids=[1, 2], payload={"a": [1, 2], "b": [1]})
    with pytest.raises(FormatError, match="Expected a list of values, got one str"):
        client.upload_collection("c", vectors, ids=[1, 2], payload={"a": "red"})
