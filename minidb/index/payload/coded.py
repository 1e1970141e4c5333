"""Entries of a row and a value that can be looked up, turned round: from the value to its rows. What value and text
indexes share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.rows import Mask, Rows, taken

_FIXED_CODES = 2
"""The first codes keep their meaning: those of `ValueIndex` for what is no value."""


@dataclass(frozen=True)
class Coded:
    """A code stands for one distinct value, and codes are numbered as `codes` lists the values. Entries are sorted by
    code, so that those of a value are a slice; `counts` are of the entries. Immutable.
    """

    codes: dict[Any, int]
    rows: Rows
    entry_codes: NDArray[np.int32]
    counts: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, codes: dict[Any, int], rows: Rows, entry_codes: NDArray[np.int32], *counts: NDArray[np.int32]) -> Coded:
        """From entries in any order."""
        if len(rows) < 2:  # after every write that somebody asks about
            return cls(codes, rows, entry_codes, *counts)
        order = np.argsort(entry_codes, kind="stable")
        return cls(codes, rows[order], entry_codes[order], *(array[order] for array in counts))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the entries of each code begin, and those of the last end."""
        return self.entry_codes.searchsorted(np.arange(len(self.codes) + 1, dtype=np.int32))

    def part(self, value: Any) -> slice | None:
        """Where the entries of a value are; None for one that is not known."""
        code = self.codes.get(value)
        return None if code is None else slice(self.starts[code], self.starts[code + 1])

    @classmethod
    def joined(cls, parts: Sequence[tuple[Coded, Mask]]) -> Coded:
        """One of all, each with the rows to take from it. Values that no row has any more are forgotten in time."""
        codes = dict(parts[0][0].codes)
        columns: list[tuple[Mask, tuple[NDArray[Any], ...]]] = []
        for part, allowed in parts:
            entry_codes = part.entry_codes
            if columns:
                new = [codes.setdefault(value, len(codes)) for value in part.codes]
                entry_codes = np.array(new, np.int32)[entry_codes]
            counts = () if part.counts is None else (part.counts,)
            columns.append((allowed, (part.rows, entry_codes, *counts)))
        rows, entry_codes, *of_entries = taken(columns)
        used = np.bincount(entry_codes, minlength=len(codes)) > 0
        used[:_FIXED_CODES] = True
        if 2 * np.count_nonzero(used) < len(codes):
            entry_codes = (np.cumsum(used, dtype=np.int32) - 1)[entry_codes]
            kept = (value for value, is_used in zip(codes, used.tolist(), strict=True) if is_used)
            codes = {value: code for code, value in enumerate(kept)}
        return cls.of(codes, rows, entry_codes, *of_entries)
