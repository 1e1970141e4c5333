"""A power cut takes what was not synced. In `full` nothing acknowledged goes, in `normal` the last commits may; in both
the store opens and is as it was after one of its commits.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from crash_model import State, check_by_search, create, operation, read_all
from recorded_disk import Image, RecordedDisk
from second_writer import SecondWriter

from minidb import QdrantClient, models
from minidb.errors import CorruptionError
from minidb.storage import lmdb_store, rows
from minidb.storage.interface import Durability
from minidb.storage.pages import is_unmade

N_IMAGES = int(os.environ.get("MINIDB_POWER_CUTS", "40"))
"""Of each mode, way to write and number of writing processes."""
N_OPERATIONS = 40
OTHER = "comes and goes"
PAGE = 4096


@pytest.fixture(autouse=True)
def early_background_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.collection.index_plan._TAIL_ROWS", 50)
    monkeypatch.setattr("minidb.collection.index_plan._LEAST_CHECK_ROWS", 50)


def history(client: QdrantClient, disk: RecordedDisk, seed: int, second: SecondWriter | None = None) -> list[State]:
    """Random operations, acknowledged one by one; what the store holds after each. With a second writer in turns."""
    create(client)
    states: list[State] = [{}]
    disk.acknowledged(0)
    for number in range(N_OPERATIONS):
        step = operation(seed, number, sorted(states[-1]))
        if len(step.points) > 150:  # large enough to be synced by itself, see `small_log`
            step = replace(step, points=dict(list(step.points.items())[:150]))
        if second is not None and number % 3:
            client.wait_until_indexed("points", 60)
            second.turn(step)
        else:
            step.run(client)
        states.append(step.apply(states[-1]))
        disk.acknowledged(len(states) - 1)
        if number % 7 == 3:  # spaces that are dropped
            client.create_collection(OTHER, models.VectorParams(size=4, distance=models.Distance.DOT))
            client.upsert(OTHER, [models.PointStruct(id=1, vector=[1.0] * 4)])
            client.delete_collection(OTHER)
        if number % 13 == 5 and second is None:
            client.compact()
    if second is not None:
        client.wait_until_indexed("points", 60)
        second.turn(None)
    return states


@pytest.mark.parametrize("writers", [1, 2])
@pytest.mark.parametrize("wal_bytes", [1 << 40, 100_000], ids=["log never emptied", "log emptied often"])
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_power_cut_leaves_the_store_as_of_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, wal_bytes: int, writers: int
) -> None:
    monkeypatch.setattr(lmdb_store, "_WAL_CHECKPOINT_BYTES", wal_bytes)
    monkeypatch.setattr(rows, "WAL_LIMIT_BYTES", 32 * 1024)
    with monkeypatch.context() as recording:
        disk = RecordedDisk(tmp_path / "store", durability, recording)
        with QdrantClient(tmp_path / "store", durability=durability) as client:
            second = SecondWriter(disk, tmp_path / "store", durability, wal_bytes) if writers == 2 else None
            states = history(client, disk, wal_bytes % 97, second)
            client.wait_until_indexed("points", 60)
    first = next(at for at, event in enumerate(disk.events) if event == ("acknowledged", 0))
    assert any(event[0] == "unlink" for event in disk.events[first:])
    rng = random.Random(wal_bytes)
    for number in range(N_IMAGES):
        cut = rng.randrange(first + 1, len(disk.events) + 1)
        known = max(event[1] for event in disk.events[:cut] if event[0] == "acknowledged")
        image = tmp_path / f"image {number}"
        Image(disk.events[:cut], rng).write_to(image)
        least = known if durability == "full" else 0
        check_image(image / "store", states[least : known + 2], lambda n=number: f"image {n}")


def check_image(store: Path, allowed: list[State], name: Callable[[], str]) -> None:
    for _ in range(2):  # the first opening replays, and must leave a store that opens again
        with QdrantClient(store) as client:
            found = read_all(client) if client.collection_exists("points") else {}
            assert found in allowed, name()
            check_by_search(client, found, sorted(found)[:2])


def test_a_new_store_is_there_once_it_was_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as recording:
        disk = RecordedDisk(tmp_path / "deep" / "store", "full", recording)
        disk._numbers = {tmp_path: 0}
        disk._root = tmp_path / "deep"
        disk.make_folder(tmp_path / "deep")
        disk.sync_folder(tmp_path)
        disk._root = tmp_path / "deep" / "store"
        with QdrantClient(tmp_path / "deep" / "store") as client:
            create(client)
            step = operation(1, 0, [])
            step = replace(step, points=dict(list(step.points.items())[:3]))  # too few to have files synced
            step.run(client)
            disk.acknowledged(1)
            n_events = len(disk.events)
    for number in range(N_IMAGES // 2):
        image = tmp_path / f"image {number}"
        Image(disk.events[:n_events], random.Random(number)).write_to(image)
        check_image(image / "deep" / "store", [step.apply({})], lambda n=number: f"image {n}")


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_store_whose_making_was_cut_off_is_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability
) -> None:
    """Some were refused as damaged, though nothing had been acknowledged."""
    with monkeypatch.context() as recording:
        disk = RecordedDisk(tmp_path / "store", durability, recording)
        with QdrantClient(tmp_path / "store", durability=durability) as client:
            made = len(disk.events)
            create(client)
    rng, torn = random.Random(1), 0
    for number in range(2 * N_IMAGES):
        image = tmp_path / f"image {number}"
        cut = rng.randrange(1, made + 1)
        Image(disk.events[:cut], rng).write_to(image)
        data = image / "store" / "data.mdb"
        torn += data.exists() and data.stat().st_size > 0 and is_unmade(data.parent)
        check_image(image / "store", [{}], lambda n=number: f"image {n}")
        with QdrantClient(image / "store") as client:
            create(client)
        check_image(image / "store", [{}], lambda n=number: f"image {n}")
    assert torn


@pytest.mark.parametrize("beside", ["rows", "derived", "snapshots", "data.crc"])
def test_where_anything_tells_of_a_store_none_begins(tmp_path: Path, beside: str) -> None:
    data, other = tmp_path / "data.mdb", tmp_path / beside
    QdrantClient(tmp_path).close()
    whole = data.read_bytes()
    for content in (whole[:PAGE] + bytes(PAGE), bytes(2 * PAGE), whole[:100]):
        data.write_bytes(content)
        if beside != "data.crc":
            (tmp_path / "data.crc").unlink(missing_ok=True)
            other.mkdir(exist_ok=True)
            (other / "something").touch()
        with pytest.raises(CorruptionError):
            QdrantClient(tmp_path)
        assert data.read_bytes() == content


def test_of_what_was_committed_to_nothing_is_thrown_away(tmp_path: Path) -> None:
    """Cut to its two first pages, or less, which say that there were commits."""
    store = tmp_path / "store"
    with QdrantClient(store) as client:
        create(client)
    whole = (store / "data.mdb").read_bytes()
    for n_bytes in (*range(100, PAGE, 500), PAGE, 2 * PAGE):
        for path in store.iterdir():
            path.unlink() if path.is_file() else None
        (store / "data.mdb").write_bytes(whole[:n_bytes])
        with pytest.raises(CorruptionError):
            QdrantClient(store)
        assert (store / "data.mdb").read_bytes() == whole[:n_bytes]
