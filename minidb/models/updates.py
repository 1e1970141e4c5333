"""Writes beside the upsert of points: by column, of payload and vectors, deletions, batches of all of these."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field, StrictStr, model_validator
from typing_extensions import Self

from minidb.models.base import Later, Model, Payload, one_of, tag
from minidb.models.bounded import Items
from minidb.models.faults import n_before, out_of_range
from minidb.models.points import ShardKeySelector, UpdateMode, UpsertOperation
from minidb.models.selections import PointsSelector
from minidb.models.vectors import (
    BatchVectorStruct,
    ExtendedPointId,
    VectorStruct,
)

if TYPE_CHECKING:
    from minidb.models.filters import Filter
else:
    Filter = Annotated[Any, Later("filters.Filter")]


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


class PointsBatch(Model):
    """An upsert by column."""

    batch: Batch
    shard_key: ShardKeySelector | None = None
    update_filter: Filter | None = None
    update_mode: UpdateMode | None = None


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
                raise out_of_range("must specify vectors to update for point", f"points[{n_before() + at}].vector")
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
