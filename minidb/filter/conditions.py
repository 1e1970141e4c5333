"""Qdrant's filter models → a compiled `Predicate`: the door of this room.

`compile` takes validated `minidb.models` filters, parses their paths (the one thing the models do not check) and
translates every condition into clauses. Called by the query planner, writes by filter, and formulas; knows nothing of
collections or indexes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from minidb import models
from minidb.errors import FormatError
from minidb.filter import clauses
from minidb.filter.checks import check_of, check_of_tree
from minidb.filter.clauses import And, AtLeast, Check, Clause, FilterPoint, Leaf, Node, Not, Or
from minidb.filter.geo import LonLat, Ring
from minidb.filter.json_path import JsonPath, Payload
from minidb.models.base import as_list
from minidb.models.moments import to_micros

_NO_PAYLOAD: Final[Payload] = {}


class Predicate:
    """A compiled filter. `root` is the tree for planners and evaluators; equal filters have equal roots."""

    def __init__(self, root: Node) -> None:
        self.root = root

    @cached_property
    def _check(self) -> Check:
        return check_of_tree(self.root)

    def check(self, point: FilterPoint) -> bool:
        """Whether the point satisfies the filter."""
        return self._check(point.payload or _NO_PAYLOAD, point)

    def check_payload(self, payload: Payload | None) -> bool:
        """Whether a payload alone satisfies the filter; conditions on ids and vectors do not hold."""
        return self._check(payload or _NO_PAYLOAD, None)

    def __repr__(self) -> str:
        return f"Predicate({self.root!r})"


def compile(filter: models.Filter | None) -> Predicate:
    """The predicate of a filter; None and an empty filter accept everything.

    Raises FormatError (400) for a path that Qdrant's grammar does not accept or a date it cannot read.
    """
    return Predicate(And(()) if filter is None else _filter(filter))


def compile_condition(condition: models.Condition) -> Predicate:
    """The predicate of a single condition, as formulas use them."""
    return Predicate(_condition(condition))


def _filter(filter: models.Filter) -> Node:
    children: list[Node] = []
    must: list[models.Condition] = as_list(filter.must)
    for condition in must:
        node = _condition(condition)
        children.extend(node.children if isinstance(node, And) else (node,))
    if filter.should is not None:
        some: list[models.Condition] = as_list(filter.should)
        should = tuple(map(_condition, some))
        if should:
            children.append(should[0] if len(should) == 1 else Or(should))
    if filter.min_should is not None:
        children.append(AtLeast(tuple(map(_condition, filter.min_should.conditions)), filter.min_should.min_count))
    if filter.must_not is not None:
        none: list[models.Condition] = as_list(filter.must_not)
        children.extend(Not(_condition(condition)) for condition in none)
    return children[0] if len(children) == 1 else And(tuple(children))


def _condition(condition: models.Condition) -> Node:
    make: Callable[[Any], Node] = _for_class_of(condition, _CONDITIONS)
    return make(condition)


def _for_class_of(model: object, table: dict[type, Callable[..., Any]]) -> Callable[..., Any]:
    known = table.get(type(model))
    if known is not None:
        return known
    for kind in type(model).__mro__:  # a user's own subclass
        if kind in table:
            return table[kind]
    names = ", ".join(kind.__name__ for kind in table)
    raise FormatError(f"Expected some form of condition: one of {names}, got {model!r}")


def _leaf(clause: Clause) -> Leaf:
    return Leaf(clause, check_of)


# --- conditions on a field ------------------------------------------------------------------------------------------


def _field(condition: models.FieldCondition) -> Node:
    path = JsonPath.parse(condition.key)
    # As Qdrant's checker without indexes: these three win over all others in this order, the others are alternatives.
    if condition.values_count is not None:
        count = condition.values_count
        return _leaf(clauses.ValuesCount(path, count.lt, count.gt, count.lte, count.gte))
    if condition.is_empty is not None:
        return _is_empty(path, condition.is_empty)
    if condition.is_null is not None:
        return _is_null(path, condition.is_null)
    parts = (
        condition.match,
        condition.range,
        condition.geo_bounding_box,
        condition.geo_radius,
        condition.geo_polygon,
    )
    alternatives = tuple(_leaf(_for_class_of(part, _FIELD_CLAUSES)(path, part)) for part in parts if part is not None)
    return alternatives[0] if len(alternatives) == 1 else Or(alternatives)


def _is_empty(path: JsonPath, expected: bool) -> Node:
    if path.selects_many:  # Qdrant then asks for some value, not for all
        return _leaf(clauses.SomeEmpty(path) if expected else clauses.SomeNotEmpty(path))
    leaf = _leaf(clauses.IsEmpty(path))
    return leaf if expected else Not(leaf)


def _is_null(path: JsonPath, expected: bool) -> Node:
    if not expected and path.selects_many:
        return _leaf(clauses.SomeNotNull(path))
    leaf = _leaf(clauses.IsNull(path))
    return leaf if expected else Not(leaf)


def _match_value(path: JsonPath, match: models.MatchValue) -> Clause:
    value = match.value
    if isinstance(value, str):
        return clauses.ValueIn(path, keywords=frozenset((value,)))
    if isinstance(value, bool):
        return clauses.ValueIn(path, bools=frozenset((value,)))
    return clauses.ValueIn(path, ints=frozenset((value,)))


def _match_any(path: JsonPath, match: models.MatchAny) -> Clause:
    return clauses.ValueIn(path, *_keywords_and_ints(match.any))


def _match_except(path: JsonPath, match: models.MatchExcept) -> Clause:
    return clauses.ValueNotIn(path, *_keywords_and_ints(match.except_))


def _keywords_and_ints(variants: list[str] | list[int]) -> tuple[frozenset[str], frozenset[int]]:
    return (
        frozenset(item for item in variants if isinstance(item, str)),
        frozenset(item for item in variants if isinstance(item, int)),
    )


def _range(path: JsonPath, bounds: models.Range) -> Clause:
    limits = (bounds.lt, bounds.gt, bounds.lte, bounds.gte)
    return clauses.NumericRange(path, *limits, is_exact=any(type(limit) is int for limit in limits))


def _datetime_range(path: JsonPath, bounds: models.DatetimeRange) -> Clause:
    limits = (bounds.lt, bounds.gt, bounds.lte, bounds.gte)
    return clauses.DatetimeRange(path, *(None if limit is None else to_micros(limit) for limit in limits))


def _geo_box(path: JsonPath, box: models.GeoBoundingBox) -> Clause:
    return clauses.GeoBox(path, _lon_lat(box.top_left), _lon_lat(box.bottom_right))


def _geo_circle(path: JsonPath, circle: models.GeoRadius) -> Clause:
    return clauses.GeoCircle(path, _lon_lat(circle.center), circle.radius)


def _geo_polygon(path: JsonPath, polygon: models.GeoPolygon) -> Clause:
    return clauses.GeoPolygon(path, _ring(polygon.exterior), tuple(map(_ring, polygon.interiors or ())))


def _lon_lat(point: models.GeoPoint) -> LonLat:
    return point.lon, point.lat


def _ring(line: models.GeoLineString) -> Ring:
    return tuple(map(_lon_lat, line.points))


_FIELD_CLAUSES: Final[dict[type, Callable[..., Any]]] = {
    models.MatchValue: _match_value,
    models.MatchAny: _match_any,
    models.MatchExcept: _match_except,
    models.MatchText: lambda path, match: clauses.TextMatch(path, match.text, "all"),
    models.MatchTextAny: lambda path, match: clauses.TextMatch(path, match.text_any, "any"),
    models.MatchPhrase: lambda path, match: clauses.TextMatch(path, match.phrase, "phrase"),
    models.MatchPrefix: lambda path, match: clauses.StartsWith(path, match.prefix),
    models.MatchSubstring: lambda path, match: clauses.Contains(path, match.substring),
    models.Range: _range,
    models.DatetimeRange: _datetime_range,
    models.GeoBoundingBox: _geo_box,
    models.GeoRadius: _geo_circle,
    models.GeoPolygon: _geo_polygon,
}


# --- the other conditions -------------------------------------------------------------------------------------------


def _has_id(condition: models.HasIdCondition) -> Node:
    return _leaf(clauses.HasId(frozenset(map(models.normalize_id, condition.has_id))))


def _nested(condition: models.NestedCondition) -> Node:
    path = JsonPath.parse(condition.nested.key).with_array_suffix()
    return _leaf(clauses.Nested(path, _filter(condition.nested.filter)))


_CONDITIONS: Final[dict[type, Callable[..., Any]]] = {
    models.FieldCondition: _field,
    models.IsEmptyCondition: lambda condition: _leaf(clauses.IsEmpty(JsonPath.parse(condition.is_empty.key))),
    models.IsNullCondition: lambda condition: _leaf(clauses.IsNull(JsonPath.parse(condition.is_null.key))),
    models.HasIdCondition: _has_id,
    models.HasVectorCondition: lambda condition: _leaf(clauses.HasVector(condition.has_vector)),
    models.SliceCondition: lambda condition: _leaf(clauses.InSlice(condition.slice.total, condition.slice.index)),
    models.NestedCondition: _nested,
    models.Filter: _filter,
}
