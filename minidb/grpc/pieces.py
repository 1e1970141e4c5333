"""Large requests with points, read from their bytes piece by piece, as `rest.bodies` reads texts: a point of two
dimensions has 25 bytes, and takes 250 as a message of protobuf's, 1,000 as a model.
"""

from __future__ import annotations

from typing import Any

from minidb import models
from minidb.collection.encode import Fields
from minidb.collection.payload_json import pack_payloads
from minidb.database import Database
from minidb.errors import MinidbError
from minidb.grpc.descriptors import message_class
from minidb.grpc.read import read
from minidb.models.base import parse
from minidb.rest.bodies import ANY_POINT, LEAST_BYTES
from minidb.rest.json_text import NotInPieces
from minidb.rest.pieces import PointPieces, encoded, raise_faults

_REQUESTS: dict[str, Any] = {"UpsertPoints": models.PointsList, "UpdatePointVectors": models.UpdateVectors}
_PIECE_BYTES = 1 << 17
_POINTS = 3 << 3 | 2
"""How a point begins in a request: the number of the field, and that a length follows."""


class LargeRequest:
    """The bytes of a request with points, cut between them."""

    def __init__(self, request: str, message: bytes, ends: list[int], beside: bytes) -> None:
        self._request, self._message, self._ends = request, message, ends
        self.beside = beside
        """The request without its points."""

    def read(self, database: Database, collection: str) -> Any:
        """The request, its points encoded; None where it is to be read as a whole. Raises what is wrong with it,
        DecodeError among others.
        """
        fields = database.vector_fields(collection)
        try:
            pieces = self._pieces(fields)
        except NotInPieces:
            return None
        beside = self._plain(self.beside) | {"points": [ANY_POINT] if pieces.n_points else []}
        faults = pieces.faults
        try:
            request = self._model(beside, 0)
        except MinidbError as fault:
            faults.append(fault)
        raise_faults(faults)
        return request.model_copy(update={"points": encoded(pieces, fields, self._pieces)})

    def _plain(self, some: bytes) -> Any:
        return read(self._request, message_class(self._request).FromString(some))

    def _model(self, request: dict[str, Any], n_before: int) -> Any:
        return parse(_REQUESTS[self._request], request, starts=(n_before,))

    def _pieces(self, fields: Fields) -> PointPieces:
        is_upsert = self._request == "UpsertPoints"
        pieces = PointPieces(fields, self._model, pack_payloads, may_be_bare=is_upsert)
        malformed: MinidbError | None = None
        start = 0
        for end in self._ends:
            try:
                values = self._plain(self._message[start:end])["points"]
                if malformed is None:
                    pieces.add(values)
            except NotInPieces:  # all of it is read once more
                raise
            except MinidbError as error:  # told of when all that follows has been decoded
                malformed = malformed or error
            start = end
        if malformed is not None:
            raise malformed
        return pieces


def large_request(request: str, message: bytes) -> LargeRequest | None:
    """A request's bytes in pieces; None where they are read as a whole: of another request, few, or not as expected."""
    if request not in _REQUESTS or len(message) < LEAST_BYTES:
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
    return LargeRequest(request, message, [*ends, at], b"".join(beside)) if at == len(message) else None


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
