"""Small fixed collections, each held by minidb (both stores), by qdrant-edge and by qdrant-client's local mode.

Properties draw queries, not points: a world is built once. Coordinates are random, so equal scores come from the
formulas under test and not from the data; payloads hold every kind of value the variants read.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_client
import qdrant_edge as edge
from hypothesis import HealthCheck, settings
from qdrant_client import models as m

from minidb import QdrantClient, models

NAME = "points"
OTHER = "other"
SIZE = 3
N = 24
WORLDS = 3
DISTANCES = {"dot": "Dot", "cos": "Cosine", "euclid": "Euclid", "manhattan": "Manhattan"}
DENSE = list(DISTANCES)
MULTI = ["multi_dot", "multi_cos", "multi_euclid"]
SPARSE = ["sparse", "sparse_idf"]
FIELDS = [*DENSE, *MULTI, *SPARSE]
ASCENDING = {"euclid", "manhattan", "multi_euclid"}
MULTI_DISTANCES = {"multi_dot": "Dot", "multi_cos": "Cosine", "multi_euclid": "Euclid"}
UUIDS = ["11111111-1111-1111-1111-111111111111", "f47ac10b-58cc-4372-a567-0e02b2c3d479"]

warnings.filterwarnings("ignore", module="qdrant_client")


def cases(share: int) -> settings:
    """How many examples a property runs; the environment variable MINIDB_CASES multiplies it."""
    factor = float(os.environ.get("MINIDB_CASES", "1"))
    return settings(
        max_examples=max(1, int(share * factor)),
        deadline=None,
        derandomize=factor == 1.0,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class World:
    stores: list[QdrantClient]
    rust: edge.EdgeShard
    local: qdrant_client.QdrantClient
    points: list[m.PointStruct]

    @property
    def ids(self) -> list[int | str]:
        return [point.id for point in self.points]

    def having(self, field: str) -> list[int | str]:
        return [point.id for point in self.points if field in point.vector]


@lru_cache(maxsize=WORLDS)
def world(number: int) -> World:
    points = _points(Random(number))
    folder = tempfile.mkdtemp(prefix="minidb-worlds-")
    stores = [QdrantClient(":memory:"), QdrantClient(f"{folder}/minidb", durability="off")]
    local = qdrant_client.QdrantClient(":memory:")
    for client, kinds in [*((store, models) for store in stores), (local, m)]:
        for name in (NAME, OTHER):
            client.create_collection(name, **_config(kinds))
        client.upsert(NAME, [kinds.PointStruct(**_plain(point, kinds)) for point in points])
        other = [kinds.PointStruct(**_plain(point, kinds)) for point in _points(Random(100 + number))]
        client.upsert(OTHER, other)
    rust = edge.EdgeShard.create(tempfile.mkdtemp(dir=folder), _edge_config())
    rust.update(edge.UpdateOperation.upsert_points([_edge_point(point) for point in points]))
    for key, kind in (("int", "Integer"), ("float", "Float"), ("when", "Datetime")):
        rust.update(edge.UpdateOperation.create_field_index(key, getattr(edge.PayloadSchemaType, kind)))
        for store in stores:
            store.create_payload_index(NAME, key, kind.lower())

    def close() -> None:
        for store in stores:
            store.close()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    return World(stores, rust, local, points)


def _points(random: Random) -> list[m.PointStruct]:
    ids: list[int | str] = [*range(1, N - 1), *UUIDS]
    return [m.PointStruct(id=point_id, vector=_vectors(random), payload=_payload(random)) for point_id in ids]


def _vectors(random: Random) -> dict[str, Any]:
    vectors: dict[str, Any] = {}
    for field in FIELDS:
        if random.random() < 0.15:
            continue
        vectors[field] = random_vector(random, field)
    return vectors


def random_vector(random: Random, field: str) -> Any:
    def dense() -> list[float]:
        return [round(random.uniform(-2, 2), 3) for _ in range(SIZE)]

    if field in DENSE:
        return dense()
    if field in MULTI:
        return [dense() for _ in range(random.randrange(1, 4))]
    indices = sorted(random.sample(range(8), random.randrange(1, 5)))
    return m.SparseVector(indices=indices, values=[round(random.uniform(-2, 2), 3) or 0.5 for _ in indices])


def _payload(random: Random) -> dict[str, Any]:
    def maybe(*values: Any) -> Any:
        return random.choice(values)

    def many(one: Any) -> Any:
        return maybe(one(), one(), [one()], [one(), one(), one()], [])

    payload = {
        "int": many(lambda: random.randrange(-5, 6)),
        "float": many(lambda: maybe(random.randrange(-3, 4), round(random.uniform(-3, 3), 2))),
        "when": many(
            lambda: f"2024-0{random.randrange(1, 4)}-1{random.randrange(0, 3)}T0{random.randrange(0, 3)}:00:00Z"
        ),
        "group": maybe("a", "b", "c", 1, 2, ["a", "b"], ["a", "a", 1], 1.5, True, None, ["a", 2.5], {"x": 1}, []),
        "place": maybe({"lon": random.uniform(-180, 180), "lat": random.uniform(-90, 90)}, [{"lon": 1.0, "lat": 2.0}]),
        "mixed": maybe(1, 2.5, "text", True, None, [3], [1, 2], [], {"lon": 1}, "2024-01-01"),
        "number": random.choice([0, 1, -1, 2, 0.5, -0.25, 3]),
        "color": maybe("red", "green", "blue"),
    }
    for key in list(payload):
        if key != "number" and random.random() < 0.15:
            del payload[key]
    return payload


def _plain(point: m.PointStruct, kinds: Any) -> dict[str, Any]:
    vectors = {
        name: kinds.SparseVector(indices=vector.indices, values=vector.values) if name in SPARSE else vector
        for name, vector in point.vector.items()
    }
    return {"id": point.id, "vector": vectors, "payload": point.payload}


def _config(kinds: Any) -> dict[str, Any]:
    vectors = {name: kinds.VectorParams(size=SIZE, distance=distance) for name, distance in DISTANCES.items()}
    for name, distance in MULTI_DISTANCES.items():
        late = kinds.MultiVectorConfig(comparator="max_sim")
        vectors[name] = kinds.VectorParams(size=SIZE, distance=distance, multivector_config=late)
    sparse = {"sparse": kinds.SparseVectorParams(), "sparse_idf": kinds.SparseVectorParams(modifier="idf")}
    return {"vectors_config": vectors, "sparse_vectors_config": sparse}


def _edge_config() -> edge.EdgeConfig:
    late = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
    vectors = {
        name: edge.EdgeVectorParams(size=SIZE, distance=getattr(edge.Distance, distance))
        for name, distance in DISTANCES.items()
    }
    for name, distance in MULTI_DISTANCES.items():
        vectors[name] = edge.EdgeVectorParams(
            size=SIZE, distance=getattr(edge.Distance, distance), multivector_config=late
        )
    sparse = {
        "sparse": edge.EdgeSparseVectorParams(),
        "sparse_idf": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf),
    }
    return edge.EdgeConfig(vectors=vectors, sparse_vectors=sparse)


def _edge_point(point: m.PointStruct) -> edge.Point:
    vectors = {name: edge_vector(vector) for name, vector in point.vector.items()}
    return edge.Point(edge_id(point.id), vectors, point.payload)


def edge_id(point_id: int | str) -> Any:
    return UUID(point_id) if isinstance(point_id, str) else point_id


def edge_vector(vector: Any) -> Any:
    return edge.SparseVector(vector.indices, vector.values) if hasattr(vector, "indices") else vector


# --- comparing answers ------------------------------------------------------------------------------------------------

TOLERANCE = 2e-5


def close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


def pairs(points: Sequence[Any]) -> list[tuple[str, float]]:
    return [(str(point.id), point.score) for point in points]


def assert_prefix(got: Sequence[Any], ranking: Sequence[Any], limit: int, offset: int = 0) -> None:
    """`got` is a page of the whole ranking: same scores at each place, every point with its own score, none twice."""
    expected = pairs(ranking)
    scores = dict(expected)
    found = pairs(got)
    assert len(found) == max(0, min(limit, len(expected) - offset)), (found, expected)
    assert len({point_id for point_id, _ in found}) == len(found)
    for (point_id, score), (_, at_place) in zip(found, expected[offset:], strict=False):
        assert point_id in scores, (found, expected)
        assert close(score, scores[point_id]), (point_id, found, expected)
        assert close(score, at_place), (point_id, found, expected)


def assert_ties_by_id(points: Sequence[Any]) -> None:
    """Equal scores come in the order of ids: integers, then UUIDs."""
    for one, other in pairwise(points):
        if one.score == other.score:
            assert id_key(one.id) < id_key(other.id)


def id_key(point_id: int | str) -> tuple[bool, int | str]:
    return isinstance(point_id, str), point_id


def finite(points: Sequence[Any]) -> bool:
    return bool(np.isfinite([point.score for point in points]).all())
