"""Random operations on a collection, and what they make of a dictionary: the writer and its judge run the same ones.

An operation follows from the cycle's seed, its number and the ids that are there, so the judge knows what the writer
did without being told more than how many operations were acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minidb import QdrantClient, models

NAME = "points"
DENSE, TOKEN, VOCABULARY, IDS = 128, 8, 5000, 1500
LARGE = range(540, 700)
"""Points of a large batch: 128 floats each are more than the 256 KB that still ride in a commit."""


@dataclass(frozen=True)
class Point:
    """A point as it was written; arrays as tuples, so that equality is exact."""

    dense: tuple[float, ...]
    sparse: tuple[tuple[int, ...], tuple[float, ...]] | None
    multi: tuple[tuple[float, ...], ...] | None
    payload: tuple[tuple[str, int], ...]

    def struct(self, point_id: int) -> models.PointStruct:
        return models.PointStruct(id=point_id, vector=self.vectors(), payload=dict(self.payload))

    def vectors(self) -> dict[str, Any]:
        vectors: dict[str, Any] = {"dense": list(self.dense)}
        if self.sparse is not None:
            vectors["sparse"] = models.SparseVector(indices=list(self.sparse[0]), values=list(self.sparse[1]))
        if self.multi is not None:
            vectors["multi"] = [list(token) for token in self.multi]
        return vectors

    @classmethod
    def of(cls, record: models.Record) -> Point:
        sparse, multi = record.vector.get("sparse"), record.vector.get("multi")
        return cls(
            tuple(record.vector["dense"]),
            None if sparse is None else (tuple(sparse.indices), tuple(sparse.values)),
            None if multi is None else tuple(map(tuple, multi)),
            tuple(sorted(record.payload.items())),
        )


State = dict[int, Point]


@dataclass(frozen=True)
class Operation:
    """One call of the client, and its effect."""

    kind: str
    points: dict[int, Point]

    def run(self, client: QdrantClient) -> None:
        match self.kind:
            case "upsert":
                client.upsert(NAME, [point.struct(at) for at, point in self.points.items()])
            case "delete":
                client.delete(NAME, list(self.points))
            case "payload":
                payload = dict(next(iter(self.points.values())).payload)
                client.overwrite_payload(NAME, payload, list(self.points))
            case "vectors":
                points = [
                    models.PointVectors(id=at, vector={"dense": list(point.dense)}) for at, point in self.points.items()
                ]
                client.update_vectors(NAME, points)

    def apply(self, state: State) -> State:
        after = dict(state)
        for at, point in self.points.items():
            if self.kind == "delete":
                after.pop(at, None)
                continue
            old = state.get(at)
            if self.kind == "payload" and old is not None:
                after[at] = Point(old.dense, old.sparse, old.multi, point.payload)
            elif self.kind == "vectors" and old is not None:
                after[at] = Point(point.dense, old.sparse, old.multi, old.payload)
            else:
                after[at] = point
        return after


def operation(seed: int, number: int, existing: list[int]) -> Operation:
    """The `number`-th operation of a cycle, on a collection that holds the ids `existing` (ascending)."""
    rng = np.random.default_rng((seed, number))
    kind = str(rng.choice(["upsert", "large", "delete", "payload", "vectors"], p=[0.45, 0.1, 0.15, 0.15, 0.15]))
    if kind == "upsert" or kind == "large" or len(existing) < 10:
        n = int(rng.choice(LARGE)) if kind == "large" else int(rng.choice([1, 1, 3, 40]))
        chosen = rng.choice(IDS, n, replace=False).tolist()
        kind = "upsert"
    else:
        n = min(len(existing), int(rng.choice([1, 3, 30, 120])))
        chosen = rng.choice(existing, n, replace=False).tolist()
    dense = rng.standard_normal((n, DENSE), np.float32).tolist()
    payload = (("number", number), ("seed", seed))
    return Operation(kind, {at: _point(rng, dense[i], payload) for i, at in enumerate(chosen)})


def _point(rng: np.random.Generator, dense: list[float], payload: tuple[tuple[str, int], ...]) -> Point:
    sparse = multi = None
    if rng.random() < 0.8:
        indices = np.unique(rng.integers(0, VOCABULARY, int(rng.integers(1, 12)))).tolist()
        sparse = (tuple(indices), tuple((rng.random(len(indices), np.float32) + np.float32(0.5)).tolist()))
    if rng.random() < 0.5:
        tokens = rng.standard_normal((int(rng.integers(1, 5)), TOKEN), np.float32)
        multi = tuple(map(tuple, tokens.tolist()))
    return Point(tuple(dense), sparse, multi, payload)


def create(client: QdrantClient) -> None:
    """A collection that builds graphs and vacuums as early as settings allow."""
    client.create_collection(
        NAME,
        vectors_config={
            "dense": models.VectorParams(size=DENSE, distance=models.Distance.EUCLID),
            "multi": models.VectorParams(
                size=TOKEN,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
        hnsw_config=models.HnswConfigDiff(m=8, ef_construct=50),
        optimizers_config=models.OptimizersConfigDiff(
            deleted_threshold=0.2, vacuum_min_vector_number=100, indexing_threshold=100
        ),
    )


def read_all(client: QdrantClient) -> State:
    """Everything the collection holds, by scrolling."""
    found: State = {}
    offset = None
    while True:
        page, offset = client.scroll(NAME, limit=500, offset=offset, with_payload=True, with_vectors=True)
        found.update((int(record.id), Point.of(record)) for record in page)
        if offset is None:
            return found


def check_by_search(client: QdrantClient, state: State, sample: list[int]) -> None:
    """Every point of the sample is the first hit of its own vectors, by the indexed way and by the exact one."""
    for at in sample:
        point = state[at]
        for params in (None, models.SearchParams(exact=True)):
            hit = client.query_points(NAME, list(point.dense), using="dense", limit=1, search_params=params).points[0]
            assert (hit.id, hit.score) == (at, 0.0)
        if point.sparse is None:
            continue
        query = models.SparseVector(indices=list(point.sparse[0]), values=list(point.sparse[1]))
        hits = client.query_points(NAME, query, using="sparse", limit=len(state)).points
        scores = {hit.id: hit.score for hit in hits}
        assert scores.keys() == {
            other for other, found in state.items() if found.sparse and set(found.sparse[0]) & set(point.sparse[0])
        }
        expected = float(np.square(np.array(point.sparse[1], np.float32)).sum())
        assert abs(scores[at] - expected) < 1e-4 * max(expected, 1.0)
