"""usearch behind a wrapper: keys are rows, never removed; vectors are kept as codes, smaller than floats.

A search's width is its `count`: the index's own setting is kept out of its way. Searches take turns: usearch gives up
the interpreter's lock, yet all its callers share the scratch space of its first thread. It lets writers starve readers,
so inserts hold a phase-fair gate in small chunks. A saved graph is mapped as it lies on disk, and only read into memory
when rows are to be added.
"""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from usearch.index import BatchMatches, Index

from minidb.cores import N_CORES
from minidb.index.dense.codes import CodeKind, Codes, codes_of
from minidb.index.dense.graph import Blocks, Calibrated
from minidb.index.dense.plain import Metric
from minidb.storage.gate import PhaseFairGate

_INSERT_CHUNK = 4
"""Inserts under one hold of the gate, as with hnswlib: readers wait less than a millisecond."""


class UsearchGraph:
    """See `graph.Graph`."""

    opens_mapped = True

    def __init__(self, index: Index, codes: Codes, n_rows: int, mapped: NDArray[np.uint8] | None = None) -> None:
        self._index = index
        self._codes = codes
        self._gate = PhaseFairGate()
        self._turn = threading.Lock()
        self._mapped = mapped  # the index points into it, and does not hold it
        self.kind: CodeKind = codes.kind
        self.n_rows = n_rows
        self.count = len(index)
        self.calibrated = Calibrated()

    @classmethod
    def build(
        cls, metric: Metric, codes: Codes, size: int, m: int, ef_construct: int, blocks: Blocks, n_rows: int
    ) -> UsearchGraph:
        """See `libraries.build`."""
        index = _new_index(metric, codes, size, m, ef_construct)
        for rows, vectors in blocks:
            if len(rows):
                index.add(rows.astype(np.uint64), codes.encode(vectors), threads=N_CORES)
        return cls(index, codes, n_rows)

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        with self._gate.shared:
            width = min(width, self.count)
            if not width:
                return np.zeros(0, np.uint32)
            codes = self._codes.encode(query)
            with self._turn:
                found = self._index.search(codes, width, threads=1).keys
        rows: NDArray[np.uint32] = found.astype(np.uint32)
        return rows

    def search_many(self, queries: NDArray[np.float32], width: int) -> list[NDArray[np.uint32]]:
        with self._gate.shared:
            width = min(width, self.count)
            if not width:
                return [np.zeros(0, np.uint32)] * len(queries)
            codes = self._codes.encode(queries)
            with self._turn:
                found = cast(BatchMatches, self._index.search(codes, width, threads=N_CORES))
        return [keys[:n] for keys, n in zip(found.keys.astype(np.uint32), found.counts.tolist(), strict=True)]

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        if self._mapped is not None:
            in_memory = self._index.copy()
            with self._gate.exclusive:
                self._index, self._mapped = in_memory, None
        for start in range(0, len(rows), _INSERT_CHUNK):
            chunk = slice(start, start + _INSERT_CHUNK)
            with self._gate.exclusive:
                self._index.add(rows[chunk].astype(np.uint64), self._codes.encode(vectors[chunk]), threads=1)
                self.count = len(self._index)
        self.n_rows = n_rows

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        with self._gate.shared:
            index = self._index
            data = np.frombuffer(index.save() or b"", np.uint8)
            settings = [index.ndim, index.connectivity, index.expansion_add]
            meta = {"usearch": settings, "codes": self._codes.settings(), "n_rows": self.n_rows}
            return meta | {"calibrated": list(self.calibrated)}, {"index": data}

    @classmethod
    def restored(cls, metric: Metric, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> UsearchGraph:
        """The graph `saved()` came from, over its mapped bytes."""
        codes = codes_of(meta["codes"])
        index = _new_index(metric, codes, *meta["usearch"])
        index.view(arrays["index"].data)
        graph = cls(index, codes, meta["n_rows"], arrays["index"])
        graph.calibrated = Calibrated(*meta.get("calibrated", ()))
        return graph


def _new_index(metric: Metric, codes: Codes, size: int, m: int, ef_construct: int) -> Index:
    return Index(
        ndim=(size + 7) // 8 * 8 if codes.kind == "binary" else size,
        metric=codes.metric(metric),
        dtype=codes.dtype,
        connectivity=m,
        expansion_add=ef_construct,
        expansion_search=1,
    )
