"""The durable store: LMDB for tables and commits, mapped files for rows.

LMDB can end the process: a data file that is cut short or damaged (SIGBUS), the same environment opened twice, a second
write transaction in one thread, growing the map under readers, closing under a transaction. Each is made unreachable
here: `pages` looks before LMDB does, environments are shared per real path, writers go through one queue, growth and
closing take queue and gate.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from minidb.errors import BadRequest, CorruptionError, InsufficientStorage, MinidbError, ServiceError, StoreClosed
from minidb.storage.commit import CommitQueue
from minidb.storage.gate import PhaseFairGate
from minidb.storage.interface import TABLES, Durability, ReadTransaction, RowFile, Table, WriteTransaction
from minidb.storage.lmdb_transactions import LmdbRead, LmdbWrite
from minidb.storage.page_walk import check_structure
from minidb.storage.pages import DamagedPages, Fingerprint, Meta, check_files, read_metas
from minidb.storage.reading import Reading
from minidb.storage.records import Head, check_format
from minidb.storage.rows import MappedRowFile, sync_folders

T = TypeVar("T")

_LINUX_MAP_BYTES = 1 << 40  # costs address space only
_FIRST_MAP_BYTES = 1 << 30
_WAL_CHECKPOINT_BYTES = 16 * 1024 * 1024
_SLOW_COMMIT_S, _PAUSE_S = 0.005, 0.005
"""A commit that takes longer may be starving: LMDB's calls let go of the interpreter's lock one by one, and a writer
hardly gets it back where several threads read without a pause (three readers: 44 s for a commit of ten points, now 0.1
to 0.4). New reads then wait for its end, for so long at most.
"""
_FULL_BYTES = 1 << 20
"""LMDB reports a write that was cut short as EIO; with less than this free it was the disk that was full."""
_META_ATTEMPTS = 5
_COMMIT_KEY = b"commit"
"""In `meta`: the number of the commit itself, which LMDB's meta pages must agree with."""
_LAST_KEY = b"\xff" * 512


class LmdbStore:
    """See `interface.Store`. Made by `open_store`, which shares one per path and process."""

    def __init__(self, path: Path, durability: Durability, map_bytes: int | None) -> None:
        self.path = path
        self.durability = durability
        self._gate = PhaseFairGate()
        self._queue = CommitQueue(self._commit_batch, (lmdb.Error,))
        self._row_files: dict[tuple[int, str], MappedRowFile] = {}
        self._row_files_lock = threading.Lock()
        self._wal_bytes = 0
        self._commit_began = 0.0
        self._committed = threading.Event()
        self._dropped: list[tuple[int, int]] = []  # (space, first commit that no longer names it)
        self.users = 0
        self._closed = False
        self._pid = os.getpid()
        path.mkdir(parents=True, exist_ok=True)
        self._fingerprint = Fingerprint(path)
        self._fingerprinted = -1
        try:
            self._open(map_bytes, check=True)
        except BaseException:
            self._close_environment()
            raise

    def _open(self, map_bytes: int | None, *, check: bool) -> None:
        data_file = self.path / "data.mdb"
        try:
            check_files(self.path)
            if data_file.exists() and data_file.stat().st_size:
                _metas(data_file)
            self._open_environment(map_bytes)
            is_whole = not check or self._check_pages(data_file)
            before = self.environment.info()["last_txnid"]
            self.tables: dict[Table, Any] = {table: self.environment.open_db(table.encode()) for table in TABLES}
            # a table an older minidb did not have is made by a commit of LMDB's own
            has_new_table = before and self.environment.info()["last_txnid"] > before
            self._check_entries(every=not is_whole, newest_known=not has_new_table)
        except DamagedPages as error:
            raise CorruptionError(f"{data_file}: {error}") from None
        except lmdb.Error as error:
            raise _translated(error, self.path) from error
        with self.read() as txn:
            check_format(txn)
        if has_new_table:
            self.write(lambda txn: txn.delete("meta", _COMMIT_KEY))  # the commit puts it again, with its own number
        self._replay_wal()
        self._drop_orphans()

    def _check_pages(self, data_file: Path) -> bool:
        """Find damage before LMDB meets it. False when the file was changed but not by a commit.

        The read transaction pins what is looked at, so other processes may write meanwhile.
        """
        while True:
            with self.read() as txn:
                meta = next((meta for meta in _metas(data_file) if meta.txn_id == txn.txn_id), None)
                if meta is None:  # two commits since the transaction began
                    continue
                is_same = self._fingerprint.matches(meta.txn_id)
                if is_same:
                    self._fingerprinted = meta.txn_id
                    return True
                check_structure(data_file, meta)
                return is_same is None

    def _check_entries(self, *, every: bool, newest_known: bool) -> None:
        """Is this the newest commit, and, when asked, can every entry be found and does it match its checksum?"""
        with self.read() as txn:
            newest = txn.get("meta", _COMMIT_KEY)
            if newest_known and newest is not None and int.from_bytes(newest, "big") != txn.txn_id:
                raise DamagedPages(f"its newest commit is {txn.txn_id}, but says it is {int.from_bytes(newest, 'big')}")
            for table in TABLES if every else ():
                before = b""
                for key, _ in txn.scan(table, b"", _LAST_KEY):
                    if key <= before or txn.get(table, key) is None:
                        raise self.corrupt(table, key)
                    before = key

    def _open_environment(self, map_bytes: int | None) -> None:
        sizes = [map_bytes] if map_bytes else [_LINUX_MAP_BYTES] if sys.platform.startswith("linux") else []
        for size in [*sizes, _FIRST_MAP_BYTES]:
            try:
                self.environment = lmdb.open(
                    str(self.path),
                    map_size=size,
                    max_dbs=len(TABLES),
                    max_readers=512,
                    max_spare_txns=0,  # a spare keeps its reader slot, which a forked child would free
                    sync=self.durability != "off",
                    metasync=self.durability == "full",
                    readahead=False,
                )
                break
            except lmdb.MemoryError:  # address space is limited here: start small and grow
                continue
        else:
            raise ServiceError(f"could not map {self.path}: not enough address space")
        self.environment.reader_check()

    def read(self) -> AbstractContextManager[ReadTransaction]:
        return Reading(self)

    def begin_read(self) -> LmdbRead:
        if self._pid != os.getpid():
            self._reopen_after_fork()
        began = self._commit_began
        if began and time.monotonic() - began > _SLOW_COMMIT_S:
            self._committed.wait(_PAUSE_S)
        self._gate.acquire_shared()
        try:
            return LmdbRead(self, self._begin())
        except BaseException:
            self._gate.release_shared()
            raise

    def end_read(self, read: LmdbRead, error: BaseException | None) -> None:
        read.abort()
        self._gate.release_shared()
        if isinstance(error, lmdb.Error):
            raise _translated(error, self.path) from error

    def write(self, work: Callable[[WriteTransaction], T]) -> T:
        if self._pid != os.getpid():
            self._reopen_after_fork()
        return self._queue.submit(work)

    def row_file(self, space: int, name: str, width: int) -> RowFile:
        key = (space, name)
        with self._row_files_lock:
            file = self._row_files.get(key)
            if file is None or file.width != width:  # of a write that failed; its space's number was given away again
                path = self.path / "rows" / str(space) / name
                durable = self.durability != "off"
                file = self._row_files[key] = MappedRowFile(path, _wal_key(space, name), width, durable)
            return file

    def drop_space(self, space: int) -> None:
        self._dropped.append((space, self.environment.info()["last_txnid"]))
        self._remove_dropped()

    def _remove_dropped(self) -> None:
        """Delete the files of dropped spaces that no reader, in any process, can still name."""
        if not self._dropped:
            return
        self.environment.reader_check()
        oldest = _oldest_reader(self.environment.readers())
        waiting = []
        for space, txn_id in self._dropped:
            if oldest is not None and oldest < txn_id:
                waiting.append((space, txn_id))
                continue
            self.discard_space(space)
        self._dropped = waiting

    def discard_space(self, space: int) -> None:
        with self._row_files_lock:
            for key in [key for key in self._row_files if key[0] == space]:
                self._row_files.pop(key).close()
        for folder in ("rows", "derived"):
            shutil.rmtree(self.path / folder / str(space), ignore_errors=True)  # mapped elsewhere: left for later

    def _drop_orphans(self) -> None:
        """Folders left by a process that was killed, or closed while others still read them."""

        def orphans(txn: ReadTransaction) -> list[int]:
            live = {Head.unpack(head).space for _, head in txn.scan("meta", b"head", b"heae")}
            folders = {entry.name for kind in ("rows", "derived") for entry in (self.path / kind).glob("[0-9]*")}
            return sorted({int(name) for name in folders if name.isdigit()} - live)

        with self.read() as txn:
            suspected = orphans(txn)
        if suspected:  # another process may be writing one just now: look again when nobody is
            for space in self.write(orphans):
                self.drop_space(space)

    def sync_rows(self) -> None:
        self.write(self._empty_wal)

    def close(self) -> None:
        """Let go of one user's hold; the last one checkpoints the row files and closes the environment."""
        with _registry_lock:
            if self._closed:
                return
            self.users -= 1
            if self.users > 0:
                return
            _registry.pop(self.path, None)
            try:
                if self._pid == os.getpid():
                    self.sync_rows()
                    self._remove_dropped()
            finally:
                self._closed = True
                with self._queue.paused(), self._gate.exclusive:  # closing under a transaction ends the process
                    last_txn = self.environment.info()["last_txnid"]
                    if self.durability == "normal":
                        self.environment.sync(True)
                    self._close_environment()
                for file in self._row_files.values():
                    file.close()
                if self.durability != "off" and last_txn != self._fingerprinted and self._pid == os.getpid():
                    with suppress(DamagedPages, OSError):  # without it the next opening looks closer
                        self._fingerprint.save()

    def _close_environment(self) -> None:
        if hasattr(self, "environment"):
            self.environment.close()

    def corrupt(self, table: Table, key: bytes) -> CorruptionError:
        return CorruptionError(f"{self.path / 'data.mdb'}: {table} {key.hex()} does not match its checksum")

    def _begin(self, *, write: bool = False) -> Any:
        try:
            return self.environment.begin(write=write)
        except lmdb.MapResizedError:  # another process grew the map
            pass
        except lmdb.Error as error:
            raise _translated(error, self.path) from error
        if write:
            with self._gate.exclusive:
                self.environment.set_mapsize(0)
        else:
            self._gate.release_shared()
            try:
                with self._queue.paused(), self._gate.exclusive:  # nor may a writer be under way
                    self.environment.set_mapsize(0)
            finally:
                self._gate.acquire_shared()
        return self._begin(write=write)

    def _commit_batch(self, run: Callable[[WriteTransaction], None]) -> None:
        self._committed.clear()
        self._commit_began = time.monotonic()
        try:
            self._commit(run)
        finally:
            self._commit_began = 0.0
            self._committed.set()

    def _commit(self, run: Callable[[WriteTransaction], None]) -> None:
        while True:
            if self._closed:
                raise StoreClosed("this client has been closed")
            try:
                txn = self._begin(write=True)
                write = LmdbWrite(self, txn)
                try:
                    run(write)
                    if write.has_changes:
                        write.put("meta", _COMMIT_KEY, write.txn_id.to_bytes(8, "big"))
                except BaseException:
                    txn.abort()
                    raise
                txn.commit()
            except lmdb.MapFullError:
                self._grow_map()
                continue
            except lmdb.Error as error:
                raise _translated(error, self.path) from error
            break
        for publish in write.publishers:
            publish()
        self._remove_dropped()
        self._wal_bytes += write.wal_bytes
        if self._wal_bytes > _WAL_CHECKPOINT_BYTES:
            self._wal_bytes = 0
            with suppress(MinidbError, OSError):  # what was asked for is committed; the log is emptied another time
                self._commit(self._empty_wal)

    def _grow_map(self) -> None:
        with self._gate.exclusive:
            self.environment.set_mapsize(self.environment.info()["map_size"] * 2)

    def _empty_wal(self, txn: WriteTransaction) -> None:
        with self._row_files_lock:
            files = list(self._row_files.values())
        for file in files:
            file.sync()
        if self.durability == "off":
            return
        self._sync_foreign_rows(txn)
        txn.delete_range("wal", b"", b"\xff" * 8)

    def _sync_foreign_rows(self, txn: WriteTransaction) -> None:
        """Sync files only other processes wrote to: their bytes are in the page cache, their log is ours to empty."""
        seen: set[bytes] = set()
        for key, _ in txn.scan("wal", b"", b"\xff" * 8):
            head = key[:-8]
            if head in seen:
                continue
            seen.add(head)
            path = self._wal_path(head)
            if path.exists():
                with path.open("rb+") as file:
                    os.fdatasync(file.fileno())
                sync_folders(path)

    def _replay_wal(self) -> None:
        """Bring back row bytes a power cut may have taken: everything in `wal` is written again."""
        with self._gate.shared:
            txn = self._begin()
            pending = txn.stat(self.tables["wal"])["entries"]
            txn.abort()
        if not pending:
            return

        def replay(txn: WriteTransaction) -> None:
            for key, data in txn.scan("wal", b"", b"\xff" * 8):
                path = self._wal_path(key[:-8])
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    os.pwrite(descriptor, data, int.from_bytes(key[-8:], "big"))
                finally:
                    os.close(descriptor)

        self.write(replay)

    def _wal_path(self, head: bytes) -> Path:
        return self.path / "rows" / str(int.from_bytes(head[:4], "big")) / head[4:].decode()

    def _reopen_after_fork(self) -> None:
        """A child of fork() must not use its parent's environment; LMDB wants its own."""
        with _registry_lock:
            if self._pid == os.getpid():
                return
            self._row_files = {}
            self._dropped = []
            self._pid = os.getpid()
            self.environment.close()
            self._open(None, check=False)

    def pause_for_fork(self) -> None:
        """Let transactions end first: a child would free its parent's reader slots, and inherit locks held for ever."""
        self._paused = ExitStack()
        for hold in (self._queue.paused(), self._gate.exclusive, self._row_files_lock):
            self._paused.enter_context(hold)

    def resume_after_fork(self) -> None:
        self._paused.close()

    def renew_after_fork(self) -> None:
        """In the child: locks other threads of the parent may have held inside."""
        self._gate = PhaseFairGate()
        self._queue = CommitQueue(self._commit_batch, (lmdb.Error,))
        self._row_files_lock = threading.Lock()
        self._commit_began, self._committed = 0.0, threading.Event()


_registry: dict[Path, LmdbStore] = {}
_registry_lock = threading.RLock()


def _before_fork() -> None:
    _registry_lock.acquire()
    for store in _registry.values():
        store.pause_for_fork()


def _after_fork_in_parent() -> None:
    for store in _registry.values():
        store.resume_after_fork()
    _registry_lock.release()


def _after_fork_in_child() -> None:
    for store in _registry.values():
        store.renew_after_fork()
    _registry_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def open_store(path: Path, durability: Durability = "full", map_bytes: int | None = None) -> LmdbStore:
    """Open the store at `path`, creating it if need be; every open in one process shares the environment.

    Raises `CorruptionError` for a damaged data file, `BadRequest` when the path is open here with another durability.
    """
    real = Path(os.path.realpath(path))
    with _registry_lock:
        store = _registry.get(real)
        if store is None:
            store = _registry[real] = _open_new(real, durability, map_bytes)
        elif store.durability != durability:
            raise BadRequest(f"{real} is already open in this process with durability={store.durability!r}")
        store.users += 1
        return store


def _open_new(path: Path, durability: Durability, map_bytes: int | None) -> LmdbStore:
    try:
        return LmdbStore(path, durability, map_bytes)
    except OSError as error:
        if isinstance(error, MinidbError):
            raise
        raise ServiceError(f"could not open {path}: {error.strerror}") from error


def _oldest_reader(listing: str) -> int | None:
    """The oldest commit an open read transaction shows, from LMDB's table of "pid thread txnid" lines."""
    columns = [line.split() for line in listing.splitlines()]
    return min((int(line[2]) for line in columns if len(line) == 3 and line[2].isdigit()), default=None)


def _wal_key(space: int, name: str) -> bytes:
    return space.to_bytes(4, "big") + name.encode()


def _metas(data_file: Path) -> list[Meta]:
    """The meta pages, read again when another process seems to be writing one just now."""
    for _ in range(_META_ATTEMPTS):
        with suppress(DamagedPages):
            return read_metas(data_file)
    return read_metas(data_file)


def _translated(error: lmdb.Error, path: Path) -> MinidbError:
    text = str(error)
    is_short_write = os.strerror(errno.EIO) in text and shutil.disk_usage(path).free < _FULL_BYTES
    if is_short_write or isinstance(error, lmdb.DiskError) or os.strerror(errno.ENOSPC) in text:
        return InsufficientStorage(f"could not write to {path}: {os.strerror(errno.ENOSPC)}; nothing was written")
    if isinstance(error, (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError)):
        return CorruptionError(f"{path / 'data.mdb'}: {text}")
    if "closed" in text.lower():
        return StoreClosed("this client has been closed")
    return ServiceError(f"{path}: {text}")
