"""Each system call of each operation fails once: the caller gets Qdrant's form of an error, what was acknowledged is
there, and the next write is accepted.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, errors, models
from minidb.storage import lmdb_store, rows, spaces
from minidb.system import files, threads
from minidb.system.calls import System

CODES = [errno.EMFILE, errno.ENOSPC, errno.EIO, errno.ENOMEM, errno.EACCES, errno.EINTR]
CALLS = [
    "open", "write_at", "read_at", "read_into", "resize", "sync", "map", "lock", "sync_folder", "make_folder",
    "replace", "remove", "remove_folder", "names", "status", "size", "is_at",
]  # fmt: skip
EVERY = int(os.environ.get("MINIDB_EVERY_FAULT", "0"))
"""1: each call fails at its first ten times, with each code; otherwise with codes in turn, at the first, third, …"""


class Failing(System):
    """The real system, whose `call` fails at its `at`-th time."""

    def __init__(self, call: str, at: int, code: int) -> None:
        super().__init__()
        self.n_failed = 0
        real, self._left = getattr(self, call), at

        def failing(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self.n_failed += 1
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        setattr(self, call, failing)


def points(start: int, n: int = 4) -> list[models.PointStruct]:
    vectors = [[float(at % 7), float(at % 5), 1.0, 2.0] for at in range(start, start + n)]
    return [models.PointStruct(id=start + at, vector=vector, payload={"n": at}) for at, vector in enumerate(vectors)]


def create(client: QdrantClient, name: str) -> None:
    client.create_collection(name, models.VectorParams(size=4, distance=models.Distance.DOT))


def use(path: Path, acknowledged: set[int], note: Callable[[BaseException], None]) -> None:
    """Opens, writes a little and much, reads, makes a snapshot, drops, closes; goes on after each failure."""
    try:
        client = QdrantClient(path)
    except errors.MinidbError as error:
        note(error)
        return

    def upsert(start: int, n: int) -> None:
        client.upsert("c", points(start, n))
        acknowledged.update(range(start, start + n))

    steps: list[Callable[[], object]] = [
        lambda: client.collection_exists("c") or create(client, "c"),
        lambda: upsert(0, 4),
        lambda: upsert(100, 40),  # more than rides in a commit, see `small_log`
        lambda: client.query_points("c", [1.0, 0.0, 0.0, 0.0], limit=3),
        lambda: client.retrieve("c", [1], with_vectors=True),
        lambda: client.create_snapshot("c"),
        lambda: create(client, "d"),
        lambda: client.upsert("d", points(0, 40)),
        lambda: client.delete_collection("d"),
        client.close,
    ]
    for step in steps:
        attempt(step, note)
    client.close()


def attempt(step: Callable[[], object], note: Callable[[BaseException], None]) -> None:
    try:
        step()
    except errors.MinidbError as error:
        note(error)


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WAL_LIMIT_BYTES", 256)
    monkeypatch.setattr(lmdb_store, "_WAL_CHECKPOINT_BYTES", 100)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_is_an_error_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    if call == "read_into" and not files.reads_in_place():
        pytest.skip("rows are mapped there")
    times = range(1, 11) if EVERY else range(1, 12, 2)
    codes = [(at, code) for at in times for code in CODES] if EVERY else zip(times, CODES, strict=True)
    n_failed = 0
    for at, code in codes:
        path, acknowledged, met = tmp_path / f"{at} {code}", set[int](), list[errors.MinidbError]()
        with monkeypatch.context() as patched:
            failing = Failing(call, at, code)
            patched.setattr(files, "system", failing)
            if call == "read_into":
                patched.setattr(rows, "_MAPPED_BYTES", 0)
            use(path, acknowledged, met.append)  # type: ignore[arg-type]
            n_failed += failing.n_failed
        for error in met:
            assert error.status_code in (500, 507, 404), repr(error)
            assert str(error)
        with QdrantClient(path) as client:
            if not client.collection_exists("c"):
                create(client, "c")
            client.upsert("c", points(1000))
            found = {record.id for record in client.scroll("c", limit=1000, with_vectors=True)[0]}
            assert acknowledged <= found
            assert found <= acknowledged | set(range(4)) | set(range(100, 140)) | set(range(1000, 1004))
    assert n_failed, "nothing calls it"


def test_a_write_that_cannot_be_appended_leaves_other_writers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptors ran out within the write transaction: all writers of all processes stood still."""
    with QdrantClient(tmp_path) as client:
        create(client, "c")
        with monkeypatch.context() as patched:
            patched.setattr(files, "system", Failing("open", 1, errno.EMFILE))
            patched.setattr(files, "relieve", lambda: False)
            with pytest.raises(errors.ServiceError, match="could not write") as failed:
                client.upsert("c", points(0))
            assert os.strerror(errno.EMFILE) in str(failed.value)
        client.upsert("c", points(0))
        assert client.count("c").count == 4


def test_a_committed_write_is_not_reported_as_failed_when_no_thread_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QdrantClient(tmp_path) as client:
        client.create_collection(
            "c",
            models.VectorParams(size=4, distance=models.Distance.DOT),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1),
        )
        with monkeypatch.context() as patched:
            patched.setattr(threads, "start", lambda target: False)
            client.upsert("c", points(0, 2000))
        assert client.count("c").count == 2000
        assert client.wait_until_indexed("c", 60)


def test_of_two_that_share_a_commit_only_one_meets_the_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with QdrantClient(tmp_path) as client:
        create(client, "c")
        met: list[errors.MinidbError] = []
        store = client._database._store

        def fill() -> None:
            with spaces.filling(store):  # what a vacuum or a restore begins with
                raise AssertionError("its lock could not be made")

        steps = [fill, lambda: client.upsert("c", points(0))]
        queue = store._queue  # type: ignore[attr-defined]
        writers = [threading.Thread(target=attempt, args=(step, met.append)) for step in steps]
        with queue.paused():
            for at, writer in enumerate(writers, 1):
                writer.start()
                while len(queue._queue) < at:  # it stands in the queue
                    pass
            monkeypatch.setattr(files, "system", Failing("open", 1, errno.ENOSPC))
        for writer in writers:
            writer.join()
        assert [type(error) for error in met] == [errors.InsufficientStorage]
        assert client.count("c").count == 4


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOTDIR])
def test_a_folder_that_may_not_be_looked_into_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, read_only: bool
) -> None:
    """Another user's. What advises then looks there, too."""
    QdrantClient(tmp_path).close()

    class Closed(System):
        def refuse(self, path: Any, *_: Any, **__: Any) -> Any:
            raise OSError(code, os.strerror(code), str(path))

        open = status = names = make_folder = refuse

    monkeypatch.setattr(files, "system", Closed())
    with pytest.raises(errors.ServiceError, match=os.strerror(code)):
        QdrantClient(tmp_path, read_only=read_only)
