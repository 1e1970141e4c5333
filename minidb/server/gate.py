"""Who may ask what: the key, and for browsers, which carry foreign pages' requests, the headers `Host` and `Origin`.

Looks at headers only, before a body is read. Called by `app`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest

from minidb.errors import Forbidden, MinidbError
from minidb.rest.route import Route
from minidb.server.settings import Settings, is_loopback

KEY_HEADERS = ("api-key", "authorization")
_KEYLESS = ("/", "/healthz", "/livez", "/readyz")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/\[\]]+)(?::\d+)?", re.IGNORECASE)


class Unauthorized(MinidbError):
    """No key, or a wrong one."""

    status_code = 401


class Gate:
    """The checks of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A page may have its own name point at 127.0.0.1 (DNS rebinding); then the name is in the Host header.
        # Elsewhere nobody knows a server's names, and where a key is needed such a page does not have it.
        self._hosts: frozenset[str] | None = None
        if is_loopback(settings.host) and not settings.needs_key:
            self._hosts = frozenset({"localhost", "127.0.0.1", "[::1]", settings.host.lower()})

    def check(self, route: Route | None, headers: Mapping[str, str]) -> None:
        """Let a request pass; `route` is None for a path that leads nowhere.

        Raises:
            Unauthorized: the key is missing or wrong.
            Forbidden: the key is for reading only, or a browser sends this from a page that is not allowed to.
        """
        self._check_host(headers.get("host", ""))
        self.check_key(route, headers)
        if route is not None and route.writes and "origin" in headers:
            self._check_origin(headers["origin"].lower(), headers.get("host", "").lower())

    def check_key(self, route: Route | None, headers: Mapping[str, str]) -> None:
        """As `check`, for callers that cannot be browsers: they are asked for the key alone."""
        if self._settings.needs_key and (route is None or route.path not in _KEYLESS):
            self._check_key(_key(headers), route is not None and route.writes)

    def _check_host(self, host: str) -> None:
        if self._hosts is None:
            return
        name = _HOST.fullmatch(host)
        if name is None or name[1].lower() not in self._hosts:
            raise Forbidden("the Host header does not name this server; start it with an API key to allow any name")

    def _check_key(self, key: str | None, writes: bool) -> None:
        if key is None:
            raise Unauthorized("Must provide an API key or an Authorization bearer token")
        if _equal(key, self._settings.api_key):
            return
        if not _equal(key, self._settings.read_only_api_key):
            raise Unauthorized("Invalid API key or JWT")
        if writes:
            raise Forbidden("Global write access is required")

    def _check_origin(self, origin: str, host: str) -> None:
        """A browser names the page a request comes from; others send no `Origin`, and it cannot be forged by a page."""
        allowed = self._settings.allow_origins
        is_same_host = host != "" and origin.partition("://")[2] == host
        if not is_same_host and origin not in allowed and "*" not in allowed:
            raise Forbidden("pages of this origin may not write; start the server with --allow-origin to allow it")


def _key(headers: Mapping[str, str]) -> str | None:
    if "api-key" in headers:
        return headers["api-key"]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _equal(given: str, key: str | None) -> bool:
    """In a time that tells nothing about the key. Headers are bytes, which ASGI's users read as Latin-1."""
    return key is not None and compare_digest(given.encode("latin-1"), key.encode())
