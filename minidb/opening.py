"""An open store: found at a path or in memory, closed in order, with its catalog and one commit's view of a collection.

What every part of `Database` stands on. Knows no request.
"""

from __future__ import annotations

import atexit
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from minidb.catalog import Catalog, Directory
from minidb.collection.collection import Collection, Snapshot, Taking
from minidb.collection.indexer import Indexer, checkpoint
from minidb.collection.reads import PointReader
from minidb.errors import BadRequest, Forbidden, MinidbError, StoreClosed
from minidb.inference import Inference, InferenceSettings
from minidb.storage.interface import Durability, ReadTransaction, Store, WriteTransaction
from minidb.storage.lru_table import LruTable
from minidb.storage.memory_store import MemoryStore
from minidb.storage.records import check_format, mark_format
from minidb.storage.spaces import has_erased
from minidb.system import threads
from minidb.system.processes import around_fork
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from minidb.snapshots import Snapshots

MEMORY = ":memory:"
T = TypeVar("T")


class OpenStore:
    """A store at a path, or in memory: see `Database`."""

    _closed = True  # until it has been opened

    def __init__(
        self,
        location: str | Path,
        durability: Durability = "full",
        map_bytes: int | None = None,
        inference: InferenceSettings | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.location = str(location)
        self.read_only = read_only
        self._lock = threading.Lock()
        self._snapshots: Snapshots | None = None
        uninterrupted(partial(self._open, location, durability, map_bytes, inference))

    def _open(
        self,
        location: str | Path,
        durability: Durability,
        map_bytes: int | None,
        inference: InferenceSettings | None,
    ) -> None:
        if location != MEMORY:
            threads.closer.finish()  # a dropped client may be of the same folder, whose owner takes it for closed
        self._store = _store_at(location, durability, map_bytes, self.read_only)
        try:
            with self._store.read() as txn:
                is_new, has_leftovers = check_format(txn), not self.read_only and has_erased(txn)
            if is_new and not self.read_only:
                self._store.write(mark_format)
            cache_bytes = None if inference is None or self.read_only else inference.cache_bytes
            cache = None if cache_bytes is None else LruTable(self._store, "embeddings", cache_bytes)
            self._inference = Inference(inference, cache)
        except BaseException:
            self._store.close()
            raise
        self._directory = Directory(self._store)
        self._indexer = Indexer(self._store)
        self._closed = False
        threads.closer.expect()  # not by its own name: a forked child has another
        _open_databases.add(self)
        if has_leftovers:
            self._indexer.tidy()

    def __del__(self) -> None:
        if self._closed:
            return
        if self._store.path is not None:
            text = f"a client of {self.location} was dropped without close()"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
        elif not self._indexer.is_running:
            return  # memory alone needs no closing
        threads.closer.close(self.close)

    def _renew_after_fork(self) -> None:
        """In the child: the indexer's thread is not there. If it was at work, what it had in its hands stays locked or
        half done; the collections are opened anew.
        """
        if self._indexer.is_running:
            self._directory = Directory(self._store)
        self._indexer = Indexer(self._store)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Save derived data that is worth it and let go of the store."""
        uninterrupted(self._close)

    def _close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._indexer.stop()
        try:
            for collection in self._directory.opened():
                if collection.published[1] >= 0:
                    with suppress(MinidbError, OSError, MemoryError):  # derived data only: deleted, or the disk is full
                        checkpoint(self._store, collection, closing=True)
        finally:
            self._inference.close()
            if self._snapshots is not None and not self._store.read_only:  # a fork's are its parent's
                self._snapshots.close()
            self._store.close()

    @contextmanager
    def reading(self, name: str | None = None) -> Iterator[tuple[Catalog, dict[str, PointReader]]]:
        """Readers of a collection, or of all, by their real names, and the catalog: all of one commit."""
        while True:
            with self._read() as txn:
                catalog = self._directory.catalog(txn)
                names = sorted(catalog.collections) if name is None else [catalog.real_name(name)]
                views = [(collection := self._directory.find(each, txn), collection.catch_up(txn)) for each in names]
                if any(view is None for _, view in views):
                    continue
                yield catalog, {c.name: PointReader(c, view, txn) for c, view in views if view is not None}
                return

    def real_name(self, name: str, *, may_be_new: bool = False) -> str:
        """The collection a name or alias means. Raises `NotFound`, unless it may be one that is not there yet."""
        with self._read() as txn:
            catalog = self._directory.catalog(txn)
            if not may_be_new:
                catalog.number_of(name)
            return catalog.real_name(name)

    def snapshot(self, name: str) -> AbstractContextManager[Snapshot]:
        """`with database.snapshot(name) as snapshot:` gives a collection's view and read transaction of one commit."""
        return Taking(self._store, lambda txn: self._directory.find(name, txn))

    def change_catalog(self, change: Callable[[WriteTransaction, Catalog], T]) -> T:
        """Run `change` in a write transaction, on a catalog that is stored with it."""

        def work(txn: WriteTransaction) -> T:
            catalog = Catalog.read(txn)
            result = change(txn, catalog)
            catalog.write(txn)
            return result

        return self._write(work)

    def remember(self, name: str, work: Callable[[WriteTransaction, Collection], T]) -> T:
        """Run `work` in a write transaction: for what is kept of a collection beside its points."""
        return self._write(lambda txn: work(txn, self._directory.find(name, txn)))

    def _read(self) -> AbstractContextManager[ReadTransaction]:
        self._check_open()
        return self._store.read()

    def _write(self, work: Callable[[WriteTransaction], T]) -> T:
        self._check_open()
        self._check_allowed()
        return self._store.write(work)

    def check_writable(self) -> None:
        """Raises `Forbidden` for a database that was opened read-only, `BadRequest` for a fork's copy of memory,
        `ServiceError` for a store that was moved.
        """
        self._check_allowed()
        self._store.check_writable()

    def _check_allowed(self) -> None:
        if self.read_only:
            text = f"{self.location} was opened with read_only=True"
            raise Forbidden(text).hinting("a client that writes is one opened without it")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed


def _store_at(location: str | Path, durability: Durability, map_bytes: int | None, read_only: bool) -> Store:
    if location == MEMORY:
        if read_only:
            raise BadRequest("a store in memory begins empty: read_only=True is for a directory")
        return MemoryStore()
    from minidb.storage.registry import open_store  # lmdb is not needed for :memory:

    return open_store(Path(location), durability, map_bytes, read_only=read_only)


_open_databases: weakref.WeakSet[OpenStore] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """A process that ends without closing: threads must not meet the end of the interpreter, and what is closed in
    order opens faster."""
    threads.closer.finish()
    for database in list(_open_databases):
        with suppress(MinidbError, OSError, MemoryError):
            database.close()


def _after_fork_in_child() -> None:
    for database in list(_open_databases):
        database._renew_after_fork()


around_fork(in_child=_after_fork_in_child)
