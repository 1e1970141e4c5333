"""Sets of rows as ascending arrays, which is what every payload index answers with, and as masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct

Rows: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]
"""`(n_rows,)`: which rows are meant."""

_FEW = 1000
_NO_ROWS = np.zeros(0, np.uint32)
_NO_ROWS.flags.writeable = False


def member(rows: Rows, of: Rows) -> Mask:
    """`(n,) bool`: which of `rows` are among `of`."""
    if not len(rows) or not len(of):
        return np.zeros(len(rows), bool)
    return mask_of(of, int(max(rows.max(), of.max())) + 1)[rows]


def mask_of(rows: Rows, n_rows: int) -> Mask:
    """`(n_rows,) bool`: True at `rows`, which are all below `n_rows`."""
    mask = np.zeros(n_rows, bool)
    mask[rows] = True
    return mask


def taken(parts: Iterable[tuple[Mask, tuple[NDArray[Any], ...]]]) -> list[NDArray[Any]]:
    """Entries of several indexes in a row: of each the arrays, rows first, and which rows to take from it."""
    kept = []
    for allowed, arrays in parts:
        keep = allowed[arrays[0]]
        kept.append(arrays if keep.all() else [array[keep] for array in arrays])
    return [np.concatenate(columns) for columns in zip(*kept, strict=True)]


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
    if len(rows) < 2:
        return rows, values
    order = np.lexsort((rows, values))
    rows, values = rows[order], values[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    return (rows, values) if first.all() else (rows[first], values[first])


def rows_of(slices: list[Rows]) -> Rows:
    """The rows of all slices, ascending, each once."""
    slices = [rows for rows in slices if len(rows)]
    if not slices:
        return _NO_ROWS
    rows = slices[0] if len(slices) == 1 else np.concatenate(slices)
    if (rows[1:] > rows[:-1]).all():
        return rows
    if len(rows) < _FEW:
        return distinct(rows)
    return np.flatnonzero(mask_of(rows, int(rows.max()) + 1)).astype(np.uint32)  # linear, where sorting is not


O = TypeVar("O", bound="Ordered")  # noqa: E741


@dataclass(frozen=True)
class Ordered:
    """Entries of a row and a value, in the order of values: answers ranges. Immutable."""

    rows: Rows
    values: NDArray[Any]

    @classmethod
    def of(cls: type[O], rows: Rows, values: NDArray[Any]) -> O:
        """From entries in any order; those of two sorted runs take linear time."""
        if len(rows) < 2:
            return cls(rows, values)
        order = np.argsort(values, kind="stable")
        return cls(rows[order], values[order])

    @classmethod
    def joined(cls: type[O], parts: Iterable[tuple[O, Mask]]) -> O:
        return cls.of(*taken((allowed, (part.rows, part.values)) for part, allowed in parts))

    def rows_between(self, lt: float | None, gt: float | None, lte: float | None, gte: float | None) -> Rows:
        """Rows with a value within all given bounds, ascending."""
        return rows_of([self.rows[between(self.values, lt, gt, lte, gte)]])

    @cached_property
    def pairs(self) -> tuple[Rows, NDArray[Any]]:
        """Rows and their values in the order of values, each pair once."""
        return distinct_pairs(self.rows, self.values)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows for which something holds, as an index of its own; immutable."""

    rows: Rows

    @classmethod
    def joined(cls, parts: Iterable[tuple[Found, Mask]]) -> Found:
        return cls(*taken((allowed, (part.rows,)) for part, allowed in parts))
