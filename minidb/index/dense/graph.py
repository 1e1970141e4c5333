"""What a graph of a dense field can do, whichever library walks it. It finds candidates; scores come from the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from math import log10, sqrt
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.cores import N_CORES
from minidb.index.dense.codes import CodeKind, Quantized
from minidb.index.dense.copies import Copies
from minidb.index.dense.unlinked import Links, Unlinked
from minidb.storage.gate import PhaseFairGate

VectorsOf = Callable[[NDArray[np.uint32]], NDArray[np.float32]]
_WIDTH_FOR_ONE = 64
"""How wide to search for what is nearest to a row that no link leads to."""
Blocks = Iterable[tuple[NDArray[np.uint32], NDArray[np.float32]]]


class Calibrated(NamedTuple):
    """What `calibration` measured of a graph that had `n_rows` rows; as it stands, of one too small to be measured."""

    width_of_10: int = 128
    """How wide a search for ten has to be to find nearly all of them."""
    width_of_100: int = 384
    cost: float = 120.0
    """How many rows a scan of int8 codes compares in the time a search takes for each row it is asked for."""
    n_rows: int = 2_000

    def default_width(self, count: int, k: int) -> int:
        """How wide to search for `k` among `count` rows when nobody says.

        Between what ten and what a hundred take, beyond with the root of `k`; as much again for every tenfold number
        of rows.
        """
        ten, hundred = self.width_of_10, self.width_of_100
        width = ten * (hundred / ten) ** log10(max(k, 10) / 10) if k < 100 else hundred * sqrt(k / 100)
        return round(width * (1.0 + max(0.0, log10(max(count, 1) / self.n_rows))))


class Graph(Protocol):
    """Some rows of one dense field. Rows added later than `n_rows` are not in it; dead rows stay until a rebuild."""

    kind: CodeKind
    """What it keeps of the vectors: how far its order of candidates can be trusted."""
    opens_mapped: bool
    """Whether a saved one answers as soon as it is opened, and need not be read into memory first."""
    n_rows: int
    """Every row below it is in the graph, and others while they are being added."""
    calibrated: Calibrated

    @property
    def count(self) -> int:
        """Rows in the graph, dead ones included."""

    @property
    def takes_turns(self) -> bool:
        """Whether one call searches it at a time."""

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        """About the `width` nearest rows or more, nearest first; dead ones among them.

        None when so many cannot be reached, though there are more.
        """

    def search_many(self, queries: NDArray[np.float32], width: int, threads: int = N_CORES) -> list[NDArray[np.uint32]]:
        """The same for `(q, d)` queries in one call of the library, on all cores unless `threads` says otherwise."""

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        """Insert more rows, all at or beyond `self.n_rows`; afterwards every row below `n_rows` is in the graph."""

    def find_unlinked(self, vectors_of: VectorsOf) -> None:
        """Find out which rows no search finds; to be called after rows were added."""

    def beside(self, found: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Rows that no search finds, next to those that one has found; some more than once, dead ones among them."""

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps; `restored` takes it back."""

    @property
    def ram_bytes(self) -> int:
        """Memory of its own, without what is mapped."""


class LibraryGraph(ABC):
    """A `Graph` whose library has one row of all that are equal; their copies are added to what it finds."""

    kind: CodeKind

    def __init__(self, copies: Copies, n_rows: int) -> None:
        self._gate = PhaseFairGate()
        self._copies = copies
        self.n_rows = n_rows
        self.calibrated = Calibrated()
        self.unlinked = Unlinked()

    @property
    def count(self) -> int:
        return self._copies.count

    @property
    def takes_turns(self) -> bool:
        return False

    def search(self, query: NDArray[np.float32], width: int) -> NDArray[np.uint32]:
        return self._checked(self._nearest(query[None], width, 1)[0], width)

    def search_many(self, queries: NDArray[np.float32], width: int, threads: int = N_CORES) -> list[NDArray[np.uint32]]:
        return [self._checked(found, width) for found in self._nearest(queries, width, threads)]

    def add(self, rows: NDArray[np.uint32], vectors: NDArray[np.float32], n_rows: int) -> None:
        codes = self._encode(vectors)
        is_first = self._copies.take_in(rows, codes)
        self._insert(rows[is_first], codes[is_first])
        self.n_rows = n_rows

    def find_unlinked(self, vectors_of: VectorsOf) -> None:
        links = self._links(self._saved()[1])
        if links is not None:
            self.unlinked = Unlinked.of(links, lambda rows: self.search_many(vectors_of(rows), _WIDTH_FOR_ONE))

    def beside(self, found: NDArray[np.uint32]) -> NDArray[np.uint32]:
        return self.unlinked.beside(found)

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        meta, arrays = self._saved()
        common = {"n_rows": self.n_rows, "calibrated": list(self.calibrated)}
        return meta | common, arrays | self._copies.arrays() | self.unlinked.arrays()

    @property
    def ram_bytes(self) -> int:
        return self._ram_bytes() + sum(array.nbytes for array in self._copies.arrays().values())

    def _checked(self, found: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
        is_torn = len(found) < min(width, self._copies.n_firsts)
        return found[:0] if is_torn else self._copies.with_copies(found)

    @abstractmethod
    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        """`(n, d) float32` as the library gets them."""

    @abstractmethod
    def _nearest(self, queries: NDArray[np.float32], width: int, threads: int) -> Sequence[NDArray[np.uint32]]:
        """The nearest rows the library has, for each of `(q, d)` queries; fewer where it reaches no more."""

    @abstractmethod
    def _insert(self, rows: NDArray[np.uint32], codes: NDArray[Any]) -> None:
        """Give the library more rows, a few at a time while it is searched."""

    @staticmethod
    @abstractmethod
    def _links(saved: dict[str, NDArray[Any]]) -> Links | None:
        """The links of the lowest layer in what `_saved` gives, None where the library's form is not known here."""

    @abstractmethod
    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps of the library's own."""

    @abstractmethod
    def _ram_bytes(self) -> int:
        """Memory of the library's own, without what is mapped."""


class GraphSettings(NamedTuple):
    """How a graph is built.

    Args:
        m, ef_construct: links per row and width of the search while building, as in Qdrant's `hnsw_config`.
        quantized: what is kept of the vectors.
        quantile: share of the numbers int8 has to fit.
    """

    m: int
    ef_construct: int
    quantized: Quantized = ""
    quantile: float = 1.0
