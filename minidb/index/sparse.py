"""The inverted index of one sparse field: postings by dimension in immutable segments.

New rows become a small segment; segments of like size are merged, so there are few of them and every posting is copied
only a logarithmic number of times. A query adds each of its dimensions' postings into one float32 accumulator over all
rows (`scipy.sparse._sparsetools.csc_matvec`, one C loop per dimension, 0.7 to 1.3 ns a posting).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct

_MAX_SEGMENTS = 8


@dataclass(frozen=True)
class Segment:
    """Postings of some rows: those of dimension `dims[i]` are `rows[starts[i]:starts[i + 1]]` with their values."""

    dims: NDArray[np.uint32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.float32]

    def slices(self, dims: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and end of the postings of each wanted dimension; equal where it is not there. Both ascend."""
        at = self.dims.searchsorted(dims)
        there = self.dims.take(at, mode="clip") == dims
        return self.starts[at], self.starts[at + there]


@dataclass(frozen=True)
class Postings:
    """What an index has of some dimensions: by segment, where the postings of each begin and end."""

    n_rows: int
    n_dims: int
    parts: list[tuple[Segment, NDArray[np.int64], NDArray[np.int64]]]

    def frequencies(self, counts: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """In how many rows each dimension occurs; `counts`, `(n_rows,)`, says which rows count (None: all)."""
        found = np.zeros(self.n_dims, np.int64)
        if counts is None:
            for _, starts, ends in self.parts:
                found += ends - starts
            return found
        if len(counts) < self.n_rows:
            counts = np.concatenate([counts, np.zeros(self.n_rows - len(counts), bool)])
        for segment, starts, ends in self.parts:
            for at, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
                if end > start:
                    found[at] += np.count_nonzero(counts[segment.rows[start:end]])
        return found

    def scores(self, weights: NDArray[np.float32], n_rows: int) -> NDArray[np.float32]:
        """`(n_rows,) float32`: sum of the postings' values times the dimensions' weights; 0 where there are none."""
        # the index may be newer than the caller's view: postings beyond it must still land inside the array
        accumulator = np.zeros(max(n_rows, self.n_rows), np.float32)
        accumulate = _accumulator()
        for segment, starts, ends in self.parts:
            accumulate(segment, starts, ends, weights, accumulator)
        return accumulator[:n_rows]


@dataclass(frozen=True)
class SparseIndex:
    """Immutable; covers the rows below `n_rows`. `with_rows` gives the next one."""

    n_rows: int
    segments: tuple[Segment, ...]

    @classmethod
    def empty(cls) -> SparseIndex:
        return cls(0, ())

    def with_rows(
        self,
        n_rows: int,
        rows: NDArray[np.uint32],
        lengths: NDArray[np.int64],
        dims: NDArray[np.uint32],
        values: NDArray[np.float32],
    ) -> SparseIndex:
        """Add rows: `dims` and `values` of all of them concatenated, `lengths` of each."""
        segments = list(self.segments)
        if len(dims):
            segments.append(_segment(np.repeat(rows.astype(np.int32), lengths), dims, values))
        while len(segments) > 1 and (
            2 * len(segments[-1].rows) >= len(segments[-2].rows) or len(segments) > _MAX_SEGMENTS
        ):
            newest = segments.pop()
            segments[-1] = _merged(segments[-1], newest)
        return SparseIndex(n_rows, tuple(segments))

    def has_rows(self, rows: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """`(n,) bool`: which of some rows have a posting here. It looks at all there are."""
        found = np.zeros(len(rows), bool)
        for segment in self.segments:
            found |= np.isin(rows, segment.rows)
        return found

    def postings(self, dims: NDArray[np.uint32]) -> Postings:
        """Those of some dimensions."""
        return Postings(
            self.n_rows, len(dims), [(part, *part.slices(dims)) for part in self.segments if len(part.dims)]
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All segments as one, for a checkpoint."""
        segments = list(self.segments)
        while len(segments) > 1:
            newest = segments.pop()
            segments[-1] = _merged(segments[-1], newest)
        whole = segments[0] if segments else _segment(*_NOTHING)
        return {"dims": whole.dims, "starts": whole.starts, "rows": whole.rows, "values": whole.values}

    @classmethod
    def of_arrays(cls, n_rows: int, arrays: dict[str, NDArray[np.generic]]) -> SparseIndex:
        """The index `arrays()` came from; the arrays may be mapped."""
        segment = Segment(arrays["dims"], arrays["starts"], arrays["rows"], arrays["values"])  # type: ignore[arg-type]
        return cls(n_rows, (segment,))


_NOTHING = (np.zeros(0, np.int32), np.zeros(0, np.uint32), np.zeros(0, np.float32))


def idf(n_points: int, frequencies: NDArray[np.int64]) -> NDArray[np.float32]:
    """Qdrant's inverse document frequency: ln((N − df + 0.5) / (df + 0.5) + 1) (lib/segment, query_context.rs)."""
    return np.log((n_points - frequencies + 0.5) / (frequencies + 0.5) + 1.0).astype(np.float32)


def _segment(rows: NDArray[np.int32], dims: NDArray[np.uint32], values: NDArray[np.float32]) -> Segment:
    """Postings given in any order. Sorting 64-bit keys is several times faster than argsort."""
    keys = np.sort((dims.astype(np.uint64) << np.uint64(32)) | np.arange(len(dims), dtype=np.uint64))
    order = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    sorted_dims = (keys >> np.uint64(32)).astype(np.uint32)
    first = np.flatnonzero(np.concatenate([[True], sorted_dims[1:] != sorted_dims[:-1]])) if len(dims) else order
    starts = np.append(first, len(dims)).astype(np.int64)
    return Segment(sorted_dims[first], starts, rows[order], values[order])


def _merged(first: Segment, second: Segment) -> Segment:
    """Both segments' postings; linear, by computing where each one goes."""
    dims = distinct(np.concatenate([first.dims, second.dims]))
    lengths = np.zeros(len(dims), np.int64)
    places = []
    for segment in (first, second):
        at = np.searchsorted(dims, segment.dims)
        places.append((at, lengths[at].copy()))
        lengths[at] += np.diff(segment.starts)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    for segment, (at, before) in zip((first, second), places, strict=True):
        shift = starts[at] + before - segment.starts[:-1]
        target = np.repeat(shift, np.diff(segment.starts)) + np.arange(len(segment.rows))
        rows[target], values[target] = segment.rows, segment.values
    return Segment(dims, starts, rows, values)


Accumulate = Callable[[Segment, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]], None]
"""`accumulate(segment, starts (d,), ends (d,), weights (d,), into (n_rows,))` adds the postings of each dimension times
its weight. Dimensions ascend, and so do starts and ends.
"""
_MAX_POSTINGS = 2**31 - 1


@cache
def _accumulator() -> Accumulate:
    """scipy's private C loop when it is there and does what it did, else numpy (about half as fast)."""
    try:
        from scipy.sparse import _sparsetools
    except ImportError:
        return _add_at

    def with_scipy(
        segment: Segment,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        weights: NDArray[np.float32],
        into: NDArray[np.float32],
    ) -> None:
        """All dimensions as the columns of one matrix, in one call, and no posting is copied.

        A column ends where the next begins, so a column of weight 0 comes between any two dimensions. Dimensions
        descend, whereby that column would have to run backwards, which a loop from its begin to its end does not.
        """
        rows, values, n = segment.rows, segment.values, len(into)
        if len(rows) > _MAX_POSTINGS:  # the bounds have the type of the rows
            _add_at(segment, starts, ends, weights, into)
            return
        n_columns = 2 * len(starts)
        bounds, factors = np.empty(n_columns + 1, np.int32), np.zeros(n_columns, np.float32)
        bounds[0:n_columns:2], bounds[1:n_columns:2], bounds[n_columns] = starts[::-1], ends[::-1], 0
        factors[0::2] = weights[::-1]
        _sparsetools.csc_matvec(n, n_columns, bounds, rows, values, factors, into)

    try:
        trial, postings = np.zeros(4, np.float32), np.array([0, 1, 3, 2], np.int32)
        segment = Segment(_NOTHING[1], np.zeros(1, np.int64), postings, np.array([1.0, 2.0, 3.0, 4.0], np.float32))
        weights = np.array([0.5, 3.0, 2.0], np.float32)
        with_scipy(segment, np.array([0, 1, 3]), np.array([1, 1, 4]), weights, trial)
    except (AttributeError, TypeError, ValueError):
        return _add_at
    return with_scipy if trial.tolist() == [0.5, 0.0, 8.0, 0.0] else _add_at


def _add_at(
    segment: Segment,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.float32],
    into: NDArray[np.float32],
) -> None:
    for start, end, weight in zip(starts.tolist(), ends.tolist(), weights, strict=True):
        np.add.at(into, segment.rows[start:end], segment.values[start:end] * weight)
