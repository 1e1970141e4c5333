"""The values at one payload path, turned round: from a value to the rows that have it.

Built by one pass over the payloads the first time a path is filtered on, then kept current by small passes over what
changed. Answers equality and numeric ranges; everything else is checked on the payload. Knows paths only through the
elements it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NULL, _OTHER = 0, 1
_FIRST_CODE = 2


class ValueIndex:
    """Immutable; `with_rows` gives the next one.

    Every element of every row is one entry `(row, code)`; a code stands for one distinct string, integer or boolean.
    Entries are kept sorted by code, so that the rows of a value are a slice.
    """

    def __init__(
        self, codes: dict[Any, int], entry_rows: NDArray[np.uint32], entry_codes: NDArray[np.int32],
        number_rows: NDArray[np.uint32], numbers: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self._codes = codes
        order = np.argsort(entry_codes, kind="stable")
        self._entry_codes = entry_codes[order]
        self._entry_rows = entry_rows[order]
        self._starts = np.searchsorted(self._entry_codes, np.arange(len(codes) + _FIRST_CODE + 1))
        order = np.argsort(numbers, kind="stable")
        self._numbers = numbers[order]
        self._number_rows = number_rows[order]

    @classmethod
    def build(cls, rows: NDArray[np.uint32], elements: Iterable[Sequence[Any]]) -> ValueIndex:
        """From the elements at the path, one sequence per row."""
        return cls(*_entries({}, rows, elements))

    def with_rows(
        self, dropped: NDArray[np.uint32], rows: NDArray[np.uint32], elements: Iterable[Sequence[Any]]
    ) -> ValueIndex:
        """Without the entries of `dropped`, with those of `rows`."""
        codes, new_rows, new_codes, new_number_rows, new_numbers = _entries(dict(self._codes), rows, elements)
        keep, keep_numbers = ~_member(self._entry_rows, dropped), ~_member(self._number_rows, dropped)
        return ValueIndex(
            codes,
            np.concatenate([self._entry_rows[keep], new_rows]),
            np.concatenate([self._entry_codes[keep], new_codes]),
            np.concatenate([self._number_rows[keep_numbers], new_number_rows]),
            np.concatenate([self._numbers[keep_numbers], new_numbers]),
        )

    def rows_in(self, values: Iterable[str | int | bool]) -> NDArray[np.uint32]:
        """Rows with an element equal to one of the values, ascending, types kept apart."""
        codes = [code for value in values if (code := self._codes.get(_key(value))) is not None]
        slices = [self._entry_rows[self._starts[code] : self._starts[code + 1]] for code in codes]
        return _sorted_unique(slices)

    def rows_not_in(self, values: Iterable[str | int | bool]) -> NDArray[np.uint32]:
        """Rows with an element that is neither null nor one of the values, ascending."""
        excluded = [code for value in values if (code := self._codes.get(_key(value))) is not None]
        wanted = np.ones(len(self._starts) - 1, bool)
        wanted[[_NULL, *excluded]] = False
        return _sorted_unique([self._entry_rows[wanted[self._entry_codes]]])

    def rows_between(
        self, lt: float | None, gt: float | None, lte: float | None, gte: float | None
    ) -> NDArray[np.uint32]:
        """Rows with a number within all given bounds, ascending."""
        low, high = 0, len(self._numbers)
        if gte is not None:
            low = max(low, int(np.searchsorted(self._numbers, gte, "left")))
        if gt is not None:
            low = max(low, int(np.searchsorted(self._numbers, gt, "right")))
        if lte is not None:
            high = min(high, int(np.searchsorted(self._numbers, lte, "right")))
        if lt is not None:
            high = min(high, int(np.searchsorted(self._numbers, lt, "left")))
        if any(bound is not None and np.isnan(bound) for bound in (lt, gt, lte, gte)):
            low, high = 0, 0
        return _sorted_unique([self._number_rows[low : max(low, high)]])


def _key(value: str | int | bool) -> object:
    return (bool, value) if isinstance(value, bool) else value


def _entries(
    codes: dict[Any, int], rows: NDArray[np.uint32], elements: Iterable[Sequence[Any]]
) -> tuple[dict[Any, int], NDArray[np.uint32], NDArray[np.int32], NDArray[np.uint32], NDArray[np.float64]]:
    entry_rows: list[int] = []
    entry_codes: list[int] = []
    number_rows: list[int] = []
    numbers: list[float] = []
    for row, values in zip(rows.tolist(), elements, strict=True):
        for value in values:
            kind = type(value)
            if kind is str or kind is int or kind is bool:
                key = value if kind is not bool else (bool, value)
                code = codes.setdefault(key, len(codes) + _FIRST_CODE)
                if kind is int:
                    number_rows.append(row)
                    numbers.append(float(value))
            elif value is None:
                code = _NULL
            else:
                code = _OTHER
                if kind is float and value == value:
                    number_rows.append(row)
                    numbers.append(value)
            entry_rows.append(row)
            entry_codes.append(code)
    return (
        codes,
        np.array(entry_rows, np.uint32),
        np.array(entry_codes, np.int32),
        np.array(number_rows, np.uint32),
        np.array(numbers, np.float64),
    )


def _member(rows: NDArray[np.uint32], of: NDArray[np.uint32]) -> NDArray[np.bool_]:
    if not len(rows) or not len(of):
        return np.zeros(len(rows), bool)
    marks = np.zeros(int(max(rows.max(), of.max())) + 1, bool)
    marks[of] = True
    return marks[rows]


def _sorted_unique(slices: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    slices = [rows for rows in slices if len(rows)]
    if not slices:
        return np.zeros(0, np.uint32)
    if len(slices) == 1 and (slices[0][1:] > slices[0][:-1]).all():
        return slices[0]
    if sum(map(len, slices)) < 1000:
        return np.unique(np.concatenate(slices))
    marks = np.zeros(int(max(rows.max() for rows in slices)) + 1, bool)  # linear, where sorting is not
    for rows in slices:
        marks[rows] = True
    return np.flatnonzero(marks).astype(np.uint32)
