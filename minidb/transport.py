"""The transport door: an httpx transport that answers in this process, for code that holds a real qdrant-client.

    qdrant_client.QdrantClient(url="http://minidb", transport=minidb.Transport("./store"), check_compatibility=False)

or, for short, `minidb.qdrant_client("./store")`. The client's own methods, models and errors stay as they are; only
nothing goes over a network.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from minidb.client import QdrantClient
from minidb.database import MEMORY
from minidb.errors import BadRequest
from minidb.rest import Api, Request, Response

if TYPE_CHECKING:
    import qdrant_client as official

_CHUNK_BYTES = 1 << 20


class _Door:
    """What both transports do: open a store, or use a client's, and answer requests with it."""

    def __init__(self, location: str | Path | QdrantClient | None = None, *, prefix: str = "", **options: Any) -> None:
        """Open `location`, or answer with the store of a minidb client, which is then not closed from here.

        Args:
            location: a directory, ":memory:" (the default), or a `minidb.QdrantClient`.
            prefix: the path before Qdrant's own, if the client's URL has one: "/…".
            options: keywords of `minidb.QdrantClient` (`durability`, `embedding_cache_bytes`, …).
        """
        if isinstance(location, QdrantClient) and options:
            raise BadRequest("the options of a store are those of the client that opened it")
        self._prefix = prefix and httpx.URL(prefix).raw_path.decode("ascii")  # encoded as the client's requests are
        self._options = {"prefix": prefix, **options}
        self._is_owner = not isinstance(location, QdrantClient)
        self._client = location if isinstance(location, QdrantClient) else QdrantClient(location, **options)
        self._api = Api(self._client._database)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client._place!r})"

    def __copy__(self) -> _Door:
        """One of the same store, which it does not close: clients of qdrant-client before 1.14 copy their options."""
        twin = type(self)(self._client, prefix=self._options["prefix"])
        twin._options = self._options
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> _Door:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes (`upload_points(parallel=…)`): they open the same directory."""
        if is_in_memory(self._client):
            raise _one_process()
        return _reopened, (type(self), self._client._database.location, self._options)

    def _answer(self, request: httpx.Request, body: bytes) -> Response:
        started, limit = time.monotonic(), (request.extensions.get("timeout") or {}).get("read")
        response = self._api.answer(
            Request(
                request.method,
                request.url.raw_path.partition(b"?")[0].decode("ascii").removeprefix(self._prefix),
                request.url.query.decode("ascii"),
                {name.lower(): value for name, value in request.headers.items()},
                body,
                trusted=True,
                timeout=limit,
            )
        )
        if response.status == 408 and limit is not None and time.monotonic() - started >= limit:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return response

    def _close(self) -> None:
        if self._is_owner:
            self._client.close()


class Transport(_Door, httpx.BaseTransport):
    """For `qdrant_client.QdrantClient(url="http://minidb", transport=…)`; closing the client closes the store."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _httpx_response(self._answer(request, request.read()))

    def close(self) -> None:
        self._close()


class AsyncTransport(Transport, httpx.AsyncBaseTransport):
    """For `qdrant_client.AsyncQdrantClient(url="http://minidb", transport=…)`; answers in a thread.

    The async client's `upload_points` and `upload_collection` are not async: they send through a `Transport`.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from anyio.to_thread import run_sync

        body = await request.aread()
        return _httpx_response(await run_sync(self._answer, request, body))

    async def aclose(self) -> None:
        from anyio.to_thread import run_sync

        await run_sync(self._close)


def _reopened(kind: type[_Door], location: str, options: dict[str, Any]) -> _Door:
    return kind(Path(location), **options)


def _one_process() -> TypeError:
    """Pickle's kind of error: code that tries whether a client can be pickled finds the one a real client raises."""
    return TypeError("a store in memory belongs to its process: upload with parallel=1, or open a directory instead")


def is_in_memory(client: QdrantClient) -> bool:
    """Whether a client's store is in the memory of this process."""
    return client._database.location == MEMORY


def keep_uploads_here(remote: Any) -> None:
    """What makes `parallel=…` of a client's uploads into memory work: no other process could reach the store, so this
    one sends all batches, one after the other. `remote` is the client behind a `qdrant_client.QdrantClient`.
    """
    upload = remote._upload_collection

    def upload_here(*, parallel: int = 1, **arguments: Any) -> None:
        upload(**arguments)

    remote._upload_collection = upload_here


def qdrant_client(
    location: str | Path | QdrantClient | None = None,
    *,
    path: str | Path | None = None,
    timeout: int | None = None,
    headers: Mapping[str, str] | None = None,
    cloud_inference: bool = True,
    **options: Any,
) -> official.QdrantClient:
    """A `qdrant_client.QdrantClient` over a `Transport`; closing it closes the store, unless that is a client's.

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
    transport = Transport(location, **_store_options(options))
    client = kind(transport=transport, **arguments)
    if is_in_memory(transport._client):
        keep_uploads_here(client._client)
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
    """A `qdrant_client.AsyncQdrantClient` over an `AsyncTransport`; arguments and errors as for `qdrant_client`."""
    location = _one_place(location, path)
    kind: type[official.AsyncQdrantClient] = _official().AsyncQdrantClient
    arguments = _client_arguments(kind, timeout, headers, cloud_inference)
    transport = AsyncTransport(location, **_store_options(options))
    client = kind(transport=transport, **arguments)
    if is_in_memory(transport._client):
        keep_uploads_here(client._client)
    return client


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


def _httpx_response(response: Response) -> httpx.Response:
    headers = dict(response.headers)
    if response.content_type is not None:
        headers["content-type"] = response.content_type
    if response.file is None:
        return httpx.Response(response.status, headers=headers, content=response.body)
    headers["content-length"] = str(response.file.stat().st_size)
    return httpx.Response(response.status, headers=headers, stream=_File(response.file))
