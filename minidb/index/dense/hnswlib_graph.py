"""hnswlib behind a wrapper through which none of its ways to end the process can be reached.

hnswlib checks almost nothing (unbuilt use, resizing under readers, wrong dimensions and NaN are crashes or garbage; k
above the live count raises). So: a `Graph` exists only built; queries come checked from the planner; labels are rows,
never updated or deleted in place; inserts and growth hold a phase-fair gate in small chunks; the width of a search is
its k (same results as `set_ef`, no shared state). On disk only the links are kept: the vectors are in the row file
anyway.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.cores import N_CORES
from minidb.index.dense.codes import CodeKind
from minidb.index.dense.copies import Copies
from minidb.index.dense.graph import Blocks, LibraryGraph, VectorsOf
from minidb.index.dense.plain import Metric
from minidb.index.dense.unlinked import Links

INSERT_CHUNK = 4
"""Inserts under one hold of the gate: readers then wait at most about 0.8 ms (32 at a time: 7.5 ms)."""
_SPACES: dict[Metric, str] = {"dot": "ip", "euclid": "l2"}
_SEED = 100
_COPY_ROWS = 8192
_SCALARS = (
    "ser_version", "space", "dim", "index_inited", "ep_added", "normalize", "num_threads", "seed", "offset_level0",
    "max_elements", "cur_element_count", "size_data_per_element", "label_offset", "offset_data", "max_level",
    "enterpoint_node", "max_M", "max_M0", "M", "mult", "ef_construction", "ef", "has_deletions",
    "size_links_per_element", "allow_replace_deleted",
)  # fmt: skip


class HnswlibGraph(LibraryGraph):
    """See `graph.Graph`."""

    kind: CodeKind = "float32"
    opens_mapped = False

    def __init__(self, index: Any, copies: Copies, n_rows: int) -> None:
        super().__init__(copies, n_rows)
        self._index = index
        self._n_inserted = copies.n_firsts

    @classmethod
    def build(
        cls, metric: Metric, size: int, m: int, ef_construct: int, blocks: Blocks, count: int, n_rows: int
    ) -> HnswlibGraph:
        """See `libraries.build`."""
        hnswlib = importlib.import_module("hnswlib")
        index = hnswlib.Index(space=_SPACES[metric], dim=size)
        index.init_index(max(count * 3 // 2, 64), ef_construction=ef_construct, M=m, random_seed=_SEED)
        copies = Copies()
        for rows, vectors in blocks:
            is_first = copies.take_in(rows, vectors)
            if is_first.any():
                index.add_items(vectors[is_first], rows[is_first].astype(np.uint64), num_threads=N_CORES)
        return cls(index, copies, n_rows)

    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        return vectors

    def _nearest(self, queries: NDArray[np.float32], width: int, threads: int) -> Sequence[NDArray[np.uint32]]:
        """None for all of them when one reaches too few: hnswlib then gives none."""
        nothing = [np.zeros(0, np.uint32)] * len(queries)
        with self._gate.shared:
            width = min(width, self._n_inserted)
            if not width:
                return nothing
            try:
                labels, _ = self._index.knn_query(queries, k=width, num_threads=threads)
            except RuntimeError:
                return nothing
        return list(labels.astype(np.uint32))

    def _insert(self, rows: NDArray[np.uint32], codes: NDArray[Any]) -> None:
        if self._n_inserted + len(rows) > self._index.max_elements:
            with self._gate.exclusive:
                self._index.resize_index(max((self._n_inserted + len(rows)) * 3 // 2, 64))
        for start in range(0, len(rows), INSERT_CHUNK):
            chunk = slice(start, start + INSERT_CHUNK)
            with self._gate.exclusive:
                self._index.add_items(codes[chunk], rows[chunk].astype(np.uint64), num_threads=1)
                self._n_inserted += len(rows[chunk])

    @staticmethod
    def _links(saved: dict[str, NDArray[Any]]) -> Links | None:
        rows, links = saved["labels"].astype(np.uint32), saved["links"]  # number of links (u16), 2 bytes, links (u32)
        counts = np.ascontiguousarray(links[:, :2]).view("<u2").reshape(-1).astype(np.int64)
        return Links(rows, saved["levels"] > 0, counts, links.view("<u4")[:, 1:])

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The graph without its vectors."""
        with self._gate.shared:
            state = self._index.__getstate__()[0]
        count, width = state["cur_element_count"], state["size_data_per_element"]
        level0 = state["data_level0"].view(np.uint8)[: count * width].reshape(count, width)
        arrays = {
            "links": np.ascontiguousarray(level0[:, : state["offset_data"]]),
            "labels": np.ascontiguousarray(level0[:, state["label_offset"] :]).view(np.uint64).reshape(count),
            "levels": state["element_levels"][:count].copy(),
            "upper": state["link_lists"].view(np.uint8),
        }
        return {"scalars": {name: state[name] for name in _SCALARS}}, arrays

    def _ram_bytes(self) -> int:
        with self._gate.shared:
            return int(self._index.index_file_size())  # links and vectors, without the room for more

    @classmethod
    def restored(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]], vectors_of: VectorsOf) -> HnswlibGraph:
        """The graph `saved()` came from; `vectors_of` reads the vectors of its rows."""
        scalars = meta["scalars"]
        hnswlib = importlib.import_module("hnswlib")
        state = {name: scalars[name] for name in _SCALARS}
        count, width = state["cur_element_count"], state["size_data_per_element"]
        level0 = np.empty((count, width), np.uint8)
        level0[:, : state["offset_data"]] = arrays["links"]
        rows = arrays["labels"].astype(np.uint32)
        for start in range(0, count, _COPY_ROWS):  # in pieces: a second copy of all vectors would double the peak
            vectors = np.ascontiguousarray(vectors_of(rows[start : start + _COPY_ROWS]))
            place = level0[start : start + len(vectors), state["offset_data"] : state["label_offset"]]
            place[:] = vectors.view(np.uint8).reshape(len(vectors), -1)
        level0[:, state["label_offset"] :] = arrays["labels"].view(np.uint8).reshape(count, -1)
        levels = np.zeros(state["max_elements"], np.int32)
        levels[:count] = arrays["levels"]
        state["label_lookup_external"] = arrays["labels"].copy()
        state["label_lookup_internal"] = np.arange(count, dtype=np.uint32)
        state["element_levels"] = levels
        state["data_level0"] = level0.reshape(-1).view(np.int8)
        state["link_lists"] = arrays["upper"].copy().view(np.int8)
        index = hnswlib.Index.__new__(hnswlib.Index)
        index.__setstate__((state,))
        copies = {name: np.array(arrays[name]) for name in Copies.ARRAYS}  # mapped, they would hold all of the file
        return cls(index, Copies.of_arrays(copies), meta["n_rows"])
