"""Errors of what is read, in Qdrant's words: validators raise one of two, `translate` turns pydantic's collection of
them into one of ours.
"""

from __future__ import annotations

import reprlib
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pydantic
from pydantic_core import PydanticCustomError

from minidb import errors
from minidb.models.keys import without_keys
from minidb.models.paths import named_in, validated_paths

NOT_READ = "not_read"
MOST_ERRORS = 16
"""Whoever sends a million wrong items shall not have a million errors made of them."""

NO_FIELDS: Mapping[Any, Sequence[str]] = MappingProxyType({})
TAGS: dict[str, str] = {}
"""Union member → its tag, in brackets: pydantic puts tags into error locations, users see none."""


def out_of_range(text: str, field: str | None = None) -> PydanticCustomError:
    """A value of the right shape that is not allowed (422); `field` names the child it stands in."""
    return PydanticCustomError("out_of_range", "{text}", {"text": printable(text), "field": field})


def wrong_shape(text: str) -> PydanticCustomError:
    """A value that is not of the expected form (400)."""
    return PydanticCustomError("wrong_shape", "{text}", {"text": printable(text)})


def printable(text: str) -> str:
    """Lone surrogates, which only Python's strings may have, written out: pydantic and JSON take none."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def shown(value: object) -> str:
    """`value` as an error quotes it: 80 characters at most, made of no more of it than that, and no API key."""
    if isinstance(value, (str, bytes)):
        text = repr(value[:80])
    elif isinstance(value, int) and value.bit_length() > 1000:  # Python writes no number of thousands of digits
        text = "a number beyond all bounds"
    elif isinstance(value, (dict, list, tuple, set, frozenset)):
        text = without_keys(_brief.repr(value))
    else:
        text = without_keys(repr(value))
    return text if len(text) <= 80 else text[:77] + "…"


_brief = reprlib.Repr()
_brief.maxdict = _brief.maxlist = _brief.maxtuple = _brief.maxset = _brief.maxfrozenset = 40
_brief.maxstring = _brief.maxother = 80
_brief.maxlevel = 4


NO_OBJECT = "input should be a valid dictionary or object to extract fields from"  # pydantic's


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (part.startswith("<") and part[1:-1] in TAGS) and not part.startswith("function-"):
            path += f".{part}" if path else part
    return path


def _shape_text(kind: str, message: str, location: tuple[int | str, ...], value: object) -> tuple[str, str]:
    if kind == "extra_forbidden":
        return f"unknown field `{location[-1]}`", _path(location[:-1])
    if kind == "missing":
        return f"missing field `{location[-1]}`", _path(location[:-1])
    if kind == "wrong_shape":
        return message, _path(location)
    return f"{message[:1].lower()}{message[1:]}, got {shown(value)}", _path(location)


def _hint(detail: Mapping[str, Any]) -> str:
    from minidb.models.hints import hint  # takes as long to import as a query

    names = ["[]" if isinstance(part, int) else part for part in detail["loc"]]
    names = [name for name in names if name[1:-1] not in TAGS and not name.startswith("function-")]
    text, _ = _shape_text(detail["type"], detail["msg"], detail["loc"], detail["input"])
    return hint(detail["type"], text, names, detail["input"], reading.fields)


def translate(
    error: pydantic.ValidationError, root: str = "", value: object = None, starts: tuple[int, ...] = ()
) -> errors.MinidbError:
    """pydantic's error as `errors.FormatError` (the first wrong shape) or `errors.ValidationError` (all bad ranges).

    Args:
        root: name of the type that came in over REST, by which the paths of bad ranges begin there; "" in Python.
        value: what was read.
        starts: see `parse`.
    """
    details: list[Any] = [detail for detail in error.errors(include_url=False) if detail["type"] != NOT_READ]
    for detail in details if starts else ():
        detail["loc"] = _moved(detail["loc"], starts)
    result: errors.MinidbError
    wrong = next((detail for detail in details if detail["type"] != "out_of_range"), None)
    if wrong is not None:
        text, path = _shape_text(wrong["type"], wrong["msg"], wrong["loc"], wrong["input"])
        result = errors.FormatError(f"{text} in {path}" if path else text)
    else:
        locations = [(detail["loc"], detail["ctx"].get("field")) for detail in details]
        if root:
            paths = validated_paths(root, locations, value)
        else:
            paths = [_path((*location, field) if field else location) for location, field in locations]
        parts = [f"{path}: {detail['msg']}" for path, detail in zip(paths, details, strict=True)]
        result = errors.ValidationError(f"[{'; '.join(parts)}]")
        names = named_in([detail["loc"] for detail in details]) if root else []
        if names:
            return result.hinting(f"`?` stands for {', '.join(map(shown, names))}")
    hint = _hint(wrong or details[0])
    return result.hinting(hint) if hint else result


def _moved(location: tuple[int | str, ...], starts: tuple[int, ...]) -> tuple[int | str, ...]:
    """The same place where the lists it is in have so many items more in front, beginning with the outermost."""
    more = iter(starts)
    return tuple(part + next(more, 0) if isinstance(part, int) else part for part in location)


class _Reading(threading.local):
    """What the call to `parse` (or a constructor) that this thread is in has found, and how it reads."""

    errors = 0
    fields: Mapping[Any, Sequence[str]] = NO_FIELDS
    """Field nobody knows → those its model has."""
    starts: tuple[int, ...] = ()
    """See `parse`."""
    is_forgiving = False
    """Fields nobody knows are left out, but of models that are `closed`."""


reading = _Reading()


def n_before() -> int:
    """How many points were before those that are read, where they come in pieces."""
    return reading.starts[-1] if reading.starts else 0


def is_forgiving() -> bool:
    """Whether what is read comes in through the REST interface, and is read as Qdrant's does."""
    return reading.is_forgiving


def bracketed(name: str) -> str:
    """The tag of a union's member."""
    return TAGS.setdefault(name, f"<{name}>")
