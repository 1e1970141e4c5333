"""Values of payloads as JSON has them. Of dates, sets, models, … is made what qdrant-client sends; what has no form is
refused.

Called for payloads by `encode` and `operations`, for metadata by `config`, for the defaults of formulas by the query.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgpack
import numpy as np
import pydantic_core

from minidb.errors import FormatError

T = TypeVar("T")
_SCALARS = frozenset((str, int, bool, type(None)))
"""Types that need no look: all that JSON has but floats, which may be NaN."""
MAX_PAYLOAD_DEPTH = 200
"""Objects and arrays within each other, the payload's own among them; answers that hold it can still be written."""
NO_PAYLOAD: bytes = msgpack.packb({})


def pack_payloads(payloads: Iterable[dict[str, Any] | None]) -> list[bytes]:
    """Several, with one packer: `packb` makes one for each."""
    pack = msgpack.Packer().pack
    return [pack_payload(payload, pack=pack) for payload in payloads]


def pack_payload(
    payload: dict[str, Any] | None,
    levels: int = MAX_PAYLOAD_DEPTH,
    pack: Callable[[Any], bytes] = msgpack.packb,
) -> bytes:
    """A payload as msgpack, nested at most `levels` deep.

    Raises:
        errors.FormatError: what is neither JSON nor anything that qdrant-client converts.
    """
    if not payload and levels >= 0:
        return NO_PAYLOAD
    return _converted(payload, "payload", levels, pack)


def plain_json(value: T, where: str) -> T:
    """A copy of `value` as it would be read back from a payload.

    Raises:
        errors.FormatError: it is neither JSON nor anything that qdrant-client converts.
    """
    return msgpack.unpackb(_converted(value, where, MAX_PAYLOAD_DEPTH, msgpack.packb))  # type: ignore[no-any-return]


def _converted(value: Any, where: str, levels: int, pack: Callable[[Any], bytes]) -> bytes:
    try:
        check_json(value, where, levels, _NotJson)
        return pack(value)
    except (_NotJson, TypeError, OverflowError):  # hardly ever; a packer that has a `default` takes twice as long
        plain = _as_json(value, where)
        check_json(plain, where, levels)
        return pack(plain)
    except ValueError as error:
        raise FormatError(f"{where} is not JSON: {error}") from None


class _NotJson(Exception):
    """A payload holds what has to be converted first."""


def _as_json(value: Any, where: str) -> Any:
    """What qdrant-client makes of a payload: sets lists, times and paths text, dataclasses objects, NaN null, …"""
    import json  # hardly ever needed

    try:
        text = pydantic_core.to_json(value, inf_nan_mode="null", fallback=_json_form)
        return json.loads(text, parse_int=_number)
    except (TypeError, ValueError, RecursionError) as error:
        refused = FormatError(f"{where} is not JSON: {error}")
        if "cannot be interpreted as an integer" in str(error) or "NAType" in str(error):  # NaT is a datetime
            raise refused.hinting("pandas.NaT and pandas.NA are no values: put None, or leave out the key") from None
        raise refused from None


def _number(digits: str) -> int | float:
    """An integer, or the float JSON readers with 64-bit integers make of a longer one."""
    value = int(digits)
    if -(2**63) <= value < 2**64:
        return value
    number = float(digits)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


def check_json(value: Any, where: str, levels: int = MAX_PAYLOAD_DEPTH, refused: type[Exception] = FormatError) -> None:
    """Refuse what msgpack would take and JSON would not: keys that are not strings, bytes; and what is nested deeper
    than `levels`.
    """
    if levels < 0:
        raise FormatError(f"nested more than {MAX_PAYLOAD_DEPTH} deep in {where}")
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise refused(f"payload keys must be strings, got {key!r} in {where}")
            if type(child) not in _SCALARS:
                check_json(child, key, levels - 1, refused)
    elif isinstance(value, (list, tuple)):
        for child in value:
            if type(child) not in _SCALARS:
                check_json(child, where, levels - 1, refused)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise refused(f"payload numbers must be finite, got {value} in {where}")
    elif isinstance(value, (bytes, bytearray, memoryview, msgpack.Timestamp)):
        raise refused(f"payload values must be JSON, got {type(value).__name__} in {where}")


def _json_form(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, range):
        return list(value)
    for method in ("tolist", "to_list", "to_pylist", "as_py"):  # of pandas and torch, polars, pyarrow
        if convert := getattr(type(value), method, None):
            return convert(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
