"""The points in time at one payload path, in order: answers datetime ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.rows import Ordered, Rows


class MomentIndex(Ordered):
    """Entries of a row and microseconds since 1970 UTC."""

    @classmethod
    def build(cls, rows: Rows, moments: Iterable[Sequence[int]]) -> MomentIndex:
        """From the times at the path, a sequence per row."""
        lists = [list(values) for values in moments]
        flat = np.array([value for values in lists for value in values], np.int64)
        return cls.of(np.repeat(rows, [len(values) for values in lists]), flat)

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        return {}, {"rows": self.rows, "micros": self.values}

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> MomentIndex:
        return cls(arrays["rows"], arrays["micros"])
