"""The transport door: qdrant-client's own clients, whose requests are answered in this process."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli import docs_services
from inference.local_models import DIMENSION, MODEL, write_static_model
from qdrant_client import AsyncQdrantClient, QdrantClient, context_headers, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

import minidb
from minidb import AsyncTransport, Transport, errors, transport
from minidb.inference import Request
from minidb.storage import registry
from minidb.storage.interface import WriteTransaction
from minidb.system import threads

DOT = models.VectorParams(size=4, distance=models.Distance.DOT)
VECTORS = np.random.default_rng(0).random((300, 4), np.float32)


def points(n: int = len(VECTORS)) -> list[models.PointStruct]:
    return [models.PointStruct(id=i, vector=VECTORS[i].tolist(), payload={"n": i}) for i in range(n)]


def nearest(i: int) -> list[int]:
    return np.argsort(-(VECTORS @ VECTORS[i]), kind="stable")[:3].tolist()


def over(transport: Transport, **arguments: Any) -> QdrantClient:
    return QdrantClient(url="http://minidb", transport=transport, check_compatibility=False, **arguments)


def register(monkeypatch: pytest.MonkeyPatch, prefix: str, provider: Any) -> None:
    from minidb import inference

    monkeypatch.setattr(inference._registry, "_providers", inference._registry._providers)
    minidb.register_provider(prefix, lambda model: provider)


# The ready-made clients


def test_the_ready_made_client_closes_its_store() -> None:
    client = minidb.qdrant_client()
    assert type(client) is QdrantClient
    client.create_collection("c", DOT)
    client.upsert("c", points(10))
    assert [hit.id for hit in client.query_points("c", VECTORS[3].tolist(), limit=3).points]
    assert client.get_collection("c").points_count == 10
    client.close()
    with pytest.raises(ResponseHandlingException, match="client has been closed"):
        client.get_collections()


def test_the_ready_made_async_client() -> None:
    async def scenario() -> int:
        client = minidb.async_qdrant_client()
        assert type(client) is AsyncQdrantClient
        await client.create_collection("c", DOT)
        await client.upsert("c", points(10))
        count = await client.count("c")
        found = await asyncio.gather(*(client.query_points("c", VECTORS[i].tolist()) for i in range(10)))
        assert all(len(each.points) == 10 for each in found)
        await client.close()
        return count.count

    assert asyncio.run(scenario()) == 10


def test_ready_made_clients_of_a_minidb_client_share_its_store_and_leave_it_open(tmp_path: Path) -> None:
    with minidb.QdrantClient(tmp_path, durability="off") as store:
        client = minidb.qdrant_client(store)
        client.create_collection("c", DOT)
        client.close()
        assert asyncio.run(minidb.async_qdrant_client(store).collection_exists("c"))
        assert store.collection_exists("c")
        with pytest.raises(errors.BadRequest, match="those of the client that opened it"):
            minidb.qdrant_client(store, durability="off")


def test_inference_objects_are_minidbs_work_unless_the_client_shall_do_it() -> None:
    client = minidb.qdrant_client(":memory:", headers={"x": "y"}, timeout=3, durability="off")
    client.create_collection("c", models.VectorParams(size=32, distance=models.Distance.COSINE))
    text = models.Document(text="text", model="minidb/hash-32")
    client.upsert("c", [models.PointStruct(id=1, vector=text)])
    assert client.query_points("c", text).points[0].score == pytest.approx(1)
    with pytest.raises(ValueError, match="minidb/hash-32"):  # fastembed knows no such model
        minidb.qdrant_client(cloud_inference=False).query_points("c", text)


def test_an_inference_service_is_asked_if_the_store_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    services = docs_services.play(monkeypatch)
    client = minidb.qdrant_client(inference_url="http://localhost:6379/infer")
    client.create_collection("c", models.VectorParams(size=384, distance=models.Distance.COSINE))
    client.query_points("c", models.Document(text="text", model="sentence-transformers/all-minilm-l6-v2"))
    assert [request.url.path for request in services.asked["localhost"]] == ["/infer"]


# The transport by itself


def test_http2_changes_nothing() -> None:
    pytest.importorskip("h2")
    client = over(Transport(), http2=True)
    client.create_collection("c", DOT)
    assert client.collection_exists("c")


def test_a_prefix_is_taken_off() -> None:
    with minidb.QdrantClient() as store:
        plain, prefixed = over(Transport(store)), over(Transport(store, prefix="/a b/c"), prefix="/a b/c")
        prefixed.create_collection("c", DOT)
        assert plain.collection_exists("c")


def test_a_call_that_takes_too_long_times_out_as_over_a_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)

    class Slow:
        slow = False

        def embed(self, request: Request) -> list[np.ndarray]:
            clock.now += 3.5
            request.context.remaining()
            return [VECTORS[0] for _ in request.texts()]

    register(monkeypatch, "slow/", Slow())
    watch = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(transport, "time", watch)
    monkeypatch.setattr("minidb.inference.context.time", watch)
    text = models.Document(text="text", model="slow/model")
    client = minidb.qdrant_client(timeout=3)
    client.create_collection("c", DOT)
    with pytest.raises(ResponseHandlingException, match="timed out"):
        client.query_points("c", text)
    with pytest.raises(ResponseHandlingException, match="timed out"):
        client.query_points("c", text, timeout=2)
    client.upsert("c", points(1))
    assert client.query_points("c", text, timeout=4).points[0].id == 0

    with minidb.QdrantClient() as store:
        store.create_collection("c", minidb.models.VectorParams(size=4, distance="Dot"))

        async def late() -> None:
            with pytest.raises(ResponseHandlingException, match="timed out"):
                await minidb.async_qdrant_client(store, timeout=3).query_points("c", text)

        asyncio.run(late())


def test_errors_have_qdrants_status_and_text() -> None:
    client = minidb.qdrant_client()
    with pytest.raises(UnexpectedResponse, match=r"404[\s\S]*Not found: Collection `c` doesn"):
        client.count("c")
    client.create_collection("c", DOT)
    with pytest.raises(UnexpectedResponse, match=r"400[\s\S]*expected dim: 4, got 1"):
        client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])


def test_clients_that_leave_inference_to_minidb_share_what_they_would_look_for_texts_with() -> None:
    from qdrant_client import qdrant_client as module

    before = module.Inspector
    first, second, own = minidb.qdrant_client(), minidb.qdrant_client(), minidb.qdrant_client(cloud_inference=False)
    assert first._inference_inspector.parser is second._inference_inspector.parser
    assert own._inference_inspector.parser is not first._inference_inspector.parser
    assert module.Inspector is before


def test_stubs_of_grpc_are_answered_also_after_the_store_was_closed(tmp_path: Path) -> None:
    from qdrant_client import grpc as messages

    asked = messages.CountPoints(collection_name="c")
    client = minidb.qdrant_client(tmp_path)
    client.create_collection("c", DOT)
    over(client.init_options["transport"]).close()
    assert client.grpc_points.Count(asked).result.count == 0
    client.close()

    async def count() -> int:
        later = minidb.async_qdrant_client(tmp_path)
        response = await later.grpc_points.Count(asked)
        await later.close()
        return response.result.count

    assert asyncio.run(count()) == 0


# Uploads


@pytest.mark.parametrize("durable", [False, True])
def test_uploads(durable: bool, tmp_path: Path) -> None:
    client = minidb.qdrant_client(tmp_path if durable else ":memory:", durability="off")
    client.create_collection("c", DOT)
    client.upload_points("c", iter(points()), batch_size=64, wait=True)
    assert client.count("c").count == len(VECTORS)
    assert [hit.id for hit in client.query_points("c", VECTORS[7].tolist(), limit=3).points] == nearest(7)
    client.create_collection("d", DOT)
    payload = [{"n": i} for i in range(len(VECTORS))]
    client.upload_collection("d", VECTORS, payload, ids=range(len(VECTORS)), wait=True)
    assert client.scroll("d", limit=1000, with_vectors=True) == client.scroll("c", limit=1000, with_vectors=True)
    client.close()


@pytest.mark.parametrize("durability", ["full", "off"])
def test_a_parallel_upload_into_a_directory_comes_from_other_processes(tmp_path: Path, durability: Any) -> None:
    client = minidb.qdrant_client(tmp_path, durability=durability)
    client.create_collection("c", DOT)
    client.upload_points("c", points(), batch_size=50, parallel=2, wait=True)
    answered_here = client.http.service_api.telemetry().result.requests.rest.responses
    assert "PUT /collections/{collection_name}/points" not in answered_here
    assert client.count("c").count == len(VECTORS)
    assert [hit.id for hit in client.query_points("c", VECTORS[7].tolist(), limit=3).points] == nearest(7)
    client.close()


@pytest.mark.parametrize("method", [None, "spawn"])
def test_a_parallel_upload_into_memory_comes_from_here(method: str | None) -> None:
    own = minidb.QdrantClient(":memory:")
    for client in (minidb.qdrant_client(), minidb.qdrant_client(own)):
        client.create_collection("c", DOT)
        client.upload_points("c", points(), batch_size=50, parallel=2, method=method, wait=True)
        assert client.count("c").count == len(VECTORS)
    minidb.async_qdrant_client(own).upload_collection("c", VECTORS, ids=range(1000, 1000 + len(VECTORS)), parallel=2)
    assert own.count("c").count == 2 * len(VECTORS)


def test_a_parallel_upload_over_a_transport_into_memory_is_refused() -> None:
    client = over(Transport())
    client.create_collection("c", DOT)
    with pytest.raises(TypeError, match="belongs to its process: upload with parallel=1"):
        client.upload_points("c", points(), parallel=2, method="spawn")


# One transport, many clients


def is_open(folder: Path) -> bool:
    """Whether this process has the store of a directory open, other than with durability="full"."""
    try:
        minidb.QdrantClient(folder, durability="full").close()
    except errors.BadRequest:
        return True
    return False


@pytest.mark.parametrize("durable", [False, True])
def test_a_transport_serves_clients_of_both_kinds_and_each_may_be_closed(durable: bool, tmp_path: Path) -> None:
    location = tmp_path if durable else ":memory:"
    client = over(Transport(location, durability="off"))
    client.create_collection("c", DOT)
    client.upsert("c", points(10))

    async def count(other: AsyncQdrantClient) -> int:
        found = (await other.count("c")).count
        await other.close()
        return found

    assert asyncio.run(count(AsyncQdrantClient(**client.init_options))) == 10
    assert client.count("c").count == 10  # closing one let go of the store, and this one opened it again
    client.close()
    with pytest.raises(ResponseHandlingException, match="client has been closed"):
        client.count("c")
    assert not is_open(tmp_path)
    again = QdrantClient(**client.init_options)
    assert again.count("c").count == 10
    assert is_open(tmp_path) == durable
    again.close()


def test_a_ready_made_clients_options_make_the_other_kind() -> None:
    async def scenario() -> None:
        first = minidb.async_qdrant_client()
        await first.create_collection("c", DOT)
        second = QdrantClient(**first.init_options)
        second.upsert("c", points(10))
        del second  # a client that is collected closes its transport
        assert (await AsyncQdrantClient(**first.init_options).count("c")).count == 10

    asyncio.run(scenario())


def test_a_store_is_closed_when_no_request_is_under_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shared = Transport(tmp_path, durability="off")
    client, other = over(shared, cloud_inference=True), over(shared)

    class Closing:
        slow = False

        def embed(self, request: Request) -> list[np.ndarray]:
            other.close()
            assert is_open(tmp_path)
            return [VECTORS[0] for _ in request.texts()]

    register(monkeypatch, "closing/", Closing())
    client.create_collection("c", DOT)
    client.upsert("c", [models.PointStruct(id=1, vector=models.Document(text="text", model="closing/model"))])
    assert not is_open(tmp_path)
    assert client.count("c").count == 1


def test_a_client_that_is_collected_in_the_middle_of_a_commit_waits_for_its_end(tmp_path: Path) -> None:
    """The collector may run in any thread, also in the one that commits to the same store: closing there would wait
    for itself."""
    client: Any = minidb.qdrant_client(tmp_path, durability="off")
    client.create_collection("c", DOT)
    client.circle, collected, store = client, weakref.ref(client), registry._stores[tmp_path]
    del client

    def work(txn: WriteTransaction) -> None:
        gc.collect()
        assert collected() is None
        txn.put("meta", b"quotas", b"{}")

    thread = threading.Thread(target=store.write, args=(work,), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    threads.closer.finish()
    assert not is_open(tmp_path)


def test_a_transport_over_a_client_never_closes_it(tmp_path: Path) -> None:
    with minidb.QdrantClient(tmp_path, durability="off") as store:
        over(Transport(store)).close()
        assert store.get_collections().collections == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_transport_itself(copied: Any) -> None:
    first = Transport()
    assert copied({"transport": first})["transport"] is first


def test_a_pickled_transport_opens_the_same_directory_with_the_same_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = Transport("./store", prefix="/a b", durability="off")
    QdrantClient(url="http://minidb/a%20b", transport=first, check_compatibility=False).create_collection("c", DOT)
    pickled = pickle.dumps(first)
    monkeypatch.chdir("/")
    second = pickle.loads(pickled)
    client = QdrantClient(url="http://minidb/a%20b", transport=second, check_compatibility=False)
    assert client.collection_exists("c")
    assert is_open(tmp_path / "store")
    with pytest.raises(TypeError, match="belongs to its process"):
        pickle.dumps(Transport())
    with minidb.QdrantClient(tmp_path / "store", read_only=True) as store:
        third = pickle.loads(pickle.dumps(Transport(store)))
        with pytest.raises(UnexpectedResponse, match="read_only=True"):
            over(third).create_collection("d", DOT)


def test_a_transport_says_where_its_store_is(tmp_path: Path) -> None:
    assert repr(Transport()) == "Transport(':memory:')"
    assert repr(Transport(tmp_path)) == f"Transport({str(tmp_path)!r})"
    with minidb.intercept("http://localhost:6333"):
        own = minidb.QdrantClient("http://localhost:6333")
    assert repr(own) == "QdrantClient('http://localhost:6333')"
    assert repr(Transport(own)) == "Transport('http://localhost:6333')"
    assert AsyncTransport is Transport


# Moving


def fill(client: QdrantClient) -> None:
    client.create_collection(
        "many",
        {"dense": DOT, "multi": models.VectorParams(
            size=2, distance=models.Distance.COSINE,
            multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        )},
        sparse_vectors_config={"sparse": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )  # fmt: skip
    client.create_collection("empty", models.VectorParams(size=2, distance=models.Distance.EUCLID))
    sparse = models.SparseVector(indices=[1, 5], values=[0.5, 2.0])
    client.upsert(
        "many",
        [
            models.PointStruct(
                id=i,
                vector={"dense": VECTORS[i].tolist(), "multi": [[0.6, 0.8], [1.0, 0.0]], "sparse": sparse},
                payload={"n": i, "nested": {"tags": ["a", "b"]}},
            )
            for i in range(150)
        ],
    )
    client.create_payload_index("many", "n", models.PayloadSchemaType.INTEGER)


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
@pytest.mark.parametrize("source", [minidb.qdrant_client, lambda: QdrantClient(":memory:")], ids=["minidb", "local"])
@pytest.mark.parametrize("durable", [False, True])
def test_migrate_between_official_clients(source: Any, durable: bool, tmp_path: Path) -> None:
    old, new = source(), minidb.qdrant_client(tmp_path if durable else ":memory:", durability="off")
    fill(old)
    old.migrate(new)
    assert sorted(each.name for each in new.get_collections().collections) == ["empty", "many"]
    assert new.get_collection("many").config.params.vectors == old.get_collection("many").config.params.vectors
    copied = new.scroll("many", limit=1000, with_vectors=True)[0]
    original = old.scroll("many", limit=1000, with_vectors=True)[0]
    assert [(each.id, each.payload) for each in copied] == [(each.id, each.payload) for each in original]
    for ours, theirs in zip(copied, original, strict=True):
        assert ours.vector["sparse"] == theirs.vector["sparse"]
        for name in ("dense", "multi"):
            np.testing.assert_allclose(ours.vector[name], theirs.vector[name], rtol=1e-6)
    with pytest.raises(ValueError, match="already exist"):
        old.migrate(new)
    old.migrate(new, recreate_on_collision=True)
    assert new.count("many").count == 150
    new.close()


# Inference on the client's side


@pytest.mark.filterwarnings("ignore:.* is a static model")
def test_vectors_made_by_the_clients_fastembed(tmp_path: Path) -> None:
    pytest.importorskip("fastembed")
    folder = str(write_static_model(tmp_path / "model"))
    client = minidb.qdrant_client(cloud_inference=False)
    client.create_collection("c", models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE))

    def document(text: str) -> models.Document:
        return models.Document(text=text, model=MODEL, options={"specific_model_path": folder})

    texts = ["recipe for baking cookies", "cats dogs", "chocolate chip cookies"]
    client.upload_points("c", [models.PointStruct(id=i, vector=document(text)) for i, text in enumerate(texts)])
    client.upsert("c", [models.PointStruct(id=9, vector=document("dogs cats"), payload={"late": True})])
    hits = client.query_points("c", document("cats dogs"), limit=2).points
    assert [hit.id for hit in hits] == [1, 9]
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    stored = client.retrieve("c", [1], with_vectors=True)[0].vector
    assert isinstance(stored, list)
    assert len(stored) == DIMENSION


def test_keys_of_headers_and_contexts_reach_a_provider(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys: list[str] = []

    class Asked:
        slow = False

        def embed(self, request: Request) -> list[np.ndarray]:
            keys.append(request.context.keys["openai-api-key"].reveal())
            return [VECTORS[0] for _ in request.texts()]

    register(monkeypatch, "asked/", Asked())
    caplog.set_level(logging.DEBUG)
    client = minidb.qdrant_client(headers={"OpenAI-API-Key": "k-of-headers"})
    client.create_collection("c", DOT)
    client.upsert("c", [models.PointStruct(id=1, vector=models.Document(text="text", model="asked/m"))])
    with context_headers.headers({"openai-api-key": "k-of-a-context"}):
        client.query_points("c", models.Document(text="text", model="asked/m"))
    assert keys == ["k-of-headers", "k-of-a-context"]
    assert "k-of" not in caplog.text
