"""Fixtures shared by all rooms' tests: every test of the engine runs against the durable and the in-memory store."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from minidb import QdrantClient

os.environ.setdefault("MINIDB_TRACEBACK", "full")  # a test that fails shows where

pytest_plugins = ["pytester"]  # for the tests of the pytest plugin

settings.register_profile("minidb", deadline=None)  # no test depends on how fast the machine is
settings.load_profile("minidb")


_BY_HNSWLIB = (
    "test_a_graph_that_is_read_gives_the_rows_back_on_the_way",
    "test_a_store_saved_with_one_library_opens_with_the_other",
    "test_long_vectors_go_to_usearch",
    "test_many_vectors_go_to_usearch",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """hnswlib is an extra of its own, which needs a compiler: what builds on its graphs is skipped without it."""
    if importlib.util.find_spec("hnswlib") is not None:
        return
    for item in items:
        name, _, case = item.name.partition("[")
        if item.path.parent.name in ("index", "properties") and (name in _BY_HNSWLIB or "hnswlib" in case):
            item.add_marker(pytest.mark.skip(reason="hnswlib is not installed: pip install 'minidb-vector[hnsw]'"))


@pytest.fixture(params=["memory", "durable"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    """An empty store, once in memory and once on disk."""
    location = ":memory:" if request.param == "memory" else tmp_path / "store"
    with QdrantClient(location, durability="off") as client:
        yield client
