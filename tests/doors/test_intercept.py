"""`minidb.intercept`: clients of a server's address, answered in this process."""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client.async_qdrant_remote import AsyncQdrantRemote
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.qdrant_remote import QdrantRemote

import minidb
from minidb import errors
from minidb.inference import Request

URL = "http://localhost:6333"
SECRET = "s3cret-api-key"
POINTS = [models.PointStruct(id=n, vector=[float(n), 1.0], payload={"n": n}) for n in range(10)]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may look up a name, connect, or listen."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("a test reached for the network")

    for name in ("connect", "connect_ex", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def fill(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upsert("c", POINTS)


def reaches_network(client: QdrantClient) -> bool:
    try:
        client.get_collections()
    except ResponseHandlingException as error:
        return "a test reached for the network" in str(error)
    return False


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": URL},
        {"location": URL},
        {"host": "localhost"},
        {"host": "localhost", "port": 6333, "prefer_grpc": True},
        {"url": "localhost:6333", "grpc_port": 6334},
        {"url": "//localhost:6333"},
        {"url": "http://localhost", "port": "6333"},
        {"url": URL, "prefer_grpc": True, "timeout": 3, "pool_size": 3},
        {"url": URL, "headers": {"x-tenant": "a"}, "limits": None, "verify": False},
        {"url": URL, "proxy": "http://proxy.example:3128"},
    ],
)
def test_clients_made_inside_are_answered_by_the_blocks_store(arguments: dict[str, Any]) -> None:
    with minidb.intercept(URL) as store:
        fill(QdrantClient(**arguments))
        assert store.count("c").count == len(POINTS)

        async def search() -> list[Any]:
            client = AsyncQdrantClient(**arguments)
            response = await client.query_points("c", query=[1.0, 0.0], limit=2)
            await client.close()
            return [point.id for point in response.points]

        assert asyncio.run(search()) == [9, 8]


@pytest.mark.parametrize("kind", [QdrantClient, minidb.QdrantClient])
@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("https://h", {"url": "https://h:6333"}),
        ("https://h", {"host": "h", "api_key": SECRET}),
        ("https://h:443", {"url": "https://h", "port": None}),
        ("http://h/a/b", {"url": "http://H:6333/a/b/"}),
        ("http://h/a/b", {"host": "h", "prefix": "a/b"}),
        ("http://h/a%20b", {"host": "h", "prefix": "a%20b"}),
        ("http://h/a b", {"url": "http://h/a b"}),
        ("http://[::1]:1", {"url": "http://[::1]:1"}),
    ],
)
def test_scheme_host_port_and_prefix_are_compared(kind: Any, url: str, arguments: dict[str, Any]) -> None:
    with minidb.intercept(url) as store:
        client = kind(**arguments)
        client.create_collection("a b")
        assert store.collection_exists("a b")
        assert client.collection_exists("a b")


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:6333",
        "http://127.0.0.1:6333",
        "http://localhost:6334",
        "http://localhost",
        "http://localhost:6333/a",
    ],
)
def test_other_addresses_go_where_they_went_before(url: str) -> None:
    with minidb.intercept("http://localhost:6333/b"), minidb.intercept("http://localhost:6335"):
        client = QdrantClient(url=url, check_compatibility=False, prefer_grpc=False)
        assert reaches_network(client)
        assert QdrantClient(url=url, check_compatibility=False, prefer_grpc=True)._client._prefer_grpc


def test_local_mode_is_left_alone(tmp_path: Path) -> None:
    with minidb.intercept(URL) as store:
        for client in (QdrantClient(":memory:"), QdrantClient(path=str(tmp_path))):
            client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
            client.close()
        assert not store.collection_exists("c")


def test_clients_from_before_stay_as_they_were() -> None:
    client = QdrantClient(url=URL, check_compatibility=False)
    with minidb.intercept(URL):
        assert reaches_network(client)


def test_after_the_block_its_clients_fail_and_new_ones_find_nothing_of_it() -> None:
    with minidb.intercept(URL):
        official, own = QdrantClient(url=URL), minidb.QdrantClient(url=URL)
        asynchronous = AsyncQdrantClient(url=URL)
        fill(official)
    with pytest.raises(UnexpectedResponse, match="this client has been closed"):
        official.get_collections()
    with pytest.raises(UnexpectedResponse, match="this client has been closed"):
        asyncio.run(asynchronous.get_collections())
    with pytest.raises(errors.StoreClosed, match="this client has been closed"):
        own.get_collections()
    assert reaches_network(QdrantClient(url=URL, check_compatibility=False))
    with minidb.intercept(URL) as store:
        assert store.get_collections().collections == []
        assert QdrantClient(url=URL).get_collections().collections == []
        with pytest.raises(UnexpectedResponse, match="this client has been closed"):
            official.get_collections()


def test_qdrant_client_is_as_it_was_after_the_last_block_also_after_an_error() -> None:
    before = QdrantRemote.__init__, AsyncQdrantRemote.__init__

    def fail() -> None:
        with minidb.intercept(URL), minidb.intercept(URL):
            raise KeyError("of the test")

    with pytest.raises(KeyError, match="of the test"):
        fail()
    assert (QdrantRemote.__init__, AsyncQdrantRemote.__init__) == before
    with pytest.raises(errors.BadRequest, match="Unknown scheme: ftp"), minidb.intercept("ftp://h"):
        pass
    assert (QdrantRemote.__init__, AsyncQdrantRemote.__init__) == before


def test_clients_share_the_store_and_closing_one_closes_nothing_else() -> None:
    with minidb.intercept(URL) as store:
        first, second, own = QdrantClient(url=URL), QdrantClient(url=URL), minidb.QdrantClient(url=URL)
        fill(first)
        first.close()
        assert second.count("c").count == own.count("c").count == len(POINTS)
        own.close()
        with pytest.raises(errors.StoreClosed):
            own.get_collections()
        asyncio.run(AsyncQdrantClient(url=URL).delete("c", [0]))
        assert asyncio.run(minidb.AsyncQdrantClient(url=URL).count("c")).count == len(POINTS) - 1
        assert store.count("c").count == len(POINTS) - 1


def test_the_innermost_block_of_an_address_answers() -> None:
    other = "http://other:6333"
    with minidb.intercept(URL) as outer, minidb.intercept(other) as aside:
        with minidb.intercept(URL) as inner:
            for client in (QdrantClient(url=URL), minidb.QdrantClient(url=URL)):
                client.delete_collection("inner")
                client.create_collection("inner", models.VectorParams(size=2, distance=models.Distance.DOT))
            QdrantClient(url=other).create_collection("aside")
        QdrantClient(url=URL).create_collection("outer")
        assert [each.name for each in outer.get_collections().collections] == ["outer"]
        assert [each.name for each in aside.get_collections().collections] == ["aside"]
        with pytest.raises(errors.StoreClosed):
            inner.get_collections()


def test_blocks_may_end_in_any_order() -> None:
    first, second = minidb.intercept(URL), minidb.intercept(URL)
    first.__enter__()
    with second as store:
        first.__exit__(None, None, None)
        QdrantClient(url=URL).create_collection("c")
        assert store.collection_exists("c")


def test_a_block_holds_for_all_threads() -> None:
    def work(n: int) -> None:
        QdrantClient(url=URL).upsert("c", [POINTS[n]])

    with minidb.intercept(URL) as store:
        store.create_collection("c", minidb.models.VectorParams(size=2, distance="Dot"))
        threads = [threading.Thread(target=work, args=[n]) for n in range(len(POINTS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.count("c").count == len(POINTS)


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_what_lies_behind_a_client_is_as_with_a_real_one(prefer_grpc: bool) -> None:
    real = QdrantClient(url=URL, prefer_grpc=prefer_grpc, check_compatibility=False)
    with minidb.intercept(URL) as store:
        client = QdrantClient(url=URL, prefer_grpc=prefer_grpc)
        fill(client)
        assert type(client._client) is QdrantRemote
        assert client._client.rest_uri == real._client.rest_uri
        assert client.http.collections_api.get_collections().result.collections[0].name == "c"
        assert client.http.points_api.count_points("c", count_request=models.CountRequest()).result.count == len(POINTS)
        assert client.get_embedding_size("BAAI/bge-small-en") == real.get_embedding_size("BAAI/bge-small-en")
        assert copy.copy(client).count("c").count == len(POINTS)
        for unable in (copy.deepcopy, pickle.dumps):
            for each in (client, real):
                with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
                    unable(each)
        again = QdrantClient(**client.init_options)
        again.delete("c", [1])
        assert store.count("c").count == len(POINTS) - 1
        other = AsyncQdrantClient(**client.init_options)
        assert asyncio.run(other.count("c")).count == len(POINTS) - 1


def test_the_version_is_not_asked_for_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qdrant_client.qdrant_remote.get_server_version", lambda *_: pytest.fail("asked"))
    with minidb.intercept(URL):
        client = QdrantClient(url=URL, check_compatibility=True)
        assert client.info().version.startswith("1.")


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_stubs_of_grpc_are_answered(prefer_grpc: bool) -> None:
    from qdrant_client import grpc as messages

    asked = messages.CountPoints(collection_name="c")
    missing = messages.CountPoints(collection_name="x")
    with minidb.intercept(URL):
        client, later = (kind(url=URL, prefer_grpc=prefer_grpc) for kind in (QdrantClient, AsyncQdrantClient))
        fill(client)
        for _ in range(5):  # a pool's stubs take turns
            assert client.grpc_points.Count(asked, timeout=5).result.count == len(POINTS)
        assert client.grpc_collections.List(messages.ListCollectionsRequest()).collections[0].name == "c"
        assert client._client.grpc_root.HealthCheck(messages.HealthCheckRequest()).version.startswith("1.")
        vector = messages.Vectors(vector=messages.Vector(dense=messages.DenseVector(data=[1.0, 2.0])))
        point = messages.PointStruct(id=messages.PointId(num=50), vectors=vector)
        client.grpc_points.Upsert(messages.UpsertPoints(collection_name="c", points=[point]))
        response, call = client.grpc_points.Count.with_call(asked)
        assert (response.result.count, call.code()) == (len(POINTS) + 1, grpc.StatusCode.OK)
        assert client.grpc_points.Count.future(asked).result().result == response.result
        for ask in (client.grpc_points.Count, lambda asked: client.grpc_points.Count.future(asked).result()):
            with pytest.raises(grpc.RpcError, match="Collection `x` doesn't exist!") as raised:
                ask(missing)
            assert raised.value.code() is grpc.StatusCode.NOT_FOUND

        async def ask_later() -> None:
            counts = await asyncio.gather(*(later.grpc_points.Count(asked) for _ in range(5)))
            assert [each.result.count for each in counts] == [len(POINTS) + 1] * 5
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await later.grpc_points.Count(missing, timeout=3)
            assert raised.value.code() is grpc.StatusCode.NOT_FOUND
            await later.close()

        asyncio.run(ask_later())
        client.close()


def test_stubs_send_the_clients_headers_and_wait_for_a_full_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    from qdrant_client import context_headers
    from qdrant_client import grpc as messages

    from minidb.grpc import Service

    seen: list[dict[str, str]] = []
    answer = Service.answer
    monkeypatch.setattr(
        Service, "answer", lambda self, rpc, asked: (seen.append(asked.headers), answer(self, rpc, asked))[1]
    )
    delete = messages.DeletePoints(collection_name="c")
    delete.points.points.ids.append(messages.PointId(num=1))
    with minidb.intercept(URL):
        client = QdrantClient(url=URL, headers={"x-tenant": "a"})
        fill(client)
        with context_headers.headers({"x-key": "b"}):
            client.grpc_points.Count(messages.CountPoints(collection_name="c"), metadata=(("x-more", "c"),))
        assert {"x-tenant": "a", "x-key": "b", "x-more": "c"}.items() <= seen[0].items()
        client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=True, write_rate_limit=1))
        client.grpc_points.Delete(delete)
        with pytest.raises(ResourceExhaustedResponse) as raised:
            client.grpc_points.Delete(delete)
        assert raised.value.retry_after_s > 0


DENSE = models.VectorParams(size=2, distance=models.Distance.DOT)
WRONG = [models.PointStruct(id=1, vector=[1.0])]
FAILING: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("NOT_FOUND", "Not found: Collection `x` doesn't exist!", lambda client: client.get_collection("x")),
    ("NOT_FOUND", "Not found: Collection `x` doesn't exist!", lambda client: client.upsert("x", POINTS)),
    ("ALREADY_EXISTS", "Wrong input: Collection `c` already exists!",
     lambda client: client.create_collection("c", DENSE)),
    ("INVALID_ARGUMENT", "Wrong input: Vector dimension error: expected dim: 2, got 1",
     lambda client: client.upsert("c", WRONG)),
    ("INVALID_ARGUMENT", "Wrong input: Not existing vector name error: v",
     lambda client: client.query_points("c", [1.0, 0.0], using="v")),
    ("INVALID_ARGUMENT", "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
     lambda client: client.query_points("c", [1.0, 0.0], limit=0)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "details", "call"), FAILING)
def test_errors_of_clients_that_prefer_grpc_are_grpcs(code: str, details: str, call: Callable[[Any], Any]) -> None:
    with minidb.intercept(URL):
        client, asynchronous = QdrantClient(url=URL, prefer_grpc=True), AsyncQdrantClient(url=URL, prefer_grpc=True)
        fill(client)
        with pytest.raises(grpc.RpcError) as raised:
            call(client)
        with pytest.raises(grpc.aio.AioRpcError) as raised_later:
            asyncio.run(call(asynchronous))
        for error in (raised.value, raised_later.value):
            assert (error.code().name, error.details()) == (code, details)
        with pytest.raises(UnexpectedResponse):
            call(QdrantClient(url=URL))


def test_an_upload_and_what_is_only_rest_fail_as_grpcs_client_does() -> None:
    with minidb.intercept(URL):
        client, asynchronous = QdrantClient(url=URL, prefer_grpc=True), AsyncQdrantClient(url=URL, prefer_grpc=True)
        fill(client)
        for each in (client, asynchronous):
            for parallel in (1, 2):
                with pytest.raises(grpc.RpcError, match="Vector dimension error") as raised:
                    each.upload_points("c", WRONG, max_retries=0, parallel=parallel)
                assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(UnexpectedResponse):
            client.recover_snapshot("c", "file:///nowhere")


def test_a_time_that_runs_out_and_a_full_rate_are_grpcs_errors_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from minidb.grpc import Answer, Asked, Code, Rpc, Service

    def too_late(service: Service, rpc: Rpc, asked: Asked) -> Answer:
        assert asked.timeout == 5
        monkeypatch.setattr("minidb.grpc_channel.monotonic", lambda: math.inf)
        return Answer(Code.DEADLINE_EXCEEDED, text="Timeout error: of the server")

    with minidb.intercept(URL):
        client, asynchronous = QdrantClient(url=URL, prefer_grpc=True), AsyncQdrantClient(url=URL, prefer_grpc=True)
        fill(client)
        client.update_collection("c", strict_mode_config=models.StrictModeConfig(enabled=True, write_rate_limit=1))
        client.delete("c", [1])
        with pytest.raises(ResourceExhaustedResponse):
            client.delete("c", [2])
        monkeypatch.setattr(Service, "answer", too_late)
        with pytest.raises(grpc.RpcError) as raised:
            client.count("c")
        monkeypatch.setattr("minidb.grpc_channel.monotonic", lambda: 0.0)
        with pytest.raises(grpc.aio.AioRpcError) as raised_later:
            asyncio.run(asynchronous.count("c"))
        for error in (raised.value, raised_later.value):
            assert (error.code(), error.details()) == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


def test_a_client_that_prefers_grpc_takes_batches_of_rows() -> None:
    words = models.SparseVector(indices=[1], values=[1.0])
    rows: list[Any] = [{"words": words}, {"words": words, "d": [1.0, 2.0]}, {}]
    batch = models.Batch.model_construct(ids=[1, 2, 3], vectors=rows, payloads=[{"n": 1}, {}, {"n": 3}])
    short = models.Batch.model_construct(ids=[1, 2], vectors=rows, payloads=None)
    operation = models.UpsertOperation.model_construct(upsert=models.PointsBatch.model_construct(batch=batch))
    with minidb.intercept(URL) as store, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Pydantic serializer")
        client, asynchronous = QdrantClient(url=URL, prefer_grpc=True), AsyncQdrantClient(url=URL, prefer_grpc=True)
        writes: list[Callable[[], Any]] = [
            lambda: client.upsert("c", batch),
            lambda: client.upsert(collection_name="c", points=batch, wait=True),
            lambda: client.batch_update_points("c", [operation]),
            lambda: asyncio.run(asynchronous.upsert("c", batch)),
            lambda: asyncio.run(asynchronous.batch_update_points("c", [operation])),
        ]
        for write in writes:
            store.delete_collection("c")
            client.create_collection("c", {"d": DENSE}, sparse_vectors_config={"words": models.SparseVectorParams()})
            write()
            found = client.scroll("c", with_vectors=True)[0]
            assert [point.vector for point in found] == rows
            assert [point.payload for point in found] == [{"n": 1}, {}, {"n": 3}]
        with pytest.raises((ValueError, grpc.RpcError)):
            client.upsert("c", short)
        with pytest.raises(UnexpectedResponse, match="Expected some form of vector"):
            QdrantClient(url=URL).upsert("c", batch)


def test_objects_of_grpc_are_understood_by_a_client_that_prefers_it() -> None:
    from qdrant_client import grpc as messages

    condition = messages.FieldCondition(key="n", match=messages.Match(integer=3))
    wanted = messages.Filter(must=[messages.Condition(field=condition)])
    with minidb.intercept(URL):
        client = QdrantClient(url=URL, prefer_grpc=True)
        fill(client)
        assert client.count("c", wanted).count == 1
        assert [record.id for record in client.scroll("c", wanted)[0]] == [3]


def in_a_fork(function: Callable[[], Any]) -> Any:
    """What `function` returns in a child of this process, or the error it raises there, as its class and text."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            result = type(error).__name__, str(error)
        os.write(send, pickle.dumps(result))
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        sent = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return pickle.loads(sent)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")


@forks
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("door", ["intercept", "intercept grpc", "intercept own", "own", "official"])
@pytest.mark.parametrize("made", ["before", "in the child"])
def test_a_fork_reads_a_store_in_memory_and_cannot_write_it(door: str, made: str) -> None:
    with minidb.intercept(URL) as store:
        doors: dict[str, Callable[[], Any]] = {
            "intercept": lambda: QdrantClient(url=URL),
            "intercept grpc": lambda: QdrantClient(url=URL, prefer_grpc=True),
            "intercept own": lambda: minidb.QdrantClient(url=URL),
            "own": lambda: own,
            "official": lambda: minidb.qdrant_client(own),
        }
        own = minidb.QdrantClient(":memory:")
        client = doors[door]()
        fill(QdrantClient(url=URL))
        fill(minidb.qdrant_client(own))
        there = doors[door] if made == "in the child" else lambda: client
        assert in_a_fork(lambda: [hit.id for hit in there().query_points("c", [1.0, 0.0], limit=2).points]) == [9, 8]
        writes: list[Callable[[], Any]] = [
            lambda: there().delete("c", [1]),
            lambda: there().set_payload("c", {"a": 1}, points=[1]),
            lambda: there().create_collection("other"),
            lambda: there().delete_collection("c"),
            lambda: there().create_payload_index("c", "n", "integer"),
            lambda: there().create_snapshot("c"),
            lambda: there().delete_snapshot("c", snapshot),
        ]
        snapshot = client.create_snapshot("c").name
        for write in writes:
            name, text = in_a_fork(write)
            assert name in ("UnexpectedResponse", "BadRequest", "_InactiveRpcError")
            assert "a store in memory belongs to its process" in text
        assert client.count("c").count == len(POINTS)
        client.delete("c", [1])  # the parent goes on
        assert client.count("c").count == len(POINTS) - 1
        assert [each.name for each in store.get_collections().collections] == ["c"]
        own.close()


@forks
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_that_closes_its_copy_leaves_the_snapshots_to_its_parent() -> None:
    with minidb.intercept(URL) as store:
        fill(QdrantClient(url=URL))
        store.create_snapshot("c")
        assert in_a_fork(store.close) is None
        assert len(store.list_snapshots("c")) == 1


@forks
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_has_stores_in_memory_of_its_own() -> None:
    def work() -> int:
        with minidb.intercept("http://other") as store:
            fill(QdrantClient(url="http://other"))
            return int(store.count("c").count)

    with minidb.intercept(URL):
        assert in_a_fork(work) == len(POINTS)


class Counted:
    """A provider that wants a key."""

    slow = False

    def __init__(self) -> None:
        self.keys: list[str | None] = []

    def embed(self, request: Request) -> list[np.ndarray]:
        secret = request.context.keys.get("openai-api-key")
        self.keys.append(None if secret is None else secret.reveal())
        return [np.array([1.0, 0.0], np.float32) for _ in request.texts()]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    from minidb import inference

    provider = Counted()
    monkeypatch.setattr(inference._registry, "_providers", inference._registry._providers)
    minidb.register_provider("counted/", lambda model: provider)
    return provider


def test_keys_reach_their_provider_and_no_log(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = models.Document(text="t", model="counted/m")
    headers = {"openai-api-key": "k-of-the-client"}
    with minidb.intercept(URL), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* with an insecure connection")
        client = QdrantClient(
            url=URL, https=False, api_key=SECRET, headers=headers, cloud_inference=True,
            auth_token_provider=lambda: f"token-{SECRET}",
        )  # fmt: skip
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("c", [models.PointStruct(id=1, vector=text)])
        own = minidb.QdrantClient(
            url=URL, https=False, headers={"openai-api-key": "k-of-minidbs"}, cloud_inference=True
        )
        assert [point.id for point in own.query_points("c", minidb.models.Document(**text.model_dump())).points] == [1]
        with minidb.context_headers({"openai-api-key": "k-of-the-block"}):
            client.query_points("c", text)
        with pytest.raises(UnexpectedResponse):
            client.query_points("nowhere", text)
    assert counted.keys[:3] == ["k-of-the-client", "k-of-minidbs", "k-of-the-block"]
    assert SECRET not in caplog.text
    assert "k-of" not in caplog.text


def test_a_directory_can_be_the_store_and_keeps_it(tmp_path: Path) -> None:
    for expected in (0, len(POINTS)):
        with minidb.intercept(URL, tmp_path, durability="off"):
            client = QdrantClient(url=URL)
            if expected == 0:
                fill(client)
            assert client.count("c").count == len(POINTS)


@pytest.mark.parametrize("method", [None, *multiprocessing.get_all_start_methods()])
@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_a_parallel_upload_into_memory_arrives(method: str | None, kind: Any, prefer_grpc: bool) -> None:
    with minidb.intercept(URL) as store:
        fill(QdrantClient(url=URL))
        client = kind(url=URL, prefer_grpc=prefer_grpc)
        more = [models.PointStruct(id=100 + n, vector=[1.0, 2.0], payload={"n": n}) for n in range(9)]
        client.upload_points("c", more, batch_size=2, parallel=2, method=method, wait=True)
        assert store.count("c").count == len(POINTS) + 9
        client.upload_collection("c", np.ones((9, 2)), ids=range(200, 209), batch_size=2, parallel=2, method=method)
        assert store.count("c").count == len(POINTS) + 18
        assert store.retrieve("c", [108])[0].payload == {"n": 8}
        with pytest.raises(ValueError, match="Start methods nonsense is not available"):
            client.upload_points("c", more, parallel=2, method="nonsense")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("method", sorted({"fork", "spawn"}.intersection(multiprocessing.get_all_start_methods())))
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_parallel_upload_into_a_directory_arrives(method: str, tmp_path: Path) -> None:
    with minidb.intercept(URL, tmp_path, durability="off") as store:
        client = QdrantClient(url=URL, prefer_grpc=True)
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upload_points("c", POINTS, batch_size=2, parallel=2, method=method, wait=True)
        assert store.count("c").count == len(POINTS)


def test_without_qdrant_client_minidbs_own_clients_are_answered() -> None:
    code = (
        "import sys; sys.modules['qdrant_client'] = None\n"
        "import minidb\n"
        "with minidb.intercept('http://h') as store:\n"
        "    minidb.QdrantClient(url='http://h').create_collection('c')\n"
        "    print(store.collection_exists('c'))\n"
        "try:\n"
        "    minidb.qdrant_client()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        "True",
        "minidb's official client needs qdrant-client: pip install qdrant-client",
    ]


def test_a_client_of_qdrant_serverless_goes_the_same_way() -> None:
    serverless = pytest.importorskip("qdrant_client.serverless")
    with minidb.intercept("https://h"):
        client = serverless.QdrantServerless(url="https://h", api_key=SECRET)
        assert client._remote.get_collections().collections == []


def test_a_closed_client_that_prefers_grpc_raises_what_a_closed_channel_does() -> None:
    with minidb.intercept(URL):
        used, unused = (QdrantClient(url=URL, prefer_grpc=True) for _ in range(2))
        used.get_collections()
        for client in (used, unused):
            client.close()
            client.close()
        with pytest.raises(ValueError, match="Cannot invoke RPC on closed channel!"):
            used.get_collections()
        for stub_of in (lambda: used.grpc_points, lambda: unused.grpc_points, unused.get_collections):
            with pytest.raises(RuntimeError, match=r"Client was closed\. Please create a new QdrantClient instance\."):
                stub_of()

        async def use_closed() -> None:
            used, unused = (AsyncQdrantClient(url=URL, prefer_grpc=True) for _ in range(2))
            await used.get_collections()
            for client in (used, unused):
                await client.close()
            with pytest.raises(grpc.aio.UsageError, match=r"Channel is closed\."):
                await used.get_collections()
            with pytest.raises(RuntimeError, match="Client was closed"):
                await unused.get_collections()

        asyncio.run(use_closed())


LARGE = [models.PointStruct(id=n, vector=[0.5] * 1000) for n in range(3)]


@pytest.mark.parametrize(
    ("option", "text", "limited", "allowed"),
    [
        ("grpc.max_send_message_length", r"CLIENT: Sent message larger than max \(1\d{4} vs\. 300\)",
         lambda client: client.upsert("c", LARGE), lambda client: client.retrieve("c", [1], with_vectors=True)),
        ("grpc.max_receive_message_length", r"CLIENT: Received message larger than max \(4\d{3} vs\. 300\)",
         lambda client: client.retrieve("c", [1], with_vectors=True), lambda client: client.upsert("c", LARGE)),
    ],
)  # fmt: skip
def test_limits_of_messages_hold_as_in_a_channel(option: str, text: str, limited: Any, allowed: Any) -> None:
    with minidb.intercept(URL) as store:
        store.create_collection("c", minidb.models.VectorParams(size=1000, distance="Dot"))
        everything = QdrantClient(url=URL, prefer_grpc=True)  # has no limits, where grpcio would have 4 MB
        everything.upsert("c", [models.PointStruct(id=n, vector=[0.5] * 1000) for n in range(1200)])
        assert len(everything.scroll("c", limit=1200, with_vectors=True)[0]) == 1200
        client, asynchronous = (
            kind(url=URL, prefer_grpc=True, grpc_options={option: 300}) for kind in (QdrantClient, AsyncQdrantClient)
        )
        allowed(client)
        asyncio.run(allowed(asynchronous))
        with pytest.raises(grpc.RpcError, match=text) as raised:
            limited(client)
        with pytest.raises(grpc.aio.AioRpcError, match=text) as raised_later:
            asyncio.run(limited(asynchronous))
        for error in (raised.value, raised_later.value):
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        if "send" in option:
            for each in (client, asynchronous):
                with pytest.raises(grpc.RpcError, match=text):
                    each.upload_points("c", LARGE, max_retries=0)


@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
def test_grpcs_options_are_checked_by_the_client_itself(kind: Any) -> None:
    with minidb.intercept("https://h"):
        client = kind(url="https://h", prefer_grpc=True, grpc_options={"root_certificates": "no bytes"})
        with pytest.raises(RuntimeError, match="root_certificates must be a byte string"):
            _ = client.grpc_points
        certain = kind(url="https://h", prefer_grpc=True, grpc_options={"root_certificates": b"-"})
        assert certain.grpc_points is not None


class Tokens:
    """A provider that counts, and says when it was asked in the background."""

    def __init__(self) -> None:
        self.n, self.asked_aside = 0, threading.Event()

    def __call__(self) -> str:
        self.n += 1
        if threading.current_thread() is not threading.main_thread():
            self.asked_aside.set()
        return f"token-{self.n}"


@pytest.mark.parametrize("prefer_grpc", [False, True])
@pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure connection")
def test_a_provider_of_tokens_is_asked_as_often_as_with_a_server(prefer_grpc: bool) -> None:
    asked: dict[str, Any] = {"url": URL, "prefer_grpc": prefer_grpc}
    with minidb.intercept(URL):
        tokens = Tokens()
        client = QdrantClient(**asked, auth_token_provider=tokens)
        assert tokens.asked_aside.wait(60)  # which version is it?
        client.get_collections()
        client.get_collections()
        assert tokens.n == 3
        tokens = Tokens()
        client = QdrantClient(**asked, auth_token_provider=tokens, check_compatibility=False)
        client.get_collections()
        assert tokens.n == 1

        async def count() -> None:
            tokens = Tokens()
            client = AsyncQdrantClient(**asked, auth_token_provider=tokens)
            assert tokens.asked_aside.wait(60)
            await client.get_collections()
            assert tokens.n == 2

        asyncio.run(count())


def test_a_provider_that_is_async_is_refused_in_the_words_of_each_kind() -> None:
    async def provide() -> str:
        return "token"

    with minidb.intercept("https://h"):
        asked: dict[str, Any] = {"url": "https://h", "auth_token_provider": provide, "check_compatibility": False}
        with pytest.raises(ValueError, match="Synchronous channel requires synchronous auth token provider"):
            QdrantClient(**asked, prefer_grpc=True).get_collections()
        with pytest.raises(ResponseHandlingException, match="Synchronous token provider is not set"):
            QdrantClient(**asked).get_collections()
        for prefer_grpc in (False, True):
            assert asyncio.run(AsyncQdrantClient(**asked, prefer_grpc=prefer_grpc).get_collections()).collections == []


@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
@pytest.mark.parametrize("url", [URL, "http://elsewhere:6333"])
def test_warnings_of_a_constructor_are_about_the_line_that_calls_it(kind: Any, url: str) -> None:
    with minidb.intercept(URL), pytest.warns(UserWarning, match="is used with an insecure connection") as warned:
        kind(url=url, api_key=SECRET, auth_token_provider=lambda: "token", check_compatibility=False)
    assert [(each.filename, each.category) for each in warned] == [(__file__, UserWarning)] * 2


@pytest.mark.parametrize("location", ["memory", "directory"])
@pytest.mark.parametrize("prefer_grpc", [False, True])
@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
def test_warnings_of_an_upload_are_about_the_line_that_calls_it(
    kind: Any, prefer_grpc: bool, location: str, tmp_path: Path
) -> None:
    with minidb.intercept(URL, ":memory:" if location == "memory" else tmp_path):
        fill(QdrantClient(url=URL))
        client = kind(url=URL, prefer_grpc=prefer_grpc)
        with (
            pytest.warns(UserWarning, match=r"Batch upload failed 1 times\. Retrying\.\.\.") as warned,
            pytest.raises((grpc.RpcError, UnexpectedResponse), match="Vector dimension error"),
        ):
            client.upload_points("c", WRONG, max_retries=1)
        assert [each.filename for each in warned] == [__file__]


def test_what_is_no_message_is_an_error_of_grpcs() -> None:
    with minidb.intercept(URL):
        client = QdrantClient(url=URL)
        with pytest.raises(grpc.RpcError, match="Exception serializing request!") as raised:
            client.grpc_points.Count("no message")
        assert raised.value.code() is grpc.StatusCode.INTERNAL


ILLEGAL = [
    {"api_key": f"{SECRET}\n"},
    {"headers": {"x-tenant": "a\x00b"}},
    {"auth_token_provider": lambda: f"{SECRET}\n"},
]


@pytest.mark.parametrize("arguments", [*ILLEGAL, {"headers": {"x tenant": "a"}}])
@pytest.mark.filterwarnings("ignore:.* is used with an insecure connection")
def test_headers_no_request_could_have_are_refused(arguments: dict[str, Any]) -> None:
    asked = {"url": URL, "check_compatibility": False, **arguments}
    with minidb.intercept(URL):
        calls: list[Callable[[], Any]] = [
            QdrantClient(**asked).get_collections,
            lambda: asyncio.run(AsyncQdrantClient(**asked).get_collections()),
        ]
        for call in calls:
            with pytest.raises(ResponseHandlingException, match=r"Illegal header (value$|name b'x tenant')") as raised:
                call()
            assert SECRET not in str(raised.value)


@pytest.mark.parametrize("arguments", [*ILLEGAL, {"headers": {"X-Tenant": "a"}}, {"headers": {"x tenant": "a"}}])
@pytest.mark.filterwarnings("ignore:.* is used with an insecure connection")
def test_metadata_no_call_could_have_are_refused(arguments: dict[str, Any]) -> None:
    asked = {"url": URL, "prefer_grpc": True, "check_compatibility": False, **arguments}
    with minidb.intercept(URL):
        with pytest.raises(grpc.RpcError, match="Invalid metadata") as raised:
            QdrantClient(**asked).get_collections()
        assert raised.value.code() is grpc.StatusCode.INTERNAL
        with pytest.raises(Exception, match="execute_batch") as raised_later:
            asyncio.run(AsyncQdrantClient(**asked).get_collections())
        assert type(raised_later.value).__name__ == "ExecuteBatchError"  # of no public module
        for said in (raised, raised_later):
            assert SECRET not in str(said.value)


def test_metadata_have_texts_and_binary_ones_bytes() -> None:
    from qdrant_client import grpc as messages

    asked = messages.ListCollectionsRequest()
    with minidb.intercept(URL):
        client = QdrantClient(url=URL)
        client.grpc_collections.List(asked, metadata=(("x-bin", b"\n"), ("x", b"a")))
        with pytest.raises(TypeError, match='Binary metadata key="x-bin" expected bytes'):
            client.grpc_collections.List(asked, metadata=(("x-bin", "a"),))


def test_headers_of_a_block_that_no_request_could_have_are_refused_while_it_lasts() -> None:
    from qdrant_client import context_headers

    with minidb.intercept(URL):
        client = QdrantClient(url=URL)
        for _ in range(2):
            with context_headers.headers({"x-key": "a\n"}), pytest.raises(ResponseHandlingException):
                client.get_collections()
            assert client.get_collections().collections == []


@pytest.mark.parametrize("timeout", [0, -1])
def test_who_waits_no_time_gets_no_answer(timeout: int) -> None:
    with minidb.intercept(URL):
        with pytest.raises(ResponseHandlingException, match="timed out"):
            QdrantClient(url=URL, timeout=timeout).get_collections()
        with pytest.raises(ResponseHandlingException, match="timed out"):
            asyncio.run(AsyncQdrantClient(url=URL, timeout=timeout).get_collections())
        with pytest.raises(grpc.RpcError) as raised:
            QdrantClient(url=URL, timeout=timeout, prefer_grpc=True).get_collections()
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("arguments", [{"url": 5}, {"location": b"x"}, {"url": "http://localhost", "port": "x"}])
def test_what_is_no_address_is_left_to_qdrant_client(arguments: dict[str, Any]) -> None:
    def outcome() -> tuple[str, str]:
        try:
            return "made", QdrantClient(**arguments, check_compatibility=False)._client.rest_uri
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be the same
            return type(error).__name__, str(error)

    without = outcome()
    with minidb.intercept(URL):
        assert outcome() == without


def test_clients_before_1_13_find_vectors_over_grpc_where_they_look(monkeypatch: pytest.MonkeyPatch) -> None:
    from qdrant_client import grpc as messages

    from minidb import grpc_channel

    monkeypatch.setattr(grpc_channel, "_KNOWS_KINDS_OF_VECTORS", False)
    several = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    dense = {"d": DENSE, "m": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=several)}
    words = models.SparseVector(indices=[3, 5], values=[1.0, 2.0])
    vectors: dict[str, Any] = {"d": [1.0, 2.0], "m": [[1.0, 2.0], [3.0, 4.0]], "s": words}
    with minidb.intercept(URL):
        client = QdrantClient(url=URL, prefer_grpc=True)
        client.create_collection("c", dense, sparse_vectors_config={"s": models.SparseVectorParams()})
        client.upsert("c", [models.PointStruct(id=1, vector=vectors, payload={"n": ["a"]})])
        asked = messages.ScrollPoints(
            collection_name="c", with_vectors=messages.WithVectorsSelector(enable=True), limit=1
        )
        (point,) = client.grpc_points.Scroll(asked).result
        found = point.vectors.vectors.vectors
        assert (list(found["d"].data), list(found["m"].data), found["m"].vectors_count) == ([1, 2], [1, 2, 3, 4], 2)
        assert (list(found["s"].data), list(found["s"].indices.data)) == ([1, 2], [3, 5])
        assert client.retrieve("c", [1], with_vectors=True)[0].vector == vectors  # today's fields are there, too
