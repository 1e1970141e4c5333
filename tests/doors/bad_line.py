"""A line to a server that loses requests, cuts answers and has somebody between who says to come back later."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

FAULTS = ("no request", "no answer", "half an answer", "503", "503 with a date", "429", "429 without a word", "html")


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on, or does not."""

    protocol_version = "HTTP/1.1"
    http: httpx.Client
    fault: Callable[[], str | None]
    n_faults = 0

    def _pass(self) -> None:
        fault = type(self).fault()
        type(self).n_faults += fault is not None
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if fault == "no request":
            self._hang_up()
        elif fault is not None and fault not in ("no answer", "half an answer"):
            self._refuse(fault)
        else:
            kind = {"content-type": self.headers.get("content-type", "application/json")}
            answer = self.http.request(self.command, self.path, content=body, headers=kind)
            content = answer.content[: len(answer.content) // 2] if fault else answer.content
            if fault != "no answer":
                self._answer(answer.status_code, content, len(answer.content), {})
            if fault:
                self._hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - names of the library's

    def _refuse(self, fault: str) -> None:
        text = b"<html>please try later</html>"
        when = {"503 with a date": "Wed, 21 Oct 2015 07:28:00 GMT", "429": "0"}.get(fault)
        status = int(fault[:3]) if fault[0].isdigit() else 502
        self._answer(status, text, len(text), {} if when is None else {"retry-after": when})

    def _answer(self, status: int, content: bytes, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def bad_line(url: str, rng: random.Random, share: float) -> Iterator[tuple[str, Callable[[], int]]]:
    """Another URL of the server, where this share of requests meets a fault; and how many have."""

    def fault() -> str | None:
        return rng.choice(FAULTS) if rng.random() < share else None

    http = httpx.Client(base_url=url, timeout=60)
    handler: Any = type("_Handler", (_Handler,), {"http": http, "fault": staticmethod(fault)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", lambda: handler.n_faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        http.close()
