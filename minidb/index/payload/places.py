"""The places at one payload path: answers geo conditions by arithmetic on all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.rows import Mask, Rows, rows_of, taken

Degrees: TypeAlias = NDArray[np.float64]


class PlaceIndex:
    """Immutable. Entries `(row, longitude, latitude)` in degrees."""

    def __init__(self, rows: Rows, degrees: Degrees) -> None:
        self.rows = rows
        self.degrees = degrees

    @classmethod
    def build(cls, rows: Rows, places: Iterable[Sequence[tuple[float, float]]]) -> PlaceIndex:
        """From the `(lon, lat)` at the path, a sequence per row."""
        lists = [list(values) for values in places]
        flat = np.array([value for values in lists for value in values], np.float64).reshape(-1, 2)
        return cls(np.repeat(rows, [len(values) for values in lists]), flat)

    @classmethod
    def joined(cls, parts: Sequence[tuple[PlaceIndex, Mask]]) -> PlaceIndex:
        return cls(*taken((allowed, (part.rows, part.degrees)) for part, allowed in parts))

    def rows_where(self, test: Callable[[Degrees, Degrees], NDArray[np.bool_]]) -> Rows:
        """Rows with a place for which `test(lon, lat)`, on arrays, is true; ascending."""
        return rows_of([self.rows[test(self.degrees[:, 0], self.degrees[:, 1])]])

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        return {}, {"rows": self.rows, "degrees": self.degrees}

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> PlaceIndex:
        return cls(arrays["rows"], arrays["degrees"])
