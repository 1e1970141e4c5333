"""Collections big enough for every way a search can go: float scan, int8 scan, graph, tail, dead rows, next generation.

Which way is taken is minidb's business. Seen from the public door all must give the scores of float arithmetic, and the
points that exact arithmetic finds: all of them with `exact`, 95 % of them and more otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.compare import RELATIVE, assert_points, assert_same_hits, everything
from oracles.model import CollectionModel
from oracles.schema import Field, Schema, arguments
from oracles.scores import BruteForce
from oracles.stores import KINDS, StoreHandle
from qdrant_client import models as m
from search_requests import Numbers

NAME = "points"
SIZE, ROWS, LIMIT = 256, 5000, 10
NARROW = 32
"""An `hnsw_ef` that is cheaper by graph than by scan at this size; the default is not."""


class World:
    """The truth about one dense collection: a matrix and which of its rows are there; ids are row numbers."""

    def __init__(self, distance: str) -> None:
        self.distance = distance
        self._random = np.random.default_rng(7)
        self._basis = self._random.standard_normal((12, SIZE))
        self.matrix = np.zeros((0, SIZE), np.float32)
        self.alive = np.zeros(0, bool)

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Near a 12-dimensional plane, of about unit length: neighbours mean something."""
        points = self._random.standard_normal((count, 12)) @ self._basis
        points += 0.05 * self._random.standard_normal((count, SIZE))
        return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    def grow(self, vectors: NDArray[np.float32]) -> list[int]:
        first = len(self.matrix)
        self.matrix = np.concatenate([self.matrix, vectors])
        self.alive = np.concatenate([self.alive, np.ones(len(vectors), bool)])
        return list(range(first, len(self.matrix)))

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float64]:
        matrix, query = self.matrix.astype(np.float64), query.astype(np.float64)
        match self.distance:
            case "Euclid":
                return np.linalg.norm(matrix - query, axis=1)
            case "Manhattan":
                return np.abs(matrix - query).sum(axis=1)
            case "Cosine":
                return matrix @ query / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(query))
        return matrix @ query

    def recall(self, hits: list[Any], query: NDArray[np.float32], allowed: NDArray[np.bool_]) -> float:
        """Share of the true neighbours found; every hit must be allowed and carry its own score, best first."""
        ids, found = [hit.id for hit in hits], np.array([hit.score for hit in hits])
        scores = self.scores(query)
        assert len(set(ids)) == len(ids) == min(LIMIT, int(allowed.sum()))
        assert allowed[ids].all(), "dead or filtered points"
        np.testing.assert_allclose(found, scores[ids], RELATIVE, 1e-6)
        nearer = scores if self.distance in ("Euclid", "Manhattan") else -scores
        assert (np.diff(nearer[ids]) > -1e-5).all(), "best first"
        border = np.sort(nearer[allowed])[len(ids) - 1]
        return float(np.mean(nearer[ids] <= border + 1e-6))


GROUPS = {"group": 4, "rare": 97}
"""Payload `group` is the id modulo 4 (a wide filter), `rare` modulo 97 (a narrow one)."""


class Searched:
    """A store, and the world it should show."""

    def __init__(self, kind: str, distance: str, threshold: int | None) -> None:
        self.world = World(distance)
        self.store = StoreHandle(kind)
        self.store.client.create_collection(
            NAME,
            m.VectorParams(size=SIZE, distance=m.Distance(distance)),
            optimizers_config=m.OptimizersConfigDiff(indexing_threshold=threshold),
        )

    @property
    def client(self) -> Any:
        return self.store.client

    def add(self, vectors: NDArray[np.float32]) -> None:
        ids = self.world.grow(vectors)
        payloads = [{name: i % modulo for name, modulo in GROUPS.items()} for i in ids]
        self.client.upsert(NAME, {"ids": ids, "vectors": vectors, "payloads": payloads})

    def replace(self, ids: list[int]) -> None:
        self.world.matrix[ids] = self.world.vectors(len(ids))
        points = [m.PointVectors(id=i, vector=self.world.matrix[i].tolist()) for i in ids]
        self.client.update_vectors(NAME, points)

    def delete(self, ids: list[int]) -> None:
        self.world.alive[ids] = False
        self.client.delete(NAME, ids)

    def check(self, least_recall: float, params: dict[str, Any], queries: int = 8) -> None:
        """All filters, new query vectors: mean recall of each filter, and no wrong hit at all."""
        for name, value in ((None, 0), ("group", 3), ("rare", 5)):
            allowed = self.world.alive.copy()
            filter = None
            if name is not None:
                allowed &= np.arange(len(allowed)) % GROUPS[name] == value
                filter = m.Filter(must=[m.FieldCondition(key=name, match=m.MatchValue(value=value))])
            recalls = []
            for query in self.world.vectors(queries):
                response = self.client.query_points(
                    NAME, query, query_filter=filter, limit=LIMIT, search_params=m.SearchParams(**params)
                )
                recalls.append(self.world.recall(response.points, query, allowed))
            assert np.mean(recalls) >= least_recall, (name, params, recalls)

    def check_all(self) -> None:
        self.check(1.0, {"exact": True})
        self.check(0.99, {})
        self.check(0.95, {"hnsw_ef": NARROW})


@pytest.fixture(params=KINDS)
def searched(request: pytest.FixtureRequest) -> Iterator[Any]:
    """`searched(distance, threshold)` makes a `Searched` on the store of this run."""
    made: list[Searched] = []

    def make(distance: str, threshold: int | None) -> Searched:
        made.append(Searched(request.param, distance, threshold))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.mark.parametrize("distance", ["Cosine", "Dot", "Euclid", "Manhattan"])
def test_scans_find_what_exact_arithmetic_finds(searched: Any, distance: str) -> None:
    world = searched(distance, 0)  # 0: never a graph
    world.add(world.world.vectors(ROWS))
    assert world.client.wait_until_indexed(NAME, 60)
    assert world.client.get_collection(NAME).indexed_vectors_count == 0
    world.check_all()
    world.replace(list(range(0, ROWS, 50)))
    world.delete(list(range(7, ROWS, 11)))
    world.add(world.world.vectors(200))
    world.check(0.99, {})


@pytest.mark.parametrize("distance", ["Cosine", "Dot", "Euclid"])
def test_a_graph_finds_what_exact_arithmetic_finds(searched: Any, distance: str) -> None:
    """Also with a tail it does not hold yet, with dead rows, after reopening, and after the next generation."""
    world = searched(distance, 1)
    world.add(world.world.vectors(ROWS))
    assert world.client.wait_until_indexed(NAME, 120)
    info = world.client.get_collection(NAME)
    assert (info.status, info.indexed_vectors_count, info.points_count) == ("green", ROWS, ROWS)
    world.check_all()

    world.replace(list(range(0, ROWS, 50)))
    world.add(world.world.vectors(300))
    world.delete(list(range(7, ROWS, 11)))
    world.check_all()

    world.store.reopen()
    world.check(0.95, {"hnsw_ef": NARROW})

    world.delete([i for i in range(ROWS) if i % 3 == 0])  # more than 20 %: worth a new generation
    assert world.client.wait_until_indexed(NAME, 120)
    info = world.client.get_collection(NAME)
    assert (info.status, info.points_count) == ("green", int(world.world.alive.sum()))
    assert info.indexed_vectors_count == info.points_count
    world.check_all()


def test_indexed_only_leaves_out_what_the_graph_does_not_hold(searched: Any) -> None:
    world = searched("Cosine", 1)
    world.add(world.world.vectors(ROWS))
    assert world.client.wait_until_indexed(NAME, 120)
    query = world.world.vectors(1)
    world.add(np.repeat(query, 5, axis=0))

    def ids(**params: Any) -> set[int]:
        search = m.SearchParams(hnsw_ef=NARROW, **params)
        return {hit.id for hit in world.client.query_points(NAME, query[0], limit=5, search_params=search).points}

    assert ids() == set(range(ROWS, ROWS + 5))
    assert not ids(indexed_only=True) & set(range(ROWS, ROWS + 5))


EVERY_KIND: Schema = (
    Field("v", size=6, distance="Euclid"),
    Field("half", size=4, distance="Manhattan", datatype="float16"),
    Field("bytes", size=4, distance="Dot", datatype="uint8"),
    Field("multi", kind="multi", size=3, distance="Dot"),
    Field("sparse", kind="sparse"),
    Field("idf", kind="sparse", idf=True),
)
FILTERS = (
    None,
    m.Filter(must=[m.FieldCondition(key="half", match=m.MatchValue(value=1))]),
    m.Filter(must=[m.FieldCondition(key="n", match=m.MatchValue(value=2))], must_not=[m.HasIdCondition(has_id=[9])]),
    m.Filter(must=[m.HasIdCondition(has_id=list(range(0, 400, 4)))]),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_generation_is_the_same_collection(kind: str) -> None:
    """More than a fifth of 1,200 points deleted or replaced: vacuum copies every kind of vector, no answer changes."""
    numbers = Numbers(seed=3, whole=False)
    points = numbers.points(EVERY_KIND, 1200, missing=0.2)
    model = CollectionModel(EVERY_KIND)
    with StoreHandle(kind) as store:
        store.client.create_collection(NAME, **arguments(EVERY_KIND))

        def apply(operation: Any) -> None:
            model.apply(operation)
            store.client.batch_update_points(NAME, [operation])

        def check() -> None:
            assert_points(everything(store.client, NAME, 500), model, model.ids())
            for field in EVERY_KIND:
                for filter in FILTERS:
                    assert store.client.count(NAME, filter).count == len(model.ids(filter))
                    request = m.QueryRequest(query=numbers.vector(field), using=field.name, filter=filter, limit=20)
                    ranking = BruteForce(model).ranking(request)
                    hits = store.client.query_batch_points(NAME, [request])[0].points
                    assert_same_hits(hits, ranking, 20)
                    assert {hit.id: hit.version for hit in hits} == {
                        hit.id: model.points[hit.id].version for hit in hits
                    }

        apply(m.UpsertOperation(upsert=m.PointsList(points=points)))
        check()
        replaced = numbers.points(EVERY_KIND, 150, missing=0.2)
        apply(m.UpsertOperation(upsert=m.PointsList(points=replaced)))
        third = m.FieldCondition(key="n", range=m.Range(gte=4))
        apply(m.DeleteOperation(delete=m.FilterSelector(filter=m.Filter(must=[third]))))
        apply(m.SetPayloadOperation(set_payload=m.SetPayload(payload={"n": 2}, filter=FILTERS[3])))
        dropped = m.DeleteVectors(vector=["multi", "idf"], filter=FILTERS[3])
        apply(m.DeleteVectorsOperation(delete_vectors=dropped))
        apply(m.DeleteOperation(delete=m.PointIdsList(points=[p.id for p in points[600:720]])))
        check()
        assert store.client.wait_until_indexed(NAME, 60)
        check()
        apply(m.UpsertOperation(upsert=m.PointsList(points=numbers.points(EVERY_KIND, 40, missing=0.2))))
        check()
        store.reopen()
        check()
