"""Clauses in the words of the API, for people who read a plan: `count range {"lt": 300}`.

Called when a clause is printed; a clause's `repr` still says what it is made of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from minidb.filter import clauses
from minidb.filter.clauses import And, AtLeast, Clause, Leaf, Node, Not, Or
from minidb.filter.geo import LonLat, Ring

_SHOWN = 5  # values of a long list
_EPOCH: Final = datetime(1970, 1, 1)
_BOUNDS = ("gt", "gte", "lt", "lte")
_MATCHES = {"all": "text", "any": "text_any", "phrase": "phrase"}


def worded(clause: Clause) -> str:
    """One clause: its key, the name of its condition, what it asks for."""
    words = _WORDS[type(clause)](clause)
    return f"{clause.path} {words}" if hasattr(clause, "path") else words


def worded_tree(node: Node) -> str:
    """A filter: its clauses within `must`, `should`, `must_not`, `min_should`."""
    match node:
        case Leaf(clause):
            return worded(clause)
        case Not(child):
            return f"must_not [{worded_tree(child)}]"
        case And(children):
            return f"must [{', '.join(map(worded_tree, children))}]"
        case Or(children):
            return f"should [{', '.join(map(worded_tree, children))}]"
        case AtLeast(children, count):
            return f"min_should {count} of [{', '.join(map(worded_tree, children))}]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _some(values: Iterable[Any]) -> str:
    """A list in order, cut short."""
    ordered = sorted(values, key=lambda value: (isinstance(value, str), value))
    more = f", … {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return f"[{', '.join(map(_json, ordered[:_SHOWN]))}{more}]"


def _value_in(clause: clauses.ValueIn) -> str:
    values = [*clause.keywords, *clause.ints, *clause.bools]
    return f'match {{"value": {_json(values[0])}}}' if len(values) == 1 else f'match {{"any": {_some(values)}}}'


def _bounds(name: str, spell: Callable[[Any], Any] = lambda value: value) -> Callable[[Any], str]:
    def words(clause: Any) -> str:
        given = {bound: getattr(clause, bound) for bound in _BOUNDS if getattr(clause, bound) is not None}
        return f"{name} {_json({bound: spell(value) for bound, value in given.items()})}"

    return words


def _moment(micros: int) -> str | int:
    try:
        return f"{(_EPOCH + timedelta(microseconds=micros)).isoformat()}Z"
    except OverflowError:  # Qdrant's years reach further than Python's
        return micros


def _place(place: LonLat) -> dict[str, float]:
    return {"lon": place[0], "lat": place[1]}


def _box(clause: clauses.GeoBox) -> str:
    return (
        f"geo_bounding_box {_json({'top_left': _place(clause.top_left), 'bottom_right': _place(clause.bottom_right)})}"
    )


def _polygon(clause: clauses.GeoPolygon) -> str:
    def ring(ring: Ring) -> str:
        return f"{len(ring)} points"

    holes = f", {len(clause.interiors)} interiors" if clause.interiors else ""
    return f"geo_polygon {{exterior of {ring(clause.exterior)}{holes}}}"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    clauses.ValueIn: _value_in,
    clauses.ValueNotIn: lambda clause: f'match {{"except": {_some([*clause.keywords, *clause.ints])}}}',
    clauses.TextMatch: lambda clause: f"match {_json({_MATCHES[clause.mode]: clause.text})}",
    clauses.StartsWith: lambda clause: f"match {_json({'prefix': clause.prefix})}",
    clauses.Contains: lambda clause: f"match {_json({'substring': clause.substring})}",
    clauses.NumericRange: _bounds("range"),
    clauses.DatetimeRange: _bounds("range", _moment),
    clauses.GeoBox: _box,
    clauses.GeoCircle: lambda clause: (
        f"geo_radius {_json({'center': _place(clause.center), 'radius': clause.radius_m})}"
    ),
    clauses.GeoPolygon: _polygon,
    clauses.ValuesCount: _bounds("values_count"),
    clauses.IsEmpty: lambda clause: "is_empty",
    clauses.IsNull: lambda clause: "is_null",
    clauses.SomeEmpty: lambda clause: "is_empty true",
    clauses.SomeNotEmpty: lambda clause: "is_empty false",
    clauses.SomeNotNull: lambda clause: "is_null false",
    clauses.Nested: lambda clause: f"nested {worded_tree(clause.filter)}",
    clauses.HasId: lambda clause: f"has_id {_some(clause.ids)}",
    clauses.HasVector: lambda clause: f"has_vector {_json(clause.name)}",
    clauses.InSlice: lambda clause: f"slice {_json({'total': clause.total, 'index': clause.index})}",
}
