"""Few descriptors, clients nobody closed, readers that died, stores whose truth is gone."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import lmdb
import pytest

from minidb import QdrantClient, errors, models
from minidb.opening import OpenStore
from minidb.storage.interface import TABLES
from minidb.system import threads

CREATE = "vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT)"


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *args], capture_output=True, text=True, timeout=300
    )


def made(path: Path, n: int = 3) -> QdrantClient:
    client = QdrantClient(path)
    client.create_collection("c", models.VectorParams(size=4, distance=models.Distance.DOT))
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0, 2.0, 3.0, float(at)]) for at in range(n)])
    return client


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of descriptors to set")
@pytest.mark.parametrize(("limit", "n"), [(64, 60), (256, 300)])
def test_more_collections_than_descriptors(tmp_path: Path, limit: int, n: int) -> None:
    code = f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
        from minidb import QdrantClient, models
        for _ in range(2):
            client = QdrantClient(sys.argv[1], durability="off")
            for at in range({n}):
                if not client.collection_exists(str(at)):
                    client.create_collection(str(at), {CREATE})
                client.upsert(str(at), [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, at])])
            for at in range({n}):
                assert client.query_points(str(at), [0.0, 0.0, 0.0, 1.0], limit=1).points[0].score == at
            client.close()
    """
    done = run(code, str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size to set")
def test_files_that_may_not_grow_are_507_that_says_what_could_not_be_written(tmp_path: Path) -> None:
    """LMDB's were a 500, and a snapshot "could not be read". Afterwards everything is there, and goes on."""
    made(tmp_path).close()
    done = run(
        """
        import resource, sys
        from minidb import QdrantClient, errors, models
        client = QdrantClient(sys.argv[1])
        location = client._database.snapshots.path("c", client.create_snapshot("c").name).as_uri()
        point = models.PointStruct(id=9, vector=[1.0] * 4)
        steps = [
            lambda: client.upsert("c", [point]),
            lambda: client.delete("c", [0]),
            lambda: client.delete_collection("c"),
            lambda: client.create_payload_index("c", "n", "integer"),
            lambda: client.create_snapshot("c"),
            lambda: client.create_full_snapshot(),
            lambda: client.recover_snapshot("c", location),
        ]
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        for step in steps:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, limit[1]))
            try:
                step()
                assert False, "it was written"
            except errors.InsufficientStorage as error:
                assert "could not write" in str(error), error
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            assert [record.id for record in client.scroll("c")[0]] == [0, 1, 2]
        client.upsert("c", [point])
        client.close()
        """,
        str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    with QdrantClient(tmp_path) as client:
        assert [record.id for record in client.scroll("c")[0]] == [0, 1, 2, 9]
        assert client.verify().damage == ()


def test_a_client_nobody_holds_is_closed(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        client = made(tmp_path)
        del client
        gc.collect()
    assert [str(each.message) for each in warned if each.category is ResourceWarning] == [
        f"a client of {tmp_path} was dropped without close()"
    ]
    deadline = time.monotonic() + 60
    while not (tmp_path / "data.crc").exists():  # what an orderly close leaves
        assert time.monotonic() < deadline
    with QdrantClient(tmp_path) as client:
        assert client.count("c").count == 3


@pytest.mark.filterwarnings("ignore:a client of .* was dropped")
def test_a_dropped_client_is_closed_before_its_folder_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, awaited, closed = made(tmp_path), threading.Event(), []
    finish, close = threads.closer.finish, OpenStore._close
    monkeypatch.setattr(threads.closer, "finish", lambda: (awaited.set(), finish()))

    def closing(store: OpenStore) -> None:
        awaited.wait(60)
        close(store)
        closed.append(store.location)

    monkeypatch.setattr(OpenStore, "_close", closing)
    del client
    gc.collect()
    with QdrantClient(tmp_path):
        assert closed == [str(tmp_path)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux shows them")
def test_many_dropped_clients_leave_no_descriptors(tmp_path: Path) -> None:
    code = f"""
        import gc, os, resource, sys, warnings
        warnings.simplefilter("ignore")
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        from minidb import QdrantClient, models
        for at in range(100):
            client = QdrantClient(f"{{sys.argv[1]}}/{{at}}", durability="off")
            client.create_collection("c", {CREATE})
            client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, at])])
            del client
            while len(os.listdir("/proc/self/fd")) > 60:
                gc.collect()
        print("done")
    """
    done = run(code, str(tmp_path))
    assert done.stdout == "done\n", done.stderr[-3000:]


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError", "del client"])
def test_a_process_that_ends_without_closing_leaves_a_closed_store(tmp_path: Path, end: str) -> None:
    code = f"""
        import sys
        from minidb import QdrantClient, models
        client = QdrantClient(sys.argv[1])
        client.create_collection("c", {CREATE})
        client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, 4.0])])
        {end}
    """
    done = run(code, str(tmp_path))
    assert "minidb" not in done.stderr.replace(str(tmp_path), ""), done.stderr
    assert (tmp_path / "data.crc").exists()


WHILE_BUILDING = """
    import os, sys
    sys.modules["hnswlib"] = None  # usearch, whose threads are C++'s
    import numpy as np
    from minidb import QdrantClient, models
    client = QdrantClient(sys.argv[1])
    n, ef_construct = map(int, sys.argv[2:])
    hnsw = models.HnswConfigDiff(ef_construct=ef_construct)
    client.create_collection("c", models.VectorParams(size=32, distance=models.Distance.COSINE, hnsw_config=hnsw),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1))
    vectors = np.random.default_rng(0).normal(size=(n, 32)).astype(np.float32)
    client.upload_collection("c", vectors, ids=range(len(vectors)))
    assert client.get_collection("c").status == "yellow"
"""


@pytest.mark.parametrize("end", ["", "del client", "sys.exit(0)"])
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_process_may_end_while_a_graph_is_built(tmp_path: Path, where: str, end: str) -> None:
    # in short steps, so that one of them ends while the interpreter does
    done = run(f"{WHILE_BUILDING}\n    {end}", ":memory:" if where == "memory" else str(tmp_path), "100000", "16")
    assert done.returncode == 0, done.stderr


LOGS_WHILE_IT_IS_IMPORTED = """
import logging, threading
threading.begun.set()
while logging._lock.acquire(blocking=False):  # until the fork has taken it
    logging._lock.release()
logging.getLogger("something new")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("when", ["run", "looked for", "made"])
def test_a_fork_waits_for_an_import(tmp_path: Path, when: str) -> None:
    """logging's hook had its lock, ours waited for who needed it, gave up after ten seconds, and the child hung. A
    module that was not made yet was not seen at all: `numpy.ma`, loaded by a thread that builds a graph.
    """
    (tmp_path / "py_rust_stemmers.py").write_text(LOGS_WHILE_IT_IS_IMPORTED if when == "run" else "")
    (tmp_path / "logs.py").write_text(LOGS_WHILE_IT_IS_IMPORTED)
    code = """
        import importlib.util, os, sys, threading, warnings
        warnings.simplefilter("ignore")  # Python warns of a fork beside threads
        import minidb.system.processes
        import logging  # its hooks come later than ours, so they are called before
        sys.path.insert(0, sys.argv[1])

        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "py_rust_stemmers" and sys.argv[2] == "looked for":
                    self.run()
                if name == "py_rust_stemmers" and sys.argv[2] == "made":
                    return importlib.util.spec_from_loader(name, self)

            def create_module(self, spec):
                self.run()

            def exec_module(self, module):
                pass

            def run(self):
                exec(open(sys.argv[1] + "/logs.py").read())

        sys.meta_path.insert(0, Finder())
        threading.begun = threading.Event()
        thread = threading.Thread(target=__import__, args=("py_rust_stemmers",))
        thread.start()
        threading.begun.wait()
        child = os.fork()
        import py_rust_stemmers
        if not child:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        thread.join()
    """
    done = run(code, str(tmp_path), when)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("modules", ["logging, minidb.system.processes", "minidb.system.processes, logging"])
def test_a_fork_leaves_the_lock_of_logging_open(modules: str) -> None:
    code = f"""
        import {modules}, os, threading
        child = os.fork()
        lock = logging._lock
        is_open = not lock._is_owned() and lock.acquire(blocking=False)
        if not child:
            os._exit(7 if is_open else 1)
        assert is_open
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    """
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_fork_while_a_graph_is_built_has_a_store_of_its_own(tmp_path: Path, where: str) -> None:
    code = f"""{WHILE_BUILDING}
    def found():
        return [hit.id for hit in client.query_points("c", vectors[7], limit=3).points]
    before = found()
    child = os.fork()
    if not child:
        assert found() == before and client.count("c").count == len(vectors)
        if sys.argv[1] != ":memory:":
            client.upsert("c", [models.PointStruct(id=10**6, vector=vectors[7])])
            assert client.count("c").count == len(vectors) + 1
        client.close()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert found()[0] == 7
    assert client.count("c").count == len(vectors) + (sys.argv[1] != ":memory:")
    client.close()
    """
    done = run(code, ":memory:" if where == "memory" else str(tmp_path), "20000", "1000")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a reader")
def test_a_reader_that_died_does_not_let_the_file_grow(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from minidb import QdrantClient
        client = QdrantClient(sys.argv[1])
        with client._database.snapshot("c"):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    with made(tmp_path) as client:
        sizes = []
        for _ in range(2):
            for at in range(150):
                client.upsert(
                    "c", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, 4.0], payload={"text": "x" * 9000})]
                )
                if at == 20 and sizes:
                    assert run(code, str(tmp_path)).returncode == -signal.SIGKILL
            sizes.append((tmp_path / "data.mdb").stat().st_size)
    assert sizes[1] < 3 * sizes[0]


@pytest.mark.parametrize("how", ["missing", "empty"])
@pytest.mark.parametrize("beside", ["rows", "snapshots"])
def test_a_store_without_its_truth_is_refused_and_left_alone(tmp_path: Path, how: str, beside: str) -> None:
    with made(tmp_path) as client:
        client.create_snapshot("c")
    data = tmp_path / "data.mdb"
    whole = data.read_bytes()
    data.unlink()
    if how == "empty":
        data.touch()
    before = sorted(path for path in (tmp_path / beside).rglob("*"))
    for options in ({}, {"read_only": True}):
        with pytest.raises(errors.CorruptionError, match=rf"data\.mdb is {how}.*{beside}"):
            QdrantClient(tmp_path, **options)
    assert sorted(path for path in (tmp_path / beside).rglob("*")) == before
    data.write_bytes(whole)
    with QdrantClient(tmp_path) as client:
        assert client.count("c").count == 3


def test_a_reader_that_only_reads(tmp_path: Path) -> None:
    made(tmp_path / "store").close()
    for folder, _, names in os.walk(tmp_path / "store"):
        for name in names:
            os.chmod(Path(folder) / name, 0o444)
        os.chmod(folder, 0o555)
    before = {path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()}
    with QdrantClient(tmp_path / "store", read_only=True) as client:
        assert client.count("c").count == 3
        assert client.query_points("c", [0.0, 0.0, 0.0, 1.0], limit=1).points[0].id == 2
        refused = [
            lambda: client.upsert("c", [models.PointStruct(id=9, vector=[1.0] * 4)]),
            lambda: client.delete("c", [1]),
            lambda: client.create_collection("d", models.VectorParams(size=4, distance=models.Distance.DOT)),
            lambda: client.delete_collection("c"),
            lambda: client.create_payload_index("c", "a", "keyword"),
            lambda: client.create_snapshot("c"),
            lambda: client.create_full_snapshot(),
        ]
        for write in refused:
            with pytest.raises(errors.Forbidden, match="read_only=True"):
                write()
    if os.getuid():  # root may write anywhere, and LMDB's table of readers is the one file that is written then
        assert before == {path: path.read_bytes() for path in before}
    assert {path for path in before if path.name != "lock.mdb" and path.read_bytes() != before[path]} == set()
    os.chmod(tmp_path / "store", 0o755)


def test_a_reader_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(errors.ServiceError, match="no store"):
        QdrantClient(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(errors.BadRequest, match="read_only"):
        QdrantClient(":memory:", read_only=True)


@pytest.mark.parametrize("n_tables", [0, 1, 3])
def test_a_reader_comes_while_a_store_is_being_made(tmp_path: Path, n_tables: int) -> None:
    with lmdb.open(str(tmp_path), max_dbs=len(TABLES)) as environment:
        for table in TABLES[:n_tables]:
            environment.open_db(table.encode())
    with pytest.raises(errors.ServiceError, match="is not complete: another process is just making it"):
        QdrantClient(tmp_path, read_only=True)
    with QdrantClient(tmp_path) as client:
        assert client.get_collections().collections == []
