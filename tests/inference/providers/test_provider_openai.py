"""OpenAI's API and servers like it: rows 82 to 84, 88 to 95, 120, 121."""

from __future__ import annotations

import numpy as np
import pytest
from provider_service import PNG, Answer, b64, echo, listed
from provider_service import embed as embed_with

from minidb import errors, inference
from minidb.inference import InferenceContext, Registry, providers
from minidb.inference.providers.call import Profile
from minidb.inference.providers.failures import ProviderError
from minidb.inference.providers.openai import OpenAI, OpenAICompatible

KEY = "sk-proj-0123456789"
MODEL = "openai/text-embedding-3-large"
RECIPE = "Recipe for baking chocolate chip cookies"


@pytest.fixture
def embed(service):
    openai = OpenAI(service.http())

    def call(inputs="text", model=MODEL, operation="update", context=None, **options):
        return embed_with(openai, inputs, model, operation, context, **{"openai-api-key": KEY, **options})

    yield call
    openai.http.close()


@pytest.mark.parametrize("operation", ["update", "search"])
def test_rows_082_093_094_the_request_of_the_documentation(service, embed, operation):
    service.answers(Answer(listed(b64([0.5, -0.5]))))
    (vector,) = embed(RECIPE, operation=operation, dimensions=512)
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/embeddings")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.body == (
        b'{"model":"text-embedding-3-large","input":["Recipe for baking chocolate chip cookies"],'
        b'"encoding_format":"base64","dimensions":512}'
    )
    assert vector.tolist() == [0.5, -0.5]
    assert (vector.dtype, vector.flags.writeable) == (np.float32, False)


def test_row_083_any_model_works(service, embed):
    service.answers(echo)
    embed(model="OpenAI/embed-2099")
    assert service.requests[0].json["model"] == "embed-2099"


def test_row_095_any_parameter_passes(service, embed):
    service.answers(echo)
    embed(user="u-1", encoding_format="float", new_one={"a": [1, None]})
    assert service.requests[0].json == {
        "model": "text-embedding-3-large",
        "input": ["text"],
        "encoding_format": "float",
        "user": "u-1",
        "new_one": {"a": [1, None]},
    }


def test_an_explicit_null_leaves_a_default_out(service, embed):
    service.answers(echo)
    embed(encoding_format=None)
    assert service.requests[0].json == {"model": "text-embedding-3-large", "input": ["text"]}


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_base64_is_asked_for_its_default(service, embed, status):
    refusal = Answer({"error": {"message": "unsupported encoding_format 'base64'"}}, status)
    service.answers(refusal, Answer(listed([1.0])), Answer(listed([2.0])))
    assert [embed()[0].tolist(), embed()[0].tolist()] == [[1.0], [2.0]]
    assert ["encoding_format" in request.json for request in service.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("message", "options"), [("no such model", {}), ("bad encoding_format", {"encoding_format": "base64"})]
)
def test_other_refusals_and_the_callers_own_format_are_told(service, embed, message, options):
    service.answers(Answer({"error": {"message": message}}, 400))
    with pytest.raises(errors.InferenceError, match=message):
        embed(**options)
    assert len(service.requests) == 1


@pytest.mark.parametrize("name", ["input", "model"])
def test_what_the_object_says_cannot_be_an_option(service, name):
    options = {name: "x", "openai-api-key": KEY}
    registry = Registry()
    registry.register("openai/", lambda _: OpenAI(service.http()))
    with pytest.raises(errors.InferenceError, match=f"option {name} is set by minidb"):
        inference.resolve({"text": "t", "model": MODEL, "options": options}, operation="update", registry=registry)
    assert not service.requests


def test_options_that_are_no_json_are_refused(service, embed):
    with pytest.raises(errors.InferenceError, match="the request is no JSON"):
        embed(user={1, 2})
    assert not service.requests


@pytest.mark.parametrize("inputs", ["", ["text", ""]])
def test_empty_text_is_refused_before_any_call(service, embed, inputs):
    with pytest.raises(errors.InferenceError, match="embeds no empty text"):
        embed(inputs)
    assert not service.requests


def test_images_and_objects_are_refused_before_any_call(service, embed):
    for given in ({"image": PNG}, {"object": {"a": 1}}):
        with pytest.raises(errors.InferenceError, match=f"Only text input is supported for {MODEL}"):
            embed(given)
    assert not service.requests


def test_more_than_2048_inputs_are_split_and_put_in_order(service, embed):
    service.answers(echo)
    texts = [f"{chr(97 + i % 26)}{'x' * (i // 26)}" for i in range(3000)]
    vectors = embed(texts)
    assert sorted(len(r.json["input"]) for r in service.requests) == [952, 2048]
    assert [(int(v[0]), chr(int(v[1]))) for v in vectors] == [(len(t), t[0]) for t in texts]


def test_row_120_mrl_asks_for_the_full_vector_once(service, embed):
    service.answers(Answer(listed(b64([3.0, 4.0, 0.0]))))
    registry = Registry()
    registry.register("openai/", lambda _: OpenAI(service.http()))
    points = [
        {"id": 1, "vector": {"large": document(), "small": document(mrl=2), "tiny": document(mrl=1)}},
    ]
    (point,) = inference.resolve(points, operation="update", registry=registry)
    assert {name: len(vector) for name, vector in point["vector"].items()} == {"large": 3, "small": 2, "tiny": 1}
    (request,) = service.requests
    assert set(request.json) == {"model", "input", "encoding_format"}
    assert request.json["input"] == ["text"]


def document(**options):
    return {"text": "text", "model": MODEL, "options": {"openai-api-key": KEY, **options}}


# Servers like it


def test_a_compatible_server_needs_an_address_and_no_key(service):
    service.answers(echo)
    server = OpenAICompatible(http=service.http())
    with pytest.raises(errors.InferenceError, match="needs the option base_url"):
        embed_with(server, "text", "openai-compatible/nomic-embed-text")
    embed_with(server, "text", "openai-compatible/org/nomic-embed-text", base_url="http://localhost:11434/v1")
    (request,) = service.requests
    assert request.url == "http://localhost:11434/v1/embeddings"
    assert request.body == b'{"model":"org/nomic-embed-text","input":["text"],"encoding_format":"base64"}'
    assert "authorization" not in request.headers
    server.http.close()


def test_a_compatible_server_gets_its_own_key_only(service):
    service.answers(echo)
    server = OpenAICompatible(Profile("ollama", "ollama-api-key", service.address + "/v1"), service.http())
    with pytest.raises(errors.InferenceError, match="ollama-api-key"):
        embed_with(server, "text", "ollama/m", openai_api_key=KEY)
    embed_with(server, "text", "ollama/m", openai_api_key=KEY, ollama_api_key="own")
    assert service.requests[0].headers["authorization"] == "Bearer own"
    assert KEY.encode() not in service.requests[0].body
    server.http.close()


def test_a_user_registers_a_compatible_server(service, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    service.answers(echo)
    registry = Registry()
    registry.register("local/", providers.openai_compatible(service.address + "/v1", name="local"))
    vector = inference.resolve({"text": "ab", "model": "local/m"}, operation="search", registry=registry)
    assert vector.tolist() == [2.0, 97.0]
    assert service.requests[0].url == f"{service.address}/v1/embeddings"
    providers.close()
    providers.close()
    inference.resolve({"text": "ab", "model": "local/m"}, operation="search", registry=registry)
    providers.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "localhost:11434",
        "http://",
        "http://user:pw@host",
        "http://host/?key=1",
        "http://host:x",
        "http://ho st",
        "http://host/#a",
        7,
    ],
)
def test_an_address_must_be_plain_http(service, url):
    with pytest.raises(errors.InferenceError, match="option base_url must be an http or https address") as caught:
        embed_with(OpenAICompatible(http=service.http()), "text", "openai-compatible/m", base_url=url)
    assert "pw" not in str(caught.value)


def test_a_context_that_trusts_nobody_refuses_addresses(service, embed):
    with pytest.raises(errors.InferenceError, match="base_url is not allowed here"):
        embed(base_url="http://169.254.169.254/", context=InferenceContext(trusted=False))
    assert not service.requests


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout must be a positive number"),
        ({"timeout": True}, "timeout must be a positive number"),
        ({"max_retries": -1}, "max_retries must be an integer of from 0 to 10"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"auto_input_type": 1}, "auto_input_type must be true or false"),
    ],
)
def test_transport_options_are_checked(service, embed, options, message):
    with pytest.raises(errors.InferenceError, match=message):
        embed(**options)


def test_transport_options_are_not_sent(service, embed):
    service.answers(echo)
    embed(timeout=5, max_retries=0, batch_size=9, auto_input_type=True)
    assert set(service.requests[0].json) == {"model", "input", "encoding_format"}


@pytest.mark.parametrize("name", ["openai/", "openai"])
def test_a_prefix_alone_is_no_model(service, name):
    with pytest.raises(errors.InferenceError, match=r"names no model|No embedding model"):
        inference.resolve({"text": "x", "model": name, "options": {"openai-api-key": KEY}}, operation="update")


def test_usage_without_a_total_counts_the_prompt(service, embed):
    service.answers(Answer(listed([1.0], usage={"prompt_tokens": 5})), Answer(listed([1.0], usage=None)))
    context = InferenceContext()
    embed(context=context)
    embed(context=context)
    assert context.usage.tokens == {MODEL: 5}


@pytest.mark.parametrize(
    "embedding",
    [
        "***",
        "AACA",
        [],
        [None, 1.0],
        ["a"],
        ["1", "2"],
        [True],
        [[1.0], [1.0, 2.0]],
        None,
        3,
        [1e300],
        b64([np.nan]),
        "",
    ],
)
def test_row_169_what_is_no_vector_is_an_error(service, embed, embedding):
    service.answers(Answer(listed(embedding)))
    with pytest.raises(ProviderError, match="Inference service openai answered with"):
        embed()


def test_row_169_vectors_of_different_sizes_are_an_error(service, embed):
    service.answers(Answer(listed([1.0], [1.0, 2.0])))
    with pytest.raises(ProviderError, match="different dimensions"):
        embed(["a", "b"])
