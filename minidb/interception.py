"""Clients of a server's address, answered in this process: for tests of code that makes its own clients.

    with minidb.intercept("http://localhost:6333") as store:
        code_under_test()
        assert store.count("docs").count == 3

minidb's own clients look for a block themselves; of qdrant-client, when it is installed, the two classes behind its
clients are patched as long as there is any block, so that they get a `Transport`.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import httpx

from minidb.address import address_of, begin_block, end_block, intercepted
from minidb.client import QdrantClient
from minidb.database import MEMORY
from minidb.errors import BadRequest
from minidb.transport import AsyncTransport, Transport, is_in_memory, keep_uploads_here

_ADDRESS = ("url", "host", "port", "https", "prefix", "api_key")
_OTHER_WAYS = ("transport", "proxy", "mounts")
"""What httpx can be given in order to send requests elsewhere."""
_REST_ALONE = re.compile(r"/snapshots/recover$|/shards/[^/]+/snapshots(/|$)")
"""Where qdrant-client's methods send REST's requests also when they prefer gRPC."""
_TIMEOUT = 408


@contextmanager
def intercept(url: str, location: str | Path = MEMORY, **options: Any) -> Iterator[QdrantClient]:
    """A block in which clients of a server's address are answered by a store of this process, and no port is opened.

    It holds for clients made inside, by any thread: qdrant-client's and minidb's, synchronous and asynchronous, whether
    they prefer gRPC or not; of one that does, errors are gRPC's. After the block they fail, since its store is closed.
    Blocks may be nested; of those with the same address the innermost answers. Other addresses are left alone.

    Args:
        url: the address: scheme, host, port (6333 by default) and path have to be those the clients are given.
        location: of the store: ":memory:" (the default), fresh for this block, or a directory.
        options: keywords of `minidb.QdrantClient` (`durability`, `image_rules`, …).

    Yields:
        A `minidb.QdrantClient` of the store, to prepare it or look inside.

    Raises:
        BadRequest: `url` is no address.
    """
    address = address_of(url)
    with QdrantClient(location, **options) as store:
        begin_block(address, store)
        try:
            _patch()
            yield store
        finally:
            with _patching:
                if end_block(store):
                    _unpatch()


_patching = threading.Lock()
_originals: dict[type, Callable[..., None]] = {}


def _patch() -> None:
    if find_spec("qdrant_client") is None:
        return
    from qdrant_client.async_qdrant_remote import AsyncQdrantRemote
    from qdrant_client.qdrant_remote import QdrantRemote

    with _patching:
        if not _originals:
            for kind, transport in ((QdrantRemote, Transport), (AsyncQdrantRemote, AsyncTransport)):
                _originals[kind] = kind.__init__
                kind.__init__ = _diverted(kind.__init__, transport)  # type: ignore[method-assign]


def _unpatch() -> None:
    while _originals:
        kind, original = _originals.popitem()
        kind.__init__ = original  # type: ignore[misc]


def _diverted(original: Callable[..., None], transport: type[Transport | AsyncTransport]) -> Callable[..., None]:
    """A constructor of qdrant-client's that leads requests into a store, if its address is that of a block."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs)
        arguments = given.arguments
        try:
            address = address_of(**{name: arguments[name] for name in _ADDRESS if name in arguments})
        except BadRequest:  # qdrant-client has its own words for it
            return original(self, *args, **kwargs)
        store = intercepted(address)
        if store is None:
            return original(self, *args, **kwargs)
        others = {name: value for name, value in arguments.get("kwargs", {}).items() if name not in _OTHER_WAYS}
        arguments["kwargs"] = {**others, "transport": transport(store, prefix=address.prefix)}
        prefers_grpc = arguments.get("prefer_grpc", False)
        arguments["prefer_grpc"] = False
        arguments["check_compatibility"] = False  # it would ask the network
        original(*given.args, **given.kwargs)
        self._init_grpc_channel = _no_grpc
        if is_in_memory(store):
            keep_uploads_here(self)
        if prefers_grpc:
            _raise_as_grpc(self, is_async=issubclass(transport, AsyncTransport))
        return None

    return init


def _no_grpc() -> NoReturn:
    raise NotImplementedError("inside minidb.intercept there is no gRPC server: use the methods of the client")


def _raise_as_grpc(remote: Any, *, is_async: bool) -> None:
    """From now on a client of qdrant-client's raises what gRPC's raise, `grpc.RpcError`, when a request fails."""
    remote.openapi_client.client.add_middleware(_checking_later if is_async else _checking)
    upload = remote._upload_collection

    @functools.wraps(upload)
    def upload_as_grpc(**arguments: Any) -> None:
        """Uploads make clients of their own, which are not async for either kind."""
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            upload(**arguments)
        except UnexpectedResponse as error:
            raise _rpc_error(error.status_code or 500, error.headers, error.content) from error
        except ResponseHandlingException as error:
            _check_time(error)
            raise

    remote._upload_collection = upload_as_grpc


def _checking(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """A middleware of qdrant-client's REST client."""
    from qdrant_client.http.exceptions import ResponseHandlingException

    try:
        response = send(request)
    except ResponseHandlingException as error:
        _check_time(error)
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
        raise _made(_TIMEOUT, "Deadline Exceeded", (), is_async) from error


class _Metadatum(NamedTuple):
    key: str
    value: str


def _rpc_error(status_code: int, headers: Mapping[str, str], body: bytes, *, is_async: bool = False) -> Exception:
    """What gRPC's client raises where REST's was answered like this."""
    from minidb.grpc.status import without_places

    try:
        words = json.loads(body)["status"]["error"]
    except (ValueError, KeyError, TypeError):  # no answer of Qdrant's
        words = body.decode("utf-8", "replace")
    names = ("retry-after", "qdrant-insufficient-storage")
    metadata = tuple(_Metadatum(name, headers[name]) for name in names if name in headers)
    return _made(status_code, without_places(words), metadata, is_async)


def _made(status_code: int, details: str, metadata: tuple[_Metadatum, ...], is_async: bool) -> Exception:
    import grpc
    from grpc._channel import _InactiveRpcError, _RPCState  # what a channel raises, and what code under test may name

    from minidb.grpc.status import code_of  # needs protobuf, as qdrant-client does

    code = next(code for code in grpc.StatusCode if code.value[0] == code_of(status_code))
    error: Exception
    if is_async:
        error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*metadata), details)
    else:
        error = _InactiveRpcError(_RPCState((), (), metadata, code, details))
    return error
