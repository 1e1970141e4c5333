"""The graph of a dense field, whichever library walks it.

hnswlib has the smaller overhead per search and lets threads search side by side, but has no wheels: it is used where
it is installed. usearch installs everywhere, keeps half-precision copies of the vectors, and opens a saved graph as it
lies on disk: that is what counts for long vectors and for many. Either finds candidates only; scores come from the
rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.index.dense.codes import Bfloat16, Bits, CodeKind, Codes, Int8, Quantized
from minidb.index.dense.plain import Metric

LONG_VECTOR = 768
"""From so many dimensions on half the memory traffic is worth more than hnswlib's smaller overhead."""
MANY_BYTES = 256 << 20
"""Of floats. Beyond, loading hnswlib's graph takes seconds, and its copy of the vectors too much memory: 1 M × 384 took
8 s and 4.1 GB.
"""
VectorsOf = Callable[[NDArray[np.uint32]], NDArray[np.float32]]
Blocks = Iterable[tuple[NDArray[np.uint32], NDArray[np.float32]]]


class Graph(Protocol):
    """Some rows of one dense field. Rows added later than `n_rows` are not in it; dead rows stay until a rebuild."""

    kind: CodeKind
    """What it keeps of the vectors: how far its order of candidates can be trusted."""
    n_rows: int
    count: int
    """Rows in the graph, dead ones included."""

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        """About the `width` nearest rows, nearest first; dead ones among them."""

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        """Insert more rows, all at or beyond `self.n_rows`; afterwards every row below `n_rows` is in the graph."""

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps; `restored` takes it back."""


@dataclass(frozen=True)
class GraphSettings:
    """How a graph is built.

    Args:
        m, ef_construct: links per row and width of the search while building, as in Qdrant's `hnsw_config`.
        quantized: what is kept of the vectors.
        quantile: share of the numbers int8 has to fit.
    """

    m: int
    ef_construct: int
    quantized: Quantized = ""
    quantile: float = 1.0


@cache
def _has_hnswlib() -> bool:
    return importlib.util.find_spec("hnswlib") is not None


def build(
    metric: Metric,
    size: int,
    settings: GraphSettings,
    blocks: Blocks,
    count: int,
    n_rows: int,
) -> Graph:
    """A new graph of `count` rows below `n_rows`, given as blocks of row numbers and `(n, size) float32` vectors."""
    is_large = size >= LONG_VECTOR or count * size * 4 > MANY_BYTES
    if not settings.quantized and not is_large and _has_hnswlib():
        from minidb.index.dense.hnswlib_graph import HnswlibGraph

        return HnswlibGraph.build(metric, size, settings.m, settings.ef_construct, blocks, count, n_rows)
    from minidb.index.dense.usearch_graph import UsearchGraph

    codes: Codes = Bits() if settings.quantized == "binary" else Bfloat16()
    if settings.quantized == "int8":
        blocks = iter(blocks)
        first = next(blocks, None)
        if first is not None:
            codes, blocks = Int8.fitted(first[1], settings.quantile), chain([first], blocks)
    return UsearchGraph.build(metric, codes, size, settings.m, settings.ef_construct, blocks, n_rows)


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
