"""Who is compared. Adding a peer is one module here and one line in `ALL`."""

from __future__ import annotations

from benchmarks.adapters.bare import Bare
from benchmarks.adapters.base import Contestant
from benchmarks.adapters.edge import Edge
from benchmarks.adapters.local_mode import LocalMode
from benchmarks.adapters.minidb_store import Minidb

BASELINE = "minidb"

ALL: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Minidb(BASELINE, "full"),
        Minidb("minidb-memory", None),
        LocalMode("local", is_durable=False),
        LocalMode("local-disk", is_durable=True),
        Edge(),
        Bare("hnswlib"),
        Bare("numpy"),
    )
}

UPSERT_VARIANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (Minidb("minidb-normal", "normal"), Minidb("minidb-off", "off"), Edge("edge-flush", flushes=True))
}
"""The same stores with another promise about when a write counts; only single upserts tell them apart."""


def by_name(name: str) -> Contestant:
    return (ALL | UPSERT_VARIANTS)[name]
