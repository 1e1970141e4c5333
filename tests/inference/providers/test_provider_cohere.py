"""Cohere's API, version 2: rows 96 to 100."""

from __future__ import annotations

import json

import numpy as np
import pytest
from provider_service import PNG, PNG_URL, Answer, b64
from provider_service import embed as embed_with

from minidb import errors
from minidb.inference import InferenceContext
from minidb.inference.providers.cohere import Cohere
from minidb.inference.providers.failures import ProviderError

KEY = "co-0123456789"
MODEL = "cohere/embed-v4.0"


@pytest.fixture
def embed(service):
    cohere = Cohere(service.http())

    def call(inputs="text", model=MODEL, operation="update", context=None, **options):
        return embed_with(cohere, inputs, model, operation, context, **{"cohere-api-key": KEY, **options})

    yield call
    cohere.http.close()


def answer(*rows, kind="float"):
    units = {"input_tokens": 4, "image_tokens": 10, "images": 1}
    return Answer({"id": "x", "embeddings": {kind: list(rows)}, "meta": {"billed_units": units}})


def by_length(received):
    body = received.json
    inputs = body.get("texts") or body.get("images") or body["inputs"]
    return answer(*([float(len(str(given)))] for given in inputs))


def test_rows_096_097_100_the_image_of_the_documentation(service, embed):
    service.answers(answer([1.0]))
    embed({"image": PNG_URL}, output_dimension=512)
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "https://api.cohere.com/v2/embed")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    part = {"type": "image_url", "image_url": {"url": PNG_URL}}
    body = {
        "model": "embed-v4.0",
        "inputs": [{"content": [part]}],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "output_dimension": 512,
    }
    assert request.body == json.dumps(body, separators=(",", ":")).encode()


@pytest.mark.parametrize("model", [MODEL, "cohere/embed-english-v3.0"])
def test_row_098_an_image_url_is_refused_before_any_call(service, embed, model):
    with pytest.raises(errors.InferenceError, match=r"takes no image URLs.*data URL") as caught:
        embed(["text", {"image": "https://example.org/example.png"}], model=model)
    assert (caught.value.status_code, caught.value.provider) == (400, "cohere")
    assert not service.requests


def test_row_099_a_text_query(service, embed):
    service.answers(answer([1.0]))
    embed("a green square", operation="search", output_dimension=512)
    assert service.requests[0].body == (
        b'{"model":"embed-v4.0","texts":["a green square"],"input_type":"search_query",'
        b'"embedding_types":["float"],"output_dimension":512}'
    )


def test_texts_and_images_share_a_request_since_version_4(service, embed):
    service.answers(by_length)
    vectors = embed(["text", {"image": PNG}])
    (request,) = service.requests
    assert [given["content"][0]["type"] for given in request.json["inputs"]] == ["text", "image_url"]
    assert request.json["inputs"][1]["content"][0]["image_url"]["url"] == PNG_URL
    assert [v[0] for v in vectors] == [len(str(given)) for given in request.json["inputs"]]


def test_before_version_4_each_image_goes_alone(service, embed):
    service.answers(by_length)
    other = PNG_URL + "AAAA"
    vectors = embed(["a", {"image": PNG_URL}, "bc", {"image": other}], model="cohere/embed-english-v3.0")
    sent = sorted((r.json["input_type"], r.json.get("texts"), r.json.get("images")) for r in service.requests[:1])
    assert sent == [("search_document", ["a", "bc"], None)]
    assert sorted((r.json["input_type"], r.json["images"]) for r in service.requests[1:]) == [
        ("image", [PNG_URL]),
        ("image", [other]),
    ]
    assert [v[0] for v in vectors] == [1, len(PNG_URL), 2, len(other)]


def test_options_pass_and_win(service, embed):
    service.answers(answer([1.0]))
    embed(input_type="clustering", truncate="END", max_tokens=9)
    assert service.requests[0].json == {
        "model": "embed-v4.0",
        "input_type": "clustering",
        "texts": ["text"],
        "embedding_types": ["float"],
        "truncate": "END",
        "max_tokens": 9,
    }


def test_96_texts_a_request(service, embed):
    service.answers(by_length)
    vectors = embed(["x" * (i + 1) for i in range(200)])
    assert sorted(len(r.json["texts"]) for r in service.requests) == [8, 96, 96]
    assert [v[0] for v in vectors] == list(range(1, 201))


@pytest.mark.parametrize(
    ("kind", "row", "dtype"),
    [
        ("float", [0.5, 1.0], np.float32),
        ("int8", [-128, 127], np.int8),
        ("uint8", [0, 255], np.uint8),
        ("binary", [-51, 0], np.int8),
        ("ubinary", [77, 0], np.uint8),
        ("base64", [0.5, 1.0], np.float32),
    ],
)
@pytest.mark.parametrize("as_list", [True, False])
def test_the_kinds_of_numbers(service, embed, kind, row, dtype, as_list):
    service.answers(answer(b64(row) if kind == "base64" else row, kind=kind))
    (vector,) = embed(embedding_types=[kind] if as_list else kind)
    assert (vector.tolist(), vector.dtype) == (row, dtype)
    assert service.requests[0].json["embedding_types"] == [kind]


@pytest.mark.parametrize("kinds", [["float", "int8"], [], "float16", 3])
def test_one_kind_at_a_time(service, embed, kinds):
    with pytest.raises(errors.InferenceError, match="embedding_types must be one of"):
        embed(embedding_types=kinds)
    assert not service.requests


@pytest.mark.parametrize("body", [{"embeddings": {"int8": [[1]]}}, {"embeddings": [[1.0]]}, {"embeddings": None}, {}])
def test_row_169_an_answer_without_the_kind_is_an_error(service, embed, body):
    service.answers(Answer(body))
    with pytest.raises(ProviderError, match="answered without float embeddings"):
        embed()


def test_rows_169_173_wrong_counts(service, embed):
    service.answers(answer([1.0]), answer())
    with pytest.raises(ProviderError, match="1 vectors for 2 inputs"):
        embed(["a", "b"])
    with pytest.raises(ProviderError, match="Inference service returned no vectors"):
        embed()


def test_row_171_tokens_of_texts_and_images(service, embed):
    service.answers(answer([1.0]))
    context = InferenceContext()
    embed(context=context)
    assert context.usage.tokens == {MODEL: 14}


@pytest.mark.parametrize(
    "image", ["/tmp/cat.png", "", "not base64!", "data:text/plain;base64,AAAA", 7, None, b"", {"url": "x"}]
)
def test_what_is_no_image_is_refused(service, embed, image):
    with pytest.raises(errors.InferenceError, match=r"must be an http\(s\) URL, a data URL, base64 or bytes|is no PNG"):
        embed({"image": image})
    assert not service.requests


def test_an_unknown_kind_of_image_needs_a_data_url(service, embed):
    service.answers(answer([1.0]))
    with pytest.raises(errors.InferenceError, match="no PNG, JPEG, GIF or WebP"):
        embed({"image": "QUJDRA=="})
    embed({"image": "data:image/bmp;base64,QUJDRA=="})
    embed({"image": b"\xff\xd8\xff\xe0"})
    embed({"image": b"RIFF0000WEBP"})
    urls = [r.json["inputs"][0]["content"][0]["image_url"]["url"] for r in service.requests]
    assert [url.split(";")[0] for url in urls] == ["data:image/bmp", "data:image/jpeg", "data:image/webp"]


def test_row_009_objects_are_refused_with_the_name_of_the_model(service, embed):
    with pytest.raises(errors.InferenceError, match=f"Only text and image input is supported for {MODEL}"):
        embed({"object": {"a": 1}})
