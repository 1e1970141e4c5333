"""Answers of reads and writes: light slotted classes that behave like pydantic models at a fraction of the cost.

Built by `collection/` and `query/`, never validated. They equal qdrant-client's objects of the same name and fields,
and can be handed to any model that reads attributes (a `Record` to `PointStruct.model_validate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy, deepcopy
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from pydantic import BaseModel
from pydantic_core import core_schema

from minidb import errors
from minidb.models.base import AnyDict, Payload, StrEnum, same
from minidb.models.dumping import chosen, picked, plain
from minidb.models.faults import wrong_shape
from minidb.models.vectors import SparseVector, VectorStructOutput

if TYPE_CHECKING:
    from typing_extensions import Self

PointIdOut: TypeAlias = int | str
OrderValue: TypeAlias = int | float
FacetValue: TypeAlias = bool | int | str
GroupId: TypeAlias = int | str


class Result:
    """Base of the light classes: fields are the slots, in the order of qdrant-client's (hence no sorting of slots)."""

    __slots__: ClassVar[Sequence[str]] = ()
    __hash__ = None  # type: ignore[assignment]
    __match_args__ = ()
    _defaults: ClassVar[Mapping[str, Any]] = {}
    _nested: ClassVar[Mapping[str, str]] = {}  # field → name of the class of its value, or of its list's elements

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self.__slots__)

    def __repr__(self) -> str:
        from minidb.models.notebook import short  # which most programs never show

        return f"{type(self).__name__}({', '.join(f'{name}={short(value)}' for name, value in self)})"

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.fields(dict(self))

    def __eq__(self, other: object) -> bool:
        if type(other).__name__ != type(self).__name__:
            return NotImplemented
        try:
            return all(_alike(value, getattr(other, name)) for name, value in self)
        except AttributeError:
            return False

    def model_dump(
        self,
        *,
        mode: str = "python",
        include: Any = None,
        exclude: Any = None,
        exclude_none: bool = False,
        exclude_defaults: bool = False,
        exclude_unset: bool = False,
        **_: Any,
    ) -> AnyDict:
        """The fields as a dict, nested ones too; `mode="json"` turns arrays into lists.

        Which fields were set is not remembered: `exclude_unset` leaves out those that have their default.
        """
        json = mode == "json"
        dump = {}
        for name, value, *rules in chosen(self, include, exclude):
            if value is None and (exclude_none or ((exclude_defaults or exclude_unset) and name in self._defaults)):
                continue
            dump[name] = picked(value, json, exclude_none, *rules)
        return dump

    def model_dump_json(self, *, indent: int | None = None, **options: Any) -> str:
        """The fields as JSON text."""
        import json

        separators = (",", ":") if indent is None else None
        return json.dumps(
            self.model_dump(mode="json", **options), indent=indent, separators=separators, ensure_ascii=False
        )

    def dict(self, **options: Any) -> AnyDict:
        """`model_dump` under the name that it had in pydantic 1, which its models still answer to."""
        return self.model_dump(**options)

    def json(self, **options: Any) -> str:
        """`model_dump_json`, likewise."""
        return self.model_dump_json(**options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        """An instance from JSON text."""
        import json

        return cls.model_validate(json.loads(json_data))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced."""
        other = deepcopy(self) if deep else copy(self)
        for name, value in (update or {}).items():
            setattr(other, name, value)
        return other

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """An instance from a dict or from any object with the same attributes.

        Raises:
            errors.FormatError: a field is unknown or missing.
        """
        if type(obj) is cls:
            return obj
        if isinstance(obj, dict):
            fields = obj
            unknown = next((name for name in fields if name not in cls.__slots__), None)
            if unknown is not None:
                raise errors.FormatError(f"unknown field `{unknown}` in {cls.__name__}")
        else:
            fields = {name: getattr(obj, name) for name in cls.__slots__ if hasattr(obj, name)}
        missing = next((name for name in cls.__slots__ if name not in fields and name not in cls._defaults), None)
        if missing is not None:
            raise errors.FormatError(f"missing field `{missing}` in {cls.__name__}")
        return cls(**{name: _nested(cls._nested.get(name), value) for name, value in fields.items()})

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validator(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(_serialize, info_arg=True),
        )


def _serialize(value: Any, info: Any) -> Any:
    return plain(value, info.mode == "json", bool(info.exclude_none))


def _validator(cls: type[Result]) -> Any:
    def validate(value: Any) -> Result:
        try:
            return cls.model_validate(value)
        except errors.FormatError as error:
            raise wrong_shape(error.message.removeprefix(errors.FormatError.prefix)) from None

    return validate


def _nested(name: str | None, value: Any) -> Any:
    if name is None or value is None:
        return value
    if name == "SparseVector":
        return {key: _sparse(entry) for key, entry in value.items()} if isinstance(value, dict) else value
    cls = globals()[name]
    if isinstance(cls, type) and issubclass(cls, Enum):
        return cls(value)
    return [cls.model_validate(entry) for entry in value] if isinstance(value, list) else cls.model_validate(value)


def _sparse(value: Any) -> Any:
    """A named vector of another library's making, with its sparse form as ours."""
    is_sparse = "indices" in value if isinstance(value, dict) else hasattr(value, "indices")
    return SparseVector.model_validate(value) if is_sparse else value


def _alike(a: Any, b: Any) -> bool:
    """Equality across minidb's and qdrant-client's classes."""
    if isinstance(a, BaseModel) and isinstance(b, BaseModel):
        return type(a).__name__ == type(b).__name__ and _alike(a.__dict__, b.__dict__)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(value, b[key]) for key, value in a.items())
    return same(a, b)


_POINT_DEFAULTS = {"payload": None, "vector": None, "shard_key": None, "order_value": None}


class Record(Result):
    """A stored point."""

    __slots__ = ("id", "payload", "vector", "shard_key", "order_value")  # noqa: RUF023
    _defaults: ClassVar[Mapping[str, Any]] = _POINT_DEFAULTS
    _nested: ClassVar[Mapping[str, str]] = {"vector": "SparseVector"}

    def __init__(
        self,
        id: PointIdOut,
        payload: Payload | None = None,
        vector: VectorStructOutput | None = None,
        shard_key: int | str | None = None,
        order_value: OrderValue | None = None,
    ) -> None:
        self.id = id
        self.payload = payload
        self.vector = vector
        self.shard_key = shard_key
        self.order_value = order_value

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.points([self])


class ScoredPoint(Result):
    """A stored point found by a query, with its score."""

    __slots__ = ("id", "version", "score", "payload", "vector", "shard_key", "order_value")  # noqa: RUF023
    _defaults: ClassVar[Mapping[str, Any]] = _POINT_DEFAULTS
    _nested: ClassVar[Mapping[str, str]] = {"vector": "SparseVector"}

    def __init__(
        self,
        id: PointIdOut,
        version: int,
        score: float,
        payload: Payload | None = None,
        vector: VectorStructOutput | None = None,
        shard_key: int | str | None = None,
        order_value: OrderValue | None = None,
    ) -> None:
        self.id = id
        self.version = version
        self.score = score
        self.payload = payload
        self.vector = vector
        self.shard_key = shard_key
        self.order_value = order_value

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.points([self])


_Point = TypeVar("_Point", Record, ScoredPoint)


def with_lists(points: list[_Point]) -> list[_Point]:
    """Points as callers of the Python doors see them: their vectors, which are read as arrays, are lists."""
    for point in points:
        vector: Any = point.vector
        if isinstance(vector, dict):
            point.vector = {name: _listed(part) for name, part in vector.items()}
        elif vector is not None:
            point.vector = _listed(vector)
    return points


def _listed(vector: Any) -> Any:
    return vector.tolist() if isinstance(vector, np.ndarray) else vector


class QueryResponse(Result):
    """The hits of a query, best first."""

    __slots__ = ("points",)
    _nested: ClassVar[Mapping[str, str]] = {"points": "ScoredPoint"}

    def __init__(self, points: list[ScoredPoint]) -> None:
        self.points = points

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.points(self.points)


class PointGroup(Result):
    """The hits that share a payload value, and the point that describes the group."""

    __slots__ = ("hits", "id", "lookup")
    _defaults: ClassVar[Mapping[str, Any]] = {"lookup": None}
    _nested: ClassVar[Mapping[str, str]] = {"hits": "ScoredPoint", "lookup": "Record"}

    def __init__(self, hits: list[ScoredPoint], id: GroupId, lookup: Record | None = None) -> None:
        self.hits = hits
        self.id = id
        self.lookup = lookup

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.groups([self])


class GroupsResult(Result):
    """Groups, the one with the best hit first."""

    __slots__ = ("groups",)
    _nested: ClassVar[Mapping[str, str]] = {"groups": "PointGroup"}

    def __init__(self, groups: list[PointGroup]) -> None:
        self.groups = groups

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.groups(self.groups)


class ScrollResult(Result):
    """A page of points, and the id the next one begins with."""

    __slots__ = ("points", "next_page_offset")  # noqa: RUF023
    _defaults: ClassVar[Mapping[str, Any]] = {"next_page_offset": None}
    _nested: ClassVar[Mapping[str, str]] = {"points": "Record"}

    def __init__(self, points: list[Record], next_page_offset: PointIdOut | None = None) -> None:
        self.points = points
        self.next_page_offset = next_page_offset

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.points(self.points)


class CountResult(Result):
    """A number of points."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count


class FacetValueHit(Result):
    """A payload value and the number of points that have it."""

    __slots__ = ("value", "count")  # noqa: RUF023

    def __init__(self, value: FacetValue, count: int) -> None:
        self.value = value
        self.count = count


class FacetResponse(Result):
    """Payload values, the most frequent first."""

    __slots__ = ("hits",)
    _nested: ClassVar[Mapping[str, str]] = {"hits": "FacetValueHit"}

    def __init__(self, hits: list[FacetValueHit]) -> None:
        self.hits = hits


class SearchMatrixPair(Result):
    """Two points and their score."""

    __slots__ = ("a", "b", "score")

    def __init__(self, a: PointIdOut, b: PointIdOut, score: float) -> None:
        self.a = a
        self.b = b
        self.score = score


class SearchMatrixPairsResponse(Result):
    """A distance matrix as a list of pairs."""

    __slots__ = ("pairs",)
    _nested: ClassVar[Mapping[str, str]] = {"pairs": "SearchMatrixPair"}

    def __init__(self, pairs: list[SearchMatrixPair]) -> None:
        self.pairs = pairs


class SearchMatrixOffsetsResponse(Result):
    """A distance matrix in coordinate form: rows and columns are positions in `ids`."""

    __slots__ = ("offsets_row", "offsets_col", "scores", "ids")  # noqa: RUF023

    def __init__(
        self, offsets_row: list[int], offsets_col: list[int], scores: list[float], ids: list[PointIdOut]
    ) -> None:
        self.offsets_row = offsets_row
        self.offsets_col = offsets_col
        self.scores = scores
        self.ids = ids


class UpdateStatus(StrEnum):
    """How far an update has got."""

    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    WAIT_TIMEOUT = "wait_timeout"


class UpdateResult(Result):
    """An update's number and how far it has got."""

    __slots__ = ("operation_id", "status")
    _defaults: ClassVar[Mapping[str, Any]] = {"operation_id": None}
    _nested: ClassVar[Mapping[str, str]] = {"status": "UpdateStatus"}

    def __init__(self, operation_id: int | None = None, status: UpdateStatus = UpdateStatus.COMPLETED) -> None:
        self.operation_id = operation_id
        self.status = status
