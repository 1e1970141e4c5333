"""Voyage's API as the seed describes it: rows 130 to 167."""

from __future__ import annotations

import numpy as np
import pytest
from provider_service import PNG, PNG_URL, Answer, b64, echo, listed
from provider_service import embed as embed_with

from minidb import errors
from minidb.inference import InferenceContext
from minidb.inference.providers import batching
from minidb.inference.providers.failures import ProviderError, ProviderRateLimitExceeded
from minidb.inference.providers.voyage import MAX_TOKENS, Voyage

KEY = "al-0123456789"
MODEL = "voyage/voyage-4"


@pytest.fixture
def embed(service):
    voyage = Voyage(service.http())

    def call(inputs="text", model=MODEL, operation="update", context=None, **options):
        return embed_with(voyage, inputs, model, operation, context, **{"voyage-api-key": KEY, **options})

    yield call
    voyage.http.close()


def test_row_130_131_address_and_headers(service, embed):
    service.answers(Answer(listed([1.0])))
    embed()
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", "https://ai.mongodb.com/v1/embeddings")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"


def test_row_132_a_string_or_a_list_of_strings(service, embed):
    service.answers(echo)
    embed("one")
    embed(["one", "two"])
    assert [request.json["input"] for request in service.requests] == ["one", ["one", "two"]]


def test_row_133_more_than_1000_inputs_are_split(service, embed):
    service.answers(echo)
    texts = [f"{i:05}" + "x" * (i % 7) for i in range(1001)]
    vectors = embed(texts)
    assert sorted(len(r.json["input"]) if isinstance(r.json["input"], list) else 1 for r in service.requests) == [
        1,
        1000,
    ]
    assert [int(vector[0]) for vector in vectors] == [len(text) for text in texts]


@pytest.mark.parametrize("inputs", ["", ["text", ""]])
def test_row_134_empty_text_is_refused_before_any_call(service, embed, inputs):
    with pytest.raises(errors.InferenceError, match="embeds no empty text"):
        embed(inputs)
    assert not service.requests


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        *[(model, 1_000_000) for model in ("voyage-3.5-lite", "voyage-4-lite")],
        *[(model, 320_000) for model in ("voyage-3.5", "voyage-4", "voyage-2")],
        *[
            (model, 120_000)
            for model in ("voyage-3-large", "voyage-4-large", "voyage-code-3", "voyage-finance-2", "voyage-law-2")
        ],
    ],
)
def test_rows_135_136_137_tokens_of_a_request_stay_below_the_limit_of_the_model(service, embed, model, tokens):
    assert MAX_TOKENS[model] == tokens
    service.answers(echo)
    texts = [chr(97 + i) * 100_000 for i in range(10)]  # about 33,334 tokens each
    vectors = embed(texts, model=f"voyage/{model}")
    sizes = [len(r.json["input"]) if isinstance(r.json["input"], list) else 1 for r in service.requests]
    assert max(sizes) == min(10, tokens // batching.estimate_tokens(texts[0]))
    assert [vector[1] for vector in vectors] == [97 + i for i in range(10)]


@pytest.mark.parametrize("model", ["voyage-context-3", "voyage-code-2", "voyage-9-of-the-future"])
def test_row_138_any_model_passes(service, embed, model):
    service.answers(echo)
    embed(model=f"voyageai/{model}")
    assert service.requests[0].json["model"] == model


@pytest.mark.parametrize("model", ["voyage-context-3", "voyage-9-of-the-future"])
def test_row_138_of_other_models_the_least_limit_holds(service, embed, model):
    service.answers(echo)
    embed([chr(97 + i) * 100_000 for i in range(4)], model=f"voyage/{model}")  # about 33,334 tokens each
    assert sorted(len(r.json["input"]) if isinstance(r.json["input"], list) else 1 for r in service.requests) == [1, 3]


@pytest.mark.parametrize(
    ("operation", "options", "sent"),
    [
        ("search", {}, {"input_type": "query"}),
        ("update", {}, {"input_type": "document"}),
        ("update", {"input_type": "query"}, {"input_type": "query"}),
        ("search", {"input_type": None}, {}),
        ("search", {"auto_input_type": False}, {}),
        ("search", {"auto_input_type": False, "input_type": "document"}, {"input_type": "document"}),
    ],
)
def test_rows_140_to_143_input_type_follows_the_operation_unless_the_options_say_otherwise(
    service, embed, operation, options, sent
):
    service.answers(echo)
    embed(operation=operation, **options)
    assert service.requests[0].json == {"input": "text", "model": "voyage-4", **sent, "encoding_format": "base64"}


def test_row_145_truncation_passes(service, embed):
    service.answers(echo)
    embed(truncation=True)
    assert service.requests[0].json["truncation"] is True


def test_row_146_an_over_long_text_without_truncation_is_an_error(service, embed):
    detail = "The example at index 0 in your batch has too many tokens and does not fit into the model's context window"
    service.answers(Answer({"detail": detail}, 400))
    with pytest.raises(errors.InferenceError, match="context window") as caught:
        embed(["text", "other"], truncation=False)
    assert caught.value.upstream_status == 400
    assert len(service.requests) == 1


FLEXIBLE = ["voyage-4-large", "voyage-4", "voyage-4-lite", "voyage-3-large", "voyage-3.5", "voyage-3.5-lite"]


@pytest.mark.parametrize("model", [*FLEXIBLE, "voyage-code-3"])
def test_row_147_output_dimensions_of_seven_models(service, embed, model):
    service.answers(Answer(listed([1.0])))
    for size in (256, 512, 1024, 2048):
        embed(model=f"voyage/{model}", output_dimension=size)
    embed(model=f"voyage/{model}", output_dimension=None)
    assert [r.json.get("output_dimension") for r in service.requests] == [256, 512, 1024, 2048, None]
    for size in (128, 1023, "256", True, 256.0):
        with pytest.raises(errors.InferenceError, match="output_dimension must be one of"):
            embed(model=f"voyage/{model}", output_dimension=size)
    assert len(service.requests) == 5


@pytest.mark.parametrize(
    "model", ["voyage-2", "voyage-code-2", "voyage-finance-2", "voyage-law-2", "voyage-multimodal-3"]
)
def test_row_148_the_others_have_one_size(service, embed, model):
    with pytest.raises(errors.InferenceError, match="one size only"):
        embed(model=f"voyage/{model}", output_dimension=512)
    assert not service.requests


NUMBERS = {
    "float": ([0.25, -1.5], np.float32),
    "int8": ([-128, 127], np.int8),
    "uint8": ([0, 255], np.uint8),
    "binary": ([-51, -128], np.int8),
    "ubinary": ([77, 0], np.uint8),
}


@pytest.mark.parametrize("encoding", ["base64", None])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_rows_149_to_155_five_dtypes_in_two_encodings(service, embed, dtype, encoding):
    values, numpy_type = NUMBERS[dtype]
    service.answers(Answer(listed(b64(values, numpy_type) if encoding else values)))
    (vector,) = embed(output_dtype=dtype, encoding_format=encoding)
    assert vector.dtype == numpy_type
    assert vector.tolist() == values
    assert not vector.flags.writeable
    assert service.requests[0].json.get("encoding_format", "absent") == (encoding or "absent")


@pytest.mark.parametrize("dtype", NUMBERS)
def test_row_155_a_service_may_answer_in_the_other_encoding(service, embed, dtype):
    values, _ = NUMBERS[dtype]
    service.answers(Answer(listed(values)))
    assert embed(output_dtype=dtype)[0].tolist() == values


def test_rows_152_153_offset_binary_is_eight_signs_a_number(service, embed):
    bits = np.array([0, 1, 0, 0, 1, 1, 0, 1], np.uint8)
    service.answers(Answer(listed([-51])), Answer(listed([77])))
    (binary,), (ubinary,) = embed(output_dtype="binary"), embed(output_dtype="ubinary")
    assert np.unpackbits((binary.astype(np.int16) + 128).astype(np.uint8)).tolist() == bits.tolist()
    assert np.unpackbits(ubinary).tolist() == bits.tolist()


@pytest.mark.parametrize(("dtype", "values"), [("int8", [128]), ("uint8", [-1]), ("int8", [0.5]), ("binary", [300])])
def test_numbers_that_are_no_such_dtype_are_an_error(service, embed, dtype, values):
    service.answers(Answer(listed(values)))
    with pytest.raises(ProviderError, match=r"numbers that are no u?int8"):
        embed(output_dtype=dtype)


def test_an_unknown_dtype_is_refused_before_any_call(service, embed):
    with pytest.raises(errors.InferenceError, match="output_dtype must be one of float, int8, uint8, binary, ubinary"):
        embed(output_dtype="int4")
    with pytest.raises(errors.InferenceError, match="float vectors only"):
        embed(model="voyage/voyage-law-2", output_dtype="int8")
    assert not service.requests


def test_row_129_mrl_needs_floats(service, embed):
    service.answers(Answer(listed([1, 2])))
    with pytest.raises(errors.InferenceError, match="option mrl needs float vectors"):
        embed(output_dtype="int8", mrl=1)


def test_row_156_the_sample_answer_of_the_documentation(service, embed):
    service.answers(
        Answer(
            b'{"object":"list","data":[{"object":"embedding","embedding":[42.0],"index":42}],'
            b'"model":"string","usage":{"total_tokens":42}}'
        )
    )
    context = InferenceContext()
    assert embed(context=context)[0].tolist() == [42.0]
    assert context.usage.tokens == {MODEL: 42}


def test_row_157_vectors_follow_the_index(service, embed):
    service.answers(Answer(listed([2.0], [0.0], [1.0], indices=[2, 0, 1])))
    assert np.array(embed(["a", "b", "c"])).tolist() == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("indices", [[0, 0], [1, 2], [0, None], [0, 1.0], [0, "1"]])
def test_row_169_indices_that_do_not_match_are_an_error(service, embed, indices):
    service.answers(Answer(listed([1.0], [2.0], indices=indices)))
    with pytest.raises(ProviderError, match="indices that do not match"):
        embed(["a", "b"])


def test_row_158_tokens_of_all_batches_are_added(service, embed):
    service.answers(Answer(listed([1.0])))
    context = InferenceContext()
    embed(["a", "b"], context=context, batch_size=1)
    assert context.usage.tokens == {MODEL: 6}


def test_row_159_400_is_the_callers_fault(service, embed):
    service.answers(Answer({"detail": "Argument 'x' is not supported by our API"}, 400))
    with pytest.raises(errors.InferenceError) as caught:
        embed()
    assert str(caught.value) == (
        "Wrong input: Inference request validation failed: voyage: Argument 'x' is not supported by our API"
    )
    assert (caught.value.provider, caught.value.upstream_status) == ("voyage", 400)
    assert len(service.requests) == 1


def test_row_159_a_batch_over_the_limit_is_halved(service, embed):
    def at_most_two(received):
        given = received.json["input"]
        if isinstance(given, list) and len(given) > 2:
            return Answer({"detail": "The max allowed tokens per submitted batch is 120000."}, 400)
        return echo(received)

    service.answers(at_most_two)
    vectors = embed(["a", "bb", "ccc", "dddd", "eeeee"])
    assert [vector[0] for vector in vectors] == [1, 2, 3, 4, 5]
    sent = [r.json["input"] for r in service.requests]
    assert sent[1:] == [["a", "bb"], ["ccc", "dddd", "eeeee"], "ccc", ["dddd", "eeeee"]]


@pytest.mark.parametrize("status", [401, 403])
def test_rows_160_161_a_refused_key_is_not_tried_again(service, embed, status):
    service.answers(Answer({"detail": "Provided API key is invalid."}, status))
    with pytest.raises(ProviderError, match="Authentication failed for inference service voyage") as caught:
        embed()
    assert (caught.value.provider, caught.value.upstream_status, caught.value.status_code) == ("voyage", status, 500)
    assert len(service.requests) == 1


def test_row_162_a_rate_limit_is_waited_for(service, embed):
    service.answers(Answer({"detail": "slow down"}, 429, {"Retry-After": "7"}), Answer(listed([1.0])))
    assert embed()[0].tolist() == [1.0]
    assert service.sleeps == [7.0]


def test_row_162_a_rate_limit_that_stays_is_an_error(service, embed):
    service.answers(Answer({"detail": "slow down"}, 429, {"Retry-After": "7"}))
    with pytest.raises(ProviderRateLimitExceeded, match="Rate limiting exceeded: voyage: slow down") as caught:
        embed()
    assert (caught.value.retry_after, caught.value.status_code) == (7.0, 429)
    assert len(service.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_rows_163_to_166_a_failing_service_is_asked_again(service, embed, status):
    service.answers(Answer({"detail": "oops"}, status), Answer({"detail": "oops"}, status), Answer(listed([1.0])))
    assert embed()[0].tolist() == [1.0]
    assert service.sleeps == [0.25, 0.5]
    assert [r.body for r in service.requests] == [service.requests[0].body] * 3


def test_row_167_the_sample_request_of_the_documentation(service, embed):
    service.answers(Answer(listed(b64([1.0]))))
    embed(
        "string",
        model="voyage/voyage-context-3",
        input_type="query",
        truncation=True,
        output_dimension=256,
        output_dtype="float",
        encoding_format="base64",
    )
    assert service.requests[0].body == (
        b'{"input":"string","model":"voyage-context-3","input_type":"query","truncation":true,'
        b'"output_dimension":256,"output_dtype":"float","encoding_format":"base64"}'
    )


def test_images_go_to_the_multimodal_endpoint_by_address_or_by_content_never_both(service, embed):
    def answer(received):
        return Answer(listed(*([float(len(str(given)))] for given in received.json["inputs"])))

    service.answers(answer)
    model = "voyage/voyage-multimodal-3.5"
    url = "https://example.org/banana.jpg"
    vectors = embed([{"image": PNG}, "a banana", {"image": url}, {"image": PNG_URL}], model=model)
    parts = [
        {"content": [{"type": "image_base64", "image_base64": PNG_URL}]},
        {"content": [{"type": "text", "text": "a banana"}]},
        {"content": [{"type": "image_url", "image_url": url}]},
    ]
    assert [r.url for r in service.requests] == ["https://ai.mongodb.com/v1/multimodalembeddings"] * 2
    assert [r.json["inputs"] for r in service.requests] == [[parts[0], parts[0]], parts[1:]]
    assert service.requests[0].json["input_type"] == "document"
    assert [v[0] for v in vectors] == [len(str(part)) for part in (parts[0], parts[1], parts[2], parts[0])]


def test_images_need_a_multimodal_model(service, embed):
    with pytest.raises(errors.InferenceError, match="Only text input is supported for voyage/voyage-4"):
        embed({"image": PNG})


def test_keys_of_voyages_own_site_need_its_address(service, embed):
    service.answers(echo)
    embed(base_url="https://api.voyageai.com/v1/")
    assert service.requests[0].url == "https://api.voyageai.com/v1/embeddings"
    assert "base_url" not in service.requests[0].json
