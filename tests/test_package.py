"""What `import minidb` gives, and what it costs."""

from __future__ import annotations

import ast
import importlib.util
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import async_stub
import numpy as np
import pydantic
import pytest

import minidb
from minidb import QdrantClient, aio, freezing, models


def test_public_names() -> None:
    assert sorted(minidb.__all__) == [
        "AsyncQdrantClient",
        "AsyncTransport",
        "QdrantClient",
        "Transport",
        "async_qdrant_client",
        "context_headers",
        "errors",
        "inference_usage",
        "intercept",
        "models",
        "qdrant_client",
        "register_provider",
    ]


def loaded_by(code: str, packages: list[str]) -> list[str]:
    """Which of some packages a new process has loaded after running `code`."""
    shown = f"{code}\nimport sys; print([name for name in {packages!r} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout
    names: list[str] = ast.literal_eval(printed)
    return names


def test_importing_the_client_loads_no_heavy_or_optional_package() -> None:
    heavy = [
        "scipy",
        "httpx",
        "fastembed",
        "qdrant_client",
        "qdrant_edge",
        "hnswlib",
        "usearch",
        "lmdb",
        "py_rust_stemmers",
        "PIL",
    ]
    assert loaded_by("from minidb import AsyncQdrantClient, QdrantClient, context_headers, errors, models", heavy) == []


PLAIN_USE = """
from minidb import QdrantClient, models
client = QdrantClient(":memory:")
client.create_collection("c", vectors_config=models.VectorParams(size=2, distance="Cosine"))
client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0], payload={"a": 1})])
assert client.query_points("c", query=[1.0, 2.0]).points[0].id == 1
"""


def test_a_plain_upsert_and_query_load_nothing_they_do_not_need() -> None:
    packages = [
        "scipy", "httpx", "fastembed", "qdrant_client", "qdrant_edge", "hnswlib", "usearch", "lmdb", "py_rust_stemmers",
        "PIL", "grpc", "google.protobuf", "numpy.ma", "numpy.random", "asyncio", "concurrent.futures", "logging",
        "multiprocessing",
    ]  # fmt: skip
    if tuple(map(int, pydantic.VERSION.split(".")[:2])) >= (2, 14):  # older ones need a schema, and load these for it
        packages += ["json", "importlib.metadata"]
    rooms = {
        "": ["aio", "cli", "grpc", "interception", "node", "rest", "server", "snapshots", "text", "transport"],
        "collection": ["centroids", "chunks", "declared_text", "facets", "info"],
        "filter": ["clauses", "conditions", "evaluate", "lookup"],
        "index": ["dense.hnswlib_graph", "dense.usearch_graph", "centroids", "sparse"],
        "inference": ["bm25", "cache", "catalog", "execute", "fastembed", "plan", "providers.http"],
        "models": [
            "aliases", "collection_changes", "filters", "formulas", "indexes", "inference", "info", "moments",
            "quantization", "queries", "requests", "search_params", "selections", "service", "strict_mode", "updates",
            "vector_settings",
        ],
        "query": ["formula", "groups", "matrix", "max_sim", "sample", "sparse"],
        "storage": ["lmdb_store"],
    }  # fmt: skip
    own = [".".join(filter(None, ("minidb", room, name))) for room, names in rooms.items() for name in names]
    assert [name for name in own if importlib.util.find_spec(name) is None] == []
    assert loaded_by(PLAIN_USE, packages + own) == []


def test_a_search_of_a_store_that_was_there_does_not_either(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((2000, 400)).astype(np.float32)
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=400, distance=models.Distance.COSINE))
        client.create_payload_index("c", "n", "integer")
        client.upload_collection("c", vectors, [{"n": at} for at in range(2000)])
    search = f"""
from minidb import QdrantClient
with QdrantClient({str(tmp_path)!r}) as client:
    hits = client.query_points("c", query=[1.0] * 400).points
assert len(hits) == 10
"""
    heavy = [
        "numpy.ma",
        "numpy.random",
        "scipy",
        "hnswlib",
        "usearch",
        "asyncio",
        "concurrent.futures",
        "minidb.filter.evaluate",
        "minidb.models.indexes",
        "minidb.models.queries",
        "minidb.models.updates",
    ]
    assert loaded_by(search, heavy) == []


def test_a_server_without_grpc_loads_nothing_of_it() -> None:
    serve = """
from minidb.database import Database
from minidb.server import Server, Settings
with Server(Database(":memory:"), Settings(port=0)):
    pass
"""
    assert loaded_by(serve, ["grpc", "google.protobuf", "minidb.grpc"]) == []


def test_importing_the_pytest_plugin_loads_next_to_nothing() -> None:
    heavy = ["numpy", "pydantic", "httpx", "minidb.client", "minidb.models", "minidb.errors"]
    assert loaded_by("import minidb.pytest_plugin", heavy) == []


def test_every_public_name_can_be_had() -> None:
    assert set(minidb.__all__) <= set(dir(minidb))
    for name in minidb.__all__:
        assert getattr(minidb, name) is getattr(minidb, name)
    with pytest.raises(AttributeError, match="module 'minidb' has no attribute 'nothing'"):
        minidb.nothing  # noqa: B018


def test_the_async_client_has_every_method_of_the_synchronous_one() -> None:
    for name in aio.public_methods():
        assert callable(getattr(minidb.AsyncQdrantClient, name))


def test_the_async_stub_is_up_to_date() -> None:
    written, wanted = ast.parse(async_stub.STUB.read_text()), ast.parse(async_stub.stub_text())
    assert ast.dump(written) == ast.dump(wanted), "run: python tests/async_stub.py"


FROM_A_ZIP = """
import sys
sys.path.insert(0, sys.argv[1])
import minidb
assert minidb.__file__.startswith(sys.argv[1])
from minidb import QdrantClient, models
from minidb.grpc.table import table
client = QdrantClient(":memory:")
client.create_collection("texts", sparse_vectors_config={"words": models.SparseVectorParams()})
cake = models.Document(text="a cake", model="Qdrant/bm25")
client.upsert("texts", [models.PointStruct(id=1, vector={"words": cake})])
assert client.query_points("texts", cake, using="words").points[0].id == 1
assert table()
"""


def test_the_package_works_from_a_zip_file(tmp_path: Path) -> None:
    """As `zipapp` and frozen programs have it: what is no module is no file either."""
    package = Path(minidb.__file__).parent
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as file:
        for path in package.rglob("*"):
            if "__pycache__" not in path.parts and "docs" not in path.parts:
                file.write(path, path.relative_to(package.parent))
    subprocess.run([sys.executable, "-c", FROM_A_ZIP, tmp_path / "program.zip"], check=True)


def test_a_frozen_program_has_all_modules_and_data() -> None:
    (folder,) = freezing.hook_dirs()
    hook = Path(folder) / "hook-minidb.py"
    assert hook.exists()
    pytest.importorskip("PyInstaller")
    found = runpy.run_path(str(hook))
    data = {Path(source).name for source, _ in found["datas"]}
    assert data >= {"data.json.gz", "interface.txt", "index.html"}
    assert "minidb.storage.compaction" in found["hiddenimports"]
