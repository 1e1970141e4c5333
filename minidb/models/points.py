"""Points, their upsert, and what to return of them. Other writes are in `updates`, other choices in `selections`."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import AliasChoices, Field, StrictStr
from typing_extensions import TypeAliasType

from minidb.models.base import Later, Model, Payload, Readers, StrEnum, one_of, only, plain_payload, tag
from minidb.models.bounded import Items, is_many
from minidb.models.numbers import UInt
from minidb.models.vectors import ExtendedPointId, VectorStruct, plain_id, plain_vectors

if TYPE_CHECKING:
    from minidb.models.filters import Filter
    from minidb.models.selections import PayloadSelectorExclude, PayloadSelectorInclude, ShardKeyWithFallback
    from minidb.models.updates import PointsBatch
else:
    Filter = Annotated[Any, Later("filters.Filter")]
    PayloadSelectorExclude = Annotated[Any, Later("selections.PayloadSelectorExclude")]
    PayloadSelectorInclude = Annotated[Any, Later("selections.PayloadSelectorInclude")]
    ShardKeyWithFallback = Annotated[Any, Later("selections.ShardKeyWithFallback")]
    PointsBatch = Annotated[Any, Later("updates.PointsBatch")]

# Shard keys: accepted everywhere, meaningless on one node


def _shard_key_kind(value: Any) -> str | None:
    return "str" if isinstance(value, str) else "int" if type(value) is int else None


ShardKey: TypeAlias = Annotated[
    Annotated[UInt, tag("int")] | Annotated[StrictStr, tag("str")],
    one_of("a shard key (string or integer)", {}, _shard_key_kind, ("int", "str")),
]


def _shard_kind(value: Any) -> str | None:
    return "list" if is_many(value) else "key" if isinstance(value, (int, str)) else None


ShardKeySelector = TypeAliasType(
    "ShardKeySelector",
    Annotated[
        Annotated[ShardKey, tag("key")]
        | Annotated[Items[ShardKey], tag("list")]
        | Annotated[ShardKeyWithFallback, tag("ShardKeyWithFallback")],
        one_of("a shard key, a list of them, or target and fallback", {"target": "ShardKeyWithFallback"}, _shard_kind),
    ],
)


# Points


class PointStruct(Model):
    """A point: id, vector (or several by name), payload."""

    plain: ClassVar[Readers] = {"id": plain_id, "vector": plain_vectors, "payload": plain_payload}

    id: ExtendedPointId
    vector: VectorStruct = Field(validation_alias=AliasChoices("vector", "vectors"))
    payload: Payload | None = None


class UpdateMode(StrEnum):
    """Which points an upsert may touch."""

    UPSERT = "upsert"
    INSERT_ONLY = "insert_only"
    UPDATE_ONLY = "update_only"


def _plain_points(value: Any) -> list[PointStruct] | None:
    return value.copy() if type(value) is list and {*map(type, value)} == {PointStruct} else None


class PointsList(Model):
    """An upsert by point."""

    plain: ClassVar[Readers] = {"points": _plain_points}

    points: Items[PointStruct]
    shard_key: ShardKeySelector | None = None
    update_filter: Filter | None = None
    update_mode: UpdateMode | None = None


PointInsertOperations: TypeAlias = Annotated[
    Annotated[PointsBatch, tag("PointsBatch")] | Annotated[PointsList, tag("PointsList")],
    one_of("points or batch: Invalid PointInsertOperations format", {"batch": "PointsBatch", "points": "PointsList"}),
]


class UpsertOperation(Model):
    """An upsert within a batch."""

    plain: ClassVar[Readers] = {"upsert": only(PointsList)}

    upsert: PointInsertOperations


def _selector_kind(value: Any) -> str | None:
    return "bool" if isinstance(value, bool) else "names" if is_many(value) else None


WithPayloadInterface: TypeAlias = Annotated[
    Annotated[bool, tag("bool")]
    | Annotated[Items[StrictStr], tag("names")]
    | Annotated[PayloadSelectorInclude, tag("PayloadSelectorInclude")]
    | Annotated[PayloadSelectorExclude, tag("PayloadSelectorExclude")],
    one_of(
        "a bool, a list of paths, include or exclude",
        {"include": "PayloadSelectorInclude", "exclude": "PayloadSelectorExclude"},
        _selector_kind,
    ),
]
WithVector: TypeAlias = Annotated[
    Annotated[bool, tag("bool")] | Annotated[Items[StrictStr], tag("names")],
    one_of("a bool or a list of vector names", {}, _selector_kind),
]
