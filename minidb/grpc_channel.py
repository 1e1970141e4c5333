"""Channels of grpcio's whose calls are answered in this process: for the gRPC stubs of qdrant-client's clients.

They have what generated stubs and interceptors ask a channel for, of either kind; the interface has no streams. Called
by `in_process` when a client first makes a channel: it needs protobuf and grpcio, which qdrant-client has.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, TypeAlias

import grpc
from google.protobuf.message import Message
from grpc import _common
from grpc._channel import _InactiveRpcError, _RPCState  # what a channel raises, and what code under test may name
from grpc._cython import cygrpc
from grpc._interceptor import _UnaryOutcome
from qdrant_client import grpc as messages

from minidb.grpc import Answer, Asked, Code, Rpc, find
from minidb.grpc.descriptors import message_class

Metadata: TypeAlias = Iterable[tuple[str, str | bytes]]
Answering: TypeAlias = Callable[[Rpc, Asked], Answer]
_METADATA_NAME = re.compile(r"[a-z0-9_.-]+")
_METADATA_VALUE = re.compile(r"[ -~]*")
_DEFAULT_LIMITS = {"grpc.max_send_message_length": -1, "grpc.max_receive_message_length": 4 << 20}
"""Of grpcio; qdrant-client has no limits unless it is given some."""
_KNOWS_KINDS_OF_VECTORS = hasattr(messages, "VectorOutput")
"""Clients before 1.13 read fields of vectors that servers of today leave empty."""


class Channel:
    """Of `grpc`."""

    def __init__(self, answer: Answering, options: Sequence[tuple[str, Any]] = ()) -> None:
        self._answer_rpc = answer
        limits = _DEFAULT_LIMITS | {name: value for name, value in options if isinstance(value, int)}
        self._send_limit = limits["grpc.max_send_message_length"]
        self._receive_limit = limits["grpc.max_receive_message_length"]
        self._is_closed = False

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Any:
        return _Call(partial(self._answered, method, request_serializer, response_deserializer))

    def _answered(
        self,
        endpoint: str,
        serialize: Callable[[Any], bytes],
        deserialize: Callable[[bytes], Any],
        request: Any,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **others: Any,
    ) -> Any:
        """A reply; `others` are credentials and compression, which mean nothing here."""
        self._check_open()
        message = _common.serialize(request, serialize)
        if message is None:  # it has logged why
            raise self._error(Answer(Code.INTERNAL, text="Exception serializing request!"))
        answer = self._answer(endpoint, message, timeout, metadata or ())
        if answer.code is not Code.OK:
            raise self._error(answer)
        return deserialize(answer.reply)

    def _answer(self, endpoint: str, message: bytes, timeout: float | None, metadata: Metadata) -> Answer:
        rpc = find(endpoint)
        if rpc is None:
            return Answer(Code.UNIMPLEMENTED, text="Method not found!")
        if 0 <= self._send_limit < len(message):
            return _too_large("Sent", message, self._send_limit)
        headers = self._headers_of(metadata)
        started = monotonic()
        answer = self._answer_rpc(rpc, Asked(message, headers, trusted=True, timeout=timeout))
        if not _KNOWS_KINDS_OF_VECTORS and answer.reply:
            answer = Answer(answer.code, _with_older_vectors(rpc, answer.reply))
        if 0 <= self._receive_limit < len(answer.reply):
            return _too_large("Received", answer.reply, self._receive_limit)
        is_late = timeout is not None and monotonic() - started >= timeout
        if is_late and answer.code is Code.DEADLINE_EXCEEDED:  # a channel would not have waited for the server's words
            return Answer(Code.DEADLINE_EXCEEDED, text="Deadline Exceeded")
        return answer

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("Cannot invoke RPC on closed channel!")

    def _headers_of(self, metadata: Metadata) -> dict[str, str]:
        headers = {}
        for name, value in metadata:
            if name.endswith("-bin") and not isinstance(value, bytes):
                raise TypeError(f'Binary metadata key="{name}" expected bytes, got {type(value)}')
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if not _METADATA_NAME.fullmatch(name) or not (name.endswith("-bin") or _METADATA_VALUE.fullmatch(text)):
                raise self._invalid_metadata()
            headers[name] = text
        return headers

    def _invalid_metadata(self) -> Exception:
        return _ended(Answer(Code.INTERNAL, text="Invalid metadata"))

    def _error(self, answer: Answer) -> Exception:
        return _ended(answer)

    def close(self) -> None:
        self._is_closed = True


class _Call:
    """What a stub calls."""

    def __init__(self, answered: Callable[..., Any]) -> None:
        self._answered = answered

    def __call__(self, request: Any, *args: Any, **others: Any) -> Any:
        return self._answered(request, *args, **others)

    def with_call(self, request: Any, *args: Any, **others: Any) -> tuple[Any, Any]:
        return self._answered(request, *args, **others), _ended(Answer(Code.OK))

    def future(self, request: Any, *args: Any, **others: Any) -> Any:
        """A call and a future, answered already."""
        try:
            return _UnaryOutcome(*self.with_call(request, *args, **others))
        except grpc.RpcError as error:
            return error


class AsyncChannel(Channel):
    """Of `grpc.aio`: a call is a task, answered in a thread."""

    def __init__(
        self, answer: Answering, options: Sequence[tuple[str, Any]] = (), interceptors: Sequence[Any] = ()
    ) -> None:
        super().__init__(answer, options)
        self._interceptors = interceptors

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Callable[..., Awaitable[Any]]:
        answered = super().unary_unary(method, *args, **options)

        async def last(details: Any, request: Any) -> Awaitable[Any]:
            in_a_thread = asyncio.to_thread(answered, request, timeout=details.timeout, metadata=details.metadata)
            return asyncio.ensure_future(in_a_thread)

        async def intercepted(details: Any, request: Any) -> Any:
            run: Callable[[Any, Any], Awaitable[Any]] = last
            for interceptor in reversed(self._interceptors):
                run = partial(interceptor.intercept_unary_unary, run)
            found = await run(details, request)
            return await found if inspect.isawaitable(found) else found

        def call(
            request: Any, *, timeout: float | None = None, metadata: Metadata | None = None, **others: Any
        ) -> Awaitable[Any]:
            details = grpc.aio.ClientCallDetails(method, timeout, metadata, None, None)
            return asyncio.ensure_future(intercepted(details, request))

        return call

    def _check_open(self) -> None:
        if self._is_closed:
            raise grpc.aio.UsageError("Channel is closed.")

    def _invalid_metadata(self) -> Exception:
        error: Exception = cygrpc.ExecuteBatchError('Failed "execute_batch": invalid metadata')
        return error

    def _error(self, answer: Answer) -> Exception:
        trailing = grpc.aio.Metadata(*_trailing(answer))
        error: Exception = grpc.aio.AioRpcError(_status_code(answer.code), grpc.aio.Metadata(), trailing, answer.text)
        return error

    async def close(self, grace: float | None = None) -> None:  # type: ignore[override]
        self._is_closed = True


class _Metadatum(NamedTuple):
    key: str
    value: str


def _ended(answer: Answer) -> Exception:
    """A call of `grpc` that has ended, which is an error, too."""
    state = _RPCState((), (), _trailing(answer), _status_code(answer.code), answer.text)
    call: Exception = _InactiveRpcError(state)
    return call


def _trailing(answer: Answer) -> tuple[_Metadatum, ...]:
    return tuple(_Metadatum(*pair) for pair in answer.metadata)


def _status_code(code: Code) -> grpc.StatusCode:
    return next(each for each in grpc.StatusCode if each.value[0] == code)


def _too_large(what: str, message: bytes, limit: int) -> Answer:
    text = f"CLIENT: {what} message larger than max ({len(message)} vs. {limit})"
    return Answer(Code.RESOURCE_EXHAUSTED, text=text)


def _with_older_vectors(rpc: Rpc, reply: bytes) -> bytes:
    """A reply whose vectors are also where servers before 1.13 had them."""
    message = message_class(rpc.response).FromString(reply)
    for vector in _vectors_in(message):
        kind = vector.WhichOneof("vector")
        if kind == "dense":
            vector.data = vector.dense.data
        elif kind == "sparse":
            vector.data = vector.sparse.values
            vector.indices.data.extend(vector.sparse.indices)
        elif kind == "multi_dense":
            vector.data = b"".join(one.data for one in vector.multi_dense.vectors)
            vector.vectors_count = len(vector.multi_dense.vectors)
    whole: bytes = message.SerializeToString()
    return whole


def _vectors_in(message: Any) -> Iterator[Any]:
    for _, content in message.ListFields():
        several = content.values() if isinstance(content, Mapping) else content
        for one in [content] if isinstance(content, Message) else several if isinstance(several, Iterable) else ():
            if isinstance(one, Message) and one.DESCRIPTOR.name == "VectorOutput":
                yield one
            elif isinstance(one, Message) and one.DESCRIPTOR.name != "Value":
                yield from _vectors_in(one)
