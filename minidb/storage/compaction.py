"""`data.mdb` without its free pages: LMDB never makes its file smaller, so a copy takes its place.

The copy is made beside readers and writers. What is committed meanwhile is recorded and written to the copy, too, the
last of it while this process stands still, for some milliseconds. No other process may have the store open then: it
would go on with the file that was replaced. LMDB's own lock says so, a byte of `lock.mdb` that each process which has
the environment open holds shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb

from minidb.errors import ServiceError
from minidb.storage.checksum import seal
from minidb.storage.interface import TABLES, Table
from minidb.storage.lmdb_environment import last_commit
from minidb.storage.pages import stamp
from minidb.storage.records import COMMIT_KEY
from minidb.system import files
from minidb.system.files import File

if TYPE_CHECKING:
    from minidb.storage.lmdb_store import LmdbStore

Change = tuple[Table, bytes, bytes | None]
"""What was put, sealed; None for what was deleted."""

_NAME, _LOCK = "data.mdb.compact", "compact.lock"
_FEW_CHANGES, _MOST_ROUNDS = 100, 20
_SPARE_BYTES = 1 << 24
"""Of the copy's map, which doubles where it is too small: address space may be limited."""


def compact(store: LmdbStore) -> None:
    """Raises `ServiceError` where another process has the store open, `InsufficientStorage` for a disk without room."""
    path = store.path / _NAME
    try:
        with _locked(store.path), _new(path) as file, store.recording() as changes:
            _copy(store.environment, file)
            copy = _Copy(path, 2 * file.size() + _SPARE_BYTES)
            try:
                rounds = 0
                while len(changes) > _FEW_CHANGES and rounds < _MOST_ROUNDS:  # or writers are quicker than this
                    copy.take_in(changes)
                    rounds += 1

                def finish(last: int) -> None:
                    copy.take_in(changes)
                    copy.finish(last)
                    file.sync()
                    file.close()
                    files.system.replace(path, store.path / "data.mdb")
                    if store.durability != "off":
                        files.system.sync_folder(store.path)

                store.replaced(finish)
            finally:
                copy.close()
    except OSError as error:
        raise files.failure(error, f"could not write {path}") from error


def remove_leftover(folder: Path) -> None:
    """What a process left that was killed while it made a copy."""
    if files.exists(folder / _NAME):
        with suppress(ServiceError), _locked(folder):
            files.remove(folder / _NAME)


def _copy(environment: Any, file: File) -> None:
    """LMDB's own calls cannot be seen: tests of power cuts look at the file when it is synced."""
    environment.copyfd(file.descriptor, compact=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else makes a copy meanwhile."""
    path = folder / _LOCK
    with File(path, write=True, create=True) as lock:
        if not lock.lock_if_free() or not lock.is_in_place():  # or it is one that was removed, and guards nothing
            raise ServiceError(f"another process is compacting {folder}")
        try:
            yield
        finally:
            is_gone = files.remove(path)  # while it is ours
            lock.close()
            if not is_gone:  # Windows removes no file that is open
                files.remove(path)


@contextmanager
def _new(path: Path) -> Iterator[File]:
    with File(path, write=True, create=True) as file:
        try:
            file.resize(0)
            yield file
        finally:
            file.close()
            files.remove(path)


class _Copy:
    """A data file that no process has open yet."""

    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path, self._map_bytes = path, map_bytes
        self._environment = self._opened()
        self._tables = {table: self._environment.open_db(table.encode()) for table in TABLES}

    def _opened(self) -> Any:
        return lmdb.open(
            str(self._path), subdir=False, lock=False, map_size=self._map_bytes, max_dbs=len(TABLES), sync=False
        )

    def take_in(self, changes: list[Change]) -> None:
        """Write, and forget, what was recorded; some of it may be in the copy already."""
        taken = changes[:]
        while not self._has_taken(taken):
            self._map_bytes *= 2
            self._environment.set_mapsize(self._map_bytes)
        del changes[: len(taken)]

    def _has_taken(self, changes: list[Change]) -> bool:
        """False, and nothing is written, where the map is too small for them."""
        try:
            with self._environment.begin(write=True) as txn:
                for table, key, sealed in changes:
                    if sealed is None:
                        txn.delete(key, db=self._tables[table])
                    else:
                        txn.put(key, sealed, db=self._tables[table])
        except lmdb.MapFullError:
            return False
        return True

    def finish(self, last: int) -> None:
        """Go on with the numbers of commits where the store's own file ends; a number's parity says where it lies.

        The commit after the stamp is LMDB's, so that the next writer leaves the pages of the one before it alone.
        """
        newest = last_commit(self._environment)
        self.close()
        stamp(self._path, last + (newest - last) % 2)
        self._map_bytes += _SPARE_BYTES  # what was taken in may have left no room for a commit
        self._environment = self._opened()
        table = self._environment.open_db(b"meta")
        with self._environment.begin(write=True) as txn:
            txn.put(COMMIT_KEY, seal(COMMIT_KEY, txn.id().to_bytes(8, "big")), db=table)
        self.close()

    def close(self) -> None:
        self._environment.close()
