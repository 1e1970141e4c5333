"""The nearest points to one vector: which form of the field to use, and how the candidates become exact hits.

The choice follows measurements (design §4): few rows are gathered as floats, more as int8 and rescored, a wide filter
or none goes through the graph, and whatever the graph cannot answer (its tail, a filter correlated with the query) is
scanned. Scores of every way are the same float arithmetic on the stored rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.arrays import distinct
from minidb.collection.fields import VectorField
from minidb.collection.index_plan import wants_index
from minidb.collection.index_rows import comparable, metric_of
from minidb.collection.indexes import Indexes
from minidb.collection.reads import PointReader
from minidb.cores import N_CORES, ahead
from minidb.index.dense.bits import BitSketch, bit_scan_ns
from minidb.index.dense.codes import n_rescored, quantized_as
from minidb.index.dense.graph import Graph
from minidb.index.dense.plain import (
    pair_similarities,
    product_table,
    similarities,
)
from minidb.index.dense.sketch import LONG_SCAN_NS as _LONG_SCAN_NS
from minidb.index.dense.sketch import SCANNED_FLOATS as _FLOAT_SCAN_ELEMENTS
from minidb.index.dense.sketch import Sketch, int8_scan_ns
from minidb.index.topk import best_positions
from minidb.query.hits import NO_HITS, Hits, Rows, Scores, best_hits, near_border, ranked, ranked_many
from minidb.query.vectors import QueryVector, SparseQuery

_FLOAT_ELEMENTS = 120_000
"""Up to so many floats gathering them beats int8 plus rescoring (250 rows of 384, 180 of 1024, 1,000 of 64)."""
_MULTIPLIED = 3.5
"""Up to so many times the floats of a scan, one product for several queries beats codes."""
_CHUNK_ELEMENTS = 1 << 18
"""Floats gathered and compared at a time: they stay in the cache."""

_FEW_ROWS = 64
"""Rows behind the graph that are compared as floats without asking the sketch."""
_CHUNK_ROWS = 512
_QUERIES_AT_ONCE, _FEW_QUERIES = 64, 4
_ASKED_AT_ONCE = 16
"""Of a graph, by one thread."""


class Params(NamedTuple):
    """The search parameters that matter to one machine."""

    exact: bool = False
    hnsw_ef: int | None = None
    indexed_only: bool = False
    idf_corpus: models.Filter | None = None
    """Points over which inverse document frequencies are counted, in place of all."""
    ignore_quantized: bool = False
    """Whether a quantized field is searched by its floats."""
    rescore: bool = True
    """Whether a quantized field's codes choose more than `k` candidates."""
    oversampling: float | None = None
    """How many times `k` candidates they choose; None for as many as their kind needs."""

    def n_candidates(self, field: VectorField, k: int) -> int:
        """How many points to compare by floats when codes have chosen them."""
        if field.quantized and not self.rescore:
            return k
        if field.quantized and self.oversampling is not None:
            return max(k, math.ceil(k * self.oversampling))
        return n_rescored(field.quantized or "int8", k)


class _Walk(NamedTuple):
    """A search of a graph: how many rows to ask for, and how many of them to compare by floats."""

    graph: Graph
    kept: int
    width: int
    n_rows: int
    """Rows from here on are compared beside what the graph finds, which while it grows may have some of them, too."""


class Search(NamedTuple):
    """Searches of one snapshot. `rows` arguments are ascending and hold only points that satisfy the filter."""

    reader: PointReader
    indexes: Indexes

    def nearest(self, field: VectorField, query: QueryVector, k: int, rows: Rows | None, params: Params) -> Hits:
        """The `k` most similar points that have the vector, with internal similarities."""
        view = self.reader.view
        if rows is not None and view.count(field.slot) < view.n_alive:
            rows = rows[view.has(field.slot)[rows]]
        n_candidates = view.count(field.slot) if rows is None else len(rows)
        if not n_candidates:
            return NO_HITS
        if isinstance(query, SparseQuery):
            from minidb.query.sparse import SparseSearch

            return SparseSearch(self.reader, self.indexes).nearest(field, query, k, rows, params.idf_corpus)
        if field.kind == "multi":
            from minidb.query.max_sim import MaxSim

            return MaxSim(self.reader, self.indexes).nearest(field, query, k, rows, params)
        if rows is not None:
            return self._among(field, query, k, rows, params)
        return self._over_all(field, query, k, params)

    def nearest_many(
        self, field: VectorField, queries: Sequence[NDArray[np.float32]], k: int, params: Params
    ) -> Iterable[Hits]:
        """What `nearest` finds among all points for each of several vectors of a dense field, on all cores."""
        if not self.reader.view.count(field.slot):
            return [NO_HITS] * len(queries)
        is_long = self.reader.view.n_rows * _scan_ns(field) > _LONG_SCAN_NS
        if self._multiplies(field, params, len(queries)):
            return self._float_products(field, queries, k)
        if self._scans_floats(field, params):
            return (self._float_scan(field, query, k) for query in queries)
        walk = self._walk(field, k, params, 1 if is_long else N_CORES)
        if walk is None:
            each = ahead if is_long else map
            return each(lambda query: self._scanned(field, query, k, params), queries)
        return self._walked_many(walk, field, queries, k, params)

    def _walked_many(
        self, walk: _Walk, field: VectorField, queries: Sequence[NDArray[np.float32]], k: int, params: Params
    ) -> Iterator[Hits]:
        """By the graph, some queries at a time: the next are looked for while the caller takes these."""
        step, threads = (len(queries), N_CORES) if walk.graph.takes_turns else (_ASKED_AT_ONCE, 1)
        pieces = [queries[start : start + step] for start in range(0, len(queries), step)]

        def ask(piece: Sequence[NDArray[np.float32]]) -> list[Rows]:
            return walk.graph.search_many(np.stack(piece), walk.width, threads)

        for piece, found in zip(pieces, ahead(ask, pieces), strict=True):
            chosen = [
                self._walked(walk, rows, field, query, k, params) for rows, query in zip(found, piece, strict=True)
            ]
            rescored = self._rescored_many(field, piece, k, chosen)
            for query, candidates, hits in zip(piece, chosen, rescored, strict=True):
                yield self._scanned(field, query, k, params) if candidates is None else hits

    def similarities(self, field: VectorField, query: QueryVector, rows: Rows) -> Scores:
        """Exact internal similarities of rows that have the vector."""
        if isinstance(query, SparseQuery):
            from minidb.query.sparse import SparseSearch

            return SparseSearch(self.reader, self.indexes).similarities(field, query, rows, None)
        if field.kind == "multi":
            from minidb.query.max_sim import MaxSim

            return MaxSim(self.reader, self.indexes).similarities(field, query, rows)
        metric, step = metric_of(field), max(64, _CHUNK_ELEMENTS // field.size)
        if len(rows) <= step:
            return similarities(metric, query, comparable(field, self.reader.borrowed(field, rows)))
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            vectors = comparable(field, self.reader.borrowed(field, chunk))
            scores[start : start + len(chunk)] = similarities(metric, query, vectors)
        return scores

    # Dense

    def _among(self, field: VectorField, query: NDArray[np.float32], k: int, rows: Rows, params: Params) -> Hits:
        """Nearest within the rows a filter or a prefetch left."""
        n = len(rows)
        if _by_floats(field, params) or n <= 2 * k or n * field.size <= _FLOAT_ELEMENTS:
            self.reader.trace.note(by="floats of the rows", candidates=n)
            return best_hits(self.reader.view, rows, self.similarities(field, query, rows), k)
        hot, n_rows = self.indexes.hot_rows(field), self.reader.view.n_rows
        gather_ns = n * (_scan_ns(field) if hot.is_hot(rows, field.size) else _gather_ns(field))
        graph = self.indexes.graph(self.reader, field)
        if graph is not None:
            hits = self._over_fetched(graph, field, query, k, rows, params, min(gather_ns, n_rows * _scan_ns(field)))
            if hits is not None:
                return hits
        sketch = self.indexes.sketch(self.reader, field)
        if not sketch.suits:
            return best_hits(self.reader.view, rows, self.similarities(field, query, rows), k)
        self.reader.trace.note(by=f"{_codes_of(field)} of the rows, best rescored as floats", candidates=n)
        if gather_ns > n_rows * _scan_ns(field):
            scores = sketch.scan(query, n_rows)[rows]
        else:
            scores = sketch.gather(query, rows, hot)
        candidates = rows[best_positions(scores, params.n_candidates(field, k))]
        return self._rescored(
            field, query, k, self.indexes.with_left_out(candidates, "sketch", field, self.reader.view, rows)
        )

    def _over_fetched(
        self,
        graph: Graph,
        field: VectorField,
        query: NDArray[np.float32],
        k: int,
        rows: Rows,
        params: Params,
        most_ns: float,
    ) -> Hits | None:
        """Ask the graph for so many that k should pass the filter; None when that takes too long or too few passed."""
        n = len(rows)
        share = n / max(self.reader.view.n_rows, 1)
        kept = _kept(graph, params.n_candidates(field, k), k)
        # as many that pass as the walk would find without a filter: with fewer, a filter would lower the recall
        width = int(max(params.hnsw_ef or _default_ef(graph, k), 3 * k, kept) / share)
        if width * _graph_ns(graph, field) > most_ns or width > graph.count // 2:
            return None
        n_covered = graph.n_rows  # see `_Walk.n_rows`
        found = graph.search(query, width)
        if not len(found):
            return None  # see `_walked`
        beside = _inside(rows, graph.beside(found))
        found = _inside(rows, found[found < n_covered])
        if len(found) < k:
            return None
        self.reader.trace.note(by="graph, asked for more than pass the filter", width=width, passed=len(found))
        candidates = _with(found[:kept], beside[beside < n_covered])
        if not params.indexed_only:
            tail = rows[np.searchsorted(rows, n_covered) :]
            if len(tail) > _FEW_ROWS:
                sketch, hot = self.indexes.sketch(self.reader, field), self.indexes.hot_rows(field)
                if sketch.suits:
                    best = tail[best_positions(sketch.gather(query, tail, hot), params.n_candidates(field, k))]
                    tail = self.indexes.with_left_out(best, "sketch", field, self.reader.view, tail)
            candidates = np.concatenate([candidates, tail])
        return self._rescored(
            field, query, k, self.indexes.with_left_out(candidates, "graph", field, self.reader.view, rows)
        )

    def _over_all(self, field: VectorField, query: NDArray[np.float32], k: int, params: Params) -> Hits:
        if self._scans_floats(field, params):
            return self._float_scan(field, query, k)
        walk = self._walk(field, k, params)
        if walk is not None:
            candidates = self._walked(walk, walk.graph.search(query, walk.width), field, query, k, params)
            if candidates is not None:
                return self._rescored(field, query, k, candidates)
        return self._scanned(field, query, k, params)

    def _walk(self, field: VectorField, k: int, params: Params, n_cores: int = 1) -> _Walk | None:
        """How to ask the field's graph, None where there is none or a scan of codes is cheaper.

        Args:
            n_cores: how many of them the graph would use, and a scan would not.
        """
        graph = self.indexes.graph(self.reader, field)
        if graph is None:
            return None
        n = self.reader.view.n_rows
        kept = _kept(graph, params.n_candidates(field, k), k)
        dead_share = 1.0 - self.reader.view.count(field.slot) / n
        width = int(max(params.hnsw_ef or _default_ef(graph, k), kept) * (1.0 + 2.0 * dead_share))
        graph_ns = width * _graph_ns(graph, field) / n_cores
        return _Walk(graph, kept, width, graph.n_rows) if graph_ns < n * _scan_ns(field) else None

    def _scans_floats(self, field: VectorField, params: Params) -> bool:
        return self.reader.view.n_rows * field.size <= _FLOAT_SCAN_ELEMENTS or _by_floats(field, params)

    def _multiplies(self, field: VectorField, params: Params, n_queries: int) -> bool:
        """Whether one product of floats for all queries is what is fastest."""
        if n_queries < _FEW_QUERIES or field.distance != models.Distance.COSINE or field.datatype != "float32":
            return False
        n_floats = self.reader.view.n_rows * field.size
        return n_floats <= _MULTIPLIED * _FLOAT_SCAN_ELEMENTS or _by_floats(field, params)

    def _walked(
        self, walk: _Walk, found: Rows, field: VectorField, query: NDArray[np.float32], k: int, params: Params
    ) -> Rows | None:
        """The candidates among what the graph found; None when they cannot be trusted to be the nearest."""
        view, graph = self.reader.view, walk.graph
        if not len(found):
            return None  # it is torn, and what is nearest may be in another part
        beside, count = graph.beside(found), view.count(field.slot)
        if not walk.n_rows == view.n_rows == graph.count == count:  # else all it has is alive, and of this view
            n_covered, has = min(walk.n_rows, view.n_rows), view.has(field.slot)
            found, beside = found[found < n_covered], beside[beside < n_covered]
            found, beside = found[has[found]], beside[has[beside]]
        if len(found) < min(k, count) and graph.count > walk.width:
            return None  # too many of them are dead
        self.reader.trace.note(by="graph", width=walk.width, tail=view.n_rows - walk.n_rows)
        candidates = _with(found[: walk.kept], beside)
        if walk.n_rows < view.n_rows and not params.indexed_only:
            tail = self._nearest_of_tail(field, query, params.n_candidates(field, k), walk.n_rows)
            candidates = np.concatenate([candidates, tail])
        return self.indexes.with_left_out(candidates, "graph", field, self.reader.view)

    def _scanned(self, field: VectorField, query: NDArray[np.float32], k: int, params: Params) -> Hits:
        """By codes, where they suit."""
        if params.indexed_only and self._is_left_out(field):
            return NO_HITS
        had_graph = field.slot in self.indexes.graphs
        sketch = self.indexes.sketch(self.reader, field, _FEW_ROWS)
        if not sketch.suits:
            return self._float_scan(field, query, k)
        candidates = self.reader.view.n_rows
        self.reader.trace.note(by=f"{_codes_of(field)} scan, best rescored as floats", candidates=candidates)
        best = self._best_by_codes(sketch, field, query, params.n_candidates(field, k))
        hits = self._rescored(field, query, k, best)
        if not had_graph and field.slot in self.indexes.graphs:  # it came meanwhile, and what was given back came again
            self.indexes.give_back(self.reader, field)
        return hits

    def _is_left_out(self, field: VectorField) -> bool:
        """Whether `indexed_only` finds nothing: there is no graph, though there is enough for one."""
        is_large = wants_index(self.reader.view, field, self.reader.collection.config)
        return is_large and not self.indexes.has_graph(self.reader, field)

    def _nearest_of_tail(self, field: VectorField, query: NDArray[np.float32], n: int, start: int) -> Rows:
        """Candidates among the rows from `start` on, which the graph does not have yet."""
        view = self.reader.view
        if view.n_rows - start > _FEW_ROWS:
            sketch = self.indexes.sketch(self.reader, field, _FEW_ROWS)
            if sketch.suits:
                return self._best_by_codes(sketch, field, query, n, start)
        return self._rows_with(field, start)

    def _rows_with(self, field: VectorField, start: int) -> Rows:
        """The rows from `start` on that have the vector."""
        return (start + np.flatnonzero(self.reader.view.has(field.slot)[start:])).astype(np.uint32)

    def _best_by_codes(
        self, sketch: Sketch | BitSketch, field: VectorField, query: NDArray[np.float32], n: int, start: int = 0
    ) -> Rows:
        """Candidates among the rows from `start` on: the best by their codes, and all that have none yet."""
        view = self.reader.view
        stop = min(sketch.n_rows, view.n_rows)
        scores = sketch.scan(query, stop, start)
        if start:
            scores[~view.has(field.slot)[start:stop]] = -np.inf
        elif len(lacking := view.lacking(field.slot)):
            scores[lacking[: lacking.searchsorted(stop)]] = -np.inf
        best = (start + best_positions(scores, n)).astype(np.uint32)
        compared = np.arange(start, stop, dtype=np.uint32) if start else None
        best = self.indexes.with_left_out(best, "sketch", field, view, compared)
        return best if stop == view.n_rows else np.concatenate([best, self._rows_with(field, stop)])

    def _float_scan(self, field: VectorField, query: NDArray[np.float32], k: int) -> Hits:
        view = self.reader.view
        self.reader.trace.note(by="float scan", candidates=view.n_rows)
        raw, metric = self.reader.all_dense(field), metric_of(field)
        lacking = view.lacking(field.slot)
        if field.datatype == "float32" and metric != "manhattan":
            scores = similarities(metric, query, field.decode(raw))
        else:
            scores = np.empty(view.n_rows, np.float32)
            for start in range(0, view.n_rows, _CHUNK_ROWS):
                vectors = comparable(field, field.decode(raw[start : start + _CHUNK_ROWS]))
                scores[start : start + _CHUNK_ROWS] = similarities(metric, query, vectors)
        scores[lacking] = -np.inf
        rows = best_positions(scores, k).astype(np.uint32)
        return ranked(view, rows, scores[rows], k)

    def _rescored(self, field: VectorField, query: NDArray[np.float32], k: int, candidates: Rows) -> Hits:
        return best_hits(self.reader.view, candidates, self.similarities(field, query, candidates), k)

    def _rescored_many(
        self, field: VectorField, queries: Sequence[NDArray[np.float32]], k: int, candidates: Sequence[Rows | None]
    ) -> list[Hits]:
        """`_rescored` of several queries, in a few calls for all of them; None has no hits."""
        hits: list[Hits] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            some = [NO_HITS.rows if rows is None else rows for rows in candidates[start : start + _QUERIES_AT_ONCE]]
            lengths = np.array(list(map(len, some)))
            rows, owners = np.concatenate(some), np.repeat(np.arange(len(some)), lengths)
            scores = self._pair_similarities(field, np.stack(queries[start : start + _QUERIES_AT_ONCE]), owners, rows)
            hits += ranked_many(self.reader.view, owners, rows, scores, len(some), k)
        return hits

    def _pair_similarities(
        self, field: VectorField, queries: NDArray[np.float32], owners: NDArray[np.int64], rows: Rows
    ) -> Scores:
        """Exact similarities of each row and the query `(q, size)` it was found for."""
        metric, scores = metric_of(field), np.empty(len(rows), np.float32)
        step = max(64, _CHUNK_ELEMENTS // field.size)
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            vectors = comparable(field, self.reader.borrowed(field, rows[chunk]))
            scores[chunk] = pair_similarities(metric, queries[owners[chunk]], vectors)
        return scores

    def _float_products(self, field: VectorField, queries: Sequence[NDArray[np.float32]], k: int) -> list[Hits]:
        """`_float_scan` of several queries: of unit vectors one product for all chooses, and exact scores decide."""
        view = self.reader.view
        matrix, lacking = field.decode(self.reader.all_dense(field)), view.lacking(field.slot)
        self.reader.trace.note(by="float scan", candidates=view.n_rows)
        candidates: list[Rows | None] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            table = product_table("dot", np.stack(queries[start : start + _QUERIES_AT_ONCE]), matrix)
            table[:, lacking] = -np.inf
            candidates += [near_border(scores, k).nonzero()[0].astype(np.uint32) for scores in table]
        return self._rescored_many(field, queries, k, candidates)


def _inside(rows: Rows, found: Rows) -> Rows:
    """Those of the found rows, in their order, that are among the ascending `rows`, of which there are some."""
    place = np.searchsorted(rows, found)
    place[place == len(rows)] = 0
    inside: Rows = found[rows[place] == found]
    return inside


def _with(candidates: Rows, more: Rows) -> Rows:
    """Each once; in any order, since they will be ranked."""
    return distinct(np.concatenate([candidates, more])) if len(more) else candidates


def _codes_of(field: VectorField) -> str:
    return "bit" if field.quantized == "binary" else "int8"


def _by_floats(field: VectorField, params: Params) -> bool:
    return params.exact or (params.ignore_quantized and bool(field.quantized))


def _kept(graph: Graph, of_codes: int, k: int) -> int:
    """How many of a graph's best are compared by floats; `of_codes` where the field asks for a graph of codes."""
    return of_codes if quantized_as(graph.kind) else n_rescored(graph.kind, k)


def _default_ef(graph: Graph, k: int) -> int:
    return graph.calibrated.default_width(graph.count, k)


def _scan_ns(field: VectorField) -> float:
    """Nanoseconds per row of a scan."""
    return bit_scan_ns(field.size) if field.quantized == "binary" else int8_scan_ns(field.size)


def _gather_ns(field: VectorField) -> float:
    """Nanoseconds per row gathered and compared (measured: int8 29 to 36 at 128, 36 to 60 at 384)."""
    return 20.0 + (0.008 if field.quantized == "binary" else 0.07) * field.size


def _graph_ns(graph: Graph, field: VectorField) -> float:
    """Nanoseconds per neighbour asked of the graph, where an int8 scan takes `_scan_ns`: only the ratio is measured."""
    return graph.calibrated.cost * int8_scan_ns(field.size)
