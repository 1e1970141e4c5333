"""What every data type of minidb shares: the pydantic base class, unions, numbers, and errors in Qdrant's words.

`parse` is the one way from a caller's value (a dict, an object of minidb or of qdrant-client) to a validated instance.
Knows nothing of collections or storage; the other modules of `models/`, the doors and the engine call it.
"""

from __future__ import annotations

import reprlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, EnumMeta
from functools import partial
from importlib import import_module
from itertools import islice
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    TypeAlias,
    TypeGuard,
    TypeVar,
    get_args,
    get_origin,
    overload,
)

import numpy as np
import pydantic
from pydantic import BaseModel, ConfigDict, Discriminator, GetCoreSchemaHandler, StrictBool, StrictStr, Tag, TypeAdapter
from pydantic_core import PydanticCustomError, core_schema

from minidb import errors
from minidb.models.paths import NAMED, SORTED, named_in, validated_paths
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
AnyDict: TypeAlias = dict[str, Any]
Payload: TypeAlias = dict[str, Any]
Bool: TypeAlias = StrictBool

_tags: dict[
    str, str
] = {}  # union member → its tag, in brackets: pydantic puts tags into error locations, users see none


# Errors: validators raise one of these two; `translate` turns pydantic's collection of them into one of ours.


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
    """`value` as an error quotes it: 80 characters at most, made of no more of it than that."""
    if isinstance(value, (str, bytes)):
        text = repr(value[:80])
    elif isinstance(value, int) and value.bit_length() > 1000:  # Python writes no number of thousands of digits
        text = "a number beyond all bounds"
    elif isinstance(value, (dict, list, tuple, set, frozenset)):
        text = _brief.repr(value)
    else:
        text = repr(value)
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
        elif not (part.startswith("<") and part[1:-1] in _tags) and not part.startswith("function-"):
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
    names = [name for name in names if name[1:-1] not in _tags and not name.startswith("function-")]
    text, _ = _shape_text(detail["type"], detail["msg"], detail["loc"], detail["input"])
    return hint(detail["type"], text, names, detail["input"], _found.fields)


def translate(
    error: pydantic.ValidationError, root: str = "", value: object = None, starts: tuple[int, ...] = ()
) -> errors.MinidbError:
    """pydantic's error as `errors.FormatError` (the first wrong shape) or `errors.ValidationError` (all bad ranges).

    Args:
        root: name of the type that came in over REST, by which the paths of bad ranges begin there; "" in Python.
        value: what was read.
        starts: see `parse`.
    """
    details: list[Any] = [detail for detail in error.errors(include_url=False) if detail["type"] != _NOT_READ]
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


# Bounds: whoever sends a million wrong items shall not have a million errors made of them

_NOT_READ = "not_read"
_MOST_ERRORS = 16


_NO_FIELDS: Mapping[Any, Sequence[str]] = MappingProxyType({})


class _Found(threading.local):
    """What the call to `parse` (or a constructor) that this thread is in has found, and how it reads."""

    errors = 0
    fields: Mapping[Any, Sequence[str]] = _NO_FIELDS
    """Field nobody knows → those its model has."""
    starts: tuple[int, ...] = ()
    """See `parse`."""
    is_forgiving = False
    """Fields nobody knows are left out, but of models that are `closed`."""


_found = _Found()


def n_before() -> int:
    """How many points were before those that are read, where they come in pieces."""
    return _found.starts[-1] if _found.starts else 0


def is_forgiving() -> bool:
    """Whether what is read comes in through the REST interface, and is read as Qdrant's does."""
    return _found.is_forgiving


def _guarded(fields: Sequence[str], closed: bool) -> Callable[[Any, core_schema.ValidatorFunctionWrapHandler], Any]:
    """What stands around the fields of a model: nothing more is read once enough is wrong.

    pydantic goes on after an error, and makes one of every further field, item and key. Lists stop at their first
    (`Items`), long objects of names piece by piece (`Named`); a model reads nothing after `_MOST_ERRORS`, and no more
    keys than it knows.
    """
    names, n_names, first = frozenset(fields), len(fields), next(iter(fields), "")

    def guard(value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if _found.errors >= _MOST_ERRORS:
            raise PydanticCustomError(_NOT_READ, "not read")
        if _found.is_forgiving and not closed and type(value) is dict and not names.issuperset(value):
            value = {name: value[name] for name in names if name in value}
        if type(value) is dict and len(value) > n_names:
            unknown = next(key for key in value if key not in names)
            _found.fields = {unknown: fields}
            raise wrong_shape(f"unknown field `{unknown if len(str(unknown)) <= 80 else str(unknown)[:77] + '…'}`")
        if type(value) is not dict and not (hasattr(value, first) or any(hasattr(value, name) for name in fields)):
            raise wrong_shape(f"{NO_OBJECT}, got {shown(value)}")  # pydantic would read an empty object
        try:
            return handler(value)
        except pydantic.ValidationError as error:
            _found.errors += error.error_count()
            if type(value) is dict and not names.issuperset(value):
                _found.fields = {**{key: fields for key in value if key not in names}, **_found.fields}
            raise

    return guard


def _names(fields: Mapping[str, Any]) -> list[str]:
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
    while at < len(value) and len(wrong) < _MOST_ERRORS and _are_ranges(found):
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
        if kind in ("out_of_range", "wrong_shape", _NOT_READ):
            kind = PydanticCustomError(kind, "{text}", {**context, "text": detail["msg"]})
        first, *others = detail["loc"]
        errors.append({"type": kind, "loc": (start + first, *others), "input": detail["input"], "ctx": context})
    return errors


_first_error = _FirstError()
_in_pieces = _InPieces()

Items: TypeAlias = Annotated[list[T], _first_error]
"""A list of which the first item of a wrong shape is reported."""
Named: TypeAlias = Annotated[dict[StrictStr, T], _in_pieces]
"""An object whose keys are names that users chose."""


class _Marked:
    """Marks an object of names with a tag, by which errors know that a key follows."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        _tags.setdefault(tag[1:-1], tag)

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


# The base class


def same(a: object, b: object) -> bool:
    """Deep equality in which arrays are compared by content, so that it never raises."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)  # type: ignore[arg-type]
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


class Model(BaseModel):
    """Base of all request types: unknown fields are refused, objects of qdrant-client are read by their attributes.

    Raises:
        errors.FormatError: a field is unknown, missing or of another type.
        errors.ValidationError: a field's value is out of range.
    """

    model_config = ConfigDict(extra="forbid", from_attributes=True, populate_by_name=True, defer_build=True)
    closed: ClassVar[bool] = False
    """Whether Qdrant's REST interface, too, refuses fields it does not know here: filters, selectors, strict mode."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        schema = handler(source)
        model: Any = handler.resolve_ref_schema(schema)
        while model["type"] != "model":
            model = model["schema"]
        if model["schema"]["type"] != "function-wrap":
            inner = model["schema"]
            while inner["type"] != "model-fields":
                inner = inner["schema"]
            names = _names(inner["fields"])
            guard = _guarded(names, cls.closed)
            model["schema"] = core_schema.no_info_wrap_validator_function(guard, model["schema"])
        return schema

    if not TYPE_CHECKING:

        def __init__(self, /, *values: Any, **data: Any) -> None:
            if values:
                fields = ", ".join(f"{name}=…" for name in [*type(self).model_fields][: max(2, len(values))])
                raise TypeError(f"fields go by name: {type(self).__name__}({fields})")
            _found.errors, _found.fields = 0, _NO_FIELDS
            try:
                self.__pydantic_validator__.validate_python(data, self_instance=self)
            except pydantic.ValidationError as error:
                raise translate(error) from None

        __init__.__pydantic_base_init__ = True  # otherwise pydantic would call it for every nested model too

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """An instance from a dict, from an instance, or from any object with the same attributes."""
        _found.errors, _found.fields = 0, _NO_FIELDS
        try:
            return super().model_validate(obj, **options)
        except pydantic.ValidationError as error:
            raise translate(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """An instance from JSON text."""
        _found.errors, _found.fields = 0, _NO_FIELDS
        try:
            return super().model_validate_json(json_data, **options)
        except pydantic.ValidationError as error:
            raise translate(error) from None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(self.__dict__, other.__dict__)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What is set: most fields of most models are None. Long vectors and texts are cut."""
        from minidb.models.notebook import Short  # which most programs never show

        return [(name, Short(value)) for name, value in self.__dict__.items() if value is not None]


class _Names(EnumMeta):
    """Of a name no member has, the nearest: they are written in capitals, unlike the values."""

    def __getattr__(cls, name: str) -> Any:
        members: dict[str, Any] = cls.__dict__.get("_member_map_", {})
        if name in members:  # until Python 3.11 they are found here
            return members[name]
        error = AttributeError(f"{cls.__name__!r} has no member {name!r}")
        raise error if name.startswith("_") else errors.hinted(error, errors.choice(name, members, "members"))


class StrEnum(str, Enum, metaclass=_Names):
    """A string with a fixed set of values; prints as its value."""

    def __str__(self) -> str:
        return str(self.value)


# Validators that pydantic has no type for


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
            if not isinstance(value, (float, int, np.floating, np.integer)) or isinstance(value, bool):
                raise wrong_shape(f"invalid value {shown(value)}, expected a number")
            value = float(value)
        if (minimum is not None and not value >= minimum) or (maximum is not None and not value <= maximum):
            if single:
                with np.errstate(over="ignore"):
                    value = float(np.float32(value))
            raise out_of_range(f"value {value} invalid, {limits}")
        return float(value)

    return Checked(check, {"type": "number"})


UInt: TypeAlias = Annotated[int, integer()]
UInt8: TypeAlias = Annotated[int, integer(bits=8)]
UInt32: TypeAlias = Annotated[int, integer(bits=32)]
PositiveUInt32: TypeAlias = Annotated[int, integer(1, bits=32)]
Percent: TypeAlias = Annotated[int, integer(1, 100, bits=8)]
PositiveInt: TypeAlias = Annotated[int, integer(1)]
Number: TypeAlias = Annotated[float, number()]


# Unions


def _bracketed(name: str) -> str:
    return _tags.setdefault(name, f"<{name}>")


def one_of(
    expected: str,
    keys: Mapping[str, str],
    other: Callable[[Any], str | None] | None = None,
    members: tuple[str, ...] = (),
) -> Discriminator:
    """The rule that picks a union's member, without trying any.

    Args:
        expected: what the error says when no member fits.
        keys: key of a dict (or attribute of an object) → the member's tag, in Qdrant's order of precedence. Tags of
            classes are their names: an instance, ours or qdrant-client's, is recognised by the name of its type.
        other: asked first for values that are no such instance; None sends it on to `keys`.
        members: further tags that are class names.
    """
    names = {name: _bracketed(name) for name in (*keys.values(), *members)}
    by_key = {key: names[name] for key, name in keys.items()}

    def choose(value: Any) -> str | None:
        known = names.get(type(value).__name__)
        if known is not None:
            return known
        if other is not None:
            member = other(value)
            if member is not None:
                return _tags[member]
        if isinstance(value, dict):
            return next((tag for key, tag in by_key.items() if key in value), None)
        if value is None or isinstance(value, (str, int, float, list, tuple)):
            return None
        return next((tag for key, tag in by_key.items() if hasattr(value, key)), None)

    return Discriminator(choose, custom_error_type="wrong_shape", custom_error_message=f"Expected {expected}")


def tag(name: str) -> Tag:
    """The tag of a union's member: the name of its class, or any word that the union's `other` returns."""
    return Tag(_bracketed(name))


OneOrMany: TypeAlias = Annotated[
    Annotated[Items[T], tag("many")] | Annotated[T, tag("one")],
    Discriminator(lambda value: "<many>" if isinstance(value, (list, tuple)) else "<one>"),
]


def as_list(value: Sequence[T] | T | None) -> list[T]:
    """What stands in a `OneOrMany` field, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]


def is_class(kind: object) -> TypeGuard[type]:
    """Whether it is a class; on Python 3.10 `list[int]` says that it is one."""
    return isinstance(kind, type) and get_origin(kind) is None


# The way in


def _classes(type_: object) -> set[type]:
    type_ = getattr(type_, "__value__", type_)
    if is_class(type_):
        return {type_} if issubclass(type_, BaseModel) or hasattr(type_, "model_dump") else set()
    if get_origin(type_) in (list, dict, tuple):
        return set()
    return set().union(*map(_classes, get_args(type_))) if get_args(type_) else set()


_Entry: TypeAlias = tuple[object, frozenset[type], TypeAdapter[Any]]
_entries: dict[Any, _Entry] = {}
_entries_by_id: dict[int, _Entry] = {}  # the same, found faster: hashing a union is slow


def _entry(type_: Any) -> _Entry:
    entry = _entries.get(type_)
    # pydantic makes an error of its own of a Ctrl-C that falls into the building of a schema
    return uninterrupted(partial(_made_entry, type_)) if entry is None else entry


def _made_entry(type_: Any) -> _Entry:
    entry = _entries.get(type_)
    if entry is None:
        if is_class(type_) and issubclass(type_, BaseModel):
            type_.model_rebuild()  # else the adapter would build a schema that the class does not keep
        entry = _entries[type_] = _entries_by_id[id(type_)] = (type_, frozenset(_classes(type_)), TypeAdapter(type_))
    return entry


@overload
def parse(
    type_: type[T], value: object, *, root: str = ..., forgiving: bool = ..., starts: tuple[int, ...] = ...
) -> T: ...
@overload
def parse(
    type_: Any, value: object, *, root: str = ..., forgiving: bool = ..., starts: tuple[int, ...] = ...
) -> Any: ...
def parse(type_: Any, value: object, *, root: str = "", forgiving: bool = False, starts: tuple[int, ...] = ()) -> Any:
    """`value` as an instance of a model or of a type alias; instances of minidb's own types come back unchanged.

    Args:
        type_: a class or alias of `minidb.models`, or a type built from them (`list[PointStruct]`).
        value: a dict, an instance, or an object of qdrant-client.
        root: what the value is to Qdrant, by which paths in REST's errors begin; the name of the class unless given.
        forgiving: leave out fields that nobody knows, where Qdrant's REST interface does.
        starts: of lists that are read in pieces, the outermost first, how many items were before; errors count them.

    Raises:
        errors.FormatError: unknown field, missing field, wrong type.
        errors.ValidationError: a value out of range.
    """
    if type(value) is type_:
        return value
    _, classes, adapter = _entries_by_id.get(id(type_)) or _entry(type_)
    if type(value) in classes:
        return value
    _found.errors, _found.fields, _found.is_forgiving, _found.starts = 0, _NO_FIELDS, forgiving, starts
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        raise translate(error, (root or getattr(type_, "__name__", "")) if forgiving else "", value, starts) from None
    finally:
        _found.is_forgiving, _found.starts = False, ()


class Later:
    """Marks a type of which most requests hold no value: one that does loads its module and has its schema built.

    A new process would take longer to prepare for filters, formulas and images than to answer its first query.

    Args:
        home: "module.name" in `minidb.models` when that module shall not be loaded for this one: `Annotated[Any,
            Later(…)]` then stands for the type. Without it the type is the class marked; it has to be one, since
            what is written into `Annotated` loses its own annotations.
    """

    __slots__ = ("_found", "_home", "_type")

    def __init__(self, home: str = "") -> None:
        self._home = home
        self._type: Any = None
        self._found: _Entry | None = None

    def _entry(self) -> _Entry:
        if self._found is None:
            type_ = self._type
            if self._home:
                module, name = self._home.split(".")
                type_ = getattr(import_module(f"minidb.models.{module}"), name)
            self._found = _entry(type_)
        return self._found

    def _check(self, value: Any) -> Any:
        _, classes, adapter = self._found or self._entry()
        checked = value if type(value) in classes else adapter.validate_python(value)
        kind = type(checked)
        if getattr(kind, "__pydantic_complete__", True) is False:  # pydantic before 2.14 could not dump it
            uninterrupted(kind.model_rebuild)
        return checked

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        if not self._home:
            if not isinstance(source, type):
                raise TypeError(f"Later marks classes, not {source}")
            self._type = source
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: object, handler: Callable[[core_schema.CoreSchema], AnyDict]
    ) -> AnyDict:
        return handler(self._entry()[2].core_schema)
