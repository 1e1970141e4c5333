"""qdrant-client's clients that prefer gRPC, inside `minidb.intercept`: REST answers, and they behave as over gRPC.

They raise `grpc.RpcError` when a request fails, and take what gRPC's conversion takes and refuse what it refuses. The
stubs of any client are answered. Called by `interception` and `transport`.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import httpx

from minidb.errors import BadInput, MinidbError

if TYPE_CHECKING:
    from minidb.grpc import Answer, Asked, Rpc

_REST_ALONE = re.compile(r"/snapshots/recover$|/shards/[^/]+/snapshots(/|$)")
"""Where qdrant-client's methods send REST's requests also when they prefer gRPC."""
_INVALID_ARGUMENT, _DEADLINE_EXCEEDED = 3, 4


def behave_as_grpc(remote: Any, *, is_async: bool) -> None:
    """Make the client behind one of qdrant-client's behave like that. `is_async`: it is an `AsyncQdrantRemote`."""
    remote.openapi_client.client.add_middleware(_checking_later if is_async else _checking)
    _convert_uploads(remote)
    _convert_writes(remote, functools.partial(_converted, is_async=is_async))


def answer_stubs(remote: Any, answer: Callable[[Rpc, Asked], Answer], *, is_async: bool) -> None:
    """Give the client behind one of qdrant-client's a channel in this process, once its stubs are asked for."""

    def connect() -> None:
        from minidb.grpc_channel import channel_of

        channel = channel_of(remote, answer, is_async=is_async)
        if hasattr(remote, "_grpc_channel_pool"):
            remote._grpc_channel_pool = [channel] * remote._get_grpc_pool_size()
        else:  # of clients before there were pools
            remote._grpc_channel = channel

    remote._init_grpc_channel = connect


def _convert_uploads(remote: Any) -> None:
    """Uploads make clients of their own, which are not async for either kind."""
    upload = remote._upload_collection

    def converted(batches: Iterable[Any]) -> Iterator[Any]:
        for ids, vectors, payloads in batches:
            yield ids, vectors, None if payloads is None else [_converted(payload) for payload in payloads]

    @functools.wraps(upload)
    def upload_as_grpc(*, batches_iterator: Iterable[Any], **arguments: Any) -> None:
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            upload(batches_iterator=converted(batches_iterator), **arguments)
        except UnexpectedResponse as error:
            raise _rpc_error(error.status_code or 500, error.headers, error.content) from error
        except ResponseHandlingException as error:
            _check_time(error)
            raise

    remote._upload_collection = upload_as_grpc


Convert: TypeAlias = Callable[[Any], Any]
"""Gives a payload as gRPC would carry it."""


def _convert_writes(remote: Any, convert: Convert) -> None:
    """What gRPC's conversion makes of points and payloads, and REST's does not."""
    upsert, update = remote.upsert, remote.batch_update_points

    @functools.wraps(upsert)
    def upsert_converted(collection_name: str, points: Any, *args: Any, **kwargs: Any) -> Any:
        return upsert(collection_name, _points(points, convert), *args, **kwargs)

    @functools.wraps(update)
    def update_converted(collection_name: str, update_operations: Any, *args: Any, **kwargs: Any) -> Any:
        operations = [_operation(operation, convert) for operation in update_operations]
        return update(collection_name, operations, *args, **kwargs)

    remote.upsert, remote.batch_update_points = upsert_converted, update_converted
    for method, argument in _PAYLOADS.items():
        setattr(remote, method, _converting(getattr(remote, method), argument, convert))


_PAYLOADS = {
    "set_payload": "payload",
    "overwrite_payload": "payload",
    "create_collection": "metadata",
    "update_collection": "metadata",
}
"""The arguments that are converted as payloads are, by method."""


def _converting(call: Callable[..., Any], argument: str, convert: Convert) -> Callable[..., Any]:
    @functools.wraps(call)
    def method(*args: Any, **kwargs: Any) -> Any:
        if argument in kwargs:
            kwargs[argument] = convert(kwargs[argument])
        return call(*args, **kwargs)

    return method


def _operation(operation: Any, convert: Convert) -> Any:
    from qdrant_client import models

    if isinstance(operation, models.UpsertOperation):
        return operation.model_copy(update={"upsert": _upsert(operation.upsert, convert)})
    if isinstance(operation, models.SetPayloadOperation | models.OverwritePayloadOperation):
        field = "set_payload" if isinstance(operation, models.SetPayloadOperation) else "overwrite_payload"
        values = getattr(operation, field)
        return operation.model_copy(update={field: values.model_copy(update={"payload": convert(values.payload)})})
    return operation


def _upsert(upsert: Any, convert: Convert) -> Any:
    from qdrant_client import models

    if isinstance(upsert, models.PointsList):
        return upsert.model_copy(update={"points": _points(upsert.points, convert)})
    points = _points(upsert.batch, convert)
    if not isinstance(points, list):
        return upsert.model_copy(update={"batch": points})
    others = {name: value for name, value in vars(upsert).items() if name != "batch"}
    return models.PointsList(points=points, **others)


def _points(points: Any, convert: Convert) -> Any:
    """A batch may have a dict of vectors for each point: gRPC's conversion takes any rows, REST's only columns."""
    from qdrant_client import models

    if isinstance(points, models.Batch):
        if points.payloads is not None:
            payloads = [convert(payload) for payload in points.payloads]
            points = points.model_copy(update={"payloads": payloads})
        return _rows(points) or points
    if isinstance(points, list):
        return [_point(point, convert) for point in points]
    return points


def _point(point: Any, convert: Convert) -> Any:
    from qdrant_client import models

    if not isinstance(point, models.PointStruct):  # a message of gRPC's
        return point
    payload = convert(point.payload)
    return point if payload is point.payload else point.model_copy(update={"payload": payload})


def _rows(batch: Any) -> list[Any] | None:
    """The points of a batch that has a dict of vectors for each; None for all else."""
    from qdrant_client import models

    if not isinstance(batch.vectors, list) or not any(isinstance(row, dict) for row in batch.vectors):
        return None
    payloads: list[Any] = [None] * len(batch.ids) if batch.payloads is None else batch.payloads
    if not len(batch.ids) == len(batch.vectors) == len(payloads):
        return None  # refused as every batch of different lengths is
    columns = zip(batch.ids, batch.vectors, payloads, strict=True)
    return [models.PointStruct(id=id_, vector=row, payload=payload) for id_, row, payload in columns]


def _converted(payload: Any, *, is_async: bool = False) -> Any:
    """A payload by way of gRPC's messages, which refuse, and change, other values than JSON does.

    Raises:
        ValueError: qdrant-client's conversion refuses it; what it refuses differs from version to version.
        grpc.RpcError: the server would.
    """
    if payload is None or _is_plain(payload):
        return payload
    from qdrant_client import grpc
    from qdrant_client.conversions.conversion import payload_to_grpc

    from minidb.grpc.values_read import payload as read

    fields = grpc.PointStruct(payload=payload_to_grpc(payload)).payload
    try:
        return read(fields)
    except BadInput as error:
        raise rpc_error(_INVALID_ARGUMENT, str(error), (), is_async=is_async) from error


_INTEGERS = range(-(2**63), 2**63)


def _is_plain(value: Any) -> bool:
    """Whether a value is the same by either way."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and _is_plain(item) for name, item in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    if kind is float:
        return math.isfinite(value)
    if kind is int:
        return value in _INTEGERS
    return kind in (str, bool, type(None))


def _checking(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """A middleware of qdrant-client's REST client."""
    from qdrant_client.http.exceptions import ResponseHandlingException

    try:
        response = send(request)
    except ResponseHandlingException as error:
        _check_time(error)
        if isinstance(error.source, RuntimeError):  # httpx's word for a closed client
            raise ValueError("Cannot invoke RPC: Channel closed!") from error
        raise
    if _is_grpcs(request, response):
        raise _rpc_error(response.status_code, response.headers, response.read())
    return response


async def _checking_later(
    request: httpx.Request, send: Callable[[httpx.Request], Awaitable[httpx.Response]]
) -> httpx.Response:
    from qdrant_client.http.exceptions import ResponseHandlingException

    try:
        response = await send(request)
    except ResponseHandlingException as error:
        _check_time(error, is_async=True)
        raise
    if _is_grpcs(request, response):
        raise _rpc_error(response.status_code, response.headers, await response.aread(), is_async=True)
    return response


def _is_grpcs(request: httpx.Request, response: httpx.Response) -> bool:
    """Whether a response stands for an error of gRPC's. Of a full rate qdrant-client makes an error of its own."""
    waits = response.status_code == 429 and "retry-after" in response.headers
    return response.is_error and not waits and _REST_ALONE.search(request.url.path) is None


def _check_time(error: Any, *, is_async: bool = False) -> None:
    """Raises gRPC's error if qdrant-client's is about a time that ran out."""
    if isinstance(error.source, httpx.TimeoutException):
        raise rpc_error(_DEADLINE_EXCEEDED, "Deadline Exceeded", (), is_async=is_async) from error


class _Metadatum(NamedTuple):
    key: str
    value: str


def _rpc_error(status_code: int, headers: Mapping[str, str], body: bytes, *, is_async: bool = False) -> Exception:
    """What gRPC's client raises where REST's was answered like this."""
    from minidb.grpc.status import code_of, text  # needs protobuf, as qdrant-client does

    try:
        words = json.loads(body)["status"]["error"]
    except (ValueError, KeyError, TypeError):  # no answer of Qdrant's
        words = body.decode("utf-8", "replace")
    names = ("retry-after", "qdrant-insufficient-storage")
    metadata = [(name, headers[name]) for name in names if name in headers]
    return rpc_error(code_of(status_code), text(MinidbError(words)), metadata, is_async=is_async)


def rpc_error(number: int, details: str, metadata: Iterable[tuple[str, str]], *, is_async: bool) -> Exception:
    """What a channel of gRPC's raises: a `grpc.RpcError`, or a `grpc.aio.AioRpcError`. `number`: of its status code."""
    import grpc
    from grpc._channel import _InactiveRpcError, _RPCState  # what a channel raises, and what code under test may name

    code = next(code for code in grpc.StatusCode if code.value[0] == number)
    trailing = tuple(_Metadatum(*pair) for pair in metadata)
    error: Exception
    if is_async:
        error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details)
    else:
        error = _InactiveRpcError(_RPCState((), (), trailing, code, details))
    return error
