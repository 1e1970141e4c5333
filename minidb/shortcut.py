"""Calls of qdrant-client's REST clients on the short way into a store of this process: no request of httpx is made, and
answers become models without JSON.

A call that asks for more than that (middleware, hooks, files, names that need escaping, a log of requests, something in
the place of httpx's methods) goes through httpx as it would to a server. Called by `transport`.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
from qdrant_client.http.exceptions import ResponseHandlingException

from minidb.answers import Uncovered, made
from minidb.errors import MinidbError
from minidb.rest import Request, Response

if TYPE_CHECKING:
    from minidb.transport import Transport

_PLAIN_NAME = re.compile(r"(?!\.\.?$)[\w.-]+", re.ASCII)
"""A part of a path that is sent as it is."""
_KNOWN_ARGUMENTS = {"type_", "method", "url", "headers", "path_params", "params", "content"}
_KNOWN_MIDDLEWARE = (
    "BaseMiddleware",
    "BaseAsyncMiddleware",
    "rest_headers_middleware",
    "async_rest_headers_middleware",
)
_requests_log = logging.getLogger("httpx")


def cut_short(client: Any, transport: Transport, *, is_async: bool) -> None:
    """Let an `ApiClient`, or an `AsyncApiClient`, of qdrant-client's take the short way where it can."""
    if not _adds_only_headers(client.middleware):
        return
    send, way = client.request, _Way(client, client._async_client if is_async else client._client, transport)

    @functools.wraps(send)
    def request(**arguments: Any) -> Any:
        asked = way.asked(arguments)
        if asked is None:
            return send(**arguments)
        answer = way.answer(asked, arguments["type_"])
        if not isinstance(answer, Response):
            return answer
        return type(client).send(_Answered(answer), None, arguments["type_"])

    @functools.wraps(send)
    async def async_request(**arguments: Any) -> Any:
        from anyio.to_thread import run_sync

        asked = way.asked(arguments)
        if asked is None:
            return await send(**arguments)
        answer = await run_sync(way.answer, asked, arguments["type_"])
        if not isinstance(answer, Response):
            return answer
        return await type(client).send(_AsyncAnswered(answer), None, arguments["type_"])

    client.request = async_request if is_async else request


class _Way:
    """What a client sends, and to whom."""

    def __init__(self, client: Any, http: httpx.Client | httpx.AsyncClient, transport: Transport) -> None:
        self._client, self._http, self._transport = client, http, transport
        self._methods = self._those_of_httpx()
        self._headers: tuple[list[tuple[bytes, bytes]], Mapping[str, str] | None] = ([], {})

    def asked(self, arguments: Mapping[str, Any]) -> Request | None:
        """The request of a call, as it comes out of httpx; None if it has to go that way."""
        names = {name: str(value) for name, value in (arguments.get("path_params") or {}).items()}
        params, content = arguments.get("params") or {}, arguments.get("content")
        headers = self._headers_with(arguments.get("headers") or {})
        if (
            headers is None
            or not self._is_clear()
            or not arguments.keys() <= _KNOWN_ARGUMENTS
            or not all(map(_PLAIN_NAME.fullmatch, names.values()))
            or not all(type(value) is str for value in params.values())
            or not (content is None or isinstance(content, str))
        ):
            return None
        return Request(
            arguments["method"],
            arguments["url"].format(**names),
            urlencode(params),
            headers,
            b"" if content is None else content.encode(),
            getattr(content, "fill", None),
            trusted=True,
            timeout=float(int(params["timeout"])) if "timeout" in params else self._http.timeout.read,
            takes_value=True,
        )

    def _is_clear(self) -> bool:
        """Whether nobody would notice that nothing is sent."""
        http = self._http
        return (
            self._those_of_httpx() == self._methods
            and not http.is_closed
            and http.auth is None
            and not http.params
            and not any(http.event_hooks.values())
            and not _requests_log.isEnabledFor(logging.INFO)
        )

    def _those_of_httpx(self) -> tuple[Any, ...]:
        """What a call would go through: a test may have put something else there, on an object or its class."""
        client, transport = self._client, self._transport
        sends = (client.send, client.send_inner, self._http.send)
        return (client.middleware, *sends, transport.handle_request, transport.handle_async_request)

    def _headers_with(self, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """The headers of a request, those of `qdrant_client.headers(…)` among them, by names in lower case; None if no
        request could have them.
        """
        raw, (known, own) = self._http.headers.raw, self._headers
        if raw != known:
            own = {name.lower(): value for name, value in self._http.headers.items()} if _may_be(raw) else None
            self._headers = raw, own
        context = sys.modules.get("qdrant_client.context_headers")
        added = {**headers, **(context.get_context_headers() if context is not None else {})}
        if own is None or (added and not _may_be(httpx.Headers(added).raw)):
            return None
        return {**own, **{name.lower(): value for name, value in added.items()}}

    def answer(self, asked: Request, kind: Any) -> Any:
        """An instance of `kind`, or a response out of which qdrant-client has to make one, or an error."""
        try:
            response = self._transport.answer(asked)
        except (httpx.HTTPError, MinidbError, OSError) as error:
            raise ResponseHandlingException(error) from error
        if response.value is None:
            return response
        try:
            return made(kind, response.value)
        except Uncovered:
            return response.as_json()


def _may_be(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request could have these headers."""
    from minidb.transport import check_headers

    try:
        check_headers(headers)
    except httpx.LocalProtocolError:
        return False
    return True


def _adds_only_headers(middleware: Any) -> bool:
    """Whether it is what qdrant-client's constructors put there."""
    parts = [cell.cell_contents for cell in getattr(middleware, "__closure__", None) or ()] or [middleware]
    return all(getattr(part, "__name__", type(part).__name__) in _KNOWN_MIDDLEWARE for part in parts)


class _Answered:
    """In the place of a client of qdrant-client's, where its method `send` asks for a response."""

    send_inner = None

    def __init__(self, response: Response) -> None:
        from minidb.transport import httpx_response

        self._response = httpx_response(response)

    def middleware(self, *_: Any) -> httpx.Response:
        return self._response


class _AsyncAnswered(_Answered):
    async def middleware(self, *_: Any) -> httpx.Response:  # type: ignore[override]
        return self._response
