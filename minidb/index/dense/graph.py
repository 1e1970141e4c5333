"""The graph of a dense field, whichever library walks it.

hnswlib has the smaller overhead per search, but no wheels: it is used where it is installed. usearch installs
everywhere and keeps half-precision copies of the vectors, which is what counts when these are long. Either finds
candidates only; scores come from the rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.index.dense.plain import Metric

LONG_VECTOR = 768
"""From so many dimensions on half the memory traffic is worth more than hnswlib's smaller overhead."""
VectorsOf = Callable[[NDArray[np.uint32]], NDArray[np.float32]]
Blocks = Iterable[tuple[NDArray[np.uint32], NDArray[np.float32]]]


class Graph(Protocol):
    """Some rows of one dense field. Rows added later than `n_rows` are not in it; dead rows stay until a rebuild."""

    n_rows: int
    count: int
    """Rows in the graph, dead ones included."""

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        """About the `width` nearest rows, nearest first; dead ones among them."""

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        """Insert more rows, all at or beyond `self.n_rows`; afterwards every row below `n_rows` is in the graph."""

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps; `restored` takes it back."""


@cache
def _has_hnswlib() -> bool:
    return importlib.util.find_spec("hnswlib") is not None


def build(metric: Metric, size: int, m: int, ef_construct: int, blocks: Blocks, count: int, n_rows: int) -> Graph:
    """A new graph of `count` rows, given as blocks of row numbers and `(n, size) float32` vectors, all below `n_rows`.

    Args:
        m, ef_construct: links per row and width of the search while building, as in Qdrant's `hnsw_config`.
    """
    if _has_hnswlib() and size < LONG_VECTOR:
        from minidb.index.dense.hnswlib_graph import HnswlibGraph

        return HnswlibGraph.build(metric, size, m, ef_construct, blocks, count, n_rows)
    from minidb.index.dense.usearch_graph import UsearchGraph

    return UsearchGraph.build(metric, size, m, ef_construct, blocks, count, n_rows)


def restored(
    metric: Metric, meta: dict[str, Any], arrays: dict[str, NDArray[Any]], vectors_of: VectorsOf
) -> Graph | None:
    """The graph a checkpoint keeps; None when the library it was built with is not installed here.

    Args:
        vectors_of: reads the `(n, size) float32` vectors of rows, for a checkpoint without them.
    """
    if "usearch" in meta:
        from minidb.index.dense.usearch_graph import UsearchGraph

        return UsearchGraph.restored(metric, meta, arrays)
    if not _has_hnswlib():
        return None
    from minidb.index.dense.hnswlib_graph import HnswlibGraph

    return HnswlibGraph.restored(metric, meta, arrays, vectors_of)
