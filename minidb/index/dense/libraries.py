"""Which library builds a graph, and which opens a saved one.

hnswlib has the smaller overhead per search and lets threads search side by side, but has no wheels: it is used where
it is installed. usearch installs everywhere, keeps half-precision copies of the vectors, and opens a saved graph as it
lies on disk: that is what counts for long vectors and for many.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from itertools import chain
from typing import Any

from numpy.typing import NDArray

from minidb.index.dense.codes import Bfloat16, Bits, Codes, Int8
from minidb.index.dense.graph import Blocks, Calibrated, Graph, GraphSettings, LibraryGraph, VectorsOf
from minidb.index.dense.plain import Metric
from minidb.index.dense.unlinked import Unlinked

LONG_VECTOR = 768
"""From so many dimensions on half the memory traffic is worth more than hnswlib's smaller overhead."""
MANY_BYTES = 256 << 20
"""Of floats. Beyond, loading hnswlib's graph takes seconds, and its copy of the vectors too much memory: 1 M × 384 took
8 s and 4.1 GB.
"""


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
    """The graph a checkpoint keeps; None when it has to be built anew, as its library is not installed here, or is
    another version that does not read it.

    Args:
        vectors_of: reads the `(n, size) float32` vectors of rows, for a checkpoint without them.
    """
    if "copies" not in arrays:  # of a minidb that had every row in the graph
        return None
    graph: LibraryGraph
    try:
        if "usearch" in meta:
            from minidb.index.dense.usearch_graph import UsearchGraph

            graph = UsearchGraph.restored(metric, meta, arrays)
        elif _has_hnswlib():
            from minidb.index.dense.hnswlib_graph import HnswlibGraph

            graph = HnswlibGraph.restored(meta, arrays, vectors_of)
        else:
            return None
    except RuntimeError:  # the word of both libraries for a format they do not know
        return None
    graph.calibrated = Calibrated(*meta["calibrated"])
    graph.unlinked = Unlinked.of_arrays(arrays)
    return graph
