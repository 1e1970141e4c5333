"""The listening socket and the event loop behind it, from the start to a stop that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import uvicorn
from threadpoolctl import threadpool_limits

from minidb.database import Database
from minidb.errors import BadRequest
from minidb.rest import Api
from minidb.server.app import make_app
from minidb.server.connections import Admitted, Handshake, limited
from minidb.server.long_work import LongWork
from minidb.server.settings import Settings

log = logging.getLogger("minidb.server")

if TYPE_CHECKING:
    from minidb.server.grpc_door import GrpcDoor

_THREADS = 32  # most wait for the disk or for a provider of embeddings, so more than there are cores
_KEEP_ALIVE_S = 75  # longer than clients keep idle connections (httpx 5 s, Node 4 s): none meets one just closed
_PATIENCE_S = 60  # with clients that do not finish sending, once the server is to stop
_STOP_STEP_S = 0.05


class _Uvicorn(uvicorn.Server):
    """An event loop that does not repeat itself: without descriptors, asyncio complains a thousand times a second."""

    def __init__(self, config: uvicorn.Config, patience_s: float, grpc: GrpcDoor | None) -> None:
        super().__init__(config)
        self._patience_s = patience_s
        self._grpc = grpc

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(OncePerSecond())
        if self.config.is_ssl:
            loop.create_server = partial(_create_tls_server, loop.create_server, self._patience_s)  # type: ignore[method-assign]
        await super().serve(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """From here on neither door takes anything new; both have the same time for what they have taken."""
        calls = None if self._grpc is None else self._grpc.begin_stop(_PATIENCE_S)
        await super().shutdown(sockets)
        while not (calls is None or calls.is_set() or self.force_exit):  # by another Ctrl-C
            await asyncio.sleep(_STOP_STEP_S)


async def _create_tls_server(
    create: Callable[..., Awaitable[asyncio.Server]],
    patience_s: float,
    make: Callable[[], Admitted],
    *,
    ssl: ssl.SSLContext,
    **options: Any,
) -> asyncio.Server:
    """A loop's `create_server`, but that connections count from accept on."""
    return await create(lambda: Handshake(make, ssl, patience_s), **options)


class OncePerSecond:
    """An exception handler that says the first of a second's failures, and how many it has left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = float("-inf")
        self._left_out = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        now = self._clock()
        if now < self._next_s:
            self._left_out += 1
            return
        also = f" ({self._left_out} more since the last line)" if self._left_out else ""
        log.error("%s%s", context["message"], also, exc_info=context.get("exception"))
        self._next_s, self._left_out = now + 1, 0


def _check_certificates(settings: Settings) -> None:
    """Raises BadRequest or OSError with the file that is not what it should be, before anybody is told of a server."""
    if settings.tls_cert is None:
        if settings.tls_key or settings.tls_client_ca:
            raise BadRequest("a TLS key or client CA needs a certificate")
        return
    for file in (settings.tls_cert, settings.tls_key, settings.tls_client_ca):
        if file is not None:
            open(file, "rb").close()  # OpenSSL does not say which one is missing
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = f" with the key of {settings.tls_key}" if settings.tls_key else ", which shall have its key, too"
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except ssl.SSLError as error:
        raise BadRequest(f"{settings.tls_cert}{key}, is no certificate: {error.reason or 'no PEM'}") from None
    if settings.tls_client_ca is not None:
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError as error:
            raise BadRequest(f"{settings.tls_client_ca} has no certificates: {error.reason or 'no PEM'}") from None


class Server:
    """Listens from the moment it is made; `run` answers until `stop`. Whoever made the database closes it afterwards.

    Args:
        settings: the address among them.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "minidb-server")
        self._long_work = LongWork()
        _check_certificates(settings)
        api = Api(database)
        config = uvicorn.Config(
            make_app(api, settings, self._threads, self._long_work),
            http=limited(settings.max_connections, settings.max_connections_per_address, settings.patience_s),
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            ssl_ca_certs=settings.tls_client_ca,
            ssl_cert_reqs=ssl.CERT_NONE if settings.tls_client_ca is None else ssl.CERT_REQUIRED,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,  # uvicorn's has query strings in it
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
        self._host = settings.host
        self._scheme = "http" if settings.tls_cert is None else "https"
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.create_server((settings.host, settings.port), family=family)
        # asyncio does this only for sockets that were made with the protocol's number. Without it an answer's body
        # waits up to 40 ms for the acknowledgement of its headers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._grpc = _grpc_door(api, settings, self._long_work)
        except BaseException:
            self._socket.close()
            raise
        self._uvicorn = _Uvicorn(config, settings.patience_s, self._grpc)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()
        if self._grpc is not None:
            self._grpc.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._socket.getsockname()[1]}"

    @property
    def grpc_address(self) -> str | None:
        """Where it listens for gRPC, host and port; None when it does not."""
        return None if self._grpc is None else self._grpc.address

    def run(self) -> None:
        """Answer requests. Returns after `stop`, and in the main thread after SIGINT or SIGTERM, when all are done."""
        try:
            if self._grpc is not None:
                self._grpc.start()
            self._uvicorn.run([self._socket])
        finally:
            if self._grpc is not None:
                self._grpc.stop()
            self._threads.shutdown()  # what runs is finished even when its client was given up
            self._long_work.shutdown()

    def stop(self) -> None:
        """Have `run` take no more requests and return; from any thread or signal handler."""
        self._uvicorn.should_exit = True


def _grpc_door(api: Api, settings: Settings, long_work: LongWork) -> GrpcDoor | None:
    if settings.grpc_port is None:
        return None
    from minidb.server.grpc_door import GrpcDoor  # grpcio is loaded only where it is wanted

    return GrpcDoor(api, settings, long_work)


def one_blas_thread() -> AbstractContextManager[object]:
    """For a process that does nothing but serve: a numpy product within is not split over the cores.

    Requests are what runs in parallel. With 8 connections on 2 cores, products that wait for each other's threads let
    through 90 requests per second instead of 620.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
