"""Sets of rows as ascending arrays, which is what every payload index answers with, and as masks."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct

Rows: TypeAlias = NDArray[np.uint32]

_FEW = 1000


def member(rows: Rows, of: Rows) -> NDArray[np.bool_]:
    """`(n,) bool`: which of `rows` are among `of`."""
    if not len(rows) or not len(of):
        return np.zeros(len(rows), bool)
    marks = np.zeros(int(max(rows.max(), of.max())) + 1, bool)
    marks[of] = True
    found: NDArray[np.bool_] = marks[rows]
    return found


def mask_of(rows: Rows, n_rows: int) -> NDArray[np.bool_]:
    """`(n_rows,) bool`: True at `rows`, which are all below `n_rows`."""
    mask = np.zeros(n_rows, bool)
    mask[rows] = True
    return mask


def between(
    values: NDArray[Any],
    lt: float | None = None,
    gt: float | None = None,
    lte: float | None = None,
    gte: float | None = None,
) -> slice:
    """Where ascending `values` lie within all given bounds; nowhere for a bound that is not a number."""
    if any(bound is not None and math.isnan(bound) for bound in (lt, gt, lte, gte)):
        return slice(0, 0)
    low, high = 0, len(values)
    if gte is not None:
        low = max(low, int(np.searchsorted(values, gte, "left")))
    if gt is not None:
        low = max(low, int(np.searchsorted(values, gt, "right")))
    if lte is not None:
        high = min(high, int(np.searchsorted(values, lte, "right")))
    if lt is not None:
        high = min(high, int(np.searchsorted(values, lt, "left")))
    return slice(low, max(low, high))


def distinct_pairs(rows: Rows, values: NDArray[Any]) -> tuple[Rows, NDArray[Any]]:
    """Pairs of a row and a value in the order of values, then rows; each pair once."""
    order = np.lexsort((rows, values))
    rows, values = rows[order], values[order]
    if not len(rows) or np.bincount(rows).max() == 1:
        return rows, values
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    return rows[first], values[first]


def rows_of(slices: list[Rows]) -> Rows:
    """The rows of all slices, ascending, each once."""
    slices = [rows for rows in slices if len(rows)]
    if not slices:
        return np.zeros(0, np.uint32)
    if len(slices) == 1 and (slices[0][1:] > slices[0][:-1]).all():
        return slices[0]
    if sum(map(len, slices)) < _FEW:
        return distinct(np.concatenate(slices))
    marks = np.zeros(int(max(rows.max() for rows in slices)) + 1, bool)  # linear, where sorting is not
    for rows in slices:
        marks[rows] = True
    return np.flatnonzero(marks).astype(np.uint32)
