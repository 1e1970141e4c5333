"""What `import minidb` gives, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys

import async_stub

import minidb
from minidb import aio


def test_public_names() -> None:
    assert sorted(minidb.__all__) == [
        "AsyncQdrantClient",
        "AsyncTransport",
        "QdrantClient",
        "Transport",
        "context_headers",
        "errors",
        "inference_usage",
        "models",
        "register_provider",
    ]


def test_importing_minidb_loads_no_heavy_or_optional_package() -> None:
    heavy = [
        "scipy",
        "httpx",
        "fastembed",
        "qdrant_client",
        "qdrant_edge",
        "hnswlib",
        "lmdb",
        "py_rust_stemmers",
        "PIL",
    ]
    code = f"import sys, minidb; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_the_async_client_has_every_method_of_the_synchronous_one() -> None:
    for name in aio.public_methods():
        assert callable(getattr(minidb.AsyncQdrantClient, name))


def test_the_async_stub_is_up_to_date() -> None:
    written, wanted = ast.parse(async_stub.STUB.read_text()), ast.parse(async_stub.stub_text())
    assert ast.dump(written) == ast.dump(wanted), "run: python tests/async_stub.py"
