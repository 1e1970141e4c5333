"""JSON in and out: strict reading; writing with 32-bit floats in their shortest form, as Qdrant writes them."""

from __future__ import annotations

import re
from mmap import mmap
from typing import Any

import numpy as np
import orjson
from pydantic import BaseModel

from minidb.errors import FormatError
from minidb.models.results import (
    PointGroup,
    Record,
    Result,
    ScoredPoint,
    SearchMatrixOffsetsResponse,
    SearchMatrixPair,
)
from minidb.models.vectors import SparseVector

_MAX_DEPTH = 128
"""Qdrant's, by its JSON reader: what is nested deeper is no request, and would be too deep for `dumps`."""
_BYTES_PER_BYTE = 16  # points of two dimensions without payload take 11
_BYTES_FREE = 4 << 20
"""What a body's values may take in memory, estimated before they are made: per byte of text, and in any case."""
_SMALL = 1 << 12
"""Bytes of a text below which an array is no gain."""
_STRING = re.compile(rb'"[^"]*"')
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))


def loads(body: bytes | mmap, depth: int | None = None) -> Any:
    """The value of a JSON text.

    Args:
        depth: how deep it is nested, if that is known.

    Raises:
        FormatError: it is none, or not UTF-8, nested too deeply, or has NaN, infinities or lone surrogates.
    """
    if not len(body):
        raise FormatError("EOF while parsing a value at line 1 column 0")
    text = bytes(body)
    n_lists, n_objects, estimate = _counted(text)
    if estimate > _allowed(text) and _counted(_structure(text))[2] > _allowed(text):
        raise FormatError(f"too many arrays, objects and values for a body of {len(text)} bytes; send it in parts")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FormatError(str(error)) from None
    if depth is None:
        depth = 0 if n_lists + n_objects <= _MAX_DEPTH else _depth(text)
    if depth > _MAX_DEPTH:
        raise FormatError(f"recursion limit exceeded: nested more than {_MAX_DEPTH} deep")
    return value


def _allowed(text: bytes) -> int:
    return _BYTES_PER_BYTE * len(text) + _BYTES_FREE


def _counted(text: bytes) -> tuple[int, int, int]:
    """Opening brackets and braces, and bytes that Python's lists (with their places) and dicts will take."""
    if len(text) < _SMALL:
        lists, objects, commas = text.count(b"["), text.count(b"{"), text.count(b",")
    else:  # seven times as fast where commas are dense
        characters = np.frombuffer(text, np.uint8)
        lists, objects, commas = (int(np.count_nonzero(characters == ord(sign))) for sign in "[{,")
    return lists, objects, 64 * lists + 184 * objects + 8 * commas


def _structure(text: bytes) -> bytes:
    """A JSON text without what stands in its strings. No regular expression: it would make an object of every piece."""
    characters = np.frombuffer(text.replace(rb"\\", b"").replace(rb"\"", b""), np.uint8)
    outside = np.cumsum(characters == ord('"'), dtype=np.uint8) & 1 == 0
    return bytes(characters[outside])


def _depth(text: bytes) -> int:
    """How deep arrays and objects of a JSON text are nested: brackets counted, those in strings left out."""
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    characters = np.frombuffer(text, np.uint8)
    few = bytes(characters[(characters >= ord("[")) | (characters == ord('"'))])  # neither digits nor commas
    brackets = _STRING.sub(b"", few.translate(None, _ALL_BUT_BRACKETS))
    steps = (np.frombuffer(brackets, np.uint8) & 2).astype(np.int8) - 1  # the bit is set in [ and {, not in ] and }
    return int(np.cumsum(steps).max(initial=0))


def dumps(value: Any) -> bytes:
    """JSON text of plain values, models and results; fields that are None are left out of points, groups and models."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    if isinstance(value, ScoredPoint):
        return {"id": value.id, "version": value.version, "score": np.float32(value.score), **_optional(value)}
    if isinstance(value, Record):
        return {"id": value.id, **_optional(value)}
    if isinstance(value, PointGroup):
        lookup = {} if value.lookup is None else {"lookup": value.lookup}
        return {"hits": value.hits, "id": value.id, **lookup}
    if isinstance(value, SearchMatrixPair):
        return {"a": value.a, "b": value.b, "score": np.float32(value.score)}
    if isinstance(value, SearchMatrixOffsetsResponse):
        return {**dict(value), "scores": np.asarray(value.scores, np.float32)}
    if isinstance(value, Result):
        return dict(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _optional(point: Record | ScoredPoint) -> dict[str, Any]:
    fields = {"payload": point.payload, "shard_key": point.shard_key, "order_value": point.order_value}
    if point.vector is not None:
        vector = point.vector
        fields["vector"] = (
            {name: _floats(part) for name, part in vector.items()} if isinstance(vector, dict) else _floats(vector)
        )
    return {name: entry for name, entry in fields.items() if entry is not None}


def _floats(vector: Any) -> Any:
    """A vector as arrays of 32-bit floats."""
    if isinstance(vector, SparseVector):
        return {"indices": list(vector.indices), "values": np.asarray(vector.values, np.float32)}
    return np.ascontiguousarray(vector, np.float32)
