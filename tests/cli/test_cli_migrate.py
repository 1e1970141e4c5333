"""`minidb migrate` between stores and servers: what arrives, what is said, and how it goes on after a stop."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors.bad_line import bad_line
from doors.serving import PATIENCE_S, place, server_in_a_thread, server_process, store_or_server

from minidb import QdrantClient, models
from minidb.cli import main
from minidb.cli.target import Target
from minidb.migration import copying
from minidb.opening import MEMORY

N = 130
LATE = json.dumps({"must": [{"key": "n", "range": {"gte": 100}}]})
Migrate = Callable[..., tuple[str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A store with two collections, one of them with an alias, an index and strict mode."""
    path = tmp_path / "source"
    with QdrantClient(path, durability="off") as client:
        client.create_collection(
            "docs",
            {"v": models.VectorParams(size=4, distance=models.Distance.COSINE)},
            {"s": models.SparseVectorParams(modifier=models.Modifier.IDF)},
            quantization_config=models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type="int8")),
            strict_mode_config=models.StrictModeConfig(enabled=True, upsert_max_batchsize=200, max_query_limit=60),
        )
        client.create_payload_index("docs", "n", models.IntegerIndexParams(type="integer", lookup=False, range=True))
        client.upsert("docs", [point(n) for n in range(N)])
        created = models.CreateAlias(collection_name="docs", alias_name="today")
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=created)])
        client.create_collection("é #&", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("é #&", [models.PointStruct(id=UUID, vector=[1, 2], payload={"a": [None, {"b": "ß"}]})])
    return path


UUID = "9b2f3c1e-0000-4000-8000-000000000001"


def point(n: int) -> models.PointStruct:
    sparse = models.SparseVector(indices=[n, 3000], values=[0.1, n / 3])
    return models.PointStruct(id=n, vector={"v": [n, 1, 0.3, -n], "s": sparse}, payload={"n": n})


@pytest.fixture
def migrate(capsys: pytest.CaptureFixture[str]) -> Migrate:
    """Run the command, and return what it printed; `code` is what it shall exit with."""

    def migrate(*argv: str | Path, code: int = 0) -> tuple[str, str]:
        assert main(["migrate", *map(str, argv)]) == code
        return capsys.readouterr()

    return migrate


def described(where: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> tuple[Any, Any]:
    """Settings and points."""
    answers = []
    for argv in (["info", name], ["get", name, "--with-vectors", "--limit", "60"]):
        assert main([*argv, "--json", *where]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    info, points = answers
    for each in points:
        each["vector"] = json.loads(json.dumps(each["vector"]), parse_float=lambda text: round(float(text), 5))
    return (info["config"], info["payload_schema"]), points


@pytest.fixture(params=["store", "server"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with store_or_server(request.param, tmp_path / "target") as found:
        yield found


@pytest.mark.parametrize("parallel", ["1", "3"])
def test_everything_arrives(
    source: Path, target: str, parallel: str, migrate: Migrate, capsys: pytest.CaptureFixture[str]
) -> None:
    out, error = migrate("--path", source, "--to", target, "--batch-size", "20", "--parallel", parallel)
    assert out.splitlines() == [
        "docs: 130 points written; 1 checksum of 130 points: all as here",
        "é #&: 1 point written; 1 checksum of 1 point: all as here",
    ]
    assert "docs: copied 130 of 130 points in " in error
    assert "docs: compared 130 of 130 points in " in error
    for name in ("today", "é #&"):
        assert described(place(target), name, capsys) == described(["--path", str(source)], name, capsys)


def test_a_filtered_part_of_a_servers_collection_comes_down_into_a_store(
    source: Path, tmp_path: Path, migrate: Migrate
) -> None:
    with server_in_a_thread(source) as url:
        out, _ = migrate("--url", url, "--to", tmp_path / "to", "--collection", "docs", "--filter", LATE)
    assert out == "docs: 30 points written; 1 checksum of 30 points: all as here\n"
    with QdrantClient(tmp_path / "to") as client:
        assert [each.id for each in client.scroll("docs", limit=60)[0]] == list(range(100, 130))
        assert [each.alias_name for each in client.get_aliases().aliases] == ["today"]


def test_what_is_there_already(source: Path, target: str, migrate: Migrate) -> None:
    between = ("--path", source, "--to", target, "--collection", "docs")
    migrate(*between)
    _, error = migrate(*between, code=1)
    assert error == "minidb: docs: there already; --resume writes what is lacking, --recreate replaces\n"
    assert main(["delete", "docs", "7", "8", *place(target)]) == 0
    out, _ = migrate(*between, "--resume")
    assert "docs: 2 points written, 128 were there; 1 checksum" in out
    out, _ = migrate(*between, "--recreate")
    assert "docs: 130 points written; 1 checksum" in out


def test_a_point_that_is_changed_there_meanwhile_is_found(
    source: Path, target: str, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = copying._Migration._verify

    def changed(migration: Any) -> None:
        end = migration._target._target
        end.ask("POST", "/collections/docs/points/payload", {"payload": {"n": 9}, "points": [77]}, wait="true")
        end.ask("POST", "/collections/docs/points/delete", {"points": [5]}, wait="true")
        end.ask("PUT", "/collections/docs/points", {"points": [{"id": 999, "vector": {}}]}, wait="true")
        verify(migration)

    between = ("--path", source, "--to", target, "--collection", "docs")
    with monkeypatch.context() as patch:
        patch.setattr(copying._Migration, "_verify", changed)
        out, _ = migrate(*between, code=1)
    assert out.splitlines() == [
        "docs: 130 points written; 1 checksum of 130 points: NOT all as here",
        "  missing: 1 point (5)",
        "  different: 1 point (77)",
        "  only there: 1 point",
    ]
    assert main(["delete", "docs", "999", *place(target)]) == 0
    out, _ = migrate(*between, "--resume")
    assert "docs: 2 points written, 128 were there; 1 checksum of 130 points: all as here" in out


def test_what_a_server_does_not_take_is_told(source: Path, migrate: Migrate) -> None:
    """One point is too large for a request of the server: the others come."""
    with QdrantClient(source, durability="off") as client:
        client.set_payload("docs", {"text": "x" * 1_500_000}, [64])
    with server_in_a_thread(max_request_bytes=1 << 20) as url:
        out, _ = migrate("--path", source, "--to", url, "--collection", "docs", code=1)
    summary, refused = out.splitlines()
    assert summary == "docs: 129 points written; 1 checksum of 130 points: NOT all as here"
    assert refused.startswith("  refused: point 64: ")


def test_settings_that_differ_are_told(source: Path, target: str, migrate: Migrate) -> None:
    migrate("--path", source, "--to", target)
    assert main(["index", "docs", "n", "--delete", *place(target)]) == 0
    assert main(["index", "docs", "n", "keyword", *place(target)]) == 0
    assert main(["index", "docs", "m", "keyword", *place(target)]) == 0
    out, _ = migrate("--path", source, "--to", target, "--resume", "--collection", "docs", code=1)
    assert "  index of m: nothing here, keyword there\n" in out


def counted(url: str) -> int:
    """Points of `docs`, once there are some."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = httpx.post(f"{url}/collections/docs/points/count", json={}, timeout=PATIENCE_S).json()
        if (answer.get("result") or {}).get("count"):
            return int(answer["result"]["count"])
    raise AssertionError("no points came")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("parallel", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_it_goes_on(source: Path, number: int, parallel: str, migrate: Migrate) -> None:
    """At a point a second the second batch is due long after the first."""
    with server_in_a_thread() as url:
        between = ["--path", str(source), "--to", url, "--collection", "docs", "--parallel", parallel]
        with subprocess.Popen(
            [sys.executable, "-m", "minidb", "migrate", *between, "--rate", "1", "--batch-size", "50"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
        ) as process:
            assert counted(url) == 50
            process.send_signal(number)
            assert process.stderr
            error = process.stderr.read()
            assert process.wait(PATIENCE_S) == (130 if number == signal.SIGINT else -number)
        if number == signal.SIGINT:
            assert error.splitlines()[-2:] == [
                "minidb: whole batches are there; --resume goes on",
                "minidb: interrupted",
            ]
        out, _ = migrate(*between, "--resume")
    assert out == "docs: 80 points written, 50 were there; 1 checksum of 130 points: all as here\n"


def test_a_server_that_goes_away(
    source: Path, tmp_path: Path, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PAUSES_S", (0.0,))
    between = ("--path", source, "--collection", "docs", "--batch-size", "50")
    ask, writes = Target.ask, []
    with server_process(tmp_path, "--path", str(tmp_path / "to"), "--durability", "off") as server:

        def stopping(self: Target, method: str, path: str, *rest: Any, **more: Any) -> Any:
            if method == "PUT" and path.endswith("/points"):
                writes.append(path)
                if len(writes) == 2:
                    server.stop(signal.SIGKILL)
            return ask(self, method, path, *rest, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Target, "ask", stopping)
            _, error = migrate(*between, "--to", server.url, code=1)
    assert "--resume goes on" in error
    assert f"{server.url} does not answer: " in error
    out, _ = migrate(*between, "--to", tmp_path / "to", "--resume")
    assert out == "docs: 80 points written, 50 were there; 1 checksum of 130 points: all as here\n"


@pytest.mark.parametrize("parallel", ["1", "3"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_bad_line(
    source: Path,
    tmp_path: Path,
    direction: str,
    parallel: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A fifth of all requests is lost, cut, or put off; what was asked is asked again, and nothing is there twice."""
    monkeypatch.setattr(copying, "_PAUSES_S", (0.0,) * 8)
    is_up, store = direction == "up", ["--path", str(tmp_path / "to")]
    with server_in_a_thread(MEMORY if is_up else source) as url:
        with bad_line(url, random.Random(f"{direction} {parallel}"), 0.2) as (line, n_faults):
            ends = ["--path", str(source), "--to", line] if is_up else ["--url", line, "--to", store[1]]
            argv = ["migrate", *ends, "--parallel", parallel, "--batch-size", "9"]
            n_stopped = 0
            while main([*argv, "--resume"]):  # what comes before the first collection is not asked again
                assert "copied" not in capsys.readouterr().err
                n_stopped += 1
                assert n_stopped < 20
            assert n_faults() > 5
        assert "as here" in capsys.readouterr().out
        server = ["--url", url]
        places = (["--path", str(source)], server) if is_up else (server, store)
        here, there = (described(place, "docs", capsys) for place in places)
    assert here == there


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_line_that_stays_bad(source: Path, status: int, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(copying.time, "sleep", naps.append)
    ask = Target._send

    def send(self: Target, method: str, path: str, **content: Any) -> httpx.Response:
        if path.endswith("/points/count"):
            answer = httpx.Response(status, text="busy", headers={"retry-after": "3"} if len(naps) % 2 else {})
            if status != 429 or "retry-after" not in answer.headers or len(naps) < 20:
                raise self._refused(answer, path)
        return ask(self, method, path, **content)

    monkeypatch.setattr(Target, "_send", send)
    with server_in_a_thread() as url:
        _, error = migrate("--path", source, "--to", url, "--collection", "docs", code=1)
    assert "busy" in error
    assert "Traceback" not in error
    assert naps[:2] == [0.25, 3]


def test_no_answer_is_waited_for_forever(source: Path, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stands still was waited for until somebody looked."""
    monkeypatch.setattr(copying, "_PAUSES_S", (0.0,))
    answer, asked = httpx.HTTPTransport.handle_request, []

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        limit = request.extensions["timeout"]["read"]
        if "/points" in request.url.path:
            asked.append((request.method, limit))
            raise httpx.ReadTimeout("The read operation timed out")
        assert limit or request.url.path in ("/collections", "/aliases", "/collections/aliases")
        return answer(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with server_in_a_thread() as url:
        _, error = migrate("--path", source, "--to", url, "--collection", "docs", code=1)
    assert asked == [("PUT", 60.0)] * 2
    assert f"minidb: {url} does not answer: The read operation timed out" in error


class TestMistakes:
    def test_names(self, source: Path, target: str, migrate: Migrate) -> None:
        _, error = migrate("--path", source, "--to", target, "--collection", "dcs", code=1)
        assert "Collection `dcs` doesn't exist! (did you mean docs?)" in error
        assert not (source.parent / "target").exists()
        _, error = migrate("--path", source, "--to", target, "--collection", "today", code=1)
        assert "does not have collections: ['today']" in error

    def test_the_same_place(self, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for argv in (["--path", str(source), "--to", f"{source}/."], ["--url", "http://x:1/", "--to", "x:1"]):
            with pytest.raises(SystemExit):
                main(["migrate", *argv, "--recreate"])
            assert "--to is where the collections are" in capsys.readouterr().err

    def test_nobody_there(self, source: Path, migrate: Migrate) -> None:
        _, error = migrate("--path", source, "--to", "http://me:secret@127.0.0.1:1", code=1)
        assert "http://127.0.0.1:1 does not answer" in error
        assert "secret" not in error


class TestKeys:
    def test_each_side_has_its_own(
        self, source: Path, tmp_path: Path, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with server_in_a_thread(source, api_key="one") as here, server_in_a_thread(api_key="two") as there:
            both = ("--url", here, "--to", there)
            _, error = migrate(*both, "--api-key", "one", code=1)
            assert "401" in error
            migrate(*both, "--api-key", "one", "--to-api-key", "two")
            monkeypatch.setenv("MINIDB_API_KEY", "one")
            monkeypatch.setenv("MINIDB_TO_API_KEY", "two")
            migrate(*both, "--resume")
            out, error = migrate(*both, "--to-api-key", "wrong-key", code=1)
            assert "wrong-key" not in out + error

    def test_of_a_server_above_a_store(self, source: Path, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QDRANT_API_KEY", "one")
        with server_in_a_thread(api_key="one") as url:
            migrate("--path", source, "--to", url)
