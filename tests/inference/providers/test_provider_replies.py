"""Whatever a service answers: vectors that fit the question, or a ProviderError."""

from __future__ import annotations

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_service import b64, embed

from minidb import errors
from minidb.inference.providers.cohere import Cohere
from minidb.inference.providers.failures import ProviderError
from minidb.inference.providers.http import Http
from minidb.inference.providers.openai import OpenAI
from minidb.inference.providers.qdrant_service import QdrantService
from minidb.inference.providers.retry import hinted_wait
from minidb.inference.providers.voyage import Voyage

PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner), max_leaves=8
)
NUMBERS = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=2)
EMBEDDING = NUMBERS | NUMBERS.map(b64) | JSON
ENTRY = st.fixed_dictionaries({}, optional={"index": st.integers(-1, 2) | PLAIN, "embedding": EMBEDDING}) | JSON
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.lists(ENTRY, max_size=3) | JSON,
        "embeddings": st.fixed_dictionaries({"float": st.lists(EMBEDDING, max_size=3)}) | st.lists(EMBEDDING) | JSON,
        "usage": JSON,
        "meta": JSON,
    },
)


@pytest.mark.parametrize(
    ("make", "model"), [(OpenAI, "openai/m"), (Cohere, "cohere/m"), (Voyage, "voyage/m"), (None, "qdrant/m")]
)
@settings(max_examples=50, deadline=None)
@given(body=BODIES | JSON)
def test_row_169_any_answer_gives_vectors_or_an_error(make, model, body):
    content = orjson.dumps(body)
    http = Http(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=content)), sleep=lambda _: None)
    embedder = make(http) if make else QdrantService("http://service", http=http)
    name = model.split("/")[0]
    try:
        vectors = embed(embedder, ["a", "b"], model, **{f"{name}-api-key": "k"})
    except (ProviderError, errors.InferenceError, errors.RateLimitExceeded):
        return
    assert len(vectors) == 2
    for vector in vectors:
        values = np.asarray(vector.values if hasattr(vector, "indices") else vector)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens"]), st.text()
    )
)
def test_any_header_gives_a_wait_or_none(headers):
    wait = hinted_wait(429, headers, 0.0)
    assert wait is None or wait >= 0
