"""A power cut takes what was not synced: the store comes back from what LMDB synced, its log replayed."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from crash_model import State, check_by_search, create, operation, read_all

from minidb import QdrantClient
from minidb.storage import lmdb_store
from minidb.storage.interface import Durability
from minidb.system import files


class Disk:
    """What of the row files is on disk: their content at their last `fdatasync`."""

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = store
        self._synced: dict[Path, bytes] = {}
        self.n_syncs = 0
        real = files.system.sync

        def sync(descriptor: int) -> None:
            real(descriptor)
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if path.is_relative_to(store):
                self.n_syncs += 1
                self._synced[path.relative_to(store)] = path.read_bytes()

        monkeypatch.setattr(files.system, "sync", sync)

    def after_power_cut(self, copy: Path, rng: random.Random) -> None:
        """The store as it might be found: of unsynced row pages any may be there, or none. Nothing derived is left."""
        copy.mkdir()
        shutil.copy(self._store / "data.mdb", copy)
        for path in sorted((self._store / "rows").rglob("*")):
            name = path.relative_to(self._store)
            if path.is_dir() or (name not in self._synced and rng.random() < 0.5):
                continue
            now, before = path.read_bytes(), self._synced.get(name, b"")
            kept = bytearray(before.ljust(len(now), b"\0") if rng.random() < 0.5 else before)
            for start in range(0, len(kept), 4096):
                if rng.random() < 0.3:
                    kept[start : start + 4096] = now[start : start + 4096]
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(kept)


@pytest.mark.parametrize("wal_bytes", [1 << 40, 100_000], ids=["log never emptied", "log emptied often"])
def test_acknowledged_points_are_replayed_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal_bytes: int
) -> None:
    monkeypatch.setattr(lmdb_store, "_WAL_CHECKPOINT_BYTES", wal_bytes)
    store, rng = tmp_path / "store", random.Random(wal_bytes)
    disk = Disk(store, monkeypatch)
    state: State = {}
    with QdrantClient(store) as client:
        create(client)
        for number in range(36):
            step = operation(11, number, sorted(state))
            step.run(client)
            state = step.apply(state)
            if number % 6 == 5:
                found_after_power_cut(disk, tmp_path / f"copy {number}", rng, state)
    assert disk.n_syncs > 0


def found_after_power_cut(disk: Disk, copy: Path, rng: random.Random, state: State) -> None:
    disk.after_power_cut(copy, rng)
    for _ in range(2):  # the first opening replays, and must leave a store that opens again
        with QdrantClient(copy) as client:
            assert read_all(client) == state
            check_by_search(client, state, sorted(state)[:5])


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_commit_that_did_not_reach_its_meta_page_is_simply_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability
) -> None:
    """LMDB writes the meta page last. Without meta sync a power cut may take the last one, and nothing else."""
    store, rng = tmp_path / "store", random.Random(3)
    disk = Disk(store, monkeypatch)
    state: State = {}
    with QdrantClient(store, durability=durability) as client:
        create(client)
        for number in range(8):
            metas = (store / "data.mdb").read_bytes()[:8192]
            step = operation(12, number, sorted(state))
            step.run(client)
            copy = tmp_path / f"copy {number}"
            disk.after_power_cut(copy, rng)
            with (copy / "data.mdb").open("r+b") as file:
                file.write(metas)
            with QdrantClient(copy) as reopened:
                assert read_all(reopened) in (state, step.apply(state))
            state = step.apply(state)
