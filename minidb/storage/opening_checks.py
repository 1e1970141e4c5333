"""What is looked at before a store that was there is used: LMDB itself trusts its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minidb.storage.interface import TABLES
from minidb.storage.page_walk import check_structure, later_commit
from minidb.storage.pages import DamagedPages, Fingerprint, settled_metas

if TYPE_CHECKING:
    from minidb.storage.lmdb_store import LmdbStore

LAST_KEY = b"\xff" * 512


def check_pages(store: LmdbStore, data_file: Path, fingerprint: Fingerprint) -> bool:
    """Find damage before LMDB meets it. False when the file was changed but not by a commit.

    The read transaction pins what is looked at, so other processes may write meanwhile. Raises `DamagedPages`.
    """
    while True:
        with store.read() as txn:
            older, newest = settled_metas(data_file)
            meta = next((meta for meta in (older, newest) if meta.txn_id == txn.txn_id), None)
            if meta is None:  # two commits since the transaction began
                continue
            is_same = fingerprint.matches(meta.txn_id)
            if is_same:
                return True
            check_structure(data_file, meta)
            later = later_commit(data_file, older, newest) if meta is newest else None
            if later is not None:
                raise DamagedPages(
                    f"its meta page {later % 2} is damaged: it says {older.txn_id}, but has commit {later}"
                )
            return is_same is None


def check_entries(store: LmdbStore) -> None:
    """Can every entry be found, and does it match its checksum? Raises `CorruptionError`."""
    with store.read() as txn:
        for table in TABLES:
            before = b""
            for key, _ in txn.scan(table, b"", LAST_KEY):
                if key <= before or txn.get(table, key) is None:
                    raise store.corrupt(table, key)
                before = key
