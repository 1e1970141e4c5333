"""A loopback inference service that answers from a script and remembers every request, byte for byte."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx
import numpy as np

from minidb import inference
from minidb.inference import InferenceContext, Registry
from minidb.inference.builtin import register
from minidb.inference.providers.http import Http

NOW = 1_700_000_000.0
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC"
PNG_URL = f"data:image/png;base64,{PNG}"


class Received(NamedTuple):
    method: str
    url: str  # as the provider asked for it, before it was led to the loopback
    headers: dict[str, str]  # lower-case names
    body: bytes
    peer: tuple[str, int] = ("", 0)  # of the connection

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """`body`: bytes, or anything JSON. `drop` closes the connection instead; `pieces` are sent one by one."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    delay: float = 0.0
    pieces: int = 1

    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Service:
    """Answers in order, the last one again and again; a function of the received request makes the answer, too."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.script: deque[Any] = deque()
        self.sleeps: list[float] = []
        self.finished: list[Received] = []  # those whose answers were sent to their end
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def reset(self) -> None:
        self.requests, self.script, self.sleeps, self.finished = [], deque(), [], []

    def answers(self, *answers: Any) -> None:
        self.script = deque(answers)

    def http(self, **settings: Any) -> Http:
        """A pool whose every request comes here, and that never waits."""
        defaults = {"sleep": self.sleeps.append, "jitter": lambda: 0.5, "clock": lambda: NOW}
        return Http(transport=_Diverted(self.address), **{**defaults, **settings})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, received: Received) -> Answer:
        with self._lock:
            self.requests.append(received)
            answer = self.script[0] if len(self.script) == 1 else self.script.popleft()
        return answer(received) if callable(answer) else answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                url = headers.pop("x-asked-for", f"{service.address}{self.path}")
                received, finished = Received(self.command, url, headers, body, self.client_address), service.finished
                answer = service._next(received)
                time.sleep(answer.delay)
                if answer.drop:
                    self.close_connection = True
                    return
                content = answer.bytes()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                step = -(-len(content) // answer.pieces)
                for start in range(0, len(content), step or 1):
                    if start:
                        time.sleep(answer.delay)
                    try:
                        self.wfile.write(content[start : start + step])
                        self.wfile.flush()
                    except OSError:
                        return
                finished.append(received)  # of its own test, which may have ended with the last piece

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is what some tests are about."""


class _Diverted(httpx.BaseTransport):
    """Sends every request over a real connection to one address, with the URL it was meant for in a header."""

    def __init__(self, address: str) -> None:
        self._address = httpx.URL(address)
        self._transport = httpx.HTTPTransport(verify=False)  # loopback only; loading certificates takes 40 ms

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["x-asked-for"] = str(request.url)
        request.url = request.url.copy_with(
            scheme="http", host=self._address.host, port=self._address.port, raw_path=request.url.raw_path
        )
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


def embed(
    embedder: Any,
    inputs: Any,
    model: str,
    operation: str = "update",
    context: InferenceContext | None = None,
    **options: Any,
) -> list[Any]:
    """The vectors of inputs, through the seam. A text stands for itself, an image is {"image": …}."""
    registry = Registry()
    register(registry)
    registry.register(model.split("/")[0] + "/", lambda _: embedder)
    options = {name.replace("_api_key", "-api-key"): value for name, value in options.items()}
    objects = [
        {**(given if isinstance(given, dict) else {"text": given}), "model": model, "options": options}
        for given in ([inputs] if isinstance(inputs, (str, dict)) else inputs)
    ]
    return inference.resolve(objects, operation=operation, context=context, registry=registry)


def b64(values: Any, dtype: Any = np.float32) -> str:
    return base64.b64encode(np.array(values, dtype).tobytes()).decode()


def listed(*embeddings: Any, indices: Any = None, **rest: Any) -> dict[str, Any]:
    """An answer in OpenAI's shape."""
    indices = range(len(embeddings)) if indices is None else indices
    data = [{"object": "embedding", "embedding": e, "index": i} for e, i in zip(embeddings, indices, strict=True)]
    return {"object": "list", "data": data, "model": "m", "usage": {"total_tokens": 3}, **rest}


def echo(received: Received) -> Answer:
    """Answers each input with [its length, its first character's number], so that places can be checked."""
    given = received.json["input"]
    given = [given] if isinstance(given, str) else given
    return Answer(listed(*([float(len(text)), float(ord(text[0]))] for text in given)))
