"""The store as a whole: looking for damage, giving back room, telling it from others. Loaded when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgpack

from minidb.collection.vacuum import vacuum
from minidb.collection.verify import VerifyReport, checked
from minidb.errors import NotFound
from minidb.storage.interface import ReadTransaction, Store, WriteTransaction
from minidb.storage.verify import verify_pages
from minidb.system import files
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from minidb.database import Database

_IDENTITY = b"identity"


@dataclass(frozen=True)
class CompactReport:
    """What `compact` has gained: bytes of the store's folder on the disk; 0 of a store in memory."""

    bytes_before: int
    bytes_after: int


def verify(database: Database, store: Store) -> VerifyReport:
    """See `QdrantClient.verify`."""
    pages, reports, seen = verify_pages(store), [], set[tuple[str, bytes]]()
    if pages.damage:  # reading on could end the process
        return VerifyReport(pages.n_pages, pages.n_entries, 0, (), pages.damage)
    for name in database.collection_names():
        with suppress(NotFound):  # deleted meanwhile
            report, keys = checked(name, partial(database.snapshot, name), pages.damaged_keys)
            reports.append(report)
            seen |= keys
    damage = [
        f"{table} {key.hex()} does not match its checksum"
        for table, keys in pages.damaged_keys.items()
        for key in keys
        if (table, key) not in seen
    ]
    n_snapshots, damaged_snapshots = database.snapshots.verify()
    return VerifyReport(pages.n_pages, pages.n_entries, n_snapshots, tuple(reports), (*damage, *damaged_snapshots))


def compact(database: Database, store: Store) -> CompactReport:
    """See `QdrantClient.compact`."""
    before = _disk_bytes(store)
    for name in database.collection_names():
        with suppress(NotFound):  # deleted meanwhile
            with database.snapshot(name) as snapshot:
                collection = snapshot.collection
            uninterrupted(partial(vacuum, store, collection))
    with store.read() as txn:
        known, file = _identity(txn)
    is_own = file == _file_number(store)
    uninterrupted(store.compact)
    if known and is_own:  # the file is another one now, the store is not
        packed = msgpack.packb((known, _file_number(store)))
        store.write(lambda txn: txn.put("meta", _IDENTITY, packed))
    return CompactReport(before, _disk_bytes(store))


def identity(store: Store) -> str:
    """What tells this store from any other, also from a copy of its files."""
    file = _file_number(store)

    def work(txn: WriteTransaction) -> str:
        known, its_file = _identity(txn)
        if its_file != file:
            known = uuid4().hex
            txn.put("meta", _IDENTITY, msgpack.packb((known, file)))
        return known

    return store.write(work)


def _identity(txn: ReadTransaction) -> tuple[str, int | None]:
    """The name, and the number of the file it was given to."""
    data = txn.get("meta", _IDENTITY)
    known, file = ("", None) if data is None else msgpack.unpackb(data)
    return str(known), file


def _file_number(store: Store) -> int:
    """A copy's is another."""
    with _asking(store):
        return 0 if store.path is None else files.system.status(store.path / "data.mdb").st_ino


def _disk_bytes(store: Store) -> int:
    with _asking(store):
        return 0 if store.path is None else files.disk_bytes(store.path)


@contextmanager
def _asking(store: Store) -> Iterator[None]:
    """Calls of the system about the store's files."""
    try:
        yield
    except OSError as error:
        raise files.failure(error, f"could not look at the files of {store.path}") from error
