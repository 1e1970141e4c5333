"""Vectors pass from the official client to a store in this process as arrays: the same comes of it as of JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from door_answers import plain, refusal
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

import minidb
from minidb import Transport
from minidb.rest import Request

DOT = models.VectorParams(size=4, distance=models.Distance.DOT)
NAMED = {
    "a": DOT,
    "b": models.VectorParams(size=2, distance=models.Distance.COSINE),
    "tokens": models.VectorParams(
        size=2,
        distance=models.Distance.DOT,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
    ),
}
VECTORS = np.random.default_rng(0).random((60, 4), np.float32)
ROWS: list[list[float]] = VECTORS.tolist()
PAIRS: list[list[float]] = VECTORS[:, :2].tolist()
SPARSE = models.SparseVector(indices=[1, 3], values=[0.25, 0.7])


def points(n: int = 60) -> list[models.PointStruct]:
    return [models.PointStruct(id=i, vector=ROWS[i], payload={"n": i}) for i in range(n)]


def over(transport: Transport) -> QdrantClient:
    """A client that sends JSON alone."""
    return QdrantClient(url="http://minidb", transport=transport, check_compatibility=False, cloud_inference=True)


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What requests carry."""
    seen = []
    answer = Transport.answer

    def seeing(self: Transport, asked: Request, request: Any = None) -> Any:
        seen.append(bytes(asked.body))
        return answer(self, asked, request)

    monkeypatch.setattr(Transport, "answer", seeing)
    return seen


def prepared(client: QdrantClient) -> QdrantClient:
    client.create_collection("c", DOT)
    client.create_collection("named", NAMED, sparse_vectors_config={"words": models.SparseVectorParams()})
    client.upsert("c", points())
    client.upsert("named", [models.PointStruct(id=i, vector=named(i), payload={"n": i}) for i in range(30)])
    return client


def named(i: int) -> dict[str, Any]:
    """A point's vectors by name; some points lack one, and their orders differ."""
    vectors = {"words": SPARSE, "a": ROWS[i], "tokens": PAIRS[i : i + 1 + i % 3], "b": PAIRS[i]}
    if i % 4 == 1:
        del vectors["a"]
    return dict(reversed(vectors.items())) if i % 2 else vectors


def _batch(vectors: Any, n: int = 3) -> models.Batch:
    return models.Batch.model_construct(ids=list(range(100, 100 + n)), vectors=vectors, payloads=None)


def _operations(vectors: list[Any]) -> list[Any]:
    list_ = models.PointsList(points=[models.PointStruct(id=100 + i, vector=row) for i, row in enumerate(vectors)])
    return [
        models.UpsertOperation(upsert=list_),
        models.UpsertOperation(upsert=models.PointsBatch(batch=models.Batch(ids=[7, 8], vectors=ROWS[:2]))),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"x": 1}, points=[7])),
        models.UpdateVectorsOperation(
            update_vectors=models.UpdateVectors(points=[models.PointVectors(id=1, vector=ROWS[9])])
        ),
    ]


def _requests(*queries: Any) -> list[models.QueryRequest]:
    return [models.QueryRequest(query=query, limit=3, with_payload=True, with_vector=True) for query in queries]


WRITES: dict[str, Callable[[QdrantClient], Any]] = {
    "points": lambda c: c.upsert("c", points(9)),
    "points by name": lambda c: c.upsert("named", [models.PointStruct(id=i, vector=named(i)) for i in range(50, 58)]),
    "multivectors": lambda c: c.upsert(
        "named", [models.PointStruct(id=i, vector={"tokens": PAIRS[i : i + i]}) for i in range(1, 9)]
    ),
    "columns": lambda c: c.upsert("c", models.Batch(ids=[1, 2, 200], vectors=ROWS[10:13], payloads=[{}, {"n": 7}, {}])),
    "columns by name": lambda c: c.upsert(
        "named",
        models.Batch(
            ids=[1, 2],
            vectors={"words": [SPARSE, SPARSE], "a": ROWS[:2], "tokens": [PAIRS[:2], PAIRS[:3]], "b": PAIRS[5:7]},
        ),
    ),
    "update of vectors": lambda c: c.update_vectors("c", [models.PointVectors(id=3, vector=ROWS[50])]),
    "update by name": lambda c: c.update_vectors(
        "named", [models.PointVectors(id=i, vector=named(9 - i)) for i in range(5)]
    ),
    "operations": lambda c: c.batch_update_points("c", _operations(ROWS[20:23])),
    "upload of points": lambda c: c.upload_points("c", iter(points()), batch_size=7, wait=True),
    "upload of points by name": lambda c: c.upload_points(
        "named", [models.PointStruct(id=i, vector=named(i)) for i in range(40)], batch_size=16, wait=True
    ),
    "upload of an array": lambda c: c.upload_collection("c", VECTORS, ids=range(60), batch_size=9, wait=True),
    "upload of arrays": lambda c: c.upload_collection(
        "named", {"a": VECTORS, "b": VECTORS[:, 2:]}, [{"n": i} for i in range(60)], range(60), wait=True
    ),
    "upload of rows": lambda c: c.upload_collection("c", ROWS, ids=range(60), batch_size=64, wait=True),
    "upload elsewhere": lambda c: c.upload_collection("none", ROWS, ids=range(60), max_retries=0),
    "upload of a wrong dimension": lambda c: c.upload_collection("c", PAIRS, ids=range(60), max_retries=0),
    "too few columns": lambda c: c.upsert("c", _batch(ROWS[:2])),
    "wrong column": lambda c: c.upsert("named", _batch({"words": 3 * [SPARSE], "none": PAIRS[:3], "a": PAIRS[:3]})),
    "wrong operation": lambda c: c.batch_update_points("c", _operations([ROWS[0], PAIRS[0]])),
    "wrong names": lambda c: c.upsert("named", [models.PointStruct(id=1, vector={"words": PAIRS[0], "none": ROWS[0]})]),
}
READS: dict[str, Callable[[QdrantClient], Any]] = {
    "query": lambda c: c.query_points("c", ROWS[5], limit=4, with_vectors=True),
    "query by an array": lambda c: c.query_points("c", VECTORS[5], limit=4),
    "query by tokens": lambda c: c.query_points("named", PAIRS[3:6], using="tokens"),
    "nearest": lambda c: c.query_points(
        "named", models.NearestQuery(nearest=PAIRS[3], mmr=models.Mmr(diversity=0.3)), using="b"
    ),
    "batch": lambda c: c.query_batch_points("c", _requests(ROWS[1], 7, ROWS[2], None)),
    "prefetch": lambda c: c.query_points(
        "named", ROWS[1], prefetch=models.Prefetch(query=PAIRS[0], using="b", limit=9), using="a"
    ),
    "fusion": lambda c: c.query_points(
        "named",
        models.FusionQuery(fusion=models.Fusion.RRF),
        prefetch=[
            models.Prefetch(query=SPARSE, using="words"),
            models.Prefetch(
                query=models.NearestQuery(nearest=ROWS[2]),
                using="a",
                prefetch=[models.Prefetch(query=PAIRS[4:6], using="tokens", limit=20)],
            ),
        ],
    ),
    "groups": lambda c: c.query_points_groups("c", "n", ROWS[3], limit=2),
    "other queries": lambda c: c.query_points(
        "c", models.RecommendQuery(recommend=models.RecommendInput(positive=[1, ROWS[8]], negative=[2]))
    ),
    "query of a wrong dimension": lambda c: c.query_points("c", PAIRS[0]),
    "query of a wrong name": lambda c: c.query_points("named", PAIRS[0], using="none"),
    "a wrong query among others": lambda c: c.query_batch_points("c", _requests(ROWS[1], PAIRS[0])),
    "tokens of a wrong dimension": lambda c: c.query_points("named", ROWS[:2], using="tokens"),
}


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return plain(call())
    except UnexpectedResponse as error:
        return refusal(error)


@pytest.mark.parametrize("call", [*WRITES, *READS])
def test_the_same_comes_of_it_as_of_json(call: str) -> None:
    outcomes = []
    for client in (prepared(minidb.qdrant_client()), prepared(over(Transport()))):
        given = outcome(lambda client=client: {**WRITES, **READS}[call](client))
        stored = [plain(client.scroll(name, limit=1000, with_vectors=True)) for name in ("c", "named")]
        outcomes.append((given, stored))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("call", [*WRITES, *READS])
def test_dense_vectors_do_not_become_json(call: str, bodies: list[bytes]) -> None:
    client = prepared(minidb.qdrant_client())
    bodies.clear()
    outcome(lambda: {**WRITES, **READS}[call](client))
    floats = {f"{number:.7f}"[:8].encode() for number in VECTORS.ravel().tolist()}
    written = any(number in body for body in bodies for number in floats)
    assert written == (call in ("other queries", "wrong operation"))  # which are rare


def test_a_parallel_upload_comes_with_arrays_from_other_processes(tmp_path: Path) -> None:
    client = minidb.qdrant_client(tmp_path, durability="off")
    client.create_collection("c", DOT)
    client.upload_collection("c", VECTORS, ids=range(60), batch_size=20, parallel=2, wait=True)
    assert [point.vector for point in client.scroll("c", limit=60, with_vectors=True)[0]] == [
        pytest.approx(row) for row in ROWS
    ]
    client.close()


def test_dense_vectors_do_not_become_json_and_are_stored_as_if_they_had(bodies: list[bytes]) -> None:
    client, plain = minidb.qdrant_client(), over(Transport())
    stored = []
    for each in (client, plain):
        each.create_collection("c", DOT)
        each.upsert("c", points(5))
        each.upsert("c", [models.PointStruct(id=9, vector=[1, 2, 3, 4.1])], wait=False)
        stored.append(each.scroll("c", with_vectors=True))
    assert stored[0] == stored[1]
    assert [b"vector" in body for body in bodies if b"points" in body] == [False, False, True, True]


@pytest.mark.parametrize(
    "vector",
    [
        [1.0],
        [],
        [1.0, 2.0, 3.0, float("nan")],
        [1.0, 2.0, 3.0, 1e39],
        [[1.0, 2.0, 3.0, 4.0]],
        {"other": [1.0, 2.0, 3.0, 4.0]},
        ["a"],
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_what_is_wrong_with_vectors_is_told_as_ever(vector: Any) -> None:
    told = []
    for client in (minidb.qdrant_client(), over(Transport())):
        client.create_collection("c", DOT)
        wrong = [*points(2), models.PointStruct.model_construct(id=7, vector=vector)]
        with pytest.raises(UnexpectedResponse) as raised:
            client.upsert("c", wrong)
        told.append((raised.value.status_code, raised.value.structured()["status"]))
        with pytest.raises(UnexpectedResponse):
            client.upsert("c", wrong[2:])
    assert told[0] == told[1]


def test_upserts_at_the_same_time_keep_their_vectors(bodies: list[bytes]) -> None:
    async def scenario() -> list[Any]:
        client = minidb.async_qdrant_client()
        await client.create_collection("c", DOT)
        await asyncio.gather(*(client.upsert("c", [point]) for point in points(30)))
        return (await client.scroll("c", limit=30, with_vectors=True))[0]

    assert [point.vector for point in asyncio.run(scenario())] == [pytest.approx(v) for v in VECTORS[:30].tolist()]
    assert not any(b"vector" in body for body in bodies if b"points" in body)
