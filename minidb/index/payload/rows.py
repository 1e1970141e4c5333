"""Sets of rows as ascending arrays: what every payload index answers with."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

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


def rows_of(slices: list[Rows]) -> Rows:
    """The rows of all slices, ascending, each once."""
    slices = [rows for rows in slices if len(rows)]
    if not slices:
        return np.zeros(0, np.uint32)
    if len(slices) == 1 and (slices[0][1:] > slices[0][:-1]).all():
        return slices[0]
    if sum(map(len, slices)) < _FEW:
        return np.unique(np.concatenate(slices))
    marks = np.zeros(int(max(rows.max() for rows in slices)) + 1, bool)  # linear, where sorting is not
    for rows in slices:
        marks[rows] = True
    return np.flatnonzero(marks).astype(np.uint32)
