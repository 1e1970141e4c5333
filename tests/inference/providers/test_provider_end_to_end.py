"""Providers through the client's door: rows 85, 86, 88, 92, 107, 108, 111, 116, 121, 122."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from provider_service import PNG_URL, Answer, b64

from minidb import QdrantClient, Transport, errors, inference, models
from minidb.inference import Registry
from minidb.inference.builtin import register
from minidb.inference.providers.cohere import Cohere
from minidb.inference.providers.jina import Jina
from minidb.inference.providers.openai import OpenAI

KEY = "k3y-that-nobody-may-see"
OPENAI = "openai/text-embedding-3-small"
DIMENSION = 8


def vector_of(content):
    """A unit vector of its own for every input."""
    numbers = np.random.default_rng([ord(c) for c in str(content)]).standard_normal(DIMENSION)
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)


def answer(received):
    body = received.json
    vectors = [vector_of(given) for given in body.get("input") or body.get("texts") or body["inputs"]]
    return Answer(
        {
            "data": [{"index": i, "embedding": b64(vector)} for i, vector in enumerate(vectors)],
            "embeddings": {"float": [vector.tolist() for vector in vectors]},
        }
    )


@pytest.fixture
def registered(service, monkeypatch):
    service.answers(answer)
    registry = Registry()
    register(registry)
    with service.http() as http:
        for prefix, embedder in (("openai/", OpenAI(http)), ("cohere/", Cohere(http)), ("jinaai/", Jina(http))):
            registry.register(prefix, lambda _, embedder=embedder: embedder)
        monkeypatch.setattr(inference, "_registry", registry)
        yield service


def open_store(path, *names, size=DIMENSION, **settings):
    client = QdrantClient(path, durability="off", **settings)
    dense = {name: models.VectorParams(size=size, distance="Dot") for name in names}
    client.create_collection("c", dense, {"bm25": models.SparseVectorParams(modifier="idf")})
    return client


def document(text="text", model=OPENAI, **options):
    return models.Document(text=text, model=model, options={"openai-api-key": KEY, **options})


def test_rows_085_086_a_key_is_neither_stored_nor_remembered(registered, tmp_path):
    with open_store(tmp_path, "v") as client:
        points = [models.PointStruct(id=1, vector={"v": document()}, payload={"topic": "cooking"})]
        client.upsert("c", points, wait=True)
        assert client.retrieve("c", [1], with_vectors=True)[0].vector["v"] == pytest.approx(vector_of("text"))
        with pytest.raises(errors.InferenceError, match="needs a key"):
            client.query_points("c", models.Document(text="text", model=OPENAI), using="v")
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        content = path.read_bytes()
        assert KEY.encode() not in content
        assert b"openai" not in content


def test_row_088_a_key_in_the_headers_of_the_client(registered):
    with open_store(":memory:", "v", headers={"openai-api-key": KEY}) as client:
        client.upsert("c", [models.PointStruct(id=1, vector={"v": models.Document(text="a", model=OPENAI)})])
    assert registered.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_row_092_the_collection_must_have_the_providers_size(registered):
    with open_store(":memory:", "v", size=9) as client:
        with pytest.raises(errors.BadInput, match="expected dim: 9, got 8"):
            client.upsert("c", [models.PointStruct(id=1, vector={"v": document()})])
        assert client.count("c").count == 0


def test_rows_107_108_three_models_of_three_places_in_one_point(registered):
    with open_store(":memory:", "image", "text") as client:
        image = models.Image(image=PNG_URL, model="jinaai/jina-clip-v2", options={"jina-api-key": KEY})
        vectors = {
            "image": image,
            "text": document("How to"),
            "bm25": models.Document(text="How to", model="qdrant/bm25"),
        }
        client.upsert("c", [models.PointStruct(id=1, vector=vectors)])
        (record,) = client.retrieve("c", [1], with_vectors=True)
    assert set(record.vector) == {"image", "text", "bm25"}
    assert {request.url for request in registered.requests} == {
        "https://api.jina.ai/v1/embeddings",
        "https://api.openai.com/v1/embeddings",
    }


def test_row_099_a_text_query_against_image_vectors(registered):
    options = {"cohere-api-key": KEY}
    with open_store(":memory:", "v") as client:
        image = models.Image(image=PNG_URL, model="cohere/embed-v4.0", options=options)
        client.upsert("c", [models.PointStruct(id=1, vector={"v": image})])
        query = models.Document(text="a green square", model="cohere/embed-v4.0", options=options)
        assert [hit.id for hit in client.query_points("c", query, using="v").points] == [1]
    assert [r.json["input_type"] for r in registered.requests] == ["search_document", "search_query"]


def test_rows_111_121_122_two_sizes_of_one_text_are_one_input(registered):
    with QdrantClient(":memory:") as client:
        sizes = {"large": DIMENSION, "small": 3}
        client.create_collection("c", {n: models.VectorParams(size=s, distance="Dot") for n, s in sizes.items()})
        points = [
            models.PointStruct(id=i, vector={"large": document(f"t{i}"), "small": document(f"t{i}", mrl=3)})
            for i in range(20)
        ]
        client.upsert("c", points)
        assert [len(r.json["input"]) for r in registered.requests] == [20]
        prefetch = models.Prefetch(query=document("query", mrl=3), using="small", limit=10)
        hits = client.query_points("c", document("query"), using="large", prefetch=prefetch, limit=5).points
    assert [r.json["input"] for r in registered.requests[1:]] == [["query"]]
    full = np.array([vector_of(f"t{i}") for i in range(20)])
    small = full[:, :3] / np.linalg.norm(full[:, :3], axis=1, keepdims=True)
    candidates = np.argsort(-(small @ vector_of("query")[:3]))[:10]
    expected = candidates[np.argsort(-(full[candidates] @ vector_of("query")))][:5]
    assert [hit.id for hit in hits] == expected.tolist()


# Over REST


@pytest.fixture
def rest(registered):
    """Asks the REST interface: method, path, body, headers."""
    with (
        QdrantClient(":memory:") as store,
        httpx.Client(transport=Transport(store), base_url="http://minidb") as client,
    ):
        store.create_collection("c", {"v": models.VectorParams(size=DIMENSION, distance="Dot")})
        yield lambda body, **headers: client.post("/collections/c/points/query", json=body, headers=headers)


QUERY = {"query": {"text": "text", "model": OPENAI}, "using": "v"}
BY_HEADER = {"openai-api-key": KEY}


@pytest.mark.parametrize(
    ("status", "headers", "code", "text", "wait"),
    [
        (400, {}, 400, "Wrong input: Inference request validation failed: openai: ***, why", None),
        (404, {}, 400, "Wrong input: Inference service openai refused the request (404): ***, why", None),
        (401, {}, 500, "Service internal error: Authentication failed for inference service openai (401): ***", None),
        (403, {}, 500, "Service internal error: Authentication failed for inference service openai (403): ***", None),
        (429, {"Retry-After": "900.2"}, 429, "Rate limiting exceeded: openai: ***, why", "901"),
        (429, {"retry-after-ms": "200000"}, 429, "Rate limiting exceeded: openai: ***, why", "200"),
        (429, {"Retry-After": "0.2"}, 429, "Rate limiting exceeded: openai: ***, why", "1"),
        (429, {}, 429, "Rate limiting exceeded: openai: ***, why", None),
        (501, {}, 500, "Service internal error: Inference service openai failed (501): ***, why", None),
    ],
)
def test_row_168_what_a_caller_over_rest_is_told(registered, rest, status, headers, code, text, wait):
    registered.answers(Answer({"error": {"message": f"{KEY}, why"}}, status, headers))
    answered = rest(QUERY, **BY_HEADER)
    assert answered.status_code == code
    assert answered.json()["status"]["error"].startswith(text)
    assert answered.headers.get("retry-after") == wait
    assert KEY not in answered.text


def test_rows_088_171_a_key_as_header_and_the_tokens_in_the_envelope(registered, rest):
    query = {**QUERY, "prefetch": [{**QUERY, "limit": 3}, {**QUERY, "query": {**QUERY["query"], "text": "other"}}]}
    registered.answers(
        lambda r: Answer(
            {
                "data": [{"index": i, "embedding": [1.0] * DIMENSION} for i in range(len(r.json["input"]))],
                "usage": {"total_tokens": 7},
            }
        )
    )
    answered = rest(query, **BY_HEADER)
    assert answered.json()["usage"] == {"inference": {"models": {OPENAI: {"tokens": 7}}}}
    assert registered.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert [sorted(r.json["input"]) for r in registered.requests] == [["other", "text"]]
    assert "usage" not in rest({"query": {"text": "a", "model": "minidb/hash-8"}, "using": "v"}).json()


def test_row_116_a_provider_that_fails_leaves_the_store_as_it_was(registered):
    registered.answers(Answer({"error": {"message": "no"}}, 400))
    with open_store(":memory:", "v") as client:
        with pytest.raises(errors.InferenceError):
            client.upsert(
                "c",
                [
                    models.PointStruct(id=1, vector={"v": [0.0] * DIMENSION}),
                    models.PointStruct(id=2, vector={"v": document()}),
                ],
            )
        assert client.count("c").count == 0
