"""The scalar meaning of every clause: `check_of` turns a clause into a fast function for one payload.

Follows `payload_storage/condition_checker.rs` and `query_checker.rs` of Qdrant for fields without an index, the
reference for every index as well. Called by `conditions` only; knows nothing of Qdrant's model classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from minidb.filter import geo
from minidb.filter.clauses import (
    And,
    AtLeast,
    Check,
    Clause,
    Contains,
    DatetimeRange,
    FilterPoint,
    GeoBox,
    GeoCircle,
    GeoPolygon,
    HasId,
    HasVector,
    InSlice,
    IsEmpty,
    IsNull,
    Leaf,
    Nested,
    Node,
    Not,
    NumericRange,
    PathClause,
    SomeEmpty,
    SomeNotEmpty,
    SomeNotNull,
    StartsWith,
    TextMatch,
    ValueIn,
    ValueNotIn,
    ValuesCount,
)
from minidb.filter.json_path import JsonPath, Payload
from minidb.filter.siphash import slice_hash
from minidb.filter.text import contains_phrase, words
from minidb.models.moments import parse_micros

_Test: TypeAlias = Callable[[Any], bool]


def check_of(clause: Clause) -> Check:
    """The scalar test of one clause."""
    if isinstance(clause, HasId | HasVector | InSlice):
        return _POINT_CHECKS[type(clause)](clause)
    if isinstance(clause, ValueIn):
        return _value_in(clause)
    if isinstance(clause, Nested):
        return _nested(clause)
    if isinstance(clause, IsEmpty):
        return _is_empty(clause)
    if type(clause) in _VALUE_TESTS:
        make_test, when_missing = _VALUE_TESTS[type(clause)]
        return _some_value(clause.path, make_test(clause), when_missing(clause))
    return _some_element(clause.path, _ELEMENT_TESTS[type(clause)](clause))


def check_of_tree(node: Node) -> Check:
    """The scalar test of a whole tree."""
    if isinstance(node, Leaf):
        return node.check
    if isinstance(node, Not):
        inner = check_of_tree(node.child)
        return lambda payload, point: not inner(payload, point)
    checks = tuple(map(check_of_tree, node.children))
    if isinstance(node, AtLeast):
        return _at_least(checks, node.count)
    if len(checks) == 1:
        return checks[0]
    if isinstance(node, And):
        return _all(checks)
    return _any(checks)


def _all(checks: tuple[Check, ...]) -> Check:
    if len(checks) == 2:
        first, second = checks
        return lambda payload, point: first(payload, point) and second(payload, point)

    def check(payload: Payload, point: FilterPoint | None) -> bool:
        for inner in checks:  # noqa: SIM110, `all()` over a generator takes twice as long
            if not inner(payload, point):
                return False
        return True

    return check


def _any(checks: tuple[Check, ...]) -> Check:
    def check(payload: Payload, point: FilterPoint | None) -> bool:
        for inner in checks:  # noqa: SIM110
            if inner(payload, point):
                return True
        return False

    return check


def _at_least(checks: tuple[Check, ...], count: int) -> Check:
    return lambda payload, point: sum(inner(payload, point) for inner in checks) >= count


# --- how a test meets the values a path selects ---------------------------------------------------------------------


def _some_element(path: JsonPath, test: _Test) -> Check:
    """True when `test` holds for some element; `test` must be False for null, which also stands for a missing key."""
    if path.rest:
        elements = path.elements
        return lambda payload, point: any(map(test, elements(payload)))
    key = path.first

    def check(payload: Payload, point: FilterPoint | None) -> bool:
        value = payload.get(key)
        return any(map(test, value)) if isinstance(value, list) else test(value)

    return check


def _some_value(path: JsonPath, test: _Test, when_missing: bool) -> Check:
    """True when `test` holds for some selected value, arrays whole; `when_missing` when nothing is selected."""
    select = path.values

    def check(payload: Payload, point: FilterPoint | None) -> bool:
        values = select(payload)
        return any(map(test, values)) if values else when_missing

    return check


# --- match ----------------------------------------------------------------------------------------------------------


def _value_in(clause: ValueIn) -> Check:
    path = clause.path
    if not path.rest and len(clause.keywords) == 1 and not clause.ints and not clause.bools:
        key, (keyword,) = path.first, clause.keywords

        def check(payload: Payload, point: FilterPoint | None) -> bool:
            value = payload.get(key)
            return value == keyword or (isinstance(value, list) and keyword in value)

        return check
    return _some_element(path, _among(clause.keywords, clause.ints, clause.bools))


def _among(keywords: frozenset[str], ints: frozenset[int], bools: frozenset[bool]) -> _Test:
    def test(value: Any) -> bool:
        kind = type(value)  # exact, as 1 == 1.0 == True
        if kind is str:
            return value in keywords
        if kind is int:
            return value in ints
        return kind is bool and value in bools

    return test


def _not_in(clause: ValueNotIn) -> _Test:
    excluded = _among(clause.keywords, clause.ints, frozenset())
    return lambda value: value is not None and not excluded(value)


def _text(clause: TextMatch) -> _Test:
    query = tuple(words(clause.text))
    if clause.mode == "phrase":
        return lambda value: isinstance(value, str) and contains_phrase(words(value), query)
    wanted = frozenset(query)
    if clause.mode == "any":
        return lambda value: isinstance(value, str) and not wanted.isdisjoint(words(value))
    return lambda value: isinstance(value, str) and bool(wanted) and wanted.issubset(words(value))


def _starts_with(clause: StartsWith) -> _Test:
    prefix = clause.prefix
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _contains(clause: Contains) -> _Test:
    substring = clause.substring
    return lambda value: isinstance(value, str) and substring in value


# --- ranges and geo -------------------------------------------------------------------------------------------------


def _number_in(clause: NumericRange) -> _Test:
    within, is_exact = _within(clause), clause.is_exact

    def test(value: Any) -> bool:
        if type(value) is int:
            return within(value if is_exact else _as_float64(value))
        return type(value) is float and within(value)

    return test


def _as_float64(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _date_in(clause: DatetimeRange) -> _Test:
    within = _within(clause)

    def test(value: Any) -> bool:
        moment = parse_micros(value) if isinstance(value, str) else None
        return moment is not None and within(moment)

    return test


def _within(bounds: NumericRange | DatetimeRange | ValuesCount) -> Callable[[float], bool]:
    lt, gt, lte, gte = bounds.lt, bounds.gt, bounds.lte, bounds.gte

    def within(number: float) -> bool:
        return (
            (lt is None or number < lt)
            and (gt is None or number > gt)
            and (lte is None or number <= lte)
            and (gte is None or number >= gte)
        )

    return within


def _geo(clause: GeoBox | GeoCircle | GeoPolygon) -> _Test:
    holds = _area(clause)

    def test(value: Any) -> bool:
        point = geo.as_point(value)
        return point is not None and holds(point)

    return test


def _area(clause: GeoBox | GeoCircle | GeoPolygon) -> Callable[[geo.LonLat], bool]:
    if isinstance(clause, GeoBox):
        top_left, bottom_right = clause.top_left, clause.bottom_right
        return lambda point: geo.in_box(point, top_left, bottom_right)
    if isinstance(clause, GeoCircle):
        center, radius_m = clause.center, clause.radius_m
        return lambda point: geo.haversine_m(center, point) < radius_m
    exterior, interiors = clause.exterior, clause.interiors
    return lambda point: geo.in_polygon(point, exterior, interiors)


# --- counts, emptiness, nested --------------------------------------------------------------------------------------


def _count_in(clause: ValuesCount) -> _Test:
    within = _within(clause)
    return lambda value: within(_count(value))


def _count(value: Any) -> int:
    if value is None:
        return 0
    return len(value) if isinstance(value, list) else 1


def _empty(value: Any) -> bool:
    return value is None or value == []


def _holds_null(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def _is_empty(clause: IsEmpty) -> Check:
    select = clause.path.values
    return lambda payload, point: all(map(_empty, select(payload)))


def _nested(clause: Nested) -> Check:
    select = clause.path.values
    inner = check_of_tree(clause.filter)

    def check(payload: Payload, point: FilterPoint | None) -> bool:
        # None: ids and vectors belong to the point, so conditions on them fail inside
        return any(inner(element, None) for element in select(payload) if isinstance(element, dict))

    return check


# --- the point itself -----------------------------------------------------------------------------------------------


def _has_id(clause: HasId) -> Check:
    ids = clause.ids
    return lambda payload, point: point is not None and point.id in ids


def _has_vector(clause: HasVector) -> Check:
    name = clause.name
    return lambda payload, point: point is not None and name in point.vectors


def _in_slice(clause: InSlice) -> Check:
    total, index = clause.total, clause.index
    return lambda payload, point: point is not None and slice_hash(point.id) % total == index


_POINT_CHECKS: dict[type, Callable[[Any], Check]] = {HasId: _has_id, HasVector: _has_vector, InSlice: _in_slice}

_ELEMENT_TESTS: dict[type[PathClause], Callable[[Any], _Test]] = {
    ValueNotIn: _not_in,
    TextMatch: _text,
    StartsWith: _starts_with,
    Contains: _contains,
    NumericRange: _number_in,
    DatetimeRange: _date_in,
    GeoBox: _geo,
    GeoCircle: _geo,
    GeoPolygon: _geo,
}

_VALUE_TESTS: dict[type[PathClause], tuple[Callable[[Any], _Test], Callable[[Any], bool]]] = {
    ValuesCount: (_count_in, lambda clause: _within(clause)(0)),
    IsNull: (lambda clause: _holds_null, lambda clause: False),
    SomeEmpty: (lambda clause: _empty, lambda clause: True),
    SomeNotEmpty: (lambda clause: lambda value: not _empty(value), lambda clause: False),
    SomeNotNull: (lambda clause: lambda value: not _holds_null(value), lambda clause: True),
}
"""Per clause: its test of one selected value, and its answer when nothing is selected."""
