"""What code reads of a client, and does with it as a whole: options, the client within, copies, pickles."""

from __future__ import annotations

import asyncio
import copy
import pickle
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import qdrant_client

import minidb
from minidb import AsyncQdrantClient, QdrantClient, errors

URL = "http://localhost:6333"
SECRET = "s3cret-api-key"
KEYS = {"openai-api-key": "a key"}


@pytest.mark.parametrize(
    "options",
    [
        {"url": URL},
        {"location": "localhost", "port": 6333, "timeout": 3},
        {"host": "localhost", "https": False, "api_key": SECRET, "prefer_grpc": True, "headers": {"a": "b"}},
        {"url": URL, "cloud_inference": True, "local_inference_batch_size": 4, "http2": True},
    ],
)
def test_options_of_a_client_of_an_address_make_any_other(options: dict[str, Any]) -> None:
    with minidb.intercept(URL) as store:
        store.create_collection("c")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a key without https
            theirs = qdrant_client.QdrantClient(**options)
        for client in (QdrantClient(**options), AsyncQdrantClient(**options)):
            kept = client.init_options
            different = {name for name in kept if kept[name] != theirs.init_options[name]}
            assert (kept.keys(), different) == (theirs.init_options.keys(), {"api_key"} & options.keys())
            assert SECRET not in repr(kept)
            assert client.cloud_inference == theirs.cloud_inference
            assert client.local_inference_batch_size == theirs.local_inference_batch_size
            assert client.DEFAULT_BATCH_SIZE == theirs.DEFAULT_BATCH_SIZE
            for kind in (QdrantClient, qdrant_client.QdrantClient):
                assert kind(**kept).collection_exists("c")
            for later in (AsyncQdrantClient, qdrant_client.AsyncQdrantClient):
                assert asyncio.run(later(**kept).collection_exists("c"))
            assert client.init_options == kept


def test_a_key_makes_an_address_secure_and_is_not_kept() -> None:
    with minidb.intercept("https://qdrant.example.com:6333") as store:
        client = QdrantClient("qdrant.example.com", api_key=SECRET)
        assert QdrantClient(**client.init_options).get_collections() == store.get_collections()
        assert SECRET not in repr(vars(client))


def test_options_of_a_directory_open_it_again(tmp_path: Path) -> None:
    with QdrantClient(tmp_path, durability="off") as client:
        client.create_collection("c")
        assert asyncio.run(AsyncQdrantClient(**client.init_options).collection_exists("c"))
        assert client.init_options["durability"] == "off"
        assert "read_only" not in client.init_options


def test_a_token_serves_another_client_and_is_not_shown() -> None:
    client = QdrantClient(cloud_inference=True, inference_url="http://127.0.0.1:1", inference_token=SECRET)
    for _ in range(2):
        assert client._database._inference.settings.service_token.reveal() == SECRET
        assert SECRET not in repr(client.init_options) + repr(vars(client))
        client = QdrantClient(**client.init_options)


def test_the_client_within_has_the_same_methods() -> None:
    client = QdrantClient()
    assert client._client.create_collection("c")
    assert client._client.collection_exists("c")

    async def within() -> bool:
        later = AsyncQdrantClient()
        await later._client.create_collection("c")
        return await later.collection_exists("c")

    assert asyncio.run(within())


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_client_of_the_same_store(client: QdrantClient, copied: Any) -> None:
    client.create_collection("c")
    twin = copied({"client": client})["client"] if copied is copy.deepcopy else copied(client)
    assert twin is not client
    assert (repr(twin), twin.collection_exists("c")) == (repr(client), True)
    twin.close()
    with pytest.raises(errors.StoreClosed):
        twin.collection_exists("c")
    assert client.collection_exists("c")
    later = copy.deepcopy(AsyncQdrantClient(":memory:"))
    assert asyncio.run(later.get_collections()).collections == []


def test_a_client_of_a_directory_is_pickled_by_its_path_without_keys(tmp_path: Path) -> None:
    with QdrantClient(tmp_path, timeout=3, headers={"a": "b"}) as client:
        client.create_collection("c")
        again = pickle.loads(pickle.dumps(client))
        assert (again.collection_exists("c"), again._timeout, again._headers) == (True, 3, {"a": "b"})
        later = pickle.loads(pickle.dumps(AsyncQdrantClient(tmp_path)))
        assert asyncio.run(later.collection_exists("c"))
    with pytest.raises(TypeError, match="keys are written nowhere"):
        pickle.dumps(QdrantClient(tmp_path, headers=KEYS))
    with pytest.raises(TypeError, match="Secret"):
        pickle.dumps(QdrantClient(tmp_path, inference_token=SECRET))
    for place in (":memory:", URL):
        with minidb.intercept(URL, tmp_path / "behind"), pytest.raises(TypeError, match="belongs to its process"):
            pickle.dumps(QdrantClient(place))


def test_a_collection_says_when_it_was_made_through_every_client() -> None:
    before = datetime.now(timezone.utc)
    with minidb.intercept(URL) as store:
        store.create_collection("c")
        made = store.get_collection("c").created_at
        assert made is not None
        assert before <= made <= datetime.now(timezone.utc)
        for prefer_grpc in (False, True):
            client = qdrant_client.QdrantClient(url=URL, prefer_grpc=prefer_grpc)
            assert client.get_collection("c").created_at == made
        assert QdrantClient(url=URL).get_collection("c").created_at == made
