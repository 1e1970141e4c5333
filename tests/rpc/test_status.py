"""Every error's status, text and metadata over gRPC."""

from __future__ import annotations

from typing import Any

import pytest
from rpc.rpc_world import RpcWorld, encoded

from minidb import errors
from minidb.grpc import Answer, failure
from minidb.inference.providers.failures import ProviderError
from minidb.rest.routes import find
from minidb.server.gate import Unauthorized

STATUS: list[tuple[errors.MinidbError, str, str]] = [
    (errors.BadInput("x"), "INVALID_ARGUMENT", "Wrong input: x"),
    (errors.InferenceError("x"), "INVALID_ARGUMENT", "Wrong input: x"),
    (errors.BadRequest("x"), "INVALID_ARGUMENT", "Bad request: x"),
    (errors.FormatError("x"), "INVALID_ARGUMENT", "Format error in body: x"),
    (errors.ValidationError("[x]"), "INVALID_ARGUMENT", "Validation error in body: [x]"),
    (Unauthorized("x"), "UNAUTHENTICATED", "x"),
    (errors.Forbidden("x"), "PERMISSION_DENIED", "Forbidden: x"),
    (errors.NotFound("x"), "NOT_FOUND", "Not found: x"),
    (errors.StandaloneMode(), "UNIMPLEMENTED", "Qdrant is running in standalone mode"),
    (errors.Timeout("x"), "DEADLINE_EXCEEDED", "x"),
    (errors.AlreadyExists("x"), "ALREADY_EXISTS", "Wrong input: x"),
    (errors.RateLimitExceeded("x"), "RESOURCE_EXHAUSTED", "Rate limiting exceeded: x"),
    (errors.InsufficientStorage("x"), "RESOURCE_EXHAUSTED", "Service internal error: x"),
    (errors.ServiceError("x"), "INTERNAL", "Service internal error: x"),
    (errors.CorruptionError("x"), "INTERNAL", "Service internal error: x"),
    (errors.FormatVersionError("x"), "INTERNAL", "Service internal error: x"),
    (errors.StoreClosed(), "INTERNAL", "Service internal error: this client has been closed"),
    (errors.MinidbError("x"), "INTERNAL", "x"),
]


@pytest.mark.parametrize(("error", "code", "text"), STATUS, ids=lambda value: type(value).__name__)
def test_every_error_has_a_status_and_keeps_its_text(error: errors.MinidbError, code: str, text: str) -> None:
    answer = failure(error)
    assert (answer.code.name, answer.text, answer.reply) == (code, text, b"")


def test_every_class_of_error_is_in_the_table() -> None:
    pending, known = [errors.MinidbError], {type(error) for error, _, _ in STATUS}
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        assert kind in known or kind.__module__ != "minidb.errors", kind


def test_a_text_that_quotes_a_place_is_left_alone() -> None:
    assert failure(errors.BadInput("Format error in JSON body: y")).text == "Wrong input: Format error in JSON body: y"


def test_who_has_to_wait_is_told_how_long() -> None:
    assert failure(errors.RateLimitExceeded("x", retry_after=0.2)).metadata == (("retry-after", "1"),)
    assert failure(errors.RateLimitExceeded("x", retry_after=2.2)).metadata == (("retry-after", "3"),)
    assert failure(errors.RateLimitExceeded("x")).metadata == ()


def test_a_full_disk_is_told_from_a_limit() -> None:
    assert failure(errors.InsufficientStorage("x")).metadata == (("qdrant-insufficient-storage", "1"),)


def test_a_provider_that_fails_is_not_the_callers_fault() -> None:
    assert issubclass(ProviderError, errors.ServiceError)


def test_lone_surrogates_do_not_break_a_text() -> None:
    failure(errors.BadInput("\ud800")).text.encode()


def _broken(world: RpcWorld, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Answer:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(world.database, "count", fail)
    return world.answer("Points/Count", encoded("Points/Count", {"collection_name": "c"}))


def test_what_nobody_expected_is_internal_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with RpcWorld() as world:
        answer = _broken(world, RuntimeError("a secret"), monkeypatch)
    assert (answer.code.name, answer.text) == (
        "INTERNAL",
        "Service internal error: an unexpected error, see the log",
    )


def test_errors_of_the_engine_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with RpcWorld() as world:
        for error, code, text in STATUS:
            answer = _broken(world, error, monkeypatch)
            assert (answer.code.name, answer.text) == (code, text)


def test_a_call_whose_time_is_over_does_not_begin() -> None:
    with RpcWorld() as world:
        before = world.dump()
        delete = encoded("Collections/Delete", {"collection_name": "c"})
        answer = world.answer("Collections/Delete", delete, timeout=0.0)
        assert answer.code.name == "DEADLINE_EXCEEDED"
        assert world.dump() == before


def test_calls_are_counted_by_endpoint_and_status() -> None:
    with RpcWorld() as world:
        world.call("Points/Count", collection_name="c")
        world.call("Points/Count", collection_name="c")
        world.refused("Points/Count", collection_name="nothing")
        responses = world.ask("GET", "/telemetry").result["requests"]["grpc"]["responses"]
        assert {code: one["count"] for code, one in responses["/qdrant.Points/Count"].items()} == {"0": 2, "5": 1}
        metrics = world.send("GET", "/metrics").response.body.decode()
        assert 'grpc_responses_total{endpoint="/qdrant.Points/Count",status="0"} 2\n' in metrics
        assert 'grpc_responses_duration_seconds_count{endpoint="/qdrant.Points/Count",status="5"} 1\n' in metrics


def test_every_rpc_ends_in_a_route() -> None:
    from minidb.grpc.rpcs import RPCS

    for rpc in RPCS:
        found = find(rpc.route.method, rpc.route.path)
        assert found is not None
        assert found[0] is rpc.route
