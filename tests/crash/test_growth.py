"""A map that gets too small grows unseen; a disk that gets full is an error, and the store stays readable and whole."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_processes import BATCH, NAME, SIZE, child, create_tagged, expect, tags, tell, write_tag

from minidb import QdrantClient, models
from minidb.database import Database
from minidb.errors import InsufficientStorage

TINY = 128 * 1024


def opened(path: Path, map_bytes: int) -> QdrantClient:
    """A client whose map starts small, as it does on systems where address space costs something."""
    client = QdrantClient(":memory:")
    client.close()
    client._database = Database(path, map_bytes=map_bytes)
    return client


def map_bytes_of(client: QdrantClient) -> int:
    return int(client._database._store.environment.info()["map_size"])  # type: ignore[attr-defined]


def test_the_map_grows_under_readers_and_concurrent_writers(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with opened(tmp_path, TINY) as client:
        create_tagged(client)
        stop = threading.Event()

        def guarded(work: Any, *arguments: Any) -> None:
            try:
                work(*arguments)
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        def read() -> None:
            while not stop.is_set():
                assert set(tags(client).values()) <= {BATCH}

        def write(thread: int) -> None:
            for round_ in range(40):
                write_tag(client, thread * 1000 + round_ * BATCH, thread * 100 + round_ + 1)

        readers = [threading.Thread(target=guarded, args=(read,)) for _ in range(3)]
        writers = [threading.Thread(target=guarded, args=(write, at)) for at in range(3)]
        for thread in [*readers, *writers]:
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert not failures, failures
        assert len(tags(client)) == 120
        assert map_bytes_of(client) > TINY


GROWER = """
import sys
from pathlib import Path
from test_growth import TINY, opened
from test_processes import tags, write_tag
with opened(Path(sys.argv[1]), TINY) as client:
    print("open", flush=True)
    sys.stdin.readline()
    for tag in range(1, 101):
        write_tag(client, tag * 10, tag)
    print("written", flush=True)
    sys.stdin.readline()
    assert len(tags(client)) == 200
"""


def test_a_map_another_process_grew_is_adopted(tmp_path: Path) -> None:
    with opened(tmp_path, TINY) as client:
        create_tagged(client)
        with child(GROWER, tmp_path) as other:
            expect(other, "open")
            tell(other, "go")
            while max(tags(client), default=0) < 100:
                assert set(tags(client).values()) <= {BATCH}
            expect(other, "written")
            for tag in range(101, 201):
                write_tag(client, tag * 10, tag)
            tell(other, "read")
        assert len(tags(client)) == 200


def test_one_write_larger_than_the_map(tmp_path: Path) -> None:
    with opened(tmp_path, TINY) as client:
        create_tagged(client)
        payload = {"text": "x" * 5000}
        client.upsert(
            NAME, [models.PointStruct(id=at, vector={"": [0.0] * SIZE}, payload=payload) for at in range(500)]
        )
        assert client.count(NAME).count == 500
        assert client.retrieve(NAME, [499])[0].payload == payload


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("not permitted to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # closed clients' maps may wait for the collector


def fill(folder: Path, leave_bytes: int) -> Path:
    """A file that takes all but so much of the disk."""
    file = folder / "ballast"
    free = os.statvfs(folder)
    file.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave_bytes)))
    return file


def first_refused(client: QdrantClient) -> int:
    """Write tags from 2 on until the disk is full."""
    for tag in range(2, 1000):
        with suppress(InsufficientStorage):
            write_tag(client, tag * BATCH, tag)
            continue
        return tag
    raise AssertionError("the disk is not full")


def test_a_full_disk_refuses_small_writes_and_keeps_what_is_there(small_disk: Path) -> None:
    """The tables are what runs out."""
    with QdrantClient(small_disk / "store") as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        ballast = fill(small_disk, 100_000)
        tag = first_refused(client)
        assert tag > 2
        for _ in range(3):
            assert tags(client) == dict.fromkeys(range(1, tag), BATCH)
            with pytest.raises(InsufficientStorage):
                write_tag(client, tag * BATCH, tag)
        ballast.unlink()
        write_tag(client, tag * BATCH, tag)
        assert tags(client) == dict.fromkeys(range(1, tag + 1), BATCH)
    with QdrantClient(small_disk / "store") as client:
        assert tags(client) == dict.fromkeys(range(1, tag + 1), BATCH)


def test_a_full_disk_refuses_a_large_batch_whole(small_disk: Path) -> None:
    """The row file is what runs out."""
    vectors = np.ones((3000, 256), np.float32)
    with QdrantClient(small_disk / "store") as client:
        client.create_collection("large", models.VectorParams(size=256, distance=models.Distance.DOT))
        client.upload_collection("large", vectors[:300], ids=range(300))
        with pytest.raises(InsufficientStorage, match="No space left"):
            client.upsert("large", models.Batch(ids=list(range(1000, 5000)), vectors=np.ones((4000, 256), np.float32)))
        assert client.count("large").count == 300
        assert len(client.query_points("large", [1.0] * 256, limit=1000).points) == 300
        client.upload_collection("large", vectors[:300], ids=range(300, 600))
        assert client.count("large").count == 600
    with QdrantClient(small_disk / "store") as client:
        assert len(client.query_points("large", [1.0] * 256, limit=1000).points) == 600


def test_a_store_on_a_full_disk_opens_and_reads(small_disk: Path) -> None:
    with QdrantClient(small_disk / "store") as client:
        create_tagged(client)
        for tag in range(1, 20):
            write_tag(client, tag * BATCH, tag)
    ballast = fill(small_disk, 0)
    with QdrantClient(small_disk / "store") as client:
        assert tags(client) == dict.fromkeys(range(1, 20), BATCH)
    ballast.unlink()
    with QdrantClient(small_disk / "store") as client:
        write_tag(client, 0, 100)
        assert len(tags(client)) == 20
