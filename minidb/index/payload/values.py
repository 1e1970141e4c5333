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

from minidb.index.payload.coded import Coded
from minidb.index.payload.rows import Mask, Ordered, Rows, distinct_pairs, mask_of, rows_of

_OTHER = object()
"""Stands for what is neither null nor a string, an integer or a boolean."""


class ValueIndex:
    """Immutable. Every element of every row is an entry, and every number another one among `numbers`.

    Strings, integers and booleans are values of their own, null is one, and all the rest is one.
    """

    def __init__(self, entries: Coded, numbers: Ordered) -> None:
        self._entries = entries
        self.numbers = numbers

    @classmethod
    def build(cls, rows: Rows, elements: Iterable[Sequence[Any]]) -> ValueIndex:
        """From the elements at the path, one sequence per row."""
        codes: dict[Any, int] = {None: 0, _OTHER: 1}
        entry_rows: list[int] = []
        entry_codes: list[int] = []
        number_rows: list[int] = []
        numbers: list[float] = []
        for row, values in zip(rows.tolist(), elements, strict=True):
            for value in values:
                kind = type(value)
                if kind is int or kind is float:
                    number_rows.append(row)
                    numbers.append(float(value))
                if kind is bool:
                    value = (bool, value)
                elif not (kind is str or kind is int or value is None):
                    value = _OTHER
                entry_rows.append(row)
                entry_codes.append(codes.setdefault(value, len(codes)))
        entries = Coded.of(codes, np.array(entry_rows, np.uint32), np.array(entry_codes, np.int32))
        return cls(entries, Ordered.of(np.array(number_rows, np.uint32), np.array(numbers, np.float64)))

    @classmethod
    def joined(cls, parts: Sequence[tuple[ValueIndex, Mask]]) -> ValueIndex:
        entries = Coded.joined([(part._entries, allowed) for part, allowed in parts])
        return cls(entries, Ordered.joined((part.numbers, allowed) for part, allowed in parts))

    def rows_in(self, values: Iterable[str | int | bool]) -> Rows:
        """Rows with an element equal to one of the values, ascending, types kept apart."""
        entries = self._entries
        return rows_of([entries.rows[part] for value in values if (part := entries.part(_key(value))) is not None])

    def rows_not_in(self, values: Iterable[str | int | bool]) -> Rows:
        """Rows with an element that is neither null nor one of the values, ascending."""
        entries = self._entries
        excluded = [code for value in values if (code := entries.codes.get(_key(value))) is not None]
        wanted = np.ones(len(entries.codes), bool)
        wanted[[entries.codes[None], *excluded]] = False
        return rows_of([entries.rows[wanted[entries.entry_codes]]])

    @cached_property
    def integers(self) -> tuple[Rows, NDArray[np.int64]]:
        """Like the pairs of `numbers`, of integers of 64 bits and of floats without a fraction."""
        codes, entry_codes = self._entries.codes, self._entries.entry_codes
        exact, is_integer = np.zeros(len(codes), np.int64), np.zeros(len(codes), bool)
        for key, code in codes.items():
            if type(key) is int and -(2**63) <= key < 2**63:
                exact[code], is_integer[code] = key, True
        whole = is_integer[entry_codes]
        rows, values = self._entries.rows[whole], exact[entry_codes[whole]]
        numbers = self.numbers.values
        if len(numbers) == len(rows):  # every number is an integer
            return distinct_pairs(rows, values)
        floats = np.flatnonzero((np.abs(numbers) < 2.0**63) & (numbers == np.floor(numbers)))
        if len(floats) > len(rows):  # more than the integers themselves: floats without a fraction
            float_rows, float_values = self.numbers.rows[floats], numbers[floats].astype(np.int64)
            is_known = np.abs(values) >= 2**53  # as floats they are among those, and may be others there
            known = set(zip(rows[is_known].tolist(), values[is_known].astype(np.float64).tolist(), strict=True))
            large = np.flatnonzero(np.abs(float_values) >= 2**53).tolist()
            kept = np.ones(len(float_rows), bool)
            kept[[at for at in large if (int(float_rows[at]), float(float_values[at])) in known]] = False
            rows = np.concatenate([rows, float_rows[kept]])
            values = np.concatenate([values, float_values[kept]])
        return distinct_pairs(rows, values)

    @cached_property
    def _coded(self) -> tuple[Rows, NDArray[np.int32]]:
        """Rows and the codes of their values, each pair once."""
        return distinct_pairs(self._entries.rows, self._entries.entry_codes)

    def counts(self, allowed: Mask, wanted: Callable[[Any], bool]) -> list[tuple[Any, int]]:
        """Each wanted value with the number of `allowed` rows (a mask) that have it; a row counts once per value."""
        rows, codes = self._coded
        per_code = np.bincount(codes[allowed[rows]], minlength=len(self._entries.codes)).tolist()
        values = ((_value(key), per_code[code]) for key, code in self._entries.codes.items())
        return [(value, count) for value, count in values if count and wanted(value)]

    def integer_counts(self, allowed: Mask) -> list[tuple[int, int]]:
        """Like `counts` of integers; 2.0 counts as 2, as in Qdrant's integer index."""
        rows, values = self.integers
        found, counts = np.unique(values[allowed[rows]], return_counts=True)
        return list(zip(found.tolist(), counts.tolist(), strict=True))

    def n_rows_with(self, allowed: Mask, wanted: Callable[[Any], bool] | None) -> int:
        """How many `allowed` rows have a wanted value; None asks for any number."""
        if wanted is None:
            rows = self.numbers.rows
        else:
            codes = self._entries.codes
            chosen = np.fromiter((wanted(_value(key)) for key in codes), bool, len(codes))
            rows = self._entries.rows[chosen[self._entries.entry_codes]]
        return int(np.count_nonzero(mask_of(rows, len(allowed)) & allowed))

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        keys = msgpack.packb([_value(key) for key in self._entries.codes if key is not None and key is not _OTHER])
        return {}, {
            "values": np.frombuffer(keys, np.uint8),
            "entry_rows": self._entries.rows,
            "entry_codes": self._entries.entry_codes,
            "number_rows": self.numbers.rows,
            "numbers": self.numbers.values,
        }

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ValueIndex:
        """The index `arrays()` came from."""
        values = msgpack.unpackb(arrays["values"].tobytes())
        codes = {key: code for code, key in enumerate([None, _OTHER, *map(_key, values)])}
        entries = Coded(codes, arrays["entry_rows"], arrays["entry_codes"])
        return cls(entries, Ordered(arrays["number_rows"], arrays["numbers"]))


def _key(value: str | int | bool) -> object:
    return (bool, value) if isinstance(value, bool) else value


def _value(key: Any) -> Any:
    return key[1] if isinstance(key, tuple) else key
