"""The client door: where it opens, that it closes, what it says without the extra `hnsw`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import qdrant_client

import minidb
from minidb import QdrantClient, errors, models


def test_a_path_may_be_given_in_each_way(tmp_path: Path) -> None:
    with QdrantClient(tmp_path / "a") as client:
        client.create_collection("c")
    with QdrantClient(path=str(tmp_path / "a")) as client:
        assert client.collection_exists("c")
    with QdrantClient() as client:
        assert client.get_collections().collections == []


def test_closing_twice_is_safe_and_later_calls_say_what_is_wrong(client: QdrantClient) -> None:
    client.create_collection("c")
    client.close()
    client.close()
    for call in (client.get_collections, lambda: client.count("c"), lambda: client.create_collection("d")):
        with pytest.raises(errors.StoreClosed, match="this client has been closed"):
            call()


def test_two_clients_of_one_path_in_one_process_see_each_other(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as first, QdrantClient(tmp_path) as second:
        first.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
        second.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
        assert first.count("c").count == 1
        first.close()
        assert second.count("c").count == 1


def test_another_durability_for_an_open_path_is_refused(tmp_path: Path) -> None:
    with QdrantClient(tmp_path), pytest.raises(errors.BadRequest, match="already open in this process"):
        QdrantClient(tmp_path, durability="off")


def test_closing_while_a_graph_is_being_built_is_quick_and_quiet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = np.random.default_rng(0).random((20_000, 64), np.float32)
    with QdrantClient(tmp_path, durability="off") as client:
        client.create_collection(
            "c",
            models.VectorParams(size=64, distance=models.Distance.COSINE),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1),
        )
        client.upload_collection("c", vectors, ids=range(len(vectors)))
        assert client.get_collection("c").status == models.CollectionStatus.YELLOW
    assert caplog.text == ""
    with QdrantClient(tmp_path, durability="off") as client:
        assert client.query_points("c", query=vectors[5], limit=1).points[0].id == 5


ROWS: list[dict[str, Any]] = [
    {"words": models.SparseVector(indices=[1], values=[1.0]), "d": [1.0, 2.0]},
    {},
    {"many": [[1.0, 2.0], [3.0, 4.0]]},
    {"d": np.array([3.0, 4.0]), "words": {"indices": [2], "values": [0.5]}},
    {"words": models.Document(text="a bicycle chain", model="Qdrant/bm25"), "text": [5.0, 6.0]},
]


@pytest.mark.parametrize("form", ["ours", "theirs", "dict", "operation"])
def test_a_batch_may_have_the_vectors_of_each_point_by_name(client: QdrantClient, form: str) -> None:
    """As qdrant-client's gRPC sends them; Qdrant's REST interface refuses them."""
    dense = models.VectorParams(size=2, distance=models.Distance.DOT)
    many = models.VectorParams(
        size=2, distance=models.Distance.DOT, multivector_config=models.MultiVectorConfig(comparator="max_sim")
    )
    for name in ("rows", "points"):
        client.create_collection(
            name, {"d": dense, "many": many, "text": dense}, {"words": models.SparseVectorParams(modifier="idf")}
        )
    ids, payloads = [1, 2, 3, 4, 5], [{"n": 1}, None, {}, {"n": 4}, {"n": 5}]
    columns = {"ids": ids, "vectors": ROWS, "payloads": payloads}
    batch: Any
    match form:
        case "ours":
            batch = models.Batch(**columns)
        case "theirs":
            batch = qdrant_client.models.Batch.model_construct(**columns)
        case _:
            batch = columns
    if form == "operation":
        client.batch_update_points("rows", [{"upsert": {"batch": batch}}])
    else:
        client.upsert("rows", batch)
    client.upsert("points", [{"id": 1 + at, "vector": row, "payload": payloads[at]} for at, row in enumerate(ROWS)])
    assert client.scroll("rows", with_vectors=True) == client.scroll("points", with_vectors=True)
    with pytest.raises(errors.ValidationError, match="number of ids and vectors must be equal"):
        client.upsert("rows", {"ids": [1], "vectors": ROWS})
    with httpx.Client(base_url="http://minidb", transport=minidb.Transport(client)) as rest:
        body = {"batch": {"ids": [1], "vectors": [{"d": [1, 2]}]}}
        answer = rest.put("/collections/rows/points", json=body)
    assert (answer.status_code, "Expected some form of vector" in answer.text) == (400, True)
