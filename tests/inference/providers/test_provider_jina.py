"""Jina AI's API, and who else may have a model called `jinaai/…`: rows 101, 102, 106."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from provider_service import PNG, PNG_URL, Answer, b64, listed
from provider_service import embed as embed_with

from minidb import errors, inference
from minidb.inference import InferenceContext, Registry, fastembed, local
from minidb.inference.providers import jina_route
from minidb.inference.providers.jina import Jina
from minidb.inference.providers.jina_route import JinaRoute

KEY = "jina_0123456789"
CLIP = "jinaai/jina-clip-v2"
URL = "https://qdrant.org.cn/example.png"


@pytest.fixture
def jina(service):
    with service.http() as http:
        yield Jina(http)


@pytest.fixture
def embed(jina):
    def call(inputs="text", model=CLIP, operation="update", **options):
        return embed_with(jina, inputs, model, operation, **{"jina-api-key": KEY, **options})

    return call


def test_row_101_the_image_of_the_documentation(service, embed):
    service.answers(Answer(listed(b64([1.0]))))
    embed({"image": URL}, dimensions=512)
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "https://api.jina.ai/v1/embeddings")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == (
        b'{"model":"jina-clip-v2","input":[{"image":"https://qdrant.org.cn/example.png"}],'
        b'"embedding_type":"base64","dimensions":512}'
    )


def test_row_102_a_text_query_with_the_same_model(service, embed):
    service.answers(Answer(listed(b64([1.0]))))
    embed("Mission to Mars", operation="search", dimensions=512)
    assert service.requests[0].json == {
        "model": "jina-clip-v2",
        "input": ["Mission to Mars"],
        "dimensions": 512,
        "embedding_type": "base64",
    }


def test_texts_and_images_share_a_request_and_data_urls_lose_their_head(service, embed):
    service.answers(Answer(listed([1.0], [2.0], indices=[1, 0])))
    vectors = embed(["text", {"image": PNG_URL}])
    assert service.requests[0].json["input"] == [{"text": "text"}, {"image": PNG}]
    assert [v[0] for v in vectors] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("model", "operation", "options", "task"),
    [
        ("jina-embeddings-v3", "update", {}, "retrieval.passage"),
        ("jina-embeddings-v4", "search", {}, "retrieval.query"),
        ("jina-embeddings-v5-text-small", "search", {}, "retrieval.query"),
        ("jina-embeddings-v2-base-en", "search", {}, None),
        ("jina-clip-v2", "search", {}, None),
        ("jina-clip-v2", "search", {"task": "retrieval.query"}, "retrieval.query"),
        ("jina-embeddings-v3", "search", {"task": "text-matching"}, "text-matching"),
        ("jina-embeddings-v3", "search", {"task": None}, None),
        ("jina-embeddings-v3", "search", {"auto_input_type": False}, None),
    ],
)
def test_the_task_follows_the_operation_unless_the_options_say_otherwise(
    service, embed, model, operation, options, task
):
    service.answers(Answer(listed([1.0])))
    embed(model=f"jinaai/{model}", operation=operation, **options)
    assert service.requests[0].json.get("task") == task


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [("float", [0.5], np.float32), ("binary", [-51], np.int8), ("ubinary", [77], np.uint8), (["binary"], [1], np.int8)],
)
def test_kinds_of_numbers(service, embed, kind, values, dtype):
    service.answers(Answer(listed(values)))
    (vector,) = embed(embedding_type=kind)
    assert (vector.tolist(), vector.dtype) == (values, dtype)
    assert service.requests[0].json["embedding_type"] == (kind if isinstance(kind, str) else kind[0])


def test_kinds_there_are_not(service, embed):
    with pytest.raises(errors.InferenceError, match="embedding_type must be one of"):
        embed(embedding_type=["float", "binary"])
    assert not service.requests


def test_multivectors_are_asked_for_as_numbers(service, embed):
    service.answers(Answer({"data": [{"index": 0, "embeddings": [[1.0, 2.0], [3.0, 4.0]]}]}))
    (vector,) = embed(model="jinaai/jina-embeddings-v4", return_multivector=True)
    assert vector.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert "embedding_type" not in service.requests[0].json


def test_late_chunking_keeps_the_texts_together(service, embed):
    service.answers(lambda r: Answer(listed(*([1.0] for _ in r.json["input"]))))
    embed(["text", "x" * 9_000_000, "other"], model="jinaai/jina-embeddings-v3", late_chunking=True)
    assert len(service.requests) == 1


def test_row_009_objects_are_refused_with_the_name_of_the_model(service, embed):
    with pytest.raises(errors.InferenceError, match=f"Only text and image input is supported for {CLIP}"):
        embed({"object": 1})


# Row 106


class Local:
    slow = False

    def embed(self, request):
        return [[7.0] for _ in request.inputs]


def resolve(jina, listed_models=(), local=True, context=None, **options):
    registry = Registry()
    if local:
        registry.register("", lambda model: Local())
    registry.register("jinaai/", lambda model: JinaRoute(registry, lambda: jina, lambda model: model in listed_models))
    tree = {"text": "x", "model": CLIP, "options": options}
    return inference.resolve(tree, operation="update", registry=registry, context=context)


def test_row_106_with_a_key_the_api_is_asked(service, jina):
    service.answers(Answer(listed([1.0])))
    assert resolve(jina, [CLIP], **{"jina-api-key": KEY}).tolist() == [1.0]
    assert resolve(jina, [CLIP], context=InferenceContext(headers={"Jina-Api-Key": KEY})).tolist() == [1.0]


def test_row_106_without_a_key_a_listed_model_is_local(service, jina):
    assert resolve(jina, [CLIP]).tolist() == [7.0]
    assert resolve(jina, [CLIP], **{"jina-api-key": " "}).tolist() == [7.0]
    assert not service.requests


@pytest.mark.parametrize("listed_models", [[], [CLIP]])
def test_row_106_else_the_error_names_both(service, jina, listed_models):
    with pytest.raises(errors.InferenceError) as caught:
        resolve(jina, listed_models, local=False)
    for part in (CLIP, "option jina-api-key", "header jina-api-key", "fastembed"):
        assert part in str(caught.value)


@pytest.fixture
def no_models_known():
    fastembed.forget()
    local._found.clear()
    yield
    fastembed.forget()
    local._found.clear()


@pytest.mark.usefixtures("no_models_known")
def test_row_106_a_missing_fastembed_lists_nothing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not jina_route.fastembed_lists_model("jinaai/jina-clip-v1")


@pytest.mark.usefixtures("no_models_known")
def test_row_106_fastembed_lists_models_in_any_case(monkeypatch):
    class Family:
        @staticmethod
        def list_supported_models():
            return [{"model": "jinaai/Jina-CLIP-v1"}]

    fake = type("fastembed", (), {"TextEmbedding": Family})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "fastembed", fake)
    assert jina_route.fastembed_lists_model("JINAAI/jina-clip-v1")
    assert not jina_route.fastembed_lists_model("jinaai/jina-clip-v2")
