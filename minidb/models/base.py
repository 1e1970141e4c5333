"""What every data type of minidb shares: the pydantic base class, unions, and types that are loaded when first met.

`parse` is the one way from a caller's value (a dict, an object of minidb or of qdrant-client) to a validated instance.
Knows nothing of collections or storage; the other modules of `models/`, the doors and the engine call it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, EnumMeta
from functools import partial
from importlib import import_module
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
from pydantic import BaseModel, ConfigDict, Discriminator, GetCoreSchemaHandler, StrictBool, Tag, TypeAdapter
from pydantic_core import core_schema

from minidb import errors
from minidb.models.bounded import Items, guarded, is_many, names_of
from minidb.models.faults import NO_FIELDS, TAGS, bracketed, reading, translate
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
AnyDict: TypeAlias = dict[str, Any]
Payload: TypeAlias = dict[str, Any]
Bool: TypeAlias = StrictBool
Readers: TypeAlias = Mapping[str, Callable[[Any], Any]]

_SCHEMAS_MAY_WAIT = tuple(map(int, pydantic.VERSION.split(".")[:2])) >= (2, 14)
"""Whether an instance may come before the schema of its class; older pydantics could not dump it within an `Any`."""

building = getattr(pydantic.main, "_rebuild_lock", None) or threading.RLock()
"""Who builds a schema holds this. Older pydantics have no lock: threads at once met what others had half made."""


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
    plain: ClassVar[Readers] = {}
    """What reads the usual values of a field: it gives the value that is kept, or None, which leaves it to the schema.

    An instance of usual values needs no schema. The first that a process builds takes 100 million instructions, since
    pydantic looks for plug-ins: a quarter of `import numpy`.
    """

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
            names = names_of(inner["fields"])
            guard = guarded(names, cls.closed)
            model["schema"] = core_schema.no_info_wrap_validator_function(guard, model["schema"])
        return schema

    @classmethod
    def of_plain(cls, data: Mapping[str, Any]) -> Self | None:
        """An instance of usual values (`plain`); None if another value is among them."""
        fields = _plain_fields(cls, data)
        return None if fields is None else cls.__new__(cls)._holding(fields, data)

    def _holding(self, fields: AnyDict, given: Iterable[str]) -> Self:
        keep = object.__setattr__
        keep(self, "__dict__", fields)
        keep(self, "__pydantic_fields_set__", {*given})
        keep(self, "__pydantic_extra__", None)
        keep(self, "__pydantic_private__", None)
        return self

    if not TYPE_CHECKING:

        def __init__(self, /, *values: Any, **data: Any) -> None:
            if values:
                fields = ", ".join(f"{name}=…" for name in [*type(self).model_fields][: max(2, len(values))])
                raise TypeError(f"fields go by name: {type(self).__name__}({fields})")
            if _SCHEMAS_MAY_WAIT and (fields := _plain_fields(type(self), data)) is not None:
                self._holding(fields, data)
                return
            reading.errors, reading.fields = 0, NO_FIELDS
            try:
                self.__pydantic_validator__.validate_python(data, self_instance=self)
            except pydantic.ValidationError as error:
                raise translate(error) from None

        __init__.__pydantic_base_init__ = True  # otherwise pydantic would call it for every nested model too

        @classmethod
        def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
            with building:
                return super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """An instance from a dict, from an instance, or from any object with the same attributes."""
        reading.errors, reading.fields = 0, NO_FIELDS
        try:
            return super().model_validate(obj, **options)
        except pydantic.ValidationError as error:
            raise translate(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """An instance from JSON text."""
        reading.errors, reading.fields = 0, NO_FIELDS
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


_no_fields: dict[type[Model], AnyDict] = {}


def _plain_fields(cls: type[Model], data: Mapping[str, Any]) -> AnyDict | None:
    """All fields of an instance of `cls`, or None: see `Model.plain`. A subclass may check more, and is not read so."""
    readers: Readers | None = cls.__dict__.get("plain")
    if readers is None:
        return None
    blank = _no_fields.get(cls)
    if blank is None:
        blank = _no_fields[cls] = {name: field.default for name, field in cls.model_fields.items()}
    if not data.keys() <= blank.keys():
        return None
    fields = {**blank, **data}
    for name, value in fields.items():
        if value is None and blank[name] is None:
            continue
        value = readers[name](value) if name in readers else None
        if value is None:
            return None
        fields[name] = value
    return fields


def only(*kinds: type) -> Callable[[Any], Any]:
    """Reads values of these very types as they are; for `Model.plain`."""
    return lambda value: value if type(value) in kinds else None


def made(module: str, *names: str) -> Callable[[Any], Any]:
    """Reads models of these names, which were checked when they were made; for `Model.plain`. Loads nothing."""
    home = f"minidb.models.{module}"
    return lambda value: value if type(value).__name__ in names and type(value).__module__ == home else None


def one_or_many(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads what `reader` does, or a list of it; for `Model.plain`."""

    def read(value: Any) -> Any:
        if type(value) is not list:
            return reader(value)
        read_ones = [reader(one) for one in value]
        return None if any(one is None for one in read_ones) else read_ones

    return read


def plain_payload(value: Any) -> Payload | None:
    """Reads an object whose keys are ordinary texts; for `Model.plain`."""
    are_texts = type(value) is dict and {*map(type, value)} <= {str} and all(map(str.isascii, value))
    return value.copy() if are_texts else None


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


# Unions


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
    names = {name: bracketed(name) for name in (*keys.values(), *members)}
    by_key = {key: names[name] for key, name in keys.items()}

    def choose(value: Any) -> str | None:
        known = names.get(type(value).__name__)
        if known is not None:
            return known
        if other is not None:
            member = other(value)
            if member is not None:
                return TAGS[member]
        if isinstance(value, dict):
            return next((tag for key, tag in by_key.items() if key in value), None)
        if value is None or isinstance(value, (str, int, float, list, tuple)):
            return None
        return next((tag for key, tag in by_key.items() if hasattr(value, key)), None)

    return Discriminator(choose, custom_error_type="wrong_shape", custom_error_message=f"Expected {expected}")


def tag(name: str) -> Tag:
    """The tag of a union's member: the name of its class, or any word that the union's `other` returns."""
    return Tag(bracketed(name))


OneOrMany: TypeAlias = Annotated[
    Annotated[Items[T], tag("many")] | Annotated[T, tag("one")],
    Discriminator(lambda value: "<many>" if is_many(value) else "<one>"),
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
    with building:
        entry = _entries.get(type_)
        if entry is None:
            if is_class(type_) and issubclass(type_, BaseModel):
                type_.model_rebuild()  # else the adapter would build a schema that the class does not keep
            entry = (type_, frozenset(_classes(type_)), TypeAdapter(type_))
            _entries[type_] = _entries_by_id[id(type_)] = entry
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
    reading.errors, reading.fields, reading.is_forgiving, reading.starts = 0, NO_FIELDS, forgiving, starts
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        raise translate(error, (root or getattr(type_, "__name__", "")) if forgiving else "", value, starts) from None
    finally:
        reading.is_forgiving, reading.starts = False, ()


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
