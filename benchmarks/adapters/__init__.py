"""Who is compared. Adding a peer is one module here and one line in `ALL`."""

from __future__ import annotations

from benchmarks.adapters.bare import Bare, Faiss, Hnswlib, Numpy, Usearch
from benchmarks.adapters.base import Contestant
from benchmarks.adapters.chroma import Chroma
from benchmarks.adapters.edge import Edge
from benchmarks.adapters.lance import Lance
from benchmarks.adapters.local_mode import LocalMode
from benchmarks.adapters.milvus import Milvus
from benchmarks.adapters.minidb_store import Minidb
from benchmarks.adapters.zvec_store import Zvec

BASELINE = "minidb"

ALL: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Minidb(BASELINE, "full"),
        Minidb("minidb-memory", None),
        LocalMode("local", is_durable=False),
        LocalMode("local-disk", is_durable=True),
        Edge(),
        Zvec(),
        Lance(),
        Chroma(),
        Milvus(),
        Bare("usearch", Usearch, is_durable=True),
        Bare("faiss", Faiss, is_durable=True),
        Bare("hnswlib", Hnswlib),
        Bare("numpy", Numpy, uses_ef=False),
    )
}

UPSERT_VARIANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (Minidb("minidb-normal", "normal"), Minidb("minidb-off", "off"), Edge("edge-flush", flushes=True))
}
"""The same stores with another promise about when a write counts; only single upserts tell them apart."""


def by_name(name: str) -> Contestant:
    return (ALL | UPSERT_VARIANTS)[name]
