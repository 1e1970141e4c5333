"""OpenRouter's API: rows 103, 104, 170."""

from __future__ import annotations

import pytest
from provider_service import PNG, PNG_URL, Answer, b64, listed
from provider_service import embed as embed_with

from minidb import errors
from minidb.inference.providers.failures import ProviderError, ProviderRateLimitExceeded
from minidb.inference.providers.openrouter import OpenRouter

KEY = "sk-or-v1-0123456789"
MODEL = "openrouter/mistralai/mistral-embed-2312"


@pytest.fixture
def embed(service):
    openrouter = OpenRouter(service.http())

    def call(inputs="text", operation="update", **options):
        return embed_with(openrouter, inputs, MODEL, operation, **{"openrouter-api-key": KEY, **options})

    yield call
    openrouter.http.close()


@pytest.mark.parametrize("operation", ["update", "search"])
def test_rows_103_104_only_the_first_segment_is_the_route(service, embed, operation):
    service.answers(Answer(listed(b64([1.0]))))
    embed("Mission to Mars", operation=operation)
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "https://openrouter.ai/api/v1/embeddings")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == (
        b'{"model":"mistralai/mistral-embed-2312","input":["Mission to Mars"],"encoding_format":"base64"}'
    )


def test_parameters_pass(service, embed):
    service.answers(Answer(listed([1.0])))
    embed(provider={"order": ["a"]}, input_type="search_query")
    assert service.requests[0].json["provider"] == {"order": ["a"]}
    assert service.requests[0].json["input_type"] == "search_query"


def test_without_indices_the_order_counts(service, embed):
    service.answers(Answer({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}))
    assert [v[0] for v in embed(["a", "b"])] == [1.0, 2.0]


def test_images_are_content_parts(service, embed):
    service.answers(Answer(listed([1.0], [2.0], [3.0])))
    embed(["text", {"image": PNG}, {"image": "https://example.org/a.png"}])
    assert service.requests[0].json["input"] == [
        {"content": [{"type": "text", "text": "text"}]},
        {"content": [{"type": "image_url", "image_url": {"url": PNG_URL}}]},
        {"content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
    ]
    with pytest.raises(errors.InferenceError, match="Only text and image input"):
        embed({"object": 1})


@pytest.mark.parametrize(
    ("code", "error", "calls"),
    [
        (400, errors.InferenceError, 1),
        (402, errors.InferenceError, 1),
        (401, ProviderError, 1),
        (429, ProviderRateLimitExceeded, 3),
        ("429", ProviderRateLimitExceeded, 3),
        ("401", ProviderError, 1),
        (502, ProviderError, 3),
        ("odd", ProviderError, 3),
        (None, ProviderError, 3),
    ],
)
def test_row_170_an_error_with_status_200_is_the_error_it_holds(service, embed, code, error, calls):
    service.answers(Answer({"error": {"code": code, "message": "No successful provider responses."}, "user_id": "u"}))
    with pytest.raises(error, match="No successful provider responses") as caught:
        embed()
    assert caught.value.upstream_status == (int(code) if str(code).isdigit() else 500)
    assert len(service.requests) == calls


def test_row_170_such_an_error_may_pass(service, embed):
    service.answers(Answer({"error": {"code": 529, "message": "overloaded"}}), Answer(listed([1.0])))
    assert embed()[0].tolist() == [1.0]
