"""Where a store is said to be: what names a directory, what an address, and what could be either."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient as Official

import minidb
from minidb import AsyncQdrantClient, QdrantClient, address, errors

ADDRESSES: list[tuple[str, dict[str, Any], str]] = [
    ("localhost", {}, "http://localhost:6333"),
    ("localhost", {"port": 6333}, "http://localhost:6333"),
    ("LOCALHOST", {"port": 6335}, "http://localhost:6335"),
    ("localhost:6335", {}, "http://localhost:6335"),
    ("localhost:6333/api", {}, "http://localhost:6333/api"),
    ("localhost:", {}, "http://localhost:6333"),
    ("127.0.0.1", {}, "http://127.0.0.1:6333"),
    ("127.0.0.1:6333", {}, "http://127.0.0.1:6333"),
    ("10.0.0.7", {"https": True, "port": None}, "https://10.0.0.7:443"),
    ("[::1]", {}, "http://[::1]:6333"),
    ("[::1]:1", {}, "http://[::1]:1"),
    ("http://qdrant", {}, "http://qdrant:6333"),
    ("HTTPS://qdrant.example.com/api", {}, "https://qdrant.example.com:6333/api"),
    ("qdrant.example.com", {"api_key": "k"}, "https://qdrant.example.com:6333"),
    ("qdrant.example.com", {"port": 80}, "http://qdrant.example.com:80"),
    ("qdrant.example.com:6333", {}, "http://qdrant.example.com:6333"),
    ("qdrant.example.com", {"prefer_grpc": True}, "http://qdrant.example.com:6333"),
    ("qdrant.example.com", {"prefix": "api"}, "http://qdrant.example.com:6333/api"),
    ("qdrant", {"api_key": "k"}, "https://qdrant:6333"),
    ("qdrant", {"https": False}, "http://qdrant:6333"),
]
FOLDERS = ["./db", "db/", "a/b", ".db", "../db", "localhost/db", "127.0.0.1/db", "db\\x", "v1:2/db"]
EITHER = [
    "db",
    "qdrant",
    "my.db",
    "qdrant.example.com",
    "my data",
    "localhosts",
    "1.2",
    ":memory",
    "C:",
    "db:x",
    "é",
    "::1",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no store from another test."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(address, "_stores", {})
    return folder


def test_the_official_client_takes_a_path_by_its_name(tmp_path: Path) -> None:
    client = minidb.qdrant_client(path=tmp_path / "store")
    assert isinstance(client, Official)
    client.create_collection("c", {})
    client.close()
    with QdrantClient(path=tmp_path / "store") as ours:
        assert ours.collection_exists("c")
    with pytest.raises(errors.BadRequest, match="Only one of"):
        minidb.qdrant_client(tmp_path, path=tmp_path)


def test_home_is_a_folder_and_nothing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    QdrantClient("~/store").close()
    assert (tmp_path / "store" / "data.mdb").exists()
    with pytest.raises(errors.BadRequest, match="the location is empty"):
        QdrantClient("")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(("location", "options", "url"), ADDRESSES)
def test_a_first_argument_is_an_address_where_qdrant_client_takes_it_for_one(
    location: str, options: dict[str, Any], url: str, here: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a key without https
        theirs: Any = Official(location, **options, check_compatibility=False)._client
    if options.get("port", 0) is not None:
        assert theirs.rest_uri == url
    with minidb.intercept(url) as store:
        store.create_collection("c")
        assert QdrantClient(location, **options).collection_exists("c")
        assert asyncio.run(AsyncQdrantClient(location, **options).collection_exists("c"))
    with pytest.warns(UserWarning, match="connects to nothing"):
        client = QdrantClient(location, **options)
    assert repr(client) == f"QdrantClient({url!r})"
    assert repr(minidb.Transport(client)) == f"Transport({url!r})"
    client.close()
    assert repr(client) == f"QdrantClient({url!r})"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("location", FOLDERS)
def test_a_first_argument_is_a_directory_where_it_looks_like_one(location: str, here: Path) -> None:
    with QdrantClient(location) as client:
        assert repr(client) == f"QdrantClient({location!r})"
    assert Path(location, "data.mdb").exists()


@pytest.mark.parametrize("location", EITHER)
def test_a_word_that_may_be_either_is_refused_with_both_ways_to_write_it(location: str, here: Path) -> None:
    for door in (QdrantClient, AsyncQdrantClient, minidb.Transport, minidb.qdrant_client, minidb.async_qdrant_client):
        with pytest.raises(errors.BadRequest) as caught:
            door(location)
        url = "http://host:port" if ":" in location or " " in location else f"http://{location}:6333"
        for way in (f"path={location!r}", f"'./{location}'", f"url={url!r}"):
            assert way in str(caught.value)
    assert list(here.iterdir()) == []


def test_a_word_is_a_directory_as_path_as_a_path_and_once_it_is_there(here: Path) -> None:
    QdrantClient(path="db").create_collection("c")
    for door in (
        lambda: QdrantClient("db"),
        lambda: QdrantClient(Path("db")),
        lambda: minidb.qdrant_client(path="db"),
        lambda: minidb.qdrant_client("db"),
    ):
        client: Any = door()
        assert client.collection_exists("c")
        client.close()
    QdrantClient(Path("localhost")).close()
    with minidb.intercept("http://h", "word") as store:
        assert repr(store) == "QdrantClient('word')"
    assert {path.name for path in here.iterdir()} == {"db", "localhost", "word"}


def test_the_official_client_takes_an_address_by_every_name(here: Path) -> None:
    with minidb.intercept("http://localhost:6333") as store:
        store.create_collection("c")
        for arguments in ({"url": "http://localhost:6333"}, {"host": "localhost"}, {"location": "localhost"}):
            assert minidb.qdrant_client(**arguments, port=6333).collection_exists("c")
        assert repr(minidb.Transport(host="localhost")) == "Transport('http://localhost:6333')"
    assert list(here.iterdir()) == []


def test_what_only_a_server_has_as_a_name_is_one_though_a_directory_is_called_so(here: Path) -> None:
    QdrantClient(path="localhost").close()
    with minidb.intercept("http://localhost:6333") as store:
        store.create_collection("c")
        assert QdrantClient("localhost").collection_exists("c")
