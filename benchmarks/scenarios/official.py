"""What suites of frameworks do all day with qdrant-client's own client: over minidb, in local mode, and minidb's own.

A client for a test: made, a collection of a few points, questions, gone. Upserts of a hundred and a thousand points.
And what is read: a top ten, pages, points by id, with and without vectors. All in memory; imports are done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Calls, interleaved
from benchmarks.requests import Answer
from benchmarks.results import Table, table
from benchmarks.stage import Cast, Stage
from benchmarks.workers import RemoteCalls, Session

_NOTES = {
    "minidb": "minidb.qdrant_client()",
    "minidb-memory": "minidb.QdrantClient()",
    "local": 'qdrant_client.QdrantClient(":memory:")',
}
_NAME = "c"
_N_READ, _DIM = 1000, 384
_EVERY_TENTH = list(range(0, _N_READ, 10))
_READS: dict[str, tuple[str, Callable[[Any, list[float]], Any]]] = {
    "exists": ("collection_exists", lambda client, _: client.collection_exists(_NAME)),
    "top": ("top 10 of 1,000 × 384", lambda client, query: client.query_points(_NAME, query, limit=10)),
    "top-vectors": (
        "top 10 with vectors",
        lambda client, query: client.query_points(_NAME, query, limit=10, with_vectors=True),
    ),
    "page": ("page of 100", lambda client, _: client.scroll(_NAME, limit=100)),
    "page-vectors": (
        "page of 100 with vectors",
        lambda client, _: client.scroll(_NAME, limit=100, with_vectors=True),
    ),
    "by-id": ("100 points by id", lambda client, _: client.retrieve(_NAME, _EVERY_TENTH)),
    "by-id-vectors": (
        "100 points by id with vectors",
        lambda client, _: client.retrieve(_NAME, _EVERY_TENTH, with_vectors=True),
    ),
}


def run(stage: Stage) -> list[Table]:
    """The first column is the official client over minidb."""
    quick = stage.settings.quick
    return [
        _run(stage, "official-life", "official client: made, 5 points, questions, closed", _lives, 10 if quick else 50),
        *(
            _run(stage, f"official-{n}", f"official client: upsert of {n:,} × 384", _upserts, 3 if quick else 10, n)
            for n in ((10, 20) if quick else (100, 1000))
        ),
        *(
            _run(stage, f"official-{name}", f"official client: {title}", _reads, 3 if quick else 50, name)
            for name, (title, _) in _READS.items()
        ),
    ]


def _run(stage: Stage, name: str, title: str, prepare: Callable[..., None], count: int, *arguments: Any) -> Table:
    stage.log(title)
    cast, calls = Cast(), dict[str, Calls]()
    for contestant in stage.contestants:
        if contestant not in _NOTES:
            cast.absent[contestant] = "has no client of qdrant-client's in memory"
            continue
        with cast.noting_absence(contestant):
            worker = stage.worker(contestant)
            worker.run(prepare, contestant, count, *arguments)
            calls[contestant] = RemoteCalls(worker, count)
    timings = interleaved(calls, stage.settings.rounds, block=5)
    return table(name, title, "ms", timings, notes=_NOTES, absent=cast.absent)


def _maker(contestant: str) -> tuple[Callable[[], Any], Any]:
    import qdrant_client

    import minidb

    if contestant == "minidb-memory":
        return minidb.QdrantClient, minidb.models
    if contestant == "minidb":
        return minidb.qdrant_client, qdrant_client.models
    return lambda: qdrant_client.QdrantClient(":memory:"), qdrant_client.models


def _points(models: Any, n: int, dim: int) -> list[Any]:
    vectors = np.random.default_rng(0).random((n, dim), np.float32)
    return [
        models.PointStruct(
            id=i, vector=vectors[i].tolist(), payload={"page_content": f"text {i}", "metadata": {"n": i, "odd": i % 2}}
        )
        for i in range(n)
    ]


def _create(client: Any, models: Any, dim: int) -> None:
    client.create_collection(_NAME, models.VectorParams(size=dim, distance=models.Distance.COSINE))


def _lives(session: Session, contestant: str, count: int) -> None:
    make, models = _maker(contestant)
    points = _points(models, 5, 100)
    odd = models.Filter(must=[models.FieldCondition(key="metadata.odd", match=models.MatchValue(value=1))])

    def call() -> Answer:
        client = make()
        _create(client, models, 100)
        client.upsert(_NAME, points)
        client.query_points(_NAME, points[0].vector, limit=3)
        client.query_points(_NAME, points[0].vector, query_filter=odd, limit=3)
        client.scroll(_NAME, scroll_filter=odd)
        client.count(_NAME, count_filter=odd)
        client.collection_exists(_NAME)
        client.delete_collection(_NAME)
        client.close()
        return []

    session.calls = [call] * count


def _upserts(session: Session, contestant: str, count: int, n: int) -> None:
    make, models = _maker(contestant)
    client, points = make(), _points(models, n, 384)
    _create(client, models, 384)

    def call() -> Answer:
        client.upsert(_NAME, points)
        return []

    session.calls = [call] * count


def _reads(session: Session, contestant: str, count: int, name: str) -> None:
    make, models = _maker(contestant)
    client, points, read = make(), _points(models, _N_READ, _DIM), _READS[name][1]
    _create(client, models, _DIM)
    client.upsert(_NAME, points)

    def call(query: list[float]) -> Answer:
        read(client, query)
        return []

    session.calls = [functools.partial(call, points[at].vector) for at in range(count)]
