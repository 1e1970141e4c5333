"""The pytest plugin: empty stores as fixtures, and servers' addresses answered in this process.

pytest imports this wherever minidb is installed, so whatever costs time is imported by the fixtures. A fixture's store
is in memory and ends with the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import qdrant_client

    import minidb

INTERCEPT = "minidb_intercept"
_USUAL_ADDRESS = "http://localhost:6333"
_HELP = "addresses of Qdrant servers (http://localhost:6333, …) answered by a fresh store in this process"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(INTERCEPT, f"for every test: {_HELP}", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{INTERCEPT}(*urls): {_HELP}; {_USUAL_ADDRESS} when none is given")


@pytest.fixture(autouse=True)
def _minidb_intercept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Answers the addresses of the ini option and of the test's markers, each by a store of its own."""
    urls = list(request.config.getini(INTERCEPT))
    for marker in request.node.iter_markers(INTERCEPT):
        urls += marker.args or (_USUAL_ADDRESS,)
    with ExitStack() as blocks:
        if urls:
            from minidb.interception import intercept

            for url in dict.fromkeys(urls):
                blocks.enter_context(intercept(url))
        yield


@pytest.fixture
def minidb_client() -> Iterator[minidb.QdrantClient]:
    """A `minidb.QdrantClient` with an empty store in memory."""
    from minidb import QdrantClient

    with QdrantClient(":memory:") as client:
        yield client


@pytest.fixture
def minidb_async_client() -> Iterator[minidb.AsyncQdrantClient]:
    """A `minidb.AsyncQdrantClient` with an empty store in memory."""
    from minidb import AsyncQdrantClient

    client = AsyncQdrantClient(":memory:")
    yield client
    client._sync.close()  # type: ignore[attr-defined]  # there may be no event loop any more


@pytest.fixture
def minidb_qdrant_client() -> Iterator[qdrant_client.QdrantClient]:
    """qdrant-client's `QdrantClient`, answered by an empty store in memory; see `minidb.qdrant_client`."""
    pytest.importorskip("qdrant_client", reason="minidb_qdrant_client needs qdrant-client: pip install qdrant-client")
    from minidb.transport import qdrant_client

    client = qdrant_client()
    yield client
    client.close()


@pytest.fixture
def minidb_async_qdrant_client() -> Iterator[qdrant_client.AsyncQdrantClient]:
    """qdrant-client's `AsyncQdrantClient`, answered by an empty store in memory; see `minidb.async_qdrant_client`."""
    pytest.importorskip(
        "qdrant_client", reason="minidb_async_qdrant_client needs qdrant-client: pip install qdrant-client"
    )
    from minidb.client import QdrantClient
    from minidb.transport import async_qdrant_client

    with QdrantClient(":memory:") as store:
        yield async_qdrant_client(store)
