"""The gRPC door itself: who may ask, how much, how long; health and reflection; ports, TLS, a stop in order."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import qdrant_client
from cli import docs_services
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from ports import free_ports
from qdrant_client import grpc as messages
from qdrant_client.common.version_check import is_compatible
from qdrant_client.grpc import CollectionsStub, PointsStub, QdrantStub, points_service_pb2
from serving import PATIENCE_S, certificate, grpc_port, server_process, serving, until

from minidb import models
from minidb.database import Database
from minidb.server import Server, Settings, grpc_connections, grpc_door, listen

KEYS = {"api_key": "the key", "read_only_api_key": "only reads"}
SLOW = os.environ.get("MINIDB_GRPC_SLOW") == "1"


@contextmanager
def channel(server: Server, *options: Any, **more: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}", options, **more) as opened:
        yield opened


@pytest.fixture
def database() -> Iterator[Database]:
    with closing(Database(":memory:", "off")) as database:
        yield database


def create(opened: grpc.Channel, name: str = "c", **more: Any) -> None:
    params = messages.VectorParams(size=2, distance=messages.Distance.Dot)
    config = messages.VectorsConfig(params=params)
    CollectionsStub(opened).Create(messages.CreateCollection(collection_name=name, vectors_config=config), **more)


def points(count: int, **payload: Any) -> list[Any]:
    vectors = messages.Vectors(vector=messages.Vector(dense=messages.DenseVector(data=[1.0, 2.0])))
    return [messages.PointStruct(id=messages.PointId(num=at), vectors=vectors, payload=payload) for at in range(count)]


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


# Who may ask


def test_the_key_is_asked_for(database: Database) -> None:
    with serving(database, grpc_port=0, **KEYS) as server, channel(server) as opened:
        missing = "Must provide an API key or an Authorization bearer token"
        assert refusal(lambda: create(opened)) == ("UNAUTHENTICATED", missing)
        wrong = refusal(lambda: create(opened, metadata=(("api-key", "wrong"),)))
        assert wrong == ("UNAUTHENTICATED", "Invalid API key or JWT")
        reads = (("api-key", "only reads"),)
        assert refusal(lambda: create(opened, metadata=reads)) == (
            "PERMISSION_DENIED",
            "Forbidden: Global write access is required",
        )
        create(opened, "a", metadata=(("api-key", "the key"),))
        create(opened, "b", metadata=(("authorization", "Bearer the key"),))
        listed = CollectionsStub(opened).List(messages.ListCollectionsRequest(), metadata=reads)
        assert {found.name for found in listed.collections} == {"a", "b"}


def test_health_needs_no_key_and_reflection_does(database: Database) -> None:
    with serving(database, grpc_port=0, **KEYS) as server, channel(server) as opened:
        assert QdrantStub(opened).HealthCheck(messages.HealthCheckRequest()).version == "1.19.0"
        assert health(opened, "").status == health_pb2.HealthCheckResponse.SERVING
        assert refusal(lambda: ProtoReflectionDescriptorDatabase(opened).get_services())[0] == "UNAUTHENTICATED"


def test_a_providers_key_travels_as_metadata_and_the_stores_own_does_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    query = Database.query

    def spy(self: Database, name: str, requests: Any, context: Any) -> Any:
        seen.append(context)
        return query(self, name, requests, context)

    monkeypatch.setattr(Database, "query", spy)
    with serving(database, grpc_port=0, **KEYS) as server, channel(server) as opened:
        metadata = (("api-key", "the key"), ("openai-api-key", "theirs"))
        create(opened, metadata=metadata)
        PointsStub(opened).Query(messages.QueryPoints(collection_name="c"), metadata=metadata, timeout=7)
        PointsStub(opened).Query(messages.QueryPoints(collection_name="c"), metadata=metadata)
    assert list(seen[0].keys) == ["openai-api-key"]
    assert seen[0].trusted is False
    assert 0 < seen[0].remaining() <= 7
    assert seen[1].remaining() is None


def test_usage_is_told_of_what_was_spent(database: Database, services: docs_services.Services) -> None:
    options = {"dimensions": messages.Value(integer_value=2)}
    model = "openai/text-embedding-3-small"
    document = messages.Document(text="a cake", model=model, options=options)
    key = (("openai-api-key", "theirs"),)
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        create(opened)
        vectors = messages.Vectors(vector=messages.Vector(document=document))
        points = [messages.PointStruct(id=messages.PointId(num=1), vectors=vectors)]
        upsert = messages.UpsertPoints(collection_name="c", points=points)
        query = messages.Query(nearest=messages.VectorInput(document=document))
        for reply in (
            PointsStub(opened).Upsert(upsert, metadata=key),
            PointsStub(opened).Query(messages.QueryPoints(collection_name="c", query=query), metadata=key),
        ):
            assert {name: one.tokens for name, one in reply.usage.inference.models.items()} == {model: 5}
        free = PointsStub(opened).Query(messages.QueryPoints(collection_name="c"))
        assert not free.HasField("usage")
    assert len(services.asked["api.openai.com"]) == 2


# How much and how long


def test_what_is_too_large_is_refused_and_what_is_not_is_taken(database: Database) -> None:
    with serving(database, grpc_port=0, max_request_bytes=100_000) as server, channel(server) as opened:
        create(opened)
        text = messages.Value(string_value="x" * 200_000)
        large = messages.UpsertPoints(collection_name="c", points=points(1, text=text))
        code, said = refusal(lambda: PointsStub(opened).Upsert(large))
        assert code == "RESOURCE_EXHAUSTED"
        assert "larger than max" in said
        PointsStub(opened).Upsert(messages.UpsertPoints(collection_name="c", points=points(3)))
        assert PointsStub(opened).Count(messages.CountPoints(collection_name="c")).result.count == 3


def test_replies_have_no_limit_here(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server, ("grpc.max_receive_message_length", -1)) as opened:
        create(opened)
        text = messages.Value(string_value="x" * 1_000_000)
        for at in range(6):
            point = points(1, text=text)[0]
            point.id.num = at
            PointsStub(opened).Upsert(messages.UpsertPoints(collection_name="c", points=[point]))
        assert len(PointsStub(opened).Scroll(messages.ScrollPoints(collection_name="c")).result) == 6


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_taken(database: Database, compression: grpc.Compression) -> None:
    with serving(database, grpc_port=0) as server, channel(server, compression=compression) as opened:
        create(opened)
        PointsStub(opened).Upsert(messages.UpsertPoints(collection_name="c", points=points(100)))
        assert PointsStub(opened).Count(messages.CountPoints(collection_name="c")).result.count == 100


def test_an_error_of_any_length_arrives(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        create(opened)
        for long in ("x" * 100_000, "€" * 100_000, "a\nb\x00c"):
            query = messages.QueryPoints(collection_name="c", using=long)
            query.query.nearest.dense.data.extend([1.0, 2.0])
            code, said = refusal(lambda query=query: PointsStub(opened).Query(query))
            assert code == "INVALID_ARGUMENT"
            assert said.startswith("Wrong input: Not existing vector name error: " + long[:3])


def test_what_is_unknown_is_unimplemented(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        for endpoint in ("/qdrant.Points/Nothing", "/qdrant.StorageRead/ListFiles", "/nothing", "/"):
            call = opened.unary_unary(endpoint)
            assert refusal(lambda call=call: call(b""))[0] == "UNIMPLEMENTED"


def test_what_is_no_message_gets_an_answer(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        code, said = refusal(lambda: opened.unary_unary("/qdrant.Points/Upsert")(b"\xff\xff"))
        assert (code, said) == ("INTERNAL", "failed to decode Protobuf message: this is no qdrant.UpsertPoints")


# Health and reflection


def health(opened: grpc.Channel, service: str) -> Any:
    call = opened.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    return call(health_pb2.HealthCheckRequest(service=service))


def test_health(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        for service in ("", "qdrant.Points", "qdrant.Collections"):
            assert health(opened, service).status == health_pb2.HealthCheckResponse.SERVING
        assert refusal(lambda: health(opened, "qdrant.Nothing"))[0] == "NOT_FOUND"
        assert refusal(lambda: opened.unary_unary("/grpc.health.v1.Health/Check")(b"\xff"))[0] == "INTERNAL"


def test_reflection_tells_services_and_messages_as_qdrant_declares_them(database: Database) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        told = ProtoReflectionDescriptorDatabase(opened)
        assert {"qdrant.Points", "qdrant.Collections", "qdrant.Snapshots", "qdrant.Qdrant"} < set(told.get_services())
        file = told.FindFileContainingSymbol("qdrant.Points")
        methods = {method.name for service in file.service if service.name == "Points" for method in service.method}
        assert methods == {method.name for method in points_service_pb2.DESCRIPTOR.services_by_name["Points"].methods}
        dense = next(one for one in file.message_type if one.name == "DenseVector")
        assert (dense.field[0].type, dense.field[0].label) == (2, 3)  # repeated float
        for symbol in ("qdrant.PointsUpdateOperation.SetPayload", "qdrant.Distance", "qdrant.Points.Upsert"):
            assert told.FindFileContainingSymbol(symbol).name == file.name
        with pytest.raises(KeyError):
            told.FindFileContainingSymbol("qdrant.Nothing")
        with pytest.raises(KeyError):
            told.FindFileByName("nothing.proto")


def test_reflection_takes_some_threads_and_no_more(database: Database) -> None:
    """Streams that never end would else leave none for those who ask something."""
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        stop = threading.Event()

        def endless() -> Iterator[bytes]:
            yield b"\x3a\x01*"  # list_services
            stop.wait(PATIENCE_S)

        call = opened.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        streams = [call(endless()) for _ in range(4)]
        assert all(b"qdrant.Points" in next(stream) for stream in streams)
        assert refusal(lambda: next(call(endless())))[0] == "RESOURCE_EXHAUSTED"
        assert QdrantStub(opened).HealthCheck(messages.HealthCheckRequest()).title
        stop.set()
        for stream in streams:
            assert list(stream) == []
        assert b"qdrant.Points" in next(call(iter([b"\x3a\x01*"])))


# Calls that nobody finishes


def unfinished(opened: grpc.Channel, endpoint: str, stop: threading.Event) -> grpc.Future:
    """A call of which only the head is sent."""

    def nothing() -> Iterator[bytes]:
        stop.wait(PATIENCE_S)
        yield from ()

    return opened.stream_unary(endpoint).future(nothing())


@pytest.mark.parametrize("endpoint", ["/qdrant.Points/Upsert", "/grpc.health.v1.Health/Check"])
def test_unfinished_calls_leave_threads_to_others(
    database: Database, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """Of both doors; those that have waited longest are given up."""
    monkeypatch.setattr(grpc_door, "_THREADS", 40)
    monkeypatch.setattr(grpc_door, "_MOST_WAITING", 38)
    stop = threading.Event()
    with serving(database, grpc_port=0, patience_s=600.0) as server, channel(server) as opened:
        calls = [unfinished(opened, endpoint, stop) for _ in range(60)]
        until(lambda: sum(call.done() for call in calls) == 60 - 38)
        assert httpx.get(f"{server.url}/collections").status_code == 200
        with channel(server, ("grpc.use_local_subchannel_pool", 1)) as other:
            create(other, timeout=PATIENCE_S)
        assert {call.code().name for call in calls if call.done()} == {"CANCELLED"}
        stop.set()
        for call in calls:
            assert call.exception().code().name in ("CANCELLED", "UNIMPLEMENTED")


def told(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The status of each call in the access log."""
    return [json.loads(record.message)["status"] for record in caplog.records if record.name == "minidb.access"]


def test_an_unfinished_call_ends_after_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(grpc_connections, "_EVERY_S", 0.05)
    stop = threading.Event()
    with (
        caplog.at_level(logging.INFO, "minidb.access"),
        serving(database, grpc_port=0, patience_s=0.01) as server,
        channel(server) as opened,
    ):
        call = unfinished(opened, "/qdrant.Points/Upsert", stop)
        assert call.exception(PATIENCE_S).code().name == "CANCELLED"
        stop.set()
        until(lambda: bool(told(caplog)))
    assert told(caplog) == [grpc.StatusCode.CANCELLED.value[0]]


def test_without_a_key_nothing_is_waited_for(database: Database) -> None:
    stop = threading.Event()
    with serving(database, grpc_port=0, patience_s=600.0, **KEYS) as server, channel(server) as opened:
        call = unfinished(opened, "/qdrant.Points/Upsert", stop)
        assert call.exception(PATIENCE_S).code().name == "UNAUTHENTICATED"
        stop.set()


# Ports, processes, the log


def test_one_line_says_what_listens_where(tmp_path: Path) -> None:
    with server_process(tmp_path, "--memory") as server:
        found = re.search(
            r"listens on http://127\.0\.0\.1:\d+ and for gRPC on (127\.0\.0\.1:\d+), store", server.first_line
        )
        assert found
        with grpc.insecure_channel(found[1]) as opened:
            create(opened)
            assert refusal(lambda: create(opened))[0] == "ALREADY_EXISTS"
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    entries = [(line["method"], line["route"], line["status"]) for line in lines]
    assert entries == [("GRPC", "/qdrant.Collections/Create", code) for code in (0, 6)]
    assert all(line["ms"] > 0 for line in lines)


def test_without_grpc_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    with server_process(tmp_path, "--memory", "--no-grpc") as server:
        assert "gRPC" not in server.first_line
        loaded = Path(f"/proc/{server.popen.pid}/maps")
        if loaded.exists():
            assert "cygrpc" not in loaded.read_text()


def _serve(*arguments: str, **env: str) -> tuple[int, str]:
    """How `minidb serve` ends that cannot begin."""
    done = subprocess.run(
        [sys.executable, "-m", "minidb", "serve", "--memory", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=os.environ | env,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = _serve("--port", "0", "--grpc-port", str(port))
    assert code == 1
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port} for gRPC" in said


def test_two_servers_do_not_share_a_port(database: Database) -> None:
    with serving(database, grpc_port=0) as server, pytest.raises(OSError, match="is the port taken"):
        Server(database, Settings(port=0, grpc_port=grpc_port(server)))


def test_the_extra_that_is_missing_is_one_line(tmp_path: Path) -> None:
    for package in ("grpc", "google"):
        folder = tmp_path / package
        folder.mkdir()
        blocker = f"import sys\nsys.modules[{package!r}] = None\n"
        (folder / "sitecustomize.py").write_text(blocker)
        code, said = _serve("--port", "0", "--grpc-port", "0", PYTHONPATH=str(folder))
        assert code == 1
        assert said.count("\n") == 1, said
        assert "pip install 'minidb-vector[grpc]'" in said


def test_the_ports_after_the_last_one(tmp_path: Path) -> None:
    code, said = _serve("--port", "65535")
    assert code == 2
    assert "no port after 65535" in said


def test_the_default_is_the_port_after_rests(tmp_path: Path) -> None:
    port = int(free_ports({6333})["6333"])
    with server_process(tmp_path, "--memory", "--port", str(port)) as server:
        assert f"and for gRPC on 127.0.0.1:{port + 1}," in server.first_line


def test_a_stop_waits_for_calls_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(":memory:", "off")
    began, go_on = threading.Event(), threading.Event()
    upsert = Database.update

    def slow(self: Database, *args: Any) -> Any:
        began.set()
        assert go_on.wait(PATIENCE_S)
        return upsert(self, *args)

    with Server(database, Settings(port=0, grpc_port=0)) as server, channel(server) as opened:
        thread = threading.Thread(target=server.run)
        thread.start()
        create(opened)
        monkeypatch.setattr(Database, "update", slow)
        call = PointsStub(opened).Upsert.future(messages.UpsertPoints(collection_name="c", points=points(5), wait=True))
        assert began.wait(PATIENCE_S)
        server.stop()
        go_on.set()
        assert call.result().result.status == messages.UpdateStatus.Completed
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        health_check = QdrantStub(opened).HealthCheck
        assert refusal(lambda: health_check(messages.HealthCheckRequest()))[0] == "UNAVAILABLE"
    assert database.count("c", models.CountRequest()) == 5
    database.close()


def test_from_the_beginning_of_a_stop_on_neither_door_takes_anything(tmp_path: Path) -> None:
    """While REST waited for half a body, gRPC answered on; a client could write as long as that."""
    head = b"POST /collections/c/points/count HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n"
    with server_process(tmp_path, "--memory") as server, grpc.insecure_channel(server.grpc_address) as opened:
        create(opened)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(head + b"{")
            create(opened, "after the request's head has come")
            server.popen.send_signal(signal.SIGTERM)
            health_check = QdrantStub(opened).HealthCheck
            until(lambda: is_refused(lambda: health_check(messages.HealthCheckRequest())))
            half.sendall(b"}")
            assert half.recv(1000).startswith(b"HTTP/1.1 200")  # it was waited for meanwhile
        assert server.popen.wait(PATIENCE_S) == 0


def is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


@pytest.mark.parametrize("endpoint", ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"])
def test_a_stream_that_asks_nothing_does_not_keep_a_server_from_its_end(
    monkeypatch: pytest.MonkeyPatch, database: Database, endpoint: str
) -> None:
    monkeypatch.setattr(listen, "_PATIENCE_S", 10 * PATIENCE_S)
    stop = threading.Event()
    with serving(database, grpc_port=0) as server, channel(server) as opened:  # which asserts that it stops
        create(opened)
        stream = opened.stream_stream(endpoint)(asked_and_left_open(stop))
        assert next(stream)
        server.stop()
        with pytest.raises(grpc.RpcError):
            next(stream)
        stop.set()


def asked_and_left_open(stop: threading.Event) -> Iterator[bytes]:
    yield b"\x3a\x00"  # list_services
    stop.wait(PATIENCE_S)


@pytest.mark.skipif(sys.platform == "win32", reason="other signals there")
def test_another_ctrl_c_ends_the_waiting_for_calls_too(tmp_path: Path) -> None:
    stop = threading.Event()
    with server_process(tmp_path, "--memory") as server, grpc.insecure_channel(server.grpc_address) as opened:
        create(opened)
        call = unfinished(opened, "/qdrant.Points/Upsert", stop)
        create(opened, "after the call's head has come")
        server.popen.send_signal(signal.SIGINT)
        health_check = QdrantStub(opened).HealthCheck
        until(lambda: is_refused(lambda: health_check(messages.HealthCheckRequest())))
        assert not call.done()
        server.popen.send_signal(signal.SIGINT)
        assert server.popen.wait(PATIENCE_S / 2) == 0  # the patience of a stop is PATIENCE_S
        stop.set()
        assert call.code().name in ("CANCELLED", "UNAVAILABLE")


def test_a_call_whose_client_gives_up_leaves_the_server_well(database: Database, caplog: Any) -> None:
    with serving(database, grpc_port=0) as server, channel(server) as opened, caplog.at_level(logging.ERROR):
        create(opened)
        for _ in range(20):
            call = PointsStub(opened).Upsert.future(messages.UpsertPoints(collection_name="c", points=points(200)))
            call.cancel()
        assert QdrantStub(opened).HealthCheck(messages.HealthCheckRequest()).title
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("ending", ["cancelled", "given up", "refused"])
def test_calls_that_came_to_nothing_do_not_count_among_a_connections_streams(
    database: Database, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A cycle of references kept each until the collector came: 128 of them, and the connection was of no use."""
    monkeypatch.setattr(grpc_door, "_MOST_WAITING", 1 if ending == "given up" else 100)
    n_asked = [0]
    real = grpc_door._Handlers._next

    def noted(self: Any, messages: Any, *context: Any) -> Any:
        n_asked[0] += 1
        return real(self, messages, *context)

    monkeypatch.setattr(grpc_door._Handlers, "_next", noted)
    never = threading.Event()
    gc.disable()
    try:
        with serving(database, grpc_port=0) as server, channel(server) as opened:
            upsert = opened.stream_unary("/qdrant.Points/Upsert", lambda message: message.SerializeToString())
            for number in range(200):
                message = [messages.UpsertPoints(collection_name="nowhere")]
                call = upsert.future(iter(message) if ending == "refused" else iter(never.wait, True))
                until(lambda before=number: n_asked[0] > before)  # type: ignore[misc]
                if ending == "cancelled":
                    call.cancel()
                if ending != "given up":  # that comes with the next one
                    until(call.done)
            assert QdrantStub(opened).HealthCheck(messages.HealthCheckRequest()).title
            never.set()
    finally:
        gc.enable()


def test_tls(database: Database, tmp_path: Path) -> None:
    from minidb.rest import Api
    from minidb.server.grpc_door import GrpcDoor
    from minidb.server.long_work import LongWork

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *more], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    settings = Settings(grpc_port=0, tls_cert=str(certificate), tls_key=str(key))
    door = GrpcDoor(Api(database), settings, LongWork())
    door.start()
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc.secure_channel(f"localhost:{door.address.rpartition(':')[2]}", credentials) as opened:
        create(opened)
        assert refusal(lambda: create(opened))[0] == "ALREADY_EXISTS"
    door.stop()


# Both doors at once


def test_what_both_doors_took_is_there_after_a_stop(tmp_path: Path) -> None:
    """Four connections of each door write and read one store, every commit synced; then another process looks."""
    n_writers, n_points = 4, int(os.environ.get("MINIDB_CASES", "1")) * 25
    with server_process(tmp_path, "--path", str(tmp_path / "db")) as server:
        _, _, port = server.grpc_address.rpartition(":")
        clients = [
            qdrant_client.QdrantClient(url=server.url, grpc_port=int(port), prefer_grpc=grpc, timeout=PATIENCE_S)
            for grpc in (True, False)
            for _ in range(n_writers)
        ]
        models = qdrant_client.models
        clients[0].create_collection("c", models.VectorParams(size=2, distance="Dot"))
        failures: list[BaseException] = []

        def work(at: int) -> None:
            try:
                for number in range(at * n_points, (at + 1) * n_points):
                    point = models.PointStruct(id=number, vector=[float(number), 1.0], payload={"n": number})
                    clients[at].upsert("c", [point], wait=True)
                    assert clients[at].retrieve("c", [number])[0].payload == {"n": number}
                    assert clients[at].query_points("c", [1.0, 0.0], limit=1).points[0].score >= number
            except BaseException as error:  # noqa: BLE001 - the test raises it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(at,)) for at in range(len(clients))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        for client in clients:
            client.close()
        assert server.stop() == 0
    with closing(Database(tmp_path / "db")) as database:
        assert database.count("c", models.CountRequest()) == 2 * n_writers * n_points


# Clients


def test_clients_of_three_versions_take_the_server_for_one_of_theirs(database: Database) -> None:
    """By the rule of qdrant-client, which those of Go, Rust, Java and JavaScript have, too."""
    with serving(database, grpc_port=0) as server, channel(server) as opened:
        version = QdrantStub(opened).HealthCheck(messages.HealthCheckRequest()).version
        assert httpx.get(server.url).json()["version"] == version
    for client in ("1.18.3", "1.19.0", "1.20.0"):
        assert is_compatible(client, version)
    assert not is_compatible("1.17.0", version)


@pytest.mark.skipif(not SLOW, reason="45 seconds; MINIDB_GRPC_SLOW=1 runs it")
def test_pings_without_calls_are_borne(database: Database) -> None:
    """Go's client pings every 10 s; a server may take that for an attack after 40."""
    options = (
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_retries", 0),
    )
    with serving(database, grpc_port=0) as server, channel(server, *options) as opened:
        create(opened)
        states: list[Any] = []
        opened.subscribe(states.append)
        time.sleep(45)  # what is tested is time that passes
        assert PointsStub(opened).Count(messages.CountPoints(collection_name="c")).result.count == 0
    assert grpc.ChannelConnectivity.TRANSIENT_FAILURE not in states
    assert states.count(grpc.ChannelConnectivity.READY) == 1


# Connections


def _has_ended(connection: socket.socket) -> bool:
    """Whether the server has closed it; what it says at the beginning is left out."""
    connection.settimeout(0.05)
    try:
        while connection.recv(1000):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _settings(tmp_path: Path, tls: bool) -> dict[str, Any]:
    if not tls:
        return {}
    cert, key = certificate(tmp_path)
    return {"tls_cert": str(cert), "tls_key": str(key)}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
def test_connections_beyond_the_limit_are_closed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, tls: bool
) -> None:
    """Half-open ones count, from accept on; each gives its place back."""
    monkeypatch.setattr(grpc_connections, "_EVERY_S", 0.05)
    settings = _settings(tmp_path, tls)
    with serving(database, grpc_port=0, patience_s=600.0, **{limit: 2}, **settings) as server, ExitStack() as half_open:
        address = ("127.0.0.1", grpc_port(server))
        first = [half_open.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(2)]
        if limit == "max_connections_per_address":
            until(lambda: len(server._grpc._addresses._known) == 2)  # type: ignore[union-attr]
        beyond = half_open.enter_context(socket.create_connection(address, PATIENCE_S))
        until(lambda: _has_ended(beyond))
        assert not any(map(_has_ended, first))
        with channel(server) if not tls else _secure(server, tmp_path) as opened:
            if limit == "max_connections":  # else it is served until somebody looks
                assert not _answers(opened)
            for connection in first:
                connection.close()
            until(lambda: _answers(opened))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_connection_that_says_nothing_is_closed(database: Database, tmp_path: Path, tls: bool) -> None:
    settings = _settings(tmp_path, tls)
    with (
        serving(database, grpc_port=0, patience_s=0.2, **settings) as server,
        socket.create_connection(("127.0.0.1", grpc_port(server)), PATIENCE_S) as connection,
    ):
        until(lambda: _has_ended(connection))


@contextmanager
def _secure(server: Server, tmp_path: Path) -> Iterator[grpc.Channel]:
    trust = grpc.ssl_channel_credentials((tmp_path / "cert.pem").read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{grpc_port(server)}", trust) as opened:
        yield opened


def _answers(opened: grpc.Channel) -> bool:
    try:
        CollectionsStub(opened).List(messages.ListCollectionsRequest(), timeout=PATIENCE_S)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return True
