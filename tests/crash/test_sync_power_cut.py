"""A power cut takes a store's last commits, whose numbers come again: who follows it misses nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import qdrant_client
from doors.test_sync import NAME, create, fill, points, state, upsert
from recorded_disk import Image, RecordedDisk

from minidb import QdrantClient, Transport, identity
from minidb.collection import eras
from minidb.storage.interface import Durability

pytestmark = pytest.mark.filterwarnings("ignore:Failed to obtain server version")


class Store:
    """A store on a disk whose power fails."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self.path, self._durability = path, durability

    @contextmanager
    def opened(self) -> Iterator[QdrantClient]:
        with QdrantClient(self.path, durability=self._durability) as client:
            yield client

    @contextmanager
    def cut(self, seed: float | None = None) -> Iterator[QdrantClient]:
        """As `opened`; what is done to it and is not on the disk is lost at the end. By a seed, some of it is."""
        with pytest.MonkeyPatch.context() as recording:
            disk = RecordedDisk(self.path, self._durability, recording)
            _note_files(disk, self.path)
            with self.opened() as client:
                yield client
                events = list(disk.events)
        image = Image(events, random.Random(seed))
        if seed is None:
            image._share = 0.0
        folder = self.path.with_name(f"image of {self.path.name}")
        image.write_to(folder)
        put_in_place(folder / self.path.name, self.path)
        shutil.rmtree(folder)


@contextmanager
def served(store: QdrantClient) -> Iterator[qdrant_client.QdrantClient]:
    """A client that speaks HTTP to it, under the same address each time."""
    client = qdrant_client.QdrantClient(url="http://centre", transport=Transport(store))
    yield client
    client.close()


def _note_files(disk: RecordedDisk, root: Path) -> None:
    """What is there when the recording begins is on the disk."""
    for path in [root, *sorted(root.rglob("*"))]:
        number = disk._new(path)
        if path.is_file():
            disk.events.append(("write", number, 0, path.read_bytes()))
            disk.events.append(("sync", number))
        disk.events.append(("sync", disk._numbers[path.parent]))
    disk._lmdb = (root / "data.mdb").read_bytes()


def put_in_place(image: Path, root: Path) -> None:
    """Files stay the ones they were, as they do on a disk that had no power for a while."""
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_file() and not (image / path.relative_to(root)).exists():
            path.unlink()
    for path in sorted(image.rglob("*")):
        there = root / path.relative_to(image)
        if path.is_dir():
            there.mkdir(exist_ok=True)
        else:
            there.write_bytes(path.read_bytes())


@pytest.fixture(params=["normal", "off"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store with points, of which `client` has been told."""
    store = Store(tmp_path / "centre", request.param)
    with store.opened() as opened, served(opened) as peer:
        create(peer)
        upsert(peer, range(20))
        request.getfixturevalue("client").pull(peer)
    return store


def tagged(client: Any, tag: str) -> int:
    return sum(payload.get("tag") == tag for payload, _ in state(client).values())


def test_what_is_written_under_numbers_that_were_lost_comes(client: QdrantClient, centre: Store) -> None:
    with centre.cut() as opened, served(opened) as peer:
        for at in range(3):
            upsert(peer, [at], tag="lost")
        client.pull(peer)
        assert state(client) == state(peer)
    with centre.opened() as opened, served(opened) as peer:
        assert tagged(peer, "lost") < 3
        for at in range(3):
            upsert(peer, [10 + at], tag="later")
        client.pull(peer)
        assert state(client) == state(peer)
        upsert(peer, [5], tag="last")
        assert not client.pull(peer).collections[0].full
        assert state(client) == state(peer)


def test_who_had_not_been_told_of_what_was_lost_reads_the_log(client: QdrantClient, centre: Store) -> None:
    with QdrantClient(":memory:") as other:
        with centre.cut() as opened, served(opened) as peer:
            other.pull(peer)
            for at in range(3):
                upsert(peer, [at], tag="lost")
            client.pull(peer)
        for tag in "abc":
            with centre.opened() as opened, served(opened) as peer:
                upsert(peer, [4, 5], tag=tag)
                told = [each.pull(peer).collections[0].full for each in (client, other)]
                assert told == [tag == "a", False]
                assert state(client) == state(other) == state(peer)


def test_numbers_of_what_was_sent_there_and_lost_hide_nothing(client: QdrantClient, centre: Store) -> None:
    with centre.cut() as opened, served(opened) as peer:
        upsert(peer, [1], tag="there")
        client.pull(peer)
        client.upsert(NAME, points(range(6), tag="sent"))
        with pytest.MonkeyPatch.context() as stopping:
            stopping.setattr(type(peer), "update_collection", None)  # it is the last step
            with pytest.raises(TypeError):
                client.push(peer, batch_size=2)
    with centre.opened() as opened, served(opened) as peer:
        assert tagged(peer, "sent") < 6
        for at in range(6):
            upsert(peer, [10 + at], tag="later")
        client.push(peer)
        client.pull(peer)
        assert tagged(client, "sent") == tagged(client, "later") == 6
        assert state(client) == state(peer)


def test_what_was_sent_after_a_restart_does_not_come_back(client: QdrantClient, centre: Store) -> None:
    with centre.opened() as opened, served(opened) as peer:
        client.upsert(NAME, points([1, 2], tag="sent"))
        client.push(peer)
    with centre.opened() as opened, served(opened) as peer:
        client.upsert(NAME, points([2, 3], tag="sent later"))
        client.push(peer)
        client.upsert(NAME, points([1, 2, 3], tag="here"))
        assert client.pull(peer).written == 0
    with centre.opened() as opened, served(opened) as peer:
        assert client.pull(peer).written == 0
        assert tagged(client, "here") == 3


def test_a_copy_that_is_put_back_in_place(client: QdrantClient, centre: Store) -> None:
    """Its files stay the ones they were, so it is the same store, of another history."""
    copy = centre.path.with_name("copy")
    shutil.copytree(centre.path, copy)
    with centre.opened() as opened, served(opened) as peer:
        for at in range(3):
            upsert(peer, [at], tag="lost")
        client.pull(peer)
    put_in_place(copy, centre.path)
    with centre.opened() as opened, served(opened) as peer:
        for at in range(5):
            upsert(peer, [10 + at], tag="later")
        client.pull(peer)
        assert state(client) == state(peer)


@pytest.mark.parametrize("action", ["push", "pull"])
def test_copies_of_a_disk_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    monkeypatch.setattr(identity, "_file_number", lambda store: 1)
    with QdrantClient(tmp_path / "one", durability="off") as one:
        fill(one)
        one._database.identity()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    with QdrantClient(tmp_path / "one", durability="off") as one, QdrantClient(tmp_path / "other") as other:
        one.upsert(NAME, points([1], tag="one"))
        (one.push(other) if action == "push" else other.pull(one))
        other.upsert(NAME, points([2], tag="other"))
        (other.push(one) if action == "push" else one.pull(other))
        assert state(one) == state(other)
        assert (tagged(one, "one"), tagged(one, "other")) == (1, 1)


def test_many_openings_are_forgotten_in_their_order(
    client: QdrantClient, centre: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eras, "MOST_ERAS", 3)
    with QdrantClient(":memory:") as other:
        for at in range(6):
            with centre.opened() as opened, served(opened) as peer:
                if at == 0:
                    other.pull(peer)
                upsert(peer, [at], tag=str(at))
                assert not client.pull(peer).collections[0].full
        with centre.opened() as opened, served(opened) as peer:
            assert other.pull(peer).collections[0].full
            assert state(other) == state(client) == state(peer)


@pytest.mark.parametrize("action", ["push", "pull"])
@pytest.mark.parametrize("durability", ["normal", "off"])
def test_both_sides_lose_something_now_and_then(
    tmp_path: Path, durability: Durability, action: str, cycles: int
) -> None:
    """Whatever was lost, when all is quiet both hold the same, and nothing is left to do."""
    for seed in range(3 + cycles // 10):
        rng = random.Random(f"{action} {durability} {seed}")
        torn = partial(_torn, durability, rng)
        folder = tmp_path / str(seed)
        folder.mkdir()
        stores = [Store(folder / name, durability) for name in ("centre", "device")]
        with stores[0].opened() as opened, stores[1].opened():
            create(opened)
        for _ in range(6):
            losing = rng.choice([None, *stores])
            here, there = (store.cut(torn()) if store is losing else store.opened() for store in reversed(stores))
            with here as device, there as opened, served(opened) as peer:
                for step in range(rng.randrange(1, 5)):
                    if step or not device.collection_exists(NAME):
                        getattr(device, action)(peer, batch_size=3) if rng.random() < 0.7 else None
                    change(peer, rng)
                    change(device, rng)
        with stores[1].opened() as device, stores[0].opened() as opened, served(opened) as peer:
            getattr(device, action)(peer)
            for _ in range(2):
                device.push(peer)
                device.pull(peer)
            assert state(device) == state(peer), seed
            assert (device.push(peer).written, device.pull(peer).written) == (0, 0)


def _torn(durability: Durability, rng: random.Random) -> float | None:
    """Without durability a cut in the middle of anything may leave a store that does not open: all of it is lost."""
    return rng.random() if durability == "normal" and rng.random() < 0.7 else None


def change(client: Any, rng: random.Random) -> None:
    if not client.collection_exists(NAME):
        return
    for _ in range(rng.randrange(3)):
        ids = rng.sample(range(20), 3)
        if rng.random() < 0.3:
            client.delete(NAME, ids)
        elif isinstance(client, QdrantClient):
            client.upsert(NAME, points(ids, tag=str(rng.random())))
        else:
            upsert(client, ids, tag=str(rng.random()))
