"""One line of JSON per request on the logger `minidb.access`: what was asked and how it went.

Nothing a secret may be in: no header, no body, no query, and of a path only its template, the route.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("minidb.access")


class AccessLog:
    """Around an application. `route` is null for unknown paths, `status` when the client left before the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status: int | None = None
        sent_bytes = 0

        async def count(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, count)
        finally:
            write(scope["method"], scope.get("route"), status, started, sent_bytes)


def write(method: str, route: str | None, status: int | None, started: float, sent_bytes: int) -> None:
    """One line; `started` by `time.perf_counter`. A call of gRPC has its endpoint as the route and its own status."""
    entry: dict[str, Any] = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "method": method,
        "route": route,
        "status": status,
        "ms": round((time.perf_counter() - started) * 1e3, 3),
        "bytes": sent_bytes,
    }
    log.info(orjson.dumps(entry).decode())
