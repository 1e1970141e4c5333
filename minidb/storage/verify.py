"""Reading all of LMDB's file that the newest commit reaches, for `verify`; what the entries mean others know."""

from __future__ import annotations

from dataclasses import dataclass, field

from minidb.storage.interface import Store, Table
from minidb.storage.page_walk import damaged_entries
from minidb.storage.pages import DamagedPages, settled_metas


@dataclass(frozen=True)
class PagesReport:
    """What became of the pages of a store; all zeros for one in memory."""

    n_pages: int = 0
    n_entries: int = 0
    damage: tuple[str, ...] = ()
    """What is wrong with the file, which is then not read any further."""
    damaged_keys: dict[Table, list[bytes]] = field(default_factory=dict)


def verify_pages(store: Store) -> PagesReport:
    """Every page, and the checksum of every entry of every table; other threads and processes may write meanwhile."""
    if store.path is None:
        return PagesReport()
    file = store.path / "data.mdb"
    try:
        while True:
            with store.read() as txn:
                meta = next((meta for meta in settled_metas(file) if meta.txn_id == txn.txn_id), None)
                if meta is None:  # two commits since the transaction began
                    continue
                tables = damaged_entries(file, meta)
                n_entries = sum(n for n, _ in tables.values())
                damaged = {table: keys for table, (_, keys) in tables.items() if keys}
                return PagesReport(meta.last_page + 1, n_entries, (), damaged)
    except (DamagedPages, OSError) as error:
        return PagesReport(damage=(f"{file}: {error}",))
