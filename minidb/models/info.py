"""What a collection's info shows: its state, sizes, settings and payload indexes."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import StrictStr

from minidb.models.base import Model, StrEnum, one_of, tag
from minidb.models.collections import CollectionConfig
from minidb.models.datetimes import Datetime
from minidb.models.indexes import PayloadIndexInfo
from minidb.models.numbers import UInt


class CollectionStatus(StrEnum):
    """Green: ready; yellow: optimizing; grey: would optimize at the next update; red: something failed."""

    GREEN = "green"
    YELLOW = "yellow"
    GREY = "grey"
    RED = "red"


class OptimizersStatusOneOf(StrEnum):
    """All is well."""

    OK = "ok"


class OptimizersStatusOneOf1(Model):
    """An optimizer failed."""

    error: StrictStr


OptimizersStatus: TypeAlias = Annotated[
    Annotated[OptimizersStatusOneOf, tag("OptimizersStatusOneOf")]
    | Annotated[OptimizersStatusOneOf1, tag("OptimizersStatusOneOf1")],
    one_of(
        '"ok" or an object with error',
        {"error": "OptimizersStatusOneOf1"},
        lambda value: "OptimizersStatusOneOf" if isinstance(value, str) else None,
        ("OptimizersStatusOneOf",),
    ),
]


class CollectionWarning(Model):
    """Something the user should know of a collection."""

    message: StrictStr


class UpdateQueueInfo(Model):
    """Updates that wait."""

    length: UInt
    deferred_points: UInt | None = None


class CollectionInfo(Model):
    """State, size, settings and payload indexes of a collection."""

    status: CollectionStatus
    optimizer_status: OptimizersStatus
    warnings: list[CollectionWarning] | None = None
    indexed_vectors_count: UInt | None = None
    points_count: UInt | None = None
    segments_count: UInt
    config: CollectionConfig
    payload_schema: dict[StrictStr, PayloadIndexInfo]
    update_queue: UpdateQueueInfo | None = None
    created_at: Datetime | None = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """In a line or two: of the settings, which are long, only vectors and payload indexes."""
        from minidb.models.notebook import summary

        return list(summary(self).items())

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.collection(self)
