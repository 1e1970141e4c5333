"""Several processes, and many threads, on one store: each sees committed states only, the others' at its next call."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import CorruptionError, MinidbError, ServiceError
from minidb.storage import lmdb_environment, lmdb_store, pages
from minidb.storage.lmdb_transactions import LmdbRead

BATCH, SIZE = 10, 16
NAME = "tagged"


def create_tagged(client: QdrantClient, name: str = NAME) -> None:
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
        sparse_vectors_config={"words": models.SparseVectorParams()},
        optimizers_config=models.OptimizersConfigDiff(deleted_threshold=0.2, vacuum_min_vector_number=100),
    )


def write_tag(client: QdrantClient, first_id: int, tag: int, name: str = NAME) -> None:
    """Ten points at once, all with the same tag; vectors lie around (tag, 0, …)."""
    rng = np.random.default_rng(tag)
    points = []
    for at in range(BATCH):
        vector = [float(tag), *rng.random(SIZE - 1).tolist()]
        words = models.SparseVector(indices=[tag % 1000, 5000], values=[1.0, 1.0])
        points.append(models.PointStruct(id=first_id + at, vector={"": vector, "words": words}, payload={"tag": tag}))
    client.upsert(name, points)


def tags(client: QdrantClient, name: str = NAME) -> Counter[int]:
    """How many points of each tag one scroll shows; the vectors belong to the payload."""
    found, _ = client.scroll(name, limit=100_000, with_vectors=True)
    for point in found:
        assert point.vector[""][0] == float(point.payload["tag"])
        assert point.vector["words"].indices[0] == point.payload["tag"] % 1000
    return Counter(point.payload["tag"] for point in found)


def check_whole(client: QdrantClient, newest: int) -> int:
    """Every way to read shows whole batches, none older than what was seen before; the newest tag."""
    counts = tags(client)
    assert set(counts.values()) <= {BATCH}, counts
    assert not counts or max(counts) >= newest
    newest = max(counts, default=newest)
    if not counts:
        return newest
    hits = client.query_points(NAME, [float(newest)] * SIZE, limit=100_000).points
    assert set(Counter(hit.payload["tag"] for hit in hits).values()) <= {BATCH}
    sparse = models.SparseVector(indices=[5000], values=[1.0])
    hits = client.query_points(NAME, sparse, using="words", limit=100_000).points
    assert set(Counter(hit.payload["tag"] for hit in hits).values()) <= {BATCH}
    only = models.Filter(must=[models.FieldCondition(key="tag", match=models.MatchValue(value=newest))])
    assert client.count(NAME, only).count in (0, BATCH)
    return newest


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process beside this one; it must end well."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == line


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


WRITER = """
import sys
from test_processes import QdrantClient, write_tag
with QdrantClient(sys.argv[1]) as client:
    for tag in range(1, 1 + int(sys.argv[2])):
        write_tag(client, tag % 20 * 10, tag)   # ids come again: rows die, generations follow
        if tag == 1:
            print("writing", flush=True)
        if str(tag) in sys.argv[3:]:  # until it is told to go on
            print(tag, flush=True)
            sys.stdin.readline()
"""


def test_one_process_writes_and_another_reads(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        stops = (60, 120, 180)
        with child(WRITER, tmp_path, 250, *stops) as writer:
            expect(writer, "writing")
            newest = 0
            for stop in stops:
                newest = check_whole(client, newest)  # beside the writer
                expect(writer, str(stop))
                newest = check_whole(client, newest)
                assert newest == stop
                tell(writer, "on")
            while newest < 250:
                newest = check_whole(client, newest)
        assert len(tags(client)) == 20


def test_two_processes_write_by_turns_and_at_once(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        with child(WRITER, tmp_path, 100) as writer:
            expect(writer, "writing")
            for tag in range(1001, 1101):
                write_tag(client, 1000 + tag % 20 * 10, tag)
                assert client.count(NAME).count % BATCH == 0
        assert set(tags(client)) == set(range(81, 101)) | set(range(1081, 1101))


@pytest.mark.parametrize("location", ["memory", "durable"])
def test_many_threads_read_and_write(tmp_path: Path, location: str) -> None:
    failures: list[BaseException] = []
    with QdrantClient(":memory:" if location == "memory" else tmp_path) as client:
        create_tagged(client)
        stop = threading.Event()

        def guarded(work: Callable[[], Any]) -> Callable[[], None]:
            def run() -> None:
                try:
                    work()
                except BaseException as error:  # noqa: BLE001 - reported by the test
                    failures.append(error)
                    stop.set()

            return run

        def write(thread: int) -> None:
            for round_ in range(60):
                if stop.is_set():
                    return
                write_tag(client, thread * 1000 + round_ % 10 * BATCH, round_ * 4 + thread + 1)

        def read() -> None:
            newest = 0
            while not stop.is_set():
                counts = tags(client)
                assert set(counts.values()) <= {BATCH}, counts
                newest = check_whole_mixed(client, newest)

        writers = [threading.Thread(target=guarded(lambda at=at: write(at))) for at in range(4)]
        readers = [threading.Thread(target=guarded(read)) for _ in range(4)]
        for thread in [*writers, *readers]:
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert not failures, failures
        assert len(tags(client)) == 40


def check_whole_mixed(client: QdrantClient, newest: int) -> int:
    sparse = models.SparseVector(indices=[5000], values=[1.0])
    hits = client.query_points(NAME, sparse, using="words", limit=100_000).points
    assert set(Counter(hit.payload["tag"] for hit in hits).values()) <= {BATCH}
    hits = client.query_points(NAME, [float(newest)] * SIZE, limit=100_000).points
    counts = Counter(hit.payload["tag"] for hit in hits)
    assert set(counts.values()) <= {BATCH}, counts
    return max(counts, default=0)


def test_concurrent_writers_share_commits(tmp_path: Path) -> None:
    """Eight threads that write at once need fewer commits than writes."""
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        store = client._database._store
        before = store.environment.info()["last_txnid"]  # type: ignore[attr-defined]
        start = threading.Barrier(8)

        def write(thread: int) -> None:
            start.wait()
            for round_ in range(25):
                write_tag(client, thread * 1000 + round_ * BATCH, thread * 100 + round_ + 1)

        threads = [threading.Thread(target=write, args=(at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        commits = store.environment.info()["last_txnid"] - before  # type: ignore[attr-defined]
        assert client.count(NAME).count == 8 * 25 * BATCH
        assert commits < 180


def test_closing_while_others_write_gives_errors_only(tmp_path: Path) -> None:
    for attempt in range(5):
        client = QdrantClient(tmp_path / str(attempt))
        create_tagged(client)
        acknowledged: list[list[int]] = [[] for _ in range(4)]
        failures: list[BaseException] = []

        def write(
            thread: int,
            client: QdrantClient = client,
            done: list[list[int]] = acknowledged,
            failures: list[BaseException] = failures,
        ) -> None:
            try:
                for round_ in range(1000):
                    write_tag(client, thread * 10_000 + round_ * BATCH, thread * 1000 + round_ + 1)
                    done[thread].append(thread * 1000 + round_ + 1)
            except MinidbError:
                return
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        threads = [threading.Thread(target=write, args=(at,)) for at in range(4)]
        for thread in threads:
            thread.start()
        while sum(map(len, acknowledged)) < 40:
            tags(client)
        client.close()
        for thread in threads:
            thread.join()
        assert not failures, failures
        with QdrantClient(tmp_path / str(attempt)) as client:
            counts = tags(client)
            assert set(counts.values()) == {BATCH}
            assert set().union(*acknowledged) <= set(counts)


COLLECTIONS = """
import sys
from test_processes import QdrantClient, create_tagged, models, write_tag
with QdrantClient(sys.argv[1]) as client:
    for line in sys.stdin:
        match line.split():
            case ["create", name]:
                create_tagged(client, name)
                write_tag(client, 0, 1, name)
            case ["drop", name]:
                client.delete_collection(name)
            case ["alias", alias, name]:
                action = models.CreateAlias(alias_name=alias, collection_name=name)
                client.update_collection_aliases([models.CreateAliasOperation(create_alias=action)])
        print(line.strip(), flush=True)
"""


def test_collections_of_one_process_are_seen_by_the_other_at_its_next_call(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client, child(COLLECTIONS, tmp_path) as other:

        def order(line: str) -> None:
            tell(other, line)
            expect(other, line)

        order("create first")
        assert client.count("first").count == BATCH
        order("alias name first")
        assert client.count("name").count == BATCH
        order("create second")
        order("alias name second")
        client.delete("second", [0])
        assert client.count("name").count == BATCH - 1
        order("drop first")
        with pytest.raises(MinidbError, match="doesn't exist"):
            client.count("first")
        order("create first")  # the same name, another collection
        assert client.count("first").count == BATCH
        assert [found.name for found in client.get_collections().collections] == ["first", "second"]


def test_a_forked_child_reads_and_writes_and_its_parent_goes_on(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        child_id = os.fork()
        if not child_id:
            code = 1
            try:
                assert tags(client) == {1: BATCH}
                write_tag(client, 100, 2)
                assert tags(client) == {1: BATCH, 2: BATCH}
                client.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1]) == 0
        assert tags(client) == {1: BATCH, 2: BATCH}
        write_tag(client, 200, 3)
        assert tags(client) == {1: BATCH, 2: BATCH, 3: BATCH}
    with QdrantClient(tmp_path) as client:
        assert tags(client) == {1: BATCH, 2: BATCH, 3: BATCH}


def test_fork_while_threads_read_and_write(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        assert tags(client) == {1: BATCH}  # pydantic builds models at first use, under a lock a child would inherit
        stop = threading.Event()

        def work(thread: int) -> None:
            try:
                tag = thread * 1000
                while not stop.is_set():
                    tag += 1
                    write_tag(client, thread * 1000 + tag % 20 * BATCH, tag)
                    assert set(tags(client).values()) == {BATCH}
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        threads = [threading.Thread(target=work, args=(at,)) for at in range(1, 4)]
        for thread in threads:
            thread.start()
        codes = []
        for round_ in range(6):
            child_id = os.fork()
            if not child_id:
                code = 1
                try:
                    write_tag(client, 50_000 + round_ * BATCH, 50_000 + round_)
                    assert set(tags(client).values()) == {BATCH}
                    code = 0
                finally:
                    os._exit(code)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1]))
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert codes == [0] * 6
        assert set(tags(client)) >= {50_000 + round_ for round_ in range(6)}


def in_a_fork(check: Callable[[], None]) -> int:
    """What a forked child ends with: 0 if the check passes there."""
    child_id = os.fork()
    if not child_id:
        code = 1
        try:
            check()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1])


@pytest.mark.parametrize("call", ["read", "write"])
def test_threads_of_a_forked_child_wait_until_the_store_is_opened_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """As in a server that loads its program, forks and answers from several threads."""
    open_environment = lmdb_store.open_environment
    came: list[BaseException | int] = []

    def come() -> None:
        try:
            if call == "write":
                write_tag(client, 100, 2)
            came.append(client.count(NAME).count)
        except MinidbError as error:
            came.append(error)

    second = threading.Thread(target=come)

    def opened_while_another_comes(*args: Any, **kwargs: Any) -> Any:
        if not second.ident:
            second.start()
            second.join(0.5)  # it has to wait for this, so there is nothing else to wait for
        return open_environment(*args, **kwargs)

    def check() -> None:
        monkeypatch.setattr(lmdb_store, "open_environment", opened_while_another_comes)
        assert client.count(NAME).count >= BATCH
        second.join()
        assert came == [BATCH if call == "read" else 2 * BATCH]

    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        assert in_a_fork(check) == 0


def test_a_forked_child_whose_store_could_not_be_opened_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_environment = lmdb_store.open_environment

    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    def check() -> None:
        monkeypatch.setattr(lmdb_store, "open_environment", failing)
        for call in (lambda: client.count(NAME), lambda: write_tag(client, 100, 2)):
            with pytest.raises(ServiceError, match=r"could not open .* after fork.*Too many open files"):
                call()
        monkeypatch.setattr(lmdb_store, "open_environment", open_environment)
        assert tags(client) == {1: BATCH}
        write_tag(client, 100, 2)
        client.close()

    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        assert in_a_fork(check) == 0
        assert tags(client) == {1: BATCH, 2: BATCH}


def test_an_interrupt_while_a_forked_child_opens_the_store_leaves_it_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_environment = lmdb_store.open_environment

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return open_environment(*args, **kwargs)

    def check() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        monkeypatch.setattr(lmdb_store, "open_environment", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.count(NAME)
        monkeypatch.setattr(lmdb_store, "open_environment", open_environment)
        assert tags(client) == {1: BATCH}
        write_tag(client, 100, 2)

    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        assert in_a_fork(check) == 0


AMID = """
import os, signal, sys, threading
from importlib.machinery import PathFinder
from pydantic import BaseModel
import minidb.client

class Model(BaseModel):
    number: int

def wait(core_schema=None, handler=None):
    begun.set()
    assert go.wait(60)
    return handler(core_schema) if handler else None

class SlowModel(Model):
    pass

SlowModel.__get_pydantic_core_schema__ = classmethod(lambda cls, source, handler: wait(source, handler))

class SlowImports:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "minidb.query.projection":
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (wait(), execute(module))
        return spec

sys.meta_path.insert(0, SlowImports)
work = {
    "imports": lambda cls: __import__("minidb.query.projection"),
    "builds a model": lambda cls: cls.model_rebuild(force=True),
}[sys.argv[1]]
begun, go = threading.Event(), threading.Event()
threading.Thread(target=work, args=(SlowModel,)).start()
assert begun.wait(60)
os.register_at_fork(before=go.set)
child = os.fork()
if not child:
    signal.alarm(60)
    work(Model)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("what", ["imports", "builds a model"])
def test_a_fork_waits_for_what_other_threads_load(what: str) -> None:
    """The first request of a kind loads modules and models; the child waited for ever for the thread that did so."""
    command = [sys.executable, "-c", AMID, what]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert result.stdout == "0\n", result.stderr


HOLDER = """
import os, sys, signal
from test_processes import QdrantClient
client = QdrantClient(sys.argv[1])
def hold(txn):
    txn.put("meta", b"half", b"written")
    print("holding", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
client._database._store.write(hold)
"""


def test_a_process_killed_while_it_writes_blocks_nobody(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        command = [sys.executable, "-c", HOLDER, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment)
        expect(holder, "holding")
        assert tags(client) == {1: BATCH}  # readers never wait
        writer = threading.Thread(target=write_tag, args=(client, 100, 2))
        writer.start()
        tell(holder, "die")
        writer.join(timeout=30)
        assert not writer.is_alive()
        holder.communicate()
        assert tags(client) == {1: BATCH, 2: BATCH}
        with client._database._store.read() as txn:
            assert txn.get("meta", b"half") is None


def test_a_commit_that_comes_while_a_store_is_opened_is_not_one_that_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process wrote and closed between two looks at the file: "it was closed after commit …", one opening in a
    thousand where several processes come and go.
    """
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    script = f"""
from minidb import QdrantClient, models
with QdrantClient({str(tmp_path)!r}) as client:
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0])])
"""
    real = pages.Fingerprint.matches

    def matches(self: pages.Fingerprint, txn_id: int) -> bool | None:
        monkeypatch.undo()
        subprocess.run([sys.executable, "-c", script], check=True)
        return real(self, txn_id)

    monkeypatch.setattr(pages.Fingerprint, "matches", matches)
    with QdrantClient(tmp_path) as client:
        assert client.count("c").count == 1
        assert client.verify().is_whole


class Torn:
    """A transaction that began with half of a meta page: its trees lead nowhere."""

    def get(self, *_: object) -> bytes:
        raise lmdb.BadTxnError("mdb_get: MDB_BAD_TXN: Transaction must abort, has a child, or is invalid")

    def abort(self) -> None:
        pass


@pytest.mark.parametrize("what", ["another commit", "half a meta page"])
def test_a_reader_that_began_amid_commits_of_others_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """LMDB takes a number first, and then a page that two later commits may have written to meanwhile."""
    late: list[LmdbRead] = []

    def read_late(store: lmdb_store.LmdbStore, txn: Any) -> LmdbRead:
        read = LmdbRead(store, txn)
        if not late:
            late.append(read)
            if what == "another commit":
                read.txn_id = before
            else:
                read._txn = Torn()
        return read

    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        write_tag(client, 0, 1)
        assert tags(client) == {1: BATCH}
        before = lmdb_environment.last_commit(client._database._store.environment)
        delete = f"client.delete({NAME!r}, [0, 1]); client.delete({NAME!r}, [2])"
        with child(
            f"import sys; from minidb import QdrantClient; client = QdrantClient(sys.argv[1]); {delete}", tmp_path
        ):
            pass
        monkeypatch.setattr(lmdb_store, "LmdbRead", read_late)
        hits = client.query_points(NAME, [1.0] * SIZE, limit=100).points
        assert sorted(hit.id for hit in hits) == list(range(3, BATCH))
        assert late


def test_a_store_whose_commits_have_other_numbers_than_they_say_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_wrong(store: lmdb_store.LmdbStore, txn: Any) -> LmdbRead:
        read = LmdbRead(store, txn)
        read.txn_id += 2
        return read

    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        monkeypatch.setattr(lmdb_store, "LmdbRead", read_wrong)
        with pytest.raises(CorruptionError, match=r"its newest commit is \d+, but says it is \d+"):
            client.count(NAME)
        monkeypatch.undo()
        assert client.count(NAME).count == 0


KILLED_WHILE_OTHERS_WAIT = """
import fcntl, os, sys
from minidb import QdrantClient
from minidb.storage import lmdb_store

def stop(*_, **__):
    print("amid", flush=True)
    sys.stdin.readline()

def reset(path, *_, **__):  # LMDB's file as the first process to open it has it, until it is done
    file = os.open(path / "lock.mdb", os.O_RDWR)
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
    os.pwrite(file, bytes(12), 48)  # the newest commit, and how many readers there are
    stop()

if sys.argv[2] == "opens":
    lmdb_store.open_environment = reset
client = QdrantClient(sys.argv[1])
lmdb_store.LmdbStore._open_after_replacing = stop
client.compact()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux says who waits for a lock")
@pytest.mark.parametrize("what", ["opens", "compacts"])
def test_a_process_killed_while_it_opens_a_store_that_others_wait_for(tmp_path: Path, what: str) -> None:
    with QdrantClient(tmp_path) as client:
        create_tagged(client)
        for tag in range(1, 4):  # an odd number of commits, and then an even one
            write_tag(client, tag * BATCH, tag)
    follower = "import sys; from test_processes import *; write_tag(QdrantClient(sys.argv[1]), 900, 9)"
    command = [sys.executable, "-c", KILLED_WHILE_OTHERS_WAIT, str(tmp_path), what]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        expect(first, "amid")
        with child(follower, tmp_path) as second:
            while not any(
                "->" in line and f" {second.pid} " in line for line in Path("/proc/locks").read_text().splitlines()
            ):
                assert second.poll() is None
                time.sleep(0.01)
            first.kill()
    finally:
        first.kill()
        first.communicate()
    with QdrantClient(tmp_path) as client:
        assert tags(client) == {1: BATCH, 2: BATCH, 3: BATCH, 9: BATCH}
        assert client.verify().is_whole
