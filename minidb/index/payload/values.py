"""The strings, integers, booleans and numbers at one payload path, turned round: from a value to the rows that have it.

Serves keyword, integer, float, bool and uuid indexes alike, since conditions keep types apart anyway. Answers equality
and numeric ranges, and counts values for facets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.rows import Rows, between, distinct_pairs, mask_of, member, rows_of

_NULL, _OTHER = 0, 1
_FIRST_CODE = 2


class ValueIndex:
    """Immutable; `with_rows` gives the next one.

    Every element of every row is one entry `(row, code)`; a code stands for one distinct string, integer or boolean,
    or for "null" or "something else". Entries are sorted by code, so that the rows of a value are a slice.
    """

    def __init__(
        self,
        codes: dict[Any, int],
        entry_rows: Rows,
        entry_codes: NDArray[np.int32],
        number_rows: Rows,
        numbers: NDArray[np.float64],
    ) -> None:
        self._codes = codes
        order = np.argsort(entry_codes, kind="stable")
        self._entry_codes = entry_codes[order]
        self._entry_rows = entry_rows[order]
        self._starts = np.searchsorted(self._entry_codes, np.arange(len(codes) + _FIRST_CODE + 1))
        order = np.argsort(numbers, kind="stable")
        self._numbers = numbers[order]
        self._number_rows = number_rows[order]

    @classmethod
    def build(cls, rows: Rows, elements: Iterable[Sequence[Any]]) -> ValueIndex:
        """From the elements at the path, one sequence per row."""
        return cls(*_entries({}, rows, elements))

    def with_rows(self, dropped: Rows, rows: Rows, elements: Iterable[Sequence[Any]]) -> ValueIndex:
        """Without the entries of `dropped`, with those of `rows`."""
        codes, new_rows, new_codes, new_number_rows, new_numbers = _entries(dict(self._codes), rows, elements)
        keep, keep_numbers = ~member(self._entry_rows, dropped), ~member(self._number_rows, dropped)
        return ValueIndex(
            codes,
            np.concatenate([self._entry_rows[keep], new_rows]),
            np.concatenate([self._entry_codes[keep], new_codes]),
            np.concatenate([self._number_rows[keep_numbers], new_number_rows]),
            np.concatenate([self._numbers[keep_numbers], new_numbers]),
        )

    def rows_in(self, values: Iterable[str | int | bool]) -> Rows:
        """Rows with an element equal to one of the values, ascending, types kept apart."""
        codes = [code for value in values if (code := self._codes.get(_key(value))) is not None]
        return rows_of([self._entry_rows[self._starts[code] : self._starts[code + 1]] for code in codes])

    def rows_not_in(self, values: Iterable[str | int | bool]) -> Rows:
        """Rows with an element that is neither null nor one of the values, ascending."""
        excluded = [code for value in values if (code := self._codes.get(_key(value))) is not None]
        wanted = np.ones(len(self._starts) - 1, bool)
        wanted[[_NULL, *excluded]] = False
        return rows_of([self._entry_rows[wanted[self._entry_codes]]])

    def rows_between(self, lt: float | None, gt: float | None, lte: float | None, gte: float | None) -> Rows:
        """Rows with a number within all given bounds, ascending."""
        return rows_of([self._number_rows[between(self._numbers, lt, gt, lte, gte)]])

    @cached_property
    def numbers(self) -> tuple[Rows, NDArray[np.float64]]:
        """Rows and their numbers in the order of numbers, each pair once."""
        return distinct_pairs(self._number_rows, self._numbers)

    @cached_property
    def integers(self) -> tuple[Rows, NDArray[np.int64]]:
        """Like `numbers` of integers of 64 bits, and of floats without a fraction."""
        exact = np.zeros(len(self._starts) - 1, np.int64)
        is_integer = np.zeros(len(exact), bool)
        for key, code in self._codes.items():
            if type(key) is int and -(2**63) <= key < 2**63:
                exact[code], is_integer[code] = key, True
        whole = is_integer[self._entry_codes]
        rows, values = self._entry_rows[whole], exact[self._entry_codes[whole]]
        floats = np.flatnonzero((np.abs(self._numbers) < 2.0**63) & (self._numbers == np.floor(self._numbers)))
        if len(floats) > len(rows):  # more than the integers themselves: floats without a fraction
            float_rows, float_values = self._number_rows[floats], self._numbers[floats].astype(np.int64)
            exactly_known = np.abs(float_values) < 2**53  # larger ones are integers that floats cannot hold
            rows = np.concatenate([rows, float_rows[exactly_known]])
            values = np.concatenate([values, float_values[exactly_known]])
        return distinct_pairs(rows, values)

    @cached_property
    def _coded(self) -> tuple[Rows, NDArray[np.int32]]:
        """Rows and the codes of their values, each pair once."""
        return distinct_pairs(self._entry_rows, self._entry_codes)

    def counts(self, allowed: NDArray[np.bool_], wanted: Callable[[Any], bool]) -> list[tuple[Any, int]]:
        """Each wanted value with the number of `allowed` rows (a mask) that have it; a row counts once per value."""
        rows, codes = self._coded
        per_code = np.bincount(codes[allowed[rows]], minlength=len(self._starts)).tolist()
        values = ((_value(key), per_code[code]) for key, code in self._codes.items())
        return [(value, count) for value, count in values if count and wanted(value)]

    def integer_counts(self, allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """Like `counts` of integers; 2.0 counts as 2, as in Qdrant's integer index."""
        rows, values = self.integers
        found, counts = np.unique(values[allowed[rows]], return_counts=True)
        return list(zip(found.tolist(), counts.tolist(), strict=True))

    def n_rows_with(self, allowed: NDArray[np.bool_], wanted: Callable[[Any], bool] | None) -> int:
        """How many `allowed` rows have a wanted value; None asks for any number."""
        if wanted is None:
            rows = self._number_rows
        else:
            chosen = np.zeros(len(self._starts), bool)
            chosen[[code for key, code in self._codes.items() if wanted(_value(key))]] = True
            rows = self._entry_rows[chosen[self._entry_codes]]
        return int(np.count_nonzero(mask_of(rows, len(allowed)) & allowed))

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        keys = msgpack.packb([_value(key) for key in self._codes])
        arrays: dict[str, NDArray[Any]] = {
            "values": np.frombuffer(keys, np.uint8),
            "entry_rows": self._entry_rows,
            "entry_codes": self._entry_codes,
            "number_rows": self._number_rows,
            "numbers": self._numbers,
        }
        return {}, arrays

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ValueIndex:
        """The index `arrays()` came from."""
        values = msgpack.unpackb(arrays["values"].tobytes())
        codes = {_key(value): code for code, value in enumerate(values, _FIRST_CODE)}
        names = ("entry_rows", "entry_codes", "number_rows", "numbers")
        return cls(codes, *(arrays[name] for name in names))


def _key(value: str | int | bool) -> object:
    return (bool, value) if isinstance(value, bool) else value


def _value(key: Any) -> Any:
    return key[1] if isinstance(key, tuple) else key


def _entries(
    codes: dict[Any, int], rows: Rows, elements: Iterable[Sequence[Any]]
) -> tuple[dict[Any, int], Rows, NDArray[np.int32], Rows, NDArray[np.float64]]:
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
                if kind is float:
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
