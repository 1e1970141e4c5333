"""Inference through the client's door: built-in models, the cloud flag, keys around a call, usage, snippets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pytest
from counting import Counting, registry_of
from provider_service import Answer, Service
from qdrant_client import models as qdrant_models

import minidb
from minidb import QdrantClient, errors, inference, models
from minidb.inference import InferenceContext
from minidb.models.base import parse

HASH = "minidb/hash-64"
COOKIES = "Recipe for baking chocolate chip cookies"


@pytest.fixture
def collection(client):
    """Durable and in memory: an unnamed vector, two named ones, BM25."""
    named = {"": models.VectorParams(size=64, distance="Dot"), "other": models.VectorParams(size=64, distance="Cosine")}
    client.create_collection("c", named, {"bm25": models.SparseVectorParams(modifier="idf")})
    return client


def document(text, model=HASH, **options):
    return models.Document(text=text, model=model, options=options or None)


def point(number, vector, **payload):
    return models.PointStruct(id=number, vector=vector, payload=payload or None)


def vector_of(text):
    return inference.resolve(document(text), operation="update").tolist()


def hits(client, query, **arguments):
    return client.query_points("c", query, **arguments).points


def test_rows_001_014_017_018_020_061_an_object_in_the_place_of_a_vector(collection):
    collection.upsert("c", [point(1, document(COOKIES), topic="cooking", type="dessert")], wait=True)
    collection.upsert("c", [point(2, document("a green square"))], wait=True)
    response = collection.query_points("c", document("How to bake chocolate cookies?"), limit=1)
    assert [(hit.id, hit.payload) for hit in response.points] == [(1, {"topic": "cooking", "type": "dessert"})]


def test_rows_010_011_012_013_every_way_to_write_a_query(collection):
    collection.upsert(
        "c", [point(i, {"": document(t), "other": document(t[::-1])}) for i, t in enumerate(["abc", "xyz"])]
    )
    raw = {"text": "abc", "model": HASH}
    for using in (None, "other"):
        wanted = hits(collection, vector_of("abc"), using=using)
        ways = [document("abc"), raw, {"nearest": raw}, models.NearestQuery(nearest=document("abc"))]
        assert all(hits(collection, way, using=using) == wanted for way in ways)
    assert hits(collection, raw)[0].id == 0


def test_rows_004_015_016_019_classes_dicts_and_plain_vectors_side_by_side(collection):
    vectors = [
        {"": document("a"), "other": [0.5] * 64},
        {"": {"text": "a", "model": HASH}, "bm25": {"text": "a b", "model": "qdrant/bm25"}},
        {"other": qdrant_models.Document(text="a", model=HASH)},
    ]
    points = [point(1, vectors[0]), {"id": 2, "vector": vectors[1]}, qdrant_models.PointStruct(id=3, vector=vectors[2])]
    collection.upsert("c", points)
    one, two, three = collection.retrieve("c", [1, 2, 3], with_vectors=True)
    assert one.vector[""] == two.vector[""] == vector_of("a")
    assert three.vector["other"] == pytest.approx(vector_of("a"))
    assert len(two.vector["bm25"].indices) == 1


def test_rows_021_034_029_030_the_generated_vector_can_be_retrieved(collection):
    collection.upsert("c", [point(1, {"bm25": document(COOKIES, "Qdrant/bm25")})])
    (record,) = collection.retrieve("c", [1], with_vectors=True)
    assert list(record.vector["bm25"].indices) == [112174620, 177304315, 662344706, 771857363, 1617337648]
    assert list(record.vector["bm25"].values) == [1.6697301864624023] * 5


def test_rows_031_032_058_a_bm25_search(collection):
    texts = [COOKIES, "Mission to Mars", "cookies in the browser"]
    collection.upsert("c", [point(i, {"bm25": document(t, "qdrant/bm25")}) for i, t in enumerate(texts)])
    query = document("How to bake cookies?", "qdrant/bm25")
    assert [hit.id for hit in hits(collection, query, using="bm25")] == [0, 2]


def test_row_057_the_modifier_makes_rare_words_count(client):
    texts = ["common rare", "common", "common", "common common common"]
    scores = {}
    for modifier in (None, "idf"):
        client.recreate_collection("c", {}, {"bm25": models.SparseVectorParams(modifier=modifier)})
        client.upsert("c", [point(i, {"bm25": document(t, "bm25")}) for i, t in enumerate(texts)])
        found = hits(client, document("common rare", "bm25"), using="bm25")
        scores[modifier] = {hit.id: hit.score for hit in found}
    weights = inference.resolve([{"vector": {"v": document(texts[0], "bm25")}}], operation="update")[0]["vector"]["v"]
    assert scores[None][0] == pytest.approx(float(np.sum(weights.values)))
    assert scores["idf"][0] > 3 * scores["idf"][3]


def test_row_022_the_input_is_not_stored(tmp_path):
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=64, distance="Dot"))
        client.upsert("c", [point(1, document("unmistakable words"), kept="payload words")])
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"payload words" in stored
    assert b"unmistakable" not in stored


def test_rows_025_026_unnamed_objects_are_accepted_in_batches_and_updates(collection):
    batch = models.Batch(ids=[1, 2], vectors=[document("a"), document("b")])
    collection.upsert("c", batch)
    collection.update_vectors("c", [models.PointVectors(id=2, vector=document("c"))])
    assert [r.vector for r in collection.retrieve("c", [1, 2], with_vectors=True)] == [
        vector_of("a"),
        vector_of("c"),
    ]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"text": "x", "model": ""}, errors.ValidationError, "model: must not be empty"),
        ({"text": 5, "model": HASH}, errors.FormatError, "a valid string, got 5"),
        ({"text": None, "model": HASH}, errors.FormatError, "a valid string, got None"),
        ({"text": "x", "model": HASH, "option": {}}, errors.FormatError, "unknown field `option`"),
        ({"text": "x", "model": HASH, "options": []}, errors.FormatError, "options"),
    ],
)
def test_row_028_a_malformed_object_is_refused_wherever_it_stands(collection, given, error, text):
    with pytest.raises(error, match=text):
        collection.upsert("c", [point(2, [0.0] * 64), {"id": 1, "vector": given}])
    with pytest.raises(error, match=text):
        collection.query_points("c", given)
    assert collection.count("c").count == 0


def test_row_027_a_sparse_vector_must_be_named(collection):
    with pytest.raises(errors.BadInput, match="Sparse vector from document inference should be named"):
        collection.upsert("c", [point(1, document("a", "bm25"))])
    assert collection.count("c").count == 0


def test_rows_111_123_124_prefetch_and_query_share_an_input(collection):
    collection.upsert("c", [point(i, {"": document(f"t{i}"), "other": document(f"t{i}")}) for i in range(50)])
    prefetch = models.Prefetch(query=document("t7"), using="other", limit=20)
    with minidb.inference_usage() as usage:
        one = hits(collection, document("t7"), prefetch=prefetch, limit=5)
        many = hits(collection, document("t7"), prefetch=[prefetch], limit=5)
    assert one == many
    assert one[0].id == 7
    assert (usage.objects, usage.inputs) == (4, 2)


def test_rows_109_114_equal_objects_of_a_batch_are_one_input_whatever_holds_them(client, monkeypatch):
    """Of all searches of a batch, and of all operations of one, in one call; by the client's door."""
    counting = Counting(lambda content: [float(len(content)), 1.0])
    monkeypatch.setattr(inference, "_registry", registry_of(counting))
    vectors = {name: models.VectorParams(size=2, distance="Dot") for name in ("", "a")}
    client.create_collection("c", {**vectors, "b": models.VectorParams(size=1, distance="Dot")})
    text, cut = document("x", "test/m"), document("x", "test/m", mrl=1)
    client.batch_update_points(
        "c",
        [
            models.UpsertOperation(upsert=models.PointsList(points=[point(1, {"": text, "b": cut}), point(2, text)])),
            models.UpsertOperation(
                upsert=models.PointsBatch(batch=models.Batch(ids=[3, 4], vectors={"a": [text, text], "b": [cut, cut]}))
            ),
            models.UpdateVectorsOperation(
                update_vectors=models.UpdateVectors(points=[models.PointVectors(id=1, vector={"a": text})])
            ),
        ],
    )
    assert [len(request.inputs) for request in counting.requests] == [1]
    search = models.QueryRequest(query=text, using="a", prefetch=models.Prefetch(query=cut, using="b"))
    recommended = models.RecommendQuery(recommend=models.RecommendInput(positive=[text, 1], negative=[text]))
    found = client.query_batch_points("c", [search, search, models.QueryRequest(query=recommended)])
    assert [len(request.inputs) for request in counting.requests] == [1, 1]
    assert sorted(hit.id for hit in found[0].points) == [1, 3, 4]


def test_row_116_a_failing_point_leaves_the_store_as_it_was(collection):
    with pytest.raises(errors.InferenceError):
        collection.upsert("c", [point(1, document("a")), point(2, {"bm25": document("a", "bm25", k=-1)})])
    assert collection.count("c").count == 0


def test_row_118_any_dense_model_can_be_cut(collection):
    client = collection
    client.create_collection("small", models.VectorParams(size=16, distance="Dot"))
    client.upsert("small", [point(1, document("a", mrl=16))])
    assert np.linalg.norm(client.retrieve("small", [1], with_vectors=True)[0].vector) == pytest.approx(1.0)


# The flag


@pytest.fixture
def cloud():
    """A loopback inference service that makes [length, 1, …] of every text."""
    service = Service()

    def answer(received):
        rows = [[float(len(given["data"])), *[1.0] * 7] for given in received.json["inputs"]]
        return Answer({"embeddings": rows, "usage": {"models": {"minidb/hash-8": {"tokens": 5}}}})

    service.answers(answer)
    yield service
    service.close()


def script(client, model):
    """What a user writes, whatever the flag."""
    client.create_collection("c", models.VectorParams(size=8, distance="Cosine"))
    client.upsert("c", [point(i, document("x" * i, model)) for i in range(1, 4)])
    return [hit.id for hit in client.query_points("c", document("xx", model)).points]


def test_rows_073_074_075_076_the_same_script_with_and_without_the_flag(cloud, monkeypatch):
    local = Counting(lambda content: np.array([len(content), *[1.0] * 7], np.float32), slow=True)
    monkeypatch.setattr(inference, "_registry", registry_of(local, ""))
    with QdrantClient(":memory:") as client:
        here = script(client, "some/model")
    assert (local.inputs, len(cloud.requests)) == (4, 0)
    with QdrantClient(
        ":memory:",
        cloud_inference=True,
        inference_url=cloud.address,
        inference_token="t0ken",
        headers={"a-api-key": "k"},
    ) as client:
        there = script(client, "some/model")
    assert here == there
    assert local.inputs == 4
    assert [request.json["inference"] for request in cloud.requests] == ["update", "search"]
    assert cloud.requests[0].json["token"] == "t0ken"
    assert cloud.requests[0].headers["a-api-key"] == "k"


def test_row_033_bm25_stays_here_with_the_flag(cloud):
    with QdrantClient(":memory:", cloud_inference=True, inference_url=cloud.address) as client:
        client.create_collection("c", {}, {"bm25": models.SparseVectorParams()})
        client.upsert("c", [point(1, {"bm25": document("cookies", "qdrant/bm25")})])
    assert not cloud.requests


def test_row_077_the_flag_needs_an_address():
    with pytest.raises(ValueError, match="cloud_inference=True needs inference_url"):
        QdrantClient(":memory:", cloud_inference=True)
    with pytest.raises(ValueError, match="must be an http or https one"):
        QdrantClient(":memory:", cloud_inference=True, inference_url="not an address")


def test_rows_073_077_the_flag_decides_whatever_the_address(cloud):
    with QdrantClient(":memory:", inference_url=cloud.address) as client:
        client.create_collection("c", models.VectorParams(size=64, distance="Dot"))
        client.upsert("c", [point(1, document("a"))])
        with pytest.raises(errors.InferenceError, match="openai-api-key"):
            client.query_points("c", document("a", "openai/m"))
    assert not cloud.requests


def test_the_cache_holds_for_the_service_as_well(cloud):
    settings = {"cloud_inference": True, "inference_url": cloud.address, "embedding_cache_bytes": 1 << 20}
    with QdrantClient(":memory:", **settings) as client:
        script(client, "openai/m")
        client.upsert("c", [point(9, document("x", "openai/m"))])
        assert len(cloud.requests) == 2
        with minidb.context_headers({"openai-api-key": "k"}):
            client.upsert("c", [point(9, document("x", "openai/m"))])
        assert len(cloud.requests) == 3


# Keys around a call, usage


class Seeing(Counting):
    """Remembers the keys of each request, and charges three tokens an input."""

    def __init__(self):
        super().__init__(lambda content: [1.0, 2.0], slow=True)
        self.keys = []

    def embed(self, request):
        self.keys.append({name: key.reveal() for name, key in {**request.context.keys, **request.secrets}.items()})
        request.context.usage.add_tokens(request.model, 3 * len(request.inputs))
        return super().embed(request)


@pytest.fixture
def seeing(monkeypatch):
    embedder = Seeing()
    monkeypatch.setattr(inference, "_registry", registry_of(embedder))
    return embedder


def open_client(**settings):
    client = QdrantClient(":memory:", **settings)
    client.create_collection("c", models.VectorParams(size=2, distance="Dot"))
    return client


def test_rows_088_090_headers_of_the_client_the_context_and_the_options(seeing):
    with open_client(headers={"openai-api-key": "client", "cohere-api-key": "client"}) as client:
        ask = lambda **options: client.query_points("c", document("a", "test/m", **options))  # noqa: E731
        ask()
        with minidb.context_headers({"OpenAI-API-Key": "outer", "x-request-id": "7"}):
            ask()
            with minidb.context_headers({"openai-api-key": "inner"}):
                ask()
                ask(**{"openai-api-key": "option"})
            ask()
        ask()
    assert [keys["openai-api-key"] for keys in seeing.keys] == ["client", "outer", "inner", "option", "outer", "client"]
    assert {keys["cohere-api-key"] for keys in seeing.keys} == {"client"}
    assert all("x-request-id" not in keys for keys in seeing.keys)


def test_rows_086_105_context_headers_end_with_their_block_and_stay_in_their_thread(seeing):
    with open_client() as client:
        with minidb.context_headers({"openai-api-key": "mine"}):
            thread = threading.Thread(target=client.query_points, args=("c", document("a", "test/m")))
            thread.start()
            thread.join()
        client.query_points("c", document("b", "test/m"))
    assert seeing.keys == [{}, {}]
    with minidb.context_headers({"openai-api-key": "shown?"}):
        assert "shown?" not in repr(InferenceContext().keys)


def test_context_headers_and_usage_in_async_code(seeing):
    async def ask(client, name):
        with minidb.context_headers({"openai-api-key": name}), minidb.inference_usage() as usage:
            await asyncio.sleep(0.01)
            await client.query_points("c", document(name, "test/m"))
            return usage.tokens

    async def main():
        async with minidb.AsyncQdrantClient(":memory:") as client:
            await client.create_collection("c", models.VectorParams(size=2, distance="Dot"))
            return await asyncio.gather(*(ask(client, name) for name in "abc"))

    assert asyncio.run(main()) == [{"test/m": 3}] * 3
    assert sorted(keys["openai-api-key"] for keys in seeing.keys) == ["a", "b", "c"]


def test_rows_112_171_usage_adds_up_over_calls_and_blocks(seeing):
    with open_client() as client, minidb.inference_usage() as outer:
        client.upsert("c", [point(i, document("same", "test/m")) for i in range(10)])
        with minidb.inference_usage() as inner:
            client.query_points("c", document("a", "test/m"))
            client.query_points("c", document("b", "test/n"))
        client.query_points("c", [1.0, 2.0])
    assert (inner.objects, inner.inputs, inner.calls, inner.tokens) == (2, 2, 2, {"test/m": 3, "test/n": 3})
    assert (outer.objects, outer.inputs, outer.calls, outer.tokens) == (12, 3, 3, {"test/m": 6, "test/n": 3})


# Without fastembed


def test_row_060_without_fastembed_the_error_says_what_to_install():
    code = (
        "import importlib.util, minidb\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'fastembed' else find(name, *a)\n"
        "client = minidb.QdrantClient(':memory:')\n"
        "for work in (lambda: minidb.inference.resolve({'text': 'x', 'model': 'some/model'}, operation='update'),\n"
        "             lambda: client.get_embedding_size('some/model')):\n"
        "    try: work()\n"
        "    except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("pip install 'minidb-vector[fastembed]'" in line for line in lines)
    assert "'some/model'" in lines[0]


# Row 174: the HTTP snippets of Qdrant's page on inference

KEY = "<YOUR_KEY>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC"
SMALL = "openai/text-embedding-3-small"
QUESTION = "How to bake cookies?"
UPSERTS = [
    ({"text": COOKIES, "model": "<the-model-to-use>"}, 1),
    ({"my-bm25-vector": {"text": COOKIES, "model": "qdrant/bm25"}}, 1),
    ({"image": "https://qdrant.org.cn/example.png", "model": "qdrant/clip-vit-b-32-vision"}, 1),
    ({"text": COOKIES, "model": "openai/m", "options": {"openai-api-key": KEY, "dimensions": 512}}, 1),
    ({"image": f"data:image/png;base64,{PNG}", "model": "cohere/embed-v4.0", "options": {"output_dimension": 512}}, 1),
    (
        {
            "image": {"image": "https://qdrant.org.cn/example.png", "model": "jinaai/jina-clip-v2"},
            "text": {"text": "Mars, the red planet", "model": "sentence-transformers/all-minilm-l6-v2"},
            "bm25": {"text": "Mars, the red planet", "model": "qdrant/bm25"},
        },
        3,
    ),
    (
        {
            "large": {"text": COOKIES, "model": SMALL},
            "small": {"text": COOKIES, "model": SMALL, "options": {"mrl": 64}},
        },
        2,
    ),
]
QUERIES = [
    ({"query": {"nearest": {"text": "My Query Text", "model": "<the-model-to-use>"}}}, 1),
    ({"query": {"text": QUESTION, "model": "qdrant/bm25"}, "using": "my-bm25-vector"}, 1),
    ({"query": {"text": QUESTION, "model": "openai/m", "options": {"openai-api-key": KEY, "dimensions": 512}}}, 1),
    (
        {
            "prefetch": {
                "query": {"text": QUESTION, "model": SMALL, "options": {"mrl": 64}},
                "using": "small",
                "limit": 1000,
            },
            "query": {"text": QUESTION, "model": SMALL},
            "using": "large",
            "limit": 10,
        },
        2,
    ),
]


@pytest.mark.parametrize(("vector", "objects"), UPSERTS)
def test_row_174_the_upserts_of_the_documentation(vector, objects):
    body = {"points": [{"id": 1, "vector": vector, "payload": {"topic": "cooking"}}]}
    for tree in (body, parse(models.PointsList, body)):
        assert len(inference.collect(tree)) == objects


@pytest.mark.parametrize(("query", "objects"), QUERIES)
def test_row_174_the_queries_of_the_documentation(query, objects):
    for tree in (query, parse(models.QueryRequest, query)):
        assert len(inference.collect(tree)) == objects
