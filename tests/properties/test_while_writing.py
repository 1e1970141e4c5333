"""Searches in two threads while a third writes and graphs grow: every answer is that of one commit, by any way.

A reader knows the newest commit acknowledged before it asked, and the newest begun before it was answered. What it got
must be exactly what a brute-force search finds in one of the states between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from properties.forced_paths import CATCHING_UP, EXACT_WAYS, MANY_SEGMENTS, Way

from minidb import QdrantClient, models

SIZE, BATCH, FIRST = 8, 12, 60
COMMITS = 40 * int(os.environ.get("MINIDB_CASES", "1"))
TERMS = 30
_WIDER = 1.02
"""From commit to commit values grow, so that codes in one scale have to be made anew."""
ODD = models.Filter(must=models.FieldCondition(key="odd", match=models.MatchValue(value=True)))


@dataclass
class State:
    """All points after a commit; `dense[i]` and `sparse[i]` belong to `ids[i]`."""

    ids: NDArray[np.int64]
    dense: NDArray[np.float32]
    sparse: NDArray[np.float32]
    distance: models.Distance

    def nearest(self, query: NDArray[np.float32], among: NDArray[np.bool_] | None = None) -> list[Any]:
        """Ids and scores of the ten best by the dense vector."""
        kept = np.arange(len(self.ids)) if among is None else np.flatnonzero(among)
        if self.distance == models.Distance.DOT:
            scores = self.dense[kept] @ query
            order = np.argsort(-scores)[:10]
        else:
            scores = np.linalg.norm(self.dense[kept] - query, axis=1)
            order = np.argsort(scores)[:10]
        return list(zip(self.ids[kept[order]].tolist(), scores[order].tolist(), strict=True))

    def matching(self, query: NDArray[np.float32], limit: int) -> list[Any]:
        """Ids and scores of the best by the sparse vector, of those that share a term."""
        scores = self.sparse @ sparse_of(query)[1]
        order = np.argsort(-scores)[: min(limit, np.count_nonzero(scores))]
        return list(zip(self.ids[order].tolist(), scores[order].tolist(), strict=True))


Asked = Callable[[QdrantClient, NDArray[np.float32]], list[Any]]
Expected = Callable[[State, NDArray[np.float32]], list[Any]]


def hits(points: Any) -> list[Any]:
    return [(hit.id, hit.score) for hit in points]


def sparse_of(query: NDArray[np.float32]) -> tuple[models.SparseVector, NDArray[np.float32]]:
    """Four terms with the weights of a dense query's first numbers, and the same as a row of all terms."""
    terms = [1, 5, 12, 20]
    row = np.zeros(TERMS, np.float32)
    row[terms] = np.abs(query[:4])
    return models.SparseVector(indices=terms, values=row[terms].tolist()), row


def prefetched(client: QdrantClient, query: NDArray[np.float32]) -> list[Any]:
    first = models.Prefetch(query=sparse_of(query)[0], using="words", limit=15)
    return hits(client.query_points("c", query, prefetch=first, limit=10).points)


def expected_prefetched(state: State, query: NDArray[np.float32]) -> list[Any]:
    first = [point for point, _ in state.matching(query, 15)]
    return state.nearest(query, np.isin(state.ids, first))


SEARCHES: dict[str, tuple[Asked, Expected]] = {
    "dense": (
        lambda client, query: hits(client.query_points("c", query).points),
        lambda state, query: state.nearest(query),
    ),
    "filtered": (
        lambda client, query: hits(client.query_points("c", query, query_filter=ODD).points),
        lambda state, query: state.nearest(query, state.ids % 2 == 1),
    ),
    "batch": (
        lambda client, query: hits(client.query_batch_points("c", [models.QueryRequest(query=query)] * 2)[1].points),
        lambda state, query: state.nearest(query),
    ),
    "sparse": (
        lambda client, query: hits(client.query_points("c", sparse_of(query)[0], using="words").points),
        lambda state, query: state.matching(query, 10),
    ),
    "prefetch": (prefetched, expected_prefetched),
    "count": (
        lambda client, query: [("all", client.count("c", ODD).count)],
        lambda state, query: [("all", np.count_nonzero(state.ids % 2))],
    ),
    "scroll": (
        lambda client, query: [(point.id, point.id) for point in client.scroll("c", limit=10_000)[0]],
        lambda state, query: [(point, point) for point in sorted(state.ids.tolist())],
    ),
}


class Writer:
    """Adds points, moves some and takes some away; keeps every state."""

    def __init__(self, client: QdrantClient, distance: models.Distance) -> None:
        self.client = client
        self.states = [State(np.zeros(0, np.int64), *np.zeros((2, 0, 1), np.float32), distance)]
        self.begun = self.acknowledged = 0
        self._rng = np.random.default_rng(5)

    def commit(self, n_new: int) -> None:
        """Add `n_new` points, write two of those there are anew, delete two others: one commit."""
        rng, old = self._rng, self.states[-1]
        touched = rng.choice(old.ids, 4, replace=False) if len(old.ids) else old.ids
        new_id = max(old.ids.tolist(), default=-1) + 1
        written = np.concatenate([touched[:2], np.arange(new_id, new_id + n_new)])
        dense = (_WIDER ** (len(self.states) % 80) * rng.standard_normal((len(written), SIZE))).astype(np.float32)
        sparse = np.where(rng.random((len(written), TERMS)) < 0.2, rng.random((len(written), TERMS)), 0)
        sparse = sparse.astype(np.float32)
        upsert = models.PointsList(points=points(written, dense, sparse))
        operations: list[Any] = [models.UpsertOperation(upsert=upsert)]
        if len(touched):
            operations.append(models.DeleteOperation(delete=models.PointIdsList(points=touched[2:].tolist())))
        kept = ~np.isin(old.ids, touched)
        parts = zip((old.ids, old.dense, old.sparse), (written, dense, sparse), strict=True)
        whole = (np.concatenate([before[kept], new]) if len(before) else new for before, new in parts)
        self.states.append(State(*whole, old.distance))
        self.begun += 1
        self.client.batch_update_points("c", operations)
        self.acknowledged += 1


def points(ids: NDArray[np.int64], dense: NDArray[np.float32], sparse: NDArray[np.float32]) -> list[models.PointStruct]:
    made = []
    for point, vector, row in zip(ids.tolist(), dense, sparse, strict=True):
        terms = np.flatnonzero(row)
        words = models.SparseVector(indices=terms.tolist(), values=row[terms].tolist())
        vectors: Any = {"": vector.tolist(), "words": words}
        made.append(models.PointStruct(id=point, vector=vectors, payload={"odd": point % 2 == 1}))
    return made


class Reader(threading.Thread):
    """Asks one search after the other until the writer is done; the first answer of no state is kept."""

    def __init__(self, writer: Writer, done: threading.Event, seed: int) -> None:
        super().__init__()
        self.wrong: str | None = None
        self.n_asked = 0
        self._writer, self._done = writer, done
        self._rng = np.random.default_rng(seed)

    def run(self) -> None:
        while self.wrong is None and not (self._done.is_set() and self.n_asked >= 2 * len(SEARCHES)):
            name = list(SEARCHES)[self.n_asked % len(SEARCHES)]
            self.wrong = self._ask(name, self._rng.standard_normal(SIZE).astype(np.float32))
            self.n_asked += 1

    def _ask(self, name: str, query: NDArray[np.float32]) -> str | None:
        search, expected = SEARCHES[name]
        oldest = self._writer.acknowledged
        got = search(self._writer.client, query)
        newest = self._writer.begun
        between = [expected(state, query) for state in self._writer.states[oldest : newest + 1]]
        if any(are_equal(got, truth) for truth in between):
            return None
        return f"{name}, commits {oldest} to {newest}: got {got}, expected one of {between}"


def are_equal(got: list[Any], truth: list[Any]) -> bool:
    """The same scores at the same ids; one as good as the last, but for rounding, may stand in for it."""
    if len(got) != len(truth) or len({point for point, _ in got}) != len(got):
        return False
    of_truth = dict(truth)
    expected = [[score, of_truth.get(point, truth[-1][1])] for (point, _), (_, score) in zip(got, truth, strict=True)]
    scores = np.array([score for _, score in got])
    return not got or bool(np.allclose(np.array(expected).T, scores, rtol=1e-5, atol=1e-4))


@pytest.mark.parametrize(("location", "distance"), [("memory", models.Distance.DOT), ("disk", models.Distance.EUCLID)])
@pytest.mark.parametrize("way", EXACT_WAYS, ids=str)
def test_every_answer_is_that_of_one_commit(way: Way, location: str, distance: models.Distance, tmp_path: Path) -> None:
    with ExitStack() as stack:
        tails = MANY_SEGMENTS if location == "disk" else {}
        stack.enter_context(way.in_force(catching_up=CATCHING_UP, tails=tails))
        client = stack.enter_context(QdrantClient(":memory:" if location == "memory" else tmp_path))
        client.create_collection(
            "c",
            models.VectorParams(size=SIZE, distance=distance),
            sparse_vectors_config={"words": models.SparseVectorParams()},
            quantization_config=way.quantization,
            optimizers_config=models.OptimizersConfigDiff(deleted_threshold=0.1, vacuum_min_vector_number=100),
        )
        client.create_payload_index("c", "odd", models.PayloadSchemaType.BOOL)
        writer = Writer(client, distance)
        writer.commit(FIRST)
        assert client.wait_until_indexed("c", 60)
        done = threading.Event()
        readers = [Reader(writer, done, seed) for seed in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(COMMITS):
            writer.commit(BATCH)
        done.set()
        for reader in readers:
            reader.join()
        assert [reader.wrong for reader in readers] == [None, None]
