"""Validators that pydantic has no type for: one function each, and numbers with Qdrant's bounds and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic_core import core_schema

from minidb.models.faults import out_of_range, shown, wrong_shape

AnyDict: TypeAlias = dict[str, Any]


class Checked:
    """Marks a type that one Python function validates: `Annotated[T, Checked(function)]`."""

    __slots__ = ("check", "json_schema", "to_json")

    def __init__(
        self,
        check: Callable[[Any], Any],
        json_schema: AnyDict | None = None,
        to_json: Callable[[Any], Any] | None = None,
    ) -> None:
        self.check = check
        self.json_schema = json_schema or {}
        self.to_json = to_json

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        serialization = None
        if self.to_json is not None:
            serialization = core_schema.plain_serializer_function_ser_schema(self.to_json, when_used="json")
        return core_schema.no_info_plain_validator_function(self.check, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> AnyDict:
        return dict(self.json_schema)


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return f"must be {minimum} or larger"
    return f"must be {maximum} or smaller" if minimum is None else f"must be from {minimum} to {maximum}"


def integer(minimum: int = 0, maximum: int | None = None, bits: int = 64) -> Checked:
    """An unsigned integer; one below `minimum` or above `maximum` is out of range, a bool or a string is no integer.

    Args:
        bits: of Qdrant's type; a number that has more is of the wrong shape there.
    """
    limits = _bounds(minimum if minimum or maximum is None else None, maximum)

    def check(value: Any) -> int:
        if type(value) is not int:
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise wrong_shape(f"invalid value {shown(value)}, expected an integer")
            value = int(value)
        if value >> bits > 0:
            raise wrong_shape(f"invalid value: integer `{shown(value)}`, expected u{bits}")
        if value < minimum or (maximum is not None and value > maximum):
            if value < 0:
                raise wrong_shape(f"invalid value {shown(value)}, expected an unsigned integer")
            raise out_of_range(f"value {value} invalid, {limits}")
        return int(value)

    schema: AnyDict = {"type": "integer", "minimum": minimum}
    if bits < 64 and maximum is None:
        maximum = 2**bits - 1
    return Checked(check, schema if maximum is None else schema | {"maximum": maximum})


def nonzero(bits: int, maximum: int | None = None) -> Checked:
    """A positive integer of a type of Qdrant's that holds no zero: 0 is of the wrong shape there."""
    positive = integer(1, maximum, bits)

    def check(value: Any) -> int:
        if type(value) is int and (value == 0 or value >= 2**bits):
            raise wrong_shape(f"invalid value: integer `{shown(value)}`, expected a nonzero u{bits}")
        return positive.check(value)  # type: ignore[no-any-return]

    return Checked(check, positive.json_schema)


def number(minimum: float | None = None, maximum: float | None = None, single: bool = False) -> Checked:
    """A float between the two bounds; integers and numpy scalars are taken, bools and strings are not.

    Args:
        single: of 32 bits in Qdrant, which shows in errors.
    """
    limits = _bounds(minimum, maximum)

    def check(value: Any) -> float:
        if type(value) is not float:
            value = _as_float(value)
        if (minimum is not None and not value >= minimum) or (maximum is not None and not value <= maximum):
            if single:
                with np.errstate(over="ignore"):
                    value = float(np.float32(value))
            raise out_of_range(f"value {value} invalid, {limits}")
        return float(value)

    return Checked(check, {"type": "number"})


def _as_float(value: Any) -> float:
    if not isinstance(value, (float, int, np.floating, np.integer)) or isinstance(value, bool):
        raise wrong_shape(f"invalid value {shown(value)}, expected a number")
    try:
        return float(value)
    except OverflowError:
        raise wrong_shape(f"invalid value {shown(value)}, expected a float of 64 bits") from None


def bound() -> Checked:
    """What numbers are compared with: a float, but an integer of 2^53 or more, which may be no float, stays one."""

    def check(value: Any) -> float:
        if type(value) is float:
            return value
        if isinstance(value, (int, np.integer)) and (2**53 <= value < 2**64 or -(2**63) <= value <= -(2**53)):
            return int(value)
        return _as_float(value)

    return Checked(check, {"type": "number"})


def plain_count(minimum: int = 0, maximum: int = 2**32 - 1) -> Callable[[Any], int | None]:
    """Reads an ordinary number between the two; for `Model.plain`."""
    return lambda value: value if type(value) is int and minimum <= value <= maximum else None


UInt: TypeAlias = Annotated[int, integer()]
UInt8: TypeAlias = Annotated[int, integer(bits=8)]
UInt32: TypeAlias = Annotated[int, integer(bits=32)]
PositiveUInt32: TypeAlias = Annotated[int, integer(1, bits=32)]
Percent: TypeAlias = Annotated[int, integer(1, 100, bits=8)]
PositiveInt: TypeAlias = Annotated[int, integer(1)]
Number: TypeAlias = Annotated[float, number()]
Bound: TypeAlias = Annotated[float, bound()]
