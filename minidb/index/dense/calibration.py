"""How wide a graph has to be searched (`ef`), and what that costs: measured with vectors held out while it is built.

The width that finds .99 of the nearest depends on the data: 10 hits of 50,000 × 384 took a width of 48 in tight
clusters, and 330 where topics overlap; 100 hits took 128 and 850. Vectors held out are a fair question, vectors the
graph holds are not: it links them to what is nearest to them (recall at a width of 16: .71 and .88, that of new queries
.70).

What a search costs beside a scan depends on the data, too, and on the caches: in the time a graph takes for each row it
is asked for, a scan compares 58 to 320.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.index.dense.codes import n_rescored
from minidb.index.dense.graph import Blocks, Calibrated, Graph, VectorsOf
from minidb.index.dense.plain import Metric, below_rounding, cdist, product_table
from minidb.index.topk import best_positions

_LEAST_HELD_OUT, _HELD_OUT, _HELD_OUT_SHARE = 100, 200, 0.01
"""Of 10,000 rows 100: that costs 7 % of the build, 200 of 100,000 a tenth where topics overlap and 3 % elsewhere."""
_TOGETHER = 8
"""Searched for in one call: others who search a graph that grows wait some milliseconds at most."""
_LEAST_ROWS = 2_000
"""Of fewer rows too many would be missing while they are measured."""
_RECALL_OF_10, _RECALL_OF_100 = 0.996, 0.99
"""Of ten somewhat more than .99: queries come from a little farther away than points do (.003 to .006 less)."""
_LEVEL = 0.002
"""Some neighbours a graph never finds: of a million, before there was `unlinked`, .9905 at 1,024 and .990 at 384."""
_TIMED, _SCANNED_BYTES = 32, 16 << 20
"""As many codes are scanned as a search would, but no more bytes; and the best chosen, which of 10,000 takes half as
long again. Without that, and with 4,096 rows, scans of 610 µs were taken for cheaper than a graph of 510.
"""
_WIDTHS = (128, 192, 256, 384, 512, 768, 1024)
"""None below 128: a query between two tight clusters needs it, where points within them need 48. At 1,024 a search
costs as much as a scan of 100,000 rows or more.
"""


def held_out(rows: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """Some of these rows to measure a graph with, ascending; None of few."""
    if len(rows) < _LEAST_ROWS:
        return None
    count = min(_HELD_OUT, max(_LEAST_HELD_OUT, int(_HELD_OUT_SHARE * len(rows))))
    return np.sort(np.random.default_rng(len(rows)).choice(rows, count, replace=False))


class Calibration:
    """Vectors a graph does not have, and how near its rows come to them.

    Args:
        rows, vectors: from `held_out`, and their `(n, d) float32`.
    """

    def __init__(self, metric: Metric, rows: NDArray[np.uint32], vectors: NDArray[np.float32]) -> None:
        self.rows, self.vectors = rows, vectors
        self._metric = metric
        self._best = np.zeros((len(rows), 0), np.float32)

    def passing(self, blocks: Blocks) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """The blocks a graph is built from, without the rows held out."""
        for rows, vectors in blocks:
            others = ~np.isin(rows, self.rows)
            rows, vectors = rows[others], vectors[others]
            self.see(vectors)
            yield rows, vectors

    def see(self, vectors: NDArray[np.float32]) -> None:
        """Compare with more rows of the graph, `(n, d) float32`."""
        scores = np.concatenate([self._best, self._similarities(self.vectors, vectors)], axis=1)
        self._best = np.partition(scores, max(scores.shape[1] - 100, 0), axis=1)[:, -100:]

    def of(self, graph: Graph, alive: NDArray[np.bool_], vectors_of: VectorsOf) -> Calibrated:
        """The least widths that find nearly all of the nearest, or all they ever will; what searches so wide take.

        Args:
            alive: by row, whether it counts: those that were seen.
            vectors_of: reads the `(n, d) float32` vectors of rows.
        """
        recall = partial(self._recall, graph, alive, vectors_of)
        width = _least_width(partial(recall, 10), _RECALL_OF_10, _WIDTHS)
        wider = [each for each in _WIDTHS if each >= width]
        width_of_100 = _least_width(partial(recall, 100), _RECALL_OF_100, wider)
        size = self.vectors.shape[1]
        shape = min(graph.count, _SCANNED_BYTES // size), size
        codes = np.random.default_rng(0).integers(-127, 128, shape, np.int8)
        n_chosen = n_rescored("int8", 10)
        scan_ns = _median_ns(lambda at: best_positions(cdist(codes[at], codes, "dot"), n_chosen)) / len(codes)
        search_ns = _median_ns(lambda at: graph.search(self.vectors[at], width)) / width
        # where a thread's clock only ticks 64 times a second (Windows) both are 0
        cost = search_ns / scan_ns if scan_ns and search_ns else Calibrated().cost
        return Calibrated(width, width_of_100, cost, graph.count + len(self.rows))

    def _recall(self, graph: Graph, alive: NDArray[np.bool_], vectors_of: VectorsOf, k: int, width: int) -> float:
        """The share of the `k` nearest that is found; whatever is as near as the k-th is as good."""
        borders = below_rounding(np.sort(self._best, axis=1)[:, -k])
        kept, n_found = n_rescored(graph.kind, k), 0
        for start in range(0, len(self.vectors), _TOGETHER):
            together = slice(start, start + _TOGETHER)
            found = graph.search_many(self.vectors[together], width)
            for query, rows, border in zip(self.vectors[together], found, borders[together], strict=True):
                beside = graph.beside(rows)
                candidates = distinct(np.concatenate([rows[alive[rows]][:kept], beside[alive[beside]]]))
                scores = self._similarities(query[None], vectors_of(candidates))
                n_found += min(k, int(np.count_nonzero(scores >= border)))
        return n_found / (k * len(self.vectors))

    def _similarities(self, queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(q, n) float32`; of squared distances without the part each query has in common."""
        scores = product_table("dot", queries, vectors)
        return scores if self._metric == "dot" else 2.0 * scores - np.einsum("ij,ij->i", vectors, vectors)


def _least_width(recall_at: Callable[[int], float], wanted: float, widths: Sequence[int]) -> int:
    """The first of `widths` that finds so much; where none does, the first that finds about as much as any."""
    recalls = []
    for width in widths:
        recalls.append(recall_at(width))
        if recalls[-1] >= wanted:
            return width
    return next(width for width, recall in zip(widths, recalls, strict=True) if recall >= max(recalls) - _LEVEL)


def _median_ns(timed: Callable[[int], object]) -> float:
    """Of this thread's own time: others may be busy."""
    times = []
    for at in range(_TIMED):
        started = time.thread_time_ns()
        timed(at)
        times.append(time.thread_time_ns() - started)
    return float(np.median(times))
