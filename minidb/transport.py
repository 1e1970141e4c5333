"""The transport door: an httpx transport that answers in this process, for code that holds a real qdrant-client.

    qdrant_client.QdrantClient(url="http://minidb", transport=minidb.Transport("./store"), check_compatibility=False)

or, for short, `minidb.qdrant_client("./store")`. The client's own methods, models and errors stay as they are; only
nothing goes over a network.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from minidb.client import QdrantClient
from minidb.errors import BadRequest
from minidb.opening import MEMORY
from minidb.passing import fill_of, pass_vectors
from minidb.rest import Api, Request, Response
from minidb.system import threads
from minidb.system.processes import open_in_child

if TYPE_CHECKING:
    import qdrant_client as official

    from minidb.grpc import Answer, Asked, Rpc, Service

_CHUNK_BYTES = 1 << 20
T = TypeVar("T")


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers the requests of a `qdrant_client.QdrantClient` in place, those of an `AsyncQdrantClient` in a thread.

    Any number of clients of both kinds may share one. httpx closes a transport with each client that has it: the store
    of a directory is closed then, and opened again if another client asks. A store in memory stays as long as anybody
    holds the transport, and one given as a minidb client is that client's to close. A copy is the transport itself, a
    pickled one opens the same directory.

    The async client's `upload_points` and `upload_collection` are not async: they send as the other kind does.
    """

    def __init__(self, location: str | Path | QdrantClient | None = None, *, prefix: str = "", **options: Any) -> None:
        """Open `location`, or answer with the store of a minidb client.

        Args:
            location: a directory, ":memory:" (the default), or a `minidb.QdrantClient`.
            prefix: the path before Qdrant's own, if the client's URL has one: "/…".
            options: keywords of `minidb.QdrantClient` (`durability`, `embedding_cache_bytes`, …).
        """
        if isinstance(location, QdrantClient) and options:
            raise BadRequest("the options of a store are those of the client that opened it")
        self._location = location
        self._prefix = prefix and httpx.URL(prefix).raw_path.decode("ascii")  # encoded as the client's requests are
        self._options = options
        client = location if isinstance(location, QdrantClient) else QdrantClient(location, **options)
        where, self._place = client._database.location, client._place
        self._folder = None if where == MEMORY else os.path.abspath(where)
        self._opened: _Opened | None = _Opened(client)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    @property
    def is_in_memory(self) -> bool:
        """Whether the store is in the memory of this process."""
        return self._folder is None

    def __copy__(self) -> Transport:
        """The same, as of a lock: who copies a client's options means the same store."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Transport:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes (`upload_points(parallel=…)`): they open the same directory."""
        if self._folder is None:
            raise _one_process()
        options = self._options
        if isinstance(self._location, QdrantClient):
            options = {"read_only": self._location._database.read_only}
        return _reopened, (type(self), self._folder, {"prefix": self._prefix, **options})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        check_headers(request.headers.raw)
        return httpx_response(self._answer(request, request.read()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from anyio.to_thread import run_sync

        check_headers(request.headers.raw)
        body = await request.aread()
        return httpx_response(await run_sync(self._answer, request, body))

    def close(self) -> None:
        """Close a directory that was opened here, once no request is under way; the next one opens it again."""
        if self._folder is None or isinstance(self._location, QdrantClient):
            return
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close = threads.closer.close if _is_finalizing() else _now

    async def aclose(self) -> None:
        from anyio.to_thread import run_sync

        await run_sync(self.close)

    def _open(self) -> _Opened:
        assert self._folder is not None
        opened = self._opened = _Opened(QdrantClient(Path(self._folder), **self._options))
        return opened

    def _answer(self, request: httpx.Request, body: bytes) -> Response:
        asked = Request(
            request.method,
            request.url.raw_path.partition(b"?")[0].decode("ascii").removeprefix(self._prefix),
            request.url.query.decode("ascii"),
            {name.lower(): value for name, value in request.headers.items()},
            body,
            fill_of(request),
            trusted=True,
            timeout=(request.extensions.get("timeout") or {}).get("read"),
        )
        return self.answer(asked, request)

    def answer(self, asked: Request, request: httpx.Request | None = None) -> Response:
        """The answer to a request; `request` is the one of httpx that an error may name.

        Raises:
            httpx.TimeoutException: it took longer than anybody waits, or nobody waits at all.
        """
        if asked.timeout is not None and asked.timeout <= 0:
            raise httpx.ConnectTimeout("timed out", request=request)
        started = time.monotonic()
        opened = self._opened or self._open()
        try:
            response = opened.api.answer(asked)
        finally:
            del opened  # an error's traceback may keep this frame
        if response.status == 408 and asked.timeout is not None and time.monotonic() - started >= asked.timeout:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return response

    def answer_rpc(self, rpc: Rpc, asked: Asked) -> Answer:
        """The same for a call of gRPC's stubs."""
        opened = self._opened or self._open()
        try:
            return opened.service.answer(rpc, asked)
        finally:
            del opened


def check_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises httpx.LocalProtocolError for headers no request could have, such as a key with the end of its line."""
    import h11  # comes with httpx

    try:
        others = [header for header in headers if header[0].lower() != b"host"]
        h11.Request(method="GET", target="/", headers=[(b"host", b"minidb"), *others])
    except h11.LocalProtocolError as error:
        text = str(error)
        raise httpx.LocalProtocolError("Illegal header value" if "value" in text else text) from None  # maybe a secret


class _Opened:
    """A client whose store answers. The transport and the requests under way hold it: after `close` the last of them
    closes the store, without a lock. (A client of qdrant-client's that is collected as garbage closes its transport,
    at any step of any thread, also in the middle of a request, or of a commit of another client's: a thread of its own
    closes the store then.)
    """

    def __init__(self, client: QdrantClient) -> None:
        self.api = Api(client._database)
        self.close: Callable[[Callable[[], object]], object] | None = None
        """What has the store closed, once the transport is."""

    @functools.cached_property
    def service(self) -> Service:
        from minidb.grpc import Service

        return Service(self.api)

    def __del__(self) -> None:
        if self.close is not None:
            self.close(self.api.database.close)


def _now(close: Callable[[], object]) -> None:
    close()


def _is_finalizing() -> bool:
    """Whether an object that nobody holds any more has come to call this."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


AsyncTransport = Transport
"""The name that was promised for async clients."""


def _reopened(kind: type[Transport], folder: str, options: dict[str, Any]) -> Transport:
    return kind(Path(folder), **options)


def _one_process() -> TypeError:
    """Pickle's kind of error: code that tries whether a client can be pickled finds the one a real client raises."""
    return TypeError("a store in memory belongs to its process: upload with parallel=1, or open a directory instead")


def qdrant_client(
    location: str | Path | QdrantClient | None = None,
    *,
    path: str | Path | None = None,
    timeout: int | None = None,
    headers: Mapping[str, str] | None = None,
    cloud_inference: bool = True,
    **options: Any,
) -> official.QdrantClient:
    """A `qdrant_client.QdrantClient` over a `Transport`, which says when its store is closed.

    Args:
        location: as for `Transport`.
        path: a directory, by qdrant-client's name for it.
        timeout: of the client; seconds a call may take, 5 by default.
        headers: of the client; provider keys among them.
        cloud_inference: of the client. True (default): minidb makes the vectors of inference objects. False: the client
            does, with fastembed.
        options: of the store, as for `Transport`. With `inference_url` the service there makes the vectors.

    Raises:
        ImportError: qdrant-client is not installed.
    """
    location = _one_place(location, path)
    kind: type[official.QdrantClient] = _official().QdrantClient
    arguments = _client_arguments(kind, timeout, headers, cloud_inference)
    arguments["transport"] = Transport(location, **_store_options(options))
    client = _made(kind, arguments)
    fit(client._client, arguments["transport"], is_async=False)
    return client


def async_qdrant_client(
    location: str | Path | QdrantClient | None = None,
    *,
    path: str | Path | None = None,
    timeout: int | None = None,
    headers: Mapping[str, str] | None = None,
    cloud_inference: bool = True,
    **options: Any,
) -> official.AsyncQdrantClient:
    """A `qdrant_client.AsyncQdrantClient` over a `Transport`; arguments and errors as for `qdrant_client`."""
    location = _one_place(location, path)
    kind: type[official.AsyncQdrantClient] = _official().AsyncQdrantClient
    arguments = _client_arguments(kind, timeout, headers, cloud_inference)
    arguments["transport"] = Transport(location, **_store_options(options))
    client = _made(kind, arguments)
    fit(client._client, arguments["transport"], is_async=True)
    return client


def fit(remote: Any, transport: Transport, *, is_async: bool) -> None:
    """Make the most of a transport for the client behind one of qdrant-client's. `is_async`: an `AsyncQdrantRemote`."""
    from minidb.in_process import connect_here  # these need qdrant-client
    from minidb.shortcut import cut_short
    from minidb.uploader import pass_uploads

    pass_vectors(remote.openapi_client)
    cut_short(remote.openapi_client.client, transport, is_async=is_async)
    pass_uploads(remote, transport)
    connect_here(remote, transport)


def _made(kind: Callable[..., T], arguments: dict[str, Any]) -> T:
    """A client. Each of qdrant-client's copies schemas for 9 ms, in which it looks for what it has to make vectors of.
    One that leaves this to minidb never looks, so that all of these may have the same.
    """
    module: Any = sys.modules[kind.__module__]
    if not arguments.get("cloud_inference") or not hasattr(module, "Inspector"):
        return kind(**arguments)
    with _making:
        inspector = module.Inspector
        if "parser" not in _shared:
            _shared["parser"] = inspector().parser
        module.Inspector = functools.partial(inspector, parser=_shared["parser"])
        try:
            return kind(**arguments)
        finally:
            module.Inspector = inspector


_making = open_in_child(threading.Lock())
_shared: dict[str, Any] = {}


def _official() -> Any:
    try:
        import qdrant_client
    except ModuleNotFoundError as error:
        raise ImportError("minidb's official client needs qdrant-client: pip install qdrant-client") from error
    return qdrant_client


def _client_arguments(
    kind: type, timeout: int | None, headers: Mapping[str, str] | None, cloud_inference: bool
) -> dict[str, Any]:
    newer = {"cloud_inference": cloud_inference, "check_compatibility": False}
    known = inspect.signature(kind).parameters  # those before 1.14 hand on what they do not know to httpx
    return {
        "url": "http://minidb",
        "timeout": timeout,
        "headers": dict(headers or {}),
        **{name: value for name, value in newer.items() if name in known},
    }


def _one_place(location: str | Path | QdrantClient | None, path: str | Path | None) -> str | Path | QdrantClient | None:
    if location is not None and path is not None:
        raise BadRequest("Only one of <location> or <path> should be specified.")
    if path is not None:
        return path if path in ("", MEMORY) else Path(path)
    return location


def _store_options(options: dict[str, Any]) -> dict[str, Any]:
    return {"cloud_inference": True, **options} if "inference_url" in options else options


class _File(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file as the content of a response."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        with open(self._path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from anyio import open_file

        async with await open_file(self._path, "rb") as file:  # read by a thread: the event loop goes on
            while chunk := await file.read(_CHUNK_BYTES):
                yield chunk


def httpx_response(response: Response) -> httpx.Response:
    """A response as httpx has it."""
    headers = dict(response.headers)
    if response.content_type is not None:
        headers["content-type"] = response.content_type
    if response.file is None:
        return httpx.Response(response.status, headers=headers, content=response.body)
    headers["content-length"] = str(response.file.stat().st_size)
    return httpx.Response(response.status, headers=headers, stream=_File(response.file))
