"""The server door: everything over real HTTP, in a thread where that is enough, as a process where signals matter."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from mmap import mmap
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import qdrant_client
import uvicorn
from qdrant_client import models as qdrant
from serving import PATIENCE_S, certificate, server_in_a_thread, server_process, until
from starlette.datastructures import Headers
from threadpoolctl import threadpool_info
from uvicorn.server import ServerState

from minidb import QdrantClient
from minidb.cli import main
from minidb.rest import Response, routes
from minidb.rest.route import Route
from minidb.server import Server, Settings, body, connections, one_blas_thread
from minidb.server.connections import limited
from minidb.server.listen import OncePerSecond

VECTORS = {"vectors": {"size": 2, "distance": "Dot"}}
READING_POSTS = {
    "", "/scroll", "/count", "/query", "/query/batch", "/query/groups", "/query/explain", "/search/matrix/pairs",
    "/search/matrix/offsets", "/search", "/search/batch", "/search/groups", "/recommend", "/recommend/batch",
    "/recommend/groups", "/discover", "/discover/batch",
}  # fmt: skip


@pytest.fixture
def access(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the access log says in this process."""
    with caplog.at_level(logging.INFO, "minidb.access"):
        yield caplog


@pytest.fixture
def url() -> Iterator[str]:
    """A server in memory with a collection `docs`."""
    with server_in_a_thread() as url:
        assert httpx.put(f"{url}/collections/docs", json=VECTORS).status_code == 200
        yield url


def upsert(url: str, ids: range, **more: Any) -> httpx.Response:
    points = [{"id": n, "vector": [n, 1.0], "payload": {"n": n}} for n in ids]
    return httpx.put(f"{url}/collections/docs/points?wait=true", json={"points": points}, **more)


def entries(access: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in access.records if record.name == "minidb.access"]


class TestClients:
    def test_the_official_client_works_without_warnings(self, tmp_path: Path) -> None:
        with server_process(tmp_path, "--memory") as server, warnings.catch_warnings():
            warnings.simplefilter("error")
            client = qdrant_client.QdrantClient(url=server.url)
            client.create_collection("docs", vectors_config=qdrant.VectorParams(size=2, distance=qdrant.Distance.DOT))
            points = [qdrant.PointStruct(id=n, vector=[n, 1.0], payload={"n": n}) for n in range(100)]
            client.upsert("docs", points)
            big = qdrant.Filter(must=[qdrant.FieldCondition(key="n", range=qdrant.Range(gte=50))])
            hits = client.query_points("docs", query=[-1.0, 0.0], query_filter=big, limit=2).points
            assert [(hit.id, hit.score) for hit in hits] == [(50, -50.0), (51, -51.0)]
            client.delete("docs", points_selector=big)
            page, next_id = client.scroll("docs", limit=30)
            assert (len(page), next_id, client.count("docs").count) == (30, 30, 50)
            assert client.delete_collection("docs")
            client.close()

    def test_the_official_async_client_works_without_warnings(self, url: str) -> None:
        async def session() -> None:
            client = qdrant_client.AsyncQdrantClient(url=url)
            await asyncio.gather(
                *(client.upsert("docs", [qdrant.PointStruct(id=n, vector=[n, 1.0])]) for n in range(20))
            )
            hits = (await client.query_points("docs", query=[1.0, 0.0], limit=1)).points
            assert [hit.id for hit in hits] == [19]
            await client.delete("docs", points_selector=[19])
            assert len((await client.scroll("docs", limit=50))[0]) == 19
            await client.close()

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asyncio.run(session())

    def test_network_callers_may_not_choose_addresses(self, url: str) -> None:
        document = {"text": "x", "model": "openai-compatible/m", "options": {"base_url": "http://127.0.0.1:9/v1"}}
        answer = httpx.post(f"{url}/collections/docs/points/query", json={"query": document})
        assert answer.status_code == 400
        assert "base_url" in answer.json()["status"]["error"]


class TestStartAndStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_server_has_kept_everything(self, tmp_path: Path, number: int) -> None:
        with server_process(tmp_path, "--path", str(tmp_path / "db")) as server:
            where = f"{server.url} and for gRPC on {server.grpc_address}"
            assert server.first_line == f"minidb listens on {where}, store {tmp_path / 'db'}, no key is needed\n"
            httpx.put(f"{server.url}/collections/docs", json=VECTORS)
            assert upsert(server.url, range(50)).status_code == 200
            assert server.stop(number) == 0
            assert "Traceback" not in server.log.read_text()
        with QdrantClient(tmp_path / "db") as client:
            assert client.count("docs").count == 50

    def test_a_request_that_runs_at_sigterm_is_answered_and_kept(self, tmp_path: Path) -> None:
        """The embedder of the server's process says when it was asked, and waits until it is told to go on."""
        program = tmp_path / "slow.py"
        program.write_text(
            "import sys, minidb\n"
            "from minidb.cli import main\n"
            "class Slow:\n"
            "    slow = True\n"
            "    def embed(self, request):\n"
            "        print('asked', flush=True)\n"
            "        sys.stdin.readline()\n"
            "        return [[1.0, 2.0] for _ in request.inputs]\n"
            "minidb.register_provider('slow/', lambda model: Slow())\n"
            "sys.exit(main())\n"
        )
        answers: list[httpx.Response] = []
        with server_process(tmp_path, "--path", str(tmp_path / "db"), program=(str(program),)) as server:
            httpx.put(f"{server.url}/collections/docs", json=VECTORS)
            points = [{"id": 7, "vector": {"text": "a", "model": "slow/one"}}]

            def write() -> None:
                answers.append(httpx.put(f"{server.url}/collections/docs/points", json={"points": points}, timeout=60))

            writer = threading.Thread(target=write)
            writer.start()
            assert server.output.readline() == "asked\n"
            server.popen.send_signal(signal.SIGTERM)
            until(lambda: not can_connect(server.url))
            server.tell("go on")
            writer.join(PATIENCE_S)
            assert server.popen.wait(PATIENCE_S) == 0
        assert [answer.status_code for answer in answers] == [200]
        with QdrantClient(tmp_path / "db") as client:
            assert [point.id for point in client.retrieve("docs", [7])] == [7]

    def test_a_server_in_a_thread_stops_too(self, tmp_path: Path) -> None:
        with server_in_a_thread(tmp_path) as url:
            httpx.put(f"{url}/collections/docs", json=VECTORS)
            upsert(url, range(3))
        assert not can_connect(url)
        with server_in_a_thread(tmp_path) as url:
            assert httpx.post(f"{url}/collections/docs/points/count", json={}).json()["result"] == {"count": 3}

    def test_a_log_that_nobody_reads_keeps_nobody_waiting(self) -> None:
        """A pipe is full after some 500 requests."""
        command = [sys.executable, "-m", "minidb", "serve", "--memory", "--port", "0", "--no-grpc"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as popen:
            assert popen.stdout is not None
            assert popen.stderr is not None
            url = popen.stdout.readline().split()[3].rstrip(",")
            with httpx.Client(timeout=PATIENCE_S) as client:
                for _ in range(1000):
                    assert client.get(f"{url}/collections").status_code == 200
            popen.send_signal(signal.SIGTERM)
            lines = popen.stderr.readlines()
            assert popen.wait(PATIENCE_S) == 0
        assert len([line for line in lines if json.loads(line)["route"] == "/collections"]) == 1000

    def test_a_port_in_use_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert main(["serve", "--memory", "--port", str(taken.getsockname()[1])]) == 1
        assert capsys.readouterr().err.startswith("minidb: ")

    def test_products_within_a_serving_process_are_not_split(self) -> None:
        with one_blas_thread():
            threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert threads == [1] * len(threads)

    def test_answers_do_not_wait_for_acknowledgements(self) -> None:
        with QdrantClient() as client, Server(client._database, Settings(port=0)) as server:
            assert server._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_without_the_extra_it_is_named(self, tmp_path: Path) -> None:
        code = "import sys; sys.modules['uvicorn'] = None; from minidb.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "serve", "--memory"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            done.stderr
            == "minidb: the server needs packages that are not installed: pip install 'minidb-vector[server]'\n"
        )

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--memory", "--path", "x"],
            ["--memory", "--port", "65536"],
            ["--memory", "--host", "0.0.0.0"],
            ["--memory", "--host", "::"],
            ["--memory", "--host", "example.org"],
            ["--memory", "--host", "0.0.0.0", "--insecure", "--snapshot-urls"],
            ["--memory", "--api-key", ""],
            ["--memory", "--max-request-mb", "0"],
            ["--memory", "--allow-origin", "https://example.org/path"],
        ],
    )
    def test_unsafe_and_wrong_usage_exits_with_2(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MINIDB_API_KEY", raising=False)
        with pytest.raises(SystemExit) as exit_:
            main(["serve", *arguments])
        assert exit_.value.code == 2
        assert "usage: minidb serve" in capsys.readouterr().err

    @pytest.mark.parametrize("permission", [["--insecure"], ["--read-only-api-key", "r"]])
    def test_other_machines_are_let_in_with_a_key_or_when_told_so(self, tmp_path: Path, permission: list[str]) -> None:
        with server_process(tmp_path, "--memory", "--host", "0.0.0.0", *permission) as server:
            address = server.url.replace("0.0.0.0", "127.0.0.1")
            assert httpx.get(f"{address}/healthz", headers={"host": "db.example.org"}).status_code == 200

    @pytest.mark.parametrize(("arguments", "status"), [([], 403), (["--snapshot-urls"], 400)])
    def test_snapshots_are_fetched_from_addresses_when_told_so(
        self, tmp_path: Path, arguments: list[str], status: int
    ) -> None:
        with server_process(tmp_path, "--memory", *arguments) as server:
            nobody = {"location": "http://127.0.0.1:1/x.snapshot"}
            assert httpx.put(f"{server.url}/collections/c/snapshots/recover", json=nobody).status_code == status


class TestKeys:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        with server_in_a_thread(api_key="all-käy", read_only_api_key="read-key") as url:
            headers = {"api-key": "all-käy".encode()}
            assert httpx.put(f"{url}/collections/docs", json=VECTORS, headers=headers).status_code == 200
            yield url

    @pytest.mark.parametrize("headers", [{"api-key": "all-käy"}, {"authorization": "Bearer all-käy"}])
    def test_both_headers_carry_the_key(self, url: str, headers: dict[str, str]) -> None:
        sent = {name: value.encode() for name, value in headers.items()}
        assert upsert(url, range(2), headers=sent).status_code == 200

    @pytest.mark.parametrize(
        ("headers", "text"),
        [
            ({}, "Must provide an API key or an Authorization bearer token"),
            ({"authorization": "Basic read-key"}, "Must provide an API key or an Authorization bearer token"),
            ({"api-key": "wrong"}, "Invalid API key or JWT"),
            ({"api-key": ""}, "Invalid API key or JWT"),
            ({"authorization": "Bearer wrong"}, "Invalid API key or JWT"),
        ],
    )
    def test_without_the_right_key_nothing_is_told(self, url: str, headers: dict[str, str], text: str) -> None:
        for path in ("/collections", "/metrics", "/telemetry", "/no/such/path", "/healthz/x"):
            answer = httpx.get(url + path, headers=headers)
            assert (answer.status_code, answer.text) == (401, text)
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    def test_health_needs_no_key(self, url: str) -> None:
        for path in ("/", "/healthz", "/livez", "/readyz"):
            assert httpx.get(url + path).status_code == 200

    def test_the_reading_key_reads_and_does_not_write(self, url: str) -> None:
        headers = {"api-key": "read-key"}
        query = httpx.post(f"{url}/collections/docs/points/query", json={"query": [1, 0]}, headers=headers)
        assert query.status_code == 200
        refused = upsert(url, range(1), headers=headers)
        assert refused.status_code == 403
        assert refused.json()["status"] == {"error": "Forbidden: Global write access is required"}
        assert isinstance(refused.json()["time"], float)

    def test_only_questions_are_marked_as_reading(self) -> None:
        prefix = "/collections/{collection_name}/points"
        marked = {route.path for route in routes.ROUTES if route.only_reads and "/dashboard/" not in route.path}
        others = {"/collections/{collection_name}/facet", "/minidb/collections/{collection_name}/changes"}
        assert marked == {prefix + path for path in READING_POSTS} | others
        assert all(route.method == "POST" for route in routes.ROUTES if route.only_reads)

    def test_keys_come_from_the_environment_and_are_never_shown(self, tmp_path: Path) -> None:
        env = os.environ | {"MINIDB_API_KEY": "env-secret"}
        with server_process(tmp_path, "--memory", env=env) as server:
            assert httpx.get(f"{server.url}/collections").status_code == 401
            assert httpx.get(f"{server.url}/collections", headers={"api-key": "env-secret"}).status_code == 200
            assert server.first_line.endswith("an API key is needed\n")
            assert "env-secret" not in server.first_line
        told = subprocess.run(
            [sys.executable, "-m", "minidb", "serve", "--help"], capture_output=True, text=True, env=env, check=True
        )
        assert "env-secret" not in told.stdout

    def test_the_servers_key_is_no_providers_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[dict[str, str]] = []

        def look(call: Any) -> Response:
            seen.append(dict(call.request.headers))
            return Response(200)

        serve_also(monkeypatch, Route("POST", "/look", look))
        with server_in_a_thread(api_key="k") as url:
            httpx.post(f"{url}/look", headers={"api-key": "k", "openai-api-key": "o"})
            httpx.post(f"{url}/look", headers={"authorization": "Bearer k"})
        assert seen[0]["openai-api-key"] == "o"
        assert all("k" not in headers.values() and "Bearer k" not in headers.values() for headers in seen)


class TestBrowsers:
    def test_names_of_this_machine_are_allowed(self, url: str) -> None:
        for host in ("localhost", "LOCALHOST:6333", "127.0.0.1", "127.0.0.1:80", "[::1]:6333"):
            assert httpx.get(f"{url}/collections", headers={"host": host}).status_code == 200

    def test_other_names_are_not(self, url: str) -> None:
        for host in ("evil.example", "evil.example:6333", "localhost.evil.example", "127.0.0.1@evil.example", ""):
            answer = httpx.get(f"{url}/collections", headers={"host": host})
            assert answer.status_code == 403
            assert answer.json()["status"]["error"].startswith("Forbidden: the Host header")

    def test_with_a_key_any_name_is_allowed(self) -> None:
        with server_in_a_thread(api_key="k") as url:
            headers = {"host": "db.example", "api-key": "k"}
            assert httpx.get(f"{url}/collections", headers=headers).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
    def test_foreign_pages_do_not_write(self, url: str, origin: str) -> None:
        assert upsert(url, range(1), headers={"origin": origin}).status_code == 403
        query = httpx.post(f"{url}/collections/docs/points/query", json={"query": [1, 0]}, headers={"origin": origin})
        assert query.status_code == 200
        assert not any(name.startswith("access-control") for name in query.headers)

    def test_pages_of_this_server_write(self, url: str) -> None:
        assert upsert(url, range(1), headers={"origin": url}).status_code == 200

    def test_allowed_pages_may_read_write_and_see_errors(self) -> None:
        page = {"origin": "https://app.example"}
        with server_in_a_thread(api_key="k", allow_origins=("https://app.example",)) as url:
            wishes = {"access-control-request-method": "PUT", "access-control-request-headers": "api-key,content-type"}
            preflight = httpx.options(f"{url}/collections/docs", headers=page | wishes)
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == "https://app.example"
            assert "PUT" in preflight.headers["access-control-allow-methods"]
            assert "api-key" in preflight.headers["access-control-allow-headers"]
            created = httpx.put(f"{url}/collections/docs", json=VECTORS, headers=page | {"api-key": "k"})
            refused = httpx.put(f"{url}/collections/docs", json=VECTORS, headers=page)
            assert (created.status_code, refused.status_code) == (200, 401)
            for answer in (created, refused):
                assert answer.headers["access-control-allow-origin"] == "https://app.example"
            other = {"origin": "https://other.example", "api-key": "k"}
            assert httpx.options(f"{url}/collections", headers=other | wishes).status_code == 400
            assert "access-control-allow-origin" not in httpx.get(f"{url}/collections", headers=other).headers

    def test_a_star_allows_every_page(self) -> None:
        with server_in_a_thread(allow_origins=("*",)) as url:
            headers = {"origin": "https://any.example"}
            answer = httpx.put(f"{url}/collections/docs", json=VECTORS, headers=headers)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


class TestBodies:
    LIMIT = 10_000

    @pytest.fixture
    def url(self) -> Iterator[str]:
        with server_in_a_thread(max_request_bytes=self.LIMIT) as url:
            httpx.put(f"{url}/collections/docs", json=VECTORS)
            yield url

    @pytest.mark.parametrize("is_chunked", [False, True])
    def test_a_body_at_the_limit_passes_and_one_beyond_does_not(self, url: str, is_chunked: bool) -> None:
        text = json.dumps({"points": [{"id": 1, "vector": [1, 2]}]}).encode()
        with httpx.Client(headers={"content-type": "application/json"}) as client:

            def send(size: int) -> httpx.Response:
                body = text.ljust(size)
                parts = (body[at : at + 1000] for at in range(0, size, 1000))
                return client.put(f"{url}/collections/docs/points", content=parts if is_chunked else body)

            assert send(self.LIMIT).status_code == 200
            for size in (self.LIMIT + 1, 50 * self.LIMIT):
                refused = send(size)
                assert refused.status_code == 413
                error = refused.json()["status"]["error"]
                assert error == f"the request is larger than allowed (limit: {self.LIMIT} bytes)"
            assert send(self.LIMIT).status_code == 200

    def test_an_upload_is_handed_on_as_a_mapped_file(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[type, bytes]] = []

        def take(call: Any) -> bool:
            seen.append((type(call.request.body), bytes(call.request.body)))
            return True

        serve_also(monkeypatch, Route("POST", "/collections/{collection_name}/snapshots/upload", take))
        sent = os.urandom(50 * self.LIMIT)
        for content in (sent, b""):
            assert httpx.post(f"{url}/collections/docs/snapshots/upload", content=content).json()["result"] is True
        assert seen == [(mmap, sent), (bytes, b"")]

    def test_an_upload_that_cannot_be_kept_says_why(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was a bare 500 without a word."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        refused = httpx.post(f"{url}/snapshots/upload", files={"snapshot": b"x"})
        assert refused.status_code == 500
        assert "the upload could not be kept: No such file" in refused.json()["status"]["error"]

    @pytest.mark.skipif(sys.platform != "linux", reason="no limits of another process to set")
    def test_an_upload_for_which_there_is_no_room_is_507(self, tmp_path: Path) -> None:
        resource = pytest.importorskip("resource")
        with server_process(tmp_path, "--memory") as server:
            limit = resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, (1, limit[1]))
            refused = httpx.post(f"{server.url}/snapshots/upload", files={"snapshot": b"x" * 1000})
            assert refused.status_code == 507
            assert "the upload could not be kept" in refused.json()["status"]["error"]
            resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, limit)
            assert httpx.post(f"{server.url}/snapshots/upload", files={"snapshot": b"x" * 1000}).status_code == 400

    def test_a_snapshot_larger_than_the_limit_goes_out_and_comes_back(self, url: str) -> None:
        for start in range(0, 600, 100):
            upsert(url, range(start, start + 100))
        snapshots = f"{url}/collections/docs/snapshots"
        name = httpx.post(snapshots).json()["result"]["name"]
        file = httpx.get(f"{snapshots}/{name}").content
        assert len(file) > self.LIMIT
        restored = httpx.post(f"{url}/collections/again/snapshots/upload", files={"snapshot": (name, file)})
        assert restored.json()["result"] is True
        count = httpx.post(f"{url}/collections/again/points/count", json={})
        assert count.json()["result"] == {"count": 600}

    def test_a_client_that_leaves_half_way_does_no_harm(self, url: str, access: pytest.LogCaptureFixture) -> None:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"PUT /collections/docs/points HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
            )
        until(lambda: any(entry["status"] is None for entry in entries(access)))
        assert httpx.get(f"{url}/collections").status_code == 200

    def test_large_answers_are_compressed_for_those_who_accept_it(self, url: str) -> None:
        for start in range(0, 200, 50):
            upsert(url, range(start, start + 50))
        request = {"method": "POST", "url": f"{url}/collections/docs/points/scroll", "json": {"limit": 200}}
        with httpx.Client() as client:
            plain = client.request(**request, headers={"accept-encoding": "identity"})
            with client.stream(**request, headers={"accept-encoding": "br, gzip"}) as answer:
                raw = b"".join(answer.iter_raw())
        assert "content-encoding" not in plain.headers
        assert answer.headers["content-encoding"] == "gzip"
        assert len(raw) < len(plain.content) / 3
        assert json.loads(gzip.decompress(raw))["result"] == plain.json()["result"]
        small = httpx.get(f"{url}/collections", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in small.headers

    @pytest.mark.parametrize(
        ("accepted", "is_compressed"),
        [
            ("GZIP", True),
            ("br;q=1.0, gzip; q=0.5", True),
            ("gzip;q=0", False),
            ("identity, gzip; q=0.00, br", False),
            ("nogzip", False),
        ],
    )
    def test_who_does_not_want_gzip_has_none(self, url: str, accepted: str, is_compressed: bool) -> None:
        upsert(url, range(100))
        answer = httpx.post(
            f"{url}/collections/docs/points/scroll", json={"limit": 100}, headers={"accept-encoding": accepted}
        )
        assert len(answer.content) > 1024
        assert ("content-encoding" in answer.headers) is is_compressed

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "Deflate", "identity", ""])
    def test_bodies_may_be_packed(self, url: str, encoding: str) -> None:
        plain = json.dumps(VECTORS).encode()
        packed = {"gzip": gzip.compress, "x-gzip": gzip.compress, "Deflate": zlib.compress}.get(encoding, bytes)(plain)
        headers = {"content-encoding": encoding, "content-type": "application/json"}
        answer = httpx.put(f"{url}/collections/packed", content=packed, headers=headers)
        assert answer.json()["result"] is True

    def test_what_cannot_be_unpacked_is_refused(self, url: str) -> None:
        packed = gzip.compress(json.dumps(VECTORS).encode())
        statuses = {
            "br": (415, packed), "gzip, gzip": (415, packed), "\xe9": (415, packed),
            "gzip": (400, packed[:-1]), "x-gzip": (400, packed * 2), "deflate": (400, b"no"), "GZIP": (400, b""),
        }  # fmt: skip
        for encoding, (status, content) in statuses.items():
            headers = [(b"content-encoding", encoding.encode("latin-1")), (b"content-type", b"application/json")]
            assert httpx.put(f"{url}/collections/x", content=content, headers=headers).status_code == status, encoding
        upload = httpx.post(f"{url}/snapshots/upload", content=packed, headers={"content-encoding": "gzip"})
        assert upload.status_code == 415
        assert httpx.get(f"{url}/collections").json()["result"]["collections"] == [{"name": "docs"}]

    def test_no_more_is_unpacked_than_a_body_may_have(self) -> None:
        bomb = gzip.compress(bytes(50 << 20))
        tracemalloc.start()
        try:
            with pytest.raises(body.TooLarge):
                body.decoded(bomb, "gzip", 1 << 20)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()

    def test_very_many_headers_cost_little(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each was looked for among all: 11 seconds of CPU, for whoever could connect."""
        looked_for = 0
        get = Headers.__getitem__

        def counted(self: Headers, name: str) -> str:
            nonlocal looked_for
            looked_for += 1
            return get(self, name)

        monkeypatch.setattr(Headers, "__getitem__", counted)
        headers = [("x", "1")] + [(f"x{number}", "1") for number in range(5000)]
        assert httpx.get(f"{url}/collections", headers=headers).status_code in (200, 400)
        assert looked_for < 100

    def test_a_file_that_was_deleted_meanwhile_is_404(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = Response(200, content_type="application/octet-stream", file=tmp_path / "gone")
        serve_also(monkeypatch, Route("GET", "/file", lambda call: answer))
        assert httpx.get(f"{url}/file").status_code == 404

    def test_files_are_streamed(self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "file"
        file.write_bytes(os.urandom(300_000))
        answer = Response(200, content_type="application/octet-stream", headers={"x-checksum": "1"}, file=file)
        serve_also(monkeypatch, Route("GET", "/file", lambda call: answer))
        got = httpx.get(f"{url}/file", headers={"accept-encoding": "gzip"})
        assert got.content == file.read_bytes()
        assert (got.headers["content-length"], got.headers["x-checksum"]) == ("300000", "1")
        assert got.headers["content-type"] == "application/octet-stream"


class TestWhatIsTold:
    def test_the_access_log_has_one_line_per_request_and_no_secret(self, tmp_path: Path) -> None:
        env = os.environ | {"MINIDB_API_KEY": "secret-server"}
        with server_process(tmp_path, "--memory", env=env) as server:
            key = {"api-key": "secret-server", "openai-api-key": "secret-header"}
            options = {"cohere-api-key": "secret-body"}
            document = {"text": "secret-text", "model": "unknown/model", "options": options}
            httpx.put(f"{server.url}/collections/docs?k=secret-query", json=VECTORS, headers=key)
            httpx.post(f"{server.url}/collections/docs/points/query", json={"query": document}, headers=key)
            httpx.get(f"{server.url}/secret-path", headers=key)
            httpx.get(f"{server.url}/collections/secret-name", headers={"authorization": "Bearer secret-wrong"})
            assert server.stop() == 0
            written = server.log.read_text()
        assert "secret" not in written
        lines = [json.loads(line) for line in written.splitlines()]
        assert all(set(line) == {"time", "method", "route", "status", "ms", "bytes"} for line in lines)
        assert [(line["method"], line["route"], line["status"]) for line in lines] == [
            ("PUT", "/collections/{collection_name}", 200),
            ("POST", "/collections/{collection_name}/points/query", 400),
            ("GET", None, 404),
            ("GET", "/collections/{collection_name}", 401),
        ]
        assert lines[-1]["bytes"] == len("Invalid API key or JWT")

    def test_metrics_count_answers_and_refusals_by_route(self) -> None:
        with server_in_a_thread(api_key="k") as url:
            key = {"api-key": "k"}
            httpx.put(f"{url}/collections/docs", json=VECTORS, headers=key)
            for _ in range(3):
                httpx.post(f"{url}/collections/docs/points/count", json={}, headers=key)
                httpx.get(f"{url}/collections/docs", headers=key)
            httpx.post(f"{url}/collections/docs/points/count", json={})
            httpx.get(f"{url}/unknown", headers=key)
            upsert(url, range(5), headers=key)
            answer = httpx.get(f"{url}/metrics", headers=key)
            of_each = httpx.get(f"{url}/metrics?per_collection=true", headers=key).text
            telemetry = httpx.get(f"{url}/telemetry", headers=key).json()["result"]
        assert answer.headers["content-type"] == "text/plain; version=0.0.4"
        lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
        route = 'method="POST",endpoint="/collections/{collection_name}/points/count"'
        assert lines[f'rest_responses_total{{{route},status="200"}}'] == "3"
        assert lines[f'rest_responses_total{{{route},status="401"}}'] == "1"
        assert lines[f'rest_responses_duration_seconds_bucket{{{route},status="200",le="+Inf"}}'] == "3"
        assert lines['collection_points{id="docs"}'] == "5"
        assert lines["collections_total"] == "1"
        assert "unknown" not in answer.text
        assert f'rest_responses_total{{{route},status="200",collection="docs"}} 3' in of_each
        assert telemetry["requests"]["rest"]["responses"]["GET /collections/{collection_name}"]["200"]["count"] == 3

    def test_what_tells_of_the_store_needs_the_key_and_comes_as_json(self) -> None:
        with server_in_a_thread(api_key="k") as url:
            key = {"api-key": "k"}
            httpx.put(f"{url}/collections/docs", json=VECTORS, headers=key)
            for path in ("/openapi.json", "/telemetry?details_level=4", "/collections/docs/memory", "/no/such/path"):
                assert httpx.get(url + path).status_code == 401
            assert httpx.get(f"{url}/openapi.json", headers=key, timeout=60).json()["openapi"] == "3.1.0"
            memory = httpx.get(f"{url}/collections/docs/memory", headers=key).json()["result"]
            assert memory.keys() == {"total", "vectors", "sparse_vectors", "payload", "payload_index", "other"}
            unknown = httpx.post(f"{url}/collections", json={}, headers=key)
            assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/json")
            assert unknown.json()["status"]["error"] == "Not found: there is no POST /collections, only GET"
            assert httpx.head(f"{url}/no/such", headers=key).content == b""

    def test_metrics_are_no_reads_that_strict_mode_counts(self, url: str) -> None:
        limits = {"strict_mode_config": {"enabled": True, "read_rate_limit": 1}}
        assert httpx.patch(f"{url}/collections/docs", json=limits).status_code == 200
        assert [httpx.get(f"{url}/metrics").status_code for _ in range(5)] == [200] * 5


def can_connect(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def _answers(url: str, trust: ssl.SSLContext) -> bool:
    try:
        return httpx.get(url, verify=trust, trust_env=False, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


def serve_also(monkeypatch: pytest.MonkeyPatch, route: Route) -> None:
    others = [other for other in routes.ROUTES if (other.method, other.path) != (route.method, route.path)]
    monkeypatch.setattr(routes, "_root", routes._tree([*others, route]))


class TestStrangers:
    @pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET /collections HTTP/1.1\r\nHost: local"])
    def test_a_head_that_does_not_come_is_not_waited_for(self, sent: bytes) -> None:
        with server_in_a_thread(patience_s=0.2) as url:
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.sendall(sent)
                with suppress(ConnectionResetError):
                    assert connection.recv(1) == b""

    def test_a_body_that_stops_coming_is_a_408(self) -> None:
        head = b"PUT /collections/docs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
        with server_in_a_thread(patience_s=0.2) as url:
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.sendall(head)
                assert connection.recv(1000).startswith(b"HTTP/1.1 408")

    def test_a_body_that_trickles_is_a_408(self) -> None:
        """A byte now and then is a piece in time; it once held a connection for as long as it liked."""
        head = b"PUT /collections/docs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
        with server_in_a_thread(patience_s=1.0) as url:
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=0.05) as connection:
                connection.sendall(head)
                answer, n_sent, end = b"", 0, time.monotonic() + PATIENCE_S
                while not answer and time.monotonic() < end:
                    connection.sendall(b" ")
                    n_sent += 1
                    with suppress(TimeoutError):
                        answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408")
        assert n_sent > 1

    def test_an_answer_nobody_reads_is_given_up(self) -> None:
        with server_in_a_thread(patience_s=0.3, max_connections=2) as url, httpx.Client() as client:
            client.put(f"{url}/collections/large", json={})
            point = {"id": 1, "vector": {}, "payload": {"text": "x" * 8_000_000}}
            client.put(f"{url}/collections/large/points?wait=true", json={"points": [point]}, timeout=PATIENCE_S)
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(b"GET /collections/large/points/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(8).startswith(b"HTTP/1.1")
                until(lambda: httpx.get(f"{url}/collections").status_code == 200)

    def test_requests_sent_before_the_answers_are_kept_up_to_a_limit(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each answer let 256 kB more into memory, without a key, for as long as somebody sent."""
        monkeypatch.setattr(connections, "_MOST_PIPELINED_BYTES", 2000)
        host, port = url.removeprefix("http://").split(":")
        request = b"GET /collections HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for n_before, are_answered in ((30, True), (1000, False)):
            answers = b""
            with (
                socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection,
                suppress(ConnectionError),
            ):
                connection.sendall(request * n_before + last)
                while piece := connection.recv(65536):
                    answers += piece
            assert (answers.count(b"HTTP/1.1 200") == n_before + 1) is are_answered

    @pytest.mark.parametrize(("per_period", "is_given_up"), [(30_000, True), (4_999_999, True), (5_000_000, False)])
    def test_a_large_answer_is_to_be_read_in_twenty_periods(self, per_period: int, is_given_up: bool) -> None:
        """At a thousand bytes a second it would be in memory for a day."""
        loop, transport = Mock(), Mock()
        config = uvicorn.Config(None, log_config=None)  # type: ignore[arg-type]
        protocol: Any = limited(1, 1, 30.0)(config, ServerState(), {}, loop)  # type: ignore[call-arg]
        protocol.transport, protocol.flow = transport, Mock()
        transport.get_write_buffer_size.return_value = 100_000_000
        protocol.pause_writing()
        for _ in range(19):
            _, check, *arguments = loop.call_later.call_args.args
            transport.get_write_buffer_size.return_value -= per_period
            check(*arguments)
            if transport.abort.called:
                break
        assert transport.abort.called is is_given_up

    def test_answers_nobody_reads_are_given_up_where_they_are_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Forty of 17 MB took 700 MB until their time was over."""
        monkeypatch.setattr(connections, "_MOST_UNREAD_BYTES", 1000)
        config, make = uvicorn.Config(None, log_config=None), limited(10, 10, 30.0)  # type: ignore[arg-type]
        protocols: list[Any] = [make(config, ServerState(), {}, Mock()) for _ in range(4)]  # type: ignore[call-arg]
        for protocol, n_bytes in zip(protocols, (400, 500, 300, 5000), strict=True):
            protocol.transport, protocol.flow = Mock(), Mock()
            protocol.transport.get_write_buffer_size.return_value = n_bytes
        given_up = [protocol.transport.abort for protocol in protocols]
        protocols[0].pause_writing()
        protocols[1].pause_writing()
        assert [abort.called for abort in given_up] == [False] * 4
        protocols[2].pause_writing()
        assert [abort.called for abort in given_up] == [True, False, False, False]
        protocols[1].resume_writing()
        protocols[3].pause_writing()
        assert [abort.called for abort in given_up] == [True, False, True, False]  # one alone may be as large as it is

    def test_bodies_that_do_not_come_to_an_end_are_not_taken_without_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """512 connections with 32 MB each, less a byte, were 16 GB."""
        monkeypatch.setattr(body, "_MOST_BYTES", 1000)
        bodies = body.Bodies(limit_bytes=1000)
        monkeypatch.setattr(body, "Bodies", lambda limit_bytes: bodies)
        path, point = "/collections/c/points?wait=true", {"points": [{"id": 1, "vector": [1.0] * 100}]}
        with server_in_a_thread() as url, httpx.Client(base_url=url) as client:
            client.put("/collections/c", json={"vectors": {"size": 100, "distance": "Dot"}})
            with bodies.one() as take:
                take(900)
                assert client.put(path, json=point).status_code == 503
                assert client.post("/collections/c/points/count", json={}).json()["result"] == {"count": 0}
            assert client.put(path, json=point).status_code == 200
            assert client.put(path, json={"points": [{"id": 1}]}).status_code == 400
        with bodies.one() as take:  # all have given back what they took
            take(1000)

    @pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
    def test_connections_beyond_the_limit_get_503(self, limit: str) -> None:
        with server_in_a_thread(**{limit: 1}) as url, httpx.Client() as client:
            assert client.get(f"{url}/collections").status_code == 200
            assert httpx.get(f"{url}/collections").status_code == 503
            assert client.get(f"{url}/collections").status_code == 200

    def test_failures_of_the_event_loop_are_said_once_a_second(self, caplog: pytest.LogCaptureFixture) -> None:
        now = 0.0
        handler = OncePerSecond(lambda: now)
        loop = asyncio.new_event_loop()
        for _ in range(1000):
            handler(loop, {"message": "no descriptors"})
        now = 1.5
        handler(loop, {"message": "no descriptors"})
        loop.close()
        assert [record.getMessage() for record in caplog.records] == [
            "no descriptors",
            "no descriptors (999 more since the last line)",
        ]

    def test_a_handshake_that_is_not_finished_is_not_waited_for(self, tmp_path: Path) -> None:
        cert, key = certificate(tmp_path)
        with server_in_a_thread(tls_cert=str(cert), tls_key=str(key), patience_s=0.2) as url:
            host, port = url.removeprefix("https://").split(":")
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.sendall(b"\x16\x03\x01")  # as a handshake begins
                with suppress(ConnectionResetError):
                    assert connection.recv(1) == b""

    @pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
    def test_a_handshake_that_is_not_finished_counts(self, tmp_path: Path, limit: str) -> None:
        """Connections once counted from its end, so that half-open ones took all descriptors."""
        cert, key = certificate(tmp_path)
        trust = ssl.create_default_context(cafile=str(cert))
        with server_in_a_thread(tls_cert=str(cert), tls_key=str(key), patience_s=600.0, **{limit: 2}) as url:
            host, port = url.removeprefix("https://").split(":")
            with ExitStack() as half_open:
                for _ in range(2):
                    connection = half_open.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
                    connection.sendall(b"\x16\x03\x01")
                beyond = half_open.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
                with suppress(ConnectionResetError):
                    assert beyond.recv(1) == b""
            until(lambda: _answers(f"{url}/collections", trust))
            for _ in range(5):  # each gives its place back
                assert _answers(f"{url}/collections", trust)

    def test_with_a_certificate_it_speaks_tls(self, tmp_path: Path) -> None:
        cert, key = certificate(tmp_path)
        trust = ssl.create_default_context(cafile=str(cert))
        with server_in_a_thread(tls_cert=str(cert), tls_key=str(key), tls_client_ca=str(cert)) as url:
            assert url.startswith("https://")
            with pytest.raises((httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)):
                httpx.get(f"{url}/collections", verify=trust, trust_env=False)
            trust.load_cert_chain(cert, key)
            assert httpx.get(f"{url}/collections", verify=trust, trust_env=False).status_code == 200
