"""`compact`: the data file without its free pages, made beside writers, and what stands in its way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmdb
import pytest

from minidb import QdrantClient, models
from minidb.errors import Forbidden, InsufficientStorage, ServiceError
from minidb.storage import compaction, lmdb_environment
from minidb.system import files, machine
from minidb.system.calls import System

VECTOR = models.VectorParams(size=4, distance=models.Distance.DOT)
TEXT = "a payload that takes some room " * 20


def fill(client: QdrantClient, name: str = "c", n: int = 2000) -> None:
    client.create_collection(name, VECTOR)
    points = [models.PointStruct(id=at, vector=[1.0, 2.0, 3.0, float(at)], payload={"t": TEXT}) for at in range(n)]
    client.upsert(name, points)


def contents(client: QdrantClient) -> dict[Any, Any]:
    return {r.id: (r.payload, r.vector) for r in client.scroll("c", limit=10_000, with_vectors=True)[0]}


def test_room_of_what_was_deleted_comes_back(tmp_path: Path) -> None:
    client, data = QdrantClient(path=tmp_path / "store"), tmp_path / "store" / "data.mdb"
    fill(client)
    fill(client, "gone")
    client.delete_collection("gone")
    client.delete("c", list(range(10, 2000)))
    before, expected = data.stat().st_size, contents(client)
    report = client.compact()
    assert data.stat().st_size < before / 10
    assert report.bytes_after < report.bytes_before / 10
    assert contents(client) == expected
    client.upsert("c", [models.PointStruct(id=5000, vector=[1.0] * 4)])
    assert client.count("c").count == 11
    assert client.verify().is_whole
    for _ in range(3):
        client.compact()
        client.upsert("c", [models.PointStruct(id=5000, vector=[2.0] * 4)])
    client.close()
    with QdrantClient(path=tmp_path / "store") as client:
        assert client.count("c").count == 11
        assert client.retrieve("c", [5000], with_vectors=True)[0].vector == [2.0] * 4
        assert client.verify().is_whole
    names = {path.name for path in (tmp_path / "store").iterdir()}
    assert names <= {"data.crc", "data.mdb", "lock.mdb", "rows", "derived", "snapshots"}


@pytest.mark.parametrize("durability", ["full", "normal", "off"])
def test_what_is_written_meanwhile_is_in_it(tmp_path: Path, durability: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = QdrantClient(path=tmp_path / "store", durability=durability)
    fill(client)
    client.delete("c", list(range(100, 2000)))
    real, n_rounds = compaction._Copy.take_in, 0
    monkeypatch.setattr(compaction, "_FEW_CHANGES", 2)

    def take_in(copy: Any, changes: Any) -> None:
        nonlocal n_rounds
        n_rounds += 1
        real(copy, changes)
        if n_rounds <= 2:  # there are further rounds as long as there is something to take in
            write(n_rounds)

    def write(round_: int) -> None:
        client.upsert("c", [models.PointStruct(id=9000 + round_, vector=[9.0] * 4)])
        client.delete("c", [round_])
        client.set_payload("c", {"round": round_}, points=[50])

    copy = compaction._copy

    def copied(*args: Any) -> None:
        write(0)
        copy(*args)
        write(4)

    monkeypatch.setattr(compaction._Copy, "take_in", take_in)
    monkeypatch.setattr(compaction, "_copy", copied)
    client.compact()
    assert n_rounds == 4
    found = contents(client)
    assert set(found) == {3, *range(5, 100), *range(9000, 9003), 9004}
    assert found[50][0] == {"t": TEXT, "round": 2}
    client.close()
    with QdrantClient(path=tmp_path / "store", durability=durability) as client:
        assert contents(client) == found
        assert client.verify().is_whole


def test_a_collection_that_is_deleted_meanwhile_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entries are the last of their tables: there is nothing behind them."""
    client = QdrantClient(path=tmp_path / "store")
    fill(client, n=5)
    fill(client, "last", n=5)
    copy = compaction._copy

    def copied(*args: Any) -> None:
        copy(*args)
        client.delete_collection("last")

    monkeypatch.setattr(compaction, "_copy", copied)
    client.compact()
    assert [one.name for one in client.get_collections().collections] == ["c"]
    assert client.count("c").count == 5
    assert client.verify().is_whole
    client.close()


def test_readers_and_writers_go_on(tmp_path: Path) -> None:
    client, stop, errors = QdrantClient(path=tmp_path / "store"), threading.Event(), list[BaseException]()
    fill(client, n=300)
    written: list[int] = []

    def work(number: int) -> None:
        try:
            at = number * 100_000
            while not stop.is_set():
                at += 1
                client.upsert("c", [models.PointStruct(id=at, vector=[1.0] * 4)])
                written.append(at)
                assert client.retrieve("c", [at])
                assert len(client.query_points("c", query=[1.0] * 4).points) == 10
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        client.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert client.count("c").count == 300 + len(written)
    client.close()
    with QdrantClient(path=tmp_path / "store") as client:
        assert len(client.retrieve("c", written)) == len(written)
        assert client.verify().is_whole


def test_more_is_written_meanwhile_than_fits_the_map_of_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows begin with a small map, and the copy's was twice that of the store when it began."""
    monkeypatch.setattr(lmdb_environment, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(lmdb_environment, "_FIRST_MAP_BYTES", 1 << 20)
    opened, points = compaction._Copy._opened, list[models.PointStruct]()
    with QdrantClient(path=tmp_path / "store") as client:
        fill(client, n=50)
        payload = {"text": "x" * 10_000}
        points += [models.PointStruct(id=at, vector=[1.0] * 4, payload=payload) for at in range(1000, 2000)]

        def open_and_write(*arguments: Any) -> Any:
            while points:
                client.upsert("c", points[:50])
                del points[:50]
            return opened(*arguments)

        monkeypatch.setattr(compaction._Copy, "_opened", open_and_write)
        client.compact()
        assert client.count("c").count == 1050
    with QdrantClient(path=tmp_path / "store") as client:
        assert len(client.retrieve("c", range(1000, 2000))) == 1000
        assert client.verify().is_whole


@pytest.mark.skipif(
    os.environ.get("MINIDB_SYSTEM") == "windows",
    reason="Windows lets nobody replace a file that another process has open; played is only what this process has",
)
def test_while_another_process_has_the_store_it_is_refused(tmp_path: Path) -> None:
    """That process would go on with the file that is replaced."""
    client = QdrantClient(path=tmp_path / "store")
    fill(client, n=50)
    script = f"""
import sys
from minidb import QdrantClient, models
client = QdrantClient(path={str(tmp_path / "store")!r})
assert client.count("c").count == 50
print("open", flush=True)
sys.stdin.readline()
assert client.count("c").count == 51
client.upsert("c", [models.PointStruct(id=1001, vector=[1.0] * 4)])
client.close()
print("closed", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ServiceError, match=r"another process has .* open"):
            client.compact()
        client.upsert("c", [models.PointStruct(id=1000, vector=[1.0] * 4)])
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "closed\n"
    assert client.count("c").count == 52
    client.compact()
    assert client.count("c").count == 52
    script = f"""
from minidb import QdrantClient, models
with QdrantClient(path={str(tmp_path / "store")!r}) as client:
    client.upsert("c", [models.PointStruct(id=1002, vector=[1.0] * 4)])
    assert client.count("c").count == 53
    assert client.verify().is_whole
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert client.count("c").count == 53
    assert client.retrieve("c", [1002])
    client.close()


@pytest.mark.parametrize("call", ["replace", "sync", "sync_folder", "resize", "lock_first_byte"])
def test_after_a_call_that_fails_everything_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    client = QdrantClient(path=tmp_path / "store")
    fill(client, n=100)
    expected = contents(client)

    class Failing(System):
        def __getattribute__(self, name: str) -> Any:
            if name == call:
                raise OSError(28, "No space left on device")
            return super().__getattribute__(name)

    with monkeypatch.context() as patch:
        patch.setattr(files, "system", Failing())
        with pytest.raises((InsufficientStorage, ServiceError)):
            client.compact()
    assert contents(client) == expected
    client.upsert("c", [models.PointStruct(id=1000, vector=[1.0] * 4)])
    client.compact()
    assert client.count("c").count == 101
    client.close()
    with QdrantClient(path=tmp_path / "store") as client:
        assert client.count("c").count == 101
        assert client.verify().is_whole


def test_a_copy_left_by_a_killed_process_goes(tmp_path: Path) -> None:
    with QdrantClient(path=tmp_path / "store") as client:
        fill(client, n=10)
    (tmp_path / "store" / "data.mdb.compact").write_bytes(b"half")
    with QdrantClient(path=tmp_path / "store"):
        assert not list((tmp_path / "store").glob("*compact*"))


def test_only_where_writing_is_allowed(tmp_path: Path) -> None:
    with QdrantClient(path=tmp_path / "store") as client:
        fill(client, n=10)
    with QdrantClient(path=tmp_path / "store", read_only=True) as client, pytest.raises(Forbidden):
        client.compact()


def test_in_memory_nothing_is_left_to_give_back() -> None:
    with QdrantClient(":memory:") as client:
        fill(client, n=20)
        client.delete("c", list(range(10)))
        assert client.compact().bytes_after == 0
        assert client.count("c").count == 10


@pytest.mark.parametrize("when", ["before the copy", "after the copy"])
def test_what_another_process_writes_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """It had come and gone by the time the copy took the file's place: what it was told is written was in neither."""
    path, real = tmp_path / "store", compaction._copy
    script = f"""
from minidb import QdrantClient, models
with QdrantClient(path={str(path)!r}) as client:
    client.upsert("c", [models.PointStruct(id=1001, vector=[1.0] * 4)])
"""

    def copy(environment: Any, file: Any) -> None:
        if when == "after the copy":
            real(environment, file)
        subprocess.run([sys.executable, "-c", script], check=True)
        client.upsert("c", [models.PointStruct(id=1002, vector=[2.0] * 4)])
        if when == "before the copy":
            real(environment, file)

    with QdrantClient(path=path) as client:
        fill(client, n=50)
        with monkeypatch.context() as patched:
            patched.setattr(compaction, "_copy", copy)
            with pytest.raises(ServiceError, match="another process has written to"):
                client.compact()
        assert sorted(contents(client)) == [*range(50), 1001, 1002]
        client.compact()
        assert sorted(contents(client)) == [*range(50), 1001, 1002]
    with QdrantClient(path=path) as client:
        assert sorted(contents(client)) == [*range(50), 1001, 1002]
        assert client.verify().is_whole


@pytest.mark.skipif(os.environ.get("MINIDB_SYSTEM") == "windows", reason="Windows removes no file that is open")
def test_a_lock_that_was_removed_guards_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had opened it while another was compacting locked a file without a name, and two wrote one copy."""
    path = tmp_path / "store"
    with QdrantClient(path=path) as client:
        fill(client, n=5)

        class Late(System):
            def lock_if_free(self, descriptor: int) -> bool:
                (path / "compact.lock").unlink()  # it has ended between our opening and our locking
                return super().lock_if_free(descriptor)

        with monkeypatch.context() as patched:
            patched.setattr(files, "system", Late())
            with pytest.raises(ServiceError, match="another process is compacting"):
                client._database._store.compact()
        client.compact()
        assert client.count("c").count == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="descriptors are not told")
def test_looking_at_descriptors_keeps_the_store_locked(tmp_path: Path) -> None:
    """A copy was made of each, and closed: the system then drops the locks of the file, and another process took the
    store for closed and put another file in its place.
    """
    path = tmp_path / "store"
    script = f"""
from minidb import QdrantClient, errors
with QdrantClient(path={str(path)!r}) as client:
    try:
        client.compact()
    except errors.ServiceError as error:
        print(error)
"""
    with QdrantClient(path=path) as client:
        fill(client, n=5)
        for descriptor in machine.descriptors():
            found = machine.socket_of(descriptor)
            if found is not None:
                found.close()
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        assert "open: it can be compacted when that is closed" in done.stdout
        client.upsert("c", [models.PointStruct(id=100, vector=[1.0] * 4)])
        assert client.count("c").count == 6


def test_a_path_with_a_word_of_errors_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any failure in a folder of closed tickets was told as a client that had been closed."""
    with QdrantClient(path=tmp_path / "closed") as client:
        fill(client, n=5)
        store = client._database._store
        full = lmdb.Error(f"{tmp_path / 'closed'}: {os.strerror(errno.EIO)}")
        monkeypatch.setattr(store._place, "check", lambda: (_ for _ in ()).throw(full))
        with pytest.raises(ServiceError, match=os.strerror(errno.EIO)):
            client.upsert("c", [models.PointStruct(id=100, vector=[1.0] * 4)])
        monkeypatch.undo()


@pytest.mark.parametrize("then", ["read", "write", "close"])
def test_a_file_that_cannot_be_opened_again_at_once_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Every further call said "this client has been closed"."""
    path, real = tmp_path / "store", lmdb.open
    client = QdrantClient(path=path)
    fill(client, n=5)

    def without_memory(opened: str, **options: Any) -> Any:
        if opened == str(path):
            raise lmdb.Error(f"{opened}: {os.strerror(errno.ENOMEM)}")
        return real(opened, **options)

    with monkeypatch.context() as patched:
        patched.setattr(lmdb, "open", without_memory)
        with pytest.raises(ServiceError, match=os.strerror(errno.ENOMEM)):
            client.compact()
        with pytest.raises(ServiceError, match=os.strerror(errno.ENOMEM)):
            client.count("c")
        if then == "close":
            client.close()
    if then == "read":
        assert client.count("c").count == 5
    if then != "close":
        client.upsert("c", [models.PointStruct(id=100, vector=[1.0] * 4)])
        client.close()
    with QdrantClient(path=path) as client:
        assert client.count("c").count == (5 if then == "close" else 6)
        assert client.verify().is_whole


@pytest.mark.skipif(sys.platform != "linux", reason="only there a limit of the address space holds")
def test_little_address_space_is_enough(tmp_path: Path) -> None:
    """The copy's map was twice the store's."""
    limited = f"""
import resource
from minidb import QdrantClient, models
with QdrantClient(path={str(tmp_path / "store")!r}) as client:
    client.create_collection("c", vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0] * 4)])
    client.compact()  # what it needs is loaded
client = QdrantClient(path={str(tmp_path / "store")!r})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
client.compact()
assert client.count("c").count == 1
client.close()
"""
    subprocess.run([sys.executable, "-c", limited], check=True)
