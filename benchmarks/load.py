"""Many connections at once: `python -m benchmarks.load --seconds 60`.

This process reads and writes over several connections against `minidb serve` in another one, then does the same through
the client in this process. No request may fail, and every write that was acknowledged must be found: at once, and
again in the store the server has closed. Both doors sync every commit.
"""

from __future__ import annotations

import argparse
import http.client
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from minidb import QdrantClient, models
from minidb.errors import MinidbError
from minidb.server import one_blas_thread

_COLLECTION = "load"
_DIM = 128
_PRELOADED = 5_000
_POINTS_PER_WRITE = 4
_PAGE = 1_000
_HITS = 10
_SCROLLED = 20
_GROUPS = 20
_SHARES = {"search": 0.45, "filtered search": 0.25, "scroll": 0.1, "upsert": 0.2}
_STOP_S = 60


class RequestFailed(Exception):
    """A response that is no success."""


class Door(Protocol):
    """One connection to a store."""

    def upsert(self, ids: Sequence[int], vectors: Any) -> None: ...
    def search(self, vector: Any, group: int | None) -> int: ...
    def scroll(self, offset: int) -> int: ...
    def found(self, ids: Sequence[int]) -> set[int]: ...
    def close(self) -> None: ...


class HttpDoor:
    """A kept-alive connection, as light as Python has it: what is measured is the server."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def create(self) -> None:
        self._send("PUT", "", {"vectors": {"size": _DIM, "distance": "Cosine"}})

    def upsert(self, ids: Sequence[int], vectors: Any) -> None:
        points = [
            {"id": point, "vector": vector, "payload": _payload(point)}
            for point, vector in zip(ids, vectors, strict=True)
        ]
        self._send("PUT", "/points?wait=true", {"points": points})

    def search(self, vector: Any, group: int | None) -> int:
        request = {"query": vector, "limit": _HITS, "with_payload": True}
        if group is not None:
            request["filter"] = {"must": [{"key": "group", "match": {"value": group}}]}
        return len(self._send("POST", "/points/query", request)["points"])

    def scroll(self, offset: int) -> int:
        return len(self._send("POST", "/points/scroll", {"offset": offset, "limit": _SCROLLED})["points"])

    def found(self, ids: Sequence[int]) -> set[int]:
        return {point["id"] for point in self._send("POST", "/points", {"ids": ids, "with_payload": False})}

    def close(self) -> None:
        self._connection.close()

    def _send(self, method: str, path: str, value: Any) -> Any:
        body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = {"content-type": "application/json"}
        self._connection.request(method, f"/collections/{_COLLECTION}{path}", body, headers)
        response = self._connection.getresponse()
        answer = orjson.loads(response.read())
        if response.status != 200:
            raise RequestFailed(f"{method} {path}: {response.status} {answer['status']}")
        return answer["result"]


class ClientDoor:
    """The client of this process; all share its store."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def create(self) -> None:
        params = models.VectorParams(size=_DIM, distance=models.Distance.COSINE)
        self._client.create_collection(_COLLECTION, vectors_config=params)

    def upsert(self, ids: Sequence[int], vectors: Any) -> None:
        points = [
            models.PointStruct(id=point, vector=vector, payload=_payload(point))
            for point, vector in zip(ids, vectors, strict=True)
        ]
        self._client.upsert(_COLLECTION, points)

    def search(self, vector: Any, group: int | None) -> int:
        condition = models.FieldCondition(key="group", match=models.MatchValue(value=group or 0))
        query_filter = None if group is None else models.Filter(must=[condition])
        return len(self._client.query_points(_COLLECTION, query=vector, query_filter=query_filter, limit=_HITS).points)

    def scroll(self, offset: int) -> int:
        return len(self._client.scroll(_COLLECTION, offset=offset, limit=_SCROLLED)[0])

    def found(self, ids: Sequence[int]) -> set[int]:
        return {int(point.id) for point in self._client.retrieve(_COLLECTION, ids, with_payload=False)}

    def close(self) -> None:
        """The client belongs to whoever opened it."""


@dataclass
class Tally:
    """What the connections to one door came to. Times in seconds."""

    times: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in _SHARES})
    errors: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        for kind, times in other.times.items():
            self.times[kind] += times
        self.errors += other.errors
        self.acknowledged += other.acknowledged

    @property
    def is_clean(self) -> bool:
        return not self.errors and not self.lost and bool(self.acknowledged)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both doors and print what they did; 1 when a request failed or a write was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Many connections at once.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each door (60)")
    parser.add_argument("--connections", type=int, default=8, help="at the same time (8)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="minidb-load-") as folder:
        server = _through_the_server(Path(folder) / "server", options.connections, options.seconds)
        with one_blas_thread():  # as in the server
            client = _through_the_client(Path(folder) / "client", options.connections, options.seconds)
    print(_report({"minidb serve": server, "in process": client}, options.connections))
    return 0 if server.is_clean and client.is_clean else 1


def _through_the_server(path: Path, connections: int, seconds: float) -> Tally:
    with _server(path) as url:
        with closing(HttpDoor(url)) as door:
            door.create()
            _preload(door)
        tally = _drive(lambda: HttpDoor(url), connections, seconds)
        with closing(HttpDoor(url)) as door:  # the first would have been idle for longer than a server keeps it
            tally.lost |= _missing(door, tally.acknowledged)
    with QdrantClient(path) as client:
        tally.lost |= _missing(ClientDoor(client), tally.acknowledged)
    return tally


def _through_the_client(path: Path, connections: int, seconds: float) -> Tally:
    with QdrantClient(path) as client:
        door = ClientDoor(client)
        door.create()
        _preload(door)
        tally = _drive(lambda: door, connections, seconds)
    with QdrantClient(path) as client:
        tally.lost |= _missing(ClientDoor(client), tally.acknowledged)
    return tally


@contextmanager
def _server(path: Path) -> Iterator[str]:
    """The URL of a server as a process of its own; raises when it does not stop in order."""
    command = [sys.executable, "-m", "minidb", "serve", "--path", str(path), "--port", "0"]
    log = path.with_suffix(".log")
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+:\d+", process.stdout.readline())
            if address is None:
                raise RuntimeError(log.read_text())
            yield address[0]
            process.send_signal(signal.SIGTERM)
            if process.wait(_STOP_S) != 0:
                raise RuntimeError(f"the server ended with {process.returncode}")
        finally:
            process.kill()


def _preload(door: Door) -> None:
    vectors = np.random.default_rng(0).standard_normal((_PRELOADED, _DIM), np.float32)
    for start in range(0, _PRELOADED, _PAGE):
        door.upsert(range(start, start + _PAGE), vectors[start : start + _PAGE])


def _drive(connect: Callable[[], Door], connections: int, seconds: float) -> Tally:
    tallies = [Tally() for _ in range(connections)]
    begin = threading.Barrier(connections + 1)
    end = threading.Event()

    def work(number: int) -> None:
        with closing(connect()) as door:
            begin.wait()
            _ask(door, number, end, tallies[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    end.wait(seconds)
    end.set()
    for thread in threads:
        thread.join()
    total = Tally(seconds=time.perf_counter() - started)
    for tally in tallies:
        total.add(tally)
    return total


def _ask(door: Door, number: int, end: threading.Event, tally: Tally) -> None:
    """One connection's requests until the end; their order is the same for every door."""
    random = np.random.default_rng(number)
    kinds, shares = list(_SHARES), list(_SHARES.values())
    next_id = (number + 1) * 10**9
    while not end.is_set():
        kind = kinds[int(random.choice(len(kinds), p=shares))]
        vectors = random.standard_normal((_POINTS_PER_WRITE, _DIM), np.float32)
        group = int(random.integers(_GROUPS))
        started = time.perf_counter()
        try:
            if kind == "upsert":
                ids = range(next_id, next_id + _POINTS_PER_WRITE)
                next_id += _POINTS_PER_WRITE
                door.upsert(ids, vectors)
                tally.acknowledged += ids
            elif kind == "scroll":
                _expect(door.scroll(group * 100), _SCROLLED)
            else:
                _expect(door.search(vectors[0], group if kind == "filtered search" else None), _HITS)
        except (RequestFailed, MinidbError, OSError, http.client.HTTPException) as error:
            tally.errors.append(f"{kind}: {type(error).__name__}: {error}")
        tally.times[kind].append(time.perf_counter() - started)


def _expect(count: int, expected: int) -> None:
    if count != expected:
        raise RequestFailed(f"{count} points instead of {expected}")


def _payload(point: int) -> dict[str, Any]:
    return {"group": point % _GROUPS, "text": f"the text of point {point}"}


def _missing(door: Door, ids: Sequence[int]) -> set[int]:
    pages = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
    return set(ids).difference(*(door.found(page) for page in pages))


def _report(tallies: dict[str, Tally], connections: int) -> str:
    lines = [
        f"{connections} connections; {_POINTS_PER_WRITE} points per upsert, {_DIM} dimensions, every commit synced"
    ]
    for name, tally in tallies.items():
        count = sum(map(len, tally.times.values()))
        lines.append(
            f"{name}: {count:,} requests in {tally.seconds:.1f} s, {count / tally.seconds:,.0f} per second, "
            f"{len(tally.errors)} errors, "
            f"{len(tally.acknowledged):,} points acknowledged, {len(tally.lost)} of them lost"
        )
        for kind, times in tally.times.items():
            if times:
                median, late = (1e3 * float(value) for value in np.percentile(times, (50, 99)))
                lines.append(f"  {kind:16}{len(times):>9,}   median {median:7.2f} ms   p99 {late:7.2f} ms")
        lines += [f"  {error}" for error in tally.errors[:5]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
