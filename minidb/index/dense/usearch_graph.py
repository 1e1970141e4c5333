"""usearch behind a wrapper: keys are rows, never removed; vectors are kept as bfloat16, half the size of floats.

A search's width is its `count`: the index's own setting is kept out of its way. usearch lets writers starve readers, so
inserts hold a phase-fair gate in small chunks. A saved graph is mapped as it lies on disk, and only read into memory
when rows are to be added.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from minidb.index.dense.graph import Blocks
from minidb.index.dense.plain import Metric
from minidb.storage.gate import PhaseFairGate

_INSERT_CHUNK = 4
"""Inserts under one hold of the gate, as with hnswlib: readers wait less than a millisecond."""
_METRICS: dict[Metric, str] = {"dot": "ip", "euclid": "l2sq"}


class UsearchGraph:
    """See `graph.Graph`."""

    def __init__(self, index: Index, metric: Metric, n_rows: int, mapped: NDArray[np.uint8] | None = None) -> None:
        self._index = index
        self._gate = PhaseFairGate()
        self._metric = metric
        self._mapped = mapped  # the index points into it, and does not hold it
        self.n_rows = n_rows
        self.count = len(index)

    @classmethod
    def build(
        cls, metric: Metric, size: int, m: int, ef_construct: int, blocks: Blocks, count: int, n_rows: int
    ) -> UsearchGraph:
        """See `graph.build`."""
        index = _new_index(metric, size, m, ef_construct)
        threads = os.cpu_count() or 1
        for rows, vectors in blocks:
            if len(rows):
                index.add(rows.astype(np.uint64), vectors, threads=threads)
        return cls(index, metric, n_rows)

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        with self._gate.shared:
            width = min(width, self.count)
            if not width:
                return np.zeros(0, np.uint32)
            found = self._index.search(query, width, threads=1).keys
        rows: NDArray[np.uint32] = found.astype(np.uint32)
        return rows

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        if self._mapped is not None:
            with self._gate.exclusive:
                self._index, self._mapped = self._index.copy(), None
        for start in range(0, len(rows), _INSERT_CHUNK):
            chunk = slice(start, start + _INSERT_CHUNK)
            with self._gate.exclusive:
                self._index.add(rows[chunk].astype(np.uint64), vectors[chunk], threads=1)
                self.count = len(self._index)
        self.n_rows = n_rows

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        with self._gate.exclusive:
            index = self._index
            data = np.frombuffer(index.save() or b"", np.uint8)
            settings = [index.ndim, index.connectivity, index.expansion_add]
            return {"usearch": settings, "n_rows": self.n_rows}, {"index": data}

    @classmethod
    def restored(cls, metric: Metric, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> UsearchGraph:
        """The graph `saved()` came from, over its mapped bytes."""
        index = _new_index(metric, *meta["usearch"])
        index.view(arrays["index"].data)
        return cls(index, metric, meta["n_rows"], arrays["index"])


def _new_index(metric: Metric, size: int, m: int, ef_construct: int) -> Index:
    return Index(
        ndim=size, metric=_METRICS[metric], dtype="bf16", connectivity=m, expansion_add=ef_construct, expansion_search=1
    )
