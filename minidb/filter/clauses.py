"""What a compiled filter consists of: a tree of And, Or, Not, AtLeast over leaves, each leaf one clause.

A clause is a frozen, hashable description of one question to a payload (or to a point's id or vectors), free of
Qdrant's model classes: a payload index reads it to find the rows, `checks` turns it into a function for one payload.
"Element" below means: what the path selects, a selected array replaced by its elements (one level). Nothing here
computes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from minidb.filter.geo import LonLat, Ring
from minidb.filter.json_path import JsonPath, Payload


class FilterPoint(Protocol):
    """What a filter may ask of a point."""

    @property
    def id(self) -> int | str: ...
    @property
    def payload(self) -> Payload | None: ...
    @property
    def vectors(self) -> Collection[str]:
        """Names of the vectors the point has; the default vector is `""`."""
        ...


Check: TypeAlias = Callable[[Payload, FilterPoint | None], bool]
"""A scalar test. Clauses with a path ignore the point; HasId, HasVector, InSlice are False for None (inside nested)."""


class _Worded:
    """Prints in the words of the API."""

    __slots__ = ()

    def __str__(self) -> str:
        from minidb.filter.wording import worded  # reads all the classes below

        return worded(self)  # type: ignore[arg-type]  # only clauses are worded


@dataclass(frozen=True, slots=True)
class ValueIn(_Worded):
    """Some element equals one of these, types kept apart: 1, 1.0, True and "1" are four different values."""

    path: JsonPath
    keywords: frozenset[str] = frozenset()
    ints: frozenset[int] = frozenset()
    bools: frozenset[bool] = frozenset()


@dataclass(frozen=True, slots=True)
class ValueNotIn(_Worded):
    """Some element is not null and none of these."""

    path: JsonPath
    keywords: frozenset[str] = frozenset()
    ints: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class TextMatch(_Worded):
    """Some string element holds all words of `text`, any of them, or all of them in sequence.

    The text is kept as written, because a text index cuts it with its own tokenizer.
    """

    path: JsonPath
    text: str
    mode: Literal["all", "any", "phrase"]


@dataclass(frozen=True, slots=True)
class StartsWith(_Worded):
    """Some string element starts with `prefix`."""

    path: JsonPath
    prefix: str


@dataclass(frozen=True, slots=True)
class Contains(_Worded):
    """Some string element contains `substring`."""

    path: JsonPath
    substring: str


@dataclass(frozen=True, slots=True)
class NumericRange(_Worded):
    """Some element is a number (no bool), as float64 within all bounds given.

    `is_exact`: integers as they are. A bound is an integer of 2^53 or more then, whose float64 others may have, too.
    """

    path: JsonPath
    lt: float | None = None
    gt: float | None = None
    lte: float | None = None
    gte: float | None = None
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class DatetimeRange(_Worded):
    """Some element is a string spelling a date (`datetimes.parse_micros`) within all bounds, in microseconds UTC."""

    path: JsonPath
    lt: int | None = None
    gt: int | None = None
    lte: int | None = None
    gte: int | None = None


@dataclass(frozen=True, slots=True)
class GeoBox(_Worded):
    """Some element is a geo point in the box (`geo.in_box`)."""

    path: JsonPath
    top_left: LonLat
    bottom_right: LonLat


@dataclass(frozen=True, slots=True)
class GeoCircle(_Worded):
    """Some element is a geo point less than `radius_m` metres from the centre."""

    path: JsonPath
    center: LonLat
    radius_m: float


@dataclass(frozen=True, slots=True)
class GeoPolygon(_Worded):
    """Some element is a geo point inside `exterior` and outside all `interiors`; rings are closed."""

    path: JsonPath
    exterior: Ring
    interiors: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class ValuesCount(_Worded):
    """The length of some selected value (null or nothing selected: 0, no array: 1) is within all bounds."""

    path: JsonPath
    lt: int | None = None
    gt: int | None = None
    lte: int | None = None
    gte: int | None = None


@dataclass(frozen=True, slots=True)
class IsEmpty(_Worded):
    """Nothing is selected, or all selected values are null or `[]`."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class IsNull(_Worded):
    """Some selected value is null or an array containing null."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class SomeEmpty(_Worded):
    """Nothing is selected, or some selected value is null or `[]`: field form `is_empty: true` of a path with `[]`."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class SomeNotEmpty(_Worded):
    """Some selected value is neither null nor `[]`: the field form `is_empty: false` of a path with `[]`."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class SomeNotNull(_Worded):
    """Nothing is selected, or some selected value holds no null: field form `is_null: false` of a path with `[]`."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class Nested(_Worded):
    """Some array element at `path` (which ends in `[]`) is an object that satisfies `filter` on its own."""

    path: JsonPath
    filter: Node


@dataclass(frozen=True, slots=True)
class HasId(_Worded):
    """The point's id is one of these; UUIDs in canonical spelling."""

    ids: frozenset[int | str]


@dataclass(frozen=True, slots=True)
class HasVector(_Worded):
    """The point has a vector of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class InSlice(_Worded):
    """`siphash.slice_hash(id) % total == index`."""

    total: int
    index: int


PathClause: TypeAlias = (
    ValueIn
    | ValueNotIn
    | TextMatch
    | StartsWith
    | Contains
    | NumericRange
    | DatetimeRange
    | GeoBox
    | GeoCircle
    | GeoPolygon
    | ValuesCount
    | IsEmpty
    | IsNull
    | SomeEmpty
    | SomeNotEmpty
    | SomeNotNull
    | Nested
)
"""Clauses about the payload; all have a `path`."""

PointClause: TypeAlias = HasId | HasVector | InSlice
Clause: TypeAlias = PathClause | PointClause


@dataclass(frozen=True, slots=True)
class Leaf:
    """One clause, and how to make its scalar test; leaves of equal clauses are equal."""

    clause: Clause
    make_check: Callable[[Clause], Check] = field(compare=False, repr=False)

    @property
    def check(self) -> Check:
        """The clause as a function of one payload: made anew, since most filters are answered by indexes."""
        return self.make_check(self.clause)


@dataclass(frozen=True, slots=True)
class And:
    """All children hold; without children true."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some child holds; without children false."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not hold."""

    child: Node


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of the children hold; a condition listed twice counts twice."""

    children: tuple[Node, ...]
    count: int


Node: TypeAlias = Leaf | And | Or | Not | AtLeast
