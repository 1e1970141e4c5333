"""Points of which some at a time are there: encoded piece by piece, since all of them as JSON's values and as models
would take ten to forty times the request's size.

What is wrong with them is told as if they had been there at once: first what has a wrong form, then what is out of
range, then (by `EncodedPoints`) what does not suit the collection. Called by `bodies` and `grpc.pieces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from minidb import models
from minidb.collection.encode import (
    EncodedPoints,
    FieldColumn,
    Fields,
    PointBatch,
    TextColumn,
    encode_batch,
    encode_points,
    ids_of,
    joined,
    joined_column,
    joined_texts,
)
from minidb.collection.fields import field_named
from minidb.collection.payload_json import NO_PAYLOAD, pack_payloads
from minidb.collection.plain import NotPlain, Pack, pack_json, plain_column, plain_ids, plain_payloads, plain_points
from minidb.errors import MinidbError, ServiceError, ValidationError
from minidb.inference import contains
from minidb.models.base import Payload, parse
from minidb.models.bounded import Items
from minidb.models.vectors import BatchColumn, ExtendedPointId
from minidb.rest.json_text import NotInPieces

_MOST_FAULTS = 16
_FEW = 256
"""Of a piece that is not plain, parts of so many are tried: what takes models is rarely all of it."""
_IDS: Any = Items[ExtendedPointId]
_PAYLOADS: Any = Items[Payload | None]
Read: TypeAlias = Callable[[dict[str, Any], int], Any]
"""From the plain form of a request, and how many points were before those in it, to a model."""


class PointPieces:
    """Points of which some at a time are there.

    Args:
        read: for points that are not plain.
        may_be_bare: whether a point may come without any vector.
    """

    def __init__(self, fields: Fields, read: Read, pack: Pack, may_be_bare: bool = True) -> None:
        self._may_be_bare = may_be_bare
        self._fields, self._read, self._pack = fields, read, pack
        self._batches: list[PointBatch] = []
        self.n_points = 0
        self.faults: list[MinidbError] = []
        """Of form: whoever wrote the request is told of these first."""
        self.error: MinidbError | None = None
        """The first that concerns the collection."""

    def add(self, values: list[Any]) -> None:
        """Raises `NotInPieces` where they hold anything to embed but texts without options."""
        if values and not is_enough(self.faults):
            try:
                self._keep(plain_points(self._fields, values, self._pack, self._may_be_bare))
            except NotPlain:
                if len(values) > _FEW:
                    _in_parts(self.add, values)
                    return
                self._add_models(values)
        self.n_points += len(values)

    def _add_models(self, values: list[Any]) -> None:
        try:
            points = self._read({"points": values}, self.n_points).points
        except MinidbError as fault:
            self.faults.append(fault)
            return
        _check_resolved(points)
        try:
            self._keep(encode_points(dict(self._fields), points))
        except MinidbError as error:
            self.error = self.error or error

    def _keep(self, batch: PointBatch) -> None:
        if self.error is None or batch.texts:  # which are embedded before it is told of
            self._batches.append(batch)

    def batch(self) -> PointBatch:
        """Raises `NotInPieces` where a name has both vectors and texts."""
        return _told_apart(joined(self._batches))


class ColumnPieces:
    """A batch by column, of whose columns some items at a time are there."""

    def __init__(self, fields: Fields, read: Read) -> None:
        self._fields, self._read = fields, read
        self._ids: list[int | str] = []
        self._payloads: list[bytes] = []
        self._columns: dict[str | None, list[FieldColumn]] = {}
        self._texts: dict[str | None, list[TextColumn]] = {}
        self._lengths: dict[str | None, int] = {}
        self._faults: tuple[list[MinidbError], ...] = ([], [], [])
        self.error: MinidbError | None = None

    @property
    def n_points(self) -> int:
        return len(self._ids)

    @property
    def faults(self) -> list[MinidbError]:
        """In the order in which they are found of a batch that is there as a whole."""
        return [fault for faults in self._faults for fault in faults]

    def add_ids(self, values: list[Any]) -> None:
        try:
            self._ids += plain_ids(values)
        except NotPlain:
            if len(values) > _FEW:
                _in_parts(self.add_ids, values)
                return
            ids = self._checked(0, _IDS, values, {"ids": values}, len(self._ids))
            self._ids += values if ids is None else ids_of(ids)

    def add_payloads(self, values: list[Any]) -> None:
        try:
            self._payloads += plain_payloads(values, pack_json)
        except NotPlain:
            if len(values) > _FEW:
                _in_parts(self.add_payloads, values)
                return
            payloads = self._checked(2, _PAYLOADS, values, {"payloads": values}, len(self._payloads))
            self._payloads += [NO_PAYLOAD] * len(values) if payloads is None else pack_payloads(payloads)

    def add_vectors(self, name: str | None, values: list[Any]) -> None:
        """Those of a name; None for those that stand there without one. Raises as `PointPieces.add`."""
        start = self._lengths.setdefault(name, 0)
        if not values:
            return
        try:
            column: FieldColumn | TextColumn | None = plain_column(self._fields, name, values)
        except NotPlain:
            if len(values) > _FEW:
                _in_parts(partial(self.add_vectors, name), values)
                return
            column = self._modelled(name, values, start)
        self._lengths[name] += len(values)
        if column is None:
            return
        column.positions += start
        if isinstance(column, TextColumn):
            self._texts.setdefault(name, []).append(column)
        else:
            self._columns.setdefault(name, []).append(column)

    def _modelled(self, name: str | None, values: list[Any], start: int) -> FieldColumn | None:
        words = {"vectors": values if name is None else {name: values}}
        vectors = self._checked(1, BatchColumn, values, words, start)
        if vectors is None:
            return None
        named = vectors if name is None else {name: vectors}
        batch = models.Batch.model_construct(ids=list(range(len(vectors))), vectors=named, payloads=None)
        _check_resolved(batch)
        try:
            return encode_batch(dict(self._fields), batch).columns[0]
        except MinidbError as error:
            self.error = self.error or error
            return None

    def _checked(self, place: int, type_: Any, values: list[Any], batch: dict[str, Any], start: int) -> Any:
        """Some of a column as models; None when there are faults, which are kept."""
        if is_enough(self._faults[place]):
            return None
        try:
            return parse(type_, values, forgiving=True)
        except MinidbError:
            try:  # the same, at the place where it is told of
                self._read({"batch": {"ids": [], "vectors": [], **batch}}, start)
            except MinidbError as fault:
                self._faults[place].append(fault)
            return None

    def end(self, has_payloads: bool) -> None:
        """Nothing more comes: all columns have to be of one length."""
        vectors: Any = {name: np.broadcast_to(np.float32(0), (n, 1)) for name, n in self._lengths.items()}
        batch = {"ids": [0] * len(self._ids), "vectors": vectors.pop(None, vectors)}
        if has_payloads:
            batch["payloads"] = [None] * len(self._payloads)
        lengths = {len(self._ids), *self._lengths.values(), *([len(self._payloads)] if has_payloads else ())}
        if len(lengths) > 1 and not self.faults:
            try:
                self._read({"batch": batch}, 0)
            except MinidbError as fault:
                self._faults[2].append(fault)

    def batch(self) -> PointBatch:
        payloads = self._payloads or [NO_PAYLOAD] * len(self._ids)
        vectors, texts = map(joined_column, self._columns.values()), map(joined_texts, self._texts.values())
        return _told_apart(PointBatch(self._ids, payloads, [*vectors], [*texts]))


Pieces: TypeAlias = PointPieces | ColumnPieces


def _in_parts(add: Callable[[list[Any]], None], values: list[Any]) -> None:
    for start in range(0, len(values), _FEW):
        add(values[start : start + _FEW])


def _told_apart(batch: PointBatch) -> PointBatch:
    """The batch, whose names have either vectors or texts."""
    names = [column.name for column in batch.texts]
    if len({*names, *(column.field.name for column in batch.columns)}) < len(names) + len(batch.columns):
        raise NotInPieces("some to embed")
    return batch


def _check_resolved(points: object) -> None:
    """What is the same in two pieces is to be embedded once; of what is unusual nothing is known but models."""
    if contains(points):
        raise NotInPieces("something to embed")


def is_enough(faults: list[MinidbError]) -> bool:
    """Whether nothing else would be told: then only whether the text is JSON remains to be seen."""
    return len(faults) >= _MOST_FAULTS or any(not isinstance(fault, ValidationError) for fault in faults)


def raise_faults(faults: Iterable[MinidbError]) -> None:
    """The first wrong shape; if there is none, all that is out of range."""
    ranges: list[str] = []
    for fault in faults:
        if not isinstance(fault, ValidationError):
            raise fault
        ranges.append(fault.message.removeprefix(fault.prefix)[1:-1])
    if ranges:
        raise ValidationError(f"[{'; '.join(ranges[:_MOST_FAULTS])}]")


def encoded(pieces: Pieces, fields: Fields, again: Callable[[Fields], Pieces]) -> EncodedPoints:
    """What takes the place of a request's points.

    Args:
        again: reads them once more.
    """

    batch = pieces.batch()

    def encode(fields: Fields) -> PointBatch:
        try:
            anew = again(fields)
        except NotInPieces:  # there are texts, and vectors whose field is gone, or another
            for column in batch.columns:
                field_named(dict(fields), column.field.name)
            raise ServiceError("The vectors of the collection have been changed meanwhile, please retry") from None
        if anew.error is not None:
            raise anew.error
        return anew.batch()

    return EncodedPoints(pieces.n_points, fields, batch, pieces.error, encode)
