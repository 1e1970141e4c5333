"""One behaviour behind every door: the same calls give the same results, and the same refusals, wherever they go in.

The doors: minidb's own client and its async twin, the official clients over the transports, and the official client
over HTTP. All results are compared with those of minidb's own client with minidb's own models.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import qdrant_client
from door_answers import over_grpc, plain, refusal, without_empty_payloads

import minidb
from minidb.database import Database

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
OFFICIAL: dict[str, Any] = {"check_compatibility": False, "cloud_inference": True}  # inference is the store's


class Door:
    """A client whose methods are called alike, awaited or not, and the module of its models as `m`."""

    def __init__(self, client: Any, models: Any) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()
        self.m = models

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call

    def done(self) -> None:
        self.close()
        self._loop.close()


@contextmanager
def _own() -> Iterator[Door]:
    yield Door(minidb.QdrantClient(":memory:"), minidb.models)


@contextmanager
def _own_with_official_models() -> Iterator[Door]:
    yield Door(minidb.QdrantClient(":memory:"), qdrant_client.models)


@contextmanager
def _own_async() -> Iterator[Door]:
    yield Door(minidb.AsyncQdrantClient(":memory:"), qdrant_client.models)


@contextmanager
def _official() -> Iterator[Door]:
    transport = minidb.Transport(":memory:")
    yield Door(qdrant_client.QdrantClient(url="http://minidb", **OFFICIAL, transport=transport), qdrant_client.models)


@contextmanager
def _official_async() -> Iterator[Door]:
    transport = minidb.AsyncTransport(":memory:")
    yield Door(
        qdrant_client.AsyncQdrantClient(url="http://minidb", **OFFICIAL, transport=transport), qdrant_client.models
    )


@contextmanager
def _http(asynchronous: bool = False, **options: Any) -> Iterator[Door]:
    served = pytest.importorskip("minidb.server")
    database = Database(":memory:")
    with served.Server(database, served.Settings(port=0, grpc_port=0)) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        kind = qdrant_client.AsyncQdrantClient if asynchronous else qdrant_client.QdrantClient
        port = int(server.grpc_address.rpartition(":")[2])
        try:
            yield Door(kind(url=server.url, grpc_port=port, **OFFICIAL, **options), qdrant_client.models)
        finally:
            server.stop()
            thread.join()
            database.close()


DOORS = {
    "own": _own,
    "own, official models": _own_with_official_models,
    "own async": _own_async,
    "official": _official,
    "official async": _official_async,
    "official over HTTP": _http,
    "official over gRPC": partial(_http, prefer_grpc=True),
    "official async over gRPC": partial(_http, asynchronous=True, prefer_grpc=True),
}
OTHERS = [name for name in DOORS if name != "own"]


# The steps


def city(d: Door, *names: str) -> Any:
    return d.m.FieldCondition(key="city", match=d.m.MatchAny(any=list(names)))


def n_from(d: Door, low: float) -> Any:
    return d.m.FieldCondition(key="n", range=d.m.Range(gte=low))


def sparse(d: Door, **weights: float) -> Any:
    return d.m.SparseVector(indices=[int(name[1:]) for name in weights], values=list(weights.values()))


def point(d: Door, number: int) -> Any:
    vectors = {
        "v": [0.1 * number, 1.0, -0.3],
        "w": [float(number % 3), 0.7],
        "many": [[0.1, 0.2 * number], [1.0, float(number % 2)]],
        "words": sparse(d, _1=0.1 * (number + 1), _7=1.0, **({f"_{number + 20}": 0.5})),
    }
    payload = {
        "city": ["Berlin", "London", "Moscow"][number % 3],
        "n": number,
        "price": 0.1 * number,
        "tags": ["a", "b", "c"][: number % 3],
        "at": f"2024-03-{number + 1:02d}T12:00:00Z",
        "place": {"lat": 50.0 + number, "lon": 10.0},
        "text": f"a quick brown fox and {number} lazy dogs",
        "none": None,
        "π": 3.141592653589793,
    }
    return d.m.PointStruct(
        id=number if number % 4 != 3 else f"{UUID[:-2]}{number:02d}", vector=vectors, payload=payload
    )


def create(d: Door) -> Any:
    m = d.m
    return d.create_collection(
        "c",
        vectors_config={
            "v": m.VectorParams(size=3, distance=m.Distance.COSINE),
            "w": m.VectorParams(size=2, distance=m.Distance.EUCLID, datatype=m.Datatype.FLOAT16, on_disk=True),
            "many": m.VectorParams(
                size=2,
                distance=m.Distance.DOT,
                multivector_config=m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"words": m.SparseVectorParams(modifier=m.Modifier.IDF)},
        hnsw_config=m.HnswConfigDiff(m=8),
        optimizers_config=m.OptimizersConfigDiff(indexing_threshold=0),
        quantization_config=m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8)),
        metadata={"owner": "tests", "list": [1, 0.1, None]},
    )


def info(d: Door, name: str = "c") -> Any:
    found = plain(d.get_collection(name))
    assert found.pop("created_at") is not None
    return found


def everything(d: Door, name: str = "c") -> Any:
    return d.scroll(name, limit=100, with_vectors=True)


def aliases(d: Door, *actions: Any) -> Any:
    return d.update_collection_aliases(list(actions))


def create_alias(d: Door, name: str, alias: str) -> Any:
    return d.m.CreateAliasOperation(create_alias=d.m.CreateAlias(collection_name=name, alias_name=alias))


def pages(d: Door) -> Any:
    """All ids, three by three."""
    found, offset = [], None
    while True:
        page, offset = d.scroll("c", limit=3, offset=offset, with_payload=False)
        found.append(([record.id for record in page], offset))
        if offset is None:
            return found


def query(d: Door, query: Any = None, **more: Any) -> Any:
    return d.query_points("c", query=query, **more)


def v_query(d: Door) -> Any:
    return d.m.Prefetch(query=[0.5, 0.25, 1.0], using="v", limit=6)


def words_query(d: Door, filter: Any = None) -> Any:
    return d.m.Prefetch(query=sparse(d, _1=1.0, _7=0.5, _22=2.0), using="words", limit=8, filter=filter)


def recommend(d: Door, **fields: Any) -> Any:
    return d.m.RecommendQuery(recommend=d.m.RecommendInput(**fields))


def ids_sorted(response: Any) -> list[str]:
    return sorted(str(hit.id) for hit in response.points)


def batch_update(d: Door) -> Any:
    m = d.m
    return d.batch_update_points(
        "c",
        [
            m.UpsertOperation(upsert=m.PointsList(points=[point(d, 30), point(d, 32)])),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload={"n": -1}, points=[30])),
            m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload={"o": 1}, points=[32])),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["city"], points=[30])),
            m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[1])),
            m.UpdateVectorsOperation(
                update_vectors=m.UpdateVectors(points=[m.PointVectors(id=30, vector={"w": [9.0, 9.0]})])
            ),
            m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=[32], vector=["w", "many"])),
            m.DeleteOperation(delete=m.FilterSelector(filter=m.Filter(must=[city(d, "Moscow")]))),
        ],
    )


STEPS: dict[str, Callable[[Door], Any]] = {
    "no collections": lambda d: d.get_collections(),
    "create": create,
    "exists": lambda d: [d.collection_exists("c"), d.collection_exists("d")],
    "info when empty": info,
    "create the unnamed": lambda d: d.create_collection("plain", d.m.VectorParams(size=2, distance=d.m.Distance.DOT)),
    "info of the unnamed": lambda d: info(d, "plain"),
    "collections": lambda d: d.get_collections(),
    # aliases
    "create aliases": lambda d: aliases(d, create_alias(d, "c", "a"), create_alias(d, "plain", "b")),
    "rename and delete aliases": lambda d: aliases(
        d,
        d.m.RenameAliasOperation(rename_alias=d.m.RenameAlias(old_alias_name="a", new_alias_name="aa")),
        d.m.DeleteAliasOperation(delete_alias=d.m.DeleteAlias(alias_name="b")),
    ),
    "aliases": lambda d: [d.get_aliases(), d.get_collection_aliases("c"), d.get_collection_aliases("plain")],
    # upserts
    "upsert points": lambda d: d.upsert("c", [point(d, number) for number in range(10)]),
    "upsert a batch": lambda d: d.upsert(
        "c",
        d.m.Batch(
            ids=[20, 21],
            vectors={"v": [[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]], "words": [sparse(d, _1=0.3), sparse(d, _5=0.7)]},
            payloads=[{"city": "Oslo", "n": 20}, {}],
        ),
    ),
    "upsert unnamed": lambda d: d.upsert(
        "plain", d.m.Batch(ids=[1, 2, 3], vectors=[[1.0, 0.1], [0.5, 0.7], [0.0, 1.0]])
    ),
    "upsert unnamed arrays": lambda d: d.upsert(
        "plain", [d.m.PointStruct(id=UUID, vector=[0.3, 0.4], payload={"x": 1})]
    ),
    "upload points": lambda d: d.upload_points("plain", [d.m.PointStruct(id=5, vector=[0.9, 0.8])], wait=True),
    "upload a collection": lambda d: d.upload_collection(
        "plain", np.array([[0.11, 0.12], [0.13, 0.14]], np.float32), [{"y": 1}, {"y": 2}], [6, 7], wait=True
    ),
    "points of the unnamed": lambda d: everything(d, "plain"),
    "points": everything,
    "insert only": lambda d: d.upsert(
        "plain",
        [d.m.PointStruct(id=at, vector=[0.2, 0.2], payload={"new": True}) for at in (1, 9)],
        update_mode=d.m.UpdateMode.INSERT_ONLY,
    ),
    "update only": lambda d: d.upsert(
        "plain",
        [d.m.PointStruct(id=at, vector=[0.2, 0.3], payload={"newer": True}) for at in (2, 10)],
        update_mode=d.m.UpdateMode.UPDATE_ONLY,
    ),
    "conditional": lambda d: d.upsert(
        "plain",
        [d.m.PointStruct(id=at, vector=[0.4, 0.4], payload={"z": 1}) for at in (6, 7, 11)],
        update_filter=d.m.Filter(must=[d.m.FieldCondition(key="y", match=d.m.MatchValue(value=2))]),
    ),
    "points after conditions": lambda d: everything(d, "plain"),
    # indexes
    "index keyword": lambda d: d.create_payload_index("c", "city", d.m.PayloadSchemaType.KEYWORD),
    "index integer": lambda d: d.create_payload_index(
        "c", "n", d.m.IntegerIndexParams(type=d.m.IntegerIndexType.INTEGER, lookup=True, range=True)
    ),
    "index float": lambda d: d.create_payload_index("c", "price", d.m.PayloadSchemaType.FLOAT),
    "index datetime": lambda d: d.create_payload_index("c", "at", d.m.PayloadSchemaType.DATETIME),
    "index text": lambda d: d.create_payload_index(
        "c",
        "text",
        d.m.TextIndexParams(type=d.m.TextIndexType.TEXT, tokenizer=d.m.TokenizerType.WORD, phrase_matching=True),
    ),
    "index and drop": lambda d: [d.create_payload_index("c", "x", "bool"), d.delete_payload_index("c", "x")],
    "info with indexes": info,
    # reads
    "retrieve": lambda d: d.retrieve("c", [2, f"{UUID[:-2]}03", 404, 0], with_vectors=["v", "words"]),
    "retrieve parts": lambda d: d.retrieve(
        "aa", [2], with_payload=d.m.PayloadSelectorInclude(include=["place.lat", "tags"])
    ),
    "retrieve without": lambda d: d.retrieve("c", [2], with_payload=d.m.PayloadSelectorExclude(exclude=["text", "π"])),
    "pages": pages,
    "scroll by order": lambda d: d.scroll(
        "c", order_by=d.m.OrderBy(key="price", direction=d.m.Direction.DESC, start_from=0.5), limit=4
    ),
    "scroll by date": lambda d: d.scroll("c", order_by="at", limit=3, with_payload=["at"]),
    "count": lambda d: [d.count("c"), d.count("c", exact=False), d.count("c", d.m.Filter(must=[city(d, "Berlin")]))],
    "filter must and not": lambda d: d.scroll(
        "c", d.m.Filter(must=[n_from(d, 3)], must_not=[city(d, "Berlin")]), with_payload=["n"]
    ),
    "filter should": lambda d: d.count(
        "c",
        d.m.Filter(
            should=[
                d.m.FieldCondition(key="text", match=d.m.MatchText(text="lazy 4")),
                d.m.FieldCondition(key="text", match=d.m.MatchPhrase(phrase="and 5 lazy")),
                d.m.FieldCondition(key="at", range=d.m.DatetimeRange(gt="2024-03-08T00:00:00Z")),
                d.m.FieldCondition(key="tags", values_count=d.m.ValuesCount(gt=1)),
                d.m.HasIdCondition(has_id=[0, f"{UUID[:-2]}07"]),
            ]
        ),
    ),
    "filter places and nulls": lambda d: d.scroll(
        "c",
        d.m.Filter(
            must=[
                d.m.FieldCondition(
                    key="place", geo_radius=d.m.GeoRadius(center=d.m.GeoPoint(lat=52.0, lon=10.0), radius=150_000.0)
                ),
                d.m.IsNullCondition(is_null=d.m.PayloadField(key="none")),
            ],
            min_should=d.m.MinShould(
                conditions=[d.m.IsEmptyCondition(is_empty=d.m.PayloadField(key="tags")), n_from(d, 2)], min_count=1
            ),
        ),
    ),
    "facet": lambda d: [d.facet("c", "city"), d.facet("c", "n", limit=3, exact=True)],
    "facet with a filter": lambda d: d.facet("c", "city", facet_filter=d.m.Filter(must=[n_from(d, 5)])),
    # queries
    "by vector": lambda d: query(d, [0.3, 0.2, 0.9], using="v", limit=5, with_vectors=["v"]),
    "by array": lambda d: query(d, np.array([0.3, 0.2], np.float32), using="w", limit=5, with_payload=False),
    "by id": lambda d: query(d, 4, using="v", offset=1, limit=3, score_threshold=0.5),
    "by uuid": lambda d: query(d, f"{UUID[:-2]}03", using="many", with_payload=["n"]),
    "by sparse vector": lambda d: query(d, sparse(d, _1=1.0, _24=3.0), using="words"),
    "by multivector": lambda d: query(d, [[0.1, 0.9], [1.0, 1.0]], using="many", limit=4),
    "filtered": lambda d: query(
        d,
        [0.3, 0.2, 0.9],
        using="v",
        query_filter=d.m.Filter(must=[city(d, "London")]),
        search_params=d.m.SearchParams(exact=True, hnsw_ef=20),
    ),
    "no query": lambda d: query(d, limit=3),
    "by text": lambda d: query(d, d.m.Document(text="words", model="minidb/hash-3"), using="v", limit=3),
    "rrf": lambda d: query(
        d,
        d.m.FusionQuery(fusion=d.m.Fusion.RRF),
        prefetch=[v_query(d), words_query(d, d.m.Filter(must=[n_from(d, 2)]))],
    ),
    "weighted rrf": lambda d: query(
        d, d.m.RrfQuery(rrf=d.m.Rrf(k=60, weights=[3.0, 1.0])), prefetch=[v_query(d), words_query(d)], limit=4
    ),
    "dbsf": lambda d: query(
        d, d.m.FusionQuery(fusion=d.m.Fusion.DBSF), prefetch=[v_query(d), words_query(d)], score_threshold=0.4
    ),
    "rescored": lambda d: query(
        d, [0.1, 0.1], using="w", prefetch=d.m.Prefetch(prefetch=[words_query(d)], query=3 * [0.5], using="v")
    ),
    "recommend": lambda d: query(d, recommend(d, positive=[1, [0.1, 0.2, 0.3]], negative=[2]), using="v", limit=4),
    "recommend best": lambda d: query(
        d, recommend(d, positive=[1], negative=[4], strategy=d.m.RecommendStrategy.BEST_SCORE), using="w"
    ),
    "discover": lambda d: query(
        d,
        d.m.DiscoverQuery(discover=d.m.DiscoverInput(target=2, context=[d.m.ContextPair(positive=1, negative=4)])),
        using="v",
    ),
    "context": lambda d: query(d, d.m.ContextQuery(context=[d.m.ContextPair(positive=1, negative=4)]), using="w"),
    "order by": lambda d: query(d, d.m.OrderByQuery(order_by=d.m.OrderBy(key="n", direction="desc")), limit=3),
    "mmr": lambda d: query(
        d, d.m.NearestQuery(nearest=3 * [0.5], mmr=d.m.Mmr(diversity=0.7, candidates_limit=6)), using="v", limit=4
    ),
    "formula": lambda d: query(
        d,
        d.m.FormulaQuery(
            formula=d.m.SumExpression(sum=["$score", d.m.MultExpression(mult=[0.1, "n"]), city(d, "Berlin")]),
            defaults={"n": 3},
        ),
        prefetch=v_query(d),
    ),
    "sample": lambda d: ids_sorted(query(d, d.m.SampleQuery(sample=d.m.Sample.RANDOM), limit=50)),
    "lookup": lambda d: d.query_points("plain", query=1, lookup_from=d.m.LookupLocation(collection="c", vector="w")),
    "a batch of queries": lambda d: d.query_batch_points(
        "c",
        [
            d.m.QueryRequest(query=[0.3, 0.2, 0.9], using="v", limit=2),
            d.m.QueryRequest(query=d.m.OrderByQuery(order_by="n"), limit=2, with_payload=["n"], with_vector=["w"]),
        ],
    ),
    "groups": lambda d: d.query_points_groups(
        "c", group_by="city", query=[0.3, 0.2, 0.9], using="v", group_size=2, limit=2
    ),
    "groups with lookup": lambda d: d.query_points_groups(
        "c",
        group_by="n",
        query=[0.3, 0.2, 0.9],
        using="v",
        limit=3,
        with_lookup=d.m.WithLookup(collection="plain", with_payload=True, with_vectors=True),
    ),
    "matrix pairs": lambda d: d.search_matrix_pairs("c", sample=50, limit=2, using="v"),
    "matrix offsets": lambda d: d.search_matrix_offsets(
        "c", query_filter=d.m.Filter(must=[n_from(d, 4)]), sample=50, limit=2, using="w"
    ),
    # payload
    "set payload": lambda d: d.set_payload("c", {"k": {"x": 0.1}, "none": None}, points=[0, 1]),
    "set payload at a key": lambda d: d.set_payload(
        "c", {"y": [1]}, points=d.m.Filter(must=[n_from(d, 8)]), key="k.deep"
    ),
    "overwrite payload": lambda d: d.overwrite_payload("c", {"only": None}, points=[21]),
    "delete payload": lambda d: d.delete_payload(
        "c", ["text", "place.lat"], points=d.m.Filter(must=[city(d, "London")])
    ),
    "clear payload": lambda d: d.clear_payload("c", [2]),
    "points after payload": everything,
    # vectors
    "update vectors": lambda d: d.update_vectors(
        "c",
        [
            d.m.PointVectors(id=0, vector={"w": [7.0, 0.7], "many": [[0.3, 0.3]]}),
            d.m.PointVectors(id=4, vector={"v": [0.1] * 3}),
        ],
    ),
    "delete vectors": lambda d: d.delete_vectors("c", ["words", "v"], [1, 2]),
    "delete vectors by filter": lambda d: d.delete_vectors("c", ["many"], d.m.Filter(must=[n_from(d, 8)])),
    "add a vector": lambda d: d.create_vector_name(
        "c", "added", d.m.DenseVectorNameConfig(dense=d.m.DenseVectorConfig(size=1, distance=d.m.Distance.MANHATTAN))
    ),
    "fill the vector": lambda d: d.update_vectors("c", [d.m.PointVectors(id=5, vector={"added": [0.7]})]),
    "ask the vector": lambda d: query(d, [0.1], using="added", with_vectors=True),
    "drop a vector": lambda d: d.delete_vector_name("c", "w"),
    "add it again": lambda d: d.create_vector_name(
        "c", "w", d.m.DenseVectorNameConfig(dense=d.m.DenseVectorConfig(size=2, distance=d.m.Distance.DOT))
    ),
    "points after vectors": everything,
    "batch of updates": batch_update,
    "points after the batch": everything,
    "acknowledged": lambda d: d.upsert("plain", [d.m.PointStruct(id=50, vector=[0.1, 0.1])], wait=True),
    "delete": lambda d: [
        d.delete("c", [0, 404]),
        d.delete("c", d.m.FilterSelector(filter=d.m.Filter(must=[n_from(d, 8)]))),
    ],
    "points after deletions": everything,
    # settings, and the end
    "update the collection": lambda d: d.update_collection(
        "c",
        optimizers_config=d.m.OptimizersConfigDiff(deleted_threshold=0.3),
        hnsw_config=d.m.HnswConfigDiff(ef_construct=50),
        vectors_config={"v": d.m.VectorParamsDiff(on_disk=False)},
        metadata={"owner": None, "more": {"x": 0.1}},
    ),
    "info at the end": info,
    "delete the collection": lambda d: [d.delete_collection("c"), d.delete_collection("c"), d.get_aliases()],
}


def _client_limits(d: Door) -> None:
    limits = d.m.StrictModeConfig(enabled=True, max_query_limit=5, read_rate_limit=1000, max_payload_index_count=0)
    d.update_collection("plain", strict_mode_config=limits)


WRONG: dict[str, Callable[[Door], Any]] = {
    "create again": lambda d: d.create_collection("plain"),
    "create badly named": lambda d: d.create_collection("a:b"),
    "create too wide": lambda d: d.create_collection("x", d.m.VectorParams(size=65537, distance="Dot")),
    "info of none": lambda d: d.get_collection("none"),
    "count of none": lambda d: d.count("none"),
    "alias of none": lambda d: aliases(d, create_alias(d, "none", "z")),
    "alias named like a collection": lambda d: aliases(d, create_alias(d, "plain", "plain")),
    "wrong dimension": lambda d: d.upsert("plain", [d.m.PointStruct(id=1, vector=[1.0])]),
    "unknown vector": lambda d: d.upsert("plain", [d.m.PointStruct(id=1, vector={"zz": [1.0]})]),
    "sparse into dense": lambda d: d.upsert("plain", [d.m.PointStruct(id=1, vector={"": sparse(d, _1=1.0)})]),
    "no points": lambda d: d.upsert("plain", []),
    "bad id": lambda d: d.retrieve("plain", ["seven"]),
    "payload of a missing point": lambda d: d.set_payload("plain", {"a": 1}, points=[404]),
    "payload of nothing": lambda d: d.batch_update_points(
        "plain", [d.m.SetPayloadOperation(set_payload=d.m.SetPayload(payload={"a": 1}))]
    ),
    "payload at a bad path": lambda d: d.set_payload("plain", {"a": 1}, points=[1], key="a..b"),
    "delete an unknown vector": lambda d: d.delete_vectors("plain", ["zz"], [1]),
    "query of a missing point": lambda d: d.query_points("plain", query=404),
    "query of a wrong dimension": lambda d: d.query_points("plain", query=[1.0, 2.0, 3.0]),
    "query by an unknown vector": lambda d: d.query_points("plain", query=[1.0], using="zz"),
    "prefetch without a query": lambda d: d.query_points("plain", prefetch=d.m.Prefetch(query=[1.0, 1.0])),
    "threshold without a query": lambda d: d.query_points("plain", score_threshold=0.5),
    "limit 0": lambda d: d.query_points("plain", query=[1.0, 1.0], limit=0),
    "order without an index": lambda d: d.scroll("plain", order_by="y"),
    "facet without an index": lambda d: d.facet("plain", "y"),
    "bad filter path": lambda d: d.count("plain", d.m.Filter(must=[d.m.FieldCondition(key="a[", is_null=True)])),
    "polygon of three": lambda d: d.count(
        "plain",
        d.m.Filter(
            must=[
                d.m.FieldCondition(
                    key="p",
                    geo_polygon=d.m.GeoPolygon(
                        exterior=d.m.GeoLineString.model_construct(points=[d.m.GeoPoint(lat=1, lon=1)])
                    ),
                )
            ]
        ),
    ),
    "lookup in none": lambda d: d.query_points("plain", query=1, lookup_from=d.m.LookupLocation(collection="none")),
    "group lookup in none": lambda d: d.query_points_groups("plain", "y", query=[1.0, 1.0], with_lookup="none"),
    "rrf weights": lambda d: d.query_points(
        "plain", query=d.m.RrfQuery(rrf=d.m.Rrf(weights=[1.0])), prefetch=2 * [d.m.Prefetch(query=[1.0, 1.0])]
    ),
    "unknown model": lambda d: d.query_points("plain", query=d.m.InferenceObject(object="x", model="no/such")),
    "strict limit": lambda d: (_client_limits(d), d.query_points("plain", query=[1.0, 1.0], limit=6)),
    "strict indexes": lambda d: d.create_payload_index("plain", "y", "integer"),
    "rate": lambda d: (
        d.update_collection("plain", strict_mode_config=d.m.StrictModeConfig(read_rate_limit=1)),
        d.query_batch_points("plain", 2 * [d.m.QueryRequest(query=[1.0, 1.0])]),
    ),
}


@cache
def outcomes(name: str) -> dict[str, Any]:
    """What each step gives at a door: a result, or the status and text of a refusal."""
    found: dict[str, Any] = {}
    with DOORS[name]() as door:
        for step, run in STEPS.items():
            found[step] = run(door)
        for step, run in WRONG.items():
            with pytest.raises(Exception) as caught:  # noqa: PT011 - `refusal` raises what is no refusal
                run(door)
            refused = caught.value
            if type(refused) is ValueError:
                found[step] = "ValueError", str(refused).partition(":")[0]
            else:
                found[step] = refusal(refused)
        door.done()
    return found


@pytest.mark.parametrize("door", OTHERS)
@pytest.mark.parametrize("step", STEPS)
def test_every_door_gives_the_same_result(door: str, step: str) -> None:
    given, expected = plain(outcomes(door)[step]), plain(outcomes("own")[step])
    assert given == (without_empty_payloads(expected) if "gRPC" in door else expected)


@pytest.mark.parametrize("door", OTHERS[1:])
@pytest.mark.parametrize("step", WRONG)
def test_every_door_refuses_with_the_same_status_and_text(door: str, step: str) -> None:
    """Compared with the own client given official models: minidb's own refuse some of it when they are made."""
    expected = outcomes(OTHERS[0])[step]
    assert 400 <= expected[0] < 500
    if "gRPC" in door:
        expected = GRPC_SAYS.get(step) or over_grpc(expected)
    assert outcomes(door)[step] == expected


GRPC_SAYS = {
    "bad id": ("INVALID_ARGUMENT", "Unable to parse UUID: seven"),
    "payload of nothing": ("ValueError", "invalid SetPayloadOperation model"),  # qdrant-client itself
}
"""Where Qdrant's words over gRPC are others, or none get there."""


def test_the_steps_have_something_to_show() -> None:
    """A query that finds nothing would be the same everywhere."""
    for step, result in outcomes("own").items():
        if step in STEPS and hasattr(result, "points"):
            assert result.points, step


@pytest.mark.parametrize("door", ["official", "official async"])
def test_results_equal_the_clients_objects(door: str) -> None:
    """With numbers that are the same in 32 and 64 bits no conversion is needed: `==` says it."""
    with DOORS["own"]() as ours, DOORS[door]() as theirs:
        for d in (ours, theirs):
            d.create_collection("c", {"v": d.m.VectorParams(size=2, distance="Dot")}, {"s": d.m.SparseVectorParams()})
            vectors = {"v": [0.5, 2.0], "s": d.m.SparseVector(indices=[1], values=[0.25])}
            points = [d.m.PointStruct(id=at, vector=vectors, payload={"n": at, "x": 0.1}) for at in (1, 2)]
            assert d.upsert("c", points).status == "completed"
            d.create_payload_index("c", "n", "integer")
        calls: list[Callable[[Door], Any]] = [
            lambda d: d.query_points("c", [1.0, 0.5], using="v", with_vectors=True),
            lambda d: d.query_points_groups("c", "n", [1.0, 0.5], using="v"),
            lambda d: d.scroll("c", with_vectors=True)[0],
            lambda d: d.retrieve("c", [2], with_vectors=["s"]),
            lambda d: d.count("c"),
            lambda d: d.facet("c", "n"),
            lambda d: d.search_matrix_pairs("c", using="v"),
            lambda d: d.search_matrix_offsets("c", using="v"),
            lambda d: d.set_payload("c", {"a": 1}, points=[1]),
        ]
        for call in calls:
            assert call(ours) == call(theirs)
        ours.done()
        theirs.done()
