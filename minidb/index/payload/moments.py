"""The points in time at one payload path, in order: answers datetime ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.rows import Rows, between, distinct_pairs, member, rows_of


class MomentIndex:
    """Immutable. Entries `(row, microseconds since 1970 UTC)`, sorted by time."""

    def __init__(self, rows: Rows, micros: NDArray[np.int64]) -> None:
        order = np.argsort(micros, kind="stable")
        self.rows = rows[order]
        self.micros = micros[order]

    @classmethod
    def build(cls, rows: Rows, moments: Iterable[Sequence[int]]) -> MomentIndex:
        """From the times at the path, a sequence per row."""
        return cls(*_entries(rows, moments))

    def with_rows(self, dropped: Rows, rows: Rows, moments: Iterable[Sequence[int]]) -> MomentIndex:
        """Without the entries of `dropped`, with those of `rows`."""
        new_rows, new_micros = _entries(rows, moments)
        keep = ~member(self.rows, dropped)
        return MomentIndex(np.concatenate([self.rows[keep], new_rows]), np.concatenate([self.micros[keep], new_micros]))

    @cached_property
    def distinct(self) -> tuple[Rows, NDArray[np.int64]]:
        """Rows and their times in the order of times, each pair once."""
        return distinct_pairs(self.rows, self.micros)

    def rows_between(self, lt: int | None, gt: int | None, lte: int | None, gte: int | None) -> Rows:
        """Rows with a time within all given bounds, ascending."""
        return rows_of([self.rows[between(self.micros, lt, gt, lte, gte)]])

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        return {}, {"rows": self.rows, "micros": self.micros}

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> MomentIndex:
        return cls(arrays["rows"], arrays["micros"])


def _entries(rows: Rows, moments: Iterable[Sequence[int]]) -> tuple[Rows, NDArray[np.int64]]:
    lists = [list(values) for values in moments]
    flat = np.array([value for values in lists for value in values], np.int64)
    return np.repeat(rows, [len(values) for values in lists]), flat
