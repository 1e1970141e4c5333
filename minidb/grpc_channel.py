"""A channel whose calls are answered in this process: for the gRPC stubs of qdrant-client's clients.

It has what generated stubs ask a channel for, of either kind; the interface has no streams. Called by `as_grpc` when a
stub is first asked for: it needs protobuf and grpcio, which qdrant-client has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias

from minidb.as_grpc import rpc_error
from minidb.grpc import Answer, Asked, Code, Rpc, find

Metadata: TypeAlias = Iterable[tuple[str, str]]


def channel_of(remote: Any, answer: Callable[[Rpc, Asked], Answer], *, is_async: bool) -> _Channel:
    """A channel for the client behind one of qdrant-client's, with its headers. `is_async`: an `AsyncQdrantRemote`."""

    def headers() -> Metadata:
        return [*remote._grpc_headers, *_context_headers()]

    return _AsyncChannel(answer, headers) if is_async else _Channel(answer, headers)


def _context_headers() -> Metadata:
    try:
        from qdrant_client.context_headers import get_context_headers
    except ModuleNotFoundError:  # older clients have no such thing
        return ()
    return tuple(get_context_headers().items())


class _Channel:
    """Of `grpc`."""

    def __init__(self, answer: Callable[[Rpc, Asked], Answer], headers: Callable[[], Metadata]) -> None:
        self._answer_rpc = answer
        self._headers = headers

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Any:
        return _Call(partial(self._answer, method, request_serializer, response_deserializer))

    def _answer(
        self,
        endpoint: str,
        serialize: Callable[[Any], bytes],
        deserialize: Callable[[bytes], Any],
        request: Any,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **others: Any,
    ) -> Any:
        rpc = find(endpoint)
        if rpc is None:
            answer = Answer(Code.UNIMPLEMENTED, text="Method not found!")
        else:
            headers = {name.lower(): value for name, value in (*self._headers(), *(metadata or ()))}
            answer = self._answer_rpc(rpc, Asked(serialize(request), headers, trusted=True, timeout=timeout))
        if answer.code is not Code.OK:
            raise _error(answer, is_async=isinstance(self, _AsyncChannel))
        return deserialize(answer.reply)

    def close(self) -> None:
        """Nothing is open."""


class _Call:
    """What a stub calls; `others` of a call are credentials and compression, which mean nothing here."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer

    def __call__(self, request: Any, *args: Any, **others: Any) -> Any:
        return self._answer(request, *args, **others)

    def with_call(self, request: Any, *args: Any, **others: Any) -> tuple[Any, Any]:
        return self._answer(request, *args, **others), rpc_error(Code.OK, "", (), is_async=False)

    def future(self, request: Any, *args: Any, **others: Any) -> Future[Any]:
        """Answered already."""
        import grpc

        future: Future[Any] = Future()
        try:
            future.set_result(self._answer(request, *args, **others))
        except grpc.RpcError as error:
            future.set_exception(error)
        return future


class _AsyncChannel(_Channel):
    """Of `grpc.aio`: a call is a task, answered in a thread."""

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Callable[..., Awaitable[Any]]:
        answer = super().unary_unary(method, *args, **options)

        def call(request: Any, **arguments: Any) -> Awaitable[Any]:
            return asyncio.ensure_future(asyncio.to_thread(answer, request, **arguments))

        return call

    async def close(self, grace: float | None = None) -> None:  # type: ignore[override]
        """Nothing is open."""


def _error(answer: Answer, *, is_async: bool) -> Exception:
    """gRPC's, or of a full rate the one qdrant-client's channels make of it."""
    retry_after = dict(answer.metadata).get("retry-after")
    if answer.code is Code.RESOURCE_EXHAUSTED and retry_after is not None:
        try:
            from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        except ModuleNotFoundError:  # older clients raise what gRPC does
            pass
        else:
            return ResourceExhaustedResponse(message=answer.text, retry_after_s=int(retry_after))
    return rpc_error(answer.code, answer.text, answer.metadata, is_async=is_async)
