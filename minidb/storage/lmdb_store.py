"""The durable store: LMDB for tables and commits, mapped files for rows.

LMDB can end the process: a data file that is cut short or damaged (SIGBUS), the same environment opened twice, a second
write transaction in one thread, growing the map under readers, closing under a transaction. Each is made unreachable
here: `pages` looks before LMDB does, environments are shared per real path (`registry`), writers go through one queue,
growth and closing take queue and gate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import lmdb

from minidb.errors import CorruptionError, Forbidden, MinidbError, ServiceError, StoreClosed
from minidb.storage import lmdb_environment, spaces
from minidb.storage.commit import CommitQueue
from minidb.storage.compaction import Change, compact, remove_leftover
from minidb.storage.forking import StandsStill
from minidb.storage.gate import PhaseFairGate
from minidb.storage.interface import Durability, ReadTransaction, RowFile, Table, WriteTransaction
from minidb.storage.lmdb_environment import made_tables, open_environment, present_tables, translated
from minidb.storage.lmdb_transactions import LmdbRead, LmdbWrite
from minidb.storage.opening_checks import LAST_KEY, check_entries, check_pages
from minidb.storage.pages import DamagedPages, Fingerprint, check_files, is_unmade, read_metas, settled_metas
from minidb.storage.place import Place
from minidb.storage.reading import Reading
from minidb.storage.records import COMMIT_KEY, check_format
from minidb.storage.space_files import SpaceFiles, holds_files
from minidb.system import files
from minidb.system.files import File
from minidb.system.processes import process_id
from minidb.system.threads import uninterrupted

T = TypeVar("T")

_WAL_CHECKPOINT_BYTES = 16 * 1024 * 1024
_SLOW_COMMIT_S, _PAUSE_S, _PAUSE_STEP_S = 0.005, 0.005, 0.0002
"""A commit that takes longer may be starving: LMDB's calls let go of the interpreter's lock one by one, and a writer
hardly gets it back where several threads read without a pause (three readers: 44 s for a commit of ten points, now 0.1
to 0.4). New reads then wait for its end, for so long at most.
"""
_COMMITS_PER_READER_CHECK = 16
"""A reader that died keeps LMDB from using freed pages again until somebody looks for it."""
_ATTEMPTS = 4
"""How often a read begins: damage is the same each time, what was copied amid commits is not."""
_OF_HALF_A_META_PAGE = lmdb.BadTxnError, lmdb.CorruptedError, lmdb.PageNotFoundError
_DROPPED_AT_ONCE = 64
"""Without durability nothing is synced for the sake of one removal."""


class LmdbStore(StandsStill):
    """See `interface.Store`. Made by `registry.open_store`, which shares one per path and process."""

    def __init__(self, path: Path, durability: Durability, map_bytes: int | None, *, read_only: bool = False) -> None:
        self.path = path
        self._data_file, self._locks = path / "data.mdb", path / "lock.mdb"
        self._place = Place(path, read_only=read_only)
        self.durability = durability
        self.read_only = read_only
        self.opening = uuid4().bytes
        self.gate = PhaseFairGate()
        self.users = 0
        self._queue = CommitQueue(self._commit_batch, (lmdb.Error,))
        self._files = SpaceFiles(path, durable=durability != "off", writable=not read_only)
        self._wal_bytes = 0
        self._commit_began = 0.0
        self._n_commits = 0
        self._has_small_map = self._needs_opening = self._has_tables = False
        self._closed = False
        self.recorded: list[Change] | None = None
        """Everything that is committed while a copy is made of the file."""
        self._recorded_commit = 0
        """Up to it the copy and `recorded` have all there is: it stays behind once another process has committed."""
        self._lock_file: File | None = None
        self._pid = process_id()
        self._is_reopening = False
        self._fingerprint = Fingerprint(path)
        try:
            self._open(map_bytes, check=True)
        except BaseException:
            self._close_environment()
            raise

    # Opening

    def _open(self, map_bytes: int | None, *, check: bool) -> None:
        data_file = self._data_file
        try:
            check_files(self.path)
            is_new = self._is_new(data_file)
            if not is_new:
                settled_metas(data_file)
            if not self.read_only:
                remove_leftover(self.path)
            with self._opening_alone():
                self._open_environment(map_bytes)
            if is_new and self.durability != "off":  # before anything is acknowledged, or named
                lmdb_environment.sync_commits(self.environment)
                files.system.sync_folder(self.path)
            is_whole = not check or check_pages(self, data_file, self._fingerprint)
            self._open_tables()
            if not is_whole:
                check_entries(self)
        except DamagedPages as error:
            raise CorruptionError(f"{data_file}: {error}") from None
        except lmdb.Error as error:
            raise translated(error, self.path) from error
        with self.read() as txn:
            check_format(txn)
            has_log = next(txn.scan("wal", b"", LAST_KEY), None) is not None
        if self.read_only:
            if has_log:
                self._check_log_is_written()
            return
        if has_log:
            self.write(self._files.replay_wal)
        self._drop_orphans()

    def _is_new(self, data_file: Path) -> bool:
        """Whether a store begins here; never where another one has lost its truth."""
        n_bytes = files.size(data_file)
        beside = holds_files(self.path)
        if not n_bytes and beside:
            state, folders = "empty" if files.exists(data_file) else "missing", " and ".join(beside)
            raise CorruptionError(
                f"{data_file} is {state}, but {folders} beside it hold files of a store: bring it back from a copy, or "
                "move those folders away to begin a new store"
            )
        if not n_bytes and self.read_only:
            raise ServiceError(f"there is no store at {self.path}, and read_only=True makes none")
        if not self.read_only:
            files.make_folders(self.path, durable=self.durability != "off")
            if n_bytes and not beside and is_unmade(self.path):
                return self._begin_again(data_file)
        return not n_bytes

    def _begin_again(self, data_file: Path) -> bool:
        """Empty the data file of a store that was not made to the end; not while another process is making it."""
        if not self._is_alone() or not is_unmade(self.path):
            return False
        with File(data_file, write=True) as file:
            file.resize(0)
        return True

    def _open_tables(self) -> None:
        environment = self.environment
        self.tables = present_tables(environment, self.path) if self.read_only else made_tables(environment)
        self._has_tables = True

    def _check_log_is_written(self) -> None:
        with self.read() as txn:
            if not self._files.has_logged_bytes(txn):
                raise CorruptionError(
                    f"{self.path} ended in a power cut: open it once without read_only=True, which writes again what "
                    "its log still has"
                )

    def _opening_alone(self) -> AbstractContextManager[None]:
        """The first process to open an environment locks LMDB's file, resets it, and lets the others in, who do not ask
        whether that was done: one that was killed amid left them a file without the newest commit's number. So others
        wait before they ask LMDB, and the next of them is the first.
        """
        return files.alone_in(self.path)

    def _open_environment(self, map_bytes: int | None) -> None:
        self._has_tables = False
        self.environment = open_environment(self.path, map_bytes, self.durability, read_only=self.read_only)
        self._place.remember()
        if not self.read_only:
            self.environment.reader_check()

    # Reading

    def read(self) -> AbstractContextManager[ReadTransaction]:
        return Reading(self)

    def prepare_read(self) -> None:
        if self._pid != process_id():
            self._reopen_after_fork()
        if self._needs_opening:
            uninterrupted(self._open_again)
        if self._has_small_map:
            uninterrupted(self._adopt_map_size)
        began = self._commit_began
        if began and time.monotonic() - began > _SLOW_COMMIT_S:
            limit = time.monotonic() + _PAUSE_S
            while self._commit_began == began and time.monotonic() < limit:
                time.sleep(_PAUSE_STEP_S)  # an Event would keep its lock when Ctrl-C falls into it

    def begin_read(self) -> LmdbRead | None:
        """See `Readable`. LMDB takes the newest commit's number, and then copies the meta page of its parity. Where
        the system let other processes go first, and two commits came meanwhile, that is another commit's, or half of
        one's (seen once in a million reads beside 1,000 commits a second): then once more.
        """
        n_left = _ATTEMPTS
        while True:
            n_left -= 1
            try:
                read = LmdbRead(self, self.environment.begin())
                number = read.commit_number() if self._has_tables else None
            except lmdb.MapResizedError:  # another process grew the map
                self._has_small_map = True
                return None
            except lmdb.Error as error:
                if not n_left or not isinstance(error, _OF_HALF_A_META_PAGE):
                    raise translated(error, self.path) from error
                continue
            if number is None or number == read.txn_id:
                return read
            read.abort()
            if not n_left:
                text = f"its newest commit is {read.txn_id}, but says it is {number}"
                raise CorruptionError(f"{self._data_file}: {text}")

    def end_read(self, read: LmdbRead, error: BaseException | None) -> None:
        read.abort()
        if isinstance(error, lmdb.Error):
            raise translated(error, self.path) from error
        if isinstance(error, OSError) and not isinstance(error, MinidbError):
            raise files.failure(error, f"could not read {self.path}") from error

    def _adopt_map_size(self) -> None:
        with self._queue.paused(), self.gate.exclusive:
            self.environment.set_mapsize(0)
            self._has_small_map = False

    # Writing

    def write(self, work: Callable[[WriteTransaction], T]) -> T:
        self._check_open_for_writes()  # its place is looked at before the commit
        if self._pid != process_id():
            self._reopen_after_fork()

        def done(txn: WriteTransaction) -> T:
            try:
                return work(txn)
            except OSError as error:  # here, since other callers' work may share the commit, and goes on
                raise files.failure(error, f"could not write to {self.path}") from error

        return self._queue.submit(done)

    def check_writable(self) -> None:
        self._check_open_for_writes()
        if not self._place.is_ours():
            uninterrupted(self._check_place_in_turn)

    def _check_open_for_writes(self) -> None:
        if self.read_only:
            raise Forbidden(f"{self.path} was opened with read_only=True")
        if self._needs_opening:
            uninterrupted(self._open_again)

    def _check_place_in_turn(self) -> None:
        with self._queue.paused():  # another thread may have put a compacted file there just now
            self._place.check()

    def _commit_batch(self, run: Callable[[WriteTransaction], None]) -> None:
        self._commit_began = time.monotonic()
        try:
            self._commit(run)
        finally:
            self._commit_began = 0.0

    def _commit(self, run: Callable[[WriteTransaction], None]) -> None:
        while True:
            if self._closed:
                raise StoreClosed
            try:
                write = self._committed(run)
            except lmdb.MapFullError:
                self._grow_map()
            except lmdb.MapResizedError:
                with self.gate.exclusive:
                    self.environment.set_mapsize(0)
            except lmdb.Error as error:
                raise translated(error, self.path) from error
            except OSError as error:
                raise files.failure(error, f"could not write to {self.path}") from error
            else:
                break
        for publish in write.taken_publishers():
            publish()
        with suppress(MinidbError, OSError, MemoryError, lmdb.Error):  # what was asked for is committed
            self._keep_house(write.wal_bytes)

    def _committed(self, run: Callable[[WriteTransaction], None]) -> LmdbWrite:
        txn = self.environment.begin(write=True)
        try:
            write = LmdbWrite(self, txn)
            run(write)
            if write.has_changes:
                write.put("meta", COMMIT_KEY, write.txn_id.to_bytes(8, "big"))
            self._place.check()
        except BaseException:
            txn.abort()
            raise
        lmdb_environment.commit(self.environment, txn)
        if self.recorded is not None and write.changes is not None:
            self.recorded += write.changes
            if write.has_changes and write.txn_id == self._recorded_commit + 1:
                self._recorded_commit = write.txn_id
        return write

    def _keep_house(self, wal_bytes: int) -> None:
        """After a commit: what is better done now and then, and may fail."""
        self._n_commits += 1
        if self._n_commits % _COMMITS_PER_READER_CHECK == 0:
            self.environment.reader_check()
        self._remove_dropped()
        self._wal_bytes += wal_bytes
        if self._wal_bytes > _WAL_CHECKPOINT_BYTES:
            self._wal_bytes = 0
            self._commit(self._files.empty_wal)

    def _grow_map(self) -> None:
        with self.gate.exclusive:
            self.environment.set_mapsize(self.environment.info()["map_size"] * 2)

    # Files

    def row_file(self, space: int, name: str, width: int) -> RowFile:
        return self._files.row_file(space, name, width)

    def drop_space(self, space: int) -> None:
        self._files.drop(space, lmdb_environment.last_commit(self.environment))

    def hold_space(self, space: int) -> None:
        self._files.hold(space)

    def let_go_of_space(self, space: int) -> None:
        self._files.let_go(space)

    def check_space(self, space: int) -> None:
        self._files.check(space)

    def discard_space(self, space: int) -> None:
        self._files.let_go(space)
        self._files.discard(space)

    def _remove_dropped(self, *, closing: bool = False) -> None:
        n_dropped = self._files.n_dropped
        if not n_dropped or (self.durability == "off" and n_dropped < _DROPPED_AT_ONCE and not closing):
            return
        oldest = lmdb_environment.oldest_reader(self.environment)
        if self._files.is_any_ripe(oldest):
            if self.durability != "full":  # the commits that named them last have to be out of reach of a power cut
                lmdb_environment.sync_commits(self.environment)
            self._files.remove_dropped(oldest)

    def _drop_orphans(self) -> None:
        """What was left by a process that was killed, or closed while others still read it."""
        with self.read() as txn:
            suspected = self._files.orphans(txn) or spaces.being_filled(txn)
        if suspected:  # another process may be writing one just now: look again when nobody is
            for space in self.write(self._erase_left_behind):
                self.drop_space(space)
            self._remove_dropped(closing=True)

    def _erase_left_behind(self, txn: WriteTransaction) -> list[int]:
        orphans = self._files.orphans(txn)
        for space in spaces.left_behind(txn, self._files.is_held):  # none of these; their files go, too
            spaces.erase_space(self, txn, space)
        return orphans

    def sync_rows(self) -> None:
        self.write(self._files.empty_wal)

    # Another data file

    def compact(self) -> None:
        """Give the room of `data.mdb` back that nothing needs; see `compaction`."""
        self.check_writable()
        try:
            compact(self)
        except lmdb.Error as error:
            raise translated(error, self.path) from error

    @contextmanager
    def recording(self) -> Iterator[list[Change]]:
        """What is committed during the block, as it comes."""
        with self._queue.paused():  # a transaction is recorded from its beginning, or not at all
            changes = self.recorded = []
            self._recorded_commit = lmdb_environment.last_commit(self.environment)
        try:
            yield changes
        finally:
            self.recorded = None

    def replaced(self, replace: Callable[[int], None]) -> None:
        """Let `replace(last_commit)` put another file in the place of `data.mdb`, with the same content, while nobody
        has it open. Raises `ServiceError` where another process has.
        """
        with self._queue.paused(), self.gate.exclusive, self._opening_alone():
            if self._closed:
                raise StoreClosed
            last = self._recorded_commit
            self.environment.close()
            try:
                self._stand_alone()
                if read_metas(self._data_file)[1].txn_id != last:
                    raise ServiceError(f"another process has written to {self.path}: try again")
                replace(last)
            finally:
                self._needs_opening = True
                self._open_after_replacing()

    def _open_after_replacing(self) -> None:
        self._open_environment(None)
        self._open_tables()
        self._needs_opening = False

    def _open_again(self) -> None:
        """Where that failed, as it may without descriptors or memory: who asks next tries."""
        with self._queue.paused(), self.gate.exclusive:
            if self._needs_opening and not self._closed:
                try:
                    with self._opening_alone():
                        self._open_after_replacing()
                except lmdb.Error as error:
                    raise translated(error, self.path) from error

    def _stand_alone(self) -> None:
        if not self._is_alone():
            raise ServiceError(f"another process has {self.path} open: it can be compacted when that is closed")

    def _is_alone(self) -> bool:
        """Lock LMDB's lock file as its first user does, before opening the environment again takes the lock over.

        POSIX drops the locks of a process with any descriptor of a file it closes, so this one stays.
        """
        if self._lock_file is None:
            self._lock_file = File(self._locks, write=True, create=True)
        is_alone = self._lock_file.lock_first_byte()
        if not is_alone:
            self._lock_file = None
        return is_alone

    # Closing

    def close(self) -> None:
        """Let go of one user's hold; with the last one the store is closed."""
        from minidb.storage.registry import release

        release(self)

    def shut(self) -> None:
        """Checkpoint the row files and close the environment. Called by `registry`, once nobody uses the store."""
        is_own = self._pid == process_id() and not self.read_only
        if is_own:
            with suppress(MinidbError):  # or it has been moved, with its log, or removed
                is_own = self._place.is_ours()
        try:
            if is_own:
                self.sync_rows()
                self._remove_dropped(closing=True)
        finally:
            self._closed = True
            with self._queue.paused(), self.gate.exclusive:  # closing under a transaction ends the process
                is_own &= not self._needs_opening
                last_txn = lmdb_environment.last_commit(self.environment) if is_own else self._fingerprint.matched
                if self.durability == "normal" and is_own:
                    lmdb_environment.sync_commits(self.environment)
                self._close_environment()
            self._files.close()
            if self.durability != "off" and last_txn != self._fingerprint.matched and is_own:
                with suppress(DamagedPages, OSError):  # without it the next opening looks closer
                    self._fingerprint.save()

    def _close_environment(self) -> None:
        if hasattr(self, "environment"):
            self.environment.close()
        self._lock_file = None

    def corrupt(self, table: Table, key: bytes) -> CorruptionError:
        return CorruptionError(f"{self.path / 'data.mdb'}: {table} {key.hex()} does not match its checksum")

    # Around fork

    def _reopen_after_fork(self) -> None:
        """A child of fork() must not use its parent's environment; LMDB wants its own."""
        uninterrupted(self._open_in_child)

    def _open_in_child(self) -> None:
        """The child's first call does, and the others of its threads wait. Where it fails the next call tries."""
        from minidb.storage.registry import registering

        with registering:
            if self._pid == process_id() or self._is_reopening:  # its own reads and writes, while it opens
                return
            self._is_reopening = True
            try:
                self._place.check()
                self._files = SpaceFiles(self.path, durable=self.durability != "off", writable=not self.read_only)
                self.environment.close()
                self._open(None, check=False)
                self._pid = process_id()
            except OSError as error:
                raise files.failure(error, f"could not open {self.path} after fork()") from error
            finally:
                self._is_reopening = False

    def renew_after_fork(self) -> None:
        """In the child: locks other threads of the parent may have held inside."""
        self.gate = PhaseFairGate()
        self._queue = CommitQueue(self._commit_batch, (lmdb.Error,))
        self._commit_began = 0.0
