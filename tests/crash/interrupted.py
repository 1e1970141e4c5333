"""Is interrupted again and again while it reads, writes, vacuums and closes; prints what is left afterwards, as JSON.

python interrupted.py PATH|:memory: N_INTERRUPTS SEED SHARE_OF_LONG_WORK
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidb import QdrantClient, models
from minidb.system import threads

SIZE, N_IDS, N_OTHERS = 16, 600, 2
_LONGEST_S, _AGAIN_S = 0.006, 0.05


RUNNING: set[threads._Job[Any]] = set()
"""What other threads do for the main one, or still did when it was interrupted."""


class _Job(threads._Job[Any]):
    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(function)
        RUNNING.add(self)

    def run(self) -> None:
        try:
            super().run()
        finally:
            RUNNING.discard(self)

    __slots__ = ()


threads._Job = _Job  # type: ignore[misc]


class Storm:
    """`Interrupted` at random moments of the main thread."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._is_on = self.has_struck = False
        signal.signal(signal.SIGALRM, self._strike)

    def _strike(self, *_: object) -> None:
        if self._is_on:
            self.has_struck = True
            raise KeyboardInterrupt

    def during(self, work: Callable[[], None]) -> None:
        """Run `work` again and again until it is interrupted."""
        self.has_struck = False
        try:
            self._is_on = True
            # and again, where something has swallowed the first
            signal.setitimer(signal.ITIMER_REAL, self._rng.uniform(1e-5, _LONGEST_S), _AGAIN_S)
            while True:
                work()
        except KeyboardInterrupt:
            self._is_on = False


class World:
    """A collection, its random use, and what was acknowledged of it."""

    def __init__(self, location: str, seed: int, share_of_long: float) -> None:
        self.location = location
        self.rng, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.client = QdrantClient(location, durability="normal")
        if not self.client.collection_exists("c"):
            self.client.create_collection(
                "c",
                vectors_config=models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
                sparse_vectors_config={"s": models.SparseVectorParams()},
                hnsw_config=models.HnswConfigDiff(m=8, ef_construct=40),
                optimizers_config=models.OptimizersConfigDiff(
                    indexing_threshold=10, vacuum_min_vector_number=100, deleted_threshold=0.2
                ),
            )
        self.known: dict[int, int | None] = {}
        """The value of points whose last write was acknowledged; None for deleted ones."""
        self.n_writes = 0
        self.share_of_long = share_of_long
        self.kept: tuple[str, dict[int, int | None]] | None = None
        """Where a snapshot lies, and what was known then."""
        self.is_restoring = False

    def use(self) -> None:
        while self.is_restoring:  # interrupted, it goes on: what is written before it is through is not there after it
            if not RUNNING:
                self.is_restoring = False
        short = [self.upsert, self.upsert, self.delete, self.search, self.batch, self.look, self.others]
        long = [self.snapshot, self.restore, self.move, self.client.compact]
        self.rng.choice(short + long if self.rng.random() < self.share_of_long else short)()

    def upsert(self) -> None:
        ids = self.rng.sample(range(N_IDS), self.rng.choice([1, 1, 5, 120]))
        self.n_writes += 1
        value = self.n_writes
        for point in ids:
            self.known.pop(point, None)
        sparse = models.SparseVector(indices=[1, 2], values=[1.0, 2.0])
        vectors = self.numbers.random((len(ids), SIZE)).tolist()
        points = [
            models.PointStruct(id=point, vector={"": vector, "s": sparse}, payload={"v": value})
            for point, vector in zip(ids, vectors, strict=True)
        ]
        self.client.upsert("c", points)
        self.known.update(dict.fromkeys(ids, value))

    def delete(self) -> None:
        ids = self.rng.sample(range(N_IDS), 20)
        for point in ids:
            self.known.pop(point, None)
        self.client.delete("c", ids)
        self.known.update(dict.fromkeys(ids))

    def search(self) -> None:
        above = models.FieldCondition(key="v", range=models.Range(gte=self.n_writes // 2))
        self.client.query_points("c", self.numbers.random(SIZE), limit=10, query_filter=models.Filter(must=[above]))

    def batch(self) -> None:
        queries = [models.QueryRequest(query=self.numbers.random(SIZE).tolist(), limit=3)] * 20
        self.client.query_batch_points("c", queries)

    def look(self) -> None:
        self.client.scroll("c", limit=50)
        self.client.count("c")
        self.client.get_collection("c")

    def others(self) -> None:
        """A collection that comes and goes, another client that opens and closes."""
        with QdrantClient(self.location, durability="normal") as other:
            other.create_collection("d", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
            other.upsert("d", [models.PointStruct(id=1, vector=[1.0, 0.0])])
            other.delete_collection("d")

    def snapshot(self) -> None:
        known = dict(self.known)
        for each in self.client.list_snapshots("c")[:-2]:
            if self.kept is None or each.name not in self.kept[0]:
                self.client.delete_snapshot("c", each.name)
        made = self.client.create_snapshot("c")
        path = self.client._database.snapshots.path("c", made.name)
        self.kept = path.as_uri(), known

    def restore(self) -> None:
        """Also of other threads' points, which nobody compares."""
        if self.kept is not None:
            self.known, self.is_restoring = {}, True
            self.client.recover_snapshot("c", self.kept[0])
            self.known, self.is_restoring = dict(self.kept[1]), False

    def move(self) -> None:
        with QdrantClient(":memory:") as peer:
            self.client.push(peer, ["c"])
            self.client.pull(peer, ["c"])
            self.client.migrate(peer, ["c"], recreate_on_collision=True)

    def wrong(self) -> list[int]:
        """Ids that are not as they were last acknowledged to be."""
        found: dict[int, Any] = {}
        offset = None
        while True:
            page, offset = self.client.scroll("c", limit=500, offset=offset)
            found.update((int(record.id), (record.payload or {})["v"]) for record in page if int(record.id) < N_IDS)
            if offset is None:
                break
        return [point for point, value in self.known.items() if found.get(point) != value]


@contextmanager
def told(failures: list[str], storm: Storm | None = None) -> Iterator[None]:
    """Errors, for the test; "d" may be there when an interrupt has left it. Of an interrupt amid one of its callbacks
    pydantic makes an error, or a warning, of its own.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001
        if "already exists" not in str(error) and not (storm and storm.has_struck):
            failures.append(repr(error))


def at_work(client: QdrantClient, seed: int, stop: threading.Event, failures: list[str]) -> None:
    """Another thread, which nothing interrupts and nothing may keep from working."""
    numbers = np.random.default_rng(seed)
    while not stop.is_set():
        with told(failures):
            vector = numbers.random(SIZE)
            point = models.PointStruct(id=N_IDS + seed, vector=vector.tolist(), payload={"v": 0})
            client.upsert("c", [point])
            client.query_points("c", vector, limit=5)


def descriptors() -> list[str]:
    return [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]


def main(location: str, n_interrupts: int, seed: int, share_of_long: float) -> None:
    world = World(location, seed, share_of_long)
    for _ in range(40):  # what is made at first use is made
        world.use()
        if world.client.collection_exists("d"):
            world.client.delete_collection("d")
    for work in (world.snapshot, world.restore, world.move, world.client.compact):
        work()
    stop, failures = threading.Event(), []  # type: ignore[var-annotated]
    others = [
        threading.Thread(target=at_work, args=(world.client, at, stop, failures), daemon=True) for at in range(N_OTHERS)
    ]
    for other in others:
        other.start()
    storm = Storm(world.rng)

    def use() -> None:
        with told(failures, storm):
            world.use()

    for _ in range(n_interrupts):
        storm.during(use)
    signal.setitimer(signal.ITIMER_REAL, 0)
    stop.set()
    for other in others:
        other.join()
    wrong = world.wrong()
    gc.collect()
    world.client.close()
    reopened = None
    if location != ":memory:":
        world.client = QdrantClient(location)
        reopened = world.wrong()
        world.client.close()
    gc.collect()  # errors hold the frames they went through
    left = {
        "wrong": wrong,
        "wrong when reopened": reopened or [],
        "failures": failures[:3],
        "files": [path for path in map(os.path.realpath, descriptors()) if location in path],
        "threads": len(os.listdir("/proc/self/task")),
    }
    print(json.dumps(left))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
