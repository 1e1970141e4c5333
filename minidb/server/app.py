"""The ASGI application: a request over HTTP becomes one for `minidb.rest.Api`, which answers in a thread."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from mmap import mmap

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Incoming
from starlette.responses import FileResponse
from starlette.responses import Response as Outgoing
from starlette.types import ASGIApp, Receive, Scope, Send

from minidb import rest
from minidb.errors import MinidbError, NotFound
from minidb.rest.answer import failure
from minidb.rest.message import TEXT
from minidb.rest.route import Route
from minidb.rest.routes import find
from minidb.server import body
from minidb.server.access_log import AccessLog
from minidb.server.gate import KEY_HEADERS, Gate, Unauthorized
from minidb.server.long_work import LongWork
from minidb.server.pages import Pages
from minidb.server.settings import Settings

_UPLOADS = ("/collections/{collection_name}/snapshots/upload", "/snapshots/upload")
_GZIP_MIN_BYTES = 1024


def make_app(api: rest.Api, settings: Settings, threads: Executor, long_work: LongWork) -> ASGIApp:
    """The application of one server: CORS where asked for, the access log around everything.

    Args:
        threads: where requests are answered; shutting it down waits for those that run.
        long_work: where those are answered that may take long.
    """
    app: ASGIApp = Pages(_App(api, settings, threads, long_work), settings.web_ui)
    if settings.allow_origins:
        app = CORSMiddleware(app, settings.allow_origins, ("GET", "PUT", "POST", "PATCH", "DELETE"), ("*",))
    return AccessLog(app)


class _App:
    def __init__(self, api: rest.Api, settings: Settings, threads: Executor, long_work: LongWork) -> None:
        self._api = api
        self._gate = Gate(settings)
        self._limit_bytes = settings.max_request_bytes
        self._bodies = body.Bodies(settings.max_request_bytes)
        self._patience_s = settings.patience_s
        self._snapshot_urls = settings.snapshot_urls
        self._threads, self._long_work = threads, long_work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(scope, receive)
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        found = find(incoming.method, path)
        route = None if found is None else found[0]
        if route is not None:
            scope["route"] = route.path  # for the access log
        try:
            headers = _headers(scope)
            self._gate.check(route, headers)
            outgoing = await self._answer(incoming, route, path, headers)
        except MinidbError as error:
            refused = _refused(error, started)
            if route is not None:
                self._api.traffic.rest.add(route.operation, refused.status, time.perf_counter() - started)
            outgoing = _outgoing(refused, False)
            if isinstance(error, (body.TooSlow, body.TooMuch)):
                outgoing.headers["connection"] = "close"
        except ClientDisconnect:
            return  # nobody is left to hear an answer
        await outgoing(scope, receive, send)

    async def _answer(self, incoming: Incoming, route: Route | None, path: str, headers: Mapping[str, str]) -> Outgoing:
        passed_on = {name: value for name, value in headers.items() if name not in KEY_HEADERS}
        query = incoming.scope["query_string"].decode("latin-1")
        accepts_gzip = _accepts_gzip(headers.get("accept-encoding", ""))

        def answer(content: bytes | mmap) -> Outgoing:
            if isinstance(content, bytes):
                content = body.decoded(content, headers.get("content-encoding", ""), self._limit_bytes)
            request = rest.Request(incoming.method, path, query, passed_on, content, snapshot_urls=self._snapshot_urls)
            return _outgoing(self._api.answer(request), accepts_gzip)

        if route is not None and route.path in _UPLOADS:
            body.check_not_encoded(headers.get("content-encoding", ""))
            async with body.spooled(incoming, self._threads, self._patience_s) as file:
                return await self._done(route, partial(answer, file))
        with self._bodies.one() as take:
            content = b"" if route is None else await body.read(incoming, self._limit_bytes, self._patience_s, take)
            return await self._done(route, partial(answer, content))

    async def _done(self, route: Route | None, answer: Callable[[], Outgoing]) -> Outgoing:
        if route is not None and route.is_long:
            return await asyncio.wrap_future(self._long_work.submit(answer))
        return await asyncio.get_running_loop().run_in_executor(self._threads, answer)


def _headers(scope: Scope) -> dict[str, str]:
    """The first of each name. Starlette's own mapping goes through all for each: 11 s of CPU for 10,000 headers."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _accepts_gzip(accepted: str) -> bool:
    """Whether it is named in an Accept-Encoding, and not as the one that is not wanted (`gzip;q=0`)."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _refused(error: MinidbError, started: float) -> rest.Response:
    if isinstance(error, Unauthorized):
        return rest.Response(error.status_code, str(error).encode(), TEXT)  # Qdrant's, too, is no JSON
    return failure(error, started)


def _outgoing(response: rest.Response, accepts_gzip: bool) -> Outgoing:
    """For the wire; what is worth it is compressed, at the lowest level: on the way are mostly numbers."""
    headers = dict(response.headers)
    if response.content_type is not None:
        headers["content-type"] = response.content_type
    if response.file is not None:
        try:
            status = response.file.stat()
        except FileNotFoundError:
            raise NotFound(f"{response.file.name} was deleted meanwhile") from None
        return FileResponse(response.file, response.status, headers, stat_result=status)
    content = response.body
    if len(content) > _GZIP_MIN_BYTES:
        headers["vary"] = "accept-encoding"
        if accepts_gzip:
            content = gzip.compress(content, 1)
            headers["content-encoding"] = "gzip"
    return Outgoing(content, response.status, headers)
