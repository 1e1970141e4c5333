"""Keys: where they come from, where they go, and that they are nowhere else. Rows 84 to 91, 105."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import traceback
from functools import partial
from pathlib import Path

import httpx
import pytest
from provider_service import Answer, b64
from qdrant_client import models as qdrant_models

from minidb import QdrantClient, context_headers, errors, inference, models
from minidb.inference import InferenceContext, Registry, providers
from minidb.inference.providers.cohere import Cohere
from minidb.inference.providers.failures import scrub
from minidb.inference.providers.http import Http
from minidb.inference.providers.jina import Jina
from minidb.inference.providers.openai import OpenAI
from minidb.inference.providers.openrouter import OpenRouter
from minidb.inference.providers.voyage import Voyage
from minidb.inference.secret import Secret

SOURCES = Path(providers.__file__).parent
KEY = "k3y-that-nobody-may-see"
OTHER = "0ther-key-of-the-header"
PROVIDERS = {
    "openai": (OpenAI, "openai-api-key", "m"),
    "cohere": (Cohere, "cohere-api-key", "m"),
    "jinaai": (Jina, "jina-api-key", "m"),
    "openrouter": (OpenRouter, "openrouter-api-key", "vendor/m"),
    "voyage": (Voyage, "voyage-api-key", "m"),
    "voyageai": (Voyage, "voyage-api-key", "m"),
}


def any_shape(received):
    """An answer that every provider understands."""
    return Answer(
        {
            "data": [{"index": 0, "embedding": b64([1.0])}],
            "embeddings": {"float": [[1.0]]},
            "usage": {"total_tokens": 1},
        }
    )


@pytest.fixture(params=PROVIDERS)
def provider(request, service):
    cls, key_name, model = PROVIDERS[request.param]
    with service.http() as http:
        registry = Registry()
        registry.register(f"{request.param}/", lambda _: cls(http))

        def call(context=None, **options):
            tree = {"text": "x", "model": f"{request.param}/{model}", "options": options}
            return inference.resolve(tree, operation="update", registry=registry, context=context)

        call.key_name = key_name
        call.embedder = cls(http)
        yield call


def test_row_084_a_missing_key_names_option_and_header(service, provider):
    for options in ({}, {provider.key_name: ""}, {"api-key": KEY}):
        with pytest.raises(errors.InferenceError, match="needs a key of") as caught:
            provider(**options)
        assert f"the option {provider.key_name}" in str(caught.value)
        assert f"the request header {provider.key_name}" in str(caught.value)
        assert KEY not in str(caught.value)
    assert not service.requests


def test_rows_088_089_a_key_in_the_header_or_in_the_options(service, provider):
    service.answers(any_shape)
    provider(InferenceContext(headers={provider.key_name.title(): OTHER}))
    provider(**{provider.key_name.upper(): KEY})
    assert [r.headers["authorization"] for r in service.requests] == [f"Bearer {OTHER}", f"Bearer {KEY}"]


def test_row_090_the_option_wins(service, provider):
    service.answers(any_shape)
    provider(InferenceContext(headers={provider.key_name: OTHER}), **{provider.key_name: KEY})
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_rows_086_105_a_key_is_good_for_one_request(service, provider):
    service.answers(any_shape)
    provider(**{provider.key_name: KEY})
    with pytest.raises(errors.InferenceError, match="needs a key of"):
        provider()


def test_row_091_keys_and_mrl_are_not_in_the_body(service, provider):
    service.answers(any_shape)
    context = InferenceContext(headers={"cohere-api-key": OTHER, "openai-api-key": OTHER})
    provider(context, **{provider.key_name: KEY, "another-api-key": OTHER, "mrl": 1})
    (request,) = service.requests
    assert b"api-key" not in request.body
    assert b"mrl" not in request.body
    assert KEY.encode() not in request.body
    assert [name for name, value in request.headers.items() if KEY in value or OTHER in value] == ["authorization"]


@pytest.mark.parametrize("key", ["line\nbreak-secret", "two words-secret", "schlüssel-secret", "tab\tsecret"])
def test_a_key_no_header_can_hold_is_refused_unseen(service, provider, key):
    with pytest.raises(errors.InferenceError, match="characters that no header can hold") as caught:
        provider(**{provider.key_name: key})
    assert "secret" not in str(caught.value)
    assert not service.requests


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"error": {"message": f"Incorrect API key provided: {KEY}."}}, 401),
        Answer({"message": f"invalid api token {KEY}"}, 400),
        Answer({"detail": f"Bearer {KEY} is over its limit, as is {OTHER}"}, 429),
        Answer(f"<p>{KEY}</p>".encode(), 500),
        Answer({"error": {"code": 502, "message": f"upstream said {KEY}"}}),
        Answer(drop=True),
        Answer(b"no json " + KEY.encode()),
    ],
    ids=["401", "400", "429", "500", "200 with error", "dropped", "no json"],
)
def test_row_087_keys_are_in_no_error_no_log_and_no_repr(service, provider, caplog, answer):
    caplog.set_level(logging.DEBUG)
    service.answers(answer)
    context = InferenceContext(headers={provider.key_name: OTHER})
    with pytest.raises(errors.MinidbError) as caught:
        provider(context, **{provider.key_name: KEY})
    seen = [repr(context), repr(vars(context)), repr(provider.embedder), repr(vars(provider.embedder))]
    seen += [record.getMessage() + repr(record.args) for record in caplog.records]
    error = caught.value
    while error is not None:
        assert not hasattr(error, "request"), "an exception of httpx holds the key"
        seen += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(SOURCES):
                seen += [f"{name} = {value!r}" for name, value in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    assert any("call = Call(" in text for text in seen)
    for text in seen:
        assert KEY not in text
        assert OTHER not in text
    with pytest.raises(TypeError):
        pickle.dumps(context.keys)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("key abc rejected", "key *** rejected"),
        ("Incorrect API key provided: sk-proj-********wxyz.", "Incorrect API key provided: ***"),
        ("authorization: Bearer eyJhbGciOi.x", "authorization: ***"),
        ("pa-0123456789 and al-0123456789 and jina_0123456789", "*** and *** and ***"),
        ("ab**********yz", "***"),
        ("sk-8 is a short word, task-oriented too", "sk-8 is a short word, task-oriented too"),
    ],
)
def test_row_087_what_looks_like_a_key_is_taken_out(text, scrubbed):
    assert scrub(text, [Secret("abc"), Secret("")]) == scrubbed


OBJECTS = [
    models.Document(text="x", model="openai/m", options={"openai-api-key": KEY, "user": "u"}),
    models.Image(image=b"x", model="openai/m", options={"OpenAI-API-Key": KEY, "user": "u"}),
    models.InferenceObject(object=1, model="openai/m", options={"openai-api-key": KEY, "user": "u"}),
]


@pytest.mark.parametrize("given", OBJECTS, ids=lambda given: type(given).__name__)
def test_row_087_an_object_does_not_show_its_key(given):
    """It was in the repr of an object, and so in that of every point, request and local variable that held one."""
    for shown in (given, [models.PointStruct(id=1, vector={"v": given})], models.QueryRequest(query=given)):
        for text in (repr(shown), str(shown)):
            assert KEY not in text
            assert "-api-key': '***', 'user': 'u'" in text.lower()
    assert KEY in given.model_dump_json()  # it is still sent


DOCUMENT = {"text": "x", "model": "openai/m", "options": {"openai-api-key": f"a 'quoted' \"{KEY}"}}
MISPLACED = {
    "upsert": [
        {"id": DOCUMENT, "vector": [1.0]},
        {"id": 1, "vector": [DOCUMENT]},
        {"id": 1, "vector": {"a": [DOCUMENT]}},
        {"id": 1, "vector": [1.0], "payload": [DOCUMENT]},
    ],
    "query": [{"fusion": DOCUMENT}, {"recommend": {"positive": DOCUMENT}}, {"nearest": [DOCUMENT]}],
}


@pytest.mark.parametrize("form", ["dict", "ours", "qdrant-client's"])
@pytest.mark.parametrize(("operation", "number"), [(name, n) for name, of in MISPLACED.items() for n in range(len(of))])
def test_row_087_a_misplaced_object_is_refused_without_its_key(form, operation, number):
    """The error quoted the object, key and all: over REST it is what a client, or a proxy, writes into its log."""
    forms = {"dict": dict, "ours": models.Document, "qdrant-client's": qdrant_models.Document}
    given = placed(MISPLACED[operation][number], forms[form](**DOCUMENT))
    with QdrantClient(":memory:") as client:
        client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
        call = (
            partial(client.upsert, "c", [given]) if operation == "upsert" else partial(client.query_points, "c", given)
        )
        with pytest.raises(errors.FormatError) as caught:
            call()
    assert KEY not in str(caught.value)


def placed(value, document):
    """`value` with `document` in the place of DOCUMENT."""
    if value is DOCUMENT:
        return document
    if isinstance(value, dict):
        return {name: placed(part, document) for name, part in value.items()}
    return [placed(part, document) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("option", ["mrl", "timeout", "max_retries", "auto_input_type"])
def test_row_087_nor_does_the_error_of_an_option_show_one(provider, option):
    with pytest.raises(errors.InferenceError, match=option) as caught:
        provider(**{provider.key_name: KEY, option: DOCUMENT})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("as_header", [False, True])
def test_rows_084_090_a_key_of_none_is_none(service, provider, as_header):
    """As `os.environ.get` gives it. The word None was sent as the key, and won over the header's."""
    service.answers(any_shape)
    nothing = InferenceContext(headers={provider.key_name: None}) if as_header else None
    with pytest.raises(errors.InferenceError, match="needs a key of"):
        provider(nothing, **({} if as_header else {provider.key_name: None}))
    with context_headers({provider.key_name: None}):
        provider(InferenceContext(headers={provider.key_name: OTHER}), **{provider.key_name: None})
    assert [r.headers["authorization"] for r in service.requests] == [f"Bearer {OTHER}"]


@pytest.mark.parametrize("key", [5, True, b"secret", ["secret"], {"key": "secret"}], ids=repr)
def test_a_key_that_is_no_text_is_refused_unseen(service, provider, key):
    for context, options in (
        (None, {provider.key_name: key}),
        (lambda: InferenceContext(headers={provider.key_name: key}), {}),
    ):
        with pytest.raises(errors.FormatError, match=f"expected a string in {provider.key_name}") as caught:
            provider(context and context(), **options)
        assert "secret" not in str(caught.value)
    assert not service.requests


def test_a_secret_may_be_given_as_the_key(service, provider):
    service.answers(any_shape)
    provider(**{provider.key_name: Secret(KEY)})
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_within_a_longer_key_is_taken_out_whole():
    assert scrub("secret-longer", [Secret("secret"), Secret("secret-longer")]) == "***"


def test_importing_the_seam_and_listing_models_imports_no_http_client():
    code = (
        "import sys, minidb.inference as i\n"
        "i._registry.embedder('jinaai/x')\n"
        "i.resolve({'text': 'x', 'model': 'minidb/hash-8'}, operation='update')\n"
        "assert not {'httpx', 'minidb.inference.providers.http'} & set(sys.modules)\n"
        "i._registry.embedder('openai/x')\n"
        "assert 'httpx' in sys.modules\n"
    )
    bare = "import sys; sys.modules['minidb'] = type(sys)('minidb'); sys.modules['minidb'].__path__ = [sys.argv[1]]\n"
    package = str(next(iter(__import__("minidb").__path__)))
    subprocess.run([sys.executable, "-c", bare + code, package], check=True)


@pytest.mark.parametrize("prefix", ["openai", "cohere", "jinaai", "openrouter", "voyage", "voyageai"])
def test_row_082_prefixes_are_registered(prefix):
    for name in (prefix, prefix.title()):
        with pytest.raises(errors.InferenceError, match="-api-key"):
            inference.resolve({"text": "x", "model": f"{name}/vendor/m"}, operation="search")


def test_both_names_of_voyage_share_one_pool():
    registry = Registry()
    providers.register(registry)
    assert registry.embedder("voyage/m") is registry.embedder("VoyageAI/m")


def test_a_pool_shows_no_more_than_its_settings():
    assert "key" not in repr(Http(transport=httpx.MockTransport(lambda request: httpx.Response(200)))).lower()


def test_find_skips_longer_prefixes():
    registry = Registry()
    registry.register("", lambda model: "any")
    registry.register("a/", lambda model: "a")
    registry.register("a/b", lambda model: None)
    assert [registry.find("a/b"), registry.find("a/b", below="a/"), registry.find("c")] == ["a", "any", "any"]
