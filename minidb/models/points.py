"""Points and the requests that write or select them: upsert, delete, payload and vector updates, batches of these."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field, StrictStr, model_validator
from typing_extensions import Self, TypeAliasType

from minidb.models.base import Items, Later, Model, Payload, StrEnum, UInt, one_of, out_of_range, tag
from minidb.models.vectors import BatchVectorStruct, ExtendedPointId, VectorStruct

if TYPE_CHECKING:
    from minidb.models.filters import Filter
else:
    Filter = Annotated[Any, Later("filters.Filter")]

# Shard keys: accepted everywhere, meaningless on one node


def _shard_key_kind(value: Any) -> str | None:
    return "str" if isinstance(value, str) else "int" if type(value) is int else None


ShardKey: TypeAlias = Annotated[
    Annotated[UInt, tag("int")] | Annotated[StrictStr, tag("str")],
    one_of("a shard key (string or integer)", {}, _shard_key_kind, ("int", "str")),
]


class ShardKeyWithFallback(Model):
    """A shard key, and the one to use while it is not ready."""

    target: ShardKey
    fallback: ShardKey


def _shard_kind(value: Any) -> str | None:
    return "list" if isinstance(value, (list, tuple)) else "key" if isinstance(value, (int, str)) else None


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

    id: ExtendedPointId
    vector: VectorStruct = Field(validation_alias=AliasChoices("vector", "vectors"))
    payload: Payload | None = None


class PointVectors(Model):
    """New vectors of an existing point."""

    id: ExtendedPointId
    vector: VectorStruct = Field(validation_alias=AliasChoices("vector", "vectors"))


class Batch(Model):
    """Points by column: ids, vectors (a list or array, or one for each name) and payloads.

    A list of dicts, which hold the vectors of a point by name, becomes columns with None where a point has no vector.
    """

    ids: Items[ExtendedPointId]
    vectors: BatchVectorStruct
    payloads: Items[Payload | None] | None = None

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        count = len(self.ids)
        columns = self.vectors.values() if isinstance(self.vectors, dict) else (self.vectors,)
        for column in columns:
            if len(column) != count:
                raise out_of_range(f"number of ids and vectors must be equal ({count} != {len(column)})", "batch")
        if self.payloads is not None and len(self.payloads) != count:
            raise out_of_range(f"number of ids and payloads must be equal ({count} != {len(self.payloads)})", "batch")
        return self


class UpdateMode(StrEnum):
    """Which points an upsert may touch."""

    UPSERT = "upsert"
    INSERT_ONLY = "insert_only"
    UPDATE_ONLY = "update_only"


class PointsBatch(Model):
    """An upsert by column."""

    batch: Batch
    shard_key: ShardKeySelector | None = None
    update_filter: Filter | None = None
    update_mode: UpdateMode | None = None


class PointsList(Model):
    """An upsert by point."""

    points: Items[PointStruct]
    shard_key: ShardKeySelector | None = None
    update_filter: Filter | None = None
    update_mode: UpdateMode | None = None


PointInsertOperations: TypeAlias = Annotated[
    Annotated[PointsBatch, Later(), tag("PointsBatch")] | Annotated[PointsList, tag("PointsList")],
    one_of("points or batch: Invalid PointInsertOperations format", {"batch": "PointsBatch", "points": "PointsList"}),
]


# Selections


class PointIdsList(Model):
    """Points by id."""

    points: Items[ExtendedPointId]
    shard_key: ShardKeySelector | None = None


class FilterSelector(Model):
    """Points by filter."""

    filter: Filter
    shard_key: ShardKeySelector | None = None


PointsSelector: TypeAlias = Annotated[
    Annotated[PointIdsList, tag("PointIdsList")] | Annotated[FilterSelector, tag("FilterSelector")],
    one_of("points or filter", {"points": "PointIdsList", "filter": "FilterSelector"}),
]


# Updates


def _has_numbers(vector: Any) -> bool:
    """Whether it is anything but a sparse vector without entries; other vectors are never empty."""
    return type(vector).__name__ != "SparseVector" or len(vector.indices) > 0


class UpdateVectors(Model):
    """Replace the named vectors of points, keep their others."""

    points: Items[PointVectors]
    shard_key: ShardKeySelector | None = None
    update_filter: Filter | None = None

    @model_validator(mode="after")
    def _some_vectors(self) -> Self:
        if not self.points:
            raise out_of_range("must specify points to update", "points")
        for at, point in enumerate(self.points):
            if isinstance(point.vector, dict) and not any(map(_has_numbers, point.vector.values())):
                raise out_of_range("must specify vectors to update for point", f"points[{at}].vector")
        return self


class DeleteVectors(Model):
    """Remove the named vectors of points."""

    points: Items[ExtendedPointId] | None = None
    filter: Filter | None = None
    vector: Items[StrictStr] = Field(validation_alias=AliasChoices("vector", "vectors"))
    shard_key: ShardKeySelector | None = None

    @model_validator(mode="after")
    def _some_names(self) -> Self:
        if not self.vector:
            raise out_of_range("must specify vector names to delete", "vector")
        return self


class SetPayload(Model):
    """Merge (or, when overwriting, replace) payload; with `key` at that path."""

    payload: Payload
    points: Items[ExtendedPointId] | None = None
    filter: Filter | None = None
    shard_key: ShardKeySelector | None = None
    key: StrictStr | None = None


class DeletePayload(Model):
    """Remove payload paths."""

    keys: Items[StrictStr]
    points: Items[ExtendedPointId] | None = None
    filter: Filter | None = None
    shard_key: ShardKeySelector | None = None


class UpsertOperation(Model):
    """An upsert within a batch."""

    upsert: PointInsertOperations


class DeleteOperation(Model):
    """A deletion of points within a batch."""

    delete: PointsSelector


class SetPayloadOperation(Model):
    """A merge of payload within a batch."""

    set_payload: SetPayload


class OverwritePayloadOperation(Model):
    """A replacement of payload within a batch."""

    overwrite_payload: SetPayload


class DeletePayloadOperation(Model):
    """A removal of payload paths within a batch."""

    delete_payload: DeletePayload


class ClearPayloadOperation(Model):
    """A removal of all payload within a batch."""

    clear_payload: PointsSelector


class UpdateVectorsOperation(Model):
    """A replacement of vectors within a batch."""

    update_vectors: UpdateVectors


class DeleteVectorsOperation(Model):
    """A removal of vectors within a batch."""

    delete_vectors: DeleteVectors


UpdateOperation: TypeAlias = Annotated[
    Annotated[UpsertOperation, tag("UpsertOperation")]
    | Annotated[DeleteOperation, tag("DeleteOperation")]
    | Annotated[SetPayloadOperation, tag("SetPayloadOperation")]
    | Annotated[OverwritePayloadOperation, tag("OverwritePayloadOperation")]
    | Annotated[DeletePayloadOperation, tag("DeletePayloadOperation")]
    | Annotated[ClearPayloadOperation, tag("ClearPayloadOperation")]
    | Annotated[UpdateVectorsOperation, tag("UpdateVectorsOperation")]
    | Annotated[DeleteVectorsOperation, tag("DeleteVectorsOperation")],
    one_of(
        "one of upsert, delete, set_payload, overwrite_payload, delete_payload, clear_payload, update_vectors, "
        "delete_vectors",
        {
            "upsert": "UpsertOperation",
            "delete": "DeleteOperation",
            "set_payload": "SetPayloadOperation",
            "overwrite_payload": "OverwritePayloadOperation",
            "delete_payload": "DeletePayloadOperation",
            "clear_payload": "ClearPayloadOperation",
            "update_vectors": "UpdateVectorsOperation",
            "delete_vectors": "DeleteVectorsOperation",
        },
    ),
]


class UpdateOperations(Model):
    """A batch of updates, run one after the other."""

    operations: Items[UpdateOperation]


# What to return of a point


class PayloadSelectorInclude(Model):
    """Only these paths."""

    closed = True

    include: Items[StrictStr]


class PayloadSelectorExclude(Model):
    """Everything but these paths."""

    closed = True

    exclude: Items[StrictStr]


PayloadSelector: TypeAlias = Annotated[
    Annotated[PayloadSelectorInclude, tag("PayloadSelectorInclude")]
    | Annotated[PayloadSelectorExclude, tag("PayloadSelectorExclude")],
    one_of("include or exclude", {"include": "PayloadSelectorInclude", "exclude": "PayloadSelectorExclude"}),
]


def _selector_kind(value: Any) -> str | None:
    return "bool" if isinstance(value, bool) else "names" if isinstance(value, (list, tuple)) else None


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


class PointRequest(Model):
    """Points by id, with what to return of them."""

    shard_key: ShardKeySelector | None = None
    ids: Items[ExtendedPointId]
    with_payload: WithPayloadInterface | None = None
    with_vector: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vector", "with_vectors"))
