"""Fixtures shared by all rooms' tests: every test of the engine runs against the durable and the in-memory store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from minidb import QdrantClient

pytest_plugins = ["pytester"]  # for the tests of the pytest plugin

settings.register_profile("minidb", deadline=None)  # no test depends on how fast the machine is
settings.load_profile("minidb")


@pytest.fixture(params=["memory", "durable"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    """An empty store, once in memory and once on disk."""
    location = ":memory:" if request.param == "memory" else tmp_path / "store"
    with QdrantClient(location, durability="off") as client:
        yield client
