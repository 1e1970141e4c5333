"""A collection with everything that can be in one, all that can be seen of a store, and the three doors to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import qdrant_client

import minidb
from minidb import QdrantClient, models
from minidb.rest import Api

MULTI = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
N = 60
QUERY = [0.3, -0.1, 0.7, 0.2]
WORDS = models.SparseVector(indices=[0, 3, 4_000_000_000], values=[1.0, 0.5, 2.0])
TAG_3 = models.Filter(must=[models.FieldCondition(key="tag", match=models.MatchValue(value="t3"))])


def new_world(client: QdrantClient, name: str = "world") -> None:
    """Every kind of vector, id, payload and setting; rows that died, vectors that came and went."""
    client.create_collection(
        name,
        vectors_config={
            "f32": models.VectorParams(size=4, distance=models.Distance.COSINE),
            "f16": models.VectorParams(size=3, distance=models.Distance.EUCLID, datatype=models.Datatype.FLOAT16),
            "u8": models.VectorParams(size=5, distance=models.Distance.DOT, datatype=models.Datatype.UINT8),
            "multi": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=MULTI),
            "gone": models.VectorParams(size=1, distance=models.Distance.DOT),
        },
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100_000),
        hnsw_config=models.HnswConfigDiff(m=8),
        strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=9999),
        metadata={"made": {"by": "a test", "für": ["ü", 1]}},
    )
    client.upsert(name, [point(at) for at in range(N)])
    client.update_vectors(name, [models.PointVectors(id=at, vector={"gone": [1.0]}) for at in range(1, 20)])
    client.delete_vector_name(name, "gone")
    client.create_vector_name(
        name, "late", models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=2, distance="Manhattan"))
    )
    client.update_vectors(name, [models.PointVectors(id=at, vector={"late": [at, 0.1]}) for at in range(1, 20)])
    client.create_payload_index(name, "tag", "keyword")
    client.create_payload_index(name, "n", models.IntegerIndexParams(type="integer", lookup=True, range=True))
    client.create_payload_index(name, "text", models.TextIndexParams(type="text", tokenizer="prefix"))
    client.delete(name, [3, 7])
    client.set_payload(name, {"n": -5}, [11], key="o.deep")
    client.upsert(name, [point(11, shift=1)])


def point(at: int, shift: int = 0) -> models.PointStruct:
    vector: dict[str, Any] = {"f32": [at + 0.1, 1.0 / (at + 1), -at * 1.5, 0.3]}
    if at % 2:
        vector["f16"] = [at / 7, -1e-4, 65504.0]
    if at % 3:
        vector["u8"] = [at, 255, 0, at * 2, 1]
    if at % 4:
        vector["multi"] = [[at + 0.5, token / 3] for token in range(at % 4)]
    if at % 5:
        vector["words"] = models.SparseVector(indices=[4_000_000_000, at % 7], values=[0.1 * at, 1.0])
    payload = {
        "n": at + shift,
        "tag": f"t{at % 5}",
        "text": f"Grüße {at} from the snapshot",
        "o": {"deep": [{"x": None}, [1, 2.5, True]], "": "empty key"},
        "big": [2**63 - 1, -(2**63), 2**64 - 1, 0.1, 1e300],
        "日本": "\U0001f40d\u0000",
    }
    return models.PointStruct(id=point_id(at), vector=vector, payload=payload if at % 10 else None)


def point_id(at: int) -> int | str:
    special = {20: 2**64 - 1, 21: 2**63, 22: 0}
    return str(uuid.UUID(int=at * 2**70 + 1)) if at > 50 else special.get(at, at + 1000 if at == 0 else at)


def answers(client: QdrantClient, name: str) -> dict[str, Any]:
    """What searches, filters and indexes say."""

    def hits(query: Any, using: str, **more: Any) -> list[tuple[Any, float, int]]:
        found = client.query_points(name, query, using=using, limit=10, **more).points
        return [(hit.id, hit.score, hit.version) for hit in found]

    exact = models.SearchParams(exact=True)
    return {
        "f32": hits(QUERY, "f32", search_params=exact),
        "f16": hits([1.0, 2.0, 3.0], "f16", search_params=exact),
        "u8": hits([1.0, 2.0, 3.0, 4.0, 5.0], "u8", search_params=exact),
        "multi": hits([[0.1, 0.9], [1.0, 0.0]], "multi", search_params=exact),
        "late": hits([3.0, 0.0], "late", search_params=exact),
        "words": hits(WORDS, "words"),
        "filtered": hits(QUERY, "f32", query_filter=TAG_3),
        "count": client.count(name, TAG_3).count,
        "facet": sorted((hit.value, hit.count) for hit in client.facet(name, "tag").hits),
        "order": [found.id for found in client.scroll(name, order_by=models.OrderBy(key="n"), limit=50)[0]],
        "text": client.count(
            name, models.Filter(must=[models.FieldCondition(key="text", match=models.MatchText(text="snap"))])
        ).count,
    }


def contents(client: QdrantClient, name: str) -> Any:
    """All points, their versions, the configuration: everything as text, so that floats are compared bit for bit."""
    points = client.query_points(name, limit=9999, with_payload=True, with_vectors=True).points
    info = client.get_collection(name)
    return (
        [(hit.id, hit.version, repr(hit.payload), repr(hit.vector)) for hit in sorted(points, key=lambda p: str(p.id))],
        info.config.model_dump(mode="json"),
        {path: schema.model_dump(mode="json") for path, schema in info.payload_schema.items()},
        info.points_count,
    )


def dump(client: QdrantClient) -> Any:
    """All that can be seen of a store."""
    names = [found.name for found in client.get_collections().collections]
    aliases = [(alias.alias_name, alias.collection_name) for alias in client.get_aliases().aliases]
    return {name: contents(client, name) for name in names}, sorted(aliases)


def files(client: QdrantClient) -> list[str]:
    """What lies in the folder of snapshots."""
    root = client._database.snapshots._root()
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def location(client: QdrantClient, name: str | None, snapshot: str) -> str:
    """Where a snapshot lies, as a URL."""
    return client._database.snapshots.path(name, snapshot).as_uri()


def add_alias(client: QdrantClient, alias: str, name: str) -> None:
    action = models.CreateAlias(alias_name=alias, collection_name=name)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=action)])


@dataclass(frozen=True)
class Doors:
    """One store, through minidb's client, the official one, and plain HTTP."""

    client: QdrantClient
    official: qdrant_client.QdrantClient
    http: httpx.Client
    api: Api


@contextmanager
def opened(place: str | Path) -> Iterator[Doors]:
    transport = minidb.Transport
    with QdrantClient(place, durability="off") as client:
        official = qdrant_client.QdrantClient(
            url="http://minidb", transport=transport(client), check_compatibility=False
        )
        http = httpx.Client(base_url="http://minidb", transport=transport(client))
        yield Doors(client, official, http, Api(client._database))
        official.close()
        http.close()
