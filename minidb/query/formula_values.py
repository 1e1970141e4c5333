"""What formulas read of their candidates: prefetch scores, payload values as columns, which conditions hold.

Payloads are unpacked once, in one pass for everything the formula names; from then on values are arrays. Whether a
value is missing or of the wrong type is an error only for the rows somebody asks about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minidb.collection.declared import MATCH_TYPES, schema_type
from minidb.collection.reads import PointReader
from minidb.errors import BadInput
from minidb.filter.conditions import Predicate
from minidb.filter.geo import as_point
from minidb.filter.json_path import JsonPath
from minidb.models.moments import parse_micros
from minidb.models.vectors import canonical_uuid
from minidb.query.hits import Hits, Rows

Positions = NDArray[np.int64]
"""Which of the candidates are asked for."""
Values = NDArray[np.float64]

_MISSING: Final = object()
_FEW_ROWS: Final = 1000
"""Up to here conditions are checked on the payloads at hand; above, the collection's indexes answer them."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What stands in for missing scores (by number of the prefetch) and payload values."""

    scores: dict[int, float] = field(default_factory=dict)
    payload: dict[JsonPath, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Point:
    """A point whose payload is unpacked already."""

    id: int | str
    payload: dict[str, Any]
    vectors: Collection[str]


@dataclass(slots=True)
class _Column:
    """Parsed values of one path; `problems` says of each unusable one why."""

    arrays: tuple[Values, ...]
    is_usable: NDArray[np.bool_]
    problems: dict[int, str]
    path: JsonPath
    expected: str

    def at(self, positions: Positions) -> tuple[Values, ...]:
        bad = np.flatnonzero(~self.is_usable[positions])
        if len(bad):
            raise BadInput(
                f"Expected {self.expected} value for {self.path} in the payload and/or in the formula defaults. "
                f"Error: {self.problems[int(positions[bad[0]])]}"
            )
        return tuple(array[positions] for array in self.arrays)


class Candidates:
    """The points a formula scores: ascending rows, each in at least one of the prefetches' lists."""

    def __init__(
        self,
        reader: PointReader,
        rows: Rows,
        lists: Sequence[Hits],
        paths: Sequence[JsonPath],
        conditions: Sequence[Predicate],
        defaults: Defaults,
    ) -> None:
        self._reader = reader
        self._rows = rows
        self._lists = lists
        self._paths = paths
        self._conditions = conditions
        self._defaults = defaults
        self._scores: dict[int, Values] = {}
        self._values: dict[JsonPath, list[Any]] | None = None
        self._held: list[Values] = []
        self._columns: dict[tuple[str, JsonPath], _Column] = {}

    def score(self, prefetch: int, at: Positions) -> Values:
        """Scores of the i-th prefetch; its default, or 0, for points it did not find."""
        scores = self._scores.get(prefetch)
        if scores is None:
            scores = np.full(len(self._rows), self._defaults.scores.get(prefetch, 0.0))
            if prefetch < len(self._lists):
                hits = self._lists[prefetch]
                scores[np.searchsorted(self._rows, hits.rows)] = hits.scores
            self._scores[prefetch] = scores
        return scores[at]

    def holds(self, condition: int, at: Positions) -> Values:
        """1 where the condition holds, else 0."""
        self._read()
        return self._held[condition][at]

    def number(self, path: JsonPath, at: Positions) -> Values:
        return self._column(path, "number", 1, _number).at(at)[0]

    def seconds(self, path: JsonPath, at: Positions) -> Values:
        """Points in time as seconds since 1970."""
        return self._column(path, "datetime", 1, _seconds).at(at)[0]

    def place(self, path: JsonPath, at: Positions) -> tuple[Values, Values]:
        """Longitudes and latitudes."""
        lons, lats = self._column(path, "geo point", 2, _lon_lat).at(at)
        return lons, lats

    def _column(self, path: JsonPath, expected: str, width: int, parse: Callable[[Any], tuple[float, ...]]) -> _Column:
        column = self._columns.get((expected, path))
        if column is not None:
            return column
        default = self._defaults.payload.get(path, _MISSING)
        parsed: list[tuple[float, ...]] = []
        problems: dict[int, str] = {}
        for value in self._read()[path]:
            found = default if value is _MISSING else value
            try:
                if found is _MISSING:
                    raise _Unusable("No value found in a payload nor defaults")
                parsed.append(parse(found))
            except _Unusable as error:
                problems[len(parsed)] = str(error)
                parsed.append((math.nan,) * width)
        is_usable = np.ones(len(parsed), bool)
        is_usable[list(problems)] = False
        arrays = np.array(parsed, np.float64).reshape(-1, width).T
        column = self._columns[expected, path] = _Column(tuple(arrays), is_usable, problems, path, expected)
        return column

    def _read(self) -> dict[JsonPath, list[Any]]:
        """The one pass over the candidates' payloads."""
        if self._values is not None:
            return self._values
        values: dict[JsonPath, list[Any]] = {path: [] for path in self._paths}
        schemas = self._reader.collection.config.payload_schema
        retrievers = {path: retriever(path, schemas.get(str(path))) for path in values}
        changes_matches = any(schema_type(schema) in ("text", "uuid") for schema in schemas.values())
        few = len(self._rows) <= _FEW_ROWS and not changes_matches
        held: list[list[bool]] = [[] for _ in self._conditions]
        if values or few:
            keys = None if few and held else {path.first for path in values}
            for point in self._reader.points(self._rows, keys):
                payload = point.payload
                for path, column in values.items():
                    found = retrievers[path](payload)
                    column.append(found[0] if len(found) == 1 else found or _MISSING)
                if few and held:
                    unpacked = _Point(point.id, payload, point.vectors)
                    for predicate, answers in zip(self._conditions, held, strict=True):
                        answers.append(predicate.check(unpacked))
        if few:
            self._held = [np.array(answers, np.float64) for answers in held]
        else:
            self._held = [self._among_all(predicate) for predicate in self._conditions]
        self._values = values
        return values

    def _among_all(self, predicate: Predicate) -> Values:
        mask = np.zeros(self._reader.n_rows)
        mask[self._reader.matching_node(predicate.root)] = 1.0
        return mask[self._rows]


def retriever(path: JsonPath, schema: Any) -> Callable[[dict[str, Any]], Sequence[Any]]:
    """The values a formula sees at a path: those its index holds, or all where it has none.

    So a value an index does not take is missing, and its default stands in (value_retriever/helpers.rs). An index of
    values to be matched holds each once, so that `[2, 2]` is a number.
    """
    form = None if schema is None else _INDEXED.get(schema_type(schema))
    if form is not None:
        is_of_matches = schema_type(schema) in MATCH_TYPES and getattr(schema, "lookup", None) is not False
        collected = _distinct if is_of_matches else list
        return lambda payload: collected(value for each in path.elements(payload) if (value := form(each)) is not None)
    ends_in_all = bool(path.rest) and path.rest[-1] is None
    return path.values if ends_in_all else path.elements


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _as_integer(value: Any) -> int | None:
    whole = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if whole and -(2**63) <= value < 2**63 else None


def _as_place(value: Any) -> Any:
    place = as_point(value)
    if place is None or not (-180.0 <= place[0] <= 180.0 and -90.0 <= place[1] <= 90.0):
        return None
    return {"lon": place[0], "lat": place[1]}


_INDEXED: dict[str, Callable[[Any], Any]] = {
    "keyword": lambda value: value if isinstance(value, str) else None,
    "integer": _as_integer,
    "float": lambda value: float(value) if is_number(value) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "uuid": lambda value: canonical_uuid(value) if isinstance(value, str) else None,
    "datetime": lambda value: value if isinstance(value, str) and parse_micros(value) is not None else None,
    "geo": _as_place,
}
"""What an index of a type holds of a value, None for nothing; a text index is not asked."""


class _Unusable(Exception):
    """A value that is there and cannot be used; the text is what Qdrant says about it."""


def is_number(value: Any) -> bool:
    """Whether JSON calls it a number."""
    return type(value) in (int, float)


def _number(value: Any) -> tuple[float]:
    if not is_number(value):
        raise _Unusable("Value is not a number")
    return (float(value),)


def _seconds(value: Any) -> tuple[float]:
    if not isinstance(value, str):
        raise _Unusable("Value is not a string")
    micros = parse_micros(value)
    if micros is None:
        raise _Unusable("input contains invalid characters")
    return (micros / 1_000_000.0,)


def _lon_lat(value: Any) -> tuple[float, float]:
    """A geo point as serde reads one: an object, or the two coordinates in an array."""
    if isinstance(value, list):
        if len(value) != 2:
            raise _Unusable(f"invalid length {len(value)}, expected struct GeoPointShadow with 2 elements")
        value = {"lon": value[0], "lat": value[1]}
    if not isinstance(value, dict):
        raise _Unusable(f"invalid type: {_serde_kind(value)}, expected struct GeoPointShadow")
    for name in ("lon", "lat"):
        if name not in value:
            raise _Unusable(f"missing field `{name}`")
        if not is_number(value[name]):
            raise _Unusable(f"invalid type: {_serde_kind(value[name])}, expected f64")
    lon, lat = float(value["lon"]), float(value["lat"])
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise _Unusable(
            f"Wrong format of GeoPoint payload: expected `lat` = {lat:g} within [-90;90] and `lon` = {lon:g} within "
            "[-180;180]"
        )
    return lon, lat


def _serde_kind(value: Any) -> str:
    """How serde names a value of the wrong type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, str):
        return f'string "{value}"'
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    return "sequence" if isinstance(value, list) else "map"
