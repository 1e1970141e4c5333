"""hnswlib is an extra of its own, which needs a compiler: what builds on its graphs is skipped without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BY_HNSWLIB = (
    "test_a_store_saved_with_one_library_opens_with_the_other",
    "test_long_vectors_go_to_usearch",
    "test_many_vectors_go_to_usearch",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("hnswlib") is not None:
        return
    for item in items:
        name, _, case = item.name.partition("[")
        if item.path.parent == HERE and (name in BY_HNSWLIB or "hnswlib" in case):
            item.add_marker(pytest.mark.skip(reason="hnswlib is not installed: pip install 'minidb-vector[hnsw]'"))
