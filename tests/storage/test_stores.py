"""Both stores do the same: random transactions with savepoints against a dictionary, and the interface's promises."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb import QdrantClient
from minidb.errors import BadRequest, CorruptionError, FormatVersionError, ServiceError, StoreClosed
from minidb.storage import lmdb_store, registry
from minidb.storage.interface import Store, Table, WriteTransaction
from minidb.storage.memory_store import MemoryStore
from minidb.storage.pages import read_metas
from minidb.storage.records import FORMAT_VERSION, Head
from minidb.storage.registry import open_store

USED: tuple[Table, ...] = ("meta", "records")
KEYS = st.sampled_from([bytes([first]) + tail for first in (1, 2, 3) for tail in (b"", b"\0", b"a", b"\xff")])
Model = dict[tuple[Table, bytes], bytes]


@pytest.fixture(params=["memory", "durable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else open_store(tmp_path, "off")
    yield opened
    opened.close()


class Undo(Exception):
    """Ends a savepoint or a transaction without its changes."""


put = st.tuples(st.just("put"), st.sampled_from(USED), KEYS, st.binary(max_size=5))
put_many = st.tuples(
    st.just("put_many"), st.sampled_from(USED), st.lists(st.tuples(KEYS, st.binary(max_size=5)), max_size=4), st.none()
)
delete = st.tuples(st.just("delete"), st.sampled_from(USED), KEYS, st.none())
delete_range = st.tuples(st.just("delete_range"), st.sampled_from(USED), KEYS, KEYS)
changes = st.one_of(put, put, put_many, delete, delete_range)
savepoints = st.tuples(st.just("savepoint"), st.booleans(), st.lists(changes, max_size=5), st.none())
transactions = st.lists(
    st.tuples(st.booleans(), st.lists(st.one_of(changes, savepoints), max_size=8)), min_size=1, max_size=6
)


def apply(txn: WriteTransaction, model: Model, step: tuple[Any, ...]) -> None:
    """One step, on the transaction and on the model alike; what the transaction says is compared."""
    match step:
        case ("put", table, key, value):
            txn.put(table, key, value)
            model[table, key] = value
        case ("put_many", table, items, _):
            txn.put_many(table, items)
            model.update({(table, key): value for key, value in items})
        case ("delete", table, key, _):
            assert txn.delete(table, key) == (model.pop((table, key), None) is not None)
        case ("delete_range", table, start, stop):
            txn.delete_range(table, start, stop)
            for found in [found for found in model if found[0] == table and start <= found[1] < stop]:
                del model[found]
        case ("savepoint", is_undone, steps, _):
            before = dict(model)
            staged = dict(txn.staged)
            try:
                with txn.savepoint():
                    txn.staged[len(staged)] = "inside"
                    for inner in steps:
                        apply(txn, model, inner)
                    if is_undone:
                        raise Undo
            except Undo:
                model.clear()
                model.update(before)
                assert txn.staged == staged


def content(txn: Any) -> Model:
    return {(table, key): value for table in USED for key, value in txn.scan(table, b"", b"\xff" * 8) if len(key) < 3}


@pytest.mark.parametrize("kind", ["memory", "durable"])
@given(work=transactions)
@settings(max_examples=60, deadline=None)
def test_random_transactions(kind: str, work: list[tuple[bool, list[tuple[Any, ...]]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store: Store = MemoryStore() if kind == "memory" else open_store(Path(folder), "off")
        try:
            committed: Model = {}
            for is_aborted, steps in work:
                model = dict(committed)

                def transaction(
                    txn: WriteTransaction,
                    model: Model = model,
                    steps: list[tuple[Any, ...]] = steps,
                    is_aborted: bool = is_aborted,
                ) -> None:
                    for step in steps:
                        apply(txn, model, step)
                        assert content(txn) == model
                    if is_aborted:
                        raise Undo

                if is_aborted:
                    with pytest.raises(Undo):
                        store.write(transaction)
                else:
                    store.write(transaction)
                    committed = model
                with store.read() as txn:
                    assert content(txn) == committed
                    keys = [key for _, key in committed]
                    assert [txn.get("meta", key) for key in keys] == [committed.get(("meta", key)) for key in keys]
                    assert txn.get_many("records", keys) == [committed.get(("records", key)) for key in keys]
                    scanned = [key for key, _ in txn.scan("meta", b"\x02", b"\x03")]
                    assert scanned == sorted(key for table, key in committed if table == "meta" and key[0] == 2)
        finally:
            store.close()


def test_equal_transaction_numbers_mean_equal_content(store: Store) -> None:
    def number() -> int:
        with store.read() as txn:
            return txn.txn_id

    store.write(lambda txn: txn.put("meta", b"a", b"1"))
    before = number()
    assert number() == before
    with pytest.raises(Undo):
        store.write(lambda txn: (txn.put("meta", b"a", b"2"), undo()))
    assert number() == before
    store.write(lambda txn: txn.put("meta", b"a", b"2"))
    assert number() > before


def undo() -> None:
    raise Undo


def test_publishers_run_after_their_commit_and_only_then(store: Store) -> None:
    published: list[int] = []

    def work(txn: WriteTransaction, number: int) -> None:
        txn.put("meta", b"a", bytes([number]))
        txn.on_commit(lambda: published.append(number))
        if number == 2:
            raise Undo

    store.write(lambda txn: work(txn, 1))
    with pytest.raises(Undo):
        store.write(lambda txn: work(txn, 2))
    store.write(lambda txn: work(txn, 3))
    assert published == [1, 3]


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreClosed):
        store.write(lambda txn: None)
    with pytest.raises(StoreClosed), store.read():
        pass
    if isinstance(store, MemoryStore):
        return
    with pytest.raises(StoreClosed):
        store.sync_rows()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_amid_writes_to_memory_has_a_whole_copy_it_cannot_write() -> None:
    store, stop = MemoryStore(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            value = os.urandom(8)
            store.write(lambda txn, value=value: [txn.put(table, b"k", value) for table in USED])

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    codes = []
    for _ in range(10):
        child = os.fork()
        if not child:
            code = 1
            try:
                with store.read() as txn:
                    assert txn.get(USED[0], b"k") == txn.get(USED[1], b"k")
                with pytest.raises(BadRequest, match="belongs to its process"):
                    store.write(lambda txn: txn.put("meta", b"k", b"lost"))
                store.close()
                code = 0
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == [0] * 10


def test_one_process_shares_one_environment(tmp_path: Path) -> None:
    first, second = open_store(tmp_path, "off"), open_store(tmp_path, "off")
    assert first is second
    with pytest.raises(BadRequest, match="durability"):
        open_store(tmp_path, "full")
    first.close()
    second.write(lambda txn: txn.put("meta", b"a", b"1"))
    second.close()
    (tmp_path / "link").symlink_to(tmp_path)
    third = open_store(tmp_path / "link", "off")
    with third.read() as txn:
        assert txn.get("meta", b"a") == b"1"
    third.close()


def test_a_store_of_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    with QdrantClient(tmp_path):
        pass
    store = open_store(tmp_path)
    store.write(lambda txn: txn.put("meta", b"format", (FORMAT_VERSION + 1).to_bytes(4, "big")))
    store.write(lambda txn: txn.put("wal", b"\0\0\0\1" + b"0.vec" + bytes(8), b"another format"))
    store._closed = True  # leaves the log as it is
    store._close_environment()
    del registry._stores[store.path]
    before = (tmp_path / "data.mdb").read_bytes()
    for _ in range(2):
        with pytest.raises(FormatVersionError, match="newer minidb"):
            QdrantClient(tmp_path)
    assert (tmp_path / "data.mdb").read_bytes() == before
    assert not (tmp_path / "rows").exists()


def test_files_of_a_dropped_space_wait_for_their_readers(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    try:
        (tmp_path / "rows" / "1").mkdir(parents=True)
        with store.read():
            store.write(lambda txn: (txn.put("meta", b"a", b"1"), txn.on_commit(lambda: store.drop_space(1)))[0])
            assert (tmp_path / "rows" / "1").exists()
        store.write(lambda txn: txn.put("meta", b"a", b"2"))
        assert not (tmp_path / "rows" / "1").exists()
    finally:
        store.close()


def test_folders_no_collection_names_are_removed_at_opening(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write(lambda txn: txn.put("meta", b"head\0\0\0\1", Head(7).pack()))
    store.close()
    for name in ("rows/7", "rows/8", "derived/7", "derived/9"):
        (tmp_path / name).mkdir(parents=True)
    open_store(tmp_path).close()
    found = {str(path.relative_to(tmp_path)) for kind in ("rows", "derived") for path in (tmp_path / kind).iterdir()}
    assert found == {"rows/7", "derived/7"}


def test_a_file_that_ends_before_its_last_page_is_whole_when_that_page_is_free(tmp_path: Path) -> None:
    """LMDB never writes a page that was taken and freed within one commit, so its file may end earlier than it says."""
    store = open_store(tmp_path)

    def put_and_take_back(txn: WriteTransaction) -> None:
        txn.put_many("records", [(bytes([at]), bytes(3000)) for at in range(40)])
        txn.delete_range("records", bytes([1]), bytes([40]))

    for value in (b"1", b"2"):  # leaves free pages, for what a commit writes last
        store.write(lambda txn, value=value: txn.put("meta", b"x", value))  # type: ignore[misc]
    store.write(put_and_take_back)
    store.close()
    file = tmp_path / "data.mdb"
    (tmp_path / "data.crc").unlink()
    newest = read_metas(file)[1]
    assert file.stat().st_size < (newest.last_page + 1) * newest.page_bytes
    store = open_store(tmp_path)
    with store.read() as txn:
        assert [key for key, _ in txn.scan("records", b"", b"\xff")] == [b"\0"]
    store.close()
    (tmp_path / "data.crc").unlink()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptionError, match=r"truncated|beyond the end"):
        open_store(tmp_path)


def test_a_read_that_begins_in_a_slow_commit_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no longer than the pause: a commit that waits for a reader goes on."""
    monkeypatch.setattr(lmdb_store, "_SLOW_COMMIT_S", -1.0)
    monkeypatch.setattr(lmdb_store, "_PAUSE_S", 60.0)
    store = open_store(tmp_path, "off")
    waits, seen = threading.Event(), []

    def sleep(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    def read() -> None:
        with store.read() as txn:
            seen.append(txn.get("meta", b"\1"))

    monkeypatch.setattr(lmdb_store, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    reader = threading.Thread(target=read)

    def step(txn: WriteTransaction) -> None:
        reader.start()
        assert waits.wait(30)
        assert not seen
        txn.put("meta", b"\1", b"new")

    store.write(step)
    reader.join(30)
    assert seen == [b"new"]
    monkeypatch.setattr(lmdb_store, "_PAUSE_S", 0.001)

    def waits_for_a_reader(txn: WriteTransaction) -> None:
        late = threading.Thread(target=read)
        late.start()
        late.join(30)
        assert seen == [b"new", b"new"]

    store.write(waits_for_a_reader)
    store.close()


@pytest.mark.parametrize("name", ["a\0b", "bad\udcff"])
def test_a_path_no_store_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest, match="is no path for a store"):
        open_store(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="the folder a process works in cannot be removed there")
def test_a_relative_path_where_the_working_folder_is_gone_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    back = Path.cwd()
    os.chdir(folder)
    try:
        folder.rmdir()
        with pytest.raises(ServiceError, match="could not find out where 'store' is"):
            open_store(Path("store"))
    finally:
        os.chdir(back)
