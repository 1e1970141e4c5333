"""LMDB's environment of a store: opened with a map that fits, its tables, the moment of a commit, and LMDB's errors."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb

from minidb.errors import CorruptionError, InsufficientStorage, MinidbError, ServiceError, StoreClosed
from minidb.storage.checksum import seal
from minidb.storage.interface import TABLES, Durability, Table
from minidb.storage.records import COMMIT_KEY
from minidb.system import files

_LINUX_MAP_BYTES = 1 << 40  # costs address space only
_FIRST_MAP_BYTES = 1 << 30
_CLOSED = "operate on closed"
_FULL_BYTES = 1 << 20
"""LMDB reports a write that was cut short as EIO; with less than this free it was the disk that was full."""


def open_environment(path: Path, map_bytes: int | None, durability: Durability, *, read_only: bool) -> Any:
    """Raises `lmdb.Error`, `ServiceError` where no map fits into the address space.

    Args:
        map_bytes: how large a map; None for as large as the system likes to give.
    """
    sizes = [map_bytes] if map_bytes else [_LINUX_MAP_BYTES] if sys.platform.startswith("linux") else []
    for size in [*sizes, _FIRST_MAP_BYTES]:
        with suppress(lmdb.MemoryError):  # address space is limited here: start small and grow
            return _opened(path, size, durability, read_only=read_only)
    raise ServiceError(f"could not map {path}: not enough address space")


def _opened(path: Path, map_bytes: int, durability: Durability, *, read_only: bool) -> Any:
    try:
        return lmdb.open(
            str(path),
            map_size=map_bytes,
            max_dbs=len(TABLES),
            max_readers=512,
            max_spare_txns=0,  # a spare keeps its reader slot, which a forked child would free
            sync=durability != "off",
            metasync=durability == "full",
            readahead=False,
            readonly=read_only,
            # without the right to write LMDB's table of readers, no writer can be at work either, or none of ours
            lock=not read_only or os.access(path / "lock.mdb", os.W_OK),
        )
    except lmdb.Error as error:
        if os.strerror(errno.EMFILE) in str(error) and files.relieve():
            return _opened(path, map_bytes, durability, read_only=read_only)
        raise


def made_tables(environment: Any) -> dict[Table, Any]:
    """All tables; those a new store, or one an older minidb wrote, does not have are made by one commit."""
    with environment.begin(write=True) as txn:
        n_before = txn.stat()["entries"]
        tables: dict[Table, Any] = {table: environment.open_db(table.encode(), txn=txn) for table in TABLES}
        if txn.stat()["entries"] > n_before:
            number = txn.id().to_bytes(8, "big")
            txn.put(COMMIT_KEY, seal(COMMIT_KEY, number), db=tables["meta"])
            commit(environment, txn)
    return tables


def present_tables(environment: Any, path: Path) -> dict[Table, Any]:
    """All tables, none of them made. Raises `ServiceError` where one is missing."""
    try:
        return {table: environment.open_db(table.encode(), create=False) for table in TABLES}
    except (lmdb.NotFoundError, lmdb.ReadonlyError):
        why = "was written by an older minidb: open it once without read_only=True"
        if not _has_format(environment):
            why = (
                "is not complete: another process is just making it, or ended before: try again, or open it once "
                "without read_only=True"
            )
        raise ServiceError(f"{path} {why}") from None


def _has_format(environment: Any) -> bool:
    """Whether whoever made the store has come to the end of it, or was killed before."""
    try:
        table = environment.open_db(b"meta", create=False)
    except lmdb.NotFoundError:
        return False
    with environment.begin() as txn:
        return txn.get(b"format", db=table) is not None


def commit(environment: Any, txn: Any) -> None:
    """The moment a write counts. LMDB's own calls cannot be seen: tests of power cuts look at the file around this."""
    txn.commit()


def sync_commits(environment: Any) -> None:
    """Everything committed so far is on the disk, the meta page included."""
    environment.sync(True)


def last_commit(environment: Any) -> int:
    number: int = environment.info()["last_txnid"]
    return number


def oldest_reader(environment: Any) -> int | None:
    """The oldest commit an open read transaction shows, those of dead processes left out."""
    environment.reader_check()
    columns = [line.split() for line in environment.readers().splitlines()]  # "pid thread txnid", a title before them
    return min((int(line[2]) for line in columns if len(line) == 3 and line[2].isdigit()), default=None)


def translated(error: lmdb.Error, path: Path) -> MinidbError:
    """What a caller gets for an error of LMDB's, of the store at `path`."""
    text = str(error)
    is_short_write = os.strerror(errno.EIO) in text and files.free_bytes(path) < _FULL_BYTES
    full = files.full_reason(text)
    if is_short_write or isinstance(error, lmdb.DiskError) or full is not None:
        reason = full or os.strerror(errno.ENOSPC)
        return InsufficientStorage(f"could not write to {path}: {reason}; nothing was written")
    if isinstance(error, (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError)):
        return CorruptionError(f"{path / 'data.mdb'}: {text}")
    if _CLOSED in text:
        return StoreClosed()
    return ServiceError(text if text.startswith(str(path)) else f"{path}: {text}")
