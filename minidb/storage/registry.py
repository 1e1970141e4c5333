"""One store per path and process, counted by its users: LMDB must not open an environment twice.

Around a `fork` every store of the process stands still, and the child opens its own environments when it first asks.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from minidb.errors import BadRequest, MinidbError, ServiceError
from minidb.storage.interface import Durability
from minidb.storage.lmdb_store import LmdbStore
from minidb.storage.open_files import OpenFiles
from minidb.system import files
from minidb.system.processes import around_fork

_stores: dict[Path, LmdbStore] = {}
registering = threading.RLock()


def open_store(
    path: Path, durability: Durability = "full", map_bytes: int | None = None, *, read_only: bool = False
) -> LmdbStore:
    """Open the store at `path`, creating it if need be; every open in one process shares the environment.

    Raises:
        CorruptionError: the data file is damaged, or missing beside files of a store.
        BadRequest: the path is open here with another durability, or read-only and is now wanted for writing; or no
            file can have such a name.
        ServiceError: the system does not do as it is told.
    """
    try:
        real = Path(os.path.realpath(path))
        str(real).encode()  # LMDB takes no other names
    except ValueError as error:
        raise BadRequest(f"{str(path)!r} is no path for a store: {error}") from None
    except OSError as error:  # relative, and the folder this process works in was removed
        raise files.failure(error, f"could not find out where {str(path)!r} is") from error
    with registering:
        store = _stores.get(real)
        if store is None:
            store = _stores[real] = _opened(real, durability, map_bytes, read_only)
        elif store.read_only and not read_only:
            text = f"{real} is already open in this process with read_only=True"
            raise BadRequest(text).hinting("close that client first, or open this one with read_only=True, too")
        elif not read_only and store.durability != durability:
            text = f"{real} is already open in this process with durability={store.durability!r}"
            raise BadRequest(text).hinting(
                f"give both durability={store.durability!r}, or close that client first; got {durability!r}"
            )
        store.users += 1
        return store


def release(store: LmdbStore) -> None:
    """Let go of one user's hold; with the last one the store is closed."""
    with registering:
        store.users -= 1
        if store.users == 0:
            _stores.pop(store.path, None)
            store.shut()


def _opened(path: Path, durability: Durability, map_bytes: int | None, read_only: bool) -> LmdbStore:
    try:
        return LmdbStore(path, durability, map_bytes, read_only=read_only)
    except OSError as error:
        raise _advised(files.failure(error, f"could not open {path}"), path) from error
    except ServiceError as error:  # of LMDB
        raise _advised(error, path) from error.__cause__


def _advised(error: MinidbError, path: Path) -> MinidbError:
    """The error, with what to do where the folder is none, or may not be written."""

    def is_for(*numbers: int) -> bool:
        return any(os.strerror(number) in error.message for number in numbers)

    if is_for(errno.ENOTDIR, errno.EEXIST):
        is_inside = _is_seen(path.parent / "data.mdb")
        own = f"did you mean `{path.parent}`?" if is_inside else f"`{path}` is, or is below, a file"
        error.hinting(f"a store is a folder: {own}")
    elif is_for(errno.EACCES, errno.EPERM, errno.EROFS):
        other = (
            "read_only=True opens it without writing"
            if files.may_read(path / "data.mdb")
            else 'a store needs a folder you may write, or ":memory:"'
        )
        error.hinting(other)
    return error


def _is_seen(path: Path) -> bool:
    """Whether it exists; also where the folder may not even be looked into."""
    try:
        return files.exists(path)
    except OSError:
        return False


def _before_fork() -> None:
    registering.acquire()
    for store in _stores.values():
        store.pause_for_fork()


def _after_fork_in_parent() -> None:
    for store in _stores.values():
        store.resume_after_fork()
    registering.release()


def _after_fork_in_child() -> None:
    OpenFiles.forget_process()
    for store in _stores.values():
        store.renew_after_fork()
    registering.release()


around_fork(before=_before_fork, in_parent=_after_fork_in_parent, in_child=_after_fork_in_child)
