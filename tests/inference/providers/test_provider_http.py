"""The one way to a service: errors, retries, deadlines, connections. Rows 168, 169, 172, 173."""

from __future__ import annotations

import os
import threading
import time

import httpx
import pytest
from provider_service import Answer, Service, echo, listed
from provider_service import embed as embed_with

from minidb import errors
from minidb.inference import InferenceContext, Input, Request, Secret
from minidb.inference.providers.call import Profile
from minidb.inference.providers.failures import ProviderError, ProviderRateLimitExceeded
from minidb.inference.providers.http import Http
from minidb.inference.providers.openai import OpenAI, OpenAICompatible

KEY = "sk-0123456789"
MODEL = "openai/m"


class Frozen(InferenceContext):
    """A context whose time is what the test says, and passes only in sleeps."""

    def __init__(self, seconds):
        super().__init__()
        self.left = seconds

    def remaining(self):
        return self.left


@pytest.fixture
def embed(service):
    pools = []

    def call(inputs="text", context=None, http=None, **options):
        pools.append(http or service.http())
        return embed_with(OpenAI(pools[-1]), inputs, MODEL, context=context, **{"openai-api-key": KEY, **options})

    yield call
    for pool in pools:
        pool.close()


ERROR = {"error": {"message": "the reason", "type": "t", "param": None, "code": "c"}}
TABLE = [
    (400, errors.InferenceError, 400, "Wrong input: Inference request validation failed: openai: the reason", 1),
    (401, ProviderError, 500, "Authentication failed for inference service openai (401): the reason", 1),
    (402, errors.InferenceError, 400, "refused the request (402): the reason", 1),
    (403, ProviderError, 500, "Service internal error: Authentication failed for inference service openai (403)", 1),
    (404, errors.InferenceError, 400, "refused the request (404)", 1),
    (408, errors.InferenceError, 400, "refused the request (408)", 3),
    (409, errors.InferenceError, 400, "refused the request (409)", 3),
    (413, errors.InferenceError, 400, "refused the request (413)", 1),
    (422, errors.InferenceError, 400, "refused the request (422)", 1),
    (425, errors.InferenceError, 400, "refused the request (425)", 3),
    (429, ProviderRateLimitExceeded, 429, "Rate limiting exceeded: openai: the reason", 3),
    (498, errors.InferenceError, 400, "refused the request (498)", 1),
    (499, errors.InferenceError, 400, "refused the request (499)", 1),
    (500, ProviderError, 500, "Service internal error: Inference service openai failed (500): the reason", 3),
    (501, ProviderError, 500, "failed (501)", 1),
    (502, ProviderError, 500, "failed (502)", 3),
    (503, ProviderError, 500, "failed (503)", 3),
    (504, ProviderError, 500, "failed (504)", 3),
    (524, ProviderError, 500, "failed (524)", 3),
    (529, ProviderError, 500, "failed (529)", 3),
    (302, ProviderError, 500, "failed (302)", 1),
]


@pytest.mark.parametrize(("status", "kind", "code", "text", "calls"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_row_168_what_a_status_means(service, embed, status, kind, code, text, calls):
    service.answers(Answer(ERROR, status))
    with pytest.raises(kind) as caught:
        embed()
    error = caught.value
    assert (error.status_code, error.provider, error.upstream_status) == (code, "openai", status)
    assert text in str(error)
    assert len(service.requests) == calls
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "plain"}, "plain"),
        ({"error": {"message": "deep"}}, "deep"),
        ({"error": {"odd": 1}}, '{"odd":1}'),
        ({"message": "cohere"}, "cohere"),
        ({"detail": "voyage"}, "voyage"),
        ({"detail": [{"loc": ["body"], "msg": "pydantic"}]}, "pydantic"),
        (["list"], '["list"]'),
        (b"<html>bad\n gateway</html>", "<html>bad gateway</html>"),
        (b"\xff\xfe", "\ufffd"),
        (b"x" * 100_000, "x" * 500 + "…"),
        (b"", "openai: no reason given"),
    ],
)
def test_row_168_the_reason_is_read_from_any_shape(service, embed, body, text):
    service.answers(Answer(body, 400))
    with pytest.raises(errors.InferenceError) as caught:
        embed()
    assert text in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"data": [', b"[]", b"3"])
def test_row_169_a_success_that_is_no_json_object_is_an_error(service, embed, body):
    service.answers(Answer(body))
    with pytest.raises(ProviderError, match=r"no JSON|no object") as caught:
        embed()
    assert caught.value.upstream_status == 200
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": [1]}, {"data": [{"index": 0}]}])
def test_row_169_a_success_without_embeddings_is_an_error(service, embed, body):
    service.answers(Answer(body))
    with pytest.raises(ProviderError, match="Inference service openai answered with"):
        embed()


@pytest.mark.parametrize("count", [1, 3])
def test_row_169_a_wrong_count_is_an_error(service, embed, count):
    service.answers(Answer(listed(*[[1.0]] * count)))
    with pytest.raises(ProviderError, match=f"{count} vectors for 2 inputs"):
        embed(["a", "b"])


def test_row_173_an_empty_list_is_an_error(service, embed):
    service.answers(Answer(listed()))
    with pytest.raises(ProviderError, match="Inference service returned no vectors"):
        embed()


# Retries


def test_waits_grow_and_are_jittered(service, embed):
    service.answers(*[Answer(ERROR, 500)] * 7, Answer(listed([1.0])))
    embed(max_retries=7)
    assert service.sleeps == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(("retries", "calls"), [(0, 1), (1, 2), (None, 3)])
def test_the_caller_may_want_fewer_retries(service, embed, retries, calls):
    service.answers(Answer(ERROR, 500))
    with pytest.raises(ProviderError):
        embed(max_retries=retries)
    assert len(service.requests) == calls


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": "9", "x-ratelimit-reset-requests": "1s"}, 9.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"x-ratelimit-reset-requests": "1m2s", "x-ratelimit-reset-tokens": "20ms"}, 62.0),
    ],
)
def test_hints_are_followed(service, embed, headers, wait):
    service.answers(Answer(ERROR, 429, headers), Answer(listed([1.0])))
    embed()
    assert service.sleeps == [wait]


@pytest.mark.parametrize("named", [{"type": "insufficient_quota", "code": None}, {"code": "insufficient_quota"}])
def test_a_quota_that_is_used_up_does_not_come_back(service, embed, named):
    body = {"error": {"message": "You exceeded your current quota", **named}}
    service.answers(Answer(body, 429, {"Retry-After": "1", "x-should-retry": "true"}))
    with pytest.raises(ProviderRateLimitExceeded):
        embed()
    assert len(service.requests) == 1


@pytest.mark.parametrize(("said", "status", "calls"), [("false", 500, 1), ("true", 400, 3), ("maybe", 500, 3)])
def test_the_service_may_say_whether_to_retry(service, embed, said, status, calls):
    service.answers(Answer(ERROR, status, {"x-should-retry": said}))
    with pytest.raises(errors.MinidbError):
        embed()
    assert len(service.requests) == calls


def test_too_long_a_wait_is_reported_not_waited_for(service, embed):
    service.answers(Answer(ERROR, 429, {"Retry-After": "121"}))
    with pytest.raises(ProviderRateLimitExceeded) as caught:
        embed()
    assert caught.value.retry_after == 121
    assert not service.sleeps


def test_a_dropped_connection_is_tried_again(service, embed):
    service.answers(Answer(drop=True), Answer(listed([1.0])))
    assert embed()[0].tolist() == [1.0]
    assert service.sleeps == [0.25]


def test_an_answer_cut_short_is_tried_again(service, embed):
    service.answers(Answer(b'{"data"', headers={"Content-Length": "99", "Connection": "close"}), Answer(listed([1.0])))
    assert embed(timeout=60)[0].tolist() == [1.0]


def test_a_connection_that_stays_dropped_is_an_error(service, embed):
    service.answers(Answer(drop=True))
    with pytest.raises(
        ProviderError, match="Failed to send inference request to openai: RemoteProtocolError"
    ) as caught:
        embed()
    assert caught.value.upstream_status is None
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (httpx.ConnectError("refused"), 3),
        (httpx.ReadError("reset"), 3),
        (httpx.WriteError("reset"), 3),
        (httpx.ConnectTimeout("late"), 3),
        (httpx.PoolTimeout("late"), 3),
        (httpx.UnsupportedProtocol("gopher"), 1),
        (httpx.DecodingError("gzip"), 1),
    ],
)
def test_which_failures_of_the_network_may_pass(service, embed, error, calls):
    made = []

    def fail(request):
        made.append(request)
        raise error

    pool = Http(transport=httpx.MockTransport(fail), sleep=service.sleeps.append)
    with pytest.raises(ProviderError, match=type(error).__name__):
        embed(http=pool)
    assert len(made) == calls


def test_the_refusing_port_of_a_real_machine(embed):
    closed = Service()
    closed.close()
    with pytest.raises(ProviderError, match="ConnectError"):
        embed(http=closed.http(), max_retries=0)


# Deadlines


def test_row_172_a_wait_beyond_the_deadline_fails_at_once(service, embed):
    service.answers(Answer(ERROR, 429, {"Retry-After": "60"}))
    with pytest.raises(ProviderRateLimitExceeded) as caught:
        embed(context=Frozen(59.0))
    assert caught.value.retry_after == 60
    assert not service.sleeps


def test_row_172_a_backoff_beyond_the_deadline_fails_at_once(service, embed):
    service.answers(Answer(ERROR, 503))
    with pytest.raises(ProviderError, match="503"):
        embed(context=Frozen(0.2))
    assert len(service.requests) == 1


@pytest.mark.parametrize("texts", [["a"], ["a", "b"]])
def test_row_172_a_slow_service_is_left_at_the_deadline(service, embed, texts):
    service.answers(Answer(listed([1.0]), delay=60.0))
    with pytest.raises(errors.Timeout):
        embed(texts, context=InferenceContext(timeout=0.1), batch_size=1)
    assert not service.finished


def test_row_172_a_service_that_trickles_is_left_at_the_deadline(service):
    service.answers(Answer(listed(*[[1.0] * 1000]), pieces=600, delay=0.1))
    secrets = {"openai-api-key": Secret(KEY)}
    request = Request(MODEL, [Input("text", "x")], {}, secrets, "update", InferenceContext(timeout=0.2))
    with service.http() as http, pytest.raises(errors.Timeout):
        OpenAI(http).embed(request)
    assert not service.finished


@pytest.mark.parametrize(("left", "most"), [(7.0, 7.0), (None, 60.0), (500.0, 60.0)])
def test_row_172_an_attempt_waits_no_longer_than_the_call(service, embed, left, most):
    seen = []

    def answer(request):
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json=listed([1.0]))

    embed(
        context=InferenceContext() if left is None else Frozen(left), http=Http(transport=httpx.MockTransport(answer))
    )
    assert [(given["read"], given["connect"]) for given in seen] == [(most, min(most, 10.0))]


def test_row_172_one_attempt_has_a_limit_of_its_own(service, embed):
    service.answers(Answer(listed([1.0]), delay=60.0), Answer(listed([2.0])))
    assert embed(timeout=0.1, max_retries=9)[0].tolist() == [2.0]


def test_row_172_waiting_for_a_place_counts(service, embed):
    service.answers(Answer(listed([1.0])))
    pool = service.http(max_concurrency=1)
    with pool._places, pytest.raises(errors.Timeout):
        embed(http=pool, context=InferenceContext(timeout=0.05))
    assert not service.requests


# Connections


def test_no_more_than_eight_requests_at_once(service, embed):
    lock = threading.Lock()
    now, most = 0, 0

    def answer(received):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return echo(received)

    service.answers(answer)
    pool = service.http(max_concurrency=3)
    vectors = embed([chr(97 + i) for i in range(20)], http=pool, batch_size=1)
    assert [v[1] for v in vectors] == [97 + i for i in range(20)]
    assert 1 < most <= 3
    assert Http().max_concurrency == 8


def test_the_first_failure_stops_the_rest(embed):
    service = Service()  # of its own: requests under way still arrive after the test
    service.answers(Answer(ERROR, 400))
    with pytest.raises(errors.InferenceError):
        embed([f"text {i}" for i in range(300)], http=service.http(), batch_size=1)
    assert len(service.requests) < 300
    service.close()


def test_redirects_are_not_followed(service, embed):
    service.answers(Answer({}, 307, {"Location": "https://elsewhere.example/"}))
    with pytest.raises(ProviderError, match="307"):
        embed()
    assert len(service.requests) == 1


def test_a_pool_opens_again_after_close(service):
    service.answers(echo)
    pool = service.http()
    pool.close()
    for _ in range(2):
        embed_with(OpenAI(pool), "text", MODEL, openai_api_key=KEY)
        pool.close()
        pool.close()
    assert len(service.requests) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_connections_and_places_of_its_own(service):
    """A child went on with its parent's connection, where each would have been answered what the other asked for."""
    begun, end = threading.Event(), threading.Event()

    def slow(received):
        begun.set()
        end.wait(60)
        return echo(received)

    service.answers(echo, slow, echo)
    with Http(max_concurrency=1) as http:

        def ask(text):
            embedder = OpenAICompatible(Profile("own", None, service.address, key_required=False), http)
            return embed_with(embedder, text, "own/m")[0].tolist()

        assert ask("first") == [5.0, ord("f")]
        thread = threading.Thread(target=ask, args=("in the parent",))
        thread.start()
        begun.wait(60)
        child = os.fork()
        if not child:
            os._exit(7 if ask("child") == [5.0, ord("c")] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        end.set()
        thread.join()
        assert ask("last") == [4.0, ord("l")]
    first, slow_one, of_child, last = [received.peer for received in service.requests]
    assert first == slow_one == last != of_child
