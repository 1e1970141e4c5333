"""Bounds of reading: whoever sends a million wrong items shall not have a million errors made of them.

pydantic goes on after an error, and makes one of every further field, item and key. Lists stop at their
first (`Items`), long objects of names piece by piece (`Named`), and a model reads nothing after `MOST_ERRORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import pydantic
from pydantic import StrictStr
from pydantic_core import PydanticCustomError, core_schema

from minidb.models.faults import MOST_ERRORS, NO_OBJECT, NOT_READ, TAGS, reading, shown, wrong_shape
from minidb.models.paths import NAMED, SORTED

T = TypeVar("T")
AnyDict: TypeAlias = dict[str, Any]


def is_many(value: object) -> bool:
    """Whether pydantic makes a list of it: a generator, a range, a view of a dict, … No text, dict or model."""
    if isinstance(value, (list, tuple)):
        return True
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, Mapping, pydantic.BaseModel))


def guarded(fields: Sequence[str], closed: bool) -> Callable[[Any, core_schema.ValidatorFunctionWrapHandler], Any]:
    """What stands around the fields of a model: nothing more is read once enough is wrong, and no more keys than it
    knows.
    """
    names, n_names, first = frozenset(fields), len(fields), next(iter(fields), "")

    def guard(value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if reading.errors >= MOST_ERRORS:
            raise PydanticCustomError(NOT_READ, "not read")
        if reading.is_forgiving and not closed and type(value) is dict and not names.issuperset(value):
            value = {name: value[name] for name in names if name in value}
        if type(value) is dict and len(value) > n_names:
            unknown = next(key for key in value if key not in names)
            reading.fields = {unknown: fields}
            raise wrong_shape(f"unknown field `{unknown if len(str(unknown)) <= 80 else str(unknown)[:77] + '…'}`")
        if type(value) is not dict and not (hasattr(value, first) or any(hasattr(value, name) for name in fields)):
            raise wrong_shape(f"{NO_OBJECT}, got {shown(value)}")  # pydantic would read an empty object
        try:
            return handler(value)
        except pydantic.ValidationError as error:
            reading.errors += error.error_count()
            if type(value) is dict and not names.issuperset(value):
                reading.fields = {**{key: fields for key in value if key not in names}, **reading.fields}
            raise

    return guard


def names_of(fields: Mapping[str, Any]) -> list[str]:
    """The keys under which the fields of a model may stand, in the order of the fields."""
    names = dict.fromkeys(fields)
    for field in fields.values():
        alias = field.get("validation_alias")
        if isinstance(alias, str):
            names[alias] = None
        elif alias is not None:  # a list of paths, or one path
            names.update((part, None) for path in alias for part in (path if isinstance(path, list) else [path]))
    return list(names)


class _InPieces:
    """Marks an object of names: a long one is read piece by piece, up to the first that has an error."""

    _PIECE = 64

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], core_schema.CoreSchema]
    ) -> core_schema.CoreSchema:
        def read(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            if type(value) is not dict or len(value) <= self._PIECE:
                return inner(value)
            entries = iter(value.items())
            result: AnyDict = {}
            while piece := dict(islice(entries, self._PIECE)):
                result.update(inner(piece))
            return result

        return core_schema.no_info_wrap_validator_function(read, handler(source))


class _FirstError:
    """Marks a list that stops at its first item of wrong shape; unlike pydantic's own mark it can stand in a union."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], core_schema.CoreSchema]
    ) -> core_schema.CoreSchema:
        schema: Any = handler(source)
        schema["fail_fast"] = True
        if schema["items_schema"]["type"] in ("float", "int", "str"):  # which have no other faults
            return schema  # type: ignore[no-any-return]
        return core_schema.no_info_wrap_validator_function(_up_to_a_wrong_shape, schema)


def _up_to_a_wrong_shape(value: Any, read: core_schema.ValidatorFunctionWrapHandler) -> Any:
    """A list read up to its first error. If only a range is wrong there, reading goes on: Qdrant looks at ranges when
    all of a request has the right shape, and tells of them all.
    """
    try:
        return read(value)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False)
        if not isinstance(value, (list, tuple)) or not _are_ranges(found):
            raise
    wrong, at = _again(found, 0), 1 + int(found[0]["loc"][0])
    while at < len(value) and len(wrong) < MOST_ERRORS and _are_ranges(found):
        try:
            read(value[at:])
            break
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False)
            wrong += _again(found, at)
            at += 1 + int(found[0]["loc"][0])
    raise pydantic.ValidationError.from_exception_data("list", wrong)


def _are_ranges(found: Sequence[Mapping[str, Any]]) -> bool:
    return all(detail["type"] == "out_of_range" for detail in found)


def _again(found: Sequence[Mapping[str, Any]], start: int) -> list[Any]:
    """Errors of the items of a list from `start` on, as pydantic takes them."""
    errors: list[AnyDict] = []
    for detail in found:
        kind, context = detail["type"], detail.get("ctx", {})
        if kind in ("out_of_range", "wrong_shape", NOT_READ):
            kind = PydanticCustomError(kind, "{text}", {**context, "text": detail["msg"]})
        first, *others = detail["loc"]
        errors.append({"type": kind, "loc": (start + first, *others), "input": detail["input"], "ctx": context})
    return errors


_first_error = _FirstError()
_in_pieces = _InPieces()

if TYPE_CHECKING:
    Items: TypeAlias = Sequence[T]  # a `list[int]` is no `list[int | str]`, and is what callers have
else:
    Items: TypeAlias = Annotated[list[T], _first_error]
"""A list of which the first item of a wrong shape is reported."""
Named: TypeAlias = Annotated[dict[StrictStr, T], _in_pieces]
"""An object whose keys are names that users chose."""


class _Marked:
    """Marks an object of names with a tag, by which errors know that a key follows."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        TAGS.setdefault(tag[1:-1], tag)

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], core_schema.CoreSchema]
    ) -> core_schema.CoreSchema:
        return core_schema.tagged_union_schema({self._tag: handler(source)}, discriminator=lambda _: self._tag)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: Callable[[core_schema.CoreSchema], AnyDict]
    ) -> AnyDict:
        (only,) = schema["choices"].values()
        return handler(only)


by_name, by_sorted_name = _Marked(NAMED), _Marked(SORTED)
"""Marks of a `Named` that is no member of a union: Qdrant's errors show `?` for its keys, or the place of the key."""
