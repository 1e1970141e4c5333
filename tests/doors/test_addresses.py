"""The client door with a server's address: nothing is connected to, a store in memory answers."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import qdrant_client

import minidb
from minidb import AsyncQdrantClient, QdrantClient, address, errors
from minidb.address import Address, address_of

URL = "http://localhost:6333"
SECRET = "s3cret-api-key"


@pytest.fixture(autouse=True)
def _fresh_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store from another test."""
    monkeypatch.setattr(address, "_stores", {})


@pytest.fixture
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "minidb connects to nothing")
        yield


def test_the_constructor_has_qdrant_clients_parameters_in_their_order() -> None:
    def parameters(kind: type) -> list[tuple[str, Any]]:
        return [
            (name, each.default)
            for name, each in inspect.signature(kind).parameters.items()
            if each.kind is each.POSITIONAL_OR_KEYWORD
        ]

    assert parameters(QdrantClient) == parameters(qdrant_client.QdrantClient)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": ""},
        {"host": "localhost"},
        {"host": "LOCALHOST", "port": 6333},
        {"url": "localhost"},
        {"url": "localhost:6333", "port": 1},
        {"url": "http://localhost:6333"},
        {"url": "http://localhost:6333/"},
        {"url": "HTTP://localhost", "https": True, "api_key": SECRET},
        {"host": "localhost", "https": False, "api_key": SECRET},
    ],
)
def test_what_means_the_usual_address(arguments: dict[str, Any]) -> None:
    assert address_of(**arguments) == Address("http", "localhost", 6333, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"host": "h", "api_key": SECRET}, Address("https", "h", 6333, "")),
        ({"url": "https://h", "port": None}, Address("https", "h", 443, "")),
        ({"url": "http://h", "port": None}, Address("http", "h", 80, "")),
        ({"url": "http://h/a/b/"}, Address("http", "h", 6333, "/a/b")),
        ({"host": "h", "prefix": "a/b"}, Address("http", "h", 6333, "/a/b")),
        ({"url": "http://user:pass@h:1"}, Address("http", "h", 1, "")),
        ({"host": "127.0.0.1"}, Address("http", "127.0.0.1", 6333, "")),
        ({"url": "http://[::1]:6333"}, Address("http", "::1", 6333, "")),
    ],
)
def test_what_tells_addresses_apart(arguments: dict[str, Any], expected: Address) -> None:
    assert address_of(**arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "http://h/a"},
        {"url": "https://h:1/a/b"},
        {"url": "localhost:1"},
        {"host": "h", "prefix": "a", "api_key": SECRET},
        {"host": "h", "port": 1, "https": True},
    ],
)
def test_an_address_is_what_qdrant_client_makes_of_it(arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a key without https
        remote = qdrant_client.QdrantClient(**arguments, check_compatibility=False)._client
    assert str(address_of(**arguments)) == remote.rest_uri


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": URL, "path": "p"}, "Only one of <location>, <url>, <host> or <path> should be specified."),
        ({"location": ":memory:", "host": "h"}, "Only one of <location>, <url>, <host> or <path>"),
        ({"host": "http://h"}, "`host` param is not expected to contain protocol"),
        ({"url": "http://h/a", "prefix": "b"}, "Prefix can be set either in `url` or in `prefix`"),
        ({"url": "ftp://h"}, "Unknown scheme: ftp"),
    ],
)
def test_contradictions_are_refused_in_qdrant_clients_words(arguments: dict[str, Any], message: str) -> None:
    for kind in (QdrantClient, AsyncQdrantClient, qdrant_client.QdrantClient):
        with pytest.raises(ValueError, match=message):
            kind(**arguments)


@pytest.mark.parametrize("url", ["http://", "http://h:port", ":memory:"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(errors.BadRequest, match="is no address"):
        QdrantClient(url=url)


@pytest.mark.usefixtures("_quiet")
def test_all_clients_of_an_address_share_a_store_that_outlives_them() -> None:
    with QdrantClient(url=URL, prefer_grpc=True, timeout=10, pool_size=3) as client:
        client.create_collection("c")
    with QdrantClient(URL) as first, QdrantClient(host="localhost", grpc_port=1, check_compatibility=False) as second:
        first.close()
        first.close()
        assert second.collection_exists("c")
        with pytest.raises(errors.StoreClosed, match="this client has been closed"):
            first.get_collections()
    assert asyncio.run(AsyncQdrantClient(url=URL).collection_exists("c"))
    for other in ("http://localhost:6334", "https://localhost:6333", "http://127.0.0.1:6333", f"{URL}/a"):
        assert not QdrantClient(url=other).collection_exists("c")
    assert not QdrantClient().collection_exists("c")  # no address: a store of its own


def test_the_first_client_of_an_address_warns_that_nothing_is_connected_to() -> None:
    with pytest.warns(UserWarning, match="connects to nothing: http://localhost:6333 .* qdrant-client") as caught:
        QdrantClient(url=URL)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QdrantClient(host="localhost")
    with pytest.warns(UserWarning, match="http://localhost:1/a"):
        QdrantClient(url="http://localhost:1/a")


@pytest.mark.usefixtures("_quiet")
def test_a_key_is_kept_nowhere() -> None:
    client = QdrantClient(url="https://h", api_key=SECRET, auth_token_provider=lambda: pytest.fail("asked for a token"))
    client.create_collection("c")
    assert SECRET not in repr(client)
    assert SECRET not in repr(vars(client))
    with pytest.raises(TypeError):
        pickle.dumps(client)


@pytest.mark.usefixtures("_quiet")
def test_cloud_inference_of_an_address_is_inference_here() -> None:
    with QdrantClient(url=URL, cloud_inference=True) as client:
        client.create_collection("c", minidb.models.VectorParams(size=16, distance="Cosine"))
        text = minidb.models.Document(text="text", model="minidb/hash-16")
        client.upsert("c", [minidb.models.PointStruct(id=1, vector=text)])
        assert client.query_points("c", text).points[0].score == pytest.approx(1)
    with pytest.raises(errors.BadRequest, match="needs inference_url"):
        QdrantClient(cloud_inference=True)


def test_the_process_ends_although_stores_are_open() -> None:
    code = (
        "import minidb; client = minidb.QdrantClient(url='h'); client.create_collection('c');"
        "client.create_snapshot('c'); print('done')"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("done\n", "")
