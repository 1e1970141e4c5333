"""Qdrant's inference-service protocol, for `cloud_inference=True`: spec section 4.1, rows 33, 74, 75, 173."""

from __future__ import annotations

import pytest
from provider_service import Answer

from minidb import errors, inference
from minidb.inference import InferenceContext
from minidb.inference.providers.failures import ProviderError, ProviderRateLimitExceeded
from minidb.inference.providers.qdrant_service import QdrantService, cloud_registry

MODEL = "sentence-transformers/all-minilm-l6-v2"


@pytest.fixture
def resolve(service):
    http = service.http()
    registry = cloud_registry("http://inference.internal:6379/infer", "jwt-subject", http=http)

    def call(tree, operation="update", context=None):
        return inference.resolve(tree, operation=operation, registry=registry, context=context)

    yield call
    http.close()


def text(content="text", model=MODEL, **options):
    options = {name.replace("_api_key", "-api-key"): value for name, value in options.items()}
    return {"text": content, "model": model, "options": options}


def embeddings(*rows, usage=None):
    return Answer({"embeddings": list(rows), "usage": usage})


def test_row_074_the_request_of_the_protocol(service, resolve):
    service.answers(embeddings([0.5, 1.0]))
    assert resolve(text("cookies", dimensions=2)).tolist() == [0.5, 1.0]
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "http://inference.internal:6379/infer")
    assert request.body == (
        b'{"inputs":[{"data":"cookies","data_type":"text","model":"sentence-transformers/all-minilm-l6-v2",'
        b'"options":{"dimensions":2}}],"inference":"update","token":"jwt-subject"}'
    )
    assert "authorization" not in request.headers


def test_images_objects_and_searches(service, resolve):
    service.answers(embeddings([1.0], [2.0]))
    trees = [{"image": "https://example.org/a.png", "model": "clip"}, {"object": {"a": 1}, "model": "clip"}]
    assert [v.tolist() for v in resolve(trees, "search")] == [[1.0], [2.0]]
    body = service.requests[0].json
    assert [given["data_type"] for given in body["inputs"]] == ["image", "object"]
    assert [given["data"] for given in body["inputs"]] == ["https://example.org/a.png", {"a": 1}]
    assert body["inputs"][0]["options"] is None
    assert body["inference"] == "search"


def test_sparse_vectors_and_multivectors(service, resolve):
    service.answers(embeddings({"indices": [5, 1], "values": [0.5, 1]}, [[1.0, 2.0], [3.0, 4.0]]))
    point = {"id": 1, "vector": {"sparse": text("a"), "multi": text("b")}}
    (resolved,) = resolve([point])
    sparse = resolved["vector"]["sparse"]
    assert (list(sparse.indices), list(sparse.values)) == ([5, 1], [0.5, 1.0])
    assert resolved["vector"]["multi"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "row",
    [
        {"indices": [1], "values": []},
        {"indices": [-1], "values": [1.0]},
        {"indices": [1.0], "values": [1.0]},
        {"indices": [1], "values": ["x"]},
        {"indices": [1]},
        {"indices": [1, 1], "values": [1.0, 2.0]},
        {"indices": [2**32], "values": [1.0]},
        {"indices": [1], "values": [1e300]},
        {"indices": [1], "values": [True]},
        ["1", "2"],
        [True, False],
        [],
        "AAAA!",
        None,
    ],
)
def test_row_169_what_is_no_vector_is_an_error(service, resolve, row):
    service.answers(embeddings(row))
    with pytest.raises(ProviderError, match="Inference service qdrant answered with"):
        resolve(text())


def test_row_033_bm25_is_computed_here(service, resolve):
    service.answers(embeddings([1.0]))
    point = {"id": 1, "vector": {"dense": text(), "sparse": text(model="Qdrant/bm25")}}
    (resolved,) = resolve([point])
    assert len(resolved["vector"]["sparse"].indices) == 1
    assert [given["model"] for request in service.requests for given in request.json["inputs"]] == [MODEL]


def test_keys_travel_as_headers_the_options_first(service, resolve):
    service.answers(embeddings([1.0]))
    context = InferenceContext(headers={"openai-api-key": "sk-header", "cohere-api-key": "co-header", "api-key": "db"})
    resolve(text(model="openai/x", openai_api_key="sk-option"), context=context)
    (request,) = service.requests
    sent = {name: value for name, value in request.headers.items() if "api-key" in name}
    assert sent == {"openai-api-key": "sk-option", "cohere-api-key": "co-header"}
    assert b"sk-option" not in request.body


def test_row_173_an_empty_list_is_an_error(service, resolve):
    service.answers(embeddings())
    with pytest.raises(ProviderError, match="Inference service returned no vectors"):
        resolve(text())


@pytest.mark.parametrize("body", [{}, {"embeddings": {}}, {"embeddings": [[1.0], [2.0]]}])
def test_row_169_other_counts_are_an_error(service, resolve, body):
    service.answers(Answer(body))
    with pytest.raises(ProviderError, match="answered with"):
        resolve(text())


def test_row_171_usage_is_counted(service, resolve):
    service.answers(embeddings([1.0], usage={"models": {MODEL: {"tokens": 12}}}))
    context = InferenceContext()
    resolve(text(), context=context)
    assert context.usage.tokens == {MODEL: 12}


def test_row_168_errors(service, resolve):
    service.answers(
        Answer({"error": "model not found"}, 400), Answer(b"forbidden", 403), Answer({}, 429, {"Retry-After": "900"})
    )
    with pytest.raises(errors.InferenceError, match="Inference request validation failed: qdrant: model not found"):
        resolve(text())
    with pytest.raises(ProviderError, match=r"Authentication failed for inference service qdrant \(403\): forbidden"):
        resolve(text())
    with pytest.raises(ProviderRateLimitExceeded) as caught:
        resolve(text())
    assert caught.value.retry_after == 900


def test_the_token_is_in_no_repr_and_no_error(service, resolve):
    service.answers(Answer({"error": "bad token jwt-subject"}, 400))
    with pytest.raises(errors.InferenceError) as caught:
        resolve(text())
    assert "jwt-subject" not in str(caught.value)
    assert "jwt-subject" not in repr(vars(QdrantService("http://a", "jwt-subject")))


def test_the_address_is_checked():
    for address in ("inference.internal", "http://user:pw@host"):
        with pytest.raises(errors.InferenceError, match="must be an http or https one"):
            QdrantService(address)
