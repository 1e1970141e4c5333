"""What contestants are asked, in nobody's dialect: schemas, columns of points, conditions, searches.

Scenarios speak only this vocabulary; each adapter translates it. A new kind of request is a dataclass here and a
branch in the adapters that can answer it; the others raise `Unsupported` and are reported as absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Payload: TypeAlias = dict[str, Any]
IndexKind: TypeAlias = Literal["keyword", "integer", "float", "geo", "text"]
DEFAULT_EF = 100
"""Of a search that names none: Qdrant's, given also to those whose own default is another."""


class Unsupported(Exception):
    """The contestant has no such feature, or it would take unbearably long here."""


class WrongForm(Unsupported):
    """The contestant takes points in the other form only: as objects, or as columns."""


@dataclass(frozen=True)
class SparseRow:
    """One sparse vector: ascending `indices (m,) uint32`, `values (m,) float32`."""

    indices: NDArray[np.uint32]
    values: Floats


@dataclass(frozen=True)
class SparseRows:
    """Sparse vectors as compressed rows: vector `i` is `indices[starts[i]:starts[i + 1]]`."""

    starts: NDArray[np.int64]
    indices: NDArray[np.uint32]
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, at: int) -> SparseRow:
        part = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return SparseRow(self.indices[part], self.values[part])


@dataclass(frozen=True)
class Columns:
    """Points; the id of a point is its position. Dense vectors are `(n, d)`, of a `multi` field `(n, m, d)`."""

    dense: Mapping[str, Floats] = field(default_factory=dict)
    sparse: Mapping[str, SparseRows] = field(default_factory=dict)
    payloads: Sequence[Payload] = ()

    def __len__(self) -> int:
        return len(self.payloads)


@dataclass(frozen=True)
class DenseField:
    """A cosine field. `graph`: "auto" leaves it to the contestant, "always" means HNSW at any size, "never" none.

    With `multi` a point has several vectors of the size, compared by MaxSim.
    """

    size: int
    graph: Literal["auto", "always", "never"] = "auto"
    multi: bool = False


@dataclass(frozen=True)
class Schema:
    """Fields by name; the unnamed vector is ""."""

    dense: Mapping[str, DenseField] = field(default_factory=dict)
    sparse_idf: Mapping[str, bool] = field(default_factory=dict)
    """Sparse fields, and whether scores are weighted by idf."""
    indexed: Mapping[str, IndexKind] = field(default_factory=dict)
    """Payload indexes."""
    m: int = 16
    ef_construct: int = 100


@dataclass(frozen=True)
class Match:
    """The value at `key` equals `value`."""

    key: str
    value: str | int


@dataclass(frozen=True)
class Range:
    """`gte <= value < lt`."""

    key: str
    gte: float
    lt: float


@dataclass(frozen=True)
class GeoRadius:
    """Within `metres` of a place."""

    key: str
    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True)
class TextMatch:
    """The text at `key` contains the word."""

    key: str
    word: str


@dataclass(frozen=True)
class Nested:
    """Some object in the array at `key` satisfies all of `conditions`."""

    key: str
    conditions: tuple[Match | Range, ...]


Condition: TypeAlias = Match | Range | GeoRadius | TextMatch | Nested


@dataclass(frozen=True)
class Search:
    """Nearest points, with payload. All of `conditions` must hold; `prefetch` limits the points this query rescores.

    The vector of a search of a `multi` field is `(q, d)`.
    """

    vector: Floats | SparseRow
    using: str = ""
    limit: int = 10
    ef: int | None = None
    exact: bool = False
    conditions: tuple[Condition, ...] = ()
    prefetch: Search | None = None


@dataclass(frozen=True)
class Facet:
    """The most frequent values at `key`, exactly counted."""

    key: str
    limit: int = 10


@dataclass(frozen=True)
class OrderedScroll:
    """The first points by the number at `key`, with payload."""

    key: str
    limit: int = 10


@dataclass(frozen=True)
class GroupedSearch:
    """Nearest points, the best `group_size` of each of the best `limit` values at `key`."""

    vector: Floats
    key: str
    limit: int = 10
    group_size: int = 3


@dataclass(frozen=True)
class Fused:
    """Searches of several fields in one list, by reciprocal rank fusion: the sum of `1 / (2 + rank)`, ranks from 0."""

    searches: tuple[Search, ...]
    limit: int = 10


@dataclass(frozen=True)
class Batch:
    """Searches sent in one call, of one field, limit and `ef`; their hits come back one after another."""

    searches: tuple[Search, ...]


Request: TypeAlias = Search | Facet | OrderedScroll | GroupedSearch | Fused | Batch
Answer: TypeAlias = list[tuple[Any, Any]]
"""Pairs of id and payload (of value and count for a facet)."""
