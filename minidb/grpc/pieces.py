"""Large upserts, read from their bytes piece by piece, as `rest.pieces` reads texts: a point of two dimensions has 25
bytes, and takes 250 as a message of protobuf's, 1,000 as a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from minidb import models
from minidb.collection.encode import PointBatch
from minidb.collection.fields import VectorField
from minidb.database import Database
from minidb.errors import MinidbError
from minidb.grpc.descriptors import message_class
from minidb.grpc.read import read
from minidb.models.base import parse
from minidb.rest import pieces

_REQUEST = "UpsertPoints"
_PIECE_BYTES = 1 << 17
_POINTS = 3 << 3 | 2
"""How a point begins in a request: the number of the field, and that a length follows."""


class LargeUpsert:
    """The bytes of an upsert, cut between its points."""

    def __init__(self, message: bytes, ends: list[int], beside: bytes) -> None:
        self._message, self._ends = message, ends
        self.beside = beside
        """The request without its points."""

    def read(self, database: Database, collection: str) -> models.PointsList | None:
        """The upsert, its points encoded; None where it is to be read as a whole."""
        try:
            beside = parse(models.PointsList, read(_REQUEST, message_class(_REQUEST).FromString(self.beside)))
        except MinidbError:
            return None
        return pieces.encoded(database, collection, self._encode, beside)

    def _encode(self, fields: Mapping[str, VectorField]) -> PointBatch:
        return pieces.encoded_pieces(fields, self._points())

    def _points(self) -> Iterator[list[models.PointStruct]]:
        start = 0
        for end in self._ends:
            some = message_class(_REQUEST).FromString(self._message[start:end])
            yield parse(models.PointsList, read(_REQUEST, some)).points
            start = end


def large_upsert(request: str, message: bytes) -> LargeUpsert | None:
    """A request's bytes in pieces; None where they are read as a whole: of another request, few, or not as expected."""
    if request != _REQUEST or len(message) < pieces.LEAST_BYTES:
        return None
    beside: list[bytes] = []
    ends: list[int] = []
    at = 0
    try:
        while at < len(message):
            start, is_point = at, message[at] == _POINTS
            at = _end_of_field(message, at)
            if not is_point:
                beside.append(message[start:at])
            if at - (ends[-1] if ends else 0) >= _PIECE_BYTES:
                ends.append(at)
    except (IndexError, ValueError):
        return None
    return LargeUpsert(message, [*ends, at], b"".join(beside)) if at == len(message) else None


def _end_of_field(message: bytes, at: int) -> int:
    """Where the field that begins here ends. Raises IndexError or ValueError when it does not."""
    tag, at = _number(message, at)
    match tag & 7:
        case 0:
            return _number(message, at)[1]
        case 1:
            return at + 8
        case 2:
            length, at = _number(message, at)
            return at + length
        case 5:
            return at + 4
    raise ValueError(f"a field of kind {tag & 7}")


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of as many bytes as it needs, and where it ends."""
    value = shift = 0
    while (byte := message[at]) & 128:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
    return value | byte << shift, at + 1
