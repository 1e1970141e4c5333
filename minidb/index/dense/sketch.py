"""The int8 copy of a dense field: a quarter of the bytes, scanned at memory speed, its best candidates rescored in
floats.

One scale for the whole field. Measured recall after rescoring 20 to 50 candidates: 1.000 on every set; a field whose
values do not suit one scale is found out on a sample, with each new scale and as it grows, and goes by its floats from
then on: one vector 300 times as long as the others leaves them codes of -1, 0 and 1. Derived: rebuilt from the rows at
will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from minidb.cores import on_all_cores
from minidb.index.dense.codes import Int8
from minidb.index.dense.hot import HotRows
from minidb.index.dense.plain import Metric, cdist, similarities

Chunks = Callable[[int, int], Iterator[NDArray[np.float32]]]
"""`chunks(start, stop)`: the field's rows in order as `(n, d) float32` blocks."""

SCANNED_FLOATS = 200_000
"""Up to so many a plain product over all rows beats int8 plus rescoring, at 64 to 1,024 dimensions. In a loop of scans
it does up to 700,000; but a query comes back to caches that 3 MB of floats have emptied, and a quarter of that has not:
1,000 × 384 took 270 µs by floats, 185 by codes.
"""
C = TypeVar("C", bound=np.generic)
Comparison = Callable[[NDArray[C]], NDArray[np.float32]]
"""A query compared with rows of codes: `(n,)` similarities."""
_HEADROOM = 1.1
_SAMPLE_ROWS, _SAMPLE_QUERIES, _SAMPLE_K, _SAMPLE_RESCORED = 2000, 16, 10, 20
"""Of a sample fewer are rescored than of all: with 40 in both, samples had recall 0.995 where all had 0.95."""
_SAMPLE_PLACES = 8
"""What is written later may be of another kind."""
_LEAST_RECALL = 0.99
_CHECKED_GROWTH = 1.5
"""A field grown by so much is looked at again."""
_PIECE_ROWS = 256
LONG_SCAN_NS, _PIECE_NS = 500_000, 100_000
"""Two cores took 0.55 ms where one took 0.75, and 1.08 for 1.45; of less than half a millisecond they save nothing."""


def with_room(rows: NDArray[C], n_used: int, n_rows: int) -> NDArray[C]:
    """Room for `n_rows`, the first `n_used` as they are; rows that others may be reading are never moved or written."""
    if n_rows <= len(rows) and rows.flags.writeable:
        return rows
    grown = np.zeros((max(n_rows, len(rows) * 5 // 4), rows.shape[1]), rows.dtype)
    grown[:n_used] = rows[:n_used]
    return grown


def int8_scan_ns(size: int) -> float:
    """Nanoseconds per row of int8 codes (measured: 4.8 at 128 dimensions, 10.5 at 384; in other weeks 7 and 15)."""
    return 2.0 + 0.022 * size


def in_pieces(compare: Comparison[C], ns_per_row: float, rows: NDArray[C]) -> NDArray[np.float32]:
    """`compare(rows)`, `(n,) float32`; where that takes long, piece by piece on all cores."""
    if len(rows) * ns_per_row <= LONG_SCAN_NS:
        return compare(rows)
    scores = np.empty(len(rows), np.float32)
    step = int(_PIECE_NS / ns_per_row)

    def compare_piece(start: int) -> None:
        scores[start : start + step] = compare(rows[start : start + step])

    on_all_cores(compare_piece, range(0, len(rows), step))
    return scores


class _Codes(NamedTuple):
    """Rows `[0, n_rows)` in one scale, and room for more. What readers hold of it never changes."""

    room: NDArray[np.int8]
    n_rows: int
    scale: float


class Sketch:
    """Rows `[0, n_rows)` of one field as int8. Extended by one thread at a time, read by any."""

    def __init__(self, size: int, metric: Metric) -> None:
        self.size = size
        self.metric = metric
        self.suits = metric != "manhattan"
        """False where int8 loses neighbours, or no int8 kernel exists: floats are scanned instead."""
        self._codes = _Codes(np.zeros((0, size), np.int8), 0, 0.0)
        self._n_checked = 0
        """How many rows there were when a sample was looked at."""

    @classmethod
    def of(cls, rows: NDArray[np.int8], scale: float, metric: Metric) -> Sketch:
        """From saved rows (read-only, mapped)."""
        sketch = cls(rows.shape[1], metric)
        sketch._codes = _Codes(rows, len(rows), scale)
        return sketch

    @property
    def n_rows(self) -> int:
        return self._codes.n_rows

    @property
    def scale(self) -> float:
        """What numbers are multiplied by before they are rounded; 0 before there are any."""
        return self._codes.scale

    @property
    def rows(self) -> NDArray[np.int8]:
        return self._codes.room[: self._codes.n_rows]

    def extend(self, n_rows: int, chunks: Chunks) -> None:
        """Take in rows up to `n_rows`; starts over with a wider scale when a value does not fit."""
        codes = self._codes
        while self.suits and codes.n_rows < n_rows:
            scale = codes.scale
            grown = with_room(codes.room, codes.n_rows, n_rows)
            at, widest = codes.n_rows, 0.0
            for chunk in chunks(codes.n_rows, n_rows):
                widest = max(widest, float(chunk.max(initial=0.0)), -float(chunk.min(initial=0.0)))
                if widest * scale <= 127.0 and scale:
                    _round_into(grown[at : at + len(chunk)], chunk, scale)
                at += len(chunk)
            if scale and widest * scale <= 127.0:
                if n_rows >= _CHECKED_GROWTH * self._n_checked:
                    self._check(chunks, n_rows, scale)
                self._codes = _Codes(grown, n_rows, scale)
                return
            widest = max(widest, 127.0 / scale if scale else 0.0, 1e-30)
            codes = _Codes(codes.room[:0], 0, 127.0 / (widest * _HEADROOM if scale else widest))
            self._check(chunks, n_rows, codes.scale)

    def scan(self, query: NDArray[np.float32], stop: int, start: int = 0) -> NDArray[np.float32]:
        """Approximate similarities of rows `[start, stop)`, in a scale of their own: only the order counts."""
        codes = self._codes
        return self._comparison(query, codes.scale)(codes.room[start:stop])

    def gather(self, query: NDArray[np.float32], rows: NDArray[np.uint32], hot: HotRows) -> NDArray[np.float32]:
        """The same for some rows."""
        codes = self._codes
        return hot.scores(codes.room, rows, self._comparison(query, codes.scale))

    def _comparison(self, query: NDArray[np.float32], scale: float) -> Comparison[np.int8]:
        compare = partial(self._scores, self._quantized(query, scale))
        return partial(in_pieces, compare, int8_scan_ns(self.size))

    def _quantized(self, query: NDArray[np.float32], scale: float) -> NDArray[np.int8]:
        """Any scale of the query keeps a dot product's order; a distance needs the rows' own."""
        if self.metric == "euclid":
            return Int8(scale).encode(query)
        widest = float(np.abs(query).max(initial=0.0))
        quantized: NDArray[np.int8] = np.rint(query * np.float32(127.0 / max(widest, 1e-30))).astype(np.int8)
        return quantized

    def _scores(self, query: NDArray[np.int8], rows: NDArray[np.int8]) -> NDArray[np.float32]:
        if not len(rows):
            return np.zeros(0, np.float32)
        if self.metric == "euclid":
            return -cdist(query, rows, "sqeuclidean")
        return cdist(query, rows, "dot")

    def _check(self, chunks: Chunks, n_rows: int, scale: float) -> None:
        """Compare with floats on some rows: are the true neighbours among the candidates?"""
        self._n_checked = n_rows
        sample = _sample(chunks, n_rows)
        if len(sample) < 4 * _SAMPLE_RESCORED:
            return
        codes = np.empty(sample.shape, np.int8)
        _round_into(codes, sample, scale)
        trial = Sketch.of(codes, scale, self.metric)
        found = 0
        queries = sample[:: len(sample) // _SAMPLE_QUERIES][:_SAMPLE_QUERIES]
        for query in queries:
            exact = np.argsort(-similarities(self.metric, query, sample), kind="stable")[:_SAMPLE_K]
            near = np.argsort(-trial.scan(query, len(sample)), kind="stable")[:_SAMPLE_RESCORED]
            found += int(np.isin(exact, near).sum())
        self.suits = found >= _LEAST_RECALL * _SAMPLE_K * len(queries)


def _sample(chunks: Chunks, n_rows: int) -> NDArray[np.float32]:
    """Some rows from everywhere, or all if there are few."""
    n = _SAMPLE_ROWS // _SAMPLE_PLACES
    ranges = [(0, n_rows)]
    if n_rows > _SAMPLE_ROWS:
        ranges = [(start, start + n) for start in np.linspace(0, n_rows - n, _SAMPLE_PLACES).astype(int).tolist()]
    return np.concatenate([chunk for start, stop in ranges for chunk in chunks(start, stop)])


def _round_into(codes: NDArray[np.int8], vectors: NDArray[np.float32], scale: float) -> None:
    """Vectors times `scale`, rounded; in pieces that stay in the cache, 4 times as fast as all at once."""
    scaled = np.empty((_PIECE_ROWS, vectors.shape[1]), np.float32)
    for start in range(0, len(vectors), _PIECE_ROWS):
        piece = vectors[start : start + _PIECE_ROWS]
        room = scaled[: len(piece)]
        np.multiply(piece, np.float32(scale), out=room)
        np.rint(room, out=room)
        codes[start : start + _PIECE_ROWS] = room
