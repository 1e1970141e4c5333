"""A restore is seen whole or not at all: by readers in threads, by other processes, and after a kill."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshot_world import dump, files, location

from minidb import QdrantClient, models
from minidb.errors import InsufficientStorage
from minidb.snapshots import snapshots

N, SIZE = 3000, 64
WORDS = models.SparseVector(indices=[1], values=[1.0])


def make(client: QdrantClient, tag: int, name: str = "c") -> str:
    """A collection whose every point says `tag`, and its snapshot's address."""
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=SIZE + tag, distance=models.Distance.EUCLID),
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    n = N + 1000 * tag
    dense = np.full((n, SIZE + tag), tag, np.float32)
    words = [models.SparseVector(indices=[1], values=[1.0 + tag])] * n
    client.upsert(
        name, models.Batch(ids=list(range(n)), vectors={"": dense, "words": words}, payloads=[{"tag": tag}] * n)
    )
    client.create_payload_index(name, "tag", "integer")
    return location(client, name, client.create_snapshot(name).name)


def two(client: QdrantClient) -> list[str]:
    """A collection `c` as it was at two times, the later with other vectors; it is as at the later one."""
    first = make(client, 0)
    client.delete_collection("c")
    return [first, make(client, 1)]


def seen(client: QdrantClient, way: int) -> int:
    """Which of the two states one call shows, whole."""
    if way == 0:
        found = Counter(
            (point.payload["tag"], len(point.vector[""]), point.vector[""][0], point.vector["words"].values[0])
            for point in client.scroll("c", limit=100_000, with_vectors=True)[0]
        )
        tag = int(next(iter(found))[0])
        assert found == {(tag, SIZE + tag, float(tag), 1.0 + tag): N + 1000 * tag}
    elif way == 1:
        hits = client.query_points("c", WORDS, using="words", limit=100_000).points
        tag = hits[0].payload["tag"]
        assert Counter((hit.payload["tag"], hit.score) for hit in hits) == {(tag, 1.0 + tag): N + 1000 * tag}
    elif way == 2:
        (value,) = client.facet("c", "tag").hits
        tag = int(value.value)
        assert value.count == N + 1000 * tag
    else:
        info = client.get_collection("c")
        tag = info.config.params.vectors.size - SIZE
        assert info.points_count == N + 1000 * tag
    return tag


@pytest.mark.parametrize("place", ["memory", "durable"])
def test_readers_see_the_old_collection_or_the_new_one(tmp_path: Path, place: str) -> None:
    failures: list[BaseException] = []
    with QdrantClient(":memory:" if place == "memory" else tmp_path, durability="off") as client:
        urls = two(client)
        stop, tags = threading.Event(), set()

        def read(way: int) -> None:
            try:
                while not stop.is_set():
                    tags.add(seen(client, way))
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        threads = [threading.Thread(target=read, args=(way,)) for way in range(4)]
        for thread in threads:
            thread.start()
        for url in urls * 4:
            client.recover_snapshot("c", url)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert tags == {0, 1}


@pytest.mark.parametrize("place", ["memory", "durable"])
def test_a_snapshot_made_while_others_write_shows_one_commit(tmp_path: Path, place: str) -> None:
    failures: list[BaseException] = []
    with QdrantClient(":memory:" if place == "memory" else tmp_path, durability="off") as client:
        client.create_collection("c", models.VectorParams(size=4, distance=models.Distance.DOT))
        stop = threading.Event()

        def write() -> None:
            try:
                for number in range(1, 100_000):
                    if stop.is_set():
                        return
                    points = [models.PointStruct(id=at, vector=[number] * 4, payload={"n": number}) for at in range(50)]
                    client.upsert("c", points)
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        while not client.count("c").count:
            pass
        urls = [location(client, "c", client.create_snapshot("c").name) for _ in range(10)]
        stop.set()
        thread.join()
        assert not failures, failures
        numbers = []
        for url in urls:
            client.recover_snapshot("copy", url)
            found = client.scroll("copy", limit=1000, with_vectors=True)[0]
            ((number, vector),) = {(point.payload["n"], tuple(point.vector)) for point in found}
            assert len(found) == 50
            assert vector == (number,) * 4
            numbers.append(number)
        assert numbers == sorted(numbers)


@contextmanager
def restorer(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("restorer.py")), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def once_more(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def done(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_another_process_sees_a_restore_at_its_next_call(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        urls = two(client)
        with restorer("restore", tmp_path, *urls) as process:
            for _ in range(3):
                for tag, url in enumerate(urls):
                    assert done(process) == url
                    for way in range(4):
                        assert seen(client, way) == tag
                    client.upsert("c", [models.PointStruct(id=1, vector=[float(tag)] * (SIZE + tag))])
                    assert client.retrieve("c", [1], with_vectors=True)[0].vector == [float(tag)] * (SIZE + tag)
                    once_more(process)


def killed(what: str, path: Path, urls: list[str], rng: random.Random) -> None:
    """Kill a process somewhere within what it does for the second time; how long that takes it shows the first time."""
    with restorer(what, path, *urls) as process:
        done(process)
        started = time.monotonic()
        once_more(process)
        done(process)
        took = time.monotonic() - started
        once_more(process)
        try:
            process.wait(rng.uniform(0.0, took))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()


def old(path: Path) -> None:
    """Let the files under way look as if they had been left long ago."""
    for file in (path / "snapshots").rglob("*"):
        os.utime(file, (0, 0))


def test_a_killed_restore_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    rng = random.Random(4)
    with QdrantClient(tmp_path) as client:
        urls = two(client)
        there = files(client)
    for _ in range(4):
        killed("restore", tmp_path, urls, rng)
        with QdrantClient(tmp_path) as client:
            assert {seen(client, way) for way in range(4)} in ({0}, {1})
            assert files(client) == there
            assert len(list((tmp_path / "rows").iterdir())) == 1
            client.upsert("c", [models.PointStruct(id=1, vector={"words": WORDS})])
            client.recover_snapshot("c", urls[1])


def test_a_killed_create_leaves_no_snapshot_or_a_whole_one(tmp_path: Path) -> None:
    rng = random.Random(5)
    with QdrantClient(tmp_path) as client:
        two(client)
        before = dump(client)
    for _ in range(3):
        killed("create", tmp_path, [], rng)
        old(tmp_path)
        with QdrantClient(tmp_path) as client:
            assert dump(client) == before
            made = client.list_snapshots("c")
            assert len(made) >= 2
            for snapshot in made:
                path = client._database.snapshots.path("c", snapshot.name)
                assert hashlib.sha256(path.read_bytes()).hexdigest() == snapshot.checksum
            kept = [str(path) for path in (tmp_path / "snapshots").rglob("*") if path.is_file()]
            assert len(kept) == 2 * len([path for path in kept if path.endswith(".snapshot")])
            client.recover_snapshot("c", path.as_uri())
            assert dump(client) == before
            for snapshot in made:
                client.delete_snapshot("c", snapshot.name)


def test_an_upload_under_way_is_not_mistaken_for_a_leftover(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        with client._database.snapshots.scratch_file() as mine:
            mine.write_bytes(b"being received")
            left = mine.with_name("left.part")
            left.write_bytes(b"of a killed process")
            os.utime(left, (0, 0))
            snapshots.Snapshots(client._database, client._database._store)  # as another process does when it opens
            assert mine.exists()
            assert not left.exists()
        assert not mine.exists()


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with QdrantClient(tmp_path) as client:
        make(client, 0)
        there = files(client)
        real = snapshots.archive.points_frame

        def full(chunk: Any) -> Any:
            real(chunk)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(snapshots.archive, "points_frame", full)
        with pytest.raises(InsufficientStorage, match="No space left"):
            client.create_snapshot("c")
        assert files(client) == there
