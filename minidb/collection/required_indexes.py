"""What index a filter or a formula needs, and what a declared index can do: for strict mode's "Index required".

Source: lib/collection, problems/unindexed_field.rs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from minidb import models
from minidb.collection.declared import is_uuid, schema_type, spelled
from minidb.errors import FormatError
from minidb.filter.json_path import JsonPath
from minidb.models.base import as_list

Ability: TypeAlias = str
"""A type of index and what it is to do: "integer match", "keyword prefix", …"""
Needed: TypeAlias = tuple[str, list[Ability]]
"""A path, and abilities of which its index must have one."""

_SHOWN = {"keyword prefix": "keyword (with prefix: true)", "text phrase": "text (with phrase_matching: true)"}
_ALL = [
    "integer match", "integer range", "keyword match", "keyword prefix", "float range", "text words", "text phrase",
    "bool match", "uuid match", "datetime range", "geo",
]  # fmt: skip
_NUMBERS = ["integer match", "integer range", "float range"]


def missing_for_filter(filter: models.Filter | None, schemas: dict[str, Any]) -> Needed | None:
    """The first path of a filter whose index is missing or cannot do what is asked."""
    return None if filter is None else _first_missing(_of_filter(filter, ""), schemas)


def missing_for_formula(formula: Any, schemas: dict[str, Any]) -> Needed | None:
    """The same of a formula's variables and conditions."""
    return _first_missing(_of_expression(formula), schemas)


def has_index(condition: Any, prefix: str, schemas: dict[str, Any]) -> bool:
    """Whether no payload has to be looked at for a condition on fields of `prefix`."""
    return _first_missing(_of_condition(condition, prefix), schemas) is None


def shown(abilities: Sequence[Ability]) -> str:
    """The types of index that would do, as errors list them."""
    return ", ".join(sorted({_SHOWN.get(ability, ability.split()[0]) for ability in abilities}))


def _first_missing(needs: Iterator[Needed], schemas: dict[str, Any]) -> Needed | None:
    for asked, abilities in needs:
        path = spelled(asked)
        schema = schemas.get(path)
        if abilities and (schema is None or not set(abilities) & _abilities(schema)):
            return path, abilities
    return None


def _abilities(schema: Any) -> set[Ability]:
    kind = schema_type(schema)
    match kind:
        case "integer":
            return {f"integer {what}" for what in ("match", "range") if _setting(schema, _FLAGS[what], True)}
        case "keyword":
            return {"keyword match"} | ({"keyword prefix"} if _setting(schema, "prefix", False) else set())
        case "text":
            return {"text words"} | ({"text phrase"} if _setting(schema, "phrase_matching", False) else set())
        case "bool" | "uuid":
            return {f"{kind} match"}
        case "geo":
            return {"geo"}
    return {f"{kind} range"}


_FLAGS = {"match": "lookup", "range": "range"}


def _setting(schema: Any, name: str, default: bool) -> bool:
    """A flag of an index's params; a bare type, and None, stand for the default."""
    value = schema.get(name) if isinstance(schema, dict) else getattr(schema, name, None)
    return default if value is None or callable(value) else bool(value)


def _of_filter(filter: models.Filter, prefix: str) -> Iterator[Needed]:
    groups: list[Any] = [filter.must, filter.must_not, filter.should]  # in Qdrant's order: the first is reported
    groups.append(None if filter.min_should is None else filter.min_should.conditions)
    for group in groups:
        conditions: list[Any] = as_list(group)
        for condition in conditions:
            yield from _of_condition(condition, prefix)


def _of_condition(condition: Any, prefix: str) -> Iterator[Needed]:
    match condition:
        case models.Filter():
            yield from _of_filter(condition, prefix)
        case models.NestedCondition():
            key = condition.nested.key
            yield from _of_filter(condition.nested.filter, f"{prefix}{key if key.endswith('[]') else key + '[]'}.")
        case models.FieldCondition():
            yield prefix + condition.key, _of_field(condition)
        case models.IsEmptyCondition():
            yield prefix + condition.is_empty.key, _ALL
        case models.IsNullCondition():
            yield prefix + condition.is_null.key, _ALL


def _of_field(condition: models.FieldCondition) -> list[Ability]:
    abilities = _of_match(condition.match)
    match condition.range:
        case models.Range():
            abilities += ["float range", "integer range"]
        case models.DatetimeRange():
            abilities.append("datetime range")
    if condition.geo_bounding_box or condition.geo_radius or condition.geo_polygon:
        abilities.append("geo")
    if condition.values_count is not None or condition.is_empty is not None or condition.is_null is not None:
        abilities += _ALL
    return abilities


def _of_match(match_: Any) -> list[Ability]:
    match match_:
        case models.MatchValue(value=value):
            return _of_values([value])
        case models.MatchAny(any=values):
            return _of_values(values)
        case models.MatchExcept(except_=values):
            return _of_values(values)
        case models.MatchText() | models.MatchTextAny():
            return ["text words"]
        case models.MatchPhrase():
            return ["text phrase"]
        case models.MatchPrefix():
            return ["keyword prefix"]
    return []


def _of_values(values: Sequence[Any]) -> list[Ability]:
    if not len(values):
        return []
    if isinstance(values[0], bool):
        return ["bool match"]
    if isinstance(values[0], int):
        return ["integer match"]
    return [*(["uuid match"] if all(map(is_uuid, values)) else []), "keyword match"]


def _of_expression(expression: Any) -> Iterator[Needed]:
    """Of every part of an expression: variables, conditions, distances and points in time."""
    match expression:
        case str():
            if not expression.startswith("$") and _is_path(expression):
                yield expression, _NUMBERS
        case models.GeoDistance():
            yield expression.geo_distance.to, ["geo"]
        case models.DatetimeKeyExpression():
            yield expression.datetime_key, ["datetime range"]
        case models.DatetimeExpression():
            return
        case list():
            for part in expression:
                yield from _of_expression(part)
        case models.FieldCondition() | models.Filter() | models.NestedCondition():
            yield from _of_condition(expression, "")
        case models.IsEmptyCondition() | models.IsNullCondition():
            yield from _of_condition(expression, "")
        case models.HasIdCondition() | models.HasVectorCondition():
            return
        case _ if hasattr(expression, "model_fields_set"):
            for part in vars(expression).values():
                yield from _of_expression(part)


def _is_path(text: str) -> bool:
    try:
        JsonPath.parse(text)
    except FormatError:
        return False
    return True
