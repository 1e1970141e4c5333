"""Large upserts, read from their text piece by piece: as JSON's values and as models all points at once would take ten
to forty times the body's size.

A piece goes the way that a small body goes. Where anything is unusual, or wrong, there are no pieces: the body is then
read as a whole, so that all errors come from one place. Called by `points`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from minidb import models
from minidb.collection.encode import (
    NO_PAYLOAD,
    FieldColumn,
    PointBatch,
    encode_batch,
    encode_points,
    ids_of,
    joined,
    pack_payloads,
)
from minidb.collection.fields import VectorField
from minidb.database import Database
from minidb.errors import FormatError, MinidbError
from minidb.inference import contains
from minidb.models.base import Payload, parse
from minidb.models.bounded import Items
from minidb.models.vectors import BatchColumn, ExtendedPointId
from minidb.rest.encoding import loads

T = TypeVar("T")
_Array: TypeAlias = list[Callable[[], list[Any]]]
"""An array in pieces, each of which is read when it is called."""

LEAST_BYTES = 1 << 19
"""A smaller body is read as a whole."""
_PIECE_BYTES = 1 << 18
_MOST_BYTES = 1 << 21
"""Of a piece, where items are large."""
_MOST_TRIES = 4
"""At places that look like an end of an item, but lie within it."""
_IDS: Any = Items[ExtendedPointId]
_PAYLOADS: Any = Items[Payload | None]
_POINTS = re.compile(rb'\s*\{\s*"points"\s*:\s*\[\s*')
_BATCH = re.compile(rb'\s*\{\s*"batch"\s*:\s*\{\s*')
_FIRST = {b"{": (rb"\{", rb"\}"), b"[": (rb"\[", rb"\]"), b'"': (rb'"', rb'"')}
_SCALAR = rb"[^,\[\]{}]*"
_KEYS = re.compile(rb'\{\s*("\w*")\s*:\s*%b(,\s*"\w*")' % _SCALAR)
_BRACKETS = re.compile(rb"(?:\[\s*)+")
_KEY = re.compile(rb'"(ids|vectors|payloads)"\s*:\s*')
_NAME = re.compile(rb'"([\w-]*)"\s*:\s*')
_ARRAY, _OBJECT, _COMMA, _END = (re.compile(sign) for sign in (rb"\[\s*", rb"\{\s*", rb"\s*,\s*", rb"\s*\}"))


def read_upsert(database: Database, collection: str, body: bytes) -> models.PointsList | None:
    """A large upsert, whose points are encoded; None where it is to be read as a whole."""
    if len(body) < LEAST_BYTES:
        return None
    try:
        text = _Upsert(body)
    except MinidbError:
        return None
    return encoded(database, collection, text.encode, text.beside)


def encoded(
    database: Database,
    collection: str,
    encode: Callable[[Mapping[str, VectorField]], PointBatch],
    beside: models.PointsList | models.PointsBatch,
) -> models.PointsList | None:
    """An upsert of encoded points, with what stands beside them; None where they are to be seen as a whole."""
    points: Any = database.encoded(collection, encode)
    if points is None:
        return None
    others = {name: getattr(beside, name) for name in ("shard_key", "update_filter", "update_mode")}
    return models.PointsList.model_construct(points=points, **others)


class _Upsert:
    """The text of an upsert, by point or by column. Raises `MinidbError` when it is not read in pieces."""

    def __init__(self, text: bytes) -> None:
        reader = _Reader(text)
        self._points: _Array | None = None
        self._ids: _Array = []
        self._payloads: _Array = []
        self._vectors: dict[str, _Array] = {}
        if reader.passes(_BATCH):
            self._read_columns(reader)
        else:
            reader.take(_POINTS)
            self._points = reader.array()
        self.beside = parse(models.PointInsertOperations, reader.beside(), forgiving=True)
        """The upsert without its points."""

    def _read_columns(self, reader: _Reader) -> None:
        while True:
            match reader.take(_KEY):
                case "ids":
                    reader.take(_ARRAY)
                    self._ids = reader.array()
                case "payloads":
                    reader.take(_ARRAY)
                    self._payloads = reader.array()
                case _ if reader.passes(_OBJECT):
                    self._read_names(reader)
                case _:
                    reader.take(_ARRAY)
                    self._vectors = {"": reader.array()}
            if not reader.passes(_COMMA):
                return

    def _read_names(self, reader: _Reader) -> None:
        while True:
            name = reader.take(_NAME)
            reader.take(_ARRAY)
            self._vectors[name] = reader.array()
            if not reader.passes(_COMMA):
                break
        reader.take(_END)

    def encode(self, fields: Mapping[str, VectorField]) -> PointBatch:
        """The points. Raises `MinidbError` for what is wrong, or to be seen with the others."""
        if self._points is not None:
            return encoded_pieces(fields, (_points(values()) for values in self._points))
        ids = [point_id for values in self._ids for point_id in ids_of(_parsed(_IDS, values()))]
        payloads = [packed for values in self._payloads for packed in pack_payloads(_parsed(_PAYLOADS, values()))]
        columns = [_column(dict(fields), name, vectors) for name, vectors in self._vectors.items()]
        lengths = {len(ids), len(payloads or ids), *(len(column.positions) for column in columns)}
        if len(lengths) > 1 or not columns:
            raise Unusual("columns of different lengths")
        return PointBatch(ids, payloads or [NO_PAYLOAD] * len(ids), columns)


def _points(values: list[Any]) -> list[models.PointStruct]:
    points: list[models.PointStruct] = parse(models.PointInsertOperations, {"points": values}, forgiving=True).points
    return points


def encoded_pieces(fields: Mapping[str, VectorField], pieces: Iterable[list[models.PointStruct]]) -> PointBatch:
    """Points, of which a few at a time are there. Raises `MinidbError` for what is wrong, or to be seen together."""

    def encode(points: list[models.PointStruct]) -> PointBatch:
        return encode_points(dict(fields), _without_inference(points))

    return joined(map(encode, pieces))  # a loop's variable would keep a piece while the next one is read


def _column(fields: dict[str, VectorField], name: str, vectors: _Array) -> FieldColumn:
    batches = []
    for values in vectors:
        some = _without_inference(_parsed(BatchColumn, values()))
        numbered = models.Batch.model_construct(ids=list(range(len(some))), vectors={name: some}, payloads=None)
        batches.append(encode_batch(fields, numbered))
    (column,) = joined(batches).columns
    return column


def _parsed(type_: Any, values: list[Any]) -> Any:
    return parse(type_, values, forgiving=True)


def _without_inference(values: list[T]) -> list[T]:
    if contains(values):
        raise Unusual("all inference of a request is done together")
    return values


class Unusual(FormatError):
    """A text that is not read in pieces; nobody is shown this error."""


class _Reader:
    """JSON, looked through from front to back."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        self._passed: list[bytes] = []

    def take(self, pattern: re.Pattern[bytes]) -> str:
        """Pass what stands here, and what its group is, if it has one. Raises `Unusual` when it is something else."""
        found = pattern.match(self._text, self._at)
        if found is None:
            raise Unusual("not of this form")
        self._passed.append(found[0])
        self._at = found.end()
        return found[pattern.groups].decode()

    def passes(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether it stands here; then it is passed."""
        is_there = pattern.match(self._text, self._at) is not None
        if is_there:
            self.take(pattern)
        return is_there

    def array(self) -> _Array:
        """An array whose bracket was passed, in pieces. Raises `Unusual` when one finds no ends of its items."""
        marks, pieces, sign = _Marks(self._text, self._at), [], b","
        while sign == b",":
            pieces.append(self._piece(marks))
            sign = self._text[self._at - 1 : self._at]
        self._passed.append(sign)
        return pieces

    def _piece(self, marks: _Marks) -> Callable[[], list[Any]]:
        """Items up to where the array may be cut. That they are whole is known by reading them: what is no text of a
        list of values ends within one.
        """
        for stop in marks.near(self._at):
            piece = partial(_items, self._text, self._at, stop)
            with suppress(FormatError):
                piece()
                self._at = stop + 1
                return piece
        raise Unusual("no end of an item was found")

    def beside(self) -> Any:
        """The whole value, its arrays being empty."""
        rest = self._text[self._at :]
        names = re.findall(rb'"[^"]*"', b"".join(self._passed))
        if b"\\" in rest or len(set(names)) < len(names) or any(name in rest for name in names):
            raise Unusual("of a name that comes twice the last one counts")
        return loads(b"".join((*self._passed, rest)))


def _items(text: bytes, start: int, stop: int) -> list[Any]:
    """Some items of an array. Raises `FormatError` when they are none, or do not end there."""
    lists = loads(b"[[" + text[start:stop] + b"]]")  # as deep as they are in the whole text
    if len(lists) != 1 or not lists[0]:
        raise Unusual("nothing between two commas is no JSON")
    return lists[0]  # type: ignore[no-any-return]


class _Marks:
    """Where items of an array may end, by what its first one begins with."""

    def __init__(self, text: bytes, at: int) -> None:
        self._text = text
        opening, closing = _FIRST.get(text[at : at + 1], (b"", b""))
        if opening == rb"\[":
            n = _BRACKETS.match(text, at)[0].count(b"[")  # type: ignore[index]
            opening, closing = rb"\[\s*" * n, rb"\]\s*" * n
        keys = _KEYS.match(text, at)
        if keys is not None:
            opening = rb"\{\s*%b\s*:\s*%b\s*%b" % (re.escape(keys[1]), _SCALAR, re.escape(keys[2]))
        self._comma = re.compile(closing + rb"\s*(,)\s*" + opening)
        self._bracket = re.compile(closing + rb"\s*(\])")
        self._of_objects = opening.startswith(rb"\{")

    def near(self, at: int) -> Iterator[int]:
        """Commas a piece behind `at`, then brackets."""
        first = stop = min(len(self._text), at + _MOST_BYTES)
        for found in islice(self._comma.finditer(self._text, at + _PIECE_BYTES, stop), _MOST_TRIES):
            first = min(first, found.end())
            yield found.start(1)
        if self._of_objects:  # which may hold lists of objects; hardly anything comes behind the last array
            yield from islice(self._backwards(at, stop), _MOST_TRIES)
            yield from islice(self._backwards(at, first), _MOST_TRIES)
        else:
            brackets = self._bracket.finditer(self._text, at, stop)
            yield from (found.start(1) for found in islice(brackets, _MOST_TRIES))

    def _backwards(self, at: int, stop: int) -> Iterator[int]:
        while (stop := self._text.rfind(b"]", at, stop)) >= 0:
            yield stop
