"""The store as a whole: looking for damage, giving back room. Loaded when asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from minidb.collection.vacuum import vacuum
from minidb.collection.verify import VerifyReport, checked
from minidb.errors import NotFound
from minidb.identity import keep_identity, known_identity
from minidb.storage.interface import Store
from minidb.storage.verify import verify_pages
from minidb.system import files
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from minidb.database import Database


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
        known = known_identity(txn, store)
    uninterrupted(store.compact)
    if known is not None:
        keep_identity(store, known)
    return CompactReport(before, _disk_bytes(store))


def _disk_bytes(store: Store) -> int:
    if store.path is None:
        return 0
    try:
        return files.disk_bytes(store.path)
    except OSError as error:
        raise files.failure(error, f"could not look at the files of {store.path}") from error
