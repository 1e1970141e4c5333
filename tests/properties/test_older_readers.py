"""A reader of an older state searches by forms made from newer ones: what died since is found all the same.

In memory there are no such readers: a writer waits for them.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from properties.forced_paths import CATCHING_UP, EXACT_WAYS, Way

from minidb import QdrantClient, models
from minidb.index.dense.hnswlib_graph import HnswlibGraph
from minidb.index.dense.usearch_graph import UsearchGraph
from minidb.query.run import run_queries

SIZE, N = 8, 400
MAX_SIM = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
ODD = models.Filter(must=models.FieldCondition(key="odd", match=models.MatchValue(value=True)))


def make(client: QdrantClient, name: str, quantization: Any, vectors: NDArray[np.float32]) -> None:
    """A collection whose graph has the first half of its points, and whose other forms were not asked for yet."""
    client.create_collection(
        name,
        {
            "": models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
            "tokens": models.VectorParams(size=SIZE // 2, distance=models.Distance.DOT, multivector_config=MAX_SIM),
        },
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        quantization_config=quantization,
    )
    client.create_payload_index(name, "n", "integer")
    write(client, name, 0, vectors[: N // 2])
    assert client.wait_until_indexed(name, 60)
    write(client, name, N // 2, vectors[N // 2 :])


def write(client: QdrantClient, name: str, first: int, vectors: NDArray[np.float32]) -> None:
    points = []
    for point, vector in enumerate(vectors.tolist(), first):
        words = models.SparseVector(indices=[point % 7, 9], values=[1.0 + point, 1.0])
        points.append(
            models.PointStruct(
                id=point,
                vector={"": vector, "tokens": tokens_of(vector), "words": words},
                payload={"odd": point % 2 == 1},
            )
        )
    client.upsert(name, points)


def tokens_of(vector: list[float]) -> list[list[float]]:
    return [vector[: SIZE // 2], vector[SIZE // 2 :]]


def hits(response: models.QueryResponse) -> list[tuple[Any, ...]]:
    found = [(hit.id, round(hit.score, 4), hit.payload) for hit in response.points]
    return sorted(found) if len(found) > 60 else found  # those of a sample have no order


def lookup_none(name: str) -> Any:
    raise AssertionError(name)


@pytest.mark.parametrize("way", EXACT_WAYS, ids=str)
def test_what_died_since_is_found(way: Way, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((N + 30, SIZE)).astype(np.float32)
    words = models.SparseVector(indices=[3, 9], values=[1.0, 0.5])
    requests = [models.QueryRequest(query=words, using="words", filter=filter) for filter in (None, ODD)]
    for query in rng.standard_normal((5, SIZE)).tolist():
        for filter in (None, ODD):
            requests += [
                models.QueryRequest(query=query, filter=filter),
                models.QueryRequest(query=tokens_of(query), using="tokens", filter=filter),
            ]
    few = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=9))])
    requests += [
        models.QueryRequest(query=models.OrderByQuery(order_by="n"), limit=60),
        models.QueryRequest(query=models.OrderByQuery(order_by="n"), filter=ODD, limit=60),
        models.QueryRequest(query=vectors[0].tolist(), filter=few),
        models.QueryRequest(query=models.SampleQuery(sample="random"), filter=few, limit=N),
    ]
    with way.in_force(), QdrantClient(tmp_path) as client:
        make(client, "same", way.quantization, vectors[:N])
        expected = list(map(hits, client.query_batch_points("same", requests)))
        make(client, "c", way.quantization, vectors[:N])
        database: Any = client._database
        with database.snapshot("c") as older:
            client.set_payload("c", {"odd": True, "n": 7}, points=list(range(0, 400, 3)))
            client.delete("c", [*(point for answer in expected for point, *_ in answer[:5]), *range(100, 300)])
            write(client, "c", N, vectors[N:])
            with way.in_force(catching_up=CATCHING_UP):
                assert client.wait_until_indexed("c", 60)
            client.query_batch_points("c", requests)  # now the forms have what there is, and lack what died
            alone = [hits(response) for request in requests for response in run_queries(older, [request], lookup_none)]
            together = list(map(hits, run_queries(older, requests, lookup_none)))
    assert alone == expected
    assert together == expected


@pytest.mark.parametrize("way", [way for way in EXACT_WAYS if way.name in ("hnswlib", "usearch")], ids=str)
def test_what_a_graph_is_just_taking_in_is_not_found(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((N, SIZE)).astype(np.float32)
    requests = [models.QueryRequest(query=vector) for vector in vectors[:9].tolist()]
    graphs: dict[str, Any] = {"hnswlib": HnswlibGraph, "usearch": UsearchGraph}
    taken_in, go_on = threading.Event(), threading.Event()
    with way.in_force(catching_up=CATCHING_UP), QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=SIZE, distance=models.Distance.EUCLID))
        client.upload_collection("c", vectors, ids=range(N))
        assert client.wait_until_indexed("c", 60)
        expected = list(map(hits, client.query_batch_points("c", requests)))
        insert = graphs[way.name]._insert

        def inserting(*arguments: Any) -> None:
            insert(*arguments)
            taken_in.set()
            go_on.wait(60)

        monkeypatch.setattr(graphs[way.name], "_insert", inserting)
        database: Any = client._database
        with database.snapshot("c") as older:
            near = vectors[:30] * np.float32(1.0001)
            client.upload_collection("c", near, ids=range(N, N + 30))
            assert taken_in.wait(60)
            alone = [hits(response) for request in requests for response in run_queries(older, [request], lookup_none)]
            together = list(map(hits, run_queries(older, requests, lookup_none)))
        go_on.set()
        assert client.wait_until_indexed("c", 60)
    assert alone == expected
    assert together == expected
