"""Many connections at once: `python -m benchmarks.load --seconds 60`.

This process reads and writes over several connections against `minidb serve` in another one: over REST, over gRPC, over
both at once; then it does the same through the client in this process. No request may fail, and every write that was
acknowledged must be found: at once, and again in the store the server has closed. Every commit is synced.
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
from typing import Any, NamedTuple, Protocol

import grpc
import numpy as np
import orjson

from minidb import QdrantClient, models
from minidb.errors import MinidbError
from minidb.grpc.descriptors import message_class
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


class Addresses(NamedTuple):
    """Where a server listens, each a host and a port."""

    rest: str
    grpc: str


class HttpDoor:
    """A kept-alive connection, as light as Python has it: what is measured is the server."""

    def __init__(self, addresses: Addresses) -> None:
        self._connection = http.client.HTTPConnection(addresses.rest)

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


class GrpcDoor:
    """A connection of its own, with messages that take vectors as bytes, as the server's do."""

    def __init__(self, addresses: Addresses) -> None:
        self._channel = grpc.insecure_channel(addresses.grpc, (("grpc.use_local_subchannel_pool", 1),))

    def upsert(self, ids: Sequence[int], vectors: Any) -> None:
        points = [
            {"id": {"num": point}, "vectors": {"vector": {"dense": {"data": vector.tobytes()}}}, "payload": payload}
            for point, vector in zip(ids, vectors, strict=True)
            for payload in [{name: _value(value) for name, value in _payload(point).items()}]
        ]
        self._send("Upsert", "UpsertPoints", "PointsOperationResponse", points=points, wait=True)

    def search(self, vector: Any, group: int | None) -> int:
        query = {"nearest": {"dense": {"data": vector.tobytes()}}}
        request: dict[str, Any] = {"query": query, "limit": _HITS, "with_payload": {"enable": True}}
        if group is not None:
            request["filter"] = {"must": [{"field": {"key": "group", "match": {"integer": group}}}]}
        return len(self._send("Query", "QueryPoints", "QueryResponse", **request).result)

    def scroll(self, offset: int) -> int:
        return len(
            self._send("Scroll", "ScrollPoints", "ScrollResponse", offset={"num": offset}, limit=_SCROLLED).result
        )

    def found(self, ids: Sequence[int]) -> set[int]:
        answer = self._send("Get", "GetPoints", "GetResponse", ids=[{"num": point} for point in ids])
        return {point.id.num for point in answer.result}

    def close(self) -> None:
        self._channel.close()

    def _send(self, rpc: str, request: str, response: str, **fields: Any) -> Any:
        message = message_class(request)(collection_name=_COLLECTION, **fields)
        call = self._channel.unary_unary(f"/qdrant.Points/{rpc}")
        try:
            return message_class(response).FromString(call(message.SerializeToString()))
        except grpc.RpcError as error:
            raise RequestFailed(f"{rpc}: {error.code().name} {error.details()}") from None


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
        self.lost |= other.lost
        self.seconds += other.seconds

    @property
    def is_clean(self) -> bool:
        return not self.errors and not self.lost and bool(self.acknowledged)


_DOORS: dict[str, tuple[type[HttpDoor | GrpcDoor], ...]] = {
    "REST": (HttpDoor,),
    "gRPC": (GrpcDoor,),
    "both, half of the connections each": (HttpDoor, GrpcDoor),
}
_CLIENT = "in process"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the doors and print what they did; 1 when a request failed or a write was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Many connections at once.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each door and round (60)")
    parser.add_argument("--connections", type=int, default=8, help="at the same time (8)")
    parser.add_argument("--rounds", type=int, default=1, help="in which the doors take turns (1)")
    options = parser.parse_args(arguments)
    tallies = {name: Tally() for name in (*_DOORS, _CLIENT)}
    with tempfile.TemporaryDirectory(prefix="minidb-load-") as folder:
        for number in range(options.rounds):
            for name, doors in _DOORS.items():
                path = Path(folder) / f"{number}-{'-'.join(door.__name__ for door in doors)}"
                tallies[name].add(_through_the_server(path, doors, options.connections, options.seconds))
            with one_blas_thread():  # as in the server
                path = Path(folder) / f"{number}-client"
                tallies[_CLIENT].add(_through_the_client(path, options.connections, options.seconds))
    print(_report(tallies, options.connections))
    return 0 if all(tally.is_clean for tally in tallies.values()) else 1


def _through_the_server(
    path: Path, doors: Sequence[type[HttpDoor | GrpcDoor]], connections: int, seconds: float
) -> Tally:
    with _server(path) as addresses:
        with closing(HttpDoor(addresses)) as door:
            door.create()
            _preload(door)
        tally = _drive(lambda number: doors[number % len(doors)](addresses), connections, seconds)
        for kind in doors:
            with closing(kind(addresses)) as asked:  # the first would have been idle for longer than a server keeps it
                tally.lost |= _missing(asked, tally.acknowledged)
    with QdrantClient(path) as client:
        tally.lost |= _missing(ClientDoor(client), tally.acknowledged)
    return tally


def _through_the_client(path: Path, connections: int, seconds: float) -> Tally:
    with QdrantClient(path) as client:
        door = ClientDoor(client)
        door.create()
        _preload(door)
        tally = _drive(lambda number: door, connections, seconds)
    with QdrantClient(path) as client:
        tally.lost |= _missing(ClientDoor(client), tally.acknowledged)
    return tally


@contextmanager
def _server(path: Path) -> Iterator[Addresses]:
    """The addresses of a server as a process of its own; raises when it does not stop in order."""
    command = [sys.executable, "-m", "minidb", "serve", "--path", str(path), "--port", "0"]
    log = path.with_suffix(".log")
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            found = re.search(r"http://(\S+:\d+).* for gRPC on (\S+:\d+)", process.stdout.readline())
            if found is None:
                raise RuntimeError(log.read_text())
            yield Addresses(found[1], found[2])
            process.send_signal(signal.SIGTERM)
            if process.wait(_STOP_S) != 0:
                raise RuntimeError(f"the server ended with {process.returncode}")
        finally:
            process.kill()


def _preload(door: Door) -> None:
    vectors = np.random.default_rng(0).standard_normal((_PRELOADED, _DIM), np.float32)
    for start in range(0, _PRELOADED, _PAGE):
        door.upsert(range(start, start + _PAGE), vectors[start : start + _PAGE])


def _drive(connect: Callable[[int], Door], connections: int, seconds: float) -> Tally:
    tallies = [Tally() for _ in range(connections)]
    begin = threading.Barrier(connections + 1)
    end = threading.Event()

    def work(number: int) -> None:
        with closing(connect(number)) as door:
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
    total = Tally()
    for tally in tallies:
        total.add(tally)
    total.seconds = time.perf_counter() - started
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


def _value(value: int | str) -> dict[str, int | str]:
    return {"integer_value" if isinstance(value, int) else "string_value": value}


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
