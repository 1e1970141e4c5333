"""What the methods of the client take, for type checkers and editors: imported by nothing that runs.

Wider than the fields of the models of the same name: any sequence of numbers is a vector, any array is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from minidb import models


class Array(Protocol):
    """An array of numpy's, or what numpy can read: of torch, jax, pandas, polars, pyarrow."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


class SparseMatrix(Protocol):
    """A sparse matrix or array of scipy's."""

    def tocoo(self, *args: Any, **kwargs: Any) -> Any: ...


PointId: TypeAlias = int | str | UUID
PointIds: TypeAlias = Sequence[int] | Sequence[str] | Sequence[UUID] | Sequence[PointId] | Array
PointsSelector: TypeAlias = (
    PointId
    | PointIds
    | Iterable[PointId]
    | models.Filter
    | models.PointIdsList
    | models.FilterSelector
    | Mapping[str, Any]
)
"""Ids, or a filter."""

InferenceInput: TypeAlias = models.Document | models.Image | models.InferenceObject
Vector: TypeAlias = (
    Sequence[float] | Sequence[Sequence[float]] | Array | SparseMatrix | models.SparseVector | InferenceInput
)
"""Dense, multi- or sparse, or what a model makes one of."""
Vectors: TypeAlias = (
    Array | SparseMatrix | Iterable[Vector | Mapping[str, Vector]] | Mapping[str, Array | Iterable[Vector]]
)
"""Of many points: a matrix, a vector or an object of named ones for each, or a column for each name."""

QueryObject: TypeAlias = (
    models.NearestQuery
    | models.RecommendQuery
    | models.DiscoverQuery
    | models.ContextQuery
    | models.OrderByQuery
    | models.FusionQuery
    | models.RrfQuery
    | models.FormulaQuery
    | models.SampleQuery
    | models.RelevanceFeedbackQuery
    | models.TextQuery
)
Query: TypeAlias = Vector | PointId | QueryObject
Prefetch: TypeAlias = models.Prefetch | Sequence[models.Prefetch]

Names: TypeAlias = list[str] | tuple[str, ...]
WithPayload: TypeAlias = bool | Names | models.PayloadSelectorInclude | models.PayloadSelectorExclude
WithVectors: TypeAlias = bool | Names
OrderBy: TypeAlias = str | models.OrderBy
WithLookup: TypeAlias = str | models.WithLookup
UpdateMode: TypeAlias = models.UpdateMode | Literal["upsert", "insert_only", "update_only"]
SnapshotPriority: TypeAlias = models.SnapshotPriority | Literal["no_sync", "snapshot", "replica"]

FieldType: TypeAlias = (
    models.PayloadSchemaType | Literal["keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid"]
)
FieldSchema: TypeAlias = (
    FieldType
    | models.KeywordIndexParams
    | models.IntegerIndexParams
    | models.FloatIndexParams
    | models.GeoIndexParams
    | models.TextIndexParams
    | models.BoolIndexParams
    | models.DatetimeIndexParams
    | models.UuidIndexParams
)
