"""usearch behind a wrapper: keys are rows, never removed; vectors are kept as codes, smaller than floats.

A search's width is its `count`: the index's own setting is kept out of its way. Searches of one index take turns:
usearch gives up the interpreter's lock, yet all its callers share the scratch space of its first thread. A saved graph
is mapped as it lies on disk, so often as there are cores, and only read into memory when rows are to be added. usearch
lets writers starve readers, so inserts hold a phase-fair gate in small chunks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index, Matches

from minidb.cores import N_CORES
from minidb.index.dense.codes import Codes, codes_of
from minidb.index.dense.copies import Copies
from minidb.index.dense.graph import Blocks, LibraryGraph
from minidb.index.dense.plain import Metric
from minidb.index.dense.unlinked import Links

_INSERT_CHUNK = 4
"""Inserts under one hold of the gate, as with hnswlib: readers wait less than a millisecond."""
_BLOCK = 8192
"""Nodes whose links are taken from an index's bytes at a time."""


class _View:
    """An index and whose turn it is. A bare lock in a `with` statement is given back wherever Ctrl-C falls."""

    __slots__ = ("index", "turn")

    def __init__(self, index: Index) -> None:
        self.index = index
        self.turn = threading.Lock()


class UsearchGraph(LibraryGraph):
    """See `graph.Graph`."""

    opens_mapped = True

    def __init__(
        self, index: Index, codes: Codes, copies: Copies, n_rows: int, mapped: NDArray[np.uint8] | None = None
    ) -> None:
        super().__init__(copies, n_rows)
        self._codes = codes
        self.kind = codes.kind
        self._opening = threading.Lock()
        self._use(index, mapped)

    def _use(self, index: Index, mapped: NDArray[np.uint8] | None) -> None:
        """Search this index from now on; nobody may be searching.

        Args:
            mapped: the saved bytes it is a view of, which it does not hold itself.
        """
        self._index, self._mapped = index, mapped
        self._views = [_View(index)]

    @classmethod
    def build(
        cls, metric: Metric, codes: Codes, size: int, m: int, ef_construct: int, blocks: Blocks, n_rows: int
    ) -> UsearchGraph:
        """See `libraries.build`."""
        index, copies = _new_index(codes.metric(metric), codes, size, m, ef_construct), Copies()
        for rows, vectors in blocks:
            encoded = codes.encode(vectors)
            is_first = copies.take_in(rows, encoded)
            if is_first.any():
                index.add(rows[is_first].astype(np.uint64), encoded[is_first], threads=N_CORES)
        return cls(index, codes, copies, n_rows)

    @property
    def takes_turns(self) -> bool:
        return self._mapped is None

    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        return self._codes.encode(vectors)

    def _nearest(self, queries: NDArray[np.float32], width: int, threads: int) -> Sequence[NDArray[np.uint32]]:
        codes = self._encode(queries)
        with self._gate.shared:
            view = self._idle_view()
            with view.turn:
                found = view.index.search(codes, max(1, min(width, len(view.index))), threads=threads)
        keys = found.keys.astype(np.uint32)
        if isinstance(found, Matches):  # usearch's answer to a single query
            return [keys]
        return [each[:n] for each, n in zip(keys, found.counts.tolist(), strict=True)]

    def _idle_view(self) -> _View:
        """One that nobody searches: another view of the mapped bytes, as long as cores are free, or some busy one."""
        for view in self._views:
            if not view.turn.locked():
                return view
        with self._opening:
            if self._mapped is not None and len(self._views) < N_CORES:
                like = self._index
                settings = (like.ndim, like.connectivity, like.expansion_add)
                self._views.append(_View(_view(self._mapped, like.metric_kind, self._codes, *settings)))
                return self._views[-1]
        return self._views[threading.get_ident() % len(self._views)]

    def _insert(self, rows: NDArray[np.uint32], codes: NDArray[Any]) -> None:
        if self._mapped is not None:
            in_memory = self._index.copy()
            with self._gate.exclusive:
                self._use(in_memory, None)
        for start in range(0, len(rows), _INSERT_CHUNK):
            chunk = slice(start, start + _INSERT_CHUNK)
            with self._gate.exclusive:
                self._index.add(rows[chunk].astype(np.uint64), codes[chunk], threads=1)

    @staticmethod
    def _links(saved: dict[str, NDArray[Any]]) -> Links | None:
        return _links_of(saved["index"])

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        with self._gate.shared:
            index = self._index
            data = np.frombuffer(index.save() or b"", np.uint8)
            settings = [index.ndim, index.connectivity, index.expansion_add]
        return {"usearch": settings, "codes": self._codes.settings()}, {"index": data}

    def _ram_bytes(self) -> int:
        with self._gate.shared:
            return 0 if self._mapped is not None else int(self._index.memory_usage)

    @classmethod
    def restored(cls, metric: Metric, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> UsearchGraph:
        """The graph `saved()` came from, over its mapped bytes."""
        codes, mapped = codes_of(meta["codes"]), arrays["index"]
        index = _view(mapped, codes.metric(metric), codes, *meta["usearch"])
        return cls(index, codes, Copies.of_arrays(arrays), meta["n_rows"], mapped)


def _links_of(saved: NDArray[np.uint8]) -> Links | None:
    """The links in the bytes of an index of usearch 2: vectors; a head of 64 bytes; sizes; levels; by node its key
    (u64), its level (i16), and for each level the number of its links (u32) and room for them (u32 each).
    """
    if len(saved) < 8:
        return None
    n_vectors, width = saved[:8].view("<u4").tolist()
    at = 8 + n_vectors * width
    if bytes(saved[at : at + 9]) != b"usearch\x02\x00" or len(saved) < at + 104:
        return None
    n, m, m_of_lowest = saved[at + 64 : at + 88].copy().view("<u8").tolist()
    at += 104
    levels = saved[at : at + 2 * n].copy().view("<i2").astype(np.int64)
    lowest = 4 + 4 * m_of_lowest
    n_bytes = 10 + lowest + levels * (4 + 4 * m)
    starts = at + 2 * n + np.cumsum(n_bytes) - n_bytes
    if not n or int(starts[-1] + n_bytes[-1]) != len(saved):
        return None
    keys, links = np.empty((n, 8), np.uint8), np.empty((n, lowest), np.uint8)
    for block in range(0, n, _BLOCK):
        some = starts[block : block + _BLOCK, None]
        keys[block : block + _BLOCK] = saved[some + np.arange(8)]
        links[block : block + _BLOCK] = saved[some + np.arange(10, 10 + lowest)]
    numbers = links.view("<u4")
    return Links(
        keys.view("<u8").reshape(-1).astype(np.uint32), levels > 0, numbers[:, 0].astype(np.int64), numbers[:, 1:]
    )


def _view(mapped: NDArray[np.uint8], metric: Any, codes: Codes, *settings: int) -> Index:
    index = _new_index(metric, codes, *settings)
    index.view(mapped.data)
    return index


def _new_index(metric: Any, codes: Codes, size: int, m: int, ef_construct: int) -> Index:
    return Index(
        ndim=(size + 7) // 8 * 8 if codes.kind == "binary" else size,
        metric=metric,
        dtype=codes.dtype,
        connectivity=m,
        expansion_add=ef_construct,
        expansion_search=1,
    )
