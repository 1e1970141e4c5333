"""The format of a snapshot file: a magic line, then frames, each with its length and CRC-32.

    "minidb snapshot\\n"  (length u32, crc32 u32, msgpack)*     little endian

    ["store", {format, minidb, created_at, aliases}]
    ["collection", name, configuration, operations, version of the configuration]      for each collection,
    ["points", records, dense, counts, sparse]                                         followed by its points
    ["end", number of collections]

Points are as they are stored (`collection/chunks.py`): what is read back is the same bit for bit. A file is read as if
an enemy had written it: nothing in it names a path, and everything is checked before it reaches a table.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.collection.chunks import Chunk
from minidb.collection.encode import pack_payload
from minidb.collection.fields import VectorField
from minidb.errors import BadInput
from minidb.models import normalize_id
from minidb.storage.checksum import first_bad_row, stride_of
from minidb.storage.records import Record, pack_record, unpack_payload, unpack_record, unpack_sparse

FORMAT = 1
_MAGIC = b"minidb snapshot\n"
_FRAME = struct.Struct("<II")
_MAX_FRAME_BYTES = 1 << 30


def write(path: Path, frames: Iterable[Any]) -> str:
    """Write a file that appears whole or not at all; its SHA-256 in hexadecimal."""
    part, digest = path.with_suffix(".part"), hashlib.sha256(_MAGIC)
    try:
        with open(part, "wb") as file:
            file.write(_MAGIC)
            for frame in frames:
                body = msgpack.packb(frame)
                head = _FRAME.pack(len(body), crc32(body))
                file.write(head)
                file.write(body)
                digest.update(head)
                digest.update(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read(path: Path) -> Iterator[list[Any]]:
    """The frames of a file. Raises `BadInput` where it is damaged, cut short or no snapshot of minidb."""
    with open(path, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadInput("the file is no snapshot of minidb (snapshots of Qdrant cannot be read: migrate instead)")
        while True:
            head = file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                raise damaged("it is cut short")
            length, checksum = _FRAME.unpack(head)
            body = file.read(length) if length <= _MAX_FRAME_BYTES else b""
            if len(body) != length or crc32(body) != checksum:
                raise damaged("a part does not match its checksum")
            try:
                frame = msgpack.unpackb(body, strict_map_key=False)
            except (ValueError, msgpack.UnpackException, RecursionError):
                raise damaged("a part cannot be read") from None
            if not isinstance(frame, list) or not frame:
                raise damaged("a part has no kind")
            yield frame
            if frame[0] == "end":
                return


def damaged(why: str) -> BadInput:
    return BadInput(f"the snapshot is damaged: {why}")


def points_frame(chunk: Chunk) -> list[Any]:
    """A chunk as a frame."""
    return [
        "points",
        chunk.records,
        {slot: rows.tobytes() for slot, rows in chunk.dense.items()},
        {slot: counts.astype("<i8").tobytes() for slot, counts in chunk.counts.items()},
        chunk.sparse,
    ]


def checked_chunk(frame: list[Any], fields: Iterable[VectorField], known_ids: set[int | str]) -> Chunk:
    """The chunk of a frame, every value of it checked; its ids are added to `known_ids`."""
    try:
        _, packed, dense, counts, sparse = frame
        records = [unpack_record(data) for data in packed]
        chunk = Chunk([_checked_record(record, known_ids) for record in records])
        rest = 0
        for record in records:
            rest |= record.slots
        for field in fields:
            n_having = sum(record.slots >> field.slot & 1 for record in records)
            rest &= ~(1 << field.slot)
            if field.kind == "sparse":
                chunk.sparse[field.slot] = [_checked_sparse(data) for data in sparse.get(field.slot, [])]
                found = len(chunk.sparse[field.slot])
            else:
                rows = _checked_rows(field, dense.get(field.slot, b""))
                chunk.dense[field.slot] = rows
                found = len(rows)
                if field.kind == "multi":
                    tokens = np.frombuffer(counts.get(field.slot, b""), "<i8").astype(np.int64)
                    if (tokens < 1).any() or (tokens > len(rows)).any() or int(tokens.sum()) != len(rows):
                        raise damaged("the tokens of multivectors do not add up")
                    chunk.counts[field.slot] = tokens
                    found = len(tokens)
            if found != n_having:
                raise damaged(f"{found} vectors `{field.name}` for {n_having} points")
        if rest:
            raise damaged("points have vectors the collection does not know")
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError) as error:
        if isinstance(error, BadInput):
            raise
        raise damaged(f"{type(error).__name__} in a part with points") from None
    return chunk


def _checked_record(record: Record, known_ids: set[int | str]) -> bytes:
    point_id = normalize_id(record.id)
    if point_id in known_ids:
        raise damaged(f"point {point_id} is there twice")
    known_ids.add(point_id)
    if not isinstance(record.version, int) or record.version < 0 or record.slots < 0:
        raise damaged(f"the record of point {point_id}")
    payload = unpack_payload(record.payload)
    if not isinstance(payload, dict):
        raise damaged(f"the payload of point {point_id}")
    return pack_record(point_id, record.version, record.slots, pack_payload(payload))


def _checked_rows(field: VectorField, data: bytes) -> NDArray[np.uint8]:
    """Sealed rows `(n, stride) uint8`, with checksums that match and numbers that are finite."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, stride_of(field.row_bytes))
    if first_bad_row(rows) is not None or not np.isfinite(field.decode(rows)).all():
        raise damaged(f"a vector `{field.name}`")
    return rows


def _checked_sparse(data: bytes) -> bytes:
    if not isinstance(data, bytes) or len(data) % 8:
        raise damaged("a sparse vector")
    indices, values = unpack_sparse(data)
    if not np.isfinite(values).all() or (indices[1:] <= indices[:-1]).any():
        raise damaged("a sparse vector")
    return data
