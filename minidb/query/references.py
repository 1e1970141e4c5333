"""Vectors a query names or gives: ids become the vectors of points, here or in the collection of `lookup_from`.

Every point of the searched collection a query refers to is noted, since it may not be among the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidb import models
from minidb.collection.encode import multi_matrix, sparse_arrays
from minidb.collection.fields import Kind, VectorField, field_named, wrong_kind
from minidb.collection.reads import PointReader
from minidb.errors import NotFound
from minidb.models.base import as_list
from minidb.query.vectors import (
    QueryVector,
    SparseQuery,
    as_compared,
    check_fits,
    prepare,
    prepared,
    raw_dense,
    stored_vector,
)

Lookup = Callable[[str], PointReader]
"""A reader of another collection, for `lookup_from`."""

__all__ = ["Kind", "Lookup", "RawVector", "References", "Source"]


class RawVector(NamedTuple):
    """An example before normalisation, as averages want it."""

    kind: Kind
    numbers: QueryVector


class References:
    """The points one request refers to, over all its levels."""

    def __init__(self, reader: PointReader, lookup: Lookup) -> None:
        self.reader = reader
        self._lookup = lookup
        self.excluded: list[int] = []

    def source(self, using: str | None, lookup_from: models.LookupLocation | None) -> Source:
        """Where the vectors of one level's query come from. Raises `BadInput` for an unknown vector name."""
        return Source(self, field_named(self.reader.view.fields, using or ""), lookup_from)

    def check(self, requests: Sequence[Any]) -> None:
        """Refuse requests that name, on any level, what is not there: first collections, then points, then vectors.

        Qdrant fetches what a whole batch refers to before it looks at anything else.
        """
        levels: list[Any] = []
        for request in requests:
            levels += _levels(request)
        for level in levels:
            if level.lookup_from is not None:
                self.of_collection(level.lookup_from.collection)
        vectors: list[tuple[PointReader, str]] = []
        for level in levels:
            named = () if isinstance(level.query, (list, np.ndarray)) else named_points(level.query)  # most name none
            if named:
                location = level.lookup_from
                reader = self.reader if location is None else self.of_collection(location.collection)
                for given in named:
                    row_of_named(reader, given)
                name = None if location is None else location.vector
                vectors.append((reader, (level.using or "") if name is None else name))
        for reader, name in vectors:
            field_named(reader.view.fields, name)

    def of_collection(self, name: str) -> PointReader:
        return self.reader if name == self.reader.collection.name else self._lookup(name)


class Source:
    """Turns the vector inputs of one level into vectors to compare `field` with."""

    def __init__(self, references: References, field: VectorField, lookup_from: models.LookupLocation | None) -> None:
        self.field = field
        self._references = references
        self._lookup_from = lookup_from
        self._place: tuple[PointReader, VectorField] | None = None

    def vector(self, given: Any) -> QueryVector:
        """The vector of an input, ready to be compared with what is stored."""
        if not is_id(given):
            return prepare(self.field, given)
        stored = self._stored(given)
        if self._lookup_place()[1] is self.field:
            return as_compared(self.field, stored.numbers)
        return prepared(self.field, stored.kind, stored.numbers)

    def raw(self, given: Any) -> RawVector:
        """The vector of an input as it was stored or given."""
        if is_id(given):
            return self._stored(given)
        if isinstance(given, models.SparseVector):
            if self.field.kind != "sparse":
                raise wrong_kind(self.field, given, "sparse and regular")
            return RawVector("sparse", SparseQuery(*sparse_arrays(self.field, given)))
        if self.field.kind == "sparse":
            raise wrong_kind(self.field, given, "sparse and regular")
        if len(given) and np.ndim(given[0]):
            if self.field.kind == "dense":
                raise wrong_kind(self.field, given, "multi and regular")
            return RawVector("multi", multi_matrix(self.field, given))
        return RawVector("dense", raw_dense(self.field, given))

    def _stored(self, given: Any) -> RawVector:
        reader, looked_up = self._lookup_place()
        row = row_of_named(reader, given)
        if reader is self._references.reader:
            self._references.excluded.append(row)
        numbers = stored_vector(reader, looked_up, row)
        check_fits(self.field, looked_up)
        return RawVector(looked_up.kind, numbers)

    def _lookup_place(self) -> tuple[PointReader, VectorField]:
        """The collection and the field ids are looked up in; asked for only when there are ids."""
        if self._place is None:
            reader, name = self._references.reader, self.field.name
            location = self._lookup_from
            if location is not None:
                name = name if location.vector is None else location.vector
                reader = self._references.of_collection(location.collection)
            self._place = reader, field_named(reader.view.fields, name)
        return self._place


def row_of_named(reader: PointReader, given: Any) -> int:
    """The row of a point a query names. Raises `NotFound`."""
    point_id = models.normalize_id(given)
    row = reader.row_of(point_id)
    if row is None:
        raise NotFound(f"No point with id {point_id} found")
    return row


def _levels(request: Any) -> list[Any]:
    """A request and all prefetches below it, each before what is below it."""
    levels = [request]
    if request.prefetch is not None:
        for prefetch in as_list(request.prefetch):
            levels += _levels(prefetch)
    return levels


def named_points(query: Any) -> list[Any]:
    """The ids in a query, in the order in which they are looked up."""
    match query:
        case models.NearestQuery():
            given = [query.nearest]
        case models.RecommendQuery():
            given = [*(query.recommend.positive or ()), *(query.recommend.negative or ())]
        case models.DiscoverQuery():
            given = [query.discover.target, *_of_pairs(query.discover.context)]
        case models.ContextQuery():
            given = _of_pairs(query.context)
        case models.RelevanceFeedbackQuery():
            feedback = query.relevance_feedback
            given = [feedback.target, *(item.example for item in feedback.feedback)]
        case _:
            given = [query]
    return [one for one in given if is_id(one)]


def _of_pairs(context: models.ContextInput | None) -> list[Any]:
    return [given for pair in as_list(context) for given in (pair.positive, pair.negative)]


def is_id(given: object) -> bool:
    """Whether a vector input names a point."""
    return isinstance(given, (int, str)) or type(given).__name__ == "UUID"
