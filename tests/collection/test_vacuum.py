"""Vacuum: the next generation of a collection's rows is copied in steps, and what it must not disturb."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, models
from minidb.collection import chunks
from minidb.collection import vacuum as vacuuming
from minidb.collection.collection import snapshot_of
from minidb.collection.vacuum import vacuum
from minidb.errors import MinidbError, NotFound
from minidb.storage import spaces

VECTOR = models.VectorParams(size=1, distance=models.Distance.DOT)
ALL_KINDS: dict[str, Any] = {
    "vectors_config": {
        "dense": models.VectorParams(size=2, distance=models.Distance.DOT),
        "multi": models.VectorParams(
            size=2,
            distance=models.Distance.DOT,
            multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        ),
    },
    "sparse_vectors_config": {"sparse": models.SparseVectorParams()},
}


def collection_of(client: QdrantClient, name: str = "c") -> Any:
    with client._database.snapshot(name) as snapshot:
        return snapshot.collection


def vacuum_now(client: QdrantClient, between: Callable[[], None] = lambda: None) -> None:
    vacuum(client._database._store, collection_of(client), between)


def rows_of(client: QdrantClient) -> tuple[int, int]:
    with client._database.snapshot("c") as snapshot:
        return snapshot.view.n_rows, snapshot.view.n_alive


def test_of_a_collection_deleted_in_the_commit_that_wrote_to_it_last_there_is_nothing_left(
    client: QdrantClient,
) -> None:
    """A write and a deletion that share a commit: the write's view was published, and its rows were gone."""
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0]) for at in range(3)])
    collection, queue = collection_of(client), client._database._store._queue  # type: ignore[union-attr]
    writes: list[Callable[[], object]] = [lambda: client.delete("c", [1]), lambda: client.delete_collection("c")]
    with queue.paused():
        threads = [threading.Thread(target=write) for write in writes]
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(queue._queue) < number:
                pass
    for thread in threads:
        thread.join()
    with pytest.raises(NotFound), snapshot_of(collection):
        pass


def contents(client: QdrantClient) -> dict[Any, Any]:
    records, _ = client.scroll("c", limit=100_000, with_vectors=True)
    return {record.id: (record.payload, record.vector) for record in records}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuuming, "STEP_ROWS", 7)
    monkeypatch.setattr(chunks, "STEP_ROWS", 7)
    monkeypatch.setattr(spaces, "_ENTRIES_PER_COMMIT", 11)


def test_with_nothing_to_do_it_changes_nothing(client: QdrantClient) -> None:
    """An empty commit gets no number of its own; readers once waited for it for ever."""
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    vacuum_now(client)
    assert client.count("c").count == 1
    client.upsert("c", [models.PointStruct(id=2, vector=[1.0])])
    assert client.count("c").count == 2


class RandomWrites:
    """Points of every kind of vector, written in every way, and what they should be."""

    def __init__(self, client: QdrantClient, seed: int) -> None:
        self.client, self.rng = client, random.Random(seed)
        self.expected: dict[Any, Any] = {}
        client.create_collection("c", **ALL_KINDS)

    def vector(self) -> dict[str, Any]:
        numbers = lambda: [float(self.rng.randrange(1, 9)) for _ in range(2)]  # noqa: E731
        kinds = {
            "dense": numbers(),
            "multi": [numbers() for _ in range(self.rng.randrange(1, 4))],
            "sparse": models.SparseVector(indices=[1, self.rng.randrange(2, 9)], values=numbers()),
        }
        return {name: vector for name, vector in kinds.items() if self.rng.random() < 0.8}

    def an_id(self) -> Any:
        number = self.rng.randrange(120)
        return number if number % 5 else f"00000000-0000-0000-0000-{number:012}"

    def write(self) -> None:
        ids = {self.an_id() for _ in range(self.rng.randrange(1, 6))}
        there = [each for each in ids if each in self.expected]
        kind = self.rng.choice(["upsert", "upsert", "delete", "payload", "vectors"])
        if kind == "upsert":
            points = [(each, {"n": self.rng.randrange(99)}, self.vector()) for each in ids]
            self.client.upsert("c", [models.PointStruct(id=i, payload=p, vector=v) for i, p, v in points])
            self.expected |= {i: (p, v) for i, p, v in points}
        elif kind == "delete":
            self.client.delete("c", list(ids))
            for each in there:
                del self.expected[each]
        elif kind == "payload" and there:
            self.client.set_payload("c", {"more": 1}, points=there)
            for each in there:
                payload, vector = self.expected[each]
                self.expected[each] = ({**payload, "more": 1}, vector)
        elif there:
            new = {each: self.vector() or {"dense": [3.0, 4.0]} for each in there}
            self.client.update_vectors("c", [models.PointVectors(id=i, vector=v) for i, v in new.items()])
            for each, vector in new.items():
                payload, old = self.expected[each]
                self.expected[each] = (payload, {**old, **vector})


@pytest.mark.parametrize("seed", range(12))
def test_what_is_written_between_its_steps_is_in_the_next_generation(
    client: QdrantClient, small_steps: None, seed: int
) -> None:
    writes, n_steps = RandomWrites(client, seed), 0
    for _ in range(150):
        writes.write()

    def between() -> None:
        nonlocal n_steps
        n_steps += 1
        for _ in range(writes.rng.randrange(3)):
            writes.write()

    before = rows_of(client)
    vacuum_now(client, between)
    assert n_steps > 5
    assert contents(client) == writes.expected
    n_rows, n_alive = rows_of(client)
    assert n_alive == before[1] + len(writes.expected) - before[1]
    assert n_rows - n_alive < before[0] - before[1]
    for _ in range(20):
        writes.write()
    assert contents(client) == writes.expected
    found = client.query_points("c", query=[1.0, 1.0], using="dense", limit=200).points
    assert {hit.id for hit in found} == {each for each, (_, v) in writes.expected.items() if "dense" in v}
    found = client.query_points("c", query=models.SparseVector(indices=[1], values=[1.0]), using="sparse", limit=200)
    assert {hit.id for hit in found.points} == {each for each, (_, v) in writes.expected.items() if "sparse" in v}
    vacuum_now(client)
    assert client.verify().is_whole
    assert contents(client) == writes.expected


@pytest.mark.parametrize("seed", range(4))
def test_opened_again_the_next_generation_is_what_was_written(tmp_path: Path, small_steps: None, seed: int) -> None:
    client = QdrantClient(path=tmp_path / "store")
    writes = RandomWrites(client, seed)
    for _ in range(100):
        writes.write()
    vacuum_now(client, writes.write)
    writes.write()
    client.close()
    with QdrantClient(path=tmp_path / "store") as client:
        assert contents(client) == writes.expected
        assert client.verify().is_whole


def test_given_up_it_leaves_nothing(client: QdrantClient, small_steps: None) -> None:
    class Enough(Exception):
        pass

    writes = RandomWrites(client, 1)
    for _ in range(100):
        writes.write()
    store, n_left = client._database._store, 9

    def stop() -> None:
        nonlocal n_left
        n_left -= 1
        if not n_left:
            raise Enough

    entries, folders = entries_of(store), folders_of(store)
    with pytest.raises(Enough):
        vacuum_now(client, stop)
    spaces.clean(store)
    assert contents(client) == writes.expected
    assert (entries_of(store), folders_of(store)) == (entries, folders)


def test_a_collection_deleted_meanwhile_stays_deleted(client: QdrantClient, small_steps: None) -> None:
    writes = RandomWrites(client, 2)
    for _ in range(100):
        writes.write()
    n_steps = 0

    def delete() -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == 4:
            client.delete_collection("c")

    with pytest.raises(MinidbError, match="doesn't exist"):
        vacuum_now(client, delete)
    spaces.clean(client._database._store)
    assert not client.collection_exists("c")
    assert set(entries_of(client._database._store)) == {"meta"}


def test_writers_come_in_between_when_much_is_deleted(
    client: QdrantClient, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_collection("large", VECTOR)
    client.upsert("large", [models.PointStruct(id=at, vector=[1.0]) for at in range(100)])
    client.create_collection("c", VECTOR)
    store, asked = client._database._store, list[bool]()
    monkeypatch.setattr(client._database._indexer, "tidy", lambda: asked.append(True))
    client.delete_collection("large")
    assert asked
    assert entries_of(store)["records"] > 50
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    assert contents(client) == {1: ({}, [1.0])}
    client.create_collection("large", VECTOR)
    assert client.count("large").count == 0
    spaces.clean(store)
    assert entries_of(store) == {"ids": 1, "records": 1, "meta": 0}


def test_what_a_killed_process_left_half_filled_or_half_deleted_goes(tmp_path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from minidb import QdrantClient, models
from minidb.collection import vacuum as vacuuming
from minidb.collection.collection import snapshot_of
from minidb.storage import spaces
vacuuming.STEP_ROWS, spaces._ENTRIES_PER_COMMIT = 7, 11
client = QdrantClient(path={str(tmp_path / "store")!r})
vector = models.VectorParams(size=1, distance=models.Distance.DOT)
for name in ("c", "large"):
    client.create_collection(name, vector)
    client.upsert(name, [models.PointStruct(id=at, vector=[1.0]) for at in range(100)])
client.delete("c", [1])
client._database._indexer.tidy = lambda: None
client.delete_collection("large")
with client._database.snapshot("c") as snapshot:
    collection = snapshot.collection
n = 0
def die():
    global n
    n += 1
    if n == 8:
        os._exit(1)
vacuuming.vacuum(client._database._store, collection, die)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 1
    with QdrantClient(path=tmp_path / "store") as client:
        store = client._database._store
        assert len(folders_of(store)) == 1
        assert client.count("c").count == 99
        client._database._indexer._wait(lambda: not client._database._indexer.is_running, 60)
        assert entries_of(store) == {"ids": 99, "records": 99, "meta": 0}
        assert client.verify().is_whole


def test_what_another_process_fills_is_left_alone(tmp_path: Path, small_steps: None) -> None:
    """Opening looks for what was left behind; a space that is being filled once looked like it."""
    client = QdrantClient(path=tmp_path / "store")
    writes, n_steps = RandomWrites(client, 3), 0
    for _ in range(60):
        writes.write()

    def open_there() -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == 4:
            script = f"from minidb import QdrantClient; QdrantClient(path={str(tmp_path / 'store')!r}).close()"
            subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

    before = rows_of(client)
    vacuum_now(client, open_there)
    assert rows_of(client)[0] < before[0]
    assert contents(client) == writes.expected
    assert client.verify().is_whole
    client.close()


def test_writes_that_share_its_commit_are_in_the_next_generation(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR, optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100))

    def rewrite(first: int) -> None:
        for round_ in range(60):
            points = [
                models.PointStruct(id=first + at, vector=[float(round_)], payload={"n": round_}) for at in range(10)
            ]
            client.upsert("c", points)

    threads = [threading.Thread(target=rewrite, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.wait_until_indexed("c")
    found = client.scroll("c", limit=100, with_vectors=True)[0]
    assert len(found) == client.count("c").count == 40
    assert all(record.vector == [59.0] and record.payload == {"n": 59} for record in found)


def entries_of(store: Any) -> dict[str, int]:
    """How many entries tables have that have any; numbers of spaces and commits are not looked at."""
    with store.read() as txn:
        counts = {table: sum(1 for _ in txn.scan(table, b"", b"\xff" * 64)) for table in ("ids", "records", "sparse")}
        counts["meta"] = sum(1 for _ in txn.scan("meta", b"unused", b"unuseE"))
    return {table: n for table, n in counts.items() if n or table == "meta"}


def folders_of(store: Any) -> list[str]:
    return sorted(path.name for path in (store.path / "rows").iterdir()) if store.path else []
