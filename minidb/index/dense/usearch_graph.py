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
from minidb.index.dense.codes import Codes, codes_of
from minidb.index.dense.copies import Copies
from minidb.index.dense.graph import Blocks, LibraryGraph
from minidb.index.dense.plain import Metric

_INSERT_CHUNK = 4
"""Inserts under one hold of the gate, as with hnswlib: readers wait less than a millisecond."""


class UsearchGraph(LibraryGraph):
    """See `graph.Graph`."""

    opens_mapped = True

    def __init__(
        self, index: Index, codes: Codes, copies: Copies, n_rows: int, mapped: NDArray[np.uint8] | None = None
    ) -> None:
        super().__init__(copies, n_rows)
        self._index = index
        self._codes = codes
        self._turn = threading.Lock()
        self._mapped = mapped  # the index points into it, and does not hold it
        self.kind = codes.kind

    @classmethod
    def build(
        cls, metric: Metric, codes: Codes, size: int, m: int, ef_construct: int, blocks: Blocks, n_rows: int
    ) -> UsearchGraph:
        """See `libraries.build`."""
        index, copies = _new_index(metric, codes, size, m, ef_construct), Copies()
        for rows, vectors in blocks:
            encoded = codes.encode(vectors)
            is_first = copies.take_in(rows, encoded)
            if is_first.any():
                index.add(rows[is_first].astype(np.uint64), encoded[is_first], threads=N_CORES)
        return cls(index, codes, copies, n_rows)

    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        return self._codes.encode(vectors)

    def _nearest(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        with self._gate.shared:
            width = min(width, len(self._index))
            if not width:
                return np.zeros(0, np.uint32)
            codes = self._codes.encode(query)
            with self._turn:
                found = self._index.search(codes, width, threads=1).keys
        rows: NDArray[np.uint32] = found.astype(np.uint32)
        return rows

    def _nearest_of_many(self, queries: NDArray[np.float32], width: int) -> list[NDArray[np.uint32]]:
        with self._gate.shared:
            width = min(width, len(self._index))
            if not width:
                return [np.zeros(0, np.uint32)] * len(queries)
            codes = self._codes.encode(queries)
            with self._turn:
                found = cast(BatchMatches, self._index.search(codes, width, threads=N_CORES))
        return [keys[:n] for keys, n in zip(found.keys.astype(np.uint32), found.counts.tolist(), strict=True)]

    def _insert(self, rows: NDArray[np.uint32], codes: NDArray[Any]) -> None:
        if self._mapped is not None:
            in_memory = self._index.copy()
            with self._gate.exclusive:
                self._index, self._mapped = in_memory, None
        for start in range(0, len(rows), _INSERT_CHUNK):
            chunk = slice(start, start + _INSERT_CHUNK)
            with self._gate.exclusive:
                self._index.add(rows[chunk].astype(np.uint64), codes[chunk], threads=1)

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        with self._gate.shared:
            index = self._index
            data = np.frombuffer(index.save() or b"", np.uint8)
            settings = [index.ndim, index.connectivity, index.expansion_add]
        return {"usearch": settings, "codes": self._codes.settings()}, {"index": data}

    @classmethod
    def restored(cls, metric: Metric, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> UsearchGraph:
        """The graph `saved()` came from, over its mapped bytes."""
        codes = codes_of(meta["codes"])
        index = _new_index(metric, codes, *meta["usearch"])
        index.view(arrays["index"].data)
        return cls(index, codes, Copies.of_arrays(arrays), meta["n_rows"], arrays["index"])


def _new_index(metric: Metric, codes: Codes, size: int, m: int, ef_construct: int) -> Index:
    return Index(
        ndim=(size + 7) // 8 * 8 if codes.kind == "binary" else size,
        metric=codes.metric(metric),
        dtype=codes.dtype,
        connectivity=m,
        expansion_add=ef_construct,
        expansion_search=1,
    )
