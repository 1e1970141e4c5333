"""Filters: conditions on payload, ids and vectors, joined by must, should, must_not and min_should.

Only shapes and ranges of values are checked; payload paths are parsed and conditions evaluated in `minidb.filter`.
"""

from datetime import date
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import Field, StrictStr, model_validator
from typing_extensions import Self, TypeAliasType

from minidb.models.base import Bool, Model, OneOrMany, one_of, tag
from minidb.models.bounded import Items, is_many
from minidb.models.datetimes import Datetime
from minidb.models.faults import out_of_range, shown, wrong_shape
from minidb.models.numbers import Bound, Checked, Number, UInt, UInt32, nonzero
from minidb.models.vectors import ExtendedPointId, plain_numbers

# Matches


def _check_value(value: Any) -> bool | int | str:
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    raise wrong_shape(f"invalid value {shown(value)}, expected a string, an integer or a bool")


def _check_any(value: Any) -> list[str] | list[int]:
    value = plain_numbers(value)
    if is_many(value):
        value = list(value)
        kinds = set(map(type, value))
        if kinds <= {int} or all(issubclass(kind, str) for kind in kinds):
            return value  # type: ignore[no-any-return]
        if all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds):
            return [int(each) for each in value]
    raise wrong_shape("Expected a list of strings or a list of integers")


_SCALAR = {"anyOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "string"}]}
_ANY = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}
ValueVariants: TypeAlias = Annotated[bool | int | str, Checked(_check_value, _SCALAR)]
AnyVariants: TypeAlias = Annotated[list[str] | list[int], Checked(_check_any, _ANY)]


class MatchValue(Model):
    """The value itself, of the same type."""

    value: ValueVariants


class MatchText(Model):
    """All tokens of the text."""

    text: StrictStr


class MatchTextAny(Model):
    """At least one token of the text."""

    text_any: StrictStr


class MatchPhrase(Model):
    """All tokens of the text, one after the other."""

    phrase: StrictStr


class MatchPrefix(Model):
    """Strings that begin so."""

    prefix: StrictStr


class MatchSubstring(Model):
    """Strings that contain this, case and all."""

    substring: StrictStr


class MatchAny(Model):
    """Any of the values."""

    any: AnyVariants


class MatchExcept(Model):
    """Some value that is none of these."""

    except_: AnyVariants = Field(alias="except")


Match = TypeAliasType(
    "Match",
    Annotated[
        Annotated[MatchValue, tag("MatchValue")]
        | Annotated[MatchText, tag("MatchText")]
        | Annotated[MatchTextAny, tag("MatchTextAny")]
        | Annotated[MatchPhrase, tag("MatchPhrase")]
        | Annotated[MatchPrefix, tag("MatchPrefix")]
        | Annotated[MatchSubstring, tag("MatchSubstring")]
        | Annotated[MatchAny, tag("MatchAny")]
        | Annotated[MatchExcept, tag("MatchExcept")],
        one_of(
            "a match with one of value, text, text_any, phrase, prefix, substring, any, except",
            {
                "value": "MatchValue",
                "text": "MatchText",
                "text_any": "MatchTextAny",
                "phrase": "MatchPhrase",
                "prefix": "MatchPrefix",
                "substring": "MatchSubstring",
                "any": "MatchAny",
                "except": "MatchExcept",
                "except_": "MatchExcept",
            },
        ),
    ],
)


# Ranges


class Range(Model):
    """Numbers between the bounds."""

    lt: Bound | None = None
    gt: Bound | None = None
    gte: Bound | None = None
    lte: Bound | None = None


class DatetimeRange(Model):
    """Points in time between the bounds."""

    lt: Datetime | None = None
    gt: Datetime | None = None
    gte: Datetime | None = None
    lte: Datetime | None = None


_BOUNDS = ("lt", "gt", "gte", "lte")


def _range_kind(value: Any) -> str | None:
    if isinstance(value, dict):
        bounds = [value.get(name) for name in _BOUNDS]
    elif value is not None and any(hasattr(value, name) for name in _BOUNDS):
        bounds = [getattr(value, name, None) for name in _BOUNDS]
    else:
        return None
    return "DatetimeRange" if any(isinstance(bound, (str, date)) for bound in bounds) else "Range"


RangeInterface = TypeAliasType(
    "RangeInterface",
    Annotated[
        Annotated[Range, tag("Range")] | Annotated[DatetimeRange, tag("DatetimeRange")],
        one_of("a range with lt, gt, gte, lte", {}, _range_kind, ("Range", "DatetimeRange")),
    ],
)


class ValuesCount(Model):
    """How many values a path has."""

    lt: UInt | None = None
    gt: UInt | None = None
    gte: UInt | None = None
    lte: UInt | None = None


# Places


class GeoPoint(Model):
    """A place, in degrees."""

    lon: Number
    lat: Number

    @model_validator(mode="after")
    def _on_earth(self) -> Self:
        if not (-180 <= self.lon <= 180 and -90 <= self.lat <= 90):
            raise wrong_shape(
                f"Wrong format of GeoPoint payload: expected `lat` = {self.lat:g} within [-90;90] and "
                f"`lon` = {self.lon:g} within [-180;180]"
            )
        return self


class GeoBoundingBox(Model):
    """Inside the box; a left edge east of the right one means across the antimeridian."""

    top_left: GeoPoint
    bottom_right: GeoPoint


class GeoRadius(Model):
    """Nearer to the centre than `radius` metres."""

    center: GeoPoint
    radius: Number


class GeoLineString(Model):
    """A closed line: at least four points, the last equal to the first."""

    points: Items[GeoPoint]

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if len(self.points) < 4:
            raise wrong_shape(
                f"Validation failed: polygon invalid, the size must be at least 4, got {len(self.points)}"
            )
        if self.points[0] != self.points[-1]:
            raise wrong_shape(
                "Validation failed: polygon invalid, "
                "the first and the last points should be the same to form a closed line"
            )
        return self


class GeoPolygon(Model):
    """Inside the exterior and outside all interiors."""

    exterior: GeoLineString
    interiors: Items[GeoLineString] | None = None


# Conditions


def _check_key(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise wrong_shape("Filter condition 'key' must be a string")


class FieldCondition(Model):
    """A test of the payload values at `key`; at least one clause must be given."""

    closed = True

    key: Annotated[str, Checked(_check_key, {"type": "string"})]
    match: Match | None = None
    range: RangeInterface | None = None
    geo_bounding_box: GeoBoundingBox | None = None
    geo_radius: GeoRadius | None = None
    geo_polygon: GeoPolygon | None = None
    values_count: ValuesCount | None = None
    is_empty: Bool | None = None
    is_null: Bool | None = None

    @model_validator(mode="after")
    def _some_clause(self) -> Self:
        if all(value is None for name, value in self.__dict__.items() if name != "key"):
            raise out_of_range("Validation error: At least one field condition must be specified [{}]", "__all__")
        return self


class PayloadField(Model):
    """A payload path."""

    key: StrictStr


class IsEmptyCondition(Model):
    """The path is missing, null or an empty list."""

    closed = True

    is_empty: PayloadField


class IsNullCondition(Model):
    """The path holds null."""

    closed = True

    is_null: PayloadField


class HasIdCondition(Model):
    """The point's id is one of these."""

    closed = True

    has_id: Items[ExtendedPointId]


class HasVectorCondition(Model):
    """The point has a vector of this name ("" is the unnamed one)."""

    closed = True

    has_vector: StrictStr


class Slice(Model):
    """Part `index` of `total` equal parts into which points fall by a hash of their id."""

    total: Annotated[int, nonzero(32)]
    index: UInt32


class SliceCondition(Model):
    """The point falls into this slice."""

    closed = True

    slice: Slice

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.slice.index >= self.slice.total:
            raise out_of_range(
                "Validation error: Slice index must be less than the total number of slices [{}]", "__all__"
            )
        return self


class Nested(Model):
    """A filter that one element of the array at `key` must satisfy alone."""

    key: StrictStr
    filter: "Filter"


class NestedCondition(Model):
    """Some element of an array satisfies a filter."""

    closed = True

    nested: Nested


class MinShould(Model):
    """At least `min_count` of the conditions."""

    conditions: "Items[Condition]"
    min_count: UInt

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.min_count < 1:
            raise out_of_range("min_count must be greater than 0", "min_count")
        return self


class Filter(Model):
    """All of `must`, one of `should`, none of `must_not`, and `min_should`; an absent or empty group allows all."""

    closed = True

    should: "OneOrMany[Condition] | None" = None
    min_should: MinShould | None = None
    must: "OneOrMany[Condition] | None" = None
    must_not: "OneOrMany[Condition] | None" = None


CONDITION_KEYS = {
    "key": "FieldCondition",
    "is_empty": "IsEmptyCondition",
    "is_null": "IsNullCondition",
    "has_id": "HasIdCondition",
    "has_vector": "HasVectorCondition",
    "slice": "SliceCondition",
    "nested": "NestedCondition",
    "must": "Filter",
    "should": "Filter",
    "must_not": "Filter",
    "min_should": "Filter",
}

Condition = TypeAliasType(
    "Condition",
    Annotated[
        Annotated[FieldCondition, tag("FieldCondition")]
        | Annotated[IsEmptyCondition, tag("IsEmptyCondition")]
        | Annotated[IsNullCondition, tag("IsNullCondition")]
        | Annotated[HasIdCondition, tag("HasIdCondition")]
        | Annotated[HasVectorCondition, tag("HasVectorCondition")]
        | Annotated[SliceCondition, tag("SliceCondition")]
        | Annotated[NestedCondition, tag("NestedCondition")]
        | Annotated[Filter, tag("Filter")],
        one_of(
            "a condition with one of key, is_empty, is_null, has_id, has_vector, slice, nested, or a filter",
            CONDITION_KEYS,
            lambda value: "Filter" if value == {} else None,
        ),
    ],
)
