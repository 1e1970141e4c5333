"""The format of a snapshot file: a magic line, then frames, each with its length and CRC-32.

    "minidb snapshot\\n"  (length u32, crc32 u32, msgpack)*     little endian

    ["store", {format, minidb, created_at, collections, aliases}]
    ["collection", name, configuration, operations, version of the configuration]      for each collection,
    ["points", records, dense, counts, sparse]                                         followed by its points
    ["end"]

Points are as they are stored (`collection/chunks.py`): what is read back is the same bit for bit. A file is read as if
an enemy had written it: nothing in it names a path, and everything is checked before it reaches a table.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Generator, Iterable
from datetime import datetime, timezone
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import msgpack
import numpy as np
from numpy.typing import NDArray

import minidb
from minidb.collection.chunks import Chunk
from minidb.collection.config import StoredConfig
from minidb.collection.fields import VectorField
from minidb.collection.payload_json import check_json, pack_payload
from minidb.errors import BadInput, MinidbError, ServiceError
from minidb.models import normalize_id
from minidb.storage.checksum import first_bad_row, stride_of
from minidb.storage.records import Record, pack_record, unpack_payload, unpack_record, unpack_sparse
from minidb.system import files

FORMAT = 1
_MAGIC = b"minidb snapshot\n"
_FRAME = struct.Struct("<II")
_MAX_FRAME_BYTES = 1 << 30
_MAX_CONTAINERS = 100_000
"""Of a frame, whose points have none; a vector name has one or two."""
_MAX_COUNT = 1 << 53
"""Of operations: far from where counting on would leave 64 bits."""


def write(path: Path, frames: Iterable[Any]) -> str:
    """Write a file; its SHA-256 in hexadecimal. Raises `ServiceError` for a point too large for a frame."""
    digest = hashlib.sha256(_MAGIC)
    with files.writing(path) as file:
        file.write(_MAGIC)
        for frame in frames:
            body = msgpack.packb(frame)
            if len(body) > _MAX_FRAME_BYTES:
                raise ServiceError(f"a point is larger than a snapshot can hold ({_MAX_FRAME_BYTES} bytes)")
            head = _FRAME.pack(len(body), crc32(body))
            file.write(head)
            file.write(body)
            digest.update(head)
            digest.update(body)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal. Raises `BadInput` when it cannot be read."""
    with _opened(path) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read(path: Path) -> Generator[list[Any], None, None]:
    """The frames of a file but for the last; who stops before it closes this.

    Raises `BadInput` where the file is damaged, cut short or none of minidb's.
    """
    with _opened(path) as file:
        n_bytes = file.seek(0, SEEK_END)
        file.seek(0)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadInput("the file is no snapshot of minidb (snapshots of Qdrant cannot be read: migrate instead)")
        while True:
            head = file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                raise damaged("it is cut short")
            length, checksum = _FRAME.unpack(head)
            is_there = length <= min(_MAX_FRAME_BYTES, n_bytes - file.tell())  # else a gigabyte would be asked for it
            body = file.read(length) if is_there else b""
            if len(body) != length or crc32(body) != checksum:
                raise damaged("a part does not match its checksum")
            try:
                frame = _unpacked(body)
            except (ValueError, TypeError, msgpack.UnpackException, RecursionError):
                raise damaged("a part cannot be read") from None
            if not isinstance(frame, list) or not frame:
                raise damaged("a part has no kind")
            if frame == ["end"]:
                if file.read(1):
                    raise damaged("it goes on behind its end")
                return
            yield frame


def _unpacked(body: bytes) -> Any:
    """What a frame holds. Raises ValueError for very many lists and maps: of a byte each, they take 64 in memory."""
    left = _MAX_CONTAINERS

    def counted(value: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError
        return value

    return msgpack.unpackb(body, strict_map_key=False, list_hook=counted, object_hook=counted)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:
        raise BadInput(f"Snapshot file {path} cannot be read: {error}") from None


def damaged(why: str) -> BadInput:
    return BadInput(f"the snapshot is damaged: {why}")


def store_frame(collections: Iterable[str], aliases: dict[str, str]) -> list[Any]:
    """The first frame: names and aliases of what follows."""
    now = datetime.now(timezone.utc).isoformat()
    about = {"format": FORMAT, "minidb": minidb.__version__, "created_at": now}
    return ["store", {**about, "collections": list(collections), "aliases": aliases}]


def checked_store(frame: list[Any]) -> tuple[list[str], dict[str, str]]:
    """Names of collections, in their order, and aliases with their targets, of the first frame."""
    match frame:
        case ["store", {"format": int(number)}] if number > FORMAT:
            raise BadInput(f"the snapshot has format {number}, this minidb reads up to {FORMAT}")
        case ["store", {"format": int(number), "collections": list(names), "aliases": dict(aliases)}] if number > 0:
            if not all(isinstance(text, str) for text in (*names, *aliases, *aliases.values())):
                raise damaged("a name is no text")
            if len(set(names)) < len(names):
                raise damaged("a collection is there twice")
            return names, aliases
    raise damaged("its first part does not say what it holds")


def checked_collection(frame: list[Any]) -> tuple[str, StoredConfig, int, int]:
    """Name, configuration, operations and version of the configuration of a frame, every value checked."""
    match frame:
        case [_, str(name), bytes(packed), int(seq), int(version)]:
            if not 0 <= seq < _MAX_COUNT or not 0 <= version < _MAX_COUNT:
                raise damaged(f"the counters of collection `{name}`")
            try:
                config = StoredConfig.unpack(packed, is_foreign=True)
                config.check()
                config.pack()
            except (MinidbError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise damaged(f"the configuration of collection `{name}`: {error}") from None
            return name, config, int(seq), int(version)
    raise damaged("a collection is not described as it should be")


def points_frame(chunk: Chunk) -> list[Any]:
    """A chunk as a frame."""
    return [
        "points",
        chunk.records,
        {slot: rows.tobytes() for slot, rows in chunk.dense.items()},
        {slot: counts.astype("<i8").tobytes() for slot, counts in chunk.counts.items()},
        chunk.sparse,
    ]


def checked_chunk(
    frame: list[Any], fields: Iterable[VectorField], next_slot: int, seq: int, known_ids: set[int | str]
) -> Chunk:
    """The chunk of a frame, every value of it checked; its ids are added to `known_ids`.

    Args:
        next_slot: records may still name slots below it of vectors that were removed; nothing is there for those.
        seq: operations of the collection; points are of one of them.
    """
    try:
        _, packed, dense, counts, sparse = frame
        records = [unpack_record(data) for data in packed]
        chunk = Chunk([_checked_record(record, seq, known_ids) for record in records], unpacked=records)
        if any(record.slots >> next_slot for record in records):
            raise damaged("points have vectors the collection does not know")
        for field in fields:
            n_having = sum(record.slots >> field.slot & 1 for record in records)
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
    except BadInput:
        raise
    except (
        TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError, AssertionError, RecursionError,
        msgpack.UnpackException,
    ) as error:  # fmt: skip
        raise damaged(f"{type(error).__name__} in a part with points") from None
    return chunk


def _checked_record(record: Record, seq: int, known_ids: set[int | str]) -> bytes:
    point_id = normalize_id(record.id)
    if point_id in known_ids:
        raise damaged(f"point {point_id} is there twice")
    known_ids.add(point_id)
    if type(record.version) is not int or not 0 <= record.version < seq or record.slots < 0:
        raise damaged(f"the record of point {point_id}")
    payload = unpack_payload(record.payload)
    if not isinstance(payload, dict):
        raise damaged(f"the payload of point {point_id}")
    check_json(payload, "payload")  # nothing is converted here: minidb has written it as it is stored
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
